"""One elementwise program over many lists of arrays: in a loop on the CPU, in few launches on a GPU.

The kernel gets a table by value: where the arrays of each list are, how long they are, and which of its blocks work on
them. Source: PyTorch's multi-tensor apply, whose table is as long as the 4 KB of a kernel's arguments allow, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .. import backend
from ..graph import Graph
from ..primitive import Primitive
from .formulas import HEADERS, OPTIONS, statement, type_of
from .host import HostProgram
from .passes import simplified

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["MultiTensorProgram", "is_elementwise"]

THREADS, PER_BLOCK = 256, 4096
TABLE = 4000  # bytes


def is_elementwise(graph: Graph, count: int) -> bool:
    """Whether a graph acts alike on each element of its first `count` inputs, arrays of one shape.

    Its other inputs and its constants are numbers.
    """
    shape = graph.values[graph.inputs[0]].shape
    per_element = set(graph.inputs[:count])
    if any(graph.values[n].shape != shape for n in per_element) or any(map(numpy.ndim, graph.constants.values())):
        return False
    for operation in graph.operations:
        if per_element.isdisjoint(operation.inputs):
            continue
        primitive = operation.primitive
        if not isinstance(primitive, Primitive) or not (primitive.kind == "elementwise" or primitive.cuda):
            return False
        per_element.update(operation.outputs)
        if any(graph.values[n].shape != shape for n in operation.outputs):
            return False
    return per_element.issuperset(graph.outputs)


class MultiTensorProgram:
    """The program of a graph for which `is_elementwise` holds, for arrays of any shape.

    Args:
        graph: The graph.
        count: The number of its inputs that are arrays; the others are numbers, or arrays of shape ().
        name: Heads its source.
    """

    def __init__(self, graph: Graph, count: int, name: str) -> None:
        self.graph: Graph = simplified(graph)
        self.count: int = count
        self.name: str = name
        self._host = HostProgram(self.graph, name) if graph.on_host else None
        self._source = None if graph.on_host else _source(self.graph, count)
        self._kernel: Any = None

    def __call__(self, lists: Sequence[Sequence[RawArray]], numbers: Sequence[Any]) -> list[Sequence[RawArray]]:
        """The raw outputs for each of some lists of raw arrays; `numbers` serve all lists."""
        if self._host is not None:
            return [self._host([*arrays, *numbers]) for arrays in lists]
        if self._source is None or not (lists and backend.is_cupy(lists[0][0])):
            return [self.graph.interpret([*arrays, *numbers]) for arrays in lists]
        outputs: list[Any] = [None] * len(lists)
        devices = [backend.device_of(arrays[0]) for arrays in lists]
        for device in dict.fromkeys(devices):
            own = [i for i, x in enumerate(devices) if x == device]
            with device.current():
                for first in range(0, len(own), self._source.length):
                    some = own[first : first + self._source.length]
                    for i, y in zip(some, self._launched([lists[i] for i in some], numbers), strict=True):
                        outputs[i] = y
        return outputs

    def _launched(self, lists, numbers):
        """The outputs of one launch."""
        source: Any = self._source
        xp = backend.library(lists[0])
        inputs = [[backend.contiguous(x) for x in arrays] for arrays in lists]
        dtypes = [self.graph.values[n].dtype for n in self.graph.outputs]
        outputs = [[xp.empty(arrays[0].shape, dtype) for dtype in dtypes] for arrays in lists]
        sizes = [arrays[0].size for arrays in lists]
        ends = [0, *itertools.accumulate(-(-size // PER_BLOCK) for size in sizes)]
        if ends[-1]:
            table = numpy.zeros((), source.table)
            table["x"][: len(lists)] = [[x.data.ptr for x in arrays] for arrays in inputs]
            table["y"][: len(lists)] = [[y.data.ptr for y in arrays] for arrays in outputs]
            table["size"][: len(lists)], table["end"][: len(lists)] = sizes, ends[1:]
            self.launch(xp, ends[-1], table, source.numbers(numbers))
        return outputs

    def launch(self, xp: ModuleType, blocks: int, table: RawArray | None = None, numbers: Sequence[Any] = ()) -> None:
        """Runs the kernel.

        Args:
            xp: The array library.
            blocks: How many blocks of threads run.
            table: Where the arrays are; None for a table without any.
            numbers: The arguments behind the table.
        """
        source: Any = self._source
        if self._kernel is None:
            self._kernel = xp.RawKernel(source.code, "multi_tensor", options=OPTIONS)
        table = numpy.zeros((), source.table) if table is None else table
        self._kernel((blocks,), (THREADS,), (table[()], *numbers))


class _Source:
    """The text of a kernel.

    What Python's operators make of numbers is computed before the launch, all else in the kernel.

    Attributes:
        code: The text.
        length: The number of lists for which the table has room.
        table: The dtype of the table.
    """

    def __init__(self, graph: Graph, count: int, lines: Sequence[str]) -> None:
        self._graph, self._count = graph, count
        self._of_python = [o for o in graph.operations if not isinstance(o.primitive, Primitive)]
        self._arguments = [*graph.inputs[count:], *[n for o in self._of_python for n in o.outputs]]
        arrays = {n for n in self._arguments if not graph.values[n].weak}
        outputs = len(graph.outputs)
        self.length = n = TABLE // (8 * (count + outputs) + 12)
        fields = [("x", "i8", (n, count)), ("y", "i8", (n, outputs)), ("size", "i8", n), ("end", "i4", n)]
        self.table = numpy.dtype(fields, align=True)
        x = [f"(({type_of(graph, position)}*)table.x[list][{i}])[i]" for i, position in enumerate(graph.inputs[:count])]
        y = [f"(({type_of(graph, position)}*)table.y[list][{i}])[i]" for i, position in enumerate(graph.outputs)]
        loads = [f"const {type_of(graph, n)} v{n} = {x[i]};" for i, n in enumerate(graph.inputs[:count])]
        self.code: str = KERNEL % {
            "n": n,
            "inputs": count,
            "outputs": outputs,
            "arguments": "".join(f", const {type_of(graph, n)}{'*' * (n in arrays)} n{n}" for n in self._arguments),
            "numbers": "\n    ".join(
                f"const {type_of(graph, n)} v{n} = {'*' * (n in arrays)}n{n};" for n in self._arguments
            ),
            "threads": THREADS,
            "per_block": PER_BLOCK,
            "body": "\n        ".join([*loads, *lines, *(f"{y[i]} = v{n};" for i, n in enumerate(graph.outputs))]),
        }

    def numbers(self, given: Sequence[Any]) -> list[Any]:
        """The arguments of the kernel behind the table."""
        known = {**self._graph.constants, **dict(zip(self._graph.inputs[self._count :], given, strict=True))}
        for operation in self._of_python:
            y = operation.primitive(*[known[n] for n in operation.inputs], **operation.params)
            known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
        return [known[n] if backend.is_array(known[n]) else float(known[n]) for n in self._arguments]


KERNEL = (
    HEADERS
    + """
struct Table { long long x[%(n)d][%(inputs)d], y[%(n)d][%(outputs)d], size[%(n)d]; int end[%(n)d]; };

extern "C" __global__ void multi_tensor(const Table table%(arguments)s) {
    %(numbers)s
    int list = 0;
    while (table.end[list] <= blockIdx.x) ++list;
    const long long start = (long long)(blockIdx.x - (list ? table.end[list - 1] : 0)) * %(per_block)d;
    const long long stop = min(start + %(per_block)d, table.size[list]);
    for (long long i = start + threadIdx.x; i < stop; i += %(threads)d) {
        %(body)s
    }
}
"""
)


def _source(graph, count):
    """The kernel of a graph; None if it has an operation without a formula, or numbers of other types."""
    if any(type_of(graph, n) is None for n in (*graph.inputs, *graph.outputs)):
        return None
    lines = [statement(graph, o) or "" for o in graph.operations if isinstance(o.primitive, Primitive)]
    return _Source(graph, count, lines) if all(lines) else None
