"""Activations: elementwise functions of Arrays, and softmax."""

from __future__ import annotations

import cuobjax.numpy as jn
from autograd.backend import is_array
from autograd.core import Array
from autograd.ops import elementwise as ops
from autograd.scipy import special

from ..numpy._array_results import with_array_results
from ..typing import ArrayLike, Axes, RawArray

__all__ = [
    "celu", "elu", "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "relu", "rsqrt", "selu", "sigmoid", "silu",
    "softmax", "softplus", "swish", "tanh",
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


@with_array_results
def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


@with_array_results
def softmax(x: ArrayLike, axis: Axes = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis."""
    return special.softmax(x, axis)


@with_array_results
def log_softmax(x: ArrayLike, axis: Axes = -1) -> Array:
    """log(softmax(x)) along an axis, computed so that it does not underflow."""
    return special.log_softmax(x, axis)


@with_array_results
def logsumexp(a: ArrayLike, axis: Axes = None, b: ArrayLike | None = None, keepdims: bool = False) -> Array:
    """log(sum(b * exp(a))) over axes, computed so that exp does not overflow.

    Args:
        a: The exponents.
        axis: The axes to sum over; None: all.
        b: Factors; None: 1.
        keepdims: Whether the axes stay, with length 1.
    """
    return special.logsumexp(a, axis, b, keepdims)


def leaky_relu(x: ArrayLike, negative_slope: float | ArrayLike = 0.01) -> Array:
    """`x` where it is positive, elsewhere `negative_slope * x`, a number or an array that may be trained (PReLU)."""
    x = jn.asarray(x)
    if isinstance(negative_slope, Array) or is_array(negative_slope):
        return jn.where(x > 0, x, x * negative_slope)
    return ops.leaky_relu(x, negative_slope=negative_slope)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere `alpha * (exp(x) - 1)`."""
    x = jn.asarray(x)
    return jn.where(x > 0, x, alpha * jn.expm1(jn.where(x > 0, 0, x)))


def celu(x: Array | RawArray, alpha: float = 1.0) -> Array:
    """`x` where it is positive, elsewhere `alpha * (exp(x / alpha) - 1)`."""
    return elu(x / alpha) * alpha


def selu(x: ArrayLike) -> Array:
    """`elu` of `x`, scaled so that it keeps mean 0 and variance 1. Source: Klambauer et al. 2017."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def silu(x: Array | RawArray) -> Array:
    """`x * sigmoid(x)`, also known as swish."""
    return x * sigmoid(x)


swish = silu


def log_sigmoid(x: Array | RawArray) -> Array:
    """log(sigmoid(x)), computed so that it does not underflow."""
    return -softplus(-x)


def rsqrt(x: ArrayLike) -> Array:
    """1 / sqrt(x)."""
    return 1 / jn.sqrt(x)
