"""What all optimizers share: the variables that they train, their states, and the checks of a call."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar, cast

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import is_array
from autograd.dtypes import is_inexact
from autograd.numpy import asarray

from ..absent import OPTIMIZER, STEP, declare
from ..core.collection import VarCollection, Variables, names_of, trained
from ..core.module import Module, ModuleList
from ..core.scope import at_once
from ..core.variable import BaseVar, StateVar, TrainRef, reduce_first
from ..functional.half_precision import single
from ..functional.loss.regression import squared
from ..util import class_name, positional_args_names
from ..util.signatures import explained
from .by_shape import updated_by_shape
from .gradients import Gradients, fitting
from .hyperparameters import RATE, Hyperparameter, PerVariable, in_range, learning_rate, number, per_variable
from .lists import near
from .together import updated_together

__all__ = [
    "Optimizer", "States", "counter", "decayed", "norm", "real_dtype", "references", "stepping", "towards",
    "zeros_like",
]  # fmt: skip

_OTHER = "There is none: derive an optimizer of your own from cuobjax.optimizer.Optimizer."
F = TypeVar("F", bound=Callable[..., Any])

_made = explained(
    RATE,
    vc="Pass the variables: net.vars().",
    alpha="Write rho.",
    amsgrad=_OTHER,
    betas="Write beta1 and beta2.",
    capturable="Leave it out.",
    dampening=_OTHER,
    differentiable="Leave it out.",
    foreach="Leave it out: all variables are updated at once.",
    fused="Leave it out: all variables are updated at once.",
    maximize="Leave it out, and negate the loss.",
    momentum="Take Momentum.",
    nesterov="Take Momentum.",
    weight_decay="Take AdamW, whose weight decay is decoupled.",
)
_called = explained("Write opt(lr, gradients).", grads="The learning rate comes first: opt(lr, gradients).")


def stepping(call: F) -> F:
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
        elementwise: Whether `update` does the same with each element, whatever shape the variable has; it may take
            sums, means and extremes of all elements. Then it is recorded, and runs for all variables of a dtype at
            once: on a GPU in few launches instead of some for each variable. The bits are the same, but for sums, which
            are added in another order there, always the same one. It is recorded again when the text of an attribute of
            the optimizer changes, not for changes of what else it reads, such as globals. Within `autograd.debug()` it
            is called for each variable.
    """

    train_vars: States
    elementwise: bool = False
    _by_shape: bool = False  # whether `update` may be mapped over a batch of variables
    _has_mode = False
    _hyperparameters: Mapping[str, bool] = {}  # whether they may differ from variable to variable

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _made(cls.__init__)
        if "__call__" in cls.__dict__:
            cls.__call__ = stepping(cls.__call__)
        if "update" in cls.__dict__:
            cls.update = _called(cls.update)
            cls.elementwise = cls.__dict__.get("elementwise", False)
            cls._by_shape = cls.__dict__.get("_by_shape", False)

    @_made
    def __init__(self, vc: Variables) -> None:
        self.train_vars = references(vc, type(self).__name__)

    @stepping
    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step: changes the variables and the states.

        Args:
            lr: The learning rate, a number or an array of shape (); under `Parallel` also each device's part (1,) of an
                array. `{"*.b": 0.2, "*": 0.1}` gives each variable the rate of the first pattern that fits its name;
                so does a function of a name and a variable.
            grads: The gradient of each variable, in their order, as `Grad` gives them; or a dictionary of them by the
                names of the variables, as `Grad.named` gives it, or by the variables themselves. Each has the shape of
                its variable and is converted to its dtype.

        Raises:
            TypeError: If `lr` is no number or `grads` are no gradients.
            ValueError: If `lr` has a shape or is a Python number that is negative or NaN, or there are too few or too
                many gradients or one has another shape, or a variable was frozen.
            DeviceError: If a gradient is on another device than its variable. After these and any other exception,
                nothing has changed.
        """
        self.apply(lr, grads)

    def update(self, p: TrainRef, g: Array, lr: float | Array, *args: Any, **kwargs: Any) -> None:
        """Changes one variable and its states; subclasses override it: `def update(self, p, g, lr, m)`.

        It has no conditions on numbers of arrays. Variables of float16 and bfloat16 come in float32, as their states
        are, and are rounded once, after it.

        Args:
            p: The variable: `p.value -= lr * g` assigns to it.
            g: Its gradient, of its shape and dtype; that of a complex variable conjugated, as `Grad` gives the
                derivative df/dx - i df/dy, and df/dx + i df/dy is the way up.
            lr: The learning rate: a Python number, or an Array of shape () and of the variable's real dtype.
            args, kwargs: Subclasses name here what they use: the part of each state that belongs to the variable, a
                StateVar, under the name of the attribute; and the hyperparameters that `apply` was given.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no update. Define update(self, p, g, lr).")

    @stepping
    def apply(self, lr: Hyperparameter, grads: Gradients, **hyperparameters: Any) -> None:
        """Checks all arguments, then calls `update` for each variable: what `__call__` does, with the same errors.

        Args:
            lr: As for `__call__`.
            grads: As for `__call__`.
            hyperparameters: Further arguments of `update`, for an optimizer whose calls can give them: each of them as
                `lr`. NumPy's scalars become Python's, and arrays of shape () get the variable's real dtype.
        """
        numbers = {"lr": self.rate(lr), **{name: self.each(name, x) for name, x in hyperparameters.items()}}
        gradients = fitting(grads, self.train_vars, self.train_vars.names, type(self).__name__)
        names = [name for name in _parameters(type(self).update) if isinstance(getattr(self, name, None), ModuleList)]
        states = [getattr(self, name) for name in names]
        dtypes = [_computed_in(g.dtype) for g in gradients]
        own = _of_variables(numbers, dtypes, gradients)
        columns = [[p.ref for p in self.train_vars], *map(list, states)]

        def update(i: int, g: Array, numbers: dict[str, Any]) -> None:
            p, parts = self.train_vars[i], {name: state[i] for name, state in zip(names, states, strict=True)}
            if dtypes[i] == g.dtype:
                self.update(p, g, **numbers, **parts)
                return
            wide: Any = StateVar(single(p.value))
            self.update(wide, single(g), **numbers, **parts)
            p.value = asarray(wide.value, g.dtype)

        if self.elementwise:
            done = updated_together(self, columns, gradients, own, update)
        else:
            done = self._by_shape and updated_by_shape(columns, gradients, own, update)
        if not done:
            for i, g in enumerate(gradients):
                if g.size:  # norms and means of nothing are none
                    update(i, g, own[i])

    def rate(self, lr: Hyperparameter) -> Any:
        """A learning rate that was checked: a number, or a `PerVariable` of them."""
        return per_variable(lr, self.train_vars, self.train_vars.names, "learning rate", learning_rate)

    def each(self, name: str, x: Any) -> Any:
        """A hyperparameter: a number, or of a mapping or function a `PerVariable` of them."""
        return per_variable(x, self.train_vars, self.train_vars.names, f"{type(self).__name__}: {name}")

    def zeros(self, real: bool = False) -> ModuleList:
        """A state: a StateVar of zeros for each variable, of its shape and dtype, for half precision of float32.

        Args:
            real: Of the real dtype of a complex variable, for means of `abs(g)**2`.
        """
        return zeros_like(self.train_vars, real)

    def steps(self) -> StateVar:
        """A state: the number of steps, 0 at first, the same on all devices."""
        return counter()

    def _set(self, **hyperparameters: Any) -> None:
        """Sets attributes to hyperparameters of the constructor, each of which may differ from variable to variable.

        Values that they are given later are checked, too.
        """
        self._hyperparameters = {**self._hyperparameters, **dict.fromkeys(hyperparameters, True)}
        self._set_checked(hyperparameters)

    def _set_for_all(self, **hyperparameters: Any) -> None:
        """As `_set`, hyperparameters that are the same for all variables."""
        self._hyperparameters = {**self._hyperparameters, **dict.fromkeys(hyperparameters, False)}
        self._set_checked(hyperparameters)

    def _set_checked(self, hyperparameters: dict[str, Any]) -> None:
        for name, x in hyperparameters.items():
            super().__setattr__(name, self._checked(name, x, constructor=True))

    def _checked(self, name: str, x: Any, constructor: bool = False) -> Any:
        x = self.each(name, x) if self._hyperparameters[name] else number(x)
        return in_range(type(self).__name__, name, x, constructor)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._checked(name, value) if name in self._hyperparameters else value)

    def _of_call(self, name: str, x: Any) -> Any:
        """A hyperparameter that a call may give, else that of the optimizer."""
        return getattr(self, name) if x is None else self._checked(name, x)

    def __repr__(self) -> str:
        """The arguments of the constructor, those that it takes by name alone if they are not the default ones."""
        shown = [(name, getattr(self, name, self), default) for name, default in _arguments(type(self))]
        if any(isinstance(x, Module) for _, x, _ in shown):
            return super().__repr__()
        arguments = ", ".join(f"{name}={x!r}" for name, x, default in shown if repr(x) != default)
        return f"{class_name(self)}({arguments})"


declare(Optimizer, OPTIMIZER)


@functools.cache
def _parameters(update: Callable[..., Any]) -> list[str]:
    """The names of the parameters of an `update` behind the learning rate."""
    return positional_args_names(update)[4:]


def _arguments(kind: type[Optimizer]) -> list[tuple[str, str | None]]:
    """The names of the parameters of a constructor but the first one, and defaults that are not shown."""
    parameters = [*inspect.signature(kind).parameters.values()][1:]
    return [(p.name, repr(p.default) if p.kind is p.KEYWORD_ONLY else None) for p in parameters]


class _Counter(StateVar):
    """A number of steps, which people call who come from PyTorch."""

    _plain_class = StateVar

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"step: is the number of steps so far, not a method. {STEP}.")


def counter() -> StateVar:
    """A number of steps, 0 at first."""
    return _Counter(jn.array(0, dtype=onp.uint32), reduce=reduce_first)


def references(vc: Variables, where: str) -> States:
    """A TrainRef to each TrainVar of a collection; `where` is who asks, for errors."""
    names: dict[Any, list[str]] = names_of(trained(vc, where))
    return States(map(TrainRef, names), [*names.values()])


def zeros_like(refs: States, real: bool = False) -> States:
    """StateVars of zeros for variables: see `Optimizer.zeros`."""
    values = [p.value for p in refs]
    dtypes = [_computed_in(x.dtype) for x in values]
    zeros = map(jn.zeros_like, values, map(real_dtype, dtypes) if real else dtypes)
    return States(map(StateVar, zeros), refs.names)


@functools.cache
def _computed_in(dtype: onp.dtype[Any]) -> onp.dtype[Any]:
    """The dtype in which variables of a dtype are updated: at least float32."""
    return onp.dtype(onp.float32) if dtype.itemsize == 2 and is_inexact(dtype) else dtype


def _of_variables(numbers, dtypes, gradients):
    """The hyperparameters of each variable; arrays in its real dtype, so that they promote nothing, and on its device.

    Args:
        numbers: The hyperparameters.
        dtypes: The dtype in which each variable is updated.
        gradients: A gradient on the device of each variable.
    """
    are_own = any(isinstance(x, PerVariable) for x in numbers.values())
    if not are_own and not any(map(_is_number, numbers.values())):
        return [numbers] * len(dtypes)
    kinds = [*zip(dtypes, [g.device for g in gradients], strict=True)]
    if not are_own:
        of_kind = {kind: {name: _of_kind(x, *kind) for name, x in numbers.items()} for kind in set(kinds)}
        return [of_kind[kind] for kind in kinds]
    own = [{name: x[i] if isinstance(x, PerVariable) else x for name, x in numbers.items()} for i in range(len(kinds))]
    return [{name: _of_kind(x, *kind) for name, x in o.items()} for o, kind in zip(own, kinds, strict=True)]


def _of_kind(x, dtype, device):
    return near(asarray(x, real_dtype(dtype)), device) if _is_number(x) else x


def decayed(g: Array, p: TrainRef, weight_decay: float | Array) -> Array:
    """The gradient with that of the penalty weight_decay / 2 * p**2."""
    return g if isinstance(weight_decay, int | float) and not weight_decay else g + weight_decay * p.value


def towards(mean: Array, x: Array, beta: float | Array) -> Array:
    """A mean with the decay rate `beta` after one more number; with 0 exactly x, which a much greater mean would round
    to 0 in mean + (x - mean)."""
    return x if isinstance(beta, int | float) and not beta else mean + (1 - beta) * (x - mean)


def norm(x: Array) -> Array:
    """The root of the sum of abs(x)**2, of shape ()."""
    return jn.sqrt(squared(x).sum())


@functools.cache
def real_dtype(dtype: onp.dtype[Any]) -> onp.dtype[Any]:
    """The dtype of the parts of complex numbers; any other one itself."""
    return onp.empty(0, dtype).real.dtype


def _is_number(x):
    """Whether a hyperparameter is an array of one floating-point number."""
    return (isinstance(x, Array) or is_array(x)) and x.shape == () and x.dtype.kind not in "biu"
