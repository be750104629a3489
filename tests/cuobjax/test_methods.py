"""Transforms as decorators of methods."""

import copy
import functools
import gc
import pickle
import weakref

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import Grad, Jit, Parallel, Remat, TrainVar, Vectorize

pytestmark = pytest.mark.usefixtures("xp")
RUNS = []


class Net(cuobjax.Module):
    def __init__(self, w=2.0):
        self.w = TrainVar(jn.array(w))

    @Jit
    def forward(self, x, scale=1.0):
        RUNS.append(self)
        return x * self.w * scale

    @functools.partial(Jit, static_argnums=(2,))
    def power(self, x, n):
        return x**n * self.w if n < 5 else x

    @functools.partial(Jit, static_argnums=-1)
    def last(self, x, n):
        return x * (self.w if n else 0)

    @functools.partial(Vectorize, batch_axis=(None, 0))
    def lanes(self, x):
        return x.sum() * self.w

    @functools.partial(Parallel, static_argnums=2)
    def devices(self, x, factor):
        return x * self.w * (factor if type(factor) is int else 0)

    @Remat
    def cheap(self, x):
        return x * self.w

    @functools.partial(Grad, variables=None, input_argnums=(1,))
    def slope(self, x):
        return x**2 * self.w

    @Jit
    @Remat
    def both(self, x):
        return x * self.w

    tanh = Jit(jn.tanh)  # no method


def test_a_decorated_method_is_the_transform_of_the_bound_method():
    net = Net()
    assert float(net.forward(3.0)) == 6
    assert float(net.forward(3.0, scale=2.0)) == 12
    assert float(net.power(3.0, 2)) == float(net.power(3.0, n=2)) == 18
    assert float(net.last(3.0, True)) == 6
    np.testing.assert_array_equal(net.lanes(jn.ones((2, 3))), [6, 6])
    np.testing.assert_array_equal(net.devices(jn.ones((8, 1)), 3), np.full((8, 1), 6))
    assert float(net.cheap(3.0)) == float(net.both(3.0)) == 6
    assert float(net.slope(3.0)[0]) == 12
    assert float(net.tanh(0.0)) == 0
    assert isinstance(Net.forward, Jit)


def test_programs_are_those_of_one_instance_and_read_its_variables():
    a, b = Net(2.0), Net(3.0)
    RUNS.clear()
    for _ in range(3):
        assert [float(net.forward(1.0)) for net in (a, b)] == [2, 3]
    assert [a, b] == RUNS
    a.w.assign(jn.array(5.0))
    assert float(a.forward(1.0)) == 5
    assert a.forward is a.forward
    assert list(a.vars().keys()) == ["(Net).w"]
    assert float(Grad(lambda: a.forward(4.0), a.vars())()[0]) == 4
    RUNS.clear()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_programs_of_its_own(copied):
    net = Net()
    net.forward(1.0)
    other = copied(net)
    other.w = TrainVar(jn.array(7.0))
    assert [float(x.forward(1.0)) for x in (net, other)] == [2, 7]
    RUNS.clear()


def test_an_instance_is_freed_with_its_programs():
    net = Net()
    net.cheap(1.0), net.power(1.0, 2)
    reference = weakref.ref(net)
    del net
    gc.collect()
    assert reference() is None


class Plain:
    @Jit
    def twice(self, x, k=2):
        return x * k


class Derived(Plain):
    @Jit
    def twice(self, x, k=3):
        return super().twice(x, k) + 1


def test_methods_of_any_class_and_of_its_bases():
    assert float(Plain().twice(2.0)) == 4
    assert float(Derived().twice(2.0)) == 7


def test_methods_of_a_class_get_the_class():
    class Scaled(cuobjax.Module):
        factor = 3

        @classmethod
        @Jit
        def scale(cls, x):
            return x * cls.factor

        @staticmethod
        @Jit
        def double(x):
            return x * 2

    class More(Scaled):
        factor = 4

    for owner, factor in ((Scaled, 3), (More, 4), (Scaled(), 3), (More(), 4)):
        assert owner.scale(jn.array(2.0)) == 2 * factor
        assert owner.double(jn.array(2.0)) == 4


def test_the_axis_of_self_is_none():
    class Wrong:
        @functools.partial(Vectorize, batch_axis=(0, 0))
        def f(self, x):
            return x

    with pytest.raises(ValueError, match=r"^Vectorize: expected the axis None for self, got batch_axis=\(0, 0\)\."):
        Wrong().f(jn.ones(2))
    with pytest.raises(ValueError, match=r"arguments \['self', 'x'\].*Give the axis of each, None for one"):

        class AlsoWrong:
            @Vectorize
            def f(self, x):
                return x
