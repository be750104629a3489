"""What a variable may store: arrays, and numbers in the dtype that it has."""

from __future__ import annotations

from typing import Any

import numpy as onp

from autograd.backend import copied, default_device, is_array, is_cupy
from autograd.core import Array, TracedNumber, dereferenced, kind_of
from autograd.dtypes import entering
from autograd.foreign import is_array_like, require_numbers, to_raw

__all__ = ["KEEPS_ITS_DTYPE", "as_value"]

KEEPS_ITS_DTYPE = "A variable keeps its dtype. For other numbers, make a new variable."
_KINDS = {bool: 0, int: 1, float: 2, complex: 3}
_KINDS_OF_DTYPES = {"b": 0, "i": 1, "u": 1, "c": 3}


def as_value(x: Any, where: str, like: Array | None = None, among: onp.dtype[Any] | None = None) -> Array:
    """What a variable may store: an Array as it is, a raw array or one of another library as an Array of a copy.

    Args:
        x: The array.
        where: Who asks, for the error.
        like: An Array whose device NumPy arrays are copied to, the default device without one. If its shape is (),
            Python numbers take its dtype.
        among: The dtype of the floating arrays that `x` will meet, which decides that of a raw array: by default that
            of `like`.

    Raises:
        TypeError: If `x` is no array, or a number that the dtype does not hold.
    """
    if isinstance(x, Array) and not isinstance(x, TracedNumber):
        return dereferenced(x)
    if not is_array(x):
        if like is not None and like.shape == () and kind_of(x) is not None:
            return _of_number(x, where, like)
        if not is_array_like(x):
            dtype = "" if like is None else f", {str(like.dtype)!r}"
            remedy = f"Convert it with cuobjax.numpy.array(x{dtype})."
            raise TypeError(f"{where}: expected an array, got {type(x).__name__}. {remedy}")
        x = to_raw(x, where)
    require_numbers(x, where, x)
    among = like.dtype if among is None and like is not None else among
    raw = entering(x if is_cupy(x) else onp.asarray(x), among)
    if is_cupy(x):
        return Array(copied(x) if raw is x else raw)
    return Array((default_device() if like is None else like.device).put(raw))


def _of_number(x: Any, where: str, like: Array) -> Array:
    """A Python number in the dtype of `like`, as NumPy takes one next to an array; TypeError if it would change."""
    kind: Any = kind_of(x)
    if _KINDS[kind] > _KINDS_OF_DTYPES.get(like.dtype.kind, _KINDS[float]):
        shown = f"a traced {kind.__name__}" if isinstance(x, TracedNumber) else f"the {kind.__name__} {x!r}"
        raise TypeError(f"{where}: expected dtype {like.dtype}, got {shown}. {KEEPS_ITS_DTYPE}")
    if isinstance(x, TracedNumber):
        return x.array(like.dtype)
    try:
        with onp.errstate(over="ignore"):
            raw = onp.asarray(x, like.dtype)
        changed = raw.item() != x if kind in (bool, int) else onp.isfinite(x) and not onp.isfinite(raw)
    except OverflowError:
        changed = True
    if changed:
        raise TypeError(f"{where}: expected a number that {like.dtype} holds, got {x!r}. {KEEPS_ITS_DTYPE}")
    return Array(like.device.put(raw))
