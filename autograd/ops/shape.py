"""Operations that move elements without changing them: every one is linear, and its transpose moves them back."""

from collections.abc import Callable, Sequence
from typing import Any

from ..families import is_half, jointly_linear, linear, moves
from ..primitive import Primitive
from ..typing import Result
from .elementwise import astype, single

__all__ = [
    "broadcast_to", "concatenate", "flip", "folded", "inverse", "pad", "repeat", "reshape", "roll", "transpose",
    "triangle", "with_ndim",
]  # fmt: skip


def _reshape(xp, x, *, shape):
    return xp.reshape(x, shape)


def _transpose(xp, x, *, axes):
    return xp.transpose(x, axes)


def _broadcast_to(xp, x, *, shape):
    return xp.broadcast_to(x, shape)


def _flip(xp, x, *, axis):
    return xp.flip(x, axis)


def _roll(xp, x, *, shift, axis):
    return xp.roll(x, shift, axis)


def _repeat(xp, x, *, repeats, axis):
    return xp.repeat(x, repeats, axis)


def _pad(xp, x, *, width):
    return xp.pad(x, width)


def _concatenate(xp, *args, axis):
    return xp.concatenate(args, axis)


def _inside(width, shape):
    """The index of the elements that were padded."""
    return tuple(slice(low, low + n) for (low, _), n in zip(width, shape, strict=True))


def _triangle(xp, x, *, k, upper):
    return xp.triu(x, k) if upper else xp.tril(x, k)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation of axes that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _part(g, i, args_shapes, axis):
    """The part of `g` that argument `i` of a concatenation became."""
    start = sum(shape[axis] for shape in args_shapes[:i])
    return g[(slice(None),) * axis + (slice(start, start + args_shapes[i][axis]),)]


def _sum_repeats(g, x_shape, repeats, axis):
    split = (*x_shape[: axis + 1], repeats, *x_shape[axis + 1 :])
    y = reshape(g, shape=split)
    return astype(single(y).sum(axis + 1), dtype=g.dtype) if is_half(g.dtype) else y.sum(axis + 1)


def with_ndim(x: Any, ndim: int) -> Result:
    """`x` with a batch axis in front and axes of length 1 behind it, so that it has `ndim` axes."""
    return x if x.ndim == ndim else reshape(x, shape=(x.shape[0], *(1,) * (ndim - x.ndim), *x.shape[1:]))


def folded(
    primitive: Callable[..., Any], size: int, values: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> Result:
    """A batch rule: lanes are joined along the first axis of the arguments, of `shape` and of the result."""
    values = [
        x if b or not getattr(x, "ndim", 0) else broadcast_to(x, shape=(size, *x.shape))
        for x, b in zip(values, batched, strict=True)
    ]
    rows = next(x.shape[1] for x, b in zip(values, batched, strict=True) if b)
    if "shape" in params:
        params = params | {"shape": (size * rows, *params["shape"][1:])}
    arrays = [reshape(x, shape=(size * rows, *x.shape[2:])) if getattr(x, "ndim", 0) else x for x in values]
    y = primitive(*arrays, **params)
    parts = [reshape(part, shape=(size, rows, *part.shape[1:])) for part in (y if type(y) is tuple else (y,))]
    return tuple(parts) if type(y) is tuple else parts[0]


# `axes` and `axis` are complete and not negative here, `shape` has no -1: autograd.numpy ensures that.
reshape: Primitive = linear(_reshape, lambda g, x_shape: reshape(g, shape=x_shape), flops=moves)
transpose: Primitive = linear(_transpose, lambda g, axes: transpose(g, axes=inverse(axes)), flops=moves, memory="view")
broadcast_to: Primitive = linear(  # the backward pass sums what was broadcast
    _broadcast_to,
    lambda g: g,
    batch=lambda primitive, size, values, batched, params: broadcast_to(
        with_ndim(values[0], len(params["shape"]) + 1), shape=(size, *params["shape"])
    ),
    flops=moves,
    memory="view",
)
flip: Primitive = linear(_flip, lambda g, axis: flip(g, axis=axis), flops=moves)
roll: Primitive = linear(_roll, lambda g, shift, axis: roll(g, shift=tuple(-s for s in shift), axis=axis), flops=moves)
repeat: Primitive = linear(_repeat, _sum_repeats, flops=moves)  # each element the same number of times
pad: Primitive = linear(_pad, lambda g, x_shape, width: g[_inside(width, x_shape)], flops=moves)
triangle: Primitive = linear(_triangle, lambda g, k, upper: triangle(g, k=k, upper=upper), flops=moves)
concatenate: Primitive = jointly_linear(_concatenate, _part, flops=moves, memory="new")
