"""A map from a few hundred measured heights, by a Gaussian process: `python -m examples.gaussian_process`.

The heights are those of a valley in Tennessee, which come with matplotlib. Their covariance has four parameters, which
maximize the likelihood of what was measured; its gradient goes through a Cholesky decomposition. This needs `autograd`
alone, whose arrays are NumPy's or CuPy's, and SciPy's optimizer.

Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, Algorithm 2.1 and equation 4.17.
"""

from typing import Any

import matplotlib.cbook
import numpy
from matplotlib.figure import Figure
from scipy.optimize import minimize

import autograd.numpy as np
from autograd import default_device, device_put, value_and_grad
from autograd.numpy.linalg import cholesky, solve
from cuobjax.data import progress
from examples.shared import example

START = numpy.log([4.0, 0.1, 0.1, 0.1])  # logarithms of variance, two scales of length, variance of the noise
NEARLY_ZERO = 1e-12  # is added to squared distances: the root of 0 has no derivative


def covariance(parameters, a, b):
    """Matern's, with nu = 3/2, of places a (M, 2) and b (N, 2): (M, N)."""
    variance, *scales = np.exp(parameters[:3])
    difference = (a[:, None] - b) / np.array(scales)
    r = np.sqrt(3 * np.sum(difference**2, axis=2) + NEARLY_ZERO)
    return variance * (1 + r) * np.exp(-r)


def of_measured(parameters, x):
    return covariance(parameters, x, x) + np.exp(parameters[3]) * np.eye(len(x))


def log_likelihood(parameters, x, y):
    k = of_measured(parameters, x)
    log_determinant = 2 * np.sum(np.log(np.diag(cholesky(k))))
    return -(y @ solve(k, y) + log_determinant + len(y) * np.log(2 * np.pi)) / 2


def posterior(parameters, x, y, places):
    """Mean and standard deviation at places (N, 2), given y at x."""
    k, across = of_measured(parameters, x), covariance(parameters, x, places)
    known = np.sum(across * solve(k, across), axis=0)
    return across.T @ solve(k, y), np.sqrt(np.exp(parameters[0]) - known)


def on_device(x):
    return device_put(numpy.asarray(x, float), default_device())


def on_host(x):
    return device_put(x, "cpu")


@example(steps=(60, "steps of L-BFGS at most"), points=(600, "heights that are measured"))
def main(options):
    measurements: Any = matplotlib.cbook.get_sample_data("jacksboro_fault_dem.npz")
    heights = measurements["elevation"][::4, ::4].astype(float)
    places = numpy.stack(numpy.meshgrid(*map(numpy.arange, heights.shape), indexing="ij"), -1).reshape(-1, 2) / 100
    unit, middle = heights.std(), heights.mean()
    truth = (heights.ravel() - middle) / unit
    measured = numpy.random.default_rng(options.seed).permutation(truth.size)[: options.points]
    x, y = on_device(places[measured]), on_device(truth[measured])

    negative = value_and_grad(lambda parameters: -log_likelihood(parameters, x, y))
    bar = iter(progress(range(options.steps), "likelihood"))
    found = minimize(
        lambda parameters: tuple(map(on_host, negative(on_device(parameters)))),
        START, jac=True, method="L-BFGS-B", options={"maxiter": options.steps}, callback=lambda _: next(bar, None),
    )  # fmt: skip
    mean, deviation = map(on_host, posterior(on_device(found.x), x, y, on_device(places)))

    _, south, east, noise = numpy.exp(found.x)
    print(f"log likelihood {-found.fun:.2f} after {found.nit} steps")
    print(f"lengths {south * 100:.1f} and {east * 100:.1f} pixels, noise {noise**0.5 * unit:.1f} m")
    others = numpy.setdiff1d(numpy.arange(truth.size), measured)
    error, spread = numpy.abs(mean - truth)[others], numpy.sqrt(deviation[others] ** 2 + noise)
    print(f"elsewhere: error {unit * numpy.sqrt(numpy.mean(error**2)):.1f} m (root mean square; heights {unit:.1f} m)")
    print(f"{numpy.mean(error < 2 * spread):.1%} of them within two standard deviations")
    return drawn(heights, measured, middle + unit * mean, unit * deviation)


def drawn(heights, measured, mean, deviation):
    figure = Figure(figsize=(11, 3), layout="constrained")
    rows, columns = numpy.unravel_index(measured, heights.shape)
    for axes, title, of in zip(
        figure.subplots(1, 3),
        [f"Heights [m], {len(measured)} measured", "Mean of the Gaussian process [m]", "Its standard deviation [m]"],
        [heights, mean, deviation],
        strict=True,
    ):
        scale = {} if of is deviation else {"vmin": heights.min(), "vmax": heights.max()}
        image = axes.imshow(of.reshape(heights.shape), cmap="viridis" if of is deviation else "terrain", **scale)
        axes.set(title=title, xticks=[], yticks=[])
        figure.colorbar(image, ax=axes, shrink=0.8)
    figure.axes[0].plot(columns, rows, ".", color="black", markersize=2)
    return figure


if __name__ == "__main__":
    main()
