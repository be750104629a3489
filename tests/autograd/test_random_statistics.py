"""The bits are even and streams are independent of each other: tests whose outcome, for fixed keys, is fixed."""

import numpy as np
import pytest
import scipy.stats

from autograd.kernels import random

KEY = np.array([3, 14159], np.uint32)
COUNT = 1 << 18
LEAST = 1e-3  # of a right generator, one test in a thousand would fall below, once and for all


def words(key, count=COUNT):
    return random.bits(np, key, shape=count)


def bits_of(drawn):
    return np.unpackbits(drawn.view(np.uint8).reshape(len(drawn), 4), axis=1)


def evenness(counts):
    return scipy.stats.chisquare(counts).pvalue


def z_of_ones(ones, count):
    """How far a number of ones among `count` fair bits is from its mean, in standard deviations."""
    return (ones - count / 2) / np.sqrt(count / 4)


def test_each_bit_is_even():
    ones = bits_of(words(KEY)).sum(0)
    assert np.abs(z_of_ones(ones, COUNT)).max() < 4
    assert scipy.stats.chi2.sf((z_of_ones(ones, COUNT) ** 2).sum(), 32) > LEAST


@pytest.mark.parametrize("byte", range(4))
def test_each_byte_is_even(byte):
    drawn = words(KEY).view(np.uint8).reshape(-1, 4)[:, byte]
    assert evenness(np.bincount(drawn, minlength=256)) > LEAST


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8, 1024])
def test_neighbours_are_independent(lag):
    """Pairs of the leading four bits, and the bits that differ."""
    drawn = words(KEY)
    pairs = (drawn[:-lag] >> 28) << 4 | drawn[lag:] >> 28
    assert evenness(np.bincount(pairs[:: 2 * lag] if lag > 4 else pairs[::2], minlength=256)) > LEAST
    differing = bits_of(drawn[:-lag] ^ drawn[lag:]).sum(0)
    assert np.abs(z_of_ones(differing, COUNT - lag)).max() < 4.5


def test_gaps_between_small_numbers():
    """Knuth's gap test: how long until a number is below 1/16 again is geometric."""
    places = np.flatnonzero(words(KEY) < 1 << 28)
    gaps = np.minimum(np.diff(places), 80)
    lengths = np.arange(1, 80)
    expected = np.append(15 ** (lengths - 1.0) / 16.0**lengths, (15 / 16) ** 79) * len(gaps)
    assert scipy.stats.chisquare(np.bincount(gaps, minlength=81)[1:], expected).pvalue > LEAST


def test_normal_numbers_have_no_correlation_with_neighbours():
    z = random.normal(np, KEY, shape=COUNT, dtype=np.float32).astype(float)
    for lag in (1, 2, 3):
        assert abs(np.mean(z[:-lag] * z[lag:])) * np.sqrt(COUNT) < 4
        assert abs(np.mean(z[:-lag] ** 2 * z[lag:] ** 2) - 1) * np.sqrt(COUNT / 8) < 4
    assert scipy.stats.kstest(z, "norm").pvalue > LEAST


class TestSplit:
    KEYS = random.split(np, KEY, n=40)

    def test_streams_are_independent_of_each_other_and_of_their_parent(self):
        count = 1 << 13
        streams = [words(key, count) for key in (KEY, *self.KEYS)]
        z = np.array([z_of_ones(bits_of(a ^ b).sum(), 32 * count) for i, a in enumerate(streams) for b in streams[:i]])
        assert np.abs(z).max() < 4.5
        assert scipy.stats.kstest(z, "norm").pvalue > LEAST

    def test_normal_numbers_of_streams_are_not_correlated(self):
        z = np.stack([random.normal(np, key, shape=1 << 12, dtype=np.float64) for key in self.KEYS])
        correlations = np.corrcoef(z)[np.triu_indices(len(z), 1)] * 2**6
        assert np.abs(correlations).max() < 4.5
        assert scipy.stats.kstest(correlations, "norm").pvalue > LEAST

    def test_first_words_of_many_streams_are_even(self):
        keys = random.split(np, KEY, n=20_000)
        first = random.bits(np, keys, shape=1)[:, 0]
        assert evenness(np.bincount(first >> 24, minlength=256)) > LEAST
        assert evenness(np.bincount(first & 255, minlength=256)) > LEAST
        assert len(np.unique(keys.view(np.uint64))) == len(keys)

    def test_seeds_that_follow_each_other(self):
        keys = np.stack([np.zeros(20_000, np.uint32), np.arange(20_000, dtype=np.uint32)], 1)
        first = random.bits(np, keys, shape=2)
        for word in first.T:
            assert evenness(np.bincount(word >> 24, minlength=256)) > LEAST
        differing = bits_of(np.ascontiguousarray(first[1:, 0] ^ first[:-1, 0])).sum(0)
        assert np.abs(z_of_ones(differing, len(keys) - 1)).max() < 4.5

    def test_a_child_of_a_child(self):
        """Chains of single splits, as a generator makes them."""
        key, first = KEY, []
        for _ in range(2000):
            state, drawn = random.split(np, key, n=1)
            first.append(words(drawn, 1)[0])
            key = state
        first = np.array(first)
        assert evenness(np.bincount(first >> 27, minlength=32)) > LEAST
        assert len(np.unique(first)) == len(first)
