"""Hyperparameters: numbers that are the same for all variables, or one for each of them."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array
from autograd.thread_group import place

from ..core.collection import name_pattern
from ..core.variable import TrainRef, TrainVar
from ..typing import ArrayLike

__all__ = [
    "RATE", "Hyperparameter", "Number", "PerVariable", "combined", "in_range", "learning_rate", "number",
    "per_variable",
]  # fmt: skip

Hyperparameter: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | Callable[[str, TrainVar], ArrayLike]
"""A number for all variables; or `{"*.b": 0.2, "*": 0.1}`, of which the first pattern counts that fits a name of the
variable; or a function of the first name and the variable that returns the number."""

Number: TypeAlias = float | Array
"""A hyperparameter of one variable, as `update` gets it: a Python number, or an Array of shape ()."""

RATE = "The learning rate comes with each call: opt(lr, gradients)."
_DECAY_RATES = ("beta1", "beta2", "beta3", "momentum", "rho")
_DIVISORS = ("clip",)
_FIRST = ("beta1", "momentum", "rho")  # where people who write a learning rate into the constructor put it
_TOO_SMALL = 0.01


class PerVariable(tuple[Any, ...]):
    """A number for each variable, in their order.

    Attributes:
        text: That of what the user wrote, which may not be picklable.
    """

    text: str = ""

    def __repr__(self) -> str:
        return self.text or tuple.__repr__(self)


def number(x: Any) -> Any:
    """A hyperparameter: one of NumPy's scalars and arrays of shape () as a Python number, anything else unchanged, but
    under `Parallel` a device's part (1,) of an array, which becomes one of shape ()."""
    if getattr(x, "shape", None) == (1,) and place() is not None:
        x = x.reshape(())
    return x.item() if isinstance(x, onp.generic | onp.ndarray) and x.shape == () else x


def learning_rate(lr: Any) -> Any:
    """The learning rate `lr` as a Python number or an Array of shape ()."""
    if isinstance(lr, bool) or (not isinstance(lr, int | float) and not hasattr(lr, "shape")):
        remedy = (
            "The rate comes first, then grads" if not hasattr(lr, "multiplier") else "Write opt(schedule(step), grads)"
        )
        raise TypeError(f"learning rate: expected a number, got {type(lr).__name__}. {remedy}.")
    if hasattr(lr, "shape"):
        if lr.dtype.kind in "bc":
            raise TypeError(f"learning rate: expected a real number, got {lr.dtype}.")
        lr = number(lr)
    if hasattr(lr, "shape") and lr.shape != ():
        remedy = " Write lr[0]." if lr.shape == (1,) else ""
        raise ValueError(f"learning rate: expected a number, got shape {jn.shape(lr)}.{remedy}")
    if isinstance(lr, int | float) and not 0 <= lr < math.inf:
        remedy = " To climb, negate the loss or the gradients." if -math.inf < lr < 0 else ""
        raise ValueError(f"learning rate: expected a finite number of at least 0, got {lr}.{remedy}")
    return lr


def in_range(where: str, name: str, x: Any, constructor: bool = False) -> Any:
    """A hyperparameter of an optimizer; ValueError for a Python number that cannot be meant. Of arrays, only the
    shape is looked at.

    Args:
        where: The name of the optimizer, for errors.
        name: That of the hyperparameter, which says what it is: decay rates are at least 0 and less than 1.
        x: Its value, one for each variable in a PerVariable.
        constructor: Whether a learning rate may have been put in its place.
    """
    for value in x if isinstance(x, PerVariable) else (x,):
        if hasattr(value, "shape"):
            if value.shape != ():
                raise ValueError(f"{where}: expected a number as {name}, got shape {jn.shape(value)}.")
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{where}: expected a number as {name}, got {value!r}.")
        if name in _DECAY_RATES and not 0 <= value < 1:
            raise ValueError(f"{where}: expected {name} of at least 0 and less than 1, got {value}.")
        if constructor and name in _FIRST and 0 < value <= _TOO_SMALL:
            raise ValueError(f"{where}: expected {name} to be 0 or greater than {_TOO_SMALL}, got {value}. {RATE}")
        if not 0 <= value < math.inf:
            raise ValueError(f"{where}: expected {name} of at least 0, got {value}.")
        if name in _DIVISORS and not value:
            raise ValueError(f"{where}: expected {name} greater than 0, got {value}.")
    return x


def per_variable(
    x: Any, refs: Sequence[TrainRef], names: Sequence[Sequence[str]], where: str, check: Callable[[Any], Any] = number
) -> Any:
    """A hyperparameter as `check` gives it; a mapping or a function as a PerVariable of that.

    Args:
        x: See `Hyperparameter`.
        refs, names: The variables, and all names of each.
        where: What it is, for errors.
        check: Called with each number.

    Raises:
        ValueError: If no pattern fits a variable, or a pattern fits none.
    """
    if type(x) is float:
        return check(x)
    values: Sequence[Any]
    if isinstance(x, PerVariable):
        values = x
    elif isinstance(x, Mapping):
        numbers = [*x.values()]
        values = [numbers[i] for i in _choices(tuple(x), tuple(map(tuple, names)), where)]
    elif callable(x) and not hasattr(x, "shape") and not hasattr(x, "multiplier"):
        values = [x(known[0], p.ref) for p, known in zip(refs, names, strict=True)]
    else:
        return check(x)
    checked = {id(value): check(value) for value in values}  # what is one object stays one: see `combined`
    result = PerVariable(checked[id(value)] for value in values)
    result.text = repr(x)
    return result


@functools.lru_cache(maxsize=64)
def _choices(patterns: tuple[Any, ...], names: tuple[tuple[str, ...], ...], where: str) -> list[int]:
    """For each variable the position of the first pattern that fits one of its names."""
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"{where}: expected patterns of names, such as '*.b', got {pattern!r}.")
    fits = [[any(map(name_pattern(pattern), known)) for pattern in patterns] for known in names]
    for known, row in zip(names, fits, strict=True):
        if not any(row):
            raise ValueError(f"{where}: no pattern fits {known[0]}. Add one for the others: '*'.")
    for pattern, *column in zip(patterns, *fits, strict=True):
        if not any(column):
            shown = ", ".join(known[0] for known in names[:3])
            raise ValueError(f"{where}: no variable has a name like {pattern!r}. Names: {shown}.")
    return [row.index(True) for row in fits]


def combined(f: Callable[..., Any], *numbers: Any) -> Any:
    """f of hyperparameters; if some differ from variable to variable, so does the result.

    It is computed once for equal arguments, so that a step costs no operations for each variable.
    """
    lengths = [len(x) for x in numbers if isinstance(x, PerVariable)]
    if not lengths:
        return f(*numbers)
    rows = [*zip(*[x if isinstance(x, PerVariable) else [x] * lengths[0] for x in numbers], strict=True)]
    distinct = {tuple(map(id, row)): row for row in rows}
    results = {key: f(*row) for key, row in distinct.items()}
    return PerVariable(results[tuple(map(id, row))] for row in rows)
