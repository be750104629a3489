"""Losses; most of them are one number for each example."""

import warnings

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes
from autograd.ops.softmax import cross_entropy as _cross_entropy

from ..typing import ArrayLike, Axes
from .activation import logsumexp, softplus

__all__ = [
    "cross_entropy_logits", "cross_entropy_logits_sparse", "l2", "mean_absolute_error", "mean_squared_error",
    "mean_squared_log_error", "sigmoid_cross_entropy_logits",
]  # fmt: skip


def _warn_if_shapes_differ(where, a, b):
    if jn.shape(a) != jn.shape(b):
        message = f"Argument shape mismatch in {where}: arg1 {jn.shape(a)} and arg2 {jn.shape(b)}"
        warnings.warn(message, UserWarning, stacklevel=3)


def cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross entropy of the softmax of `logits` and `labels`, probabilities, both (..., classes). Returns (...)."""
    _warn_if_shapes_differ("cross_entropy_logits", logits, labels)
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    return logsumexp(logits, axis=-1) - (logits * labels).sum(-1)


def cross_entropy_logits_sparse(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross entropy of the softmax of `logits` (..., classes) and integer `labels` (...). Returns (...).

    The loss of a label that is no class is NaN. Labels that are not integers, and logits that are, raise TypeError.
    """
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    if logits.dtype.kind in "biu":
        raise TypeError(f"cross_entropy_logits_sparse: expected logits of real numbers, got dtype {logits.dtype}.")
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy_logits_sparse: expected labels of integers, got dtype {labels.dtype}. For probabilities of "
            "the classes take cross_entropy_logits."
        )
    batch, classes = logits.shape[:-1], logits.shape[-1]
    if labels.shape != batch:
        try:
            labels = jn.broadcast_to(labels, batch)
        except ValueError:
            raise ValueError(
                f"cross_entropy_logits_sparse: expected labels of shape {batch}, got {labels.shape}. Give each label "
                "as a number; cross_entropy_logits takes probabilities of the classes."
            ) from None
    return _cross_entropy(logits.reshape((-1, classes)), labels.reshape(-1)).reshape(batch)


def sigmoid_cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Binary cross entropy of the sigmoid of `logits` and `labels`, probabilities of the same shape."""
    _warn_if_shapes_differ("sigmoid_cross_entropy_logits", logits, labels)
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    return softplus(logits) - logits * labels


def l2(x: ArrayLike) -> Array:
    """Half the sum of the squares of `x`, a scalar."""
    x = jn.asarray(x)
    return 0.5 * (x * x).sum()


def _mean_except(x, keep_axis):
    remaining = () if keep_axis is None else complete_axes(keep_axis, x.ndim)
    return x.mean(tuple(axis for axis in range(x.ndim) if axis not in remaining))


def mean_absolute_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of the absolute differences of `x` and `y` over all axes but `keep_axis`; with None a scalar."""
    _warn_if_shapes_differ("mean_absolute_error", x, y)
    return _mean_except(abs(jn.asarray(x) - jn.asarray(y)), keep_axis)


def mean_squared_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of the squared differences of `x` and `y` over all axes but `keep_axis`; with None a scalar."""
    _warn_if_shapes_differ("mean_squared_error", x, y)
    return _mean_except((jn.asarray(x) - jn.asarray(y)) ** 2, keep_axis)


def mean_squared_log_error(y_true: ArrayLike, y_pred: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of (log(1 + y_true) - log(1 + y_pred))**2 over all axes but `keep_axis`; with None a scalar."""
    _warn_if_shapes_differ("mean_squared_log_error", y_true, y_pred)
    return _mean_except((jn.log1p(y_true) - jn.log1p(y_pred)) ** 2, keep_axis)


def __dir__() -> list[str]:
    return __all__
