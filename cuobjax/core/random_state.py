"""RandomState: a variable that gives a number to one thread only.

Outside of calls, drawing reads and writes the key in one step. A transformation reads it in the beginning and writes it
when it has succeeded, and what it drew is as if it had not been drawn if it fails. So the key is lent to it: whoever
draws meanwhile in another thread gets keys aside of those that follow from the key.
"""

from __future__ import annotations

import functools
import math
import operator
import threading
import weakref
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as onp

from autograd.core import Array
from autograd.kernels.compiled import at_fork
from autograd.mapping import keys_in_lanes
from autograd.ops.random import split as split_key

from ..util.convert import require_sizes
from .elsewhere import marked
from .scope import Loan, is_open, loan
from .variable import BaseVar, StateVar

__all__ = ["RandomState", "borrowing", "exclusive", "random_key"]

P = ParamSpec("P")
R = TypeVar("R")
_ASIDE = onp.array([0x9E3779B9, 0x7F4A7C15], onp.uint32)  # the key from which keys aside begin differs in these bits
exclusive = threading.RLock()
"""Held where a key is read and written."""

# No process begins with a lock that none of its threads releases.
at_fork(before=exclusive.acquire, after_in_parent=exclusive.release, after_in_child=exclusive.release)


class RandomState(StateVar):
    """The state of a random number generator: a key of shape (2,), uint32, at first the high and low word of the seed.

    Threads may share it: no two draws give the same numbers.

    Args:
        seed: From 0 to 2**64 - 1.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(random_key(seed), None)

    def seed(self, seed: int) -> None:
        """Starts anew from a seed, 0 to 2**64 - 1."""
        self.value = random_key(seed)

    def split(self, n: int) -> Array:
        """Draws `n` new keys, of shape (n, 2), uint32; the state becomes another one, independent of them.

        Under `autograd.vmap` each lane gets keys of its own, and the state has one value afterwards.
        """
        require_sizes("RandomState.split", 0, n=n)
        with exclusive:
            if not is_open() and self._holder() not in (None, loan.get()):
                key, _ = keys_in_lanes(self._aside(1)[0])
                return split_key(key, n=n)[1:]
            key, after = keys_in_lanes(self.value)
            keys = split_key(key, n=n)
            self.value = keys[0] if after is None else after
            return keys[1:]

    def lent(self) -> Array:
        """The key with which the transformation begins that runs in this thread, if there is one."""
        own = loan.get()
        if own is None or own.ended:
            return super().lent()
        with exclusive:
            super().lent()
            reference: weakref.ref[BaseVar] = weakref.ref(self)
            if reference not in own.values:
                free = self._holder() in (None, own)
                own.values[reference] = self.stored if free else self._aside(1)[0]
                if free:
                    self._lent_to = weakref.ref(own)
            return own.values[reference]

    def _holder(self) -> Loan | None:
        """The transformation that the key is lent to."""
        reference: Callable[[], Loan | None] | None = self.__dict__.get("_lent_to")
        found = None if reference is None else reference()
        return None if found is None or found.ended else found

    def _aside(self, n: int) -> Array:
        """`n` keys that do not follow from the key; the state keeps its key."""
        base, key = self.__dict__.get("_beside", (None, None))
        with self.stored.device.current():  # a thread of another device may ask
            if base is not self.stored:
                base, key = self.stored, self.stored ^ Array(self.stored.device.put(_ASIDE))
            keys = split_key(key, n=n)
        self._beside = base, keys[0]
        return keys[1:]

    def __getstate__(self) -> dict[str, Any]:
        return {name: x for name, x in super().__getstate__().items() if name not in ("_lent_to", "_beside")}


def borrowing(f: Callable[P, R]) -> Callable[P, R]:
    """The function `f`, a call of a transformation, to which the keys that it reads are lent until its end.

    Its results are marked as `core/elsewhere.py` says.
    """

    @functools.wraps(f)
    def borrows(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_open() or loan.get() is not None:
            return f(*args, **kwargs)
        own = Loan()
        try:
            loan.set(own)
            results = f(*args, **kwargs)
            for call in own.elsewhere:
                results = marked(results, call)
            return results
        finally:
            loan.set(None)
            own.ended = True

    return borrows


def random_key(seed: int) -> onp.ndarray[Any, Any]:
    """The key of a seed: its high and low word, uint32."""
    require_sizes("RandomState", -math.inf, seed=seed)
    number = operator.index(seed)
    if not 0 <= number < 2**64:
        raise ValueError(f"RandomState: expected a seed from 0 to 2**64 - 1, got {seed}.")
    return onp.array([number >> 32, number & 0xFFFFFFFF], onp.uint32)
