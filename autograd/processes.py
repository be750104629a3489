"""The processes that run one program together: one, or those that MPI has started, on one host or several.

Arrays here are NumPy's. A sum travels in two steps: every process gets one part of it from all the others, joins what
came in order of rank, and sends the result to all. Each sends 2 (n - 1) / n times the array, the least that n processes
can do with, whatever MPI is installed, and all of them hold the same bits. Source: Rabenseifner 2004, reduce-scatter
and allgather; here every process sends to each directly.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy

__all__ = ["Joining", "Mpi", "Processes", "ProcessesError", "beside", "current", "install"]

Joining: TypeAlias = Callable[[Any, Any], Any]
"""Joins the arrays of two processes to one, element by element."""

_WORDS, _ANSWER = 1024, 8192  # bytes
_SMALL = 8192  # bytes: an array that is sent to everybody at once, as the number of messages counts there
_LARGE = 1 << 28  # bytes: of one round; MPI counts them in an int
_WORD, _EXCHANGE, _FAILED = 0, 1, 2  # tags of messages
_SPINS, _PAUSE = 200, 0.0005  # seconds


beside: ContextVar[bool] = ContextVar("autograd.beside", default=False)
"""Whether an exchange goes on beside computations, to which it leaves the processor between two questions to MPI."""


class ProcessesError(RuntimeError):
    """The processes of a program are at different operations, or one of them does not come."""


class Processes:
    """One process alone; a base of several.

    Attributes:
        rank, size: The number of this process, and of all.
        counts: How many devices each process has.
        local_rank, local_size: The number of this process among those of its host, and of these.
        names: Of each process, with its host and devices, for messages.
        where: The operation at which this process waits for others; "" if it does not.
        last: The operation at which it was last.
        missing: The ranks that have not come there; known to rank 0 alone.
        sent: The bytes of arrays that this process has sent.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    counts: tuple[int, ...] = ()
    names: tuple[str, ...] = ("rank 0",)
    where: str = ""
    last: str = "nothing"
    missing: Collection[int] = ()
    sent: int = 0

    def first(self) -> int:
        """The number of this process's first device among all devices."""
        return sum(self.counts[: self.rank])

    def devices(self, local: int) -> int:
        """The number of all devices, of which this process has `local` ones.

        Raises:
            RuntimeError: If it had another number of them in the beginning.
        """
        if self.size == 1:
            return local
        if local != self.counts[self.rank]:
            raise RuntimeError(
                f"Parallel: expected {self.counts[self.rank]} devices in this process, as when the processes met, got "
                f"{local}. Set CUOBJAX_CPU_DEVICES before cuobjax.distributed.initialize()."
            )
        return sum(self.counts)

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """A context in which all processes are at the same operation, `what` as text, so that they may exchange arrays.

        Raises:
            ProcessesError: If one has come to another operation, or does not come in time.
        """
        yield

    def reduced(self, x: Any, join: Joining) -> Any:
        """The arrays of all processes, of one shape and dtype, joined in order of rank: the same in all of them."""
        return x

    def scattered(self, x: Any, join: Joining) -> Any:
        """As `reduced`, but only the rows of the first axis that belong to this process's devices.

        Args:
            x: (all devices * k, ...), with k rows for each device.
        """
        return x

    def gathered(self, x: Any, rows: Sequence[int] | None = None) -> Any:
        """The arrays of all processes, one after the other along the first axis.

        Args:
            x: (rows, ...).
            rows: The rows of each process's array; by default all have the same number.
        """
        return x

    def exchanged(self, arrays: Sequence[Any], sources: Sequence[int], like: Any) -> list[Any]:
        """Sends `arrays[r]` to rank r, None for nothing, and returns what comes from the ranks `sources`, in order.

        Args:
            arrays: Lists of arrays, one for each rank.
            sources: The ranks from which arrays of the shape and dtype of `like` come.
        """
        return list(arrays[0])

    def broadcast(self, content: bytes) -> bytes:
        """The bytes of rank 0."""
        return content

    def part(self, examples: int) -> slice:
        """Where the examples of this process's devices are among so many that all devices share."""
        return slice(0, examples)


class Mpi(Processes):
    """The processes that MPI has started.

    Before each exchange all of them tell rank 0 at which operation they are, and it answers. So nobody enters an
    operation of MPI that another one does not come to, which would be a wait without end.

    Args:
        mpi: The module `mpi4py.MPI`.
        patience: How long to wait for another process, in seconds.
    """

    patience: float

    def __init__(self, mpi: Any, patience: float) -> None:
        self._mpi, self.patience = mpi, patience
        self._comm = mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._comm.rank, self._comm.size
        self._host = self._comm.Split_type(mpi.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = self._host.rank, self._host.size
        self._last = ["nothing"] * self.size  # the operation at which each process was last, in rank 0
        self._sending: list[Any] = []  # requests with their buffers
        self._failure = ""
        self._turn = threading.RLock()

    def introduce(self, devices: Sequence[Any]) -> None:
        """Tells the others the devices of this process."""
        told = ", ".join(map(str, devices)) if len(devices) < 4 else f"{devices[0]} to {devices[-1]}"
        host = self._mpi.Get_processor_name()
        found = self._comm.allgather((len(devices), f"{host}, {told}"))
        self.counts = tuple(count for count, _ in found)
        self.names = tuple(f"rank {i} ({name})" for i, (_, name) in enumerate(found))
        self._pids = self._host.allgather((self.rank, os.getpid()))

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """See `Processes.at`."""
        with self._turn:
            self._agree(what)
            yield
            self.where = ""

    def _agree(self, what):
        if self._failure:
            raise ProcessesError(self._failure)
        self.where = self.last = what
        self._sending = [sending for sending in self._sending if not sending[0].Test()]
        failure = self._ask(what) if self.rank else self._roll_call(what)
        if failure:
            self._fail(failure)

    def _fail(self, failure):
        self._failure = failure
        raise ProcessesError(failure)

    def _send(self, text, rank):
        content = text.encode()[: _WORDS if rank == 0 else _ANSWER]
        self._sending.append((self._comm.Isend([content, self._mpi.BYTE], rank, _WORD), content))

    def _ask(self, what):
        """Tells rank 0 where this process is, and returns its answer."""
        answer, status = bytearray(_ANSWER), self._mpi.Status()
        request = self._comm.Irecv([answer, self._mpi.BYTE], 0, _WORD)
        self._send(what, 0)
        if not self._waited(lambda: request.Test(status), self.patience + 2 + self.rank / 2):
            request.Cancel()
            self._sending.append((request, answer))  # it may still be written to
            return self._missing([0], what)
        return answer[: status.Get_count(self._mpi.BYTE)].decode(errors="replace")

    def _roll_call(self, what):
        """Hears where the others are, and answers: "" if all are at `what`, else what is wrong."""
        own, others = what.encode()[:_WORDS].decode(errors="replace"), range(1, self.size)
        words, status = [bytearray(_WORDS) for _ in others], self._mpi.Status()
        requests = [self._comm.Irecv([word, self._mpi.BYTE], r, _WORD) for r, word in zip(others, words, strict=True)]
        self._last[0], coming, elsewhere = own, set(others), []

        def come():
            for r in sorted(coming):
                if requests[r - 1].Test(status):
                    coming.remove(r)
                    word = words[r - 1][: status.Get_count(self._mpi.BYTE)]
                    self._last[r] = word.decode(errors="replace")
                    if self._last[r] != own:
                        elsewhere.append(r)
            return elsewhere or not coming

        self.missing = coming
        in_time = self._waited(come, self.patience)
        failure = self._different(own, elsewhere[0]) if elsewhere else "" if in_time else self._missing(coming, own)
        for r in coming:
            requests[r - 1].Cancel()
            self._sending.append((requests[r - 1], words))
        for r in others:
            self._send(failure, r)
        return failure

    def _different(self, own, other):
        return (
            "Processes: expected the same collective operations in the same order in all processes, got "
            f"{own} in {self.names[0]} and {self._last[other]} in {self.names[other]}."
        )

    def _missing(self, ranks, what):
        absent = "; ".join(map(self.last_seen, sorted(ranks)))
        return (
            f"Processes: waited {self.patience:g} s in {what} for {absent}. It has ended, is stuck, or computes for "
            "longer: cuobjax.distributed.initialize(timeout=...) says how long to wait."
        )

    def _waited(self, done, seconds, pause=_PAUSE):
        """Waits until `done()`; False if that takes longer."""
        until, turns = time.monotonic() + seconds, 0
        while not done():
            if time.monotonic() > until:
                return False
            turns += 1
            time.sleep(0 if turns < _SPINS else pause)
        return True

    def _finish(self, *requests):
        """Completes an exchange to which all processes have come; MPI moves data while it is asked."""
        pause = _PAUSE if beside.get() else 0
        if not self._waited(lambda: self._mpi.Request.Testall(requests), self.patience, pause):
            self._fail(f"Processes: waited {self.patience:g} s for others in the middle of {self.where}.")

    def reduced(self, x: Any, join: Joining) -> Any:
        """See `Processes.reduced`."""
        flat = numpy.ascontiguousarray(x).reshape(-1)
        if flat.nbytes <= _SMALL:
            parts = self.gathered(flat[None])
            return functools.reduce(join, parts).reshape(x.shape)
        step, result = _LARGE // flat.itemsize, numpy.empty_like(flat)
        for i in range(0, len(flat), step):
            piece = flat[i : i + step]
            width = -(-len(piece) // self.size)
            padded = piece
            if width * self.size > len(piece):
                padded = numpy.concatenate([piece, numpy.zeros(width * self.size - len(piece), flat.dtype)])
            part = self._part(padded.reshape(self.size, width), [1] * self.size, join)
            result[i : i + step] = self.gathered(part).reshape(-1)[: len(piece)]
        return result.reshape(x.shape)

    def _part(self, x, rows, join):
        """The rows of this process, joined with those of the others: `rows[r]` of them go to rank r."""
        size = x[0].nbytes if len(x) else 0
        own = rows[self.rank]
        found = numpy.empty((self.size, own, *x.shape[1:]), x.dtype)
        places = [sum(rows[:r]) * size for r in range(self.size)]
        come = [own * size] * self.size, [r * own * size for r in range(self.size)]
        request = self._comm.Ialltoallv(
            [_bytes(x), ([n * size for n in rows], places), self._mpi.BYTE], [_bytes(found), come, self._mpi.BYTE]
        )
        self._finish(request)
        self.sent += x.nbytes - own * size
        return functools.reduce(join, found)

    def scattered(self, x: Any, join: Joining) -> Any:
        """See `Processes.scattered`."""
        each = len(x) // sum(self.counts)
        return self._part(numpy.ascontiguousarray(x), [n * each for n in self.counts], join)

    def gathered(self, x: Any, rows: Sequence[int] | None = None) -> Any:
        """See `Processes.gathered`."""
        x = numpy.ascontiguousarray(x)
        rows = [len(x)] * self.size if rows is None else rows
        row = x[:1].nbytes
        sizes = [n * row for n in rows]
        found = numpy.empty((sum(rows), *x.shape[1:]), x.dtype)
        places = [sum(sizes[:r]) for r in range(self.size)]
        self._finish(
            self._comm.Iallgatherv([_bytes(x), self._mpi.BYTE], [_bytes(found), (sizes, places), self._mpi.BYTE])
        )
        self.sent += x.nbytes * (self.size - 1)
        return found

    def exchanged(self, arrays: Sequence[Any], sources: Sequence[int], like: Any) -> list[Any]:
        """See `Processes.exchanged`."""
        found = [numpy.empty(like.shape, like.dtype) for _ in sources]
        requests = [
            self._comm.Irecv([_bytes(y), self._mpi.BYTE], r, _EXCHANGE) for y, r in zip(found, sources, strict=True)
        ]
        contents = []  # must live until they are sent
        for r, some in enumerate(arrays):
            for x in some:
                contents.append(_bytes(numpy.ascontiguousarray(x)))
                requests.append(self._comm.Isend([contents[-1], self._mpi.BYTE], r, _EXCHANGE))
                self.sent += x.nbytes if r != self.rank else 0
        self._finish(*requests)
        return found

    def broadcast(self, content: bytes) -> bytes:
        """See `Processes.broadcast`."""
        size = numpy.array([len(content)])
        self._finish(self._comm.Ibcast([size, self._mpi.INT64_T], 0))
        found = numpy.frombuffer(content, numpy.uint8).copy() if not self.rank else numpy.empty(size[0], numpy.uint8)
        for i in range(0, int(size[0]), _LARGE):
            self._finish(self._comm.Ibcast([found[i : i + _LARGE], self._mpi.BYTE], 0))
        return found.tobytes()

    def part(self, examples: int) -> slice:
        """See `Processes.part`."""
        first, total = self.first(), sum(self.counts)
        return slice(examples * first // total, examples * (first + self.counts[self.rank]) // total)

    def on_host(self, x: Any) -> list[Any]:
        """What every process of this host calls this with."""
        return self._host.allgather(x)

    def finish(self) -> None:
        """Waits, as long as it takes, until all processes are at the end of the program."""
        self.patience = math.inf
        with self.at("the end of the program"):
            pass

    def last_seen(self, rank: int) -> str:
        """A process and where it was last, for messages."""
        return f"{self.names[rank]}, last at {self._last[rank]}" if not self.rank else self.names[rank]

    def tell_failure(self) -> None:
        """Tells rank 0 that this process fails, and says why itself."""
        self._sending.append((self._comm.Isend([b"", self._mpi.BYTE], 0, _FAILED), b""))

    def speaks(self) -> bool:
        """Whether this process is to say why all of them end: rank 0, unless another one says it, or rank 1, when rank
        0, on the same host, has been killed."""
        if not self.rank:
            return not any(self._comm.Iprobe(tag=_FAILED) for _ in range(100))  # each call lets MPI work
        return self.rank == 1 and not all(_lives(pid) for rank, pid in self._pids if not rank)

    def abort(self, status: int) -> None:
        """Ends all processes."""
        self._mpi.COMM_WORLD.Abort(status)


def _bytes(x):
    """The memory of a contiguous array, whatever its dtype."""
    return x.reshape(-1).view(numpy.uint8) if x.size else numpy.empty(0, numpy.uint8)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


_processes = Processes()


def current() -> Processes:
    """The processes of this program."""
    return _processes


def install(processes: Processes) -> None:
    """Makes these the processes of this program."""
    global _processes
    _processes = processes
