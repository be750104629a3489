"""A pass for GPUs: cheap elementwise results are computed again where that saves memory.

What a backward pass needs of the forward pass is held in between. Where an elementwise operation needs the result of
others of its shape, and these need only what is held anyway, they run again in its kernel: that reads memory which it
would read as well, and writes none. So of an activation that a user writes out in ten operations one array is held.
"""

from __future__ import annotations

import itertools

from ..graph import Graph, Operation
from ..ops.shape import reshape
from .formulas import statement
from .memory import is_view
from .passes import without_dead_code

__all__ = ["Gaps", "recomputed"]

MOST = 16  # operations that one result may take
LEAST = 1024  # bytes of a result that is worth it


class Gaps:
    """What is known of a graph in which elementwise operations next to each other become one kernel.

    Attributes:
        shapes: For each operation the shape of its result if it can be in a kernel, else None.
        users: The operations that use a value, in order, itself or through views; the end counts for outputs.
    """

    shapes: list[tuple[int, ...] | None]
    users: dict[int, list[int]]

    def __init__(self, graph: Graph) -> None:
        self.shapes = [_shape(graph, o) for o in graph.operations]
        self._views = [is_view(o, graph) or o.primitive is reshape for o in graph.operations]
        work = [shape is None and not view for shape, view in zip(self.shapes, self._views, strict=True)]
        self._work = [0, *itertools.accumulate(work)]  # how many operations before each one are not in kernels
        self.users = {n: [len(graph.operations)] for n in graph.outputs}
        for i in reversed(range(len(graph.operations))):
            operation = graph.operations[i]
            through = self.users.get(operation.outputs[0], []) if self._views[i] else []
            for n in dict.fromkeys(operation.inputs):
                self.users.setdefault(n, []).extend([i, *through])
        self.users = {n: sorted(set(users)) for n, users in self.users.items()}

    def is_view(self, operation: int) -> bool:
        """Whether an operation, not the end, gives a view, or reshapes."""
        return operation < len(self._views) and self._views[operation]

    def between(self, first: int, second: int) -> bool:
        """Whether an operation that is in no kernel runs between two."""
        return self._work[min(second, len(self.shapes))] > self._work[first + 1]


def _shape(graph, operation):
    value = graph.values[operation.outputs[0]]
    return value.shape if not value.weak and 0 not in value.shape and statement(graph, operation) else None


def recomputed(graph: Graph) -> Graph:
    """The graph with operations repeated where that saves memory."""
    pass_ = _Recomputation(graph)
    for i in range(len(graph.operations)):
        pass_.consider(i)
    return without_dead_code(pass_.result()) if pass_.again else graph


class _Recomputation:
    """What is found of a graph so far.

    Attributes:
        again: The values that an operation gets from a repetition, {operation: {value: operations to repeat}}.
    """

    again: dict[int, dict[int, list[int]]]

    def __init__(self, graph: Graph) -> None:
        self._graph, self._gaps, self.again = graph, Gaps(graph), {}
        self._maker = {n: i for i, o in enumerate(graph.operations) for n in o.outputs}
        self._last = {n: users[-1] for n, users in self._gaps.users.items()}

    def consider(self, i: int) -> None:
        """Decides whether the result of an operation is held for later ones."""
        gaps, (n, *_) = self._gaps, self._graph.operations[i].outputs
        shape, users = gaps.shapes[i], gaps.users.get(n, [])
        if shape is None or self._graph.values[n].nbytes < LEAST:
            return
        others = [u for u in users if u == len(gaps.shapes) or gaps.shapes[u] != shape]
        end = max([i, *others])
        late = [u for u in users if u > end and gaps.between(end, u)]
        found = {u: self._operations(n, u, shape) for u in late}
        if not late or not all(found.values()):
            return
        for u, operations in found.items():
            self.again.setdefault(u, {})[n] = operations or []
        self._last[n] = max([i, *[u for u in users if u not in found]])

    def _operations(self, n: int, user: int, shape: tuple[int, ...]) -> list[int] | None:
        """The operations to repeat for a value right before one that uses it; None if they need what is not there."""
        needed, waiting = set[int](), [n]
        while waiting:
            i = self._maker[waiting.pop()]
            if i in needed:
                continue
            needed.add(i)
            if len(needed) > MOST or self._gaps.shapes[i] != shape:
                return None
            inputs = self._graph.operations[i].inputs
            waiting += [m for m in inputs if m in self._maker and self._last.get(m, -1) < user]
        return sorted(needed)

    def result(self) -> Graph:
        """The graph."""
        graph = self._graph
        values, operations = list(graph.values), list[Operation]()
        for i, operation in enumerate(graph.operations):
            new: dict[int, int] = {}
            for k in sorted({k for repeated in self.again.get(i, {}).values() for k in repeated}):
                (n,) = graph.operations[k].outputs
                new[n] = len(values)
                values.append(values[n])
                operations.append(_renamed(graph.operations[k], new)._replace(outputs=(new[n],)))
            operations.append(_renamed(operation, {n: new[n] for n in self.again.get(i, ())}))
        again = Graph(values, graph.inputs, graph.constants, operations, graph.outputs)
        again.on_host = graph.on_host
        return again


def _renamed(operation: Operation, new: dict[int, int]) -> Operation:
    return operation._replace(inputs=tuple([new.get(n, n) for n in operation.inputs]))
