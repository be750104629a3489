"""Normalization over any axes, with a scale and a shift that broadcast: layer, RMS, group, instance and batch norm.

Statistics keep the axes that they are taken over, with length 1. They are float32 or float64, and so is what is
computed inside. NumPy works on pieces that stay in the second-level cache, or in compiled loops; on CuPy each function
is one or two launches, and one more for the gradients of a scale that is not constant along the axes.
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from . import normalization_loops
from .pieces import common_dtype, is_number, pieces

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["normalize", "normalize_gradients", "standardize", "summed_axes"]


def normalize(
    xp: ModuleType,
    x: RawArray,
    scale: Any,
    shift: Any,
    *,
    axis: tuple[int, ...],
    eps: float,
    centered: bool,
    dtype: str,
) -> tuple[RawArray, RawArray, RawArray]:
    """((x - mean) / sqrt(variance + eps) * scale + shift, mean, variance) over axes.

    Without `centered` the mean counts as 0, so that the variance is the mean square. `scale` is an array or 1, `shift`
    one of the same shape or 0; `dtype` is the least precision of the statistics, "float32".
    """
    common = common_dtype(x, scale, shift)
    wide = numpy.result_type(common, dtype)
    y = xp.empty(x.shape, common)
    mean, variance = (xp.empty(_kept(x.shape, axis), wide) for _ in range(2))
    if xp is not numpy:
        real = _C_TYPES[wide.name]
        _moments(xp, real, centered)(x, mean, variance, axis=axis, keepdims=True)
        plain = is_number(scale), is_number(shift)
        scale, shift = _typed(scale, wide), _typed(shift, wide)
        _affine(xp, real, centered, plain)(x, scale, shift, mean, variance, wide.type(eps), y)
        return y, mean, variance
    layout = normalization_loops.layout(x, scale, axis) if x.dtype == common == wide else None
    if layout is not None:
        normalization_loops.normalize(layout, x, scale, shift, y, mean, variance, eps, centered)
        return y, mean, variance
    count = _count(x.shape, axis)
    for place in pieces(x.shape, axis):
        m, v = mean[place], variance[place]
        z = y[place] if y.dtype == wide else numpy.empty(y[place].shape, wide)
        part = x[place].astype(wide, copy=False)
        if centered:
            numpy.divide(part.sum(axis, keepdims=True), count, out=m)
            numpy.subtract(part, m, out=z)
        else:
            m[...] = 0
            z[...] = part
        numpy.divide(_sum_of_products(z, z, axis), count, out=v)
        z *= 1 / numpy.sqrt(v + wide.type(eps))
        if not is_number(scale):
            z *= _at(scale, place)
        if not is_number(shift):
            z += _at(shift, place)
        if z.dtype != y.dtype:
            y[place] = z
    return y, mean, variance


def standardize(
    xp: ModuleType, x: RawArray, mean: RawArray, variance: RawArray, scale: RawArray, shift: RawArray, *, eps: float
) -> RawArray:
    """(x - mean) / sqrt(variance + eps) * scale + shift of given statistics, in the precision of x, scale and shift."""
    common = common_dtype(x, scale, shift)
    wide = numpy.result_type(common, numpy.float32)
    mean, variance = (a.astype(wide, copy=False) for a in (mean, variance))
    y = xp.empty(numpy.broadcast_shapes(x.shape, mean.shape, variance.shape, scale.shape, shift.shape), common)
    if xp is not numpy:
        _affine(xp, _C_TYPES[wide.name], True, (False, False))(x, scale, shift, mean, variance, wide.type(eps), y)
        return y
    factor = scale.astype(wide, copy=False) / numpy.sqrt(variance + wide.type(eps))
    for place in pieces(y.shape, ()):
        z = _at(x, place).astype(wide, copy=False) - _at(mean, place)
        z = z * _at(factor, place) if z.shape != y[place].shape else numpy.multiply(z, _at(factor, place), out=z)
        numpy.add(z, _at(shift, place), out=y[place], casting="unsafe")
    return y


def normalize_gradients(
    xp: ModuleType,
    g: RawArray,
    g_mean: Any,
    g_variance: Any,
    x: RawArray,
    scale: Any,
    mean: RawArray,
    variance: RawArray,
    *,
    wanted: tuple[int, ...],
    axis: tuple[int, ...],
    eps: float,
    centered: bool,
) -> tuple[RawArray, ...]:
    """The cotangents of arguments of `normalize`: 0 in `wanted` stands for x, 1 for scale, 2 for shift.

    With n elements, z = (x - mean) r, r = 1 / sqrt(variance + eps) and h = g scale, that of x is
    r h - a - z b of a = (r sum(h) - g_mean) / n and b = (r sum(h z) - 2 g_variance / r) / n; a = 0 if not `centered`.
    """
    wide = numpy.result_type(variance.dtype, numpy.float32)
    mean, variance = (a.astype(wide, copy=False) for a in (mean, variance))
    gradients = _on_host if xp is numpy else functools.partial(_on_device, xp)
    found = gradients(g, g_mean, g_variance, x, scale, mean, variance, wanted, axis, eps, centered, wide)
    return tuple([found[i] for i in wanted])


def _on_host(g, g_mean, g_variance, x, scale, mean, variance, wanted, axis, eps, centered, wide):
    layout = normalization_loops.layout(x, scale, axis) if x.dtype == wide else None
    if layout is not None:
        found = normalization_loops.gradients(
            layout, g, g_mean, g_variance, x, scale, mean, variance, eps, centered, 0 in wanted
        )
        axes = summed_axes(scale, x.ndim)
        return found | {
            i: found[i].sum(axes, keepdims=True).astype(scale.dtype).reshape(scale.shape) for i in (1, 2) if i in wanted
        }
    found = {i: numpy.zeros(scale.shape, wide) for i in (1, 2) if i in wanted}
    found[0] = numpy.empty(x.shape, x.dtype)
    axes, constant, count = summed_axes(scale, x.ndim), _is_constant(scale, x.ndim, axis), _count(x.shape, axis)
    for place in pieces(x.shape, axis):
        r = 1 / numpy.sqrt(variance[place] + wide.type(eps))
        h, z = g[place].astype(wide, copy=False), x[place].astype(wide, copy=False)
        z = z - mean[place] if centered else z * r
        if centered:
            z *= r
        sums = _sums(h, z, axis) if constant else None
        if wanted != (0,):
            of_scale = sums if sums is not None and axes == axis else _sums(h, z, axes)
            for i in {1, 2}.intersection(wanted):
                whole = _at(found[i], place)
                whole += of_scale[i - 1].reshape(whole.shape)
        if 0 in wanted:
            f = r
            if sums is None:
                h = h * _at(scale, place)
                sums = _sums(h, z, axis)
            elif not is_number(scale):
                f = r * _at(scale, place)
            z *= (f * sums[0] - 2 * _at(g_variance, place) / r) / count
            if centered:
                z += (f * sums[1] - _at(g_mean, place)) / count
            h = numpy.multiply(h, f, out=None if constant else h)
            numpy.subtract(h, z, out=found[0][place], casting="unsafe")
    return found | {i: found[i].astype(scale.dtype, copy=False) for i in (1, 2) if i in found}


def _sums(h, z, axis):
    """The sums of h z and of h."""
    return _sum_of_products(h, z, axis), h.sum(axis, keepdims=True)


def _on_device(xp, g, g_mean, g_variance, x, scale, mean, variance, wanted, axis, eps, centered, wide):
    real, axes, constant = _C_TYPES[wide.name], summed_axes(scale, x.ndim), _is_constant(scale, x.ndim, axis)
    found, rows = {}, (mean, variance, wide.type(eps))
    g = xp.asarray(g)
    factor, outer = (1, scale) if constant else (scale, 1)
    if 0 in wanted:
        sums = [xp.empty(mean.shape, wide) for _ in range(2)]
        _weighted(xp, real, centered, is_number(factor))(
            g, x, _typed(factor, wide), *rows, *sums, axis=axis, keepdims=True
        )
        found[0] = xp.empty(x.shape, x.dtype)
        others = factor, outer, g_mean, g_variance
        factor, outer, *of_statistics = [_typed(a, wide) for a in others]
        kernel = _input(xp, real, centered, tuple(map(is_number, others)))
        kernel(g, x, factor, outer, *rows, *sums, *of_statistics, wide.type(_count(x.shape, axis)), found[0])
    if 1 in wanted or 2 in wanted:
        if 0 not in wanted or axes != axis:
            padded = (1,) * (x.ndim - scale.ndim) + scale.shape
            sums = [xp.empty(padded, scale.dtype) for _ in range(2)]
            _weighted(xp, real, centered, True)(g, x, wide.type(1), *rows, *sums, axis=axes, keepdims=True)
        found[1], found[2] = (a.reshape(scale.shape).astype(scale.dtype, copy=False) for a in sums)
    return found


def _at(a, place):
    """The part of an array of trailing axes, some of length 1, that belongs to a piece; a number as it is."""
    if is_number(a):
        return a
    own = place[len(place) - a.ndim :]
    return a[tuple([slice(None) if n == 1 else part for part, n in zip(own, a.shape, strict=True)])]


def _kept(shape, axis):
    return tuple([1 if i in axis else n for i, n in enumerate(shape)])


def _count(shape, axis):
    return math.prod([shape[i] for i in axis])


def summed_axes(scale: Any, ndim: int) -> tuple[int, ...]:
    """The axes of an array of `ndim` axes that the gradient of `scale` is summed over."""
    if is_number(scale):
        return tuple(range(ndim))
    added = ndim - scale.ndim
    return tuple([i for i in range(ndim) if i < added or scale.shape[i - added] == 1])


def _is_constant(scale, ndim, axis):
    return set(axis) <= set(summed_axes(scale, ndim))


def _sum_of_products(a, b, axis):
    """The sum of a * b over axes, which stay with length 1."""
    if axis == (a.ndim - 1,):
        return numpy.vecdot(a, b)[..., None]
    axes = list(range(a.ndim))
    kept = [i for i in axes if i not in axis]
    return numpy.einsum(a, axes, b, axes, kept).reshape(_kept(a.shape, axis))


def _typed(x, wide):
    """A number as a scalar of NumPy, so that a kernel has no double in it; an array as it is."""
    return wide.type(x) if is_number(x) else x


# CUDA. X, S, ... are types of elements, R is that of the statistics.
_C_TYPES = {"float32": "float", "float64": "double"}
# Merging two parts. Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm".
_MOMENTS = """
struct Moments { %(real)s n, mean, squares; };
__device__ inline Moments merged(const Moments& a, const Moments& b) {
    if (a.n == 0) return b;
    if (b.n == 0) return a;
    const %(real)s n = a.n + b.n, part = b.n / n, d = b.mean - a.mean;
    return Moments{n, a.mean + d * part, a.squares + b.squares + d * d * a.n * part};
}
"""
_SUMS = """
struct Sums { %(real)s first, second; };
__device__ inline Sums added(const Sums& a, const Sums& b) { return Sums{a.first + b.first, a.second + b.second}; }
"""


def _z(centered):
    return f"((R(x){' - mean' if centered else ''}) * rsqrt(variance + eps))"


@functools.cache
def _moments(xp, real, centered):
    if not centered:
        return xp.ReductionKernel(
            "X x", "R mean, R variance", "Sums{R(x) * R(x), R(1)}", "added(a, b)",
            "mean = 0, variance = a.first / a.second", "Sums{0, 0}", "autograd_mean_square", "Sums",
            preamble=_SUMS % {"real": real},
        )  # fmt: skip
    return xp.ReductionKernel(
        "X x", "R mean, R variance", "Moments{R(1), R(x), R(0)}", "merged(a, b)",
        "mean = a.mean, variance = a.squares / a.n", "Moments{0, 0, 0}", "autograd_moments", "Moments",
        preamble=_MOMENTS % {"real": real},
    )  # fmt: skip


_LETTERS = {"scale": "S", "shift": "H", "outer": "O", "g_mean": "M", "g_variance": "V"}


def _declared(plain, *names):
    """Declarations of parameters: scalars in R, arrays in types of their own."""
    return ", ".join(f"{'R' if scalar else _LETTERS[name]} {name}" for scalar, name in zip(plain, names, strict=True))


@functools.cache
def _affine(xp, real, centered, plain):
    return xp.ElementwiseKernel(
        f"X x, {_declared(plain, 'scale', 'shift')}, R mean, R variance, R eps", "Y y",
        f"y = Y({_z(centered)} * R(scale) + R(shift))", "autograd_normalize",
    )  # fmt: skip


@functools.cache
def _weighted(xp, real, centered, plain):
    """The sums of h z and of h = g scale."""
    return xp.ReductionKernel(
        f"G g, X x, {_declared([plain], 'scale')}, R mean, R variance, R eps", "F first, F second",
        f"Sums{{R(g) * R(scale) * {_z(centered)}, R(g) * R(scale)}}", "added(a, b)",
        "first = F(a.first), second = F(a.second)", "Sums{0, 0}", "autograd_normalize_sums", "Sums",
        preamble=_SUMS % {"real": real},
    )  # fmt: skip


@functools.cache
def _input(xp, real, centered, plain):
    a = "(f * total - R(g_mean)) / n" if centered else "0"
    scale, statistics = _declared(plain[:2], "scale", "outer"), _declared(plain[2:], "g_mean", "g_variance")
    return xp.ElementwiseKernel(
        f"G g, X x, {scale}, R mean, R variance, R eps, R product, R total, {statistics}, R n", "Y y",
        f"""const R r = rsqrt(variance + eps), f = r * R(outer);
        y = Y(f * R(g) * R(scale) - {a} - {_z(centered)} * ((f * product - 2 * R(g_variance) / r) / n));""",
        "autograd_normalize_gradient",
    )  # fmt: skip
