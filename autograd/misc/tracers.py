"""Programs that run again what they did the first time, under HIPS autograd's names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..tracer import Node, new_box, toposort, trace_stack

__all__ = ["const_graph"]


class _Step(Node):
    """An operation of the program, and where its traced arguments come from."""

    __slots__ = ("arguments", "fun", "kwargs", "parents", "positions")

    def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
        self.fun, self.kwargs, self.parents, self.positions = fun, kwargs, parents, parent_argnums
        self.arguments = [None if i in parent_argnums else a for i, a in enumerate(args)]

    def initialize_root(self):
        self.parents = []

    def run(self, values):
        """The result, given the values of nodes by their id."""
        arguments = list(self.arguments)
        for i, parent in zip(self.positions, self.parents, strict=True):
            arguments[i] = values[id(parent)]
        return self.fun(*arguments, **self.kwargs)


def const_graph(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """A function that runs `fun` once; from then on it repeats the operations of that run, whatever Python would do.

    `cuobjax.Jit` compiles what it records, and looks at shapes, dtypes and static arguments.

    Args:
        args, kwargs: First arguments of `fun`, and those by name, the same in all runs.
    """
    known: list[Any] = []

    @functools.wraps(fun)
    def repeated(*inputs: Any) -> Any:
        if not known:
            with trace_stack.new_trace() as inner:
                roots = [_Step.new_root() for _ in inputs]
                boxes = [new_box(x, inner, root) for x, root in zip(inputs, roots, strict=True)]
                y = fun(*args, *boxes, **kwargs)
            if not inner.owns(y):
                raise TypeError(
                    f"const_graph: expected one array that depends on the arguments, got {type(y).__name__}."
                )
            known.extend([roots, list(toposort(y._node))[::-1]])
            return y._value
        roots, steps = known
        values = dict(zip(map(id, roots), inputs, strict=True))
        for step in steps:
            if id(step) not in values:
                values[id(step)] = step.run(values)
        return values[id(steps[-1])]

    return repeated
