"""How well scores order what has a label of 1 above what has 0."""

import cuobjax.numpy as jn
from autograd import Array, stop_gradient

from ..typing import ArrayLike
from ..util.convert import require_integers, require_reals
from .base import Metric, Total, as_figure, labels_of, poisoned, ratio, weights_of

__all__ = ["AUC", "roc_auc"]


def roc_auc(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """The area under the receiver operating characteristic, exactly, of all rows at once.

    It is the probability that a row with label 1 has a larger score than one with label 0, equal scores counting half.

    Args:
        scores: Real numbers (...).
        labels: 0 and 1, (...).
        weights: How much each row counts, (...).

    Returns:
        The area, from 0 to 1; NaN if all labels are the same or a score that counts is NaN.

    Raises:
        TypeError: If labels are no integers.
        ValueError: If shapes differ, or a label at hand is neither 0 nor 1.
    """
    x, y, w = _checked("roc_auc", scores, labels, weights)
    order = jn.argsort(x)
    x, y, w = x[order], y[order], w[order]
    below = jn.pad(jn.cumsum(jn.where(y == 1, 0, w)), (1, 0))
    first, last = jn.searchsorted(x, x, "left"), jn.searchsorted(x, x, "right")
    positive = jn.where(y == 1, w, 0)
    area = (positive * (below[first] + below[last]) / 2).sum()
    return as_figure(ratio(area, positive.sum() * below[-1]))


class AUC(Metric):
    """The area under the receiver operating characteristic, from histograms of the scores: see `roc_auc`.

    Scores in one bin count as equal, so that the area is off by at most half of the part of the pairs of rows that
    share a bin; scores beyond the limits are in the first and last bin. `roc_auc` is exact, of all rows at once.

    `update(scores, labels, weights=None)`: the arguments of `roc_auc`.

    Args:
        bins: The number of bins, of equal width.
        low: The lower limit of the scores.
        high: The upper limit.
    """

    positive: Total
    negative: Total

    def __init__(self, bins: int = 1000, low: float = 0.0, high: float = 1.0) -> None:
        require_integers("AUC", 1, bins=bins)
        require_reals("AUC", low=low, high=high)
        if not low < high:
            raise ValueError(f"AUC: expected low less than high, got {low} and {high}.")
        self.bins, self.low, self.high = bins, low, high
        self.positive, self.negative = Total(bins), Total(bins)

    def update(self, scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds a batch: see `roc_auc` for arguments and errors."""
        x, y, w = _checked("AUC", scores, labels, weights)
        place = jn.clip(jn.floor((x - self.low) * (self.bins / (self.high - self.low))), 0, self.bins - 1)
        place = jn.where(jn.isnan(x), 0, place).astype("int32")
        self.positive.value = self.positive.value.at[place].add(jn.where(y == 1, w, 0))
        self.negative.value = self.negative.value.at[place].add(jn.where(y == 1, 0, w))

    @property
    def value(self) -> Array:
        """The area, from 0 to 1; NaN while all labels are the same."""
        positive, negative = self.positive.value, self.negative.value
        below = jn.cumsum(negative) - negative / 2
        return as_figure(ratio((positive * below).sum(), positive.sum() * negative.sum()))


def _checked(where, scores, labels, weights):
    """Scores, labels and weights, flat; a row that must not be counted has a weight of NaN."""
    x = stop_gradient(jn.asarray(scores))
    y = labels_of(where, labels, 2)
    if x.shape != y.shape or x.dtype.kind == "c":
        got = f"{x.dtype} of shape {x.shape} and labels of shape {y.shape}"
        raise ValueError(f"{where}: expected scores and labels of one shape, got {got}. Of two logits take x[..., 1].")
    w = weights_of(where, weights, y)
    wrong = (y < 0) | (y > 1) | jn.isnan(x)
    w = poisoned(w, wrong & (w != 0))
    return jn.where(w == 0, 0, x).reshape(-1), y.reshape(-1), w.reshape(-1)
