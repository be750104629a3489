"""Convolution and pooling over the trailing axes of (N, C, *spatial): `autograd.kernels` says what they compute."""

from typing import NamedTuple

from ..families import linear, multilinear, nondifferentiable
from ..kernels import convolution as kernels
from ..kernels import pooling


class Geometry(NamedTuple):
    """How the windows of a convolution lie: a number, and for padding a pair (before, after), for each spatial axis."""

    strides: tuple
    padding: tuple
    dilation: tuple
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


# x (N, C, *spatial), w (O, C // groups, *kernel) and z (N, O, *out) determine each other bilinearly: the transposes of
# each operation are the other two.
convolution = multilinear(
    _convolution,
    lambda g, x_shape, w, geometry: convolution_input(g, w, geometry=geometry, shape=x_shape),
    lambda g, x, w_shape, geometry: convolution_kernel(x, g, geometry=geometry, shape=w_shape),
)
convolution_input = multilinear(
    _convolution_input,
    lambda g, w, geometry: convolution(g, w, geometry=geometry),
    lambda g, z, w_shape, geometry: convolution_kernel(g, z, geometry=geometry, shape=w_shape),
)
convolution_kernel = multilinear(
    _convolution_kernel,
    lambda g, x_shape, z, geometry: convolution_input(z, g, geometry=geometry, shape=x_shape),
    lambda g, x, geometry: convolution(x, g, geometry=geometry),
)

# Pooling: `max_pool_indices` says where in x (flattened spatial axes) the greatest element of each window is, the first
# one if there are more.
window_sum = linear(
    _window_sum,
    lambda g, x_shape, size, strides, padding: window_spread(
        g, shape=x_shape, size=size, strides=strides, padding=padding
    ),
)
window_spread = linear(
    _window_spread,
    lambda g, size, strides, padding: window_sum(g, size=size, strides=strides, padding=padding),
)
max_pool_indices = nondifferentiable(_max_pool_indices)
window_gather = linear(
    _window_gather,
    lambda g, x_shape, indices, windows: window_scatter(g, indices, shape=x_shape, windows=windows),
)
window_scatter = linear(_window_scatter, lambda g, indices, windows: window_gather(g, indices, windows=windows))
