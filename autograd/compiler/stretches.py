"""Stretches of a graph that one call runs on the CPU, by NumPy's inner loops, without Python between operations.

Elementwise steps of one shape are a group, which runs block after block: what only the group needs stays in the
first-level cache, and large groups are shared out to threads. All else, products and reductions, is a group of its own.
Results have NumPy's bits, whatever the number of threads is. Where the machine is not there, or not yet, an input has
gaps, or arithmetic raised a flag that NumPy reports, the same operations run in NumPy.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy

from ..graph import Graph, Operation
from ..kernels import compiled
from ..kernels.compiled import PART
from ..kernels.instructions import BLOCK, ERROR
from ..kernels.loading import loader
from ..ops import shape
from ..primitive import Primitive
from .host import HostProgram
from .lowering import Lowering
from .memory import is_view
from .passes import without_dead_code
from .tables import Table
from .views import order_of

__all__ = ["Stretch", "stretched"]

LEAST_OPERATIONS = 8  # a call costs as much as some operations of NumPy
LARGE = 1 << 14  # elements; with fewer operations memory is saved
MOST_MISSES = 3  # inputs with gaps, before NumPy runs it for good


def stretched(graph: Graph) -> Graph:
    """A graph with the same results, in which stretches are operations; for NumPy arrays."""
    if not compiled.is_there():
        return graph
    views = {o.outputs[0]: o for o in graph.operations if _makes_view(o, graph)}
    orders: dict[int, tuple[int, ...]] = {}
    parts: list[Operation | Lowering] = []
    lowering, since = Lowering(graph, views, orders), []

    def close():
        if _is_worth_it(lowering):
            parts.extend([lowering, *[o for o in since if o.outputs[0] in views]])
        else:
            parts.extend(since)

    for operation in graph.operations:
        if operation.outputs[0] not in views and not lowering.add(operation):
            close()
            lowering, since = Lowering(graph, views, orders), []
            parts.append(operation)
        else:
            since.append(operation)
    close()
    if not any(type(part) is Lowering for part in parts):
        return graph
    loader.start()
    new = Graph(graph.values, graph.inputs, graph.constants, _joined(graph, parts), graph.outputs)
    new.on_host = graph.on_host
    return new


def _makes_view(operation, graph):
    primitive = operation.primitive
    return len(operation.inputs) == 1 and (
        primitive is shape.reshape or (isinstance(primitive, Primitive) and is_view(operation, graph))
    )


def _is_worth_it(lowering):
    elements = sum(math.prod(o.shape) for *_, o in [step.arrays for step in lowering.steps if step.kind != "matmul"])
    return len(lowering.operations) >= LEAST_OPERATIONS or (len(lowering.operations) > 1 and elements >= LARGE)


def _joined(graph, parts):
    """The operations, and one for each stretch, as far as they are needed."""
    needed, operations = set(graph.outputs), []
    for part in reversed(parts):
        if type(part) is Lowering:
            outputs = [n for o in part.operations for n in o.outputs if n in needed]
            if outputs:
                stretch = Stretch(graph, part, outputs)
                inputs = tuple([n for n, _ in part.inputs])
                needed.update(inputs)
                line = part.operations[-1].line
                operations.append(Operation(stretch, inputs, {}, tuple(outputs), True, line))
        elif not needed.isdisjoint(part.outputs) or getattr(part.primitive, "has_effect", False):
            needed.update(part.inputs)
            operations.append(part)
    return operations[::-1]


class Stretch:
    """Operations as one that takes and gives raw arrays; it has no state between calls.

    Args:
        graph: The graph with the operations.
        lowering: The operations, lowered.
        outputs: Which results are needed.

    Attributes:
        kind, operations: See `steps.Step`.
        work_bytes: The memory that it needs beside its results.
    """

    has_effect = False
    kind = "loop"

    def __init__(self, graph: Graph, lowering: Lowering, outputs: Sequence[int]) -> None:
        names = ", ".join(dict.fromkeys(o.primitive.name for o in lowering.operations))
        self.name: str = f"stretch of {len(lowering.operations)}({names})"
        self.operations: tuple[str, ...] = tuple([o.primitive.name for o in lowering.operations])
        self.graph: Graph = _part(graph, lowering, outputs)
        self._table = Table(lowering, [lowering.views[n] for n in outputs])
        self.work_bytes: int = self._table.between + self._table.within
        self._outputs = [_of_output(lowering.views[n]) for n in outputs]
        self._orders = [(i, lowering.orders[n]) for i, (n, _) in enumerate(lowering.inputs) if n in lowering.orders]
        self._scalars = [i for i, (n, _) in enumerate(lowering.inputs) if not graph.values[n].shape]
        self._dtypes = [dtype for _, dtype in lowering.inputs]
        self._constants = lowering.constants
        self._loops = [step.loop for step in lowering.steps]  # keeps them alive
        positions = [n for n, _ in lowering.inputs]
        self._first = [positions.index(n) for n in self.graph.inputs]
        self._misses = 0

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The raw results for raw arrays and numbers."""
        if loader.run is None or self._misses > MOST_MISSES:
            return self._by_numpy(arrays)
        given = list(arrays)
        for i in self._scalars:
            given[i] = numpy.asarray(given[i], self._dtypes[i])
        for i, order in self._orders:
            given[i] = given[i].transpose(order)
        outputs = [numpy.empty(shape, dtype) for shape, dtype, _ in self._outputs]
        between = numpy.empty(self._table.between, numpy.uint8)
        values = [*given, *self._constants, *outputs, between]
        status = self._run(values)
        if status and (status >= ERROR or loader.reported(status)):
            self._misses += status >= ERROR
            return self._by_numpy(arrays)  # it warns or raises
        return tuple([_shown(y, order) for y, (*_, order) in zip(outputs, self._outputs, strict=True)])

    def _run(self, values):
        table, run, status = self._table, loader.run, 0
        addresses = numpy.fromiter(map(id, values), numpy.int64, len(values))
        for first, stop, blocks in table.calls:
            if not blocks:
                memory = numpy.empty(table.within, numpy.uint8)
                status |= run(
                    table.groups, table.code, addresses, table.counts, first, stop, 0, -1, id(memory), loader.flags
                )
            else:
                status |= self._in_threads(values, addresses, first, stop, blocks)
            if status >= ERROR:
                return status
        return status

    def _in_threads(self, values, addresses, first, stop, blocks):
        """Runs a group; what a part does, depends on the number of blocks alone."""
        table, run = self._table, loader.run
        parts = min(blocks, max(2, -(-blocks * BLOCK // PART)))
        ends = [blocks * i // parts for i in range(parts + 1)]
        found = [0] * parts

        def part(i, values=values):  # threads outlive a call that is interrupted
            memory = numpy.empty(table.within, numpy.uint8)
            begin, end = ends[i], ends[i + 1]
            found[i] = run(
                table.groups, table.code, addresses, table.counts, first, stop, begin, end, id(memory), loader.flags
            )

        compiled.each(part, parts)
        return functools.reduce(operator.or_, found)

    @functools.cached_property
    def _program(self):
        return HostProgram(self.graph, self.name)

    def _by_numpy(self, arrays):
        return tuple(self._program([arrays[i] for i in self._first]))


def _shown(y, order):
    """An array as NumPy's ufuncs return it: one without axes as a scalar."""
    if order is not None:
        return y.transpose(order)
    return y if y.shape else y[()]


def _of_output(view):
    """Shape and dtype of an array for a result, and the order of its axes, of which the result is a transposed view."""
    if view.flags.c_contiguous:
        return view.shape, view.dtype, None
    order = order_of(view)
    return tuple([view.shape[i] for i in order]), view.dtype, numpy.argsort(order)


def _part(graph, lowering, outputs):
    """The operations alone, with the views that they use."""
    position = {o.outputs[0]: i for i, o in enumerate(graph.operations)}
    operations = sorted([*lowering.operations, *lowering.resolved.values()], key=lambda o: position[o.outputs[0]])
    operations = without_dead_code(Graph(graph.values, operations=operations, outputs=outputs)).operations
    made = {n for o in operations for n in o.outputs}
    used = dict.fromkeys([n for o in operations for n in o.inputs if n not in made])
    constants = {n: graph.constants[n] for n in used if n in graph.constants}
    return Graph(graph.values, [n for n in used if n not in constants], constants, operations, outputs)
