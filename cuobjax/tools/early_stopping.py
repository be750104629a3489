"""Early stopping: the best values of a network, and when to stop looking for better ones."""

import math
from typing import Any, Literal

from autograd import Array

from ..core.collection import VarCollection, Variables, assign_all
from ..core.replication import require_one_value
from ..core.scope import at_once
from ..core.variable import BaseVar, referred
from ..util.convert import require_integers, require_reals, to_number

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Keeps the values of variables that gave the best metric, and says when there was none better for some time.

    Arrays never change, so that the best values cost no copy, only their memory.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> v = cuobjax.StateVar(jn.zeros(()))
    >>> early = cuobjax.EarlyStopping({"v": v}, patience=2)
    >>> for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.5, 0.5]):
    ...     v.value = jn.array(float(epoch))
    ...     if early(loss):
    ...         break
    >>> epoch, early.best, early.restore(), float(v.value)
    (3, 1.0, None, 1.0)

    Args:
        vc: The variables; those of a network, such as running means, as well as the trained ones.
        patience: After how many metrics that are not better it says so.
        mode: "min" for losses, "max" for accuracies.
        min_delta: By how much a metric must be better to count.

    Attributes:
        best: The best metric so far; NaN before there is one.
        count: How many metrics there were since.

    Raises:
        TypeError: If `patience` is no integer.
        ValueError: If it is less than 1, `mode` another word, or `min_delta` negative.
    """

    best: float
    count: int

    def __init__(
        self, vc: Variables, patience: int, mode: Literal["min", "max"] = "min", min_delta: float = 0.0
    ) -> None:
        require_integers("EarlyStopping", 1, patience=patience)
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: expected mode 'min' or 'max', got {mode!r}.")
        require_reals("EarlyStopping", min_delta=min_delta)
        if not min_delta >= 0:
            raise ValueError(f"EarlyStopping: expected min_delta of at least 0, got {min_delta}.")
        self.patience, self.mode, self.min_delta = patience, mode, min_delta
        self.best, self.count = math.nan, 0
        self._variables = [*dict.fromkeys(map(referred, VarCollection(vc)))]
        self._values: dict[BaseVar, Array] | None = None

    def __call__(self, metric: Any) -> bool:
        """Takes the metric of an epoch; whether to stop. NaN is not better than anything.

        Args:
            metric: A number, or an array of shape (), which is read.

        Raises:
            ValueError: If a variable has a value for each device, within `VarCollection.replicate`.
        """
        require_one_value("EarlyStopping", self._variables)
        number = to_number("EarlyStopping", "metric", metric)
        gain = (self.best - number) if self.mode == "min" else (number - self.best)
        if gain > self.min_delta or (math.isnan(self.best) and not math.isnan(number)):
            self.best, self.count = number, 0
            self._values = {v: v.value for v in self._variables}
        else:
            self.count += 1
        return self.count >= self.patience

    def restore(self) -> None:
        """Assigns the best values; ValueError if there was no metric yet, or within `VarCollection.replicate`."""
        require_one_value("EarlyStopping.restore", self._variables)
        if self._values is None:
            raise ValueError("EarlyStopping.restore: expected a metric before. Call early(metric) after each epoch.")
        at_once(assign_all, self._values)
