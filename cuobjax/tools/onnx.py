"""A network as a model of ONNX, made of the graph of a call."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as onp

from autograd import backend, tree
from autograd.compiler import simplified
from autograd.core import Array, bare
from autograd.foreign import argument
from autograd.graph import Graph
from autograd.primitive import PRIMITIVES

from ..core.module import Module
from ..installation import optional
from ..transforms.jit import Jit
from ..transforms.lowered import Lowered
from ..util.convert import require_integers
from .onnx_operations import OPERATIONS
from .onnx_writer import Nameless, NoForm, Writer

__all__ = ["onnx_model"]

_LEAST, _MOST = 17, 21  # versions of ONNX's operations
_OF_SHAPES = frozenset(["shape"])  # parameters in which the batch may stand


def onnx_model(module: Callable[..., Any], example: tuple[Any, ...], dynamic_batch: bool, opset: int) -> Any:
    """The model of a network: see `util.to_onnx`."""
    require_integers("to_onnx", 0, opset=opset)
    if not _LEAST <= opset <= _MOST:
        raise ValueError(f"to_onnx: expected opset from {_LEAST} to {_MOST}, got {opset}.")
    onnx = optional("onnx", "to_onnx", "onnx")
    example = tree.tree_map(_array, example)
    lowered, graph = _recorded(module, example)
    varying = _varying(graph, _recorded(module, _of_another_batch(example))[1]) if dynamic_batch else {}
    model = _model(onnx, lowered, graph, varying, opset)
    onnx.checker.check_model(model, full_check=True)
    return model


def _array(x):
    x = argument(x, "to_onnx")
    if not isinstance(x, Array) and not backend.is_array(x):
        raise TypeError(
            f"to_onnx: expected an example of arrays, got {type(x).__name__} in it. Write other arguments into a "
            "function: to_onnx(lambda x: net(x, 2), x)."
        )
    return x


def _recorded(module: Callable[..., Any], arrays: tuple[Any, ...]) -> tuple[Lowered, Graph]:
    """The program of a call in evaluation mode, and its graph."""
    evaluating = module.mode(training=False) if isinstance(module, Module) else contextlib.nullcontext()
    with evaluating:
        lowered = Jit(module).lower(*arrays)
    if lowered.graph.written:
        raise ValueError(
            f"to_onnx: expected a network that only reads its variables, got one that writes "
            f"{', '.join(list(lowered.graph.written)[:3])}. Call net.eval() first."
        )
    return lowered, simplified(lowered.graph.graph)


def _of_another_batch(example):
    """The example with batches of another size."""
    shapes = [x.shape for x in tree.flatten(example)[0]]
    if len({shape[:1] for shape in shapes}) != 1 or not shapes[0] or not shapes[0][0]:
        shown = ", ".join(map(str, shapes))
        raise ValueError(f"to_onnx: expected arrays of one batch for dynamic_batch, got shapes {shown}.")
    rows = [*range(shapes[0][0])] * 2 + [0]
    return tree.tree_map(lambda x: x[onp.array(rows)], example)


def _varying(graph: Graph, other: Graph) -> dict[int, dict[int, bool]]:
    """The axes of each value that differ between two sizes of the batch, and whether they are multiples of it."""
    if [o.primitive for o in graph.operations] != [o.primitive for o in other.operations]:
        raise ValueError("to_onnx: expected the same operations for any size of the batch. Leave dynamic_batch out.")
    pairs = dict(zip(graph.inputs, other.inputs, strict=True))
    for own, its in zip(graph.operations, other.operations, strict=True):
        constants = [pair for pair in zip(own.inputs, its.inputs, strict=True) if pair[0] not in pairs]
        zeros = own.primitive.name == "recurrence"  # its first states are zeros as in ONNX, of any shape
        same = all(_same(graph.constants.get(n), other.constants.get(m), zeros) for n, m in constants)
        wired = all(pairs.get(n, m) == m for n, m in zip(own.inputs, its.inputs, strict=True))
        if not same or not wired or not _same_params(own, its):
            raise ValueError(
                f"to_onnx: expected {own.primitive.name} to be the same for any size of the batch ({own.line}). Leave "
                "dynamic_batch out."
            )
        pairs.update(zip(own.outputs, its.outputs, strict=True))
    fixed = [pair for pair in zip(graph.outputs, other.outputs, strict=True) if pair[0] not in pairs]
    if not all(_same(graph.constants.get(n), other.constants.get(m), False) for n, m in fixed):
        raise ValueError("to_onnx: expected results that depend on the input, got constants. Leave dynamic_batch out.")
    batches = [graph.values[graph.inputs[0]].shape[0] for graph in (graph, other)]
    varying = {}
    for n, m in pairs.items():
        sizes = enumerate(zip(graph.values[n].shape, other.values[m].shape, strict=True))
        varying[n] = {i: k * batches[1] == l * batches[0] for i, (k, l) in sizes if k != l}
    return {n: axes for n, axes in varying.items() if axes}


def _same(a, b, zeros):
    """Whether constants are equal, or zeros of any shapes if that serves as well; None is no constant."""
    if a is None or b is None:
        return False
    a, b = onp.asarray(_on_host(a)), onp.asarray(_on_host(b))
    return onp.array_equal(a, b) or (zeros and a.ndim == b.ndim and not a.any() and not b.any())


def _same_params(own, other):
    if own.params.keys() != other.params.keys():
        return False
    arrays = [x for o in (own, other) for x in o.params.values() if backend.is_array(x)]
    return not arrays and all(
        name in _OF_SHAPES or repr(x) == repr(other.params[name]) for name, x in own.params.items()
    )


def _model(onnx, lowered, graph, varying, opset):
    """The model of a graph."""
    values = lowered.variables
    named = dict(zip(graph.inputs, lowered.graph.inputs, strict=True))
    weights = {n: name for n, name in named.items() if name in values}
    arguments = _distinct({n: name for n, name in named.items() if n not in weights}, weights.values())
    known = {n: _on_host(x) for n, x in graph.constants.items()}
    known |= {n: _on_host(values[name].value) for n, name in weights.items()}
    writer = Writer(onnx, graph, known, arguments | weights, opset, varying)
    first = next((n for n in arguments if n in varying), None)
    if first is not None:
        writer.memo["batch"] = arguments[first], graph.values[first].shape[0]
    for operation in graph.operations:
        _write(writer, operation)
    outputs = _write_outputs(writer)
    used = {name for node in writer.nodes for name in node.input}
    arrays = writer.constants | {name: known[n] for n, name in weights.items()}
    built = onnx.helper.make_graph(
        writer.nodes,
        lowered.graph.name,
        [_described(writer, name, n) for n, name in arguments.items()],
        [_described(writer, name, n) for name, n in outputs.items()],
        [onnx.numpy_helper.from_array(x, name) for name, x in arrays.items() if name in used],
    )
    versions = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(built, producer_name="cuobjax", opset_imports=versions, ir_version=8)


def _write(writer, operation):
    """Adds the nodes of an operation."""
    name = getattr(operation.primitive, "name", "this")
    if name not in OPERATIONS or PRIMITIVES.get(name) is not operation.primitive:
        raise _without_form(name, operation)
    try:
        if any(writer.dtype(n).kind == "c" for n in (*operation.inputs, *operation.outputs)):
            raise NoForm("of complex numbers")
        writer.done(operation, OPERATIONS[name](writer, operation, **operation.params))
    except NoForm as error:
        raise _without_form(f"{name} {error}", operation) from None
    except Nameless as error:
        raise _without_form(f"{name} of {error}", operation) from None


def _without_form(what, operation):
    return ValueError(
        f"to_onnx: expected operations that have a form in ONNX, got {what} ({operation.line}). Write that part with "
        "other operations, or export the network without it."
    )


def _write_outputs(writer):
    """Adds the nodes that give the outputs their names; returns these, with the positions of the outputs."""
    outputs = {f"output_{i}": n for i, n in enumerate(writer.graph.outputs)}
    for name, n in outputs.items():
        try:
            writer.nodes.append(writer.onnx.helper.make_node("Identity", [writer.name(n)], [name]))
        except Nameless as error:
            operation = next(o for o in writer.graph.operations if n in o.outputs)
            raise _without_form(f"{name}, {error}", operation) from None
    return outputs


def _distinct(labels, taken):
    """Names of inputs: those of the parameters, as far as they are known."""
    found: dict[int, str] = {}
    for n, label in labels.items():
        number, name, rest = re.findall(r"argument (\d+)(?: \((\w+)\))?(.*)", label, re.DOTALL)[0]
        name = "_".join([name or f"argument_{number}", *re.findall(r"\w+", rest)])
        while name in taken or name in found.values():
            name += "_"
        found[n] = name
    return found


def _described(writer, name, n):
    """What the model says of an input or output."""
    size, varying = writer.memo.get("batch", (None, None))[1], writer.varying.get(n, ())
    shape = [
        ("batch" if k == size else None) if i in varying else k for i, k in enumerate(writer.graph.values[n].shape)
    ]
    return writer.onnx.helper.make_tensor_value_info(name, writer.tensor_type(writer.dtype(n)), shape)


def _on_host(x):
    """A constant or the value of a variable as an array of NumPy; a number as it is."""
    raw = bare(x) if isinstance(x, Array) else x
    return backend.CPU.put(raw) if backend.is_array(raw) else raw
