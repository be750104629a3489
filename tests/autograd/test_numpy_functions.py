"""What a comparison of results with NumPy's leaves out: files, views, writing, user's functions, ties, NaN, devices."""

import io

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, grad, jacobian, vjp
from autograd.testing import check_grads
from tests.autograd.table.calls import A, I, J, P, S, U, V, W, Z
from tests.autograd.table.calls_arrangement import VECTORIZED, halved
from tests.autograd.test_numpy_namespace import WRITING, compare

pytestmark = pytest.mark.usefixtures("on_the_cpu")


def gradients(function, *inputs):
    """Of the sum of products of the result with 1, 2, 3, ..."""
    y, pullback = vjp(function, *inputs)
    return pullback(np.arange(1.0, 1 + np.size(y)).reshape(np.shape(y)))


@pytest.mark.parametrize("name", sorted(WRITING))
def test_functions_that_write_say_what_to_write(name):
    for x in (A.copy(), Array(A)):
        with pytest.raises(TypeError, match=rf"^{name}: arrays never change, .* Write x = "):
            getattr(anp, name)(x, 0, 1)


@pytest.mark.parametrize(
    "name", "array_repr array_str array2string format_float_positional save savetxt savez shares_memory".split()
)
def test_what_leaves_the_namespace_refuses_a_traced_value(name):
    def differentiated(x):
        getattr(anp, name)(*[io.BytesIO(), x] if name[:4] == "save" else [x, x][: 1 + (name == "shares_memory")])
        return x

    with pytest.raises(TypeError, match="one that is being traced"):
        vjp(differentiated, S)


def test_files(xp, tmp_path):
    x = Array(xp.asarray(A))
    anp.save(tmp_path / "x.npy", x)
    anp.savez(tmp_path / "x.npz", x, second=x)
    anp.savez_compressed(tmp_path / "y.npz", first=x)
    anp.savetxt(tmp_path / "x.txt", x)
    A.tofile(tmp_path / "x.raw")
    with anp.load(tmp_path / "x.npz") as parts, anp.load(tmp_path / "y.npz") as compressed:
        for part in (parts["arr_0"], parts["second"], compressed["first"]):
            compare(part, A, strict=True)
    loaded = [anp.load(tmp_path / "x.npy"), anp.loadtxt(tmp_path / "x.txt"), anp.genfromtxt(tmp_path / "x.txt")]
    loaded += [anp.fromfile(tmp_path / "x.raw").reshape(3, 4)]
    loaded += [anp.fromregex(tmp_path / "x.txt", r"(\S+)", [("x", float)])["x"].reshape(3, 4)] * (xp is np)
    for part in loaded:
        assert isinstance(part, xp.ndarray)
        compare(part, A, strict=True)


def test_dlpack_and_memory(xp):
    x = xp.asarray(A)
    for given, kind in ((x, xp.ndarray), (Array(x), Array)):
        assert isinstance(anp.from_dlpack(given), kind)
        compare(anp.from_dlpack(given), A, strict=True)
        assert anp.shares_memory(anp.from_dlpack(given), x)
        assert not anp.shares_memory(anp.from_dlpack(given, copy=True), x)
        assert anp.shares_memory(given, x[1:]) and anp.may_share_memory(given, x)
        assert not anp.shares_memory(given, x.copy())
    assert anp.copy(x) is not x and not anp.shares_memory(anp.copy(x), x)


def test_what_has_no_dlpack_is_refused():
    for x in (3, [1.0], None):
        with pytest.raises(TypeError, match=rf"^from_dlpack: expected an array with DLPack, got {type(x).__name__}\."):
            anp.from_dlpack(x)


def test_parts_and_places_out_of_range_are_refused():
    for split in (anp.split, anp.array_split):
        for count in (0, -1):
            with pytest.raises(ValueError, match=f"^split: expected at least one part, got {count}"):
                split(A, count)
    for start in (-4, 4):
        with pytest.raises(np.exceptions.AxisError, match=f"^rollaxis: expected start from -3 to 3, got {start}"):
            anp.rollaxis(np.ones((2, 3, 4)), 0, start)
        with pytest.raises(np.exceptions.AxisError):
            np.rollaxis(np.ones((2, 3, 4)), 0, start)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda np: np.argpartition([3, 1, 2], 3), ValueError, "^partition: expected kth from -3 to 2, got 3"),
        (lambda np: np.partition([3, 1, 2], [0, -4]), ValueError, r"^partition: expected kth .* got \[0, -4\]"),
        (lambda np: np.partition([3, 1, 2], 0.5), TypeError, r"^partition: expected kth of integers, got 0\.5"),
        (lambda np: np.lexsort([]), TypeError, "^lexsort: expected at least one key, got none"),
        (lambda np: np.tensordot(A, A, 3), ValueError, "^tensordot: expected at most 2 axes to sum over, got 3"),
    ],
)
def test_what_is_out_of_range_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call(anp)
    with pytest.raises((kind, IndexError)):
        call(np)


def test_created_arrays_are_where_they_are_asked_for(xp):
    every = [anp.empty(3), anp.kaiser(3, 2.0), anp.tri(2), anp.fromiter([1, 2], int), *anp.tril_indices(2), anp.r_[:3]]
    for made in every:
        assert isinstance(made, xp.ndarray)
    for name in ("zeros", "ones", "empty"):
        assert isinstance(getattr(anp, name)(2, device="cpu"), np.ndarray)
    assert isinstance(anp.linspace(0, 1, 3, device="cpu"), np.ndarray)
    assert isinstance(anp.zeros_like(xp.zeros(2), device="cpu"), np.ndarray)
    assert str(anp.asarray(Array(xp.zeros(2)), device="cpu").device) == "cpu"


def test_numbers_come_to_the_device_of_the_array(xp):
    """Also beside an array that is not on the default device."""
    for call in (
        lambda x: anp.searchsorted(x, 0.5), lambda x: anp.append(x, 3.0), lambda x: anp.insert(x, 1, [2.0]),
        lambda x: anp.digitize(x, [0.0, 1.0]), lambda x: anp.isin(x, [1.0]), lambda x: anp.take(x, [0]),
        lambda x: anp.pad(x, 1, constant_values=2.0), lambda x: anp.pad(x, 1, "linear_ramp", end_values=2),
        lambda x: anp.quantile(x, [0.5]), lambda x: anp.nanquantile(x, [0.5]),
        lambda x: anp.histogram(x, [0.0, 9.0])[0], lambda x: anp.linspace(x, 9.0, 3),
        lambda x: anp.average(x, weights=[1.0, 2.0]), lambda x: anp.compress([True], x),
        lambda x: anp.cov(x, aweights=[1.0, 2.0]), lambda x: anp.geomspace(x, 9, 2), lambda x: anp.union1d(x, [1.0]),
    ):  # fmt: skip
        for device in ("cpu", autograd.default_device()):
            x = autograd.device_put(xp.asarray([1.0, 2.0]), device)
            result = call(Array(x))
            assert type(result) is Array and str(result.device) == str(device)


def test_empty_arrays_are_filled_with_zeros():
    compare(anp.empty((2, 3), "float32"), np.zeros((2, 3), "float32"), strict=True)
    compare(anp.empty_like(Array(I)), np.zeros_like(I), strict=True)
    compare(anp.pad(A, 1, "empty"), np.pad(A, 1), strict=True)


@pytest.mark.parametrize("case", range(len(VECTORIZED)))
def test_vectorize(xp, case):
    function, options, inputs = VECTORIZED[case]
    expected = np.vectorize(function, **options)(*inputs)
    vectorized = anp.vectorize(function, **options)
    compare(vectorized(*inputs), expected, strict=True)
    if xp is np or function in (halved,):
        arrays = [Array(xp.asarray(x)) if isinstance(x, np.ndarray) else x for x in inputs]
        compare(vectorized(*arrays), expected, strict=True)
    if "otypes" not in options:
        check_grads(lambda *args: vectorized(*args, *inputs[len(args) :]), inputs[:1], order=2)


def test_vectorize_as_decorator():
    @anp.vectorize(otypes=[float])
    def positive_part(x):
        """The positive part."""
        return x if x > 0 else 0

    assert (positive_part.__name__, positive_part.__doc__) == ("positive_part", "The positive part.")
    compare(positive_part(A), np.maximum(A, 0), strict=True)
    assert anp.vectorize(halved, doc="Half.").__doc__ == "Half."
    with pytest.raises(ValueError, match=r"vectorize: expected at least one element, got shape \(0,\)"):
        positive_part(np.zeros(0))


def test_ndenumerate():
    assert list(anp.ndenumerate(I)) == list(np.ndenumerate(I))
    (g,) = gradients(lambda x: sum(value * sum(place) for place, value in anp.ndenumerate(x)), P)
    np.testing.assert_array_equal(g, np.add.outer(np.arange(3), np.arange(4)))


GRIDS = {
    "mgrid": [np.s_[:3], np.s_[:3, 1:7:2], np.s_[0:1:5j, :2], np.s_[0.5:2.0:0.5]],
    "ogrid": [np.s_[:3], np.s_[:3, 1:7:2], np.s_[0:1:5j, :2]],
    "r_": [np.s_[1:4], np.s_[V, 0, W], np.s_[0:1:5j, 2.5], np.s_["0,2", V, W], np.s_["1", A, P], np.s_["-1", A, P],
           np.s_["0,2,0", V, W], np.s_["0,3", A, P], np.s_["1,2,0", V, W], np.s_[I, I], np.s_[:3, 5]],
    "c_": [np.s_[V, W], np.s_[V], np.s_[A, V[:3]], np.s_[1:4, J], np.s_[A, A]],
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_arrays_written_as_an_index(xp, name):
    for key in GRIDS[name]:
        expected = getattr(np, name)[key]
        compare(getattr(anp, name)[key] if xp is np or name[1] == "g" else expected, expected, strict=True, kind=None)
        if name[1] == "_":
            parts = key if isinstance(key, tuple) else (key,)
            arrays = tuple(Array(xp.asarray(p)) if isinstance(p, np.ndarray) else p for p in parts)
            compare(getattr(anp, name)[arrays], expected, strict=True)
    check_grads(lambda x, y: anp.c_[x, y], (V, W))
    check_grads(lambda x, y: anp.r_[1.0, x, y, :3], (V, W))
    assert anp.r_[U[0], 1.0].dtype == "float32"
    with pytest.raises(ValueError, match=r"r_: expected axes such as '0,2,-1' .*, got 'c'"):
        anp.r_["c", V]


@pytest.mark.filterwarnings("ignore:invalid value")
def test_slices_of_nothing_but_nan():
    x = A.copy()
    x[1] = np.nan
    for name in "nanmax nanmin nanmean nanvar nanstd nanmedian".split():
        result = getattr(anp, name)(x, 1)
        np.testing.assert_array_equal(np.isnan(result), [False, True, False])
        (g,) = gradients(lambda x: getattr(anp, name)(x, 1)[::2], x)  # noqa: B023
        assert np.isfinite(g).all() and not g[1].any()
    np.testing.assert_array_equal(np.isnan(anp.nanquantile(x, [0.2, 0.9], 1)), [[False, True, False]] * 2)
    assert anp.nanargmax(x, 1)[1] == anp.nanargmin(x, 1)[1] == -1
    assert np.isnan(anp.median(np.zeros(0)))
    assert np.isnan(anp.quantile(np.zeros((0, 2)), [0.1, 0.5], 0)).all()


def test_quantiles_of_infinite_and_of_equal_numbers():
    inf = np.inf
    for x in ([inf, inf, 1.0], [-inf, 0.0, inf], [-inf, -inf, inf, inf], [2.0, 2.0, 2.0, 5.0]):
        for q in (0, 0.25, 0.5, 1):
            for method in ("linear", "lower", "hazen", "nearest"):
                with np.errstate(invalid="ignore"):
                    expected = np.quantile(x, q, method=method)
                if not np.isnan(expected):
                    np.testing.assert_array_equal(anp.quantile(np.array(x), q, method=method), expected)
    (g,) = gradients(lambda x: anp.median(x), np.array([2.0, 2.0, 1.0, 7.0]))
    np.testing.assert_allclose([g.sum(), *g[2:]], [1, 0, 0])


def test_quantiles_are_differentiable_in_the_part():
    check_grads(lambda a, q: anp.quantile(a, q, 1), (A, np.array([0.21, 0.4, 0.9])))
    check_grads(lambda a, q: anp.percentile(a, q, method="hazen"), (A, np.array(37.0)))
    check_grads(lambda a, q: anp.nanquantile(a, q, 0), (A, np.array(0.37)))
    with pytest.raises(ValueError, match=r"percentile: expected numbers from 0 to 100, got 101.0"):
        anp.percentile(A, 101)
    with pytest.raises(ValueError, match=r"quantile: expected a method of inverted_cdf, .*, got 'middle'"):
        anp.quantile(A, 0.5, method="middle")
    with pytest.raises(ValueError, match="quantile: expected method 'inverted_cdf' with weights, got 'linear'"):
        anp.quantile(A, 0.5, weights=P)


def test_partition_puts_elements_on_their_sides():
    x = np.random.default_rng(3).normal(size=(5, 300))
    for kth in (0, 120, -1, (20, 250)):
        for result in (anp.partition(x, kth), anp.take_along_axis(x, anp.argpartition(x, kth), -1)):
            np.testing.assert_array_equal(np.sort(result), np.sort(x))
            for k in kth if isinstance(kth, tuple) else (kth,):
                np.testing.assert_array_equal(result[:, k], np.sort(x)[:, k])
                assert (result[:, : k % 300] <= result[:, k, None]).all()
    np.testing.assert_array_equal(grad(lambda x: anp.partition(x, 2)[2])(V), np.sort(V)[2] == V)


def test_gradients_of_sets_go_to_where_an_element_was_first():
    x, y = np.array([3.0, 1.0, 3.0, 2.0]), np.array([2.0, 5.0])
    np.testing.assert_array_equal(gradients(anp.unique, x)[0], [3, 1, 0, 2])
    np.testing.assert_array_equal(anp.unique_values(x), [1, 2, 3])
    np.testing.assert_array_equal(gradients(lambda x: anp.unique_values(x), x)[0], [3, 1, 0, 2])
    for got, expected in zip(gradients(anp.union1d, x, y), ([3, 1, 0, 2], [0, 4]), strict=True):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip(gradients(anp.setxor1d, x, y), ([2, 1, 0, 0], [0, 3]), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(gradients(lambda x: anp.setdiff1d(x, y), x)[0], [2, 1, 0, 0])
    np.testing.assert_array_equal(gradients(lambda x: anp.intersect1d(x, y), x)[0], [0, 0, 0, 1])
    np.testing.assert_array_equal(gradients(lambda x: anp.trim_zeros(x), np.array([0.0, 2, 3, 0]))[0], [0, 1, 2, 0])
    with pytest.raises(TypeError, match="unique_places: results would differ in shape"):
        autograd.vmap(anp.unique)(A)


def test_counts_are_differentiable_in_their_weights():
    places = np.array([0, 2, 2, 5])
    np.testing.assert_array_equal(jacobian(lambda w: anp.bincount(places, w))(W), np.eye(6)[places].T)
    check_grads(lambda w: anp.histogram(V, 3, weights=w, density=True)[0], (W,))
    check_grads(lambda x: anp.histogram_bin_edges(x, 3), (A,))
    assert anp.bincount(places, W.astype("float32")).dtype == "float32"


def test_functions_of_dtypes_take_traced_values():
    dtypes = []

    def differentiated(x):
        dtypes.extend([anp.result_type(x, 1.0), anp.common_type(x), anp.min_scalar_type(x)])
        assert anp.can_cast(x.dtype, float) and anp.isrealobj(x) and not anp.iscomplexobj(x)
        return x

    vjp(differentiated, U)
    assert [np.dtype(dtype) for dtype in dtypes] == ["float32"] * 3


def test_floating_point_neighbours():
    assert grad(lambda x: anp.nextafter(x, 2.0))(1.5) == 1
    assert grad(lambda x: anp.spacing(x))(1.5) == 0
    assert grad(lambda x: anp.copysign(x, -1.0))(1.5) == -1
    assert grad(lambda x: anp.heaviside(0.0, x))(0.5) == 1
    mantissa, power = anp.frexp(Array(Z.real))
    np.testing.assert_array_equal(anp.ldexp(mantissa, power), Z.real)
    check_grads(lambda x: anp.frexp(x)[0], (A,))


def test_axes_in_an_array():
    x = np.arange(24.0).reshape(2, 3, 4)
    there = np.arange(2)
    np.testing.assert_array_equal(anp.moveaxis(Array(x), there, there[::-1]), np.moveaxis(x, there, there[::-1]))
    np.testing.assert_array_equal(anp.flip(Array(x), there), np.flip(x, (0, 1)))
