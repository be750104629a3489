"""Which values of a graph share memory, and how long it is needed."""

from typing import Any

import numpy

from ..graph import Graph, Operation
from ..primitive import Primitive

__all__ = ["Memory", "is_fresh", "is_view", "ufunc_of"]


class Memory:
    """The memory of each value.

    Attributes:
        roots: For each number the values whose memory it may look into; its own number if it has memory.
        last: The position of the last operation that uses a value's memory.
        made: Values with memory that an operation makes.
        borrowed: Positions of inputs that an output may look into.
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
                looked_into = () if is_fresh(operation) else operation.inputs
                own: frozenset[int] = frozenset() if is_view(operation) else frozenset([n])
                self.roots[n] = own.union(*[self.roots[i] for i in looked_into])
        for n, roots in self.roots.items():
            for root in roots:
                self.last[root] = max(self.last.get(root, -1), uses.get(n, -1))
        self.made = {n for o in graph.operations if not is_view(o) for n in o.outputs}
        escaping = frozenset().union(*[self.roots[n] for n in graph.outputs])
        self.borrowed = frozenset([i for i, n in enumerate(graph.inputs) if n in escaping])


def ufunc_of(primitive: Any) -> numpy.ufunc | None:
    """The ufunc that computes a primitive on NumPy arrays; None if there is none."""
    forward = getattr(primitive, "forward", None)
    function = getattr(numpy, forward, None) if isinstance(forward, str) else None
    return function if isinstance(function, numpy.ufunc) and function.nout == 1 else None


def is_view(operation: Operation) -> bool:
    """Whether the result is a view of the first argument."""
    return _memory(operation) == "view"


def is_fresh(operation: Operation) -> bool:
    """Whether no result shares memory with an argument."""
    return _memory(operation) == "new"


def _memory(operation):
    """`Primitive.memory`; the results of ufuncs and of Python's operators are new."""
    primitive = operation.primitive
    if not isinstance(primitive, Primitive) or ufunc_of(primitive) is not None:
        return "new"
    return primitive.memory_of(operation.params)
