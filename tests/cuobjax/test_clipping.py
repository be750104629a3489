"""Bounds for gradients."""

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import clip_by_global_norm, clip_by_norm, clip_by_value, global_norm

GRADIENTS = [np.array([[3.0, -4.0]]), np.array([12.0]), np.array(0.0)]


def arrays(dtype="float32"):
    return [jn.array(g, dtype=dtype) for g in GRADIENTS]


def equal(found, expected, rtol=1e-6):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(x, dtype="float64"), y, rtol=rtol)


# PyTorch's clip_grad_norm_ gives these up to the 1e-6 that it adds to the norm.
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_clipped_gradients(dtype):
    g, rtol = arrays(dtype), {"float32": 1e-6, "float64": 1e-12}.get(dtype, 1e-2)
    assert float(global_norm(g)) == 13
    equal(clip_by_global_norm(g, 6.5), [x / 2 for x in GRADIENTS], rtol)
    equal(clip_by_norm(g, 2.5), [GRADIENTS[0] / 2, [2.5], 0], rtol)
    equal(clip_by_value(g, 3.5), [[[3, -3.5]], [3.5], 0], rtol)
    for clip, limit in ((clip_by_global_norm, 13.0), (clip_by_norm, 12.0), (clip_by_value, 12)):
        found = clip(g, limit)
        equal(found, GRADIENTS, 0)  # those that are not too long stay as they are
        assert {x.dtype for x in found} == {jn.dtype(dtype)}


def test_half_precision_is_added_in_float32():
    g = [jn.full((1000,), 300.0, dtype="float16")]
    np.testing.assert_allclose(global_norm(g), 300 * 1000**0.5, rtol=1e-6)
    np.testing.assert_allclose(clip_by_global_norm(g, 1.0)[0], 1000**-0.5, rtol=1e-3)


def test_complex_gradients():
    g = [jn.array([3 + 4j])]
    assert float(global_norm(g)) == 5
    np.testing.assert_allclose(clip_by_norm(g, 1.0)[0], [0.6 + 0.8j], rtol=1e-6)
    with pytest.raises(
        TypeError, match=r"^clip_by_value: expected gradient 0 of real numbers, got complex64\. Take cl"
    ):
        clip_by_value(g, 1.0)


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_by_global_norm])
def test_forms_of_gradients(clip):
    net = objax.nn.Linear(2, 1)
    g = [jn.full((1,), 3.0), jn.full((2, 1), 4.0)]
    expected = clip(g, 1.0)
    for keys in (["b", "w"], [net.b, net.w]):
        found = clip(dict(zip(keys, g, strict=True)), 1.0)
        assert list(found) == keys
        equal(list(found.values()), expected)
    equal(clip(tuple(g), 1.0), expected)
    equal(clip((np.asarray(x) for x in g), 1.0), expected)
    assert type(clip(g, 1.0)) is list
    assert clip([], 1.0) == []
    assert clip({}, 1.0) == {}


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_by_global_norm])
def test_nan_stays_and_zero_has_a_derivative(clip):
    nan, one = clip([jn.array([np.nan, 5.0]), jn.ones(1)], 2.0)
    assert np.isnan(nan[0])
    assert np.isnan(one[0]) == (clip is clip_by_global_norm)
    v = objax.TrainVar(jn.zeros(2))
    (g,) = objax.Grad(lambda: clip([v.value], 1.0)[0].sum(), {"v": v})()
    np.testing.assert_array_equal(g, [1, 1])


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_by_global_norm])
def test_under_jit_and_vectorize(clip):
    g = arrays()
    equal(objax.Jit(clip)(g, 2.0), clip(g, 2.0))
    lanes = [jn.stack([x, 2 * x]) for x in g]
    found = objax.Vectorize(lambda *g: clip(g, 2.0), batch_axis=(0,) * 3)(*lanes)
    for i in range(2):
        equal([x[i] for x in found], clip([(i + 1) * x for x in g], 2.0))


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_global_norm])
def test_integers_become_floating_point_numbers(clip):
    (g,) = clip([jn.array([3, 4])], 1.0)
    np.testing.assert_allclose(g, [0.6, 0.8], rtol=1e-6)
    (g,) = clip([np.array([100, 0], "int8")], 1000.0)  # 100**2 is no int8
    np.testing.assert_array_equal(g, [100, 0])


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm, clip_by_global_norm])
def test_what_cannot_be_meant_is_refused(clip):
    name, g = clip.__name__, jn.ones(2)
    for limit in (0, -1.0, np.float32(-1), float("nan")):
        with pytest.raises(
            ValueError, match=rf"^{name}: expected (limit|max_norm) greater than 0, got (0|-1\.0|nan)\."
        ):
            clip([g], limit)
    for limit in ("1", None, (-1, 1), jn.ones(2)):
        with pytest.raises(TypeError, match=rf"^{name}: expected (limit|max_norm) as a number, got "):
            clip([g], limit)
    for gradients, message in [
        (g, r"expected a list of gradients, got one array\. Write \[g\]\."),
        (([g], [g]), r"expected a list of gradients, got one that holds a list of arrays\. GradValues returns"),
        ([g, None], "expected gradient 1 as an array, got NoneType"),
        ({"w": None}, "expected gradient 0 as an array, got NoneType"),
        (3.0, "expected a list of gradients, got float"),
        (objax.nn.Linear(1, 1).vars(), r"expected gradients, got a VarCollection\."),
        ([objax.TrainVar(g)], "expected gradients, got variables: gradient 0 is a TrainVar"),
    ]:
        with pytest.raises(TypeError, match=f"^{name}: {message}"):
            clip(gradients, 1.0)


@pytest.mark.parametrize("limit", [np.float32(0.5), np.array(0.5, "float32")])
@pytest.mark.parametrize("clip", [clip_by_global_norm, clip_by_norm, clip_by_value])
def test_limits_of_numpy(clip, limit):
    grads = [jn.array([3.0]), jn.array([0.0, 4.0])]
    for x, y in zip(clip(grads, limit), clip(grads, 0.5), strict=True):
        np.testing.assert_array_equal(x, y)
