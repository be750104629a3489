"""Linear algebra that only SciPy has, on the CPU: logarithms of matrices, Sylvester's equation, banded systems.

Vjps are written as in `ops.linalg`.
"""

from typing import Any

import numpy
from numpy.linalg import LinAlgError

from ..backend import scipy_function
from ..families import in_single, irregular
from ..primitive import Primitive
from ..typing import Result
from .product import swap, times
from .shape import concatenate, pad

__all__ = ["logm", "solve_banded", "solve_sylvester", "transposed_band"]


def _stacked(function, *arrays):
    """A function of matrices applied to stacks of them, one after the other; results have the shape of the last one."""
    leading = numpy.broadcast_shapes(*[a.shape[:-2] for a in arrays])
    stacks = [numpy.broadcast_to(a, leading + a.shape[-2:]).reshape(-1, *a.shape[-2:]) for a in arrays]
    results = [function(*matrices) for matrices in zip(*stacks, strict=True)]
    dtype = numpy.result_type(*[a.dtype for a in arrays])
    return numpy.reshape(results, leading + arrays[-1].shape[-2:]).astype(dtype)


@in_single
def _logm(xp, x):
    """The principal logarithm."""
    logarithm = scipy_function(xp, "linalg", "logm")

    def in_kind(matrix):
        y = logarithm(matrix.astype(numpy.result_type(matrix, numpy.float64)))  # it judges accuracy in double precision
        if y.dtype.kind == "c" != matrix.dtype.kind:
            raise LinAlgError("logm: an eigenvalue lies on the negative real axis. Convert to complex numbers.")
        return y

    return _stacked(in_kind, x)


def _by_blocks(g, x):
    """f([[x^T, g], [0, x^T]]) has, upper right, the derivative of f at x^T in direction g. Source: Higham 2008."""
    n, transposed = x.shape[-1], swap(x)
    block = concatenate(concatenate(transposed, g, axis=g.ndim - 1), concatenate(g * 0, transposed, axis=g.ndim - 1),
                        axis=g.ndim - 2)  # fmt: skip
    return logm(block)[..., :n, n:]


@in_single
def _solve_sylvester(xp, a, b, q):
    """x (..., n, m) of a x + x b = q."""
    return _stacked(scipy_function(xp, "linalg", "solve_sylvester"), a, b, q)


@in_single
def _solve_banded(xp, ab, b, *, lower, upper):
    """x (..., n, k) of a x = b, for a[i, j] = ab[upper + i - j, j], ab (..., lower + upper + 1, n)."""
    solver = scipy_function(xp, "linalg", "solve_banded")
    return _stacked(lambda ab, b: solver((lower, upper), ab, b), ab, b)


def _shifted(x, steps, axis):
    """x[..., j + steps, ...] at j, 0 beyond the ends."""
    inside = [(0, 0)] * x.ndim
    inside[axis] = (max(-steps, 0), max(steps, 0))
    start = max(steps, 0)
    return pad(x, width=tuple(inside))[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)]


def transposed_band(ab: Any, lower: int, upper: int) -> Result:
    """The diagonals of the transposed matrices, which have `upper` below and `lower` above the main one."""
    rows = [_shifted(ab[..., upper - k : upper - k + 1, :], k, ab.ndim - 1) for k in range(-lower, upper + 1)]
    return concatenate(*rows, axis=ab.ndim - 2)


def _to_banded(g, ab, lower, upper):
    return solve_banded(transposed_band(ab, lower, upper), g, lower=upper, upper=lower)


def _to_band(g, y, ab, lower, upper):
    g = -_to_banded(g, ab, lower, upper)
    rows = [(_shifted(g, k, g.ndim - 2) * y).sum(-1)[..., None, :] for k in range(-upper, lower + 1)]
    return concatenate(*rows, axis=g.ndim - 2)


logm: Primitive = irregular(_logm, _by_blocks)
solve_sylvester: Primitive = irregular(
    _solve_sylvester,
    lambda g, y, a, b: times(-solve_sylvester(swap(a), swap(b), g), swap(y)),
    lambda g, y, a, b: times(-swap(y), solve_sylvester(swap(a), swap(b), g)),
    lambda g, a, b: solve_sylvester(swap(a), swap(b), g),
    batch="align",
)
solve_banded: Primitive = irregular(_solve_banded, _to_band, _to_banded, batch="align")
