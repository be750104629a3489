"""Choosing, inserting and deleting elements; functions that would write into an array say what to write instead.

Which elements a result consists of is found by NumPy's function of the same name, applied to their positions on the
host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as onp

from ..axes import complete_axes, index_along
from ..core import Array, library
from ..ops.elementwise import stop_gradient, where
from ..typing import ArrayLike, Axes, Result, Shape
from ._common import along_axis, as_array, on_one_device, together
from ._creation import zeros_like
from ._elementwise import nonzero
from ._indexing import compress, take_along_axis, within
from ._placement import on_host, placed_like
from ._shape import broadcast_arrays, broadcast_to, concatenate, moveaxis, ravel, reshape, stack


def _gather(a, places, axis):
    """The slices of `a` at `places`, positions on the host, along an axis."""
    return a[index_along(axis, library(a).asarray(places))]


def insert(arr: ArrayLike, obj: ArrayLike | slice, values: ArrayLike, axis: int | None = None) -> Result:
    """`values` inserted before the positions `obj` along an axis; None for the flattened array."""
    arr, values = on_one_device(arr, values)
    arr, axis = along_axis(arr, axis)
    count, new = arr.shape[axis], placed_like(arr, values, arr.dtype)
    numbers = onp.arange(count)[obj] if isinstance(obj, slice) else onp.asarray(on_host(obj))
    numbers = onp.flatnonzero(numbers) if numbers.dtype == bool or not numbers.size else numbers
    new = reshape(new, (1,) * (arr.ndim - new.ndim) + new.shape)
    new = new if numbers.ndim else moveaxis(new, 0, axis)  # NumPy's rule for a single number
    added = new.shape[axis] if numbers.size == 1 else numbers.size
    new = broadcast_to(new, arr.shape[:axis] + (added,) + arr.shape[axis + 1 :])
    places = onp.insert(onp.arange(count), numbers, onp.arange(count, count + added))
    return _gather(concatenate([arr, new], axis), places, axis)


def delete(arr: ArrayLike, obj: ArrayLike | slice, axis: int | None = None) -> Result:
    """`arr` without the positions `obj` along an axis, or those where the vector of booleans `obj` is true."""
    arr, axis = along_axis(arr, axis)
    obj = obj if isinstance(obj, slice) else on_host(obj)
    return _gather(arr, onp.delete(onp.arange(arr.shape[axis]), obj), axis)


def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Result:
    """`values` joined to the end of `arr` along an axis; None for the flattened arrays."""
    arr, values = on_one_device(arr, values)
    arr = as_array(arr)
    return concatenate([arr, placed_like(arr, values)], axis)


def resize(a: ArrayLike, new_shape: Shape) -> Result:
    """`a` in another shape, its elements repeated as often as needed; zeros if it has none."""
    flat = ravel(a)
    places = onp.resize(onp.arange(flat.size), new_shape)
    return flat[library(flat).asarray(places)] if flat.size else zeros_like(flat, shape=places.shape)


def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: Axes = None) -> Result:
    """`filt` without the zeros at its front ("f") and back ("b"), along some or all axes.

    The shape depends on values: it raises under `vmap` and `Jit`.
    """
    filt = as_array(filt)
    if not isinstance(trim, str) or not set(trim.lower()) <= set("fb"):
        raise ValueError(f"trim_zeros: expected trim of the letters 'f' and 'b', got {trim!r}.")
    bounds = [on_host(stop_gradient(i)) for i in nonzero(filt)]
    chosen = range(filt.ndim) if axis is None else complete_axes(axis, filt.ndim)
    index = [slice(None)] * filt.ndim
    for i in chosen:
        first, last = (int(bounds[i].min()), int(bounds[i].max())) if bounds[i].size else (filt.shape[i], -1)
        index[i] = slice(first if "f" in trim.lower() else 0, last + 1 if "b" in trim.lower() else filt.shape[i])
    return filt[tuple(index)]


def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0) -> Result:
    """For each element, that of the first choice whose condition is true there, else `default`."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: expected a choice for each condition, got {len(condlist)} and {len(choicelist)}.")
    chosen = default
    for condition, choice in zip(map(as_array, condlist[::-1]), choicelist[::-1], strict=True):
        if condition.dtype != bool:
            raise TypeError(f"select: expected conditions of booleans, got dtype {condition.dtype}.")
        chosen = where(condition, choice, chosen)
    return chosen


def choose(
    a: ArrayLike, choices: Sequence[ArrayLike] | Array | onp.ndarray[Any, Any], out: None = None, mode: str = "raise"
) -> Result:
    """For each element i of `a`, the element of `choices[i]` at the same position.

    `mode` "wrap" or "clip" brings i into the range of the choices; "raise" leaves it to the array library.
    """
    a, *choices = broadcast_arrays(a, *choices)
    return take_along_axis(stack(choices), within("choose", a, len(choices), mode)[None], 0)[0]


def extract(condition: ArrayLike, arr: ArrayLike) -> Result:
    """The elements of `arr` where `condition` is true, as a vector: it raises under `vmap` and `Jit`."""
    condition, arr = together(condition, arr)
    return compress(ravel(condition), ravel(arr))


def _writing(name: str, remedy: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{name}: arrays never change, so there is none to write into. Write {remedy}.")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises TypeError, as `numpy.{name}` writes into an array: write {remedy}."
    return refuse


copyto: Callable[..., NoReturn] = _writing("copyto", "x = where(mask, values, x)")
fill_diagonal: Callable[..., NoReturn] = _writing("fill_diagonal", "x = x.at[diag_indices_from(x)].set(values)")
place: Callable[..., NoReturn] = _writing("place", "x = x.at[mask].set(values)")
put: Callable[..., NoReturn] = _writing("put", "x = x.reshape(-1).at[indices].set(values).reshape(x.shape)")
put_along_axis: Callable[..., NoReturn] = _writing("put_along_axis", "x = x.at[indices].set(values)")
putmask: Callable[..., NoReturn] = _writing("putmask", "x = where(mask, values, x)")
