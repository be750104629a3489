"""Derivatives of a user's operations in HIPS autograd's spelling, in every transformation."""

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import Array, grad, jacfwd, jacobian, jvp, linearize, vjp, vmap
from autograd.extend import (
    VJPNode,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
    register_notrace,
)  # fmt: skip
from autograd.testing import check_grads
from autograd.tracer import getval
from cuobjax import Jit

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X, V = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.5, -2.0])


def of_nested(rule):
    """The operation a * b["w"] + sum(c) of nested arguments, with derivatives by a rule of this kind."""

    @primitive
    def combined(pair, table, name):
        assert type(pair) is tuple and type(table) is dict and name == "name"
        assert not any(isinstance(x, Array) for x in (*pair, *table.values()))
        return pair[0] * table["w"] + pair[1].sum()

    def pull_pair(y, pair, table, name):
        return lambda g: (g * table["w"], anp.sum(g) * anp.ones(len(pair[1])))

    def pull_table(y, pair, table, name):
        return lambda g: {"w": g * pair[0], "unused": None}

    if rule == "defvjp":
        defvjp(combined, pull_pair, pull_table, None)
    elif rule == "defvjp_argnum":
        defvjp_argnum(combined, lambda i, y, args, params: (pull_pair, pull_table)[i](y, *args, **params))
    elif rule == "defvjp_argnums":

        def together(positions, y, args, params):
            pulls = [(pull_pair, pull_table)[i](y, *args, **params) for i in positions]
            return lambda g: [pull(g) for pull in pulls]

        defvjp_argnums(combined, together)
    elif rule == "defjvp":
        defjvp(
            combined,
            lambda t, y, pair, table, name: t[0] * table["w"] + anp.sum(t[1]),
            lambda t, y, pair, table, name: t["w"] * pair[0],
        )
    elif rule == "defjvp_argnums":

        def tangent(positions, tangents, y, args, params):
            known = dict(zip(positions, tangents, strict=True))
            t = 0.0 * y
            if 0 in known:
                t = t + known[0][0] * args[1]["w"] + anp.sum(known[0][1])
            return t + known[1]["w"] * args[0][0] if 1 in known else t

        defjvp_argnums(combined, tangent)
    return combined


@pytest.mark.parametrize("rule", ["defvjp", "defvjp_argnum", "defvjp_argnums", "defjvp", "defjvp_argnums"])
class TestNestedArguments:
    def test_every_mode_and_order(self, rule):
        operation = of_nested(rule)
        f = lambda a, w, c: operation((a, c), {"w": w, "unused": 1.0}, "name")
        check_grads(f, (X, V, X * 2))
        check_grads(lambda w: operation((X, V), {"w": w, "unused": V}, "name"), V)
        expected = a_times_w = X * V + X.sum() * 2
        np.testing.assert_allclose(f(X, V, X * 2), expected)
        np.testing.assert_allclose(jacobian(f, 1)(X, V, X), np.diag(X))
        assert a_times_w.shape == (3,)

    def test_float32_is_kept(self, rule):
        operation = of_nested(rule)
        x, v = X.astype("float32"), V.astype("float32")
        f = lambda x: anp.sum(operation((x, v), {"w": v, "unused": 1.0}, "name"))
        g = grad(f)(x)
        assert g.dtype == "float32"
        np.testing.assert_allclose(g, v)

    def test_vmap_and_jit(self, rule):
        operation = of_nested(rule)
        operation.batch = "loop"
        f = lambda a: operation((a, V), {"w": V, "unused": 1.0}, "name")
        rows = np.stack([X, 2 * X])
        np.testing.assert_allclose(vmap(f)(rows), rows * V + V.sum())
        gradients = vmap(grad(lambda a: anp.sum(f(a) ** 2)))(rows)
        np.testing.assert_allclose(gradients, 2 * (rows * V + V.sum()) * V)
        step = Jit(grad(lambda a: anp.sum(f(a) ** 2)))
        for scale in (1.0, 2.0):
            expected = 2 * (X * scale * V + V.sum()) * V
            np.testing.assert_allclose(step(Array(X * scale)), expected, rtol=1e-5)


class TestNestedResults:
    def test_containers_of_all_kinds(self):
        @primitive
        def parts(x):
            return {"sine": np.sin(x), "more": [np.cos(x), "text", None], "count": x.size}

        defvjp(parts, lambda y, x: lambda g: g["sine"] * y["more"][0] - g["more"][0] * y["sine"])
        found = []

        def f(x):
            y = parts(x)
            found.append(y)
            return anp.sum(y["sine"] * 2 + y["more"][0] ** 2)

        np.testing.assert_allclose(grad(f)(X), 2 * np.cos(X) - 2 * np.cos(X) * np.sin(X))
        assert found[0]["more"][1:] == ["text", None] and found[0]["count"] == 3
        check_grads(lambda x: parts(x)["more"][0], X)
        np.testing.assert_allclose(jvp(lambda x: parts(x)["sine"], X, V)[1], np.cos(X) * V)

    def test_named_tuples_of_numpy(self):
        eigh = primitive(np.linalg.eigh)
        defvjp(eigh, lambda y, a: lambda g: (y.eigenvectors * g[0]) @ y[1].T)
        a = np.array([[2.0, 1.0], [1.0, 3.0]])
        np.testing.assert_allclose(grad(lambda a: anp.sum(eigh(a).eigenvalues ** 2))(a), 2 * a)

    def test_a_forward_rule_for_several_results(self):
        @primitive
        def pair(x):
            return np.sin(x), np.cos(x)

        defjvp(pair, lambda t, y, x: (t * anp.cos(x), -t * anp.sin(x)))
        np.testing.assert_allclose(jvp(lambda x: pair(x)[0], X, V)[1], V * np.cos(X))
        check_grads(pair, X)

    def test_a_rule_runs_once_for_all_arrays_of_an_argument(self):
        calls = []

        @primitive
        def total(parts):
            return sum(parts)

        def maker(y, parts):
            def pull(g):
                calls.append("pull")
                return [g] * len(parts)

            return pull

        defvjp(total, maker)
        assert grad(lambda x: total([x, 2 * x, 3 * x]))(1.0) == 6.0
        assert calls == ["pull"]
        pull = vjp(lambda x: total([x, 2 * x]), 1.0)[1]
        assert pull(1.0) == (3.0,) and pull(2.0) == (6.0,)


class TestWithoutDerivatives:
    def test_operations_that_are_not_traced(self):
        raw = []
        kind = notrace_primitive(lambda x: raw.append(x) or x.shape)
        assert grad(lambda x: anp.sum(x) * kind(x)[0])(X).tolist() == [3.0] * 3
        assert type(raw[0]) is np.ndarray
        with pytest.raises(TypeError, match="vmap: its value needs one value"):
            vmap(lambda x: anp.sum(x) * kind(x)[0])(np.stack([X, X]))

    def test_results_without_derivative(self):
        @primitive
        def places(x):
            return np.argsort(x)

        register_notrace(VJPNode, places)
        np.testing.assert_allclose(grad(lambda x: anp.sum(x[places(x)] * X))(X), X[np.argsort(np.argsort(X))])

    def test_linear_operations(self):
        @primitive
        def product(a, b):
            return a * b

        def_linear(product)
        np.testing.assert_allclose(jvp(product, (X, V), (V, X))[1], V * V + X * X)
        with pytest.raises(NotImplementedError, match="product: has no derivative with respect to argument 0"):
            grad(lambda a: anp.sum(product(a, V)))(X)

    def test_one_rule_for_all_arguments(self):
        @primitive
        def product(a, b):
            return a * b

        defjvp_argnum(product, lambda i, t, y, args, params: t * args[1 - i])
        check_grads(product, (X, V))

    def test_functions_of_this_library_keep_their_derivatives(self):
        for function in (anp.sin, anp.unwrap):
            defvjp(function, lambda y, x: lambda g: 0 * g)
            defjvp(function, lambda t, y, x: 0 * t)
        np.testing.assert_allclose(grad(lambda x: anp.sum(anp.sin(x)))(X), np.cos(X))
        np.testing.assert_allclose(jvp(anp.sin, X, V)[1], np.cos(X) * V)

    def test_jacobians_of_a_rule_that_needs_values(self):
        """It gets the cotangents one by one, as with HIPS autograd."""
        seen = []

        @primitive
        def square(x):
            return x * x

        defvjp(square, lambda y, x: lambda g: (seen.append(np.asarray(getval(g))), seen[-1] * 2 * x)[1])
        np.testing.assert_allclose(jacobian(square)(X), np.diag(2 * X))
        assert [np.shape(g) for g in seen] == 3 * [(3,)]
        np.testing.assert_allclose(jacobian(lambda x: anp.sum(square(x), keepdims=True))(X), [2 * X])
        wide = lambda x: anp.concatenate([square(x), x])
        np.testing.assert_allclose(jacobian(wide)(X), np.vstack([np.diag(2 * X), np.eye(3)]))
        for transform in (jacfwd(wide), lambda x: jvp(wide, x, V), lambda x: linearize(wide, x)):
            with pytest.raises(TypeError, match="jvp: getval needs a value, but in forward mode"):
                transform(X)

    def test_a_rule_that_needs_a_value_of_an_outer_transformation(self):
        def derivative(a):
            same = primitive(lambda x: x)
            defvjp(same, lambda y, x: lambda g: g * float(a))
            return jacobian(lambda x: anp.concatenate([same(x), x]))(X)

        assert derivative(2.0).tolist() == [*np.diag([2, 2, 2]).tolist(), *np.eye(3).tolist()]
        with pytest.raises(TypeError, match=r"vmap: float\(\) needs one value"):
            vmap(derivative)(V)

    def test_rules_of_what_is_no_operation(self):
        def square(x):
            return x * x

        with pytest.warns(UserWarning, match="defvjp: 'square' is not what `primitive` returned, the rule is ignored"):
            defvjp(square, lambda y, x: lambda g: 0 * g)
        assert grad(square)(3.0) == 6.0
        for define, *rule in (
            (defvjp_argnums, None),
            (defjvp_argnums, None),
            (def_linear,),
            (lambda f: register_notrace(VJPNode, f),),
        ):
            with pytest.warns(UserWarning, match=": 'square' is not what `primitive` returned, the rule is ignored"):
                define(square, *rule)
            define(anp.square, *rule)  # which keeps its own
        assert grad(square)(3.0) == grad(anp.square)(3.0) == jvp(anp.square, 3.0, 1.0)[1] == 6.0
        with pytest.raises(TypeError, match=r"^primitive: expected a function of arrays, got 3\.$"):
            primitive(3)
        with pytest.raises(TypeError, match=r"^primitive: expected a function of arrays, got 3\.$"):
            primitive(contiguous=False)(3)
        with pytest.raises(TypeError, match=r"^defvjp: expected a function or None for each argument, got 3\.$"):
            defvjp(primitive(np.sin), 3)
        with pytest.raises(TypeError, match=r"^defjvp: expected a function or None or 'same' for each argument, got "):
            defjvp(primitive(np.sin), np.ones(2))
        with pytest.raises(TypeError, match="defvjp: expected what `primitive` returned, got int"):
            defvjp(3, lambda y, x: lambda g: g)

    @pytest.mark.parametrize(("zero", "tangent"), [(0, 2.0), (1, 3.0)])
    def test_a_tangent_that_is_zero(self, zero, tangent):
        product = primitive(lambda x, y: x * y)
        defjvp_argnum(product, lambda i, t, z, args, params: None if i == zero else t * args[1 - i])
        assert jvp(product, (2.0, 3.0), (1.0, 1.0))[1] == tangent

    def test_a_cotangent_that_is_zero(self):
        product = primitive(lambda x, y: x * y)
        defvjp_argnums(product, lambda places, z, args, params: lambda g: [None if i else g * args[1] for i in places])
        np.testing.assert_array_equal(grad(lambda x, y: anp.sum(product(x, y)), (0, 1))(X, V), [V, 0 * V])

    def test_operations_in_a_class(self):
        class Scale:
            def __init__(self, factor):
                self.factor = factor

            @primitive
            def times(self, x):
                return self.factor * x

            root = primitive(np.sqrt)

        defvjp(Scale.times, None, lambda y, self, x: lambda g: self.factor * g)
        assert Scale(3.0).times(2.0) == 6.0 and grad(Scale(3.0).times)(2.0) == 3.0
        assert Scale.root is Scale(3.0).root and Scale(3.0).root(4.0) == 2.0

    def test_an_array_in_place_of_a_list(self):
        @primitive
        def total(parts):
            return parts[0][0] * parts[1][0] + parts[1][1]

        defvjp(total, lambda y, parts: lambda g: ([g * parts[1][0]], g * anp.array([parts[0][0], 1.0])))
        f = lambda a, b, c: total(([a], [b, c])) ** 2
        np.testing.assert_allclose(grad(f, (0, 1, 2))(2.0, 3.0, 4.0), [60.0, 40.0, 20.0])
        check_grads(f, (2.0, 3.0, 4.0))

    def test_wrong_structures(self):
        @primitive
        def total(parts):
            return sum(parts)

        defvjp(total, lambda y, parts: lambda g: g)
        with pytest.raises(TypeError, match="expected a derivative in the structure of argument 0 of total"):
            grad(lambda x: total([x, x]))(1.0)


def test_values_in_a_rule_that_runs_for_all_rows_of_a_jacobian():
    @primitive
    def double(x):
        return 2 * x

    defvjp(double, lambda y, x: lambda g: getval(g) * 2)
    np.testing.assert_allclose(jacobian(double)(X), 2 * np.eye(3))
    np.testing.assert_allclose(jacobian(lambda x: double(x) ** 2)(X[:2]), np.diag(8 * X[:2]))
    attribute = primitive(lambda x: 2 * x)
    defvjp(attribute, lambda y, x: lambda g: getattr(g, "_value", g) * 2)
    np.testing.assert_allclose(jacobian(attribute)(X), 2 * np.eye(3))
    np.testing.assert_allclose(jacobian(lambda x: attribute(x) * anp.ones((2, 3)))(X)[1], 2 * np.eye(3))
    with pytest.raises(TypeError, match=r"jvp: the derivative of .* needs a value, but in forward mode"):
        jvp(attribute, X, V)
    attribute.batch = lambda primitive, size, values, batched, params: primitive(*values)
    with pytest.raises(TypeError, match=r"vmap: the derivative of .* needs one value"):
        vmap(grad(lambda x: anp.sum(attribute(x) * x)))(np.stack([X, V]))
    found = vmap(grad(lambda x: anp.sum(x * getval(x))))(np.stack([X, V]))
    np.testing.assert_allclose(found, np.stack([X, V]))


class TestRulesThatBranchOnCotangents:
    """Such as `if no element of g is not 0: return zeros`: where a vjp is transposed they must not see zeros."""

    @pytest.mark.parametrize(
        "is_zero", [lambda g: not anp.any(g), lambda g: anp.allclose(g, 0), lambda g: not (g != 0).any()]
    )
    def test_their_jacobians(self, is_zero):
        @primitive
        def double(x):
            return 2 * x

        defvjp(double, lambda y, x: lambda g: np.zeros(1) if is_zero(g) else 2 * g)
        np.testing.assert_array_equal(jacobian(lambda x: double(x) * anp.ones(3))(X[:1]), np.full((3, 1), 2.0))
        np.testing.assert_array_equal(grad(lambda x: double(x)[0])(X[:1]), [2.0])
        np.testing.assert_array_equal(jvp(double, X[:1], X[:1])[1], 2 * X[:1])
        np.testing.assert_array_equal(linearize(double, X[:1])[1](X[:1]), 2 * X[:1])


class TestSpellingsBefore2017:
    def test_they_work_with_a_warning(self):
        @primitive
        def product(a, b, c):
            return a * b

        with pytest.warns(DeprecationWarning, match=r"product: use defvjp\(product, ...\)"):
            product.defgrad(lambda y, a, b, c: lambda g: g * b)
        with pytest.warns(DeprecationWarning, match="product: use defvjp"):
            product.defvjp(lambda g, y, vs, gvs, a, b, c: g * a * (vs.shape == gvs.shape), argnum=1)
        with pytest.warns(DeprecationWarning, match="product: use defvjp"):
            product.defvjp_is_zero([2])
        check_grads(lambda a, b: product(a, b, 3.0), (X, V))
        np.testing.assert_array_equal(grad(lambda c: anp.sum(product(X, V, c)))(X), np.zeros(3))
