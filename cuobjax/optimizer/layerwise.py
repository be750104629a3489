"""Optimizers that look at a whole variable: its norm, its rows and columns, its singular values."""

import math

import cuobjax.numpy as jn
from autograd import Array

from ..core.collection import Variables
from ..core.module import ModuleList
from ..core.variable import StateVar, TrainRef
from ..functional import rsqrt
from ..functional.loss.regression import squared
from ..util.convert import require_sizes
from .base import Optimizer, States, decayed, norm, towards
from .gradients import Gradients
from .hyperparameters import Hyperparameter, Number, combined, in_range, number

__all__ = ["LARS", "Adafactor", "Muon"]


class LARS(Optimizer):
    """Momentum with a rate for each variable: m = momentum * m + lr * trust * (g + weight_decay * p), p -= m, where
    trust = tc * |p| / (|g| + weight_decay * |p| + eps), and at least 1 where |p| or |g| is 0.

    Source: You et al. 2017, Algorithm 1; eps and the case of norm 0 are Objax's.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        momentum: The factor of the old m.
        weight_decay: Added to g as weight_decay * p.
        tc: The trust coefficient.
        eps: Added to the norms.
    """

    momentum: Hyperparameter
    weight_decay: Hyperparameter
    tc: Hyperparameter
    eps: Hyperparameter
    m: ModuleList
    elementwise = True

    def __init__(
        self,
        vc: Variables,
        momentum: Hyperparameter = 0.9,
        weight_decay: Hyperparameter = 1e-4,
        tc: Hyperparameter = 1e-3,
        eps: Hyperparameter = 1e-5,
    ) -> None:
        super().__init__(vc)
        self._set(momentum=momentum, weight_decay=weight_decay, tc=tc, eps=eps)
        self.m = self.zeros()

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, momentum=self.momentum, weight_decay=self.weight_decay, tc=self.tc, eps=self.eps)

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        m: StateVar,
        momentum: Number,
        weight_decay: Number,
        tc: Number,
        eps: Number,
    ) -> None:
        """Changes `p` and its `m` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        of_p, of_g = norm(p.value), norm(g)
        least = jn.where(jn.logical_or(of_p == 0, of_g == 0), 1.0, 0.0)
        trust = jn.maximum(least, tc * of_p / (of_g + weight_decay * of_p + eps))
        m.value = momentum * m.value + lr * trust * decayed(g, p, weight_decay)
        p.value -= m.value


class Adafactor(Optimizer):
    """The mean v of abs(g)**2 as a product of its rows and columns, and steps relative to the size of the variable.

    d = g / sqrt(v), d /= max(1, rms(d) / clip), p -= max(eps2, rms(p)) * min(lr, 1 / sqrt(step)) * d. The decay rate of
    v is 1 - step**-decay. Of an array of n x k numbers, n + k are kept; of one with fewer than two axes, all.

    Source: Shazeer & Stern 2018, Algorithms 4 and 5; the rate is bounded by `lr` in place of 0.01, and eps1 bounds v
    from below in place of being added to abs(g)**2, as in PyTorch.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        decay: How fast the decay rate of v goes to 1.
        eps1: The square of it is the least v; None: the distance of 1 to the next number of the dtype.
        eps2: The least size of a variable.
        clip: The greatest root mean square of d, above 0.
        weight_decay: Taken off p as lr * weight_decay * p, decoupled.
    """

    decay: float
    eps1: float | None
    eps2: Hyperparameter
    clip: Hyperparameter
    weight_decay: Hyperparameter
    step: StateVar
    rows: ModuleList
    columns: ModuleList
    _by_shape = True

    def __init__(
        self,
        vc: Variables,
        *,
        decay: float = 0.8,
        eps1: float | None = None,
        eps2: Hyperparameter = 1e-3,
        clip: Hyperparameter = 1.0,
        weight_decay: Hyperparameter = 0.0,
    ) -> None:
        super().__init__(vc)
        self._set(eps2=eps2, clip=clip, weight_decay=weight_decay)
        self._set_for_all(decay=decay)
        self.eps1 = None if eps1 is None else in_range("Adafactor", "eps1", number(eps1))
        self.step = self.steps()
        whole = self.zeros(real=True)
        names = self.train_vars.names
        self.rows = States([_sums(v, -1) for v in whole], names)
        self.columns = States([_sums(v, -2) for v in whole], names)

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        step = self.step.value + 1
        t = step.astype("float32")
        self.apply(
            lr,
            grads,
            bounded=combined(lambda lr: jn.minimum(lr, rsqrt(t)), self.rate(lr)),
            newness=t**-self.decay,
            eps2=self.eps2,
            clip=self.clip,
            weight_decay=self.weight_decay,
        )
        self.step.value = step

    def update(
        self,
        p: TrainRef,
        g: Array,
        lr: Number,
        rows: StateVar,
        columns: StateVar,
        bounded: Number,
        newness: Number,
        eps2: Number,
        clip: Number,
        weight_decay: Number,
    ) -> None:
        """Changes `p`, `rows` and `columns` by the gradient `g`; `newness` is the part of abs(g)**2 in v."""
        eps1 = float(jn.finfo(rows.dtype).eps) if self.eps1 is None else self.eps1
        size = jn.maximum(_rms(p.value), eps2)
        squares = squared(g)
        if g.ndim < 2:
            rows.value += newness * (squares - rows.value)
            v = rows.value
        else:
            rows.value += newness * (squares.mean(-1, keepdims=True) - rows.value)
            columns.value += newness * (squares.mean(-2, keepdims=True) - columns.value)
            v = rows.value / jn.maximum(rows.value.mean(-2, keepdims=True), eps1) * columns.value
        d = g * rsqrt(jn.maximum(v, eps1 * eps1))
        d = bounded * size / jn.maximum(_rms(d) / clip, 1) * d
        p.value -= decayed(d, p, lr * weight_decay)


def _sums(v, axis):
    """The state of the means of `v` along an axis; of all of `v` and of nothing if it has fewer than two axes."""
    if v.ndim >= 2:
        return StateVar(v.value.sum(axis, keepdims=True))
    return v if axis == -1 else StateVar(v.value.sum())


def _rms(x):
    """The root of the mean of abs(x)**2."""
    return jn.sqrt(squared(x).mean())


class Muon(Optimizer):
    """Momentum, made orthogonal: m = momentum * m + (1 - momentum) * g, p -= lr * scale * orthogonal(m), for matrices.

    `orthogonal` moves all singular values to about 1 by a polynomial (Newton-Schulz), which takes products only. Arrays
    with more than two axes, such as those of convolutions, count as matrices of shape (-1, outputs). Embeddings, the
    last layer, biases and scales are better left to another optimizer: see `Groups`.

    Source: Jordan et al. 2024, as in PyTorch, but computed in float32, where PyTorch takes bfloat16. scale is
    sqrt(max(1, outputs / inputs)).

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        momentum: The decay rate of the mean of g.
        nesterov: Whether the step looks ahead: it is momentum * m + (1 - momentum) * g then.
        weight_decay: Taken off p as lr * weight_decay * p, decoupled.
        iterations: How often the polynomial is applied.
        eps: The least norm of m.

    Raises:
        ValueError: If a variable has fewer than two axes.
    """

    momentum: Hyperparameter
    nesterov: bool
    weight_decay: Hyperparameter
    iterations: int
    eps: Hyperparameter
    m: ModuleList
    _by_shape = True

    def __init__(
        self,
        vc: Variables,
        momentum: Hyperparameter = 0.95,
        nesterov: bool = True,
        *,
        weight_decay: Hyperparameter = 0.1,
        iterations: int = 5,
        eps: Hyperparameter = 1e-7,
    ) -> None:
        super().__init__(vc)
        for p, names in zip(self.train_vars, self.train_vars.names, strict=True):
            if p.ndim < 2:
                raise ValueError(
                    f"Muon: expected variables with at least two axes, got {names[0]} of shape {p.shape}. "
                    "Take Groups, with another optimizer for the others."
                )
        self._set(momentum=momentum, weight_decay=weight_decay, eps=eps)
        require_sizes("Muon", 0, iterations=iterations)
        self.nesterov, self.iterations = nesterov, iterations
        self.m = self.zeros()

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: see `Optimizer.__call__` for the arguments and the errors."""
        self.apply(lr, grads, momentum=self.momentum, weight_decay=self.weight_decay, eps=self.eps)

    def update(
        self, p: TrainRef, g: Array, lr: Number, m: StateVar, momentum: Number, weight_decay: Number, eps: Number
    ) -> None:
        """Changes `p` and its `m` by the gradient `g` and the rate `lr`: see `Optimizer.update`."""
        m.value = towards(m.value, g, momentum)
        d = momentum * m.value + (1 - momentum) * g if self.nesterov else m.value
        matrix = d.reshape(-1, d.shape[-1])
        inputs, outputs = matrix.shape
        d = math.sqrt(max(1, outputs / inputs)) * _orthogonal(matrix, self.iterations, eps).reshape(d.shape)
        p.value -= lr * decayed(d, p, weight_decay)


def _orthogonal(x, iterations, eps):
    """A matrix with the singular vectors of `x` and singular values about 1."""
    if x.shape[0] > x.shape[1]:
        return _orthogonal(x.T, iterations, eps).T
    x = x / jn.maximum(norm(x), eps)
    for _ in range(iterations):
        square = x @ jn.conj(x).T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * (square @ square)) @ x
    return x
