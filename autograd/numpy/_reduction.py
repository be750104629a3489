"""Reductions, cumulative functions, sorting and searching."""

import numpy as onp

from ..ops import indexing
from ..ops import reduction as ops
from ._common import along_axis, as_array, complete_axes, refuse_output


def _reduce(operation, a, axis, keepdims, **params):
    a = as_array(a)
    return operation(a, axis=complete_axes(axis, a.ndim), keepdims=bool(keepdims), **params)


def sum(a, axis=None, dtype=None, out=None, keepdims=False):
    """Sum over axes."""
    refuse_output(out, "sum")
    return _reduce(ops.sum, as_array(a, dtype), axis, keepdims)


def mean(a, axis=None, dtype=None, *, keepdims=False):
    """Mean over axes."""
    return _reduce(ops.mean, as_array(a, dtype), axis, keepdims)


def prod(a, axis=None, dtype=None, out=None, keepdims=False):
    """Product over axes; its gradient is right where factors are 0."""
    refuse_output(out, "prod")
    return _reduce(ops.prod, as_array(a, dtype), axis, keepdims)


def max(a, axis=None, *, keepdims=False):
    """Greatest element over axes; equal extremes share the gradient equally."""
    return _reduce(ops.max, a, axis, keepdims)


def min(a, axis=None, *, keepdims=False):
    """Least element over axes; equal extremes share the gradient equally."""
    return _reduce(ops.min, a, axis, keepdims)


amax, amin = max, min


def ptp(a, axis=None, *, keepdims=False):
    """Greatest minus least element over axes."""
    return max(a, axis, keepdims=keepdims) - min(a, axis, keepdims=keepdims)


def var(a, axis=None, dtype=None, *, ddof=0, keepdims=False):
    """Variance over axes: the sum of squared deviations divided by (count - ddof)."""
    return _reduce(ops.var, as_array(a, dtype), axis, keepdims, ddof=ddof)


def std(a, axis=None, dtype=None, *, ddof=0, keepdims=False):
    """Standard deviation over axes; its gradient is 0 where it is 0."""
    return _reduce(ops.std, as_array(a, dtype), axis, keepdims, ddof=ddof)


def any(a, axis=None, *, keepdims=False):
    """Whether any element over the axes is true."""
    return _reduce(ops.any, a, axis, keepdims)


def all(a, axis=None, *, keepdims=False):
    """Whether all elements over the axes are true."""
    return _reduce(ops.all, a, axis, keepdims)


def count_nonzero(a, axis=None, *, keepdims=False):
    """The number of elements over the axes that are not zero."""
    return sum(as_array(a) != 0, axis, keepdims=keepdims)


def average(a, axis=None, weights=None, *, keepdims=False):
    """Mean weighted by `weights`, which have the shape of `a`, or of `axis` alone."""
    a = as_array(a)
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    weights = as_array(weights)
    if weights.shape != a.shape:
        kept = complete_axes(axis, a.ndim)
        if weights.shape != tuple(a.shape[i] for i in kept):
            raise ValueError(f"average: expected weights of shape {a.shape} or of axis {axis}, got {weights.shape}.")
        weights = weights.reshape(tuple(n if i in kept else 1 for i, n in enumerate(a.shape)))
    return sum(a * weights, axis, keepdims=keepdims) / sum(weights * (a * 0 + 1), axis, keepdims=keepdims)


def cumsum(a, axis=None, dtype=None):
    """Cumulative sums along an axis, of the flattened array without one."""
    a, axis = along_axis(as_array(a, dtype), axis)
    return ops.cumsum(a, axis=axis)


def cumprod(a, axis=None, dtype=None):
    """Cumulative products along an axis, of the flattened array without one; gradients are right at zeros."""
    a, axis = along_axis(a, axis)
    if dtype is None and a.dtype.kind in "iub":
        dtype = onp.promote_types(a.dtype, onp.uint if a.dtype.kind == "u" else int)
    return ops.cumulative_product(as_array(a, dtype), axis)


def argmax(a, axis=None, *, keepdims=False):
    """Index of the greatest element along an axis, in the flattened array without one; the first one at a tie."""
    return _extreme_index(ops.argmax, a, axis, keepdims)


def argmin(a, axis=None, *, keepdims=False):
    """Index of the least element along an axis, in the flattened array without one; the first one at a tie."""
    return _extreme_index(ops.argmin, a, axis, keepdims)


def _extreme_index(operation, a, axis, keepdims):
    a = as_array(a)
    flat, along = along_axis(a, axis)
    index = operation(flat, axis=along)
    axes = complete_axes(axis, a.ndim)
    return index.reshape(tuple(1 if i in axes else n for i, n in enumerate(a.shape))) if keepdims else index


def argsort(a, axis=-1, *, kind=None, stable=None):
    """Indices that sort along an axis, of the flattened array if it is None."""
    a, axis = along_axis(a, axis)
    return indexing.argsort(a, axis=axis, stable=bool(stable) or kind == "stable")


def sort(a, axis=-1, *, kind=None, stable=None):
    """Sorted along an axis, or flattened and sorted if it is None; gradients go back to where elements came from."""
    a, axis = along_axis(a, axis)
    order = indexing.argsort(a, axis=axis, stable=bool(stable) or kind == "stable")
    return indexing.take_along_axis(a, order, axis=axis)
