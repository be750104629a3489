"""Arrays of a caller that a tape needs: read-only or copied, however they come, until the call has ended."""

import functools
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import (
    Array,
    checkpoint,
    custom_jvp,
    custom_vjp,
    defvjp,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    primitive,
    tree,
    value_and_grad,
    vjp,
    vmap,
)  # fmt: skip
from autograd.families import elementwise
from autograd.reverse import live_tapes
from autograd.write_protection import Held, _held, hold, release
from tests.autograd.table.operands import OPERANDS, WAYS, overwrite
from tests.interrupts import interrupted_at

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.array([1.0, 0.0, 4.0])
V = np.array([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def nothing_is_held():
    yield
    assert not _held


def weights_like(y):
    """1, 2, 3, ... in the structure of `y`."""
    return tree.tree_map(lambda x: np.arange(1.0, 1 + np.size(x)).reshape(np.shape(x)).astype(x.dtype), y)


def pulled(function, x, others=()):
    """The gradient of a function of `x`; between the forward and the backward pass, `others` are overwritten."""
    y, pullback = vjp(function, x)
    overwrite(others)
    return pullback(weights_like(y))[0]


@pytest.mark.parametrize("name", OPERANDS)
@pytest.mark.parametrize("mode", ["alone", "in lanes"])
@pytest.mark.filterwarnings("ignore")
def test_operands_of_every_function(name, mode):
    """The gradient is that of the numbers that the function saw, or writing others raises."""
    for number, (call, x, others) in enumerate(OPERANDS[name]):

        def function(*args):
            given = functools.partial(lambda call, arrays, x: call(x, *arrays), call, args)  # noqa: B023
            return vmap(given) if mode == "in lanes" else given

        x = np.stack([x, x]) if mode == "in lanes" else x
        try:
            right = pulled(function(*others), x)
        except (TypeError, ValueError, LookupError, NotImplementedError, AttributeError, np.linalg.LinAlgError):
            continue  # it has no derivative there, or others of its arrays must be differentiated, too
        for way in ("view", list(WAYS)[number % len(WAYS)]):
            mine = [WAYS[way](other) for other in others]
            np.testing.assert_allclose(pulled(function(*mine), x, mine), right, rtol=1e-9, atol=1e-12)


class Box:
    """Something that is no array for a transformation, but holds one."""

    def __init__(self, array):
        self.array = array

    def __setitem__(self, index, value):
        self.array[index] = value


class TestWrites:
    """NumPy arrays that a tape needs are read-only as long as it does."""

    def test_between_a_run_and_its_pullback(self):
        weights, buffer = np.ones(3), np.zeros(6)
        view = buffer[::2]
        _, pullback = vjp(lambda x: anp.sum(x * weights * view), X)
        for write in (lambda: weights.__setitem__(0, 2.0), lambda: buffer.fill(1), lambda: view.__iadd__(1)):
            with pytest.raises(ValueError, match="read-only"):
                write()
        np.testing.assert_array_equal(pullback(1.0)[0], np.zeros(3))
        del pullback
        buffer += 1
        weights[0] = view[0] = 2.0

    def test_within_a_function(self):
        buffer = np.zeros(3)

        def f(x):
            total = 0.0
            for i in range(3):
                buffer[:] = i
                total = total + anp.sum(x * buffer)
            return total

        with pytest.raises(ValueError, match="read-only"):
            grad(f)(X)
        buffer[:] = 7  # the failed run holds nothing
        grad(lambda x: anp.sum(x * buffer))(X)
        buffer[:] = 8

    def test_all_operands_are_protected(self):
        given, writeable = [np.ones(3), np.ones(3)], []

        def f(x):
            y = anp.einsum("i,i,i", given[0], x, given[1])
            writeable.extend(a.flags.writeable for a in given)
            return y

        grad(f)(X)
        assert writeable == [False, False]

    def test_to_arguments(self):
        x, w = np.ones(3), np.ones(3)

        def f(x_traced, w_constant, array):
            y = anp.sum(x_traced * w_constant)
            array[0] = 100.0
            return y

        for array in (x, w):
            with pytest.raises(ValueError, match="read-only"):
                grad(f)(x, w, Box(array))
        x[0] = w[0] = 2.0

    def test_what_is_not_needed_is_free(self):
        buffer = np.zeros(3)
        _, pullback = vjp(lambda x: anp.sum(x + buffer), X)
        buffer += 1
        np.testing.assert_array_equal(pullback(1.0)[0], np.ones(3))

    def test_two_tapes_hold_one_array(self):
        base = np.ones(4)
        view = base[:3]
        first = vjp(lambda x: anp.sum(x * view), X)[1]
        second = vjp(lambda x: anp.sum(x * base[:3]), X)[1]
        del first
        for array in (base, view):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 2
        del second
        base[0] = view[1] = 3

    def test_one_tape_holds_two_views(self):
        base = np.ones(4)
        rows = np.broadcast_to(base, (3, 4))
        g = grad(lambda x: anp.sum(x * rows[0, :3]) + anp.sum(x * rows[1, 1:]) + anp.sum(x * base[:3]))(X)
        np.testing.assert_array_equal(g, [3, 3, 3])
        base[0] = 2  # it is writable again

    def test_an_array_that_is_read_only_stays_so(self):
        fixed = np.broadcast_to(np.ones(1), 3)
        grad(lambda x: anp.sum(x * fixed))(X)
        assert not fixed.flags.writeable

    def test_memory_of_another_owner(self):
        unpickled = pickle.loads(pickle.dumps(np.ones(3)))
        for buffer in (unpickled, np.frombuffer(bytearray(24))):
            np.testing.assert_array_equal(grad(lambda x: anp.sum(x * buffer))(X), buffer)  # noqa: B023
            buffer[:] = 1  # it is writable again


SCALED = custom_vjp(lambda x, c: x * c["weights"][0])
SCALED.defvjp(
    lambda x, c: (x * c["weights"][0], c), lambda c, g: (g * c["weights"][0], {"weights": [g * 0.0], "unused": None})
)
BENT = custom_jvp(lambda x, c: x * c)
BENT.defjvp(lambda primals, tangents: (BENT(*primals), tangents[0] * primals[1]))


@primitive
def times(x, c, nested=None, *, by_name=None):
    return x * c * (1 if nested is None else nested[0]) * (1 if by_name is None else by_name)


defvjp(
    times,
    lambda y, x, c, nested=None, *, by_name=None: (
        lambda g: g * c * (1 if nested is None else nested[0]) * (1 if by_name is None else by_name)
    ),
)


class TestWaysIn:
    """A raw array is protected or copied whatever way it comes next to a traced value."""

    WAYS_IN = {  # noqa: RUF012 (nobody changes it)
        "x * c": lambda x, c: x * c,
        "c * x": lambda x, c: c * x,
        "c @ x": lambda x, c: c @ x,
        "x @ c": lambda x, c: x @ c,
        "x ** c": lambda x, c: x**c,
        "c ** x": lambda x, c: c**x,
        "c / x": lambda x, c: c / x,
        "numpy.multiply": lambda x, c: np.multiply(c, x),
        "numpy.dot": lambda x, c: np.dot(c, x),
        "where": lambda x, c: x.sum(where=c > 1.5),
        "x[mask]": lambda x, c: x[c > 1.5],
        "x.at": lambda x, c: x.at[:].multiply(c),
        "clip": lambda x, c: x.clip(c - 1.5, c + 1.5),
        "clip to a list": lambda x, c: anp.clip(x, list(c - 1.5), None),
        "einsum": lambda x, c: anp.einsum("i,i,i", x, c, c),
        "a list of arrays": lambda x, c: anp.linalg.multi_dot([x, np.outer(c, c), x]),
        "average": lambda x, c: anp.average(x, weights=c),
        "checkpoint": lambda x, c: checkpoint(lambda x, c: anp.sin(x + c))(x, c),
        "checkpoint, nested": lambda x, c: checkpoint(lambda x, c: anp.sin(x + c["a"][0]))(x, {"a": [c]}),
        "checkpoint, by name": lambda x, c: checkpoint(lambda x, c: anp.sin(x + c))(x, c=c),
        "checkpoint of an Array": lambda x, c: checkpoint(lambda x, c: anp.sin(x + c))(x, Array(c)),
        "custom_vjp": lambda x, c: SCALED(x, {"weights": [c], "unused": [c, c]}),
        "custom_jvp": lambda x, c: BENT(x, c),
        "primitive": lambda x, c: times(x, c),
        "primitive, nested": lambda x, c: times(x, c, [c]),
        "primitive, by name": lambda x, c: times(x, c, by_name=c),
        "lanes": lambda x, c: vmap(lambda x, c: x * c)(x, c),
        "shared by lanes": lambda x, c: vmap(lambda x: x * c)(x * anp.ones((2, 3))),
        "jvp": lambda x, c: jvp(lambda z: z * z * c, (x,), (anp.ones(3),))[1],
        "an inner gradient": lambda x, c: grad(lambda z: anp.sum(z**3 * c))(x),
    }

    @pytest.mark.parametrize("entered", WAYS_IN)
    @pytest.mark.parametrize("way", WAYS)
    def test_operands(self, entered, way):
        entry = self.WAYS_IN[entered]
        right = pulled(lambda x: entry(x, V.copy()), V)
        c = WAYS[way](V)
        np.testing.assert_allclose(pulled(lambda x: entry(x, c), V, [c]), right, rtol=1e-14)
        overwrite([c])
        assert c[1] != V[1]  # it is writable again

    @pytest.mark.parametrize("transform", [grad, jacobian, jacrev, hessian, elementwise_grad, value_and_grad])
    @pytest.mark.parametrize("way", WAYS)
    def test_arguments(self, transform, way):
        x, c = WAYS[way](V), WAYS[way](V)

        def f(x_traced, constant):
            y = anp.sum(x_traced**3 * constant["c"][0])
            assert overwrite([x, c])
            return y

        transform(f)(x, {"c": [c]})
        x[0] = c[0] = 1.0

    def test_residuals_that_are_raw(self):
        c = V.copy()
        f = custom_vjp(lambda x: x * x * c)
        f.defvjp(lambda x: (x * x * c, {"x": x, "c": c}), lambda r, g: (2 * r["x"] * r["c"] * g,))
        assert pulled(f, V, [c]).tolist() == [2, 16, 54] and c[0] != 1

    def test_memory_that_numpy_cannot_lock_is_copied(self):
        c = np.frombuffer(bytearray(V.tobytes()))
        assert pulled(lambda x: x * c, V, [c]).tolist() == [1, 4, 9] and c[0] != 1

    def test_a_variable_number_of_writes_within_a_function(self):
        buffer, data = np.zeros(3), np.arange(6.0).reshape(2, 3)
        step = checkpoint(lambda w, b: anp.sum(anp.tanh(w + b)))

        def f(w):
            total = 0.0
            for row in data:
                buffer[:] = row
                total = total + step(w, buffer)
            return total

        with pytest.raises(ValueError, match="read-only"):
            grad(f)(V)
        buffer[:] = 1


class TestWhatIsHandedOut:
    """Results are the caller's: writing to them changes no later result."""

    def test_vjp(self, xp):
        x = xp.array(V)
        y, pullback, aux = vjp(lambda x: (anp.exp(x), [x, anp.exp(x)]), x, has_aux=True)
        for mine in (x, y, *aux):
            mine *= 0
        first = pullback(xp.ones(3))[0]
        expected = xp.exp(xp.asarray(V))
        np.testing.assert_allclose(Array(first), Array(expected))
        first *= 0
        np.testing.assert_allclose(Array(pullback(xp.ones(3))[0]), Array(expected))

    def test_linearize(self, xp):
        x = xp.array(V)
        y, push = linearize(anp.exp, x)
        x *= 0
        y *= 0
        first = push(xp.ones(3))
        first *= 0
        np.testing.assert_allclose(Array(push(xp.ones(3))), np.exp(V))

    @pytest.mark.parametrize("transform", [value_and_grad, jacobian, jacrev, jacfwd])
    def test_aux(self, xp, transform):
        x = xp.array(V)
        result = transform(lambda x: (anp.sum(x**2), {"x": x, "part": x[1:]}), has_aux=True)(x)
        aux = result[0][1] if transform is value_and_grad else result[1]
        aux["x"] *= 0
        aux["part"] *= 0
        np.testing.assert_array_equal(Array(x), V)

    def test_residuals_that_are_returned_as_cotangents(self):
        c = V.copy()
        f = custom_vjp(lambda x, c: x * c)
        f.defvjp(lambda x, c: (x * c, c), lambda c, g: (c, None))
        g = grad(lambda x: anp.sum(f(x, c)))(np.ones(3))
        g *= 0
        pullback = vjp(lambda x: anp.sum(f(x, c)), np.ones(3))[1]
        mine = pullback(1.0)[0]
        mine *= 0
        assert c.tolist() == pullback(1.0)[0].tolist() == V.tolist()


class TestTheEnd:
    """Protection ends when the call ends, also by an exception that somebody keeps."""

    def raising(self):
        bad = custom_vjp(lambda x: x)
        bad.defvjp(lambda x: (x, None), lambda r, g: [][0])

        def interrupted(x):
            raise KeyboardInterrupt

        return {
            "in the function": (lambda x: [][0], IndexError),
            "in the backward pass": (bad, IndexError),
            "by Ctrl-C": (interrupted, KeyboardInterrupt),
            "as the output does not fit": (lambda x: "text", TypeError),
        }

    @pytest.mark.parametrize(
        "way", ["in the function", "in the backward pass", "by Ctrl-C", "as the output does not fit"]
    )
    @pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad, jacobian, jacrev, hessian])
    def test_after_an_exception(self, transform, way):
        f, kind = self.raising()[way]
        x, c = V.copy(), V.copy()

        def product(x):
            y = f(x * c)
            return y if isinstance(y, str) or transform in (jacobian, jacrev, elementwise_grad) else anp.sum(y)

        with pytest.raises(kind) as caught:
            transform(product)(x)
        x[0] = c[0] = 5.0
        assert caught.value.__traceback__

    def test_after_an_exception_in_jacobian_by_columns(self):
        bad = custom_vjp(lambda x: x)
        bad.defvjp(lambda x: (x, None), lambda r, g: [][0])
        c = V.copy()
        with pytest.raises(IndexError) as caught:
            jacobian(lambda x: bad(x) * c)(2.0)
        c[0] = 5.0
        assert caught

    @pytest.mark.parametrize("start", [lambda f, x: vjp(f, x, has_aux=True), linearize, lambda f, x: hvp(f, x, x)])
    def test_after_an_exception_in_a_call_that_lasts(self, start):
        c = V.copy()

        def f(x):
            y = x * c
            raise RuntimeError(y)

        with pytest.raises(RuntimeError) as caught:
            start(f, V)
        c[0] = 5.0
        assert caught

    def test_vjp_with_a_wrong_aux(self):
        c = V.copy()
        with pytest.raises(TypeError, match="output, aux") as caught:
            vjp(lambda x: x * c, V, has_aux=True)
        c[0] = 5.0
        assert caught

    def test_a_value_that_outlives_its_tape_locks_nothing(self):
        kept, c = [], V.copy()
        grad(lambda x: kept.append(x) or anp.sum(x))(V.copy())
        with pytest.raises(TypeError, match="has ended"):
            kept[0] * c
        c[0] = 2


def square_of_its_own():
    f = custom_vjp(lambda z: z * z)
    f.defvjp(lambda z: (z * z, z), lambda z, g: (2 * z * g,))
    return f


def cube_of_its_own():
    f = custom_jvp(lambda z: z**3)
    f.defjvp(lambda primals, tangents: (f(*primals), 3 * primals[0] ** 2 * tangents[0]))
    return f


class TestMemory:
    """Without the cyclic garbage collector, which nothing starts when a GPU is full."""

    FUNCTIONS = {  # noqa: RUF012 (nobody changes it)
        "plain": lambda x, f=anp.sin: f(x) * 2.0,
        "custom_vjp": lambda x, f=square_of_its_own(): f(x) * 2.0,  # noqa: B008
        "custom_jvp": lambda x, f=cube_of_its_own(): f(x) * 2.0,  # noqa: B008
        "checkpoint": lambda x: checkpoint(anp.sin)(x) * 2.0,
        "checkpoint that closes over a traced value": lambda x: checkpoint(lambda z: z * x)(x) * 2.0,
        "nested": lambda x, f=square_of_its_own(): checkpoint(lambda z: f(z) * x)(x) * f(x),  # noqa: B008
    }
    CALLS = {  # noqa: RUF012 (nobody changes it)
        "grad": lambda f, x: grad(lambda x: anp.sum(f(x)))(x),
        "vjp": lambda f, x: vjp(f, x)[1](np.ones_like(x)),
        "vjp that is not pulled": lambda f, x: vjp(f, x)[0],
        "linearize": lambda f, x: linearize(f, x)[1](np.ones_like(x)),
        "jacrev": lambda f, x: jacrev(lambda x: anp.sum(f(x)))(x),
        "jacobian by columns": lambda f, x: jacobian(lambda s: f(s * x))(1.0),
        "jvp": lambda f, x: jvp(f, (x,), (x,)),
        "hvp": lambda f, x: hvp(lambda x: anp.sum(f(x)), x, x),
        "hessian": lambda f, x: hessian(lambda s: anp.sum(f(s * x)))(1.0),
        "an exception": lambda f, x: failing(f, x),
    }

    def test_is_released_as_the_backward_pass_goes_on(self):
        held, alive = [], []

        def pulled(g, x):
            held.append(weakref.ref(g))
            return g * 2

        first = elementwise(lambda xp, x: x + 1, lambda g: alive.extend(x() is not None for x in held) or g * 1)
        second = elementwise(lambda xp, x: held.append(weakref.ref(x)) or x * 2, pulled)
        grad(lambda x: anp.sum(second(first(x)) * 3.0))(np.ones(3))
        assert alive == [False, False]  # the residual and the cotangent of `second`

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_is_back_after_a_call(self, function, call):
        run, f, x = self.CALLS[call], self.FUNCTIONS[function], np.linspace(0.5, 1.5, 20_000)
        run(f, x)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            tapes, before = len(live_tapes()), tracemalloc.get_traced_memory()[0]
            for _ in range(10):
                run(f, x)
            assert tracemalloc.get_traced_memory()[0] - before < x.nbytes
            assert len(live_tapes()) == tapes
            x[0] = 0.5
        finally:
            tracemalloc.stop()
            gc.enable()


def failing(f, x):
    def raising(x):
        y = f(x)
        raise RuntimeError(y.shape)

    with pytest.raises(RuntimeError):
        vjp(raising, x)


def test_a_view_that_is_held_again_before_its_base_is_released():
    base = np.zeros(4)
    view = base[1:]
    first, second, third = Held(), Held(), Held()
    assert hold(view, first) and hold(base, second)
    release(first)
    assert hold(view, third)
    release(second)
    assert not view.flags.writeable
    release(third)
    assert view.flags.writeable and base.flags.writeable


def test_an_interrupt_at_any_moment_leaves_nothing_read_only():
    arrays = [np.zeros(4) for _ in range(3)]
    arrays += [arrays[0][1:], arrays[0][::2], arrays[1][None]]

    def held_and_released():
        view, base, both = Held(), Held(), Held()
        for held, given in ((view, arrays[3:]), (base, arrays[:3]), (both, arrays)):
            assert all(hold(x, held) for x in given)
        for held in (view, base, both):
            release(held)

    moment = 0
    while interrupted_at(moment, held_and_released, __file__):
        moment += 1
        gc.collect()
        assert not _held and all(x.flags.writeable for x in arrays), moment
    assert moment > 40
