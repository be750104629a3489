"""Optimizers: modules that are called with a learning rate and gradients and change their variables."""

import math

import numpy as onp

import cuobjax.numpy as jn
from autograd.numpy import asarray

from ..core.collection import VarCollection
from ..core.module import Module, ModuleList
from ..core.variable import StateVar, TrainRef, TrainVar, require_same_library
from ..functional import rsqrt
from ..util import class_name


class _Optimizer(Module):
    """Refers to the TrainVars of a collection, each one once.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
    """

    def __init__(self, vc):
        self.train_vars = ModuleList(TrainRef(v) for v in VarCollection(vc).subset(TrainVar))

    def _paired(self, grads, *states):
        """(variable, gradient in its dtype, states...) for each variable; all are checked before one is used."""
        grads = list(grads)
        if len(grads) != len(self.train_vars):
            raise ValueError(
                f"{type(self).__name__}: expected as many gradients as trainable variables, "
                f"got {len(grads)} for {len(self.train_vars)}."
            )
        for i, (g, p) in enumerate(zip(grads, self.train_vars, strict=True)):
            if jn.shape(g) != p.shape:
                raise ValueError(f"{type(self).__name__}: expected gradient {i} of shape {p.shape}, got {jn.shape(g)}.")
        grads = [asarray(g, p.dtype) for g, p in zip(grads, self.train_vars, strict=True)]
        for i, (g, p) in enumerate(zip(grads, self.train_vars, strict=True)):
            require_same_library(g, p.value, f"{type(self).__name__}: gradient {i}")
        return zip(self.train_vars, grads, *states, strict=True)

    def _zeros(self):
        return ModuleList(StateVar(jn.zeros_like(p.value)) for p in self.train_vars)


def _rate(lr):
    """A learning rate as a Python number or a scalar Array."""
    if not isinstance(lr, int | float) and not hasattr(lr, "shape"):
        raise TypeError(f"learning rate: expected a number, got {type(lr).__name__}. The rate comes first, then grads.")
    if hasattr(lr, "shape") and lr.shape != ():
        raise ValueError(f"learning rate: expected a number, got shape {jn.shape(lr)}.")
    return lr.item() if isinstance(lr, onp.generic) else lr


def _in_dtype_of(p, lr):
    """A rate that does not promote what it multiplies: Python numbers never do."""
    return lr if isinstance(lr, int | float) else asarray(lr, p.dtype)


def _debias(beta, step):
    """1 - beta**step, without the cancellation of a beta near 1."""
    if isinstance(beta, int | float):
        log = math.log(beta) if beta else -math.inf
    else:
        log = jn.log(beta)
    return -jn.expm1(step * log)


def _first(x):
    """The first of the values of several devices or lanes, which are all the same."""
    return x[0]


class SGD(_Optimizer):
    """Stochastic gradient descent: p -= lr * g.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
    """

    def __call__(self, lr, grads):
        lr = _rate(lr)
        for p, g in self._paired(grads):
            p.value -= _in_dtype_of(p, lr) * g

    def __repr__(self):
        return f"{class_name(self)}()"


class Momentum(_Optimizer):
    """Gradient descent with momentum: m = momentum * m + g, p -= lr * m; Nesterov's: p -= lr * (g + momentum * m).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        momentum: The factor of what was before; a call can give another one.
        nesterov: Whether the step looks ahead. Source: Sutskever et al. 2013.
    """

    def __init__(self, vc, momentum=0.9, nesterov=False):
        super().__init__(vc)
        self.momentum = momentum
        self.nesterov = nesterov
        self.m = self._zeros()

    def __call__(self, lr, grads, momentum=None):
        momentum = self.momentum if momentum is None else momentum
        lr = _rate(lr)
        for p, g, m in self._paired(grads, self.m):
            m.value = g + momentum * m.value
            p.value -= _in_dtype_of(p, lr) * (g + momentum * m.value if self.nesterov else m.value)

    def __repr__(self):
        return f"{class_name(self)}(momentum={self.momentum}, nesterov={self.nesterov})"


class Adam(_Optimizer):
    """Adam. Source: Kingma & Ba 2015, Algorithm 1 in its efficient form; eps is inside the root and not debiased, as in
    Objax: m += (1 - beta1) * (g - m), v += (1 - beta2) * (g**2 - v), p -= lr * debias * m / sqrt(v + eps).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        beta1, beta2: The decay rates of the means of g and of g**2; a call can give others.
        eps: Added to the mean of g**2.
    """

    def __init__(self, vc, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(vc)
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.step = StateVar(jn.array(0, dtype=onp.uint32), reduce=_first)
        self.m = self._zeros()
        self.v = self._zeros()

    def __call__(self, lr, grads, beta1=None, beta2=None):
        beta1 = self.beta1 if beta1 is None else beta1
        beta2 = self.beta2 if beta2 is None else beta2
        lr, paired = _rate(lr), self._paired(grads, self.m, self.v)
        self.step.value += 1
        step = self.step.value.astype(onp.float32)
        lr = lr * (jn.sqrt(_debias(beta2, step)) / _debias(beta1, step))
        for p, g, m, v in paired:
            m.value += (1 - beta1) * (g - m.value)
            v.value += (1 - beta2) * (g * g - v.value)
            wide = jn.result_type(p.dtype, onp.float32)  # eps is 0 in float16
            p.value -= asarray(asarray(lr, wide) * m.value * rsqrt(asarray(v.value, wide) + self.eps), p.dtype)

    def __repr__(self):
        return f"{class_name(self)}(beta1={self.beta1}, beta2={self.beta2}, eps={self.eps})"
