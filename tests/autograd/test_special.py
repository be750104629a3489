"""Every function of `autograd.scipy.special` beside SciPy's, its derivatives, and what happens at special points."""

import sys

import numpy as np
import pytest
import scipy.special

import autograd
import autograd.scipy.special as special
from autograd import Array, backend, elementwise_grad, stop_gradient, tree, vjp
from autograd.core import Tracer
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
INF, NAN = np.inf, np.nan
_random = np.random.default_rng(11)
A = _random.permutation(12).reshape(3, 4) / 3 - 1.7  # distinct numbers of both signs
P = _random.permutation(12).reshape(3, 4) / 5 + 0.3  # distinct positive numbers
U = (_random.permutation(12).reshape(3, 4) + 0.5) / 12  # between 0 and 1
C = _random.permutation(24).reshape(2, 3, 4) / 6 - 1.9
V, S = P[1], np.array(0.7)
N = np.array([0, 1, 2, 3])


def same(names, calls):
    return dict.fromkeys(names.split(), calls)


def each(*args):
    """Calls of one argument: (args, kwargs)."""
    return [((a,), {}) for a in args]


def both(*pairs):
    """Calls of several arguments."""
    return [(args, {}) for args in pairs]


def over_axes(x, *axes, **kwargs):
    return [((x,), {"axis": axis, **kwargs}) for axis in axes]


orders = both((0, P), (1, P), (2.5, V), (N, P), (N[:, None], V), (1, 0.7))
sums = [*over_axes(C, None, 0, -1, (0, 2)), *over_axes(C, 1, (0, 1), keepdims=True), *each(N, A * 1000, V.astype("f"))]
CALLS = {
    **same("gamma gammaln loggamma gammasgn rgamma digamma psi entr exp1 expi y0 y1 k0 k0e k1 k1e", each(P, S, 1.5)),
    **same("erf erfc erfcx ndtr log_ndtr log_expit expit exprel cosm1 sinc j0 j1 i0 i0e i1 i1e", each(A, S, A.T, 0.4)),
    **same("erfinv logit ndtri erfcinv", each(U, S, 0.4)),
    "multigammaln": both((P + 2, 3), (P, 1), (2.5, 2)),
    "polygamma": both((0, P), (1, P), (3, P), (N, P), (N[:, None], V), (2, 0.7)),
    "zeta": both((2, P), (1.5, P), (2.5, 0.7), (N + 2, P)),
    **same("beta betaln rel_entr kl_div", both((P, V), (P[:, :1], V), (P, 0.8), (1.3, 0.5))),
    **same("gammainc gammaincc stdtr", both((2, P), (2.5, P), (N + 1, P), (2.5, 0.7))),
    "betainc": both((2, 1, U), (0.7, 2.5, U), (N + 1, 2, U), (0.7, 2.5, 0.3)),
    "xlogy": both((A, P), (A[:, :1], V), (2, P), (A, 0.7)),
    "xlog1py": both((A, P), (A[:, :1], V), (2, P), (A, 0.7)),
    "expn": both((0, P), (1, P), (3, P), (N, P), (2, 0.7)),
    **same("jv jn yv iv ive kv kve", orders),
    "yn": both((0, P), (1, P), (N, P), (N[:, None], V), (1, 0.7)),
    "logsumexp": [*sums, ((C,), {"b": C + 2.5, "axis": 1}), ((C, 1), {"b": P, "keepdims": True}),
        ((C,), {"b": -1.5, "axis": 0, "return_sign": True}), ((C, -1), {"b": C, "return_sign": True}),
        ((A,), {"axis": 1, "return_sign": True}), ((A, 0, N), {}), ((V,), {"b": np.array([0.0, 1.0, 2.0, 0.0])}),
        ((A, 1, N[:3, None]), {"return_sign": True})],
    **same("softmax log_softmax", [*over_axes(C, 0, -1, None, (0, 2)), *each(C, [1, 2], A * 1000)]),
}  # fmt: skip
NOT_IN_CUPY = set("jv jn yv iv ive kv kve stdtr".split())
NAMES = pytest.mark.parametrize("name", CALLS)


def test_every_public_function_has_calls():
    assert set(CALLS) == set(special.__all__)
    assert all(callable(getattr(special, name)) and hasattr(scipy.special, name) for name in CALLS)


def parts(*results):
    return zip(*(x if isinstance(x, tuple) else (x,) for x in results), strict=True)


def on_host(x):
    x = x.raw if isinstance(x, Array) else x
    return x.get() if hasattr(x, "get") else np.asarray(x)


def is_real(x):
    return hasattr(x, "dtype") and x.dtype.kind == "f"


def changed(call, change):
    """A call with its arrays of real numbers changed."""
    return tree.tree_map(lambda x: change(x) if is_real(x) else x, call)


def differentiated(function, call):
    """A call as a function of its arrays of real numbers, and these."""
    leaves, structure = tree.flatten(call)
    places = [i for i, x in enumerate(leaves) if is_real(x)]

    def run(*values):
        values = dict(zip(places, values, strict=True))
        args, kwargs = tree.unflatten(structure, [values.get(i, x) for i, x in enumerate(leaves)])
        return function(*args, **kwargs)

    return run, [leaves[i] for i in places]


@NAMES
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_are_those_of_scipy(xp, name, dtype):
    """For raw arrays, Arrays and traced values of each library; float32 stays float32."""
    function, tolerance = getattr(special, name), 1e-11 if dtype == "float64" else 2e-5
    for call in CALLS[name]:
        call = changed(call, lambda x: x.astype(dtype))
        there = tree.tree_map(lambda x: xp.asarray(x) if isinstance(x, np.ndarray) else x, call)
        if xp is not np and name in NOT_IN_CUPY:
            if any(isinstance(x, np.ndarray) for x in tree.flatten(call)[0]):
                with pytest.raises(NotImplementedError, match=r"cupyx.scipy.special has no such function"):
                    function(*there[0], **there[1])
            continue
        args, kwargs = changed(call, lambda x: x.astype("float64"))
        with np.errstate(all="ignore"):
            expected = getattr(scipy.special, name)(*args, **kwargs)
        lifted = tree.tree_map(lambda x: Array(x) if isinstance(x, xp.ndarray) else x, there)
        results = [function(*there[0], **there[1]), function(*lifted[0], **lifted[1])]
        run, inputs = differentiated(function, there)
        results += [vjp(run, *inputs)[0]] if inputs else []
        for raw, *others, wanted in parts(*results, expected):
            assert not isinstance(raw, Array)
            assert raw.dtype == dtype or not inputs
            for got in (raw, *others):
                assert got.dtype == raw.dtype
                np.testing.assert_allclose(on_host(got), wanted, tolerance, tolerance, err_msg=str(call))


@NAMES
def test_gradients_are_those_of_finite_differences(name):
    for call in CALLS[name]:
        run, inputs = differentiated(getattr(special, name), call)
        if inputs and name != "gammasgn" and not any(np.abs(x).max() > 100 for x in inputs):
            with np.errstate(all="ignore"):
                finite = all(np.isfinite(y).all() for (y,) in parts(run(*inputs)))
            if finite:
                check_grads(run, tuple(inputs), order=2)


def derivatives(function, x, count):
    """The derivatives of orders 0 to `count` at the numbers `x`."""
    found = []
    for _ in range(count + 1):
        found.append(on_host(function(x)))
        function = elementwise_grad(function)
    return found


# At 0: the derivatives of orders 0, 1, ... from the power series (DLMF 10.2.2, 10.25.2).
SERIES = {
    "j0": [1, 0, -1 / 2, 0, 3 / 8], "j1": [0, 1 / 2, 0, -3 / 8, 0, 5 / 16],
    "i0": [1, 0, 1 / 2, 0, 3 / 8], "i1": [0, 1 / 2, 0, 3 / 8, 0, 5 / 16],
    "exprel": [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5], "sinc": [1, 0, -np.pi**2 / 3, 0, np.pi**4 / 5],
    "cosm1": [0, 0, -1, 0, 1], "i0e": [1, 0], "i1e": [0, 1 / 2],
}  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_derivatives_at_zero(xp, name):
    got = derivatives(getattr(special, name), xp.zeros(1), len(SERIES[name]) - 1)
    np.testing.assert_allclose(np.concatenate(got), SERIES[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "order"), [("j1", 3), ("i1", 3), ("exprel", 2), ("i1e", 1)])
def test_derivatives_are_continuous_where_series_and_formula_meet(name, order):
    for x in (-1.0, 1.0):
        below, above = (derivatives(getattr(special, name), np.array(x + step), order) for step in (-1e-13, 1e-13))
        np.testing.assert_allclose(below, above, rtol=1e-11)


def test_rgamma_at_the_poles_of_gamma():
    """1 / gamma(x) has the slope (-1)**n n! at -n (DLMF 5.2.1 and 5.5.3)."""
    n = np.arange(6)
    got = elementwise_grad(special.rgamma)(-n * 1.0)
    np.testing.assert_allclose(got, (-1.0) ** n * scipy.special.factorial(n), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_log_ndtr_far_in_the_tail(dtype):
    """Its slope at -x is x + 1 / x - 2 / x**3 + ... (the asymptotic series of Mills' ratio, DLMF 7.12.1)."""
    x = np.array([30.0, 100.0, 1000.0], dtype)
    first, second = derivatives(special.log_ndtr, -x, 2)[1:]
    np.testing.assert_allclose(first, x + 1 / x - 2 / x**3, rtol=1e-6)
    np.testing.assert_allclose(second[:1], -1 + 1 / x[:1] ** 2, rtol=1e-4)
    above = derivatives(special.log_ndtr, np.array([50.0, 400.0], dtype), 2)
    np.testing.assert_array_equal(above[1:], np.zeros((2, 2)))


# Where a formula would be 0 * inf or 0 / 0: the function, the point, the gradient of the sum.
CONVENTIONS = {
    "xlogy, factor": (lambda x: special.xlogy(x, np.array([0.0, 0.0, 2.0])), [0.0, 1.0, 0.0], [0, -INF, np.log(2)]),
    "xlogy": (lambda x: special.xlogy(np.array([0.0, 2.0, 0.0]), x), [0.0, 4.0, 2.0], [0, 0.5, 0]),
    "xlog1py": (lambda x: special.xlog1py(np.array([0.0, 2.0, 0.0]), x), [-1.0, 3.0, 1.0], [0, 0.5, 0]),
    "rel_entr": (lambda x: special.rel_entr(np.array([0.0, 0.0, 2.0]), x), [0.0, 1.0, 4.0], [0, 0, -0.5]),
    "kl_div": (lambda x: special.kl_div(np.array([0.0, 0.0, 2.0]), x), [0.0, 1.0, 4.0], [1, 1, 0.5]),
    "entr": (special.entr, [0.0, 1.0], [INF, -1]),
    "gammainc at 0": (lambda x: special.gammainc(np.array([1.0, 2.0, 0.5]), x), [0.0, 0.0, 0.0], [1, 0, INF]),
    "betainc at 0 and 1": (lambda x: special.betainc(1.0, 1.0, x), [0.0, 1.0], [1, 1]),
    "logsumexp, factor 0": (
        lambda b: special.logsumexp(np.array([1.0, 2.0]), b=b), [0.0, 1.0], [np.exp(-1), 1]),
    "logsumexp, factor 0 of inf": (
        lambda a: special.logsumexp(a, b=np.array([0.0, 1.0])), [INF, 2.0], [0, 1]),
    "logsumexp, sum 0": (lambda a: special.logsumexp(a, b=np.array([1.0, -1.0])), [2.0, 2.0], [0, 0]),
    "logsumexp, sign": (
        lambda a: special.logsumexp(a, b=np.array([1.0, -1.0]), return_sign=True)[0], [0.0, np.log(3)], [-0.5, 1.5]),
}  # fmt: skip


@pytest.mark.parametrize("where", CONVENTIONS)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:overflow")
def test_gradients_at_the_edge(where):
    function, point, expected = CONVENTIONS[where]
    np.testing.assert_allclose(elementwise_grad(function)(np.array(point)), expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:overflow")
def test_logsumexp_of_extreme_terms(xp):
    for a, b in (([1000.0, 999.0], [1.0, 2.0]), ([-INF, 0.0], [1.0, 1.0]), ([-INF, -INF], [1.0, 2.0]),
                 ([1000.0, 0.0], [0.0, 1.0]), ([INF, 1.0], [0.0, 3.0]), ([INF, 1.0], [2.0, 3.0]),
                 ([1.0, 2.0], [-1.0, -2.0]), ([1.0, 1.0], [1.0, -1.0]), ([NAN, 1.0], [1.0, 1.0])):  # fmt: skip
        with np.errstate(all="ignore"):
            expected, sign = scipy.special.logsumexp(a, b=b, return_sign=True)
            unsigned = scipy.special.logsumexp(a, b=b)
        got = special.logsumexp(xp.asarray(a), b=xp.asarray(b), return_sign=True)
        np.testing.assert_allclose([on_host(x) for x in got], [expected, sign], rtol=1e-14)
        np.testing.assert_allclose(on_host(special.logsumexp(xp.asarray(a), b=xp.asarray(b))), unsigned, rtol=1e-14)


def test_the_gradient_of_logsumexp_keeps_its_digits_far_from_zero(xp):
    x = np.linspace(-2, 2, 12, dtype="float32").reshape(3, 4) + np.float32(1e4)
    for shift in (0, -2e4):
        far = x + np.float32(shift)
        parts = np.exp(far - far.max(1, keepdims=True, initial=-INF).astype("float64"))
        g = elementwise_grad(lambda x: special.logsumexp(x, 1))(xp.asarray(far))
        np.testing.assert_allclose(on_host(g), parts / parts.sum(1, keepdims=True), rtol=3e-6)


# Where formulas would cancel or lose an infinite slope: the function, the point, derivatives of order 1 and 2.
EXTREME = {
    "log_ndtr": (special.log_ndtr, [-1e7, -1e8, -1e9], [1e7, 1e8, 1e9], [-1, -1, -1]),
    "erfcx": (special.erfcx, [1e4, 1e7, 1e8], [-5.641895750849127e-9, -5.641895835477478e-15, -5.641895835477562e-17],
              [1.1283791332441388e-12, 1.1283791670954786e-21, 1.128379167095512e-24]),
    "i0e": (special.i0e, [1e9, -1e20], [-6.307831307415837e-15, 1.9947114020071634e-31],
            [9.461746963489192e-24, 2.992067103010745e-51]),
    "i1e": (special.i1e, [1e9, -1e20], [-6.3078312979540896e-15, -1.9947114020071634e-31],
            [9.461746939834825e-24, -2.992067103010745e-51]),
    "k0e": (special.k0e, [1e9, 1e20], [-1.9816636480598816e-14, -6.266570686577501e-31],
            [2.9724954713466985e-23, 9.399856029866252e-51]),
    "k1e": (special.k1e, [1e9, 1e20], [-1.981663651032377e-14, -6.266570686577501e-31],
            [2.9724954787779376e-23, 9.399856029866252e-51]),
    "erf": (special.erf, [INF, -INF], [0, 0], [0, 0]), "erfc": (special.erfc, [INF, -INF], [0, 0], [0, 0]),
    "ndtr": (special.ndtr, [INF, -INF], [0, 0], [0, 0]),
    "gammainc": (lambda x: special.gammainc(2.0, x), [0.0, INF], [0, 0], [1, 0]),
    "gammaincc": (lambda x: special.gammaincc(3.0, x), [0.0, INF], [0, 0], [0, 0]),
    "betainc": (lambda x: special.betainc(2.0, 3.0, x), [0.0, 1.0], [0, 0], [12, 0]),
    "stdtr": (lambda x: special.stdtr(3.0, x), [INF, -INF], [0, 0], [0, 0]),
    "exprel": (special.exprel, [1e4, 1.0], [INF, 1], [INF, np.e - 2]),
    "ive of order 2": (lambda x: special.ive(2, x), [1e8], [-1.994711327206e-13], [2.992066953407e-21]),
    "kve of order 2": (lambda x: special.kve(2, x), [1e8], [-6.2665709e-13], [9.3998577e-21]),
}  # fmt: skip


@pytest.mark.parametrize("name", EXTREME)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")
def test_derivatives_far_away_and_at_the_ends(name):
    function, points, first, second = EXTREME[name]
    got = derivatives(function, np.array(points), 2)[1:]
    np.testing.assert_allclose(got, [first, second], rtol=1e-6, atol=1e-300)


def test_log_ndtr_and_erfcx_far_away_in_single_precision():
    got = derivatives(special.log_ndtr, np.array([-1e3, -1e4], "float32"), 2)[2]
    np.testing.assert_allclose(got, [-1, -1], rtol=1e-5)
    got = derivatives(special.erfcx, np.array([1e3, 1e4], "float32"), 1)[1]
    np.testing.assert_allclose(got, [-5.641887e-7, -5.641896e-9], rtol=1e-5)


def test_derivatives_are_those_of_the_formula_where_an_asymptotic_series_begins():
    for function, x in ((special.erfcx, 20.0), (special.log_ndtr, -30.0), (special.i0e, 100.0), (special.k1e, 100.0),
                        (special.i1e, -100.0)):  # fmt: skip
        below, above = (derivatives(function, np.array(x * (1 + step)), 2) for step in (-1e-9, 1e-9))
        np.testing.assert_allclose(below, above, rtol=2e-7)


@pytest.mark.parametrize("z", [1 + 1j, -1 + 1j, 0.5 - 2j, -2.0 - 0.3j])
def test_ive_of_complex_numbers_falls_with_the_real_part(z):
    for v in (0, 1.5):
        np.testing.assert_allclose(special.ive(v, np.array([z])), scipy.special.ive(v, [z]))
        check_grads(lambda z, v=v: special.ive(v, z), (np.array([z]),), order=2)


def test_multigammaln_outside_its_domain():
    np.testing.assert_array_equal(special.multigammaln(np.array([1.0, 1.5]), 4), [NAN, NAN])


@pytest.mark.parametrize(("name", "args", "argument"), [
    *((name, (1.5, 0.7), "v") for name in "jv jn yv iv ive kv kve".split()), ("yn", (1.0, 0.7), "v"),
    ("gammainc", (1.5, 0.7), "a"), ("gammaincc", (1.5, 0.7), "a"), ("betainc", (1.5, 0.7, 0.3), "a"),
    ("stdtr", (1.5, 0.7), "df"), ("expn", (2.0, 0.7), "n"), ("zeta", (1.5, 0.7), "s"), ("polygamma", (2.0, 0.7), "s"),
])  # fmt: skip
def test_orders_and_shapes_have_no_gradient_and_say_so(name, args, argument):
    function, others = getattr(special, name), [np.array(a) for a in args[1:]]
    order = np.array(args[0])
    with pytest.raises(NotImplementedError, match=rf"expected {argument} not to be differentiated.*stop_gradient"):
        autograd.grad(lambda order: function(order, *others))(order)
    stopped = autograd.grad(lambda order, x: function(stop_gradient(order), *others[:-1], x), 1)(order, others[-1])
    np.testing.assert_allclose(stopped, autograd.grad(lambda x: function(args[0], *others[:-1], x))(others[-1]))


def test_integers_and_numbers_take_the_precision_of_the_array(xp):
    x = xp.asarray(V.astype("float32"))
    for y in (special.gammainc(2, x), special.xlogy(xp.asarray(N), x), special.betainc(2.5, xp.asarray(N + 1), x / 3),
              special.polygamma(xp.asarray(N), x), special.zeta(xp.asarray(N + 2), x)):  # fmt: skip
        assert y.dtype == np.float32
    seen = []
    autograd.grad(lambda x: seen.append(type(x)) or special.polygamma(1, x).sum())(x)
    assert issubclass(seen[0], Tracer)


@pytest.fixture
def without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    backend.scipy_function.cache_clear()
    yield
    backend.scipy_function.cache_clear()


def test_scipy_is_needed_only_where_it_computes(without_scipy):
    with pytest.raises(ImportError, match=r"gammaln: needs SciPy, .* `pip install cuobjax\[scipy\]`"):
        backend.scipy_function(np, "special", "gammaln")
    for name in "erf erfc erfinv expit ndtri sinc logsumexp softmax log_softmax".split():
        assert np.isfinite(getattr(special, name)(U)).all()
