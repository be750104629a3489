"""Random numbers. Every draw takes a new key of a generator, so that a seed determines all numbers, on any device.

A distribution takes the shape of the result, then its parameters, numbers or arrays that broadcast to that shape (the
bounds of `randint` and `truncated_normal`: numbers), then by name alone `dtype` (by default that of new arrays) and
`generator`, which may be a RandomState. Bits, integers and uniforms of a seed are equal on every device, other numbers
to rounding. No draw waits for the device.
"""

import math
import numbers

import numpy as onp

import cuobjax.numpy as jn
from autograd import default_device, device_put
from autograd.backend import CPU
from autograd.core import Array, kind_of
from autograd.ops import random as ops

from ..core.module import Module
from ..core.variable import RandomState, key_of
from ..dtypes import default_dtype
from ..functional import sigmoid, softmax
from ..util import class_name


class Generator(Module):
    """A source of random numbers: calling it returns a new key, uint32 (2,), on the default device.

    Args:
        seed: From 0 to 2**64 - 1.
    """

    def __init__(self, seed=0):
        self.seed(seed)

    def seed(self, seed=0):
        """Starts anew from a seed."""
        key_of(seed)  # ValueError for a wrong one
        if hasattr(self, "_key"):
            self._key.seed(seed)
        self.initial_seed = seed

    @property
    def key(self):
        """The RandomState, made when it is first needed: importing the library touches no device."""
        if not hasattr(self, "_key"):
            self._key = RandomState(self.initial_seed)
        return self._key

    def __call__(self):
        return device_put(self.key.split(1)[0], default_device())

    def vars(self, scope=""):
        self.key  # noqa: B018
        return super().vars(scope)

    def __repr__(self):
        return f"{class_name(self)}(seed={self.initial_seed})"


DEFAULT_GENERATOR = Generator(0)


def _shape(shape):
    return (shape,) if isinstance(shape, numbers.Number) else tuple(shape)


def _dtype(dtype, kind=float):
    return default_dtype(kind) if dtype is None else onp.dtype(dtype)


def _key(generator):
    """A new key of a generator, or of any function that returns keys, or of a RandomState."""
    if isinstance(generator, RandomState):
        return device_put(generator.split(1)[0], default_device())
    if not callable(generator):
        raise TypeError(f"generator: expected a Generator, got {type(generator).__name__}. Make one of a seed.")
    return generator()


def _drawn(op, shape, dtype, generator, **parameters):
    return op(_key(generator), shape=_shape(shape), dtype=_dtype(dtype), **parameters)


def _moved(numbers, loc, scale):
    """`numbers * scale + loc`, in the dtype and shape of the numbers."""
    loc, scale = _fitting(loc, numbers), _fitting(scale, numbers)
    numbers = numbers if isinstance(scale, int) and scale == 1 else numbers * scale
    return numbers if isinstance(loc, int) and loc == 0 else numbers + loc


def _fitting(x, numbers):
    """A parameter in the shape and dtype of the numbers; one of Python's own takes any."""
    return x if kind_of(x) in (bool, int, float) else _parameter(x, numbers.shape, numbers.dtype)


def _is_known(x):
    """Whether the numbers in `x` are at hand: looking at them would wait for a GPU."""
    return type(x) is Array and x.device == CPU


def _parameter(value, shape, dtype):
    """A parameter for each number of the result, where the key is."""
    if jn.iscomplexobj(value):
        raise TypeError(f"random: expected parameters that are real, got {value!r}.")
    return jn.broadcast_to(device_put(jn.asarray(value, dtype), default_device()), _shape(shape))


# Continuous distributions. Where a distribution is that of a standard one moved and stretched, gradients with respect
# to `loc` and `scale` flow through the numbers; those with respect to `a`, `b`, `alpha` and `df` are implicit ones.


def normal(shape, *, mean=0, stddev=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Normally distributed numbers; `mean` and `stddev` may be arrays and are differentiable."""
    return _moved(_drawn(ops.normal, shape, dtype, generator), mean, stddev)


def uniform(shape, *, minval=0, maxval=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Numbers uniformly distributed over [0, 1), or from `minval` to `maxval`, which rounding can attain."""
    numbers = _drawn(ops.uniform, shape, dtype, generator)
    low = _fitting(minval, numbers)
    return _moved(numbers, low, _fitting(maxval, numbers) - low)


def truncated_normal(shape, *, stddev=1, lower=-2, upper=2, dtype=None, generator=DEFAULT_GENERATOR):
    """Normally distributed numbers within [lower, upper], then multiplied by `stddev`: not corrected for the cut."""
    numbers = _drawn(ops.truncated_normal, shape, dtype, generator, lower=lower, upper=upper)
    return _moved(numbers, 0, stddev)


def exponential(shape, *, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density exp(-x / scale) / scale for x > 0: mean `scale`."""
    return _moved(_drawn(ops.exponential, shape, dtype, generator), 0, scale)


def gumbel(shape, *, loc=0, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density exp(-z - exp(-z)) / scale with z = (x - loc) / scale: mean loc + 0.5772 scale."""
    return _moved(_drawn(ops.gumbel, shape, dtype, generator), loc, scale)


def laplace(shape, *, loc=0, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density exp(-abs(x - loc) / scale) / (2 scale): mean `loc`, variance 2 scale**2."""
    return _moved(_drawn(ops.laplace, shape, dtype, generator), loc, scale)


def logistic(shape, *, loc=0, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Distribution function 1 / (1 + exp(-(x - loc) / scale)): mean `loc`, variance (pi scale)**2 / 3."""
    return _moved(_drawn(ops.logistic, shape, dtype, generator), loc, scale)


def cauchy(shape, *, loc=0, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density 1 / (pi scale (1 + z**2)) with z = (x - loc) / scale: median `loc`, no mean."""
    return _moved(_drawn(ops.cauchy, shape, dtype, generator), loc, scale)


def gamma(shape, a, *, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density x**(a - 1) exp(-x / scale) / (gamma(a) scale**a) for x > 0: mean a scale, variance a scale**2.

    The first derivative with respect to `a` is the implicit one (Figurnov, Mohamed & Mnih 2018), of the numbers at
    fixed probabilities; the second one raises NotImplementedError.
    """
    a = _parameter(a, shape, _dtype(dtype))
    return _moved(ops.standard_gamma(_key(generator), a, log=False), 0, scale)


def _log_gamma(shape, a, dtype, generator):
    return ops.standard_gamma(_key(generator), _parameter(a, shape, _dtype(dtype)), log=True)


def beta(shape, a, b, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Density proportional to x**(a - 1) (1 - x)**(b - 1) on (0, 1): mean a / (a + b); differentiable as `gamma`."""
    return sigmoid(_log_gamma(shape, a, dtype, generator) - _log_gamma(shape, b, dtype, generator))


def dirichlet(shape, alpha, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Points `(*shape, n)` whose n coordinates are positive and sum to 1; differentiable as `gamma`.

    Density proportional to the product of x**(alpha - 1), alpha `(..., n)`: mean alpha / sum(alpha).
    """
    alpha = jn.asarray(alpha, _dtype(dtype))
    if alpha.ndim == 0:
        raise ValueError("dirichlet: expected alpha of shape (..., n), got a number. Give one for each coordinate.")
    return softmax(_log_gamma((*_shape(shape), alpha.shape[-1]), alpha, dtype, generator), axis=-1)


def chisquare(shape, df, *, dtype=None, generator=DEFAULT_GENERATOR):
    """The sum of the squares of `df` standard normal numbers: mean df, variance 2 df; differentiable as `gamma`."""
    return gamma(shape, jn.asarray(df, _dtype(dtype)) / 2, scale=2, dtype=dtype, generator=generator)


def student_t(shape, df, *, loc=0, scale=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Density proportional to (1 + z**2 / df)**(-(df + 1) / 2) with z = (x - loc) / scale: mean `loc` for df > 1.

    Differentiable as `gamma`.
    """
    half = _parameter(df, shape, _dtype(dtype)) / 2
    log_ratio = jn.log(half) - _log_gamma(shape, half, dtype, generator)
    return _moved(_drawn(ops.normal, shape, dtype, generator) * jn.exp(log_ratio / 2), loc, scale)


def ball(shape, n, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Points `(*shape, n)` uniformly distributed in the ball of radius 1.

    Source: Barthe, Guédon, Mendelson & Naor 2005, "A probabilistic approach to the geometry of the l_p^n-ball".
    """
    point = _drawn(ops.normal, (*_shape(shape), n), dtype, generator)
    beyond = _drawn(ops.exponential, (*_shape(shape), 1), dtype, generator)
    return point / jn.sqrt((point * point).sum(-1, keepdims=True) + 2 * beyond)


def orthogonal(shape, n, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Orthogonal matrices `(*shape, n, n)`, uniformly distributed: Haar measure.

    Source: Mezzadri 2007, "How to generate random matrices from the classical compact groups".
    """
    q, r = jn.linalg.qr(_drawn(ops.normal, (*_shape(shape), n, n), dtype, generator))
    return q * jn.where(jn.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)[..., None, :]


# Discrete distributions: what they give has no gradient.


def bits(shape, *, generator=DEFAULT_GENERATOR):
    """Uniformly distributed uint32."""
    return ops.bits(_key(generator), shape=_shape(shape))


def randint(shape, low, high, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Integers uniformly distributed over low, ..., high - 1."""
    return ops.randint(_key(generator), shape=_shape(shape), low=low, high=high, dtype=_dtype(dtype, int))


def bernoulli(shape, p=0.5, *, generator=DEFAULT_GENERATOR):
    """Booleans that are true with probability `p`, to the nearest multiple of 2**-32."""
    if isinstance(p, numbers.Real):
        return ops.bernoulli(_key(generator), shape=_shape(shape), p=p)
    p = jn.asarray(p, onp.float64)
    if _is_known(p) and not ((p.raw >= 0) & (p.raw <= 1)).all():
        raise ValueError(f"bernoulli: expected 0 <= p <= 1, got {p}.")
    threshold = jn.rint(_parameter(p, shape, onp.float64) * 2.0**32)
    return bits(shape, generator=generator).astype(onp.float64) < threshold


def rademacher(shape, *, dtype=None, generator=DEFAULT_GENERATOR):
    """-1 or 1, each with probability 1/2."""
    coins = ops.randint(_key(generator), shape=_shape(shape), low=0, high=2, dtype=onp.int8)
    return jn.asarray(coins * 2 - 1, _dtype(dtype, int))


def poisson(shape, rate, *, dtype=None, generator=DEFAULT_GENERATOR):
    """k with probability rate**k exp(-rate) / k!: mean and variance `rate`, a number or an array; -1 where rate < 0."""
    return ops.poisson(_key(generator), _parameter(rate, shape, onp.float64), dtype=_dtype(dtype, int))


def binomial(shape, n, p, *, dtype=None, generator=DEFAULT_GENERATOR):
    """How many of `n` trials of probability `p` succeed: mean n p, variance n p (1 - p); -1 where n or p is no such.

    Both are numbers or arrays.
    """
    n, p = (_parameter(x, shape, onp.float64) for x in (n, p))
    return ops.binomial(_key(generator), n, p, dtype=_dtype(dtype, int))


def categorical(logits, axis=-1, *, shape=None, dtype=None, generator=DEFAULT_GENERATOR):
    """Indices along an axis of `logits`, i with probability softmax(logits)[i]: by the largest logit + Gumbel noise.

    Args:
        shape: That of the result, which ends with the other axes of `logits`; these alone if it is None.
    """
    logits = jn.asarray(logits)
    axis = axis - logits.ndim if axis >= 0 else axis
    if not -logits.ndim <= axis < 0:
        raise ValueError(f"categorical: expected an axis of logits of shape {logits.shape}, got {axis}.")
    if not logits.shape[axis]:
        raise ValueError(f"categorical: expected something to choose from, got logits of shape {logits.shape}.")
    others = logits.shape[:axis] + logits.shape[logits.ndim + axis + 1 :]
    shape = others if shape is None else _shape(shape)
    before = shape[: len(shape) - len(others)]
    if before + others != shape:
        raise ValueError(f"categorical: expected a shape (..., *{others}), got {shape}. It ends as logits' other axes.")
    precise = logits.dtype == onp.float64
    noise = _drawn(ops.gumbel, before + logits.shape, onp.float64 if precise else onp.float32, generator)
    return jn.asarray(jn.argmax(logits + noise, axis), _dtype(dtype, int))


def permutation(x, *, axis=0, independent=False, generator=DEFAULT_GENERATOR):
    """The numbers 0, ..., x - 1 in random order if `x` is an integer; if it is an array, its parts along an axis.

    Args:
        independent: Whether each line along the axis has an order of its own.
    """
    x = jn.arange(x) if isinstance(x, numbers.Integral) else jn.asarray(x)
    if not x.ndim:
        raise TypeError(f"permutation: expected an integer or an array with axes, got {x!r}.")
    if not independent:
        return jn.take(x, _order(x.shape[axis], generator), axis)
    return jn.take_along_axis(x, jn.argsort(_words(x.shape, generator), axis), axis)


def shuffle(x, *, axis=0, generator=DEFAULT_GENERATOR):
    """The parts of an array along an axis in random order: a new array, as arrays never change."""
    return permutation(jn.asarray(x), axis=axis, generator=generator)


def _words(shape, generator):
    """Words of 64 bits, which are hardly ever equal."""
    return ops.randint(_key(generator), shape=shape, low=0, high=1 << 64, dtype=onp.uint64)


def _order(n, generator):
    return jn.argsort(_words((n,), generator))


def choice(a, shape=(), *, replace=True, p=None, axis=0, generator=DEFAULT_GENERATOR):
    """Parts of an array along an axis, or of 0, ..., a - 1 if `a` is an integer, chosen at random.

    Args:
        shape: How many: the result has these axes in place of the axis.
        replace: Whether a part can be chosen again.
        p: The probability of each part, (n,), or numbers in proportion to it; without it, all are as likely. Without
            replacement, no fewer parts than are chosen must have any. On a GPU this is not checked.
    """
    shape = _shape(shape)
    if not (isinstance(a, numbers.Integral) or jn.ndim(a)):
        raise TypeError(f"choice: expected an integer or an array with axes, got {a!r}.")
    n = a if isinstance(a, numbers.Integral) else jn.shape(a)[axis]
    count = math.prod(shape)
    if count and n < (1 if replace else count):
        raise ValueError(f"choice: expected at least {1 if replace else count} parts to choose from, got {n}.")
    if p is not None:
        p = jn.asarray(p, onp.float64)
        if p.shape != (n,):
            raise ValueError(f"choice: expected p of shape ({n},), got {p.shape}.")
        least = 1 if replace else count
        if _is_known(p) and not ((p.raw >= 0).all() and least <= (p.raw > 0).sum() and p.raw.sum() < onp.inf):
            raise ValueError(f"choice: expected probabilities, {least} or more of them not 0, got {p}.")
    places = _places_again(n, shape, p, generator) if replace else _places_once(n, count, p, generator).reshape(shape)
    return jn.asarray(places, _dtype(None, int)) if isinstance(a, numbers.Integral) else jn.take(a, places, axis)


def _places_again(n, shape, p, generator):
    if p is None:
        return randint(shape, 0, max(n, 1), generator=generator)
    cumulative = jn.cumsum(p)
    return jn.searchsorted(cumulative, uniform(shape, dtype=onp.float64, generator=generator) * cumulative[-1], "right")


def _places_once(n, count, p, generator):
    """Source: Efraimidis & Spirakis 2006, "Weighted random sampling with a reservoir": the first of n to ring."""
    if p is None:
        return _order(n, generator)[:count]
    log_time = jn.log(exponential((n,), dtype=onp.float64, generator=generator)) - jn.log(jn.where(p > 0, p, 1))
    return jn.argsort(jn.where(p > 0, log_time, onp.inf))[:count]
