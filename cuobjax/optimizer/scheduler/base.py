"""What a schedule is, and those whose rate stays or falls by factors."""

import inspect
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn

from ...absent import SCHEDULER, declare
from ...util import class_name

__all__ = [
    "Constant", "ExponentialDecay", "Scheduler", "StepDecay", "is_number", "library", "require_numbers",
    "require_positive", "require_rates", "require_rising",
]  # fmt: skip


def is_number(step: Any) -> bool:
    """Whether a step is a number, of Python or NumPy, and no array."""
    return isinstance(step, int | float | onp.integer | onp.floating)


def library(step: Any) -> Any:
    """The library whose functions a step takes: NumPy's for numbers."""
    return onp if is_number(step) else jn


def require_numbers(where: str, **numbers: Any) -> None:
    """Raises TypeError for what is no number and no array."""
    for name, x in numbers.items():
        if isinstance(x, bool) or not (isinstance(x, int | float) or hasattr(x, "shape")):
            remedy = " A schedule has no optimizer: write opt(schedule(step), gradients)." if callable(x) else ""
            raise TypeError(f"{where}: expected {name} as a number, got {type(x).__name__}.{remedy}")


def require_positive(where: str, **numbers: Any) -> None:
    """As `require_numbers`, and ValueError for what is not above 0."""
    require_numbers(where, **numbers)
    for name, x in numbers.items():
        if not x > 0:
            raise ValueError(f"{where}: expected {name} greater than 0, got {x}.")


def require_rates(where: str, **numbers: Any) -> None:
    """As `require_numbers`, and ValueError for Python's numbers that are negative or not finite, as rates are not."""
    require_numbers(where, **numbers)
    for name, x in numbers.items():
        if isinstance(x, int | float) and not 0 <= x < math.inf:
            raise ValueError(f"{where}: expected {name} of at least 0, got {x}.")


def require_rising(where: str, name: str, steps: Collection[Any]) -> None:
    """Raises TypeError for steps that are no numbers, ValueError for those that do not rise."""
    for at in steps:
        require_numbers(where, **{name: at})
    if list(steps) != sorted(set(steps)):
        raise ValueError(f"{where}: expected {name} as rising steps, got {steps}.")


class Scheduler:
    """The base of all schedules: base_lr * multiplier(step). One of your own overrides `multiplier`.

    >>> import cuobjax
    >>> class InverseRoot(cuobjax.optimizer.scheduler.Scheduler):
    ...     def multiplier(self, step):
    ...         return (step + 1) ** -0.5
    >>> InverseRoot(base_lr=0.1)(3)
    0.05

    Args:
        base_lr: The learning rate that `multiplier` is a multiple of.
    """

    base_lr: Any

    def __init__(self, base_lr: float = 1.0) -> None:
        require_rates(type(self).__name__, base_lr=base_lr)
        self.base_lr = base_lr

    def multiplier(self, step: Any) -> Any:
        """The learning rate at a step as a multiple of `base_lr`; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: has no multiplier. Define multiplier(self, step).")

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step.

        Args:
            step: The number of the step, 0 at first. Arrays of integers are counted in float32, so up to 2**24.
        """
        if is_number(step):
            step = step.item() if isinstance(step, onp.generic) else step  # NumPy's integers are limited
            return float(self.base_lr * self.multiplier(step))
        step = jn.asarray(step)
        return self.base_lr * self.multiplier(step.astype("float32") if step.dtype.kind in "iu" else step)

    def __repr__(self) -> str:
        names = list(inspect.signature(type(self)).parameters)
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names if hasattr(self, name))
        return f"{class_name(self)}({shown})"


declare(Scheduler, SCHEDULER)


class Constant(Scheduler):
    """The same rate in all steps: base_lr."""

    def multiplier(self, step: Any) -> Any:
        """1."""
        return 1.0 if is_number(step) else jn.ones_like(step)


class StepDecay(Scheduler):
    """A rate that falls in steps: base_lr * gamma**n, where n is step // step_size, or how many of a list of steps
    have come.

    Args:
        step_size: The number of steps after which the rate falls; or a list of the steps at which it falls.
        base_lr: The rate at first.
        gamma: The factor at each fall.
    """

    step_size: float | Sequence[float]
    gamma: float

    def __init__(self, step_size: float | Iterable[float], base_lr: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(base_lr)
        require_rates("StepDecay", gamma=gamma)
        if isinstance(step_size, Iterable) and not isinstance(step_size, str):
            step_size = list(step_size)
            require_rising("StepDecay", "step_size", step_size)
        else:
            require_positive("StepDecay", step_size=step_size)
        self.step_size, self.gamma = step_size, gamma

    def multiplier(self, step: Any) -> Any:
        """gamma**n."""
        if isinstance(self.step_size, Sequence):
            return self.gamma ** sum((step >= at) * 1 for at in self.step_size)
        return self.gamma ** (step // self.step_size)


class ExponentialDecay(Scheduler):
    """A rate that falls evenly: base_lr * gamma**(step / step_size).

    Args:
        step_size: The number of steps in which the rate falls by gamma.
        base_lr: The rate at first.
        gamma: The factor.
    """

    step_size: float
    gamma: float

    def __init__(self, step_size: float, base_lr: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(base_lr)
        require_positive("ExponentialDecay", step_size=step_size, gamma=gamma)
        self.step_size, self.gamma = step_size, gamma

    def multiplier(self, step: Any) -> Any:
        """gamma**(step / step_size)."""
        return self.gamma ** (step / self.step_size)
