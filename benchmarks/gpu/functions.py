"""The cases for `autograd.numpy`, on CuPy arrays."""

from autograd import Array
from autograd.numpy import mean
from benchmarks.gpu.on_cupy import VERSION, launches, machine, on_device, peak_bytes, seconds, to_host  # noqa: F401
from benchmarks.peers import numpy_style
from benchmarks.peers.numpy_style import chain, deep50, mlp  # noqa: F401
from cuobjax.functional.loss import cross_entropy_logits_sparse


def cross_entropy(logits, labels):
    return mean(cross_entropy_logits_sparse(logits, labels))


numpy_style.cross_entropy = cross_entropy  # type: ignore[attr-defined]


def prepare(case, inputs):
    return numpy_style.prepare(case, on_device(inputs, Array))


def to_numpy(answer):
    value, gradients = numpy_style.to_numpy(answer)
    return to_host(value), [to_host(g) for g in gradients]
