"""Activations with variables; the others are functions of `cuobjax.functional`."""

import cuobjax.numpy as jn
from autograd import Array

from .. import functional
from ..core.module import Module
from ..core.variable import TrainVar
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import require_reals, require_sizes
from ..util.signatures import explained
from .inputs import as_input

__all__ = ["PReLU"]


class PReLU(Module):
    """x where it is positive, elsewhere slope * x, with a slope that is trained. Source: He et al. 2015.

    Args:
        nin: The number of channels, each with a slope of its own; 1: they share one.
        slope: The slope at first.
    """

    slope: TrainVar

    @explained("Write PReLU(nin), or PReLU().", num_parameters="Write PReLU(nin).", init="Write slope.")
    def __init__(self, nin: int = 1, slope: float = 0.25) -> None:
        require_sizes("PReLU", 1, nin=nin)
        require_reals("PReLU", slope=slope)
        self.slope = TrainVar(jn.full((nin,), slope, jn.zeros(()).dtype))
        self._initial = slope

    def __call__(self, x: ArrayLike) -> Array:
        """x (N, nin, ...) to an array of the same shape; of any shape if the slope is shared.

        Raises:
            ValueError: If x has another number of channels.
        """
        x, nin = as_input(self, x), self.slope.shape[0]
        if nin > 1 and (x.ndim < 2 or x.shape[1] != nin):
            raise ValueError(f"PReLU: expected x of shape (N, {nin}, ...), got {x.shape}.")
        return functional.prelu(x, self.slope.value)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={self.slope.shape[0]}, slope={self._initial})"
