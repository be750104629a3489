"""Attention on NumPy arrays in compiled loops that call BLAS themselves: no Python between the steps of a head.

A thread takes a head of an example after the other. What is computed is that of `attention`, without dropout.
"""

from __future__ import annotations

import math
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy

from .blas import gemm_of, in_threads
from .compiled import PART, Loop, is_worth_it, plain
from .loops import largest_of, sum_of

if TYPE_CHECKING:
    from ..typing import RawArray
    from .attention_blocks import Blocks

__all__ = ["backward", "fits", "forward"]

Real: Any = float
gemm: Any = None  # `compiled` puts it in


def fits(problem: Blocks, *arrays: RawArray) -> bool:
    """Whether loops can compute this."""
    if problem.keep < 1 or not all(x.size for x in arrays):
        return False
    return is_worth_it(*arrays) and gemm_of(problem.dtype) is not None


def forward(problem: Blocks, q: RawArray, k: RawArray, v: RawArray, y: RawArray, sums: RawArray, scale: float) -> None:
    """Writes the results of `attention` to y and sums."""
    largest = problem.dtype.type(numpy.finfo(problem.dtype).max / 4)  # not infinite, as products would make NaN of that
    _run(_forward, problem, [*map(_dense, (q, k, v)), y], [sums], scale, largest)


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
    """Writes the cotangents of q to the first one of `results`, and adds those of k and v to the others.

    Args:
        rest: (N, H, T), what is added to the cotangents of all weights of a row.
    """
    _run(_backward, problem, [*map(_dense, (q, k, v, g)), *results], [plain(sums), plain(rest)], scale)


def _run(loop: Loop, problem: Any, matrices: list[Any], of_rows: list[Any], scale: float, *numbers: Any) -> None:
    """Calls a loop for all heads.

    Args:
        matrices: Arrays (N, heads, rows, elements), whose rows BLAS takes: q, k, v and others.
        of_rows: Arrays (N, H, T).
    """
    heads = problem.examples * problem.groups
    of_part = max(1, PART // max(1, problem.of_group * problem.length * problem.count))
    function, blas = loop.of(problem.dtype), gemm_of(problem.dtype)
    places = numpy.array(
        [_place(problem.grouped(x) if x.shape[1] > problem.groups else x[:, :, None]) for x in matrices]
    )
    sizes = numpy.array(
        [problem.groups, problem.of_group, problem.length, problem.count, matrices[0].shape[3], matrices[2].shape[3]]
    )
    has_bias = problem.bias is not None
    bias = plain(problem.bias.astype(problem.dtype, copy=False)) if has_bias else numpy.zeros((1,) * 5, problem.dtype)
    arguments = (
        sizes, places, bias, *[problem.grouped(x) for x in of_rows], problem.dtype.type(scale), *numbers, has_bias,
        problem.causal, problem.height, blas,
    )  # fmt: skip
    in_threads(lambda i: function(i, i * of_part, min(heads, (i + 1) * of_part), *arguments), -(-heads // of_part))


def _dense(x: Any) -> Any:
    """x, or a copy whose rows BLAS takes: elements side by side, rows that do not overlap."""
    step, inner = x.strides[-2:]
    is_dense = inner == x.itemsize and step >= x.shape[-1] * inner and not step % inner
    return x if is_dense else x.copy("C")  # not ascontiguousarray, which keeps any step of a single row


def _place(x: Any) -> list[int]:
    """The address of an array (N, K, G, T, D) and its steps in bytes, the last one that of a row."""
    return [x.ctypes.data, *x.strides[:4]]


# In the loops, arrays come as `places`, since numba would compile a loop again for each kind of memory order.
def _at(places, i, n, h, j, t):
    """The address of a row."""
    return places[i, 0] + n * places[i, 1] + h * places[i, 2] + j * places[i, 3] + t * places[i, 4]


def _add(x, i, bias, n, h, j, t, count):
    """Adds the bias of a query, (N, K, G, T, S) with 1 for an axis along which it is the same, to elements of row i."""
    b = bias[min(n, bias.shape[0] - 1), min(h, bias.shape[1] - 1), min(j, bias.shape[2] - 1), min(t, bias.shape[3] - 1)]
    if b.size == 1:
        for c in range(count):
            x[i, c] += b[0]
    else:
        for c in range(count):
            x[i, c] += b[c]


def _powers(x, i, n, seen, top):
    """Writes exp(x - top) over the first n elements of row i, and 0 over others that are seen."""
    for j in range(n):
        x[i, j] = exp(x[i, j] - top)
    for j in range(n, seen):
        x[i, j] = Real(0)


def _weigh(p, dp, i, n, seen, top, rest):
    """Makes the weights of row i and the cotangents of its scores of the scores and the cotangents of the weights."""
    for j in range(n):
        e = exp(p[i, j] - top)
        p[i, j] = e
        dp[i, j] = (dp[i, j] + rest) * e
    for j in range(n, seen):
        p[i, j] = Real(0)
        dp[i, j] = Real(0)


def _seen(causal, row, size, count):
    """How many keys a query sees."""
    return max(0, min(count, row + 1 + count - size)) if causal else count


def _rows(part, start, stop, sizes, places, bias, sums, scale, largest, has_bias, causal, height, blas):
    groups, of_group, size, count, wide, width = sizes
    p, step = numpy.empty((height, count), Real), places[:, 4] // bias.itemsize
    at = p.ctypes.data
    for head in range(start, stop):
        n, h = head // groups, head % groups
        for j in range(of_group):
            for first in range(0, size, height):
                rows = min(height, size - first)
                seen = _seen(causal, first + rows - 1, size, count)
                q, k, v, y = (_at(places, 0, n, h, j, first), _at(places, 1, n, h, 0, 0), _at(places, 2, n, h, 0, 0),
                              _at(places, 3, n, h, j, first))  # fmt: skip
                gemm(blas, rows, seen, wide, scale, q, step[0], 0, k, step[1], 1, Real(0), at, count)
                for i in range(rows):
                    own = _seen(causal, first + i, size, count)
                    top = Real(0)
                    if own:
                        if has_bias:
                            _add(p, i, bias, n, h, j, first + i, own)
                        top = largest_of(p, i, own)
                        top = Real(0) if top == -math.inf else top
                    _powers(p, i, own, seen, top)
                    total = Real(sum_of(p, i, own))
                    found = log(total) + top if total != 0 else largest
                    sums[n, h, j, first + i] = largest if found > largest else found  # which may be NaN
                    factor = Real(1) / total if total != 0 else Real(0)
                    for c in range(seen):
                        p[i, c] *= factor
                gemm(blas, rows, width, seen, Real(1), at, count, 0, v, step[2], 0, Real(0), y, step[3])


def _gradients(part, start, stop, sizes, places, bias, sums, rest, scale, has_bias, causal, height, blas):
    groups, of_group, size, count, wide, width = sizes
    p, dp = numpy.empty((height, count), Real), numpy.empty((height, count), Real)
    at, at_slopes = p.ctypes.data, dp.ctypes.data
    step = places[:, 4] // bias.itemsize
    for head in range(start, stop):
        n, h = head // groups, head % groups
        k, v = _at(places, 1, n, h, 0, 0), _at(places, 2, n, h, 0, 0)
        to_k, to_v = _at(places, 5, n, h, 0, 0), _at(places, 6, n, h, 0, 0)
        for j in range(of_group):
            for first in range(0, size, height):
                rows = min(height, size - first)
                seen = _seen(causal, first + rows - 1, size, count)
                q, g = _at(places, 0, n, h, j, first), _at(places, 3, n, h, j, first)
                to_q = _at(places, 4, n, h, j, first)
                gemm(blas, rows, seen, wide, scale, q, step[0], 0, k, step[1], 1, Real(0), at, count)
                gemm(blas, rows, seen, width, Real(1), g, step[3], 0, v, step[2], 1, Real(0), at_slopes, count)
                for i in range(rows):
                    own = _seen(causal, first + i, size, count)
                    if has_bias:
                        _add(p, i, bias, n, h, j, first + i, own)
                    _weigh(p, dp, i, own, seen, sums[n, h, j, first + i], rest[n, h, j, first + i])
                gemm(blas, seen, width, rows, Real(1), at, count, 1, g, step[3], 0, Real(1), to_v, step[6])
                gemm(blas, seen, wide, rows, scale, at_slopes, count, 1, q, step[0], 0, Real(1), to_k, step[5])
                gemm(blas, rows, wide, seen, scale, at_slopes, count, 0, k, step[1], 0, Real(0), to_q, step[4])


_forward: Loop = Loop(_rows)
_backward: Loop = Loop(_gradients)
