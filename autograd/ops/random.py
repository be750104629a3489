"""Random numbers of a key, uint32[2]: the same key gives the same numbers.

They have no gradient, but for gamma variables, of which the one with respect to the shape parameter is that of the
numbers' distribution function (`kernels.random_slope`).
"""

from ..families import elementwise, irregular, nondifferentiable
from ..kernels import random, random_rejection, random_slope
from .elementwise import log, maximum


def _lanes(primitive, size, values, batched, params):
    """Keys (lanes, 2) are what the kernels take: each lane draws from its own."""
    return primitive(*values, **params)


bits, split, uniform, normal, truncated_normal, randint, bernoulli, exponential, gumbel, laplace, logistic, cauchy = (
    nondifferentiable(function, batch=_lanes, memory="new")
    for function in (
        random.bits, random.split, random.uniform, random.normal, random.truncated_normal, random.randint,
        random.bernoulli, random.exponential, random.gumbel, random.laplace, random.logistic, random.cauchy,
    )
)  # fmt: skip

# Of a key and of parameters that have the shape of the result: both get an axis more in front.
poisson = nondifferentiable(random_rejection.poisson)
binomial = nondifferentiable(random_rejection.binomial)


def _no_derivative(g):
    raise NotImplementedError(
        "standard_gamma: expected the shape parameter to be differentiated once, got a second derivative. There is no "
        "formula for it: use autograd.stop_gradient(shape parameter)."
    )


log_gamma_slope = elementwise(random_slope.log_gamma_slope, _no_derivative, _no_derivative)


def _gamma_gradient(g, y, alpha, log):
    if log:
        return g * log_gamma_slope(alpha, y)
    return g * (y * log_gamma_slope(alpha, _log_of_positive(y)))


def _log_of_positive(y):
    """log(y); where y has underflowed to 0, any finite number."""
    return log(maximum(y, 1e-30 if y.dtype.itemsize > 2 else 1e-7))


standard_gamma = irregular(random_rejection.standard_gamma, None, _gamma_gradient)
