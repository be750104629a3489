"""Error functions that NumPy lacks: `erf`, `erfc`, `erfinv` and the normal quantile `ndtri`.

CuPy evaluates CUDA's own functions. NumPy evaluates the rational approximations below in float64, always these and
never SciPy's, so that a result does not depend on what else is installed: in float64 `erf` is within 1 unit in the
last place, the others within 4; float32 and float16 are rounded once at the end. Integers and bool count as float64;
complex raises TypeError. Nothing here warns: outside its domain a function is NaN, as in SciPy.

The intervals follow W. J. Cody 1969, "Rational Chebyshev approximations for the error function", Math. Comp. 23, and
M. J. Wichura 1988, "Algorithm AS 241", Appl. Statist. 37. The coefficients are our own minimax fits (Remez exchange in
50 digits), because each fit is of the small part that remains when the leading term is taken out: rounding errors of
the polynomials then hardly reach the result. A table is (numerator, denominator), highest power first.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["CHUNK", "erf", "erfc", "erfinv", "ndtri"]

CHUNK = 1 << 14  # elements; the float64 temporaries of a chunk stay in the second-level cache

# CENTRE: erf(x) / x - 1 in x**2 for |x| <= 1. FLANK: 1 + log(exp(x**2) erfc(x)) in x from 0.46875 to 2.5.
# TAIL: 0.5625 + log(x exp(x**2) erfc(x)) in 1 / x**2 from 2.5 to 28, where erfc has long been 0.
CENTRE = (
    (-2.073261726830694e-05, -0.0004956151225919091, -0.00881567878799072, -0.048329522947538284,
     -0.3170061122174458, 0.1283791670955126),
    (2.0810348571135032e-05, 0.0006925002070255073, 0.010693098755986436, 0.09381316782069471,
     0.46051301119913923, 1.0),
)  # fmt: skip
FLANK = (
    (-1.6972698822254806e-05, -0.001247230049975413, -0.018523677085211354, -0.10066131309301635,
     -0.2772932242720647, -0.2752400614957722, 0.2224132990490436, 1.000000000016514),
    (2.9873903942933136e-06, 0.0003671552260927511, 0.008609858691038143, 0.07400136994152559,
     0.33390466807133085, 0.8855857868986845, 1.3507924664211333, 1.0),
)  # fmt: skip
TAIL = (
    (-334.8519255562796, -1656.5564671493717, -2022.941244928952, -951.9699118693968, -201.80337007926434,
     -19.858349092807543, -0.8265641348806206, -0.009864942924700096),
    (239.90085383903133, 2795.3111430136414, 6660.626693008503, 5746.907981264674, 2197.6942664467942,
     398.5425244099585, 33.103499672864054, 1.0),
)  # fmt: skip

# erf(x) / x in x**2 for |x| <= 4, one piece for float32: a relative error of 2.6e-9, hence 0.55 units in its last place
# when it is evaluated in float64. Beyond 4 the function is 1 to that precision.
SINGLE = (
    (6.791453648212996e-06, 0.00041128035496634254, 0.004226497106604782, 0.055749599079008595,
     0.19287877374491982, 1.1283791699743182),
    (2.6049041544481157e-07, 7.256455350592266e-05, 0.001421211672397831, 0.016295162764814915,
     0.11749541252981979, 0.5042677965244622, 1.0),
)  # fmt: skip

# The standard normal z of probability p: z / q - 2.75 in 0.425**2 - q**2, where q = p - 1/2 and |q| <= 0.425; in the
# tails sqrt(2) d - |z| in d = sqrt(-log(min(p, 1 - p))), up to 5 and from 5 to 27.4 (the smallest p there is).
QUANTILE_MIDDLE = (
    (-11867.334323959742, -45584.83428811988, -40837.52649994082, -12417.152931073917, -1102.340874759336,
     81.84071595864896, 16.780734433035075, 0.6371328727963667),
    (5228.090795278565, 28736.118837315786, 39315.320560545646, 21216.74360583339, 5394.712152378517,
     687.2272420897381, 42.314470135279834, 1.0),
)  # fmt: skip
QUANTILE_NEAR = (
    (4.786992594299869e-05, 0.04442820096029244, 1.6891211782174897, 15.638879464205871, 50.852866137820634,
     71.06284086172573, 35.10397115756991, 3.5203698963538708),
    (0.010030009990119309, 0.5395743399521351, 6.815793942372606, 30.342874359891475, 59.17095979022796,
     51.42829045260074, 15.925269126462867, 1.0),
)  # fmt: skip
QUANTILE_FAR = (
    (8.849752147738879e-10, 5.46823940882038e-06, 0.0012222822254757887, 0.06756008299311625, 1.2286232842658005,
     7.629308125278854, 13.650437685120368, 3.224409398589895),
    (9.744242370909682e-07, 0.00028239762616570326, 0.01941756478100868, 0.4459474067650148, 3.726254733169228,
     10.674156019895497, 8.096205842141039, 1.0),
)  # fmt: skip


def erf(xp: ModuleType, x: RawArray) -> RawArray:
    """The error function, `2 / sqrt(pi)` times the integral of `exp(-t**2)` from 0 to x, elementwise."""
    return _elementwise(xp, "erf", x, _erf if x.dtype == numpy.float64 or x.dtype.kind in "biu" else _erf_single)


def erfc(xp: ModuleType, x: RawArray) -> RawArray:
    """`1 - erf(x)` elementwise, to full relative accuracy where that difference would be 0."""
    return _elementwise(xp, "erfc", x, _erfc)


def erfinv(xp: ModuleType, x: RawArray) -> RawArray:
    """The inverse of `erf` elementwise: -inf and inf at -1 and 1, NaN beyond."""
    return _elementwise(xp, "erfinv", x, lambda x: _quantile(x / 2, (1 - numpy.abs(x)) / 2) / numpy.sqrt(2))


def ndtri(xp: ModuleType, p: RawArray) -> RawArray:
    """The z that a standard normal variable stays below with probability p, elementwise (`scipy.special.ndtri`)."""
    return _elementwise(xp, "ndtri", p, lambda p: _quantile(p - 0.5, numpy.minimum(p, 1 - p)))


def _elementwise(xp, name, x, host):
    dtype = _result_dtype(name, x.dtype)
    if xp is not numpy:
        return _device_kernel(xp, name, dtype.name)(x.astype(dtype, copy=False))
    values, result = x.reshape(-1), numpy.empty(x.size, dtype)
    with numpy.errstate(all="ignore"):
        for start in range(0, x.size, CHUNK):
            piece = slice(start, start + CHUNK)
            result[piece] = host(values[piece].astype(numpy.float64))
    return result.reshape(x.shape)


def _result_dtype(name, dtype):
    if dtype.kind in "biu":
        return numpy.dtype(numpy.float64)
    if dtype.name in ("float16", "bfloat16", "float32", "float64"):
        return dtype
    raise TypeError(f"{name}: expected a real array of at most 64 bits per element, got {dtype}. Cast it first.")


@functools.cache
def _device_kernel(xp, name, dtype):
    function = {"ndtri": "normcdfinv"}.get(name, name)
    compute = "double" if dtype == "float64" else "float"
    return xp.ElementwiseKernel("T x", "T y", f"y = {function}(static_cast<{compute}>(x))", f"autograd_{name}")


def _ratio(polynomials, x):
    """The first polynomial over the second at x, by Horner's rule."""
    values = []
    for leading, *others in polynomials:
        value = numpy.full_like(x, leading)
        for coefficient in others:
            value *= x
            value += coefficient
        values.append(value)
    above, below = values
    return numpy.divide(above, below, out=above)


def _piecewise(inside, first, second, *arrays):
    """`first` of the arrays where `inside`, `second` elsewhere; each is evaluated on its own elements only."""
    if inside.all():
        return first(*arrays)
    result = numpy.empty_like(arrays[0])
    for where, function in ((numpy.flatnonzero(inside), first), (numpy.flatnonzero(~inside), second)):
        result[where] = function(*(array[where] for array in arrays))  # by index: a mask costs five times as much
    return result


def _erf_single(x):
    clipped = numpy.clip(x, -4.0, 4.0)
    return clipped * _ratio(SINGLE, clipped * clipped)


def _erf(x):
    return _piecewise(numpy.abs(x) <= 1, _erf_centre, lambda x: numpy.copysign(1 - _erfc_outer(numpy.abs(x)), x), x)


def _erf_centre(x):
    return x + x * _ratio(CENTRE, x * x)


def _erfc(x):
    def outer(x):
        sign = numpy.copysign(1.0, x)
        return (1 - sign) + sign * _erfc_outer(numpy.abs(x))

    return _piecewise(numpy.abs(x) <= 0.46875, lambda x: 1 - _erf_centre(x), outer, x)


def _erfc_outer(x):
    """erfc of x > 0.46875."""
    x = numpy.minimum(x, 28.0)
    return _piecewise(
        x <= 2.5,
        lambda x: _exp_minus_square(x, _ratio(FLANK, x) - 1),
        lambda x: _exp_minus_square(x, _ratio(TAIL, 1 / (x * x)) - 0.5625) / x,
        x,
    )


def _exp_minus_square(x, extra):
    """exp(extra - x**2). A rounded x**2 would cost hundreds of units, so most of it is the square of a short number."""
    short = numpy.round(x * 1024) / 1024
    return numpy.exp(-short * short) * numpy.exp(extra - (x - short) * (x + short))


def _quantile(centred, tail):
    """The normal quantile of p, given without cancellation as p - 1/2 and min(p, 1 - p)."""

    def middle(centred, tail):
        return centred * (2.75 + _ratio(QUANTILE_MIDDLE, 0.425**2 - centred * centred))

    def outer(centred, tail):
        depth = numpy.sqrt(-numpy.log(tail))
        near, far = (functools.partial(_ratio, table) for table in (QUANTILE_NEAR, QUANTILE_FAR))
        size = numpy.sqrt(2) * depth - _piecewise(depth <= 5, near, far, depth)
        size[tail == 0] = numpy.inf
        return numpy.copysign(size, centred)

    return _piecewise(numpy.abs(centred) <= 0.425, middle, outer, centred, tail)
