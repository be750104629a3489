"""What modules hold: which variables are found, what cannot be put in, circles and sharing."""

import collections
import copy
import dataclasses
import functools
import pickle
import types
import warnings

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn


def names(module):
    return list(module.vars().keys())


class Net(objax.Module):
    """A module without attributes, for tests that give it some."""


class Head(nn.Sequential):
    """A list with attributes of its own."""

    def __init__(self):
        super().__init__([nn.Linear(2, 2)])
        self.temperature = objax.TrainVar(jn.ones(()))
        self.head = nn.Linear(2, 1)

    def __call__(self, x):
        return self.head(super().__call__(x)) / self.temperature.value


def test_attributes_of_a_list_are_found_trained_and_saved(tmp_path):
    net, other = Head(), Head()
    assert names(net) == [
        "(Head).temperature", "(Head).head(Linear).b", "(Head).head(Linear).w", "(Head)[0](Linear).b",
        "(Head)[0](Linear).w",
    ]  # fmt: skip
    x = jn.ones((1, 2))
    assert all((g != 0).any() for g in objax.Grad(lambda: net(x).sum() + net[0].b.value.sum(), net.vars())()[:1])
    objax.io.save_var_collection(tmp_path / "a.npz", net.vars())
    objax.io.load_var_collection(tmp_path / "a.npz", other.vars())
    np.testing.assert_array_equal(net(x), other(x))
    table = objax.summary(net, x)
    assert table[0].parameters == 10


def test_variables_in_slots_are_found():
    @dataclasses.dataclass(slots=True, eq=False)
    class Slotted(objax.Module):
        w: objax.TrainVar
        b: object = None

    class Inner(Slotted):
        __slots__ = "layer"

    net = Inner(objax.TrainVar(jn.ones(2)), objax.StateVar(jn.ones(3)))
    assert [name.rpartition(".")[2] for name in names(net)] == ["w", "b"]
    net.layer = nn.Linear(1, 1)
    f = objax.Jit(lambda x: x * net.w.value)
    f(1.0)
    net.w = objax.TrainVar(jn.zeros(2))
    np.testing.assert_array_equal(f(1.0), [0, 0])
    with pytest.raises(TypeError, match=r"^Inner\.w holds a variable"):
        net.w = 3
    assert len(copy.deepcopy(net).vars()) == 4


# A variable in a place of its own.

NO_VARIABLES = [0.0, 3, True, 1j, "text", [1.0], (1.0,), {"a": 1}, np.float32(0), np.zeros(2), jn.zeros(2), jn.tanh]


@pytest.mark.parametrize("value", NO_VARIABLES, ids=lambda x: type(x).__name__)
def test_only_none_and_variables_take_the_place_of_a_variable(value):
    net, variable = Net(), objax.StateVar(jn.zeros(2))
    net.total, net.refs = variable, objax.ModuleList([variable, nn.Linear(1, 1)])
    with pytest.raises(TypeError, match=r"^Net\.total holds a variable, which an? \w+ would replace\. Write self\.tot"):
        net.total = value
    for key, new in [(0, value), (-2, value), (slice(0, 1), [value]), (slice(None), [value, nn.Linear(1, 1)])]:
        with pytest.raises(
            TypeError, match=r"^ModuleList\[-?\d\] holds a variable, which .* Write self\[-?\d\]\.assig"
        ):
            net.refs[key] = new
    assert net.total is net.refs[0] is variable
    for new in (objax.TrainVar(jn.zeros(1)), None):
        net.total = net.refs[0] = new
    net.total = value


def test_a_traced_value_does_not_take_the_place_of_a_variable():
    net = Net()
    net.total = objax.StateVar(jn.zeros(()))

    def write(x):
        net.total = x

    for f in (objax.Jit(write), objax.Grad(write, net.vars(), (0,)), objax.Vectorize(write)):
        with pytest.raises(TypeError, match=r"^Net\.total holds a variable, which an array would replace\."):
            f(jn.ones(1))
    assert type(net.total) is objax.StateVar


@pytest.mark.parametrize(
    ("items", "text"),
    [
        (jn.ones((2, 2)), r"got an array of shape \(2, 2\)\. Give a list of variables\."),
        (np.ones(2), r"got an array of shape \(2,\)"),
        (objax.StateVar(jn.zeros(2)), r"got an array of shape \(2,\)"),
        ({"a": nn.Linear(1, 1)}, r"got a dict\. Write ModuleList\(x\.values\(\)\), or take a ModuleDict\."),
        (collections.OrderedDict(a=nn.Linear(1, 1)), "got a OrderedDict"),
        ({nn.Linear(1, 1)}, r"got a set, which has no order\. Give a list\."),
        ("text", r"got str\. Write ModuleList\(\[a, b\]\)\."),
        (None, "got NoneType"), (nn.Linear(1, 1), "got Linear"), (3, "got int"),
    ],
)  # fmt: skip
def test_a_list_is_filled_with_modules_and_variables_alone(items, text):
    layers = objax.ModuleList([objax.StateVar(jn.zeros(2))])
    for fill in (layers.extend, layers.__iadd__, objax.ModuleList, lambda x: layers.__setitem__(slice(None), x)):
        with pytest.raises(TypeError, match=rf"^ModuleList: expected a list of modules or variables, {text}"):
            fill(items)
    assert len(layers) == 1


def test_a_list_is_filled_from_what_gives_its_items():
    layer = nn.Linear(1, 1)
    for items in ([layer], (layer,), iter([layer]), {"a": layer}.values(), objax.ModuleList([layer])):
        assert nn.Sequential(items)[0] is layer
    assert len(objax.ModuleList(layer.vars())) == 2
    with pytest.raises(
        TypeError, match=r"^Sequential: expected one list, got 2 arguments\. Write Sequential\(\[a, b\]\)"
    ):
        nn.Sequential([layer], layers=[layer])


def test_classes_are_refused_where_instances_belong():
    net, layers = Net(), objax.ModuleList([nn.Linear(2, 2)])
    makers = [
        lambda: nn.Sequential([nn.Linear]), lambda: objax.ModuleList([jn.tanh, nn.Dropout]),
        lambda: setattr(net, "layer", nn.Linear), lambda: layers.append(nn.Linear),
        lambda: layers.insert(0, nn.Linear), lambda: layers.extend([nn.Linear]),
        lambda: layers.__setitem__(0, nn.Linear), lambda: layers.__iadd__([nn.Linear]),
        lambda: setattr(net, "w", objax.TrainVar), lambda: setattr(net, "w", objax.BaseVar),
    ]  # fmt: skip
    for make in makers:
        with pytest.raises(TypeError, match=r": expected an instance, got the class (\w+)\. Make one: \1\(\.\.\.\)\."):
            make()
    assert (len(layers), vars(net)) == (1, {})


def test_the_place_of_a_class_in_a_list_is_named():
    layers = objax.ModuleList([layer(), layer()])
    with pytest.raises(TypeError, match=r"^ModuleList\[3\]: expected an instance"):
        layers[1:] = [layer(), layer(), nn.Linear]


# Containers that are not searched.


class Own:
    """No container: nothing looks into it."""

    def __init__(self, layer):
        self.layer = layer


@dataclasses.dataclass
class Config:
    layer: object


def layer():
    return nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("make", "kind", "held", "remedy"),
    [
        (lambda: [layer(), layer()], "list", "Linear", "ModuleList"),
        (lambda: (layer(), objax.StateVar(jn.zeros(1))), "tuple", "Linear, StateVar", "ModuleList"),
        (lambda: {layer()}, "set", "Linear", "ModuleList"),
        (lambda: {"a": 1, "b": layer()}, "dict", "Linear", "ModuleDict"),
        (lambda: {"a": [(1, layer())]}, "dict", "Linear", "ModuleDict"),
        (lambda: collections.deque([layer()]), "deque", "Linear", "ModuleList"),
        (lambda: collections.UserDict(a=layer()), "UserDict", "Linear", "ModuleDict"),
        (lambda: collections.UserList([layer()]), "UserList", "Linear", "ModuleList"),
        (lambda: collections.OrderedDict(a=layer()), "OrderedDict", "Linear", "ModuleDict"),
        (lambda: types.MappingProxyType({"a": layer()}), "mappingproxy", "Linear", "ModuleDict"),
        (lambda: types.SimpleNamespace(a=layer()), "SimpleNamespace", "Linear", "ModuleDict"),
        (lambda: np.array([layer(), None], object), "ndarray", "Linear", "ModuleList"),
        (lambda: functools.partial(layer(), 3), "partial", "Linear", "ModuleList"),
        (lambda: Config(layer()), "Config", "Linear", "ModuleDict"),
    ],
)
def test_a_plain_container_of_layers_is_warned_of_once(make, kind, held, remedy):
    net = Net()
    text = rf"^Net\.parts is a {kind} that holds {held}\. vars\(\) does not search it: .* Write cuobjax\.{remedy}\("
    net.parts = make()
    with pytest.warns(UserWarning, match=text) as caught:
        net.vars()
    assert [warning.filename for warning in caught] == [__file__]
    net.parts = make()
    assert names(net) == []


def test_a_container_that_is_filled_later_is_warned_of_when_variables_are_searched():
    net, whole = Net(), Net()
    net.layers, whole.net = [], net
    assert names(whole) == []
    net.layers.append(layer())
    with pytest.warns(UserWarning, match=r"^Net\.layers is a list that holds Linear\.") as caught:
        whole.vars()
    assert [warning.filename for warning in caught] == [__file__]
    assert names(net) == []


def test_a_plain_list_in_a_list_of_modules_is_warned_of():
    net = Net()
    net.blocks = objax.ModuleList([layer(), [layer()]])
    with pytest.warns(UserWarning, match=r"^ModuleList\[1\] is a list that holds Linear\."):
        assert len(names(net)) == 2


def test_containers_of_what_is_found_elsewhere_are_in_order():
    net = Net()
    net.a, net.b = layer(), objax.TrainVar(jn.ones(1), constraint=objax.constraint.positive)
    net.all = [net.a, {"b": net.b}]
    net.refs = [objax.TrainRef(net.a.w)]
    net.numbers, net.text, net.known, net.own = [1.0] * 10**5, ("a", None), net.vars(), Own(layer())
    net.circle = [net]
    net.circle.append(net.circle)
    filled = Net()
    filled.net, filled.layers = net, []
    filled.layers.append(net.a)
    assert len(filled.vars()) == 3


def test_layers_may_be_in_a_list_before_they_are_in_attributes():
    net = Net()
    net.blocks, net.order = [layer(), layer()], (layer(),)
    for i, block in enumerate(net.blocks):
        setattr(net, f"block{i}", block)
    net.last = objax.ModuleList(net.order)
    assert len(net.vars()) == 6


def test_transforms_and_optimizers_of_what_is_found_may_be_in_plain_containers():
    net = Net()
    net.layer, net.drop = layer(), nn.Dropout(0.5)
    variables = net.vars()
    net.steps = {"train": objax.Jit(lambda x: net(x)), "test": objax.Jit(net), "f": objax.Function(net, variables)}
    net.gradients = [objax.GradValues(net, variables), objax.Vectorize(net.layer), objax.Remat(net.layer)]
    net.optimizers = (objax.optimizer.SGD(variables),)
    assert net.vars() == variables
    net.momentum = [objax.optimizer.Momentum(variables)]  # has states of its own
    with pytest.warns(UserWarning, match=r"^Net\.momentum is a list that holds Momentum\."):
        net.vars()
    net.drops = [nn.Dropout(0.25)]  # has a mode
    with pytest.warns(UserWarning, match=r"^Net\.drops is a list that holds Dropout\."):
        net.vars()


def test_the_modules_of_the_library_hold_no_such_containers():
    net = Net()
    net.layers = nn.Sequential([nn.Linear(2, 2), nn.BatchNorm0D(2), nn.Dropout(0.5), jn.tanh])
    x = jn.ones((4, 2))
    net.step = objax.Jit(lambda x: net.layers(x, training=True))
    net.gradients = objax.GradValues(lambda x: net.step(x).sum(), net.vars())
    net.optimizers = objax.ModuleList([objax.optimizer.Adam(net.vars()), objax.optimizer.Momentum(net.vars())])
    net.each, net.remat = objax.Vectorize(net.layers[0]), objax.Remat(net.layers)
    net.forced = objax.ForceArgs(net.layers, training=False)
    net.parallel = objax.Parallel(net.layers[0])
    for optimizer in net.optimizers:
        optimizer(0.1, net.gradients(x)[0])
    net.step(x)
    assert len(list(net.vars().subset(objax.TrainVar))) == 4


def test_variables_in_attributes_of_a_class_are_warned_of_once():
    class Shared(objax.Module):
        layer = nn.Linear(2, 2)
        layers = (nn.Linear(2, 2),)
        generator, sizes, activation = objax.random.Generator(0), [1, 2], jn.tanh
        again = layer
        _registered = (nn.Linear(2, 2),)  # what is private may well be no part of each module

        @objax.Jit
        def step(self, x):
            return x

    net, whole = Shared(), Net()
    whole.net = net
    net.again = Shared.again  # found: in an attribute of the module, too
    with pytest.warns(
        UserWarning, match=r"^Shared\.layers is an attribute of the class\. .* Set it in __init__: "
    ) as all_:
        assert len(names(whole)) == 2
    assert [warning.filename for warning in all_] == [__file__]
    net.layers = objax.ModuleList(Shared.layers)
    assert len(names(whole)) == 4


def test_a_variable_that_is_an_attribute_of_a_class_is_warned_of():
    class Shared(objax.Module):
        w = objax.TrainVar(jn.ones(2))

    with pytest.warns(UserWarning, match=r"^Shared\.w is an attribute of the class\."):
        assert len(Shared().vars()) == 0


class Collecting(objax.Module):
    """As ported programs do it: a list that `vars` adds."""

    def __init__(self):
        self.layers = [layer(), layer()]
        self.w = objax.TrainVar(jn.ones(1))

    def vars(self, scope=""):
        found = super().vars(scope)
        for i, part in enumerate(self.layers):
            found.update(part.vars(f"{scope}({type(self).__name__}).layers[{i}]"))
        return found


def test_a_class_that_collects_its_list_itself_is_not_warned_of():
    net = Net()
    net.inner = Collecting()
    assert len(net.inner.vars()) == 5
    assert names(net)[:2] == ["(Net).inner(Collecting).w", "(Net).inner(Collecting).layers[0](Linear).b"]


def test_a_module_with_a_forward_says_how_to_call_it():
    class Ported(objax.Module):
        def forward(self, x):
            return x

    with pytest.raises(NotImplementedError, match=r"^Ported: has no __call__\. Call forward, or name it __call__\.$"):
        Ported()(3)


# Circles and sharing.


class Child(objax.Module):
    def __init__(self, parent):
        self.parent, self.w = parent, objax.TrainVar(jn.ones(2))


class Parent(objax.Module):
    def __init__(self):
        self.child = Child(self)

    def __call__(self, x):
        return x * self.child.w.value


@pytest.mark.parametrize(
    "use",
    [
        lambda net, x: objax.summary(net, x), lambda net, x: objax.freeze(net), lambda net, x: objax.Jit(net)(x),
        lambda net, x: objax.Vectorize(net)(x), lambda net, x: objax.Parallel(net)(x), lambda net, x: objax.split(net),
        lambda net, x: objax.Grad(lambda: net(x).sum(), net.vars())(), lambda net, x: objax.Remat(net)(x),
        lambda net, x: objax.optimizer.Adam(net.vars()), lambda net, x: net.eval().train(),
        lambda net, x: objax.functional_call(net, {}, x), lambda net, x: copy.deepcopy(net).vars(),
        lambda net, x: pickle.loads(pickle.dumps(net)).vars(), lambda net, x: repr(net),
        lambda net, x: objax.Function.auto_vars(lambda: net(x)).vars(),
        lambda net, x: objax.ForceArgs(net, training=True).vars(),
        lambda net, x: objax.replace(net, "child.w", objax.TrainVar(jn.ones(2))),
    ],
)  # fmt: skip
def test_modules_that_refer_to_each_other_in_a_circle(use):
    net = Parent()
    use(net, jn.ones((4, 2)))
    assert names(net) == ["(Parent).child(Child).w"]
    assert names(net.child) == ["(Child).w"]


def test_a_circle_through_lists_and_wrappers_is_cut():
    net = Net()
    net.items = objax.ModuleList([nn.Linear(1, 1), net])
    net.forced = objax.ForceArgs(net, training=True)
    net.items.append(net.items)
    assert names(net) == ["(Net).items(ModuleList)[0](Linear).b", "(Net).items(ModuleList)[0](Linear).w"]


class Pair(objax.Module):
    def __init__(self, part):
        self.a = self.b = part


def test_shared_modules_have_the_names_of_all_their_places():
    assert names(Pair(Pair(objax.TrainVar(jn.ones(1))))) == ["(Pair).a(Pair).a", "(Pair).a(Pair).b", "(Pair).b(Pair).a"]
    net = Net()
    net.a = net.tied = nn.Linear(2, 2)
    assert names(net) == [f"(Net).{way}(Linear).{v}" for way in ("a", "tied") for v in "bw"]


def test_sharing_in_shared_modules_does_not_double_the_names_at_every_step():
    net = nn.Linear(2, 2)
    for _ in range(40):
        net = Pair(net)
    found = net.vars()
    assert (len(found), len(list(found))) == (82, 2)
    assert next(iter(found.keys())) == "(Pair)" + ".a(Pair)" * 39 + ".a(Linear).b"


def test_a_search_that_fails_leaves_nothing_behind():
    class Broken(objax.Module):
        def vars(self, scope=""):
            raise RuntimeError("no")

    net = Net()
    net.w, net.broken = objax.TrainVar(jn.ones(1)), Broken()
    with pytest.raises(RuntimeError, match="no"):
        net.vars()
    del net.broken
    assert names(net) == ["(Net).w"]


def test_warnings_as_errors_leave_the_container_in_its_place():
    net = Net()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.layers = [layer()]
        with pytest.raises(UserWarning, match=r"Net\.layers"):
            net.vars()
    assert len(net.layers) == 1
