"""Programs for a GPU of which parts are CUDA graphs: recorded once, each launched as one.

The second call of such a program runs operation by operation, finds out which of them a stream can record, and records
segments of these. A segment reads and writes memory of its own, at addresses that never change: arguments are copied
into it, results out of it, so that no later call changes what a call has returned. A segment is recorded only where
that saves launches. CuPy refuses to record matrix products: without nvmath-python they run between the graphs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..backend import Device
from ..graph import Graph, Operation, applied
from .device import DeviceProgram
from .host import DIRECT
from .memory import Memory, is_view
from .recorder import Recorder

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["CapturedProgram", "is_wanted"]

_SORTS, _ADDS = "it sorts, and a library does that", "how it adds depends on autograd.deterministic"
_NEVER = dict.fromkeys(["argpartition", "argsort", "has_repeats", "unique_places"], _SORTS)
_NEVER |= dict.fromkeys(["add_along_axis", "add_at"], _ADDS)
_LEAST = 2  # launches that a CUDA graph, which is one, replaces beside those of its copies


def is_wanted() -> bool:
    """Whether programs are to be recorded: with CUOBJAX_CUDA_GRAPH=1."""
    return os.environ.get("CUOBJAX_CUDA_GRAPH", "0") == "1"


class CapturedProgram(DeviceProgram):
    """The program of a graph, parts of which are CUDA graphs from its second call on.

    Calls in several threads run one after the other.

    Attributes:
        launches: How many launches each CUDA graph replaces; empty before the second call.
        uncaptured: Why operations are in no CUDA graph, {name: reason}.
    """

    launches: list[int]
    uncaptured: dict[str, str]

    def __init__(self, graph: Graph, name: str) -> None:
        super().__init__(graph, name)
        self._name, self._calls, self._lock = name, 0, threading.RLock()
        self._runs = False
        self._captured: DeviceProgram | None = None
        self._end: Any = None  # an event behind the last call that used the memory of the CUDA graphs
        self.launches, self.uncaptured = [], {}
        gpus = {v.gpu for v in graph.values if v.gpu is not None}
        if len(gpus) != 1:
            self.uncaptured["program"] = "it computes on several GPUs"
        if any(getattr(o.primitive, "has_effect", False) for o in graph.operations):
            self.uncaptured["program"] = "it has effects"
        self._only: int | None = None if self.uncaptured else gpus.pop()

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        if self._only is None:
            return super().__call__(values)
        cuda = Device("gpu").library.cuda
        with self._lock, cuda.Device(self._only):
            stream = cuda.get_current_stream()
            # What is recorded in a stream must not wait for other calls. A call may come from within another one, from
            # a function of the user or a finalizer.
            if self._runs or (stream.ptr and stream.is_capturing()):
                return super().__call__(values)
            if self._captured is not None:
                return self._replayed(self._captured, values, cuda, stream)
            outputs = super().__call__(values)
            self._calls += 1
            if self._calls == 2:  # kernels were compiled in the first call
                self._capture(values, outputs)
            return outputs

    def _replayed(self, program, values, cuda, stream):
        """The outputs, computed when the last call, in another stream perhaps, needs its memory no more."""
        if self._end is None:
            self._end = cuda.Event(disable_timing=True)
        stream.wait_event(self._end)
        try:
            self._runs = True
            return program(values)
        finally:
            self._runs = False
            self._end.record(stream)

    def _capture(self, values, outputs):
        """Makes the program with CUDA graphs, which is kept if it gives these outputs for these inputs."""
        try:
            recorder = Recorder()
            layouts, reasons = _looked_at(self.graph, values, recorder)
            new, launches = _Segments(self.graph, layouts, reasons, recorder).recorded()
            captured = DeviceProgram(new, self._name) if launches else None
            same = captured is None or all(map(_is_same, captured(values), outputs))
        except Exception as error:  # the program runs as it is
            self.uncaptured = {"program": _text(error)}
            return
        if not same:
            self.uncaptured = {"program": "its CUDA graphs gave other results"}
            return
        self.uncaptured = {self.graph.operations[i].primitive.name: reason for i, reason in reasons.items()}
        self.launches, self._captured = launches, captured


def _is_same(a, b):
    """Whether two results are equal, NaN being NaN."""
    return bool(((a == b) | ((a != a) & (b != b))).all()) if hasattr(a, "dtype") else a == b or a != a


def _text(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _looked_at(graph: Graph, values: Sequence[Any], recorder: Recorder) -> tuple[dict[int, Any], dict[int, str]]:
    """The strides of each array of a GPU, and why operations cannot be recorded, both by position; runs them all."""
    known: dict[int, Any] = {**graph.constants, **dict(zip(graph.inputs, values, strict=True))}
    layouts: dict[int, Any] = {}
    reasons: dict[int, str] = {}
    last = graph.last_uses()
    for i, operation in enumerate(graph.operations):
        args = [known[n] for n in operation.inputs]
        reason = _reason(graph, operation)
        if not reason:
            try:
                recorder.record(partial(applied, operation.primitive, args, operation.params))
            except Exception as error:
                reason = _text(error)
        if reason:
            reasons[i] = reason
        y = applied(operation.primitive, args, operation.params)
        known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
        for n in {*operation.inputs, *operation.outputs}:
            if graph.values[n].gpu is not None:
                layouts[n] = known[n].strides
            if last[n] == i:
                del known[n]
    return layouts, reasons


def _reason(graph, operation):
    """Why an operation must not be recorded, as far as its kind tells; else ""."""
    primitive, values = operation.primitive, graph.values
    if any(values[n].gpu is None for n in operation.outputs):
        return "it computes on the host"
    if any(values[n].gpu is None and n not in graph.constants for n in operation.inputs):
        return "it takes a number of the host"
    if type(primitive) not in DIRECT and getattr(primitive, "kind", "") != "kernel":
        return "it is a function of its own"
    return _NEVER.get(primitive.name, "")


class _Segment:
    """Operations as one that launches their CUDA graph.

    Args:
        inputs: The arrays into which arguments are copied.
        outputs: The arrays with the results.
    """

    has_effect, kind = False, "kernel"
    launches = 1

    def __init__(self, cuda_graph: Any, inputs: Sequence[Any], outputs: Sequence[Any], names: list[str]) -> None:
        self._launch, self._inputs, self._outputs = cuda_graph.launch, inputs, tuple(outputs)
        self.name, self.operations = f"graph_of_{len(names)}", names

    def __call__(self, *arrays: RawArray) -> tuple[RawArray, ...]:
        for own, x in zip(self._inputs, arrays, strict=True):
            own[...] = x
        self._launch()
        return self._outputs


class _Copy:
    """A copy with the strides of its argument."""

    name, has_effect, kind, launches = "copy", False, "kernel", 1

    def __call__(self, x: RawArray) -> RawArray:
        return x.copy("K")


def _launches(operation, graph):
    """How many kernels an operation launches; one where that is not known."""
    return 0 if is_view(operation, graph) else getattr(operation.primitive, "launches", None) or 1


def _like(value, strides):
    """An array of the current memory with these strides, if its elements can be next to each other in that way."""
    order = sorted(range(len(value.shape)), key=lambda i: -strides[i])
    xp = Device("gpu").library
    array = xp.ndarray(tuple([value.shape[i] for i in order]), value.dtype)
    array = array.transpose([order.index(i) for i in range(len(order))])
    return array if array.strides == tuple(strides) else xp.ndarray(value.shape, value.dtype)


class _Segments:
    """The operations of a graph, segments of them recorded."""

    def __init__(self, graph, layouts, reasons, recorder):
        self._graph, self._layouts, self._recorder = graph, layouts, recorder
        self._reasons = reasons
        self._last = graph.last_uses()
        self._static: dict[int, RawArray] = {}  # the array with a value, at the same address in each call
        self._launches: list[int] = []

    def recorded(self) -> tuple[Graph, list[int]]:
        """The graph with segments in place of operations, and the number of launches in each."""
        operations, start, count = [], 0, len(self._graph.operations)
        while start < count:
            stop = start
            while stop < count and stop not in self._reasons:
                stop += 1
            operations += self._segment(start, stop) if stop > start else []
            operations += self._graph.operations[stop : stop + 1]
            start = stop + 1
        return self._with_copies(operations), self._launches

    def _segment(self, start, stop):
        """The operations from `start` up to `stop`, as one if that saves launches."""
        graph, own = self._graph, self._graph.operations[start:stop]
        made = {n for o in own for n in o.outputs}
        used = [n for n in dict.fromkeys(n for o in own for n in o.inputs) if n not in made]
        outputs = [n for o in own for n in o.outputs if self._last[n] >= stop]
        given = [n for n in used if n not in graph.constants and n not in self._static]
        launches = sum(_launches(o, graph) for o in own)
        copied = sum(self._last[n] == len(graph.operations) for n in outputs)
        if launches - len(given) - copied < _LEAST:
            return own
        part = Graph(graph.values, [n for n in used if n not in graph.constants], graph.constants, own, outputs)
        part.on_host = False
        program = DeviceProgram(part, "segment")
        with self._recorder.memory():
            buffers = {n: _like(self._graph.values[n], self._layouts[n]) for n in given}
        known = self._static | buffers
        found, cuda_graph = self._recorder.record(lambda: program([known[n] for n in part.inputs]))
        self._static |= dict(zip(outputs, found, strict=True))
        self._launches.append(launches)
        segment = _Segment(cuda_graph, [buffers[n] for n in given], found, [o.primitive.name for o in own])
        return [Operation(segment, tuple(given), {}, tuple(outputs), True, own[0].line)]

    def _with_copies(self, operations):
        """The graph of operations, whose outputs are copied out of the memory of segments."""
        graph = self._graph
        new = Graph(list(graph.values), graph.inputs, graph.constants, operations, graph.outputs)
        new.on_host, memory = False, Memory(new)
        ours = {n for o in operations if isinstance(o.primitive, _Segment) for n in o.outputs}
        copies: dict[int, int] = {}
        for n in dict.fromkeys(graph.outputs):
            if not ours.isdisjoint(memory.roots[n]):
                copies[n] = len(new.values)
                new.values.append(graph.values[n])
                new.operations.append(Operation(_Copy(), (n,), {}, (copies[n],)))
        new.outputs = [copies.get(n, n) for n in graph.outputs]
        return new
