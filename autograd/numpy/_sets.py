"""Sets of numbers. Gradients go to where an element occurs first.

The shapes of results depend on values, which `vmap` and `Jit` do not allow.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, overload

from ..ops import searching as ops
from ..typing import ArrayLike, Result
from ._common import along_axis, as_array, together
from ._indexing import getitem, take
from ._shape import concatenate, ravel
from ._sorting import isin, sort


class UniqueAllResult(NamedTuple):
    """The result of `unique_all`."""

    values: Result
    indices: Result
    inverse_indices: Result
    counts: Result


class UniqueCountsResult(NamedTuple):
    """The result of `unique_counts`."""

    values: Result
    counts: Result


class UniqueInverseResult(NamedTuple):
    """The result of `unique_inverse`."""

    values: Result
    inverse_indices: Result


@overload
def unique(
    ar: ArrayLike,
    return_index: Literal[False] = False,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Result: ...
@overload
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any: ...
def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The distinct elements in ascending order, of the flattened array or slices along an axis.

    Args:
        return_index: Also return where each occurs first.
        return_inverse: Also return the position of every element among the distinct ones.
        return_counts: Also return how often each occurs.
        equal_nan: Whether all NaN are one element.
        sorted: No effect: the result is always sorted.
    """
    ar = as_array(ar)
    flat, along = along_axis(ar, axis)
    wanted = {"inverse": bool(return_inverse), "counts": bool(return_counts), "equal_nan": bool(equal_nan)}
    index, *extras = ops.unique_places(flat, axis=None if axis is None else along, **wanted)
    if return_inverse:
        extras[0] = extras[0].reshape(ar.shape if axis is None else (-1,))
    parts = [take(flat, index, along), *[index][: bool(return_index)], *extras]
    return tuple(parts) if len(parts) > 1 else parts[0]


def unique_values(x: ArrayLike) -> Result:
    """The distinct elements; NaN differs from NaN."""
    return unique(x, equal_nan=False)


def unique_counts(x: ArrayLike) -> UniqueCountsResult:
    """The distinct elements and how often each occurs; NaN differs from NaN."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: ArrayLike) -> UniqueInverseResult:
    """The distinct elements and the position of every element among them; NaN differs from NaN."""
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


def unique_all(x: ArrayLike) -> UniqueAllResult:
    """The distinct elements, where each occurs first, the position of every element among them, and their counts."""
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


def _pair(ar1, ar2, assume_unique):
    """Both as vectors, of their distinct elements unless `assume_unique`."""
    ar1, ar2 = map(ravel, together(ar1, ar2))
    return (ar1, ar2) if assume_unique else (unique(ar1), unique(ar2))


def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Result:
    """The distinct elements of both, in ascending order."""
    return unique(concatenate(_pair(ar1, ar2, True)))


@overload
def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: Literal[False] = False
) -> Result: ...
@overload
def intersect1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False) -> Any: ...
def intersect1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The elements that are in both, in ascending order; `assume_unique` has no effect.

    With `return_indices`, (elements, where they occur first in `ar1`, the same in `ar2`).
    """
    (first, index1), (second, index2) = [unique(x, return_index=True) for x in _pair(ar1, ar2, True)]
    common = isin(first, second)
    values = getitem(first, common)
    if not return_indices:
        return values
    return values, getitem(index1, common), getitem(index2, isin(second, first))


def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Result:
    """The elements of `ar1` that are not in `ar2`."""
    first, second = _pair(ar1, ar2, assume_unique)
    return getitem(first, isin(first, second, invert=True))


def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Result:
    """The elements that are in exactly one of both, in ascending order."""
    first, second = _pair(ar1, ar2, assume_unique)
    pairs = (first, second), (second, first)
    return sort(concatenate([getitem(one, isin(one, other, invert=True)) for one, other in pairs]))
