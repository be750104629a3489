"""Figures of classes: outputs against labels."""

from typing import Literal, TypeAlias, get_args

import cuobjax.numpy as jn
from autograd import Array, device, stop_gradient

from ..functional.loss.arguments import require_between
from ..typing import ArrayLike
from ..util.convert import require_integers, require_reals
from .base import Metric, Total, as_figure, labels_of, poisoned, ratio, weights_of

__all__ = ["F1", "Accuracy", "ConfusionMatrix", "PerClass", "Precision", "Recall", "TopK"]

NONE = -1  # the class of a row of outputs with NaN
_Word: TypeAlias = Literal["binary", "macro", "micro", "weighted"]
Average: TypeAlias = _Word | None
AVERAGES = (*get_args(_Word), None)


def predictions(where: str, outputs: ArrayLike, labels: Array, threshold: float | None) -> Array:
    """The class of each row of outputs.

    Args:
        where: Who asks, for errors.
        outputs: Scores (..., classes), of which the largest wins; or classes (...), integers or booleans; or, with a
            threshold, scores (...) of class 1, which may be integers.
        labels: The labels.
        threshold: Above it, a score means class 1: 0.5 for probabilities, 0 for logits.
    """
    x = stop_gradient(jn.asarray(outputs))
    numbers = x.dtype.kind in "biu"
    if not numbers and threshold is None and x.ndim == labels.ndim + 1 and x.shape[:-1] == labels.shape and x.shape[-1]:
        return jn.where(jn.isnan(x).any(-1), NONE, x.argmax(-1))
    if x.shape == labels.shape and numbers and (threshold is None or x.dtype.kind == "b"):
        return x.astype("int64")
    if x.shape == labels.shape and threshold is not None and x.dtype.kind != "c":
        return jn.where(jn.isnan(x), NONE, x > threshold)
    if x.shape == labels.shape and threshold is None:
        remedy = f"Write {where}(threshold=0.5) for probabilities of class 1, threshold=0 for logits."
    else:
        remedy = "Scores are floating-point numbers with one more axis than labels, that of the classes."
    expected = f"outputs of shape {(*labels.shape, 'classes')}".replace("'", "") if threshold is None else "scores"
    got = f"{x.dtype} of shape {x.shape} and labels of shape {labels.shape}"
    raise ValueError(f"{where}: expected {expected} and labels of shape (...), got {got}. {remedy}")


class Accuracy(Metric):
    """The part of the rows whose largest output is that of their label.

    `update(outputs, labels, weights=None)`, here and for the other classes of this module: scores (..., classes), or
    integer classes (...), and integer labels (...); `weights` (...) say how much each row counts, 0 leaves it out.
    A row of outputs with NaN has no class: it counts as wrong.

    Args:
        threshold: For scores (...) of class 1, those above it mean class 1: 0.5 for probabilities, 0 for logits.

    Raises:
        TypeError: If labels are no integers, or the threshold is no number.
        ValueError: If shapes do not fit, or a label at hand is none of the classes that scores have.
    """

    correct: Total
    count: Total

    def __init__(self, threshold: float | None = None) -> None:
        require_reals("Accuracy", threshold=0 if threshold is None else threshold)
        self.threshold = threshold
        self.correct, self.count = Total(), Total()

    def update(self, outputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds a batch: see `Accuracy`."""
        y = labels_of("Accuracy", labels)
        w = weights_of("Accuracy", weights, y)
        found = predictions("Accuracy", outputs, y, self.threshold)
        scores = jn.shape(outputs)[y.ndim :]
        classes = 2 if self.threshold is not None else scores[0] if scores else None
        if classes is not None:
            labels_of("Accuracy", y, classes)
            w = poisoned(w, (y < 0) | (y >= classes))
        self._add(found == y, w)

    def _add(self, correct: Array, w: Array) -> None:
        self.correct.value += jn.where(correct, w, 0).sum()
        self.count.value += w.sum()

    @property
    def value(self) -> Array:
        """The accuracy, from 0 to 1; NaN of nothing."""
        return as_figure(ratio(self.correct.value, self.count.value))


class TopK(Accuracy):
    """The part of the rows whose label is among the k largest of their scores (..., classes).

    Of equal scores the later class is the larger one, as for scikit-learn. See `Accuracy` for `update`.

    Args:
        k: How many classes are looked at.

    Raises:
        ValueError: If `k` is less than 1 or more than there are classes, or a label at hand is no class.
    """

    def __init__(self, k: int = 5) -> None:
        require_integers("TopK", 1, k=k)
        super().__init__()
        self.k = k

    def update(self, outputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds a batch: see `Accuracy`."""
        x = stop_gradient(jn.asarray(outputs))
        if not x.ndim or x.dtype.kind in "biuc":
            raise ValueError(f"TopK: expected scores of shape (..., classes), got {x.dtype} of shape {x.shape}.")
        classes = x.shape[-1]
        if self.k > classes:
            raise ValueError(f"TopK: expected scores of at least {self.k} classes, got {classes}. Take a smaller k.")
        y = labels_of("TopK", labels, classes)
        if x.shape[:-1] != y.shape:
            raise ValueError(f"TopK: expected labels of shape {x.shape[:-1]}, got {y.shape}.")
        with device(y.device):
            places = jn.arange(classes)
        own = places == y[..., None]
        score = jn.where(own, x, -jn.inf).max(-1, keepdims=True)
        larger = (x > score) | ((x == score) & (places > y[..., None]))
        w = weights_of("TopK", weights, y)
        self._add((larger.sum(-1) < self.k) & ~jn.isnan(x).any(-1), poisoned(w, ~own.any(-1)))


class _OfClasses(Metric):
    """Figures that need the number of classes."""

    def __init__(self, classes: int, threshold: float | None) -> None:
        require_integers(type(self).__name__, 1, classes=classes)
        require_reals(type(self).__name__, threshold=0 if threshold is None else threshold)
        if threshold is not None and classes != 2:
            raise ValueError(f"{type(self).__name__}: expected 2 classes with a threshold, got {classes}.")
        self.classes, self.threshold = classes, threshold

    def _pairs(self, outputs, labels, weights):
        """Labels, predicted classes and weights of all rows, flat. The class of a row with NaN is NONE."""
        where, n = type(self).__name__, self.classes
        y = labels_of(where, labels, n)
        w = weights_of(where, weights, y)
        x = jn.asarray(outputs)
        if x.ndim > y.ndim and x.shape[-1] != n:
            raise ValueError(f"{where}: expected scores of {n} classes, got outputs of shape {x.shape}.")
        if x.dtype.kind in "iu" and self.threshold is None:
            require_between(where, "classes", x, 0, n - 1, f"Make {where} with the number of all classes.")
        found = predictions(where, x, y, self.threshold)
        w = poisoned(w, (y < 0) | (y >= n) | (found < NONE) | (found >= n))
        return y.reshape(-1), found.reshape(-1), w.reshape(-1)


def _count(total, index, weights):
    """Adds each weight to the element of a total at an index of the flat one, those at any other to the first one."""
    counts = total.value.reshape(-1)
    places = jn.where((index < 0) | (index >= counts.size), 0, index)
    total.value = counts.at[places].add(weights).reshape(total.shape)


class ConfusionMatrix(_OfClasses):
    """How many rows of each label (first axis) have each class (second axis).

    See `Accuracy` for `update`. A row of outputs with NaN is in no column.

    Args:
        classes: The number of classes.
        threshold: See `Accuracy`.

    Raises:
        ValueError: If a label or class at hand is none.
    """

    counts: Total

    def __init__(self, classes: int, threshold: float | None = None) -> None:
        super().__init__(classes, threshold)
        self.counts = Total((classes, classes))

    def update(self, outputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds a batch: see `Accuracy`."""
        y, found, w = self._pairs(outputs, labels, weights)
        w = jn.where(found == NONE, 0, w)
        _count(self.counts, y * self.classes + found, w)

    @property
    def value(self) -> Array:
        """The counts (classes, classes), in float64, which is exact up to 2**53."""
        return self.counts.value


class PerClass(_OfClasses):
    """A figure of each class, and their average, which are scikit-learn's.

    Args:
        classes: The number of classes.
        average: "binary": the figure of class 1 of 2 classes. "macro": the mean of the figures of all classes that
            occur among labels or predictions; "weighted": their mean, weighted by the numbers of their labels; "micro":
            the figure of the counts of all classes together; None: the figure of each class, (classes,).
        threshold: See `Accuracy`.
    """

    hits: Total
    predicted: Total
    actual: Total

    def __init__(self, classes: int = 2, average: Average = "binary", threshold: float | None = None) -> None:
        where = type(self).__name__
        if average not in AVERAGES:
            raise ValueError(f"{where}: expected average as one of {', '.join(map(repr, AVERAGES))}, got {average!r}.")
        if average == "binary" and classes != 2:
            raise ValueError(f"{where}: expected average='macro', 'micro', 'weighted' or None for {classes} classes.")
        super().__init__(classes, threshold)
        self.average = average
        self.hits, self.predicted, self.actual = Total(classes), Total(classes), Total(classes)

    def update(self, outputs: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds a batch: see `Accuracy`."""
        y, found, w = self._pairs(outputs, labels, weights)
        _count(self.hits, y, jn.where(y == found, w, 0))
        _count(self.predicted, found, jn.where(found == NONE, 0, w))
        _count(self.actual, y, w)

    @property
    def value(self) -> Array:
        """The figure, from 0 to 1; 0 for a class without what it is divided by, NaN of nothing."""
        hits, predicted, actual = self.hits.value, self.predicted.value, self.actual.value
        if self.average == "micro":
            hits, predicted, actual = hits.sum(), predicted.sum(), actual.sum()
        above, below = self._parts(hits, predicted, actual)
        figures = jn.where(actual.sum() > 0, ratio(above, below, empty=0), jn.nan)  # NaN, too, of a row that is wrong
        if self.average == "binary":
            figures = figures[1]
        elif self.average == "macro":
            occurs = predicted + actual > 0
            figures = jn.where(occurs, figures, 0).sum() / occurs.sum()
        elif self.average == "weighted":
            figures = (figures * actual).sum() / actual.sum()
        return as_figure(figures)

    def _parts(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        """The numerator and the denominator of the figure."""
        raise NotImplementedError


class Precision(PerClass):
    """Of the rows that have a class by prediction, the part whose label it is.

    See `PerClass` for the arguments, and `Accuracy` for `update`.
    """

    def _parts(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return hits, predicted


class Recall(PerClass):
    """Of the rows whose label is a class, the part that has it by prediction.

    See `PerClass` for the arguments, and `Accuracy` for `update`.
    """

    def _parts(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return hits, actual


class F1(PerClass):
    """The harmonic mean of precision and recall, of each class.

    See `PerClass` for the arguments, and `Accuracy` for `update`.
    """

    def _parts(self, hits: Array, predicted: Array, actual: Array) -> tuple[Array, Array]:
        return 2 * hits, predicted + actual
