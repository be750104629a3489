"""Generators and distributions."""

import copy
import pickle

import numpy as np
import pytest
import scipy.stats

import cuobjax as objax
import cuobjax.numpy as jn
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


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4), 5, [2, 2], np.int64(3)])
def test_shapes(shape, generator):
    expected = np.zeros(shape).shape
    for draw in (
        random.normal, random.uniform, random.truncated_normal, random.bernoulli,
        lambda shape, generator: random.randint(shape, 0, 5, generator=generator),
    ):  # fmt: skip
        numbers = draw(shape, generator=generator)
        assert type(numbers) is objax.Array
        assert numbers.shape == expected


def test_dtypes(generator):
    assert random.normal((2,), generator=generator).dtype == "float32"
    assert random.uniform((2,), dtype="float64", generator=generator).dtype == "float64"
    assert random.truncated_normal((2,), dtype="float16", generator=generator).dtype == "float16"
    assert random.randint((2,), 0, 5, generator=generator).dtype == "int32"
    assert random.randint((2,), 0, 5, dtype="uint8", generator=generator).dtype == "uint8"
    assert random.bernoulli((2,), generator=generator).dtype == "bool"


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
