"""Adam."""

import math
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.numpy import asarray

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..functional import rsqrt
from ..typing import ArrayLike
from ..util import class_name
from .base import Optimizer, learning_rate, number, real_dtype
from .gradients import Gradients


def _debias(beta: float | Array, step: Array) -> Array:
    """1 - beta**step, without the cancellation of a beta near 1."""
    if not isinstance(beta, int | float):
        return -jn.expm1(step * jn.log(beta))
    return -jn.expm1(step * (math.log(beta) if beta else -math.inf))


def _first(x):
    """The first of the values of several devices or lanes, which are all the same."""
    return x[0]


__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam. Source: Kingma & Ba 2015, Algorithm 1 in its efficient form; eps is inside the root and not debiased, as in
    Objax: m += (1 - beta1) * (g - m), v += (1 - beta2) * (abs(g)**2 - v), p -= lr * debias * m / sqrt(v + eps).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2; a call can give others.
        eps: Added to the mean of abs(g)**2.
    """

    beta1: float
    beta2: float
    eps: float
    step: StateVar
    m: ModuleList
    v: ModuleList

    def __init__(self, vc: Variables, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__(vc)
        self.beta1, self.beta2, self.eps = number(beta1), number(beta2), number(eps)
        self.step = StateVar(jn.array(0, dtype=onp.uint32), reduce=_first)
        self.m = self.zeros()
        self.v = self.zeros(real=True)

    def __call__(
        self,
        lr: ArrayLike,
        grads: Gradients,
        beta1: float | Array | None = None,
        beta2: float | Array | None = None,
    ) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            beta1, beta2: In this call, instead of those of the optimizer.
        """
        beta1 = self.beta1 if beta1 is None else number(beta1)
        beta2 = self.beta2 if beta2 is None else number(beta2)
        step = self.step.value + 1
        t = step.astype(onp.float32)
        debiased = learning_rate(lr) * (jn.sqrt(_debias(beta2, t)) / _debias(beta1, t))
        self.apply(debiased, grads, beta1=beta1, beta2=beta2)
        self.step.value = step

    def update(
        self, p: TrainRef, g: Array, lr: Any, m: StateVar, v: StateVar, beta1: float | Array, beta2: float | Array
    ) -> None:
        """Changes `p` and its `m` and `v` by the gradient `g`, the rate `lr`, debiased, `beta1` and `beta2`."""
        m.value += (1 - beta1) * (g - m.value)
        squared = jn.real(g * jn.conj(g)) if g.dtype.kind == "c" else g * g
        v.value += (1 - beta2) * (squared - v.value)
        p.value -= asarray(lr * m.value * rsqrt(asarray(v.value, lr.dtype) + self.eps), p.dtype)

    def _rate_dtype(self, p: TrainRef) -> onp.dtype[Any]:
        return jn.result_type(real_dtype(p.dtype), onp.float32)  # eps is 0 in float16

    def __repr__(self) -> str:
        return f"{class_name(self)}(beta1={self.beta1}, beta2={self.beta2}, eps={self.eps})"
