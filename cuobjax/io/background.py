"""Writing in a thread: one task at a time, whose error nobody misses."""

import atexit
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as onp

from autograd import device
from autograd.core import wrapped

from ..core.collection import VarCollection
from ..core.replication import require_one_value
from ..core.variable import BaseVar, StateVar, referred
from .collection import host_array

__all__ = ["Background", "as_variable", "snapshot"]

_unasked: "set[Background]" = set()  # of which a task runs, or failed; kept here even if nobody else has them


class Background:
    """At most one task in a thread.

    Args:
        what: What is done, for the line that a program prints at its end if it failed and nobody asked.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self, task: Callable[[], Any]) -> None:
        """Begins a task; the one before has ended, see `wait`."""

        def run():
            try:
                task()
                _unasked.discard(self)
            except BaseException as error:
                self._error = error

        _unasked.add(self)
        self._thread = threading.Thread(target=run, name="cuobjax.io")  # the end of the program waits for it
        self._thread.start()

    def wait(self) -> None:
        """Waits for the task; raises its error, once."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        _unasked.discard(self)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __getstate__(self) -> dict[str, Any]:
        self.wait()
        return {"_what": self._what, "_thread": None, "_error": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@atexit.register
def _report():
    for background in list(_unasked):
        try:
            background.wait()
        except BaseException as error:
            print(f"{background._what}: the last one was not saved. {type(error).__name__}: {error}", file=sys.stderr)


def snapshot(vc: VarCollection) -> VarCollection:
    """The variables of a collection with the values that they have now, in host memory; what is there is not copied.

    Raises:
        ValueError: If one has a value for each device.
    """
    require_one_value("Checkpoint.save", map(referred, vc))
    made: dict[BaseVar, StateVar] = {}
    found = VarCollection()
    for name, v in vc.items():
        v = referred(v)
        if v not in made:
            made[v] = as_variable(host_array(v))
        found[name] = made[v]
    return found


def as_variable(x: onp.ndarray[Any, Any]) -> StateVar:
    """A variable of the CPU whose value is an array that nobody writes to, without a copy."""
    with device("cpu"):
        return StateVar(wrapped(x))
