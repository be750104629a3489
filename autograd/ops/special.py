"""SciPy's special functions with their derivatives; SciPy computes them, on the GPU its counterpart in CuPy.

Derivatives follow the NIST Digital Library of Mathematical Functions (DLMF): sections 5 (gamma), 6 (exponential
integrals), 7 (error functions), 8 (incomplete gamma and beta), 10 (Bessel), 25 (zeta). An order or a shape parameter
for which there is no such formula raises NotImplementedError when it is differentiated; it never has gradient 0.

Conventions: `xlogy`, `xlog1py`, `kl_div` and `rel_entr` have, where they are 0 log 0, gradient 0 with respect to the
argument of the logarithm; `i0e` has gradient 0 at 0, where it has a peak.
"""

# ruff: noqa: I001 (names stay in tables)
import functools
import inspect
import math
from typing import Any

import numpy

from ..backend import scipy_function
from ..families import elementwise
from ..kernels import special
from ..primitive import Primitive
from ..typing import Result
from .elementwise import (
    absolute, astype, bell, cos, equal, exp, greater, isinf, less, less_equal, log, log1p, logical_and, logical_or,
    maximum, power, real, sigmoid, sign, sin, unless_zero, where,
)  # fmt: skip

__all__ = [
    "beta", "betainc", "betaln", "cast_like", "chosen", "cosm1", "density_of_beta", "density_of_gamma", "digamma",
    "entr", "erfcinv", "erfcx", "exp1", "expi", "expn", "exprel", "gamma", "gammainc", "gammaincc", "gammaln",
    "gammasgn", "i0", "i0e", "i1", "i1e", "inverse_mills_ratio", "iv", "iv_scaled", "ive", "j0", "j1", "jv", "k0",
    "k0e", "k1", "k1e", "kl_div", "kv", "kve", "log_density_of_beta", "log_density_of_gamma", "log_density_of_t",
    "log_expit", "log_ndtr", "loggamma", "logit", "ndtr", "ndtri", "power_times_exp", "product_of_powers",
    "rel_entr", "rgamma", "stdtr", "xlog1py", "xlogy", "y0", "y1", "yn", "yv", "zeta",
]  # fmt: skip


def _special(name, arguments, *derivatives):
    """An elementwise function that SciPy and CuPy share, in the precision of its real arguments."""

    def forward(xp, *arrays):
        y = scipy_function(xp, "special", name)(*arrays)
        dtypes = [a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind == "f"]  # integers take any precision
        return y.astype(numpy.result_type(*dtypes), copy=False) if dtypes else y

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(each, kind) for each in ("xp", *arguments.split())]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    forward.__name__ = name
    forward.__doc__ = f"`scipy.special.{name}`, of Arrays, traced and raw arrays."
    return elementwise(forward, *derivatives)


def _no_derivative(name, argument):
    """The derivative with respect to an argument for which no formula is known."""

    def derivative(g):
        raise NotImplementedError(
            f"{name}: expected {argument} not to be differentiated, got a traced value. There is no formula for this "
            f"derivative: use autograd.stop_gradient({argument})."
        )

    return derivative


# The gamma function and what derives from it.
gamma: Primitive = _special("gamma", "x", lambda g, y, x: g * (y * digamma(x)))
gammaln: Primitive = _special("gammaln", "x", lambda g, x: g * digamma(x))
loggamma: Primitive = _special("loggamma", "x", lambda g, x: g * digamma(x))
gammasgn: Primitive = _special("gammasgn", "x", None)
rgamma: Primitive = _special("rgamma", "x", lambda g, y, x: g * _slope_of_rgamma(y, x))
digamma: Primitive = _special("digamma", "x", lambda g, x: g * zeta(2, x))
zeta: Primitive = _special(
    "zeta", "s q", _no_derivative("zeta", "s"), lambda g, s, q: -g * (cast_like(s, q) * zeta(s + 1, q))
)
beta: Primitive = _special(
    "beta", "a b",
    lambda g, y, a, b: g * (y * (digamma(a) - digamma(a + b))),
    lambda g, y, a, b: g * (y * (digamma(b) - digamma(a + b))),
)  # fmt: skip
betaln: Primitive = _special(
    "betaln", "a b",
    lambda g, a, b: g * (digamma(a) - digamma(a + b)),
    lambda g, a, b: g * (digamma(b) - digamma(a + b)),
)  # fmt: skip
gammainc: Primitive = _special(
    "gammainc", "a x", _no_derivative("gammainc", "a"), lambda g, a, x: g * _density_of_gamma(a, x)
)
gammaincc: Primitive = _special(
    "gammaincc", "a x", _no_derivative("gammaincc", "a"), lambda g, a, x: -g * _density_of_gamma(a, x)
)
betainc: Primitive = _special(
    "betainc", "a b x", _no_derivative("betainc", "a"), _no_derivative("betainc", "b"),
    lambda g, a, b, x: g * density_of_beta(x, cast_like(a, x), cast_like(b, x)),
)  # fmt: skip
stdtr: Primitive = _special(
    "stdtr", "df x", _no_derivative("stdtr", "df"),
    lambda g, df, x: g * _where_finite(x, lambda x: exp(log_density_of_t(x, cast_like(df, x)))),
)  # fmt: skip


def log_density_of_gamma(x: Any, a: Any) -> Result:
    """The logarithm of the density at `x` of a gamma variable of shape parameter `a` and scale 1."""
    return xlogy(a - 1, x) - x - gammaln(a)


def log_density_of_beta(x: Any, a: Any, b: Any) -> Result:
    """The logarithm of the density at `x` of a beta variable of parameters `a` and `b`."""
    return xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)


def log_density_of_t(x: Any, df: Any) -> Result:
    """The logarithm of the density at `x` of Student's t with `df` degrees of freedom, infinitely many included."""
    normal = isinf(df)
    df = chosen(normal, 1, df)
    y = -betaln(df / 2, 0.5) - log(df) / 2 - (df + 1) / 2 * log1p(x * x / df)
    return where(normal, x * x / -2 - math.log(2 * math.pi) / 2, y)


def chosen(condition: Any, a: Any, b: Any) -> Result:
    """`where` that gives a number for numbers, not an array of the host, which arrays on a GPU do not mix with."""
    y = where(condition, a, b)
    return y[()] if type(y) is numpy.ndarray else y


def density_of_gamma(x: Any, a: Any) -> Result:
    """The density at `x` of a gamma variable of shape parameter `a` and scale 1."""
    return power_times_exp(x, a - 1, -x - gammaln(a))


def density_of_beta(x: Any, a: Any, b: Any) -> Result:
    """The density at `x` of a beta variable of parameters `a` and `b`."""
    return product_of_powers(x, a - 1, b - 1, -betaln(a, b))


def product_of_powers(x: Any, a: Any, b: Any, c: Any) -> Result:
    """x**a (1 - x)**b exp(c) for x from 0 to 1."""
    left = less(x, 0.5)
    close, power_of_close, far = chosen(left, x, 1 - x), chosen(left, a, b), chosen(left, b, a)
    return power_times_exp(close, power_of_close, c + xlog1py(far, -close))


def power_times_exp(x: Any, p: Any, c: Any) -> Result:
    """x**p exp(c) for x >= 0; close to 0 not by the logarithm, whose slope is infinite there."""
    finite = less(c, 0.85 * math.log(float(numpy.finfo(x.dtype).max)))
    near = logical_and(logical_and(less(x, 1e-3), greater(p, 0)), logical_or(finite, equal(x, 0)))
    factor = exp(chosen(logical_and(near, finite), c, 0))
    y = exp(xlogy(p, chosen(near, 1, x)) + chosen(near, 0, c))
    return where(near, power(chosen(near, x, 1), chosen(near, p, 1)) * factor, y)


def _density_of_gamma(a, x):
    return _where_finite(x, lambda x: density_of_gamma(x, cast_like(a, x)))


def _where_finite(x, density):
    """The density at `x`, 0 at infinity."""
    infinite = isinf(x)
    return where(infinite, 0, density(where(infinite, 1, x)))


def cast_like(a: Any, x: Any) -> Result:
    """`a` in the precision of the array `x`."""
    return astype(a, dtype=x.dtype) if hasattr(a, "dtype") else x.dtype.type(a)


def _slope_of_rgamma(y, x):
    """By reflection (DLMF 5.5.3) for x < 1/2, where the digamma function has poles that 1 / gamma(x) has not."""
    left = less(x, 0.5)
    u = 1 - where(left, x, 0)
    reflected = gamma(u) * (cos(math.pi * x) - digamma(u) * sin(math.pi * x) / math.pi)
    return where(left, reflected, unless_zero(-y, digamma(where(left, 1, x))))


# Products with logarithms.
def _unless_zero(a, b, least=0):
    """`b`, but 1 where a = 0 and b <= `least`."""
    return where(logical_and(equal(a, 0), less_equal(b, least)), 1, b)


def _ratio(a, b):
    return a / _unless_zero(a, b)


xlogy: Primitive = _special(
    "xlogy", "a b", lambda g, a, b: g * log(_unless_zero(a, b)), lambda g, a, b: g * _ratio(a, b)
)
xlog1py: Primitive = _special(
    "xlog1py", "a b",
    lambda g, a, b: g * log1p(_unless_zero(a, b, -1)),
    lambda g, a, b: g * (a / (1 + _unless_zero(a, b, -1))),
)  # fmt: skip
entr: Primitive = _special("entr", "x", lambda g, x: -g * (log(x) + 1))
rel_entr: Primitive = _special(
    "rel_entr", "a b", lambda g, a, b: g * (log(_ratio(a, b)) + 1), lambda g, a, b: -g * _ratio(a, b)
)
kl_div: Primitive = _special(
    "kl_div", "a b", lambda g, a, b: g * log(_ratio(a, b)), lambda g, a, b: g * (1 - _ratio(a, b))
)

# Error functions, the normal and the logistic distribution.
erfcinv: Primitive = _special("erfcinv", "x", lambda g, y: g * (exp(y * y) * (-math.sqrt(math.pi) / 2)))
erfcx: Primitive = _special("erfcx", "x", lambda g, y, x: g * _slope_of_erfcx(y, x))
ndtr: Primitive = _special("ndtr", "x", lambda g, x: g * (bell(x * math.sqrt(0.5)) / math.sqrt(2 * math.pi)))
log_ndtr: Primitive = _special("log_ndtr", "x", lambda g, x: g * inverse_mills_ratio(x))
ndtri: Primitive = elementwise(special.ndtri, lambda g, y: g * (exp(y * y * 0.5) * math.sqrt(2 * math.pi)))
logit: Primitive = _special("logit", "x", lambda g, x: g / (x * (1 - x)))
log_expit: Primitive = _special("log_expit", "x", lambda g, x: g * sigmoid(-x))


def _inverse_mills_ratio(xp, x):
    """The density of the standard normal distribution over its distribution function."""
    return (math.sqrt(2 / math.pi) / scipy_function(xp, "special", "erfcx")(x * -math.sqrt(0.5))).astype(x.dtype)


inverse_mills_ratio: Primitive = elementwise(
    _inverse_mills_ratio, lambda g, y, x: -g * unless_zero(y, _excess_over_minus_x(y, x))
)


def _gap_of_mills(square):
    """1 - x M(x) of Mills' ratio M, for a large x**2: the asymptotic series 1 / x**2 - 3 / x**4 + ... (DLMF 7.12.1)."""
    last = {8: 8, 4: 4}.get(square.dtype.itemsize, 2)  # few in half precision, where they would overflow
    coefficients = [(-1) ** k * math.prod(range(1, 2 * k + 2, 2)) for k in range(last, -1, -1)]
    return _polynomial(1 / square, coefficients) / square


def _far(x, least):
    """Where x > `least`, half of it in single precision; `x` there, and elsewhere."""
    far = greater(x, least if x.dtype.itemsize >= 8 else least / 3)
    return far, where(far, x, least), where(far, 0, x)


def _slope_of_erfcx(y, x):
    far, x_far, x_near = _far(x, 20)
    return where(far, _gap_of_mills(2 * x_far * x_far) * -1, x_near * y * math.sqrt(math.pi) - 1) * (
        2 / math.sqrt(math.pi)
    )


def _excess_over_minus_x(y, x):
    """`y + x` of an inverse Mills ratio `y`, which is close to -x where `x` is negative."""
    far, x_far, x_near = _far(-x, 30)
    gap = _gap_of_mills(x_far * x_far)
    return where(far, x_far * (gap / (1 - gap)), y - x_near)


# Exponential integrals.
exp1: Primitive = _special("exp1", "x", lambda g, x: -g * (exp(-x) / x))
expi: Primitive = _special("expi", "x", lambda g, x: g * (exp(x) / x))
expn: Primitive = _special("expn", "n x", _no_derivative("expn", "n"), lambda g, y, n, x: g * _slope_of_expn(y, n, x))
exprel: Primitive = _special("exprel", "x", lambda g, y, x: g * _slope_of_exprel(y, x))
cosm1: Primitive = _special("cosm1", "x", lambda g, x: -g * sin(x))


def _slope_of_expn(y, n, x):
    """-E[n-1]; where SciPy has none, for n = 0 and 1, by the recurrence (DLMF 8.19.12)."""
    known = greater(n, 1)
    return where(known, -expn(maximum(n - 1, 1), x), (cast_like(n - 1, x) * y - exp(-x)) / where(known, 1, x))


def _polynomial(x, coefficients):
    """By Horner's rule, the highest power first."""
    return functools.reduce(lambda total, coefficient: total * x + coefficient, coefficients)


# Close to 0 the following are power series: their formulas cancel, at 0 they are 0 / 0. Each list has the highest power
# first, in x for the derivative of exprel, in (x / 2)**2 for I1(x) / x and J1(x) / x (DLMF 10.25.2 and 10.2.2).
_SLOPE_OF_EXPREL = [k / math.factorial(k + 1) for k in range(18, 0, -1)]
_I1_OVER_X = [0.5 / (math.factorial(k) * math.factorial(k + 1)) for k in range(9, -1, -1)]
_J1_OVER_X = [(-1) ** k * 0.5 / (math.factorial(k) * math.factorial(k + 1)) for k in range(9, -1, -1)]


def _slope_of_exprel(y, x):
    near, close, far = _near_0(x)
    growing = greater(far, 1)  # here exp(x) may be infinite
    bounded, large = where(growing, 1, far), where(growing, far, 1)
    slope = where(growing, y * (1 - 1 / large) + 1 / large, (exp(bounded) - y) / bounded)
    return where(near, _polynomial(close, _SLOPE_OF_EXPREL), slope)


def _over_x(y, x, series, factor=lambda x: 1):
    """`y / x`, where `y` is `x * factor(x)` times a series."""
    near, close, far = _near_0(x)
    return where(near, factor(close) * _polynomial(close * close / 4, series), y / far)


def _near_0(x):
    """Where |x| < 1; `x` there, and elsewhere."""
    near = less(absolute(x), 1)
    return near, where(near, x, 0), where(near, 1, x)


# Bessel functions of order 0 and 1.
j0: Primitive = _special("j0", "x", lambda g, x: -g * j1(x))
j1: Primitive = _special("j1", "x", lambda g, y, x: g * (j0(x) - _over_x(y, x, _J1_OVER_X)))
y0: Primitive = _special("y0", "x", lambda g, x: -g * y1(x))
y1: Primitive = _special("y1", "x", lambda g, y, x: g * (y0(x) - y / x))
i0: Primitive = _special("i0", "x", lambda g, x: g * i1(x))
i1: Primitive = _special("i1", "x", lambda g, y, x: g * (i0(x) - _over_x(y, x, _I1_OVER_X)))
i0e: Primitive = _special(
    "i0e", "x", lambda g, y, x: g * _slope_of_scaled(y, 0, x, 1, lambda x, y: i1e(x) - sign(x) * y)
)
i1e: Primitive = _special("i1e", "x", lambda g, y, x: g * _slope_of_scaled(y, 1, x, 1, _slope_of_i1e))
k0: Primitive = _special("k0", "x", lambda g, x: -g * k1(x))
k1: Primitive = _special("k1", "x", lambda g, y, x: -g * (k0(x) + y / x))
k0e: Primitive = _special("k0e", "x", lambda g, y, x: g * _slope_of_scaled(y, 0, x, -1, lambda x, y: y - k1e(x)))
k1e: Primitive = _special(
    "k1e", "x", lambda g, y, x: g * _slope_of_scaled(y, 1, x, -1, lambda x, y: y - k0e(x) - y / x)
)


def _slope_of_i1e(x, y):
    return i0e(x) - sign(x) * y - _over_x(y, x, _I1_OVER_X, lambda x: exp(-absolute(x)))


def _slope_of_scaled(y, v, x, kind, slope):
    """The slope of exp(-|x|) I[v](x), `kind` 1, or exp(x) K[v](x), -1; `slope` computes it, but cancels for large |x|.

    There w = y' / y solves a Riccati equation, w' + w**2 + (2 kind + 1 / x) w + kind / x - v**2 / x**2 = 0, by a series
    in 1 / x (from Bessel's equation, DLMF 10.25.1).
    """
    size = absolute(x)
    far = greater(size, 100 * (1 + v * v))
    x_far = where(far, size, 100)
    terms = [-0.5]
    for k in range(2, 9):
        squares = sum(terms[i] * terms[k - 2 - i] for i in range(k - 1))
        terms.append((v * v * (k == 2) + terms[-1] * (k - 2) - squares) / (2 * kind))
    series = _polynomial(1 / x_far, terms[::-1]) / x_far
    ratio = series * sign(x) if kind > 0 else series
    return where(far, unless_zero(y, ratio), slope(where(far, 1, x), y))


# Bessel functions of any order.
def _bessel(name, derivative):
    return _special(name, "v x", _no_derivative(name, "v"), derivative)


jv: Primitive = _bessel("jv", lambda g, v, x: g * ((jv(v - 1, x) - jv(v + 1, x)) / 2))
yv: Primitive = _bessel("yv", lambda g, v, x: g * ((yv(v - 1, x) - yv(v + 1, x)) / 2))
yn: Primitive = _bessel("yn", lambda g, v, x: g * ((yn(v - 1, x) - yn(v + 1, x)) / 2))
iv: Primitive = _bessel("iv", lambda g, v, x: g * ((iv(v - 1, x) + iv(v + 1, x)) / 2))
kv: Primitive = _bessel("kv", lambda g, v, x: g * ((kv(v - 1, x) + kv(v + 1, x)) / -2))
ive: Primitive = _bessel("ive", lambda g, y, v, x: g * _slope_of_ive(y, v, x))
kve: Primitive = _bessel("kve", lambda g, y, v, x: g * _slope_of_kve(y, v, x))


def _slope_of_ive(y, v, x):
    def slope(x, y):
        return (ive(v - 1, x) + ive(v + 1, x)) / 2 - sign(x) * y

    return _slope_of_scaled(y, cast_like(v, x), x, 1, slope)


def _slope_of_kve(y, v, x):
    def slope(x, y):
        return y - (kve(v - 1, x) + kve(v + 1, x)) / 2

    return slope(x, y) if x.dtype.kind == "c" else _slope_of_scaled(y, cast_like(v, x), x, -1, slope)


def _iv_scaled(xp, v, x):
    """I[v](x) exp(-s x), s the sign of the real part of the complex `x`: unlike `ive` it has a complex derivative."""
    phase = xp.exp(xp.where(x.real < 0, 1j, -1j) * x.imag).astype(x.dtype)
    return (scipy_function(xp, "special", "ive")(v, x) * phase).astype(x.dtype)


iv_scaled: Primitive = elementwise(
    _iv_scaled,
    _no_derivative("ive", "v"),
    lambda g, y, v, x: g * ((iv_scaled(v - 1, x) + iv_scaled(v + 1, x)) / 2 - where(less(real(x), 0), -y, y)),
)
