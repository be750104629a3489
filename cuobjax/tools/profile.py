"""Where the time goes: operations, their gradients and modules, one after the other."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

from autograd.backend import is_cupy, nvtx, on_gpu_of
from autograd.compiler.recorder import Recorder
from autograd.debugging import observing

from ..core.module import Module, walk
from ..util.convert import require_functions, require_integers, to_path
from ..util.tables import text_table
from .calls import watching

__all__ = ["Event", "Profile", "profile"]

_SHOWN = 15  # rows of a table
_inside: ContextVar[Mapping["Profile", tuple[str, ...]]] = ContextVar(
    "cuobjax.tools.profile", default=MappingProxyType({})
)


class Event(NamedTuple):
    """An operation, the gradient of one, or a call of a module.

    Attributes:
        kind: "operation", "gradient" or "module".
        name: Its name: "matmul", "gradient of matmul", or that of the module.
        modules: The modules in whose call it was made, from the outermost one on.
        line: The line of the user that asked for it; "" for a module.
        start: When it began, in seconds from the beginning of the profile.
        seconds: How long it took, until the device had finished; with the operations that it is made of.
        own: How long it took without these.
        bytes: The size of its results.
        thread: The number of its thread.
        launches: How many kernels, copies and fills it launched on a GPU, without those of the operations that it is
            made of; None if it called a library, as products of matrices do, or a function of yours.
    """

    kind: str
    name: str
    modules: tuple[str, ...]
    line: str
    start: float
    seconds: float
    own: float
    bytes: int
    thread: int
    launches: int | None


class Profile:
    """What was measured; `print` shows the operations and modules that took most of the time.

    Attributes:
        events: All that happened, in the order of their ends.
        seconds: How long the context was open.
    """

    events: list[Event]
    seconds: float

    def __init__(self) -> None:
        self.events, self.seconds = [], 0.0
        self._lock = threading.Lock()
        self._here = _OfThread()
        self._began = time.perf_counter()
        self._ranges = nvtx()

    def by(self, key: Callable[[Event], Any]) -> dict[Any, list[Event]]:
        """Operations and gradients in groups, those that took longest first: `p.by(lambda e: e.line)`."""
        require_functions("Profile.by", key=key)
        groups: dict[Any, list[Event]] = {}
        for event in self.events:
            if event.kind != "module":
                groups.setdefault(key(event), []).append(event)
        return dict(sorted(groups.items(), key=lambda group: -sum(e.own for e in group[1])))

    def table(self, by: str = "name", rows: int = _SHOWN) -> str:
        """A table of groups: by "name" of the operation, by "line" of the user, or by "modules"."""
        if by not in ("name", "line", "modules"):
            raise ValueError(f"Profile.table: expected by as 'name', 'line' or 'modules', got {by!r}.")
        require_integers("Profile.table", 0, rows=rows)
        found = self.by(lambda event: " > ".join(event.modules) or "-" if by == "modules" else getattr(event, by))
        everything = [event for events in found.values() for event in events]
        launched = any(event.launches != 0 for event in everything)

        def row(what, events):
            return (str(what), *_cells(events, self._spent()), *([_count(events)] if launched else []))

        rest = [event for events in [*found.values()][rows:] for event in events]
        lines = [row(key, events) for key, events in [*found.items()][:rows]]
        lines += [row(f"{len(found) - rows} others", rest)] if rest else []
        titles = (by, "calls", "time", "part", "bytes") + ("launches",) * launched
        return "\n".join(text_table(titles, lines, row("all", everything), 1))

    def _spent(self):
        return sum(event.own for event in self.events if event.kind != "module")

    def __str__(self) -> str:
        tables = [self.table("name")]
        if any(event.modules for event in self.events):
            tables.append(self.table("modules"))
        notes = (
            ["+: and those of libraries or functions of yours"] if any(e.launches is None for e in self.events) else []
        )
        return "\n\n".join([f"{_time(self.seconds)} in all, {_time(self._spent())} in operations", *tables, *notes])

    def __repr__(self) -> str:
        return str(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a trace, which chrome://tracing and https://ui.perfetto.dev show: a .json file.

        Source: Trace Event Format, complete events.
        """
        events = [
            {
                "name": e.name, "cat": e.kind, "ph": "X", "ts": e.start * 1e6, "dur": e.seconds * 1e6,
                "pid": os.getpid(), "tid": e.thread,
                "args": {"line": e.line, "modules": " > ".join(e.modules), "bytes": e.bytes, "launches": e.launches},
            }
            for e in self.events
        ]  # fmt: skip
        with open(to_path("Profile.save", path), "w") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)

    # What autograd.debugging.observing tells.

    def began(self, name: str) -> None:
        """See `autograd.debugging.Observer`."""
        self._here.open.append(_Open(self._here.clock()))
        if self._ranges is not None:
            self._ranges.RangePush(name)

    def ended(self, name: str, line: str, results: Sequence[Any], again: Callable[[], Any] | None) -> None:
        """See `autograd.debugging.Observer`."""
        self._end("gradient" if name.startswith("gradient of ") else "operation", name, line, results, again)

    def traced(self) -> tuple[str, ...]:
        """See `autograd.debugging.Observer`."""
        return _inside.get().get(self, ())

    @contextlib.contextmanager
    def observed(self, at: tuple[str, ...]) -> Iterator[None]:
        """See `autograd.debugging.Observer`."""
        token = _inside.set({**_inside.get(), self: at})
        try:
            yield
        finally:
            _inside.reset(token)

    def _called(self, names: dict[int, str]) -> Callable[..., Any]:
        """What a call of a module of these names is replaced by."""

        def called(function, module, args, kwargs):
            name, outer = names.get(id(module)), self.traced()
            if name is None or outer[-1:] == (name,):  # of a network that was not named; a method of a base class
                return function(module, *args, **kwargs)
            self.began(name)
            try:
                with self.observed((*outer, name)):
                    return function(module, *args, **kwargs)
            finally:
                self._end("module", name, "", (), None)

        return called

    def _end(self, kind, name, line, results, again):
        here = self._here
        now, of = here.clock(), here.open.pop()
        seconds = now - of.start
        if here.open:
            here.open[-1].inner += seconds
            here.open[-1].parts = True
        if self._ranges is not None:
            self._ranges.RangePop()
        launches = 0 if of.parts or kind == "module" else here.launches(results, again)
        size = sum(x.nbytes for x in results)
        start, own, thread = of.start - self._began, max(seconds - of.inner, 0.0), threading.get_ident()
        with self._lock:
            self.events.append(Event(kind, name, self.traced(), line, start, seconds, own, size, thread, launches))

    def _close(self):
        self.seconds = self._here.clock() - self._began
        self._here.recorders.clear()  # and their memory


class _Open:
    """An event that has begun.

    Attributes:
        start: When.
        inner: The time of the events within it.
        parts: Whether there were any.
    """

    def __init__(self, start):
        self.start, self.inner, self.parts = start, 0.0, False


class _OfThread(threading.local):
    """What a profile knows of a thread."""

    def __init__(self):
        self.open, self.recorders, self._paused = [], {}, 0.0

    def clock(self):
        """The time, which stands still while launches are counted."""
        return time.perf_counter() - self._paused

    def launches(self, results, again):
        """How many kernels an operation launched that gave these results; None if it cannot be applied again."""
        array = next(filter(is_cupy, results), None)
        if array is None or again is None:
            return 0 if array is None else None
        started = time.perf_counter()
        with on_gpu_of(array):
            found = self.recorders.setdefault(array.device.id, Recorder()).launches(again)
        self._paused += time.perf_counter() - started
        return found


@contextlib.contextmanager
def profile(*modules: Module) -> Iterator[Profile]:
    """Measures each operation within the context, each gradient of one, and the calls of modules.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 4), jn.tanh])
    >>> with cuobjax.profile(net) as p:
    ...     y = net(jn.ones((2, 3)))
    >>> [event.name for event in p.events]
    ['matmul', 'add', '[0]', 'tanh', 'Sequential']

    `print(p)` shows tables, `p.save("trace.json")` writes a trace for a browser, `cuobjax.plot.profile(p)` draws it. On
    a GPU each operation is waited for, so that its time is its own, and has an NVTX range; then, while the clock stands
    still, it is recorded in a CUDA graph, which says how many kernels it launches. Programs of `Jit` run operation by
    operation meanwhile: `Jit.explain` says what they run otherwise. All threads are seen.

    Args:
        modules: Networks whose modules are named by their paths; calls of other ones are not shown.

    Raises:
        TypeError: If one is no module.
    """
    for m in modules:
        if not isinstance(m, Module):
            raise TypeError(f"profile: expected modules, got {type(m).__name__}. Call a function within the context.")
    names = {id(part): path.lstrip(".") or type(part).__name__ for m in modules for path, part in walk(m)}
    found = Profile()
    parts: Sequence[Module] = [part for m in modules for _, part in walk(m)]
    try:
        with watching(parts, found._called(names)), observing(found):
            yield found
    finally:
        found._close()


def _cells(events, spent):
    time_ = sum(event.own for event in events)
    part = f"{time_ / spent:.1%}" if spent else "-"
    return str(len(events)), _time(time_), part, f"{sum(event.bytes for event in events):,}"


def _count(events):
    known = [event.launches for event in events if event.launches is not None]
    return f"{sum(known):,}" + "+" * (len(known) < len(events))


def _time(seconds):
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1e3:.3f} ms"
