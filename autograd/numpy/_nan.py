"""Reductions and cumulative functions of the elements that are not NaN."""

from __future__ import annotations

import math

from ..ops import elementwise
from ..ops import reduction as ops
from ..typing import ArrayLike, Axes, DTypeLike, Result
from ._common import as_array, refuse_output
from ._reduction import any, chosen, cumprod, cumsum, deviation, extreme_index, max, mean, min, prod, sum


def _numbers(a, where=None):
    """Where `where` is true and `a` is not NaN; None for everywhere."""
    if a.dtype.kind not in "fc":
        return where
    numbers = elementwise.logical_not(elementwise.isnan(a))
    return numbers if where is None else elementwise.logical_and(numbers, where)


def nansum(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """`sum` of the elements that are not NaN."""
    a = as_array(a)
    return sum(a, axis, dtype, out, keepdims, initial, _numbers(a, where))


def nanprod(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """`prod` of the elements that are not NaN."""
    a = as_array(a)
    return prod(a, axis, dtype, out, keepdims, initial, _numbers(a, where))


def nanmean(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Result:
    """`mean` of the elements that are not NaN; NaN where there is none."""
    a = as_array(a)
    return mean(a, axis, dtype, out, keepdims, where=_numbers(a, where))


def nanvar(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Result:
    """`var` of the elements that are not NaN."""
    a = as_array(a)
    return deviation(ops.var, a, axis, dtype, out, ddof, keepdims, _numbers(a, where), mean, correction)


def nanstd(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    correction: float | None = None,
) -> Result:
    """`std` of the elements that are not NaN."""
    a = as_array(a)
    return deviation(ops.std, a, axis, dtype, out, ddof, keepdims, _numbers(a, where), mean, correction)


def nanmax(
    a: ArrayLike,
    axis: Axes = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """`max` of the elements that are not NaN; NaN where there is none and no `initial`."""
    return _extreme_without_nan(max, -math.inf, a, axis, out, keepdims, initial, where)


def nanmin(
    a: ArrayLike,
    axis: Axes = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """`min` of the elements that are not NaN; NaN where there is none and no `initial`."""
    return _extreme_without_nan(min, math.inf, a, axis, out, keepdims, initial, where)


def _extreme_without_nan(function, worst, a, axis, out, keepdims, initial, where):
    a = as_array(a)
    numbers = _numbers(a)
    if numbers is None or initial is not None:
        return function(a, axis, out, keepdims, initial, _numbers(a, where))
    extreme = function(elementwise.where(numbers, a, worst), axis, out, keepdims, None, where)
    return elementwise.where(any(numbers, axis, keepdims=keepdims), extreme, math.nan)


def nanargmax(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Result:
    """`argmax` of the elements that are not NaN; -1 where there is none.

    NumPy raises there; to raise here would be to wait for the GPU.
    """
    refuse_output(out, "nanargmax")
    return _extreme_index_without_nan(ops.argmax, -math.inf, a, axis, keepdims)


def nanargmin(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Result:
    """`argmin` of the elements that are not NaN; -1 where there is none.

    NumPy raises there; to raise here would be to wait for the GPU.
    """
    refuse_output(out, "nanargmin")
    return _extreme_index_without_nan(ops.argmin, math.inf, a, axis, keepdims)


def _extreme_index_without_nan(operation, worst, a, axis, keepdims):
    a = as_array(a)
    numbers = _numbers(a)
    if numbers is None:
        return extreme_index(operation, a, axis, keepdims)
    index = extreme_index(operation, elementwise.where(numbers, a, worst), axis, keepdims)
    return elementwise.where(any(numbers, axis, keepdims=keepdims), index, -1)


def nancumsum(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """`cumsum` with NaN counted as 0."""
    a = as_array(a)
    return cumsum(chosen(a, _numbers(a), 0), axis, dtype, out)


def nancumprod(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """`cumprod` with NaN counted as 1."""
    a = as_array(a)
    return cumprod(chosen(a, _numbers(a), 1), axis, dtype, out)
