"""Reductions of half precision, and products whose parts leave the range of numbers."""

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import grad, hessian, jvp, vmap
from autograd.scipy import special

ml_dtypes = pytest.importorskip("ml_dtypes")
pytestmark = pytest.mark.usefixtures("on_the_cpu")
HALF = [np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)]
COUNT = 70_000  # more than float16 can hold, much more than bfloat16 can count


def some(dtype, size=COUNT):
    return np.random.default_rng(0).normal(size=size).astype(dtype)


def weighted(x):
    return anp.average(x, weights=np.ones(x.shape, x.dtype))


def chosen(x):
    return anp.mean(x, where=np.ones(x.shape, bool))


def chosen_deviation(x):
    return anp.std(x, where=np.ones(x.shape, bool))


MEANS = [anp.mean, anp.var, anp.std, anp.average, weighted, chosen, chosen_deviation, anp.nanmean, anp.nanvar,
         anp.nanstd, anp.median, anp.linalg.norm]  # fmt: skip


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("function", MEANS, ids=lambda f: f.__name__)
def test_counts_beyond_half_precision(function, dtype):
    x = some(dtype)
    wide = x.astype("float32")
    eps = float(ml_dtypes.finfo(dtype).eps)
    y, gradient = function(x), grad(function)(x)
    assert (y.dtype, gradient.dtype) == (dtype, dtype)
    np.testing.assert_allclose(float(y), float(function(wide)), rtol=eps, atol=1e-3)
    expected = np.asarray(grad(function)(wide))
    np.testing.assert_allclose(gradient.astype("float32"), expected, atol=2 * eps * abs(expected).max() + 6e-8)


ROWS, PLACES = np.zeros((5000, 3)), np.zeros(5000, int)
ADDED = {
    "sum of rows": lambda b: anp.sum(anp.array(ROWS + 1, b.dtype) * b, 0),
    "einsum of one": lambda b: anp.einsum("ki->i", anp.array(ROWS + 1, b.dtype) * b),
    "einsum of two": lambda b: anp.einsum("ki,i->i", anp.array(ROWS + 1, b.dtype), b),
    "running sum": lambda b: anp.cumsum(anp.array(ROWS + 1, b.dtype) * b, 0)[-1],
}
USED = {
    "a row beside many": lambda b: anp.array(ROWS, b.dtype) + b,
    "a factor of many": lambda b: anp.array(ROWS + 1, b.dtype) * b,
    "broadcast_to": lambda b: anp.broadcast_to(b, ROWS.shape),
    "repeat": lambda b: anp.repeat(b[None], len(ROWS), 0),
    "tile": lambda b: anp.tile(b, (len(ROWS), 1)),
    "where": lambda b: anp.where(ROWS == 0, b, 0 * b),
    "one place many times": lambda b: b[None][PLACES],
    "take_along_axis": lambda b: anp.take_along_axis(b[None], PLACES[:, None] + np.zeros(3, int), 0),
}


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", ADDED | USED)
def test_sums_of_half_precision_do_not_stop(name, dtype):
    """5000 times 1: float16 has no 2049, bfloat16 no 257, so that a sum of one after the other stops before."""
    b = np.ones(3, dtype)
    function = ADDED.get(name) or (lambda b: USED[name](b).astype("float32").sum(0))
    if name in ADDED:
        assert function(b).dtype == dtype
        np.testing.assert_allclose(np.asarray(function(b), "float32"), 5000, rtol=4e-3)
    g = grad(lambda b: function(b).astype("float32").sum())(b)
    assert g.dtype == dtype
    np.testing.assert_allclose(np.asarray(g, "float32"), 5000, rtol=4e-3)
    lanes = vmap(grad(lambda b: function(b).astype("float32").sum()))(np.stack([b, b]))
    np.testing.assert_allclose(np.asarray(lanes, "float32"), 5000, rtol=4e-3)


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_squares_beyond_half_precision(dtype):
    x = np.array([-1200, 1200, -1200, 1200], dtype)  # the square of 1200 is no float16
    for function in (anp.std, anp.nanstd, chosen_deviation):
        assert float(function(x)) == pytest.approx(1200, rel=0.01)
        assert np.asarray(grad(function)(x)).astype("float32") == pytest.approx([-0.25, 0.25, -0.25, 0.25], rel=0.01)
    assert float(anp.linalg.norm(x)) == pytest.approx(2400, rel=0.01)
    _, tangent = jvp(anp.std, (x,), (np.array([0, 1, 0, 0], dtype),))
    assert float(tangent) == pytest.approx(0.25, rel=0.01)


def test_many_equal_extremes_share_the_gradient_in_half_precision():
    for dtype in HALF:
        gradient = grad(anp.max)(np.ones(COUNT, dtype))
        assert float(gradient[0]) == pytest.approx(1 / COUNT, rel=0.01)


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_softmax_over_more_than_half_precision_can_count(dtype):
    x = np.zeros(COUNT, dtype)
    assert float(special.softmax(x)[0]) == pytest.approx(1 / COUNT, rel=0.01)
    for function in (special.logsumexp, lambda x: -special.log_softmax(x)[0]):
        assert float(function(x)) == pytest.approx(np.log(COUNT), rel=0.01)
    assert float(grad(special.logsumexp)(x)[0]) == pytest.approx(1 / COUNT, rel=0.01)
    y = np.array([100.0, 99.0], dtype)  # 100.31 is no float16
    expected = np.asarray(special.softmax(y.astype("float32")))
    np.testing.assert_allclose(grad(special.logsumexp)(y).astype("float32"), expected, rtol=0.01)


def test_bfloat16_is_summed_to_the_end():
    assert float(anp.sum(np.ones(COUNT, ml_dtypes.bfloat16))) == pytest.approx(COUNT, rel=0.01)


# Products.
@pytest.mark.parametrize(
    "x", [[1e-200, 1e200, 1e200], [1e200, 1e-200, 1e-200], np.arange(0, 50, 0.5, dtype="float32"),
          np.array([0, 300, 300], "float16"), [[2, 3, -4]], [True, False]],
)  # fmt: skip
def test_cumulative_products_are_those_of_numpy(x):
    x = np.array(x)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(anp.cumprod(x), np.cumprod(x), strict=True)
        np.testing.assert_array_equal(anp.nancumprod(x), np.nancumprod(x), strict=True)
        np.testing.assert_array_equal(anp.cumulative_prod(x, axis=0), np.cumulative_prod(x, axis=0), strict=True)
    assert anp.cumprod(np.array([2, 3]), dtype="int8").dtype == "int8"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([1e-200, 1e200, 1e200, 1e-200], [1e200, 1e-200, 1e-200, 1e200]),
        ([1e-200, 1e-200, 3.0, 1e200, 1e200], [3e200, 3e200, 1, 3e-200, 3e-200]),
        ([1e-300, 1e-300, 1e300, 1e300, 0.0], [0, 0, 0, 0, 1]),
    ],
)
def test_gradients_of_products_whose_parts_leave_the_range_of_numbers(x, expected):
    x = np.array(x)
    for function in (anp.prod, lambda x: anp.cumprod(x)[-1]):
        np.testing.assert_allclose(grad(function)(x), expected, rtol=1e-13)
        np.testing.assert_allclose(vmap(grad(function))(np.stack([x, x]))[1], expected, rtol=1e-13)


def test_derivatives_of_products_with_zeros():
    x, weights = np.array([1.0, 0, 3, 2]), np.array([1.0, 2, 3, 4])
    np.testing.assert_array_equal(grad(lambda x: anp.sum(weights * anp.cumprod(x)))(x), [1, 35, 0, 0])
    second = np.zeros((4, 4))
    second[1, 3] = second[3, 1] = 3
    np.testing.assert_array_equal(hessian(anp.prod)(np.array([1.0, 0, 3, 0])), second)
    np.testing.assert_array_equal(hessian(lambda x: anp.cumprod(x)[-1])(np.array([1.0, 0, 3, 0])), second)
