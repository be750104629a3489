"""Divergences of distributions."""

import cuobjax.numpy as jn
from autograd import Array

from ..typing import ArrayLike

__all__ = ["kl"]


def kl(p: ArrayLike, q: ArrayLike, eps: float = 2**-17) -> Array:
    """The Kullback-Leibler divergence of the probabilities p and q, both (classes,), a scalar.

    Args:
        p, q: The probabilities.
        eps: Added to them in the logarithms, which are finite then.
    """
    return jn.dot(p, jn.log(jn.asarray(p) + eps) - jn.log(jn.asarray(q) + eps))


def __dir__() -> list[str]:
    return __all__
