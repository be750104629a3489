"""NumPy's own inner loops, run by a table of instructions: one compiled function, without Python between operations.

NumPy hands out the loop behind a ufunc (`numpy.ufunc._get_strided_loop`, its interface for compilers), so results have
the bits that the ufunc gives, and no program needs to be compiled.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

from . import compiled

__all__ = ["InnerLoop", "Loader", "loader", "loop_of", "mask_of"]

_ABI = b"numpy_1.24_ufunc_call_info"
# The flags of floating-point arithmetic that NumPy looks at: invalid, division by zero, overflow, underflow.
_NAMES = ("invalid", "divide", "over", "under")
_FLAGS = dict.fromkeys(["x86_64", "amd64"], (1, 4, 8, 16)) | dict.fromkeys(["aarch64", "arm64"], (1, 2, 4, 8))
_MASKS = dict(zip(_NAMES, _FLAGS.get(platform.machine().lower(), ()), strict=False))


def mask_of(names: Iterable[str]) -> int:
    """The bits of flags, which have their names in `numpy.errstate`."""
    return sum(_MASKS.get(name, 0) for name in names)


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


class Loader:
    """Loads the compiled function in a thread of its own: until it is there, programs run without it.

    Attributes:
        run: See `machine.run`; None as long as it is not there.
        flags: Addresses of C's functions that test and clear the flags of arithmetic, and the flags that count.
    """

    run: Any = None
    flags: Any = None

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to load it, if that has not begun."""
        if self._thread is None and compiled.is_there() and _MASKS:
            self._thread = threading.Thread(target=self._load, name="autograd compiler", daemon=True)
            self._thread.start()

    def wait(self) -> bool:
        """Waits for it, if it is being loaded; whether it is there."""
        if self._thread is not None:
            self._thread.join()
        return self.run is not None

    def reported(self, status: int) -> bool:
        """Whether NumPy would report the flags that a run returns, as it is set in this context."""
        wanted: dict[str, Any] = {**numpy.geterr()}
        return any(status & mask and wanted[name] != "ignore" for name, mask in _MASKS.items())

    def _load(self) -> None:
        try:
            library = ctypes.CDLL(None)
            functions = [ctypes.cast(f, ctypes.c_void_p).value for f in (library.fetestexcept, library.feclearexcept)]
            from .machine import run  # numba takes half a second
        except (AttributeError, ImportError, OSError, TypeError):
            return
        self.flags = numpy.array([*functions, mask_of(_NAMES)], numpy.int64)
        self.run = run


loader: Loader = Loader()

if hasattr(os, "register_at_fork"):  # numba's locks must not be held for ever in the child
    os.register_at_fork(before=loader.wait)
