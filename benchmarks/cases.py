"""What is measured: one row per case, and its inputs, generated once from a fixed seed and sent to every peer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

SEED = 20


class Inputs(NamedTuple):
    """What a case's function is called with: `function(*differentiated, **fixed)`."""

    differentiated: list[np.ndarray]
    fixed: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One measurement.

    Attributes:
        title: What is computed, for the legend under the table.
        function: Name of the function that every peer module defines for it.
        inputs: Makes the inputs from a random generator.
        gradient: Value and gradient, or the value alone, outside any tape.
        tolerance: Largest difference from NumPy by hand, relative to the largest magnitude in each array.
        warm_up: Small inputs, run before memory is measured so that one-time costs are not counted. None: it is not.
        timed: Whether time is measured.
    """

    title: str
    function: str
    inputs: Callable[[np.random.Generator], Inputs]
    gradient: bool = True
    tolerance: float = 1e-4  # float32 carries 6e-8; the sums and chains here lose two to three digits
    warm_up: Callable[[np.random.Generator], Inputs] | None = None
    timed: bool = True

    def make(self) -> Inputs:
        return self.inputs(np.random.default_rng(SEED))

    def make_warm_up(self) -> Inputs:
        return (self.warm_up or self.inputs)(np.random.default_rng(SEED))


def normal(generator: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * generator.standard_normal(shape)).astype(np.float32)


def layers(generator: np.random.Generator, *widths: int) -> list[np.ndarray]:
    """[w, b, w, b, ...] of dense layers, w (K, N) with variance 1/K: 50 tanh layers neither die out nor blow up."""
    parameters = []
    for fan_in, fan_out in pairwise(widths):
        parameters += [normal(generator, fan_in, fan_out, scale=fan_in**-0.5), normal(generator, fan_out, scale=0.1)]
    return parameters


def chain(cycles: int) -> Callable[[np.random.Generator], Inputs]:
    """Inputs of `cycles` x (tanh, mul, add) and a sum: 3 * cycles + 1 ops.

    The constants keep the slope of a cycle close to 1, so that the gradient of 1,000 ops is of ordinary size.
    """

    def inputs(generator: np.random.Generator) -> Inputs:
        scale = 1 + normal(generator, 10, scale=1e-3)
        shift = normal(generator, 10, scale=1e-3)
        return Inputs([normal(generator, 10)], {"scale": scale, "shift": shift, "cycles": cycles})

    return inputs


def mlp(generator: np.random.Generator) -> Inputs:
    labels = generator.integers(0, 10, 128)
    return Inputs(layers(generator, 784, 1024, 1024, 10), {"x": normal(generator, 128, 784), "labels": labels})


def deep50(generator: np.random.Generator) -> Inputs:
    return Inputs(layers(generator, *[64] * 51), {"x": normal(generator, 32, 64)})


def rnn(generator: np.random.Generator) -> Inputs:
    w_input, bias = layers(generator, 64, 128)
    w_hidden, _ = layers(generator, 128, 128)
    fixed = {"steps": normal(generator, 100, 32, 64), "initial": np.zeros((32, 128), np.float32)}
    return Inputs([w_input, w_hidden, bias], fixed)


def lstm(generator: np.random.Generator, batch: int = 32) -> Inputs:
    w_input, _ = layers(generator, 128, 512)
    w_hidden, bias = layers(generator, 128, 512)
    return Inputs([w_input, w_hidden, bias], {"x": normal(generator, batch, 100, 128)})


def block(generator: np.random.Generator, batch: int = 4) -> Inputs:
    """[w, b] of query, key, value, output and the two hidden layers, [gamma, beta] of both norms, 256 features.

    The key has no b: it changes nothing, so that its gradient would be rounding alone.
    """
    parameters = [array for _ in range(4) for array in layers(generator, 256, 256)] + layers(generator, 256, 1024, 256)
    del parameters[3]
    norms = [
        1 + normal(generator, 256, scale=0.1) if i % 2 == 0 else normal(generator, 256, scale=0.1) for i in range(4)
    ]
    return Inputs(parameters + norms, {"x": normal(generator, batch, 256, 256), "heads": 8})


def convolutions(generator: np.random.Generator, images: int = 64) -> Inputs:
    """Three kernels (3, 3, in, out), images (N, C, H, W)."""
    widths = pairwise([3, 64, 64, 64])
    kernels = [normal(generator, 3, 3, nin, nout, scale=(2 / (9 * nin)) ** 0.5) for nin, nout in widths]
    return Inputs(kernels, {"x": normal(generator, images, 3, 32, 32)})


STRIDES = 1, 1, 2, 1, 2, 1, 2, 1  # of the blocks of a ResNet-18; a stride of 2 doubles the channels


def resnet(generator: np.random.Generator, images: int = 32, size: int = 32) -> Inputs:
    """ResNet-18: a kernel (k, k, in, out), gamma and beta of each convolution, w and b of the last layer."""
    width, convolutions = 64, [(3, 3, 64)]
    for stride in STRIDES:
        convolutions += [(3, width, width * stride), (3, width * stride, width * stride)]
        convolutions += [(1, width, width * stride)] * (stride > 1)
        width *= stride
    parameters = []
    for k, nin, nout in convolutions:
        parameters.append(normal(generator, k, k, nin, nout, scale=(2 / (k * k * nin)) ** 0.5))
        parameters += [1 + normal(generator, 1, nout, 1, 1, scale=0.1), normal(generator, 1, nout, 1, 1, scale=0.1)]
    fixed = {"x": normal(generator, images, 3, size, size), "labels": generator.integers(0, 10, images)}
    return Inputs(parameters + layers(generator, width, 10), fixed)


def depthwise(generator: np.random.Generator, images: int = 32) -> Inputs:
    return Inputs([normal(generator, 3, 3, 1, 64, scale=1 / 3)], {"x": normal(generator, images, 64, 32, 32)})


def updates(generator: np.random.Generator, size: int = 10_000) -> Inputs:
    """Variables, and a gradient for each of them."""
    arrays = [normal(generator, size) for _ in range(200)]
    return Inputs(arrays[:100], {"gradients": arrays[100:]})


def jacobian(generator: np.random.Generator) -> Inputs:
    return Inputs([normal(generator, 200)], {"w": normal(generator, 200, 200, scale=200**-0.5)})


def repeated(width: int, count: int) -> Callable[[np.random.Generator], Inputs]:
    """A (width, width) array on which one op is applied `count` times, with a constant scalar."""
    return lambda generator: Inputs([normal(generator, width, width)], {"constant": 1.0001, "count": count})


def cross_entropy(generator: np.random.Generator, rows: int = 1024) -> Inputs:
    return Inputs([normal(generator, rows, 1000)], {"labels": generator.integers(0, 1000, rows)})


def layer_norm(generator: np.random.Generator, rows: int = 1024) -> Inputs:
    """x, gamma, beta; the weights of a sum make the gradient an ordinary one."""
    parameters = [normal(generator, rows, 1024), 1 + normal(generator, 1024, scale=0.1), normal(generator, 1024)]
    return Inputs(parameters, {"weights": normal(generator, rows, 1024, scale=1e-3)})


def memory(title: str, function: str) -> Case:
    return Case(title, function, repeated(1000, 100), warm_up=repeated(256, 2), timed=False)


CASES = {
    "chain": Case("1,000 ops (tanh, mul, add) on a 10-vector, then sum", "chain", chain(333)),
    "chain100k": Case("the chain with 100,000 ops, hence as many live nodes", "chain", chain(33_333), tolerance=1e-2),
    "forward": Case("the chain of 1,000, value only, outside any tape", "forward", chain(333), gradient=False),
    "mlp": Case("MLP 784-1024-1024-10, relu, batch 128, softmax cross-entropy, sparse labels", "mlp", mlp),
    "deep50": Case("50 tanh layers of width 64, batch 32, mean square of the output", "deep50", deep50),
    "rnn": Case("tanh RNN, 100 steps, batch 32, 64 -> 128, mean square of the last state", "rnn", rnn),
    "lstm": Case(
        "LSTM, 100 steps, batch 32, 128 -> 128, mean square of all states", "lstm", lstm, warm_up=partial(lstm, batch=4)
    ),
    "block": Case(
        "transformer block, 256 features, 8 heads, 256 positions, batch 4, mean square",
        "block",
        block,
        warm_up=partial(block, batch=1),
    ),
    "conv": Case(
        "3 x (3x3 convolution to 64 channels, relu) of 32x32 images, batch 64, mean square",
        "conv",
        convolutions,
        warm_up=partial(convolutions, images=2),
    ),
    "resnet": Case(
        "ResNet-18, 32x32 images, batch 32, batch norm in training, cross-entropy",
        "resnet",
        resnet,
        tolerance=0.2,  # of PyTorch and NumPy by hand in float32; tests/test_benchmarks.py compares few images closely
        warm_up=partial(resnet, images=2),
    ),
    "depthwise": Case(
        "3x3 depthwise convolution of 64 channels, 32x32, batch 32, mean square",
        "depthwise",
        depthwise,
        warm_up=partial(depthwise, images=2),
    ),
    "adam": Case("a step of Adam for 100 arrays of 10,000", "adam", updates, warm_up=partial(updates, size=100)),
    "jacobian": Case("all 200 x 200 derivatives of tanh(w x)", "jacobian", jacobian, gradient=False),
    "rows": Case("the same by 200 gradients, one for each row", "jacobian_by_rows", jacobian, gradient=False),
    "xent": Case(
        "softmax cross-entropy of 1,024 rows of 1,000 logits, sparse labels",
        "cross_entropy",
        cross_entropy,
        warm_up=partial(cross_entropy, rows=32),
    ),
    "layernorm": Case(
        "layer norm of 1,024 rows of 1,024, with scale and shift",
        "layer_norm",
        layer_norm,
        warm_up=partial(layer_norm, rows=32),
    ),
    "add100": memory("100 x (h + constant) on 1000 x 1000, then sum", "add_repeatedly"),
    "mul100": memory("100 x (h * constant) on 1000 x 1000, then sum", "multiply_repeatedly"),
    "tanh100": memory("100 x tanh(h) on 1000 x 1000, then sum", "tanh_repeatedly"),
}
