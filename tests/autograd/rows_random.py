"""Rows of the table of primitives for distributions: see `op_table.py`. Statistics are tested elsewhere."""

import numpy as np
import scipy.special

from autograd.kernels import random, random_rejection
from tests.autograd.cases import steps

KEY = np.array([3, 8], np.uint32)
PARAMETERS = np.array([[0.3, 1.0, 4.5], [0.0, 30.0, 2000.0]])
CHANCES = np.array([[0.0, 0.3, 1.0], [0.5, 0.9, 0.02]])


def drawn(module, name, *parameters, **params):
    """A draw, which NumPy's kernel is the oracle of."""
    return steps(
        KEY, *parameters, params=params, oracle=lambda *args, **params: getattr(module, name)(np, *args, **params)
    )


def slope(alpha, logarithm):
    """The derivative of log x at a fixed probability, by differences of SciPy's quantiles."""
    h, probability = 1e-5 * alpha, scipy.special.gammainc(alpha, np.exp(logarithm))
    above, below = (np.log(scipy.special.gammaincinv(a, probability)) for a in (alpha + h, alpha - h))
    return (above - below) / (2 * h)


ALPHA, LOGARITHM = np.array([0.5, 2.0, 2.0, 9.0, 60.0]), np.array([-3.0, -0.5, 1.2, 2.0, 4.2])
ROWS = {
    **{
        name: drawn(random, name, shape=(5,), dtype="float32") + drawn(random, name, shape=(2, 3), dtype="float64")
        for name in ("exponential", "gumbel", "laplace", "logistic", "cauchy")
    },
    "standard_gamma": [
        case
        for alpha in (PARAMETERS + 0.1, PARAMETERS.astype(np.float32) + 1)
        for log in (False, True)
        for case in drawn(random_rejection, "standard_gamma", alpha, log=log)
    ],
    "poisson": drawn(random_rejection, "poisson", PARAMETERS, dtype="int32"),
    "binomial": drawn(random_rejection, "binomial", np.floor(PARAMETERS), CHANCES, dtype="int64"),
    "log_gamma_slope": steps(ALPHA, LOGARITHM, oracle=slope, casts=True),
}
