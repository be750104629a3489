"""Functions whose results are Arrays, and the dtypes that new arrays have by default."""

import contextvars
import functools

import numpy as onp

from autograd.backend import is_array
from autograd.core import Array, Reference

_default = contextvars.ContextVar("cuobjax.default_dtype", default=onp.dtype("float32"))
_NARROW = {"i": "int32", "c": "complex64"}


def set_default_dtype(dtype):
    """Sets the dtype of new arrays of real numbers: float16, bfloat16, float32 (at first) or float64.

    With float64, new arrays of integers and complex numbers have NumPy's dtypes, else int32 and complex64.
    """
    dtype = onp.dtype(dtype)
    if dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise TypeError(f"set_default_dtype: expected a dtype of real numbers, got {dtype}.")
    _default.set(dtype)


def default_dtype(dtype=float):
    """The dtype that a new array has where NumPy would choose `dtype`."""
    dtype, real = onp.dtype(dtype), _default.get()
    if dtype == onp.float64:
        return real
    if dtype in (onp.int64, onp.complex128) and real != onp.float64:
        return onp.dtype(_NARROW[dtype.kind])
    return dtype


def lifted(result, args):
    """Raw arrays in a result as Arrays; one that is, or looks into, an argument is copied, as Arrays never change."""
    if isinstance(result, Array):
        return result._value if isinstance(result, Reference) else result
    if isinstance(result, tuple | list):
        return type(result)(lifted(part, args) for part in result)
    if not is_array(result):
        return result
    borrowed = getattr(result, "base", None) is not None or any(result is a for a in args)
    return Array(result.copy() if borrowed else result)


def lifting(function):
    """The function with Arrays in place of raw arrays in its result."""

    @functools.wraps(function)
    def with_arrays(*args, **kwargs):
        return lifted(function(*args, **kwargs), args)

    return with_arrays
