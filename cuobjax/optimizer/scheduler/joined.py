"""Schedules of several parts, one after the other."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from .base import Scheduler, library, require_numbers, require_positive, require_rates, require_rising

__all__ = ["OneCycle", "Piecewise", "Warmup"]

Schedule: TypeAlias = Callable[[Any], Any]
"""A Scheduler, or any function of the step."""


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
        require_rising("Piecewise", "boundaries", boundaries)
        require_rates("Piecewise", **{f"schedule {i}": x for i, x in enumerate(schedules) if not callable(x)})
        self.boundaries, self.schedules = [*boundaries], [*schedules]

    def multiplier(self, step: Any) -> Any:
        """The rate of the schedule that a step belongs to."""
        xp = library(step)
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
        require_positive("Warmup", steps=steps)
        if not callable(after):
            require_rates("Warmup", after=after)
        require_rates("Warmup", start=start)
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
        require_positive("OneCycle", max_step=max_step, div_factor=div_factor, final_div_factor=final_div_factor)
        require_numbers("OneCycle", pct_start=pct_start)
        self.max_step, self.pct_start = max_step, pct_start
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        if not 0 < self._top() < max_step - 1:
            raise ValueError(
                "OneCycle: expected steps for the rise and for the fall, "
                f"got max_step={max_step} and pct_start={pct_start}."
            )

    def multiplier(self, step: Any) -> Any:
        """The rate as a part of the greatest one."""
        xp, first, top = library(step), 1 / self.div_factor, self._top()
        rise = xp.minimum(step / top, 1.0)
        fall = xp.clip((step - top) / (self.max_step - 1 - top), 0.0, 1.0)
        up = (1 - xp.cos(math.pi * rise)) / 2
        down = (1 - xp.cos(math.pi * fall)) / 2
        return first + (1 - first) * up - (1 - first / self.final_div_factor) * down

    def _top(self):
        """The step with the greatest rate."""
        return self.pct_start * self.max_step - 1
