"""Operations on how numbers are represented: signs, powers of two, neighbours, bits."""

from ..families import elementwise
from .elementwise import equal, sign, where

copysign = elementwise("copysign", lambda g, y, a: g * (sign(a) * sign(y)), None)
fabs = elementwise("fabs", lambda g, x: g * sign(x))
heaviside = elementwise("heaviside", None, lambda g, a: where(equal(a, 0), g, 0))
ldexp = elementwise("ldexp", lambda g, b: ldexp(g, b), None)
nextafter = elementwise("nextafter", lambda g: g, None)  # a step of one unit: it changes with `a` alone
bitwise_count = elementwise("bitwise_count", None)


def _exponent(xp, x):
    """The power of two that makes `x` a number from 1/2 to 1, in absolute value."""
    return xp.frexp(x)[1]


def _spacing(xp, x):
    """The distance to the next number away from 0."""
    return xp.nextafter(x, xp.copysign(xp.inf, x)) - x


exponent, spacing = elementwise(_exponent, None), elementwise(_spacing, None)
