"""Gradients as optimizers take them: which one belongs to which variable, and whether it fits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import is_array
from autograd.boundary import require_same_library
from autograd.numpy import asarray

from ..core.collection import VarCollection
from ..core.scope import read_all
from ..core.variable import BaseVar, StateVar, TrainRef, TrainVar, referred, unconstrained
from ..typing import ArrayLike
from ..util.convert import to_inexact

__all__ = ["Gradients", "fitting", "unpacked"]

Gradients: TypeAlias = Iterable[ArrayLike] | Mapping[str, ArrayLike] | Mapping[BaseVar, ArrayLike]
"""A gradient for each variable: in their order, by the names of the variables, or by the variables themselves."""


def fitting(
    gradients: Any, refs: Sequence[TrainRef], names: Sequence[Sequence[str]], where: str, conjugated: bool = True
) -> list[Array]:
    """A gradient for each variable, in its dtype; all are checked before one is used.

    Args:
        gradients: As the caller gave them.
        refs, names: The variables, and all names of each.
        where: Who asks, for the errors.
        conjugated: Whether to conjugate that of a complex variable, so that it points in the direction of the steepest
            ascent.

    Returns:
        The gradients in the order of the variables.
    """
    if type(gradients) is not list:
        gradients = _listed(gradients, refs, names, where)
    if len(gradients) != len(refs):
        _require_trained(refs, names, where)
        _require_flat(gradients, where)
        raise ValueError(
            f"{where}: expected as many gradients as trainable variables, got {len(gradients)} for {len(refs)}."
        )
    for p in refs:
        if not isinstance(p.ref, TrainVar):
            _require_trained(refs, names, where)
    values = read_all([p.ref for p in refs])
    if _all_fit(gradients, values):
        return [*gradients]
    return [
        g if _fits(g, old) else _fitting(i, g, old, names, where, conjugated)
        for i, (g, old) in enumerate(zip(gradients, values, strict=True))
    ]


def unpacked(gradients: Any, where: str) -> tuple[list[Array], Callable[[list[Array]], Any]]:
    """Gradients of any variables as a list, integers as floating-point numbers, and a function that puts such a list
    into the form of the caller's.

    Args:
        gradients: A list of gradients, or a dictionary of them.
        where: Who asks, for the errors.
    """
    if isinstance(gradients, Mapping) and not isinstance(gradients, VarCollection):
        keys = [*gradients.keys()]
        arrays = [_as_gradient(g, i, where) for i, g in enumerate(gradients.values())]
        return arrays, lambda new: dict(zip(keys, new, strict=True))
    if type(gradients) is not list:
        gradients = _listed(gradients, (), (), where)
    return [_as_gradient(g, i, where) for i, g in enumerate(gradients)], list


def _as_gradient(g, i, where):
    g = g if isinstance(g, Array) and not isinstance(g, BaseVar) else _array(g, i, where)
    return to_inexact(g)


def _all_fit(gradients, values):
    """Whether all gradients can be used as they are; the quick check for NumPy arrays."""
    if {*map(type, gradients), *map(type, values)} != {Array}:
        return False
    new, old = [g._value for g in gradients], [x._value for x in values]
    if {*map(type, new), *map(type, old)} != {onp.ndarray} or [x.shape for x in new] != [x.shape for x in old]:
        return False
    dtypes = [x.dtype for x in old]
    return [x.dtype for x in new] == dtypes and all(dtype.kind != "c" for dtype in set(dtypes))


def _fits(g, old):
    """Whether a gradient can be used as it is; the quick check for what `Grad` gives."""
    if not (type(g) is type(old) is Array):
        return False
    x, y = g._value, old._value
    if type(x) is not type(y) or (type(x) is not onp.ndarray and x.device != y.device):
        return False
    return x.shape == y.shape and x.dtype == y.dtype and y.dtype.kind != "c"


def _fitting(i, g, old, names, where, conjugated):
    if not isinstance(g, Array) or isinstance(g, BaseVar):
        g = _array(g, i, where)
    if g.shape != old.shape:
        raise ValueError(
            f"{where}: expected gradient {i} of shape {old.shape}, got {g.shape}. It is that of {names[i][0]}."
        )
    if g.dtype != old.dtype:
        if g.dtype.kind == "c" and old.dtype.kind != "c":
            raise TypeError(f"{where}: expected gradient {i} of real numbers, got {g.dtype}. Write g.real.")
        g = asarray(g, old.dtype)
    require_same_library(g, old, f"{where}: gradient {i}")
    return jn.conj(g) if conjugated and old.dtype.kind == "c" else g


def _array(g, i, where):
    """A gradient that is no Array as one."""
    _require_flat([g], where)
    if isinstance(g, BaseVar) and not isinstance(g, StateVar):
        raise TypeError(
            f"{where}: expected gradients, got variables: gradient {i} is a {type(g).__name__}. "
            "Pass what Grad returned."
        )
    if is_array(g):
        return Array(g)  # on its own device
    try:
        return jn.asarray(g)
    except (TypeError, ValueError):
        raise TypeError(f"{where}: expected gradient {i} as an array, got {type(g).__name__}.") from None


def _listed(gradients, refs, names, where):
    """Gradients that are no list as one, in the order of the variables."""
    if isinstance(gradients, VarCollection):
        raise TypeError(
            f"{where}: expected gradients, got a VarCollection. Pass what Grad returned; of states that hold "
            "gradients, pass vc.tensors()."
        )
    if isinstance(gradients, Mapping):
        return _by_key(gradients, refs, names, where)
    if isinstance(gradients, Array) or is_array(gradients):
        raise TypeError(f"{where}: expected a list of gradients, got one array. Write [g].")
    if isinstance(gradients, str) or not isinstance(gradients, Iterable):
        raise TypeError(
            f"{where}: expected a list of gradients, got {type(gradients).__name__}. Pass what Grad returned."
        )
    return list(gradients)


def _by_key(gradients, refs, names, where):
    _require_trained(refs, names, where)
    positions: dict[Any, int] = {name: i for i, known in enumerate(names) for name in known}
    positions |= {p.ref: i for i, p in enumerate(refs)}
    found: dict[int, Any] = {}
    for key, g in gradients.items():
        i = positions.get(unconstrained(referred(key)))
        shown = repr(key) if isinstance(key, str) else f"a {type(key).__name__} of shape {getattr(key, 'shape', None)}"
        if i is None:
            raise ValueError(f"{where}: expected gradients of its own variables, got one for {shown}. Leave it out.")
        if found.setdefault(i, g) is not g:
            raise ValueError(f"{where}: expected one gradient for each variable, got a second one for {names[i][0]}.")
    missing = [known[0] for i, known in enumerate(names) if i not in found]
    if missing:
        raise ValueError(
            f"{where}: expected a gradient for each variable, got none for {', '.join(missing[:3])}. "
            "Make an optimizer of the others, or pass zeros."
        )
    return [found[i] for i in range(len(refs))]


def _require_flat(gradients, where):
    """Refuses a structure in the place of a gradient: of GradValues' result, the first part has the gradients."""
    for g in gradients:
        arrays = g.values() if isinstance(g, dict) and not isinstance(g, VarCollection) else g
        if isinstance(g, list | tuple | dict) and any(isinstance(x, Array) or is_array(x) for x in arrays):
            raise TypeError(
                f"{where}: expected a list of gradients, got one that holds a {type(g).__name__} of arrays. GradValues "
                "returns gradients and outputs: write g, v = gradients(x), then pass g."
            )


def _require_trained(refs, names, where):
    frozen = [known[0] for p, known in zip(refs, names, strict=True) if not isinstance(p.ref, TrainVar)]
    if frozen:
        raise ValueError(
            f"{where}: {', '.join(frozen[:3])} was frozen after this optimizer was made. Make gradient modules and "
            "optimizers after freeze()."
        )
