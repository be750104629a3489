"""How distributions draw: shapes, dtypes and parameters in the forms that the operations take."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, default_device, device_put
from autograd.core import kind_of
from autograd.dtypes import complete_dtype

from ..dtypes import default_dtype
from ..typing import ArrayLike, DTypeLike, Shape
from ..util.convert import to_shape
from .generator import KeySource, new_key

__all__ = ["complete_shape", "drawn", "dtype_or_default", "fitting", "floating", "moved", "parameter", "reals"]

P = ParamSpec("P")


def complete_shape(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple, of one length as well."""
    return to_shape("random", shape)


def dtype_or_default(dtype: DTypeLike, kind: type = float) -> onp.dtype[Any]:
    """A dtype; for None, that of new arrays of the kind."""
    return default_dtype(kind) if dtype is None else complete_dtype("random", dtype)


def floating(distribution: Callable[P, Array]) -> Callable[P, Array]:
    """A distribution of float16, float32 and float64 for bfloat16, too: drawn in float32 and cast."""

    @functools.wraps(distribution)
    def of_any_dtype(*args: P.args, **kwargs: P.kwargs) -> Array:
        dtype: Any = kwargs.get("dtype")
        dtype = dtype_or_default(dtype)
        if dtype.name != "bfloat16":
            return distribution(*args, **kwargs)
        kwargs["dtype"] = onp.dtype("float32")
        return distribution(*args, **kwargs).astype(dtype)

    return of_any_dtype


def drawn(op: Any, shape: Shape, dtype: DTypeLike, generator: KeySource, **parameters: Any) -> Array:
    """Numbers of an operation, from a new key."""
    return op(new_key(generator), shape=complete_shape(shape), dtype=dtype_or_default(dtype), **parameters)


def moved(numbers: Array, loc: ArrayLike, scale: ArrayLike) -> Array:
    """`numbers * scale + loc`, in the dtype and shape of the numbers."""
    if isinstance(scale, int | float) and scale < 0:
        raise ValueError(f"random: expected a scale (stddev) of at least 0, got {scale}.")
    loc, scale = fitting(loc, numbers), fitting(scale, numbers)
    numbers = numbers if isinstance(scale, int) and scale == 1 else numbers * scale
    return numbers if isinstance(loc, int) and loc == 0 else numbers + loc


def fitting(x: ArrayLike, numbers: Array) -> Any:
    """A parameter in the shape and dtype of the numbers; one of Python's own takes any."""
    return x if kind_of(x) in (bool, int, float) else parameter(x, numbers.shape, numbers.dtype)


def reals(value: ArrayLike, dtype: DTypeLike) -> Array:
    """Parameters as an array of real numbers."""
    if value is None or isinstance(value, str) or jn.iscomplexobj(value):
        raise TypeError(f"random: expected real parameters, got {value!r}.")
    return jn.asarray(value, dtype)


def parameter(value: ArrayLike, shape: Shape, dtype: DTypeLike) -> Array:
    """A parameter for each number of the result, on the default device, where the key is."""
    x, shape = reals(value, dtype), complete_shape(shape)
    if x.ndim > len(shape) or any(n not in (1, m) for n, m in zip(x.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(f"random: expected parameters that broadcast to the shape {shape}, got shape {x.shape}.")
    return jn.broadcast_to(device_put(x, default_device()), shape)
