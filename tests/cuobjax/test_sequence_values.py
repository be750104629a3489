"""Attention and recurrent layers beside PyTorch: `tests/data/sequences.py` made the values."""

from pathlib import Path

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import functional, nn

VALUES = np.load(Path(__file__).parents[1] / "data" / "sequences.npz")
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}


def of(name):
    return {key.partition(".")[2]: VALUES[key] for key in VALUES if key.partition(".")[0] == name}


def single(x):
    return jn.array(x.astype("float32") if x.dtype == "float64" else x)


def close(x, expected):
    np.testing.assert_allclose(np.asarray(cuobjax.device_put(x, "cpu")), expected, **TOLERANCE)


@pytest.mark.parametrize("name", ["plain", "causal", "grouped"])
def test_attention_is_pytorchs(name):
    v = of(name)
    arrays = [cuobjax.TrainVar(single(v[key])) for key in "qkv"]
    variables = cuobjax.VarCollection(zip("qkv", arrays, strict=True))
    mask = single(v["mask"]) if "mask" in v else None
    loss = lambda: (functional.attention(*arrays, mask=mask, causal=name == "causal") * single(v["g"])).sum()
    close(functional.attention(*arrays, mask=mask, causal=name == "causal"), v["y"])
    for gradient, key in zip(cuobjax.Grad(loss, variables)(), "qkv", strict=True):
        close(gradient, v[f"to_{key}"])


def fill(cell, v, suffix, prefix=""):
    """PyTorch's weights of one cell: gates are rows there, and biases are two."""
    w = {key: v[f"{prefix}{key}_{suffix}"] for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    b = w["bias_ih"] + w["bias_hh"]
    if cell.b_hidden is not None:
        n = cell.nout
        b = np.concatenate([b[: 2 * n], w["bias_ih"][2 * n :]])
        cell.b_hidden.assign(single(w["bias_hh"][2 * n :]))
    cell.w_input.assign(single(w["weight_ih"].T))
    cell.w_hidden.assign(single(w["weight_hh"].T))
    cell.b.assign(single(b))


SUFFIXES = ["l0", "l0_reverse", "l1", "l1_reverse"]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_are_pytorchs(kind, jit):
    v = of(kind)
    net = getattr(nn, kind)(2, 3, layers=2, bidirectional=True)
    for cell, suffix in zip(net.cells, SUFFIXES, strict=True):
        fill(cell, v, suffix)
    count = 2 if kind == "LSTM" else 1
    state = tuple(single(v[f"first{i}"]) for i in range(count))
    x = cuobjax.TrainVar(single(v["x"]))

    def run():
        y, last = net(x, state if count > 1 else state[0], lengths=[5, 3, 1])
        last = last if count > 1 else (last,)
        return (y * single(v["g"])).sum() + sum((s**2).sum() for s in last), y, *last

    both = cuobjax.GradValues(run, cuobjax.VarCollection({"x": x}) + net.vars())
    gradients, (_, y, *last) = (cuobjax.Jit(both) if jit else both)()
    close(y, v["y"])
    for i, s in enumerate(last):
        close(s, v[f"last{i}"])
    close(gradients[0], v["to_x"])
    per_cell = len(gradients[1:]) // 4
    names = ["b", "b_hidden", "w_hidden", "w_input"] if kind == "GRU" else ["b", "w_hidden", "w_input"]
    for i, suffix in enumerate(SUFFIXES):
        found = dict(zip(names, gradients[1 + i * per_cell :], strict=False))
        close(found["b"], v[f"to_bias_ih_{suffix}"])
        close(found["w_input"].T, v[f"to_weight_ih_{suffix}"])
        close(found["w_hidden"].T, v[f"to_weight_hh_{suffix}"])
        if kind == "GRU":
            close(found["b_hidden"], v[f"to_bias_hh_{suffix}"][6:])


@pytest.mark.parametrize("name", ["self", "cross"])
def test_multi_head_attention_is_pytorchs(name):
    v = of(name)
    layer = nn.MultiHeadAttention(6, heads=2, ncontext=4 if name == "cross" else None)
    split = np.split(v["in_proj_weight"], 3) if name == "self" else [v[f"{key}_proj_weight"] for key in "qkv"]
    biases = np.split(v["in_proj_bias"], 3)
    for part, w, b in zip((layer.query, layer.key, layer.value), split, biases, strict=True):
        part.w.assign(single(w.T))
        part.b.assign(single(b))
    layer.out.w.assign(single(v["out_proj.weight"].T))
    layer.out.b.assign(single(v["out_proj.bias"]))
    context = None if name == "self" else single(v["context"])
    close(layer(single(v["x"]), context, mask=~v["padding"]), v["y"])
