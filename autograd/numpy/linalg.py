"""Linear algebra of matrices, (..., n, m), with NumPy's names and parameters; leading axes are stacks of matrices.

Parameters are explained at https://numpy.org/doc/stable/reference/routines.linalg.html. Float32 stays float32, integers
become float64, half precision is computed in float32.

Where a matrix is taken to be Hermitian (`cholesky`, `eigh`, `eigvalsh`), one triangle is read and the gradient is that
with respect to (a + a^H) / 2, as in JAX and PyTorch: it is Hermitian. The triangle that is not read must be finite.

Eigenvectors, singular vectors and columns that complete a basis are unique only up to a phase (real ones: a sign): what
is computed of them must not depend on it, else its gradient means nothing. Where eigenvalues or singular values are
equal, gradients through them alone are finite (`eigvalsh`, `svdvals`, norms), those through vectors infinite or NaN.

What cannot be computed raises a `LinAlgError` with NumPy. CuPy gives NaN, infinity or meaningless numbers, but
for within `autograd.debug()` or `cupyx.errstate(linalg="raise")`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as onp
from numpy.linalg import LinAlgError

from ..core import Tracer, library
from ..ops import linalg as ops
from ..ops.elementwise import stop_gradient
from ..ops.linalg import adjoint
from ..typing import ArrayLike, DTypeLike, Result
from . import _indexing, _product, _shape
from ._common import as_array, inexact, like, refuse_output
from ._eigenvalues import real_if_all_are
from ._elementwise import absolute
from ._matrices import as_hermitian, as_matrices, as_square, mirrored, per_matrix, rank_tolerance
from ._norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from ._reduction import count_nonzero, sum

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq",
    "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv",
    "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip


class EigResult(NamedTuple):
    """Eigenvalues (..., n) and eigenvectors (..., n, n) in columns, of `eig`."""

    eigenvalues: Result
    eigenvectors: Result


class EighResult(NamedTuple):
    """Eigenvalues (..., n) and eigenvectors (..., n, n) in columns, of `eigh`."""

    eigenvalues: Result
    eigenvectors: Result


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle, of `qr`."""

    Q: Result
    R: Result


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of determinants, of `slogdet`."""

    sign: Result
    logabsdet: Result


class SVDResult(NamedTuple):
    """Singular vectors in columns, singular values, and singular vectors in rows, of `svd`."""

    U: Result
    S: Result
    Vh: Result


def _upper(uplo: str, name: str) -> bool:
    """Whether `uplo` is "U"; ValueError if it is neither "U" nor "L"."""
    if uplo not in ("L", "U", "l", "u"):
        raise ValueError(f"{name}: expected UPLO 'L' or 'U', got {uplo!r}.")
    return uplo in ("U", "u")


# Inverses and systems of equations.
def inv(a: ArrayLike) -> Result:
    """The inverses of square matrices; LinAlgError if one is singular, with NumPy."""
    return ops.inv(as_square(a, "inv"))


def solve(a: ArrayLike, b: ArrayLike) -> Result:
    """x of a x = b, for `a` (..., n, n) and `b` (..., n, k), or a vector (n,) if `b` has one axis."""
    a, b = as_square(a, "solve"), inexact(b)
    return ops.solve(a, b[:, None])[..., 0] if b.ndim == 1 else ops.solve(a, as_matrices(b, "solve"))


_NOT_GIVEN: Any = object()


def pinv(
    a: ArrayLike, rcond: ArrayLike | None = None, hermitian: bool = False, *, rtol: ArrayLike | None = _NOT_GIVEN
) -> Result:
    """The Moore-Penrose pseudoinverses (..., m, n) of matrices (..., n, m); differentiable where the rank is constant.

    Singular values up to `rcond` times the largest count as 0: a number, 1e-15 by default, or an array of one for each
    matrix. `rtol` is another name of it; None means the precision times max(n, m). With `hermitian`, `a` is taken to be
    Hermitian and its lower triangle is read.
    """
    a = mirrored(a, "pinv") if hermitian else as_matrices(a, "pinv")
    if rtol is not _NOT_GIVEN:
        if rcond is not None:
            raise ValueError("pinv: expected rcond or rtol, got both.")
        rcond = rank_tolerance(a, a.shape) if rtol is None else rtol
    return ops.pinv(a, 1e-15 if rcond is None else per_matrix(rcond, 2))


def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> tuple[Result, Result, Result, Result]:
    """The least-squares solution of a x = b, of least norm if there are several.

    Args:
        a: A matrix (n, m).
        b: A vector (n,) or a matrix (n, k).
        rcond: Singular values up to `rcond` times the largest count as 0; by default the precision times max(n, m).

    Returns:
        (x, residuals, rank, s): the solution, the squared norms of b - a x, the rank and the singular values of `a`.
        `residuals` is empty unless n > m = rank, under vmap unless n > m.
    """
    a, b = as_matrices(a, "lstsq"), inexact(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise LinAlgError(f"lstsq: expected a of shape (n, m) and b (n,) or (n, k), got {a.shape} and {b.shape}.")
    n, m = a.shape
    s = ops.svdvals(a)
    rcond = rank_tolerance(a, a.shape) if rcond is None else rcond if rcond >= 0 else float(onp.finfo(a.dtype).eps)
    rank = count_nonzero(stop_gradient(s) > rcond * stop_gradient(s)[:1]).astype("int32")
    x = _product.matmul(ops.pinv(a, rcond), b)
    if n > m and (isinstance(rank, Tracer) or int(rank) == m):  # lanes of vmap have one shape
        errors = absolute(b - _product.matmul(a, x))
        return x, sum(errors * errors, 0, keepdims=b.ndim == 1), rank, s
    return x, like(s, library(s).zeros(0, s.dtype)), rank, s


def tensorinv(a: ArrayLike, ind: int = 2) -> Result:
    """The inverse of `a` as a matrix of its first `ind` axes by the others.

    Its shape is a.shape[ind:] + a.shape[:ind].
    """
    a = inexact(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: expected a positive ind, got {ind}.")
    shape = a.shape[ind:] + a.shape[:ind]
    return _shape.reshape(inv(_shape.reshape(a, (math.prod(a.shape[:ind]), math.prod(a.shape[ind:])))), shape)


def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None = None) -> Result:
    """x of tensordot(a, x, x.ndim) = b; `axes` of `a` are moved to its end first."""
    tensor, b = inexact(a), inexact(b)
    if axes is not None:
        last = tuple(range(tensor.ndim - len(axes), tensor.ndim))
        tensor = _shape.moveaxis(tensor, tuple(axes), last)
    shape = tensor.shape[b.ndim :]
    return _shape.reshape(solve(_shape.reshape(tensor, (b.size, math.prod(shape))), _shape.ravel(b)), shape)


# Determinants.
def det(a: ArrayLike) -> Result:
    """The determinants of square matrices; the gradient is right for singular ones, too.

    The gradient costs a singular value decomposition on a GPU, and for singular matrices; that of `slogdet` an inverse.
    """
    return ops.det(as_square(a, "det"))


def slogdet(a: ArrayLike) -> SlogdetResult:
    """(sign, logabsdet): the signs of determinants and the logarithms of their absolute values."""
    return SlogdetResult(*ops.slogdet(as_square(a, "slogdet")))


# Decompositions.
def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Result:
    """The lower triangular l of a = l l^H, for positive definite matrices; with `upper` the upper u of a = u^H u."""
    lower = ops.cholesky(as_hermitian(a, "cholesky", upper))
    return adjoint(lower) if upper else lower


def eigh(a: ArrayLike, UPLO: str = "L") -> EighResult:
    """The eigenvalues (..., n), ascending, and eigenvectors (..., n, n), in columns, of Hermitian matrices.

    `UPLO` says which triangle is read, "L" or "U".
    """
    return EighResult(*ops.eigh(as_hermitian(a, "eigh", _upper(UPLO, "eigh"))))


def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Result:
    """The eigenvalues (..., n) of Hermitian matrices, ascending; `UPLO` says which triangle is read, "L" or "U"."""
    return ops.eigvalsh(as_hermitian(a, "eigvalsh", _upper(UPLO, "eigvalsh")))


def eig(a: ArrayLike) -> EigResult:
    """The eigenvalues (..., n) and eigenvectors (..., n, n), in columns of length 1, of square matrices.

    Those of an Array, on a GPU and under `vmap` and `Jit` are complex even where all are real (unlike NumPy's): there
    the dtype does not depend on the numbers.
    """
    return EigResult(*real_if_all_are(a, *ops.eig(as_square(a, "eig"))))


def eigvals(a: ArrayLike) -> Result:
    """The eigenvalues (..., n) of square matrices: see `eig`."""
    return real_if_all_are(a, ops.eigvals(as_square(a, "eigvals")))[0]


def svd(a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """The singular value decomposition of matrices (..., n, m): a = (u * s) @ vh, with k = min(n, m) singular values.

    With `hermitian`, `a` is taken to be Hermitian and its lower triangle is read.

    Returns:
        (U, S, Vh): u (..., n, n) or, unless `full_matrices`, (..., n, k); s (..., k), descending; vh (..., m, m) or
        (..., k, m). Only s without `compute_uv`.
    """
    a = mirrored(a, "svd") if hermitian else as_matrices(a, "svd")
    return SVDResult(*ops.svd(a, full_matrices=bool(full_matrices))) if compute_uv else ops.svdvals(a)


def svdvals(x: ArrayLike, /) -> Result:
    """The singular values (..., k) of matrices, descending."""
    return ops.svdvals(as_matrices(x, "svdvals"))


def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """The decomposition a = q r of matrices (..., n, m) into orthonormal columns and an upper triangle; k = min(n, m).

    The gradient is right where the first k columns are linearly independent. NumPy's mode "raw" has no derivative.

    Returns:
        (Q, R): q (..., n, k) and r (..., k, m); q (..., n, n) and r (..., n, m) with mode "complete"; only r (..., k,
        m) with mode "r".
    """
    a = as_matrices(a, "qr")
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: expected mode 'reduced', 'complete' or 'r', got {mode!r}; others have no derivative.")
    n = a.shape[-2]
    q, r = ops.qr(a[..., :n], complete=mode == "complete")
    if a.shape[-1] > n:
        r = _shape.concatenate([r, _product.matmul(adjoint(q), a[..., n:])], -1)
    return r if mode == "r" else QRResult(q, r)


# Products.
def matrix_power(a: ArrayLike, n: int) -> Result:
    """The n-th power of square matrices, by squaring; that of their inverses if `n` is negative."""
    n, matrix = operator.index(n), as_square(a, "matrix_power")
    a, n = (ops.inv(matrix), -n) if n < 0 else (as_array(a), n)
    power = None if n else like(a, library(a).zeros(a.shape, a.dtype) + library(a).eye(a.shape[-1], dtype=a.dtype))
    while n:
        if n % 2:
            power = a if power is None else _product.matmul(power, a)
        n //= 2
        a = _product.matmul(a, a) if n else a
    return power


def multi_dot(arrays: Sequence[ArrayLike], *, out: None = None) -> Result:
    """The product of two or more matrices in the cheapest order; the first and the last may be vectors.

    Source: Cormen et al., Introduction to Algorithms, section on matrix-chain multiplication.
    """
    refuse_output(out, "multi_dot")
    factors = [as_array(a) for a in arrays]
    if len(factors) < 2:
        raise ValueError(f"multi_dot: expected at least two arrays, got {len(factors)}.")
    first, last = factors[0].ndim == 1, factors[-1].ndim == 1
    factors[0] = factors[0][None, :] if first else factors[0]
    factors[-1] = factors[-1][:, None] if last else factors[-1]
    if not {a.ndim for a in factors} == {2}:
        raise LinAlgError(f"multi_dot: expected matrices, got shapes {', '.join(str(a.shape) for a in factors)}.")
    lengths = [a.shape[0] for a in factors] + [factors[-1].shape[1]]

    @functools.cache
    def cheapest(i, j):
        """The cost of the product of matrices i to j, and after which of them to split it."""
        costs = [(cheapest(i, k)[0] + cheapest(k + 1, j)[0] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                 for k in range(i, j)]  # fmt: skip
        return min(costs, default=(0, i))

    def product(i, j):
        k = cheapest(i, j)[1]
        return factors[i] if i == j else _product.matmul(product(i, k), product(k + 1, j))

    y = product(0, len(factors) - 1)
    return y[(0,) * first + (slice(None),) * (not first) + (0,) * last]


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Result:
    """The cross product of vectors with 3 elements along an axis."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(f"cross: expected 3 elements along axis {axis}, got shapes {x1.shape} and {x2.shape}.")

    def turned(x, steps):
        return _shape.roll(x, -steps, axis)

    return turned(x1, 1) * turned(x2, 2) - turned(x1, 2) * turned(x2, 1)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Result:
    """The sum of products of vectors along an axis, those of `x1` conjugated."""
    return _product.vecdot(x1, x2, axis)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Result:
    """The products of all pairs of elements of two vectors."""
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"outer: expected vectors, got shapes {x1.shape} and {x2.shape}.")
    return _product.outer(x1, x2)


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Result:
    """The matrix product: see `autograd.numpy.matmul`."""
    return _product.matmul(x1, x2)


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | Sequence[Any] = 2) -> Result:
    """The sum of products over pairs of axes: see `autograd.numpy.tensordot`."""
    return _product.tensordot(x1, x2, axes)


def matrix_transpose(x: ArrayLike, /) -> Result:
    """`x` with its last two axes exchanged."""
    return _shape.matrix_transpose(x)


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Result:
    """The diagonals of matrices (..., n, m)."""
    return _indexing.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike = None) -> Result:
    """The sums of the diagonals of matrices (..., n, m)."""
    return _indexing.trace(x, offset, -2, -1, dtype)


def __dir__() -> list[str]:
    return __all__
