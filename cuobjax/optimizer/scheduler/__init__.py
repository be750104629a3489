"""Schedules of the learning rate: functions of the number of the step, `opt(schedule(step), gradients)`.

A Python number gives a Python float, an array (also a traced one, under Jit) an Array.
"""

from typing import TYPE_CHECKING

from ...absent import of_package
from .annealing import Annealing, CosineAnnealing, LinearAnnealing, PolynomialAnnealing
from .base import Constant, ExponentialDecay, Scheduler, StepDecay
from .joined import OneCycle, Piecewise, Warmup

__all__ = [
    "Annealing", "Constant", "CosineAnnealing", "ExponentialDecay", "LinearAnnealing", "OneCycle", "Piecewise",
    "PolynomialAnnealing", "Scheduler", "StepDecay", "Warmup",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)
