"""Summaries of networks."""

import sys
import threading
import types

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.surgery import freeze
from cuobjax.tools.summary import summary
from cuobjax.transforms.jit import Jit


class Net(objax.Module):
    """Returns nested outputs, and asks for numbers."""

    def __init__(self):
        self.first, self.last = objax.nn.Linear(3, 4), objax.nn.Linear(4, 4)
        self.unused = objax.nn.Linear(5, 5)

    def __call__(self, x, *, times=1):
        x = self.first(x)
        for _ in range(times):
            x = self.last(x)
        return {"y": x, "parts": (x.sum(), "positive" if float(x.sum()) > 0 else "negative")}


def rows(table):
    return {row.name: row for row in table}


def test_rows_of_a_network():
    net = Net()
    table = rows(summary(net, np.ones((2, 3), "float32"), times=3))
    assert list(table) == ["", "first", "last", "unused"]
    assert [row.kind for row in table.values()] == ["Net", "Linear", "Linear", "Linear"]
    assert [row.parameters for row in table.values()] == [66, 16, 20, 30]
    assert [row.bytes for row in table.values()] == [264, 64, 80, 120]
    assert table[""].output == {"y": (2, 4), "parts": ((), ())}
    assert (table["first"].output, table["last"].output, table["unused"].output) == ((2, 4), (2, 4), None)
    first, last = 2 * 2 * 3 * 4 + 2 * 4, 3 * (2 * 2 * 4 * 4 + 2 * 4)
    assert (table["first"].flops, table["last"].flops, table["unused"].flops) == (first, last, 0)
    assert table[""].flops == first + last + 2 * (2 * 4)  # two sums
    assert table["unused"].seconds == 0 < table["first"].seconds < table[""].seconds


@pytest.mark.parametrize(
    ("layer", "shape", "flops", "output"),
    [
        (objax.nn.Conv2D(3, 8, 3, use_bias=False), (2, 3, 6, 6), 2 * (2 * 8 * 36) * 27, (2, 8, 6, 6)),
        (
            objax.nn.Conv2D(4, 8, 3, groups=2, strides=2, use_bias=False),
            (2, 4, 6, 6),
            2 * (2 * 8 * 9) * 18,
            (2, 8, 3, 3),
        ),
        (objax.nn.Linear(3, 5, use_bias=False), (7, 2, 3), 2 * 14 * 15, (7, 2, 5)),
        (objax.nn.Sequential([jn.exp, lambda x: x * x]), (4, 5), 40, (4, 5)),
        (objax.nn.Sequential([lambda x: x.reshape(-1)[2:].astype("float64")]), (4, 5), 0, (18,)),
        (objax.nn.Sequential([lambda x: jn.einsum("ij,kj->ik", x, x)]), (4, 5), 2 * 4 * 4 * 5, (4, 4)),
        (objax.nn.Sequential([lambda x: jn.linalg.inv(x @ x.T + jn.eye(3))]), (3, 5), 90 + 9 + 27, (3, 3)),
    ],
)
def test_operations(layer, shape, flops, output):
    row = summary(layer, jn.ones(shape))[0]
    assert (row.flops, row.output) == (flops, output)


def test_operations_of_a_gradient():
    v = objax.TrainVar(jn.ones((3, 3)))

    class Gradient(objax.Module):
        def __init__(self):
            self.v = v
            self.gradient = objax.Grad(lambda x: (x @ self.v.value).sum(), {"v": v})

        def __call__(self, x):
            return self.gradient(x)

    table = rows(summary(Gradient(), jn.ones((2, 3))))
    product = 2 * 2 * 3 * 3
    assert table["gradient"].flops == product + 6 + product  # forward, sum, backward
    assert table[""].output == [(3, 3)]


def test_shared_weights_count_once():
    shared = objax.nn.Linear(2, 2)
    tied = objax.nn.Linear(2, 2)
    tied.w = shared.w
    net = objax.nn.Sequential([shared, shared, tied])
    table = rows(summary(net, jn.ones((1, 2))))
    assert list(table) == ["", "[0]", "[2]"]
    assert (table[""].parameters, table["[0]"].parameters, table["[2]"].parameters) == (8, 6, 6)
    assert table["[0]"].flops == 2 * (2 * 2 * 2 + 2)
    freeze(net, "*.w")
    assert summary(net)[0].parameters == 4
    assert summary(net)[0].bytes == 32


def test_nothing_changes():
    net = objax.nn.Sequential([objax.nn.BatchNorm0D(3), objax.nn.Dropout(0.5)])
    before, call = [np.array(t) for t in net.vars().tensors()], objax.nn.BatchNorm.__call__
    summary(net, jn.arange(6.0).reshape(2, 3), training=True)
    for variable, value in zip(net.vars(), before, strict=True):
        np.testing.assert_array_equal(variable.value, value)
        assert type(variable.value) is objax.Array
    assert objax.nn.BatchNorm.__call__ is call
    with pytest.raises(ValueError, match="BatchNorm0D: expected x of shape"):
        summary(net, jn.ones((2, 4)), training=True)
    assert objax.nn.BatchNorm.__call__ is call


def test_subclasses_and_recursion():
    class Twice(objax.nn.Linear):
        def __call__(self, x):
            return super().__call__(super().__call__(x))

    class Tree(objax.Module):
        def __init__(self):
            self.inner = Twice(2, 2)

        def __call__(self, x, depth=2):
            return self.inner(x) if depth == 0 else self(x, depth - 1)

    table = rows(summary(Tree(), jn.ones((1, 2))))
    assert table[""].flops == table["inner"].flops == 2 * (8 + 2)


def test_other_threads_are_not_counted():
    net, other = objax.nn.Linear(2, 2), objax.nn.Linear(2, 2)

    class Starts(objax.Module):
        def __init__(self):
            self.net = net

        def __call__(self, x):
            thread = threading.Thread(target=lambda: [other(jn.ones((9, 2))), self.net(jn.ones((9, 2)))])
            thread.start()
            thread.join()
            return self.net(x)

    assert summary(Starts(), jn.ones((1, 2)))[0].flops == 10


def test_text():
    net = objax.nn.Sequential([objax.nn.Linear(300, 10), jn.tanh])
    lines = str(summary(net, jn.ones((4, 300)))).splitlines()
    assert lines[0].split() == ["name", "class", "output", "dtype", "parameters", "bytes", "FLOPs", "time"]
    assert set(lines[1]) == set(lines[-2]) == {"-"}
    assert lines[2].split()[:7] == ["Sequential", "(4,", "10)", "float32", "3,010", "12,040", "24,080"]
    assert lines[3].split()[:8] == ["[0]", "Linear", "(4,", "10)", "float32", "3,010", "12,040", "24,040"]
    assert lines[-1].split()[:4] == ["total", "3,010", "12,040", "24,080"]
    assert lines[3].split()[-1] == "ms"
    assert len({len(line) for line in lines}) == 1
    assert str(summary(net)).splitlines()[-1].split() == ["total", "3,010", "12,040"]
    assert repr(summary(net)) == str(summary(net))


def test_rich_table(monkeypatch):
    """With a stand-in for Rich, which is no requirement."""
    cells = []

    class Table:
        def __init__(self, show_footer):
            assert show_footer

        def add_column(self, name, footer, justify):
            cells.append((name, footer, justify))

        def add_row(self, *texts):
            cells.append(texts)

    table = types.ModuleType("rich.table")
    table.Table = Table
    monkeypatch.setitem(sys.modules, "rich", types.ModuleType("rich"))
    monkeypatch.setitem(sys.modules, "rich.table", table)
    assert isinstance(summary(objax.nn.Sequential([objax.nn.Linear(1, 2)])).__rich__(), Table)
    assert cells[:5] == [
        ("name", "total", "left"),
        ("class", "", "left"),
        ("output", "", "left"),
        ("dtype", "", "left"),
        ("parameters", "4", "right"),
    ]
    assert cells[-1][:5] == ("\\[0]", "Linear", "", "float32", "4")


def test_what_is_no_module():
    with pytest.raises(TypeError, match=r"^summary: expected a module, got function\."):
        summary(lambda x: x, 1)


def test_a_jitted_network():
    jitted = Jit(objax.nn.Sequential([objax.nn.Linear(3, 3), jn.tanh]))
    table = summary(objax.nn.Sequential([jitted]), jn.ones((2, 3)))
    assert [row.kind for row in table] == ["Sequential", "Jit", "Sequential", "Linear"]
    assert table[0].flops == table[1].flops == 2 * 2 * 9 + 6 + 6
    jitted.vars().assign([t + 1 for t in jitted.vars().tensors()])
    np.testing.assert_allclose(jitted(jn.ones((2, 3))), jitted.__wrapped__(jn.ones((2, 3))), rtol=1e-6)
    assert type(jitted(jn.ones((2, 3)))) is objax.Array


def test_operations_of_attention_and_recurrent_layers_are_those_of_their_products():
    attention = summary(objax.nn.MultiHeadAttention(8, 2), jn.ones((3, 5, 8)))[0]
    linear = 2 * 3 * 5 * 8 * 8 + 3 * 5 * 8
    assert attention.flops == 4 * linear + 2 * (2 * 3 * 5 * 5 * 8)
    layer = objax.nn.LSTM(3, 4)
    lstm = summary(layer, jn.ones((2, 5, 3)))[0]
    assert lstm.flops == 2 * 2 * 5 * (3 + 4) * 4 * 4
    step = objax.GradValues(lambda x: layer(x)[0].sum(), layer.vars())
    assert summary(step, jn.ones((2, 5, 3)))[0].flops >= 3 * lstm.flops
