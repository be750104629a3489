"""Layers that normalize each example for itself, in training as in evaluation."""

from collections.abc import Sequence

import cuobjax.numpy as jn
from autograd import Array

from .. import functional
from ..core.module import Module
from ..core.variable import TrainVar
from ..functional.normalization import require_eps
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import require_lengths, require_sizes
from ..util.signatures import explained
from .inputs import as_input, require_real

__all__ = [
    "GroupNorm", "GroupNorm0D", "GroupNorm1D", "GroupNorm2D", "GroupNorm3D", "InstanceNorm1D", "InstanceNorm2D",
    "InstanceNorm3D", "LayerNorm", "RMSNorm",
]  # fmt: skip


class LayerNorm(Module):
    """gamma * (x - mean) / sqrt(variance + eps) + beta over the last axes of each example. Source: Ba et al. 2016.

    Args:
        nin: The number of features, the length of the last axis, or a tuple with the lengths of several last axes.
        eps: Added to the (biased) variance.
        use_bias: Whether there is beta, zeros at first; gamma is one at first.
    """

    gamma: TrainVar
    beta: TrainVar | None
    eps: float

    @explained("Write LayerNorm(nin).", bias="Write use_bias=False.", normalized_shape="Write LayerNorm(nin).")
    def __init__(self, nin: int | Sequence[int], eps: float = 1e-5, use_bias: bool = True) -> None:
        shape = _shape(type(self).__name__, nin, eps)
        self.eps = eps
        self.gamma = TrainVar(jn.ones(shape))
        self.beta = TrainVar(jn.zeros(shape)) if use_bias else None

    def __call__(self, x: ArrayLike) -> Array:
        """x (..., nin) to an array of the same shape, in the dtype to which those of x and gamma promote.

        Raises:
            ValueError: If x has other last axes.
        """
        x = _checked(self, x)
        beta = None if self.beta is None else self.beta.value
        return functional.layer_norm(x, self.gamma.value, beta, _last(self.gamma), self.eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={_nin(self)}, eps={self.eps}, use_bias={self.beta is not None})"


class RMSNorm(Module):
    """gamma * x / sqrt(mean(x**2) + eps) over the last axes of each example. Source: Zhang & Sennrich 2019.

    Args:
        nin: The number of features, the length of the last axis, or a tuple with the lengths of several last axes.
        eps: Added to the mean square, inside of the root.
    """

    gamma: TrainVar
    eps: float

    @explained("Write RMSNorm(nin).", normalized_shape="Write RMSNorm(nin).")
    def __init__(self, nin: int | Sequence[int], eps: float = 1e-6) -> None:
        shape = _shape(type(self).__name__, nin, eps)
        self.eps = eps
        self.gamma = TrainVar(jn.ones(shape))

    def __call__(self, x: ArrayLike) -> Array:
        """x (..., nin) to an array of the same shape, in the dtype to which those of x and gamma promote.

        Raises:
            ValueError: If x has other last axes.
        """
        return functional.rms_norm(_checked(self, x), self.gamma.value, _last(self.gamma), self.eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={_nin(self)}, eps={self.eps})"


def _shape(where, nin, eps):
    """The shape of gamma."""
    require_lengths(where, 1, nin=nin)
    require_eps(where, eps)
    if nin == () or nin == []:
        raise ValueError(f"{where}: expected one or more lengths as nin, got {nin}.")
    return tuple(nin) if isinstance(nin, tuple | list) else (nin,)


def _checked(layer, x):
    x, shape = as_input(layer, x), layer.gamma.shape
    if x.shape[-len(shape) :] != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(f"{type(layer).__name__}: expected x of shape (..., {expected}), got {x.shape}.")
    require_real(layer, x)
    return x


def _last(gamma):
    return tuple(range(-gamma.ndim, 0))


def _nin(layer):
    shape = layer.gamma.shape
    return shape[0] if len(shape) == 1 else shape


class GroupNorm(Module):
    """Normalizes each example over the channels of each group and the spatial axes. Source: Wu & He 2018.

    y = gamma * (x - mean) / sqrt(variance + eps) + beta with the (biased) variance; gamma is one, beta zero at first.

    Args:
        nin: The number of channels.
        rank: The number of axes of x: 2 for (N, nin), 4 for images (N, nin, H, W).
        groups: How many groups the channels are divided into; `nin` if that is less.
        eps: Added to the variance.
    """

    nin: int
    rank: int
    groups: int
    eps: float
    gamma: TrainVar
    beta: TrainVar

    @explained("Write GroupNorm(nin, rank), or GroupNorm2D(nin) for images.")
    def __init__(self, nin: int, rank: int, groups: int = 32, eps: float = 1e-5) -> None:
        where = type(self).__name__
        require_sizes(where, 1, nin=nin, groups=groups)
        require_sizes(where, 2, rank=rank)
        require_eps(where, eps)
        self.nin, self.rank, self.eps = nin, rank, eps
        self.groups = min(groups, nin)
        if nin % self.groups:
            raise ValueError(f"{where}: expected groups that divide nin = {nin}, got {groups}.")
        shape = (1, nin, *[1] * (rank - 2))
        self.gamma = TrainVar(jn.ones(shape))
        self.beta = TrainVar(jn.zeros(shape))

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """x (N, nin, ...) to an array of the same shape, in the dtype to which those of x and gamma promote.

        Args:
            x: An array with `rank` axes.
            training: Has no effect.

        Raises:
            ValueError: If x has another shape.
        """
        x = as_input(self, x)
        if x.ndim != self.rank or x.shape[1] != self.nin:
            expected = ", ".join(["*", str(self.nin), *["*"] * (self.rank - 2)])
            raise ValueError(f"{type(self).__name__}: expected x of shape ({expected}), got {x.shape}.")
        require_real(self, x)
        if 0 in x.shape[2:]:
            raise ValueError(f"{type(self).__name__}: expected x with elements along its spatial axes, got {x.shape}.")
        return functional.group_norm(x, self.groups, self.gamma.value, self.beta.value, self.eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={self.nin}, rank={self.rank}, groups={self.groups}, eps={self.eps})"


class _RankedGroupNorm(GroupNorm):
    """`GroupNorm` of x with a given number of spatial axes."""

    spatial_axes: int = 0

    @explained("Write GroupNorm2D(nin, groups), for instance.")
    def __init__(self, nin: int, groups: int = 32, eps: float = 1e-5) -> None:
        super().__init__(nin, 2 + self.spatial_axes, groups, eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={self.nin}, groups={self.groups}, eps={self.eps})"


class GroupNorm0D(_RankedGroupNorm):
    """`GroupNorm` of features: x (N, nin).

    Args:
        nin: The number of features.
        groups, eps: See `GroupNorm`.
    """


class GroupNorm1D(_RankedGroupNorm):
    """`GroupNorm` of channels: x (N, nin, L).

    Args:
        nin: The number of channels.
        groups, eps: See `GroupNorm`.
    """

    spatial_axes: int = 1


class GroupNorm2D(_RankedGroupNorm):
    """`GroupNorm` of channels: x (N, nin, H, W).

    Args:
        nin: The number of channels.
        groups, eps: See `GroupNorm`.
    """

    spatial_axes: int = 2


class GroupNorm3D(_RankedGroupNorm):
    """`GroupNorm` of channels: x (N, nin, D, H, W).

    Args:
        nin: The number of channels.
        groups, eps: See `GroupNorm`.
    """

    spatial_axes: int = 3


class _InstanceNorm(GroupNorm):
    """`GroupNorm` with as many groups as channels."""

    spatial_axes: int

    @explained("Write InstanceNorm2D(nin), for instance.")
    def __init__(self, nin: int, eps: float = 1e-5) -> None:
        require_sizes(type(self).__name__, 1, nin=nin)
        super().__init__(nin, 2 + self.spatial_axes, nin, eps)

    def __repr__(self) -> str:
        return f"{class_name(self)}(nin={self.nin}, eps={self.eps})"


class InstanceNorm1D(_InstanceNorm):
    """Normalizes each channel of each example: x (N, nin, L). Source: Ulyanov et al. 2016.

    Args:
        nin: The number of channels.
        eps: Added to the variance.
    """

    spatial_axes: int = 1


class InstanceNorm2D(_InstanceNorm):
    """Normalizes each channel of each example: x (N, nin, H, W). Source: Ulyanov et al. 2016.

    Args:
        nin: The number of channels.
        eps: Added to the variance.
    """

    spatial_axes: int = 2


class InstanceNorm3D(_InstanceNorm):
    """Normalizes each channel of each example: x (N, nin, D, H, W). Source: Ulyanov et al. 2016.

    Args:
        nin: The number of channels.
        eps: Added to the variance.
    """

    spatial_axes: int = 3
