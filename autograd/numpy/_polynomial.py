"""Polynomials: vectors of coefficients, that of the highest power first.

Leading zeros stay, unlike with NumPy: the shape of a result must not depend on values.
"""

from __future__ import annotations

from typing import Any

import numpy as onp

from ..core import Array, library
from ..ops import shape as ops
from ..ops.elementwise import stop_gradient
from ..ops.reduction import cumprod
from ..typing import ArrayLike, Result
from . import linalg
from ._calculus import complete_order, convolve, vectors
from ._common import aligned, as_array, cast, inexact, like, on_one_device, promoted, together
from ._elementwise import absolute, negative, real
from ._placement import on_host, placed_like
from ._shape import atleast_1d, broadcast_to, concatenate, flip, stack


def polyval(p: ArrayLike, x: ArrayLike) -> Result:
    """The value of the polynomial `p` at `x`, of any shape. Source: Horner's rule."""
    p, x = on_one_device(p, x)
    p = as_array(p)
    x = promoted(p, x)
    y = x * 0
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


def polyadd(a1: ArrayLike, a2: ArrayLike) -> Result:
    """The sum of two polynomials."""
    both = vectors(a1, a2)
    size = max(a.size for a in both)
    first, second = [ops.pad(a, width=((size - a.size, 0),)) for a in both]
    return first + second


def polysub(a1: ArrayLike, a2: ArrayLike) -> Result:
    """The difference of two polynomials."""
    return polyadd(a1, negative(a2))


def polymul(a1: ArrayLike, a2: ArrayLike) -> Result:
    """The product of two polynomials."""
    return convolve(a1, a2)


def polyder(p: ArrayLike, m: int = 1) -> Result:
    """The m-th derivative of a polynomial."""
    p = as_array(p)
    for _ in range(complete_order("polyder", m)):
        p = p[:-1] * _exponents(p, p.shape[0] - 1)
    return p


def polyint(p: ArrayLike, m: int = 1, k: ArrayLike | None = 0) -> Result:
    """The m-th antiderivative of a polynomial, with integration constants `k`: one for all, or m of them."""
    integral, m = inexact(p), complete_order("polyint", m)
    constants = broadcast_to(placed_like(integral, 0 if k is None else k), (m,))
    for i in range(m):
        terms = integral / _exponents(integral, integral.shape[0])
        integral = concatenate([terms, cast(constants[i : i + 1], integral.dtype)])
    return integral


def _exponents(p: Array, count: int) -> Array:
    """The numbers count, ..., 2, 1 in the dtype of `p` and on its device."""
    return like(p, library(p).arange(count, 0, -1, dtype=p.dtype))


def poly(seq_of_zeros: ArrayLike) -> Result:
    """The polynomial with the given roots, or the characteristic polynomial of a matrix; its leading coefficient is 1.

    Of complex roots it is complex, even of conjugate pairs (NumPy's is real).
    """
    roots = zeros = atleast_1d(inexact(seq_of_zeros))
    if zeros.ndim == 2:
        zeros = linalg.eigvals(roots)
    p = like(zeros, library(zeros).ones(1, zeros.dtype))
    for i in range(zeros.size):
        p = ops.pad(p, width=((0, 1),)) - zeros[i] * ops.pad(p, width=((1, 0),))
    return p if roots.dtype.kind == "c" else real(p)


def roots(p: ArrayLike) -> Result:
    """The roots of a polynomial with a nonzero leading coefficient: real or complex as `linalg.eig` says.

    Source: they are the eigenvalues of the companion matrix (Horn & Johnson 1999, Matrix Analysis, pp. 146-7).
    """
    p = inexact(p)
    if p.ndim != 1:
        raise ValueError(f"roots: expected a vector of coefficients, got shape {p.shape}.")
    count = max(p.shape[0] - 1, 0)
    if count == 0:
        return like(p, library(p).zeros(0, onp.result_type(p.dtype, 1j)))
    shift = library(p).eye(count - 1, count, dtype=p.dtype)
    return linalg.eigvals(concatenate([(p[1:] / -p[:1])[None], shift]))


def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike | None = None,
    cov: bool | str = False,
) -> Any:
    """The polynomial of degree `deg` with the least sum of squared errors.

    Args:
        x: The coordinates of n samples.
        y: The samples (n,), or columns of them (n, k).
        deg: The degree.
        rcond: Singular values of the matrix of powers (columns of length 1) up to `rcond` times the largest count as 0;
            by default n times the precision. Unlike NumPy, no warning if there are any.
        full: Also return (residuals, rank, singular values, rcond), as `linalg.lstsq` does.
        w: Weights of the errors (not squared).
        cov: Also return the covariance of the coefficients, scaled to a chi square of 1 per degree of freedom unless it
            is "unscaled".
    """
    x, y = map(inexact, together(x, y))
    if x.ndim != 1 or y.ndim not in (1, 2) or y.shape[0] != x.shape[0] or not x.size:
        raise ValueError(f"polyfit: expected x (n,) and y (n,) or (n, k), got shapes {x.shape} and {y.shape}.")
    powers, goal = vander(x, complete_order("polyfit", deg) + 1), y
    if w is not None:
        w = placed_like(x, w)
        powers, goal = powers * w[:, None], goal * aligned(w, 0, y.ndim)
    scale = linalg.norm(powers, axis=0)
    powers = powers / scale
    rcond = x.shape[0] * float(onp.finfo(x.dtype).eps) if rcond is None else rcond
    if full:
        p, *rest = linalg.lstsq(powers, goal, rcond)
        return p / aligned(scale, 0, y.ndim), *rest, rcond
    p = linalg.pinv(powers, rcond) @ goal  # its rank stays on the device
    result = p / aligned(scale, 0, y.ndim)
    return (result, _covariance(powers, scale, goal - powers @ p, cov)) if cov else result


def _covariance(powers, scale, errors, cov):
    covariance = linalg.inv(powers.T @ powers) / (scale * scale[:, None])
    covariance = covariance if errors.ndim == 1 else covariance[..., None]
    if cov == "unscaled":
        return covariance
    freedom = powers.shape[0] - powers.shape[1]
    if freedom < 1:
        raise ValueError(f"polyfit: expected more than {powers.shape[1]} samples, got {powers.shape[0]}.")
    return covariance * ((absolute(errors) ** 2).sum(0) / freedom)


def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Result:
    """The matrix (x.size, N) of powers of a vector, from N - 1 down to 0, or up from 0 with `increasing`."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError(f"vander: expected a vector, got shape {x.shape}.")
    columns = x.shape[0] if N is None else N
    one = like(x, library(x).ones((x.shape[0], min(1, columns)), x.dtype))
    powers = cumprod(concatenate([one, broadcast_to(x[:, None], (x.shape[0], max(columns - 1, 0)))], 1), axis=1)
    return powers if increasing else flip(powers, 1)


def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Result, Result]:
    """The quotient and the remainder of two polynomials.

    Leading coefficients of the remainder up to 1e-8 in size are left out, so that its length depends on data: under
    `vmap` and `Jit` it raises.
    """
    rest, divisor = [atleast_1d(p) * 1.0 for p in together(u, v)]
    quotient = []
    for _ in range(rest.size - divisor.size + 1):
        quotient.append(rest[0] / divisor[0])
        rest = concatenate([rest[1 : divisor.size] - quotient[-1] * divisor[1:], rest[divisor.size :]])
    if rest.size == 0:
        rest = divisor[:1] * 0
    large = onp.flatnonzero(on_host(stop_gradient(absolute(rest))) > 1e-8)
    return stack(quotient) if quotient else rest[:1] * 0, rest[large[0] if large.size else -1 :]
