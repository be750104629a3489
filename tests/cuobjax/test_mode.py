"""`train` and `eval` of modules, beside the argument `training`."""

import copy
import dataclasses
import pickle
import threading

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core import training_mode as mode
from cuobjax.transforms.jit import Jit


def network():
    dropout = objax.nn.Sequential([objax.nn.Dropout(0.5)])
    return objax.nn.Sequential([objax.nn.Linear(3, 4), objax.nn.BatchNorm0D(4), dropout])


X = np.arange(12, dtype="float32").reshape(4, 3)


@pytest.mark.parametrize("layer", [objax.nn.Dropout(0.5), objax.nn.BatchNorm0D(3)])
def test_s22_a_call_that_nothing_was_said_about(layer):
    message = rf"^{type(layer).__name__}\.__call__\(\) missing 1 required positional argument: 'training'"
    with pytest.raises(TypeError, match=message):
        layer(X)
    with pytest.raises(TypeError, match=message) as caught:
        objax.nn.Sequential([layer])(X)
    assert caught.value.__notes__[0].startswith("in Sequential[0]: cuobjax.nn.")


def test_eval_and_train_say_it_once_for_all():
    net = network()
    net.eval()
    np.testing.assert_array_equal(net(X), net(X, training=False))
    np.testing.assert_array_equal(net[1].running_mean.value, 0)
    net.train()
    assert (net(X) == 0).any()
    assert (net[1].running_mean.value != 0).all()
    assert [part.training for _, part in objax.module.walk(net)][:2] == [True, True]


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
    with net.eval() as inside:
        assert inside is net
        with net.train():
            assert net[1].training is True
        assert net[1].training is False
        with pytest.raises(KeyError), net[1].train():
            raise KeyError
        assert (net[1].training, net[0].training) == (False, False)
        net(X)
    assert net[1].training is None
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'training'"):
        net(X)


def test_modules_behind_other_modules():
    shared = objax.nn.Dropout(0.5)

    class Holder(objax.Module):
        def __init__(self):
            self.forced = objax.module.ForceArgs(shared, dropout_keep=0.5)
            self.remat = objax.Remat(shared)
            self.unseen = [objax.nn.Dropout(0.5)]

    holder = Holder()
    holder.eval()
    assert shared.training is False
    assert holder.unseen[0].training is None


def test_users_modules_ask_themselves():
    class Noise(objax.Module):
        def __call__(self, x):
            return x + 1 if self.training else x

    net = objax.nn.Sequential([Noise()])
    assert [net(1), net.train() and net(1), net.eval() and net(1)] == [1, 2, 1]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_what_was_said(duplicate):
    net = network()
    net.eval()
    other = duplicate(net)
    other.train()
    assert (net[1].training, other[1].training) == (False, True)
    assert list(net.vars().keys()) == list(other.vars().keys())


# What transformations need.


def test_observing_finds_what_was_said_at_the_start():
    net = network()
    net.train()
    with mode.observing() as found:
        with net[2].eval():
            net(X)
        net(X)
    told = (net[1], *(part for _, part in objax.module.walk(net[2])))
    assert {id(m): said for m, said in found} == {id(m): True for m in told}
    assert mode.unchanged(found)
    with net.eval():
        assert not mode.unchanged(found)
        with mode.restored(found):
            assert net[2][0].training is True
            assert net.training is False
        assert net[2][0].training is False
    with mode.observing() as nothing:
        net(X, training=False)
    assert nothing == []


def test_observations_reach_those_around():
    net = network()
    net.eval()
    with mode.observing() as outer:
        with mode.observing() as inner:
            net(X)
        assert outer == []
        with mode.observing() as replayed:
            assert mode.unchanged(inner)
    assert inner == replayed == outer
    assert len(inner) == 2


def test_jit_knows_what_its_programs_depend_on():
    net, x = network(), jn.array(X)
    plain, jitted = net[1], Jit(net[1])
    with net.eval():
        np.testing.assert_allclose(jitted(x @ net[0].w), plain(x @ net[0].w, training=False), rtol=1e-5)
    with net.train():
        np.testing.assert_allclose(jitted(x @ net[0].w).mean(0), np.zeros(4), atol=1e-5)
    with net.eval():
        np.testing.assert_allclose(jitted(x @ net[0].w), plain(x @ net[0].w, training=False), rtol=1e-5)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'training'"):
        jitted(x @ net[0].w)


@pytest.mark.parametrize("training", [True, False])
def test_remat_runs_again_as_it_ran_first(training):
    """The backward pass runs the layer after the context has ended."""
    layer, weights = objax.nn.BatchNorm0D(3), jn.array(X + 1) ** 2

    def loss(f, x):
        with layer.train(training):
            return (f(x) ** 2 * weights).sum()

    expected = objax.Grad(lambda x: loss(layer, x), layer.vars(), (0,))(jn.array(X))
    found = objax.Grad(lambda x: loss(objax.Remat(layer), x), layer.vars(), (0,))(jn.array(X))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_contexts_of_two_threads():
    net = network()
    net.train()
    entered, asked = threading.Event(), threading.Event()
    found = []

    def evaluate():
        with net.eval():
            entered.set()
            asked.wait()
            found.append(net.training)

    thread = threading.Thread(target=evaluate)
    thread.start()
    entered.wait()
    with net.eval():
        asked.set()
        thread.join()
    assert found == [False]
    assert net.training is True


def test_a_context_that_is_entered_later_and_again():
    net = network()
    context = net.eval()
    net.train()
    for _ in range(2):
        with context:
            assert net[0].training is False
            with context, net.train():
                assert net[0].training is True
            net.train()
            assert net[0].training is True
        assert net[0].training is True


def test_what_is_neither_true_nor_false():
    with pytest.raises(TypeError, match="True or False, got 'no'"):
        network().train("no")


def test_a_class_with_an_answer_of_its_own():
    class Always(objax.Module):
        training = True

    module = Always()
    with module.eval():
        assert module.training is False
    assert module.training is True


def test_contexts_of_many_threads_leave_nothing_behind():
    net = network()
    net.eval()
    net(X)  # makes the generator's state
    del net.__dict__["training"]

    def evaluate():
        for _ in range(200):
            with net.eval():
                net(X)
                list(net.vars())

    threads = [threading.Thread(target=evaluate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert net.training is None


@dataclasses.dataclass
class Flagged(objax.Module):
    """A module whose own field hides the attribute of modules."""

    scale: float
    training: bool = False

    def __call__(self, x):
        return x * (self.scale if self.training else 1)


class Mixed(type("Mixin", (), {"training": True}), objax.Module):
    """A module whose answer comes from another base."""


def test_fields_and_bases_with_an_answer_of_their_own():
    flagged = Flagged(3.0)
    assert (flagged.training, Flagged.training, objax.Module.training) == (False, False, None)
    for module in (flagged, Mixed()):
        before = module.training
        with module.train(not before):
            assert module.training is not before
        assert module.training is before
        module.train(not before)
        assert module.training is not before


def test_copies_and_assignments_within_a_context():
    net = network()
    net.train()
    with net.eval():
        copies = [copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))]
        net.training = True
        assert net.training is True
    assert [copied.training for copied in copies] == [False] * 3
    assert net.training is True


def test_what_was_said_often_is_copied_like_anything():
    net = network()
    for _ in range(2000):
        net.train(), net.eval()
    assert copy.deepcopy(net).training is False
    assert "_Said" not in str(pickle.dumps(net))
