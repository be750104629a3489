"""Axes as a caller gives them, and as numbers from 0 to ndim - 1."""

import operator

import numpy as onp


def complete_axis(axis, ndim):
    """`axis` as a number from 0 to ndim - 1."""
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise onp.exceptions.AxisError(number, ndim)
    return number % ndim


def complete_axes(axis, ndim):
    """`axis` (None for all, a number or a tuple) as a tuple of distinct numbers from 0 to ndim - 1."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(complete_axis(a, ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,)))
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis: expected distinct axes, got {axis}.")
    return axes
