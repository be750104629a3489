"""Attention on a GPU: products by cuBLAS and, for the scores between them, a kernel each way.

`attention` says what is computed. A block of threads works on a row of scores: it finds the largest one and the sum of
exponentials in one pass, and writes the weights in another, in the dtype of the arrays, so that half precision is
multiplied as it is. What products read is copied to where heads come first, arrays of one shape in one launch, and so
are the gradients back again.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .across_threads import across_threads
from .attention_blocks import Blocks, block_of, rows_of
from .pieces import is_number
from .products import stacked
from .random import bernoulli

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["backward", "forward"]


def forward(xp: ModuleType, blocks: Blocks, q: RawArray, k: RawArray, v: RawArray, scale: float) -> tuple[Any, ...]:
    """The results of `attention`."""
    q, k, v = _packed(xp, q.dtype, q, k, v)
    y, sums = xp.empty((*q.shape[:3], v.shape[3]), q.dtype), xp.empty(q.shape[:3], blocks.dtype)
    largest = blocks.dtype.type(numpy.finfo(blocks.dtype).max / 4)  # not infinite: differences would be NaN
    for part in blocks.parts():
        for queries, seen in blocks.rows():
            block = _Block(xp, blocks, (*part, slice(None), queries), seen)
            scores = block.scores(q, k, scale)
            weights = block.like(scores, q.dtype)
            block.launch("forward", [largest], [scores, blocks.grouped(sums)[block.place], weights])
            block.multiply(weights, v[part][:, :, seen], y)
    return y, sums


def backward(
    xp: ModuleType,
    blocks: Blocks,
    g: RawArray,
    g_sums: Any,
    q: RawArray,
    k: RawArray,
    v: RawArray,
    y: RawArray,
    sums: RawArray,
    scale: float,
    of_bias: Any,
) -> list[Any]:
    """The cotangents of q, k and v; that of the bias is added to `of_bias`, unless that is None."""
    found = [_with_heads_last(xp, x) for x in (q, k, v)]
    q, k, v, g, y = _packed(xp, q.dtype, q, k, v, g, y)
    rows = list(blocks.rows())
    make = xp.empty if rows else xp.zeros
    to_q, to_k, to_v = [make(x.shape, blocks.dtype if len(rows) > 1 else x.dtype) for x in (q, k, v)]
    sums = xp.ascontiguousarray(sums, blocks.dtype)
    g_sums = blocks.dtype.type(g_sums) if is_number(g_sums) else xp.ascontiguousarray(g_sums, blocks.dtype)
    for part in blocks.parts():
        for queries, seen in reversed(rows):  # the last one sees all keys
            block, adds = _Block(xp, blocks, (*part, slice(None), queries), seen), queries != rows[-1][0]
            scores, (q_rows, g_rows) = block.scores(q, k, scale), [block.of_queries(x) for x in (q, g)]
            slopes = stacked(xp, g_rows, v[part][:, :, seen].swapaxes(2, 3), blocks.dtype)
            weights, ds = block.like(scores, q.dtype), block.like(slopes, q.dtype)
            given = [blocks.grouped(x)[block.place] if x.ndim else x for x in (sums, g_sums, g, y)]
            block.launch("backward", [*given, v.shape[3]], [scores, slopes, weights, ds])
            stacked(xp, weights.swapaxes(2, 3), g_rows, out=to_v[part][:, :, seen], adds=adds)
            stacked(xp, ds.swapaxes(2, 3), q_rows, factor=scale, out=to_k[part][:, :, seen], adds=adds)
            block.multiply(ds, k[part][:, :, seen], to_q, scale)
            if of_bias is not None:
                blocks.add_to_bias(of_bias, block.place, seen, ds)
    _copy(xp, [to_q, to_k, to_v], found)
    return found


class _Block:
    """The scores at a place.

    Attributes:
        place: An index of arrays (N, K, G, T, ...).
    """

    def __init__(self, xp: Any, blocks: Blocks, place: tuple[slice, ...], seen: slice) -> None:
        self._xp, self._blocks, self.place, self._seen = xp, blocks, place, seen

    def of_queries(self, x: Any) -> Any:
        """The rows of x (N, H, T, D) in the block, (n, k, G * t, D)."""
        return rows_of(self._blocks.grouped(x)[self.place])

    def scores(self, q: Any, k: Any, scale: float) -> Any:
        """scale * q k^T, (n, k, G * t, s)."""
        keys = k[self.place[:2]][:, :, self._seen]
        return stacked(self._xp, self.of_queries(q), keys.swapaxes(2, 3), self._blocks.dtype, factor=scale)

    def like(self, scores: Any, dtype: Any) -> Any:
        """An array for what is made of scores: themselves, where they have its dtype."""
        return scores if scores.dtype == dtype else self._xp.empty(scores.shape, dtype)

    def multiply(self, a: Any, b: Any, y: Any, factor: float = 1) -> None:
        """Writes factor * a @ b, (n, k, G * t, D), to its place in y (N, H, T, D)."""
        y = self._blocks.grouped(y)[self.place]
        if y.shape[2] == 1 or y.strides[2] == y.shape[3] * y.strides[3]:
            stacked(self._xp, a, b, factor=factor, out=rows_of(y))
        else:
            y[...] = stacked(self._xp, a, b, factor=factor).reshape(y.shape)

    def launch(self, direction: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Runs the kernel of a direction."""
        blocks, queries, scores = self._blocks, self.place[3], outputs[0]
        size, step = self._seen.stop, int(blocks.causal)
        first = queries.start + blocks.count - blocks.length + 1 if step else size  # what the first query sees
        sizes = queries.stop - queries.start, scores.shape[1], blocks.of_group, size, first, step
        given: list[Any] = [*sizes, blocks.groups, blocks.length]
        if blocks.bias is not None:
            bias = block_of(blocks.bias, self.place, self._seen)
            steps = zip(bias.shape, bias.strides, strict=True)
            given += [bias, *[0 if n == 1 else step // bias.itemsize for n, step in steps]]
        if blocks.keep < 1:
            kept = bernoulli(self._xp, rows_of(blocks.keys[self.place]), shape=(blocks.count,), p=blocks.keep)
            given += [kept, blocks.count, blocks.dtype.type(1 / blocks.keep)]
        threads = next((n for n in (32, 64, 128) if size <= 4 * n), MOST_THREADS)
        plain = direction == "backward" and not inputs[1].ndim
        kernel = _kernel(self._xp, direction, plain, blocks.bias is not None, blocks.keep < 1, threads)
        rows = scores.shape[0] * scores.shape[1] * scores.shape[2]
        kernel(*inputs, *given, *outputs, size=rows * threads, block_size=threads)


def _with_heads_last(xp, x):
    """An array of the shape (N, H, T, D) of x, whose memory is (N, T, H, D): heads are joined later."""
    n, heads, length, width = x.shape
    return xp.empty((n, length, heads, width), x.dtype).transpose(0, 2, 1, 3)


def _packed(xp, dtype, *arrays):
    """Arrays in a dtype with their elements one after the other: themselves, or copies."""
    packed = [x if x.flags.c_contiguous and x.dtype == dtype else xp.empty(x.shape, dtype) for x in arrays]
    pairs = [(x, y) for x, y in zip(arrays, packed, strict=True) if x is not y]
    _copy(xp, [x for x, _ in pairs], [y for _, y in pairs])
    return packed


def _copy(xp, sources, targets):
    """Copies arrays, those of one shape in one launch."""
    together: dict[Any, list[int]] = {}
    for i, x in enumerate(sources):
        together.setdefault((x.shape, x.dtype, targets[i].dtype), []).append(i)
    for own in together.values():
        _copies(xp, len(own))(*[sources[i] for i in own], *[targets[i] for i in own])


@functools.cache
def _copies(xp, count):
    inputs, outputs = (", ".join(f"{kind} {name}{i}" for i in range(count)) for kind, name in ("Xx", "Yy"))
    return xp.ElementwiseKernel(inputs, outputs, " ".join(f"y{i} = Y(x{i});" for i in range(count)), "autograd_copy")


MOST_THREADS = 256

# CUDA. R is the dtype of the scores, W that of the weights.
_SIZES = ", int64 queries, int64 keys, int64 of_group, int64 size, int64 first, int64 step, int64 groups, int64 length"
_BIAS = ", raw B bias, int64 b_n, int64 b_k, int64 b_g, int64 b_t, int64 b_s"
_MASK = ", raw bool kept, int64 count, R inverse"
_START = """
    __shared__ R parts[%(threads)d];
    const long long row = blockIdx.x, t = row %% queries, head = row / queries, g = head %% of_group;
    const long long k = head / of_group %% keys, n = head / of_group / keys;
    const long long place = ((n * groups + k) * of_group + g) * length + t;
    const long long own = min(size, max(0LL, first + t * step));
"""
_ELEMENTS = "for (long long j = threadIdx.x; j < %(end)s; j += %(threads)d) {"
# `x == top`: the difference of infinities is NaN. A row without a key is none of NaN.
_FORWARD = """
    const R least = log(R(0));
    R top = least, total = 0;
    %(own)s
        const R x = scores[row * size + j]%(bias)s;
        scores[row * size + j] = x;
        if (x > top) {
            total = total * exp(top - x) + R(1);
            top = x;
        } else {
            total += x == top ? R(1) : exp(x - top);
        }
    }
    %(join_tops)s
    total = top == most ? total : total * exp(top - most);
    %(join_totals)s
    const bool none = most == least && whole == whole;
    const R factor = none ? R(0) : R(1) / (whole + (most - most)), shift = none ? R(0) : most;
    if (threadIdx.x == 0) (&sums[0])[place] = none ? largest : most + log(whole + (most - most));
    %(all)s
        const R p = j < own && !none ? exp(scores[row * size + j] - shift) * factor : R(0);
        weights[row * size + j] = W(%(weight)s);
    }
"""
_BACKWARD = """
    R total = 0;
    for (long long e = threadIdx.x; e < width; e += %(threads)d)
        total += R((&g_y[0])[place * width + e]) * R((&y[0])[place * width + e]);
    %(join_totals)s
    const R shift = (&sums[0])[place], rest = R(%(g_sums)s) - whole;
    %(all)s
        const R p = j < own ? exp(scores[row * size + j]%(bias)s - shift) : R(0), slope = slopes[row * size + j];
        const R kept_slope = %(slope)s;
        weights[row * size + j] = W(%(weight)s);
        ds[row * size + j] = j < own ? W(p * (kept_slope + rest)) : W(0);
    }
"""
_MAXIMUM, _SUM = "b > a ? b : a", "a + b"


@functools.cache
def _kernel(xp, direction, plain, has_bias, drops, threads):
    """The kernel of a direction; `plain`: the cotangents of the sums are a number."""
    forward = direction == "forward"
    kept = "(kept[row * count + j] ? %s * inverse : R(0))"
    texts = {
        "threads": threads,
        "own": _ELEMENTS % {"threads": threads, "end": "own"},
        "all": _ELEMENTS % {"threads": threads, "end": "size"},
        "bias": " + R((&bias[0])[n * b_n + k * b_k + g * b_g + t * b_t + j * b_s])" * has_bias,
        "weight": kept % "p" if drops else "p",
        "slope": kept % "slope" if drops else "slope",
        "g_sums": "g_sums" if plain else "(&g_sums[0])[place]",
        "join_tops": across_threads("top", "const R most", _MAXIMUM, threads),
        "join_totals": across_threads("total", "const R whole", _SUM, threads),
    }
    first = (
        "R largest" if forward else f"raw R sums, {'R' if plain else 'raw R'} g_sums, raw W g_y, raw W y, int64 width"
    )
    outputs = (
        "raw R scores, raw R sums, raw W weights" if forward else "raw R scores, raw R slopes, raw W weights, raw W ds"
    )
    return xp.ElementwiseKernel(
        first + _SIZES + _BIAS * has_bias + _MASK * drops, outputs,
        (_START + (_FORWARD if forward else _BACKWARD)) % texts, f"autograd_attention_{direction}",
    )  # fmt: skip
