"""The boundary of a transformation: which arguments go in, and how results come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as onp

from . import backend
from .core import Array, library, lift, resolved

__all__ = ["differentiable", "is_inexact", "output_and_aux", "own", "require_same_library", "shown"]


def differentiable(x: Any, where: str) -> Any:
    """The value one level below an Array or number that is to be differentiated."""
    if type(x) is onp.ndarray and x.dtype.kind in "fc":
        return x
    x = resolved(x)
    value = x._value if type(x) is Array else onp.asarray(x)[()] if isinstance(x, (float, complex)) else x
    ours = isinstance(value, Array) or backend.is_array(value)
    if not ours or not is_inexact(value.dtype):
        got = f"dtype {value.dtype}" if ours else type(value).__name__
        remedy = "Convert integers" if ours or not hasattr(value, "__array__") else "Convert it with numpy.array"
        raise TypeError(
            f"{where}: expected arrays of real or complex numbers to differentiate, got {got}. "
            f"{remedy}, or leave the argument out of those that are differentiated."
        )
    return value


def is_inexact(dtype: onp.dtype[Any]) -> bool:
    """Whether a dtype has derivatives: real and complex numbers, bfloat16 included."""
    return dtype.kind in "fc" or dtype.name == "bfloat16"


def require_same_library(x: Any, like: Any, where: str) -> None:
    """Raises DeviceError, which begins with `where`, if of two arrays one is on the CPU and the other one on a GPU."""
    if library(x) is not library(like):
        found, device = (a.device if isinstance(a, Array) else backend.device_of(a) for a in (x, like))
        raise backend.DeviceError(
            f"{where}: expected an array on {device}, got one on {found}. Move it with device_put(x, {device.kind!r})."
        )


def output_and_aux(output: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    """The two parts (output, aux) that a function returned; aux is None without `has_aux`."""
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise TypeError(f"{where}: expected a function that returns (output, aux), got {type(output).__name__}.")
    return output


def shown(x: Any, raw: bool) -> Any:
    """A result as the caller gets it, a raw array or an Array; values that an outer transformation traces stay so."""
    if raw:
        return x._value if type(x) is Array else x
    return lift(x)


def own(result: Any, inputs: Sequence[Any]) -> Any:
    """A raw result that the caller may write to: a copy if it is read-only or shares memory with one of `inputs`."""
    if not isinstance(result, onp.ndarray):
        return result
    borrowed = not result.flags.writeable or any(
        isinstance(x, onp.ndarray) and onp.may_share_memory(result, x) for x in inputs
    )
    return result.copy() if borrowed else result
