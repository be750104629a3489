"""What is measured on a GPU; a tiny version of each shows that it runs."""

import math
from dataclasses import replace

import numpy as np

from benchmarks.cases import CASES as ON_CPU
from benchmarks.cases import Case, Inputs, chain, layers, normal


def mlp(widths, batch):
    return lambda generator: Inputs(
        layers(generator, *widths), {"x": normal(generator, batch, widths[0]), "labels": _labels(generator, batch, 10)}
    )


def deep50(width, batch):
    return lambda generator: Inputs(layers(generator, *[width] * 51), {"x": normal(generator, batch, width)})


def cross_entropy(rows, classes):
    return lambda generator: Inputs([normal(generator, rows, classes)], {"labels": _labels(generator, rows, classes)})


def convnet(batch, size, channels):
    """Images and [w, gamma, beta] of two blocks, w (3, 3, in, out), then w, b of a dense layer."""

    def inputs(generator):
        parameters = []
        for i, o in ((3, channels), (channels, 2 * channels)):
            parameters += [normal(generator, 3, 3, i, o, scale=(9 * i) ** -0.5)]
            parameters += [1 + normal(generator, 1, o, 1, 1, scale=0.1), normal(generator, 1, o, 1, 1, scale=0.1)]
        parameters += layers(generator, 2 * channels * (size // 4) ** 2, 10)
        images = normal(generator, batch, 3, size, size)
        return Inputs(parameters, {"x": images, "labels": _labels(generator, batch, 10)})

    return inputs


def _labels(generator, rows, classes):
    return generator.integers(0, classes, rows)


def _count(count):
    return lambda generator: Inputs([], {"count": count})


CASES = {
    "chain": ON_CPU["chain"],
    "mlp": replace(ON_CPU["mlp"], tolerance=1e-3),
    "deep50": replace(ON_CPU["deep50"], tolerance=1e-3),
    "convnet": Case(
        "2 x (3x3 convolution, batch norm, relu, max pool 2), dense; 128 images of 3 x 32 x 32, 32 and 64 channels",
        "convnet", convnet(128, 32, 32), tolerance=1e-2,
    ),
    "xent": Case("softmax cross-entropy of 8,192 rows of 10,000 logits, sparse labels", "cross_entropy",
                 cross_entropy(8192, 10_000), tolerance=1e-3),
    "normal": Case("10,000,000 normally distributed float32 numbers", "random_normal", _count(10_000_000),
                   gradient=False, tolerance=math.inf),
}  # fmt: skip
TINY = {
    "chain": chain(3),
    "mlp": mlp((12, 8, 8, 10), 4),
    "deep50": deep50(4, 2),
    "convnet": convnet(3, 8, 4),
    "xent": cross_entropy(5, 11),
    "normal": _count(100),
}


def inputs_of(case: str, tiny: bool) -> Inputs:
    if tiny:
        return TINY[case](np.random.default_rng(20))
    return CASES[case].make()
