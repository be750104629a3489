"""What all optimizers share: the variables that they train, their states, and the checks of a call."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import is_array
from autograd.numpy import asarray
from autograd.thread_group import place

from ..absent import OPTIMIZER, declare
from ..core.collection import VarCollection, Variables, names_of, trained
from ..core.module import Module, ModuleList
from ..core.scope import at_once
from ..core.variable import BaseVar, StateVar, TrainRef
from ..typing import ArrayLike
from ..util import positional_args_names
from ..util.signatures import explained
from .gradients import Gradients, fitting

__all__ = ["Optimizer", "States", "learning_rate", "number", "real_dtype"]

F = TypeVar("F", bound=Callable[..., Any])

_RATE = "The learning rate comes with each call: opt(lr, gradients)."
_made = explained(_RATE, vc="Pass the variables: net.vars().")
_called = explained("Write opt(lr, gradients).", grads="The learning rate comes first: opt(lr, gradients).")


def _step(call: F) -> F:
    """A method that changes variables at its end, all of them or, after an exception, none."""
    named = _called(call)

    @functools.wraps(call)
    def step(*args: Any, **kwargs: Any) -> Any:
        return at_once(named, *args, **kwargs)

    return cast(F, step)


class States(ModuleList):
    """A variable for each one that an optimizer trains, named after it: `(Adam).m(Linear).w`.

    Args:
        items: The variables.
        names: All names of each of the trained ones.
    """

    def __init__(self, items: Iterable[BaseVar], names: list[list[str]]) -> None:
        super().__init__(items)
        self.names = names

    def vars(self, scope: str = "") -> VarCollection:
        """The variables, under the names of those that are trained, behind `scope`."""
        pairs = zip(self, self.names, strict=True)
        named = ((name, v) for v, names in pairs for name in names)
        return VarCollection((f"{scope}{'' if name[:1] in '([' else '.'}{name}", v) for name, v in named)


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

    train_vars: States
    _has_mode = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _made(cls.__init__)
        if "__call__" in cls.__dict__:
            cls.__call__ = _step(cls.__call__)

    @_made
    def __init__(self, vc: Variables) -> None:
        names: dict[Any, list[str]] = names_of(trained(vc, type(self).__name__))
        self.train_vars = States(map(TrainRef, names), [*names.values()])

    @_step
    def __call__(self, lr: ArrayLike, grads: Gradients) -> None:
        """Makes a step: changes the variables and the states.

        Args:
            lr: The learning rate, a number or an array of shape (); under `Parallel` also each device's part (1,) of an
                array.
            grads: The gradient of each variable, in their order, as `Grad` gives them; or a dictionary of them by the
                names of the variables, as `Grad.named` gives it, or by the variables themselves. Each has the shape of
                its variable and is converted to its dtype.

        Raises:
            TypeError: If `lr` is no number or `grads` are no gradients.
            ValueError: If `lr` has a shape, or there are too few or too many gradients or one has another shape, or a
                variable was frozen.
            DeviceError: If a gradient is on another device than its variable. After these and any other exception,
                nothing has changed.
        """
        self.apply(lr, grads)

    def update(self, p: TrainRef, g: Array, lr: float | Array, *args: Any, **kwargs: Any) -> None:
        """Changes one variable and its states; subclasses override it: `def update(self, p, g, lr, m)`.

        Args:
            p: The variable: `p.value -= lr * g` assigns to it.
            g: Its gradient, of its shape and dtype; that of a complex variable conjugated, as `Grad` gives the
                derivative df/dx - i df/dy, and df/dx + i df/dy is the way up.
            lr: The learning rate: a Python number, or an Array of shape () and of the variable's real dtype.
            args, kwargs: Subclasses name here what they use: the part of each state that belongs to the variable, a
                StateVar, under the name of the attribute; and the hyperparameters that `apply` was given.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no update. Define update(self, p, g, lr).")

    def apply(self, lr: ArrayLike, grads: Gradients, **hyperparameters: Any) -> None:
        """Checks all arguments, then calls `update` for each variable: what `__call__` does.

        Args:
            lr: As for `__call__`.
            grads: As for `__call__`.
            hyperparameters: Further arguments of `update`, for an optimizer whose calls can give them. NumPy's scalars
                become Python's, and arrays of shape () get the variable's real dtype.
        """
        numbers: dict[str, Any] = {"lr": learning_rate(lr), **{name: number(x) for name, x in hyperparameters.items()}}
        gradients = fitting(grads, self.train_vars, self.train_vars.names, type(self).__name__)
        names = [name for name in _parameters(type(self).update) if isinstance(getattr(self, name, None), ModuleList)]
        states = [getattr(self, name) for name in names]
        arrays = {name: x for name, x in numbers.items() if _is_number(x)}
        for p, g, *parts in zip(self.train_vars, gradients, *states, strict=True):
            if arrays:
                dtypes = dict.fromkeys(arrays, real_dtype(p.dtype)) | {"lr": self._rate_dtype(p)}
                numbers |= {name: asarray(x, dtypes[name]) for name, x in arrays.items()}
            self.update(p, g, **numbers, **dict(zip(names, parts, strict=True)))

    def zeros(self, real: bool = False) -> ModuleList:
        """A state: a StateVar of zeros for each variable, of its shape and dtype.

        Args:
            real: Of the real dtype of a complex variable, for means of `abs(g)**2`.
        """
        values = [p.value for p in self.train_vars]
        dtypes = [real_dtype(x.dtype) if real else x.dtype for x in values]
        zeros = map(jn.zeros_like, values, dtypes)
        return States(map(StateVar, zeros), self.train_vars.names)

    def _rate_dtype(self, p: TrainRef) -> onp.dtype[Any]:
        """The dtype of a rate that is an array: that of the variable promotes nothing."""
        return real_dtype(p.dtype)


declare(Optimizer, OPTIMIZER)


@functools.cache
def _parameters(update: Callable[..., Any]) -> list[str]:
    """The names of the parameters of an `update` behind the learning rate."""
    return positional_args_names(update)[4:]


@functools.cache
def real_dtype(dtype: onp.dtype[Any]) -> onp.dtype[Any]:
    """The dtype of the parts of complex numbers; any other one itself."""
    return onp.empty(0, dtype).real.dtype


def number(x: Any) -> Any:
    """A hyperparameter: one of NumPy's scalars and arrays of shape () as a Python number, anything else unchanged."""
    return x.item() if isinstance(x, onp.generic | onp.ndarray) and x.shape == () else x


def _is_number(x):
    """Whether a hyperparameter is an array of one floating-point number."""
    return (isinstance(x, Array) or is_array(x)) and x.shape == () and x.dtype.kind not in "biu"


def learning_rate(lr: Any) -> Any:
    """The learning rate `lr` as a Python number or an Array of shape ()."""
    if isinstance(lr, bool) or (not isinstance(lr, int | float) and not hasattr(lr, "shape")):
        raise TypeError(f"learning rate: expected a number, got {type(lr).__name__}. The rate comes first, then grads.")
    if not hasattr(lr, "shape"):
        return lr
    if lr.dtype.kind in "bc":
        raise TypeError(f"learning rate: expected a real number, got {lr.dtype}.")
    if lr.shape == (1,) and place() is not None:  # under Parallel, this device's part of an array
        lr = lr.reshape(())
    if lr.shape != ():
        remedy = " Write lr[0]." if lr.shape == (1,) else ""
        raise ValueError(f"learning rate: expected a number, got shape {jn.shape(lr)}.{remedy}")
    return number(lr)
