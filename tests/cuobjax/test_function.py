"""Which variables a function can reach."""

import collections
import contextlib
import contextvars
import functools
import io
import itertools
import logging
import operator
import sys
import types
import warnings
import weakref

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.contents import is_of_a_library
from cuobjax.core.function import find_used_variables


def train_var():
    return objax.TrainVar(jn.ones(2))


class Pair(objax.Module):
    def __init__(self):
        self.a, self.b = train_var(), train_var()

    def __call__(self, x):
        return self.a * x

    def second(self, x):
        return self.b * x

    def handed_on(self, x):
        return scaled(self, x)

    def dynamic(self, name):
        return getattr(self, name)

    @property
    def product(self):
        return self.a * 2

    def by_property(self):
        return self.product


class Trainer:
    """An object of a user's class, no module."""

    def __init__(self):
        self.net, self.other = Pair(), train_var()
        self.table = {"x": train_var(), 2: [train_var(), train_var()]}

    def step(self, x):
        self.count = x
        return self.net(x)

    def whole(self):
        return scaled(self, 1)


class Callable:
    def __init__(self):
        self.w = train_var()

    def __call__(self):
        return net_a


net_a, net_b, lonely, state = Pair(), Pair(), train_var(), objax.StateVar(jn.zeros(1))
nets, table, trainer, callable_object = [net_a, net_b], {"k": net_a, "l": net_b}, Trainer(), Callable()
holder = types.SimpleNamespace(net=net_a, w=lonely)
constrained = objax.TrainVar(jn.ones(2), constraint=jn.exp)


def scaled(net, x):
    return net(x)


def helper(x):
    return second_helper(net_b(x))


def second_helper(x):
    return lonely * x


def recursive(n):
    return lonely if n == 0 else recursive(n - 1)


def names(f):
    return list(find_used_variables(f).keys())


A, B = ["net_a.(Pair).a", "net_a.(Pair).b"], ["net_b.(Pair).a", "net_b.(Pair).b"]
NETS = ["nets[0].(Pair).a", "nets[0].(Pair).b", "nets[1].(Pair).a", "nets[1].(Pair).b"]
CASES = {
    "global": (lambda x: net_a(x), A),
    "attribute": (lambda: net_a.b, ["net_a.b"]),
    "method": (lambda x: net_a.second(x), ["net_a.b"]),
    "bound method": (net_a.second, ["self.b"]),
    "bound call": (net_a.__call__, ["self.a"]),
    "handed on": (net_a.handed_on, ["self.(Pair).a", "self.(Pair).b"]),
    "dynamic": (net_a.dynamic, ["self.(Pair).a", "self.(Pair).b"]),
    "property": (lambda: net_a.product, ["net_a.a"]),
    "property in a method": (net_a.by_property, ["self.a"]),
    "variable": (lambda: lonely + state, ["lonely", "state"]),
    "method of a variable": (lambda: lonely.mean(), ["lonely"]),
    "assigned to": (lambda: setattr(state, "value", 3), ["state"]),
    "constant subscript": (lambda x: nets[1](x), ["nets[1].(Pair).a", "nets[1].(Pair).b"]),
    "negative subscript": (lambda x: nets[-1](x), ["nets[-1].(Pair).a", "nets[-1].(Pair).b"]),
    "subscript": (lambda i: nets[i](1), NETS),
    "loop": (lambda x: [net(x) for net in nets], NETS),
    "key": (lambda x: table["l"](x), ["table['l'].(Pair).a", "table['l'].(Pair).b"]),
    "dictionary": (lambda k: table[k].a, [f"table[{k!r}].(Pair).{v}" for k in "kl" for v in "ab"]),
    "called function": (helper, ["{second_helper}lonely", *B]),
    "function that is called": (lambda x: helper(x), ["{helper}{second_helper}lonely", *("{helper}" + n for n in B)]),
    "recursion": (recursive, ["lonely"]),
    "partial function": (functools.partial(scaled, net_b), ["[0].(Pair).a", "[0].(Pair).b"]),
    "keyword of a partial function": (functools.partial(scaled, net=net_b), ["net.(Pair).a", "net.(Pair).b"]),
    "default": (lambda x, net=net_b: net(x), ["net.(Pair).a", "net.(Pair).b"]),
    "keyword default": (lambda x, *, w=lonely: w * x, ["w"]),
    "nested function": (lambda x: (lambda y: net_b.a * y)(x), ["net_b.a"]),
    "attribute of a module": (lambda: holder.net.a * holder.w, ["holder.net.a", "holder.w"]),
    "object's method": (trainer.step, ["self.net.(Pair).a", "self.net.(Pair).b"]),
    "object's table": (lambda: trainer.table["x"] + trainer.table[2][1], ["trainer.table['x']", "trainer.table[2][1]"]),
    "object": (
        trainer.whole,
        ["self.net.(Pair).a", "self.net.(Pair).b", *("self." + n for n in ["other", "table['x']", "table[2][0]"])]
        + ["self.table[2][1]"],
    ),
    "callable object": (lambda: callable_object(), ["callable_object.w", *A]),
    "module": (objax.nn.Sequential([net_a]), ["(Sequential)[0](Pair).a", "(Sequential)[0](Pair).b"]),
    "lambda in a module": (
        objax.nn.Sequential([net_a.second, lambda x: x * lonely]), ["[0].b", "{<lambda>}lonely"],
    ),
    "random numbers": (lambda: objax.random.normal((2,)), ["generator.(Generator)._key"]),
    "constraint": (lambda: constrained * 2, ["constrained"]),
    "nothing": (lambda x: np.sin(x) + jn.tanh(x) + len(x), []),
    "no code": (len, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_found(case):
    f, expected = CASES[case]
    found = names(f)
    if case == "random numbers":
        assert [name.rpartition("(")[2] for name in found] == ["Generator)._key"]
    elif case == "lambda in a module":
        assert [name.rpartition(".")[2].rpartition("}")[2] for name in found] == ["b", "lonely"]
    else:
        assert found == expected


def test_closures_hide_globals():
    net_a = Pair()
    found = find_used_variables(lambda x: net_a(x))
    assert list(map(id, found)) == [id(net_a.a), id(net_a.b)]

    def outer(x):
        def inner(y):
            return net_a.b * y + not_there  # noqa: F821

        return inner(x)

    assert list(map(id, find_used_variables(outer))) == [id(net_a.b)]


def test_parameters_hide_globals():
    def f(net_a):
        lonely = net_a
        return lonely

    assert names(f) == []


def test_each_variable_has_one_name():
    alias = net_a
    found = find_used_variables(lambda x: alias(net_a(x)))
    assert len(found) == len(list(found)) == 2


def test_two_variables_of_one_name():
    def make():
        w = train_var()
        return lambda: w

    first, second = make(), make()
    found = find_used_variables(lambda: first() + second())
    assert list(found.keys()) == ["{<lambda>}w", "{<lambda>}w'"]
    assert len(list(found)) == 2


def test_looking_runs_nothing():
    class Loud(objax.Module):
        def __init__(self):
            self.w = train_var()

        @property
        def value(self):
            raise RuntimeError

    loud = Loud()
    assert names(lambda: loud.value * loud.w) == ["loud.w"]


# Function.auto_vars.


def test_a_function_of_all_variables_that_it_reaches():
    @objax.Function.auto_vars
    def loss(x):
        """The loss."""
        return (net_b.a * helper_with_state(x)).sum()

    def helper_with_state(x):
        state.value += 1
        return x

    assert list(loss.vars("s").keys()) == ["s{loss}net_b.a", "s{loss}{helper_with_state}state"]
    assert (repr(loss), loss.__doc__) == ("cuobjax.Function(f=loss)", "The loss.")
    gradients = objax.Grad(loss, loss.vars())(jn.ones(2))
    assert len(gradients) == 1
    np.testing.assert_array_equal(gradients[0], [1, 1])


def test_what_is_made_later_is_found():
    places = []
    f = objax.Function.auto_vars(lambda: places[0])
    assert list(f.vars().keys()) == []
    places.append(train_var())
    assert list(f.vars().keys()) == ["{<lambda>}places[0]"]


def test_functions_that_call_themselves_and_each_other():
    @objax.Function.auto_vars
    def even(n):
        return lonely if n == 0 else odd(n - 1)

    @objax.Function.auto_vars
    def odd(n):
        return net_a.a if n == 0 else even(n - 1)

    assert {name.rpartition("}")[2] for name, _ in even.vars().items()} == {"lonely", "net_a.a"}
    assert list(map(id, objax.ModuleList([odd]).vars())) == list(map(id, odd.vars()))


def test_containers_that_a_method_reads():
    nets = {"a": objax.nn.Linear(1, 1)}
    for f in (
        lambda x: [net(x) for net in nets.values()], lambda x: [net(x) for _, net in nets.items()],
        lambda x: nets.get("a")(x),
    ):  # fmt: skip
        assert set(find_used_variables(f)) == set(nets["a"].vars())


# Whatever holds a network, or a function of it.
net = objax.nn.Linear(1, 1)


def forward(x):
    return net(x)


def handed(x):
    return x


class Items:
    def __init__(self):
        self.items = [net]

    def __getitem__(self, i):
        return self.items[i]


class GlobalItems:
    def __getitem__(self, i):
        return net


class Slots:
    __slots__ = ("inner",)

    def __init__(self):
        self.inner = net


class Delegating:
    def __init__(self):
        self.inner = types.SimpleNamespace(net=net)

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Computed:
    """Attributes that are computed when they are read."""

    class Descriptor:
        def __get__(self, instance, owner):
            return net

    described = Descriptor()
    partial = functools.partialmethod(lambda self, n, x: net(x), 1)

    @functools.singledispatchmethod
    def dispatched(self, x):
        return net(x)

    @functools.cached_property
    def kept(self):
        return objax.nn.Linear(1, 1)

    @staticmethod
    def static(x):
        return net(x)

    @classmethod
    def of_the_class(cls, x):
        return net(x)


class UsesGlobal(objax.Module):
    def __call__(self, x):
        return net(x)


class InAList(objax.Module):
    def __init__(self, layer):
        self.blocks, self._table = None, {"a": [layer]}

    def __call__(self, x):
        return self._table["a"][0](x)


@contextlib.contextmanager
def lent():
    yield net


def enters(x):
    with lent() as inner:
        return inner(x)


computed, items, slots, delegating = Computed(), Items(), Slots(), Delegating()
with warnings.catch_warnings(action="ignore"):
    in_a_list = InAList(net)
computed.__dict__["kept"] = net
in_context = contextvars.ContextVar("in_context")
in_context.set(net)
object_array = np.empty(1, object)
object_array[0] = net
HOLDERS = {
    "Jit": objax.Jit(forward), "Vectorize": objax.Vectorize(forward), "Parallel": objax.Parallel(forward),
    "Remat": objax.Remat(forward), "Jit of Vectorize": objax.Jit(objax.Vectorize(forward)),
    "Jit of a method": objax.Jit(net.__call__), "Function without variables": objax.Function(forward, ()),
    "module that uses a global": UsesGlobal(), "list in a module": in_a_list, "deque": collections.deque([net]),
    "UserDict": collections.UserDict(a=net), "UserList": collections.UserList([net]),
    "ChainMap": collections.ChainMap({}, {"a": net}), "mappingproxy": types.MappingProxyType({"a": net}),
    "namedtuple": collections.namedtuple("Pair", "a b")(1, net), "key": {net: 1},
    "values": {"a": net}.values(), "array of objects": object_array, "namespace": types.SimpleNamespace(a=net),
    "iterator": iter([net]), "cycle": itertools.cycle([net]), "map": map(net, [1.0]), "generator": (n for n in [net]),
    "method of a list": [net].__getitem__, "weak reference": weakref.ref(net), "proxy": weakref.proxy(net),
    "WeakValueDictionary": weakref.WeakValueDictionary(a=net), "WeakSet": weakref.WeakSet([net]),
    "WeakKeyDictionary": weakref.WeakKeyDictionary({net: 1}), "methodcaller": operator.methodcaller("f", net),
    "context variable": in_context, "singledispatch": functools.singledispatch(forward),
    "lru_cache": functools.lru_cache(lambda x: net(x)), "wrapper": functools.wraps(forward)(lambda x: forward(x)),
    "checkpoint": autograd.checkpoint(forward), "vmap": autograd.vmap(forward), "grad": autograd.grad(forward),
    "custom_vjp": autograd.custom_vjp(forward), "own items": items, "items from a global": GlobalItems(),
    "slots": slots, "delegating": delegating,
}  # fmt: skip
WAYS = {
    "cached property": lambda x: computed.kept(x), "descriptor": lambda x: computed.described(x),
    "partial method": lambda x: computed.partial(x), "dispatched method": lambda x: computed.dispatched(x),
    "static method": lambda x: Computed.static(x), "class method": lambda x: Computed.of_the_class(x),
    "object that is made": lambda x: GlobalItems()[0](x), "delegated attribute": lambda x: delegating.net(x),
    "slot": lambda x: slots.inner(x), "context manager": enters, "context": lambda x: in_context.get()(x),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:InAList._table is a dict that holds Linear:UserWarning")
@pytest.mark.parametrize("holder", HOLDERS)
def test_variables_behind_all_that_holds_objects(holder):
    held = HOLDERS[holder]
    assert set(find_used_variables(lambda x: handed(held)(x))) == set(net.vars())


@pytest.mark.parametrize("way", WAYS)
def test_variables_on_the_way_that_code_takes(way):
    assert set(find_used_variables(WAYS[way])) == set(net.vars())


def test_a_gradient_through_a_recorded_function_of_a_network():
    predict = objax.Jit(forward)
    loss = objax.Function.auto_vars(lambda x: predict(x).sum())
    gradients = objax.Grad(loss, loss.vars())(jn.ones((3, 1)))
    assert [g.shape for g in gradients] == [(1,), (1, 1)]
    assert all((g == 3).all() for g in gradients)


def test_a_function_with_given_variables_has_these_alone():
    limited = objax.Function(lambda: net_a.a * net_b.b, {"a": net_a.a})
    assert list(find_used_variables(lambda: limited())) == [net_a.a]


def test_a_cached_property_that_has_no_value_yet_is_not_computed():
    fresh = Computed()
    assert names(lambda x: fresh.kept(x)) == []
    assert "kept" not in vars(fresh)


def test_names_that_are_imported_inside(monkeypatch):
    module = types.ModuleType("module_of_a_test")
    module.net, module.lonely = net, lonely
    monkeypatch.setitem(sys.modules, "module_of_a_test", module)

    def by_module(x):
        import module_of_a_test

        return module_of_a_test.net.w * x

    def by_name(x):
        from module_of_a_test import lonely as other, net  # noqa: I001

        def inner():
            return net.b

        return inner() * other

    assert names(by_module) == ["module_of_a_test.net.w"]
    assert names(by_name) == ["other", "net.b"]


def test_methods_of_base_classes():
    class Child(Pair):
        def second(self, x):
            return super().second(x)

    child = Child()
    assert names(lambda x: child.second(x)) == ["child.b"]


def test_code_takes_what_it_reads_of_a_closure_alone():
    inner = Pair()

    def comprehension(x):
        return [inner.a * y for y in x]

    def nested(x):
        def f(y):
            return lambda: inner.b

        return f(x)

    def hidden(x):
        return [inner * 2 for inner in x]

    assert [names(f) for f in (comprehension, nested, hidden)] == [["inner.a"], ["inner.b"], []]


def test_streams_loggers_and_names_of_modules_are_not_entered():
    class Stream(io.StringIO):
        pass

    stream, logger, namespace = Stream(), logging.Logger("of a test"), {"__builtins__": None, "net": net}
    stream.kept = logger.kept = net
    assert names(lambda x: (stream.write(x), logger.info(x), namespace.copy())) == []


def test_containers_in_containers_of_any_depth():
    outer = inner = []
    for _ in range(3000):
        inner.append([])
        inner = inner[0]
    inner.append(lonely)
    assert list(find_used_variables(lambda: handed(outer))) == [lonely]


def test_classes_of_functions_belong_to_a_library():
    assert is_of_a_library(types.FunctionType)
    assert not is_of_a_library(test_classes_of_functions_belong_to_a_library)


def test_the_search_runs_no_code_of_a_user():
    class Loud:
        def __repr__(self):
            raise AssertionError("repr")

        def __getattr__(self, name):
            raise AssertionError(name)

    held = {(Loud(), 1): [objax.nn.Linear(2, 1)], "loud": Loud()}
    assert len(find_used_variables(lambda x: handed(held))) == 2


def test_an_assertion_of_a_test_leads_to_no_other_test():
    """pytest writes assertions anew, as calls of functions of its own."""

    def f(x):
        assert x is None

    assert not find_used_variables(f)


def test_static_methods_of_a_class_that_is_used():
    v = train_var()

    class Helper:
        @staticmethod
        def value():
            return v.value

        @classmethod
        def twice(cls):
            return cls.value() * 2

    helpers = [vars(Helper)["value"], vars(Helper)["twice"]]
    assert [*find_used_variables(lambda: helpers).values()] == [v]
    assert [*find_used_variables(lambda: Helper.twice()).values()] == [v]


def test_a_name_that_is_not_assigned_yet():
    v = train_var()

    def f():
        return v.value + later.value

    assert [*find_used_variables(f).values()] == [v]
    later = train_var()
    assert [*find_used_variables(f).values()] == [v, later]
