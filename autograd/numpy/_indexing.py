"""Indexing and selection."""

from __future__ import annotations

import operator
import types
from typing import Any, NoReturn

import numpy as onp

from .. import backend
from ..axes import index_along
from ..core import Array, bare, library, resolved
from ..foreign import is_array_like, to_raw
from ..ops import indexing as ops
from ..ops.indexing import ARRAY
from ..typing import ArrayLike, DTypeLike, Result
from ._common import along_axis, as_array, refuse_output
from ._elementwise import clip, maximum, minimum, nonzero, where
from ._placement import placed_like
from ._shape import broadcast_to, moveaxis, ravel

_BASIC = (int, slice, types.NoneType, types.EllipsisType)  # parts of an index that are no arrays


def split_index(x: Array, index: Any) -> tuple[tuple[Any, ...], list[Array]]:
    """An index of `x` as the two parts that operations take: a tuple with `ARRAY` for each array, and a list of these.

    Sequences and raw host arrays may index arrays of any device, as in CuPy.
    """
    template: list[Any] = []
    arrays: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, onp.integer):
            part = int(part)
        elif isinstance(part, slice):
            part = slice(_end(part.start), _end(part.stop), _end(part.step))
        if isinstance(part, bool) or not isinstance(part, _BASIC):
            arrays.append(_index_array(x, part))
            part = ARRAY
        template.append(part)
    return tuple(template), arrays


def _end(x: Any) -> Any:
    """A bound of a slice as a number; CuPy would not pass on the error of an Array that has none."""
    return operator.index(x) if isinstance(x, Array) else x


def _index_array(x, part):
    """The array of integers or booleans that `part` of an index of `x` stands for."""
    part = resolved(part)
    if not isinstance(part, Array) and not backend.is_array(part):
        part = to_raw(part, "Array[...]", copy=True) if is_array_like(part) else onp.array(part)
        part = part if part.size else part.astype(int)  # an empty list would be real numbers
    if part.dtype.kind not in "iub":
        raise IndexError(f"Array[...]: expected an index of integers or booleans, got dtype {part.dtype}.")
    if not isinstance(part, Array) and not backend.is_cupy(part):
        part = library(x).asarray(part)
    return part


def getitem(x: Array, index: Any) -> Array:
    """`x[index]`, as in NumPy."""
    template, arrays = split_index(x, index)
    return ops.getitem(x, *arrays, index=template)


class IndexUpdate:
    """`x.at[index]`: its methods return a copy of `x` changed at the index, differentiable in `x` and the values.

    Values broadcast to the shape of `x[index]` and get the dtype of `x`. `add` adds all values to an element that the
    index names several times; the other methods raise ValueError for such an index, because which value counts would be
    undefined.
    """

    __slots__ = ("_arrays", "_index", "_x")

    def __init__(self, x: Array, index: Any = ()) -> None:
        self._x = x
        self._index, self._arrays = split_index(x, index)

    def __getitem__(self, index: Any) -> IndexUpdate:
        return IndexUpdate(self._x, index)

    def __setitem__(self, index: Any, values: Any) -> NoReturn:
        raise TypeError("x.at[index]: arrays never change. Write x = x.at[index].set(values).")

    def get(self) -> Array:
        """`x[index]`."""
        return ops.getitem(self._x, *self._arrays, index=self._index)

    def set(self, values: ArrayLike) -> Array:
        """`x` with `values` in place of `x[index]`."""
        values = placed_like(self._x, values, self._x.dtype)
        if self._index == (ARRAY,) and self._arrays[0].dtype.kind == "b":
            mask, x = self._arrays[0], self._x
            if values.ndim <= x.ndim - mask.ndim:  # the same for every element: no need to know how many there are
                return where(mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), values, x)
        self._require_distinct()
        return ops.set_at(self._x, values, *self._arrays, index=self._index)

    def add(self, values: ArrayLike) -> Array:
        """`x` with `values` added to `x[index]`."""
        there = self.get()
        values = placed_like(self._x, values, self._x.dtype)
        if values.shape != there.shape:
            values = broadcast_to(values, there.shape)
        return self._x + ops.add_at(values, *self._arrays, index=self._index, shape=self._x.shape)

    def multiply(self, values: ArrayLike) -> Array:
        """`x` with `x[index]` multiplied by `values`."""
        return self.set(self.get() * values)

    def divide(self, values: ArrayLike) -> Array:
        """`x` with `x[index]` divided by `values`."""
        return self.set(self.get() / values)

    def power(self, values: ArrayLike) -> Array:
        """`x` with `x[index]` raised to the power of `values`."""
        return self.set(self.get() ** values)

    def min(self, values: ArrayLike) -> Array:
        """`x` with the lesser of `x[index]` and `values`."""
        return self.set(minimum(self.get(), values))

    def max(self, values: ArrayLike) -> Array:
        """`x` with the greater of `x[index]` and `values`."""
        return self.set(maximum(self.get(), values))

    def _require_distinct(self):
        if any(a.dtype.kind != "b" for a in self._arrays):
            numbers = library(self._x).arange(self._x.size).reshape(self._x.shape)
            places = ops.getitem(numbers, *self._arrays, index=self._index)
            repeated = ops.has_repeats(places.reshape((places.size,)))
            if bare(repeated).any():  # under vmap in any lane
                raise ValueError("Array.at: expected an index that names no element twice. Use .add, or merge values.")


def take(a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None, mode: str = "raise") -> Result:
    """The elements of `a` at integer `indices` along an axis; None for the flattened array.

    `mode` is "raise" (IndexError with NumPy; CuPy wraps), "wrap" or "clip".
    """
    refuse_output(out, "take")
    a, axis = along_axis(a, axis)
    indices = int(indices) if isinstance(indices, int) else placed_like(a, indices)
    if not isinstance(indices, int) and (not indices.size or indices.dtype == bool):
        indices = as_array(indices, int)  # booleans are 0 and 1; an empty list has the dtype float
    return getitem(a, index_along(axis, within("take", indices, a.shape[axis], mode)))


def within(name: str, indices: Any, length: int, mode: str) -> Any:
    """Indices brought into 0 to length - 1 by `mode` "wrap" or "clip"; "raise" leaves it to the array library."""
    if mode == "wrap":
        return indices % length
    if mode == "clip":
        return max(0, min(indices, length - 1)) if isinstance(indices, int) else clip(indices, 0, length - 1)
    if mode != "raise":
        raise ValueError(f"{name}: expected mode 'raise', 'wrap' or 'clip', got {mode!r}.")
    return indices


def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Result:
    """The elements of `arr` at `indices` along an axis; all other axes are matched and broadcast."""
    arr, axis = along_axis(arr, axis)
    indices = placed_like(arr, indices)
    if indices.ndim != arr.ndim:
        raise ValueError(f"take_along_axis: expected indices of {arr.ndim} axes, got shape {indices.shape}.")
    shape = arr.shape[:axis] + (indices.shape[axis],) + arr.shape[axis + 1 :]
    if indices.shape != shape:  # the transpose needs every place
        indices = broadcast_to(indices, shape)
    return ops.take_along_axis(arr, indices, axis=axis)


def compress(condition: ArrayLike, a: ArrayLike, axis: int | None = None, out: None = None) -> Result:
    """The slices of `a` along an axis where a vector of booleans is true: it raises under `vmap` and `Jit`."""
    refuse_output(out, "compress")
    a, axis = along_axis(a, axis)
    condition = placed_like(a, condition)
    if condition.ndim != 1:
        raise ValueError(f"compress: expected a vector as condition, got shape {condition.shape}.")
    return a[index_along(axis, nonzero(condition)[0])]


def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Result:
    """The diagonal of two axes, as a new last axis."""
    matrices = moveaxis(as_array(a), (axis1, axis2), (-2, -1))
    rows, columns = matrices.shape[-2:]
    start_row, start_column = max(-offset, 0), max(offset, 0)
    count = max(0, min(rows - start_row, columns - start_column))
    xp = library(matrices)
    rows = xp.arange(start_row, start_row + count)
    return matrices[..., rows, xp.arange(start_column, start_column + count)]


def trace(
    a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike = None, out: None = None
) -> Result:
    """The sum of the diagonal of two axes."""
    refuse_output(out, "trace")
    return as_array(diagonal(as_array(a, dtype), offset, axis1, axis2).sum(-1), dtype)


def diag(v: ArrayLike, k: int = 0) -> Result:
    """The matrix with the vector `v` as its diagonal `k`, or the diagonal of the matrix `v`."""
    v = as_array(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: expected a vector or a matrix, got shape {v.shape}.")
    xp, n = library(v), v.shape[0] + abs(k)
    place = [xp.arange(start, start + v.shape[0]) for start in (max(-k, 0), max(k, 0))]
    return ops.add_at(v, *place, index=(ARRAY, ARRAY), shape=(n, n))


def diagflat(v: ArrayLike, k: int = 0) -> Result:
    """The matrix with the elements of `v` as its diagonal `k`."""
    return diag(ravel(v), k)
