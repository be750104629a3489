"""Elementwise functions. Most are the operations themselves, see `autograd.ops.elementwise`."""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

from typing import Any, overload

import numpy as onp

from ..core import Array
from ..dtypes import follows_numpy
from ..ops import elementwise as ops
from ..ops import indexing
from ..ops.elementwise import (  # noqa: F401
    absolute, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, bitwise_and, bitwise_or, bitwise_xor,
    cbrt, ceil, conj, cos, cosh, deg2rad, divide, equal, exp, exp2, expm1, floor, floor_divide, fmax, fmin, fmod, gcd,
    greater, greater_equal, hypot, imag, invert, isfinite, isinf, isnan, lcm, left_shift, less, less_equal, log, log1p,
    log2, log10, logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor, maximum, minimum, multiply,
    negative, not_equal, positive, rad2deg, real, reciprocal, remainder, right_shift, rint, sign, signbit, sin, sinc,
    sinh, sqrt, square, subtract, tan, tanh, trunc,
)  # fmt: skip
from ..ops.elementwise import (  # noqa: F401 (NumPy's other names of the same)
    absolute as abs, arccos as acos, arccosh as acosh, arcsin as asin, arcsinh as asinh, arctan as atan,
    arctan2 as atan2, arctanh as atanh, conj as conjugate, deg2rad as radians, divide as true_divide,
    invert as bitwise_invert, invert as bitwise_not, left_shift as bitwise_left_shift, rad2deg as degrees,
    remainder as mod, right_shift as bitwise_right_shift, trunc as fix,
)  # fmt: skip
from ..ops.floating_point import (  # noqa: F401
    bitwise_count, copysign, exponent, fabs, heaviside, ldexp, nextafter, spacing,
)  # fmt: skip
from ..typing import ArrayLike, Result
from ._common import as_array, floating, refuse_output, result_type, rules_apply, scalar, together


def power(x1: ArrayLike, x2: ArrayLike) -> Result:
    """`x1 ** x2`. At 0 the gradient of `x**0` is 0, and that of `0**p` with respect to p is 0."""
    if isinstance(x2, int | float | complex) and not isinstance(x2, bool | onp.generic):
        if type(x1) in (bool, int, float, complex):  # on the host, where a result out of range is noticed
            x1 = onp.asarray(x1)[()]
        x1 = as_array(x1)
        if isinstance(x1, Array) and x1.dtype.kind in "iub" and isinstance(x2, int) and x2 < 0 and not follows_numpy():
            x1 = as_array(x1, floating(x1))
        squares = x2 == 2 and (isinstance(x2, int) or (isinstance(x2, float) and x1.dtype.kind in "fc"))
        return ops.square(x1) if squares else ops.power_of(x1, exponent=x2)
    if isinstance(x1, int | float | complex) and isinstance(x2, Array):
        x1 = onp.asarray(x1, onp.result_type(x1, x2.dtype))[()]
    return ops.power(x1, x2)


pow = power


def float_power(x1: ArrayLike, x2: ArrayLike) -> Result:
    """`x1 ** x2` in floating numbers: float64 or complex128 for raw arrays."""
    dtype = result_type(floating(x1, x2), x1, x2)
    return ops.power(*[as_array(x, dtype) for x in together(x1, x2)])


def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Result, Result]:
    """The quotient rounded down, without a gradient, and the remainder, which has one."""
    return floor_divide(x1, x2), remainder(x1, x2)


def modf(x: ArrayLike) -> tuple[Result, Result]:
    """The fractional part, which has the gradient, and the integral part, without one."""
    x = as_array(x)
    x = x if x.dtype.kind in "fV" else positive(as_array(x, _real_like(x)))
    finite = where(isinf(x), 0, x)
    return subtract(finite, trunc(finite)), trunc(x)


def _real_like(x):
    """The dtype in which functions of real numbers compute numbers of another one: the default dtype, or NumPy's."""
    if x.dtype.kind == "c":
        raise TypeError(f"modf: expected real numbers, got dtype {x.dtype}.")
    return floating(x) if rules_apply([x]) else onp.result_type(x.dtype, onp.float16)


def frexp(x: ArrayLike) -> tuple[Result, Result]:
    """(mantissa, exponent) of x = mantissa * 2**exponent, 1/2 <= abs(mantissa) < 1; the mantissa has the gradient."""
    x = as_array(x)
    power_of_two = exponent(x)
    return ldexp(x, -power_of_two), power_of_two


def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Result:
    """Rounds to `decimals` places, halves to the even neighbour; the gradient is 0."""
    refuse_output(out, "round")
    if isinstance(a, Array) and a.dtype == bool:  # NumPy makes float16 of them
        a = as_array(a, floating(a)) if rules_apply([a]) else a
    return ops.round(a, decimals=decimals)


around = round


def clip(
    a: ArrayLike,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
    out: None = None,
    *,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
) -> Result:
    """`a` limited to an interval, `a_min` to `a_max` or `min` to `max`; None leaves a side open.

    At a bound the gradient passes to `a`. Bounds that are Arrays have a gradient, too; numbers are cheaper.
    """
    refuse_output(out, "clip")
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ValueError("clip: expected a_min and a_max, or min and max, got some of both.")
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None and high is None:
        return positive(as_array(a))
    low, high = [as_array(bound) if isinstance(bound, list | tuple) else bound for bound in (low, high)]
    operands = (Array, onp.ndarray) if isinstance(a, Array) else Array
    if not isinstance(low, operands) and not isinstance(high, operands):
        return ops.clip(as_array(a), low=low, high=high)
    a = a if low is None else ops.at_least(a, low)
    return a if high is None else ops.at_most(a, high)


@overload
def where(condition: ArrayLike) -> tuple[Result, ...]: ...
@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Result: ...
def where(condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None) -> Any:
    """Elements of `x` where `condition` is true, else of `y`; with `condition` alone, `nonzero(condition)`.

    An operand gets no gradient where it was not chosen. If it was computed by a function whose derivative is infinite
    or NaN at such a place, then 0 * inf = NaN comes out of that function (as in PyTorch): compute it from a safe
    argument, `where(x > 0, log(where(x > 0, x, 1)), 0)`.
    """
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ValueError("where: expected both x and y, or neither.")
    return ops.where(condition if hasattr(condition, "dtype") else together(condition, x, y)[0], x, y)


def nonzero(a: ArrayLike) -> tuple[Result, ...]:
    """The indices of the nonzero elements, one array for each axis.

    Their number depends on values: under `vmap` and `Jit` it raises.
    """
    return indexing.nonzero(as_array(a))


def isclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Result:
    """Whether elements are equal within the tolerance atol + rtol * abs(b)."""
    return ops.isclose(a, b, rtol=scalar(rtol), atol=scalar(atol), equal_nan=equal_nan)


def allclose(a: ArrayLike, b: ArrayLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are equal within the tolerance of `isclose`, as a bool: it raises under `vmap` and `Jit`."""
    return bool(isclose(a, b, rtol, atol, equal_nan).all())


def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> bool:
    """Whether two arrays have the same shape and elements, as a bool; NaN equals NaN with `equal_nan`.

    It raises under `vmap` and `Jit`, unless the shapes differ.
    """
    a1, a2 = together(a1, a2)
    if a1.shape != a2.shape:
        return False
    same = equal(a1, a2)
    return bool((logical_or(same, logical_and(isnan(a1), isnan(a2))) if equal_nan else same).all())


def array_equiv(a1: ArrayLike, a2: ArrayLike) -> bool:
    """Whether two arrays have the same elements after broadcasting, as a bool.

    It raises under `vmap` and `Jit`, unless the shapes do not broadcast.
    """
    a1, a2 = together(a1, a2)
    try:
        onp.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return bool(equal(a1, a2).all())


def isposinf(x: ArrayLike, out: None = None) -> Result:
    """Whether elements are infinity."""
    refuse_output(out, "isposinf")
    return equal(_ordered("isposinf", x), float("inf"))


def isneginf(x: ArrayLike, out: None = None) -> Result:
    """Whether elements are minus infinity."""
    refuse_output(out, "isneginf")
    return equal(_ordered("isneginf", x), float("-inf"))


def _ordered(where, x):
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError(f"{where}: expected real numbers, got dtype {x.dtype}.")
    return x


def iscomplex(x: ArrayLike) -> Result:
    """Whether elements have an imaginary part that is not 0."""
    return not_equal(imag(as_array(x)), 0)


def isreal(x: ArrayLike) -> Result:
    """Whether elements have no imaginary part but 0."""
    return equal(imag(as_array(x)), 0)


def real_if_close(a: ArrayLike, tol: float = 100) -> Result:
    """The real part if all imaginary parts are less than `tol` (times the precision if above 1), else `a` itself.

    The dtype of the result depends on values: of complex numbers it raises under `vmap` and `Jit`.
    """
    a = as_array(a)
    if a.dtype.kind != "c":
        return a
    limit = tol * onp.finfo(a.dtype).eps.item() if tol > 1 else tol
    return real(a) if bool(less(absolute(imag(a)), limit).all()) else a


def nan_to_num(
    x: ArrayLike, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Result:
    """A new array with NaN replaced by `nan`, infinities by `posinf` and `neginf` (the largest numbers by default).

    Replaced elements get no gradient.
    """
    x = as_array(x)
    if x.dtype.kind not in "fc":
        return scalar(x)
    if x.dtype.kind == "c":
        parts = [nan_to_num(part, copy, nan, posinf, neginf) for part in (real(x), imag(x))]
        return parts[0] + parts[1] * 1j
    limits = onp.finfo(x.dtype)
    x = where(isnan(x), nan, x)
    x = where(equal(x, float("inf")), limits.max if posinf is None else posinf, x)
    return scalar(where(equal(x, float("-inf")), limits.min if neginf is None else neginf, x))
