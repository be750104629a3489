"""How distributions draw: shapes, dtypes and parameters in the forms that the operations take."""

import functools
from collections.abc import Callable
from numbers import Real
from typing import Any, ParamSpec

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, default_device, device_put
from autograd.core import kind_of
from autograd.dtypes import complete_dtype

from ..dtypes import default_dtype
from ..typing import ArrayLike, DTypeLike, Shape
from ..util.convert import broadcasts, to_shape
from .generator import KeySource, new_key

__all__ = ["Draw", "dtype_or_default", "floating", "reals"]

P = ParamSpec("P")


def dtype_or_default(where: str, dtype: DTypeLike, kind: type = float) -> onp.dtype[Any]:
    """A dtype; for None, that of new arrays of the kind."""
    return default_dtype(kind) if dtype is None else complete_dtype(where, dtype)


def floating(distribution: Callable[P, Array]) -> Callable[P, Array]:
    """A distribution of float16, float32 and float64 for bfloat16, too: drawn in float32 and cast."""

    @functools.wraps(distribution)
    def of_any_dtype(*args: P.args, **kwargs: P.kwargs) -> Array:
        dtype: Any = kwargs.get("dtype")
        dtype = dtype_or_default(distribution.__name__, dtype)
        if dtype.name != "bfloat16":
            return distribution(*args, **kwargs)
        kwargs["dtype"] = onp.dtype("float32")
        return distribution(*args, **kwargs).astype(dtype)

    return of_any_dtype


def reals(where: str, value: ArrayLike, dtype: DTypeLike) -> Array:
    """Parameters of a distribution as an array of real numbers."""
    if value is None or isinstance(value, str) or jn.iscomplexobj(value):
        raise TypeError(f"{where}: expected real parameters, got {value!r}.")
    try:
        return jn.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):
            raise
        raise type(error)(f"{where}: {error}") from None


class Draw:
    """One call of a distribution.

    Args:
        where: The name of the distribution, for errors.
        shape: The shape of the result.
        dtype: Its dtype; None: that of new arrays of the kind.
        generator: Where keys come from.
        kind: Of the numbers, `float` or `int`.
    """

    def __init__(self, where: str, shape: Shape, dtype: DTypeLike, generator: KeySource, kind: type = float) -> None:
        self.where, self.generator = where, generator
        self.shape: tuple[int, ...] = to_shape(where, shape)
        self.dtype: onp.dtype[Any] = dtype_or_default(where, dtype, kind)

    def of_axes(self, *lengths: int) -> "Draw":
        """The same with further axes."""
        return Draw(self.where, (*self.shape, *lengths), self.dtype, self.generator)

    def key(self) -> Array:
        """A new key."""
        return new_key(self.generator)

    def numbers(self, op: Any, **parameters: Any) -> Array:
        """Numbers of an operation, from a new key."""
        return op(self.key(), shape=self.shape, dtype=self.dtype, **parameters)

    def moved(self, numbers: Callable[[], Array], loc: ArrayLike, scale: ArrayLike, name: str = "scale") -> Array:
        """`numbers() * scale + loc`, in the dtype and shape of the numbers; nothing is drawn if these are wrong."""
        if isinstance(scale, Real) and scale < 0:
            raise ValueError(f"{self.where}: expected {name} of at least 0, got {scale}.")
        loc, scale = self.fitting(loc), self.fitting(scale)
        x = numbers()
        x = x if isinstance(scale, int) and scale == 1 else x * scale
        return x if isinstance(loc, int) and loc == 0 else x + loc

    def fitting(self, x: ArrayLike) -> Any:
        """A parameter in the shape and dtype of the result; one of Python's own takes any."""
        return x if kind_of(x) in (bool, int, float) else self.parameter(x, self.dtype)

    def parameter(self, value: ArrayLike, dtype: DTypeLike) -> Array:
        """A parameter for each number of the result, on the default device, where the key is."""
        x, shape = reals(self.where, value, dtype), self.shape
        if not broadcasts(x.shape, shape):
            expected = f"parameters that broadcast to the shape {shape}"
            raise ValueError(f"{self.where}: expected {expected}, got shape {x.shape}.")
        return jn.broadcast_to(device_put(x, default_device()), shape)
