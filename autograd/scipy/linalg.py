"""Linear algebra under SciPy's names; leading axes are stacks of matrices.

Parameters are SciPy's and explained at https://docs.scipy.org/doc/scipy/reference/linalg.html. `overwrite_a`,
`overwrite_b` and `check_finite` have no effect: arrays never change, and to look for NaN would be to wait for the GPU.

`expm`, `sqrtm`, the solvers of triangular and positive definite systems and the constructors need NumPy or CuPy alone;
`logm`, `solve_sylvester` and `solve_banded` need SciPy and run on the CPU. For gradients and conventions see
`autograd.numpy.linalg`.
"""

from __future__ import annotations

import math

import numpy as onp

from ..core import Array, Tracer, library
from ..numpy import _padding, _shape
from ..numpy import linalg as matrices
from ..numpy._common import as_array, inexact, together
from ..numpy._elementwise import absolute, ceil, exp, exp2, log2, maximum, where
from ..numpy._matrices import as_matrices, as_square, mirrored
from ..numpy._reduction import amax
from ..numpy.linalg import LinAlgError
from ..ops import linalg as ops
from ..ops import scipy_linalg as scipy_ops
from ..ops.elementwise import astype, conj, stop_gradient
from ..ops.linalg import adjoint, unit
from ..ops.product import swap
from ..typing import ArrayLike, Result
from ._rest import passed_on

__all__ = [
    "LinAlgError", "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "expm", "inv", "logm", "solve",
    "solve_banded", "solve_sylvester", "solve_triangular", "solveh_banded", "sqrtm", "toeplitz",
]  # fmt: skip


# Functions of matrices.
_PADE = {8: (13, 5.371920351148152), 4: (7, 3.925724783138660)}  # degree and bound of the norm, by bytes of a real
_MOST_SQUARINGS = 16


def expm(A: ArrayLike) -> Result:
    """The exponential of square matrices, by scaling and squaring of a Padé approximant.

    On a GPU, under `vmap` and `Jit` it always computes 16 squarings, since the number needed is not known without
    waiting; the result is NaN if that is not enough (a 1-norm above 350,000, above 250,000 in float32).

    Source: Higham 2005, "The scaling and squaring method for the matrix exponential revisited", Algorithm 2.3, without
    its preprocessing and lower degrees: always 13, and 7 in single precision.
    """
    A = as_square(A, "expm")
    if not A.size:
        return A
    dtype, A = A.dtype, _at_least_single(A)
    degree, bound = _PADE[A.real.dtype.itemsize]
    size = amax(absolute(stop_gradient(A)).sum(-2), -1)
    squarings = ceil(log2(maximum(size / bound, 1)))[..., None, None]
    power = _pade(A * exp2(-squarings), degree)
    most = _MOST_SQUARINGS
    if not isinstance(squarings, Tracer) and library(squarings) is onp and onp.isfinite(amax(squarings)):
        most = int(amax(squarings))
    for i in range(most):
        power = where(squarings > i, power @ power, power)
    return astype(where(squarings <= most, power, onp.nan), dtype=dtype)


def _at_least_single(a: Array) -> Array:
    return astype(a, dtype="float32") if a.dtype.itemsize < 4 else a


def _pade(a, degree):
    """The diagonal Padé approximant of the exponential; degree 7 or 13."""
    b = [math.factorial(2 * degree - k) * math.comb(degree, k) / math.factorial(degree) for k in range(degree + 1)]
    b = [each / b[-1] for each in b]
    powers = [unit(a, a.shape[-1]), a @ a]
    powers += [powers[1] @ powers[1]]
    powers += [powers[1] @ powers[2]]

    def polynomial(coefficients):
        low = _combined(coefficients[:4], powers)
        return low + powers[3] @ _combined(coefficients[4:], powers[1:]) if coefficients[4:] else low

    odd, even = a @ polynomial(b[1::2]), polynomial(b[::2])
    return ops.solve(even - odd, even + odd)


def _combined(coefficients, terms):
    total = 0
    for coefficient, term in zip(coefficients, terms, strict=True):
        total = total + coefficient * term
    return total


_STEPS, _SCALED_STEPS = 20, 10


def sqrtm(A: ArrayLike) -> Result:
    """The principal square root of regular square matrices without an eigenvalue on the negative real axis.

    The iteration, always 20 steps of an inverse each, has a relative error of about n sqrt(cond(A)) roundings. If it
    does not converge, because an eigenvalue is on that axis or close to it, the result is NaN or a LinAlgError is
    raised. Unlike SciPy's, the root of a real matrix is real.

    Source: Higham 2008, "Functions of Matrices", the product form of the Denman-Beavers iteration with determinantal
    scaling (6.29), scaled in the first 10 steps.
    """
    A = as_square(A, "sqrtm")
    dtype, n = A.dtype, A.shape[-1]
    root = rest = _at_least_single(A)
    one = unit(rest, n)
    for step in range(_STEPS if n else 0):
        inverse, scale = ops.inv(rest), 1.0
        if step < _SCALED_STEPS:
            scale = exp(ops.slogdet(stop_gradient(rest))[1] / (-2 * n))[..., None, None]
            inverse = inverse / (scale * scale)
        root = root @ (one + inverse) * (scale / 2)
        rest = (one + (rest * (scale * scale) + inverse) / 2) / 2
    error = amax(absolute(stop_gradient(rest) - one), (-2, -1), keepdims=True) if n else 0
    return astype(where(error < 1e-3, root, onp.nan), dtype=dtype)


def logm(A: ArrayLike) -> Result:
    """The principal logarithm of square matrices; computed by SciPy.

    That of a real NumPy array with an eigenvalue on the negative real axis is complex, as SciPy's.

    Raises:
        LinAlgError: If such a matrix is differentiated or an Array, whose dtype does not depend on its numbers.
    """
    A = as_square(A, "logm")
    try:
        return scipy_ops.logm(A)
    except LinAlgError:
        if not isinstance(A, onp.ndarray):
            raise
        return scipy_ops.logm(A.astype(onp.result_type(A, "complex64")))


# Systems of equations.
def _solved(solver, a, b):
    """The solution of a x = b by a solver for matrices `b`; a vector if `b` has one axis."""
    b = inexact(b)
    return solver(a, b[:, None])[..., 0] if b.ndim == 1 else solver(a, as_matrices(b, "solve"))


def _triangular(lower, unit_diagonal=False):
    return lambda a, b: ops.solve_triangular(a, b, lower=bool(lower), unit_diagonal=bool(unit_diagonal))


def inv(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Result:
    """The inverses of square matrices."""
    return matrices.inv(a)


def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Result:
    """The determinants of square matrices; the gradient is right for singular ones, too."""
    return matrices.det(a)


_STRUCTURES = {"general": "gen", "symmetric": "sym", "hermitian": "her", "positive definite": "pos"}


def solve(
    a: ArrayLike,
    b: ArrayLike,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Result:
    """x of a x = b (of a^T x = b if `transposed`), for `a` (..., n, n) and `b` (..., n, k) or a vector (n,).

    Args:
        a, b: The matrices and right-hand sides.
        lower: Which triangle is read if `assume_a` is "sym", "her" or "pos".
        assume_a: The structure of `a`: "gen", "sym", "her" or "pos" (symmetric, Hermitian, positive definite), "lower
            triangular" or "upper triangular".
        transposed: Whether to transpose `a`.

    Raises:
        ValueError: If there is no such structure.
        LinAlgError: If a matrix is singular or not positive definite, with NumPy.
    """
    a = as_square(a, "solve")
    kind = _STRUCTURES.get(assume_a or "gen", assume_a or "gen")
    if transposed:
        flipped = {"lower triangular": "upper triangular", "upper triangular": "lower triangular"}
        a, kind, lower = swap(a), flipped.get(kind, kind), not lower
    if kind in ("lower triangular", "upper triangular"):
        return _solved(_triangular(kind == "lower triangular"), a, b)
    if kind == "pos":
        return cho_solve(cho_factor(a, lower), b)
    if kind == "her":
        a = mirrored(a if lower else adjoint(a), "solve")
    elif kind == "sym":
        a = _shape.tril(a) + swap(_shape.tril(a, -1)) if lower else _shape.triu(a) + swap(_shape.triu(a, 1))
    elif kind != "gen":
        known = "'gen', 'sym', 'her', 'pos', 'lower triangular' or 'upper triangular'"
        raise ValueError(f"solve: expected assume_a {known}, got {assume_a!r}.")
    return _solved(ops.solve, a, b)


def solve_triangular(
    a: ArrayLike,
    b: ArrayLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Result:
    """x of a x = b for triangular `a` (..., n, n); `b` is (..., n, k) or a vector (n,).

    Args:
        a, b: The matrices, of which one triangle is read, and right-hand sides.
        trans: 0 or "N", 1 or "T" for a^T x = b, 2 or "C" for a^H x = b.
        lower: Whether the lower triangle is read.
        unit_diagonal: Whether the diagonal counts as 1, whatever it is.
    """
    a = as_square(a, "solve_triangular")
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: expected trans 0, 1, 2, 'N', 'T' or 'C', got {trans!r}.")
    if trans not in (0, "N"):
        a, lower = swap(a) if trans in (1, "T") else adjoint(a), not lower
    return _solved(_triangular(lower, unit_diagonal), a, b)


def cholesky(a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Result:
    """The upper triangular u of a = u^H u for positive definite matrices; with `lower` the lower one of a = l l^H."""
    return matrices.cholesky(a, upper=not lower)


def cho_factor(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Result, bool]:
    """(factor, lower): the Cholesky factor, for `cho_solve`; unlike SciPy's, its other triangle is 0."""
    return cholesky(a, lower), bool(lower)


def cho_solve(
    c_and_lower: tuple[ArrayLike, bool], b: ArrayLike, overwrite_b: bool = False, check_finite: bool = True
) -> Result:
    """x of a x = b, from the result of `cho_factor(a)`."""
    c, lower = c_and_lower
    c = as_square(c, "cho_solve")
    left, right = (c, adjoint(c)) if lower else (adjoint(c), c)
    return _solved(lambda a, b: _triangular(False)(right, _triangular(True)(left, b)), None, b)


def solve_sylvester(a: ArrayLike, b: ArrayLike, q: ArrayLike) -> Result:
    """x (..., n, m) of a x + x b = q, for `a` (..., n, n) and `b` (..., m, m); computed by SciPy."""
    return scipy_ops.solve_sylvester(
        as_square(a, "solve_sylvester"), as_square(b, "solve_sylvester"), as_matrices(q, "q")
    )


def solve_banded(
    l_and_u: tuple[int, int],
    ab: ArrayLike,
    b: ArrayLike,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Result:
    """x of a x = b for banded matrices (n, n), a[i, j] = ab[u + i - j, j]; computed by SciPy.

    Args:
        l_and_u: The numbers of diagonals below and above the main one, (l, u).
        ab: The diagonals, (..., l + u + 1, n).
        b: (..., n, k) or a vector (n,).
    """
    lower, upper = l_and_u
    ab = as_matrices(ab, "solve_banded")
    if ab.shape[-2] != lower + upper + 1:
        raise ValueError(f"solve_banded: expected {lower + upper + 1} diagonals as rows of ab, got shape {ab.shape}.")
    return _solved(lambda ab, b: scipy_ops.solve_banded(ab, b, lower=lower, upper=upper), ab, b)


def solveh_banded(
    ab: ArrayLike,
    b: ArrayLike,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Result:
    """x of a x = b for Hermitian banded matrices; computed by SciPy as `solve_banded`.

    Args:
        ab: The diagonals above the main one and this, (..., u + 1, n); with `lower` this and those below.
        b: (..., n, k) or a vector (n,).
    """
    ab = as_matrices(ab, "solveh_banded")
    count = ab.shape[-2] - 1
    bounds = (count, 0) if lower else (0, count)
    other = scipy_ops.transposed_band(ops.conjugate(ab), *bounds)
    band = [other, ab[..., 1:, :]] if lower else [ab, other[..., 1:, :]]
    return solve_banded((count, count), _shape.concatenate(band, -2), b)


# Constructors.
def block_diag(*arrs: ArrayLike) -> Result:
    """The block diagonal matrix of matrices, zeros elsewhere; a vector is a row."""
    blocks = [_shape.atleast_2d(a) for a in together(*arrs)]
    leading = onp.broadcast_shapes(*[a.shape[:-2] for a in blocks])
    width, before, rows = sum(a.shape[-1] for a in blocks), 0, []
    for a in blocks:
        after = width - before - a.shape[-1]
        pairs = [(0, 0)] * (len(leading) + 1) + [(before, after)]
        rows.append(_padding.pad(_shape.broadcast_to(a, leading + a.shape[-2:]), pairs))
        before += a.shape[-1]
    return _shape.concatenate(rows, -2)


def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Result:
    """The matrices (..., n, m) with constant diagonals, first column `c` (..., n) and first row `r` (..., m).

    `r` is the conjugate of `c` by default; its first element is not used.
    """
    c = as_array(c)
    r = conj(c) if r is None else as_array(r)
    values = _shape.concatenate([_shape.flip(c, -1), r[..., 1:]], -1)
    rows, columns = library(c).arange(c.shape[-1]), library(c).arange(r.shape[-1])
    return values[..., columns - rows[:, None] + (c.shape[-1] - 1)]


__getattr__ = passed_on(__name__)


def __dir__() -> list[str]:
    return __all__
