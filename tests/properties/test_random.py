"""Random numbers for any key, shape, parameters and split into lanes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuobjax.numpy as jn
from autograd.ops import random as ops
from cuobjax import random

pytestmark = pytest.mark.usefixtures("on_the_cpu")
words = st.integers(0, 2**32 - 1)
keys = st.tuples(words, words).map(lambda key: np.array(key, np.uint32))
shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)
sizes = st.floats(1e-3, 1e9)


def generators(key):
    """A generator of one key."""
    return lambda: jn.array(key)


@given(keys, shapes, st.sampled_from("exponential gumbel laplace logistic cauchy".split()))
def test_numbers_are_finite_and_a_shorter_draw_is_the_start_of_a_longer_one(key, shape, name):
    draw = getattr(random, name)
    numbers = draw(shape, generator=generators(key))
    assert numbers.shape == shape
    assert np.isfinite(np.asarray(numbers)).all()
    longer = draw(numbers.size + 5, generator=generators(key))
    np.testing.assert_array_equal(np.ravel(np.asarray(numbers)), np.asarray(longer)[: numbers.size])


@given(keys, st.lists(sizes, min_size=1, max_size=6), st.integers(1, 4))
def test_each_number_depends_on_its_place_and_its_parameter_alone(key, parameters, lanes):
    parameters = np.array(parameters)
    split = ops.split(key, n=lanes)
    for draw in (
        lambda key, x: ops.standard_gamma(key, x, log=False),
        lambda key, x: ops.standard_gamma(key, x, log=True),
        lambda key, x: ops.poisson(key, x, dtype="int64"),
        lambda key, x: ops.binomial(key, np.floor(x), 1 / (1 + x), dtype="int64"),
    ):
        alone = draw(key, parameters)
        others = np.full_like(parameters, 12.5)
        for i in range(len(parameters)):
            others[i] = parameters[i]
            assert draw(key, others)[i] == alone[i]
            others[i] = 0.5
        together = draw(split, np.tile(parameters, (lanes + 1, 1)))
        for lane, lane_key in zip(together, split, strict=True):
            np.testing.assert_array_equal(lane, draw(lane_key, parameters))


@given(keys, st.integers(0, 10**6), st.floats(0, 1))
def test_counts_are_within_bounds(key, n, p):
    counts = np.asarray(random.binomial((20,), n, p, generator=generators(key)))
    assert 0 <= counts.min() <= counts.max() <= n
    assert np.abs(counts.mean() - n * p) <= 7 * np.sqrt(n * p * (1 - p) / 20) + 5


@given(keys, sizes)
def test_gamma_is_positive_and_near_its_mean(key, a):
    numbers = np.asarray(random.gamma((20,), a, dtype="float64", generator=generators(key)))
    assert (numbers >= 0).all()
    assert np.abs(numbers.mean() - a) <= 8 * np.sqrt(a / 20) + 8


@given(keys, st.integers(1, 30), st.data())
def test_choice_without_replacement_repeats_nothing(key, n, data):
    p = data.draw(st.none() | st.lists(st.floats(0, 1), min_size=n, max_size=n).map(np.array))
    possible = n if p is None else int((p > 0).sum())
    chosen = random.choice(
        n, data.draw(st.integers(0, possible)), replace=False, p=p, generator=generators(key)
    ).tolist()
    assert len(set(chosen)) == len(chosen)
    assert all(0 <= i < n and (p is None or p[i] > 0) for i in chosen)


@given(keys, st.lists(st.floats(0, 1), min_size=1, max_size=20).filter(any).map(np.array))
def test_choice_takes_what_has_a_probability(key, p):
    assert (p[np.asarray(random.choice(len(p), (50,), p=p, generator=generators(key)))] > 0).all()


@given(keys, shapes.filter(len), st.data())
def test_permutations_keep_every_part(key, shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = jn.arange(int(np.prod(shape))).reshape(shape)
    for independent in (False, True):
        drawn = random.permutation(x, axis=axis, independent=independent, generator=generators(key))
        assert drawn.shape == x.shape
        np.testing.assert_array_equal(np.sort(np.asarray(drawn), axis), np.asarray(x))
