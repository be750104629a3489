"""The dtypes that new arrays have by default."""

from typing import Any

import numpy as onp

from autograd.typing import DTypeLike

__all__ = ["default_dtype", "set_default_dtype"]

_real: onp.dtype[Any] = onp.dtype("float32")
_NARROW = {"i": "int32", "c": "complex64"}


def set_default_dtype(dtype: DTypeLike) -> None:
    """Sets the dtype of new arrays of real numbers, in all threads: float16, bfloat16, float32 (at first) or float64.

    With float64, new arrays of integers and complex numbers have NumPy's dtypes, else int32 and complex64. Another
    dtype raises TypeError.
    """
    global _real
    try:
        dtype = onp.dtype(dtype)
    except TypeError:
        raise TypeError(f"set_default_dtype: expected a dtype, got {dtype!r}. Import ml_dtypes for bfloat16.") from None
    if dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise TypeError(f"set_default_dtype: expected a dtype of real numbers, got {dtype}.")
    _real = dtype


def default_dtype(dtype: DTypeLike = float) -> onp.dtype[Any]:
    """The dtype that a new array has where NumPy would choose `dtype`."""
    dtype = onp.dtype(dtype)
    if dtype == onp.float64:
        return _real
    if dtype in (onp.int64, onp.complex128) and _real != onp.float64:
        return onp.dtype(_NARROW[dtype.kind])
    return dtype
