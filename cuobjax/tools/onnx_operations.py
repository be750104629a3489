"""Which nodes of ONNX an operation of a recorded graph is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as onp

from autograd.ops.indexing import ARRAY

__all__ = ["OPERATIONS", "NoForm"]

Handler: TypeAlias = Callable[..., Any]  # (writer, operation, **params): names of the results


class NoForm(ValueError):
    """An operation has no form in ONNX with these parameters; its text says which."""


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
    x = w.name(o.inputs[0])
    return w.emit("Pad", x, w.indices(*[a for a, _ in width], *[b for _, b in width]), mode="constant")


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


def _window(geometry):
    padding = [*(a for a, _ in geometry.padding), *(b for _, b in geometry.padding)]
    return {
        "strides": list(geometry.strides),
        "dilations": list(geometry.dilation),
        "pads": padding,
        "group": geometry.groups,
    }


def _cropped(w, x, padding):
    """A value without what negative padding crops, and the rest of the padding."""
    if all(n >= 0 for pair in padding for n in pair):
        return x, padding
    width = [(0, 0), (0, 0), *[(min(a, 0), min(b, 0)) for a, b in padding]]
    x = w.emit("Pad", x, w.indices(*[a for a, _ in width], *[b for _, b in width]), mode="constant")
    return x, tuple([(max(a, 0), max(b, 0)) for a, b in padding])


def _convolution(w, o, geometry):
    x, padding = _cropped(w, w.name(o.inputs[0]), geometry.padding)
    return w.emit("Conv", x, w.name(o.inputs[1]), **_window(geometry._replace(padding=padding)))


def _transposed_convolution(w, o, geometry, shape):
    """The gradient of a convolution with respect to its input, which is ONNX's transposed one."""
    z, kernel = (w.graph.values[n].shape for n in o.inputs)
    if any(n < 0 for pair in geometry.padding for n in pair):
        raise NoForm("of negative padding")
    sizes = zip(shape[2:], z[2:], kernel[2:], geometry.strides, geometry.dilation, geometry.padding, strict=True)
    more = [n - ((m - 1) * s + d * (k - 1) + 1 - a - b) for n, m, k, s, d, (a, b) in sizes]
    return w.emit("ConvTranspose", *map(w.name, o.inputs), **_window(geometry), output_padding=more)


def _window_sum(w, o, size, strides, padding):
    x, padding = _cropped(w, w.name(o.inputs[0]), padding)
    pads = [*(a for a, _ in padding), *(b for _, b in padding)]
    mean = w.emit(
        "AveragePool", x, kernel_shape=list(size), strides=list(strides), pads=pads, count_include_pad=1
    )  # fmt: skip
    return w.emit("Mul", mean, w.constant(math.prod(size), w.dtype(o.inputs[0])))


def _max_pool_indices(w, o, size, strides, padding):
    """Maximum pooling is one node; `window_gather` at these indices takes its result."""
    if any(n < 0 for pair in padding for n in pair):
        raise NoForm("of negative padding")
    pads = [*(a for a, _ in padding), *(b for _, b in padding)]
    maxima = w.emit("MaxPool", w.name(o.inputs[0]), kernel_shape=list(size), strides=list(strides), pads=pads)
    w.memo[o.outputs[0]] = o.inputs[0], maxima
    return [None]


def _window_gather(w, o, windows):
    source, maxima = w.memo.get(o.inputs[1], (None, ""))
    if source != o.inputs[0]:
        raise NoForm("at indices that are not those of its own maxima")
    return maxima


def _standardize(w, o, eps):
    x, *stats = o.inputs
    shape, dtype = w.graph.values[x].shape, w.dtype(x)
    channels = [1, *shape[1:2], *[1] * (len(shape) - 2)]
    if len(shape) > 1 and all(n in w.known and onp.shape(w.known[n]) == tuple(channels) for n in stats):
        mean, variance, scale, shift = [w.constant(onp.reshape(w.known[n], -1), dtype) for n in stats]
        return w.emit("BatchNormalization", w.name(x), scale, shift, mean, variance, epsilon=float(eps))
    mean, variance, scale, shift = [w.name(n, dtype) for n in stats]
    centered = w.emit("Sub", w.name(x), mean)
    deviation = w.emit("Sqrt", w.emit("Add", variance, w.constant(eps, dtype)))
    return w.emit("Add", w.emit("Mul", w.emit("Div", centered, deviation), scale), shift)


def _normalize(w, o, axis, eps, centered, dtype):
    x, scale, shift = o.inputs
    single = onp.dtype(dtype)
    y = w.name(x, single)
    mean = w.reduced("ReduceMean", y, axis, True)
    y = w.emit("Sub", y, mean) if centered else y
    variance = w.reduced("ReduceMean", w.emit("Mul", y, y), axis, True)
    y = w.emit("Div", y, w.emit("Sqrt", w.emit("Add", variance, w.constant(eps, single))))
    y = w.emit("Add", w.emit("Mul", y, w.name(scale, single)), w.name(shift, single))
    result = w.dtype(o.outputs[0])
    return [y if result == single else w.cast(y, result), mean, variance]


def _attention(w, o, scale, causal, keep):
    if keep != 1:
        raise NoForm("with dropout")
    q, k, v, bias, _ = o.inputs
    (_, heads, length, _), (_, groups, count, _) = (w.graph.values[n].shape for n in (q, k))
    dtype = w.dtype(q)
    keys, values = (_for_each_head(w, n, heads, groups, count) for n in (k, v))
    scores = w.emit("MatMul", w.name(q), w.emit("Transpose", keys, perm=[0, 1, 3, 2]))
    scores = w.emit("Mul", scores, w.constant(scale, dtype))
    if not w.graph.values[bias].weak:
        scores = w.emit("Add", scores, w.name(bias, dtype))
    if causal:
        later = onp.triu(onp.ones((length, count), bool), count - length + 1)
        scores = w.emit("Where", w.constant(later), w.constant(-onp.inf, dtype), scores)
    sums = w.reduced("ReduceLogSumExp", scores, (3,), False)
    return [w.emit("MatMul", w.emit("Softmax", scores, axis=3), values), sums]


def _for_each_head(w, n, heads, groups, count):
    """Keys or values, those of a group of heads once for each of these."""
    if heads == groups:
        return w.name(n)
    width = w.graph.values[n].shape[3]
    x = w.emit("Unsqueeze", w.name(n), w.indices(2))
    x = w.emit("Expand", x, w.indices(1, 1, heads // groups, 1, 1))
    return w.emit("Reshape", x, w.indices(0, heads, count, width))


_CELLS: dict[
    str, tuple[str, tuple[int, ...], dict[str, Any]]
] = {  # the node, the order of its gates among ours, more attributes
    "lstm": ("LSTM", (0, 3, 1, 2), {}),
    "gru": ("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    "tanh": ("RNN", (0,), {"activations": ["Tanh"]}),
    "relu": ("RNN", (0,), {"activations": ["Relu"]}),
}


def _recurrence(w, o, cell, reverse):
    x, w_input, w_hidden, b, b_hidden, mask, *states = o.inputs
    if not w.graph.values[mask].weak:
        raise NoForm("of sequences of several lengths")
    if any(n not in w.known for n in (w_input, w_hidden, b, b_hidden)):
        raise NoForm("of weights that are computed")
    kind, order, more = _CELLS[cell]
    size = w.graph.values[w_hidden].shape[0]
    weights = [w.constant(_gates(w.known[n].T, size, order)[None]) for n in (w_input, w_hidden)]
    dtype = w.dtype(x)
    first = onp.zeros(len(order) * size, dtype) + onp.asarray(w.known[b], dtype)
    second = onp.zeros((len(order), size), dtype)
    second[-1] += onp.asarray(w.known[b_hidden], dtype)
    bias = w.constant(onp.concatenate([_gates(first, size, order), second.reshape(-1)])[None])
    given = ["" if _is_zero(w, n) else w.emit("Unsqueeze", w.name(n), w.indices(0)) for n in states]
    direction = "reverse" if reverse else "forward"
    attributes = {"hidden_size": size, "direction": direction, **more}
    found = w.emit_several(1 + len(states), kind, w.name(x), *weights, bias, "", *given, **attributes)
    reached, *last = found
    return [w.emit("Squeeze", reached, w.indices(1)), *[w.emit("Squeeze", y, w.indices(0)) for y in last]]


def _gates(x, size, order):
    """An array with the gates along its first axis in another order."""
    parts = x.reshape(len(order), size, *x.shape[1:])
    return onp.ascontiguousarray(parts[list(order)].reshape(x.shape))


def _is_zero(w, n):
    return n in w.known and not onp.any(w.known[n])


def _identity(w, o, **params):
    return w.emit("Identity", w.name(o.inputs[0]))


OPERATIONS: dict[str, Handler] = {
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
    "attention": _attention,
    "bitwise_and": _bitwise("And"),
    "bitwise_or": _bitwise("Or"),
    "bitwise_xor": _bitwise("Xor"),
    "broadcast_to": _broadcast_to,
    "clip": _clip,
    "concatenate": lambda w, o, axis: w.emit("Concat", *w.arguments(o), axis=axis),
    "convolution": _convolution,
    "convolution_input": _transposed_convolution,
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
    "max_pool_indices": _max_pool_indices,
    "mean": _reduction("ReduceMean"),
    "min": _reduction("ReduceMin"),
    "mish": _formula(lambda emit, number, x: emit("Mul", x, emit("Tanh", emit("Softplus", x)))),
    "norm": _reduction("ReduceL2"),
    "normalize": _normalize,
    "not_equal": _formula(_not_equal),
    "pad": _pad,
    "power_of": _formula(_power_of),
    "prod": _reduction("ReduceProd"),
    "recurrence": _recurrence,
    "repeat": _repeat,
    "reshape": _reshape,
    "silu": _formula(lambda emit, number, x: emit("Mul", x, emit("Sigmoid", x))),
    "softmax": _along("Softmax"),
    "square": _formula(lambda emit, number, x: emit("Mul", x, x)),
    "standardize": _standardize,
    "std": _deviation,
    "sum": _reduction("ReduceSum"),
    "take_along_axis": _take_along_axis,
    "transpose": _transpose,
    "triangle": _triangle,
    "var": _variance,
    "where": _where,
    "window_gather": _window_gather,
    "window_sum": _window_sum,
}  # fmt: skip
