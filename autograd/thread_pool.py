"""Threads that wait for work until the program ends, with what libraries keep for a thread, such as handles of cuBLAS.

KeyboardInterrupt comes to the main thread alone, between any two steps of Python. So whoever has work only puts it into
a queue, which is one step; a thread of the pool, in which nothing is interrupted, gives it to the others.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias

from .kernels.compiled import at_fork

__all__ = ["InOrder", "Start", "hand_over", "in_order"]

Start: TypeAlias = Callable[[tuple[Any, ...], Callable[[], Any], Callable[[], Any]], None]
"""`start(place, work, after)`: a thread of that place, such as (device, number), calls `work()`, then `after()`, when
it is free for other work. Neither may raise anything. RuntimeError if there is no room for another thread."""


class _Worker:
    """A thread that does one piece of work after the other, and is in the list `idle` meanwhile."""

    def __init__(self, name: str, idle: list[_Worker]) -> None:
        self._idle, self.work = idle, SimpleQueue[Any]()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self):
        while True:
            work, after = self.work.get()
            work()
            del work  # it refers to arrays
            self._idle.append(self)
            after()
            del after


class _Pool:
    """The threads of this process: one that gives the others their work, for each place as many as work at a time."""

    def __init__(self) -> None:
        self.requests = SimpleQueue[Callable[[Start], Any]]()
        self.started = False
        self._idle: dict[Any, list[_Worker]] = {}

    def serve(self) -> None:
        while True:
            self.requests.get()(self._start)

    def _start(self, place, work, after):
        idle = self._idle.setdefault(place, [])
        try:
            worker = idle.pop()
        except IndexError:
            worker = _Worker(f"autograd devices {' '.join(map(str, place))}", idle)
        worker.work.put((work, after))


_pool = _Pool()


class InOrder:
    """Does one piece of work after the other, in a thread of the pool while there is some."""

    def __init__(self) -> None:
        self._work: deque[Callable[[], Any]] = deque()
        self._turn = threading.Lock()

    def busy(self) -> bool:
        """Whether there is work that has not ended."""
        return bool(self._work)

    def put(self, work: Callable[[], Any]) -> None:
        """Adds work, which raises nothing."""
        with self._turn:
            self._work.append(work)
            first = len(self._work) == 1
        if first:
            hand_over(self._begin)

    def _begin(self, start):
        try:
            start(("exchanges",), self._do_all, lambda: None)
        except RuntimeError:  # no room for another thread: in this one
            self._do_all()

    def _do_all(self):
        while True:
            self._work[0]()
            with self._turn:
                self._work.popleft()
                if not self._work:
                    return


in_order: InOrder = InOrder()
"""Exchanges with other processes that go on while this one computes."""


def hand_over(request: Callable[[Start], Any]) -> None:
    """Has `request(start)` called, which starts work and does not wait, in a thread that no signal interrupts."""
    pool = _pool
    if not pool.started:
        _thread.start_new_thread(pool.serve, ())  # one step; a second one, after an interrupt here, does no harm
        pool.started = True
    pool.requests.put(request)


def _forget():
    """In the child of a fork, which has none of the threads."""
    global _pool
    _pool = _Pool()
    in_order.__init__()  # type: ignore[misc]


at_fork(after_in_child=_forget)
