"""Rows of the table of primitives for `autograd.ops.linalg`: see `op_table.py`.

Stacks have two matrices or one, so that a broadcast layout of a stack is not singular. Vectors that are unique up to a
phase only are checked here where it is a sign, in `test_linalg.py` in complex numbers.
"""

import numpy as np
import scipy.linalg

from .cases import Case, OnHost, Real, real


class Regular(Real):
    """Square matrices with numbers of the range off the diagonal and greater ones on it."""

    def draw(self, dtype, seed):
        wide = np.result_type(dtype, "float64")
        return (super().draw(wide, seed) + 2 * self.shape[-1] * np.eye(self.shape[-1])).astype(dtype)


class Definite(Real):
    """Hermitian positive definite matrices with different eigenvalues."""

    def draw(self, dtype, seed):
        x = super().draw(np.result_type(dtype, "float64"), seed)
        return (x @ x.conj().swapaxes(-1, -2) / 2 + np.diag(1.0 + np.arange(self.shape[-1]))).astype(dtype)


def of_lower(function):
    """The function of the Hermitian matrix with the lower triangle of `x`."""
    return lambda x: function(np.tril(x) + np.tril(x, -1).conj().swapaxes(-1, -2))


def solve_triangular(a, b, *, lower, unit_diagonal):
    a = np.tril(a) if lower else np.triu(a)
    n = np.eye(a.shape[-1], dtype=bool)
    return np.linalg.solve(np.where(n, 1, a) if unit_diagonal else a, b)


def cofactor(x):
    """The determinants of what is left without a row and a column, with alternating signs."""
    n = x.shape[-1]
    minors = [[np.linalg.det(np.delete(np.delete(x, i, -2), j, -1)) * (-1) ** (i + j) for j in range(n)]
              for i in range(n)]  # fmt: skip
    return np.moveaxis(np.array(minors), (0, 1), (-2, -1)) if n else np.zeros(x.shape)


def complexly(function):
    """Eigenvalues and eigenvectors as complex numbers."""

    def results(x):
        y = function(x)
        return tuple(part.astype(complex) for part in y) if isinstance(y, tuple) else y.astype(complex)

    return results


def each(function, *stacks):
    """A function of matrices for stacks of them."""
    leading = np.broadcast_shapes(*[a.shape[:-2] for a in stacks])
    pairs = zip(*[np.broadcast_to(a, leading + a.shape[-2:]) for a in stacks], strict=True)
    return np.array([function(*matrices) for matrices in pairs])


def solve_sylvester(a, b, q):
    return each(scipy.linalg.solve_sylvester, a, b, q)


def solve_banded(ab, b, *, lower, upper):
    return each(lambda ab, b: scipy.linalg.solve_banded((lower, upper), ab, b), ab, b)


def of_matrices(oracle, *shapes, kind=Regular, make=Case, **kwargs):
    return [make((kind(shape, -1, 1),), {}, oracle, **kwargs) for shape in shapes]


def decompositions(oracle, *cases):
    return [OnHost((real(*shape),), params, oracle, "y") for shape, params in cases]


SQUARE = (2, 3, 3), (1, 2, 2), (2, 1, 1), (0, 0), (0, 2, 2)
THIN, FULL = {"full_matrices": False}, {"full_matrices": True}

ROWS = {
    "inv": of_matrices(np.linalg.inv, *SQUARE, keeps="y", dtypes="fc"),
    "solve": [Case((Regular(a, -1, 1), real(*b)), {}, np.linalg.solve, "y a", "fc")
              for a, b in (((2, 3, 3), (2, 3, 2)), ((1, 2, 2), (3, 2, 1)), ((2, 1, 2, 2), (2, 1, 2, 1)),
                           ((2, 2, 2), (1, 2, 0)), ((0, 0), (0, 2)))],
    "solve_triangular": [
        Case((Regular(a, -1, 1), real(*b)), {"lower": lower, "unit_diagonal": unit}, solve_triangular, "y a", "fc")
        for a, b in (((2, 3, 3), (1, 3, 2)), ((1, 2, 2), (2, 2, 1)), ((0, 0), (0, 1)))
        for lower in (True, False) for unit in (True, False)],
    "pinv": [Case((real(*shape), 1e-15), {}, np.linalg.pinv, "y x", "fc")
             for shape in ((2, 3, 2), (1, 2, 3), (2, 1, 1))],
    "det": of_matrices(np.linalg.det, *SQUARE, keeps="x", dtypes="fc"),
    "cofactor": of_matrices(cofactor, *SQUARE, keeps="y x", dtypes="fc"),
    "slogdet": of_matrices(np.linalg.slogdet, *SQUARE, keeps="y x", dtypes="fc"),
    "cholesky": of_matrices(of_lower(np.linalg.cholesky), *SQUARE, kind=Definite, keeps="y", dtypes="fc"),
    "eigh": of_matrices(of_lower(np.linalg.eigh), *SQUARE, kind=Definite, keeps="y", make=OnHost),
    "eigvalsh": of_matrices(of_lower(np.linalg.eigvalsh), *SQUARE, kind=Definite, keeps="x", dtypes="fc"),
    "eig": of_matrices(complexly(np.linalg.eig), *SQUARE, kind=Definite, keeps="y", casts=True, make=OnHost),
    "eigvals": of_matrices(complexly(np.linalg.eigvals), *SQUARE, kind=Definite, keeps="x", casts=True, make=OnHost)
    + of_matrices(np.linalg.eigvals, *SQUARE, kind=Definite, keeps="x", dtypes="c", make=OnHost),
    "svd": decompositions(
        np.linalg.svd, *[(shape, params) for shape in ((2, 3, 2), (1, 2, 3), (2, 2, 2)) for params in (THIN, FULL)],
        ((0, 0), THIN), ((0, 2, 1), THIN)),
    "svdvals": of_matrices(np.linalg.svdvals, (2, 3, 2), (1, 2, 3), (2, 2, 2), (0, 2), (0, 2, 1), kind=Real, keeps="x",
                           dtypes="fc"),
    "qr": decompositions(
        lambda x, *, complete: np.linalg.qr(x, "complete" if complete else "reduced"),
        ((2, 3, 2), {"complete": False}), ((2, 3, 2), {"complete": True}), ((1, 2, 2), {"complete": False}),
        ((2, 0), {"complete": False})),
    "logm": of_matrices(lambda x: each(scipy.linalg.logm, x), (1, 2, 2), (2, 1, 1), kind=Definite, keeps="x",
                        dtypes="fc", make=OnHost),
    "solve_sylvester": [
        OnHost((Regular(a, -1, 1), Regular(b, -1, 1), real(*q)), {}, solve_sylvester, "y a b", "fc")
        for a, b, q in (((1, 2, 2), (1, 1, 1), (2, 2, 1)), ((1, 1), (2, 2, 2), (1, 1, 2)))],
    "solve_banded": [
        OnHost((real(*ab, low=1, high=2), real(*b)), {"lower": lower, "upper": upper}, solve_banded, "y ab", "fc")
        for ab, b, lower, upper in (((2, 3, 3), (1, 3, 1), 1, 1), ((1, 2, 2), (1, 2, 2), 0, 1),
                                    ((1, 3, 3), (1, 3, 1), 2, 0))],
}  # fmt: skip
