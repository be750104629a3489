"""Modules as text and HTML: trees of their parts, with names, classes and shapes."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..util import class_name, repr_function
from ..util.tables import html_table
from .scope import is_open
from .variable import BaseVar, referred

__all__ = ["item_text", "module_html", "tree_text"]

_MOST, _DEEPEST = 200, 30  # lines; trees in trees


class _Printing(threading.local):
    """What the outermost tree that is being printed has shown so far, how deep it is, and how many lines are left."""

    def __init__(self):
        self.shown: dict[int, Any] = {}
        self.depth, self.left = 0, _MOST


_printing = _Printing()


def tree_text(module: Any, head: str, parts: dict[str, Any]) -> str:
    """A module and its parts, a line or tree for each; of a module that was shown before, only the head.

    Args:
        module: The module.
        head: The name of its class.
        parts: What to show, {place: part}: modules and variables in attributes `.name`, and items.
    """
    if id(module) in _printing.shown or _printing.depth == _DEEPEST:
        return f"{head}(...)"
    _printing.shown[id(module)] = module
    _printing.depth += 1
    try:
        lines = "\n".join(_lines(parts))
    finally:
        _printing.depth -= 1
        if _printing.depth == 0:
            _printing.shown.clear()
            _printing.left = _MOST
    return f"{head}(\n{textwrap.indent(lines, '  ')}\n)"


def _lines(parts: dict[str, Any]) -> Iterable[str]:
    for i, (where, part) in enumerate(parts.items()):
        if not _printing.left:
            yield f"... and {len(parts) - i} more"
            return
        _printing.left -= 1
        is_attribute = where[0] == "."
        brief = isinstance(part, BaseVar) and (is_attribute or is_open())  # to read it would be a use in a recording
        text = _variable_text(part) if brief else item_text(part)
        yield f"{where[1:]}: {text}" if is_attribute else f"{where} {text}"


def item_text(item: Any) -> str:
    """A part of a module: functions as their names, anything else as its repr."""
    is_function = callable(item) and not hasattr(type(item), "vars") and not isinstance(item, BaseVar)
    return repr_function(item) if is_function else repr(item)


def _variable_text(variable: BaseVar) -> str:
    """A variable without its numbers; it is not read."""
    shown = referred(variable)
    value = vars(shown).get("stored", shown)
    return f"{class_name(variable)}(shape={tuple(value.shape)}, dtype={value.dtype})"


def module_html(found: Iterable[tuple[str, Any]], variables: Callable[[Any], dict[str, BaseVar]]) -> str:
    """A table of modules, given as pairs (path, module), and of their own variables."""
    rows = []
    for path, module in found:
        own = ", ".join(f"{name.lstrip('.')} {tuple(v.shape)}" for name, v in variables(module).items())
        rows.append((path.lstrip("."), type(module).__name__, own))
        if len(rows) == _MOST:
            rows.append(("...", "", ""))
            break
    return html_table(("name", "class", "variables"), rows)
