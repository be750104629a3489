"""`Remat` gives what the module itself gives: outputs, gradients, and changes of variables."""

import tracemalloc

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.random.default_rng(3).normal(size=(6, 4)).astype("float32")


class Block(cuobjax.Module):
    """A layer with batch statistics, random numbers and a counter, which are states."""

    def __init__(self):
        generator = cuobjax.random.Generator(5)
        self.linear = cuobjax.nn.Linear(4, 4)
        self.linear.w.assign(jn.eye(4) + 0.1)
        self.norm = cuobjax.nn.BatchNorm0D(4)
        self.dropout = cuobjax.nn.Dropout(0.5, generator)
        self.state = generator.key
        self.calls = cuobjax.StateVar(jn.zeros(()))

    def __call__(self, x):
        self.calls.value += 1
        return self.dropout(jn.tanh(self.norm(self.linear(x), training=True)), training=True)


def trained(wrap, depth=1):
    """The gradients, the loss and the variables after two calls of a model of blocks."""
    blocks = [Block() for _ in range(depth)]
    wrapped = [wrap(block) for block in blocks]
    variables = cuobjax.VarCollection((f"{i}{name}", v) for i, b in enumerate(blocks) for name, v in b.vars().items())

    def loss(x):
        for block in wrapped:
            x = block(x)
        return jn.sum(x**2)

    gradient = cuobjax.GradValues(loss, variables, input_argnums=(0,))
    results = [gradient(X), gradient(X)]
    found = [np.asarray(x) for pair in results for part in pair for x in part]
    return found, [np.asarray(v) for v in variables.tensors()]


@pytest.mark.parametrize(
    "wrap",
    [cuobjax.Remat, lambda block: cuobjax.Remat(cuobjax.Remat(block)), lambda b: cuobjax.Remat(lambda x: b(x))],
)
@pytest.mark.parametrize("depth", [1, 3])
def test_it_is_the_module(wrap, depth):
    (results, variables), (expected, states) = trained(wrap, depth), trained(lambda block: block, depth)
    for one, other in zip(results + variables, expected + states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_runs_twice_and_writes_once():
    calls, state = [], cuobjax.StateVar(jn.zeros(()))

    def f(x):
        calls.append(1)
        state.value += 1
        return jn.sum(x * x)

    cuobjax.Grad(cuobjax.Remat(f), None, input_argnums=(0,))(X)
    assert len(calls) == 2
    assert state.value == 1


def test_outside_of_transformations_and_its_variables():
    block = Block()
    assert list(cuobjax.Remat(block).vars()) == list(block.vars())
    assert cuobjax.Remat(block)(X).shape == (6, 4)
    assert block.calls.value == 1
    assert repr(cuobjax.Remat(block)).startswith("cuobjax.Remat(f=")


def test_an_exception_changes_nothing():
    state = cuobjax.StateVar(jn.zeros(()))

    def f(x):
        state.value += 1
        raise KeyError("f")

    with pytest.raises(KeyError):
        cuobjax.Remat(f)(X)
    assert state.value == 0


def test_memory():
    """Twenty blocks of ten steps: the peak is that of one block and the values between blocks."""

    def block(x):
        for _ in range(10):
            x = jn.sin(x) * 1.01
        return x

    def peak(wrap):
        def loss(x):
            for _ in range(20):
                x = wrap(block)(x)
            return jn.sum(x)

        x = np.ones(20_000, "float32")
        tracemalloc.start()
        autograd.grad(loss)(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / x.nbytes

    assert peak(cuobjax.Remat) < 60
    assert peak(lambda f: f) > 200
