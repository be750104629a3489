"""Grids of coordinates, indices of parts of an array, and arrays written as an index."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from .. import backend
from ..core import kind_of, library
from ..ops.shape import broadcast_to
from ..typing import ArrayLike, DTypeLike, Result
from ._common import as_array, like, on_one_device, result_type, together
from ._elementwise import nonzero
from ._placement import create, device_of_first
from ._ranges import arange, linspace
from ._shape import concatenate, ravel, reshape, stack


def _sparse_grid(vectors):
    """Vectors, each along an axis of its own."""
    n = len(vectors)
    return [reshape(x, (1,) * i + (x.size,) + (1,) * (n - 1 - i)) for i, x in enumerate(vectors)]


def _dense(grids):
    shape = onp.broadcast_shapes(*[x.shape for x in grids])
    return [broadcast_to(x, shape=shape) for x in grids]


def meshgrid(*xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Result, ...]:
    """The coordinates of the points of a grid: for each vector an array with its elements along an axis of its own.

    With `indexing` "xy" the first vector lies along the second axis and the second along the first; with "ij" vector i
    lies along axis i. `sparse` leaves out broadcasting; `copy` has no effect.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: expected indexing 'xy' or 'ij', got {indexing!r}.")
    vectors = [ravel(x) for x in together(*xi)]
    exchanged = indexing == "xy" and len(vectors) > 1
    if exchanged:
        vectors[:2] = vectors[1::-1]
    grids = _sparse_grid(vectors) if sparse else _dense(_sparse_grid(vectors))
    if exchanged:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def indices(dimensions: Sequence[int], dtype: DTypeLike = int, sparse: bool = False) -> Any:
    """The indices of an array of shape `dimensions`, (axes, *shape); with `sparse` a tuple of arrays that broadcast."""
    vectors = [arange(n, dtype=dtype) for n in dimensions]
    if sparse:
        return tuple(_sparse_grid(vectors))
    return stack(_dense(_sparse_grid(vectors))) if vectors else create("zeros", (0,), dtype)


def fromfunction(
    function: Callable[..., Any], shape: Sequence[int], *, dtype: DTypeLike = float, like: Any = None, **kwargs: Any
) -> Any:
    """`function(*indices(shape))`: the function gets an array of indices for each axis."""
    return function(*indices(shape, dtype), **kwargs)


def ix_(*args: Any) -> tuple[Result, ...]:
    """The index of all combinations of vectors of indices or booleans: an array for each axis."""
    vectors = [as_array(x) if onp.size(x) or hasattr(x, "dtype") else as_array(x, int) for x in args]
    if any(x.ndim != 1 for x in vectors):
        raise ValueError(f"ix_: expected vectors, got shapes {', '.join(str(x.shape) for x in vectors)}.")
    return tuple(_sparse_grid([nonzero(x)[0] if x.dtype == bool else x for x in vectors]))


def diag_indices_from(arr: ArrayLike) -> tuple[Result, ...]:
    """The index of the main diagonal of an array whose axes have the same length."""
    arr = as_array(arr)
    if arr.ndim < 2 or len(set(arr.shape)) > 1:
        raise ValueError(f"diag_indices_from: expected two or more axes of equal length, got shape {arr.shape}.")
    return (like(arr, library(arr).arange(arr.shape[0])),) * arr.ndim


def tril_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Result, Result]:
    """The index of the lower triangle of a matrix, up to its diagonal `k`."""
    return _triangle_of("tril_indices_from", arr, k, onp.tril_indices)


def triu_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Result, Result]:
    """The index of the upper triangle of a matrix, from its diagonal `k` on."""
    return _triangle_of("triu_indices_from", arr, k, onp.triu_indices)


def _triangle_of(name, arr, k, places):
    arr = as_array(arr)
    if arr.ndim != 2:
        raise ValueError(f"{name}: expected a matrix, got shape {arr.shape}.")
    return tuple(like(arr, library(arr).asarray(i)) for i in places(arr.shape[0], k, arr.shape[1]))


class _Grid:
    """`numpy.mgrid` or `numpy.ogrid`, on the default device."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, key: Any) -> Any:
        device = backend.default_device()
        with device.current():
            made = getattr(device.library, self._name)[key]
        return tuple(made) if isinstance(made, list) else made


mgrid: _Grid = _Grid("mgrid")
ogrid: _Grid = _Grid("ogrid")


class _Joined:
    """`numpy.r_` or `numpy.c_`: joins arrays, numbers and slices (as `arange`, with an imaginary step as `linspace`).

    Args:
        axis: The axis along which they are joined.
        ndim: The least number of axes of each.
        start: Where the axes of an array are placed among the added ones.
    """

    def __init__(self, axis: int, ndim: int, start: int) -> None:
        self._layout = axis, ndim, start

    def __getitem__(self, key: Any) -> Result:
        parts = list(key) if isinstance(key, tuple) else [key]
        axis, ndim, start = self._layout
        if isinstance(parts[0], str):
            layout = parts.pop(0)
            if not layout.replace(",", "").replace("-", "").isdecimal():
                raise ValueError(f"r_: expected axes such as '0,2,-1' (axis, ndim, start), got {layout!r}.")
            given = [int(number) for number in layout.split(",")]
            axis, ndim, start = given + list((axis, ndim, -1)[len(given) :])
        with device_of_first(parts):
            pieces = [_piece(part) for part in on_one_device(*parts)]
        known = [x if kind_of(p) is None else p for p, x in zip(parts, pieces, strict=True)]
        return concatenate([_with_axes(x, ndim, start) for x in pieces], axis, dtype=result_type(*known))


def _piece(part):
    if not isinstance(part, slice):
        return as_array(part)
    first, step = part.start or 0, 1 if part.step is None else part.step
    if isinstance(step, complex):
        return linspace(first, part.stop, int(abs(step)))
    return arange(first, part.stop, step)


def _with_axes(x, ndim, start):
    missing = max(ndim - x.ndim, 0)
    before = start + missing + 1 if start < 0 else start
    return reshape(x, (1,) * before + x.shape + (1,) * (missing - before)) if missing else x


r_: _Joined = _Joined(0, 1, -1)
c_: _Joined = _Joined(-1, 2, 0)
