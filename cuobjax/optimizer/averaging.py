"""Averages of variables over the steps of training: exponential moving averages, Lookahead."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cuobjax.numpy as jn
from autograd import Array
from autograd.dtypes import is_inexact
from autograd.numpy import asarray

from ..core.call import call
from ..core.collection import VarCollection, Variables, names_of
from ..core.module import Module
from ..core.random_state import RandomState, borrowing
from ..core.scope import write
from ..core.variable import BaseVar, StateVar, TrainRef, TrainVar, referred
from ..functional.half_precision import single
from ..util import class_name
from ..util.signatures import explained
from .base import Optimizer, States, counter
from .gradients import Gradients
from .hyperparameters import Hyperparameter, in_range, number
from .lists import over_lists

__all__ = ["ExponentialMovingAverage", "ExponentialMovingAverageModule", "Lookahead"]


class ExponentialMovingAverage(Module):
    """The averages of variables: m += (1 - momentum) * (v - m), zeros at first.

    Of integers, such as the number of steps of an optimizer, the last value counts. Averages of half precision are
    float32.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.nn.Linear(2, 1, use_bias=False)
    >>> average = cuobjax.optimizer.ExponentialMovingAverage(net.vars(), momentum=0.5, debias=True)
    >>> for value in (1.0, 4.0):
    ...     net.w.assign(jn.full((2, 1), value))
    ...     average()
    >>> predict = average.replace_vars(net)
    >>> predict(jn.ones((1, 2))).round(3), net(jn.ones((1, 2)))
    (Array([[6.]], dtype=float32), Array([[8.]], dtype=float32))

    Args:
        vc: The VarCollection of the variables, states included, but for random ones; each one counts once.
        momentum: How much of the old average stays.
        debias: Whether what `refs_and_values` gives is divided by 1 - (1 - eps) * momentum**steps, as the first average
            is 0. Without it, the averages of the first 1 / (1 - momentum) steps are too small.
        eps: Keeps that from being 0.

    Attributes:
        refs: The variables: those that are not trained, then a TrainRef to each of the others.
        m: The averages.
        step: The number of calls.
    """

    momentum: float
    debias: bool
    eps: float
    step: StateVar
    refs: States
    m: States

    @explained("Write ExponentialMovingAverage(net.vars()).", decay="Write momentum.")
    def __init__(self, vc: Variables, momentum: float = 0.999, debias: bool = False, eps: float = 1e-6) -> None:
        where = type(self).__name__
        self.momentum, self.debias = in_range(where, "momentum", number(momentum)), debias
        self.eps = in_range(where, "eps", number(eps))
        if not self.eps < 1:
            raise ValueError(f"{where}: expected eps less than 1, got {eps}.")
        self.step = counter()
        states, trained = _averaged(vc)
        refs: list[Any] = [*states, *map(TrainRef, trained)]
        names = [*states.values(), *trained.values()]
        self.refs = States(refs, names)
        self.m = States([StateVar(jn.zeros_like(single(v.value))) for v in refs], names)

    def __call__(self) -> None:
        """Moves the averages towards the values that the variables have now."""
        pairs = [(m, v) for v, m in zip(self.refs, self.m, strict=True) if is_inexact(m.dtype)]
        moved = over_lists(_towards, [(m.value, v.value) for m, v in pairs], 1 - self.momentum)
        averages: Any = {m: x for (m, _), (x,) in zip(pairs, moved, strict=True)}
        others = {m: v.value for v, m in zip(self.refs, self.m, strict=True) if m not in averages}
        write(averages | others | {self.step: self.step.value + 1})

    def refs_and_values(self) -> tuple[VarCollection, list[Array]]:
        """The collection of the variables, and their averages in that order: `refs.assign(values)`."""
        scale: float | Array = 1.0
        if self.debias:  # 1 - (1 - eps) * momentum**step without cancellation
            log = math.log(self.momentum or 1e-300)  # 0 steps times -inf would be NaN
            scale = -1 / jn.expm1(self.step.value.astype("float32") * log + math.log1p(-self.eps))
        pairs = [(v, m) for v, m in zip(self.refs, self.m, strict=True) if is_inexact(m.dtype)]
        scaled = over_lists(_scaled, [(v.value, m.value) for v, m in pairs], scale)
        found = {m: x for (_, m), (x,) in zip(pairs, scaled, strict=True)}
        values = [found.get(m, m.value) for m in self.m]
        return self.refs.vars(), values

    def replace_vars(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """A function that calls `f` with the averages in the variables, for this call only.

        What `f` writes to these variables is dropped. No other thread sees the averages, and an exception leaves
        nothing behind.
        """

        @borrowing
        def replaced(*args: Any, **kwargs: Any) -> Any:
            _, values = self.refs_and_values()
            stored = [referred(v) for v in self.refs]
            output, changes, _ = call(f, args, kwargs, zip(stored, values, strict=True))
            write({v: x for v, x in changes.items() if v not in set(stored)})
            return output

        return replaced

    def __repr__(self) -> str:
        return f"{class_name(self)}(momentum={self.momentum}, debias={self.debias}, eps={self.eps})"


def _scaled(v: Array, m: Array, scale: float | Array) -> tuple[Array, ...]:
    return (asarray(m * asarray(scale, m.real.dtype), v.dtype),)


def _towards(m: Array, v: Array, weight: float) -> tuple[Array, ...]:
    return (m + weight * (single(v) - m),)


def _averaged(vc: Variables) -> tuple[dict[BaseVar, list[str]], dict[TrainVar, list[str]]]:
    """The variables that are not trained and those that are, each one with its names; no random states."""
    states: dict[BaseVar, list[str]] = {}
    trained: dict[TrainVar, list[str]] = {}
    for v, names in names_of(vc).items():
        stored = referred(v)
        if isinstance(stored, TrainVar):
            trained.setdefault(stored, []).extend(names)
        elif not isinstance(stored, RandomState):
            states.setdefault(stored, []).extend(names)
    return states, trained


class ExponentialMovingAverageModule(Module):
    """A module that computes with the averages of its variables: see `ExponentialMovingAverage`.

    Train the module itself; after each step, call `update_ema`.

    Args:
        module: The module. Its variables have their own names in `vars`.
        momentum, debias, eps: See `ExponentialMovingAverage`.

    Attributes:
        ema: The averages.
    """

    ema: ExponentialMovingAverage

    @explained("Write ExponentialMovingAverageModule(net).", decay="Write momentum.")
    def __init__(self, module: Module, momentum: float = 0.999, debias: bool = False, eps: float = 1e-6) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: expected a module, got {type(module).__name__}.")
        self.__wrapped__ = module
        self.ema = ExponentialMovingAverage(module.vars(), momentum, debias, eps)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the module with the averages in its variables."""
        return self.ema.replace_vars(self.__wrapped__)(*args, **kwargs)

    def update_ema(self) -> None:
        """Moves the averages towards the values that the variables have now."""
        self.ema()

    def __repr__(self) -> str:
        ema = self.ema
        return f"{class_name(self)}(momentum={ema.momentum}, debias={ema.debias}, eps={ema.eps})"


def _followed(p: Array, slow: Array, together: Array, alpha: float) -> tuple[Array, ...]:
    nearer = slow + alpha * (single(p) - slow)
    return jn.where(together, asarray(nearer, p.dtype), p), jn.where(together, nearer, slow)


class Lookahead(Optimizer):
    """Slow variables that follow those of another optimizer: in every k-th step slow += alpha * (p - slow), p = slow.

    Source: Zhang et al. 2019, Algorithm 1. The states of the other optimizer stay as they are.

    Args:
        optimizer: The optimizer; the slow variables begin as its variables are now.
        k: The number of fast steps for each slow one.
        alpha: How far the slow variables go.
    """

    optimizer: Optimizer
    k: int
    alpha: float
    step: StateVar
    slow: States

    def __init__(self, optimizer: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"Lookahead: expected an optimizer, got {type(optimizer).__name__}. Write Lookahead(opt).")
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ValueError(f"Lookahead: expected k as a number of steps, got {k!r}.")
        names = optimizer.train_vars.names
        super().__init__((name, p.ref) for p, known in zip(optimizer.train_vars, names, strict=True) for name in known)
        self._set_for_all(alpha=alpha)
        self.optimizer, self.k = optimizer, k
        self.step = self.steps()
        self.slow = States([StateVar(single(p.value)) for p in self.train_vars], names)

    def __call__(self, lr: Hyperparameter, grads: Gradients, **kwargs: Any) -> None:
        """Makes a step: see `Optimizer.__call__` for `lr`, `grads` and the errors.

        Args:
            kwargs: Further arguments of the other optimizer.
        """
        self.optimizer(lr, grads, **kwargs)
        step = self.step.value + 1
        together = step % self.k == 0
        pairs = [(p.value, slow.value) for p, slow in zip(self.train_vars, self.slow, strict=True)]
        values = over_lists(_followed, pairs, together, self.alpha)
        for p, slow, (x, y) in zip(self.train_vars, self.slow, values, strict=True):
            write({p.ref: x, slow: y})
        self.step.value = step

    def __repr__(self) -> str:
        return f"{class_name(self)}({self.optimizer!r}, k={self.k}, alpha={self.alpha})"
