"""Whether the machine computes here what NumPy does: it uses NumPy's loops and arrays without NumPy's own checks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from .inner_loops import loop_of, mask_of
from .instructions import (
    AXES,
    CALL,
    CASTS,
    COPY,
    COUNT,
    EXPAND,
    FLAGS,
    GAPS,
    LOOP,
    MATMUL,
    NEST,
    OPERANDS,
    SHAPE,
    SIZES,
    WHERE,
    WIDTH,
)  # fmt: skip

__all__ = ["agrees"]

_UFUNCS = numpy.add, numpy.multiply, numpy.divide, numpy.maximum, numpy.less, numpy.exp, numpy.tanh, numpy.sqrt


def agrees(run: Callable[..., int], flags: Any) -> bool:
    """Whether operations of every kind give NumPy's bits, and the flags and refusals that they should.

    Args:
        run, flags: See `machine.run`.
    """
    if not _knows_arrays():
        return False
    for dtype in map(numpy.dtype, ("float32", "float64")):
        for block, rows, arrays, wanted, status in [*_elementwise(dtype), *_others(dtype), *_refused(dtype)]:
            memory, groups = numpy.zeros(1 << 12, numpy.uint8), numpy.array([(0, len(rows), *block)], numpy.int64)
            addresses, code = numpy.array([*map(id, arrays)], numpy.int64), numpy.array(rows, numpy.int64)
            counts = numpy.array([37 if status == GAPS else a.size for a in arrays], numpy.int64)
            found = run(groups, code, addresses, counts, 0, 1, 0, -1, id(memory), flags)
            if found != status or arrays[-1].tobytes() != wanted.tobytes():
                return False
    return True


def _knows_arrays():
    """Whether the fields of an array are where the machine reads them."""
    x = numpy.zeros((3, 4), numpy.float32)[:, ::2]
    fields, long, short = id(x) + object.__basicsize__, ctypes.c_int64.from_address, ctypes.c_int.from_address
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if (long(fields).value, short(fields + AXES).value, short(fields + FLAGS).value) != (x.ctypes.data, 2, x.flags.num):
        return False
    shape, strides = long(fields + SHAPE).value, long(fields + SHAPE + 8).value
    return strides == shape + 16 and (long(shape).value, long(shape + 8).value) == x.shape


def _elementwise(dtype: Any) -> Iterator[tuple[Any, ...]]:
    """Ufuncs, casts and where, in blocks of which the last one is not full."""
    block, x = (1, 37, 1, 16), numpy.linspace(0.5, 4, 37, dtype=dtype)
    a, condition = x[::-1].copy(), x > 2
    for ufunc in _UFUNCS:
        wanted = ufunc(*[a, x][: ufunc.nin])
        arrays = *[a, x][: ufunc.nin], numpy.empty_like(wanted)
        yield block, [_row(CALL, _flat(arrays), ufunc, dtype)], arrays, wanted, 0
    for name, kind in CASTS.items():
        values = condition if name[0] == "?" else x.astype(name[0])
        wanted = values.astype(name[1])
        yield block, [_row(kind, _flat((values, wanted)))], (values, numpy.empty_like(wanted)), wanted, 0
    arrays = condition, a, x, numpy.empty_like(x)
    yield block, [_row(WHERE, _flat(arrays), sizes=(x.itemsize,))], arrays, numpy.where(condition, a, x), 0
    arrays = x, numpy.zeros_like(x), numpy.empty_like(x)
    same = [_flat(arrays)[-1]] * 3
    rows = [_row(CALL, _flat(arrays), numpy.divide, dtype), _row(CALL, same, numpy.maximum, dtype)]
    yield block, rows, arrays, numpy.full_like(x, numpy.inf), mask_of(["divide"])


def _others(dtype: Any) -> Iterator[tuple[Any, ...]]:
    """What has strides along several axes."""
    alone, size = (1, 1, 1, 1), dtype.itemsize
    x, column = numpy.linspace(0.5, 4, 35, dtype=dtype).reshape(5, 7), numpy.arange(5, dtype=dtype).reshape(5, 1)
    y = numpy.zeros(5, dtype)
    sums = [(1, 0, 0, size, 0), (0, 0, size, 7 * size, 0), (1, 0, 0, size, 0)]
    yield alone, [_row(NEST, sums, numpy.add, dtype, (7, 5, 1))], (x, y), x.sum(1), 0
    transposed = [(0, 0, size, 7 * size, 0), (1, 0, 5 * size, size, 0)]
    copy = numpy.empty((7, 5), dtype)
    yield alone, [_row(COPY, transposed, sizes=(7, 5, 1, size))], (x, copy), x.T.copy(), 0
    arrays = x[:3].copy(), x.T.copy(), numpy.empty((3, 5), dtype)
    product = [(i, 0, 0, *a.strides) for i, a in enumerate(arrays)]
    yield alone, [_row(MATMUL, product, numpy.matmul, dtype, (1, 3, 7, 5))], arrays, arrays[0] @ arrays[1], 0
    rows = [
        _row(EXPAND, [(0, 0, 0, size, 0), (-1, 64, 0, 0, 0)], sizes=(size,)),
        _row(CALL, [(-1, 64, size, 0, 0), *_flat((column, x, x), 7)[1:]], numpy.add, dtype),
    ]
    yield (5, 7, 2, 7), rows, (column, x, numpy.empty_like(x)), column + x, 0


def _refused(dtype: Any) -> Iterator[tuple[Any, ...]]:
    """Inputs with gaps, not aligned, or of another size than 37."""
    y = numpy.zeros(37, dtype)
    for x in (numpy.zeros(74, dtype)[::2], numpy.zeros(37 * dtype.itemsize + 1, "u1")[1:].view(dtype), y[1:]):
        yield (1, 37, 1, 16), [_row(CALL, _flat((x, y)), numpy.exp, dtype)], (x, y), numpy.zeros_like(y), GAPS


def _flat(arrays, columns=0):
    """Operands that lie in memory, without gaps."""
    return [(i, 0, a.itemsize, columns * a.itemsize, a.itemsize) for i, a in enumerate(arrays)]


def _row(kind, operands, ufunc=None, dtype=None, sizes=()):
    row = [0] * WIDTH
    row[0], row[COUNT], row[SIZES : SIZES + len(sizes)] = kind, len(operands), sizes
    if ufunc is not None:
        loop = loop_of(ufunc, *[dtype] * ufunc.nin)
        if loop is None:
            raise NotImplementedError(f"NumPy does not give the loop of {ufunc.__name__}")
        row[LOOP : LOOP + 3] = loop.address
    for k, operand in enumerate(operands):
        row[OPERANDS + 5 * k : OPERANDS + 5 * k + 5] = operand
    return row
