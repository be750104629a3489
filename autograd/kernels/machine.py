"""What runs programs of `instructions`, compiled by numba: only `loading` imports it, where numba is there."""

from __future__ import annotations

from typing import Any

import numpy
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic as _intrinsic

from .instructions import (
    AXES,
    CALL,
    CAST,
    COPY,
    COUNT,
    ERROR,
    EXPAND,
    FLAGS,
    GAPS,
    IGNORED,
    LOOP,
    MATMUL,
    OPERANDS,
    SHAPE,
    SIZES,
    WHERE,
)  # fmt: skip

__all__ = ["run"]

_HEAD = object.__basicsize__  # of an array, as of all Python objects; its fields follow
_IS_PLAIN = 0x1 | 0x100  # flags of an array: without gaps, aligned
_long = types.int64
intrinsic: Any = _intrinsic  # what it makes is called without the first argument


@intrinsic
def _call(typing: Any, function: Any, context: Any, data: Any, dims: Any, strides: Any, aux: Any) -> Any:
    """Calls a loop of NumPy's, given addresses."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [pointer] * 5)
        called = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(called, [builder.inttoptr(a, pointer) for a in args[1:]])

    return types.int32(_long, _long, _long, _long, _long, _long), generate


@intrinsic
def _call_with_number(typing: Any, function: Any, x: Any) -> Any:
    """Calls `int function(int)`, given its address."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32)])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), [builder.trunc(args[1], ir.IntType(32))])

    return types.int32(_long, _long), generate


@intrinsic
def _load(typing: Any, address: Any, kind: Any) -> Any:
    """The number of a type at an address."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = target.get_value_type(kind.dtype).as_pointer()
        return builder.load(builder.inttoptr(args[0], pointer))

    return kind.dtype(_long, kind), generate


@intrinsic
def _store(typing: Any, address: Any, x: Any) -> Any:
    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], args[1].type.as_pointer()))
        return target.get_dummy_value()

    return types.void(_long, x), generate


@njit(inline="always")
def _copy(kind, rows, columns, x, row, column, y, y_row, y_column):
    for i in range(rows):
        for j in range(columns):
            _store(y + i * y_row + j * y_column, _load(x + i * row + j * column, kind))


@njit(nogil=True)
def _copied(size, rows, columns, x, row, column, y, y_row, y_column):
    if size == 4:
        _copy(numpy.int32, rows, columns, x, row, column, y, y_row, y_column)
    elif size == 8:
        _copy(numpy.int64, rows, columns, x, row, column, y, y_row, y_column)
    elif size == 2:
        _copy(numpy.int16, rows, columns, x, row, column, y, y_row, y_column)
    else:
        _copy(numpy.int8, rows, columns, x, row, column, y, y_row, y_column)


@njit(inline="always")
def _choose(kind, n, c, c_step, a, a_step, b, b_step, y, y_step):
    for i in range(n):
        first, second = _load(a + i * a_step, kind), _load(b + i * b_step, kind)
        _store(y + i * y_step, first if _load(c + i * c_step, numpy.int8) else second)


@njit(nogil=True)
def _chosen(size, n, data, strides):
    c, a, b, y = data[0], data[1], data[2], data[3]
    if size == 4:
        _choose(numpy.int32, n, c, strides[0], a, strides[1], b, strides[2], y, strides[3])
    elif size == 8:
        _choose(numpy.int64, n, c, strides[0], a, strides[1], b, strides[2], y, strides[3])
    elif size == 2:
        _choose(numpy.int16, n, c, strides[0], a, strides[1], b, strides[2], y, strides[3])
    else:
        _choose(numpy.int8, n, c, strides[0], a, strides[1], b, strides[2], y, strides[3])


@njit(inline="always")
def _convert(kind, to, n, x, step, y, y_step):
    for i in range(n):
        _store(y + i * y_step, to(_load(x + i * step, kind)))


@njit(nogil=True)
def _cast(which, n, x, step, y, y_step):
    if which == 0:
        _convert(numpy.int8, numpy.float32, n, x, step, y, y_step)
    elif which == 1:
        _convert(numpy.int8, numpy.float64, n, x, step, y, y_step)
    elif which == 2:
        _convert(numpy.int32, numpy.float32, n, x, step, y, y_step)
    elif which == 3:
        _convert(numpy.int32, numpy.float64, n, x, step, y, y_step)
    elif which == 4:
        _convert(numpy.float32, numpy.float64, n, x, step, y, y_step)
    else:
        _convert(numpy.float64, numpy.float32, n, x, step, y, y_step)


@njit(inline="always")
def _called(code, i, data, sizes, strides):
    """Calls the loop of an instruction; `sizes` is an address."""
    loop, context, auxiliary = code[i, LOOP], code[i, LOOP + 1], code[i, LOOP + 2]
    return _call(loop, context, data.ctypes.data, sizes, strides.ctypes.data, auxiliary) & ERROR


@njit(nogil=True)
def _nested(code, i, data, sizes, strides, status):
    """A loop, or a copy, for all of two outer counts."""
    count = code[i, COUNT]
    start, at = data.copy(), numpy.empty(4, numpy.int64)
    n, inner, outer = code[i, SIZES], code[i, SIZES + 1], code[i, SIZES + 2]
    sizes[0] = n
    for k in range(outer):
        if code[i, 0] == COPY:
            o = OPERANDS
            _copied(
                code[i, SIZES + 3], inner, n, start[0] + k * code[i, o + 4], code[i, o + 3], code[i, o + 2],
                start[1] + k * code[i, o + 9], code[i, o + 8], code[i, o + 7],
            )  # fmt: skip
            continue
        for j in range(inner):
            for a in range(count):
                o = OPERANDS + 5 * a
                at[a] = start[a] + j * code[i, o + 3] + k * code[i, o + 4]
            status |= _called(code, i, at, sizes.ctypes.data, strides)
    return status


@njit(nogil=True)
def _is_plain(fields, count):
    """Whether an array, given the address of its fields, has no gaps, is aligned and has that many elements."""
    shape = _load(fields + SHAPE, numpy.int64)
    size = 1
    for i in range(_load(fields + AXES, numpy.int32)):
        size *= _load(shape + 8 * i, numpy.int64)
    return size == count and (_load(fields + FLAGS, numpy.int32) & _IS_PLAIN) == _IS_PLAIN


_TABLE, _LIST = _long[:, ::1], _long[::1]


def _compiled(function):
    kind = _long(_TABLE, _TABLE, _LIST, _LIST, _long, _long, _long, _long, _long, _LIST)
    try:
        return njit(kind, nogil=True, cache=True)(function)
    except RuntimeError:  # no folder can be written
        return njit(kind, nogil=True)(function)


@_compiled
def run(groups, code, arrays, counts, first, stop, begin, end, memory, flags):
    """Runs the groups from `first` to `stop` - 1.

    Args:
        groups, code: The program.
        arrays: Addresses of the objects that are arrays.
        counts: The numbers of their elements.
        begin, end: The blocks of the only group; -1 as `end` for all blocks of all groups.
        memory: Address of an array, the memory of a block.
        flags: Addresses of fetestexcept and feclearexcept, and the flags that are tested.

    Returns:
        The flags that were raised; GAPS or ERROR where nothing came of it.
    """
    test, clear, mask = flags[0], flags[1], flags[2]
    data, sizes, strides = numpy.empty(4, numpy.int64), numpy.empty(4, numpy.int64), numpy.empty(9, numpy.int64)
    addresses = numpy.empty(arrays.size, numpy.int64)
    for i in range(arrays.size):
        addresses[i] = _load(arrays[i] + _HEAD, numpy.int64)
        if not _is_plain(arrays[i] + _HEAD, counts[i]):
            return GAPS
    memory = _load(memory + _HEAD, numpy.int64)
    if _call_with_number(test, mask):
        _call_with_number(clear, mask)
    status = 0
    for g in range(first, stop):
        rows, columns, height, width = groups[g, 2], groups[g, 3], groups[g, 4], groups[g, 5]
        across = (columns + width - 1) // width
        low, high = (0, across * ((rows + height - 1) // height)) if end < 0 else (begin, end)
        for block in range(low, high):
            row, column = block // across * height, block % across * width
            some, others = min(height, rows - row), min(width, columns - column)
            n = some * others
            for i in range(groups[g, 0], groups[g, 1]):
                for a in range(code[i, COUNT]):
                    o = OPERANDS + 5 * a
                    base = memory if code[i, o] < 0 else addresses[code[i, o]]
                    data[a] = base + code[i, o + 1] + row * code[i, o + 3] + column * code[i, o + 4]
                    strides[a] = code[i, o + 2]
                what = code[i, 0]
                if what == CALL:
                    sizes[0] = n
                    status |= _called(code, i, data, sizes.ctypes.data, strides)
                elif what == EXPAND:
                    o, size = OPERANDS, code[i, SIZES]
                    _copied(size, some, others, data[0], code[i, o + 3], code[i, o + 4], data[1], others * size, size)
                elif what == WHERE:
                    _chosen(code[i, SIZES], n, data, strides)
                elif what == MATMUL:
                    for k in range(3):
                        o = OPERANDS + 5 * k
                        strides[3 + 2 * k], strides[4 + 2 * k] = code[i, o + 3], code[i, o + 4]
                    status |= _called(code, i, data, code[i].ctypes.data + 8 * SIZES, strides)
                elif what >= CAST:
                    _cast(what - CAST, n, data[0], strides[0], data[1], strides[1])
                else:
                    status = _nested(code, i, data, sizes, strides, status)
                raised = _call_with_number(test, mask)
                if raised:  # now, as loops of comparisons clear all flags
                    status |= raised & ~code[i, IGNORED]
                    _call_with_number(clear, mask)
    return status
