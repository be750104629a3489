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

import functools
import inspect
import math
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as onp

from ...core import library
from ...numpy import linalg
from ...numpy._common import on_one_device
from ...ops.elementwise import (
    absolute, arctan2, equal, exp, expm1, floor, greater, greater_equal, isinf, less, less_equal, log, log1p,
    logical_and, logical_or, remainder, sigmoid, sqrt, stop_gradient, where,
)  # fmt: skip
from ...ops.linalg import cholesky, solve_triangular
from ...ops.product import rows, swap
from ...ops.reduction import prod
from ...ops.shape import broadcast_to, concatenate
from ...ops.special import (
    betainc, betaln, chosen, density_of_beta, density_of_gamma, gammainc, gammaincc, gammaln, log_density_of_beta,
    log_density_of_gamma, log_density_of_t, log_expit, log_ndtr, ndtr, power_times_exp, product_of_powers, stdtr,
    xlog1py, xlogy,
)  # fmt: skip
from ...typing import ArrayLike, Result
from .._rest import PassingOn, passed_on
from ..special import in_one_precision

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "gamma", "laplace", "logistic",
    "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip


class Distribution(PassingOn):
    """A family of distributions; an instance of the class is one of SciPy's, such as `norm`.

    Its methods take a value, the shape parameters, and `loc` and, if continuous, `scale`, by position or name: see its
    `repr`. They raise TypeError for other arguments.

    The functions that define it are those of the standard distribution (location 0, scale 1), of a value `z` inside the
    support and the shape parameters.

    Args:
        name: Its name in messages.
        shapes: Names of the shape parameters.
        log_density: The logarithm of the density, or of the probability of an integer.
        density: The density, where its slope at the ends of the support or of a parameter is not that of
            `exp(log_density)`, which multiplies 0 by infinity there.
        cdf: The distribution function.
        sf: 1 - cdf, where there is something better than to compute it from `cdf`.
        log_cdf, log_sf: Logarithms of both, where there is something better than to compute these from the smaller one.
        support: The least and the greatest value, by the shape parameters; unbounded by default.
        valid: The conditions on the shape parameters; by default they are positive.
        symmetric: Whether -z has the same distribution.
    """

    value: ClassVar[str] = "x"  # what SciPy calls the first argument
    parameters: ClassVar[tuple[tuple[str, float], ...]] = ()  # what follows the shapes
    inside: ClassVar[float] = 0.0  # a value inside every support

    name: str
    shapes: list[str]
    signature: inspect.Signature
    log_density: Callable[..., Result]
    support: Callable[..., tuple[Any, Any]] | None
    valid: Callable[..., list[Any]] | None

    def __init__(
        self,
        name: str,
        shapes: str,
        log_density: Callable[..., Result],
        cdf: Callable[..., Result],
        *,
        density: Callable[..., Result] | None = None,
        sf: Callable[..., Result] | None = None,
        log_cdf: Callable[..., Result] | None = None,
        log_sf: Callable[..., Result] | None = None,
        support: Callable[..., tuple[Any, Any]] | None = None,
        valid: Callable[..., list[Any]] | None = None,
        symmetric: bool = False,
    ) -> None:
        self.name, self.log_density, self.support, self.valid = name, log_density, support, valid
        self._density_inside = density or (lambda z, *shapes: exp(log_density(z, *shapes)))
        self._cdf = cdf
        self._sf = sf or (lambda z, *shapes: cdf(-z, *shapes) if symmetric else 1 - cdf(z, *shapes))
        self._log_cdf = log_cdf or functools.partial(_log_of, self._cdf, self._sf, self.inside)
        if log_sf is None and symmetric:
            log_sf = lambda z, *shapes: self._log_cdf(-z, *shapes)
        self._log_sf = log_sf or functools.partial(_log_of, self._sf, self._cdf, self.inside)
        kind, self.shapes = inspect.Parameter.POSITIONAL_OR_KEYWORD, shapes.split()
        required = [inspect.Parameter(each, kind) for each in (self.value, *self.shapes)]
        optional = [inspect.Parameter(each, kind, default=d) for each, d in self.parameters]
        self.signature = inspect.Signature(required + optional)

    def __repr__(self) -> str:
        return f"<distribution {self.name}{self.signature}>"

    def cdf(self, *args: Any, **kwargs: Any) -> Result:
        """The probability of values up to `x` (or `k`)."""
        return self._distribution_function(self._cdf, 0, 1, args, kwargs)

    def sf(self, *args: Any, **kwargs: Any) -> Result:
        """The probability of values above `x` (or `k`)."""
        return self._distribution_function(self._sf, 1, 0, args, kwargs)

    def logcdf(self, *args: Any, **kwargs: Any) -> Result:
        """The logarithm of `cdf`."""
        return self._distribution_function(self._log_cdf, -math.inf, 0, args, kwargs)

    def logsf(self, *args: Any, **kwargs: Any) -> Result:
        """The logarithm of `sf`."""
        return self._distribution_function(self._log_sf, 0, -math.inf, args, kwargs)

    def _log_density(self, args, kwargs):
        z, shapes, scale, valid = self._standard(args, kwargs)
        beyond = self._beyond(z, shapes)
        z = z if beyond is None else where(beyond, self.inside, z)
        y = self.log_density(z, *shapes)
        y = y if scale is None else y - log(scale)
        return _where_valid(valid, y if beyond is None else where(beyond, -math.inf, y))

    def _density(self, args, kwargs):
        z, shapes, scale, valid = self._standard(args, kwargs)
        beyond = self._impossible(z, shapes)
        y = self._density_inside(chosen(beyond, self.inside, z), *shapes)
        return _where_valid(valid, where(beyond, 0, y if scale is None else y / scale))

    def _beyond(self, z, shapes):
        """Where `z` is outside the support; None if nothing can be."""
        if self.support is None:
            return None
        low, high = self.support(*shapes)
        return logical_or(less(z, low), greater(z, high))

    def _impossible(self, z, shapes):
        """Where the density is 0 without being computed."""
        return self._beyond(z, shapes)

    def _distribution_function(self, function, below, above, args, kwargs):
        """`function` inside the support, the limits `below` and `above` it outside."""
        z, shapes, _, valid = self._standard(args, kwargs)
        if self.support is None:
            return _where_valid(valid, function(z, *shapes))
        low, high = self.support(*shapes)
        under, over = less(z, low), greater_equal(z, high)
        y = function(where(logical_or(under, over), self.inside, z), *shapes)
        return _where_valid(valid, where(under, below, where(over, above, y)))

    def _standard(self, args, kwargs):
        """The standardized value, the shape parameters, the scale (None for 1) and conditions on the parameters."""
        try:
            given = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{self.name}: expected arguments {self.signature}: {error}.") from None
        values: dict[str, Any] = dict(zip(given, in_one_precision(*given.values()), strict=True))
        z, loc, scale = (values.get(each) for each in (self.value, "loc", "scale"))
        shapes = [values[each] for each in self.shapes]
        z = z if loc is None else z - loc
        z = z if scale is None else z / scale
        valid = self.valid(*shapes) if self.valid else [greater(each, 0) for each in shapes]
        return z, shapes, scale, valid if scale is None else [*valid, greater(scale, 0)]


def _where_valid(conditions, y):
    conditions = [each for each in conditions if each is not onp.True_]  # that of a number which is allowed
    return where(functools.reduce(logical_and, conditions), y, math.nan) if conditions else y


def _halves(lower, upper, inside, z, shapes):
    """Where `lower`, a distribution function or 1 - it, is below 1/2: its value there, and that of `upper` elsewhere.

    Each is computed at `inside` where it does not count, as its slope may be infinite at `z`.
    """
    low = less(lower(stop_gradient(z), *map(stop_gradient, shapes)), 0.5)
    below, above = lower(where(low, z, inside), *shapes), upper(where(low, inside, z), *shapes)
    return low, below, above


def _log_of(lower, upper, inside, z, *shapes):
    """The logarithm of `lower`, by `upper`, which is 1 - it, where that is smaller."""
    low, below, above = _halves(lower, upper, inside, z, shapes)
    return where(low, log(where(low, below, 1)), log1p(-where(low, 0, above)))


def _accurate(lower, upper, inside):
    """`lower`, by `upper`, which is 1 - it, where that is smaller: 1 - z loses the digits of a small `z`."""

    def accurate(z, *shapes):
        small, above, below = _halves(upper, lower, inside, z, shapes)
        return where(small, 1 - above, below)

    return accurate


class Continuous(Distribution):
    """Distributions with a density."""

    parameters: ClassVar[tuple[tuple[str, float], ...]] = ("loc", 0), ("scale", 1)
    inside: ClassVar[float] = 0.5

    def _impossible(self, z, shapes):
        beyond = self._beyond(z, shapes)
        return isinf(z) if beyond is None else logical_or(isinf(z), beyond)

    def logpdf(self, *args: Any, **kwargs: Any) -> Result:
        """The logarithm of the density at `x`."""
        return self._log_density(args, kwargs)

    def pdf(self, *args: Any, **kwargs: Any) -> Result:
        """The density at `x`."""
        return self._density(args, kwargs)


class Discrete(Distribution):
    """Distributions of integers."""

    value: ClassVar[str] = "k"
    parameters: ClassVar[tuple[tuple[str, float], ...]] = (("loc", 0),)

    def logpmf(self, *args: Any, **kwargs: Any) -> Result:
        """The logarithm of the probability of the integer `k`; -inf if it is none."""
        return self._log_density(args, kwargs)

    def pmf(self, *args: Any, **kwargs: Any) -> Result:
        """The probability of the integer `k`; 0 if it is none."""
        return self._density(args, kwargs)

    def _beyond(self, z, shapes):
        return logical_or(super()._beyond(z, shapes), greater(remainder(z, 1), 0))

    def _distribution_function(self, function, below, above, args, kwargs):
        def step(z, *shapes):
            return function(floor(z), *shapes)

        return super()._distribution_function(step, below, above, args, kwargs)


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
    "beta", "a b", log_density_of_beta, _cdf_of_beta, sf=_accurate(_sf_of_beta, _cdf_of_beta, 0.5),
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
    "binom", "n p", _log_pmf_of_binom, _accurate(_cdf_of_binom, _sf_of_binom, 0), sf=_sf_of_binom,
    density=_pmf_of_binom, support=lambda n, p: (0, n),
    valid=lambda n, p: [greater_equal(n, 0), equal(n, floor(n)), less(n, math.inf), *_is_probability(p)],
)  # fmt: skip
bernoulli: Discrete = Discrete(
    "bernoulli", "p", lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p), lambda k, p: 1 - p + k, sf=lambda k, p: p - k,
    density=lambda k, p: product_of_powers(p, k, 1 - k, p * 0),
    support=lambda p: (0, 1), valid=_is_probability,  # here k is 0 or NaN
)  # fmt: skip


class _MultivariateNormal(PassingOn):
    """Normal distributions of vectors of length D; leading axes broadcast.

    `mean` is (..., D), 0 by default; `cov` is (..., D, D), or a diagonal (D,) or (). An axis of length 1 stays in the
    result (SciPy squeezes it away).
    """

    name: str = "multivariate_normal"

    def __repr__(self) -> str:
        return "<distribution multivariate_normal(x, mean=None, cov=1, allow_singular=False)>"

    def logpdf(
        self, x: ArrayLike, mean: ArrayLike | None = None, cov: ArrayLike = 1, allow_singular: bool = False
    ) -> Result:
        """The logarithm of the density at `x` (..., D); if D is 1, the elements of a vector are points.

        With `allow_singular` it is that on the space that `cov` reaches from `mean`, and -inf outside.
        """
        points, center, covariance, length = self._arguments(x, mean, cov)
        points = points[..., None] if length == 1 and points.ndim < 2 else points
        if points.shape[-1:] != (length,):
            raise ValueError(f"multivariate_normal: expected x (..., {length}), as its mean, got {points.shape}.")
        z = points - center
        if allow_singular:
            return _log_density_of_singular(z, covariance, length)
        root = _square_root(covariance)
        return _squared_distance(z, root) / -2 - length * math.log(2 * math.pi) / 2 - _log_det(root, length)

    def pdf(
        self, x: ArrayLike, mean: ArrayLike | None = None, cov: ArrayLike = 1, allow_singular: bool = False
    ) -> Result:
        """The density at `x`: see `logpdf`."""
        return exp(self.logpdf(x, mean, cov, allow_singular))

    def entropy(self, mean: ArrayLike | None = None, cov: ArrayLike = 1) -> Result:
        """The differential entropy."""
        _, _, cov, length = self._arguments(0.0, mean, cov)
        return _log_det(_square_root(cov), length) + length * (1 + math.log(2 * math.pi)) / 2

    def _arguments(self, x, mean, cov):
        x, mean, cov = in_one_precision(*on_one_device(x, 0 if mean is None else mean, cov))
        lengths = {*mean.shape[-1:], *cov.shape[-2:]}
        if len(lengths) > 1:
            raise ValueError(
                f"multivariate_normal: expected a mean (..., D) and a covariance (..., D, D), (D,) or (), got "
                f"{mean.shape} and {cov.shape}."
            )
        return x, mean, cov, max(lengths, default=1)


def _log_density_of_singular(z, cov, length):
    """Eigenvalues below SciPy's bound count as 0; its gradient is that among covariances of the same rank."""
    cov = cov if cov.ndim > 1 else cov * library(cov).eye(length, dtype=cov.dtype)
    cov = (cov + swap(cov)) / 2
    values = linalg.eigvalsh(cov)
    bound = (1e3 if values.dtype.itemsize == 4 else 1e6) * onp.finfo(values.dtype).eps
    largest = absolute(stop_gradient(values)).max(-1, keepdims=True)
    kept = greater(values, bound * largest)
    inverse = linalg.pinv(cov, rcond=bound, hermitian=True)
    within = z[..., None, :] @ inverse
    outside = stop_gradient(z - (within @ cov)[..., 0, :])
    factors = where(kept, log(where(kept, values, 1.0)) + math.log(2 * math.pi), 0.0).sum(-1)
    y = ((within[..., 0, :] * z).sum(-1) + factors) / -2
    return where(greater((outside * outside).sum(-1), (1e3 * bound * largest[..., 0]) ** 2), -math.inf, y)


def _square_root(cov):
    """Cholesky's factor of a covariance, or the square root of its diagonal."""
    return cholesky((cov + swap(cov)) / 2) if cov.ndim > 1 else sqrt(cov)  # it reads one triangle; both get a gradient


def _log_det(root, length):
    """The logarithm of the determinant of a square root."""
    if root.ndim == 0:
        return length * log(root)
    return log(root.diagonal(0, -2, -1) if root.ndim > 1 else root).sum(-1)


def _squared_distance(deviation, root):
    """The squared length of `deviation` (..., D) divided by a square root."""
    if root.ndim < 2:
        z = deviation / root
        return (z * z).sum(-1)
    deviation = broadcast_to(deviation, shape=onp.broadcast_shapes(deviation.shape, root.shape[:-1]))
    columns = swap(rows(deviation)) if root.ndim == 2 else deviation[..., None]
    z = solve_triangular(root, columns, lower=True, unit_diagonal=False)
    return (z * z).sum(-2).reshape(deviation.shape[:-1])


class _Dirichlet(PassingOn):
    """Dirichlet distributions of vectors of K positive numbers with sum 1, along the first axis of `x`."""

    name: str = "dirichlet"

    def __repr__(self) -> str:
        return "<distribution dirichlet(x, alpha)>"

    def logpdf(self, x: ArrayLike, alpha: ArrayLike) -> Result:
        """The logarithm of the density at `x`, (K, ...), or (K - 1, ...) if the last number is the rest to 1.

        It is -inf where a number is negative or the sum is not 1, up to 1e-5 (SciPy raises ValueError there).

        Raises:
            ValueError: If the shapes of `x` and `alpha`, (K,), do not fit.
        """
        points, weights, valid, beyond, constant = self._arguments(x, alpha)
        y = xlogy(weights - 1, points).sum(0) + constant
        return _where_valid(valid, where(beyond, -math.inf, y))

    def pdf(self, x: ArrayLike, alpha: ArrayLike) -> Result:
        """The density at `x`."""
        points, weights, valid, beyond, constant = self._arguments(x, alpha)
        y = prod(power_times_exp(points, weights - 1, constant / points.shape[0]), axis=(0,), keepdims=False)
        return _where_valid(valid, where(beyond, 0, y))

    def _arguments(self, x, alpha):
        """Points, parameters beside them, what must hold for these, where `x` is outside, the logarithm of a factor."""
        points, weights = in_one_precision(x, alpha)
        if points.shape[0] == weights.size - 1:
            points = concatenate(points, 1 - points.sum(0, keepdims=True), axis=0)
        if weights.ndim != 1 or points.shape[0] != weights.size:
            raise ValueError(f"dirichlet: expected x (K, ...) and alpha (K,), got {points.shape} and {weights.shape}.")
        beyond = logical_or(less(points, 0).any(0), greater(absolute(points.sum(0) - 1), 1e-5))
        points = where(beyond, 1 / weights.size, points)
        valid, constant = [greater(weights, 0).all()], gammaln(weights.sum()) - gammaln(weights).sum()
        return points, weights.reshape((-1,) + (1,) * (points.ndim - 1)), valid, beyond, constant


multivariate_normal: _MultivariateNormal = _MultivariateNormal()
dirichlet: _Dirichlet = _Dirichlet()


__getattr__ = passed_on(__name__)

for _name in __all__:  # `import autograd.scipy.stats.norm as norm`, as programs for HIPS autograd have it
    sys.modules[f"{__name__}.{_name}"] = globals()[_name]


def __dir__() -> list[str]:
    return __all__
