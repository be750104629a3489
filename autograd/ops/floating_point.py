"""Operations on how numbers are represented: signs, powers of two, neighbours, bits."""

from ..families import elementwise
from ..primitive import Primitive
from .elementwise import equal, sign, where

__all__ = ["bitwise_count", "copysign", "exponent", "fabs", "heaviside", "ldexp", "nextafter", "spacing"]

copysign: Primitive = elementwise("copysign", lambda g, y, a: g * (sign(a) * sign(y)), None)
fabs: Primitive = elementwise("fabs", lambda g, x: g * sign(x))
heaviside: Primitive = elementwise("heaviside", None, lambda g, a: where(equal(a, 0), g, 0))
ldexp: Primitive = elementwise("ldexp", lambda g, b: ldexp(g, b), None)
nextafter: Primitive = elementwise("nextafter", lambda g: g, None)  # a step of one unit: it changes with `a` alone
bitwise_count: Primitive = elementwise("bitwise_count", None)


def _exponent(xp, x):
    """The exponent n for which abs(x) / 2**n is in [1/2, 1)."""
    return xp.frexp(x)[1]


def _spacing(xp, x):
    """The distance to the next number away from 0."""
    return xp.nextafter(x, xp.copysign(xp.inf, x)) - x


exponent: Primitive = elementwise(_exponent, None)
spacing: Primitive = elementwise(_spacing, None)
