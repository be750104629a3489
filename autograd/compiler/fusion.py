"""Elementwise operations of a graph put together into kernels, for a GPU.

Operations that have a formula (`Primitive.cuda`) and results of one shape join the kernel of an operation whose result
they use, where no other operation has to run in between. Then kernels of the same text that do not depend on each
other, such as the updates of many variables, run together as a `MultiTensorProgram`, and others on arrays of one shape
as one kernel. Each operation rounds as it does alone, so a fused program gives the same bits. Operations of several
GPUs stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy

from .. import backend
from ..core import beside
from ..graph import Graph, Operation
from .formulas import HEADERS, OPTIONS, statement, type_of
from .multi_tensor import MultiTensorProgram, OverLists
from .passes import SMALL
from .recomputation import Gaps

__all__ = ["FusedKernel", "fused"]

MOST = 64  # operations in a kernel: more take long to compile
MOST_ARGUMENTS = 24  # of a kernel of groups beside each other
NEAR = 8  # how many groups of a shape are tried


class FusedKernel:
    """Elementwise operations as one kernel, which broadcasts its arguments.

    Args:
        graph: The operations; its inputs are the arguments.
    """

    has_effect: bool = False
    kind: str = "kernel"
    launches: int = 1

    def __init__(self, graph: Graph) -> None:
        self.graph: Graph = graph
        self.operations: list[str] = [o.primitive.name for o in graph.operations]
        self.name: str = f"fused({', '.join(dict.fromkeys(self.operations))})"
        self._kernel: Any = None

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """The raw results, a tuple, for raw arrays and numbers."""
        xp = backend.library(arrays, self.name)
        if xp is numpy:
            return tuple(self.graph.interpret(arrays))
        with beside(*arrays):
            y = self.launch(xp, backend.beside_gpu(arrays))
        return y if isinstance(y, tuple) else (y,)

    def launch(self, xp: ModuleType, arrays: Sequence[Any]) -> Any:
        """What the kernel of an array library gives for raw arrays of its GPU, and numbers."""
        return self.kernel(xp)(*arrays)

    def kernel(self, xp: ModuleType) -> Any:
        """The kernel as a function of an array library, for arrays of the current GPU and numbers."""
        if self._kernel is None:
            self._kernel = self._compiled(xp)
        return self._kernel

    def _compiled(self, xp):
        graph = self.graph
        inputs = ", ".join(f"{'float64' if graph.values[n].weak else graph.values[n].dtype} v{n}" for n in graph.inputs)
        outputs = ", ".join(f"{graph.values[n].dtype} y{n}" for n in graph.outputs)
        lines = [statement(graph, o) or "" for o in graph.operations] + [f"y{n} = v{n};" for n in graph.outputs]
        return xp.ElementwiseKernel(inputs, outputs, "\n".join(lines), "fused", preamble=HEADERS, options=OPTIONS)


def fused(graph: Graph) -> Graph:
    """A graph of fewer operations with the same results."""
    groups = _Groups(graph)
    for i in range(len(graph.operations)):
        groups.join(i)
    groups.put_alike_together()
    groups.put_beside_each_other()
    new = Graph(graph.values, graph.inputs, graph.constants, map(groups.operation, groups.in_order()), graph.outputs)
    new.on_host = graph.on_host
    return new


class _Kernel(NamedTuple):
    """A group of operations, with their values numbered anew.

    Attributes:
        graph: The operations.
        inputs, outputs: What its inputs and outputs are in the whole graph.
        arrays: The number of its first inputs that are arrays of the shape of its results; -1 if others are no numbers.
        text: Equal for kernels that do the same; numbers are the same ones.
    """

    graph: Graph
    inputs: list[int]
    outputs: list[int]
    arrays: int
    text: Any


class _Groups:
    """Operations that run together. A group has the number of one of its operations.

    Attributes:
        members: The operations of each group, in order.
        kernels: For a group of kernels of one text, these.
    """

    members: dict[int, list[int]]
    kernels: dict[int, list[_Kernel]]

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._gaps = Gaps(graph)
        self._users: dict[int, set[int]] = {n: {-1} for n in graph.outputs}
        self._maker: dict[int, int] = {}
        self._in: list[int] = list(range(len(graph.operations)))  # the group of an operation
        self.members = {i: [i] for i in self._in}
        self.kernels = {}
        self._before: dict[int, set[int]] = {}  # operations that have to run before a group
        self._across = numpy.arange(len(graph.operations))  # where the first group begins that goes on behind each one
        effect = None
        for i, operation in enumerate(graph.operations):
            self._before[i] = {self._maker[n] for n in operation.inputs if n in self._maker}
            for n in operation.inputs:
                self._users.setdefault(n, set()).add(i)
            self._maker.update(dict.fromkeys(operation.outputs, i))
            if getattr(operation.primitive, "has_effect", False):
                self._before[i] |= set() if effect is None else {effect}
                effect = i

    def join(self, i: int) -> None:
        """Puts an operation into the groups whose results it uses, where that is possible."""
        place = self._place(i)
        if place is None:
            return
        for n in dict.fromkeys(self._graph.operations[i].inputs):
            maker = self._maker.get(n)
            if maker is None or self._place(maker) != place or self._waits(i, n, maker):
                continue
            own, other = self._in[i], self._in[maker]
            small = len(self.members[own]) + len(self.members[other]) <= MOST
            if own != other and small and not self._between(own, other) and not self._between(other, own):
                self._merge(other, own)

    def _place(self, i):
        """The GPU and the shape of the result of an operation that can be in a kernel, else None."""
        shape, (n, *_) = self._gaps.shapes[i], self._graph.operations[i].outputs
        return None if shape is None else (self._graph.values[n].gpu, shape)

    def _waits(self, i, n, maker):
        """Whether an operation is left to the kernel of those that use its result.

        That costs nothing where its argument `n` is held for others beyond what runs in between, and saves memory.
        """
        gaps, end = self._gaps, len(self._graph.operations)
        users = gaps.users.get(self._graph.operations[i].outputs[0], [end])
        joined = all(u < end and gaps.shapes[u] == gaps.shapes[i] and not gaps.between(i, u) for u in users)
        held = any(u != i and gaps.between(maker, u) for u in gaps.users[n])
        return joined and held and gaps.between(maker, i)

    def _between(self, late, early):
        """Whether a group other than these two needs `early` and is needed by `late`."""
        return any(self._needs(g, early) for g in self._groups_before(late) if g != early)

    def _groups_before(self, group):
        return {self._in[i] for i in self._before[group]} - {group}

    def _needs(self, late, early):
        """Whether a group depends on another one, itself or through others."""
        first, seen, found = self.members[early][0], {late}, [late]
        while self._across[first] < first:  # what ends before it may need a group that goes on behind it
            first = self._across[first]
        while found:
            group = found.pop()
            if group == early:
                return True
            new = {g for g in self._groups_before(group) if self.members[g][-1] >= first} - seen
            seen |= new
            found.extend(new)
        return False

    def _merge(self, group, other):
        for i in self.members[other]:
            self._in[i] = group
        self.members[group] = sorted(self.members[group] + self.members.pop(other))
        self._before[group] |= self._before.pop(other)
        first, last = self.members[group][0], self.members[group][-1]
        numpy.minimum(self._across[first : last + 1], first, out=self._across[first : last + 1])

    def put_alike_together(self) -> None:
        """Merges groups of one text on one GPU that do not depend on each other."""
        same: dict[Any, list[int]] = {}
        for group, members in [*self.members.items()]:
            place = self._place(members[-1])
            if place is not None:
                kernel = self._kernel(members)
                self.kernels[group] = [kernel]
                if kernel.arrays > 0:
                    same.setdefault((place[0], kernel.text), []).append(group)
        for groups in same.values():
            while groups:
                first, *groups = groups
                rest = []
                for other in groups:
                    if self._needs(other, first) or self._needs(first, other):
                        rest.append(other)
                    else:
                        self._merge(first, other)
                        self.kernels[first] += self.kernels.pop(other)
                groups = rest

    def put_beside_each_other(self) -> None:
        """Merges groups of one place that do not depend on each other, where that holds hardly more memory."""
        recent: dict[Any, list[int]] = {}
        for group in sorted(self.kernels, key=lambda group: self.members[group][-1]):
            if len(self.kernels[group]) > 1:
                continue
            near = recent.setdefault(self._place(self.members[group][0]), [])
            for other in reversed(near[-NEAR:]):
                if self._goes_with(other, group):
                    self._merge(other, group)
                    del self.kernels[group]
                    self.kernels[other] = [self._kernel(self.members[other])]
                    break
            else:
                near.append(group)

    def _goes_with(self, early, late):
        """Whether a group may run as late as another one, in its kernel."""
        (first,), (second,) = self.kernels[early], self.kernels[late]
        arguments = {*first.inputs, *first.outputs, *second.inputs, *second.outputs}
        if len(self.members[early]) + len(self.members[late]) > MOST or len(arguments) > MOST_ARGUMENTS:
            return False
        if self._needs(late, early) or self._needs(early, late):
            return False
        end = self.members[late][-1]
        if any(u < end for n in first.outputs for u in self._gaps.users[n] if not self._gaps.is_view(u)):
            return False
        values, own = self._graph.values, set(self.members[early])
        dying = [n for n in first.inputs if n in self._maker and own.issuperset(self._gaps.users[n])]
        made = sum(values[n].nbytes for n in first.outputs)
        return sum(values[n].nbytes for n in dying) <= made + SMALL

    def _kernel(self, members):
        graph = self._graph
        operations = [graph.operations[i] for i in members]
        made = {n for o in operations for n in o.outputs}
        used = [n for n in dict.fromkeys(n for o in operations for n in o.inputs) if n not in made]
        constants = {n: graph.constants[n] for n in used if n in graph.constants and not graph.values[n].shape}
        shape = graph.values[operations[0].outputs[0]].shape
        inputs = [n for n in used if n not in constants]
        arrays = [n for n in inputs if graph.values[n].shape == shape and not graph.values[n].weak]
        others = [n for n in inputs if n not in arrays]
        are_numbers = shape and not any(graph.values[n].shape for n in others)
        inputs = arrays + others
        outside = set(members)
        outputs = [n for o in operations for n in o.outputs if self._users.get(n, set()) - outside]
        number = {n: k for k, n in enumerate([*inputs, *constants, *(n for o in operations for n in o.outputs)])}
        small = Graph(
            [graph.values[n] for n in number],
            [number[n] for n in inputs],
            {number[n]: x for n, x in constants.items()},
            [
                o._replace(inputs=tuple([number[n] for n in o.inputs]), outputs=tuple([number[n] for n in o.outputs]))
                for o in operations
            ],
            [number[n] for n in outputs],
        )
        small.on_host = False
        lines = tuple([statement(small, o) for o in small.operations])
        types = tuple([type_of(small, n) for n in small.inputs])
        text = lines, types, tuple(small.outputs), len(arrays), tuple(others)
        return _Kernel(small, inputs, outputs, len(arrays) if are_numbers else -1, text)

    def in_order(self) -> list[int]:
        """The groups, each one behind those that it needs, and as late as its last operation allows."""
        done: dict[int, bool] = {}
        for group in sorted(self.members, key=lambda group: self.members[group][-1]):
            waiting = [group]
            while waiting:
                missing = [g for g in self._groups_before(waiting[-1]) if g not in done]
                if missing:
                    waiting.extend(missing)
                else:
                    done[waiting.pop()] = True
        return list(done)

    def operation(self, group: int) -> Operation:
        """The operation of a group."""
        members, kernels = self.members[group], self.kernels.get(group, [])
        if len(members) == 1:
            return self._graph.operations[members[0]]
        line = self._graph.operations[members[-1]].line
        first = kernels[0]
        outputs = tuple([n for kernel in kernels for n in kernel.outputs])
        if len(kernels) == 1:
            return Operation(FusedKernel(first.graph), tuple(first.inputs), {}, outputs, True, line)
        inputs = [n for kernel in kernels for n in kernel.inputs[: first.arrays]] + first.inputs[first.arrays :]
        program = MultiTensorProgram(first.graph, first.arrays, FusedKernel(first.graph).name)
        return Operation(OverLists(program, len(kernels)), tuple(inputs), {}, outputs, True, line)
