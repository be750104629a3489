"""Rows of the table of primitives for random numbers: see `op_table.py`.

No other library draws these numbers. What they should be is checked elsewhere: bits against published vectors,
distributions by their statistics.
"""

import numpy as np
import scipy.special

from .cases import same, same_on_every_device, steps

KEY, OTHER = np.array([1, 7], np.uint32), np.array([3, 8], np.uint32)
PARAMETERS = np.array([[0.3, 1.0, 4.5], [0.0, 30.0, 2000.0]])
CHANCES = np.array([[0.0, 0.3, 1.0], [0.5, 0.9, 0.02]])
ALPHA, LOGARITHM = np.array([0.5, 2.0, 2.0, 9.0, 60.0]), np.array([-3.0, -0.5, 1.2, 2.0, 4.2])


def slope(alpha, logarithm):
    """The derivative of log x at a fixed probability, by differences of SciPy's quantiles."""
    h, probability = 1e-5 * alpha, scipy.special.gammainc(alpha, np.exp(logarithm))
    above, below = (np.log(scipy.special.gammaincinv(a, probability)) for a in (alpha + h, alpha - h))
    return (above - below) / (2 * h)


ROWS = {
    # Keys.
    "bits": same_on_every_device(KEY, shape=(3, 2)),
    "split": same_on_every_device(KEY, n=2),
    # Distributions by formulas.
    "uniform": same_on_every_device(KEY, shape=(5,), dtype="float32"),
    "normal": same_on_every_device(KEY, shape=(5,), dtype="float32"),
    "truncated_normal": same_on_every_device(KEY, shape=(5,), dtype="float32", lower=-1.0, upper=2.0),
    "randint": same_on_every_device(KEY, shape=(5,), low=-3, high=9, dtype="int32"),
    "bernoulli": same_on_every_device(KEY, shape=(9,), p=0.3),
    **same("exponential gumbel laplace logistic cauchy", [
        *same_on_every_device(OTHER, shape=(5,), dtype="float32"),
        *same_on_every_device(OTHER, shape=(2, 3), dtype="float64")]),
    # Distributions by rejection.
    "standard_gamma": [
        case for alpha in (PARAMETERS + 0.1, PARAMETERS.astype(np.float32) + 1) for log in (False, True)
        for case in same_on_every_device(OTHER, alpha, log=log)],
    "poisson": same_on_every_device(OTHER, PARAMETERS, dtype="int32"),
    "binomial": same_on_every_device(OTHER, np.floor(PARAMETERS), CHANCES, dtype="int64"),
    "log_gamma_slope": steps(ALPHA, LOGARITHM, oracle=slope, casts=True),
}  # fmt: skip
