"""Which nodes of ONNX an operation of a recorded graph is: those of numbers and shapes, and the table of all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as onp

from autograd.ops.indexing import ARRAY

from .onnx_layers import LAYERS
from .onnx_writer import Handler, NoForm, pads

__all__ = ["OPERATIONS"]


def _direct(kind: str, dtype: Any = None) -> Handler:
    """The node of an operation of arguments of one dtype."""
    return lambda w, o: w.emit(kind, *w.arguments(o, None if dtype is None else onp.dtype(dtype)))


def _formula(function: Callable[..., str]) -> Handler:
    """Nodes that a function of `(emit, number, *names)` makes; `number(2)` is a constant of the arguments' dtype."""

    def handler(w, o, **params):
        dtype = w.common(o)
        return function(w.emit, lambda x: w.constant(x, dtype), *w.arguments(o), **params)

    return handler


def _reduction(kind: str) -> Handler:
    return lambda w, o, axis, keepdims: w.reduced(kind, w.name(o.inputs[0], w.dtype(o.outputs[0])), axis, keepdims)


def _not_equal(emit, number, a, b):
    return emit("Not", emit("Equal", a, b))


def _power_of(emit, number, x, exponent):
    return emit("Pow", x, number(exponent))


def _elu(emit, number, x, alpha, rate, scale):
    if rate == 1:
        return emit("Mul", emit("Elu", x, alpha=float(alpha)), number(scale))
    below = emit("Mul", emit("Sub", emit("Exp", emit("Mul", x, number(rate))), number(1)), number(alpha * scale))
    return emit("Where", emit("Greater", x, number(0)), emit("Mul", x, number(scale)), below)


def _gelu(emit, number, x):
    half = emit("Add", emit("Erf", emit("Mul", x, number(math.sqrt(0.5)))), number(1))
    return emit("Mul", emit("Mul", x, number(0.5)), half)


def _gelu_tanh(emit, number, x):
    cubic = emit("Mul", emit("Mul", x, emit("Mul", x, x)), number(0.044715))
    inner = emit("Mul", emit("Add", x, cubic), number(math.sqrt(2 / math.pi)))
    return emit("Mul", emit("Mul", x, number(0.5)), emit("Add", emit("Tanh", inner), number(1)))


def _lerp(emit, number, a, b, weight):
    return emit("Add", a, emit("Mul", emit("Sub", b, a), weight))


def _clip(w, o, low, high):
    x, dtype = w.name(o.inputs[0]), w.dtype(o.inputs[0])
    for kind, bound in (("Max", low), ("Min", high)):
        x = x if bound is None else w.emit(kind, x, w.constant(bound, dtype))
    return x


def _where(w, o):
    condition, *values = o.inputs
    dtype = w.dtype(o.outputs[0])
    return w.emit("Where", w.name(condition, onp.dtype(bool)), *[w.name(n, dtype) for n in values])


def _bitwise(kind: str) -> Handler:
    def handler(w, o):
        if w.common(o).kind == "b":
            return w.emit(kind, *w.arguments(o))
        if w.opset < 18:
            raise NoForm(f"of {w.common(o)} before opset=18")
        return w.emit(f"Bitwise{kind}", *w.arguments(o))

    return handler


def _cast(w, o, dtype):
    return w.emit("Cast", w.name(o.inputs[0]), to=w.tensor_type(dtype))


def _along(kind: str) -> Handler:
    """An operation along an axis, or several that become one."""

    def handler(w, o, axis):
        x = w.name(o.inputs[0])
        if len(axis) == 1:
            return w.emit(kind, x, axis=axis[0])
        if kind == "LogSoftmax":
            return w.emit("Sub", x, w.reduced("ReduceLogSumExp", x, axis, True))
        powers = w.emit("Exp", w.emit("Sub", x, w.reduced("ReduceMax", x, axis, True)))
        return w.emit("Div", powers, w.reduced("ReduceSum", powers, axis, True))

    return handler


def _variance(w, o, axis, keepdims, ddof):
    x = w.name(o.inputs[0])
    difference = w.emit("Sub", x, w.reduced("ReduceMean", x, axis, True))
    count = math.prod(w.graph.values[o.inputs[0]].shape[i] for i in axis)
    mean = w.reduced("ReduceMean", w.emit("Mul", difference, difference), axis, keepdims)
    if any(i in w.varying.get(o.inputs[0], ()) for i in axis) and ddof:
        raise NoForm("over the batch with ddof")
    return w.emit("Mul", mean, w.constant(count / (count - ddof), w.dtype(o.inputs[0]))) if ddof else mean


def _deviation(w, o, **params):
    return w.emit("Sqrt", _variance(w, o, **params))


def _position(kind: str) -> Handler:
    def handler(w, o, axis):
        x = w.name(o.inputs[0])
        if axis is None:
            x, axis = w.emit("Flatten", x, axis=0), 1
        return w.cast(w.emit(kind, x, axis=axis, keepdims=0), w.dtype(o.outputs[0]))

    return handler


def _reshape(w, o, shape):
    varying = w.varying.get(o.outputs[0], {})
    x = w.name(o.inputs[0], w.dtype(o.outputs[0]))
    return w.reshaped(x, shape, varying) if len(varying) < 2 else w.emit("Reshape", x, _of_batch(w, shape, varying))


def _broadcast_to(w, o, shape):
    x, varying = w.name(o.inputs[0], w.dtype(o.outputs[0])), w.varying.get(o.outputs[0], {})
    return w.emit("Expand", x, _of_batch(w, shape, varying) if varying else w.indices(*shape))


def _of_batch(w, shape, varying):
    """The name of a shape of which some axes go with the size of the batch."""
    whole, size = w.memo["batch"]
    batch = w.emit("Shape", whole, start=0, end=1)
    if not all(shape[i] % size == 0 and multiple for i, multiple in varying.items()):
        raise NoForm("to a shape that is no multiple of the batch")
    parts = [w.emit("Mul", batch, w.indices(n // size)) if i in varying else w.indices(n) for i, n in enumerate(shape)]
    return w.emit("Concat", *parts, axis=0)


def _pad(w, o, width):
    return w.emit("Pad", w.name(o.inputs[0]), w.indices(*pads(width)), mode="constant")


def _transpose(w, o, axes):
    return w.emit("Transpose", w.name(o.inputs[0]), **({"perm": list(axes)} if axes else {}))


def _flip(w, o, axis):
    axes = list(axis) if isinstance(axis, tuple) else [axis]
    if not axes:
        return w.emit("Identity", w.name(o.inputs[0]))
    ends = [w.indices(*[x] * len(axes)) for x in (-1, -(2**62))]
    return w.emit("Slice", w.name(o.inputs[0]), *ends, w.indices(*axes), w.indices(*[-1] * len(axes)))


def _repeat(w, o, repeats, axis):
    shape = w.graph.values[o.inputs[0]].shape
    if type(repeats) is not int or axis is None or not repeats:
        raise NoForm("zero times, or of other numbers for each element")
    x = w.emit("Unsqueeze", w.name(o.inputs[0]), w.indices(axis + 1))
    x = w.emit("Expand", x, w.indices(*[repeats if i == axis + 1 else 1 for i in range(len(shape) + 1)]))
    return w.reshaped(x, w.graph.values[o.outputs[0]].shape, w.varying.get(o.outputs[0], ()))


def _getitem(w, o, index):
    x, rank = w.name(o.inputs[0]), w.rank(o.inputs[0])
    taken = sum(i is not None and i is not Ellipsis for i in index)
    at = index.index(Ellipsis) if Ellipsis in index else len(index)
    whole = (slice(None),) * (rank - taken)
    parts = [*index[:at], *whole, *index[at + 1 :]]
    if ARRAY in parts:
        others = [i for i in parts if i is not ARRAY]
        if len(others) != len(parts) - 1 or any(i != slice(None) for i in others):
            raise NoForm("by several arrays, or by an array and something else")
        return _gathered(w, o, x, parts.index(ARRAY))
    axis, ranges, dropped, new = 0, [], [], []
    for place, i in enumerate(parts):
        if i is None:
            new.append(place - len([p for p in parts[:place] if type(p) is int]))
            continue
        if type(i) is int:
            ranges.append((i, i + 1 if i != -1 else 2**62, axis, 1))
            dropped.append(axis)
        elif i != slice(None):
            ranges.append(_range(i, axis))
        axis += 1
    if ranges:
        x = w.emit("Slice", x, *[w.indices(*column) for column in zip(*ranges, strict=True)])
    x = w.emit("Squeeze", x, w.indices(*dropped)) if dropped else x
    return w.emit("Unsqueeze", x, w.indices(*new)) if new else x if ranges else w.emit("Identity", x)


def _range(i, axis):
    step = 1 if i.step is None else i.step
    start = (0 if step > 0 else -1) if i.start is None else i.start
    stop = (2**62 if step > 0 else -(2**62)) if i.stop is None else i.stop
    return start, stop, axis, step


def _gathered(w, o, x, axis):
    if w.dtype(o.inputs[1]).kind == "b":
        raise NoForm("by conditions")
    return w.emit("Gather", x, w.name(o.inputs[1], onp.dtype("int64")), axis=axis)


def _take_along_axis(w, o, axis):
    return w.emit("GatherElements", w.name(o.inputs[0]), w.name(o.inputs[1], onp.dtype("int64")), axis=axis)


def _cumsum(w, o, axis):
    return w.emit("CumSum", w.name(o.inputs[0]), w.constant(axis, "int64"))


def _triangle(w, o, k, upper):
    return w.emit("Trilu", w.name(o.inputs[0]), w.constant(k, "int64"), upper=int(upper))


def _identity(w, o, **params):
    return w.emit("Identity", w.name(o.inputs[0]))


OPERATIONS: dict[str, Handler] = {
    **LAYERS,
    **{
        name: _direct(kind)
        for name, kind in {
            "absolute": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin",
            "arcsinh": "Asinh", "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh",
            "divide": "Div", "equal": "Equal", "erf": "Erf", "exp": "Exp", "floor": "Floor", "greater": "Greater",
            "greater_equal": "GreaterOrEqual", "isinf": "IsInf", "isnan": "IsNaN", "less": "Less",
            "less_equal": "LessOrEqual", "log": "Log", "matmul": "MatMul", "maximum": "Max", "minimum": "Min",
            "multiply": "Mul", "negative": "Neg", "power": "Pow", "reciprocal": "Reciprocal", "relu": "Relu",
            "rint": "Round", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh",
            "softplus": "Softplus", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan", "tanh": "Tanh",
        }.items()
    },
    **{f"logical_{name}": _direct(name.capitalize(), bool) for name in ("and", "not", "or", "xor")},
    **dict.fromkeys("conj device_put positive real stop_gradient".split(), _identity),
    **dict.fromkeys(("astype", "narrowed"), _cast),
    "argmax": _position("ArgMax"),
    "argmin": _position("ArgMin"),
    "bitwise_and": _bitwise("And"),
    "bitwise_or": _bitwise("Or"),
    "bitwise_xor": _bitwise("Xor"),
    "broadcast_to": _broadcast_to,
    "clip": _clip,
    "concatenate": lambda w, o, axis: w.emit("Concat", *w.arguments(o), axis=axis),
    "cumsum": _cumsum,
    "einsum": lambda w, o, subscripts: w.emit("Einsum", *w.arguments(o), equation=subscripts),
    "elu": _formula(_elu),
    "exp2": _formula(lambda emit, number, x: emit("Pow", number(2), x)),
    "expm1": _formula(lambda emit, number, x: emit("Sub", emit("Exp", x), number(1))),
    "flip": _flip,
    "gelu": _formula(_gelu),
    "gelu_tanh": _formula(_gelu_tanh),
    "getitem": _getitem,
    "invert": _bitwise("Not"),
    "leaky_relu": lambda w, o, negative_slope: w.emit("LeakyRelu", *w.arguments(o), alpha=float(negative_slope)),
    "lerp": _formula(_lerp),
    "log1p": _formula(lambda emit, number, x: emit("Log", emit("Add", x, number(1)))),
    "log_expit": _formula(lambda emit, number, x: emit("Neg", emit("Softplus", emit("Neg", x)))),
    "log_softmax": _along("LogSoftmax"),
    "logsumexp": _reduction("ReduceLogSumExp"),
    "max": _reduction("ReduceMax"),
    "mean": _reduction("ReduceMean"),
    "min": _reduction("ReduceMin"),
    "mish": _formula(lambda emit, number, x: emit("Mul", x, emit("Tanh", emit("Softplus", x)))),
    "norm": _reduction("ReduceL2"),
    "not_equal": _formula(_not_equal),
    "pad": _pad,
    "power_of": _formula(_power_of),
    "prod": _reduction("ReduceProd"),
    "repeat": _repeat,
    "reshape": _reshape,
    "silu": _formula(lambda emit, number, x: emit("Mul", x, emit("Sigmoid", x))),
    "softmax": _along("Softmax"),
    "square": _formula(lambda emit, number, x: emit("Mul", x, x)),
    "std": _deviation,
    "sum": _reduction("ReduceSum"),
    "take_along_axis": _take_along_axis,
    "transpose": _transpose,
    "triangle": _triangle,
    "var": _variance,
    "where": _where,
}  # fmt: skip
