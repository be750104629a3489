"""Initial values of weights.

Shapes are (*kernel, inputs, outputs): the fan-in is the product of all but the last axis. `gain` multiplies the values.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axis

from .. import random
from ..absent import of_package
from ..random.continuous import orthonormal
from ..util.convert import require_lengths, require_reals

__all__ = [
    "gain_leaky_relu", "identity", "kaiming_normal", "kaiming_normal_gain", "kaiming_truncated_normal",
    "kaiming_uniform", "orthogonal", "truncated_normal", "xavier_normal", "xavier_normal_gain",
    "xavier_truncated_normal", "xavier_uniform",
]  # fmt: skip


def gain_leaky_relu(relu_slope: float = 0.1) -> float:
    """The gain for layers followed by a leaky ReLU: sqrt(2 / (1 + relu_slope**2))."""
    require_reals("gain_leaky_relu", relu_slope=relu_slope)
    return math.sqrt(2 / (1 + relu_slope**2))


def kaiming_normal_gain(shape: Sequence[int]) -> float:
    """sqrt(1 / fan_in) of a `shape`. Source: He et al. 2015; the factor 2 for ReLU is left to the caller's gain."""
    *kernel, _ = _shape("kaiming_normal_gain", shape)
    fan_in = math.prod(kernel)
    if not fan_in:
        raise ValueError(f"kaiming_normal_gain: expected a shape with inputs, got {tuple(shape)}.")
    return math.sqrt(1 / fan_in)


def _shape(where, shape):
    """`shape` as a tuple of at least one length."""
    if not isinstance(shape, Sequence) or isinstance(shape, str) or not shape:
        raise TypeError(f"{where}: expected a shape of at least one axis, got {shape!r}.")
    require_lengths(where, 0, shape=tuple(shape))
    return tuple(shape)


def xavier_normal_gain(shape: Sequence[int]) -> float:
    """sqrt(2 / (fan_in + fan_out)) of a `shape`. Source: Glorot & Bengio 2010."""
    *kernel, outputs = _shape("xavier_normal_gain", shape)
    fans = math.prod(kernel) + outputs
    if not fans:
        raise ValueError(f"xavier_normal_gain: expected a shape with inputs or outputs, got {tuple(shape)}.")
    return math.sqrt(2 / fans)


def identity(shape: Sequence[int], gain: float = 1) -> Array:
    """A matrix with `gain` on its diagonal, else 0; a shape of another rank raises ValueError."""
    shape = _shape("identity", shape)
    if len(shape) != 2:
        raise ValueError(f"identity: expected the shape of a matrix, got {shape}.")
    rows, columns = shape
    return gain * jn.eye(rows, columns)


def kaiming_normal(shape: Sequence[int], gain: float = 1) -> Array:
    """Normal numbers of a `shape`, with standard deviation gain * kaiming_normal_gain(shape)."""
    return random.normal(shape, stddev=_stddev("kaiming_normal", gain, kaiming_normal_gain(shape)))


def kaiming_truncated_normal(shape: Sequence[int], lower: float = -2, upper: float = 2, gain: float = 1) -> Array:
    """As `kaiming_normal(shape, gain)`, as `truncated_normal` has them."""
    return truncated_normal(shape, lower, upper, _stddev("kaiming_truncated_normal", gain, kaiming_normal_gain(shape)))


def xavier_normal(shape: Sequence[int], gain: float = 1) -> Array:
    """Normal numbers of a `shape`, with standard deviation gain * xavier_normal_gain(shape)."""
    return random.normal(shape, stddev=_stddev("xavier_normal", gain, xavier_normal_gain(shape)))


def xavier_truncated_normal(shape: Sequence[int], lower: float = -2, upper: float = 2, gain: float = 1) -> Array:
    """As `xavier_normal(shape, gain)`, as `truncated_normal` has them."""
    return truncated_normal(shape, lower, upper, _stddev("xavier_truncated_normal", gain, xavier_normal_gain(shape)))


def kaiming_uniform(shape: Sequence[int], gain: float = 1) -> Array:
    """Uniform numbers of a `shape` around 0, with the standard deviation of `kaiming_normal(shape, gain)`."""
    return _uniform(shape, math.sqrt(3) * _stddev("kaiming_uniform", gain, kaiming_normal_gain(shape)))


def xavier_uniform(shape: Sequence[int], gain: float = 1) -> Array:
    """Uniform numbers of a `shape` around 0, with the standard deviation of `xavier_normal(shape, gain)`."""
    return _uniform(shape, math.sqrt(3) * _stddev("xavier_uniform", gain, xavier_normal_gain(shape)))


def _stddev(where, gain, factor):
    require_reals(where, gain=gain)
    return gain * factor


def _uniform(shape, bound):
    return bound * (2 * random.uniform(shape) - 1)


def truncated_normal(shape: Sequence[int], lower: float = -2, upper: float = 2, stddev: float = 1) -> Array:
    """Normal numbers of a `shape` that are cut to [lower, upper] and then scaled: their standard deviation is `stddev`.

    As in Objax; `random.truncated_normal` scales by `stddev` itself, and its numbers vary less than that.
    """
    require_reals("truncated_normal", lower=lower, upper=upper, stddev=stddev)
    return random.truncated_normal(shape, lower=lower, upper=upper, stddev=stddev / _truncated_stddev(lower, upper))


def _truncated_stddev(lower, upper):
    """The standard deviation of a standard normal truncated to [lower, upper]."""
    if not lower < upper:
        raise ValueError(f"truncated_normal: expected lower < upper, got {lower} and {upper}.")
    density = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (lower, upper)]
    mass = (math.erf(upper / math.sqrt(2)) - math.erf(lower / math.sqrt(2))) / 2
    if not mass > 0:
        raise ValueError(f"truncated_normal: expected bounds within reach of a normal number, got {lower} and {upper}.")
    mean = (density[0] - density[1]) / mass
    return math.sqrt(1 + (lower * density[0] - upper * density[1]) / mass - mean**2)


def orthogonal(shape: Sequence[int], gain: float = 1, axis: int = -1) -> Array:
    """`gain` times a matrix of `shape[axis]` orthonormal columns, or of orthonormal rows if these are fewer.

    Source: Saxe et al. 2014.

    Args:
        shape: The shape of the result, of which all axes but one are the rows.
        gain: The length of the columns or rows.
        axis: The axis of the columns.
    """
    shape = _shape("orthogonal", shape)
    axis = complete_axis(axis, len(shape))
    columns = shape[axis]
    rows = math.prod(n for i, n in enumerate(shape) if i != axis)
    q = orthonormal(random.normal((max(rows, columns), min(rows, columns))))
    q = (q if rows >= columns else q.T).reshape([n for i, n in enumerate(shape) if i != axis] + [columns])
    return jn.ascontiguousarray(gain * jn.moveaxis(q, -1, axis))


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)
