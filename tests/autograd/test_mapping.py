"""`vmap` and the loops and branches that all transformations follow."""

import collections
import dataclasses
import warnings

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, cond, grad, jacobian, jvp, scan, vjp, vmap, while_loop
from autograd.extend import defvjp, primitive
from autograd.testing import check_batching, check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.arange(12.0).reshape(3, 4) / 5 - 1
W = np.linspace(-1, 1, 8).reshape(4, 2)


class TestAxes:
    @pytest.mark.parametrize(
        ("in_axes", "out_axes", "args"),
        [
            (0, 0, (X, X + 1)), (1, 0, (X, X + 1)), (-1, -1, (X, X + 1)), ((0, None), 0, (X, X[0])),
            ((None, 1), 0, (X[:, 0], X)), ((1, 0), 1, (X, X.T)),
        ],
    )  # fmt: skip
    def test_numbers(self, in_axes, out_axes, args):
        got = vmap(lambda a, b: a * b + a, in_axes, out_axes)(*args)
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes, in_axes)
        a, b = (x if axis is None else np.moveaxis(x, axis, 0) for x, axis in zip(args, axes, strict=True))
        np.testing.assert_array_equal(got, np.moveaxis(a * b + a, 0, out_axes))

    def test_structures(self):
        def f(p, x):
            return {"y": p["w"] * x, "same": p["b"]}, (x,)

        out, (x,) = vmap(f, in_axes=({"w": 1, "b": None}, 0), out_axes=({"y": 1, "same": None}, 0))(
            {"w": X, "b": 2.0}, np.ones((4, 3))
        )
        np.testing.assert_array_equal(out["y"], X)
        assert out["same"] == 2.0
        assert x.shape == (4, 3)
        assert vmap(f, in_axes=(None, 0))({"w": X, "b": "text"}, np.ones((5, 4)))[0]["same"] == "text"

    def test_keyword_arguments_are_mapped(self):
        scaled = vmap(lambda x, scale: x * scale)(X, scale=np.arange(3.0))
        np.testing.assert_array_equal(scaled, X * np.arange(3.0)[:, None])

    def test_constant_outputs_are_repeated(self):
        np.testing.assert_array_equal(vmap(lambda x: (x, 3.0, anp.ones(2)))(X[:, 0])[1], [3.0] * 3)
        assert vmap(lambda x: anp.ones(2))(X).shape == (3, 2)
        assert vmap(lambda x: "text")(X) == "text"

    def test_the_function_sees_one_lane(self):
        seen = []

        def f(x):
            seen.append((x.shape, x.ndim, x.size, len(x), x.dtype, repr(x)))
            return x

        vmap(f)(X)
        assert seen[0][:5] == ((4,), 1, 4, 4, np.float64)
        assert "traced by Batch" in seen[0][5]

    def test_kinds(self, xp):
        assert isinstance(vmap(anp.sin)(xp.asarray(X)), xp.ndarray)
        assert type(vmap(anp.sin)(Array(xp.asarray(X)))) is Array

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: vmap(anp.add)(X, X.T), r"mapped axes of one length, got lengths \[3, 4\]"),
            (lambda: vmap(anp.add, in_axes=(0,))(X, X), "in_axes for 2 arguments"),
            (lambda: vmap(anp.add)(X, 2.0), "expected an array with axis 0, got float"),
            (lambda: vmap(anp.sin, in_axes=None)(X), "at least one argument with a mapped axis"),
            (lambda: vmap(anp.sin, in_axes=2)(X), "axis 2 is out of bounds"),
            (lambda: vmap(anp.sin, out_axes=None)(X), "out_axes is None for an output that differs"),
            (lambda: vmap(lambda p: p["w"], in_axes=({"v": 0},))({"w": X}), "in_axes in the structure of"),
            (lambda: vmap(lambda x: x if x[0] > 0 else -x)(X), r"bool\(\) needs one value, but this one differs"),
            (lambda: vmap(lambda x: x[x > 0])(X), "an index of integers under vmap"),
            (lambda: vmap(lambda x: anp.nonzero(x)[0])(X), "results would differ in shape from lane to lane"),
        ],
    )
    def test_errors(self, call, message):
        with pytest.raises((TypeError, ValueError), match=message):
            call()

    def test_axes_in_other_containers(self):
        @dataclasses.dataclass
        class Pair:
            a: object
            b: object

        Named = collections.namedtuple("Named", "a b")
        for kind in (Pair, Named):
            f = lambda p: kind(p.a * p.b, p.b)  # noqa: B023
            out = vmap(f, in_axes=(kind(0, None),), out_axes=kind(1, None))(kind(X, 2.0))
            np.testing.assert_array_equal(out.a, 2 * X.T)
            assert out.b == 2.0
        np.testing.assert_array_equal(vmap(anp.sum, in_axes=np.int64(1))(X), X.sum(0))

    def test_results_are_the_callers_own(self):
        x = X.copy()
        same = lambda v: v
        for y in (vmap(same)(x), vmap(lambda v: 1.0)(x), *jvp(same, x, x)):
            y[0] = 99
        np.testing.assert_array_equal(x, X)

    def test_values_do_not_outlive_the_call(self):
        kept = []
        vmap(lambda v: (kept.append(v), v)[1])(X)
        jvp(lambda v: (kept.append(v * v), v)[1], 3.0, 1.0)
        for value in kept:
            with pytest.raises(TypeError, match="transformation has ended"):
                value * 2

    def test_masked_assignment(self):
        got = vmap(lambda x: x.at[x > 0].set(7.0))(X)
        np.testing.assert_array_equal(got, np.where(X > 0, 7.0, X))
        rows = Array(X).at[np.array([True, False, True])].set(np.arange(4.0))
        np.testing.assert_array_equal(rows, [np.arange(4.0), X[1], np.arange(4.0)])

    def test_least_squares_of_lanes(self):
        a, b = np.stack([X, X**2 + 1])[:, :, :2], X[:, 0]
        x, residuals, _, _ = vmap(lambda a: anp.linalg.lstsq(a, b))(a)
        for lane in range(2):
            np.testing.assert_allclose(x[lane], np.linalg.lstsq(a[lane], b)[0], atol=1e-14)
            np.testing.assert_allclose(residuals[lane], np.linalg.lstsq(a[lane], b)[1], atol=1e-14)


class TestNesting:
    def test_vmap_of_vmap(self):
        np.testing.assert_allclose(vmap(vmap(anp.dot, (None, 1)), (0, None))(X, W), X @ W)
        check_batching(vmap(lambda a, b: anp.dot(a, b), in_axes=(0, None)), (X, X[0]))

    def test_per_example_gradients(self):
        loss = lambda w, x: anp.sum(anp.tanh(x @ w) ** 2)
        each = vmap(grad(loss), in_axes=(None, 0))(W, X)
        np.testing.assert_allclose(each, [grad(loss)(W, x) for x in X], rtol=1e-13)
        np.testing.assert_allclose(grad(lambda w: anp.sum(vmap(loss, (None, 0))(w, X)))(W), each.sum(0), rtol=1e-13)

    def test_gradient_through_an_inner_gradient(self):
        """One step of gradient descent within the loss, for each task (MAML)."""
        inner = lambda w, x: anp.sum(anp.sin(x @ w))
        adapted = lambda w, x: inner(w - 0.1 * grad(inner)(w, x), x)
        meta = lambda w: anp.sum(vmap(adapted, (None, 0))(w, X))
        check_grads(meta, W)
        np.testing.assert_allclose(grad(meta)(W), sum(grad(adapted)(W, x) for x in X), rtol=1e-12)

    def test_a_closure_over_values_of_other_transformations(self):
        f = lambda x: anp.sum(vmap(lambda a: vmap(lambda b: a * b * x)(X[0]))(X[1]))
        np.testing.assert_allclose(grad(f)(2.0), np.outer(X[0], X[1]).sum())
        np.testing.assert_allclose(vmap(lambda a: grad(lambda x: anp.sum(x * a))(X[0])[0])(X[1]), X[1])

    def test_indices_of_each_lane(self):
        indices = np.array([[0, 3], [1, 1], [2, 0]])
        np.testing.assert_array_equal(vmap(lambda x, i: x[i])(X, indices), np.take_along_axis(X, indices, 1))
        np.testing.assert_array_equal(vmap(lambda i: Array(X)[:, i])(indices), np.stack([X[:, i] for i in indices]))
        updated = vmap(lambda x, i: x.at[i].add(1.0))(X, indices)
        expected = X.copy()
        np.add.at(expected, (np.arange(3)[:, None], indices), 1.0)
        np.testing.assert_array_equal(updated, expected)
        distinct = np.array([[0, 3], [1, 2], [2, 0]])
        updated = vmap(lambda x, i: x.at[i].set(-7.0))(X, distinct)
        expected = X.copy()
        np.put_along_axis(expected, distinct, -7.0, 1)
        np.testing.assert_array_equal(updated, expected)

    def test_a_lane_that_names_an_element_twice(self):
        with pytest.raises(ValueError, match="names no element twice"):
            vmap(lambda x, i: x.at[i].set(1.0))(X, np.array([[0, 3], [1, 1], [2, 0]]))


class TestFallback:
    def test_an_operation_without_rule_runs_in_a_loop_and_says_so_once(self):
        @primitive
        def own_cube(x):
            return x**3

        defvjp(own_cube, lambda y, x: lambda g: g * 3 * x * x)
        with pytest.warns(UserWarning, match="own_cube has no batching rule, so it runs in a loop over 3 lanes"):
            got = vmap(own_cube)(X)
        np.testing.assert_array_equal(got, X**3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_batching(own_cube, X)
            check_batching(grad(lambda x: anp.sum(own_cube(x))), X)
        with pytest.raises(ValueError, match="needs at least one lane"):
            vmap(own_cube)(X[:0])

    def test_a_rule_of_its_own(self):
        @primitive
        def own_square(x):
            return x**2

        own_square.batch = lambda primitive, size, values, batched, params: primitive(*values)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_batching(own_square, X)


class TestLoops:
    def test_scan(self):
        def step(carry, x):
            carry = anp.tanh(carry + x)
            return carry, {"twice": 2 * carry}

        carry, ys = scan(step, np.zeros(4), X)
        expected, rows = np.zeros(4), []
        for x in X:
            expected = np.tanh(expected + x)
            rows.append(2 * expected)
        np.testing.assert_allclose(carry, expected)
        np.testing.assert_allclose(ys["twice"], rows)
        check_grads(lambda c, x: scan(step, c, x), (X[0], X))
        check_batching(lambda c, x: scan(step, c, x), (X[0], X))

    def test_scan_backwards_and_without_arrays(self):
        _, ys = scan(lambda c, x: (c + x, c + x), 0.0, X[0], reverse=True)
        np.testing.assert_allclose(ys, np.cumsum(X[0][::-1])[::-1])
        assert scan(lambda c, _: (c * 2, None), 1.0, None, length=5) == (32.0, None)
        assert scan(lambda c, x: (c, x), 1.0, X[:0])[0] == 1.0
        with pytest.raises(TypeError, match=r"scan: expected a result of the same structure .* at step 1"):
            scan(lambda c, x: (c + 1, {"a": x} if c == 0 else {"b": x}), 0, X[0])
        with pytest.raises(TypeError, match="scan: expected xs of arrays"):
            scan(lambda c, x: (c, x), 0.0, [1.0, 2.0])
        with pytest.raises(ValueError, match="map: needs at least one element"):
            autograd.map(anp.sin, X[:0])
        with pytest.raises(TypeError, match="scan: expected xs of arrays with at least one axis"):
            autograd.map(anp.sin, 3.0)
        with pytest.raises(ValueError, match="scan: expected a length of at least 0, got -1"):
            scan(lambda c, _: (c, None), 1.0, None, length=-1)
        with pytest.raises(ValueError, match=r"scan: expected arrays of one length, or `length`, got lengths \[3, 4\]"):
            scan(lambda c, x: (c, x), 0.0, (X, X.T))

    def test_map(self):
        np.testing.assert_array_equal(autograd.map(lambda x: {"s": anp.sum(x)}, X)["s"], X.sum(1))

    def test_cond(self):
        f = lambda x: cond(x > 0, anp.sin, lambda x: x * 3, x)
        assert f(2.0) == np.sin(2.0) and f(-2.0) == -6.0
        assert grad(lambda x: cond(True, anp.sin, anp.cos, x))(1.0) == np.cos(1.0)
        np.testing.assert_allclose(vmap(f)(X[0]), np.where(X[0] > 0, np.sin(X[0]), 3 * X[0]))
        np.testing.assert_allclose(vmap(grad(lambda x: cond(x > 0, anp.sin, anp.cos, x)))(X[0]),
                                   np.where(X[0] > 0, np.cos(X[0]), -np.sin(X[0])))  # fmt: skip
        with pytest.raises(TypeError, match="cond: expected results of the same structure"):
            vmap(lambda x: cond(x > 0, lambda x: (x, x), lambda x: x, x))(X[0])
        with pytest.raises(TypeError, match="cond: expected results of the same structure"):
            vmap(lambda x: cond(x > 0, lambda x: x, lambda x: (x, x), x))(X[0])

    def test_while_loop(self):
        """Halving until it is small: lanes take different numbers of steps."""
        f = lambda x: while_loop(lambda s: s[0] > 0.1, lambda s: (s[0] / 2, s[1] + 1), (x, 0))
        x = np.array([3.0, 0.05, 0.3])
        small, steps = vmap(f)(x)
        np.testing.assert_array_equal(steps, [5, 0, 2])
        np.testing.assert_allclose(small, x / 2.0**steps)
        np.testing.assert_allclose(vmap(lambda x: jvp(lambda x: f(x)[0], x, 1.0)[1])(x), 2.0**-steps)
        with pytest.raises(TypeError, match="while_loop: expected body to keep the structure of the carry"):
            vmap(lambda x: while_loop(lambda s: s[0] > 0.1, lambda s: s[0] / 2, (x, 0)))(x)


def test_jacobian_of_a_batch_is_one_pass():
    """The backward pass runs once for all rows: the rule of an operation is called once."""
    calls = []

    @primitive
    def own_sine(x):
        return np.sin(x)

    own_sine.batch = lambda primitive, size, values, batched, params: primitive(*values)
    defvjp(own_sine, lambda y, x: lambda g: (calls.append(1), g * anp.cos(x))[1])
    np.testing.assert_allclose(jacobian(own_sine)(X[0]), np.diag(np.cos(X[0])))
    assert calls == [1]
    vjp(own_sine, X)[1](X)
    assert calls == [1, 1]
