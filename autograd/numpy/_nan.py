"""Reductions and cumulative functions of the elements that are not NaN."""

from __future__ import annotations

import math

from ..ops import elementwise
from ..ops import reduction as ops
from ..typing import ArrayLike, Axes, DTypeLike, Result
from ._common import as_array, as_dtype, refuse_output, scalar
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
    a = _of_dtype("nanmean", a, dtype)
    return mean(a, axis, dtype, out, keepdims, where=_numbers(a, where))


def _of_dtype(name, a, dtype):
    """`a` as an array; TypeError if it is of real or complex numbers and `dtype` is not."""
    a, wanted = as_array(a), as_dtype(dtype)
    if wanted is not None and a.dtype.kind in "fc" and wanted.kind not in "fcV":
        raise TypeError(f"{name}: expected a dtype of real or complex numbers, got {wanted}.")
    return a


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
    a = _of_dtype("nanvar", a, dtype)
    return _deviation(ops.var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


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
    a = _of_dtype("nanstd", a, dtype)
    return _deviation(ops.std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _deviation(operation, a, axis, dtype, out, ddof, keepdims, where, mean, correction):
    """NaN where there are no more numbers than `ddof`."""
    numbers = _numbers(a, where)
    result = deviation(operation, a, axis, dtype, out, ddof, keepdims, numbers, mean, correction)
    if numbers is None or not (ddof or correction):
        return result
    few = sum(numbers, axis, keepdims=keepdims) <= (ddof if correction is None else correction)
    return scalar(elementwise.where(few, math.nan, result))


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
    return scalar(elementwise.where(any(numbers, axis, keepdims=keepdims), extreme, math.nan))


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
    return scalar(elementwise.where(any(numbers, axis, keepdims=keepdims), index, -1))


def nancumsum(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """`cumsum` with NaN counted as 0."""
    a = as_array(a)
    return cumsum(chosen(a, _numbers(a), 0), axis, dtype, out)


def nancumprod(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """`cumprod` with NaN counted as 1."""
    a = as_array(a)
    return cumprod(chosen(a, _numbers(a), 1), axis, dtype, out)
