"""How much steps of `PrivateGradValues` give away: epsilon and delta, by Google's dp-accounting (extra `privacy`).

Steps are those of a Gaussian mechanism on a random part of the examples, whose budgets of Renyi differential privacy
add up (Mironov 2017) and are then turned into (epsilon, delta). In all functions `q` is the part of the examples that
takes part in a step, `noise_multiplier` that of `PrivateGradValues`, `steps` their number, `orders` those of the Renyi
divergence that are tried, `delta` the probability with which the bound may fail: less than 1 / (number of examples).
"""

import math
import numbers
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...installation import optional
from ...util.convert import require_integers, require_iterable, require_reals

__all__ = [
    "analyze_dp", "analyze_dp_sample_without_replacement", "analyze_renyi", "analyze_renyi_sample_without_replacement",
    "convert_renyidp_to_dp",
]  # fmt: skip

ORDERS = (1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 4.5, *map(float, range(5, 21)))


def analyze_dp(
    q: float, noise_multiplier: float, steps: int, orders: Sequence[float] = ORDERS, delta: float = 1e-5
) -> float:
    """The epsilon of steps on batches in which each example is with probability `q` (see `poisson_batches`).

    Neighbouring data sets differ by one example more or less. Without noise it is infinite.

    >>> from cuobjax.privacy import dpsgd
    >>> round(dpsgd.analyze_dp(q=0.01, noise_multiplier=1.1, steps=1000), 3)
    1.725

    Raises:
        ValueError: If a number is out of range.
        ModuleNotFoundError: If dp-accounting is missing.
    """
    return _epsilon(_poisson, q, noise_multiplier, steps, orders, delta)


def analyze_dp_sample_without_replacement(
    q: float, noise_multiplier: float, steps: int, orders: Sequence[float] = ORDERS, delta: float = 1e-5
) -> float:
    """The epsilon of steps on batches of a fixed size, drawn without replacement in each step anew.

    Neighbouring data sets have one example replaced. Source: Wang et al. 2019. See `analyze_dp` for errors.

    >>> from cuobjax.privacy import dpsgd
    >>> round(dpsgd.analyze_dp_sample_without_replacement(q=0.01, noise_multiplier=1.1, steps=1000), 3)
    3.19
    """
    return _epsilon(_without_replacement, q, noise_multiplier, steps, orders, delta)


def analyze_renyi(q: float, noise_multiplier: float, steps: int, orders: float | Sequence[float]) -> Any:
    """The Renyi divergence of steps as in `analyze_dp`, of one order or, as an array, of several."""
    return _divergences(_poisson, q, noise_multiplier, steps, orders)


def analyze_renyi_sample_without_replacement(
    q: float, noise_multiplier: float, steps: int, orders: float | Sequence[float]
) -> Any:
    """The Renyi divergence of steps as in `analyze_dp_sample_without_replacement`: see `analyze_renyi`."""
    return _divergences(_without_replacement, q, noise_multiplier, steps, orders)


def convert_renyidp_to_dp(
    orders: float | Sequence[float],
    rdp: float | Sequence[float],
    target_eps: float | None = None,
    target_delta: float | None = None,
) -> tuple[float, float, float]:
    """(epsilon, delta, best order) of Renyi divergences, for a given epsilon or a given delta.

    Source: Canonne et al. 2020, Proposition 12, as dp-accounting computes it.

    Args:
        orders: The orders.
        rdp: The divergence of each.
        target_eps: The epsilon.
        target_delta: The delta.

    Raises:
        ValueError: If both or neither of epsilon and delta are given, the lengths differ, or a number is out of range.
    """
    if (target_eps is None) == (target_delta is None):
        which = "Neither is" if target_eps is not None else "Both are"
        raise ValueError(f"Exactly one out of eps and delta must be None. ({which}).")
    target = target_eps if target_delta is None else target_delta
    require_reals("convert_renyidp_to_dp", **{"target_eps" if target_delta is None else "target_delta": target})
    places, divergences = _reals("orders", orders), _reals("rdp", rdp)
    if places.shape != divergences.shape:
        raise ValueError(f"convert_renyidp_to_dp: expected one divergence for each of {len(places)} orders, got {rdp}.")
    if not (divergences > -1e-9).all():  # roundings below 0 count as 0
        raise ValueError(f"convert_renyidp_to_dp: expected divergences that are not negative, got {rdp}.")
    if target_eps is not None and not target_eps >= 0:
        raise ValueError(f"convert_renyidp_to_dp: expected target_eps of 0 or greater, got {target_eps}.")
    if target_delta is not None and not 0 <= target_delta <= 1:
        raise ValueError(f"convert_renyidp_to_dp: expected target_delta from 0 to 1, got {target_delta}.")
    if not (places >= 1).all():
        raise ValueError(f"convert_renyidp_to_dp: expected orders of 1 or greater, got {orders}.")
    accounting = _library().rdp.rdp_privacy_accountant
    if target_delta is not None:
        eps, order = accounting.compute_epsilon(places, divergences, target_delta)
        return float(eps), float(target_delta), float(order)
    delta, order = accounting.compute_delta(places, divergences, target_eps)
    return float(target_eps or 0.0), float(delta), float(order)


def _reals(name, given):
    try:
        return np.atleast_1d(np.asarray(given, float))
    except (TypeError, ValueError):
        raise TypeError(f"convert_renyidp_to_dp: expected {name} as a number or several, got {given!r}.") from None


def _library() -> Any:
    return optional("dp_accounting", "dpsgd", "privacy")


def _poisson(dp, q, gaussian):
    return dp.NeighboringRelation.ADD_OR_REMOVE_ONE, dp.PoissonSampledDpEvent(q, gaussian)


def _without_replacement(dp, q, gaussian):
    part = Fraction(q).limit_denominator(10**9)  # the divergence depends on the quotient alone
    event = dp.SampledWithoutReplacementDpEvent(part.denominator, part.numerator, gaussian)
    return dp.NeighboringRelation.REPLACE_ONE, event


def _accountant(sampling, q, noise_multiplier, steps, orders):
    require_iterable("dpsgd", orders=orders)
    require_reals("dpsgd", q=q, noise_multiplier=noise_multiplier, **{f"orders[{i}]": x for i, x in enumerate(orders)})
    if not 0 <= q <= 1:
        raise ValueError(f"dpsgd: expected q, the part of the examples in a batch, from 0 to 1, got {q}.")
    if not noise_multiplier > 0:
        raise ValueError(f"dpsgd: expected noise_multiplier greater than 0, got {noise_multiplier}.")
    require_integers("dpsgd", 0, steps=steps)
    if len(orders) == 0 or not all(order > 1 for order in orders):  # NaN is not greater
        raise ValueError(f"dpsgd: expected orders greater than 1, got {[*orders]}.")
    dp = _library()
    neighbours, event = sampling(dp, float(q), dp.GaussianDpEvent(float(noise_multiplier)))
    accountant = dp.rdp.RdpAccountant([*map(float, orders)], neighbours)
    if steps and q:
        accountant.compose(event, int(steps))
    return accountant


def _epsilon(sampling, q, noise_multiplier, steps, orders, delta):
    require_reals("dpsgd", delta=delta)
    if not 0 < delta < 1:
        raise ValueError(f"dpsgd: expected delta between 0 and 1, got {delta}.")
    if noise_multiplier == 0:
        return math.inf
    return float(_accountant(sampling, q, noise_multiplier, steps, orders).get_epsilon(delta))


def _divergences(sampling, q, noise_multiplier, steps, orders):
    one = isinstance(orders, numbers.Real)
    found = np.asarray(_accountant(sampling, q, noise_multiplier, steps, [orders] if one else orders).rdp)
    return float(found[0]) if one else found
