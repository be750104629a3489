"""Networks in half precision: policies of modules, and scaled losses."""

import copy
import pickle
import warnings

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer import SGD, Adam, clip_by_global_norm
from cuobjax.precision import LossScale, Policy, mixed, set_policy


class Probe(objax.Module):
    """Notes the dtypes that a layer of a user's own sees."""

    def __init__(self, n, **kwargs):
        self.scale = objax.TrainVar(jn.ones(n), **kwargs)
        self.total = objax.StateVar(jn.zeros(n))
        self.seen = []

    def __call__(self, x, y=None, training=True):
        self.seen = [str(v.dtype) for v in (x, self.scale, self.total, x * self.scale) if v is not None]
        self.total.value += (x * self.scale).sum(0).astype(self.total.dtype)
        return x * self.scale


class Net(objax.Module):
    def __init__(self):
        self.first = objax.nn.Linear(2, 8)
        self.norm = objax.nn.BatchNorm0D(8)
        self.probe = Probe(8)
        self.last = objax.nn.Linear(8, 1)

    def __call__(self, x, training):
        y = jn.tanh(self.norm(self.first(x), training))
        self.between = str(y.dtype)
        return self.last(self.probe(y))


class Reduced(Probe):
    """A module that says how it is pickled."""

    def __init__(self, n):
        super().__init__(n)
        self.n = n

    def __reduce__(self):
        return Reduced, (self.n,)


def network():
    objax.random.seed(0)
    return Net()


X = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("jit", [False, True])
def test_a_mixed_network_computes_in_half_precision(half, jit):
    plain, net = network(), network()
    assert mixed(net, half) is net
    call = objax.Jit(net) if jit else net
    y, expected = call(X, training=True), plain(X, training=True)
    assert (y.dtype, net.between) == ("float32", half)
    assert net.probe.seen == [half, half, "float32", half]
    assert {str(v.dtype) for v in net.vars()} == {"float32"}
    np.testing.assert_allclose(y, expected, atol={"float16": 5e-3, "bfloat16": 5e-2}[half])
    assert (y != expected).any()
    for name in ("norm.running_mean", "norm.running_var"):
        v, w = (objax.util.EasyDict(vars(n.norm))[name[5:]] for n in (net, plain))
        np.testing.assert_allclose(v.value, w.value, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_gradients_are_those_of_the_stored_variables(half):
    found = []
    for net in (network(), mixed(network(), half)):
        gradients = objax.Grad(lambda x, net=net: (net(x, training=True) ** 2).sum(), net.vars(), (0,))
        found.append(gradients(X))
    for g, expected in zip(found[1], found[0], strict=True):
        assert g.dtype == "float32"
        np.testing.assert_allclose(g, expected, atol={"float16": 0.05, "bfloat16": 0.5}[half])


def test_names_texts_and_classes_stay():
    plain, net = network(), mixed(network(), "float16")
    assert list(net.vars().keys()) == list(plain.vars().keys())
    assert (repr(net), str(net.vars())) == (repr(plain), str(plain.vars()))
    assert isinstance(net.first, objax.nn.Linear)
    assert repr(net.first) == repr(plain.first)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_the_policy(copied):
    net = copied(mixed(network(), "float16"))
    net(X, training=True)
    assert net.between == "float16"
    made = copied(set_policy(Reduced(2), Policy("float16")))
    assert (type(made).__name__, made(X).dtype, made.n) == ("Reduced", "float16", 2)
    assert type(set_policy(made, None)) is Reduced
    net = copied(mixed(objax.nn.Sequential([objax.nn.Linear(2, 3), jn.tanh]), "float16"))
    assert net[0](X).dtype == "float16"
    assert (len(net), net(X).dtype) == (2, "float32")


@pytest.mark.parametrize(
    "select", [objax.nn.Linear, (objax.nn.Linear, objax.nn.Dropout), lambda path, m: path in (".first", ".last")]
)
def test_a_policy_is_for_selected_modules(select):
    net = set_policy(network(), Policy("float16", output="float32"), select)
    assert net.first(X).dtype == "float32"
    net(X, training=True)
    assert net.probe.seen[0] == "float32"
    set_policy(net, None, select)
    assert type(net.first) is objax.nn.Linear
    np.testing.assert_array_equal(net(X, training=True), network()(X, training=True))


def test_the_dtype_of_stored_parameters():
    net = set_policy(network(), Policy(params="bfloat16"), objax.nn.Linear)
    assert {str(v.dtype) for v in net.vars().filter(lambda name, v: "Linear" in name)} == {"bfloat16"}
    assert net.norm.gamma.dtype == "float32"
    assert net.first(X).dtype == "float32"  # as bfloat16 promotes
    assert set_policy(net, Policy("float32"), objax.nn.Linear).first(X).dtype == "float32"


def test_a_jit_records_anew_after_a_change():
    net = objax.nn.Linear(2, 3)
    f = objax.Jit(net)
    for policy, dtype in ((None, "float32"), (Policy("float16"), "float16"), (Policy(output="bfloat16"), "bfloat16")):
        set_policy(net, policy)
        assert f(X).dtype == dtype


def test_a_program_within_a_network_takes_its_weights_in_half_precision():
    program = objax.Jit(objax.nn.Linear(2, 3))
    net = set_policy(objax.nn.Sequential([program]), Policy("float16"), objax.nn.Sequential)
    assert [str(net(X).dtype) for _ in range(3)] == ["float16"] * 3
    assert program.explain().recordings == 1


def test_transformations():
    net, plain = mixed(network(), "float16"), network()
    expected = plain(X, training=False)
    calls = [
        objax.Vectorize(lambda x: net(x[None], training=False)[0]),
        objax.Remat(lambda x: net(x, training=False)),
        lambda x: objax.functional_call(net, dict(zip(net.vars().keys(), net.vars().tensors(), strict=True)), x, False),
        objax.ForceArgs(net, training=False),
    ]
    for call in calls:
        np.testing.assert_allclose(call(X), expected, atol=5e-3)
    values = {"(Net).last(Linear).b": jn.array([1.0])}
    np.testing.assert_allclose(objax.functional_call(net, values, X, False), expected + 1, atol=5e-3)


@pytest.mark.parametrize("kind", [objax.nn.LSTM, objax.nn.GRU])
def test_layers_that_use_weights_of_modules_in_them(kind):
    """Without calling these modules."""
    plain = kind(2, 4)
    net = mixed(copy.deepcopy(plain), "float16")
    x = X.reshape(8, 2, 2)
    (y, *_), (expected, *_) = net(x), plain(x)
    assert y.dtype == "float32"
    assert (y != expected).any()
    np.testing.assert_allclose(y, expected, atol=5e-3)
    within = objax.nn.Sequential([kind(2, 4), lambda y, *_: y, lambda y: (seen.append(str(y.dtype)), y)[1]])
    seen = []
    mixed(within, "bfloat16")(x)
    assert seen == ["bfloat16"]


def test_what_is_in_a_module_of_float32_computes_in_float32():
    net = network()
    net.block = network()
    mixed(net, "float16", float32=lambda path, m: path == ".block")
    assert net.block(X, training=True).dtype == "float16"
    assert net.block.between == "float32"
    assert net.first(X).dtype == "float16"


def test_tools_take_mixed_networks():
    net = mixed(network(), "float16")
    table = str(objax.summary(net, X, training=False))
    assert "Linear" in table
    assert "float16" in table
    last = objax.replace(net, "last", objax.nn.Linear(8, 2))
    assert last(X @ np.ones((2, 8), "float32")).dtype == "float16"
    assert net(X, training=False).shape == (16, 2)
    step = objax.Parallel(lambda x: net(x, training=True))
    assert step(X).shape == (16, 2)


def test_arguments_of_every_form():
    net = set_policy(Probe(2), Policy("float16", output="float64"))
    flags = {"training": True}
    for x in (X, jn.array(X), jn.array(X, dtype="float64"), objax.StateVar(X)):
        assert net(x, **flags).dtype == "float64"
        assert net.seen[0] == "float16"

    class Several(objax.Module):
        def __call__(self, number, flag, integers, nested):
            return number, flag, integers, nested

    module = set_policy(Several(), Policy("float16", output="float32"))
    number, flag, integers, nested = module(0.1, True, jn.arange(2), {"z": jn.array([1j]), "x": [jn.ones(2)]})
    assert (number, flag, integers.dtype) == (0.1, True, "int32")
    assert (nested["z"].dtype, nested["x"][0].dtype) == ("complex64", "float32")
    assert objax.Jit(module)(0.1, True, jn.arange(2), jn.ones(1))[0] == 0.1


def test_keywords_go_through_sequential():
    net = mixed(objax.nn.Sequential([objax.nn.Linear(2, 8), objax.nn.BatchNorm0D(8), objax.nn.Dropout(0.5)]), "float16")
    assert net(X, training=True).dtype == "float32"
    with pytest.raises(TypeError, match=r"expected keywords that a layer takes, got \['unknown'\]"):
        net(X, unknown=1)


def test_frozen_and_constrained_weights_and_random_states():
    net = Probe(2, constraint=objax.constraint.positive)
    set_policy(net, Policy("float16"))
    net(X)
    assert net.seen == ["float16", "float16", "float32", "float16"]
    objax.freeze(net)
    net(X)
    assert net.seen[1] == "float16"

    class Noisy(Probe):
        def __call__(self, x):
            return jn.array(x) + objax.random.normal(x.shape) * self.scale

    drawn = []
    for policy in (None, Policy(output="float32")):
        objax.random.seed(1)
        noisy = set_policy(Noisy(2), policy)
        drawn.append(np.stack([noisy(X), noisy(X)]))
    np.testing.assert_array_equal(*drawn)


def test_weights_that_a_call_assigns_are_stored_in_their_dtype():
    class Centred(Probe):
        def __call__(self, x):
            self.scale.assign(self.scale.value - self.scale.value.mean())
            return x * self.scale

    net = set_policy(Centred(2), Policy("float16"))
    net(X)
    assert (net.scale.dtype, net.scale.value.tolist()) == ("float32", [0, 0])

    class Fails(Probe):
        def __call__(self, x):
            self.total.value += 1
            raise KeyError("x")

    net = set_policy(Fails(2), Policy("float16"))
    with pytest.raises(KeyError):
        net(X)
    assert not net.total.value.any()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            lambda net: Policy("float17"),
            TypeError,
            r"^Policy: expected a dtype, got 'float17'\. Write 'float16', for instance",
        ),
        (lambda net: Policy("int32"), TypeError, r"^Policy: expected a dtype of real numbers, got int32\."),
        (
            lambda net: Policy(output="complex64"),
            TypeError,
            r"^Policy: expected a dtype of real numbers, got complex64",
        ),
        (lambda net: mixed(net, "float17"), TypeError, r"^Policy: expected a dtype, got 'float17'"),
        (lambda net: mixed(net, float32="*"), TypeError, r"^mixed: expected classes of modules or a function of path"),
        (
            lambda net: set_policy(net, Policy(), "*"),
            TypeError,
            r"^set_policy: expected classes of modules or a functio",
        ),
        (
            lambda net: set_policy(net, Policy(), objax.nn.Dropout),
            ValueError,
            r"^set_policy: no module in Net is selec",
        ),
        (
            lambda net: set_policy(net, "float16"),
            TypeError,
            r"^set_policy: expected a Policy or None, got str\. Write Pol",
        ),
        (lambda net: set_policy(jn.tanh, Policy()), TypeError, r"^set_policy: expected a module, got "),
        (lambda net: mixed(net.vars(), "float16"), TypeError, r"^mixed: expected a module, got VarCollection\."),
        (
            lambda net: LossScale().step(0.1, net, []),
            TypeError,
            r"^LossScale\.step: expected an optimizer, got float\.",
        ),
        (lambda net: LossScale(0.5), ValueError, r"^LossScale: expected 0 < backoff <= 1 <= growth, .* got scale=0\.5"),
        (lambda net: LossScale("8"), TypeError, r"^LossScale: expected a number as scale, got '8'"),
        (lambda net: LossScale(interval=2.5), TypeError, r"^LossScale: expected interval as an integer, got 2\.5"),
        (
            lambda net: LossScale().step(SGD(net.vars())),
            TypeError,
            r"^LossScale: .*missing 2 .* Write step\(opt, lr, gr",
        ),
        (lambda net: LossScale().update(), AttributeError, r"Leave it out: scaling\.step"),
        (lambda net: LossScale().unscale_(1), AttributeError, r"Write scaling\.unscaled\(gradients\)"),
        (lambda net: LossScale(backoff=2), ValueError, r"^LossScale: expected 0 < backoff .*backoff=2, interval=2000"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong(network())


def test_the_text_of_a_policy_makes_it_again():
    text = "cuobjax.precision.Policy(compute='float16', output='float32')"
    assert repr(Policy("float16", output=np.float32)) == text
    assert repr(eval(text, {"cuobjax": objax})) == text


# Scaled losses.


def train(half, scaling, steps=20, jit=True, lr=3e5):
    """A regression whose loss is so small that its gradients are 0 in float16."""
    net = objax.nn.Sequential([objax.nn.Linear(2, 8), jn.tanh, objax.nn.Linear(8, 1)])
    for i, v in enumerate(net.vars()):
        v.assign(jn.array(np.cos(np.arange(v.size) + i), dtype="float32").reshape(v.shape) / 2)
    if half:
        mixed(net, half)
    x = jn.array(X)
    y = x[:, :1] * x[:, 1:]
    loss = lambda: ((net(x) - y) ** 2).mean() * 1e-6
    gradients = objax.GradValues(lambda: scaling.scaled(loss()) if scaling else loss(), net.vars())
    opt = SGD(net.vars())

    def step():
        g, _ = gradients()
        return scaling.step(opt, lr, g) if scaling else opt(lr, g)

    step = objax.Jit(step) if jit else step
    before = np.asarray(net[0].w.value)
    made = [step() for _ in range(steps)]
    return np.asarray(net[0].w.value) - before, float(loss()), made


@pytest.mark.parametrize("jit", [False, True])
def test_small_gradients_are_those_of_float32(jit):
    expected, loss, _ = train(None, None, jit=jit)
    lost, _, _ = train("float16", None, jit=jit)
    moved, half_loss, made = train("float16", LossScale(), jit=jit)
    assert all(made)
    assert np.abs(expected).max() > 0.1
    assert np.abs(lost - expected).max() > 0.05
    np.testing.assert_allclose(moved, expected, atol=5e-3)
    np.testing.assert_allclose(half_loss, loss, rtol=2e-2)


@pytest.mark.parametrize("jit", [False, True])
def test_a_step_with_gradients_that_are_not_finite_is_skipped(jit):
    v = objax.TrainVar(jn.array([1.0, 2.0], dtype="float32"))
    opt, scaling = Adam({"v": v}), LossScale(8.0, interval=2)
    step = lambda g: scaling.step(opt, 0.5, [g])
    step = objax.Jit(step) if jit else step
    good, bad = jn.array([4.0, -8.0]), [jn.array([np.inf, 1.0]), jn.array([np.nan, 0]), jn.array([np.inf, -np.inf])]
    scales = []
    for g in (good, bad[0], good, good, good, bad[1], bad[2], good):
        before = [x.value for x in opt.vars()]
        made = bool(step(g))
        assert made == (g is good)
        same = all((x.value == y).all() for x, y in zip(opt.vars(), before, strict=True))
        assert same != made
        scales.append(float(scaling.scale.value))
    assert scales == [8, 4, 4, 8, 8, 4, 2, 2]
    assert (opt.step.value, scaling.good.value) == (5, 1)
    assert {str(x.dtype) for x in scaling.vars()} == {"float32"}


def test_steps_are_those_with_unscaled_gradients():
    found = []
    for scale in (None, 1024.0):
        v, w = objax.TrainVar(jn.array([1.0, 2.0])), objax.TrainVar(jn.array([3.0], dtype="float64"))
        opt = Adam({"v": v, "w": w})
        for step in range(3):
            g = {"v": jn.array([1.0, step]), "w": jn.array([0.1])}
            if scale is None:
                opt(0.1, g, beta1=0.5)
            else:
                scaling = LossScale(scale)
                scaling.step(opt, 0.1, {name: x * scale for name, x in g.items()}, beta1=0.5)
        found.append([np.asarray(x.value) for x in (v, w)])
    for x, y in zip(*found, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)


def test_gradients_are_clipped_after_unscaling():
    v = objax.TrainVar(jn.zeros(2))
    opt, scaling = SGD({"v": v}), LossScale(16.0)
    scaling.step(lambda lr, g: opt(lr, clip_by_global_norm(g, 1.0)), 1.0, [jn.array([48.0, 64.0])])
    np.testing.assert_allclose(v.value, [-0.6, -0.8], rtol=1e-6)
    (g,) = scaling.unscaled([jn.array([32.0], dtype="float16")])
    assert (g.dtype, float(g[0])) == ("float32", 2)


def test_the_scale_has_bounds():
    v = objax.TrainVar(jn.zeros(1))
    opt, scaling = SGD({"v": v}), LossScale(2.0, interval=1, least=1.0, most=4.0)
    for g, scale in [(0.0, 4), (0.0, 4), (np.inf, 2), (np.inf, 1), (np.inf, 1)]:
        scaling.step(opt, 0.1, [jn.array([g])])
        assert scaling.scale.value == scale


def test_a_wrong_step_changes_nothing():
    v = objax.TrainVar(jn.zeros(2))
    opt, scaling = Adam({"v": v}), LossScale()
    before = [x.value for x in [*opt.vars(), *scaling.vars()]]
    for lr, g, message in [
        (0.1, [jn.ones(3)], r"^Adam: expected gradient 0 of shape \(2,\), got \(3,\)"),
        (-0.1, [jn.ones(2)], "^learning rate: expected a finite number"),
        (0.1, None, "^LossScale: expected a list of gradients, got NoneType"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            scaling.step(opt, lr, g)
    assert all(x.value is y for x, y in zip([*opt.vars(), *scaling.vars()], before, strict=True))


def test_losses_of_half_precision_are_scaled_in_float32():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = LossScale().scaled(jn.array(100.0, dtype="float16"))
    assert (scaled.dtype, float(scaled)) == ("float32", 100 * 2**15)


def test_the_text_of_a_loss_scale_makes_one_that_begins_alike():
    text = "cuobjax.precision.LossScale(scale=8.0, growth=2.0, backoff=0.5, interval=10, least=1.0, most=16777216.0)"
    made = eval(text, {"cuobjax": objax})
    assert repr(made) == repr(LossScale(8, interval=10)) == text
    assert float(made.scale.value) == 8
