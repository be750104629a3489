"""Are the numbers those of their distributions, and independent of each other?

Every test draws from a fixed seed and then computes a p-value or a number of standard errors: so the answer is the same
in every run. A wrong distribution is found if it differs visibly in COUNT numbers. LEVEL, 0.001, is the significance
level of each test of a distribution; of the about 100 p-values here, one below it by chance has a probability of 10 %,
and a correct change of the stream may have to choose another SEED. Moments and correlations may be 4.5 standard errors
off (a probability of 7e-6).
"""

import numpy as np
import pytest
import scipy.special
import scipy.stats

import autograd
import cuobjax.numpy as jn
from autograd.ops import random as ops
from cuobjax import random

COUNT, LEVEL, SEED, ERRORS = 40_000, 1e-3, 11, 4.5

pytestmark = pytest.mark.usefixtures("on_the_cpu")
stats = scipy.stats


@pytest.fixture
def generator():
    return random.Generator(SEED)


CONTINUOUS = {
    "uniform": (random.uniform, (), {}, stats.uniform()),
    "uniform-range": (random.uniform, (), {"minval": -2.0, "maxval": 5.0}, stats.uniform(-2, 7)),
    "normal": (random.normal, (), {"mean": 1, "stddev": 3}, stats.norm(1, 3)),
    "truncated_normal": (random.truncated_normal, (), {"lower": -1, "upper": 2.5}, stats.truncnorm(-1, 2.5)),
    "exponential": (random.exponential, (), {"scale": 0.5}, stats.expon(0, 0.5)),
    "gumbel": (random.gumbel, (), {"loc": 1, "scale": 2}, stats.gumbel_r(1, 2)),
    "laplace": (random.laplace, (), {"loc": -1, "scale": 2}, stats.laplace(-1, 2)),
    "logistic": (random.logistic, (), {"loc": 3, "scale": 0.5}, stats.logistic(3, 0.5)),
    "cauchy": (random.cauchy, (), {"loc": 1, "scale": 2}, stats.cauchy(1, 2)),
    "gamma": (random.gamma, (2.5,), {"scale": 3}, stats.gamma(2.5, scale=3)),
    "gamma-small": (random.gamma, (0.3,), {}, stats.gamma(0.3)),
    "beta": (random.beta, (0.5, 2.0), {}, stats.beta(0.5, 2)),
    "beta-large": (random.beta, (300, 20), {}, stats.beta(300, 20)),
    "chisquare": (random.chisquare, (3,), {}, stats.chi2(3)),
    "student_t": (random.student_t, (2.5,), {"loc": 1, "scale": 2}, stats.t(2.5, 1, 2)),
}
DISCRETE = {
    "bits": (lambda *args, **kwargs: random.bits(*args, **kwargs) >> 28, (), {}, stats.randint(0, 16)),
    "bits-low": (lambda *args, **kwargs: random.bits(*args, **kwargs) & 15, (), {}, stats.randint(0, 16)),
    "randint": (random.randint, (-3, 9), {}, stats.randint(-3, 9)),
    "bernoulli": (random.bernoulli, (0.3,), {}, stats.bernoulli(0.3)),
    "rademacher": (lambda *args, **kwargs: (random.rademacher(*args, **kwargs) + 1) // 2, (), {}, stats.bernoulli(0.5)),
    "poisson": (random.poisson, (4.5,), {}, stats.poisson(4.5)),
    "poisson-large": (random.poisson, (70,), {}, stats.poisson(70)),
    "binomial": (random.binomial, (12, 0.3), {}, stats.binom(12, 0.3)),
    "binomial-large": (random.binomial, (200, 0.8), {}, stats.binom(200, 0.8)),
    "choice": (lambda shape, n, **kwargs: random.choice(n, shape, **kwargs), (7,), {}, stats.randint(0, 7)),
}
EVERY = CONTINUOUS | DISCRETE


def counted(integers, distribution):
    """The p-value of a chi-square test; numbers of which fewer than 5 are expected are one group on either side."""
    low, high = (int(distribution.ppf(p)) for p in (5 / len(integers), 1 - 5 / len(integers)))
    observed = np.bincount(np.clip(integers, low, high) - low, minlength=high - low + 1)
    cumulative = distribution.cdf(np.arange(low, high))
    return stats.chisquare(observed, np.diff(np.concatenate([[0], cumulative, [1]])) * len(integers)).pvalue


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_have_their_distribution(name, dtype, generator):
    draw, args, kwargs, distribution = CONTINUOUS[name]
    numbers = draw((COUNT,), *args, dtype=dtype, generator=generator, **kwargs)
    assert numbers.dtype == dtype
    assert stats.kstest(np.asarray(numbers, np.float64), distribution.cdf).pvalue > LEVEL


@pytest.mark.parametrize("name", DISCRETE)
def test_integers_have_their_distribution(name, generator):
    draw, args, kwargs, distribution = DISCRETE[name]
    integers = np.asarray(draw((COUNT,), *args, generator=generator, **kwargs)).astype(np.int64)
    assert counted(integers, distribution) > LEVEL


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("cauchy", "student_t")])
def test_moments(name, generator):
    """Mean and variance, beside their standard errors."""
    draw, args, kwargs, distribution = EVERY[name]
    numbers = np.asarray(draw((COUNT,), *args, generator=generator, **kwargs), np.float64)
    mean, variance, kurtosis = (float(moment) for moment in distribution.stats("mvk"))
    assert abs(numbers.mean() - mean) < ERRORS * np.sqrt(variance / COUNT)
    assert abs(numbers.var() - variance) < ERRORS * variance * np.sqrt((kurtosis + 2) / COUNT) + 1e-4


@pytest.mark.parametrize("name", EVERY)
def test_neighbours_are_independent(name, generator):
    """Ranks of numbers 1, 2, 3, 4 and 64 places apart: blocks and their redraws leave no trace."""
    draw, args, kwargs, _ = EVERY[name]
    numbers = np.asarray(draw((COUNT,), *args, generator=generator, **kwargs))
    ranks = stats.rankdata(numbers)
    for lag in (1, 2, 3, 4, 64):
        assert abs(np.corrcoef(ranks[:-lag], ranks[lag:])[0, 1]) < ERRORS / np.sqrt(COUNT)


@pytest.mark.parametrize("name", EVERY)
def test_draws_of_one_generator_are_independent(name, generator):
    draw, args, kwargs, _ = EVERY[name]
    draws = [np.asarray(draw((COUNT,), *args, generator=generator, **kwargs)) for _ in range(3)]
    correlations = np.corrcoef([stats.rankdata(numbers) for numbers in draws])
    assert np.abs(correlations - np.eye(3)).max() < ERRORS / np.sqrt(COUNT)


# Streams.


def streams(lanes, count):
    """Bits of split keys, (lanes, count)."""
    keys = ops.split(np.array([0, SEED], np.uint32), n=lanes)[1:]
    return keys, np.asarray(ops.bits(keys, shape=(count,)))


def test_split_keys_do_not_collide():
    """Of 2**17 keys of 64 bits, two are equal with a probability of 5e-10; of their halves, as many as by chance."""
    keys = ops.split(np.array([0, SEED], np.uint32), n=1 << 17)
    children = ops.split(keys[:1000], n=20).reshape(-1, 2)
    every = np.concatenate([keys, children]).astype(np.uint64)
    assert len(np.unique(every[:, 0] << 32 | every[:, 1])) == len(every)
    expected = len(keys) ** 2 / 2**33
    for half in keys.T:
        assert abs(len(keys) - len(np.unique(half)) - expected) < ERRORS * np.sqrt(expected)


def test_bits_of_streams_are_balanced_and_uncorrelated():
    """Each of the 32 bits is 1 half of the time, alone, and compared with any other one and with the next lane's."""
    _, words = streams(64, 1000)
    ones = np.unpackbits(words.view(np.uint8), bitorder="little").reshape(64, 1000, 32)
    signs = ones.reshape(-1, 32) * 2.0 - 1
    errors = ERRORS * np.sqrt(len(signs))
    assert np.abs(signs.sum(0)).max() < errors
    assert np.abs(signs.T @ signs - len(signs) * np.eye(32)).max() < errors
    assert abs((ones[1:] == ones[:-1]).mean() - 0.5) < ERRORS * 0.5 / np.sqrt(ones[1:].size)


def test_streams_of_split_keys_are_independent():
    """The correlations of 200 lanes with each other are those of independent ones: mean 0, variance 1 / count."""
    count = 2000
    _, words = streams(200, count)
    correlations = np.corrcoef(words / 2.0**32)[np.triu_indices(200, 1)] * np.sqrt(count)
    assert stats.kstest(correlations, "norm").pvalue > LEVEL
    assert np.abs(correlations).max() < 6


def test_streams_of_neighbouring_seeds_are_independent():
    count = 2000
    keys = np.array([[0, seed] for seed in range(200)], np.uint32)
    numbers = np.asarray(ops.uniform(keys, shape=(count,), dtype="float64"))
    correlations = np.corrcoef(numbers)[np.triu_indices(200, 1)] * np.sqrt(count)
    assert stats.kstest(correlations, "norm").pvalue > LEVEL
    # numbers at one place, over the seeds
    assert stats.kstest(numbers[:, :50].ravel(), "uniform").pvalue > LEVEL


def test_one_number_of_each_stream_has_the_distribution():
    """As in Vectorize: what counts is the distribution over lanes, not along one."""
    keys = ops.split(np.array([0, SEED], np.uint32), n=COUNT)[1:]
    drawn = autograd.vmap(lambda key: ops.standard_gamma(key, np.full(1, 2.5), log=False)[0])(keys)
    assert stats.kstest(np.asarray(drawn), stats.gamma(2.5).cdf).pvalue > LEVEL
    counts = np.asarray(ops.poisson(keys, np.full((COUNT, 1), 30.0), dtype="int64"))[:, 0]
    assert counted(counts, stats.poisson(30)) > LEVEL
    words = np.asarray(ops.bits(keys, shape=(1,)))[:, 0]
    assert stats.chisquare(np.bincount(words >> 27, minlength=32)).pvalue > LEVEL


@pytest.mark.parametrize("shift", [0, 4, 12, 28])
def test_p_values_of_streams_are_uniform(shift):
    """Four bits of 1000 words, over 500 streams: a test of tests, which sees what no single one does."""
    _, words = streams(500, 1000)
    counts = np.array([np.bincount(row, minlength=16) for row in words >> shift & 15])
    statistic = ((counts - 62.5) ** 2 / 62.5).sum(1)
    assert stats.kstest(statistic, stats.chi2(15).cdf).pvalue > LEVEL


def test_pairs_and_triples_fill_the_cube():
    """Successive numbers of a stream as points, in 8**3 cells."""
    words = np.asarray(ops.bits(np.array([0, SEED], np.uint32), shape=(60_000, 3))) >> 29
    cells = np.bincount(words @ np.array([64, 8, 1]), minlength=512)
    assert stats.chisquare(cells).pvalue > LEVEL


# Several numbers at a time.


def test_categorical_has_its_probabilities(generator):
    logits = np.array([[0.0, 1.0, -2.0, 0.5], [5.0, -np.inf, 5.0, 1.0]])
    drawn = np.asarray(random.categorical(logits, shape=(COUNT, 2), generator=generator))
    for row in range(2):
        p = scipy.special.softmax(logits[row])
        observed = np.bincount(drawn[:, row], minlength=4)
        assert not observed[p == 0].any()
        assert stats.chisquare(observed[p > 0], p[p > 0] * COUNT).pvalue > LEVEL


def test_choice_has_its_probabilities(generator):
    p = np.array([0.1, 0.0, 0.4, 0.3, 0.2, 0.0])
    observed = np.bincount(np.asarray(random.choice(6, (COUNT,), p=p, generator=generator)), minlength=6)
    assert not observed[[1, 5]].any()
    assert stats.chisquare(observed[p > 0], p[p > 0] * COUNT).pvalue > LEVEL


def test_choice_without_replacement_is_successive_sampling(generator):
    """The pair (i, j) has probability p[i] p[j] / (1 - p[i])."""
    p = np.array([0.5, 0.2, 0.3])
    count = 1000
    drawn = np.array([random.choice(3, (2,), replace=False, p=p, generator=generator).tolist() for _ in range(count)])
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    observed = [int((drawn == pair).all(1).sum()) for pair in pairs]
    expected = [p[i] * p[j] / (1 - p[i]) * count for i, j in pairs]
    assert sum(observed) == count
    assert stats.chisquare(observed, expected).pvalue > LEVEL


def test_every_permutation_is_as_likely(generator):
    rows = jn.tile(jn.arange(4), (12_000, 1))
    drawn = np.asarray(random.permutation(rows, axis=1, independent=True, generator=generator))
    observed = np.unique(drawn @ np.array([64, 16, 4, 1]), return_counts=True)[1]
    assert len(observed) == 24
    assert stats.chisquare(observed).pvalue > LEVEL


def test_dirichlet_has_beta_margins(generator):
    alpha = np.array([0.3, 2.0, 5.0])
    points = np.asarray(random.dirichlet((COUNT,), alpha, dtype="float64", generator=generator))
    np.testing.assert_allclose(points.sum(1), 1, rtol=1e-12)
    for i in range(3):
        assert stats.kstest(points[:, i], stats.beta(alpha[i], alpha.sum() - alpha[i]).cdf).pvalue > LEVEL


def test_ball_and_orthogonal_are_uniform(generator):
    points = np.asarray(random.ball((COUNT,), 3, generator=generator), np.float64)
    assert stats.kstest((points**2).sum(1) ** 1.5, "uniform").pvalue > LEVEL
    assert stats.kstest(points[:, 0] / np.sqrt((points**2).sum(1)), stats.uniform(-1, 2).cdf).pvalue > LEVEL
    matrices = np.asarray(random.orthogonal((5000,), 3, generator=generator), np.float64)
    np.testing.assert_allclose(matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (5000, 1, 1)), atol=1e-5)
    # an entry of a matrix of Haar measure is a coordinate of a point on the sphere: uniform in three dimensions
    for i, j in ((0, 0), (2, 1)):
        assert stats.kstest(matrices[:, i, j], stats.uniform(-1, 2).cdf).pvalue > LEVEL
    assert abs(np.linalg.det(matrices).mean()) < ERRORS / np.sqrt(5000)
