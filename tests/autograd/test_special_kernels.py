import math

import numpy as np
import pytest
import scipy.special

from autograd.kernels import special

FUNCTIONS = ("erf", "erfc", "erfinv", "ndtri")
DOMAIN = {"erf": (-6, 6), "erfc": (-6, 26), "erfinv": (-1, 1), "ndtri": (0, 1)}
EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1.5, -1.5, 100.0]
AT_EDGES = {
    "erf": [math.nan, 1, -1, 0.0, -0.0, math.erf(1), -math.erf(1), math.erf(1.5), -math.erf(1.5), 1],
    "erfc": [math.nan, 0, 2, 1, 1, math.erfc(1), math.erfc(-1), math.erfc(1.5), math.erfc(-1.5), 0],
    "erfinv": [math.nan] * 3 + [0.0, -0.0, math.inf, -math.inf] + [math.nan] * 3,
    "ndtri": [math.nan] * 3 + [-math.inf, -math.inf, math.inf] + [math.nan] * 4,
}


def samples(name, count=4000, dtype=np.float64):
    """Points of the whole domain, of its tails and near 0."""
    rng = np.random.default_rng(1)
    low, high = DOMAIN[name]
    even, small = rng.uniform(low, high, count), 10.0 ** rng.uniform(-30, 0, count)
    tails = {"ndtri": [10.0 ** rng.uniform(-307, 0, count)], "erfinv": [1 - 10.0 ** rng.uniform(-15, 0, count)]}
    points = np.concatenate([even, small, *tails.get(name, [])]).astype(dtype)
    return points[(points > low) & (points < high)]


def oracle(name, x):
    """The C library's erf and erfc (SciPy's erfc is off by 400 units in its tail), SciPy's inverses."""
    if hasattr(math, name):
        return np.array([getattr(math, name)(value) for value in x.tolist()])
    return getattr(scipy.special, name)(x.astype(np.float64))


def units(got, expected):
    """Error in units in the last place of got's precision."""
    return np.max(np.abs(got - expected) / np.spacing(np.abs(expected).astype(got.dtype)))


@pytest.fixture
def cupy():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no device")
    return cupy


# the bounds are ours plus the oracle's own error
@pytest.mark.parametrize(("name", "bound"), [("erf", 2), ("erfc", 5), ("erfinv", 6), ("ndtri", 7)])
def test_double_agrees_with_the_reference(name, bound):
    x = samples(name)
    assert units(getattr(special, name)(np, x), oracle(name, x)) <= bound


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_types_are_rounded_once(name, dtype):
    x = samples(name, dtype=dtype)
    x = x[np.abs(oracle(name, x)) >= np.finfo(dtype).tiny]
    got = getattr(special, name)(np, x)
    assert got.dtype == dtype
    assert units(got, oracle(name, x)) <= 0.56


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_never_decreases_and_ends_at_one(dtype):
    y = special.erf(np, np.linspace(-7, 7, 100_001).astype(dtype))
    assert np.all(np.diff(y) >= 0)
    assert y[0] == -1
    assert y[-1] == 1


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_edges_are_exact_and_silent(name, dtype):
    expected = np.array(AT_EDGES[name]).astype(dtype)
    with np.errstate(all="raise"):
        got = getattr(special, name)(np, np.array(EDGES, dtype))
    np.testing.assert_array_max_ulp(got[np.isfinite(expected)], expected[np.isfinite(expected)], 1)
    np.testing.assert_array_equal(got[~np.isfinite(expected)], expected[~np.isfinite(expected)])
    np.testing.assert_array_equal(np.signbit(got)[expected == 0], np.signbit(expected)[expected == 0])


def test_far_tails():
    np.testing.assert_allclose(  # computed in 30 digits
        special.ndtri(np, np.array([5e-324, 1e-310])), [-38.46740561714434625, -37.66306033194952373], rtol=1e-15
    )
    np.testing.assert_allclose(
        special.erfc(np, np.array([26.5, 27.2])), [math.erfc(26.5), math.erfc(27.2)], atol=5e-324
    )
    tiny = np.array([1e-310, -1e-310])
    np.testing.assert_allclose(special.erf(np, tiny), 2 / np.sqrt(np.pi) * tiny, rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pieces_of_a_long_array_meet(name, monkeypatch):
    x = samples(name, 100)
    whole = getattr(special, name)(np, x)
    monkeypatch.setattr(special, "CHUNK", 7)
    np.testing.assert_array_equal(getattr(special, name)(np, x), whole)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_shapes(shape):
    x = np.full(shape, 0.5)
    y = special.erf(np, x)
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(y, np.full(shape, math.erf(0.5)), rtol=1e-15)
    assert y.shape == shape


def test_strides():
    x = samples("erf", 60)[:120].reshape(10, 12)
    for view in (x.T, x[::2, ::-1]):
        np.testing.assert_array_equal(special.erf(np, view), special.erf(np, view.copy()))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, np.bool_])
def test_integers_become_double(dtype):
    y = special.erf(np, np.array([0, 1], dtype))
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, [0, math.erf(1)], rtol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, object])
def test_other_types_raise(name, dtype):
    with pytest.raises(
        TypeError, match=f"{name}: expected a real array of at most 64 bits per element, got {np.dtype(dtype)}"
    ):
        getattr(special, name)(np, np.zeros(2, dtype))


@pytest.mark.gpu
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_cupy_equals_numpy(cupy, name, dtype):
    x = np.array([0, 1, 2], dtype) if dtype == np.int32 else samples(name, 500, dtype)
    if name == "erfinv":
        x = x[np.abs(x) < 0.99]  # nearer to 1 the CPU's stand-in for CUDA loses digits
    got = getattr(special, name)(cupy, cupy.asarray(x))
    expected = getattr(special, name)(np, x)
    assert got.dtype == expected.dtype
    rtol = {"float64": 3e-14, "float32": 3e-6, "float16": 2e-3}[expected.dtype.name]
    np.testing.assert_allclose(got.get(), expected, rtol=rtol, atol=np.finfo(expected.dtype).tiny)


@pytest.mark.gpu
def test_cupy_edges(cupy):
    for name in FUNCTIONS:
        got = getattr(special, name)(cupy, cupy.asarray(EDGES)).get()
        np.testing.assert_allclose(got, AT_EDGES[name], rtol=1e-15)
    for shape in ((), (0, 3)):
        assert special.erf(cupy, cupy.zeros(shape, np.float32)).shape == shape
    with pytest.raises(TypeError, match="got complex64"):
        special.erf(cupy, cupy.zeros(2, np.complex64))
