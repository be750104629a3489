"""Linear algebra of stacked matrices, (..., n, m): inverses, decompositions, determinants.

Vjps are written for complex numbers: with dL = Re(sum(g * dx)), transposes are plain ones and bases are conjugated.
Sources: Giles 2008, "Collected matrix derivative results"; Boeddeker et al. 2017, "On the computation of complex-valued
gradients" (eigenvectors); Townsend 2016 and Wan & Zhang 2019 (singular vectors); Walter & Lehmann 2010 (QR); Murray
2016 (Cholesky); Golub & Pereyra 1973 (pseudoinverse).

Conventions (PyTorch's): eigenvectors and singular vectors are defined up to a phase (real ones: a sign), so what is
computed from them must not depend on it. Where eigenvalues or singular values are equal, their own gradients are finite
and those of vectors infinite or NaN. Unlike there, vectors with a zero cotangent contribute nothing.
`cholesky`, `eigh` and `eigvalsh` read the lower triangle, and it alone has a gradient.
"""

from typing import Any

import numpy

from ..backend import scipy_function
from ..core import library
from ..families import factorizes, in_single, irregular
from ..primitive import Primitive
from ..typing import Result
from .elementwise import absolute, conj, equal, imag, less_equal, logical_and, real, stop_gradient, where
from .product import swap, times
from .reduction import max as largest
from .reduction import prod
from .shape import triangle

__all__ = [
    "adjoint", "cholesky", "cofactor", "conjugate", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv",
    "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "unit",
]  # fmt: skip


def _function(name):
    """The forward function of one matrix that both libraries have in `linalg`."""

    def forward(xp, x):
        return getattr(xp.linalg, name)(x)

    forward.__name__ = name
    return in_single(forward)


# Helpers of the vjps.
def conjugate(x: Any) -> Result:
    """The complex conjugate; real numbers stay unchanged."""
    return conj(x) if x.dtype.kind == "c" else x


def adjoint(x: Any) -> Result:
    """The conjugate transposes of matrices."""
    return conjugate(swap(x))


def unit(x: Any, n: int) -> Result:
    """A unit matrix in the precision of `x`."""
    return library(x).eye(n, dtype=numpy.finfo(x.dtype).dtype if x.dtype.kind == "c" else x.dtype)


def _diagonal(x):
    """Diagonal matrices, (..., n, n), of the vectors `x`."""
    return x[..., None] * unit(x, x.shape[-1])


def _off_diagonal(x):
    return x * (1 - unit(x, x.shape[-1]))


def _lower(x):
    """The lower triangle with half of the diagonal."""
    return triangle(x, k=0, upper=False) * (1 - unit(x, x.shape[-1]) / 2)


def _to_lower(g):
    """The cotangent of a lower triangle that stands for a Hermitian matrix, from that of the matrix."""
    return _lower(g + adjoint(g))


def _divided(a, b):
    """`a / b`, 0 where both are 0."""
    nothing = logical_and(equal(a, 0), equal(b, 0))
    return where(nothing, 0, a / where(nothing, 1, b))


def _nonzero(x):
    return where(equal(x, 0), 1, x)


def _over_gaps(x, w, size):
    """`x[i, j] / (w[j] - w[i])` off the diagonal, where `x` was computed of numbers up to `size`.

    It is 0 where both are no more than rounding: equal eigenvalues whose vectors have a zero cotangent.
    """
    if not x.size:
        return x
    x, gaps, n = _off_diagonal(x), w[..., None, :] - w[..., :, None], w.shape[-1]
    rounding = 4 * n * float(numpy.finfo(w.dtype).eps)
    equal_values = less_equal(absolute(gaps), rounding * _greatest(w[..., None, :]))
    nothing = logical_and(equal_values, less_equal(absolute(x), rounding * size))
    return where(nothing, 0, x / where(nothing, 1, gaps))


def _greatest(x):
    """The greatest absolute value in each matrix, (..., 1, 1)."""
    return largest(absolute(stop_gradient(x)), axis=(x.ndim - 2, x.ndim - 1), keepdims=True) if x.size else 0


# Inverses and systems of equations.
def _alike(xp, a, b):
    """`a` and `b` with the same leading axes and dtype, which CuPy requires."""
    leading, dtype = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2]), numpy.result_type(a.dtype, b.dtype)
    return [xp.broadcast_to(x, leading + x.shape[-2:]).astype(dtype) for x in (a, b)]


@in_single
def _solve(xp, a, b):
    """x (..., n, k) of a x = b, for `a` (..., n, n) and `b` (..., n, k)."""
    a, b = (a, b) if xp is numpy else _alike(xp, a, b)
    return xp.linalg.solve(a, b) if xp is numpy or b.size else b


@in_single
def _solve_triangular(xp, a, b, *, lower, unit_diagonal):
    """x (..., n, k) of a x = b, for `a` (..., n, n) of which only a triangle is read.

    NumPy has no such function. Its general one factors an upper triangle into itself and substitutes backwards; in
    reversed order a lower triangle is an upper one.
    """
    if xp is not numpy:
        a, b = _alike(xp, a, b)
        solver = scipy_function(xp, "linalg", "solve_triangular")
        return solver(a, b, lower=lower, unit_diagonal=unit_diagonal) if b.size else b
    if unit_diagonal:
        diagonal = numpy.eye(a.shape[-1], dtype=bool)
        a = numpy.where(diagonal, a.dtype.type(1), a)
    if lower:
        return numpy.linalg.solve(numpy.tril(a)[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]
    return numpy.linalg.solve(numpy.triu(a), b)


def _to_triangle(g, y, a, lower, unit_diagonal):
    g = times(solve_triangular(swap(a), g, lower=not lower, unit_diagonal=unit_diagonal), swap(y))
    inside = int(unit_diagonal)
    return -triangle(g, k=-inside if lower else inside, upper=not lower)


@in_single
def _pinv(xp, x, rcond):
    """The pseudoinverse; singular values up to `rcond` (a number, or (..., 1, 1)) times the greatest count as 0."""
    if numpy.ndim(rcond):
        x = xp.broadcast_to(x, numpy.broadcast_shapes(x.shape, rcond.shape[:-2] + (1, 1)))
        rcond = rcond[..., 0, 0]
    return xp.linalg.pinv(x, rcond)


def _to_original(g, y, x):
    left, transposed = adjoint(y), swap(g)
    outside_columns = transposed - times(x, times(y, transposed))  # (I - x y) g^T, y = pinv(x)
    outside_rows = transposed - times(transposed, y, x)  # g^T (I - y x)
    return conjugate(times(outside_columns, y, left) + times(left, times(y, outside_rows))) - times(swap(y), g, swap(y))


inv: Primitive = irregular(_function("inv"), lambda g, y: times(-swap(y), g, swap(y)), flops=factorizes)
solve: Primitive = irregular(
    _solve,
    lambda g, y, a: times(-solve(swap(a), g), swap(y)),
    lambda g, a: solve(swap(a), g),
    batch="align",
    flops=factorizes,
)
solve_triangular: Primitive = irregular(
    _solve_triangular,
    _to_triangle,
    lambda g, a, lower, unit_diagonal: solve_triangular(swap(a), g, lower=not lower, unit_diagonal=unit_diagonal),
    batch="align",
)
# The rank is constant: the pseudoinverse is a function where that holds only.
pinv: Primitive = irregular(_pinv, _to_original, None, batch="align", flops=factorizes)


# Determinants.
_HALF_OF_THE_DIGITS = {8: 2.0**-26, 4: 2.0**-12, 2: 2.0**-5}  # by the size of a real number in bytes


@in_single
def _cofactor(xp, x):
    """The derivative of `det`, det(x) inv(x)^T, and its limit where `x` is singular, by singular values.

    det(u s vh) is det(u) det(vh) times the product of s. NumPy uses the inverse where no determinant is 0; on a GPU
    that test would have to wait for the result.
    """
    if xp is numpy:
        determinant = numpy.linalg.det(x)
        if determinant.all():
            return determinant[..., None, None] * numpy.linalg.inv(x).swapaxes(-1, -2)
    u, s, vh = xp.linalg.svd(x)
    others = xp.where(xp.eye(x.shape[-1], dtype=bool), s.dtype.type(1), s[..., None, :]).prod(-1)
    phase = xp.linalg.det(u) * xp.linalg.det(vh)
    return (u.conj() * (phase[..., None] * others)[..., None, :]) @ vh.conj()


def _to_cofactors(g, y, x):
    """The second derivative of `det`: by its inverse, and by singular values where `x` is nearly singular.

    det(s + e) has the second-order terms p[i, j] (e[i, i] e[j, j] - e[i, j] e[j, i]), i < j, where p[i, j] is the
    product of all singular values but s[i] and s[j].
    """
    n, total = x.shape[-1], (g * y).sum((-2, -1), keepdims=True)
    u, s, vh = svd(x, full_matrices=True)
    # The inverse loses s[0] / s[-1] of its accuracy; derivatives of singular vectors, needed next, those of close ones.
    near = less_equal(s[..., -1:, None], s[..., :1, None] * _HALF_OF_THE_DIGITS[s.dtype.itemsize])
    regular = (total * y - times(y, swap(g), y)) / _nonzero(where(near, 1, det(x)[..., None, None]))
    own = library(x).eye(n, dtype=bool)
    factors = where(own[:, None, :] | own[None, :, :], 1, s[..., None, None, :])
    others = _off_diagonal(prod(factors, axis=(factors.ndim - 1,), keepdims=False))
    turned = times(adjoint(u), g, adjoint(vh))
    diagonal = (turned * unit(x, n)).sum(-1)
    inner = _diagonal((others * diagonal[..., None, :]).sum(-1)) - others * swap(turned)
    phase = (det(u) * det(vh))[..., None, None]
    return where(near, phase * times(conjugate(u), inner, conjugate(vh)), regular)


def _to_logarithm(g, y, x):
    sign, logarithm = g
    if x.dtype.kind == "c":
        logarithm = logarithm + imag(sign * y[0]) * 1j
    return logarithm[..., None, None] * swap(inv(x))


cofactor: Primitive = irregular(_cofactor, _to_cofactors, flops=factorizes)
det: Primitive = irregular(_function("det"), lambda g, x: g[..., None, None] * cofactor(x), flops=factorizes)
slogdet: Primitive = irregular(_function("slogdet"), _to_logarithm, flops=factorizes)


# Decompositions.
def _to_definite(g, y):
    inner = solve_triangular(swap(y), _lower(times(swap(y), g)), lower=False, unit_diagonal=False)
    return _to_lower(swap(solve_triangular(adjoint(y), swap(inner), lower=False, unit_diagonal=False)))


cholesky: Primitive = irregular(_function("cholesky"), _to_definite, flops=factorizes)


def _to_hermitian(g, y):
    (w, v), (gw, gv) = y, g
    turned = times(swap(v), gv)
    inner = _over_gaps(turned, w, _greatest(turned)) + _diagonal(gw)
    return _to_lower(times(conjugate(v), inner, swap(v)))


def _to_hermitian_of_values(g, x):
    v = eigh(x)[1]
    return _to_lower(times(conjugate(v) * g[..., None, :], swap(v)))


eigh: Primitive = irregular(_function("eigh"), _to_hermitian, flops=factorizes)
eigvalsh: Primitive = irregular(_function("eigvalsh"), _to_hermitian_of_values, flops=factorizes)


def _complex_eigen(name):
    """Eigenvalues and eigenvectors, always complex: NumPy would give real ones where all eigenvalues are real."""

    def forward(xp, x):
        if not hasattr(xp.linalg, name):
            remedy = "Compute it on the CPU, with device_put(x, 'cpu')."
            raise NotImplementedError(f"{name}: {xp.__name__} {xp.__version__} has no such function. {remedy}")
        y = getattr(xp.linalg, name)(x)
        dtype = numpy.result_type(x.dtype, numpy.complex64)
        return tuple(part.astype(dtype) for part in y) if isinstance(y, tuple) else y.astype(dtype)

    forward.__name__ = name
    return in_single(forward)


def _to_general(g, y):
    (w, v), (gw, gv) = y, g
    lengths = real((v * gv).sum(-2))  # vectors keep their length 1
    inner = times(swap(v), gv) - times(swap(v), conj(v)) * lengths[..., None, :]
    return solve(swap(v), times(_over_gaps(inner, w, _greatest(inner)) + _diagonal(gw), swap(v)))


def _to_general_of_values(g, x):
    v = swap(eig(x)[1])
    return solve(v, g[..., :, None] * v)


eig: Primitive = irregular(_complex_eigen("eig"), _to_general, flops=factorizes)
eigvals: Primitive = irregular(_complex_eigen("eigvals"), _to_general_of_values, flops=factorizes)


@in_single
def _svd(xp, x, *, full_matrices):
    """u (..., n, k), s (..., k), vh (..., k, m) of u s vh, k = min(n, m); u and vh square with `full_matrices`."""
    return xp.linalg.svd(x, full_matrices=full_matrices)


@in_single
def _svdvals(xp, x):
    return xp.linalg.svd(x, compute_uv=False)


def _first(u, g, k):
    """The first `k` columns of a basis, and their cotangent including that of the others, which span the rest."""
    if u.shape[-1] == k:
        return u, g
    rest, g_rest, u, g = u[..., k:], g[..., k:], u[..., :k], g[..., :k]
    return u, g - times(conjugate(rest), times(adjoint(g_rest), conjugate(u)))


def _outside(u, g, s, v):
    """The contribution of the part of `g` outside the span of `u` to the cotangent of the matrix."""
    g = _divided(g, s[..., None, :])
    return times(g - times(conjugate(u), times(swap(u), g)), swap(v))


def _to_decomposed(g, y):
    s, gs = y[1], g[1]
    u, gu = _first(y[0], g[0], s.shape[-1])
    v, gv = _first(adjoint(y[2]), adjoint(g[2]), s.shape[-1])
    turned_u, turned_v = times(swap(u), gu), times(swap(v), gv)
    skew_u, skew_v = turned_u - adjoint(turned_u), turned_v - adjoint(turned_v)
    row, column = s[..., None, :], s[..., :, None]
    over_u = _over_gaps(skew_u, s, _greatest(turned_u))
    over_v = _over_gaps(skew_v, s, _greatest(turned_v))
    inner = (over_u * row + column * over_v) / _nonzero(row + column) + _diagonal(gs)
    if skew_u.dtype.kind == "c":  # phases: half of each in u and in v
        inner = inner + _divided((skew_u - skew_v) * unit(s, s.shape[-1]), 4 * row)
    gx = times(conjugate(u), inner, swap(v))
    if u.shape[-2] > s.shape[-1]:
        gx = gx + _outside(u, gu, s, v)
    if v.shape[-2] > s.shape[-1]:
        gx = gx + swap(_outside(conjugate(v), conjugate(gv), s, conjugate(u)))
    return gx


def _to_decomposed_of_values(g, x):
    u, _, vh = svd(x, full_matrices=False)
    return times(conjugate(u) * g[..., None, :], conjugate(vh))


svd: Primitive = irregular(_svd, _to_decomposed, flops=factorizes)
svdvals: Primitive = irregular(_svdvals, _to_decomposed_of_values, flops=factorizes)


@in_single
def _qr(xp, x, *, complete):
    """q (..., n, m) and r (..., m, m) of q r, n >= m; q (..., n, n) and r (..., n, m) if `complete`."""
    return xp.linalg.qr(x, "complete" if complete else "reduced")


def _to_product(g, y):
    r, gr = (part[..., : part.shape[-1], :] for part in (y[1], g[1]))
    q, gq = _first(y[0], g[0], r.shape[-1])
    inner = times(swap(q), gq) - times(gr, swap(r))
    g = gq + times(conjugate(q), _lower(inner - adjoint(inner)) - inner)
    return swap(solve_triangular(r, swap(g), lower=False, unit_diagonal=False))


qr: Primitive = irregular(_qr, _to_product, flops=factorizes)
