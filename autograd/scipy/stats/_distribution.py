"""Families of distributions of numbers: what their densities and distribution functions have in common."""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as onp

from ...ops.elementwise import (
    exp, floor, greater, greater_equal, isinf, less, log, log1p, logical_and, logical_or, remainder, stop_gradient,
    where,
)  # fmt: skip
from ...ops.special import chosen
from ...typing import Result
from .._rest import PassingOn
from ..special import in_one_precision


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
        return where_valid(valid, y if beyond is None else where(beyond, -math.inf, y))

    def _density(self, args, kwargs):
        z, shapes, scale, valid = self._standard(args, kwargs)
        beyond = self._impossible(z, shapes)
        y = self._density_inside(chosen(beyond, self.inside, z), *shapes)
        return where_valid(valid, where(beyond, 0, y if scale is None else y / scale))

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
            return where_valid(valid, function(z, *shapes))
        low, high = self.support(*shapes)
        under, over = less(z, low), greater_equal(z, high)
        y = function(where(logical_or(under, over), self.inside, z), *shapes)
        return where_valid(valid, where(under, below, where(over, above, y)))

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


def where_valid(conditions: Sequence[Any], y: Any) -> Result:
    """`y` where all conditions hold, else NaN."""
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


def accurate(lower: Callable[..., Result], upper: Callable[..., Result], inside: float) -> Callable[..., Result]:
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
