"""Recorded graphs as plain data: texts, numbers, lists and arrays, and back. Nothing is pickled."""

from __future__ import annotations

import builtins
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from autograd import backend
from autograd.core import kind_of
from autograd.dtypes import complete_dtype
from autograd.graph import Graph, Operation, PythonOperator, Value, to_array
from autograd.ops.convolution import Geometry
from autograd.ops.indexing import ARRAY
from autograd.primitive import PRIMITIVES

from ..core.agreement import agreed

__all__ = ["NotPlain", "Slot", "decoded", "encoded", "graph_from_plain", "plain_graph"]

_NUMBERS: dict[str, type] = {"bool": bool, "int": int, "float": float, "complex": complex}
_PYTHON: dict[str, Callable[..., Any]] = {
    name: getattr(operator, name)
    for names in (
        "abs add floordiv invert mod mul neg pos pow sub truediv",
        "and_ lshift or_ rshift xor eq ge gt le lt ne",
    )
    for name in names.split()
} | {"divmod": builtins.divmod, "round": builtins.round}
# Parameters that are texts; elsewhere a text is refused, as programs are written of what stands in parameters.
_TEXTS = frozenset("axis_name cell dtype mode norm order side subscripts".split())
_ANY, _WORDS, _NONE = re.compile(".*", re.DOTALL), re.compile(r"[\w,.>\- ]{0,200}"), re.compile(r"(?!)")


class Slot(int):
    """The number of an input or output, in its place in a nested structure."""

    __slots__ = ()


class NotPlain(TypeError):
    """Something that has no form as plain data; its text says what."""


def encoded(x: Any, arrays: list[Any]) -> Any:
    """A value as what JSON has; the arrays in it are appended to `arrays`.

    Raises:
        NotPlain: If it is no number, text, array, dtype or index, nor a tuple, list or dictionary of such.
    """
    kind = type(x)
    if x is ARRAY:
        return {"index": 0}
    if kind is Slot:
        return {"slot": int(x)}
    if x is None or kind in (bool, int, str):
        return x
    if kind is float:
        return x if math.isfinite(x) else {"float": repr(x)}
    if kind is list:
        return [encoded(part, arrays) for part in x]
    if kind in _ENCODERS:
        name, parts = _ENCODERS[kind]
        return {name: [encoded(part, arrays) for part in parts(x)]}
    if x is Ellipsis:
        return {"ellipsis": 0}
    if isinstance(x, onp.dtype):
        return {"dtype": x.name}
    if isinstance(x, backend.Device):  # all arrays will be on one device
        return {"device": 0}
    if backend.is_array(x):
        arrays.append(backend.CPU.put(x) if backend.is_cupy(x) else onp.asarray(x))
        return {"scalar" if isinstance(x, onp.generic) else "array": len(arrays) - 1}
    raise NotPlain(f"{kind.__module__}.{kind.__qualname__}")


_ENCODERS: dict[Any, tuple[str, Callable[[Any], Any]]] = {
    tuple: ("tuple", tuple),
    dict: ("dict", lambda x: [part for pair in x.items() for part in pair]),
    complex: ("complex", lambda x: (x.real, x.imag)),
    slice: ("slice", lambda x: (x.start, x.stop, x.step)),
    Geometry: ("geometry", tuple),
}
_DECODERS: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "complex": lambda parts: complex(*parts),
    "slice": lambda parts: slice(*parts),
    "geometry": lambda parts: Geometry(*parts),
}


def decoded(x: Any, arrays: Sequence[onp.ndarray[Any, Any]], texts: re.Pattern[str] = _ANY) -> Any:
    """The value that `encoded` made this of; an error of any kind if there is none.

    Args:
        texts: Which texts there may be in it, but for keys of dictionaries.
    """
    if isinstance(x, str) and not texts.fullmatch(x):
        raise ValueError(f"a text that does not belong there, {x[:40]!r}")
    if x is None or isinstance(x, bool | int | float | str):
        return x
    if isinstance(x, list):
        return [decoded(part, arrays, texts) for part in x]
    ((name, content),) = x.items()
    if name == "dict":
        keys = [decoded(part, arrays) for part in content[::2]]
        return dict(zip(keys, [decoded(part, arrays, texts) for part in content[1::2]], strict=True))
    if name in _DECODERS:
        return _DECODERS[name]([decoded(part, arrays, texts) for part in content])
    if name == "float":
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]
    if name in ("array", "scalar"):
        return arrays[_index(content, len(arrays))][() if name == "scalar" else ...]
    if name == "slot":
        return Slot(content)
    return _FIXED[name]() if name in _FIXED else _dtype({"dtype": content}[name])


_FIXED: dict[str, Callable[[], Any]] = {
    "index": lambda: ARRAY,
    "ellipsis": lambda: Ellipsis,
    "device": backend.default_device,
}


def _index(n, count):
    if type(n) is not int or not 0 <= n < count:
        raise ValueError(f"a position of {n!r}, of {count}")
    return n


def _dtype(name):
    if not isinstance(name, str) or not re.fullmatch(r"bool|bfloat16|(u?int|float|complex)\d+", name):
        raise ValueError(f"a dtype {name!r}")
    return complete_dtype("dtype", name)


def plain_graph(graph: Graph, arrays: list[Any]) -> dict[str, Any]:
    """A graph of operations of this library as what JSON has; the arrays in it are appended to `arrays`.

    Raises:
        NotPlain: If something in it is no such operation, or has no form as plain data.
    """
    return {
        "values": [v.weak.__name__ if v.weak else [v.dtype.name, *v.shape] for v in graph.values],
        "inputs": graph.inputs,
        "constants": [[n, encoded(x, arrays)] for n, x in graph.constants.items()],
        "operations": [_plain_operation(o, arrays) for o in graph.operations],
        "outputs": graph.outputs,
    }


def _plain_operation(o, arrays):
    primitive, inputs, name = o.primitive, list(o.inputs), getattr(o.primitive, "name", str(o.primitive))
    if isinstance(primitive, PythonOperator) and name in _PYTHON:
        inputs = inputs[::-1] if hasattr(primitive.function, "__wrapped__") else inputs  # its arguments are swapped
        return [f"python {name}", inputs, {}, list(o.outputs), o.multiple_results]
    if primitive is not to_array and _named(name) is not primitive:
        raise NotPlain(f"{name}, which is none of autograd's operations ({o.line})")
    if any(isinstance(x, str) and key not in _TEXTS for key, x in o.params.items()):  # no file with them is read
        raise NotPlain(f"{name}, which means this call of several processes ({o.line})")
    try:
        params = {key: encoded(x, arrays) for key, x in o.params.items()}
    except NotPlain as error:
        raise NotPlain(f"a parameter of {name}, {error} ({o.line})") from None
    return [name, inputs, params, list(o.outputs), o.multiple_results]


def _named(name):
    """The primitive of a name; None if there is none."""
    return agreed if name == agreed.name else PRIMITIVES.get(name)


def graph_from_plain(plain: Any, arrays: Sequence[onp.ndarray[Any, Any]]) -> Graph:
    """The graph that `plain_graph` made this of; ValueError, KeyError or TypeError if there is none."""
    graph = Graph([_value(v) for v in plain["values"]])
    known: set[int] = set()

    def new(positions):
        for n in positions:
            _index(n, len(graph.values))
        if not known.isdisjoint(positions) or len(set(positions)) < len(positions):
            raise ValueError("a value that is made twice")
        known.update(positions)
        return list(positions)

    def made(positions):
        if not known.issuperset(positions):
            raise ValueError("a value that is used before it is made")
        return list(positions)

    graph.inputs = new(plain["inputs"])
    for n, x in plain["constants"]:
        (n,) = new([n])
        graph.constants[n] = constant = decoded(x, arrays, _NONE)
        if _described(constant) != graph.values[n]:
            raise ValueError(f"a constant of another type than {graph.values[n]}")
    for name, inputs, params, outputs, several in plain["operations"]:
        operation = _operation(name, made(inputs), params, new(outputs), several, arrays)
        graph.operations.append(operation)
    graph.outputs = made(plain["outputs"])
    return graph


def _value(plain):
    if isinstance(plain, str):
        kind = _NUMBERS[plain]
        return Value((), onp.result_type(kind), kind)
    name, *shape = plain
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"a shape {shape}")
    return Value(tuple(shape), _dtype(name))


def _described(x):
    kind = kind_of(x)
    return Value((), onp.result_type(kind), kind) if kind else Value(tuple(x.shape), x.dtype)


def _operation(name, inputs, params, outputs, several, arrays):
    word, _, python = name.rpartition(" ")
    if word == "python":
        return Operation(PythonOperator(_PYTHON[python]), tuple(inputs), {}, tuple(outputs), bool(several))
    primitive: Any = to_array if name == "to_array" else _named(name)
    if primitive is None:
        raise ValueError(f"the operation {name[:40]!r}, which this version does not have")
    given = {key: decoded(x, arrays, _WORDS if key in _TEXTS else _NONE) for key, x in params.items()}
    if primitive is to_array:
        return Operation(primitive, tuple(inputs), {name: given[name] for name in ("dtype", "device")}, tuple(outputs))
    few = len(primitive.arguments or inputs)
    if not primitive.parameters >= given.keys() or (len(inputs) < few if primitive.variadic else len(inputs) != few):
        raise ValueError(f"other arguments than {name} has")
    return Operation(primitive, tuple(inputs), given, tuple(outputs), bool(several))
