"""Graphs that serve arrays of any shape: elementwise operations, and reductions over all elements.

What such a graph computes of a list of arrays of one shape falls into stages: each reduction needs all elements of what
comes before it. Its source is a kernel for each stage; a later one joins what the blocks of an earlier one left, always
in the same order, and computes elements again in place of storing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy

from ..graph import Graph, Operation
from ..kernels.across_threads import across_threads
from ..ops import elementwise, reduction
from ..primitive import Primitive
from .formulas import HEADERS, statement, type_of

__all__ = ["THREADS", "AnyShape", "analysed", "kernels", "of_shape"]

THREADS = 256

# The start and the step of a reduction.
REDUCTIONS: dict[Primitive, tuple[str, Any]] = {
    reduction.sum: ("0", "a + b"),
    reduction.mean: ("0", "a + b"),
    reduction.max: ("-INFINITY", elementwise.maximum.cuda),
    reduction.min: ("INFINITY", elementwise.minimum.cuda),
    reduction.all: ("1", "a && b"),
    reduction.any: ("0", "a || b"),
}


class AnyShape(NamedTuple):
    """What is known of the values of a graph that depend on its arrays.

    Attributes:
        elements: Those that have the shape of the arrays; the others are one number for each list.
        stage: How many reductions come before a value, one after the other.
        reductions: The reductions of the graph, by their results.
    """

    elements: set[int]
    stage: dict[int, int]
    reductions: dict[int, Operation]


def analysed(graph: Graph, count: int) -> AnyShape | None:
    """What a graph computes of its first `count` inputs, arrays of one shape; None if it depends on that shape.

    Its other inputs and its constants are numbers.
    """
    shape = graph.values[graph.inputs[0]].shape
    arrays = graph.inputs[:count]
    if any(graph.values[n].shape != shape for n in arrays) or any(map(numpy.ndim, graph.constants.values())):
        return None
    found = AnyShape(set(arrays), dict.fromkeys(arrays, 0), {})
    for operation in graph.operations:
        if not found.stage.keys().isdisjoint(operation.inputs) and not _adds(found, graph, operation, shape):
            return None
    outputs = set(graph.outputs)
    if not outputs <= found.stage.keys() or any(graph.values[n].shape for n in outputs - found.elements):
        return None
    return found


def _adds(found, graph, operation, shape):
    """Adds the result of an operation; False if it cannot be in such a graph."""
    primitive, (n, *others) = operation.primitive, operation.outputs
    if not isinstance(primitive, Primitive) or others:
        return False
    found.stage[n] = max(found.stage.get(i, 0) for i in operation.inputs)
    if primitive in REDUCTIONS:
        found.stage[n] += 1
        found.reductions[n] = operation
        return operation.inputs[0] in found.elements and len(operation.params["axis"]) == len(shape)
    if not found.elements.isdisjoint(operation.inputs):
        found.elements.add(n)
        if graph.values[n].shape != shape:
            return False
    return primitive.kind == "elementwise" or bool(primitive.cuda)


def of_shape(graph: Graph, known: AnyShape, shape: tuple[int, ...]) -> Graph:
    """The graph for arrays of a shape."""
    ones, axes = (1,) * len(shape), tuple(range(len(shape)))
    values = [
        v._replace(shape=shape if n in known.elements else ones if v.shape else ()) for n, v in enumerate(graph.values)
    ]
    operations = [
        o._replace(params=o.params | {"axis": axes}) if o.outputs[0] in known.reductions else o
        for o in graph.operations
    ]
    new = Graph(values, graph.inputs, graph.constants, operations, graph.outputs)
    new.on_host = graph.on_host
    return new


def kernels(graph: Graph, known: AnyShape, count: int, arguments: Sequence[int], length: int) -> list[str] | None:
    """The sources of the kernels of the stages; None if an operation has no formula, or numbers other types.

    Args:
        graph: The graph, with an output at least.
        known: What `analysed` says of it.
        count: The number of its inputs that are arrays.
        arguments: The numbers that the kernels get.
        length: The number of lists in a table.
    """
    if any(type_of(graph, n) is None for n in (*graph.inputs, *graph.outputs, *known.reductions)):
        return None
    if any(graph.values[o.inputs[0]].dtype.kind in "iu" for o in known.reductions.values()):  # not exact in float
        return None
    results = list(known.reductions)
    lines = {}
    for o in graph.operations:
        if isinstance(o.primitive, Primitive):
            lines[o.outputs[0]] = _joined(graph, o, results) if o.primitive in REDUCTIONS else statement(graph, o)
    if not all(lines.values()):
        return None
    wide = any(graph.values[o.inputs[0]].dtype.itemsize > 4 for o in known.reductions.values())
    arrays = {n for n in arguments if not graph.values[n].weak}
    common = {
        "n": length,
        "inputs": count,
        "outputs": len(graph.outputs),
        "real": "double" if wide else "float",
        "arguments": ", R* partial" * bool(results)
        + "".join(f", const {type_of(graph, n)}{'*' * (n in arrays)} n{n}" for n in arguments),
        "numbers": _indented(1, (f"const {type_of(graph, n)} v{n} = {'*' * (n in arrays)}n{n};" for n in arguments)),
        "threads": THREADS,
        "shared": f"__shared__ R parts[{THREADS}];" * bool(results),
    }
    last = max(known.stage[n] for n in (*graph.outputs, *results))
    return [KERNEL % (common | _of_stage(graph, known, count, lines, stage, last)) for stage in range(last + 1)]


def _of_stage(graph, known, count, lines, stage, last):
    """What is in the kernel of a stage alone; that of the last one stores the outputs, the others leave reductions."""
    left = [n for n, o in known.reductions.items() if known.stage[n] == stage + 1] if stage < last else []
    outputs = dict(enumerate(graph.outputs)) if stage == last else {}
    needed = _needed(graph, known, {*outputs.values(), *(known.reductions[n].inputs[0] for n in left)})
    places = {n: list(known.reductions).index(n) for n in left}
    loads = [
        f"const {type_of(graph, n)} v{n} = (({type_of(graph, n)}*)table.x[list][{i}])[i];"
        for i, n in enumerate(graph.inputs[:count])
        if n in needed
    ]
    stores = {n: f"(({type_of(graph, n)}*)table.y[list][{i}])" for i, n in outputs.items()}
    before = [line for n, line in lines.items() if n in needed and n not in known.elements]
    body = [*loads, *(line for n, line in lines.items() if n in needed & known.elements)]
    body += [f"{place}[i] = v{n};" for n, place in stores.items() if n in known.elements]
    body += [_step(known.reductions[n], f"R(v{known.reductions[n].inputs[0]})") for n in left]
    after = [_across(known.reductions[n]) for n in left]
    after += [
        f"if (threadIdx.x == 0) partial[{k} * (size_t)gridDim.x + blockIdx.x] = part{n};" for n, k in places.items()
    ]
    after += [
        f"if (threadIdx.x == 0 && blockIdx.x == first) *{place} = v{n};"
        for n, place in stores.items()
        if n not in known.elements
    ]
    return {
        "before": _indented(1, [*before, *(_start(known.reductions[n]) for n in left)]),
        "body": _indented(2, body),
        "after": _indented(1, after),
    }


def _needed(graph, known, targets):
    """The values that others depend on, but for what comes before a reduction."""
    needed = set(targets)
    for operation in reversed(graph.operations):
        if not needed.isdisjoint(operation.outputs) and operation.outputs[0] not in known.reductions:
            needed.update(operation.inputs)
    return needed


def _indented(depth, lines):
    return ("\n" + "    " * depth).join(lines)


def _joined(graph, operation, results):
    """The statements for the result of a reduction, of what the blocks of an earlier kernel left."""
    n = operation.outputs[0]
    kind, count = type_of(graph, n), " / R(size)" if operation.primitive is reduction.mean else ""
    left = f"partial[{results.index(n)} * (size_t)gridDim.x + first + b_]"
    every = f"for (int b_ = threadIdx.x; b_ < blocks; b_ += {THREADS}) {_step(operation, left)}"
    return _indented(1, [_start(operation), every, _across(operation), f"const {kind} v{n} = {kind}(part{n}{count});"])


def _start(operation):
    return f"R part{operation.outputs[0]} = {REDUCTIONS[operation.primitive][0]};"


def _step(operation, x):
    """The statement that takes a number into the part of a thread."""
    n, step = operation.outputs[0], REDUCTIONS[operation.primitive][1]
    return f"{{ const R a = part{n}, b = {x}; part{n} = {step}; }}"


def _across(operation):
    """The statements that join the parts of all threads of a block, in an order that is always the same."""
    n, step = operation.outputs[0], REDUCTIONS[operation.primitive][1]
    return across_threads(f"part{n}", f"part{n}", step, THREADS)


# A table of another layout has another name: kernels of one process may be taken for one program.
KERNEL = (
    HEADERS
    + """
typedef %(real)s R;
struct Table_%(n)d_%(inputs)d_%(outputs)d {
    long long x[%(n)d][%(inputs)d], y[%(n)d][%(outputs)d], size[%(n)d];
    int end[%(n)d];
};

extern "C" __global__ void multi_tensor(const Table_%(n)d_%(inputs)d_%(outputs)d table%(arguments)s) {
    %(numbers)s
    %(shared)s
    int list = 0;
    while (table.end[list] <= blockIdx.x) ++list;
    const int first = list ? table.end[list - 1] : 0, blocks = table.end[list] - first;
    const long long size = table.size[list], rows = (size + %(threads)d - 1) / %(threads)d;
    const long long start = (rows + blocks - 1) / blocks * %(threads)d * (blockIdx.x - first);
    const long long stop = min(start + (rows + blocks - 1) / blocks * %(threads)d, size);
    %(before)s
    for (long long i = start + threadIdx.x; i < stop; i += %(threads)d) {
        %(body)s
    }
    %(after)s
}
"""
)
