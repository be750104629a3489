"""The search of `Module.vars`: the variables in a module and in all modules in it, with their names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from .unsearched import is_container, warn, warn_of_class
from .variable import BaseVar

__all__ = ["Names", "Naming"]

Names: TypeAlias = list[tuple[str, BaseVar]]


class Naming(threading.local):
    """What one call of `vars` has found so far, the calls of `vars` for the modules in the module included.

    What leads back to a module that is being searched is cut. A module that is found again has one name there for each
    of its variables, so that shared modules in shared modules do not double the names at every step.

    Args:
        kind: The class of modules.
        parts: Gives the parts of a module, {place: part}.
    """

    def __init__(self, kind: type[Any], parts: Callable[[Any], dict[str, Any]]) -> None:
        self.kind, self.parts = kind, parts
        self.open: dict[int, Any] = {}
        self.known: dict[int, tuple[Any, str, Names]] = {}  # (module, name, variables in it) of its first place
        self.containers: list[tuple[Any, str, Any]] = []  # (module, place, container)
        self.of_classes: list[tuple[Any, str]] = []  # (module, attribute of its class)

    def names(self, module: Any, name: str) -> Names:
        """The variables in a module, whose names begin with `name`."""
        if id(module) in self.open:
            return []
        outermost = not self.open
        self.open[id(module)] = module
        found: Names = []
        try:
            for where, part in self.parts(module).items():
                full = name if where == ".__wrapped__" else name + where
                if isinstance(part, BaseVar):
                    found.append((full, part))
                elif isinstance(part, self.kind):
                    found += self._again(part, full) if id(part) in self.known else self._first(part, full)
                elif is_container(part) and not self._collects(module):
                    self.containers.append((module, where, part))
            for attribute in module._of_class:
                if attribute not in module.__dict__:
                    self.of_classes.append((module, attribute))
            if outermost:
                self._report(found)
            return found
        finally:
            del self.open[id(module)]
            if outermost:
                self.known.clear()
                self.containers.clear()
                self.of_classes.clear()

    def _collects(self, module: Any) -> bool:
        """Whether a class has a `vars` of its own, which may add what is in its lists."""
        return type(module).vars is not self.kind.vars

    def _first(self, module: Any, name: str) -> Names:
        inner = f"{name}({type(module).__name__})"
        found = list(module.vars(name).items()) if self._collects(module) else self.names(module, inner)
        self.known[id(module)] = module, name, found
        return found

    def _again(self, module: Any, name: str) -> Names:
        _, first, found = self.known[id(module)]
        if not all(full.startswith(first) for full, _ in found):  # a `vars` that gives names of its own
            return list(module.vars(name).items())
        once: dict[int, tuple[str, BaseVar]] = {}
        for full, variable in found:
            once.setdefault(id(variable), (name + full[len(first) :], variable))
        return list(once.values())

    def _report(self, found: Names) -> None:
        if not self.containers and not self.of_classes:
            return
        kinds = (self.kind, BaseVar)
        elsewhere = [*self.open.values(), *(module for module, *_ in self.known.values()), *(v for _, v in found)]
        for module, where, container in list(self.containers):
            warn(module, where, container, kinds, elsewhere)
        for module, attribute in list(self.of_classes):
            warn_of_class(module, attribute, kinds, elsewhere)
