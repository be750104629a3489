"""The variables of a collection to a file and back."""

import os
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as onp

from autograd.backend import CPU, is_cupy

from ..core.collection import VarCollection, Variables
from ..core.replication import replicated
from ..core.variable import TrainRef
from ..typing import FileOrStr
from .formats import read_npz, read_safetensors, replacement, write_npz, write_safetensors

__all__ = ["load_var_collection", "save_var_collection"]


def save_var_collection(file: FileOrStr, vc: Variables) -> None:
    """Saves variables, each one once, at its first name; a TrainRef as the variable that it refers to.

    A file at a path is replaced when the new one is safe on the disk: a crash leaves the old one or the new one.

    Args:
        file: A path, whose ending .safetensors chooses that format, else it is .npz; or a binary file (.npz).
        vc: The VarCollection.

    Raises:
        ValueError: If a variable has a value for each device, within `VarCollection.replicate`.
        TypeError: If .safetensors has no such dtype.
    """
    named = _named(vc)
    if not replicated().isdisjoint(named):
        raise ValueError("save_var_collection: expected variables of one value, got replicas. Save after replicate().")
    arrays = {names[0]: _host_array(variable) for variable, names in named.items()}
    if _is_path(file):
        with replacement(os.fsdecode(file)) as new:
            (write_safetensors if _is_safetensors(file) else write_npz)(new, arrays)
    else:
        write_npz(file, arrays)


def load_var_collection(file: FileOrStr, vc: Variables, renamer: Callable[[str], str] | None = None) -> None:
    """Assigns saved values to variables, to all of them or, if something is wrong, to none.

    A variable that has several names may have been saved under any of them. Values of other names are ignored. NumPy
    arrays of the file are moved to the devices of the variables.

    Args:
        file: As for `save_var_collection`.
        vc: The VarCollection.
        renamer: A function of names in the file, such as a `util.Renamer`, that returns names in `vc`.

    Raises:
        ValueError: If a variable is missing in the file or has another shape or dtype there, and `DamagedFileError`,
            which is one, if the file is damaged.
    """
    named, stored = _named(vc), _renamed(_read(file), renamer)
    wanted = {v: next((name for name in names if name in stored), None) for v, names in named.items()}
    missing = [name for v, name in wanted.items() if name is None for name in named[v]]
    if missing:
        unused = ", ".join(map(repr, sorted(stored.keys() - wanted.values())))
        raise ValueError(
            f"Missing value for variables currently in the model: {missing}. The following variables on disk were not "
            f"used, maybe the missing variable was renamed from one of these: {{{unused}}}."
        )
    arrays = {v: _fitting(stored[name], v.dtype) for v, name in wanted.items()}
    wrong = [
        f"Error when restoring variable {wanted[v]}: expected {v.dtype} {v.shape}, got {a.dtype} {a.shape}."
        for v, a in arrays.items()
        if (a.dtype, a.shape) != (v.dtype, v.shape)
    ]
    if wrong:
        raise ValueError("\n".join(wrong))
    values = {v: v.checked(a) for v, a in arrays.items()}  # all are on their devices before the first is assigned
    for variable, value in values.items():
        variable.assign(value, check=False)


def _named(vc):
    """The names of each variable, {variable: [name, ...]}."""
    found = {}
    for name, v in VarCollection(vc).items():
        found.setdefault(v.ref if isinstance(v, TrainRef) else v, []).append(name)
    return found


def _host_array(variable):
    raw = variable.value.raw
    return CPU.put(raw) if is_cupy(raw) else onp.asarray(raw)


def _is_path(file: Any) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(file, str | bytes | os.PathLike)


def _is_safetensors(path):
    return os.fsdecode(path).endswith(".safetensors")


def _read(file):
    if not _is_path(file):
        return read_npz(file)
    with open(file, "rb") as opened:
        return (read_safetensors if _is_safetensors(file) else read_npz)(opened)


def _renamed(stored, renamer):
    if renamer is None:
        return stored
    renamed = {}
    for name, array in stored.items():
        new = renamer(name)
        if new in renamed:
            raise ValueError(f"load_var_collection: expected new names that differ, got {new!r} again, for {name!r}.")
        renamed[new] = array
    return renamed


def _fitting(array, dtype):
    """An array; as `dtype` if its bits are of a dtype that NumPy did not write down, such as Objax's bfloat16."""
    bits_alone = array.dtype.type is onp.void and array.dtype.fields is None
    return array.view(dtype) if bits_alone and dtype.isbuiltin == 2 and dtype.itemsize == array.itemsize else array
