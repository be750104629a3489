"""Arguments on which functions of `autograd.numpy` are compared with NumPy's: numbers, statistics, sorting, sets."""

import numpy as np

from .calls import CALLS as ARITHMETIC
from .calls import SYMMETRIC, A, B, C, Call, I, J, M, P, S, U, V, W, Z, each, over_axes, same

N, NC = A.copy(), C.copy()  # with NaN, and no slice of nothing else
N[0, 1] = N[2, 3] = NC[0, 0, 0] = NC[1, 2, 1] = np.nan
NU, NOTHING, E = N.astype("float32"), np.zeros(0), np.zeros((0, 3))
CHOSEN, ROWS = A > -0.5, np.array([[True], [False], [True]])
G = A + 0.1 * np.sin(np.arange(12)).reshape(3, 4)  # no point lies on an edge
WHOLE = np.array([3, 1, 1, 0, 7, 3])
SORTED = np.array([-1.0, 0.25, 0.25, 2.0])
WEIGHTS, COUNTED = np.array([0.5, 2.0, 0.3, 1.5]), np.array([2, 8, 0, 6])

narrow = [Call(I, dtype="int8"), Call(I, 1, "uint8"), Call(np.array([200, 100], "uint8"), dtype="uint8"),
    Call(A, dtype="float32")]  # fmt: skip
masked = [Call(A, where=CHOSEN), Call(A, axis=0, where=ROWS), Call(C, (0, 2), where=CHOSEN), Call(A, where=True),
    Call(U, 1, where=P > 0.6, keepdims=True), Call(I, where=I > 0)]  # fmt: skip
started = [Call(A, initial=0.5), Call(A, 1, initial=-2), Call(C, (0, 1), None, None, True, 0.3), Call(U, initial=2),
    Call(A, 0, initial=1.5, where=CHOSEN), Call(I, initial=3), Call(E, initial=2.0),
    Call(E, 0, initial=2.0)]  # fmt: skip
bounded = [Call(A, initial=0.53), Call(A, 1, initial=-0.42), Call(C, (0, 1), None, True, 0.31), Call(U, initial=2.0),
    Call(A, 0, initial=-0.55, where=CHOSEN), Call(I, initial=5), Call(E, initial=2.0), Call(E, 0, initial=2.0),
    Call(A, 1, initial=-0.31, where=ROWS)]  # fmt: skip
deviating = [*masked, Call(A, where=CHOSEN, ddof=1), Call(A, correction=1), Call(A, 1, correction=0.5),
    Call(A, axis=1, mean=A.mean(1, keepdims=True)), Call(Z, 0, where=CHOSEN), Call(A, None, None, None, 1)]  # fmt: skip
with_nan = [*over_axes(NC, None, 0, -1, (0, 2)), Call(N, keepdims=True), *each(NU, I, S, A)]
exact = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
    "median_unbiased normal_unbiased lower higher midpoint nearest"
).split()
quantiles = [Call(A, 0.3), Call(A, 0.3, 0), Call(C, [0.0, 0.21, 1.0], 1), Call(C, 0.77, (0, 2)), Call(C, 0.5, axis=-1),
    Call(C, np.array([[0.1, 0.63]]), (1, 0), keepdims=True), Call(I, 0.4), Call(I, 0.4, method="lower"), Call(S, 0.3),
    Call(U, 0.37), Call(U, [0.37], 1), Call(A, 0.63, keepdims=True), Call(W[:3], 0.6), Call(N, 0.4, 1),
    Call(A, 0.43, method="inverted_cdf", weights=P), Call(A, [0.0, 0.71, 1], 1, method="inverted_cdf", weights=WEIGHTS),
    Call(A, [0.0, 0.71, 1], 1, method="inverted_cdf", weights=COUNTED),
    *[Call(V, [0, 0.13, 0.25, 0.5, 0.59, 0.75, 0.98, 1], method=method) for method in exact],
    *[Call(W[:3], q, 0, method=method) for method in exact for q in (0.5, 1 / 3 + 1e-9)]]  # fmt: skip
percentiles = [Call(*c.args[:1], np.multiply(c.args[1], 100).tolist(), *c.args[2:], **c.kwargs) for c in quantiles]
SOUND = [i for i, c in enumerate(quantiles) if i != 5 and np.ndim(c.kwargs.get("weights")) != 1]  # NumPy's own
medians = [*over_axes(C, None, 0, -1, (0, 2), (1, 2)), Call(A, 1, keepdims=True), *each(I, S, U, V, W[:3], Z)]
partitions = [Call(V, (0, 1, 2, 3)), Call(A, [0, 1, 2], 0), Call(A, (0, 1, 2, 3)), Call(A, tuple(range(12)), None)]

CALLS = {
    # Numbers.
    "i0": each(A, S, U),
    **same("fabs", each(A, S, U, I)),
    "spacing": each(A, S, U, 1.5),
    "fix": each(A, S, U),
    "copysign": [Call(A, -P), Call(A, W - 1), Call(2.5, A), Call(U, -1.0), Call(I, -2.0)],
    "heaviside": [Call(A, 0.5), Call(np.array([-1.5, 0, 0, 2, np.nan]), 0.25), Call(A, P), Call(U, 1.0)],
    "ldexp": [Call(A, 3), Call(A, np.array([1, -2, 0, 4])), Call(U, 2), Call(S, -1)],
    "nextafter": [Call(A, P), Call(U, 2.0), Call(S, -1.0)],
    "frexp": each(A, S, U, np.array([0.0, 1e300, 5e-324])),
    "float_power": [Call(P, A), Call(P, 2), Call(2, A), Call(I, 2), Call(Z, 2)],
    "bitwise_count": each(I, np.array([0, 255], "uint8")),
    **same("bitwise_left_shift bitwise_right_shift", [Call(abs(I), abs(J)), Call(I, 2)]),
    **same("isposinf isneginf", each(A, np.array([np.inf, -np.inf, np.nan]))),
    **same("isreal iscomplex", each(A, Z, Z.real + 0j, 1.5)),
    **same("isrealobj iscomplexobj", each(A, Z, I, [1j])),
    "real_if_close": each(A, Z, Z.real + 1e-15j, Z.real + 1e-10j),
    "array_equiv": [Call(A, A), Call(A, W), Call(A, A[:, :2]), Call(np.tile(W, (3, 1)), W)],
    "array_equal": [*ARITHMETIC["array_equal"], Call(N, N), Call(N, N, True), Call(N, N, equal_nan=True)],
    "polydiv": [Call(V, W[:2]), Call(W, V[:1]), Call(W[:2], V), Call(Z[0], W[:3]), Call([1.0, 0, -1], [1, 1]),
        Call(I[0], J[:2]), Call(2.0, S)],
    # Reductions.
    **same("sum prod", [*ARITHMETIC["sum"], *masked, *started, *narrow]),
    **same("cumsum cumprod", [*ARITHMETIC["cumsum"], *narrow[:-1]]),
    "mean": [*ARITHMETIC["mean"], *masked, Call(Z, where=CHOSEN)],
    **same("max min amax amin", [*ARITHMETIC["max"], *bounded]),
    **same("var std", [*ARITHMETIC["var"], *deviating]),
    **same("any all", [*ARITHMETIC["any"], Call(A > 0, where=CHOSEN), Call(A > 0, 0, where=ROWS, keepdims=True),
        Call(E, 0)]),
    "average": [*ARITHMETIC["average"], Call(A, returned=True), Call(A, 1, W, True), Call(C, (1, 2), A, returned=True),
        Call(C, (2, 1), M), Call(A, weights=P, returned=True, keepdims=True)],
    **same("nansum nanprod", [*with_nan, Call(N, where=CHOSEN), Call(N, 0, initial=2.0), Call(Z)]),
    **same("nanmax nanmin", [*with_nan, Call(N, where=CHOSEN, initial=0.2), Call(N, 0, initial=-0.1)]),
    "nanmean": [*with_nan, Call(N, where=CHOSEN)],
    **same("nanvar nanstd", [*with_nan, Call(N, 1, ddof=1), Call(N, where=CHOSEN)]),
    **same("nanargmax nanargmin", [*over_axes(NC, None, 0, -1), Call(N, 1, keepdims=True), *each(I, V)]),
    **same("nancumsum nancumprod", [*over_axes(NC, None, 0, -1), *each(S, I, NU)]),
    "nanmedian": [*medians, *with_nan],
    "median": medians + [Call(N, 0)],
    "quantile": quantiles,
    "percentile": percentiles,
    "nanquantile": [*map(quantiles.__getitem__, SOUND), Call(N, [0.2, 0.7], 0), Call(NC, 0.45, (0, 1)), Call(NU, 0.3),
        *[Call(N, 0.6, 1, method=m) for m in exact], Call(N, 0.37, 0, method="inverted_cdf", weights=P)],
    "nanpercentile": [*map(percentiles.__getitem__, SOUND), Call(N, [20, 70], 0), Call(NC, 45, (0, 1), keepdims=True)],
    "cov": [*each(A, V, C[0] + 1, Z, I), Call(V, W), Call(A, P), Call(A, rowvar=False), Call(A, bias=True),
        Call(A, ddof=0), Call(A, fweights=[1, 2, 0, 3]), Call(A, aweights=W),
        Call(A, P, fweights=[2, 1, 1, 1], aweights=W), Call(A, aweights=W, ddof=0), Call(U)],
    "corrcoef": [*each(A, C[1], Z), Call(V, W), Call(A, P), Call(A, rowvar=False), Call(U)],
    # Histograms.
    "histogram": [Call(G), Call(G, 4, density=True), Call(G, [-1, 0.1, 0.5, 2]), Call(G, 3, (-1, 1)),
        Call(G, 4, weights=P), Call(G[0], 3, weights=Z[0]), Call(I), Call(NOTHING, 3), Call(G, "sturges"),
        Call(G, bins="fd", density=True), Call(np.ones(3, int), 2), Call(I, 5, weights=abs(I)),
        Call(G, 4, density=True, weights=P)],
    "histogram_bin_edges": [Call(G), Call(G, 3, (-1, 2)), Call(G, "auto"), Call(I, 4), Call(G, [0.0, 1.0, 3.0]),
        Call(NOTHING), Call(U, 3)],
    "histogram2d": [Call(G[0], G[1]), Call(G[0], G[1], 3), Call(G[0], G[1], (2, 3), density=True),
        Call(G[0], G[1], [[-2, 0, 1], 2]), Call(G[0], G[1], [-1.0, 0.3, 1.0, 2.0]),
        Call(G[0], G[1], 3, weights=WEIGHTS), Call(G[0], G[1], 2, [[-1, 1], [0, 3]])],
    "histogramdd": [Call(G.T), Call(G.T, 3), Call(G.T, (2, 3, 1), density=True),
        Call(G.T, [[-2, 0, 2], 2, [-1.0, 1.0]]), Call([G[0], G[1]], 2, weights=WEIGHTS),
        Call(G.T, 2, range=[(-1, 1), None, (0, 2)])],
    "bincount": [Call(WHOLE), Call(WHOLE, minlength=12), Call(WHOLE[:4], W), Call(WHOLE[:4], W, 9), Call([0, 2]),
        Call(np.zeros(0, int)), Call(np.zeros(0, int), minlength=3), Call(np.array([True, False, True]))],
    # Sorting and searching.
    "partition": partitions,
    "argpartition": partitions,
    "sort_complex": each(A, Z, I, V),
    "lexsort": [Call((W, V)), Call(SYMMETRIC), Call([SYMMETRIC, A[:, :3]], 0), Call(SYMMETRIC[None], axis=-1),
        Call([[1.0, 0.0, 1.0], [2, 2, 1]])],
    "searchsorted": [Call(SORTED, A), Call(SORTED, 0.25), Call(SORTED, [0.25, 9], "right"),
        Call(SORTED, A, side="right"), Call(V, 0.3, sorter=np.argsort(V)), Call(J, [1, 3], sorter=[2, 1, 0]),
        Call(SORTED, NOTHING), Call(NOTHING, V), Call(np.array([-5, 0, 5]), I)],
    "digitize": [Call(A, SORTED), Call(A, SORTED, True), Call(A, SORTED[::-1]), Call(A, SORTED[::-1], right=True),
        Call(S, [0.0, 1.0]), Call(I, J[::-1])],
    "isin": [Call(I, J), Call(I, [3, 4], invert=True), Call(A, A[0]), Call(3, J), Call(A, NOTHING)],
    "argwhere": each(A > 0, I, S, NOTHING, np.array(0.0)),
    "flatnonzero": each(A > 0, I, S, NOTHING),
    "unravel_index": [Call(7, (3, 4)), Call(np.array([[0, 5], [11, 3]]), (3, 4)), Call([1, 2], 5),
        Call(np.array([5, 7]), (2, 4), order="F")],
    "ravel_multi_index": [Call((np.array([0, 2]), np.array([1, 3])), (3, 4)), Call((1, 2), (3, 4)),
        Call((I % 3, J % 4), (3, 4), order="F"), Call((I, I), (3, 4), "wrap"), Call((I, I), (3, 4), ("clip"))],
    # Sets.
    "unique": [*each(A, WHOLE, SYMMETRIC, S, NOTHING, N, B), Call(WHOLE, True, True, True),
        Call(SYMMETRIC, return_inverse=True, axis=0), Call(SYMMETRIC, True, False, True, 1), Call(N, equal_nan=False),
        Call(A, return_index=True), Call(SYMMETRIC, return_inverse=True), Call(np.array([[1.0, 2], [1, 2]]), axis=0)],
    **same("unique_counts unique_inverse unique_all", each(A, WHOLE, SYMMETRIC, N)),
    "union1d": [Call(A, V), Call(I, J), Call(WHOLE, [9, 3]), Call(NOTHING, V)],
    "intersect1d": [Call(A, A[1]), Call(I, J), Call(WHOLE, [9, 3, 1, 1], return_indices=True), Call(V, W),
        Call(V, V[:2], True)],
    "setdiff1d": [Call(A, A[1]), Call(I, J), Call(WHOLE, [3]), Call(V[::-1], W, True)],
    "setxor1d": [Call(A, A[1] + [0, 1, 0, 1]), Call(I, J), Call(WHOLE, [9, 3, 1, 1]), Call(V, NOTHING)],
}  # fmt: skip
