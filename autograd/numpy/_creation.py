"""Functions that create arrays, on the default device or on that of an array that they resemble.

`order` counts for results that are raw arrays; how an Array lies in memory is up to the library. `subok` and `like`
have no effect. `device` is a `Device` or its name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from .. import backend
from ..core import Array, library, lift
from ..foreign import NUMBERS, is_no_array
from ..ops.elementwise import device_put as _device_put
from ..ops.elementwise import isfinite
from ..typing import ArrayLike, DeviceLike, DTypeLike, Result, Shape
from ._common import array as _array
from ._common import as_array, as_dtype, cast, complete_shape
from ._placement import create, on_default_device, placed_like
from ._shape import broadcast_to, reshape


def array(
    object: ArrayLike,
    dtype: DTypeLike = None,
    *,
    copy: bool = True,
    order: str | None = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Result:
    """A new array of an array, a number, or nested lists and tuples of them, traced ones included.

    Without `copy` an array of that dtype is returned itself. `ndmin` adds axes in front; `ndmax` has no effect. Texts
    and other objects give NumPy's array of them.
    """
    made = _of_objects(object, dtype)
    if made is None:
        made = _ordered(_array(object, dtype) if copy else as_array(object, dtype), order)
    return made if made.ndim >= ndmin else reshape(made, (1,) * (ndmin - made.ndim) + made.shape)


def _ordered(x, order):
    """A raw array in this layout in memory: "C", "F", "A" or "K"; an Array unchanged."""
    return x if order in (None, "K") or isinstance(x, Array) else library(x).asarray(x, order=order)


def _of_objects(x, dtype):
    """NumPy's array of a text, None, or lists in which there is something that is no number or array; else None."""
    wanted = as_dtype(dtype)
    if wanted is not None and wanted.kind in "OSU":
        return onp.array(x, wanted)
    if not (x is None or isinstance(x, str) or (isinstance(x, list | tuple) and _holds_objects(x))):
        return None
    return onp.array(x, wanted)


def _holds_objects(nested):
    return any(
        _holds_objects(x) if isinstance(x, list | tuple) else type(x) not in NUMBERS and is_no_array(x) for x in nested
    )


def asarray(
    a: ArrayLike,
    dtype: DTypeLike = None,
    order: str | None = None,
    *,
    device: DeviceLike | None = None,
    copy: bool | None = None,
    like: Any = None,
) -> Result:
    """`a` itself if it is an array of that dtype, else an array of it; nested lists may hold traced values."""
    found = _of_objects(a, dtype)
    if found is not None:
        return found
    a = _ordered(_array(a, dtype) if copy else as_array(a, dtype), order)
    return a if device is None else device_put(a, device)


asanyarray = asarray


def ascontiguousarray(a: ArrayLike, dtype: DTypeLike = None, *, like: Any = None) -> Result:
    """`a` as an array with at least one axis; contiguous in memory, last axis fastest, if it is raw."""
    return _laid_out("ascontiguousarray", a, dtype)


def asfortranarray(a: ArrayLike, dtype: DTypeLike = None, *, like: Any = None) -> Result:
    """`a` as an array; contiguous in memory, first axis fastest, if it is raw."""
    return _laid_out("asfortranarray", a, dtype)


def _laid_out(name, a, dtype):
    a = as_array(a, dtype)
    if not isinstance(a, Array):
        return getattr(library(a), name)(a)
    return reshape(a, (1,)) if a.ndim == 0 and name == "ascontiguousarray" else a


def asarray_chkfinite(a: ArrayLike, dtype: DTypeLike = None, order: str | None = None) -> Result:
    """`a` as an array; ValueError if it holds NaN or infinity. It raises under `vmap` and `Jit`."""
    a = as_array(a, dtype)
    if not bool(isfinite(a).all()):
        raise ValueError("asarray_chkfinite: expected finite numbers, got NaN or infinity.")
    return a


def require(
    a: ArrayLike, dtype: DTypeLike = None, requirements: str | Sequence[str] | None = None, *, like: Any = None
) -> Result:
    """`a` as an array; a raw one meets `requirements` on its memory, of NumPy's "C", "F", "A", "W", "O"."""
    a = as_array(a, dtype)
    return a if isinstance(a, Array) or not requirements else library(a).require(a, dtype, requirements)


def copy(a: ArrayLike, order: str = "K", subok: bool = False) -> Result:
    """A new array with the elements of `a`."""
    return _ordered(_array(a), order)


def astype(x: ArrayLike, dtype: DTypeLike, *, copy: bool = True, device: DeviceLike | None = None) -> Result:
    """`x` with another dtype; without `copy`, `x` itself if it has that dtype.

    The gradient returns in the dtype of `x`; integers and booleans have none.
    """
    x = as_array(x)
    x = cast(x, dtype) if copy or x.dtype != dtype else x
    return x if device is None else device_put(x, device)


def device_put(x: ArrayLike, device: DeviceLike) -> Result:
    """`x` on a device: "cpu", "gpu", "gpu:1" or a `Device`. Its gradient returns to the device of `x`.

    Raises:
        DeviceError: If the device is not available.
    """
    x, target = as_array(x), backend.as_device(device)
    source = x.device if isinstance(x, Array) else backend.device_of(x)
    return x if source == target else _device_put(x, source=source, target=target)


def zeros(
    shape: Shape, dtype: DTypeLike = None, order: str = "C", *, device: DeviceLike | None = None, like: Any = None
) -> Result:
    """An array of zeros."""
    return _filled("zeros", shape, dtype, order, device)


def ones(
    shape: Shape, dtype: DTypeLike = None, order: str = "C", *, device: DeviceLike | None = None, like: Any = None
) -> Result:
    """An array of ones."""
    return _filled("ones", shape, dtype, order, device)


def _filled(name, shape, dtype, order, device):
    if isinstance(dtype, int) and not isinstance(dtype, bool):
        raise TypeError(f"{name}: expected a dtype, got {dtype}. A shape is a tuple: {name}(({shape}, {dtype})).")
    return create(name, complete_shape(shape), as_dtype(dtype) or float, order, device=device)


def empty(
    shape: Shape, dtype: DTypeLike = None, order: str = "C", *, device: DeviceLike | None = None, like: Any = None
) -> Result:
    """An array of zeros: an immutable array is never filled in later."""
    return _filled("zeros", shape, dtype, order, device)


def full(
    shape: Shape,
    fill_value: ArrayLike,
    dtype: DTypeLike = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
    like: Any = None,
) -> Result:
    """An array filled with `fill_value`, which may be traced."""
    if isinstance(fill_value, onp.generic):  # as a number it goes to any device
        number: Any = fill_value
        fill_value, dtype = number.item(), number.dtype if dtype is None else dtype
    value = asarray(fill_value, dtype, device=device)
    return _ordered(broadcast_to(value, shape) + create("zeros", (), value.dtype, device=device), order)


def zeros_like(
    a: ArrayLike,
    dtype: DTypeLike = None,
    order: str = "K",
    subok: bool = True,
    shape: Shape | None = None,
    *,
    device: DeviceLike | None = None,
) -> Result:
    """An array of zeros with the shape and dtype of `a`, on its device."""
    return _resembling("zeros_like", a, dtype, order, shape, device)


def ones_like(
    a: ArrayLike,
    dtype: DTypeLike = None,
    order: str = "K",
    subok: bool = True,
    shape: Shape | None = None,
    *,
    device: DeviceLike | None = None,
) -> Result:
    """An array of ones with the shape and dtype of `a`, on its device."""
    return _resembling("ones_like", a, dtype, order, shape, device)


def _resembling(name, a, dtype, order, shape, device):
    a, dtype = as_array(a), as_dtype(dtype)
    if isinstance(a, Array):
        create = getattr(library(a), name.removesuffix("_like"))  # CuPy's `_like` take the shape () for none
        made = lift(create(a.shape if shape is None else shape, a.dtype if dtype is None else dtype))
    else:
        made = getattr(library(a), name)(a, dtype, order, shape=shape)
    return made if device is None else device_put(made, device)


def empty_like(
    prototype: ArrayLike,
    dtype: DTypeLike = None,
    order: str = "K",
    subok: bool = True,
    shape: Shape | None = None,
    *,
    device: DeviceLike | None = None,
) -> Result:
    """An array of zeros with the shape and dtype of `prototype`: an immutable array is never filled in later."""
    return _resembling("zeros_like", prototype, dtype, order, shape, device)


def full_like(
    a: ArrayLike,
    fill_value: ArrayLike,
    dtype: DTypeLike = None,
    order: str = "K",
    subok: bool = True,
    shape: Shape | None = None,
    *,
    device: DeviceLike | None = None,
) -> Result:
    """An array with the shape and dtype of `a`, filled with `fill_value`, which may be traced."""
    zero = zeros_like(a, dtype, order, shape=shape, device=device)
    return zero + placed_like(zero, fill_value, zero.dtype)


def eye(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: DTypeLike = float,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
    like: Any = None,
) -> Result:
    """The N x M matrix with ones on its diagonal `k`, zeros elsewhere; square without `M`."""
    return create("eye", N, M, k, as_dtype(dtype), order, device=device)


def identity(n: int, dtype: DTypeLike = None, *, like: Any = None) -> Result:
    """The n x n unit matrix."""
    return eye(n, dtype=dtype or float)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = float, *, like: Any = None) -> Result:
    """The N x M matrix with ones on its diagonal `k` and below it, zeros elsewhere; square without `M`."""
    return create("tri", N, M, k, as_dtype(dtype))


# Windows and indices, computed by NumPy.
def bartlett(M: int) -> Result:
    """The Bartlett window of `M` points, on the default device."""
    return on_default_device(onp.bartlett(M))


def blackman(M: int) -> Result:
    """The Blackman window of `M` points, on the default device."""
    return on_default_device(onp.blackman(M))


def hamming(M: int) -> Result:
    """The Hamming window of `M` points, on the default device."""
    return on_default_device(onp.hamming(M))


def hanning(M: int) -> Result:
    """The Hann window of `M` points, on the default device."""
    return on_default_device(onp.hanning(M))


def kaiser(M: int, beta: float) -> Result:
    """The Kaiser window of `M` points, on the default device; no gradient with respect to `beta`."""
    return on_default_device(onp.kaiser(M, beta))


def diag_indices(n: int, ndim: int = 2) -> tuple[Result, ...]:
    """The index of the main diagonal of an array with `ndim` axes of length `n`: an array for each axis."""
    return on_default_device(onp.diag_indices(n, ndim))


def mask_indices(n: int, mask_func: Callable[..., Any], k: int = 0) -> tuple[Result, Result]:
    """The index of the elements of an n x n matrix that `mask_func(matrix, k)` keeps; it gets a NumPy array."""
    return on_default_device(onp.mask_indices(n, mask_func, k))


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Result, Result]:
    """The index of the lower triangle of an n x m matrix, up to its diagonal `k`."""
    return on_default_device(onp.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Result, Result]:
    """The index of the upper triangle of an n x m matrix, from its diagonal `k` on."""
    return on_default_device(onp.triu_indices(n, k, m))


# Files and memory, read by NumPy.
def _read_by_numpy(name: str) -> Callable[..., Result]:
    theirs = getattr(onp, name)

    @functools.wraps(theirs, assigned=("__name__", "__qualname__"))
    def read(*args: Any, **kwargs: Any) -> Result:
        return on_default_device(theirs(*args, **kwargs))

    read.__doc__ = f"`numpy.{name}`, with the result on the default device."
    return read


frombuffer: Callable[..., Result] = _read_by_numpy("frombuffer")
fromfile: Callable[..., Result] = _read_by_numpy("fromfile")
fromiter: Callable[..., Result] = _read_by_numpy("fromiter")
fromregex: Callable[..., Result] = _read_by_numpy("fromregex")
fromstring: Callable[..., Result] = _read_by_numpy("fromstring")
genfromtxt: Callable[..., Result] = _read_by_numpy("genfromtxt")
load: Callable[..., Any] = _read_by_numpy("load")
loadtxt: Callable[..., Result] = _read_by_numpy("loadtxt")
