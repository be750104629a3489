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

from autograd.backend import nvtx
from autograd.debugging import observing

from ..core.module import Module, walk
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
        self._began = time.perf_counter()
        self._lock = threading.Lock()
        self._within = threading.local()
        self._ranges = nvtx()

    def by(self, key: Callable[[Event], Any]) -> dict[Any, list[Event]]:
        """Operations and gradients in groups, those that took longest first: `p.by(lambda e: e.line)`."""
        groups: dict[Any, list[Event]] = {}
        for event in self.events:
            if event.kind != "module":
                groups.setdefault(key(event), []).append(event)
        return dict(sorted(groups.items(), key=lambda group: -sum(e.own for e in group[1])))

    def table(self, by: str = "name", rows: int = _SHOWN) -> str:
        """A table of groups: by "name" of the operation, by "line" of the user, or by "modules"."""
        if by not in ("name", "line", "modules"):
            raise ValueError(f"Profile.table: expected by as 'name', 'line' or 'modules', got {by!r}.")
        found = self.by(lambda event: " > ".join(event.modules) or "-" if by == "modules" else getattr(event, by))
        lines = [(str(key), *_cells(events, self._spent())) for key, events in found.items()]
        rest = [event for events in [*found.values()][rows:] for event in events]
        lines = lines[:rows] + ([(f"{len(found) - rows} others", *_cells(rest, self._spent()))] if rest else [])
        total = ("all", *_cells([e for events in found.values() for e in events], self._spent()))
        return "\n".join(text_table((by, "calls", "time", "part", "bytes"), lines, total, 1))

    def _spent(self):
        return sum(event.own for event in self.events if event.kind != "module")

    def __str__(self) -> str:
        tables = [self.table("name")]
        if any(event.modules for event in self.events):
            tables.append(self.table("modules"))
        return "\n\n".join([f"{_time(self.seconds)} in all, {_time(self._spent())} in operations", *tables])

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
                "args": {"line": e.line, "modules": " > ".join(e.modules), "bytes": e.bytes},
            }
            for e in self.events
        ]  # fmt: skip
        with open(path, "w") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)

    # What autograd.debugging.observing tells.

    def began(self, name: str) -> None:
        """See `autograd.debugging.Observer`."""
        self._parts().append(0.0)
        if self._ranges is not None:
            self._ranges.RangePush(name)

    def ended(self, name: str, line: str, started: float, y: Any) -> None:
        """See `autograd.debugging.Observer`."""
        kind = "gradient" if name.startswith("gradient of ") else "operation"
        size = sum(getattr(part, "nbytes", 0) for part in (y if type(y) is tuple else (y,)))
        self._end(kind, name, line, started, size)

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
            started = time.perf_counter()
            try:
                with self.observed((*outer, name)):
                    return function(module, *args, **kwargs)
            finally:
                self._end("module", name, "", started, 0)

        return called

    def _end(self, kind, name, line, started, size):
        seconds = time.perf_counter() - started
        parts = self._parts()
        own = max(seconds - parts.pop(), 0.0) if parts else seconds
        if parts:
            parts[-1] += seconds
        if self._ranges is not None:
            self._ranges.RangePop()
        thread = threading.get_ident()
        event = Event(kind, name, self.traced(), line, started - self._began, seconds, own, size, thread)
        with self._lock:
            self.events.append(event)

    def _parts(self):
        """For each operation that runs in this thread, the time of those that it is made of."""
        return self._within.__dict__.setdefault("parts", [])


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
    a GPU each operation is waited for, so that its time is its own, and has an NVTX range. Programs of `Jit` run
    operation by operation meanwhile: `Jit.explain` says what they run otherwise. All threads are seen.

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
        found.seconds = time.perf_counter() - found._began


def _cells(events, spent):
    time_ = sum(event.own for event in events)
    part = f"{time_ / spent:.1%}" if spent else "-"
    return str(len(events)), _time(time_), part, f"{sum(event.bytes for event in events):,}"


def _time(seconds):
    return f"{seconds:.3f} s" if seconds >= 1 else f"{seconds * 1e3:.3f} ms"
