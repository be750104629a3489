"""One program over many lists of arrays: in a loop on the CPU, in few launches on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy

from .. import backend
from ..core import Array
from ..graph import Graph, Value
from ..numpy import stack
from .any_shape import AnyShape, analysed, of_shape
from .host import HostProgram
from .list_kernels import ListKernels, ListLaunch
from .passes import simplified

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["MultiTensorProgram", "OverLists", "is_of_any_shape"]

MOST_SHAPES = 256  # whose programs for the CPU are kept


def is_of_any_shape(graph: Graph, count: int) -> bool:
    """Whether a graph does the same with its first `count` inputs, arrays of one shape, whatever their shape is.

    It acts alike on each element, or reduces all elements to one number. Its other inputs and its constants are
    numbers.
    """
    return analysed(graph, count) is not None


class MultiTensorProgram:
    """The program of a graph for which `is_of_any_shape` holds, for arrays of any shape.

    Args:
        graph: The graph.
        count: The number of its inputs that are arrays; the others are numbers, or arrays of shape ().
        name: Heads its source.
    """

    def __init__(self, graph: Graph, count: int, name: str) -> None:
        self.graph: Graph = simplified(graph)
        self.count: int = count
        self.name: str = name
        self._known = known = cast(AnyShape, analysed(self.graph, count))
        self._elementwise = not known.reductions
        self._whole = HostProgram(self.graph, name) if self._elementwise and graph.on_host else None
        self._of_shapes: dict[tuple[int, ...], HostProgram] = {}
        self.kernels: ListKernels = ListKernels(self.graph, known, count)

    def __call__(self, lists: Sequence[Sequence[RawArray]], numbers: Sequence[Any]) -> list[Sequence[RawArray]]:
        """The raw outputs for each of some lists of raw arrays; `numbers` serve all lists."""
        if self.graph.on_host:
            return [self._on_host(arrays[0].shape)([*arrays, *numbers]) for arrays in lists]
        outputs: list[Any] = [None] * len(lists)
        count = len(self.graph.outputs)
        together: dict[Any, list[int]] = {}
        for i, arrays in enumerate(lists):
            if self._is_launched(arrays):
                together.setdefault(backend.device_of(arrays[0]), []).append(i)
            else:
                outputs[i] = self.interpreted(arrays, numbers)
        for device, own in together.items():
            with device.current():
                launch = self.kernels.launches(tuple([lists[i][0].shape for i in own]))
                found = launch(*[x for i in own for x in lists[i]], *numbers)
            for place, i in enumerate(own):
                outputs[i] = found[place * count : (place + 1) * count]
        return outputs

    def interpreted(self, arrays: Sequence[Any], numbers: Sequence[Any]) -> list[Any]:
        """The outputs for a list, one operation after the other; arrays and numbers may be traced."""
        return of_shape(self.graph, self._known, arrays[0].shape).interpret([*arrays, *numbers])

    def stacked(self, lists: Sequence[Sequence[RawArray]], numbers: Sequence[Any]) -> RawArray:
        """The first output of all lists as one array; the lists are on one device and of one shape, if that counts."""
        if not self.graph.on_host and all(map(self._is_launched, lists)):
            with backend.device_of(lists[0][0]).current():
                launch = self.kernels.launches(tuple([arrays[0].shape for arrays in lists]), stacked=True)
                return launch(*[x for arrays in lists for x in arrays], *numbers)
        outputs = [y[0] for y in self(lists, numbers)]
        return backend.library(outputs).stack(outputs)

    @property
    def reduces(self) -> bool:
        """Whether it reduces arrays."""
        return not self._elementwise

    def described(self) -> object:
        """What it computes: equal for graphs that were recorded alike, whatever the shapes were."""
        operations = []
        for o in self.graph.operations:
            params = o.params | {"axis": None} if o.outputs[0] in self._known.reductions else o.params
            operations.append((getattr(o.primitive, "function", o.primitive), o.inputs, repr(params), o.outputs))
        return operations, repr(self.graph.constants), self.graph.inputs, self.graph.outputs

    def launches(self, lists: int) -> int | None:
        """The number of kernels that are launched for lists of arrays on one GPU; None without kernels."""
        sources, length = self.kernels.sources, self.kernels.length
        return len(sources) * -(-lists // length) if sources else None

    def _is_launched(self, arrays):
        """Whether kernels compute the outputs of a list; there is no maximum of an empty array."""
        return self.kernels.sources and backend.is_cupy(arrays[0]) and (self._elementwise or arrays[0].size)

    def _on_host(self, shape):
        """The program for NumPy arrays of a shape."""
        if self._whole is not None:
            return self._whole
        program = self._of_shapes.get(shape)
        if program is None:
            if len(self._of_shapes) >= MOST_SHAPES:
                self._of_shapes.clear()
            program = self._of_shapes[shape] = HostProgram(of_shape(self.graph, self._known, shape), self.name)
        return program

    def launch(self, xp: ModuleType, blocks: int) -> None:
        """Runs the kernels for a table without arrays: what `benchmarks.kernels` compiles."""
        self.kernels.launch(xp, blocks, numpy.zeros((), self.kernels.table), ())


class OverLists:
    """A program over lists as one operation of a graph, whose arguments are the arrays of all lists, then the numbers.

    Args:
        program: The program.
        lists: The number of the lists.
        stacked: Whether the result is one array, `MultiTensorProgram.stacked`, in place of all outputs.
    """

    has_effect = False

    def __init__(self, program: MultiTensorProgram, lists: int, stacked: bool = False) -> None:
        self.name: str = f"{lists} x {program.name}"
        self.operations: list[str] = [o.primitive.name for o in program.graph.operations] * lists
        self._program, self._lists, self._stacked = program, lists, stacked

    @property
    def launches(self) -> int | None:
        """The number of kernels that it launches; None without kernels."""
        return self._program.launches(self._lists)

    @property
    def kind(self) -> str:
        """What it is in a list of steps: see `steps.Step`."""
        return "kernel" if self.launches else "call"

    def bound(self, values: Sequence[Value]) -> ListLaunch | None:
        """What does the same for raw arguments of these shapes; None if no kernels do."""
        program, end = self._program, self._program.count * self._lists
        shapes = tuple([v.shape for v in values[: end : program.count]])
        gpus = {v.gpu for v in values[:end]}
        if len(gpus) != 1 or None in gpus or not program.kernels.sources:
            return None
        if program.reduces and any(0 in shape for shape in shapes):
            return None
        return program.kernels.launches(shapes, self._stacked)

    def __call__(self, *arrays: Any) -> Any:
        """The results for raw arrays, one list after the other; or for values that other transformations trace."""
        program, count = self._program, self._program.count
        end = count * self._lists
        lists, numbers = [arrays[i : i + count] for i in range(0, end, count)], arrays[end:]
        if any(isinstance(x, Array) for x in arrays):
            outputs = [program.interpreted(own, numbers) for own in lists]
            return stack([y[0] for y in outputs]) if self._stacked else tuple([y for own in outputs for y in own])
        if self._stacked:
            return program.stacked(lists, numbers)
        return tuple([y for own in program(lists, numbers) for y in own])
