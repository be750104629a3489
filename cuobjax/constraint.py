"""Constraints of TrainVars: functions that make a value out of a free tensor, with inverses."""

import functools

import autograd.numpy as anp

from .functional import sigmoid, softplus
from .util import repr_function


class Constraint:
    """A differentiable function of a free tensor, with its inverse.

    `TrainVar(x, constraint=Constraint(jn.exp, jn.log))` is a variable of positive numbers that begins with the value x.

    Args:
        function: Makes the value out of the free tensor, elementwise or not; it keeps the dtype.
        inverse: Finds a free tensor for a value.
    """

    def __init__(self, function, inverse):
        self.function, self.inverse = function, inverse
        self.__name__ = repr_function(function)

    def __call__(self, free):
        return self.function(free)

    def __repr__(self):
        return self.__name__


def _inverse_softplus(y):
    return y + anp.log(-anp.expm1(-y))


positive = Constraint(softplus, _inverse_softplus)
positive.__doc__ = "Positive numbers, softplus(free)."


def interval(low, high):
    """Numbers between `low` and `high`: low + (high - low) * sigmoid(free)."""
    return Constraint(functools.partial(_between, low=low, high=high), functools.partial(_logit, low=low, high=high))


def _between(free, low, high):
    return low + (high - low) * sigmoid(free)


def _logit(y, low, high):
    return anp.log(y - low) - anp.log(high - y)


def unit_norm(axis=None):
    """Vectors of length 1 along the axes: free / |free|, where free is not 0. A value of another length is scaled."""
    return functools.partial(_normalized, axis=axis)


def _normalized(free, axis):
    return free / anp.sqrt((free * free).sum(axis, keepdims=True))
