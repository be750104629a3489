"""Placing arrays: next to another array, on the host, on the default device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import numpy as onp

from .. import backend
from ..core import Array, Tracer, library, resolved
from ..dtypes import entering, is_inexact, promoted
from ..typing import ArrayLike, DeviceLike, DTypeLike, RawArray
from ._common import as_array, like, on_one_device, rules_apply


def create(name: str, *args: Any, device: DeviceLike | None = None, **kwargs: Any) -> RawArray:
    """Calls the array library's function `name` on a device, by default the default one."""
    chosen = backend.default_device() if device is None else backend.as_device(device)
    with chosen.current():
        return getattr(chosen.library, name)(*args, **kwargs)


def device_of_first(values: Iterable[Any]) -> AbstractContextManager[Any]:
    """A context that creates arrays on the device of the first array among `values`, else on the default device."""
    for x in values:
        if isinstance(x, Array) or backend.is_array(x):
            return backend.device(x.device if isinstance(x, Array) else backend.device_of(x))
    return contextlib.nullcontext()


def placed_like(x: Array, values: ArrayLike, dtype: DTypeLike = None) -> Array:
    """`values` as an array, on the device of `x` if they are numbers or lists; an Array if `x` is a plain one."""
    values = on_one_device(x, values)[1]
    if isinstance(values, Array) or backend.is_array(values):
        return _beside(x, as_array(_entering(values, x, dtype), dtype))
    with device_of_first([x]):
        return _beside(x, as_array(values, dtype))


def on_device(x: Array, values: ArrayLike, dtype: DTypeLike = None) -> Array:
    """`values`, also a NumPy array, as an array on the device of `x`; an Array if `x` is a plain one."""
    if not isinstance(values, Array) and not backend.is_cupy(values):
        values = library(x).asarray(values)
    return _beside(x, as_array(_entering(values, x, dtype), dtype))


def _beside(x, values):
    """Next to a traced value, raw arrays stay so: interpreters know by that that a caller may write to them."""
    return values if isinstance(resolved(x), Tracer) else like(x, values)


def _entering(values, x, dtype):
    """Floating numbers of a raw array in the dtype that they get next to an Array `x`."""
    if dtype is not None or isinstance(values, Array) or not is_inexact(values.dtype) or not rules_apply([x]):
        return values
    raw = onp.asarray(values) if isinstance(values, onp.generic) else values  # a number would go to the default device
    return entering(raw, promoted([x.dtype]))


def on_host(x: Any) -> Any:
    """`x` with Arrays and CuPy arrays copied to NumPy arrays, also within lists; TypeError if one is traced."""
    if isinstance(x, list | tuple):
        return type(x)(map(on_host, x))
    if isinstance(x, Array):
        return onp.asarray(x)
    return x.get() if backend.is_cupy(x) else x


def on_default_device(result: Any) -> Any:
    """`result` with NumPy arrays, also within tuples and lists, moved to the default device."""
    if isinstance(result, tuple | list):
        return type(result)(map(on_default_device, result))
    device = backend.default_device()
    return result if device == backend.CPU or not isinstance(result, onp.ndarray) else device.put(result)
