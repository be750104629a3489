"""Numerical calculus: differences, integrals, interpolation, convolution, and polynomials."""

import builtins

import numpy as onp

from ..axes import complete_axes, complete_axis
from ..core import TracedNumber, library
from ..ops import convolution, searching
from ..ops import shape as ops
from ..ops.elementwise import stop_gradient
from ..ops.reduction import cumulative_product
from . import linalg
from ._common import as_array, cast, like, result_type
from ._elementwise import absolute, arctan2, conj, imag, minimum, negative, not_equal, rad2deg, real, where
from ._indexing import take
from ._reduction import cumprod, cumsum
from ._shape import atleast_1d, broadcast_to, concatenate, flip, moveaxis, ravel
from ._sorting import argsort


def _part(a, axis, *bounds):
    """A slice along one axis."""
    return a[(slice(None),) * axis + (slice(*bounds),)]


def _numbers(x):
    """`x` as an array of real or complex numbers."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x * 1.0


def _order(where, n):
    """`n`, how many times something is done."""
    if n < 0:
        raise ValueError(f"{where}: expected an order that is not negative, got {n}.")
    return n


def _beside(a, x):
    """`x` as an array; one of Python's numbers takes the precision of `a`."""
    return as_array(x, result_type(a, x) if isinstance(x, int | float | complex | TracedNumber) else None)


def _pair(a, b):
    """Both as arrays with at least one axis."""
    a = _beside(b, a) if hasattr(b, "dtype") else as_array(a)
    return atleast_1d(a, _beside(a, b))


# Differences and sums.
def diff(a, n=1, axis=-1, prepend=None, append=None):
    """Differences of neighbours along an axis, taken `n` times, after joining `prepend` and `append` to its ends."""
    a = as_array(a)
    if _order("diff", n) == 0:
        return a
    axis = complete_axis(axis, a.ndim)
    ends = [None if end is None else _beside(a, end) for end in (prepend, append)]
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
        raise ValueError(f"cumulative_{function.__name__[3:]}: expected an axis for shape {x.shape}, got None.")
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
    half = period // 2 if whole else period / 2
    wrapped = (steps + half) % period - half
    if not whole or period % 2 == 0:
        wrapped = where((wrapped == -half) & (steps > 0), half, wrapped)
    jumps = where(absolute(steps) < (period / 2 if discont is None else discont), 0, wrapped - steps)
    return concatenate([_part(p, axis, None, 1), _part(p, axis, 1, None) + cumsum(jumps, axis)], axis)


def angle(z, deg=False):
    """The angle of complex numbers, from -pi to pi, or in degrees."""
    z = as_array(z)
    radians = arctan2(imag(z), real(z))
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
    spacings = [_beside(f, v) for v in varargs or (1.0,)]
    if len(spacings) == 1 and spacings[0].ndim == 0:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: expected no spacing, one, or {len(axes)} of them, got {len(spacings)}.")
    results = tuple(_slope(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True))
    return results[0] if len(axes) == 1 else results


def _slope(f, spacing, axis, edge_order):
    """The derivative along one axis: inside, that of the parabola through a point and its neighbours."""
    count = f.shape[axis]
    if count <= edge_order:
        raise ValueError(f"gradient: expected at least {edge_order + 1} samples along axis {axis}, got {count}.")
    if spacing.shape not in ((), (count,)):
        raise ValueError(f"gradient: expected {count} coordinates for axis {axis}, got shape {spacing.shape}.")
    h = diff(spacing) if spacing.ndim else broadcast_to(spacing, (count - 1,))
    slopes = diff(f, axis=axis) / _along(h, axis, f.ndim)
    share = _along(h[:-1] / (h[:-1] + h[1:]), axis, f.ndim)  # of the slope after a point in the derivative there
    bend = _part(slopes, axis, 1, None) - _part(slopes, axis, None, -1)
    first, last = _part(slopes, axis, None, 1), _part(slopes, axis, -1, None)
    if edge_order == 2:
        first = first - _part(share * bend, axis, None, 1)
        last = last + _part((1 - share) * bend, axis, -1, None)
    return cast(concatenate([first, _part(slopes, axis, None, -1) + share * bend, last], axis), f.dtype)


def interp(x, xp, fp, left=None, right=None, period=None):
    """The piecewise linear function through the points (`xp`, `fp`), at `x`.

    At a point the derivative is that of the interval after it.

    Args:
        x: Where to evaluate it, of any shape.
        xp, fp: Vectors; `xp` must increase unless there is a `period`.
        left, right: What to give before the first and after the last point; by default their values.
        period: The period of the function, which makes `left` and `right` meaningless.
    """
    xp, fp = _numbers(xp), _numbers(fp)
    x = _beside(xp, x)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ValueError(f"interp: expected vectors xp and fp of one length, got shapes {xp.shape} and {fp.shape}.")
    if period is not None:
        if period == 0:
            raise ValueError("interp: expected a period that is not zero, got 0.")
        period, left, right = builtins.abs(period), None, None
        x, xp = x % period, xp % period
        order = argsort(xp)
        xp, fp = take(xp, order), take(fp, order)
        xp = concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = concatenate([fp[-1:], fp, fp[:1]])
    i = searching.interval(xp, x)
    j = minimum(i + 1, xp.shape[0] - 1)
    start, width = take(xp, i), take(xp, j) - take(xp, i)
    share = (x - start) / where(width == 0, 1, width)
    y = take(fp, i) * (1 - share) + take(fp, j) * share
    y = where(x < xp[0], fp[0] if left is None else left, y)
    return where(x > xp[-1], fp[-1] if right is None else right, y)


def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors of three components, which lie along an axis of each array and of the result."""
    if axis is not None:
        axisa = axisb = axisc = axis
    return moveaxis(linalg.cross(moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)), -1, axisc)


# Convolution.
def convolve(a, v, mode="full"):
    """The convolution of two vectors: y[k] = sum over i of a[i] * v[k - i].

    Args:
        a, v: The vectors; a number is a vector of one element.
        mode: "full" for all k at which they meet, "same" for as many as the longer vector has, from the middle of
            these, "valid" for those at which the shorter vector lies within the longer one.
    """
    a, v = _vectors(a, v, mode, "convolve")
    return _in_mode(a, v, mode, builtins.min(a.shape[0], v.shape[0]) - 1)


def correlate(a, v, mode="valid"):
    """The cross-correlation of two vectors: y[k] = sum over i of a[i + k] * conj(v[i]), in a mode of `convolve`."""
    a, v = _vectors(a, v, mode, "correlate")
    shorter, longer = sorted((a.shape[0], v.shape[0]))
    return _in_mode(a, flip(conj(v)), mode, shorter - 1 if longer == a.shape[0] else shorter)


def _vectors(a, v, mode, where):
    a, v = _pair(a, v)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{where}: expected mode 'full', 'same' or 'valid', got {mode!r}.")
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        raise ValueError(f"{where}: expected vectors with elements, got shapes {a.shape} and {v.shape}.")
    return a, v


def _in_mode(a, v, mode, twice_start):
    """The convolution; in mode "same" without the first twice_start // 2 elements."""
    longer, shorter = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    y = convolution.convolve(longer, shorter, mode="full" if mode == "same" else mode)
    return y[twice_start // 2 :][: longer.shape[0]] if mode == "same" else y


# Polynomials: vectors of coefficients, that of the highest power first. Leading zeros are kept.
def polyval(p, x):
    """The polynomial at `x`, of any shape. Source: Horner's rule."""
    p = as_array(p)
    x = _beside(p, x)
    y = x * 0
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


def polyadd(a1, a2):
    """The sum of two polynomials."""
    a1, a2 = _pair(a1, a2)
    size = builtins.max(a1.size, a2.size)
    a1, a2 = (ops.pad(a, width=((size - a.size, 0),)) for a in (a1, a2))
    return a1 + a2


def polysub(a1, a2):
    """The difference of two polynomials."""
    return polyadd(a1, negative(a2))


def polymul(a1, a2):
    """The product of two polynomials."""
    return convolve(a1, a2)


def polyder(p, m=1):
    """The m-th derivative of a polynomial."""
    p = as_array(p)
    for _ in range(_order("polyder", m)):
        p = p[:-1] * _powers(p, p.shape[0] - 1)
    return p


def polyint(p, m=1, k=0):
    """The m-th antiderivative of a polynomial, with integration constants `k`: one for all, or m of them."""
    p, m = _numbers(p), _order("polyint", m)
    constants = broadcast_to(as_array(0 if k is None else k), (m,))
    for i in range(m):
        p = concatenate([p / _powers(p, p.shape[0]), cast(constants[i : i + 1], p.dtype)])
    return p


def _powers(p, count):
    """The numbers count, ..., 2, 1 beside `p`."""
    return like(p, library(p).arange(count, 0, -1, dtype=p.dtype))


def poly(seq_of_zeros):
    """The polynomial with given roots, or the characteristic polynomial of a matrix; its leading coefficient is 1.

    With complex roots it is complex, also where they are conjugate pairs (unlike NumPy's).
    """
    roots = zeros = atleast_1d(_numbers(seq_of_zeros))
    if zeros.ndim == 2:
        zeros = linalg.eigvals(roots)
    p = like(zeros, library(zeros).ones(1, zeros.dtype))
    for i in range(zeros.size):
        p = ops.pad(p, width=((0, 1),)) - zeros[i] * ops.pad(p, width=((1, 0),))
    return p if roots.dtype.kind == "c" else real(p)


def roots(p):
    """The roots of a polynomial with a leading coefficient other than 0, as complex numbers (unlike NumPy's).

    Source: they are the eigenvalues of the companion matrix (Horn & Johnson 1999, Matrix Analysis, pp. 146-7).
    """
    p = _numbers(p)
    if p.ndim != 1:
        raise ValueError(f"roots: expected a vector of coefficients, got shape {p.shape}.")
    count = builtins.max(p.shape[0] - 1, 0)
    if count == 0:
        return like(p, library(p).zeros(0, onp.result_type(p.dtype, 1j)))
    shift = library(p).eye(count - 1, count, dtype=p.dtype)
    return linalg.eigvals(concatenate([(p[1:] / -p[:1])[None], shift]))


def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """The polynomial of degree `deg` with the least sum of squared errors.

    Args:
        x: The coordinates of n samples.
        y: The samples (n,), or columns of them (n, k).
        deg: The degree.
        rcond: Singular values of the matrix of powers, its columns scaled to length 1, up to `rcond` times the greatest
            count as 0; by default n times the precision. There is no warning if there are any.
        full: Give (p, residuals, rank, singular values, rcond), as `linalg.lstsq` does.
        w: Factors of the errors.
        cov: Give (p, covariance of p), scaled to a chi square of 1 per degree of freedom unless it is "unscaled".
    """
    x, y = _numbers(x), _numbers(y)
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0] or not x.size:
        raise ValueError(f"polyfit: expected x (n,) and y (n,) or (n, k), got shapes {x.shape} and {y.shape}.")
    powers, goal = vander(x, _order("polyfit", deg) + 1), y
    if w is not None:
        w = as_array(w)
        powers, goal = powers * w[:, None], goal * _along(w, 0, y.ndim)
    scale = linalg.norm(powers, axis=0)
    powers = powers / scale
    rcond = x.shape[0] * float(onp.finfo(x.dtype).eps) if rcond is None else rcond
    if full:
        p, *rest = linalg.lstsq(powers, goal, rcond)
        return p / _along(scale, 0, y.ndim), *rest, rcond
    p = linalg.pinv(powers, rcond) @ goal  # its rank stays on the device
    result = p / _along(scale, 0, y.ndim)
    return (result, _covariance(powers, scale, goal - powers @ p, cov)) if cov else result


def _covariance(powers, scale, errors, cov):
    spread = linalg.inv(powers.T @ powers) / (scale * scale[:, None])
    spread = spread if errors.ndim == 1 else spread[..., None]
    if cov == "unscaled":
        return spread
    freedom = powers.shape[0] - powers.shape[1]
    if freedom < 1:
        raise ValueError(f"polyfit: expected more than {powers.shape[1]} samples, got {powers.shape[0]}.")
    return spread * ((absolute(errors) ** 2).sum(0) / freedom)


def vander(x, N=None, increasing=False):
    """The matrix of powers of the elements of the vector `x`: `N` columns, descending from power N - 1 to 0."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError(f"vander: expected a vector, got shape {x.shape}.")
    columns = x.shape[0] if N is None else N
    powers = cumulative_product(broadcast_to(x[:, None], (x.shape[0], columns)), 1, exclusive=True)
    return powers if increasing else flip(powers, 1)
