"""Gradient descent, with momentum and without."""

from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from .base import Optimizer, decayed
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number

__all__ = ["SGD", "Momentum"]


class SGD(Optimizer):
    """Stochastic gradient descent: p -= lr * (g + weight_decay * p).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        weight_decay: That of the penalty weight_decay / 2 * p**2, which here is decoupled weight decay as well.
    """

    weight_decay: Hyperparameter
    elementwise = True

    def __init__(self, vc: Variables, *, weight_decay: Hyperparameter = 0.0) -> None:
        super().__init__(vc)
        self._set(weight_decay=weight_decay)

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, weight_decay=self.weight_decay)

    def update(self, p: TrainRef, g: Array, lr: Number, weight_decay: Number) -> None:
        """Changes the variable `p` by its gradient `g` and the rate `lr`: see `Optimizer.update`."""
        p.value -= lr * decayed(g, p, weight_decay)


class Momentum(Optimizer):
    """Gradient descent with momentum: m = momentum * m + g, p -= lr * m; Nesterov's: p -= lr * (g + momentum * m).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        momentum: The factor of the old m; a call can give another one.
        nesterov: Whether the step looks ahead. Source: Sutskever et al. 2013.
        weight_decay: Added to g as weight_decay * p, as in PyTorch; or, if `decoupled`, taken off p as
            lr * weight_decay * p. Source: Loshchilov & Hutter 2019, Algorithm 1, whose decay is lr * weight_decay here.
        decoupled: Whether the weight decay stays out of m.
    """

    momentum: Hyperparameter
    nesterov: bool
    weight_decay: Hyperparameter
    decoupled: bool
    m: ModuleList
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        momentum: Hyperparameter = 0.9,
        nesterov: bool = False,
        *,
        weight_decay: Hyperparameter = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(vc)
        self._set(momentum=momentum, weight_decay=weight_decay)
        self.nesterov, self.decoupled = nesterov, decoupled
        self.m = self.zeros()

    def __call__(self, lr: Hyperparameter, grads: Gradients, momentum: Hyperparameter | None = None) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            momentum: In this call, instead of that of the optimizer.
        """
        self.apply(lr, grads, momentum=self._of_call("momentum", momentum), weight_decay=self.weight_decay)

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        momentum: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p` and its `m` by the gradient `g`, the rate `lr` and `momentum`: see `Optimizer.update`."""
        d = g if self.decoupled else decayed(g, p, weight_decay)
        m.value = d + momentum * m.value
        d = d + momentum * m.value if self.nesterov else m.value
        p.value -= lr * (decayed(d, p, weight_decay) if self.decoupled else d)
