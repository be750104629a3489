"""Writes nodes of ONNX for the operations of a recorded graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as onp

from autograd.graph import Graph, Operation

__all__ = ["Handler", "Nameless", "NoForm", "Writer", "pads"]

Handler: TypeAlias = Callable[..., Any]
"""Writes an operation: `handler(writer, operation, **params)` gives the names of its results."""


def pads(width: Iterable[tuple[int, int]]) -> list[int]:
    """Widths (before, after) of all axes in ONNX's order: those before, then those after."""
    return [n for side in zip(*width, strict=True) for n in side]


class Nameless(Exception):
    """A value that no node gives, such as what only a gradient needs; the text says which."""


class NoForm(ValueError):
    """An operation has no form in ONNX with these parameters; its text says which."""


class Writer:
    """The nodes and constants of a model while it is written.

    Args:
        onnx: The package.
        graph: The graph.
        known: The arrays that are built in, by their positions: constants and values of variables.
        names: The names of the inputs and of what is built in.
        opset: The version of ONNX's operations.
        varying: The axes of values that go with the size of the batch, and whether they are multiples of it.

    Attributes:
        nodes, constants: What was written.
        memo: What handlers leave for each other; "batch" is the name of an input and the size of its batch.
    """

    def __init__(
        self,
        onnx: Any,
        graph: Graph,
        known: Mapping[int, onp.ndarray[Any, Any]],
        names: Mapping[int, str],
        opset: int,
        varying: Mapping[int, Mapping[int, bool]],
    ) -> None:
        self.onnx, self.graph, self.known, self.opset, self.varying = onnx, graph, dict(known), opset, varying
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.memo: dict[Any, Any] = {}
        self._names = dict(names)
        self._taken = set(names.values())
        self._of_content: dict[Any, str] = {}

    def emit(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The name of the result of a new node."""
        return self.emit_several(1, kind, *inputs, **attributes)[0]

    def emit_several(self, count: int, kind: str, *inputs: str, **attributes: Any) -> list[str]:
        """The names of the results of a new node."""
        outputs = [self._new(kind) for _ in range(count)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs

    def _new(self, kind):
        name = f"{kind}_{len(self._taken)}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def constant(self, x: Any, dtype: Any = None) -> str:
        """The name of an array that is built in."""
        x = onp.ascontiguousarray(onp.asarray(x, dtype)).reshape(onp.shape(x))
        key = x.dtype.name, x.shape, x.tobytes()
        if key not in self._of_content:
            self._of_content[key] = name = self._new("constant")
            self.constants[name] = x
        return self._of_content[key]

    def indices(self, *numbers: int) -> str:
        """The name of a list of numbers as ONNX takes axes, shapes and the like."""
        return self.constant(onp.array(numbers, "int64"))

    def dtype(self, n: int) -> onp.dtype[Any]:
        """The dtype of a value."""
        return self.graph.values[n].dtype

    def name(self, n: int, dtype: onp.dtype[Any] | None = None) -> str:
        """The name of a value, as an array of a dtype, if that is given."""
        value = self.graph.values[n]
        if n in self._names:
            return self._names[n] if dtype is None or dtype == value.dtype else self.cast(self._names[n], dtype)
        if n not in self.known:
            made = next(o for o in self.graph.operations if n in o.outputs)
            raise Nameless(f"result {made.outputs.index(n)} of {made.primitive.name}")
        x = onp.asarray(self.known[n], dtype or (None if value.weak is None else value.dtype))
        return self.constant(x)

    def cast(self, name: str, dtype: Any) -> str:
        """The name of a value as an array of another dtype."""
        return self.emit("Cast", name, to=self.tensor_type(dtype))

    def tensor_type(self, dtype: Any) -> int:
        """ONNX's number of a dtype."""
        dtype = onp.dtype(dtype)
        if dtype.name == "bfloat16":
            return int(self.onnx.TensorProto.BFLOAT16)
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(dtype))

    def common(self, operation: Operation) -> onp.dtype[Any]:
        """The dtype of the arrays among the arguments of an operation, beside which numbers have that."""
        dtypes = [self.graph.values[n].dtype for n in operation.inputs if not self.graph.values[n].weak]
        return onp.result_type(*dtypes) if dtypes else self.dtype(operation.outputs[0])

    def arguments(self, operation: Operation, dtype: onp.dtype[Any] | None = None) -> list[str]:
        """The names of the arguments of an operation in their common dtype, or in another one."""
        return [self.name(n, dtype or self.common(operation)) for n in operation.inputs]

    def rank(self, n: int) -> int:
        """The number of axes of a value."""
        return len(self.graph.values[n].shape)

    def reduced(self, kind: str, x: str, axes: Sequence[int], keepdims: bool) -> str:
        """The name of a reduction over axes."""
        if kind == "ReduceSum" or self.opset >= 18:
            return self.emit(kind, x, self.indices(*axes), keepdims=int(keepdims)) if axes else self.emit("Identity", x)
        return self.emit(kind, x, axes=list(axes), keepdims=int(keepdims)) if axes else self.emit("Identity", x)

    def reshaped(self, x: str, shape: Sequence[int], varying: Iterable[int] = ()) -> str:
        """The name of a value in another shape, of which an axis may be the batch."""
        sizes = [-1 if i in varying else n for i, n in enumerate(shape)]
        return self.emit("Reshape", x, self.indices(*sizes), allowzero=int(0 in shape))

    def done(self, operation: Operation, results: str | Sequence[str | None]) -> None:
        """Names the results of an operation; None for one that there is not."""
        named = [results] if isinstance(results, str) else results
        self._names.update((n, name) for n, name in zip(operation.outputs, named, strict=False) if name is not None)
