"""Reductions over axes, and cumulative sums and products.

Each reduction takes `axis`, a tuple of distinct non-negative numbers, and `keepdims`; autograd.numpy completes them.
Conventions (PyTorch's): `max` and `min` share the gradient equally among equal extremes, `std` and `norm` have gradient
0 where they are 0.
"""

import builtins
import math
from typing import Any

from ..core import library
from ..families import irregular, linear, nondifferentiable
from ..primitive import Primitive
from ..typing import Result
from .elementwise import astype, conj, equal, exp, where
from .shape import broadcast_to, concatenate, flip, inverse, reshape, transpose

__all__ = [
    "all", "any", "argmax", "argmin", "cumsum", "cumulative_product", "logsumexp", "max", "mean", "min", "norm",
    "prod", "std", "sum", "var",
]  # fmt: skip


def _method(name):
    """The forward function that calls a method of the array."""

    def forward(xp, x, *, axis, keepdims):
        return getattr(x, name)(axis, keepdims=keepdims)

    forward.__name__ = name
    return forward


def _var(xp, x, *, axis, keepdims, ddof):
    return x.var(axis, keepdims=keepdims, ddof=ddof)


def _std(xp, x, *, axis, keepdims, ddof):
    return x.std(axis, keepdims=keepdims, ddof=ddof)


def _norm(xp, x, *, axis, keepdims):
    """The Euclidean norm of each vector."""
    squares = (x * x) if x.dtype.kind == "f" else (x.real * x.real + x.imag * x.imag)
    return xp.sqrt(squares.sum(axis, keepdims=keepdims))


def _logsumexp(xp, x, *, axis, keepdims):
    top = x.max(axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))  # so that inf - inf does not occur
    total = xp.log(xp.exp(x - top).sum(axis, keepdims=True)) + top
    return total if keepdims else xp.squeeze(total, axis)


def _cumsum(xp, x, *, axis):
    return xp.cumsum(x, axis)


def _restore(g, x_shape, axis, keepdims):
    """`g` with the axes that the reduction of x removed, of length 1."""
    return g if keepdims else reshape(g, shape=tuple(1 if i in axis else n for i, n in enumerate(x_shape)))


def _repeated(g, x_shape, axis, keepdims):
    return broadcast_to(_restore(g, x_shape, axis, keepdims), shape=x_shape)


def _count(x_shape, axis):
    return math.prod(x_shape[i] for i in axis)


def _to_extremes(g, y, x, axis, keepdims):
    chosen = astype(equal(x, _restore(y, x.shape, axis, keepdims)), dtype=y.dtype)
    count = chosen.sum(axis, keepdims=True)
    return _restore(g, x.shape, axis, keepdims) * (chosen / where(equal(count, 0), math.nan, count))  # none is NaN


def _to_deviations(g, x, axis, keepdims):
    return _restore(g, x.shape, axis, keepdims) * conj(x - x.mean(axis, keepdims=True))


def _nonzero(y):
    return where(equal(y, 0), 1, y)


def cumulative_product(x: Any, axis: int, exclusive: bool = False) -> Result:
    """Cumulative products by doubling, in differentiable steps that never divide. Source: Hillis & Steele 1986.

    With `exclusive`, element i is the product of the elements before it.
    """
    count = x.shape[axis]

    def delay(p, steps):
        steps = builtins.min(steps, count)
        one = library(x).ones((*x.shape[:axis], steps, *x.shape[axis + 1 :]), x.dtype)
        return concatenate(one, p[(slice(None),) * axis + (slice(0, count - steps),)], axis=axis)

    products, steps = (delay(x, 1) if exclusive else x), 1
    while steps < count:
        products, steps = products * delay(products, steps), 2 * steps
    return products


def _to_factors(g, x, axis, keepdims):
    """Multiplies `g` by the product of all other elements."""
    remaining = [i for i in range(len(x.shape)) if i not in axis]
    moved = transpose(x, axes=(*remaining, *axis))
    last = len(remaining)
    rows = reshape(moved, shape=(*moved.shape[:last], _count(x.shape, axis)))
    before = cumulative_product(rows, last, exclusive=True)
    after = flip(cumulative_product(flip(rows, axis=(last,)), last, exclusive=True), axis=(last,))
    others = transpose(reshape(before * after, shape=moved.shape), axes=inverse(tuple(remaining) + axis))
    return _restore(g, x.shape, axis, keepdims) * others


def _to_exponents(g, y, x, axis, keepdims):
    y = _restore(y, x.shape, axis, keepdims)
    return _restore(g, x.shape, axis, keepdims) * exp(x - where(equal(y, -math.inf), 0, y))


sum: Primitive = linear(_method("sum"), _repeated, memory="new", ufunc="add")
mean: Primitive = linear(
    _method("mean"),
    lambda g, x_shape, axis, keepdims: _repeated(g / _count(x_shape, axis), x_shape, axis, keepdims),
    memory="new",
)
cumsum: Primitive = linear(
    _cumsum, lambda g, axis: flip(cumsum(flip(g, axis=(axis,)), axis=axis), axis=(axis,)), memory="new"
)
max: Primitive = irregular(_method("max"), _to_extremes, memory="new", ufunc="maximum")
min: Primitive = irregular(_method("min"), _to_extremes, memory="new", ufunc="minimum")
prod: Primitive = irregular(_method("prod"), _to_factors, memory="new")
logsumexp: Primitive = irregular(_logsumexp, _to_exponents, memory="new")
var: Primitive = irregular(
    _var,
    lambda g, x, axis, keepdims, ddof: _to_deviations(g * 2 / (_count(x.shape, axis) - ddof), x, axis, keepdims),
    memory="new",
)
std: Primitive = irregular(
    _std,
    lambda g, y, x, axis, keepdims, ddof: _to_deviations(
        g * where(equal(y, 0), 0, 1 / (_nonzero(y) * (_count(x.shape, axis) - ddof))), x, axis, keepdims
    ),
    memory="new",
)
norm: Primitive = irregular(
    _norm,
    lambda g, y, x, axis, keepdims: conj(x) * _restore(g / _nonzero(y), x.shape, axis, keepdims),
    memory="new",
)


def _argmax(xp, x, *, axis):
    return xp.argmax(x, axis)


def _argmin(xp, x, *, axis):
    return xp.argmin(x, axis)


argmax: Primitive = nondifferentiable(_argmax, memory="new")
argmin: Primitive = nondifferentiable(_argmin, memory="new")
any: Primitive = nondifferentiable(_method("any"), memory="new")
all: Primitive = nondifferentiable(_method("all"), memory="new")
