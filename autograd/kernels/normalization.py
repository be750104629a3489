"""Normalization over any axes, with a scale and a shift that broadcast: layer, RMS, group, instance and batch norm.

Statistics keep the axes that they are taken over, with length 1. They are float32 or float64, and so is what is
computed inside. NumPy works on pieces that stay in the second-level cache, or in compiled loops; on CuPy each function
is one or two launches, and one more for the gradients of a scale that is not constant along the axes.
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from . import normalization_loops
from .pieces import common_dtype, is_number, kept_shape, pieces, promoted

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["normalize", "normalize_gradients", "standardize", "summed_axes"]

_SINGLE = numpy.dtype("float32")


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
    if xp is not numpy:
        return _normalize_on_device(xp, x, scale, shift, axis, eps, centered, dtype)
    common = common_dtype(x, scale, shift)
    wide = numpy.result_type(common, dtype)
    y = numpy.empty(x.shape, common)
    mean, variance = (numpy.empty(kept_shape(x.shape, axis), wide) for _ in range(2))
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


def _normalize_on_device(xp, x, scale, shift, axis, eps, centered, dtype):
    dtypes = tuple([a.dtype if isinstance(a, xp.ndarray) else None for a in (x, scale, shift)])
    common, wide, kept, moments, affine = _planned(xp, x.shape, dtypes, axis, centered, dtype)
    y, mean, variance = xp.ndarray(x.shape, common), xp.ndarray(kept, wide), xp.ndarray(kept, wide)
    moments(x, mean, variance, axis=axis, keepdims=True)
    real = wide.type  # of numbers, so that no kernel has a double in it
    scale, shift = real(scale) if dtypes[1] is None else scale, real(shift) if dtypes[2] is None else shift
    affine(x, scale, shift, mean, variance, real(eps), y)
    return y, mean, variance


@functools.lru_cache(4096)
def _planned(xp, shape, dtypes, axis, centered, dtype):
    """The dtypes of the result and of the statistics, the shape of these, and the kernels."""
    common = promoted(*[each for each in dtypes if each is not None])
    wide = numpy.result_type(common, dtype)
    real, plain = _C_TYPES[wide.name], (dtypes[1] is None, dtypes[2] is None)
    return common, wide, kept_shape(shape, axis), _moments(xp, real, centered), _affine(xp, real, centered, plain)


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
    wide = promoted(variance.dtype, _SINGLE)
    mean, variance = mean.astype(wide, copy=False), variance.astype(wide, copy=False)
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
    others = scale, g_mean, g_variance
    of_scale, *of_statistics = [a.shape if isinstance(a, xp.ndarray) else None for a in others]
    plain = tuple([shape is None for shape in of_statistics])
    plan = _planned_gradients(xp, x.shape, of_scale, plain, wanted, axis, centered, wide)
    number, found = wide.type, {}
    scale, g_mean, g_variance = [a if isinstance(a, xp.ndarray) else number(a) for a in others]
    factor, outer = (number(1), scale) if plan.is_constant else (scale, number(1))
    g, eps = g if isinstance(g, xp.ndarray) else xp.asarray(g), number(eps)
    sums: tuple[Any, ...] = ()
    if plan.to_x is not None:
        sums = xp.ndarray(mean.shape, wide), xp.ndarray(mean.shape, wide)
        plan.weighted(g, x, factor, mean, variance, eps, *sums, axis=axis, keepdims=True)
        found[0] = xp.ndarray(x.shape, x.dtype)
        plan.to_x(
            g, x, factor, outer, mean, variance, eps, *sums, g_mean, g_variance, number(plan.length), found[0]
        )  # fmt: skip
    if plan.to_scale is not None:
        sums = xp.ndarray(plan.padded, scale.dtype), xp.ndarray(plan.padded, scale.dtype)
        plan.to_scale(g, x, number(1), mean, variance, eps, *sums, axis=plan.axes, keepdims=True)
    if 1 in wanted or 2 in wanted:
        found[1], found[2] = [a.reshape(of_scale).astype(scale.dtype, copy=False) for a in sums]
    return found


class _Gradients(NamedTuple):
    """How the gradients of arrays of known shapes are computed.

    Attributes:
        is_constant: Whether the scale is constant along the axes of the statistics.
        length: The number of elements of each statistic.
        axes: Those that the gradient of the scale is summed over.
        padded: The shape of the scale with as many axes as x has.
        weighted, to_x: The kernels of the gradient of x: None without it.
        to_scale: That of the gradients of scale and shift; None if these are the sums of `weighted`.
    """

    is_constant: bool
    length: int
    axes: tuple[int, ...]
    padded: tuple[int, ...]
    weighted: Any
    to_x: Any
    to_scale: Any


@functools.lru_cache(4096)
def _planned_gradients(xp, shape, of_scale, plain, wanted, axis, centered, wide):
    ndim, real = len(shape), _C_TYPES[wide.name]
    axes = _summed_axes(of_scale, ndim)
    constant, weighted, to_x, to_scale = set(axis) <= set(axes), None, None, None
    outer_is_number = of_scale is None or not constant
    if 0 in wanted:
        weighted = _weighted(xp, real, centered, constant or of_scale is None)
        to_x = _input(xp, real, centered, (constant or of_scale is None, outer_is_number, *plain))
    if wanted != (0,) and (0 not in wanted or axes != axis):
        to_scale = _weighted(xp, real, centered, True)
    padded = (1,) * (ndim - len(of_scale or ())) + (of_scale or ())
    return _Gradients(constant, _count(shape, axis), axes, padded, weighted, to_x, to_scale)


def _at(a, place):
    """The part of an array of trailing axes, some of length 1, that belongs to a piece; a number as it is."""
    if is_number(a):
        return a
    own = place[len(place) - a.ndim :]
    return a[tuple([slice(None) if n == 1 else part for part, n in zip(own, a.shape, strict=True)])]


def _count(shape, axis):
    return math.prod([shape[i] for i in axis])


def summed_axes(scale: Any, ndim: int) -> tuple[int, ...]:
    """The axes of an array of `ndim` axes that the gradient of `scale` is summed over."""
    return _summed_axes(getattr(scale, "shape", None), ndim)


def _summed_axes(shape, ndim):
    if shape is None:
        return tuple(range(ndim))
    added = ndim - len(shape)
    return tuple([i for i in range(ndim) if i < added or shape[i - added] == 1])


def _is_constant(scale, ndim, axis):
    return set(axis) <= set(summed_axes(scale, ndim))


def _sum_of_products(a, b, axis):
    """The sum of a * b over axes, which stay with length 1."""
    if axis == (a.ndim - 1,):
        return numpy.vecdot(a, b)[..., None]
    axes = list(range(a.ndim))
    kept = [i for i in axes if i not in axis]
    return numpy.einsum(a, axes, b, axes, kept).reshape(kept_shape(a.shape, axis))


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
