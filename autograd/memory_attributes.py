"""What NumPy's arrays tell of their memory: an Array tells it where it is plain, else it says what to write."""

from __future__ import annotations

import numpy as onp

from . import backend
from .core import Reference, concrete
from .operators import Operators

__all__: list[str] = []  # importing this module gives Array its `__getattr__`


class _Traced(TypeError, AttributeError):
    """A traced Array has no memory to tell of; libraries that only ask whether it has an attribute go on."""


def _interface(self, raw):
    """NumPy's array interface, read-only: an address if `self` keeps the array alive, else an object that does."""
    if backend.is_cupy(raw) or raw.dtype.num > 255:  # of ml_dtypes, whose names NumPy does not know
        raise AttributeError(f"Array of {raw.dtype} on {backend.device_of(raw)} has no __array_interface__.")
    if type(raw) is onp.ndarray and not isinstance(self, Reference):
        address, _ = raw.__array_interface__["data"]
        return {**raw.__array_interface__, "data": (address, True), "strides": raw.strides}
    raw = onp.ascontiguousarray(raw).reshape(raw.shape)
    return {**raw.__array_interface__, "data": memoryview(raw).toreadonly(), "offset": 0, "strides": raw.strides}


_OF_MEMORY = {"__array_interface__": _interface, "strides": lambda self, raw: raw.strides}
_RAW_ONLY = "base byteswap ctypes data dump dumps flags getfield tofile".split()
_REMEDIES = {
    **{name: f"That of the raw array, which must not be written to, is x.raw.{name}" for name in _RAW_ONLY},
    "view": "Write x.astype(dtype) to convert, x.raw.view(dtype) for the same bytes as another dtype",
    "to_device": "Write device_put(x, device)",
}


def _attribute(self, name):
    if name in _OF_MEMORY:
        try:
            raw = concrete(self, name)
        except TypeError as error:
            raise _Traced(*error.args) from None
        return _OF_MEMORY[name](self, raw)
    remedy = f" {_REMEDIES[name]}." if name in _REMEDIES else ""
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.{remedy}", name=name, obj=self)


Operators.__getattr__ = _attribute  # type: ignore[attr-defined]  # types know the attributes that there are
