"""`Jit` gives what the function gives, outputs and changes of variables, and runs it only to record it."""

import collections
import concurrent.futures
import copy
import dataclasses
import enum
import functools
import pickle
import threading
import tracemalloc

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from autograd.graph import ConcretizationError
from autograd.kernels import compiled
from cuobjax import GradValues, StateVar, TrainVar, VarCollection, nn
from cuobjax.transforms.jit import Jit

pytestmark = pytest.mark.usefixtures("xp")
on_numpy = pytest.mark.parametrize("xp", [(np, "cpu")], indirect=True, ids=["numpy"])
X = np.random.default_rng(7).normal(size=(4, 3)).astype("float32")


class Counter:
    """A function that counts how often it runs, as opposed to its program."""

    def __init__(self, f):
        self.f, self.runs = f, 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.f(*args, **kwargs)


def runs(jit):
    return jit.__wrapped__.f.runs


def close(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


class Net(cuobjax.Module):
    """Layers with batch statistics, a generator and a counter."""

    def __init__(self):
        self.generator = cuobjax.random.Generator(3)
        dropout = nn.Dropout(0.5, self.generator)
        self.layers = nn.Sequential([nn.Linear(3, 4), nn.BatchNorm0D(4), F.relu, dropout, nn.Linear(4, 2)])
        for i, v in enumerate(self.vars().subset(TrainVar)):
            v.assign(jn.array(np.random.default_rng(i).normal(size=v.shape).astype("float32")))
        self.calls = StateVar(jn.zeros((), "int32"))

    def __call__(self, x, training):
        self.calls.value += 1
        return self.layers(x, training=training)


def test_a_module_gives_the_same_and_is_recorded_once():
    layer = nn.Linear(3, 2)
    jitted = Jit(layer)
    for x in (X, jn.array(X), 2 * X):
        close(jitted(x), layer(x))
        assert isinstance(jitted(x), cuobjax.Array)
    assert "recorded 1 times" in str(jitted.explain())


def test_names_and_text():
    def loss(x):
        return layer(x).sum()

    layer = nn.Linear(3, 2)
    assert list(Jit(layer).vars().keys()) == ["(Jit)(Linear).b", "(Jit)(Linear).w"]
    assert list(Jit(loss, layer.vars()).vars().keys()) == ["(Jit){loss}(Linear).b", "(Jit){loss}(Linear).w"]
    assert repr(Jit(loss, layer.vars(), (0,))).endswith("Jit(f=loss, static_argnums=(0,))")
    assert repr(Jit(layer)).endswith("Jit(f=Linear, static_argnums=None)")


def training(wrap):
    net = Net()
    parameters = net.vars()
    gradients = GradValues(lambda x, y: ((net(x, training=True) - y) ** 2).mean(), parameters)
    optimizer = cuobjax.optimizer.Adam(parameters)

    def step(x, y, lr):
        g, v = gradients(x, y)
        optimizer(lr, g)
        return v[0]

    step = wrap(step)
    losses = [step(X * i, np.ones((4, 2), "float32"), 0.1 / i) for i in range(1, 5)]
    return losses, [*parameters.tensors(), *optimizer.vars().tensors()]


def test_a_training_step_is_the_eager_one_with_states_and_random_numbers():
    (losses, values), (expected_losses, expected) = training(Jit), training(lambda f: f)
    for a, b in zip([*losses, *values], [*expected_losses, *expected], strict=True):
        close(a, b)


def test_results_are_not_overwritten_by_later_calls():
    jitted = Jit(lambda x: (x.reshape(-1), jn.tanh(x) * 2, x.T, x))
    x = np.random.default_rng(0).normal(size=(40, 40)).astype("float32")
    jitted(x)
    first = jitted(x)
    kept = [np.array(part) for part in first]
    x += 1  # the caller's buffer
    jitted(x)
    for part, expected in zip(first, kept, strict=True):
        np.testing.assert_array_equal(np.asarray(part), expected)


def test_retraces():
    jitted = Jit(Counter(lambda x, y=1.0: x * y))
    for x, y, expected in (
        (X, 2, 1), (X, 3, 1), (jn.array(X), -1, 1), (X, 2.0, 2), (X, 0.5, 2), (X[:2], 2, 3),
        (jn.array(X, dtype="float64"), 2, 4), (X, np.float32(2), 5), (X, True, 6), (X, False, 7), (X, 1, 7), (X, 2j, 8),
    ):  # fmt: skip
        got = jitted(x, y)
        assert runs(jitted) == expected, (x.shape, x.dtype, y)
        close(got, jn.array(X if x.shape == X.shape and x.dtype == X.dtype else x) * y)


def test_python_numbers_do_not_promote():
    assert Jit(lambda x, s: x * s)(X, 2.0).dtype == np.float32

    def f(x, s):
        return x * (s * 0.5 + 1) ** 2, x.astype("float16") - s, jn.sqrt(s) * x, s + 1, jn.reshape(s, (1,))

    jitted = Jit(f)
    for s in (3.0, 4.0):
        a, b, c, d, e = jitted(X, s)
        close(a, jn.array(X * np.float32((s * 0.5 + 1) ** 2)))
        assert b.dtype == np.float16
        close(c, jn.array(X * np.float32(s**0.5)))
        assert (d, type(d)) == (s + 1, float)
        close(e, jn.array([s], dtype="float32"))


def test_python_operators_stay_exact_and_raise():
    power = Jit(lambda n, m: (n * m, n**m, m - 1))
    for n, m in ((3, 4), (10**9, 5)):
        assert power(n, m) == (n * m, n**m, m - 1)
    with pytest.raises(ConcretizationError, match=r"pow.*gave int.*gives float.*2\.0 \*\* n"):
        power(2, -1)
    divide = Jit(lambda n, m: n // m)
    assert divide(7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        divide(7, 0)


def test_python_numbers_index():
    jitted = Jit(lambda x, i: (x[i], x.at[i, 0].set(i), jn.take(x, i, 0), x[i + 1, i]))
    for i in (0, 1, -2):
        x = jn.array(X)
        expected = x[i], x.at[i, 0].set(i), jn.take(x, i, 0), x[i + 1, i]
        for a, b in zip(jitted(x, i), expected, strict=True):
            close(a, b)
    for use in (lambda i: jn.ones(3)[i:], lambda i: {1: 2}[i], lambda i: [0] * i, lambda i: jn.ones(i), round):
        with pytest.raises(ConcretizationError, match="argument 0"):
            Jit(lambda i, use=use: use(i) if use is not round else range(round(i)))(1)


def test_static_arguments_by_name():
    def f(x, n, *, scale=1.0):
        runs.append(n)
        return x[:n] * scale

    runs = []
    jitted = Jit(f, static_argnums=1)
    for n in (1, 2, 1):
        close(jitted(X, n=n, scale=2.0), jn.array(X[:n] * 2))
        close(jitted(X, n, scale=2.0), jn.array(X[:n] * 2))
    assert runs == [1, 1, 2, 2]
    close(pickle.loads(pickle.dumps(Jit(nn.Linear(3, 2), static_argnums=(5,))))(X)[:0], jn.zeros((0, 2)))


def test_static_floats_are_told_apart_by_sign_and_nan_is_nan():
    jitted = Jit(Counter(lambda x, scale: x * scale), static_argnums=(1,))
    for scale, expected in ((0.0, 1), (-0.0, 2), (np.nan, 3), (np.nan, 3), (0.0, 3)):
        close(jitted(jn.ones(2), scale), jn.ones(2) * scale)
        assert runs(jitted) == expected
    assert np.signbit(np.asarray(jitted(jn.ones(2), -0.0))).all()


def test_s8_keywords_are_traced_except_static_kinds():
    class Mode(enum.Enum):
        DOUBLE = 2
        TRIPLE = 3

    @Counter
    def f(x, *, scale=1, training=False, name="", mode=Mode.DOUBLE, none=None):
        x = x * scale * mode.value
        assert none is None
        return -x if training and name == "minus" else x

    jitted = Jit(f)
    for scale in (2.0, 3.0):
        close(jitted(X, scale=scale, training=True, name="minus"), jn.array(-2 * scale * X))
    assert f.runs == 1
    close(jitted(X, name="minus", training=True, scale=5.0), jn.array(-10 * X))
    assert f.runs == 1
    close(jitted(X, scale=1.0, training=False), jn.array(2 * X))
    close(jitted(X, training=False, scale=2.0), jn.array(4 * X))
    assert f.runs == 2
    close(jitted(X, mode=Mode.TRIPLE, none=None), jn.array(3 * X))
    with pytest.raises(ConcretizationError, match="'scale'"):
        Jit(lambda x, scale: x if scale > 1 else -x)(X, scale=2.0)


def test_static_arguments():
    jitted = Jit(Counter(lambda x, n, shape: jn.reshape(x, shape)[: n + 1]), static_argnums=(1, 2))
    for n in (1, 2, 1):
        close(jitted(X, n, (12,)), jn.array(X.reshape(12)[: n + 1]))
    assert runs(jitted) == 2
    assert Jit(lambda x, n: type(n).__name__, static_argnums=(1,))(X, 1) == "int"
    jitted = Jit(Counter(lambda n: jn.full((2,), n) if type(n) is int else jn.zeros(2)), static_argnums=(0,))
    jitted(1), jitted(1.0), jitted(True)
    assert runs(jitted) == 3
    with pytest.raises(ValueError, match=r"argument 1.*hash.*list"):
        Jit(lambda x, shape: x.reshape(shape), static_argnums=(1,))(X, [12])
    with pytest.raises(ValueError, match="hash"):
        Jit(lambda x: x, static_argnums=(0,))(X)


@pytest.mark.parametrize("force", [
    bool, float, int, complex, lambda s: s.item(), lambda s: [1, 2][s.astype(int)], np.asarray, lambda s: s.raw,
    lambda s: s.tolist(), lambda s: f"{s:.2f}", lambda s: s if s > 0 else -s, lambda s: range(s.astype(int)),
    lambda s: jn.ones(3)[jn.ones(3) > s], lambda s: jn.nonzero(s), lambda s: jn.unique(s[None]),
    lambda s: pickle.dumps(s), lambda s: 1.0 in s[None],
])  # fmt: skip
def test_forcing_a_traced_value_names_the_argument_and_the_remedy(force):
    for call in (lambda: Jit(force)(jn.array(1.0)), lambda: Jit(lambda x, n: force(n * 1))(X, jn.array(1.0))):
        with pytest.raises(ConcretizationError, match=r"(?s)argument [01].*static_argnums"):
            call()
    assert issubclass(ConcretizationError, TypeError)


def test_forcing_a_variable_or_a_number():
    v = StateVar(jn.ones(2))
    with pytest.raises(ConcretizationError, match=r"depends on v \(a StateVar of shape \(2,\)\)\. "):
        Jit(lambda: bool(v.value.sum() > 0))()
    with pytest.raises(ConcretizationError, match=r"depends on a StateVar of shape \(2,\)\. "):
        Jit(lambda: bool(StateVar(jn.ones(2)).value.sum() > 0))()
    with pytest.raises(ConcretizationError, match="argument 'n'"):
        Jit(lambda n: range(n))(n=3)
    close(v.value, jn.ones(2))


def test_s9_variables_that_are_not_listed_are_constants():
    m, s = nn.Linear(3, 2), StateVar(jn.zeros(()))
    before = m(X)

    def f(x):
        s.value = s.value + x.sum()
        return m(x)

    constant, listed, touched = Jit(f, VarCollection()), Jit(f, m.vars()), Jit(f)
    for jitted in (constant, listed, touched):
        close(jitted(X), before)
    m.b.assign(m.b.value + 10)
    s.value = jn.zeros(())
    close(constant(X), before)
    close(listed(X), before + 10)
    close(touched(X), before + 10)
    # What is written to is an input, listed or not.
    assert float(s.value) == pytest.approx(float(3 * X.sum()), rel=1e-5)


def test_variables_that_a_function_writes_to_in_turn_are_inputs():
    states = [StateVar(jn.zeros(())) for _ in range(2)]
    first, second = states

    def f(x):
        states.reverse()
        states[0].value += x

    jitted = Jit(f, VarCollection())
    for _ in range(3):
        jitted(1.0)
    assert (float(first.value), float(second.value)) in [(0, 3), (3, 0)]


def test_s9_a_changed_dtype_or_shape_of_a_variable_is_recorded_anew():
    v = StateVar(jn.ones(3))
    jitted = Jit(Counter(lambda x: v.value * x))
    jitted(2.0)
    v.assign(jn.ones((2, 2)), check=False)
    close(jitted(2.0), jn.full((2, 2), 2.0))
    v.assign(jn.ones(3, dtype="float16"), check=False)
    assert jitted(2.0).dtype == np.float16
    v.assign(jn.zeros(3), check=False)
    close(jitted(2.0), jn.zeros(3))
    assert runs(jitted) == 3


@pytest.mark.parametrize("listed", [True, False])
def test_s9_random_numbers_never_freeze(listed):
    generator = cuobjax.random.Generator(1)
    vc = generator.vars() if listed else VarCollection()
    jitted = Jit(lambda: cuobjax.random.normal((3,), generator=generator), vc)
    drawn = [np.asarray(jitted()) for _ in range(3)]
    generator.seed(1)
    for numbers in drawn:
        close(cuobjax.random.normal((3,), generator=generator), numbers)
    key = Jit(lambda: generator.key.value, vc)
    for seed in (1, 2):
        generator.seed(seed)
        close(key(), generator.key.value)


def test_s10_a_plain_function_needs_no_collection():
    layer = nn.Linear(3, 2)
    jitted = Jit(lambda x: layer(x))
    close(jitted(X), layer(X))
    layer.b.assign(layer.b.value + 1)
    close(jitted(X), layer(X))


def test_variables_that_a_function_makes_begin_anew():
    def f(x):
        state = StateVar(jn.zeros(2))
        total = StateVar(x * 0.0)
        for _ in range(3):
            state.value += x
            total.value += state.value
        return state.value, total.value

    jitted = Jit(f)
    for x in (1.0, 2.0, 3.0):
        x = jn.full((2,), x)
        for a, b in zip(jitted(x), f(x), strict=True):
            close(a, b)


def test_a_module_with_another_training_mode_is_recorded_anew():
    dropout = nn.Dropout(0.25)
    jitted = Jit(Counter(lambda x: dropout(x)), dropout.vars())
    outer = Jit(lambda x: jitted(x) * 2)
    for _ in range(2):
        with dropout.mode(training=True):
            assert (np.asarray(jitted(jn.ones(100))) == 0).any()
            assert (np.asarray(outer(jn.ones(100))) == 0).any()
        with dropout.mode(training=False):
            close(jitted(jn.array(X)), jn.array(X))
            close(outer(jn.array(X)), jn.array(2 * X))
    assert runs(jitted) == 2


@pytest.mark.parametrize("change", [
    lambda net: cuobjax.replace(net, "[0].w", TrainVar(jn.ones((3, 3)))),
    lambda net: setattr(net[0], "b", TrainVar(jn.ones(3))),
    lambda net: net.__setitem__(1, nn.Linear(3, 3)),
    lambda net: net.append(nn.Linear(3, 1)),
    lambda net: net.pop(),
    lambda net: setattr(net[0], "b", None),
    lambda net: cuobjax.ForceArgs.undo(net),
])  # fmt: skip
def test_a_changed_network_is_recorded_anew(change):
    forced = cuobjax.ForceArgs(nn.Dropout(1e-6), training=False)
    net = nn.Sequential([nn.Linear(3, 3), nn.Linear(3, 3), forced])
    jitted = Jit(Counter(lambda x: net(x, training=True)))
    close(jitted(X), net(X, training=True))
    change(net)
    jitted(X)
    close(jitted(X), net(X, training=True))
    assert runs(jitted) == 2


def test_after_freeze_a_program_is_recorded_anew():
    layer = nn.Linear(3, 2)
    sizes = Jit(lambda x: len(layer.vars().subset(TrainVar)))
    assert sizes(X) == 2
    cuobjax.freeze(layer)
    assert sizes(X) == 0
    cuobjax.unfreeze(layer)
    assert sizes(X) == 2


@on_numpy
def test_after_an_exception_nothing_has_happened():
    v, generator = StateVar(jn.zeros(())), cuobjax.random.Generator(4)
    key = np.asarray(generator.key.value)

    def f(x, fail=False):
        v.value += 1
        cuobjax.random.uniform((2,), generator=generator)
        if fail:
            raise KeyboardInterrupt
        return jn.linalg.cholesky(x)

    jitted = Jit(f)
    with pytest.raises(KeyboardInterrupt):
        jitted(jn.eye(2), fail=True)
    jitted(jn.eye(2))
    after = np.asarray(generator.key.value)
    with pytest.raises(np.linalg.LinAlgError):
        jitted(-jn.eye(2))
    assert (after != key).any()
    np.testing.assert_array_equal(np.asarray(generator.key.value), after)
    assert float(v.value) == 1
    close(jitted(jn.eye(2)), jn.eye(2))


def test_structures_of_arguments_and_outputs():
    jitted = Jit(lambda tree, *rest: ({"sum": tree["a"][0] + tree["b"], "name": "x"}, [rest, None, (3, tree["a"])]))
    for scale in (1.0, 2.0):
        a, b = jn.array(X * scale), jn.ones(3)
        first, second = jitted({"b": b, "a": [a]}, 1, b)
        close(first["sum"], a + b)
        assert first["name"] == "x" and second[1] is None and second[2][0] == 3
        assert second[0][0] == 1
        close(second[0][1], b)
        close(second[2][1][0], a)
    assert Jit(lambda: None)() is None
    assert [Jit(lambda x: [[x]])(1.5) for _ in range(2)] == [[[1.5]]] * 2


def test_modules_and_variables_as_arguments_are_static():
    jitted = Jit(Counter(lambda m, v, x: m(x) * v.value))
    m, n, v = nn.Sequential([nn.Linear(3, 2)]), nn.Linear(3, 2), StateVar(jn.ones(()))
    for module in (m, n, m):
        close(jitted(module, v, X), module(X))
    v.value += 1
    close(jitted(m, v, X), 2 * m(X))
    assert runs(jitted) == 2


def test_the_callers_buffers_do_not_become_constants_that_change(xp):
    buffer = xp.ones(3, "float32")
    jitted = Jit(lambda x: x + buffer)
    close(jitted(X), jn.array(X + 1))
    buffer[:] = 5
    close(jitted(X), jn.array(X + 1))


def test_a_value_from_outside_that_is_traced_is_not_kept():
    def outer(x):
        inner = Jit(lambda y: (x * y).sum())
        return inner(X) + inner(X)

    g = cuobjax.Grad(outer, None, input_argnums=(0,))
    close(g(X)[0], jn.array(2 * X))
    close(g(X)[0], jn.array(2 * X))
    inside = Jit(outer)
    for x in (X, 2 * X):
        close(inside(x), jn.array(2 * (x * X).sum()))


def test_a_traced_value_that_is_stored_raises_when_it_is_used():
    kept = []
    Jit(lambda x: kept.append(x) or x)(X)
    with pytest.raises(RuntimeError, match="recording has ended"):
        kept[0] + 1
    v = StateVar(jn.zeros(()))
    Jit(lambda: kept.append(v.value))()
    with pytest.raises(ConcretizationError, match=r"depends on a StateVar of shape \(\)\."):
        bool(kept[1])


LOSSES = {
    "jit": lambda f, v: Jit(f),
    "jit jit": lambda f, v: Jit(Jit(f)),
    "remat in jit": lambda f, v: Jit(cuobjax.Remat(f)),
    "jit in remat": lambda f, v: cuobjax.Remat(Jit(f)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_nesting_with_gradients(name):
    layer = nn.Linear(3, 2)
    state = StateVar(jn.zeros(()))

    def loss(x):
        state.value += 1
        y = jn.tanh(layer(x))
        return (y * y).mean() + state.value

    wrapped = LOSSES[name](loss, layer.vars())
    expected, value = GradValues(loss, layer.vars(), input_argnums=(0,))(X)
    inside = GradValues(wrapped, layer.vars(), input_argnums=(0,))
    outside = Jit(GradValues(wrapped, layer.vars(), input_argnums=(0,)))
    for gradients in (inside, inside, outside, outside, inside):
        state.value = jn.zeros(())
        got, values = gradients(X)
        assert float(state.value) == 1
        close(values[0], value[0])
        for a, b in zip(got, expected, strict=True):
            close(a, b)


def test_nesting_with_the_derivatives_of_autograd():
    w = TrainVar(jn.array(X[0]))

    def f(x):
        return jn.tanh(x * w.value).sum()

    jitted, x, t = Jit(f), jn.array(X[1]), jn.array(X[2])
    gradient = autograd.grad(f)
    for _ in range(2):
        close(autograd.grad(jitted)(x), gradient(x))
        close(autograd.vmap(jitted)(jn.array(X)), autograd.vmap(f)(jn.array(X)))
        close(autograd.jvp(jitted, x, t)[1], autograd.jvp(f, x, t)[1])
        close(autograd.hvp(jitted, x, t), autograd.hvp(f, x, t))
        close(autograd.hessian(jitted)(x), autograd.hessian(f)(x))
        close(autograd.vmap(autograd.grad(jitted))(jn.array(X)), autograd.vmap(gradient)(jn.array(X)))
        summed = autograd.grad(lambda x: autograd.vmap(jitted)(x).sum())
        close(summed(jn.array(X)), autograd.vmap(gradient)(jn.array(X)))
    for transform in (autograd.grad, autograd.hessian, autograd.jacfwd):
        outside = Jit(lambda x, transform=transform: transform(f)(x))
        for _ in range(2):
            close(outside(x), transform(f)(x))
    mapped = Jit(autograd.vmap(autograd.grad(jitted)))
    for _ in range(2):
        close(mapped(jn.array(X)), autograd.vmap(gradient)(jn.array(X)))
    close(jitted(x), f(x))


def test_own_derivatives_survive():
    @autograd.custom_vjp
    def clipped(x):
        return x * 1.0

    clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (jn.clip(g, -1, 1),))
    jitted = Jit(lambda x: clipped(x * 3).sum())
    inside = Jit(autograd.grad(lambda x: 10 * clipped(x * 3).sum()))
    for _ in range(2):
        close(jitted(X), jn.array((X * 3).sum()))
        close(autograd.grad(lambda x: 10 * jitted(x))(jn.array(X)), jn.full((4, 3), 3.0))
        close(inside(jn.array(X)), jn.full((4, 3), 3.0))


def test_own_derivatives_of_one_program_in_two_threads():
    together, own = threading.Barrier(2, timeout=60), threading.local()

    @autograd.custom_jvp
    def double(x):
        if getattr(own, "meets", False):
            own.meets = False
            together.wait()  # both threads are between their begin and the derivative
        return 2 * x

    double.defjvp(lambda primals, tangents: (2 * primals[0], tangents[0] * own.x))
    program, ones = Jit(double), jn.ones(2)
    program(ones)

    def f(x):
        own.x = x  # a traced value that is no argument of `double`
        return program(x)

    def derivative(_):
        own.meets = True
        with pytest.raises(TypeError, match="double: its derivative uses a traced value from outside"):
            autograd.jvp(f, (ones,), (ones,))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(derivative, range(2)))


def test_threads():
    layer = nn.Linear(50, 50)
    jitted = Jit(lambda x: jn.tanh(layer(jn.tanh(x * 2 + 1))) * 3)
    xs = [np.random.default_rng(i).normal(size=(20, 50)).astype("float32") for i in range(4)]
    expected = [np.tanh(np.tanh(x * 2 + 1) @ np.asarray(layer.w.value) + np.asarray(layer.b.value)) * 3 for x in xs]
    failures, start, device = [], threading.Barrier(4), autograd.default_device()

    def work(i):
        start.wait()
        try:
            for _ in range(50):
                with autograd.device(device):
                    y = jitted(xs[i])
                np.testing.assert_allclose(np.asarray(y), expected[i], rtol=1e-4, atol=1e-5)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@on_numpy
def test_a_program_is_reentrant():
    inner = Jit(lambda x: jn.tanh(x) * 2 + 1)

    @autograd.extend.primitive
    def again(x):
        return np.asarray(inner(x)) if x.sum() > 0 else x

    x = np.full((30, 30), 0.5, "float32")
    expected = inner(inner(x) * 1.0)
    nested = Jit(lambda x: inner(again(x) * 1.0))
    for _ in range(2):
        close(nested(x), expected)


def test_pickle_and_copy_drop_the_programs():
    jitted = Jit(nn.Linear(3, 2))
    expected = jitted(X)
    for other in (pickle.loads(pickle.dumps(jitted)), copy.deepcopy(jitted)):
        assert "recorded 0 times" in str(other.explain())
        close(other(X), expected)
        other.__wrapped__.b.assign(other.__wrapped__.b.value + 1)
        close(other(X), expected + 1)
    close(jitted(X), expected)


@on_numpy
def test_memory_of_a_step_is_at_most_the_eager_one():
    w = TrainVar(jn.ones((64, 64)) * 0.02)

    def loss(x):
        for _ in range(12):
            x = jn.tanh(x @ w.value)
        return (x * x).mean()

    eager = GradValues(loss, VarCollection({"w": w}))
    x = jn.array(np.random.default_rng(0).normal(size=(512, 64)))
    assert peak(Jit(eager), x, warm=2) <= peak(eager, x)
    first = peak(Jit(eager), x, warm=0)
    assert first <= 1.3 * peak(eager, x)


@on_numpy
@pytest.mark.parametrize("by_inner_loops", [True, False])
def test_remat_saves_memory_in_jit(by_inner_loops, monkeypatch):
    monkeypatch.setattr(compiled, "is_there", lambda: by_inner_loops)
    w = TrainVar(jn.eye(64))

    def block(x):
        for _ in range(4):
            x = jn.tanh(x @ w.value)
        return x

    def model(wrap):
        blocks = [wrap(block) for _ in range(4)]

        def loss(x):
            for each in blocks:
                x = each(x)
            return (x * x).mean()

        return Jit(GradValues(loss, VarCollection({"w": w})))

    x = jn.array(np.random.default_rng(0).normal(size=(512, 64)))
    plain, remat = model(lambda f: f), model(cuobjax.Remat)
    for a, b in zip(plain(x)[0], remat(x)[0], strict=True):
        close(a, b)
    bytes_of = [next(iter(j._programs.values()))[0].run_raw.peak_bytes for j in (plain, remat)]
    assert bytes_of[1] < 0.7 * bytes_of[0]
    assert peak(remat, x) < 0.7 * peak(plain, x)


def peak(f, x, warm=1):
    """The memory of one call."""
    for _ in range(warm):
        f(x)
    tracemalloc.start()
    try:
        kept = f(x)  # noqa: F841
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@on_numpy
def test_programs_of_lanes_and_lanes_of_programs():
    """Gradients of every example, states and random numbers: Jit of Vectorize and Vectorize of Jit are Vectorize."""
    net, x = nn.Linear(3, 2), jn.linspace(-1, 1, 12).reshape(4, 3)
    gradients = cuobjax.Grad(lambda x: (jn.tanh(net(x)) ** 2).sum(), net.vars())
    expected = cuobjax.Vectorize(gradients)(x)
    for both in (Jit(cuobjax.Vectorize(gradients)), cuobjax.Vectorize(Jit(gradients))):
        for _ in range(2):
            for one, other in zip(both(x), expected, strict=True):
                close(one, other)
    state, generator = StateVar(jn.zeros(())), cuobjax.random.Generator(7)

    def f(x):
        state.value += x.sum()
        return x + cuobjax.random.normal((), generator=generator)

    for both in (Jit(cuobjax.Vectorize(f)), cuobjax.Vectorize(Jit(f))):
        state.value = jn.zeros(())
        noise = [np.asarray(both(x) - x) for _ in range(3)]
        assert len({row[0].item() for lanes in noise for row in lanes}) == 12
        close(state.value, 3 * x.sum(1).mean())


@dataclasses.dataclass
class Scaled:
    """An array and a function that belongs to the structure."""

    x: object
    scale: object = dataclasses.field(metadata={"static": True})


def test_static_values_are_told_apart_by_what_they_are():
    def times(k):
        return lambda x: x * k

    jitted = Jit(lambda scaled: scaled.scale(scaled.x))
    for k in range(4):  # whose functions may get the address of one that is gone
        close(jitted(Scaled(jn.ones(2), times(k))), jn.full((2,), float(k)))
    with pytest.raises(ValueError, match=r"a static field.*hash"):
        jitted(Scaled(jn.ones(2), np.zeros(3)))
    pair = collections.namedtuple("pair", "a b")
    jitted = Jit(lambda x, p: x * p.a, static_argnums=1)
    dtypes = [jitted(np.arange(3), pair(a, 0)).dtype for a in (1, 1.0, 1j, True)]
    assert dtypes == ["int32", "float32", "complex64", "int32"]
    assert [str(Jit(lambda d: d)({key: 2})) for key in (1, True)] == ["{1: 2}", "{True: 2}"]
    with pytest.raises(TypeError, match="iterator"):
        Jit(lambda x: sum(x))(iter([1, 2]))


@on_numpy  # CuPy refuses them
def test_subclasses_of_numbers():
    class Size(enum.IntEnum):
        LARGE = 4

    def f(x, n):
        return x * Size.LARGE, n * Size.LARGE + x

    jitted = Jit(f)
    for n in (2, 3):
        for got, expected in zip(jitted(X, n), f(jn.array(X), n), strict=True):
            close(got, expected)


def test_a_gradient_through_a_variable_that_is_not_listed():
    w = TrainVar(jn.array([2.0, 3.0]))
    inner = Jit(lambda x: x * w.value, VarCollection())
    gradients = cuobjax.Grad(lambda x: inner(x).sum(), {"w": w})
    for _ in range(2):
        close(gradients(5.0)[0], jn.full((2,), 5.0))
        close(inner(5.0), jn.array([10.0, 15.0]))


def test_the_recorded_call_gives_what_later_ones_give(xp):
    mine = xp.ones(2, "float32")
    jitted = Jit(lambda x: (mine, x, np.float64(2)))
    first, second = jitted(jn.ones(2)), jitted(jn.ones(2))
    mine[0] = 9
    for results in (first, second):
        assert all(isinstance(y, cuobjax.Array) for y in results)
        close(results[0], jn.ones(2))


def test_debugging_looks_into_programs():
    jitted = Jit(lambda x: jn.log(x))
    jitted(jn.array(1.0))
    with autograd.debug_nans(), pytest.raises(FloatingPointError, match="log"):
        jitted(jn.array(-1.0))


def test_ufuncs_of_a_real_number_and_an_integer():
    jitted = Jit(lambda x, n: (jn.ldexp(x, n), jn.ldexp(x, 3)))
    for n in (2, 3):
        a, b = jitted(X, n)
        close(a, jn.array(np.ldexp(X, n)))
        close(b, jn.array(np.ldexp(X, 3)))


def test_parameters_that_differ_in_the_sign_of_zero_alone():
    jitted = Jit(lambda x: [F.leaky_relu(x, slope) for slope in (np.float32(0.0), np.float32(-0.0))])
    for _ in range(2):
        assert [bool(np.signbit(y.item())) for y in jitted(-jn.ones(()))] == [True, False]


def test_cond_is_not_decided():
    with pytest.raises(ConcretizationError, match=r"where\(condition, x, y\)"):
        Jit(lambda x: autograd.cond(x > 0, lambda x: x * 2, lambda x: -x, x))(1.0)


def test_a_variable_in_the_place_of_none_and_one_that_was_deleted():
    layer = nn.Linear(3, 2, use_bias=False)
    jitted = Jit(layer)
    before = jitted(X)
    layer.b = TrainVar(jn.full((2,), 5.0))
    close(jitted(X), before + 5)
    del layer.b
    layer.b = None
    close(jitted(X), before)
    assert "recorded 3 times" in str(jitted.explain()) and "2 were dropped" in str(jitted.explain())


def test_a_module_that_asks_whether_it_is_in_training():
    class Doubling(cuobjax.Module):
        def __call__(self, x):
            return x * 2 if self.training else x

    module = Doubling()
    jitted = Jit(module)
    for training in (True, False, True):
        module.train(training)
        close(jitted(X), jn.array(X) * (1 + training))
    assert jitted._recordings == 2


def test_new_networks_do_not_make_programs_old():
    layer = nn.Linear(3, 2)
    jitted = Jit(Counter(lambda x: layer(x)))
    for _ in range(3):
        jitted(X)
        nn.Sequential([nn.Linear(3, 2)]).append(nn.Linear(2, 2))
        copy.deepcopy(layer)
    assert runs(jitted) == 1
    layer.later = nn.Linear(1, 1)
    jitted(X)
    assert runs(jitted) == 2


def test_an_optimizer_that_is_not_listed_goes_on():
    def losses(wrap):
        layer = nn.Linear(3, 2)
        for i, v in enumerate(layer.vars()):
            v.assign(jn.array(np.random.default_rng(i).normal(size=v.shape).astype("float32")))
        gradients = GradValues(lambda x: (layer(x) ** 2).mean(), layer.vars())
        optimizer = cuobjax.optimizer.Adam(layer.vars())

        def step(x):
            g, v = gradients(x)
            optimizer(0.1, g)
            return v[0]

        step = wrap(step, layer.vars())
        return [float(step(X)) for _ in range(4)], int(optimizer.step.value)

    (values, steps), (expected, _) = losses(Jit), losses(lambda f, vc: f)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert steps == 4


def test_what_static_values_compare_by():
    @dataclasses.dataclass(eq=False)
    class Setting:
        size: int

    a, b = Setting(1), Setting(1)
    a.factor, b.factor = 2, 3
    jitted = Jit(lambda x, setting: x * setting.factor, static_argnums=1)
    assert [float(jitted(jn.ones(()), setting)) for setting in (a, b)] == [2, 3]
    frozen = dataclasses.make_dataclass("Frozen", ["size"], frozen=True)
    jitted = Jit(lambda x, setting: x * setting.size, static_argnums=1)
    assert [jitted(np.arange(3), frozen(size)).dtype for size in (1, 1.0)] == ["int32", "float32"]
    with pytest.raises(TypeError, match="positions"):
        Jit(lambda x: x, static_argnums=("x",))


def test_a_jit_that_is_called_while_a_list_grows():
    layers = cuobjax.ModuleList([nn.Linear(3, 3)])
    jitted = Jit(lambda x: [layer(x) for layer in layers])
    jitted(X)

    def more():
        for _ in range(2):
            yield nn.Linear(3, 3)
            jitted(X)

    layers.extend(more())
    assert len(jitted(X)) == 3


def test_copies_of_modules_are_traced():
    layer = nn.Linear(3, 2)

    def f(x):
        copied = copy.deepcopy(layer)
        copied.b.assign(copied.b.value * 2)
        return copied(x).sum()

    b, w = cuobjax.Grad(f, layer.vars())(X)
    close(b, jn.full((2,), 8.0))
    close(w, jn.array(np.repeat(X.sum(0)[:, None], 2, 1)))
    jitted = Jit(lambda x: copy.copy(layer.b) + x)
    for _ in range(2):
        close(jitted(1.0), layer.b.value + 1)
        layer.b.assign(layer.b.value + 1)


def test_attributes_of_a_jit_are_copied():
    jitted = Jit(lambda x: x)
    jitted.tag = 3
    jitted.eval()
    copied = copy.deepcopy(jitted)
    assert (copied.tag, copied.training) == (3, False)


def test_variables_that_a_function_makes_are_no_inputs():
    layer, norm = nn.Linear(3, 3), nn.BatchNorm0D(3)

    def f(x):
        state = StateVar(jn.zeros(3))
        state.value += x.sum(0)
        return copy.deepcopy(norm)(layer(x), training=True) + state.value

    jitted = Jit(Counter(f), layer.vars())
    for scale in (1, 2):
        close(jitted(X * scale), f(jn.array(X * scale)))
    assert runs(jitted) == 1


def test_a_copy_that_lives_on_is_made_in_each_call():
    v, copies = StateVar(jn.zeros(())), []
    jitted = Jit(lambda: copies.append(copy.deepcopy(v)))
    jitted(), jitted()
    assert len({id(x) for x in copies}) == 2


def test_static_values_within_static_values():
    inner = dataclasses.make_dataclass("Inner", ["a"], frozen=True)
    outer = dataclasses.make_dataclass("Outer", ["part"], unsafe_hash=True)

    def f(x, s):
        return x * (s.part.a if isinstance(s.part, inner) else min(s.part))

    jitted = Jit(f, static_argnums=(np.int64(1),))
    for make in (lambda a: outer(inner(a)), lambda a: outer(frozenset([a]))):
        assert [jitted(np.arange(3), make(a)).dtype for a in (2, 2.0)] == ["int32", "float32"]


def test_a_function_that_puts_a_layer_into_a_module_is_recorded_once():
    holder, layer = cuobjax.Module(), nn.Linear(3, 2)
    Jit(lambda: None)()  # from then on, changes of the module count

    def f(x):
        holder.layer = layer
        return layer(x)

    jitted = Jit(Counter(f))
    for _ in range(3):
        close(jitted(X), layer(X))
    assert runs(jitted) == 1


def test_deleting_what_is_no_part_of_a_network_keeps_programs():
    layer = nn.Linear(3, 2)
    jitted = Jit(Counter(lambda x: layer(x)))
    for _ in range(3):
        jitted(X)
        layer.cache = 3
        del layer.cache
    assert runs(jitted) == 1


def test_raw_arrays_get_the_dtype_of_variables_that_were_replaced():
    layer, x = nn.Linear(3, 2, use_bias=False), np.full(3, 0.1)
    for jitted in (Jit(layer), Jit(layer, VarCollection())):
        for dtype in ("float64", "float32"):
            layer.w = TrainVar(jn.ones((3, 2), dtype))
            y = jitted(x)
            assert y.dtype == dtype
            np.testing.assert_allclose(y, np.full(2, 0.3), rtol=1e-15 if dtype == "float64" else 1e-6)
    assert Jit(lambda x, name: x)(np.ones(3), "name").dtype == np.float32


@on_numpy
def test_integers_of_numbers_that_are_out_of_range():
    jitted = Jit(lambda n: jn.asarray(n) * 2)
    assert jitted(3) == 6
    with pytest.raises(OverflowError, match="int64"):
        jitted(2**40)


def test_an_item_by_a_computed_index_is_not_written_over():
    """With NumPy, an index that was computed is a scalar, and the item a view of the array."""
    table, count = TrainVar(jn.ones((4, 500))), StateVar(jn.array(0))

    def following():
        count.value = count.value + 1
        return jn.exp(table[count.value]).sum()

    jitted = Jit(following, VarCollection({"table": table, "count": count}))
    for _ in range(3):
        close(jitted(), np.float32(500 * np.e))
    close(table.value, jn.ones((4, 500)))
    mine = np.ones((3, 4))
    largest = Jit(lambda x: jn.exp(x[jn.argmax(x[:, 0])]), VarCollection())
    item = Jit(lambda x: x[jn.argmax(x[:, 0])], VarCollection())
    for _ in range(3):
        largest(mine)
        shared = item(mine)
    assert (mine == 1).all()
    mine[:] = 2
    close(shared, np.ones(4, "float32"))


class Batch:
    """An object with a hash that says nothing of its content."""

    def __init__(self, x):
        self.x = x

    def __call__(self, x):
        return x + self.x


@pytest.mark.parametrize("stranger", [Batch(1.0), np.random.default_rng(0), threading.Lock()], ids=lambda x: type(x))
def test_arguments_with_content_that_no_key_tells_are_refused_by_name(stranger):
    f = Jit(lambda x, batch=None: x)
    match = rf"^Jit: expected {{}} as an array, .*, got {type(stranger).__name__}, whose content .* static_argnums\.$"
    with pytest.raises(TypeError, match=match.format(r"argument 1 \(batch\)\[0\]")):
        f(1.0, [stranger])
    with pytest.raises(TypeError, match=match.format(r"argument 'batch'\['key'\]")):
        f(1.0, batch={"key": stranger})
    assert Jit(lambda x, batch: x, static_argnums=1)(1.0, stranger) == 1
    assert Jit(lambda x, batch: x, static_argnums=1)(1.0, batch=stranger) == 1
    assert Jit(lambda x, **k: x, static_argnums=())(1.0, k=None) == 1


@pytest.mark.parametrize(
    "known",
    [len, np.add, jn.tanh, functools.partial(jn.sum, axis=0), Batch, np, ..., object(), np.dtype("f4"), "text",
     autograd.custom_vjp(lambda x: x), Batch(1).__call__],
    ids=lambda known: type(known).__name__,
)  # fmt: skip
def test_functions_classes_and_the_like_are_static_arguments(known):
    assert Jit(lambda x, known: x)(1.0, known) == 1


def test_messages_name_variables_and_parameters():
    net = nn.Sequential([nn.Linear(3, 2), Counter(lambda x: x if x.sum() > 0 else -x)])
    step = Jit(lambda x: net(x))
    match = r"depends on argument 0 \(x\), net.*\[0\]\(Linear\)\.w \(a TrainVar of shape \(3, 2\)\), net.*b"
    with pytest.raises(ConcretizationError, match=match):
        step(X)
    with pytest.raises(ConcretizationError, match=r"depends on \(Linear\)\.w \(a TrainVar") as caught:
        Jit(lambda: bool(net[0].w.sum() > 0), net[0].vars())()
    assert "static_argnums" not in str(caught.value)
    assert "where(condition, x, y)" in str(caught.value)


def test_numpy_arrays_go_to_the_device_of_the_variables_that_a_function_reaches(xp):
    layer = nn.Linear(3, 2)
    gradients = GradValues(lambda x: layer(x).sum(), layer.vars())
    expected = layer(jn.array(X))
    with autograd.device("cpu"):
        for jitted in (Jit(layer), Jit(lambda x: layer(x)), Jit(lambda x: layer(x), layer.vars())):
            y = jitted(X)
            assert y.device == layer.w.device
            close(autograd.device_put(y, "cpu"), autograd.device_put(expected, "cpu"))
        assert Jit(lambda x: gradients(x)[1][0])(X).device == layer.w.device


def test_numpy_arrays_go_to_the_default_device_from_variables_on_the_cpu(xp):
    with autograd.device("cpu"):
        v = TrainVar(jn.ones(2))
    assert Jit(lambda x: x * 2, {"v": v})(np.ones(2)).device == autograd.default_device()


def test_numpy_arrays_of_text_are_static_on_every_device(xp):
    jitted = Jit(Counter(lambda names, x: x * len(names)))
    for names, n in ((["a", "b"], 2), (["a", "b"], 2), (["a"], 1)):
        close(jitted(np.array(names), X), X * n)
    assert runs(jitted) == 2


def test_numpy_arrays_have_the_dtype_of_all_variables_on_every_device(xp):
    a, b = TrainVar(jn.ones(2)), TrainVar(jn.ones(2, "float64"))
    x = np.array([1 / 3, 1 / 7])
    for jitted in (Jit(lambda x: x * b * a, {"a": a, "b": b}), Jit(lambda x: x * b * a, {"b": b, "a": a})):
        for _ in range(2):
            y = jitted(x)
            assert y.device == a.device
            np.testing.assert_array_equal(np.asarray(y), x, strict=True)


class ArrayLike:
    """What another library calls an array."""

    def __init__(self, x):
        self.x = np.asarray(x, "float32")

    def __array__(self, dtype=None, copy=None):
        return self.x if dtype is None else self.x.astype(dtype)


class HashedArrayLike(ArrayLike):
    """One that has a hash of its own, as PyTorch's tensors do."""

    def __hash__(self):
        return 1


@pytest.mark.parametrize("kind", [ArrayLike, HashedArrayLike])
def test_what_can_be_read_as_an_array_is_an_input(kind):
    jitted = Jit(Counter(lambda batch, k=1.0: batch["x"].sum() * k))
    buffer = kind([1, 1])
    unchanged = Jit(lambda x: x)(buffer)
    assert float(jitted({"x": buffer})) == 2
    buffer.x[:] = 5
    assert float(jitted({"x": buffer})) == 10
    close(unchanged, np.ones(2, "float32"))
    assert float(jitted({"x": kind([1, 2])}, k=kind(2.0))) == 6
    assert runs(jitted) == 2
