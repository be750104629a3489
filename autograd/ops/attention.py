"""Attention as a single operation: `autograd.kernels.attention` computes it block by block, in both directions."""

import math

from ..core import library
from ..families import nondifferentiable
from ..fused import Fused, Joint
from ..kernels import attention as kernels
from ..primitive import Primitive
from .elementwise import astype, exp, single, where
from .product import matmul, swap
from .shape import folded, reshape

__all__ = ["attention", "attention_gradient", "kept_weights"]


def _attention(xp, q, k, v, bias, keys, *, scale, causal, keep):
    return kernels.attention(xp, q, k, v, bias, keys, scale=scale, causal=causal, keep=keep)


def _attention_gradient(xp, g, g_sums, q, k, v, bias, keys, y, sums, *, scale, causal, keep, to_bias):
    found = kernels.attention_gradient(
        xp, g, g_sums, q, k, v, bias, keys, y, sums, scale=scale, causal=causal, keep=keep, to_bias=to_bias
    )
    return tuple([x.astype(like.dtype, copy=False) for x, like in zip(found, (q, k, v, bias), strict=False)])


def _kept_weights(xp, keys, *, length, keep):
    return kernels.kept_weights(xp, keys, length=length, keep=keep)


def _pull(wanted, g, q, k, v, bias, keys, y0, y1, scale, causal, keep):
    """The cotangents of q, k, v and bias, for those of the weighted sums and of the logarithms."""
    g, g_sums = g
    g = library(y0).zeros(y0.shape, y0.dtype) if type(g) is int else g
    params = {"scale": scale, "causal": causal, "keep": keep, "to_bias": 3 in wanted}
    found = attention_gradient(g, g_sums, q, k, v, bias, keys, y0, y1, **params)
    return tuple([found[i] for i in wanted])


def _gradient_formula(g, g_sums, q, k, v, bias, keys, y, sums, *, scale, causal, keep, to_bias):
    """The same with all scores at once, by operations that have derivatives."""
    dtypes = [x.dtype for x in (q, k, v)]
    g, q, k, v, y = map(single, (g, q, k, v, y))
    n, heads, length, _ = q.shape
    groups, count = k.shape[1:3]

    def rows(x):
        return reshape(x, shape=(n, groups, heads // groups * length, x.shape[3]))

    def by_head(x):
        return reshape(x, shape=(n, heads, length, x.shape[3]))

    scores = by_head(matmul(rows(q), swap(k))) * scale + bias
    if causal:
        ones = library(q).ones((length, count), bool)
        scores = scores + library(q).where(library(q).tril(ones, count - length), 0, -math.inf).astype(scores.dtype)
    p = exp(scores - sums[..., None])
    slopes = by_head(matmul(rows(g), swap(v)))
    weights = p
    if keep < 1:
        kept = kept_weights(keys, length=count, keep=keep)
        weights, slopes = where(kept, p / keep, 0), where(kept, slopes / keep, 0)
    to_scores = p * (slopes - ((g * y).sum(-1) - g_sums)[..., None])
    to_q = by_head(matmul(rows(to_scores), k)) * scale
    to_k = matmul(swap(rows(to_scores)), rows(q)) * scale
    to_v = matmul(swap(rows(weights)), rows(g))
    found = [astype(x, dtype=dtype) for x, dtype in zip((to_q, to_k, to_v), dtypes, strict=True)]
    if to_bias:
        repeated = tuple([i for i, size in enumerate(bias.shape) if size == 1 < to_scores.shape[i]])
        found.append(astype(to_scores.sum(repeated, keepdims=True), dtype=bias.dtype))
    return tuple(found)


def _products(q, k, width):
    """The operations of products of the scores, or for them, with vectors of so many features."""
    return 2 * math.prod(q.shape[:3]) * k.shape[2] * width


def _flops(args, params, y):
    q, k, v = args[:3]
    return _products(q, k, q.shape[3] + v.shape[3])


def _gradient_flops(args, params, y):
    q, k, v = args[2:5]
    return _products(q, k, 3 * q.shape[3] + 2 * v.shape[3])


# Of q (N, H, T, D), k (N, K, S, D), v (N, K, S, E), bias (N, H or 1, T or 1, S or 1) and keys (N, H, T, 2); a number in
# place of bias or keys for none.
attention: Primitive = Joint(_attention, _pull, (0, 1, 2, 3), batch=folded, flops=_flops, memory="new")
attention_gradient: Primitive = Fused(
    _attention_gradient, _gradient_formula, batch=folded, flops=_gradient_flops, memory="new"
)
kept_weights: Primitive = nondifferentiable(_kept_weights, ("keys",), memory="new")
