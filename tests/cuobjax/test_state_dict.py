"""Weights of PyTorch and Keras: their networks' outputs (tests/data/networks.py makes them), names, layouts, errors."""

import functools
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import functional, io, nn
from cuobjax.util import Renamer
from cuobjax.zoo.resnet_v2 import ResNetV2Block

with np.load(Path(__file__).parent.parent / "data" / "networks.npz") as archive:
    DATA = dict(archive)
NORM = functools.partial(nn.BatchNorm2D, momentum=0.9, eps=1e-5)


def state_of(name):
    return {key.removeprefix(f"{name}/state/"): a for key, a in DATA.items() if key.startswith(f"{name}/state/")}


def mlp():
    return nn.MLP([5, 8, 3], jn.tanh)


def convnet():
    return nn.Sequential([
        nn.Conv2D(3, 8, 3, padding=1, use_bias=False), NORM(8), functional.relu, functional.max_pool_2d,
        nn.Conv2D(8, 4, 3, 2, padding=1, groups=2), functional.relu, nn.ConvTranspose2D(4, 6, 3, 2, padding=1),
        functional.flatten, nn.Linear(6 * 7 * 7, 3),
    ])  # fmt: skip


class First(objax.Module):
    """The first result of a layer."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        y = self.layer(x)
        return y[0] if isinstance(y, tuple) else y


NETWORKS = {
    "mlp": mlp,
    "convnet": convnet,
    "norms": lambda: nn.Sequential([
        nn.Conv1D(3, 4, 3), nn.GroupNorm1D(4, 2), nn.PReLU(4), nn.LayerNorm(6), nn.InstanceNorm1D(4),
        nn.BatchNorm1D(4, eps=1e-5),
    ]),
    "block": lambda: ResNetV2Block(4, 8, 2, True, True, NORM),
    "rnn": lambda: First(nn.RNN(3, 4, layers=2, bidirectional=True)),
    "lstm": lambda: First(nn.LSTM(3, 4, layers=2, bidirectional=True)),
    "gru": lambda: First(nn.GRU(3, 4, layers=2, bidirectional=True)),
    "attention": lambda: First(nn.MultiHeadAttention(6, 2)),
    "words": lambda: nn.Sequential([nn.Embedding(5, 4), nn.Linear(4, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_pytorchs(name):
    net = NETWORKS[name]()
    loaded = io.load_state_dict(net, state_of(name))
    assert (loaded.missing, loaded.unused) == ([], [])
    assert set(loaded.matched) == set(net.vars().keys())
    x, y = DATA[f"{name}/x"], DATA[f"{name}/y"]
    np.testing.assert_allclose(net.eval()(x), y, rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(objax.Jit(net)(x), y, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_way_back_to_pytorch(name):
    """Names and layouts are PyTorch's; two biases, of which only the sum counts, are one and zeros."""
    net, state = NETWORKS[name](), state_of(name)
    io.load_state_dict(net, state)
    found = io.state_dict(net)
    assert found.keys() == {key for key in state if "num_batches" not in key}
    for key, x in found.items():
        expected = state[key]
        if "bias_ih" in key or "bias_hh" in key:
            x = x + found[key.replace("ih", "hh") if "ih" in key else key.replace("hh", "ih")]
            expected = expected + state[key.replace("ih", "hh") if "ih" in key else key.replace("hh", "ih")]
        np.testing.assert_allclose(x, expected, rtol=1e-6, err_msg=key)
        assert x.shape == expected.shape


class Tensor:
    """What a tensor of PyTorch is to us."""

    def __init__(self, array, dtype="torch.float32"):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.array.astype("float32"))

    def numpy(self):
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


@pytest.mark.parametrize("kind", ["safetensors", "npz", "tensors", "arrays", "bfloat16"])
def test_kinds_of_states(kind, tmp_path):
    state, net = state_of("mlp"), mlp()
    source, tolerance = state, 1e-5
    if kind == "safetensors":
        safetensors = pytest.importorskip("safetensors.numpy")
        source = tmp_path / "net.safetensors"
        safetensors.save_file({name: np.ascontiguousarray(a) for name, a in state.items()}, source)
    elif kind == "npz":
        source = str(tmp_path / "net.npz")
        np.savez(source, **state)
    elif kind == "tensors":
        source = {name: Tensor(a) for name, a in state.items()}
    elif kind == "arrays":
        source = {name: jn.array(a).astype("float64") for name, a in state.items()}
    else:
        source = {name: Tensor(a.astype(ml_dtypes.bfloat16), "torch.bfloat16") for name, a in state.items()}
        tolerance = 0.05
    io.load_state_dict(net, source)
    assert {str(v.dtype) for v in net.vars()} == {"float32"}
    np.testing.assert_allclose(net(DATA["mlp/x"]), DATA["mlp/y"], rtol=tolerance, atol=tolerance)


class Nested(objax.Module):
    def __init__(self):
        self.layers = objax.ModuleList([nn.Linear(5, 8)])
        self.heads = objax.ModuleDict({"last": objax.ForceArgs(nn.Linear(8, 3))})
        self.scale = objax.TrainVar(jn.ones(3), constraint=objax.constraint.positive)
        self.dropout = nn.Dropout(0.5)


def test_ways_through_modules_renaming_and_what_is_left_over():
    net = Nested()
    state = {
        "layers.0.weight": np.ones((8, 5)), "layers.0.bias": np.zeros(8), "head.weight": np.ones((3, 8)),
        "head.bias": np.zeros(3), "scale": np.full(3, 2.0), "other": np.ones(2), "bn.num_batches_tracked": np.array(3),
    }  # fmt: skip
    with pytest.raises(
        ValueError, match=r"^load_state_dict: .* 2 variables have no value and 3 values no variable\."
    ) as e:
        io.load_state_dict(net, state)
    assert "(missing)" in e.value.__notes__[0]
    assert float(net.scale.value[0]) == pytest.approx(1)
    renamer = Renamer({"head.": "heads.last."})
    loaded = io.load_state_dict(net, state, renamer, strict=False)
    assert loaded.unused == ["other"]
    assert loaded.matched["(Nested).heads(ModuleDict)['last'](Linear).w"] == "head.weight"
    np.testing.assert_allclose(net.scale.value, [2, 2, 2], rtol=1e-6)
    io.load_state_dict(net, state, lambda name: None if name == "other" else renamer(name))
    text = str(io.load_state_dict(nn.MLP([2, 1]), {"0.bias": np.ones(1), "1.weight": np.ones(1)}, strict=False))
    assert text.splitlines() == [
        "(MLP)[0](Linear).b  0.bias", "(MLP)[0](Linear).w  - (missing)", "- (not used)        1.weight",
        "1 matched, 1 missing, 1 not used",
    ]  # fmt: skip


def test_cells_and_values_that_are_joined():
    """The two biases of PyTorch are one; of a GRU the last third of the second one is a variable of its own."""
    state = {"weight_ih": np.ones((12, 3)), "weight_hh": np.ones((12, 4)), "bias_ih": np.arange(12.0)}
    cell = nn.GRUCell(3, 4)
    loaded = io.load_state_dict(cell, state | {"bias_hh": 10 * np.arange(12.0)})
    assert loaded.matched["(GRUCell).b"] == "bias_ih + bias_hh"
    assert cell.b.value.tolist() == [0, 11, 22, 33, 44, 55, 66, 77, 8, 9, 10, 11]
    assert cell.b_hidden.value.tolist() == [80, 90, 100, 110]
    own = {"w_input": np.ones((3, 16)), "w_hidden": np.ones((4, 16)), "bias": np.ones(16)}
    assert io.load_state_dict(nn.LSTMCell(3, 4), own).missing == []
    state = {name: np.ones((16, *a.shape[1:])) for name, a in state.items()}
    partial = io.load_state_dict(nn.LSTMCell(3, 4), state, strict=False)
    assert (partial.missing, partial.unused) == (["(LSTMCell).b"], ["bias_ih"])


def test_shared_variables_are_loaded_once():
    net = nn.Sequential([nn.Linear(2, 2), nn.Linear(2, 2)])
    net[1].w = net[0].w
    state = {"0.weight": np.ones((2, 2)), "0.bias": np.ones(2), "1.bias": np.ones(2)}
    assert io.load_state_dict(net, state).missing == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"0.weight": np.ones((5, 8))}, ValueError, r"0\.weight: expected a value of shape \(5, 8\) in our layout"),
        ({"0.bias": np.ones(8, int)}, TypeError, r"0\.bias: expected a value of dtype float32, got int64"),
        ({"0.bias": np.ones(8, "complex64")}, TypeError, r"0\.bias: expected a value of dtype float32, got complex64"),
        ({"0.bias": np.full(8, 1e39)}, ValueError, r"0\.bias: expected numbers in the range of float32, got 1e\+39"),
        ({"3.bias": np.ones(8)}, ValueError, "expected a value for each variable and none else, but 0 variables"),
    ],
)  # fmt: skip
def test_refused_values_change_nothing(change, error, message):
    net = mlp()
    before = [np.array(v.value) for v in net.vars()]
    with pytest.raises(error, match=f"^load_state_dict: {message}"):
        io.load_state_dict(net, state_of("mlp") | change)
    for v, old in zip(net.vars(), before, strict=True):
        np.testing.assert_array_equal(v.value, old)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: io.load_state_dict(mlp(), 3), TypeError, "expected a dictionary or the path of a file, got int"),
        (lambda: io.load_state_dict({}, {}), TypeError, "expected a module, got dict"),
        (lambda: io.load_state_dict(mlp(), {"a": 1, "b": 2}, lambda name: "c"), ValueError, "expected new names that"),
    ],
)  # fmt: skip
def test_refused_arguments(call, error, message):
    with pytest.raises(error, match=f"^load_state_dict: {message}"):
        call()


def test_values_that_cannot_be_joined_are_refused_by_name():
    layer = nn.LSTM(3, 2)
    state = {"weight_ih_l0": np.ones((8, 3)), "weight_hh_l0": np.ones((8, 2))}
    state |= {"bias_ih_l0": np.ones(8), "bias_hh_l0": np.ones(7)}
    message = r"^load_state_dict: bias_ih_l0, bias_hh_l0: expected values in the shapes .*, got \(8,\) and \(7,\)\."
    with pytest.raises(ValueError, match=message):
        io.load_state_dict(layer, state)
    for wrong in (np.ones(1), np.float32(1)):  # which would be broadcast
        with pytest.raises(
            ValueError, match=r"^load_state_dict: bias_ih_l0, bias_hh_l0: expected .*, got \(8,\) and \(1?,?\)"
        ):
            io.load_state_dict(layer, state | {"bias_hh_l0": wrong})
    for layer, name in ((nn.GRU(3, 2), "bias_hh_l0"), (nn.MultiHeadAttention(4, 2), "in_proj_bias")):
        with pytest.raises(ValueError, match=rf"^load_state_dict: .*{name}: expected values in the shapes .*\(\)\."):
            io.load_state_dict(layer, io.state_dict(layer) | {name: np.float32(1)})
    with pytest.raises(TypeError, match=r"^load_state_dict: expected a dictionary or the path of .* got None"):
        io.load_state_dict(layer, None)


def test_infinities_and_integers_that_fit_are_loaded():
    net = nn.Linear(2, 1)
    io.load_state_dict(net, {"weight": np.array([[np.inf, np.nan]]), "bias": np.ones(1, "float16")})
    np.testing.assert_array_equal(net.w.value, [[np.inf], [np.nan]])
    count = objax.Module()
    count.n = objax.StateVar(jn.array(0, "int32"))
    io.load_state_dict(count, {"n": np.array(5)})
    assert int(count.n.value) == 5
    for wrong in (np.array("5"), np.array(5, "m8[s]"), np.array(None)):
        with pytest.raises(TypeError, match=r"^load_state_dict: n: expected a value of dtype int32, got"):
            io.load_state_dict(count, {"n": wrong})
    with pytest.raises(
        ValueError, match=r"^load_state_dict: n: expected numbers in the range of int32, got 1099511627776"
    ):
        io.load_state_dict(count, {"n": np.array(2**40)})


def test_attention_of_a_context_with_other_features():
    layer, other = (nn.MultiHeadAttention(4, 2, ncontext=6) for _ in range(2))
    state = io.state_dict(layer)
    assert {"q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias"} < state.keys()
    assert state["k_proj_weight"].shape == (4, 6)
    io.load_state_dict(other, state)
    for v, w in zip(layer.vars(), other.vars(), strict=True):
        np.testing.assert_array_equal(np.asarray(v), np.asarray(w))
