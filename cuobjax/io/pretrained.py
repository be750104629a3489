"""Weights of other libraries: their names and layouts as those of our layers, and back."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as onp

from autograd import Array
from autograd.backend import CPU, is_cupy
from autograd.dtypes import is_inexact

from ..core.collection import names_of
from ..core.module import Module, parts, walk
from ..core.random_state import RandomState
from ..core.variable import BaseVar, TrainRef, unconstrained
from ..typing import FileOrStr
from .collection import Loaded, assign_one_by_one, host_array, renamed, require_untraced, write_to
from .conventions import PYTORCH, Convention
from .formats import ENDINGS, Arrays, Stored, is_path, opened

__all__ = ["State", "load_state_dict", "load_weights", "save_state_dict", "state_dict"]

# Kinds of the numbers of a value, and of a variable that can hold them.
_HELD = {("real", "real"), ("real", "complex"), ("complex", "complex"), ("integer", "integer")}
_MOST = 3  # how many times larger than a variable the value is that holds it: three weights of attention in one

State: TypeAlias = Mapping[str, Any] | FileOrStr
"""{name: array or tensor}, or a file of such names."""


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
        state: {name: tensor or array}, or a file: what `torch.save` wrote of a `state_dict` (no code in it is run),
            .safetensors or .npz. Names of nested dictionaries are joined by dots: `model.0.weight`.
        renamer: A function, such as a `util.Renamer`, from names in the state to names of that form; None as its result
            leaves a value out.
        strict: False: variables without a value keep theirs, and values without a variable are ignored.

    Returns:
        What was found: printed, a table of the variables and values.

    Raises:
        ValueError: If a value has another shape or numbers that the variable cannot hold, or, if `strict`, a variable
            has no value or a value no variable; `DamagedFileError` if the file is damaged or of another kind.
        TypeError: If a value has another kind of dtype.

    Example:
        >>> import numpy, cuobjax
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 2), cuobjax.functional.relu])
        >>> state = {"0.weight": numpy.ones((2, 3)), "0.bias": numpy.zeros(2)}
        >>> print(load_state_dict(net, state))
        (Sequential)[0](Linear).b  0.bias
        (Sequential)[0](Linear).w  0.weight
        2 matched, 0 missing, 0 not used
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
    require_untraced(where)
    with _values(state, where) as values:
        kept = {
            new: values[name]
            for new, name in renamed(where, values, renamer).items()
            if not re.fullmatch(convention.ignored, new)
        }
        stored = _joined(module, kept, convention.joined, convention, where)
        named = {v: names[0] for v, names in names_of(module.vars()).items()}
        found: dict[BaseVar, Callable[[], onp.ndarray[Any, Any]]] = {}
        matched: dict[str, str] = {}
        missing: list[str] = []
        for key, owner, attribute, variable in _places(module, convention):
            name = named.get(unconstrained(variable), key)
            if key in stored:
                value = stored.pop(key)
                matched[name] = value.name
                label = f"{where}: {key}"
                found[variable] = functools.partial(_as_ours, value, owner, attribute, variable, convention, label)
            else:
                missing.append(name)
        loaded = Loaded(matched, missing, [value.name for value in stored.values()])
        if strict and (missing or loaded.unused):
            raise _incomplete(loaded, where)
        for read in found.values():  # all are read twice: nothing is assigned if one of them does not fit
            read()
        assign_one_by_one(found, lambda variable: found[variable]())
    return loaded


def _incomplete(loaded, where):
    error = ValueError(
        f"{where}: expected a value for each variable and none else, but {len(loaded.missing)} variables have no value "
        f"and {len(loaded.unused)} values no variable. Rename with renamer=, or load what fits with strict=False."
    )
    error.add_note(str(loaded))
    return error


def state_dict(module: Module) -> dict[str, onp.ndarray[Any, Any]]:
    """The values of a module's variables as the `state_dict` of a PyTorch module of the same layers: NumPy's arrays.

    Names and layouts are those that `load_state_dict` takes. PyTorch's recurrent layers have two biases: the second one
    is 0, but for n of a GRU. `num_batches_tracked` is left out; PyTorch does without it.

    Raises:
        TypeError: If `module` is no module.

    Example:
        >>> import cuobjax
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 2), cuobjax.functional.relu])
        >>> {name: x.shape for name, x in state_dict(net).items()}
        {'0.bias': (2,), '0.weight': (2, 3)}
    """
    return dict(_State(module, "state_dict"))


def save_state_dict(file: FileOrStr, module: Module) -> None:
    """Saves what `state_dict` gives, for PyTorch: one array after the other.

    Args:
        file: A path that ends with .pt, .pth or .bin, for `torch.load`, or with .safetensors or .npz; or a binary file
            (.npz). A file at a path is replaced when the new one is safe on the disk.
        module: The module.

    Raises:
        TypeError: If `module` is no module, or the format does not have a dtype.
        ValueError: If the path has another ending.
    """
    if is_path(file) and os.path.splitext(os.fsdecode(file))[1] not in ENDINGS:
        raise ValueError(f"save_state_dict: expected a path that ends with {', '.join(ENDINGS)}, got {file!r}.")
    write_to(file, _State(module, "save_state_dict"))


class _State(Arrays):
    """The variables of a module by the names and in the layouts of PyTorch."""

    def __init__(self, module: Module, where: str) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{where}: expected a module, got {type(module).__name__}.")
        require_untraced(where)
        own = {
            key: _Value(key, variable.shape, functools.partial(_as_theirs, owner, attribute, variable, PYTORCH))
            for key, owner, attribute, variable in _places(module, PYTORCH)
        }
        self._values = _joined(module, own, PYTORCH.parted, PYTORCH, where)
        made = ((key, value.read()) for key, value in self._values.items())
        self.stored = {key: Stored(x.shape, x.dtype.name) for key, x in made}

    def __getitem__(self, name: str) -> onp.ndarray[Any, Any]:
        return self._values[name].read()


class _Value(NamedTuple):
    """An array that is read when it is needed: its name, how large it is, and how it is read."""

    name: str
    shape: tuple[int, ...]
    read: Callable[[], onp.ndarray[Any, Any]]


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


def _joined(module, stored, plans, convention, where):
    """The values with those that plans make of others in their place."""
    stored, used = dict(stored), set()
    for path, owner in walk(module):
        way, there = _way(path, convention), stored.keys() - used
        for kind, plan in plans.items():
            for name, sources, make in plan(owner) if isinstance(owner, kind) else ():
                keys = [way + source for source in sources]
                if there >= set(keys):
                    used.update(keys)
                    parts = [stored[key] for key in keys]
                    read = functools.partial(_made, make, parts, f"{where}: {', '.join(keys)}")
                    largest = max((part.shape for part in parts), key=math.prod)
                    stored[way + name] = _Value(" + ".join(part.name for part in parts), largest, read)
    return {key: value for key, value in stored.items() if key not in used}


def _made(make, parts, where):
    arrays = [part.read() for part in parts]
    try:
        return make(*arrays)
    except (ValueError, IndexError):
        got = " and ".join(str(x.shape) for x in arrays)
        raise ValueError(f"{where}: expected values in the shapes that PyTorch's layer has, got {got}.") from None


def _layout(owner, attribute, convention):
    """The functions between their layout and ours, None where only axes of length 1 differ."""
    kinds = [kind for kind in convention.layouts if isinstance(owner, kind)] if attribute == "w" else []
    return convention.layouts[kinds[0]] if kinds else None


def _as_ours(value, owner, attribute, variable, convention, where):
    """Reads a value in our layout, as one of a variable."""
    layout = _layout(owner, attribute, convention)
    if math.prod(value.shape) > _MOST * math.prod(variable.shape):
        raise ValueError(f"{where}: expected a value for {variable.shape}, got {value.shape}.")
    array = value.read()
    return _fitting(layout[0](array) if layout and array.ndim > 1 else array, variable, where)


def _as_theirs(owner, attribute, variable, convention):
    """Reads a variable in their layout."""
    array, layout = host_array(variable), _layout(owner, attribute, convention)
    if layout:
        return layout[1](array)
    return array.reshape(-1) if isinstance(owner, convention.vectors) else array


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
    if array.dtype != variable.dtype and (_kind(array.dtype), _kind(variable.dtype)) not in _HELD:
        raise TypeError(f"{where}: expected a value of dtype {variable.dtype}, got {array.dtype}.")
    with onp.errstate(over="ignore"):  # raises below
        made = onp.array(array, variable.dtype, order="C").reshape(variable.shape)
    kept = onp.isfinite(made) | ~onp.isfinite(array) if is_inexact(made.dtype) else made == array
    if not kept.all():
        raise ValueError(f"{where}: expected numbers in the range of {variable.dtype}, got {array[~kept][0]}.")
    return made


def _kind(dtype):
    if is_inexact(dtype):
        return "complex" if dtype.kind == "c" else "real"
    return "integer" if dtype.kind in "biu" else "other"


@contextlib.contextmanager
def _values(state, where):
    """The values in a state, while its file is open."""
    if isinstance(state, Mapping):
        yield {
            name: _Value(name, tuple(getattr(x, "shape", onp.shape(x))), functools.partial(_on_host, x))
            for name, x in state.items()
        }
    elif is_path(state) or hasattr(state, "read"):
        with opened(state) as archive:
            archive.check(archive)
            yield {
                name: _Value(name, stored.shape, functools.partial(archive.__getitem__, name))
                for name, stored in archive.stored.items()
            }
    else:
        raise TypeError(f"{where}: expected a dictionary or the path of a file, got {type(state).__name__}.")
