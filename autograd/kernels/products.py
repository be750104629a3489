"""Products of matrices and stacks of them; on CuPy by one call of cuBLAS, on NumPy large ones in our own threads.

OpenBLAS's threads wait for the next product without sleeping, for milliseconds, and take cores from ours meanwhile: so
they are not used at all. An LSTM of 100 steps takes two thirds of the time.

`cupy.matmul` copies transposed matrices, writes tables of pointers for a matrix that all products share, takes no
bfloat16 in stacks and computes float16 in copies of float32. cuBLAS needs none of that: it has flags for transposed
matrices, and steps through memory for stacks, 0 for a shared matrix.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .blas import one_thread
from .compiled import each, threads
from .recorded_products import Calls, calls, can_be_recorded

if TYPE_CHECKING:
    from ..typing import DTypeLike, RawArray

__all__ = ["WORK", "has_tf32", "is_small", "on_device", "product", "stacked"]

WORK = 1 << 22  # multiplications that are worth several threads
ALONE = 1 << 20  # up to so many, OpenBLAS takes one thread
PARTS = 16  # of a stack
LEAST = 16  # rows or columns of a part

# {dtype: (CUDA's name of it, dtype of what is computed)}
_TYPES = {
    "float16": ("CUDA_R_16F", "float32"), "bfloat16": ("CUDA_R_16BF", "float32"),
    "float32": ("CUDA_R_32F", "float32"), "float64": ("CUDA_R_64F", "float64"),
    "complex64": ("CUDA_C_32F", "complex64"), "complex128": ("CUDA_C_64F", "complex128"),
}  # fmt: skip


def is_small(a: Any, b: Any) -> bool:
    """Whether NumPy does as well: for vectors, and for matrices of which OpenBLAS multiplies each in one thread."""
    first: Any = getattr(a, "shape", ())  # numbers have none
    second: Any = getattr(b, "shape", ())
    if len(first) < 2 or len(second) < 2:
        return True
    return max(math.prod(first[:-2]), math.prod(second[:-2])) * first[-2] * first[-1] * second[-1] <= ALONE


def product(a: RawArray, b: RawArray, out: Any = None) -> RawArray:
    """a @ b on NumPy; if it is not small, in our threads: to each a part of the stack, or of the rows or columns.

    Args:
        out: An array for the result, apart from `a` and `b`.
    """
    if is_small(a, b):
        return numpy.matmul(a, b, out=out)
    stack = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if out is None:
        out = numpy.empty((*stack, a.shape[-2], b.shape[-1]), numpy.result_type(a, b))
    if stack and stack[0] == 1:
        product(a[0] if a.ndim == out.ndim else a, b[0] if b.ndim == out.ndim else b, out[0])
        return out
    with one_thread() as alone:
        parts: list[Any] = [(a, b, out)]
        if alone:
            parts = list((_parts_of_stack if stack else _parts_of_matrix)(a, b, out))
        each(lambda i: numpy.matmul(*parts[i]), len(parts))
    return out


def _parts_of_stack(a, b, y):
    """The matrices of both factors and of the result that are computed together."""
    step = max(1, -(-len(y) // PARTS))
    for start in range(0, len(y), step):
        part = slice(start, start + step)
        yield *(x[part] if x.ndim == y.ndim and len(x) > 1 else x for x in (a, b)), y[part]


def _parts_of_matrix(a, b, y):
    """The same for rows, or columns if there are more of these, for each thread."""
    (n, m), work = y.shape, a.size * b.shape[1]
    count = max(1, min(threads(), work // WORK, max(n, m) // LEAST))
    if a.ctypes.data == b.ctypes.data:
        count = 1  # NumPy makes the product of a matrix with its own transpose symmetric
    step = max(1, -(-max(n, m) // count))
    for start in range(0, max(n, m), step):
        part = slice(start, start + step)
        yield (a[part], b, y[part]) if n >= m else (a, b[:, part], y[:, part])


def on_device(xp: Any, a: Any, b: Any) -> RawArray:
    """a @ b on CuPy: by CuPy, or by `stacked` if the stream records and these are matrices or vectors."""
    if not can_be_recorded(xp):
        return xp.matmul(a, b)
    fits = 0 < getattr(a, "ndim", 0) < 3 > getattr(b, "ndim", 0) > 0 and a.shape[-1] == b.shape[0]
    if not fits or _common(a.dtype, b.dtype) is None or calls(xp) is None:
        return xp.matmul(a, b)
    y = stacked(xp, a[None, None, :] if a.ndim == 1 else a[None], b[None, :, None] if b.ndim == 1 else b[None])
    return y.reshape((*a.shape[:-1], *b.shape[1:]))


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
    common = _common(a.dtype, b.dtype) if hasattr(xp, "cuda") else None
    if common is None:
        y = product(a, b) if xp is numpy else xp.matmul(a, b)
        y = y if factor == 1 else y * y.dtype.type(factor)
        y = y.astype(y.dtype if dtype is None else dtype, copy=False)
        return y if out is None else _stored(y, out, adds)
    stack, y = _stack(a.shape[:-2], b.shape[:-2]), out
    if y is None:
        y = xp.ndarray((*stack, a.shape[-2], b.shape[-1]), common if dtype is None else numpy.dtype(dtype))
    if not y.size or not a.shape[-1]:
        return y if adds else _stored(0, y, False)
    step, matrix = _layout(y.shape, y.strides, y.itemsize, stack)
    if step is None or matrix is None or matrix[0]:
        return _stored(stacked(xp, a, b, y.dtype, factor=factor), y, adds)
    a, b = a.astype(common, copy=False), b.astype(common, copy=False)
    _multiply(xp, _laid_out(xp, a, stack), _laid_out(xp, b, stack), (y, matrix[1], step), factor, adds)
    return y


@functools.lru_cache(256)
def _common(*dtypes: numpy.dtype[Any]) -> numpy.dtype[Any] | None:
    """The dtype that matrices of these dtypes are multiplied in; None if cuBLAS does not have it."""
    common = numpy.result_type(*dtypes)
    return common if common.name in _TYPES else None


@functools.lru_cache(4096)
def _stack(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    return numpy.broadcast_shapes(*shapes)


def _stored(product, out, adds):
    out[...] = out + product if adds else product
    return out


def _laid_out(xp, x, stack):
    """x and how cuBLAS finds its matrices, or a copy of which it can: (x, transposed, row, step), in elements."""
    step, matrix = _layout(x.shape, x.strides, x.itemsize, stack)
    if step is None or matrix is None:
        x = xp.ascontiguousarray(xp.broadcast_to(x, (*stack, *x.shape[-2:])) if step is None else x)
        return _laid_out(xp, x, stack)
    return (x, *matrix, step)


@functools.lru_cache(4096)
def _layout(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, stack: tuple[int, ...]
) -> tuple[int | None, tuple[bool, int] | None]:
    """`_step` and `_matrix` of an array that is broadcast to a stack of matrices."""
    elements = [s // itemsize for s in strides]
    own = [0 if n == 1 else s for n, s in zip(shape[:-2], elements[:-2], strict=True)]
    return _step(stack, [0] * (len(stack) - len(own)) + own), _matrix(shape[-2:], elements[-2:])


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


def _multiply(
    xp: Any, first: tuple[Any, ...], second: tuple[Any, ...], result: tuple[Any, ...], factor: float, adds: bool
) -> None:
    """y = a @ b, which cuBLAS, whose matrices have their columns one after the other, computes as y.T = b.T @ a.T."""
    (a, a_transposed, *of_a), (b, b_transposed, *of_b), (y, *of_y) = first, second, result
    n, m = y.shape[-2:]
    count = math.prod(y.shape[:-2])
    name, kind, wide = _types(xp, a.dtype)
    (_alpha, alpha_address), (_beta, beta_address) = _number(factor, wide), _number(adds, wide)
    if count == 1:  # rows alone, no steps
        of_a, of_b, of_y = of_a[:1], of_b[:1], of_y[:1]
    cublas = calls(xp) or Calls(
        xp.cuda.device.get_cublas_handle(), xp.cuda.cublas.gemmEx, xp.cuda.cublas.gemmStridedBatchedEx
    )
    arguments = [
        cublas.handle, int(b_transposed), int(a_transposed), m, n, a.shape[-1],
        alpha_address, b.data.ptr, kind, *of_b, a.data.ptr, kind, *of_a,
        beta_address, y.data.ptr, _types(xp, y.dtype)[1], *of_y,
    ]  # fmt: skip
    how = _arithmetic(xp, name), xp.cuda.cublas.CUBLAS_GEMM_DEFAULT
    if count == 1:
        cublas.gemm(*arguments, *how)
    else:
        cublas.gemms(*arguments, count, *how)


@functools.lru_cache(256)
def _types(xp: Any, dtype: numpy.dtype[Any]) -> tuple[str, int, str]:
    """The name of a dtype, CUDA's number for it, and the dtype of what is computed."""
    name, wide = _TYPES[dtype.name]
    return dtype.name, getattr(xp.cuda.runtime, name), wide


@functools.lru_cache(256)
def _number(x: float, wide: str) -> tuple[Any, int]:
    """A number in the dtype of what is computed, and its address on the host."""
    array = numpy.asarray(x, wide)
    return array, array.ctypes.data


def _arithmetic(xp, dtype):
    """What cuBLAS computes products of arrays of a dtype in: half precision in float32, which is not TF32."""
    if dtype in ("float64", "complex128"):
        return xp.cuda.cublas.CUBLAS_COMPUTE_64F
    fast = dtype in ("float32", "complex64") and has_tf32(xp, dtype)
    return xp.cuda.cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if fast else xp.cuda.cublas.CUBLAS_COMPUTE_32F


def has_tf32(library: Any, dtype: str = "float32") -> bool:
    """Whether products of such arrays may be computed in TF32: CuPy's own switch, CUPY_TF32=1, decides for all."""
    core = library._core
    return core.get_compute_type(dtype) == core._routines_linalg.COMPUTE_TYPE_TF32
