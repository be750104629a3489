"""Staging: runs a function once and records what it computes, a graph of applications of primitives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as onp

from . import backend
from .core import KERNEL_REMEDY, Array, Interpreter, TracedNumber, Tracer, bare, dereferenced, kind_of, resolved
from .errors import line_of_user, note_recorded, recorded_at

if TYPE_CHECKING:
    from .typing import RawArray

__all__ = [
    "ConcretizationError", "Graph", "Operation", "PythonOperator", "StagedNumber", "StagedTracer", "Staging", "Value",
    "applied", "recording", "shrunk", "to_array", "value_of",
]  # fmt: skip

_new = object.__new__
_recording: ContextVar[Staging | None] = ContextVar("autograd.graph.recording", default=None)


class ConcretizationError(TypeError):
    """A function that is being recorded needs the numbers in one of its inputs."""


class Value(NamedTuple):
    """An abstract value: shape and dtype.

    Attributes:
        shape, dtype: Those of the array.
        weak: The type of a Python number, None for an array.
        gpu: The number of the GPU where the array is, None on the host.
    """

    shape: tuple[int, ...]
    dtype: onp.dtype[Any]
    weak: type | None = None
    gpu: int | None = None

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size

    def __str__(self) -> str:
        """ "float32[4, 3]"; of a Python number its type."""
        return self.weak.__name__ if self.weak else f"{self.dtype}{list(self.shape)}"


class Operation(NamedTuple):
    """An application of a primitive to values, which stand by their positions in `Graph.values`.

    Attributes:
        primitive: The primitive, or something that can be called like one.
        inputs: The positions of its arguments.
        params: Its parameters.
        outputs: The positions of its results.
        multiple_results: Whether the result is a tuple, even of length one.
        line: The line of the user that applied it: "file:line in function".
    """

    primitive: Any
    inputs: tuple[int, ...]
    params: dict[str, Any]
    outputs: tuple[int, ...]
    multiple_results: bool = False
    line: str = ""


class Graph:
    """A recorded program: operations on values.

    Attributes:
        values: The abstract values; all else names them by their positions in this list.
        inputs: The positions of the inputs.
        constants: The arrays and Python numbers that are built in, {position: constant}.
        operations: In an order in which they can run.
        outputs: The positions of the outputs.
        on_host: Whether all arrays were NumPy's when it was recorded.
    """

    values: list[Value]
    inputs: list[int]
    constants: dict[int, Any]
    operations: list[Operation]
    outputs: list[int]
    on_host: bool = True

    def __init__(
        self,
        values: list[Value] | None = None,
        inputs: Iterable[int] = (),
        constants: dict[int, Any] | None = None,
        operations: Iterable[Operation] = (),
        outputs: Iterable[int] = (),
    ) -> None:
        self.values = [] if values is None else values
        self.inputs = list(inputs)
        self.constants = {} if constants is None else constants
        self.operations = list(operations)
        self.outputs = list(outputs)

    def last_uses(self) -> dict[int, int]:
        """The last operation that uses a value, {value: operation}, both by position; outputs are used at the end."""
        last = {n: i for i, operation in enumerate(self.operations) for n in (*operation.outputs, *operation.inputs)}
        return last | dict.fromkeys(self.outputs, len(self.operations))

    def interpret(self, values: Sequence[Any], as_recorded: bool = False) -> list[Any]:
        """The outputs for these inputs, one operation after the other; inputs may be traced.

        Args:
            values: The inputs.
            as_recorded: Let `line_of_user` say in each operation which line was recorded.
        """
        known = {**self.constants, **dict(zip(self.inputs, values, strict=True))}
        dead: dict[int, list[int]] = {}
        for n, position in self.last_uses().items():
            dead.setdefault(position, []).append(n)
        for position, operation in enumerate(self.operations):
            try:
                args = [known[n] for n in operation.inputs]
                if as_recorded:
                    with recorded_at(operation.line):
                        y = applied(operation.primitive, args, operation.params)
                else:
                    y = applied(operation.primitive, args, operation.params)
            except Exception as error:
                note_recorded(error, operation.line)
                raise
            known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
            for n in dead.get(position, ()):
                del known[n]
        return [known[n] for n in self.outputs]


def applied(primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """The result of a primitive for raw arrays, or for values that other transformations trace."""
    dispatch = getattr(primitive, "dispatch", None)  # of a function with a derivative of its own
    return dispatch(args) if dispatch else primitive(*args, **params)


class PythonOperator:
    """An operator of Python on Python numbers, whose results have the types that they had when it was recorded."""

    kinds: tuple[Any, ...] | None = None  # of the results, once it has run

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function: Callable[..., Any] = function
        self.name: str = getattr(function, "__name__", "operator")

    def __call__(self, *numbers: Any) -> Any:
        y = self.function(*numbers)
        kinds: tuple[Any, ...] = tuple(map(kind_of, y)) if type(y) is tuple else (kind_of(y),)
        self.kinds = self.kinds or kinds
        if kinds != self.kinds:
            raise ConcretizationError(
                f"Jit: {self.name} of Python numbers gave {self.kinds[0].__name__} when it was recorded and gives "
                f"{kinds[0].__name__} now. Begin with a float (2.0 ** n), or name the argument in static_argnums."
            )
        return y


class _ToArray:
    """A Python number as an array."""

    name = "to_array"

    def __call__(self, x, *, dtype, device):
        if isinstance(x, TracedNumber):
            return x.array(dtype)
        with device.current():
            return device.library.asarray(x, dtype)


to_array: _ToArray = _ToArray()
"""What is recorded where a Python number becomes an array."""


class StagedTracer(Tracer):
    """A value of a graph that is being recorded, by its position, and its value in this run."""

    __slots__ = ("position",)
    _trace: Staging
    position: int

    @property
    def raw(self) -> RawArray:
        raise ConcretizationError(f"{self._trace.forced(self, 'raw')} {KERNEL_REMEDY}")


class StagedNumber(TracedNumber, StagedTracer):
    """A Python number of a graph that is being recorded."""

    __slots__ = ()

    @property
    def kind(self) -> Any:
        return self._trace.graph.values[self.position].weak


class Staging(Interpreter):
    """Runs primitives, and Python's operators on Python numbers, and records them.

    Attributes:
        graph: The graph so far.
        labels: Descriptions of the inputs, for messages: {position: text, or an object whose `str` it is}.
        closed: False if the graph uses a value that another transformation traces.
    """

    __slots__ = ("_known", "_lock", "_outer", "closed", "graph", "labels")
    graph: Graph
    labels: dict[int, Any]
    closed: bool

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        self.labels = {}
        self.closed = True
        self._known: dict[int, int] = {}  # {id: position} of raw arrays that are constants
        self._lock = threading.Lock()
        self._outer = _recording.get()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """The context in which the function runs: `recording()` is this one."""
        try:
            _recording.set(self)
            yield
        finally:
            _recording.set(self._outer)

    def token(self, value: RawArray | None = None) -> StagedTracer:
        """A traced value that depends on nothing, zero or a raw array: an operation on it is recorded."""
        tracer: StagedTracer = self._traced(onp.zeros(()) if value is None else value)
        self.graph.constants[tracer.position] = tracer._value
        return tracer

    def input(self, value: Any, label: Any) -> Any:
        """A tracer for an input: a raw array, a Python number, or a value that another transformation traces."""
        tracer = self._traced(value)
        self.graph.inputs.append(tracer.position)
        self.labels[tracer.position] = label
        return tracer

    def position(self, x: Any) -> int:
        """The position of a value: of a tracer of this graph, else of a new constant."""
        if self.owns(x):
            return x.position
        x = dereferenced(x)
        if type(x) is Array:  # never changes: no copy
            raw = x._value
            known = self._known.get(id(raw))
            if known is None:
                known = self._known[id(raw)] = self._new_value(raw)
                self.graph.constants[known] = raw
            return known
        if isinstance(x, Tracer):
            self.closed = False
        elif kind_of(x) is None and not backend.is_array(x):
            x = onp.asarray(x)  # NumPy treats a member of an IntEnum, for instance, as an array
        position = self._new_value(x)
        self.graph.constants[position] = x if isinstance(x, Tracer) or not backend.is_array(x) else _copied(x)
        return position

    def _new_value(self, value):
        with self._lock:
            self.graph.values.append(value_of(value))
            self.graph.on_host &= self.graph.values[-1].gpu is None
            return len(self.graph.values) - 1

    def _traced(self, value):
        tracer: Any = _new(StagedTracer if kind_of(value) is None else StagedNumber)
        tracer._trace = self
        tracer._value = value
        tracer.position = self._new_value(value)
        return tracer

    def apply(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if primitive.shape_from is not None:
            self._require_static_shape(primitive, args)
        if all(kind_of(a) for a in args):
            args = [resolved(a) for a in args]
        return self.record(primitive, args, params)

    def compute(self, function: Callable[..., Any], numbers: Sequence[Any]) -> Any:
        """Applies an operator of Python to Python numbers, and records it."""
        return self.record(PythonOperator(function), numbers, {})

    def array(self, number: TracedNumber, dtype: onp.dtype[Any]) -> Any:
        """A Python number as an array of this dtype on the default device, recorded."""
        return self.record(to_array, [number], {"dtype": dtype, "device": backend.default_device()})

    def record(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Applies a primitive, or something that can be called like one, and records it.

        Raises:
            RuntimeError: If the recording has ended.
        """
        if self.ended:
            raise RuntimeError(
                f"{primitive.name}: got a traced value of a Jit whose recording has ended. A function under Jit "
                "returns its results or assigns them to variables, and does not store them elsewhere."
            )
        inputs = [self.position(a) for a in args]
        values = [a._value if isinstance(a, Array) and a._trace in (self, Array._trace) else a for a in args]
        apply = self._outside if getattr(primitive, "has_effect", False) else applied
        y = apply(primitive, values, params)
        multiple_results = type(y) is tuple
        parts = y if multiple_results else (y,)
        tracers = [self._traced(part._value if type(part) is Array else part) for part in parts]
        outputs = tuple([t.position for t in tracers])
        operation = Operation(primitive, tuple(inputs), params, outputs, multiple_results, line_of_user())
        self.graph.operations.append(operation)
        return tuple(tracers) if multiple_results else tracers[0]

    def _outside(self, primitive, values, params):
        """The result of a primitive one level below, where this recording is not the innermost one."""
        inner = _recording.get()
        try:
            _recording.set(self._outer)
            return applied(primitive, values, params)
        finally:
            _recording.set(inner)

    def _require_static_shape(self, primitive, args):
        for a in primitive.shape_from(*args):
            if isinstance(a, StagedTracer):
                raise self.forced(a, f"the shape of the result of {primitive.name}")

    def forced(self, x: Any, use: str) -> TypeError:
        """The error for a use that needs the numbers in a traced value; it names the inputs that `x` depends on."""
        sources = sorted(self._sources(x.position))
        labels = [str(self.labels[n]) for n in sources]
        labels.sort(key=lambda label: not label.startswith("argument"))
        names = ", ".join(labels[:3]) + (", ..." if len(labels) > 3 else "")
        static = "Name its position in static_argnums, compute" if labels[0].startswith("argument") else "Compute"
        return ConcretizationError(
            f"Jit: a recorded program must be the same for all values of its inputs, but {use} needs the value of an "
            f"array that depends on {names}. {static} with where(condition, x, y) in place of `if`, or do this "
            "outside of Jit."
        )

    def _sources(self, position):
        """The inputs on which a value depends."""
        needed = {position}
        for operation in reversed(self.graph.operations):
            if not needed.isdisjoint(operation.outputs):
                needed.update(operation.inputs)
        return needed & self.labels.keys()

    def as_constant(self, tracer: StagedTracer) -> None:
        """Makes an input of the graph a constant, with the value that it has in this run."""
        self.graph.inputs.remove(tracer.position)
        self.graph.constants[tracer.position] = tracer._value
        self.closed &= not isinstance(tracer._value, Tracer)

    def finished(self, outputs: Iterable[Any]) -> Graph:
        """Ends the recording; returns the graph with these outputs, tracers and constants."""
        self.graph.outputs = [self.position(x) for x in outputs]
        self.ended = True
        self._known.clear()
        return self.graph


def recording() -> Staging | None:
    """The innermost recording that goes on in this thread or task; None if there is none."""
    return _recording.get()


def value_of(x: Any) -> Value:
    """The abstract value of an array or a Python number."""
    kind = kind_of(x)
    if kind is not None:
        return Value((), onp.result_type(kind), kind)
    raw = bare(x)
    return Value(tuple(x.shape), x.dtype, None, raw.data.device_id if backend.is_cupy(raw) else None)


def _copied(raw):
    """A copy of a constant, as its owner may write to it; repeated elements (stride 0) are stored once."""
    if not raw.ndim or 0 not in raw.strides or not raw.size or backend.is_cupy(raw):
        return backend.copied(raw)
    return onp.broadcast_to(backend.copied(shrunk(raw)), raw.shape)


def shrunk(raw: RawArray) -> RawArray:
    """An array without its repetitions: axes with stride 0 get length 1."""
    return raw[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in raw.strides])]
