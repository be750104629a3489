"""Reverse mode: a tape of what was computed, and one pass over it backwards."""

from .core import Array, Interpreter, Tracer, lift
from .ops.elementwise import astype, real

_new = object.__new__


class TapeTracer(Tracer):
    """A value on a tape, at a position of it."""

    __slots__ = ("_position",)
    _position: int


class Tape(Interpreter):
    """Records the primitives that are applied to its tracers, in order.

    Attributes:
        nodes: For each recorded value a tuple (primitive, edges, shape, dtype). An edge (position, rule, kept) leads to
            an argument that is on the tape: the cotangent `g` of the value contributes `rule(g, *kept)` to that of the
            argument. A node keeps what its rules name and nothing else.
        nested: Whether values on this tape may be tracers of other interpreters.
        ended: Whether the tape is used up.
    """

    __slots__ = ("ended", "nested", "nodes")

    def __init__(self):
        super().__init__()
        self.nodes = []
        self.nested = self.ended = False

    def watch(self, value):
        """A tracer for an input: a raw array, or a tracer of another interpreter."""
        self.nested |= isinstance(value, Array)
        self.nodes.append((None, (), value.shape, value.dtype))
        return self._tracer(value)

    def _tracer(self, value):
        """A tracer for the last node."""
        tracer = _new(TapeTracer)  # half the time of TapeTracer(...)
        tracer._trace = self
        tracer._value = value
        tracer._position = len(self.nodes) - 1
        return tracer

    def apply(self, primitive, args, params):  # runs for every operation: written for speed
        rules = primitive.rules
        if len(rules) != len(args):
            rules = primitive.rules_of(args)
        values, sources = [], []
        for a in args:
            if isinstance(a, Array):
                trace = a._trace
                if trace is self:
                    sources.append((len(values), a._position))  # type: ignore[attr-defined]
                    a = a._value
                elif trace.level == 0:
                    a = a._value
                else:
                    self.nested = True
            values.append(a)
        y = primitive(*values, **params) if self.nested else primitive.run(values, params)
        edges = []
        for i, position in sources:
            rule = rules[i]
            if rule is not None:
                keep = rule.keep
                edges.append((position, rule.function, keep(y, values, params, i) if keep else ()))
        if not edges:
            return lift(y)
        if self.ended:
            raise _escaped(primitive)
        self.nodes.append((primitive, edges, y.shape, y.dtype))
        return self._tracer(y)

    def value(self, x):
        """What is under `x` if it is on this tape, else `x`."""
        return lift(x._value) if isinstance(x, TapeTracer) and x._trace is self else x

    def pull(self, outputs, cotangents, inputs, *, consume):
        """The cotangents of the tracers `inputs`, given those of `outputs`; None for an input that nothing depends on.

        Args:
            consume: Release each node as soon as its cotangent has been passed on; the tape is used up.
        """
        nodes = self.nodes
        if self.ended:
            raise RuntimeError("Tape: expected a tape that was not used up, got one whose backward pass has run.")
        self.ended = consume
        gradients = [None] * len(nodes)
        owned = set()  # positions of sums that were made here: nobody else sees them, so they are added to in place
        for tracer, g in zip(outputs, cotangents, strict=True):
            if isinstance(tracer, TapeTracer) and tracer._trace is self:
                known = gradients[tracer._position]
                gradients[tracer._position] = g if known is None else known + g
        for position in range(len(nodes) - 1, -1, -1):
            edges = (nodes.pop() if consume else nodes[position])[1]
            g = gradients[position]
            if g is None or not edges:
                continue
            gradients[position] = None
            for argument, rule, kept in edges:
                c = rule(g, *kept)
                _, _, shape, dtype = nodes[argument]
                if c.shape != shape or c.dtype is not dtype:
                    c = _conform(c, shape, dtype)
                known = gradients[argument]
                if known is None:
                    gradients[argument] = c
                elif argument in owned:
                    gradients[argument] += c
                else:
                    gradients[argument] = known + c
                    owned.add(argument)
        return [gradients[x._position] for x in inputs]


def _conform(c, shape, dtype):
    """`c` in the shape and dtype of what it is the cotangent of: the transpose of broadcasting and of promotion."""
    added = c.ndim - len(shape)
    if added:
        c = c.sum(tuple(range(added)))
    if c.shape != shape:
        c = c.sum(tuple([i for i, n in enumerate(shape) if n == 1 != c.shape[i]]), keepdims=True)
    if c.dtype is dtype:
        return c
    if c.dtype.kind == "c" and dtype.kind != "c":
        c = real(c)
    return c if c.dtype == dtype else astype(c, dtype=dtype)


def _escaped(primitive):
    return RuntimeError(
        f"{primitive.name}: got a traced value whose transformation has ended. A function under grad or vjp returns "
        "its results and does not store them; store stop_gradient(x) to look at a value later."
    )
