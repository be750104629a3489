"""Traced values, and traces of your own, under HIPS autograd's names.

`trace` runs a function and makes a node for every operation in it: its class, and what that does, are up to you.
`VJPNode` and `JVPNode` are those that compute derivatives. (`grad` and the others use a tape instead.)
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .backend import is_array
from .core import Array, Interpreter, Tracer, lift
from .forward import ForwardTracer, tangent_of, zeros_like
from .numpy._common import as_array
from .numpy.numpy_boxes import ArrayBox, Box
from .operation import primitive
from .reverse import TapeTracer, conformed
from .rules import getval, notrace_primitive, register_notrace

__all__ = [
    "Box", "JVPNode", "Node", "VJPNode", "backward_pass", "getval", "isbox", "new_box", "notrace_primitive",
    "primitive", "primitive_vjps", "register_notrace", "toposort", "trace", "trace_stack",
]  # fmt: skip

primitive_vjps: dict[Any, Any] = {}
"""Empty: operations have their derivatives with them."""

for _kind in (TapeTracer, ForwardTracer):  # programs compare the text of a class
    _kind.__module__, _kind.__qualname__ = ArrayBox.__module__, ArrayBox.__qualname__


def isbox(x: Any) -> bool:
    """Whether `x` is a traced value."""
    return isinstance(x, Tracer)


class Node:
    """What a trace knows of a value: subclasses define both methods.

    Args:
        value: The result of an operation.
        fun: The operation.
        args: Its arguments, one level below.
        kwargs: Its parameters.
        parent_argnums: The positions of the arguments that are traced.
        parents: Their nodes.
    """

    __slots__ = ()

    def __init__(
        self, value: Any, fun: Any, args: Sequence[Any], kwargs: dict[str, Any], parent_argnums: Any, parents: Any
    ) -> None:
        raise NotImplementedError

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        """Makes it the node of an input."""
        raise NotImplementedError

    @classmethod
    def new_root(cls, *args: Any, **kwargs: Any) -> Any:
        """The node of an input."""
        root = cls.__new__(cls)
        root.initialize_root(*args, **kwargs)
        return root


class _Nodes(Interpreter):
    """Makes a node of the class of its arguments' nodes for each result."""

    __slots__ = ()
    differentiates: bool = True

    def apply(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        argnums = [i for i, a in enumerate(args) if self.owns(a)]
        parents = [args[i]._node for i in argnums]
        kind = type(parents[0])
        values = [a._value if isinstance(a, Array) and (self.owns(a) or a._trace.level == 0) else a for a in args]
        y = primitive(*values, **params)
        if kind in (VJPNode, JVPNode) and not any(primitive.vjps_of(values)[i] for i in argnums):
            return lift(y)
        node = kind(y, primitive, values, params, argnums, parents)
        if type(y) is not tuple:
            return ArrayBox(y, self, node)
        parts = [kind(part, _Part(i), (y,), {}, [0], [node]) for i, part in enumerate(y)]
        return tuple([ArrayBox(part, self, of) for part, of in zip(y, parts, strict=True)])


class _Part:
    """Part `i` of a result of several arrays, as an operation."""

    def __init__(self, i):
        self.i = i
        self.name = self.__name__ = f"part {i}"

    def cotangent(self, g, y):
        """The cotangent of the whole result `y`."""
        return tuple([g if k == self.i else zeros_like(part) for k, part in enumerate(y)])


class _Stack:
    """Begins traces; an object, as programs name it."""

    @contextlib.contextmanager
    def new_trace(self) -> Iterator[Interpreter]:
        """A new trace, inside of all that run."""
        yield _Nodes()


trace_stack: _Stack = _Stack()


@functools.cache
def _lasting(number):
    """The trace of a program that names one by a number, as HIPS autograd's nesting depth."""
    return _Nodes()


def new_box(value: Any, trace: Any, node: Any) -> Any:
    """A traced value.

    Args:
        value: An array or a real or complex number.
        trace: What `trace_stack.new_trace()` gives, or an integer for a trace that is never left.
        node: Its node.

    Raises:
        TypeError: If it is neither, and its type is not registered by `Box.register`.
    """
    trace = _lasting(trace) if isinstance(trace, int) else trace
    if isinstance(value, Array) or is_array(value) or type(value) in (float, complex):
        return ArrayBox(_lowered(as_array(value)), trace, node)
    kind = Box.type_mappings.get(type(value))
    if kind is None:
        raise TypeError(f"new_box: expected an array or a real or complex number, got {type(value).__name__}.")
    return kind(value, trace, node)


def _lowered(x):
    """The raw array under a plain Array; a traced value itself."""
    return x._value if type(x) is Array else x


def trace(start_node: Any, fun: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
    """Runs `fun(x)` and makes a node for each operation on what depends on `x`.

    Args:
        start_node: The node of `x`: that of a result has its class, and is made with (value, fun, args, kwargs,
            parent_argnums, parents).

    Returns:
        The output and its node; None for one that does not depend on `x`.
    """
    with trace_stack.new_trace() as inner:
        y = fun(new_box(x, inner, start_node))
    return (y._value, y._node) if inner.owns(y) else (y, None)


def toposort(end_node: Any, parents: Callable[[Any], Any] = operator.attrgetter("parents")) -> Iterator[Any]:
    """The nodes that `end_node` depends on and itself, each before its parents."""
    order, seen, stack = [], set(), [(end_node, False)]
    while stack:
        node, left = stack.pop()
        if left:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent in parents(node))
    return reversed(order)


class VJPNode(Node):
    """A node that pulls cotangents back: `vjp(g)` returns those of its `parents`."""

    __slots__ = ("parents", "vjp")
    parents: Any
    vjp: Callable[[Any], Sequence[Any]]

    def __init__(
        self, value: Any, fun: Any, args: Sequence[Any], kwargs: dict[str, Any], parent_argnums: Any, parents: Any
    ) -> None:
        self.parents = parents
        if isinstance(fun, _Part):
            self.vjp = lambda g: [fun.cotangent(g, args[0])]
        else:
            self.vjp = lambda g: [_cotangent(fun, g, value, args, kwargs, i) for i in parent_argnums]

    def initialize_root(self) -> None:
        """Makes it the node of an input."""
        self.parents, self.vjp = [], lambda g: ()


def _cotangent(fun, g, value, args, kwargs, i):
    rule = fun.vjps_of(args)[i]
    if rule is None:
        return zeros_like(args[i])
    return conformed(rule.applied(g, value, args, kwargs, i), args[i].shape, args[i].dtype)


def backward_pass(g: Any, end_node: VJPNode) -> Any:
    """The cotangent of the input of a trace of `VJPNode`s.

    Args:
        g: The cotangent of the output.
        end_node: The node of the output.
    """
    c = _lowered(as_array(g)) if isinstance(g, (int, float, complex)) else g
    known = {id(end_node): c}
    for node in toposort(end_node):
        c = known.pop(id(node))
        for parent, part in zip(node.parents, node.vjp(c), strict=True):
            known[id(parent)] = _added(known[id(parent)], part) if id(parent) in known else part
    return c


def _added(a, b):
    return tuple(map(operator.add, a, b)) if type(a) is tuple else a + b


class JVPNode(Node):
    """A node with the tangent `g` of its value."""

    __slots__ = ("g",)
    g: Any

    def __init__(
        self, value: Any, fun: Any, args: Sequence[Any], kwargs: dict[str, Any], parent_argnums: Any, parents: Any
    ) -> None:
        if isinstance(fun, _Part):
            self.g = parents[0].g[fun.i]
            return
        tangents = dict(zip(parent_argnums, [parent.g for parent in parents], strict=True))
        self.g = tangent_of(fun, value, args, [tangents.get(i) for i in range(len(args))], kwargs)

    def initialize_root(self, g: Any) -> None:
        """Makes it the node of an input with the tangent `g`."""
        self.g = g
