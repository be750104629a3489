"""In which order of axes NumPy lays out the values of a graph, as far as that is known before it runs."""

from __future__ import annotations

from typing import Any

import numpy

from ..graph import Graph, Operation
from ..ops import product, shape
from ..primitive import Primitive

__all__ = ["Orders", "has_order"]


def has_order(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape can be laid out in several orders."""
    return sum(n > 1 for n in shape) > 1


class Orders:
    """The order of the axes of each value, from the one with the largest stride to that with the smallest.

    Sums of arrays of another order add in another order, so a result must not get the memory of an argument that is
    laid out in another way than NumPy would choose for it.

    Args:
        graph: The graph.
        plain: Whether its inputs are laid out rows after rows.
    """

    def __init__(self, graph: Graph, plain: bool) -> None:
        self._values = graph.values
        self._known: dict[int, Any] = {}
        for n in graph.inputs if plain else ():
            self._known[n] = self._rows(n)
        for n, x in graph.constants.items():
            if isinstance(x, numpy.ndarray) and x.flags.c_contiguous:
                self._known[n] = self._rows(n)

    def of(self, n: int) -> Any:
        """The order of a value; where it is not known, what is equal for values of the same order alone."""
        return self._known.get(n, n)

    def note(self, operation: Operation, is_ufunc: bool) -> None:
        """Finds the order of the result of an operation, whose arguments are known or the results of earlier ones.

        Args:
            operation: The operation.
            is_ufunc: Whether one ufunc computes it for each element.
        """
        primitive, (n, *others) = operation.primitive, operation.outputs
        values, rows = self._values, self._rows(n)
        used = [i for i in operation.inputs if has_order(values[i].shape)]
        plain = all(self.of(i) == self._rows(i) for i in used)
        if others or not isinstance(primitive, Primitive):
            return
        if primitive is shape.transpose:
            order = self.of(operation.inputs[0])
            if isinstance(order, tuple):
                self._known[n] = tuple([operation.params["axes"].index(i) for i in order])
        elif (plain and used and (primitive.kind == "elementwise" or primitive.ufunc)) or (
            plain and (primitive is shape.reshape or primitive is product.matmul)
        ):
            self._known[n] = rows
        elif (
            is_ufunc and len({self.of(i) for i in used}) == 1 and all(values[i].shape == values[n].shape for i in used)
        ):
            self._known[n] = self.of(used[0])

    def _rows(self, n):
        return tuple(range(len(self._values[n].shape)))
