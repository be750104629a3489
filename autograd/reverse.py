"""Reverse mode: a tape of what was computed, and one pass over it backwards."""

from .core import Array, Interpreter, Tracer, lift
from .ops.elementwise import astype, real
from .ops.reduction import sum
from .ops.shape import reshape


class Node:
    """One recorded value: how its cotangent reaches the values that it was computed from.

    Attributes:
        primitive: The operation that computed it, None for an input.
        edges: A tuple (node, rule, kept) for every recorded argument: its cotangent is `rule(g, *kept)`.
    """

    __slots__ = ("dtype", "edges", "primitive", "shape")

    def __init__(self, primitive, edges, shape, dtype):
        self.primitive = primitive
        self.edges = edges
        self.shape = shape
        self.dtype = dtype

    def __repr__(self):
        return f"<node {self.primitive.name if self.primitive else 'input'} {self.dtype}{list(self.shape)}>"


class TapeTracer(Tracer):
    """A value on a tape."""

    __slots__ = ("_node",)

    def __init__(self, trace, value, node):
        self._trace = trace
        self._value = value
        self._node = node


class Tape(Interpreter):
    """Records the primitives that are applied to its tracers, in order.

    Attributes:
        nodes: The recorded nodes. A node keeps what its rules name and nothing else.
    """

    __slots__ = ("nodes",)

    def __init__(self):
        super().__init__()
        self.nodes = []

    def watch(self, value):
        """A tracer for an input: a raw array, or a tracer of another interpreter."""
        return TapeTracer(self, value, Node(None, (), value.shape, value.dtype))

    def apply(self, primitive, args, params):
        if self.nodes is None:
            raise _escaped(primitive)
        values = []
        for a in args:
            if isinstance(a, Array):
                trace = a._trace
                if trace is self or trace.level == 0:
                    a = a._value
            values.append(a)
        y = primitive(*values, **params)
        if not primitive.rules:
            return lift(y)
        edges = []
        for i, a in enumerate(args):
            if isinstance(a, TapeTracer) and a._trace is self:
                rule = primitive.rule(i)
                if rule is not None:
                    edges.append((a._node, rule.function, rule.keep(y, values, params, i)))
        if not edges:
            return lift(y)
        node = Node(primitive, edges, y.shape, y.dtype)
        self.nodes.append(node)
        return TapeTracer(self, y, node)

    def value(self, x):
        """What is under `x` if it is on this tape, else `x`."""
        return lift(x._value) if isinstance(x, TapeTracer) and x._trace is self else x

    def pull(self, outputs, cotangents, inputs, *, consume):
        """The cotangents of the tracers `inputs`, given those of `outputs`; None for an input that nothing depends on.

        Args:
            consume: Release each node as soon as its cotangent has been passed on; the tape is used up.
        """
        if self.nodes is None:
            raise RuntimeError("Tape: expected a tape that was not used up, got one whose backward pass has run.")
        nodes, self.nodes = self.nodes, None if consume else self.nodes
        gradients, owned = {}, set()
        for tracer, g in zip(outputs, cotangents, strict=True):
            if isinstance(tracer, TapeTracer) and tracer._trace is self:
                node = tracer._node
                gradients[node] = gradients[node] + g if node in gradients else g
        for node in _from_the_end(nodes) if consume else reversed(nodes):
            g = gradients.pop(node, None)
            if g is not None:
                _pass_on(g, node.edges, gradients, owned)
        return [gradients.get(x._node) for x in inputs]


def _from_the_end(nodes):
    """Takes the nodes off the list, so that what only they keep is released."""
    while nodes:
        yield nodes.pop()


def _pass_on(g, edges, gradients, owned):
    """Adds the cotangents that a node's cotangent `g` implies to those of its arguments.

    `owned` holds the nodes whose gradient is a sum that was made here: nobody else sees it, so it is added to in place.
    """
    for parent, rule, kept in edges:
        c = rule(g, *kept)
        if c.shape != parent.shape or c.dtype is not parent.dtype:
            c = _conform(c, parent)
        if parent not in gradients:
            gradients[parent] = c
        elif parent in owned:
            gradients[parent] += c
        else:
            gradients[parent] = gradients[parent] + c
            owned.add(parent)


def _conform(c, node):
    """`c` in the shape and dtype of the node: the transpose of broadcasting and of dtype promotion."""
    added = len(c.shape) - len(node.shape)
    if added < 0 or any(n not in (1, m) for n, m in zip(node.shape, c.shape[max(added, 0) :], strict=True)):
        raise AssertionError(f"{node}: a rule gave a cotangent of shape {c.shape}")
    axes = (*range(added), *(added + i for i, n in enumerate(node.shape) if n != c.shape[added + i]))
    if axes:
        c = reshape(sum(c, axis=axes, keepdims=False), shape=node.shape)
    if c.dtype.kind == "c" and node.dtype.kind != "c":
        c = real(c)
    return c if c.dtype == node.dtype else astype(c, dtype=node.dtype)


def _escaped(primitive):
    return RuntimeError(
        f"{primitive.name}: got a traced value whose transformation has ended. A function under grad or vjp must return its "
        "results, not store them; store stop_gradient(x) to look at a value later."
    )
