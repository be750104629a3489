"""Numerical calculus: differences, integrals, interpolation, convolution, and polynomials."""

import builtins

import numpy as onp

from ..core import library
from ..ops import fft as signal_ops
from ..ops.elementwise import stop_gradient
from ..ops.reduction import cumulative_product
from ._common import along_axis, as_array, cast, complete_axes, complete_axis, like
from ._elementwise import absolute, arctan2, conj, imag, not_equal, rad2deg, real, where
from ._reduction import argsort, cumprod, cumsum
from ._shape import broadcast_to, concatenate, expand_dims, flip, moveaxis, ravel, roll


def _part(a, axis, *bounds):
    """A slice along one axis."""
    return a[(slice(None),) * axis + (slice(*bounds),)]


def _numbers(x):
    """`x` as an array of real or complex numbers."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x * 1.0


# Differences and sums.
def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours along an axis, taken `n` times, after joining `prepend` and `append` to its ends."""
    if n < 0:
        raise ValueError(f"diff: expected an order that is not negative, got {n}.")
    a = as_array(a)
    if n == 0:
        return a
    axis = complete_axis(axis, a.ndim)
    ends = [None if end is None else as_array(end) for end in (prepend, append)]
    slab = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    before, after = [[] if x is None else [x if x.ndim else broadcast_to(x, slab)] for x in ends]
    a = concatenate([*before, a, *after], axis) if before or after else a
    for _ in range(n):
        later, earlier = _part(a, axis, 1, None), _part(a, axis, None, -1)
        a = not_equal(later, earlier) if a.dtype == bool else later - earlier
    return a


def ediff1d(ary, to_end=None, to_begin=None):
    """Differences of neighbours in the flattened array, between other numbers."""
    differences = diff(ravel(ary))
    parts = (to_begin, differences, to_end)
    return concatenate([ravel(as_array(part, differences.dtype)) for part in parts if part is not None])


def _cumulate(function, x, axis, dtype, initial):
    x = as_array(x)
    if axis is None and x.ndim != 1:
        raise ValueError(f"{function.__name__}: expected an axis for shape {x.shape}, got None.")
    axis = complete_axis(0 if axis is None else axis, x.ndim)
    y = function(x, axis, dtype)
    if initial is None:
        return y
    first = library(y).full((*y.shape[:axis], 1, *y.shape[axis + 1 :]), initial, y.dtype)
    return concatenate([like(y, first), y], axis)


def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    """Cumulative sums along an axis, which a vector need not name, 0 in front if `include_initial`."""
    return _cumulate(cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    """Cumulative products along an axis, which a vector need not name, 1 in front if `include_initial`."""
    return _cumulate(cumprod, x, axis, dtype, 1 if include_initial else None)


def unwrap(p, discont=None, axis=-1, *, period=2 * onp.pi):
    """Adds multiples of `period` along an axis, so that no step greater than max(discont, period / 2) is left."""
    p = as_array(p)
    axis = complete_axis(axis, p.ndim)
    steps = diff(stop_gradient(p), axis=axis)  # what is added does not change with p
    whole = onp.result_type(steps.dtype, period).kind in "iu"
    half, odd = builtins.divmod(period, 2) if whole else (period / 2, 0)
    wrapped = (steps + half) % period - half  # whole numbers and an odd period: from -half to half
    if not odd:
        wrapped = where((wrapped == -half) & (steps > 0), half, wrapped)
    added = where(absolute(steps) < (half if discont is None else discont), 0, wrapped - steps)
    added = cumsum(cast(added, onp.result_type(p.dtype, added.dtype) if whole else _numbers(p).dtype), axis)
    return concatenate([_part(p, axis, None, 1), _part(p, axis, 1, None) + added], axis)


def angle(z, deg=False):
    """The angle of complex numbers, from -pi to pi, or in degrees."""
    z = as_array(z)
    radians = arctan2(imag(z), real(z)) if z.dtype.kind == "c" else arctan2(z * 0, z)
    return rad2deg(radians) if deg else radians


# Integrals and derivatives.
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral along an axis by the trapezoidal rule, of samples at `x` (a vector or like `y`) or `dx` apart."""
    y = as_array(y)
    axis = complete_axis(axis, y.ndim)
    if x is None:
        widths = dx
    else:
        x = as_array(x)
        widths = diff(x, axis=axis) if x.ndim > 1 else _along(diff(x), axis, y.ndim)
    return (widths * (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2.0).sum(axis)


def _along(vector, axis, ndim):
    """A vector as an array of `ndim` axes."""
    return vector.reshape((-1,) + (1,) * (ndim - 1 - axis))


def gradient(f, *varargs, axis=None, edge_order=1):
    """Derivatives of samples along each axis: second order inside, first or second (`edge_order`) at both ends.

    Args:
        f: The samples.
        varargs: Nothing for samples 1 apart, one distance for all axes, or one distance or vector of coordinates for
            each axis.
        axis: The axes (all by default); one number gives an array, otherwise there is a tuple of them, or a single
            array for a vector.
        edge_order: 1 or 2.
    """
    f = _numbers(f)
    axes = complete_axes(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: expected edge_order 1 or 2, got {edge_order}.")
    spacings = [as_array(v) for v in varargs] or [1.0]
    if len(spacings) == 1 and (not varargs or spacings[0].ndim == 0):
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: expected no spacing, one, or {len(axes)} of them, got {len(spacings)}.")
    results = tuple(_slope(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True))
    return results[0] if len(axes) == 1 else results


def _slope(f, spacing, axis, edge_order):
    """The derivative along one axis: that of the parabola through a point and its neighbours."""
    count = f.shape[axis]
    if count <= edge_order:
        raise ValueError(f"gradient: expected at least {edge_order + 1} samples along axis {axis}, got {count}.")
    h, steps = spacing, diff(f, axis=axis)
    if getattr(spacing, "ndim", 0):
        if spacing.shape != (count,):
            raise ValueError(f"gradient: expected {count} coordinates for axis {axis}, got shape {spacing.shape}.")
        h = _along(diff(spacing), axis, f.ndim)
        before, after = h[:-1], h[1:]
        share = before / (before + after)  # of the slope that is farther away
    else:
        share = 0.5
    slopes = steps / h
    left, right = _part(slopes, axis, None, -1), _part(slopes, axis, 1, None)
    bend = right - left
    inner = left + share * bend
    first, last = _part(slopes, axis, None, 1), _part(slopes, axis, -1, None)
    if edge_order == 2:
        ends = (share, 1 - share) if share is 0.5 else (share[:1], 1 - share[-1:])
        first, last = first - ends[0] * _part(bend, axis, None, 1), last + ends[1] * _part(bend, axis, -1, None)
    return concatenate([first, inner, last], axis)
