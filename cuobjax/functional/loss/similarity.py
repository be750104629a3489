"""Losses of pairs: how near and how far features are from each other."""

import math
from numbers import Real

import numpy as np

import cuobjax.numpy as jn
from autograd import Array

from ...typing import ArrayLike
from ..activation import relu
from ..features import cosine_similarity
from ..half_precision import wide, with_precision_of
from .arguments import of_one_shape, pair, require_at_least, require_signs
from .classification import cross_entropy_logits_sparse

__all__ = ["contrastive", "cosine_distance", "cosine_embedding", "info_nce", "margin_ranking", "triplet"]


def cosine_distance(x: ArrayLike, y: ArrayLike, eps: float = 1e-8) -> Array:
    """1 - the cosine of the angle between x and y, both (..., features). Returns (...).

    Args:
        x, y: The features.
        eps: The least length of each.

    Raises:
        ValueError: If they have other shapes.
    """
    x, y = of_one_shape("cosine_distance", x=x, y=y)
    return with_precision_of(1 - cosine_similarity(wide(x), wide(y), eps=eps), x, y)


def cosine_embedding(x: ArrayLike, y: ArrayLike, same: ArrayLike, margin: float = 0.0) -> Array:
    """1 - cosine of x and y (..., features) where `same`, elsewhere max(0, cosine - margin). Returns (...).

    Args:
        x, y: The features.
        same: Booleans (...), or numbers of which those above 0 mean true.
        margin: The cosine from which on others count.

    Raises:
        ValueError: If the shapes do not fit.
    """
    x, y = of_one_shape("cosine_embedding", x=x, y=y)
    cosine = cosine_similarity(wide(x), wide(y))
    loss = jn.where(_same("cosine_embedding", same, cosine.shape), 1 - cosine, relu(cosine - margin))
    return with_precision_of(loss, x, y)


def contrastive(x: ArrayLike, y: ArrayLike, same: ArrayLike, margin: float = 1.0) -> Array:
    """d**2 / 2 where `same`, elsewhere max(0, margin - d)**2 / 2, d the distance of x and y (..., features).

    Source: Hadsell, Chopra & LeCun 2006, equation 4. Returns (...).

    Args:
        x, y: The features.
        same: Booleans (...), or numbers of which those above 0 mean true.
        margin: The distance up to which others count.

    Raises:
        ValueError: If the shapes do not fit, or the margin is not at least 0.
    """
    require_at_least("contrastive", 0, margin=margin)
    x, y = of_one_shape("contrastive", x=x, y=y)
    d = jn.linalg.norm(wide(x) - wide(y), axis=-1)
    near = _same("contrastive", same, d.shape)
    return with_precision_of(0.5 * jn.where(near, d, relu(margin - d)) ** 2, x, y)


def _same(where, same, shape):
    same = jn.asarray(same)
    if same.shape != shape:
        raise ValueError(f"{where}: expected same of shape {shape}, got {same.shape}.")
    return same > 0


def triplet(anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float = 1.0) -> Array:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the distance of features (..., features).

    Source: Weinberger & Saul 2009; with distances, not their squares, as in PyTorch. Returns (...).

    Raises:
        ValueError: If they have other shapes.
    """
    arrays = of_one_shape("triplet", anchor=anchor, positive=positive, negative=negative)
    a, p, n = map(wide, arrays)
    loss = relu(jn.linalg.norm(a - p, axis=-1) - jn.linalg.norm(a - n, axis=-1) + margin)
    return with_precision_of(loss, *arrays)


def margin_ranking(x: ArrayLike, y: ArrayLike, sign: ArrayLike, margin: float = 0.0) -> Array:
    """max(0, margin - sign * (x - y)) of each element: x should be above y where `sign` is 1, below where it is -1.

    Raises:
        ValueError: If the shapes do not fit, or a sign at hand is another number.
    """
    x, y = pair("margin_ranking", ("x", "y"), x, y)
    x, sign = pair("margin_ranking", ("x", "sign"), x, sign)
    require_signs("margin_ranking", "sign", sign)
    return with_precision_of(relu(margin - wide(sign) * (wide(x) - wide(y))), x, y)


def info_nce(x: ArrayLike, y: ArrayLike, temperature: float | ArrayLike = 0.1) -> Array:
    """-log of the probability that row i of y belongs to row i of x, both (N, features), by their cosines.

    Returns (N,). The probabilities are the softmax of cosine / temperature over the rows of y, which are each other's
    negatives. The mean of `info_nce(x, y)` and `info_nce(y, x)` is the loss of CLIP. Source: van den Oord et al. 2018;
    cosines in place of their bilinear form, as in Chen et al. 2020 and Radford et al. 2021.

    Args:
        x, y: The features.
        temperature: A number above 0, or an array of one number, which may be trained.

    Raises:
        ValueError: If they have other shapes, or the temperature is not one number above 0.
    """
    x, y = of_one_shape("info_nce", x=x, y=y)
    if x.ndim != 2:
        raise ValueError(f"info_nce: expected x and y of shape (N, features), got {x.shape}.")
    if isinstance(temperature, Real) and not temperature > 0:
        raise ValueError(f"info_nce: expected a temperature above 0, got {temperature}.")
    if math.prod(jn.shape(temperature)) != 1:
        raise ValueError(f"info_nce: expected one temperature, got an array of shape {jn.shape(temperature)}.")
    a, b = (v / jn.maximum(jn.linalg.norm(v, axis=-1, keepdims=True), 1e-8) for v in (wide(x), wide(y)))
    logits = a @ b.T / temperature
    return with_precision_of(cross_entropy_logits_sparse(logits, np.arange(len(x))), x, y)
