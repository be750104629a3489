"""ForceArgs: arguments that a module gets whatever it is called with."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.module import ForceArgs, walk


class Echo(objax.Module):
    """Returns what it is called with."""

    def __init__(self):
        self.w = objax.TrainVar(jn.zeros(1))

    def __call__(self, x, training, *rest, scale=1, **more):
        return x, training, rest, scale, more


class Holder(objax.Module):
    def __init__(self, *forced):
        self.one = ForceArgs(Echo(), **dict(forced))
        self.more = objax.ModuleList([ForceArgs(ForceArgs(Echo(), training=1), scale=2), Echo(), "text"])


@pytest.mark.parametrize(
    ("forced", "args", "kwargs", "expected"),
    [
        ({}, (1, 2), {}, (1, 2, (), 1, {})),
        ({"training": True}, (1, 2), {}, (1, True, (), 1, {})),
        ({"training": True}, (1,), {}, (1, True, (), 1, {})),
        ({"training": True}, (1,), {"training": False}, (1, True, (), 1, {})),
        ({"training": True, "x": 5}, (1, 2, 3, 4), {}, (5, True, (3, 4), 1, {})),
        ({"scale": 3}, (1, 2), {"scale": 4}, (1, 2, (), 3, {})),
        ({"other": 3}, (1, 2), {"a": 4}, (1, 2, (), 1, {"a": 4, "other": 3})),
        ({"x": None, "training": None}, (), {}, (None, None, (), 1, {})),
    ],
)
def test_forced_arguments_replace_those_given(forced, args, kwargs, expected):
    assert ForceArgs(Echo(), **forced)(*args, **kwargs) == expected


def test_names_signature_and_text_are_those_of_the_module():
    forced = ForceArgs(objax.Grad(lambda x: x, None, (0,)), training=True, word="hello")
    assert repr(forced) == "cuobjax.ForceArgs(module=Grad, training=True, word='hello')"
    echo = Echo()
    assert inspect.signature(ForceArgs(echo, x=1)) == inspect.signature(echo)
    assert list(ForceArgs(echo, x=1).vars("s").keys()) == ["s(Echo).w"]
    assert next(iter(ForceArgs(ForceArgs(echo)).vars())) is echo.w
    assert list(Holder().vars().keys()) == [
        "(Holder).one(Echo).w",
        "(Holder).more(ModuleList)[0](Echo).w",
        "(Holder).more(ModuleList)[1](Echo).w",
    ]


def test_an_argument_that_the_module_has_not():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        ForceArgs(objax.nn.Linear(1, 1), nonsense=3)(jn.ones((1, 1)))


def test_forced_in_a_sequential():
    net = objax.nn.Sequential([objax.nn.Dropout(0.5), objax.nn.BatchNorm0D(2)])
    frozen = objax.nn.Sequential([net[0], ForceArgs(net[1], training=False)])
    x = jn.ones((8, 2)) + jn.arange(8)[:, None]
    np.testing.assert_allclose(net[1](x, training=False), frozen[1](x, training=True))
    frozen(x, training=True)
    np.testing.assert_array_equal(net[1].running_mean.value, 0)
    net(x, training=True)
    assert (net[1].running_mean.value != 0).all()


def forced_in(module):
    """What is forced, by the path."""
    return {path: part.forced_kwargs for path, part in walk(module) if isinstance(part, ForceArgs)}


def test_undo_of_everything_takes_the_wrappers_out():
    holder = Holder(("training", 1), ("scale", 3))
    echo, nested = holder.one.__wrapped__, holder.more[0].__wrapped__.__wrapped__
    ForceArgs.undo(holder)
    assert (holder.one, holder.more[0]) == (echo, nested)
    assert forced_in(holder) == {}
    assert holder.more[2] == "text"


def test_undo_of_a_value():
    holder = Holder(("training", 1), ("scale", 3))
    ForceArgs.undo(holder, training=2)
    assert len(forced_in(holder)) == 3
    ForceArgs.undo(holder, training=1)
    assert forced_in(holder) == {".one": {"scale": 3}, ".more[0]": {"scale": 2}}
    ForceArgs.undo(holder, scale=3, training=ForceArgs.ANY)
    assert forced_in(holder) == {".more[0]": {"scale": 2}}


def test_undo_of_any_value():
    holder = Holder(("training", 1), ("scale", 3))
    ForceArgs.undo(holder, scale=ForceArgs.ANY)
    assert forced_in(holder) == {".one": {"training": 1}, ".more[0]": {"training": 1}}


def test_the_root_stays():
    echo = Echo()
    root = ForceArgs(ForceArgs(echo, training=2), x=1)
    ForceArgs.undo(root)
    assert type(root) is ForceArgs
    assert root.forced_kwargs == {}
    assert root.__wrapped__ is echo
    assert root(3, 4)[:2] == (3, 4)


class NeverEqual:
    def __eq__(self, other):
        return False


NEVER_EQUAL = NeverEqual()


@pytest.mark.parametrize(
    ("value", "same", "other"),
    [
        (np.array([1, 2]), np.array([1, 2]), np.array([1, 3])),
        (jn.array([1, 2]), jn.array([1, 2]), jn.array([1, 2, 3])),
        (jn.array([1, 2]), np.array([1, 2]), None),
        ([jn.zeros(2), "a"], [jn.zeros(2), "a"], [jn.zeros(2), "b"]),
        ({"k": np.zeros(2)}, {"k": np.zeros(2)}, {"j": np.zeros(2)}),
        ("text", "text", np.array([1, 2])),
        (1, np.float32(1), np.array([1])),
        (np.array([1, 2]), jn.array([1, 2]), [1, 2]),
        (None, None, False),
        (range(2), range(2), range(3)),
        (objax.StateVar(jn.zeros(2)), np.zeros(2), np.ones(2)),
        (NEVER_EQUAL, NEVER_EQUAL, NeverEqual()),
    ],
)
def test_undo_compares_values(value, same, other):
    module = ForceArgs(Echo(), x=value)
    ForceArgs.undo(module, x=other)
    assert module.forced_kwargs
    ForceArgs.undo(module, x=same)
    assert not module.forced_kwargs


def test_undo_compares_raw_arrays_of_every_library(xp):
    module = ForceArgs(Echo(), x=xp.ones(2))
    ForceArgs.undo(module, x=xp.zeros(2))
    assert module.forced_kwargs
    ForceArgs.undo(module, x=xp.ones(2))
    assert not module.forced_kwargs


def test_undo_compares_variables_by_identity_or_value():
    v = objax.TrainVar(jn.zeros(2))
    module = ForceArgs(Echo(), x=v)
    ForceArgs.undo(module, x=objax.TrainVar(jn.ones(2)))
    assert module.forced_kwargs
    ForceArgs.undo(module, x=v)
    assert not module.forced_kwargs


def test_programs_are_recorded_anew_afterwards():
    zeros = ForceArgs(objax.nn.Dropout(1e-6), training=False)
    jitted, x = objax.Jit(zeros), jn.ones(3)
    for expected in (1, 0):
        np.testing.assert_array_equal(jitted(x, training=True), expected * x)
        ForceArgs.undo(zeros)


def test_a_shared_module_is_undone_everywhere():
    shared = ForceArgs(Echo(), training=1)
    pair = objax.ModuleList([shared, shared])
    ForceArgs.undo(pair)
    assert pair[0] is pair[1] is shared.__wrapped__


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(duplicate):
    other = duplicate(ForceArgs(Echo(), training=3))
    assert other(1) == (1, 3, (), 1, {})
    assert list(other.vars().keys()) == ["(Echo).w"]
