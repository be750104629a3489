"""Launches of every CUDA kernel of ours in every variant: what `benchmarks.kernels` compiles."""

import itertools
from functools import partial

import numpy

from autograd.compiler.fusion import FusedKernel
from autograd.compiler.multi_tensor import MultiTensorProgram
from autograd.graph import Staging
from autograd.kernels import (
    activation,
    alignment,
    attention,
    convolution,
    dropout,
    fingerprint,
    normalization,
    pooling,
    random,
    random_rejection,
    random_slope,
    recurrence,
    scatter,
    softmax,
    special,
)  # fmt: skip
from autograd.ops import reduction
from autograd.primitive import PRIMITIVES

FLOATS = "float16", "float32", "float64"

# kernel, strides, dilation: one to three dimensions, and the largest that a usual network has.
CONVOLUTIONS = {
    "3x3": ((3, 3), (1, 1), (1, 1)),
    "3x3 by 2": ((3, 3), (2, 2), (1, 1)),
    "3x3 dilated": ((3, 3), (1, 1), (2, 2)),
    "7x7 by 2": ((7, 7), (2, 2), (1, 1)),
    "9": ((9,), (1,), (1,)),
    "3x3x3": ((3, 3, 3), (1, 1, 1), (1, 1, 1)),
    "1x1": ((1, 1), (1, 1), (1, 1)),
}
POOLS = {
    "2x2 by 2": ((2, 2), (2, 2)),
    "3x3 by 2": ((3, 3), (2, 2)),
    "5x5": ((5, 5), (1, 1)),
    "2x2x2 by 2": ((2, 2, 2), (2, 2, 2)),
}
DRAWS = {
    "bits": (random.bits, {}),
    **{f"uniform {dtype}": (random.uniform, {"dtype": dtype}) for dtype in FLOATS},
    **{f"normal {dtype}": (random.normal, {"dtype": dtype}) for dtype in FLOATS},
    **{
        f"truncated_normal {dtype}": (random.truncated_normal, {"dtype": dtype, "lower": -2, "upper": 2})
        for dtype in FLOATS
    },
    **{
        f"{draw.__name__} {dtype}": (draw, {"dtype": dtype})
        for draw in (random.exponential, random.gumbel, random.laplace, random.logistic, random.cauchy)
        for dtype in FLOATS
    },
    "bernoulli": (random.bernoulli, {"p": 0.5}),
    "randint int8": (random.randint, {"low": 0, "high": 10, "dtype": "int8"}),
    "randint int32": (random.randint, {"low": 0, "high": 10, "dtype": "int32"}),
    "randint int64": (random.randint, {"low": 0, "high": 10, "dtype": "int64"}),
    "randint int64 wide": (random.randint, {"low": 0, "high": 10**12, "dtype": "int64"}),
}


# The largest kernels, in one dimension and in three: parts of them, and what one block takes together.
DEPTHWISE = {
    "3x3": ((3, 3), (1, 1), (1, 1)),
    "7x7 by 2": ((7, 7), (2, 2), (1, 1)),
    "31 dilated": ((31,), (1,), (2,)),
    "3x3x3": ((3, 3, 3), (1, 1, 1), (1, 1, 1)),
}


def launches():
    """Pairs (what it stands for, function of xp that launches): together they make every kernel there is."""
    for name, window in CONVOLUTIONS.items():
        for dtype in (*FLOATS, "complex64") if name == "3x3" else ("float32",):
            yield f"{name} {dtype}", partial(_convolve, *window, dtype)
    for name, window in DEPTHWISE.items():
        for dtype in (*FLOATS, "complex64") if name == "3x3" else ("float64",):
            yield f"depthwise {name} {dtype}", partial(_convolve, *window, dtype, groups=4)
    for name, window in POOLS.items():
        for dtype in FLOATS if name == "2x2 by 2" else ("float32",):
            yield f"{name} {dtype}", partial(_pool, *window, dtype)
    for name, (function, parameters) in DRAWS.items():
        yield name, partial(_draw, function, parameters)
    for dtype in ("float16", "float32"):
        yield dtype, lambda xp, dtype=dtype: fingerprint.fingerprints(xp, [xp.zeros(3, dtype)])
    yield "split", lambda xp: random.split(xp, xp.zeros(2, "uint32"), n=3)
    for dtype in FLOATS:
        yield f"gamma {dtype}", partial(_draw_with, random_rejection.standard_gamma, 1, dtype, {"log": False})
    for dtype in ("int32", "int64"):
        yield f"poisson {dtype}", partial(_draw_with, random_rejection.poisson, 1, "float64", {"dtype": dtype})
        yield f"binomial {dtype}", partial(_draw_with, random_rejection.binomial, 2, "float64", {"dtype": dtype})
    for dtype in FLOATS:
        yield dtype, lambda xp, dtype=dtype: random_slope.log_gamma_slope(xp, *[xp.ones(100, dtype)] * 2)
    for function, dtype in itertools.product((special.erf, special.erfc, special.erfinv, special.ndtri), FLOATS):
        yield dtype, partial(_apply, function, dtype)
    for dtype in (*FLOATS, "complex64"):
        yield f"add in order {dtype}", partial(_add, dtype)
    for dtype in FLOATS:
        yield dtype, partial(_activate, dtype)
        yield dtype, partial(_drop, dtype)
        yield dtype, partial(_softmax, dtype)
        yield dtype, partial(_align, dtype)
        for centered, scale in itertools.product((True, False), ((1, 8), (4, 1), None)):
            yield f"{dtype} {'centered ' * centered}{scale}", partial(_normalize, dtype, centered, scale)
        for part in range(PARTS):
            yield f"fused {dtype} {part}", partial(_fuse, dtype, part)
        yield f"reduced {dtype}", partial(_reduce, dtype)
        yield dtype, partial(_attend, dtype)
        for cell in recurrence.CELLS:
            yield f"{cell} {dtype}", partial(_recur, cell, dtype)


def _activate(dtype, xp):
    x, constants = xp.ones(100, dtype), {"alpha": 1.0, "rate": 1.0, "scale": 1.0}
    for name, value in activation.VALUES.items():
        params = constants if name == "elu" else {}
        value(xp, x, **params)
        activation.GRADIENTS[name](xp, x, x, **params)
    activation.lerp(xp, x, x, 0.1)
    activation.sigmoid_cross_entropy(xp, x, x)
    activation.sigmoid_cross_entropy_gradient(xp, x, x, x)


PARTS = 8  # kernels that the formulas are in: one of all of them would need more registers than there are


def _fuse(dtype, part, xp):
    """A part of all formulas of operations, whose names are in the order of their definitions."""
    staging, x = Staging(), numpy.full(8, 0.5, dtype)
    params = {"negative_slope": 0.1, "low": 0.1, "high": 0.9, "exponent": 2, "alpha": 1.6, "rate": 0.9, "scale": 1.05}
    primitives = [p for p in PRIMITIVES.values() if p.cuda and p.parameters.issubset(params)][part::PARTS]
    with staging.recording(), numpy.errstate(all="ignore"):
        a, b, condition = [staging.input(array, "input") for array in (x, x, x == 1)]
        given = dict.fromkeys(["a", "g", "x", "val"], a) | dict.fromkeys(["b", "weight", "labels"], b)
        given["condition"] = condition
        results = [
            p(*[given[name] for name in p.arguments], **{name: params[name] for name in p.parameters})
            for p in primitives
        ]
    graph = staging.finished(results)
    graph.on_host = False
    FusedKernel(graph).launch(xp, [xp.ones(8, dtype), xp.ones(8, dtype), xp.ones(8, "bool")])
    MultiTensorProgram(graph, 3, "all formulas").launch(xp, 1)


def _reduce(dtype, xp):
    """All reductions in one program, with a second stage behind them."""
    staging, x = Staging(), numpy.ones(8, dtype)
    params = {"axis": (0,), "keepdims": False}
    with staging.recording():
        a, condition = [staging.input(array, "input") for array in (x, x == 1)]
        sums = [getattr(reduction, name)(a, **params) for name in ("sum", "mean", "max", "min")]
        known = [getattr(reduction, name)(condition, **params) for name in ("all", "any")]
        graph = staging.finished([a * a.sum(), reduction.sum(a - sums[1], **params), *sums, *known])
    graph.on_host = False
    MultiTensorProgram(graph, 2, "all reductions").launch(xp, 1)


def _attend(dtype, xp):
    x, keys = xp.ones((1, 2, 4, 8), dtype), xp.zeros((1, 2, 4, 2), "uint32")
    attention.kept_weights(xp, keys, length=4, keep=0.5)
    for keep in (1, 0.5):
        params = {"scale": 1.0, "causal": True, "keep": keep}
        with numpy.errstate(all="ignore"):  # nothing is launched: the numbers mean nothing
            y, sums = attention.attention(xp, x, x, x, 0, keys, **params)
            attention.attention_gradient(xp, x, 0, x, x, x, 0, keys, y, sums, to_bias=False, **params)


def _recur(cell, dtype, xp):
    kind = recurrence.CELLS[cell]
    x, w, w_hidden = [xp.ones(shape, dtype) for shape in ((3, 2, 4), (4, kind.gates * 5), (5, kind.gates * 5))]
    states, params = [xp.ones((2, 5), dtype)] * kind.states, {"cell": cell, "reverse": False}
    results = recurrence.recurrence(xp, x, w, w_hidden, 0, 0, 1, *states, **params)
    ends = [0] * kind.states
    recurrence.recurrence_gradient(xp, x, w, w_hidden, 0, 0, 1, 0, *states, *ends, *results, to_x=True, **params)


def _drop(dtype, xp):
    x = xp.ones((4, 8), dtype)
    _, mask = dropout.dropout(xp, x, xp.zeros(2, "uint32"), keep=0.5)
    dropout.masked(xp, x, mask, keep=0.5)


def _softmax(dtype, xp):
    x, row, labels = xp.ones((4, 8), dtype), xp.ones(4, dtype), xp.zeros(4, "int64")
    for function, gradient in ((softmax.softmax, softmax.softmax_gradient),
                               (softmax.log_softmax, softmax.log_softmax_gradient)):  # fmt: skip
        gradient(xp, x, function(xp, x, axis=(1,)), axis=(1,))
    _, total = softmax.cross_entropy(xp, x, labels, smoothing=0.1, dtype="float64")
    softmax.cross_entropy_gradient(xp, row, 0, x, labels, total, smoothing=0.1)
    _, *of_rows = softmax.soft_cross_entropy(xp, x, x, dtype="float64")
    softmax.soft_cross_entropy_gradient(xp, row, 0, x, x, *of_rows)


def _align(dtype, xp):
    x, labels, lengths = xp.ones((2, 4, 3), dtype), xp.ones((2, 1), "int32"), xp.ones(2, "int32")
    with numpy.errstate(all="ignore"):  # nothing is launched: the numbers mean nothing
        alignment.ctc(xp, x, labels, lengths, lengths, blank=0)
        alignment.ctc_gradient(xp, xp.ones(2, dtype), x, labels, lengths, lengths, blank=0)


def _normalize(dtype, centered, scale, xp):
    x, params = xp.ones((4, 8), dtype), {"axis": (1,), "eps": 1e-5, "centered": centered}
    scale, shift = (xp.ones(scale, dtype),) * 2 if scale else (1, 0)
    _, mean, variance = normalization.normalize(xp, x, scale, shift, dtype="float32", **params)
    wanted = (0,) if isinstance(scale, int) else (0, 1, 2)
    normalization.normalize_gradients(xp, x, 0, 0, x, scale, mean, variance, wanted=wanted, **params)
    if wanted != (0,):
        normalization.standardize(xp, x, mean, variance, scale, shift, eps=1e-5)


def _convolve(kernel, strides, dilation, dtype, xp, groups=1):
    x, w = xp.zeros((2, 4) + (16,) * len(kernel), dtype), xp.zeros((16, 4 // groups, *kernel), dtype)
    padding = ((kernel[0] // 2 * dilation[0],) * 2,) * len(kernel)
    parameters = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    y = convolution.convolution(xp, x, w, **parameters)
    convolution.convolution_input(xp, y, w, shape=x.shape, **parameters)
    convolution.convolution_kernel(xp, x, y, shape=w.shape, **parameters)


def _pool(size, strides, dtype, xp):
    x = xp.zeros((2, 4) + (16,) * len(size), dtype)
    parameters = {"size": size, "strides": strides, "padding": ((1, 1),) * len(size)}
    y = pooling.window_sum(xp, x, **parameters)
    pooling.window_spread(xp, y, shape=x.shape, **parameters)
    indices = pooling.max_pool_indices(xp, x, **parameters)
    y = pooling.window_gather(xp, x, indices)
    pooling.window_scatter(xp, y, indices, shape=x.shape, **parameters)


def _draw(function, parameters, xp):
    function(xp, xp.zeros(2, "uint32"), shape=(100,), **parameters)


def _add(dtype, xp):
    scatter.add_in_order(xp, xp.zeros((3, 4), dtype), (xp.arange(3),), (5, 4))


def _draw_with(function, count, dtype, parameters, xp):
    function(xp, xp.zeros(2, "uint32"), *[xp.ones(100, dtype)] * count, **parameters)


def _apply(function, dtype, xp):
    function(xp, xp.zeros(100, dtype))
