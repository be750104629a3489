"""HIPS autograd's names and behaviours with arrays of every device."""

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import (
    elementwise_grad,
    grad,
    grad_and_aux,
    hessian_vector_product,
    jacobian,
    jvp,
    make_jvp,
    make_vjp,
    value_and_grad,
)  # fmt: skip
from autograd.extend import defjvp, defvjp, primitive, vspace
from autograd.misc import const_graph, flatten
from autograd.misc.optimizers import adam
from autograd.numpy.numpy_vjps import unbroadcast_f
from autograd.tracer import VJPNode, backward_pass, trace

X = [0.3, -1.2, 2.0]


def host(x):
    return x.get() if hasattr(x, "get") else np.asarray(x)


def equal(got, expected, like):
    """Whether an array is on the device of another one and has these values."""
    assert type(got) is type(like) or getattr(got, "ndim", 0) == 0
    np.testing.assert_allclose(host(got), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_operators(xp, dtype):
    x = xp.asarray(X, dtype)
    n = np.asarray(X, dtype)
    pull, _ = make_vjp(lambda x: anp.sin(x) * 2)(x)
    equal(pull(x), 2 * np.cos(n) * n, x)
    equal(make_jvp(lambda x: anp.sin(x) * 2)(x)(x)[1], 2 * np.cos(n) * n, x)
    equal(hessian_vector_product(lambda x: anp.sum(x**3))(x, x), 6 * n * n, x)
    equal(grad_and_aux(lambda x: (anp.sum(x**2), x * 2))(x)[1], 2 * n, x)
    value, gradient = value_and_grad(lambda x: anp.reshape(anp.sum(x**2), (1, 1)))(x)
    equal(gradient, 2 * n, x)
    assert value.shape == (1, 1) and gradient.dtype == pull(x).dtype == dtype
    equal(jacobian(lambda x: 1.0)(x), np.zeros(3), x)


def test_arguments(xp):
    x, data, seen = xp.asarray(X), xp.asarray(X) + 1, []
    equal(grad(lambda x, data: (seen.append(data), anp.sum(x * data))[1])(x, data), host(data), x)
    assert seen[0] is data
    whole = elementwise_grad(lambda x: x**2)(xp.arange(3))
    equal(whole, [0.0, 2.0, 4.0], x)
    assert whole.dtype == "float64"
    grad(lambda x: (seen.append(x > 0), anp.sum(x))[1])(x)
    assert type(seen[1]) is type(x)


def test_rules_of_nested_arguments(xp):
    @primitive
    def product(pair):
        assert type(pair["a"]) is type(pair["b"]) is type(x)
        return pair["a"] * pair["b"], pair["a"].sum()

    defvjp(product, lambda y, pair: lambda g: {"a": g[0] * pair["b"] + g[1], "b": g[0] * pair["a"]})
    x, n = xp.asarray(X), np.asarray(X)
    f = lambda a, b: anp.sum(product({"a": a, "b": b})[0] ** 2) + product({"a": a, "b": b})[1]
    equal(grad(f)(x, x + 1), 2 * n * (n + 1) ** 2 + 1, x)
    equal(jvp(lambda a: product({"a": a, "b": x})[0], x, x)[1], n * n, x)
    defjvp(product, lambda t, y, pair: (t["a"] * pair["b"] + t["b"] * pair["a"], anp.sum(t["a"])))
    equal(jvp(lambda a: product({"a": a, "b": x})[0], x, x)[1], n * n, x)


def test_vector_spaces(xp):
    x = xp.asarray(X, "float32")
    space = vspace({"a": x, "b": [x + 1j]})
    assert space.size == 9
    for vector in (space.ones(), space.zeros(), space.randn(), next(space.standard_basis())):
        assert type(vector["a"]) is type(x) and vector["b"][0].dtype == "complex64"
    assert space.inner_prod(space.ones(), space.ones()) == 9.0


def test_nodes_and_helpers(xp):
    x, n = xp.asarray(X), np.asarray(X)
    _, node = trace(VJPNode.new_root(), lambda x: anp.sum(anp.exp(x) * x), x)
    equal(backward_pass(1.0, node), np.exp(n) * (n + 1), x)
    again = const_graph(lambda x: anp.sin(x) * x)
    again(x)
    equal(again(x + 1), np.sin(n + 1) * (n + 1), x)
    equal(unbroadcast_f(x, lambda g: g)(xp.ones((2, 3))), np.full(3, 2.0), x)
    equal(anp.make_diagonal(x, axis1=-1, axis2=-2), np.diag(n), x)


def test_optimizers(xp):
    x = {"w": xp.asarray(X), "b": xp.zeros(())}
    vector, _ = flatten(x)
    equal(vector, [0.0, *X], x["w"])  # keys in their order
    found = adam(lambda p, i: {"w": 2 * p["w"], "b": 2 * (p["b"] - 1)}, x, num_iters=200, step_size=0.1)
    np.testing.assert_allclose(host(found["w"]), np.zeros(3), atol=0.02)
    assert type(found["w"]) is type(x["w"]) and abs(float(found["b"]) - 1) < 0.02


def test_order(xp):
    f = xp.asfortranarray(xp.ones((2, 3)))

    assert anp.copy(f, "C").flags.c_contiguous and anp.array(f, order="C").flags.c_contiguous
    assert anp.zeros_like(f).flags.f_contiguous and anp.ones_like(f, order="C").flags.c_contiguous
