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
    p, q = jn.asarray(p), jn.asarray(q)
    return jn.dot(p, jn.log(p + eps) - jn.log(q + eps))


def __dir__() -> list[str]:
    return __all__
