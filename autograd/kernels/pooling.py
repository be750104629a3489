"""Pooling over windows of any number of spatial dimensions of x (N, C, *spatial).

`window_sum` and `window_spread`, `window_gather` and `window_scatter` are linear and each other's transposes. Average
pooling is `window_sum` / prod(size), padding counted; maximum pooling is `window_gather` at `max_pool_indices`, so that
its derivatives of any order are gathers and scatters again. `size` and `strides` have one positive integer per spatial
dimension, `padding` a pair (lo, hi), of which a negative number crops.
"""

from __future__ import annotations

import functools
import math
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from .windows import (
    output_shape,
    overlap,
    scan_arguments,
    scan_covering,
    scan_parameters,
    scan_window,
    sum_type,
)

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["max_pool_indices", "window_gather", "window_scatter", "window_spread", "window_sum"]


def window_sum(
    xp: ModuleType,
    x: RawArray,
    *,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> RawArray:
    """The sum over every window of x, which is padded with zeros: (N, C, *spatial) to (N, C, *out)."""
    out = _output_shape("window_sum", x.shape, size, strides, padding)
    if math.prod(out) == 1:
        return x[_only_window(size, padding)].sum(axis=tuple(range(2, x.ndim)), dtype=x.dtype, keepdims=True)
    if xp is not numpy:
        y = xp.empty(x.shape[:2] + out, x.dtype)
        _sum_kernel(xp, size, strides, sum_type(x))(x, *_scan_arguments(x.shape, out, padding), y)
        return y
    current = _widened(x)
    for axis, overlaps in enumerate(_overlaps(x.shape, out, size, strides, padding)):
        current = _slide(numpy.add, 0, current, axis + 2, out[axis], overlaps)
    return current.astype(x.dtype, copy=False)


def window_spread(
    xp: ModuleType,
    g: RawArray,
    *,
    shape: tuple[int, ...],
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> RawArray:
    """The transpose of `window_sum` of x of the given shape: g (N, C, *out) to (N, C, *spatial)."""
    out = _output_shape("window_spread", shape, size, strides, padding, g.shape)
    if math.prod(out) == 1:
        x = xp.zeros(shape, g.dtype)
        x[_only_window(size, padding)] = g
        return x
    if xp is not numpy:
        x = xp.empty(shape, g.dtype)
        _spread_kernel(xp, size, strides, sum_type(g))(g, *_scan_arguments(shape, out, padding), x)
        return x
    current = _widened(g)
    for axis, overlaps in reversed(list(enumerate(_overlaps(shape, out, size, strides, padding)))):
        x = numpy.zeros((*current.shape[: axis + 2], shape[axis + 2], *current.shape[axis + 3 :]), current.dtype)
        for outputs, inputs in overlaps:
            x[_at(axis + 2, inputs)] += current[_at(axis + 2, outputs)]
        current = x
    return current.astype(g.dtype, copy=False)


def max_pool_indices(
    xp: ModuleType,
    x: RawArray,
    *,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> RawArray:
    """Where the maximum of every window is: int32 (N, C, *out), indices into the flattened spatial axes of x.

    As in PyTorch, padding never wins, the first of equal elements in row-major order does, and NaN wins over numbers,
    the last NaN over others.

    Raises:
        ValueError: A window lies wholly in the padding.
    """
    out = _output_shape("max_pool_indices", x.shape, size, strides, padding)
    for n, o, k, s, (lo, _) in zip(x.shape[2:], out, size, strides, padding, strict=True):
        if lo >= k or (o - 1) * s - lo >= n:
            raise ValueError(
                f"max_pool_indices: expected every window to hold an element of x, got x of shape {x.shape} with size "
                f"{tuple(size)}, strides {tuple(strides)} and padding {tuple(padding)}. Pad less."
            )
    if xp is numpy:
        return _host_max_pool_indices(x, out, size, strides, padding)
    indices = xp.empty(x.shape[:2] + out, numpy.int32)
    _max_kernel(xp, size, strides)(x, *_scan_arguments(x.shape, out, padding), indices)
    return indices


def window_gather(xp: ModuleType, x: RawArray, indices: RawArray) -> RawArray:
    """The elements of x (N, C, *spatial) at `indices` (N, C, *out) into its flattened spatial axes."""
    _check_indices("window_gather", x.shape, indices)
    if xp is numpy:
        return x.reshape(-1).take(_flat(xp, x.shape, indices))
    y = xp.empty(indices.shape, x.dtype)
    _gather_kernel(xp)(x, indices, math.prod(x.shape[2:]), math.prod(indices.shape[2:]), y)
    return y


def window_scatter(
    xp: ModuleType,
    g: RawArray,
    indices: RawArray,
    *,
    shape: tuple[int, ...],
    size: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
    padding: tuple[tuple[int, int], ...] | None = None,
) -> RawArray:
    """The transpose of `window_gather`: adds g (N, C, *out) up at `indices` into zeros of `shape` (N, C, *spatial).

    On the CPU the order of summation is fixed. On a GPU it is if `size`, `strides` and `padding` describe the windows
    that gave the indices: each thread then gathers one element of the result. Without them it adds atomically.
    """
    _check_indices("window_scatter", shape, indices)
    if g.shape != indices.shape:
        raise ValueError(f"window_scatter: expected g of the indices' shape {indices.shape}, got {g.shape}.")
    if xp is numpy or size is None:
        x = xp.zeros(math.prod(shape), numpy.float32 if g.dtype == numpy.float16 else g.dtype)
        xp.add.at(x, _flat(xp, shape, indices).reshape(-1), g.reshape(-1).astype(x.dtype, copy=False))
        return x.reshape(shape).astype(g.dtype, copy=False)
    out = _output_shape("window_scatter", shape, size, strides, padding, g.shape)
    x = xp.empty(shape, g.dtype)
    _scatter_kernel(xp, size, strides, sum_type(g))(g, indices, *_scan_arguments(shape, out, padding), x)
    return x


def _output_shape(where, shape, size, strides, padding, y_shape=None):
    if len(shape) < 3:
        raise ValueError(f"{where}: expected x of shape (N, C, *spatial), got {tuple(shape)}.")
    out = output_shape(shape[2:], size, strides=strides, padding=padding)
    if y_shape is not None and y_shape != (*shape[:2], *out):
        raise ValueError(
            f"{where}: expected g of shape {(*shape[:2], *out)} for x of shape {tuple(shape)}, got {y_shape}."
        )
    return out


def _check_indices(where, shape, indices):
    if len(shape) != indices.ndim or tuple(shape[:2]) != indices.shape[:2]:
        raise ValueError(
            f"{where}: expected indices of shape (N, C, *out) for x of shape {tuple(shape)}, got {indices.shape}."
        )


def _only_window(size, padding):
    """The index of the elements in the only window."""
    return (..., *(slice(max(0, -lo), max(0, k - lo)) for k, (lo, _) in zip(size, padding, strict=True)))


def _widened(x):
    """x in the dtype to sum it in."""
    return x.astype(numpy.float32) if x.dtype.name in ("float16", "bfloat16") else x


def _overlaps(shape, out, size, strides, padding):
    """Per spatial axis, the slices of outputs and of the inputs that they read, for every offset in the window."""
    return [
        [overlap(n, o, k - lo, stride) for k in range(window)]
        for n, o, window, stride, (lo, _) in zip(shape[2:], out, size, strides, padding, strict=True)
    ]


def _at(axis, part):
    return (slice(None),) * axis + (part,)


def _slide(ufunc, initial, x, axis, out, overlaps):
    """Combines the elements of x in every window along one axis."""
    first, *rest = sorted(overlaps, key=lambda pair: pair[0] != slice(0, out))
    y = x[_at(axis, first[1])].copy()
    if first[0] != slice(0, out):  # no offset is within the input in every window
        y = numpy.full((*x.shape[:axis], out, *x.shape[axis + 1 :]), initial, x.dtype)
        rest = overlaps
    for outputs, inputs in rest:
        part = y[_at(axis, outputs)]
        ufunc(part, x[_at(axis, inputs)], out=part)
    return y


def _host_max_pool_indices(x, out, size, strides, padding):
    """Finds the maxima first, one axis after the other, then counts the offsets before the first that holds it."""
    least = {"f": -numpy.inf, "V": -numpy.inf, "b": False}  # V: bfloat16
    lowest = least[x.dtype.kind] if x.dtype.kind in least else numpy.iinfo(x.dtype).min
    if math.prod(out) == 1 and x[_only_window(size, padding)].shape == x.shape:
        return _argmax(x.reshape(*x.shape[:2], math.prod(x.shape[2:]))).reshape(x.shape[:2] + out)
    overlaps = _overlaps(x.shape, out, size, strides, padding)
    maxima = x
    for axis, along in enumerate(overlaps):
        maxima = _slide(numpy.maximum, lowest, maxima, axis + 2, out[axis], along)
    count = numpy.zeros(maxima.shape, numpy.min_scalar_type(math.prod(size)))
    missing = numpy.ones(maxima.shape, bool)
    for pairs in product(*overlaps):
        outputs, inputs = ((..., *part) for part in zip(*pairs, strict=True))
        missing[outputs] &= x[inputs] != maxima[outputs]
        count += missing
    if missing.any():  # NaN is unequal to itself
        for offset, pairs in enumerate(product(*overlaps)):
            outputs, inputs = ((..., *part) for part in zip(*pairs, strict=True))
            count[outputs][numpy.isnan(x[inputs])] = offset
    steps = [math.prod(x.shape[axis + 1 :]) for axis in range(2, x.ndim)]
    offsets = numpy.array(steps, numpy.int32) @ numpy.indices(size, numpy.int32).reshape(len(size), -1)
    along = zip(numpy.indices(out, numpy.int32, sparse=True), strides, padding, steps, strict=True)
    corners = functools.reduce(numpy.add, ((corner * stride - lo) * step for corner, stride, (lo, _), step in along))
    return offsets.take(count) + corners


def _argmax(x):
    """The last axis's index of its first maximum or last NaN."""
    indices = x.argmax(axis=-1)
    missing = numpy.isnan(numpy.take_along_axis(x, indices[..., None], axis=-1)[..., 0])
    if missing.any():
        indices[missing] = x.shape[-1] - 1 - numpy.isnan(x[missing])[:, ::-1].argmax(axis=-1)
    return indices.astype(numpy.int32)


def _flat(xp, shape, indices):
    """Indices into planes (N, C, *out) as indices into all of an array of the given shape."""
    planes = xp.arange(math.prod(shape[:2])) * math.prod(shape[2:])
    return indices + planes.reshape(*shape[:2], *[1] * (len(shape) - 2))


def _scan_arguments(shape, out, padding):
    return scan_arguments(shape[2:], out, [lo for lo, _ in padding])


@functools.cache
def _sum_kernel(xp, size, strides, accumulator):
    return xp.ElementwiseKernel(
        f"raw T x, {scan_parameters(len(size))}",
        "T y",
        f"{accumulator} total = 0;"
        + scan_window(
            size,
            strides,
            (1,) * len(size),
            f"if (inside) total += {accumulator}(x[(ptrdiff_t) plane * inputs + input]);",
        )
        + "y = T(total);",
        "window_sum",
    )


@functools.cache
def _spread_kernel(xp, size, strides, accumulator):
    return xp.ElementwiseKernel(
        f"raw T g, {scan_parameters(len(size))}",
        "T x",
        f"{accumulator} total = 0;"
        + scan_covering(
            size, strides, (1,) * len(size), f"total += {accumulator}(g[(ptrdiff_t) plane * outputs + output]);"
        )
        + "x = T(total);",
        "window_spread",
    )


@functools.cache
def _max_kernel(xp, size, strides):
    return xp.ElementwiseKernel(
        f"raw T x, {scan_parameters(len(size))}",
        "int32 index",
        "int at = -1; T maximum = T(0);"
        + scan_window(
            size,
            strides,
            (1,) * len(size),
            """
            if (!inside) continue;
            const T element = x[(ptrdiff_t) plane * inputs + input];
            if (at < 0 || element > maximum || element != element) { at = input; maximum = element; }""",
        )
        + "index = at;",
        "max_pool_indices",
    )


@functools.cache
def _gather_kernel(xp):
    return xp.ElementwiseKernel(
        "raw T x, I index, int32 inputs, int32 outputs", "T y", "y = x[i / outputs * inputs + index];", "window_gather"
    )


@functools.cache
def _scatter_kernel(xp, size, strides, accumulator):
    return xp.ElementwiseKernel(
        f"raw T g, raw I indices, {scan_parameters(len(size))}",
        "T x",
        f"{accumulator} total = 0;"
        + scan_covering(
            size,
            strides,
            (1,) * len(size),
            f"""
            const ptrdiff_t window = (ptrdiff_t) plane * outputs + output;
            if (indices[window] == input) total += {accumulator}(g[window]);""",
        )
        + "x = T(total);",
        "window_scatter",
    )
