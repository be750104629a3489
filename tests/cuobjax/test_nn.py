"""Layers and initial values against formulas, loops and PyTorch's numbers."""

import copy
import pickle
import re

import ml_dtypes
import numpy as np
import pytest
import scipy.stats

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn


@pytest.fixture(autouse=True)
def seeded():
    objax.random.DEFAULT_GENERATOR.seed(0)


def names(module):
    return list(module.vars().keys())


# Linear.


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3)])
def test_linear(use_bias, shape, rng):
    layer = nn.Linear(3, 2, use_bias=use_bias)
    x = rng.normal(size=shape).astype("float32")
    if use_bias:
        layer.b.assign(jn.array([1.0, 2.0]))
    expected = x @ np.asarray(layer.w.value) + (np.array([1, 2], "float32") if use_bias else 0)
    y = layer(jn.array(x))
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_linear_variables_and_text():
    layer = nn.Linear(3, 2)
    assert names(layer) == ["(Linear).b", "(Linear).w"]
    assert names(nn.Linear(3, 2, use_bias=False)) == ["(Linear).w"]
    assert (layer.w.shape, layer.b.shape, float(abs(layer.b.value).sum())) == ((3, 2), (2,), 0)
    assert repr(layer) == "cuobjax.nn.Linear(nin=3, nout=2, use_bias=True, w_init=xavier_normal(*, gain=1))"
    assert nn.Linear(3, 2, w_init=jn.ones).w.value.tolist() == [[1, 1]] * 3


def test_linear_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"^Linear: expected x of shape \(\.\.\., 3\), got \(3, 2\)\."):
        nn.Linear(3, 2)(jn.ones((3, 2)))
    with pytest.raises(ValueError, match=r"got \(\)"):
        nn.Linear(3, 2)(jn.array(1.0))


def test_initial_weights_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"^Linear: expected w_init to return shape \(2, 3\), got \(3, 2\)\."):
        nn.Linear(2, 3, w_init=lambda shape: jn.ones(shape[::-1]))
    with pytest.raises(ValueError, match=r"^Conv2D: expected w_init to return shape \(3, 3, 1, 2\), got \(1,\)\."):
        nn.Conv2D(1, 2, 3, w_init=lambda shape: jn.ones(1))


def test_layers_take_raw_arrays_of_any_dtype_in_a_gradient():
    net = nn.Sequential([nn.Conv2D(1, 2, 3), nn.BatchNorm2D(2), objax.functional.flatten, nn.Linear(32, 3)])
    gradient = objax.GradValues(lambda x: (net(x, training=True) ** 2).sum(), net.vars())
    for dtype in ("float64", "float32", "float16", "uint8", "int64"):
        gradients, _ = gradient(np.arange(32).reshape(2, 1, 4, 4).astype(dtype))
        assert {str(g.dtype) for g in gradients} == {"float32"}
    assert {str(t.dtype) for t in net.vars().tensors()} == {"float32"}


# Conv2D; the definition is tested in test_functional.py.


def test_conv_against_pytorch():
    """Numbers of torch.nn.functional.conv2d and of the gradient of the sum of its squares."""
    layer = nn.Conv2D(4, 6, (3, 2), strides=(2, 1), padding=((1, 1), (2, 2)), dilations=(1, 2), groups=2)
    w = (np.arange(72) % 5 - 2).reshape(6, 2, 3, 2)
    layer.w.assign(np.ascontiguousarray(w.transpose(2, 3, 1, 0)).astype("float32"))
    layer.b.assign(np.arange(6, dtype="float32").reshape(6, 1, 1))
    x = (np.arange(240) % 7 - 3).reshape(2, 4, 5, 6).astype("float32")
    expected = [
        [1, -7, 21, 18, 1, -2, -7, -2], [-11, 4, 12, -1, 7, -6, 1, -6], [17, 15, -12, -5, -12, -5, -1, 15],
        [3, -4, 14, 13, -16, 4, -4, 9], [1, 17, 25, -14, 3, -15, 7, 8], [9, 8, -14, 4, -13, 26, 18, 2],
    ]  # fmt: skip
    y = layer(jn.array(x))
    assert y.shape == (2, 6, 3, 8)
    np.testing.assert_array_equal(y[1, :, 1], expected)
    assert float(y.sum()) == 700
    (by_x, _, by_w), (loss,) = objax.GradValues(lambda x: (layer(x) ** 2).sum(), layer.vars(), (0,))(x)
    assert float(loss) == 24748
    np.testing.assert_array_equal(by_x[0, 1], [
        [22, 14, 88, -22, 26, -106], [-102, -58, -84, 168, 42, 166], [-150, 54, 6, 10, 50, -52],
        [334, -366, -148, -76, 4, 146], [-14, 112, -130, 26, -24, -12],
    ])  # fmt: skip
    np.testing.assert_array_equal(by_w.transpose((3, 2, 0, 1))[3], [
        [[16, 182], [-14, 1086], [-500, -26]], [[166, -192], [1076, -678], [-104, 224]],
    ])  # fmt: skip


def test_conv_variables_and_text():
    layer = nn.Conv2D(4, 6, 3, groups=2)
    assert names(layer) == ["(Conv2D).b", "(Conv2D).w"]
    assert (layer.w.shape, layer.b.shape) == ((3, 3, 2, 6), (6, 1, 1))
    assert names(nn.Conv2D(4, 6, 3, use_bias=False)) == ["(Conv2D).w"]
    assert repr(nn.Conv2D(4, 6, 3, 2, padding=1)) == (
        "cuobjax.nn.Conv2D(nin=4, nout=6, k=(3, 3), strides=(2, 2), dilations=(1, 1), groups=1, "
        "padding=((1, 1), (1, 1)), use_bias=True, w_init=kaiming_normal(*, gain=1))"
    )
    assert nn.Conv2D(1, 1, np.int64(3)).w.shape == (3, 3, 1, 1)


def test_conv_of_a_wrong_shape():
    layer = nn.Conv2D(3, 4, 3)
    with pytest.raises(
        ValueError, match=r"^Conv2D: expected x of shape \(N, 3, H, W\), got \(8, 28, 28, 3\)\. Is the layout NCHW\?$"
    ):
        layer(jn.ones((8, 28, 28, 3)))
    with pytest.raises(ValueError, match=r"got \(3, 8, 8\)"):
        layer(jn.ones((3, 8, 8)))
    for nin, nout in [(3, 4), (4, 3)]:
        with pytest.raises(
            ValueError, match=rf"^Conv2D: expected groups that divide nin and nout, got 2 for {nin} and {nout}\."
        ):
            nn.Conv2D(nin, nout, 3, groups=2)


# BatchNorm.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"padding": "foo"}, r"^padding: expected 'SAME', .* got 'foo'\."),
        ({"padding": None}, r"^padding: expected 'SAME', .* got None\."),
        ({"strides": (1,)}, r"^Conv2D: expected strides as a number or 2 of them, got \(1,\)\."),
        ({"k": (3, 3, 3)}, r"^Conv2D: expected k as a number or 2 of them, got \(3, 3, 3\)\."),
        ({"groups": 0}, r"^Conv2D: expected groups that divide nin and nout, got 0 for 2 and 2\."),
    ],
)
def test_conv_of_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2D(2, 2, **{"k": 3} | arguments)


def test_batch_norm_against_pytorch():
    layer = nn.BatchNorm1D(2, momentum=0.9, eps=1e-3)
    layer.gamma.assign(jn.array([2.0, 0.5]).reshape(1, 2, 1))
    layer.beta.assign(jn.array([-1.0, 1.0]).reshape(1, 2, 1))
    x = jn.array([[[1.0, 2.0], [3.0, 5.0]], [[4.0, 0.0], [1.0, 1.0]], [[2.0, 2.0], [0.0, 3.0]]])
    weights = jn.arange(12.0).reshape(3, 2, 2)
    f = objax.GradValues(
        lambda x: ((layer(x, training=True) * weights).sum(), layer(x, training=True)), layer.vars(), (0,)
    )
    before = np.array(layer.running_mean.value)
    (by_x, by_beta, by_gamma), (_, y) = f(x)
    np.testing.assert_allclose(y, [
        [[-2.3731396, -0.7253723], [1.2487149, 1.8456309]], [[2.5701623, -4.020907], [0.65179896, 0.65179896]],
        [[-0.7253723, -0.7253723], [0.353341, 1.2487149]],
    ], rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(by_x, [
        [[-7.0265927, -5.8448577], [-1.0845879, -0.1657947]], [[-1.8336203, 1.6782763], [-0.51109123, -0.21263327]],
        [[5.6895137, 7.3372808], [0.37257305, 1.601534]],
    ], rtol=2e-5)  # fmt: skip
    np.testing.assert_allclose(by_gamma.reshape(-1), [2.0597076, -10.446032], rtol=1e-5)
    np.testing.assert_allclose(by_beta.reshape(-1), [27, 39], rtol=1e-6)
    mean, variance = np.asarray(x).mean((0, 2)), np.asarray(x).var((0, 2))
    keep = 0.9**2  # two calls
    np.testing.assert_allclose(
        layer.running_mean.value.reshape(-1), (1 - keep) * mean + keep * before.reshape(-1), rtol=1e-5
    )
    np.testing.assert_allclose(layer.running_var.value.reshape(-1), (1 - keep) * variance + keep, rtol=1e-5)


def test_batch_norm_uses_the_running_statistics_in_evaluation(rng):
    layer = nn.BatchNorm0D(3, eps=0.5)
    layer.running_mean.value = jn.array([[1.0, 2.0, 3.0]])
    layer.running_var.value = jn.array([[0.5, 1.5, 3.5]])
    x = rng.normal(size=(4, 3)).astype("float32")
    y = layer(jn.array(x), training=False)
    np.testing.assert_allclose(y, (x - [1, 2, 3]) / np.sqrt([1, 2, 4]), rtol=1e-5, atol=1e-6)
    assert layer.running_mean.value.tolist() == [[1, 2, 3]]
    (g,) = objax.Grad(lambda x: layer(x, training=False).sum(), None, (0,))(x)
    np.testing.assert_allclose(g, np.tile(1 / np.sqrt([1, 2, 4]), (4, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "shape", "dims"),
    [
        (nn.BatchNorm0D, (6, 2), (1, 2)), (nn.BatchNorm1D, (6, 2, 3), (1, 2, 1)),
        (nn.BatchNorm2D, (6, 2, 3, 4), (1, 2, 1, 1)),
        (lambda n, **kwargs: nn.BatchNorm((1, 1, 4), (0, 1), **kwargs), (6, 2, 4), (1, 1, 4)),
    ],
)  # fmt: skip
def test_batch_norm_normalizes(make, shape, dims, rng):
    layer = make(2, momentum=0.5)
    x = rng.normal(3, 2, size=shape).astype("float32")
    axes = tuple(i for i, n in enumerate(dims) if n == 1)
    y = np.asarray(layer(jn.array(x), training=True))
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axes), 1, atol=1e-4)
    np.testing.assert_allclose(layer.running_mean.value, 0.5 * x.mean(axes, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.value, 0.5 + 0.5 * x.var(axes, keepdims=True), rtol=1e-5)
    kind = type(layer).__name__
    assert names(layer) == [f"({kind}).{name}" for name in ("running_mean", "running_var", "beta", "gamma")]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.BatchNorm0D(3), (2, 4), r"BatchNorm0D: expected x of shape \(\*, 3\)"),
        (nn.BatchNorm1D(3), (2, 3), r"BatchNorm1D: expected x of shape \(\*, 3, \*\)"),
        (nn.BatchNorm2D(1), (2, 3, 4, 5), r"BatchNorm2D: expected x of shape \(\*, 1, \*, \*\)"),
        (nn.BatchNorm((1, 3), (-2,)), (2, 1), r"BatchNorm: expected x of shape \(\*, 3\)"),
    ],
)
def test_batch_norm_of_a_wrong_shape(layer, shape, expected, training):
    with pytest.raises(ValueError, match=rf"^{expected}, got {re.escape(str(shape))}\."):
        layer(np.ones(shape, "float32"), training=training)


@pytest.mark.parametrize("layer", [nn.BatchNorm0D(3), nn.SyncedBatchNorm0D(3)])
def test_batch_norm_without_elements_or_of_complex_numbers_keeps_its_statistics(layer):
    name = type(layer).__name__
    with pytest.raises(ValueError, match=rf"^{name}: expected elements to take statistics of, got x of shape \(0, 3\)"):
        layer(np.ones((0, 3), "float32"), training=True)
    with pytest.raises(TypeError, match=f"^{name}: expected real numbers, got dtype complex64"):
        layer(np.ones((2, 3), "complex64"), training=True)
    np.testing.assert_array_equal(layer.running_mean.value, np.zeros((1, 3)))
    assert layer(np.ones((0, 3), "float32"), training=False).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16], ids=str)
def test_batch_norm_of_half_precision_has_statistics_in_float32(dtype, rng):
    x = (rng.normal(size=(16, 3, 8, 8)) * 150 + 100).astype(dtype)  # the square of a deviation of 256 is no float16
    exact = objax.nn.BatchNorm2D(3)
    expected = exact(x.astype("float32"), training=True)
    for default in ("float32", dtype):
        objax.set_default_dtype(default)
        try:
            layer = objax.nn.BatchNorm2D(3)
        finally:
            objax.set_default_dtype("float32")
        assert (layer.running_mean.dtype, layer.running_var.dtype) == ("float32", "float32")
        y = layer(x, training=True)
        assert y.dtype == default
        np.testing.assert_allclose(np.asarray(y, "float32"), expected, atol=0.02)
        np.testing.assert_allclose(layer.running_var.value, exact.running_var.value, rtol=1e-5)
        np.testing.assert_allclose(np.asarray(layer(x, training=False), "float32").std(), 35, rtol=0.2)


def test_batch_norm_text():
    assert repr(nn.BatchNorm2D(3)) == "cuobjax.nn.BatchNorm2D(nin=3, momentum=0.999, eps=1e-06)"
    assert (
        repr(nn.BatchNorm((1, 3), (0,), 0.9))
        == "cuobjax.nn.BatchNorm(dims=(1, 3), redux=(0,), momentum=0.9, eps=1e-06)"
    )


# Dropout.


def test_dropout_in_training():
    generator = objax.random.Generator(1)
    layer = nn.Dropout(0.8, generator=generator)
    x = jn.ones((100, 100)) * 3
    y = np.asarray(layer(x, training=True))
    assert set(np.unique(y).tolist()) == {0, np.float32(3) / np.float32(0.8)}
    assert abs((y != 0).mean() - 0.8) < 0.02
    assert not (np.asarray(layer(x, training=True)) == y).all()
    generator.seed(1)
    np.testing.assert_array_equal(layer(x, training=True), y)
    half = np.asarray(layer(x, training=True, dropout_keep=0.5))
    assert abs((half != 0).mean() - 0.5) < 0.03
    assert y.dtype == half.dtype == "float32"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_dropout_draws_the_bits_of_bernoulli(dtype):
    x = jn.asarray(np.arange(1, 25).reshape(2, 3, 4), dtype)
    y = nn.Dropout(0.7, objax.random.Generator(5))(x, training=True)
    mask = objax.random.bernoulli(x.shape, 0.7, generator=objax.random.Generator(5))
    assert y.dtype == dtype
    expected = jn.where(mask, x.astype("float32") / np.float32(0.7), 0).astype(dtype)
    np.testing.assert_array_equal(y.astype("float32"), expected.astype("float32"))


def test_dropout_under_transformations():
    layer, x = nn.Dropout(0.5, objax.random.Generator(1)), jn.ones((4, 30))
    lanes = objax.Vectorize(lambda x: layer(x, training=True), layer.vars())(x)
    assert len({tuple(np.asarray(lane).tolist()) for lane in lanes}) == 4  # each has numbers of its own
    loss = objax.Grad(lambda x: (layer(x, training=True) ** 2).sum() / 8, layer.vars(), (0,))
    assert set(np.asarray(loss(x)[0]).ravel().tolist()) == {0.0, 1.0}
    assert set(np.asarray(objax.Jit(loss)(x)[0]).ravel().tolist()) == {0.0, 1.0}


def test_dropout_without_training():
    layer = nn.Dropout(0.3)
    x = jn.arange(6.0)
    key = layer.keygen.key.value
    np.testing.assert_array_equal(layer(x, training=False), x)
    np.testing.assert_array_equal(layer(x, training=True, dropout_keep=1), x)
    np.testing.assert_array_equal(layer.keygen.key.value, key)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("x", [np.ones((2, 3), "float32"), [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]], ids=["numpy", "lists"])
def test_dropout_of_what_is_no_array_yet(x, training):
    y = nn.Dropout(0.5)(x, training=training)
    assert (type(y), y.shape, y.dtype) == (jn.ndarray, (2, 3), "float32")


def test_dropout_passes_the_gradient_of_what_it_kept():
    layer = nn.Dropout(0.5, generator=objax.random.Generator(2))
    (g,), (_, y) = objax.GradValues(lambda x: (lambda y: (y.sum(), y))(layer(x, training=True)), None, (0,))(
        jn.ones(50)
    )
    np.testing.assert_array_equal(g, y)
    assert {0, 2} == set(np.asarray(g).tolist())


@pytest.mark.parametrize("keep", [0, -0.1, 1.5])
def test_dropout_of_a_wrong_probability(keep):
    with pytest.raises(
        ValueError, match=rf"^Dropout: expected a probability to keep above 0 and at most 1, got {keep}\."
    ):
        nn.Dropout(0.5)(jn.ones(2), training=True, dropout_keep=keep)


def test_dropout_variables():
    assert names(nn.Dropout(0.5)) == ["(Dropout).keygen(Generator)._key"]
    assert repr(nn.Dropout(0.5)) == "cuobjax.nn.Dropout(keep=0.5)"


# Sequential.


def test_sequential_hands_results_on():
    calls = []

    def pair(x, y=1):
        calls.append((x, y))
        return x, y + 1

    net = nn.Sequential([lambda x: x + 1, pair, pair, lambda x, y: [x, y], lambda z: z])
    assert net(1) == [2, 3]
    assert calls == [(2, 1), (2, 2)]
    assert nn.Sequential()(1) == 1
    assert nn.Sequential()(1, 2) == (1, 2)
    assert nn.Sequential([lambda: 3])() == 3


def test_sequential_gives_keyword_arguments_to_who_takes_them():
    def inner(x, training):
        return x * (2 if training else 3)

    def everything(x, **kwargs):
        return x + len(kwargs)

    net = nn.Sequential([inner, np.negative, jn.negative, everything, float])
    assert net(jn.array(1.0), training=True, unused=None) == 4
    assert net(jn.array(1.0), training=False) == 4
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'training'") as caught:
        nn.Sequential([jn.negative, nn.Sequential([nn.Dropout(0.5)])])(jn.array(1.0))
    assert caught.value.__notes__[0] == "in Sequential[0]: cuobjax.nn.Dropout(keep=0.5)"
    assert caught.value.__notes__[1].startswith("in Sequential[1]: cuobjax.nn.Sequential(")


def test_sequential_refuses_keyword_arguments_that_no_layer_takes():
    net = nn.Sequential([nn.Sequential([nn.Dropout(0.5)]), nn.Linear(2, 3)])
    with pytest.raises(TypeError, match=r"^Sequential: expected keywords that a layer takes, got \['traning'\]\."):
        net(jn.ones((1, 2)), traning=True)
    assert net(jn.ones((1, 2)), training=True, dropout_keep=1).shape == (1, 3)
    assert net[1:](jn.ones((1, 2)), training=True).shape == (1, 3)


def test_sequential_names_the_function_that_failed():
    with pytest.raises(ValueError, match=r"^Linear: expected x") as caught:
        nn.Sequential([objax.functional.relu, nn.Linear(2, 3, w_init=nn.init.identity)])(jn.ones((1, 3)))
    assert caught.value.__notes__ == [
        "in Sequential[1]: cuobjax.nn.Linear(nin=2, nout=3, use_bias=True, w_init=identity(*, gain=1))"
    ]

    class Custom(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    def fail(x):
        raise Custom(1, 2)

    with pytest.raises(Custom) as caught:
        nn.Sequential([fail])(0)
    assert caught.value.__notes__ == ["in Sequential[0]: fail"]


def test_sequential_slices_and_copies():
    class Net(nn.Sequential):
        def __init__(self, n):
            super().__init__([nn.Linear(n, n), objax.functional.relu, nn.Linear(n, 1)])

    net = Net(2)
    assert names(net) == ["(Net)[0](Linear).b", "(Net)[0](Linear).w", "(Net)[2](Linear).b", "(Net)[2](Linear).w"]
    part = net[:-1]
    assert type(part) is nn.Sequential
    assert part[0] is net[0]
    np.testing.assert_array_equal(net[2](part(jn.ones((1, 2)))), net(jn.ones((1, 2))))
    for other in (copy.deepcopy(nn.Sequential(net)), pickle.loads(pickle.dumps(nn.Sequential(net)))):
        np.testing.assert_array_equal(other(jn.ones((1, 2))), net(jn.ones((1, 2))))
        assert other[0].w is not net[0].w


# All together.


@pytest.fixture
def double_precision():
    objax.set_default_dtype("float64")
    yield
    objax.set_default_dtype("float32")


def test_gradients_of_a_network_are_finite_differences(double_precision, rng):
    generator = objax.random.Generator(0)
    net = nn.Sequential([
        nn.Conv2D(2, 4, 3, strides=2, groups=2), nn.BatchNorm2D(4), objax.functional.elu,
        nn.Conv2D(4, 3, (2, 1), padding="VALID", dilations=(2, 1)), objax.functional.average_pool_2d,
        objax.functional.flatten, nn.Dropout(0.7, generator), nn.Linear(3, 3), objax.functional.tanh,
    ])  # fmt: skip
    x, labels = rng.normal(size=(5, 2, 8, 5)), rng.integers(0, 3, 5)

    def loss(x):
        generator.seed(1)  # the same elements are dropped each time
        return objax.functional.loss.cross_entropy_logits_sparse(net(x, training=True), jn.asarray(labels)).mean()

    variables = net.vars().subset(objax.TrainVar)
    inputs, *gradients = objax.Grad(loss, variables, (0,))(x)
    points = [(v.value, lambda value, v=v: v.assign(value)) for v in variables]
    for (value, assign), gradient in zip(points, gradients, strict=True):
        direction = jn.array(rng.normal(size=value.shape))
        values = []
        for step in (1e-5, -1e-5):
            assign(value + step * direction)
            values.append(float(loss(jn.asarray(x))))
        assign(value)
        np.testing.assert_allclose((gradient * direction).sum(), (values[0] - values[1]) / 2e-5, rtol=1e-5, atol=1e-9)
    direction = rng.normal(size=x.shape)
    ahead, behind = (float(loss(jn.asarray(x + step * direction))) for step in (1e-5, -1e-5))
    np.testing.assert_allclose((inputs * jn.asarray(direction)).sum(), (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-9)


# Initial values.


@pytest.mark.parametrize(
    ("make", "shape", "stddev"),
    [
        (nn.init.kaiming_normal, (50, 400), 50**-0.5),
        (nn.init.kaiming_normal, (3, 3, 10, 300), 90**-0.5),
        (nn.init.xavier_normal, (50, 400), (2 / 450) ** 0.5),
        (nn.init.xavier_normal, (3, 3, 10, 300), (2 / 390) ** 0.5),
        (nn.init.kaiming_uniform, (50, 400), 50**-0.5),
        (nn.init.xavier_uniform, (50, 400), (2 / 450) ** 0.5),
        (nn.init.kaiming_truncated_normal, (50, 400), 50**-0.5),
        (nn.init.xavier_truncated_normal, (50, 400), (2 / 450) ** 0.5),
        (lambda shape: nn.init.kaiming_truncated_normal(shape, lower=-1, upper=1), (50, 400), 50**-0.5),
        (lambda shape: nn.init.kaiming_truncated_normal(shape, lower=-1.5, upper=3), (50, 400), 50**-0.5),
        (lambda shape: nn.init.kaiming_normal(shape, gain=2), (50, 400), 2 * 50**-0.5),
        (lambda shape: nn.init.xavier_truncated_normal(shape, gain=2), (50, 400), 2 * (2 / 450) ** 0.5),
        (lambda shape: nn.init.truncated_normal(shape, stddev=3), (50, 400), 3),
        (lambda shape: nn.init.truncated_normal(shape, -1, 0.5, 2), (50, 400), 2),
    ],
)
def test_standard_deviations(make, shape, stddev):
    x = make(shape)
    assert (x.dtype, x.shape) == ("float32", shape)
    assert abs(float(x.std()) / stddev - 1) < 0.02


def test_truncated_normal_bounds():
    scale = scipy.stats.truncnorm.std(-1, 0.5)
    x = np.asarray(nn.init.truncated_normal((1000,), -1, 0.5, stddev=2)) * scale / 2
    assert -1.001 <= x.min() < -0.95
    assert 0.45 < x.max() <= 0.501


def test_gains():
    assert nn.init.gain_leaky_relu(0.1) == pytest.approx((2 / 1.01) ** 0.5)
    assert nn.init.gain_leaky_relu(0) == pytest.approx(2**0.5)
    assert nn.init.kaiming_normal_gain((3, 3, 4, 8)) == pytest.approx(1 / 6)
    assert nn.init.xavier_normal_gain((3, 3, 4, 8)) == pytest.approx((2 / 44) ** 0.5)


def test_identity():
    np.testing.assert_array_equal(nn.init.identity((2, 3), gain=2), [[2, 0, 0], [0, 2, 0]])
    with pytest.raises(ValueError, match=r"^identity: expected the shape of a matrix, got \(2, 2, 2\)\."):
        nn.init.identity((2, 2, 2))


@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 5), -1), ((6, 4), -1), ((4, 6), -1), ((3, 2, 4), -1), ((3, 2, 4), 0), ((3, 8, 4), 1)]
)
def test_orthogonal(shape, axis):
    w = nn.init.orthogonal(shape, gain=2, axis=axis)
    assert (w.shape, w.dtype, w.device) == (shape, "float32", objax.default_device())
    matrix = np.moveaxis(np.asarray(w), axis, -1).reshape(-1, shape[axis]) / 2
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


def test_uniform_initial_values_have_the_bounds_of_pytorch():
    """sqrt(6 / (fan_in + fan_out)) and sqrt(3 / fan_in), times the gain."""
    for init, bound in ((nn.init.xavier_uniform, (6 / 450) ** 0.5), (nn.init.kaiming_uniform, (3 / 50) ** 0.5)):
        x = np.asarray(objax.device_put(init((50, 400), gain=2), "cpu"))
        assert 1.99 * bound < x.max() <= 2 * bound
        assert -2 * bound <= x.min() < -1.99 * bound


def test_dropout_takes_a_probability_that_was_computed():
    x = jn.arange(1.0, 10_001.0)
    kept = nn.Dropout(0.9, generator=objax.random.Generator(1))(x, training=True, dropout_keep=jn.array(0.25))
    kept, x = np.asarray(kept), np.asarray(x)
    assert set(np.unique(kept / x)) == {0, 4}
    assert abs((kept > 0).mean() - 0.25) < 5 * (0.25 * 0.75 / len(x)) ** 0.5
