"""Losses of sequences."""

import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import CPU

from ...typing import ArrayLike
from ..activation import log_softmax
from ..half_precision import single, with_precision_of
from .arguments import require_classes, require_real

__all__ = ["ctc_logits"]

_IMPOSSIBLE = -1e30  # the logarithm of a probability that is 0; infinities would give NaN in gradients


def ctc_logits(
    logits: ArrayLike,
    labels: ArrayLike,
    logit_lengths: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
) -> Array:
    """-log of the probability that the softmax of `logits` spells `labels`, over all alignments. Returns (N,).

    Connectionist temporal classification; source: Graves et al. 2006, equations 5 to 8, in logarithms. A sequence that
    is too short for its labels has the loss 1e30.

    Args:
        logits: Real numbers (N, T, classes), one of which is the blank.
        labels: Integers (N, L), no blanks among the first `label_lengths` of each row; what follows these is ignored.
        logit_lengths: How many steps of each row count, integers (N,) from 1 to T; None: all.
        label_lengths: How many labels of each row count, integers (N,) from 0 to L; None: all.
        blank: The number of the blank.

    Raises:
        TypeError: If labels or lengths are no integers.
        ValueError: If shapes do not fit, or labels, lengths or `blank` are out of range where the numbers are at hand.
    """
    given = jn.asarray(logits)
    require_real("ctc_logits", given)
    words = _integers("labels", labels)
    if given.ndim != 3 or words.ndim != 2 or words.shape[0] != given.shape[0] or not given.shape[1]:
        got = f"{given.shape} and {words.shape}"
        raise ValueError(f"ctc_logits: expected logits (N, T, classes), T > 0, and labels (N, L), got {got}.")
    (n, steps, classes), length = given.shape, words.shape[1]
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_logits: expected blank from 0 to {classes - 1}, got {blank}.")
    steps_of = _lengths("logit_lengths", logit_lengths, n, 1, steps)
    labels_of = _lengths("label_lengths", label_lengths, n, 0, length)
    if label_lengths is not None:
        words = jn.where(jn.arange(length) < labels_of[:, None], words, blank)
    require_classes("ctc_logits", words, classes)
    counted: Array = given
    if logit_lengths is not None:
        counted = jn.where((jn.arange(steps) < steps_of[:, None])[:, :, None], given, 0)  # 0 * NaN in padding is NaN
    log_p = log_softmax(single(counted))

    # States 0, 1, 2, ... are blank, first label, blank, ...; a label may follow another one directly if it differs.
    symbols = jn.stack([jn.full_like(words, blank), words], -1).reshape(n, 2 * length)
    symbols = jn.concatenate([symbols, jn.full((n, 1), blank, symbols.dtype)], 1)
    skips = jn.concatenate([jn.zeros((n, 2), bool), symbols[:, 2:] != symbols[:, :-2]], 1)[:, : 2 * length + 1]
    emitted = jn.take_along_axis(log_p, jn.broadcast_to(symbols[:, None], (n, steps, 2 * length + 1)), 2)
    alpha = jn.where(jn.arange(2 * length + 1) < 2, emitted[:, 0], _IMPOSSIBLE)
    for t in range(1, steps):
        reached = _reached(alpha, skips) + emitted[:, t]
        alpha = jn.where((t < steps_of)[:, None], jn.maximum(reached, _IMPOSSIBLE), alpha)
    last = 2 * labels_of[:, None]
    ends = jn.take_along_axis(alpha, last, 1), jn.take_along_axis(alpha, jn.maximum(last - 1, 0), 1)
    second = jn.where(last > 0, ends[1], _IMPOSSIBLE)
    return with_precision_of(-jn.logaddexp(ends[0], second)[:, 0], given)


def _reached(alpha, skips):
    """The logarithm of the probability of each state after a step, before what it emits."""
    n, width = alpha.shape
    from_one = jn.concatenate([jn.full((n, 1), _IMPOSSIBLE, alpha.dtype), alpha[:, :-1]], 1)
    from_two = jn.concatenate([jn.full((n, min(2, width)), _IMPOSSIBLE, alpha.dtype), alpha[:, :-2]], 1)
    return jn.logaddexp(jn.logaddexp(alpha, from_one), jn.where(skips, from_two, _IMPOSSIBLE))


def _integers(name: str, x: ArrayLike) -> Array:
    x = jn.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"ctc_logits: expected {name} of integers, got dtype {x.dtype}.")
    return x


def _lengths(name, lengths, n, least, most):
    if lengths is None:
        return jn.full((n,), most, "int32")
    lengths = _integers(name, lengths)
    if lengths.shape != (n,):
        raise ValueError(f"ctc_logits: expected {name} of shape ({n},), got {lengths.shape}.")
    if type(lengths) is Array and lengths.device == CPU and n:
        low, high = lengths.raw.min(), lengths.raw.max()
        if low < least or high > most:
            raise ValueError(f"ctc_logits: expected {name} from {least} to {most}, got {low if low < least else high}.")
    return lengths
