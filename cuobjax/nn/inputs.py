"""What layers take."""

from typing import Any

import cuobjax.numpy as jn
from autograd import Array

from ..util.convert import refuse_complex

__all__ = ["as_input", "require_activation", "require_real"]


def as_input(layer: Any, x: Any) -> Array:
    """`x` as an Array; what cannot be one raises TypeError or ValueError with the name of the layer."""
    if x is None or isinstance(x, str):
        remedy = " What should have made it returns nothing." if x is None else ""
        raise TypeError(f"{type(layer).__name__}: expected an array of numbers, got {x!r}.{remedy}")
    try:
        return jn.asarray(x)
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):
            raise
        raise type(error)(f"{type(layer).__name__}: {error}") from None


def require_activation(layer: Any, activation: Any) -> None:
    """Raises TypeError for an activation that is no function, such as its name."""
    if not callable(activation):
        raise TypeError(
            f"{type(layer).__name__}: expected activation as a function, got {activation!r}. "
            "Write cuobjax.functional.relu."
        )


def require_real(layer: Any, x: Array) -> None:
    """Raises TypeError for complex numbers, with the name of the layer."""
    refuse_complex(type(layer).__name__, x)
