"""The cases for `autograd.numpy`: the same text runs on HIPS autograd and on ours, whichever is imported."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy

import autograd
import autograd.numpy as np
from benchmarks.cases import Case, Inputs
from benchmarks.peers import ROOT

OURS = Path(autograd.__file__).resolve().parent == ROOT / "autograd"
VERSION = "this checkout" if OURS else f"{version('autograd')}, NumPy {numpy.__version__}"


def prepare(case: Case, inputs: Inputs) -> Callable[[], Any]:
    function = globals()[case.function]
    if case.gradient:
        count = len(inputs.differentiated)
        function = autograd.value_and_grad(function, tuple(range(count)) if count > 1 else 0)
        return partial(function, *inputs.differentiated, **inputs.fixed)
    return lambda: (function(*inputs.differentiated, **inputs.fixed), ())


def to_numpy(answer: Any) -> tuple[Any, list[numpy.ndarray]]:
    value, gradients = answer
    return value, list(gradients) if isinstance(gradients, tuple) else [gradients]


def chain(x, scale, shift, cycles):
    h = x
    for _ in range(cycles):
        h = np.tanh(h)
        h = h * scale
        h = h + shift
    return np.sum(h)


forward = chain


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h = np.maximum(np.dot(x, w1) + b1, 0)
    h = np.maximum(np.dot(h, w2) + b2, 0)
    logits = np.dot(h, w3) + b3
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_totals = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_totals - shifted[np.arange(len(labels)), labels])


def deep50(*parameters, x):
    h = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        h = np.tanh(np.dot(h, w) + b)
    return np.mean(h * h)


def rnn(w_input, w_hidden, bias, steps, initial):
    h = initial
    for x in steps:
        h = np.tanh(np.dot(x, w_input) + np.dot(h, w_hidden) + bias)
    return np.mean(h * h)


def jacobian(x, w):
    return autograd.jacobian(lambda x: np.tanh(np.dot(w, x)))(x)


def jacobian_by_rows(x, w):
    return numpy.stack([autograd.grad(lambda x, i=i: np.tanh(np.dot(w, x))[i])(x) for i in range(len(w))])


def add_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h + constant
    return np.sum(h)


def multiply_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h * constant
    return np.sum(h)


def tanh_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = np.tanh(h)
    return np.sum(h)
