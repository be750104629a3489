"""Normalization over axes as one operation: what layer, RMS, group, instance and batch norm are made of."""

import math

from ..core import library
from ..families import irregular
from ..fused import Fused, Joint
from ..kernels import normalization as kernels
from ..kernels.pieces import is_number
from ..primitive import Primitive
from .elementwise import single, sqrt
from .reduction import sum
from .shape import broadcast_to, reshape, with_ndim

__all__ = ["normalize", "normalize_gradients", "standardize"]


def _with_lanes(primitive, size, values, batched, params):
    """Every array gets its lanes, and axes of length 1 behind them, so that trailing axes still meet."""
    ndim = max([len(getattr(x, "shape", ())) - b for x, b in zip(values, batched, strict=True)])
    spread = []
    for x, b in zip(values, batched, strict=True):
        if getattr(x, "ndim", 0) or b:
            x = with_ndim(x if b else broadcast_to(x, shape=(size, *x.shape)), ndim + 1)
        spread.append(x)
    y = primitive(*spread, **params | {"axis": tuple([i + 1 for i in params["axis"]])})
    if primitive is normalize:
        return y
    scale = values[4]
    return tuple([
        reshape(part, shape=(size, *scale.shape[batched[4] :])) if i else part
        for i, part in zip(params["wanted"], y, strict=True)
    ])  # fmt: skip


def _pull(wanted, g, x, scale, y1, y2, axis, eps, centered):
    params = {"wanted": wanted, "axis": axis, "eps": eps, "centered": centered}
    g_y, g_mean, g_variance = g
    if is_number(g_y):
        g_y = library(x).zeros(x.shape, y1.dtype)
    return normalize_gradients(g_y, g_mean, g_variance, x, scale, y1, y2, **params)


def _gradients(g, g_mean, g_variance, x, scale, mean, variance, *, wanted, axis, eps, centered):
    """What the kernel computes, in other operations."""
    g, x, scale = (a if is_number(a) else single(a) for a in (g, x, scale))
    n = math.prod([x.shape[i] for i in axis])
    r = 1 / sqrt(variance + eps)
    z, h = (x - mean if centered else x) * r, g * scale
    a = (r * sum(h, axis=axis, keepdims=True) - g_mean) / n if centered else 0
    b = (r * sum(h * z, axis=axis, keepdims=True) - 2 * g_variance / r) / n
    axes = kernels.summed_axes(scale, len(x.shape))
    found = []
    for i in wanted:
        if i == 0:
            found.append(r * h - a - z * b)
        else:
            found.append(reshape(sum(g * z if i == 1 else g, axis=axes, keepdims=True), shape=scale.shape))
    return tuple(found)


def _deviations(x, mean, variance, eps):
    """(x - mean) / sqrt(variance + eps)"""
    return (single(x) - mean) / sqrt(variance + eps)


def _factor(variance, scale, eps):
    return single(scale) / sqrt(variance + eps)


# With given statistics: batch norm in evaluation, and between devices.
standardize: Primitive = irregular(
    kernels.standardize,
    lambda g, variance, scale, eps: single(g) * _factor(variance, scale, eps),
    lambda g, variance, scale, eps: single(g) * -_factor(variance, scale, eps),
    lambda g, x, mean, variance, scale, eps: (
        single(g) * _deviations(x, mean, variance, eps) * (single(scale) / (variance + eps) * -0.5)
    ),
    lambda g, x, mean, variance, eps: single(g) * _deviations(x, mean, variance, eps),
    lambda g: g,
    batch="align",
    memory="new",
)  # fmt: skip
normalize: Primitive = Joint(kernels.normalize, _pull, (0, 1, 2), batch=_with_lanes, memory="new")
normalize_gradients: Primitive = Fused(kernels.normalize_gradients, _gradients, batch=_with_lanes, memory="new")
