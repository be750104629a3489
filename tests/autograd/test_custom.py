"""`custom_vjp` and `custom_jvp`: what they may be made of, and what their derivatives may use."""

import functools
import math

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import custom_jvp, custom_vjp, defjvp, defvjp, grad, jacobian, jvp, primitive, tree, vjp, vmap

pytestmark = pytest.mark.usefixtures("on_the_cpu")


class TestWhatMayBeGiven:
    """Functions with a derivative of their own are made of anything that can be called."""

    def of_any(self, f):
        made = custom_vjp(f)
        made.defvjp(lambda x: (3 * x, None), lambda r, g: (3 * g,))
        return made

    def test_partial_functions_and_objects(self):
        class Tripled:
            def __call__(self, x):
                return 3 * x

        tripled = lambda a, x: a * x
        for f in (functools.partial(functools.partial(tripled), 3.0), Tripled()):
            assert grad(self.of_any(f))(1.0) == 3.0
            assert vmap(self.of_any(f))(np.ones(2)).tolist() == [3.0, 3.0]
        named = custom_jvp(functools.partial(tripled, 3.0))
        with pytest.raises(TypeError, match=r"^<lambda>: has no derivative. Define it: <lambda>.defjvp"):
            grad(named)(1.0)

    def test_methods(self):
        class Layer:
            scale = 2.0

            @custom_vjp
            def forward(self, x, power=1):
                return x * self.scale

            forward.defvjp(lambda self, x, p: (x * self.scale, self), lambda self, g: (None, g * self.scale, None))

            @custom_jvp
            def pushed(self, x):
                return x * self.scale

            pushed.defjvp(lambda primals, tangents: (primals[0].pushed(primals[1]), tangents[1] * primals[0].scale))

            @primitive
            def kernel(self, x):
                return x * self.scale

            defvjp(kernel, lambda y, self, x: lambda g: g * self.scale, argnums=(1,))

        layer = Layer()
        for method in (layer.forward, layer.pushed, layer.kernel):
            assert (method(1.5), grad(method)(1.5)) == (3.0, 2.0)
            assert jvp(method, (1.5,), (1.0,)) == (3.0, 2.0)
        assert isinstance(Layer.forward, custom_vjp)

    @pytest.mark.parametrize("positions", [(-1,), (2,), 2, -1])
    def test_positions_of_what_is_not_differentiated(self, positions):
        f = custom_vjp(lambda a, b, k: a * b * k, nondiff_argnums=positions)
        f.defvjp(lambda a, b, k: (a * b * k, (a, b)), lambda k, r, g: (g * r[1] * k, g * r[0] * k))
        assert grad(lambda a, b: f(a, b, 3), (0, 1))(2.0, 5.0) == (15.0, 6.0)

    def test_positions_in_any_order(self):
        f = custom_vjp(lambda k, x, c: k * x + c, nondiff_argnums=(2, 0))
        f.defvjp(lambda k, x, c: (k * x + c, None), lambda c, k, r, g: (g * k,))
        assert (f(3, 2.0, 4), grad(lambda x: f(3, x, 4))(2.0)) == (10.0, 3.0)

    @pytest.mark.parametrize("position", [2, -3])
    def test_a_position_that_is_none_is_named(self, position):
        f = custom_vjp(lambda x, k: x, nondiff_argnums=(position,))
        f.defvjp(lambda x, k: (x, None), lambda k, r, g: (g,))
        with pytest.raises(TypeError, match=f"has no argument {position}, which nondiff_argnums names"):
            grad(f)(1.0, 2)

    def test_none_stands_for_zero_in_place_of_any_part(self):
        f = custom_vjp(lambda d: d["a"] * 2.0)
        f.defvjp(lambda d: (d["a"] * 2.0, None), lambda r, g: ({"a": 2.0 * g, "b": None},))
        found = grad(f)({"a": np.float64(1), "b": [np.ones(2), {"c": np.ones(1)}]})
        assert tree.tree_map(np.ndarray.tolist, found["b"]) == [[0.0, 0.0], {"c": [0.0]}] and found["a"] == 2.0
        y, t = jvp(lambda d, n: d["a"] * n["k"][0], ({"a": 2.0}, {"k": [3, 4]}), ({"a": 1.0}, None))
        assert (y, t) == (6.0, 3.0)


class TestValuesFromOutside:
    """A derivative that uses a value which the same transformation traces says so; of outer ones it may use values."""

    def loss(self, x):
        f = custom_vjp(lambda y: y * 2.0)
        f.defvjp(lambda y: (y * 2.0, None), lambda r, g: (g * x,))
        return anp.sum(f(x))

    def pushed_loss(self, x):
        f = custom_jvp(lambda y: y * 2.0)
        f.defjvp(lambda primals, tangents: (primals[0] * 2.0, tangents[0] * x))
        return anp.sum(f(x))

    @pytest.mark.parametrize("name", ["loss", "pushed_loss"])
    def test_of_the_same_transformation(self, name):
        loss, x = getattr(self, name), np.ones(2)
        for run in (
            lambda: grad(loss)(x),
            lambda: vjp(loss, x)[1](1.0),
            lambda: jacobian(lambda x: loss(x) * anp.ones(1))(x),
            lambda: jvp(loss, (x,), (x,)),
        ):
            with pytest.raises(
                TypeError, match=r"[Pp]ass (it|that value).* as an argument,? and from `fwd` on to `bwd`"
            ):
                run()

    def test_of_an_outer_transformation(self):
        def of_inner(w):
            f = custom_vjp(lambda y: y * 2.0)
            f.defvjp(lambda y: (y * 2.0, None), lambda r, g: (g * w,))
            return anp.sum(grad(lambda x: anp.sum(f(x)))(anp.ones(2)))

        assert grad(of_inner)(np.ones(2)).tolist() == [1.0, 1.0]


def test_backward_functions_that_branch_on_cotangents():
    """Where a vjp is transposed they must not see zeros."""
    double = custom_vjp(lambda x: 2 * x)
    double.defvjp(lambda x: (2 * x, None), lambda r, g: (2 * g if anp.any(g) else anp.zeros(1),))
    wide = lambda x: double(x) * anp.ones(3)
    np.testing.assert_array_equal(jacobian(wide)(np.ones(1)), np.full((3, 1), 2.0))
    np.testing.assert_array_equal(jvp(wide, np.ones(1), np.ones(1))[1], np.full(3, 2.0))


def doubled(bwd):
    f = custom_vjp(lambda x, y: 2 * x + y["a"])
    f.defvjp(lambda x, y: (2 * x + y["a"], None), bwd)
    return f


def by_rule(rule):
    f = custom_jvp(lambda x: x * x)
    f.defjvp(rule)
    return f


@pytest.mark.parametrize(("call", "said"), [
    (lambda x: grad(doubled(lambda r, g: g))(x, {"a": x}), "expected bwd to return a tuple of 2 cotangents"),
    (lambda x: grad(doubled(lambda r, g: (2 * g, {"b": g})))(x, {"a": x}), "in the structure of the arguments"),
    (lambda x: grad(doubled(lambda r, g: (anp.ones(3), None)))(x, {"a": x}), r"cotangent of shape \(\), got \(3,\)"),
    (lambda x: grad(custom_vjp(lambda x, *, k: x * k))(x, k=2.0), "may be given by position, got k"),
    (lambda x: jvp(by_rule(lambda primals, tangents: tangents[0]), (x,), (x,)), r"to return \(output, tangent\), got"),
    (lambda x: jvp(by_rule(lambda p, t: (p[0] ** 2, anp.ones(3))), (x,), (x,)), "expected tangents of shapes"),
])  # fmt: skip
def test_rules_that_return_something_else_are_named(call, said):
    with pytest.raises(TypeError, match=f"^<lambda>: .*{said}"):
        call(1.5)


@pytest.mark.parametrize("bound", [3, 2.0, math.inf, -math.inf, math.nan, True, 2j, pytest.param(10**400, id="large")])
def test_tangents_of_numbers_are_zero(bound):
    found = []

    @custom_jvp
    def f(x, bound):
        return x * 2

    @f.defjvp
    def _(primals, tangents):
        found.append(tangents[1])
        return f(*primals), 2 * tangents[0] + abs(tangents[1])

    assert jvp(lambda x: f(x, bound), (1.0,), (1.0,))[1] == 2
    assert found == [0]


def test_an_operation_with_an_infinite_number_in_a_list():
    @primitive
    def clipped(x, bounds):
        return np.clip(x, *bounds)

    defjvp(clipped, lambda t, y, x, bounds: t, lambda t, y, x, bounds: t[0] + t[1])
    assert jvp(lambda low: clipped(np.array(0.0), [low, math.inf]), (0.5,), (1.0,)) == (0.5, 1)
