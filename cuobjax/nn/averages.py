"""Moving averages of what passes through."""

from collections.abc import Sequence

import cuobjax.numpy as jn
from autograd import Array

from ..core.module import Module
from ..core.variable import StateVar
from ..typing import ArrayLike
from ..util.convert import require_reals, require_sizes, to_shape
from ..util.signatures import call_text
from .inputs import as_input, require_real

__all__ = ["ExponentialMovingAverage", "MovingAverage"]


def _checked(layer: Module, x: ArrayLike, average: Array, shape: tuple[int, ...]) -> Array:
    """x as an Array of a shape, with the dtype of the average."""
    array = as_input(layer, x)
    if array.shape != shape:
        raise ValueError(f"{type(layer).__name__}: expected x of shape {shape}, got {array.shape}.")
    if average.dtype.kind != "c":
        require_real(layer, array)
    return array.astype(average.dtype)


class MovingAverage(Module):
    """The mean of the last `buffer_size` arrays that it was called with.

    Args:
        shape: The shape of the arrays.
        buffer_size: How many of them count.
        init_value: What those before the first one are.
    """

    buffer: StateVar
    init_value: float

    def __init__(self, shape: Sequence[int], buffer_size: int, init_value: float = 0) -> None:
        shape = to_shape("MovingAverage", shape)
        require_sizes("MovingAverage", 1, buffer_size=buffer_size)
        self.init_value = init_value
        self.buffer = StateVar(jn.zeros((buffer_size, *shape)) + init_value)

    def __call__(self, x: ArrayLike) -> Array:
        """Puts x, of the given shape, into the place of the oldest array and returns the mean of all.

        Raises:
            ValueError: If x has another shape, TypeError if it is complex and `init_value` is not.
        """
        buffer = self.buffer.value
        self.buffer.value = jn.concatenate([buffer[1:], _checked(self, x, buffer, buffer.shape[1:])[None]])
        return self.buffer.value.mean(0)

    def __repr__(self) -> str:
        size, *shape = self.buffer.shape
        return call_text(self, shape=tuple(shape), buffer_size=size, init_value=self.init_value)


class ExponentialMovingAverage(Module):
    """An average of the arrays that it was called with, in which older ones count less.

    Args:
        shape: The shape of the arrays.
        momentum: average += (1 - momentum) * (x - average).
        init_value: What the average begins with.
    """

    avg: StateVar
    momentum: float
    init_value: float

    def __init__(self, shape: Sequence[int], momentum: float = 0.999, init_value: float = 0) -> None:
        shape = to_shape("ExponentialMovingAverage", shape)
        require_reals("ExponentialMovingAverage", momentum=momentum)
        if not 0 <= momentum <= 1:
            raise ValueError(f"ExponentialMovingAverage: expected momentum from 0 to 1, got {momentum}.")
        self.momentum, self.init_value = momentum, init_value
        self.avg = StateVar(jn.zeros(shape) + init_value)

    def __call__(self, x: ArrayLike) -> Array:
        """Moves the average towards x, of the given shape, and returns it.

        Raises:
            ValueError: If x has another shape, TypeError if it is complex and `init_value` is not.
        """
        average = self.avg.value
        self.avg.value = average + (1 - self.momentum) * (_checked(self, x, average, average.shape) - average)
        return self.avg.value

    def __repr__(self) -> str:
        return call_text(self, shape=self.avg.shape, momentum=self.momentum, init_value=self.init_value)
