"""What a program does, step by step, as data: for people who look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..graph import Graph, Operation
from ..primitive import Primitive
from .formulas import refusal
from .memory import is_view

__all__ = ["Step", "steps"]

PRODUCTS = frozenset("convolution convolution_input convolution_kernel einsum matmul".split())


class Step(NamedTuple):
    """An operation of a program as it runs.

    Attributes:
        name: Its name.
        kind: "kernel" or "loop" if the compiler made it of one or more operations, "product" for a product of matrices
            or a convolution, "view" if it moves no element, "number" for Python numbers, "call" for any other function
            of NumPy or CuPy.
        operations: The names of the operations that were recorded and that it computes, in their order.
        launches: How many kernels it launches: none on a CPU, None if that is not known beforehand.
        read, written: The bytes of its arguments and of its results, each array once.
        reason: Why it is no part of a kernel or loop, where others like it are; else "".
        line: The line of the user that applied it, or the last one of them: "file:line in function".
    """

    name: str
    kind: str
    operations: tuple[str, ...]
    launches: int | None
    read: int
    written: int
    reason: str
    line: str


def steps(program: Any) -> tuple[Step, ...]:
    """The steps of a program.

    Its attribute `graph` says what it runs. What stands in this graph in place of a primitive may have the attributes
    `kind`, `operations` and `launches` of a `Step`; without them it is a call.
    """
    return tuple([_step(program.graph, operation) for operation in program.graph.operations])


def _step(graph: Graph, operation: Operation) -> Step:
    primitive = operation.primitive
    kind, reason = _kind(graph, operation), ""
    if kind == "call" and not graph.on_host and getattr(primitive, "kind", "") == "elementwise":
        reason = refusal(graph, operation)
    moves = kind not in ("view", "number")
    launches = None if kind in ("call", "product") and not graph.on_host else 0
    return Step(
        primitive.name,
        kind,
        tuple(getattr(primitive, "operations", (primitive.name,))),
        launches if graph.on_host else getattr(primitive, "launches", launches),
        _bytes(graph, operation.inputs) * moves,
        _bytes(graph, operation.outputs) * moves,
        reason,
        operation.line,
    )


def _kind(graph, operation):
    primitive = operation.primitive
    if not isinstance(primitive, Primitive):
        return getattr(primitive, "kind", "number" if graph.values[operation.outputs[0]].weak else "call")
    if is_view(operation, graph):
        return "view"
    return "product" if primitive.name in PRODUCTS else "call"


def _bytes(graph: Graph, positions: Sequence[int]) -> int:
    return sum(graph.values[n].nbytes for n in set(positions) if not graph.values[n].weak)
