"""HIPS autograd's names at its import paths: traced values, vector spaces, traces of nodes, optimizers."""

import importlib

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, grad, jvp, vmap
from autograd.builtins import DictBox, SequenceBox
from autograd.builtins import isinstance as isinstance_of_value
from autograd.builtins import type as type_of_value
from autograd.misc.optimizers import adam, rmsprop, sgd, unflatten_optimizer
from autograd.numpy import numpy_jvps, numpy_wrapper
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.numpy.numpy_vjps import unbroadcast_f
from autograd.numpy.numpy_vspaces import VSpace, vspace
from autograd.test_util import check_equivalent, check_grads, combo_check
from autograd.tracer import Box, JVPNode, Node, VJPNode, backward_pass, getval, isbox, new_box, trace, trace_stack
from cuobjax import Jit

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X, V = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])

PATHS = {  # what programs import, counted in thirty packages
    "autograd": "dict isinstance list make_jvp make_vjp tuple type __version__",
    "autograd.builtins": "dict isinstance list tuple type",
    "autograd.core": """
        VJPNode JVPNode VSpace backward_pass defjvp defvjp getval isbox make_jvp make_vjp primitive primitive_vjps
        vspace""",
    "autograd.differential_operators": "_make_jvp _make_vjp grad make_jvp_reversemode unary_to_nary vspace",
    "autograd.misc": "const_graph flatten",
    "autograd.misc.fixed_points": "fixed_point",
    "autograd.misc.flatten": "flatten flatten_func",
    "autograd.misc.tracers": "const_graph",
    "autograd.numpy": "make_diagonal numpy_boxes numpy_vjps numpy_vspaces numpy_wrapper row_stack __version__",
    "autograd.numpy.numpy_jvps": "broadcast",
    "autograd.numpy.numpy_vspaces": "ArrayVSpace ComplexArrayVSpace",
    "autograd.numpy.numpy_wrapper": "_astype metadata",
    "autograd.numpy.random": "randn",
    "autograd.scipy": "integrate linalg signal sparse special stats",
    "autograd.scipy.stats.norm": "logpdf cdf rvs",
    "autograd.scipy.stats.multivariate_normal": "logpdf rvs",
    "autograd.util": "func quick_grad_check subval subvals toposort",
}


@pytest.mark.parametrize("path", PATHS)
def test_import_paths(path):
    module = importlib.import_module(path)
    assert [name for name in PATHS[path].split() if not hasattr(module, name)] == []


def test_flatten_is_a_function_and_a_module():
    import autograd.misc.flatten as module
    from autograd.misc import flatten

    assert importlib.import_module("autograd.misc.flatten").flatten is flatten is module
    vector, unflatten = flatten({"b": 3.0, "a": (1.0, X.astype("float32"))})
    np.testing.assert_allclose(vector, [1.0, *X, 3.0])
    assert list(unflatten(vector)) == ["b", "a"] and unflatten(vector)["b"] == 3.0
    assert unflatten(vector)["a"][1].dtype == "float32"
    np.testing.assert_allclose(flatten({2: 1.0, "b": 2.0, "a": 3.0})[0], [1.0, 2.0, 3.0])  # no order


class TestTracedValues:
    def test_classes(self):
        seen = []

        def f(x):
            seen.append(x)
            assert isinstance(x, ArrayBox) and isinstance(x, Box) and isbox(x)
            assert isinstance_of_value(x, anp.ndarray) and not isinstance(x, anp.ndarray)
            assert type(x) == ArrayBox and issubclass(type(x), Box)  # noqa: E721
            assert str(type(x)) == "<class 'autograd.numpy.numpy_boxes.ArrayBox'>" or len(seen) > 2
            return anp.sum(x)

        grad(f)(X)
        jvp(f, X, V)
        vmap(f)(np.stack([X, X]))
        Jit(f)(X)
        assert len(seen) == 4
        for x in (X, 1.0, Array(X), [X]):
            assert not isinstance(x, ArrayBox) and not isbox(x)
        assert type(Array(X)) != ArrayBox  # noqa: E721

    def test_values_under_them(self):
        def f(x, y):
            assert getval(x) == 2.0 and getval(X) is X
            assert isinstance_of_value(x, float) and type_of_value(x) is np.float64
            assert isinstance((x, y), SequenceBox) and isinstance({"x": x}, DictBox)
            return grad(lambda z: z * x + (getval(z) == 2.0))(x) * y

        assert grad(f, 0)(2.0, 3.0) == 3.0
        assert vmap(lambda x: x * isinstance_of_value(x, float))(X).tolist() == X.tolist()
        assert not isinstance((1.0,), SequenceBox) and not isinstance({}, DictBox)

    def test_attributes_of_a_users_own(self):
        ArrayBox.doubled = lambda self: self * 2
        try:
            assert grad(lambda x: x.doubled())(1.0) == 2.0
        finally:
            from autograd.core import Tracer

            del Tracer.doubled


class TestVectorSpaces:
    @pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
    def test_of_arrays(self, dtype):
        x = np.ones((2, 3), dtype)
        space = vspace(x)
        parts = 2 if space.iscomplex else 1
        assert space.size == 6 * parts and space.shape == (2, 3) and space.dtype == dtype
        basis = list(space.standard_basis())
        assert len(basis) == space.size and {b.dtype for b in basis} == {np.dtype(dtype)}
        assert all(space.inner_prod(a, b) == (a is b) for a in basis for b in basis)
        assert (space.zeros() == 0).all() and (space.ones() == (1 + 1j if parts == 2 else 1)).all()
        assert space.randn().dtype == dtype and space.randn().shape == (2, 3)
        assert space == vspace(x + 1) != vspace(x[0]) and space != vspace(x.real.astype("float16"))
        np.testing.assert_array_equal(space.covector(x * 1j if parts == 2 else x), x * (-1j if parts == 2 else 1))

    def test_of_nested_arrays(self):
        nested = {"a": (X, 2.0), "b": [np.ones(2, "complex64")]}
        space = vspace(nested)
        assert space.size == 8 and space.iscomplex
        doubled = space.add(nested, space.scalar_mul(nested, 1.0))
        assert doubled["a"][1] == 4.0 and doubled["b"][0].dtype == "complex64"
        assert space.inner_prod(nested, nested) == pytest.approx(X @ X + 4 + 2)
        assert len(list(space.standard_basis())) == 8
        assert space == vspace(doubled) != vspace({"a": (X, 2.0)})
        with pytest.raises(TypeError, match="vspace: expected nested arrays like"):
            space.add(nested, (X, 2.0))
        with pytest.raises(TypeError, match=r"vspace: expected arrays and numbers.*got str"):
            vspace("text")

    def test_of_traced_values(self):
        assert grad(lambda x: anp.sum(x * vspace(x).ones()))(X).tolist() == [1.0] * 3
        check_grads(lambda x: vspace(x).inner_prod(x, x))(X)

    def test_numbers_as_traces(self):
        """As pymoo does it: the trace is a number, and the cotangent a traced value, too."""
        y = anp.sin(new_box(X, 0, VJPNode.new_root())) * 2.0
        rows = [backward_pass(new_box(g, 0, VJPNode.new_root()), y._node) for g in np.eye(3)]
        np.testing.assert_allclose(anp.stack(rows)._value, np.diag(2 * np.cos(X)))

    def test_of_a_users_own(self):
        class Space(VSpace):
            def __init__(self, value):
                self.value = value

        class Value:
            pass

        Space.register(Value)
        try:
            assert type(vspace(Value())) is Space
            assert vspace([1.0]) != 1 and vspace([1.0]) == vspace([2.0])
            with pytest.raises(TypeError, match=r"^vspace: expected .*, got an array of dtype <U1\."):
                vspace(np.array(["x"]))
            with pytest.raises(NotImplementedError, match="Space: has no inner product"):
                vspace(Value()).inner_prod(1, 2)
        finally:
            del VSpace.mappings[Value]


class TestNodes:
    def test_derivatives(self):
        def f(x):
            q, r = anp.linalg.qr(x)
            return anp.sum(q * q[::-1]) + anp.sum(anp.sin(r) * (x > 0)) + r[0, 0] * 2.0

        x = np.array([[1.0, 2.0], [-0.5, 3.0]])
        expected = grad(f)(x)
        y, node = trace(VJPNode.new_root(), f, x)
        np.testing.assert_allclose(backward_pass(1.0, node), expected)
        np.testing.assert_allclose(y, f(x))
        t = np.array([[1.0, -1.0], [0.5, 0.25]])
        assert trace(JVPNode.new_root(t), f, x)[1].g == pytest.approx((expected * t).sum())
        assert trace(VJPNode.new_root(), lambda x: 3.0, x) == (3.0, None)
        _, node = trace(VJPNode.new_root(), lambda x: anp.where(x, x, 2.0), np.array([0.0, 3.0]))
        np.testing.assert_array_equal(backward_pass(np.ones(2), node), [0, 1])  # none for the condition

    def test_values_of_a_users_own(self):
        class Text(str):
            pass

        class TextBox(Box):
            def __init__(self, value, trace, node):
                self.seen = value, node

        Box.type_mappings[Text] = TextBox
        try:
            root = VJPNode.new_root()
            with trace_stack.new_trace() as level:
                assert new_box(Text("x"), level, root).seen == ("x", root)
        finally:
            del Box.type_mappings[Text]

    def test_by_hand(self):
        root = VJPNode.new_root()
        with trace_stack.new_trace() as level:
            y = anp.sum(new_box(X, level, root) ** 2)
        assert y._value == pytest.approx((X**2).sum())
        np.testing.assert_allclose(backward_pass(np.float64(1.0), y._node), 2 * X)
        with pytest.raises(TypeError, match="new_box: expected an array or a real or complex number, got str"):
            new_box("x", level, root)

    def test_of_a_users_own(self):
        names = []

        class Name(Node):
            def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
                names.append((fun.__name__, list(parent_argnums)))

            def initialize_root(self):
                pass

        trace(Name.new_root(), lambda x: 2.0 * anp.sin(x) + x, 1.0)
        assert names == [("sin", [0]), ("multiply", [1]), ("add", [0, 1])]
        names.clear()
        trace(Name.new_root(), grad(lambda x: x * x), 1.0)
        assert names

    def test_programs_that_run_again(self):
        from autograd.misc import const_graph

        calls = []

        def f(scale, x, y):
            calls.append(x)
            return scale * anp.sum(x * y) + (1.0 if len(calls) == 1 else 2.0)

        again = const_graph(f, 2.0)
        assert [again(X, V * k) for k in (1.0, 2.0)] == pytest.approx([2 * X @ V + 1, 4 * X @ V + 1])
        assert len(calls) == 1
        np.testing.assert_allclose(grad(again)(X, V), 2 * V)
        with pytest.raises(TypeError, match="const_graph: expected one array that depends on the arguments, got int"):
            const_graph(lambda x: 3)(X)


class TestHelpers:
    def test_of_broadcasting(self):
        pull = unbroadcast_f(np.ones((1, 3), "float32"), lambda g: g * 2)
        np.testing.assert_array_equal(pull(np.ones((4, 2, 3))), np.full((1, 3), 16.0, "float32"))
        assert pull(np.ones((2, 3))).dtype == "float32"
        assert numpy_jvps.broadcast(X, np.ones((2, 3))).shape == (2, 3)
        assert numpy_wrapper.metadata(X) == ((3,), 1, X.dtype, False)

    def test_diagonal_matrices(self):
        expected = np.stack([np.diag(X), np.diag(V)])
        np.testing.assert_array_equal(anp.make_diagonal(np.stack([X, V]), axis1=-1, axis2=-2), expected)
        check_grads(lambda x: anp.make_diagonal(x, axis1=-1, axis2=-2))(X)
        with pytest.raises(NotImplementedError, match="make_diagonal: expected offset=0"):
            anp.make_diagonal(X)

    def test_checks_find_mistakes(self):
        bad = autograd.primitive(lambda x: x**2)
        autograd.defvjp(bad, lambda y, x: lambda g: 3 * g * x)
        with pytest.raises(AssertionError, match=r"Derivative \(VJP\) check of .* failed"):
            check_grads(bad, modes=["rev"])(2.0)
        with pytest.raises(AssertionError, match="Value mismatch"):
            check_grads(bad, modes=["fwd"])(2.0)
        with pytest.raises(AssertionError, match="VSpace mismatch"):
            check_equivalent(X, X[:2])
        with pytest.raises(ValueError, match="check_grads: expected modes among"):
            check_grads(anp.sin, modes=["forward"])(1.0)
        one_way = autograd.primitive(lambda x: x**2)
        autograd.extend.defjvp(one_way, lambda t, y, x: 2 * x * t)
        check_grads(one_way, modes=["fwd"])(2.0)

    def test_checks_of_all_combinations(self):
        seen = []
        f = lambda x, axis=None: seen.append(axis) or anp.sum(x**2, axis)
        combo_check(f, (0,), order=1)([X, np.ones((2, 3))], axis=[None, 0])
        assert {None, 0} == set(seen)


@pytest.mark.parametrize(("optimizer", "options"), [(sgd, {}), (rmsprop, {}), (adam, {"step_size": 0.1})])
def test_optimizers_find_the_least(optimizer, options):
    seen = []
    target = {"b": np.array([1.0, -2.0]), "a": 3.0}

    def gradient(x, i):
        return {"b": 2 * (x["b"] - target["b"]), "a": 2 * (x["a"] - target["a"])}

    found = optimizer(
        gradient, {"b": np.zeros(2), "a": 0.0}, lambda x, i, g: seen.append((i, x["a"], g["a"])), 300, **options
    )
    np.testing.assert_allclose(found["b"], target["b"], atol=0.05)
    np.testing.assert_allclose(found["a"], 3.0, atol=0.05)
    assert [i for i, _, _ in seen] == list(range(300)) and seen[0][1:] == (0.0, -6.0)


@pytest.mark.parametrize("told", [True, False])
def test_optimizers_of_a_users_own(told):
    @unflatten_optimizer
    def newton(grad, x, callback, steps=2):
        for i in range(steps):
            g = grad(x, i)
            if callback:
                callback(x, i, g)
            x = x - g / 2
        return x

    seen = []
    nested = {"b": np.array([3.0, 4.0]), "a": np.array(5.0)}
    found = newton(
        grad(lambda x, i: anp.sum(x["b"] ** 2) + x["a"] ** 2), nested, (lambda *of: seen.append(of)) if told else None
    )
    assert newton.__name__ == "newton" and found.keys() == nested.keys()
    np.testing.assert_array_equal(found["b"], [0, 0])
    assert [i for _, i, _ in seen] == [0, 1] * told
    assert not told or (seen[0][0]["a"] == 5.0 and seen[0][2]["a"] == 10.0)


def test_names_of_numpy_that_are_passed_on():
    for name in ("datetime64", "timedelta64", "matrix", "poly1d", "isnat", "frompyfunc", "memmap"):
        assert getattr(anp, name) is getattr(np, name)
        assert name not in anp.__all__
    with pytest.raises(AttributeError, match=r"no attribute 'trapz'\. NumPy removed it: use trapezoid\."):
        anp.trapz  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        anp.nothing  # noqa: B018


def test_first_step_of_adam():
    np.testing.assert_allclose(adam(lambda x, i: x, X, num_iters=1, step_size=0.1), X - 0.1 * np.sign(X), rtol=1e-6)


def test_fixed_points():
    from autograd.misc.fixed_points import fixed_point

    newton = lambda a: lambda x: 0.5 * (x + a / x)
    root = lambda a: fixed_point(newton, a, 1.0, lambda x, y: abs(x - y), 1e-12)
    assert root(2.0) == pytest.approx(2**0.5)
    assert grad(root)(2.0) == pytest.approx(0.5 / 2**0.5)
    assert grad(grad(root))(2.0) == pytest.approx(-0.25 / 2**1.5)


def test_differential_equations():
    from autograd.scipy.integrate import odeint

    t = np.array([0.0, 0.3, 1.0])
    decay = lambda y, t, rate, table: -rate * y + table["drive"] * t
    solve = lambda y0, rate, drive, t: odeint(decay, y0, t, (rate, {"drive": drive}), rtol=1e-11, atol=1e-11)
    y0 = np.array([1.0, 2.0])
    exact = lambda y0, rate, drive, t: (
        anp.exp(-rate * t)[:, None] * (y0 + drive / rate**2) + (drive * (t / rate - 1 / rate**2))[:, None]
    )
    w = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(solve(y0, 0.7, 0.2, t), exact(y0, 0.7, 0.2, t), rtol=1e-9)
    found = grad(lambda *args: anp.sum(w * solve(*args)), (0, 1, 2, 3))(y0, 0.7, 0.2, t)
    expected = grad(lambda *args: anp.sum(w * exact(*args)), (0, 1, 2, 3))(y0, 0.7, 0.2, t)
    for got, wanted in zip(found[:3], expected[:3], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-7)
    np.testing.assert_allclose(found[3][1:], expected[3][1:], rtol=1e-7)
    np.testing.assert_allclose(found[3].sum(), 0.2 * _slope_of_drive(w, t), rtol=1e-6)


def _slope_of_drive(w, t, rate=0.7):
    """The derivative of the weighted sum with respect to a shift of all times, for drive 1: dy/ds = exp-decayed 1."""
    return float(w.sum(1) @ ((1 - np.exp(-rate * (t - t[0]))) / rate))


def test_scipys_other_names_are_passed_on():
    import autograd.scipy as sp
    import autograd.scipy.stats.norm as norm

    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(sp.linalg.polar(a)[1], a)
    with pytest.raises(NotImplementedError, match="polar: has no derivative with respect to argument 0"):
        grad(lambda a: anp.sum(sp.linalg.polar(a)[1]))(a)
    assert sp.linalg.svdvals is sp.linalg.svdvals
    assert norm.ppf(0.5) == 0.0 and norm.rvs(size=3, random_state=0).shape == (3,)
    assert sp.sparse.eye(2).shape == (2, 2) and sp.stats.gumbel_r.name == "gumbel_r"
    for module in (sp.linalg, sp.special, sp.stats, sp.signal, norm):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            getattr(module, "nothing")  # noqa: B009
