"""Arrays as features for layers and losses."""

import math

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axis

from ..dtypes import default_dtype
from ..typing import ArrayLike, DTypeLike
from ..util.convert import require_sizes

__all__ = ["flatten", "one_hot"]


def flatten(x: ArrayLike) -> Array:
    """x (N, ...) as (N, size of the rest)."""
    x = jn.asarray(x)
    return x.reshape((x.shape[0], math.prod(x.shape[1:])))


def one_hot(x: ArrayLike, num_classes: int, dtype: DTypeLike = None, axis: int = -1) -> Array:
    """Integers as vectors along a new axis, with a 1 at their place; zeros only if out of range. Has no gradient.

    Args:
        x: The integers; an array of other numbers raises TypeError.
        num_classes: The length of the vectors.
        dtype: The dtype of the result; None: that of new arrays.
        axis: The new axis.
    """
    x = jn.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integers, got dtype {x.dtype}.")
    require_sizes("one_hot", 0, num_classes=num_classes)
    classes = jn.arange(num_classes)
    axis = complete_axis(axis, x.ndim + 1)
    places = classes.reshape([num_classes if i == axis else 1 for i in range(x.ndim + 1)])
    return (jn.expand_dims(x, axis) == places).astype(dtype or default_dtype())
