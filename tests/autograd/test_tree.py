"""Trees: which containers are taken apart, and what comes back of those that are not."""

import collections
import functools
import time
import types

import numpy as np
import pytest

import autograd
from autograd import tree
from autograd.core import Array


class Items(dict):
    """A dictionary whose items are attributes, and which counts on no method of `dict`."""

    def __setitem__(self, key, value):
        raise AssertionError("a container is made again without its methods")

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    __setattr__ = __setitem__


class Labelled(list):
    """A list with attributes."""

    __slots__ = ("label", "unset")

    def __init__(self, items, label):
        super().__init__(items)
        self.label = label


class Shape(tuple):
    __slots__ = ()


class Twice(collections.namedtuple("Twice", "a b")):
    def __new__(cls, a):
        return super().__new__(cls, a, a)


class Own:
    def __init__(self, x):
        self.x = x


class Slotted:
    __slots__ = ("unset", "x")

    def __init__(self, x):
        self.x = {"deep": [x]}


CONTAINERS = {
    "dict subclass": Items(a=1, b=(2, 3)),
    "OrderedDict": collections.OrderedDict(b=1, a=2),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "Counter": collections.Counter("aab"),
    "list subclass": Labelled([1, 2], 3),
    "tuple subclass": Shape((1, 2)),
    "named tuple": Twice(3),
    "namespace": types.SimpleNamespace(u=1, v=[2, 3]),
    "deque": collections.deque([1, 2], 5),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_come_back_in_their_class(container):
    leaves, structure = tree.flatten(container)
    assert all(type(x) is int for x in leaves)
    again = tree.unflatten(structure, leaves)
    assert type(again) is type(container)
    assert again is not container
    assert again == container
    assert tree.flatten(again) == (leaves, structure)
    assert tree.leaves_along(structure, container) == leaves
    changed = tree.tree_map(lambda x: x + 1, container)
    assert tree.flatten(changed) == ([x + 1 for x in leaves], structure)


def test_options_and_attributes_of_containers_are_kept():
    assert tree.tree_map(str, collections.defaultdict(list, a=1))["new"] == []
    assert tree.tree_map(str, collections.deque([1], 2)).maxlen == 2
    assert tree.tree_map(str, Labelled([1], 2)).label == "2"
    assert list(tree.tree_map(str, collections.OrderedDict(b=1, a=2))) == ["b", "a"]
    assert tree.tree_map(str, Items(a=1)).a == "1"


def test_a_plain_container_stands_for_one_of_a_subclass():
    structure = tree.flatten(Items(a=1))[1]
    assert tree.leaves_along(structure, {"a": 5}) == [5]
    assert tree.leaves_along(structure, [5]) is None
    assert tree.leaves_along(tree.flatten({"a": 1})[1], Items(a=5)) == [5]
    assert tree.leaves_along(tree.flatten(types.SimpleNamespace(a=1))[1], {"a": 5}) is None


class Reversed(list):
    def __iter__(self):
        return reversed(self)


@pytest.mark.parametrize(
    "leaf", [time.localtime(0), Reversed([1]), Own(1), {1}, "text"], ids=lambda x: type(x).__name__
)
def test_other_objects_are_leaves(leaf):
    assert tree.flatten(leaf)[0] == [leaf]


TRANSFORMATIONS = {
    "grad": lambda f: autograd.grad(lambda x: (x.sum(), f(x)), has_aux=True),
    "value_and_grad": lambda f: autograd.value_and_grad(lambda x: (x.sum(), f(x)), has_aux=True),
    "vjp": lambda f: functools.partial(autograd.vjp, f),
    "vjp aux": lambda f: functools.partial(autograd.vjp, lambda x: (x, f(x)), has_aux=True),
    "jvp": lambda f: lambda x: autograd.jvp(f, (x,), (x,)),
    "jvp aux": lambda f: lambda x: autograd.jvp(lambda x: (x, f(x)), (x,), (x,), has_aux=True),
    "linearize": lambda f: functools.partial(autograd.linearize, f),
    "jacobian": lambda f: autograd.jacobian(lambda x: (x, f(x)), has_aux=True),
    "jacfwd": lambda f: autograd.jacfwd(lambda x: (x, f(x)), has_aux=True),
    "vmap": autograd.vmap,
    "checkpoint": lambda f: autograd.grad(lambda x: (x.sum(), autograd.checkpoint(f)(x)), has_aux=True),
}


@pytest.mark.parametrize("transform", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS)
@pytest.mark.parametrize(
    ("holder", "match"),
    [
        (Own, r"got Own with a traced value in \.x\. Return the arrays in a tuple, list, dictionary or dataclass\.$"),
        (Slotted, r"got Slotted with a traced value in \.x\['deep'\]\[0\]\."),
        (lambda x: collections.UserDict(a=x), r"got UserDict with a traced value in \['a'\]\."),
        (lambda x: {Own(x)}, r"got set with a traced value in \[0\]\.x\."),
        (lambda x: functools.partial(max, x), r"got partial with a traced value in \.args\[0\]\."),
        (lambda x: (part for part in [x]), "got generator, which is run later. Return the arrays"),
    ],
)
def test_an_object_that_holds_traced_values_is_refused(transform, holder, match):
    with pytest.raises(TypeError, match="expected outputs of arrays, numbers and containers of them, " + match):
        transform(holder)(np.ones(2))


@pytest.mark.parametrize("transform", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS)
def test_containers_of_other_classes_hold_values_of_the_caller(transform):
    traced = [x for x in tree.flatten(transform(lambda x: Items(y=x * 2))(np.ones(2)))[0] if isinstance(x, Array)]
    assert traced == []


def test_objects_without_traced_values_pass():
    thing = Own("text")
    assert autograd.grad(lambda x: (x, thing), has_aux=True)(1.0)[1] is thing
    assert autograd.vmap(lambda x: thing)(np.ones(2)) is thing


def test_too_many_leaves():
    _, structure = tree.flatten([1, (2, 3)])
    with pytest.raises(ValueError, match=r"^unflatten: got more leaves than the structure has\.$"):
        tree.unflatten(structure, [1, 2, 3, 4])
