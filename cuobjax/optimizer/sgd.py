"""Gradient descent, with momentum and without."""

from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..typing import ArrayLike
from ..util import class_name
from .base import Optimizer, number
from .gradients import Gradients

__all__ = ["SGD", "Momentum"]


class SGD(Optimizer):
    """Stochastic gradient descent: p -= lr * g.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
    """

    def update(self, p: TrainRef, g: Array, lr: float | Array) -> None:
        """Changes the variable `p` by its gradient `g` and the rate `lr`: see `Optimizer.update`."""
        p.value -= lr * g

    def __repr__(self) -> str:
        return f"{class_name(self)}()"


class Momentum(Optimizer):
    """Gradient descent with momentum: m = momentum * m + g, p -= lr * m; Nesterov's: p -= lr * (g + momentum * m).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        momentum: The factor of the old m; a call can give another one.
        nesterov: Whether the step looks ahead. Source: Sutskever et al. 2013.
    """

    momentum: float
    nesterov: bool
    m: ModuleList

    def __init__(self, vc: Variables, momentum: float = 0.9, nesterov: bool = False) -> None:
        super().__init__(vc)
        self.momentum = number(momentum)
        self.nesterov = nesterov
        self.m = self.zeros()

    def __call__(self, lr: ArrayLike, grads: Gradients, momentum: float | Array | None = None) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            momentum: In this call, instead of that of the optimizer.
        """
        self.apply(lr, grads, momentum=self.momentum if momentum is None else momentum)

    def update(self, p: TrainRef, g: Array, lr: float | Array, m: StateVar, momentum: float | Array) -> None:
        """Changes `p` and its `m` by the gradient `g`, the rate `lr` and `momentum`: see `Optimizer.update`."""
        m.value = g + momentum * m.value
        p.value -= lr * (g + momentum * m.value if self.nesterov else m.value)

    def __repr__(self) -> str:
        return f"{class_name(self)}(momentum={self.momentum}, nesterov={self.nesterov})"
