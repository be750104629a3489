"""Elementwise operations put together into kernels."""

import graphlib
import random

import numpy as onp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd.numpy as anp
from autograd import Array, default_device, grad
from autograd.backend import is_cupy
from autograd.compiler import fusion, simplified
from autograd.compiler.fusion import FusedKernel, fused
from autograd.compiler.multi_tensor import OverLists
from autograd.graph import Staging
from autograd.ops import activation
from autograd.ops import elementwise as ops


def raw(numbers, dtype="float32"):
    return default_device().put(onp.array(numbers, dtype))


def host(x):
    return x.get() if is_cupy(x) else onp.asarray(x)


def recorded(f, *inputs):
    staging = Staging()
    with staging.recording():
        outputs = f(*[staging.input(x, "input") for x in inputs])
    return simplified(staging.finished(outputs if isinstance(outputs, tuple | list) else [outputs]))


def names(graph):
    return [o.primitive.name for o in graph.operations]


def assert_same_bits(graph, inputs):
    for x, y in zip(graph.interpret(inputs), fused(graph).interpret(inputs), strict=True):
        assert host(x).dtype == host(y).dtype
        onp.testing.assert_array_equal(host(x), host(y), strict=True)


X, Y, ROW = raw([[1, -2, 3], [0.5, 4, -1]]), raw([[2, 2, -1], [1, 0.25, 7]]), raw([0.1, 0.2, 0.3])


def test_a_chain_is_one_kernel():
    graph = recorded(lambda x, y, row: anp.tanh(x * y + row) / 2.0, X, Y, ROW)
    assert names(fused(graph)) == ["fused(multiply, add, tanh, divide)"]
    assert_same_bits(graph, [X, Y, ROW])


def test_a_result_that_is_used_outside_is_an_output():
    graph = recorded(lambda x: (anp.exp(x), anp.exp(x) * 2.0, (anp.exp(x) + 1.0).sum(0)), X)
    assert names(fused(graph)) == ["fused(exp, multiply, add)", "sum"]
    assert_same_bits(graph, [X])


def test_numbers_next_to_conditions_keep_their_values():
    graph = recorded(lambda x: (anp.where(x > 0, 2.5, -1.0).astype("float32") * x, (x > 0) == 2.0), X)
    assert sorted(names(fused(graph))) == ["equal", "fused(greater, where, astype, multiply)"]
    assert_same_bits(graph, [X])


def test_what_needs_a_result_in_between_stays_outside():
    def f(x):
        y = x * 2.0
        return y - anp.sum(y, 0)  # the sum has to run between them

    graph = recorded(f, X)
    assert names(fused(graph)) == ["multiply", "sum", "subtract"]
    assert_same_bits(graph, [X])


def test_the_gradient_of_a_function_that_normalizes():
    def f(x, y):
        z = anp.exp(x - anp.max(x, 1, keepdims=True)) * y
        return anp.sum(z / anp.sum(z, 1, keepdims=True) * x)

    graph = recorded(lambda x, y: grad(f, (0, 1))(x, y), X, Y)
    assert len(fused(graph).operations) < 0.7 * len(graph.operations)
    assert_same_bits(graph, [X, Y])


def test_kernels_of_one_text_run_together():
    def step(rate, *arrays):
        return [p - rate * g for p, g in zip(arrays[::2], arrays[1::2], strict=True)]

    arrays = [raw(onp.arange(n) * sign) for n in (3, 5, 7, 1) for sign in (1, 2)]
    graph = recorded(step, 0.5, *arrays)
    (operation,) = fused(graph).operations
    assert isinstance(operation.primitive, OverLists)
    assert operation.primitive.name == "4 x fused(multiply, subtract)"
    assert_same_bits(graph, [0.25, *arrays])


def test_kernels_that_depend_on_each_other_run_one_after_the_other():
    def f(x):
        y = anp.tanh(x * 2.0)
        return anp.tanh(anp.sum(y, 0, keepdims=True) * x[:1] * 2.0)

    graph = recorded(f, X)
    assert not any(isinstance(o.primitive, OverLists) for o in fused(graph).operations)
    assert_same_bits(graph, [X])


def test_kernels_of_one_shape_beside_each_other_run_together():
    def f(x, y, row):
        first, second = x @ y.T, y @ x.T  # of which each would have a kernel of its own
        return anp.sum((first + row[:2]) @ (anp.tanh(second) * 2.0 + row[1:]), 0)

    graph = recorded(f, X, Y, ROW)
    assert [name for name in names(fused(graph)) if "add" in name] == ["fused(add, tanh, multiply)"]
    assert_same_bits(graph, [X, Y, ROW])


def test_a_kernel_does_not_wait_for_another_one_while_its_result_is_wanted():
    def f(x, y, row):
        first = anp.tanh(x @ y.T + row[:2])
        total = anp.sum(first, 0)  # runs before the second product
        return total, anp.exp(y @ x.T) * row[1:]

    graph = recorded(f, X, Y, ROW)
    assert {"fused(add, tanh)", "fused(exp, multiply)"} < set(names(fused(graph)))
    assert_same_bits(graph, [X, Y, ROW])


def test_a_kernel_does_not_wait_where_its_arguments_would_be_held(monkeypatch):
    monkeypatch.setattr(fusion, "SMALL", 0)

    def f(x, y):
        z = x @ y.T
        early = z * anp.cumsum(z, 0) + anp.cumsum(z, 1)  # three arrays make one
        return anp.exp(anp.cumsum(y @ x.T, 0)) * 2.0, early

    graph = recorded(f, X, Y)
    assert {"fused(multiply, add)", "fused(exp, multiply)"} < set(names(fused(graph)))
    assert_same_bits(graph, [X, Y])


@pytest.mark.parametrize("dtype", ["int32", "complex64"])
def test_dtypes_without_formulas_stay_as_they_are(dtype):
    x = raw([[1, 2], [3, 4]], dtype)
    graph = recorded(lambda x: x * x + x, x)
    assert names(fused(graph)) == ["multiply", "add"]
    assert_same_bits(graph, [x])


def test_integers_that_count_or_decide_are_in_kernels_too():
    count, numbers = raw([3, 4294967295, 7], "uint32"), raw([5, -1, 7], "int32")

    def f(count, numbers, row):
        after = count + 1
        return (
            after,
            anp.where(numbers == 7, after.astype("float32") * row, row),
            anp.where(numbers < 0, count, after * 3),
        )

    graph = recorded(f, count, numbers, ROW)
    assert len(fused(graph).operations) == 1
    assert_same_bits(graph, [count, numbers, ROW])


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_each_operation_rounds_to_its_dtype(dtype):
    x = raw(onp.linspace(-3, 3, 50).reshape(5, 10), dtype)

    def f(x):
        return ops.astype((ops.sigmoid(x * 3) * x + 0.1) / 3, dtype="float32") * 1.1

    graph = recorded(f, x)
    assert len(fused(graph).operations) == 1
    assert_same_bits(graph, [x])


def test_empty_arrays():
    x = raw(onp.zeros((0, 3)))
    graph = recorded(lambda x: anp.exp(x * 2.0) + 1.0, x)
    assert_same_bits(graph, [x])


def test_numbers_and_constants():
    constant = Array(raw([[1, 2, 3], [4, 5, 6]]))
    graph = recorded(lambda x, n: anp.where(x > n, x * constant, -float("inf")) * (n + 1), X, 0.75)
    assert any(isinstance(o.primitive, FusedKernel) for o in fused(graph).operations)
    assert_same_bits(graph, [X, -0.5])


@pytest.mark.parametrize(("low", "high"), [(None, 1.0), (0.5, None)])
def test_a_formula_is_for_numbers_alone(low, high):
    graph = recorded(lambda x: -ops.clip(x, low=low, high=high), X)
    assert names(fused(graph)) == ["clip", "negative"]
    assert_same_bits(graph, [X])


def test_activations_are_in_kernels():
    def f(x, labels):
        y = activation.gelu(x * 2.0) + activation.silu(x)
        return activation.sigmoid_cross_entropy(y, labels) * activation.lerp(y, x, 0.1)

    assert len(fused(recorded(f, X, Y)).operations) == 1
    assert_same_bits(recorded(f, X, Y), [X, Y])


UNARY = [ops.negative, ops.tanh, ops.relu, ops.square, ops.sigmoid, ops.absolute]
BINARY = [ops.add, ops.subtract, ops.multiply, ops.maximum]
MIXING = [
    lambda x: anp.sum(x, 0, keepdims=True),
    lambda x: anp.max(x, 1, keepdims=True),
    lambda x: x[::-1],
    lambda x: anp.mean(x),
    lambda x: anp.broadcast_to(x, (2, 3)),
]


@pytest.mark.parametrize("seed", range(40))
def test_no_kernels_wait_for_each_other(seed):
    """Groups that run together have an order, although what one needs may run together with what comes much later."""
    draw = random.Random(seed)

    def f(*inputs):
        chains = [[x] for x in inputs]
        for _ in range(200):
            own = draw.choice(chains)
            other = draw.choice([chain for chain in chains if chain is not own])
            a, b, kind = draw.choice(own[-5:]), draw.choice(own), draw.randrange(4)
            own.append([a * 2.0, a - b, anp.tanh(a), a * anp.tanh(anp.sum(draw.choice(other[-5:])))][kind])
        return [chain[-1] for chain in chains]

    with onp.errstate(all="ignore"):
        graph = recorded(f, X, ROW, raw([1.0, 2.0]))
    groups = fusion._Groups(graph)
    for i in range(len(graph.operations)):
        groups.join(i)
    groups.put_alike_together()
    groups.put_beside_each_other()
    graphlib.TopologicalSorter({group: groups._groups_before(group) for group in groups.members}).prepare()
    assert len(groups.members) < len(graph.operations)


@st.composite
def programs(draw):
    """Functions of three arrays, as lists of (operation, positions of its arguments)."""
    steps = []
    for n in range(3, 3 + draw(st.integers(2, 18))):
        kind = draw(st.sampled_from([UNARY, BINARY, BINARY, MIXING]))
        places = st.integers(max(0, n - 5), n - 1)
        steps.append((draw(st.sampled_from(kind)), draw(st.tuples(places, places))[: 2 if kind is BINARY else 1]))
    return steps, draw(st.sets(st.integers(3, 2 + len(steps)), min_size=1, max_size=4))


EXAMPLES = {"max_examples": 8} if default_device().kind == "gpu" else {}  # each compiles kernels of its own


@given(programs())
@settings(deadline=None, **EXAMPLES)
def test_random_programs_give_the_same_bits(program):
    steps, outputs = program

    def f(*inputs):
        known = [anp.reshape(x, (1, 3)) if x.ndim == 1 else x for x in inputs]
        for operation, places in steps:
            y = operation(*[known[i] for i in places])
            known.append(anp.reshape(y, (1, 1)) if y.ndim == 0 else y)
        return [known[i] for i in sorted(outputs)]

    graph = recorded(f, X, Y, ROW)
    assert_same_bits(graph, [X, Y, ROW])
    assert len(fused(graph).operations) <= len(graph.operations)
