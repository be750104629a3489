"""Normalization of NumPy arrays in compiled loops, in two layouts.

In the first one rows are normalized, and the scale has a number for each column: layer norm. In the second one, what is
normalized consists of spans, along which the scale is constant: batch, group and instance norm. What is done with the
numbers of spans is little work.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from . import loops
from .compiled import PART, is_worth_it, parts_of
from .pieces import is_number, kept_shape

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["Layout", "gradients", "layout", "normalize"]

MOST_ROWS = 512  # of a part, where sums of columns are taken in float32
SHORTEST = 8  # spans of fewer elements are left to NumPy


class Layout(NamedTuple):
    """How arrays are divided.

    Attributes:
        size: The number of elements of a row, or of a span.
        spans: The shape of an array with a number for each span, () for rows.
        shape: That of the normalized array.
        axis: What is normalized.
    """

    size: int
    spans: tuple[int, ...]
    shape: tuple[int, ...]
    axis: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many elements belong together."""
        return math.prod([self.shape[i] for i in self.axis])

    def matrix(self, a: RawArray) -> RawArray:
        """An array of this shape with rows or spans as rows; a copy if it has gaps."""
        return numpy.ascontiguousarray(a).reshape((-1, self.size))

    def of_columns(self, a: Any, dtype: Any) -> RawArray:
        """The numbers of columns."""
        if not is_number(a):
            a = a.reshape(a.shape[-len(self.axis) :])
        shape = self.shape[len(self.shape) - len(self.axis) :]
        return numpy.ascontiguousarray(numpy.broadcast_to(a, shape), dtype).reshape(-1)

    def of_rows(self, a: Any, dtype: Any) -> RawArray:
        """The numbers of rows, or of spans."""
        shape = self.spans or kept_shape(self.shape, self.axis)
        return numpy.ascontiguousarray(numpy.broadcast_to(a, shape), dtype).reshape(-1)


def layout(x: RawArray, scale: Any, axis: tuple[int, ...]) -> Layout | None:
    """How x is divided; None where NumPy has to do it, in other layouts and without numba."""
    if not x.size or not is_worth_it(x):
        return None
    ndim, count = x.ndim, math.prod([x.shape[i] for i in axis])
    constant = [is_number(scale) or i < ndim - scale.ndim or scale.shape[i - ndim] == 1 for i in range(ndim)]
    is_last = axis == tuple(range(ndim - len(axis), ndim))
    if is_last and (is_number(scale) or (scale.size == count and all(constant[: ndim - len(axis)]))):
        return Layout(count, (), x.shape, axis)
    first = ndim
    while first and first - 1 in axis and constant[first - 1]:
        first -= 1
    size = math.prod(x.shape[first:])
    return Layout(size, (*x.shape[:first], *[1] * (ndim - first)), x.shape, axis) if size >= SHORTEST else None


def normalize(
    of: Layout,
    x: RawArray,
    scale: Any,
    shift: Any,
    y: RawArray,
    mean: RawArray,
    variance: RawArray,
    eps: float,
    centered: bool,
) -> None:
    """As `normalization.normalize`; the last three arrays are its results."""
    matrix, target = of.matrix(x), y.reshape((-1, of.size))
    rows = len(matrix)
    if not of.spans:
        numbers = [of.of_columns(a, x.dtype) for a in (scale, shift)]
        loops.layer(of.size, rows, matrix, *numbers, target, mean.reshape(-1), variance.reshape(-1), eps, centered)
        return
    means, squares = numpy.empty(rows), numpy.empty(rows)
    loops.moments(of.size, rows, matrix, means, squares)
    means, squares = means.reshape(of.spans), squares.reshape(of.spans)
    center = means.mean(of.axis, keepdims=True) if centered else 0
    mean[...] = center
    # Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm".
    variance[...] = (squares + of.size * (means - center) ** 2).sum(of.axis, keepdims=True) / of.elements
    numbers = [of.of_rows(a, x.dtype) for a in (mean, scale / numpy.sqrt(variance + eps), shift)]
    loops.affine(of.size, rows, matrix, target, *numbers)


def gradients(
    of: Layout,
    g: RawArray,
    g_mean: Any,
    g_variance: Any,
    x: RawArray,
    scale: Any,
    mean: RawArray,
    variance: RawArray,
    eps: float,
    centered: bool,
    to_x: bool,
) -> dict[int, RawArray]:
    """The cotangents of x (0), the scale (1) and the shift (2), in float64 with the axes of x but for x: see there."""
    g, matrix = of.matrix(g.astype(x.dtype, copy=False)), of.matrix(x)
    y = numpy.empty(x.shape, x.dtype)
    target, rows = y.reshape((-1, of.size)), len(matrix)
    if not of.spans:
        numbers = [of.of_rows(a, x.dtype) for a in (mean, variance, g_mean, g_variance)]
        size = max(of.size, PART // MOST_ROWS)
        of_parts = [numpy.zeros((-(-rows // parts_of(size)), of.size), x.dtype) for _ in range(2)]
        columns = of.of_columns(scale, x.dtype)
        loops.layer_gradient(size, rows, g, matrix, columns, *numbers, target, *of_parts, eps, centered)
        shape = [n if i in of.axis else 1 for i, n in enumerate(of.shape)]
        product, total = (a.sum(0, dtype=numpy.float64).reshape(shape) for a in of_parts)
        return {0: y, 1: product, 2: total}
    product, total = numpy.empty(rows), numpy.empty(rows)
    loops.products(of.size, rows, g, matrix, of.of_rows(mean, x.dtype), product, total)
    r = 1 / numpy.sqrt(variance + eps)
    product, total = product.reshape(of.spans) * r, total.reshape(of.spans)
    if to_x:
        factor = r * scale
        slope = (r * (product * scale).sum(of.axis, keepdims=True) - 2 * g_variance / r) * (r / of.elements)
        shift = (r * (total * scale).sum(of.axis, keepdims=True) - g_mean) / of.elements if centered else 0.0
        numbers = [of.of_rows(a, x.dtype) for a in (mean, factor, -slope, -shift)]
        loops.slopes(of.size, rows, g, matrix, target, *numbers)
    return {0: y, 1: product, 2: total}
