"""Families of distributions of vectors."""

from __future__ import annotations

import math

import numpy as onp

from ...core import library
from ...numpy import linalg
from ...numpy._common import on_one_device
from ...ops.elementwise import absolute, exp, greater, less, log, logical_or, sqrt, stop_gradient, where
from ...ops.linalg import cholesky, solve_triangular
from ...ops.product import rows, swap
from ...ops.reduction import prod
from ...ops.shape import broadcast_to, concatenate
from ...ops.special import gammaln, power_times_exp, xlogy
from ...typing import ArrayLike, Result
from .._rest import PassingOn
from ..special import in_one_precision
from ._distribution import where_valid


class MultivariateNormal(PassingOn):
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


class Dirichlet(PassingOn):
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
        return where_valid(valid, where(beyond, -math.inf, y))

    def pdf(self, x: ArrayLike, alpha: ArrayLike) -> Result:
        """The density at `x`."""
        points, weights, valid, beyond, constant = self._arguments(x, alpha)
        y = prod(power_times_exp(points, weights - 1, constant / points.shape[0]), axis=(0,), keepdims=False)
        return where_valid(valid, where(beyond, 0, y))

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
