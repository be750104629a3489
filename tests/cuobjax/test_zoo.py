"""Networks that are known by name: Objax's sizes, formulas, training, files. PyTorch's numbers: test_state_dict.py."""

import functools
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn, zoo
from cuobjax.zoo.resnet_v2 import ResNetV2Block, load_keras_weights, load_pretrained_weights_from_keras
from cuobjax.zoo.vgg import VGG, _read, preprocess


@pytest.fixture(autouse=True)
def seeded():
    objax.random.DEFAULT_GENERATOR.seed(0)


def sizes(net):
    return sum(v.size for v in net.vars().subset(objax.TrainVar)), sum(v.size for v in net.vars())


def test_numbers_of_parameters_are_objaxs():
    assert sizes(zoo.ResNet18(3, 1000)) == (11_687_720, 11_695_528)
    assert sizes(zoo.ResNet50(3, 1000)) == (25_549_352, 25_594_792)
    assert sizes(zoo.WideResNet(3, 10)) == (1_467_610, 1_471_226)


@pytest.mark.parametrize(
    ("kind", "blocks", "convolutions"),
    [
        (zoo.ResNet34, (3, 4, 6, 3), 2), (zoo.ResNet101, (3, 4, 23, 3), 3), (zoo.ResNet152, (3, 8, 36, 3), 3),
        (zoo.ResNet200, (3, 24, 36, 3), 3),
    ],
)  # fmt: skip
def test_depths(kind, blocks, convolutions):
    assert kind.arguments["blocks_per_group"] == blocks
    depth = 2 + convolutions * sum(blocks)
    assert kind.__name__ == f"ResNet{depth}"


def small_resnet(**arguments):
    groups = {"channels_per_group": (16, 32), "group_strides": (1, 2), "group_use_projection": (True, True)}
    return zoo.ResNetV2(3, 4, (1, 2), **groups, **arguments)


def test_variables_of_a_resnet():
    block = ResNetV2Block(8, 16, 2, True, True)
    names = [
        name.removeprefix("(ResNetV2Block).") for name, _ in block.vars().items() if name.endswith((".w", ".gamma"))
    ]
    assert names == [
        "proj_conv(Conv2D).w", "norm_0(BatchNorm2D).gamma", "conv_0(Conv2D).w", "norm_1(BatchNorm2D).gamma",
        "conv_1(Conv2D).w", "norm_2(BatchNorm2D).gamma", "conv_2(Conv2D).w",
    ]  # fmt: skip
    assert [v.shape for v in block.vars().subset(objax.TrainVar) if v.ndim == 4 and v.shape[0] != 1] == [(3, 3, 4, 4)]
    net = small_resnet()
    assert [type(layer).__name__ for layer in net] == [
        "Conv2D", "partial", "partial", "ResNetV2BlockGroup", "ResNetV2BlockGroup", "BatchNorm2D", "function",
        "function", "Linear",
    ]  # fmt: skip
    assert [block.stride for block in net[4]] == [1, 2]
    assert [block.use_projection for block in net[4]] == [True, False]


NETWORKS = [
    (lambda: zoo.DNNet([6, 5, 4], jn.tanh), (8, 6)),
    (lambda: zoo.ConvNet(3, 4, 2, 4, 8), (8, 3, 8, 8)),
    (lambda: zoo.WideResNetGeneral(3, 4, [1, 1], 0.5), (8, 3, 8, 8)),
    (lambda: small_resnet(), (8, 3, 32, 32)),
    (lambda: small_resnet(bottleneck=False, activation_fn=jn.tanh), (8, 3, 32, 32)),
    (lambda: VGG((1, 2), (4, 6), size=2, hidden=8, nclass=4), (8, 3, 8, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_networks_learn_and_are_saved(make, shape, rng, tmp_path):
    net = make()
    x, labels = jn.array(rng.normal(size=shape)), jn.arange(8) % 4
    loss = lambda x: objax.functional.loss.cross_entropy_logits_sparse(net(x, training=True), labels).mean()
    gradients, optimizer = objax.GradValues(loss, net.vars()), objax.optimizer.Adam(net.vars())

    @objax.Jit
    def step():
        g, (value,) = gradients(x)
        optimizer(0.01, g)
        return value

    losses = [float(step()) for _ in range(8)]
    assert losses[-1] < losses[0]
    y = net(x, training=False)
    assert y.shape == (8, 4)
    objax.io.save_var_collection(tmp_path / "net.npz", net.vars())
    other = make()
    objax.io.load_var_collection(tmp_path / "net.npz", other.vars())
    for same in (other, pickle.loads(pickle.dumps(net))):
        np.testing.assert_allclose(same.eval()(x), y, rtol=1e-5, atol=1e-6)
    assert type(net).__name__ in str(objax.summary(net, x, training=False))


def test_dnnet_has_an_activation_at_its_end():
    net = zoo.DNNet([3, 2], jn.tanh)
    x = jn.ones((1, 3))
    np.testing.assert_array_equal(net(x), jn.tanh(net[0](x)))


def test_convnet_limits_its_channels():
    net = zoo.ConvNet(3, 10, 3, 4, 10, pooling=objax.functional.average_pool_2d, other=1)
    assert [layer.w.shape[-1] for layer in net if isinstance(layer, nn.Conv2D)] == [4, 4, 8, 8, 10, 10, 10, 10]


@pytest.mark.parametrize("stride", [1, 2])
def test_wide_block_against_its_formula(stride, rng):
    block = zoo.WRNBlock(4, 4, stride, bn=functools.partial(nn.BatchNorm2D, eps=1e-3))
    x = jn.array(rng.normal(size=(2, 4, 6, 6)))
    first = objax.functional.relu(block.norm_1(x, False))
    y = block.conv_2(objax.functional.relu(block.norm_2(block.conv_1(first), False)))
    assert (block.proj_conv is None) == (stride == 1)
    np.testing.assert_allclose(block(x, False), y + (x if stride == 1 else block.proj_conv(first)), rtol=1e-6)
    assert abs(float(block.conv_1.w.std()) - (2 / 36) ** 0.5) < 0.05


def test_rnn_against_its_formula(rng):
    net = zoo.RNN(4, 3, 2)
    net.b_h.assign(jn.arange(4.0))
    x = rng.normal(size=(5, 2, 3)).astype("float32")
    net.init_state(2)
    state, expected = np.zeros((2, 4), "float32"), []
    w_xh, w_hh, b_h = (np.asarray(v.value) for v in (net.w_xh, net.w_hh, net.b_h))
    for step in x:
        state = np.tanh(step @ w_xh + state @ w_hh + b_h)
        expected.append(state @ np.asarray(net.output_layer.w.value))
    np.testing.assert_allclose(net(x[:3]), np.concatenate(expected[:3]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net(x[3:], only_return_final=True), expected[4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.state.value, state, rtol=1e-5, atol=1e-6)
    state = net.state
    net.init_state(2)
    assert net.state is state
    assert not float(abs(state.value).max())
    net.init_state(3)
    assert net.state.shape == (3, 4)
    gradients = objax.Grad(lambda x: net(x).sum(), net.vars())(np.ones((2, 3, 3), "float32"))
    assert all(float(abs(g).sum()) > 0 for g in gradients)


def published(net, rng):
    """Weights as in vgg19.npy: kernels (height, width, nin, nout), features of fc6 in the order (H, W, C)."""
    weights = {}
    for name, layer in zip(net.names, net, strict=True):
        if hasattr(layer, "w"):
            weights[name] = [rng.normal(size=v.shape).astype("float32").squeeze() for v in (layer.w, layer.b)]
    return weights


def test_published_weights_of_vgg(rng, tmp_path):
    make = lambda: VGG((1, 2), (4, 6), size=2, hidden=8, nclass=3)
    net, other = make(), make()
    weights = published(net, rng)
    net.load(weights)
    np.save(tmp_path / "vgg.npy", weights, allow_pickle=True)
    other.load(tmp_path / "vgg.npy")
    x = preprocess(rng.uniform(0, 255, size=(1, 3, 8, 8)))
    np.testing.assert_array_equal(net(x), other(x))
    before = net[: net.names.index("flatten")](x)
    fc6 = np.asarray(before).transpose(0, 2, 3, 1).reshape(1, -1) @ weights["fc6"][0] + weights["fc6"][1]
    np.testing.assert_allclose(net[: net.names.index("fc6") + 1](x), fc6, rtol=1e-4, atol=1e-2)
    conv = net[net.names.index("conv2_1")]
    np.testing.assert_array_equal(conv.w.value, weights["conv2_1"][0])


def test_files_that_python_2_wrote(tmp_path):
    """Names of classes and text are those of Python 2, where bytes are text."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
    content = array + b"(I2\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    content += b"S'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb"
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    outer = (
        array
        + b"(tcnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI63\ntbI00\n((dS'conv1_1'\n(l"
        + content
        + b"as"
        + b"ltb."
    )
    path = tmp_path / "old.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + outer)
    assert _read(path)["conv1_1"][0].tolist() == [1, 2]


def keras_weights(net, rng):
    """Weights of the names and layouts that Keras gives a network like this one."""
    layers = {"conv1_conv": net[0], "post_bn": net[7], "predictions": net[10]}
    for i, group in enumerate(net[3:7], 2):
        for j, block in enumerate(group, 1):
            names = {"preact_bn": "norm_0", "1_conv": "conv_0", "1_bn": "norm_1", "2_conv": "conv_1", "2_bn": "norm_2",
                     "3_conv": "conv_2", **({"0_conv": "proj_conv"} if block.use_projection else {})}  # fmt: skip
            layers |= {f"conv{i}_block{j}_{theirs}": getattr(block, ours) for theirs, ours in names.items()}
    weights = {}
    for name, layer in layers.items():
        if hasattr(layer, "w"):
            weights[f"{name}/kernel"] = rng.normal(size=layer.w.shape)
            if name.endswith(("conv1_conv", "_0_conv", "_3_conv", "predictions")):
                weights[f"{name}/bias"] = rng.normal(size=layer.w.shape[-1])
        else:
            names = {"gamma": "gamma", "beta": "beta", "moving_mean": "running_mean", "moving_variance": "running_var"}
            for theirs, ours in names.items():
                weights[f"{name}/{theirs}"] = rng.uniform(1, 2, size=getattr(layer, ours).size)
    return weights


@pytest.mark.parametrize("include_top", [True, False])
def test_weights_of_keras(include_top, rng):
    net = zoo.ResNetV2(3, 5, (1, 2, 1, 1), channels_per_group=(8, 8, 16, 16))
    weights = keras_weights(net, rng)
    top = np.array(net[10].w.value)
    loaded = load_keras_weights(net, weights, include_top)
    assert len(loaded.matched) == len(weights) - 2 * (not include_top)
    block = net[4][1]
    np.testing.assert_allclose(block.conv_1.w.value, weights["conv3_block2_2_conv/kernel"], rtol=1e-6)
    np.testing.assert_allclose(block.conv_2.b.value[:, 0, 0], weights["conv3_block2_3_conv/bias"], rtol=1e-6)
    variance = net[7].running_var.value.reshape(-1)
    np.testing.assert_allclose(variance, weights["post_bn/moving_variance"], rtol=1e-6)
    np.testing.assert_allclose(net[10].w.value, weights["predictions/kernel"] if include_top else top, rtol=1e-6)
    assert net.eval()(jn.ones((1, 3, 64, 64))).shape == (1, 5)
    net = zoo.ResNetV2(3, 5, (1, 2, 1, 1), channels_per_group=(8, 8, 16, 16))
    names = list(net.vars().keys())
    with pytest.raises(ValueError, match=r"^load_keras_weights: .* 1 variables have no value and 0 values"):
        load_keras_weights(net, {name: w for name, w in weights.items() if name != "post_bn/gamma"})
    assert list(net.vars().keys()) == names


def test_known_networks_of_keras(rng, tmp_path, monkeypatch):
    small = {"blocks_per_group": (1, 1, 2, 1), "channels_per_group": (8, 8, 16, 16)}
    monkeypatch.setattr(zoo.ResNet101, "arguments", small)
    np.savez(tmp_path / "weights.npz", **keras_weights(zoo.ResNet101(3, 1000), rng))
    net = load_pretrained_weights_from_keras("ResNet101", False, 7, tmp_path / "weights.npz")
    assert net[10].w.shape == (16, 7)
    assert (net[7].eps, net[7].momentum) == (1.001e-5, 0.99)


def test_preprocessing():
    x = np.zeros((1, 3, 1, 1)) + np.array([10, 20, 30]).reshape(3, 1, 1)
    np.testing.assert_allclose(preprocess(x).reshape(-1), [30 - 103.939, 20 - 116.779, 10 - 123.68], rtol=1e-6)


class Malicious:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda path: zoo.DNNet([3], jn.tanh), ValueError, r"DNNet: expected at least two layer_sizes, got \[3\]"),
        (lambda path: zoo.ConvNet(3, 4, -1, 4, 8), ValueError, "ConvNet: expected scales of at least 0, got -1"),
        (lambda path: zoo.WideResNet(3, 4, 27), ValueError, r"WideResNet: expected a depth of 6n\+4, such as 28"),
        (lambda path: zoo.ResNetV2(3, 4, (1, 1)), ValueError, "ResNetV2: expected as many .* as blocks_per_group, 2"),
        (lambda path: ResNetV2Block(3, 4, 1, False, True), ValueError, "ResNetV2Block: expected a projection or nin"),
        (lambda path: zoo.VGG19(True), ValueError, "VGG19: expected the path of vgg19.npy .* Nothing is downloaded"),
        (lambda path: zoo.RNN(2, 3, 4)(jn.ones((1, 1, 3))), RuntimeError, r"RNN: expected a state\. Call init_state"),
        (lambda path: VGG((1,), (4,), 1, 2, 3).load({}), ValueError, "VGG.load: expected weights of conv1_1, fc6, fc7"),
        (
            lambda path: load_pretrained_weights_from_keras("ResNet9"), ValueError,
            "load_pretrained_weights_from_keras: expected one of ResNet50, ResNet101, ResNet152, got 'ResNet9'",
        ),
        (
            lambda path: load_pretrained_weights_from_keras("ResNet50"), ValueError,
            "load_pretrained_weights_from_keras: expected weights, as nothing is downloaded",
        ),
        (
            lambda path: load_pretrained_weights_from_keras("ResNet50", True, 10, {}), ValueError,
            "load_pretrained_weights_from_keras: expected 1000 classes with the top, got 10",
        ),
        (lambda path: preprocess(jn.ones((1, 4, 2, 2))), ValueError, "preprocess: expected RGB images of shape"),
        (lambda path: VGG((1,), (4,), 1, 2, 3).load(path), pickle.UnpicklingError, "expected arrays, got builtins"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, message, tmp_path):
    np.save(tmp_path / "bad.npy", np.array(Malicious(), object), allow_pickle=True)
    with pytest.raises(error, match=f"^{message}"):
        call(tmp_path / "bad.npy")


def test_refused_inputs_of_a_recurrent_network():
    net = zoo.RNN(2, 3, 4)
    net.init_state(5)
    for shape in ((5, 3), (2, 4, 3), (0, 5, 3)):
        with pytest.raises(ValueError, match=r"^RNN: expected inputs of shape \(steps, 5, 3\), got"):
            net(jn.ones(shape))


def test_refused_weights_change_nothing(rng):
    net = VGG((1,), (4,), 1, 2, 3)
    weights, before = published(net, rng), [np.array(v.value) for v in net.vars()]
    weights["fc8"][0] = np.zeros((3, 3), "float32")
    with pytest.raises(ValueError, match=r"^VGG\.load: fc8: expected shape \(2, 3\), got \(3, 3\)"):
        net.load(weights)
    for v, old in zip(net.vars(), before, strict=True):
        np.testing.assert_array_equal(v.value, old)


def test_vgg19_takes_published_weights(rng, monkeypatch):
    """With few channels, as it has 140 million parameters."""
    init, given = VGG.__init__, []

    def small(self, *sizes):
        given.append(sizes)
        init(self, (1,), (4,), 1, 2, 3)

    weights = published(VGG((1,), (4,), 1, 2, 3), rng)
    monkeypatch.setattr(VGG, "__init__", small)
    net = zoo.VGG19(weights)
    of_file, new = [np.asarray(each[net.names.index("fc8")].w.value) for each in (net, zoo.VGG19())]
    np.testing.assert_array_equal(of_file, weights["fc8"][0])
    assert not np.array_equal(new, weights["fc8"][0])
    assert given == [((2, 2, 4, 4, 4), (64, 128, 256, 512, 512))] * 2


@pytest.mark.parametrize("content", [np.ones(3), np.array([1, 2], object), np.array([1], object)[0]])
def test_a_file_without_weights_of_vgg19(content, tmp_path):
    np.save(tmp_path / "other.npy", content, allow_pickle=True)
    with pytest.raises(ValueError, match=r"other\.npy: expected a dictionary of weights\."):
        _read(tmp_path / "other.npy")
