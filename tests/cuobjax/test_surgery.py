"""Replacing parts of networks by path, freezing variables."""

import abc
import copy
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.constraint import positive
from cuobjax.core.module import ForceArgs
from cuobjax.core.surgery import FrozenVar, freeze, replace, unfreeze


class Net(objax.Module):
    """Two layers, of which the first one is shared, and a weight that is tied to it."""

    def __init__(self):
        first = objax.nn.Linear(2, 2)
        self.layers = objax.ModuleList([first, objax.nn.Linear(2, 2)])
        self.forced = ForceArgs(objax.nn.Dropout(0.5), training=False)
        self.again = first
        self.tied = first.w
        self.ref = objax.TrainRef(first.w)

    def __call__(self, x):
        return self.again(self.layers[1](self.layers[0](x))) @ self.tied.value


@pytest.mark.parametrize(
    "path", ["layers[0].w", ".layers[0].w", "(Net).layers(ModuleList)[0](Linear).w", "again.w", "tied"]
)
def test_a_shared_variable_is_replaced_everywhere(path):
    net = Net()
    old, new = net.tied, objax.TrainVar(jn.ones((2, 2)))
    assert replace(net, path, new) is old
    assert net.layers[0].w is net.again.w is net.tied is net.ref.ref is new
    np.testing.assert_array_equal(net(jn.ones((1, 2))).shape, (1, 2))
    assert old not in set(net.vars())


def test_every_name_of_vars_is_a_path():
    net = Net()
    for name, variable in net.vars().items():
        if not isinstance(variable, objax.TrainRef):
            assert replace(net, name, variable) is variable


def test_a_shared_module_is_replaced_everywhere():
    net = Net()
    old = net.again
    new = objax.nn.Sequential([old, jn.tanh])
    assert replace(net, "layers[0]", new) is old
    assert net.layers[0] is net.again is new
    assert new[0] is old
    assert replace(net, "again", jn.tanh) is new
    assert net.layers[0] is jn.tanh


def test_through_a_wrapper():
    net = Net()
    assert replace(net, "forced.keygen", objax.random.Generator(3)) is objax.random.DEFAULT_GENERATOR
    assert net.forced.__wrapped__.keygen.initial_seed == 3
    inner = net.forced.__wrapped__
    assert replace(net, "forced.__wrapped__", objax.nn.Dropout(0.1)) is inner
    assert net.forced.__wrapped__.keep == 0.1


def test_a_bias_is_removed():
    layer = objax.nn.Linear(2, 3)
    replace(layer, "b", None)
    assert repr(layer).startswith("cuobjax.nn.Linear(nin=2, nout=3, use_bias=False")
    assert list(layer.vars().keys()) == ["(Linear).w"]


@pytest.mark.parametrize("path", ["", "(Net)", "layers..w", "layers[x]", "layers[-1]", "layers[0]w"])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match=r"^replace: expected a path such as 'layers\[0\]\.w', got "):
        replace(Net(), path, None)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("layers[2].w", r"\[2\] is not in a ModuleList with \[0\], \[1\]\."),
        ("nothing", r"\.nothing is not in a Net with \.layers, \.forced, \.again, \.tied, \.ref\."),
        ("tied.w", r"\.w is not in a TrainVar with nothing\."),
    ],
)
def test_a_path_that_leads_nowhere(path, message):
    net = Net()
    with pytest.raises(ValueError, match=rf"^replace: expected a path in the module, got '.*': {message}$"):
        replace(net, path, None)


def test_things_of_another_kind():
    net = Net()
    before = dict(net.vars())
    with pytest.raises(TypeError, match=r"^replace: expected something in place of cuobjax\.TrainVar, got cuobjax\.nn"):
        replace(net, "tied", net.layers[1])
    with pytest.raises(TypeError, match=r"in place of cuobjax\.nn\.Linear, got cuobjax\.TrainVar"):
        replace(net, "again", net.tied)
    assert {name: id(v) for name, v in net.vars().items()} == {name: id(v) for name, v in before.items()}


# Freezing.


def test_frozen_variables_get_no_gradient_and_keep_their_names():
    net = Net()
    names, tied = list(net.vars().keys()), net.tied
    frozen = freeze(net, "*[0]*.w")
    assert list(map(id, frozen)) == [id(tied)]
    assert net.tied is net.again.w is net.ref.ref is tied
    assert isinstance(tied, FrozenVar)
    assert isinstance(tied, objax.BaseState)
    assert not isinstance(tied, objax.TrainVar)
    assert list(net.vars().keys()) == names
    trained = net.vars().subset(objax.TrainVar)
    assert list(trained.keys()) == [name for name in names if name.endswith(".b") or "[1]" in name]
    assert len(objax.Grad(lambda x: net(x).sum(), net.vars())(jn.ones((1, 2)))) == 3
    assert len(objax.optimizer.Momentum(net.vars()).m) == 3
    assert list(map(id, unfreeze(net))) == [id(tied)]
    assert type(tied) is objax.TrainVar
    assert len(objax.Grad(lambda x: net(x).sum(), net.vars())(jn.ones((1, 2)))) == 4


def test_frozen_variables_are_assigned_on_purpose_only():
    v = objax.TrainVar(jn.zeros(2))
    freeze(objax.VarCollection(v=v))
    with pytest.raises(ValueError, match="Direct assignment not allowed"):
        v.value = jn.ones(2)
    v.assign(jn.ones(2))
    objax.VarCollection(v=v).assign([v.value + 1])
    np.testing.assert_array_equal(v, [2, 2])


def test_freezing_selects():
    class Special(objax.TrainVar):
        pass

    a, b, c = objax.TrainVar(jn.zeros(1)), Special(jn.zeros(2)), objax.StateVar(jn.zeros(1))
    collection = objax.VarCollection(a=a, b=b, c=c)
    assert list(freeze(collection, lambda name, v: v.size > 1).keys()) == ["b"]
    assert list(freeze(collection).keys()) == ["a"]
    assert list(freeze(collection).keys()) == []
    assert list(unfreeze(collection, "b").keys()) == ["b"]
    assert (type(a), type(b), type(c)) == (FrozenVar, Special, objax.StateVar)
    assert "thawed" not in vars(b)
    with pytest.raises(TypeError, match=r"^freeze: expected a module or VarCollection, got list\."):
        freeze([a])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_frozen_variables(duplicate):
    net = Net()
    freeze(net)
    other = duplicate(net)
    assert type(other.tied) is FrozenVar
    assert other.tied is other.again.w
    unfreeze(other)
    assert type(other.tied) is objax.TrainVar
    assert type(net.tied) is FrozenVar


def test_a_variable_with_a_constraint():
    net = Net()
    v = objax.TrainVar(jn.ones((2, 2)), constraint=positive)
    replace(net, "tied", v)
    assert net.again.w is v
    assert net.ref.ref is v.free
    freeze(net, "*.tied")
    assert type(v.free) is FrozenVar
    unfreeze(net)
    old = replace(net, "tied", objax.TrainVar(jn.zeros((2, 2))))
    assert old is v
    assert net.ref.ref is net.tied


@pytest.mark.parametrize(
    ("path", "new", "error"),
    [
        ("(Wrong).tied", objax.TrainVar(jn.ones(1)), ValueError), ("layers[0]", 5, TypeError), (None, None, TypeError),
        ("(Net).layers(Wrong)[0].w", None, ValueError),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(path, new, error):
    net = Net()
    with pytest.raises(error, match=r"^replace: expected"):
        replace(net, path, new)
    assert isinstance(net.layers[0], objax.nn.Linear)


def test_gradients_that_were_made_before_freeze_say_so():
    net = Net()
    gradients = objax.Grad(lambda x: net(x).sum(), net.vars())
    freeze(net, "*.b")
    with pytest.raises(ValueError, match=r"after freeze\(\)"):
        gradients(jn.ones((1, 2)))
    objax.Grad(lambda x: net(x).sum(), net.vars())(jn.ones((1, 2)))


def test_a_pattern_that_nothing_fits():
    net = Net()
    for change in (freeze, unfreeze):
        with pytest.raises(ValueError, match=r"'\*\.weight'"):
            change(net, "*.weight")
    assert not unfreeze(net)


class Quantized(objax.TrainVar):
    """A variable with a method and an option of its own."""

    def __init__(self, tensor, steps=4):
        super().__init__(tensor)
        self.steps = steps

    def rounded(self):
        return jn.round(self.value * self.steps) / self.steps


class Slotted(Quantized):
    __slots__ = ("note",)


class Doubled(Slotted, abc.ABC):
    """A class below another one, whose method goes on to the one above."""

    def rounded(self):
        return 2 * super().rounded()


@pytest.mark.parametrize("kind", [Quantized, Slotted, Doubled])
@pytest.mark.parametrize("duplicate", [lambda x: x, copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_frozen_variables_of_a_derived_class_keep_its_methods(kind, duplicate):
    v = kind(jn.array([0.3]))
    before = v.rounded()
    v.dictionary = 1
    if kind is not Quantized:
        v.note = "kept"
    freeze(objax.VarCollection(v=v))
    if kind is not Quantized:
        assert v.note == "kept"
    v = duplicate(v)
    assert v.rounded() == before
    assert isinstance(v, kind)
    assert isinstance(v, FrozenVar)
    assert isinstance(v, objax.BaseState)
    assert not isinstance(v, objax.TrainVar)
    collection = objax.VarCollection(v=v)
    assert not collection.subset(objax.TrainVar)
    assert list(freeze(collection)) == []
    with pytest.raises(ValueError, match="Direct assignment not allowed"):
        v.value = jn.ones(1)
    with pytest.raises(ValueError, match="expected TrainVars"):
        objax.optimizer.SGD(collection)
    assert list(map(id, unfreeze(collection))) == [id(v)]
    assert type(v) is kind
    assert isinstance(v, objax.TrainVar)
    assert (v.dictionary, v.steps) == (1, 4)


def test_gradient_modules_made_before_name_what_was_frozen():
    net = Net()
    gradient = objax.Grad(lambda x: net(x).sum(), net.vars())
    freeze(net, "*[1]*.w")
    with pytest.raises(
        ValueError, match=r"^Grad: \(Net\)\.layers\(ModuleList\)\[1\]\(Linear\)\.w was frozen after this"
    ):
        gradient(jn.ones((1, 2)))


def test_a_failure_freezes_nothing():
    class Final(objax.TrainVar):
        def __init_subclass__(cls):
            raise TypeError("no class derives from this one")

    collection = objax.VarCollection(a=objax.TrainVar(jn.ones(1)), f=Final(jn.ones(1)), b=objax.TrainVar(jn.ones(1)))
    with pytest.raises(TypeError, match="no class derives"):
        freeze(collection)
    assert [type(v) for v in collection] == [objax.TrainVar, Final, objax.TrainVar]


def test_a_failure_in_the_middle_leaves_the_classes():
    class Stubborn(objax.TrainVar):
        def __setattr__(self, name, value):
            if name == "__class__":
                raise RuntimeError("stays what it is")
            super().__setattr__(name, value)

    kinds = (objax.TrainVar, Quantized, Stubborn)
    collection = objax.VarCollection({kind.__name__: kind(jn.ones(1)) for kind in kinds})
    with pytest.raises(RuntimeError, match="stays what it is"):
        freeze(collection)
    assert [type(v) for v in collection] == list(kinds)


def test_freezing_is_all_or_nothing():
    class Stubborn(objax.TrainVar):
        def __setattr__(self, name, value):
            if name == "__class__":
                raise TypeError("no")
            super().__setattr__(name, value)

    net = objax.Module()
    net.a, net.b = objax.TrainVar(jn.ones(1)), Stubborn(jn.ones(1))
    with pytest.raises(TypeError, match="no"):
        freeze(net)
    assert type(net.a) is objax.TrainVar and type(net.b) is Stubborn
