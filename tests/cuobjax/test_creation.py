"""Variables that a function makes in its first call, and what later calls find in them, under every transform."""

import copy
import gc
import weakref

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import Grad, GradValues, Jit, Parallel, Remat, StateVar, TrainVar, Vectorize, nn, random
from cuobjax.core.call import call

pytestmark = pytest.mark.usefixtures("xp")


class Lazy(cuobjax.Module):
    """A linear layer that waits for the width of its input."""

    def __init__(self, generator=None):
        self.generator = generator or random.Generator(0)
        self.w = None

    def __call__(self, x):
        if self.w is None:
            self.w = TrainVar(random.normal((x.shape[-1], 30), generator=self.generator))
        return x @ self.w


class Centered:
    """Subtracts the mean of the first batch that it sees."""

    def __init__(self):
        self.seen = {}

    def __call__(self, x):
        if "mean" not in self.seen:
            self.seen["mean"] = StateVar(jn.zeros(x.shape[1:]))
            self.seen["mean"].value = x.mean(0)
        return x - self.seen["mean"]


COMPOSITIONS = {
    "Jit": Jit,
    "Jit(Jit)": lambda f: Jit(Jit(f)),
    "Remat": Remat,
    "Jit(Remat)": lambda f: Jit(Remat(f)),
    "GradValues": lambda f: lambda x: GradValues(lambda x: ((y := f(x)).sum(), y), None, (0,))(x)[1][1],
    "Jit(GradValues)": lambda f: Jit(lambda x: GradValues(lambda x: ((y := f(x)).sum(), y), None, (0,))(x)[1][1]),
    "GradValues(Jit)": lambda f: COMPOSITIONS["GradValues"](Jit(f)),
}


@pytest.mark.parametrize("transform", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_later_calls_use_the_variable_that_the_first_one_made(transform):
    net = Lazy()
    run, x = transform(net), jn.ones((1, 3))
    first = np.asarray(run(x))
    np.testing.assert_allclose(first, np.asarray(net.w.value).sum(0, keepdims=True), rtol=1e-5)
    key = np.asarray(net.generator.key.value)
    net.w.assign(jn.arange(90.0).reshape(3, 30))
    for _ in range(3):
        np.testing.assert_allclose(run(x), net(x))
    np.testing.assert_array_equal(net.w, jn.arange(90.0).reshape(3, 30))
    np.testing.assert_array_equal(net.generator.key, key)


@pytest.mark.parametrize("transform", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_a_start_that_depends_on_data_is_that_of_the_first_call(transform):
    run = transform(Centered())
    np.testing.assert_allclose(run(jn.array([[1.0], [3.0]])), [[-1], [1]])
    for _ in range(3):
        np.testing.assert_allclose(run(jn.array([[11.0], [13.0]])), [[9], [11]])


@pytest.mark.filterwarnings("ignore:Centered.seen is a dict that holds StateVar:UserWarning")
def test_a_recorded_program_runs_once_the_variables_are_made():
    runs = []
    net = Centered()
    jitted = Jit(lambda x: runs.append(1) or net(x))
    for _ in range(5):
        jitted(jn.ones((2, 1)))
    assert len(runs) == 2
    assert "some calls were not stored: they made variables, which later calls use" in str(jitted.explain())


def test_a_step_that_makes_its_optimizer_in_the_first_call_trains():
    def losses(transform):
        net, made, x = nn.Sequential([Lazy(), jn.tanh, nn.Linear(30, 1)]), {}, jn.ones((4, 3))
        net[2].w.assign(jn.full((30, 1), 0.1))

        def step(x):
            if not made:
                net(x)
                made["gradients"] = GradValues(lambda x: ((net(x) - 3.0) ** 2).mean(), net.vars())
                made["optimizer"] = cuobjax.optimizer.Adam(net.vars())
            g, v = made["gradients"](x)
            made["optimizer"](0.05, g)
            return v[0]

        step = transform(step)
        return [float(step(x)) for _ in range(20)]

    np.testing.assert_allclose(losses(Jit), losses(lambda f: f), rtol=1e-5)


def test_a_copy_that_lives_on_is_not_made_anew():
    source, kept = TrainVar(jn.array(1.0)), []

    def f(x):
        if not kept:
            kept.append(copy.deepcopy(source))
        return kept[0] * x

    jitted = Jit(f)
    jitted(jn.array(1.0))
    kept[0].assign(jn.array(5.0))
    source.assign(jn.array(7.0))
    assert [float(jitted(jn.array(2.0))) for _ in range(2)] == [10, 10]


def test_variables_in_reference_cycles_do_not_live_on():
    runs = []

    def f(x):
        runs.append(1)
        holder = {"state": StateVar(x * 0)}
        holder["self"] = holder
        holder["state"].value += x
        return holder["state"].value

    jitted = Jit(f)
    assert [float(jitted(jn.array(2.0))) for _ in range(3)] == [2, 2, 2]
    assert len(runs) == 1


def test_a_call_says_which_variables_live_on():
    kept, made = [], []

    def f():
        kept.append(StateVar(jn.zeros(2)))
        StateVar(jn.zeros(3))

    _, changes, _ = call(f, (), {}, made=made)
    assert made == kept
    assert not changes
    reference = weakref.ref(kept.pop())
    made.clear()
    gc.collect()
    assert reference() is None


def test_gradients_flow_through_the_start_of_a_variable_under_remat():
    def gradient(transform):
        return Grad(lambda x: (transform(Centered())(x) ** 3).sum(), None, (0,))(jn.array([[1.0], [3.0], [8.0]]))[0]

    np.testing.assert_allclose(gradient(Remat), gradient(lambda f: f), rtol=1e-5)
    np.testing.assert_allclose(gradient(Remat).ravel(), [1, -23, 22], rtol=1e-5)


@pytest.mark.parametrize("transform", [Vectorize, lambda f: Jit(Vectorize(f)), lambda f: Vectorize(Jit(f))])
def test_a_variable_does_not_begin_with_a_mean_over_lanes(transform):
    net = Lazy()
    match = "^Vectorize: the function made a TrainVar of shape .*, whose first value differs from lane to lane. Call"
    with pytest.raises(ValueError, match=match):
        transform(net)(jn.ones((64, 20)))
    net = Lazy()
    net(jn.ones(20))  # as the error says
    assert transform(net)(jn.ones((64, 20))).shape == (64, 30)
    assert 0.9 < float(net.w.value.std()) < 1.1


def test_lanes_may_make_a_variable_of_one_value_or_with_a_reduction():
    made = {}

    def f(x):
        made.setdefault("same", StateVar(jn.ones(2)))
        made.setdefault("mean", StateVar(x))
        made.setdefault("first", TrainVar(x, reduce=lambda x: x[0]))
        return x * made["same"].sum()

    np.testing.assert_array_equal(Vectorize(f)(jn.arange(3.0)), [0, 2, 4])
    assert [float(made[name].value) for name in ("mean", "first")] == [1, 0]


def test_devices_do_not_each_make_a_variable(monkeypatch, xp):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    if Parallel(lambda x: x).ndevices < 2:
        pytest.skip("one device only")
    net = Lazy()
    x = jn.ones((4, 3))
    match = "^Parallel: the function made a TrainVar of shape .* that lives on, one for each device. Call the function"
    with pytest.raises(ValueError, match=match):
        Parallel(net)(x)
    net = Lazy()
    net(x)
    np.testing.assert_allclose(Parallel(net)(x), net(x), rtol=1e-5)
