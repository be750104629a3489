"""Lion."""

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from .base import Optimizer, decayed, towards
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps of one size: p -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * p), m += (1 - beta2) * (g - m).

    Source: Chen et al. 2023, Algorithm 2. The sign of a complex number is z / |z|. The rate is a third to a tenth of
    Adam's, the weight decay, which is decoupled, that much greater.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1: The part of m in the step.
        beta2: The decay rate of the mean of g.
        weight_decay: Taken off p as lr * weight_decay * p.
    """

    beta1: Hyperparameter
    beta2: Hyperparameter
    weight_decay: Hyperparameter
    m: ModuleList
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.99,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc)
        self._set(beta1=beta1, beta2=beta2, weight_decay=weight_decay)
        self.m = self.zeros()

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, beta1=self.beta1, beta2=self.beta2, weight_decay=self.weight_decay)

    def update(
        self, p: TrainRef, g: Array, lr: Number, m: StateVar, beta1: Number, beta2: Number, weight_decay: Number
    ) -> None:
        """Changes `p` and its `m` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        p.value -= lr * decayed(jn.sign(g + beta1 * (m.value - g)), p, weight_decay)
        m.value = towards(m.value, g, beta2)
