"""Functions of one number in float32, for `compiled` loops: of these a compiler makes vector instructions.

Each is within 2 units in the last place of the exact value, and has its limits at infinity, zero and NaN. Polynomials
are our own Chebyshev fits, highest power first. The texts have neither branches nor casts of numbers to integers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from .special import SINGLE

__all__ = ["DOUBLE_PRECISION", "SINGLE_PRECISION"]

single = numpy.float32
_ABOVE, _BELOW = [tuple(map(single, table)) for table in SINGLE]
_A0, _A1, _A2, _A3, _A4, _A5 = _ABOVE
_B0, _B1, _B2, _B3, _B4, _B5, _B6 = _BELOW
_END = single(3.998)  # the fit of erf is exactly 1 there, so that the tails are exactly 0 and 1

_ROUND = single(1.5 * 2**23)  # the sum with it is rounded to a whole number, which stands in its last bits
_ROUND_BITS = int(_ROUND.view(numpy.int32))
_PER_LN2 = single(1 / math.log(2))
_LN2_HIGH, _LN2_LOW = (
    single(0.693115234375),
    single(3.19461849453094e-5),
)  # log(2) in two parts: k times the first is exact
_LOWEST, _HIGHEST = single(-104), single(89)  # exp is 0 below, and inf above


def exp(x: Any) -> Any:
    """e**x = 2**k e**r, |r| <= log(2) / 2. Source: Cody & Waite 1980, "Software manual", chapter 6."""
    x = single(x)  # in float64 the sum with _ROUND would not be rounded to a whole number
    x = _LOWEST if x < _LOWEST else x
    x = _HIGHEST if x > _HIGHEST else x
    shifted = x * _PER_LN2 + _ROUND
    k = shifted - _ROUND
    p = _near_expm1((x - k * _LN2_HIGH) - k * _LN2_LOW) + single(1)
    whole = numpy.float32(shifted).view(numpy.int32) - _ROUND_BITS
    half = whole >> 1
    return p * _power(half) * _power(whole - half)  # in two steps: 2**k alone may be too large, or too small


def _power(k):
    """2**k, made of its bits."""
    return numpy.int32((k + 127) << 23).view(numpy.float32)


def _near_expm1(r):
    """e**r - 1 for |r| <= log(2) / 2."""
    p = single(0.00019891080464)
    p = p * r + single(0.00139337307158)
    p = p * r + single(0.00833331084465)
    p = p * r + single(0.0416664641974)
    p = p * r + single(0.166666666817)
    p = p * r + single(0.500000001354)
    return r * (p * r + single(1))


def expm1(x: Any) -> Any:
    """e**x - 1"""
    near, far = _near_expm1(x), exp(x) - single(1)
    return near if abs(x) < single(0.34) else far


def softplus(x: Any) -> Any:
    """log(1 + e**x) = max(x, 0) + 2 atanh(z / (2 + z)), z = e**-|x|."""
    z = exp(-abs(x))
    s = z / (z + single(2))
    u = s * s
    p = single(0.11612164612)
    p = p * u + single(0.108532879004)
    p = p * u + single(0.142961789972)
    p = p * u + single(0.19999853166)
    p = p * u + single(0.333333336603)
    return (x if x > single(0) or x != x else single(0)) + single(2) * s * (p * u + single(1))


def tanh(x: Any) -> Any:
    """(1 - e**(-2|x|)) / (1 + e**(-2|x|)), and a polynomial around 0, where that loses digits."""
    u = x * x
    p = single(0.00229274481618)
    p = p * u + single(-0.00834394551584)
    p = p * u + single(0.021768918651)
    p = p * u + single(-0.0539592595772)
    p = p * u + single(0.133333035569)
    p = p * u + single(-0.333333331721)
    near = x * (p * u + single(1))
    size = abs(x)
    z = exp(single(-2) * size)
    far = (single(1) - z) / (single(1) + z)
    return near if size < single(0.625) else (-far if x < single(0) else far)


def normal_cdf(x: Any) -> Any:
    """The distribution function of a standard normal variable, by the fit of `special.SINGLE`."""
    z = x * single(math.sqrt(0.5))
    z = -_END if z < -_END else z
    z = _END if z > _END else z
    u = z * z
    above = ((((_A0 * u + _A1) * u + _A2) * u + _A3) * u + _A4) * u + _A5
    below = (((((_B0 * u + _B1) * u + _B2) * u + _B3) * u + _B4) * u + _B5) * u + _B6
    y = above / below * z
    y = single(-1) if y < single(-1) else y
    y = single(1) if y > single(1) else y
    return single(0.5) * y + single(0.5)


def where(condition: Any, a: Any, b: Any) -> Any:
    """As `numpy.where`."""
    return a if condition else b


def minimum(a: Any, b: Any) -> Any:
    """As `numpy.minimum`, also of NaN."""
    return a if a < b or a != a else b


def _double_normal_cdf(x):
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def _double_softplus(x):
    return (x if x > 0 or x != x else 0.0) + math.log1p(math.exp(-abs(x)))


# What names in a compiled text stand for.
SINGLE_PRECISION: dict[str, Any] = {
    "exp": exp, "tanh": tanh, "normal_cdf": normal_cdf, "where": where, "minimum": minimum, "expm1": expm1,
    "softplus": softplus, "log": math.log, "sqrt": math.sqrt,
}  # fmt: skip
DOUBLE_PRECISION: dict[str, Any] = SINGLE_PRECISION | {
    "exp": math.exp, "tanh": math.tanh, "normal_cdf": _double_normal_cdf, "expm1": math.expm1,
    "softplus": _double_softplus,
}  # fmt: skip
