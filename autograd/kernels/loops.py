"""Loops over rows of NumPy arrays, for `compiled.Loop`: normalization, softmax and cross entropy.

Each has the rows from `start` to `stop` of matrices. Sums of a row are taken in spans of SPAN numbers, and those added
in float64, so that long rows lose no digits. `Real` is the type of the arrays.
"""

from __future__ import annotations

import math
from math import exp, log, sqrt
from typing import Any

from .compiled import Loop, reduction

__all__ = [
    "affine", "cross_entropy", "cross_entropy_gradient", "largest_of", "layer", "layer_gradient", "log_softmax",
    "log_softmax_gradient", "moments", "powers", "products", "slopes", "soft_cross_entropy",
    "soft_cross_entropy_gradient", "softmax", "softmax_gradient", "sum_of",
]  # fmt: skip

Real: Any = float
SPAN = 2048


def _mean(x, i):
    """Of row i."""
    return sum_of(x, i, x.shape[1]) / x.shape[1]


@reduction
def sum_of(x: Any, i: int, n: int) -> Any:
    """The sum of the first n elements of row i."""
    total = 0.0
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            s += x[i, j]
        total += s
    return total


@reduction
def _product(a, b, i, mean):
    """The sum of a (b - mean)."""
    total, n = 0.0, a.shape[1]
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            s += a[i, j] * (b[i, j] - mean)
        total += s
    return total


@reduction
def _squares(x, i, mean):
    """The sum of the squares of differences from the mean."""
    total, n = 0.0, x.shape[1]
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            d = x[i, j] - mean
            s += d * d
        total += s
    return total


# Normalization of rows, with a scale and a shift for each column.
def _layer(part, start, stop, x, scale, shift, y, mean, variance, eps, centered):
    n = x.shape[1]
    for i in range(start, stop):
        m = Real(_mean(x, i)) if centered else Real(0)
        v = _squares(x, i, m) / n
        mean[i], variance[i] = m, v
        r = Real(1 / sqrt(v + eps))
        for j in range(n):
            y[i, j] = (x[i, j] - m) * r * scale[j] + shift[j]


def _layer_gradient(
    part, start, stop, g, x, scale, mean, variance, g_mean, g_variance, y, of_scale, of_shift, eps, centered
):
    """`of_scale` and `of_shift` have a row for each part."""
    n = x.shape[1]
    for i in range(start, stop):
        m, v = mean[i], variance[i] + eps
        r = Real(1 / sqrt(v))
        product, total = _weighted_sums(g, x, scale, i, m)
        b = Real(r * (r * r * product - 2 * g_variance[i] * sqrt(v)) / n)
        a = Real((r * total - g_mean[i]) / n) if centered else Real(0)
        for j in range(n):
            of_scale[part, j] += g[i, j] * ((x[i, j] - m) * r)
            of_shift[part, j] += g[i, j]
        for j in range(n):
            y[i, j] = g[i, j] * scale[j] * r - a - (x[i, j] - m) * b


@reduction
def _weighted_sums(g, x, scale, i, mean):
    """The sums of h (x - mean) and of h = g scale of row i."""
    product, total, n = 0.0, 0.0, x.shape[1]
    for first in range(0, n, SPAN):
        p, t = Real(0), Real(0)
        for j in range(first, min(n, first + SPAN)):
            h = g[i, j] * scale[j]
            p += h * (x[i, j] - mean)
            t += h
        product += p
        total += t
    return product, total


# Normalization of parts of arrays that consist of whole rows, with numbers for each row.
def _moments(part, start, stop, x, mean, squares):
    for i in range(start, stop):
        m = _mean(x, i)
        mean[i], squares[i] = m, _squares(x, i, Real(m)) - x.shape[1] * (m - Real(m)) ** 2


def _affine(part, start, stop, x, y, mean, factor, shift):
    """(x - mean) factor + shift"""
    for i in range(start, stop):
        m, f, s = mean[i], factor[i], shift[i]
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - m) * f + s


def _products(part, start, stop, g, x, mean, product, total):
    """The sums of g (x - mean) and of g."""
    for i in range(start, stop):
        product[i], total[i] = _product(g, x, i, mean[i]), sum_of(g, i, g.shape[1])


def _slopes(part, start, stop, g, x, y, mean, factor, slope, shift):
    """g factor + (x - mean) slope + shift"""
    for i in range(start, stop):
        m, f, b, s = mean[i], factor[i], slope[i], shift[i]
        for j in range(x.shape[1]):
            y[i, j] = g[i, j] * f + (x[i, j] - m) * b + s


# Softmax and cross entropy of rows.
@reduction
def largest_of(x: Any, i: int, n: int) -> Any:
    """The largest of the first n elements of row i. NaN only where the first one is; a later one makes sums NaN."""
    top = x[i, 0]
    for j in range(n):
        top = x[i, j] if x[i, j] > top else top
    return top


@reduction
def _exponentials(x, i, top):
    """The sum of exp(x - top)."""
    total, n = 0.0, x.shape[1]
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            s += exp(x[i, j] - top)
        total += s
    return total


def _powers(part, start, stop, x, top, is_known):
    """Writes exp(x - top) over x. Unless it is known, top becomes the largest number of a row, 0 where that is -inf."""
    for i in range(start, stop):
        if not is_known:
            found = largest_of(x, i, x.shape[1])
            top[i] = Real(0) if found == -math.inf else found
        t = top[i]
        for j in range(x.shape[1]):
            x[i, j] = exp(x[i, j] - t)


def _softmax(part, start, stop, x, y):
    for i in range(start, stop):
        factor = Real(1 / _store_exponentials(x, y, i, largest_of(x, i, x.shape[1])))
        for j in range(x.shape[1]):
            y[i, j] *= factor


@reduction
def _store_exponentials(x, y, i, top):
    """Writes exp(x - top) to y, and returns the sum."""
    total, n = 0.0, x.shape[1]
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            e = exp(x[i, j] - top)
            y[i, j] = e
            s += e
        total += s
    return total


def _log_softmax(part, start, stop, x, y):
    for i in range(start, stop):
        top = largest_of(x, i, x.shape[1])
        above = Real(log(_exponentials(x, i, top)))
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - top) - above


def _softmax_gradient(part, start, stop, g, z, y):
    for i in range(start, stop):
        total = Real(_product(g, z, i, Real(0)))
        for j in range(z.shape[1]):
            y[i, j] = (g[i, j] - total) * z[i, j]


def _log_softmax_gradient(part, start, stop, g, z, y):
    for i in range(start, stop):
        total = Real(sum_of(g, i, g.shape[1]))
        for j in range(z.shape[1]):
            y[i, j] = g[i, j] - exp(z[i, j]) * total


def _cross_entropy(part, start, stop, x, loss, total, labels, smoothing):
    """`total` is float64."""
    n = x.shape[1]
    for i in range(start, stop):
        top, label = largest_of(x, i, x.shape[1]), labels[i]
        above = log(_exponentials(x, i, top))
        total[i] = top + above
        if 0 <= label < n:
            below = top - x[i, label]
            if smoothing:
                below = (1 - smoothing) * below + smoothing * (top - _mean(x, i))
            loss[i] = above + below
        else:
            loss[i] = math.nan


def _cross_entropy_gradient(part, start, stop, x, y, g, weight, total, labels, smoothing):
    """softmax(x) weight - target g; `total` is float64."""
    n = x.shape[1]
    for i in range(start, stop):
        top = Real(total[i])
        f, label = weight[i] * Real(math.exp(top - total[i])), labels[i]
        share = Real(smoothing / n) * g[i]
        for j in range(n):
            y[i, j] = exp(x[i, j] - top) * f - share
        if 0 <= label < n:
            y[i, label] -= Real(1 - smoothing) * g[i]


def _soft_cross_entropy(part, start, stop, x, labels, loss, total, weight):
    """`total` is float64."""
    for i in range(start, stop):
        top, w = largest_of(x, i, x.shape[1]), sum_of(labels, i, x.shape[1])
        above = log(_exponentials(x, i, top))
        total[i], weight[i] = top + above, w
        loss[i] = above * w + (top * w - _product(labels, x, i, Real(0)))


def _soft_cross_entropy_gradient(part, start, stop, x, labels, y, g, weight, total):
    """softmax(x) weight - labels g; `total` is float64."""
    for i in range(start, stop):
        top = Real(total[i])
        f = weight[i] * Real(math.exp(top - total[i]))
        for j in range(x.shape[1]):
            y[i, j] = exp(x[i, j] - top) * f - labels[i, j] * g[i]


layer: Loop = Loop(_layer)
layer_gradient: Loop = Loop(_layer_gradient)
moments: Loop = Loop(_moments)
affine: Loop = Loop(_affine)
products: Loop = Loop(_products)
slopes: Loop = Loop(_slopes)
softmax: Loop = Loop(_softmax)
softmax_gradient: Loop = Loop(_softmax_gradient)
log_softmax: Loop = Loop(_log_softmax)
log_softmax_gradient: Loop = Loop(_log_softmax_gradient)
cross_entropy: Loop = Loop(_cross_entropy)
cross_entropy_gradient: Loop = Loop(_cross_entropy_gradient)
soft_cross_entropy: Loop = Loop(_soft_cross_entropy)
soft_cross_entropy_gradient: Loop = Loop(_soft_cross_entropy_gradient)
powers: Loop = Loop(_powers)
