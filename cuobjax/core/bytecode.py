"""What the code of a function does with names.

This and `_with_numbers` in autograd/kernels/compiled.py are what may need help with the bytecode of a new Python.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

__all__ = ["Step", "steps"]

_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_NAMES = {
    **dict.fromkeys(_GLOBALS, "global"), **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD"), "attribute"),
    **dict.fromkeys(("STORE_ATTR", "DELETE_ATTR"), "assign"), "LOAD_SUPER_ATTR": "super", "IMPORT_NAME": "import",
    "IMPORT_FROM": "from",
}  # fmt: skip


class Step(NamedTuple):
    """One thing that code does.

    Attributes:
        kind: "local" or "global" where a variable is read, "store" where one is written; "attribute", "super" and
            "item" of what was read before, "assign" where such an attribute is written; "constant"; "import" and
            "from"; "" for everything else.
        value: The name, or the constant.
    """

    kind: str
    value: Any = None


def steps(code: CodeType) -> list[Step]:
    """The steps of code, without those of the functions within it.

    An instruction on a local variable that is not known counts as one that reads it: rather one reader too many.
    """
    cells = {*code.co_cellvars, *code.co_freevars}
    return [step for instruction in dis.get_instructions(code) for step in _steps_of(instruction, cells)]


def _steps_of(instruction: dis.Instruction, cells: set[str]) -> Iterator[Step]:
    kind, opcode, value = instruction.opname, instruction.opcode, instruction.argval
    if opcode in dis.haslocal or opcode in dis.hasfree or (isinstance(value, tuple) and kind.count("_FAST") > 1):
        yield from _of_variables(kind, value if isinstance(value, tuple) else (value,), cells)
    elif opcode in dis.hasname:
        yield Step(_NAMES.get(kind, ""), value)
    elif kind in ("LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"):
        yield Step("constant", value)
    elif kind == "BINARY_SUBSCR" or (kind == "BINARY_OP" and str(instruction.argrepr).startswith("[")):
        yield Step("item")
    else:
        yield Step("")


def _of_variables(kind: str, names: tuple[str, ...], cells: set[str]) -> Iterator[Step]:
    """The steps of an instruction on one or two variables; a cell that a function takes with it is not read."""
    if kind in ("MAKE_CELL", "LOAD_CLOSURE", "LOAD_FAST_AND_CLEAR"):
        return
    verbs = re.findall("LOAD|STORE|DELETE", kind)
    verbs = verbs if len(verbs) == len(names) else ["LOAD"] * len(names)
    for verb, name in zip(verbs, names, strict=True):
        if verb != "LOAD":
            yield Step("store", name)
        elif not (name in cells and "_FAST" in kind):
            yield Step("local", name)
