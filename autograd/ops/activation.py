"""Activations and losses of elements, each a single operation whose gradient is one, too."""

import math
from typing import Any

from ..families import elementwise
from ..kernels import activation as kernels
from ..primitive import Primitive
from .elementwise import exp, greater, sigmoid, softplus, tanh, where

__all__ = ["elu", "gelu", "gelu_tanh", "lerp", "mish", "sigmoid_cross_entropy", "silu"]

_ROOT, _TURN = math.sqrt(2 / math.pi), 0.044715


# The second derivatives.
def _of_silu(x):
    s = sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def _of_gelu(x):
    return exp(x * x * -0.5) * ((2 - x * x) * (1 / math.sqrt(2 * math.pi)))


def _of_gelu_tanh(x):
    t = tanh(x * (_ROOT + _ROOT * _TURN * (x * x)))
    slope = _ROOT + 3 * _ROOT * _TURN * (x * x)
    return (1 - t * t) * (slope + x * (3 * _ROOT * _TURN * x - t * slope * slope))


def _of_mish(x):
    t, s = tanh(softplus(x)), sigmoid(x)
    w = (1 - t * t) * s
    return w * (2 + x * (1 - s - 2 * t * s))


def _of_elu(x, alpha, rate, scale):
    below = where(greater(x, 0), 0, x)
    return where(greater(x, 0), 0, exp(below * rate) * (scale * alpha * rate * rate))


def _with_gradient(name: str, second: Any) -> Primitive:
    """The operation of a row of the kernels; `second` is its second derivative."""
    gradient: Primitive = elementwise(
        kernels.GRADIENTS[name], lambda h, x: gradient(h, x), lambda h, g, x: h * (g * second(x)), memory="new"
    )
    return elementwise(kernels.VALUES[name], lambda g, x: gradient(g, x), memory="new")


silu: Primitive = _with_gradient("silu", _of_silu)
gelu: Primitive = _with_gradient("gelu", _of_gelu)
gelu_tanh: Primitive = _with_gradient("gelu_tanh", _of_gelu_tanh)
mish: Primitive = _with_gradient("mish", _of_mish)

# scale * (x if x > 0 else alpha * (exp(rate * x) - 1))
_elu_gradient: Primitive = elementwise(
    kernels.GRADIENTS["elu"],
    lambda h, x, alpha, rate, scale: _elu_gradient(h, x, alpha=alpha, rate=rate, scale=scale),
    lambda h, g, x, alpha, rate, scale: h * (g * _of_elu(x, alpha, rate, scale)),
    memory="new",
)
elu: Primitive = elementwise(
    kernels.VALUES["elu"],
    lambda g, x, alpha, rate, scale: _elu_gradient(g, x, alpha=alpha, rate=rate, scale=scale),
    memory="new",
)

lerp: Primitive = elementwise(
    kernels.lerp,
    lambda g, weight: g * (1 - weight),
    lambda g, weight: g * weight,
    lambda g, a, b: g * (b - a),
    memory="new",
)


def _curved(h, g, x):
    s = sigmoid(x)
    return h * (g * (s * (1 - s)))


_sigmoid_cross_entropy_gradient: Primitive = elementwise(
    kernels.sigmoid_cross_entropy_gradient,
    lambda h, x, labels: _sigmoid_cross_entropy_gradient(h, x, labels),
    lambda h, g, x: _curved(h, g, x),
    lambda h, g: h * -g,
    memory="new",
)
sigmoid_cross_entropy: Primitive = elementwise(
    kernels.sigmoid_cross_entropy,
    lambda g, x, labels: _sigmoid_cross_entropy_gradient(g, x, labels),
    lambda g, x: g * -x,
    memory="new",
)
