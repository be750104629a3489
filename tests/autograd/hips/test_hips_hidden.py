"""What programs for HIPS autograd do around a rule: traced values in objects, derivatives of other shapes, classes of
arrays of their own.
"""

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import grad, hessian, jacobian, make_vjp, vjp, vmap
from autograd.batch import BatchTracer
from autograd.extend import defvjp, primitive
from autograd.numpy.numpy_boxes import ArrayBox, Box
from autograd.testing import check_grads
from autograd.tracer import isbox

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.array([0.5, -1.5])


class Holder:
    """Holds a value where no transformation looks for it."""

    def __init__(self, x):
        self.x = x


@primitive
def _cube(x, holder):
    return x**3


defvjp(_cube, lambda y, x, holder: lambda g: g * 3 * holder.x**2, None)


def cube(x):
    return _cube(x, Holder(x))


class TestTracedValuesInObjects:
    def test_all_orders(self):
        def f(x):
            return anp.sum(cube(x))

        np.testing.assert_allclose(grad(f)(X), 3 * X**2)
        np.testing.assert_allclose(hessian(f)(X), np.diag(6 * X))
        np.testing.assert_allclose(grad(lambda x: anp.sum(grad(f)(x) ** 2))(X), 36 * X**3)
        np.testing.assert_allclose(grad(lambda a: grad(grad(cube))(a) * a)(2.0), 24.0)

    @pytest.mark.parametrize(
        "derivative",
        [
            lambda f: grad(lambda x: anp.sum(f(x))),
            lambda f: lambda x: vjp(f, x)[1](np.ones(2))[0],
            lambda f: lambda x: make_vjp(f)(x)[0](np.ones(2)),
            lambda f: lambda x: np.diag(jacobian(f)(x)),
        ],
    )
    def test_results_are_raw(self, derivative):
        found = derivative(cube)(X)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, 3 * X**2)

    def test_outside_of_rules_they_are_refused(self):
        kept = []
        grad(lambda x: anp.sum(kept.append(x) or x**2))(X)
        with pytest.raises(TypeError, match="whose transformation has ended"):
            kept[0] * 2.0
        _cube(X, Holder(X))  # no rule runs here
        with pytest.raises(TypeError, match="whose transformation has ended"):
            kept[0] * 2.0


class TestDerivativesOfOtherStructures:
    def test_where_nothing_is_differentiated(self):
        @primitive
        def total(lists):
            return sum(map(sum, lists))

        defvjp(total, lambda y, lists: lambda g: (np.zeros((1, 0)), g * np.ones(2), "anything"))
        np.testing.assert_array_equal(grad(lambda x: total(([], [x[0], x[1]], [3.0])))(X), [1.0, 1.0])
        with pytest.raises(TypeError, match="expected a derivative in the structure of argument 0 of total"):
            grad(lambda x: total(([], [3.0, x[1]], [x[0]])))(X)
        with pytest.raises(TypeError, match="expected a derivative in the structure of argument 0 of total"):
            grad(lambda x: total(([], [x[1], 2.0, 1.0], [3.0])))(X)


class TestValuesOfManyCotangents:
    def of_rule(self, rule):
        @primitive
        def product(x):
            return np.array([x[0] * x[1], x[0] + x[1]])

        defvjp(product, lambda y, x: lambda g: rule(x, g))
        return product

    def test_an_error_of_their_shape(self):
        product = self.of_rule(lambda x, g: np.array([[x[1], 1.0], [x[0], 1.0]]) @ unwrapped(g).reshape(2))
        np.testing.assert_allclose(jacobian(product)(X), [[X[1], X[0]], [1.0, 1.0]])

    def test_a_structure_of_their_shape(self):
        @primitive
        def total(pair):
            return pair[0] * pair[1] * np.ones(2)

        def rule(y, pair):
            return lambda g: list(np.sum(unwrapped(g), -1, keepdims=True) * np.array([pair[1], pair[0]]).T)

        defvjp(total, rule)
        found = jacobian(lambda x: anp.concatenate([total((x[0], x[1])), x]))(X)
        np.testing.assert_allclose(found, [[X[1], X[0]]] * 2 + [[1, 0], [0, 1]])

    def test_other_errors_stay(self):
        def failing(x, g):
            raise ZeroDivisionError("in the rule")

        for derivative in (jacobian, lambda f: grad(lambda x: anp.sum(f(x)))):
            with pytest.raises(ZeroDivisionError, match="in the rule"):
                derivative(self.of_rule(failing))(X)
        mapped = self.of_rule(failing)
        mapped.batch = lambda primitive, size, values, batched, params: primitive(*[x.T for x in values]).T
        with pytest.raises(TypeError, match="vmap: the derivative of product needs one value") as caught:
            vmap(grad(lambda x: anp.sum(mapped(x) * x)))(np.array([X, X]))
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def unwrapped(x):
    while isbox(x):
        x = x._value
    return x


class Tagged(np.ndarray):
    """Takes whatever comes back for the result, as arrays of pennylane do."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        inputs = [np.asarray(x) if isinstance(x, Tagged) else x for x in inputs]
        return np.asarray(super().__array_ufunc__(ufunc, method, *inputs, **kwargs)).view(Tagged)


@pytest.fixture
def tagged(monkeypatch):
    monkeypatch.setattr(Tagged, "__array_ufunc__", Tagged.__array_ufunc__)  # the one that it has now comes back
    Box.type_mappings[Tagged] = ArrayBox
    yield X.view(Tagged)
    del Box.type_mappings[Tagged]


class Plain(np.ndarray):
    """Has NumPy's own `__array_ufunc__`."""


class TestClassesOfArrays:
    def test_one_without_a_protocol_of_its_own(self):
        Box.type_mappings[Plain] = ArrayBox
        try:
            assert "__array_ufunc__" not in vars(Plain)
            np.testing.assert_allclose(grad(lambda x: anp.sum(x**2))(X.view(Plain)), 2 * X)
        finally:
            del Box.type_mappings[Plain]

    @pytest.mark.parametrize(
        "f",
        [
            lambda y, x: y - x**2,
            lambda y, x: x**2 / y,
            lambda y, x: y**2 @ x,
            lambda y, x: np.multiply(y, x) * y,
            lambda y, x: (y[0] * x) > 0,
        ],
    )
    def test_they_leave_operators_to_traced_values(self, tagged, f):
        seen = []
        check_grads(lambda x: anp.sum(seen.append(f(tagged, x)) or f(tagged, x)) + anp.sum(x), (X + 3,), order=1)
        assert not any(isinstance(y, Tagged) and y.dtype == object for y in seen)
        np.testing.assert_allclose(unwrapped(seen[0]), f(X, X + 3))

    def test_among_themselves_nothing_changes(self, tagged):
        assert type(tagged * 2.0) is type(2.0 - tagged) is type(np.add(tagged, X)) is Tagged
        np.testing.assert_array_equal(tagged + tagged, 2 * X)

    def test_what_is_registered_may_refuse_them(self, tagged):
        def box(x, *args):
            if x.fixed:
                raise ValueError("fixed")
            return ArrayBox(x, *args)

        Box.type_mappings[Tagged] = box
        tagged.fixed = False
        np.testing.assert_array_equal(grad(lambda x: anp.sum(x**2))(tagged), 2 * X)
        tagged.fixed = True
        for f, given in ((lambda x: anp.sum(x**2), tagged), (lambda x: anp.sum(x["w"] ** 2), {"w": tagged})):
            for derivative in (grad, jacobian, lambda f: make_vjp(f)):
                with pytest.raises(ValueError, match="fixed"):
                    derivative(f)(given)
        np.testing.assert_array_equal(grad(lambda x: anp.sum(tagged * x))(X), X)  # it is a constant there


def test_jacobians_of_numbers_are_arrays():
    for found in (jacobian(lambda x: x**2)(2.0), hessian(lambda x: x**2)(2.0), jacobian(anp.sum)(np.array(3.0))):
        assert type(found) is np.ndarray and found.shape == ()


def test_a_value_of_many_rows_that_an_outer_transformation_traces():
    @primitive
    def scaled(x):
        return 2.0 * x

    def first_value(c):
        return c._value if isinstance(c, BatchTracer) else c  # of all rows

    defvjp(scaled, lambda y, x: lambda g: first_value(2.0 * g * (x / x)))
    expected = np.einsum("ij,ik->ijk", np.eye(2), np.eye(2)) * 8
    np.testing.assert_allclose(jacobian(jacobian(lambda x: scaled(x) ** 2))(X), expected)
