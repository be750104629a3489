"""Forward mode, linearised functions, Jacobians both ways and products with Hessians."""

import collections
import dataclasses

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import (  # fmt: skip
    Array,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.array([0.3, -1.2, 2.0])
W = np.array([[0.5, -1.0, 0.2], [1.5, 0.3, -0.7]])
Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Layer:
    w: np.ndarray
    b: float
    name: str = dataclasses.field(default="layer", metadata={"static": True})


class TestJvp:
    def test_structures(self):
        def f(a, b):
            return {"product": a[0] * b.x, "rest": [b.y, "text", None, 3.0]}

        y, t = jvp(f, ([X, X], Point(2.0, X)), ([X * 0 + 1, X * 0], Point(0.5, X * 0)))
        np.testing.assert_allclose(y["product"], 2 * X)
        np.testing.assert_allclose(t["product"], 2 + 0.5 * X)
        np.testing.assert_array_equal(t["rest"][0], 0 * X)
        assert y["rest"][1:] == ["text", None, 3.0] and t["rest"][1:] == ["text", None, 0.0]

    def test_one_argument_and_aux(self):
        y, t, aux = jvp(lambda x: (x * x, {"x": x}), 3.0, 1.0, has_aux=True)
        assert (y, t, aux["x"]) == (9.0, 6.0, 3.0)

    def test_kinds(self, xp):
        x = xp.asarray(X)
        raw = jvp(anp.sin, x, xp.ones(3))
        plain = jvp(anp.sin, Array(x), xp.ones(3))
        assert all(isinstance(part, xp.ndarray) for part in raw)
        assert all(type(part) is Array for part in plain)
        np.testing.assert_allclose(plain[1].tolist(), np.cos(X))

    def test_arguments_without_derivatives(self):
        y, t = jvp(lambda x, i, name: x[i], (X, np.array([2, 0]), "name"), (X, None, None))
        np.testing.assert_array_equal(y, X[[2, 0]])
        np.testing.assert_array_equal(t, X[[2, 0]])

    def test_dtypes(self):
        y, t = jvp(lambda x: x * 2.0, X.astype("float32"), np.ones(3))
        assert y.dtype == t.dtype == np.float32
        y, t = jvp(lambda x, y: x * y, (X.astype("float32"), X), (X.astype("float32"), X))
        assert y.dtype == t.dtype == np.float64

    def test_of_a_constant(self):
        np.testing.assert_array_equal(jvp(lambda x: np.ones(2), X, X)[1], np.zeros(2))
        assert jvp(lambda x: stop_gradient(x) * 2, 3.0, 1.0)[1] == 0

    @pytest.mark.parametrize(
        ("tangents", "message"),
        [((X[:2],), "expected a tangent of shape"), ((X, X), "in the structure"), ((X * 1j,), "expected a tangent of"),
         ((np.ones(3, bool),), "real or complex numbers")],
    )  # fmt: skip
    def test_wrong_tangents(self, tangents, message):
        with pytest.raises(TypeError, match=message):
            jvp(anp.sin, (X,), tangents)

    def test_perturbations_are_not_confused(self):
        """d/dx (x d/dy (x + y)) = 1 (Siskind & Pearlmutter 2005)."""
        inner = lambda x: x * jvp(lambda y: x + y, 1.0, 1.0)[1]
        assert jvp(inner, 1.0, 1.0)[1] == 1.0
        assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
        assert jvp(lambda x: x * grad(lambda y: x * y)(1.0), 3.0, 1.0)[1] == 6.0

    def test_orders(self):
        f = lambda x: x**5
        d = lambda f: lambda x: jvp(f, x, 1.0)[1]
        assert d(d(d(f)))(2.0) == grad(d(grad(f)))(2.0) == 60 * 4


class TestLinearize:
    def test_structures_and_repetition(self):
        runs = []

        def f(a, b):
            runs.append(1)
            return {"y": a["x"] * b, "i": anp.argmax(b), "z": (b**2, 3.0)}

        y, push = linearize(f, {"x": 2.0}, X)
        for t in (X, X * 0, np.ones(3)):
            without = lambda *args: {k: v for k, v in f(*args).items() if k != "i"}
            expected = jvp(without, ({"x": 2.0}, X), ({"x": 1.0}, t))
            got = push({"x": 1.0}, t)
            np.testing.assert_allclose(got["y"], expected[1]["y"])
            np.testing.assert_allclose(got["z"][0], expected[1]["z"][0])
            assert got["z"][1] == 0 and got["i"] == 0
        assert len(runs) == 1 + 3
        np.testing.assert_allclose(y["y"], 2 * X)
        with pytest.raises(TypeError, match="linearize: expected tangents in the structure"):
            push(1.0, X)

    def test_under_other_transformations(self):
        f = lambda x: anp.sum(anp.sin(x) ** 2)
        check_grads(lambda x, t: linearize(f, x)[1](t), (X, X + 1))
        np.testing.assert_allclose(vmap(lambda t: linearize(anp.sin, X)[1](t))(np.eye(3)), np.diag(np.cos(X)))


def network(x, w):
    return anp.tanh(w @ x) * anp.sum(x)


class TestJacobians:
    @pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
    def test_all_ways_agree_with_rows(self, transform):
        rows = [vjp(lambda x: network(x, W), X)[1](row)[0] for row in np.eye(2)]
        np.testing.assert_allclose(transform(network)(X, W), rows, rtol=1e-14)
        both = transform(network, (0, 1))(X, W)
        assert [j.shape for j in both] == [(2, 3), (2, 2, 3)]
        np.testing.assert_allclose(both[1], jacrev(network, 1)(X, W), rtol=1e-14)

    @pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
    def test_structures(self, transform):
        f = lambda p: {"a": p["u"] * p["v"], "b": [anp.sum(p["u"])]}
        found = transform(f)({"u": X, "v": 2.0})
        np.testing.assert_allclose(found["a"]["u"], 2 * np.eye(3))
        np.testing.assert_allclose(found["a"]["v"], X)
        np.testing.assert_allclose(found["b"][0]["u"], np.ones(3))
        assert found["b"][0]["v"].shape == ()

    @pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
    def test_empty_scalar_and_constant(self, transform):
        assert transform(lambda x: x[:0])(X).shape == (0, 3)
        assert transform(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
        assert transform(lambda x: x**2)(3.0) == 6.0
        np.testing.assert_array_equal(transform(lambda x: anp.ones(2) + 0 * stop_gradient(x)[0])(X), np.zeros((2, 3)))

    def test_the_function_runs_once(self):
        tall, wide = lambda x: anp.outer(x, x), lambda x: anp.sum(x)
        for transform, f in ((jacobian, wide), (jacobian, tall), (jacfwd, tall)):
            runs = []
            transform(lambda x: (runs.append(1), f(x))[1])(X)  # noqa: B023
            assert runs == [1]

    def test_kinds(self, xp):
        for transform in (jacobian, jacfwd, jacrev, hessian):
            f = anp.sum if transform is hessian else anp.sin
            assert isinstance(transform(f)(xp.asarray(X)), xp.ndarray)
            assert type(transform(f)(Array(xp.asarray(X)))) is Array

    def test_aux(self):
        for transform in (jacobian, jacrev, jacfwd):
            found, aux = transform(lambda x: (x * 2, {"x": x, "name": "f"}), has_aux=True)(X)
            np.testing.assert_array_equal(found, 2 * np.eye(3))
            np.testing.assert_array_equal(aux["x"], X)
            assert type(aux["x"]) is np.ndarray and aux["name"] == "f"
            with pytest.raises(TypeError, match=r"expected a function that returns \(output, aux\)"):
                transform(anp.sin, has_aux=True)(X)

    def test_nested(self):
        third = jacfwd(jacrev(jacobian(lambda x: anp.sum(x**3))))(X)
        np.testing.assert_allclose(third[np.arange(3), np.arange(3), np.arange(3)], 6)
        assert third.sum() == pytest.approx(18)
        np.testing.assert_allclose(vmap(jacobian(anp.sin))(np.stack([X, X])), [np.diag(np.cos(X))] * 2)
        check_grads(lambda x: jacobian(lambda x: anp.tanh(W @ x))(x), X, order=1)
        check_grads(lambda x: jacfwd(lambda x: anp.outer(x, anp.sin(x)))(x), X, order=1)

    def test_hessian_of_arrays(self):
        """Of each element, as with HIPS autograd; the second derivative of sin is -sin."""
        expected = np.zeros((3, 3, 3))
        expected[range(3), range(3), range(3)] = -np.sin(X)
        np.testing.assert_allclose(hessian(anp.sin)(X), expected)
        np.testing.assert_allclose(
            hessian(lambda x: {"y": anp.sum(anp.sin(x), keepdims=True)})(X)["y"][0].sum(0), -np.sin(X)
        )
        np.testing.assert_allclose(hessian(lambda x, y: x * y * anp.ones(2), (0, 1))(2.0, 3.0)[0], [[0, 0], [1, 1]])

    def test_hessian_and_its_product(self):
        f = lambda x, y: anp.sum(anp.sin(x) * y) ** 2
        matrix = hessian(f)(X, X + 1)
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
        np.testing.assert_allclose(matrix @ X, hvp(lambda x: f(x, X + 1), X, X), rtol=1e-12)
        both = hvp(f, (X, X + 1), (X, X * 0))
        np.testing.assert_allclose(both[0], matrix @ X, rtol=1e-12)
        np.testing.assert_allclose(both[1], jacobian(grad(f), 1)(X, X + 1).T @ X, rtol=1e-12)

    def test_second_derivatives_of_a_dictionary(self):
        found = hessian(lambda p: p["a"] ** 2 * anp.sum(p["b"]))({"a": 3.0, "b": X})
        assert found["a"]["a"] == pytest.approx(2 * X.sum())
        np.testing.assert_allclose(found["a"]["b"], [6.0] * 3)


Z = np.array([0.4 + 0.3j, -1.1 + 0.2j, 0.9 - 1.4j])


class TestComplex:
    """The gradient of a real f of z = x + iy is df/dx - i df/dy; that of a holomorphic f is f'(z)."""

    @pytest.mark.parametrize(
        ("f", "expected"),
        [
            (lambda z: anp.sum(anp.abs(z) ** 2), 2 * np.conj(Z)),
            (lambda z: anp.sum(anp.real(z)), np.ones(3)),
            (lambda z: anp.sum(anp.imag(z)), -1j * np.ones(3)),
            (lambda z: anp.sum(anp.real(anp.fft.fft(z))), np.array([3, 0, 0])),
            (lambda z: anp.sum(anp.abs(anp.fft.fft(z)) ** 2), 6 * np.conj(Z)),  # Parseval
            (lambda z: anp.real(anp.vdot(z, z)), 2 * np.conj(Z)),
            (lambda z: anp.linalg.norm(z), np.conj(Z) / np.linalg.norm(Z)),
        ],
    )
    def test_real_losses(self, f, expected):
        np.testing.assert_allclose(grad(f)(Z), expected, atol=1e-14)
        check_grads(f, Z)

    def test_steepest_descent_reaches_a_minimum(self):
        z, target = Z.copy(), np.array([1 - 1j, 2j, 0.5])
        for _ in range(200):
            z -= 0.1 * np.conj(grad(lambda z: anp.sum(anp.abs(z - target) ** 2))(z))
        np.testing.assert_allclose(z, target, atol=1e-12)

    def test_holomorphic(self):
        for f, slope in ((anp.sin, anp.cos), (anp.exp, anp.exp), (lambda z: z**3, lambda z: 3 * z**2)):
            for z in Z:
                np.testing.assert_allclose(grad(f, holomorphic=True)(z), slope(z), rtol=1e-14)
            for transform in (jacobian, jacrev, jacfwd):
                np.testing.assert_allclose(transform(f, holomorphic=True)(Z), np.diag(slope(Z)), rtol=1e-14)
            np.testing.assert_allclose(jvp(f, Z, Z * 1j)[1], slope(Z) * Z * 1j, rtol=1e-14)
        value, gradient = value_and_grad(anp.sin, holomorphic=True)(Z[0])
        np.testing.assert_allclose(gradient, np.cos(Z[0]), rtol=1e-14)
        assert value == np.sin(Z[0])

    @pytest.mark.parametrize("transform", [jacobian, jacrev, jacfwd])
    def test_jacobians_of_real_functions(self, transform):
        """Fewer inputs than outputs, and more: d/du - i d/dv either way."""
        high = lambda z: anp.stack([anp.abs(z[0]), anp.real(z[0] ** 2), anp.imag(z[0]), 0 * anp.real(z[0])])
        wide = lambda z: anp.real(z[:2] * z[1])
        for f, z in ((high, Z[:1]), (wide, Z)):
            rows = [grad(lambda z, k=k: f(z)[k])(z) for k in range(len(f(z)))]  # noqa: B023
            np.testing.assert_allclose(transform(f)(z), rows, atol=1e-15)
        both = transform(lambda x, z: anp.real(x * z) * anp.arange(3.0)[:, None], (0, 1))(X[:1], Z[:1])
        np.testing.assert_allclose(both[0][:, 0, 0], Z[0].real * np.arange(3))
        np.testing.assert_allclose(both[1][:, 0, 0], X[0] * np.arange(3))
        assert both[0].dtype == np.float64

    def test_what_is_not_holomorphic_says_so(self):
        for transform in (jacobian, jacrev, jacfwd):
            with pytest.raises(TypeError, match="expected a real output, got complex128"):
                transform(anp.sin)(Z)
            with pytest.raises(TypeError, match="expected complex arguments of a holomorphic function, got real ones"):
                transform(anp.sin, holomorphic=True)(X)
        with pytest.raises(TypeError, match="expected a function whose output is a real scalar, got dtype complex128"):
            grad(anp.sin)(Z[0])
        with pytest.raises(TypeError, match="expected complex arguments of a holomorphic function, got float64"):
            grad(lambda x: x * 1j, holomorphic=True)(2.0)
        with pytest.raises(TypeError, match="output is a complex scalar, got dtype float64"):
            grad(anp.abs, holomorphic=True)(Z[0])

    def test_linear_algebra(self):
        matrix = np.outer(Z, np.conj(Z)) + np.eye(3) * 2
        check_grads(lambda a: anp.real(anp.linalg.slogdet(a)[1]), matrix)
        check_grads(lambda a: anp.abs(anp.linalg.inv(a)), matrix)


class TestContainers:
    def test_dataclasses(self):
        layer = Layer(W, 0.5, "first")
        gradient = grad(lambda layer, x: anp.sum(layer.w @ x) * layer.b)(layer, X)
        assert type(gradient) is Layer and gradient.name == "first"
        np.testing.assert_allclose(gradient.w, [X * 0.5] * 2)
        assert gradient.b == pytest.approx((W @ X).sum())
        y, pullback = vjp(lambda layer: Layer(layer.w * 2, layer.b, "out"), layer)
        assert y.name == "out"
        np.testing.assert_array_equal(pullback(Layer(np.ones((2, 3)), 0.0))[0].w, 2 * np.ones((2, 3)))
        np.testing.assert_allclose(jvp(lambda layer: layer.w * layer.b, layer, layer)[1], W)
        stacked = Layer(np.stack([W, W]), np.ones(2))
        assert vmap(lambda layer: layer.w * layer.b)(stacked).shape == (2, 2, 3)

    def test_flatten(self):
        vector, unflatten = autograd.flatten({"w": W, "b": [np.float32(1.5), ()]})
        assert vector.shape == (7,)
        back = unflatten(vector * 2)
        np.testing.assert_array_equal(back["w"], 2 * W)
        assert back["b"][0] == 3.0 and back["b"][0].dtype == np.float32 and back["b"][1] == ()
        check_grads(lambda w: autograd.flatten([w, w * 2])[0], W)
        assert autograd.flatten([])[0].shape == (0,)
        with pytest.raises(ValueError, match="flatten: expected a vector of 7 elements"):
            unflatten(np.ones(8))
        assert type(autograd.flatten([Array(X)])[0]) is Array


def test_jacobians_of_outputs_that_depend_on_nothing():
    x = np.array([1.0, 2.0, 3.0])
    for transform in (jacobian, jacfwd, jacrev):
        values, order = transform(lambda v: (v * 2, anp.argsort(v)))(x)
        np.testing.assert_array_equal(values, 2 * np.eye(3))
        np.testing.assert_array_equal(order, np.zeros((3, 3)))
        np.testing.assert_array_equal(transform(lambda v: np.ones(5))(x), np.zeros((5, 3)))
        named = transform(lambda v: {"y": anp.outer(v, v), "mask": v > 1})(x)
        assert (named["y"].shape, named["mask"].shape) == ((3, 3, 3), (3, 3))
    tangents = linearize(lambda v: (v * 2, anp.argsort(v), np.ones(2)), x)[1](x)
    assert [t.shape for t in tangents] == [(3,), (3,), (2,)]


def test_arguments_of_jvp_in_a_list_are_refused():
    with pytest.raises(TypeError, match=r"^jvp: expected the arguments as a tuple, got a list"):
        jvp(lambda x, y: x * y, [1.0, 2.0], [1.0, 0.0])
    assert jvp(lambda xs: xs[0] * xs[1], [2.0, 3.0], [1.0, 0.0]) == (6.0, 3.0)
