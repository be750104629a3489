"""Random numbers. Every draw takes a new key of a generator, so that a seed determines all numbers, on any device.

A distribution takes the shape of the result, then its parameters: numbers, or arrays that broadcast to that shape (the
bounds of `randint` and `truncated_normal`: numbers). `categorical`, `choice`, `permutation` and `shuffle` take first
what they choose from. By name alone follow `dtype` (by default that of new arrays) and `generator`: a Generator, a
RandomState, or a function that returns keys. Bits, integers and uniforms of a seed are equal on every device, other
numbers to rounding. No draw waits for the device.
"""

# ruff: noqa: I001 (names stay in tables)
import typing as _typing

from ..absent import of_package as _of_package
from .continuous import (
    ball, beta, cauchy, chisquare, dirichlet, exponential, gamma, gumbel, laplace, logistic, normal, orthogonal,
    student_t, truncated_normal, uniform,
)  # fmt: skip
from .discrete import (
    bernoulli, binomial, bits, categorical, choice, permutation, poisson, rademacher, randint, shuffle,
)  # fmt: skip
from .generator import DEFAULT_GENERATOR, Generator, seed

__all__ = [
    "DEFAULT_GENERATOR", "Generator", "ball", "bernoulli", "beta", "binomial", "bits", "categorical", "cauchy",
    "chisquare", "choice", "dirichlet", "exponential", "gamma", "gumbel", "laplace", "logistic", "normal", "orthogonal",
    "permutation", "poisson", "rademacher", "randint", "seed", "shuffle", "student_t", "truncated_normal", "uniform",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)
