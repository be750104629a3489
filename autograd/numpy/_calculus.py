"""Numerical calculus: differences, integrals, interpolation and convolution."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as onp

from ..axes import complete_axes, complete_axis
from ..core import Array, library
from ..ops import convolution, searching
from ..ops.elementwise import stop_gradient
from ..typing import ArrayLike, Axes, DTypeLike, Result
from . import linalg
from ._common import (
    aligned,
    as_array,
    cast,
    inexact,
    like,
    on_one_device,
    part,
    promoted,
    require_casting,
    scalar,
    together,
)  # fmt: skip
from ._elementwise import absolute, arctan2, conj, imag, isfinite, minimum, not_equal, rad2deg, real, where
from ._indexing import take
from ._placement import placed_like
from ._reduction import cumprod, cumsum
from ._shape import atleast_1d, broadcast_to, concatenate, flip, moveaxis, ravel
from ._sorting import argsort


def complete_order(where: str, n: int) -> int:
    """`n`, how often an operation is repeated; ValueError if it is negative."""
    if n < 0:
        raise ValueError(f"{where}: expected a non-negative order, got {n}.")
    return n


def vectors(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays with at least one axis; a Python number takes the precision of the other one."""
    a, b = on_one_device(a, b)
    a = promoted(b, a) if hasattr(b, "dtype") else as_array(a)
    return atleast_1d(a, promoted(a, b))


# Differences and sums.
def diff(
    a: ArrayLike, n: int = 1, axis: int = -1, prepend: ArrayLike | None = None, append: ArrayLike | None = None
) -> Result:
    """The n-th differences of neighbours along an axis, after joining `prepend` and `append` to its ends."""
    a = as_array(a)
    if complete_order("diff", n) == 0:
        return a
    axis = complete_axis(axis, a.ndim)
    ends = [None if end is None else promoted(a, end) for end in (prepend, append)]
    slab = (*a.shape[:axis], 1, *a.shape[axis + 1 :])
    before, after = [[] if x is None else [x if x.ndim else broadcast_to(x, slab)] for x in ends]
    a = concatenate([*before, a, *after], axis) if before or after else a
    for _ in range(n):
        later, earlier = part(a, axis, 1, None), part(a, axis, None, -1)
        a = not_equal(later, earlier) if a.dtype == bool else later - earlier
    return a


def ediff1d(ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Result:
    """The differences of neighbours in the flattened array, between the numbers `to_begin` and `to_end`."""
    ary, to_end, to_begin = on_one_device(ary, to_end, to_begin)
    differences = diff(ravel(ary))
    ends = [promoted(differences, x) for x in (to_begin, to_end) if x is not None]
    require_casting("ediff1d", differences.dtype, ends)
    pieces = (to_begin, differences, to_end)
    arrays = together(*[x for x in pieces if x is not None])
    return concatenate([ravel(as_array(x, differences.dtype)) for x in arrays])


def _cumulate(function, x, axis, dtype, initial):
    x = as_array(x)
    if axis is None and x.ndim != 1:
        raise ValueError(f"cumulative_{function.__name__[3:]}: expected an axis for shape {x.shape}, got None.")
    axis = complete_axis(0 if axis is None else axis, x.ndim)
    y = function(x, axis, dtype)
    if initial is None:
        return y
    first = library(y).full((*y.shape[:axis], 1, *y.shape[axis + 1 :]), initial, y.dtype)
    return concatenate([like(y, first), y], axis)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False
) -> Result:
    """Cumulative sums along an axis, which only a vector may leave out; a 0 in front with `include_initial`."""
    return _cumulate(cumsum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False
) -> Result:
    """Cumulative products along an axis, which only a vector may leave out; a 1 in front with `include_initial`."""
    return _cumulate(cumprod, x, axis, dtype, 1 if include_initial else None)


def unwrap(p: ArrayLike, discont: float | None = None, axis: int = -1, *, period: float = 2 * onp.pi) -> Result:
    """Adds multiples of `period` along an axis so that no step is greater than max(discont, period / 2).

    What is added is constant for the gradient.
    """
    p = as_array(p)
    axis = complete_axis(axis, p.ndim)
    steps = diff(stop_gradient(p), axis=axis)  # what is added does not change with p
    whole = onp.result_type(steps.dtype, period).kind in "iu"
    half = period // 2 if whole else period / 2
    wrapped = (steps + half) % period - half
    if not whole or period % 2 == 0:
        wrapped = where((wrapped == -half) & (steps > 0), half, wrapped)
    jumps = where(absolute(steps) < (period / 2 if discont is None else discont), 0, wrapped - steps)
    return concatenate([part(p, axis, None, 1), part(p, axis, 1, None) + cumsum(jumps, axis)], axis)


def angle(z: ArrayLike, deg: bool = False) -> Result:
    """The angle of complex numbers, from -pi to pi, in degrees with `deg`."""
    z = as_array(z)
    radians = arctan2(imag(z), real(z))
    return rad2deg(radians) if deg else radians


# Integrals and derivatives.
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Result:
    """The integral along an axis by the trapezoidal rule, of samples at `x` (a vector or like `y`) or `dx` apart."""
    y = as_array(y)
    axis = complete_axis(axis, y.ndim)
    if x is None:
        widths = dx
    else:
        x = placed_like(y, x)
        widths = diff(x, axis=axis) if x.ndim > 1 else aligned(diff(x), axis, y.ndim)
    return (widths * (part(y, axis, 1, None) + part(y, axis, None, -1)) / 2.0).sum(axis)


def gradient(f: ArrayLike, *varargs: ArrayLike, axis: Axes = None, edge_order: int = 1) -> Any:
    """The derivatives of samples along each axis: of second order inside, of order `edge_order` at both ends.

    Args:
        f: The samples.
        varargs: Nothing for samples 1 apart, one distance for all axes, or for each axis a distance or a vector of
            coordinates.
        axis: The axes, all by default.
        edge_order: 1 or 2.

    Returns:
        A tuple of an array for each axis; the array alone if there is one axis.
    """
    f, *given = on_one_device(f, *varargs or (1.0,))
    f = inexact(f)
    axes = complete_axes(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: expected edge_order 1 or 2, got {edge_order}.")
    spacings = [promoted(f, v) for v in given]
    if len(spacings) == 1 and spacings[0].ndim == 0:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(
            f"gradient: expected one spacing for all axes or {len(axes)}, one for each, got {len(spacings)}."
        )
    results = tuple(_slope(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True))
    return results[0] if len(axes) == 1 else results


def _slope(f, spacing, axis, edge_order):
    """The derivative along one axis: inside, that of the parabola through a point and its two neighbours."""
    count = f.shape[axis]
    if count <= edge_order:
        raise ValueError(f"gradient: expected at least {edge_order + 1} samples along axis {axis}, got {count}.")
    if spacing.shape not in ((), (count,)):
        raise ValueError(f"gradient: expected {count} coordinates for axis {axis}, got shape {spacing.shape}.")
    h = diff(spacing) if spacing.ndim else broadcast_to(spacing, (count - 1,))
    slopes = diff(f, axis=axis) / aligned(h, axis, f.ndim)
    share = aligned(h[:-1] / (h[:-1] + h[1:]), axis, f.ndim)  # of the slope after a point in the derivative there
    bend = part(slopes, axis, 1, None) - part(slopes, axis, None, -1)
    first, last = part(slopes, axis, None, 1), part(slopes, axis, -1, None)
    if edge_order == 2:
        first = first - part(share * bend, axis, None, 1)
        last = last + part((1 - share) * bend, axis, -1, None)
    if spacing.ndim:
        inner = part(slopes, axis, None, -1) + share * bend
    else:  # without the sample between, which may be infinite or NaN
        inner = (part(f, axis, 2, None) - part(f, axis, None, -2)) / (2 * spacing)
    return cast(concatenate([first, inner, last], axis), f.dtype)


def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: ArrayLike | None = None,
    right: ArrayLike | None = None,
    period: float | None = None,
) -> Result:
    """The piecewise linear function through the points (`xp`, `fp`), at `x`; differentiable in all three.

    At a point the derivative is that of the interval after it. With `period`, coordinates are taken modulo it, and
    `left` and `right` are not used.

    Args:
        x: Where to evaluate it, of any shape.
        xp, fp: Vectors; `xp` must increase unless there is a `period`.
        left, right: Results before the first and after the last point; by default the values there.
        period: The period of the function.
    """
    x, xp, fp = on_one_device(x, xp, fp)
    points, values = inexact(xp), inexact(fp)
    x = promoted(points, x)
    if points.ndim != 1 or values.shape != points.shape or not points.size:
        raise ValueError(
            f"interp: expected vectors xp and fp of one length, got shapes {points.shape} and {values.shape}."
        )
    if period is not None:
        if period == 0:
            raise ValueError("interp: expected a nonzero period, got 0.")
        period, left, right = builtins.abs(period), None, None
        x, points = x % period, points % period
        order = argsort(points)
        points, values = take(points, order), take(values, order)
        points = concatenate([points[-1:] - period, points, points[:1] + period])
        values = concatenate([values[-1:], values, values[:1]])
    i = searching.interval(points, x)
    j = minimum(i + 1, points.shape[0] - 1)
    start, width = take(points, i), take(points, j) - take(points, i)
    low, high = take(values, i), take(values, j)
    # At a point the next value does not count; where it is infinite or NaN, it must not be multiplied by 0 either.
    at_end = x == take(points, j)
    alone = ((x == start) | at_end) & ~(isfinite(low) & isfinite(high) & isfinite(width))
    if points.shape[0] == 1:
        alone = alone | (x != start)
    share = where(alone, 0, x - start) / where(alone | (width == 0), 1, width)
    inner = where(alone, 0, low) * (1 - share) + where(alone, 0, high) * share
    y = where(alone, where(at_end, high, low), inner)
    y = where(x < points[0], values[0] if left is None else left, y)
    return scalar(where(x > points[-1], values[-1] if right is None else right, y))


def cross(
    a: ArrayLike, b: ArrayLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Result:
    """The cross product of vectors of three components.

    They lie along `axisa` of `a`, `axisb` of `b` and `axisc` of the result; `axis` stands for all three.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    return moveaxis(linalg.cross(moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)), -1, axisc)


# Convolution.
def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Result:
    """The convolution of two vectors: y[k] = sum over i of a[i] * v[k - i].

    Args:
        a, v: The vectors; a number is a vector of one element.
        mode: "full" for all k where they overlap, "same" for the middle of these, as many as the longer vector has,
            "valid" for those where they overlap completely.
    """
    a, v = _operands(a, v, mode, "convolve")
    return _in_mode(a, v, mode, builtins.min(a.shape[0], v.shape[0]) - 1)


def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Result:
    """The cross-correlation of two vectors: y[k] = sum over i of a[i + k] * conj(v[i]); `mode` as in `convolve`."""
    a, v = _operands(a, v, mode, "correlate")
    shorter, longer = sorted((a.shape[0], v.shape[0]))
    return _in_mode(a, flip(conj(v)), mode, shorter - 1 if longer == a.shape[0] else shorter)


def _operands(a: ArrayLike, v: ArrayLike, mode: str, where: str) -> tuple[Array, Array]:
    a, v = vectors(a, v)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{where}: expected mode 'full', 'same' or 'valid', got {mode!r}.")
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        raise ValueError(f"{where}: expected vectors with elements, got shapes {a.shape} and {v.shape}.")
    return a, v


def _in_mode(a, v, mode, twice_start):
    """The convolution; with mode "same" from its element twice_start // 2 on."""
    longer, shorter = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    y = convolution.convolve(longer, shorter, mode="full" if mode == "same" else mode)
    return y[twice_start // 2 :][: longer.shape[0]] if mode == "same" else y
