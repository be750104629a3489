"""Cheap results computed again in the backward pass: less memory, the same bits."""

import numpy as onp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd.numpy as anp
from autograd import value_and_grad
from autograd.compiler import recomputation
from autograd.compiler.fusion import fused
from autograd.compiler.memory import Memory
from autograd.compiler.recomputation import recomputed
from autograd.ops import elementwise as ops
from tests.autograd.test_fusion import BINARY, EXAMPLES, UNARY, host, names, raw, recorded


def peak(graph):
    """The most bytes of results at once."""
    memory, used, most = Memory(graph), 0, 0
    ends = [[] for _ in range(len(graph.operations) + 1)]
    for n in memory.made:
        ends[memory.last[n]].append(n)
    for i, operation in enumerate(graph.operations):
        used += sum(graph.values[n].nbytes for n in operation.outputs if n in memory.made)
        most = max(most, used)
        used -= sum(graph.values[n].nbytes for n in ends[i])
    return most


def assert_same_bits(graph, inputs):
    with onp.errstate(all="ignore"):
        for x, y in zip(graph.interpret(inputs), fused(recomputed(graph)).interpret(inputs), strict=True):
            onp.testing.assert_array_equal(host(x), host(y), strict=True)


def gelu(x):
    return x * 0.5 * (1 + anp.tanh(x * (0.8 + 0.035 * x * x)))


def layers(activation):
    """The loss of layers, and its gradients, recorded."""
    rng = onp.random.default_rng(0)
    x, *w = [raw(rng.normal(size=shape)) for shape in ((64, 32), *[(32, 32)] * 4)]

    def loss(w, x):
        for each in w:
            x = activation(x @ each)
        return anp.sum(x * x)

    def run(x, *w):
        value, gradients = value_and_grad(loss)(list(w), x)
        return [value, *gradients]

    return recorded(run, x, *w), [x, *w]


def test_an_activation_written_out_is_held_as_one_array():
    graph, inputs = layers(gelu)
    before, after = fused(graph), fused(recomputed(graph))
    size = 64 * 32 * 4
    assert peak(before) > 23 * size
    assert peak(after) < 12.1 * size  # the argument and the result of each layer, and what the last layer needs
    assert len(after.operations) <= len(before.operations) + 1  # the gradient of the last layer is behind the sum
    assert_same_bits(graph, inputs)


def test_the_slope_of_relu_is_found_in_the_kernel_that_uses_it():
    graph, inputs = layers(ops.relu)
    last = [o for o in fused(recomputed(graph)).operations if "where" in o.primitive.name]
    assert all("greater" in o.primitive.name for o in last)
    assert not any(graph.values[n].dtype == bool for o in fused(graph).operations for n in o.outputs)
    assert_same_bits(graph, inputs)


def test_what_would_hold_an_argument_longer_is_not_repeated():
    x, w = raw(onp.ones((16, 32))), raw(onp.ones((32, 32)))

    def f(x, w):
        y = x @ w  # used by tanh alone
        z = anp.tanh(y)
        return (z @ w) * z

    graph = recorded(f, x, w)
    assert recomputed(graph) is graph
    assert names(fused(graph)) == ["matmul", "tanh", "matmul", "multiply"]


def test_outputs_and_small_results_are_held():
    def f(x, w):
        y = anp.tanh(x)
        return (y @ w @ w) * y * x, y

    def g(x, w):
        return f(x, w)[0]

    w = raw(onp.ones((32, 32)))
    for function, rows, repeats in ((f, 16, False), (g, 16, True), (g, 2, False)):
        graph = recorded(function, raw(onp.ones((rows, 32))), w)
        assert (len(recomputed(graph).operations) > len(graph.operations)) == repeats


def test_what_is_needed_twice_is_repeated_once():
    def f(x, w):
        t = x * 2
        y = anp.exp(t) + anp.sin(t)
        return (y @ w @ w) * y

    inputs = [raw(onp.ones((16, 32))), raw(onp.ones((32, 32)))]
    graph = recorded(f, *inputs)
    before, after = names(graph), names(recomputed(graph))
    assert [after.count(name) - before.count(name) for name in ("multiply", "exp", "sin", "add")] == [1, 1, 1, 1]
    assert_same_bits(graph, inputs)


HARD = [lambda x: x @ anp.ones((3, 3), "float32"), lambda x: anp.cumsum(x, 1), lambda x: anp.sum(x, 0, keepdims=True)]


@st.composite
def programs(draw):
    """Functions of three arrays, as lists of (operation, positions of its arguments)."""
    steps = []
    for n in range(3, 3 + draw(st.integers(4, 22))):
        kind = draw(st.sampled_from([UNARY, BINARY, BINARY, HARD]))
        places = st.integers(max(0, n - 9), n - 1)
        steps.append((draw(st.sampled_from(kind)), draw(st.tuples(places, places))[: 2 if kind is BINARY else 1]))
    return steps, draw(st.sets(st.integers(3, 2 + len(steps)), min_size=1, max_size=3))


@given(
    programs(), st.lists(st.sampled_from([0.0, -0.0, 1.5, -2.0, onp.inf, -onp.inf, onp.nan]), min_size=6, max_size=6)
)
@settings(deadline=None, **EXAMPLES)
def test_random_programs_give_the_same_bits_in_no_more_memory(program, numbers):
    steps, outputs = program
    inputs = [raw(onp.reshape(numbers, (2, 3))), raw([[1, -2, 3], [0.5, 4, -1]]), raw([[0.1, 0.2, 0.3]])]

    def f(*inputs):
        known = list(inputs)
        for operation, places in steps:
            known.append(operation(*[known[i] for i in places]))
        return [known[i] for i in sorted(outputs)]

    with onp.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(recomputation, "LEAST", 0)
        graph = recorded(f, *inputs)
        assert_same_bits(graph, inputs)
        again = recomputed(graph)
        assert len(again.outputs) == len(graph.outputs)
        assert held(again) <= held(graph)


def held(graph):
    """Bytes of results of elementwise operations that are held while others run."""
    gaps = recomputation.Gaps(graph)
    return sum(
        graph.values[n].nbytes
        for i, o in enumerate(graph.operations)
        for n in o.outputs
        if gaps.shapes[i] is not None and any(gaps.between(i, u) for u in gaps.users.get(n, ()))
    )
