"""Normalization: mean 0 and variance 1 over some axes, then a scale and a shift. Statistics are float32 at least."""

from __future__ import annotations

import math
import numbers

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axes
from autograd.ops.normalization import normalize

from ..typing import ArrayLike, Axes
from ..util.convert import broadcasts, refuse_complex, require_sizes, to_inexact

__all__ = ["group_norm", "instance_norm", "layer_norm", "require_eps", "rms_norm"]


def require_eps(where: str, eps: float | Array) -> None:
    """Raises TypeError for what is no number, ValueError for one that is negative or not finite."""
    if isinstance(eps, bool) or not isinstance(eps, Array | numbers.Real):
        raise TypeError(f"{where}: expected a number as eps, got {eps!r}.")
    if not isinstance(eps, Array) and not 0 <= float(eps) < math.inf:
        raise ValueError(f"{where}: expected eps of at least 0, got {eps}.")


def layer_norm(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, axis: Axes = -1, eps: float = 1e-5
) -> Array:
    """gamma * (x - mean) / sqrt(variance + eps) + beta, mean and variance over axes. Source: Ba et al. 2016.

    Args:
        x: An array of real numbers.
        gamma, beta: Arrays that broadcast to the shape of `x`, such as (n,) for the last axis; None: 1 and 0.
        axis: The axis or axes that are normalized.
        eps: Added to the (biased) variance.

    Raises:
        ValueError: If `gamma` or `beta` does not broadcast to the shape of `x`.
    """
    return _normalized("layer_norm", x, gamma, beta, axis, eps)


def rms_norm(x: ArrayLike, gamma: ArrayLike | None = None, axis: Axes = -1, eps: float = 1e-6) -> Array:
    """gamma * x / sqrt(mean(x**2) + eps), the mean over axes. Source: Zhang & Sennrich 2019, with eps inside the root.

    Args:
        x: An array of real numbers.
        gamma: An array that broadcasts to the shape of `x`; None: 1.
        axis: The axis or axes that are normalized.
        eps: Added to the mean square.

    Raises:
        ValueError: If `gamma` does not broadcast to the shape of `x`.
    """
    return _normalized("rms_norm", x, gamma, None, axis, eps, centered=False)


def group_norm(
    x: ArrayLike,
    groups: int,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalizes x (N, C, *spatial) over the channels of each group and the spatial axes. Source: Wu & He 2018.

    Args:
        x: An array of real numbers.
        groups: How many groups the channels are divided into, in their order.
        gamma, beta: Scale and shift of the channels, C numbers each; None: 1 and 0.
        eps: Added to the (biased) variance.

    Raises:
        ValueError: If `groups` does not divide C, or `gamma` or `beta` has not C elements.
    """
    x = jn.asarray(x)
    require_sizes("group_norm", 1, groups=groups)
    channels = x.shape[1] if x.ndim > 1 else None
    if channels is None or groups < 1 or channels % groups:
        raise ValueError(f"group_norm: expected x of shape (N, C, ...), C a multiple of {groups}, got {x.shape}.")
    return _by_group("group_norm", x, groups, gamma, beta, eps)


def _by_group(where, x, groups, gamma, beta, eps):
    channels = x.shape[1]
    if 0 in x.shape[2:]:
        raise ValueError(f"{where}: expected x with elements along its spatial axes, got {x.shape}.")
    size = channels // groups
    shape = (groups, size, *[1] * (x.ndim - 2))
    scale, shift = (_of_channels(where, *a, channels, shape) for a in (("gamma", gamma), ("beta", beta)))
    view = x.reshape((x.shape[0], groups, size, *x.shape[2:]))
    return _normalized(where, view, scale, shift, tuple(range(2, view.ndim)), eps).reshape(x.shape)


def _of_channels(where, name, a, channels, shape):
    """Numbers of the channels in the shape of the groups."""
    if a is None:
        return None
    a = jn.asarray(a)
    if a.size != channels:
        raise ValueError(f"{where}: expected {name} of {channels} elements, one a channel, got {a.shape}.")
    return a.reshape(shape)


def instance_norm(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, eps: float = 1e-5
) -> Array:
    """Normalizes x (N, C, *spatial) over the spatial axes, each channel for itself. Source: Ulyanov et al. 2016.

    Args:
        x: An array of real numbers.
        gamma, beta: Scale and shift of the channels, C numbers each; None: 1 and 0.
        eps: Added to the (biased) variance.

    Raises:
        ValueError: If x has no spatial axes, or `gamma` or `beta` has not C elements.
    """
    x = jn.asarray(x)
    if x.ndim < 3:
        raise ValueError(f"instance_norm: expected x of shape (N, C, ...) with spatial axes, got {x.shape}.")
    return _by_group("instance_norm", x, max(1, x.shape[1]), gamma, beta, eps)


def _normalized(where, x, scale, shift, axis, eps, centered=True):
    x = jn.asarray(x)
    refuse_complex(where, x)
    require_eps(where, eps)
    axes = complete_axes(axis, x.ndim)
    if not math.prod([x.shape[i] for i in axes]):
        raise ValueError(f"{where}: expected something to normalize along axes {axes}, got x of shape {x.shape}.")
    x = to_inexact(x)
    given = []
    for name, a in (("gamma", scale), ("beta", shift)):
        if isinstance(a, tuple) and all(isinstance(n, int) for n in a):
            remedy = f"{where} needs no shape: axis says what is normalized, the last one if it is left out"
            raise TypeError(f"{where}: expected {name} as an array, got the tuple {a}. {remedy}.")
        a = None if a is None else jn.asarray(a)
        a = a.astype(x.dtype) if a is not None and a.dtype.kind in "biu" else a  # integers join floating numbers
        if a is not None and not broadcasts(a.shape, x.shape):
            raise ValueError(f"{where}: expected {name} to broadcast to x of shape {x.shape}, got {a.shape}.")
        given.append(a)
    scale, shift = given
    fused = scale is not None and shift is not None and scale.shape == shift.shape
    params = {"axis": axes, "eps": eps, "centered": centered, "dtype": "float32"}
    y, _, _ = normalize(x, 1 if scale is None else scale, shift if fused else 0, **params)
    return y if fused or shift is None else y + shift


def __dir__() -> list[str]:
    return __all__
