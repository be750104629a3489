"""Training modes: random `train`, `eval` and contexts in two threads, against a model of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cuobjax
import cuobjax.numpy as jn

pytestmark = pytest.mark.usefixtures("on_the_cpu")

modes = st.booleans()
threads = st.integers(0, 1)
positions = st.integers(0, 3)


class Asking(cuobjax.Module):
    def __call__(self, x):
        return x * {None: 0, False: 1, True: 2}[self.training]


class Defaulted(Asking):
    training = False


class Modes(RuleBasedStateMachine):
    """A network of four modules; the model: what each one holds, and the contexts that are open for it in each thread.

    A context is a number; `contexts` are those that are open, [(number, mode, context manager)].
    """

    def __init__(self):
        super().__init__()
        inner = cuobjax.ModuleList([Asking(), Defaulted()])
        self.modules = [cuobjax.ModuleList([inner]), inner, *inner]
        self.within = {0: [0, 1, 2, 3], 1: [1, 2, 3], 2: [2], 3: [3]}
        self.jitted = [cuobjax.Jit(module) for module in inner]
        self.held = [None, None, None, False]
        self.stacks = [[[] for _ in self.modules] for _ in range(2)]
        self.contexts, self.begun = [], 0
        self.pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]

    def teardown(self):
        for _, _, context in self.contexts:
            context.__exit__(None, None, None)
        for pool in self.pools:
            pool.shutdown()

    def run(self, thread, function):
        return self.pools[thread].submit(function).result()

    @rule(thread=threads, position=positions, mode=modes)
    def set(self, thread, position, mode):
        module = self.modules[position]
        assert self.run(thread, module.train if mode else module.eval) is module
        for i in self.within[position]:
            self.held[i], self.stacks[thread][i] = mode, []

    @rule(thread=threads, position=positions, mode=st.none() | modes)
    def assign(self, thread, position, mode):
        self.run(thread, lambda: setattr(self.modules[position], "training", mode))
        self.held[position], self.stacks[thread][position] = mode, []

    @rule(thread=threads, position=positions, mode=modes)
    def open(self, thread, position, mode):
        context = self.modules[position].mode(training=mode)
        assert self.run(thread, context.__enter__) is self.modules[position]
        for i in self.within[position]:
            self.stacks[thread][i].append((self.begun, mode))
        self.contexts.append((self.begun, mode, context))
        self.begun += 1

    @precondition(lambda self: self.contexts)
    @rule(thread=threads, which=st.integers(0, 99), fails=st.booleans())
    def close(self, thread, which, fails):
        number, mode, context = self.contexts.pop(which % len(self.contexts))
        error = KeyError() if fails else None
        assert not self.run(thread, lambda: context.__exit__(type(error) if fails else None, error, None))
        self.stacks = [
            [[entry for entry in stack if entry != (number, mode)] for stack in stacks] for stacks in self.stacks
        ]

    @rule(thread=threads, which=st.integers(0, 1))
    def call_jitted(self, thread, which):
        expected = {None: 0, False: 1, True: 2}[self.expected(thread)[2 + which]]
        assert self.run(thread, lambda: self.jitted[which](jn.ones(()))) == expected
        assert self.jitted[which]._recordings <= 3

    def expected(self, thread):
        return [stack[-1][1] if stack else held for stack, held in zip(self.stacks[thread], self.held, strict=True)]

    @invariant()
    def modes_are_those_of_the_model(self):
        for thread in range(2):
            found = self.run(thread, lambda: [module.training for module in self.modules])
            assert found == self.expected(thread)


TestModes = Modes.TestCase
