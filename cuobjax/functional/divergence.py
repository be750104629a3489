"""Divergences of distributions."""

import cuobjax.numpy as jn
from autograd import Array

from ..typing import ArrayLike
from ..util.convert import refuse_complex
from .half_precision import single, with_precision_of
from .loss.arguments import require_at_least, require_between

__all__ = ["kl"]


def kl(p: ArrayLike, q: ArrayLike, eps: float = 2**-17) -> Array:
    """The Kullback-Leibler divergence of the probabilities p and q, both (classes,), a scalar.

    Args:
        p, q: The probabilities.
        eps: Added to them in the logarithms, which are finite then.

    Raises:
        ValueError: If they have other shapes, or a number at hand is not from 0 to 1.
    """
    p, q = jn.asarray(p), jn.asarray(q)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(
            f"kl: expected p and q of one shape (classes,), got {p.shape} and {q.shape}. For a batch of them write "
            "autograd.vmap(kl)(p, q)."
        )
    refuse_complex("kl", p, q)
    for name, x in (("p", p), ("q", q)):
        require_between("kl", name, x, 0, 1, "Of logits take functional.softmax.")
    require_at_least("kl", 0, eps=eps)
    wide_p, wide_q = single(p), single(q)
    return with_precision_of(jn.dot(wide_p, jn.log(wide_p + eps) - jn.log(wide_q + eps)), p, q)


def __dir__() -> list[str]:
    return __all__
