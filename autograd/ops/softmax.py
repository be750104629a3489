"""Softmax and cross entropy, each a single operation: stable, and with few steps each way."""

import math

from ..core import library
from ..families import in_single, irregular
from ..primitive import Primitive
from .elementwise import equal, exp, single
from .reduction import sum
from .shape import folded

__all__ = ["cross_entropy", "log_softmax", "softmax"]


@in_single
def _softmax(xp, x, *, axis):
    y = xp.exp(x - x.max(axis, keepdims=True))
    y /= y.sum(axis, keepdims=True)
    return y


@in_single
def _log_softmax(xp, x, *, axis):
    y = x - x.max(axis, keepdims=True)
    y -= xp.log(xp.exp(y).sum(axis, keepdims=True))
    return y


def _total(x, axis):
    return sum(x, axis=axis, keepdims=True)


def _to_exponents(g, y, axis):
    g, y = single(g), single(y)
    return (g - _total(g * y, axis)) * y


def _to_log_exponents(g, y, axis):
    g = single(g)
    return g - exp(single(y)) * _total(g, axis)


# `axis` is a tuple of numbers that are not negative.
softmax: Primitive = irregular(_softmax, _to_exponents, memory="new")
log_softmax: Primitive = irregular(_log_softmax, _to_log_exponents, memory="new")


@in_single
def _cross_entropy(xp, logits, labels):
    """-log_softmax(logits)[row, label] of each row; logits (rows, classes), labels (rows,).

    A label that is no class gives NaN: raising would have to wait for the GPU.
    """
    rows, classes = logits.shape
    top = logits.max(1)
    total = xp.log(xp.exp(logits - top[:, None]).sum(1)) + top
    chosen = logits[xp.arange(rows), xp.clip(labels, 0, classes - 1)]
    return xp.where((labels >= 0) & (labels < classes), total - chosen, xp.asarray(math.nan, logits.dtype))


def _to_logits(g, logits, labels):
    hits = equal(labels[:, None], library(logits).arange(logits.shape[1]))
    return (softmax(single(logits), axis=(1,)) - hits) * single(g)[:, None]


cross_entropy: Primitive = irregular(
    _cross_entropy,
    _to_logits,
    None,
    batch=folded,
    memory="new",
    index_ranges=lambda logits, labels: [(labels, 0, logits.shape[1])],
)
