"""A network that solves Burgers' equation, u_t + u u_x = v u_xx: `python -m examples.pinn`.

A sine wave steepens to a shock. The network gives u at a place and a time; what is minimized is by how much it misses
the equation at random points, and the initial and boundary values. The second derivatives in it are those of forward
mode, and reverse mode goes through them. This needs `autograd` alone, and SciPy's optimizer. The exact solution,
by Cole and Hopf, tells how good it is.

Source: Raissi, Perdikaris & Karniadakis 2019, Physics-informed neural networks, section 3 and appendix A.
"""

import math
from itertools import pairwise

import numpy
from matplotlib.figure import Figure
from scipy.optimize import minimize

import autograd.numpy as np
from autograd import default_device, device_put, flatten, jvp, value_and_grad
from cuobjax.data import progress
from examples.shared import example

VISCOSITY = 0.05 / math.pi
BOUNDARY = 100  # points of each


def layers(sizes, rng):
    """Weights and biases of a network, with Glorot's variances."""
    return [(rng.normal(0, math.sqrt(2 / (m + n)), (m, n)), numpy.zeros(n)) for m, n in pairwise(sizes)]


def network(parameters, x, t):
    """u at places x (N,) and times t (N,)."""
    y = np.stack([x, 2 * t - 1], axis=1)
    for w, b in parameters[:-1]:
        y = np.tanh(y @ w + b)
    w, b = parameters[-1]
    return (y @ w + b)[:, 0]


def residual(u, x, t):
    """By how much a function u(x, t) misses the equation."""
    one = np.ones_like(x)

    def along_x(x):
        return jvp(lambda x: u(x, t), (x,), (one,))  # u, u_x

    (value, u_x), (_, u_xx) = jvp(along_x, (x,), (one,))
    _, u_t = jvp(lambda t: u(x, t), (t,), (one,))
    return u_t + value * u_x - VISCOSITY * u_xx


def exact(x, t):
    """The solution, by Gauss-Hermite quadrature of the formula of Cole and Hopf."""
    z, weights = numpy.polynomial.hermite.hermgauss(80)
    y = x[..., None] - numpy.sqrt(4 * VISCOSITY * t[..., None]) * z
    f = weights * numpy.exp(-(numpy.cos(numpy.pi * y) + 1) / (2 * numpy.pi * VISCOSITY))
    return -numpy.sum(numpy.sin(numpy.pi * y) * f, -1) / numpy.sum(f, -1)


@example(steps=(1500, "steps of L-BFGS at most"), points=(1000, "at which the equation shall hold"))
def main(options):
    rng = numpy.random.default_rng(options.seed)
    start, nested = flatten(layers([2, 20, 20, 20, 1], rng))
    on_device = lambda x: device_put(x, default_device())
    x, t = on_device(rng.uniform(-1, 1, options.points)), on_device(rng.uniform(0, 1, options.points))
    first = on_device(rng.uniform(-1, 1, BOUNDARY))
    later = on_device(rng.uniform(0, 1, BOUNDARY))

    def loss(flat):
        u = lambda x, t: network(nested(flat), x, t)
        at_first = u(first, np.zeros_like(first)) + np.sin(np.pi * first)
        at_ends = [u(np.full_like(later, end), later) for end in (-1, 1)]
        return sum(np.mean(error**2) for error in (residual(u, x, t), at_first, *at_ends))

    gradient = value_and_grad(loss)
    bar = iter(progress(range(options.steps), "equation"))
    found = minimize(
        lambda flat: tuple(device_put(x, "cpu") for x in gradient(on_device(flat))),
        start, jac=True, method="L-BFGS-B", callback=lambda _: next(bar, None),
        options={"maxiter": options.steps, "maxfun": 10**9, "ftol": 0, "gtol": 0, "maxcor": 50},
    )  # fmt: skip

    grid = numpy.meshgrid(numpy.linspace(-1, 1, 201), numpy.linspace(0, 1, 101), indexing="ij")
    solved = device_put(network(nested(on_device(found.x)), *(on_device(x.ravel()) for x in grid)), "cpu")
    solved, truth = solved.reshape(201, 101), exact(*grid)
    error = numpy.linalg.norm(solved - truth) / numpy.linalg.norm(truth)
    print(f"loss {found.fun:.2e} after {found.nit} steps; relative error of the solution {error:.2e}")
    return drawn(*grid, solved, truth)


def drawn(x, t, solved, truth):
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.pcolormesh(t, x, solved, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
    left.set(xlabel="time", ylabel="place", title="u, as the network has it")
    figure.colorbar(image, ax=left)
    times = (0, 25, 50, 100)
    for i, color in zip(times, ("#b8d4ec", "#7fb0dc", "#2a6fbb", "#123a66"), strict=True):
        right.plot(x[:, i], solved[:, i], color=color, linewidth=3, label=f"time {t[0, i]:g}")
    for line in right.plot(x[:, times], truth[:, times], color="black", linewidth=1, linestyle=":")[:1]:
        line.set_label("exact")
    right.set(xlabel="place", ylabel="u")
    right.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main()
