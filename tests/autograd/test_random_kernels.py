import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats

from autograd.kernels import philox, random, random_rejection, random_slope

KEY = np.array([0x12345678, 0x9ABCDEF0], np.uint32)
ONES = 0xFFFFFFFF

# Random123, tests/kat_vectors, "philox4x32 10": counter, key, block
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def drawn_with(function, *parameters, dtype=np.float64):
    """A draw of `shape` of a distribution whose parameters are arrays: those given, over and over."""

    def draw(xp, key, *, shape, **options):
        arrays = [np.resize(np.array(each, dtype), shape) for each in parameters]
        return function(xp, key, *[xp.asarray(np.broadcast_to(a, key.shape[:-1] + a.shape)) for a in arrays], **options)

    return draw


SHAPES = 0.02, 0.6, 1, 3.5, 1e3, 1e7
RATES = 0, 0.5, 9.9, 10, 200, 1e6
TRIALS, CHANCES = (1, 10, 50, 1000, 10**6, 40), (0.4, 0.9, 0.6, 0.0, 0.001, 1.0)
DRAWS = {
    "bits": (random.bits, {}),
    "uniform-float16": (random.uniform, {"dtype": np.float16}),
    "uniform-float32": (random.uniform, {"dtype": np.float32}),
    "uniform-float64": (random.uniform, {"dtype": np.float64}),
    "normal-float16": (random.normal, {"dtype": np.float16}),
    "normal-float32": (random.normal, {"dtype": np.float32}),
    "normal-float64": (random.normal, {"dtype": np.float64}),
    "truncated-float16": (random.truncated_normal, {"dtype": np.float16, "lower": 3, "upper": np.inf}),
    "truncated-float32": (random.truncated_normal, {"dtype": np.float32, "lower": -2, "upper": 2}),
    "truncated-float64": (random.truncated_normal, {"dtype": np.float64, "lower": -9, "upper": -8}),
    **{
        f"{name}-{np.dtype(dtype).name}": (getattr(random, name), {"dtype": dtype})
        for name in random.INVERSES
        for dtype in (np.float16, np.float32, np.float64)
    },
    "gamma-float16": (drawn_with(random_rejection.standard_gamma, SHAPES[1:-1], dtype=np.float16), {"log": False}),
    "gamma-float32": (drawn_with(random_rejection.standard_gamma, SHAPES, dtype=np.float32), {"log": False}),
    "gamma-float64": (drawn_with(random_rejection.standard_gamma, SHAPES), {"log": False}),
    "log-gamma": (drawn_with(random_rejection.standard_gamma, SHAPES), {"log": True}),
    "poisson": (drawn_with(random_rejection.poisson, RATES), {"dtype": np.int32}),
    "binomial": (drawn_with(random_rejection.binomial, TRIALS, CHANCES), {"dtype": np.int64}),
    "bernoulli": (random.bernoulli, {"p": 0.3}),
    "randint-int8": (random.randint, {"low": -128, "high": 128, "dtype": np.int8}),
    "randint-uint16": (random.randint, {"low": 10, "high": 1000, "dtype": np.uint16}),
    "randint-int32": (random.randint, {"low": -(2**31), "high": 2**30, "dtype": np.int32}),
    "randint-int64-narrow": (random.randint, {"low": -3, "high": 2**31 - 2, "dtype": np.int64}),
    "randint-int64": (random.randint, {"low": -(2**62), "high": 2**62 + 2**61, "dtype": np.int64}),
    "randint-full": (random.randint, {"low": -(2**63), "high": 2**63, "dtype": np.int64}),
    "randint-uint64": (random.randint, {"low": 2**63, "high": 2**64 - 5, "dtype": np.uint64}),
}
every_draw = pytest.mark.parametrize(("draw", "options"), DRAWS.values(), ids=DRAWS)


@pytest.fixture
def cupy():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("CuPy finds no device")
    return cupy


def block(key, index, purpose=philox.DRAW, redraws=0):
    """The four words of one block."""
    first, second = philox.philox(key, index, purpose, redraws)
    return first >> 32, first & ONES, second >> 32, second & ONES


def wides(key, count):
    words = [word for index in range(-(-count // 2)) for word in block(key, index)]
    return [high << 32 | low for high, low in zip(words[0::2], words[1::2], strict=True)][:count]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
@pytest.mark.parametrize("count", [1, 20])  # on Python integers, on arrays
def test_known_answers(counter, key, expected, count):
    low, high, purpose, redraws = counter
    keys = np.array([key[::-1]], np.uint32)
    tile = philox.Tile(keys, np.full(count, high << 32 | low, np.uint64), purpose)
    np.testing.assert_array_equal(tile.words(redraws), [expected * count])
    first, second = (expected[i] << 32 | expected[i + 1] for i in (0, 2))
    np.testing.assert_array_equal(tile.wides(redraws), [[first, second] * count])


def test_bits_are_the_blocks_in_order():
    expected = [word for index in range(26) for word in block(KEY, index)]
    np.testing.assert_array_equal(random.bits(np, KEY, shape=101), np.array(expected[:101], np.uint32), strict=True)
    np.testing.assert_array_equal(random.bits(np, KEY, shape=(4, 5)).ravel(), expected[:20])


def test_a_draw_longer_than_a_tile():
    count = 4 * philox.TILE + 6
    drawn = random.bits(np, KEY, shape=count)
    for index in (0, philox.TILE - 1, philox.TILE):
        np.testing.assert_array_equal(drawn[4 * index : 4 * index + 4], block(KEY, index))
    assert tuple(drawn[-2:]) == block(KEY, philox.TILE + 1)[:2]


def test_split_takes_the_first_words_of_blocks_of_its_own():
    keys = random.split(np, KEY, n=30)
    expected = [block(KEY, index, philox.SPLIT)[:2] for index in range(31)]
    np.testing.assert_array_equal(keys, np.array(expected, np.uint32), strict=True)
    np.testing.assert_array_equal(random.split(np, KEY, n=0), keys[:1])
    assert not set(map(tuple, keys.tolist())) & set(itertools.pairwise(random.bits(np, KEY, shape=200).tolist()))


@every_draw
def test_repeats_itself_and_differs_between_keys(draw, options):
    first = draw(np, KEY, shape=50, **options)
    np.testing.assert_array_equal(draw(np, KEY.copy(), shape=50, **options), first, strict=True)
    for other in random.split(np, KEY, n=2):
        assert np.mean(draw(np, other, shape=50, **options) != first) > 0.2


@every_draw
def test_tiles_and_shapes_do_not_change_the_stream(draw, options, monkeypatch):
    whole = draw(np, KEY, shape=(3, 5, 7), **options).ravel()
    for size in (1, 2, 3, 103):
        np.testing.assert_array_equal(draw(np, KEY, shape=size, **options), whole[:size])
    monkeypatch.setattr(philox, "TILE", 10)
    np.testing.assert_array_equal(draw(np, KEY, shape=105, **options), whole)


@every_draw
def test_each_lane_is_what_its_own_key_gives(draw, options, monkeypatch):
    monkeypatch.setattr(philox, "TILE", 12)
    keys = random.split(np, KEY, n=5).reshape(2, 3, 2)
    for shape in ((), (3,), (5, 2), (9, 7)):
        lanes = draw(np, keys, shape=shape, **options)
        assert lanes.shape == (2, 3, *shape)
        for i, j in np.ndindex(2, 3):
            np.testing.assert_array_equal(lanes[i, j], draw(np, keys[i, j], shape=shape, **options))
    assert random.split(np, keys, n=4).shape == (2, 3, 5, 2)
    np.testing.assert_array_equal(random.split(np, keys, n=4)[1, 2], random.split(np, keys[1, 2], n=4))


@every_draw
def test_scalar_and_empty_shapes(draw, options):
    dtype = draw(np, KEY, shape=3, **options).dtype
    for shape in ((), (0,), (2, 0, 3)):
        drawn = draw(np, KEY, shape=shape, **options)
        assert isinstance(drawn, np.ndarray)
        assert (drawn.shape, drawn.dtype) == (shape, dtype)
    assert draw(np, np.zeros((0, 2), np.uint32), shape=(4,), **options).shape == (0, 4)


class Extreme(philox.Tile):
    """A tile of the sixteen blocks whose words are all zeros or all ones."""

    def __init__(self):
        super().__init__(np.zeros((1, 2), np.uint32), np.arange(16, dtype=np.uint64), philox.DRAW)

    def _blocks(self, redraws):
        words = np.array(list(itertools.product((0, ONES), repeat=4)), np.uint64).T
        return (words[0::2] << 32 | words[1::2])[:, None]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform(dtype):
    kind = np.dtype(dtype).name
    extremes = random.UNIFORM[kind].host(Extreme()).astype(dtype)
    assert extremes.min() == 0
    assert extremes.max() == 1 - np.finfo(dtype).epsneg
    drawn = random.uniform(np, KEY, shape=20_000, dtype=dtype)
    assert drawn.dtype == dtype
    assert scipy.stats.kstest(drawn + 2.0**-12 * (kind == "float16"), "uniform").pvalue > 0.01


def test_uniform_is_the_leading_bits():
    bits = random.bits(np, KEY, shape=41)
    for dtype, shift in ((np.float32, 8), (np.float16, 21)):
        expected = (bits >> shift) / 2.0 ** (32 - shift)
        np.testing.assert_array_equal(random.uniform(np, KEY, shape=41, dtype=dtype), expected)
    expected = [(value >> 11) / 2**53 for value in wides(KEY, 41)]
    np.testing.assert_array_equal(random.uniform(np, KEY, shape=41, dtype=np.float64), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normal(dtype):
    drawn = random.normal(np, KEY, shape=40_000, dtype=dtype)
    assert drawn.dtype == dtype
    z = drawn.astype(np.float64)
    assert scipy.stats.kstest(z, "norm").pvalue > 0.01
    assert abs(z.mean()) < 4 / 200
    assert abs(z.var() - 1) < 4 * np.sqrt(2) / 200
    assert abs(scipy.stats.kurtosis(z)) < 4 * np.sqrt(24) / 200
    # partners are independent: their squared radius is exponential
    assert scipy.stats.kstest((z[0::2] ** 2 + z[1::2] ** 2) / 2, "expon").pvalue > 0.01
    assert abs(np.corrcoef(z[0::2], z[1::2])[0, 1]) < 4 / np.sqrt(20_000)


def test_normal_is_box_muller_of_neighbours():
    bits = random.bits(np, KEY, shape=40).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log((bits[0::2] + 0.5) / 2**32)), 2 * np.pi * bits[1::2] / 2**32
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).ravel()
    np.testing.assert_allclose(random.normal(np, KEY, shape=39, dtype=np.float32), expected[:39], atol=2e-6)
    pairs = np.array(wides(KEY, 40), np.uint64).astype(np.float64) / 2**64
    radius, angle = np.sqrt(-2 * np.log(pairs[0::2])), 2 * np.pi * pairs[1::2]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).ravel()
    np.testing.assert_allclose(random.normal(np, KEY, shape=39, dtype=np.float64), expected[:39], atol=1e-13)


@pytest.mark.parametrize(("distribution", "largest"), [(random.NORMAL_SINGLE, 6.8), (random.NORMAL_DOUBLE, 8.6)])
def test_normal_is_finite_at_the_extremes(distribution, largest):
    values = distribution.host(Extreme())
    assert np.all(np.isfinite(values))
    assert largest - 0.1 < np.abs(values).max() < largest


BOUNDS = [
    (-2, 2),
    (-1, 0.5),
    (5, 6),
    (-8.5, -8),
    (30, np.inf),
    (-np.inf, -36),
    (-np.inf, np.inf),
    (-0.5, np.inf),
    (10, 10.1),
]


@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_truncated_normal(dtype, lower, upper):
    drawn = random.truncated_normal(np, KEY, shape=20_000, dtype=dtype, lower=lower, upper=upper)
    assert drawn.dtype == dtype
    assert lower < drawn.min()
    assert drawn.max() < upper
    # mirrored where needed, because SciPy's distribution function is precise on the left only
    sign, (a, b) = (-1, (-upper, -lower)) if lower > -upper else (1, (lower, upper))
    assert scipy.stats.kstest(sign * drawn.astype(np.float64), scipy.stats.truncnorm(a, b).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("lower", "upper"), [(1, 1.003), (1.0001, 1.003), (1.0006, 1.003), (-1e6, 1e6), (0.0, 1e-7), (-2, 2), (-1e-7, 5e-8)]
)
def test_truncated_normal_stays_inside_in_half_precision(lower, upper):
    drawn = random.truncated_normal(np, KEY, shape=3000, dtype=np.float16, lower=lower, upper=upper)
    assert lower < drawn.min().astype(np.float64)
    assert drawn.max().astype(np.float64) < upper


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-2, 2), (37, np.inf), (0, 1)])
def test_truncated_normal_is_inside_at_the_extremes(bounds):
    parameters = random._truncation(np.dtype(np.float64), *map(float, bounds))
    values = random.TRUNCATED_NORMAL.host(Extreme(), *parameters)
    assert np.all((bounds[0] < values) & (values < bounds[1]))


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 6, np.int32),
        (-5, 5, np.int8),
        (0, 3 << 30, np.int64),
        (-(2**31), 2**31, np.int32),
        (0, 2**32, np.uint32),
        (-(2**63), 2**63, np.int64),
        (0, 3 << 62, np.uint64),
        (2**63, 2**64, np.uint64),
    ],
)
def test_randint_is_even(low, high, dtype):
    count, span = 60_000, high - low
    drawn = random.randint(np, KEY, shape=count, low=low, high=high, dtype=dtype)
    assert drawn.dtype == dtype
    values = [value - low for value in drawn.tolist()]
    assert min(values) >= 0
    assert max(values) < span
    bins = min(span, 12)
    counts = np.bincount([value * bins // span for value in values], minlength=bins)
    assert scipy.stats.chisquare(counts).pvalue > 0.01
    if span > 2**16:
        assert scipy.stats.chisquare(np.bincount([value % 8 for value in values])).pvalue > 0.01


@pytest.mark.parametrize("span", [2**31 + 1, 3 << 30, 2**32, 1000, 2**63 + 1, 3 << 62, 2**32 + 1, 2**40])
def test_randint_is_lemires_algorithm(span):
    width, elements = (32, 4) if span <= 2**32 else (64, 2)

    def expected(element):
        for redraws in range(1000):
            words = block(KEY, element // elements, philox.DRAW, redraws)
            if width == 64:
                words = words[0] << 32 | words[1], words[2] << 32 | words[3]
            product = words[element % elements] * span
            if product % 2**width >= 2**width % span:
                return product >> width

    drawn = random.randint(np, KEY, shape=300, low=0, high=span, dtype=np.uint64)
    assert drawn.tolist() == [expected(element) for element in range(300)]


EXACT = {"exponential": "expon", "gumbel": "gumbel_r", "laplace": "laplace", "logistic": "logistic", "cauchy": "cauchy"}


@pytest.mark.parametrize("name", random.INVERSES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_inverses(name, dtype):
    distribution = getattr(scipy.stats, EXACT[name])
    drawn = getattr(random, name)(np, KEY, shape=20_000, dtype=dtype)
    assert drawn.dtype == dtype
    assert scipy.stats.kstest(drawn.astype(np.float64), distribution.cdf).pvalue > 0.01


@pytest.mark.parametrize("name", random.INVERSES)
def test_inverses_are_those_of_the_signed_bits(name):
    """The quantile of u = (w + 1/2) / 2**32, to a float32's precision at both ends, where u would be 0 and 1."""
    words = random.bits(np, KEY, shape=400).view(np.int32)
    y = (words + 0.5) / 2.0**32
    tail, low = np.abs(y), y > 0
    distribution = getattr(scipy.stats, EXACT[name])
    expected = np.where(low, distribution.ppf(tail), distribution.isf(tail))
    drawn = getattr(random, name)(np, KEY, shape=400, dtype=np.float32)
    np.testing.assert_allclose(drawn, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("key", random.STANDARD, ids=str)
def test_inverses_are_finite_at_the_extremes(key):
    values = random.STANDARD[key].host(Extreme())
    assert np.all(np.isfinite(values))
    if key[0] == "exponential":
        assert values.min() > 0
    if key[0] == "gumbel":
        assert values.max() > (36 if key[1] else 22)


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.5, 0.999, 1, 1.3, 5, 100, 1e4, 1e8])
def test_gamma(alpha):
    alphas = np.full(20_000, float(alpha))
    drawn = random_rejection.standard_gamma(np, KEY, alphas, log=False)
    logarithms = random_rejection.standard_gamma(np, KEY, alphas, log=True)
    np.testing.assert_allclose(np.exp(logarithms), drawn, rtol=1e-8, atol=1e-300)
    # where x underflows, its distribution function is x**alpha / gamma(alpha + 1)
    far = np.exp(alpha * np.minimum(logarithms, 0) - scipy.special.gammaln(alpha + 1))
    fractions = np.where(logarithms < -30, far, scipy.special.gammainc(alpha, drawn))
    assert scipy.stats.kstest(fractions, "uniform").pvalue > 0.01


def test_gamma_of_other_numbers():
    alphas = np.array([0.0, -0.1, -5.0, np.nan, np.inf])
    drawn, logarithms = (random_rejection.standard_gamma(np, KEY, alphas, log=log) for log in (False, True))
    np.testing.assert_array_equal(drawn, [0, np.nan, np.nan, np.nan, np.inf])
    np.testing.assert_array_equal(logarithms, [-np.inf, np.nan, np.nan, np.nan, np.inf])


def fits(counts, distribution):
    """The p-value of a chi-square test, over at most 40 groups of integers of which 5 or more are expected."""
    low, high = distribution.ppf([1e-4, 1 - 1e-4])
    edges = np.unique(np.floor(np.linspace(low, high, 40)))
    expected = np.diff(np.concatenate([[0], distribution.cdf(edges), [1]])) * len(counts)
    observed = np.bincount(np.searchsorted(edges, counts), minlength=len(expected))
    frequent = expected >= 5
    expected, observed = (np.append(x[frequent], x[~frequent].sum()) for x in (expected, observed))
    keep = expected > 1
    return scipy.stats.chisquare(observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum()).pvalue


@pytest.mark.parametrize("rate", [0.01, 1, 9.99, 10, 12, 30, 100, 1e4, 1e6, 1e9])
def test_poisson(rate):
    drawn = random_rejection.poisson(np, KEY, np.full(100_000, float(rate)), dtype=np.int64)
    assert fits(drawn, scipy.stats.poisson(rate)) > 0.01


@pytest.mark.parametrize(
    ("n", "p"), [(1, 0.3), (10, 0.9), (20, 0.5), (40, 0.25), (100, 0.5), (1000, 0.02), (10**6, 0.3), (10**9, 0.9)]
)
def test_binomial(n, p):
    drawn = random_rejection.binomial(np, KEY, np.full(100_000, float(n)), np.full(100_000, p), dtype=np.int64)
    assert drawn.min() >= 0
    assert drawn.max() <= n
    assert fits(drawn, scipy.stats.binom(n, p)) > 0.01


def test_counts_of_other_numbers():
    rates = np.array([0.0, -1.0, np.nan, np.inf, 1e12])
    np.testing.assert_array_equal(
        random_rejection.poisson(np, KEY, rates, dtype=np.int32), [0, -1, -1, 2**31 - 1, 2**31 - 1]
    )
    with pytest.raises(TypeError, match=r"^poisson: expected an integer dtype, got float32\."):
        random_rejection.poisson(np, KEY, rates, dtype=np.float32)
    trials = np.array([0.0, 5.0, 5.0, -1.0, 5.0, 5.0, np.nan, 300.0])
    chances = np.array([0.5, 0.0, 1.0, 0.5, 1.1, -0.1, 0.5, 1.0])
    drawn = random_rejection.binomial(np, KEY, trials, chances, dtype=np.int8)
    np.testing.assert_array_equal(drawn, [0, 0, 5, -1, -1, -1, -1, 127])


def test_counts_of_the_largest_fraction():
    """The rounded probabilities of a rate of 9.9 sum to less: inversion ends nevertheless."""
    rates, largest = np.array([0.5, 3.0, 7.0, 9.9]), np.full(4, 1 - 2.0**-53)
    counts = random_rejection._inverted(random_rejection._poisson_law(rates), largest)
    exact = scipy.stats.poisson.ppf(largest, rates)
    np.testing.assert_allclose(counts[:3], exact[:3], atol=1)
    assert exact[3] < counts[3] < 100


def test_a_parameter_has_the_lanes_of_the_key():
    keys = random.split(np, KEY, n=2)
    with pytest.raises(ValueError, match=r"random: expected parameters of shape \(3,\) \+ \(...\), got \(2, 3\)"):
        random_rejection.poisson(np, keys, np.ones((2, 3)), dtype=np.int32)


# (alpha, log x): the derivative of log x, from the power series of P(alpha, x) in 60 digits (mpmath)
SLOPES = [
    (0.001, -5.0, 4461.068912986118), (0.2, -0.5, 5.02210588958809), (0.7, 1.5, 0.6123650865703871),
    (1.0, 0.25, 1.0347265594359454), (1.5, 0.04, 0.8861288195029572), (3.0, 2.5, 0.16094634367413246),
    (10.0, 2.25, 0.10437863577963215), (10.0, 1.0, 0.18171148098833914), (100.0, 4.7, 0.009549244400307098),
    (1000.0, 6.9, 0.0010040499816119934), (100000.0, 11.51, 1.0014651147873869e-05),
]  # fmt: skip


def test_slope_of_gamma_is_that_of_its_series():
    alpha, logarithm, expected = np.array(SLOPES).T
    np.testing.assert_allclose(random_slope.log_gamma_slope(np, alpha, logarithm), expected, rtol=1e-9)
    single = random_slope.log_gamma_slope(np, alpha.astype(np.float32), logarithm.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 1.0, 1.5, 7.0, 60.0, 1e4])
def test_slope_of_gamma_is_that_of_its_quantiles(alpha):
    probability = np.array([1e-3, 0.1, 0.3, 0.5, 0.6, 0.9, 0.999])
    h = 1e-4 * alpha
    quantiles = [np.log(scipy.special.gammaincinv(alpha + i * h, probability)) for i in (-2, -1, 0, 1, 2)]
    expected = (quantiles[0] - 8 * quantiles[1] + 8 * quantiles[3] - quantiles[4]) / (12 * h)
    slope = random_slope.log_gamma_slope(np, np.full(7, alpha), quantiles[2])
    finite = np.isfinite(expected)
    assert finite.sum() >= 3
    np.testing.assert_allclose(slope[finite], expected[finite], rtol=1e-7)


def test_bernoulli():
    bits = random.bits(np, KEY, shape=20_000)
    for p in (0, 2.0**-40, 0.3, 0.5, 1 - 2.0**-32, 1):
        drawn = random.bernoulli(np, KEY, shape=20_000, p=p)
        assert drawn.dtype == bool
        np.testing.assert_array_equal(drawn, bits / 2.0**32 < p)
        assert abs(drawn.mean() - p) <= 4 * np.sqrt(p * (1 - p) / 20_000)
    assert random.BERNOULLI.host(Extreme(), np.uint64(2**32)).all()
    assert not random.BERNOULLI.host(Extreme(), np.uint64(0)).any()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (np.zeros(3, np.uint32), r"got uint32 \(3,\)"),
        (np.zeros(2, np.int64), r"got int64 \(2,\)"),
        (np.uint32(1), r"got uint32 \(\)"),
    ],
)
def test_key_errors(key, message):
    with pytest.raises(ValueError, match=r"random: expected a key of dtype uint32 and shape \(..., 2\), " + message):
        random.bits(np, key, shape=1)


FLOATS = "expected dtype float16, float32 or float64"


@pytest.mark.parametrize(
    ("draw", "options", "error", "message"),
    [
        (random.bits, {"shape": (2, -1)}, ValueError, r"expected sizes of at least 0, got shape \(2, -1\)"),
        (random.bits, {"shape": (2.0,)}, TypeError, "cannot be interpreted as an integer"),
        (random.split, {"n": -2}, ValueError, "expected sizes of at least 0"),
        (random.uniform, {"dtype": "i4"}, TypeError, f"uniform: {FLOATS}, got int32"),
        (random.normal, {"dtype": "c8"}, TypeError, f"normal: {FLOATS}, got complex64"),
        (random.bernoulli, {"p": 1.5}, ValueError, "bernoulli: expected 0 <= p <= 1, got 1.5"),
        (random.bernoulli, {"p": np.nan}, ValueError, "bernoulli: expected 0 <= p <= 1, got nan"),
        (
            random.randint,
            {"low": 0, "high": 2, "dtype": "f4"},
            TypeError,
            "randint: expected an integer dtype, got float",
        ),
        (
            random.randint,
            {"low": 0, "high": 2, "dtype": "?"},
            TypeError,
            "randint: expected an integer dtype, got bool",
        ),
        (
            random.randint,
            {"low": 0, "high": 129, "dtype": "i1"},
            ValueError,
            "low < high <= 128 for int8, got 0 and 129",
        ),
        (random.randint, {"low": -1, "high": 2, "dtype": "u1"}, ValueError, "expected 0 <= low .* uint8, got -1 and 2"),
        (random.randint, {"low": 3, "high": 3, "dtype": "i4"}, ValueError, "low < high .* got 3 and 3"),
        (random.randint, {"low": 0, "high": 1.5, "dtype": "i4"}, TypeError, "cannot be interpreted as an integer"),
    ],
)
def test_errors(draw, options, error, message):
    shape = {} if draw is random.split else {"shape": 1}
    with pytest.raises(error, match=message):
        draw(np, KEY, **shape | options)


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (1, 1, "expected lower < upper, got 1.0 and 1.0"),
        (2, 1, "expected lower < upper"),
        (np.nan, 1, "expected lower < upper"),
        (40, 41, "expected an interval that comes within 37 of 0, got 40.0 to 41.0"),
        (-np.inf, -38, "expected an interval that comes within 37 of 0"),
        (1, 1 + 1e-9, "expected a float32 value between the bounds"),
    ],
)
def test_truncated_normal_errors(lower, upper, message):
    with pytest.raises(ValueError, match=f"truncated_normal: {message}"):
        random.truncated_normal(np, KEY, shape=1, dtype=np.float32, lower=lower, upper=upper)


@pytest.mark.gpu
@every_draw
def test_cupy_equals_numpy(cupy, draw, options):
    keys = random.split(np, KEY, n=2)
    tolerance = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13}
    for shape in ((), (0,), (3,), (64,), (33, 37)):
        for key in (KEY, keys):
            got, expected = draw(cupy, cupy.asarray(key), shape=shape, **options), draw(np, key, shape=shape, **options)
            assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
            if expected.dtype.kind == "f" and draw is not random.uniform:
                close = tolerance[expected.dtype.name]
                np.testing.assert_allclose(got.get(), expected, rtol=close, atol=close)
            else:
                np.testing.assert_array_equal(got.get(), expected)


@pytest.mark.gpu
def test_cupy_splits_as_numpy(cupy):
    keys = random.split(cupy, cupy.asarray(KEY), n=9)
    np.testing.assert_array_equal(keys.get(), random.split(np, KEY, n=9), strict=True)
    bits = random.bits(cupy, keys[::3, ::-1], shape=5)
    np.testing.assert_array_equal(bits.get(), random.bits(np, keys.get()[::3, ::-1], shape=5))


@pytest.mark.gpu
@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers_in_cuda(cupy, counter, key, expected):
    code = (
        philox.CUDA_PHILOX
        + """
    extern "C" __global__ void known(const Word* key, const Word* counter, Word* out) {
        const Block block = philox(key, (Wide)counter[1] << 32 | counter[0], counter[2], counter[3]);
        for (int j = 0; j < 4; ++j) out[j] = block.word[j];
    }"""
    )
    out = cupy.empty(4, np.uint32)
    key, counter = (cupy.asarray(np.array(words, np.uint32)) for words in (key[::-1], counter))
    cupy.RawKernel(code, "known")((1,), (1,), (key, counter, out))
    assert tuple(out.tolist()) == expected


@pytest.mark.gpu
@pytest.mark.parametrize(("purpose", "redraws"), [(philox.DRAW, 0), (philox.SPLIT, 0), (philox.DRAW, 3)])
def test_blocks_are_curands(cupy, purpose, redraws):
    code = """
    #include <curand_kernel.h>
    extern "C" __global__ void blocks(unsigned long long seed, unsigned long long subsequence, uint4* out) {
        curandStatePhilox4_32_10_t state;
        curand_init(seed, subsequence, 4ull * threadIdx.x, &state);
        out[threadIdx.x] = curand4(&state);
    }"""
    out = cupy.empty((20, 4), np.uint32)
    seed = np.uint64(int(KEY[0]) << 32 | int(KEY[1]))
    try:
        cupy.RawKernel(code, "blocks")((1,), (20,), (seed, np.uint64(redraws << 32 | purpose), out))
    except cupy.cuda.compiler.CompileException as error:
        if "curand_kernel.h" in str(error):
            pytest.skip("no cuRAND headers; the package nvidia-curand has them")
        raise
    np.testing.assert_array_equal(out.get(), [block(KEY, index, purpose, redraws) for index in range(20)])


@pytest.mark.gpu
def test_a_captured_graph_draws_anew(cupy):
    first, second = random.split(np, KEY, n=1)
    key = cupy.asarray(first)
    random.normal(cupy, key, shape=10, dtype=np.float32)  # compile
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        drawn = random.normal(cupy, key, shape=10, dtype=np.float32)
        graph = stream.end_capture()
        for seed in (second, first):
            key.set(seed)
            graph.launch(stream)
            stream.synchronize()
            np.testing.assert_allclose(drawn.get(), random.normal(np, seed, shape=10, dtype=np.float32), atol=2e-6)
