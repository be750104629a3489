"""Attention, block by block: the scores of all pairs of positions never exist at once.

Source: Rabe & Staats 2021, "Self-attention does not need O(n^2) memory", and Dao et al. 2022, "FlashAttention": the
backward pass computes the probabilities of a block again, from the logarithm of their sum. Unlike there, a block has
whole rows of scores, so that no sum has to be corrected by later ones: its memory grows with the number of keys.

Arrays are q (N, H, T, D), k (N, K, S, D) and v (N, K, S, E); query heads h with equal h // (H // K) share keys and
values. Sums and exponentials of half precision are computed in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from . import attention_device, attention_loops, loops, random
from .attention_blocks import Blocks, block_of, rows_of
from .blas import in_threads
from .compiled import is_worth_it

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["attention", "attention_gradient", "kept_weights"]


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
    if xp is not numpy:
        return attention_device.forward(xp, Blocks(xp, q, k, bias, keys, causal, keep), q, k, v, scale)
    problem = _Problem(xp, q, k, bias, keys, causal, keep)
    n, heads, length, _ = q.shape
    width = v.shape[3]
    y = numpy.empty((n, length, heads, width), q.dtype).transpose(0, 2, 1, 3)  # heads are joined later
    sums = numpy.empty((n, heads, length), problem.dtype)
    if attention_loops.fits(problem, q, k, v):
        attention_loops.forward(problem, q, k, v, y, sums, scale)
        return y, sums
    largest = numpy.finfo(problem.dtype).max / 4  # not infinite, as products would make NaN of that

    def work(part: tuple[slice, slice]) -> None:
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
                total = numpy.where(total == 0, numpy.asarray(math.inf, total.dtype), total)
            _put(problem.grouped(y), place, found[..., :width] / (total * keep if keep < 1 else total))
            logarithms = numpy.log(total)
            logarithms += top
            if not problem.sees_all:
                numpy.minimum(logarithms, largest, out=logarithms)
            _put(problem.grouped(sums), place, logarithms[..., 0])

    problem.for_each_part(work)
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
    blocks = Blocks if xp is not numpy else _Problem
    problem: Any = blocks(xp, q, k, bias, keys, causal, keep)
    of_bias = xp.zeros(bias.shape, problem.dtype) if to_bias else None
    if xp is not numpy:
        found = attention_device.backward(xp, problem, g, g_sums, q, k, v, y, sums, scale, of_bias)
        return tuple(found + [of_bias] * to_bias)
    n, heads, length, width = q.shape
    rest = g_sums - (problem.cast(g) * y).sum(-1)
    to_q = numpy.empty((n, length, heads, width), q.dtype).transpose(0, 2, 1, 3)
    to_k, to_v = [numpy.zeros((n, m, h, w), x.dtype).transpose(0, 2, 1, 3) for x in (k, v) for n, h, m, w in (x.shape,)]
    if not to_bias and attention_loops.fits(problem, q, k, v, g):
        attention_loops.backward(problem, g, q, k, v, sums, rest, [to_q, to_k, to_v], scale)
        return to_q, to_k, to_v

    def work(part: tuple[slice, slice]) -> None:
        k_part, v_part = problem.extended(k[part], 1), problem.extended(v[part], 1)
        k_sum, v_sum = [
            numpy.zeros((*x.shape[:2], w, x.shape[2]), x.dtype) for x, w in ((k_part, width), (v_part, v.shape[3]))
        ]
        for queries, seen in problem.rows():
            place = *part, slice(None), queries
            q_rows = problem.extended(problem.grouped(q)[place], -problem.grouped(sums)[place], scale)
            p = problem.scores(place, seen, q_rows, k_part)
            problem.powers(p, is_shifted=True)
            g_rest = problem.grouped(rest)[place]
            g_rows = rows_of(problem.extended(problem.grouped(g)[place], g_rest if keep == 1 else 0, 1 / keep))
            dp = g_rows @ v_part[:, :, seen].swapaxes(2, 3)
            weights = p
            if keep < 1:
                kept = problem.kept(place, seen)
                weights = p * kept
                dp *= kept
                dp += rows_of(g_rest)[..., None]
            v_sum[..., seen] += g_rows[..., : v.shape[3]].swapaxes(2, 3) @ weights
            dp *= p
            k_sum[..., seen] += rows_of(q_rows)[..., :width].swapaxes(2, 3) @ dp
            _put(problem.grouped(to_q), place, (dp @ k_part[:, :, seen, :width]) * problem.dtype.type(scale))
            if to_bias:
                problem.add_to_bias(of_bias, place, seen, dp)
        to_k[part], to_v[part] = k_sum.swapaxes(2, 3), v_sum.swapaxes(2, 3)

    problem.for_each_part(work, in_order=to_bias)
    return tuple([to_q, to_k, to_v] + [of_bias] * to_bias)


def kept_weights(xp: ModuleType, keys: RawArray, *, length: int, keep: float) -> RawArray:
    """Which weights dropout keeps, (..., length), in rows of which each has a key, (..., 2)."""
    return random.bernoulli(xp, keys, shape=(length,), p=keep)


class _Problem(Blocks):
    """The scores of a block on NumPy."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.hidden = {}

    def for_each_part(self, work: Callable[[tuple[slice, slice]], Any], in_order: bool = False) -> None:
        """Calls `work` with each part, in several threads unless the order matters."""
        parts = list(self.parts())
        if not in_order:
            in_threads(lambda i: work(parts[i]), len(parts))
            return
        for part in parts:
            work(part)

    def cast(self, x, factor=1):
        """x in `dtype`, times a factor."""
        x = x.astype(self.dtype, copy=False)
        return x if factor == 1 else x * self.dtype.type(factor)

    def extended(self, x, column, factor=1):
        """x (..., D) times a factor, and a column behind it: products do what would be a pass over the scores."""
        *shape, width = x.shape
        y = numpy.empty((*shape, width + 1), self.dtype)
        numpy.multiply(x, self.dtype.type(factor), out=y[..., :width])
        y[..., width] = column
        return y

    def scores(self, place, seen, q, k):
        """The products of q (n, k, G, t, D) and k (n, k, S, D) in a block, with bias: (n, k, G * t, s)."""
        s = rows_of(q) @ k[:, :, seen].swapaxes(2, 3)
        if self.bias is None and not self.causal:
            return s
        by_head = s.reshape((*q.shape[:4], s.shape[-1]))
        if self.bias is not None:
            by_head += self.cast(block_of(self.bias, place, seen))
        if self.causal:
            hidden = self.hidden_ones(q.shape[3], s.shape[-1])
            by_head[..., by_head.shape[-1] - hidden.shape[-1] :] += hidden
        return s

    def powers(self, p: Any, is_shifted: bool = False) -> Any:
        """Writes exp(p - top) over p and returns top, the largest number of each row and 0 where that is -inf.

        With `is_shifted` that has been subtracted already.
        """
        if p.size and p.flags.c_contiguous and is_worth_it(p):
            size, tops = p.shape[-1], numpy.zeros((*p.shape[:-1], 1), p.dtype)
            loops.powers(size, tops.size, p.reshape((-1, size)), tops.reshape(-1), is_shifted)
            return tops
        top: Any = 0
        if not is_shifted:
            top = p.max(-1, keepdims=True, initial=-math.inf)  # the first queries may see no key
            if not self.sees_all:
                top = numpy.where(top == -math.inf, numpy.asarray(0, top.dtype), top)
            p -= top
        numpy.exp(p, out=p)
        return top

    def hidden_ones(self, rows, seen):
        """-inf where one of so many rows does not see one of the last keys of as many, else 0."""
        last = min(rows, seen)
        if (rows, last) not in self.hidden:
            hides = numpy.arange(last) > numpy.arange(rows)[:, None] - (rows - last)
            self.hidden[rows, last] = numpy.where(hides, -math.inf, 0).astype(self.dtype)
        return self.hidden[rows, last]

    def kept(self, place, seen):
        """Which weights of a block dropout keeps."""
        return kept_weights(self.xp, rows_of(self.keys[place]), length=self.count, keep=self.keep)[..., seen]


def _put(x, place, rows):
    """Writes rows (n, k, G * t, ...) to a place of x (N, K, G, T, ...)."""
    block = x[place]
    block[...] = rows.reshape(block.shape)
