"""The variables of a collection to a file and back."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as onp

from autograd import device_put
from autograd.backend import CPU, is_cupy
from autograd.core import wrapped

from ..core.collection import VarCollection, Variables
from ..core.random_state import RandomState
from ..core.replication import require_one_value
from ..core.scope import is_open
from ..core.variable import BaseVar, referred
from ..typing import FileOrStr
from .formats import Arrays, Stored, is_foreign, is_path, opened, replacement, write

__all__ = [
    "Loaded", "assign_one_by_one", "host_array", "list_variables", "load_var_collection", "read_variable", "renamed",
    "require_untraced", "save_var_collection", "write_to",
]  # fmt: skip


class Loaded(NamedTuple):
    """What `load_var_collection` or `load_state_dict` found; it prints as a table.

    Attributes:
        matched: {name of a variable: its name in the file}.
        missing: The first names of the variables that are not in the file, which have kept their values.
        unused: The names in the file that no variable has.
    """

    matched: dict[str, str]
    missing: list[str]
    unused: list[str]

    def __str__(self) -> str:
        width = max(map(len, [*self.matched, *self.missing]), default=0)
        lines = [f"{name:{width}}  {stored}" for name, stored in self.matched.items()]
        lines += [f"{name:{width}}  - (missing)" for name in self.missing]
        lines += [f"{'- (not used)':{width}}  {name}" for name in self.unused]
        return "\n".join(
            [*lines, f"{len(self.matched)} matched, {len(self.missing)} missing, {len(self.unused)} not used"]
        )


def save_var_collection(file: FileOrStr, vc: Variables) -> None:
    """Saves variables, each one once, at its first name; a TrainRef as the variable that it refers to.

    A file at a path is replaced when the new one is safe on the disk: a crash leaves the old one or the new one.

    Args:
        file: A path, whose ending chooses the format: .safetensors, PyTorch's for .pt, .pth and .bin, else .npz; or a
            binary file (.npz).
        vc: The VarCollection.

    Raises:
        ValueError: If a variable has a value for each device, within `VarCollection.replicate`.
        TypeError: If the format does not have a dtype.
    """
    named = _named(_in_order("save_var_collection", file, vc))
    require_untraced("save_var_collection")
    require_one_value("save_var_collection", named)
    write_to(file, _HostArrays({names[0]: variable for variable, names in named.items()}))


def write_to(file: FileOrStr, arrays: Arrays) -> None:
    """Writes arrays to a path, whose ending chooses the format, or to a binary file, as .npz."""
    if is_path(file):
        with replacement(os.fsdecode(file)) as new:
            write(new, arrays, os.fsdecode(file))
    else:
        write(file, arrays)


def _in_order(where, file, vc):
    """The variables, given behind the file."""
    if isinstance(file, dict) or hasattr(file, "vars"):
        raise TypeError(f"{where}: expected a file, then variables. Write {where}({vc!r}, net.vars()).")
    return vc


def load_var_collection(
    file: FileOrStr, vc: Variables, renamer: Callable[[str], str | None] | None = None, strict: bool = True
) -> Loaded:
    """Assigns saved values to variables, to all of them or, if something is wrong, to none.

    Names, shapes, dtypes and checksums are compared first. Then one array after the other replaces an old value, so
    that a network needs memory once. If the disk fails in that moment, a note at the error says how many are new.

    A variable that has several names may have been saved under any of them. Values of other names are ignored. NumPy
    arrays of the file are moved to the devices of the variables. A random state that is not in the file keeps its
    value, with a warning: networks may get a Dropout later.

    Args:
        file: As for `save_var_collection`.
        vc: The VarCollection.
        renamer: A function of names in the file, such as a `util.Renamer`, that returns names in `vc`; None as its
            result leaves a value out.
        strict: False: every variable that is not in the file keeps its value.

    Returns:
        Which variables were found, which are not in the file, and what in the file was not used.

    Raises:
        ValueError: If a variable is missing in the file or has another shape or dtype there, or if a list of variables
            is longer there, and `DamagedFileError`, which is a ValueError, if the file is damaged.
        RuntimeError: Within a transformation, such as Jit.
    """
    vc = _in_order("load_var_collection", file, vc)
    require_untraced("load_var_collection")
    named = _named(vc)
    with opened(file, own=True) as archive:
        archive.check(())  # names before they are compared
        stored = renamed("load_var_collection", archive.stored, renamer)
        found = {v: next((name for name in names if name in stored), None) for v, names in named.items()}
        wanted = {v: name for v, name in found.items() if name is not None}
        unused = sorted(stored.keys() - wanted.values())
        missing = [v for v in named if v not in wanted]
        if strict:
            _require_all([v for v in missing if not isinstance(v, RandomState)], named, unused)
            _require_whole_lists(wanted.values(), unused)
            if missing:
                names = ", ".join(named[v][0] for v in missing)
                warnings.warn(
                    f"load_var_collection: random states that are not in the file stay: {names}.", stacklevel=2
                )
        _require_fitting(wanted, {name: archive.stored[key] for name, key in stored.items()})
        keys = {v: stored[name] for v, name in wanted.items()}
        archive.check(dict.fromkeys(keys.values()))
        assign_one_by_one(keys, lambda v: _fitting(archive[keys[v]], v.dtype))
    return Loaded({named[v][0]: name for v, name in wanted.items()}, [named[v][0] for v in missing], unused)


def assign_one_by_one(variables: Iterable[BaseVar], read: Callable[[BaseVar], onp.ndarray[Any, Any]]) -> None:
    """Assigns to each variable what a function reads for it, a new array in host memory that is known to fit.

    The old value is dropped before the next new one is read: together they may need more memory than there is. So
    Ctrl-C takes effect when all are assigned.
    """
    left, interrupted = [*variables], None
    count = len(left)
    while left:
        try:
            while left:
                variable = left[-1]
                variable.assign(device_put(wrapped(read(variable)), variable.device), check=False)
                left.pop()
        except KeyboardInterrupt as error:
            interrupted = error
        except BaseException as error:
            if len(left) < count:
                error.add_note(f"{count - len(left)} of {count} variables have new values. Load again.")
            raise
    if interrupted is not None:
        raise interrupted


def require_untraced(where: str) -> None:
    """Raises RuntimeError within a transformation, in which variables have values for a while only."""
    if is_open():
        raise RuntimeError(
            f"{where}: expected a call outside of transformations, got one within a function that Jit, GradValues or "
            "another one runs. Call it before or after that."
        )


def _require_fitting(wanted, stored):
    """Raises ValueError for other shapes and dtypes than the variables have, all of them in one error."""
    wrong = []
    for v, name in wanted.items():
        shape, dtype = stored[name]
        if shape != v.shape or (dtype != v.dtype.name and not _is_bits(dtype, v.dtype)):
            wrong.append(f"Error when restoring variable {name}: expected {v.dtype} {v.shape}, got {dtype} {shape}.")
    if wrong:
        raise ValueError("\n".join(wrong))


def _require_all(missing, named, unused):
    if missing:
        names = [name for v in missing for name in named[v]]
        shown = ", ".join(map(repr, unused))
        error = ValueError(
            f"Missing value for variables currently in the model: {names}. The following variables on disk were not "
            f"used, maybe the missing variable was renamed from one of these: {{{shown}}}."
        )
        error.add_note("With strict=False, what is missing keeps its value.")
        raise error


def _require_whole_lists(used, unused):
    """Refuses a part of a list of variables, such as states of an optimizer of fewer ones: which part is unknown."""
    lists = {name.rpartition("[")[0] for name in used if _ITEM.search(name)}
    for name in unused:
        if _ITEM.search(name) and name.rpartition("[")[0] in lists:
            raise ValueError(
                f"load_var_collection: the file has {name}, so a longer list of variables than this one, whose "
                "positions may be those of other variables. Make it as long, or load it with strict=False."
            )


_ITEM = re.compile(r"\)\[\d+\]$")  # a variable that is itself an item of a list


def _named(vc):
    """The names of each variable, {variable: [name, ...]}."""
    found = {}
    for name, v in VarCollection(vc).items():
        found.setdefault(referred(v), []).append(name)
    return found


class _HostArrays(Arrays):
    """The values of variables in host memory; those of a GPU are brought there when they are asked for."""

    def __init__(self, variables: dict[str, BaseVar]) -> None:
        self._variables = variables
        self.stored = {name: Stored(v.shape, v.dtype.name) for name, v in variables.items()}

    def __getitem__(self, name: str) -> onp.ndarray[Any, Any]:
        return host_array(self._variables[name])


def list_variables(file: FileOrStr) -> dict[str, Stored]:
    """What a file of `save_var_collection` or of Objax has, {name: (shape, dtype)}, without reading the values.

    >>> import os, tempfile
    >>> import cuobjax
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.npz")
    ...     cuobjax.io.save_var_collection(path, cuobjax.nn.Linear(3, 1).vars())
    ...     cuobjax.io.list_variables(path)["(Linear).w"]
    Stored(shape=(3, 1), dtype='float32')

    Args:
        file: A path or, of an .npz file, a binary file.

    Raises:
        DamagedFileError: If it is no such file.
    """
    with opened(file) as archive:
        return archive.stored


def read_variable(file: FileOrStr, name: str) -> onp.ndarray[Any, Any] | None:
    """One value of a file, None if it has none of that name; `DamagedFileError` if it differs from its checksum.

    An .npz file has a checksum of each array; that of a .safetensors file is one of all, which is read for it.
    """
    with opened(file) as archive:
        if name not in archive:
            return None
        archive.check([name])
        return archive[name]


def host_array(variable: BaseVar) -> onp.ndarray[Any, Any]:
    """The value of a variable in host memory; of one that is there, itself."""
    raw = variable.value.raw
    return CPU.put(raw) if is_cupy(raw) else onp.asarray(raw)


def renamed(where: str, names: Iterable[str], renamer: Callable[[str], str | None] | None) -> dict[str, str]:
    """{new name: name}, without those for which the renamer returns None; `where` is who asks.

    Raises:
        TypeError: If the renamer is neither None nor a function.
        ValueError: If two names become one.
    """
    if renamer is not None and not callable(renamer):
        remedy = f" Write cuobjax.util.Renamer({renamer!r})." if isinstance(renamer, Mapping) else ""
        raise TypeError(f"{where}: expected renamer as a function of names, got {renamer!r}.{remedy}")
    found: dict[str, str] = {}
    for name in names:
        new = name if renamer is None else renamer(name)
        if new in found:
            raise ValueError(f"{where}: expected new names that differ, got {new!r} again, for {name!r}.")
        if new is not None:
            found[new] = name
    return found


def _is_bits(stored, dtype):
    """Whether a dtype is one that NumPy did not write down, such as Objax's bfloat16: bits alone."""
    return is_foreign(dtype) and stored == f"void{8 * dtype.itemsize}"


def _fitting(array, dtype):
    array = onp.asarray(array, order="C")
    return array.view(dtype) if _is_bits(array.dtype.name, dtype) else array
