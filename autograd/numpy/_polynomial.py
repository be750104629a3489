"""Division of polynomials: the rest of them are in `_calculus`."""

import numpy as onp

from ..ops.elementwise import absolute, stop_gradient
from ._common import as_array
from ._placement import beside, on_host
from ._shape import atleast_1d, concatenate, stack


def polydiv(u, v):
    """The quotient and the remainder of two polynomials, from the coefficient of the highest power on.

    Coefficients of the remainder up to 1e-8 in size are left out at its beginning, so that its length depends on data.
    """
    u = atleast_1d(as_array(u)) * 1.0
    v = beside(u, atleast_1d(v)) * 1.0
    quotient = []
    for _ in range(u.size - v.size + 1):
        quotient.append(u[0] / v[0])
        u = concatenate([u[1 : v.size] - quotient[-1] * v[1:], u[v.size :]])
    if u.size == 0:
        u = v[:1] * 0
    large = onp.flatnonzero(on_host(stop_gradient(absolute(u))) > 1e-8)
    return stack(quotient) if quotient else u[:1] * 0, u[large[0] if large.size else -1 :]
