"""HIPS autograd's operators on functions, compared with closed forms."""

import inspect

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import (
    deriv,
    grad,
    grad_and_aux,
    grad_named,
    hessian_vector_product,
    holomorphic_grad,
    jacobian,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    vector_jacobian_product,
)  # fmt: skip
from autograd.differential_operators import make_jvp_reversemode
from autograd.wrap_util import unary_to_nary

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X, V = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])
A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_with_jacobians(dtype):
    x, v = X.astype(dtype), V.astype(dtype)
    f = lambda a, x: anp.sin(x) * a
    pull, y = make_vjp(f, argnum=1)(2.0, x)
    np.testing.assert_allclose(y, 2 * np.sin(x), rtol=1e-6)
    np.testing.assert_allclose(pull(v), 2 * np.cos(x) * v, rtol=1e-6)
    y, t = make_jvp(f, 1)(2.0, x)(v)
    np.testing.assert_allclose(t, 2 * np.cos(x) * v, rtol=1e-6)
    np.testing.assert_allclose(make_jvp_reversemode(f, 1)(2.0, x)(v), t, rtol=1e-6)
    assert pull(v).dtype == t.dtype == dtype
    both = make_vjp(f, argnum=(0, 1))(2.0, x)[0](v)
    np.testing.assert_allclose(both[0], np.sin(x) @ v, rtol=1e-5)
    np.testing.assert_allclose(deriv(lambda x: x**3)(x), 3 * x**2, rtol=1e-6)


def test_products_with_hessians():
    f = lambda scale, x: scale * anp.sum(x**3)
    np.testing.assert_allclose(hessian_vector_product(f, argnum=1)(2.0, X, V), 12 * X * V)
    product, gradient = make_hvp(f, 1)(2.0, X)
    np.testing.assert_allclose(product(V), 12 * X * V)
    np.testing.assert_allclose(gradient, 6 * X**2)
    third = grad(lambda x: anp.sum(hessian_vector_product(f, 1)(1.0, x, V)))(X)
    np.testing.assert_allclose(third, 6 * V)
    nested = hessian_vector_product(lambda p: anp.sum(p["a"] * p["b"]))({"a": X, "b": X}, {"a": V, "b": 2 * V})
    np.testing.assert_allclose(nested["a"], 2 * V)


def test_products_with_tensors():
    f = lambda x: anp.dot(A, x**2)
    g = np.array([1.0, -3.0])
    np.testing.assert_allclose(vector_jacobian_product(f)(X, g), g @ A * 2 * X)
    matrix = lambda x: anp.outer(x, x)
    expected = np.tensordot(g[:1], jacobian(matrix)(X)[:1], 1)
    np.testing.assert_allclose(tensor_jacobian_product(lambda x: matrix(x)[:1])(X, g[:1]), expected)


def test_products_with_gauss_newton_matrices():
    f = lambda x: anp.tanh(anp.dot(A, x))
    J = (1 - np.tanh(A @ X) ** 2)[:, None] * A
    np.testing.assert_allclose(make_ggnvp(f)(X)(V), J.T @ J @ V)
    H = np.diag(4 + 12 * np.tanh(A @ X) ** 2)
    quartic = lambda y: anp.sum(2.0 * y**2 + y**4)
    np.testing.assert_allclose(make_ggnvp(f, quartic)(X)(V), J.T @ H @ J @ V)
    np.testing.assert_allclose(make_ggnvp(lambda a, x: f(x), f_argnum=1)(0.0, X)(V), J.T @ J @ V)


def test_gradients_with_more():
    gradient, aux = grad_and_aux(lambda x: (anp.sum(x**2), {"double": x * 2}))(X)
    np.testing.assert_allclose(gradient, 2 * X)
    assert type(aux["double"]) is np.ndarray
    np.testing.assert_allclose(grad_named(lambda a, b: a * b**2, "b")(2.0, 3.0), 12.0)
    np.testing.assert_allclose(holomorphic_grad(lambda z: z**3)(1.0 + 2j), 3 * (1 + 2j) ** 2)
    found = multigrad_dict(lambda a, *rest, scale=2.0, **more: scale * a * rest[0] + more["c"])(2.0, 5.0, c=1.0)
    assert found == {"a": 10.0, "rest": (4.0,), "scale": 10.0, "more": {"c": 1.0}}
    assert list(found) == ["a", "rest", "scale", "more"]


@pytest.mark.parametrize(
    "operator", [autograd.grad, autograd.value_and_grad, autograd.elementwise_grad, autograd.jacobian, autograd.hessian]
)
def test_argnum_is_argnums(operator):
    f = lambda a, b: a * anp.sum(b**2)
    for place in (0, 1, (1, 0)):
        np.testing.assert_equal(operator(f, argnum=place)(2.0, X), operator(f, place)(2.0, X))
    for place in (0, 1):
        with pytest.raises(TypeError, match=rf"{operator.__name__}: .*which mean the same, got both, {place} and 1\."):
            operator(f, place, argnum=1)


def test_operators_of_your_own():
    @unary_to_nary
    def double_of(f, x, factor=2.0):
        return factor * f(x)

    assert double_of(lambda a, b: a + b, 1, factor=3.0)(1.0, 2.0) == 9.0
    assert double_of(lambda a, b: a - b, (1, 0))(1.0, 2.0) == -2.0
    assert double_of(max, 1).__name__ == "double_of_of_max_wrt_argnum_1"
    with pytest.raises(TypeError, match="double_of: expected argnum, a position or a tuple of them, got x"):
        double_of(max, "x")


@pytest.mark.parametrize(
    "name", ["grad", "value_and_grad", "elementwise_grad", "jacobian", "jacrev", "jacfwd", "hessian"]
)
def test_names_say_what_is_computed(name):
    def loss(weights, data):
        """What is to be small."""

    found = getattr(autograd, name)(loss, (0, 1))
    assert found.__name__ == f"{name}_of_loss_wrt_argnum_(0, 1)" and found.__wrapped__
    assert found.__doc__.startswith(f"The {name} of loss with respect to argument (0, 1)")
    assert found.__doc__.endswith("What is to be small.")
    assert list(inspect.signature(found).parameters) == ["weights", "data"]


@pytest.mark.parametrize("operator", [autograd.grad, make_vjp])
def test_positions_that_are_none(operator):
    name = operator.__name__
    with pytest.raises(TypeError, match=f"{name}: expected a positional argument 2 to differentiate, got 1 of them"):
        operator(anp.sum, 2)(X)
    with pytest.raises(TypeError, match=rf"{name}: expected argnums?, a position or a tuple of them, got .*x"):
        operator(anp.sum, "x")(X)
    with pytest.raises(ValueError, match="grad_named: expected one of the arguments a, b, got 'c'"):
        grad_named(lambda a, b: a, "c")


def test_operators_have_their_own_parameters():
    assert list(inspect.signature(make_vjp).parameters) == ["fun", "argnum", "more", "options"]
