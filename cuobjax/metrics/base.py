"""What all metrics are: totals, and a formula."""

from __future__ import annotations

import inspect
import math
from typing import Any

import cuobjax.numpy as jn
from autograd import Array, stop_gradient

from ..absent import METRIC, declare
from ..core.module import Module
from ..core.variable import StateVar
from ..dtypes import default_dtype
from ..functional.loss.arguments import require_between
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import to_shape

__all__ = ["Metric", "Total", "as_figure", "labels_of", "poisoned", "ratio", "weights_of"]


def _added(values: Array) -> Array:
    return values.sum(0)


class Total(StateVar):
    """A sum from 0 on, in float64: what `Parallel`'s devices or `Vectorize`'s lanes add to it is added up.

    Any other StateVar has the mean of their values afterwards, or what its `reduce` makes of them.

    Args:
        shape: The shape.
    """

    def __init__(self, shape: int | tuple[int, ...] = ()) -> None:
        super().__init__(jn.zeros(to_shape("Total", shape), "float64"), _added)

    def joined(self, values: Array, before: Array) -> Array:
        """The value after a call in lanes: see `BaseVar.joined`."""
        return before + (values - before).sum(0)


class Metric(Module):
    """The base of all metrics: `update` adds a batch, `value` is the figure of all batches, `reset` starts anew.

    Totals stay on the device, so that `update` waits for nothing; they are variables, which `Jit`, `Parallel` and
    checkpoints treat as those of a network. A metric of your own has Totals and these two:

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> class Largest(cuobjax.metrics.Metric):
    ...     def __init__(self):
    ...         self.sum, self.count = cuobjax.metrics.Total(), cuobjax.metrics.Total()
    ...
    ...     def update(self, x):
    ...         self.sum.value += x.max(1).sum()
    ...         self.count.value += len(x)
    ...
    ...     @property
    ...     def value(self):
    ...         return self.sum / self.count
    >>> m = Largest()
    >>> m.update(jn.array([[1.0, 2.0], [4.0, 3.0]]))
    >>> float(m.value)
    3.0
    """

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__}: has no update. Define update(self, outputs, labels).")

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Raises TypeError: a metric is no function of a batch."""
        name = type(self).__name__
        raise TypeError(f"{name}: a metric cannot be called. Write metric.update(outputs, labels), read metric.value.")

    @property
    def value(self) -> Array:
        """The figure of all batches since the last `reset`; NaN if there were none."""
        raise NotImplementedError(f"{type(self).__name__}: has no value. Define it as a property.")

    def reset(self) -> None:
        """Forgets all batches. Call it outside of `Vectorize` and `Parallel`, whose lanes and devices only add."""
        for total in self._totals():
            total.value = jn.zeros_like(total.value)

    def merge(self, other: Metric) -> None:
        """Adds all batches of another metric, of the same class with the same arguments.

        Raises:
            TypeError: If it is of another class.
            ValueError: If it has other arguments, or totals of other shapes.
        """
        where = type(self).__name__
        if type(other) is not type(self):
            raise TypeError(f"{where}.merge: expected another {where}, got {type(other).__name__}.")
        own, others = self._totals(), other._totals()
        if self._arguments() != other._arguments() or [t.shape for t in own] != [t.shape for t in others]:
            raise ValueError(f"{where}.merge: expected a metric with the same arguments, {self!r}, got {other!r}.")
        for total, value in zip(own, [t.value for t in others], strict=True):
            total.value += value

    def __repr__(self) -> str:
        """The arguments of the constructor that are attributes."""
        return f"{class_name(self)}({self._arguments()})"

    def _arguments(self):
        names = [name for name in inspect.signature(type(self)).parameters if hasattr(self, name)]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)

    def _totals(self):
        return [v for v in self.vars() if isinstance(v, Total)]


declare(Metric, METRIC)


def as_figure(x: Array) -> Array:
    """A figure in the default dtype: float64 is for the totals alone."""
    return x.astype(default_dtype())


def ratio(a: Array, b: Array, empty: float = math.nan) -> Array:
    """a / b, and `empty` where b is 0."""
    return jn.where(b == 0, empty, a / jn.where(b == 0, 1, b))


def weights_of(where: str, weights: ArrayLike | None, rows: Array) -> Array:
    """The weight of each row, 1 where none are given, in float64, on the device of the rows.

    Raises:
        ValueError: If they do not have the shape of the rows, or one at hand is negative.
    """
    if weights is None:
        return jn.ones_like(rows, dtype="float64")
    weights = stop_gradient(jn.asarray(weights))
    if weights.shape != rows.shape:
        raise ValueError(
            f"{where}: expected weights of shape {rows.shape}, got {weights.shape}. Give each row a number."
        )
    require_between(where, "weights", weights, 0, math.inf, "Rows that shall not count have the weight 0.")
    return weights.astype("float64")


def labels_of(where: str, labels: ArrayLike, classes: int | None = None) -> Array:
    """Labels as an Array of int64: products with the number of classes would not fit into bytes.

    Raises:
        TypeError: If they are no integers or booleans.
        ValueError: If one at hand is no class.
    """
    labels = jn.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"{where}: expected labels of integers, got dtype {labels.dtype}. For one-hot vectors or probabilities "
            "write labels.argmax(-1)."
        )
    labels = labels.astype("int64")
    if classes is not None:
        require_between(
            where, "labels", labels, 0, classes - 1, "Rows that shall not count get some class and the weight 0."
        )
    return labels


def poisoned(weights: Array, wrong: Array) -> Array:
    """Weights with NaN for rows that are wrong, where nobody could look: no figure comes of them."""
    return jn.where(wrong, jn.nan, weights)
