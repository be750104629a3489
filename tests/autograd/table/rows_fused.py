"""Rows of the table of primitives for operations that do many steps as one: see `op_table.py`."""

import numpy as np
import scipy.special

from autograd.kernels.random import bernoulli

from .cases import Case, Real, binary, integers, real, unary, unary_with

NORMS = [  # the shapes of x and of scale, the axes
    ((3, 4), (4,), (1,)), ((2, 3, 2), (1, 3, 1), (0, 2)), ((2, 2, 2, 3), (2, 2, 1), (2, 3)), ((3, 2), (3, 1), (1,)),
    ((0, 3), (3,), (1,)), ((3, 4), None, (1,)),
]  # fmt: skip


def normalize(x, scale, shift, *, axis, eps, centered, dtype):
    mean = x.mean(axis, keepdims=True) if centered else np.zeros_like(x[:1].sum(axis, keepdims=True))
    mean = np.broadcast_to(mean, [1 if i in axis else n for i, n in enumerate(x.shape)])
    variance = ((x - mean) ** 2).mean(axis, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * scale + shift, mean, variance


def normalize_gradients(g, g_mean, g_variance, x, scale, mean, variance, *, wanted, axis, eps, centered):
    n, r = np.prod([x.shape[i] for i in axis]), 1 / np.sqrt(variance + eps)
    z, h = (x - mean * centered) * r, g * scale
    a = (r * h.sum(axis, keepdims=True) - g_mean) / n * centered
    b = (r * (h * z).sum(axis, keepdims=True) - 2 * g_variance / r) / n
    shape = (1,) * (x.ndim - np.ndim(scale)) + np.shape(scale)
    axes = tuple(i for i, length in enumerate(shape) if length == 1)
    found = (r * h - a - z * b, (g * z).sum(axes).reshape(np.shape(scale)), g.sum(axes).reshape(np.shape(scale)))
    return tuple(found[i] for i in wanted)


def sigmoid(x):
    return scipy.special.expit(x)


def normal_cdf(x):
    return scipy.special.ndtr(x)


def bell(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def mish(x):
    return x * np.tanh(np.logaddexp(x, 0))


def elu(x, *, alpha, rate, scale):
    return scale * np.where(x > 0, x, alpha * np.expm1(x * rate))


def elu_slope(x, *, alpha, rate, scale):
    return scale * np.where(x > 0, 1, alpha * rate * np.exp(x * rate))


def by_differences(function):
    """The derivative of a function of float64, by complex steps or, for functions of SciPy, by small ones."""
    return lambda x: (function(x + 1e-30j) / 1e-30).imag


def mish_slope(x):
    t = np.tanh(np.logaddexp(x, 0))
    return t + x * (1 - t * t) * sigmoid(x)


def times(slope):
    return lambda g, x, **params: g * slope(x, **params)


def standardize(x, mean, variance, scale, shift, *, eps):
    return (x - mean) / np.sqrt(variance + eps) * scale + shift


def softmax_gradient(g, z, *, axis):
    return (g - (g * z).sum(axis, keepdims=True)) * z


def log_softmax_gradient(g, z, *, axis):
    return g - np.exp(z) * g.sum(axis, keepdims=True)


def target(logits, labels, smoothing):
    """The probabilities of the classes that a label stands for."""
    n = logits.shape[1]
    return (labels[:, None] == np.arange(n)) * (1 - smoothing) + smoothing / n


def soft_cross_entropy(logits, labels, *, dtype):
    loss = -(labels * scipy.special.log_softmax(logits, 1)).sum(1)
    return loss, scipy.special.logsumexp(logits, 1), labels.sum(1)


def cross_entropy(logits, labels, *, smoothing, dtype):
    return soft_cross_entropy(logits, target(logits, labels, smoothing), dtype=dtype)[:2]


def soft_cross_entropy_gradient(g, g_total, logits, labels, total, weight):
    return np.exp(logits - total[:, None]) * (g * weight + g_total)[:, None] - labels * g[:, None]


def cross_entropy_gradient(g, g_total, logits, labels, total, *, smoothing):
    return soft_cross_entropy_gradient(g, g_total, logits, target(logits, labels, smoothing), total, 1)


def masked(x, mask, *, keep):
    return np.where(mask, x / keep, 0)


def dropout(x, key, *, keep):
    mask = bernoulli(np, key, shape=x.shape, p=keep)
    return masked(x, mask, keep=keep), mask


KEY, MASK = np.array([1, 7], np.uint32), np.arange(12).reshape(3, 4) % 5 < 3
GATES = {  # value, slope
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "gelu": (lambda x: x * normal_cdf(x), lambda x: normal_cdf(x) + x * bell(x)),
    "gelu_tanh": (gelu_tanh, by_differences(gelu_tanh)),
    "mish": (mish, mish_slope),
}
ELU = {"alpha": 1.3, "rate": 0.7, "scale": 1.1}


def params(axis, centered=True, **more):
    return {**more, "axis": axis, "eps": 1e-3, "centered": centered}


def statistics(shape, axis):
    kept = tuple(1 if i in axis else n for i, n in enumerate(shape))
    return Real(kept), Real(kept, 0.5, 2.0)


ROWS = {
    **{name: unary(-5, 5, value, keeps="x") for name, (value, _) in GATES.items()},
    **{f"{name}_gradient": binary(-3, 3, keeps="g x", oracle=times(slope)) for name, (_, slope) in GATES.items()},
    "elu": unary_with([ELU], -4, 3, elu, keeps="x"),
    "elu_gradient": [case._replace(params=ELU) for case in binary(-3, 3, keeps="g x", oracle=times(elu_slope))],
    "lerp": [
        Case((real(2, 3), real(3), weight), {}, lambda a, b, weight: a + weight * (b - a), keeps)
        for weight, keeps in ((real(2, 1), "a b weight"), (0.1, ""))],
    "sigmoid_cross_entropy": binary(
        -5, 5, (0, 1), keeps="x labels", oracle=lambda x, labels: np.logaddexp(x, 0) - x * labels),
    "sigmoid_cross_entropy_gradient": [Case(
        (real(2, 3), real(2, 3), Real((2, 3), 0, 1)), {}, lambda g, x, labels: g * (sigmoid(x) - labels),
        "g x labels")],
    **{name: [
        Case((Real(shape), Real(shape)), {"axis": axis}, oracle, keeps)
        for shape, axis in (((2, 3, 2), (1,)), ((2, 3, 2), (2, 0)), ((0, 2), (1,)))]
       for name, oracle, keeps in (
           ("softmax_gradient", softmax_gradient, "g z"), ("log_softmax_gradient", log_softmax_gradient, ""))},
    "cross_entropy": [
        Case((real(3, 4), integers(1, 3, 1)), {"smoothing": smoothing, "dtype": "float64"}, cross_entropy, "logits",
             casts=True)
        for smoothing in (0.0, 0.1)],
    "soft_cross_entropy": [
        Case((real(3, 4), Real((3, 4), 0, 1)), {"dtype": "float64"}, soft_cross_entropy, "logits labels", casts=True)],
    "cross_entropy_gradient": [
        Case((real(3), real(3), real(3, 4), integers(1, 3, 1), Real((3,), 1, 3)), {"smoothing": smoothing},
             cross_entropy_gradient, "")
        for smoothing in (0.0, 0.1)],
    "soft_cross_entropy_gradient": [
        Case((real(3), real(3), real(3, 4), Real((3, 4), 0, 1), Real((3,), 1, 3), Real((3,), 1, 2)), {},
             soft_cross_entropy_gradient, "g labels weight")],
    "dropout": [Case((real(3, 4), KEY), {"keep": 0.6}, dropout, "", "fc")],
    "masked": [Case((real(3, 4), mask), {"keep": 0.6}, masked, "", "fc") for mask in (MASK, MASK[0])],
    "standardize": [
        Case((Real(x), Real(s), Real(s, 0.5, 2.0), Real(s), Real(s)), {"eps": 1e-3}, standardize,
             "x mean variance scale")
        for x, s in (((3, 4), (1, 4)), ((2, 3, 2), (1, 3, 1)))],
    "normalize": [
        Case((Real(x), *((Real(s), Real(s)) if s else (1, 0))), params(axis, centered, dtype="float32"), normalize,
             "x scale")
        for x, s, axis in NORMS for centered in (True, False)],
    "normalize_gradients": [
        Case(
            (Real(x), *[Real(statistics(x, axis)[0].shape)] * 2, Real(x), Real(s) if s else 1, *statistics(x, axis)),
            params(axis, centered, wanted=(0, 1, 2) if s else (0,)), normalize_gradients,
            " ".join(["g scale"] * bool(s) + ["x"] * (not centered)))
        for x, s, axis in NORMS for centered in (True, False)],
}  # fmt: skip
