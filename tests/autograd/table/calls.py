"""Arguments on which functions of `autograd.numpy` are compared with NumPy's: arithmetic, shapes, products."""

import numpy as np

from autograd import tree

_random = np.random.default_rng(7)
A = _random.permutation(12).reshape(3, 4) / 3 - 1.7  # distinct numbers of both signs
P = _random.permutation(12).reshape(3, 4) / 5 + 0.3  # distinct positive numbers
C = _random.permutation(24).reshape(2, 3, 4) / 6 - 1.9
M = _random.permutation(12).reshape(4, 3) / 4 - 1.1
V, W, S = A[0] + 0.05, P[1], np.array(0.7)
Z = A + 1j * P
I, J = np.array([[4, -7, 9], [12, 3, -5]]), np.array([3, 2, -2])
B = np.array([True, False, True])
U = P.astype("float32")
SYMMETRIC = np.array([[2, 1, 2], [0, 1, 2], [2, 0, 1]])


class Call:
    """Arguments of a function."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def __repr__(self):
        shown = tree.tree_map(lambda x: f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else x, self.args)
        return f"{shown} {self.kwargs}"


def each(*args):
    """One argument per call."""
    return [Call(a) for a in args]


def over_axes(x, *axes, **kwargs):
    return [Call(x, axis=axis, **kwargs) for axis in axes]


def same(names, calls):
    """The same calls for several functions."""
    return dict.fromkeys(names.split(), calls)


reduced = [*over_axes(C, None, 0, -1, (0, 2), (-1, 1), ()), *over_axes(C, None, 1, (0, 1), keepdims=True),
    *each(S, A.T[::-1]), Call(C, 1)]  # fmt: skip
unary, positive, small = each(A, S, U, A.T, 1.5), each(P, S, U, 0.5), each(A / 3, S, 0.5)
binary = [Call(A, P), Call(A, W), Call(C, A), Call(A[:, :1], W), Call(A, 1.5), Call(0.6, P), Call(S, A), Call(U, 2.0),
    Call(U, U)]  # fmt: skip
compared = [*binary, Call(I, J), Call(I, 3), Call(A, A)]
whole = [Call(I, J), Call(I, 3), Call(J, 2), Call(B, B)]
numbers = [Call(I, J), Call(I, 3), Call(7, J)]

CALLS = {
    **same("negative positive square exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh deg2rad rad2deg", unary),
    **same("degrees radians sinc absolute abs cbrt sign floor ceil trunc rint isnan isinf isfinite signbit", unary),
    **same("atan asinh", unary),
    **same("log log2 log10 log1p sqrt reciprocal", positive),
    **same("arcsin arccos arctanh asin acos atanh", small),
    **same("arccosh acosh", each(P + 1, 1.5)),
    **same("conj conjugate real imag", each(A, Z, S)),
    **same("add subtract multiply maximum minimum fmax fmin", [*binary, Call(I, J), Call(Z, A)][:-1]),
    **same("divide true_divide", [*binary, Call(Z, P), Call(I, J)]),
    **same("arctan2 atan2 hypot logaddexp logaddexp2", binary),
    **same("remainder mod fmod floor_divide", [*binary, *numbers, Call(A, -0.7)]),
    "divmod": [Call(A, P), Call(I, J), Call(A, -0.7)],
    "modf": each(A, S, np.array([np.inf, -np.inf, np.nan, -1.5])),
    **same("power pow", [Call(P, A), Call(P, 2), Call(A, 2), Call(A, 3), Call(P, -1.5), Call(2, A), Call(2.5, U),
        Call(U, 0.5), Call(I, 2), Call(Z, 2), Call(A, I[0, 0]), Call(P, np.array([2, 3, 0, 1])), Call(S, 0),
        Call(1 + 2j, A), Call(P, True), Call(U, np.float64(2)), Call(np.float64(2), U), Call(U, 3), Call(I, 2.0),
        Call(U, 2.0), Call(P, 2 + 0j)]),
    **same("equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor", compared),
    "logical_not": each(A, B, I),
    **same("bitwise_and bitwise_or bitwise_xor", whole),
    **same("left_shift right_shift", [Call(abs(I), abs(J)), Call(I, 2)]),
    **same("gcd lcm", whole[:2]),
    **same("invert bitwise_not bitwise_invert", each(I, B)),
    **same("round around", [Call(A), Call(A, 1), Call(A * 50, decimals=-1), Call(U, 2)]),
    "clip": [Call(A, -1, 1), Call(A, None, 0.5), Call(A, a_min=-0.5, a_max=None), Call(A, -P, P), Call(A, min=0),
        Call(A, max=W + 0.01), Call(A), Call(I, 0, 5), Call(U, 0.55, 1.05)],
    "where": [Call(A > 0, A, P), Call(A > 0, A, 0.0), Call(B[:, None], 1, A), Call(A), Call(True, A, P),
        Call(A > 0, U, 1.5), Call(I, I, J)],
    "nonzero": each(A, I > 0, B),
    "isclose": [Call(A, A + 1e-9), Call(A, P), Call(A, P, 0.5, 0.1),
        Call([1.0, np.nan], np.array([1.0, np.nan]), equal_nan=True)],
    "allclose": [Call(A, A + 1e-9), Call(A, P), Call(A, P, rtol=99)],
    "array_equal": [Call(A, A), Call(A, P), Call(A, W), Call([1.0, 2.0], np.array([1.0, 2.0]))],
    "nan_to_num": [Call(np.array([np.nan, np.inf, -np.inf, 2.0])),
        Call(np.array([np.nan, np.inf, 1.0]), True, 7.0, 8.0), Call(I),
        Call(np.array([np.nan, -np.inf], "float32"), neginf=-1.0),
        Call(np.array([complex(1, np.inf), complex(np.nan, -np.inf), 2 - 3j])),
        Call(np.array([complex(1, np.inf)], "complex64"), posinf=5.0)],
    # Reductions.
    **same("sum mean prod max min amax amin ptp", reduced[:5] + reduced[6:]),
    **same("var std", [*reduced[:5], *over_axes(C, None, 1, (0, 1), ddof=1), Call(A, keepdims=True), *each(U, Z)]),
    **same("any all", [*over_axes(A > 0, None, 0, (0, 1), -1), Call(A > 0, axis=1, keepdims=True), *each(I, B)]),
    "count_nonzero": [*over_axes(I * (I > 0), None, 0, (0, 1)), Call(B, axis=0, keepdims=True)],
    "average": [*over_axes(C, None, 1, (0, 2)), Call(A, weights=P), Call(A, 1, W),
        Call(A, axis=0, weights=P, keepdims=True), Call(I)],
    **same("argmax argmin", [*over_axes(C, None, 0, -1), *over_axes(C, None, 1, keepdims=True), *each(I, SYMMETRIC)]),
    **same("cumsum cumprod", [*over_axes(C, None, 0, -1), *each(S, I, U, B), Call(I, dtype=float),
        *each(np.array([100, 100], "int8"), np.array([200, 200], "uint8"))]),
    **same("sort argsort", [*over_axes(C, None, 0, -1), Call(A), Call(I), Call(SYMMETRIC, axis=1, kind="stable"),
        Call(I, stable=True)]),
    # Shape.
    "shape": each(A, S, [[1, 2], [3, 4]]),
    "ndim": each(A, S, [1]),
    "size": [*each(A, S), Call(A, 1), Call(A, -2)],
    "reshape": [Call(A, (4, 3)), Call(A, -1), Call(A, (2, -1)), Call(C, (-1, 4)), Call(A, [12]),
        Call(C, (4, 6), order="F"), Call(S, (1, 1)), Call(A[:0], (0, 2)), Call(A, (np.int64(6), 2))],
    "ravel": [Call(C), Call(A.T), Call(C, order="F"), Call(A[:0])],
    **same("transpose permute_dims", [*each(A, C, S, V), Call(C, (1, 2, 0)), Call(C, [0, -1, 1]),
        Call(C, axes=(2, 1, 0))]),
    "swapaxes": [Call(C, 0, 1), Call(C, -1, 0)],
    "matrix_transpose": each(A, C),
    "moveaxis": [Call(C, 0, -1), Call(C, (0, 1), (-1, 0)), Call(C, [2], [0])],
    "rollaxis": [Call(C, 2), Call(C, 0, 3), Call(C, 1, 2), Call(C, -1, 1), Call(C, 0, -1)],
    "expand_dims": [Call(A, 0), Call(A, -1), Call(A, (0, 3)), Call(A, [1, -1])],
    "squeeze": [Call(C[:1]), Call(C[:1, :, :1], 0), Call(C[:1, :, :1], (0, -1)), Call(A)],
    "broadcast_to": [Call(W, (3, 4)), Call(S, (2, 2)), Call(S, 3), Call(A[:, :1], (2, 3, 4)), Call(A, [1, 3, 4])],
    "broadcast_shapes": [Call((3, 1), (4,)), Call((2, 1, 3), (5, 3), ())],
    "broadcast_arrays": [Call(A, W), Call(S, A[:, :1], W)],
    "atleast_1d": [*each(S, V, 2.0), Call(S, A)],
    "atleast_2d": [*each(S, V, A), Call(V, C)],
    **same("concatenate concat", [Call([A, P]), Call((A, P), 1), Call([A, P], axis=-1), Call([A, V], axis=None),
        Call([A, I[:, :1] * 0 + 1][:1]), Call([[1.0, 2.0], V]), Call([U, P])]),
    "stack": [Call([A, P]), Call([A, P], 1), Call((V, W), axis=-1), Call([S, 2.0])],
    "vstack": [Call([V, W]), Call([A, V]), Call((A, P))],
    "hstack": [Call([V, W]), Call([A, P]), Call([S, V])],
    "column_stack": [Call([V, W]), Call([A.T, V])],
    "append": [Call(V, 3.0), Call(A, P), Call(A, P, axis=1), Call(V, [1.0, 2.0])],
    "split": [Call(A, 3), Call(A, np.int64(3)), Call(A, 2, axis=1), Call(A, [1, 3], -1), Call(A, (1,))],
    "array_split": [Call(A, 3), Call(V, 3), Call(V, 5), Call(A, [2], axis=1), Call(A, [0, 9])],
    "flip": over_axes(C, None, 0, -1, (0, 2)),
    "flipud": each(A),
    "fliplr": each(A),
    "roll": [Call(A, 2), Call(A, -1, 1), Call(C, (1, 2), (0, -1)), Call(C, 1, (0, 1)), Call(V, 9),
        Call(C, (1, 1), (0, 0))],
    "rot90": [Call(A), Call(A, 2), Call(A, -1), Call(C, 1, (1, 2)), Call(C, 3, axes=(2, 0)), Call(A, 4)],
    "repeat": [Call(A, 2), Call(A, 3, 1), Call(A, 2, axis=-2), Call(A, [1, 0, 2], 0), Call(V, np.array([1, 2, 0, 1])),
        Call(S, 3), Call(V, np.int64(2))],
    "tile": [Call(V, 2), Call(A, (2, 1)), Call(V, (2, 3)), Call(C, (2,)), Call(S, 3), Call(A, 0), Call(V, np.int64(2))],
    "pad": [Call(A, 1), Call(A, (1, 2)), Call(A, ((1, 0), (0, 2))), Call(A, ((1, 2),)), Call(A, 1, constant_values=7.0),
        Call(U, 1, constant_values=0.5),
        *[Call(A, ((1, 2), (2, 0)), mode=mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
        Call(V, (0, 3), "wrap"), Call(I, 1), Call(A, (2,)), Call(A, np.array([[1, 0], [2, 1]])),
        Call(I, 1, constant_values=7.0), Call(I, 1, constant_values=True)],
    "tril": [Call(A), Call(C, 1), Call(A, k=-1)],
    "triu": [Call(A), Call(C, 1), Call(A, k=-1)],
    # Indexing.
    "take": [Call(A, 2), Call(A, [0, 5, 5]), Call(A, I[:1] * 0 + 1, 1), Call(A, [[0, 2], [1, 1]], axis=0),
        Call(A, [5, -9], mode="wrap"), Call(A, [99, -3], axis=1, mode="clip"), Call(A, -1, axis=-1),
        Call(A, 77, mode="clip"), Call(A, 13, mode="wrap")],
    "take_along_axis": [Call(A, np.argsort(A, 1), 1), Call(A, np.argmax(A, 0)[None], 0),
        Call(A, np.argmax(A, -1, keepdims=True), -1), Call(A, np.array([3, 0, 11]), None)],
    "compress": [Call(B, A, axis=0), Call(B, A), Call([False, True], A, axis=1)],
    "diagonal": [Call(A), Call(A, 1), Call(A, -1), Call(C, 0, 1, 2), Call(C, offset=1, axis1=2, axis2=0)],
    "trace": [Call(A), Call(A, 1), Call(C, 0, 0, 2)],
    "diag": [Call(V), Call(A), Call(V, 1), Call(V, -2), Call(A, 1)],
    # Products.
    "matmul": [Call(A, M), Call(C, M), Call(M, C[:, :, :2]), Call(A, V), Call(V, M), Call(V, W), Call(C, V),
        Call(C[0, 0, :3], C), Call(C, C.swapaxes(1, 2)), Call(C[:, None], M), Call([[1.0, 2.0, 3.0]], A)],
    "dot": [Call(A, M), Call(C, M), Call(A, V), Call(V, M), Call(V, W), Call(S, A), Call(A, 2.0),
        Call(C, C.swapaxes(1, 2)), Call(V, C.swapaxes(1, 2))],
    "inner": [Call(A, P), Call(V, W), Call(C, V), Call(S, V), Call(C, A)],
    "outer": [Call(V, W), Call(A, W), Call(S, V)],
    "vdot": [Call(V, W), Call(A, P), Call(Z, Z + 1)],
    "kron": [Call(A, P[:2]), Call(V, W), Call(C, A), Call(V, A)],
    "tensordot": [Call(A, M, 1), Call(C, A, 2), Call(A, W, 0), Call(C, P, ([1, 2], [0, 1])), Call(C, M, (2, 0)),
        Call(C, M, axes=((-1,), (0,)))],
    "einsum": [Call("ij,jk->ik", A, M), Call("ij,jk", A, M), Call("ii", A[:, :3]), Call("ii->i", A[:, :3]),
        Call("...j,j->...", C, W), Call("i...,i...->...", A, P), Call("ij->ji", A), Call("ij,kj->", A, P),
        Call("b...i,...i->b...", C, A), Call("ij , j -> i", A, W), Call("...", C), Call("...ii->...i", C[:, :, :3]),
        Call("ba", A), Call("ij,ij->i", A, 2 * P), Call("i,j,k->kj", V, W, V), Call("ij,jk", A, M, optimize=True),
        Call("i,i", [1.0, 2.0, 3.0, 4.0], V)],
    # Creation.
    "array": [Call(A), Call([1.0, [2.0]][:1]), Call([A[0], V]), Call([[S, 1.0], [2, 3]]), Call(3),
        Call([1, 2], dtype="float32"), Call(A, dtype="float32")],
    "asarray": [Call(A), Call([1, 2]), Call(A, dtype="float32"), Call((1.0, 2.0))],
    "astype": [Call(A, "float32"), Call(I, float), Call(A, int), Call(U, "float64"), Call(A, float, copy=False),
        Call(U, float, copy=False)],
    "zeros": [Call(3), Call((2, 3), int), Call((), dtype="float32")],
    "ones": [Call(3), Call((2, 3), "complex64")],
    "full": [Call(3, 2.0), Call(np.int64(2), 3), Call((2, 2), 1), Call((2, 4), W), Call(2, S),
        Call(2, 1, dtype="float32")],
    "zeros_like": [Call(A), Call(A, int), Call(U), Call(A, shape=(2,))],
    "ones_like": [Call(A), Call(I, float), Call(U)],
    "full_like": [Call(A, 2), Call(U, 1.5), Call(A, W), Call(I, 3), Call(A, 1, dtype="float32")],
    "arange": [Call(3), Call(1, 7, 2), Call(0.5, 2.0, 0.5), Call(3, dtype="float32")],
    "linspace": [Call(0, 1), Call(0.0, 2.0, 5), Call(-1, 1, num=4, endpoint=False), Call(V, W, 3), Call(0, 1, 1),
        Call(0, 3, 4, dtype="float32"), Call(0, 49, 50, dtype=int), Call(-1, 1.5, 7, dtype=int),
        Call(0, 1, 50, dtype=int), Call(U, U + 1, 5), Call(U[0, 0], U[0, 1]), Call(V, 1 + 2j, 3), Call(0, 1, 0)],
    "eye": [Call(3), Call(2, 3), Call(3, k=1), Call(2, dtype=int)],
    "identity": [Call(2), Call(2, dtype="float32")],
}  # fmt: skip
