"""Stretches of a graph that NumPy's inner loops run: the same bits as NumPy's operations, whatever happens."""

import gc
import math
import os
import threading
import tracemalloc
import types
import warnings

import numpy as onp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd.numpy as anp
from autograd import grad
from autograd.compiler import lowering, simplified, stretches
from autograd.compiler.host import HostProgram
from autograd.compiler.stretches import Stretch, stretched
from autograd.graph import Staging
from autograd.kernels import compiled
from autograd.kernels.inner_loops import loop_of
from autograd.kernels.loading import loader
from autograd.ops import elementwise as ops


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Stretches of one operation are worth it."""
    if loader.run is None:
        pytest.skip("needs the extra cpu")
    monkeypatch.setattr(stretches, "LEAST_OPERATIONS", 1)


def recorded(f, *inputs):
    staging = Staging()
    with staging.recording():
        outputs = f(*[staging.input(x, "input") for x in inputs])
    return simplified(staging.finished(outputs if isinstance(outputs, tuple | list) else [outputs]))


def in_stretches(f, *inputs):
    """The graph with stretches, after a check that its results have the bits of the graph without them."""
    graph = recorded(f, *inputs)
    new = stretched(graph)
    found = [o.primitive for o in new.operations if type(o.primitive) is Stretch]
    with onp.errstate(all="ignore"):
        for _ in range(2):  # the second time memory is used again
            for x, y in zip(graph.interpret(inputs), new.interpret(inputs), strict=True):
                assert (type(x), x.dtype, x.shape, x.strides) == (type(y), y.dtype, y.shape, y.strides)
                assert x.tobytes() == y.tobytes(), new.operations
        for stretch in found:
            assert stretch._misses == 0
    return new


def names(graph):
    return [o.primitive.name for o in graph.operations]


def numbers(*shape, dtype="float32", seed=0):
    return onp.random.default_rng(seed).standard_normal(shape).astype(dtype)


SIZES = [(), (1,), (7,), (2047,), (5, 3), (300, 7), (3, 5000), (40, 40), (1, 9), (9, 1), (70_001,)]


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_elementwise_operations_of_each_size(shape, dtype):
    x, y = numbers(*shape, dtype=dtype), numbers(*shape, dtype=dtype, seed=1)

    def f(x, y):
        z = anp.tanh(x * y + 0.5) / (anp.exp(y) + 1.0)
        return z, anp.sin(z) * 3.0, anp.maximum(anp.log(anp.abs(z) + 1.0), x) - anp.sqrt(anp.abs(y))

    assert len(names(in_stretches(f, x, y))) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (100, 7), (5, 300), (7, 4000), (1, 9), (9, 1), (2, 2)])
def test_rows_columns_and_numbers_are_broadcast(rows, columns, dtype):
    x, row = numbers(rows, columns, dtype=dtype), numbers(columns, dtype=dtype, seed=1)
    column, number = numbers(rows, 1, dtype=dtype, seed=2), numbers(dtype=dtype, seed=3)[()]

    def f(x, row, column, number, n):
        z = (x + row) * column - number
        return z * n, (z.T * 2.0 + x.T) * row[:, None], anp.exp(row) * 2.0 + column

    assert len(names(in_stretches(f, x, row, column, number, 0.25))) == 1


@pytest.mark.parametrize("shape", [(4, 3, 5), (40, 30, 2), (2, 3, 700)])
def test_operands_with_three_axes_are_copied(shape):
    x, middle = numbers(*shape), numbers(1, shape[1], 1, seed=1)
    in_stretches(lambda x, m: (x * m + 1.0, anp.transpose(x, (2, 0, 1)) * 2.0, x[:, ::-1] * m), x, middle)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3,), (1000,), (100_003,), (5, 7), (1, 8), (8, 1), (300, 129), (3000, 3), (4, 5, 6)])
def test_reductions_add_in_the_order_of_numpy(shape, dtype):
    x = numbers(*shape, dtype=dtype) * 10

    def f(x):
        results = []
        axes = [None, *range(x.ndim), *([(0, 1), (1, 2)] if x.ndim > 2 else [])]
        for axis in axes:
            z = x * 1.5
            results += [
                z.sum(axis),
                anp.sum(z, axis, keepdims=True),
                z.mean(axis),
                z.max(axis),
                z.min(axis),
                z.prod(axis),
            ]
        return results

    in_stretches_quietly(f, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "k", "m"), [(1, 1, 1), (3, 4, 5), (32, 64, 64), (1, 7, 9), (9, 7, 1), (65, 1, 33), (20, 200, 70)]
)
def test_products_of_matrices_also_transposed(n, k, m, dtype):
    a, b = numbers(n, k, dtype=dtype), numbers(k, m, dtype=dtype, seed=1)

    def f(a, b):
        y = a @ b
        return anp.tanh(y) + 1.0, y.T @ a, (b.T * 2.0) @ a.T, a @ a.T, a.T @ a, (a * 2.0)[:, ::2] @ b[::2]

    assert len(names(in_stretches(f, a, b))) == 1


def test_functions_of_several_ufuncs():
    x = onp.concatenate([numbers(3000) * 20, onp.array([0, -0.0, onp.inf, -onp.inf, onp.nan, 1e30, -90], "float32")])

    def f(x):
        return (
            ops.sigmoid(x), ops.relu(x), ops.leaky_relu(x, negative_slope=0.1), ops.bell(x), ops.softplus(x), x**2,
            x**0.5, x**-1, ops.at_least(x, 0.5), ops.at_most(x, x * 2.0), ops.where(x > 0, x, 0),
            ops.astype(x > 1, dtype=onp.dtype("float32")), ops.astype(x, dtype=onp.dtype("float64")) * 2.0,
        )  # fmt: skip

    assert len(names(in_stretches_quietly(f, x))) == 1


def test_what_inner_loops_do_not_compute_stays_between():
    x = numbers(50, 20)
    graph = in_stretches(lambda x: anp.tanh(anp.cumsum(anp.exp(x) * 2.0, 0) + 1.0) * anp.cumprod(x, 1), x)
    assert [name.partition(" ")[0] for name in names(graph)] == ["stretch", "cumsum", "stretch", "cumprod", "stretch"]


@pytest.mark.parametrize("f", [anp.fmax, anp.fmin, anp.maximum, anp.minimum])
@pytest.mark.parametrize(("one", "other"), [((1, 1),) * 2, ((40, 300), (300,)), ((40, 1), (300,)), ((), (1,))])
def test_signs_of_zeros_are_those_of_numpy(f, one, other):
    x, y = onp.zeros(one, "float32"), onp.full(other, -0.0, "float32")
    for g in (lambda x, y: -f(-x, -y), lambda x, y: -f(-y, -x)):
        in_stretches(g, x, y)
        (z,) = HostProgram(recorded(g, x, y), "g")([x, y])
        assert z.tobytes() == g(x, y).tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (33,), (300, 7), (40, 300), (70_001,)])
def test_extremes_of_arrays_and_numbers(shape, dtype):
    x, row = numbers(*shape, dtype=dtype), numbers(*shape[-1:], dtype=dtype, seed=1)
    special = onp.array([onp.nan, -onp.nan, onp.inf, -onp.inf, 0.0, -0.0], dtype)
    onp.put(x, range(0, x.size, 5), special)
    graph = in_stretches(
        lambda x, row: (
            ops.relu(x * 0.5),
            anp.maximum(x + row, 0.25) * anp.minimum(-0.0, -x),
            anp.maximum(x, math.nan),
        ),
        x,
        row,
    )
    assert all(name.startswith("stretch") for name in names(graph))


def test_views_are_resolved_where_they_are_used():
    x = numbers(6, 4, 5)

    def f(x):
        y = anp.exp(x) * 2.0
        rows = y.reshape(24, 5)
        z = anp.sort(rows[3:], 1)
        return rows.T, rows.T @ rows, z @ y[1, :, :].T, anp.reshape(y.T, (-1,)) + 1.0

    in_stretches(f, x)


def test_gradients_of_a_network():
    x, w, b, v = numbers(9, 6), numbers(6, 300, seed=1), numbers(300, seed=2), numbers(300, 4, seed=3)

    def loss(w, b, v, x):
        h = anp.tanh(x @ w + b)
        y = ops.relu(h * h - 0.1) @ v
        return anp.mean((y - anp.max(y, 1, keepdims=True)) ** 2) + anp.sum(anp.where(h > 0, h, 0.5))

    assert len(names(in_stretches(lambda *a: grad(loss, (0, 1, 2))(*a), w, b, v, x))) < 4


def test_a_result_is_not_the_memory_of_another_call():
    x = numbers(5000)
    graph = stretched(recorded(lambda x: anp.exp(anp.mean(x * 2.0) + x), x))
    (first,), (second,) = graph.interpret([x]), graph.interpret([x + 1])
    assert not onp.shares_memory(first, second)
    assert not onp.array_equal(first, second)


@pytest.mark.parametrize(("f", "message"), [
    (lambda x: anp.log(x - 1.0), "divide by zero"), (lambda x: anp.exp(x * 1e4) + 1.0, "overflow"),
    (lambda x: anp.sqrt(x - 2.0), "invalid value"), (lambda x: x * 1e38 * 1e38, "overflow"),
    (lambda x: anp.maximum(anp.log(x - 1.0), 0.0), "divide by zero"),  # maximum clears all flags
    (lambda x: anp.where(x * 1e38 * 1e38 > x, x, 0.0), "overflow"),
    (lambda x: anp.max(x * 1e38 * 1e38), "overflow"), (lambda x: ops.sigmoid(anp.log(x - 1.0)), "divide by zero"),
])  # fmt: skip
def test_flags_are_reported_as_numpy_does(f, message):
    x = onp.ones(3000, "float32")
    graph = stretched(recorded_quietly(f, x))
    with pytest.warns(RuntimeWarning, match=message):
        graph.interpret([x])
    with onp.errstate(all="raise"), pytest.raises(FloatingPointError, match=message):
        graph.interpret([x])
    with warnings.catch_warnings(), onp.errstate(all="ignore"):
        warnings.simplefilter("error")
        graph.interpret([x])


def recorded_quietly(f, *inputs):
    with onp.errstate(all="ignore"):
        return recorded(f, *inputs)


def test_a_function_that_ignores_flags_reports_none():
    x = onp.linspace(-1000, 1000, 3000, dtype="float32")
    graph = stretched(recorded(lambda x: ops.sigmoid(x) * 2.0, x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.interpret([x])


def test_underflow_is_reported_where_it_is_wanted():
    x = onp.full(3000, 1e-30, "float32")
    graph = stretched(recorded(lambda x: x * x * 2.0, x))
    with onp.errstate(under="raise"), pytest.raises(FloatingPointError, match="underflow"):
        graph.interpret([x])


@pytest.mark.parametrize("gaps", [
    lambda x: x[::2], lambda x: onp.asfortranarray(x),
    lambda x: onp.frombuffer(b"\0" + x.tobytes(), "u1")[1:].view("f4"),
])  # fmt: skip
def test_inputs_with_gaps_or_not_aligned(gaps):
    x = gaps(numbers(60, 50))
    x = x.reshape(60, 50) if x.ndim == 1 else x
    graph = recorded(lambda x: anp.exp(x) @ anp.transpose(x) + 1.0, x)
    new = stretched(graph)
    (operation,) = new.operations
    for _ in range(6):
        assert graph.interpret([x])[0].tobytes() == new.interpret([x])[0].tobytes()
    assert operation.primitive._misses == stretches.MOST_MISSES + 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_do_not_depend_on_threads(threads, monkeypatch):
    monkeypatch.setattr(compiled, "threads", lambda: threads)
    monkeypatch.setattr(compiled, "_tasks", None)
    x, row = numbers(700, 600), numbers(600, seed=1)

    def f(x, row):
        y = anp.tanh(x * row + 1.0) * anp.exp(-x * x)
        return y, anp.log(y * y + 1.0) * row, y.sum(1)

    graph = in_stretches(f, x, row)
    assert any(blocks for _, _, blocks in graph.operations[0].primitive._table.calls)


def test_calls_in_several_threads_have_memory_of_their_own():
    x = numbers(64, 64)
    graph = recorded(lambda x: anp.tanh(anp.tanh(x @ x) @ x) @ x + anp.sum(anp.exp(x), 0), x)
    new, failures = stretched(graph), []

    def work(seed):
        own = numbers(64, 64, seed=seed)
        wanted = graph.interpret([own])[0]
        failures.extend(1 for _ in range(100) if not onp.array_equal(wanted, new.interpret([own])[0]))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


def test_without_the_compiled_function_numpy_runs_the_same(monkeypatch):
    x = numbers(500)
    graph = recorded(lambda x: anp.exp(x) * 2.0 + anp.sum(x), x)
    new = stretched(graph)
    monkeypatch.setattr(loader, "run", None)
    assert graph.interpret([x])[0].tobytes() == new.interpret([x])[0].tobytes()
    monkeypatch.setattr(compiled, "is_there", lambda: False)
    assert stretched(graph) is graph


def test_numbers_empty_arrays_and_integers():
    x, i = numbers(0, 3), onp.arange(10, dtype="int32")
    in_stretches(lambda x, n: (x * n + 1.0, x.sum(0)), x, 2)
    in_stretches(lambda i, n: (i * i + i, ops.astype(i, dtype=onp.dtype("float32")) * n, i * 2), i, 3)
    in_stretches(lambda x, n: (x * n, x + (n * 2 + 1)), numbers(30), 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exponent", [2, 0.5, -1])
def test_powers_of_scalars_are_those_of_arrays(exponent, dtype):
    x = onp.abs(numbers(5000, dtype=dtype))
    powers = [ops.power_of(scalar, exponent=exponent) for scalar in x]
    assert onp.array_equal(powers, ops.power_of(x, exponent=exponent))
    in_stretches(lambda x: (anp.max(x) ** exponent, x[0] ** exponent), x)


def test_a_child_process_uses_the_function():
    x = numbers(300, 300)
    new = stretched(recorded(lambda x: anp.tanh(x @ x) * 2.0, x))
    wanted = new.interpret([x])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads
        child = os.fork()
    if not child:
        os._exit(0 if onp.array_equal(new.interpret([x])[0], wanted) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


UNARY = [anp.exp, anp.tanh, anp.sin, anp.cos, anp.abs, anp.negative, anp.square, ops.sigmoid, ops.relu, anp.floor]
BINARY = [anp.add, anp.multiply, anp.subtract, anp.maximum, anp.minimum, anp.arctan2]
OTHER = [
    lambda x: x.T, lambda x: x[:, :1], lambda x: x[:1], lambda x: x.sum(0), lambda x: x.sum(1, keepdims=True),
    lambda x: x.max(1, keepdims=True), lambda x: anp.where(x > 0, x, 1.0), lambda x: x @ x.T,
    lambda x: x.reshape(-1, 1), lambda x: anp.sort(x, 0),
    lambda x: x[::-1], lambda x: anp.mean(x, 0, keepdims=True), lambda x: 2.5 - x,
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_random_graphs(data):
    shape = data.draw(st.sampled_from([(3, 4), (40, 60), (1, 5), (2, 2500)]))
    inputs = [numbers(*shape, seed=i) for i in range(2)]

    def f(*values):
        values = list(values)
        for _ in range(data.draw(st.integers(1, 25))):
            x = values[data.draw(st.integers(max(0, len(values) - 6), len(values) - 1))]
            y = values[data.draw(st.integers(0, len(values) - 1))]
            kind = data.draw(st.integers(0, 2))
            if kind == 0 or x.ndim != 2 or x.size > 10_000:
                values.append(data.draw(st.sampled_from(UNARY))(x))
            elif kind == 1:
                try:
                    fits = math.prod(onp.broadcast_shapes(x.shape, y.shape)) < 50_000
                except ValueError:
                    fits = False
                values.append(data.draw(st.sampled_from(BINARY))(x, y if fits else x))
            else:
                values.append(data.draw(st.sampled_from(OTHER))(x))
        return values[-data.draw(st.integers(1, 3)) :]

    in_stretches_quietly(f, *inputs)


def in_stretches_quietly(f, *inputs):
    with onp.errstate(all="ignore"):
        return in_stretches(f, *inputs)


def test_loops_that_need_casts_or_python_are_none():
    single, double, thing = map(onp.dtype, ("float32", "float64", "object"))
    assert loop_of(onp.add, single, single).dtypes == (single,) * 3
    assert loop_of(onp.add, single, double) is None
    assert loop_of(onp.add, thing, thing) is None


@pytest.mark.parametrize(
    "function",
    [
        onp.add.reduce,
        lambda x: onp.add(x, 1, dtype="float64"),
        lambda x: onp.where(x),
        lambda x: onp.where(x, 1.0, 2.0),
        lambda x: onp.concatenate([x]),
        lambda x: x + onp.float32(1),
        lambda x: x**3,
    ],
)
def test_what_is_no_ufunc_of_arrays_and_numbers_is_not_lowered(function):
    symbol = lowering._Symbol(lowering.Lowering(recorded(anp.sin, numbers(3)), {}, {}), numbers(3))
    with pytest.raises(lowering.NotLowered):
        function(symbol)


def test_a_function_that_gives_no_array_is_not_lowered():
    graph = recorded(anp.sin, numbers(3))
    same = types.SimpleNamespace(host=lambda x: 3.0)
    with pytest.raises(lowering.NotLowered):
        lowering.Lowering(graph, {}, {})._traced(same, [numbers(3)], {})


def test_results_that_nobody_needs_are_left_out():
    staging = Staging()
    with staging.recording():
        x = staging.input(numbers(3000), "input")
        _, y = anp.sin(x), anp.sort(x)
    assert names(stretched(staging.finished([y]))) == ["argsort", "take_along_axis"]


def test_a_mean_of_nothing_is_that_of_numpy():
    x = numbers(0, 3)
    with onp.errstate(invalid="ignore"), pytest.warns(RuntimeWarning, match="Mean of empty slice") as warned:
        (y,) = HostProgram(recorded(lambda x: anp.mean(x, 0), x), "mean")([x])
    assert len(warned) == 2  # as it is recorded, and as it runs
    assert onp.isnan(y).all() and y.shape == (3,) and y.dtype == "float32"


def test_memory_that_threads_use_lives_on_after_an_interrupt(monkeypatch):
    x = numbers(1 << 20)
    new = stretched(recorded(lambda x: anp.exp(x) + 1.0, x))
    left = []

    def each(work, count):
        left.append(work)
        raise KeyboardInterrupt

    monkeypatch.setattr(compiled, "each", each)
    tracemalloc.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            new.interpret([x])
        assert tracemalloc.get_traced_memory()[0] >= x.nbytes
        left.clear()
        assert tracemalloc.get_traced_memory()[0] < x.nbytes
    finally:
        tracemalloc.stop()


def test_programs_leave_no_memory_behind():
    x = numbers(1000)
    new = stretched(recorded(lambda x: anp.exp(x) + 1.0, x))
    new.interpret([x])
    del new
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o) is Stretch]
