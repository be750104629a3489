"""Adam, and Adam with decoupled weight decay."""

import math
import operator
from typing import Any, NamedTuple

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..functional import rsqrt
from ..functional.loss.regression import squared
from .base import Optimizer, decayed, towards
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number, PerVariable, combined
from .lists import over_lists

__all__ = ["Adam", "AdamW", "Moments", "OfStep"]


def _logarithm(beta: Any) -> Any:
    """log(beta), from which 1 - beta**step follows without the cancellation of a beta near 1."""
    if not isinstance(beta, int | float):
        return jn.log(beta)
    return math.log(beta) if beta else -math.inf


class OfStep(NamedTuple):
    """Scalars of a step.

    Attributes:
        factor: sqrt(1 - beta2**step) / (1 - beta1**step), what debiases m / sqrt(v).
        root: That root.
        rate: The learning rate times the factor.
        eps: eps times the root.
    """

    factor: Any
    root: Any
    rate: Any
    eps: Any


def _of_step(step: Array, log1: Number, log2: Number, lr: Number, eps: Number) -> tuple[Array, ...]:
    """The number of the step after `step` ones, and its scalars."""
    step = step + 1
    t = step.astype(onp.float32)
    root = jn.sqrt(-jn.expm1(t * log2))
    factor = root / -jn.expm1(t * log1)
    return step, factor, root, lr * factor, eps * root


class Moments(Optimizer):
    """The base of Adam and its relatives, which keep the means of g and of abs(g)**2.

    Args:
        vc, beta1, beta2, eps: As for `Adam`.
    """

    beta1: Hyperparameter
    beta2: Hyperparameter
    eps: Hyperparameter
    step: StateVar
    m: ModuleList
    v: ModuleList

    def __init__(self, vc: Variables, beta1: Hyperparameter, beta2: Hyperparameter, eps: Hyperparameter) -> None:
        super().__init__(vc)
        self._set(beta1=beta1, beta2=beta2, eps=eps)
        self.step = self.steps()
        self.m = self.zeros()
        self.v = self.zeros(real=True)

    def move(self, g: Array, m: StateVar, v: StateVar, beta1: Number, beta2: Number) -> None:
        """Moves the means `m` and `v` towards `g` and abs(g)**2."""
        m.value = towards(m.value, g, beta1)
        v.value = towards(v.value, squared(g), beta2)

    def _advance(self, lr, grads, beta1=None, beta2=None, **hyperparameters):
        """Makes a step of Adam, whose rate has the factors of both means: m_hat / sqrt(v_hat) is factor * m / sqrt(v)
        with factor = root / (1 - beta1**step), and sqrt(v_hat) + eps is (sqrt(v) + root * eps) / root."""
        beta1, beta2 = self._of_call("beta1", beta1), self._of_call("beta2", beta2)
        lists = [(self.step.value,)]
        found = combined(
            lambda beta1, beta2, lr, eps: over_lists(_of_step, lists, _logarithm(beta1), _logarithm(beta2), lr, eps)[0],
            *(beta1, beta2, self.rate(lr), self.eps),
        )
        step, *scalars = (combined(operator.itemgetter(i), found) for i in range(5))
        self._apply(lr, grads, OfStep(*scalars), beta1=beta1, beta2=beta2, **hyperparameters)
        self.step.value = step[0] if isinstance(step, PerVariable) else step

    def _apply(self, lr, grads, of_step, **hyperparameters):
        """Calls `apply` with what it needs of the scalars of the step."""
        raise NotImplementedError


class Adam(Moments):
    """Adam. Source: Kingma & Ba 2015, Algorithm 1 in its efficient form; eps is inside the root and not debiased, as in
    Objax: m += (1 - beta1) * (g - m), v += (1 - beta2) * (abs(g)**2 - v), p -= lr * debias * m / sqrt(v + eps).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2; a call can give others.
        eps: Added to the mean of abs(g)**2.
        textbook: Whether eps is added to the root of the debiased mean, as in the paper and in PyTorch:
            p -= lr * m_hat / (sqrt(v_hat) + eps).
    """

    textbook: bool
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-8,
        *,
        textbook: bool = False,
    ) -> None:
        super().__init__(vc, beta1, beta2, eps)
        self.textbook = textbook

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

    def _apply(self, lr, grads, of_step, **hyperparameters):
        self.apply(of_step.rate, grads, eps=of_step.eps if self.textbook else self.eps, **hyperparameters)

    def update(
        self, p: TrainRef, g: Array, lr: Number, m: StateVar, v: StateVar, beta1: Number, beta2: Number, eps: Number
    ) -> None:
        """Changes `p` and its `m` and `v` by the gradient `g` and the rate `lr`, debiased: see `Optimizer.update`."""
        self.move(g, m, v, beta1, beta2)
        p.value -= lr * self.direction(m, v, eps)

    def direction(self, m: StateVar, v: StateVar, eps: Number) -> Array:
        """The way down that follows from the means; in the textbook form, eps is that of the step."""
        return m.value / (jn.sqrt(v.value) + eps) if self.textbook else m.value * rsqrt(v.value + eps)


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
    elementwise = True

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

    def _apply(self, lr, grads, of_step, **hyperparameters):
        decay = combined(operator.mul, self.rate(lr), self.weight_decay)
        super()._apply(lr, grads, of_step, decay=decay, **hyperparameters)

    def update(  # type: ignore[override]
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        v: StateVar,
        beta1: Number,
        beta2: Number,
        eps: Number,
        decay: Number,
    ) -> None:
        """Changes `p`, `m` and `v` by the gradient `g` and the debiased rate `lr`; `decay` is lr * weight_decay."""
        self.move(g, m, v, beta1, beta2)
        p.value -= decayed(lr * self.direction(m, v, eps), p, decay)
