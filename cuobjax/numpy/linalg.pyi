"""Linear algebra: the functions of `autograd.numpy.linalg` with Array results."""

# Written by `make stubs` from the functions of autograd.numpy.linalg: change these.
# fmt: off
# ruff: noqa: E501, I001
from autograd import Array
from autograd.numpy.linalg import EigResult, EighResult, SlogdetResult
from autograd.typing import ArrayLike, Axes, DTypeLike
from collections.abc import Sequence
from numpy.linalg import LinAlgError
from typing import Any

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq",
    "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv",
    "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot",
    "vector_norm",
]

def cholesky(a: ArrayLike, /, *, upper: bool=False) -> Array:
    """The lower triangular l of a = l l^H, for positive definite matrices; with `upper` the upper u of a = u^H u."""
def cond(x: ArrayLike, p: float | str | None=None) -> Array:
    """The condition number of matrices in norm `p`."""
def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int=-1) -> Array:
    """The cross product of vectors with 3 elements along an axis."""
def det(a: ArrayLike) -> Array:
    """The determinants of square matrices; the gradient is right for singular ones, too."""
def diagonal(x: ArrayLike, /, *, offset: int=0) -> Array:
    """The diagonals of matrices (..., n, m)."""
def eig(a: ArrayLike) -> EigResult:
    """The eigenvalues (..., n) and eigenvectors (..., n, n), in columns of length 1, of square matrices."""
def eigh(a: ArrayLike, UPLO: str='L') -> EighResult:
    """The eigenvalues (..., n), ascending, and eigenvectors (..., n, n), in columns, of Hermitian matrices."""
def eigvals(a: ArrayLike) -> Array:
    """The eigenvalues (..., n) of square matrices: see `eig`."""
def eigvalsh(a: ArrayLike, UPLO: str='L') -> Array:
    """The eigenvalues (..., n) of Hermitian matrices, ascending; `UPLO` says which triangle is read, "L" or "U"."""
def inv(a: ArrayLike) -> Array:
    """The inverses of square matrices; LinAlgError if one is singular, with NumPy."""
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None=None) -> tuple[Array, Array, Array, Array]:
    """The least-squares solution of a x = b, of least norm if there are several."""
def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The matrix product: see `autograd.numpy.matmul`."""
def matrix_norm(x: ArrayLike, /, *, keepdims: bool=False, ord: float | str | None='fro') -> Array:
    """The norm of matrices (..., n, m): see `norm`."""
def matrix_power(a: ArrayLike, n: int) -> Array:
    """The n-th power of square matrices, by squaring; that of their inverses if `n` is negative."""
def matrix_rank(A: ArrayLike, tol: ArrayLike | None=None, hermitian: bool=False, *, rtol: ArrayLike | None=None) -> Array:
    """The number of singular values above `tol`, or above `rtol` times the largest; it has no gradient."""
def matrix_transpose(x: ArrayLike, /) -> Array:
    """`x` with its last two axes exchanged."""
def multi_dot(arrays: Sequence[ArrayLike], *, out: None=None) -> Array:
    """The product of two or more matrices in the cheapest order; the first and the last may be vectors."""
def norm(x: ArrayLike, ord: float | str | None=None, axis: Axes=None, keepdims: bool=False) -> Array:
    """The norm of vectors, or of matrices if `axis` names two axes or `x` is a matrix and `ord` is given."""
def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The products of all pairs of elements of two vectors."""
def pinv(a: ArrayLike, rcond: ArrayLike | None=None, hermitian: bool=False, *, rtol: ArrayLike | None=...) -> Array:
    """The Moore-Penrose pseudoinverses (..., m, n) of matrices (..., n, m); differentiable where the rank is constant."""
def qr(a: ArrayLike, mode: str='reduced') -> Any:
    """The decomposition a = q r of matrices (..., n, m) into orthonormal columns and an upper triangle; k = min(n, m)."""
def slogdet(a: ArrayLike) -> SlogdetResult:
    """(sign, logabsdet): the signs of determinants and the logarithms of their absolute values."""
def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """x of a x = b, for `a` (..., n, n) and `b` (..., n, k), or a vector (n,) if `b` has one axis."""
def svd(a: ArrayLike, full_matrices: bool=True, compute_uv: bool=True, hermitian: bool=False) -> Any:
    """The singular value decomposition of matrices (..., n, m): a = (u * s) @ vh, with k = min(n, m) singular values."""
def svdvals(x: ArrayLike, /) -> Array:
    """The singular values (..., k) of matrices, descending."""
def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | Sequence[Any]=2) -> Array:
    """The sum of products over pairs of axes: see `autograd.numpy.tensordot`."""
def tensorinv(a: ArrayLike, ind: int=2) -> Array:
    """The inverse of `a` as a matrix of its first `ind` axes by the others."""
def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None=None) -> Array:
    """x of tensordot(a, x, x.ndim) = b; `axes` of `a` are moved to its end first."""
def trace(x: ArrayLike, /, *, offset: int=0, dtype: DTypeLike=None) -> Array:
    """The sums of the diagonals of matrices (..., n, m)."""
def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int=-1) -> Array:
    """The sum of products of vectors along an axis, those of `x1` conjugated."""
def vector_norm(x: ArrayLike, /, *, axis: Axes=None, keepdims: bool=False, ord: float=2) -> Array:
    """The norm of vectors, whose elements lie along one or several axes (all by default): see `norm`."""
