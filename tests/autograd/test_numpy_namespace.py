"""Every function of `autograd.numpy` and `autograd.scipy.special` beside NumPy's and SciPy's, on many arguments."""

# ruff: noqa: B023 (functions of a turn of a loop are called within it)

import array
import math
import types

import numpy as np
import pytest
import scipy.special

import autograd.numpy as anp
import autograd.scipy.special as special
from autograd import Array, tree, vjp
from autograd.core import Primitive
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
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


reduced = [*over_axes(C, None, 0, -1, (0, 2), (-1, 1), ()), *over_axes(C, None, 1, (0, 1), keepdims=True), *each(S,
    A.T[::-1]), Call(C, 1)]
unary, positive, small = each(A, S, U, A.T, 1.5), each(P, S, U, 0.5), each(A / 3, S, 0.5)
binary = [Call(A, P), Call(A, W), Call(C, A), Call(A[:, :1], W), Call(A, 1.5), Call(0.6, P), Call(S, A), Call(U, 2.0),
    Call(U, U)]
compared = [*binary, Call(I, J), Call(I, 3), Call(A, A)]
whole = [Call(I, J), Call(I, 3), Call(J, 2), Call(B, B)]
numbers = [Call(I, J), Call(I, 3), Call(7, J)]

CALLS = {
    # Elementwise.
    **same("negative positive square exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh deg2rad rad2deg degrees "
        "radians sinc absolute abs cbrt sign floor ceil trunc rint isnan isinf isfinite signbit atan asinh", unary),
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
    **same("power pow", [
        Call(P, A), Call(P, 2), Call(A, 2), Call(A, 3), Call(P, -1.5), Call(2, A), Call(2.5, U), Call(U, 0.5), Call(I,
            2), Call(Z, 2),
        Call(A, I[0, 0]), Call(P, np.array([2, 3, 0, 1])), Call(S, 0), Call(1 + 2j, A), Call(P, True),
        Call(U, np.float64(2)), Call(np.float64(2), U), Call(U, 3), Call(I, 2.0), Call(U, 2.0), Call(P, 2 + 0j)]),
    **same("equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor", compared),
    "logical_not": each(A, B, I),
    **same("bitwise_and bitwise_or bitwise_xor", whole),
    **same("left_shift right_shift", [Call(abs(I), abs(J)), Call(I, 2)]),
    **same("gcd lcm", whole[:2]),
    **same("invert bitwise_not bitwise_invert", each(I, B)),
    **same("round around", [Call(A), Call(A, 1), Call(A * 50, decimals=-1), Call(U, 2)]),
    "clip": [Call(A, -1, 1), Call(A, None, 0.5), Call(A, a_min=-0.5, a_max=None), Call(A, -P, P), Call(A, min=0),
        Call(A, max=W), Call(A),
             Call(I, 0, 5), Call(U, 0.55, 1.05)],
    "where": [Call(A > 0, A, P), Call(A > 0, A, 0.0), Call(B[:, None], 1, A), Call(A), Call(True, A, P), Call(A > 0,
        U, 1.5), Call(I, I, J)],
    "nonzero": each(A, I > 0, B),
    "isclose": [Call(A, A + 1e-9), Call(A, P), Call(A, P, 0.5, 0.1), Call([1.0, np.nan], np.array([1.0, np.nan]),
        equal_nan=True)],
    "allclose": [Call(A, A + 1e-9), Call(A, P), Call(A, P, rtol=99)],
    "array_equal": [Call(A, A), Call(A, P), Call(A, W), Call([1.0, 2.0], np.array([1.0, 2.0]))],
    "nan_to_num": [Call(np.array([np.nan, np.inf, -np.inf, 2.0])), Call(np.array([np.nan, np.inf, 1.0]), True, 7.0,
        8.0), Call(I),
                   Call(np.array([np.nan, -np.inf], "float32"), neginf=-1.0),
                   Call(np.array([complex(1, np.inf), complex(np.nan, -np.inf), 2 - 3j])),
                   Call(np.array([complex(1, np.inf)], "complex64"), posinf=5.0)],
    # Reductions.
    **same("sum mean prod max min amax amin ptp", reduced[:5] + reduced[6:]),
    **same("var std", [*reduced[:5], *over_axes(C, None, 1, (0, 1), ddof=1), Call(A, keepdims=True), *each(U, Z)]),
    **same("any all", [*over_axes(A > 0, None, 0, (0, 1), -1), Call(A > 0, axis=1, keepdims=True), *each(I, B)]),
    "count_nonzero": [*over_axes(I * (I > 0), None, 0, (0, 1)), Call(B, axis=0, keepdims=True)],
    "average": [*over_axes(C, None, 1, (0, 2)), Call(A, weights=P), Call(A, 1, W), Call(A, axis=0, weights=P,
        keepdims=True), Call(I)],
    **same("argmax argmin", [*over_axes(C, None, 0, -1), *over_axes(C, None, 1, keepdims=True), *each(I, SYMMETRIC)]),
    **same("cumsum cumprod", [*over_axes(C, None, 0, -1), *each(S, I, U, B), Call(I, dtype=float),
        *each(np.array([100, 100], "int8"), np.array([200, 200], "uint8"))]),
    **same("sort argsort", [*over_axes(C, None, 0, -1), Call(A), Call(I), Call(SYMMETRIC, axis=1, kind="stable"),
        Call(I, stable=True)]),
    # Shape.
    "shape": each(A, S, [[1, 2], [3, 4]]), "ndim": each(A, S, [1]), "size": [*each(A, S), Call(A, 1), Call(A, -2)],
    "reshape": [Call(A, (4, 3)), Call(A, -1), Call(A, (2, -1)), Call(C, (-1, 4)), Call(A, [12]), Call(C, (4, 6),
        order="F"), Call(S, (1, 1)),
                Call(A[:0], (0, 2)), Call(A, (np.int64(6), 2))],
    "ravel": [Call(C), Call(A.T), Call(C, order="F"), Call(A[:0])],
    **same("transpose permute_dims", [*each(A, C, S, V), Call(C, (1, 2, 0)), Call(C, [0, -1, 1]), Call(C,
        axes=(2, 1, 0))]),
    "swapaxes": [Call(C, 0, 1), Call(C, -1, 0)], "matrix_transpose": each(A, C),
    "moveaxis": [Call(C, 0, -1), Call(C, (0, 1), (-1, 0)), Call(C, [2], [0])],
    "rollaxis": [Call(C, 2), Call(C, 0, 3), Call(C, 1, 2), Call(C, -1, 1), Call(C, 0, -1)],
    "expand_dims": [Call(A, 0), Call(A, -1), Call(A, (0, 3)), Call(A, [1, -1])],
    "squeeze": [Call(C[:1]), Call(C[:1, :, :1], 0), Call(C[:1, :, :1], (0, -1)), Call(A)],
    "broadcast_to": [Call(W, (3, 4)), Call(S, (2, 2)), Call(S, 3), Call(A[:, :1], (2, 3, 4)), Call(A, [1, 3, 4])],
    "broadcast_shapes": [Call((3, 1), (4,)), Call((2, 1, 3), (5, 3), ())],
    "broadcast_arrays": [Call(A, W), Call(S, A[:, :1], W)],
    "atleast_1d": [*each(S, V, 2.0), Call(S, A)], "atleast_2d": [*each(S, V, A), Call(V, C)],
    **same("concatenate concat", [Call([A, P]), Call((A, P), 1), Call([A, P], axis=-1), Call([A, V], axis=None),
        Call([A, I[:, :1] * 0 + 1][:1]),
                                                   Call([[1.0, 2.0], V]), Call([U, P])]),
    "stack": [Call([A, P]), Call([A, P], 1), Call((V, W), axis=-1), Call([S, 2.0])],
    "vstack": [Call([V, W]), Call([A, V]), Call((A, P))], "hstack": [Call([V, W]), Call([A, P]), Call([S, V])],
    "column_stack": [Call([V, W]), Call([A.T, V])], "append": [Call(V, 3.0), Call(A, P), Call(A, P, axis=1), Call(V,
        [1.0, 2.0])],
    "split": [Call(A, 3), Call(A, np.int64(3)), Call(A, 2, axis=1), Call(A, [1, 3], -1), Call(A, (1,))],
    "array_split": [Call(A, 3), Call(V, 3), Call(V, 5), Call(A, [2], axis=1), Call(A, [0, 9])],
    "flip": over_axes(C, None, 0, -1, (0, 2)), "flipud": each(A), "fliplr": each(A),
    "roll": [Call(A, 2), Call(A, -1, 1), Call(C, (1, 2), (0, -1)), Call(C, 1, (0, 1)), Call(V, 9), Call(C, (1, 1), (0,
        0))],
    "rot90": [Call(A), Call(A, 2), Call(A, -1), Call(C, 1, (1, 2)), Call(C, 3, axes=(2, 0)), Call(A, 4)],
    "repeat": [Call(A, 2), Call(A, 3, 1), Call(A, 2, axis=-2), Call(A, [1, 0, 2], 0), Call(V, np.array([1, 2, 0, 1])),
        Call(S, 3), Call(V, np.int64(2))],
    "tile": [Call(V, 2), Call(A, (2, 1)), Call(V, (2, 3)), Call(C, (2,)), Call(S, 3), Call(A, 0), Call(V, np.int64(2))],
    "pad": [Call(A, 1), Call(A, (1, 2)), Call(A, ((1, 0), (0, 2))), Call(A, ((1, 2),)), Call(A, 1,
        constant_values=7.0), Call(U, 1, constant_values=0.5),
            *[Call(A, ((1, 2), (2, 0)), mode=mode) for mode in ("edge", "reflect", "symmetric", "wrap")], Call(V, (0,
                3), "wrap"), Call(I, 1),
            Call(A, (2,)), Call(A, np.array([[1, 0], [2, 1]])), Call(I, 1, constant_values=7.0),
            Call(I, 1, constant_values=True)],
    "tril": [Call(A), Call(C, 1), Call(A, k=-1)], "triu": [Call(A), Call(C, 1), Call(A, k=-1)],
    # Indexing.
    "take": [Call(A, 2), Call(A, [0, 5, 5]), Call(A, I[:1] * 0 + 1, 1), Call(A, [[0, 2], [1, 1]], axis=0), Call(A, [5,
        -9], mode="wrap"),
             Call(A, [99, -3], axis=1, mode="clip"), Call(A, -1, axis=-1), Call(A, 77, mode="clip"), Call(A, 13,
                 mode="wrap")],
    "take_along_axis": [Call(A, np.argsort(A, 1), 1), Call(A, np.argmax(A, 0)[None], 0), Call(A, np.argmax(A, -1,
        keepdims=True), -1),
                        Call(A, np.array([3, 0, 11]), None)],
    "compress": [Call(B, A, axis=0), Call(B, A), Call([False, True], A, axis=1)],
    "diagonal": [Call(A), Call(A, 1), Call(A, -1), Call(C, 0, 1, 2), Call(C, offset=1, axis1=2, axis2=0)],
    "trace": [Call(A), Call(A, 1), Call(C, 0, 0, 2)], "diag": [Call(V), Call(A), Call(V, 1), Call(V, -2), Call(A, 1)],
    # Products.
    "matmul": [Call(A, M), Call(C, M), Call(M, C[:, :, :2]), Call(A, V), Call(V, M), Call(V, W), Call(C, V), Call(C[0,
        0, :3], C), Call(C, C.swapaxes(1, 2)),
               Call(C[:, None], M), Call([[1.0, 2.0, 3.0]], A)],
    "dot": [Call(A, M), Call(C, M), Call(A, V), Call(V, M), Call(V, W), Call(S, A), Call(A, 2.0), Call(C,
        C.swapaxes(1, 2)), Call(V, C.swapaxes(1, 2))],
    "inner": [Call(A, P), Call(V, W), Call(C, V), Call(S, V), Call(C, A)], "outer": [Call(V, W), Call(A, W), Call(S,
        V)],
    "vdot": [Call(V, W), Call(A, P), Call(Z, Z + 1)], "kron": [Call(A, P[:2]), Call(V, W), Call(C, A), Call(V, A)],
    "tensordot": [Call(A, M, 1), Call(C, A, 2), Call(A, W, 0), Call(C, P, ([1, 2], [0, 1])), Call(C, M, (2, 0)),
        Call(C, M, axes=((-1,), (0,)))],
    "einsum": [Call("ij,jk->ik", A, M), Call("ij,jk", A, M), Call("ii", A[:, :3]), Call("ii->i", A[:, :3]),
        Call("...j,j->...", C, W),
               Call("i...,i...->...", A, P), Call("ij->ji", A), Call("ij,kj->", A, P), Call("b...i,...i->b...", C, A),
                   Call("ij , j -> i", A, W),
               Call("...", C), Call("...ii->...i", C[:, :, :3]), Call("ba", A), Call("ij,ij->i", A, 2 * P),
                   Call("i,j,k->kj", V, W, V),
               Call("ij,jk", A, M, optimize=True), Call("i,i", [1.0, 2.0, 3.0, 4.0], V)],
    # Creation.
    "array": [Call(A), Call([1.0, [2.0]][:1]), Call([A[0], V]), Call([[S, 1.0], [2, 3]]), Call(3), Call([1, 2],
        dtype="float32"), Call(A, dtype="float32")],
    "asarray": [Call(A), Call([1, 2]), Call(A, dtype="float32"), Call((1.0, 2.0))],
    "astype": [Call(A, "float32"), Call(I, float), Call(A, int), Call(U, "float64"), Call(A, float, copy=False),
        Call(U, float, copy=False)],
    "zeros": [Call(3), Call((2, 3), int), Call((), dtype="float32")], "ones": [Call(3), Call((2, 3), "complex64")],
    "full": [Call(3, 2.0), Call(np.int64(2), 3), Call((2, 2), 1), Call((2, 4), W), Call(2, S),
        Call(2, 1, dtype="float32")],
    "zeros_like": [Call(A), Call(A, int), Call(U), Call(A, shape=(2,))], "ones_like": [Call(A), Call(I, float),
        Call(U)],
    "full_like": [Call(A, 2), Call(U, 1.5), Call(A, W), Call(I, 3), Call(A, 1, dtype="float32")],
    "arange": [Call(3), Call(1, 7, 2), Call(0.5, 2.0, 0.5), Call(3, dtype="float32")],
    "linspace": [Call(0, 1), Call(0.0, 2.0, 5), Call(-1, 1, num=4, endpoint=False), Call(V, W, 3), Call(0, 1, 1),
        Call(0, 3, 4, dtype="float32"), Call(0, 49, 50, dtype=int), Call(-1, 1.5, 7, dtype=int),
        Call(0, 1, 50, dtype=int), Call(U, U + 1, 5), Call(U[0, 0], U[0, 1]), Call(V, 1 + 2j, 3), Call(0, 1, 0)],
    "eye": [Call(3), Call(2, 3), Call(3, k=1), Call(2, dtype=int)], "identity": [Call(2), Call(2, dtype="float32")],
}  # fmt: skip
NORMS = [*each(V, A, C, Z, S * np.ones(1)), *over_axes(C, 0, (1, 2), -1), Call(A, axis=1, keepdims=True), *[Call(V,
    n) for n in (1, 2, 3, 0.5, np.inf, -np.inf, 0)],
         *[Call(A, n) for n in ("fro", 1, -1, np.inf, -np.inf)], Call(C, 1, (0, 2)), Call(C, np.inf, (2, 1)), Call(C,
             1, (1, 2), True), Call(A, 3, axis=0, keepdims=True),
         *[Call(I[0], n) for n in (None, np.inf, -np.inf, 0, 1, 3)], Call(I, np.inf), Call(U)]  # fmt: skip
SPECIAL = {
    **same("erf erfc expit", [*unary, *each([0.5, -1.0])]), "erfinv": each(A / 3, 0.5, [0.5, -0.1]),
    "logsumexp": [*over_axes(C, None, 0, (0, 2), -1), Call(A, 1, keepdims=True), Call(A, b=P), Call(A, 0, 2.0),
        *each(U, I, A * 1000)],
    **same("softmax log_softmax", [*over_axes(C, 0, -1, None, (0, 2)), Call(C), Call(U, 1), Call(A * 1000, axis=1),
        Call([1, 2])]),
}  # fmt: skip
SPACES = {"numpy": (anp, np, CALLS), "linalg": (anp.linalg, np.linalg, {"norm": NORMS}), "special": (special,
    scipy.special, SPECIAL)}
OURS_ONLY = {"device_put", "empty", "empty_like", "result_type"}  # no NumPy function computes the same arrays
EVERY = [(space, name) for space, (_, _, calls) in SPACES.items() for name in calls]


def test_every_public_function_has_a_row():
    for ours, theirs, calls in SPACES.values():
        functions = {name for name, f in vars(ours).items() if name[0] != "_" and callable(f) and not isinstance(f,
            type)}
        imported = {name for name in functions if getattr(vars(ours)[name], "__module__", "").startswith("numpy")}
        if ours is not anp:
            functions &= set(getattr(ours, "__all__", calls))
        assert functions - imported - OURS_ONLY == set(calls)
        assert all(hasattr(theirs, name) for name in calls)


def expected_of(theirs, name, call):
    with np.errstate(all="ignore"):
        return getattr(theirs, name)(*call.args, **call.kwargs)


def compare(got, expected, strict):
    """Equal structure, shapes, dtypes (if `strict`) and values up to rounding."""
    if isinstance(expected, tuple | list) and not isinstance(expected, np.ndarray):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            compare(one, other, strict)
    else:
        got = np.asarray(Array(got) if hasattr(got, "get") else got)
        assert got.shape == np.shape(expected)
        if strict:
            assert got.dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5 if got.dtype.itemsize < 8 else 1e-12, atol=1e-12)


def arrays_of(call):
    leaves, structure = tree.flatten((call.args, call.kwargs))
    return leaves, structure, [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray)]


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_raw_arrays(space, name):
    """The result is NumPy's, dtype included, and raw."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        got, expected = getattr(ours, name)(*call.args, **call.kwargs), expected_of(theirs, name, call)
        assert not any(isinstance(leaf, Array) for leaf in tree.flatten(got)[0]), call
        compare(got, expected, strict=space != "special")


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_arrays(xp, space, name):
    """The result for Arrays of each library is the same, in Arrays."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        leaves, structure, places = arrays_of(call)
        leaves = [Array(xp.asarray(x)) if i in places else x for i, x in enumerate(leaves)]
        args, kwargs = tree.unflatten(structure, leaves)
        got, expected = getattr(ours, name)(*args, **kwargs), expected_of(theirs, name, call)
        if places and not isinstance(expected, bool | int) and name not in ("shape",):
            assert all(type(leaf) is Array for leaf in tree.flatten(got)[0]), call
        compare(got, expected, strict=space != "special")


@pytest.mark.parametrize(("space", "name"), EVERY)
def test_traced_values(space, name):
    """The result for traced values is the same, and its gradient that of finite differences."""
    ours, theirs, calls = SPACES[space]
    function = getattr(ours, name)
    for call in calls[name]:
        leaves, structure, places = arrays_of(call)
        traced = [i for i in places if leaves[i].dtype.kind in "fc" and name not in ("repeat",)]
        if not traced:
            continue

        def run(*values):
            values = dict(zip(traced, values, strict=True))
            args, kwargs = tree.unflatten(structure, [values.get(i, x) for i, x in enumerate(leaves)])
            return function(*args, **kwargs)

        inputs = [leaves[i] for i in traced]
        got, expected = vjp(run, *inputs)[0], expected_of(theirs, name, call)
        compare(got, expected, strict=space != "special")
        smooth = all(np.isfinite(x).all() for x in inputs) and name not in ("divmod", "modf", "round", "around")
        outputs = [np.asarray(x) for x in tree.flatten(expected)[0]]
        if smooth and not isinstance(function, Primitive) and any(y.dtype.kind in "fc" and y.size for y in outputs):
            check_grads(run, tuple(inputs), order=1)


INDICES = {
    "number": 1, "negative number": -2, "numpy number": np.int64(1), "two numbers": (1, -1), "slice": slice(1, None),
    "slice with step": slice(None, None, -2), "slices": (slice(0, 2), slice(None, None, 2)), "empty slice": slice(2, 1),
    "ellipsis": ..., "ellipsis and number": (..., 0), "number and ellipsis": (1, ...), "newaxis": None,
    "newaxes": (None, slice(None), None), "empty tuple": (), "list": [0, 2, 0], "list of lists": [[0, 1], [2, 2]],
    "empty list": [], "list and slice": ([0, 2], slice(1, 3)), "two lists": ([0, 2, 0], [1, 1, 1]),
        "array": np.array([2, -1]),
    "array of two axes": np.array([[0, 1], [1, 2]]), "slice and array": (slice(None), np.array([3, 3, 0])),
    "broadcast arrays": (np.array([[0], [2]]), np.array([1, 3])), "array and number": (np.array([0, 2]), 1),
    "array, newaxis, array": (np.array([0, 2]), None, np.array([1, 1])), "0-d array": np.array(1),
        "mask": np.abs(A) > 1,
    "mask of rows": B, "mask of columns": (slice(None), np.array([True, False, False, True])), "mask and number": (B,
        1),
    "mask and array": (B, np.array([0, 3])), "list of truths": [True, False, True], "nothing true": np.zeros((3, 4),
        bool),
    "tuple": (slice(None), (1, 1)), "tuple alone": ((0, 2, 0),), "empty list and slice": (slice(None), []),
    "range": range(2), "range and slice": (slice(None), range(3)), "array.array": array.array("q", [1, 0]),
    "True": True, "False": False, "unsigned": np.array([1, 2], "uint8"), "number, newaxis, slice": (0, None,
        slice(None, 2)),
}  # fmt: skip


def of_library(xp, index):
    """An index whose arrays are those of a library; lists and numbers stay, and so may NumPy's arrays."""
    if isinstance(index, tuple):
        return tuple(of_library(xp, part) for part in index)
    return xp.asarray(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("form", INDICES)
def test_indexing(xp, form):
    index, expected = INDICES[form], A[INDICES[form]]
    compare(Array(xp.asarray(A))[of_library(xp, index)], expected, strict=True)
    compare(Array(xp.asarray(A))[index], expected, strict=True)
    compare(vjp(lambda x: x[index], A)[0], expected, strict=True)
    check_grads(lambda x: x[index], (A,), order=2)
    if isinstance(index, np.ndarray):
        compare(Array(A)[Array(index)], expected, strict=True)
        check_grads(lambda x: x[Array(index)], (A,), order=1)


DISTINCT = [form for form in INDICES if form not in (
    "list", "list of lists", "two lists", "slice and array", "array", "array of two axes",
        "array, newaxis, array", "tuple", "tuple alone")]  # fmt: skip


@pytest.mark.parametrize("form", DISTINCT)
def test_index_updates(xp, form):
    index = INDICES[form]
    values = P.ravel()[: A[index].size].reshape(A[index].shape) if form != "newaxes" else 0.4
    for name, update in {
        "set": lambda there: values, "add": lambda there: there + values, "multiply": lambda there: there * values,
        "divide": lambda there: there / values, "min": lambda there: np.minimum(there, values),
        "max": lambda there: np.maximum(there, values),
    }.items():  # fmt: skip
        changed = A.copy()
        changed[index] = update(changed[index])
        got = getattr(Array(xp.asarray(A)).at[of_library(xp, index)], name)(of_library(xp, values))
        compare(got, changed, strict=True)
    check_grads(lambda x, v: x.at[index].set(v), (Array(A), values), order=2)
    check_grads(lambda x, v: x.at[index].multiply(v), (Array(A), values), order=1)


def test_index_updates_that_name_a_place_twice():
    x = Array(A)
    expected = A.copy()
    np.add.at(expected, [0, 0], W)
    compare(x.at[[0, 0]].add(W), expected, strict=True)
    check_grads(lambda x, v: x.at[np.array([0, 0])].add(v), (x, W), order=2)
    for update in (x.at[[0, 0]].set, x.at[[1, -2]].multiply, x.at[[0, 0]].max):
        with pytest.raises(ValueError, match=r"Array.at: expected an index that names no element twice. Use .add"):
            update(W)
    compare(x.at[0].get(), A[0], strict=True)
    compare(Array(P).at[0].power(2), np.vstack([P[:1] ** 2, P[1:]]), strict=True)


ERRORS = [
    (lambda: anp.reshape(Array(A), (5, -1)), ValueError,
        r"reshape: cannot reshape an array of shape \(3, 4\) into \(5, -1\)"),
    (lambda: anp.reshape(Array(A), (-1, -1)), ValueError, "reshape"),
    (lambda: anp.reshape(Array(A), (5, 2)), ValueError, "reshape"),
    (lambda: anp.transpose(Array(A), (0,)), ValueError, r"transpose: expected 2 axes for shape \(3, 4\), got \(0,\)"),
    (lambda: anp.transpose(Array(A), (0, 0)), ValueError, "axis: expected distinct axes"),
    (lambda: anp.moveaxis(Array(C), (0, 1), 2), ValueError, "moveaxis: expected as many sources as destinations"),
    (lambda: anp.squeeze(Array(A), 0), ValueError, r"squeeze: expected axis 0 of length 1, got shape \(3, 4\)"),
    (lambda: anp.sum(Array(A), axis=2), np.exceptions.AxisError, "axis 2 is out of bounds for array of dimension 2"),
    (lambda: anp.sum(Array(A), axis=(0, -2)), ValueError, "axis: expected distinct axes"),
    (lambda: anp.sum(Array(A), axis=1.0), TypeError, "integer"),
    (lambda: anp.sum(Array(A), out=A), TypeError, "sum: expected no output array"),
    (lambda: Array(A).mean(out=A), TypeError, "mean: expected no output array"),
    (lambda: anp.max(Array(A), 0, True), TypeError, "positional argument"),
    (lambda: anp.tanh(Array(A), out=A), TypeError, "tanh: expected no argument out .*bind the result to a name"),
    (lambda: anp.tanh(Array(A), casting="safe"), TypeError, "tanh: .*casting .*Raw arrays may have it"),
    (lambda: anp.concatenate([]), ValueError, "concatenate: expected at least one array, got none"),
    (lambda: anp.stack([]), ValueError, "stack: expected at least one array, got none"),
    (lambda: anp.stack([Array(A), W]), ValueError, r"stack: expected arrays of one shape, got \(3, 4\), \(4,\)"),
    (lambda: anp.array([Array(A), 1.0]), ValueError, "stack: expected arrays of one shape"),
    (lambda: anp.split(Array(A), 2), ValueError, "split: expected an axis divisible by 2, got length 3"),
    (lambda: anp.pad(Array(A), ((1, 1), (1, 1), (1, 1))), ValueError, "pad: expected a number, a pair, or 2 pairs"),
    (lambda: anp.where(Array(A) > 0, A), ValueError, "where: expected both x and y, or neither"),
    (lambda: anp.take(Array(A), [0], mode="last"), ValueError,
        "take: expected mode 'raise', 'wrap' or 'clip', got 'last'"),
    (lambda: anp.take(Array(A), [99]), IndexError, "out of bounds"),
    (lambda: Array(A)[7], IndexError, "out of bounds"),
    (lambda: Array(A)[0.5], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)[np.array([0.5])], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)[Array(A)], IndexError, "expected an index of integers or booleans, got dtype float64"),
    (lambda: Array(A)["name"], IndexError, "expected an index of integers or booleans, got dtype <U4"),
    (lambda: Array(A)[np.array([True, False])], IndexError, "boolean index"),
    (lambda: anp.diag(Array(C)), ValueError, r"diag: expected a vector or a matrix, got shape \(2, 3, 4\)"),
    (lambda: anp.matmul(Array(A), Array(A)), ValueError, "matmul: .* mismatch in its core dimension"),
    (lambda: anp.matmul(Array(A), 2.0), ValueError, "matmul: .* does not have enough dimensions"),
    (lambda: anp.tensordot(Array(A), Array(A), 1), ValueError, "tensordot: expected summed axes of equal lengths"),
    (lambda: anp.einsum("ij,jk", Array(A)), ValueError, "einsum: expected 2 operands for 'ij,jk', got 1"),
    (lambda: anp.einsum(Array(A), [0, 1]), TypeError, "einsum: expected subscripts such as .*, got Array"),
    (lambda: anp.sum(x for x in A), TypeError, "array: expected numbers, got generator of dtype object"),
    (lambda: anp.array(["text"]), TypeError, "array: expected numbers, got list of dtype <U4"),
    (lambda: anp.einsum("i", Array(A)), ValueError, r"einsum: expected 'i' to name 2 axes, those of shape \(3, 4\)"),
    (lambda: anp.einsum("ij->k", Array(A)), ValueError, "appear"),
    (lambda: anp.linalg.norm(Array(A), 7), ValueError, "norm: expected an order of vectors or matrices, got 7 "),
    (lambda: anp.linalg.norm(Array(V), "foo"), ValueError, "norm: expected an order .*, got 'foo'"),
    (lambda: Array(A).at[(0, 0),].set(1.0), ValueError, "names no element twice"),
    (lambda: anp.pad(A, 1, "mean"), ValueError, "pad: expected a mode of constant, edge, .*, got 'mean'"),
    (lambda: anp.pad(A, 1, constant_values=(1, 2)), ValueError, r"one number as constant_values, got shape \(2,\)"),
    (lambda: anp.linspace(0, 1, -1), ValueError, "linspace: expected a number of samples .*, got -1"),
    (lambda: anp.reshape(A, (4, 3), "A"), ValueError, "reshape: expected order 'C' or 'F', got 'A'"),
    (lambda: Array(A).flatten("K"), ValueError, "reshape: expected order 'C' or 'F', got 'K'"),
    (lambda: anp.take_along_axis(A, I[0], 1), ValueError, r"take_along_axis: expected indices of 2 axes, got shape"),
    (lambda: anp.repeat(V, -1), ValueError, "repeat: expected counts that are not negative, got -1"),
    (lambda: anp.repeat(V, [1, -1, 0, 2]), ValueError, "repeat: expected counts that are not negative"),
    (lambda: anp.linalg.norm(Array(C), 1), ValueError, "norm: expected an order"),
    (lambda: anp.average(Array(A), 0, W), ValueError,
        r"average: expected weights of shape \(3, 4\) or of axis 0, got \(4,\)"),
    (lambda: special.erf(Array(Z)), TypeError, "complex"),
    (lambda: Array(A) @ Array(A), ValueError, "matmul"),
    (lambda: Array(A) + Array(A[:2]), ValueError, "broadcast"),
    (lambda: Array(A) + "text", TypeError, "."),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("name",
    "pi e inf nan newaxis float32 complex64 int64 dtype finfo iinfo issubdtype isscalar".split())
def test_constants_and_dtypes_are_those_of_numpy(name):
    assert getattr(anp, name) is getattr(np, name) or math.isnan(getattr(anp, name))


def test_namespace_holds_no_private_helpers():
    strangers = {name for name, value in vars(anp).items() if name[0] != "_" and isinstance(value, types.ModuleType)}
    assert strangers == {"linalg"}
    assert anp.ndarray is Array


METHODS = (
    "all any argmax argmin argsort clip compress conj conjugate cumprod cumsum diagonal dot max mean min nonzero prod "
    "ptp ravel repeat round sort squeeze std sum swapaxes take trace transpose var reshape flatten astype"
).split()
ARGUMENTS = {"clip": (-1, 1), "compress": (B, 0), "dot": (M,), "repeat": (2,), "swapaxes": (0, 1), "take": ([1, 2],),
    "reshape": (4, 3),
             "astype": ("float32",), "ptp": ()}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_ndarray(name):
    args = ARGUMENTS.get(name, ())
    expected = np.ptp(A) if name == "ptp" else A.copy().sort() if name == "sort" else getattr(A, name)(*args)
    got = getattr(Array(A), name)(*args)
    compare(got, np.sort(A) if name == "sort" else expected, strict=True)


def test_shapes_in_methods():
    x = Array(C)
    assert x.reshape(4, 6).shape == x.reshape((4, 6)).shape == x.reshape([4, -1]).shape == (4, 6)
    assert x.reshape(-1).shape == (24,)
    assert x.transpose().shape == x.T.shape == (4, 3, 2)
    assert x.transpose(1, 0, 2).shape == x.transpose((1, 0, 2)).shape == x.transpose([1, 0, 2]).shape == (3, 2, 4)
    assert x.sum(0).shape == x.sum(axis=0).shape == (3, 4)
    compare(x.reshape(4, 6, order="F"), C.reshape(4, 6, order="F"), strict=True)
