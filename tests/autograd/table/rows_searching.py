"""Rows of the table of primitives for searching, counting, and how numbers are represented: see `op_table.py`."""

import numpy as np

from .cases import Case, along_axes, binary, integers, real, steps, unary

TABLE, WHOLE = np.array([-1.0, 0.25, 0.25, 1.5]), np.array([[3, 0, 3], [1, 5, 0]])
TRUTHS = WHOLE > 2  # distinct numbers differ in count from lane to lane: no vmap


def ravel_multi_index(i, j, dims, mode, order):
    return np.ravel_multi_index((i, j), dims, mode, order)


ROWS = {
    "searchsorted": [case for side in ("left", "right") for case in steps(
        TABLE, real(2, 3), params={"side": side}, oracle=lambda table, x, side: np.searchsorted(table, x, side))],
    "digitize": [case for right in (False, True) for table in (TABLE, TABLE[::-1].copy()) for case in steps(
        table, real(2, 3), params={"right": right}, oracle=lambda table, x, right: np.digitize(x, table, right))],
    "isin": [case for invert in (False, True) for case in steps(
        integers(3, 7, 0), WHOLE, params={"invert": invert}, oracle=lambda t, x, invert: np.isin(x, t, invert=invert))],
    "bincount": [case for length in (6, 9) for case in steps(
        WHOLE, params={"length": length}, oracle=lambda x, length: np.bincount(x.ravel(), minlength=length))],
    "argpartition": along_axes(lambda x, axis, kth: np.argsort(x, axis), {"kth": (0, 1, 2)}, differentiable=False)[1:2]
    + along_axes(lambda x, axis, kth: np.argsort(x, axis), {"kth": (0, 1)}, differentiable=False)[::2],
    "unique_places": [case for x, axis in ((TRUTHS[0], None), (TRUTHS.T, 0)) for counts in (False, True)
                      for case in steps(x, params={"inverse": True, "counts": counts, "axis": axis, "equal_nan": True},
                          oracle=lambda x, inverse, counts, **rest: np.unique(x, True, True, counts, **rest)[1:])],
    "unravel_index": [case for n in "CF" for case in steps(
        WHOLE, params={"dims": (2, 3), "order": n}, oracle=lambda x, dims, order: np.unravel_index(x, dims, order))],
    "ravel_multi_index": [case for mode in ("wrap", "clip") for order in "CF" for case in steps(
        WHOLE, integers(1, 0, 2), params={"dims": (4, 3), "mode": mode, "order": order}, oracle=ravel_multi_index)],
    # How numbers are represented.
    "copysign": [*binary(keeps="y a"), Case((real(4), 0.1), keeps="y a"), *steps(0.1, real(4))],
    "fabs": unary(keeps="x"),
    "heaviside": [*binary(keeps="a"), Case((0.1, real(4)), keeps="a"), *steps(real(4), 0.1)],
    "ldexp": [Case((x, integers(1, -2, 3)), keeps="b") for x in (real(2, 3), real(3))],
    "nextafter": [*binary(), Case((real(4), 0.1)), *steps(0.1, real(4))],
    "bitwise_count": steps(integers(0, 5, -7)),
    "exponent": steps(real(2, 3, high=900.0), oracle=lambda x: np.frexp(x)[1]),
    "spacing": steps(real(2, 3)) + steps(real()),
}  # fmt: skip
