"""Odd but legal arguments give what NumPy gives; what NumPy refuses is refused."""

import json
import warnings

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import Array, grad, jvp, vmap

pytestmark = pytest.mark.usefixtures("on_the_cpu")

V, A, I = np.array([1.0, 2.0, 3.0]), np.arange(6.0).reshape(2, 3), np.array([3, 1, 2])
Z, B, E, N = np.array([1 + 2j, 3 - 1j]), np.array([True, False, True]), np.array([]), np.array([1.0, np.nan, 3.0])
HALF, NUMBER, ONES = V.astype("float16"), np.array(2.5), np.ones((2, 2))

LEGAL = """
np.var(Z, dtype=np.float64); np.std(Z, dtype=np.float64); np.var(Z, dtype=complex)
np.mean([1, 2], dtype=int); np.mean(V, dtype=int); np.mean(I, dtype=bool); np.mean(A, 0, dtype="int8")
np.sum(I, initial=2.5)
np.prod(I, initial=2.5); np.max(I, initial=4.5); np.min(V.astype("float32"), initial=0.1); np.trace(A, dtype="int8")
np.sum(NUMBER, axis=0); np.max(NUMBER, -1); np.ptp(NUMBER, 0); np.any(NUMBER, axis=0); np.argmax(NUMBER, 0)
np.cumsum(NUMBER, 0); np.cumprod(NUMBER, axis=-1); np.nansum(NUMBER, axis=0); np.count_nonzero(NUMBER, axis=0)
np.nanvar(V, ddof=3); np.nanstd(N, ddof=2); np.average(V, weights=I, returned=True); np.average(V, returned=True)
np.average(np.ones(3, int), weights=V.astype("float32"))
np.interp([0.0, 2.0], [0.0, 1.0, 2.0], [1.0, np.inf, 2.0]); np.interp([0.0, 2.0], [0.0, 1.0, 2.0], [1.0, np.nan, 2.0])
np.interp(np.inf, [0, 1, np.inf], [1, 2, 3]); np.interp(np.nan, [1.0], [5.0])
np.interp([0.5, 1.5], [0.0, 1.0, 2.0], [1.0, np.inf, 2.0])
np.interp(1.5, V, V); np.fft.irfftn(np.ones((3, 4)), s=(3, -1), axes=(0, 1)); np.tensordot(ONES, ONES, np.int64(1))
np.take(V, []); np.take(A, [], axis=1); np.take(V, [True, False, True]); np.take(V, True); np.column_stack((1.0, 2.0))
np.roll(A, np.array([1, 2]), axis=(0, 1)); np.ravel(A.T, "K"); np.ravel(A.T, "A"); np.ravel(A, None)
np.reshape(A.T, (2, 3), order="A"); np.bincount([]); np.bincount([], minlength=2); np.bincount([1, 2], weights=[1, 2])
np.arange(5, step=2); np.arange(start=1, stop=4); np.arange(stop=3); np.arange(1, 10, 2, "float32")
np.arange(5, None, 2)
np.linalg.matrix_rank(np.zeros((0, 0))); np.linalg.norm([], np.inf); np.modf(I); np.modf(True); np.modf(B)
np.concatenate([V, V], dtype=int, casting="unsafe"); np.hstack([I, I], dtype="float32"); np.ediff1d(V, to_end=[1.5])
np.median(V); np.nanmedian(N); np.quantile(V, 0.3); np.percentile(V, 30); np.nanmax(N); np.nanmin(N); np.nanstd(N)
np.nanargmax(N); np.linalg.norm(V, 3); np.linalg.norm(ONES, "nuc"); np.linalg.cond(ONES + np.eye(2)); np.inner(V, V)
np.einsum("i,i", V, V); np.nan_to_num(np.nan); np.nan_to_num(5); np.median(Z); np.histogram(V, 3)
np.cov(V, fweights=I); np.corrcoef(V)
np.add.reduce(V); np.add.reduce(A); np.add.reduce(A, axis=1, keepdims=True); np.multiply.reduce(A)
np.maximum.reduce(A, axis=None)
np.minimum.reduce(V, initial=0); np.logical_and.reduce(A > 0); np.subtract.reduce(A); np.logaddexp.reduce(V)
np.hypot.reduce(A, axis=1)
np.add.accumulate(V); np.multiply.accumulate(A, axis=1); np.maximum.accumulate(V[::-1]); np.subtract.outer(V, I)
np.add.outer(A, V)
np.add.reduce(I, dtype=float); np.bitwise_or.reduce(I); np.clip(V, 2, None); np.select([B], [V], 5)
isinstance(np.zeros(3), np.ndarray); isinstance(np.float64(3), np.ndarray); issubclass(type(V), np.ndarray)
isinstance(3, np.ndarray)
"""

REFUSED = """
np.average(V, weights=[0, 0, 0]); np.quantile(V, 0.5, weights=np.zeros(3), method="inverted_cdf"); np.quantile(Z, 0.5)
np.quantile(V, 0.5, weights=[1, -2, 3], method="inverted_cdf"); np.histogram(N); np.histogram(V, range=(0, np.inf))
np.histogram2d(V, N); np.histogram_bin_edges(V, [[1, 2]]); np.ediff1d(I, to_end=[1.7])
np.concatenate([[0.5]], dtype=int)
np.stack([V, V], dtype="int8"); np.vstack([V, V], dtype=int); np.hstack([V, V], dtype=int); np.geomspace(0, 1, 3)
np.geomspace(1, 0, 3); np.fft.fft(V, n=-1); np.fft.irfft(V, n=0); np.fft.fftn(ONES, s=(2, 2, 2)); np.fft.fftfreq(0)
np.fft.fftfreq(5.5); np.nanmean(V, dtype=int); np.nanstd(V, dtype=int); np.var(V, ddof=1, correction=1)
np.sum(V, initial=1j); np.bincount([1], minlength=-1); np.bincount([1, 2], weights=[1])
np.bincount([1], weights=[1j])
np.sort(V, kind="bad"); np.clip(V, 1, 2, min=1); np.select([V], [V]); np.compress(A, V); np.trim_zeros([0, 1], "x")
np.isposinf(Z); np.isneginf(Z); np.cov(V, fweights=[1.5, 2, 3]); np.cov(V, aweights=[-1, 2, 3]); np.cov(V, ddof=1.5)
np.arange(); np.arange(start=3); np.arange(1, 2, 3, int, 5); np.ravel(A, "X"); np.modf(Z); np.subtract.reduce(E)
np.sin.outer(V, V); np.packbits(V); np.packbits(B, bitorder="x"); np.unpackbits(I); np.asarray_chkfinite(N)
np.apply_along_axis(np.sum, 0, np.zeros((3, 0))); np.piecewise(V, [V > 1], [1, 2, 3]); np.meshgrid(V, V, indexing="x")
np.ix_(A); np.diag_indices_from(V); np.tril_indices_from(V); np.histogram(V, [3, 1]); np.histogram(V, 0)
np.histogram(V, range=(2, 1)); np.histogramdd(A, bins=(2,)); np.max(V, where=V > 5); np.select([B], [V, V])
np.block((V, V)); np.block([V, [V]]); np.vsplit(V, 1); np.sort(V, order="x"); np.searchsorted(V, 1, side="x")
np.bincount(V); np.bincount([-1]); np.quantile(V, 0.5, weights=Z, method="inverted_cdf"); np.cov(V, fweights=[1, 2])
np.cov(np.ones((2, 2, 2))); np.add.reduce(V, foo=1); np.subtract.reduce(V, foo=1); np.power(I, -1)
np.array(["x"], float); np.array([np.nan], int)
"""


def expressions(text):
    return [expression.strip() for line in text.strip().splitlines() for expression in line.split(";")]


def evaluate(expression, namespace):
    arrays = {name: value.copy() for name, value in globals().items() if isinstance(value, np.ndarray)}
    return eval(expression, {**arrays, "np": namespace})


@pytest.mark.parametrize("expression", expressions(LEGAL))
def test_odd_arguments_give_what_numpy_gives(expression):
    """Values, dtypes, and scalars where NumPy returns these."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, got = evaluate(expression, np), evaluate(expression, anp)
    if not isinstance(expected, tuple):
        expected, got = (expected,), (got,)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert isinstance(one, np.ndarray) == isinstance(other, np.ndarray)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", expressions(REFUSED))
def test_what_numpy_refuses_is_refused(expression):
    for namespace in (np, anp):
        with pytest.raises((ValueError, TypeError, ZeroDivisionError, AttributeError, RuntimeError)):
            evaluate(expression, namespace)


def test_complex_weights_of_a_quantile_are_refused():
    """NumPy drops their imaginary parts."""
    with pytest.raises(TypeError, match=r"^quantile: expected real weights, got dtype complex128\."):
        anp.quantile(V, 0.5, weights=[1, 2, 3j], method="inverted_cdf")


def test_scalars_serve_where_floats_do():
    assert json.dumps({"median": anp.median(V), "norm": anp.linalg.norm(V, 3), "nan": anp.nanmax(N)})
    assert {anp.quantile(V, 0.5): 1}[2.0] == 1


def test_gradients_at_numbers_are_scalars():
    for function in (
        lambda x: x * x,
        lambda x: 3.0,
        lambda x: anp.where(x > 0, x, 0),
        lambda x: anp.reshape(x, (1,))[0],
    ):
        assert isinstance(grad(function)(2.0), float)


def test_methods_of_ufuncs_have_gradients():
    x = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(grad(anp.add.reduce)(x), [1, 1, 1])
    np.testing.assert_allclose(grad(lambda x: np.multiply.reduce(x))(x), [8, 4, 2])
    np.testing.assert_allclose(grad(lambda x: anp.subtract.reduce(x))(x), [1, -1, -1])
    np.testing.assert_allclose(grad(lambda x: np.sum(np.multiply.outer(x, x)))(x), [14, 14, 14])
    np.testing.assert_allclose(grad(lambda x: anp.multiply.accumulate(x)[1])(x), [2, 1, 0])
    with pytest.raises(TypeError, match=r"^add\.at: .* Write x = x\.at\[index\]\.add"):
        anp.add.at(x, [0], 1)


def test_gradient_of_interp_beside_an_infinite_value():
    fp = np.array([1.0, np.inf, 2.0])
    assert grad(lambda x: anp.interp(x, V, fp))(1.0) == 0
    np.testing.assert_array_equal(grad(lambda fp: anp.interp(1.0, V, fp))(fp), [1, 0, 0])
    assert grad(lambda x: anp.interp(x, V, np.array([1.0, 3.0, 2.0])))(2.0) == -1


def test_weights_are_checked_in_lanes_too():
    with pytest.raises(ZeroDivisionError, match=r"^average: expected weights whose sum is not 0\."):
        vmap(lambda w: anp.average(V, weights=w))(np.array([[1.0, 1, 1], [0, 0, 0]]))
    with pytest.raises(ZeroDivisionError, match="average"):
        anp.average(Array(V), weights=[0, 0, 0])


@pytest.mark.parametrize(
    ("subscripts", "shape", "other"),
    [("i,i", (2,), (1,)), ("ij,jk->ik", (2, 1), (3, 2)), ("ij,j->i", (2, 3), (1,)), ("ij,ij->j", (2, 3), (1, 3)),
     ("ij,ij->j", (1, 3), (2, 3)), ("i,i->i", (1,), (3,))],
)  # fmt: skip
def test_gradients_of_einsum_with_axes_that_broadcast(subscripts, shape, other):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=shape), rng.normal(size=other)

    def total(a, b):
        return anp.sum(anp.einsum(subscripts, a, b) ** 2)

    for argument in (0, 1):
        x = (a, b)[argument]
        direction = rng.normal(size=x.shape)

        def function(x, argument=argument):
            return total(*((x, b) if argument == 0 else (a, x)))

        gradient = grad(function)(x)
        assert gradient.shape == x.shape
        np.testing.assert_allclose(np.sum(gradient * direction), jvp(function, (x,), (direction,))[1])
