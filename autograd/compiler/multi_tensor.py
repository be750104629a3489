"""One program over many lists of arrays: in a loop on the CPU, in few launches on a GPU.

The kernels get a table by value: where the arrays of each list are, how long they are, and which blocks work on them.
Source: PyTorch's multi-tensor apply, whose table is as long as the 4 KB of a kernel's arguments allow, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy

from .. import backend
from ..core import Array
from ..graph import Graph
from ..numpy import stack
from ..primitive import Primitive
from .any_shape import THREADS, AnyShape, analysed, kernels, of_shape
from .formulas import OPTIONS
from .host import HostProgram
from .passes import simplified

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["MultiTensorProgram", "OverLists", "is_of_any_shape"]

PER_BLOCK = 4096
MOST_SHAPES = 256  # whose programs for the CPU are kept
MOST_BLOCKS = 1024  # of a list whose elements are reduced: each block joins what all of them left
TABLE = 4000  # bytes


def is_of_any_shape(graph: Graph, count: int) -> bool:
    """Whether a graph does the same with its first `count` inputs, arrays of one shape, whatever their shape is.

    It acts alike on each element, or reduces all elements to one number. Its other inputs and its constants are
    numbers.
    """
    return analysed(graph, count) is not None


class MultiTensorProgram:
    """The program of a graph for which `is_of_any_shape` holds, for arrays of any shape.

    Args:
        graph: The graph.
        count: The number of its inputs that are arrays; the others are numbers, or arrays of shape ().
        name: Heads its source.
    """

    def __init__(self, graph: Graph, count: int, name: str) -> None:
        self.graph: Graph = simplified(graph)
        self.count: int = count
        self.name: str = name
        self._known = known = cast(AnyShape, analysed(self.graph, count))
        self._elementwise = not known.reductions
        self._whole = HostProgram(self.graph, name) if self._elementwise and graph.on_host else None
        self._of_shapes: dict[tuple[int, ...], HostProgram] = {}
        self._device = _Device(self.graph, known, count)

    def __call__(self, lists: Sequence[Sequence[RawArray]], numbers: Sequence[Any]) -> list[Sequence[RawArray]]:
        """The raw outputs for each of some lists of raw arrays; `numbers` serve all lists."""
        if self.graph.on_host:
            return [self._on_host(arrays[0].shape)([*arrays, *numbers]) for arrays in lists]
        outputs: list[Any] = [None] * len(lists)
        together: dict[Any, list[int]] = {}
        for i, arrays in enumerate(lists):
            if self._is_launched(arrays):
                together.setdefault(backend.device_of(arrays[0]), []).append(i)
            else:
                outputs[i] = self.interpreted(arrays, numbers)
        for device, own in together.items():
            with device.current():
                for i, y in zip(own, self._device.outputs([lists[i] for i in own], numbers), strict=True):
                    outputs[i] = y
        return outputs

    def interpreted(self, arrays: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
        """The outputs for a list, one operation after the other; arrays and numbers may be traced."""
        return of_shape(self.graph, self._known, arrays[0].shape).interpret([*arrays, *numbers])

    def stacked(self, lists: Sequence[Sequence[RawArray]], numbers: Sequence[Any]) -> RawArray:
        """The first output of all lists as one array; the lists are on one device and of one shape, if that counts."""
        if not self.graph.on_host and all(map(self._is_launched, lists)):
            with backend.device_of(lists[0][0]).current():
                return self._device.stacked(lists, numbers)
        outputs = [y[0] for y in self(lists, numbers)]
        return backend.library(outputs).stack(outputs)

    @property
    def reduces(self) -> bool:
        """Whether it reduces arrays."""
        return not self._elementwise

    def described(self) -> object:
        """What it computes: equal for graphs that were recorded alike, whatever the shapes were."""
        operations = []
        for o in self.graph.operations:
            params = o.params | {"axis": None} if o.outputs[0] in self._known.reductions else o.params
            operations.append((getattr(o.primitive, "function", o.primitive), o.inputs, repr(params), o.outputs))
        return operations, repr(self.graph.constants), self.graph.inputs, self.graph.outputs

    def launches(self, lists: int) -> int | None:
        """The number of kernels that are launched for lists of arrays on one GPU; None without kernels."""
        sources, length = self._device.sources, self._device.length
        return len(sources) * -(-lists // length) if sources else None

    def _is_launched(self, arrays):
        """Whether kernels compute the outputs of a list; there is no maximum of an empty array."""
        return self._device.sources and backend.is_cupy(arrays[0]) and (self._elementwise or arrays[0].size)

    def _on_host(self, shape):
        """The program for NumPy arrays of a shape."""
        if self._whole is not None:
            return self._whole
        program = self._of_shapes.get(shape)
        if program is None:
            if len(self._of_shapes) >= MOST_SHAPES:
                self._of_shapes.clear()
            program = self._of_shapes[shape] = HostProgram(of_shape(self.graph, self._known, shape), self.name)
        return program

    def launch(self, xp: ModuleType, blocks: int) -> None:
        """Runs the kernels for a table without arrays: what `benchmarks.kernels` compiles."""
        self._device.launch(xp, blocks, numpy.zeros((), self._device.table), ())


class OverLists:
    """A program over lists as one operation of a graph, whose arguments are the arrays of all lists, then the numbers.

    Args:
        program: The program.
        lists: The number of the lists.
        stacked: Whether the result is one array, `MultiTensorProgram.stacked`, in place of all outputs.
    """

    has_effect = False

    def __init__(self, program: MultiTensorProgram, lists: int, stacked: bool = False) -> None:
        self.name: str = f"{lists} x {program.name}"
        self.operations: list[str] = [o.primitive.name for o in program.graph.operations] * lists
        self._program, self._lists, self._stacked = program, lists, stacked

    @property
    def launches(self) -> int | None:
        """The number of kernels that it launches; None without kernels."""
        return self._program.launches(self._lists)

    @property
    def kind(self) -> str:
        """What it is in a list of steps: see `steps.Step`."""
        return "kernel" if self.launches else "call"

    def __call__(self, *arrays: Any) -> Any:
        """The results for raw arrays, one list after the other; or for values that other transformations trace."""
        program, count = self._program, self._program.count
        end = count * self._lists
        lists, numbers = [arrays[i : i + count] for i in range(0, end, count)], arrays[end:]
        if any(isinstance(x, Array) for x in arrays):
            outputs = [program.interpreted(own, numbers) for own in lists]
            return stack([y[0] for y in outputs]) if self._stacked else tuple([y for own in outputs for y in own])
        if self._stacked:
            return program.stacked(lists, numbers)
        return tuple([y for own in program(lists, numbers) for y in own])


class _Device:
    """The kernels of a graph.

    What Python's operators make of numbers is computed before the launches, all else in the kernels.

    Attributes:
        length: The number of lists in a table.
        sources: Their texts, one after the other; None if there are none.
        table: The dtype of the table.
    """

    def __init__(self, graph, known, count):
        self._graph, self._known, self._count = graph, known, count
        self._of_python = [o for o in graph.operations if not isinstance(o.primitive, Primitive)]
        self._arguments = [*graph.inputs[count:], *[n for o in self._of_python for n in o.outputs]]
        outputs = len(graph.outputs)
        self.length = n = TABLE // (8 * (count + outputs) + 12)
        fields = [("x", "i8", (n, count)), ("y", "i8", (n, outputs)), ("size", "i8", n), ("end", "i4", n)]
        self.table = numpy.dtype(fields, align=True)
        self.sources = None if graph.on_host else kernels(graph, known, count, self._arguments, n)
        self._kernels: Any = None
        self._partial = "f8" if any(graph.values[i].dtype.itemsize > 4 for i in _reduced(known)) else "f4"

    def outputs(self, lists, numbers):
        """The outputs for each of some lists of arrays of the current device."""
        xp, values = backend.library(lists[0]), [self._graph.values[n] for n in self._graph.outputs]
        kinds = [(n in self._known.elements, v.dtype) for n, v in zip(self._graph.outputs, values, strict=True)]
        outputs = [[xp.empty(arrays[0].shape if whole else (), d) for whole, d in kinds] for arrays in lists]
        self._run(xp, lists, [[y.data.ptr for y in own] for own in outputs], numbers)
        return outputs

    def stacked(self, lists, numbers):
        """The only output for each of the lists as one array."""
        xp, output = backend.library(lists[0]), self._graph.outputs[0]
        shape = lists[0][0].shape if output in self._known.elements else ()
        y = xp.empty((len(lists), *shape), self._graph.values[output].dtype)
        self._run(xp, lists, [[y.data.ptr + i * (y.nbytes // len(lists))] for i in range(len(lists))], numbers)
        return y

    def _run(self, xp, lists, places, numbers):
        """Stores the outputs for lists at their places."""
        given = self._numbers(xp, numbers)
        reduces = bool(self._known.reductions)
        for start in range(0, len(lists), self.length):
            some = [[backend.contiguous(x) for x in arrays] for arrays in lists[start : start + self.length]]
            sizes = [arrays[0].size for arrays in some]
            blocks = [-(-size // PER_BLOCK) for size in sizes]
            ends = [*itertools.accumulate([min(n, MOST_BLOCKS) for n in blocks] if reduces else blocks)]
            if ends[-1]:
                table = numpy.zeros((), self.table)
                table["x"][: len(some)] = [[x.data.ptr for x in arrays] for arrays in some]
                table["y"][: len(some)] = places[start : start + self.length]
                table["size"][: len(some)], table["end"][: len(some)] = sizes, ends
                self.launch(xp, ends[-1], table, given)

    def launch(self, xp, blocks, table, numbers):
        """Runs the kernels.

        Args:
            xp: The array library.
            blocks: How many blocks of threads run.
            table: Where the arrays are.
            numbers: The arguments behind the table.
        """
        if self._kernels is None:
            self._kernels = [xp.RawKernel(text, "multi_tensor", options=OPTIONS) for text in self.sources or ()]
        count = len(self._known.reductions)
        partial = (xp.empty(count * blocks, self._partial),) if count else ()
        for kernel in self._kernels:
            kernel((blocks,), (THREADS,), (table[()], *partial, *numbers))

    def _numbers(self, xp, given):
        """The arguments of the kernels behind the table: Python's numbers, or arrays of which they get the address."""
        known = {**self._graph.constants, **dict(zip(self._graph.inputs[self._count :], given, strict=True))}
        for operation in self._of_python:
            y = operation.primitive(*[known[n] for n in operation.inputs], **operation.params)
            known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
        return [xp.asarray(known[n]) if backend.is_array(known[n]) else float(known[n]) for n in self._arguments]


def _reduced(known):
    """The values that are reduced."""
    return [o.inputs[0] for o in known.reductions.values()]
