"""Loading of the machine, the compiled function that runs NumPy's inner loops."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy

from . import compiled
from .inner_loops import MASKS, mask_of

__all__ = ["Loader", "loader"]


class Loader:
    """Loads the compiled function in a thread of its own: until it is there, programs run without it.

    Attributes:
        run: See `machine.run`; None as long as it is not there, and where it does not compute what NumPy does.
        flags: Addresses of C's functions that test and clear the flags of arithmetic, and the flags that count.
    """

    run: Any = None
    flags: Any = None

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to load it, if that has not begun."""
        if self._thread is None and compiled.is_there() and MASKS:
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
        return any(status & mask and wanted[name] != "ignore" for name, mask in MASKS.items())

    def _load(self) -> None:
        try:
            library = ctypes.CDLL(None)
            functions = [ctypes.cast(f, ctypes.c_void_p).value for f in (library.fetestexcept, library.feclearexcept)]
            flags = numpy.array([*functions, mask_of(MASKS)], numpy.int64)
            from .machine import run  # numba takes half a second
            from .self_test import agrees

            with numpy.errstate(all="ignore"):
                found = agrees(run, flags)
        except Exception:  # of another version of numba, llvmlite or NumPy
            return
        if found:
            self.flags, self.run = flags, run


loader: Loader = Loader()

compiled.at_fork(before=loader.wait)  # numba's locks must not be held for ever in the child
