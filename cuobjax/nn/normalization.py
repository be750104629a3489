"""Batch normalization."""

import math
import numbers
from collections.abc import Iterable, Sequence

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes
from autograd.ops.activation import lerp
from autograd.ops.normalization import normalize, standardize

from .. import functional
from ..core.module import Module
from ..core.training_mode import in_training
from ..core.variable import StateVar, TrainVar
from ..dtypes import default_dtype
from ..functional.half_precision import single
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import require_lengths, require_sizes
from ..util.signatures import explained
from .inputs import as_input, require_real

__all__ = ["BatchNorm", "BatchNorm0D", "BatchNorm1D", "BatchNorm2D", "BatchNorm3D"]


class BatchNorm(Module):
    """Normalizes over axes: y = gamma * (x - mean) / sqrt(variance + eps) + beta. Source: Ioffe & Szegedy 2015.

    In training, mean and (biased) variance are those of x, through which the gradient flows, and their running means
    move towards them; else the running means are used. All four are float32 at least, whatever precision x has.

    Args:
        dims: The shape of the statistics, 1 where they are taken over an axis.
        redux: The axes that they are taken over.
        momentum: running += (1 - momentum) * (new - running).
        eps: Added to the variance.
    """

    momentum: float
    eps: float
    redux: tuple[int, ...]
    running_mean: StateVar
    running_var: StateVar
    beta: TrainVar
    gamma: TrainVar

    def __init__(self, dims: Sequence[int], redux: Sequence[int], momentum: float = 0.999, eps: float = 1e-6) -> None:
        dims = _checked(type(self).__name__, dims, redux, momentum, eps)
        self.momentum, self.eps, self.redux = momentum, eps, tuple(redux)
        self.running_mean = StateVar(single(jn.zeros(dims)))
        self.running_var = StateVar(single(jn.ones(dims)))
        self.beta = TrainVar(jn.zeros(dims))
        self.gamma = TrainVar(jn.ones(dims))

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """x to an array of the same shape, in the dtype to which those of x and gamma promote.

        Args:
            x: An array of shape `dims`, and of any length along the axes `redux`.
            training: Whether to use the statistics of x; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            ValueError: If x has another shape, or in training no elements.
            TypeError: If neither `training` nor a mode is given, or if x is complex.
        """
        x = as_input(self, x)
        self._check(x)
        if not in_training(self, training):
            return self._standardized(x, self.running_mean.value, self.running_var.value)
        if x.dtype.kind in "biu":
            x = x.astype(default_dtype())
        if not x.size:
            raise ValueError(
                f"{type(self).__name__}: expected elements to take statistics of, got x of shape {x.shape}."
            )
        y, mean, variance = self._normalized(x)
        self._move(self.running_mean, mean)
        self._move(self.running_var, variance)
        return y

    def _normalized(self, x):
        """The result in training, and mean and variance of x."""
        params = {"eps": self.eps, "centered": True, "dtype": "float32"}
        return normalize(x, self.gamma.value, self.beta.value, axis=complete_axes(self.redux, x.ndim), **params)

    def _standardized(self, x, mean, variance):
        """The result for this mean and variance."""
        return standardize(x, mean, variance, self.gamma.value, self.beta.value, eps=self.eps)

    def _check(self, x):
        dims = self.beta.shape
        redux = complete_axes(self.redux, len(dims))
        if x.ndim != len(dims) or any(x.shape[i] != n for i, n in enumerate(dims) if i not in redux):
            expected = ", ".join("*" if i in redux else str(n) for i, n in enumerate(dims))
            raise ValueError(f"{type(self).__name__}: expected x of shape ({expected}), got {x.shape}.")
        require_real(self, x)

    def _move(self, running, new):
        """A running mean towards a new value, in the dtype of the running mean."""
        new = functional.stop_gradient(new)
        new = new if new.dtype == running.dtype else new.astype(running.dtype)
        running.value = lerp(running.value, new, 1 - self.momentum)

    def __repr__(self) -> str:
        return (
            f"{class_name(self)}(dims={self.beta.shape}, redux={self.redux}, momentum={self.momentum}, eps={self.eps})"
        )


def _checked(where, dims, redux, momentum, eps):
    """`dims` as a tuple; TypeError or ValueError for an argument that cannot be meant."""
    if not isinstance(dims, Iterable):
        raise TypeError(f"{where}: expected dims as a tuple of lengths, got {dims!r}.")
    dims = tuple(dims)
    require_lengths(where, 0, dims=dims)
    if not isinstance(redux, Iterable):
        raise TypeError(f"{where}: expected redux as a tuple of axes, got {redux!r}.")
    complete_axes(tuple(redux), len(dims))
    for name, number, most in (("momentum", momentum, 1), ("eps", eps, math.inf)):
        if not isinstance(number, Array | numbers.Real):
            raise TypeError(f"{where}: expected a number as {name}, got {number!r}.")
        if not isinstance(number, Array) and not 0 <= float(number) <= most:
            raise ValueError(f"{where}: expected {name} of at least 0{' and at most 1' * (most == 1)}, got {number}.")
    return dims


class _ChannelBatchNorm(BatchNorm):
    """`BatchNorm` of each channel, axis 1."""

    spatial_axes: int = 0

    @explained("Write BatchNorm2D(nin), for instance.")
    def __init__(self, nin: int, momentum: float = 0.999, eps: float = 1e-6) -> None:
        require_sizes(type(self).__name__, 0, nin=nin)
        axes = self.spatial_axes
        super().__init__((1, nin, *[1] * axes), (0, *range(2, 2 + axes)), momentum, eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={self.beta.shape[1]}, momentum={self.momentum}, eps={self.eps})"


class BatchNorm0D(_ChannelBatchNorm):
    """`BatchNorm` of features: x (N, nin).

    Args:
        nin: The number of features.
        momentum, eps: See `BatchNorm`.
    """


class BatchNorm1D(_ChannelBatchNorm):
    """`BatchNorm` of channels: x (N, nin, L).

    Args:
        nin: The number of channels.
        momentum, eps: See `BatchNorm`.
    """

    spatial_axes: int = 1


class BatchNorm2D(_ChannelBatchNorm):
    """`BatchNorm` of channels: x (N, nin, H, W).

    Args:
        nin: The number of channels.
        momentum, eps: See `BatchNorm`.
    """

    spatial_axes: int = 2


class BatchNorm3D(_ChannelBatchNorm):
    """`BatchNorm` of channels: x (N, nin, D, H, W).

    Args:
        nin: The number of channels.
        momentum, eps: See `BatchNorm`.
    """

    spatial_axes: int = 3
