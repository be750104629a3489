"""The mean of the gradients of several batches."""

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.numpy import asarray

from ..core.collection import Variables
from ..core.module import Module
from ..core.scope import at_once
from ..core.variable import StateVar
from ..functional.half_precision import single
from .base import States, first, references, zeros_like
from .gradients import Gradients, fitting

__all__ = ["Accumulator"]


class Accumulator(Module):
    """Adds gradients up, so that a step can be made for several batches.

    It is a module of its own, not an optimizer around another one: when a step is due is a decision of the loop, which
    then costs nothing and needs no condition under `Jit`.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> v = cuobjax.TrainVar(jn.array([1.0, 2.0]))
    >>> opt, total = cuobjax.optimizer.SGD({"v": v}), cuobjax.optimizer.Accumulator({"v": v})
    >>> for batch in range(4):
    ...     total([jn.array([1.0, batch])])  # what Grad returns
    ...     if batch % 2 == 1:
    ...         opt(0.5, total.mean())
    >>> v.value
    Array([0.  , 0.5], dtype=float32)

    Args:
        vc: The VarCollection with the variables of the gradients; other variables in it are ignored.
    """

    train_vars: States
    total: States
    count: StateVar

    def __init__(self, vc: Variables) -> None:
        self.train_vars = references(vc, "Accumulator")
        self.total = zeros_like(self.train_vars)
        self.count = StateVar(jn.array(0.0, dtype=onp.float32), reduce=first)

    def __call__(self, grads: Gradients) -> None:
        """Adds the gradients of a batch; half precision is added in float32. Errors are those of `Optimizer`."""
        gradients = fitting(grads, self.train_vars, self.train_vars.names, "Accumulator", conjugated=False)
        at_once(self._add, gradients)

    def _add(self, gradients):
        for total, g in zip(self.total, gradients, strict=True):
            total.value += single(g)
        self.count.value += 1

    def mean(self) -> list[Array]:
        """The mean of the gradients since the last call, in the order of the variables; zeros if there were none."""
        return at_once(self._take)

    def _take(self):
        count = jn.maximum(self.count.value, 1.0)
        totals = [*self.total]
        means = [asarray(total.value / asarray(count, total.value.real.dtype), total.dtype) for total in totals]
        for total in totals:
            total.value = jn.zeros_like(total.value)
        self.count.value = jn.zeros_like(self.count.value)
        return means
