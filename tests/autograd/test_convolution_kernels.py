import functools
import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd.kernels import compiled, depthwise, products
from autograd.kernels import im2col as columns
from autograd.kernels.convolution import (
    convolution,
    convolution_input,
    convolution_kernel,
    output_shape,
    same_padding,
)

# x.shape, w.shape, strides, padding, dilation, groups
CASES = {
    "1-d": ((2, 3, 7), (4, 3, 3), (1,), ((1, 1),), (1,), 1),
    "1-d strided, asymmetric, dilated": ((2, 2, 9), (3, 2, 2), (3,), ((0, 4),), (3,), 1),
    "1-d in groups": ((2, 6, 5), (4, 3, 2), (1,), ((1, 0),), (1,), 2),
    "2-d": ((2, 3, 5, 6), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "2-d of many channels": ((3, 9, 4, 5), (5, 9, 3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1),
    "2-d of many channels, dilated": ((3, 8, 6, 5), (2, 8, 3, 2), (1, 1), ((3, 0), (0, 1)), (2, 3), 1),
    "2-d strided in one axis": ((2, 8, 6, 5), (2, 8, 3, 2), (1, 2), ((1, 2), (0, 1)), (1, 1), 1),
    "2-d strided": ((2, 3, 8, 7), (4, 3, 3, 3), (2, 3), ((0, 1), (1, 1)), (1, 1), 1),
    "2-d asymmetric, dilated": ((2, 2, 6, 7), (3, 2, 3, 2), (2, 1), ((0, 3), (2, 0)), (1, 4), 1),
    "2-d cropped": ((2, 2, 7, 8), (3, 2, 2, 3), (1, 2), ((-2, 1), (3, -3)), (1, 1), 1),
    "2-d cropped by more than the kernel": ((1, 1, 9, 9), (1, 1, 2, 2), (1, 1), ((-4, -1), (-1, -4)), (1, 1), 1),
    "2-d padded by more than the kernel": ((1, 2, 2, 3), (2, 2, 2, 2), (1, 1), ((4, 3), (3, 5)), (1, 1), 1),
    "2-d in groups": ((2, 6, 5, 4), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "2-d in groups, strided": ((2, 6, 5, 4), (9, 2, 2, 3), (2, 1), ((1, 0), (0, 1)), (1, 1), 3),
    "depthwise": ((2, 4, 5, 6), (4, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 4),
    "depthwise, strided, two per channel": ((2, 3, 6, 5), (6, 1, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 3),
    "depthwise, 1-d, dilated": ((2, 3, 30), (6, 1, 17), (1,), ((8, 9),), (2,), 3),
    "depthwise, 3-d": ((2, 2, 4, 5, 3), (4, 1, 3, 3, 3), (1, 2, 1), ((1, 1), (0, 2), (1, 1)), (1, 1, 1), 2),
    "depthwise, large and cropped": ((1, 2, 9, 8), (2, 1, 5, 4), (2, 1), ((3, -1), (-1, 2)), (2, 1), 2),
    "depthwise 1x1": ((2, 3, 3, 2), (6, 1, 1, 1), (1, 1), ((0, 1), (1, 0)), (1, 1), 3),
    "no images, depthwise": ((0, 3, 3, 2), (6, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 3),
    "1x1": ((3, 4, 5, 6), (2, 4, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1 in groups": ((3, 4, 3, 2), (6, 2, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    "1x1 padded, to many channels": ((2, 2, 3, 3), (7, 2, 1, 1), (1, 1), ((1, 0), (0, 2)), (1, 1), 1),
    "1x1 strided": ((2, 3, 5, 5), (4, 3, 1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1 strided in groups, cropped": ((2, 4, 7, 6), (6, 2, 1, 1), (2, 3), ((-1, 0), (-1, -2)), (1, 1), 2),
    "1x1 of small images and many channels": ((3, 9, 1, 2), (8, 9, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "1x1 of small images in groups": ((2, 18, 1), (16, 9, 1), (1,), ((0, 0),), (1,), 2),
    "3-d": ((2, 2, 3, 4, 5), (3, 2, 2, 3, 2), (1, 1, 1), ((1, 0), (1, 1), (0, 1)), (1, 1, 1), 1),
    "3-d strided, dilated, in groups": ((1, 4, 4, 5, 4), (2, 2, 2, 2, 2), (2, 1, 2), ((1, 1),) * 3, (1, 2, 1), 2),
    "no images": ((0, 3, 5, 5), (4, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "no images, 1x1": ((0, 3, 5, 5), (4, 3, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def terms(case):
    """The definition: every (index of y, of x, of w) whose elements meet, with all images at once."""
    x_shape, w_shape, strides, padding, dilation, groups = case
    out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    for o, c, i, k in itertools.product(range(w_shape[0]), range(w_shape[1]), np.ndindex(out), np.ndindex(w_shape[2:])):
        place = tuple(a * s + b * d - lo for a, s, b, d, (lo, _) in zip(i, strides, k, dilation, padding, strict=True))
        if all(0 <= p < n for p, n in zip(place, x_shape[2:], strict=True)):
            channel = o // (w_shape[0] // groups) * w_shape[1] + c
            yield (slice(None), o, *i), (slice(None), channel, *place), (o, c, *k)


@functools.cache
def example(case):
    """x, w, g in float64 and, by the definition, y and the gradients of sum(g * y) with respect to x and w."""
    x_shape, w_shape, strides, padding, dilation, _ = case
    rng = np.random.default_rng(0)
    out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    x, w = rng.normal(size=x_shape), rng.normal(size=w_shape)
    g = rng.normal(size=(x_shape[0], w_shape[0], *out))
    y, x_gradient, w_gradient = np.zeros_like(g), np.zeros_like(x), np.zeros_like(w)
    for at_y, at_x, at_w in terms(case):
        y[at_y] += w[at_w] * x[at_x]
        x_gradient[at_x] += w[at_w] * g[at_y]
        w_gradient[at_w] += g[at_y] @ x[at_x]
    return x, w, g, y, x_gradient, w_gradient


def parameters(case):
    return dict(zip(("strides", "padding", "dilation", "groups"), case[2:], strict=True))


def host(array):
    return array if isinstance(array, np.ndarray) else array.get()


def compute(xp, case, dtype=np.float64):
    return of_arrays(xp, case, *(array.astype(dtype) for array in example(case)[:3]))


def of_arrays(xp, case, *arrays):
    x, w, g = map(xp.asarray, arrays)
    params = parameters(case)
    return (
        convolution(xp, x, w, **params),
        convolution_input(xp, g, w, shape=case[0], **params),
        convolution_kernel(xp, x, g, shape=case[1], **params),
    )


@every_case
def test_convolution_and_its_transposes_are_their_definitions(xp, case):
    for got, expected in zip(compute(xp, case), example(case)[3:], strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("workspace", [1, 300, 2000])
@every_case
def test_blocks_of_images_and_rows_do_not_change_the_result(xp, case, workspace, monkeypatch):
    monkeypatch.setattr(columns, "HOST_WORKSPACE", workspace)
    monkeypatch.setattr(columns, "DEVICE_WORKSPACE", workspace)
    for got, expected in zip(compute(xp, case), example(case)[3:], strict=True):
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if "depthwise" in name])
def test_shares_of_a_depthwise_sum_do_not_change_the_result(xp, name, monkeypatch):
    monkeypatch.setattr(depthwise, "SHARE", 2)
    for got, expected in zip(compute(xp, CASES[name]), example(CASES[name])[3:], strict=True):
        np.testing.assert_allclose(host(got), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(
    "name", ["2-d of many channels", "2-d in groups, strided", "depthwise", "depthwise, 3-d", "1x1"]
)
def test_dtype_is_kept(xp, name, dtype):
    case = CASES[name]
    tolerance = 60 * np.finfo(dtype).eps
    for got, expected in zip(compute(xp, case, dtype), example(case)[3:], strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(host(got), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["2-d", "depthwise", "1x1", "1x1 in groups"])
def test_gradients_of_integers_are_exact(xp, name):
    """Also beyond 2**53, where float64 is not."""
    case, many = CASES[name], 2**54 + 1
    x, w, g = (np.ones(array.shape, "int64") for array in example(case)[:3])
    _, _, counts = of_arrays(xp, case, x, w, g)
    _, _, found = of_arrays(xp, case, x, w, many * g)
    np.testing.assert_array_equal(host(found), many * host(counts))


def test_complex_arrays_are_not_conjugated(xp):
    x, w = xp.asarray([[[1j, 2.0]]]), xp.asarray([[[1j, 1j]]])
    params = {"strides": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    assert host(convolution(xp, x, w, **params)).tolist() == [[[-1 + 2j]]]
    g = xp.asarray([[[1j]]])
    assert host(convolution_input(xp, g, w, shape=x.shape, **params)).tolist() == [[[-1, -1]]]
    assert host(convolution_kernel(xp, x, g, shape=w.shape, **params)).tolist() == [[[-1, 2j]]]


def test_float16_is_summed_in_float32(xp):
    """3000 ones: a sum in float16 stops at 2048, where 1 is half a unit in the last place."""
    params = {"strides": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
    x, w = xp.ones((1, 1500, 2), xp.float16), xp.ones((1, 1500, 2), xp.float16)
    assert host(convolution(xp, x, w, **params)).item() == 3000
    g, w = xp.ones((1, 3000, 4), xp.float16), xp.ones((3000, 1, 1), xp.float16)
    assert host(convolution_input(xp, g, w, shape=(1, 1, 4), **params)).tolist() == [[[3000] * 4]]
    x, g = xp.ones((3000, 1, 1), xp.float16), xp.ones((3000, 1, 1), xp.float16)
    assert host(convolution_kernel(xp, x, g, shape=(1, 1, 1), **params)).item() == 3000


@pytest.mark.parametrize("name", ["2-d in groups, strided", "depthwise", "1x1 in groups"])
def test_bfloat16_is_computed_in_float32(xp, name):
    """On a GPU the columns between a product and their sum are bfloat16."""
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    case = CASES[name]
    arrays = [array.astype(dtype) for array in example(case)[:3]]
    wide = [array.astype(np.float64) for array in arrays]
    for got, expected in zip(of_arrays(xp, case, *arrays), of_arrays(np, case, *wide), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(host(got).astype(np.float64), expected, rtol=2**-8, atol=0 if xp is np else 2**-5)


def test_a_kernel_of_one_element_needs_no_copy_of_the_images():
    """The workspace of a step is the results and, for w, a product of each image."""
    params = {"strides": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    x, w, g = (np.ones(shape, np.float32) for shape in ((8, 16, 64, 64), (40, 16, 1, 1), (8, 40, 64, 64)))
    for function, args, shape in (
        (convolution, (x, w), {}),
        (convolution_input, (g, w), {"shape": x.shape}),
        (convolution_kernel, (x, g), {"shape": w.shape}),
    ):
        tracemalloc.start()
        y = function(np, *args, **shape, **params)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < y.nbytes + 8 * w.nbytes + 20_000


@pytest.mark.parametrize("name", ["2-d of many channels", "1x1", "1x1 strided in groups, cropped", "depthwise"])
def test_arrays_need_not_be_contiguous(xp, name):
    case = CASES[name]
    x, w, g, *expected = example(case)
    x, w, g = (xp.asarray(np.ascontiguousarray(array.T)).T for array in (x, w, g))
    params = parameters(case)
    results = (
        convolution(xp, x, w, **params),
        convolution_input(xp, g, w, shape=x.shape, **params),
        convolution_kernel(xp, x, g, shape=w.shape, **params),
    )
    for got, array in zip(results, expected, strict=True):
        np.testing.assert_allclose(host(got), array, rtol=0, atol=1e-12)


@st.composite
def cases(draw):
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    each = functools.partial(st.tuples, *[st.integers(1, 3)] * rank)
    sizes = draw(st.tuples(*[st.integers(1, 6)] * rank))
    padding = draw(st.tuples(*[st.tuples(st.integers(-2, 3), st.integers(-2, 3))] * rank))
    images, per_group, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * rank))
    return (
        (images, groups * per_group, *sizes),
        (groups * filters, per_group, *kernel),
        draw(each()),
        padding,
        draw(each()),
        groups,
    )


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_each_function_has_the_other_two_as_its_transposes(case, seed):
    """All three are one trilinear form of (x, w, g), in integers, where no rounding hides a difference."""
    x_shape, w_shape, strides, padding, dilation, _ = case
    try:
        out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    except ValueError:
        assume(False)
    rng, params = np.random.default_rng(seed), parameters(case)
    shapes = (x_shape, w_shape, (x_shape[0], w_shape[0], *out))
    x, w, g = (rng.integers(-9, 10, shape).astype(np.float64) for shape in shapes)
    form = np.sum(g * convolution(np, x, w, **params))
    assert np.sum(x * convolution_input(np, g, w, shape=x_shape, **params)) == form
    assert np.sum(w * convolution_kernel(np, x, g, shape=w_shape, **params)) == form


@settings(max_examples=10)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_libraries_agree(xp, case, seed):
    x_shape, w_shape, strides, padding, dilation, _ = case
    case = x_shape, w_shape, strides[:1] * len(strides), padding, dilation[:1] * len(strides), case[-1]
    try:
        expected = example(case)
    except ValueError:
        assume(False)
    for got, array in zip(compute(xp, case), expected[3:], strict=True):
        np.testing.assert_allclose(host(got), array, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), list(itertools.product((1, 2, 3), (1, 2, 5), (1, 2))))
def test_output_shape_counts_the_windows(kernel, stride, dilation):
    params = {"strides": (stride,), "dilation": (dilation,)}
    for size, (lo, hi) in itertools.product(range(1, 12), ((0, 0), (2, 1), (-1, 3))):
        starts = range(-lo, size + hi - (kernel - 1) * dilation, stride)
        if len(starts):
            assert output_shape((size,), (kernel,), padding=((lo, hi),), **params) == (len(starts),)
    for size in range(1, 12):
        ((lo, hi),) = same_padding((size,), (kernel,), (stride,), (dilation,))
        assert output_shape((size,), (kernel,), padding=((lo, hi),), **params) == (math.ceil(size / stride),)
        assert hi - lo in {0, 1} and lo >= 0


def test_same_padding_is_that_of_xla():
    """Keeps the odd element of padding behind, and needs none where the stride leaves the kernel whole."""
    assert same_padding((28, 28), (3, 3), (1, 1)) == ((1, 1), (1, 1))
    assert same_padding((28, 7), (2, 4), (1, 2)) == ((0, 1), (1, 2))
    assert same_padding((224,), (7,), (2,)) == ((2, 3),)
    assert same_padding((8,), (2,), (2,)) == ((0, 0),)
    assert same_padding((8,), (1,), (3,)) == ((0, 0),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": (2, 4)}, r"expected x of shape \(N, C, \*spatial\) .* got \(2, 4\) and \(6, 2, 3, 3\)"),
        ({"x": (2, 4, 5)}, r"as many spatial dimensions, at least one, got \(2, 4, 5\) and \(6, 2, 3, 3\)"),
        ({"x": (2, 6, 5, 5)}, r"expected x of shape \(N, 4, \*spatial\) .* got \(2, 6, 5, 5\). Are the channels"),
        ({"groups": 3}, "expected a number of groups that divides the 4 channels of x and the 6 channels of y, got 3"),
        ({"groups": 0}, "expected a number of groups .* got 0"),
        (
            {"w": (6, 2, 8, 3)},
            r"expected windows that fit into the padded input, got spatial shape \(5, 5\) with kernel",
        ),
        ({"strides": (1,)}, r"expected strides for 2 spatial dimensions, got \(1,\)"),
        ({"strides": (1, 0)}, r"expected strides of at least 1, got \(1, 0\)"),
        ({"dilation": (0, 1)}, r"expected dilation of at least 1, got \(0, 1\)"),
        ({"padding": ((1, 1),)}, "expected padding for 2 spatial dimensions"),
    ],
)
def test_errors_name_what_was_expected_and_got(xp, change, message):
    given_ = {
        "x": (2, 4, 5, 5),
        "w": (6, 2, 3, 3),
        "strides": (1, 1),
        "padding": ((1, 1), (1, 1)),
        "dilation": (1, 1),
        "groups": 2,
        **change,
    }
    x, w, g = xp.zeros(given_.pop("x")), xp.zeros(given_.pop("w")), xp.zeros((2, 6, 5, 5))
    with pytest.raises(ValueError, match=message):
        convolution(xp, x, w, **given_)
    with pytest.raises(ValueError, match=message):
        convolution_input(xp, g, w, shape=x.shape, **given_)
    with pytest.raises(ValueError, match=message):
        convolution_kernel(xp, x, g, shape=w.shape, **given_)


def test_transposes_refuse_a_g_that_is_not_of_the_output_shape(xp):
    case = CASES["2-d"]
    x, w = xp.zeros(case[0]), xp.zeros(case[1])
    message = r"expected g of shape \(2, 4, 5, 6\) for x of shape .* got \(2, 4, 6, 5\)"
    with pytest.raises(ValueError, match=f"convolution_input: {message}"):
        convolution_input(xp, xp.zeros((2, 4, 6, 5)), w, shape=x.shape, **parameters(case))
    with pytest.raises(ValueError, match=f"convolution_kernel: {message}"):
        convolution_kernel(xp, x, xp.zeros((2, 4, 6, 5)), shape=w.shape, **parameters(case))


def test_planes_beyond_32_bits_are_refused():
    with pytest.raises(ValueError, match=r"fewer than 2\*\*31 elements"):
        output_shape((2**16, 2**16), (1, 1), strides=(1, 1), padding=((0, 0), (0, 0)))


@pytest.mark.parametrize("name", ["2-d strided", "2-d", "2-d of many channels", "3-d", "1x1", "2-d in groups, strided"])
def test_results_do_not_depend_on_threads(name, monkeypatch):
    x_shape, w_shape, strides, padding, dilation, groups = CASES[name]
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, *x_shape[1:])).astype("float32")
    w = rng.standard_normal(w_shape).astype("float32")
    out = output_shape(x_shape[2:], w_shape[2:], strides=strides, padding=padding, dilation=dilation)
    g = rng.standard_normal((7, w_shape[0], *out)).astype("float32")
    monkeypatch.setattr(columns, "HOST_WORKSPACE", 2000)
    monkeypatch.setattr(products, "WORK", 1)
    results = []
    for number in (1, 3):
        monkeypatch.setattr(compiled, "threads", lambda number=number: number)
        results.append(
            [
                convolution(np, x, w, **options),
                convolution_input(np, g, w, shape=x.shape, **options),
                convolution_kernel(np, x, g, shape=w.shape, **options),
            ]
        )
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
