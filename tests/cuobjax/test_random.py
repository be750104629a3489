"""Generators and distributions."""

import copy
import inspect
import pickle
import re
from functools import partial

import numpy as np
import pytest
import scipy.special
import scipy.stats

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.testing import check_grads
from cuobjax import random

COUNT = 20_000


@pytest.fixture
def generator():
    return random.Generator(12)


def fits(numbers, distribution):
    """Whether a Kolmogorov-Smirnov test accepts the numbers; the seed is fixed, so that the answer is."""
    return scipy.stats.kstest(np.asarray(numbers).ravel(), distribution).pvalue > 1e-3


# Generators.


def test_a_seed_determines_the_numbers():
    a, b, c = random.Generator(5), random.Generator(seed=5), random.Generator(6)
    first = random.normal((3,), generator=a)
    np.testing.assert_array_equal(first, random.normal((3,), generator=b))
    assert not (first == random.normal((3,), generator=a)).any()
    assert not (first == random.normal((3,), generator=c)).any()
    a.seed(5)
    np.testing.assert_array_equal(first, random.normal((3,), generator=a))


def test_a_generator_is_a_split_of_its_state():
    generator, state = random.Generator(5), objax.RandomState(5)
    for _ in range(2):
        np.testing.assert_array_equal(generator(), state.split(1)[0])
    np.testing.assert_array_equal(generator.key.value, state.value)


def test_s30_a_seed_above_32_bits_is_not_cut_off():
    assert objax.RandomState(2**40).value.tolist() == [256, 0]
    numbers = [random.uniform((3,), generator=random.Generator(seed)).tolist() for seed in (0, 2**40, 2**40 + 1, 1)]
    assert len(set(map(tuple, numbers))) == 4


def test_the_state_is_made_when_it_is_needed():
    generator = random.Generator(5)
    assert not [v for v in vars(generator).values() if isinstance(v, objax.BaseVar)]
    generator.seed(7)
    assert list(generator.vars("g").keys()) == ["g(Generator)._key"]
    assert generator.key.value.tolist() == [0, 7]
    assert repr(generator) == "cuobjax.random.Generator(seed=7)"


def test_a_wrong_seed_is_refused():
    with pytest.raises(ValueError, match=r"^RandomState: expected a seed"):
        random.Generator(-1)()
    generator = random.Generator(5)
    generator()
    key = generator.key.value
    with pytest.raises(ValueError, match=r"^RandomState: expected a seed"):
        generator.seed(2**64)
    assert generator.initial_seed == 5
    np.testing.assert_array_equal(generator.key.value, key)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_draw_the_same_numbers(duplicate, generator):
    generator()
    other = duplicate(generator)
    np.testing.assert_array_equal(random.uniform((2,), generator=other), random.uniform((2,), generator=generator))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_the_default_generator_is_the_same_object_in_copies(duplicate):
    net = objax.nn.Sequential([objax.nn.Dropout(0.5)])
    other = duplicate(net)
    x = jn.ones((64,))
    assert other[0].keygen is duplicate(random.DEFAULT_GENERATOR) is random.DEFAULT_GENERATOR
    assert not (other(x, training=True) == net(x, training=True)).all()
    random.seed(7)
    first = net(x, training=True)
    random.seed(7)
    np.testing.assert_array_equal(other(x, training=True), first)
    assert list(duplicate(net.vars())) == list(net.vars())  # what a Jit or a checkpoint lists is the same, too


def test_a_generator_that_is_copied_with_modules_is_shared_by_their_copies(generator):
    net = objax.nn.Sequential([objax.nn.Dropout(0.5, generator=generator) for _ in range(2)])
    other = copy.deepcopy(net)
    assert other[0].keygen is other[1].keygen is not generator
    np.testing.assert_array_equal(other(jn.ones(64), training=True), net(jn.ones(64), training=True))


LANES = {
    "vmap": autograd.vmap,
    "vmap of vmap": lambda f: lambda x: autograd.vmap(autograd.vmap(f))(x.reshape(2, 3, -1)),
    "vmap of Vectorize": lambda f: lambda x: autograd.vmap(objax.Vectorize(f))(x.reshape(2, 3, -1)),
    "Vectorize of vmap": lambda f: lambda x: objax.Vectorize(autograd.vmap(f))(x.reshape(2, 3, -1)),
    "Jit of vmap": lambda f: objax.Jit(autograd.vmap(f)),
    "vmap of grad": lambda f: autograd.vmap(autograd.grad(lambda x: f(x).sum())),
    "vmap of Grad": lambda f: autograd.vmap(objax.Grad(lambda x: f(x).sum(), None, (0,))),
    "vmap of Grad of Remat": lambda f: autograd.vmap(objax.Grad(lambda x: objax.Remat(f)(x).sum(), None, (0,))),
    "map": lambda f: lambda x: autograd.map(f, x),
}


@pytest.mark.parametrize("name", LANES)
def test_lanes_draw_numbers_of_their_own(name, generator, xp):
    rows = LANES[name](lambda x: x * random.bernoulli((32,), 0.5, generator=generator))
    before = np.asarray(generator.key.value)
    masks = [np.asarray(rows(jn.ones((6, 32)))).reshape(6, 32) for _ in range(2)]
    assert len({row.tobytes() for row in np.concatenate(masks)}) == 12
    assert type(generator.key.stored) is objax.Array
    assert generator.key.value.shape == (2,)
    assert not (np.asarray(generator.key.value) == before).all()


def test_numbers_in_lanes_repeat_with_the_seed(generator):
    draw = autograd.vmap(lambda x: x + random.normal((), generator=generator))
    generator.seed(5)
    first = draw(jn.zeros(3))
    generator.seed(5)
    np.testing.assert_array_equal(draw(jn.zeros(3)), first)


def test_the_backward_pass_in_lanes_sees_the_numbers_of_the_forward_pass(generator):
    f = objax.Remat(lambda x: x * random.uniform((4,), generator=generator))
    y, pull = autograd.vjp(f, jn.ones(4))
    np.testing.assert_array_equal(autograd.vmap(pull)(jn.ones((3, 4)))[0], np.tile(y, (3, 1)))


def test_programs_that_draw_are_refused_in_lanes(generator):
    draw = objax.Jit(lambda x: x + random.normal((), generator=generator))
    for _ in range(2):  # before it is recorded, and afterwards
        with pytest.raises(
            TypeError, match=r"^vmap: a function under Jit draws random numbers.*Use Jit\(Vectorize\(f\)"
        ):
            autograd.vmap(draw)(jn.zeros(3))
        draw(jn.zeros(()))
    assert len(set(objax.Vectorize(draw)(jn.zeros(3)).tolist())) == 3


def test_drawing_under_autograds_checkpoint_is_refused(generator):
    x, before = jn.ones(8), np.asarray(generator.key.value)
    dropped = lambda x: x * random.bernoulli((8,), 0.5, generator=generator)
    message = r"^checkpoint: the function changes a RandomState of shape \(2,\), .* Use cuobjax\.Remat\(f\)"
    with pytest.raises(TypeError, match=message):
        objax.Grad(lambda x: autograd.checkpoint(dropped)(x).sum(), None, (0,))(x)
    np.testing.assert_array_equal(generator.key.value, before)
    within = autograd.checkpoint(lambda x: objax.Remat(objax.Remat(dropped))(x) * jn.sin(x))
    with pytest.raises(TypeError, match=message):
        autograd.grad(lambda x: within(x).sum())(x)
    gradient = autograd.grad(lambda x: objax.Remat(autograd.checkpoint(lambda x: x**2))(dropped(x)).sum())(x)
    assert set(gradient.tolist()) <= {0, 2}
    with pytest.raises(TypeError, match=message):
        autograd.grad(lambda x: autograd.checkpoint(autograd.checkpoint(dropped))(x).sum())(x)
    y = autograd.checkpoint(dropped)(x)  # nothing is differentiated
    assert set(y.tolist()) <= {0, 1}


def test_the_default_generator():
    before = random.DEFAULT_GENERATOR.key.value
    a, b = random.normal((2,)), random.normal((2,))
    assert not (a == b).any()
    assert not (random.DEFAULT_GENERATOR.key.value == before).all()
    random.DEFAULT_GENERATOR.seed(3)
    c = random.normal((2,))
    random.DEFAULT_GENERATOR.seed(3)
    np.testing.assert_array_equal(random.normal((2,)), c)


# Distributions.

REAL = {
    name: partial(getattr(random, name), **parameters)
    for name, parameters in {
        "normal": {}, "uniform": {}, "truncated_normal": {}, "exponential": {}, "gumbel": {}, "laplace": {},
        "logistic": {}, "cauchy": {}, "gamma": {"a": 0.7}, "beta": {"a": 0.5, "b": 3}, "chisquare": {"df": 3},
        "student_t": {"df": 4},
    }.items()
}  # fmt: skip
WHOLE = {
    name: partial(getattr(random, name), **parameters)
    for name, parameters in {
        "randint": {"low": 0, "high": 5}, "poisson": {"rate": 12.5}, "binomial": {"n": 60, "p": 0.4}, "rademacher": {},
    }.items()
}  # fmt: skip
DRAWS = REAL | WHOLE | {
    "bits": random.bits, "bernoulli": random.bernoulli,
    "choice": lambda shape, **kwargs: random.choice(7, shape, **kwargs),
    "choice-p": lambda shape, **kwargs: random.choice(3, shape, p=[0.2, 0.3, 0.5], **kwargs),
    "categorical": lambda shape, **kwargs: random.categorical(jn.array([0.1, 2.0, 1.0]), shape=shape, **kwargs),
}  # fmt: skip
OTHERS = {
    "dirichlet": lambda **kwargs: random.dirichlet((2,), [0.5, 1.0, 2.0], **kwargs),
    "ball": lambda **kwargs: random.ball((2,), 4, **kwargs),
    "orthogonal": lambda **kwargs: random.orthogonal((2,), 3, **kwargs),
    "permutation": lambda **kwargs: random.permutation(9, **kwargs),
    "permutation-independent": lambda **kwargs: random.permutation(
        jn.arange(12).reshape(3, 4), axis=1, independent=True, **kwargs
    ),
    "shuffle": lambda **kwargs: random.shuffle(jn.arange(12).reshape(4, 3), **kwargs),
    "choice-once": lambda **kwargs: random.choice(9, (2, 2), replace=False, **kwargs),
    "choice-once-p": lambda **kwargs: random.choice(4, (2,), replace=False, p=[0.1, 0.4, 0.2, 0.3], **kwargs),
    "categorical-axis": lambda **kwargs: random.categorical(jn.zeros((3, 4)), 0, **kwargs),
}
EVERY = {name: partial(draw, (2, 3)) for name, draw in DRAWS.items()} | OTHERS


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("bernoulli", "shape p generator"),
        ("normal", "shape mean stddev generator"),
        ("randint", "shape low high generator"),
        ("truncated_normal", "shape stddev lower upper generator"),
        ("uniform", "shape generator"),
    ],
)
def test_parameters_of_objax_stand_in_its_order(name, names):
    """Those that are ours are given by name alone."""
    parameters = inspect.signature(getattr(random, name)).parameters
    ours = set(parameters) - set(names.split())
    assert [each for each in parameters if each not in ours] == names.split()
    assert all(parameters[each].kind is inspect.Parameter.KEYWORD_ONLY for each in ours)


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4), 5, [2, 2], np.int64(3)])
def test_shapes(shape, generator):
    expected = np.zeros(shape).shape
    for draw in DRAWS.values():
        numbers = draw(shape, generator=generator)
        assert type(numbers) is objax.Array
        assert numbers.shape == expected
    for draw, more in ((partial(random.dirichlet, alpha=[1, 2, 3]), (3,)), (partial(random.ball, n=3), (3,)),
                       (partial(random.orthogonal, n=3), (3, 3))):  # fmt: skip
        assert draw(shape, generator=generator).shape == expected + more


def test_dtypes(generator):
    assert random.normal((2,), generator=generator).dtype == "float32"
    assert random.uniform((2,), dtype="float64", generator=generator).dtype == "float64"
    assert random.truncated_normal((2,), dtype="float16", generator=generator).dtype == "float16"
    assert random.randint((2,), 0, 5, generator=generator).dtype == "int32"
    assert random.randint((2,), 0, 5, dtype="uint8", generator=generator).dtype == "uint8"
    assert random.bernoulli((2,), generator=generator).dtype == "bool"
    for dtype in ("float32", "float64"):
        assert random.orthogonal((2,), 3, dtype=dtype, generator=generator).dtype == dtype


@pytest.mark.parametrize("name", REAL)
def test_real_numbers_have_the_dtype_that_is_asked_for(name, generator):
    assert REAL[name]((2,), generator=generator).dtype == "float32"
    for dtype in ("float16", "float32", "float64"):
        numbers = REAL[name]((2,), dtype=dtype, generator=generator)
        assert numbers.dtype == dtype
        assert np.isfinite(np.asarray(numbers)).all()
    with pytest.raises(TypeError, match="expected dtype float16, float32 or float64, got int32"):
        REAL[name]((2,), dtype="int32", generator=generator)


@pytest.mark.parametrize("name", WHOLE)
def test_integers_have_the_dtype_that_is_asked_for(name, generator):
    assert WHOLE[name]((2,), generator=generator).dtype == "int32"
    for dtype in ("int8", "int64"):
        assert WHOLE[name]((2,), dtype=dtype, generator=generator).dtype == dtype


@pytest.mark.parametrize("name", EVERY)
def test_lanes_of_vmap_draw_what_their_keys_give(name, xp):
    keys = objax.RandomState(4).split(3)
    lanes = autograd.vmap(lambda key: EVERY[name](generator=lambda: key))(keys)
    for key, lane in zip(keys, lanes, strict=True):
        np.testing.assert_allclose(lane.tolist(), EVERY[name](generator=lambda key=key: key).tolist(), rtol=1e-5)
    if lanes.dtype.kind == "f":
        assert not (lanes[0] == lanes[1]).any()


@pytest.mark.parametrize("name", EVERY)
def test_a_seed_gives_the_same_numbers_on_every_device(name, xp):
    """Bits, integers and uniforms are equal, other numbers to rounding."""
    numbers = EVERY[name](generator=random.Generator(8))
    with objax.device("cpu"):
        expected = EVERY[name](generator=random.Generator(8))
    assert (numbers.shape, numbers.dtype) == (expected.shape, expected.dtype)
    close = 2e-5 if numbers.dtype.kind == "f" and name != "uniform" else 0
    np.testing.assert_allclose(numbers.tolist(), expected.tolist(), rtol=close, atol=close)


WITH_LISTS = {"choice-p", "choice-once-p", "categorical", "dirichlet"}  # which are copied to the device


@pytest.mark.parametrize("name", sorted(EVERY.keys() - WITH_LISTS - {"orthogonal"}))  # cuSOLVER cannot be captured
def test_no_draw_waits_for_the_device(name, xp):
    """A CUDA stream that captures refuses whatever synchronizes."""
    if xp is np:
        pytest.skip("NumPy computes at once")
    key, stream = objax.RandomState(4).split(1)[0], xp.cuda.Stream(non_blocking=True)
    EVERY[name](generator=lambda: key)  # compiles
    with stream:
        stream.begin_capture()
        try:
            EVERY[name](generator=lambda: key)
        finally:
            stream.end_capture()


MOVED = {
    "uniform": ("minval", "maxval"), "normal": ("mean", "stddev"), "gumbel": ("loc", "scale"),
    "laplace": ("loc", "scale"), "logistic": ("loc", "scale"), "cauchy": ("loc", "scale"),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVED)
def test_gradients_flow_to_place_and_size(name, xp):
    def total(low, high):
        options = dict(zip(MOVED[name], (low, high), strict=True))
        return (REAL[name]((5,), dtype="float64", generator=random.Generator(1), **options) ** 2).sum()

    check_grads(total, (0.7, 2.0), modes=("fwd", "rev"), order=1)


@pytest.mark.parametrize("mode", [autograd.grad, autograd.jacfwd])
@pytest.mark.parametrize("a", [0.2, 1.5, 40.0])
def test_gradient_of_gamma_is_that_at_fixed_probabilities(mode, a, xp):
    def total(a, scale=1.0):
        return random.gamma((50,), a, scale=scale, dtype="float64", generator=random.Generator(3)).sum()

    numbers = np.array(random.gamma((50,), a, dtype="float64", generator=random.Generator(3)).tolist())
    p, h = scipy.special.gammainc(a, numbers), 1e-4 * a
    slopes = (scipy.special.gammaincinv(a + h, p) - scipy.special.gammaincinv(a - h, p)) / (2 * h)
    a, one = jn.array(a, dtype="float64"), jn.ones((), dtype="float64")
    np.testing.assert_allclose(float(mode(total)(a)), slopes.sum(), rtol=1e-6)
    np.testing.assert_allclose(float(mode(lambda scale: total(a, scale))(one)), numbers.sum(), rtol=1e-9)


def test_gradients_of_means():
    """The mean of gradients is the gradient of the mean, to a few standard errors."""
    count = 20_000

    def gradients(draw, *parameters):
        lanes = [jn.full((count,), x, dtype="float64") for x in parameters]
        total = autograd.grad(lambda *args: draw(*args).sum(), tuple(range(len(lanes))))(*lanes)
        return [np.asarray(g) for g in total]

    options = {"dtype": "float64", "generator": random.Generator(6)}
    a, b, df = 0.6, 1.7, 9.0
    cases = [
        (gradients(lambda a, b: random.beta((count,), a, b, **options), a, b), [b / (a + b) ** 2, -a / (a + b) ** 2]),
        (gradients(lambda a: random.dirichlet((count,), jn.stack([a, a * 0 + b, a * 0 + b], 1), **options)[:, 0], a),
         [2 * b / (a + 2 * b) ** 2]),
        (gradients(lambda df: random.chisquare((count,), df, **options), df), [1]),
        (gradients(lambda df: random.student_t((count,), df, **options) ** 2, df), [-2 / (df - 2) ** 2]),
    ]  # fmt: skip
    for got, expected in cases:
        for g, mean in zip(got, expected, strict=True):
            assert abs(g.mean() - mean) < 4.5 * g.std() / np.sqrt(count)


def test_gamma_has_no_second_derivative_and_none_is_zero():
    def total(a):
        return random.gamma((3,), a, generator=random.Generator(1)).sum()

    for second in (autograd.grad(autograd.grad(total)), autograd.hessian(total)):
        with pytest.raises(NotImplementedError, match="standard_gamma: expected the shape parameter to be diff"):
            second(2.0)


def test_small_parameters_of_gamma_beta_and_dirichlet(generator):
    """Numbers underflow, proportions do not."""
    for a in (1e-3, 1e-2):
        gradient = autograd.grad(lambda a: random.gamma((200,), a, generator=random.Generator(2)).sum())(a)
        assert np.isfinite(float(gradient))
        proportions = np.asarray(random.beta((1000,), a, a, generator=generator))
        assert np.isfinite(proportions).all()
        assert abs(proportions.mean() - 0.5) < 0.1
        points = np.asarray(random.dirichlet((1000,), [a] * 3, generator=generator))
        np.testing.assert_allclose(points.sum(1), 1, rtol=1e-6)


def test_integers_of_traced_parameters_are_constants(generator):
    """As in a policy gradient, where what was chosen is given and its probability is differentiated."""

    def chosen(logits):
        index = random.categorical(logits, generator=random.Generator(3))
        return jn.log(objax.functional.softmax(logits))[index]

    logits = jn.array([0.3, 1.0, -1.0])
    index = int(random.categorical(logits, generator=random.Generator(3)))
    expected = np.eye(3)[index] - scipy.special.softmax(np.asarray(logits))
    np.testing.assert_allclose(autograd.grad(chosen)(logits), expected, rtol=1e-5)
    for draw in (random.poisson, random.bernoulli):
        value = autograd.grad(lambda x, draw=draw: (draw((), x * 1, generator=generator) * x).sum())(0.7)
        assert float(value) == int(float(value))


def test_categorical_shapes(generator):
    logits = jn.array([[0.0, 50.0, 0.0], [50.0, 0.0, 0.0]])
    assert random.categorical(logits, generator=generator).tolist() == [1, 0]
    assert random.categorical(logits, 0, generator=generator).tolist()[:2] == [1, 0]
    assert random.categorical(logits, 0, generator=generator).shape == (3,)
    assert random.categorical(logits, shape=(4, 2), generator=generator).tolist() == [[1, 0]] * 4
    assert random.categorical(logits, -2, shape=(5, 3), dtype="int64", generator=generator).dtype == "int64"
    with pytest.raises(ValueError, match=r"categorical: expected a shape \(..., \*\(2,\)\), got \(4,\)"):
        random.categorical(logits, shape=(4,), generator=generator)
    for axis in (-3, 5):
        with pytest.raises(ValueError, match=rf"categorical: expected an axis of .* shape \(2, 3\), got {axis}\."):
            random.categorical(logits, axis, generator=generator)


def test_permutation_and_shuffle(generator):
    assert sorted(random.permutation(50, generator=generator).tolist()) == list(range(50))
    assert random.permutation(50, generator=generator).tolist() != list(range(50))
    x = jn.arange(24).reshape(2, 3, 4)
    rows = random.shuffle(x, axis=1, generator=generator)
    assert sorted(rows[0, :, 0].tolist()) == [0, 4, 8]
    np.testing.assert_array_equal(rows - rows[:, :, :1], np.tile(np.arange(4), (2, 3, 1)))
    np.testing.assert_array_equal(rows[1] - rows[0], np.full((3, 4), 12))
    gradient = autograd.grad(lambda x: (random.shuffle(x, generator=random.Generator(5)) * jn.arange(4.0)).sum())
    order = random.permutation(4, generator=random.Generator(5)).tolist()
    assert gradient(jn.zeros(4)).tolist() == [order.index(i) for i in range(4)]


def test_choice(generator):
    colours = jn.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    picked = np.asarray(random.choice(colours, (5, 2), generator=generator))
    assert picked.shape == (5, 2, 3)
    assert {tuple(row) for row in picked.reshape(-1, 3)} <= {tuple(row) for row in np.asarray(colours)}
    assert random.choice(colours, (2,), axis=1, generator=generator).shape == (4, 2)
    assert random.choice(5, generator=generator).shape == ()
    assert sorted(random.choice(6, (2, 3), replace=False, generator=generator).ravel().tolist()) == list(range(6))
    assert set(random.choice(4, (100,), p=[0, 1, 0, 3], generator=generator).tolist()) == {1, 3}
    assert set(random.choice(4, (2,), replace=False, p=[0, 1, 0, 3], generator=generator).tolist()) == {1, 3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"a": 0, "shape": (2,)}, "choice: expected at least 1 parts to choose from, got 0"),
        ({"a": 3, "shape": (2, 2), "replace": False}, "choice: expected at least 4 parts to choose from, got 3"),
        ({"a": 3, "p": [0.5, 0.5]}, r"choice: expected p of shape \(3,\), got \(2,\)"),
    ],
)
def test_choice_errors(options, message, generator):
    with pytest.raises(ValueError, match=message):
        random.choice(**options, generator=generator)


def test_dirichlet_needs_coordinates(generator):
    with pytest.raises(ValueError, match=r"dirichlet: expected alpha of shape \(..., n\), got a number"):
        random.dirichlet((2,), 1.0, generator=generator)


def test_parameters_broadcast(generator):
    rates = jn.array([0.0, 1e6])
    drawn = np.asarray(random.poisson((100, 2), rates, generator=generator))
    assert not drawn[:, 0].any() and drawn[:, 1].min() > 9e5
    drawn = np.asarray(random.binomial((100, 2), jn.array([[3], [10**6]])[1], [0.0, 0.5], generator=generator))
    assert not drawn[:, 0].any() and drawn[:, 1].min() > 4e5
    assert (
        np.asarray(random.uniform((50, 2), minval=jn.array([0.0, 5.0]), maxval=6.0, generator=generator))[:, 1] >= 5
    ).all()
    with pytest.raises(ValueError, match="broadcast"):
        random.gamma((3,), jn.ones(2), generator=generator)


def test_normal(generator):
    numbers = random.normal((COUNT,), generator=generator)
    assert fits(numbers, scipy.stats.norm().cdf)
    numbers = random.normal(
        (COUNT // 2, 2), mean=jn.array([1.0, -2.0]), stddev=jn.array([3.0, 0.5]), generator=generator
    )
    assert fits(numbers[:, 0], scipy.stats.norm(1, 3).cdf)
    assert fits(numbers[:, 1], scipy.stats.norm(-2, 0.5).cdf)


def test_normal_is_differentiable_in_its_parameters():
    def loss(mean, stddev):
        return random.normal((4,), mean=mean, stddev=stddev, generator=random.Generator(1)).sum()

    noise = random.normal((4,), generator=random.Generator(1))
    by_mean, by_stddev = objax.Grad(loss, None, (0, 1))(1.0, 2.0)
    assert float(by_mean) == 4
    np.testing.assert_allclose(by_stddev, np.asarray(noise).sum(), rtol=1e-6)


def test_uniform(generator):
    numbers = np.asarray(random.uniform((COUNT,), generator=generator))
    assert fits(numbers, scipy.stats.uniform().cdf)
    assert numbers.min() >= 0 and numbers.max() < 1


@pytest.mark.parametrize("bounds", [{}, {"lower": 0.5, "upper": 3}, {"lower": -1, "upper": 1, "stddev": 2.0}])
def test_truncated_normal(bounds, generator):
    numbers = np.asarray(random.truncated_normal((COUNT,), generator=generator, **bounds))
    stddev = bounds.pop("stddev", 1)
    lower, upper = bounds.get("lower", -2), bounds.get("upper", 2)
    assert fits(numbers / stddev, scipy.stats.truncnorm(lower, upper).cdf)
    assert lower * stddev <= numbers.min() < numbers.max() <= upper * stddev


def test_randint(generator):
    numbers = np.asarray(random.randint((COUNT,), -2, 5, generator=generator))
    values, counts = np.unique(numbers, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("p", [0, 0.3, 0.5, 1])
def test_bernoulli(p, generator):
    drawn = int(random.bernoulli((COUNT,), p, generator=generator).sum())
    assert scipy.stats.binomtest(drawn, COUNT, p).pvalue > 1e-3


def test_bernoulli_of_many_probabilities(generator):
    draws = np.asarray(objax.random.bernoulli((2000, 3), jn.array([0.0, 0.3, 1.0]), generator=generator))
    np.testing.assert_allclose(draws.mean(0), [0, 0.3, 1], atol=0.05)
    assert not draws[:, 0].any() and draws[:, 2].all()


def test_a_draw_in_a_differentiated_call_is_the_draw_outside(generator):
    other = random.Generator(12)
    f = objax.GradValues(lambda x: (x * 1, random.uniform((3,), generator=generator)), None, (0,))
    for _ in range(2):
        np.testing.assert_array_equal(f(1.0)[1][1], random.uniform((3,), generator=other))


def test_numbers_are_on_the_default_device_wherever_the_generator_was_first_used(xp):
    generator = objax.random.Generator(3)
    with objax.device("cpu"):
        first = objax.random.uniform((4,), generator=generator)
    second = objax.random.uniform((4,), generator=generator)
    assert first.device == objax.Device("cpu") and second.device == objax.default_device()
    same = objax.random.Generator(3)
    for numbers in (first, second):
        assert objax.random.uniform((4,), generator=same).tolist() == numbers.tolist()


@pytest.mark.parametrize("name", ["normal", "gumbel", "laplace", "logistic", "cauchy"])
def test_parameters_come_in_the_dtype_and_shape_of_the_numbers(name):
    draw = getattr(random, name)
    loc, scale = ("mean", "stddev") if name == "normal" else ("loc", "scale")
    for parameters in ({loc: np.zeros(3)}, {scale: np.sqrt(2 / 3)}, {scale: jn.ones(3)}, {loc: [1.0, 2.0, 3.0]}):
        assert draw((2, 3), dtype="float16", **parameters).dtype == "float16"
        assert draw((2, 3), **parameters).dtype == "float32"
    with pytest.raises(ValueError):
        draw((3,), **{scale: np.ones((2, 3))})
    numbers = random.uniform((1000, 2), minval=[0, 5], maxval=np.array([1.0, 7.0]))
    assert numbers.dtype == "float32"
    assert ((numbers >= jn.array([0, 5])) & (numbers <= jn.array([1, 7]))).all()


def test_bernoulli_of_an_array_is_that_of_a_number():
    for p in (0.0, 0.3, 1.0):
        a, b = (random.bernoulli((1000,), x, generator=random.Generator(1)) for x in (p, jn.array(p, dtype="float64")))
        np.testing.assert_array_equal(a, b)
    assert not random.bernoulli((1_000_000,), jn.array(1e-12)).any()


@pytest.mark.usefixtures("on_the_cpu")
def test_probabilities_that_are_none():
    for p in ([0, 0, 0], [-1, 1, 1], [np.nan, 1, 1], [np.inf, 1, 1]):
        with pytest.raises(ValueError, match="choice: expected probabilities"):
            random.choice(3, (5,), p=p)
    with pytest.raises(ValueError, match="2 or more"):
        random.choice(3, (2,), p=[0, 0, 1], replace=False)
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        random.bernoulli((3,), jn.array([0.5, 1.5, 0.0]))


def test_a_random_state_as_the_generator():
    state = objax.RandomState(3)
    first, second = (random.normal((3,), generator=state) for _ in range(2))
    assert (first != second).all()
    np.testing.assert_array_equal(first, random.normal((3,), generator=objax.RandomState(3)))
    with pytest.raises(TypeError, match="expected a Generator, got int"):
        random.normal((3,), generator=3)


def test_what_cannot_be_drawn_from():
    for draw in (lambda: random.permutation(5.0), lambda: random.choice(jn.array(5), (2,))):
        with pytest.raises(TypeError, match="an integer or an array with axes"):
            draw()
    with pytest.raises(ValueError, match="something to choose from"):
        random.categorical(np.zeros((3, 0)))
    with pytest.raises(ValueError, match=r"RandomState\.split: expected n of at least 0, got"):
        objax.RandomState(0).split(-1)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: random.permutation(-1), "permutation: expected a non-negative number, got -1"),
        (lambda: random.permutation(jn.ones((2, 3)), axis=5), "axis 5 is out of bounds"),
        (lambda: random.shuffle(jn.ones((2, 3)), axis=-3), "axis -3 is out of bounds"),
        (lambda: random.choice(jn.ones((2, 3)), (2,), axis=5), "axis 5 is out of bounds"),
        (lambda: random.rademacher((2,), dtype="uint8"), "rademacher: expected a dtype that has -1, got uint8"),
        (lambda: random.rademacher((2,), dtype=bool), "rademacher: expected a dtype that has -1, got bool"),
        (lambda: random.normal((2,), stddev=-1), "normal: expected stddev of at least 0, got -1"),
        (lambda: random.truncated_normal((2,), stddev=-0.5), "truncated_normal: expected stddev of at least 0"),
        (lambda: random.exponential((2,), scale=-1), "exponential: expected scale of at least 0"),
        (lambda: random.laplace((2,), scale=np.float64(-1)), "laplace: expected scale of at least 0"),
        (lambda: random.laplace((2,), scale=np.float32(-1)), "laplace: expected scale of at least 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(draw, message):
    with pytest.raises((ValueError, TypeError), match=rf"^{re.escape(message)}"):
        draw()


@pytest.mark.parametrize("draw", [
    lambda: random.uniform((2,), minval=1j), lambda: random.normal((2,), mean=np.array(1j)),
    lambda: random.gamma((2,), 1j),
])  # fmt: skip
def test_parameters_that_are_complex_are_refused(draw):
    with pytest.raises(TypeError, match=r"real|complex"):
        draw()


def test_the_default_generator_is_one():
    assert copy.copy(random.DEFAULT_GENERATOR) is copy.deepcopy(random.DEFAULT_GENERATOR) is random.DEFAULT_GENERATOR
    state = random.DEFAULT_GENERATOR.key
    assert copy.copy(state) is copy.deepcopy(state) is state
