"""Pooling over windows of images (N, C, *spatial), over windows of unequal lengths, and over whole images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, stop_gradient
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..typing import ArrayLike, Padding
from ..util import to_tuple
from ..util.convert import lengths_of_axes, refuse_complex, require_lengths, to_inexact
from .convolution import explicit_padding
from .half_precision import single, with_precision_of
from .resampling import along_axes, table

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "average_pool_1d", "average_pool_2d",
    "average_pool_3d", "global_average_pool", "global_max_pool", "max_pool", "max_pool_1d", "max_pool_2d",
    "max_pool_3d",
]  # fmt: skip

_AXES: dict[int | None, str] = {None: "*spatial", 1: "L", 2: "H, W", 3: "D, H, W"}


def _windows(where, x, size, strides, padding):
    strides = size if strides is None else strides
    size, strides = lengths_of_axes(where, x.ndim - 2, size=size, strides=strides)
    return {"size": size, "strides": strides, "padding": explicit_padding(padding, x.shape[2:], size, strides)}


def _image(x: ArrayLike, where: str, rank: int | None = None) -> Array:
    x = jn.asarray(x)
    if x.ndim < 3 or (rank is not None and x.ndim != rank + 2):
        raise ValueError(f"{where}: expected x of shape (N, C, {_AXES[rank]}), got {x.shape}.")
    return x


def _whole(x: ArrayLike, where: str) -> Array:
    """x as an image with elements to pool."""
    image = _image(x, where)
    if 0 in image.shape[2:]:
        raise ValueError(f"{where}: expected x with elements along its spatial axes, got {image.shape}.")
    return image


def average_pool(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """Means over windows of x (N, C, *spatial); zeros that pad it count.

    Args:
        x: The images; an array of less than three axes raises ValueError.
        size: Of the window, a number or one for each spatial axis.
        strides: From window to window; `size` if None.
        padding: As for `conv`.
    """
    x = to_inexact(_image(x, "average_pool"))
    windows = _windows("average_pool", x, size, strides, padding)
    return with_precision_of(ops.window_sum(single(x), **windows) / onp.prod(windows["size"]).item(), x)


def max_pool(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """Maxima over windows of x (N, C, *spatial), to which padding adds nothing.

    Among equal maxima of a window the first one gets the gradient.

    Args:
        x: The images; an array of less than three axes raises ValueError.
        size: Of the window, a number or one for each spatial axis.
        strides: From window to window; `size` if None.
        padding: As for `conv`.
    """
    x = _image(x, "max_pool")
    refuse_complex("max_pool", x)
    windows = _windows("max_pool", x, size, strides, padding)
    return ops.window_gather(x, ops.max_pool_indices(x, **windows), windows=windows)


def average_pool_1d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`average_pool` of sequences, x (N, C, L)."""
    return average_pool(_image(x, "average_pool_1d", 1), size, strides, padding)


def average_pool_2d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`average_pool` of images, x (N, C, H, W)."""
    return average_pool(_image(x, "average_pool_2d", 2), size, strides, padding)


def average_pool_3d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`average_pool` of volumes, x (N, C, D, H, W)."""
    return average_pool(_image(x, "average_pool_3d", 3), size, strides, padding)


def max_pool_1d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`max_pool` of sequences, x (N, C, L)."""
    return max_pool(_image(x, "max_pool_1d", 1), size, strides, padding)


def max_pool_2d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`max_pool` of images, x (N, C, H, W)."""
    return max_pool(_image(x, "max_pool_2d", 2), size, strides, padding)


def max_pool_3d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """`max_pool` of volumes, x (N, C, D, H, W)."""
    return max_pool(_image(x, "max_pool_3d", 3), size, strides, padding)


def adaptive_average_pool(x: ArrayLike, size: int | Sequence[int | None]) -> Array:
    """Means over as many windows of x (N, C, *spatial) as wanted: (N, C, *size).

    Window i of an axis of length n reaches from floor(i * n / size) to ceil((i + 1) * n / size), as in PyTorch.

    Args:
        x: The images; an array of less than three axes raises ValueError.
        size: The number of windows, for all spatial axes or one for each; None leaves an axis as it is.
    """
    image, sizes = _adaptive(x, size, "adaptive_average_pool")
    if any(n % out for n, out in zip(image.shape[2:], sizes, strict=True)):
        return along_axes(image, (*image.shape[:2], *sizes), _means)
    return average_pool(image, tuple(n // out for n, out in zip(image.shape[2:], sizes, strict=True)))


def adaptive_max_pool(x: ArrayLike, size: int | Sequence[int | None]) -> Array:
    """Maxima over as many windows of x (N, C, *spatial) as wanted: (N, C, *size).

    Windows are those of `adaptive_average_pool`. Among equal maxima of a window the first one gets the gradient.

    Args:
        x: The images; an array of less than three axes raises ValueError.
        size: The number of windows, for all spatial axes or one for each; None leaves an axis as it is.
    """
    y, sizes = _adaptive(x, size, "adaptive_max_pool")
    refuse_complex("adaptive_max_pool", y)
    if all(n % out == 0 for n, out in zip(y.shape[2:], sizes, strict=True)):
        return max_pool(y, tuple(n // out for n, out in zip(y.shape[2:], sizes, strict=True)))
    n, c, *spatial = y.shape
    y = y.reshape((n, c, math.prod(spatial)))
    windows = table(y, _windows_of_image, tuple(spatial), sizes)
    first = jn.argmax(jn.take(stop_gradient(y), windows, -1), -1)
    indices = windows[jn.arange(len(windows)), first]
    return jn.take_along_axis(y, indices, -1).reshape((n, c, *sizes))


def _adaptive(x: ArrayLike, size: Any, where: str) -> tuple[Array, tuple[int, ...]]:
    """x as an image, and the number of windows along each of its spatial axes."""
    image = _whole(x, where)
    given = (None,) * (image.ndim - 2) if size is None else to_tuple(size, image.ndim - 2)
    sizes = tuple(n if out is None else out for n, out in zip(image.shape[2:], given, strict=True))
    require_lengths(where, 1, size=sizes)
    return image, sizes


def _bounds(n, out):
    """Where the windows of an axis begin and end."""
    i = onp.arange(out)
    return i * n // out, -((i + 1) * -n // out)


def _windows_of_image(spatial, sizes):
    """The positions (windows, longest window) in all windows, in flattened axes; in shorter ones some come again."""
    places = onp.zeros((1, 1), int)
    for n, out in zip(spatial, sizes, strict=True):
        starts, stops = _bounds(n, out)
        along = onp.minimum(starts[:, None] + onp.arange((stops - starts).max()), stops[:, None] - 1)
        places = places[:, None, :, None] * n + along[:, None, :]
        places = places.reshape(len(places) * out, -1)
    return places


def _means(n, out):
    """The matrix (out, n) whose rows are the weights of the windows' elements."""
    starts, stops = _bounds(n, out)
    inside = (onp.arange(n) >= starts[:, None]) & (onp.arange(n) < stops[:, None])
    return inside / inside.sum(1, keepdims=True)


def global_average_pool(x: ArrayLike, keepdims: bool = False) -> Array:
    """Means over all spatial axes: x (N, C, *spatial) to (N, C), with `keepdims` to (N, C, 1, ...)."""
    x = _whole(x, "global_average_pool")
    return x.mean(tuple(range(2, x.ndim)), keepdims=keepdims)


def global_max_pool(x: ArrayLike, keepdims: bool = False) -> Array:
    """Maxima over all spatial axes: x (N, C, *spatial) to (N, C), with `keepdims` to (N, C, 1, ...).

    Equal maxima share the gradient.
    """
    x = _whole(x, "global_max_pool")
    refuse_complex("global_max_pool", x)
    return x.max(tuple(range(2, x.ndim)), keepdims=keepdims)
