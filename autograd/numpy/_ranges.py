"""Ranges of numbers: evenly spaced ones, and powers."""

from __future__ import annotations

import operator
from typing import Any, Literal, overload

import numpy as onp

from ..core import Array, kind_of, library
from ..dtypes import complete_dtype
from ..ops.elementwise import absolute, equal, floor, log10, power, where
from ..typing import ArrayLike, DeviceLike, DTypeLike, Result
from ._common import as_array, as_dtype, cast, known, on_one_device, result_type
from ._creation import array, asarray
from ._placement import create, placed_like
from ._shape import expand_dims, moveaxis


def arange(
    *args: Any,
    start: ArrayLike = 0,
    stop: ArrayLike | None = None,
    step: ArrayLike = 1,
    dtype: DTypeLike = None,
    device: DeviceLike | None = None,
    like: Any = None,
) -> Result:
    """Evenly spaced numbers: `arange(stop)`, `arange(start, stop)` or `arange(start, stop, step)`, and `dtype`.

    They may be given by name as well.
    """
    if len(args) > 4:
        raise TypeError(f"arange: expected at most start, stop, step and dtype, got {len(args)} arguments.")
    names = ("start", "stop", "step", "dtype")
    given = {"start": start, "stop": stop, "step": step, "dtype": dtype, **dict(zip(names, args, strict=False))}
    if given["stop"] is None:
        if not args:
            raise TypeError("arange: expected a stop, got none.")
        given |= {"start": 0, "stop": args[0]}
    numbers = [given[name] for name in names[:3]]
    if any(isinstance(x, complex) for x in numbers):
        raise TypeError(f"arange: expected real numbers, got {numbers}.")
    return create("arange", *numbers, dtype=as_dtype(given["dtype"]), device=device)


@overload
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: Literal[False] = False,
    dtype: DTypeLike = None,
    axis: int = 0,
    *,
    device: DeviceLike | None = None,
) -> Result: ...
@overload
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
    *,
    device: DeviceLike | None = None,
) -> Any: ...
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
    *,
    device: DeviceLike | None = None,
) -> Any:
    """`num` evenly spaced numbers from `start` to `stop`, which may be arrays and traced, along a new axis.

    Args:
        endpoint: Whether `stop` is the last number.
        retstep: Whether to return (numbers, distance between two).
        axis: The place of the new axis in the result.
    """
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: expected a non-negative number of samples, got {num}.")
    steps = num - 1 if endpoint else num
    start, stop = _ends(start, stop, device)
    step = (stop - start) / max(steps, 1)
    counts = _counts(num, start, stop)
    numbers = where(equal(counts, max(steps, 1)), stop, start + step * counts)  # the last one is exact
    if dtype is not None:
        wanted = complete_dtype("dtype", dtype)
        numbers = cast(floor(numbers) if wanted.kind in "iu" else numbers, wanted)
    numbers = moveaxis(numbers, 0, axis) if axis else numbers
    return (numbers, step if steps > 0 else step * onp.nan) if retstep else numbers


def _ends(start: ArrayLike, stop: ArrayLike, device: DeviceLike | None = None) -> list[Array]:
    """Both as arrays of real or complex numbers; a Python number comes to the dtype and the device of the other one."""
    given = on_one_device(start, stop)
    ends: list[Any] = [asarray(x, device=device) if kind_of(x) is None else x for x in given]
    dtype = result_type(*ends, 0.0)
    near = [x for x in ends if kind_of(x) is None]
    return [placed_like(near[0], x, dtype) if near else asarray(x, dtype, device=device) for x in ends]


def _counts(num, start, stop):
    """0 to num - 1 along a new first axis of what `start` and `stop` broadcast to, in their dtype."""
    near = start if library(start) is library(stop) or start.ndim else stop
    counts = library(near).arange(num, dtype=onp.result_type(start.dtype, stop.dtype))
    return counts.reshape((num,) + (1,) * max(start.ndim, stop.ndim))


def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Result:
    """`num` powers of `base`, their exponents evenly spaced from `start` to `stop`; all three may be traced."""
    start, stop, base = on_one_device(start, stop, base)
    if not isinstance(base, int | float | complex):
        base = as_array(base)
        start, stop = array(start, copy=False, ndmin=base.ndim), array(stop, copy=False, ndmin=base.ndim)
        base = expand_dims(base, axis) if base.ndim else base
    numbers = power(base, linspace(start, stop, num, endpoint, axis=axis))
    return numbers if dtype is None else cast(numbers, dtype)


def geomspace(
    start: ArrayLike, stop: ArrayLike, num: int = 50, endpoint: bool = True, dtype: DTypeLike = None, axis: int = 0
) -> Result:
    """`num` numbers from `start` to `stop` with a constant ratio; complex ones form a spiral."""
    start, stop = _ends(start, stop)
    for end in (start, stop):
        if (numbers := known(end)) is not None and not numbers.all():
            raise ValueError("geomspace: expected ends that are not 0.")
    unit = start / absolute(start)
    first, last = start / unit, stop / unit
    numbers = unit * logspace(log10(first), log10(last), num, endpoint)
    counts = _counts(num, start, stop)
    numbers = where(equal(counts, 0), start, where(equal(counts, num - 1 if endpoint else num), stop, numbers))
    numbers = moveaxis(numbers, 0, axis) if axis else numbers
    return numbers if dtype is None else cast(numbers, dtype)
