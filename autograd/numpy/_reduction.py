"""Reductions and cumulative functions.

`where` and `initial`, which CuPy lacks, are supported: elements where `where` is false are replaced by neutral ones.
"""

from __future__ import annotations

import builtins
import math
from typing import Any, Literal, overload

import numpy as onp

from ..axes import complete_axes
from ..core import Array, library
from ..families import is_half
from ..ops import elementwise
from ..ops import reduction as ops
from ..typing import ArrayLike, Axes, DTypeLike, Result
from ._common import along_axis, as_array, as_dtype, cast, floating, known, like, refuse_output, result_type, scalar
from ._placement import placed_like
from ._shape import broadcast_to, transpose


def _reduce(operation, a, axis, keepdims, **params):
    a = as_array(a)
    if axis in (0, -1) and not a.ndim and operation in _OF_UFUNCS:
        axis = None
    return operation(a, axis=complete_axes(axis, a.ndim), keepdims=bool(keepdims), **params)


_OF_UFUNCS = {ops.sum, ops.prod, ops.max, ops.min, ops.any, ops.all}  # they take axis 0 of a number, as NumPy's do


def _vector_along(a, axis):
    """As `along_axis`; a number counts as a vector."""
    a = as_array(a)
    return along_axis(a, None if axis in (0, -1) and not a.ndim else axis)


def chosen(a, where, otherwise):
    """`a` with `otherwise` in place of the elements where `where` is false."""
    if where is None or where is True:
        return a
    return elementwise.where(broadcast_to(placed_like(a, where), a.shape), a, otherwise)


def sum(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """The sum over the axes of the elements where `where` is true, plus `initial`."""
    refuse_output(out, "sum")
    total = as_array(_reduce(ops.sum, chosen(as_array(a, dtype), where, 0), axis, keepdims), dtype)
    return total if initial is None else total + _in_dtype(total, initial)


def prod(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """The product over the axes of the elements where `where` is true, times `initial`; the gradient is right at 0."""
    refuse_output(out, "prod")
    product = as_array(_reduce(ops.prod, chosen(as_array(a, dtype), where, 1), axis, keepdims), dtype)
    return product if initial is None else product * _in_dtype(product, initial)


def _in_dtype(result, initial):
    """`initial` as NumPy takes it: in the dtype of the result."""
    initial = placed_like(result, initial)
    if initial.dtype.kind == "c" and result.dtype.kind != "c":
        raise TypeError(f"initial: expected a real number for dtype {result.dtype}, got a complex one.")
    return as_array(initial, result.dtype)


def mean(
    a: ArrayLike,
    axis: Axes = None,
    dtype: DTypeLike = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike | None = None,
) -> Result:
    """The mean over the axes of the elements where `where` is true."""
    refuse_output(out, "mean")
    a = as_array(a, dtype)
    whole = dtype is not None and a.dtype.kind in "iub"
    if where is None and not whole:
        return _reduce(ops.mean, a, axis, keepdims)
    wide = elementwise.single(a)
    total = sum(wide, axis, dtype if whole else None, None, keepdims, where=where)
    result = total / _count(wide, axis, keepdims, where)
    return as_array(result, a.dtype) if whole or is_half(a.dtype) else result


def _count(a, axis, keepdims, where):
    """The number of elements that are reduced; in the dtype of `a` if that is inexact."""
    if where is None:
        return math.prod(a.shape[i] for i in complete_axes(axis, a.ndim))
    chosen = broadcast_to(placed_like(a, where), a.shape)
    return sum(as_array(chosen, a.dtype) if a.dtype.kind in "fc" else chosen, axis, keepdims=keepdims)


def max(
    a: ArrayLike,
    axis: Axes = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """The greatest element over the axes, of those where `where` is true, and of `initial`.

    Equal extremes share the gradient equally.
    """
    refuse_output(out, "max")
    return _extreme(ops.max, elementwise.maximum, a, axis, keepdims, initial, where)


def min(
    a: ArrayLike,
    axis: Axes = None,
    out: None = None,
    keepdims: bool = False,
    initial: ArrayLike | None = None,
    where: ArrayLike | None = None,
) -> Result:
    """The least element over the axes, of those where `where` is true, and of `initial`.

    Equal extremes share the gradient equally.
    """
    refuse_output(out, "min")
    return _extreme(ops.min, elementwise.minimum, a, axis, keepdims, initial, where)


amax = max
amin = min


def _extreme(operation, join, a, axis, keepdims, initial, where):
    if initial is None:
        if where is not None:
            raise ValueError(f"{operation.name}: `where` may select no element. Give `initial`, too.")
        return _reduce(operation, a, axis, keepdims)
    a = as_array(a)
    initial = _in_dtype(a, initial)
    if not _count(a, axis, keepdims, None):
        return as_array(_reduce(ops.sum, a, axis, keepdims), a.dtype) + initial
    return join(_reduce(operation, chosen(a, where, initial), axis, keepdims), initial)


def ptp(a: ArrayLike, axis: Axes = None, out: None = None, keepdims: bool = False) -> Result:
    """The greatest minus the least element over the axes."""
    return max(a, axis, out, keepdims) - min(a, axis, out, keepdims)


def var(
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
    """The variance over the axes: the sum of squared deviations divided by (count - ddof).

    Args:
        where: Which elements count.
        mean: Their mean if it is known, computed with `keepdims`.
        correction: Another name of `ddof`.
    """
    return deviation(ops.var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def std(
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
    """The standard deviation over the axes, the square root of `var`; its gradient is 0 where it is 0."""
    return deviation(ops.std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def deviation(operation, a, axis, dtype, out, ddof, keepdims, where, center, correction):
    refuse_output(out, operation.name)
    if correction is not None and ddof != 0:
        raise ValueError(f"{operation.name}: expected ddof or correction, got both.")
    a, ddof = as_array(a), ddof if correction is None else correction
    wanted = as_dtype(dtype)
    if wanted is not None and a.dtype.kind == "c" != wanted.kind and center is None:
        center = mean(elementwise.real(a), axis, dtype, keepdims=True, where=where)  # NumPy's meaning of it
    elif dtype is not None:
        a = cast(a, dtype)
    if where is None and center is None:
        return as_array(_reduce(operation, a, axis, keepdims, ddof=ddof), dtype)
    dtype = a.dtype if dtype is None and is_half(a.dtype) else dtype
    a = chosen(elementwise.single(a), where, 0)  # what is not chosen may be NaN
    deviations = a - (mean(a, axis, keepdims=True, where=where) if center is None else center)
    squares = elementwise.real(deviations * elementwise.conj(deviations))
    count = _count(squares, axis, keepdims, where) - ddof
    count = builtins.max(count, 0) if where is None else elementwise.maximum(count, 0)
    result = sum(squares, axis, keepdims=keepdims, where=where) / count
    if operation is ops.std:
        none = elementwise.equal(result, 0)
        result = elementwise.where(none, 0, elementwise.sqrt(elementwise.where(none, 1, result)))
    return scalar(as_array(result, dtype))


def any(
    a: ArrayLike, axis: Axes = None, out: None = None, keepdims: bool = False, *, where: ArrayLike | None = None
) -> Result:
    """Whether any element over the axes, of those where `where` is true, is nonzero."""
    refuse_output(out, "any")
    return _reduce(ops.any, chosen(as_array(a), where, False), axis, keepdims)


def all(
    a: ArrayLike, axis: Axes = None, out: None = None, keepdims: bool = False, *, where: ArrayLike | None = None
) -> Result:
    """Whether all elements over the axes, of those where `where` is true, are nonzero."""
    refuse_output(out, "all")
    return _reduce(ops.all, chosen(as_array(a), where, True), axis, keepdims)


def count_nonzero(a: ArrayLike, axis: Axes = None, *, keepdims: bool = False) -> Result:
    """The number of nonzero elements over the axes."""
    return sum(as_array(a) != 0, axis, keepdims=keepdims)


@overload
def average(
    a: ArrayLike,
    axis: Axes = None,
    weights: ArrayLike | None = None,
    returned: Literal[False] = False,
    *,
    keepdims: bool = False,
) -> Result: ...
@overload
def average(
    a: ArrayLike, axis: Axes = None, weights: ArrayLike | None = None, returned: bool = False, *, keepdims: bool = False
) -> Any: ...
def average(
    a: ArrayLike, axis: Axes = None, weights: ArrayLike | None = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """The mean weighted by `weights`, which have the shape of `a` or of `axis` alone.

    With `returned`, (mean, sum of the weights).
    """
    a = as_array(a)
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        if not returned:
            return result
        count = _count(a, axis, keepdims, None)
        total = like(result, library(result).full(result.shape, count, result.dtype))
    else:
        weights = broadcast_weights("average", a, axis, weights)
        dtype = result_type(a, weights, *([floating(a)] if a.dtype.kind in "iub" else []))
        total = sum(broadcast_to(elementwise.single(weights), a.shape), axis, keepdims=keepdims)
        if (numbers := known(total)) is not None and not numbers.all():
            raise ZeroDivisionError("average: expected weights whose sum is not 0.")
        result = as_array(sum(elementwise.single(a) * weights, axis, keepdims=keepdims) / total, dtype)
    return (result, scalar(as_array(broadcast_to(total, result.shape), result.dtype))) if returned else result


def broadcast_weights(name: str, a: Array, axis: Axes, weights: ArrayLike) -> Array:
    """Weights of the shape of `a`, or of `axis` alone, in a shape that broadcasts to that of `a`."""
    weights = placed_like(a, weights)
    if weights.shape == a.shape:
        return weights
    axes = complete_axes(axis, a.ndim)
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"{name}: expected weights of shape {a.shape} or of axis {axis}, got {weights.shape}.")
    return transpose(weights, tuple(onp.argsort(axes))).reshape(
        tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
    )


def cumsum(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """The cumulative sums along an axis; None for the flattened array."""
    refuse_output(out, "cumsum")
    a, axis = _vector_along(as_array(a, dtype), axis)
    return as_array(ops.cumsum(a, axis=axis), dtype)


def cumprod(a: ArrayLike, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Result:
    """The cumulative products along an axis; None for the flattened array. The gradient is right at zeros."""
    refuse_output(out, "cumprod")
    a, axis = _vector_along(as_array(a, dtype), axis)
    return as_array(ops.cumprod(a, axis=axis), dtype)


def argmax(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Result:
    """The index of the greatest element along an axis, the first at a tie; None for the flattened array."""
    refuse_output(out, "argmax")
    return extreme_index(ops.argmax, a, axis, keepdims)


def argmin(a: ArrayLike, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Result:
    """The index of the least element along an axis, the first at a tie; None for the flattened array."""
    refuse_output(out, "argmin")
    return extreme_index(ops.argmin, a, axis, keepdims)


def extreme_index(operation, a, axis, keepdims):
    a = as_array(a)
    flat, along = _vector_along(a, axis)
    index = operation(flat, axis=along)
    axes = complete_axes(axis, a.ndim) if a.ndim else ()
    return index.reshape(tuple(1 if i in axes else n for i, n in enumerate(a.shape))) if keepdims else index
