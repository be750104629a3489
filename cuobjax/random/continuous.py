"""Continuous distributions.

Where a distribution is that of a standard one moved and stretched, gradients with respect to `loc` and `scale` flow
through the numbers; those with respect to `a`, `b`, `alpha` and `df` are implicit ones.
"""

import cuobjax.numpy as jn
from autograd import Array
from autograd.ops import random as ops

from ..functional import sigmoid, softmax
from ..typing import ArrayLike, DTypeLike, Shape
from ..util.convert import require_reals
from .drawing import Draw, floating, reals
from .generator import DEFAULT_GENERATOR, KeySource

__all__ = [
    "ball", "beta", "cauchy", "chisquare", "dirichlet", "exponential", "gamma", "gumbel", "laplace", "logistic",
    "normal", "orthogonal", "orthonormal", "student_t", "truncated_normal", "uniform",
]  # fmt: skip


@floating
def normal(
    shape: Shape,
    *,
    mean: ArrayLike = 0,
    stddev: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Normally distributed numbers; `mean` and `stddev` may be arrays and are differentiable.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("normal", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.normal), mean, stddev, "stddev")


@floating
def uniform(
    shape: Shape,
    *,
    minval: ArrayLike = 0,
    maxval: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Numbers uniformly distributed over [0, 1), or from `minval` to `maxval`, which rounding can attain.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("uniform", shape, dtype, generator)
    low = draw.fitting(minval)
    return draw.moved(lambda: draw.numbers(ops.uniform), low, draw.fitting(maxval) - low, "maxval - minval")


@floating
def truncated_normal(
    shape: Shape,
    *,
    stddev: ArrayLike = 1,
    lower: float = -2,
    upper: float = 2,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Normally distributed numbers within [lower, upper], then multiplied by `stddev`: not corrected for the cut.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    require_reals("truncated_normal", lower=lower, upper=upper)
    draw = Draw("truncated_normal", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.truncated_normal, lower=lower, upper=upper), 0, stddev, "stddev")


@floating
def exponential(
    shape: Shape, *, scale: ArrayLike = 1, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """Density exp(-x / scale) / scale for x > 0: mean `scale`.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("exponential", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.exponential), 0, scale)


@floating
def gumbel(
    shape: Shape,
    *,
    loc: ArrayLike = 0,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Density exp(-z - exp(-z)) / scale with z = (x - loc) / scale: mean loc + 0.5772 scale.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("gumbel", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.gumbel), loc, scale)


@floating
def laplace(
    shape: Shape,
    *,
    loc: ArrayLike = 0,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Density exp(-abs(x - loc) / scale) / (2 scale): mean `loc`, variance 2 scale**2.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("laplace", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.laplace), loc, scale)


@floating
def logistic(
    shape: Shape,
    *,
    loc: ArrayLike = 0,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Distribution function 1 / (1 + exp(-(x - loc) / scale)): mean `loc`, variance (pi scale)**2 / 3.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("logistic", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.logistic), loc, scale)


@floating
def cauchy(
    shape: Shape,
    *,
    loc: ArrayLike = 0,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Density 1 / (pi scale (1 + z**2)) with z = (x - loc) / scale: median `loc`, no mean.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("cauchy", shape, dtype, generator)
    return draw.moved(lambda: draw.numbers(ops.cauchy), loc, scale)


@floating
def gamma(
    shape: Shape,
    a: ArrayLike,
    *,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Density x**(a - 1) exp(-x / scale) / (gamma(a) scale**a) for x > 0: mean a scale, variance a scale**2.

    The first derivative with respect to `a` is the implicit one (Figurnov, Mohamed & Mnih 2018), of the numbers at
    fixed probabilities; the second one raises NotImplementedError.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    return _gamma(Draw("gamma", shape, dtype, generator), a, scale)


def _gamma(draw, a, scale):
    a = draw.parameter(a, draw.dtype)
    return draw.moved(lambda: ops.standard_gamma(draw.key(), a, log=False), 0, scale)


def _log_gamma(draw, a):
    return ops.standard_gamma(draw.key(), a, log=True)


@floating
def beta(
    shape: Shape, a: ArrayLike, b: ArrayLike, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """Density proportional to x**(a - 1) (1 - x)**(b - 1) on (0, 1): mean a / (a + b); differentiable as `gamma`.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("beta", shape, dtype, generator)
    a, b = draw.parameter(a, draw.dtype), draw.parameter(b, draw.dtype)
    return sigmoid(_log_gamma(draw, a) - _log_gamma(draw, b))


@floating
def dirichlet(
    shape: Shape, alpha: ArrayLike, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """Points `(*shape, n)` whose n coordinates are positive and sum to 1; differentiable as `gamma`.

    Density proportional to the product of x**(alpha - 1), alpha `(..., n)`: mean alpha / sum(alpha).

    See `cuobjax.random` for `dtype` and `generator`.
    """
    draw = Draw("dirichlet", shape, dtype, generator)
    alpha = reals("dirichlet", alpha, draw.dtype)
    if alpha.ndim == 0:
        raise ValueError("dirichlet: expected alpha of shape (..., n), got a number. Give one for each coordinate.")
    draw = draw.of_axes(alpha.shape[-1])
    return softmax(_log_gamma(draw, draw.parameter(alpha, draw.dtype)), axis=-1)


@floating
def chisquare(
    shape: Shape, df: ArrayLike, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """The sum of the squares of `df` standard normal numbers: mean df, variance 2 df; differentiable as `gamma`.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("chisquare", shape, dtype, generator)
    return _gamma(draw, reals("chisquare", df, draw.dtype) / 2, 2)


@floating
def student_t(
    shape: Shape,
    df: ArrayLike,
    *,
    loc: ArrayLike = 0,
    scale: ArrayLike = 1,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Density proportional to (1 + z**2 / df)**(-(df + 1) / 2) with z = (x - loc) / scale: mean `loc` for df > 1.

    Differentiable as `gamma`.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("student_t", shape, dtype, generator)
    half = draw.parameter(df, draw.dtype) / 2

    def numbers():
        log_ratio = jn.log(half) - _log_gamma(draw, half)
        return draw.numbers(ops.normal) * jn.exp(log_ratio / 2)

    return draw.moved(numbers, loc, scale)


@floating
def ball(shape: Shape, n: int, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Points `(*shape, n)` uniformly distributed in the ball of radius 1.

    Source: Barthe, Guédon, Mendelson & Naor 2005, "A probabilistic approach to the geometry of the l_p^n-ball".

    See `cuobjax.random` for `dtype` and `generator`.
    """
    draw = Draw("ball", shape, dtype, generator)
    point = draw.of_axes(n).numbers(ops.normal)
    beyond = draw.of_axes(1).numbers(ops.exponential)
    return point / jn.sqrt((point * point).sum(-1, keepdims=True) + 2 * beyond)


@floating
def orthogonal(shape: Shape, n: int, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Orthogonal matrices `(*shape, n, n)`, uniformly distributed: Haar measure.

    Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".

    See `cuobjax.random` for `dtype` and `generator`.
    """
    return orthonormal(Draw("orthogonal", shape, dtype, generator).of_axes(n, n).numbers(ops.normal))


def orthonormal(x: Array) -> Array:
    """Q of the factorization x = Q R whose R has no negative number on its diagonal: it depends on `x` alone."""
    q, r = jn.linalg.qr(x)
    return jn.where(jn.diagonal(r, axis1=-2, axis2=-1)[..., None, :] < 0, -q, q)
