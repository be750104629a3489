"""Functions that create arrays, on the default device or beside an array that they resemble."""

import numpy as onp

from .. import backend
from ..core import Array, library
from ..ops.elementwise import device_put as _device_put
from ..ops.elementwise import equal, floor, where
from ._common import array, as_array, cast, like  # noqa: F401


def _create(name, *args, **kwargs):
    device = backend.default_device()
    with device.current():
        return getattr(device.library, name)(*args, **kwargs)


def asarray(a, dtype=None):
    """`a` itself if it is an array of that dtype, else an array of it; nested lists may hold traced values."""
    return as_array(a, dtype)


def astype(x, dtype, *, copy=True):
    """`x` with another dtype, itself without `copy` if it has that dtype. The gradient comes back in the dtype of `x`.

    Integers and booleans have no gradient.
    """
    x = as_array(x)
    return cast(x, dtype) if copy or x.dtype != dtype else x


def device_put(x, device):
    """`x` on a device ("cpu", "gpu", "gpu:1" or a `Device`); its gradient comes back to where `x` is."""
    x, target = as_array(x), backend.as_device(device)
    source = x.device if isinstance(x, Array) else backend.device_of(x)
    return x if source == target else _device_put(x, source=source, target=target)


def result_type(*arrays_and_dtypes):
    """The dtype that an operation on arrays, Python's numbers and dtypes gives."""
    return onp.result_type(*[a.dtype if isinstance(a, Array) else a for a in arrays_and_dtypes])


def zeros(shape, dtype=float):
    """Zeros."""
    return _create("zeros", shape, dtype)


def ones(shape, dtype=float):
    """Ones."""
    return _create("ones", shape, dtype)


empty = zeros  # an immutable array is never filled in later


def full(shape, fill_value, dtype=None):
    """An array filled with a value, which may be traced."""
    from ._shape import broadcast_to

    return broadcast_to(as_array(fill_value, dtype), shape) + _create("zeros", (), as_array(fill_value, dtype).dtype)


def _resembling(name):
    def create(a, dtype=None, shape=None):
        a = as_array(a)
        return like(a, getattr(library(a), name)(a.shape if shape is None else shape, dtype or a.dtype))

    create.__name__ = create.__qualname__ = f"{name}_like"
    create.__doc__ = f"{name.capitalize()} in the shape and dtype of `a`, on its device."
    return create


zeros_like, ones_like = _resembling("zeros"), _resembling("ones")
empty_like = zeros_like


def full_like(a, fill_value, dtype=None):
    """An array of the shape and dtype of `a`, filled with a value, which may be traced."""
    return zeros_like(a, dtype) + as_array(fill_value, dtype or as_array(a).dtype)


def arange(*args, dtype=None):
    """Evenly spaced numbers: `arange(stop)`, `arange(start, stop)` or `arange(start, stop, step)`."""
    return _create("arange", *args, dtype=dtype)


def linspace(start, stop, num=50, endpoint=True, dtype=None):
    """`num` evenly spaced numbers from `start` to `stop`, both of which may be arrays and traced."""
    if num < 0:
        raise ValueError(f"linspace: expected a number of samples that is not negative, got {num}.")
    steps = max(num - 1 if endpoint else num, 1)
    start, stop = as_array(start) * 1.0, as_array(stop) * 1.0
    counts = _create("arange", num).astype(onp.result_type(start.dtype, stop.dtype))
    counts = counts.reshape((num,) + (1,) * max(start.ndim, stop.ndim))
    numbers = where(equal(counts, steps), stop, start + (stop - start) / steps * counts)  # the last one is exact
    if dtype is None:
        return numbers
    return cast(floor(numbers) if onp.dtype(dtype).kind in "iu" else numbers, dtype)


def eye(N, M=None, k=0, dtype=float):
    """Ones on a diagonal, zeros elsewhere."""
    return _create("eye", N, M, k, dtype)


def identity(n, dtype=float):
    """The unit matrix."""
    return eye(n, dtype=dtype)
