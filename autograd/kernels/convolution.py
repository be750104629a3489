"""Convolution of any number of spatial dimensions, and its two transposes.

It is cross-correlation, as deep learning has it: x (N, C, *spatial), w (O, C // groups, *kernel), y (N, O, *out),

    y[n, o, i] = sum over c, k of w[o, c, k] * x[n, first channel of o's group + c, i * stride + k * dilation - lo]

which is linear in x and in w. `convolution_input` and `convolution_kernel` are its transposes with respect to each;
each of the three has the other two, with the same parameters, as its own transposes.

In general they are an implicit GEMM (Chellapilla et al. 2006): `im2col.unfold` lays the windows of the outputs into a
matrix that one matrix product per group contracts. That matrix is never built whole: blocks of the batch, and of the
output's rows where one image alone is too large, bound the workspace. `pointwise` has no windows to lay out,
`depthwise` and `depthwise_loops` too little to multiply, `winograd` multiplies less; `cudnn` takes the general way's
place on a GPU where it is installed.
"""

from __future__ import annotations

import functools
import math
from itertools import groupby
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from . import cudnn, depthwise, depthwise_loops, im2col_device, pointwise, winograd
from .blas import in_threads
from .im2col import Plan, fold, unfold
from .products import product
from .windows import output_shape, same_padding

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["convolution", "convolution_input", "convolution_kernel", "output_shape", "same_padding"]

SHARES = 8  # of the sums for a gradient of w, in threads
PARTIAL = 1 << 22  # elements of all of these


def convolution(
    xp: ModuleType,
    x: RawArray,
    w: RawArray,
    *,
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> RawArray:
    """Cross-correlates x (N, C, *spatial) with w (O, C // groups, *kernel) into (N, O, *out).

    Args:
        strides, dilation: One positive integer per spatial dimension.
        padding: A pair (lo, hi) per spatial dimension; a negative number crops.
        groups: The number of groups of channels that do not mix.
    """
    plan = _plan("convolution", x.shape, w.shape, strides, padding, dilation, groups)
    dtype, x, w = _arithmetic(xp, x, w)
    if (found := _otherwise(xp, "forward", x, w, plan, dtype)) is not None:
        return found
    pieces = _pieces(w, plan, plan.shifts())
    y = numpy.empty(plan.y_shape, dtype)
    blocks = plan.blocks(xp, x.dtype, len(pieces))

    def work(i: int) -> None:
        products = map(_product, pieces, unfold(x, blocks[i]))
        total = next(products)
        for one in products:
            total += one
        blocks[i].store(total, y)

    in_threads(work, len(blocks))
    return y


def convolution_input(
    xp: ModuleType,
    g: RawArray,
    w: RawArray,
    *,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> RawArray:
    """The transpose of `convolution` with respect to x of the given shape: g (N, O, *out) to (N, C, *spatial)."""
    plan = _plan("convolution_input", shape, w.shape, strides, padding, dilation, groups, g.shape)
    dtype, g, w = _arithmetic(xp, g, w)
    if (found := _otherwise(xp, "to_input", g, w, plan, dtype)) is not None:
        return found
    if plan.is_cheaper_reversed():
        return _reversed_convolution(g, w, plan).astype(dtype, copy=False)
    x = numpy.zeros(shape, g.dtype)
    (matrix,) = _pieces(w, plan, 1)
    of_images = [list(found) for _, found in groupby(plan.blocks(xp, g.dtype, 1), lambda block: block.inputs[0])]

    def work(i: int) -> None:
        for block in of_images[i]:  # they overlap
            fold(_product(matrix.swapaxes(1, 2), block.load(g)), x, block)

    in_threads(work, len(of_images))
    return x.astype(dtype, copy=False)


def convolution_kernel(
    xp: ModuleType,
    x: RawArray,
    g: RawArray,
    *,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> RawArray:
    """The transpose of `convolution` with respect to w of the given shape: x and g to (O, C // groups, *kernel)."""
    plan = _plan("convolution_kernel", x.shape, shape, strides, padding, dilation, groups, g.shape)
    dtype, x, g = _arithmetic(xp, x, g)
    if (found := _otherwise(xp, "to_kernel", x, g, plan, dtype)) is not None:
        return found
    shifts = plan.shifts()
    blocks = plan.blocks(xp, x.dtype, shifts)
    groups, outputs, rows = plan.matrix_shape
    shares = max(1, min(SHARES, len(blocks), PARTIAL // max(1, math.prod(shape))))
    sums = numpy.zeros((shares, shifts, groups, rows // shifts, outputs), x.dtype)

    def work(i: int) -> None:
        for block in blocks[i::shares]:
            of_outputs = block.load(g).swapaxes(1, 2)
            for total, matrix in zip(sums[i], unfold(x, block), strict=True):
                # The larger operand first: OpenBLAS takes 0.6 to 0.8 of the time of outputs @ matrix.T.
                total += _product(matrix, of_outputs)

    in_threads(work, shares)
    w = numpy.empty(shape, dtype)
    pieces = _split(w, plan, shifts).transpose(3, 0, 2, 4, 1)
    pieces[...] = (sums.sum(0) if shares > 1 else sums[0]).reshape(pieces.shape)
    return w


@functools.lru_cache(1024)
def _plan(where, x_shape, w_shape, strides, padding, dilation, groups, y_shape=None):
    x_shape, w_shape = tuple(x_shape), tuple(w_shape)
    if len(x_shape) < 3 or len(w_shape) != len(x_shape):
        raise ValueError(
            f"{where}: expected x of shape (N, C, *spatial) and w of shape (O, C // groups, *kernel) with "
            f"as many spatial dimensions, at least one, got {x_shape} and {w_shape}."
        )
    if groups < 1 or x_shape[1] % groups or w_shape[0] % groups:
        raise ValueError(
            f"{where}: expected a number of groups that divides the {x_shape[1]} channels of x and the "
            f"{w_shape[0]} channels of y, got {groups}."
        )
    if w_shape[1] * groups != x_shape[1]:
        raise ValueError(
            f"{where}: expected x of shape (N, {w_shape[1] * groups}, *spatial) for w of shape {w_shape} "
            f"(O, C // groups, *kernel) in {groups} group(s), got {x_shape}. Are the channels of x first?"
        )
    out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    plan = Plan(x_shape, w_shape, out, tuple(strides), tuple(padding), tuple(dilation), groups)
    if y_shape is not None and tuple(y_shape) != plan.y_shape:
        raise ValueError(
            f"{where}: expected g of shape {plan.y_shape} for x of shape {x_shape} and w of shape "
            f"{w_shape}, got {tuple(y_shape)}."
        )
    return plan


def _otherwise(xp, name, a, b, plan, dtype):
    """What a module that suits better than blocks of windows makes of its operands; None if none of them does.

    `name` is that of the function in each module: forward, to_input or to_kernel.
    """
    if depthwise.suits(xp, plan):
        return getattr(depthwise, name)(xp, a, b, plan)
    if pointwise.suits(plan):
        return getattr(pointwise, name)(xp, a, b, plan).astype(dtype, copy=False)
    if (found := cudnn.computed(xp, name, a, b, plan)) is not None:
        return found
    if (found := _by_loops(xp, name, a, b, plan)) is not None:
        return found.astype(dtype, copy=False)
    return None if xp is numpy else getattr(im2col_device, name)(xp, a, b, plan)


def _by_loops(xp, name, a, b, plan):
    """What a module of compiled loops makes of its operands; None if none of them fits."""
    for way in (winograd, depthwise_loops):
        if way.suits(xp, plan, a, b):
            return getattr(way, name)(a, b, plan)
    return None


def _arithmetic(xp, a, b):
    """The dtype of the result, and both arrays in that of the arithmetic: NumPy has no fast product of float16 or
    bfloat16, and sums it in these, where cuBLAS sums it in float32."""
    dtype = xp.result_type(a, b)
    compute = numpy.float32 if xp is numpy and dtype.name in ("float16", "bfloat16") else dtype
    return dtype, a.astype(compute, copy=False), b.astype(compute, copy=False)


def _split(w, plan, shifts):
    """w as (groups, O // groups, C // groups, shifts, K // shifts)."""
    return w.reshape(*plan.matrix_shape[:2], w.shape[1], shifts, math.prod(plan.kernel) // shifts)


def _pieces(w, plan, shifts):
    """w as matrices (groups, O // groups, C // groups * K // shifts), one for each that `unfold` makes."""
    pieces = _split(w, plan, shifts)
    return [pieces[:, :, :, k].reshape(*pieces.shape[:2], -1) for k in range(shifts)]


def _product(a, b):
    """a @ b of one matrix per group."""
    return a * b if a.shape[-1] == 1 else product(a, b)  # an outer product is what depthwise convolutions need


def _reversed_convolution(g, w, plan):
    """The transpose of a convolution with strides of 1 is one with its kernel reversed."""
    reverse = plan.reversed()
    swapped = w.reshape(*plan.matrix_shape[:2], *w.shape[1:]).swapaxes(1, 2).reshape(reverse.w_shape)
    flipped = numpy.ascontiguousarray(numpy.flip(swapped, tuple(range(2, w.ndim))))
    how = {"strides": plan.strides, "padding": reverse.padding, "dilation": plan.dilation, "groups": plan.groups}
    return convolution(numpy, g, flipped, **how)
