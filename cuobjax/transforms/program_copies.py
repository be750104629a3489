"""Copies of variables on other devices, in programs around `Parallel`: known from run to run, as in eager code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.backend import Device
from autograd.copies import know_copies, on_device
from autograd.core import Array
from autograd.graph import Graph
from autograd.ops.elementwise import device_put

from ..core.agreement import agreed

__all__ = ["ProgramCopies"]


class ProgramCopies(NamedTuple):
    """The graph of a program whose caller has copies of variables.

    Attributes:
        graph: The graph, with copies of its inputs and outputs as further inputs and outputs.
        taken: For each further input, of which input it is a copy, and on which device.
        given: For each further output, of which output it is a copy.
    """

    graph: Graph
    taken: Sequence[tuple[int, Device]]
    given: Sequence[int]

    @classmethod
    def of(cls, graph: Graph, read: int, written: int) -> ProgramCopies:
        """The copies in a graph, whose last inputs and outputs, so many, are values of variables."""
        inputs = {n: i for i, n in enumerate(graph.inputs) if i >= len(graph.inputs) - read}
        outputs = list(enumerate(graph.outputs))[len(graph.outputs) - written :]
        taken: dict[int, tuple[int, Device]] = {}
        given: list[tuple[int, int]] = []  # the value, and of which output it is a copy
        for o in graph.operations:
            if o.primitive is device_put and o.inputs[0] in inputs and _is_between_gpus(o):
                taken[o.outputs[0]] = inputs[o.inputs[0]], o.params["target"]
            elif o.primitive is agreed:
                n = len(o.params["targets"])
                for alike in (o.outputs[k : k + n] for k in range(0, len(o.outputs), n)):
                    given += [(copy, i) for i, x in outputs if x in alike for copy in alike if copy != x]
        if not taken and not given:
            return cls(graph, (), ())
        operations = [o for o in graph.operations if o.outputs[0] not in taken]
        copies = [n for n, _ in given]
        new = Graph(graph.values, [*graph.inputs, *taken], graph.constants, operations, [*graph.outputs, *copies])
        new.on_host = graph.on_host
        return cls(new, [*taken.values()], [i for _, i in given])

    def inputs(self, inputs: Sequence[Any]) -> list[Any]:
        """All inputs of the graph, given those of the program, plain values."""
        return [*inputs, *[on_device(inputs[i], device) for i, device in self.taken]]

    def outputs(self, outputs: list[Array]) -> list[Array]:
        """The outputs of the program, given all of the graph, plain values: copies of them are known from now on."""
        count = len(outputs) - len(self.given)
        for i, copy in zip(self.given, outputs[count:], strict=True):
            know_copies(outputs[i], {copy.device: copy})
        return outputs[:count]


def _is_between_gpus(operation):
    """Whether a `device_put` is one of GPUs alone. What a program moves to or from the host is freed at its end."""
    return operation.params["source"].kind == operation.params["target"].kind == "gpu"
