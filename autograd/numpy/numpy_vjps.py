"""Helpers for derivatives of functions that broadcast, under HIPS autograd's names.

`defvjp` needs none of them: cotangents are summed to the shapes of their arguments by the backward pass.
"""

from collections.abc import Callable
from typing import Any

from ..reverse import conformed
from ._common import as_array

__all__ = ["unbroadcast", "unbroadcast_f"]


def unbroadcast(x: Any, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """A cotangent, summed to the shape of what was broadcast.

    Args:
        target_meta: (shape, number of axes, dtype, whether it is complex), as `numpy_wrapper.metadata` gives it.
        broadcast_idx: Has no effect: the axis is found.
    """
    return conformed(as_array(x), target_meta[0], target_meta[2])


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function `f` of a cotangent, with results in the shape and dtype of `target`."""
    like = as_array(target)
    shape, dtype = like.shape, like.dtype
    return lambda g: conformed(as_array(f(g)), shape, dtype)
