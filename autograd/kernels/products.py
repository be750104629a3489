"""Products of stacks of matrices; on CuPy by one call of cuBLAS.

`cupy.matmul` copies transposed matrices, writes tables of pointers for a matrix that all products share, takes no
bfloat16 in stacks and computes float16 in copies of float32. cuBLAS needs none of that: it has flags for transposed
matrices, and steps through memory for stacks, 0 for a shared matrix.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from ..typing import DTypeLike, RawArray

__all__ = ["has_tf32", "stacked"]

# {dtype: (CUDA's name of it, dtype of what is computed)}
_TYPES = {
    "float16": ("CUDA_R_16F", "float32"), "bfloat16": ("CUDA_R_16BF", "float32"),
    "float32": ("CUDA_R_32F", "float32"), "float64": ("CUDA_R_64F", "float64"),
    "complex64": ("CUDA_C_32F", "complex64"), "complex128": ("CUDA_C_64F", "complex128"),
}  # fmt: skip


def stacked(
    xp: ModuleType,
    a: RawArray,
    b: RawArray,
    dtype: DTypeLike | None = None,
    *,
    factor: float = 1,
    out: Any = None,
    adds: bool = False,
) -> RawArray:
    """factor * a @ b of matrices (..., n, k) and (..., k, m) with as many axes, of which the first ones broadcast.

    Args:
        dtype: That of the result; float32 keeps what float16 and bfloat16 are summed in.
        factor: A number that the product is multiplied by before it is rounded.
        out: An array for the result, which has its dtype.
        adds: Whether the result is added to what is in `out`.
    """
    common = xp.result_type(a, b)
    dtype = numpy.dtype(common if dtype is None else dtype) if out is None else out.dtype
    if not hasattr(xp, "cuda") or common.name not in _TYPES:
        product = xp.matmul(a, b)
        product = (product if factor == 1 else product * product.dtype.type(factor)).astype(dtype, copy=False)
        return product if out is None else _stored(product, out, adds)
    stack = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = xp.empty((*stack, a.shape[-2], b.shape[-1]), dtype) if out is None else out
    if not y.size or not a.shape[-1]:
        return y if adds else _stored(0, y, False)
    place = _place(y)
    if place is None:
        return _stored(stacked(xp, a, b, dtype, factor=factor), y, adds)
    first, second = (_laid_out(xp, x.astype(common, copy=False), stack) for x in (a, b))
    _multiply(xp, first, second, (y, *place), factor, adds)
    return y


def _stored(product, out, adds):
    out[...] = out + product if adds else product
    return out


def _place(y):
    """Where cuBLAS writes matrices: the distances of their rows and of one from the next; None if it cannot."""
    strides = [s // y.itemsize for s in y.strides]
    step, matrix = _step(y.shape[:-2], strides[:-2]), _matrix(y.shape[-2:], strides[-2:])
    return None if step is None or matrix is None or matrix[0] else (matrix[1], step)


def _laid_out(xp, x, stack):
    """x and how cuBLAS finds its matrices, or a copy of which it can: (x, transposed, row, step), in elements."""
    broadcast = xp.broadcast_to(x, (*stack, *x.shape[-2:]))
    strides = [s // x.itemsize for s in broadcast.strides]
    step, matrix = _step(stack, strides[:-2]), _matrix(x.shape[-2:], strides[-2:])
    if step is None or matrix is None:
        x = xp.ascontiguousarray(broadcast if step is None else x)
        return _laid_out(xp, x, stack)
    return (x, *matrix, step)


def _matrix(shape: Sequence[int], strides: Sequence[int]) -> tuple[bool, int] | None:
    """Whether a matrix is transposed, and the distance of its rows, then of its columns; None if neither is dense."""
    (n, m), (row, column) = shape, strides
    for transposed, size, count, inner, outer in ((False, m, n, column, row), (True, n, m, row, column)):
        if (inner == 1 or size == 1) and (outer >= size or count == 1):
            return transposed, outer if count > 1 else size
    return None


def _step(stack: Sequence[int], strides: Sequence[int]) -> int | None:
    """The distance of one matrix from the next; None if it is not the same everywhere, or negative."""
    axes = [(n, s) for n, s in zip(stack, strides, strict=True) if n > 1]
    if any(s != n * inner for (_, s), (n, inner) in itertools.pairwise(axes)):
        return None
    step = axes[-1][1] if axes else 0
    return step if step >= 0 else None


def _multiply(xp: Any, first: tuple[Any, ...], second: tuple[Any, ...], result: tuple[Any, ...], factor, adds) -> None:
    """y = a @ b, which cuBLAS, whose matrices have their columns one after the other, computes as y.T = b.T @ a.T."""
    cublas, (a, a_transposed, a_row, a_step), (b, b_transposed, b_row, b_step) = xp.cuda.cublas, first, second
    y, y_row, y_step = result
    n, m = y.shape[-2:]
    wide = _TYPES[a.dtype.name][1]
    alpha, beta = numpy.asarray(factor, wide), numpy.asarray(adds, wide)
    cublas.gemmStridedBatchedEx(
        xp.cuda.device.get_cublas_handle(), int(b_transposed), int(a_transposed), m, n, a.shape[-1],
        alpha.ctypes.data, b.data.ptr, _kind(xp, b), b_row, b_step, a.data.ptr, _kind(xp, a), a_row, a_step,
        beta.ctypes.data, y.data.ptr, _kind(xp, y), y_row, y_step, math.prod(y.shape[:-2]),
        _arithmetic(xp, a.dtype.name), cublas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


def _kind(xp, x):
    return getattr(xp.cuda.runtime, _TYPES[x.dtype.name][0])


def _arithmetic(xp, dtype):
    """What cuBLAS computes products of arrays of a dtype in: half precision in float32, which is not TF32."""
    if dtype in ("float64", "complex128"):
        return xp.cuda.cublas.CUBLAS_COMPUTE_64F
    fast = dtype in ("float32", "complex64") and has_tf32(xp, dtype)
    return xp.cuda.cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if fast else xp.cuda.cublas.CUBLAS_COMPUTE_32F


def has_tf32(xp: Any, dtype: str = "float32") -> bool:
    """Whether products of such arrays may be computed in TF32: CuPy's own switch, CUPY_TF32=1, decides for all."""
    core = xp._core
    return core.get_compute_type(dtype) == core._routines_linalg.COMPUTE_TYPE_TF32
