"""Convolution of images (N, C, *spatial), and its transpose."""

from collections.abc import Sequence
from typing import Any

import cuobjax.numpy as jn
from autograd import Array
from autograd.kernels.windows import same_padding
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..typing import ArrayLike, Padding
from ..util import to_padding, to_tuple

__all__ = ["conv", "conv_transpose", "explicit_padding"]


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
    if not all(strides):
        raise ValueError(f"padding SAME: expected strides of at least 1, got {strides}.")
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
    strides, dilations, kernel = to_tuple(strides, rank), to_tuple(dilations, rank), w.shape[:rank]
    if rank < 1 or x.ndim != w.ndim:
        raise ValueError(
            "conv: expected x of shape (N, C, *spatial) and w of shape (*kernel, C // groups, O) with as many spatial "
            f"dimensions, at least one, got {x.shape} and {w.shape}."
        )
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
    strides, dilations = to_tuple(strides, rank), to_tuple(dilations, rank)
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
