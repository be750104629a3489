"""Convolution and pooling over the trailing axes of (N, C, *spatial): `autograd.kernels` defines what they compute."""

import math
from typing import NamedTuple

from ..families import Composition, linear, moves, multilinear, nondifferentiable
from ..kernels import convolution as kernels
from ..kernels import pooling
from ..primitive import Primitive
from .shape import broadcast_to, flip, folded, reshape, transpose

__all__ = [
    "Geometry", "convolution", "convolution_input", "convolution_kernel", "convolve", "max_pool_indices",
    "window_gather", "window_scatter", "window_spread", "window_sum",
]  # fmt: skip


class Geometry(NamedTuple):
    """The windows of a convolution: a number, and for padding a pair (before, after), for each spatial axis."""

    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1


def _convolution(xp, x, w, *, geometry):
    return kernels.convolution(xp, x, w, **geometry._asdict())


def _convolution_input(xp, z, w, *, geometry, shape):
    return kernels.convolution_input(xp, z, w, shape=shape, **geometry._asdict())


def _convolution_kernel(xp, x, z, *, geometry, shape):
    return kernels.convolution_kernel(xp, x, z, shape=shape, **geometry._asdict())


def _window_sum(xp, x, *, size, strides, padding):
    return pooling.window_sum(xp, x, size=size, strides=strides, padding=padding)


def _window_spread(xp, z, *, shape, size, strides, padding):
    return pooling.window_spread(xp, z, shape=shape, size=size, strides=strides, padding=padding)


def _max_pool_indices(xp, x, *, size, strides, padding):
    return pooling.max_pool_indices(xp, x, size=size, strides=strides, padding=padding)


def _window_gather(xp, x, indices, *, windows):
    return pooling.window_gather(xp, x, indices)


def _window_scatter(xp, z, indices, *, shape, windows):
    return pooling.window_scatter(xp, z, indices, shape=shape, **windows)


def _batch_convolution(primitive, size, values, batched, params):
    """Lanes become rows of the batch where w is the same for all of them, else groups of channels."""
    names = primitive.arguments
    if names[1] == "w" and not batched[1]:
        return folded(lambda x, **params: primitive(x, values[1], **params), size, values[:1], batched[:1], params)
    values = [x if b else broadcast_to(x, shape=(size, *x.shape)) for x, b in zip(values, batched, strict=True)]
    values = [_lanes_in_channels(x, name) for x, name in zip(values, names, strict=True)]
    geometry, of_kernel = params["geometry"], primitive is convolution_kernel
    params = params | {"geometry": geometry._replace(groups=geometry.groups * size)}
    if "shape" in params:
        n, c, *rest = params["shape"]
        params["shape"] = (size * n, c, *rest) if of_kernel else (n, size * c, *rest)
    y = primitive(*values, **params)
    n, c, *rest = y.shape
    if of_kernel:
        return reshape(y, shape=(size, n // size, c, *rest))
    return _swap_lanes(reshape(y, shape=(n, size, c // size, *rest)))


def _swap_lanes(x):
    """The first two axes exchanged."""
    return transpose(x, axes=(1, 0, *range(2, x.ndim)))


def _lanes_in_channels(x, name):
    """x (lanes, N, C, ...) as (N, lanes * C, ...), w (lanes, O, C, ...) as (lanes * O, C, ...)."""
    lanes, n, c, *rest = x.shape
    return (
        reshape(x, shape=(lanes * n, c, *rest)) if name == "w" else reshape(_swap_lanes(x), shape=(n, lanes * c, *rest))
    )


def _flops(kernel, output):
    """The cost of a convolution: a multiplication and an addition for each element of the kernel at each output.

    Args:
        kernel, output: Functions of the two arguments and the result that give w (O, C // groups, ...), z (N, O, ...).
    """

    def flops(args, params, y):
        return 2 * math.prod(output(*args, y).shape) * math.prod(kernel(*args, y).shape[1:])

    return flops


# x (N, C, *spatial), w (O, C // groups, *kernel) and z (N, O, *out) determine each other bilinearly: the transposes of
# each operation are the other two.
convolution: Primitive = multilinear(
    _convolution,
    lambda g, x_shape, w, geometry: convolution_input(g, w, geometry=geometry, shape=x_shape),
    lambda g, x, w_shape, geometry: convolution_kernel(x, g, geometry=geometry, shape=w_shape),
    batch=_batch_convolution,
    flops=_flops(lambda x, w, z: w, lambda x, w, z: z),
)
convolution_input: Primitive = multilinear(
    _convolution_input,
    lambda g, w, geometry: convolution(g, w, geometry=geometry),
    lambda g, z, w_shape, geometry: convolution_kernel(g, z, geometry=geometry, shape=w_shape),
    batch=_batch_convolution,
    flops=_flops(lambda z, w, x: w, lambda z, w, x: z),
)
convolution_kernel: Primitive = multilinear(
    _convolution_kernel,
    lambda g, x_shape, z, geometry: convolution_input(z, g, geometry=geometry, shape=x_shape),
    lambda g, x, geometry: convolution(x, g, geometry=geometry),
    batch=_batch_convolution,
    flops=_flops(lambda x, z, w: w, lambda x, z, w: z),
)

# Pooling: `max_pool_indices` is the position in x (flattened spatial axes) of the greatest element of each window, the
# first one if there are several.
window_sum: Primitive = linear(
    _window_sum,
    lambda g, x_shape, size, strides, padding: window_spread(
        g, shape=x_shape, size=size, strides=strides, padding=padding
    ),
    batch=folded,
)
window_spread: Primitive = linear(
    _window_spread,
    lambda g, size, strides, padding: window_sum(g, size=size, strides=strides, padding=padding),
    batch=folded,
    flops=moves,
)
max_pool_indices: Primitive = nondifferentiable(_max_pool_indices, batch=folded)
window_gather: Primitive = linear(
    _window_gather,
    lambda g, x_shape, indices, windows: window_scatter(g, indices, shape=x_shape, windows=windows),
    batch=folded,
    flops=moves,
)
window_scatter: Primitive = linear(
    _window_scatter, lambda g, indices, windows: window_gather(g, indices, windows=windows), batch=folded, flops=moves
)


# Of two vectors: `numpy.convolve`.
def _convolve(xp, a, b, *, mode):
    """y[i] = sum over j of a[i - j] * b[j], at all i ("full") or those where every j counts ("valid")."""
    return xp.convolve(a, b, mode)


def _to_second(g, a, mode):
    a = flip(a, axis=(0,))
    return convolve(g, a, mode="valid") if mode == "full" else convolve(a, g, mode="valid")


def _by_windows(a, b, *, mode):
    """The same by an operation that takes many at once."""
    reach = b.shape[0] - 1 if mode == "full" else 0
    signal, kernel = reshape(a, shape=(1, 1, *a.shape)), reshape(flip(b, axis=(0,)), shape=(1, 1, *b.shape))
    return convolution(signal, kernel, geometry=Geometry((1,), ((reach, reach),), (1,)))[0, 0]


convolve: Primitive = multilinear(  # "valid": `a` must not be the shorter one
    _convolve,
    lambda g, b, mode: convolve(g, flip(b, axis=(0,)), mode="valid" if mode == "full" else "full"),
    _to_second,
    batch=Composition(_by_windows),
)
