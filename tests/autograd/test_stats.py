"""The distributions of `autograd.scipy.stats` beside SciPy's, their derivatives, and what is outside the support."""

import functools

import numpy as np
import pytest
import scipy.stats

import autograd.scipy.stats as stats
from autograd import Array, backend, grad, vjp
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
INF, NAN = np.inf, np.nan
A, P, U = np.array([-2.3, -0.7, 0.4, 1.9]), np.array([0.3, 1.1, 2.6, 4.2]), np.array([0.15, 0.4, 0.65, 0.9])
K, LOC, SCALE = np.array([0, 1, 3, 4]), np.array([-0.2, 0.1, 0.05, -0.1]), np.array([0.9, 1.3, 2.0, 1.1])
_random = np.random.default_rng(3)
ROOT = _random.normal(size=(2, 3, 3))
COV = ROOT @ np.swapaxes(ROOT, 1, 2) + np.eye(3)
X, MEAN = _random.normal(size=(4, 3)), _random.normal(size=3)
SIMPLEX, ALPHA = _random.dirichlet([5.0, 6.0, 7.0], 4).T, np.array([0.7, 2.0, 3.0])

# Arguments, in SciPy's order: the value, shape parameters, location, scale.
LOCATED = [(A,), (A, LOC, SCALE), (A[:, None], 0.3, U)]
CALLS = {
    "norm": LOCATED, "laplace": LOCATED, "logistic": LOCATED, "cauchy": LOCATED,
    "expon": [(P,), (P, LOC, SCALE), (P[:, None], -0.1, U)],
    "uniform": [(U,), (U, LOC - 0.2, SCALE + 1), (U[:, None], -0.3, P + 2)],
    "t": [(A, P), (A, 3.0, LOC, SCALE), (A[:, None], P, 0.2)],
    "gamma": [(P, P[::-1].copy()), (P, 2.5, LOC, SCALE), (P[:, None], 0.7, -0.5, U)],
    "chi2": [(P, P[::-1].copy() + 1), (P, 3, LOC, SCALE), (P[:, None], U, -0.2)],
    "beta": [(U, P, P[::-1].copy()), (U, 2, 0.7, LOC - 0.3, SCALE + 1), (U[:, None], P, 1.5)],
    "poisson": [(K, P), (K[:, None], P), (K + 2, 1.3, 2)],
    "binom": [(K, 6, U), (K[:, None], np.array([5, 7]), U[:2]), (K - 1, 6.0, 0.3, -1)],
    "bernoulli": [(np.array([0, 1, 1, 0]), U), (np.array([1, 0]), 0.3), (np.array([3, 2])[:, None], U, 2)],
    "multivariate_normal": [
        (X, MEAN, COV[0]), (X[1], MEAN, COV[0]), (X, MEAN, P[1:]), (X, MEAN, 1.7), (X, None, COV[1]), (X, MEAN),
        (X[:, 0],), (0.3,), (X[:, 1], 0.2, 1.4), (X[:, :1], MEAN[:1], COV[0, :1, :1])],
    "dirichlet": [(SIMPLEX, ALPHA), (SIMPLEX[:, 0], ALPHA), (SIMPLEX[:2], ALPHA), (SIMPLEX[:2, 0], ALPHA)],
}  # fmt: skip
METHODS = "logpdf pdf logpmf pmf cdf sf logcdf logsf".split()
EVERY = [(name, method) for name in CALLS for method in METHODS if hasattr(type(getattr(stats, name)), method)]
METHOD_CALLS = {f"{name}.{method}": [(args, {}) for args in CALLS[name]] for name, method in EVERY}
SHAPES = {"t": 1, "gamma": 1, "chi2": 1, "beta": 2, "binom": 1}  # without a gradient of the distribution function
every = pytest.mark.parametrize(("name", "method"), EVERY)


def test_every_distribution_has_calls():
    assert set(CALLS) == set(stats.__all__)


def is_real(x):
    return hasattr(x, "dtype") and x.dtype.kind == "f"


def differentiated(function, args, fixed=0):
    """The function of those arguments that are arrays of real numbers, but not the first `fixed` after x; and these."""
    places = [i for i, x in enumerate(args) if is_real(x) and not 1 <= i <= fixed]

    def run(*values):
        values = dict(zip(places, values, strict=True))
        return function(*[values.get(i, x) for i, x in enumerate(args)])

    return run, [args[i] for i in places]


def shapes_without_gradient(name, method):
    return SHAPES.get(name, 0) if method in ("cdf", "sf", "logcdf", "logsf") else 0


def on_host(x):
    """An array as a NumPy array, in double precision; anything else as it is."""
    x = x.raw if isinstance(x, Array) else x
    x = x.get() if hasattr(x, "get") else x
    return x.astype(float) if is_real(x) else x


@every
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_results_are_those_of_scipy(xp, name, method, dtype):
    """For raw arrays, Arrays and traced values of each library; float32 stays float32 beside integers and numbers."""
    function, tolerance = getattr(getattr(stats, name), method), 1e-11 if dtype == "float64" else 5e-5
    for args in CALLS[name]:
        raw = [xp.asarray(x.astype(dtype) if is_real(x) else x) if isinstance(x, np.ndarray) else x for x in args]
        if xp is not np and name == "t" and method in ("cdf", "sf", "logcdf", "logsf"):
            with pytest.raises(NotImplementedError, match=r"stdtr: cupyx.scipy.special has no such function"):
                function(*raw)
            continue
        with np.errstate(divide="ignore"):
            expected = getattr(getattr(scipy.stats, name), method)(*args)
        run, inputs = differentiated(function, raw)
        results = [function(*raw), function(*[Array(x) if isinstance(x, xp.ndarray) else x for x in raw])]
        results += [vjp(run, *inputs)[0]] if inputs else []
        assert isinstance(results[1], Array) == any(isinstance(x, np.ndarray) for x in args)
        for got in results:
            assert got.dtype == dtype or not any(map(is_real, args))
            np.testing.assert_allclose(on_host(got), expected, tolerance, tolerance, err_msg=str(args))


@every
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_gradients_are_those_of_finite_differences(name, method):
    for args in CALLS[name]:
        function = getattr(getattr(stats, name), method)
        if name == "dirichlet" and args[0].shape[0] == 3:  # the sum of x must stay 1
            function, args = functools.partial(function, args[0]), args[1:]
        run, inputs = differentiated(function, args, shapes_without_gradient(name, method))
        if inputs and np.isfinite(run(*inputs)).all():
            check_grads(run, tuple(inputs), order=2)


@pytest.mark.parametrize("name", [name for name in CALLS if hasattr(type(getattr(stats, name)), "cdf")])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_beyond_the_support(name):
    """The results are SciPy's limits, and all gradients are zero."""
    distribution, kind = getattr(stats, name), "pmf" if name in ("poisson", "binom", "bernoulli") else "pdf"
    support = {"expon": (0, INF), "gamma": (0, INF), "chi2": (0, INF), "uniform": (0, 1), "beta": (0, 1),
               "poisson": (0, INF), "binom": (0, 4), "bernoulli": (0, 1)}.get(name, (-INF, INF))  # fmt: skip
    beyond = np.array([support[0] - 1, support[0] - INF, support[1] + 1.5, NAN])
    shapes = {"t": (3.0,), "gamma": (0.7,), "chi2": (1.5,), "beta": (0.6, 2.0), "poisson": (1.2,), "binom": (4.0, 0.3),
              "bernoulli": (0.2,)}.get(name, ())  # fmt: skip
    for method in (f"log{kind}", kind, "cdf", "sf", "logcdf", "logsf"):
        with np.errstate(all="ignore"):
            expected = getattr(getattr(scipy.stats, name), method)(beyond, *shapes)
        np.testing.assert_allclose(getattr(distribution, method)(beyond, *shapes), expected, err_msg=method)
    finite = beyond[[0, 2]][np.isfinite(beyond[[0, 2]])]
    others = [*map(np.array, shapes), np.array(0.0)] + ([np.array(1.0)] if kind == "pdf" else [])
    for method in (f"log{kind}", kind):
        for place in range(1 + len(others)):
            slope = grad(lambda *args, method=method: getattr(distribution, method)(*args).sum(), place)
            assert not np.any(slope(finite, *others))


def test_half_integers_are_impossible():
    assert stats.poisson.logpmf(0.5, 2.0) == stats.binom.logpmf(1.5, 3, 0.5) == -INF
    np.testing.assert_allclose(stats.poisson.cdf(1.5, 2.0), scipy.stats.poisson.cdf(1, 2.0))


# What is not allowed: NaN, as in SciPy.
INVALID = [
    ("norm", (0.3, 0.0, -1.0)), ("norm", (0.3, 0.0, 0.0)), ("gamma", (1.0, -2.0)), ("gamma", (1.0, 2.0, 0.0, -1.0)),
    ("t", (1.0, 0.0)), ("beta", (0.5, -1.0, 2.0)), ("uniform", (0.5, 0.0, -1.0)), ("poisson", (1, -1.0)),
    ("binom", (1, 3, 1.2)), ("binom", (1, -1, 0.5)), ("bernoulli", (0, -0.1)), ("chi2", (NAN, 2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), INVALID)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_parameters_that_are_not_allowed(name, args):
    for distribution in (getattr(stats, name), getattr(scipy.stats, name)):
        for method in ("logpdf", "logpmf", "cdf"):
            assert np.isnan(getattr(distribution, method, lambda *args: NAN)(*map(np.array, args)))


# At the ends of the support and where a formula is 0 * inf: the function, the point, the gradient.
EDGES = {
    "poisson, mu 0": (lambda mu: stats.poisson.logpmf(0, mu), 0.0, -1.0),
    "bernoulli, p 0": (lambda p: stats.bernoulli.logpmf(0, p), 0.0, -1.0),
    "binom, p 1": (lambda p: stats.binom.logpmf(3, 3, p), 1.0, 3.0),
    "gamma at 0": (lambda x: stats.gamma.logpdf(x, 1.0), 0.0, -1.0),
    "laplace.cdf at 0": (stats.laplace.cdf, 0.0, 0.5),
    "logistic far away": (stats.logistic.logpdf, 800.0, -1.0),
    "norm.logcdf far away": (stats.norm.logcdf, -1e6, 1e6),
    "norm.logsf far away": (stats.norm.logsf, 1e6, -1e6),
    "cauchy.cdf far away": (stats.cauchy.cdf, -1e9, 1 / (np.pi * 1e18)),
    "gamma.pdf at 0": (lambda x: stats.gamma.pdf(x, 2.0), 0.0, 1.0),
    "gamma.pdf at 0, shape": (lambda a: stats.gamma.pdf(0.0, a), 2.0, 0.0),
    "chi2.pdf at 0": (lambda x: stats.chi2.pdf(x, 4.0), 0.0, 0.25),
    "beta.pdf at 0": (lambda x: stats.beta.pdf(x, 2.0, 3.0), 0.0, 12.0),
    "beta.pdf at 1": (lambda x: stats.beta.pdf(x, 3.0, 2.0), 1.0, -12.0),
    "beta.pdf at 0, large parameters": (lambda x: stats.beta.pdf(x, 600.0, 700.0), 0.0, 0.0),
    "poisson.pmf, mu 0": (lambda mu: stats.poisson.pmf(np.array([0, 1, 2]), mu) @ np.array([1.0, 10, 100]), 0.0, 9.0),
    "binom.pmf, p 0": (lambda p: stats.binom.pmf(np.array([0, 1, 2]), 3, p) @ np.array([1.0, 10, 100]), 0.0, 27.0),
    "binom.pmf, p 1": (lambda p: stats.binom.pmf(np.array([3, 2, 1]), 3, p) @ np.array([1.0, 10, 100]), 1.0, -27.0),
    "bernoulli.pmf, p 0": (lambda p: stats.bernoulli.pmf(1, p), 0.0, 1.0),
    "bernoulli.pmf, p 1": (lambda p: stats.bernoulli.pmf(1, p), 1.0, 1.0),
    "dirichlet.pdf, x 0": (
        lambda x: stats.dirichlet.pdf(np.array([0.0, 0.4, 0.6]) + x * np.array([1.0, 0, 0]), np.array([2.0, 1, 3])),
        0.0, 21.6),
    "norm.pdf at infinity": (stats.norm.pdf, INF, 0.0), "t.pdf at infinity": (lambda x: stats.t.pdf(x, 3.0), -INF, 0.0),
    "gamma.pdf at infinity": (lambda x: stats.gamma.pdf(x, 2.0), INF, 0.0),
    "beta.sf near 0": (lambda x: stats.beta.sf(x, 0.5, 0.5), 1e-20, -1e10 / np.pi),
    "gamma.logcdf": (lambda x: stats.gamma.logcdf(x, 2.0), 50.0, 50 * np.exp(-50.0)),
    "second derivative of gamma.pdf": (grad(lambda x: stats.gamma.pdf(x, 3.0)), 0.0, 1.0),
    "second derivative of beta.pdf": (grad(lambda x: stats.beta.pdf(x, 2.0, 3.0)), 1.0, 24.0),
}  # fmt: skip


@pytest.mark.parametrize("where", EDGES)
def test_gradients_at_the_edge(where):
    function, point, expected = EDGES[where]
    np.testing.assert_allclose(grad(function)(np.array(point)), expected, rtol=1e-9)


# SciPy is the oracle at the edges; NaN in place of its NaN and of what it says of a parameter that is not allowed.
VALUES = np.array(
    [-INF, -50.0, -1e-17, 0.0, 1e-300, 1e-20, 1e-17, 1e-8, 0.3, 0.9, 1.0, 3.0, 40.0, 50.0, 1e10, INF, NAN]
)
SHAPES_AT_EDGES = {
    "t": [(0.5,), (1.0,), (3.0,), (30.0,), (INF,)], "gamma": [(0.05,), (0.5,), (1.0,), (2.0,), (30.0,), (1e3,)],
    "chi2": [(0.1,), (1.0,), (2.0,), (4.0,), (60.0,)],
    "beta": [(0.05, 1.0), (0.5, 0.5), (1.0, 1.0), (2.0, 3.0), (50.0, 0.1)],
    "poisson": [(0.0,), (0.05,), (3.0,), (1e3,)], "bernoulli": [(0.0,), (1e-8,), (0.3,), (1.0,)],
    "binom": [(3, 0.0), (3, 1e-17), (5, 0.3), (5, 1.0), (2.5, 0.3), (1000, 0.01), (INF, 0.3), (-1, 0.3)],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "method"), [pair for pair in EVERY if pair[0] not in ("multivariate_normal", "dirichlet")]
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
def test_values_at_the_edges_are_those_of_scipy(name, method):
    for shapes in SHAPES_AT_EDGES.get(name, [()]):
        with np.errstate(all="ignore"):
            expected = getattr(getattr(scipy.stats, name), method)(VALUES, *shapes)
        got = getattr(getattr(stats, name), method)(VALUES, *shapes)
        ours = np.isnan(expected) | (np.isinf(VALUES) & (got == 0))  # SciPy multiplies 0 by infinity
        ours |= np.isnan(got) & (name == "binom" and shapes[0] in (2.5, INF, -1))
        if method in ("logcdf", "logsf", "logpmf"):  # SciPy rounds the smaller one of some, we a probability close to 1
            ours |= (np.abs(expected - got) < 1e-15) & (np.abs(got) < 1e-9)
        if name == "laplace" and method == "logpdf":  # SciPy takes the logarithm of a density of 0
            ours |= np.isneginf(expected)
        np.testing.assert_allclose(got[~ours], expected[~ours], rtol=2e-8, atol=1e-300, err_msg=str(shapes))


@pytest.mark.parametrize(("call", "expected"), [
    (lambda: stats.beta.sf(1e-17, 0.05, 1.0), 1 - 1e-17**0.05), (lambda: stats.beta.sf(1e-20, 0.1, 1.0), 0.99),
    (lambda: stats.expon.logcdf(50.0), -np.exp(-50.0)), (lambda: stats.laplace.logcdf(50.0), -np.exp(-50.0) / 2),
    (lambda: stats.cauchy.logcdf(1e10), -1e-10 / np.pi), (lambda: stats.t.logcdf(1e10, 1.0), -1e-10 / np.pi),
    (lambda: stats.gamma.logsf(1e-20, 1.0), -1e-20),
    (lambda: stats.cauchy.logpdf(1e300), -600 * np.log(10) - np.log(np.pi)),
    (lambda: stats.beta.logcdf(1 - 1e-9, 1.0, 2.0), -1e-18),
])  # fmt: skip
def test_upper_and_lower_tails_keep_their_digits(call, expected):
    np.testing.assert_allclose(call(), expected, rtol=1e-7)


def test_infinitely_many_degrees_of_freedom_are_the_normal_distribution():
    x = np.array([-2.0, 0.3, 40.0])
    np.testing.assert_allclose(stats.t.logpdf(x, INF), stats.norm.logpdf(x), rtol=1e-14)
    np.testing.assert_allclose(grad(lambda x: stats.t.logpdf(x, INF).sum())(x), -x)
    np.testing.assert_allclose(grad(lambda x: stats.t.cdf(x, INF).sum())(x), stats.norm.pdf(x), rtol=1e-12)


def test_names_of_arguments():
    named = stats.gamma.logpdf(x=P, a=2.0, scale=3.0)
    np.testing.assert_array_equal(named, stats.gamma.logpdf(P, 2.0, 0, 3.0))
    np.testing.assert_array_equal(stats.binom.pmf(k=2, n=3, p=0.4, loc=1), stats.binom.pmf(2, 3, 0.4, 1))
    assert repr(stats.gamma) == "<distribution gamma(x, a, loc=0, scale=1)>"
    assert repr(stats.binom) == "<distribution binom(k, n, p, loc=0)>"
    assert "multivariate_normal(x, mean=None, cov=1, allow_singular=False)" in repr(stats.multivariate_normal)
    assert "dirichlet(x, alpha)" in repr(stats.dirichlet)


@pytest.mark.parametrize(
    "call",
    [lambda: stats.gamma.logpdf(1.0), lambda: stats.gamma.cdf(1.0, 2, 3, 4, 5), lambda: stats.gamma.pdf(1.0, df=3)],
)
def test_wrong_arguments(call):
    with pytest.raises(TypeError, match=r"gamma: expected arguments \(x, a, loc=0, scale=1\): "):
        call()


def test_stacked_normal_distributions(xp):
    got = stats.multivariate_normal.logpdf(xp.asarray(X[:, None]), xp.asarray(MEAN), xp.asarray(COV))
    expected = np.stack([scipy.stats.multivariate_normal.logpdf(X, MEAN, each) for each in COV], 1)
    np.testing.assert_allclose(on_host(got), expected, rtol=1e-11)
    check_grads(stats.multivariate_normal.logpdf, (X[:, None], MEAN, COV), order=2)


def test_entropy_of_normal_vectors():
    for args in ((MEAN, COV[0]), (MEAN, P[1:]), (None, COV[1]), (MEAN, 2.0), (None, 3.0)):
        expected = scipy.stats.multivariate_normal.entropy(*args)
        np.testing.assert_allclose(stats.multivariate_normal.entropy(*args), expected, rtol=1e-12)
    check_grads(stats.multivariate_normal.entropy, (MEAN, COV))


def test_the_gradient_of_a_covariance_is_symmetric():
    gradient = grad(lambda cov: stats.multivariate_normal.logpdf(X[0], MEAN, cov))(COV[0])
    np.testing.assert_array_equal(gradient, gradient.T)


def test_vectors_outside_the_simplex():
    x = np.array([[0.5, 0.2, 0.2], [0.6, 0.3, 0.7], [-0.1, 0.6, 0.1]])
    np.testing.assert_array_equal(np.isneginf(stats.dirichlet.logpdf(x, ALPHA)), [True, True, False])
    for place in (0, 1):
        assert not np.any(grad(lambda *args: stats.dirichlet.logpdf(*args).sum(), place)(x[:, :2], ALPHA))
    assert np.isnan(stats.dirichlet.logpdf(x[:, 2], -ALPHA))


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"multivariate_normal: expected a mean .*, got \(3,\) and \(2, 2\)"):
        stats.multivariate_normal.logpdf(X, MEAN, np.eye(2))
    with pytest.raises(ValueError, match=r"multivariate_normal: expected x \(..., 1\), as its mean, got \(4, 3\)"):
        stats.multivariate_normal.logpdf(X)
    with pytest.raises(ValueError, match=r"dirichlet: expected x \(K, ...\) and alpha \(K,\), got \(2, 4\) and \(4,\)"):
        stats.dirichlet.logpdf(SIMPLEX[:2], np.ones(4))


def test_shape_parameters_of_distribution_functions_have_no_gradient_and_say_so():
    with pytest.raises(NotImplementedError, match="gammainc: expected a not to be differentiated"):
        grad(lambda a: stats.gamma.cdf(1.0, a))(np.array(2.0))


def test_densities_add_up_to_one():
    x = np.linspace(-30, 30, 6001)
    for name in ("norm", "laplace", "logistic", "expon", "uniform"):
        total = stats.norm.pdf(x).sum() if name == "norm" else getattr(stats, name).pdf(x, -2.0, 1.5).sum()
        np.testing.assert_allclose(total * 0.01, 1, atol=0.01)
    assert backend.default_device().kind == "cpu"
