"""Functions of elements in one pass, some with their gradient, the cotangent times the slope.

NumPy computes pieces that stay in the second-level cache, or the same text runs as a compiled loop, in which its
functions are those of one number. Half precision is computed in float32. On CuPy each is one launch, in `float` or
`double`.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy
from numpy import exp, expm1, minimum, tanh, where

from .compiled import Loop, is_worth_it
from .pieces import PIECE, is_number, promoted
from .special import SINGLE, erf

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = [
    "GRADIENTS",
    "OPTIONS",
    "VALUES",
    "lerp",
    "of_elements",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_gradient",
]

# Without contraction each operation of a kernel is rounded: kernels that compute several formulas give the same bits.
OPTIONS = ("--fmad=false",)


def of_elements(
    name: str, arguments: str, host: Callable[..., Any], device: str, times: bool = False
) -> Callable[..., RawArray]:
    """A forward function `(xp, *arrays, **constants)` of the elements of arrays.

    Args:
        name: Its name.
        arguments: The names of the arrays and, after a "*", of numbers, which are parameters.
        host: The function of pieces of NumPy arrays, and of the numbers; it may call only functions of modules.
        device: The same as an expression in CUDA, in which `Real` is float or double; statements may come before it.
        times: Whether `host` gives what the first array is multiplied by.
    """
    arrays, _, numbers = (names.split() for names in arguments.partition("*"))
    loop = Loop(_LOOPS[0 if times else len(arrays)], function=host)
    compute = (lambda g, *args, **params: g * host(*args, **params)) if times else host

    def forward(xp: ModuleType, *args: Any, **params: Any) -> RawArray:
        if xp is numpy and _is_small(args):
            with numpy.errstate(over="ignore", under="ignore"):
                return compute(*[args[0].dtype.type(a) if type(a) is float else a for a in args], **params)
        if xp is not numpy:
            dtypes = tuple([a.dtype if isinstance(a, xp.ndarray) else None for a in args])
            dtype, wide, kernel = _kernel(xp, name, tuple(arrays), dtypes, tuple(numbers), device)
            shapes = [a.shape for a, of_array in zip(args, dtypes, strict=True) if of_array is not None]
            y = xp.ndarray(shapes[0] if len(set(shapes)) == 1 else numpy.broadcast_shapes(*shapes), dtype)
            args = tuple([wide(a) if of_array is None else a for a, of_array in zip(args, dtypes, strict=True)])
            kernel(*args, *[wide(params[number]) for number in numbers], y)
            return y
        dtype, wide = _real(name, *[a.dtype for a in args if not is_number(a)])
        args = tuple([wide.type(a) if is_number(a) else a for a in args])
        if len({getattr(a, "shape", None) for a in args}) == 1 and args[0].size and is_worth_it(*args):
            y = numpy.empty(args[0].shape, wide)
            flat = [numpy.ascontiguousarray(a).reshape(-1) for a in args]
            loop(1, y.size, y.reshape(-1), *flat, tuple([wide.type(params[number]) for number in numbers]))
            return y
        return _by_pieces(functools.partial(compute, **params), args, dtype, wide)

    kinds = inspect.Parameter
    parameters = [kinds(a, kinds.POSITIONAL_OR_KEYWORD) for a in ("xp", *arrays)]
    parameters += [kinds(number, kinds.KEYWORD_ONLY) for number in numbers]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    forward.__name__ = forward.__qualname__ = name
    forward.cuda = _formula(arrays, device)  # type: ignore[attr-defined]
    return forward


def _formula(arrays, device):
    """The expression of a kernel, in which each array is converted; statements before it stand in a function."""
    text = re.sub(rf"\b({'|'.join(arrays)})\b", r"Real(\1)", device)
    *statements, expression = text.split(";")
    if not statements:
        return f"T({expression})"
    return f"T([&] {{ {''.join(f'{s}; ' for s in statements)}return Real({expression}); }}())"


def _one(part, start, stop, y, a, numbers):
    for i in range(start, stop):
        y[i] = function(a[i], *numbers)


def _two(part, start, stop, y, a, b, numbers):
    for i in range(start, stop):
        y[i] = function(a[i], b[i], *numbers)


def _three(part, start, stop, y, a, b, c, numbers):
    for i in range(start, stop):
        y[i] = function(a[i], b[i], c[i], *numbers)


def _times(part, start, stop, y, g, a, numbers):
    for i in range(start, stop):
        y[i] = g[i] * function(a[i], *numbers)


_LOOPS: dict[int, Callable[..., None]] = {0: _times, 1: _one, 2: _two, 3: _three}


def function(*numbers: Any) -> Any:
    """Stands for the function of the elements in the loops."""


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


def _by_pieces(compute, args, dtype, wide):
    """`compute` of pieces of the arrays in the dtype `wide`."""
    shape = numpy.broadcast_shapes(*[a.shape for a in args])
    flat = [numpy.broadcast_to(a, shape).reshape(-1) if a.ndim else a.astype(wide) for a in args]
    y = numpy.empty(math.prod(shape), dtype)
    with numpy.errstate(over="ignore", under="ignore"):  # where exp is inf, the results are the right limits
        for start in range(0, y.size, PIECE // 4):
            part = slice(start, start + PIECE // 4)  # there are several temporaries
            y[part] = compute(*[a[part].astype(wide, copy=False) if a.ndim else a for a in flat])
    return y.reshape(shape)


def _real(name, *dtypes):
    """The dtype of the result for arrays of these dtypes, and the one to compute in."""
    dtype = promoted(*dtypes)
    if dtype.kind == "c":
        raise TypeError(f"{name}: expected real numbers, got {dtype}.")
    dtype = numpy.dtype(numpy.float64) if dtype.kind in "biu" else dtype
    return dtype, numpy.result_type(dtype, numpy.float32)


@functools.cache
def _kernel(xp, name, arrays, dtypes, numbers, device):
    """The dtype of the result for arrays of these dtypes, None for a number; the type of numbers; and the kernel."""
    dtype, wide = _real(name, *[each for each in dtypes if each is not None])
    real = {"float32": "float", "float64": "double"}[wide.name]
    kinds = [wide.name if each is None else letter for letter, each in zip("ABCDE", dtypes, strict=False)]
    inputs = [f"{kind} {a}_" for kind, a in zip(kinds, arrays, strict=True)] + [f"{wide.name} {n}" for n in numbers]
    declared = "".join(f"const Real {a} = Real({a}_); " for a in arrays)
    *statements, expression = device.split(";")
    text = f"{declared}{''.join(f'{s}; ' for s in statements)}y = Y({expression})".replace("Real", real)
    return dtype, wide.type, xp.ElementwiseKernel(", ".join(inputs), "Y y", text, f"autograd_{name}")


lerp: Callable[..., RawArray] = of_elements(
    "lerp", "a b weight", lambda a, b, weight: a + (b - a) * weight, "a + (b - a) * weight"
)

# Activations. Each row has the value and the slope, on NumPy and in CUDA.
_ROOT, _TURN = math.sqrt(2 / math.pi), 0.044715  # of gelu by tanh
_DENSITY = 1 / math.sqrt(2 * math.pi)  # of a standard normal variable at 0


def _sigmoid(x):
    return 1 / (exp(-x) + 1)


_END = 3.998  # the fit of erf in float32 is exactly 1 there, so that the tails are exactly 0 and 1


def normal_cdf(x: Any) -> Any:
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


def softplus(x: Any) -> Any:
    """log(1 + e**x)"""
    return numpy.maximum(x, 0) + numpy.log1p(exp(-abs(x)))


def _bell(x):
    return exp(x * x * -0.5) * _DENSITY


def _silu_slope(x):
    s = _sigmoid(x)
    return s * (1 + x * (1 - s))


def _tanh_of_gelu(x):
    return tanh(x * (_ROOT + _ROOT * _TURN * (x * x)))


def _gelu_tanh_slope(x):
    t = _tanh_of_gelu(x)
    return 0.5 * (1 + t) + (0.5 * _ROOT) * x * (1 - t * t) * (1 + 3 * _TURN * (x * x))


def _mish_parts(x):
    return tanh(softplus(x)), _sigmoid(x)


def _mish_slope(x):
    t, s = _mish_parts(x)
    return t + x * (1 - t * t) * s


def _elu(x, alpha, rate, scale):
    return where(x > 0, x, alpha * expm1(minimum(x, 0) * rate)) * scale


def _elu_slope(x, alpha, rate, scale):
    return where(x > 0, 1, (alpha * rate) * exp(minimum(x, 0) * rate)) * scale


_S = "const Real s = 1 / (exp(-x) + 1);"
_T = f"const Real t = tanh(x * (Real({_ROOT!r}) + Real({_ROOT * _TURN!r}) * x * x));"
_M = f"{_S} const Real t = tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));"
_ROWS: dict[str, tuple[str, Callable[..., Any], Callable[..., Any], str, str]] = {
    "silu": ("", lambda x: x * _sigmoid(x), _silu_slope, f"{_S} x * s", f"{_S} s * (1 + x * (1 - s))"),
    "gelu": (
        "", lambda x: x * normal_cdf(x), lambda x: normal_cdf(x) + x * _bell(x), "x * normcdf(x)",
        f"normcdf(x) + x * exp(x * x * Real(-0.5)) * Real({1 / math.sqrt(2 * math.pi)!r})",
    ),
    "gelu_tanh": (
        "", lambda x: 0.5 * x * (1 + _tanh_of_gelu(x)), _gelu_tanh_slope, f"{_T} Real(0.5) * x * (1 + t)",
        f"{_T} Real(0.5) * (1 + t) + Real({_ROOT / 2!r}) * x * (1 - t * t) * (1 + Real({3 * _TURN!r}) * x * x)",
    ),
    "mish": ("", lambda x: x * tanh(softplus(x)), _mish_slope, f"{_M} x * t", f"{_M} t + x * (1 - t * t) * s"),
    "elu": (
        "* alpha rate scale", _elu, _elu_slope, "scale * (x > 0 ? x : alpha * expm1(x * rate))",
        "scale * (x > 0 ? Real(1) : alpha * rate * exp(x * rate))",
    ),
}  # fmt: skip


VALUES: dict[str, Callable[..., RawArray]] = {}
GRADIENTS: dict[str, Callable[..., RawArray]] = {}
for _name, (_numbers, _value, _slope, _device, _device_slope) in _ROWS.items():
    VALUES[_name] = of_elements(_name, f"x {_numbers}", _value, _device)
    *_statements, _last = _device_slope.split(";")
    GRADIENTS[_name] = of_elements(
        f"{_name}_gradient",
        f"g x {_numbers}",
        _slope,
        ";".join([*_statements, f"g * ({_last})"]),
        times=True,
    )


def _softplus_less_product(x, labels):
    return softplus(x) - x * labels


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
