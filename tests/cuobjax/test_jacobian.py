"""Jacobian and Hessian: against NumPy's numbers and the functional transforms."""

import inspect
import pickle

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.testing import check_grads
from cuobjax.transforms.gradient import Hessian, Jacobian
from cuobjax.transforms.vectorize import Vectorize

W, B = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32"), np.array([0.5, -0.5, 1.0], "float32")
X = np.array([0.3, -0.7], "float32")


class Model(objax.Module):
    def __init__(self):
        self.w = objax.TrainVar(jn.array(W))
        self.b = objax.TrainVar(jn.array(B))
        self.s = objax.StateVar(jn.zeros(()))

    def __call__(self, x):
        self.s.value += 1
        return jn.sin(x @ self.w.value + self.b.value), "more"


@pytest.fixture
def m():
    return Model()


def close(got, expected, tolerance=1e-5):
    assert type(got) is objax.Array
    np.testing.assert_allclose(got, np.asarray(expected, got.dtype), rtol=tolerance, atol=tolerance, strict=True)


def test_s4_inputs_come_first_then_variables_in_their_order(m):
    """d sin(x w + b) = cos(x w + b) (dx w + x dw + db)."""
    slope = np.cos(X @ W + B)
    by_x, by_b = slope[:, None] * W.T, np.diag(slope)
    by_w = np.einsum("k,kj,i->kij", slope, np.eye(3), X)
    for variables, argnums, expected in [
        (m.vars(), None, [by_w, by_b]),
        ({"b": m.b, "w": m.w, "again": m.b}, (0,), [by_x, by_b, by_w]),
        (None, (-1,), [by_x]),
        ([("w", m.w), ("ref", objax.TrainRef(m.b))], (), [by_w]),
    ]:
        got = Jacobian(m, variables, argnums)(X)
        assert type(got) is list
        for one, other in zip(got, expected, strict=True):
            close(one, other)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 0)])
def test_shapes_of_outputs_and_variables(shape):
    a, b = objax.TrainVar(jn.ones((2, 1))), objax.TrainVar(jn.array(2.0))
    got = Jacobian(lambda x: a.value.sum() * b.value * x, {"a": a, "b": b}, (0,))(jn.ones(shape))
    assert [g.shape for g in got] == [shape + shape, (*shape, 2, 1), shape]
    close(got[2], np.full(shape, 2.0))


def test_many_outputs_and_few_outputs_agree_with_autograd(m):
    """Fewer variables than outputs go forward, more go backward."""
    for f in (lambda w: jn.tanh(w @ jn.ones(3)), lambda w: jn.outer(w[0], w[1])):
        close(
            Jacobian(lambda f=f: f(m.w.value), {"w": m.w})()[0],
            autograd.jacobian(f)(jn.array(W)),
        )


def test_several_inputs_of_any_order(m):
    f = lambda x, y, z: x * y**2 * z
    numbers = [jn.array([1.0, 2.0]), jn.array(3.0), 4.0]
    expected = [np.diag([36.0, 36.0]), np.array([24.0, 48.0]), np.array([9.0, 18.0])]
    for order in [(0, 1, 2), (2, 0), (1, 2, 0), (-1, 0)]:
        for got, i in zip(Jacobian(f, None, order)(*numbers), order, strict=True):
            close(got, expected[i % 3])


def test_nested_inputs():
    nested = {"a": jn.array([1.0, 2.0]), "b": [jn.array(3.0)]}
    f = lambda p: p["a"] ** 2 * p["b"][0]
    (got,) = Jacobian(f, None, (0,))(nested)
    close(got["a"], np.diag([6.0, 12.0]))
    close(got["b"][0], [1.0, 4.0])
    w = objax.TrainVar(jn.array(2.0))
    rows = Hessian(lambda p: f(p).sum() * w.value, {"w": w}, (0,))(nested)
    close(rows[0][0]["a"]["b"][0], [4.0, 8.0])
    close(rows[0][1]["a"], [6.0, 12.0])
    close(rows[1][0]["b"][0], 5.0)
    close(rows[1][1], 0.0)


def test_hessian_is_a_list_of_lists(m):
    """f = sum(sin(x w + b)): d2f = -sin(z) dz dz, and the mixed term of x and w has a cos(z)."""
    f = lambda x: jn.sum(m(x)[0])
    z = X @ W + B
    rows = Hessian(f, {"b": m.b, "w": m.w}, (0,))(X)
    assert [[g.shape for g in row] for row in rows] == [
        [(2, 2), (2, 3), (2, 2, 3)],
        [(3, 2), (3, 3), (3, 2, 3)],
        [(2, 3, 2), (2, 3, 3), (2, 3, 2, 3)],
    ]
    close(rows[0][0], -(W * np.sin(z)) @ W.T)
    close(rows[1][1], -np.diag(np.sin(z)))
    close(rows[0][1], -W * np.sin(z))
    close(rows[1][0], -(W * np.sin(z)).T)
    close(rows[0][2], np.einsum("ia,k->iak", np.eye(2), np.cos(z)) - np.einsum("ik,k,a->iak", W, np.sin(z), X))
    np.testing.assert_allclose(rows[2][0], np.moveaxis(np.asarray(rows[0][2]), 0, -1), rtol=1e-5, atol=1e-6)
    plain = autograd.hessian(lambda x, b, w: jn.sum(jn.sin(x @ w + b)), (0, 1, 2))(jn.array(X), m.b, m.w)
    for row, others in zip(rows, plain, strict=True):
        for got, expected in zip(row, others, strict=True):
            close(got, expected)


@pytest.mark.usefixtures("on_the_cpu")
def test_finite_differences():
    w = objax.TrainVar(jn.array([0.5, -0.25], dtype="float64"))

    def gradient(x):
        return Jacobian(lambda x: jn.sin(w.value * x) * x[0], {"w": w}, (0,))(x)[0]

    check_grads(gradient, (np.array([0.3, 0.7]),), order=1)


def test_only_the_first_output_is_differentiated(m):
    f = lambda: (m.b.value * 2, m.b.value * 100, "text", {"a": object})
    close(Jacobian(f, {"b": m.b})()[0], 2 * np.eye(3))
    close(Jacobian(lambda: [m.b, 1], {"b": m.b})()[0], np.eye(3))
    close(Hessian(lambda: ((m.b.value**2).sum(), "text"), {"b": m.b})()[0][0], 2 * np.eye(3))


def test_constants_have_zero_derivatives(m):
    for constant in (3.0, 2, jn.array(1.0), np.float32(2)):
        close(Jacobian(lambda constant=constant: constant, {"b": m.b})()[0], np.zeros(3))
    close(Jacobian(lambda: jn.ones((2, 2)), {"b": m.b})()[0], np.zeros((2, 2, 3)))
    close(Hessian(lambda: 3.0, {"b": m.b})()[0][0], np.zeros((3, 3)))


@pytest.mark.parametrize(("kind", "calls"), [(Jacobian, 1), (Hessian, 1)])
def test_states_change_once(m, kind, calls):
    f = kind(lambda x: (m(x)[0].sum(), x), m.vars(), (0,))
    for i in range(1, 3):
        f(X)
        assert m.s.value == i * calls
        assert type(m.s.stored) is objax.Array
    assert [type(v.stored) for v in (m.w, m.b)] == [objax.Array] * 2


def test_states_pass_derivatives_on_and_assigned_variables_stay_differentiable(m):
    def f():
        m.w.assign(m.w.value * 2)
        m.s.value = m.s.value + m.w.value.sum()
        return m.s.value**2

    close(Jacobian(f, m.vars())()[0], np.full((2, 3), 2 * 42 * 2))
    close(m.w.value, 2 * W)
    assert m.s.value == 42
    close(Hessian(f, {"w": m.w})()[0][0], np.full((2, 3, 2, 3), 8))
    close(m.w.value, 4 * W)


@pytest.mark.parametrize("kind", [Jacobian, Hessian])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_s1_after_an_exception_nothing_has_changed(m, kind, error):
    key = objax.random.DEFAULT_GENERATOR.key.value

    def f(x):
        m.s.value += 1
        m.w.assign(m.w.value * x.sum())
        objax.random.normal(())
        raise error("stop")

    for variables in (m.vars(), None):
        with pytest.raises(error, match="stop"):
            kind(f, variables, (0,))(X)
    assert m.s.value == 0
    np.testing.assert_array_equal(m.w.value, W)
    assert objax.random.DEFAULT_GENERATOR.key.value is key


@pytest.mark.parametrize("kind", [Jacobian, Hessian])
def test_random_numbers_are_drawn_once(kind):
    generator, same = objax.random.Generator(3), objax.random.Generator(3)
    w = objax.TrainVar(jn.ones(2))
    f = kind(lambda: (w.value**2 * objax.random.normal((2,), generator=generator)).sum(), {"w": w})
    noise = np.asarray(objax.random.normal((2,), generator=same))
    (derivative,) = f()
    close(*((derivative, 2 * noise) if kind is Jacobian else (derivative[0], np.diag(2 * noise))))
    np.testing.assert_array_equal(generator.key.value, same.key.value)


@pytest.mark.parametrize(
    ("kind", "output", "message"),
    [
        (Jacobian, lambda m: "text", "^Jacobian: expected a function whose output is an array, got an output of str"),
        (Jacobian, lambda m: None, "got an output of NoneType"),
        (Jacobian, lambda m: {"a": m.b.value}, "got an output of dict"),
        (Jacobian, lambda m: (), "got an output of tuple"),
        (Jacobian, lambda m: m.b.value * 1j, "expected a real output.* got complex64"),
        (Hessian, lambda m: m.b.value, r"^Hessian: expected .* a real scalar, got .* shape \(3,\)"),
        (Hessian, lambda m: "text", "^Hessian: expected .* a real scalar, got an output of str"),
    ],
)
def test_outputs_without_derivatives(m, kind, output, message):
    def f():
        m.s.value += 1
        return output(m)

    with pytest.raises(TypeError, match=message):
        kind(f, m.vars())()
    assert m.s.value == 0


@pytest.mark.parametrize("kind", [Jacobian, Hessian])
def test_s7_arguments_that_cannot_be_differentiated(m, kind):
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: expected distinct input_argnums in a tuple, got \[0\]\.$"):
        kind(m, None, [0])
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: expected a positional argument 0 .* got 0 of them"):
        kind(m, None, (0,))(x=X)
    with pytest.raises(TypeError, match="expected arrays of real or complex numbers to differentiate, got dtype int32"):
        kind(lambda x: x * 1.0, None, (0,))(jn.array(1))
    with pytest.raises(TypeError, match=rf"^{kind.__name__}: expected TrainVars of real .* n has int32"):
        kind(m, {"n": objax.TrainVar(jn.array(1))})


def test_a_jacobian_of_a_hessian_and_the_like(m):
    """Third derivatives of x**4: 24 x."""
    v = objax.TrainVar(jn.array(2.0))
    variables = {"v": v}
    f = lambda: v.value**4
    close(Jacobian(lambda: Hessian(f, variables)()[0][0], variables)()[0], 48)
    close(Hessian(lambda: Jacobian(f, variables)()[0], variables)()[0][0], 48)
    close(objax.Grad(lambda: Hessian(f, variables)()[0][0], variables)()[0], 48)
    close(Hessian(lambda: Hessian(f, variables)()[0][0], variables)()[0][0], 24)


def test_a_hessian_of_lanes_and_lanes_of_hessians(m):
    xs = np.stack([X, 2 * X, -X])
    f = lambda x: m(x)[0].sum()
    total = Hessian(lambda xs: Vectorize(f)(xs).sum(), {"b": m.b})(xs)[0][0]
    each = Vectorize(Hessian(f, {"b": m.b}))(xs)[0][0]
    assert each.shape == (3, 3, 3)
    close(total, np.asarray(each).sum(0))
    close(each[1], -np.diag(np.sin(2 * X @ W + B)))
    (jacobians,) = Vectorize(Jacobian(m, {"w": m.w}))(xs)
    for i in range(3):
        close(jacobians[i], Jacobian(m, {"w": m.w})(xs[i])[0])


def test_a_newton_step_finds_the_minimum_of_a_parabola(m):
    v = objax.TrainVar(jn.array([3.0, -1.0]))
    a = jn.array([[2.0, 0.5], [0.5, 1.0]])
    loss = lambda: 0.5 * v.value @ a @ v.value - v.value.sum()
    (g,), ((h,),) = objax.Grad(loss, {"v": v})(), Hessian(loss, {"v": v})()
    v.assign(v.value - jn.linalg.solve(h, g))
    close(v.value, np.linalg.solve(np.asarray(a), [1.0, 1.0]))


# As modules.


def test_they_are_modules(m):
    for kind, returned in [(Jacobian, list[objax.Array]), (Hessian, list[list[objax.Array]])]:
        f = kind(m, m.vars(), (0,))
        assert list(f.vars("a").keys()) == ["a" + name for name, _ in m.vars().items()]
        assert repr(f).endswith(f".{kind.__name__}(f=Model, input_argnums=(0,))")
        assert inspect.signature(f).return_annotation == returned
        copy = pickle.loads(pickle.dumps(f))
        (v, *_) = copy.vars()
        assert v is copy.f.w


def test_dtypes():
    half, double = objax.TrainVar(jn.ones(2, "float16")), objax.TrainVar(jn.ones(2, "float64"))
    f = lambda: half.value * 2 + double.value
    variables = {"half": half, "double": double}
    assert [g.dtype for g in Jacobian(f, variables)()] == ["float16", "float64"]
    rows = Hessian(lambda: (f() ** 2).sum(), variables)()
    assert [[str(g.dtype) for g in row] for row in rows] == [["float16", "float64"]] * 2
