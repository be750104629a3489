"""Which values of a graph share memory, and how long it is needed."""

from typing import Any

import numpy

from ..graph import Graph, Operation
from ..primitive import Primitive

__all__ = ["OF_PLACES", "Memory", "is_fresh", "is_view", "ufunc_of"]

# Which of two zeros they choose depends on the place of an element in the arrays, and on whether the result is written
# over an operand: programs call them as eager code does.
OF_PLACES: frozenset[numpy.ufunc] = frozenset([numpy.fmax, numpy.fmin])


class Memory:
    """The memory of each value.

    Attributes:
        roots: For each value the values whose memory it may share; itself if it has memory of its own.
        last: The position of the last operation that uses a value's memory.
        made: Values with memory that an operation makes.
        borrowed: Positions of inputs whose memory an output may share.
    """

    roots: dict[int, frozenset[int]]
    last: dict[int, int]
    made: set[int]
    borrowed: frozenset[int]

    def __init__(self, graph: Graph) -> None:
        self.roots = {n: frozenset([n]) for n in (*graph.inputs, *graph.constants)}
        uses = graph.last_uses()
        self.last = dict.fromkeys(self.roots, -1)
        for operation in graph.operations:
            for n in operation.outputs:
                shared = () if is_fresh(operation, graph) else operation.inputs
                own: frozenset[int] = frozenset() if is_view(operation, graph) else frozenset([n])
                self.roots[n] = own.union(*[self.roots[i] for i in shared])
        for n, roots in self.roots.items():
            for root in roots:
                self.last[root] = max(self.last.get(root, -1), uses.get(n, -1))
        self.made = {n for o in graph.operations if not is_view(o, graph) for n in o.outputs}
        escaping = frozenset().union(*[self.roots[n] for n in graph.outputs])
        self.borrowed = frozenset([i for i, n in enumerate(graph.inputs) if n in escaping])


def ufunc_of(primitive: Any) -> numpy.ufunc | None:
    """The ufunc that computes a primitive on NumPy arrays; None if there is none."""
    forward = getattr(primitive, "forward", None)
    function = getattr(numpy, forward, None) if isinstance(forward, str) else None
    return function if isinstance(function, numpy.ufunc) and function.nout == 1 else None


def is_view(operation: Operation, graph: Graph) -> bool:
    """Whether the result is a view of the first argument."""
    return _memory(operation, graph) == "view"


def is_fresh(operation: Operation, graph: Graph) -> bool:
    """Whether no result shares memory with an argument."""
    return _memory(operation, graph) == "new"


def _memory(operation, graph):
    """`Primitive.memory`; the results of ufuncs and of Python's operators are new."""
    primitive = operation.primitive
    if not isinstance(primitive, Primitive) or ufunc_of(primitive) is not None:
        return "new"
    return primitive.memory_of([graph.values[n] for n in operation.inputs], operation.params)
