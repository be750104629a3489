"""Depthwise convolution of NumPy arrays in compiled loops: each output channel reads one input channel.

A plane is copied into one with padding, in which each element of the kernel is at a fixed distance: one loop along all
rows of the plane for each, whose few results between rows are dropped. The transpose with respect to x is the same of a
plane of g with zeros between its elements and the kernel reversed; that with respect to w has products of two planes.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .compiled import Loop, is_worth_it, reduction
from .im2col import Plan

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["forward", "suits", "to_input", "to_kernel"]

Real: Any = float
SPAN = 2048  # elements of a plane that are computed together: they stay in the first-level cache


def suits(xp: ModuleType, plan: Plan, *arrays: RawArray) -> bool:
    """Whether this way is there and faster."""
    return (
        xp is numpy
        and plan.groups == plan.x_shape[1] > 1
        and len(plan.out) < 3
        and 0 not in plan.x_shape
        and is_worth_it(*arrays)
    )


def forward(x: RawArray, w: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution`; None if a result is not finite: NumPy has to do it, as zeros between elements spread that."""
    y = numpy.empty(plan.y_shape, x.dtype)
    _, strides, low, dilation = _of_axes(plan)
    return _correlated(y, x, w, 1, strides, low, (1, 1), dilation)


def to_input(g: RawArray, w: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution_input`."""
    x = numpy.empty(plan.x_shape, g.dtype)
    kernel, strides, low, dilation = _of_axes(plan)
    low = tuple([(k - 1) * d - lo for k, lo, d in zip(kernel, low, dilation, strict=True)])
    reverse = (..., *[slice(None, None, -1)] * len(plan.out))
    return _correlated(x, g, w[reverse], plan.w_shape[0] // plan.groups, (1, 1), low, strides, dilation)


def to_kernel(x: RawArray, g: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution_kernel`."""
    kernel, strides, low, dilation = _of_axes(plan)
    sums = numpy.empty((plan.w_shape[0], math.prod(kernel)), x.dtype)
    planes = _planes(g), _planes(x)
    rows = len(x), plan.w_shape[0] // plan.groups
    _products(len(x) * plan.length, len(sums), sums, *planes, *rows, *kernel, *strides, *low, *dilation)
    return _finite(sums.reshape(plan.w_shape))


def _of_axes(plan):
    """Kernel, strides, padding before and dilation of two axes."""
    more = 2 - len(plan.out)
    low = [lo for lo, _ in plan.padding]
    return tuple(
        (value,) * more + tuple(of) for value, of in ((1, plan.kernel), (1, plan.strides), (0, low), (1, plan.dilation))
    )


def _planes(x):
    """x (N, C, *spatial) as (N * C, H, W)."""
    x = numpy.ascontiguousarray(x)
    return x.reshape(-1, math.prod(x.shape[2:-1]), x.shape[-1])


def _finite(x):
    return x if numpy.isfinite(x).all() else None


def _correlated(y, x, w, count, strides, low, steps, dilation):
    kernels = _planes(w)
    multiple = y.shape[1] // (x.shape[1] // count)
    _correlate(
        math.prod(y.shape[2:]), math.prod(y.shape[:2]), _planes(y), _planes(x), kernels,
        y.shape[1], multiple, count, *strides, *low, *steps, *dilation,
    )  # fmt: skip
    return _finite(y)


def _correlation(
    part, start, stop, y, x, w, channels, multiple, count, stride0, stride1, low0, low1, step0, step1, gap0, gap1
):
    """Planes of y: sums over `count` planes of x, in which elements are `step` apart behind `low` zeros.

    Args:
        w: (channels * count, *kernel), whose elements are `gap` apart.
        channels: How many planes of y belong to an image.
        multiple: How many of these read the same planes of x.
    """
    _, high, wide = y.shape
    pitch, between = (wide - 1) * stride1 + (w.shape[2] - 1) * gap1 + 1, (wide - 1) * stride1 + 1
    plane = numpy.zeros((high - 1) * stride0 * pitch + ((w.shape[1] - 1) * gap0 + 1) * pitch, Real)
    length = (high - 1) * pitch + between if stride0 == 1 else between
    total = numpy.empty(length, Real)
    for p in range(start, stop):
        image, channel = p // channels, p % channels
        for j in range(count):
            of = (image * (channels // multiple) + channel // multiple) * count + j
            _place(plane, pitch, x[of], low0, low1, step0, step1)
            if stride0 == 1:
                _add_products(total, plane, w[channel * count + j], gap0 * pitch, gap1, j > 0)
        for i in range(high):
            if stride0 > 1:  # then `count` is 1
                _add_products(total, plane[i * stride0 * pitch :], w[channel], gap0 * pitch, gap1, False)
            row = total[i * pitch :] if stride0 == 1 else total
            _copy(y[p, i], row, stride1)


def _place(plane, pitch, x, low0, low1, step0, step1):
    """Writes x into a plane, its elements `step` apart and as far from the margins as it says."""
    begin, end = max(0, -(low1 // step1)), min(x.shape[1], -((low1 - pitch) // step1))
    for i in range(x.shape[0]):
        row = low0 + i * step0
        if 0 <= row < plane.size // pitch and begin < end:
            to, of = plane[row * pitch + low1 + begin * step1 :], x[i, begin:end]
            if step1 == 1:
                for j in range(of.size):
                    to[j] = of[j]
            else:
                for j in range(of.size):
                    to[j * step1] = of[j]


def _copy(y, x, stride):
    if stride == 1:
        for j in range(y.size):
            y[j] = x[j]
    else:
        for j in range(y.size):
            y[j] = x[j * stride]


def _add_products(total, plane, kernel, gap0, gap1, is_more):
    """Sums of the elements of a kernel times those of a plane at these distances, for each of its first elements."""
    for at in range(0, total.size, SPAN):
        to = total[at : at + SPAN]
        if not is_more:
            for t in range(to.size):
                to[t] = Real(0)
        for i in range(kernel.shape[0]):
            for j in range(kernel.shape[1]):
                of, factor = plane[at + i * gap0 + j * gap1 :], kernel[i, j]
                for t in range(to.size):
                    to[t] += factor * of[t]


def _products_of_planes(
    part, start, stop, sums, g, x, images, multiple, high, wide, stride0, stride1, low0, low1, gap0, gap1
):
    """Sums over images of the products of planes of g and of x, for each element of a kernel (high, wide)."""
    outputs, rows, columns = sums.shape[0], (g.shape[1] - 1) * stride0 + 1, (g.shape[2] - 1) * stride1 + 1
    pitch = columns + (wide - 1) * gap1
    plane, spread = numpy.zeros((rows + (high - 1) * gap0) * pitch, Real), numpy.zeros(rows * pitch, Real)
    totals = numpy.zeros(high * wide)
    for channel in range(start, stop):
        totals[:] = 0
        for image in range(images):
            _place(plane, pitch, x[image * (outputs // multiple) + channel // multiple], low0, low1, 1, 1)
            _place(spread, pitch, g[image * outputs + channel], 0, 0, stride0, stride1)
            for i in range(high):
                for j in range(wide):
                    at = i * gap0 * pitch + j * gap1
                    totals[i * wide + j] += _product(spread, plane[at:], (rows - 1) * pitch + columns)
        for k in range(totals.size):
            sums[channel, k] = totals[k]


@reduction
def _product(a, b, size):
    total = 0.0
    for first in range(0, size, SPAN):
        s = Real(0)
        for j in range(first, min(size, first + SPAN)):
            s += a[j] * b[j]
        total += s
    return total


_correlate = Loop(_correlation)
_products = Loop(_products_of_planes)
