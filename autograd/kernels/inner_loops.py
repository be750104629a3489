"""NumPy's own inner loops, for one compiled function that runs tables of them without Python in between (`machine`).

NumPy hands out the loop behind a ufunc (`numpy.ufunc._get_strided_loop`, its interface for compilers), so results have
the bits that the ufunc gives, and no program needs to be compiled.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

__all__ = ["MASKS", "InnerLoop", "loop_of", "mask_of"]

_ABI = b"numpy_1.24_ufunc_call_info"
# The flags of floating-point arithmetic that NumPy looks at: invalid, division by zero, overflow, underflow.
_NAMES = ("invalid", "divide", "over", "under")
_BITS = dict.fromkeys(["x86_64", "amd64"], (1, 4, 8, 16)) | dict.fromkeys(["aarch64", "arm64"], (1, 2, 4, 8))
MASKS: dict[str, int] = dict(zip(_NAMES, _BITS.get(platform.machine().lower(), ()), strict=False))


def mask_of(names: Iterable[str]) -> int:
    """The bits of flags, which have their names in `numpy.errstate`."""
    return sum(MASKS.get(name, 0) for name in names)


class InnerLoop(NamedTuple):
    """The loop of a ufunc for some dtypes.

    Attributes:
        address: Of the function, its context and its auxiliary data.
        dtypes: Of operands and result.
        owner: What keeps them alive.
    """

    address: tuple[int, int, int]
    dtypes: tuple[numpy.dtype[Any], ...]
    owner: Any


@functools.cache
def loop_of(ufunc: numpy.ufunc, *dtypes: numpy.dtype[Any]) -> InnerLoop | None:
    """The loop for operands of these dtypes; None if there is none that needs neither casts nor Python."""
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        found, info = ufunc._resolve_dtypes_and_context((*dtypes, None))  # type: ignore[attr-defined]
        ufunc._get_strided_loop(info)  # type: ignore[attr-defined]
        start = address(info, _ABI)
    except (AttributeError, TypeError, ValueError):
        return None
    needs_python = ctypes.c_bool.from_address(start + 24).value
    if needs_python or found[: len(dtypes)] != dtypes:
        return None
    function, context, data = (ctypes.c_void_p * 3).from_address(start)
    return InnerLoop((function or 0, context or 0, data or 0), found, info)
