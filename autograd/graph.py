"""Staging: runs a function once and records what it computes, a graph of applications of primitives."""

import threading
from typing import Any, NamedTuple

import numpy as onp

from . import backend
from .core import Array, Interpreter, TracedNumber, Tracer, kind_of, resolved

_new = object.__new__


class ConcretizationError(TypeError):
    """A program was to be recorded, and the function asked for the numbers in one of its inputs."""


class Value(NamedTuple):
    """An abstract value: shape and dtype; `weak` is the type of a Python number, None for an array."""

    shape: tuple
    dtype: onp.dtype
    weak: type | None = None

    @property
    def nbytes(self):
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size


class Operation(NamedTuple):
    """An application of a primitive to values, by their numbers; `multiple_results`: the result is a tuple."""

    primitive: Any
    inputs: tuple[int, ...]
    params: dict[str, Any]
    outputs: tuple[int, ...]
    multiple_results: bool = False


class Graph:
    """What a function computes.

    Attributes:
        values: What is known of each value, by number.
        inputs: The numbers of the inputs.
        constants: The arrays and Python numbers that are built in, by number.
        operations: In an order in which they can run.
        outputs: The numbers of the outputs.
        on_host: Whether all arrays were NumPy's when it was recorded.
    """

    on_host = True

    def __init__(self, values=None, inputs=(), constants=None, operations=(), outputs=()):
        self.values = [] if values is None else values
        self.inputs = list(inputs)
        self.constants = {} if constants is None else constants
        self.operations = list(operations)
        self.outputs = list(outputs)

    def last_uses(self):
        """The position of the last operation that uses a value, {number: position}; outputs are used at the end."""
        last = {n: i for i, operation in enumerate(self.operations) for n in (*operation.outputs, *operation.inputs)}
        return last | dict.fromkeys(self.outputs, len(self.operations))

    def interpret(self, values):
        """The outputs for these inputs, one operation after the other: right on traced values, too."""
        known = {**self.constants, **dict(zip(self.inputs, values, strict=True))}
        dead: dict[int, list[int]] = {}
        for number, position in self.last_uses().items():
            dead.setdefault(position, []).append(number)
        for position, operation in enumerate(self.operations):
            y = applied(operation.primitive, [known[n] for n in operation.inputs], operation.params)
            known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
            for number in dead.get(position, ()):
                del known[number]
        return [known[number] for number in self.outputs]


def applied(primitive, args, params):
    """The primitive, applied to what the arguments are: raw arrays, or values that other transformations trace."""
    dispatch = getattr(primitive, "dispatch", None)  # of a function with a derivative of its own
    return dispatch(args) if dispatch else primitive(*args, **params)


class _PythonOperator:
    """An operator of Python on Python numbers, whose results have the types that they had when it was recorded."""

    kinds: tuple[Any, ...] | None = None  # of the results, once it has run

    def __init__(self, function):
        self.function, self.name = function, getattr(function, "__name__", "operator")

    def __call__(self, *numbers):
        y = self.function(*numbers)
        kinds: tuple[Any, ...] = tuple(map(kind_of, y)) if type(y) is tuple else (kind_of(y),)
        self.kinds = self.kinds or kinds
        if kinds != self.kinds:
            raise ConcretizationError(
                f"Jit: expected {self.name} of Python numbers to give {self.kinds[0].__name__} as when recorded, got "
                f"{kinds[0].__name__}. Begin with a float (2.0 ** n), or name the argument in static_argnums."
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


_to_array = _ToArray()


class StagedTracer(Tracer):
    """A value of a graph that is being recorded, `number`, with what it is in this run."""

    __slots__ = ("number",)
    _trace: "Staging"
    number: int

    @property
    def raw(self):
        raise self._trace.forced(self, "raw")


class StagedNumber(TracedNumber, StagedTracer):
    """A Python number of a graph that is being recorded."""

    __slots__ = ()

    @property
    def kind(self):
        return self._trace.graph.values[self.number].weak


class Staging(Interpreter):
    """Runs primitives, and Python's operators on Python numbers, and records them.

    Attributes:
        graph: What was recorded.
        labels: What the inputs are, for messages: {number: text}.
        closed: Whether the graph stands alone; false if it uses a value that another transformation traces.
    """

    __slots__ = ("_known", "_lock", "closed", "graph", "labels")

    def __init__(self):
        super().__init__()
        self.graph = Graph()
        self.labels = {}
        self.closed = True
        self._known = {}  # Arrays that are constants, by identity
        self._lock = threading.Lock()

    def input(self, value, label):
        """A tracer for an input: a raw array, a Python number, or a value that another transformation traces."""
        tracer = self._traced(value)
        self.graph.inputs.append(tracer.number)
        self.labels[tracer.number] = label
        return tracer

    def number(self, x):
        """The number of a value: of a tracer of this graph, else of a new constant."""
        if isinstance(x, StagedTracer) and x._trace is self:
            return x.number
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
            x = onp.asarray(x)  # a member of an IntEnum, for instance, is to NumPy what an array is
        number = self._new_value(x)
        self.graph.constants[number] = x if isinstance(x, Tracer) or not backend.is_array(x) else baked(x)
        return number

    def _new_value(self, value):
        with self._lock:
            self.graph.values.append(value_of(value))
            if backend.is_cupy(value):
                self.graph.on_host = False
            return len(self.graph.values) - 1

    def _traced(self, value):
        tracer: Any = _new(StagedTracer if kind_of(value) is None else StagedNumber)
        tracer._trace = self
        tracer._value = value
        tracer.number = self._new_value(value)
        return tracer

    def apply(self, primitive, args, params):
        if primitive.shape_from is not None:
            self._require_static_shape(primitive, args)
        if all(kind_of(a) for a in args):
            args = [resolved(a) for a in args]
        return self.record(primitive, args, params)

    def compute(self, function, numbers):
        """What an operator of Python gives for Python numbers, recorded."""
        return self.record(_PythonOperator(function), numbers, {})

    def array(self, number, dtype):
        """A Python number as an array."""
        return self.record(_to_array, [number], {"dtype": dtype, "device": backend.default_device()})

    def record(self, primitive, args, params):
        """Applies a primitive, or what is like one, and records it."""
        if self.ended:
            raise RuntimeError(
                f"{primitive.name}: got a traced value of a Jit whose recording has ended. A function under Jit "
                "returns its results or assigns them to variables, and does not store them elsewhere."
            )
        numbers = [self.number(a) for a in args]
        values = [a._value if isinstance(a, Array) and a._trace in (self, Array._trace) else a for a in args]
        y = applied(primitive, values, params)
        multiple_results = type(y) is tuple
        parts = y if multiple_results else (y,)
        tracers = [self._traced(part._value if type(part) is Array else part) for part in parts]
        outputs = tuple([t.number for t in tracers])
        self.graph.operations.append(Operation(primitive, tuple(numbers), params, outputs, multiple_results))
        return tuple(tracers) if multiple_results else tracers[0]

    def _require_static_shape(self, primitive, args):
        for a in primitive.shape_from(*args):
            if isinstance(a, StagedTracer):
                raise self.forced(a, f"the shape of the result of {primitive.name}")

    def forced(self, x, use):
        """The error for a use that needs the numbers in a traced value."""
        sources = sorted(self._sources(x.number))
        names = ", ".join(self.labels[n] for n in sources[:3]) + (", ..." if len(sources) > 3 else "")
        return ConcretizationError(
            f"Jit: expected a program that is the same for all values of its inputs, but {use} needs the value of an "
            f"array that depends on {names}. Name its position in static_argnums, compute with where(condition, x, y) "
            "in place of `if`, or do this outside of Jit."
        )

    def _sources(self, number):
        """The inputs on which a value depends."""
        needed = {number}
        for operation in reversed(self.graph.operations):
            if not needed.isdisjoint(operation.outputs):
                needed.update(operation.inputs)
        return needed & self.labels.keys()

    def as_constant(self, tracer):
        """Makes an input of the graph a constant, with the value that it has in this run."""
        self.graph.inputs.remove(tracer.number)
        self.graph.constants[tracer.number] = tracer._value
        self.closed &= not isinstance(tracer._value, Tracer)

    def finished(self, outputs):
        """The graph with these outputs: tracers and constants."""
        self.graph.outputs = [self.number(x) for x in outputs]
        self.ended = True
        self._known.clear()
        return self.graph


def value_of(x):
    """What is known of an array or a number before it is computed."""
    kind = kind_of(x)
    return Value(tuple(x.shape), x.dtype) if kind is None else Value((), onp.result_type(kind), kind)


def baked(raw):
    """A copy of a constant that its owner may write to; what is repeated in it is stored once."""
    if not raw.ndim or 0 not in raw.strides or not raw.size or backend.is_cupy(raw):
        return raw.copy()
    return onp.broadcast_to(shrunk(raw).copy(), raw.shape)


def shrunk(raw):
    """An array without the repetitions along axes, which then have length 1."""
    return raw[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in raw.strides])]
