"""A graph as one Python function of NumPy calls: without dispatch, with memory that is planned beforehand."""

import functools
import itertools
import keyword
import linecache
import math
import re
import textwrap
import weakref
from collections import defaultdict
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy

from ..errors import note_recorded
from ..fused import Fused, Joint
from ..graph import Graph, Operation, applied
from ..kernels import products
from ..ops import elementwise, indexing, product, reduction, shape
from ..ops.indexing import ARRAY
from ..primitive import Primitive
from .memory import OF_PLACES, Memory, is_fresh, is_view, ufunc_of
from .orders import Orders, has_order

__all__ = ["DIRECT", "HostProgram", "LineProgram", "Writer"]

_OUT = "%out%"  # in the text of a call
_numbers = itertools.count()
DIRECT = (
    Primitive,
    Fused,
    Joint,
    type(elementwise.sign),
)  # with raw arrays they call the forward function, and do nothing else
_LARGE = 1024  # bytes: NumPy caches smaller pieces of memory


class _Lines(list[str]):
    """Lines of a program, which leave `linecache` with it, without Python code in which an interrupt could be lost.

    Attributes:
        program: A reference to it, whose callback is the removal.
    """

    program: "weakref.ref[LineProgram]"


class LineProgram:
    """A graph as a function of a line for each operation. It has no state between calls: any threads may call it.

    Attributes:
        borrowed: Positions of inputs whose memory an output may share.
        graph: The graph that it runs.
        peak_bytes: The most memory that results, outputs included, take at once.
        source: The text of the function.
    """

    graph: Graph
    source: str
    peak_bytes: int
    borrowed: frozenset[int]

    def __init__(self, graph: Graph, name: str, writer: "Writer") -> None:
        memory = writer.memory
        self.graph = graph
        self.source = f"# {name}\n{writer.source()}"
        self.peak_bytes = writer.peak_bytes
        self.borrowed = memory.borrowed
        namespace = dict(writer.names)
        file = f"<Jit of {name}, program {next(_numbers)}>"
        exec(compile(self.source, file, "exec"), namespace)
        self._run = namespace["program"]
        self._recorded = writer.recorded
        lines = _Lines(self.source.splitlines(keepends=True))
        lines.program = weakref.ref(self, functools.partial(linecache.cache.pop, file))
        linecache.cache[file] = len(self.source), None, lines, file

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The raw outputs for raw inputs."""
        try:
            return self._run(values)
        except Exception as error:
            note_recorded(error, self._line_of(error))
            raise

    def _line_of(self, error):
        """The line of the user whose operation raised an error."""
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code is not self._run.__code__:
            traceback = traceback.tb_next
        return self._recorded.get(traceback.tb_lineno, "") if traceback else ""


class HostProgram(LineProgram):
    """The program of a graph on NumPy arrays.

    Results take the memory of arguments if NumPy would lay them out in the same way, which may depend on how the inputs
    are: for inputs that are not laid out rows after rows there is another program.
    """

    def __init__(self, graph: Graph, name: str, plain: bool = True) -> None:
        writer = Writer(graph, plain)
        super().__init__(graph, name, writer)
        self._name = name
        ordered = enumerate(has_order(graph.values[n].shape) for n in graph.inputs)
        self._ordered: list[int] = [i for i, x in ordered if x] if plain and writer.relies_on_orders else []

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        for i in self._ordered:
            if not values[i].flags.c_contiguous:
                return self._of_any_order(values)
        return super().__call__(values)

    @functools.cached_property
    def _of_any_order(self):
        return HostProgram(self.graph, self._name, plain=False)


class Writer:
    """Writes the function of a graph, on NumPy arrays.

    An elementwise result is written over an argument that is a result itself and is not used afterwards. Other results
    are bound to registers, variables of the function. These are reused, so that the array they held is freed; large
    arrays are freed at once.

    Attributes:
        graph, memory: The graph, and how its values share memory.
        names: Functions and constants that the program uses, by name.
        lines: Those written so far.
        text: The expression of each value, by number.
        peak_bytes: See `LineProgram`.
        recorded: The line of the user for each line of the program with an operation, {number: text}.
        relies_on_orders: Whether it matters how the inputs are laid out.

    Args:
        graph: The graph.
        plain: Whether the inputs are laid out rows after rows.
    """

    graph: Graph
    memory: Memory
    peak_bytes: int
    relies_on_orders: bool = False

    def __init__(self, graph: Graph, plain: bool) -> None:
        self.graph, self.memory = graph, Memory(graph)
        self._orders = Orders(graph, plain)
        self.names: dict[str, Any] = {}
        self.lines: list[str] = []
        self.recorded: dict[int, str] = {}
        self.peak_bytes = self._bytes = 0
        self.text: dict[int, str] = {n: f"x{i}" for i, n in enumerate(graph.inputs)}
        self._held: dict[str, int] = {}  # the value that each register holds
        self._free: list[str] = []  # registers to reuse
        self._fresh: set[int] = set()  # values with memory that nothing else refers to
        self._numbers: dict[Any, str] = {}  # names of constants, and of numbers as arrays

    def source(self) -> str:
        """The text of the function."""
        for n, x in self.graph.constants.items():
            self.text[n] = self.constant(x)
        unused, dead = defaultdict(list), defaultdict(list)
        for found, ends in ((unused, self.graph.last_uses()), (dead, self.memory.last)):
            for n, position in ends.items():
                found[position].append(n)
        for position, operation in enumerate(self.graph.operations):
            first = len(self.lines)
            self._write(position, operation)
            above = 3 + bool(self.graph.inputs)  # a comment, the header, the names of the inputs
            self.recorded.update(dict.fromkeys(range(first + above, len(self.lines) + above), operation.line))
            self._release(unused[position], dead[position])
        body = ["".join(f"x{i}, " for i in range(len(self.graph.inputs))) + "= values"] if self.graph.inputs else []
        body += [*self.lines, f"return [{', '.join([self.text[n] for n in self.graph.outputs])}]"]
        header = f"def program({', '.join(['values', *(f'{name}={name}' for name in self.names)])}):\n"
        return header + textwrap.indent("\n".join(body), "    ") + "\n"

    def _write(self, position, operation):
        """Adds the line for an operation."""
        call, takes_out = self.call(operation)
        self._orders.note(operation, takes_out and getattr(operation.primitive, "kind", "") == "elementwise")
        over = self._overwritten(position, operation) if takes_out else None
        if over is not None:
            word = "out=" if call.startswith(("maximum(", "minimum(")) else ""  # NumPy requires it for these alone
            self.lines.append(call.replace(_OUT, f", {word}{over}"))
            return
        names = []
        for n in operation.outputs:
            register = self._free.pop() if self._free else f"r{len(self._held)}"
            self.text[n], self._held[register] = register, n
            names.append(register)
            if is_fresh(operation, self.graph) and self.graph.values[n].shape:
                self._fresh.add(n)
            self._bytes += 0 if is_view(operation, self.graph) else self.graph.values[n].nbytes
        self.peak_bytes = max(self.peak_bytes, self._bytes + getattr(operation.primitive, "work_bytes", 0))
        target = "".join(f"{name}, " for name in names) if operation.multiple_results else names[0]
        self.lines.append(f"{target} = {call.replace(_OUT, '')}")

    def _overwritten(self, position, operation):
        """The register of the argument that an elementwise operation writes its result over; None if there is none."""
        n, values = operation.outputs[0], self.graph.values
        if operation.primitive.kind == "elementwise":
            for i in operation.inputs:
                free = i in self._fresh and values[i] == values[n] and self.memory.last[i] == position
                if free and self._is_laid_out_alike(i, n, operation):
                    register = self.text[i]
                    self.text[n], self._held[register] = register, n
                    self._fresh.add(n)
                    self._bytes += values[n].nbytes  # `_release` subtracts those of the argument
                    return register
        return None

    def _is_laid_out_alike(self, i, n, operation):
        """Whether NumPy would lay out the result like an argument."""
        others = [k for k in operation.inputs if k != i and has_order(self.graph.values[k].shape)]
        if not has_order(self.graph.values[n].shape) or not others:
            return True
        alike = self._orders.of(i) == self._orders.of(n)
        self.relies_on_orders |= alike
        return alike

    def _release(self, unused, dead):
        """Frees the registers of values that are not used any more, and counts the memory of dead ones."""
        names = {n: self.text[n] for n in unused if self._held.get(self.text[n]) == n}
        self._free.extend(names.values())
        large = [name for n, name in names.items() if self.graph.values[n].nbytes >= _LARGE]
        if large:
            self.lines.append(f"del {', '.join(large)}")
        made = [n for n in dead if n in self.memory.made]
        self._bytes -= sum(self.graph.values[n].nbytes for n in made)

    def call(self, operation: Operation) -> tuple[str, bool]:
        """The expression of an operation, and whether `_OUT` in it stands for an array for the result."""
        primitive, params = operation.primitive, operation.params
        values = [self.graph.values[n] for n in operation.inputs]
        args = [self.text[n] for n in operation.inputs]
        result = self.graph.values[operation.outputs[0]]
        exact = bool(values) and not values[0].weak and result.dtype == values[0].dtype and result.dtype.kind in "fc"
        ufunc = numpy.matmul if primitive is product.matmul and not product.is_stack(*values) else ufunc_of(primitive)
        if ufunc is numpy.matmul and not products.is_small(*values):
            return f"{self.named(products.product, primitive.name)}({', '.join(args)}{_OUT})", True
        if ufunc is not None:
            args = self._arguments(ufunc, operation, values)
            return f"{self.named(ufunc, primitive.name)}({', '.join(args)}{_OUT})", ufunc not in OF_PLACES
        if primitive is reduction.mean and exact and result.dtype.itemsize > 2:
            return self._mean(args[0], values[0], **params)
        if isinstance(primitive, Primitive) and primitive.ufunc and exact and result.dtype.itemsize > 2:
            reduce, keepdims = self._reduce(primitive.ufunc), params["keepdims"]
            return f"{reduce}({args[0]}, {_axes(**params)}, None{_OUT}, keepdims={keepdims})", True
        if primitive is elementwise.power_of and exact and params["exponent"] == 2:
            return f"{self.named(numpy.square, 'square')}({args[0]}{_OUT})", True
        if primitive is elementwise.relu and exact:
            return f"{self.named(numpy.maximum, 'maximum')}({args[0]}, {self._number(0, result.dtype)}{_OUT})", True
        return self.view(operation) or self.function(operation, numpy, args), False

    def view(self, operation: Operation) -> str:
        """The expression of an operation that is a method of arrays of any library; "" for others."""
        primitive, params = operation.primitive, operation.params
        x, *_ = [self.text[n] for n in operation.inputs] or [""]
        if primitive is shape.reshape and not self.graph.values[operation.inputs[0]].weak:
            return f"{x}.reshape({params['shape']})"
        if primitive is shape.transpose:
            axes = params["axes"]
            return f"{x}.T" if axes == (1, 0) else f"{x}.transpose({axes})"
        if primitive is indexing.getitem and ARRAY not in params["index"]:
            return f"{x}[{self.constant(params['index'])}]"
        return ""

    def function(self, operation: Operation, xp: ModuleType, args: list[str]) -> str:
        """The call of a forward function, or of a primitive that does more with raw arrays than to call it."""
        primitive, params = operation.primitive, operation.params
        if type(primitive) in DIRECT:
            given = [f"{name}={self.constant(x)}" for name, x in params.items()]
            return f"{self.named(primitive.kernel(xp), primitive.name)}({', '.join(args + given)})"
        function = self.named(lambda *args: applied(primitive, args, params), primitive.name)
        return f"{function}({', '.join(args)})"

    def _reduce(self, ufunc):
        """The name of the method that reduces with a ufunc."""
        return self.named(getattr(numpy, ufunc).reduce, f"{ufunc}_reduce")

    def _mean(self, x, value, axis, keepdims):
        """A mean as the array's method computes it."""
        count = math.prod(value.shape[i] for i in axis)
        if not count:
            return f"{self.named(reduction.mean.host, 'mean')}({x}, axis={axis}, keepdims={keepdims})", False
        divide, count = self.named(numpy.divide, "divide"), self._number(count, value.dtype)
        return f"{divide}({self._reduce('add')}({x}, {_axes(axis)}, None, None, {keepdims}), {count}{_OUT})", True

    def _arguments(self, ufunc, operation, values):
        """The arguments of a ufunc, Python numbers as arrays of their final dtype, which NumPy is slow to find."""
        dtypes = {v.dtype for v in values if not v.weak}
        (dtype,) = dtypes if len(dtypes) == 1 else (None,)
        args = [self.text[n] for n in operation.inputs]
        if dtype is None or dtype.kind not in "fc":
            return args
        if not any(kinds.startswith(dtype.char * ufunc.nin) for kinds in ufunc.types):
            return args  # ldexp takes real numbers and an integer
        for i, (n, value) in enumerate(zip(operation.inputs, values, strict=True)):
            if value.weak and not (value.weak is complex and dtype.kind == "f"):
                args[i] = self._number_of(n, dtype)
        return args

    def _number_of(self, n, dtype):
        """A Python number, constant or not, as an array."""
        if n in self.graph.constants:
            return self._number(self.graph.constants[n], dtype)
        name = self._numbers.get((n, dtype))
        if name is None:
            name = self._numbers[n, dtype] = f"n{n}_{dtype.name}"
            asarray = self.named(numpy.asarray, "asarray")
            self.lines.append(f"{name} = {asarray}({self.text[n]}, {self.constant(dtype)})")
        return name

    def _number(self, x, dtype):
        return self.constant(numpy.asarray(x, dtype))

    def constant(self, x: Any) -> str:
        """The text of a constant: its repr, or a name."""
        if _is_plain(x):
            return repr(x)
        key = (x.dtype, x.tobytes()) if isinstance(x, numpy.ndarray) and not x.shape else id(x)
        if key not in self._numbers:
            self._numbers[key] = f"c{len(self._numbers)}"
            self.names[self._numbers[key]] = x
        return self._numbers[key]

    def named(self, function: Any, name: str) -> str:
        """The name of a function in the program."""
        name = name if name.isidentifier() and not keyword.iskeyword(name) else "function"
        name += "_" if re.fullmatch(r"[rcbxn]\d+.*|values|program", name) else ""
        while self.names.setdefault(name, function) != function:
            name += "_"
        return name


def _axes(axis, **others):
    """The axes of a reduction as a ufunc is fastest with them."""
    return axis[0] if len(axis) == 1 else axis


def _is_plain(x):
    """Whether the repr of `x` is short and evaluates to `x`."""
    if type(x) is tuple:
        return len(x) <= 8 and all(map(_is_plain, x))
    return x is None or type(x) in (bool, int, str) or (type(x) is float and math.isfinite(x))
