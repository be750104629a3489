"""What a `Jit` has recorded, and why it did so again."""

import collections
import reprlib
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from autograd.errors import level_of_user
from autograd.graph import value_of

from ..core.variable import BaseVar
from .program import Program
from .signature import by_identity, is_input

__all__ = ["MOST_PROGRAMS", "Recordings", "Shown"]

MOST_PROGRAMS = 128
"""How many programs one `Jit` holds; the least recently used one goes first."""
_MANY = 20
_OF = " at "  # which object it is, for comparison


class Shown(str):
    """A text that stands for a value."""

    __slots__ = ()


class Recordings:
    """The recordings of one `Jit`.

    Attributes:
        count: How many there were.
        causes: How often each cause led to another one, {text: number}.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.causes: collections.Counter[str] = collections.Counter()
        self._last: dict[str, str] = {}
        self._program: Callable[[], Program | None] = lambda: None
        self._dropped = 0

    def add(
        self,
        name: str,
        call: Mapping[str, Any],
        program: Program,
        names: Callable[[], Mapping[BaseVar, str]],
        dropped: int,
        made: bool,
    ) -> tuple[str, ...]:
        """Counts a recording, and says what was new in it; warns once if there are many.

        Args:
            name: The name of the function.
            call: What its key depends on, {description: value}.
            program: What was recorded.
            names: Gives names of variables.
            dropped: How many programs were dropped so far, as modules changed.
            made: Whether the call made variables that live on.
        """
        shown = {f"the {'shape or dtype' if is_input(x) else 'value'} of {what}": _shown(x) for what, x in call.items()}
        new = {"the first call": ""}
        if self.count:
            new = self._new(shown, program, names, dropped, made)
            self.causes.update(list(new))
        self.count += 1
        self._last, self._program, self._dropped = shown, weakref.ref(program), dropped
        if self.count == _MANY:
            warnings.warn(
                f"Jit: {name} has been recorded {_MANY} times. New in these calls: {self}. Pass what changes "
                "as numbers or as arrays of few shapes, and make functions, modules and variables once. Its method "
                "explain() says more.",
                stacklevel=level_of_user(),
            )
        return tuple([what + text for what, text in new.items()])

    def _new(self, shown, program, names, dropped, made):
        """What was new since the recording before, {description: text of the values before and now}."""
        if made:
            return {"variables that the call makes": ""}
        if dropped != self._dropped:
            return {"modules (a layer or variable was put in, replaced, deleted or frozen)": ""}
        if shown.keys() != self._last.keys():
            return {"the structure of the arguments": ""}
        changed = _changed(self._last, shown)
        last = self._program()
        if not changed and last is not None and last.closed and program.closed:
            known = names()
            changed = _changed(last.conditions(known), program.conditions(known))
        return changed or {"what a static argument holds, or which modules and variables the call uses": ""}

    def __str__(self) -> str:
        return "; ".join(f"{cause}, {n} times" for cause, n in self.causes.most_common(3))


def _changed(before, now):
    """What differs, {description: ": value before, then value"}."""
    return {
        what: f": {before[what].partition(_OF)[0]}, then {x.partition(_OF)[0]}"
        for what, x in now.items()
        if what in before and before[what] != x
    }


def _shown(x):
    if isinstance(x, Shown):
        return str(x)
    if not is_input(x):
        return f"{reprlib.repr(x)}{_OF}{id(x)}" if by_identity(x) else reprlib.repr(x)
    return str(value_of(x))
