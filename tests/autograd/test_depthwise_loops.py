"""Depthwise convolution in compiled loops, beside NumPy's columns and products."""

import numpy as np
import pytest

from autograd.kernels import compiled, depthwise_loops
from autograd.kernels.convolution import convolution, convolution_input, convolution_kernel, output_shape

pytest.importorskip("numba")
# x.shape, w.shape, strides, padding, dilation
CASES = {
    "3x3": ((2, 4, 5, 6), (4, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "one element": ((2, 3, 4, 5), (3, 1, 1, 1), (1, 1), ((1, 0), (0, 1)), (1, 1)),
    "strided, two per channel": ((2, 3, 6, 5), (6, 1, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    "strided in one axis": ((2, 3, 8, 7), (3, 1, 3, 2), (1, 3), ((0, 1), (1, 1)), (2, 1)),
    "strided in the other, two per channel": ((2, 2, 8, 7), (4, 1, 2, 3), (3, 1), ((2, 1), (0, 1)), (1, 2)),
    "strides that leave out inputs": ((1, 2, 9, 10), (2, 1, 2, 2), (4, 3), ((0, 0), (1, 0)), (1, 1)),
    "1-d, dilated": ((2, 3, 30), (6, 1, 17), (1,), ((8, 9),), (2,)),
    "1-d, strided": ((3, 2, 11), (2, 1, 3), (2,), ((1, 1),), (1,)),
    "cropped": ((1, 2, 9, 8), (2, 1, 5, 4), (2, 1), ((3, -1), (-1, 2)), (2, 1)),
    "cropped by more than the kernel": ((1, 2, 9, 9), (2, 1, 2, 2), (1, 1), ((-4, -1), (-1, -4)), (1, 1)),
    "padded by more than the kernel": ((1, 2, 2, 3), (4, 1, 2, 2), (2, 1), ((4, 3), (3, 5)), (1, 1)),
    "planes of several spans": ((2, 2, 70, 61), (2, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture
def both(monkeypatch):
    """Results of loops, and of NumPy."""
    monkeypatch.setattr(compiled, "LEAST", 1)

    def run(*arguments):
        found = all_three(*arguments)
        with monkeypatch.context() as patched:
            patched.setattr(depthwise_loops, "suits", lambda *_: False)
            return list(zip(found, all_three(*arguments), strict=True))

    return run


def arrays(case, dtype):
    x_shape, w_shape, strides, padding, dilation = case
    out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    generator = np.random.default_rng(0)
    return [generator.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, (x_shape[0], w_shape[0], *out))]


def all_three(x, w, g, case):
    options = dict(zip(("strides", "padding", "dilation"), case[2:], strict=True), groups=x.shape[1])
    return (
        convolution(np, x, w, **options),
        convolution_input(np, g, w, shape=x.shape, **options),
        convolution_kernel(np, x, g, shape=w.shape, **options),
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@every_case
def test_values(case, dtype, both):
    digits = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    for found, expected in both(*arrays(case, dtype), case):
        assert found.dtype == dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=digits, atol=4 * digits * np.abs(expected).max())


@every_case
def test_loops_are_used(case, monkeypatch):
    monkeypatch.setattr(compiled, "LEAST", 1)
    used = []
    for name in ("forward", "to_input", "to_kernel"):
        function = getattr(depthwise_loops, name)
        monkeypatch.setattr(depthwise_loops, name, lambda *a, f=function: used.append(f(*a)) or used[-1])
    all_three(*arrays(case, "float32"), case)
    assert len(used) == 3 and all(y is not None for y in used)


def test_by_hand(monkeypatch):
    monkeypatch.setattr(compiled, "LEAST", 1)
    x = np.stack([np.eye(3), np.ones((3, 3))])[None].astype("float32")
    w = np.array([[1, 2], [10, 20]], "float32").reshape(2, 1, 1, 2)
    options = {"strides": (1, 1), "padding": ((0, 0), (0, 1)), "dilation": (1, 1), "groups": 2}
    y = convolution(np, x, w, **options)
    np.testing.assert_array_equal(y[0, 0], [[1, 0, 0], [2, 1, 0], [0, 2, 1]])
    np.testing.assert_array_equal(y[0, 1], [[30, 30, 10]] * 3)
    to_w = convolution_kernel(np, x, np.ones_like(x), shape=w.shape, **options)
    np.testing.assert_array_equal(to_w.reshape(2, 2), [[3, 2], [9, 6]])
    to_x = convolution_input(np, np.ones_like(x), w, shape=x.shape, **options)
    np.testing.assert_array_equal(to_x[0], [[[1, 3, 3]] * 3, [[10, 30, 30]] * 3])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", ["3x3", "strided, two per channel"])
def test_what_is_not_finite_does_not_spread(name, which, value, both):
    given = arrays(CASES[name], "float32")
    given[which][0, 0, 0, 0] = value
    with np.errstate(invalid="ignore"):
        for found, expected in both(*given, CASES[name]):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_arrays_with_gaps(both):
    case = CASES["strided, two per channel"]
    given = [np.repeat(a, 2, -1)[..., ::2] for a in arrays(case, "float32")]
    for found, expected in both(*given, case):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_results_do_not_depend_on_threads(monkeypatch):
    case = CASES["planes of several spans"]
    monkeypatch.setattr(compiled, "PART", 5000)
    results = []
    for number in (1, 3):
        monkeypatch.setattr(compiled, "threads", lambda number=number: number)
        results.append(all_three(*arrays(case, "float32"), case))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_images_and_small_arrays_are_left_to_numpy():
    options = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 64}
    w = np.ones((64, 1, 9, 9), np.float32)
    y = convolution(np, np.empty((0, 64, 9, 9), np.float32), w, **options)
    assert y.shape == (0, 64, 3, 3)
    plan_of_small = CASES["3x3"]
    x, w, _ = arrays(plan_of_small, "float32")
    assert all_three(*arrays(plan_of_small, "float32"), plan_of_small)[0].shape == x.shape
