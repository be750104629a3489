"""Attention, block by block: the scores of all pairs of positions never exist at once.

Source: Rabe & Staats 2021, "Self-attention does not need O(n^2) memory", and Dao et al. 2022, "FlashAttention": the
backward pass computes the probabilities of a block again, from the logarithm of their sum. Unlike there, a block has
whole rows of scores, so that no sum has to be corrected by later ones: its memory grows with the number of keys.

Arrays are q (N, H, T, D), k (N, K, S, D) and v (N, K, S, E); query heads h with equal h // (H // K) share keys and
values. Sums and exponentials of half precision are computed in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from . import loops, random
from .compiled import is_worth_it

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["attention", "attention_gradient", "kept_weights"]

HOST_SCORES = 1 << 16  # in a block: with what NumPy makes of it, for the second-level cache
HOST_ROWS = 64  # at least, for products of matrices
DEVICE_SCORES = 1 << 27


def attention(
    xp: ModuleType,
    q: RawArray,
    k: RawArray,
    v: RawArray,
    bias: Any,
    keys: Any,
    *,
    scale: float,
    causal: bool,
    keep: float,
) -> tuple[RawArray, RawArray]:
    """softmax(scale * q k^T + bias) v, (N, H, T, E), and the logarithm of the sums, (N, H, T), huge if all are 0.

    Args:
        bias: (N, H or 1, T or 1, S or 1), -inf where a query does not see a key; a number for none.
        keys: Of random numbers, uint32 (N, H, T, 2), for dropout with a `keep` below 1.
        scale: A factor.
        causal: Whether query i sees keys up to i + S - T only.
        keep: The probability that a weight is not set to zero.
    """
    problem = _Problem(xp, q, k, bias, keys, causal, keep)
    n, heads, length, _ = q.shape
    width = v.shape[3]
    y = xp.empty((n, length, heads, width), q.dtype).transpose(0, 2, 1, 3)  # heads are joined later
    sums = xp.empty((n, heads, length), problem.dtype)
    largest = numpy.finfo(problem.dtype).max / 4  # not infinite, as products would make NaN of that
    for part in problem.parts():
        k_part, v_part = problem.cast(k[part]), problem.extended(v[part], 1)
        for queries, seen in problem.rows():
            place = *part, slice(None), queries
            p = problem.scores(place, seen, problem.cast(problem.grouped(q)[place], scale), k_part)
            top = problem.powers(p)
            if keep < 1:
                total = p.sum(-1, keepdims=True)
                p *= problem.kept(place, seen)
            found = p @ v_part[:, :, seen]
            if keep == 1:
                total = found[..., width : width + 1]
            if not problem.sees_all:
                total = xp.where(total == 0, xp.asarray(math.inf, total.dtype), total)
            _put(problem.grouped(y), place, found[..., :width] / (total * keep if keep < 1 else total))
            logarithms = xp.log(total)
            logarithms += top
            if not problem.sees_all:
                xp.minimum(logarithms, largest, out=logarithms)
            _put(problem.grouped(sums), place, logarithms[..., 0])
    return y, sums


def attention_gradient(
    xp: ModuleType,
    g: RawArray,
    g_sums: Any,
    q: RawArray,
    k: RawArray,
    v: RawArray,
    bias: Any,
    keys: Any,
    y: RawArray,
    sums: RawArray,
    *,
    scale: float,
    causal: bool,
    keep: float,
    to_bias: bool,
) -> tuple[RawArray, ...]:
    """The cotangents of q, k, v and, if `to_bias`, of the bias, for those of both results of `attention`."""
    problem = _Problem(xp, q, k, bias, keys, causal, keep)
    n, heads, length, width = q.shape
    rest = g_sums - (problem.cast(g) * y).sum(-1)
    to_q = xp.empty((n, length, heads, width), q.dtype).transpose(0, 2, 1, 3)
    to_k, to_v = [xp.empty((n, m, h, w), x.dtype).transpose(0, 2, 1, 3) for x in (k, v) for n, h, m, w in (x.shape,)]
    of_bias = xp.zeros(bias.shape, problem.dtype) if to_bias else None
    for part in problem.parts():
        k_part, v_part = problem.extended(k[part], 1), problem.extended(v[part], 1)
        k_sum, v_sum = [
            xp.zeros((*x.shape[:2], w, x.shape[2]), x.dtype) for x, w in ((k_part, width), (v_part, v.shape[3]))
        ]
        for queries, seen in problem.rows():
            place = *part, slice(None), queries
            q_rows = problem.extended(problem.grouped(q)[place], -problem.grouped(sums)[place], scale)
            p = problem.scores(place, seen, q_rows, k_part)
            problem.powers(p, is_shifted=True)
            g_rest = problem.grouped(rest)[place]
            g_rows = _rows(problem.extended(problem.grouped(g)[place], g_rest if keep == 1 else 0, 1 / keep))
            dp = g_rows @ v_part[:, :, seen].swapaxes(2, 3)
            weights = p
            if keep < 1:
                kept = problem.kept(place, seen)
                weights = p * kept
                dp *= kept
                dp += _rows(g_rest)[..., None]
            v_sum[..., seen] += (
                g_rows[..., : v.shape[3]].swapaxes(2, 3) @ weights
            )  # CuPy would copy a transposed matrix
            dp *= p
            k_sum[..., seen] += _rows(q_rows)[..., :width].swapaxes(2, 3) @ dp
            _put(problem.grouped(to_q), place, (dp @ k_part[:, :, seen, :width]) * problem.dtype.type(scale))
            if to_bias:
                problem.add_to_bias(of_bias, place, seen, dp)
        to_k[part], to_v[part] = k_sum.swapaxes(2, 3), v_sum.swapaxes(2, 3)
    return tuple([to_q, to_k, to_v] + [of_bias] * to_bias)


def kept_weights(xp: ModuleType, keys: RawArray, *, length: int, keep: float) -> RawArray:
    """Which weights dropout keeps, (..., length), in rows of which each has a key, (..., 2)."""
    return random.bernoulli(xp, keys, shape=(length,), p=keep)


class _Problem:
    """What both directions share: how the work is divided, and the scores of a block.

    A block is at a `place`, an index of arrays (N, K, G, T, ...): examples, heads of k, all query heads of these, and
    queries; it has the keys that its queries see.

    Attributes:
        dtype: float32, or float64 if the arrays have that.
        sees_all: Whether every query sees a key in any case.
    """

    def __init__(self, xp, q, k, bias, keys, causal, keep):
        self.xp, self.causal, self.keep = xp, causal, keep
        self.dtype = numpy.dtype(numpy.float32) if q.dtype.itemsize < 4 else q.dtype
        self.examples, heads, self.length, _ = q.shape
        _, self.groups, self.count, _ = k.shape
        self.of_group = heads // self.groups
        self.bias = self.grouped(bias) if getattr(bias, "ndim", 0) else None
        self.keys: Any = self.grouped(keys) if keep < 1 else None
        self.sees_all = self.bias is None and (not causal or self.length <= self.count)
        self.limit = HOST_SCORES if xp is numpy else DEVICE_SCORES
        self.height = max(HOST_ROWS, self.limit // max(1, self.of_group * self.count))  # rows of a block
        if causal:
            self.height = min(self.height, max(HOST_ROWS, -(-self.length // 4)))  # to leave out what no row sees
        self.height = max(1, min(self.height, self.length))
        self.hidden = {}

    def grouped(self, x):
        """x (N, H, ...) as (N, K, G, ...), and with one head as (N, 1, 1, ...); a view."""
        n, heads, *rest = x.shape
        return x.reshape((n, self.groups, self.of_group, *rest) if heads > 1 else (n, 1, 1, *rest))

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """Examples and heads of k that are computed together: many if their scores are few."""
        of_head = max(1, self.of_group * self.height * self.count)
        heads = max(1, min(self.groups, self.limit // of_head))
        examples = max(1, self.limit // (of_head * heads)) if heads == self.groups else 1
        for i in range(0, self.examples, examples):
            for j in range(0, self.groups, heads):
                yield slice(i, i + examples), slice(j, j + heads)

    def rows(self) -> Iterator[tuple[slice, slice]]:
        """The queries of each block, and the keys that they see."""
        for start in range(0, self.length, self.height):
            stop = min(start + self.height, self.length)
            seen = max(0, stop + self.count - self.length) if self.causal else self.count
            yield slice(start, stop), slice(0, seen)

    def cast(self, x, factor=1):
        """x in `dtype`, times a factor."""
        x = x.astype(self.dtype, copy=False)
        return x if factor == 1 else x * self.dtype.type(factor)

    def extended(self, x, column, factor=1):
        """x (..., D) times a factor, and a column behind it: products do what would be a pass over the scores.

        On a GPU it has seven columns of zeros, too, for products of aligned rows.
        """
        *shape, width = x.shape
        y = self.xp.empty((*shape, width + (1 if self.xp is numpy else 8)), self.dtype)
        if self.xp is not numpy:
            _extend(self.xp, hasattr(column, "ndim"))(x, column, float(factor), width, y.shape[-1], y)
            return y
        numpy.multiply(x, self.dtype.type(factor), out=y[..., :width])
        y[..., width] = column
        return y

    def scores(self, place, seen, q, k):
        """The products of q (n, k, G, t, D) and k (n, k, S, D) in a block, with bias: (n, k, G * t, s)."""
        s = _rows(q) @ k[:, :, seen].swapaxes(2, 3)
        if self.bias is None and not self.causal:
            return s
        by_head = s.reshape((*q.shape[:4], s.shape[-1]))
        if self.bias is not None:
            by_head += self.cast(_block_of(self.bias, place, seen))
        if self.causal:
            hidden = self.hidden_ones(q.shape[3], s.shape[-1])
            by_head[..., by_head.shape[-1] - hidden.shape[-1] :] += hidden
        return s

    def powers(self, p: Any, is_shifted: bool = False) -> Any:
        """Writes exp(p - top) over p and returns top, the largest number of each row and 0 where that is -inf.

        With `is_shifted` that has been subtracted already.
        """
        if self.xp is numpy and p.size and p.flags.c_contiguous and is_worth_it(p):
            size, tops = p.shape[-1], numpy.zeros((*p.shape[:-1], 1), p.dtype)
            loops.powers(size, tops.size, p.reshape((-1, size)), tops.reshape(-1), is_shifted)
            return tops
        top: Any = 0
        if not is_shifted:
            top = p.max(-1, keepdims=True)
            if not self.sees_all:
                top = self.xp.where(top == -math.inf, self.xp.asarray(0, top.dtype), top)
            p -= top
        self.xp.exp(p, out=p)
        return top

    def hidden_ones(self, rows, seen):
        """-inf where one of so many rows does not see one of the last keys of as many, else 0."""
        last = min(rows, seen)
        if (rows, last) not in self.hidden:
            xp = self.xp
            hides = xp.arange(last) > xp.arange(rows)[:, None] - (rows - last)
            self.hidden[rows, last] = xp.where(hides, -math.inf, 0).astype(self.dtype)
        return self.hidden[rows, last]

    def kept(self, place, seen):
        """Which weights of a block dropout keeps."""
        return kept_weights(self.xp, _rows(self.keys[place]), length=self.count, keep=self.keep)[..., seen]

    def add_to_bias(self, of_bias, place, seen, ds):
        """Adds the cotangents of a block's scores to that of the bias."""
        total = _block_of(self.grouped(of_bias), place, seen)
        ds = ds.reshape((*ds.shape[:2], self.of_group, -1, ds.shape[-1]))
        total += ds.sum(tuple([i for i in range(5) if total.shape[i] == 1 < ds.shape[i]]), keepdims=True)


@functools.cache
def _extend(xp, of_rows):
    """The kernel of `_Problem.extended`, with a column for all rows, or a number."""
    kind, number = ("raw C", "column[row]") if of_rows else ("Y", "column")
    return xp.ElementwiseKernel(
        f"raw X x, {kind} column, float64 factor, int64 width, int64 length",
        "Y y",
        f"""const long long row = i / length, j = i % length;
        y = j < width ? Y(x[row * width + j]) * Y(factor) : j == width ? Y({number}) : Y(0);""",
        "autograd_extend",
    )


def _rows(x):
    """x (n, k, G, t, ...) as (n, k, G * t, ...)."""
    return x.reshape((*x.shape[:2], x.shape[2] * x.shape[3], *x.shape[4:]))


def _put(x, place, rows):
    """Writes rows (n, k, G * t, ...) to a place of x (N, K, G, T, ...)."""
    block = x[place]
    block[...] = rows.reshape(block.shape)


def _block_of(bias, place, seen):
    """The part of a bias (N, K or 1, G or 1, T or 1, S or 1) for a block."""
    index = [i if n > 1 else slice(None) for i, n in zip((*place, seen), bias.shape, strict=True)]
    return bias[tuple(index)]
