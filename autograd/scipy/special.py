"""Special functions under SciPy's names.

Parameters are SciPy's and explained at https://docs.scipy.org/doc/scipy/reference/special.html. `erf`, `erfc`,
`erfinv`, `expit`, `ndtri`, `sinc`, `logsumexp`, `softmax` and `log_softmax` need NumPy or CuPy alone; the others call
SciPy (`pip install cuobjax[scipy]`) or, for arrays on a GPU, CuPy's counterpart of it, which has no `iv`, `ive`, `jn`,
`jv`, `kv`, `kve`, `yv` and `stdtr`: there these raise NotImplementedError.

Results have the precision of the real arguments; integers and Python numbers do not raise it. `autograd.ops.special`
says which arguments have no gradient, and the conventions where a derivative does not exist.
"""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

import math
from typing import Any

import numpy as onp

from ..axes import complete_axes
from ..backend import scipy_function
from ..core import Array, kind_of, library
from ..numpy._common import as_array, inexact
from ..ops import elementwise, reduction
from ..ops import shape as shape_ops
from ..ops import softmax as softmax_ops
from ..ops import special as ops
from ..ops.elementwise import (
    absolute, clip, equal, exp, imag, isfinite, less, log, real, sign, sinc, stop_gradient, where,
)  # fmt: skip
from ..ops.special import (
    beta, betainc, betaln, cast_like, cosm1, digamma, entr, erfcinv, erfcx, exp1, expi, expn, exprel, gamma, gammainc,
    gammaincc, gammaln, gammasgn, i0, i0e, i1, i1e, iv, j0, j1, jv, k0, k0e, k1, k1e, kl_div, kv, kve, log_expit,
    log_ndtr, loggamma, logit, ndtr, rel_entr, rgamma, stdtr, xlog1py, xlogy, y0, y1, yn, yv,
)  # fmt: skip
from ..ops.special import digamma as psi
from ..ops.special import jv as jn
from ..typing import ArrayLike, Axes, Result
from ..operation import primitive
from ..rules import defvjp
from ._rest import passed_on

__all__ = [
    "beta", "betainc", "betaln", "cosm1", "digamma", "entr", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "exp1",
    "expi", "expit", "expn", "exprel", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn", "i0", "i0e", "i1",
    "i1e", "iv", "ive", "j0", "j1", "jn", "jv", "k0", "k0e", "k1", "k1e", "kl_div", "kv", "kve", "log_expit",
    "log_ndtr", "log_softmax", "loggamma", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi",
    "rel_entr", "rgamma", "sinc", "softmax", "stdtr", "xlog1py", "xlogy", "y0", "y1", "yn", "yv", "zeta",
]  # fmt: skip


def erf(x: ArrayLike) -> Result:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to `x`."""
    x = as_array(x)
    return _erf_of_complex(x) if x.dtype.kind == "c" else elementwise.erf(x)


def erfc(x: ArrayLike) -> Result:
    """1 - erf(x), accurate where that difference would be 0."""
    x = as_array(x)
    return _erfc_of_complex(x) if x.dtype.kind == "c" else elementwise.erfc(x)


def _of_complex(name, sign):
    """The error function of SciPy (CuPy has none of complex numbers), with its derivative."""

    def function(x):
        return scipy_function(library(x), "special", name)(x)

    operation = primitive(function)
    operation.batch = "align"
    defvjp(operation, lambda y, x: lambda g: g * (sign * 2 / math.sqrt(math.pi)) * exp(-x * x))
    return operation


_erf_of_complex, _erfc_of_complex = _of_complex("erf", 1), _of_complex("erfc", -1)


def erfinv(y: ArrayLike) -> Result:
    """The inverse of `erf`: infinite at -1 and 1, NaN beyond."""
    return elementwise.erfinv(as_array(y))


def expit(x: ArrayLike) -> Result:
    """The logistic function, 1 / (1 + exp(-x))."""
    return elementwise.sigmoid(as_array(x))


def ndtri(y: ArrayLike) -> Result:
    """The quantile of the standard normal distribution, the inverse of `ndtr`."""
    return ops.ndtri(as_array(y))


def ive(v: ArrayLike, z: ArrayLike) -> Result:
    """The modified Bessel function of the first kind times exp(-abs(real part of z)); differentiable in `z` alone."""
    z = as_array(z)
    if z.dtype.kind != "c":
        return ops.ive(v, z)
    return ops.iv_scaled(v, z) * exp(where(less(real(z), 0), -1j, 1j) * imag(z))


def zeta(x: ArrayLike, q: ArrayLike = 1) -> Result:
    """Hurwitz's zeta function, the sum of (k + q)**-x over k >= 0, for x > 1; differentiable in `q` alone."""
    return ops.zeta(x, q)


def polygamma(n: ArrayLike, x: ArrayLike) -> Result:
    """The derivative of order `n` of `psi`; differentiable in `x` alone."""
    x = as_array(x)
    order = cast_like(n if isinstance(n, int) else as_array(n), x)
    sign_and_factorial = (2 * (order % 2) - 1) * gamma(order + 1)
    return where(equal(order, 0), digamma(x), sign_and_factorial * ops.zeta(order + 1, x))


def multigammaln(a: ArrayLike, d: int) -> Result:
    """The logarithm of the multivariate gamma function of order `d`; NaN unless a > (d - 1) / 2."""
    a = inexact(a)
    allowed = where(less((d - 1) / 2, a), a, math.nan)
    total = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(d):
        total = gammaln(allowed - j / 2) + total
    return total


def logsumexp(
    a: ArrayLike, axis: Axes = None, b: ArrayLike | None = None, keepdims: bool = False, return_sign: bool = False
) -> Result:
    """log(sum(b * exp(a))) over axes, computed so that exp cannot overflow; `b` is 1 by default.

    NaN where the sum is negative; where it is 0, the gradient is 0. With `return_sign`, (logarithm of the absolute
    value of the sum, its sign), of which the sign has no gradient.
    """
    a = inexact(a)
    if b is None and not return_sign:
        return reduction.logsumexp(a, axis=complete_axes(axis, a.ndim), keepdims=bool(keepdims))
    a, b = in_one_precision(a, 1 if b is None else b)
    total, top = _scaled_sum(a, b, axis, keepdims)
    size = where(equal(total, 0), -math.inf, log(where(equal(total, 0), 1, absolute(total)))) + top
    return (size, sign(total)) if return_sign else where(less(total, 0), math.nan, size)


def _scaled_sum(a, b, axis, keepdims):
    """The sum of b * exp(a - top), and top: the greatest `a` with a nonzero `b`, or 0 if that is not finite."""
    a = shape_ops.broadcast_to(a, shape=onp.broadcast_shapes(a.shape, b.shape))
    axes = complete_axes(axis, a.ndim)
    top = reduction.max(where(equal(b, 0), -math.inf, stop_gradient(a)), axis=axes, keepdims=True)
    top = where(isfinite(top), top, 0)
    # What counts nothing has a gradient with respect to b nevertheless, but must not overflow.
    limit = math.log(float(onp.finfo(a.dtype).max))
    scaled = exp(where(equal(b, 0), clip(a - top, low=None, high=limit), a - top))
    total = reduction.sum(b * scaled, axis=axes, keepdims=bool(keepdims))
    return total, shape_ops.reshape(top, shape=total.shape)


def softmax(x: ArrayLike, axis: Axes = None) -> Result:
    """exp(x) / sum(exp(x)) over axes, computed so that exp cannot overflow."""
    x = inexact(x)
    return softmax_ops.softmax(x, axis=complete_axes(axis, x.ndim))


def log_softmax(x: ArrayLike, axis: Axes = None) -> Result:
    """log(softmax(x)) over axes."""
    x = inexact(x)
    return softmax_ops.log_softmax(x, axis=complete_axes(axis, x.ndim))


def in_one_precision(*args: ArrayLike) -> list[Array]:
    """Arrays of real numbers: integers and Python numbers take the precision of the others."""
    values: list[Any] = [as_array(a) if kind_of(a) is None else a for a in args]
    precise = [kind_of(a) is None and a.dtype.kind not in "iub" for a in values]
    like = onp.empty((), onp.result_type(*[a.dtype for a, own in zip(values, precise, strict=True) if own] or [float]))
    return [a if own else cast_like(a, like) for a, own in zip(values, precise, strict=True)]


__getattr__ = passed_on(__name__)


def __dir__() -> list[str]:
    return __all__
