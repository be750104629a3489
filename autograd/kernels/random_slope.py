"""The derivative of a gamma variable with respect to its shape parameter, at a fixed probability.

A variable x of distribution function P(a, x) and density f, moved so that P stays constant, has the derivative
dx/da = -(dP/da) / f: implicit reparameterisation, Figurnov, Mohamed & Mnih 2018. Here it is of log x. With psi the
digamma function, dP/da is the integral of f(t) (log t - psi(a)) from 0 to x, and minus that from x on. The one
whose integrand has one sign is integrated, in s = log(t / x), by 24 Gauss-Legendre nodes up to where f(t) / f(x) is
exp(-37). For x <= 1, the power series of P (DLMF 8.7.1) is differentiated instead, whose terms have one sign, too.
Relative errors are below 1e-9 in float64.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from .random import float_dtype
from .special import CHUNK

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["log_gamma_slope"]

TERMS = 20
PSI = 1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132  # digamma's series in 1 / z**2 (DLMF 5.11.2)


@functools.cache
def _nodes():
    """24 Gauss-Legendre nodes between 0 and 1, and their weights."""
    nodes, weights = numpy.polynomial.legendre.leggauss(24)
    return (nodes + 1) / 2, weights / 2


def log_gamma_slope(xp: ModuleType, alpha: RawArray, logarithm: RawArray) -> RawArray:
    """d(log x) / d(alpha) of a gamma variable x of shape parameter `alpha` and of that `logarithm`, elementwise."""
    dtype = float_dtype("log_gamma_slope", numpy.result_type(alpha, logarithm))
    if xp is not numpy:
        return _device_kernel(xp, dtype.name)(alpha, logarithm)
    alpha, logarithm = numpy.broadcast_arrays(alpha, logarithm)
    result, flat = numpy.empty(alpha.shape, dtype), (alpha.ravel(), logarithm.ravel())
    for start in range(0, alpha.size, CHUNK):
        part = slice(start, start + CHUNK)
        with numpy.errstate(all="ignore"):
            result.reshape(-1)[part] = _slope(*(x[part].astype(numpy.float64) for x in flat))
    return result


def _slope(a, logarithm):
    psi = _digamma_of_next(a)
    small = logarithm <= 0
    series = _series(a, numpy.where(small, logarithm, 0), psi)
    return series if small.all() else numpy.where(small, series, _integral(a, logarithm, psi - 1 / a))


def _digamma_of_next(a):
    """digamma(a + 1), by recurrence from a + 10 on."""
    z = a + 10
    r = 1 / (z * z)
    series = functools.reduce(lambda total, c: total * r + c, reversed(PSI))
    return numpy.log(z) - 0.5 / z - series * r - sum(1 / (a + i) for i in range(1, 10))


def _series(a, logarithm, psi):
    x, term = numpy.exp(logarithm), 1 / a
    total = term * (psi - logarithm)
    for n in range(1, TERMS):
        term = term * x / (a + n)
        psi = psi + 1 / (a + n)
        total += term * (psi - logarithm)
    return total


def _integral(a, logarithm, psi):
    x, excess = numpy.exp(logarithm), logarithm - psi
    sign = numpy.where(excess > 0, 1.0, -1.0)
    reach, total = _reach(a, x, sign), 0.0
    for node, weight in zip(*_nodes(), strict=True):
        s = reach * node
        total += weight * numpy.exp(sign * a * s - x * numpy.expm1(sign * s)) * (sign * excess + s)
    return total * reach


def _reach(a, x, sign):
    """An s > 0 with sign * a * s - x * expm1(sign * s) <= -37, of the order of the least one."""
    square, line = (a - x) / 3 + x / 2, a - x - 37 / 3  # exp(-s) - 1 + s >= s**2 / 2 / (1 + s / 3)
    below = 74 / (line + numpy.sqrt(line * line + 148 * square))
    above = 74 / (x - a + numpy.sqrt((x - a) ** 2 + 74 * x))  # exp(s) - 1 - s >= s**2 / 2
    return numpy.where(sign < 0, below, numpy.fmin(above, numpy.log1p((37 + a * above) / x)))


@functools.cache
def _device_kernel(xp, dtype):
    lists = {name: ", ".join(map(repr, values.tolist())) for name, values in zip("nw", _nodes(), strict=True)}
    return xp.ElementwiseKernel(
        "A alpha, L logarithm",
        f"{dtype} slope",
        "slope = log_gamma_slope((double)alpha, (double)logarithm)",
        "autograd_log_gamma_slope",
        preamble=CUDA % {"terms": TERMS, "count": len(_nodes()[0]), **lists},
    )


CUDA = """
__device__ const double NODES[] = {%(n)s};
__device__ const double WEIGHTS[] = {%(w)s};

__device__ double log_gamma_slope(double a, double logarithm) {
    const double z = a + 10, r = 1 / (z * z), x = exp(logarithm);
    double psi = (((r / 132 - 1.0 / 240) * r + 1.0 / 252) * r - 1.0 / 120) * r + 1.0 / 12;
    psi = log(z) - 0.5 / z - psi * r;
    for (int i = 1; i < 10; ++i) psi -= 1 / (a + i);
    double total = 0;
    if (logarithm <= 0) {
        double term = 1 / a;
        total = term * (psi - logarithm);
        for (int n = 1; n < %(terms)d; ++n) {
            term *= x / (a + n);
            psi += 1 / (a + n);
            total += term * (psi - logarithm);
        }
        return total;
    }
    const double excess = logarithm - (psi - 1 / a), sign = excess > 0 ? 1 : -1;
    const double square = (a - x) / 3 + x / 2, line = a - x - 37.0 / 3;
    double reach = 74 / (line + sqrt(line * line + 148 * square));
    if (sign > 0) {
        reach = 74 / (x - a + sqrt((x - a) * (x - a) + 74 * x));
        reach = fmin(reach, log1p((37 + a * reach) / x));
    }
    for (int i = 0; i < %(count)d; ++i) {
        const double s = reach * NODES[i];
        total += WEIGHTS[i] * exp(sign * a * s - x * expm1(sign * s)) * (sign * excess + s);
    }
    return total * reach;
}
"""
