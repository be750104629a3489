"""Groups of threads, one for each device, that meet where a program combines values of all devices.

A thread that comes to a meeting waits until all have come; the last one combines what they brought. All threads must
come to the same meetings in the same order, the last of which is the end of the function. Where one does not, or raises
an error, that error ends the call on all devices: no thread waits for one that will not come.
"""

from __future__ import annotations

import _thread
import functools
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar, copy_context
from typing import Any, NamedTuple

from . import backend, processes
from .core import Array, Interpreter
from .gpus import after, streams, using_streams, using_streams_beside, wait_for
from .thread_pool import hand_over, in_order

__all__ = ["Exchange", "Group", "Member", "current", "own_member", "place"]

_bound: ContextVar[dict[str, Member]] = ContextVar("autograd.axes", default={})  # noqa: B039 (nobody changes it)
_PATIENCE = 5.0  # seconds
_UNHEARD = 0.1  # seconds until a signal is heard that came just before the main thread began to wait: it wakes nobody


class _Aborted(BaseException):
    """Unwinds a thread of a group in which another one has failed; no `except Exception` stops it."""


class Exchange(NamedTuple):
    """What the members of a group do together at a meeting, as data, so that groups of any kind can carry it out.

    Attributes:
        what: The operation, its dtype and shape, as text: the same in all members.
        combine: `combine(exchange, values, group)` computes the result for each device of the group here, given their
            values; a raw array among the results belongs to one of them.
        reduction: How elements are combined: "sum", "max" or "min"; "" where values only move.
        gives: What a member gets: "all", the reduction or, without one, all values along a new first axis; "part", its
            element of the reduction, by rank along the first axis; "one", the value of one member.
        sources: For "one", the rank of the member whose value each member gets; None for zeros.
    """

    what: str
    combine: Callable[[Exchange, Sequence[Any], Group], Sequence[Any]]
    reduction: str = ""
    gives: str = "all"
    sources: tuple[int | None, ...] = ()


def _end(exchange, values, group):
    with processes.current().at(exchange.what):
        return values


_END = Exchange("the end of the function", _end)


class Member(NamedTuple):
    """One thread of a group: number `rank` of `group.size`."""

    group: Group
    rank: int

    @property
    def level(self) -> float:
        """The level of the group: see `Group`."""
        return self.group.level

    def meet(self, exchange: Exchange, value: Any) -> Any:
        """Waits until all members of the group have come, and returns the result for this one.

        Args:
            exchange: What they do together: the same for all members.
            value: The value of this member.

        Raises:
            RuntimeError: If another member has come to another operation.
        """
        return self.group.meet(self.rank, exchange, value)

    @property
    def meetings(self) -> int:
        """To how many meetings this thread has come."""
        return self.group._come[self.rank - self.group.first]

    def note(self, x: Array, which: Any, ago: int = 0) -> None:
        """Notes an Array that is the same in all members which note one as `which` of the same meeting.

        Args:
            x: The Array.
            which: What it is among the results of that meeting.
            ago: To how many meetings this thread has come since.
        """
        self.group.noted[self.rank, id(x)] = weakref.ref(x), (self.meetings - ago, which)

    def noted(self, x: Any) -> tuple[int, Any] | None:
        """The number of the meeting and as `which` one of its results a value has been noted; None if it has not."""
        known, note = self.group.noted.get((self.rank, id(x)), (None, None))
        return note if known is not None and known() is x else None

    def begin(self, exchange: Exchange, value: Any) -> Callable[[], Any]:
        """Comes to a meeting without waiting for the others; the function that it returns does, and gives the result.

        What goes on meanwhile: the exchange with other processes, in a thread of its own, and that of GPUs, in streams
        of its own.

        Args:
            exchange, value: See `meet`. Nobody changes the value before the result is there.
        """
        if self.group.in_turns:
            result = self.meet(exchange, value)
            return lambda: result
        meeting = self.group.come(self.rank, exchange, value, aside=True)
        return lambda: self.group.result(self.rank, meeting)


def current(axis_name: Any) -> Member:
    """This thread as a member of the group of that name; a `Member` is returned as it is.

    Raises:
        NameError: If this thread does not belong to such a group.
        TypeError: If it is no text.
    """
    if not isinstance(axis_name, str | Member):
        raise TypeError(f"Parallel: expected axis_name as a text, got {axis_name!r}.")
    member = axis_name if isinstance(axis_name, Member) else _bound.get().get(axis_name)
    if member is None:
        raise NameError(
            f"unbound axis name: {axis_name}. Call this in a function under cuobjax.Parallel (the inner one counts)."
        )
    return member


def place() -> tuple[str, int, int] | None:
    """The group and number of this thread as a key: (axis name, rank, size); None outside of groups."""
    member = own_member()
    return None if member is None else (member.group.name, member.rank, member.group.size)


def own_member() -> Member | None:
    """This thread as a member of its group; None outside of groups."""
    return next(iter(_bound.get().values()), None)


class Group:
    """Threads that run one function on several devices.

    Args:
        devices: The device of each thread; several threads may share one.
        name: The name of the group in collective operations.
        in_turns: Let one thread run at a time, in order of rank from meeting to meeting. Needed where threads may use
            values that an outer transformation traces, so that it records them in the same order each time.

    Attributes:
        size: The number of members, in all processes.
        first: The number of the member that is the first thread here.
        level: The order in which it began among the activations of transformations: see `Interpreter`.
        error: The exception that ended the call; None if there is none.
        begun: Sums that `ops.collective.begun` has begun, {(rank, id of an array): (array, what waits for the sum)}.
        noted: Arrays that are the same in all members, {(rank, id of an Array): (weak reference to it, (number of the
            meeting, which of its results))}.
    """

    devices: tuple[backend.Device, ...]
    name: str
    in_turns: bool
    size: int
    first: int
    level: float
    error: BaseException | None
    begun: dict[tuple[int, int], tuple[Any, Callable[[], Any]]]
    noted: dict[tuple[int, int], tuple[weakref.ref[Array], tuple[int, Any]]]

    def __init__(self, devices: Iterable[backend.Device], name: str, in_turns: bool = False) -> None:
        self.devices, self.name, self.in_turns = tuple(devices), name, in_turns
        self.size, self.first = processes.current().devices(len(self.devices)), processes.current().first()
        self.level = Interpreter().level
        self.error, self.begun, self.noted = None, {}, {}
        self._changed = threading.Condition()
        self._come = [0] * len(self.devices)  # to how many meetings each thread has come
        self._open: dict[int, dict[int, tuple[Exchange, Any, Any]]] = {}  # {meeting: {thread: what it brought}}
        self._results: dict[int, tuple[dict[int, Any], Any]] = {}  # {meeting: (results, what streams wait for)}
        self._streams: list[Any] = []
        self._last = dict.fromkeys(range(len(self.devices)), "none")
        self._begun = self._ended = False
        self._running = 1  # the thread that starts the others, too
        self._over = threading.Lock()
        self._over.acquire()

    def run(self, function: Callable[[int], Any]) -> list[Any]:
        """`[function(rank) for every rank here]`, each in a thread, on its device, in a copy of the caller's context.

        The threads are those of earlier calls. They use the caller's streams of CuPy, so that what they and the caller
        compute is in order.

        When a thread fails, or the caller gets KeyboardInterrupt, every other thread ends at its next meeting. After
        KeyboardInterrupt, the caller waits for that at most some seconds; what such a thread still does has no effect.

        Raises:
            Exception: The first one that a thread raised, with notes on where.
            RuntimeError: If threads came to different meetings.
        """
        results: list[Any] = [None] * len(self.devices)
        self._streams = streams(self.devices)
        runs = [functools.partial(copy_context().run, self._run, function, i, results) for i in range(len(results))]
        try:
            hand_over(functools.partial(self._lead, runs))
            self._wait_for_the_end()
        except BaseException as error:  # KeyboardInterrupt, too
            try:
                self._abandon(error)
                self._wait_for_the_end(_PATIENCE)
            except BaseException:  # a second one
                self._abandon(error)
            raise
        if self.error is not None:
            raise self.error
        return results

    def _lead(self, runs, start):
        """Starts the threads, in one of the pool.

        KeyboardInterrupt comes to the main thread alone. There it could end `Thread.start` or the use of a condition
        half way, with a lock held for ever. So the caller only asks for this and waits for one lock.
        """
        self._begun = True
        try:
            while runs and self.error is None:
                with self._changed:
                    self._running += 1
                try:
                    start((self.devices[len(runs) - 1], len(runs)), runs.pop(), self._leave)
                except RuntimeError as error:  # no room for another thread
                    self._leave()
                    self._fail(error)
        finally:
            self._leave()

    def _leave(self):
        with self._changed:
            self._running -= 1
            if not self._running:
                self._ended = True
                self._over.release()

    def _wait_for_the_end(self, seconds=math.inf):
        until = time.monotonic() + seconds
        while not self._ended and time.monotonic() < until:
            if self.error is not None and not self._begun:
                return  # it will do nothing
            self._over.acquire(timeout=_UNHEARD)

    def _abandon(self, error):
        """Lets all threads end: in a thread of its own, in which nothing is interrupted."""
        if self.error is None:
            self.error = error
        if self._begun and not self._ended:
            _thread.start_new_thread(self._fail, (error,))

    def _run(self, function, i, results):
        try:
            _bound.set({self.name: Member(self, self.first + i)})  # no outer group: this is not one of its threads
            with backend.device(self.devices[i]), using_streams(self._streams):
                with self._changed:
                    self._wait(i, 0)
                results[i] = function(self.first + i)
                self.meet(self.first + i, _END, None)
        except _Aborted:
            pass
        except BaseException as error:
            self._fail(error, i)

    def meet(self, rank: int, exchange: Exchange, value: Any) -> Any:
        """See `Member.meet`."""
        meeting = self.come(rank, exchange, value)
        if exchange is _END and (self.in_turns or self.size == len(self.devices)):  # nothing is left to wait for
            return None
        return self.result(rank, meeting)

    def come(self, rank: int, exchange: Exchange, value: Any, aside: bool = False) -> int:
        """The number of the meeting to which a thread has come, without waiting for the others: see `Member.begin`.

        An error here ends the call on all devices, even if the function catches it: others wait for this thread.
        """
        i = rank - self.first
        with self._changed:
            if self.error is not None:
                raise _Aborted
            try:
                return self._come_to_next(i, exchange, value, aside)
            except BaseException as error:
                self._fail(error, i)
                raise

    def _come_to_next(self, i, exchange, value, aside):
        self._come[i] += 1
        meeting = self._come[i]
        arrived = self._open.setdefault(meeting, {})
        earliest = next(iter(arrived), i)
        expected = arrived[earliest][0].what if arrived else exchange.what
        self._last[i] = exchange.what
        arrived[i] = exchange, value, streams([self.devices[i]])
        if exchange.what != expected:
            raise RuntimeError(
                "Parallel: expected the same collective operations in the same order on all devices, "
                f"got {expected} on device {self.first + earliest} and {exchange.what} on device {self.first + i}."
            )
        if len(arrived) == len(self.devices):
            self._carry_out(meeting, exchange, [arrived[i] for i in range(len(self.devices))], aside)
            self._open.pop(meeting, None)
        self._changed.notify_all()
        return meeting

    def _carry_out(self, meeting, exchange, arrived, aside):
        """Computes the results of a meeting; what other processes take part in runs aside, or after what does."""
        found = [stream for _, _, own in arrived for stream in own]
        compute = functools.partial(self._compute, meeting, exchange, [value for _, value, _ in arrived])
        if self.size > len(self.devices) and (aside or in_order.busy()):
            in_order.put(functools.partial(copy_context().run, self._aside, compute, after(found)))
        elif aside:
            compute(using_streams_beside(after(found)))
        else:
            compute(using_streams(found))

    def _compute(self, meeting, exchange, values, chosen):
        with chosen as events:
            results = dict(enumerate(self.combined(exchange, values)))
        with self._changed:
            self._results[meeting] = results, events
            self._changed.notify_all()

    def _aside(self, compute, begins):
        """Computes the results of a meeting in the thread of exchanges with other processes."""
        if self.error is None:
            processes.beside.set(True)
            try:
                compute(using_streams_beside(begins))
            except BaseException as error:
                self._fail(error)

    def result(self, rank: int, meeting: int) -> Any:
        """Waits until a meeting is over; its result for a thread."""
        i = rank - self.first
        with self._changed:
            self._wait(i, meeting)
            results, events = self._results[meeting]
            result = results.pop(i)
            if not results:
                del self._results[meeting]
        if events:
            wait_for(events, self.devices[i])
        return result

    def are_alike(self, values: Sequence[Any]) -> bool:
        """Whether these values, one of each thread here, are known to be the same."""
        found = [Member(self, rank).noted(x) for rank, x in enumerate(values, self.first)]
        return found[0] is not None and all(note == found[0] for note in found)

    def combined(self, exchange: Exchange, values: Sequence[Any]) -> Sequence[Any]:
        """The result of an exchange for each thread, given the values of all of them, in order of rank.

        The last thread that comes to the meeting calls this, where CuPy uses the stream of each device's thread.
        """
        return exchange.combine(exchange, values, self)

    def _wait(self, i, meeting):
        """Waits until a meeting is over and this thread may run: with `in_turns`, once it is the next one."""

        def may_run():
            arrived = next(iter(self._open.values()), ())
            return (not meeting or meeting in self._results) and (not self.in_turns or len(arrived) == i)

        self._changed.wait_for(lambda: self.error is not None or may_run())
        if self.error is not None:
            raise _Aborted

    def _fail(self, error, failed=None):
        """Ends the call on all devices."""
        with self._changed:
            if self.error is None:
                self.error = error
                if failed is not None:
                    error.add_note(
                        f"on device {self.first + failed} ({self.devices[failed]}) of {self.size} under Parallel, axis "
                        f"{self.name!r}; the last collective operation there: {self._last[failed]}"
                    )
                    here = {i: what for arrived in self._open.values() for i, (what, _, _) in arrived.items()}
                    others = [(i, exchange) for i, exchange in here.items() if i != failed]
                    waiting = [f"device {self.first + i} in {exchange.what}" for i, exchange in others]
                    if waiting:
                        error.add_note(f"waiting meanwhile: {', '.join(waiting)}")
            self._open.clear()  # values may be large
            self._results.clear()
            self._changed.notify_all()
