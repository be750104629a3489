"""Weights that other libraries trained: their names and layouts as those of our layers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as onp

from autograd import Array
from autograd.backend import CPU, is_cupy
from autograd.dtypes import is_inexact

from ..core.collection import assign_all, names_of
from ..core.module import Module, parts, walk
from ..core.random_state import RandomState
from ..core.scope import at_once
from ..core.variable import BaseVar, TrainRef
from .collection import Loaded
from .conventions import PYTORCH, Convention
from .formats import read_safetensors

__all__ = ["State", "load_state_dict", "load_weights"]

State: TypeAlias = Mapping[str, Any] | str | os.PathLike[str]
"""{name: array or tensor}, or the path of a .safetensors or .npz file of such names."""


def load_state_dict(
    module: Module, state: State, renamer: Callable[[str], str | None] | None = None, strict: bool = True
) -> Loaded:
    """Assigns the values of a `state_dict` of PyTorch to the variables of a module.

    They are assigned to all variables or, if something is wrong, to none. A variable gets the value whose name says the
    same way through the modules: `layers.0.weight` is for w or gamma of `net.layers[0]`. Weights of Linear,
    convolutions and recurrent layers are transposed, those of attention taken apart, the two biases of recurrent layers
    added. `num_batches_tracked` is left out. PyTorch's BatchNorm is one with eps=1e-5, momentum=0.9 here.

    Args:
        module: The module.
        state: {name: tensor or array}, or the path of a .safetensors file.
        renamer: A function, such as a `util.Renamer`, from names in the state to names of that form; None as its result
            leaves a value out.
        strict: False: variables without a value keep theirs, and values without a variable are ignored.

    Returns:
        What was found: printed, a table of the variables and values.

    Raises:
        ValueError: If a value has another shape or numbers that the variable cannot hold, or, if `strict`, a variable
            has no value or a value no variable.
        TypeError: If a value has another kind of dtype, or the file is of another kind.

    Example:
        >>> import numpy, cuobjax
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 2), cuobjax.functional.relu])
        >>> state = {"0.weight": numpy.ones((2, 3)), "0.bias": numpy.zeros(2)}
        >>> print(load_state_dict(net, state))
        (Sequential)[0](Linear).b  0.bias
        (Sequential)[0](Linear).w  0.weight
        >>> net[0].w.shape
        (3, 2)
    """
    return load_weights(module, state, PYTORCH, renamer, strict, "load_state_dict")


def load_weights(
    module: Module,
    state: State,
    convention: Convention,
    renamer: Callable[[str], str | None] | None,
    strict: bool,
    where: str,
) -> Loaded:
    """As `load_state_dict`, from a library of any convention; `where` is the name of the caller in errors."""
    if not isinstance(module, Module):
        raise TypeError(f"{where}: expected a module, got {type(module).__name__}.")
    stored = _joined(module, _renamed(_read(state, where), renamer, convention, where), convention, where)
    named = {v: names[0] for v, names in names_of(module.vars()).items()}
    found: dict[Any, tuple[str, str, Any]] = {}
    missing: list[str] = []
    for key, owner, attribute, variable in _places(module, convention):
        name = named.get(getattr(variable, "free", variable), key)
        if key in stored:
            found[variable] = name, key, _as_ours(stored[key][1], owner, attribute, convention)
        else:
            missing.append(name)
    used = {key for _, key, _ in found.values()}
    matched = {name: stored[key][0] for name, key, _ in found.values()}
    loaded = Loaded(matched, missing, [original for key, (original, _) in stored.items() if key not in used])
    if strict and (missing or loaded.unused):
        error = ValueError(
            f"{where}: expected a value for each variable and none else, but {len(missing)} variables have no value "
            f"and {len(loaded.unused)} values no variable. Rename with renamer=, or load what fits with strict=False."
        )
        error.add_note(str(loaded))
        raise error
    values = {variable: _fitting(array, variable, f"{where}: {key}") for variable, (_, key, array) in found.items()}
    at_once(assign_all, values)
    return loaded


def _places(module, convention):
    """The variables in a module, each once: (name by the convention, its module, attribute, variable)."""
    seen = set()
    for path, owner in walk(module):
        for place, part in parts(owner).items():
            if isinstance(part, BaseVar) and not isinstance(part, TrainRef | RandomState) and part not in seen:
                seen.add(part)
                attribute = place.strip(".[]'\"")
                yield _way(path, convention) + convention.names.get(attribute, attribute), owner, attribute, part


def _way(path, convention):
    """What the names of the values of a module at a path begin with."""
    steps = [step.strip("'\"") for step in re.findall(r"\w+|'[^']*'|\"[^\"]*\"", path) if step != "__wrapped__"]
    return "".join(step + convention.separator for step in steps)


def _renamed(state, renamer, convention, where):
    """The state as {new name: (name, array)}."""
    renamed = {}
    for name, array in state.items():
        new = name if renamer is None else renamer(name)
        if new is None or re.fullmatch(convention.ignored, new):
            continue
        if new in renamed:
            raise ValueError(f"{where}: expected new names that differ, got {new!r} again, for {name!r}.")
        renamed[new] = name, array
    return renamed


def _joined(module, stored, convention, where):
    """The state with one value for each of our variables, where the library has another number of them."""
    stored, used = dict(stored), set()
    for path, owner in walk(module):
        way = _way(path, convention)
        for kind, plan in convention.joined.items():
            for name, sources, make in plan(owner) if isinstance(owner, kind) else ():
                keys = [way + source for source in sources]
                if stored.keys() >= set(keys):
                    used.update(keys)
                    made = _made(make, [_on_host(stored[key][1]) for key in keys], f"{where}: {', '.join(keys)}")
                    stored[way + name] = " + ".join(stored[key][0] for key in keys), made
    return {key: value for key, value in stored.items() if key not in used}


def _made(make, arrays, where):
    try:
        return make(*arrays)
    except ValueError:
        got = " and ".join(str(x.shape) for x in arrays)
        raise ValueError(f"{where}: expected values in the shapes that PyTorch's layer has, got {got}.") from None


def _as_ours(array, owner, attribute, convention):
    """An array of the state as NumPy's, in our layout."""
    array = _on_host(array)
    kinds = [kind for kind in convention.layouts if isinstance(owner, kind)] if attribute == "w" else []
    return convention.layouts[kinds[0]](array) if kinds and array.ndim > 1 else array


def _on_host(x):
    if hasattr(x, "detach"):  # a tensor of PyTorch
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    raw = x.raw if isinstance(x, Array) else x
    return CPU.put(raw) if is_cupy(raw) else onp.asarray(raw)


def _fitting(array, variable, where):
    """An array as a value of a variable."""
    if [n for n in array.shape if n != 1] != [n for n in variable.shape if n != 1]:
        raise ValueError(f"{where}: expected a value of shape {variable.shape} in our layout, got {array.shape}.")
    if is_inexact(array.dtype) != is_inexact(variable.dtype):
        raise TypeError(f"{where}: expected a value of dtype {variable.dtype}, got {array.dtype}.")
    with onp.errstate(over="ignore"):  # raises below
        made = onp.array(array, variable.dtype, order="C").reshape(variable.shape)
    kept = onp.isfinite(made) | ~onp.isfinite(array) if is_inexact(made.dtype) else made == array
    if not kept.all():
        raise ValueError(f"{where}: expected numbers in the range of {variable.dtype}, got {array[~kept][0]}.")
    return variable.checked(made, where)


def _read(state, where):
    if isinstance(state, Mapping):
        return state
    path = os.fsdecode(state) if isinstance(state, str | os.PathLike) else ""
    if path.endswith(".safetensors"):
        with open(path, "rb") as file:
            return read_safetensors(file)
    if path.endswith(".npz"):
        with onp.load(path, allow_pickle=False) as archive:
            return dict(archive)
    raise TypeError(
        f"{where}: expected a dictionary or the path of a .safetensors or .npz file, got {state!r}. In PyTorch write "
        "safetensors.torch.save_file(net.state_dict(), 'net.safetensors')."
    )
