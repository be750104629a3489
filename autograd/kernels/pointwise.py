"""Convolution with a kernel of one element: a product of matrices for each image, from and to where the images are."""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING

from .im2col import Plan
from .products import stacked

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["forward", "suits", "to_input", "to_kernel"]


def suits(plan: Plan) -> bool:
    """Whether each output reads one input; padding would make some that read none."""
    return math.prod(plan.kernel) == 1 and all(lo <= 0 and hi <= 0 for lo, hi in plan.padding)


def forward(xp: ModuleType, x: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution`."""
    return stacked(xp, w.reshape(plan.matrix_shape), _matrices(x[_read(plan)], plan)).reshape(plan.y_shape)


def to_input(xp: ModuleType, g: RawArray, w: RawArray, plan: Plan) -> RawArray:
    """As `convolution_input`."""
    z = stacked(xp, w.reshape(plan.matrix_shape).swapaxes(1, 2), _matrices(g, plan))
    if plan.out == plan.x_shape[2:]:
        return z.reshape(plan.x_shape)
    x = xp.zeros(plan.x_shape, z.dtype)
    x[_read(plan)] = z.reshape(*plan.x_shape[:2], *plan.out)
    return x


def to_kernel(xp: ModuleType, x: RawArray, g: RawArray, plan: Plan) -> RawArray:
    """As `convolution_kernel`."""
    g, x = _matrices(g, plan), _matrices(x[_read(plan)], plan)
    _, outputs, inputs = plan.matrix_shape
    if plan.length * (outputs + inputs) < outputs * inputs:  # a copy is smaller than the products of all images
        g, x = (a.transpose(1, 2, 0, 3).reshape(1, a.shape[1], a.shape[2], -1) for a in (g, x))
    wide = "float32" if x.dtype.name in ("float16", "bfloat16") else x.dtype
    return stacked(xp, g, x.swapaxes(2, 3), wide).sum(0, dtype=wide).reshape(plan.w_shape)


def _read(plan):
    """Which inputs are read."""
    places = zip(plan.padding, plan.strides, plan.out, strict=True)
    return (..., *(slice(-lo, -lo + (n - 1) * stride + 1, stride) for (lo, _), stride, n in places))


def _matrices(y, plan):
    """y (N, O, *out) or x (N, C, *out) as (N, groups, channels, L)."""
    return y.reshape(len(y), plan.groups, y.shape[1] // plan.groups, plan.length)
