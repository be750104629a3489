"""Programs from files: modules that run a saved graph."""

from __future__ import annotations

from typing import Any

from autograd import default_device, tree
from autograd.backend import is_array
from autograd.core import Array, kind_of, lift
from autograd.dtypes import entering, numpy_rules
from autograd.graph import Value, value_of

from ..core.collection import VarCollection
from ..core.module import Module
from ..core.random_state import RandomState
from ..core.variable import BaseVar
from ..typing import FileOrStr
from .jit import Jit
from .plain import Slot
from .program_file import Content, read_program

__all__ = ["LoadedProgram", "load_program"]


class LoadedProgram(Module):
    """A program from a file, with variables of its own: a module, which is called as the function that was recorded.

    `vars()` has the variables under the names that they had, so that others' values may be loaded into them. It is for
    arguments of the shapes, dtypes and static values with which it was recorded; gradients may be taken of it.
    """

    _has_mode = False

    def __init__(self, content: Content) -> None:
        if not isinstance(content, Content):
            got = type(content).__name__
            raise TypeError(f"LoadedProgram: expected what a file holds, got {got}. Write load_program(path).")
        self.name: str = content.name
        self._graph, self._given, self._labels = content.graph, content.given, content.labels
        self._returned = content.returned
        self._graph.constants = {n: _here(x) for n, x in self._graph.constants.items()}
        made: list[tuple[str, BaseVar]] = [(name, _variable(kind, x)) for name, kind, x in content.variables]
        self._variables = VarCollection(made)
        self._read = [made[i][1] for i in content.read]
        self._written = [made[i][1] for i in content.written]
        self._program = Jit(self._run)

    def vars(self, scope: str = "") -> VarCollection:
        """The variables, by the names that they had, with the text `scope` before each name."""
        return VarCollection((scope + name, v) for name, v in self._variables.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the program: it reads its variables, and writes them.

        Raises:
            ValueError: If arguments have another structure, shape, dtype or static value.
        """
        return self._program(*self._inputs(args, kwargs))

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        wanted, structure = tree.flatten(self._given)
        leaves = tree.leaves_along(structure, (args, kwargs))
        if leaves is None:
            raise ValueError(f"{self!r}: expected arguments like {_shown(self._given)}, got others.")
        inputs: list[Any] = [None] * len(self._labels)
        for x, slot in zip(leaves, wanted, strict=True):
            if type(slot) is Slot:
                kind = self._graph.values[self._graph.inputs[slot]]
                inputs[slot] = _fitting(x, kind, f"{self!r}: expected {self._labels[slot]} as {kind}")
            elif type(x) is not type(slot) or x != slot:
                raise ValueError(f"{self!r}: expected {slot!r} as in the call that was recorded, got {x!r}.")
        return inputs

    def _run(self, *inputs: Any) -> Any:
        with numpy_rules(True):  # each operation as it was recorded
            results = self._graph.interpret([*inputs, *[v.value for v in self._read]])
        count = len(results) - len(self._written)
        for variable, value in zip(self._written, results[count:], strict=True):
            variable.assign(value)
        leaves, structure = tree.flatten(self._returned)
        return tree.unflatten(structure, [results[x] if type(x) is Slot else x for x in leaves])

    def __repr__(self) -> str:
        return f"<program {self.name!r}>"


def _here(x):
    """A number, or an array on the default device."""
    return lift(default_device().put(x)) if is_array(x) else x


def _variable(kind, x):
    if kind is not RandomState:
        return kind(_here(x))
    state = RandomState(0)
    state.assign(_here(x))
    return state


def _fitting(x: Any, kind: Value, expected: str) -> Any:
    """An argument as an input of a type, if it is of that."""
    x = entering(x, None if kind.weak else kind.dtype) if is_array(x) else x
    known = is_array(x) or isinstance(x, Array) or kind_of(x) is not None
    got = value_of(x)._replace(gpu=None) if known else None
    if got != kind:
        raise ValueError(f"{expected}, got {type(x).__name__ if got is None else got}.")
    return x


def _shown(given):
    args, kwargs = tree.tree_map(lambda x: "array" if type(x) is Slot else x, given)
    return f"({', '.join([*map(repr, args), *[f'{name}={x!r}' for name, x in kwargs.items()]])})"


def load_program(file: FileOrStr) -> LoadedProgram:
    """The program that `Jit(f).lower(*args).save(file)` wrote, as a module; its arrays are on the default device.

    No code comes from the file: it can only name autograd's operations. Whatever the file holds, a call may compute
    for long and need much memory.

    Args:
        file: A path, or a binary file.

    Raises:
        DamagedFileError: If the file is damaged or of another kind.
        ValueError: If a later version of cuobjax wrote it.
    """
    return LoadedProgram(read_program(file))
