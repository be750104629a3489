"""The kernels of a program over many lists of arrays, and their launches for lists of known shapes.

The kernels get a table by value: where the arrays of each list are, how long they are, and which blocks work on them.
Source: PyTorch's multi-tensor apply, whose table is as long as the 4 KB of a kernel's arguments allow, too.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from ..backend import Device, is_array
from ..graph import Graph
from ..primitive import Primitive
from .any_shape import THREADS, AnyShape, kernels
from .formulas import OPTIONS

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["ListKernels", "ListLaunch"]

PER_BLOCK = 4096
MOST_BLOCKS = 1024  # of a list whose elements are reduced: each block joins what all of them left
MOST_LAUNCHES = 256  # that are kept
TABLE = 4000  # bytes

_address = operator.attrgetter("data.ptr")
_is_contiguous = operator.attrgetter("flags.c_contiguous")


class ListKernels:
    """The kernels of a graph.

    What Python's operators make of numbers is computed before the launches, all else in the kernels.

    Args:
        graph: The graph.
        known: What `any_shape.analysed` says of it.
        count: The number of its inputs that are arrays.

    Attributes:
        length: The number of lists in a table.
        sources: Their texts, one after the other; None if there are none.
        table: The dtype of the table.
    """

    graph: Graph
    known: AnyShape
    count: int
    length: int
    sources: list[str] | None
    table: numpy.dtype[Any]

    def __init__(self, graph: Graph, known: AnyShape, count: int) -> None:
        self.graph, self.known, self.count = graph, known, count
        self._of_python = [o for o in graph.operations if not isinstance(o.primitive, Primitive)]
        self._arguments = [*graph.inputs[count:], *[n for o in self._of_python for n in o.outputs]]
        outputs = len(graph.outputs)
        self.length = n = TABLE // (8 * (count + outputs) + 12)
        fields = [("x", "i8", (n, count)), ("y", "i8", (n, outputs)), ("size", "i8", n), ("end", "i4", n)]
        self.table = numpy.dtype(fields, align=True)
        self.sources = None if graph.on_host else kernels(graph, known, count, self._arguments, n)
        self._kernels: Any = None
        reduced = [graph.values[o.inputs[0]].dtype for o in known.reductions.values()]
        self._partial = "f8" if any(dtype.itemsize > 4 for dtype in reduced) else "f4"
        self._launches: dict[Any, ListLaunch] = {}

    def launches(self, shapes: tuple[tuple[int, ...], ...], stacked: bool = False) -> ListLaunch:
        """What runs the kernels for lists of arrays of these shapes.

        Args:
            shapes: That of the arrays of each list.
            stacked: Whether the only outputs of all lists are one array.
        """
        found = self._launches.get((shapes, stacked))
        if found is None:
            if len(self._launches) >= MOST_LAUNCHES:
                self._launches.clear()
            found = self._launches[shapes, stacked] = ListLaunch(self, shapes, stacked)
        return found

    def launch(self, xp: ModuleType, blocks: int, table: Any, numbers: Sequence[Any]) -> None:
        """Runs the kernels.

        Args:
            xp: The array library.
            blocks: How many blocks of threads run.
            table: Where the arrays are.
            numbers: The arguments behind the table.
        """
        if self._kernels is None:
            self._kernels = [xp.RawKernel(text, "multi_tensor", options=OPTIONS) for text in self.sources or ()]
        count = len(self.known.reductions)
        partial = (xp.ndarray(count * blocks, self._partial),) if count else ()
        for kernel in self._kernels:
            kernel((blocks,), (THREADS,), (table[()], *partial, *numbers))

    def numbers(self, xp: ModuleType, given: Sequence[Any]) -> list[Any]:
        """The arguments of the kernels behind the table: Python's numbers, or arrays of which they get the address."""
        if self._of_python:
            known = {**self.graph.constants, **dict(zip(self.graph.inputs[self.count :], given, strict=True))}
            for operation in self._of_python:
                y = operation.primitive(*[known[n] for n in operation.inputs], **operation.params)
                known.update(zip(operation.outputs, y if operation.multiple_results else (y,), strict=True))
            given = [known[n] for n in self._arguments]
        return [x if isinstance(x, xp.ndarray) else xp.asarray(x) if is_array(x) else float(x) for x in given]


class _Table(NamedTuple):
    """The table for some of the lists, without addresses.

    Attributes:
        start, stop: The lists.
        blocks: How many blocks of threads work on them.
        template: Sizes and blocks of the lists.
    """

    start: int
    stop: int
    blocks: int
    template: Any


class ListLaunch:
    """Runs kernels for lists of arrays of known shapes on the current GPU: see `ListKernels.launches`."""

    def __init__(self, kernels: ListKernels, shapes: Sequence[tuple[int, ...]], stacked: bool) -> None:
        self._kernels, self._lists, self._stacked = kernels, len(shapes), stacked
        self._xp = Device("gpu").library
        values = [(kernels.graph.values[n].dtype, n in kernels.known.elements) for n in kernels.graph.outputs]
        self._shapes = [shape if whole else () for shape in shapes for _, whole in values]
        self._dtypes = [dtype for dtype, _ in values] * len(shapes)
        self._tables = [*self._all_tables([*map(numpy.prod, shapes)])]

    def _all_tables(self, sizes):
        length, reduces = self._kernels.length, bool(self._kernels.known.reductions)
        for start in range(0, len(sizes), length):
            some = [int(size) for size in sizes[start : start + length]]
            blocks = [-(-size // PER_BLOCK) for size in some]
            ends = [*itertools.accumulate([min(n, MOST_BLOCKS) for n in blocks] if reduces else blocks)]
            template = numpy.zeros((), self._kernels.table)
            template["size"][: len(some)], template["end"][: len(some)] = some, ends
            if ends[-1]:
                yield _Table(start, start + len(some), ends[-1], template)

    def __call__(self, *arrays: Any) -> RawArray | tuple[RawArray, ...]:
        """The outputs of all lists, one list after the other, for the arrays of all lists and then the numbers."""
        kernels, xp = self._kernels, self._xp
        end = kernels.count * self._lists
        numbers, arrays = kernels.numbers(xp, arrays[end:]) if len(arrays) > end else (), arrays[:end]
        if not all(map(_is_contiguous, arrays)):
            arrays = tuple([x if x.flags.c_contiguous else x.copy() for x in arrays])
        if self._stacked:
            outputs = xp.ndarray((self._lists, *self._shapes[0]), self._dtypes[0])
            places = outputs.data.ptr + numpy.arange(self._lists) * (outputs.nbytes // self._lists)
        else:
            outputs = tuple(map(xp.ndarray, self._shapes, self._dtypes))
            places = numpy.fromiter(map(_address, outputs), numpy.int64)
        x, y = (
            numpy.fromiter(map(_address, arrays), numpy.int64).reshape(self._lists, -1),
            places.reshape(self._lists, -1),
        )
        for start, stop, blocks, template in self._tables:
            table = template.copy()
            table["x"][: stop - start], table["y"][: stop - start] = x[start:stop], y[start:stop]
            kernels.launch(xp, blocks, table, numbers)
        return outputs
