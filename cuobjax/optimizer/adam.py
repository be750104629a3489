"""Adam, and Adam with decoupled weight decay."""

import math
import operator
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..functional import rsqrt
from .base import Optimizer, decayed, squared
from .gradients import Gradients
from .hyperparameters import Hyperparameter, combined

__all__ = ["Adam", "AdamW", "debiasing"]


def debiasing(beta: Any, step: Array) -> Any:
    """1 - beta**step for the number of a step, without the cancellation of a beta near 1."""
    return combined(lambda beta: _debias(beta, step.astype(onp.float32)), beta)


def _debias(beta, step):
    if not isinstance(beta, int | float):
        return -jn.expm1(step * jn.log(beta))
    return -jn.expm1(step * (math.log(beta) if beta else -math.inf))


class Adam(Optimizer):
    """Adam. Source: Kingma & Ba 2015, Algorithm 1 in its efficient form; eps is inside the root and not debiased, as in
    Objax: m += (1 - beta1) * (g - m), v += (1 - beta2) * (abs(g)**2 - v), p -= lr * debias * m / sqrt(v + eps).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2; a call can give others.
        eps: Added to the mean of abs(g)**2.
        textbook: Whether eps is added to the root of the debiased mean, as in the paper and in PyTorch:
            p -= lr * m_hat / (sqrt(v_hat) + eps).
    """

    beta1: Hyperparameter
    beta2: Hyperparameter
    eps: Hyperparameter
    textbook: bool
    step: StateVar
    m: ModuleList
    v: ModuleList

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-8,
        *,
        textbook: bool = False,
    ) -> None:
        super().__init__(vc)
        self._set(beta1=beta1, beta2=beta2, eps=eps)
        self.textbook = textbook
        self.step = self.steps()
        self.m = self.zeros()
        self.v = self.zeros(real=True)

    def __call__(
        self,
        lr: Hyperparameter,
        grads: Gradients,
        beta1: Hyperparameter | None = None,
        beta2: Hyperparameter | None = None,
    ) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            beta1, beta2: In this call, instead of those of the optimizer.
        """
        self._advance(lr, grads, beta1, beta2)

    def _advance(self, lr, grads, beta1, beta2, **hyperparameters):
        beta1 = self.each("beta1", self.beta1 if beta1 is None else beta1)
        beta2 = self.each("beta2", self.beta2 if beta2 is None else beta2)
        step = self.step.value + 1
        root = combined(jn.sqrt, debiasing(beta2, step))
        factor = combined(operator.truediv, root, debiasing(beta1, step))
        eps = combined(operator.mul, self.eps, root) if self.textbook else self.eps
        debiased = combined(operator.mul, self.rate(lr), factor)
        self.apply(debiased, grads, beta1=beta1, beta2=beta2, eps=eps, **hyperparameters)
        self.step.value = step

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: float | Array,
        m: StateVar,
        v: StateVar,
        beta1: float | Array,
        beta2: float | Array,
        eps: float | Array,
    ) -> None:
        """Changes `p` and its `m` and `v` by the gradient `g` and the rate `lr`, debiased: see `Optimizer.update`.

        In the textbook form, sqrt(v_hat) + eps is (sqrt(v) + eps) / sqrt(1 - beta2**step) with an eps of that step.
        """
        p.value -= lr * self.direction(g, m, v, beta1, beta2, eps)

    def direction(
        self, g: Array, m: StateVar, v: StateVar, beta1: float | Array, beta2: float | Array, eps: float | Array
    ) -> Array:
        """Moves `m` and `v` towards `g` and abs(g)**2, and gives the way down that follows from them."""
        m.value += (1 - beta1) * (g - m.value)
        v.value += (1 - beta2) * (squared(g) - v.value)
        if self.textbook:
            return m.value / (jn.sqrt(v.value) + eps)
        return m.value * rsqrt(v.value + eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: p -= lr * (m_hat / (sqrt(v_hat) + eps) + weight_decay * p).

    Source: Loshchilov & Hutter 2019, Algorithm 2, whose decay is lr * weight_decay here, as in PyTorch.

    Biases and the scales of normalizations are better left as they are. They have one axis:
    `AdamW(net.vars(), weight_decay=lambda name, v: 0.01 if v.ndim > 1 else 0.0)`.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2; a call can give others.
        eps: Added to the root of the debiased mean of abs(g)**2.
        weight_decay: What a variable loses in a step, times the rate.
    """

    weight_decay: Hyperparameter

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-8,
        weight_decay: Hyperparameter = 0.01,
    ) -> None:
        super().__init__(vc, beta1, beta2, eps, textbook=True)
        self._set(weight_decay=weight_decay)

    def __call__(
        self,
        lr: Hyperparameter,
        grads: Gradients,
        beta1: Hyperparameter | None = None,
        beta2: Hyperparameter | None = None,
    ) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            beta1, beta2: In this call, instead of those of the optimizer.
        """
        decay = combined(operator.mul, self.rate(lr), self.weight_decay)
        self._advance(lr, grads, beta1, beta2, decay=decay)

    def update(  # type: ignore[override]
        self,
        p: TrainRef,
        g: Array,
        lr: float | Array,
        m: StateVar,
        v: StateVar,
        beta1: float | Array,
        beta2: float | Array,
        eps: float | Array,
        decay: float | Array,
    ) -> None:
        """Changes `p`, `m` and `v` by the gradient `g` and the debiased rate `lr`; `decay` is lr * weight_decay."""
        p.value -= decayed(lr * self.direction(g, m, v, beta1, beta2, eps), p, decay)
