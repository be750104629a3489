"""Sorting, partitioning, searching and counting."""

import numpy as onp

from ..axes import complete_axis
from ..ops import indexing
from ..ops import searching as ops
from ._common import along_axis, as_array
from ._elementwise import nonzero
from ._indexing import take
from ._placement import beside
from ._shape import atleast_1d, ravel, stack


def argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Indices that sort along an axis, of the flattened array if it is None."""
    a, axis = along_axis(a, axis)
    return _order(a, axis, kind, order, stable)


def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    """Sorted along an axis, or flattened and sorted if it is None; gradients go back to where elements came from."""
    a, axis = along_axis(a, axis)
    return indexing.take_along_axis(a, _order(a, axis, kind, order, stable), axis=axis)


def _order(a, axis, kind, order, stable):
    if order is not None:
        raise ValueError(f"sort: expected an array without fields, got order={order!r}. Use lexsort.")
    return indexing.argsort(a, axis=axis, stable=bool(stable) or kind in ("stable", "mergesort"))


def argpartition(a, kth, axis=-1, kind="introselect", order=None):
    """Indices that put the element number `kth` of the sorted order in its place, lesser ones before it."""
    a, axis = along_axis(a, axis)
    kth = tuple(complete_axis(k, a.shape[axis]) for k in (kth if isinstance(kth, tuple | list) else (kth,)))
    return ops.argpartition(a, kth=kth, axis=axis)


def partition(a, kth, axis=-1, kind="introselect", order=None):
    """`a` with the element number `kth` of the sorted order in its place, lesser ones before it."""
    a, axis = along_axis(a, axis)
    return indexing.take_along_axis(a, argpartition(a, kth, axis), axis=axis)


def sort_complex(a):
    """Sorted along the last axis, as complex numbers: by real, then by imaginary part."""
    a = sort(a)
    return as_array(a, onp.result_type(a.dtype, "complex64"))


def lexsort(keys, axis=-1):
    """Indices that sort by the last of several keys, those equal in it by the last but one, and so on."""
    keys = [as_array(key) for key in keys]
    order = argsort(keys[0], axis, stable=True)
    for key in keys[1:]:
        ordered = indexing.take_along_axis(key, order, axis=complete_axis(axis, key.ndim))
        order = indexing.take_along_axis(order, argsort(ordered, axis, stable=True), axis=complete_axis(axis, key.ndim))
    return order


def searchsorted(a, v, side="left", sorter=None):
    """Where `v` would have to be inserted into the sorted vector `a`: before ("left") or behind equal elements."""
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: expected side 'left' or 'right', got {side!r}.")
    a = as_array(a) if sorter is None else take(a, sorter)
    return ops.searchsorted(a, beside(a, v), side=side)


def digitize(x, bins, right=False):
    """Which of the intervals between `bins`, that rise or fall, each element of `x` is in.

    Interval i is bins[i-1] <= x < bins[i], with `right` it is bins[i-1] < x <= bins[i].
    """
    x = as_array(x)
    return ops.digitize(beside(x, bins), x, right=bool(right))


def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    """Whether each element is among others."""
    element = as_array(element)
    return ops.isin(beside(element, test_elements), element, invert=bool(invert))


def argwhere(a):
    """Indices of the elements that are not zero, as rows."""
    a = as_array(a)
    return stack(nonzero(atleast_1d(a)), 1)[:, : a.ndim]


def flatnonzero(a):
    """Indices of the elements of the flattened array that are not zero."""
    return nonzero(ravel(a))[0]


def bincount(x, weights=None, minlength=0):
    """How often each number is in the vector `x` of numbers that are not negative, or the sums of their `weights`.

    The length of the result depends on data: greatest number + 1, at least `minlength`.
    """
    x = as_array(x)
    if x.ndim != 1 or x.dtype.kind not in "iub":
        raise TypeError(f"bincount: expected a vector of integers, got {x.dtype} of shape {x.shape}.")
    low, high = (int(x.min()), int(x.max())) if x.size else (0, -1)
    if low < 0:
        raise ValueError(f"bincount: expected numbers that are not negative, got {low}.")
    return count_places(x, weights, max(high + 1, minlength))


def count_places(places, weights, length):
    """How often each of the numbers from 0 to length - 1 is in the vector `places`, or the sums of their weights."""
    if weights is None:
        return ops.bincount(places, length=length)
    return indexing.add_at(beside(places, weights), places, index=(indexing.ARRAY,), shape=(length,))


def unravel_index(indices, shape, order="C"):
    """The index, an array for each axis, of elements of an array of a shape that are given by their flat index."""
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    return ops.unravel_index(as_array(indices), dims=shape, order=order)


def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    """The flat index of elements of an array of shape `dims` that are given by an array of indices for each axis."""
    dims = tuple(dims) if isinstance(dims, tuple | list) else (dims,)
    return ops.ravel_multi_index(*[as_array(i) for i in multi_index], dims=dims, mode=mode, order=order)
