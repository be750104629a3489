"""The cases by hand, on CuPy: the text of NumPy by hand, and what it lacks."""

import cupy

from benchmarks.gpu.on_cupy import VERSION, launches, machine, on_device, peak_bytes, seconds, to_host  # noqa: F401
from benchmarks.peers import by_hand
from benchmarks.peers.by_hand import chain, cross_entropy, deep50, mlp  # noqa: F401

by_hand.np = cupy  # type: ignore[assignment]


def prepare(case, inputs):
    inputs = on_device(inputs)
    function = globals()[case.function]
    return lambda: function(*inputs.differentiated, **inputs.fixed)


def to_numpy(answer):
    value, gradients = answer
    return to_host(value), [to_host(g) for g in gradients]


_generator = cupy.random.Generator(cupy.random.Philox4x3210(1))


def random_normal(count):
    return _generator.standard_normal(count, dtype=cupy.float32), []
