"""What losses have in common: arguments of one shape, labels that are classes, means that leave axes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes
from autograd.backend import CPU

from ...typing import ArrayLike, Axes
from ..half_precision import single, with_precision_of

__all__ = ["mean_except", "mean_of", "of_one_shape", "pair", "require_at_least", "require_classes"]


def pair(where: str, names: tuple[str, str], a: ArrayLike, b: ArrayLike, stacklevel: int = 3) -> tuple[Array, Array]:
    """Two arguments as Arrays of shapes that fit: equal, or one broadcasts to the other, of which Objax warns."""
    a, b = jn.asarray(a), jn.asarray(b)
    if a.shape == b.shape:
        return a, b
    try:
        common = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        common = None
    if common not in (a.shape, b.shape):  # (8, 1) and (8,) would become (8, 8)
        first, second = names
        remedy = f"Write {second}.reshape({a.shape})." if a.size == b.size else "Give them one shape with reshape."
        raise ValueError(f"{where}: expected {first} and {second} of one shape, got {a.shape} and {b.shape}. {remedy}")
    message = f"Argument shape mismatch in {where}: arg1 {a.shape} and arg2 {b.shape}"
    warnings.warn(message, UserWarning, stacklevel=stacklevel)
    return a, b


def of_one_shape(where: str, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Arguments as Arrays, which must have one shape, with at least one axis."""
    found = {name: jn.asarray(x) for name, x in arrays.items()}
    first, *others = found.values()
    if not first.ndim or any(x.shape != first.shape for x in others):
        got = " and ".join(str(x.shape) for x in found.values())
        raise ValueError(f"{where}: expected {' and '.join(found)} of one shape (..., features), got {got}.")
    return tuple(found.values())


def require_at_least(where: str, least: float, **numbers: Any) -> None:
    """Raises ValueError for a Python number below `least`, or NaN."""
    for name, number in numbers.items():
        if isinstance(number, int | float) and not number >= least:
            raise ValueError(f"{where}: expected {name} of at least {least}, got {number}.")


def require_classes(where: str, labels: Array, classes: int) -> None:
    """Raises ValueError for labels that are no classes, where the numbers are at hand: not on a GPU, not traced."""
    if type(labels) is Array and labels.device == CPU and labels.size:
        least, most = labels.raw.min(), labels.raw.max()
        if least < 0 or most >= classes:
            raise ValueError(
                f"{where}: expected labels from 0 to {classes - 1}, got {least if least < 0 else most}. For padding "
                "give some class and leave the row out of the mean: jn.where(padding, 0, loss)."
            )


def mean_except(x: Array, keep_axis: Axes) -> Array:
    """The mean over all axes but `keep_axis`; None: over all."""
    remaining = () if keep_axis is None else complete_axes(keep_axis, x.ndim)
    return x.mean(tuple(axis for axis in range(x.ndim) if axis not in remaining))


def mean_of(
    where: str, names: tuple[str, str], f: Callable[[Array, Array], Array], a: ArrayLike, b: ArrayLike, keep_axis: Axes
) -> Array:
    """The mean of f, a function of elements, of two arguments that fit: over all axes but `keep_axis`, in float32."""
    a, b = pair(where, names, a, b, stacklevel=4)
    return with_precision_of(mean_except(f(single(a), single(b)), keep_axis), a, b)
