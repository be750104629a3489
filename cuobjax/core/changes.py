"""The count of changes of modules, by which a `Jit` knows that its programs are out of date."""

from __future__ import annotations

import itertools

__all__ = ["module_changes"]


class _Changes:
    """Counts the changes of the parts of modules, so that a `Jit` knows when its programs are out of date.

    Attributes:
        version: The number of changes.
        young: The modules, by identity, that were made after the last recording: no program can depend on them.
    """

    def __init__(self) -> None:
        self.version = 0
        self.young: set[int] = set()
        self._count = itertools.count(1)  # one step at a time, also in several threads

    def changed(self, module: object = None) -> None:
        """Counts a change: a variable or module in `module` was added, removed or replaced."""
        if id(module) not in self.young:
            self.version = next(self._count)


module_changes: _Changes = _Changes()
