"""Which values of a graph share memory, and how long it is needed."""

import numpy as onp

from ..ops import elementwise, indexing, random, reduction, shape, softmax
from ..ops.indexing import ARRAY
from ..primitive import Primitive

_FRESH = {  # the results of these share no memory with their arguments; nor do those of NumPy's ufuncs
    *[getattr(elementwise, name) for name in "astype where power_of sigmoid softplus relu leaky_relu".split()],
    *[getattr(reduction, name) for name in "sum mean max min prod var std norm logsumexp cumsum any all".split()],
    *[getattr(indexing, name) for name in "add_at set_at take_along_axis add_along_axis".split()],
    *[getattr(random, name) for name in "split uniform normal truncated_normal randint bernoulli bits".split()],
    reduction.argmax, reduction.argmin, softmax.softmax, softmax.log_softmax, softmax.cross_entropy, shape.concatenate,
}  # fmt: skip


class Memory:
    """Which memory each value lies in.

    Attributes:
        roots: For each number the values whose memory it may look into; its own number if it has memory.
        last: The position of the last operation that uses a value's memory.
        made: Values with memory that an operation makes.
        borrowed: Positions of inputs that an output may look into.
    """

    def __init__(self, graph):
        self.roots = {n: frozenset([n]) for n in (*graph.inputs, *graph.constants)}
        uses = graph.last_uses()
        self.last = dict.fromkeys(self.roots, -1)
        for operation in graph.operations:
            for n in operation.outputs:
                looked_into = () if is_fresh(operation) else operation.inputs
                own = frozenset() if is_view(operation) else frozenset([n])
                self.roots[n] = own.union(*[self.roots[i] for i in looked_into])
        for n, roots in self.roots.items():
            for root in roots:
                self.last[root] = max(self.last.get(root, -1), uses.get(n, -1))
        self.made = {n for o in graph.operations if not is_view(o) for n in o.outputs}
        escaping = frozenset().union(*[self.roots[n] for n in graph.outputs])
        self.borrowed = frozenset([i for i, n in enumerate(graph.inputs) if n in escaping])


def ufunc_of(primitive):
    """The ufunc that a primitive is on NumPy arrays, None if it is none."""
    forward = getattr(primitive, "forward", None)
    function = getattr(onp, forward, None) if isinstance(forward, str) else None
    return function if isinstance(function, onp.ufunc) and function.nout == 1 else None


def is_view(operation):
    """Whether the result is the memory of the first argument, seen otherwise."""
    primitive = operation.primitive
    return primitive in (shape.transpose, shape.broadcast_to) or (
        primitive is indexing.getitem and ARRAY not in operation.params["index"]
    )


def is_fresh(operation):
    """Whether no result shares memory with an argument."""
    primitive = operation.primitive
    if primitive is indexing.getitem:
        return ARRAY in operation.params["index"]
    return primitive in _FRESH or ufunc_of(primitive) is not None or not isinstance(primitive, Primitive)
