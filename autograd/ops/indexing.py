"""Indexing, and its transpose, which adds to the places that were read."""

import numpy

from ..families import jointly_linear, linear, nondifferentiable

# An index is a tuple of ints, slices, None and Ellipsis (`index`); `ARRAY` in it stands for the next of `indices`, the
# integer and boolean arrays, so that arrays reach the primitives as arguments.
ARRAY = "array"


def _index(index, indices):
    arrays = iter(indices)
    return tuple(next(arrays) if i is ARRAY else i for i in index)


def _getitem(xp, x, *indices, index):
    return x[_index(index, indices)]


def _add_at(xp, g, *indices, index, shape):
    """Zeros of `shape`, to which `g` is added at the index; places named twice get both."""
    total = xp.zeros(shape, g.dtype)
    place = _index(index, indices)
    if all(i.dtype == bool for i in indices):
        total[place] = g  # names no place twice
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


def _argsort(xp, x, *, axis, stable):
    return xp.argsort(x, axis, kind="stable") if stable else xp.argsort(x, axis)


getitem = linear(_getitem, lambda g, x_shape, indices, index: add_at(g, *indices, index=index, shape=x_shape))
add_at = linear(_add_at, lambda g, indices, index: getitem(g, *indices, index=index))
take_along_axis = linear(
    _take_along_axis, lambda g, x_shape, indices, axis: add_along_axis(g, indices, axis=axis, shape=x_shape)
)
add_along_axis = linear(_add_along_axis, lambda g, indices, axis: take_along_axis(g, indices, axis=axis))
argsort = nondifferentiable(_argsort)
set_at = jointly_linear(  # no index may name a place twice: which value wins would be undefined
    _set_at,
    lambda g, indices, index: set_at(g, 0, *indices, index=index),
    lambda g, indices, index: getitem(g, *indices, index=index),
    None,
)
