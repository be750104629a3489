"""Padding, one axis after the other."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as onp

from ..axes import complete_axis, index_along
from ..core import library
from ..ops import shape as ops
from ..typing import ArrayLike, Result
from ._common import aligned, as_array, cast, part
from ._elementwise import round
from ._placement import placed_like
from ._ranges import linspace
from ._reduction import max, mean, min
from ._shape import broadcast_to, concatenate, flip
from ._statistics import median


def pad(
    array: ArrayLike, pad_width: ArrayLike | dict[int, int | tuple[int, int]], mode: str = "constant", **options: Any
) -> Result:
    """`array` with elements added before and after it along each axis.

    Args:
        pad_width: How many: a number, (before, after), one pair for each axis, or {axis: number or pair}.
        mode: "constant" (option `constant_values`), "linear_ramp" (`end_values`), "maximum", "minimum", "mean",
            "median" (of the `stat_length` elements at the edge), "reflect", "symmetric" (`reflect_type` "even" or
            "odd"), "edge", "wrap" or "empty" (zeros), as in NumPy; no function. Options are given like `pad_width`.
    """
    array = as_array(array)
    if isinstance(pad_width, dict):
        given = {complete_axis(axis, array.ndim): width for axis, width in pad_width.items()}
        pad_width = [_pairs(given.get(axis, 0), 1, "pad_width")[0] for axis in range(array.ndim)]
    try:
        widths = [tuple(map(operator.index, pair)) for pair in _pairs(pad_width, array.ndim, "pad_width")]
    except TypeError:
        raise TypeError(f"pad: expected pad_width of integers, got {pad_width!r}.") from None
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: expected non-negative widths, got {pad_width}.")
    if not isinstance(mode, str) or mode not in _MODES:
        what = "a function, which would write into an array" if callable(mode) else repr(mode)
        raise ValueError(f"pad: expected a mode of {', '.join(_MODES)}, got {what}.")
    function, known = _MODES[mode]
    if options.keys() - known.keys():
        raise ValueError(f"pad: expected options {', '.join(known) or 'none'} with {mode!r}, got {', '.join(options)}.")
    (option,) = {**known, **options}.values() or (0,)
    if function is _constant and type(option) in (int, float) and option == 0:
        return ops.pad(array, width=tuple(widths))
    choices = [option] * array.ndim if isinstance(option, str) else _pairs(option, array.ndim, "option")
    for axis, (width, choice) in enumerate(zip(widths, choices, strict=True)):
        if any(width):
            array = function(array, axis, width, choice, mode)
    return array


def _pairs(value, ndim, name):
    """A number, a pair, one number or pair for all axes, or one for each axis: as a pair for each axis."""
    if not _is_nested(value):
        return ((value, value),) * ndim
    rows = [tuple(row) if _is_nested(row) else row for row in value]
    if not any(isinstance(row, tuple) for row in rows):
        rows = [tuple(rows)]
    pairs = [row * 2 if len(row) == 1 else row for row in rows] * (ndim if len(rows) == 1 else 1)
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"pad: expected a number, a pair, or {ndim} pairs as {name}, got {value}.")
    return tuple(pairs)


def _is_nested(value):
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0


def _repeated(x, value, axis, count):
    """`value` repeated `count` times along an axis, to be joined to `x`."""
    return broadcast_to(value, x.shape[:axis] + (count,) + x.shape[axis + 1 :])


def _constant(x, axis, width, values, mode):
    before, after = [
        _repeated(x, placed_like(x, value, x.dtype), axis, n) for value, n in zip(values, width, strict=True)
    ]
    return concatenate([before, x, after], axis)


def _gathered(x, axis, width, choice, mode):
    source = onp.pad(range(x.shape[axis]), width, mode)  # where each element of the result comes from
    return x[index_along(axis, library(x).asarray(source))]


def _reflected(x, axis, width, reflect_type, mode):
    """Mirror images; "odd" ones are mirrored at the edge in value, too.

    Of the latter each element is p * first + q * last + r * image, with numbers p + q + r = 1. These come from what
    NumPy makes of a first and of a last element 1 among zeros.
    """
    images = _gathered(x, axis, width, None, mode)
    if reflect_type == "even":
        return images
    if reflect_type != "odd":
        raise ValueError(f"pad: expected reflect_type 'even' or 'odd', got {reflect_type!r}.")
    n = x.shape[axis]
    units = onp.zeros((2, n), int)
    units[[0, 1], [0, n - 1]] = 1
    first, last = onp.pad(units, ((0, 0), width), mode, reflect_type="odd")
    p, q, r = [
        library(x).asarray(aligned(weights, axis, x.ndim), x.dtype) for weights in (first, last, 1 - first - last)
    ]
    return p * part(x, axis, 0, 1) + q * part(x, axis, n - 1, n) + r * images


def _ramp(x, axis, width, ends, mode):
    n = x.shape[axis]
    edges = [x[index_along(axis, place)] for place in (0, n - 1)]
    before, after = [
        linspace(placed_like(x, end), edge, count, endpoint=False, dtype=x.dtype, axis=axis)
        for end, edge, count in zip(ends, edges, width, strict=True)
    ]
    return concatenate([before, x, flip(after, axis)], axis)


def _statistic(function):
    def padded(x, axis, width, lengths, mode):
        n = x.shape[axis]
        first, last = [n if length is None else builtins.min(operator.index(length), n) for length in lengths]
        edges = part(x, axis, 0, first), part(x, axis, n - last, n)
        values = [function(edge, axis, keepdims=True) for edge in edges]
        if x.dtype.kind in "iu":
            values = [cast(round(value), x.dtype) for value in values]
        before, after = [_repeated(x, value, axis, count) for value, count in zip(values, width, strict=True)]
        return concatenate([before, x, after], axis)

    return padded


_MODES: dict[str, tuple[Callable, dict]] = {
    "constant": (_constant, {"constant_values": 0}),
    "edge": (_gathered, {}),
    "linear_ramp": (_ramp, {"end_values": 0}),
    "maximum": (_statistic(max), {"stat_length": None}),
    "mean": (_statistic(mean), {"stat_length": None}),
    "median": (_statistic(median), {"stat_length": None}),
    "minimum": (_statistic(min), {"stat_length": None}),
    "reflect": (_reflected, {"reflect_type": "even"}),
    "symmetric": (_reflected, {"reflect_type": "even"}),
    "wrap": (_gathered, {}),
    "empty": (_constant, {}),
}
