"""A graph run operation by operation, through the kernels of the primitives: on any device."""

from .memory import Memory


class StepwiseProgram:
    """The program of a graph.

    Attributes:
        borrowed: Positions of inputs that an output may look into.
        peak_bytes: The most memory that results take at once; None, unknown.
        source: How it runs, as text.
    """

    peak_bytes = None

    def __init__(self, graph, name):
        self.graph = graph
        self.borrowed = Memory(graph).borrowed
        self.source = f"# {name}\n" + "".join(map(_line, graph.operations))

    def __call__(self, values):
        return self.graph.interpret(values)


def _line(operation):
    outputs = ", ".join(f"v{n}" for n in operation.outputs)
    inputs = ", ".join(f"v{n}" for n in operation.inputs)
    return f"{outputs} = {operation.primitive.name}({inputs})\n"
