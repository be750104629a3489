"""Convolutions, pooling and interpolation against PyTorch's and JAX's numbers: tests/data/layers.py makes them."""

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import functional as F
from cuobjax import nn

with np.load(Path(__file__).parent.parent / "data" / "layers.npz") as archive:
    DATA = dict(archive)
SPATIAL = {1: (9,), 2: (7, 6), 3: (4, 3, 5)}
RANKS = pytest.mark.parametrize("rank", SPATIAL)


def numbers(*shape, period=7):
    """Those of tests/data/layers.py."""
    n = int(np.prod(shape))
    return ((np.arange(n) * 5 % 11 + np.arange(n) % period) % period - period // 2).reshape(shape).astype("float32")


def check(name, f, *arrays, tolerance=1e-6):
    """The result of f and the gradients of the sum of result * (0, 1, 2, 3, 0, ...)."""
    n = DATA[f"{name}/y"].size
    weights = (jn.arange(n) % 4).reshape(DATA[f"{name}/y"].shape)

    def loss(*arrays):
        y = f(*arrays)
        return (y * weights).sum(), y

    gradients, (_, y) = objax.GradValues(loss, None, tuple(range(len(arrays))))(*arrays)
    np.testing.assert_allclose(y, DATA[f"{name}/y"], rtol=1e-6, atol=tolerance)
    for i, g in enumerate(gradients):
        np.testing.assert_allclose(g, DATA[f"{name}/gradient{i}"], rtol=1e-6, atol=tolerance)


def kernel_last(w):
    """PyTorch's (O, I, *kernel), or (I, O, *kernel) of a transpose, as (*kernel, I, O)."""
    return jn.asarray(w).transpose((*range(2, w.ndim), 1, 0))


def call(layer, x, w):
    return objax.functional_call(layer, {f"({type(layer).__name__}).w": w}, x)


@RANKS
def test_conv_against_pytorch(rank):
    layer = getattr(nn, f"Conv{rank}D")(
        4, 6, [3, 2, 3][:rank], strides=2, padding=2, dilations=2, groups=2, use_bias=False
    )
    x, w = numbers(2, 4, *SPATIAL[rank]), numbers(6, 2, *[3, 2, 3][:rank], period=5)
    check(f"conv{rank}", lambda x, w: call(layer, x, kernel_last(w)), x, w)


@RANKS
def test_depthwise_conv_against_pytorch(rank):
    layer = getattr(nn, f"DepthwiseConv{rank}D")(4, 3, use_bias=False)
    x, w = numbers(2, 4, *SPATIAL[rank]), numbers(4, 1, *[3] * rank, period=5)
    check(f"depthwise{rank}", lambda x, w: call(layer, x, kernel_last(w)), x, w)


@RANKS
def test_conv_transpose_against_pytorch(rank):
    """Padding p and output padding q of PyTorch are (extent - 1 - p, extent - 1 - p + q)."""
    kernel = [3, 2, 4][:rank]
    padding = [(2 * (k - 1) - 1, 2 * (k - 1)) for k in kernel]
    layer = getattr(nn, f"ConvTranspose{rank}D")(
        4, 6, kernel, strides=2, padding=padding, dilations=2, groups=2, use_bias=False
    )
    x, w = numbers(2, 4, *SPATIAL[rank]), numbers(4, 3, *kernel, period=5)
    check(f"transpose{rank}", lambda x, w: call(layer, x, kernel_last(w)), x, w)


@RANKS
@pytest.mark.parametrize("padding", ["SAME", "VALID", "pairs"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2), (4, 1)])
def test_conv_transpose_against_objax(rank, padding, stride, dilation):
    """Objax's layer is `jax.lax.conv_transpose`."""
    kernel = [3, 2, 4][:rank]
    pads = [(1, 2), (0, 1), (2, 0)][:rank] if padding == "pairs" else padding
    layer = getattr(nn, f"ConvTranspose{rank}D")(4, 2, kernel, stride, dilation, pads)
    layer.w.assign(numbers(*kernel, 2, 4, period=5))
    x = numbers(2, 4, *SPATIAL[rank])[:1]
    y = layer(x)
    expected = DATA[f"objax{rank}/{padding}/{stride}/{dilation}"]
    np.testing.assert_array_equal(y, expected, strict=True)
    layer.b.assign(jn.array([1.0, 2.0]).reshape(2, *[1] * rank))
    np.testing.assert_array_equal(layer(x), expected + np.array([1, 2]).reshape(2, *[1] * rank))


@RANKS
def test_separable_conv_is_a_depthwise_then_a_pointwise_one(rank, rng):
    layer = getattr(nn, f"SeparableConv{rank}D")(3, 5, 3, 2, multiplier=2)
    x = rng.normal(size=(2, 3, *SPATIAL[rank])).astype("float32")
    first = F.conv(x, layer.depthwise.w, 2, groups=3)
    expected = np.moveaxis(np.tensordot(first, layer.pointwise.w.value.reshape(6, 5), (1, 0)), -1, 1)
    layer.pointwise.b.assign(jn.ones((5, *[1] * rank)))
    np.testing.assert_allclose(layer(x), expected + 1, rtol=1e-4, atol=1e-5)
    assert layer(x).shape == (2, 5, *[-(-n // 2) for n in SPATIAL[rank]])


@RANKS
def test_pooling_against_pytorch(rank):
    x = numbers(2, 4, *SPATIAL[rank])
    for name, f in (("average", F.average_pool), ("max", F.max_pool)):
        thin = getattr(F, f"{name}_pool_{rank}d")
        for pool in (f, thin):
            check(f"{name}{rank}", lambda x, pool=pool: pool(x, 3, 2, 1), x)


@RANKS
@pytest.mark.parametrize("size", [2, 3, 5])
def test_adaptive_pooling_against_pytorch(rank, size):
    x = numbers(2, 4, *SPATIAL[rank])
    check(f"adaptive_average{rank}/{size}", lambda x: F.adaptive_average_pool(x, size), x, tolerance=2e-6)
    check(f"adaptive_max{rank}/{size}", lambda x: F.adaptive_max_pool(x, size), x)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("shape", [(10, 16), (3, 3), (7, 4), (5, 13), (1, 1), (13, 2)])
def test_interpolation_against_jax(mode, shape):
    x, name = numbers(1, 2, 5, 8), f"resize/{mode}/{shape[0]}/{shape[1]}"
    np.testing.assert_allclose(F.interpolate(x, shape, mode=mode), DATA[name], rtol=1e-5, atol=3e-6)
    (g,) = objax.Grad(lambda x: (F.interpolate(x, shape, mode=mode) ** 2).sum(), None, (0,))(x)
    np.testing.assert_allclose(g, DATA[f"{name}/gradient"], rtol=1e-4, atol=3e-5)


def test_names_of_interpolation():
    x = numbers(1, 2, 5, 8)
    for mode in objax.constants.Interpolate:
        kind = next(kind for kind in ("nearest", "cubic", "lanczos3", "lanczos5", "linear") if kind in
                    mode.value.replace("triangle", "linear"))  # fmt: skip
        np.testing.assert_array_equal(F.interpolate(x, (7, 4), mode=mode), F.interpolate(x, (7, 4), mode=kind.upper()))


def test_channel_to_space_is_pytorchs_pixel_shuffle():
    np.testing.assert_array_equal(F.channel_to_space2d(numbers(2, 12, 4, 6)), DATA["shuffle"])


LAYERS = [
    (lambda: nn.Conv1D(2, 4, 3, groups=2), (3, 2, 7)),
    (lambda: nn.Conv3D(2, 4, 3, 2), (3, 2, 4, 5, 3)),
    (lambda: nn.ConvTranspose1D(2, 4, 3, 2), (3, 2, 7)),
    (lambda: nn.ConvTranspose2D(2, 4, 3, 2, groups=2), (3, 2, 4, 5)),
    (lambda: nn.DepthwiseConv2D(2, 3, multiplier=2), (3, 2, 4, 5)),
    (lambda: nn.SeparableConv2D(2, 4, 3), (3, 2, 4, 5)),
]  # fmt: skip
FUNCTIONS = [
    (lambda x: F.adaptive_average_pool(x, (3, None)), (3, 2, 4, 5)),
    (lambda x: F.adaptive_max_pool(x, (3, 2)), (3, 2, 4, 5)),
    (lambda x: F.max_pool(x, 2), (3, 2, 7)),
    (lambda x: F.average_pool_3d(x, 2), (3, 2, 4, 5, 3)),
    (lambda x: F.global_max_pool(x, keepdims=True), (3, 2, 4, 5)),
    (F.global_average_pool, (3, 2, 4, 5)),
    (lambda x: F.interpolate(x, (3, 7), mode="cubic"), (3, 2, 4, 5)),
    (lambda x: F.interpolate(x, (3, 7), mode="nearest"), (3, 2, 4, 5)),
    (lambda x: F.upsample_2d(x, 2), (3, 2, 4, 5)),
    (F.upscale_nn, (3, 2, 4, 5)),
    (F.space_to_batch2d, (3, 2, 4, 6)),
    (lambda x: F.top_k(x, 2)[0], (3, 2, 4)),
    (lambda x: F.dynamic_slice(x, jn.array([1, 0, 2]), (2, 1, 2)), (3, 2, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), LAYERS + [(lambda f=f: f, shape) for f, shape in FUNCTIONS])
def test_under_every_transformation(make, shape, rng):
    layer = make()
    x = rng.normal(size=shape).astype("float32")
    y = np.asarray(layer(jn.array(x)))
    vc = layer.vars() if isinstance(layer, objax.Module) else objax.VarCollection()
    np.testing.assert_allclose(objax.Jit(layer)(x), y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        objax.Vectorize(lambda x: layer(x), vc)(np.stack([x, 2 * x])),
        np.stack([y, np.asarray(layer(jn.array(2 * x)))]),
        rtol=1e-5,
        atol=1e-5,
    )
    loss = lambda f: objax.Grad(lambda x: (f(x) ** 2).sum(), vc, (0,))
    gradients = loss(layer)(x)
    for other in (objax.Jit(loss(layer)), loss(objax.Remat(layer))):
        for a, b in zip(gradients, other(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for dtype, tolerance in ((np.float16, 3e-3), (ml_dtypes.bfloat16, 3e-2)):
        half = layer(jn.array(x.astype(dtype)))
        np.testing.assert_allclose(np.asarray(half, "float32"), y, rtol=tolerance, atol=5 * tolerance)
        assert half.dtype == ("float32" if vc else dtype)
        (g,) = objax.Grad(lambda x: (layer(x).astype("float32") ** 2).sum(), None, (0,))(x.astype(dtype))
        scale = float(abs(gradients[0]).max())
        np.testing.assert_allclose(np.asarray(g, "float32"), gradients[0], atol=5 * tolerance * scale)
        assert g.dtype == dtype
