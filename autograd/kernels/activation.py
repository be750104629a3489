"""Functions of elements in one pass, some with their gradient, the cotangent times the slope.

NumPy computes pieces that stay in the second-level cache; half precision is computed in float32. On CuPy each is one
launch, in `float` or `double`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .pieces import PIECE, common_dtype, is_number
from .special import SINGLE, erf

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["GRADIENTS", "VALUES", "lerp", "of_elements", "sigmoid_cross_entropy", "sigmoid_cross_entropy_gradient"]


def of_elements(name: str, arguments: str, host: Callable[..., Any], device: str) -> Callable[..., RawArray]:
    """A forward function `(xp, *arrays, **constants)` of the elements of arrays.

    Args:
        name: Its name.
        arguments: The names of the arrays and, after a "*", of numbers, which are parameters.
        host: The function of pieces of NumPy arrays, and of the numbers.
        device: The same as an expression in CUDA, in which `Real` is float or double; statements may come before it.
    """
    arrays, _, numbers = (names.split() for names in arguments.partition("*"))

    def forward(xp: ModuleType, *args: Any, **params: Any) -> RawArray:
        if xp is numpy and _is_small(args):
            with numpy.errstate(over="ignore", under="ignore"):
                return host(*[args[0].dtype.type(a) if type(a) is float else a for a in args], **params)
        plain = tuple([is_number(a) for a in args])
        dtype = common_dtype(*args)
        if dtype.kind == "c":
            raise TypeError(f"{name}: expected real numbers, got {dtype}.")
        dtype = numpy.dtype(numpy.float64) if dtype.kind in "biu" else dtype
        wide = numpy.result_type(dtype, numpy.float32)
        args = tuple([wide.type(a) if is_number(a) else a for a in args])
        if xp is numpy:
            return _by_pieces(functools.partial(host, **params), args, dtype, wide)
        y = xp.empty(numpy.broadcast_shapes(*[a.shape for a in args]), dtype)
        kernel = _kernel(xp, name, tuple(arrays), plain, tuple(numbers), device, wide.name)
        kernel(*args, *[wide.type(params[number]) for number in numbers], y)
        return y

    kinds = inspect.Parameter
    parameters = [kinds(a, kinds.POSITIONAL_OR_KEYWORD) for a in ("xp", *arrays)]
    parameters += [kinds(number, kinds.KEYWORD_ONLY) for number in numbers]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    forward.__name__ = forward.__qualname__ = name
    return forward


def _is_small(args):
    """Whether all fit into one piece and need no conversion: arrays of one shape in float32 or float64, and numbers."""
    first = args[0]
    if type(first) is not numpy.ndarray or not first.ndim or first.size > PIECE // 4 or first.dtype.num not in (11, 12):
        return False
    for a in args:
        if type(a) is not float and (
            type(a) is not numpy.ndarray or a.dtype.num != first.dtype.num or a.shape != first.shape
        ):
            return False
    return True


def _by_pieces(function, args, dtype, wide):
    """`function` of pieces of the arrays in the dtype `wide`."""
    shape = numpy.broadcast_shapes(*[a.shape for a in args])
    flat = [numpy.broadcast_to(a, shape).reshape(-1) if a.ndim else a.astype(wide) for a in args]
    y = numpy.empty(math.prod(shape), dtype)
    with numpy.errstate(over="ignore", under="ignore"):  # where exp is inf, the results are the right limits
        for start in range(0, y.size, PIECE // 4):
            part = slice(start, start + PIECE // 4)  # there are several temporaries
            y[part] = function(*[a[part].astype(wide, copy=False) if a.ndim else a for a in flat])
    return y.reshape(shape)


@functools.cache
def _kernel(xp, name, arrays, plain, numbers, device, wide):
    real = {"float32": "float", "float64": "double"}[wide]
    kinds = [wide if is_plain else letter for letter, is_plain in zip("ABCDE", plain, strict=False)]
    inputs = [f"{kind} {a}_" for kind, a in zip(kinds, arrays, strict=True)] + [f"{wide} {n}" for n in numbers]
    declared = "".join(f"const Real {a} = Real({a}_); " for a in arrays)
    *statements, expression = device.split(";")
    text = f"{declared}{''.join(f'{s}; ' for s in statements)}y = Y({expression})".replace("Real", real)
    return xp.ElementwiseKernel(", ".join(inputs), "Y y", text, f"autograd_{name}")


lerp: Callable[..., RawArray] = of_elements(
    "lerp", "a b weight", lambda a, b, weight: a + (b - a) * weight, "a + (b - a) * weight"
)

# Activations. Each row has the value and the slope, on NumPy and in CUDA.
_ROOT, _TURN = math.sqrt(2 / math.pi), 0.044715  # of gelu by tanh


def _sigmoid(x):
    return 1 / (numpy.exp(-x) + 1)


_END = 3.998  # the fit of erf in float32 is exactly 1 there, so that the tails are exactly 0 and 1


def _normal_cdf(x):
    """The distribution function of a standard normal variable; in float32 by a fit of erf."""
    if x.dtype == numpy.float64:
        return 0.5 * erf(numpy, x * math.sqrt(0.5)) + 0.5
    z = numpy.clip(x * numpy.float32(math.sqrt(0.5)), -_END, _END)
    above, below = (_polynomial(coefficients, z * z) for coefficients in SINGLE)
    above /= below
    above *= z
    above *= 0.5
    above += 0.5
    return above


def _polynomial(coefficients, x):
    value = numpy.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value


def _bell(x):
    return numpy.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))


def _silu_slope(x):
    s = _sigmoid(x)
    return s * (1 + x * (1 - s))


def _tanh_of_gelu(x):
    return numpy.tanh(x * (_ROOT + _ROOT * _TURN * (x * x)))


def _gelu_tanh_slope(x):
    t = _tanh_of_gelu(x)
    return 0.5 * (1 + t) + (0.5 * _ROOT) * x * (1 - t * t) * (1 + 3 * _TURN * (x * x))


def _mish_parts(x):
    return numpy.tanh(numpy.logaddexp(x, 0)), _sigmoid(x)


def _mish_slope(x):
    t, s = _mish_parts(x)
    return t + x * (1 - t * t) * s


def _elu(x, alpha, rate, scale):
    return numpy.where(x > 0, x, alpha * numpy.expm1(numpy.minimum(x, 0) * rate)) * x.dtype.type(scale)


def _elu_slope(x, alpha, rate, scale):
    return numpy.where(x > 0, 1, (alpha * rate) * numpy.exp(numpy.minimum(x, 0) * rate)) * x.dtype.type(scale)


_S = "const Real s = 1 / (exp(-x) + 1);"
_T = f"const Real t = tanh(x * (Real({_ROOT!r}) + Real({_ROOT * _TURN!r}) * x * x));"
_M = f"{_S} const Real t = tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));"
_ROWS: dict[str, tuple[str, Callable[..., Any], Callable[..., Any], str, str]] = {
    "silu": ("", lambda x: x * _sigmoid(x), _silu_slope, f"{_S} x * s", f"{_S} s * (1 + x * (1 - s))"),
    "gelu": (
        "", lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * _bell(x), "x * normcdf(x)",
        f"normcdf(x) + x * exp(x * x * Real(-0.5)) * Real({1 / math.sqrt(2 * math.pi)!r})",
    ),
    "gelu_tanh": (
        "", lambda x: 0.5 * x * (1 + _tanh_of_gelu(x)), _gelu_tanh_slope, f"{_T} Real(0.5) * x * (1 + t)",
        f"{_T} Real(0.5) * (1 + t) + Real({_ROOT / 2!r}) * x * (1 - t * t) * (1 + Real({3 * _TURN!r}) * x * x)",
    ),
    "mish": ("", lambda x: x * _mish_parts(x)[0], _mish_slope, f"{_M} x * t", f"{_M} t + x * (1 - t * t) * s"),
    "elu": (
        "* alpha rate scale", _elu, _elu_slope, "scale * (x > 0 ? x : alpha * expm1(x * rate))",
        "scale * (x > 0 ? Real(1) : alpha * rate * exp(x * rate))",
    ),
}  # fmt: skip


def _times(slope):
    return lambda g, x, **constants: g * slope(x, **constants)


VALUES: dict[str, Callable[..., RawArray]] = {}
GRADIENTS: dict[str, Callable[..., RawArray]] = {}
for _name, (_numbers, _value, _slope, _device, _device_slope) in _ROWS.items():
    VALUES[_name] = of_elements(_name, f"x {_numbers}", _value, _device)
    *_statements, _last = _device_slope.split(";")
    GRADIENTS[_name] = of_elements(
        f"{_name}_gradient",
        f"g x {_numbers}",
        _times(_slope),
        ";".join([*_statements, f"g * ({_last})"]),
    )


def _softplus_less_product(x, labels):
    return numpy.logaddexp(x, 0) - x * labels


# Of the sigmoid of x and of probabilities.
sigmoid_cross_entropy: Callable[..., RawArray] = of_elements(
    "sigmoid_cross_entropy", "x labels", _softplus_less_product, "fmax(x, Real(0)) + log1p(exp(-fabs(x))) - x * labels"
)
sigmoid_cross_entropy_gradient: Callable[..., RawArray] = of_elements(
    "sigmoid_cross_entropy_gradient",
    "g x labels",
    lambda g, x, labels: g * (_sigmoid(x) - labels),
    f"{_S} g * (s - labels)",
)
