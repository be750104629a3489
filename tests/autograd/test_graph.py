"""Recorded graphs and the programs made of them compute what running at once computes, for every primitive."""

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, custom_vjp, grad, hessian, jvp, tree, vmap
from autograd.compiler import compiled, simplified
from autograd.graph import Staging
from autograd.kernels import compiled as loops
from autograd.primitive import PRIMITIVES
from tests.autograd.test_ops import TOLERANCE, cells, names, of_varied

pytestmark = pytest.mark.usefixtures("on_the_cpu")
SHAPE_BY_VALUES = {"nonzero", "unique_places"}


def record(function, *values):
    """The graph of a function of arrays and Python numbers."""
    staging = Staging()
    tracers = [staging.input(x, f"argument {i}") for i, x in enumerate(values)]
    leaves, _ = tree.flatten(function(*tracers))
    return staging.finished(leaves)


def program(function, *values):
    """The program of a function, and a call of it on the values."""
    graph = simplified(record(function, *values))
    run = compiled(graph, "test")
    return run, lambda: run([x.copy() if isinstance(x, np.ndarray) else x for x in values])


def equal(got, expected):
    for a, b in zip(got, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        rtol = TOLERANCE.get(b.dtype.name, 0)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def varying(y):
    """A constant cotangent of different numbers."""
    return anp.cos(anp.reshape(anp.arange(y.size) + 0.5, y.shape)).astype(y.dtype)


@names
def test_a_program_computes_what_the_primitive_computes(name):
    for case, dtype in cells(name):
        arrays, params = case.draw(np, dtype, autograd.Device("cpu"), name)
        function, varied = of_varied(name, case, arrays, params)
        if not varied or (name in SHAPE_BY_VALUES):
            continue
        expected = tree.flatten(function(*map(Array, varied)))[0]
        for graph in (record(function, *varied), simplified(record(function, *varied))):
            equal(graph.interpret(varied), expected)
        _, run = program(function, *varied)
        first, second = run(), run()
        equal(first, expected)
        equal(second, expected)


@names
def test_a_program_computes_the_gradient_of_the_primitive(name):
    for case, dtype in cells(name, ("float64", "float32", "complex128"), choose=lambda case: case.differentiable):
        arrays, params = case.draw(np, dtype, autograd.Device("cpu"), name)
        function, varied = of_varied(name, case, arrays, params)
        if not varied:
            continue

        def gradient(*args, function=function):
            y, pullback = autograd.vjp(function, *args)
            return y, pullback(tree.tree_map(varying, y))

        expected = tree.flatten(gradient(*map(Array, varied)))[0]
        _, run = program(gradient, *varied)
        equal(run(), expected)
        equal(run(), expected)


X = np.random.default_rng(1).normal(size=(20, 20))


def names_of(graph):
    return [operation.primitive.name for operation in graph.operations]


def test_dead_code_is_dropped_and_equal_operations_are_done_once():
    def f(x):
        anp.exp(x)
        return anp.sin(x * 2.0) + anp.cos(x * 2.0), x[1:, None] - x[1:, None]

    assert names_of(simplified(record(f, X))) == ["multiply", "sin", "cos", "add", "getitem", "subtract"]
    assert names_of(simplified(record(lambda x: (x * 1, x * 1.0), X))) == ["multiply", "multiply"]  # of integers, too


def test_what_is_large_and_gone_is_computed_again():
    def f(x):
        y = anp.sin(x)
        for _ in range(3):
            y = anp.cos(y)
        return y + anp.sin(x)

    large = np.ones((200, 200))
    assert names_of(simplified(record(f, X))).count("sin") == 1
    assert names_of(simplified(record(f, large))).count("sin") == 2
    assert names_of(simplified(record(lambda x: anp.sin(x) + anp.sin(x), large))).count("sin") == 1


def test_elementwise_operations_repeat_by_themselves():
    def f(x):
        return anp.broadcast_to(x[0], (20, 20)) * x + anp.broadcast_to(anp.ones(()), (20, 20))

    assert names_of(simplified(record(f, X))) == ["getitem", "multiply", "add"]
    assert "broadcast_to" in names_of(simplified(record(lambda x: anp.sin(anp.broadcast_to(x, (2, 20, 20))), X)))
    _, call = program(f, X)
    np.testing.assert_allclose(call()[0], f(X))


def test_results_are_written_over_arguments_that_are_not_needed_any_more(monkeypatch):
    monkeypatch.setattr(loops, "is_there", lambda: False)  # else inner loops run it

    def f(x):
        y = x @ x
        for _ in range(10):
            y = anp.tanh(y * 2.0) + 1.0
        return anp.sum(y @ y)

    run, call = program(f, X)
    assert run.source.count(" = ") == 4 and run.peak_bytes == 2 * X.nbytes  # x, two products, the sum
    np.testing.assert_allclose(call()[0], f(X))
    np.testing.assert_allclose(call()[0], f(X))


def test_what_views_look_into_is_not_overwritten_while_they_are_used():
    def f(x):
        y = x * 2.0
        t, flat = y.T, y.reshape(-1)[3:40]
        z = anp.tanh(x) + 1.0
        z = z * z
        return t @ z, flat + 1.0, y[2:5]

    _, call = program(f, X)
    for got, expected in zip(call(), f(X), strict=True):
        np.testing.assert_allclose(got, expected)
    first = call()
    kept = [part.copy() for part in first]
    call()
    np.testing.assert_array_equal(first[2], kept[2])


@pytest.mark.parametrize(
    "view", [lambda y: y[::-1], lambda y: y.T, lambda y: anp.reshape(y, (400,))[::-1].reshape(20, 20), anp.real]
)
def test_an_argument_is_kept_while_a_view_of_it_is_used(view):
    def f(x):
        y = x * 2.0
        t = view(y)
        return anp.tanh(y) + t

    _, call = program(f, X)
    np.testing.assert_allclose(call()[0], f(X))


def test_outputs_and_inputs_that_share_memory():
    def f(x, y):
        return x, x.T, x[None], y * 1.0, np.ones(3), 2.5, x

    run, _ = program(f, X, X)
    assert run.borrowed == {0}
    got = run([X, X])
    assert got[0] is X and got[5] == 2.5


def test_constants_are_copies_and_repetitions_in_them_are_kept_once():
    buffer, wide = np.ones(20), np.broadcast_to(np.ones(()), (1000, 1000))
    graph = record(lambda x: x + buffer + anp.sum(wide * x[0, 0]), X)
    buffer[:] = 7
    arrays = [c for c in graph.constants.values() if isinstance(c, np.ndarray)]
    assert [c.base.size if c.base is not None else c.size for c in arrays] == [20, 1]
    np.testing.assert_allclose(graph.interpret([X])[0], X + 1 + 1e6 * X[0, 0])


def test_what_devices_do_together_stays(monkeypatch):
    monkeypatch.setattr(PRIMITIVES["sin"], "has_effect", True, raising=False)

    def f(x):
        anp.sin(x)
        return anp.sin(x) + anp.sin(x) + anp.cos(x) + anp.cos(x)

    assert sorted(names_of(simplified(record(f, X)))) == ["add"] * 3 + ["cos"] + ["sin"] * 3


V = np.array([1.0, 2.0, -0.5])


class TestFunctionsWithADerivativeOfTheirOwn:
    """A recorded call has the outputs of the function, with and without residuals."""

    def recorded(self, first):
        square = custom_vjp(lambda x: {"y": x**3, "twice": 2 * x})
        square.defvjp(
            lambda x: ({"y": x**3, "twice": 2 * x}, [x, x]), lambda r, g: (3 * r[0] * r[1] * g["y"] + 2 * g["twice"],)
        )
        staging = Staging()
        x = staging.input(first, "x")
        found = square(x)
        return staging.finished([found["y"], found["twice"]])

    def test_recorded_without_a_gradient(self):
        self.check(self.recorded(V))

    def test_recorded_under_a_gradient(self):
        graphs = []

        def f(x):
            graphs.append(self.recorded(x))
            return anp.sum(x)

        grad(f)(V)
        self.check(graphs[0])

    def check(self, graph):
        def run(x):
            y, twice = graph.interpret([x])
            return y + twice

        np.testing.assert_allclose(run(V), V**3 + 2 * V)
        np.testing.assert_allclose(grad(lambda x: anp.sum(run(x)))(V), 3 * V**2 + 2)
        np.testing.assert_allclose(jvp(run, (V,), (np.ones_like(V),))[1], 3 * V**2 + 2)
        np.testing.assert_allclose(vmap(run)(V), V**3 + 2 * V)
        np.testing.assert_allclose(hessian(lambda x: anp.sum(run(x)))(V), np.diag(6 * V))


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_a_python_number_as_an_array(dtype):
    graph = record(lambda n: anp.array(n, dtype), 2.5)
    (y,) = graph.interpret([3.5])
    assert y.dtype == (dtype or "float64") and y.shape == () and y == 3.5
