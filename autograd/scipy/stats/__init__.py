"""Distributions under SciPy's names: densities and distribution functions, differentiable in all their arguments.

`norm.logpdf(x, loc, scale)`, `gamma.cdf(x, a, scale=2.0)`, `binom.logpmf(k, n, p)`: arguments have SciPy's names and
order (https://docs.scipy.org/doc/scipy/reference/stats.html) and broadcast. As in SciPy a density is 0 outside the
support, its logarithm -inf, and everything is NaN where a parameter is not allowed. Outside the support all gradients
are 0. Integers and Python numbers take the precision of the real arrays among the arguments. What depends on numbers
alone is computed by SciPy on the host, also if other arguments are on a GPU (`pip install cuobjax[scipy]`).

Distribution functions have no gradient with respect to shape parameters of incomplete gamma and beta functions (`a`,
`b`, `df`, `n`): that raises NotImplementedError.
"""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

import math
import sys

from ...ops.elementwise import (
    absolute, arctan2, equal, exp, expm1, floor, greater, greater_equal, less, less_equal, log, log1p, sigmoid, where,
)  # fmt: skip
from ...ops.special import (
    betainc, betaln, density_of_beta, density_of_gamma, gammainc, gammaincc, gammaln, log_density_of_beta,
    log_density_of_gamma, log_density_of_t, log_expit, log_ndtr, ndtr, power_times_exp, product_of_powers, stdtr,
    xlog1py, xlogy,
)  # fmt: skip
from .._rest import passed_on
from ._distribution import Continuous, Discrete, accurate
from ._multivariate import Dirichlet, MultivariateNormal

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "logistic",
    "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip


def _cdf_of_laplace(z):
    right = greater(z, 0)
    return where(right, 1 - exp(-where(right, z, 0)) / 2, exp(where(right, 0, z)) / 2)


def _log_density_of_cauchy(z):
    """By the logarithm of `z` where its square may be out of range."""
    far = greater(absolute(z), 1e10 if z.dtype.itemsize >= 8 else 1e5)
    large, near = where(far, absolute(z), 1), where(far, 0, z)
    return where(far, log(large) * -2, -log1p(near * near)) - math.log(math.pi)


def _cdf_of_beta(z, a, b):
    return betainc(a, b, z)


def _sf_of_beta(z, a, b):
    return betainc(b, a, 1 - z)


def _log_pmf_of_binom(k, n, p):
    return xlogy(k, p) + xlog1py(n - k, -p) - betaln(n - k + 1, k + 1) - log1p(n)


def _pmf_of_binom(k, n, p):
    return product_of_powers(p, k, n - k, -betaln(n - k + 1, k + 1) - log1p(n))


def _cdf_of_binom(k, n, p):
    return betainc(n - k, k + 1, 1 - p)


def _sf_of_binom(k, n, p):
    return betainc(k + 1, n - k, p)


def _is_probability(p):
    return [greater_equal(p, 0), less_equal(p, 1)]


norm: Continuous = Continuous(
    "norm", "", lambda z: z * z / -2 - math.log(2 * math.pi) / 2, ndtr, log_cdf=log_ndtr, symmetric=True
)
t: Continuous = Continuous("t", "df", log_density_of_t, lambda z, df: stdtr(df, z), symmetric=True)
gamma: Continuous = Continuous(
    "gamma", "a", log_density_of_gamma, lambda z, a: gammainc(a, z), sf=lambda z, a: gammaincc(a, z),
    density=density_of_gamma, support=lambda a: (0, math.inf),
)  # fmt: skip
chi2: Continuous = Continuous(
    "chi2", "df", lambda z, df: log_density_of_gamma(z / 2, df / 2) - math.log(2),
    lambda z, df: gammainc(df / 2, z / 2), sf=lambda z, df: gammaincc(df / 2, z / 2), support=lambda df: (0, math.inf),
    density=lambda z, df: density_of_gamma(z / 2, df / 2) / 2,
)  # fmt: skip
beta: Continuous = Continuous(
    "beta", "a b", log_density_of_beta, _cdf_of_beta, sf=accurate(_sf_of_beta, _cdf_of_beta, 0.5),
    density=density_of_beta, support=lambda a, b: (0, 1),
)  # fmt: skip
expon: Continuous = Continuous(
    "expon", "", lambda z: -z, lambda z: -expm1(-z), sf=lambda z: exp(-z), log_sf=lambda z: -z,
    support=lambda: (0, math.inf),
)  # fmt: skip
uniform: Continuous = Continuous("uniform", "", lambda z: z * 0, lambda z: z, support=lambda: (0, 1))
laplace: Continuous = Continuous("laplace", "", lambda z: -absolute(z) - math.log(2), _cdf_of_laplace, symmetric=True)
logistic: Continuous = Continuous(
    "logistic", "", lambda z: log_expit(z) + log_expit(-z), sigmoid, log_cdf=log_expit, symmetric=True
)
cauchy: Continuous = Continuous(
    "cauchy", "", _log_density_of_cauchy, lambda z: arctan2(1, -z) / math.pi, symmetric=True
)
poisson: Discrete = Discrete(
    "poisson", "mu", lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu, lambda k, mu: gammaincc(k + 1, mu),
    sf=lambda k, mu: gammainc(k + 1, mu), support=lambda mu: (0, math.inf), valid=lambda mu: [greater_equal(mu, 0)],
    density=lambda k, mu: power_times_exp(mu, k, -mu - gammaln(k + 1)),
)  # fmt: skip
binom: Discrete = Discrete(
    "binom", "n p", _log_pmf_of_binom, accurate(_cdf_of_binom, _sf_of_binom, 0), sf=_sf_of_binom,
    density=_pmf_of_binom, support=lambda n, p: (0, n),
    valid=lambda n, p: [greater_equal(n, 0), equal(n, floor(n)), less(n, math.inf), *_is_probability(p)],
)  # fmt: skip
bernoulli: Discrete = Discrete(
    "bernoulli", "p", lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p), lambda k, p: 1 - p + k, sf=lambda k, p: p - k,
    density=lambda k, p: product_of_powers(p, k, 1 - k, p * 0),
    support=lambda p: (0, 1), valid=_is_probability,  # here k is 0 or NaN
)  # fmt: skip
multivariate_normal: MultivariateNormal = MultivariateNormal()
dirichlet: Dirichlet = Dirichlet()

__getattr__ = passed_on(__name__)

for _name in __all__:  # `import autograd.scipy.stats.norm as norm`, as programs for HIPS autograd have it
    sys.modules[f"{__name__}.{_name}"] = globals()[_name]


def __dir__() -> list[str]:
    return __all__
