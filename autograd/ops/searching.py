"""Searching, counting and partitioning: results are integers and booleans, which have no gradient."""

from ..core import library
from ..families import nondifferentiable
from ..primitive import Primitive
from .elementwise import clip, less_equal
from .indexing import not_batched
from .shape import broadcast_to, concatenate, reshape

__all__ = [
    "argpartition", "bincount", "digitize", "interval", "isin", "ravel_multi_index", "searchsorted", "unique_places",
    "unravel_index",
]  # fmt: skip


def _searchsorted(xp, table, x, *, side):
    return xp.searchsorted(table, x, side)


def _digitize(xp, table, x, *, right):
    return xp.digitize(x, table, right)


def _isin(xp, table, x, *, invert):
    return xp.isin(x, table, invert=invert)


def _batch_searches(primitive, size, values, batched, params):
    """`x` may have any shape; where the table differs from lane to lane, one lane after the other."""
    if not batched[0]:
        return primitive(*values, **params)
    lanes = [
        primitive(*[v[i] if b else v for v, b in zip(values, batched, strict=True)], **params) for i in range(size)
    ]
    return concatenate(*[lane[None] for lane in lanes], axis=0)


searchsorted: Primitive = nondifferentiable(_searchsorted, ("table", "x"), batch=_batch_searches)
digitize: Primitive = nondifferentiable(_digitize, ("table", "x"), batch=_batch_searches)
isin: Primitive = nondifferentiable(_isin, ("table", "x"), batch=_batch_searches)


def _bincount(xp, x, *, length):
    """The number of occurrences in `x` of each number from 0 to length - 1."""
    return xp.bincount(x.reshape(-1), minlength=length)


def _count_lanes(primitive, size, values, batched, params):
    """One count for all lanes: the numbers of lane i are moved by i times the length."""
    (x,), length = values, params["length"]
    numbers = reshape(x, shape=(size, x.size // size)) + library(x).arange(size)[:, None] * length
    return reshape(primitive(numbers, length=size * length), shape=(size, length))


bincount: Primitive = nondifferentiable(_bincount, batch=_count_lanes)


def _argpartition(xp, x, *, kth, axis):
    return xp.argpartition(x, kth, axis)


def _unique_places(xp, x, *, inverse, counts, axis, equal_nan):
    """The position at which each distinct number is first; on request, the inverse indices and the counts."""
    x = x.astype("uint8") if x.dtype == bool else x  # CuPy subtracts slices
    return xp.unique(x, True, inverse, counts, axis, equal_nan=equal_nan)[1:]


argpartition: Primitive = nondifferentiable(_argpartition)
unique_places: Primitive = nondifferentiable(_unique_places, batch=not_batched, shape_from=lambda x: [x])


def _unravel_index(xp, x, *, dims, order):
    return xp.unravel_index(x, dims, order)


def _ravel_multi_index(xp, *indices, dims, mode, order):
    return xp.ravel_multi_index(indices, dims, mode, order)


unravel_index: Primitive = nondifferentiable(_unravel_index)
ravel_multi_index: Primitive = nondifferentiable(_ravel_multi_index, (), batch="align")


def _interval(xp, points, x):
    """The number of the interval between sorted points that holds each x; the first and the last one are unbounded."""
    return xp.clip(xp.searchsorted(points, x, side="right") - 1, 0, max(len(points) - 2, 0))


def _batch_interval(primitive, size, values, batched, params):
    points, x = values
    if not batched[0]:
        return primitive(points, x)
    x = x if hasattr(x, "shape") else library(points).asarray(x)
    x = x if batched[1] else broadcast_to(x, shape=(size, *x.shape))
    points = reshape(points, shape=(size, *(1,) * (x.ndim - 1), points.shape[-1]))
    reached = less_equal(points, reshape(x, shape=(*x.shape, 1))).sum(-1)
    return clip(reached - 1, low=0, high=max(points.shape[-1] - 2, 0))


interval: Primitive = nondifferentiable(_interval, ("points", "x"), batch=_batch_interval)
