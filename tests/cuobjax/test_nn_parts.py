"""Averages, embeddings, MLPs and layers with other weights: formulas, PyTorch's numbers, states, errors."""

import copy
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn
from tests.cuobjax.test_layers_values import DATA, numbers


@pytest.fixture(autouse=True)
def seeded():
    objax.random.DEFAULT_GENERATOR.seed(0)


# Averages.


def test_moving_average():
    layer = nn.MovingAverage((2,), 3, init_value=3)
    given = [[3, 3]] * 3 + [[0, 6], [3, 9], [6, 0], [9, 9]]
    for i in range(3, 7):
        np.testing.assert_allclose(layer(jn.array(given[i])), np.mean(given[i - 2 : i + 1], 0))
    assert layer.buffer.value.tolist() == given[-3:]
    assert repr(layer) == "cuobjax.nn.MovingAverage(shape=(2,), buffer_size=3, init_value=3)"


def test_exponential_moving_average():
    layer = nn.ExponentialMovingAverage((2,), momentum=0.75, init_value=4)
    assert layer([0, 8]).tolist() == [3, 5]
    assert layer(np.array([3.0, 1.0])).tolist() == layer.avg.value.tolist() == [3, 4]
    assert repr(layer) == "cuobjax.nn.ExponentialMovingAverage(shape=(2,), momentum=0.75, init_value=4)"


@pytest.mark.parametrize(
    ("make", "share"),
    [(lambda: nn.MovingAverage((2,), 4), 0.25), (lambda: nn.ExponentialMovingAverage((2,), 0.5), 0.5)],
)
def test_averages_in_transformations(make, share):
    """The average is differentiated, the state is not a traced value, and Jit writes it."""
    layer, other = make(), make()
    (g,) = objax.Grad(lambda x: (layer(x) ** 2).sum(), None, (0,))(jn.array([1.0, 2.0]))
    assert g.tolist() == [2 * share**2, 4 * share**2]
    assert type(layer.vars().tensors()[0]) is objax.Array
    step = objax.Jit(lambda x: other(x).sum())
    for _ in range(2):
        step(jn.array([1.0, 2.0]))
    assert float(abs(other.vars().tensors()[0]).sum()) > 0
    assert pickle.loads(pickle.dumps(other)).vars().tensors()[0].tolist() == other.vars().tensors()[0].tolist()


# Embedding and MLP.


def test_embedding():
    layer = nn.Embedding(5, 3, w_init=lambda shape: jn.arange(15.0).reshape(shape))
    x = np.array([[0, 4, 4], [1, 0, 2]])
    np.testing.assert_array_equal(layer(x), np.arange(15).reshape(5, 3)[x])
    assert layer(2).tolist() == [6, 7, 8]
    assert layer(np.zeros((0,), int)).shape == (0, 3)
    (g,) = objax.Grad(lambda x: (layer(x) * jn.arange(1.0, 7.0).reshape(2, 3, 1)).sum(), layer.vars())(x)
    assert g[:, 0].tolist() == [1 + 5, 4, 6, 0, 2 + 3]
    np.testing.assert_array_equal(objax.Jit(layer)(x), layer(x))
    np.testing.assert_array_equal(objax.Vectorize(layer)(x), layer(x))
    assert abs(float(nn.Embedding(300, 100).w.std()) - 1) < 0.02
    assert repr(nn.Embedding(5, 3, w_init=jn.ones)).startswith("cuobjax.nn.Embedding(nin=5, nout=3, w_init=ones(")


@pytest.mark.usefixtures("on_the_cpu")
def test_embedding_of_numbers_out_of_range():
    layer = nn.Embedding(5, 3)
    for x, wrong in ((np.array([1, -1]), -1), (jn.array([[0, 5]]), 5)):
        for f in (layer, objax.Jit(layer), objax.Vectorize(layer)):
            with pytest.raises(ValueError, match=rf"^Embedding: expected numbers from 0 to 4, got {wrong}\."):
                f(x)
    recorded = objax.Jit(layer)
    recorded(np.array([1, 2]))
    for wrong in (-1, 5):
        with pytest.raises(IndexError, match="out of bounds"):
            recorded(np.array([1, wrong]))
    with pytest.raises(TypeError, match=r"^Embedding: expected integers, got dtype float32\."):
        layer(jn.ones(2))


def test_mlp():
    net = nn.MLP([3, 4, 4, 2], jn.tanh)
    x = jn.ones((5, 3))
    expected = net[4](jn.tanh(net[2](jn.tanh(net[0](x)))))
    np.testing.assert_array_equal(net(x), expected)
    assert list(nn.MLP((3, 2), use_bias=False).vars().keys()) == ["(MLP)[0](Linear).w"]
    assert type(net[:2]) is nn.Sequential
    assert "cuobjax.nn.MLP(" in repr(net)


def test_run_layer():
    class Watched(nn.Sequential):
        @classmethod
        def run_layer(cls, layer, f, args, kwargs):
            shapes.append((layer, args[0].shape))
            return super().run_layer(layer, f, args, kwargs)

    shapes = []
    net = Watched([nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)])
    net(jn.ones((1, 3)), training=True)
    assert shapes == [(0, (1, 3)), (1, (1, 4)), (2, (1, 4))]
    assert (
        nn.Sequential.run_layer(0, nn.Dropout(0.5), [jn.ones(3)], {"training": False, "other": 1}).tolist() == [1] * 3
    )
    with pytest.raises(ValueError, match=r"^Linear: expected x") as caught:
        nn.Sequential.run_layer(7, net[0], [jn.ones(2)], {})
    assert caught.value.__notes__[0].startswith("in Sequential[7]: cuobjax.nn.Linear(nin=3")
    with pytest.raises(ValueError, match=r"^Linear: expected x") as caught:
        net(jn.ones(2), training=False)
    assert caught.value.__notes__[0].startswith("in Watched[0]")


# Weights of other kinds.


def layer_of(kind, w):
    layer = nn.Linear(3, 4) if kind == "linear" else nn.Conv2D(2, 4, 3)
    layer.w.assign(np.ascontiguousarray(w.T if kind == "linear" else w.transpose(2, 3, 1, 0)))
    layer.b.assign(np.arange(4, dtype="float32").reshape(layer.b.shape))
    return layer, numbers(2, 3) if kind == "linear" else numbers(2, 2, 4, 5)


def of_pytorch(kind, g):
    return g.T if kind == "linear" else g.transpose(2, 3, 1, 0)


def gradients_and_output(layer, x, y, **kwargs):
    weights = (jn.arange(y.size) % 4).reshape(y.shape)

    def loss(x):
        y = layer(x, **kwargs)
        return (y * weights).sum(), y

    return objax.GradValues(loss, layer.vars())(x)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_weight_norm_against_pytorch(kind):
    name = f"weight_norm/{kind}"
    inner, x = layer_of(kind, DATA[f"{name}/w"])
    layer = nn.WeightNorm(inner)
    np.testing.assert_allclose(layer(x), inner(x), rtol=1e-5, atol=1e-5)
    layer.g.assign(2 * layer.g.value)
    (_, by_w, by_g), (_, y) = gradients_and_output(layer, x, DATA[f"{name}/y"])
    np.testing.assert_allclose(y, DATA[f"{name}/y"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_g.reshape(-1), DATA[f"{name}/original0"].reshape(-1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_w, of_pytorch(kind, DATA[f"{name}/original1"]), rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(layer.merge()(x), y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_spectral_norm_against_pytorch(kind):
    name = f"spectral_norm/{kind}"
    inner, x = layer_of(kind, DATA[f"{name}/w"])
    layer = nn.SpectralNorm(inner)
    v = DATA[f"{name}/before/v"]
    layer.u.value = DATA[f"{name}/before/u"]
    layer.v.value = np.ascontiguousarray(v if kind == "linear" else v.reshape(2, 3, 3).transpose(1, 2, 0).reshape(-1))
    (_, by_w), (_, y) = gradients_and_output(layer, x, DATA[f"{name}/y"], training=True)
    np.testing.assert_allclose(y, DATA[f"{name}/y"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_w, of_pytorch(kind, DATA[f"{name}/original"]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.u.value, DATA[f"{name}/after/u"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer(x, training=False), DATA[f"{name}/evaluated"], rtol=1e-5, atol=1e-5)
    fresh = nn.SpectralNorm(layer_of(kind, DATA[f"{name}/w"])[0], steps=100)
    fresh.train()(x)
    matrix = np.asarray(fresh.merge().w.value).reshape(-1, 4)
    assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: nn.Linear(6, 4), numbers(2, 6)), (lambda: nn.Conv2D(2, 4, 3, groups=2), numbers(2, 2, 4, 5)),
        (lambda: nn.ConvTranspose1D(2, 4, 3), numbers(2, 2, 5)),
        (lambda: nn.Embedding(6, 4), np.array([[1, 2], [5, 1]])),
    ],
)  # fmt: skip
def test_lora(make, x, rng):
    plain = make()
    layer, x = nn.LoRA(copy.deepcopy(plain), 2, alpha=6), jn.array(x)
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-6)
    assert list(layer.vars().subset(objax.TrainVar).keys()) == ["(LoRA).down", "(LoRA).up"]
    gradients = objax.Grad(lambda: (layer(x) ** 2).sum(), layer.vars())()
    assert [float(abs(g).sum()) > 0 for g in gradients] == [False, True]  # as up is zero
    layer.up.assign(rng.normal(size=layer.up.shape).astype("float32"))
    changed = np.asarray(plain.w.value) + 3 * np.asarray(layer.down.value) @ np.asarray(layer.up.value)
    plain.w.assign(changed)
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)
    merged = layer.merge()
    np.testing.assert_allclose(merged(x), plain(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-5)
    assert len(list(merged.vars().subset(objax.TrainVar))) == len(list(plain.vars()))


WRAPPERS = [nn.WeightNorm, nn.SpectralNorm, lambda layer: nn.LoRA(layer, 2)]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrapped_layers_in_transformations_files_and_copies(wrap, tmp_path):
    objax.random.DEFAULT_GENERATOR.seed(1)
    net = nn.Sequential([nn.Linear(3, 4), jn.tanh, wrap(nn.Linear(4, 2))])
    net.eval()
    x = jn.array(numbers(5, 3))
    y = net(x)
    np.testing.assert_allclose(objax.Jit(net)(x), y, rtol=1e-6)
    np.testing.assert_allclose(objax.Vectorize(net)(x), y, rtol=1e-5)
    gradient = objax.Grad(lambda x: (net(x) ** 2).sum(), net.vars())
    again = objax.Grad(lambda x: (objax.Remat(net)(x) ** 2).sum(), net.vars())
    for a, b, c in zip(gradient(x), objax.Jit(gradient)(x), again(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-5)
    path = tmp_path / "net.npz"
    objax.io.save_var_collection(path, net.vars())
    other = nn.Sequential([nn.Linear(3, 4), jn.tanh, wrap(nn.Linear(4, 2))]).eval()
    objax.io.load_var_collection(path, other.vars())
    for same in (other, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(same(x), y)
    half = net(x.astype("float16"))
    np.testing.assert_allclose(half, y, rtol=1e-2, atol=1e-2)
    optimizer = objax.optimizer.SGD(net.vars())
    optimizer(0.1, gradient(x))
    assert float((net(x) ** 2).sum()) < float((y**2).sum())
    assert type(net[2]).__name__ in str(objax.summary(net, x))
    assert "layer=cuobjax.nn.Linear(nin=4, nout=2" in repr(net[2])


def test_the_iteration_of_spectral_norm_is_a_state():
    layer = nn.SpectralNorm(nn.Linear(3, 4))
    layer.layer.w.assign(jn.array(numbers(3, 4)))
    x, before = jn.ones((2, 3)), np.array(layer.u.value)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.u.value, before)
    objax.Jit(lambda: layer(x, training=True))()
    assert float(abs(np.asarray(layer.u.value) - before).max()) > 1e-3
    assert type(layer.u.value) is objax.Array
    before = layer.u.value
    with pytest.raises(ValueError, match=r"^Linear: expected x of shape"):
        layer(jn.ones((2, 4)), training=True)
    assert layer.u.value is before


@pytest.mark.parametrize("wrap", [nn.WeightNorm, nn.SpectralNorm])
def test_weights_that_become_zero_give_no_nan_and_are_trained(wrap):
    layer, x = wrap(nn.Linear(2, 3)), jn.ones((1, 2))
    layer.layer.w.assign(jn.zeros((2, 3)))
    call = {"training": True} if wrap is nn.SpectralNorm else {}
    gradients = objax.GradValues(lambda: layer(x, **call).sum(), layer.vars())
    g, v = gradients()
    assert float(v[0]) == 0
    assert all(jn.isfinite(a).all() for a in g)
    assert jn.all(gradients.named(g)["(" + wrap.__name__ + ").layer(Linear).w"] != 0)


def test_spectral_norm_finds_the_singular_value_of_weights_that_were_zero():
    layer = nn.SpectralNorm(nn.Linear(2, 3, w_init=jn.zeros), steps=20)
    layer.layer.w.assign(jn.array([[3.0, 0, 0], [0, 2.0, 0]]))
    y = layer(jn.eye(2), training=True)
    np.testing.assert_allclose(objax.device_put(y, "cpu"), [[1, 0, 0], [0, 2 / 3, 0]], atol=1e-4)


def test_complex_averages_take_complex_numbers():
    np.testing.assert_allclose(nn.MovingAverage((), 2, 0j)(2j), 1j)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.MovingAverage((2,), 0), "MovingAverage: expected buffer_size of at least 1, got 0"),
        (lambda: nn.MovingAverage((2,), 3)(jn.ones(3)), r"MovingAverage: expected x of shape \(2,\), got \(3,\)"),
        (lambda: nn.ExponentialMovingAverage((2,), 2), "ExponentialMovingAverage: expected momentum from 0 to 1"),
        (lambda: nn.ExponentialMovingAverage((2,))(1.0), r"ExponentialMovingAverage: expected x of shape \(2,\), got"),
        (lambda: nn.Embedding(0, 3), "Embedding: expected nin of at least 1, got 0"),
        (lambda: nn.Embedding(3), r"Embedding: missing .* Write Embedding\(nin, nout\)"),
        (lambda: nn.MLP([3]), r"MLP: expected at least two sizes, got \[3\]\. Write MLP\(\[2, 1\]\)"),
        (lambda: nn.MLP(3), "MLP: expected at least two sizes, got 3"),
        (lambda: nn.MLP([3, 2.5]), r"MLP: expected sizes of integers, got \[3, 2\.5\]"),
        (lambda: nn.WeightNorm(jn.tanh), "WeightNorm: expected a layer with weights w, such as Linear or Conv2D, got"),
        (lambda: nn.MovingAverage((), 3)(1j), "MovingAverage: expected real numbers, got dtype complex64"),
        (lambda: nn.ExponentialMovingAverage(())(1j), "ExponentialMovingAverage: expected real numbers, got"),
        (lambda: nn.WeightNorm(nn.Linear(2, 3, w_init=jn.zeros)), "WeightNorm: expected weights that are not all 0"),
        (lambda: nn.WeightNorm(nn.Linear(2, 3), axis=2), "axis 2 is out of bounds"),
        (lambda: nn.SpectralNorm(nn.Dropout(0.5)), "SpectralNorm: expected a layer with weights w"),
        (lambda: nn.SpectralNorm(nn.Linear(1, 1))(jn.ones((1, 1))), "SpectralNorm.* missing .* 'training'"),
        (lambda: nn.LoRA(nn.Linear(2, 3), 0), "LoRA: expected rank of at least 1, got 0"),
        (lambda: nn.LoRA(nn.Linear(2, 3)), r"LoRA: missing .* Write LoRA\(layer, rank\)"),
        (lambda: nn.LoRA(nn.Linear(2, 3), 2, w_init=lambda shape: jn.ones(1)), "LoRA: expected w_init to return shape"),
    ],
)  # fmt: skip
def test_what_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        make()
