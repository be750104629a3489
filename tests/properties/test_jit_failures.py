"""What fails or is interrupted while Jit records or replays has changed nothing, and the next call is as ever."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from autograd.graph import recording
from cuobjax import GradValues, Jit, StateVar, nn, optimizer, random
from cuobjax.core import scope
from cuobjax.transforms import program as programs
from tests.interrupts import interrupted_at

pytestmark = pytest.mark.usefixtures("xp")
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


class Failure(Exception):
    pass


class Training:
    """A network with batch statistics, dropout, a counter and Adam, and a step that may be told to fail."""

    def __init__(self, wrap=Jit):
        generator = random.Generator(3)
        self.net = nn.Sequential(
            [nn.Linear(3, 4), nn.BatchNorm0D(4), F.relu, nn.Dropout(0.5, generator), nn.Linear(4, 2)]
        )
        for i, v in enumerate(self.net.vars().subset(cuobjax.TrainVar)):
            v.assign(jn.array(np.random.default_rng(i).normal(size=v.shape).astype("float32")))
        self.calls, self.fails = StateVar(jn.zeros((), "int32")), False
        self.update = optimizer.Adam(self.net.vars())
        self.gradients = GradValues(self.loss, self.net.vars())
        self.variables = [*self.net.vars(), *self.update.vars(), self.calls]
        self.step = wrap(self.one_step)

    def loss(self, x):
        return (self.net(x, training=True) ** 2).mean()

    def one_step(self, x, rate):
        self.calls.value += 1
        g, (loss,) = self.gradients(x)
        self.update(rate, g)
        if self.fails:
            raise Failure
        return loss, jn.exp(x) * rate

    def values(self):
        return [np.array(v.value.raw.get() if hasattr(v.value.raw, "get") else v.value.raw) for v in self.variables]

    def program(self):
        """The function of the only program."""
        ((found,),) = self.step._programs.values()
        return found.run_raw._run


def equal(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def failing_at(count, functions):
    """The functions, of which the one that is called at this number raises MemoryError."""
    left = [count]

    def wrapped(f):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise MemoryError
            return f(*args, **kwargs)

        return call if callable(f) and not isinstance(f, np.ndarray | np.generic) else f

    return tuple(map(wrapped, functions))


def record_with_an_error(training, moment):
    training.step = Jit(training.one_step)
    training.fails = True
    with pytest.raises(Failure):
        training.step(jn.array(X), 0.1)
    training.fails = False


def interrupt_a_recording(training, moment):
    training.step = Jit(training.one_step)
    interrupted_at(moment * 3, lambda: training.step(jn.array(X), 0.1))


def interrupt_a_replay(training, moment):
    interrupted_at(moment // 8, lambda: training.step(jn.array(X), 0.1))


def fail_to_compile(training, moment):
    training.step = Jit(training.one_step)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(programs, "compiled", failing_at(0, [programs.compiled])[0])
        with pytest.raises(MemoryError):
            training.step(jn.array(X), 0.1)


def fail_in_a_replay(training, moment):
    """Out of memory in one of the calls of the program."""
    if not training.step._programs:
        return
    run = training.program()
    functions = run.__defaults__
    run.__defaults__ = failing_at(moment % sum(map(callable, functions)), functions)
    with pytest.raises(MemoryError) as caught:
        training.step(jn.array(X), 0.1)
    run.__defaults__ = functions
    assert any(" in one_step" in note or " in loss" in note for note in caught.value.__notes__)


def succeed(training, moment):
    training.step(jn.array(X), 0.1)


EVENTS = (record_with_an_error, interrupt_a_recording, interrupt_a_replay, fail_to_compile, fail_in_a_replay, succeed)


@pytest.fixture(scope="module")
def expected():
    """{array library: the values of all variables after 0, 1, 2, ... steps without Jit}."""
    return {}


def after(expected, xp, steps):
    """The values of all variables after so many steps without Jit."""
    training, found = expected.setdefault(xp, (Training(lambda f: f), []))
    found = found or [training.values()]
    while len(found) <= steps:
        training.step(jn.array(X), 0.1)
        found.append(training.values())
    expected[xp] = training, found
    return found[steps]


@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 6000)), min_size=1, max_size=6))
def test_all_or_nothing(xp, expected, events):
    training, steps = Training(), 0
    training.step(jn.array(X), 0.1)
    steps += 1
    for event, moment in events:
        event(training, moment)
        assert recording() is None and not scope.is_open() and scope.loan.get() is None
        assert sys.getprofile() is None
        if not equal(training.values(), after(expected, xp, steps)):
            steps += 1
        assert equal(training.values(), after(expected, xp, steps)), event.__name__
    training.step(jn.array(X), 0.1)
    training.step(jn.array(X), 0.1)
    assert equal(training.values(), after(expected, xp, steps + 2))
