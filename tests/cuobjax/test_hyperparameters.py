"""Hyperparameters that cannot be meant, and those that differ from variable to variable."""

import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import (
    SGD,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    ExponentialMovingAverage,
    Lookahead,
    Momentum,
    Muon,
    NAdam,
    RMSprop,
)  # fmt: skip

KINDS = [SGD, Momentum, Adam, AdamW]


def state(*modules):
    return {name: np.array(v.value) for module in modules for name, v in module.vars().items()}


@pytest.mark.parametrize("make", KINDS)
def test_rates_that_cannot_be_meant_change_nothing(make):
    v = objax.TrainVar(jn.ones(2))
    opt = make({"v": v})
    opt(0.0, [jn.ones(2)])
    before = state(opt)
    for lr in (-0.1, float("nan"), float("inf"), np.float32(-1), np.array(np.nan), {"*": -0.1}, lambda name, v: -1):
        with pytest.raises(ValueError, match=r"^learning rate: expected a finite number of at least 0, got -?[0-9ni]"):
            opt(lr, [jn.ones(2)])
    with pytest.raises(ValueError, match=r"got -1\. To climb, negate the loss or the gradients\.$"):
        opt(-1, [jn.ones(2)])
    for key, value in state(opt).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda vc: Adam(vc, 1e-3),
            r"^Adam: .* beta1 to be 0 or greater than 0\.01, got 0\.001\. The learning rate com",
        ),
        (
            lambda vc: Momentum(vc, 0.01),
            r"^Momentum: expected momentum to be 0 or .* The learning rate comes with each",
        ),
        (lambda vc: Adam(vc, 0.9, 1.0), r"^Adam: expected beta2 of at least 0 and less than 1, got 1\.0\.$"),
        (lambda vc: Adam(vc, float("nan")), r"^Adam: expected beta1 of at least 0 and less than 1, got nan"),
        (lambda vc: Adam(vc, {"*": -1}), r"^Adam: expected beta1 of at least 0 and less than 1, got -1"),
        (lambda vc: Adam(vc, eps=-1e-8), r"^Adam: expected eps of at least 0, got -1e-08\."),
        (lambda vc: AdamW(vc, weight_decay=-1), r"^AdamW: expected weight_decay of at least 0, got -1\."),
        (lambda vc: Momentum(vc, "0.9"), r"^Momentum: expected a number as momentum, got '0\.9'\."),
        (lambda vc: SGD(vc, weight_decay=True), r"^SGD: expected a number as weight_decay, got True\."),
        (lambda vc: Muon(vc.filter("*.w"), iterations=-1), r"^Muon: expected iterations of at least 0, got -1"),
        (lambda vc: Adafactor(vc, eps1=-1), r"^Adafactor: expected eps1 of at least 0, got -1"),
        (lambda vc: Adafactor(vc, clip=0), r"^Adafactor: expected clip greater than 0, got 0\."),
        (
            lambda vc: ExponentialMovingAverage(vc, {"*": 0.9}),
            r"^ExponentialMovingAverage: expected a number as momentum",
        ),
        (
            lambda vc: ExponentialMovingAverage(vc, 1.0),
            r"^ExponentialMovingAverage: expected momentum of at least 0 and",
        ),
        (lambda vc: SGD(vc, 0.1), r"^SGD: .*takes 2 positional arguments but 3 were given\. The learning rate comes"),
        (
            lambda vc: SGD(vc, weight_decay={"*.c": 1, "*": 0}),
            r"^SGD: weight_decay: no variable has a name like '\*\.c'",
        ),
        (lambda vc: SGD(vc, weight_decay={"*.w": 1}), r"^SGD: weight_decay: no pattern fits \(Linear\)\.b\. Add one"),
        (lambda vc: SGD(vc, weight_decay={0: 1}), r"^SGD: weight_decay: expected patterns of names, .* got 0\."),
    ],
)
def test_hyperparameters_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(objax.nn.Linear(2, 2).vars())


def numbers_of(opt):
    """The hyperparameters of an optimizer by name."""
    return {name: getattr(opt, name) for name in opt._hyperparameters}


ALL = [getattr(objax.optimizer, name) for name in objax.optimizer.__all__]
ALL = [kind for kind in ALL if isinstance(kind, type) and issubclass(kind, objax.optimizer.Optimizer)]
NOT_ALONE = objax.optimizer.Optimizer, objax.optimizer.Groups, objax.optimizer.Sharded, Lookahead
ALL = [kind for kind in ALL if kind not in NOT_ALONE]


@pytest.mark.parametrize("make", ALL)
def test_hyperparameters_that_are_assigned_later_are_those_of_the_constructor(make):
    def step(change):
        net = objax.nn.Linear(2, 2, use_bias=False)
        net.w.assign(jn.array([[1.0, 2.0], [3.0, 4.0]]))
        opt = change(net)
        for _ in range(2):
            opt(0.1, [jn.array([[1.0, -2.0], [3.0, 0.5]])])
        return np.array(net.w.value)

    def assigned(net, name, value):
        opt = make(net.vars())
        setattr(opt, name, value)
        return opt

    v = objax.TrainVar(jn.ones((2, 2)))
    defaults = numbers_of(make({"v": v}))
    assert defaults
    for name in defaults.keys() - {"momentum", "initial"}:  # RMSprop refuses a momentum that it did not have
        for value in (0.25, {"*": 0.25}):
            if isinstance(value, dict) and not make({"v": v})._hyperparameters[name]:
                continue
            by_constructor = step(lambda net, name=name, value=value: make(net.vars(), **{name: value}))
            np.testing.assert_array_equal(step(lambda net, n=name, x=value: assigned(net, n, x)), by_constructor)


@pytest.mark.parametrize("make", [*ALL, lambda vc: Lookahead(SGD(vc))])
def test_hyperparameters_that_are_assigned_later_are_checked(make):
    opt = make({"v": objax.TrainVar(jn.ones((2, 2)))})
    for name, value in numbers_of(opt).items():
        with pytest.raises(TypeError, match=f"^{type(opt).__name__}: expected a number as {name}, got 'a'"):
            setattr(opt, name, "a")
        with pytest.raises(ValueError, match=f"^{type(opt).__name__}: expected {name} of at least 0.*, got -1"):
            setattr(opt, name, -1)
        assert getattr(opt, name) == value
    opt.note = "a"


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
@pytest.mark.filterwarnings("error")
def test_variables_without_elements_are_no_exception(make, shape):
    vc = {"empty": objax.TrainVar(jn.ones(shape)), "v": objax.TrainVar(jn.ones((2, 2)))}
    opt = make(vc)
    opt(0.1, [jn.ones(shape), jn.ones((2, 2))])
    assert (np.array(vc["v"].value) != 1).all()


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("jit", [False, True])
def test_rates_may_differ_from_variable_to_variable(make, jit):
    """As with an optimizer for each group."""
    given = [lambda a, b: {"*.b": a, "*": b}, lambda a, b: lambda name, v: a if name.endswith(".b") else b]
    results = []
    for form in (*given, None):
        net = objax.nn.Linear(2, 3)
        net.w.assign(jn.ones((2, 3)))
        vc = net.vars()
        opts = [make(vc)] if form else [make(vc.filter("*.b")), make(vc.filter("*.w"))]

        def step(a, b, form=form, opts=opts):
            b_grad, w_grad = jn.ones(3), jn.full((2, 3), 2.0)
            if form:
                opts[0](form(a, b), [b_grad, w_grad])
            else:
                opts[0](a, [b_grad])
                opts[1](b, [w_grad])

        called = objax.Jit(step) if jit else step
        for i in range(3):
            called(0.1, jn.array(0.01 * i))
        results.append([np.asarray(x) for x in vc.tensors()])
    for other in results[1:]:
        for x, y in zip(results[0], other, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)


def test_a_pattern_counts_if_it_fits_any_name_and_the_first_one_that_fits():
    net = objax.nn.Linear(2, 1)
    net.w.assign(jn.zeros((2, 1)))
    opt = SGD(net.vars("first") + net.vars("tied"))
    opt({"tied*.b": 1.0, "*": 0.5}, [jn.ones(1), jn.ones((2, 1))])
    np.testing.assert_array_equal(net.b.value, [-1])
    np.testing.assert_array_equal(net.w.value, [[-0.5], [-0.5]])


def test_only_matrices_decay():
    net = objax.nn.Linear(2, 2)
    net.b.assign(jn.ones(2))
    w = np.asarray(net.w.value)
    for decay in ({"*.w": 0.5, "*": 0}, lambda name, v: 0.5 if v.ndim > 1 else 0.0):
        net.w.assign(w)
        for opt in (
            SGD(net.vars(), weight_decay=decay), Momentum(net.vars(), weight_decay=decay),
            Momentum(net.vars(), weight_decay=decay, decoupled=True), AdamW(net.vars(), weight_decay=decay),
        ):  # fmt: skip
            opt(0.5, [jn.zeros(2), jn.zeros((2, 2))])
        np.testing.assert_allclose(net.w.value, w * 0.75**4, rtol=1e-5)
        np.testing.assert_array_equal(net.b.value, [1, 1])


def test_what_a_call_gives_is_checked():
    v = {"v": objax.TrainVar(jn.ones(1))}
    Momentum(v)(0.1, [jn.ones(1)], momentum=0.001)  # may be meant, in the first steps
    for opt, given, message in [
        (Momentum(v), {"momentum": 1.5}, r"^Momentum: expected momentum of at least 0 and less than 1, got 1\.5\.$"),
        (Adam(v), {"beta2": {"*": -1}}, r"^Adam: expected beta2 of at least 0 and less than 1, got -1\.$"),
        (Adam(v), {"beta1": jn.ones(2)}, r"^Adam: expected a number as beta1, got shape \(2,\)\.$"),
        (AdamW(v), {"beta1": float("nan")}, r"^AdamW: expected beta1 of at least 0 and less than 1, got nan\.$"),
    ]:
        before = state(opt)
        with pytest.raises(ValueError, match=message):
            opt(0.1, [jn.ones(1)], **given)
        for key, value in state(opt).items():
            np.testing.assert_array_equal(value, before[key])


def test_hyperparameters_that_are_the_same_for_all_variables():
    v = {"v": objax.TrainVar(jn.ones(1))}
    for make, message in [
        (lambda: Adagrad(v, initial={"*": 1}), r"^Adagrad: expected a number as initial, got \{'\*': 1\}\."),
        (lambda: Adagrad(v, initial=-1), r"^Adagrad: expected initial of at least 0, got -1\."),
        (lambda: Adafactor(v, decay=None), r"^Adafactor: expected a number as decay, got None\."),
        (lambda: Adafactor(v, eps1=-1), r"^Adafactor: expected eps1 of at least 0, got -1\."),
        (lambda: Lookahead(SGD(v), alpha=float("nan")), r"^Lookahead: expected alpha of at least 0, got nan\."),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            make()


def test_optimizers_with_functions_as_hyperparameters_are_pickled():
    net = objax.nn.Linear(2, 1)
    opt = AdamW(net.vars(), weight_decay=lambda name, v: 0.5 if v.ndim > 1 else 0.0)
    other_net, other = pickle.loads(pickle.dumps((net, opt)))
    for n, o in ((net, opt), (other_net, other)):
        o({"*.b": 0.1, "*": 0.2}, [jn.ones(v.shape) for v in n.vars()])
    assert repr(other) == repr(opt)
    np.testing.assert_array_equal(other_net.w.value, net.w.value)


def test_a_call_checks_a_rate_that_is_a_schedule():
    class Schedule:
        def multiplier(self, step):
            return 1.0

        def __call__(self, step):
            return 1.0

    with pytest.raises(
        TypeError, match=r"^learning rate: expected a number, got Schedule\. Write opt\(schedule\(step\), grads\)\.$"
    ):
        SGD({"v": objax.TrainVar(jn.ones(1))})(Schedule(), [jn.ones(1)])


def test_rmsprop_refuses_what_it_has_no_state_for():
    v = {"v": objax.TrainVar(jn.ones(1))}
    for name, value in (("momentum", 0.9), ("centered", True)):
        opt = RMSprop(v)
        setattr(opt, name, value)
        with pytest.raises(
            ValueError, match=r"^RMSprop: expected momentum and centered as they were at first\. Make an"
        ):
            opt(0.1, [jn.ones(1)])
    RMSprop(v, momentum={"*": 0.9}, centered=True)(0.1, [jn.ones(1)])


def test_numbers_of_a_step_stay_the_same_on_several_devices():
    opt = NAdam({"v": objax.TrainVar(jn.ones(1))})
    for _ in range(20):
        opt(0.1, [jn.ones(1)])
        x = opt.mu_product.value
        opt.mu_product.reduce(jn.stack([x] * 3))
        assert opt.mu_product.value == x  # a mean may be rounded
