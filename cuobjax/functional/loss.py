"""Losses; most of them are one number for each example.

Half precision is computed in float32: its squares and sums would overflow.
"""

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes
from autograd.ops.softmax import cross_entropy as _cross_entropy

from ..absent import of_package
from ..typing import ArrayLike, Axes
from .activation import logsumexp, softplus
from .half_precision import single, with_precision_of

__all__ = [
    "cross_entropy_logits", "cross_entropy_logits_sparse", "l2", "mean_absolute_error", "mean_squared_error",
    "mean_squared_log_error", "sigmoid_cross_entropy_logits",
]  # fmt: skip


def _pair(where: str, names: tuple[str, str], a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Two arguments as Arrays of shapes that fit: equal, or one broadcasts to the other, of which Objax warns."""
    a, b = jn.asarray(a), jn.asarray(b)
    if a.shape == b.shape:
        return a, b
    try:
        common = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        common = None
    if common not in (a.shape, b.shape):  # (8, 1) and (8,) would become (8, 8)
        first, second = names
        remedy = f"Write {second}.reshape({a.shape})." if a.size == b.size else "Give them one shape with reshape."
        raise ValueError(f"{where}: expected {first} and {second} of one shape, got {a.shape} and {b.shape}. {remedy}")
    message = f"Argument shape mismatch in {where}: arg1 {a.shape} and arg2 {b.shape}"
    warnings.warn(message, UserWarning, stacklevel=3)
    return a, b


def cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross entropy of the softmax of `logits` and `labels`, probabilities, both (..., classes). Returns (...).

    Raises:
        ValueError: If `labels` has no axis of that many classes; cross_entropy_logits_sparse takes numbers of classes.
    """
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    numbers = labels.dtype.kind in "iub" and labels.ndim < logits.ndim
    if not logits.ndim or numbers or labels.shape[-1:] != logits.shape[-1:]:
        expected = f"labels of shape {logits.shape}" if logits.ndim else "logits of shape (..., classes)"
        got = labels.shape if logits.ndim else ()
        raise ValueError(
            f"cross_entropy_logits: expected {expected}, got {got}. For labels that are numbers of classes take "
            "cross_entropy_logits_sparse, with labels of shape (...)."
        )
    _pair("cross_entropy_logits", ("logits", "labels"), logits, labels)
    x, y = single(logits), single(labels)
    return with_precision_of(logsumexp(x, axis=-1) - (x * y).sum(-1), logits, labels)


def cross_entropy_logits_sparse(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Cross entropy of the softmax of `logits` (..., classes) and integer `labels` (...). Returns (...).

    One number as `labels` serves all. The loss of a label that is no class is NaN.

    Raises:
        TypeError: If labels are no integers, or logits are.
        ValueError: If `labels` has another shape, such as that of a column or of one-hot vectors.
    """
    logits, labels = jn.asarray(logits), jn.asarray(labels)
    if logits.dtype.kind in "biu":
        raise TypeError(f"cross_entropy_logits_sparse: expected logits of real numbers, got dtype {logits.dtype}.")
    if not logits.ndim:
        raise ValueError("cross_entropy_logits_sparse: expected logits of shape (..., classes), got ().")
    batch, classes = logits.shape[:-1], logits.shape[-1]
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy_logits_sparse: expected labels of integers, got dtype {labels.dtype}. For probabilities of "
            "the classes take cross_entropy_logits."
        )
    if labels.shape != batch:
        labels = _of_batch(labels, batch)
    return _cross_entropy(logits.reshape((-1, classes)), labels.reshape(-1)).reshape(batch)


def _of_batch(labels: Array, batch: tuple[int, ...]) -> Array:
    """Labels in the shape of the batch, to which one number and axes of length 1 broadcast."""
    fits = labels.ndim in (0, len(batch)) and all(n in (1, m) for n, m in zip(labels.shape, batch, strict=False))
    if not fits:
        remedy = f"Write labels.reshape({batch})" if labels.size == math.prod(batch) else "Give each label as a number"
        raise ValueError(
            f"cross_entropy_logits_sparse: expected labels of shape {batch}, got {labels.shape}. {remedy}; "
            "cross_entropy_logits takes probabilities of the classes, such as one-hot vectors."
        )
    return jn.broadcast_to(labels, batch)


def sigmoid_cross_entropy_logits(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Binary cross entropy of the sigmoid of `logits` and `labels`, probabilities of the same shape.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    logits, labels = _pair("sigmoid_cross_entropy_logits", ("logits", "labels"), logits, labels)
    x, y = single(logits), single(labels)
    return with_precision_of(softplus(x) - x * y, logits, labels)


def l2(x: ArrayLike) -> Array:
    """Half the sum of the squares of `x`, a scalar."""
    x = jn.asarray(x)
    wide = single(x)
    return with_precision_of(0.5 * (wide * wide).sum(), x)


def _mean_except(x, keep_axis):
    remaining = () if keep_axis is None else complete_axes(keep_axis, x.ndim)
    return x.mean(tuple(axis for axis in range(x.ndim) if axis not in remaining))


def mean_absolute_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of the absolute differences of `x` and `y` over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    x, y = _pair("mean_absolute_error", ("x", "y"), x, y)
    return with_precision_of(_mean_except(abs(single(x) - single(y)), keep_axis), x, y)


def mean_squared_error(x: ArrayLike, y: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of the squared differences of `x` and `y` over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    x, y = _pair("mean_squared_error", ("x", "y"), x, y)
    return with_precision_of(_mean_except((single(x) - single(y)) ** 2, keep_axis), x, y)


def mean_squared_log_error(y_true: ArrayLike, y_pred: ArrayLike, keep_axis: Axes = (0,)) -> Array:
    """Mean of (log(1 + y_true) - log(1 + y_pred))**2 over all axes but `keep_axis`; with None a scalar.

    Raises:
        ValueError: If neither shape broadcasts to the other.
    """
    y_true, y_pred = _pair("mean_squared_log_error", ("y_true", "y_pred"), y_true, y_pred)
    error = jn.log1p(single(y_true)) - jn.log1p(single(y_pred))
    return with_precision_of(_mean_except(error**2, keep_axis), y_true, y_pred)


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)
