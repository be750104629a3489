"""What a `Jit` has recorded, and why it did so again."""

import collections
import reprlib
import warnings
from collections.abc import Mapping
from typing import Any

from autograd.errors import level_of_user
from autograd.graph import value_of

from .signature import by_identity, is_input

__all__ = ["MOST_PROGRAMS", "Recordings"]

MOST_PROGRAMS = 128
"""How many programs one `Jit` holds; the least recently used one goes first."""
_MANY = 20


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
        self._dropped = 0

    def add(self, name: str, call: Mapping[str, Any], dropped: int, made: bool) -> None:
        """Counts a recording; warns once if there are many.

        Args:
            name: The name of the function.
            call: What its key depends on, {description: value}.
            dropped: How many programs were dropped so far, as modules changed.
            made: Whether the call made variables that live on.
        """
        shown = {what: _shown(x) for what, x in call.items()}
        if self.count:
            self.causes.update(self._causes(shown, call, dropped, made))
        self.count += 1
        self._last, self._dropped = shown, dropped
        if self.count == _MANY:
            warnings.warn(
                f"Jit: {name} has been recorded {_MANY} times. New in these calls: {self}. Pass what changes "
                "as numbers or as arrays of few shapes, and make functions, modules and variables once. Its method "
                "explain() says more.",
                stacklevel=level_of_user(),
            )

    def _causes(self, shown, call, dropped, made):
        if made:
            return ["variables that the call makes"]
        if dropped != self._dropped:
            return ["modules (a layer or variable was put in, replaced, deleted or frozen)"]
        if shown.keys() != self._last.keys():
            return ["the structure of the arguments"]
        differing = [what for what in shown if shown[what] != self._last[what]]
        texts = [f"the {'shape or dtype' if is_input(call[what]) else 'value'} of {what}" for what in differing]
        return texts or ["training modes, shapes of variables, or what a static argument holds"]

    def __str__(self) -> str:
        return "; ".join(f"{cause}, {n} times" for cause, n in self.causes.most_common(3))


def _shown(x):
    if not is_input(x):
        return f"{reprlib.repr(x)} {id(x)}" if by_identity(x) else reprlib.repr(x)
    value = value_of(x)
    return value.weak.__name__ if value.weak else f"{value.dtype}{list(value.shape)}"
