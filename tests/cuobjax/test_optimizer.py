"""Optimizers against their formulas, step by step."""

import pickle

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import SGD, Adam, Momentum, Optimizer

START = np.array([1, -2], "float32")


def gradient_at(p, step):
    """Some gradient that depends on the parameters and on the step."""
    return p**2 + step


def run(make, steps=3, **arguments):
    """The parameters after some steps with learning rate 0.1."""
    v = objax.TrainVar(jn.array(START))
    opt = make(objax.VarCollection(v=v))
    for step in range(steps):
        opt(0.1, [gradient_at(v.value, step)], **arguments)
    return np.asarray(v.value)


def test_sgd():
    p = START.astype("float64")
    for step in range(3):
        p = p - 0.1 * gradient_at(p, step)
    np.testing.assert_allclose(run(SGD), p, rtol=1e-6)


# The constants are those of torch.optim.SGD with the same steps.
@pytest.mark.parametrize(
    ("nesterov", "expected"), [(False, [0.14553589, -5.7490096]), (True, [-0.20532201, -10.326277])]
)
def test_momentum(nesterov, expected):
    np.testing.assert_allclose(run(lambda vc: Momentum(vc, nesterov=nesterov)), expected, rtol=1e-5)
    np.testing.assert_allclose(
        run(lambda vc: Momentum(vc, momentum=0, nesterov=nesterov), momentum=0.9), expected, rtol=1e-5
    )
    np.testing.assert_allclose(run(lambda vc: Momentum(vc, momentum=0, nesterov=nesterov)), run(SGD), rtol=1e-6)


def adam(beta1, beta2, eps, steps=3):
    """Kingma & Ba 2015, Algorithm 1, with eps inside the root of the mean that is not debiased."""
    p, m, v = START.astype("float64"), 0.0, 0.0
    for t in range(1, steps + 1):
        g = gradient_at(p, t - 1)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - 0.1 * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / np.sqrt(v + eps)
    return p


def test_adam():
    np.testing.assert_allclose(run(Adam), adam(0.9, 0.999, 1e-8), rtol=1e-4)
    np.testing.assert_allclose(run(lambda vc: Adam(vc, 0.8, 0.9, eps=0.1)), adam(0.8, 0.9, 0.1), rtol=1e-5)
    np.testing.assert_allclose(run(lambda vc: Adam(vc, eps=0.1), beta1=0.8, beta2=0.9), adam(0.8, 0.9, 0.1), rtol=1e-5)


def test_the_first_step_of_adam_is_the_learning_rate():
    np.testing.assert_allclose(run(Adam, steps=1), START - 0.1 * np.sign([1, 4]), rtol=1e-4)


def test_adam_loses_no_digits_of_the_debiasing():
    """Without eps the first step is the learning rate, for any decay."""
    for beta1, beta2 in [(0.9, 0.999), (0.999999, 0.999999), (0, 0)]:
        v = objax.TrainVar(jn.zeros(1))
        Adam({"v": v}, beta1, beta2, eps=0)(1.0, [jn.ones(1)])
        np.testing.assert_allclose(v.value, [-1], rtol=3e-7)


def test_adam_of_half_precision_and_no_gradient():
    v = objax.TrainVar(jn.ones(2, "float16"))
    Adam({"v": v})(0.1, [jn.array([0.0, 1.0])])
    np.testing.assert_allclose(v.value, [1, 0.9], rtol=1e-3)


class Signum(Optimizer):
    """Bernstein et al. 2018, with a momentum that calls can give: an optimizer of a user's own."""

    def __init__(self, vc, momentum=0.9):
        super().__init__(vc)
        self.momentum = momentum
        self.m = self.zeros()

    def __call__(self, lr, grads, momentum=None):
        self.apply(lr, grads, momentum=self.momentum if momentum is None else momentum)

    def update(self, p, g, lr, m, momentum):
        m.value = momentum * m.value + (1 - momentum) * g
        p.value -= lr * jn.sign(m.value)


def test_an_optimizer_of_ones_own_overrides_update():
    a, b = objax.TrainVar(jn.array([1.0, 2.0])), objax.TrainVar(jn.array(3.0, dtype="float16"))
    opt = Signum({"a": a, "b": b})
    opt(0.5, [jn.array([1.0, -2.0]), jn.array(0.0)])
    np.testing.assert_array_equal(a.value, [0.5, 2.5])
    opt(jn.array(0.5, dtype="float64"), [jn.array([-1.0, -1.0]), jn.array(4.0)], momentum=0)
    np.testing.assert_array_equal(a.value, [1, 3])
    np.testing.assert_array_equal(opt.m[0].value, [-1, -1])
    assert (b.value.dtype, float(b.value)) == ("float16", 2.5)
    assert list(opt.vars().keys())[2:] == ["(Signum).m(ModuleList)[0]", "(Signum).m(ModuleList)[1]"]


def test_the_base_has_no_update():
    with pytest.raises(NotImplementedError, match=r"^Optimizer: has no update\. Define update\(self, p, g, lr\)\.$"):
        Optimizer({"v": objax.TrainVar(jn.zeros(1))})(0.1, [jn.zeros(1)])


OPTIMIZERS = [SGD, Momentum, lambda vc: Momentum(vc, nesterov=True), Adam, Signum]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_convergence_on_a_quadratic(make):
    v = objax.TrainVar(jn.array([3.0, -2.0]))
    target, scales = jn.array([1.0, 2.0]), jn.array([1.0, 4.0])
    gradient = objax.Grad(lambda: (scales * (v.value - target) ** 2).sum(), {"v": v})
    opt = make(gradient.vars())
    for _ in range(250):
        opt(0.05, gradient())
    np.testing.assert_allclose(v.value, target, atol=1e-2)


def state(*modules):
    return {name: np.array(v.value) for module in modules for name, v in module.vars().items()}


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_wrong_gradients_change_nothing(make):
    net = objax.nn.Linear(2, 3)
    opt = make(net.vars())
    opt(0.1, [jn.ones(3), jn.ones((2, 3))])
    name, before = type(opt).__name__, state(net, opt)
    good = [jn.ones(3), jn.ones((2, 3))]
    for gradients, message in [
        (good[:1], rf"^{name}: expected as many gradients as trainable variables, got 1 for 2\."),
        ([*good, jn.ones(1)], "got 3 for 2"),
        ([], "got 0 for 2"),
        ([good[0], jn.ones((3, 2))], rf"^{name}: expected gradient 1 of shape \(2, 3\), got \(3, 2\)\."),
        ([jn.ones(1), good[1]], r"expected gradient 0 of shape \(3,\), got \(1,\)"),
        ([jn.array(1.0), good[1]], r"got \(\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            opt(0.1, gradients)
    with pytest.raises(ValueError, match=r"^learning rate: expected a number, got shape \(3,\)\."):
        opt(jn.ones(3), good)
    with pytest.raises(TypeError, match=r"^learning rate: expected a number, got list\. The rate comes first"):
        opt(good, 0.1)
    for key, value in state(net, opt).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(make, dtype):
    """Whatever the learning rate and the gradients are."""
    v = objax.TrainVar(jn.array([1.0, 2.0], dtype=dtype))
    opt = make({"v": v})
    for lr in (0.1, 1, np.float64(0.1), np.float32(0.1), jn.array(0.1), jn.array(0.1, dtype="float64")):
        opt(lr, [jn.ones(2, dtype="float64")])
    opt(0.1, (g for g in [jn.ones(2, dtype="float16")]))
    assert {str(x.dtype) for x in opt.vars().tensors(objax.TrainRef)} == {dtype}
    assert {str(x.dtype) for x in opt.vars().tensors(objax.StateVar)} <= {dtype, "uint32"}


def test_names_and_sharing():
    net = objax.nn.Linear(2, 3)
    shared = net.vars("a") + net.vars("b")
    opt = Adam(shared + objax.VarCollection(s=objax.StateVar(jn.zeros(1))))
    assert list(opt.vars().keys()) == [
        "(Adam).train_vars(ModuleList)[0]", "(Adam).train_vars(ModuleList)[1]", "(Adam).step",
        "(Adam).m(ModuleList)[0]", "(Adam).m(ModuleList)[1]", "(Adam).v(ModuleList)[0]", "(Adam).v(ModuleList)[1]",
    ]  # fmt: skip
    assert [r.ref is v for r, v in zip(opt.train_vars, (net.b, net.w), strict=True)] == [True, True]
    assert not opt.vars().subset(objax.TrainVar)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_pickle(make):
    net = objax.nn.Linear(2, 3)
    opt = make(net.vars())
    gradients = [jn.ones(3), jn.ones((2, 3))]
    opt(0.1, gradients)
    other_net, other = pickle.loads(pickle.dumps((net, opt)))
    assert other.train_vars[0].ref is other_net.b
    opt(0.1, gradients)
    other(0.1, gradients)
    np.testing.assert_array_equal(other_net.w.value, net.w.value)


def test_an_optimizer_in_a_differentiated_call():
    """One step of learning is differentiable with respect to where it starts and to the learning rate."""
    v = objax.TrainVar(jn.array([1.0, 2.0]))
    opt = SGD(objax.VarCollection(v=v))

    def loss(lr):
        opt(lr, [2 * v.value])
        return (v.value**2).sum()

    by_lr, by_v = objax.Grad(loss, {"v": v}, (0,))(0.25)
    np.testing.assert_allclose(by_v, [0.5, 1])
    np.testing.assert_allclose(by_lr, 2 * 0.5 * -2 * 5)
    np.testing.assert_allclose(v.value, [0.5, 1])


def test_repr():
    vc = objax.VarCollection()
    assert repr(SGD(vc)) == "cuobjax.optimizer.SGD()"
    assert repr(Momentum(vc, 0.8, True)) == "cuobjax.optimizer.Momentum(momentum=0.8, nesterov=True)"
    assert repr(Adam(vc, eps=1e-6)) == "cuobjax.optimizer.Adam(beta1=0.9, beta2=0.999, eps=1e-06)"
