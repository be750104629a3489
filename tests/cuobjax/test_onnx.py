"""Models of ONNX give, in onnxruntime, what our networks give."""

import contextlib
import functools
import sys

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
import cuobjax.zoo as zoo
from autograd.ops.convolution import max_pool_indices
from autograd.primitive import PRIMITIVES
from cuobjax import StateVar, TrainVar, nn
from cuobjax.tools.onnx_operations import OPERATIONS
from cuobjax.util import to_onnx

onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("xp")
rng = np.random.default_rng(11)
max2, mean2 = (functools.partial(pool, size=2) for pool in (F.max_pool, F.average_pool))


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def run(model, *arrays):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {given.name: x for given, x in zip(session.get_inputs(), arrays, strict=True)})


def ours(f, *arrays):
    with f.mode(training=False) if isinstance(f, cuobjax.Module) else contextlib.nullcontext():
        found = autograd.tree.flatten(f(*map(jn.array, arrays)))[0]
    return [np.asarray(autograd.device_put(x, "cpu")) for x in found]


def same(found, expected, digits):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x, y, rtol=digits, atol=digits * max(1.0, np.abs(y).max(initial=0.0)))


def check(f, *arrays, digits=1e-5, **options):
    """Compares a model for the shapes of the example, and one for any batch, with the function."""
    if isinstance(f, cuobjax.Module):
        for v in f.vars().subset(TrainVar):
            v.assign((v.value + jn.array(normal(*v.shape) * 0.1)).astype(v.dtype))
    same(run(to_onnx(f, *arrays, **options), *arrays), ours(f, *arrays), digits)
    many = [np.concatenate([x, x[::-1], x]) for x in arrays]
    model = to_onnx(f, *arrays, dynamic_batch=True, **options)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    same(run(model, *many), ours(f, *many), digits)
    return model


IMAGES = {
    "layers": lambda: nn.Sequential(
        [nn.Conv2D(3, 8, 3, strides=2), nn.BatchNorm2D(8), F.relu, max2, mean2, F.flatten, nn.Linear(128, 4), F.softmax]
    ),
    "resnet": lambda: zoo.ResNet18(3, 10),
    "wide": lambda: zoo.WideResNet(3, 10, depth=10, width=1),
    "transformer": lambda: zoo.ViT(3, 10, size=32, patch=8, nfeatures=16, heads=2, layers=2),
    "separable": lambda: nn.Sequential([nn.SeparableConv2D(3, 6, 3), nn.GroupNorm2D(6, 2), nn.InstanceNorm2D(6)]),
    "transposed": lambda: nn.Sequential([nn.ConvTranspose2D(3, 4, 3, strides=2), nn.PReLU(4), F.global_average_pool]),
    "upsampled": lambda: nn.Sequential(
        [nn.Conv2D(3, 2, 5, padding="VALID", dilations=2), functools.partial(F.upsample_2d, scale=2)]
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_networks_for_images(name):
    check(IMAGES[name](), normal(2, 3, 32, 32))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN, functools.partial(nn.RNN, activation="relu")])
def test_recurrent_layers(layer):
    check(layer(4, 5, layers=2, bidirectional=True), normal(2, 6, 4))
    check(layer(4, 5, use_bias=False), normal(2, 6, 4))


def test_recurrent_layers_that_go_on_from_states():
    net = nn.LSTM(4, 5)
    state = normal(1, 2, 5), normal(1, 2, 5)

    def f(x, h, c):
        return net(x, (h, c))

    x = normal(2, 6, 4)
    same(run(to_onnx(f, x, *state), x, *state), ours(f, x, *state), 1e-5)


@pytest.mark.parametrize("options", [{}, {"kv_heads": 1}, {"rotary": True}])
def test_transformers(options):
    check(zoo.GPT(11, 16, 8, 2, 2, **options), rng.integers(0, 11, (2, 8)).astype("int32"))


@pytest.mark.parametrize("opset", [17, 18, 21])
def test_versions(opset):
    model = check(zoo.ViT(3, 4, size=16, patch=8, nfeatures=8, heads=2, layers=1), normal(2, 3, 16, 16), opset=opset)
    assert model.opset_import[0].version == opset


@pytest.mark.parametrize("layer", [nn.Conv1D, nn.ConvTranspose1D])
def test_other_ranks(layer):
    check(layer(4, 6, 4, strides=3, padding="VALID"), normal(2, 4, 12))
    check(nn.Conv3D(2, 3, 2), normal(2, 2, 4, 4, 4))


@pytest.mark.parametrize("make", [nn.WeightNorm, nn.SpectralNorm, functools.partial(nn.LoRA, rank=2)])
def test_layers_with_other_weights(make):
    check(make(nn.Linear(4, 3)), normal(2, 4))


def test_half_precision():
    layers = [nn.Conv2D(3, 8, 3, strides=2), nn.BatchNorm2D(8), F.relu, max2, F.flatten, nn.Linear(128, 4), F.softmax]
    for net, x in ((nn.Sequential(layers), normal(2, 3, 16, 16)), (nn.TransformerBlock(16, 4), normal(2, 5, 16))):
        for v in net.vars():
            v.assign(v.value.astype("float16"), check=False)
        model = check(net, x.astype("float16"), digits=5e-3)
        assert {x.data_type for x in model.graph.initializer} & {onnx.TensorProto.FLOAT16}


ELEMENTWISE = """abs arccos arcsin arcsinh arctan arctanh ceil cos cosh exp exp2 expm1 floor log1p negative reciprocal
    rint sign sin sinh square tan tanh isnan isinf positive""".split()
FUNCTIONS = [
    *(getattr(jn, name) for name in ELEMENTWISE),
    *(getattr(F, name) for name in """celu elu gelu glu hard_shrink hard_sigmoid hard_swish hard_tanh leaky_relu
        log_sigmoid mish normalize relu relu6 selu sigmoid silu softplus soft_sign swiglu""".split()),
    lambda x: (jn.log(abs(x) + 1), jn.sqrt(abs(x)), F.rsqrt(abs(x) + 1), jn.arccosh(abs(x) + 1), abs(x) ** 0.5, x**3),
    lambda x: (x + x[:1] * 0, x - 1, 2 - x, x * 0.5, 3 / (abs(x) + 1), jn.maximum(x, 0.1), jn.minimum(0, x), -x),
    lambda x: (x > 0, x >= 0, x < 0, x <= 0, x == x, x != 0, (x > 0) & (x < 1), (x > 0) | (x < -1), (x > 0) ^ (x < 1)),
    lambda x: (~(x > 0), jn.logical_not(x > 0), jn.logical_and(x > 0, x < 1), jn.logical_or(x > 0, x),
        jn.where(x > 0, x, 0)),
    lambda x: (jn.clip(x, -0.5, 0.5), jn.clip(x, None, 0.5), x.astype("int32"), x.astype("float16"), jn.sum(x > 0,
        axis=1)),
    lambda x: (x[:, ::2, None, -1], x[..., ::-1], x[:, 1:3, -2:], x[..., None], x[:, 2], x[:, jn.array([0, 2, -1])]),
    lambda x: (jn.stack([x, x], 1), jn.split(x, 2, axis=1), jn.flip(x, 1), jn.repeat(x, 2, axis=1), x.reshape(-1, 3)),
    lambda x: (jn.pad(x, ((0, 0), (1, 2), (0, 0))), jn.squeeze(x[:, :1], 1), x.swapaxes(1, 2), jn.tril(x), jn.triu(x,
        1)),
    lambda x: (x.mean(1), x.sum((1, 2)), x.max(2), x.min(1, keepdims=True), x.prod(1), x.mean(), jn.linalg.norm(x,
        axis=1)),
    lambda x: (jn.var(x, axis=1, ddof=1), jn.std(x, axis=(1, 2)), F.logsumexp(x, axis=(1, 2)), jn.cumsum(x, axis=1)),
    lambda x: (jn.argmax(x, axis=1), jn.argmin(x, axis=2), jn.take_along_axis(x, jn.argmax(x, 1)[:, None], 1)),
    lambda x: (F.softmax(x), F.softmax(x, axis=(1, 2)), F.log_softmax(x), F.log_softmax(x, axis=(1, 2))),
    lambda x: (jn.einsum("bij,bkj->bik", x, x), x @ x.swapaxes(1, 2), F.one_hot(jn.argmax(x, 1), 5)),
    lambda x: (F.layer_norm(x), F.rms_norm(x), jn.broadcast_to(x[:, None], (len(x), 3, *x.shape[1:])), jn.exp(x)),
    lambda x: F.attention(x[:, None], x[:, None], x[:, None], bias=x[:, None, :, :4]),
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: getattr(f, "__name__", "function"))
def test_functions(f):
    check(f, (np.arange(48).reshape(2, 4, 6) / 25 - 0.93).astype("float32"))


POOLING = [
    lambda x: (F.max_pool(x, 3, strides=2, padding="SAME"), F.average_pool(x, 3, strides=2, padding="SAME")),
    lambda x: (
        F.global_max_pool(x),
        F.adaptive_average_pool(x, 2),
        F.interpolate(x, (5, 5)),
        F.channel_to_space2d(x, 2),
    ),
]


@pytest.mark.parametrize("f", POOLING)
def test_pooling(f):
    check(f, normal(2, 4, 7, 7))


def test_shapes_in_which_the_batch_stands_twice():
    check(lambda x: jn.broadcast_to(x[None], (len(x), *x.shape)).reshape((2 * len(x), len(x), 2)), normal(2, 4))


def test_files_names_and_weights(tmp_path):
    net = nn.Linear(4, 2)
    model = to_onnx(net, normal(3, 4), path=tmp_path / "net.onnx")
    assert onnx.load(tmp_path / "net.onnx") == model
    assert model.producer_name == "cuobjax"
    assert [x.name for x in model.graph.initializer] == ["(Linear).w", "(Linear).b"]
    assert [x.name for x in model.graph.input] == ["x"]
    assert [x.name for x in model.graph.output] == ["output_0"]
    several = to_onnx(lambda x, others: {"a": x, "b": others[0] * 2, "n": 3}, normal(2), [normal(2), normal(2)])
    assert [x.name for x in several.graph.input] == ["x", "others_0", "others_1"]
    assert len(several.graph.output) == 2


def test_the_network_stays_as_it_was():
    net = nn.Sequential([nn.Linear(4, 4), nn.BatchNorm0D(4), nn.Dropout(0.5)]).train()
    before = [np.asarray(autograd.device_put(v.value, "cpu")) for v in net.vars()]
    to_onnx(net, normal(2, 4))
    assert net.training
    for v, x in zip(net.vars(), before, strict=True):
        np.testing.assert_array_equal(np.asarray(autograd.device_put(v.value, "cpu")), x)


@autograd.extend.primitive
def own(x):
    return x * 2


REFUSED = {
    "fft": (lambda x: jn.fft.fft(x).real, r"got fft \(.*test_onnx.py:\d+ in <lambda>\). Write that part with"),
    "own": (lambda x: own(x), r"got own \(.*test_onnx.py:\d+ in"),
    "bits": (lambda x: x.astype("int32") & 3, r"got bitwise_and of int32 before opset=18 \("),
    "complex": (lambda x: (x + 1j).real, r"got add of complex numbers \("),
    "indices": (
        lambda x: max_pool_indices(x[:, None], size=(2,), strides=(1,), padding=((0, 0),)),
        r"got output_0, result 0 of max_pool_indices \(.*:\d+ in <lambda>\)",
    ),
    "mask": (
        lambda x: x[jn.array([0, 1]), jn.array([0, 1])],
        r"got getitem by several arrays, or by an array and some",
    ),
    "dropout": (
        lambda x: nn.Dropout(0.5)(x, training=True),
        r"writes a DefaultRandomState of shape \(2,\). Call net.eval\(\) first",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form(name):
    f, match = REFUSED[name]
    with pytest.raises(ValueError, match=rf"^to_onnx: expected .*{match}"):
        to_onnx(f, normal(2, 3))


def test_bad_arguments():
    count = StateVar(jn.zeros(()))

    def counts(x):
        count.value += 1
        return x

    with pytest.raises(
        ValueError, match=r"^to_onnx: expected a network that only reads its variables, .* writes count"
    ):
        to_onnx(counts, normal(2))
    with pytest.raises(ValueError, match=r"^to_onnx: expected opset from 17 to 21, got 16."):
        to_onnx(jn.sin, normal(2), opset=16)
    with pytest.raises(TypeError, match=r"^to_onnx: expected an example of arrays, got float in it. Write other argum"):
        to_onnx(lambda x, y: x * y, normal(2), 2.0)


BY_BATCH = {
    "of one batch": (lambda x, y: x, (normal(2, 3), normal(3, 3))),
    "broadcast_to to a shape that is no multiple": (
        lambda x: jn.broadcast_to(x[None], (len(x) + 1, *x.shape)),
        (normal(1, 3),),
    ),
    "multiply to be the same for any size": (lambda x: x * jn.arange(len(x))[:, None], (normal(2, 3),)),
    "add to be the same for any size": (lambda x: x + jn.zeros((len(x), 3)), (normal(2, 3),)),
    "the same operations for any size": (lambda x: x if len(x) == 2 else -x, (normal(2, 3),)),
    "results that depend on the input": (lambda x: (x, jn.ones((len(x), 2))), (normal(2, 3),)),
}


@pytest.mark.parametrize("match", BY_BATCH)
def test_what_depends_on_the_batch(match):
    f, arrays = BY_BATCH[match]
    with pytest.raises(ValueError, match=rf"^to_onnx: expected .*({match})"):
        to_onnx(f, *arrays, dynamic_batch=True)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"^to_onnx: expected the package onnx. Run `pip install cuobjax\[onnx\]`.$"):
        to_onnx(jn.sin, normal(2))


def test_the_table_names_operations():
    assert OPERATIONS.keys() <= PRIMITIVES.keys()
