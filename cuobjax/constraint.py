"""Constraints of TrainVars: functions that make a value out of a free tensor, with inverses."""

import functools
from collections.abc import Callable

import autograd.numpy as anp
from autograd import Array

from .functional import sigmoid, softplus
from .typing import Axes
from .util import repr_function

__all__ = ["Constraint", "interval", "positive", "unit_norm"]


class Constraint:
    """A differentiable function of a free tensor, with its inverse.

    `TrainVar(x, constraint=Constraint(jn.exp, jn.log))` is a variable of positive numbers that begins with the value x.

    Args:
        function: Makes the value out of the free tensor, elementwise or not; it keeps the dtype.
        inverse: Finds a free tensor for a value.
    """

    function: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    __name__: str

    def __init__(self, function: Callable[[Array], Array], inverse: Callable[[Array], Array]) -> None:
        self.function, self.inverse = function, inverse
        self.__name__ = repr_function(function)

    def __call__(self, free: Array) -> Array:
        """The value that belongs to the free tensor."""
        return self.function(free)

    def __repr__(self) -> str:
        return self.__name__


def _inverse_softplus(y):
    return y + anp.log(-anp.expm1(-y))


positive: Constraint = Constraint(softplus, _inverse_softplus)
positive.__doc__ = "Positive numbers, softplus(free)."


def interval(low: float, high: float) -> Constraint:
    """Numbers between `low` and `high`: low + (high - low) * sigmoid(free)."""
    return Constraint(functools.partial(_between, low=low, high=high), functools.partial(_logit, low=low, high=high))


def _between(free, low, high):
    return low + (high - low) * sigmoid(free)


def _logit(y, low, high):
    return anp.log(y - low) - anp.log(high - y)


def unit_norm(axis: Axes = None) -> Callable[[Array], Array]:
    """Vectors of length 1 along the axes: free / |free|, where free is not 0. A value of another length is scaled.

    Args:
        axis: One axis, several, or None for all.
    """
    return functools.partial(_normalized, axis=axis)


def _normalized(free, axis):
    return free / anp.sqrt((free * free).sum(axis, keepdims=True))


def __dir__() -> list[str]:
    return __all__
