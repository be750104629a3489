"""What is seen at the prompt and in notebooks: the texts of modules, variables, collections and summaries."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn
from cuobjax.core.call import call


class Block(objax.Module):
    def __init__(self):
        self.scale = objax.TrainVar(jn.ones((2, 3)))
        self.layers = nn.Sequential([nn.Dropout(0.5), jn.tanh])
        self.ref = objax.TrainRef(self.scale)
        self.size = 3


class Net(objax.Module):
    def __init__(self):
        self.first = Block()
        self.again = self.first


def test_a_module_is_shown_as_a_tree_of_names_classes_and_shapes():
    assert (
        repr(Net())
        == str(Net())
        == (
            "Net(\n"
            "  first: Block(\n"
            "    scale: cuobjax.TrainVar(shape=(2, 3), dtype=float32)\n"
            "    layers: cuobjax.nn.Sequential(\n"
            "      [0] cuobjax.nn.Dropout(keep=0.5)\n"
            "      [1] tanh\n"
            "    )\n"
            "    ref: cuobjax.TrainRef(shape=(2, 3), dtype=float32)\n"
            "  )\n"
            "  again: Block(...)\n"
            ")"
        )
    )
    assert repr(objax.Module()) == "cuobjax.Module()"


def test_circles_of_modules_are_cut_in_their_text():
    net = Net()
    net.first.net = net
    net.items = objax.ModuleList([net, jn.tanh])
    net.items.append(net.items)
    assert "    net: Net(...)\n" in repr(net)
    assert "    [0] Net(...)\n    [1] tanh\n    [2] cuobjax.ModuleList(...)\n" in repr(net)
    assert repr(net) == repr(net)


def test_the_text_of_a_large_network_is_bounded():
    net = nn.Sequential([nn.Dropout(0.5) for _ in range(1000)])
    lines = repr(net).splitlines()
    assert (len(lines), lines[-2]) == (203, "  ... and 800 more")
    for _ in range(500):
        net = nn.Sequential([net])
    assert len(repr(net).splitlines()) < 203
    deep = objax.ModuleList([Block() for _ in range(300)])
    assert len(repr(deep).splitlines()) < 500


def test_a_class_with_a_text_of_its_own_keeps_it():
    class Named(objax.Module):
        def __repr__(self):
            return "mine"

    @dataclasses.dataclass
    class Point(objax.Module):
        x: int = 3

    class Shown:
        def __repr__(self):
            return "shown"

    class Mixed(objax.Module, Shown):
        pass

    class Pair(objax.Module, tuple):
        pass

    net = objax.Module()
    net.named = Named()
    assert repr(net) == "cuobjax.Module(\n  named: mine\n)"
    assert repr(Point()).endswith("Point(x=3)")
    assert (repr(Mixed()), repr(Pair((1, 2)))) == ("shown", "(1, 2)")


def test_the_note_on_an_error_names_the_class_of_a_users_module():
    class Broken(Block):
        def __call__(self, x):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        nn.Sequential([jn.tanh, Broken()])(jn.ones(2))
    assert caught.value.__notes__ == ["in Sequential[1]: Broken"]


def test_a_text_reads_no_variable():
    net = Net()
    net.key = objax.RandomState(0)
    net.items = objax.ModuleList([net.key, net.first.scale])
    assert call(lambda: repr(net), (), {})[2] == {}
    assert "[0] cuobjax.RandomState(Array([0, 0], dtype=uint32))" in repr(net)


def test_a_large_variable_is_shown_by_its_corners_and_shape():
    text = repr(objax.TrainVar(jn.zeros((30, 40))))
    assert text == (
        "cuobjax.TrainVar(Array([[0., 0., ..., 0., 0.],\n"
        "       [0., 0., ..., 0., 0.],\n"
        "       ...,\n"
        "       [0., 0., ..., 0., 0.],\n"
        "       [0., 0., ..., 0., 0.]], shape=(30, 40), dtype=float32), reduce=reduce_mean)"
    )
    assert repr(objax.StateVar(jn.arange(100))).count(",") > 99
    assert "99, 100], shape=(101,), dtype=int32" in repr(objax.StateVar(jn.arange(101)))


def test_a_collection_is_shown_as_its_table():
    vc = nn.Linear(8, 5).vars()
    assert repr(vc) == str(vc)
    assert repr(vc).splitlines()[-1] == "+Total(2)                  45"
    few = nn.Linear(1, 1).vars()
    assert repr(few).startswith("{'(Linear).b': cuobjax.TrainVar(Array(")

    class Printer:
        def text(self, text):
            self.shown = text

    printer = Printer()
    few._repr_pretty_(printer, False)
    assert printer.shown == str(few)


def test_notebooks_show_tables():
    class Odd(objax.Module):
        pass

    Odd.__name__ = "<Odd>"
    net = Odd()
    net.w, net.layers = objax.TrainVar(jn.ones(2)), nn.Sequential([nn.Linear(2, 3)])
    html = net._repr_html_()
    assert html.startswith("<table><tr><th>name</th><th>class</th><th>variables</th></tr>")
    assert "<td></td><td>&lt;Odd&gt;</td><td>w (2,)</td>" in html
    assert "<td>layers[0]</td><td>Linear</td><td>b (3,), w (2, 3)</td>" in html
    html = net.vars()._repr_html_()
    assert "<td>(&lt;Odd&gt;).w</td><td>TrainVar</td><td>(2,)</td><td>float32</td>" in html
    assert html.endswith('<td style="text-align: right">11</td></tr></table>')
    html = objax.summary(net.layers, jn.ones((1, 2)))._repr_html_()
    assert "<td>[0]</td><td>Linear</td><td>(1, 3)</td>" in html


def test_a_seed_is_set_where_it_is_looked_for():
    objax.random.seed(7)
    first = objax.random.normal((3,))
    objax.random.DEFAULT_GENERATOR.seed(7)
    np.testing.assert_array_equal(objax.random.normal((3,)), first)
    assert objax.random.DEFAULT_GENERATOR.initial_seed == 7
    with pytest.raises(ValueError, match="expected a seed from 0"):
        objax.random.seed(-1)
    objax.random.seed()


def test_a_name_that_is_missing_brings_those_that_are_like_it():
    net = nn.Sequential([nn.Linear(2, 2) for _ in range(12)])
    with pytest.raises(KeyError, match=r"no variable is called '11\.w'\. Names: .*\(Sequential\)\[11\]\(Linear\)\.w"):
        net.vars()["11.w"]
    with pytest.raises(KeyError, match=r"\(Sequential\)\[7\]\(Linear\)\.w"):
        net.vars()["(Sequential)[7](Linear).W"]


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 2), nn.Conv2D(1, 1, 3), nn.BatchNorm0D(3).eval(), nn.Dropout(0.5).train()], ids=repr
)
@pytest.mark.parametrize("x", [None, "text", {"a": 1}, [None]])
def test_a_layer_names_itself_where_it_is_given_no_array(layer, x):
    shown = repr(x) if x is None or type(x) is str else type(x).__name__
    with pytest.raises(TypeError, match=rf"^{type(layer).__name__}: .*got {shown}"):
        layer(x)


def test_a_module_that_hands_on_its_attributes_can_be_copied():
    class Outer(objax.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 2)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    outer = Outer()
    assert copy.deepcopy(outer).w is not outer.w
    assert copy.copy(outer).w is outer.w
    globals()["Outer"] = Outer
    Outer.__qualname__ = "Outer"
    assert pickle.loads(pickle.dumps(outer)).w.shape == (2, 2)
