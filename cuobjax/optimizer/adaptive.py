"""Steps in units of the root mean square of the gradients so far."""

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..functional.loss.regression import squared
from .base import Optimizer, decayed, towards
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class RMSprop(Optimizer):
    """v = rho * v + (1 - rho) * abs(g)**2, d = g / (sqrt(v) + eps), p -= lr * d; with momentum m = momentum * m + d,
    p -= lr * m.

    Source: Tieleman & Hinton 2012; eps is outside of the root and momentum follows it, as in PyTorch.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        rho: The decay rate of the mean of abs(g)**2.
        eps: Added to the root.
        momentum: The factor of the old m; without it there is no m.
        centered: Whether the square of the mean of g is taken off v. Source: Graves 2013, equation 40.
        weight_decay: Added to g as weight_decay * p.
    """

    rho: Hyperparameter
    eps: Hyperparameter
    momentum: Hyperparameter
    centered: bool
    weight_decay: Hyperparameter
    v: ModuleList
    m: ModuleList | None
    mean: ModuleList | None
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        rho: Hyperparameter = 0.99,
        eps: Hyperparameter = 1e-8,
        *,
        momentum: Hyperparameter = 0.0,
        centered: bool = False,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc)
        self._set(rho=rho, eps=eps, momentum=momentum, weight_decay=weight_decay)
        self.centered = centered
        self.v = self.zeros(real=True)
        self.m = None if self._has_no_momentum() else self.zeros()
        self.mean = self.zeros() if centered else None

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        if (self.m is None, self.mean is None) != (self._has_no_momentum(), not self.centered):
            raise ValueError("RMSprop: expected momentum and centered as they were at first. Make another optimizer.")
        self.apply(lr, grads, rho=self.rho, eps=self.eps, momentum=self.momentum, weight_decay=self.weight_decay)

    def _has_no_momentum(self):
        return isinstance(self.momentum, int | float) and not self.momentum

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        v: StateVar,
        rho: Number,
        eps: Number,
        momentum: Number,
        weight_decay: Number,
        m: StateVar | None = None,
        mean: StateVar | None = None,
    ) -> None:
        """Changes `p` and its states by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        g = decayed(g, p, weight_decay)
        v.value = towards(v.value, squared(g), rho)
        variance = v.value
        if mean is not None:
            mean.value = towards(mean.value, g, rho)
            variance = jn.maximum(variance - squared(mean.value), 0)  # what rounding leaves below 0
        d = g / (jn.sqrt(variance) + eps)
        if m is not None:
            m.value = d = momentum * m.value + d
        p.value -= lr * d


class Adagrad(Optimizer):
    """v += abs(g)**2, p -= lr * g / (sqrt(v) + eps).

    Source: Duchi et al. 2011, Figure 1, diagonal; eps is outside of the root, as in PyTorch.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        eps: Added to the root.
        initial: What v is at first.
        weight_decay: Added to g as weight_decay * p.
    """

    eps: Hyperparameter
    initial: float
    weight_decay: Hyperparameter
    v: ModuleList
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        *,
        eps: Hyperparameter = 1e-10,
        initial: float = 0.0,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc)
        self._set(eps=eps, weight_decay=weight_decay)
        self._set_for_all(initial=initial)
        self.v = self.zeros(real=True)
        for v in self.v:
            v.value += self.initial

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, eps=self.eps, weight_decay=self.weight_decay)

    def update(self, p: TrainRef, g: Array, lr: Number, v: StateVar, eps: Number, weight_decay: Number) -> None:
        """Changes `p` and its `v` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        g = decayed(g, p, weight_decay)
        v.value += squared(g)
        p.value -= lr * g / (jn.sqrt(v.value) + eps)


class Adadelta(Optimizer):
    """v = rho * v + (1 - rho) * abs(g)**2, d = sqrt(u + eps) / sqrt(v + eps) * g, u = rho * u + (1 - rho) * abs(d)**2,
    p -= lr * d.

    Source: Zeiler 2012, Algorithm 1, where lr is 1.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        rho: The decay rate of the means of abs(g)**2 and of abs(d)**2.
        eps: Added to these means.
        weight_decay: Added to g as weight_decay * p.
    """

    rho: Hyperparameter
    eps: Hyperparameter
    weight_decay: Hyperparameter
    v: ModuleList
    u: ModuleList
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        rho: Hyperparameter = 0.9,
        eps: Hyperparameter = 1e-6,
        *,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc)
        self._set(rho=rho, eps=eps, weight_decay=weight_decay)
        self.v = self.zeros(real=True)
        self.u = self.zeros(real=True)

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, rho=self.rho, eps=self.eps, weight_decay=self.weight_decay)

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        v: StateVar,
        u: StateVar,
        rho: Number,
        eps: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p` and its `v` and `u` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        g = decayed(g, p, weight_decay)
        v.value = towards(v.value, squared(g), rho)
        d = jn.sqrt((u.value + eps) / (v.value + eps)) * g
        u.value = towards(u.value, squared(d), rho)
        p.value -= lr * d
