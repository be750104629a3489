"""Softmax and cross entropy with few passes over memory: in pieces on NumPy, in one or two launches on CuPy.

Half precision is computed in float32. The logarithms of sums of exponentials that cross entropy keeps are float64:
logits may be large beside their differences, whose digits count.
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from . import loops
from .compiled import is_worth_it
from .pieces import PIECE, is_number, kept_shape, pieces

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = [
    "cross_entropy", "cross_entropy_gradient", "log_softmax", "log_softmax_gradient", "soft_cross_entropy",
    "soft_cross_entropy_gradient", "softmax", "softmax_gradient",
]  # fmt: skip


_NAMES = {numpy.dtype(name): name for name in ("float32", "float64")}  # NumPy is slow to find them


def _wide(x):
    return _wide_of(x.dtype)


@functools.cache
def _wide_of(dtype):
    return numpy.result_type(dtype if dtype.kind in "fcV" else numpy.float64, numpy.float32)


def softmax(xp: ModuleType, x: RawArray, *, axis: tuple[int, ...]) -> RawArray:
    """exp(x) / sum(exp(x)) along axes."""
    return _softmax(xp, x, axis, log=False)


def log_softmax(xp: ModuleType, x: RawArray, *, axis: tuple[int, ...]) -> RawArray:
    """x - log(sum(exp(x))) along axes."""
    return _softmax(xp, x, axis, log=True)


def _softmax(xp, x, axis, log):
    if xp is numpy and 0 < x.size <= PIECE and x.ndim and x.dtype.num in (11, 12):  # float32 and float64
        return _of_piece(x, axis, log)
    wide = _wide(x)
    y = xp.empty(x.shape, x.dtype if x.dtype.kind in "fcV" else wide)
    if not x.size:
        return y if math.prod([x.shape[i] for i in axis]) else x.max(axis)  # raises: there is no maximum
    if xp is not numpy:
        top, total = (xp.empty(kept_shape(x.shape, axis), wide) for _ in range(2))
        _sums(xp, _NAMES[wide], "")(x, top, total, axis=axis, keepdims=True)
        expression = "R(x) - top - log(total)" if log else "exp(R(x) - top) / total"
        _elements(xp, "softmax", "X x, R top, R total", f"y = Y({expression})", _NAMES[wide])(x, top, total, y)
        return y
    if axis == (x.ndim - 1,) and is_worth_it(x, y):
        loop = loops.log_softmax if log else loops.softmax
        loop(*_rows_of(x), *_matrices(x, y))
        return y
    for place in pieces(x.shape, axis):
        z = _of_piece(x[place].astype(wide, copy=False), axis, log, _target(y[place], wide))
        _store(y, place, z)
    return y


def _rows_of(x):
    """The length and the number of rows."""
    return x.shape[-1], x.size // x.shape[-1]


def _matrices(*arrays):
    """Arrays of rows as matrices: views, or copies if there are gaps."""
    return [numpy.ascontiguousarray(a).reshape((-1, a.shape[-1])) for a in arrays]


def _of_piece(x, axis, log, out=None):
    z = numpy.subtract(x, x.max(axis, keepdims=True), out=out)
    if log:
        z -= numpy.log(numpy.exp(z).sum(axis, keepdims=True))
    else:
        numpy.exp(z, out=z)
        z /= z.sum(axis, keepdims=True)
    return z


def _target(part, wide):
    """Where a piece is computed: in its place, or beside it if the result has half precision."""
    return part if part.dtype == wide else numpy.empty(part.shape, wide)


def _store(y, place, z):
    if z.dtype != y.dtype:
        y[place] = z


def softmax_gradient(xp: ModuleType, g: RawArray, z: RawArray, *, axis: tuple[int, ...]) -> RawArray:
    """(g - sum(g z)) z along axes: the cotangent of the argument of z = softmax(x)."""
    wide, x = _wide(z), xp.empty(z.shape, z.dtype)
    if xp is not numpy:
        return _on_device(xp, "softmax_gradient", "R(g) * R(z)", "(R(g) - total) * R(z)", g, z, x, axis, wide)
    if axis == (z.ndim - 1,) and is_worth_it(g, z):
        loops.softmax_gradient(*_rows_of(z), *_matrices(g, z, x))
        return x
    for place in pieces(z.shape, axis):
        part, c = z[place].astype(wide, copy=False), _target(x[place], wide)
        numpy.multiply(g[place], part, out=c, dtype=wide)
        total = c.sum(axis, keepdims=True)
        numpy.subtract(g[place], total, out=c, dtype=wide)
        c *= part
        _store(x, place, c)
    return x


def log_softmax_gradient(xp: ModuleType, g: RawArray, z: RawArray, *, axis: tuple[int, ...]) -> RawArray:
    """g - exp(z) sum(g) along axes: the cotangent of the argument of z = log_softmax(x)."""
    wide, x = _wide(z), xp.empty(z.shape, z.dtype)
    if xp is not numpy:
        return _on_device(xp, "log_softmax_gradient", "R(g)", "R(g) - exp(R(z)) * total", g, z, x, axis, wide)
    if axis == (z.ndim - 1,) and is_worth_it(g, z):
        loops.log_softmax_gradient(*_rows_of(z), *_matrices(g, z, x))
        return x
    for place in pieces(z.shape, axis):
        part, c = g[place].astype(wide, copy=False), _target(x[place], wide)
        numpy.exp(z[place].astype(wide, copy=False), out=c)
        c *= part.sum(axis, keepdims=True)
        numpy.subtract(part, c, out=c)
        _store(x, place, c)
    return x


def _on_device(xp, name, product, expression, g, z, x, axis, wide):
    """The sum of `product` along axes, then `expression` of each element."""
    total = xp.empty(kept_shape(z.shape, axis), wide)
    _product_sum(xp, _NAMES[wide], product)(g, z, total, axis=axis, keepdims=True)
    _elements(xp, name, "G g, Z z, R total", f"y = Y({expression})", _NAMES[wide])(g, z, total, x)
    return x


def cross_entropy(
    xp: ModuleType, logits: RawArray, labels: RawArray, *, smoothing: float, dtype: str
) -> tuple[RawArray, RawArray]:
    """-sum(target * log_softmax(logits)) of each row, and the logarithm of its sum of exponentials.

    The target of a label, one of n classes, is 1 - smoothing + smoothing / n there and smoothing / n elsewhere. A label
    that is no class gives NaN: raising would have to wait for the GPU.

    Args:
        logits: Real numbers (rows, classes).
        labels: Integers (rows,).
        smoothing: What all classes share.
        dtype: That of the logarithms, "float64".
    """
    wide, (rows, classes) = _wide(logits), logits.shape
    loss, total = xp.empty(rows, logits.dtype), xp.empty(rows, dtype)
    if xp is not numpy:
        share = wide.type(smoothing / max(1, classes))
        _sums(xp, _NAMES[wide], "label")(logits, labels[:, None], share, wide.type(1 - smoothing), loss, total, axis=1)
        return loss, total
    if classes and labels.shape == (rows,) and labels.dtype.kind in "iu" and is_worth_it(logits):
        loops.cross_entropy(classes, rows, *_matrices(logits), loss, total, labels.astype(numpy.int64), smoothing)
        return loss, total
    for place, _ in pieces(logits.shape, (1,)):
        part, label = logits[place].astype(wide, copy=False), labels[place]
        top, above = _log_sum(part)
        numpy.add(top, above, out=total[place], dtype=total.dtype)
        below = top - part[numpy.arange(len(part)), numpy.clip(label, 0, classes - 1)]
        if smoothing:
            below = (1 - smoothing) * below + smoothing * (top - part.mean(1))
        loss[place] = numpy.where((label >= 0) & (label < classes), above + below, wide.type(math.nan))
    return loss, total


def _log_sum(x):
    """The logarithm of the sum of exponentials of each row, in two parts: the largest number, and what is above it.

    A loss adds the second part last: the sum of both would lose the digits of a small loss.
    """
    top = x.max(1)
    z = x - top[:, None]
    numpy.exp(z, out=z)
    return top, numpy.log(z.sum(1))


def cross_entropy_gradient(
    xp: ModuleType, g: Any, g_total: Any, logits: RawArray, labels: RawArray, total: RawArray, *, smoothing: float
) -> RawArray:
    """softmax(logits) (g + g_total) - target g: the cotangent of the logits for those of both results."""
    wide, (rows, classes) = _wide(logits), logits.shape
    x = xp.empty(logits.shape, logits.dtype)
    if xp is not numpy:
        plain, (g, g_total) = (is_number(g), is_number(g_total)), (_column(a, wide) for a in (g, g_total))
        target = "(i % n == label ? share + more : share)"
        real = _NAMES[wide]
        kernel = _gradient(xp, plain, f"L label, int64 n, {real} share, {real} more", target, real)
        shares = wide.type(smoothing / max(1, classes)), wide.type(1 - smoothing)
        kernel(g, g_total, logits, _long(total), labels[:, None], classes, *shares, x)
        return x
    if classes and labels.shape == (rows,) and labels.dtype.kind in "iu" and is_worth_it(logits, x):
        numbers, labels = _of_rows(rows, wide, g, g + g_total), labels.astype(numpy.int64)
        loops.cross_entropy_gradient(classes, rows, *_matrices(logits, x), *numbers, total, labels, smoothing)
        return x
    for place, _ in pieces(logits.shape, (1,)):
        z = _target(x[place], wide)
        part, weight, label = logits[place].astype(wide, copy=False), _row(g, place), labels[place]
        _exponentials(part, total[place, None], z)
        z *= _row(g + g_total, place)
        if smoothing:
            z -= (smoothing / classes) * weight
        rows = numpy.flatnonzero((label >= 0) & (label < classes))
        z[rows, label[rows]] -= numpy.broadcast_to((1 - smoothing) * weight, (len(z), 1))[rows, 0]
        _store(x, place, z)
    return x


def _of_rows(rows, wide, *numbers):
    """Numbers of rows, or one for all of them, as arrays in `wide`."""
    return [numpy.ascontiguousarray(numpy.broadcast_to(a, rows), wide) for a in numbers]


def _exponentials(x, total, z):
    """Writes exp(x - total) to z; the total is float64, its digits beyond those of x come second."""
    top = total.astype(x.dtype)
    numpy.subtract(x, top, out=z)
    z -= (total - top).astype(x.dtype)
    numpy.exp(z, out=z)


def soft_cross_entropy(
    xp: ModuleType, logits: RawArray, labels: RawArray, *, dtype: str
) -> tuple[RawArray, RawArray, RawArray]:
    """-sum(labels * log_softmax(logits)) of each row, both (rows, classes), the logarithm of its sum of exponentials,
    and the sum of its labels, 1 of probabilities."""
    rows, common = len(logits), numpy.result_type(logits.dtype, labels.dtype)
    wide = numpy.result_type(common, numpy.float32)
    loss, total, weight = xp.empty(rows, common), xp.empty(rows, dtype), xp.empty(rows, wide)
    if xp is not numpy:
        _sums(xp, _NAMES[wide], "probabilities")(logits, labels, loss, total, weight, axis=1)
        return loss, total, weight
    if logits.size and labels.shape == logits.shape and is_worth_it(logits, labels):
        loops.soft_cross_entropy(*_rows_of(logits), *_matrices(logits, labels), loss, total, weight)
        return loss, total, weight
    for place, _ in pieces(logits.shape, (1,)):
        part, share = logits[place].astype(wide, copy=False), labels[place].astype(wide, copy=False)
        top, above = _log_sum(part)
        numpy.add(top, above, out=total[place], dtype=total.dtype)
        weight[place] = w = share.sum(1)
        loss[place] = above * w + (top * w - numpy.vecdot(part, share))
    return loss, total, weight


def soft_cross_entropy_gradient(
    xp: ModuleType, g: Any, g_total: Any, logits: RawArray, labels: RawArray, total: RawArray, weight: RawArray
) -> RawArray:
    """softmax(logits) (g weight + g_total) - labels g: the cotangent of the logits for those of the first two results.

    `weight` is the sum of the labels of each row.
    """
    wide = numpy.result_type(logits.dtype, labels.dtype, numpy.float32)
    x = xp.empty(logits.shape, logits.dtype)
    if xp is not numpy:
        plain, (g, g_total) = (is_number(g), is_number(g_total)), (_column(a, wide) for a in (g, g_total))
        kernel = _gradient(xp, plain, "L label, W weight", "R(label)", _NAMES[wide], "R(weight)")
        kernel(g, g_total, logits, _long(total), labels, weight[:, None], x)
        return x
    if logits.size and labels.shape == logits.shape and is_worth_it(logits, labels, x):
        numbers = _of_rows(len(x), wide, g, g * weight + g_total)
        loops.soft_cross_entropy_gradient(*_rows_of(x), *_matrices(logits, labels, x), *numbers, total)
        return x
    for place, _ in pieces(logits.shape, (1,)):
        z, part = _target(x[place], wide), logits[place].astype(wide, copy=False)
        _exponentials(part, total[place, None], z)
        z *= _row(g * weight + g_total, place)
        z -= labels[place].astype(wide, copy=False) * _row(g, place)
        _store(x, place, z)
    return x


def _row(a, place):
    """The numbers of rows at `place`, as a column."""
    return a if is_number(a) else a[place, None]


def _long(total):
    return total[:, None].astype(numpy.float64, copy=False)


def _column(a, wide):
    return wide.type(a) if is_number(a) else a[:, None]


# CUDA. R is the type of what is computed, other letters are types of elements.
_C_TYPES = {"float32": "float", "float64": "double"}


def _real(wide):
    """Defines R, also where no argument has that type."""
    return f"typedef {_C_TYPES[wide]} R;"


# Merging sums of exponentials. Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax".
_ROW = """
struct Row { R top, total, product, found; };
__device__ inline Row merged(const Row& a, const Row& b) {
    const R product = a.product + b.product, found = a.found + b.found;
    if (b.total == 0 || a.total == 0) {
        const Row& c = b.total == 0 ? a : b;
        return Row{c.top, c.total, product, found};
    }
    if (a.top == b.top) return Row{a.top, a.total + b.total, product, found};
    if (a.top > b.top) return Row{a.top, a.total + b.total * exp(b.top - a.top), product, found};
    return Row{b.top, b.total + a.total * exp(a.top - b.top), product, found};
}
"""


@functools.cache
def _sums(xp, wide, target):
    """The largest number and the sum of exponentials of each row; with a target, the loss and that sum's logarithm.

    As in NumPy, both are NaN where the largest number is infinite: top - top is added.
    """
    inputs, results, after = "X x", "R top, R total", "top = a.top, total = a.total + (a.top - a.top)"
    product, found = "R(0)", "R(1)"
    if target:
        above = "log(a.total + (a.top - a.top))"
        results, after = "Y loss, float64 total", f"total = double({above}) + a.top, "
    if target == "probabilities":
        inputs, results, product, found = "X x, L label", f"{results}, {wide} weight", "R(x) * R(label)", "R(label)"
        after += f"weight = a.found, loss = Y({above} * a.found + (a.top * a.found - a.product))"
    if target == "label":
        inputs, found = f"X x, L label, {wide} share, {wide} more", "(_J == label ? R(1) : R(0))"
        product = "(_J == label ? R(x) * (share + more) : share == 0 ? R(0) : R(x) * share)"
        after += f"loss = Y(a.found > 0 ? {above} + (a.top - a.product) : a.found / a.found)"  # 0 / 0 is NaN
    return xp.ReductionKernel(
        inputs, results, f"Row{{R(x), R(1), {product}, {found}}}", "merged(a, b)", after, "Row{0, 0, 0, 0}",
        "autograd_softmax_sums", "Row", preamble=_real(wide) + _ROW,
    )  # fmt: skip


@functools.cache
def _product_sum(xp, wide, product):
    return xp.ReductionKernel("G g, Z z", "R total", product, "a + b", "total = a", "0", "autograd_sum", _C_TYPES[wide])


@functools.cache
def _elements(xp, name, inputs, text, wide):
    return xp.ElementwiseKernel(inputs, "Y y", text, f"autograd_{name}")


@functools.cache
def _gradient(xp, plain, inputs, target, wide, weight="R(1)"):
    g, g_total = (wide if is_plain else letter for is_plain, letter in zip(plain, "GH", strict=True))
    return xp.ElementwiseKernel(
        f"{g} g, {g_total} g_total, X x, float64 total, {inputs}", "Y y",
        f"""const R top = R(total);
        y = Y(exp((R(x) - top) - R(total - top)) * (R(g) * {weight} + R(g_total)) - {target} * R(g))""",
        "autograd_cross_entropy_gradient", preamble=_real(wide),
    )  # fmt: skip
