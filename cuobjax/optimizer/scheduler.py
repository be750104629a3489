"""Schedules of the learning rate: functions of the number of the step, `opt(schedule(step), gradients)`.

A Python number gives a Python float, an array (also a traced one, under Jit) an Array.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as onp

import cuobjax.numpy as jn

from ..absent import SCHEDULER, declare, of_package
from ..util import class_name

__all__ = [
    "Annealing", "Constant", "CosineAnnealing", "ExponentialDecay", "LinearAnnealing", "OneCycle", "Piecewise",
    "PolynomialAnnealing", "Scheduler", "StepDecay", "Warmup",
]  # fmt: skip

Schedule: TypeAlias = Callable[[Any], Any]
"""A Scheduler, or any function of the step."""


def _is_number(step: Any) -> bool:
    return isinstance(step, int | float | onp.integer | onp.floating)


def _library(step: Any) -> Any:
    """The library whose functions a step takes: NumPy's for numbers."""
    return onp if _is_number(step) else jn


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
        _require_numbers(type(self).__name__, base_lr=base_lr)
        if isinstance(base_lr, int | float) and not 0 <= base_lr < math.inf:
            raise ValueError(f"{type(self).__name__}: expected base_lr of at least 0, got {base_lr}.")
        self.base_lr = base_lr

    def multiplier(self, step: Any) -> Any:
        """The learning rate at a step as a multiple of `base_lr`; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: has no multiplier. Define multiplier(self, step).")

    def __call__(self, step: Any) -> Any:
        """The learning rate at a step.

        Args:
            step: The number of the step, 0 at first. Arrays of integers are counted in float32, so up to 2**24.
        """
        if _is_number(step):
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
        return 1.0 if _is_number(step) else jn.ones_like(step)


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
        _require_numbers("StepDecay", gamma=gamma)
        if isinstance(step_size, Iterable) and not isinstance(step_size, str):
            step_size = list(step_size)
            _require_rising("StepDecay", "step_size", step_size)
        else:
            _require_positive("StepDecay", step_size=step_size)
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
        _require_positive("ExponentialDecay", step_size=step_size, gamma=gamma)
        self.step_size, self.gamma = step_size, gamma

    def multiplier(self, step: Any) -> Any:
        """gamma**(step / step_size)."""
        return self.gamma ** (step / self.step_size)


class Annealing(Scheduler):
    """The base of rates that go from base_lr to min_lr in max_step steps. One of your own overrides `fall`.

    Args:
        max_step: The number of steps.
        base_lr: The rate at first.
        is_cycle: Whether the rate starts again at max_step, as it was at first; else it stays at min_lr.
        min_lr: The rate at the end. In a cycle, the last step is not there yet.
        growth: How many times as long each cycle is as the one before.
    """

    max_step: float
    is_cycle: bool
    min_lr: float
    growth: float

    def __init__(
        self,
        max_step: float,
        base_lr: float = 1.0,
        is_cycle: bool = False,
        min_lr: float = 0.0,
        *,
        growth: float = 1.0,
    ) -> None:
        super().__init__(base_lr)
        _require_positive(type(self).__name__, max_step=max_step, base_lr=base_lr)
        _require_numbers(type(self).__name__, min_lr=min_lr, growth=growth)
        if not base_lr >= min_lr:
            raise ValueError("base_lr should be greater than or equal to min_lr.")
        if not growth >= 1:
            raise ValueError(f"{type(self).__name__}: expected growth of at least 1, got {growth}.")
        self.max_step, self.is_cycle, self.min_lr, self.growth = max_step, is_cycle, min_lr, growth

    def fall(self, progress: Any) -> Any:
        """How far the rate has fallen, from 0 to 1, when `progress` from 0 to 1 is made; subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: has no fall. Define fall(self, progress).")

    def multiplier(self, step: Any) -> Any:
        """1 - fall * (1 - min_lr / base_lr)."""
        return 1.0 - self.fall(self._progress(step)) * (1.0 - self.min_lr / self.base_lr)

    def _progress(self, step):
        xp = _library(step)
        if not self.is_cycle:
            return xp.minimum(step, self.max_step) / self.max_step
        if self.growth == 1:
            return xp.remainder(step, self.max_step) / self.max_step
        step = step / self.max_step
        cycle = xp.floor(xp.log(step * (self.growth - 1) + 1) / math.log(self.growth))
        cycle += step >= self._begin(cycle + 1)  # where rounding has found the cycle before or behind
        cycle -= step < self._begin(cycle)
        return (step - self._begin(cycle)) / self.growth**cycle

    def _begin(self, cycle):
        """Where a cycle begins, in units of the first one."""
        return (self.growth**cycle - 1) / (self.growth - 1)


class LinearAnnealing(Annealing):
    """A rate that falls along a line: see `Annealing`. As in Objax, it starts again at max_step by default.

    Args:
        max_step, base_lr, is_cycle, min_lr, growth: See `Annealing`.
    """

    def __init__(
        self,
        max_step: float,
        base_lr: float = 1.0,
        is_cycle: bool = True,
        min_lr: float = 0.0,
        *,
        growth: float = 1.0,
    ) -> None:
        super().__init__(max_step, base_lr, is_cycle, min_lr, growth=growth)

    def fall(self, progress: Any) -> Any:
        """progress."""
        return progress


class CosineAnnealing(Annealing):
    """A rate that falls along half a wave: (1 - cos(pi * progress)) / 2. With is_cycle, it restarts.

    Source: Loshchilov & Hutter 2017, equation 5, whose T_mult is growth.

    Args:
        max_step, base_lr, is_cycle, min_lr, growth: See `Annealing`.
    """

    def fall(self, progress: Any) -> Any:
        """(1 - cos(pi * progress)) / 2."""
        return (1 - _library(progress).cos(math.pi * progress)) / 2


class PolynomialAnnealing(Annealing):
    """A rate that falls along a power: 1 - (1 - progress)**power.

    Args:
        max_step, base_lr, is_cycle, min_lr, growth: See `Annealing`.
        power: The exponent.
    """

    power: float

    def __init__(
        self,
        max_step: float,
        base_lr: float = 1.0,
        is_cycle: bool = False,
        min_lr: float = 0.0,
        *,
        power: float = 2.0,
        growth: float = 1.0,
    ) -> None:
        super().__init__(max_step, base_lr, is_cycle, min_lr, growth=growth)
        _require_positive("PolynomialAnnealing", power=power)
        self.power = power

    def fall(self, progress: Any) -> Any:
        """1 - (1 - progress)**power."""
        return 1 - (1 - progress) ** self.power


class Piecewise(Scheduler):
    """Schedules one after the other, each of which counts its steps from where it begins.

    >>> from cuobjax.optimizer.scheduler import LinearAnnealing, Piecewise
    >>> schedule = Piecewise([2, 4], [0.5, LinearAnnealing(4, base_lr=1.0), 0.125])
    >>> [schedule(step) for step in range(6)]
    [0.5, 0.5, 1.0, 0.75, 0.125, 0.125]

    Args:
        boundaries: The steps at which the second schedule begins, and each following one, rising.
        schedules: Functions of the step or numbers, one more than boundaries.
        base_lr: A factor of all of them.
    """

    boundaries: Sequence[float]
    schedules: Sequence[Schedule | float]

    def __init__(
        self, boundaries: Sequence[float], schedules: Sequence[Schedule | float], base_lr: float = 1.0
    ) -> None:
        super().__init__(base_lr)
        for name, items in (("boundaries", boundaries), ("schedules", schedules)):
            if isinstance(items, str) or not isinstance(items, Iterable):
                raise TypeError(f"Piecewise: expected {name} as a list, got {items!r}.")
        if len(schedules) != len(boundaries) + 1:
            raise ValueError(
                f"Piecewise: expected one schedule more than boundaries, got {len(schedules)} and {len(boundaries)}."
            )
        _require_rising("Piecewise", "boundaries", boundaries)
        self.boundaries, self.schedules = [*boundaries], [*schedules]

    def multiplier(self, step: Any) -> Any:
        """The rate of the schedule that a step belongs to."""
        xp = _library(step)
        begins = [0, *self.boundaries]
        rates = [
            schedule(xp.maximum(step - begin, 0)) if callable(schedule) else schedule
            for schedule, begin in zip(self.schedules, begins, strict=True)
        ]
        rate = rates[0]
        for begin, following in zip(self.boundaries, rates[1:], strict=True):
            rate = xp.where(step >= begin, following, rate)
        return rate


class Warmup(Scheduler):
    """A rate that rises along a line to that of another schedule, which begins then and counts its steps from there.

    Args:
        after: The schedule, or a number.
        steps: The number of steps of the rise.
        start: The rate at first, as a part of the first one of `after`.
    """

    after: Schedule | float
    steps: float
    start: float

    def __init__(self, after: Schedule | float, steps: float, start: float = 0.0) -> None:
        super().__init__()
        _require_positive("Warmup", steps=steps)
        if not callable(after):
            _require_numbers("Warmup", after=after)
        _require_numbers("Warmup", start=start)
        self.after, self.steps, self.start = after, steps, start

    def multiplier(self, step: Any) -> Any:
        """The rate of the rise, or of the schedule after it."""
        return Piecewise([self.steps], [self._rise, self.after]).multiplier(step)

    def _rise(self, step):
        peak = self.after(0) if callable(self.after) else self.after
        return peak * (self.start + (1 - self.start) * step / self.steps)


class OneCycle(Scheduler):
    """A rate that rises along half a wave from base_lr / div_factor to base_lr, then falls along one to the first rate
    divided by final_div_factor, which it has in step max_step - 1 and stays at.

    Source: Smith & Topin 2018, with waves in place of lines and the steps of PyTorch.

    Args:
        max_step: The number of steps.
        base_lr: The greatest rate.
        pct_start: The part of the steps in which it rises.
        div_factor: What the greatest rate is divided by at first.
        final_div_factor: What the first rate is divided by at the end.
    """

    max_step: float
    pct_start: float
    div_factor: float
    final_div_factor: float

    def __init__(
        self,
        max_step: float,
        base_lr: float = 1.0,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        super().__init__(base_lr)
        _require_positive("OneCycle", max_step=max_step, div_factor=div_factor, final_div_factor=final_div_factor)
        _require_numbers("OneCycle", pct_start=pct_start)
        self.max_step, self.pct_start = max_step, pct_start
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        if not 0 < self._top() < max_step - 1:
            raise ValueError(
                "OneCycle: expected steps for the rise and for the fall, "
                f"got max_step={max_step} and pct_start={pct_start}."
            )

    def multiplier(self, step: Any) -> Any:
        """The rate as a part of the greatest one."""
        xp, first, top = _library(step), 1 / self.div_factor, self._top()
        rise = xp.minimum(step / top, 1.0)
        fall = xp.clip((step - top) / (self.max_step - 1 - top), 0.0, 1.0)
        up = (1 - xp.cos(math.pi * rise)) / 2
        down = (1 - xp.cos(math.pi * fall)) / 2
        return first + (1 - first) * up - (1 - first / self.final_div_factor) * down

    def _top(self):
        """The step with the greatest rate."""
        return self.pct_start * self.max_step - 1


def _require_numbers(where, **numbers):
    for name, x in numbers.items():
        if isinstance(x, bool) or not (isinstance(x, int | float) or hasattr(x, "shape")):
            remedy = " A schedule has no optimizer: write opt(schedule(step), gradients)." if callable(x) else ""
            raise TypeError(f"{where}: expected {name} as a number, got {type(x).__name__}.{remedy}")


def _require_positive(where, **numbers):
    _require_numbers(where, **numbers)
    for name, x in numbers.items():
        if not x > 0:
            raise ValueError(f"{where}: expected {name} greater than 0, got {x}.")


def _require_rising(where, name, steps):
    for at in steps:
        _require_numbers(where, **{name: at})
    if list(steps) != sorted(set(steps)):
        raise ValueError(f"{where}: expected {name} as rising steps, got {steps}.")


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)
