"""Dropout."""

import numbers
from typing import Any

import cuobjax.numpy as jn
from autograd import Array, device
from autograd.ops.dropout import dropout

from .. import random
from ..core.module import Module
from ..core.training_mode import in_training
from ..random.generator import KeySource, new_key
from ..typing import ArrayLike
from ..util import class_name
from ..util.convert import to_inexact
from ..util.signatures import explained
from .inputs import as_input

__all__ = ["Dropout"]


def _require_probability(keep: Any) -> None:
    if isinstance(keep, bool) or not isinstance(keep, Array | numbers.Real):
        raise TypeError(f"Dropout: expected a number as probability to keep, got {keep!r}.")
    if not 0 < keep <= 1:  # type: ignore[operator]
        raise ValueError(f"Dropout: expected a probability to keep above 0 and at most 1, got {keep}.")


class Dropout(Module):
    """Sets elements to zero at random in training and scales the others, so that the mean stays.

    Args:
        keep: The probability that an element is kept, above 0 and at most 1.
        generator: Where random numbers come from.
    """

    keygen: KeySource
    keep: float

    @explained("Write Dropout(keep), with the probability to keep.")
    def __init__(self, keep: float, generator: KeySource = random.DEFAULT_GENERATOR) -> None:
        _require_probability(keep)
        self.keygen = generator
        self.keep = keep

    def __call__(self, x: ArrayLike, training: bool | None = None, dropout_keep: float | None = None) -> Array:
        """x of any shape to an Array of the same shape and dtype; its values where nothing is to be set to zero.

        Args:
            x: An array of real or complex numbers.
            training: Whether to set elements to zero; None: the mode that `train`, `eval` or `mode` of a module set.
            dropout_keep: The probability that an element is kept, instead of `keep`.

        Raises:
            ValueError: If the probability is not above 0 and at most 1.
            TypeError: If neither `training` nor a mode is given.
        """
        x = as_input(self, x)
        keep = self.keep if dropout_keep is None else dropout_keep
        _require_probability(keep)
        if not in_training(self, training) or keep == 1:
            return x
        with device(x.device):
            if isinstance(keep, Array):
                return jn.where(random.bernoulli(x.shape, keep, generator=self.keygen), x / keep, 0)
            return dropout(to_inexact(x), new_key(self.keygen), keep=float(keep))[0]

    def __repr__(self) -> str:
        return f"{class_name(self)}(keep={self.keep})"
