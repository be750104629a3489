"""Norms of vectors and matrices, and what is measured by them or by singular values."""

from __future__ import annotations

from typing import Any

import numpy as onp

from ..axes import complete_axes
from ..core import library
from ..ops import linalg as ops
from ..ops import reduction
from ..ops.elementwise import single, stop_gradient
from ..typing import ArrayLike, Axes, Result
from . import _shape
from ._common import as_array, inexact, like, scalar
from ._elementwise import absolute, isnan, where
from ._matrices import as_matrices, as_square, mirrored, per_matrix, rank_tolerance
from ._reduction import amax, amin, any, count_nonzero, sum


def norm(x: ArrayLike, ord: float | str | None = None, axis: Axes = None, keepdims: bool = False) -> Result:
    """The norm of vectors, or of matrices if `axis` names two axes or `x` is a matrix and `ord` is given.

    Args:
        x: The array.
        ord: For vectors None or 2 (Euclidean), 1, 0, inf, -inf or any number. For matrices None or "fro" (Frobenius),
            "nuc" (sum of singular values), 2, -2 (largest and smallest of them), 1, -1 (of columns), inf, -inf (of
            rows). The gradient of a Euclidean norm is 0 where the norm is 0 (PyTorch's convention).
        axis: The axis of vectors or the two of matrices; all by default.
        keepdims: Whether these axes stay, with length 1.
    """
    x = inexact(x)
    axes = complete_axes(axis, x.ndim)
    if ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2):
        return reduction.norm(x, axis=axes, keepdims=bool(keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) != 2 or ord not in _MATRIX_NORMS:
        where = f"for axis {axis} of shape {x.shape}"
        raise ValueError(f"norm: expected an order of vectors or matrices, got {ord!r} {where}.")
    y = _MATRIX_NORMS[ord](_shape.moveaxis(x, axes, (-2, -1)))
    return _shape.expand_dims(y, axes) if keepdims else scalar(y)


_MATRIX_NORMS: dict[Any, Any] = {
    "nuc": lambda x: sum(ops.svdvals(x), -1),
    2: lambda x: amax(ops.svdvals(x), -1),
    -2: lambda x: amin(ops.svdvals(x), -1),
    1: lambda x: amax(sum(absolute(x), -2), -1),
    -1: lambda x: amin(sum(absolute(x), -2), -1),
    onp.inf: lambda x: amax(sum(absolute(x), -1), -1),
    -onp.inf: lambda x: amin(sum(absolute(x), -1), -1),
}


def _vector_norm(x, ord, axes, keepdims):
    return as_array(scalar(_norm_of_order(absolute(single(x)), ord, axes, keepdims)), x.real.dtype)


def _norm_of_order(sizes, ord, axes, keepdims):
    if ord == onp.inf:
        return amax(sizes, axes, keepdims=keepdims, initial=0)
    if ord == -onp.inf:
        return amin(sizes, axes, keepdims=keepdims)
    if ord == 0:
        return sum((sizes != 0).astype(sizes.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return sum(sizes, axes, keepdims=keepdims)
    total = sum(sizes**ord, axes, keepdims=keepdims)
    zero = total == 0  # there the gradient is 0
    return where(zero, 0, where(zero, 1, total) ** (1 / ord)) if ord > 0 else total ** (1 / ord)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Result:
    """The norm of matrices (..., n, m): see `norm`."""
    return norm(as_matrices(x, "matrix_norm"), ord, (-2, -1), keepdims)


def vector_norm(x: ArrayLike, /, *, axis: Axes = None, keepdims: bool = False, ord: float = 2) -> Result:
    """The norm of vectors, whose elements lie along one or several axes (all by default): see `norm`."""
    x = inexact(x)
    axes = complete_axes(axis, x.ndim)
    return reduction.norm(x, axis=axes, keepdims=keepdims) if ord == 2 else _vector_norm(x, ord, axes, keepdims)


def cond(x: ArrayLike, p: float | str | None = None) -> Result:
    """The condition number of matrices in norm `p`.

    By singular values for 2 (None) and -2, else norm(x, p) * norm(inv(x), p); infinite for singular matrices.
    """
    x = as_matrices(x, "cond")
    if p is None or p in (2, -2):
        s = ops.svdvals(x)
        with onp.errstate(divide="ignore", invalid="ignore"):
            ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        return scalar(where(isnan(ratio) & ~any(isnan(x), (-2, -1)), onp.inf, ratio))
    singular = ops.slogdet(stop_gradient(as_square(x, "cond")))[0] == 0
    safe = where(singular[..., None, None], like(x, library(x).eye(x.shape[-1], dtype=x.dtype)), x)
    return scalar(where(singular, onp.inf, matrix_norm(safe, ord=p) * matrix_norm(ops.inv(safe), ord=p)))


def matrix_rank(
    A: ArrayLike, tol: ArrayLike | None = None, hermitian: bool = False, *, rtol: ArrayLike | None = None
) -> Result:
    """The number of singular values above `tol`, or above `rtol` times the largest; it has no gradient."""
    a = stop_gradient(as_array(A))
    if a.ndim < 2:
        return any(a != 0).astype(int)
    if tol is not None and rtol is not None:
        raise ValueError("matrix_rank: expected tol or rtol, got both.")
    s = ops.svdvals(mirrored(a, "matrix_rank") if hermitian else inexact(a))
    if tol is None:
        relative = rank_tolerance(s, a.shape) if rtol is None else per_matrix(rtol, 1)
        tol = amax(s, -1, keepdims=True, initial=0) * relative
    else:
        tol = per_matrix(tol, 1)
    return count_nonzero(s > tol, -1)
