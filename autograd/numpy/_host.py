"""Functions handed to NumPy unchanged (text, files, dtypes, memory), and the names that are left out, with reasons."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as onp

from .. import backend
from ..core import Array, concrete, library
from ..typing import DeviceLike, Result
from ._common import like, result_type  # noqa: F401
from ._placement import on_host

# What NumPy has and this namespace has not.
_DATES, _FIELDS = "no array library computes with dates on a GPU", "an array of this namespace has a single dtype"
_MATRICES = "NumPy advises against it: use arrays of two axes"
ABSENT: dict[str, str] = {
    **dict.fromkeys(
        "busday_count busday_offset busdaycalendar datetime64 datetime_as_string datetime_data is_busday isnat "
        "timedelta64".split(), _DATES),
    **dict.fromkeys("recarray record".split(), _FIELDS),
    **dict.fromkeys("asmatrix bmat matrix".split(), _MATRICES),
    "frompyfunc": "it makes arrays of Python's objects: use vectorize",
    "in1d": "NumPy removed it: use isin",
    "memmap": "a file is no device: use numpy.memmap and asarray",
    "poly1d": "NumPy advises against it: use polyval, polyder, ...",
    "row_stack": "NumPy removed it: use vstack",
    "trapz": "NumPy removed it: use trapezoid",
}  # fmt: skip


def _of_host_arrays(name: str) -> Callable[..., Any]:
    """NumPy's function that writes, shows or saves, for arrays of any device; a traced one raises TypeError."""
    theirs = getattr(onp, name)

    @functools.wraps(theirs, assigned=("__name__", "__qualname__"))
    def call(*args: Any, **kwargs: Any) -> Any:
        return theirs(*map(on_host, args), **{key: on_host(value) for key, value in kwargs.items()})

    call.__doc__ = f"`numpy.{name}`, also of Arrays and of arrays on a GPU, which are copied to the host."
    return call


array2string: Callable[..., str] = _of_host_arrays("array2string")
array_repr: Callable[..., str] = _of_host_arrays("array_repr")
array_str: Callable[..., str] = _of_host_arrays("array_str")
format_float_positional: Callable[..., str] = _of_host_arrays("format_float_positional")
format_float_scientific: Callable[..., str] = _of_host_arrays("format_float_scientific")
save: Callable[..., None] = _of_host_arrays("save")
savetxt: Callable[..., None] = _of_host_arrays("savetxt")
savez: Callable[..., None] = _of_host_arrays("savez")
savez_compressed: Callable[..., None] = _of_host_arrays("savez_compressed")


def _of_dtypes(name: str) -> Callable[..., Any]:
    """NumPy's function of the dtypes of its arguments."""
    theirs = getattr(onp, name)

    @functools.wraps(theirs, assigned=("__name__", "__qualname__"))
    def call(*args: Any, **kwargs: Any) -> Any:
        empty = [onp.empty((0,) * a.ndim, a.dtype) if isinstance(a, Array) or backend.is_cupy(a) else a for a in args]
        return theirs(*empty, **kwargs)

    call.__doc__ = f"`numpy.{name}`, also of Arrays and traced values: it looks at their dtypes only."
    return call


can_cast: Callable[..., bool] = _of_dtypes("can_cast")
common_type: Callable[..., type[Any]] = _of_dtypes("common_type")
iscomplexobj: Callable[..., bool] = _of_dtypes("iscomplexobj")
isrealobj: Callable[..., bool] = _of_dtypes("isrealobj")
min_scalar_type: Callable[..., onp.dtype[Any]] = _of_dtypes("min_scalar_type")


def _of_memory(name: str) -> Callable[..., bool]:
    """A function of how raw arrays lie in memory."""

    def call(*args: Any, **kwargs: Any) -> bool:
        raw = [concrete(a, name) if isinstance(a, Array) else a for a in args]  # not `a.raw`, which may be a copy
        return getattr(library(raw[0]), name)(*raw, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`numpy.{name}`, of arrays that are not traced."
    return call


isfortran: Callable[..., bool] = _of_memory("isfortran")
may_share_memory: Callable[..., bool] = _of_memory("may_share_memory")
shares_memory: Callable[..., bool] = _of_memory("shares_memory")


def from_dlpack(x: Any, /, *, device: DeviceLike | None = None, copy: bool | None = None) -> Result:
    """The array of another library, handed over through DLPack, on its device.

    Args:
        x: The array. The memory is shared: nobody must write to it any more.
        device: It has no effect: use `device_put`.
        copy: True: take a copy, to which the other library may write.

    Raises:
        TypeError: If `x` does not have DLPack's methods.
    """
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError(f"from_dlpack: expected an array with DLPack, got {type(x).__name__}. Use asarray(x).")
    on_cpu = x.__dlpack_device__()[0] == 1
    xp = backend.CPU.library if on_cpu else backend.as_device("gpu").library
    raw = xp.from_dlpack(x)
    return like(x, raw.copy() if copy else raw)
