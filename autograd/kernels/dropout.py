"""Dropout: numbers that are kept with a probability, and the mask that says which; one launch on CuPy."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from .philox import CUDA_PHILOX
from .pieces import pieces
from .random import bernoulli

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["dropout", "masked"]


def dropout(xp: ModuleType, x: RawArray, key: RawArray, *, keep: float) -> tuple[RawArray, RawArray]:
    """x / keep where `bernoulli` of the key with p = keep is true, elsewhere 0; and these booleans.

    Args:
        x: Numbers (*lanes, *shape).
        key: uint32 (*lanes, 2).
        keep: The probability that a number is kept.
    """
    lanes = key.ndim - 1
    if xp is numpy or not x.size:
        mask = bernoulli(xp, key, shape=x.shape[lanes:], p=keep)
        return masked(xp, x, mask, keep=keep), mask
    y, mask = xp.empty(x.shape, x.dtype), xp.empty(x.shape, numpy.bool_)
    size = x.size // (key.size // 2)
    threshold = numpy.uint64(round(float(keep) * 2**32))
    _kernel(xp, x.dtype.name, _real(x).name)(
        x, xp.ascontiguousarray(key), threshold, _real(x).type(keep), size, y, mask
    )
    return y, mask


def masked(xp: ModuleType, x: RawArray, mask: RawArray, *, keep: float) -> RawArray:
    """x / keep where the mask is true, elsewhere 0."""
    shape = numpy.broadcast_shapes(x.shape, mask.shape)
    y = xp.empty(shape, x.dtype)
    if xp is not numpy:
        _masked_kernel(xp, x.dtype.name, _real(x).name)(x, mask, _real(x).type(keep), y)
        return y
    x, mask = (a if a.shape == shape else numpy.broadcast_to(a, shape) for a in (x, mask))
    for place in pieces(shape, ()):
        y[place] = numpy.where(mask[place], x[place] / _real(x).type(keep), 0)
    return y


def _real(x):
    """The dtype to divide in."""
    return numpy.result_type(x.real.dtype, numpy.float32)


def _quotient(dtype):
    return "float(x) / keep" if dtype in ("float16", "bfloat16") else "x / keep"


@functools.cache
def _kernel(xp, dtype, real):
    return xp.ElementwiseKernel(
        f"X x, raw uint32 key, uint64 threshold, {real} keep, int64 size", "Y y, bool mask",
        f"""const long long lane = i / size, element = i % size;
        const Word words[2] = {{key[2 * lane], key[2 * lane + 1]}};
        mask = philox(words, element / 4, 0, 0).word[element % 4] < threshold;
        y = mask ? Y({_quotient(dtype)}) : Y(0);""",
        "autograd_dropout", preamble=CUDA_PHILOX,
    )  # fmt: skip


@functools.cache
def _masked_kernel(xp, dtype, real):
    return xp.ElementwiseKernel(
        f"X x, bool mask, {real} keep", "Y y", f"y = mask ? Y({_quotient(dtype)}) : Y(0)", "autograd_masked"
    )
