"""Attention, and positions that are rotated into queries and keys."""

import math
from typing import Any

import cuobjax.numpy as jn
from autograd import Array
from autograd.ops import attention as ops
from autograd.ops.random import split

from ..typing import ArrayLike
from ..util.convert import broadcasts, require_reals, require_sizes, to_inexact

__all__ = ["attention", "rotary_embedding", "sinusoidal_embedding"]


def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    causal: bool = False,
    scale: float | None = None,
    keep: float = 1,
    key: ArrayLike | None = None,
) -> Array:
    """Sums of values, weighted by how well queries and keys match: softmax(scale * q k^T + bias) v.

    It is computed block by block, so that its memory grows with T + S, not with T * S; that of its gradient, too, but
    not that of second derivatives. In half precision sums and exponentials are float32. Source: Vaswani et al. 2017;
    Rabe & Staats 2021 and Dao et al. 2022 for the blocks, which have whole rows of scores here.

    Args:
        q: Queries (..., H, T, D).
        k, v: Keys (..., K, S, D) and values (..., K, S, E); each of the K heads serves H / K heads of queries.
        mask: Booleans that broadcast to (..., H, T, S), True where a query sees a key. A query that sees none gets 0.
        bias: Numbers that broadcast to that shape, added to the scores.
        causal: Whether query i sees only keys up to i + S - T, so that the last query sees all.
        scale: A factor of the scores; None: 1 / sqrt(D).
        keep: The probability that a weight is kept; others are set to zero, in training.
        key: The key of the random numbers for that, which calling a `random.Generator` gives.

    Returns:
        An Array (..., H, T, E).

    Raises:
        ValueError: If shapes do not fit, if there is no key, or if `causal` leaves queries without keys.
        TypeError: If the mask is not made of booleans.

    Example:
        >>> q, k = jn.ones((2, 8, 5, 16)), jn.ones((2, 4, 7, 16))
        >>> attention(q, k, k, causal=True).shape
        (2, 8, 5, 16)
    """
    arrays = [jn.asarray(x) for x in (q, k, v)]
    _check(arrays, causal, keep)
    shape = (*arrays[0].shape[:-1], arrays[1].shape[-2])
    added = _as_bias(mask, bias, shape, arrays[0].dtype)
    queries, *others = [_four_axes(x) for x in arrays]
    keys: Any = 0
    if keep < 1:
        if key is None:
            raise ValueError("attention: expected a key with keep < 1. Write key=cuobjax.random.DEFAULT_GENERATOR().")
        keys = split(jn.asarray(key), n=math.prod(shape[:-1]))[1:].reshape((*queries.shape[:3], 2))
    scale = queries.shape[3] ** -0.5 if scale is None else scale
    require_reals("attention", scale=scale)
    y, _ = ops.attention(queries, *others, added, keys, scale=float(scale), causal=causal, keep=keep)
    return y if len(shape) == 4 else y.reshape((*shape[:-1], y.shape[3]))


def _four_axes(x):
    return x if x.ndim == 4 else x.reshape((math.prod(x.shape[:-3]), *(1,) * (3 - x.ndim), *x.shape[-3:]))


def _check(arrays, causal, keep):
    q, k, v = arrays
    if not q.ndim == k.ndim == v.ndim >= 2:
        raise ValueError(
            f"attention: expected q (..., H, T, D), k (..., K, S, D) and v (..., K, S, E) of one rank, got {q.shape}, "
            f"{k.shape} and {v.shape}."
        )
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2] or not k.shape[-2]:
        raise ValueError(
            f"attention: expected queries and keys of one width, and a value for each of one or more keys, got q "
            f"{q.shape}, k {k.shape} and v {v.shape}. Is the layout (..., heads, positions, features)?"
        )
    heads, shared = [x.shape[-3] if x.ndim > 2 else 1 for x in (q, k)]
    if k.shape[:-2] != v.shape[:-2] or q.shape[:-3] != k.shape[:-3] or not shared or heads % shared:
        raise ValueError(
            f"attention: expected equal leading axes, and heads of q that are a multiple of those of k and v, got q "
            f"{q.shape}, k {k.shape} and v {v.shape}."
        )
    if any(x.dtype.kind in "biuc" for x in (q, k, v)):
        raise TypeError(f"attention: expected real numbers, got {q.dtype}, {k.dtype} and {v.dtype}.")
    if causal and q.shape[-2] > k.shape[-2]:
        raise ValueError(
            f"attention: expected with causal=True at least as many keys as queries, got {k.shape[-2]} keys for "
            f"{q.shape[-2]} queries. Give a mask that says which keys each query sees."
        )
    require_reals("attention", keep=keep)
    if not 0 < keep <= 1:
        raise ValueError(f"attention: expected a probability to keep above 0 and at most 1, got {keep}.")


def _as_bias(mask, bias, shape, dtype):
    """Mask and bias as one array of four axes that says what is added to the scores; 0 for none."""
    if mask is None and bias is None:
        return 0
    added: Any = 0.0
    if bias is not None:
        added = _broadcast(jn.asarray(bias), "bias", shape)
        added = added if added.dtype == dtype else added.astype(dtype)
    if mask is not None:
        mask = jn.asarray(mask)
        if mask.dtype != bool:
            raise TypeError(f"attention: expected a mask of booleans, got {mask.dtype}. Numbers to add are a bias.")
        added = jn.where(_broadcast(mask, "mask", shape), added, jn.asarray(-math.inf, dtype))
    lead = shape[:-3]
    added = jn.broadcast_to(added, (*lead, *added.shape[-3:])) if len(shape) > 2 else added
    return _four_axes(added)


def _broadcast(x, name, shape):
    """x with all axes of `shape`, those that it repeats of length 1."""
    if not broadcasts(x.shape, shape):
        raise ValueError(f"attention: expected {name} to broadcast to {shape}, got {x.shape}.")
    return x.reshape((1,) * (len(shape) - x.ndim) + x.shape)


def rotary_embedding(x: ArrayLike, positions: ArrayLike | None = None, base: float = 10000.0) -> Array:
    """Rotates pairs of features by angles that grow with the position, so that scores depend on distances only.

    Feature i of the first half and of the second half are a pair, its angle is position * base**(-2 i / D). Source:
    Su et al. 2021, "RoFormer"; there features 2 i and 2 i + 1 are a pair, which is another order of the features.

    Args:
        x: Queries or keys (..., T, D), D even.
        positions: Numbers that broadcast to (..., T); None: 0 to T - 1.
        base: What the lowest frequencies come from.

    Returns:
        An Array in the shape and dtype of x.

    Raises:
        ValueError: If D is odd, or positions do not fit.
    """
    x = jn.asarray(x)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(f"rotary_embedding: expected x (..., T, D) with an even D, got {x.shape}.")
    x = to_inexact(x)
    length, half = x.shape[-2], x.shape[-1] // 2
    positions = jn.arange(length) if positions is None else jn.asarray(positions)
    if not broadcasts(positions.shape, x.shape[:-1]):
        raise ValueError(
            f"rotary_embedding: expected positions that broadcast to {x.shape[:-1]}, got {positions.shape}."
        )
    angles = _angles(positions, half, base)
    cos, sin = [y.astype(x.dtype) for y in (jn.cos(angles), jn.sin(angles))]
    first, second = x[..., :half], x[..., half:]
    return jn.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def sinusoidal_embedding(positions: ArrayLike, nout: int, base: float = 10000.0) -> Array:
    """Positions as sines and cosines of falling frequencies: numbers (...) to vectors (..., nout), nout even.

    The first half of a vector are sin(position * base**(-2 i / nout)), the second half the cosines of the same angles.
    Source: Vaswani et al. 2017; there sines and cosines alternate, which is another order of the features.
    """
    require_sizes("sinusoidal_embedding", 2, nout=nout)
    if nout % 2:
        raise ValueError(f"sinusoidal_embedding: expected an even nout, got {nout}.")
    angles = _angles(jn.asarray(positions), nout // 2, base)
    return jn.concatenate([jn.sin(angles), jn.cos(angles)], -1)


def _angles(positions, count, base):
    """The angles of positions (...) for as many falling frequencies, (..., count), in float32."""
    return positions[..., None].astype("float32") * base ** (-jn.arange(count, dtype="float32") / count)
