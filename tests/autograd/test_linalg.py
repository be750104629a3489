"""Every function of numpy.linalg, and those of scipy.linalg that are ours, beside theirs, with finite differences."""

# ruff: noqa: B023 (functions of a turn of a loop are called within it)

import inspect
import itertools
import types

import numpy as np
import pytest
import scipy.linalg

import autograd
import autograd.numpy as anp
import autograd.scipy.linalg as asl
from autograd import Array, tree, vjp
from autograd.core import Interpreter, Tracer
from autograd.ops import linalg as ops
from autograd.testing import check_batching, check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
anl = anp.linalg
_random = np.random.default_rng(11)


def spread(*shape):
    """Distinct numbers of both signs, between -1.5 and 1.5."""
    count = int(np.prod(shape))
    return ((_random.permutation(count) + _random.uniform(0.2, 0.8, count)) / count * 3 - 1.5).reshape(shape)


S = spread(2, 2, 2) + 3 * np.eye(2)  # regular
A, Z = S[0], S[1] + 1j * spread(2, 2)
P = np.array([[2.0, 0.6], [0.6, 1.3]])  # positive definite
H = np.array([[2.0, 0.6 + 0.5j], [0.6 - 0.5j, 1.3]])
R, W = spread(3, 2), spread(2, 3)
C = spread(3, 2) + 1j * spread(3, 2)
V, T = spread(2), spread(3)
U = S[0].astype("float32")
PU = P.astype("float32")
ONE, NONE, NO_STACK = np.array([[1.7]]), np.zeros((0, 0)), np.zeros((0, 2, 2))
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
I = np.array([[2, 1], [-1, 3]])
BAND, CBAND = spread(3, 4) + np.array([[0], [5], [0]]), spread(2, 3) + 1j * np.array([[0], [1]]) * spread(2, 3)
CBAND[0] += 4


class Call:
    """Arguments of a function.

    Args:
        averaged: Make the first one Hermitian before the function sees it.
        smooth: Whether the function has derivatives there.
    """

    def __init__(self, *args, averaged=False, smooth=True, **kwargs):
        self.args, self.kwargs, self.averaged, self.smooth = args, kwargs, averaged, smooth

    def __repr__(self):
        shown = tree.tree_map(lambda x: f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else x, self.args)
        return f"{shown} {self.kwargs}"


def each(*args, **kwargs):
    """One argument per call."""
    return [Call(a, **kwargs) for a in args]


def hermitian(*args, **kwargs):
    return [Call(a, averaged=True, **kwargs) for a in args]


SQUARE = [*each(A, S, Z, U, I, ONE, NONE, NO_STACK), Call([[2.0, 1.0], [0.0, 3.0]])]
DEFINITE = hermitian(P, P + np.zeros((2, 1, 1)), H, PU, ONE, NONE)
ANY = each(A, R, W, C, U, ONE)
ORDERS = ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
NUMPY = {
    "inv": SQUARE, "det": SQUARE, "slogdet": SQUARE, "eig": SQUARE, "eigvals": SQUARE,
    "solve": [Call(A, V), Call(A, R[:2]), Call(S, V), Call(S, S[:, :, :1]), Call(S[:1], S), Call(Z, A), Call(A, Z[0]),
              Call(U, U), Call(U, A), Call(I, I), Call(ONE, V[:1]), Call(NONE, np.zeros(0)), Call(A, np.zeros((2, 0))),
              Call(A, [1.0, 2.0])],
    "cholesky": DEFINITE + hermitian(P, H, upper=True),
    "eigh": DEFINITE + hermitian(P, H, UPLO="U"),
    "eigvalsh": DEFINITE + hermitian(P, H, UPLO="U"),
    "svd": [*ANY, *each(R, W, C, full_matrices=False), *each(R, Z, compute_uv=False),
            *hermitian(P, H, hermitian=True), *hermitian(H, hermitian=True, compute_uv=False)],
    "svdvals": ANY,
    "qr": [*ANY, Call(I), *each(R, W, C, ONE, mode="complete"), *each(R, W, U, mode="r")],
    "pinv": [*ANY, Call(S), Call(S, 0.01), Call(S, np.array([1e-3, 1e-4])), Call(SINGULAR, 1e-6, smooth=False), Call(I),
             Call(R, rtol=None), Call(W, rtol=1e-3), *hermitian(P, H, hermitian=True), Call(np.zeros((0, 2)))],
    "lstsq": [Call(R, T), Call(R, C), Call(W, V), Call(A, W), Call(U, U), Call(C, R), Call(R, T, 0.1), Call(R, T, -1),
              Call(np.stack([T, 2 * T], 1), R, smooth=False)],
    "norm": [*[Call(A, n) for n in ORDERS], *[Call(W, n, (0, 1)) for n in ("nuc", 2, -2)], Call(S, 2, (0, 2)),
             Call(S, "nuc", (2, 0), True), Call(C, "nuc"), Call(C, 2), Call(U, 2), Call(I, 2), Call(V, 3)],
    "matrix_norm": [*[Call(S, ord=n) for n in ORDERS], Call(R), Call(C, ord="nuc"), Call(S, keepdims=True, ord=2),
                    Call(U), Call(I)],
    "vector_norm": [Call(S), *[Call(V, ord=n) for n in (2, 1, 0, 3, np.inf, -np.inf)], Call(S, axis=(0, 2), ord=1),
                    Call(S, axis=1, keepdims=True, ord=3), Call(S, axis=(0, 1), ord=np.inf), Call(C), Call(U), Call(I)],
    "cond": [*each(A, S, R, W, C, U, I), *[Call(S, n) for n in (2, -2, 1, -1, np.inf, "fro", "nuc")], Call(Z, 1)],
    "matrix_rank": [*each(A, S, R, SINGULAR, np.zeros((2, 2)), V, 0 * V, U), Call(S, 1.0), Call(S, rtol=0.9),
                    Call(S, tol=np.array([9, 0.1])), Call(H, hermitian=True)],
    "matrix_power": [*[Call(S, n) for n in (0, 1, 2, 3, 7, -1, -3)], Call(I, 3), Call(I, -2), Call(Z, 2), Call(U, 5)],
    "multi_dot": [Call([A, W]), Call([R, A, W]), Call([V, A, W, R]), Call([V, A, V]), Call([A, A, Z, R.T, T]),
                  Call([U, U, U])],
    "tensorinv": [Call(spread(4, 2, 2) + np.eye(4).reshape(4, 2, 2), ind=1), Call((A * 2).reshape(2, 1, 2)),
                  Call(np.kron(A, A).reshape(2, 2, 2, 2)), Call(I, 1)],
    "tensorsolve": [Call(np.kron(A, A).reshape(2, 2, 2, 2), A), Call(np.kron(A, A).reshape(4, 2, 2), spread(4)),
                    Call(np.kron(A, A).reshape(2, 4, 2), spread(4), (0,)), Call(I, I[0])],
    "cross": [Call(T, T[::-1]), Call(W, T), Call(R, R[::-1] ** 2, axis=0), Call(C.T, W), Call([1, 2, 3], [4, 5, 6])],
    "diagonal": [*each(A, S, R), Call(R, offset=-1), Call(S, offset=1)],
    "trace": [*each(A, S, R, U), Call(R, offset=-1), Call(U, dtype=float)],
    "outer": [Call(V, T), Call(Z[0], V)], "matmul": [Call(A, W), Call(S, A), Call(S, V)],
    "tensordot": [Call(A, W, axes=1), Call(S, A), Call(S, W, axes=((1,), (0,)))],
    "vecdot": [Call(V, A), Call(Z, A), Call(A, Z, axis=0), Call(S, A)],
    "matrix_transpose": each(A, S, R),
}  # fmt: skip
SCIPY = {
    "expm": [*each(A, S, Z, U, ONE, 0 * A, A * 4 - 9 * np.eye(2)), Call(NONE)],
    "sqrtm": [*each(A, Z, P, U, ONE, np.array([[4.0, 1.0], [0.0, 4.0]]))],
    "logm": each(A, Z, P, ONE),
    "inv": each(A, Z, U), "det": each(A, Z, U),
    "cholesky": DEFINITE[2:5] + hermitian(P, H, lower=True),
    "cho_factor": hermitian(P, H), "cho_solve": [Call((np.linalg.cholesky(H), True), V), Call((P, False), R.T)],
    "solve": [Call(A, V), Call(Z, R.T), Call(A, V, transposed=True), Call(A, V, lower=True), Call(U, U),
              *[Call(A, W, assume_a=kind) for kind in ("gen", "sym", "upper triangular", "lower triangular")],
              Call(A, W, assume_a="sym", lower=True), Call(A, V, assume_a="upper triangular", transposed=True),
              *[Call(H, W, assume_a=kind, lower=lower, averaged=True)
                for kind in ("her", "pos") for lower in (False, True)],
              Call(P, V, assume_a="positive definite", averaged=True)],
    "solve_triangular": [Call(Z, V, trans, lower) for trans in (0, 1, 2, "N", "T", "C") for lower in (False, True)]
    + [Call(A, W, unit_diagonal=True), Call(A, W, lower=True, unit_diagonal=True), Call(U, U)],
    "solve_sylvester": [Call(A, S[1], W[:, :2]), Call(Z, ONE, V[:, None])],
    "solve_banded": [Call((1, 1), BAND, spread(4)), Call((2, 0), CBAND[[0, 1, 1]], R),
                     Call((0, 2), BAND[[0, 2, 1]], spread(4, 1))],
    "solveh_banded": [Call(CBAND, R, lower=True), Call(CBAND[::-1], T)],
    "block_diag": [Call(A, V, R), Call(Z), Call([1.0, 2.0], 3.0, W)],
    "toeplitz": [Call(V, T), Call(Z[0]), Call(V, [9.0, 1.0])],
}  # fmt: skip
SPACES = {"numpy": (anl, np.linalg, NUMPY), "scipy": (asl, scipy.linalg, SCIPY)}
EVERY = pytest.mark.parametrize(("space", "name"), [(space, name) for space in SPACES for name in SPACES[space][2]])
ON_THE_CPU = {"logm", "solve_sylvester", "solve_banded", "solveh_banded"}  # CuPy has no such functions
CALLS = NUMPY | SCIPY


def test_every_public_function_has_a_row():
    assert set(NUMPY) == set(np.linalg.__all__) - {"LinAlgError"}
    assert set(SCIPY) == set(asl.__all__) - {"LinAlgError"}
    assert anl.LinAlgError is asl.LinAlgError is np.linalg.LinAlgError


@pytest.mark.parametrize("name", NUMPY)
def test_arguments_are_those_of_numpy(name):
    """Their names, their kinds and, if they are no marks of absence, their defaults."""
    ours, theirs = (inspect.signature(getattr(each, name)).parameters for each in (anl, np.linalg))
    assert [(p.name, p.kind) for p in ours.values()] == [(p.name, p.kind) for p in theirs.values()]
    for one, other in zip(ours.values(), theirs.values(), strict=True):
        assert one.default == other.default or name == "pinv"


# What is unique in results that are so up to signs, phases or an order only.
def adjoint(x):
    return anp.conj(anp.matrix_transpose(x))


def moments(y):
    """v w^k v^H of eigenvalues and eigenvectors, k = 0, 1, 2."""
    w, v = y
    return tuple((v * (w**k)[..., None, :]) @ adjoint(v) for k in range(3))


def singular_terms(y):
    """u s^k vh, k = 0, 1, 2, and the projectors onto what completes the bases."""
    if not isinstance(y, tuple):
        return y
    u, s, vh = y
    k = s.shape[-1]
    terms = [(u[..., :k] * (s**p)[..., None, :]) @ vh[..., :k, :] for p in range(3)]
    rest = u[..., k:], adjoint(vh[..., k:, :])
    return (*terms, *[q @ adjoint(q) for q in rest])


def orthogonal_terms(y):
    """Outer products of columns of q and rows of r; of rows of r alone."""
    if not isinstance(y, tuple):
        return anp.conj(y)[..., :, :, None] * y[..., :, None, :]
    q, r = y
    k = min(q.shape[-2], r.shape[-1])
    rest = q[..., k:]
    return q[..., :, :k, None] * r[..., None, :k, :], rest @ adjoint(rest)


UNIQUE = {
    "eigh": moments, "eig": moments, "svd": singular_terms, "qr": orthogonal_terms,
    "eigvals": lambda w: tuple(anp.sum(w**k, -1) for k in (1, 2, 3)),
    "cho_factor": lambda y: anp.triu(y[0]),
}  # fmt: skip


def unique(name, y):
    return UNIQUE.get(name, lambda y: y)(y)


def compare(name, got, expected, strict=True):
    """Equal structure, shapes, dtypes (if `strict`) and unique values up to rounding."""
    if strict and name not in ("eig", "eigvals"):
        for one, other in zip(tree.flatten(got)[0], tree.flatten(expected)[0], strict=True):
            assert one.dtype == np.asarray(other).dtype
    if hasattr(expected, "_fields"):
        assert (type(got).__name__, type(got)._fields) == (type(expected).__name__, type(expected)._fields)
    lists = tree.flatten(unique(name, got))[0], tree.flatten(unique(name, expected))[0]
    for one, other in zip(*lists, strict=True):
        one = np.asarray(Array(one) if hasattr(one, "get") else one)
        assert one.shape == np.shape(other)
        single = np.asarray(other).dtype.itemsize < 8 or one.dtype.itemsize < 8 or one.dtype == "complex64"
        np.testing.assert_allclose(one, other, rtol=2e-5 if single else 1e-10, atol=2e-5 if single else 1e-11)


def expected_of(theirs, name, call):
    return getattr(theirs, name)(*call.args, **call.kwargs)


def function_of(ours, name, call, make=lambda x: x):
    """The function of the arrays that can be differentiated, and these."""
    leaves, structure = tree.flatten((call.args, call.kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, np.ndarray) and x.dtype.kind in "fc"]
    leaves = [make(x) if isinstance(x, np.ndarray) else x for x in leaves]

    def function(*values):
        values = dict(zip(places, values, strict=True))
        args, kwargs = tree.unflatten(structure, [values.get(i, x) for i, x in enumerate(leaves)])
        if call.averaged:
            args = ((args[0] + adjoint(args[0])) / 2, *args[1:])
        return getattr(ours, name)(*args, **kwargs)

    return function, [leaves[i] for i in places]


@EVERY
def test_raw_arrays(space, name):
    """The result is NumPy's, dtype included (but eigenvalues are always complex), and raw."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        got, expected = getattr(ours, name)(*call.args, **call.kwargs), expected_of(theirs, name, call)
        assert not any(isinstance(leaf, Array) for leaf in tree.flatten(got)[0]), call
        compare(name, got, expected, strict=space == "numpy")


@EVERY
def test_arrays(xp, space, name):
    """Results and gradients for Arrays of each library are the same, in Arrays."""
    if xp is not np and name in ON_THE_CPU:
        pytest.skip("CuPy has no such function")
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        function, inputs = function_of(ours, name, call, lambda x: Array(xp.asarray(x)))
        got = function(*inputs)
        if inputs:
            arrays = [leaf for leaf in tree.flatten(got)[0] if not isinstance(leaf, bool)]
            assert all(type(leaf) is Array for leaf in arrays), call
        compare(name, got, expected_of(theirs, name, call), strict=space == "numpy")
        with autograd.device("cpu"):
            expected = gradients(name, *function_of(ours, name, call))
        for one, other in zip(gradients(name, function, inputs), expected, strict=True):
            compare("", one, other)


def gradients(name, function, inputs):
    """Cotangents of the inputs for those of what is unique in the outputs."""
    y, pullback = vjp(lambda *args: inexact(unique(name, function(*args))), *inputs)
    seeds = [np.linspace(1, 2, x.size).reshape(x.shape) for x in y]
    return pullback(tuple(x.device.put(g) if isinstance(x, Array) else g for x, g in zip(y, seeds, strict=True)))


def inexact(y):
    return tuple(x for x in tree.flatten(y)[0] if getattr(x, "dtype", np.dtype(bool)).kind in "fc")


@EVERY
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_traced_values(space, name):
    """The result is the same, its derivatives in both modes and at order 2 are those of finite differences."""
    ours, theirs, calls = SPACES[space]
    for call in calls[name]:
        function, inputs = function_of(ours, name, call)
        if not inputs:
            continue
        compare(name, vjp(function, *inputs)[0], expected_of(theirs, name, call), strict=space == "numpy")
        y = inexact(unique(name, function(*inputs)))
        double = all(x.dtype.itemsize >= 8 and x.dtype != "complex64" for x in (*inputs, *y))
        if y and double and call.smooth and all(x.size for x in inputs):
            check_grads(lambda *args: inexact(unique(name, function(*args))), tuple(inputs), samples=3, tolerance=2e-6)


@EVERY
def test_vmap_is_a_loop(space, name):
    ours, _, calls = SPACES[space]
    for call in calls[name]:
        function, inputs = function_of(ours, name, call)
        tall = name == "lstsq" and inputs[0].shape[0] > inputs[0].shape[1]  # a shape would depend on numbers
        if inputs and not tall:
            check_batching(lambda *args: unique(name, function(*args)), tuple(inputs), tolerance=1e-4)


@EVERY
def test_half_precision_is_computed_in_float32(space, name):
    ours, _, calls = SPACES[space]
    for call in calls[name]:
        function, inputs = function_of(ours, name, call)
        if inputs and not call.kwargs.get("dtype") and all(x.dtype in ("float64", "float32") for x in inputs):
            expected = inexact(function(*[x.astype("float16").astype("float32") for x in inputs]))
            got = inexact(function(*[x.astype("float16") for x in inputs]))
            for one, other in zip(got, expected, strict=True):
                assert one.dtype == ("float16" if other.dtype == "float32" else other.dtype)
                if name not in ("eig", "eigh", "svd", "qr"):
                    np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02)


def test_a_library_without_a_function_is_named():
    xp = types.SimpleNamespace(linalg=types.SimpleNamespace(), __name__="cupy", __version__="13.6.0")
    with pytest.raises(NotImplementedError, match=r"^eig: cupy 13\.6\.0 has no such function\. Compute it on the CPU"):
        ops.eig.forward(xp, np.eye(2))


def test_half_precision_beside_float32():
    a, b = np.array([[2, 1], [1, 3]], "float32"), np.array([1, 2], "float16")
    y = anl.solve(a, b)
    np.testing.assert_allclose(y, np.linalg.solve(a, b.astype("float32")), rtol=1e-6)
    assert y.dtype == "float32"


# Conventions.
UNIT, ONES, WEIGHTS = np.eye(3), np.ones((2, 2)), np.array([1.0, 2.0, 3.0])
# Gradients where others are often wrong or NaN: a function of a matrix, what its elements are multiplied by before they
# are summed, the matrix, the gradient. They are PyTorch's (2.13, float64), except those of det at singular matrices:
# these are cofactors (PyTorch gives zeros).
GRADIENTS = {
    "eigvalsh, equal eigenvalues": (anl.eigvalsh, WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "eigh, equal eigenvalues": (lambda a: anl.eigh(a)[0], WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "eigvals, equal eigenvalues": (lambda a: anp.real(anl.eigvals(a)), WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "eig, equal eigenvalues": (lambda a: anp.real(anl.eig(a)[0]), WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "svdvals, equal singular values": (anl.svdvals, WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "svd, equal singular values": (lambda a: anl.svd(a)[1], WEIGHTS, UNIT, np.diag(WEIGHTS)),
    "norm 2, equal singular values": (lambda a: anl.norm(a, 2), 1, UNIT, UNIT / 3),
    "norm -2, equal singular values": (lambda a: anl.norm(a, -2), 1, UNIT, UNIT / 3),
    "Frobenius norm of zeros": (anl.matrix_norm, 1, np.zeros((2, 2)), np.zeros((2, 2))),
    "condition, equal singular values": (anl.cond, 1, UNIT, np.diag([1, 0, -1])),
    "cholesky, one triangle read": (
        anl.cholesky, np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[4.0, 2.0], [2.0, 3.0]]),
        [[0.2651650429449553, -0.030330085889910607], [-0.030330085889910596, 1.0606601717798212]]),
    "eigh, one triangle read": (
        lambda a: anl.eigh(a)[1] ** 2, np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[4.0, 2.0], [2.0, 3.0]]),
        [[-0.22826882356360761, 0.057067205890901904], [0.05706720589090191, 0.2282688235636076]]),
    "pinv, rank 1": (
        anl.pinv, np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]]),
        [[-0.0464, -0.0608], [-0.1408, -0.2176], [0.12, 0.24]]),
    "det, rank n - 1": (anl.det, 1, SINGULAR, [[4, -2], [-2, 1]]),
    "det, rank n - 1 up to rounding": (
        anl.det, 1, np.arange(1.0, 10).reshape(3, 3), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]]),
    "det, rank n - 2": (anl.det, 1, np.diag([0.0, 0.0, 1.0]), np.zeros((3, 3))),
    "det of [0]": (anl.det, 1, np.zeros((1, 1)), [[1]]),
}  # fmt: skip


@pytest.mark.parametrize("a", [ONES, np.zeros((2, 2)), np.diag([2.0, 0, 0])], ids=["rank 1", "zeros", "diagonal"])
def test_the_gradient_of_the_nuclear_norm_is_a_subgradient(xp, a):
    """Where the rank is not full, LAPACK's choice of null vectors decides which one."""
    g = np.asarray(autograd.grad(lambda a: anl.norm(a, "nuc"))(Array(xp.asarray(a))))
    np.testing.assert_allclose(np.sum(g * a), np.linalg.norm(a, "nuc"), atol=1e-12)
    assert np.linalg.norm(g, 2) <= 1 + 1e-12


@pytest.mark.parametrize("where", GRADIENTS)
def test_gradients_at_special_matrices(xp, where):
    function, weights, matrix, expected = GRADIENTS[where]
    weights = xp.asarray(weights)
    gradient = autograd.grad(lambda a: anp.sum(function(a) * weights))(Array(xp.asarray(matrix)))
    np.testing.assert_allclose(np.asarray(gradient), expected, rtol=1e-12, atol=1e-13)


SINGULARS = {
    "rank 1 of 2": SINGULAR, "rank 2 of 3": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]]),
    "a column of zeros": np.array([[0.0, 2.0, 3.0], [0.0, 5.0, 6.0], [0.0, 7.0, 1.0]]), "zeros": np.zeros((2, 2)),
    "complex": np.array([[1.0 + 1j, 2.0], [2.0 + 2j, 4.0]]), "stack": np.stack([SINGULAR, np.eye(2), np.zeros((2, 2))]),
}  # fmt: skip


@pytest.mark.parametrize("matrix", SINGULARS)
def test_det_of_singular_matrices(xp, matrix):
    check_grads(anl.det, (Array(xp.asarray(SINGULARS[matrix])),), order=2 if xp is np else 1)


@pytest.mark.parametrize("matrix", [np.eye(3), SINGULARS["rank 2 of 3"], SINGULARS["a column of zeros"], spread(3, 3)])
def test_det_has_derivatives_of_every_order(matrix):
    """det(matrix + t way) is a cubic polynomial of t: its coefficients, from four values, are the derivatives."""
    way, points = spread(3, 3), np.array([-2.0, -1.0, 1.0, 2.0])
    coefficients = np.polynomial.polynomial.polyfit(points, np.linalg.det(matrix + points[:, None, None] * way), 3)
    function = lambda t: anl.det(matrix + t * way)
    for expected in coefficients * [1, 1, 2, 6]:
        np.testing.assert_allclose(function(0.0), expected, rtol=1e-10, atol=1e-10)
        function = autograd.grad(function)


@pytest.mark.parametrize("name", ["eigh", "svd", "eig"])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_vectors_of_equal_values_have_no_finite_gradient(name):
    """Instead of a wrong one: that of v w^2 v^T is not the derivative of the square."""

    def rebuilt(a):
        if name == "svd":
            u, s, vh = anl.svd(a)
            return anp.sum((u * s**2) @ vh * np.arange(9.0).reshape(3, 3))
        w, v = getattr(anl, name)(a)
        return anp.sum(anp.real((v * w**2) @ adjoint(v)) * np.arange(9.0).reshape(3, 3))

    assert not np.isfinite(autograd.grad(rebuilt)(np.eye(3))).all()


@pytest.mark.parametrize("seed", range(5))
def test_gaps_of_rounding_between_values_count_as_none(seed):
    """As long as what is computed of the vectors does not depend on their choice."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]

    def by_svd(a):
        u, s, vh = anl.svd(a)
        return anl.norm((u * s) @ vh)

    def by_eigh(a):
        w, v = anl.eigh(a)
        return anl.norm((v * w) @ adjoint(v))

    symmetric = q @ np.diag([2.0, 2, 2, 1]) @ q.T
    for f, matrix in ((by_svd, 2 * q), (by_eigh, (symmetric + symmetric.T) / 2)):
        np.testing.assert_allclose(autograd.grad(f)(matrix), matrix / np.linalg.norm(matrix), atol=1e-12)


@pytest.mark.parametrize("name", ["cholesky", "eigh", "eigvalsh"])
@pytest.mark.parametrize("upper", [False, True])
def test_one_triangle_is_read_and_the_gradient_is_hermitian(name, upper):
    function = {
        "cholesky": lambda a: anl.cholesky(a, upper=upper),
        "eigh": lambda a: moments(anl.eigh(a, "U" if upper else "L")),
        "eigvalsh": lambda a: anl.eigvalsh(a, "U" if upper else "L"),
    }[name]
    garbage = H + 7 * (np.tril(np.ones((2, 2)), -1) if upper else np.triu(np.ones((2, 2)), 1))
    results = []
    for matrix in (H, garbage):
        y, pullback = vjp(lambda a: inexact(function(a)), matrix)
        gradient = pullback(tuple(np.linspace(1, 2, x.size).reshape(x.shape) for x in y))[0]
        np.testing.assert_allclose(gradient, gradient.conj().T, rtol=1e-12)
        results.append((*y, gradient))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_gradients_do_not_depend_on_what_is_not_unique():
    """Phases of the vectors drop out of gradients of what does not depend on them."""
    phases = np.exp(1j * np.array([0.7, 2.0]))
    for turn in (1, phases):
        got = autograd.grad(lambda a: anp.real(anp.sum(moments((anl.eigh(a)[0], anl.eigh(a)[1] * turn))[2] * Z)))(H)
        np.testing.assert_allclose(got, autograd.grad(lambda a: anp.real(anp.sum(a @ a * Z)))(H) / 2
            + autograd.grad(lambda a: anp.real(anp.sum(adjoint(a) @ adjoint(a) * Z)))(H) / 2, rtol=1e-10)  # fmt: skip


def test_rank_deficient_least_squares():
    """The gradient is right along matrices of one rank."""
    check_grads(lambda u, v: anl.pinv(u[:, None] * v, 1e-9), (T, V), order=2)
    check_grads(lambda u, v, b: anl.lstsq(u[:, None] * v, b, 1e-9)[0], (T, V, T[::-1].copy()), order=2)


@pytest.mark.parametrize("matrix", [SINGULAR, np.zeros((2, 2)), np.diag([1.0, 0.0])])
@pytest.mark.parametrize("p", [None, 1, np.inf, "fro"])
def test_condition_of_singular_matrices(xp, matrix, p):
    if p is None:  # rounding decides whether the least singular value is 0
        assert anl.cond(Array(xp.asarray(matrix))) > 1e15
    else:
        assert anl.cond(Array(xp.asarray(matrix)), p) == np.linalg.cond(matrix, p) == np.inf


class Multiplications(Interpreter):
    """Counts those of the products of matrices."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def apply(self, primitive, args, params):
        y = primitive(*[a._value if isinstance(a, Array) else a for a in args], **params)
        self.count += args[0].size * args[1].shape[1] if primitive.name == "matmul" else 0
        return Tracer(self, y)


def test_multi_dot_takes_the_cheapest_order():
    """The example of Cormen et al., Introduction to Algorithms, section 15.2: 15,125 multiplications."""
    lengths, counter = [30, 35, 15, 5, 10, 20, 25], Multiplications()
    anl.multi_dot([Tracer(counter, np.ones(shape)) for shape in itertools.pairwise(lengths)])
    assert counter.count == 15125


# Functions of matrices.
def test_expm_has_the_derivative_of_frechet():
    a, e = spread(4, 4) * 3, spread(4, 4)
    y, t = autograd.jvp(asl.expm, (a,), (e,))
    expected = scipy.linalg.expm_frechet(a, e)
    np.testing.assert_allclose(y, expected[0], rtol=1e-12)
    np.testing.assert_allclose(t, expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64"])
def test_expm_of_any_size(xp, dtype):
    """Stacks of matrices that need different numbers of squarings; with vmap, and on a GPU, all 16 are computed."""
    turns = spread(3, 3)
    stack = (np.array([0, 1e-3, 1, 20, 300])[:, None, None] * (turns - turns.T)).astype(dtype)
    expected = scipy.linalg.expm(stack.astype("complex128" if dtype == "complex64" else "float64"))
    tolerance = 1e-11 if dtype == "float64" else 1e-3
    for function in (asl.expm, autograd.vmap(asl.expm)):
        got = function(Array(xp.asarray(stack)))
        assert got.dtype == dtype
        np.testing.assert_allclose(np.asarray(got), expected, rtol=tolerance, atol=tolerance)


def test_expm_beyond_its_squarings_is_nan():
    far = np.array([[0.0, 1e6], [-1e6, 0.0]])
    np.testing.assert_allclose(asl.expm(far), scipy.linalg.expm(far), atol=1e-6)
    assert np.isnan(autograd.vmap(asl.expm)(far[None])).all()


@pytest.mark.parametrize("condition", [1e2, 1e6, 1e10])
def test_accuracy_of_sqrtm(condition):
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    a = (q * np.geomspace(1, condition, 8)) @ q.T
    root = asl.sqrtm(a)
    np.testing.assert_allclose(root, (q * np.geomspace(1, condition, 8) ** 0.5) @ q.T,
        atol=100 * condition**0.5 * 2e-16 * condition**0.5)  # fmt: skip
    assert asl.sqrtm(a.astype("float32")).dtype == "float32"


@pytest.mark.parametrize("angle", [1.0, 0.1, 0.01])
def test_sqrtm_next_to_the_negative_axis(angle):
    c, s = np.cos(np.pi - angle), np.sin(np.pi - angle)
    turn = np.array([[c, -s], [s, c]])
    np.testing.assert_allclose(asl.sqrtm(turn), scipy.linalg.sqrtm(turn), atol=1e-11)


def test_sqrtm_is_nan_where_it_is_not_defined():
    assert np.isnan(asl.sqrtm(np.array([[1.0, 0.3, 0.2], [0.1, -2.0, 0.5], [0.3, 0.7, 3.0]]))).all()


def test_roots_and_logarithms_invert():
    np.testing.assert_allclose(asl.sqrtm(S) @ asl.sqrtm(S), S, rtol=1e-12)
    np.testing.assert_allclose(asl.expm(asl.logm(S)), S, rtol=1e-12)
    turned = np.diag([-1.0, 2.0])
    np.testing.assert_array_equal(asl.logm(turned), scipy.linalg.logm(turned))
    assert asl.logm(turned).dtype == "complex128"


def test_triangular_systems_are_substituted():
    """As accurate as substitution, however badly scaled: the error is far below the condition number."""
    lower = np.tril(np.ones((20, 20)), -1) * -1 + np.eye(20)
    b = np.arange(20.0)[:, None]
    for a, flag in ((lower, True), (lower.T, False)):
        expected = scipy.linalg.solve_triangular(a, b, lower=flag)
        np.testing.assert_array_equal(asl.solve_triangular(a, b, lower=flag), expected)
    scale = 10.0 ** -np.arange(0, 60, 3)
    x = asl.solve_triangular(lower * scale[:, None], b * scale[:, None], lower=True)
    np.testing.assert_allclose(x, scipy.linalg.solve_triangular(lower, b, lower=True), rtol=1e-14)


ERRORS = [
    (lambda: anl.inv(V), anl.LinAlgError, r"inv: expected matrices of shape \(..., n, m\), got shape \(2,\)"),
    (lambda: anl.det(R), anl.LinAlgError, r"det: expected square matrices of shape \(..., n, n\), got shape \(3, 2\)"),
    (lambda: anl.inv(SINGULAR), anl.LinAlgError, "Singular"),
    (lambda: autograd.grad(lambda a: anl.slogdet(a)[1])(SINGULAR), anl.LinAlgError, "Singular"),
    (lambda: anl.solve(A, np.float64(1)), anl.LinAlgError, "solve: expected matrices"),
    (lambda: anl.solve(A, T), ValueError, "mismatch"),
    (lambda: anl.cholesky(-P), anl.LinAlgError, "positive definite"),
    (lambda: anl.eigh(P, "X"), ValueError, "eigh: expected UPLO 'L' or 'U', got 'X'"),
    (lambda: anl.qr(A, "raw"), ValueError, "qr: expected mode 'reduced', 'complete' or 'r', got 'raw'"),
    (lambda: anl.pinv(A, 0.1, rtol=0.1), ValueError, "pinv: expected rcond or rtol, got both"),
    (lambda: anl.matrix_rank(A, 0.1, rtol=0.1), ValueError, "matrix_rank: expected tol or rtol, got both"),
    (lambda: anl.lstsq(S, V), anl.LinAlgError, r"lstsq: expected a of shape \(n, m\) .*, got \(2, 2, 2\) and \(2,\)"),
    (lambda: anl.tensorinv(A, 0), ValueError, "tensorinv: expected a positive ind, got 0"),
    (lambda: anl.matrix_power(R, 2), anl.LinAlgError, "matrix_power: expected square matrices"),
    (lambda: anl.matrix_power(A, 0.5), TypeError, "integer"),
    (lambda: anl.multi_dot([A]), ValueError, "multi_dot: expected at least two arrays, got 1"),
    (lambda: anl.multi_dot([A, S]), anl.LinAlgError, "multi_dot: expected matrices, got shapes"),
    (lambda: anl.multi_dot([A, A], out=A), TypeError, "multi_dot: arrays never change"),
    (lambda: anl.cross(V, V), ValueError, r"cross: expected 3 elements along axis -1, got shapes \(2,\) and \(2,\)"),
    (lambda: anl.outer(A, V), ValueError, "outer: expected vectors"),
    (lambda: anl.norm(A, 7), ValueError, "norm: expected an order of vectors or matrices, got 7"),
    (lambda: asl.solve(A, V, assume_a="cyclic"), ValueError, "solve: expected assume_a .*, got 'cyclic'"),
    (lambda: asl.solve_triangular(A, V, trans=3), ValueError, "solve_triangular: expected trans .*, got 3"),
    (lambda: asl.solve_banded((1, 0), BAND, T), ValueError, "solve_banded: expected 2 diagonals "),
    (lambda: vjp(asl.logm, -np.eye(2)), anl.LinAlgError, "logm: an eigenvalue lies on the negative real axis"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()


def test_functions_that_cupy_lacks_say_so(xp):
    if xp is np:
        pytest.skip("SciPy has them")
    with pytest.raises(NotImplementedError, match=r"solve_sylvester: .*on the CPU"):
        asl.solve_sylvester(xp.eye(2), xp.eye(2), xp.eye(2))
