"""Losses of numbers: differences, as means over all axes but some, and likelihoods."""

import math

import numpy as np

import cuobjax.numpy as jn
from autograd import Array

from ...typing import ArrayLike, Axes
from ...util.convert import broadcasts, refuse_complex
from ..half_precision import wide, with_precision_of
from .arguments import mean_of, pair, require_at_least, require_between

__all__ = [
    "gaussian_nll", "huber", "l2", "log_cosh", "mean_absolute_error", "mean_squared_error", "mean_squared_log_error",
    "poisson_nll", "smooth_l1", "squared",
]  # fmt: skip


def l2(x: ArrayLike) -> Array:
    """Half the sum of abs(x)**2, a scalar."""
    x = jn.asarray(x)
    return with_precision_of(0.5 * squared(wide(x)).sum(), x)


def squared(x: Array) -> Array:
    """abs(x)**2."""
    return jn.real(x * jn.conj(x)) if x.dtype.kind == "c" else x * x


def mean_absolute_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of the absolute differences of `x` and `y` over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    return mean_of("mean_absolute_error", ("x", "y"), lambda x, y: abs(x - y), x, y, keep_axis)


def mean_squared_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of abs(x - y)**2 over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    return mean_of("mean_squared_error", ("x", "y"), lambda x, y: squared(x - y), x, y, keep_axis)


def mean_squared_log_error(y_true: ArrayLike, y_pred: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of (log(1 + y_true) - log(1 + y_pred))**2 over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    names = "y_true", "y_pred"
    return mean_of(
        "mean_squared_log_error",
        names,
        lambda x, y: (jn.log1p(x) - jn.log1p(y)) ** 2,
        y_true,
        y_pred,
        keep_axis,
        real=True,
    )


def huber(x: ArrayLike, y: ArrayLike, delta: float = 1.0, keep_axis: Axes = (0,)) -> Array:
    """Mean of d**2 / 2 where abs(d) <= delta, elsewhere delta * (abs(d) - delta / 2), d = x - y. Source: Huber 1964.

    Args:
        x, y: Arrays of one shape.
        delta: Where the square ends.
        keep_axis: The axes that the mean leaves; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other, or `delta` is not at least 0.
    """
    require_at_least("huber", 0, delta=delta)

    return mean_of("huber", ("x", "y"), lambda x, y: _bent(abs(x - y), delta), x, y, keep_axis)


def _bent(d, end):
    """d**2 / 2 up to an end, a line from there on."""
    inside = jn.minimum(d, end)
    return inside * (d - 0.5 * inside)


def smooth_l1(x: ArrayLike, y: ArrayLike, beta: float = 1.0, keep_axis: Axes = (0,)) -> Array:
    """Mean of d**2 / (2 beta) where abs(d) < beta, elsewhere abs(d) - beta / 2, d = x - y. Source: Girshick 2015.

    With `beta` = 0 it is `mean_absolute_error`, else `huber` divided by `beta`.

    Args:
        x, y: Arrays of one shape.
        beta: Where the square ends.
        keep_axis: The axes that the mean leaves; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other, or `beta` is not at least 0.
    """
    require_at_least("smooth_l1", 0, beta=beta)

    def loss(x, y):
        return _bent(abs(x - y), beta) / beta if beta else abs(x - y)

    return mean_of("smooth_l1", ("x", "y"), loss, x, y, keep_axis)


def log_cosh(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of log(cosh(x - y)) over all axes but `keep_axis`, computed so that cosh does not overflow.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """

    def loss(x, y):
        d = x - y
        return jn.logaddexp(d, -d) - math.log(2)

    return mean_of("log_cosh", ("x", "y"), loss, x, y, keep_axis, real=True)


def gaussian_nll(mean: ArrayLike, variance: ArrayLike, y: ArrayLike, eps: float = 1e-6) -> Array:
    """(log(variance) + (y - mean)**2 / variance) / 2 of each element: -log of a normal density, up to a constant.

    Source: Nix & Weigend 1994.

    Args:
        mean, y: Arrays of one shape.
        variance: An array that broadcasts to it; below `eps` it counts as `eps`, through which no gradient flows.
        eps: The least variance.

    Raises:
        ValueError: If the shapes do not fit, `eps` is not at least 0, or a variance at hand is below 0.
    """
    require_at_least("gaussian_nll", 0, eps=eps)
    mean, y = pair("gaussian_nll", ("mean", "y"), mean, y)
    variance, shape = jn.asarray(variance), np.broadcast_shapes(mean.shape, y.shape)
    if not broadcasts(variance.shape, shape):
        raise ValueError(f"gaussian_nll: expected variance to broadcast to {shape}, got {variance.shape}.")
    refuse_complex("gaussian_nll", variance)
    require_between("gaussian_nll", "variance", variance, 0, math.inf, "Of a logarithm take jn.exp.")
    v = jn.maximum(wide(variance), eps)
    return with_precision_of(0.5 * (jn.log(v) + (wide(y) - wide(mean)) ** 2 / v), mean, variance, y)


def poisson_nll(log_rate: ArrayLike, counts: ArrayLike) -> Array:
    """exp(log_rate) - counts * log_rate of each element: -log of a Poisson probability, up to a constant.

    Raises:
        ValueError: If neither shape broadcasts to the other, or a count at hand is below 0.
    """
    log_rate, counts = pair("poisson_nll", ("log_rate", "counts"), log_rate, counts)
    require_between("poisson_nll", "counts", counts, 0, math.inf, "The logarithm of the rate comes first.")
    x = wide(log_rate)
    return with_precision_of(jn.exp(x) - wide(counts) * x, log_rate, counts)
