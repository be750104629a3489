import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd.kernels.pooling import max_pool_indices, window_gather, window_scatter, window_spread, window_sum
from autograd.kernels.windows import output_shape

# x.shape, size, strides, padding
CASES = {
    "1-d": ((2, 3, 7), (2,), (2,), ((0, 0),)),
    "1-d overlapping, asymmetric": ((2, 3, 7), (4,), (2,), ((3, 2),)),
    "1-d with gaps": ((2, 3, 9), (2,), (3,), ((1, 1),)),
    "1-d global": ((2, 3, 7), (7,), (1,), ((0, 0),)),
    "1-d of one element": ((2, 3, 7), (1,), (1,), ((0, 0),)),
    "2-d": ((2, 3, 6, 8), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "2-d with a rest": ((2, 3, 7, 5), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "2-d overlapping": ((2, 2, 5, 6), (3, 3), (2, 2), ((1, 1), (1, 1))),
    "2-d dense, asymmetric": ((2, 2, 5, 4), (3, 2), (1, 1), ((0, 2), (1, 0))),
    "2-d uneven": ((2, 2, 5, 9), (1, 3), (2, 4), ((0, 0), (2, 1))),
    "2-d cropped": ((2, 2, 7, 8), (2, 3), (1, 2), ((-2, 1), (2, -3))),
    "2-d global": ((2, 3, 4, 5), (4, 5), (1, 1), ((0, 0), (0, 0))),
    "2-d one window, padded and cropped": ((2, 3, 4, 5), (5, 3), (1, 1), ((1, 0), (-1, -1))),
    "3-d": ((1, 2, 4, 3, 5), (2, 3, 2), (2, 1, 2), ((0, 0), (1, 1), (1, 0))),
    "3-d global": ((2, 2, 2, 3, 2), (2, 3, 2), (1, 1, 1), ((0, 0),) * 3),
    "more than 255 elements": ((1, 2, 19, 17), (18, 16), (1, 1), ((0, 0), (0, 0))),
    "no images": ((0, 3, 6, 6), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "no images, global": ((0, 3, 2, 2), (2, 2), (2, 2), ((0, 0), (0, 0))),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def parameters(case):
    return dict(zip(("size", "strides", "padding"), case[1:], strict=True))


def outputs(case):
    return (*case[0][:2], *output_shape(case[0][2:], case[1], strides=case[2], padding=case[3]))


def windows(case):
    """The definition: every output's index with the indices of the elements in its window, in row-major order."""
    x_shape, size, strides, padding = case
    for i in np.ndindex(outputs(case)[2:]):
        along = (range(a * s - lo, a * s - lo + k) for a, s, k, (lo, _) in zip(i, strides, size, padding, strict=True))
        inside = ([p for p in places if 0 <= p < n] for places, n in zip(along, x_shape[2:], strict=True))
        yield i, list(itertools.product(*inside))


def expected_sum(x, case):
    y = np.zeros(outputs(case), x.dtype)
    for i, places in windows(case):
        for place in places:
            y[:, :, *i] += x[:, :, *place]
    return y


def expected_spread(g, case):
    x = np.zeros(case[0], g.dtype)
    for i, places in windows(case):
        for place in places:
            x[:, :, *place] += g[:, :, *i]
    return x


def expected_indices(x, case):
    """PyTorch's rule: an element wins that is greater than the best before it, or NaN."""
    indices = np.empty(outputs(case), np.int64)
    for plane, (i, places) in itertools.product(np.ndindex(x.shape[:2]), windows(case)):
        best = None
        for place in places:
            element = x[*plane, *place]
            if best is None or element > x[*plane, *best] or element != element:
                best = place
        indices[*plane, *i] = np.ravel_multi_index(best, x.shape[2:])
    return indices


def host(array):
    return array if isinstance(array, np.ndarray) else array.get()


def integers(shape, dtype, low=-9, high=10):
    """Small integers: their sums are exact in any order, and they hold ties."""
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int32"])
@every_case
def test_sum_and_spread_are_their_definitions(xp, case, dtype):
    x, g = integers(case[0], dtype), integers(outputs(case), dtype)
    y = window_sum(xp, xp.asarray(x), **parameters(case))
    gradient = window_spread(xp, xp.asarray(g), shape=case[0], **parameters(case))
    assert y.dtype == gradient.dtype == dtype
    np.testing.assert_array_equal(host(y), expected_sum(x, case))
    np.testing.assert_array_equal(host(gradient), expected_spread(g, case))


def test_float16_is_summed_in_float32(xp):
    """3000 ones: a sum in float16 stops at 2048, where 1 is half a unit in the last place."""
    params = {"size": (3000,), "strides": (1,), "padding": ((0, 0),)}
    ones = xp.ones((1, 1, 3001), xp.float16)
    assert host(window_sum(xp, ones, **params)).tolist() == [[[3000, 3000]]]
    assert host(window_sum(xp, ones[..., 1:], **params)).tolist() == [[[3000]]]
    spread = window_spread(xp, xp.ones((1, 1, 3000), xp.float16), shape=(1, 1, 5999), **params)
    assert host(spread)[0, 0, 2999] == 3000
    same = xp.zeros((1, 1, 3000), xp.int32)
    assert host(window_scatter(xp, ones[..., 1:], same, shape=(1, 1, 1))).item() == 3000


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
@every_case
def test_maxima_are_their_definition(xp, case, dtype):
    x = integers(case[0], dtype, low=0 if dtype in {"uint8", "bool"} else -3, high=2 if dtype == "bool" else 4)
    indices = max_pool_indices(xp, xp.asarray(x), **parameters(case))
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(host(indices), expected_indices(x, case))
    maxima = window_gather(xp, xp.asarray(x), indices)
    assert maxima.dtype == dtype
    expected = [x[:, :, *np.transpose(places)].max(axis=2) for _, places in windows(case)]
    np.testing.assert_array_equal(host(maxima), np.stack(expected, axis=2).reshape(outputs(case)))


@pytest.mark.parametrize("value", [-math.inf, math.inf, math.nan])
@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
@every_case
def test_padding_never_wins_and_nan_always_does(xp, case, share, value):
    x = integers(case[0], "float32", low=-3, high=0)
    x[np.random.default_rng(1).random(x.shape) < share] = value
    indices = max_pool_indices(xp, xp.asarray(x), **parameters(case))
    np.testing.assert_array_equal(host(indices), expected_indices(x, case))


@pytest.mark.parametrize("dtype", ["int16", "uint8"])
def test_the_least_integer_wins_over_padding(xp, dtype):
    x = np.full((1, 1, 3, 3), np.iinfo(dtype).min, dtype)
    indices = max_pool_indices(xp, xp.asarray(x), size=(2, 2), strides=(2, 2), padding=((1, 0), (1, 0)))
    assert host(indices).tolist() == [[[[0, 1], [3, 4]]]]


@pytest.mark.parametrize(
    ("elements", "index"),
    [
        ([math.nan, math.nan, 1.0, 2.0], 1),
        ([1.0, math.nan, math.nan, 3.0], 2),
        ([-math.inf] * 4, 0),
        ([0.0, -0.0, 0.0, -0.0], 0),
        ([-0.0, 0.0, 0.0, 0.0], 0),
        ([2.0, 7.0, 7.0, 1.0], 1),
    ],
)
def test_indices_are_those_that_pytorch_2_13_returns(xp, elements, index):
    for shape in ((4,), (2, 2), (2, 1, 2)):
        x = xp.asarray(elements).reshape(1, 1, *shape)
        params = {"size": shape, "strides": shape, "padding": ((0, 0),) * len(shape)}
        assert host(max_pool_indices(xp, x, **params)).item() == index
        padded = {"size": (4,), "strides": (4,), "padding": ((0, 4),)}
        wider = xp.concatenate([x.reshape(1, 1, 4), xp.zeros((1, 1, 1))], axis=2)
        assert host(max_pool_indices(xp, wider, **padded)).tolist() == [[[index, 4]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@every_case
def test_scatter_is_the_transpose_of_gather(xp, case, dtype):
    indices = expected_indices(integers(case[0], "float64", high=-5), case)
    g, expected = integers(outputs(case), dtype), np.zeros(case[0], dtype)
    flat = expected.reshape(*case[0][:2], math.prod(case[0][2:]))
    for plane in np.ndindex(case[0][:2]):
        for place, element in zip(indices[plane].flat, g[plane].flat, strict=True):
            flat[*plane, place] += element
    for index_dtype, windows_named in itertools.product(("int32", "int64"), ({}, parameters(case))):
        where = xp.asarray(indices.astype(index_dtype))
        got = window_scatter(xp, xp.asarray(g), where, shape=case[0], **windows_named)
        assert got.dtype == dtype
        np.testing.assert_array_equal(host(got), expected)


@st.composite
def cases(draw):
    rank = draw(st.integers(1, 3))
    size = draw(st.tuples(*[st.integers(1, 4)] * rank))
    padding = tuple(draw(st.tuples(st.integers(-2, k - 1), st.integers(-2, k - 1))) for k in size)
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), *[st.integers(1, 7)] * rank))
    return shape, size, draw(st.tuples(*[st.integers(1, 5)] * rank)), padding


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_each_function_is_the_transpose_of_its_partner(case, seed):
    """In integers, where no rounding hides a difference."""
    try:
        shape = outputs(case)
    except ValueError:
        assume(False)
    rng, params = np.random.default_rng(seed), parameters(case)
    x, g = (rng.integers(-9, 10, s).astype(np.float64) for s in (case[0], shape))
    assert np.sum(g * window_sum(np, x, **params)) == np.sum(x * window_spread(np, g, shape=case[0], **params))
    indices = rng.integers(0, math.prod(case[0][2:]), shape)
    assert np.sum(g * window_gather(np, x, indices)) == np.sum(x * window_scatter(np, g, indices, shape=case[0]))


@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_maxima_of_any_windows_are_their_definition(case, seed):
    rng = np.random.default_rng(seed)
    x = rng.choice([-math.inf, -1.0, 0.0, 2.0, math.nan], case[0], p=[0.2, 0.3, 0.2, 0.2, 0.1])
    try:
        indices = max_pool_indices(np, x, **parameters(case))
    except ValueError:
        assume(False)
    np.testing.assert_array_equal(indices, expected_indices(x, case))


def test_arrays_need_not_be_contiguous_and_are_not_aliased(xp):
    case = CASES["2-d overlapping"]
    x = integers(case[0], "float32")
    transposed = xp.asarray(np.ascontiguousarray(x.T)).T
    indices = max_pool_indices(xp, transposed, **parameters(case))
    np.testing.assert_array_equal(host(indices), expected_indices(x, case))
    np.testing.assert_array_equal(host(window_sum(xp, transposed, **parameters(case))), expected_sum(x, case))
    y = window_gather(xp, transposed, indices)
    np.testing.assert_array_equal(host(y), host(window_gather(xp, xp.asarray(x), indices)))
    single = {"size": (1, 1), "strides": (1, 1), "padding": ((0, 0), (0, 0))}
    x = xp.asarray(x)
    assert not xp.shares_memory(window_sum(xp, x, **single), x)
    assert not xp.shares_memory(window_spread(xp, x, shape=x.shape, **single), x)


def test_errors_name_what_was_expected_and_got(xp):
    x, params = xp.zeros((2, 3, 4, 4)), {"size": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
    with pytest.raises(ValueError, match=r"window_sum: expected x of shape \(N, C, \*spatial\), got \(3, 4\)"):
        window_sum(xp, x[0, 0, :3], **params)
    with pytest.raises(ValueError, match=r"expected windows that fit into the padded input, got spatial shape"):
        window_sum(xp, x, **params | {"size": (2, 5)})
    with pytest.raises(ValueError, match=r"expected strides of at least 1, got \(0, 2\)"):
        max_pool_indices(xp, x, **params | {"strides": (0, 2)})
    with pytest.raises(ValueError, match=r"window_spread: expected g of shape \(2, 3, 2, 2\) .* got \(2, 3, 4, 4\)"):
        window_spread(xp, x, shape=x.shape, **params)
    for padding in ((2, 0), (0, 2)):
        with pytest.raises(ValueError, match="max_pool_indices: expected every window to hold an element of x, got"):
            max_pool_indices(xp, x, **params | {"padding": ((0, 0), padding)})
    with pytest.raises(ValueError, match=r"window_gather: expected indices of shape .* got \(2, 1, 2\)"):
        window_gather(xp, x, xp.zeros((2, 1, 2), xp.int32))
    indices = xp.zeros((2, 3, 2, 2), xp.int32)
    with pytest.raises(ValueError, match=r"window_scatter: expected g of the indices' shape \(2, 3, 2, 2\), got"):
        window_scatter(xp, x, indices, shape=x.shape)
    with pytest.raises(ValueError, match=r"window_scatter: expected indices of shape \(N, C, \*out\)"):
        window_scatter(xp, x, indices, shape=(2, 1, 4, 4))
