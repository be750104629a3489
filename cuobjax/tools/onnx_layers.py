"""Which nodes of ONNX the operations of layers are."""

from __future__ import annotations

import math
from typing import Any

import numpy as onp

from .onnx_writer import Handler, NoForm, pads

__all__ = ["LAYERS"]


def _window(geometry):
    return {
        "strides": list(geometry.strides),
        "dilations": list(geometry.dilation),
        "pads": pads(geometry.padding),
        "group": geometry.groups,
    }


def _cropped(w, x, padding):
    """A value without what negative padding crops, and the rest of the padding."""
    if all(n >= 0 for pair in padding for n in pair):
        return x, padding
    width = [(0, 0), (0, 0), *[(min(a, 0), min(b, 0)) for a, b in padding]]
    x = w.emit("Pad", x, w.indices(*pads(width)), mode="constant")
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
    window = {"kernel_shape": list(size), "strides": list(strides), "pads": pads(padding)}
    mean = w.emit("AveragePool", x, **window, count_include_pad=1)
    return w.emit("Mul", mean, w.constant(math.prod(size), w.dtype(o.inputs[0])))


def _max_pool_indices(w, o, size, strides, padding):
    """Maximum pooling is one node; `window_gather` at these indices takes its result."""
    if any(n < 0 for pair in padding for n in pair):
        raise NoForm("of negative padding")
    window = {"kernel_shape": list(size), "strides": list(strides), "pads": pads(padding)}
    maxima = w.emit("MaxPool", w.name(o.inputs[0]), **window)
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


# The node, the order of its gates among ours, more attributes.
_CELLS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
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


LAYERS: dict[str, Handler] = {
    "attention": _attention,
    "convolution": _convolution,
    "convolution_input": _transposed_convolution,
    "max_pool_indices": _max_pool_indices,
    "normalize": _normalize,
    "recurrence": _recurrence,
    "standardize": _standardize,
    "window_gather": _window_gather,
    "window_sum": _window_sum,
}
