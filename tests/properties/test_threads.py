"""Two threads that call transformations, draw, write, change modes, fail and are interrupted: against a model."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import cuobjax
import cuobjax.numpy as jn
from cuobjax import GradValues, Jit, Parallel, Remat, Vectorize, random
from cuobjax.core.scope import innermost, loan, running
from tests.interrupts import InterruptAt

pytestmark = pytest.mark.usefixtures("on_the_cpu")

threads = st.integers(0, 1)
kinds = st.sampled_from(
    ["GradValues", "Jit", "Remat", "Vectorize", "Parallel", "Remat in GradValues", "Jit of GradValues"]
)
steps = st.lists(st.sampled_from(["draw", "write", "evaluate", "the other draws", "the other reads"]), max_size=5)
ends = st.sampled_from([None, None, ValueError, KeyboardInterrupt])


class Network(cuobjax.Module):
    def __init__(self):
        self.w = cuobjax.TrainVar(jn.array(3.0))
        self.count, self.same = cuobjax.StateVar(jn.array(0.0)), cuobjax.StateVar(jn.array(0.0))


class Threads(RuleBasedStateMachine):
    """A network and a generator that two threads share; the model: a count, the mode, and the numbers drawn."""

    def __init__(self):
        super().__init__()
        self.net, self.generator = Network(), random.Generator(0)
        self.net.train()
        self.count, self.training, self.drawn, self.seeds = 0, True, [], 0
        self.pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]

    def teardown(self):
        for pool in self.pools:
            pool.shutdown()

    def run(self, thread, function):
        return self.pools[thread].submit(function).result()

    def numbers(self):
        return random.normal((2,), generator=self.generator)

    def function(self, thread, steps, end, found):
        """What a transformation calls: the output is w * x, and the numbers that it draws."""

        def f(x):
            net, numbers = self.net, []
            for step in steps:
                if step == "draw":
                    numbers.append(self.numbers())
                elif step == "write":
                    net.count.value += 1
                    net.same.value += 1
                elif step == "evaluate":
                    with net.mode(training=False):
                        assert not net.training
                elif step == "the other draws":
                    found.append(self.run(1 - thread, lambda: self.numbers().tolist()))
                else:  # what it reads is no use to this call, but to itself
                    assert self.run(1 - thread, lambda: float(net.w * 2) == 6 and float(net.count) >= 0)
            if end is not None:
                raise end
            return (net.w * x).sum(), numbers

        return f

    def transformed(self, kind, f):
        gradients = lambda f: GradValues(f, {"w": self.net.w})
        return {
            "GradValues": lambda: lambda x: gradients(f)(x)[1],
            "Jit": lambda: Jit(f),
            "Remat": lambda: Remat(f),
            "Vectorize": lambda: Vectorize(f, {"w": self.net.w}),
            "Parallel": lambda: Parallel(f, reduce=lambda v: v),
            "Remat in GradValues": lambda: lambda x: gradients(Remat(f))(x)[1],
            "Jit of GradValues": lambda: Jit(lambda x: gradients(f)(x)[1]),
        }[kind]()

    def finished(self, steps, output, numbers):
        assert np.all(np.asarray(output).sum() == 12)
        self.count += steps.count("write")
        self.drawn += [row for value in numbers for row in np.asarray(value).reshape(-1, 2).tolist()]

    @rule(thread=threads, kind=kinds, steps=steps, end=ends)
    def call(self, thread, kind, steps, end):
        found = []
        call = self.transformed(kind, self.function(thread, steps, end, found))
        x = jn.ones(4)
        if end is None:
            self.finished(steps, *self.run(thread, lambda: call(x)))
        else:
            with pytest.raises(end):
                self.run(thread, lambda: call(x))
        self.drawn += found

    @rule(kind=kinds, steps=steps, moment=st.integers(0, 3000))
    def call_and_interrupt(self, kind, steps, moment):
        """In this thread, the main one."""
        steps = [step for step in steps if not step.startswith("the other")]
        call = self.transformed(kind, self.function(0, steps, None, []))
        x, result, before = jn.ones(4), None, self.generator.key.value
        try:
            sys.setprofile(InterruptAt(moment, __file__))
            result = call(x)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        if result is not None:
            self.finished(steps, *result)
        elif float(self.net.count.value) != self.count or self.generator.key.value is not before:
            self.count += steps.count("write")  # it had succeeded, and the numbers are lost

    @rule(thread=threads)
    def draw(self, thread):
        self.drawn.append(self.run(thread, lambda: self.numbers().tolist()))

    @rule(thread=threads)
    def seed(self, thread):
        self.seeds += 1
        self.run(thread, lambda: self.generator.seed(self.seeds))

    @rule(thread=threads, training=st.booleans())
    def set_mode(self, thread, training):
        self.training = training
        self.run(thread, self.net.train if training else self.net.eval)

    @invariant()
    def all_is_as_in_the_model(self):
        for look in (lambda thread: thread(), *[lambda thread, i=i: self.run(i, thread) for i in range(2)]):
            assert look(lambda: (innermost.get(), loan.get())) == (None, None)
            assert look(lambda: float(self.net.count.value)) == look(lambda: float(self.net.same.value)) == self.count
            assert look(lambda: self.net.training) is self.training
        assert not running
        assert len(set(map(tuple, self.drawn))) == len(self.drawn)


@pytest.fixture(autouse=True)
def _two_devices(monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")


TestThreads = Threads.TestCase
TestThreads.settings = settings(max_examples=min(settings.default.max_examples, 300), stateful_step_count=20)
