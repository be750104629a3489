"""Operations on each element, with their derivatives.

Conventions where a derivative does not exist (PyTorch's): `absolute` and `sign` have 0 at 0, `maximum` and `minimum`
halve the gradient at ties, `clip` passes it at its bounds, `relu` has 0 and `leaky_relu` its slope at 0, `sqrt` has
infinity at 0, `arctan2` has 0 at (0, 0), `power` has 0 with respect to the base where the exponent is 0 and with
respect to the exponent where the base is 0. `hypot` has 0 at (0, 0) as `norm` has (PyTorch: NaN).
"""

import math

import numpy

from ..families import elementwise, linear, moves
from ..kernels import special

# Arithmetic. Names are NumPy's; `a`, `b` are the operands, `y` the result, `g` the cotangent of the result.
add = elementwise("add", lambda g: g, lambda g: g)
subtract = elementwise("subtract", lambda g: g, lambda g: -g)
multiply = elementwise("multiply", lambda g, b: g * b, lambda g, a: g * a)
divide = elementwise("divide", lambda g, b: g / b, lambda g, y, b: -g * y / b)
negative = elementwise("negative", lambda g: -g)
positive = elementwise("positive", lambda g: g, flops=moves)
remainder = elementwise("remainder", lambda g: g, lambda g, a, b: -g * floor_divide(a, b))
fmod = elementwise("fmod", lambda g: g, lambda g, a, b: -g * trunc(a / b))
reciprocal = elementwise("reciprocal", lambda g, y: -g * y * y)
square = elementwise("square", lambda g, x: g * (2 * x))
power = elementwise(
    "power",
    lambda g, a, b: g * where(equal(b, 0), 0, b * power(a, where(equal(b, 0), 1, b - 1))),
    lambda g, y, a, b: g * where(equal(a, 0), 0, y * log(where(equal(a, 0), 1, a))),
)


def _power_of(xp, x, *, exponent):
    return x**exponent


# With a Python number as exponent: cheaper, and the dtype of `x` is kept.
power_of = elementwise(
    _power_of,
    lambda g, x, exponent: g * (exponent * power_of(x, exponent=exponent - 1)) if exponent else g * 0,
    memory="new",
)
absolute = elementwise("absolute", lambda g, x: g * (_phase(x) if x.dtype.kind == "c" else sign(x)))
hypot = elementwise("hypot", lambda g, y, a: g * _ratio(a, y), lambda g, y, b: g * _ratio(b, y))

# Exponentials and logarithms.
exp = elementwise("exp", lambda g, y: g * y)
exp2 = elementwise("exp2", lambda g, y: g * (math.log(2) * y))
expm1 = elementwise("expm1", lambda g, y: g * (y + 1))
log = elementwise("log", lambda g, x: g / x)
log2 = elementwise("log2", lambda g, x: g / (math.log(2) * x))
log10 = elementwise("log10", lambda g, x: g / (math.log(10) * x))
log1p = elementwise("log1p", lambda g, x: g / (x + 1))
logaddexp = elementwise("logaddexp", lambda g, a, b: g * sigmoid(a - b), lambda g, a, b: g * sigmoid(b - a))
logaddexp2 = elementwise(
    "logaddexp2",
    lambda g, a, b: g * sigmoid((a - b) * math.log(2)),
    lambda g, a, b: g * sigmoid((b - a) * math.log(2)),
)
sqrt = elementwise("sqrt", lambda g, y: g / (2 * y))
cbrt = elementwise("cbrt", lambda g, y: g / (3 * y * y))

# Trigonometric and hyperbolic functions.
sin = elementwise("sin", lambda g, x: g * cos(x))
cos = elementwise("cos", lambda g, x: -g * sin(x))
tan = elementwise("tan", lambda g, y: g * (y * y + 1))
arcsin = elementwise("arcsin", lambda g, x: g / sqrt(1 - x * x))
arccos = elementwise("arccos", lambda g, x: -g / sqrt(1 - x * x))
arctan = elementwise("arctan", lambda g, x: g / (x * x + 1))
arctan2 = elementwise("arctan2", lambda g, a, b: g * _over_square(b, a, b), lambda g, a, b: -g * _over_square(a, a, b))
sinh = elementwise("sinh", lambda g, x: g * cosh(x))
cosh = elementwise("cosh", lambda g, x: g * sinh(x))
tanh = elementwise("tanh", lambda g, y: g * (1 - y * y))
arcsinh = elementwise("arcsinh", lambda g, x: g / sqrt(x * x + 1))
arccosh = elementwise("arccosh", lambda g, x: g / sqrt(x * x - 1))
arctanh = elementwise("arctanh", lambda g, x: g / (1 - x * x))
deg2rad = elementwise("deg2rad", lambda g: g * (math.pi / 180))
rad2deg = elementwise("rad2deg", lambda g: g * (180 / math.pi))
sinc = elementwise("sinc", lambda g, y, x: g * _slope_of_sinc(y, x))

# Choice. At a tie each operand gets half of the gradient.
maximum = elementwise("maximum", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y))
minimum = elementwise("minimum", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y))


def _at_least(xp, a, b):
    return xp.maximum(a, b)


def _at_most(xp, a, b):
    return xp.minimum(a, b)


# `a` within a bound `b`: `a` gets the gradient at ties.
at_least = elementwise(_at_least, lambda g, a, b: where(less(a, b), 0, g), lambda g, a, b: where(less(a, b), g, 0))
at_most = elementwise(_at_most, lambda g, a, b: where(greater(a, b), 0, g), lambda g, a, b: where(greater(a, b), g, 0))

fmax = elementwise("fmax", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y))
fmin = elementwise("fmin", lambda g, y, a, b: g * _share(a, b, y), lambda g, y, a, b: g * _share(b, a, y))


where = elementwise(
    "where",
    None,
    lambda g, condition: where(condition, g, 0),
    lambda g, condition: where(condition, 0, g),
    memory="new",
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
    """x / (a**2 + b**2), 0 where that is 0 / 0."""
    square = a * a + b * b
    return x / where(equal(square, 0), 1, square)


def _ratio(a, y):
    return a / where(equal(y, 0), 1, y)


def _share(a, b, y):
    """1 where `a` was chosen, 1/2 where `b` is the same, 0 elsewhere; in the dtype of `y`."""
    return astype(equal(a, y), dtype=y.dtype) * (1 - 0.5 * astype(equal(a, b), dtype=y.dtype))


def _clip(xp, x, *, low, high):
    return xp.clip(x, low, high)


def _within(x, low, high):
    inside = True
    if low is not None:
        inside = greater_equal(x, low)
    if high is not None:
        inside = logical_and(inside, less_equal(x, high))
    return inside


clip = elementwise(_clip, lambda g, x, low, high: where(_within(x, low, high), g, 0))


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


sigmoid = elementwise(_sigmoid, lambda g, y: g * (y * (1 - y)), memory="new")
softplus = elementwise(_softplus, lambda g, x: g * sigmoid(x), memory="new")
relu = elementwise(_relu, lambda g, y: where(greater(y, 0), g, 0), memory="new")
leaky_relu = elementwise(
    _leaky_relu, lambda g, x, negative_slope: where(greater(x, 0), g, g * negative_slope), memory="new"
)
erf = elementwise(special.erf, lambda g, x: g * (exp(-x * x) * (2 / math.sqrt(math.pi))))
erfc = elementwise(special.erfc, lambda g, x: g * (exp(-x * x) * (-2 / math.sqrt(math.pi))))
erfinv = elementwise(special.erfinv, lambda g, y: g * (exp(y * y) * (math.sqrt(math.pi) / 2)))


# Complex numbers and dtypes.
def _astype(xp, x, *, dtype):
    return x.astype(dtype)


conj = elementwise("conj", lambda g: conj(g))
real = elementwise("real", lambda g: g, arguments=("val",), flops=moves)
imag = elementwise(
    "imag", lambda g: g * -1j, arguments=("val",), flops=moves
)  # not -1j * g: of a numpy.float64 that is a Python number
astype = linear(_astype, lambda g: g, flops=moves, memory="new")


def _narrowed(xp, x, *, dtype):
    """Integers in a dtype of fewer bits; OverflowError if it does not hold one, but on a GPU, which would wait."""
    limits = numpy.iinfo(dtype)
    if xp is numpy and x.size and not limits.min <= x.min() <= x.max() <= limits.max:
        raise OverflowError(f"{dtype}: expected integers that it holds, got {x.min()} to {x.max()}. Say dtype='int64'.")
    return x.astype(dtype)


narrowed = elementwise(_narrowed, None)


def _device_put(xp, x, *, source, target):
    return target.put(x)


device_put = linear(_device_put, lambda g, source, target: device_put(g, source=target, target=source), flops=moves)

# Steps, comparisons and predicates have no derivatives.
sign, floor, ceil, trunc, rint, signbit, isnan, isinf, isfinite, logical_not, invert = (
    elementwise(name, None)
    for name in "sign floor ceil trunc rint signbit isnan isinf isfinite logical_not invert".split()
)
equal, not_equal, less, less_equal, greater, greater_equal, logical_and, logical_or, logical_xor = (
    elementwise(name, None, None)
    for name in "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor".split()
)
floor_divide, bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift, gcd, lcm = (
    elementwise(name, None, None)
    for name in "floor_divide bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm".split()
)


def _round(xp, x, *, decimals):
    return xp.round(x, decimals)


def _isclose(xp, a, b, *, rtol, atol, equal_nan):
    return xp.isclose(a, b, rtol, atol, equal_nan)


def _stop_gradient(xp, x):
    return x


round = elementwise(_round, None)
isclose = elementwise(_isclose, None, None)
stop_gradient = elementwise(_stop_gradient, None, flops=moves)
