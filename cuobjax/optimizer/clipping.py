"""Bounds for gradients: functions of lists or dictionaries of gradients that give such ones."""

from numbers import Real
from typing import Any

import cuobjax.numpy as jn
from autograd import Array
from autograd.numpy import asarray
from autograd.ops.elementwise import at_least, at_most

from ..functional import rsqrt
from ..functional.half_precision import single
from ..functional.loss.regression import squared
from .gradients import Gradients, unpacked
from .hyperparameters import Number
from .lists import over_lists, summed_over_lists

__all__ = ["clip_by_global_norm", "clip_by_norm", "clip_by_value", "global_norm"]


def clip_by_value(grads: Gradients, limit: Number) -> Any:
    """The gradients with all numbers between -limit and limit. NaN stays NaN.

    Args:
        grads: A list of gradients, or a dictionary of them.
        limit: A number greater than 0.

    Raises:
        TypeError: If a gradient is complex: take another function.
    """
    arrays, packed = unpacked(grads, "clip_by_value")
    _require_positive("clip_by_value", "limit", limit)
    for i, g in enumerate(arrays):
        if g.dtype.kind == "c":
            raise TypeError(f"clip_by_value: expected gradient {i} of real numbers, got {g.dtype}. Take clip_by_norm.")
    return packed([x for (x,) in over_lists(_limited, [(g,) for g in arrays], limit)])


def clip_by_norm(grads: Gradients, max_norm: Number) -> Any:
    """The gradients, each one that is longer than max_norm scaled to this length. One with NaN becomes NaN.

    Args:
        grads: A list of gradients, or a dictionary of them.
        max_norm: A number greater than 0.
    """
    arrays, packed = unpacked(grads, "clip_by_norm")
    _require_positive("clip_by_norm", "max_norm", max_norm)
    return packed([x for (x,) in over_lists(_bounded, [(g,) for g in arrays], max_norm)])


def clip_by_global_norm(grads: Gradients, max_norm: Number) -> Any:
    """The gradients, scaled together so that the norm of all their numbers is at most max_norm.

    A NaN anywhere makes all of them NaN. Source: Pascanu et al. 2013, Algorithm 1.

    >>> import cuobjax.numpy as jn
    >>> from cuobjax.optimizer import clip_by_global_norm
    >>> clip_by_global_norm([jn.array([3.0]), jn.array([0.0, 4.0])], 1.0)
    [Array([0.6], dtype=float32), Array([0. , 0.8], dtype=float32)]

    Args:
        grads: A list of gradients, or a dictionary of them.
        max_norm: A number greater than 0.
    """
    arrays, packed = unpacked(grads, "clip_by_global_norm")
    _require_positive("clip_by_global_norm", "max_norm", max_norm)
    if not arrays:
        return packed([])
    ((factor,),) = over_lists(_factor, [(_total(arrays),)], max_norm)
    return packed([x for (x,) in over_lists(_scaled, [(g,) for g in arrays], factor)])


def global_norm(grads: Gradients) -> Array:
    """The norm of all numbers of the gradients, of shape (); float32 at least.

    Args:
        grads: A list of gradients, or a dictionary of them.
    """
    arrays, _ = unpacked(grads, "global_norm")
    return jn.sqrt(_total(arrays)) if arrays else jn.array(0.0, dtype="float32")


def _limited(g: Array, limit: Number) -> tuple[Array, ...]:
    return (at_most(at_least(g, -limit), limit),)


def _square(g: Array) -> tuple[Array, ...]:
    """The square of the norm."""
    return (squared(single(g)).sum(),)


def _total(arrays):
    return summed_over_lists(_square, [(g,) for g in arrays])


def _factor(total: Array, max_norm: Number) -> tuple[Array, ...]:
    """What brings an array with this sum of squares to max_norm; 1 if it is not longer, and without a root of 0."""
    short = total <= max_norm * max_norm
    return (jn.where(short, 1.0, max_norm * rsqrt(jn.where(short, 1.0, total))),)


def _scaled(g: Array, factor: Array) -> tuple[Array, ...]:
    return (asarray(single(g) * factor, g.dtype),)


def _bounded(g: Array, max_norm: Number) -> tuple[Array, ...]:
    (square,) = _square(g)
    (factor,) = _factor(square, max_norm)
    return _scaled(g, factor)


def _require_positive(where, name, x):
    if not (isinstance(x, Real) or getattr(x, "shape", None) == ()):
        raise TypeError(f"{where}: expected {name} as a number, got {x!r}.")
    if isinstance(x, Real) and not float(x) > 0:
        raise ValueError(f"{where}: expected {name} greater than 0, got {x}.")
