"""Losses of classes."""

import math
from numbers import Real

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.ops.activation import sigmoid_cross_entropy
from autograd.ops.softmax import cross_entropy, soft_cross_entropy

from ...typing import ArrayLike
from ...util.convert import broadcasts, refuse_complex, to_inexact
from ..activation import relu, sigmoid
from ..half_precision import wide, with_precision_of
from .arguments import pair, require_at_least, require_between, require_classes, require_signs

__all__ = [
    "cross_entropy_logits", "cross_entropy_logits_sparse", "dice_logits", "focal_logits", "focal_logits_sparse",
    "hinge", "hinge_sparse", "kl_logits", "sigmoid_cross_entropy_logits",
]  # fmt: skip


def cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross entropy of the softmax of `logits` and `labels`, probabilities, both (..., classes). Returns (...).

    It is -sum(labels * log_softmax(logits)), whatever the labels add up to: probabilities times weights of the rows are
    labels, too, and a row of zeros has the loss 0.

    Raises:
        ValueError: If `labels` has no axis of that many classes; cross_entropy_logits_sparse takes numbers of classes.
    """
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    numbers = labels.dtype.kind in "iub" and labels.ndim < logits.ndim
    if not logits.ndim or numbers or labels.shape[-1:] != logits.shape[-1:]:
        expected = f"labels of shape {logits.shape}" if logits.ndim else "logits of shape (..., classes)"
        got = labels.shape if logits.ndim else ()
        raise ValueError(
            f"cross_entropy_logits: expected {expected}, got {got}. For labels that are numbers of classes take "
            "cross_entropy_logits_sparse, with labels of shape (...)."
        )
    if not logits.shape[-1]:
        raise ValueError(f"cross_entropy_logits: expected at least one class, got logits of shape {logits.shape}.")
    pair("cross_entropy_logits", ("logits", "labels"), logits, labels)
    shape = np.broadcast_shapes(logits.shape, labels.shape)
    x, y = (jn.broadcast_to(to_inexact(a), shape) for a in (logits, labels))
    if x.ndim != 2:
        x, y = x.reshape((-1, shape[-1])), y.reshape((-1, shape[-1]))
    loss, _, _ = soft_cross_entropy(x, y, dtype="float64")
    return loss if len(shape) == 2 else loss.reshape(shape[:-1])


def cross_entropy_logits_sparse(logits: ArrayLike, labels: ArrayLike, smoothing: float = 0.0) -> Array:
    """Cross entropy of the softmax of `logits` (..., classes) and integer `labels` (...). Returns (...).

    One number as `labels` serves all. A label that is no class raises where the numbers are at hand; on a GPU and where
    they are traced its loss is NaN. Classes have weights if the result is multiplied by `weights[labels]`.

    Args:
        logits: Logarithms of probabilities, up to a constant.
        labels: The number of the class of each row.
        smoothing: What all classes share of the probability, from 0 to 1. Source: Szegedy et al. 2015.

    Raises:
        TypeError: If labels are no integers, or logits are.
        ValueError: If `labels` has another shape, such as that of a column or of one-hot vectors, if a label is no
            class, or if `smoothing` is not from 0 to 1.
    """
    if not isinstance(smoothing, Real) or not 0 <= smoothing <= 1:
        raise ValueError(f"cross_entropy_logits_sparse: expected smoothing from 0 to 1, got {smoothing!r}.")
    logits, labels, smoothing = jn.asarray(logits), jn.asarray(labels), float(smoothing)
    if logits.dtype.kind in "biu":
        raise TypeError(f"cross_entropy_logits_sparse: expected logits of real numbers, got dtype {logits.dtype}.")
    refuse_complex("cross_entropy_logits_sparse", logits)
    if not logits.ndim:
        raise ValueError("cross_entropy_logits_sparse: expected logits of shape (..., classes), got ().")
    batch, classes = logits.shape[:-1], logits.shape[-1]
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy_logits_sparse: expected labels of integers, got dtype {labels.dtype}. For probabilities of "
            "the classes take cross_entropy_logits."
        )
    require_classes("cross_entropy_logits_sparse", labels, classes)
    if labels.shape != batch:
        labels = _of_batch(labels, batch)
    if logits.ndim == 2:
        return cross_entropy(logits, labels, smoothing=smoothing, dtype="float64")[0]
    loss, _ = cross_entropy(logits.reshape((-1, classes)), labels.reshape(-1), smoothing=smoothing, dtype="float64")
    return loss.reshape(batch)


def _of_batch(labels: Array, batch: tuple[int, ...]) -> Array:
    """Labels in the shape of the batch, to which one number and axes of length 1 broadcast."""
    if labels.ndim not in (0, len(batch)) or not broadcasts(labels.shape, batch):
        remedy = f"Write labels.reshape({batch})" if labels.size == math.prod(batch) else "Give each label as a number"
        raise ValueError(
            f"cross_entropy_logits_sparse: expected labels of shape {batch}, got {labels.shape}. {remedy}; "
            "cross_entropy_logits takes probabilities of the classes, such as one-hot vectors."
        )
    return jn.broadcast_to(labels, batch)


def sigmoid_cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Binary cross entropy of the sigmoid of `logits` and `labels`, probabilities of the same shape.

    Raises:
        ValueError: If neither shape broadcasts to the other, or a label at hand is not from 0 to 1.
    """
    logits, labels = pair("sigmoid_cross_entropy_logits", ("logits", "labels"), logits, labels)
    _require_probabilities("sigmoid_cross_entropy_logits", labels)
    return sigmoid_cross_entropy(logits, labels)


def _require_probabilities(where: str, labels: Array) -> None:
    require_between(where, "labels", labels, 0, 1, "For -1 and 1 write (labels + 1) / 2.")


def kl_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """The Kullback-Leibler divergence of the probabilities `labels` from the softmax of `logits`, both (..., classes).

    It is `cross_entropy_logits` less the entropy of the labels, 0 where both are equal. Returns (...).

    Raises:
        ValueError: As `cross_entropy_logits`, and if a label at hand is not from 0 to 1.
    """
    loss, p = cross_entropy_logits(logits, labels), jn.asarray(labels)
    require_between("kl_logits", "labels", p, 0, 1, "Of logits take functional.softmax.")
    y = wide(p)
    entropy = -(y * jn.log(jn.where(y > 0, y, 1))).sum(-1)
    return with_precision_of(wide(loss) - entropy, jn.asarray(logits), p)


def focal_logits(logits: ArrayLike, labels: ArrayLike, alpha: float | None = 0.25, gamma: float = 2.0) -> Array:
    """-alpha_t * (1 - p_t)**gamma * log(p_t) of each element, p_t the probability of the label by the sigmoid.

    Source: Lin et al. 2017, equation 5.

    Args:
        logits: Real numbers.
        labels: 0 or 1, or probabilities, of the same shape.
        alpha: The weight of label 1; that of label 0 is 1 - alpha. None: both are 1.
        gamma: How much less certain elements count; 0 leaves the cross entropy.

    Raises:
        ValueError: If neither shape broadcasts to the other, `gamma` is not at least 0, `alpha` is not from 0 to 1, or
            a label at hand is not.
    """
    require_at_least("focal_logits", 0, gamma=gamma)
    if isinstance(alpha, Real) and not 0 <= alpha <= 1:
        raise ValueError(f"focal_logits: expected alpha from 0 to 1, got {alpha}.")
    logits, labels = pair("focal_logits", ("logits", "labels"), logits, labels)
    _require_probabilities("focal_logits", labels)
    x, y = wide(logits), wide(labels)
    missed = sigmoid(x) * (1 - y) + sigmoid(-x) * y
    loss = sigmoid_cross_entropy(x, y) * _power(missed, gamma)
    if alpha is not None:
        loss = loss * (alpha * y + (1 - alpha) * (1 - y))
    return with_precision_of(loss, logits, labels)


def focal_logits_sparse(logits: ArrayLike, labels: ArrayLike, gamma: float = 2.0) -> Array:
    """-(1 - p)**gamma * log(p), p the probability of the label by the softmax. Source: Lin et al. 2017.

    Args:
        logits: Real numbers (..., classes).
        labels: Integers (...).
        gamma: How much less certain rows count; 0 leaves `cross_entropy_logits_sparse`.

    Raises:
        TypeError, ValueError: As `cross_entropy_logits_sparse`, and if `gamma` is not at least 0.
    """
    require_at_least("focal_logits_sparse", 0, gamma=gamma)
    logits = jn.asarray(logits)
    loss = cross_entropy_logits_sparse(wide(logits), labels)
    return with_precision_of(loss * _power(-jn.expm1(-loss), gamma), logits)


def _power(missed: Array, gamma: float) -> Array:
    """missed**gamma of probabilities; the slope at 0, infinite for gamma below 1, counts as 0."""
    return jn.maximum(missed, np.finfo(np.float32).tiny) ** gamma


def hinge(scores: ArrayLike, labels: ArrayLike, margin: float = 1.0) -> Array:
    """max(0, margin - label * score) of each element, of labels -1 and 1. Source: Cortes & Vapnik 1995.

    Raises:
        ValueError: If neither shape broadcasts to the other, or a label at hand is another number.
    """
    scores, labels = pair("hinge", ("scores", "labels"), scores, labels)
    require_signs("hinge", "labels", labels)
    loss = relu(margin - wide(scores) * wide(labels))
    return with_precision_of(loss, scores, labels)


def hinge_sparse(scores: ArrayLike, labels: ArrayLike, margin: float = 1.0) -> Array:
    """The sum of max(0, margin - score of the label + score) over the other classes, divided by the number of classes.

    Source: Weston & Watkins 1999, divided by the number as in PyTorch's multi_margin_loss.

    Args:
        scores: Real numbers (..., classes).
        labels: Integers (...).
        margin: How far the score of the label should be above the others.

    Raises:
        TypeError: If labels are no integers.
        ValueError: If `labels` has another shape, or a label is no class.
    """
    scores, labels = jn.asarray(scores), jn.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"hinge_sparse: expected labels of integers, got dtype {labels.dtype}.")
    if not scores.ndim or labels.shape != scores.shape[:-1]:
        raise ValueError(
            f"hinge_sparse: expected scores (..., classes) and labels (...), got {scores.shape} and {labels.shape}."
        )
    refuse_complex("hinge_sparse", scores)
    classes = scores.shape[-1]
    require_classes("hinge_sparse", labels, classes)
    x, places = wide(scores), labels[..., None]
    excess = relu(margin - jn.take_along_axis(x, places, -1) + x)
    return with_precision_of(jn.where(places == jn.arange(classes), 0, excess).sum(-1) / classes, scores)


def dice_logits(logits: ArrayLike, labels: ArrayLike, smooth: float = 1.0) -> Array:
    """1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth), p the sigmoid of `logits`, sums over each example.

    Source: Sudre et al. 2017, the soft Dice loss, with `smooth` in place of their small constant.

    Args:
        logits: Real numbers (N, ...).
        labels: 0 or 1, or probabilities, of the same shape.
        smooth: Added above and below, so that empty masks are no exception.

    Raises:
        ValueError: If the shapes differ, there is no axis after the first, `smooth` is not at least 0, or a label at
            hand is not from 0 to 1.
    """
    require_at_least("dice_logits", 0, smooth=smooth)
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    if logits.shape != labels.shape or logits.ndim < 2:
        raise ValueError(
            f"dice_logits: expected logits and labels of one shape (N, ...), got {logits.shape} and {labels.shape}."
        )
    refuse_complex("dice_logits", logits, labels)
    _require_probabilities("dice_logits", labels)
    p, y, axes = sigmoid(wide(logits)), wide(labels), tuple(range(1, logits.ndim))
    loss = 1 - (2 * (p * y).sum(axes) + smooth) / (p.sum(axes) + y.sum(axes) + smooth)
    return with_precision_of(loss, logits, labels)
