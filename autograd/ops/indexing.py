"""Indexing, and its transpose, which adds to the positions that were read."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy

from ..backend import is_array
from ..core import library
from ..families import Composition, is_half, jointly_linear, linear, moves, nondifferentiable
from ..kernels.scatter import add_in_order, is_deterministic
from ..primitive import Primitive
from .elementwise import equal, where
from .shape import broadcast_to, inverse, transpose, with_ndim

__all__ = [
    "ARRAY", "add_along_axis", "add_at", "argsort", "getitem", "has_repeats", "nonzero", "not_batched", "set_at",
    "take_along_axis",
]  # fmt: skip

# An index is a tuple of ints, slices, None and Ellipsis (`index`); `ARRAY` in it stands for the next of `indices`, the
# integer and boolean arrays, so that arrays reach the primitives as arguments.
ARRAY = "array"
_ADDED_ATOMICALLY = "iIlLqQefdFD"  # by CuPy's `add.at`; complex numbers as pairs


def _index(index, indices):
    arrays = iter(indices)
    return tuple(next(arrays) if i is ARRAY else i for i in index)


def _getitem(xp, x, *indices, index):
    if xp is numpy and len(indices) == 1 < len(index) and _is_take(index, *indices):
        return x.take(indices[0], len(index) - 1)  # contiguous, where NumPy's indexing gives a transposed array
    return x[_index(index, indices)]


def _is_take(index, indices):
    """Whether an index takes whole axes, and then numbers along one axis."""
    return index[-1] is ARRAY and indices.dtype.kind == "i" and all(i == slice(None) for i in index[:-1])


def _add_at(xp, g, *indices, index, shape):
    """Zeros of `shape`, to which `g` is added at the index; positions named twice get both."""
    place = _index(index, indices)
    repeats = not all(i.dtype == bool for i in indices)  # whether a position may be named twice
    if repeats and is_half(g.dtype):  # sums would stop where one more is less than half of the last digit
        return _add_at(xp, g.astype("float32"), *indices, index=index, shape=shape).astype(g.dtype)
    if repeats and xp is not numpy and (is_deterministic() or g.dtype.char not in _ADDED_ATOMICALLY):
        return add_in_order(xp, g, place, shape)
    total = xp.zeros(shape, g.dtype)
    if not repeats:
        total[place] = g
    elif g.dtype.kind == "c" and xp is not numpy:
        xp.add.at(total.real, place, g.real)  # CuPy adds atomically to real numbers only
        xp.add.at(total.imag, place, g.imag)
    else:
        xp.add.at(total, place, g)
    return total


def _take_along_axis(xp, x, indices, *, axis):
    return xp.take_along_axis(x, indices, axis)


def _add_along_axis(xp, g, indices, *, axis, shape):
    places = list(xp.ogrid[tuple(slice(n) for n in indices.shape)])
    places[axis] = indices
    return _add_at(xp, g, *places, index=(ARRAY,) * len(places), shape=shape)


def _set_at(xp, x, v, *indices, index):
    changed = x.copy()
    changed[_index(index, indices)] = v
    return changed


def _nonzero(xp, x):
    return xp.nonzero(x)


def _has_repeats(xp, x):
    """Whether a vector contains a number twice."""
    x = xp.sort(x, -1)
    return (x[..., 1:] == x[..., :-1]).any(-1)


def _argsort(xp, x, *, axis, stable):
    return xp.argsort(x, axis, kind="stable") if stable else xp.argsort(x, axis)


def _place_of_arrays(index, arrays, ndim):
    """The axes of the result that the index arrays broadcast to: (the first of them, how many).

    Args:
        arrays: (whether it is boolean, its ndim) for each array of the index.
        ndim: The number of axes of the indexed array.
    """
    fancy = [place for place, i in enumerate(index) if i is ARRAY or type(i) is int]
    apart = fancy[-1] - fancy[0] >= len(fancy)  # with slices between them: then NumPy puts these axes first
    before = () if apart else index[: fancy[0]]
    named = sum(n if boolean else 1 for boolean, n in arrays)
    rest = ndim - named - sum(type(i) is int or isinstance(i, slice) for i in index)  # what `...` stands for
    first = sum(rest if i is Ellipsis else 1 for i in before)
    return first, max(1 if boolean else n for boolean, n in arrays)


def _batch_indexing(primitive, size, values, batched, params):
    """`getitem` or `add_at` of a batch. Without arrays in the index, a slice takes all lanes.

    With arrays, the number of the lane is one more index array, in front. The axes that the index arrays broadcast to
    then come first, too, and are moved to or from the place that they have without it.
    """
    (x, *indices), (_, *own), index = values, batched, params["index"]
    shape = params.get("shape", x.shape[batched[0] :])
    params = params | ({"shape": (size, *shape)} if "shape" in params else {})
    x = x if batched[0] else broadcast_to(x, shape=(size, *x.shape))
    if not indices:
        return primitive(x, **params | {"index": (slice(None), *index)})
    kinds = [(i.dtype.kind == "b", i.ndim - b) for i, b in zip(indices, own, strict=True)]
    if any(b and boolean for b, (boolean, _) in zip(own, kinds, strict=True)):
        raise TypeError(
            f"{primitive.name}: expected an index of integers under vmap, got a boolean one that differs from lane to "
            "lane, so that results would differ in shape. Use where(mask, x, y)."
        )
    first, count = _place_of_arrays(index, kinds, len(shape))
    lanes = library(x).arange(size).reshape((size,) + (1,) * count)
    indices = [with_ndim(i, count + 1) if b else i for i, b in zip(indices, own, strict=True)]
    params["index"] = (ARRAY, *index)
    front = (0, *range(count + 1, count + 1 + first), *range(1, count + 1))
    if primitive is add_at:
        axes = inverse((*front, *range(len(front), x.ndim)))
        return add_at(transpose(x, axes=axes), lanes, *indices, **params)
    y = getitem(x, lanes, *indices, **params)
    return transpose(y, axes=(*front, *range(len(front), y.ndim)))


def _set_by_adding(x, v, *indices, index):
    """`set_at` as a composition."""
    there = getitem(x, *indices, index=index)
    v = v if hasattr(v, "shape") else library(x).asarray(v, x.dtype)
    place = {"index": index, "shape": x.shape}
    chosen = add_at(library(x).ones(there.shape, "int8"), *indices, **place)
    return where(equal(chosen, 1), add_at(broadcast_to(v, shape=there.shape), *indices, **place), x)


def _ranges(shape, indices, index):
    """(array, smallest allowed, first too large) for the integer arrays of an index into an array of a shape."""
    arrays = iter(indices)
    parts = [next(arrays) if part is ARRAY else part for part in index]
    axes = [0 if p is None or p is Ellipsis else p.ndim if _is_mask(p) else 1 for p in parts]
    axis = 0
    for part, count in zip(parts, axes, strict=True):
        if is_array(part) and not _is_mask(part):
            yield part, -shape[axis], shape[axis]
        axis += len(shape) - sum(axes) if part is Ellipsis else count


def _is_mask(part):
    return is_array(part) and part.dtype.kind == "b"


def _memory_of_items(x, *indices, index):
    """A mask or an array of several indices makes a copy; of an array with one index NumPy and CuPy may give a view."""
    if not indices:
        return "view"
    return "new" if any(i.shape or i.dtype.kind == "b" for i in indices) else ""


def not_batched(
    primitive: Primitive, size: int, values: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> NoReturn:
    """The batch rule of operations whose results differ in shape from lane to lane: raises TypeError."""
    raise TypeError(
        f"{primitive.name}: results would differ in shape from lane to lane, which vmap cannot stack. "
        "Use where(mask, x, y)."
    )


getitem: Primitive = linear(
    _getitem,
    lambda g, x_shape, indices, index: add_at(g, *indices, index=index, shape=x_shape),
    batch=_batch_indexing,
    flops=moves,
    memory=_memory_of_items,
    index_ranges=lambda x, *indices, index: _ranges(x.shape, indices, index),
    shape_from=lambda x, *indices: [i for i in indices if i.dtype.kind == "b"],
)
add_at: Primitive = linear(
    _add_at,
    lambda g, indices, index: getitem(g, *indices, index=index),
    batch=_batch_indexing,
    memory="new",
    index_ranges=lambda g, *indices, index, shape: _ranges(shape, indices, index),
)
take_along_axis: Primitive = linear(
    _take_along_axis,
    lambda g, x_shape, indices, axis: add_along_axis(g, indices, axis=axis, shape=x_shape),
    flops=moves,
    memory="new",
    index_ranges=lambda x, indices, axis: [(indices, -x.shape[axis], x.shape[axis])],
)
add_along_axis: Primitive = linear(
    _add_along_axis,
    lambda g, indices, axis: take_along_axis(g, indices, axis=axis),
    memory="new",
    index_ranges=lambda g, indices, axis, shape: [(indices, -shape[axis], shape[axis])],
)
argsort: Primitive = nondifferentiable(_argsort)
has_repeats: Primitive = nondifferentiable(_has_repeats)
nonzero: Primitive = nondifferentiable(_nonzero, batch=not_batched, shape_from=lambda x: [x])
set_at: Primitive = jointly_linear(  # no index may name a position twice: which value wins would be undefined
    _set_at,
    lambda g, indices, index: set_at(g, 0, *indices, index=index),
    lambda g, indices, index: getitem(g, *indices, index=index),
    None,
    batch=Composition(_set_by_adding),
    flops=moves,
    memory="new",
    index_ranges=lambda x, v, *indices, index: _ranges(x.shape, indices, index),
)
