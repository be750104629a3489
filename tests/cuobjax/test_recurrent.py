"""Recurrent layers in all but their values, which `test_sequence_values.py` compares with PyTorch's."""

import pickle

import ml_dtypes
import numpy as np
import pytest

import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd.recurrence import recurrence
from cuobjax import nn

LAYERS = [nn.RNN, nn.LSTM, nn.GRU]
kinds = pytest.mark.parametrize("layer", LAYERS)


def on_host(x):
    return np.asarray(cuobjax.device_put(x, "cpu"))


@kinds
def test_cells_are_the_steps_of_layers(layer):
    net, x = layer(2, 3), cuobjax.random.normal((4, 5, 2))
    y, last = net(x)
    state = None
    for t in range(5):
        state = net.cells[0](x[:, t], state)
        h = state[0] if layer is nn.LSTM else state
        np.testing.assert_allclose(on_host(h), on_host(y[:, t]), rtol=1e-5, atol=1e-6)
    for one, two in zip(*[s if layer is nn.LSTM else (s,) for s in (state, last)], strict=True):
        np.testing.assert_allclose(on_host(one), on_host(two[0]), rtol=1e-5, atol=1e-6)


@kinds
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_is_in_padding_reaches_neither_results_nor_gradients(layer, bidirectional):
    net, x = layer(2, 3, layers=2, bidirectional=bidirectional), cuobjax.random.normal((2, 4, 2))
    gradients = cuobjax.GradValues(lambda x: (net(x, lengths=[4, 2])[0] ** 2).sum(), net.vars(), (0,))
    (g, v), (expected, value) = [gradients(x.at[1, 2:].set(padding)) for padding in (np.nan, 0.0)]
    np.testing.assert_allclose(on_host(v[0]), on_host(value[0]), rtol=1e-6)
    for a, b in zip(g, expected, strict=True):
        np.testing.assert_allclose(on_host(a), on_host(b), rtol=1e-5, atol=1e-6)
    assert not on_host(g[0])[1, 2:].any()


@pytest.mark.parametrize(
    "net", [*[layer(2, 3) for layer in LAYERS], nn.RNN(2, 3, activation="relu")], ids=["tanh", "lstm", "gru", "relu"]
)
def test_nan_in_a_step_that_counts_is_not_hidden(net):
    y, _ = net(jn.zeros((2, 4, 2)).at[1, 1].set(np.nan))
    np.testing.assert_array_equal(np.isnan(on_host(y)).any(-1), [[False] * 4, [False, True, True, True]])


@kinds
def test_batches_without_sequences(layer):
    net = layer(2, 3, bidirectional=True)
    gradients = cuobjax.GradValues(
        lambda x: (net(x, lengths=jn.zeros(0, "int32"))[0].sum(), net(x)[0]), net.vars(), (0,)
    )
    g, v = gradients(jn.ones((0, 4, 2)))
    assert (v[1].shape, g[0].shape) == ((0, 4, 6), (0, 4, 2))
    assert not any(on_host(a).any() for a in g)


@kinds
def test_under_vectorize_remat_and_twice(layer):
    net, x = layer(2, 3, bidirectional=True), cuobjax.random.normal((3, 2, 4, 2))
    one = lambda x: net(x, lengths=[4, 2])[0]
    np.testing.assert_allclose(on_host(cuobjax.Vectorize(one)(x)), np.stack([on_host(one(a)) for a in x]), atol=1e-6)
    loss = cuobjax.GradValues(lambda x: (one(x) ** 2).sum(), net.vars())
    again = cuobjax.GradValues(lambda x: (cuobjax.Remat(one)(x) ** 2).sum(), net.vars())
    for a, b in zip(loss(x[0])[0], again(x[0])[0], strict=True):
        np.testing.assert_allclose(on_host(a), on_host(b), rtol=1e-5, atol=1e-6)
    of_each = cuobjax.Vectorize(cuobjax.Grad(lambda x: (one(x) ** 2).sum(), net.vars()))(x)
    for i, a in enumerate(x):
        for g, lanes in zip(loss(a)[0], of_each, strict=True):
            np.testing.assert_allclose(on_host(lanes[i]), on_host(g), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("on_the_cpu")
@pytest.mark.parametrize("cell", ["tanh", "relu", "lstm", "gru"])
def test_second_derivatives_are_those_of_finite_differences(cell):
    gates, states = {"lstm": (4, 2), "gru": (3, 1)}.get(cell, (1, 1))
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape) for shape in ((2, 2, 1), (1, 2 * gates), (2, 2 * gates), (2 * gates,))]
    first = [random.normal(size=(2, 2)) for _ in range(states)]

    def gradient(*arrays):
        def loss(*arrays):
            y = recurrence(*arrays, 0, 1, *first, cell=cell, reverse=False)
            return sum(anp.sum(part * part) for part in y[: 1 + states])

        return autograd.grad(loss, (0, 1, 2, 3))(*arrays)

    autograd.testing.check_grads(gradient, tuple(arrays), order=1, samples=4)


@kinds
@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_is_computed_in_single(layer, dtype):
    net, x = layer(8, 8), cuobjax.random.normal((2, 20, 8))
    exact = on_host(net(x)[0])
    y, _ = cuobjax.functional_call(net, [v.value.astype(dtype) for v in net.vars()], x.astype(dtype))
    assert y.dtype == x.astype(dtype).dtype
    np.testing.assert_allclose(on_host(y.astype("float32")), exact, atol=0.05)


@kinds
def test_pickles_and_shows_its_arguments(layer):
    net = layer(2, 3, layers=2, keep=0.5)
    x = cuobjax.random.normal((1, 4, 2))
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(on_host(copy(x, training=False)[0]), on_host(net(x, training=False)[0]))
    name = layer.__name__
    start = f"cuobjax.nn.{name}(nin=2, nout=3, layers=2, bidirectional=False, keep=0.5, use_bias=True, w_init="
    assert repr(net).startswith(start)
    assert repr(net.cells[0]).startswith(f"cuobjax.nn.{name}Cell(nin=2, nout=3, use_bias=True, w_init=")
    assert (on_host(net(x, training=True)[0]) != on_host(net(x, training=True)[0])).any()


def test_jit_has_one_operation_for_all_steps():
    net = nn.LSTM(3, 4)
    step = cuobjax.Jit(cuobjax.GradValues(lambda x: net(x)[0].sum(), net.vars()))
    step(jn.ones((2, 50, 3)))
    source = str(step.explain(source=True))
    assert source.count("recurrence(") == source.count("recurrence_gradient(") == 1


def test_relu_cells():
    cell = nn.RNNCell(1, 2, activation="relu")
    assert (on_host(cell(jn.ones((3, 1)))) >= 0).all()
    assert repr(cell).endswith("activation='relu')")
    with pytest.raises(ValueError, match="RNNCell: expected activation 'tanh' or 'relu', got 'gelu'"):
        nn.RNNCell(1, 2, activation="gelu")


@pytest.mark.parametrize("layer", [nn.RNN(3, 4), nn.LSTM(3, 4), nn.GRU(3, 4), nn.LSTMCell(3, 4)])
def test_integers_count_as_floating_point_and_complex_numbers_are_refused(layer):
    x = jn.ones((2, 3) if isinstance(layer, nn.LSTMCell) else (2, 5, 3))
    for dtype in ("int32", bool):
        np.testing.assert_array_equal(on_host(layer(x.astype(dtype))[0]), on_host(layer(x)[0]))
    with pytest.raises(TypeError, match=f"{type(layer).__name__}: expected real numbers, got dtype complex64"):
        layer(x.astype("complex64"))


X = jn.ones((2, 5, 3))
MISTAKES = [
    (lambda: nn.GRU(3, 4)(X[0]), r"GRU: expected x of shape \(N, T, 3\) with T > 0, got \(5, 3\)"),
    (lambda: nn.GRU(3, 4)(X[:, :0]), r"expected x of shape \(N, T, 3\) with T > 0"),
    (lambda: nn.LSTM(3, 4)(X, jn.ones((1, 2, 4))), r"LSTM: expected a tuple \(h, c\), both of shape \(1, 2, 4\), got"),
    (lambda: nn.RNN(3, 4)(X, jn.ones((2, 4))), r"RNN: expected a state of shape \(1, 2, 4\), got \(2, 4\)"),
    (lambda: nn.RNN(3, 4)(X, lengths=[1, 6]), r"RNN: expected lengths from 0 to 5, got \[1, 6\]"),
    (lambda: nn.RNN(3, 4)(X, lengths=[1]), r"RNN: expected lengths, integers of shape \(2,\), got int32 \(1,\)"),
    (lambda: nn.GRUCell(3, 4)(X), r"GRUCell: expected x of shape \(N, 3\), got \(2, 5, 3\)"),
    (lambda: nn.LSTM(3, 4, layers=0), "LSTM: expected layers of at least 1, got 0"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
@pytest.mark.filterwarnings("ignore")
def test_mistakes_say_what_is_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
