"""Order statistics and correlations."""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

import math

import numpy as onp

from .. import backend
from ..axes import complete_axes
from ..core import Array
from ..ops.elementwise import (
    clip, conj, equal, floor, imag, isfinite, isinf, isnan, less, logical_not, maximum, minimum, real, sqrt, where,
)  # fmt: skip
from ..typing import ArrayLike, Axes, DTypeLike, Result
from ._common import as_array, floating, known, on_one_device, refuse_output, scalar
from ._placement import placed_like, on_device
from ._indexing import diagonal, take_along_axis
from ._product import matmul
from ._reduction import any, average, cumsum, mean, sum, broadcast_weights
from ._shape import atleast_2d, broadcast_to, concatenate, reshape, squeeze, transpose
from ._sorting import argpartition, argsort

# Where the quantile q of n sorted numbers lies, counted from 0: at n q + alpha + q (1 - alpha - beta) - 1; and the
# weight of the greater one of its neighbours: a function of the fractional and of the integral part of that.
# Source: Hyndman & Fan 1996, definitions 1 to 9; the others are NumPy's.
_METHODS = {
    "inverted_cdf": (0, 1, lambda part, whole: part > 0),
    "averaged_inverted_cdf": (0, 1, lambda part, whole: where(part > 0, 1, 0.5)),
    "closest_observation": (-0.5, 1.5, lambda part, whole: (part > 0) | (whole % 2 == 0)),
    "interpolated_inverted_cdf": (0, 1, lambda part, whole: part),
    "hazen": (1 / 2, 1 / 2, lambda part, whole: part),
    "weibull": (0, 0, lambda part, whole: part),
    "linear": (1, 1, lambda part, whole: part),
    "median_unbiased": (1 / 3, 1 / 3, lambda part, whole: part),
    "normal_unbiased": (3 / 8, 3 / 8, lambda part, whole: part),
    "lower": (1, 1, lambda part, whole: part < 0),
    "higher": (1, 1, lambda part, whole: part > 0),
    "midpoint": (1, 1, lambda part, whole: where(part > 0, 0.5, 0)),
    "nearest": (1, 1, lambda part, whole: (part > 0.5) | ((part == 0.5) & (whole % 2 == 1))),
}
_CHOOSING = {"inverted_cdf", "closest_observation", "lower", "higher", "nearest"}


def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axes = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Result:
    """Quantiles `q` (0 to 1) of the elements over the axes; NaN where one of them is NaN.

    Gradients go to the one or two elements that a quantile is computed from, and to `q` where it interpolates.

    Args:
        method: Which number between two elements: "linear", "lower", "higher", "midpoint", "nearest" or another one of
            NumPy's thirteen.
        weights: The weights of the elements, for the method "inverted_cdf".
        overwrite_input: No effect.
    """
    refuse_output(out, "quantile")
    return _quantile("quantile", a, q, axis, method, keepdims, weights, 1, False)


def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axes = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Result:
    """`quantile` with `q` in percent."""
    refuse_output(out, "percentile")
    return _quantile("percentile", a, q, axis, method, keepdims, weights, 100, False)


def median(
    a: ArrayLike, axis: Axes = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Result:
    """The median over the axes; NaN where an element is NaN. The gradient goes to the one or two middle elements."""
    refuse_output(out, "median")
    return _quantile("median", a, 0.5, axis, "averaged_inverted_cdf", keepdims, None, 1, False)


def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axes = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Result:
    """`quantile` of the elements that are not NaN; NaN where there is none."""
    refuse_output(out, "nanquantile")
    return _quantile("nanquantile", a, q, axis, method, keepdims, weights, 1, True)


def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axes = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Result:
    """`percentile` of the elements that are not NaN; NaN where there is none."""
    refuse_output(out, "nanpercentile")
    return _quantile("nanpercentile", a, q, axis, method, keepdims, weights, 100, True)


def nanmedian(
    a: ArrayLike, axis: Axes = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Result:
    """`median` of the elements that are not NaN; NaN where there is none."""
    refuse_output(out, "nanmedian")
    return _quantile("nanmedian", a, 0.5, axis, "averaged_inverted_cdf", keepdims, None, 1, True)


def _quantile(name, a, q, axis, method, keepdims, weights, unit, skip_nan):
    a = as_array(a)
    if method not in _METHODS:
        raise ValueError(f"{name}: expected a method of {', '.join(_METHODS)}, got {method!r}.")
    if a.dtype.kind in "iub" and method not in _CHOOSING:
        a = as_array(a, floating(a))
    if a.dtype.kind == "c" and not name.endswith("median"):
        raise TypeError(f"{name}: expected real numbers, got dtype {a.dtype}.")
    q = _parts(name, q, unit)
    axes = complete_axes(axis, a.ndim)
    numbers = _flattened(a, axes)  # (n, ...)
    unknown = isnan(numbers) if a.dtype.kind in "fc" else None
    if weights is not None:
        weights = _flattened(broadcast_to(broadcast_weights(name, a, axis, weights), a.shape), axes)
        chosen = _weighted(numbers, q, weights, method, unknown if skip_nan else None)
    elif numbers.shape[0]:
        chosen = _selected(numbers, q, method, unknown if skip_nan else None)
    else:
        chosen = broadcast_to(placed_like(a, math.nan), (q.size, *numbers.shape[1:]))
    if unknown is not None and not skip_nan:
        chosen = where(any(unknown, 0), math.nan, chosen)
    rest = [1 if i in axes else n for i, n in enumerate(a.shape)] if keepdims else numbers.shape[1:]
    return scalar(reshape(chosen, (*q.shape, *rest)))


def _parts(name, q, unit):
    """`q` as an array of numbers from 0 to 1; a NumPy array if it was not on a device."""
    if not isinstance(q, Array) and not backend.is_cupy(q):
        q = onp.asarray(q, float) if isinstance(q, float | int | list | tuple) else onp.asarray(q)
        if not onp.all((q >= 0) & (q <= unit)):
            raise ValueError(f"{name}: expected numbers from 0 to {unit}, got {q}.")
    return q / unit if unit != 1 else q


def _flattened(a, axes):
    """`a` with some of its axes merged into one in front."""
    rest = [i for i in range(a.ndim) if i not in axes]
    return reshape(transpose(a, (*axes, *rest)), (math.prod(a.shape[i] for i in axes), *[a.shape[i] for i in rest]))


def _selected(numbers, q, method, unknown):
    """The quantiles (q.size, ...) of numbers (n, ...), without those where `unknown` is true."""
    n, q = numbers.shape[0], q.reshape((-1,) + (1,) * (numbers.ndim - 1))
    if unknown is not None:
        n, q = sum(logical_not(unknown), 0), on_device(numbers, q)
    places, weight = _places(n, q, method)
    kth = onp.unique(onp.concatenate(places)).tolist() if isinstance(places[0], onp.ndarray) else None
    order = argpartition(numbers, kth, 0) if kth else argsort(numbers, 0)
    low, *high = [_ranked(numbers, order, place) for place in places]
    if not high:
        return low
    weight = on_device(numbers, weight, numbers.dtype)
    at_low = where(equal(weight, 0), isinf(low) | isinf(high[0]), isinf(low) & isfinite(high[0]))
    at_low = at_low | equal(low, high[0])  # where infinities would give NaN
    return low + weight * (where(at_low, 0, high[0]) - where(at_low, 0, low))


def _places(n, q, method):
    """The one or two positions of quantiles among n sorted numbers, and the weight of the second."""
    alpha, beta, weigh = _METHODS[method]
    place = (n - 1) * q if alpha == beta == 1 else n * q + (alpha + q * (1 - alpha - beta)) - 1
    whole, last = floor(place), maximum(n - 1, 0)
    weight = weigh(place - whole, whole)
    ends = [whole + weight] if method in _CHOOSING else [whole + (weight == 1), whole + 1]
    return [as_array(minimum(maximum(end, 0), last), int) for end in ends], weight


def _ranked(numbers, order, place):
    """The elements of `numbers` at a position of the sorted order."""
    return take_along_axis(numbers, take_along_axis(order, on_device(numbers, place), 0), 0)


def _weighted(numbers, q, weights, method, unknown):
    """The quantiles of weighted numbers: where the cumulative weight first reaches `q`."""
    if method != "inverted_cdf":
        raise ValueError(f"quantile: expected method 'inverted_cdf' with weights, got {method!r}.")
    order = argsort(numbers, 0)
    if weights.dtype.kind == "c":
        raise TypeError(f"quantile: expected real weights, got dtype {weights.dtype}.")
    weights = as_array(weights, floating(weights, numbers))
    if (given := known(weights)) is not None and not (onp.isfinite(given) & (given >= 0)).all():
        raise ValueError("quantile: expected finite weights that are not negative.")
    weights = take_along_axis(weights if unknown is None else where(unknown, 0, weights), order, 0)
    total = sum(weights, 0)
    if unknown is None and (given := known(total)) is not None and not given.all():
        raise ValueError("quantile: expected weights whose sum is not 0.")
    reached = cumsum(weights, 0) / where(equal(total, 0), 1, total)
    reached = where(equal(reached, 0), -1, reached)  # a quantile has a weight
    q = on_device(numbers, q.reshape((-1,) + (1,) * numbers.ndim))
    return _ranked(numbers, order, minimum(sum(less(reached, q), 1), numbers.shape[0] - 1))


def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: DTypeLike = None,
) -> Result:
    """The covariance matrix of variables, (variables, variables): rows of `m` and `y`, columns if not `rowvar`.

    The sums of products are divided by the number of observations - ddof: 1 by default, 0 with `bias`.

    Args:
        fweights: How often each observation was made.
        aweights: The weight of each observation.
    """
    m, y = on_one_device(m, y)
    x = _variables(m, rowvar, dtype)
    if y is not None:
        x = concatenate([x, _variables(y, rowvar, dtype)])
    ddof = (0 if bias else 1) if ddof is None else ddof
    if int(ddof) != ddof:
        raise ValueError(f"cov: expected an integer ddof, got {ddof}.")
    factors = [_observed(x, weights, name) for weights, name in ((fweights, "fweights"), (aweights, "aweights"))
               if weights is not None]  # fmt: skip
    if not factors:
        centered = x - mean(x, 1, keepdims=True)
        return squeeze(matmul(centered, conj(transpose(centered))) / max(x.shape[1] - ddof, 0))
    weights = as_array(math.prod(factors), x.real.dtype)
    centered = x - average(x, 1, weights, keepdims=True)
    total = sum(weights)
    lost = ddof if aweights is None else ddof * sum(weights * as_array(factors[-1], weights.dtype)) / total
    return squeeze(matmul(centered * weights, conj(transpose(centered))) / maximum(total - lost, 0))


def _observed(x, weights, name):
    """A weight for each observation."""
    weights = placed_like(x, weights)
    if weights.shape != x.shape[1:]:
        raise ValueError(f"cov: expected {name} of shape {x.shape[1:]}, got {weights.shape}.")
    numbers = known(weights)
    if numbers is not None and (numbers < 0).any():
        raise ValueError(f"cov: expected {name} that are not negative.")
    if name == "fweights" and numbers is not None and (numbers != onp.round(numbers)).any():
        raise TypeError("cov: expected fweights that are integers.")
    return weights


def _variables(m, rowvar, dtype):
    """Real or complex numbers, one row for each variable."""
    m = as_array(m, dtype)
    if m.ndim > 2:
        raise ValueError(f"cov: expected at most two axes, got shape {m.shape}.")
    m = as_array(m, floating(m)) if m.dtype.kind in "iub" else m
    return transpose(m) if m.ndim == 2 and not rowvar else atleast_2d(m)


def corrcoef(x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: DTypeLike = None) -> Result:
    """The correlation matrix of variables, as in `cov`, with elements limited to -1 to 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = sqrt(real(diagonal(c)))
    c = c / deviations[:, None] / deviations
    if c.dtype.kind == "c":
        return clip(real(c), low=-1, high=1) + clip(imag(c), low=-1, high=1) * 1j
    return clip(c, low=-1, high=1)
