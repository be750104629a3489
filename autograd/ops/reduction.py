"""Reductions over axes, and cumulative sums and products.

Each reduction takes `axis`, a tuple of distinct non-negative numbers, and `keepdims`; autograd.numpy completes them.
Conventions (PyTorch's): `max` and `min` share the gradient equally among equal extremes, `std` and `norm` have gradient
0 where they are 0. Sums, means, deviations, norms and logarithms of sums of half precision are computed in float32.
"""

import math

import numpy

from ..families import in_single, irregular, is_half, linear, nondifferentiable
from ..primitive import Primitive
from .elementwise import astype, conj, equal, exp, fmax, maximum, single, where
from .scaled import Scaled
from .shape import broadcast_to, flip, inverse, reshape, transpose

__all__ = [
    "all", "any", "argmax", "argmin", "cumprod", "cumsum", "logsumexp", "max", "mean", "min", "norm",
    "prod", "std", "sum", "var",
]  # fmt: skip


def _method(name):
    """The forward function that calls a method of the array."""

    def forward(xp, x, *, axis, keepdims):
        return getattr(x, name)(axis, keepdims=keepdims)

    forward.__name__ = name
    return forward


def _sum(xp, x, *, axis, keepdims):
    """A sum of half precision on the host would stop where one more is less than half of the last digit."""
    if x.dtype.kind == "V" or (xp is numpy and is_half(x.dtype)):
        return x.sum(axis, keepdims=keepdims, dtype="float32").astype(x.dtype)
    return x.sum(axis, keepdims=keepdims)


def _mean(xp, x, *, axis, keepdims):
    if x.dtype.kind == "V":
        return x.mean(axis, keepdims=keepdims, dtype="float32").astype(x.dtype)
    return x.mean(axis, keepdims=keepdims)  # of float16 it is computed in float32


@in_single
def _var(xp, x, *, axis, keepdims, ddof):
    return x.var(axis, keepdims=keepdims, ddof=ddof)


@in_single
def _std(xp, x, *, axis, keepdims, ddof):
    return x.std(axis, keepdims=keepdims, ddof=ddof)


@in_single
def _norm(xp, x, *, axis, keepdims):
    """The Euclidean norm of each vector."""
    squares = (x * x) if x.dtype.kind == "f" else (x.real * x.real + x.imag * x.imag)
    return xp.sqrt(squares.sum(axis, keepdims=keepdims))


@in_single
def _logsumexp(xp, x, *, axis, keepdims):
    top = x.max(axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))  # so that inf - inf does not occur
    total = xp.log(xp.exp(x - top).sum(axis, keepdims=True)) + top
    return total if keepdims else xp.squeeze(total, axis)


@in_single
def _cumsum(xp, x, *, axis):
    return xp.cumsum(x, axis)


def _cumprod(xp, x, *, axis):
    return xp.cumprod(x, axis)


def _restore(g, x_shape, axis, keepdims):
    """`g` with the axes that the reduction of x removed, of length 1."""
    return g if keepdims else reshape(g, shape=tuple(1 if i in axis else n for i, n in enumerate(x_shape)))


def _repeated(g, x_shape, axis, keepdims):
    return broadcast_to(_restore(g, x_shape, axis, keepdims), shape=x_shape)


def _count(x_shape, axis):
    return math.prod(x_shape[i] for i in axis)


def _shared(g, x_shape, axis, keepdims):
    """The cotangent of a mean: divided by the count, which half precision may not hold."""
    count = _count(x_shape, axis)
    share = astype(single(g) / count, dtype=g.dtype) if is_half(g.dtype) else g / count
    return _repeated(share, x_shape, axis, keepdims)


def _to_extremes(g, y, x, axis, keepdims):
    chosen = equal(x, _restore(y, x.shape, axis, keepdims))
    chosen = astype(chosen, dtype="float32" if is_half(y.dtype) else y.dtype)
    count = chosen.sum(axis, keepdims=True)
    return _restore(g, x.shape, axis, keepdims) * (chosen / where(equal(count, 0), math.nan, count))  # none is NaN


def _to_deviations(g, x, axis, keepdims, ddof):
    x, g = single(x), single(g) / (_count(x.shape, axis) - ddof)
    return _restore(g, x.shape, axis, keepdims) * conj(x - x.mean(axis, keepdims=True))


def _nonzero(y):
    return where(equal(y, 0), 1, y)


def _inverse(y):
    """1 / y in single precision or better; 0 where y is 0."""
    y = single(y)
    return where(equal(y, 0), 0, 1 / _nonzero(y))


def _to_vectors(g, y, x, axis, keepdims):
    return conj(single(x)) * _restore(single(g) / _nonzero(single(y)), x.shape, axis, keepdims)


# These never divide, so that a 0 is no exception.
def _products_of_others(x, axis):
    """For each element the product of all others along an axis."""
    x = Scaled.of(x)
    after = x.flipped(axis).products_before(axis).flipped(axis)
    return x.products_before(axis).times(after).value()


def _to_running_factors(g, x, axis):
    """The sum over later products of their cotangents times what each element is multiplied by in them."""
    x, g = Scaled.of(x), Scaled.of(g)
    after = g.flipped(axis).recurrence(x.flipped(axis), axis).flipped(axis)
    return x.products_before(axis).times(after).value()


def _to_factors(g, x, axis, keepdims):
    """Multiplies `g` by the product of all other elements."""
    remaining = [i for i in range(len(x.shape)) if i not in axis]
    moved = transpose(x, axes=(*remaining, *axis))
    last = len(remaining)
    rows = reshape(moved, shape=(*moved.shape[:last], _count(x.shape, axis)))
    others = reshape(_products_of_others(rows, last), shape=moved.shape)
    others = transpose(others, axes=inverse(tuple(remaining) + axis))
    return _restore(g, x.shape, axis, keepdims) * others


def _to_exponents(g, y, x, axis, keepdims):
    if is_half(x.dtype):  # too coarse for a logarithm
        x = single(x)
        y = logsumexp(x, axis=axis, keepdims=keepdims)
    bounds = numpy.finfo(x.dtype)
    parts = exp(x - maximum(_restore(y, x.shape, axis, keepdims), float(bounds.min)))  # -inf - -inf is NaN
    total = sum(parts, axis=axis, keepdims=True)  # 1, but for what rounding takes from a large y
    return _restore(single(g), x.shape, axis, keepdims) * (parts / fmax(total, float(bounds.tiny)))


sum: Primitive = linear(_sum, _repeated, memory="new", ufunc="add")
mean: Primitive = linear(_mean, _shared, memory="new")
cumsum: Primitive = linear(
    _cumsum, lambda g, axis: flip(cumsum(flip(g, axis=(axis,)), axis=axis), axis=(axis,)), memory="new"
)
cumprod: Primitive = irregular(_cumprod, _to_running_factors, memory="new")
max: Primitive = irregular(_method("max"), _to_extremes, memory="new", ufunc="maximum")
min: Primitive = irregular(_method("min"), _to_extremes, memory="new", ufunc="minimum")
prod: Primitive = irregular(_method("prod"), _to_factors, memory="new")
logsumexp: Primitive = irregular(_logsumexp, _to_exponents, memory="new")
var: Primitive = irregular(
    _var,
    lambda g, x, axis, keepdims, ddof: _to_deviations(single(g) * 2, x, axis, keepdims, ddof),
    memory="new",
)
std: Primitive = irregular(
    _std,
    lambda g, y, x, axis, keepdims, ddof: _to_deviations(single(g) * _inverse(y), x, axis, keepdims, ddof),
    memory="new",
)
norm: Primitive = irregular(_norm, _to_vectors, memory="new")


def _argmax(xp, x, *, axis):
    return xp.argmax(x, axis)


def _argmin(xp, x, *, axis):
    return xp.argmin(x, axis)


argmax: Primitive = nondifferentiable(_argmax, memory="new")
argmin: Primitive = nondifferentiable(_argmin, memory="new")
any: Primitive = nondifferentiable(_method("any"), memory="new")
all: Primitive = nondifferentiable(_method("all"), memory="new")
