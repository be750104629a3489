"""Convolution and pooling over images, (N, C, H, W)."""

import math

import cuobjax.numpy as jn
from autograd.axes import complete_axis
from autograd.kernels.windows import same_padding
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..dtypes import default_dtype
from ..util import to_padding, to_tuple


def explicit_padding(padding, spatial, kernel, strides, dilation=None):
    """`padding` as a pair (before, after) for each spatial axis."""
    padding = to_padding(padding, len(spatial))
    if padding == "VALID":
        return ((0, 0),) * len(spatial)
    return same_padding(spatial, kernel, strides, dilation) if padding == "SAME" else padding


def conv(x, w, strides=1, padding=ConvPadding.SAME, dilations=1, groups=1):
    """Cross-correlation of x (N, C, *spatial) and w (*kernel, C // groups, O): returns (N, O, *out).

    Args:
        strides, dilations: A number, or one for each spatial axis.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        groups: The number of groups of channels that do not mix.
    """
    x, w = jn.asarray(x), jn.asarray(w)
    rank = w.ndim - 2
    strides, dilations, kernel = to_tuple(strides, rank), to_tuple(dilations, rank), w.shape[:rank]
    padding = explicit_padding(padding, x.shape[2:], kernel, strides, dilations)
    w = w.transpose((rank + 1, rank, *range(rank)))
    return ops.convolution(x, w, geometry=ops.Geometry(strides, padding, dilations, groups))


def _windows(x, size, strides, padding):
    rank = x.ndim - 2
    size = to_tuple(size, rank)
    strides = size if strides is None else to_tuple(strides, rank)
    return {"size": size, "strides": strides, "padding": explicit_padding(padding, x.shape[2:], size, strides)}


def _image(x, where):
    x = jn.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"{where}: expected x of shape (N, C, H, W), got {x.shape}.")
    return x


def average_pool_2d(x, size=2, strides=None, padding=ConvPadding.VALID):
    """Means over windows of x (N, C, H, W); zeros that pad it count.

    Args:
        size: Of the window, a number or (height, width).
        strides: From window to window; `size` if None.
        padding: As for `conv`.
    """
    x = _image(x, "average_pool_2d")
    windows = _windows(x, size, strides, padding)
    height, width = windows["size"]
    return ops.window_sum(x, **windows) / (height * width)


def max_pool_2d(x, size=2, strides=None, padding=ConvPadding.VALID):
    """Maxima over windows of x (N, C, H, W), to which padding adds nothing.

    Among equal maxima of a window the first one gets the gradient. Arguments are those of `average_pool_2d`.
    """
    x = _image(x, "max_pool_2d")
    windows = _windows(x, size, strides, padding)
    return ops.window_gather(x, ops.max_pool_indices(x, **windows), windows=windows)


def flatten(x):
    """x (N, ...) as (N, size of the rest)."""
    x = jn.asarray(x)
    return x.reshape((x.shape[0], math.prod(x.shape[1:])))


def one_hot(x, num_classes, dtype=None, axis=-1):
    """Integers as vectors along a new axis, with a 1 at their place; zeros only if out of range. Has no gradient."""
    x = jn.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integers, got dtype {x.dtype}.")
    classes = jn.arange(num_classes)
    axis = complete_axis(axis, x.ndim + 1)
    places = classes.reshape([num_classes if i == axis else 1 for i in range(x.ndim + 1)])
    return (jn.expand_dims(x, axis) == places).astype(dtype or default_dtype())
