"""BLAS's product of matrices in compiled loops: only `compiled` imports it, where numba is there."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic

__all__ = ["gemm"]

_ROWS, _AS_IT_IS = 101, 111  # CblasRowMajor and CblasNoTrans; CblasTrans is 112
intrinsic: Any = _intrinsic  # what it makes is called without the first argument


@intrinsic
def gemm(
    typing: Any,
    function: Any,
    n: Any,
    m: Any,
    k: Any,
    factor: Any,
    a: Any,
    a_row: Any,
    a_flip: Any,
    b: Any,
    b_row: Any,
    b_flip: Any,
    old: Any,
    y: Any,
    y_row: Any,
) -> Any:
    """y = factor * a @ b + old * y of matrices (n, k), (k, m) and (n, m), given the address of `cblas_?gemm`.

    Of each matrix there are its address, the distance of its rows in elements, and, as a number, whether it is stored
    transposed. Sizes have 64 bits.
    """

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, n, m, k, factor, a, a_row, a_flip, b, b_row, b_flip, old, y, y_row = args
        number, long, real = ir.IntType(32), ir.IntType(64), factor.type
        pointer = real.as_pointer()
        kinds = [number] * 3 + [long] * 3 + [real, pointer, long, pointer, long, real, pointer, long]
        called = builder.inttoptr(address, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        flips = [builder.add(builder.trunc(flip, number), number(_AS_IT_IS)) for flip in (a_flip, b_flip)]
        a, b, y = [builder.inttoptr(x, pointer) for x in (a, b, y)]
        builder.call(called, [number(_ROWS), *flips, n, m, k, factor, a, a_row, b, b_row, old, y, y_row])
        return target.get_dummy_value()

    long = types.int64
    matrix = [long] * 3
    return types.void(*[long] * 4, factor, *matrix, *matrix, factor, long, long), generate
