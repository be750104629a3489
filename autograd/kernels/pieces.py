"""Work in pieces, whose intermediate results stay in the second-level cache of a CPU."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

__all__ = ["PIECE", "common_dtype", "is_number", "kept_shape", "pieces", "promoted"]

PIECE = 1 << 16  # elements


def is_number(x: Any) -> bool:
    """Whether `x` is a Python number; as an argument it has no dtype, or stands for an array that is not there."""
    return isinstance(x, int | float)


def common_dtype(*arrays: Any) -> numpy.dtype[Any]:
    """The dtype that arrays promote to; float64 for numbers alone, float32 for float16 with bfloat16."""
    return promoted(*[a.dtype for a in arrays if not is_number(a)])


@functools.lru_cache(4096)
def promoted(*dtypes: numpy.dtype[Any]) -> numpy.dtype[Any]:
    """The dtype that these promote to: see `common_dtype`."""
    try:
        return numpy.result_type(*dtypes) if dtypes else numpy.dtype(numpy.float64)
    except numpy.exceptions.DTypePromotionError:
        return numpy.dtype(numpy.float32)


def kept_shape(shape: Sequence[int], axis: Sequence[int]) -> tuple[int, ...]:
    """The shape of a reduction over axes, which stay with length 1."""
    return tuple([1 if i in axis else n for i, n in enumerate(shape)])


def pieces(shape: tuple[int, ...], axis: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Indices of pieces of an array, all of it along `axis`, about PIECE elements each."""
    kept = [i for i in range(len(shape)) if i not in axis]
    if not kept:
        yield (slice(None),) * len(shape)
        return
    along = max(kept, key=shape.__getitem__)
    n = shape[along]
    step = max(1, PIECE * n // max(1, math.prod(shape)))
    for start in range(0, n, step):
        yield (*(slice(None),) * along, slice(start, start + step), *(slice(None),) * (len(shape) - along - 1))
