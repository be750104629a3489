"""Programs lay out results as NumPy does, so that sums of them add in the same order."""

import itertools

import numpy as np
import pytest

import autograd.numpy as anp
from autograd.compiler import compiled, simplified
from autograd.compiler.orders import Orders
from autograd.graph import Staging
from autograd.kernels import compiled as loops

RNG = np.random.default_rng(0)
FUNCTIONS = {
    "a transposed argument first": lambda x, w, c: ((x.T / 3) * w).sum(),
    "a transposed argument last": lambda x, w, c: (w * (x.T / 3)).sum(),
    "its result transposed": lambda x, w, c: ((x.T / 3) * w - w).T.sum(),
    "two alike": lambda x, w, c: ((x.T / 3) + (x.T * 2)).sum(),
    "three of two kinds": lambda x, w, c: (((x.T / 3) * w) * (x.T * 2)).sum(),
    "rows and columns": lambda x, w, c: ((x.T / 3) * w.sum(0) * w.sum(1, keepdims=True)).sum(),
    "a product": lambda x, w, c: ((x.T / 3) * (w @ c)).sum(),
    "a choice": lambda x, w, c: anp.where(w > 0, x.T / 3, w * 2).sum(),
    "reshaped": lambda x, w, c: ((x.T / 3).reshape(w.shape[::-1]) * x).sum(),
}


def recorded(function, *values):
    staging = Staging()
    with staging.recording():
        y = function(*[staging.input(x, "x") for x in values])
    return simplified(staging.finished([y]))


def laid_out(x, order):
    return np.asarray(x, order=order) if order in "CF" else np.repeat(x, 2, 1)[:, ::2]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("with_loops", [False, True])
@pytest.mark.parametrize("shape", [(2, 2500), (7, 900)])
def test_sums_have_the_same_bits(name, with_loops, shape, monkeypatch):
    if not with_loops:
        monkeypatch.setattr(loops, "is_there", lambda: False)
    values = [RNG.normal(size=s).astype("float32") * 100 for s in (shape, shape[::-1], (shape[0], shape[0]))]
    run = compiled(recorded(FUNCTIONS[name], *values), "f")
    for orders in itertools.product("CFS", repeat=3):  # rows, columns, with gaps
        given = [laid_out(x, order) for x, order in zip(values, orders, strict=True)]
        expected = recorded(FUNCTIONS[name], *given).interpret(given)
        for found, y in zip(run(given), expected, strict=True):
            assert np.asarray(found).tobytes() == np.asarray(y).tobytes(), orders


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_orders_are_those_of_numpy(name):
    values = [RNG.normal(size=s).astype("float32") for s in ((2, 5), (5, 2), (2, 2))]
    graph = recorded(FUNCTIONS[name], *values)
    orders, known = Orders(graph, plain=True), dict(zip(graph.inputs, values, strict=True)) | graph.constants
    for o in graph.operations:
        y = known[o.outputs[0]] = o.primitive(*[known[n] for n in o.inputs], **o.params)
        orders.note(o, is_ufunc=o.primitive.kind == "elementwise")
        order = orders.of(o.outputs[0])
        if isinstance(order, tuple) and sum(n > 1 for n in np.shape(y)) > 1:
            assert list(order) == sorted(range(y.ndim), key=lambda i: -y.strides[i]), o.primitive.name


def test_memory_is_used_again_where_layouts_agree(monkeypatch):
    monkeypatch.setattr(loops, "is_there", lambda: False)
    x = np.ones((20, 30), "float32")
    run = compiled(recorded(lambda x, y: (anp.sin(x) + anp.cos(y)) * y - x, x, x), "f")
    assert run.peak_bytes == 2 * x.nbytes  # of the sine and the cosine
    gaps = np.ones((20, 60), "float32")[:, ::2]
    np.testing.assert_array_equal(run([gaps, x])[0], run([x, x])[0])
