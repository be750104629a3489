"""Operations on each element, with their derivatives.

Conventions where a derivative does not exist (PyTorch's): `absolute` and `sign` have 0 at 0, `maximum` and `minimum`
halve the gradient at ties, `clip` passes it at its bounds, `relu` has 0 and `leaky_relu` its slope at 0, `sqrt` has
infinity at 0, `arctan2` has 0 at (0, 0), `power` has 0 with respect to the base where the exponent is 0 and with
respect to the exponent where the base is 0. `hypot` has 0 at (0, 0) as `norm` has (PyTorch: NaN).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from ..dtypes import narrowed_integers
from ..families import elementwise, is_half, linear, moves
from ..kernels import special
from ..primitive import Primitive
from ..residuals import Vjp

__all__ = [
    "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "astype",
    "at_least", "at_most", "bell", "bitwise_and", "bitwise_or", "bitwise_xor", "cbrt", "ceil", "clip", "conj",
    "cos", "cosh", "deg2rad", "device_put", "divide", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "greater", "greater_equal", "hypot", "imag", "invert",
    "isclose", "isfinite", "isinf", "isnan", "lcm", "leaky_relu", "left_shift", "less", "less_equal", "log",
    "log1p", "log2", "log10", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor",
    "maximum", "minimum", "multiply", "narrowed", "negative", "not_equal", "positive", "power", "power_of",
    "rad2deg", "real", "reciprocal", "relu", "remainder", "right_shift", "rint", "round", "sigmoid", "sign",
    "signbit", "sin", "sinc", "single", "sinh", "softplus", "sqrt", "square", "stop_gradient", "subtract", "tan",
    "tanh", "trunc", "unless_zero", "where",
]  # fmt: skip

# Arithmetic. Names are NumPy's; `a`, `b` are the operands, `y` the result, `g` the cotangent of the result.
add: Primitive = elementwise("add", lambda g: g, lambda g: g, cuda="a + b")
subtract: Primitive = elementwise("subtract", lambda g: g, lambda g: -g, cuda="a - b")
multiply: Primitive = elementwise("multiply", lambda g, b: g * b, lambda g, a: g * a, cuda="a * b")
divide: Primitive = elementwise("divide", lambda g, b: g / b, lambda g, y, b: -g * y / b, cuda="a / b")
negative: Primitive = elementwise("negative", lambda g: -g, cuda="-x")
positive: Primitive = elementwise("positive", lambda g: g, flops=moves, cuda="x")
remainder: Primitive = elementwise("remainder", lambda g: g, lambda g, a, b: -g * floor_divide(a, b))
fmod: Primitive = elementwise(
    "fmod", lambda g: g, lambda g, a, b: -g * trunc(a / b), cuda="fmod(Real(T(a)), Real(T(b)))"
)
reciprocal: Primitive = elementwise("reciprocal", lambda g, y: -g * y * y, cuda="1 / x")
square: Primitive = elementwise("square", lambda g, x: g * (2 * x), cuda="x * x")
power: Primitive = elementwise(
    "power",
    lambda g, a, b: g * where(equal(b, 0), 0, b * power(a, where(equal(b, 0), 1, b - 1))),
    lambda g, y, a, b: g * where(equal(a, 0), 0, y * log(where(equal(a, 0), 1, a))),
    cuda="pow(Real(T(a)), Real(T(b)))",
)


def _power_of(xp, x, *, exponent):
    if xp is not numpy and x.dtype.kind in "iub" and isinstance(exponent, int) and exponent < 0:  # CuPy would give 0
        raise ValueError("Integers to negative integer powers are not allowed.")
    if isinstance(x, numpy.generic):  # NumPy rounds powers of its scalars in another way
        x = numpy.asarray(x)
    return x**exponent


# With a Python number as exponent: cheaper, and the dtype of `x` is kept.
power_of: Primitive = elementwise(
    _power_of,
    lambda g, x, exponent: g * (exponent * power_of(x, exponent=exponent - 1)) if exponent else g * 0,
    memory="new",
    cuda=lambda exponent: {2: "x * x", 0.5: "sqrt(x)"}.get(exponent, ""),  # others may depend on being constants
)
absolute: Primitive = elementwise(
    "absolute", lambda g, x: g * (_phase(x) if x.dtype.kind == "c" else sign(x)), cuda="abs(x)"
)
hypot: Primitive = elementwise(
    "hypot", lambda g, y, a: g * _ratio(a, y), lambda g, y, b: g * _ratio(b, y), cuda="hypot(a, b)"
)

# Exponentials and logarithms.
exp: Primitive = elementwise("exp", lambda g, y: g * y, cuda="exp(x)")
exp2: Primitive = elementwise("exp2", lambda g, y: g * (math.log(2) * y), cuda="pow(T(2), x)")
expm1: Primitive = elementwise("expm1", lambda g, x: g * exp(x), cuda="expm1(x)")
log: Primitive = elementwise("log", lambda g, x: g / x, cuda="log(x)")
log2: Primitive = elementwise("log2", lambda g, x: g / (math.log(2) * x), cuda="log2(x)")
log10: Primitive = elementwise("log10", lambda g, x: g / (math.log(10) * x), cuda="log10(x)")
log1p: Primitive = elementwise("log1p", lambda g, x: g / (x + 1), cuda="log1p(x)")
logaddexp: Primitive = elementwise(
    "logaddexp",
    lambda g, a, b: g * sigmoid(_difference(a, b)),
    lambda g, a, b: g * sigmoid(_difference(b, a)),
    cuda="a == b ? T(a + log(2.0)) : T(fmax(a, b) + log1p(exp(-fabs(a - b))))",
)
logaddexp2: Primitive = elementwise(
    "logaddexp2",
    lambda g, a, b: g * sigmoid(_difference(a, b) * math.log(2)),
    lambda g, a, b: g * sigmoid(_difference(b, a) * math.log(2)),
    cuda="a == b ? T(a + 1.0) : T(fmax(a, b) + log2(1 + exp2(-fabs(a - b))))",
)
sqrt: Primitive = elementwise("sqrt", lambda g, y: g / (2 * y), cuda="sqrt(x)")
cbrt: Primitive = elementwise("cbrt", lambda g, y: g / (3 * y * y), cuda="cbrt(x)")

# Trigonometric and hyperbolic functions.
sin: Primitive = elementwise("sin", lambda g, x: g * cos(x), cuda="sin(x)")
cos: Primitive = elementwise("cos", lambda g, x: -g * sin(x), cuda="cos(x)")
tan: Primitive = elementwise("tan", lambda g, y: g * (y * y + 1), cuda="tan(x)")
arcsin: Primitive = elementwise("arcsin", lambda g, x: g / _root_of_1_minus_square(x), cuda="asin(x)")
arccos: Primitive = elementwise("arccos", lambda g, x: -g / _root_of_1_minus_square(x), cuda="acos(x)")
arctan: Primitive = elementwise(
    "arctan", lambda g, x: g / (x + 1j) / (x - 1j) if x.dtype.kind == "c" else g / (x * x + 1), cuda="atan(x)"
)
arctan2: Primitive = elementwise(
    "arctan2", lambda g, a, b: g * _over_square(b, a, b), lambda g, a, b: -g * _over_square(a, a, b), cuda="atan2(a, b)"
)
sinh: Primitive = elementwise("sinh", lambda g, x: g * cosh(x), cuda="sinh(x)")
cosh: Primitive = elementwise("cosh", lambda g, x: g * sinh(x), cuda="cosh(x)")
tanh: Primitive = elementwise("tanh", lambda g, y: g * (1 - y * y), cuda="tanh(x)")
arcsinh: Primitive = elementwise("arcsinh", lambda g, x: g / _root_of_1_plus_square(x), cuda="asinh(x)")
arccosh: Primitive = elementwise("arccosh", lambda g, x: g / (sqrt(x - 1) * sqrt(x - -1)), cuda="acosh(x)")
arctanh: Primitive = elementwise("arctanh", lambda g, x: g / (1 - x) / (1 + x), cuda="atanh(x)")
deg2rad: Primitive = elementwise("deg2rad", lambda g: g * (math.pi / 180), cuda="x * T(M_PI / 180)")
rad2deg: Primitive = elementwise("rad2deg", lambda g: g * (180 / math.pi), cuda="x * T(180 / M_PI)")
sinc: Primitive = elementwise(
    "sinc", lambda g, y, x: g * _slope_of_sinc(y, x), cuda="abs(x) > 1e-9 ? T(sinpi(x) / (M_PI * x)) : T(1)"
)

# Choice. At a tie each operand gets half of the gradient.
maximum: Primitive = elementwise(
    "maximum",
    lambda g, y, a, b: g * _share(a, b, y),
    lambda g, y, a, b: g * _share(b, a, y),
    cuda="isnan(a) ? a : isnan(b) ? b : max(a, b)",
)
minimum: Primitive = elementwise(
    "minimum",
    lambda g, y, a, b: g * _share(a, b, y),
    lambda g, y, a, b: g * _share(b, a, y),
    cuda="isnan(a) ? a : isnan(b) ? b : min(a, b)",
)


def _at_least(xp, a, b):
    return xp.maximum(a, b)


def _at_most(xp, a, b):
    return xp.minimum(a, b)


# `a` within a bound `b`: `a` gets the gradient at ties.
at_least: Primitive = elementwise(
    _at_least, lambda g, a, b: where(less(a, b), 0, g), lambda g, a, b: where(less(a, b), g, 0), cuda=maximum.cuda
)
at_most: Primitive = elementwise(
    _at_most, lambda g, a, b: where(greater(a, b), 0, g), lambda g, a, b: where(greater(a, b), g, 0), cuda=minimum.cuda
)

fmax: Primitive = elementwise(
    "fmax", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y), cuda="fmax(a, b)"
)
fmin: Primitive = elementwise(
    "fmin", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y), cuda="fmin(a, b)"
)

where: Primitive = elementwise(
    "where",
    None,
    lambda g, condition: where(condition, g, 0),
    lambda g, condition: where(condition, 0, g),
    memory="new",
    cuda="condition ? a : b",
)


# The derivative of sinc: its coefficients of x, x**3, ... for |x| < 1/4, highest first. There the formula cancels.
_SLOPE_OF_SINC = [(-1) ** k * 2 * k * math.pi ** (2 * k) / math.factorial(2 * k + 1) for k in range(9, 0, -1)]


def _slope_of_sinc(y, x):
    near = less(absolute(x), 0.25)
    x_near, x_far = where(near, x, 0), where(near, 1, x)
    series = _SLOPE_OF_SINC[0]
    for coefficient in _SLOPE_OF_SINC[1:]:
        series = x_near * x_near * series + coefficient
    return where(near, x_near * series, (cos(math.pi * x) - y) / x_far)


def _phase(x):
    """conj(x) / abs(x), 0 at 0: unlike `sign`, it has derivatives."""
    return conj(x) / where(equal(x, 0), 1, absolute(x))


def _over_square(x, a, b):
    """x / (a**2 + b**2) without squares, which may be out of range; 0 where it is 0 / 0, and of infinite numbers."""
    root = hypot(a, b)
    inside = logical_and(greater(root, 0), less(root, math.inf))
    root = where(inside, root, 1)
    return where(inside, x, root * 0) / root / root  # in the dtype of the root: `x` may be a number


def _ratio(a, y):
    """a / y of y = hypot(a, b): 0 where that is 0 / 0, and its limit where `y` is infinite."""
    infinite = isinf(y)
    limit = astype(infinite * isinf(a) * sign(a), dtype=y.dtype)
    return where(infinite, 0, a) / where(logical_or(infinite, equal(y, 0)), 1, y) + limit


def unless_zero(a: Any, b: Any) -> Any:
    """a * b, 0 where `a` is: what has vanished, such as a density, outweighs a slope that is infinite."""
    return a * where(equal(a, 0), 0, b)


def _difference(a, b):
    """a - b, 0 where both are the same infinity."""
    return where(logical_and(equal(a, b), isinf(a)), 0, a - b)


def _root_of_1_plus_square(x):
    """sqrt(1 + x**2), which is even: of complex numbers by factors, as for arcsin, in the right half-plane."""
    if x.dtype.kind != "c":
        return hypot(x, 1)
    x = where(signbit(real(x)), -x, x)
    return sqrt(x - 1j) * sqrt(x + 1j)


def _root_of_1_minus_square(x):
    """sqrt(1 - x**2) of accurate factors; of complex numbers on the side of the branch cut that the sign of 0 chooses.

    Where a difference is written with `- -1` or `-(x - 1)`, the imaginary part keeps its sign: that of -0 + 0 is lost.
    """
    return sqrt(-(x - 1)) * sqrt(x - -1)


def _share(a, b, y):
    """1 where `a` was chosen, 1/2 where `b` is equal, 0 elsewhere; in the dtype of `y`."""
    return astype(equal(a, y), dtype=y.dtype) * (1 - 0.5 * astype(equal(a, b), dtype=y.dtype))


_CLIP = "low > high ? high : x < low ? low : x > high ? high : x"


def _clip(xp, x, *, low, high):
    return xp.clip(x, low, high)


def _within(x, low, high):
    inside = True
    if low is not None:
        inside = greater_equal(x, low)
    if high is not None:
        inside = logical_and(inside, less_equal(x, high))
    return inside


clip: Primitive = elementwise(
    _clip,
    lambda g, x, low, high: where(_within(x, low, high), g, 0),
    cuda=lambda low, high: _CLIP if isinstance(low, int | float) and isinstance(high, int | float) else "",
)


# Functions of neural networks and statistics that NumPy lacks.
def _sigmoid(xp, x):
    with numpy.errstate(over="ignore"):  # where exp is inf, the result is the right 0
        return 1 / (xp.exp(x * -1.0) + 1)


def _softplus(xp, x):
    return xp.logaddexp(x, 0)


def _relu(xp, x):
    return xp.maximum(x, 0)


def _leaky_relu(xp, x, *, negative_slope):
    return xp.where(x >= 0, x, x * negative_slope)


sigmoid: Primitive = elementwise(
    _sigmoid, lambda g, y: g * (y * (1 - y)), memory="new", cuda="T(1) / T(T(exp(T(-x))) + T(1))"
)
softplus: Primitive = elementwise(
    _softplus,
    lambda g, x: g * sigmoid(x),
    memory="new",
    cuda="x == T(0) ? T(x + log(2.0)) : T(fmax(x, T(0)) + log1p(exp(-fabs(x - T(0)))))",
)
relu: Primitive = elementwise(
    _relu, lambda g, y: where(greater(y, 0), g, 0), memory="new", cuda="isnan(x) ? x : max(x, T(0))"
)
leaky_relu: Primitive = elementwise(
    _leaky_relu,
    lambda g, x, negative_slope: where(greater(x, 0), g, g * negative_slope),
    memory="new",
    cuda="x >= T(0) ? x : T(x * negative_slope)",
)


def _bell(xp, x):
    """exp(-x * x)"""
    return xp.exp(x * -x)


bell: Primitive = elementwise(_bell, lambda g, y, x: g * unless_zero(y, -2 * x), memory="new", cuda="exp(T(x * T(-x)))")
erf: Primitive = elementwise(special.erf, lambda g, x: g * (bell(x) * (2 / math.sqrt(math.pi))), cuda="erf(Real(x))")
erfc: Primitive = elementwise(
    special.erfc, lambda g, x: g * (bell(x) * (-2 / math.sqrt(math.pi))), cuda="erfc(Real(x))"
)
erfinv: Primitive = elementwise(
    special.erfinv, lambda g, y: g * (exp(y * y) * (math.sqrt(math.pi) / 2)), cuda="erfinv(Real(x))"
)


# Complex numbers and dtypes.
def _astype(xp, x, *, dtype):
    return x.astype(dtype)


conj: Primitive = elementwise("conj", lambda g: conj(g), cuda="x")
real: Primitive = elementwise("real", lambda g: g, arguments=("val",), flops=moves, cuda="val")
# Not -1j * g: for a numpy.float64 that would be a Python number.
imag: Primitive = elementwise("imag", lambda g: g * -1j, arguments=("val",), flops=moves)
astype: Primitive = linear(_astype, lambda g: g, flops=moves, memory="new", cuda="x")


def _narrowed(xp, x, *, dtype):
    return narrowed_integers(x, dtype)


narrowed: Primitive = elementwise(_narrowed, None)


def _device_put(xp, x, *, source, target):
    return target.put(x)


device_put: Primitive = linear(
    _device_put, lambda g, source, target: device_put(g, source=target, target=source), flops=moves
)


# Steps, comparisons and predicates have no derivatives.
class _Sign(Primitive):
    """A step for real numbers; for complex ones the direction x / abs(x), which turns with `x` and has a derivative."""

    def vjps_of(self, args: Sequence[Any]) -> tuple[Vjp | None, ...]:
        return _OF_DIRECTIONS if args[0].dtype.kind == "c" else (None,)


def _turn_back(g, y, x):
    return imag(g * y) * conj(y) * 1j / where(equal(x, 0), 1, absolute(x))


def _turn(active, y, args, tangents, params):
    (x,), (t,) = args, tangents
    return imag(conj(y) * t) * y * 1j / where(equal(x, 0), 1, absolute(x))


sign: Primitive = _Sign(
    "sign", kind="elementwise", batch="align", arguments=("x",), cuda="x < 0 ? -1 : x > 0 ? 1 : x - x"
)
sign.jvp = _turn
_OF_DIRECTIONS: tuple[Vjp] = (Vjp(_turn_back, sign),)
floor: Primitive = elementwise("floor", None, cuda="floor(x)")
ceil: Primitive = elementwise("ceil", None, cuda="ceil(x)")
trunc: Primitive = elementwise("trunc", None, cuda="trunc(x)")
rint: Primitive = elementwise("rint", None, cuda="rint(x)")
signbit: Primitive = elementwise("signbit", None, cuda="signbit(x)")
isnan: Primitive = elementwise("isnan", None, cuda="isnan(x)")
isinf: Primitive = elementwise("isinf", None, cuda="isinf(x)")
isfinite: Primitive = elementwise("isfinite", None, cuda="isfinite(x)")
logical_not: Primitive = elementwise("logical_not", None, cuda="!x")
invert: Primitive = elementwise("invert", None)
equal: Primitive = elementwise("equal", None, None, cuda="a == b")
not_equal: Primitive = elementwise("not_equal", None, None, cuda="a != b")
less: Primitive = elementwise("less", None, None, cuda="a < b")
less_equal: Primitive = elementwise("less_equal", None, None, cuda="a <= b")
greater: Primitive = elementwise("greater", None, None, cuda="a > b")
greater_equal: Primitive = elementwise("greater_equal", None, None, cuda="a >= b")
logical_and: Primitive = elementwise("logical_and", None, None, cuda="a && b")
logical_or: Primitive = elementwise("logical_or", None, None, cuda="a || b")
logical_xor: Primitive = elementwise("logical_xor", None, None, cuda="!a != !b")
floor_divide: Primitive = elementwise("floor_divide", None, None)
bitwise_and: Primitive = elementwise("bitwise_and", None, None)
bitwise_or: Primitive = elementwise("bitwise_or", None, None)
bitwise_xor: Primitive = elementwise("bitwise_xor", None, None)
left_shift: Primitive = elementwise("left_shift", None, None)
right_shift: Primitive = elementwise("right_shift", None, None)
gcd: Primitive = elementwise("gcd", None, None)
lcm: Primitive = elementwise("lcm", None, None)


def single(x: Any) -> Any:
    """`x` in float32 if it has half precision: for what would leave the range of that, counts included."""
    return astype(x, dtype=numpy.float32) if is_half(x.dtype) else x


def _round(xp, x, *, decimals):
    return xp.round(x, decimals)


def _isclose(xp, a, b, *, rtol, atol, equal_nan):
    return xp.isclose(a, b, rtol, atol, equal_nan)


def _stop_gradient(xp, x):
    return x


round: Primitive = elementwise(_round, None)
isclose: Primitive = elementwise(_isclose, None, None)
stop_gradient: Primitive = elementwise(_stop_gradient, None, flops=moves, cuda="x")
