"""Functions that rearrange, join, split and repeat."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, overload

import numpy as onp

from .. import tree
from ..axes import complete_axes, complete_axis, index_along
from ..core import Array, library
from ..foreign import holds_numbers, is_no_array
from ..ops import shape as ops
from ..typing import ArrayLike, Axes, DTypeLike, Integers, Result, Shape
from ._common import (
    along_axis,
    as_array,
    complete_shape,
    on_one_device,
    part,
    refuse_output,
    require_casting,
    stack_all,
    together,
)  # fmt: skip


def shape(a: ArrayLike) -> tuple[int, ...]:
    """The shape of an array or nested list."""
    return as_array(a).shape


def ndim(a: ArrayLike) -> int:
    """The number of axes of an array or nested list."""
    return as_array(a).ndim


def size(a: ArrayLike, axis: Axes = None) -> int:
    """The number of elements, or of those along an axis or several."""
    shape = as_array(a).shape
    return math.prod(shape if axis is None else [shape[i] for i in complete_axes(axis, len(shape))])


def reshape(a: ArrayLike, shape: Shape, order: str = "C", *, copy: bool | None = None) -> Result:
    """`a` with another shape of the same size; one -1 in it is computed. `copy` has no effect.

    `order` is "C" or "F"; "A" is that in which a raw array lies in memory, "C" for an Array.

    Raises:
        ValueError: If the sizes differ.
    """
    a, shape = as_array(a), complete_shape(shape)
    order = _complete_order("reshape", a, order)
    if -1 in shape:
        known = math.prod(n for n in shape if n != -1)
        if shape.count(-1) > 1 or known == 0 or a.size % known:
            raise ValueError(f"reshape: cannot reshape an array of shape {a.shape} into {shape}.")
        shape = tuple(a.size // known if n == -1 else n for n in shape)
    if order == "F":
        return transpose(ops.reshape(transpose(a), shape=shape[::-1]))
    return a if shape == a.shape else ops.reshape(a, shape=shape)


def ravel(a: ArrayLike, order: str = "C") -> Result:
    """`a` as a vector, in order "C" or "F"; "A" and "K" are those of a raw array in memory, "C" for an Array."""
    a = as_array(a)
    return reshape(a, (-1,) if a.size else (0,), _complete_order("ravel", a, "A" if order == "K" else order))


def _complete_order(where, a, order):
    """ "C" or "F"."""
    if order == "A":
        return "F" if not isinstance(a, Array) and a.ndim > 1 and a.flags.fnc else "C"
    if order not in ("C", "F", None):
        raise ValueError(f"{where}: expected order 'C', 'F' or 'A', got {order!r}.")
    return order or "C"


def transpose(a: ArrayLike, axes: Sequence[SupportsIndex] | onp.ndarray[Any, Any] | None = None) -> Result:
    """`a` with permuted axes, reversed by default."""
    a = as_array(a)
    axes = tuple(range(a.ndim))[::-1] if axes is None else complete_axes(tuple(axes), a.ndim)
    if len(axes) != a.ndim:
        raise ValueError(f"transpose: expected {a.ndim} axes for shape {a.shape}, got {axes}.")
    return ops.transpose(a, axes=axes)


permute_dims = transpose


def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Result:
    """`a` with two axes exchanged."""
    a = as_array(a)
    axes = list(range(a.ndim))
    i, j = complete_axis(axis1, a.ndim), complete_axis(axis2, a.ndim)
    axes[i], axes[j] = j, i
    return ops.transpose(a, axes=tuple(axes))


def matrix_transpose(x: ArrayLike) -> Result:
    """`x` with its last two axes exchanged."""
    return swapaxes(x, -1, -2)


def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Result:
    """`a` with the axes `source` moved to the places `destination`; the others keep their order."""
    a = as_array(a)
    source, destination = complete_axes(source, a.ndim), complete_axes(destination, a.ndim)
    if len(source) != len(destination):
        raise ValueError(f"moveaxis: expected as many sources as destinations, got {source} and {destination}.")
    axes = [i for i in range(a.ndim) if i not in source]
    for place, axis in sorted(zip(destination, source, strict=True)):
        axes.insert(place, axis)
    return ops.transpose(a, axes=tuple(axes))


def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Result:
    """`a` with an axis moved backwards until it stands before `start`."""
    a = as_array(a)
    axis = complete_axis(axis, a.ndim)
    try:
        start = operator.index(start)
    except TypeError:
        raise TypeError(f"rollaxis: expected start as an integer, got {start!r}.") from None
    if not -a.ndim <= start <= a.ndim:
        raise onp.exceptions.AxisError(f"rollaxis: expected start from {-a.ndim} to {a.ndim}, got {start}.")
    start = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, start - 1 if axis < start else start)


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Result:
    """`a` with new axes of length 1 at the places `axis` of the result."""
    a = as_array(a)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    axes = complete_axes(axis, a.ndim + count)
    lengths = iter(a.shape)
    return ops.reshape(a, shape=tuple(1 if i in axes else next(lengths) for i in range(a.ndim + count)))


def squeeze(a: ArrayLike, axis: Axes = None) -> Result:
    """`a` without its axes of length 1, or without those in `axis`, whose lengths must be 1."""
    a = as_array(a)
    axes = [i for i, n in enumerate(a.shape) if n == 1] if axis is None else complete_axes(axis, a.ndim)
    for i in axes:
        if a.shape[i] != 1:
            raise ValueError(f"squeeze: expected axis {i} of length 1, got shape {a.shape}.")
    return ops.reshape(a, shape=tuple(n for i, n in enumerate(a.shape) if i not in axes))


def broadcast_to(array: ArrayLike, shape: Shape, subok: bool = False) -> Result:
    """`array` broadcast to a shape."""
    return ops.broadcast_to(as_array(array), shape=complete_shape(shape))


def broadcast_shapes(*args: Shape) -> tuple[int, ...]:
    """The shape to which arrays of these shapes broadcast."""
    return onp.broadcast_shapes(*args)


def broadcast_arrays(*args: ArrayLike, subok: bool = False) -> tuple[Result, ...]:
    """The arrays broadcast to their common shape. None and texts count as arrays of objects, which stay NumPy's."""
    arrays = [onp.asarray(a) if is_no_array(a) else as_array(a) for a in on_one_device(*args)]
    shape = broadcast_shapes(*[a.shape for a in arrays])
    return tuple(broadcast_to(a, shape) if holds_numbers(a) else onp.broadcast_to(a, shape) for a in arrays)


@overload
def atleast_1d(ary: ArrayLike, /) -> Result: ...
@overload
def atleast_1d(*arys: ArrayLike) -> Any: ...
def atleast_1d(*arys: ArrayLike) -> Any:
    """Each array with at least one axis; a tuple if there are several arrays."""
    return _each(lambda a: a if a.ndim else a.reshape((1,)), arys)


@overload
def atleast_2d(ary: ArrayLike, /) -> Result: ...
@overload
def atleast_2d(*arys: ArrayLike) -> Any: ...
def atleast_2d(*arys: ArrayLike) -> Any:
    """Each array with at least two axes, new ones in front; a tuple if there are several arrays."""
    return _each(lambda a: a if a.ndim > 1 else a.reshape((1, a.size)), arys)


@overload
def atleast_3d(ary: ArrayLike, /) -> Result: ...
@overload
def atleast_3d(*arys: ArrayLike) -> Any: ...
def atleast_3d(*arys: ArrayLike) -> Any:
    """Each array with at least three axes; a tuple if there are several arrays.

    A vector lies along the second, a matrix along the first two.
    """
    return _each(lambda a: a if a.ndim > 2 else a[..., None] if a.ndim == 2 else a.reshape((1, a.size, 1)), arys)


def _each(function, arrays):
    results = tuple(function(as_array(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


def concatenate(
    arrays: Iterable[ArrayLike],
    axis: int | None = 0,
    out: None = None,
    *,
    dtype: DTypeLike = None,
    casting: str = "same_kind",
) -> Result:
    """Joins arrays along an existing axis; flattens them first if it is None. A result of `dtype`, if it is given."""
    refuse_output(out, "concatenate")
    parts = together(*arrays)
    if not parts:
        raise ValueError("concatenate: expected at least one array, got none.")
    require_casting("concatenate", dtype, parts, casting)
    parts = [as_array(a, dtype) for a in parts]
    if axis is None:
        parts, axis = [ravel(a) for a in parts], 0
    return ops.concatenate(*parts, axis=complete_axis(axis, parts[0].ndim))


concat = concatenate


def stack(
    arrays: Iterable[ArrayLike], axis: int = 0, out: None = None, *, dtype: DTypeLike = None, casting: str = "same_kind"
) -> Result:
    """Joins arrays of one shape along a new axis."""
    refuse_output(out, "stack")
    parts = together(*arrays)
    if not parts:
        raise ValueError("stack: expected at least one array, got none.")
    require_casting("stack", dtype, parts, casting)
    return moveaxis(stack_all([as_array(a, dtype) for a in parts]), 0, axis)


def vstack(tup: Iterable[ArrayLike], *, dtype: DTypeLike = None, casting: str = "same_kind") -> Result:
    """Joins arrays along the first axis; vectors are rows."""
    return concatenate([atleast_2d(a) for a in together(*tup)], dtype=dtype, casting=casting)


def hstack(tup: Iterable[ArrayLike], *, dtype: DTypeLike = None, casting: str = "same_kind") -> Result:
    """Joins arrays along the second axis, vectors along their only one."""
    arrays = [atleast_1d(a) for a in together(*tup)]
    return concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1, dtype=dtype, casting=casting)


def dstack(tup: Iterable[ArrayLike]) -> Result:
    """Joins arrays along the third axis, which vectors and matrices get with length 1."""
    return concatenate([atleast_3d(a) for a in together(*tup)], 2)


def column_stack(tup: Iterable[ArrayLike]) -> Result:
    """Joins vectors, as columns, and matrices along the second axis."""
    return concatenate([reshape(a, (a.size, 1)) if a.ndim < 2 else a for a in together(*tup)], 1)


def block(arrays: Any) -> Result:
    """Joins nested lists of arrays: the innermost along the last axis, the lists around them along the one before."""
    depth, (leaves, structure) = _depth(arrays), tree.flatten(arrays)
    leaves = together(*leaves)
    return _joined(tree.unflatten(structure, leaves), depth, max(depth, *[a.ndim for a in leaves]))


def _depth(arrays):
    """The depth to which lists are nested, which must be the same everywhere."""
    if isinstance(arrays, tuple):
        raise TypeError("block: expected lists of arrays, got a tuple.")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(x) for x in arrays}
    if len(depths) != 1:
        raise ValueError(f"block: expected non-empty lists of equal depth, got depths {sorted(depths)}.")
    return depths.pop() + 1


def _joined(arrays, depth, ndim):
    if isinstance(arrays, list):
        return concatenate([_joined(x, depth - 1, ndim) for x in arrays], -depth)
    return reshape(arrays, (1,) * (ndim - arrays.ndim) + arrays.shape)


def split(ary: ArrayLike, indices_or_sections: Integers, axis: int = 0) -> list[Result]:
    """Splits an array into a number of equal parts, or at indices, along an axis. ValueError if they are not equal."""
    parts, length = array_split(ary, indices_or_sections, axis), as_array(ary).shape[axis]
    if not onp.iterable(indices_or_sections) and length % len(parts):
        raise ValueError(f"split: expected an axis divisible by {indices_or_sections}, got length {length}.")
    return parts


def array_split(ary: ArrayLike, indices_or_sections: Integers, axis: int = 0) -> list[Result]:
    """Splits an array into a number of nearly equal parts, or at indices, along an axis."""
    ary = as_array(ary)
    axis = complete_axis(axis, ary.ndim)
    length = ary.shape[axis]
    if not onp.iterable(indices_or_sections):
        count = operator.index(indices_or_sections)
        if count < 1:
            raise ValueError(f"split: expected at least one part, got {count}.")
        small, longer = divmod(length, count)
        lengths = [small + 1] * longer + [small] * (count - longer)
        cuts = [sum(lengths[:i]) for i in range(1, len(lengths))]
    else:
        cuts = [operator.index(i) for i in indices_or_sections]
    return [part(ary, axis, start, stop) for start, stop in zip([0, *cuts], [*cuts, length], strict=True)]


def hsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Result]:
    """`split` along the second axis, of a vector along its only one."""
    return split(ary, indices_or_sections, 0 if as_array(ary).ndim == 1 else 1)


def vsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Result]:
    """`split` along the first axis."""
    return _split_matrix("vsplit", 2, ary, indices_or_sections, 0)


def dsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Result]:
    """`split` along the third axis."""
    return _split_matrix("dsplit", 3, ary, indices_or_sections, 2)


def _split_matrix(name, least, ary, indices_or_sections, axis):
    if as_array(ary).ndim < least:
        raise ValueError(f"{name}: expected at least {least} axes, got shape {as_array(ary).shape}.")
    return split(ary, indices_or_sections, axis)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Result, ...]:
    """The parts of `x` along an axis: a tuple of arrays without it."""
    parts = moveaxis(x, axis, 0)
    return tuple(parts[i] for i in range(parts.shape[0]))


def flip(m: ArrayLike, axis: Axes = None) -> Result:
    """`m` with the order of its elements reversed along axes, all by default."""
    m = as_array(m)
    return ops.flip(m, axis=complete_axes(axis, m.ndim))


def flipud(m: ArrayLike) -> Result:
    """`m` with its first axis reversed."""
    return flip(m, 0)


def fliplr(m: ArrayLike) -> Result:
    """`m` with its second axis reversed."""
    return flip(m, 1)


def roll(a: ArrayLike, shift: SupportsIndex | Sequence[SupportsIndex], axis: Axes = None) -> Result:
    """Shifts elements cyclically along axes; None for the flattened array."""
    a = as_array(a)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), a.shape)
    axes = tuple(complete_axis(i, a.ndim) for i in (axis if isinstance(axis, tuple | list) else (axis,)))
    several = isinstance(shift, tuple | list) or getattr(shift, "ndim", 0) > 0
    shifts: Any = tuple(map(operator.index, shift)) if several else (shift,) * len(axes)  # type: ignore[arg-type]
    axes *= len(shifts) if len(axes) == 1 else 1
    return ops.roll(a, shift=shifts, axis=axes)


def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Result:
    """`m` rotated `k` times by 90 degrees in the plane of two axes, from the first towards the second."""
    m = as_array(m)
    first, second = complete_axes(axes, m.ndim)
    turned = [
        lambda: m,
        lambda: swapaxes(flip(m, second), first, second),
        lambda: flip(m, (first, second)),
        lambda: flip(swapaxes(m, first, second), second),
    ]
    return turned[k % 4]()


def repeat(a: ArrayLike, repeats: ArrayLike, axis: int | None = None) -> Result:
    """Repeats each element `repeats` times, one number or one for each, along an axis; None for the flattened array."""
    a, axis = along_axis(a, axis)
    counts = onp.asarray(repeats)
    if onp.any(counts < 0):
        raise ValueError(f"repeat: expected non-negative counts, got {repeats}.")
    if counts.ndim == 0:
        return ops.repeat(a, repeats=operator.index(counts.item()), axis=axis)
    places = onp.repeat(onp.arange(a.shape[axis]), counts)
    return a[index_along(axis, library(a).array(places))]


def tile(A: ArrayLike, reps: Integers) -> Result:
    """`A` repeated as a whole, `reps[i]` times along axis i."""
    A = as_array(A)
    counts = complete_shape(reps)
    counts = (1,) * (A.ndim - len(counts)) + counts
    lengths = (1,) * (len(counts) - A.ndim) + A.shape
    pairs = list(zip(counts, lengths, strict=True))
    apart = reshape(A, [length for n in lengths for length in (1, n)])
    repeated = broadcast_to(apart, [length for pair in pairs for length in pair])
    return reshape(repeated, [r * n for r, n in pairs])


def tril(m: ArrayLike, k: int = 0) -> Result:
    """The lower triangle of matrices (..., n, m), up to diagonal `k`, zeros elsewhere."""
    return ops.triangle(as_array(m), k=operator.index(k), upper=False)


def triu(m: ArrayLike, k: int = 0) -> Result:
    """The upper triangle of matrices (..., n, m), from diagonal `k` on, zeros elsewhere."""
    return ops.triangle(as_array(m), k=operator.index(k), upper=True)
