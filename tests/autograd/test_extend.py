"""Derivatives of one's own: `custom_vjp`, `custom_jvp`, `primitive`; and `checkpoint`."""

import copy
import gc
import pickle
import re
import tracemalloc
import warnings

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, checkpoint, custom_jvp, custom_vjp, grad, hessian, jacobian, jvp, vjp, vmap
from autograd.extend import defjvp, defvjp, elementwise, nondifferentiable, primitive
from autograd.operation import UndefinedDerivative
from autograd.primitive import Primitive
from autograd.testing import check_batching, check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.array([0.3, -1.2, 2.0])


@primitive
def cube(x, scale, *, shift=0.0):
    """A function of raw arrays, at the top of a module so that it can be pickled."""
    assert not isinstance(x, Array)
    return scale * x**3 + shift


defvjp(cube, lambda y, x, scale, shift=0.0: lambda g: g * 3 * scale * x**2,
       lambda y, x, scale, shift=0.0: lambda g: g * x**3)  # fmt: skip


class TestPrimitive:
    def test_all_derivatives_follow_from_the_reverse_ones(self):
        check_grads(lambda x, s: cube(x, s, shift=1.0), (X, 2.0))
        np.testing.assert_allclose(hessian(lambda x: anp.sum(cube(x, 2.0)))(X), np.diag(12 * X))
        assert cube(2.0, 1.0, shift=1.0) == 9.0
        assert type(cube(Array(X), 1.0)) is Array
        assert cube.__doc__.startswith("A function of raw arrays")

    def test_an_argument_that_an_outer_transformation_alone_traces(self):
        @primitive
        def product(a, b):
            return a * b

        defvjp(product, lambda y, a, b: lambda g: g * b, lambda y, a, b: lambda g: 10 * g * a)
        assert grad(lambda b: grad(lambda a: a * product(a, b))(3.0))(2.0) == 33.0  # of a * b + a * b, by b

    def test_reverse_mode_follows_from_forward_mode(self):
        @primitive
        def product(a, b):
            return a * b

        defjvp(product, lambda t, y, a, b: t * b, lambda t, y, a, b: t * a)
        check_grads(product, (X, X + 1))
        check_grads(product, (X, 3.0))

    def test_a_rule_that_is_the_operation_itself(self):
        @primitive
        def reverse(x):
            return x[::-1]

        defjvp(reverse, "same")
        np.testing.assert_array_equal(jvp(reverse, X, X)[1], X[::-1])
        with pytest.raises(TypeError, match=r"reverse: has no derivative with respect to argument 0. Define one"):
            grad(lambda x: anp.sum(reverse(x)))(X)
        defvjp(reverse, lambda y, x: lambda g: reverse(g))
        check_grads(reverse, X)

    def test_several_results(self):
        @primitive
        def halves(x):
            return x[:1] * 2, x[1:], np.argmax(x)

        defvjp(halves, lambda y, x: lambda g: anp.concatenate([g[0] * 2, g[1]]))
        check_grads(halves, X)
        check_grads(lambda x: halves(x)[1], X)
        assert grad(lambda x: anp.sum(x * np.arange(len(x))[halves(x)[2]]))(X).tolist() == [np.argmax(X)] * len(X)

    def test_sums_over_all_of_several_results(self):
        @primitive
        def thirds(x):
            return x[:1] * 2.0, x[1:2] * 3.0, x[2:] * 4.0

        defvjp(thirds, lambda y, x: lambda g: anp.concatenate([2.0 * g[0], 3.0 * g[1], 4.0 * g[2]]))
        assert grad(lambda x: sum(anp.sum(part) for part in thirds(x)))(np.ones(3)).tolist() == [2, 3, 4]

    def test_positions(self):
        @primitive
        def scaled(n, x, name):
            return n * x

        defvjp(scaled, lambda y, n, x, name: lambda g: g * n, None, argnums=(1, 2))
        check_grads(lambda x: scaled(3, x, "name"), X)
        with pytest.raises(TypeError, match="no derivative with respect to argument 0"):
            grad(lambda n: anp.sum(scaled(n, X, "name")))(3.0)

    def test_nothing_is_lost_silently(self):
        @primitive
        def total(parts, scale=1.0):
            return sum(parts) * scale

        with pytest.raises(TypeError, match="total: has no derivative with respect to argument 1"):
            grad(lambda x: total([1.0], x))(1.0)
        with pytest.raises(NotImplementedError, match="total: has no derivative with respect to argument 0"):
            grad(lambda x: total([x, x]))(1.0)
        with pytest.raises(TypeError, match=r"total: got a traced value by name. Pass it by position"):
            grad(lambda x: total([1.0], scale=x))(1.0)

    def test_it_is_pickled_by_name(self):
        assert pickle.loads(pickle.dumps(cube)) is cube
        assert copy.deepcopy({"f": cube})["f"] is cube

    def test_a_name_of_this_library_may_be_used(self):
        own = elementwise(lambda xp, x: xp.maximum(x, 0), lambda g, y: g * (y > 0))
        for _ in range(2):  # as when a cell of a notebook runs again

            def relu(xp, x):
                return xp.maximum(x, 0)

            again = elementwise(relu, lambda g, y: g * (y > 0))
        check_grads(own, X)
        check_grads(again, X)
        check_batching(again, X)

    def test_an_error_in_a_rule_names_the_line(self):
        @primitive
        def bad(x):
            return x

        defvjp(bad, lambda y, x: lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError) as caught:
            grad(lambda x: anp.sum(bad(x)))(X)  # this line
        assert any("test_extend.py" in note for note in caught.value.__notes__)


@custom_vjp
def sine(x, p):
    return {"y": anp.sin(x) * p["scale"], "total": (anp.sum(x), p["name"])}


def _sine_forward(x, p):
    return sine(x, p), (x, p["scale"], 3)


def _sine_backward(residuals, g):
    x, scale, three = residuals
    assert three == 3
    along = {"scale": anp.sum(g["y"] * anp.sin(x)), "name": None}
    return g["y"] * anp.cos(x) * scale + g["total"][0], along


sine.defvjp(_sine_forward, _sine_backward)


class TestCustomVjp:
    def test_every_mode_and_order(self):
        check_grads(lambda x, scale: sine(x, {"scale": scale, "name": "n"}), (X, 2.0))
        check_batching(lambda x, s: sine(x, {"scale": s, "name": 0.0})["y"], (X, np.array(2.0)))
        gradient = grad(lambda x, s: anp.sum(sine(x, {"scale": s, "name": 0.0})["y"]), (0, 1))
        check_batching(gradient, (X, np.array(2.0)))
        stacked = lambda x: vmap(lambda x: sine(x, {"scale": 2.0, "name": 0.0})["y"])(x)
        check_grads(stacked, np.stack([X, X + 1]))
        np.testing.assert_allclose(jacobian(stacked)(np.stack([X])), np.diag(2 * np.cos(X))[None, :, None])

    def test_the_derivative_is_its_own(self):
        clip = custom_vjp(lambda x, limit: x)
        clip.defvjp(lambda x, limit: (x, limit), lambda limit, g: (anp.clip(g, -limit, limit), None))
        np.testing.assert_array_equal(grad(lambda x: anp.sum(clip(x, 1.0) * X * 9))(X), np.clip(X * 9, -1, 1))
        np.testing.assert_array_equal(vmap(grad(lambda x: clip(x, 1.0) * 9.0))(X), np.ones(3))
        np.testing.assert_array_equal(grad(lambda x: anp.sum(vmap(lambda x: clip(x, 1.0) * 9.0)(x)))(X), np.ones(3))

    def test_the_backward_function_runs_once_for_all_arguments(self):
        runs = []
        product = custom_vjp(lambda a, b: a * b)
        product.defvjp(lambda a, b: (a * b, (a, b)), lambda r, g: (runs.append(1), (g * r[1], g * r[0]))[1])
        grad(lambda a, b: product(a, b), (0, 1))(2.0, 3.0)
        assert runs == [1]

    def test_memory_is_that_of_the_residuals(self):
        keeps_nothing = custom_vjp(lambda x: anp.sin(x) * 2)
        keeps_nothing.defvjp(lambda x: (anp.sin(x) * 2, None), lambda _, g: (g,))
        x = np.ones(100_000)
        tracemalloc.start()
        _, pullback = vjp(lambda x: anp.sum(keeps_nothing(x)), x)
        kept = tracemalloc.get_traced_memory()[0] / x.nbytes
        tracemalloc.stop()
        assert kept < 1.5  # the copy of x that vjp makes
        assert callable(pullback)

    def test_arguments_that_are_no_arrays(self):
        power = custom_vjp(lambda n, f, x: f(x) ** n, nondiff_argnums=(0, 1))
        power.defvjp(lambda n, f, x: (f(x) ** n, x), lambda n, f, x, g: (g * n * f(x) ** (n - 1) * anp.cos(x),))
        check_grads(lambda x: power(3, anp.sin, x), X)
        by_name = grad(lambda x: anp.sum(power(x=x, n=3, f=anp.sin)))(X)
        np.testing.assert_allclose(by_name, 3 * np.sin(X) ** 2 * np.cos(X))

    def test_errors(self):
        f = custom_vjp(lambda x: x * 2)
        assert f(2.0) == 4.0
        with pytest.raises(TypeError, match=r"<lambda>: has no derivative. Define it"):
            grad(f)(2.0)
        f.defvjp(lambda x: x * 2, lambda r, g: (g,))
        with pytest.raises(TypeError, match=r"expected fwd to return \(output, residuals\)"):
            grad(f)(2.0)
        f.defvjp(lambda x: (x * 2, None), lambda r, g: g)
        with pytest.raises(TypeError, match="expected bwd to return a tuple of 1 cotangents"):
            grad(f)(2.0)
        f.defvjp(lambda x: (x * 2, None), lambda r, g: (anp.ones(3),))
        with pytest.raises(TypeError, match=r"a cotangent of shape \(\), got \(3,\)"):
            grad(f)(2.0)

    def test_a_value_from_outside_is_refused(self):
        def outer(x):
            f = custom_vjp(lambda y: y * x)
            f.defvjp(lambda y: (y * x, x), lambda r, g: (g * r,))
            return anp.sum(f(x))

        with pytest.raises(TypeError, match="uses a traced value from outside"):
            grad(outer)(X)

    def test_a_value_that_only_bwd_uses_from_outside_is_refused(self):
        def outer(x):
            f = custom_vjp(lambda y: y * 2.0)
            f.defvjp(lambda y: (y * 2.0, None), lambda r, g: (g * x,))
            return anp.sum(f(x))

        with pytest.raises(TypeError, match="pass it to the function as an argument and from `fwd` on to `bwd`"):
            grad(outer)(X)

    def test_numbers_are_arrays(self):
        f = custom_vjp(lambda x: 1.0)
        f.defvjp(lambda x: (1.0, x), lambda r, g: (2.0,))
        assert grad(lambda x: f(x) * 3.0)(3.0) == 2.0

        @primitive
        def total(x):
            return float(x.sum())

        defvjp(total, lambda y, x: lambda g: g * np.ones(3))
        np.testing.assert_array_equal(grad(total)(X), np.ones(3))

    def test_no_cycle_keeps_residuals_alive(self):
        f = custom_vjp(lambda x: x * 2)
        f.defvjp(lambda x: (x * 2, x * 3), lambda r, g: (g * 2,))
        g = custom_jvp(lambda x: x * 2)
        g.defjvp(lambda p, t: (p[0] * 2, t[0] * 2))
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(20):
                grad(lambda x: anp.sum(f(x)) + anp.sum(g(x)))(X)
            assert len(gc.get_objects()) - before < 100
        finally:
            gc.enable()


class TestCustomJvp:
    def test_every_mode_and_order(self):
        softplus = custom_jvp(lambda x, n: anp.log1p(anp.exp(x * n)) / n)
        softplus.defjvp(lambda p, t: (softplus(*p), t[0] / (1 + anp.exp(-p[0] * p[1]))))
        check_grads(lambda x: softplus(x, 2), X)
        check_batching(lambda x: softplus(x, 2), X)
        check_batching(grad(lambda x: anp.sum(softplus(x, 2))), X)
        check_grads(lambda x: vmap(lambda x: softplus(x, 2))(x), X)

    def test_the_derivative_is_its_own(self):
        straight = custom_jvp(lambda x: anp.round(x))
        straight.defjvp(lambda p, t: (straight(*p), t[0]))
        np.testing.assert_array_equal(grad(lambda x: anp.sum(straight(x) * X))(X), X)
        np.testing.assert_array_equal(jvp(straight, X, X + 1)[1], X + 1)
        with pytest.raises(TypeError, match="has no derivative"):
            grad(custom_jvp(lambda x: x))(1.0)


def layer(x, w):
    return anp.tanh(x @ w)

    def test_integers_have_no_tangent(self):
        product = custom_jvp(lambda x, n: x * n)
        product.defjvp(lambda p, t: (p[0] * p[1], t[0] * p[1] + p[0] * t[1]))
        np.testing.assert_array_equal(grad(lambda x: anp.sum(product(x, np.arange(3))))(X), np.arange(3))

    def test_wrong_rules(self):
        f = custom_jvp(lambda x: x * 2)
        f.defjvp(lambda p, t: (p[0] * 2, np.ones(3)))
        with pytest.raises(TypeError, match=r"expected tangents of shapes \[\(\)\] from the rule, got \[\(3,\)\]"):
            jvp(f, 2.0, 1.0)
        f.defjvp(lambda p, t: p[0])
        with pytest.raises(TypeError, match=r"expected the rule to return \(output, tangent\)"):
            jvp(f, 2.0, 1.0)
        f.defjvp(lambda p, t: (p[0] * 2, (t[0] * 2).astype("float32")))
        assert jvp(f, 2.0, 1.0)[1].dtype == np.float64


class TestCheckpoint:
    W = np.linspace(-1, 1, 9).reshape(3, 3)

    def model(self, wrap):
        def f(x, w):
            h = wrap(layer)(x, w)
            h = wrap(lambda h: {"h": layer(h, w), "same": x})(h)  # w and x from outside
            return anp.sum(wrap(lambda h: wrap(anp.sin)(h) * anp.sum(w))(h["h"]) + h["same"])

        return f

    def test_it_changes_nothing(self):
        plain, wrapped = self.model(lambda f: f), self.model(checkpoint)
        for transform in (lambda f: grad(f, (0, 1)), jacobian, hessian, lambda f: vmap(grad(f), (0, None))):
            x = np.stack([X, X * 2])
            for one, other in zip(transform(wrapped)(x, self.W), transform(plain)(x, self.W), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)
        check_grads(wrapped, (X, self.W))
        _, pullback = vjp(wrapped, X, self.W)
        np.testing.assert_array_equal(pullback(1.0)[1], pullback(1.0)[1])

    def test_it_runs_twice(self):
        runs = []
        f = checkpoint(lambda a, b: (runs.append(1), (a * b, a + b))[1])
        grad(lambda a, b: f(a, b)[0] * f(a, b)[1], (0, 1))(2.0, 3.0)
        assert len(runs) == 4  # each of the two calls once more, for both arguments and both outputs together

    def test_a_value_that_leaves_otherwise(self):
        seen = []

        def f(x):
            y = checkpoint(lambda x: (seen.append(anp.sin(x)), anp.cos(x))[1])(x)
            return y + seen[0]

        with pytest.raises(RuntimeError, match="a traced value was stored outside the checkpointed function"):
            grad(f)(1.0)

    def test_random_numbers_of_numpy_are_drawn_again(self):
        np.random.seed(0)  # noqa: NPY002
        y, pullback = vjp(checkpoint(lambda x: anp.sin(x) * np.random.rand()), 1.0)  # noqa: NPY002
        after = np.random.rand()  # noqa: NPY002
        assert pullback(1.0)[0] == pytest.approx(np.cos(1.0) * y / np.sin(1.0))
        np.random.seed(0)  # noqa: NPY002
        assert [np.random.rand() for _ in range(2)][1] == after  # noqa: NPY002

    def test_outputs_that_are_inputs_or_constants(self):
        f = lambda x: checkpoint(lambda x: (x, 3.0, None, anp.ones(2)))(x)[0] * 2.0
        assert grad(f)(1.0) == 2.0
        assert checkpoint(lambda x: x + 1)(1.0) == 2.0

    def test_an_error_in_the_second_run(self):
        runs = []

        def f(x):
            runs.append(1)
            if len(runs) == 2:
                raise KeyError("second")
            return anp.sin(x)

        with pytest.raises(KeyError, match="second"):
            grad(checkpoint(f))(1.0)

    def test_memory_is_that_of_one_block(self):
        def block(x):
            for _ in range(10):
                x = anp.sin(x) * 1.01
            return x

        def peak(wrap):
            x = np.ones(20_000)
            tracemalloc.start()
            grad(lambda x: anp.sum(chain(wrap, x)))(x)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return peak / x.nbytes

        def chain(wrap, x):
            for _ in range(20):
                x = wrap(block)(x)
            return x

        assert peak(checkpoint) < 50
        assert peak(lambda f: f) > 190


def test_a_kernel_of_ones_own(xp):
    """The example of the documentation: a CUDA kernel, its NumPy formula and its gradient."""
    source = """
    extern "C" __global__ void swish(const double* x, double* y, int n) {
        int i = blockDim.x * blockIdx.x + threadIdx.x;
        if (i < n) y[i] = x[i] / (1 + exp(-x[i]));
    }"""

    @primitive
    def swish(x):
        xp = autograd.get_array_module(x)
        if xp is np:
            return x / (1 + np.exp(-x))
        y = xp.empty_like(x)
        xp.RawKernel(source, "swish")(((x.size + 127) // 128,), (128,), (x, y, np.int32(x.size)))
        return y

    swish.batch = lambda primitive, size, values, batched, params: primitive(*values)
    defvjp(swish, lambda y, x: lambda g: g * (y + (1 - y) / (1 + anp.exp(-x))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_grads(swish, xp.asarray(X))
        check_batching(swish, xp.asarray(X))


class TestKernels:
    """Functions that ignore strides, as RawKernels do."""

    @pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x.reshape(2, 4).T, lambda x: x[::-1]])
    def test_operations_get_contiguous_arrays(self, xp, view):
        seen = []

        @primitive
        def cube(x, others=(), *, scale=None):
            seen.extend([x, *others, scale])
            return x**3

        @primitive(contiguous=False)
        def as_it_is(x):
            assert not x.flags.c_contiguous
            return x + 0

        defvjp(cube, lambda y, x, others=(), *, scale=None: lambda g: slope(x, g))
        defvjp(as_it_is, lambda y, x: lambda g: g)
        slope = primitive(lambda x, g: seen.extend([x, g]) or 3 * x**2 * g)
        given = xp.arange(1.0, 9.0)
        raw = view(given)
        g = grad(lambda x: anp.sum(cube(as_it_is(view(x)), [raw], scale=raw)))(given)
        assert len(seen) == 5 and all(x.flags.c_contiguous for x in seen)
        expected = xp.zeros(8)
        view(expected)[...] = 3 * raw**2
        np.testing.assert_allclose(Array(g), Array(expected))

    def test_raw_is_contiguous_on_a_gpu(self, xp):
        x = Array(xp.arange(6.0).reshape(2, 3).T)
        assert x.raw.flags.c_contiguous or xp is np
        np.testing.assert_array_equal(Array(x.raw), x)
        assert Array(xp.arange(3.0)).raw.base is None

    def test_a_traced_value_has_no_raw_array_and_says_what_has(self):
        cube = custom_vjp(lambda x: Array(x.raw**3))
        cube.defvjp(lambda x: (cube(x), x), lambda x, g: (Array(3 * x.raw**2 * g.raw),))
        assert grad(lambda x: anp.sum(cube(x)))(np.ones(2)).tolist() == [3.0, 3.0]
        for run in (vmap(cube), lambda x: jvp(cube, (x,), (x,)), jacobian(grad(lambda x: anp.sum(cube(x))))):
            with pytest.raises(TypeError, match=r"needs raw arrays, is an autograd\.primitive"):
                run(np.ones(2))


def test_what_has_no_forward_derivative_says_so():
    @primitive
    def product(x, y):
        return x * y

    defjvp(product, lambda t, z, x, y: t * y, None)
    assert jvp(product, (2.0, 3.0), (1.0, 1.0))[1] == 3.0
    defjvp(product, lambda t, z, x, y: t * y)
    with pytest.raises(UndefinedDerivative, match="product: has no derivative with respect to argument 1"):
        jvp(product, (2.0, 3.0), (1.0, 1.0))


@pytest.mark.parametrize("given", [(2,), (2, 1), ()])
def test_a_rule_with_another_number_of_numbers(given):
    @primitive
    def doubled(x):
        return 2 * x

    defvjp(doubled, lambda y, x: lambda g: anp.ones(given))
    with pytest.raises(ValueError, match=re.escape(f"expected a cotangent of shape (3, 1) from a vjp, got {given}.")):
        grad(lambda x: anp.sum(doubled(x)))(X[:, None])


def test_a_checkpoint_that_computes_something_else_the_second_time():
    runs = []

    @checkpoint
    def f(x):
        runs.append(x)
        return x * 2.0 if len(runs) == 1 else anp.sum(x)

    with pytest.raises(
        RuntimeError, match=r"checkpoint: expected outputs of shapes .*It must compute the same as the fi"
    ):
        grad(lambda x: anp.sum(f(x)))(X)


def test_arguments_by_name():
    def difference(xp, x, y, *, factor):
        return factor * (x - y)

    f = nondifferentiable(difference)
    x, y = Array(np.array([3.0, 5.0])), np.array([1.0, 1.0])
    for z in (f(x, y=y, factor=2.0), f(y=y, x=x, factor=2.0)):
        np.testing.assert_array_equal(z, [4, 8])
    with pytest.raises(TypeError, match=r"^difference: expected 2 arrays, got 1"):
        f(x, factor=2.0)


def test_primitives_that_are_refused():
    with pytest.raises(ValueError, match=r"^Primitive: expected memory 'new', 'view' or '', got 'old'\.$"):
        Primitive(lambda xp, x: x, memory="old")
    with pytest.raises(ValueError, match=r"^Primitive: expected a new name, got 'sin'\.$"):
        Primitive("sin")
