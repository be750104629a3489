"""Matrices of what a caller passes: of real or complex numbers, square, Hermitian; and what belongs to each of them."""

from __future__ import annotations

from typing import Any

import numpy as onp
from numpy.linalg import LinAlgError

from ..core import Array, Tracer
from ..ops.elementwise import stop_gradient
from ..ops.linalg import adjoint
from ..typing import ArrayLike
from . import _shape
from ._common import as_array, inexact, scalar


def as_matrices(a: ArrayLike, name: str) -> Array:
    """Matrices (..., n, m) of real or complex numbers."""
    a = inexact(a)
    if a.ndim < 2:
        raise LinAlgError(f"{name}: expected matrices of shape (..., n, m), got shape {a.shape}.")
    return a


def as_square(a: ArrayLike, name: str) -> Array:
    """Square matrices (..., n, n) of real or complex numbers."""
    a = as_matrices(a, name)
    if a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"{name}: expected square matrices of shape (..., n, n), got shape {a.shape}.")
    return a


def as_hermitian(a: ArrayLike, name: str, upper: bool = False) -> Array:
    """Square matrices with the values of `a` and the derivative of (a + a^H) / 2; with `upper`, of the adjoint of `a`.

    Operations read the lower triangles of the result, so that their gradient is Hermitian.
    """
    a = as_square(a, name)
    a = adjoint(a) if upper else a
    if not isinstance(a, Tracer):
        return a
    half = (a + adjoint(a)) / 2
    return stop_gradient(a) + (half - stop_gradient(half))


def mirrored(a: ArrayLike, name: str) -> Array:
    """The Hermitian matrices whose lower triangles are those of `a`."""
    a = as_hermitian(a, name)
    return _shape.tril(a) + adjoint(_shape.tril(a, -1))


def per_matrix(x: Any, axes: int) -> Any:
    """A number as it is; an array with an element for each matrix gets more axes, of length 1."""
    x = scalar(x)
    return x if isinstance(x, (int, float, onp.generic)) else as_array(x)[(..., *(None,) * axes)]


def rank_tolerance(x: Array, shape: tuple[int, ...]) -> float:
    """Singular values below this fraction of the largest are rounding errors."""
    return max(shape[-2:]) * float(onp.finfo(x.dtype).eps)
