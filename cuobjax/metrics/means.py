"""Means over all batches."""

import cuobjax.numpy as jn
from autograd import Array, stop_gradient

from ..functional.loss.classification import cross_entropy_logits_sparse
from ..typing import ArrayLike
from ..util.convert import refuse_complex
from .base import Metric, Total, as_figure, ratio, weights_of

__all__ = ["Mean", "Perplexity"]


class Mean(Metric):
    """The mean of all elements of all batches, such as losses of examples, whatever the sizes of the batches are.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> loss = cuobjax.metrics.Mean()
    >>> loss.update(jn.array([1.0, 2.0, 3.0]))
    >>> loss.update(6.0)
    >>> float(loss.value)
    3.0
    """

    sum: Total
    weight: Total

    def __init__(self) -> None:
        self.sum, self.weight = Total(), Total()

    def update(self, x: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds numbers.

        Args:
            x: Real numbers, of any shape.
            weights: Of the shape of `x`: how often each number counts; 0 leaves it out, also NaN.

        Raises:
            TypeError: If `x` are complex numbers.
            ValueError: If the shapes differ, or a weight at hand is negative.
        """
        x = stop_gradient(jn.asarray(x))
        refuse_complex("Mean", x)
        w = weights_of(type(self).__name__, weights, x)
        self.sum.value += jn.where(w == 0, 0, w * x.astype("float64")).sum()
        self.weight.value += w.sum()

    @property
    def value(self) -> Array:
        """The mean, NaN of nothing."""
        return as_figure(ratio(self.sum.value, self.weight.value))


class Perplexity(Mean):
    """The exponential of the mean cross entropy: between how many equally likely classes a model wavers.

    `update(logits, labels, weights=None)`: logits (..., classes), integer labels (...); a weight of 0 leaves padding
    out. Errors are those of `cross_entropy_logits_sparse`, for a class that is none at hand.
    """

    def update(self, logits: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:  # type: ignore[override]
        """Adds a batch: see `Perplexity`."""
        super().update(cross_entropy_logits_sparse(stop_gradient(jn.asarray(logits)), labels), weights)

    @property
    def value(self) -> Array:
        """The perplexity, at least 1; NaN of nothing."""
        return as_figure(jn.exp(ratio(self.sum.value, self.weight.value)))
