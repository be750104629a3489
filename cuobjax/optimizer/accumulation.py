"""The mean of the gradients of several batches."""

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.numpy import asarray

from ..core.collection import Variables
from ..core.module import Module
from ..core.scope import write
from ..core.variable import StateVar, reduce_first
from ..functional.half_precision import single
from .base import States, references, zeros_like
from .gradients import Gradients, fitting
from .lists import over_lists

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
        self.count = StateVar(jn.array(0.0, dtype=onp.float32), reduce=reduce_first)

    def __call__(self, grads: Gradients) -> None:
        """Adds the gradients of a batch; half precision is added in float32. Errors are those of `Optimizer`."""
        gradients = fitting(grads, self.train_vars, self.train_vars.names, "Accumulator", conjugated=False)
        pairs = [(total.value, g) for total, g in zip(self.total, gradients, strict=True)]
        sums = over_lists(_added, pairs, self.count.value)
        write({total: x for total, (x,) in zip(self.total, sums, strict=True)} | {self.count: self.count.value + 1})

    def mean(self) -> list[Array]:
        """The mean of the gradients since the last call, in the order of the variables; zeros if there were none."""
        means = over_lists(_divided, [(total.value,) for total in self.total], self.count.value)
        self.count.value = jn.zeros_like(self.count.value)
        return [x for (x,) in means]


def _added(total: Array, g: Array, count: Array) -> tuple[Array, ...]:
    return (jn.where(count > 0, total, 0.0) + single(g),)


def _divided(total: Array, count: Array) -> tuple[Array, ...]:
    return (jn.where(count > 0, total, 0.0) / asarray(jn.maximum(count, 1.0), total.real.dtype),)
