"""The cases in JAX on the CPU: `jax.jit` of `jax.value_and_grad`, compiled in the first call."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import Case, Inputs
from benchmarks.peers import THREADS

os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={THREADS}")

import jax
import jax.numpy as jnp

__all__ = ["VERSION", "chain", "cross_entropy", "deep50", "forward", "layer_norm", "mlp", "prepare", "rnn", "to_numpy"]

VERSION = str(jax.__version__)
MOST_UNROLLED = 1000  # cycles of the chain: XLA compiles no longer text in reasonable time


def prepare(case: Case, inputs: Inputs) -> Callable[[], Any]:
    function = globals()[case.function]
    arrays = [jnp.asarray(x) for x in inputs.differentiated]
    fixed = {name: jnp.asarray(x) if isinstance(x, np.ndarray) else x for name, x in inputs.fixed.items()}
    numbers = {name: x for name, x in fixed.items() if not isinstance(x, jax.Array)}
    given = {name: x for name, x in fixed.items() if name not in numbers}

    def value(arrays, given):
        return function(*arrays, **given, **numbers)

    program = jax.jit(jax.value_and_grad(value) if case.gradient else lambda *args: (value(*args), []))
    return lambda: jax.block_until_ready(program(arrays, given))


def to_numpy(answer: Any) -> tuple[Any, list[np.ndarray]]:
    value, gradients = answer
    return np.asarray(value), [np.asarray(gradient) for gradient in gradients]


def chain(x, scale, shift, cycles):
    def cycle(h, _):
        return jnp.tanh(h) * scale + shift, None

    h, _ = jax.lax.scan(cycle, x, None, cycles, unroll=cycles if cycles <= MOST_UNROLLED else 1)
    return h.sum()


forward = chain


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h = jax.nn.relu(x @ w1 + b1)
    h = jax.nn.relu(h @ w2 + b2)
    return cross_entropy(h @ w3 + b3, labels)


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def layer_norm(x, gamma, beta, weights):
    z = (x - x.mean(1, keepdims=True)) / jnp.sqrt(x.var(1, keepdims=True) + 1e-5)
    return ((z * gamma + beta) * weights).sum()


def deep50(*parameters, x):
    h = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        h = jnp.tanh(h @ w + b)
    return (h * h).mean()


def rnn(w_input, w_hidden, bias, steps, initial):
    h = initial
    for i in range(len(steps)):
        h = jnp.tanh(steps[i] @ w_input + h @ w_hidden + bias)
    return (h * h).mean()
