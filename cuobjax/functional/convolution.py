"""Convolution of images (N, C, *spatial), their windows as columns, and the transposes of both."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, vjp
from autograd.kernels.windows import same_padding
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..typing import ArrayLike, Padding
from ..util import to_padding
from ..util.convert import lengths_of_axes, require_sizes, to_inexact, to_shape
from .half_precision import single, with_precision_of
from .resampling import table

__all__ = ["conv", "conv_transpose", "explicit_padding", "fold", "unfold"]


def explicit_padding(
    padding: Padding,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...] | None = None,
) -> tuple[tuple[int, int], ...]:
    """`padding` as a pair (before, after) for each axis of lengths `spatial`."""
    complete = to_padding(padding, len(spatial))
    if complete == "VALID":
        return ((0, 0),) * len(spatial)
    if not isinstance(complete, str):
        return complete
    return same_padding(spatial, kernel, strides, dilation)


def conv(
    x: ArrayLike,
    w: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: Padding = ConvPadding.SAME,
    dilations: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of x (N, C, *spatial) and w (*kernel, C // groups, O): returns (N, O, *out).

    Args:
        x, w: The images and the kernels.
        strides, dilations: A number, or one for each spatial axis.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        groups: The number of groups of channels that do not mix.
    """
    x, w = jn.asarray(x), jn.asarray(w)
    rank = w.ndim - 2
    kernel = w.shape[:rank]
    if rank < 1 or x.ndim != w.ndim:
        raise ValueError(
            "conv: expected x of shape (N, C, *spatial) and w of shape (*kernel, C // groups, O) with as many spatial "
            f"dimensions, at least one, got {x.shape} and {w.shape}."
        )
    require_sizes("conv", -math.inf, groups=groups)
    strides, dilations = lengths_of_axes("conv", rank, strides=strides, dilations=dilations)
    padding = explicit_padding(padding, x.shape[2:], kernel, strides, dilations)
    w = w.transpose((rank + 1, rank, *range(rank)))
    return ops.convolution(x, w, geometry=ops.Geometry(strides, padding, dilations, groups))


def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: Padding = ConvPadding.SAME,
    dilations: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """The transpose of `conv`: x (N, C, *spatial) and w (*kernel, O // groups, C) give (N, O, *out).

    See `nn.ConvTranspose` for the lengths of `out` and the meaning of `padding`.

    Args:
        x, w: The images and the kernels.
        strides, dilations: A number, or one for each spatial axis.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        groups: The number of groups of channels that do not mix.
    """
    x, w = jn.asarray(x), jn.asarray(w)
    rank = w.ndim - 2
    if rank < 1 or x.ndim != w.ndim or x.shape[1] != w.shape[-1]:
        raise ValueError(
            "conv_transpose: expected x of shape (N, C, *spatial) and w of shape (*kernel, O // groups, C) with as "
            f"many spatial dimensions, at least one, got {x.shape} and {w.shape}."
        )
    require_sizes("conv_transpose", -math.inf, groups=groups)
    strides, dilations = lengths_of_axes("conv_transpose", rank, strides=strides, dilations=dilations)
    extents = [(k - 1) * d + 1 for k, d in zip(w.shape[:rank], dilations, strict=True)]
    pads = _spread_padding(to_padding(padding, rank), extents, strides)
    out = [
        (n - 1) * s + low + high - extent + 2
        for n, s, (low, high), extent in zip(x.shape[2:], strides, pads, extents, strict=True)
    ]
    if min(out, default=1) < 1:
        raise ValueError(
            f"conv_transpose: expected an output with elements, got spatial shape {x.shape[2:]} with kernel "
            f"{w.shape[:rank]}, strides {strides} and padding {pads}, which gives {tuple(out)}. Pad more."
        )
    # Of the convolution from the output to x, whose windows begin `extent - 1 - low` before the output.
    before = tuple((extent - 1 - low, extent - 1 - high) for (low, high), extent in zip(pads, extents, strict=True))
    w = w.transpose((rank + 1, rank, *range(rank)))
    geometry = ops.Geometry(strides, before, dilations, groups)
    return ops.convolution_input(x, w, geometry=geometry, shape=(x.shape[0], w.shape[1] * groups, *out))


def unfold(
    x: ArrayLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = ConvPadding.VALID,
    dilations: int | Sequence[int] = 1,
) -> Array:
    """Windows as columns: x (N, C, *spatial) to (N, C * elements of a window, windows), zeros where it is padded.

    The product of kernels (nout, C * elements) with them is a convolution.

    Args:
        x: The images.
        size: Of the window, a number or one for each spatial axis.
        strides, dilations: A number, or one for each spatial axis.
        padding: As for `conv`.

    Raises:
        ValueError: If x has less than three axes, or there is no window.

    Example:
        >>> unfold(jn.arange(5)[None, None], 3)
        Array([[[0, 1, 2],
                [1, 2, 3],
                [2, 3, 4]]], dtype=int32)
    """
    y = jn.asarray(x)
    rank = y.ndim - 2
    if rank < 1:
        raise ValueError(f"unfold: expected x of shape (N, C, *spatial), got {y.shape}.")
    kernel, strides, dilations = lengths_of_axes("unfold", rank, size=size, strides=strides, dilations=dilations)
    pads = explicit_padding(padding, y.shape[2:], kernel, strides, dilations)
    y = jn.pad(y, ((0, 0), (0, 0), *pads)) if any(map(any, pads)) else y
    for i, (k, stride, dilation) in enumerate(zip(kernel, strides, dilations, strict=True)):
        length = y.shape[2 + 2 * i]
        if length <= (k - 1) * dilation:
            raise ValueError(
                f"unfold: expected x of a length of at least {(k - 1) * dilation + 1} with padding, got {length}."
            )
        y = jn.take(y, table(y, _window_positions, length, (k, stride, dilation)), 2 + 2 * i)
    windows = y.transpose((0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2)))
    n, c = y.shape[:2]
    return windows.reshape((n, c * math.prod(kernel), math.prod(windows.shape[2 + rank :])))


def _window_positions(length, window):
    """The positions (elements, windows) of an axis of which windows consist."""
    k, stride, dilation = window
    return onp.arange(k)[:, None] * dilation + onp.arange(0, length - (k - 1) * dilation, stride)


def fold(
    y: ArrayLike,
    shape: Sequence[int],
    size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Padding = ConvPadding.VALID,
    dilations: int | Sequence[int] = 1,
) -> Array:
    """The transpose of `unfold`: columns (N, C * elements of a window, windows) added up in images (N, C, *shape).

    Args:
        y: The columns, real or complex numbers.
        shape: The lengths of the spatial axes.
        size, strides, padding, dilations: See `unfold`.

    Raises:
        ValueError: If the columns do not fit.
    """
    y, spatial = to_inexact(jn.asarray(y)), to_shape("fold", shape)
    if not spatial:
        raise ValueError("fold: expected shape, the lengths of the spatial axes, got ().")
    count = math.prod(lengths_of_axes("fold", len(spatial), size=size)[0])
    channels = y.shape[1] // count if y.ndim == 3 else 0
    images = jn.zeros((len(y) if y.ndim else 0, channels, *spatial), single(y).dtype, device=y.device)
    columns, pull = vjp(lambda x: unfold(x, size, strides, padding, dilations), images)
    if columns.shape != y.shape:
        expected = f"(N, C * {count}, {columns.shape[2]})"
        raise ValueError(f"fold: expected columns of shape {expected}, got {y.shape}.")
    (summed,) = pull(single(y))
    return with_precision_of(summed, y)


def _spread_padding(padding: Any, extents: list[int], strides: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Padding of x with zeros between its elements, a pair for each axis. Source: TensorFlow's, as in JAX."""
    if not isinstance(padding, str):
        return padding
    pairs = []
    for extent, stride in zip(extents, strides, strict=True):
        total = extent + stride - 2 + (max(extent - stride, 0) if padding == "VALID" else 0)
        whole = padding == "VALID" or stride > extent - 1
        low = extent - 1 if whole else -(-total // 2)
        pairs.append((low, total - low))
    return tuple(pairs)
