"""How the work of attention is divided into blocks of scores: `attention` says what is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

__all__ = ["Blocks", "block_of", "rows_of"]

HOST_SCORES = 1 << 16  # in a block: with what NumPy makes of it, for the second-level cache
HOST_ROWS = 64  # at least, for products of matrices
DEVICE_SCORES = 1 << 27


class Blocks:
    """What both directions share.

    A block is at a `place`, an index of arrays (N, K, G, T, ...): examples, heads of k, all query heads of these, and
    queries; it has the keys that its queries see.

    Attributes:
        dtype: float32, or float64 if the arrays have that.
        bias: (N, K or 1, G or 1, T or 1, S or 1), or None.
        keys: Of random numbers, (N, K, G, T, 2), or None.
        sees_all: Whether every query sees a key in any case.
    """

    xp: Any
    dtype: Any
    examples: int
    length: int
    groups: int
    count: int
    of_group: int
    bias: Any
    causal: bool
    sees_all: bool
    keep: float
    height: int

    def __init__(self, xp: Any, q: Any, k: Any, bias: Any, keys: Any, causal: bool, keep: float) -> None:
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

    def grouped(self, x: Any) -> Any:
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

    def add_to_bias(self, of_bias: Any, place: Any, seen: slice, ds: Any) -> None:
        """Adds the cotangents of a block's scores (n, k, G * t, s) to that of the bias."""
        total = block_of(self.grouped(of_bias), place, seen)
        ds = ds.reshape((*ds.shape[:2], self.of_group, ds.shape[2] // self.of_group, ds.shape[-1]))
        total += ds.sum(tuple([i for i in range(5) if total.shape[i] == 1 < ds.shape[i]]), keepdims=True)


def rows_of(x: Any) -> Any:
    """x (n, k, G, t, ...) as (n, k, G * t, ...)."""
    return x.reshape((*x.shape[:2], x.shape[2] * x.shape[3], *x.shape[4:]))


def block_of(bias: Any, place: Any, seen: slice) -> Any:
    """The part of a bias (N, K or 1, G or 1, T or 1, S or 1) for a block."""
    index = [i if n > 1 else slice(None) for i, n in zip((*place, seen), bias.shape, strict=True)]
    return bias[tuple(index)]
