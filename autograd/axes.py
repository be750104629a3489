"""Axes as a caller gives them, and as numbers from 0 to ndim - 1."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as onp

if TYPE_CHECKING:
    from .typing import Axes

__all__ = ["complete_axes", "complete_axis", "index_along"]


def complete_axis(axis: int, ndim: int) -> int:
    """`axis`, which may count from the end, as a number from 0 to ndim - 1.

    Raises:
        AxisError: If there is no such axis.
        TypeError: If `axis` is no integer.
    """
    try:
        number = operator.index(axis)
    except TypeError:
        remedy = " Several arrays come in a list: stack([x, y])." if hasattr(axis, "shape") else ""
        raise TypeError(f"axis: expected an integer, got {type(axis).__name__}.{remedy}") from None
    if not -ndim <= number < ndim:
        raise onp.exceptions.AxisError(number, ndim)
    return number % ndim


def complete_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """`axis` (None for all, a number, a tuple or a NumPy array) as a tuple of distinct numbers from 0 to ndim - 1.

    Raises:
        AxisError: If there is no such axis.
        ValueError: If two of them are the same.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, onp.ndarray) and axis.ndim == 1 and axis.dtype.kind in "iu":
        axis = axis.tolist()
    axes = tuple(complete_axis(a, ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,)))
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis: expected distinct axes, got {axis}.")
    return axes


def index_along(axis: int, part: Any) -> tuple[Any, ...]:
    """The index of a part, such as a slice, along one axis; all other axes are whole."""
    return (slice(None),) * axis + (part,)
