"""Adding to positions that an index may name several times, in the order of the index.

NumPy's `add.at` adds one after the other, so that its result is the same each time. CuPy's adds atomically: sums of
floating-point numbers depend on which thread comes first and differ in their last digits from run to run. Here a stable
sort brings together what goes to one position, and one thread adds it up, in NumPy's order and with NumPy's bits. If
all numbers go to one position, that thread takes as many steps as there are numbers. Source: reduction by key after a
sort by key, of Bell & Hoberock 2011, "Thrust: a productivity-oriented library for CUDA", here with sequential sums.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import os
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["add_in_order", "deterministic", "is_deterministic"]

_chosen: contextvars.ContextVar[bool | None] = contextvars.ContextVar("autograd.deterministic", default=None)


@contextlib.contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """A context in which a GPU gives the same bits each time: gradients of indexing are summed in a fixed order.

    It is slower than adding atomically. Outside, the environment variable CUOBJAX_DETERMINISTIC decides: `1`
    is on. `deterministic(False)` turns it off. A CPU always sums in a fixed order.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> with deterministic():
        ...     print(grad(lambda x: np.sum(x[np.array([0, 2, 0])]))(np.ones(3)))
        [2. 0. 1.]
    """
    token = _chosen.set(bool(on))
    try:
        yield
    finally:
        _chosen.reset(token)


def is_deterministic() -> bool:
    """Whether sums must have one order."""
    chosen = _chosen.get()
    return os.environ.get("CUOBJAX_DETERMINISTIC", "0") not in ("", "0") if chosen is None else chosen


def add_in_order(xp: ModuleType, g: RawArray, place: tuple[Any, ...], shape: tuple[int, ...]) -> RawArray:
    """Zeros of `shape`, to which `g` is added at `place`, a tuple that indexes an array of that shape."""
    total = xp.zeros(shape, g.dtype)
    if xp is numpy:
        numpy.add.at(total, place, g)
        return total
    place = _without_full_slices(place)
    axes = len(shape) if any(p is Ellipsis for p in place) else sum(_axes(p) for p in place)
    numbers = xp.arange(math.prod(shape[:axes]), dtype="int64").reshape(shape[:axes])[place]
    width = math.prod(shape[axes:])
    g = xp.ascontiguousarray(xp.broadcast_to(g, (*numbers.shape, *shape[axes:])))
    numbers = numbers.ravel()
    order = xp.argsort(numbers, kind="stable")
    _kernel(xp)(g, numbers[order], order, numbers.size, width, total, size=numbers.size * width)
    return total


def _without_full_slices(place):
    """`place` without full slices at its end."""
    while place and isinstance(place[-1], slice) and place[-1] == slice(None):
        place = place[:-1]
    return place


def _axes(part):
    """How many axes a part of an index names."""
    if part is None:
        return 0
    return part.ndim if getattr(part, "dtype", numpy.dtype(int)).kind == "b" else 1


@functools.cache
def _kernel(xp):
    """Element i is one of sorted row i / width: the thread of a position's first row adds all of its rows."""
    return xp.ElementwiseKernel(
        "raw T g, raw int64 place, raw int64 order, int64 count, int64 width",
        "raw T total",
        """
        long long row = i / width;
        const long long column = i % width, here = place[row];
        if (row == 0 || place[row - 1] != here) {
            T sum = T(0);
            for (; row < count && place[row] == here; ++row) sum = T(sum + g[order[row] * width + column]);
            total[here * width + column] = sum;
        }
        """,
        "autograd_add_in_order",
    )
