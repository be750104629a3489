"""A package that is made for HIPS autograd, on the arrays of a GPU: `python -m examples.subspace`.

Points near a plane of few dimensions, and some far from it, are given; the plane is to be found. Principal components
minimize squared distances, which outliers dominate; here the distances themselves are minimized over all subspaces (the
Grassmann manifold). pymanopt has the manifold and the optimizer, the gradient of the cost is ours, and all arrays are
CuPy's where there is a GPU: pymanopt calls NumPy's functions, which CuPy's arrays answer.
"""

import argparse
import sys

try:
    import numpy
    import pymanopt
    from pymanopt.manifolds import Grassmann
    from pymanopt.optimizers import ConjugateGradient

    import autograd.numpy as np
    from autograd import default_device, device_put
    from examples.shared import require_positive
except ModuleNotFoundError as missing:
    package = str(missing.name).partition(".")[0]
    sys.exit(f"subspace: the package {package} is missing. Install what the examples need: make setup")

DIMENSIONS, RANK = 30, 3
SMOOTHING = 1e-6  # added to squared distances, so that a point in the subspace has a gradient


def points(count, outliers, seed=0):
    """Points (count, DIMENSIONS), a share of them outliers, and an orthonormal basis of the subspace of the others."""
    rng = numpy.random.default_rng(seed)
    basis = numpy.linalg.qr(rng.normal(size=(DIMENSIONS, RANK)))[0]
    near = rng.normal(size=(count, RANK)) @ basis.T + 0.01 * rng.normal(size=(count, DIMENSIONS))
    far = rng.normal(size=(count, 2)) @ rng.normal(size=(2, DIMENSIONS))
    return numpy.where(rng.uniform(size=(count, 1)) < outliers, far, near), basis


def principal_components(x):
    """An orthonormal basis (DIMENSIONS, RANK) of the subspace with the least squared distances."""
    return np.linalg.svd(x, full_matrices=False)[2][:RANK].T


def nearest_subspace(x, start, steps):
    """The same with the least distances, from a first basis on."""
    manifold = Grassmann(DIMENSIONS, RANK)

    @pymanopt.function.autograd(manifold)
    def cost(basis):
        residuals = x - (x @ basis) @ basis.T
        return np.mean(np.sqrt(np.sum(residuals**2, axis=1) + SMOOTHING))

    optimizer = ConjugateGradient(max_iterations=steps, verbosity=0)
    return optimizer.run(pymanopt.Problem(manifold, cost), initial_point=start).point


def angle(a, b):
    """The largest angle between two subspaces in degrees."""
    return float(np.degrees(np.arccos(np.clip(np.linalg.svd(a.T @ b, compute_uv=False).min(), -1, 1))))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m examples.subspace", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=5000, help="how many points (default 5000)")
    parser.add_argument("--outliers", type=float, default=0.06, help="the share of outliers (default 0.06)")
    parser.add_argument("--steps", type=int, default=100, help="of the optimizer, at most (default 100)")
    options = parser.parse_args(arguments)
    require_positive(parser, options, or_zero="outliers")
    x, basis = (device_put(array, default_device()) for array in points(options.points, options.outliers))
    first = principal_components(x)
    found = nearest_subspace(x, first, options.steps)
    print(f"{options.points} points on {default_device()}, arrays of {type(found).__module__}")
    print(f"angle to the true subspace: principal components {angle(first, basis):.2f} degrees, ", end="")
    print(f"least distances {angle(found, basis):.2f} degrees")


if __name__ == "__main__":
    main()
