"""A graph run operation by operation, through the kernels of the primitives: on any device."""

from collections.abc import Sequence
from typing import Any

from ..graph import Graph
from .memory import Memory

__all__ = ["StepwiseProgram"]


class StepwiseProgram:
    """The program of a graph.

    Attributes:
        borrowed: Positions of inputs whose memory an output may share.
        graph: The graph that it runs.
        peak_bytes: None: not known beforehand.
        source: The operations, as text.
    """

    borrowed: frozenset[int]
    peak_bytes: None = None
    source: str

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph: Graph = graph
        self.borrowed = Memory(graph).borrowed
        self.source = f"# {name}\n" + "".join(map(_line, graph.operations))

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The raw outputs for raw inputs."""
        return self.graph.interpret(values)


def _line(operation):
    outputs = ", ".join(f"v{n}" for n in operation.outputs)
    inputs = ", ".join(f"v{n}" for n in operation.inputs)
    return f"{outputs} = {operation.primitive.name}({inputs})\n"
