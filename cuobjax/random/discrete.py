"""Discrete distributions, and choices among things that are given: these have no gradient."""

from __future__ import annotations

import math
import numbers

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axis
from autograd.ops import random as ops

from ..dtypes import default_dtype
from ..typing import ArrayLike, DTypeLike, Shape
from ..util.convert import at_hand, require_sizes, to_shape
from .continuous import exponential, uniform
from .drawing import Draw, dtype_or_default, reals
from .generator import DEFAULT_GENERATOR, KeySource, new_key

__all__ = [
    "bernoulli", "binomial", "bits", "categorical", "choice", "permutation", "poisson", "rademacher", "randint",
    "shuffle",
]  # fmt: skip


def bits(shape: Shape, *, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Uniformly distributed uint32.

    See `cuobjax.random` for `shape` and `generator`.
    """
    draw = Draw("bits", shape, onp.uint32, generator)
    return ops.bits(draw.key(), shape=draw.shape)


def randint(
    shape: Shape, low: int, high: int, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """Integers uniformly distributed over low, ..., high - 1.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    require_sizes("randint", -math.inf, low=low, high=high)
    return Draw("randint", shape, dtype, generator, int).numbers(ops.randint, low=low, high=high)


def bernoulli(shape: Shape, p: ArrayLike = 0.5, *, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Booleans that are true with probability `p`, to the nearest multiple of 2**-32.

    See `cuobjax.random` for `shape` and `generator`.
    """
    draw = Draw("bernoulli", shape, onp.float64, generator)
    if isinstance(p, numbers.Real):
        return ops.bernoulli(draw.key(), shape=draw.shape, p=p)
    p = reals("bernoulli", p, onp.float64)
    known = at_hand(p)
    if known is not None and not ((known >= 0) & (known <= 1)).all():
        raise ValueError(f"bernoulli: expected 0 <= p <= 1, got {p}.")
    threshold = jn.rint(draw.parameter(p, onp.float64) * 2.0**32)
    return ops.bits(draw.key(), shape=draw.shape).astype(onp.float64) < threshold


def rademacher(shape: Shape, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """-1 or 1, each with probability 1/2.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("rademacher", shape, dtype, generator, int)
    if draw.dtype.kind in "ub":
        raise TypeError(f"rademacher: expected a dtype that has -1, got {draw.dtype}.")
    coins = ops.randint(draw.key(), shape=draw.shape, low=0, high=2, dtype=onp.int8)
    return jn.asarray(coins * 2 - 1, draw.dtype)


def poisson(
    shape: Shape, rate: ArrayLike, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """k with probability rate**k exp(-rate) / k!: mean and variance `rate`, a number or an array; -1 where rate < 0.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("poisson", shape, dtype, generator, int)
    rate = draw.parameter(rate, onp.float64)
    return ops.poisson(draw.key(), rate, dtype=draw.dtype)


def binomial(
    shape: Shape, n: ArrayLike, p: ArrayLike, *, dtype: DTypeLike = None, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """How many of `n` trials of probability `p` succeed: mean n p, variance n p (1 - p).

    Both are numbers or arrays; the result is -1 where n < 0 or p is not from 0 to 1.

    See `cuobjax.random` for `shape`, `dtype` and `generator`.
    """
    draw = Draw("binomial", shape, dtype, generator, int)
    n, p = (draw.parameter(x, onp.float64) for x in (n, p))
    return ops.binomial(draw.key(), n, p, dtype=draw.dtype)


def categorical(
    logits: ArrayLike,
    axis: int = -1,
    *,
    shape: Shape | None = None,
    dtype: DTypeLike = None,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Indices along an axis of `logits`, i with probability softmax(logits)[i]: by the largest logit + Gumbel noise.

    See `cuobjax.random` for `dtype` and `generator`.

    Args:
        logits: Logarithms of probabilities, up to a constant.
        axis: The axis of `logits` along which one is chosen.
        shape: That of the result, which ends with the other axes of `logits`; None: these alone.
    """
    logits = jn.asarray(logits)
    require_sizes("categorical", -math.inf, axis=axis)
    if not -logits.ndim <= axis < logits.ndim:
        raise ValueError(f"categorical: expected an axis of logits of shape {logits.shape}, got {axis}.")
    axis = axis - logits.ndim if axis >= 0 else axis
    if not logits.shape[axis]:
        raise ValueError(f"categorical: expected something to choose from, got logits of shape {logits.shape}.")
    others = logits.shape[:axis] + logits.shape[logits.ndim + axis + 1 :]
    shape = others if shape is None else to_shape("categorical", shape)
    before = shape[: len(shape) - len(others)]
    if before + others != shape:
        raise ValueError(f"categorical: expected a shape (..., *{others}), got {shape}. It ends as logits' other axes.")
    dtype = dtype_or_default("categorical", dtype, int)
    precise = onp.float64 if logits.dtype == onp.float64 else onp.float32
    noise = Draw("categorical", before + logits.shape, precise, generator).numbers(ops.gumbel)
    return jn.asarray(jn.argmax(logits + noise, axis), dtype)


def permutation(
    x: ArrayLike, *, axis: int = 0, independent: bool = False, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """The numbers 0, ..., x - 1 in random order if `x` is an integer; if it is an array, its parts along an axis.

    See `cuobjax.random` for `generator`.

    Args:
        x: An integer or an array.
        axis: The axis of the array.
        independent: Whether each line along the axis has an order of its own.
    """
    if isinstance(x, numbers.Integral) and int(x) < 0:
        raise ValueError(f"permutation: expected a non-negative number, got {x}.")
    x = jn.arange(x) if isinstance(x, numbers.Integral) else jn.asarray(x)
    if not x.ndim:
        raise TypeError(f"permutation: expected an integer or an array with axes, got {x!r}.")
    axis = complete_axis(axis, x.ndim)
    if not independent:
        return jn.take(x, _order(x.shape[axis], generator), axis)
    return jn.take_along_axis(x, jn.argsort(_words(x.shape, generator), axis), axis)


def shuffle(x: ArrayLike, *, axis: int = 0, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """The parts of an array `x` along an axis in random order: a new array, as arrays never change.

    See `cuobjax.random` for `generator`.
    """
    return permutation(jn.asarray(x), axis=axis, generator=generator)


def _words(shape, generator):
    """Words of 64 bits, which are hardly ever equal."""
    return ops.randint(new_key(generator), shape=shape, low=0, high=1 << 64, dtype=onp.uint64)


def _order(n, generator):
    return jn.argsort(_words((n,), generator))


def choice(
    a: ArrayLike,
    shape: Shape = (),
    *,
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """Parts of an array along an axis, or of 0, ..., a - 1 if `a` is an integer, chosen at random.

    See `cuobjax.random` for `generator`.

    Args:
        a: The array, or an integer.
        shape: How many: the result has these axes in place of `axis`.
        replace: Whether a part can be chosen again.
        p: The probability of each part, (n,), or numbers in proportion to it; None: all are equally likely. Without
            replacement, at least as many as are chosen must be above 0. On a GPU this is not checked.
        axis: The axis of `a` along which its parts lie.
    """
    shape = to_shape("choice", shape)
    if not (isinstance(a, numbers.Integral) or jn.ndim(a)):
        raise TypeError(f"choice: expected an integer or an array with axes, got {a!r}.")
    n = a if isinstance(a, numbers.Integral) else jn.shape(a)[complete_axis(axis, jn.ndim(a))]
    count = math.prod(shape)
    least = 1 if replace else count
    if count and n < least:
        raise ValueError(f"choice: expected at least {least} parts to choose from, got {n}.")
    if p is not None:
        p = reals("choice", p, onp.float64)
        if p.shape != (n,):
            raise ValueError(f"choice: expected p of shape ({n},), got {p.shape}.")
        known = at_hand(p)
        if known is not None and not ((known >= 0).all() and least <= (known > 0).sum() and known.sum() < onp.inf):
            raise ValueError(f"choice: expected probabilities, {least} or more of them not 0, got {p}.")
    places = _places_again(n, shape, p, generator) if replace else _places_once(n, count, p, generator).reshape(shape)
    return jn.asarray(places, default_dtype(int)) if isinstance(a, numbers.Integral) else jn.take(a, places, axis)


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
