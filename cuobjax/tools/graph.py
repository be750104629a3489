"""`make_graph`: what a function does with its arguments, as a graph to look at."""

from collections.abc import Callable, Sequence
from typing import Any

from ..transforms.jit import Jit
from ..transforms.recorded_graph import RecordedGraph

__all__ = ["make_graph"]


def make_graph(
    f: Callable[..., Any], static_argnums: int | Sequence[int] | None = None
) -> Callable[..., RecordedGraph]:
    """A function of the arguments of `f`, a function or module, that gives the graph of the operations in such a call.

    `f` runs once, to be recorded, and its variables keep their values. Printed, the graph has a line for each
    operation, with the line of the user that asked for it; `save("graph.svg")` draws it where Graphviz is installed.

    Args:
        f: The function or module; of a `Jit`, what it would record.
        static_argnums: As for `Jit`.

    Example:
        >>> import cuobjax
        >>> import cuobjax.numpy as jn
        >>> graph = make_graph(lambda x: jn.tanh(x) * 2)(jn.ones(3))
        >>> [operation.primitive.name for operation in graph.operations]
        ['tanh', 'multiply']
        >>> list(graph.inputs)
        ['argument 0 (x)']
    """
    if hasattr(static_argnums, "dtype"):
        remedy = "Arguments come with the call of the result: make_graph(f)(x)"
        raise TypeError(f"make_graph: expected static_argnums as positions, got an array. {remedy}.")
    jit = f if isinstance(f, Jit) else Jit(f, None, static_argnums)
    return lambda *args, **kwargs: jit.lower(*args, **kwargs).graph
