"""Activations: elementwise functions of Arrays, and softmax."""

from __future__ import annotations

import math
import numbers
from typing import Any, Literal

import cuobjax.numpy as jn
from autograd import stop_gradient
from autograd.axes import complete_axes, complete_axis
from autograd.backend import is_array
from autograd.core import Array, TracedNumber
from autograd.ops import activation
from autograd.ops import elementwise as ops
from autograd.scipy import special

from ..numpy._array_results import with_array_results
from ..typing import ArrayLike, Axes
from ..util.convert import broadcasts, refuse_complex, to_inexact
from .loss.arguments import require_at_least

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid",
    "log_softmax", "logsumexp", "mish", "prelu", "relu", "relu6", "rsqrt", "selu", "sigmoid", "silu", "soft_shrink",
    "soft_sign", "softmax", "softplus", "swiglu", "swish", "tanh",
]  # fmt: skip


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent of `x`."""
    return jn.tanh(x)


@with_array_results
def relu(x: ArrayLike) -> Array:
    """max(x, 0); its gradient at 0 is 0."""
    return ops.relu(x)


@with_array_results
def softplus(x: ArrayLike) -> Array:
    """log(1 + exp(x)), computed so that it does not overflow."""
    return ops.softplus(x)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(jn.asarray(x))


@with_array_results
def softmax(x: ArrayLike, axis: Axes = -1, where: ArrayLike | None = None, initial: Any = None) -> Array:
    """exp(x) / sum(exp(x)) along an axis.

    Args:
        x: Real numbers.
        axis: The axis.
        where: Booleans that broadcast to the shape of x: only where they are True elements count; the others get 0.
        initial: Has no effect; JAX takes it beside `where`.

    Raises:
        TypeError: If x is complex or `where` not boolean, ValueError if the axis has length 0 or `where` more elements.
    """
    where = _mask("softmax", where)
    y = special.softmax(_exponents("softmax", x, axis, where), axis)
    return y if where is None else jn.where(where, y, 0)


@with_array_results
def log_softmax(x: ArrayLike, axis: Axes = -1, where: ArrayLike | None = None, initial: Any = None) -> Array:
    """log(softmax(x)) along an axis, computed so that it does not underflow; -inf where `where` is False.

    Arguments and errors are those of `softmax`.
    """
    where = _mask("log_softmax", where)
    y = special.log_softmax(_exponents("log_softmax", x, axis, where), axis)
    return y if where is None else jn.where(where, y, -math.inf)


def _mask(name, where):
    where = None if where is None else jn.asarray(where)
    if where is not None and where.dtype.kind != "b":
        raise TypeError(f"{name}: expected where of booleans, got dtype {where.dtype}. Write where != 0.")
    return where


def _exponents(name, x, axis, where):
    x = jn.asarray(x)
    refuse_complex(name, x)
    if not x.size and not math.prod([x.shape[i] for i in complete_axes(axis, x.ndim)]):
        raise ValueError(f"{name}: expected elements along axis {axis}, got x of shape {x.shape}.")
    if where is None:
        return x
    if not broadcasts(where.shape, x.shape):
        raise ValueError(f"{name}: expected where that broadcasts to shape {x.shape}, got shape {where.shape}.")
    x = to_inexact(x)
    return jn.where(where, x, float(jn.finfo(x.dtype).min))  # not -inf: a row may have nothing else


@with_array_results
def logsumexp(
    a: ArrayLike, axis: Axes = None, b: ArrayLike | None = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b * exp(a))) over axes, computed so that exp does not overflow.

    Args:
        a: The exponents.
        axis: The axes to sum over; None: all.
        b: Factors; None: 1.
        keepdims: Whether the axes stay, with length 1.
        return_sign: Whether to return (log(abs(sum)), sign of the sum); else the result is NaN where the sum is
            negative.
    """
    return special.logsumexp(a, axis, b, keepdims, return_sign)


def leaky_relu(x: ArrayLike, negative_slope: float | ArrayLike = 0.01) -> Array:
    """`x` where it is positive, elsewhere `negative_slope * x`, a number or an array that may be trained (PReLU)."""
    x, slope = jn.asarray(x), _factor(negative_slope)
    if isinstance(slope, Array):
        return jn.where(x > 0, x, x * slope)
    return ops.leaky_relu(x, negative_slope=slope)


def _factor(x: Any) -> Any:
    """A Python number, also a traced one, as it is: it has no dtype. What else holds numbers as an Array."""
    return x if isinstance(x, numbers.Real | TracedNumber) and not is_array(x) else jn.asarray(x)


def prelu(x: ArrayLike, slope: ArrayLike) -> Array:
    """`x` where it is positive, elsewhere `slope * x`, where `slope` is trained: see the layer `nn.PReLU`.

    Source: He et al. 2015.

    Args:
        x: Numbers of the shape (N, C, *spatial), or any shape if `slope` is one number.
        slope: One number, or C of them, one for each channel.

    Raises:
        ValueError: If there is neither one number nor one for each channel.
    """
    x, slope = jn.asarray(x), jn.asarray(slope)
    if slope.size != 1 and (x.ndim < 2 or slope.shape != x.shape[1:2]):
        expected = f"of shape {x.shape[1:2]}" if x.ndim > 1 else "of one number"
        raise ValueError(f"prelu: expected slope {expected} for x of shape {x.shape}, got {slope.shape}.")
    slope = slope.reshape(()) if slope.size == 1 else slope.reshape((-1, *[1] * (x.ndim - 2)))
    return jn.where(x > 0, x, x * slope)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere `alpha * (exp(x) - 1)`."""
    return _elu(jn.asarray(x), alpha, 1.0, 1.0)


def celu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere `alpha * (exp(x / alpha) - 1)`; ValueError for an `alpha` of 0."""
    alpha = _factor(alpha)
    if not isinstance(alpha, Array) and not alpha:
        raise ValueError("celu: expected alpha other than 0, got 0. Its limit is relu(x).")
    return _elu(jn.asarray(x), alpha, 1 / alpha, 1.0)


def selu(x: ArrayLike) -> Array:
    """`elu` of `x`, scaled so that it keeps mean 0 and variance 1. Source: Klambauer et al. 2017."""
    return _elu(jn.asarray(x), 1.6732632423543772, 1.0, 1.0507009873554805)


def _elu(x, alpha, rate, scale):
    alpha = _factor(alpha)
    if isinstance(alpha, Array):
        below = jn.where(x > 0, 0, x)
        return jn.where(x > 0, x, alpha * jn.expm1(below * rate)) * scale
    return activation.elu(x, alpha=float(alpha), rate=float(rate), scale=scale)


def silu(x: ArrayLike) -> Array:
    """`x * sigmoid(x)`, also known as swish. Source: Elfwing et al. 2017."""
    return activation.silu(jn.asarray(x))


def gelu(x: ArrayLike, approximate: bool | Literal["none", "tanh"] = False) -> Array:
    """`x` times the probability that a standard normal variable is below it. Source: Hendrycks & Gimpel 2016.

    Args:
        x: An array of real numbers.
        approximate: Whether to take their formula with tanh, as the first GPTs do; it differs by up to 5e-4. PyTorch's
            "tanh" and "none" mean the same; another text raises ValueError.
    """
    if isinstance(approximate, str) and approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: expected approximate as a boolean, 'none' or 'tanh', got {approximate!r}.")
    return (activation.gelu_tanh if approximate and approximate != "none" else activation.gelu)(jn.asarray(x))


def mish(x: ArrayLike) -> Array:
    """`x * tanh(softplus(x))`. Source: Misra 2019."""
    return activation.mish(jn.asarray(x))


def relu6(x: ArrayLike) -> Array:
    """`x` within 0 and 6; its gradient at 0 and at 6 is 0."""
    return _bounded(x, 0, 6)


def _bounded(x, low, high):
    x = jn.asarray(x)
    return jn.where((x > low) & (x < high), x, jn.clip(stop_gradient(x), low, high))


def hard_tanh(x: ArrayLike) -> Array:
    """`x` within -1 and 1; its gradient at -1 and at 1 is 0."""
    return _bounded(x, -1, 1)


def hard_sigmoid(x: ArrayLike) -> Array:
    """`x / 6 + 1/2` within 0 and 1."""
    return _bounded(jn.asarray(x) / 6 + 0.5, 0, 1)


def hard_swish(x: ArrayLike) -> Array:
    """`x * hard_sigmoid(x)`. Source: Howard et al. 2019."""
    x = jn.asarray(x)
    return x * hard_sigmoid(x)


def glu(x: ArrayLike, axis: int = -1) -> Array:
    """The first half of `x` along an axis times the sigmoid of the second. Source: Dauphin et al. 2016.

    Raises:
        ValueError: If the axis has an odd length.
    """
    a, b = _halves("glu", x, axis)
    return a * sigmoid(b)


def swiglu(x: ArrayLike, axis: int = -1) -> Array:
    """`silu` of the first half of `x` along an axis times the second half. Source: Shazeer 2020.

    Raises:
        ValueError: If the axis has an odd length.
    """
    a, b = _halves("swiglu", x, axis)
    return silu(a) * b


def _halves(where, x, axis):
    x = jn.asarray(x)
    axis = complete_axis(axis, x.ndim)
    n = x.shape[axis]
    if n % 2:
        raise ValueError(f"{where}: expected an axis of even length, got x of shape {x.shape} and axis {axis}.")
    before = (slice(None),) * axis
    return x[(*before, slice(0, n // 2))], x[(*before, slice(n // 2, n))]


def soft_sign(x: ArrayLike) -> Array:
    """`x / (1 + abs(x))`."""
    x = to_inexact(jn.asarray(x))
    return x / (1 + abs(x))


def hard_shrink(x: ArrayLike, limit: float = 0.5) -> Array:
    """`x` where its absolute value is above `limit`, elsewhere 0; ValueError for a negative limit."""
    require_at_least("hard_shrink", 0, limit=limit)
    x = jn.asarray(x)
    return jn.where(abs(x) <= limit, 0, x)  # NaN stays NaN


def soft_shrink(x: ArrayLike, limit: float = 0.5) -> Array:
    """`x` moved towards 0 by `limit`, 0 where it is nearer; ValueError for a negative limit."""
    require_at_least("soft_shrink", 0, limit=limit)
    x = jn.asarray(x)
    return x - jn.clip(x, -limit, limit)


swish = silu


def log_sigmoid(x: ArrayLike) -> Array:
    """log(sigmoid(x)), computed so that it does not underflow."""
    return -softplus(-to_inexact(jn.asarray(x)))


def rsqrt(x: ArrayLike) -> Array:
    """1 / sqrt(x)."""
    return 1 / jn.sqrt(x)
