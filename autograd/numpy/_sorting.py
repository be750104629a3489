"""Sorting, partitioning, searching and counting."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as onp

from ..axes import complete_axis
from ..core import Array
from ..ops import indexing
from ..ops import searching as ops
from ..typing import ArrayLike, Result, Shape
from ._common import along_axis, as_array, complete_shape, on_one_device, together
from ._elementwise import nonzero
from ._indexing import take
from ._placement import placed_like
from ._shape import atleast_1d, ravel, stack

_KINDS = ("quicksort", "mergesort", "heapsort", "stable", "quick", "merge", "heap")


def argsort(
    a: ArrayLike, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None
) -> Result:
    """The indices that sort along an axis; None for the flattened array.

    `stable`, or kind "stable" or "mergesort", keeps the order of equal elements; other kinds have no effect.
    """
    a, axis = along_axis(a, axis)
    return _order(a, axis, kind, order, stable)


def sort(
    a: ArrayLike, axis: int | None = -1, kind: str | None = None, order: None = None, *, stable: bool | None = None
) -> Result:
    """`a` sorted along an axis; None for the flattened array. Gradients return to where elements came from."""
    a, axis = along_axis(a, axis)
    return indexing.take_along_axis(a, _order(a, axis, kind, order, stable), axis=axis)


def _order(a, axis, kind, order, stable):
    if order is not None:
        raise ValueError(f"sort: expected an array without fields, got order={order!r}. Use lexsort.")
    if kind is not None and kind not in _KINDS:
        raise ValueError(f"sort: expected a kind of {', '.join(_KINDS)}, got {kind!r}.")
    return indexing.argsort(a, axis=axis, stable=bool(stable) or kind in ("stable", "mergesort"))


def argpartition(
    a: ArrayLike, kth: int | Sequence[int], axis: int | None = -1, kind: str | None = "introselect", order: None = None
) -> Result:
    """Indices that put the elements at `kth` of the sorted order in place, lesser ones before them."""
    a, axis = along_axis(a, axis)
    length = a.shape[axis]
    try:
        places = [operator.index(k) for k in (kth if isinstance(kth, tuple | list) else (kth,))]
    except TypeError:
        raise TypeError(f"partition: expected kth of integers, got {kth!r}.") from None
    if not all(-length <= k < length for k in places):
        raise ValueError(f"partition: expected kth from {-length} to {length - 1}, got {kth}.")
    kth = tuple([k % length for k in places])
    return ops.argpartition(a, kth=kth, axis=axis)


def partition(
    a: ArrayLike, kth: int | Sequence[int], axis: int | None = -1, kind: str | None = "introselect", order: None = None
) -> Result:
    """`a` with the elements at `kth` of the sorted order in place, lesser ones before them."""
    a, axis = along_axis(a, axis)
    return indexing.take_along_axis(a, argpartition(a, kth, axis), axis=axis)


def sort_complex(a: ArrayLike) -> Result:
    """`a` sorted along the last axis by real, then by imaginary part, as complex numbers."""
    numbers = sort(a)
    return as_array(numbers, onp.result_type(numbers.dtype, "complex64"))


def lexsort(keys: Iterable[ArrayLike], axis: int = -1) -> Result:
    """The indices that sort by the last key, where it is equal by the last but one, and so on."""
    arrays = together(*keys)
    if not arrays:
        raise TypeError("lexsort: expected at least one key, got none.")
    first, *others = arrays
    order = argsort(first, axis, stable=True)
    for key in others:
        ordered = indexing.take_along_axis(key, order, axis=complete_axis(axis, key.ndim))
        order = indexing.take_along_axis(order, argsort(ordered, axis, stable=True), axis=complete_axis(axis, key.ndim))
    return order


def searchsorted(a: ArrayLike, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None) -> Result:
    """The positions at which to insert `v` into the sorted vector `a`: before ("left") or after equal elements."""
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted: expected side 'left' or 'right', got {side!r}.")
    a, v = on_one_device(a, v)
    a = as_array(a) if sorter is None else take(a, sorter)
    return ops.searchsorted(a, placed_like(a, v), side=side)


def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Result:
    """The number of the interval between `bins`, which rise or fall, that contains each element of `x`.

    Interval i is bins[i-1] <= x < bins[i], with `right` it is bins[i-1] < x <= bins[i].
    """
    x, bins = together(x, bins)
    return ops.digitize(bins, x, right=bool(right))


def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Result:
    """Whether each element is among `test_elements`, or with `invert` is not.

    `assume_unique` and `kind` have no effect.
    """
    element, test_elements = together(element, test_elements)
    return ops.isin(test_elements, element, invert=bool(invert))


def argwhere(a: ArrayLike) -> Result:
    """The indices of the nonzero elements, as rows: it raises under `vmap` and `Jit`."""
    a = as_array(a)
    return stack(nonzero(atleast_1d(a)), 1)[:, : a.ndim]


def flatnonzero(a: ArrayLike) -> Result:
    """The indices of the nonzero elements of the flattened array: it raises under `vmap` and `Jit`."""
    return nonzero(ravel(a))[0]


def bincount(x: ArrayLike, weights: ArrayLike | None = None, minlength: int = 0) -> Result:
    """How often each non-negative number occurs in the vector `x`, or the sums of their `weights`.

    The length of the result is the greatest number + 1, at least `minlength`: it raises under `vmap` and `Jit`.
    """
    x = as_array(x)
    x = x if x.shape != (0,) else as_array(x, int)
    if minlength is not None and minlength < 0:
        raise ValueError(f"bincount: expected a non-negative minlength, got {minlength}.")
    if weights is not None:
        weights = placed_like(x, weights)
        if weights.shape != x.shape or weights.dtype.kind == "c":
            raise ValueError(f"bincount: expected {x.shape[0]} real weights, got {weights.dtype} of {weights.shape}.")
        weights = as_array(weights, float) if weights.dtype.kind in "iub" else weights
    if x.ndim != 1 or x.dtype.kind not in "iub":
        raise TypeError(f"bincount: expected a vector of integers, got {x.dtype} of shape {x.shape}.")
    low, high = (int(x.min()), int(x.max())) if x.size else (0, -1)
    if low < 0:
        raise ValueError(f"bincount: expected non-negative numbers, got {low}.")
    return count_places(x, weights, max(high + 1, minlength))


def count_places(places: Array, weights: ArrayLike | None, length: int) -> Result:
    """How often each number from 0 to length - 1 occurs in the vector `places`, or the sums of their weights."""
    if weights is None:
        return ops.bincount(places, length=length)
    return indexing.add_at(placed_like(places, weights), places, index=(indexing.ARRAY,), shape=(length,))


def unravel_index(indices: ArrayLike, shape: Shape, order: str = "C") -> tuple[Result, ...]:
    """The index, an array for each axis, of elements of an array with `shape`, from their flat index."""
    return ops.unravel_index(as_array(indices), dims=complete_shape(shape), order=order)


def ravel_multi_index(multi_index: Sequence[ArrayLike], dims: Shape, mode: str = "raise", order: str = "C") -> Result:
    """The flat index of elements of an array with shape `dims`, from an array of indices for each axis."""
    arrays = together(*multi_index)
    return ops.ravel_multi_index(*arrays, dims=complete_shape(dims), mode=mode, order=order)
