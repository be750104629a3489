"""The training mode of modules: `train`, `eval`, `mode`, and the argument `training`."""

import asyncio
import contextlib
import contextvars
import copy
import dataclasses
import gc
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core import training_mode
from cuobjax.core.module import walk
from cuobjax.transforms.jit import Jit


def network():
    dropout = objax.nn.Sequential([objax.nn.Dropout(0.5)])
    return objax.nn.Sequential([objax.nn.Linear(3, 4), objax.nn.BatchNorm0D(4), dropout])


def evaluation(net):
    return net.mode(training=False)


def elsewhere(function):
    """The result of a function in another thread, which copies no context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


X = np.arange(12, dtype="float32").reshape(4, 3)


@pytest.mark.parametrize("layer", [objax.nn.Dropout(0.5), objax.nn.BatchNorm0D(3)])
def test_s22_a_call_without_any_mode(layer):
    message = rf"^{type(layer).__name__}\.__call__\(\) missing 1 required positional argument: 'training'"
    with pytest.raises(TypeError, match=message):
        layer(X)
    with pytest.raises(TypeError, match=message) as caught:
        objax.nn.Sequential([layer])(X)
    assert caught.value.__notes__[0].startswith("in Sequential[0]: cuobjax.nn.")


def test_eval_and_train_set_the_mode_for_good():
    net = network()
    net.eval()
    np.testing.assert_array_equal(net(X), net(X, training=False))
    np.testing.assert_array_equal(net[1].running_mean.value, 0)
    net.train()
    assert (net(X) == 0).any()
    assert (net[1].running_mean.value != 0).all()
    assert [part.training for _, part in walk(net)][:2] == [True, True]


def test_the_argument_wins():
    net = network()
    net.train()
    np.testing.assert_array_equal(net(X, training=False), net(X, training=False))
    np.testing.assert_array_equal(net[1].running_mean.value, 0)
    net.eval()
    assert (net[2][0](jn.ones(100), training=True) == 0).any()
    assert (net[2][0](jn.ones(100)) == 1).all()


def test_a_context_ends():
    net = network()
    with net.mode(training=False) as inside:
        assert inside is net
        with net.mode(training=True):
            assert net[1].training is True
        assert net[1].training is False
        with pytest.raises(KeyError), net[1].mode(training=True):
            raise KeyError
        assert (net[1].training, net[0].training) == (False, False)
        net(X)
    assert net[1].training is None
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'training'"):
        net(X)


def test_train_and_eval_return_the_module_which_is_no_context_manager():
    net = network()
    assert net.train() is net.eval() is net
    np.testing.assert_array_equal(net.eval()(X), net(X, training=False))
    for verb in (net.train, net.eval):
        with pytest.raises(AttributeError, match=r"write `with net\.mode\(training=False\):`\.$"), verb():
            pass
        with pytest.raises(TypeError), contextlib.ExitStack() as stack:
            stack.enter_context(verb())
    assert not hasattr(net, "__enter__")
    assert not isinstance(net, contextlib.AbstractContextManager)


def test_a_module_may_be_a_context_manager_by_another_base_class():
    class Closing(objax.Module, contextlib.ExitStack):
        pass

    closed = []
    with Closing() as net:
        net.callback(closed.append, net)
        assert closed == []
    assert closed == [net]


def test_modules_behind_other_modules():
    shared = objax.nn.Dropout(0.5)

    class Holder(objax.Module):
        def __init__(self):
            self.forced = objax.ForceArgs(shared, dropout_keep=0.5)
            self.remat = objax.Remat(shared)
            self.unseen = [objax.nn.Dropout(0.5)]

    holder = Holder()
    with pytest.warns(UserWarning, match=r"^Holder\.unseen is a list that holds Dropout\."):
        holder.vars()
    holder.eval()
    assert shared.training is False
    assert holder.unseen[0].training is None


def test_users_modules_read_their_mode():
    class Noise(objax.Module):
        def __call__(self, x):
            return x + 1 if self.training else x

    net = objax.nn.Sequential([Noise()])
    assert [net(1), net.train()(1), net.eval()(1)] == [1, 2, 1]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_the_mode(duplicate):
    net = network()
    net.eval()
    other = duplicate(net)
    other.train()
    assert (net[1].training, other[1].training) == (False, True)
    assert list(net.vars().keys()) == list(other.vars().keys())


# What transformations need.


def test_recording_finds_the_modes_at_the_start():
    net = network()
    net.train()
    with training_mode.modes_read() as modes:
        with evaluation(net[2]):
            net(X)
        net(X)
    read = (net[1], *(part for _, part in walk(net[2])))
    assert {id(m): training for m, training in modes} == {id(m): True for m in read}
    assert training_mode.unchanged(modes)
    with evaluation(net):
        assert not training_mode.unchanged(modes)
        with training_mode.override(modes):
            assert net[2][0].training is True
            assert net.training is False
        assert net[2][0].training is False
    with training_mode.modes_read() as nothing:
        net(X, training=False)
    assert nothing == []


def test_recordings_reach_those_around():
    net = network()
    net.eval()
    with training_mode.modes_read() as outer:
        with training_mode.modes_read() as inner:
            net(X)
        assert outer == []
        with training_mode.modes_read() as replayed:
            assert training_mode.unchanged(inner)
    assert inner == replayed == outer
    assert len(inner) == 2


def test_modes_that_the_recorded_code_set_are_not_recorded():
    net = network()
    with training_mode.modes_read() as outer:
        net[1].eval()
        with training_mode.modes_read() as inner:
            assert net[1].training is False
            net[0].training = True
        assert (net[0].training, net[1].training, net.training) == (True, False, None)
    assert (inner, outer) == ([(net[1], False)], [(net, None)])


def test_jit_knows_what_its_programs_depend_on():
    net, x = network(), jn.array(X)
    plain, jitted = net[1], Jit(net[1])
    with evaluation(net):
        np.testing.assert_allclose(jitted(x @ net[0].w), plain(x @ net[0].w, training=False), rtol=1e-5)
    with net.mode(training=True):
        np.testing.assert_allclose(jitted(x @ net[0].w).mean(0), np.zeros(4), atol=1e-5)
    with evaluation(net):
        np.testing.assert_allclose(jitted(x @ net[0].w), plain(x @ net[0].w, training=False), rtol=1e-5)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'training'"):
        jitted(x @ net[0].w)


class Doubling(objax.Module):
    def __call__(self, x):
        return x * 2 if self.training else x


def test_jit_in_the_contexts_of_two_threads():
    module, x = Doubling().train(), jn.ones(2)
    jitted = Jit(module)
    with evaluation(module):
        for _ in range(2):
            assert (jitted(x)[0], elsewhere(lambda: jitted(x))[0]) == (1, 2)
    assert jitted(x)[0] == 2
    assert jitted._recordings == 2


def test_jit_of_functions_that_set_modes():
    module = Doubling().train()

    @Jit
    def both(x):
        with evaluation(module):
            inside = module(x)
        return inside, module(x), Doubling().train()(x), module.eval()(x)

    for training, recorded in [(True, 1), (True, 1), (False, 2), (True, 2), (False, 2)]:
        module.train(training)
        assert [y[0] for y in both(jn.ones(2))] == [1, 1 + training, 2, 1]
        assert both._recordings == recorded


@pytest.mark.parametrize("training", [True, False])
def test_remat_runs_again_as_it_ran_first(training):
    """The backward pass runs the layer after the context has ended."""
    layer, weights = objax.nn.BatchNorm0D(3), jn.array(X + 1) ** 2

    def loss(f, x):
        with layer.mode(training=training):
            return (f(x) ** 2 * weights).sum()

    expected = objax.Grad(lambda x: loss(layer, x), layer.vars(), (0,))(jn.array(X))
    found = objax.Grad(lambda x: loss(objax.Remat(layer), x), layer.vars(), (0,))(jn.array(X))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_remat_runs_a_function_again_that_sets_modes():
    norm, weights, x = objax.nn.BatchNorm0D(3), jn.array(X + 1) ** 2, jn.array(X)

    def f(x):
        y = norm(x)
        with evaluation(norm):
            y = y * norm(x)
        return y * norm.eval()(x)

    def loss(f):
        norm.train()
        y = (f(x) ** 2 * weights).sum()
        norm.train()
        return y

    expected = objax.Grad(lambda: loss(f), norm.vars())()
    norm.running_mean.assign(jn.zeros(3).reshape(norm.running_mean.shape))
    norm.running_var.assign(jn.ones(3).reshape(norm.running_var.shape))
    for a, b in zip(objax.Grad(lambda: loss(objax.Remat(f)), norm.vars())(), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3)


# Contexts and threads.


def test_contexts_of_two_threads():
    net = network()
    net.train()
    entered, read = threading.Event(), threading.Event()
    found = []

    def evaluate():
        with evaluation(net):
            entered.set()
            read.wait()
            found.append(net.training)

    thread = threading.Thread(target=evaluate)
    thread.start()
    entered.wait()
    assert net.training is True
    with evaluation(net):
        read.set()
        thread.join()
    assert found == [False]
    assert net.training is True


def test_other_threads_never_see_a_context():
    """At no step of its opening and closing, line by line."""
    net, seen = network().train(), set()

    def look(*_):
        with ThreadPoolExecutor(1) as pool:
            seen.add(pool.submit(lambda: [part.training for _, part in walk(net)].count(True)).result())
        return look

    context = evaluation(net)
    before = sys.gettrace()
    sys.settrace(look)
    try:
        context.__enter__()
        context.__exit__(None, None, None)
    finally:
        sys.settrace(before)
    assert seen == {len(list(walk(net)))}


def test_a_thread_that_only_reads_beside_one_that_only_opens_contexts():
    net, reads, done = network().train(), {True: 0, False: 0}, threading.Event()

    def read():
        while not done.is_set():
            reads[net.training] += 1

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(5000):
        with evaluation(net):
            pass
    done.set()
    thread.join()
    assert reads[False] == 0


def test_tasks_and_threads_that_copy_the_context():
    net = network().train()
    with evaluation(net):
        inherited = contextvars.copy_context()
        assert elsewhere(lambda: inherited.run(lambda: net.training)) is False
        f = objax.Parallel(lambda x: net(x), reduce=lambda y: y[0])
        same = jn.concatenate([X[:1]] * f.ndevices)
        np.testing.assert_array_equal(f(same), net(X[:1]))
    assert inherited.run(lambda: net.training) is True

    async def task(training, barrier):
        with net.mode(training=training):
            await barrier.wait()
            return net.training

    async def main():
        meeting, waiting = asyncio.Event(), []

        class Barrier:
            async def wait(self):
                waiting.append(None)
                if len(waiting) == 2:
                    meeting.set()
                await meeting.wait()

        barrier = Barrier()
        with evaluation(net):
            inherits = asyncio.ensure_future(asyncio.sleep(0, None))
            found = await asyncio.gather(task(True, barrier), task(False, barrier))
            await inherits
        return [*found, net.training]

    assert asyncio.run(main()) == [True, False, True]


def in_mode(net, training):
    with net.mode(training=training):
        for _ in range(3):
            yield net.training


@pytest.mark.parametrize("net", [network(), network().train()], ids=["unset", "training"])
def test_contexts_that_close_out_of_order(net):
    before = net.training
    outer, inner = evaluation(net), net.mode(training=True)
    outer.__enter__(), inner.__enter__()
    outer.__exit__(None, None, None)
    assert net.training is True
    inner.__exit__(None, None, None)
    assert net.training is before

    assert len(list(zip(in_mode(net, False), in_mode(net, True), in_mode(net, False), strict=True))) == 3
    assert net.training is before
    generators = [in_mode(net, False), in_mode(net, True)]
    assert [next(g) for g in generators] == [False, True]
    del generators[0]
    gc.collect()
    assert net.training is True
    generators.clear()
    gc.collect()
    assert net.training is before

    with contextlib.ExitStack() as stack:
        stack.enter_context(evaluation(net))
        with contextlib.ExitStack() as first:
            first.enter_context(net.mode(training=True))
            later = first.pop_all()
        stack.enter_context(net[0].mode(training=True))
        later.close()
        assert (net.training, net[0].training) == (False, True)
    assert (net.training, net[0].training) == (before, before)


def test_contexts_that_another_thread_closes():
    net = network().train()
    generator = in_mode(net, False)
    assert next(generator) is False
    assert elsewhere(lambda: (net.training, next(generator), net.training)) == (True, True, True)
    assert net.training is False
    elsewhere(lambda: list(generator))
    assert net.training is True

    generator = in_mode(net, False)
    assert elsewhere(lambda: next(generator)) is False
    assert list(generator) == [True, True]
    assert net.training is True
    assert training_mode._open() == {}


def test_closed_contexts_are_dropped():
    net = network()
    for _ in range(20):
        context = evaluation(net)
        context.__enter__()
        elsewhere(lambda: context.__exit__(None, None, None))  # noqa: B023
    assert [len(stack) for stack in training_mode._overrides.get().values()] == [1] * 6
    with evaluation(network()):
        assert id(net) not in training_mode._overrides.get()
    assert training_mode._overrides.get() == {}


def test_train_and_eval_within_contexts():
    """They count at once and for good, but not in another thread that is in a context."""
    net = network().train()
    inherited = contextvars.copy_context()
    with evaluation(net):
        inside = contextvars.copy_context()
        net[0].train()
        assert (net[0].training, net.training) == (True, False)
        with evaluation(net), evaluation(net):
            net.train()
            assert [net[0].training, inside.run(lambda: net.training), inherited.run(lambda: net.training)] == [
                True,
                False,
                True,
            ]
        assert net.training is True
        net.eval()
        with net.mode(training=True):
            assert net.training is True
        assert net.training is False
    assert (net.training, net[0].training, inside.run(lambda: net.training)) == (False, False, False)


def test_a_context_is_entered_later_but_once():
    net = network()
    context = evaluation(net)
    net.train()
    net.append(objax.nn.Dropout(0.5))
    with context:
        assert net[3].training is False
    with pytest.raises((RuntimeError, AttributeError)), context:
        pass
    assert net.training is True


def test_what_is_neither_true_nor_false():
    with pytest.raises(TypeError, match="True or False, got 'no'"):
        network().train("no")
    with pytest.raises(TypeError, match="True or False, got None"), network().mode(training=None):
        pass


def test_contexts_of_many_threads_leave_nothing_behind():
    net = network()
    net(X, training=False)  # makes the generator's state

    def evaluate():
        for _ in range(200):
            with evaluation(net):
                net(X)
                list(net.vars())

    threads = [threading.Thread(target=evaluate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "training" not in net.__dict__


# Classes with a `training` of their own.


class Always(objax.Module):
    training = True


class Mixed(type("Mixin", (), {"training": True}), objax.Module):
    pass


class Slotted(objax.Module):
    __slots__ = ("training",)

    def __init__(self):
        self.training = True


class Passing(objax.Module):
    """A property that can be set."""

    def __init__(self):
        self.mode_of_mine = True

    @property
    def training(self):
        return self.mode_of_mine

    @training.setter
    def training(self, value):
        self.mode_of_mine = value


@dataclasses.dataclass
class Flagged(objax.Module):
    scale: float = 1.0
    training: bool = False


@dataclasses.dataclass
class Fielded(objax.Module):
    training: bool = dataclasses.field(default=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Frozen(objax.Module):
    training: bool = False


@dataclasses.dataclass(slots=True)
class SlottedField(objax.Module):
    training: bool = False


@pytest.mark.parametrize(
    "kind", [Always, Mixed, Slotted, Passing, Flagged, Fielded, SlottedField], ids=lambda kind: kind.__name__
)
def test_classes_with_a_training_of_their_own(kind):
    module = kind()
    before = module.training
    assert before is not None
    with module.mode(training=not before):
        assert module.training is not before
        assert kind().training is elsewhere(lambda: module.training) is before
    assert module.training is before
    module.train(not before)
    assert module.training is not before
    assert copy.deepcopy(module).training is not before


def test_frozen_dataclasses():
    module = Frozen()
    with pytest.raises(dataclasses.FrozenInstanceError):
        module.training = True
    assert [module.training, module.train().training, module.eval().training] == [False, True, False]


def test_classes_keep_their_attributes():
    flagged = Flagged(3.0)
    assert (flagged.training, Flagged.training, objax.Module.training) == (False, False, None)
    assert (Always.training, type(Passing.training)) == (True, property)
    assert flagged == Flagged(3.0, training=False)


def test_classes_that_compute_their_mode():
    class Constant(objax.Module):
        training = property(lambda self: False)

    class Method(objax.Module):
        def training(self):
            return "a method"

    net = objax.ModuleList([Constant(), Method(), objax.nn.Dropout(0.5)])
    for found in (net.train(), net):
        with net.mode(training=True):
            assert [found[0].training, found[1].training(), found[2].training] == [False, "a method", True]


def test_jit_knows_the_modes_of_classes_with_their_own():
    @dataclasses.dataclass
    class Scaling(objax.Module):
        scale: float
        training: bool = False

        def __call__(self, x):
            return x * self.scale if self.training else x

    module = Scaling(3.0)
    jitted = Jit(module)
    assert jitted(jn.ones(2))[0] == 1
    with module.mode(training=True):
        assert jitted(jn.ones(2))[0] == 3
    assert module.train() is module
    assert jitted(jn.ones(2))[0] == 3
    assert jitted._recordings == 2


def test_copies_and_assignments_within_a_context():
    net = network()
    net.train()
    with evaluation(net):
        copies = [copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))]
        assert [copied.training for copied in copies] == [True] * 3
        net.training = True
        assert net.training is True
    assert net.training is True
