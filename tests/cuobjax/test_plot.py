"""Pictures: that they draw what they are given."""

import io
import itertools
import pickle
import sys

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.plot import activations, confusion, curves, gradients, graph, images, network
from cuobjax.plot.drawings import _layers, _places

pytest.importorskip("matplotlib")


def drawn(figure):
    """The only axes of a figure, which could be drawn."""
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    (axes,) = figure.axes
    return axes


def test_curves():
    axes = drawn(curves({"train": [3.0, 2.0, 1.0], "test": ([0, 2], [jn.array(4.0), jn.array(2.0)])}, against="epoch"))
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines == {"train": [[1, 3], [2, 2], [3, 1]], "test": [[0, 4], [2, 2]]}
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "loss", "linear")
    two = drawn(curves((jn.array(3.0), jn.array(2.0)))).lines[0]  # no place and number
    assert two.get_xydata().tolist() == [[1, 3], [2, 2]]
    assert drawn(curves([1.0, 1e-3])).get_yscale() == "log"
    assert drawn(curves([1.0, 1e-3], logarithmic=False)).get_yscale() == "linear"


def test_long_curves_have_a_moving_average():
    y = np.arange(200.0)
    _, line = drawn(curves(jn.array(y), "accuracy")).lines
    np.testing.assert_allclose(line.get_xdata() - 1, line.get_ydata(), atol=0.51)
    assert len(line.get_xdata()) == 191 and line.get_label() == "accuracy, moving average"
    assert drawn(curves([1.0, np.nan, np.inf, 2.0])).lines


def test_a_confusion_matrix():
    metric = objax.metrics.ConfusionMatrix(3)
    metric.update(jn.array([0, 1, 1, 2]), jn.array([0, 1, 2, 2]))
    axes = drawn(confusion(metric, ["cat", "dog", "horse"]))
    assert axes.get_title() == "75.00% right of 4"
    assert {(*t.get_position(), t.get_text()) for t in axes.texts} == {
        (0, 0, "1"),
        (1, 1, "1"),
        (1, 2, "1"),
        (2, 2, "1"),
    }
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "dog", "horse"]
    assert not drawn(confusion(np.eye(100))).texts
    assert drawn(confusion(objax.metrics.ConfusionMatrix(3))).get_title() == "0.00% right of 0"


@pytest.mark.parametrize("x", [
    np.random.default_rng(0).random((5, 3, 4, 6)), np.zeros((5, 1, 4, 6), "uint8"), np.zeros((5, 4, 6)) - 0.5,
])  # fmt: skip
def test_images(x):
    figure = images(jn.array(x), titles=range(5))
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 5 and shown[0].shape[:2] == (4, 6)
    expected = x[0].transpose(1, 2, 0) if x.shape[1:2] == (3,) else np.full((4, 6), 0.25 if x.min() < 0 else 0.0)
    np.testing.assert_allclose(shown[0], expected, rtol=1e-6)
    assert figure.axes[4].get_title() == "4"


def test_images_without_titles_are_one_picture(rng):
    x = rng.uniform(size=(5, 3, 4, 6))
    (axes,) = images(x, columns=2).axes
    shown = axes.images[0].get_array()
    assert shown.shape == (3 * 4 + 2, 2 * 6 + 1, 3)
    np.testing.assert_allclose(shown[5:9, 7:], x[3].transpose(1, 2, 0))
    np.testing.assert_allclose(shown[10:, :6], x[4].transpose(1, 2, 0))
    assert (shown[4] == 1).all() and (shown[:, 6] == 1).all() and (shown[10:, 7:] == 1).all()


def test_gradients_and_activations():
    net = objax.nn.Sequential([objax.nn.Linear(3, 2), jn.tanh, objax.nn.Linear(2, 1), objax.nn.Dropout(0.5)])
    net[2].w.assign(jn.zeros((2, 1)))
    g = objax.Grad(lambda x: net(x, training=False).sum(), net.vars())(jn.ones((4, 3)))
    axes = drawn(gradients(net.vars(), g))
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == [*net.vars().subset(objax.TrainVar).keys()]
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths[2], np.sqrt(np.mean(np.asarray(g[2]) ** 2)), rtol=1e-6)
    named = dict(zip(names, g, strict=True))
    assert [bar.get_width() for bar in drawn(gradients(net.vars(), named)).patches] == widths
    key = net[3].keygen.key.value
    axes = drawn(activations(net, jn.ones((4, 3)), training=True))
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["[0]", "[2]", "[3].keygen", "[3]", "Sequential"]
    np.testing.assert_array_equal(net[3].keygen.key.value, key)
    np.testing.assert_allclose(
        axes.patches[0].get_width(), np.sqrt(np.mean(np.asarray(net[0](jn.ones((4, 3)))) ** 2)), rtol=1e-6
    )


@pytest.mark.parametrize(("call", "message"), [
    (lambda: curves({}), "curves: expected numbers to draw"),
    (lambda: curves({"a": ([1, 2], [1, 2, 3])}), "expected as many places as numbers for 'a', got 2 and 3"),
    (lambda: confusion(np.ones((2, 3))), r"expected counts of shape \(classes, classes\), got \(2, 3\)"),
    (lambda: confusion(np.ones((2, 2)), ["a"]), "confusion: expected 2 labels, got 1"),
    (lambda: images(np.ones((2, 5, 4, 4))), "with 1 or 3 channels"),
    (lambda: images(np.ones((2, 3, 4, 4)), ["a"]), "images: expected 2 titles, got 1"),
    (lambda: gradients(objax.nn.Linear(2, 1).vars(), [1]), "gradients: expected 2 gradients, got 1"),
    (lambda: gradients(objax.nn.Linear(2, 1).vars(), {"w": 1}), r"got none of \(Linear\).b, \(Linear\).w"),
])  # fmt: skip
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def texts_of(axes):
    return [t.get_text() for t in axes.texts if t.get_text()]


def test_the_picture_of_a_network():
    inner = objax.nn.Sequential([objax.nn.Linear(4, 5), jn.tanh])
    net = objax.nn.Sequential([objax.nn.Linear(3, 4), inner, inner, objax.nn.Dropout(0.5)])
    before = [np.asarray(v.value) for v in net.vars()]
    with pytest.raises(ValueError, match=r"Linear: expected x of shape"):
        network(net, jn.ones((2, 3)), training=True)
    inner[0] = objax.nn.Linear(4, 4)
    before = [np.asarray(v.value) for v in net.vars()]
    axes = drawn(network(net, jn.ones((2, 3)), training=True))
    assert texts_of(axes) == [
        "Sequential", "(2, 4)   36 parameters", "[0] Linear", "(2, 4)   16 parameters",
        "[1] Sequential", "(2, 4)   20 parameters", "[1][0] Linear", "(2, 4)   20 parameters",
        "[1] Sequential", "(2, 4)   20 parameters", "[1][0] Linear", "(2, 4)   20 parameters",
        "[3] Dropout", "(2, 4)",
    ]  # fmt: skip
    boxes = [(p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in axes.patches]
    for box in boxes[1:]:  # all within the first one, and none across another
        assert boxes[0][0] < box[0] and boxes[0][1] < box[1] and box[2] < boxes[0][2] and box[3] < boxes[0][3]
    assert sorted([boxes[1], boxes[2], boxes[4], boxes[6]], key=lambda b: b[1]) == [boxes[i] for i in (1, 2, 4, 6)]
    assert all(above[3] < below[1] for above, below in itertools.pairwise([boxes[i] for i in (1, 2, 4, 6)]))
    assert all(np.array_equal(a, np.asarray(v.value)) for a, v in zip(before, net.vars(), strict=True))


def test_the_picture_of_a_graph():
    net = objax.nn.Linear(3, 2)
    gradients = objax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
    recorded = objax.make_graph(gradients)(jn.ones((4, 3)))
    axes = drawn(graph(recorded))
    shown = texts_of(axes)
    assert [t.split("\n")[0] for t in shown].count("matmul") == 2  # forward, and for the weights
    assert "argument 0 (x)\n(4, 3)" in shown and "output 0" in shown
    boxes = [(p.get_x(), p.get_y(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in axes.patches]
    assert len(boxes) == len(shown)
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] + 1e-6 or b[2] <= a[0] + 1e-6 or a[3] <= b[1] or b[3] <= a[1]  # nothing is covered


def test_layers_of_a_graph():
    edges = [(0, 1), (1, 2), (2, 3), (0, 3), (4, 3)]
    layers, chains = _layers(5, edges)
    assert layers == [[0], [1, 5], [2, 4, 6], [3]]  # the input 4 just above what needs it; 5 and 6 carry the long edge
    assert chains == [[0, 1], [1, 2], [2, 3], [0, 5, 6, 3], [4, 3]]
    places = _places(layers, chains)
    assert min(places.values()) == 0 and abs(places[2] - places[4]) >= 1


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: activations(3), TypeError, "activations: expected a module, got int"),
    (lambda: network(len, 3), TypeError, "network: expected a module, got builtin_function"),
    (lambda: graph(objax.nn.Linear(2, 3)), TypeError, r"graph: expected a RecordedGraph, got Linear. Pass cuobjax"),
    (lambda: graph(objax.make_graph(lambda x: sum([x] * 300))(jn.ones(2))), ValueError, "expected 1 to 200 inputs and"),
])  # fmt: skip
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_notebooks_show_figures():
    figure = curves([1.0, 2.0])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert pickle.loads(pickle.dumps(figure)).axes[0].get_ylabel() == "loss"


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"expected the package matplotlib. Run `pip install cuobjax\[plot\]`"
    ):
        curves([1.0])
