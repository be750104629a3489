"""Histograms: the bin of each point, and a count for each bin.

Counts are differentiable with respect to weights, edges with respect to the points if they follow from these.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as onp

from ..core import Array
from ..ops.elementwise import equal, greater_equal, logical_and, stop_gradient, where
from ..typing import ArrayLike, Result
from ._common import aligned, as_array, floating, known, together
from ._placement import on_host, placed_like
from ._ranges import linspace
from ._reduction import max, min
from ._shape import ravel, reshape
from ._sorting import count_places, searchsorted


def histogram_bin_edges(
    a: ArrayLike,
    bins: ArrayLike | str = 10,
    range: tuple[ArrayLike, ArrayLike] | None = None,
    weights: ArrayLike | None = None,
) -> Result:
    """The edges of `bins` intervals of equal width from the least to the greatest element, or over `range`.

    Args:
        bins: Their number; one of NumPy's rules for it ("auto", "fd", "sturges", ...), which raises under `vmap` and
            `Jit`; or the edges themselves.
        weights: They have no effect on edges; TypeError with a rule.
    """
    points = ravel(as_array(a))
    count: Any = bins
    if isinstance(bins, str):
        if weights is not None:
            raise TypeError(
                f"histogram: expected no weights with bins={bins!r}, a rule for points of equal weight. "
                f"Pass bins=histogram_bin_edges(a, {bins!r})."
            )
        count = onp.histogram_bin_edges(on_host(stop_gradient(points)), bins, on_host(range)).size - 1
    elif bins.ndim if isinstance(bins, Array) else onp.ndim(count):
        edges = placed_like(points, bins)
        if edges.ndim != 1:
            raise ValueError(f"histogram: expected a vector of edges, got shape {edges.shape}.")
        if isinstance(bins, list | tuple | onp.ndarray) and onp.any(onp.diff(on_host(stop_gradient(edges))) < 0):
            raise ValueError(f"histogram: expected increasing edges, got {bins}.")
        return edges
    count = operator.index(count)
    if count < 1:
        raise ValueError(f"histogram: expected at least one bin, got {count}.")
    low, high = _limits(points, range)
    same = equal(low, high)
    low, high = where(same, low - 0.5, low), where(same, high + 0.5, high)
    return linspace(low, high, count + 1)


def _limits(a, range):
    """The least and the greatest element, or the ends of a range, in the dtype of the edges."""
    if range is None:
        range = (min(a), max(a)) if a.size else (0, 1)
    elif range[0] > range[1]:
        raise ValueError(f"histogram: expected an increasing range, got {range}.")
    ends = [known(end) for end in range]
    if not builtins.all(end is None or onp.isfinite(end).all() for end in ends):
        raise ValueError(
            f"histogram: expected a finite range, got {ends[0]} to {ends[1]}. Give a range, or finite points."
        )
    return placed_like(a, range[0], _dtype(a)), placed_like(a, range[1], _dtype(a))


def _dtype(a):
    """The dtype of edges and densities."""
    return a.dtype if a.dtype.kind == "f" else floating(a)


def histogram(
    a: ArrayLike,
    bins: ArrayLike | str = 10,
    range: tuple[ArrayLike, ArrayLike] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Result, Result]:
    """(counts, edges): the number of elements in each interval, or the sum of their `weights`, and the edges.

    The last interval includes its right edge. With `density` the integral is 1. `bins` as in `histogram_bin_edges`.
    """
    points = ravel(as_array(a))
    edges = histogram_bin_edges(points, bins, range, weights)
    weights = weights if weights is None else ravel(placed_like(points, weights))
    return _histogram([points], [edges], density, weights), edges


def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: Any = 10,
    range: Sequence[Any] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Result, Result, Result]:
    """`histogramdd` of points (x, y): the counts (bins of x, bins of y), the edges along x and those along y.

    Args:
        bins: As in `histogramdd`, or one sequence of edges for both axes.
    """
    if not isinstance(bins, int | str) and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, (edges_x, edges_y) = histogramdd([x, y], bins, range, density, weights)
    return counts, edges_x, edges_y


def histogramdd(
    sample: ArrayLike,
    bins: Any = 10,
    range: Sequence[Any] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Result, list[Result]]:
    """(counts, edges): the number of points in each cell of a grid, or the sum of their `weights`; edges for each axis.

    Args:
        sample: The points, (points, axes), or a sequence of a vector for each axis.
        bins: A number of bins, or for each axis a number or the edges.
        range: For each axis its ends, or None.
        density: Whether the integral is to be 1.
    """
    if isinstance(sample, list | tuple):
        columns = together(*sample)
    else:
        sample = as_array(sample)
        columns = [sample[:, i] for i in builtins.range(sample.shape[1])] if sample.ndim == 2 else [sample]
    bins = [bins] * len(columns) if isinstance(bins, int) else bins
    range = range or [None] * len(columns)
    if not len(bins) == len(range) == len(columns):
        raise ValueError(f"histogramdd: expected bins and ranges of {len(columns)} axes, got {bins} and {range}.")
    edges = [histogram_bin_edges(x, b, r) for x, b, r in zip(columns, bins, range, strict=True)]
    counts = _histogram(columns, edges, density, weights if weights is None else placed_like(columns[0], weights))
    return (counts if counts.dtype.kind in "fc" else as_array(counts, _dtype(edges[0]))), edges


def _histogram(columns, edges, density, weights):
    """The counts of the cells of a grid; `columns` are the coordinates of the points."""
    shape = [len(e) - 1 for e in edges]
    cell, inside = 0, True
    for x, e, n in zip(columns, edges, shape, strict=True):
        place = where(equal(x, e[-1]), n, searchsorted(e, x, "right")) - 1
        cell, inside = cell * n + place, logical_and(inside, greater_equal(place, 0) & (place < n))
    total = math.prod(shape)
    counts = reshape(count_places(where(inside, cell, total), weights, total + 1)[:total], shape)
    if not density:
        return counts
    counts = as_array(counts, _dtype(edges[0]))
    for axis, e in enumerate(edges):
        counts = counts / aligned(e[1:] - e[:-1], axis, len(shape))
    return counts / as_array(where(inside, 1 if weights is None else weights, 0).sum(), counts.dtype)
