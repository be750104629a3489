"""Convolution of images (N, C, *spatial)."""

from collections.abc import Sequence

import cuobjax.numpy as jn
from autograd import Array
from autograd.kernels.windows import same_padding
from autograd.ops import convolution as ops

from ..constants import ConvPadding
from ..typing import ArrayLike, Padding
from ..util import to_padding, to_tuple

__all__ = ["conv", "explicit_padding"]


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
    padding = explicit_padding(padding, x.shape[2:], kernel, strides, dilations)
    w = w.transpose((rank + 1, rank, *range(rank)))
    return ops.convolution(x, w, geometry=ops.Geometry(strides, padding, dilations, groups))
