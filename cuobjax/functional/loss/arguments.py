"""What losses have in common: arguments of one shape, labels that are classes, means that leave axes."""

import math
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes

from ...typing import ArrayLike, Axes
from ...util.convert import at_hand, refuse_complex, require_reals
from ..half_precision import wide, with_precision_of

__all__ = [
    "mean_of", "of_one_shape", "pair", "require_at_least", "require_between", "require_classes", "require_signs",
]  # fmt: skip


def pair(where: str, names: tuple[str, str], a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Two arguments of real numbers as Arrays of shapes that fit: equal, or one broadcasts to the other, of which Objax
    warns."""
    a, b = _fitting(where, names, a, b)
    refuse_complex(where, a, b)
    return a, b


def _fitting(where: str, names: tuple[str, str], a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
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
    warnings.warn(message, UserWarning, stacklevel=4)
    return a, b


def of_one_shape(where: str, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Arguments of real numbers as Arrays, which must have one shape, with at least one axis."""
    found = {name: jn.asarray(x) for name, x in arrays.items()}
    first, *others = found.values()
    if not first.ndim or any(x.shape != first.shape for x in others):
        got = " and ".join(str(x.shape) for x in found.values())
        raise ValueError(f"{where}: expected {' and '.join(found)} of one shape (..., features), got {got}.")
    refuse_complex(where, *found.values())
    return tuple(found.values())


def require_at_least(where: str, least: float, **numbers: Any) -> None:
    """Raises TypeError for what is no number, ValueError for a number, not an array, below `least`, or NaN."""
    require_reals(where, **numbers)
    for name, number in numbers.items():
        is_number = isinstance(number, Real)
        if is_number and not number >= least:
            raise ValueError(f"{where}: expected {name} of at least {least}, got {number}.")


def require_classes(where: str, labels: Array, classes: int) -> None:
    """Raises ValueError without classes, and for labels that are none, where the numbers are at hand: not on a GPU, not
    traced."""
    if labels.size and not classes:
        raise ValueError(f"{where}: expected at least one class, got an axis of length 0.")
    remedy = "For padding give some class and leave the row out of the mean: jn.where(padding, 0, loss)."
    require_between(where, "labels", labels, 0, classes - 1, remedy)


def require_between(where: str, name: str, x: Array, least: float, most: float, remedy: str = "") -> None:
    """Raises ValueError for numbers out of range, where they are at hand: not on a GPU, not traced. NaN is none."""
    numbers = at_hand(x)
    if numbers is not None and numbers.size:
        low, high = numbers.min(), numbers.max()
        slack = 0 if x.dtype.kind in "biu" else 1e-3  # what rounding adds to probabilities
        if low < least - slack or high > most + slack:
            expected = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
            got = low if low < least - slack else high
            raise ValueError(f"{where}: expected {name} {expected}, got {got}. {remedy}".rstrip())


def require_signs(where: str, name: str, x: Array) -> None:
    """Raises ValueError for numbers other than -1 and 1, where they are at hand: not on a GPU, not traced."""
    numbers = at_hand(x)
    if numbers is not None and x.dtype.kind == "b":
        numbers = numbers.astype(int)
    if numbers is not None and (wrong := numbers[abs(numbers) != 1]).size:
        remedy = f" For 0 and 1 write 2 * {name} - 1." if not wrong[0] else ""
        raise ValueError(f"{where}: expected {name} -1 and 1, got {wrong[0]}.{remedy}")


def mean_of(
    where: str,
    names: tuple[str, str],
    f: Callable[[Array, Array], Array],
    a: ArrayLike,
    b: ArrayLike,
    keep_axis: Axes,
    real: bool = False,
) -> Array:
    """The mean of f, a function of elements, of two arguments that fit: over all axes but `keep_axis`, in float32.

    With `real` they must be real.
    """
    a, b = _fitting(where, names, a, b)
    if real:
        refuse_complex(where, a, b)
    y = f(wide(a), wide(b))
    kept = () if keep_axis is None else complete_axes(keep_axis, y.ndim)
    axes = tuple(axis for axis in range(y.ndim) if axis not in kept)
    if not y.size and all(y.shape[axis] for axis in kept):
        raise ValueError(f"{where}: expected elements to take means of, got {names[0]} of shape {a.shape}.")
    return with_precision_of(y.mean(axes), a, b)
