"""What all optimizers share: the variables that they train, their states, and the checks of a call."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.boundary import require_same_library
from autograd.numpy import asarray

from ..core.collection import VarCollection, Variables
from ..core.module import Module, ModuleList
from ..core.variable import StateVar, TrainRef, TrainVar
from ..typing import ArrayLike
from ..util import positional_args_names

__all__ = ["Optimizer", "learning_rate"]


class Optimizer(Module):
    """The base of all optimizers: refers to the TrainVars of a collection, each one once.

    An optimizer of your own overrides `update`. Its states are attributes that `zeros` makes; where a parameter of
    `update` has the name of such an attribute, it gets the part of the state that belongs to its variable:

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> class Signum(cuobjax.optimizer.Optimizer):
    ...     def __init__(self, vc, momentum=0.9):
    ...         super().__init__(vc)
    ...         self.momentum = momentum
    ...         self.m = self.zeros()
    ...
    ...     def update(self, p, g, lr, m):
    ...         m.value = self.momentum * m.value + (1 - self.momentum) * g
    ...         p.value -= lr * jn.sign(m.value)
    >>> v = cuobjax.TrainVar(jn.array([1.0, 2.0]))
    >>> Signum({"v": v})(0.25, [jn.array([3.0, -1.0])])
    >>> v.value
    Array([0.75, 2.25], dtype=float32)

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.

    Attributes:
        train_vars: A TrainRef to each variable.
    """

    train_vars: ModuleList

    def __init__(self, vc: Variables) -> None:
        trained: Any = VarCollection(vc).subset(TrainVar)
        self.train_vars = ModuleList(map(TrainRef, trained))

    def __call__(self, lr: ArrayLike, grads: Iterable[ArrayLike]) -> None:
        """Makes a step: changes the variables and the states.

        Args:
            lr: The learning rate, a number or an array of shape ().
            grads: The gradient of each variable, in their order, as `Grad` gives them: each in the shape of its
                variable, and converted to its dtype.

        Raises:
            TypeError: If `lr` is no number.
            ValueError: If `lr` has a shape, or there are too few or too many gradients or one has another shape.
            DeviceError: If a gradient is on another device than its variable. After any of these, nothing has changed.
        """
        self.apply(lr, grads)

    def update(self, p: TrainRef, g: Array, lr: float | Array, *args: Any, **kwargs: Any) -> None:
        """Changes one variable and its states; subclasses override it: `def update(self, p, g, lr, m)`.

        Args:
            p: The variable: `p.value -= lr * g` assigns to it.
            g: Its gradient, of its shape and dtype.
            lr: The learning rate: a Python number, or an Array of shape () and of the variable's dtype.
            args, kwargs: Subclasses name here what they use: the part of each state that belongs to the variable, a
                StateVar, under the name of the attribute; and the hyperparameters that `apply` was given.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no update. Define update(self, p, g, lr).")

    def apply(self, lr: ArrayLike, grads: Iterable[ArrayLike], **hyperparameters: Any) -> None:
        """Checks all arguments, then calls `update` for each variable: what `__call__` does.

        Args:
            lr: As for `__call__`.
            grads: As for `__call__`.
            hyperparameters: Further arguments of `update`, for an optimizer whose calls can give them.
        """
        lr, grads = learning_rate(lr), self._checked(grads)
        names = [name for name in _parameters(type(self).update) if isinstance(getattr(self, name, None), ModuleList)]
        states = [getattr(self, name) for name in names]
        for p, g, *parts in zip(self.train_vars, grads, *states, strict=True):
            rate = lr if isinstance(lr, int | float) else asarray(lr, self._rate_dtype(p))
            self.update(p, g, rate, **dict(zip(names, parts, strict=True)), **hyperparameters)

    def zeros(self) -> ModuleList:
        """A state: a StateVar of zeros for each variable, of its shape and dtype."""
        return ModuleList(StateVar(jn.zeros_like(p.value)) for p in self.train_vars)

    def _rate_dtype(self, p: TrainRef) -> onp.dtype[Any]:
        """The dtype of a rate that is an array: that of the variable promotes nothing."""
        return p.dtype

    def _checked(self, grads: Iterable[ArrayLike]) -> list[Array]:
        """The gradients in the dtypes of the variables; all are checked before one is used."""
        name = type(self).__name__
        if not isinstance(grads, Iterable):
            raise TypeError(f"{name}: expected a list of gradients, got {type(grads).__name__}.")
        grads = list(grads)
        if len(grads) != len(self.train_vars):
            raise ValueError(
                f"{name}: expected as many gradients as trainable variables, "
                f"got {len(grads)} for {len(self.train_vars)}."
            )
        for i, (g, p) in enumerate(zip(grads, self.train_vars, strict=True)):
            shape = g.shape if hasattr(g, "shape") else jn.shape(g)
            if shape != p.shape:
                raise ValueError(f"{name}: expected gradient {i} of shape {p.shape}, got {shape}.")
        converted = [asarray(g, p.dtype) for g, p in zip(grads, self.train_vars, strict=True)]
        for i, (g, p) in enumerate(zip(converted, self.train_vars, strict=True)):
            require_same_library(g, p.value, f"{name}: gradient {i}")
        return converted


@functools.cache
def _parameters(update: Callable[..., Any]) -> list[str]:
    """The names of the parameters of an `update` behind the learning rate."""
    return positional_args_names(update)[4:]


def learning_rate(lr: Any) -> Any:
    """The learning rate `lr` as a Python number or an Array of shape ()."""
    if not isinstance(lr, int | float) and not hasattr(lr, "shape"):
        raise TypeError(f"learning rate: expected a number, got {type(lr).__name__}. The rate comes first, then grads.")
    if hasattr(lr, "shape") and lr.shape != ():
        remedy = " Write lr[0]." if lr.shape == (1,) else ""
        raise ValueError(f"learning rate: expected a number, got shape {jn.shape(lr)}.{remedy}")
    return lr.item() if isinstance(lr, onp.generic) else lr
