"""The cases in JAX, compiled with jit."""

import os
from functools import partial
from time import perf_counter

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else it takes three quarters of the GPU

import jax
import jax.numpy as jnp
import numpy as np

VERSION = jax.__version__


def machine():
    return {"JAX": VERSION, "JAX runs on": str(jax.devices()[0])}


def prepare(case, inputs):
    numbers = {name: x for name, x in inputs.fixed.items() if not isinstance(x, np.ndarray)}
    arrays = {name: jnp.asarray(x) for name, x in inputs.fixed.items() if isinstance(x, np.ndarray)}
    given = [jnp.asarray(x) for x in inputs.differentiated]
    function = partial(globals()[case.function], **numbers)
    if case.gradient:
        function = jax.value_and_grad(function, tuple(range(len(given))))
        return partial(jax.jit(function), *given, **arrays)
    keys = iter(jax.random.split(jax.random.key(1), 100_000))
    compiled = jax.jit(function)
    return lambda: (compiled(next(keys)), ())


def to_numpy(answer):
    value, gradients = answer
    return np.asarray(value), [np.asarray(g) for g in gradients]


def seconds(run, repeat):
    """By the clock until the result is there: JAX hands out no events."""
    found = []
    for _ in range(repeat):
        start = perf_counter()
        jax.block_until_ready(run())
        found.append(perf_counter() - start)
    return found


def launches(run):
    return None


def peak_bytes(run):
    return None


def chain(x, scale, shift, cycles):
    for _ in range(cycles):
        x = jnp.tanh(x) * scale + shift
    return x.sum()


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h = jax.nn.relu(x @ w1 + b1)
    h = jax.nn.relu(h @ w2 + b2)
    return cross_entropy(h @ w3 + b3, labels)


def deep50(*parameters, x):
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        x = jnp.tanh(x @ w + b)
    return jnp.mean(x * x)


def convnet(w1, gamma1, beta1, w2, gamma2, beta2, w, b, x, labels):
    for kernel, gamma, beta in ((w1, gamma1, beta1), (w2, gamma2, beta2)):
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NCHW", "HWIO", "NCHW"))
        mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        x = jax.nn.relu(gamma * (x - mean) * jax.lax.rsqrt(variance + 1e-6) + beta)
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return cross_entropy(x.reshape(len(x), -1) @ w + b, labels)


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def random_normal(key, count):
    return jax.random.normal(key, (count,), jnp.float32)
