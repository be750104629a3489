"""Softmax and cross entropy, each a single operation: stable, and with few steps each way."""

from ..core import library
from ..families import irregular
from ..fused import Fused, Joint
from ..kernels import softmax as kernels
from ..kernels.pieces import is_number
from ..primitive import Primitive
from .elementwise import astype, equal, exp, single
from .reduction import sum
from .shape import folded

__all__ = [
    "cross_entropy", "cross_entropy_gradient", "log_softmax", "log_softmax_gradient", "soft_cross_entropy",
    "soft_cross_entropy_gradient", "softmax", "softmax_gradient",
]  # fmt: skip


def _total(x, axis):
    return sum(x, axis=axis, keepdims=True)


def _to_exponents(g, z, *, axis):
    g, z = single(g), single(z)
    return (g - _total(g * z, axis)) * z


def _to_log_exponents(g, z, *, axis):
    g = single(g)
    return g - exp(single(z)) * _total(g, axis)


# `axis` is a tuple of numbers that are not negative.
softmax_gradient: Primitive = Fused(kernels.softmax_gradient, _to_exponents, batch="stack", memory="new")
log_softmax_gradient: Primitive = Fused(kernels.log_softmax_gradient, _to_log_exponents, batch="stack", memory="new")
softmax: Primitive = irregular(
    kernels.softmax, lambda g, y, axis: softmax_gradient(g, y, axis=axis), memory="new"
)  # fmt: skip
log_softmax: Primitive = irregular(
    kernels.log_softmax, lambda g, y, axis: log_softmax_gradient(g, y, axis=axis), memory="new"
)  # fmt: skip


def _column(a):
    """Numbers of rows as a column; a number as it is."""
    return a if is_number(a) else single(a)[:, None]


def _exponentials(logits, total):
    """softmax(logits); `total` is float64."""
    z = single(logits)
    return exp(astype(z - total[:, None], dtype=z.dtype))


def _to_logits(g, g_total, logits, labels, total, *, smoothing):
    classes = logits.shape[1]
    probabilities = _exponentials(logits, total)
    hits = astype(equal(labels[:, None], library(logits).arange(classes)), dtype=probabilities.dtype)
    target = hits * (1 - smoothing) + smoothing / max(1, classes)
    return probabilities * (_column(g) + _column(g_total)) - target * _column(g)


def _to_soft_logits(g, g_total, logits, labels, total, weight):
    return _exponentials(logits, total) * _column(g * weight + g_total) - single(labels) * _column(g)


cross_entropy_gradient: Primitive = Fused(kernels.cross_entropy_gradient, _to_logits, batch=folded, memory="new")
soft_cross_entropy_gradient: Primitive = Fused(
    kernels.soft_cross_entropy_gradient, _to_soft_logits, batch=folded, memory="new"
)


def _pull(wanted, g, logits, labels, y1, smoothing):
    return (cross_entropy_gradient(*g, logits, labels, y1, smoothing=smoothing),)


def _to_labels(g, g_weight, logits):
    y = log_softmax(single(logits), axis=(1,)) * -_column(g)
    return y if is_number(g_weight) else y + _column(g_weight)


def _pull_soft(wanted, g, logits, labels, y1, y2):
    rules = {
        0: lambda: soft_cross_entropy_gradient(g[0], g[1], logits, labels, y1, y2),
        1: lambda: _to_labels(g[0], g[2], logits),
    }
    return tuple([rules[i]() for i in wanted])


cross_entropy: Primitive = Joint(
    kernels.cross_entropy,
    _pull,
    (0,),
    batch=folded,
    memory="new",
    index_ranges=lambda logits, labels, **params: [(labels, 0, logits.shape[1])],
)
soft_cross_entropy: Primitive = Joint(kernels.soft_cross_entropy, _pull_soft, (0, 1), batch=folded, memory="new")
