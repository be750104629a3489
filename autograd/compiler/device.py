"""A graph as one Python function of calls of CuPy: without dispatch, with kernels that are bound by name."""

import functools
import math
import re
from collections.abc import Sequence
from typing import Any

from .. import backend
from ..backend import Device
from ..graph import Graph, Operation
from ..kernels.products import on_device
from ..kernels.recorded_products import can_be_recorded
from ..ops import product, reduction
from .fusion import FusedKernel
from .host import LineProgram, Writer
from .multi_tensor import OverLists

__all__ = ["DeviceProgram"]

_METHODS = frozenset(getattr(reduction, name) for name in ("sum", "mean", "max", "min", "prod", "any", "all"))


class DeviceProgram(LineProgram):
    """The program of a graph whose arrays are on GPUs, all or some of them.

    It computes on the GPUs where the arrays were when it was recorded, in the streams that are CuPy's current ones.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        writer = _DeviceWriter(graph, plain=False)
        super().__init__(graph, name, writer)
        self._gpu: Any = None if writer.gpu is None else Device("gpu").library.cuda.Device

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        if self._gpu is None:
            return super().__call__(values)
        with self._gpu():  # the one that is current now is so again at the end
            return super().__call__(values)


class _DeviceWriter(Writer):
    """Writes the function of a graph with arrays on GPUs.

    Attributes:
        gpu: The number of the GPU that is CuPy's current one after the lines so far; None if they do not choose one.
    """

    gpu: int | None = None

    def call(self, operation: Operation) -> tuple[str, bool]:
        values = [self.graph.values[n] for n in operation.inputs]
        used = [v.gpu for v in (*values, *[self.graph.values[n] for n in operation.outputs]) if v.gpu is not None]
        if used and used[0] != self.gpu and backend.several_gpus():
            self.gpu = used[0]
            self.lines.append(f"{self.named(Device('gpu', self.gpu).library.cuda.Device(self.gpu).use, 'use_gpu')}()")
        if all(v.gpu is None for v in values):
            return super().call(operation)
        return self._on_gpu(operation, values, [self._operand(n) for n in operation.inputs]), False

    def _operand(self, n):
        """An argument of a function of CuPy: a host array without axes as a scalar, which travels with the kernel."""
        value = self.graph.values[n]
        if value.gpu is not None or value.weak:
            return self.text[n]
        return self.constant(self.graph.constants[n][()]) if n in self.graph.constants else f"{self.text[n]}[()]"

    def _on_gpu(self, operation, values, args):
        """The expression of an operation on arrays of a GPU."""
        primitive, params, xp = operation.primitive, operation.params, Device("gpu").library
        if isinstance(primitive, FusedKernel):
            name = re.sub(r"\W+", "_", primitive.name).strip("_")[:60]
            call = f"{self.named(primitive.kernel(xp), name)}({', '.join(args)})"
            return call if len(operation.outputs) > 1 else f"({call},)"
        if isinstance(primitive, OverLists):
            launch = primitive.bound([self.graph.values[n] for n in operation.inputs])
            if launch is not None:
                return f"{self.named(launch, 'over_lists')}({', '.join(args)})"
        if primitive in _METHODS and values[0].dtype.kind != "V":
            return f"{args[0]}.{primitive.name}({params['axis']}, keepdims={params['keepdims']})"
        if primitive is product.matmul and not product.are_stacks(*values):
            return self._product(xp, *args, *[v.shape for v in values])
        return self.view(operation) or self.function(operation, xp, args)

    def _product(self, xp, a, b, a_shape, b_shape):
        """The expression of a matrix product, as `product.matmul` computes it."""
        whole = ""
        if len(b_shape) == 2 < len(a_shape):
            a = f"{a}.reshape({(math.prod(a_shape[:-1]), a_shape[-1])})"
            whole = f".reshape({(*a_shape[:-1], b_shape[1])})"
        if can_be_recorded(xp):
            return f"{self.named(functools.partial(on_device, xp), 'matmul')}({a}, {b}){whole}"
        return f"({a} @ {b}){whole}"
