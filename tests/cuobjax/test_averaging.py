"""Averages of variables over the steps of training."""

import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import SGD, Adam, ExponentialMovingAverage, ExponentialMovingAverageModule, Lookahead


def make(momentum=0.9, **kwargs):
    net = objax.nn.Linear(2, 3)
    return net, ExponentialMovingAverage(net.vars(), momentum, **kwargs)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("debias", [False, True])
def test_averages_are_objaxs(debias, jit):
    net, ema = make(debias=debias)
    update = objax.Jit(ema) if jit else ema
    m = 0.0
    for step in range(1, 5):
        x = np.cos(np.arange(6.0) + step).reshape(2, 3)
        net.w.assign(jn.array(x, dtype="float32"))
        update()
        m = m + 0.1 * (x - m)
        refs, values = ema.refs_and_values()
        assert [v.ref for v in refs] == [net.b, net.w]
        factor = 1 / (1 - (1 - 1e-6) * 0.9**step) if debias else 1
        np.testing.assert_allclose(values[1], m * factor, rtol=1e-5)
    refs.assign(values)
    np.testing.assert_array_equal(net.w.value, values[1])


def test_the_debiased_average_of_the_first_step_has_its_digits():
    net, ema = make(0.99999, debias=True, eps=0.0)
    ema()
    np.testing.assert_allclose(ema.refs_and_values()[1][1], net.w.value, rtol=1e-6)


def test_the_debiased_average_of_no_step_is_zero():
    _, ema = make(0.0, debias=True)
    np.testing.assert_array_equal(ema.refs_and_values()[1][1], 0)
    with pytest.raises(ValueError, match=r"^ExponentialMovingAverage: expected eps less than 1, got 1\.0\."):
        make(debias=True, eps=1.0)


def test_states_come_first_and_random_ones_not_at_all():
    """Integers, such as the steps of an optimizer, are not averaged: the last value counts."""
    net = objax.nn.Sequential([objax.nn.BatchNorm0D(2), objax.nn.Linear(2, 1)])
    opt, key = Adam(net.vars()), objax.RandomState(3)
    ema = ExponentialMovingAverage(net.vars() + opt.vars() + {"key": key}, 0.5)
    refs, _ = ema.refs_and_values()
    kinds = ["trained" if isinstance(v, objax.TrainRef) else "state" for v in refs]
    assert kinds == ["state"] * 11 + ["trained"] * 4
    assert key not in set(refs)
    assert [v.ref for v in refs if isinstance(v, objax.TrainRef)] == list(net.vars().subset(objax.TrainVar))
    opt(0.1, [jn.ones(v.shape) for v in net.vars().subset(objax.TrainVar)])
    ema()
    values = dict(zip(refs, ema.refs_and_values()[1], strict=True))
    assert (values[opt.step], values[opt.step].dtype) == (1, "uint32")
    np.testing.assert_allclose(values[net[0].running_var], 0.5)
    np.testing.assert_allclose(values[opt.m[0]], opt.m[0].value / 2)


@pytest.mark.parametrize("jit", [False, True])
def test_replace_vars(jit):
    net, ema = make(0.5)
    ema()
    x = jn.ones((1, 2))
    full = np.asarray(net(x))
    seen = []

    def predict(x):
        seen.append(net.w.value)
        return net(x)

    f = ema.replace_vars(objax.Jit(predict) if jit else predict)
    f = objax.Jit(f) if jit else f
    for factor in (0.5, 0.75):
        np.testing.assert_allclose(f(x), full * factor, rtol=1e-5)
        np.testing.assert_allclose(net(x), full, rtol=1e-6)
        ema()
    assert seen


def test_replace_vars_leaves_nothing_behind():
    net, ema = make(0.5)
    count, before = objax.StateVar(jn.array(0.0)), np.asarray(net.w.value)

    def f(fail):
        count.value += 1
        objax.TrainRef(net.w).value = jn.zeros((2, 3))
        if fail:
            raise KeyError("f")

    ema.replace_vars(f)(False)
    with pytest.raises(KeyError):
        ema.replace_vars(f)(True)
    np.testing.assert_array_equal(net.w.value, before)
    assert count.value == 1  # what is not averaged is written, but not by a call that fails


def test_gradients_flow_to_the_variables_through_no_average():
    net, ema = make(0.5, debias=True)
    ema()
    f = objax.Grad(lambda x: ema.replace_vars(net)(x).sum(), net.vars(), (0,))
    with pytest.warns(UserWarning, match="^Grad: the output depends on none of the variables"):
        by_x, by_b, by_w = f(jn.ones((1, 2)))
    np.testing.assert_allclose(by_x, np.asarray(net.w.value).sum(1)[None], rtol=1e-5)
    assert not by_b.any()
    assert not by_w.any()


def test_the_average_of_half_precision_is_float32():
    """In float16, 1e-4 of a number would be lost in the average."""
    v = objax.TrainVar(jn.ones(1, dtype="float16"))
    ema = ExponentialMovingAverage({"v": v}, 0.9999, debias=True)
    for _ in range(100):
        ema()
    assert ema.m[0].dtype == "float32"
    (value,) = ema.refs_and_values()[1]
    assert (value.dtype, float(value[0])) == ("float16", 1)


def test_frozen_and_constrained_variables():
    net = objax.nn.Linear(2, 1)
    objax.freeze(net, "*.b")
    net.scale = objax.TrainVar(jn.ones(1), constraint=objax.constraint.positive)
    ema = ExponentialMovingAverage(net.vars(), 0.0)
    ema()
    np.testing.assert_allclose(ema.replace_vars(lambda: net.scale.value)(), [1], rtol=1e-6)
    assert next(iter(ema.refs_and_values()[0])) is net.b


def test_names_pickle_and_text():
    net, ema = make()
    assert list(ema.vars().keys()) == [
        "(ExponentialMovingAverage).step",
        *[f"(ExponentialMovingAverage).{s}(Linear).{n}" for s in ("refs", "m") for n in "bw"],
    ]
    assert repr(ema) == "cuobjax.optimizer.ExponentialMovingAverage(momentum=0.9, debias=False, eps=1e-06)"
    ema()
    other_net, other = pickle.loads(pickle.dumps((net, ema)))
    assert other.refs[1].ref is other_net.w
    np.testing.assert_array_equal(other.m[1].value, ema.m[1].value)
    for momentum in (1.0, -0.1, float("nan")):
        with pytest.raises(
            ValueError, match=r"^ExponentialMovingAverage: expected momentum of at least 0 and less than"
        ):
            ExponentialMovingAverage(net.vars(), momentum)


def test_a_module_of_averages():
    net = objax.nn.Sequential([objax.nn.Linear(2, 3), objax.nn.BatchNorm0D(3)])
    ema = ExponentialMovingAverageModule(net, 0.5, debias=True)
    x = jn.array([[1.0, 2.0], [3.0, 5.0]])
    before = np.asarray(net(x, training=False))
    ema.update_ema()
    objax.TrainRef(net[0].w).value += 1
    np.testing.assert_allclose(ema(x, training=False), before, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(objax.Jit(ema)(x, training=False), before, rtol=1e-4, atol=1e-4)
    assert next(iter(ema.vars().keys())) == "(ExponentialMovingAverageModule)(Sequential)[0](Linear).b"
    assert "(ExponentialMovingAverageModule).ema(ExponentialMovingAverage).step" in ema.vars().keys()  # noqa: SIM118
    assert repr(ema) == "cuobjax.optimizer.ExponentialMovingAverageModule(momentum=0.5, debias=True, eps=1e-06)"
    with pytest.raises(TypeError, match=r"^ExponentialMovingAverageModule: expected a module, got function\."):
        ExponentialMovingAverageModule(lambda x: x)


# Lookahead.


def test_lookahead_passes_on_arguments_and_is_all_or_nothing():
    v = objax.TrainVar(jn.ones(2, dtype="float16"))
    opt = Lookahead(Adam({"v": v}), k=1)
    opt(0.1, [jn.ones(2)], beta1=0.5)
    assert v.dtype == "float16"
    before = [x.value for x in opt.vars()]
    with pytest.raises(ValueError, match=r"^Adam: expected gradient 0 of shape"):
        opt(0.1, [jn.ones(3)])
    opt.k = None  # fails after the step of Adam
    with pytest.raises(TypeError, match="remainder: expected numbers"):
        opt(0.1, [jn.ones(2)])
    assert all(x.value is old for x, old in zip(opt.vars(), before, strict=True))
    assert repr(Lookahead(SGD({"v": v}))) == "cuobjax.optimizer.Lookahead(cuobjax.optimizer.SGD(), k=5, alpha=0.5)"
    for wrong in (0, 2.0, True):
        with pytest.raises(ValueError, match=r"^Lookahead: expected k as a number of steps, got"):
            Lookahead(SGD({"v": v}), wrong)
    with pytest.raises(TypeError, match=r"^Lookahead: expected an optimizer, got dict\. Write Lookahead\(opt\)\."):
        Lookahead({"v": v})
