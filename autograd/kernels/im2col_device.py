"""Convolution on a GPU: windows laid out as a matrix by one kernel, and one call of cuBLAS.

The rows of the matrix are in the order (groups, K, C // groups): first the offsets within the kernel, then the
channels. So it is multiplied by weights whose memory is (*kernel, C // groups, O), as layers have them, without a copy,
and the gradient of such weights is a product as it comes. Blocks bound the workspace, as on the CPU.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from .products import stacked
from .windows import scan_arguments, scan_covering, scan_parameters, scan_window, sum_type

if TYPE_CHECKING:
    from ..typing import RawArray
    from .im2col import Plan

__all__ = ["forward", "to_input", "to_kernel"]

TILE = 64  # outputs that cuBLAS computes together at least


def forward(xp: Any, x: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution`."""
    return _multiplied(xp, x, _weights(w, plan), plan)


def to_input(xp: Any, g: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution_input`."""
    if plan.is_cheaper_reversed():
        turned = _weights(w, plan).swapaxes(1, 2)[(..., *[slice(None, None, -1)] * len(plan.kernel))]
        return _multiplied(xp, g, turned, plan.reversed())
    x = xp.zeros(plan.x_shape, g.dtype)
    matrix = _matrix(_weights(w, plan)).swapaxes(1, 2)
    for block in plan.blocks(xp, g.dtype, 1):
        _fold(xp, stacked(xp, matrix, block.load(g)), x[block.inputs], block)
    return x


def to_kernel(xp: Any, x: RawArray, g: RawArray, plan: Plan) -> RawArray:
    """As `convolution_kernel`; the memory of the result is (*kernel, C // groups, O)."""
    groups, outputs, rows = plan.matrix_shape
    w = xp.empty((*plan.kernel, plan.w_shape[1], plan.w_shape[0]), x.dtype)
    matrices = w.reshape(rows, groups, outputs).transpose(1, 0, 2)
    blocks = plan.blocks(xp, x.dtype, 1)
    if not blocks:
        w.fill(0)
    for block in blocks:
        columns = _unfold(xp, x[block.inputs], block)
        stacked(xp, columns, block.load(g).swapaxes(1, 2), out=matrices, adds=block is not blocks[0])
    rank = len(plan.kernel)
    return w.transpose(rank + 1, rank, *range(rank))


def _weights(w, plan):
    """w as (groups, O // groups, C // groups, *kernel)."""
    return w.reshape(*plan.matrix_shape[:2], *w.shape[1:])


def _matrix(w):
    """Weights (groups, O, C, *kernel) as matrices (groups, O, K * C): a view, or a copy."""
    moved = w.transpose(0, 1, *range(3, w.ndim), 2)
    return moved.reshape(*moved.shape[:2], math.prod(moved.shape[2:]))


def _multiplied(xp, x, w, plan):
    """The convolution of x with weights (groups, O // groups, C // groups, *kernel)."""
    y, matrix = xp.empty(plan.y_shape, x.dtype), _matrix(w)
    for block in plan.blocks(xp, x.dtype, 1):
        columns = _unfold(xp, x[block.inputs], block)
        if plan.groups == 1 and _fits(block.batch, columns.shape[2] // block.batch):
            columns = columns.reshape(columns.shape[1], block.batch, -1).transpose(1, 0, 2)
            target = y[block.outputs]
            stacked(xp, matrix, columns, out=target.reshape(*target.shape[:2], -1))  # to where it belongs
        else:
            block.store(stacked(xp, matrix, columns), y)
    return y


def _fits(batch, outputs):
    """Whether a product for each image computes hardly more than one for all, in whole tiles."""
    return 3 * batch * -(-outputs // TILE) <= 4 * -(-batch * outputs // TILE)


def _unfold(xp, x, block):
    """(n, C, *spatial) to (groups, K * C // groups, n * L)."""
    plan, channels = block.plan, x.shape[1]
    columns = xp.empty((plan.groups, plan.matrix_shape[2], block.batch * math.prod(block.out)), x.dtype)
    _unfold_kernel(xp, plan.kernel, plan.strides, plan.dilation)(
        x,
        block.batch,
        channels,
        channels // plan.groups,
        *scan_arguments(block.spatial, block.out, block.low),
        columns,
        size=channels * block.batch * math.prod(block.out),
    )
    return columns


def _fold(xp, columns, x, block):
    """Adds the transpose of `_unfold` to x: each thread gathers one element of x, so that sums have one order."""
    plan, channels = block.plan, x.shape[1]
    _fold_kernel(xp, plan.kernel, plan.strides, plan.dilation, sum_type(x))(
        columns,
        block.batch,
        channels,
        channels // plan.groups,
        *scan_arguments(block.spatial, block.out, block.low),
        x,
    )


@functools.cache
def _unfold_kernel(xp, kernel, strides, dilation):
    return xp.ElementwiseKernel(
        f"raw T x, int32 batch, int32 channels, int32 own, {scan_parameters(len(kernel))}",
        "raw T columns",
        scan_window(
            kernel,
            strides,
            dilation,
            f"""
            const int channel = plane / batch, image = plane % batch;
            const ptrdiff_t start = ((ptrdiff_t) image * channels + channel) * inputs;
            columns[{_element(kernel)}] = inside ? x[start + input] : T(0);""",
        ),
        "unfold",
    )


@functools.cache
def _fold_kernel(xp, kernel, strides, dilation, accumulator):
    return xp.ElementwiseKernel(
        f"raw T columns, int32 batch, int32 channels, int32 own, {scan_parameters(len(kernel))}",
        "T x",
        f"{accumulator} total = 0;"
        + scan_covering(
            kernel,
            strides,
            dilation,
            f"""
            const int channel = plane % channels, image = plane / channels;
            total += {accumulator}(columns[{_element(kernel)}]);""",
        )
        + f"x = T({accumulator}(x) + total);",
        "fold",
    )


def _element(kernel):
    """CUDA expression of the index into (groups, K, C // groups, n, L)."""
    row = f"(channel / own * {math.prod(kernel)} + offset) * own + channel % own"
    return f"((ptrdiff_t) ({row}) * batch + image) * outputs + output"
