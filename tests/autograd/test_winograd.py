"""Convolution with kernels of 3 x 3 by fewer multiplications, beside the general way in float64."""

import os

import numpy as np
import pytest

from autograd.kernels import blas, compiled, winograd
from autograd.kernels.convolution import convolution, convolution_input, convolution_kernel

pytest.importorskip("numba")
NO_PADDING, SAME = ((0, 0), (0, 0)), ((1, 1), (1, 1))
# images, channels of x and y, spatial shape of x, padding
CASES = {
    "even": (3, 16, 20, (8, 6), SAME),
    "odd": (2, 17, 16, (7, 9), SAME),
    "no padding": (2, 16, 16, (9, 8), NO_PADDING),
    "asymmetric": (2, 16, 18, (5, 6), ((0, 2), (3, 1))),
    "cropped": (2, 16, 16, (12, 11), ((-2, 1), (1, -3))),
    "padded by more than the kernel": (1, 16, 16, (2, 3), ((4, 3), (3, 5))),
    "rows in several blocks": (1, 16, 16, (40, 70), SAME),
    "images in several blocks": (150, 16, 16, (4, 4), SAME),
    "many channels": (2, 300, 520, (2, 4), SAME),
}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(compiled, "LEAST", 1)
    monkeypatch.setattr(winograd, "LEAST", 1)


@pytest.fixture
def used(monkeypatch):
    """The names of the functions that gave a result."""
    names = []

    def noting(name, function):
        def call(*arguments):
            found = function(*arguments)
            if found is not None:
                names.append(name)
            return found

        return call

    for name in ("forward", "to_input", "to_kernel"):
        monkeypatch.setattr(winograd, name, noting(name, getattr(winograd, name)))
    return names


def arrays(images, inputs, outputs, spatial, padding, dtype="float32"):
    generator = np.random.default_rng(0)
    out = [n + sum(pair) - 2 for n, pair in zip(spatial, padding, strict=True)]
    shapes = (images, inputs, *spatial), (outputs, inputs, 3, 3), (images, outputs, *out)
    return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def all_three(x, w, g, padding):
    options = {"strides": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    return (
        convolution(np, x, w, **options),
        convolution_input(np, g, w, shape=x.shape, **options),
        convolution_kernel(np, x, g, shape=w.shape, **options),
    )


def close(found, expected, digits):
    np.testing.assert_allclose(found, expected, rtol=digits, atol=digits * np.abs(expected).max())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values(case, used):
    given = arrays(*case)
    found = all_three(*given, case[-1])
    assert used == ["forward", "to_input", "to_kernel"]
    expected = all_three(*(a.astype("float64") for a in given), case[-1])
    assert len(used) == 3
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        close(a, b, 2e-6)


def test_whole_numbers_by_hand(used):
    """Sums of whole numbers, halves and quarters are exact: windows of ones of an image of ones count its elements."""
    x, w = np.ones((1, 16, 4, 4), np.float32), np.ones((16, 16, 3, 3), np.float32)
    g = np.ones((1, 16, 4, 4), np.float32)
    counts = np.outer([2, 3, 3, 2], [2, 3, 3, 2]) * 16
    y, to_x, to_w = all_three(x, w, g, SAME)
    np.testing.assert_array_equal(y, np.broadcast_to(counts, y.shape))
    np.testing.assert_array_equal(to_x, np.broadcast_to(counts, y.shape))
    np.testing.assert_array_equal(to_w, np.broadcast_to(np.outer([3, 4, 3], [3, 4, 3]), w.shape))
    assert len(used) == 3


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_errors_are_those_of_the_general_way(dtype, monkeypatch):
    given = arrays(4, 64, 64, (16, 16), SAME, dtype)
    expected = all_three(*(a.astype("float64") for a in given), SAME)
    fast = all_three(*given, SAME)
    monkeypatch.setattr(winograd, "FEWEST", 1000)
    for a, b, c in zip(fast, all_three(*given, SAME), expected, strict=True):
        assert a.dtype == b.dtype == dtype
        assert np.square(a - c).mean() <= 2.5**2 * np.square(b - c).mean()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_finite_does_not_spread(which, value, monkeypatch):
    given = arrays(2, 16, 16, (6, 7), SAME)
    given[which][1, 3, 1, 1] = value
    with np.errstate(all="ignore"):
        fast = all_three(*given, SAME)
        monkeypatch.setattr(winograd, "FEWEST", 1000)
        for a, b in zip(fast, all_three(*given, SAME), strict=True):
            np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_an_infinite_input_gives_no_warning():
    x, w, g = arrays(2, 16, 16, (6, 7), SAME)
    x[0, 0, 2, 2] = np.inf
    y, _, _ = all_three(x, abs(w), np.ones_like(g), SAME)
    expected = np.zeros(y.shape[2:], bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(np.isinf(y[0]), np.broadcast_to(expected, y[0].shape))


def test_arrays_with_gaps(used):
    x, w, g = arrays(3, 16, 20, (8, 6), SAME)
    gaps = [np.repeat(a, 2, -1)[..., ::2] for a in (x, w, g)]
    gaps[1], gaps[2] = np.ascontiguousarray(w.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1), np.asfortranarray(g)
    for a, b in zip(all_three(*gaps, SAME), all_three(x, w, g, SAME), strict=True):
        close(a, b, 1e-6)
    assert len(used) == 6


def test_results_do_not_depend_on_threads(monkeypatch):
    given = arrays(40, 16, 24, (9, 10), SAME)
    results = []
    for number in (1, 3):
        monkeypatch.setattr(compiled, "threads", lambda number=number: number)
        results.append(all_three(*given, SAME))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "what", ["no images", "few channels", "one row", "wide rows", "strided", "float64", "unwanted"]
)
def test_what_is_left_to_the_general_way(what, used, monkeypatch):
    channels, images = 4 if what == "few channels" else 16, 0 if what == "no images" else 2
    x, w, _ = arrays(images, channels, 16, (3 if what == "one row" else 6, 6), SAME)
    if what == "unwanted":
        monkeypatch.setattr(winograd, "is_wanted", lambda: False)
    if what == "wide rows":
        monkeypatch.setattr(winograd, "WIDEST", 5)
    if what == "float64":
        x = x.astype(what)
    strides, padding = (2, 2) if what == "strided" else (1, 1), NO_PADDING if what == "one row" else SAME
    y = convolution(np, x, w, strides=strides, padding=padding, dilation=(1, 1), groups=1)
    assert len(y) == images and not used


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("1", True), ("0", False)])
def test_the_switch(value, wanted, monkeypatch):
    monkeypatch.delenv("CUOBJAX_WINOGRAD", raising=False)
    if value is not None:
        monkeypatch.setitem(os.environ, "CUOBJAX_WINOGRAD", value)
    assert winograd.is_wanted.__wrapped__() is wanted


def test_products_take_one_thread_and_the_usual_number_afterwards(monkeypatch):
    number, seen = [4], []
    monkeypatch.setattr(blas, "_library", lambda: (lambda: number[0], lambda n: number.__setitem__(0, n)))
    with blas.one_thread():
        with pytest.raises(ZeroDivisionError):
            blas.in_threads(lambda i: number[0] / i, 2)
        blas.in_threads(lambda i: seen.append(number[0]), 3)
        assert number == [1]
    assert number == [4] and seen == [1, 1, 1]


def test_without_openblas_products_take_their_own_threads(monkeypatch):
    monkeypatch.setattr(blas, "_library", lambda: None)
    seen = []
    blas.in_threads(seen.append, 3)
    assert seen == [0, 1, 2]
    with blas.one_thread() as alone:
        assert not alone


@pytest.mark.parametrize("library", [None, object()])
def test_where_numpy_has_another_library_than_openblas(library, monkeypatch):
    monkeypatch.setattr(blas, "_loaded", lambda: library)
    assert blas._library.__wrapped__() is None
    assert blas.gemm_of.__wrapped__(np.dtype("float32")) is None


def test_where_numpys_library_cannot_be_loaded(monkeypatch):
    def refuse(path):
        raise OSError

    monkeypatch.setattr(blas.ctypes, "CDLL", refuse)
    assert blas._loaded.__wrapped__() is None


def test_a_forked_process_has_the_usual_number(monkeypatch):
    number = [4]
    monkeypatch.setattr(blas, "_library", lambda: (lambda: number[0], lambda n: number.__setitem__(0, n)))
    monkeypatch.setattr(blas, "_users", 0)
    with blas.one_thread():
        assert number == [1]
        blas._forget_users()
        assert number == [4] and blas._users == 0
        number[0] = 3  # set by somebody else
        blas._forget_users()
        assert number == [3]
        monkeypatch.setattr(blas, "_users", 1)
