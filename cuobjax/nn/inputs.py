"""What layers take."""

from typing import Any

import cuobjax.numpy as jn
from autograd import Array

__all__ = ["as_input"]


def as_input(layer: Any, x: Any) -> Array:
    """`x` as an Array; what cannot be one raises TypeError with the name of the layer."""
    try:
        return jn.asarray(x)
    except TypeError as error:
        if type(error) is not TypeError:
            raise
        raise TypeError(f"{type(layer).__name__}: {error}") from None
