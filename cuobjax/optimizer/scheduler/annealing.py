"""Schedules whose rate falls from one number to another one, once or in cycles."""

import math
from typing import Any

from .base import Scheduler, library, require_numbers, require_positive, require_rates

__all__ = ["Annealing", "CosineAnnealing", "LinearAnnealing", "PolynomialAnnealing"]


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
        require_positive(type(self).__name__, max_step=max_step, base_lr=base_lr)
        require_rates(type(self).__name__, min_lr=min_lr)
        require_numbers(type(self).__name__, growth=growth)
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
        xp = library(step)
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
        return (1 - library(progress).cos(math.pi * progress)) / 2


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
        require_positive("PolynomialAnnealing", power=power)
        self.power = power

    def fall(self, progress: Any) -> Any:
        """1 - (1 - progress)**power."""
        return 1 - (1 - progress) ** self.power
