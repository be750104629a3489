"""Graphs to look at, and programs of `Jit.lower`."""

import re
import shutil

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import Jit, StateVar, nn
from cuobjax.transforms import recorded_graph

pytestmark = pytest.mark.usefixtures("xp")

X = np.random.default_rng(7).normal(size=(4, 3)).astype("float32")


def counting_network():
    layer, count = nn.Linear(3, 2), StateVar(jn.zeros(()))

    def f(x, s):
        count.value += 1
        return {"y": jn.tanh(layer(x)) * s + jn.ones(2), "n": 2}

    return f, layer, count


def test_a_line_for_each_operation():
    f, _, count = counting_network()
    graph = cuobjax.make_graph(f)(X, 2.0)
    wanted = r"""f:
  %0 = argument 0 \(x\): float32\[4, 3\]
  %1 = argument 1 \(s\): float
  %2 = count: float32\[\]
  %3 = layer.\(Linear\).w: float32\[3, 2\]
  %4 = layer.\(Linear\).b: float32\[2\]
  %5: float32\[\] = add\(%2, 1\) +# .*test_make_graph.py:\d+ in f
  %6: float32\[4, 2\] = matmul\(%0, %3\) +# .*test_make_graph.py:\d+ in f
  %7: float32\[4, 2\] = add\(%6, %4\) +# .*test_make_graph.py:\d+ in f
  %8: float32\[4, 2\] = tanh\(%7\) +# .*
  %9: float32\[4, 2\] = multiply\(%8, %1\) +# .*
  %10: float32\[4, 2\] = add\(%9, \[float32\[2\]\]\) +# .*
  count = %5
  return %10"""
    assert re.fullmatch(wanted, str(graph)), str(graph)
    assert len(graph) == len(graph.operations) == 6
    assert list(graph.inputs) == [
        "argument 0 (x)", "argument 1 (s)", "count", "layer.(Linear).w", "layer.(Linear).b"
    ]  # fmt: skip
    assert list(graph.written) == ["count"]
    assert len(graph.outputs) == 1
    assert float(count.value) == 0


def test_parameters_and_constants():
    table = np.arange(20.0, dtype="float32")

    def f(x):
        return (x.sum(axis=1, keepdims=True) + jn.array(table) * jn.float32(3) + np.float32(0.5), 1.5)

    text = str(cuobjax.make_graph(f)(X))
    assert "sum(%0, axis=(1,), keepdims=True)" in text
    assert "add(%1, [float32[20]])" in text
    assert "0.5)" in text


def test_modules_gradients_and_static_arguments():
    net = nn.Linear(3, 1)
    gradients = cuobjax.GradValues(lambda x, n: (net(x) ** n).mean(), net.vars())
    graph = cuobjax.make_graph(gradients, static_argnums=1)(X, 2)
    assert [o.primitive.name for o in graph.operations].count("matmul") == 2
    assert set(graph.inputs) == {"argument 0 (x)", "(Linear).b", "(Linear).w"}
    assert str(cuobjax.make_graph(Jit(net))(X)).startswith("Linear:\n")


def test_dot_names_inputs_operations_and_outputs():
    f, _, _ = counting_network()
    dot = cuobjax.make_graph(f)(X, 2.0).to_dot()
    assert dot.startswith('digraph "f" {\n') and dot.endswith("}\n")
    for part in (
        'label="argument 0 (x)"',
        'label="layer.(Linear).w"',
        'label="matmul"',
        'label="output 0"',
        'label="count"',
    ):
        assert part in dot
    assert '-> o0 [label="float32[]"]' in dot
    assert f'tooltip="{__file__}:' in dot


def test_texts_are_escaped_in_dot():
    graph = cuobjax.make_graph(lambda d: d['"\n\\'] * 2)({'"\n\\': X})
    assert r"""label="argument 0 (d)['\"\\n\\\\']""" in graph.to_dot()


@pytest.mark.skipif(not shutil.which("dot"), reason="about Graphviz")
def test_drawings(tmp_path):
    f, _, _ = counting_network()
    graph = cuobjax.make_graph(f)(X, 2.0)
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        graph.save(tmp_path / f"graph.{ending}")
        assert (tmp_path / f"graph.{ending}").read_bytes().startswith(start)
    assert "matmul" in graph._repr_svg_()
    graph.to_dot = lambda: "no graph"
    with pytest.raises(RuntimeError, match=r"^RecordedGraph.save: dot failed. .*syntax error"):
        graph.save(tmp_path / "graph.png")


def test_drawings_are_what_the_program_writes(tmp_path, monkeypatch):
    """With a program in the place of Graphviz's, which repeats its input as SVG and fails for PNG."""
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\n[ $1 = -Tsvg ] && exec cat\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(recorded_graph.shutil, "which", lambda name: str(program))
    graph = cuobjax.make_graph(lambda x: x + 1)(X)
    graph.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == graph._repr_svg_() == graph.to_dot()
    with pytest.raises(RuntimeError, match=r"^RecordedGraph\.save: dot failed\. broken$"):
        graph.save(tmp_path / "graph.png")
    assert not (tmp_path / "graph.png").exists()


def test_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded_graph.shutil, "which", lambda name: None)
    graph = cuobjax.make_graph(lambda x: x + 1)(X)
    assert graph._repr_svg_() is None
    with pytest.raises(
        RuntimeError, match=r"^RecordedGraph.save: expected the program dot of Graphviz, which is not ins"
    ):
        graph.save(tmp_path / "graph.svg")
    with pytest.raises(
        ValueError, match=r"^RecordedGraph.save: expected a path that ends in .dot, .pdf, .png, .svg, got"
    ):
        graph.save(str(tmp_path / "graph.gif"))
    graph.save(str(tmp_path / "graph.dot"))
    assert (tmp_path / "graph.dot").read_text() == graph.to_dot()
    assert len(list(tmp_path.iterdir())) == 1


def test_lower_runs_and_changes_nothing_before():
    f, layer, count = counting_network()
    jitted = Jit(f)
    lowered = jitted.lower(X, 2.0)
    assert (jitted.explain().recordings, float(count.value)) == (0, 0)
    assert "tanh" in lowered.source and lowered.source.startswith("# f\n")
    explained = lowered.explain()
    assert explained.inputs == {"argument 0 (x)": "float32[4, 3]", "argument 1 (s)": "float"}
    assert explained.written == {"count": "float32[]"}
    assert explained.causes == ("a call of lower",)
    assert lowered.peak_bytes == explained.peak_bytes
    assert str(lowered) == str(explained)
    assert repr(lowered) == "<program of f, 6 operations recorded>"
    y = lowered(X, 3.0)
    assert (y["n"], float(count.value)) == (2, 1)
    np.testing.assert_array_equal(np.asarray(jitted(X, 3.0)["y"]), np.asarray(y["y"]))
    layer.b.assign(layer.b.value + 1)
    np.testing.assert_array_equal(np.asarray(jitted(X, 3.0)["y"]), np.asarray(lowered(X, 3.0)["y"]))
    assert float(count.value) == 4


def test_random_numbers_are_new_in_each_call_of_a_lowered_program():
    def draw():
        return cuobjax.random.uniform((3,))

    cuobjax.random.seed(5)
    lowered = Jit(draw).lower()
    a, b = np.asarray(lowered()), np.asarray(lowered())
    cuobjax.random.seed(5)
    np.testing.assert_array_equal([a, b], [np.asarray(draw()), np.asarray(draw())])


def test_a_lowered_program_is_for_its_arguments():
    net = nn.Sequential([nn.Linear(3, 2), nn.Dropout(0.5)])
    net.eval()
    lowered = Jit(net).lower(X)
    for other, got in ((X[:2], r"float32\[2, 3\]"), (X.astype("int32"), r"int32\[4, 3\]"), (3, "int")):
        with pytest.raises(
            ValueError, match=rf"^Lowered: expected argument 0 as float32\[4, 3\], got {got}\. Write jit\.lower"
        ):
            lowered(other)
    for others in ((), (X, X), (None,)):
        with pytest.raises(
            ValueError, match=r"^Lowered: expected arguments of the structure, shapes, dtypes and static val"
        ):
            lowered(*others)
    net.train()
    with pytest.raises(ValueError, match=r"^Lowered: expected variables of the shapes and dtypes, modules in the tr"):
        lowered(X)
    net.eval()
    lowered(X)


def test_what_cannot_be_lowered():
    kept = []
    makes = Jit(lambda x: kept.append(StateVar(x)) or x + kept[-1])
    with pytest.raises(ValueError, match=r"^Jit.lower: <lambda> makes variables that live on. Call it once before"):
        makes.lower(X)
    with pytest.raises(ValueError, match=r"^Jit.lower: <lambda> uses values that are traced outside of it."):
        autograd.grad(lambda y: Jit(lambda x: (x * y).sum()).lower(X)(X))(2.0)
    with pytest.raises(TypeError, match=r"^Jit: a recorded program must be the same for all values"):
        Jit(lambda x: x if x.sum() > 0 else -x).lower(X)


def test_an_error_leaves_variables_as_they_were():
    count = StateVar(jn.zeros(()))

    def f(x):
        count.value += 1
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        cuobjax.make_graph(f)(X)
    assert float(count.value) == 0


def test_it_prints_itself_and_long_parameters_in_short():
    places = np.arange(100)
    graph = cuobjax.make_graph(lambda x: jn.concatenate([x.ravel()] * 10)[places])(X)
    assert repr(graph) == str(graph)
    assert "int64[100]" in str(graph)
