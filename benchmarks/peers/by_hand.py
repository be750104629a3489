"""The cases in plain NumPy, forward and backward as a careful person writes them: the yardstick and the oracle."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.cases import Case, Inputs

VERSION = f"NumPy {np.__version__}"

Answer = tuple[Any, list[np.ndarray]]


def prepare(case: Case, inputs: Inputs) -> Callable[[], Answer]:
    return partial(globals()[case.function], *inputs.differentiated, **inputs.fixed)


def to_numpy(answer: Answer) -> Answer:
    return answer


def forward(x, scale, shift, cycles):
    h = x
    for _ in range(cycles):
        h = np.tanh(h)
        h = h * scale
        h = h + shift
    return h.sum(), []


def chain(x, scale, shift, cycles):
    h, kept = x, []
    for _ in range(cycles):
        h = np.tanh(h)
        kept.append(h)
        h = h * scale
        h = h + shift
    dh = np.ones_like(h)
    for y in reversed(kept):
        dh = dh * scale
        dh = dh * (1 - y * y)
    return h.sum(), [dh]


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    logits = h2 @ w3 + b3
    shifted = logits - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(1, keepdims=True)
    rows = np.arange(len(x))
    loss = (np.log(totals[:, 0]) - shifted[rows, labels]).mean()

    dlogits = exponentials / totals
    dlogits[rows, labels] -= 1
    dlogits /= len(x)
    dz2 = (dlogits @ w3.T) * (h2 > 0)
    dz1 = (dz2 @ w2.T) * (h1 > 0)
    return loss, [x.T @ dz1, dz1.sum(0), h1.T @ dz2, dz2.sum(0), h2.T @ dlogits, dlogits.sum(0)]


def cross_entropy(logits, labels):
    rows = np.arange(len(logits))
    shifted = logits - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(1, keepdims=True)
    loss = (np.log(totals[:, 0]) - shifted[rows, labels]).mean()
    exponentials /= totals
    exponentials[rows, labels] -= 1
    exponentials /= len(logits)
    return loss, [exponentials]


def layer_norm(x, gamma, beta, weights):
    scale = 1 / np.sqrt(x.var(1, keepdims=True) + np.float32(1e-5))
    z = (x - x.mean(1, keepdims=True)) * scale
    total = ((z * gamma + beta) * weights).sum()
    h = weights * gamma
    dx = (h - h.mean(1, keepdims=True) - z * (h * z).mean(1, keepdims=True)) * scale
    return total, [dx, (weights * z).sum(0), weights.sum(0)]


def deep50(*parameters, x):
    weights, biases = parameters[::2], parameters[1::2]
    states = [x]
    for w, b in zip(weights, biases, strict=True):
        states.append(np.tanh(states[-1] @ w + b))
    h = states.pop()
    loss = np.mean(h * h)

    gradients = []
    dh = h * (2 / h.size)
    for i in reversed(range(len(weights))):
        dz = dh * (1 - h * h)
        h = states.pop()
        gradients += [dz.sum(0), h.T @ dz]
        if i:
            dh = dz @ weights[i].T
    return loss, gradients[::-1]


def rnn(w_input, w_hidden, bias, steps, initial):
    states = [initial]
    for x in steps:
        states.append(np.tanh(x @ w_input + states[-1] @ w_hidden + bias))
    h = states.pop()
    loss = np.mean(h * h)

    dw_input, dw_hidden, dbias = np.zeros_like(w_input), np.zeros_like(w_hidden), np.zeros_like(bias)
    dh = h * (2 / h.size)
    for x in steps[::-1]:
        dz = dh * (1 - h * h)
        h = states.pop()
        dw_input += x.T @ dz
        dw_hidden += h.T @ dz
        dbias += dz.sum(0)
        if states:
            dh = dz @ w_hidden.T
    return loss, [dw_input, dw_hidden, dbias]


def jacobian(x, w):
    return (1 - np.tanh(w @ x) ** 2)[:, None] * w, []


def jacobian_by_rows(x, w):
    return np.stack([(1 - np.tanh(w @ x)[i] ** 2) * w[i] for i in range(len(w))]), []


def add_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h + constant
    return h.sum(), [np.ones_like(h)]


def multiply_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h * constant
    dh = np.ones_like(h)
    for _ in range(count):
        dh = dh * constant
    return h.sum(), [dh]


def tanh_repeatedly(x, constant, count):
    h, kept = x, []
    for _ in range(count):
        h = np.tanh(h)
        kept.append(h)
    total = h.sum()
    dh = np.ones_like(h)
    while kept:
        h = kept.pop()
        dh = dh * (1 - h * h)
    return total, [dh]
