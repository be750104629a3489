"""Modules, lists of modules and functions with variables."""

import copy
import functools
import inspect
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.module import walk


class Inner(objax.Module):
    def __init__(self, n):
        self.w = objax.TrainVar(jn.zeros(n))


in_a_plain_list = pytest.mark.filterwarnings("ignore:Outer.ignored is a list:UserWarning")


class Outer(objax.Module):
    def __init__(self):
        self.number = 3
        self.first = Inner(1)
        self.ignored = [Inner(9), {"k": Inner(9)}, (objax.TrainVar(jn.zeros(9)),)]
        self.listed = objax.ModuleList(
            [Inner(2), "text", None, objax.StateVar(jn.zeros(3)), objax.ModuleList([Inner(4)])]
        )
        self.again = self.first
        self.key = objax.RandomState(0)
        self.ref = objax.TrainRef(self.first.w)


def names(collection):
    return list(collection.keys())


@in_a_plain_list
def test_names_follow_the_attributes():
    module = Outer()
    assert names(module.vars()) == [
        "(Outer).first(Inner).w",
        "(Outer).listed(ModuleList)[0](Inner).w",
        "(Outer).listed(ModuleList)[3]",
        "(Outer).listed(ModuleList)[4](ModuleList)[0](Inner).w",
        "(Outer).again(Inner).w",
        "(Outer).key",
        "(Outer).ref",
    ]
    assert names(module.vars("net"))[0] == "net(Outer).first(Inner).w"
    assert len(list(module.vars())) == 6
    assert type(module.vars()) is objax.VarCollection
    assert objax.Module().vars() == {}


def test_a_wrapped_module_adds_no_name():
    class Wrapper(objax.Module):
        def __init__(self, module):
            self.__wrapped__ = module
            self.extra = objax.StateVar(jn.zeros(1))

    assert names(Wrapper(Inner(2)).vars("x")) == ["x(Wrapper)(Inner).w", "x(Wrapper).extra"]


def test_a_module_has_no_call_of_its_own():
    with pytest.raises(NotImplementedError, match=r"^Inner: has no __call__\. Define it, or call another method\."):
        Inner(1)(2)


@in_a_plain_list
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_s26_copies_keep_the_structure(duplicate):
    module = Outer()
    other = duplicate(module)
    assert names(other.vars()) == names(module.vars())
    assert other.again is other.first
    assert other.ref.ref is other.first.w
    assert not {id(v) for v in module.vars()} & {id(v) for v in other.vars()}
    other.ref.value += 1
    assert float(other.again.w.value[0]) == 1
    assert float(module.first.w.value[0]) == 0
    assert type(other.listed) is objax.ModuleList


# ModuleList.


def test_module_list_behaves_like_a_list():
    a, b, c = Inner(1), Inner(2), Inner(3)
    modules = objax.ModuleList([a, b])
    modules.append(c)
    assert isinstance(modules, list)
    assert (len(modules), modules[1], modules[-1]) == (3, b, c)
    assert names(modules.vars("s")) == [
        "s(ModuleList)[0](Inner).w",
        "s(ModuleList)[1](Inner).w",
        "s(ModuleList)[2](Inner).w",
    ]
    assert [m is x for m, x in zip(modules, [a, b, c], strict=True)] == [True] * 3
    del modules[0]
    modules[0] = c
    assert names(modules.vars()) == ["(ModuleList)[0](Inner).w", "(ModuleList)[1](Inner).w"]
    assert len(list(modules.vars())) == 1


def test_s23_slices_are_module_lists():
    class Special(objax.ModuleList):
        def __init__(self, count):
            super().__init__(Inner(i) for i in range(count))

    for modules in (objax.ModuleList([Inner(1), Inner(2), Inner(3)]), Special(3)):
        part = modules[1:]
        assert type(part) is objax.ModuleList
        assert part[0] is modules[1]
        assert names(part.vars())[0] == "(ModuleList)[0](Inner).w"


def test_s23_sums_and_copies_are_lists_of_the_same_kind():
    net = objax.nn.Sequential([Inner(1)])
    for joined, count in [
        (net + [Inner(2)], 2), ([net[0]] + net, 2), (net * 3, 3), (2 * net, 2), (net.copy(), 1), (copy.copy(net), 1),
    ]:  # fmt: skip
        assert (type(joined), len(joined)) == (objax.nn.Sequential, count)
        assert joined[0] is net[0]
    assert type([Inner(1)] + objax.ModuleList([Inner(2)])) is objax.ModuleList
    with pytest.raises(TypeError, match="can only concatenate tuple"):
        (1,) + net


def test_all_changes_of_a_list_change_what_is_found():
    a, b, c = Inner(1), Inner(2), Inner(3)
    modules = objax.ModuleList([a])
    modules += [b]
    modules.extend([c])
    modules.insert(0, modules.pop())
    modules.reverse()
    assert [m is x for m, x in zip(modules, [b, a, c], strict=True)] == [True] * 3
    modules *= 2
    del modules[2:]
    modules[0:1] = [c, c]
    assert type(modules) is objax.ModuleList
    assert names(modules.vars()) == [f"(ModuleList)[{i}](Inner).w" for i in range(3)]
    assert list(map(id, modules.vars())) == [id(c.w), id(a.w)]
    assert (modules.index(a), modules.count(c), a in modules, b in modules) == (2, 2, True, False)
    modules.remove(a)
    modules.clear()
    assert modules == []


@in_a_plain_list
def test_walk_finds_each_module_once():
    module = Outer()
    found = list(walk(module))
    assert [path for path, _ in found] == ["", ".first", ".listed", ".listed[0]", ".listed[4]", ".listed[4][0]"]
    module.first.back = module
    assert len(list(walk(module))) == 6


def test_repr_shows_the_class_and_the_modules_and_variables_in_attributes():
    class Net(objax.Module):
        def __init__(self):
            self.w = objax.TrainVar(jn.zeros(2))
            self.number = 3
            self.layer = objax.nn.Dropout(0.5)

    assert repr(Net()) == (
        "Net(\n  w: cuobjax.TrainVar(shape=(2,), dtype=float32)\n  layer: cuobjax.nn.Dropout(keep=0.5)\n)"
    )
    assert repr(objax.Module()) == "cuobjax.Module()"


def test_a_module_without_init_takes_no_arguments():
    for args, kwargs in [((1,), {}), ((), {"x": 1})]:
        with pytest.raises(TypeError, match=r"^Module\(\) takes no arguments"):
            objax.Module(*args, **kwargs)


def test_repr_shows_the_arguments_of_a_partial_function():
    modules = objax.ModuleList([functools.partial(objax.functional.leaky_relu, negative_slope=0.2)])
    assert repr(modules) == "cuobjax.ModuleList(\n  [0] leaky_relu(*, negative_slope=0.2)\n)"


def test_s27_module_list_repr():
    modules = objax.ModuleList([objax.nn.Dropout(0.5), objax.ModuleList([1, jn.tanh]), len])
    assert repr(modules) == (
        "cuobjax.ModuleList(\n"
        "  [0] cuobjax.nn.Dropout(keep=0.5)\n"
        "  [1] cuobjax.ModuleList(\n"
        "    [0] 1\n"
        "    [1] tanh\n"
        "  )\n"
        "  [2] len\n"
        ")"
    )
    assert repr(objax.ModuleList()) == "cuobjax.ModuleList(\n\n)"


# Function.


def test_function_has_the_variables_given():
    inner = Inner(2)

    @objax.Function.with_vars(inner.vars())
    def loss(x, scale=2.0):
        """The loss."""
        return (inner.w.value * x).sum() * scale

    assert isinstance(loss, objax.Module)
    assert names(loss.vars()) == ["{loss}(Inner).w"]
    assert names(loss.vars("s")) == ["s{loss}(Inner).w"]
    assert next(iter(loss.vars())) is inner.w
    assert float(loss(jn.ones(2), scale=3.0)) == 0
    assert (loss.__name__, loss.__doc__) == ("loss", "The loss.")
    assert list(inspect.signature(loss).parameters) == ["x", "scale"]
    assert repr(loss) == "cuobjax.Function(f=loss(*, scale=2.0))"
    gradient = objax.Grad(loss, loss.vars())
    np.testing.assert_array_equal(gradient(jn.ones(2))[0], [2, 2])


def test_functions_without_a_name():
    inner = Inner(2)
    f = objax.Function(functools.partial(lambda x: x, 3), inner.vars())
    assert names(f.vars()) == ["(Inner).w"]
    assert f() == 3
    assert names(objax.Function(lambda: 0, inner.vars()).vars()) == ["{<lambda>}(Inner).w"]
    assert names(objax.Function(lambda: 0, {"w": inner.w}).vars()) == ["{<lambda>}w"]


def test_a_function_in_a_module_is_found():
    class Holder(objax.Module):
        def __init__(self):
            inner = Inner(2)
            self.f = objax.Function(lambda: 0, inner.vars())

    assert names(Holder().vars()) == ["(Holder).f{<lambda>}(Inner).w"]


def test_an_array_does_not_take_the_place_of_a_variable():
    layer = objax.nn.Linear(2, 2)
    for value in (jn.ones((2, 2)), np.ones((2, 2))):
        with pytest.raises(TypeError, match=r"Write self\.w\.assign\(x\)\."):
            layer.w = value
    layer.w = objax.TrainVar(jn.ones((2, 2)))
    layer.w = None


def test_arguments_that_a_class_does_not_take():
    class Plain(objax.Module):
        pass

    class Point(objax.Module, tuple):
        pass

    with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
        Plain(3)
    assert tuple(Point((1, 2))) == (1, 2)


def test_a_list_is_made_of_one_list():
    for kind in (objax.ModuleList, objax.nn.Sequential):
        with pytest.raises(
            TypeError, match=rf"^{kind.__name__}: expected one list, got 2 arguments\. Write {kind.__name__}"
        ):
            kind(objax.nn.Linear(2, 2), jn.tanh)


def test_base_classes_that_note_their_subclasses():
    class Base:
        def __init_subclass__(cls, name, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.name = name

    class Net(objax.Module, Base, name="net"):
        pass

    assert Net().name == "net"
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        type("Net", (objax.Module,), {}, name="net")


def test_base_classes_that_restore_themselves_or_are_context_managers():
    class Base:
        def __setstate__(self, state):
            self.__dict__.update(state, restored=True)

        def __enter__(self):
            return "entered"

        def __exit__(self, *error):
            pass

    class Net(objax.Module, Base):
        pass

    net = Net()
    net.v = objax.TrainVar(jn.ones(2))
    assert copy.copy(net).restored and copy.deepcopy(net).vars().keys() == net.vars().keys()
    with net as found:
        assert found == "entered"
