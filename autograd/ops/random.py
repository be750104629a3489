"""Random numbers of a key, uint32[2]: the same key gives the same numbers.

They have no gradient, but for gamma variables, of which the one with respect to the shape parameter is that of the
numbers' distribution function (`kernels.random_slope`).
"""

from ..families import elementwise, irregular, moves, nondifferentiable
from ..kernels import random, random_rejection, random_slope
from ..primitive import Primitive
from .elementwise import log, maximum

__all__ = [
    "bernoulli", "binomial", "bits", "cauchy", "exponential", "gumbel", "laplace", "log_gamma_slope", "logistic",
    "normal", "poisson", "randint", "split", "standard_gamma", "truncated_normal", "uniform",
]  # fmt: skip


def _of_a_key(kernel, **known):
    """An operation whose only array is a key. Kernels take keys (lanes, 2), one for each lane."""
    return nondifferentiable(
        kernel,
        batch=lambda primitive, size, values, batched, params: primitive(*values, **params),
        memory="new",
        **known,
    )


bits: Primitive = _of_a_key(random.bits)
split: Primitive = _of_a_key(random.split, flops=moves)
uniform: Primitive = _of_a_key(random.uniform)
normal: Primitive = _of_a_key(random.normal)
truncated_normal: Primitive = _of_a_key(random.truncated_normal)
randint: Primitive = _of_a_key(random.randint)
bernoulli: Primitive = _of_a_key(random.bernoulli)
exponential: Primitive = _of_a_key(random.exponential)
gumbel: Primitive = _of_a_key(random.gumbel)
laplace: Primitive = _of_a_key(random.laplace)
logistic: Primitive = _of_a_key(random.logistic)
cauchy: Primitive = _of_a_key(random.cauchy)

# Of a key and of parameters that have the shape of the result: both get an axis more in front.
poisson: Primitive = nondifferentiable(random_rejection.poisson)
binomial: Primitive = nondifferentiable(random_rejection.binomial)


def _no_derivative(g):
    raise NotImplementedError(
        "standard_gamma: expected the shape parameter to be differentiated once, got a second derivative. There is no "
        "formula for it: use autograd.stop_gradient(shape parameter)."
    )


log_gamma_slope: Primitive = elementwise(random_slope.log_gamma_slope, _no_derivative, _no_derivative)


def _gamma_gradient(g, y, alpha, log):
    if log:
        return g * log_gamma_slope(alpha, y)
    return g * (y * log_gamma_slope(alpha, _log_of_positive(y)))


def _log_of_positive(y):
    """log(y); where y has underflowed to 0, any finite number."""
    return log(maximum(y, 1e-30 if y.dtype.itemsize > 2 else 1e-7))


standard_gamma: Primitive = irregular(random_rejection.standard_gamma, None, _gamma_gradient)
