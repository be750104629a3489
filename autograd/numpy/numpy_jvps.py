"""A helper for forward-mode derivatives of functions that broadcast, under HIPS autograd's name."""

from typing import Any

from ._common import as_array
from ._shape import broadcast_to

__all__ = ["broadcast"]


def broadcast(x: Any, target: Any) -> Any:
    """A tangent in the shape of `target`, which it broadcasts to."""
    return broadcast_to(x, as_array(target).shape)
