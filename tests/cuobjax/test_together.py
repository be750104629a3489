"""Steps of optimizers over all variables at once."""

import copy
import functools
import inspect
import pickle

import ml_dtypes  # noqa: F401 (bfloat16)
import numpy as onp
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import optimizer
from cuobjax.optimizer.together import _programs

SHAPES = [((3, 4), "float32"), ((5,), "float32"), ((), "float32"), ((2, 3), "float64"), ((0, 4), "float32")]
SHAPES += [((6,), "float16"), ((4100,), "float32"), ((2,), "complex64"), ((3,), "bfloat16")]
OPTIMIZERS = {
    name: kind
    for name, kind in vars(optimizer).items()
    if isinstance(kind, type) and issubclass(kind, optimizer.Optimizer) and kind.elementwise
}


SUMMING = {optimizer.LAMB, optimizer.LARS}


class Signum(optimizer.Optimizer):
    """One of a user."""

    elementwise = True
    calls = 0

    def __init__(self, vc, momentum=0.5):
        super().__init__(vc)
        self.momentum = momentum
        self.m = self.zeros()

    def update(self, p, g, lr, m):
        type(self).calls += 1
        m.value = self.momentum * m.value + (1 - self.momentum) * g
        p.value -= lr * jn.sign(m.value)


def variables(shapes=SHAPES):
    rng = onp.random.default_rng(0)
    named = {f"v{i}": jn.array(rng.normal(size=shape), dtype=dtype) for i, (shape, dtype) in enumerate(shapes)}
    return cuobjax.VarCollection({name: cuobjax.TrainVar(x) for name, x in named.items()})


def gradients(vc, seed):
    rng = onp.random.default_rng(seed)
    return [jn.array(rng.normal(size=v.shape), dtype=v.dtype) for v in vc]


def assert_same(a, b, rounding=0.0):
    """The same bits; of optimizers that sum, on a GPU, up to rounding: its kernels sum in an order of their own."""
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype
        x, y = onp.asarray(x.value), onp.asarray(y.value)
        if rounding:
            wide = "complex128" if x.dtype.kind == "c" else "float64"
            tolerance = rounding * (1e4 if x.dtype.itemsize == 2 else 1)
            onp.testing.assert_allclose(x.astype(wide), y.astype(wide), rtol=tolerance, atol=tolerance)
        else:
            assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("kind", [*OPTIMIZERS.values(), Signum])
def test_a_step_over_all_variables_has_the_bits_of_steps_over_each(kind, monkeypatch):
    vc, alone = variables(), variables()
    together, apart = kind(vc), kind(alone)
    for step in range(3):
        together(0.1 / (1 + step), gradients(vc, step))
        with monkeypatch.context() as patched:
            patched.setattr(kind, "elementwise", False)
            apart(0.1 / (1 + step), gradients(alone, step))
    assert all(_programs[together].values())
    assert apart not in _programs
    assert_same(
        together.vars(), apart.vars(), 1e-5 if kind in SUMMING and autograd.default_device().kind != "cpu" else 0.0
    )


@pytest.mark.parametrize("kind", [optimizer.Adafactor, optimizer.Muon])
def test_variables_of_one_shape_are_updated_together(kind, monkeypatch):
    shapes = [((3, 4), "float32")] * 3 + [((5, 2), "float16")] * 2 + [((2, 3, 2), "float32")] * 2
    shapes += [((4, 2), "complex64")] * 2 + [((0, 3), "float32")] * 2 + [((300, 300), "float32")] * 2
    shapes += [((4,), "float32")] * 3 + [((), "float32")] * 2 if kind is optimizer.Adafactor else []
    vc, alone = variables(shapes), variables(shapes)
    together, apart = kind(vc), kind(alone)
    calls, update = [], kind.update

    def counted(*args, **numbers):
        calls.append(args)
        update(*args, **numbers)

    counted.__signature__ = inspect.signature(update)
    monkeypatch.setattr(kind, "update", counted)
    for step in range(3):
        before = {v: v.value for v in vc}
        together({"v1": 0.1, "*": 0.2}, gradients(vc, step))
        count = len(calls)
        with monkeypatch.context() as patched:
            patched.setattr(kind, "_by_shape", False)
            apart({"v1": 0.1, "*": 0.2}, gradients(alone, step))
        assert count < len(calls) - count
        calls.clear()
        assert all(v.value is before[v] for v in vc if not v.size)
    assert_same(together.vars(), apart.vars(), 1e-5)


def test_update_is_called_once_for_all_variables_of_a_dtype():
    vc = variables([((n,), "float32") for n in range(1, 9)])
    step = Signum(vc)
    Signum.calls = 0
    for i in range(3):
        step(0.1 / (i + 1), gradients(vc, i))
    assert Signum.calls == 1


def test_update_is_called_for_each_variable_within_debug():
    vc = variables([((n,), "float32") for n in range(1, 9)])
    step = Signum(vc)
    Signum.calls = 0
    with autograd.debug():
        step(0.1, gradients(vc, 0))
    assert Signum.calls == 8


def test_a_changed_attribute_counts_from_the_next_step_on():
    vc = variables([((3,), "float32")])
    step = Signum(vc, momentum=0.0)
    step(1.0, [jn.array([1.0, 1.0, 1.0])])
    before = vc["v0"].value
    step.momentum = 0.75
    step(1.0, [jn.array([-1.0, -1.0, -1.0])])
    onp.testing.assert_array_equal(vc["v0"].value, before - 1)  # 0.75 * 1 + 0.25 * -1 is positive


class Centered(optimizer.Optimizer):
    elementwise = True  # it is not

    def update(self, p, g, lr):
        p.value -= lr * (g - g.ravel()[0])


class Sized(optimizer.Optimizer):
    elementwise = True  # it is not: a sum over the size is a mean, but the size is not recorded

    def update(self, p, g, lr):
        p.value -= lr * (g - g.sum() / g.size)


class Counting(optimizer.Optimizer):
    elementwise = True

    def __init__(self, vc):
        super().__init__(vc)
        self.count = cuobjax.StateVar(jn.zeros(()))

    def update(self, p, g, lr):
        self.count.value += 1
        p.value -= lr * g / self.count.value


class Deciding(optimizer.Optimizer):
    elementwise = True

    def update(self, p, g, lr):
        p.value -= lr * (g if g.ravel()[0] > 0 else -g)


@pytest.mark.parametrize("kind", [Centered, Sized, Counting, Deciding])
def test_an_update_that_is_not_elementwise_is_made_for_each_variable(kind, monkeypatch):
    vc, alone = variables([((3,), "float32"), ((2, 2), "float32")]), variables([((3,), "float32"), ((2, 2), "float32")])
    together, apart = kind(vc), kind(alone)
    for step in range(2):
        together(0.1, gradients(vc, step))
        with monkeypatch.context() as patched:
            patched.setattr(kind, "elementwise", False)
            apart(0.1, gradients(alone, step))
    assert_same(together.vars(), apart.vars())


def test_an_update_of_a_subclass_says_itself_that_it_is_elementwise():
    class Own(optimizer.SGD):
        def update(self, p, g, lr, weight_decay):
            p.value -= lr * g.mean()

    assert optimizer.SGD.elementwise
    assert not Own.elementwise


def test_numbers_that_differ_in_each_step_end_the_recording():
    vc = variables([((3,), "float32")])
    step = Signum(vc)
    for i in range(40):
        step.momentum = 1 / (i + 2)
        step(0.1, gradients(vc, i))
    assert len(_programs[step]) == 32


def test_rates_per_variable():
    vc = variables([((3,), "float32"), ((3,), "float32")])
    values = [v.value for v in vc]
    optimizer.SGD(vc)({"v0": 0.5, "v1": 0.25}, [jn.ones(3), jn.ones(3)])
    onp.testing.assert_array_equal(vc["v0"].value, values[0] - 0.5)
    onp.testing.assert_array_equal(vc["v1"].value, values[1] - 0.25)


def test_nothing_changes_when_update_raises():
    class Broken(optimizer.Optimizer):
        elementwise = True

        def update(self, p, g, lr):
            p.value -= lr * g
            raise RuntimeError("broken")

    vc = variables([((3,), "float32"), ((2,), "float32")])
    values = [v.value for v in vc]
    with pytest.raises(RuntimeError, match="broken"):
        Broken(vc)(0.1, gradients(vc, 0))
    assert all(v.value is x for v, x in zip(vc, values, strict=True))


def test_copies_and_pickles_of_an_optimizer_that_has_made_steps():
    vc = variables([((3,), "float32")])
    step = optimizer.Adam(vc)
    step(0.1, gradients(vc, 0))
    for again in (copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        again(0.1, gradients(vc, 1))
        assert int(again.step.value) == 2
    assert int(step.step.value) == 1


class Scaled(optimizer.Optimizer):
    """One that reads an attribute in `update`."""

    elementwise = True

    def __init__(self, vc, scale, factor):
        super().__init__(vc)
        self.scale, self.factor = scale, factor

    def update(self, p, g, lr):
        p.value -= lr * self.factor(self.scale) * g


@pytest.mark.parametrize(
    ("factor", "scales"),
    [
        (lambda x: x, (0.5, 2.0)),
        (lambda x: x, (onp.float32(0.5), onp.float32(2.0))),
        (lambda x: x, (jn.array(0.5), jn.array(2.0))),
        (lambda x: x, (onp.array(0.5, "float32"), onp.array(2.0, "float32"))),
        (float, (jn.array(0.5), jn.array(2.0))),
        (lambda x: x[0], ((0.5, 0.9), (2.0, 0.9))),
        (lambda x: x["scale"], ({"scale": 0.5}, {"scale": 2.0})),
        (lambda x: 0.5 if x == "half" else 2.0, ("half", "double")),
        (lambda x: x(1.0), (lambda x: x / 2, lambda x: x * 2)),
    ],
)
def test_other_attributes_count_in_the_next_step(factor, scales):
    v = cuobjax.TrainVar(jn.zeros(2))
    step = Scaled({"v": v}, scales[0], factor)
    step(1.0, [jn.ones(2)])
    step.scale = scales[1]
    step(1.0, [jn.ones(2)])
    assert v.value.tolist() == [-2.5, -2.5]


def test_a_changed_item_of_an_attribute_counts_in_the_next_step():
    v = cuobjax.TrainVar(jn.zeros(2))
    step = Scaled({"v": v}, [0.5], lambda x: x[0])
    step(1.0, [jn.ones(2)])
    step.scale[0] = 2.0
    step(1.0, [jn.ones(2)])
    assert v.value.tolist() == [-2.5, -2.5]


@pytest.mark.parametrize("kind", [optimizer.LAMB, optimizer.LARS, optimizer.Adafactor, optimizer.Muon, optimizer.Adam])
def test_steps_in_programs_and_in_transformations_of_these(kind):
    shapes = [((3, 4), "float32")] * 2 + [((5, 2), "float32")] * 2
    vc, alone = variables(shapes), variables(shapes)
    eager, opt = kind(alone), kind(vc)
    jitted = cuobjax.Jit(lambda lr, g: opt(lr, g))
    for step in range(3):
        lr, given = jn.array(0.1 / (step + 1)), gradients(vc, step)
        jitted(lr, given)
        eager(lr, given)
    assert_same(opt.vars(), eager.vars(), 1e-5)

    def moved(lr, step, variables):
        step(lr, given)
        return sum((v.value**2).sum() for v in variables)

    derivative, expected = (
        cuobjax.Grad(functools.partial(moved, step=step, variables=own), {}, (0,))(jn.array(0.1))[0]
        for step, own in ((jitted, vc), (eager, alone))
    )
    onp.testing.assert_allclose(derivative, expected, rtol=1e-4)


def test_sums_over_gradients_are_the_same_in_programs():
    def clipped(grads):
        return optimizer.clip_by_global_norm(optimizer.clip_by_norm(grads, 1.0), 0.5), optimizer.global_norm(grads)

    grads = gradients(variables([((3,), "float32"), ((2, 3), "float16"), ((4,), "float32")]), 0)
    jitted = cuobjax.Jit(clipped)
    jitted(grads)
    expected, norm = clipped(grads)
    found, again = jitted(grads)
    assert_same(map(cuobjax.StateVar, found), map(cuobjax.StateVar, expected), 1e-6)
    onp.testing.assert_allclose(again, norm, rtol=1e-6)
    lanes = cuobjax.Vectorize(lambda g: jitted([g, 2 * g])[1], {})(jn.array([[3.0, 4.0], [6.0, 8.0]]))
    onp.testing.assert_allclose(lanes, [5 * 5**0.5, 10 * 5**0.5], rtol=1e-6)
