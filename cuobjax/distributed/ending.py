"""How a program of several processes ends: all of them at once, with one message."""

import atexit
import functools
import os
import signal
import sys
import threading
import time
from typing import Any

from autograd.processes import Mpi, ProcessesError

__all__ = ["end_together"]

_GRACE = 2.0  # seconds in which another process may say the same, and end this one


def end_together(processes: Mpi, mpi: Any) -> None:
    """Lets all processes end when one of them fails, and wait for each other at the end of the program.

    Process 0 tells its error at once; another one only if it lives on for some time, as 0 has none then. So what all of
    them fail at is told once.

    Args:
        processes: Those of the program.
        mpi: The module `mpi4py.MPI`.
    """
    show, failed = sys.excepthook, []

    def fail(kind, error, traceback):
        failed.append(error)
        try:
            processes.tell_failure()
            if processes.rank:
                time.sleep(_GRACE)
            print(f"{processes.names[processes.rank]} failed, so all processes end:", file=sys.stderr, flush=True)
            show(kind, error, traceback)
            sys.stderr.flush()
        finally:
            processes.abort(130 if issubclass(kind, KeyboardInterrupt) else 1)

    def end():
        if failed or mpi.Is_finalized():
            return
        try:
            processes.finish()
        except ProcessesError as error:
            fail(type(error), error, None)

    sys.excepthook = fail
    atexit.register(end)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        _watch(functools.partial(_terminated, processes))


def _watch(act):
    """Calls `act` when SIGTERM comes: in a thread, as the main one may be in a call that no handler interrupts."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, frame: act())  # where another one has taken the wakeup fd

    def wait():
        while signal.SIGTERM not in os.read(reading, 64):
            pass
        act()

    threading.Thread(target=wait, name="distributed", daemon=True).start()


_ending = threading.Lock()


def _terminated(processes):
    """Ends this process; one process says what it waited for, unless another one has said more."""
    if _ending.acquire(blocking=False):
        if processes.speaks():
            absent = "; ".join(map(processes.last_seen, sorted(processes.missing))) or "rank 0"
            place = (
                f"in {processes.where}, where it waited for {absent}" if processes.where else f"after {processes.last}"
            )
            os.write(2, f"{processes.names[processes.rank]} was told to end (SIGTERM) {place}.\n".encode())
        os._exit(128 + signal.SIGTERM)
