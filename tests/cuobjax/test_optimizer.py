"""Optimizers against their formulas, step by step."""

import pickle

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import SGD, Adam, AdamW, Momentum, Optimizer

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
    assert list(opt.vars().keys())[2:] == ["(Signum).m.a", "(Signum).m.b"]


def test_the_base_has_no_update():
    with pytest.raises(NotImplementedError, match=r"^Optimizer: has no update\. Define update\(self, p, g, lr\)\.$"):
        Optimizer({"v": objax.TrainVar(jn.zeros(1))})(0.1, [jn.zeros(1)])


OPTIMIZERS = [
    SGD,
    Momentum,
    lambda vc: Momentum(vc, nesterov=True),
    Adam,
    lambda vc: AdamW(vc, weight_decay=1e-3),
    Signum,
]


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


WRONG_GRADIENTS = [  # (of a network and its gradients, the message)
    (lambda net, g: net.vars(), r"expected gradients, got a VarCollection\. Pass what Grad returned"),
    (lambda net, g: list(net.vars()), "expected gradients, got variables: gradient 0 is a TrainVar"),
    (lambda net, g: dict(net.vars()), "expected gradients, got variables: gradient 0 is a TrainVar"),
    (lambda net, g: [objax.TrainRef(v) for v in net.vars()], "expected gradients, got variables: gradient 0 is a T"),
    (lambda net, g: (g, [jn.array(1.0)]), r"expected a list of gradients, got .* list of arrays\. GradV"),
    (lambda net, g: [g, [jn.array(1.0)], 0], r"expected a list of gradients, got .* list of arrays\. GradV"),
    (lambda net, g: None, r"expected a list of gradients, got NoneType\. Pass what Grad returned"),
    (lambda net, g: "gradients", "expected a list of gradients, got str"),
    (lambda net, g: g[0], r"expected a list of gradients, got one array\. Write \[g\]"),
    (lambda net, g: [g[0], None], "expected gradient 1 as an array, got NoneType"),
    (lambda net, g: [g[0] * 1j, g[1]], r"expected gradient 0 of real numbers, got complex64\. Write g\.real"),
    (lambda net, g: {net.b: g[0]}, r"expected a gradient for each variable, got none for \(Linear\)\.w"),
    (lambda net, g: {"b": g[0], "w": g[1]}, r"expected gradients of its own variables, got one for 'b'\. Leave it out"),
    (lambda net, g: {net.b: g[0], net.w: g[1], 1: g[0]}, "expected gradients of its own variables, got one for a int"),
    (lambda net, g: {net.b: g[0], net.w: g[1], "(Linear).w": -g[1]}, r"expected one gradient for .* for \(Linear\)\.w"),
    (lambda net, g: {net.b: g[1], net.w: g[0]}, r"expected gradient 0 of shape \(3,\), got \(2, 3\)\. It is that of"),
]  # fmt: skip


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
    for gradients, message in WRONG_GRADIENTS:
        with pytest.raises((TypeError, ValueError), match=rf"^{name}: {message}"):
            opt(0.1, gradients(net, good))
    with pytest.raises(ValueError, match=r"^learning rate: expected a number, got shape \(3,\)\."):
        opt(jn.ones(3), good)
    with pytest.raises(TypeError, match=r"^learning rate: expected a number, got list\. The rate comes first"):
        opt(good, 0.1)
    for wrong in (True, jn.array(True), jn.array(1j)):
        with pytest.raises(TypeError, match=r"^learning rate: expected a (real )?number, got (bool|complex)"):
            opt(wrong, good)
    for key, value in state(net, opt).items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_half_precision_is_updated_in_float32_and_rounded_once(make, dtype):
    """So means of squares do not underflow, and a mean reaches what it moves towards."""
    half, wide = objax.TrainVar(jn.array([1.0, -3.0], dtype=dtype)), objax.TrainVar(jn.array([1.0, -3.0]))
    opts = make({"v": half}), make({"v": wide})
    for step in range(3):
        wide.assign(half.value.astype("float32"))
        for opt in opts:
            opt(0.1 / (1 + step), [jn.array([1e-4, 2.0], dtype=dtype)])
        np.testing.assert_array_equal(half.value, wide.value.astype(dtype))
    for a, b in zip(*(opt.vars().subset(objax.StateVar).values() for opt in opts), strict=True):
        np.testing.assert_array_equal(a.value, b.value)


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
    states = "float32" if dtype == "float16" else dtype
    assert {str(x.dtype) for x in opt.vars().tensors(objax.StateVar)} <= {states, "uint32"}


def test_names_and_sharing():
    net = objax.nn.Linear(2, 3)
    shared = net.vars("a") + net.vars("b")
    names = ["a(Linear).b", "b(Linear).b", "a(Linear).w", "b(Linear).w"]
    opt = Adam(shared + objax.VarCollection(s=objax.StateVar(jn.zeros(1))))
    assert list(opt.vars().keys()) == [
        *[f"(Adam).train_vars.{name}" for name in names], "(Adam).step",
        *[f"(Adam).{state}.{name}" for state in "mv" for name in names],
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
    vc = objax.nn.Linear(2, 3).vars()
    assert repr(SGD(vc)) == "cuobjax.optimizer.SGD()"
    assert repr(Momentum(vc, 0.8, True)) == "cuobjax.optimizer.Momentum(momentum=0.8, nesterov=True)"
    assert repr(Adam(vc, eps=1e-6)) == "cuobjax.optimizer.Adam(beta1=0.9, beta2=0.999, eps=1e-06)"
    decay = {"*.w": 0.1, "*": 0}
    assert repr(SGD(vc, weight_decay=decay)) == f"cuobjax.optimizer.SGD(weight_decay={decay})"
    assert repr(Adam(vc, textbook=True)).endswith("eps=1e-08, textbook=True)")
    assert repr(Signum(vc, 0.5)).endswith("Signum(momentum=0.5)")
    assert repr(Counting(vc)).endswith("Counting()")


# Gradients by name.


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_gradients_by_variable_or_by_any_name_are_those_by_position(make):
    class Net(objax.Module):
        def __init__(self):
            self.a = objax.nn.Linear(2, 2)
            self.tied = self.a
            self.mean = objax.StateVar(jn.zeros(2))
            self.positive = objax.TrainVar(jn.ones(2), constraint=objax.constraint.positive)

    moved = []
    for form in range(4):
        net = Net()
        net.a.w.assign(jn.ones((2, 2)))
        trained = net.vars().subset(objax.TrainVar)
        g = [jn.ones(v.shape) * (i + 1) for i, v in enumerate(trained)]
        opt = make(net.vars())
        forms = [
            g,
            dict(reversed(list(zip(trained, g, strict=True)))),
            {"(Net).positive": g[2], "(Net).tied(Linear).w": g[1], "(Net).a(Linear).b": g[0]},
            {net.positive: g[2], opt.train_vars[1]: g[1], net.a.b: g[0]},
        ]
        for _ in range(2):
            opt(0.1, forms[form])
        moved.append([np.asarray(x) for x in trained.tensors()])
    for other in moved[1:]:
        for x, y in zip(moved[0], other, strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_optimizer_takes_named_gradients():
    net = objax.nn.Linear(2, 1)
    gradients = objax.GradValues(lambda x: net(x).sum(), net.vars())
    opt = SGD(net.vars().filter("*.w"))
    before = np.asarray(net.w.value)
    named = gradients.named(gradients(jn.ones((1, 2)))[0])
    opt(0.5, {name: g for name, g in named.items() if name.endswith(".w")})
    np.testing.assert_allclose(net.w.value, before - 0.5, rtol=1e-6)


def test_states_may_hold_the_gradients():
    v = objax.TrainVar(jn.ones(2))
    total = objax.ModuleList([objax.StateVar(jn.array([1.0, 2.0]))])
    SGD({"v": v})(1.0, total)
    np.testing.assert_array_equal(v.value, [0, -1])


@pytest.mark.parametrize("kind", [SGD, Momentum, Adam])
def test_wrong_calls_name_the_optimizer_and_the_remedy(kind):
    net, name = objax.nn.Linear(2, 1), kind.__name__
    opt, g = kind(net.vars()), [jn.ones(1), jn.ones((2, 1))]
    for call, message in [
        (lambda: kind(), r"missing 1 required .* 'vc'\. Pass the variables: net\.vars\(\)\."),
        (
            lambda: kind(net.vars(), lr=0.1),
            r"got an unexpected keyword argument 'lr'\. The learning rate comes with each",
        ),
        (
            lambda: opt(g),
            r"missing 1 required positional argument: 'grads'\. The learning rate comes first: opt\(lr, g",
        ),
        (
            lambda: opt(lr=0.1, gradients=g),
            r"got an unexpected keyword argument 'gradients'\. Write opt\(lr, gradients",
        ),
    ]:
        with pytest.raises(TypeError, match=f"^{name}: {message}"):
            call()
    for nothing in ({}, {"s": objax.StateVar(jn.ones(1))}):
        with pytest.raises(ValueError, match=f"^{name}: expected TrainVars, got (no variables|StateVar)"):
            kind(nothing)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_frozen_variables_are_refused_by_name(make):
    net = objax.nn.Sequential([objax.nn.Linear(2, 2), objax.nn.Linear(2, 1)])
    opt = make(net.vars())
    zeros = [jn.zeros(v.shape) for v in net.vars()]
    opt(0.1, [jn.ones(v.shape) for v in net.vars()])
    objax.freeze(net[0], "*.w")
    before = state(net, opt)
    message = r": \(Sequential\)\[0\]\(Linear\)\.w was frozen after this optimizer was made\. Make gradient modules and"
    for gradients in (zeros, zeros[:3], dict(zip(net.vars(), zeros, strict=True))):
        with pytest.raises(ValueError, match=message):
            opt(0.1, gradients)
    for key, value in state(net, opt).items():
        np.testing.assert_array_equal(value, before[key])


# All or nothing.


class Counting(Optimizer):
    """An optimizer of a user's own that counts its steps and fails at a variable."""

    def __init__(self, vc):
        super().__init__(vc)
        self.m = self.zeros()
        self.total = objax.StateVar(jn.zeros(()))
        self.part = objax.ModuleList([objax.StateVar(jn.zeros(()))])
        self.fails = None

    def __call__(self, lr, grads):
        self.total.value += 1
        self.apply(lr, grads)

    def update(self, p, g, lr, m):
        m.value += g
        p.value -= lr * m.value
        self.part[0].value += 1
        if self.fails is not None and p.shape == (2, 3):
            raise self.fails


@pytest.mark.parametrize("step", [Counting.__call__, Counting.apply])
@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_a_step_that_fails_in_the_middle_changes_nothing(step, error):
    net = objax.nn.Linear(2, 3)
    opt = Counting(net.vars())
    gradients = [jn.ones(3), jn.ones((2, 3))]
    opt(0.1, gradients)
    before = state(net, opt)
    opt.fails = error
    with pytest.raises(type(error)):
        step(opt, 0.1, gradients)
    for key, value in state(net, opt).items():
        np.testing.assert_array_equal(value, before[key])
    opt.fails = None
    opt(0.1, gradients)
    assert (opt.total.value, opt.part[0].value) == (2, 4)


@pytest.mark.parametrize("make", [SGD, Momentum, Adam])
def test_a_step_that_runs_out_of_memory_changes_nothing(make, xp):
    if xp.__name__ != "cupy":
        pytest.skip("NumPy has no limit of memory")
    pool = xp.cuda.MemoryPool()  # that of all tests may have gaps
    with objax.device("gpu"), xp.cuda.using_allocator(pool.malloc):
        v = {str(i): objax.TrainVar(jn.zeros(1 << 20, dtype="float32")) for i in range(3)}
        opt, gradients = make(v), [jn.ones(1 << 20)] * 3
        opt(0.1, gradients)
        before = {name: x.value for name, x in opt.vars().items()}
        pool.free_all_blocks()
        pool.set_limit(pool.total_bytes() + (6 << 20))
        try:
            with pytest.raises(MemoryError):
                opt(0.1, gradients)
        finally:
            pool.set_limit(size=0)
        assert all(x.value is before[name] for name, x in opt.vars().items())
        opt(0.1, gradients)


# Numbers.


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize(
    ("make", "lr"),
    [(SGD, 0.1), (Momentum, 0.02), (lambda vc: Momentum(vc, nesterov=True), 0.02), (Adam, 0.05)],
)
def test_complex_variables_reach_the_minimum(make, lr, dtype):
    z = objax.TrainVar(jn.array([1 + 1j, 3j], dtype=dtype))
    target = jn.array([2 - 1j, -1], dtype=dtype)
    gradient = objax.Grad(lambda: (abs(z - target) ** 2).sum(), {"z": z})
    opt = make({"z": z})
    for _ in range(400):
        opt(lr, gradient())
    assert z.dtype == dtype
    np.testing.assert_allclose(z.value, target, atol=2e-2)


def test_the_mean_of_squares_of_adam_is_real():
    opt = Adam({"z": objax.TrainVar(jn.array([1j]))}, beta2=0)
    opt(0.1, [jn.array([3 + 4j])])
    assert opt.v[0].dtype == "float32"
    np.testing.assert_allclose(opt.v[0].value, [25])


@pytest.mark.parametrize(
    "number", [np.float64(0.5), np.array(0.5), jn.array(0.5, dtype="float64"), objax.StateVar(np.array(0.5))]
)
def test_hyperparameters_may_be_scalars_of_any_dtype(number):
    for make, arguments in [
        (lambda vc: Momentum(vc), {"momentum": number}),
        (lambda vc: Momentum(vc, number), {}),
        (lambda vc: Adam(vc, number, number, number), {}),
        (lambda vc: Adam(vc), {"beta1": number, "beta2": number}),
        (Signum, {"momentum": number}),
    ]:
        results = []
        for given in (number, 0.5):
            v = objax.TrainVar(jn.ones(2)), objax.TrainVar(jn.ones(2, dtype="float16"))
            opt = make(dict(zip("ab", v, strict=True)))
            for _ in range(2):
                opt(given, [jn.ones(2), jn.ones(2)], **dict.fromkeys(arguments, given))
            assert [x.dtype for x in v] == ["float32", "float16"]
            results.append([np.asarray(x.value) for x in v])
        np.testing.assert_allclose(results[0], results[1], rtol=1e-3)


def test_a_rate_of_each_device_is_a_number_under_parallel():
    v = objax.TrainVar(jn.ones(2))
    opt = Adam({"v": v})

    def step(lr):
        opt(lr, [jn.ones(2)])
        return lr

    size = len(objax.Parallel(lambda: jn.zeros(1))())
    objax.Parallel(step)(jn.full((size,), 0.25))
    np.testing.assert_allclose(v.value, [0.75, 0.75], rtol=1e-5)
    with pytest.raises(ValueError, match=r"got shape \(1,\)\. Write lr\[0\]\."):
        opt(jn.ones(1), [jn.ones(2)])
