"""Vectors for numbers."""

from collections.abc import Callable

from autograd import Array
from autograd.backend import is_cupy
from autograd.core import bare

from .. import random
from ..core.module import Module
from ..core.variable import Tensor, TrainVar
from ..typing import ArrayLike
from ..util.convert import require_sizes
from ..util.signatures import call_text, explained
from .inputs import as_input
from .linear import weights

__all__ = ["Embedding"]


class Embedding(Module):
    """A learned vector for each of the numbers from 0 to nin - 1: integers (...) to (..., nout).

    Args:
        nin: How many numbers there are, such as the size of a vocabulary.
        nout: The length of the vectors.
        w_init: Makes w from its shape (nin, nout); standard normal numbers by default.

    Example:
        >>> Embedding(100, 8)([[1, 2, 3], [4, 5, 6]]).shape
        (2, 3, 8)
    """

    w: TrainVar

    @explained("Write Embedding(nin, nout).")
    def __init__(self, nin: int, nout: int, w_init: Callable[[tuple[int, ...]], Tensor] = random.normal) -> None:
        require_sizes("Embedding", 1, nin=nin)
        require_sizes("Embedding", 0, nout=nout)
        self.w = weights("Embedding", w_init, (nin, nout))
        self._w_init = w_init

    def __call__(self, x: ArrayLike) -> Array:
        """Integers x (...) to their vectors (..., nout), in the dtype of w.

        Raises:
            TypeError: If x is not of integers.
            ValueError: If a number is below 0 or not below nin, IndexError where a Jit runs again. On a GPU nobody
                looks, as that would be a wait: numbers count modulo nin, so that no memory outside is read. Within
                `autograd.debug()` they raise IndexError there, too.
        """
        x = as_input(self, x)
        if x.dtype.kind not in "iu":
            raise TypeError(f"Embedding: expected integers, got dtype {x.dtype}.")
        numbers, n = bare(x), self.w.shape[0]
        if is_cupy(numbers):
            return self.w.value[x]
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < n:
            wrong = numbers[(numbers < 0) | (numbers >= n)][0]
            raise ValueError(f"Embedding: expected numbers from 0 to {n - 1}, got {wrong}.")
        return self.w.value[x.astype("uint32")]  # NumPy then refuses negative ones when a recorded program runs, too

    def __repr__(self) -> str:
        nin, nout = self.w.shape
        return call_text(self, nin=nin, nout=nout, w_init=self._w_init)
