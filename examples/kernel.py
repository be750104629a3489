"""A photograph out of coloured spots, drawn by a CUDA kernel of one's own: `python -m examples.kernel`.

A spot is a Gaussian with a place, a size and a colour; a picture is the sum of its spots. Two RawKernels of CuPy draw
it and compute the gradient. `primitive` makes an operation of them, which works like any other: Adam fits the spots to
the photograph. On a machine without GPU a formula stands for the kernels, and its gradient is autograd's.

Source: Kerbl et al. 2023, 3D Gaussian Splatting, whose spots are here flat, round and added up.
"""

import math
import sys

import numpy
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

import autograd.numpy as np
import cuobjax
import cuobjax.numpy as jn
from autograd import default_device, defvjp, get_array_module, primitive
from cuobjax import plot, random
from cuobjax.data import progress
from examples.shared import example

KERNELS = """
extern "C" __global__ void draw(const float* spots, float* picture, int n, int size) {
    int pixel = blockDim.x * blockIdx.x + threadIdx.x;
    if (pixel >= size * size) return;
    float row = (pixel / size + 0.5f) / size, column = (pixel % size + 0.5f) / size, sum[3] = {0, 0, 0};
    for (int i = 0; i < n; ++i) {
        const float* s = spots + 6 * i;
        float y = row - s[0], x = column - s[1], weight = expf(-0.5f * (y * y + x * x) * expf(-2 * s[2]));
        for (int c = 0; c < 3; ++c) sum[c] += weight * s[3 + c];
    }
    for (int c = 0; c < 3; ++c) picture[3 * pixel + c] = sum[c];
}

// What each row of the picture adds to the gradient of each spot.
extern "C" __global__ void draw_gradient(const float* g, const float* spots, float* gradients, int n, int size) {
    int thread = blockDim.x * blockIdx.x + threadIdx.x;
    if (thread >= n * size) return;
    const float* s = spots + 6 * (thread / size);
    int row = thread % size;
    float y = (row + 0.5f) / size - s[0], narrow = expf(-2 * s[2]), sum[6] = {0, 0, 0, 0, 0, 0};
    for (int column = 0; column < size; ++column) {
        float x = (column + 0.5f) / size - s[1], weight = expf(-0.5f * (y * y + x * x) * narrow), along = 0;
        for (int c = 0; c < 3; ++c) {
            float of_color = g[3 * (row * size + column) + c] * weight;
            sum[3 + c] += of_color;
            along += of_color * s[3 + c] * narrow;
        }
        sum[0] += along * y;
        sum[1] += along * x;
        sum[2] += along * (y * y + x * x);
    }
    for (int k = 0; k < 6; ++k) gradients[6 * thread + k] = sum[k];
}
"""


def launch(name, threads, *arguments):
    kernel = get_array_module(arguments[0]).RawKernel(KERNELS, name)
    kernel((math.ceil(threads / 128),), (128,), arguments)


@primitive
def draw(spots, size):
    """Spots (N, 6), each a row, a column, the logarithm of a size, red, green and blue: a picture (size, size, 3)."""
    picture = get_array_module(spots).empty((size, size, 3), "float32")
    launch("draw", size * size, spots, picture, numpy.int32(len(spots)), numpy.int32(size))
    return picture


@primitive
def draw_gradient(g, spots, size):
    gradients = get_array_module(spots).empty((len(spots), size, 6), "float32")
    launch("draw_gradient", len(spots) * size, g, spots, gradients, numpy.int32(len(spots)), numpy.int32(size))
    return gradients.sum(1)


defvjp(draw, lambda picture, spots, size: lambda g: draw_gradient(g, spots, size), None)


def formula(spots, size):
    """The same in NumPy's language."""
    places, narrow = (np.arange(size) + 0.5) / size, np.exp(-2 * spots[:, 2:3])
    down, across = (np.exp(-0.5 * (places - spots[:, i : i + 1]) ** 2 * narrow) for i in (0, 1))
    return np.tensordot(down, across[:, :, None] * spots[:, None, 3:], axes=(0, 0))


def photograph(size):
    """A flower, (size, size, 3) from 0 to 1."""
    whole = load_sample_image("flower.jpg")
    if size > len(whole):
        sys.exit(f"kernel: expected --size up to {len(whole)}, the height of the photograph, got {size}")
    step = len(whole) // size
    square = whole[-size * step :, 100 : 100 + size * step] / 255
    return square.reshape(size, step, size, step, 3).mean((1, 3))


@example(
    steps=(1500, "steps of Adam"),
    spots=(1000, "how many"),
    size=(96, "of the picture, in pixels"),
    lr=(0.01, "of Adam"),
)
def main(options):
    target = jn.array(photograph(options.size))
    places, colors = random.uniform((options.spots, 2)), random.uniform((options.spots, 3), maxval=0.1)
    sizes = jn.full((options.spots, 1), math.log(options.spots**-0.5))
    spots = cuobjax.TrainVar(jn.concatenate([places, sizes, colors], axis=1))
    picture = draw if default_device().kind == "gpu" else formula

    def loss():
        return ((picture(spots.value, options.size) - target) ** 2).mean()

    gradients = cuobjax.GradValues(loss, {"spots": spots})
    optimizer = cuobjax.optimizer.Adam({"spots": spots})

    @cuobjax.Jit
    def step(lr):
        g, v = gradients()
        optimizer(lr, g)
        return v[0]

    losses = []
    steps = progress(range(options.steps), "fitting")
    for i in steps:
        losses.append(step(options.lr * (1 - i / options.steps)))
        steps.show(loss=losses[-1])

    decibels = [-10 * math.log10(x) for x in (losses[0], losses[-1])]
    print(f"{options.spots} spots; signal to noise {decibels[0]:.1f} dB at first, {decibels[1]:.1f} dB at last")
    drawn = numpy.stack([numpy.asarray(x).transpose(2, 0, 1) for x in (target, picture(spots.value, options.size))])
    titles = ["photograph", f"{options.spots} spots"]
    return plot.images(drawn, titles, low=0, high=1, figure=Figure(figsize=(6, 3.2), layout="constrained"))


if __name__ == "__main__":
    main()
