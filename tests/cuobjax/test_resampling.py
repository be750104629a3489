"""Interpolation, rearrangement, parts of arrays and pooling: their arguments, edges and errors."""

import functools

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import functional as F
from cuobjax import nn


def test_sizes_of_interpolation_are_objaxs():
    x = jn.ones((1, 3, 4, 4))
    assert F.interpolate(x, scale_factor=2).shape == (1, 6, 8, 8)  # channels too
    assert F.interpolate(x, scale_factor=(2, 3)).shape == (1, 3, 8, 12)
    assert F.interpolate(x, scale_factor=[0.5, 1.6]).shape == (1, 3, 2, 6)
    assert F.interpolate(x, size=7).shape == (1, 3, 4, 7)
    assert F.interpolate(x, size=(2, 5)).shape == (1, 3, 2, 5)
    assert F.interpolate(jn.arange(6), 3).dtype == "float32"
    assert F.interpolate(jn.arange(6), 3, mode="nearest").tolist() == [1, 3, 5]
    assert F.upsample_2d(x, (2, 3), "NEAREST").shape == (1, 3, 8, 12)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5), ("complex64", 1e-5)])
def test_interpolation_of_a_line_is_the_line(dtype, tolerance):
    """At the centres of the new elements, away from the ends; weights are as precise as the array."""
    y = F.interpolate(jn.arange(12).astype(dtype), 28, mode="cubic")
    assert y.dtype == dtype
    np.testing.assert_allclose(y[6:-6], ((np.arange(28) + 0.5) * 12 / 28 - 0.5)[6:-6], rtol=tolerance)


def test_upscale_nn():
    x = np.arange(8).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(F.upscale_nn(x, 3), np.kron(x, np.ones((3, 3), int)))
    np.testing.assert_array_equal(F.upscale_nn(x), F.upsample_2d(x, 2, "nearest"))


@pytest.mark.parametrize("size", [2, (2, 3), (1, 2)])
def test_blocks_of_space(size):
    """What a pixel of each result is, said by a loop over the block."""
    a, b = (size, size) if isinstance(size, int) else size
    x = np.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    batch, channels = F.space_to_batch2d(x, size), F.space_to_channel2d(x, size)
    assert (batch.shape, channels.shape) == ((2 * a * b, 3, 4 // a, 6 // b), (2, 3 * a * b, 4 // a, 6 // b))
    for i in range(a):
        for j in range(b):
            np.testing.assert_array_equal(batch[i * b + j :: a * b], x[:, :, i::a, j::b])
            np.testing.assert_array_equal(channels[:, i * b + j :: a * b], x[:, :, i::a, j::b])
    np.testing.assert_array_equal(F.batch_to_space2d(batch, size), x)
    np.testing.assert_array_equal(F.channel_to_space2d(channels, size), x)


def test_dynamic_slice_stays_within_the_array():
    x = np.arange(20).reshape(4, 5)
    for starts in ([1, 2], jn.array([1, 2]), (jn.array(1), 2), (np.int64(1), np.int32(2))):
        np.testing.assert_array_equal(F.dynamic_slice(x, starts, (2, 2)), x[1:3, 2:4])
    for starts in ([1, -2], jn.array([1, -2]), jn.array([1, -2], dtype="int8"), np.array([1, 253], "uint8")):  # JAX's
        np.testing.assert_array_equal(F.dynamic_slice(x, starts, (2, 2)), x[1:3, 3:])
    for starts in ([9, -9], jn.array([9, -9])):
        np.testing.assert_array_equal(F.dynamic_slice(x, starts, (2, 2)), x[2:4, :2])
    assert F.dynamic_slice(np.arange(300), np.array([-2], "int8"), [2]).tolist() == [298, 299]
    assert F.dynamic_slice(x, (3, 3), (4, 0)).shape == (4, 0)
    windows = objax.Vectorize(lambda i: F.dynamic_slice(jn.arange(6), [i], [3]))(jn.array([0, 1, 9]))
    assert windows.tolist() == [[0, 1, 2], [1, 2, 3], [3, 4, 5]]


def test_top_k():
    values, indices = F.top_k(jn.array([[3, 1, 3, 2], [0, 0, 0, 0]]), 3)
    assert (values.tolist(), indices.tolist()) == ([[3, 3, 2], [0, 0, 0]], [[0, 2, 3], [0, 1, 2]])
    assert F.top_k(np.array([0, 255, 7], "uint8"), 2)[0].tolist() == [255, 7]
    assert [x.shape for x in F.top_k(jn.ones((2, 3)), 0)] == [(2, 0)] * 2
    (g,) = objax.Grad(lambda x: (F.top_k(x, 2)[0] * jn.array([2.0, 3.0])).sum(), None, (0,))(jn.array([1.0, 5.0, 4.0]))
    assert g.tolist() == [0, 2, 3]


def test_pad_goes_into_sequential():
    net = nn.Sequential([functools.partial(F.pad, pad_width=1)])
    assert net(jn.ones(2), training=True).tolist() == [0, 1, 1, 0]
    assert F.pad(jn.arange(3), (1, 2), "reflect").tolist() == [1, 0, 1, 2, 1, 0]
    assert F.pad(jn.ones(1), 1, constant_values=3).tolist() == [3, 1, 3]


def test_empty_batches():
    x = jn.ones((0, 2, 4, 4))
    for f in (
        nn.Conv2D(2, 3, 3), nn.ConvTranspose2D(2, 3, 3, 2), nn.SeparableConv2D(2, 3, 3), F.max_pool_2d, F.upscale_nn,
        lambda x: F.adaptive_max_pool(x, 3), lambda x: F.interpolate(x, (3, 5)), F.global_average_pool,
    ):  # fmt: skip
        (g,) = objax.Grad(lambda x, f=f: f(x).sum(), None, (0,))(x)
        assert (f(x).shape[0], g.shape) == (0, x.shape)


def test_scan_writes_variables():
    count = objax.StateVar(jn.array(0.0))

    def step(carry, x):
        count.value += 1
        return carry + x, carry * x

    carry, products = F.scan(step, 1.0, jn.array([1.0, 2.0, 3.0]), unroll=3)
    assert (float(carry), products.tolist(), float(count.value)) == (7, [1, 4, 12], 3)
    assert F.scan(step, 0.0, jn.array([1.0, 2.0]), reverse=True)[1].tolist() == [2, 0]


def test_pooling_of_whole_images(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    np.testing.assert_allclose(F.global_average_pool(x), x.mean((2, 3)), rtol=1e-6)
    np.testing.assert_array_equal(F.global_max_pool(x, keepdims=True), x.max((2, 3), keepdims=True))
    np.testing.assert_allclose(F.adaptive_average_pool(x, 1)[:, :, 0, 0], x.mean((2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(F.adaptive_max_pool(x, (None, 1)), x.max(3, keepdims=True))
    np.testing.assert_array_equal(F.adaptive_average_pool(x, (None, None)), x)


def test_the_first_of_equal_maxima_gets_the_gradient():
    (g,) = objax.Grad(lambda x: F.adaptive_max_pool(x, 2).sum(), None, (0,))(jn.ones((1, 1, 3)))
    assert g.tolist() == [[[1, 1, 0]]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.interpolate(jn.ones(3)), "interpolate: expected size or scale_factor, got size=None and"),
        (lambda: F.interpolate(jn.ones(3), 3, 2), "interpolate: expected size or scale_factor, got size=3 and"),
        (lambda: F.interpolate(jn.ones(3), (3, 2)), r"interpolate: expected at most 1 lengths for an array"),
        (lambda: F.interpolate(jn.ones(3), scale_factor=(3, 2)), r"interpolate: expected at most 1 lengths"),
        (lambda: F.interpolate(jn.ones(3), 0), "interpolate: expected size of at least 1"),
        (lambda: F.interpolate(jn.ones(3), 2.5), "interpolate: expected size of integers, got"),
        (lambda: F.interpolate(jn.ones(3), 5, mode="FOO"), "interpolate: expected an Interpolate or .* got 'FOO'"),
        (lambda: F.interpolate(jn.ones(0), 5), r"interpolate: expected an array with elements, got shape \(0,\)"),
        (lambda: F.upsample_2d(jn.ones((2, 3)), 2), r"upsample_2d: expected x of shape .* \(2, 3\)\. For another rank"),
        (lambda: F.upsample_2d(jn.ones((1, 1, 2, 3)), 0), "upsample_2d: expected scale of at least 1"),
        (lambda: F.upscale_nn(jn.ones((2, 3))), r"upscale_nn: expected x of shape \(N, C, H, W\), got \(2, 3\)\.$"),
        (lambda: F.space_to_batch2d(jn.ones((1, 1, 3, 4))), "space_to_batch2d: expected .* H and W divisible by"),
        (lambda: F.batch_to_space2d(jn.ones((3, 4, 2, 2))), "batch_to_space2d: expected .* N divisible by 4, got"),
        (lambda: F.channel_to_space2d(jn.ones((4, 3, 2, 2))), "channel_to_space2d: expected .* C divisible by 4, got"),
        (lambda: F.dynamic_slice(jn.ones(3), [0, 0], [1]), "dynamic_slice: expected 1 start_indices and slice_sizes"),
        (lambda: F.dynamic_slice(jn.ones(3), [True], [1]), "dynamic_slice: expected start_indices of integers, got"),
        (lambda: F.dynamic_slice(jn.ones(3), [0], [4]), r"dynamic_slice: expected slice_sizes within the shape \(3,\)"),
        (lambda: F.top_k(jn.ones(3), 4), "top_k: expected an array .* k = 4, got shape"),
        (lambda: F.top_k(jn.ones(3), -1), "top_k: expected k of at least 0"),
        (lambda: F.max_pool_1d(jn.ones((2, 3, 4, 5))), r"max_pool_1d: expected x of shape \(N, C, L\), got"),
        (lambda: F.average_pool_3d(jn.ones((2, 3))), r"average_pool_3d: expected x of shape \(N, C, D, H, W\), got"),
        (lambda: F.average_pool(jn.ones((2, 3))), r"average_pool: expected x of shape \(N, C, \*spatial\), got"),
        (lambda: F.adaptive_max_pool(jn.ones((2, 3, 4)), 0), "adaptive_max_pool: expected size of at least 1, got"),
        (lambda: F.adaptive_average_pool(jn.ones((2, 3, 0)), 2), "adaptive_average_pool: expected x with elements"),
        (lambda: F.global_max_pool(jn.ones((2, 3, 0))), "global_max_pool: expected x with elements along its spatial"),
        (lambda: F.global_average_pool(jn.ones((2, 0))), r"global_average_pool: expected x of shape \(N, C"),
        (lambda: nn.SeparableConv1D(3, 4, 3)(jn.ones((2, 4, 5))), r"SeparableConv1D: expected x of shape"),
        (lambda: F.conv_transpose(jn.ones((1, 3, 4)), jn.ones((3, 2, 4))), r"conv_transpose: expected x of shape"),
        (
            lambda: nn.ConvTranspose1D(1, 1, 3, padding=0)(jn.ones((1, 1, 1))),
            "conv_transpose: expected an output with elements, got .* Pad more",
        ),
        (lambda: nn.Conv(3, 4, 3), r"Conv: expected k as a tuple, .* got 3\. Conv1D, Conv2D and Conv3D take a number"),
        (lambda: nn.Conv1D(3, 4, 3)(jn.ones((2, 4, 5))), r"Conv1D: expected x of shape \(N, 3, L\), .* layout NCL\?"),
        (lambda: nn.Conv3D(3, 4, 3)(jn.ones((2, 3, 5))), r"Conv3D: expected x of shape \(N, 3, D, H, W\), got"),
        (lambda: nn.ConvTranspose2D(3, 4, 3)(jn.ones((2, 4, 5, 5))), r"ConvTranspose2D: expected x of shape \(N, 3, H"),
        (lambda: nn.ConvTranspose2D(3, 4, 3, groups=2), "ConvTranspose2D: expected groups that divide nin and nout"),
        (lambda: nn.DepthwiseConv2D(3, 3, multiplier=0), "DepthwiseConv2D: expected multiplier of at least 1, got 0"),
        (lambda: nn.SeparableConv2D(3, 4, (3,)), "SeparableConv2D: expected k as a number or 2 of them"),
    ],
)  # fmt: skip
def test_what_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


TEXTS = """
ConvTranspose2D(nin=4, nout=6, k=(3, 3), strides=(2, 2), dilations=(1, 1), padding='SAME', use_bias=True, INIT)
ConvTranspose1D(nin=4, nout=6, k=(3,), strides=(2,), dilations=(1,), padding=((1, 2),), use_bias=False, INIT, groups=2)
Conv(nin=4, nout=6, k=(3, 3), strides=(1, 1), dilations=(1, 1), groups=1, padding='VALID', use_bias=True, INIT)
DepthwiseConv2D(nin=4, k=(3, 3), strides=(1, 1), dilations=(1, 1), padding='SAME', multiplier=2, use_bias=True, INIT)
SeparableConv1D(nin=4, nout=6, k=(3,), strides=(1,), dilations=(1,), padding='SAME', multiplier=2, use_bias=True, INIT)
""".strip().splitlines()


@pytest.mark.parametrize("text", TEXTS)
def test_texts_rebuild_the_layers(text):
    layer = eval(text.replace("INIT", "w_init=init.kaiming_normal"), dict(vars(nn)))
    assert repr(layer) == "cuobjax.nn." + text.replace("INIT", "w_init=kaiming_normal(*, gain=1)")
    assert type(layer).__name__ in str(objax.summary(layer))
