"""What programs for HIPS autograd notice: what reaches a function, and what comes back."""

import subprocess
import sys

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import (
    Array,
    defvjp,
    deriv,
    elementwise_grad,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jvp,
    make_vjp,
    primitive,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)  # fmt: skip
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X, V = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])


class TestArguments:
    @pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad, jacobian, jacfwd, hessian])
    def test_others_are_the_very_objects(self, transform):
        given = (np.arange(3.0), [V], {"model": object()}, "text", None, lambda: 3, 2)
        seen = []

        def f(x, *others, by_name):
            seen.append((*others, by_name))
            return anp.sum(x * others[0])

        by_name = {"data": X}
        transform(f)(X, *given, by_name=by_name)
        for got in seen:
            assert all(a is b for a, b in zip(got, (*given, by_name), strict=True))
        given[0][0] = 7.0  # writable again

    def test_others_in_forward_mode(self):
        seen = []
        f = lambda x, n, data: (seen.extend([n, data]), anp.sum(x[:n] * data[:n]))[1]
        assert jvp(f, (X, 2, V), (X, None, None))[1] == pytest.approx((X * V)[:2].sum())
        assert seen[0] == 2 and seen[1] is V

    def test_a_residual_cannot_be_changed(self):
        data = V.copy()

        def f(x, data):
            y = anp.sum(x**2 * data)
            with pytest.raises(ValueError, match="read-only"):
                data[0] = 5.0
            return y

        np.testing.assert_allclose(grad(f)(X, data), 2 * X * V)
        data[0] = 5.0

    def test_of_arrays_they_are_arrays(self):
        seen = []
        grad(lambda x, data: (seen.append(data), anp.sum(x * data))[1])(Array(X), V)
        assert type(seen[0]) is Array

    @pytest.mark.parametrize("transform", [grad, elementwise_grad, jacobian, jacfwd, deriv])
    def test_integers_are_differentiated_as_real_numbers(self, transform):
        n = np.array([[1, 2], [3, 4]], "int32")[0] if transform is not grad else np.array([1, 2])
        found = transform(lambda x: anp.sum(x**3) if transform is grad else x**3)(n)
        expected = 3.0 * np.array([1, 4])
        np.testing.assert_allclose(found, np.diag(expected) if transform in (jacobian, jacfwd) else expected)
        assert found.dtype == "float64"
        np.testing.assert_array_equal(make_vjp(lambda x: x * 2.0)(np.array([1, 2]))[0](np.array([1, 1])), [2.0, 2.0])


class TestOutputs:
    @pytest.mark.parametrize("shape", [(1,), (1, 1)])
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_one_element_is_a_scalar(self, shape, dtype):
        x = X.astype(dtype)
        f = lambda x: anp.reshape(anp.sum(x**3), shape)
        value, gradient = value_and_grad(f)(x)
        assert value.shape == shape and gradient.dtype == dtype
        np.testing.assert_allclose(gradient, 3 * x**2, rtol=1e-6)
        np.testing.assert_allclose(hessian(f)(x), np.reshape(np.diag(6 * x), (*shape, 3, 3)), rtol=1e-6)
        with pytest.raises(TypeError, match=r"real scalar, got an output of shape \(2,\). Add .mean\(\) or .sum\(\)"):
            grad(lambda x: x[:2])(x)

    def test_jacobians_of_constants(self):
        for transform in (jacobian, jacfwd):
            assert transform(lambda x: np.eye(4))(X[:2]).shape == (4, 4, 2)
            np.testing.assert_array_equal(transform(lambda x: 1.0)(X), np.zeros(3))
            np.testing.assert_array_equal(transform(lambda x: np.arange(5))(X), np.zeros((5, 3)))
            np.testing.assert_array_equal(transform(lambda x: (x[0] * 2.0, 3.0))(X)[1], np.zeros(3))

    def test_results_without_derivative_are_raw(self):
        seen = []

        def f(x):
            seen.extend([x > 0, anp.sign(x), anp.argsort(x), anp.sum(x) > 1, anp.floor(x)])
            return anp.sum(x[x > 0])

        np.testing.assert_array_equal(grad(f)(X), X > 0)
        jvp(f, X, V)
        assert {type(y) for y in seen} <= {np.ndarray, np.bool_, np.float64}
        grad(lambda x: (seen.append(x > 0), anp.sum(x))[1])(Array(X))
        assert type(seen[-1]) is Array

    def test_they_are_safe_to_write_to(self):
        def f(x):
            y = anp.exp(x)
            mask = anp.sign(x)
            z = anp.sum(y * mask)
            with pytest.raises(ValueError, match="read-only"):
                mask[0] = 5.0
            return z

        np.testing.assert_allclose(grad(f)(X), np.exp(X) * np.sign(X))

    def test_a_view_of_a_traced_value_is_no_raw_array(self):
        tail, parts = primitive(lambda x: x[1:]), primitive(lambda x: (x[:1], x[1:]))
        defvjp(tail, None)
        defvjp(parts, None)

        def f(x):
            y = x * 2.0
            for view in (tail(y), parts(y)[1]):
                with pytest.raises(TypeError, match="arrays never change"):
                    view[:] = 0.0
            return anp.sum(y**2)

        np.testing.assert_array_equal(grad(f)(X), 8 * X)


class TestEigenvalues:
    MATRIX = np.array([[2.0, 1.0], [0.5, 3.0]])

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_real_ones_are_real(self, dtype):
        a = self.MATRIX.astype(dtype)
        seen = []
        f = lambda a: (seen.append(anp.linalg.eig(a)), anp.sum(seen[-1][0] ** 3))[1]
        np.testing.assert_allclose(grad(f)(a), 3 * (a @ a).T, rtol=1e-4)
        assert seen[0][0].dtype == seen[0][1].dtype == anp.linalg.eig(a)[0].dtype == dtype
        check_grads(lambda a: anp.linalg.eigvals(a)[0], self.MATRIX)
        assert anp.roots(np.array([1.0, -3.0, 2.0])).dtype == "float64"

    def test_others_are_complex(self):
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
        assert anp.linalg.eigvals(turn).dtype == anp.linalg.eigvals(self.MATRIX + 0j).dtype == "complex128"
        assert anp.linalg.eigvals(Array(self.MATRIX)).dtype.kind == "c"
        assert vmap(anp.linalg.eigvals)(self.MATRIX[None]).dtype.kind == "c"


class TestCreation:
    def test_order(self):
        f = np.asfortranarray(np.ones((2, 3)))
        for made in (
            anp.array(f, order="C"),
            anp.copy(f, "C"),
            anp.asarray(f, order="C"),
            anp.zeros_like(f, order="C"),
        ):
            assert made.flags.c_contiguous
        for made in (
            anp.zeros((2, 3), order="F"), anp.ones((2, 3), order="F"), anp.empty((2, 3), order="F"),
            anp.full((2, 3), 2.0, order="F"), anp.eye(2, 3, order="F"), anp.zeros_like(f), anp.ones_like(f),
            anp.full_like(f, 2.0), anp.array(f), anp.copy(f), anp.array(f.T.copy().T, order="A"),
        ):  # fmt: skip
            assert made.flags.f_contiguous and not made.flags.c_contiguous
        assert anp.asarray(f, order="F") is f
        assert anp.array(Array(f), order="C").shape == (2, 3)

    def test_objects(self):
        assert anp.array(["a", "b"]).tolist() == ["a", "b"]
        assert anp.asarray([None, 3]).dtype == object
        assert anp.array([[print], [Labelled]]).shape == (2, 1)
        assert anp.array("text").shape == () and anp.array([1, 2], dtype=object).dtype == object
        with pytest.raises(TypeError, match="array: expected numbers"):
            anp.sum(["a"])


class Labelled:
    """An array with named axes, in the way of xarray's DataArray: it applies ufuncs to what it holds."""

    def __init__(self, data, dims):
        self.data, self._dims = data, dims

    dims = property(lambda self: self._dims)
    __mul__ = lambda self, other: np.multiply(self, other)
    __rmul__ = lambda self, other: np.multiply(other, self)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        data = [x.data if isinstance(x, Labelled) else x for x in inputs]
        return Labelled(getattr(ufunc, method)(*data, **kwargs), self.dims)


class TestLabelledArrays:
    def test_they_stay_what_they_are(self):
        def f(x):
            held = Labelled(V, ("time",)) * x
            twice = x * held
            assert held.dims == twice.dims == anp.sin(twice).dims == ("time",)
            return anp.sum(anp.maximum(anp.exp(twice), 0.0).data)

        np.testing.assert_allclose(grad(f)(0.5), np.sum(V * np.exp(V * 0.25)))
        check_grads(f, 0.5)
        assert type(anp.exp(Labelled(V, ("time",)))) is Labelled
        assert type(Array(V) * Labelled(V, ("time",))) is Labelled


def test_nothing_is_printed_when_the_interpreter_ends():
    code = """
import atexit, builtins, sys
import numpy as np
from autograd import vjp
y, pull = vjp(lambda x: x * 2.0, np.ones(3))
sys.modules["kept by nobody"] = pull  # found when modules are emptied
builtins.kept = pull
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_released_arrays_when_the_module_is_empty(monkeypatch):
    from autograd import write_protection

    monkeypatch.setattr(write_protection, "_held", {})  # what is never released stays in it
    x, factor = X.copy(), V.copy()
    _, pull = vjp(lambda x: x * factor, x)
    monkeypatch.setattr(write_protection, "_holding", None)
    del pull


def test_small_functions_of_other_modules():
    from autograd.misc.flatten import flatten_func
    from autograd.numpy.numpy_vjps import unbroadcast, unbroadcast_f
    from autograd.numpy.numpy_vspaces import VSpace, vspace
    from autograd.numpy.numpy_wrapper import metadata
    from autograd.util import func, quick_grad_check, subval

    assert subval((1, 2, 3), 1, "x") == (1, "x", 3) and func(len) is len
    quick_grad_check(lambda x, a, b=1.0: anp.sum(a * b * x**2), X, (3.0,), {"b": 2.0})
    with pytest.raises(AssertionError):
        quick_grad_check(lambda x: anp.sum(stop_gradient(x) * x), X)
    f, unflatten, vector = flatten_func(lambda p, c: {"a": p["a"] * c}, {"a": X.reshape(3, 1)})
    assert vector.tolist() == X.tolist() and f(vector, 2.0).tolist() == (2 * X).tolist()
    assert unflatten(vector)["a"].shape == (3, 1)
    assert unbroadcast(np.ones((2, 3)), metadata(X)).tolist() == [2, 2, 2]
    assert unbroadcast_f(X, lambda g: g * 2)(np.ones((2, 3))).tolist() == [4, 4, 4]
    assert vspace(X).ndim == 1 and vspace({"a": X}) != vspace(X) and vspace({"a": X}) == vspace({"a": V})

    class Words(VSpace):
        def __init__(self, value):
            self.length = len(value)

    assert Words("ab") == Words("cd") != Words("abc") and hash(Words("ab")) == hash(Words("abc"))
    assert Words("ab").add(1, 2) == Words("ab").mut_add(1, 2) == 3
    with pytest.raises(NotImplementedError, match="Words: has no inner product"):
        Words("ab").inner_prod(1, 2)


def test_positions_that_stand_twice():
    with pytest.raises(ValueError, match=r"grad: expected distinct positions to differentiate, got \(0, -2\)"):
        grad(lambda x, y: x * y, (0, -2))(1.0, 2.0)
