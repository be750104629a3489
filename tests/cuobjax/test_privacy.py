"""Differentially private gradients, and what they give away."""

import itertools
import math
import sys

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.privacy.dpsgd import (
    PrivateGradValues,
    analyze_dp,
    analyze_dp_sample_without_replacement,
    analyze_renyi,
    analyze_renyi_sample_without_replacement,
    convert_renyidp_to_dp,
    poisson_batches,
)

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 1)).astype("float32")


def network():
    net = objax.nn.Sequential([objax.nn.Linear(3, 4), objax.nn.Dropout(0.5), jn.tanh, objax.nn.Linear(4, 1)])
    return net, lambda x, y: (((net(x, training=True) - y) ** 2).mean(), x.sum())


@pytest.mark.parametrize("microbatch", [1, 2, 8])
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_clipped_gradients_are_those_of_a_loop(microbatch, accumulate, compiled):
    net = objax.nn.Linear(3, 1)

    def f(x, y):
        return ((net(x) - y) ** 2).mean(), x.sum()

    net.w.assign(jn.ones((3, 1)))
    gradients, clip = objax.GradValues(f, net.vars()), 3.0
    sums, losses, norms = [0, 0], [], []
    for i in range(0, 8, microbatch):
        g, v = gradients(X[i : i + microbatch], Y[i : i + microbatch])
        g = [np.asarray(x, "float64") for x in g]
        norms.append(math.sqrt(sum((x**2).sum() for x in g)))
        sums = [s + x * min(1, clip / norms[-1]) for s, x in zip(sums, g, strict=True)]
        losses.append([float(x) for x in v])
    private = PrivateGradValues(f, net.vars(), 0.0, clip, microbatch, (0, 0), use_norm_accumulation=accumulate)
    found, outputs = (objax.Jit(private) if compiled else private)(X, Y)
    assert microbatch == 8 or min(norms) < clip < max(norms)
    for x, s in zip(found, sums, strict=True):
        np.testing.assert_allclose(x, s / len(norms), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([float(x) for x in outputs], np.mean(losses, 0), rtol=1e-5)


def test_both_ways_draw_the_same_random_numbers():
    net, f = network()
    found = []
    for accumulate in (False, True):
        objax.random.seed(3)
        private = PrivateGradValues(f, net.vars(), 0.7, 0.3, 2, (0, 0), use_norm_accumulation=accumulate)
        found.append(private(X, Y)[0])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_noise_is_as_said():
    w = objax.TrainVar(jn.zeros(20_000))
    generator = objax.random.Generator(1)
    private = PrivateGradValues(lambda x: (0 * w.value).sum(), {"w": w}, 3.0, 0.5, 2, keygen=generator)
    first, _ = private(np.zeros((16, 1), "float32"))
    noise = np.asarray(first[0])
    np.testing.assert_allclose(noise.std(), 3.0 * 0.5 / 8, rtol=0.03)
    assert abs(noise.mean()) < 4 * noise.std() / math.sqrt(noise.size)
    second, _ = private(np.zeros((16, 1), "float32"))
    assert not np.array_equal(noise, np.asarray(second[0]))
    private.batch_size = 32
    np.testing.assert_allclose(np.asarray(private(np.zeros((16, 1), "float32"))[0][0]).std(), 1.5 / 16, rtol=0.03)


def test_devices_add_noise_as_one_would(monkeypatch):
    if objax.default_device().kind == "cpu":
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    w = objax.TrainVar(jn.zeros(20_000))
    private = PrivateGradValues(lambda x: (x * w.value).sum(), {"w": w}, 3.0, 0.5, 2, axis_name="device")
    parallel = objax.Parallel(private, reduce=lambda x: x[0])
    (g,), (v,) = parallel(jn.zeros((16, 1)))
    np.testing.assert_allclose(np.asarray(g).std(), 3.0 * 0.5 / 8, rtol=0.03)
    assert v.shape == ()


def test_a_mask_leaves_examples_out():
    net = objax.nn.Linear(3, 1)
    places, mask = np.array([2, 5, 0, 0]), np.array([1, 1, 0, 0], "float32")
    private = PrivateGradValues(
        lambda x, y, m: (m * (net(x) - y) ** 2).sum(), net.vars(), 0.0, 1.0, 1, (0, 0, 0), batch_size=3
    )
    few = PrivateGradValues(lambda x, y: ((net(x) - y) ** 2).sum(), net.vars(), 0.0, 1.0, 1, (0, 0), batch_size=3)
    for a, b in zip(private(X[places], Y[places], mask)[0], few(X[[2, 5]], Y[[2, 5]])[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_an_empty_batch_are_noise_alone(accumulate, compiled):
    net, f = network()
    count = objax.StateVar(jn.zeros(()))

    def counted(x, y):
        count.value += 1
        return f(x, jn.log(y))  # which is not finite for zeros

    def private(noise, **options):
        found = PrivateGradValues(counted, net.vars(), noise, 2.0, 2, (0, 0), objax.random.Generator(3), **options)
        return objax.Jit(found, found.gradients.vars() + found.keygen.vars()) if compiled else found

    states = [np.asarray(v.value) for v in net.vars().subset(objax.RandomState)]
    options = {"use_norm_accumulation": accumulate, "batch_size": 8}
    g, v = private(3.0, **options)(X[:0], Y[:0])
    noise = [
        objax.random.normal(x.shape, generator=generator) * 3 * 2 / 4
        for generator in [objax.random.Generator(3)]
        for x in g
    ]
    for a, b, w in zip(g, noise, net.vars().subset(objax.TrainVar), strict=True):
        assert a.shape == w.shape
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert [float(x) for x in v] == [0, 0] and count.value == 0
    for a, b in zip(states, net.vars().subset(objax.RandomState), strict=True):
        np.testing.assert_array_equal(a, b.value)
    assert all((np.asarray(x) == 0).all() for x in private(0.0, **options)(X[:0], Y[:0])[0])


def test_the_text_has_the_options():
    vc = objax.nn.Linear(2, 1).vars()
    last = "microbatch=2, batch_axis=(0,), use_norm_accumulation=False"
    assert repr(PrivateGradValues(len, vc, 1.0, 0.5, 2)).endswith(f"l2_norm_clip=0.5, {last})")
    assert repr(PrivateGradValues(len, vc, 1.0, 0.5, 2, batch_size=8)).endswith(f"{last}, batch_size=8)")


def test_half_precision_keeps_its_dtype():
    w = objax.TrainVar(jn.ones(3, dtype="float16"))
    private = PrivateGradValues(lambda x: (x * w.value).sum(), {"w": w}, 1.0, 1.0, 1)
    assert private(jn.ones((4, 3), dtype="float16"))[0][0].dtype == "float16"


@pytest.mark.parametrize("accumulate", [False, True])
def test_both_parts_of_complex_gradients_are_noisy(accumulate):
    w = objax.TrainVar(jn.ones(2000, dtype="complex64"))
    private = PrivateGradValues(
        lambda x: (x.mean() * jn.real(w.value)).sum(), {"w": w}, 3.0, 1.0, 1, use_norm_accumulation=accumulate
    )
    g = private(X[:1])[0][0]
    assert g.dtype == "complex64"
    np.testing.assert_allclose([np.std(g.real), np.std(g.imag)], 3, rtol=0.1)


def test_training_learns():
    net = objax.nn.Linear(3, 1)
    optimizer = objax.optimizer.SGD(net.vars())
    truth = X @ np.array([[1.0], [-2.0], [0.5]], "float32")
    private = PrivateGradValues(lambda x, y: ((net(x) - y) ** 2).mean(), net.vars(), 0.1, 1.0, 1, (0, 0))

    @objax.Jit
    def step(x, y):
        g, v = private(x, y)
        optimizer(0.1, g)
        return v[0]

    losses = [float(step(X, truth)) for _ in range(150)]
    assert losses[-1] < losses[0] / 10


def test_batches_of_poisson():
    generator = objax.random.Generator(2)
    batches = [*itertools.islice(poisson_batches(1000, 0.1, 160, generator), 50)]
    sizes = [int(mask.sum()) for _, mask in batches]
    assert abs(np.mean(sizes) - 100) < 5 and np.std(sizes) > 4
    for places, mask in batches:
        assert places.shape == mask.shape == (160,)
        assert len({*places[mask > 0].tolist()}) == mask.sum()
    places, mask = next(poisson_batches(1000, 0.1, generator=objax.random.Generator(2)))
    np.testing.assert_array_equal(places, batches[0][0][: len(places)])
    assert mask.all()


# Published numbers: Objax's own tests, and Abadi et al. 2016 (section 5: 1.26 by their looser conversion).


def test_published_epsilons():
    pytest.importorskip("dp_accounting")
    np.testing.assert_allclose(analyze_dp(0.01, 1.1, 1000), 1.7252908, rtol=1e-6)
    np.testing.assert_allclose(analyze_dp_sample_without_replacement(0.01, 1.1, 1000), 3.1899988, rtol=1e-6)
    np.testing.assert_allclose(analyze_renyi(0.01, 1.1, 10, (2.0, 4.0)), [0.0012851, 0.00266718], rtol=1e-4)
    np.testing.assert_allclose(analyze_renyi(0.01, 1.1, 10, 2.0), 0.0012851, rtol=1e-4)
    assert 0.9 < analyze_dp(0.01, 4, 10_000) < 1.26
    assert analyze_dp(0.01, 0.0, 1) == math.inf
    assert analyze_dp(0.01, 1.1, 0) == 0
    whole = analyze_renyi(1.0, 2.0, 5, (3.0,))  # of the Gaussian mechanism: order / (2 * sigma**2)
    np.testing.assert_allclose(whole, [5 * 3 / 8])
    assert analyze_renyi_sample_without_replacement(0.01, 1.1, 10, 4) > analyze_renyi(0.01, 1.1, 10, 4)


def test_conversion():
    pytest.importorskip("dp_accounting")
    orders = [2.0, 8.0, 32.0]
    rdp = [order / 8 for order in orders]
    eps, delta, order = convert_renyidp_to_dp(orders, rdp, target_delta=1e-5)
    assert delta == 1e-5 and order in orders
    back = convert_renyidp_to_dp(orders, rdp, target_eps=eps)
    np.testing.assert_allclose(back, (eps, delta, order), rtol=1e-6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: PrivateGradValues(len, {}, 1.0, 1.0, 1, (0, None)), "batch_axis needs to be an all zero tuple"),
    (lambda: PrivateGradValues(len, {}, -1.0, 1.0, 1), "expected noise_multiplier of at least 0, got -1.0"),
    (lambda: PrivateGradValues(len, {}, 1.0, 0.0, 1), "expected l2_norm_clip greater than 0, got 0.0"),
    (lambda: PrivateGradValues(len, {}, "1", 1.0, 1), "expected noise_multiplier as a number, got '1'"),
    (lambda: PrivateGradValues(len, {}, 1.0, None, 1), "expected l2_norm_clip as a number, got None"),
    (lambda: PrivateGradValues(len, {}, 1.0, np.inf, 1), "PrivateGradValues: expected a finite l2_norm_clip, got inf"),
    (lambda: PrivateGradValues(len, {}, 1.0, 1.0, 1, batch_size="9"), "expected batch_size as a number, got '9'"),
    (lambda: PrivateGradValues(len, {}, 1.0, 1.0, 1, 0), "batch_axis needs to be an all zero tuple"),
    (lambda: PrivateGradValues(len, objax.nn.Linear(3, 1).vars(), 1.0, 1.0, 1)(None),
     r"PrivateGradValues: expected arrays of a batch as arguments, got \(None,\)"),
    (lambda: analyze_dp("0.1", 1.0, 1), "dpsgd: expected q as a number, got '0.1'"),
    (lambda: analyze_dp(0.1, None, 1), "dpsgd: expected noise_multiplier as a number, got None"),
    (lambda: analyze_dp(0.1, 1.0, 1, "ab"), r"dpsgd: expected orders\[0\] as a number, got 'a'"),
    (lambda: analyze_dp(0.1, 1.0, 1, delta="a"), "dpsgd: expected delta as a number, got 'a'"),
    (lambda: PrivateGradValues(len, {}, 1.0, 1.0, 0), "expected microbatch of at least 1, got 0"),
    (lambda: PrivateGradValues(len, objax.nn.Linear(3, 1).vars(), 1.0, 1.0, 3)(X, Y),
     r"expected 1 arguments, got 2. Pass batch_axis=\(0, 0\)"),
    (lambda: PrivateGradValues(len, objax.nn.Linear(3, 1).vars(), 1.0, 1.0, 3)(X), r"microbatch=3 divides, got shape"),
    (lambda: PrivateGradValues(len, objax.nn.Linear(3, 1).vars(), 1.0, 1.0, 1)(X[:0]),
     r"got shape \(0, 3\)\. Pass batch_size, the expected number of examples"),
    (lambda: PrivateGradValues(len, {}, 1.0, 1.0, 1, batch_size=0), "expected batch_size greater than 0, got 0"),
    (lambda: poisson_batches(10, 0.0), "expected q from 0 to 1, got 0.0"),
    (lambda: next(poisson_batches(100, 0.9, 10)), "expected at most size=10 examples, got"),
    (lambda: analyze_dp(2, 1.0, 1), "dpsgd: expected q, the part of the examples in a batch, from 0 to 1, got 2"),
    (lambda: analyze_dp(0.1, -1.0, 1), "dpsgd: expected noise_multiplier greater than 0, got -1.0"),
    (lambda: analyze_dp(0.1, 1.0, 1.5), "dpsgd: expected steps as an integer, got 1.5"),
    (lambda: analyze_dp(0.1, 1.0, 1, (1.0,)), r"dpsgd: expected orders greater than 1, got \[1.0\]"),
    (lambda: analyze_dp(0.1, 1.0, 1, delta=0), "dpsgd: expected delta between 0 and 1, got 0"),
    (lambda: convert_renyidp_to_dp(2, 1), r"Exactly one out of eps and delta must be None. \(Both are\)"),
    (lambda: convert_renyidp_to_dp(2, 1, 1, 1), r"Exactly one out of eps and delta must be None. \(Neither is\)"),
    (lambda: convert_renyidp_to_dp((2, 3), 1, 1), "expected one divergence for each of 2 orders"),
    (lambda: convert_renyidp_to_dp(2, math.nan, None, 0.1), "expected divergences that are not negative, got nan"),
    (lambda: convert_renyidp_to_dp((2, 3), (0.1, -1), 1), r"expected divergences that are not negative, got \(0.1"),
    (lambda: convert_renyidp_to_dp(2, 1, math.nan), "expected target_eps of 0 or greater, got nan"),
    (lambda: convert_renyidp_to_dp(2, 1, None, 2), "expected target_delta from 0 to 1, got 2"),
    (lambda: convert_renyidp_to_dp(2, 1, None, math.nan), "expected target_delta from 0 to 1, got nan"),
    (lambda: convert_renyidp_to_dp((2, math.nan), (1, 1), 1), r"expected orders of 1 or greater, got \(2, nan\)"),
    (lambda: analyze_dp(0.1, 1.0, 1, (2.0, math.nan)), r"dpsgd: expected orders greater than 1, got \[2.0, nan\]"),
])  # fmt: skip
def test_wrong_arguments(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"expected the package dp_accounting. Run `pip install cuobjax\[privacy\]`"
    ):
        analyze_dp(0.1, 1.0, 1)
