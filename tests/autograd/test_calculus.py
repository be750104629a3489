"""Numerical calculus, convolution and polynomials beside NumPy's and SciPy's."""

import numpy as np
import pytest
import scipy.signal

import autograd
import autograd.numpy as anp
import autograd.scipy.signal as signal
from autograd import Array, vjp
from autograd.numpy import _calculus, _polynomial
from autograd.testing import check_grads
from tests.autograd.test_fft import call, check_call

pytestmark = pytest.mark.usefixtures("on_the_cpu")
_random = np.random.default_rng(6)
V, W, A, C = (_random.normal(size=shape) for shape in (5, 3, (3, 4), (2, 3, 2)))
Z = V + 1j * _random.normal(size=5)
X = np.array([0.0, 0.7, 1.0, 2.5, 3.1])  # increasing, unevenly spaced
Y = np.array([-0.4, 0.3, 0.85, 1.9, 2.4, 3.7])  # between them and beyond
I, J = np.array([3, -1, 4, 1, 5]), np.array([2, -2, 7])
B = np.array([True, False, False, True])
STEPS = np.array([0.3, 3.0, 6.0, 2.5, -1.0, -4.5, -8.0])

products = [call(V, W), call(W, V), call(Z, W), call(V, Z), call(I, J), call(V[:1], W), call(V, I)]
products += [
    call(x, y, mode)
    for mode in ("full", "same", "valid")
    for x, y in ((V, W), (W, V), (Z, Z[:2]), (Z[:2], Z), (V, V[:4]), (V[:4], V), (V, V), (I, J))
]
CALLS = {
    "diff": [call(V), call(A, 2), call(A, 1, 0), call(C, axis=1), call(V, n=0), call(B), call(I), call(Z, 4),
        call(A, prepend=0.0), call(A, append=A[:, :2]), call(A, axis=0, prepend=A[:1], append=1.5), call(I, prepend=7)],
    "ediff1d": [call(A), call(V, to_end=9.0), call(V, W, W[:1]), call(I, to_begin=[0, 1]), call(Z)],
    "cumulative_sum": [call(V), call(A, axis=0), call(C, axis=-2, include_initial=True), call(I),
        call(W, dtype="complex64"), call(I, include_initial=True)],
    "cumulative_prod": [call(V), call(A, axis=0), call(C, axis=-2, include_initial=True), call(I)],
    "unwrap": [call(STEPS), call(A * 5, axis=0), call(STEPS, 4.0), call(STEPS, period=3.5), call(I * 3, period=6),
        call(I * 3, period=5), call(I * 3)],
    "angle": [call(Z), call(Z, True), call(V), call(I, deg=True)],
    "trapezoid": [call(V), call(V, X), call(A, dx=0.5), call(A, A[0], axis=1), call(C, C[:, :1], axis=0), call(I),
        call(Z, X), call(A, np.array([1.0, 2.5, 2.0]), axis=-2)],
    "gradient": [call(V), call(A), call(V, 0.5), call(V, X), call(A, axis=1), call(A, axis=(1, 0)), call(Z, X), call(I),
        call(A, 2.0, edge_order=2), call(V, X, edge_order=2), call(A, np.array([0.0, 1.0, 3.0]), 0.3, edge_order=2),
        call(A, 0.5, W.cumsum() ** 2, axis=(1, 0)), call(V[:2]), call(V[:3], edge_order=2), call(V, np.array(0.4))],
    "interp": [call(Y, X, V), call(Y.reshape(2, 3), X, V), call(0.3, X, V), call(Y, X, V, -1.0, 2.0),
        call(Y, X, V, right=0.5), call(Y * 3, X, V, period=3.5), call(Y, V, X, period=-0.9), call(Y, X, Z),
        call(Y, X[:1], V[:1]), call(Y, X[:1], V[:1], 5.0, 6.0), call(I, X + 0.05, I), call([0.5, 0.6], X, V)],
    "cross": [call(W, W[::-1]), call(A, A[::-1] + 1, 0, 0, 0), call(C, W, axisa=1, axisc=0), call(A, A**2, axis=0),
        call(W + 1j, W[::-1])],
    "convolve": [*products, call(V, 2.0), call(3, I)],
    "correlate": [*products, call(V, [2.0, 1.0], "same")],
    "polyval": [call(W, V), call(W, A), call(W, 1.5), call(Z, V), call(I, J), call([1.0, -2.0], V), call([], V)],
    "polyadd": [call(V, W), call(W, V), call(V, 1.0), call(I, J), call(V, Z)],
    "polysub": [call(V, W), call(W, V), call(1.0, V), call(I, J)],
    "polymul": [call(V, W), call(W, 2.0), call(I, J), call(Z, V)],
    "polyder": [call(V), call(V, 2), call(V, 0), call(V, 9), call(I), call(Z)],
    "polyint": [call(V), call(V, 2), call(V, m=2, k=[3.0, -1.0]), call(V, k=2.0), call(V, 2, 4.0), call(I), call(Z)],
    "poly": [call(V), call(A[:, :3]), call(I), call(Z)],
    "polyfit": [call(X, V, 2), call(X, V, 0), call(X, X[:, None] * W + V[:, None], 1), call(X, V, 2, w=Y[1:]),
        call(X, V, 2, cov=True), call(X, V, 1, 1e-9, False, Y[1:], "unscaled"), call(I, V, 1),
        call(X, X[:, None] * W + V[:, None], 1, cov=True)],
    "vander": [call(V), call(V, 3), call(V, 3, True), call(V, N=0), call(I), call(Z, increasing=True), call(V, 1)],
}  # fmt: skip


def test_every_public_function_has_calls():
    modules = {_calculus.__name__, _polynomial.__name__}
    functions = {name for name in anp.__all__ if getattr(getattr(anp, name), "__module__", "") in modules}
    assert {*CALLS, "roots", "polydiv"} == functions
    assert set(SIGNALS) == set(signal.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_results_and_gradients(xp, name):
    for args, kwargs in CALLS[name]:
        check_call(xp, getattr(anp, name), getattr(np, name), args, kwargs)


K, L = _random.normal(size=(2, 3)), _random.normal(size=(5, 2))
D = K + 1j * _random.normal(size=(2, 3))
PAIRS = [(A, K), (K, A), (V, W), (W, V), (D, D)]
SIGNALS = {
    name: [call(x, y, mode, *way) for mode in ("full", "same", "valid") for x, y in PAIRS for way in ways] + extra
    for name, ways, extra in (
        ("convolve", [("direct",), ("fft",)], [call(I, J), call(I, J, method="fft"), call(np.array(2.0), np.array(3.0)),
            call(C, C[:, :2, :1], "same"), call(Z, W), call(C[:, :1], C, "same", "direct")]),
        ("correlate", [("direct",), ("fft",)], [call(I, J), call(Z, D[0], method="auto"), call(C, C[:, ::2], "same")]),
        ("fftconvolve", [()], [
            call(np.array(2.0), np.array(3.0)),
            call(A, A[:1], axes=1), call(C, C[::2, :, :1], "same", axes=(0, -1)), call(Z, W)]),
        ("oaconvolve", [()], []))}  # fmt: skip


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(xp, name):
    for args, kwargs in SIGNALS[name]:
        check_call(xp, getattr(signal, name), getattr(scipy.signal, name), args, kwargs, orders=1)


@pytest.mark.parametrize("p", [V, Z, I.astype(float), V[:1], V[:2]])
def test_roots(xp, p):
    """NumPy's, on a GPU always complex; they bring back the polynomial, and so do their gradients."""
    roots = anp.roots(xp.asarray(p))
    assert roots.dtype == (np.roots(p).dtype if xp is np and len(p) > 1 else complex)
    assert anp.roots(Array(xp.asarray(p))).dtype.kind == "c"
    np.testing.assert_allclose(np.sort(Array(roots)), np.sort(np.roots(p).astype(complex)), rtol=1e-9)
    np.testing.assert_allclose(Array(anp.poly(roots)), p / p[0], rtol=1e-9)
    assert anp.roots(xp.asarray(p.astype("complex64"))).dtype == "complex64"
    if len(p) > 1:
        check_grads(lambda p: (anp.roots(p) ** 2).sum(), xp.asarray(p), order=2 if xp is np else 1)
        check_grads(lambda p: anp.poly(anp.roots(p)) * p[0] - p, xp.asarray(p), order=1)


def test_interpolation_at_the_points(xp):
    x, v = xp.asarray(X), xp.asarray(V)
    np.testing.assert_array_equal(Array(anp.interp(x, x, v)), V)
    slopes = vjp(lambda x: anp.interp(x, xp.asarray(X), v), x)[1](xp.ones(5))[0]
    steps = np.diff(V) / np.diff(X)
    np.testing.assert_allclose(Array(slopes), [*steps, steps[-1]])
    twice = np.array([0.0, 1.0, 1.0, 2.0])
    at = np.array([0.5, 1.0, 1.5])
    expected = np.interp(at, twice, V[:4])
    np.testing.assert_allclose(Array(anp.interp(xp.asarray(at), xp.asarray(twice), v[:4])), expected)


def test_polyfit_in_full(xp):
    """With residuals, rank and singular values; a power that adds nothing counts as 0."""
    for x, degree in ((X, 2), (np.ones(5), 1)):
        got = anp.polyfit(xp.asarray(x), xp.asarray(V), degree, full=True)
        expected = np.polyfit(x, V, degree, full=True)
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one if isinstance(one, float) else np.asarray(Array(one)), other, 1e-9, 1e-12)


def test_convolution_over_some_axes(xp):
    """As HIPS/autograd has it: the other axes of both come first, products are summed over pairs of axes."""
    images, kernels = _random.normal(size=(2, 3, 4, 3)), _random.normal(size=(2, 2, 2, 3))
    x, w = xp.asarray(images), xp.asarray(kernels)
    axes, dots = ((2, 3), (1, 2)), ((1,), (3,))
    for mode in ("full", "valid", "same"):
        y = signal.convolve(x, w, mode, axes=axes, dot_axes=dots)
        for n in range(2):
            for o in range(2):
                expected = sum(scipy.signal.convolve(images[n, c], kernels[o, :, :, c], mode) for c in range(3))
                np.testing.assert_allclose(Array(y[n, o]), expected, 1e-12, 1e-12)
    check_grads(lambda x, w: signal.convolve(x, w, axes=axes, dot_axes=dots), (x[:1, :, :2], w), order=1)
    products = signal.convolve(x[0, 0], w[0, 0], axes=[[], []], dot_axes=[[1], [1]])
    np.testing.assert_allclose(Array(products), images[0, 0] @ kernels[0, 0].T)
    rows = signal.convolve(x[0, 0, :2], w[0, 0], dot_axes=[[0], [0]])  # over the axes that are left
    expected = sum(np.convolve(images[0, 0, i], kernels[0, 0, i]) for i in range(2))
    np.testing.assert_allclose(Array(rows), expected)


def test_the_faster_method_is_taken(xp, monkeypatch):
    """Large kernels go through spectra, unless they are whole numbers; the result is the same."""
    taken = []
    fftconvolve = signal.fftconvolve
    monkeypatch.setattr(signal, "fftconvolve", lambda *args: taken.append(True) or fftconvolve(*args))
    long, short = _random.normal(size=400), _random.normal(size=300)
    for x, y, expected in (
        (long, short, True),
        (long, short[:9], False),
        (long.round(), short.astype(int), True),
        ((9 * long).astype(int), (9 * short).astype(int), False),
    ):
        taken.clear()
        got = signal.convolve(xp.asarray(x), xp.asarray(y))
        assert bool(taken) is expected
        np.testing.assert_allclose(Array(got), np.convolve(x, y), 1e-9, 1e-9)


@pytest.mark.parametrize("function", [
    lambda x: anp.interp(x, X, V), lambda x: anp.interp(x, X, x, period=3.3),
    lambda x: anp.interp(Y, anp.cumulative_sum(x**2), x), lambda x: anp.convolve(x, W),
    lambda x: anp.correlate(W, x, "same"), lambda x: anp.convolve(x, x, "valid"),
    lambda x: anp.unwrap(x * 9), lambda x: anp.polyfit(X, x, 2), anp.vander, anp.poly,
    lambda x: anp.gradient(x, X), lambda x: anp.trapezoid(x, X),
    lambda x: signal.convolve(x, x, method="fft"), lambda x: signal.correlate(x[:, None], A[:2, :2], "same", "direct"),
])  # fmt: skip
def test_vmap_is_a_loop(function):
    lanes = _random.uniform(0.5, 2.0, size=(3, 5))
    for each in (function, lambda x: autograd.grad(lambda x: (function(x) ** 2).sum())(x)):
        expected = [np.asarray(each(Array(x))) for x in lanes]
        np.testing.assert_allclose(autograd.vmap(each)(lanes), expected, 1e-10, 1e-12)


@pytest.mark.parametrize(("run", "message"), [
    (lambda: anp.diff(V, -1), "diff: expected a non-negative order, got -1"),
    (lambda: anp.polyder(V, -1), "polyder: expected a non-negative order"),
    (lambda: anp.cumulative_sum(A), r"cumulative_sum: expected an axis for shape \(3, 4\), got None"),
    (lambda: anp.gradient(V, edge_order=3), "expected edge_order 1 or 2, got 3"),
    (lambda: anp.gradient(V[:2], edge_order=2), "expected at least 3 samples along axis 0, got 2"),
    (lambda: anp.gradient(V, X[:3]), r"expected 5 coordinates for axis 0, got shape \(3,\)"),
    (lambda: anp.interp(Y, X, W), r"expected vectors xp and fp of one length, got shapes \(5,\) and \(3,\)"),
    (lambda: anp.interp(Y, X, V, period=0), "expected a nonzero period"),
    (lambda: anp.convolve(A, V), r"convolve: expected vectors with elements, got shapes \(3, 4\) and \(5,\)"),
    (lambda: anp.correlate(V, V[:0]), r"correlate: expected vectors with elements"),
    (lambda: anp.convolve(V, W, "fill"), "convolve: expected mode 'full', 'same' or 'valid', got 'fill'"),
    (lambda: anp.vander(A), r"vander: expected a vector, got shape \(3, 4\)"),
    (lambda: anp.roots(A), r"roots: expected a vector of coefficients, got shape \(3, 4\)"),
    (lambda: anp.polyfit(X, W, 1), r"polyfit: expected x \(n,\) and y"),
    (lambda: anp.polyfit(X[:2], V[:2], 1, cov=True), "polyfit: expected more than 2 samples, got 2"),
    (lambda: signal.convolve(A, V), r"expected arrays with the same number of axes, got shapes \(3, 4\) and \(5,\)"),
    (lambda: signal.convolve(A, A, method="slow"), "expected method 'auto', 'direct' or 'fft', got 'slow'"),
    (lambda: signal.convolve(A, A, "fill"), "expected mode 'full', 'same' or 'valid', got 'fill'"),
    (lambda: signal.correlate(A, A.T, "valid"), r"one array within the other, got lengths \(3, 4\) and \(4, 3\)"),
    (lambda: signal.convolve(A, A, axes=[[0], []]), "expected pairs of axes"),
])  # fmt: skip
def test_arguments_that_make_no_sense(run, message):
    with pytest.raises(ValueError, match=message):
        run()


def test_gradient_needs_a_spacing_for_each_axis():
    with pytest.raises(TypeError, match="expected one spacing for all axes or 2, one for each, got 3"):
        anp.gradient(A, 1.0, 2.0, 3.0)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_sample_of_nan_or_inf_reaches_its_neighbours_alone(wrong, edge_order):
    f = np.where(np.arange(8) == 4, wrong, np.arange(8.0) ** 2)
    np.testing.assert_array_equal(
        anp.gradient(Array(f), 0.5, edge_order=edge_order), np.gradient(f, 0.5, edge_order=edge_order)
    )


def test_signals_along_no_axis():
    for library in (scipy.signal, signal):
        with pytest.raises(ValueError, match=r"ax[ei]s"):
            library.fftconvolve(np.ones(3), np.ones(3), axes=())
