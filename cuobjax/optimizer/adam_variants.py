"""Relatives of Adam: with Nesterov's momentum, with a rectified variance, with a rate for each layer."""

import math
import operator
from typing import Any

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.variable import StateVar, TrainRef, reduce_first
from .adam import Moments
from .base import decayed, norm
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number, combined
from .lists import over_lists

__all__ = ["LAMB", "NAdam", "RAdam"]


class NAdam(Moments):
    """Adam with Nesterov's momentum: p -= lr * (a * g + b * m) / (sqrt(v_hat) + eps), where a and b debias what the
    next step would make of m.

    Source: Dozat 2016, Algorithm 2, with the schedule mu = beta1 * (1 - 0.96**(step * momentum_decay) / 2), as in
    PyTorch.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2. beta1 is the same for all variables.
        eps: Added to the root of the debiased mean of abs(g)**2.
        momentum_decay: How fast mu goes from beta1 / 2 to beta1.
        weight_decay: Added to g as weight_decay * p; or, if `decoupled`, taken off p as lr * weight_decay * p.
        decoupled: Whether the weight decay stays out of m and v.
    """

    momentum_decay: float
    weight_decay: Hyperparameter
    decoupled: bool
    mu_product: StateVar
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-8,
        momentum_decay: float = 0.004,
        *,
        weight_decay: Hyperparameter = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(vc, beta1, beta2, eps)
        self._set(weight_decay=weight_decay)
        self._set_for_all(beta1=beta1, momentum_decay=momentum_decay)
        self.decoupled = decoupled
        self.mu_product = StateVar(jn.array(1.0, dtype="float32"), reduce=reduce_first)

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self._advance(lr, grads, weight_decay=self.weight_decay)

    def _apply(self, lr, grads, of_step, **hyperparameters):
        step = self.step.value.astype("float32")
        given: Any = self.beta1, self.momentum_decay
        ((mu, following, product),) = over_lists(_momenta, [(step, self.mu_product.value)], *given)
        factors = combined(lambda root: over_lists(_of_nesterov, [(root, mu, following, product)])[0], of_step.root)
        of_g, of_m = (combined(operator.itemgetter(i), factors) for i in range(2))
        self.apply(lr, grads, of_g=of_g, of_m=of_m, eps=of_step.eps, **hyperparameters)
        self.mu_product.value = product

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        v: StateVar,
        beta1: Number,
        beta2: Number,
        eps: Number,
        of_g: Number,
        of_m: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p`, `m` and `v` by the gradient `g`, of which and of `m` the step has the factors `of_g`, `of_m`."""
        g = g if self.decoupled else decayed(g, p, weight_decay)
        self.move(g, m, v, beta1, beta2)
        d = (of_g * g + of_m * m.value) / (jn.sqrt(v.value) + eps)
        p.value -= lr * (decayed(d, p, weight_decay) if self.decoupled else d)


def _momenta(step: Array, product: Array, beta1: Number, momentum_decay: Number) -> tuple[Array, ...]:
    """The momentum of the step after `step` ones and of the one after it, and the product of all up to the first."""
    log = math.log(0.96)
    mu, following = (beta1 * (1 - 0.5 * jn.exp((step + n) * momentum_decay * log)) for n in (1, 2))
    return mu, following, product * mu


def _of_nesterov(root: Array, mu: Array, following: Array, product: Array) -> tuple[Array, ...]:
    """The factors of g and m."""
    return root * (1 - mu) / (1 - product), root * following / (1 - product * following)


class RAdam(Moments):
    """Adam whose first steps, in which v is not known well enough, go along m: p -= lr * m_hat, then
    p -= lr * r * m_hat * sqrt(1 - beta2**step) / (sqrt(v) + eps).

    Source: Liu et al. 2020, Algorithm 2; as in PyTorch, eps is added to the root of v, which is not debiased, and v
    counts where rho > 5 in place of rho > 4.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2.
        eps: Added to the root of the mean of abs(g)**2.
        weight_decay: Added to g as weight_decay * p; or, if `decoupled`, taken off p as lr * weight_decay * p.
        decoupled: Whether the weight decay stays out of m and v.
    """

    weight_decay: Hyperparameter
    decoupled: bool
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-8,
        *,
        weight_decay: Hyperparameter = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(vc, beta1, beta2, eps)
        self._set(weight_decay=weight_decay)
        self.decoupled = decoupled

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self._advance(lr, grads, weight_decay=self.weight_decay)

    def _apply(self, lr, grads, of_step, **hyperparameters):
        step = self.step.value.astype("float32") + 1
        factors = combined(
            lambda root, factor, beta2: over_lists(_rectified, [(step, root, factor)], beta2)[0],
            of_step.root,
            of_step.factor,
            hyperparameters["beta2"],
        )
        of_ratio, of_m = (combined(operator.itemgetter(i), factors) for i in range(2))
        self.apply(lr, grads, of_ratio=of_ratio, of_m=of_m, eps=self.eps, **hyperparameters)

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        v: StateVar,
        beta1: Number,
        beta2: Number,
        eps: Number,
        of_ratio: Number,
        of_m: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p`, `m` and `v` by `g`; the step goes along `m` or m / sqrt(v): one of the two factors is 0."""
        g = g if self.decoupled else decayed(g, p, weight_decay)
        self.move(g, m, v, beta1, beta2)
        d = m.value * (of_ratio / (jn.sqrt(v.value) + eps) + of_m)
        p.value -= lr * (decayed(d, p, weight_decay) if self.decoupled else d)


def _rectified(step: Array, root: Array, factor: Array, beta2: Number) -> tuple[Array, ...]:
    """The factors of m / sqrt(v) and of m. The first one has r of the paper, and is 0 where the length rho of the
    approximated average is at most 5; then the second one is not."""
    longest = 2 / (1 - beta2) - 1
    rho = longest - 2 * step * (1 - root * root) / (root * root)
    rho_5, longest = jn.maximum(rho, 5.0), jn.maximum(longest, 5.0)  # no root of negative numbers
    r = jn.sqrt((rho_5 - 4) * (rho_5 - 2) * longest / ((longest - 4) * (longest - 2) * rho_5))
    known = rho > 5
    return jn.where(known, r * factor, 0.0), jn.where(known, 0.0, factor / root)


class LAMB(Moments):
    """Adam whose steps are as long as the variable is: d = m_hat / (sqrt(v_hat) + eps) + weight_decay * p,
    p -= lr * |p| / |d| * d; without that factor where one of the norms is 0.

    Source: You et al. 2020, Algorithm 2, with phi(x) = x.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of abs(g)**2.
        eps: Added to the root of the debiased mean of abs(g)**2.
        weight_decay: What is added to the step, as a part of the variable: decoupled, but for the factor.
    """

    weight_decay: Hyperparameter
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        beta1: Hyperparameter = 0.9,
        beta2: Hyperparameter = 0.999,
        eps: Hyperparameter = 1e-6,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc, beta1, beta2, eps)
        self._set(weight_decay=weight_decay)

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self._advance(lr, grads, weight_decay=self.weight_decay)

    def _apply(self, lr, grads, of_step, **hyperparameters):
        self.apply(lr, grads, factor=of_step.factor, eps=of_step.eps, **hyperparameters)

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        v: StateVar,
        beta1: Number,
        beta2: Number,
        eps: Number,
        factor: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p`, `m` and `v` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        self.move(g, m, v, beta1, beta2)
        d = decayed(factor * m.value / (jn.sqrt(v.value) + eps), p, weight_decay)
        length, long = norm(p.value), norm(d)
        known = jn.logical_and(length > 0, long > 0)
        p.value -= lr * jn.where(known, length / jn.where(known, long, 1.0), 1.0) * d
