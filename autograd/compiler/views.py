"""Arrays that stand for memory which nobody has yet, and what NumPy says of views of them: bases, axes and strides."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from typing import Any

import numpy

__all__ = ["Untouched", "axes_of", "order_of", "order_of_result", "root_of"]


def root_of(view: numpy.ndarray) -> numpy.ndarray:
    """The array whose memory a view shows."""
    while isinstance(view.base, numpy.ndarray):
        view = view.base
    return view


class Untouched:
    """Memory that is never touched, and so takes none: all arrays that stand for others begin where it does."""

    def __init__(self) -> None:
        self._mapped = mmap.mmap(-1, 1 << 20)

    def array(self, shape: Sequence[int], dtype: Any) -> numpy.ndarray:
        """An array in it."""
        size = math.prod(shape) * numpy.dtype(dtype).itemsize
        if size > len(self._mapped):
            self._mapped = mmap.mmap(-1, size)
        return numpy.ndarray(tuple(shape), dtype, self._mapped)


def axes_of(view: numpy.ndarray, shape: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """The lengths and strides of a view, broadcast to a shape, with as few axes as they can be."""
    if shape is not None and view.shape != shape:
        view = numpy.broadcast_to(view, shape)
    axes: list[tuple[int, int]] = []
    for n, stride in zip(view.shape, view.strides, strict=True):
        if n == 1:
            continue
        if axes and axes[-1][1] == n * stride:
            axes[-1] = axes[-1][0] * n, stride
        else:
            axes.append((n, stride))
    return axes


def order_of_result(arrays: Sequence[numpy.ndarray]) -> tuple[int, ...] | None:
    """The axes in the order in which NumPy lays out the result of elementwise operations; None for rows after rows."""
    if all(a.flags.c_contiguous for a in arrays):
        return None
    flags: Any = [["readonly"]] * len(arrays) + [["writeonly", "allocate"]]
    dtypes = [a.dtype for a in (*arrays, arrays[0])]
    operands: Any = [*arrays, None]
    y = numpy.nditer(operands, [], flags, order="K", op_dtypes=dtypes).operands[-1]
    return None if y.flags.c_contiguous else order_of(y)


def order_of(view: numpy.ndarray) -> tuple[int, ...]:
    """The axes of an array in an order in which it has no gaps, rows after rows."""
    return tuple(sorted(range(view.ndim), key=lambda i: (-view.strides[i], -view.shape[i])))
