"""Losses of sequences."""

import math

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.alignment import ctc

from ...typing import ArrayLike
from ...util.convert import at_hand, refuse_complex, require_sizes, to_inexact
from .arguments import require_between, require_classes

__all__ = ["ctc_logits"]


def ctc_logits(
    logits: ArrayLike,
    labels: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
) -> Array:
    """-log of the probability that the softmax of `logits` spells `labels`, over all alignments. Returns (N,).

    Connectionist temporal classification; source: Graves et al. 2006, equations 5 to 16, in logarithms. A sequence that
    is too short for its labels has the loss inf, as in PyTorch, and the gradient 0: leave it out of a mean by
    `jn.where(jn.isfinite(loss), loss, 0)`.

    >>> import cuobjax.numpy as jn
    >>> from cuobjax.functional.loss import ctc_logits
    >>> logits = jn.zeros((1, 2, 3))  # of the 9 paths, (1, 1), (0, 1) and (1, 0) spell 1
    >>> jn.exp(-ctc_logits(logits, jn.array([[1]]))).round(3)
    Array([0.333], dtype=float32)

    Args:
        logits: Real numbers (N, T, classes), one of which is the blank.
        labels: Integers (N, L), no blanks among the first `label_lengths` of each row; what follows these is ignored.
        logit_lengths: How many steps of each row count, integers (N,) from 1 to T; None: all.
        label_lengths: How many labels of each row count, integers (N,) from 0 to L; None: all.
        blank: The number of the blank.

    Raises:
        TypeError: If labels or lengths are no integers.
        ValueError: If shapes do not fit, or, where the numbers are at hand, labels or lengths are out of range or a
            label is the blank.
    """
    given = jn.asarray(logits)
    refuse_complex("ctc_logits", given)
    words = _integers("labels", labels)
    if given.ndim != 3 or words.ndim != 2 or words.shape[0] != given.shape[0] or not given.shape[1]:
        got = f"{given.shape} and {words.shape}"
        raise ValueError(f"ctc_logits: expected logits (N, T, classes), T > 0, and labels (N, L), got {got}.")
    (n, steps, classes), length = given.shape, words.shape[1]
    require_sizes("ctc_logits", -math.inf, blank=blank)
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_logits: expected blank from 0 to {classes - 1}, got {blank}.")
    steps_of = steps if logit_lengths is None else _lengths("logit_lengths", logit_lengths, n, 1, steps)
    labels_of = length if label_lengths is None else _lengths("label_lengths", label_lengths, n, 0, length)
    if at_hand(words) is not None:
        counts = (labels_of[:, None] if isinstance(labels_of, Array) else labels_of) > np.arange(length)
        require_classes("ctc_logits", jn.where(counts, words, blank), classes)
        if np.any(at_hand((words == blank) & counts)):
            raise ValueError(
                f"ctc_logits: expected labels other than the blank, {blank}. Take another class as blank, or give "
                "label_lengths, of labels without padding."
            )
    return ctc(to_inexact(given), words, steps_of, labels_of, blank=blank)


def _integers(name: str, x: ArrayLike) -> Array:
    x = jn.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"ctc_logits: expected {name} of integers, got dtype {x.dtype}.")
    return x


def _lengths(name, lengths, n, least, most):
    lengths = _integers(name, lengths)
    if lengths.shape != (n,):
        raise ValueError(f"ctc_logits: expected {name} of shape ({n},), got {lengths.shape}.")
    require_between("ctc_logits", name, lengths, least, most)
    return lengths
