"""Rows of the table of primitives for `autograd.ops.special`: see `op_table.py`."""

import numpy as np
import scipy.special

from .cases import Case, OnHost, Real, integers, real, steps, unary


def of_one(name, *ranges, keeps="x"):
    """A function of one argument, over ranges of it."""
    return [case for low, high in ranges for case in unary(low, high, getattr(scipy.special, name), keeps=keeps)]


def of_last(name, *firsts, low=0.2, high=2.5, keeps="x", make=Case):
    """A function of which only the last argument is differentiated; `firsts` are choices of the others."""
    oracle, shapes = getattr(scipy.special, name), ((2, 3), (), (0, 3))
    return [make((*first, Real(shape, low, high)), {}, oracle, keeps) for first in firsts for shape in shapes]


def of_two(name, first, second, keeps):
    """A function of two arguments, over a range of each."""
    shapes = (((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2,)), ((0, 3), (1, 3)))
    oracle = getattr(scipy.special, name)
    return [Case((Real(a, *first), Real(b, *second)), {}, oracle, keeps) for a, b in shapes]


EVERYWHERE, POSITIVE, UNIT = (-4, 4), (0.2, 4), (0.05, 0.95)
ORDERS = (0,), (1,), (2,), (integers(0, 1, 3),)
ROWS = {
    "gamma": of_one("gamma", POSITIVE, (-1.8, -1.2), keeps="y x"),
    **{name: of_one(name, POSITIVE) for name in ("gammaln", "loggamma")},
    "gammasgn": steps(real(2, 3), oracle=scipy.special.gammasgn),
    "rgamma": of_one("rgamma", POSITIVE, (-3.2, -1.8), keeps="y x"),
    "digamma": of_one("digamma", (0.5, 4)),
    "zeta": of_last("zeta", (2,), (integers(2, 3, 4),), low=0.7, keeps="q"),
    "beta": of_two("beta", (0.5, 3), (0.7, 2), "y a b"),
    "betaln": of_two("betaln", (0.5, 3), (0.7, 2), "a b"),
    **{name: of_last(name, (1,), (integers(1, 2, 4),)) for name in ("gammainc", "gammaincc")},
    "stdtr": of_last("stdtr", (1,), (integers(1, 2, 4),), low=-2, make=OnHost),
    "betainc": of_last("betainc", (2, 1), (1, integers(1, 2, 4)), low=0.1, high=0.9),
    "xlogy": of_two("xlogy", (-2, 2), POSITIVE, "a b"),
    "xlog1py": of_two("xlog1py", (-2, 2), (-0.8, 2), "a b"),
    "entr": of_one("entr", POSITIVE),
    **{name: of_two(name, POSITIVE, (0.3, 2), "a b") for name in ("rel_entr", "kl_div")},
    "erfcinv": of_one("erfcinv", (0.1, 1.9), keeps="y"),
    "erfcx": of_one("erfcx", (-1, 4), keeps="y x"),
    **{name: of_one(name, EVERYWHERE) for name in ("ndtr", "log_ndtr", "log_expit")},
    "iv_scaled": [OnHost((2, Real((2, 3), 0.3, 3)), {}, lambda v, x: scipy.special.ive(v, x) * np.exp(-1j * x.imag),
                       keeps="y x", dtypes="c")],
    "inverse_mills_ratio": unary(
        -3, 3, lambda x: np.exp(-x * x / 2 - scipy.special.log_ndtr(x)) / np.sqrt(2 * np.pi), keeps="y x"),
    "ndtri": of_one("ndtri", UNIT, keeps="y"),
    "logit": of_one("logit", UNIT),
    "exp1": of_one("exp1", POSITIVE),
    "expi": of_one("expi", POSITIVE, (-3, -0.3)),
    "expn": of_last("expn", *ORDERS, low=0.3, keeps="y x"),
    "exprel": of_one("exprel", (-0.9, 0.9), (-3, 3), keeps="y x"),
    "cosm1": of_one("cosm1", EVERYWHERE),
    **{name: of_one(name, EVERYWHERE, keeps=keeps)
       for name, keeps in {"j0": "x", "j1": "y x", "i0": "x", "i1": "y x"}.items()},
    **{name: of_one(name, (0.3, 3), (-3, -0.3), keeps="y x") for name in ("i0e", "i1e")},
    **{name: of_one(name, (0.5, 4), keeps=keeps)
       for name, keeps in {"y0": "x", "y1": "y x", "k0": "x", "k1": "y x", "k0e": "y x", "k1e": "y x"}.items()},
    **{name: of_last(name, *ORDERS, low=0.5, keeps=keeps, make=OnHost)
       for name, keeps in {"jv": "x", "yv": "x", "iv": "x", "ive": "y x", "kv": "x", "kve": "y x"}.items()},
    "yn": of_last("yn", *ORDERS, low=0.5),
}  # fmt: skip
