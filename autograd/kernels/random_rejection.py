"""Distributions whose parameters are arrays, by rejection: gamma, Poisson and binomial.

Each element has its own block. What is rejected is drawn again from the block whose word 3 counts the redraws, so
that numbers depend on the key and the position alone. All is computed in float64. A device rounds its functions in
another way than NumPy, which once in about 10**15 numbers decides a rejection otherwise; else numbers are equal to
rounding. After ROUNDS rejections in a row, which only NaN and infinite parameters reach, the last proposal stays.
"""

from __future__ import annotations

import functools
import math
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy

from .philox import Distribution, Tile, draw_elements
from .random import float_dtype
from .special import ndtri

if TYPE_CHECKING:
    from ..typing import DTypeLike, RawArray

__all__ = ["binomial", "poisson", "standard_gamma"]

ROUNDS = 64
CUDA_ROUNDS = f"const Word ROUNDS = {ROUNDS};"


def _drawn(xp, key, dtype, distribution, parameters, *arrays):
    lanes = key.shape[:-1]
    if arrays[0].shape[: len(lanes)] != lanes:
        raise ValueError(f"random: expected parameters of shape {lanes} + (...), got {arrays[0].shape}.")
    return draw_elements(xp, key, arrays[0].shape[len(lanes) :], dtype, distribution, parameters, arrays)


def _first_accepted(propose, tile, first, *arrays):
    """Values of `propose(fractions, *arrays) -> (value, accepted)`, the first that is accepted from redraw `first`."""
    value, accepted = propose(_pairs(tile, first), *arrays)
    for redraws in range(first + 1, ROUNDS):
        lane, element = numpy.nonzero(~accepted)
        if not lane.size:
            break
        again = Tile(tile.keys[lane], tile.index[element, None], tile.purpose)
        drawn, taken = propose(_pairs(again, redraws)[:, :, 0], *(a[lane, element] for a in arrays))
        value[lane, element], accepted[lane, element] = drawn, taken
    return value


def _pairs(tile, redraws):
    """Two fractions of each block, (2, lanes, blocks)."""
    return numpy.moveaxis(tile.fractions(redraws).reshape(len(tile.keys), -1, 2), -1, 0)


# Gamma.


def standard_gamma(xp: ModuleType, key: RawArray, alpha: RawArray, *, log: bool) -> RawArray:
    """Gamma variables of shape parameter `alpha` and scale 1, or their logarithms, which underflow for no `alpha`.

    Density x**(alpha - 1) exp(-x) / gamma(alpha). Keys `(*lanes, 2)`, alpha `(*lanes, ...)`; NaN where alpha < 0.

    Source: Marsaglia & Tsang 2000, "A simple method for generating gamma variables", without the squeeze; below 1,
    their boost by u**(1 / alpha).
    """
    dtype = float_dtype("gamma", alpha.dtype)
    return _drawn(xp, key, dtype, GAMMA, (numpy.int32(log),), alpha)


def _gamma(tile, log, alpha):
    alpha = alpha.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        small = alpha < 1
        d = numpy.where(small, alpha + 1, alpha) - 1 / 3
        boost = numpy.where(small, numpy.log(_pairs(tile, 0)[0]) / alpha, 0) if small.any() else 0.0
        cube = _first_accepted(_propose_gamma, tile, 1, d)
        value = numpy.log(d * cube) + boost if log else d * cube * numpy.exp(boost)
    return numpy.where(alpha >= 0, value, numpy.nan)


def _propose_gamma(fractions, d):
    z = ndtri(numpy, fractions[0])
    cube = (1 + z / numpy.sqrt(9 * d)) ** 3
    return cube, (cube > 0) & (numpy.log(fractions[1]) < z * z / 2 + d * (1 - cube + numpy.log(cube)))


GAMMA = Distribution(
    1,
    _gamma,
    """const double alpha = (double)alphas[lane * size + index];
        const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
        const double boost = alpha < 1 ? log(block.fraction(0)) / alpha : 0;
        double cube = 0;
        for (Word redraws = 1; redraws < ROUNDS; ++redraws) {
            block = philox(key, index, 0, redraws);
            const double z = normcdfinv(block.fraction(0)), root = 1 + z / sqrt(9 * d);
            cube = root * root * root;
            if (cube > 0 && log(block.fraction(1)) < z * z / 2 + d * (1 - cube + log(cube))) break;
        }
        const double value = logarithm ? log(d * cube) + boost : d * cube * exp(boost);
        v[0] = Element(alpha >= 0 ? value : nan(""));""",
    "int logarithm, const Element* alphas",
    functions=CUDA_ROUNDS,
)


# Counts.


class Law(NamedTuple):
    """A distribution of counts k: its mean, and what the two ways to draw from it need, arrays of one shape.

    Inversion, below a mean of 10: the probability of 0, `first`, and Panjer's recursion p[k] = (a / k - b) p[k - 1].
    Transformed rejection: constants in Hörmann's notation, a as `tilt`, b as `width`, 1 / alpha or alpha as `scale`.
    On a device also, up to a constant, the logarithm of the probability: constant + k * slope - log(k! (last - k)!).
    """

    mean: numpy.ndarray
    first: numpy.ndarray
    a: numpy.ndarray
    b: numpy.ndarray
    width: numpy.ndarray
    tilt: numpy.ndarray
    centre: numpy.ndarray
    squeeze: numpy.ndarray
    scale: numpy.ndarray
    last: numpy.ndarray


def poisson(xp: ModuleType, key: RawArray, rate: RawArray, *, dtype: DTypeLike) -> RawArray:
    """Poisson variables: k with probability rate**k exp(-rate) / k!; -1 where rate < 0, at most what dtype holds.

    Keys `(*lanes, 2)`, rate `(*lanes, ...)` floats. Source: Hörmann 1993, "The transformed rejection method for
    generating Poisson random variables", Algorithm PTRS; inversion for rate < 10.
    """
    dtype, limit = _count_dtype("poisson", dtype)
    return _drawn(xp, key, dtype, POISSON, (limit,), rate.astype(numpy.float64))


def binomial(xp: ModuleType, key: RawArray, n: RawArray, p: RawArray, *, dtype: DTypeLike) -> RawArray:
    """Binomial variables: of `n` trials of probability `p`, how many succeed; -1 where n < 0 or not 0 <= p <= 1.

    Keys `(*lanes, 2)`, n and p floats of one shape `(*lanes, ...)`. Source: Hörmann 1993, "The generation of binomial
    random variates", Algorithm BTRS; inversion for n min(p, 1 - p) < 10.
    """
    dtype, limit = _count_dtype("binomial", dtype)
    return _drawn(xp, key, dtype, BINOMIAL, (limit,), n.astype(numpy.float64), p.astype(numpy.float64))


def _count_dtype(name, dtype):
    dtype = numpy.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"{name}: expected an integer dtype, got {dtype}.")
    return dtype, float(min(numpy.iinfo(dtype).max, 2**53))


def _poisson_law(rate):
    width = 0.931 + 2.53 * numpy.sqrt(rate)
    return Law(
        rate, numpy.exp(-rate), rate, numpy.zeros_like(rate),
        width, -0.059 + 0.02483 * width, rate + 0.43, 0.9277 - 3.6224 / (width - 2),
        1.1239 + 1.1328 / (width - 3.4), numpy.full_like(rate, numpy.inf),
    )  # fmt: skip


def _poisson_weight(k, rate):
    """The logarithm of the probability of k."""
    return k * numpy.log(rate) - rate - _log_factorial(k)


def _binomial_law(n, p):
    odds, mean = p / (1 - p), n * p
    spread = numpy.sqrt(mean * (1 - p))
    width = 1.15 + 2.53 * spread
    return Law(
        mean, numpy.exp(n * numpy.log1p(-p)), odds * (n + 1), odds,
        width, -0.0873 + 0.0248 * width + 0.01 * p, mean + 0.5, 0.92 - 4.2 / width,
        (2.83 + 5.1 / width) * spread, n,
    )  # fmt: skip


def _binomial_weight(k, n, p):
    """The logarithm of the probability of k over that of the mode."""
    mode = numpy.floor((n + 1) * p)
    constant = _log_factorial(mode) + _log_factorial(n - mode)
    return constant + (k - mode) * numpy.log(p / (1 - p)) - _log_factorial(k) - _log_factorial(n - k)


LOG_FACTORIALS = numpy.array([math.lgamma(k + 1) for k in range(16)])


def _log_factorial(k):
    """log k!, from 16 on by Stirling's series (DLMF 5.11.1) to 7e-15."""
    z = numpy.maximum(k, 16) + 1
    r = 1 / (z * z)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - r / 1680) * r) * r) / z
    large = (z - 0.5) * numpy.log(z) - z + math.log(2 * math.pi) / 2 + series
    return numpy.where(k < 16, LOG_FACTORIALS[numpy.clip(numpy.nan_to_num(k), 0, 15).astype(numpy.intp)], large)


def _counts(tile, law, weight, *parameters):
    """Counts as float64 (lanes, blocks); `weight(k, *parameters)` is the logarithm of a probability, as `Law` says."""
    few = ~(law.mean >= 10)
    value = _inverted(law, numpy.where(few, _pairs(tile, 0)[0], 0)) if few.any() else 0.0
    if few.all():
        return value
    propose = functools.partial(_propose_count, weight)
    return numpy.where(few, value, _first_accepted(propose, tile, 0, few, *law, *parameters))


def _inverted(law, left):
    """The count up to which probabilities sum to `left`."""
    k, weight, more = numpy.zeros_like(left), law.first, True
    for step in range(1, 100):
        more = more & (left > weight) & (k < law.last)
        if not more.any():
            break
        left, k = left - weight, k + more
        weight = weight * (law.a / step - law.b)
    return k


def _propose_count(weight, fractions, few, *law_and_parameters):
    law, parameters = Law(*law_and_parameters[: len(Law._fields)]), law_and_parameters[len(Law._fields) :]
    u, v = fractions[0] - 0.5, fractions[1]
    edge = 0.5 - numpy.abs(u)
    k = numpy.floor((2 * law.tilt / edge + law.width) * u + law.centre)
    inside = (k >= 0) & (k <= law.last)
    accepted = few | inside & (edge >= 0.07) & (v <= law.squeeze)
    hard = inside & ~accepted  # one in seven
    hat = law.tilt[hard] / edge[hard] ** 2 + law.width[hard]
    accepted[hard] = numpy.log(v[hard] * law.scale[hard] / hat) <= weight(k[hard], *(x[hard] for x in parameters))
    return k, accepted


def _poisson(tile, limit, rate):
    with numpy.errstate(all="ignore"):
        return numpy.where(rate >= 0, numpy.fmin(_counts(tile, _poisson_law(rate), _poisson_weight, rate), limit), -1)


def _binomial(tile, limit, n, p):
    with numpy.errstate(all="ignore"):
        rarer = numpy.where(p > 0.5, 1 - p, p)
        k = _counts(tile, _binomial_law(n, rarer), _binomial_weight, n, rarer)
        k = numpy.fmin(numpy.where(p > 0.5, n - k, k), limit)
    return numpy.where((n >= 0) & (p >= 0) & (p <= 1), k, -1)


CUDA_COUNTS = """
struct Law { double mean, first, a, b, width, tilt, centre, squeeze, scale, constant, slope, last; };

__device__ inline double log_factorial(double k) {
    if (k < 16) {
        double product = 1;
        for (int i = 2; i <= k; ++i) product *= i;
        return log(product);
    }
    const double z = k + 1, r = 1 / (z * z);
    const double series = (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - r / 1680) * r) * r) / z;
    return (z - 0.5) * log(z) - z + 0.91893853320467274178 + series;
}

__device__ inline double inverted(const Law& law, double left) {
    double k = 0, weight = law.first;
    while (left > weight && k < law.last && k < 99) {
        left -= weight;
        weight *= law.a / ++k - law.b;
    }
    return k;
}

__device__ inline bool accepted(const Law& law, const Block& block, double& k) {
    const double u = block.fraction(0) - 0.5, v = block.fraction(1), edge = 0.5 - fabs(u);
    k = floor((2 * law.tilt / edge + law.width) * u + law.centre);
    if (!(k >= 0 && k <= law.last)) return false;
    if (edge >= 0.07 && v <= law.squeeze) return true;
    const double rest = isinf(law.last) ? 0 : law.last - k;
    return log(v * law.scale / (law.tilt / (edge * edge) + law.width))
        <= law.constant + k * law.slope - log_factorial(k) - log_factorial(rest);
}

__device__ inline double count(const Law& law, const Word* key, Wide index, Block block) {
    if (!(law.mean >= 10)) return inverted(law, block.fraction(0));
    double k;
    for (Word redraws = 0; !accepted(law, block, k) && ++redraws < ROUNDS; ) block = philox(key, index, 0, redraws);
    return k;
}

__device__ inline Law poisson_law(double rate) {
    const double width = 0.931 + 2.53 * sqrt(rate);
    return Law{rate, exp(-rate), rate, 0,
        width, -0.059 + 0.02483 * width, rate + 0.43, 0.9277 - 3.6224 / (width - 2),
        1.1239 + 1.1328 / (width - 3.4), -rate, log(rate), -log(0.0)};
}

__device__ inline Law binomial_law(double n, double p) {
    const double odds = p / (1 - p), mean = n * p, spread = sqrt(mean * (1 - p));
    const double width = 1.15 + 2.53 * spread, slope = log(odds), mode = floor((n + 1) * p);
    return Law{mean, exp(n * log1p(-p)), odds * (n + 1), odds,
        width, -0.0873 + 0.0248 * width + 0.01 * p, mean + 0.5, 0.92 - 4.2 / width,
        (2.83 + 5.1 / width) * spread, log_factorial(mode) + log_factorial(n - mode) - mode * slope, slope, n};
}
"""
POISSON = Distribution(
    1,
    _poisson,
    """const double rate = rates[lane * size + index];
        v[0] = Element(rate >= 0 ? fmin(count(poisson_law(rate), key, index, block), limit) : -1);""",
    "double limit, const double* rates",
    functions=CUDA_ROUNDS + CUDA_COUNTS,
)
BINOMIAL = Distribution(
    1,
    _binomial,
    """const double n = trials[lane * size + index], p = chances[lane * size + index];
        double k = count(binomial_law(n, p > 0.5 ? 1 - p : p), key, index, block);
        k = fmin(p > 0.5 ? n - k : k, limit);
        v[0] = Element(n >= 0 && p >= 0 && p <= 1 ? k : -1);""",
    "double limit, const double* trials, const double* chances",
    functions=CUDA_ROUNDS + CUDA_COUNTS,
)
