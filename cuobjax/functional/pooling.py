"""Pooling over windows of images (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Sequence

import cuobjax.numpy as jn
from autograd import Array
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..typing import ArrayLike, Padding
from ..util import to_tuple
from .convolution import explicit_padding
from .half_precision import single, with_precision_of

__all__ = ["average_pool_2d", "max_pool_2d"]


def _windows(x, size, strides, padding):
    rank = x.ndim - 2
    size = to_tuple(size, rank)
    strides = size if strides is None else to_tuple(strides, rank)
    return {"size": size, "strides": strides, "padding": explicit_padding(padding, x.shape[2:], size, strides)}


def _image(x: ArrayLike, where: str) -> Array:
    x = jn.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"{where}: expected x of shape (N, C, H, W), got {x.shape}.")
    return x


def average_pool_2d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """Means over windows of x (N, C, H, W); zeros that pad it count.

    Args:
        x: The images; another shape raises ValueError.
        size: Of the window, a number or (height, width).
        strides: From window to window; `size` if None.
        padding: As for `conv`.
    """
    x = _image(x, "average_pool_2d")
    windows = _windows(x, size, strides, padding)
    height, width = windows["size"]
    return with_precision_of(ops.window_sum(single(x), **windows) / (height * width), x)


def max_pool_2d(
    x: ArrayLike,
    size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = ConvPadding.VALID,
) -> Array:
    """Maxima over windows of x (N, C, H, W), to which padding adds nothing.

    Among equal maxima of a window the first one gets the gradient.

    Args:
        x: The images; another shape raises ValueError.
        size: Of the window, a number or (height, width).
        strides: From window to window; `size` if None.
        padding: As for `conv`.
    """
    x = _image(x, "max_pool_2d")
    windows = _windows(x, size, strides, padding)
    return ops.window_gather(x, ops.max_pool_indices(x, **windows), windows=windows)
