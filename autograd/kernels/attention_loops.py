"""Attention on NumPy arrays in compiled loops that call BLAS themselves: no Python between the steps of a head.

A thread takes a head of an example after the other. What is computed is that of `attention`, without dropout.
"""

from __future__ import annotations

import math
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy

from .blas import gemm_of, in_threads
from .compiled import PART, Loop, is_worth_it, reduction

if TYPE_CHECKING:
    from ..typing import RawArray
    from .attention_blocks import Blocks

__all__ = ["backward", "fits", "forward"]

Real: Any = float
SPAN = 2048  # elements of a sum in float32, so that long rows lose no digits
gemm: Any = None  # `compiled` puts in what calls BLAS


def fits(problem: Blocks, *arrays: RawArray) -> bool:
    """Whether loops can compute this."""
    if problem.keep < 1 or not problem.count:
        return False
    return is_worth_it(*arrays) and gemm_of(problem.dtype) is not None


def forward(problem: Blocks, q: RawArray, k: RawArray, v: RawArray, y: RawArray, sums: RawArray, scale: float) -> None:
    """Writes the results of `attention` to y and sums."""
    q, k, v = (_dense(x) for x in (q, k, v))
    largest = numpy.finfo(problem.dtype).max / 4  # not infinite, as products would make NaN of that
    arrays = [problem.grouped(q), k, v, _bias(problem, q), problem.grouped(y), problem.grouped(sums)]
    _run(_forward, problem, arrays, scale, problem.dtype.type(largest))


def backward(
    problem: Blocks,
    g: RawArray,
    q: RawArray,
    k: RawArray,
    v: RawArray,
    sums: RawArray,
    rest: RawArray,
    results: list[RawArray],
    scale: float,
) -> None:
    """Writes the cotangents of q, k and v to `results`.

    Args:
        rest: (N, H, T), what is added to the cotangents of all weights of a row.
    """
    g, q, k, v = (_dense(x) for x in (g, q, k, v))
    to_q, to_k, to_v = results
    arrays = [problem.grouped(g), problem.grouped(q), k, v, _bias(problem, q), problem.grouped(sums)]
    _run(_backward, problem, [*arrays, problem.grouped(rest), problem.grouped(to_q), to_k, to_v], scale)


def _run(loop: Loop, problem: Any, arrays: list[Any], *numbers: Any) -> None:
    heads = problem.examples * problem.groups
    of_part = max(1, PART // max(1, problem.of_group * problem.length * problem.count))
    function, blas = loop.of(problem.dtype), gemm_of(problem.dtype)
    scale, *others = numbers
    options = problem.dtype.type(scale), *others, problem.bias is not None, problem.causal, problem.height, blas

    def work(i: int) -> None:
        function(i, i * of_part, min(heads, (i + 1) * of_part), *arrays, *options)

    in_threads(work, -(-heads // of_part))


def _dense(x: Any) -> Any:
    """x, or a copy whose rows BLAS takes: elements side by side, rows that do not overlap."""
    step, inner = x.strides[-2:]
    return x if inner == x.itemsize and step >= x.shape[-1] * inner else numpy.ascontiguousarray(x)


def _bias(problem, q):
    """The bias for each score, (N, K, G, T, S), or an array of that many axes if there is none."""
    if problem.bias is None:
        return numpy.zeros((1,) * 5, problem.dtype)
    shape = *problem.grouped(q).shape[:4], problem.count
    return numpy.broadcast_to(problem.bias.astype(problem.dtype, copy=False), shape)


def _multiply(blas, n, m, k, factor, a, a_flip, b, b_flip, old, y):
    """y = factor * a @ b + old * y, where a matrix may be transposed."""
    size = y.itemsize
    gemm(
        blas, n, m, k, factor, a.ctypes.data, a.strides[0] // size, a_flip, b.ctypes.data, b.strides[0] // size, b_flip,
        old, y.ctypes.data, y.strides[0] // size,
    )  # fmt: skip


def _add(x, i, b, n):
    """Adds b to the first n elements of row i."""
    for j in range(n):
        x[i, j] += b[j]


@reduction
def _top(x, i, n):
    """The largest of the first n elements of row i. NaN only where the first one is; a later one makes the sum NaN."""
    top = x[i, 0]
    for j in range(n):
        top = x[i, j] if x[i, j] > top else top
    return top


def _powers(x, i, n, top):
    """Writes exp(x - top) over the first n elements of row i, and 0 behind them."""
    for j in range(n):
        x[i, j] = exp(x[i, j] - top)
    for j in range(n, x.shape[1]):
        x[i, j] = Real(0)


@reduction
def _total(x, i, n):
    """The sum of the first n elements of row i."""
    total = 0.0
    for first in range(0, n, SPAN):
        s = Real(0)
        for j in range(first, min(n, first + SPAN)):
            s += x[i, j]
        total += s
    return Real(total)


def _weigh(p, dp, i, n, top, rest):
    """Makes the weights of row i and the cotangents of its scores of the scores and the cotangents of the weights."""
    for j in range(n):
        e = exp(p[i, j] - top)
        p[i, j] = e
        dp[i, j] = (dp[i, j] + rest) * e
    for j in range(n, p.shape[1]):
        p[i, j] = Real(0)
        dp[i, j] = Real(0)


def _seen(causal, row, size, count):
    """How many keys a query sees."""
    return max(0, min(count, row + 1 + count - size)) if causal else count


def _rows(part, start, stop, q, k, v, bias, y, sums, scale, largest, has_bias, causal, height, blas):
    groups, size, count, width = k.shape[1], q.shape[3], k.shape[2], v.shape[3]
    memory = numpy.empty((height, count), Real)
    for head in range(start, stop):
        n, h = head // groups, head % groups
        for j in range(q.shape[2]):
            for first in range(0, size, height):
                last = min(first + height, size)
                seen = _seen(causal, last - 1, size, count)
                p, found = memory[: last - first, :seen], y[n, h, j, first:last]
                _multiply(
                    blas, last - first, seen, q.shape[4], scale, q[n, h, j, first:last], 0, k[n, h], 1, Real(0), p
                )  # fmt: skip
                for i in range(last - first):
                    own = _seen(causal, first + i, size, count)
                    top = Real(0)
                    if own:
                        if has_bias:
                            _add(p, i, bias[n, h, j, first + i], own)
                        top = _top(p, i, own)
                        top = Real(0) if top == -math.inf else top
                    _powers(p, i, own, top)
                    total = _total(p, i, own)
                    found_sum = log(total) + top if total != 0 else largest
                    sums[n, h, j, first + i] = largest if found_sum > largest else found_sum  # which may be NaN
                    factor = Real(1) / total if total != 0 else Real(0)
                    for c in range(seen):
                        p[i, c] *= factor
                if seen:
                    _multiply(blas, last - first, width, seen, Real(1), p, 0, v[n, h], 0, Real(0), found)
                else:
                    found[:] = Real(0)


def _gradients(
    part, start, stop, g, q, k, v, bias, sums, rest, to_q, to_k, to_v, scale, has_bias, causal, height, blas
):
    groups, size, count, wide, width = k.shape[1], q.shape[3], k.shape[2], q.shape[4], v.shape[3]
    scores, slopes = numpy.empty((height, count), Real), numpy.empty((height, count), Real)
    for head in range(start, stop):
        n, h = head // groups, head % groups
        to_k[n, h] = Real(0)
        to_v[n, h] = Real(0)
        for j in range(q.shape[2]):
            for first in range(0, size, height):
                last = min(first + height, size)
                rows, seen = last - first, _seen(causal, last - 1, size, count)
                if not seen:
                    to_q[n, h, j, first:last] = Real(0)
                    continue
                p, dp = scores[:rows, :seen], slopes[:rows, :seen]
                q_rows, g_rows = q[n, h, j, first:last], g[n, h, j, first:last]
                _multiply(blas, rows, seen, wide, scale, q_rows, 0, k[n, h], 1, Real(0), p)
                _multiply(blas, rows, seen, width, Real(1), g_rows, 0, v[n, h], 1, Real(0), dp)
                for i in range(rows):
                    own = _seen(causal, first + i, size, count)
                    if has_bias:
                        _add(p, i, bias[n, h, j, first + i], own)
                    _weigh(p, dp, i, own, sums[n, h, j, first + i], rest[n, h, j, first + i])
                _multiply(blas, seen, width, rows, Real(1), p, 1, g_rows, 0, Real(1), to_v[n, h])
                _multiply(blas, seen, wide, rows, scale, dp, 1, q_rows, 0, Real(1), to_k[n, h])
                _multiply(blas, rows, wide, seen, scale, dp, 0, k[n, h], 0, Real(0), to_q[n, h, j, first:last])


_forward: Loop = Loop(_rows)
_backward: Loop = Loop(_gradients)
