"""Batches for differentially private training."""

from collections.abc import Iterator

import numpy as np

from autograd import device

from ...random.discrete import bernoulli
from ...random.generator import DEFAULT_GENERATOR, KeySource
from ...util.convert import require_integers, require_reals

__all__ = ["poisson_batches"]


def poisson_batches(
    n: int, q: float, size: int | None = None, generator: KeySource = DEFAULT_GENERATOR
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random batches without end, in each of which each of `n` examples is with probability `q`.

    That is the sampling that `analyze_dp` accounts for; batches in the order of shuffled data are not. The gradient is
    divided by the expected size: `PrivateGradValues(..., batch_size=q * n)`.

    >>> from cuobjax.privacy import dpsgd
    >>> places, mask = next(dpsgd.poisson_batches(1000, q=0.05, size=100))
    >>> places.shape, mask.shape, mask.dtype
    ((100,), (100,), dtype('float32'))

    Args:
        n: The number of examples.
        q: The probability of each.
        size: The size of all batches, so that programs of `Jit` fit: they are filled up with the first example, whose
            mask is 0. The loss of each example times its mask leaves these out.
        generator: Where the batches come from.

    Returns:
        An iterator of the places of the examples, int64, and the mask, float32: 1 for each of them.

    Raises:
        ValueError: If `q` is out of range, or, later, a batch has more than `size` examples.
    """
    require_integers("poisson_batches", 0, n=n, size=0 if size is None else size)
    require_reals("poisson_batches", q=q)
    if not 0 < q <= 1:
        raise ValueError(f"poisson_batches: expected q from 0 to 1, got {q}.")
    return _batches(n, q, size, generator)


def _batches(n, q, size, generator):
    while True:
        with device("cpu"):
            places = np.flatnonzero(np.asarray(bernoulli((n,), q, generator=generator)))
        if size is None:
            yield places, np.ones(len(places), np.float32)
            continue
        if len(places) > size:
            raise ValueError(
                f"poisson_batches: expected at most size={size} examples, got {len(places)}. Take q * n + 6 * sqrt(q * "
                "n): leaving examples out would void the guarantee."
            )
        filled, mask = np.zeros(size, places.dtype), np.zeros(size, np.float32)
        filled[: len(places)], mask[: len(places)] = places, 1
        yield filled, mask
