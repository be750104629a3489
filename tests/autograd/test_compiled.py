"""Compiled loops give what NumPy gives, and their functions of numbers are right to some units in the last place."""

import math
import os
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import testing
from autograd.kernels import (
    activation,
    attention,
    attention_blocks,
    compiled,
    normalization,
    recurrence,
    scalars,
    softmax,
)
from autograd.ops.normalization import normalize
from autograd.ops.softmax import softmax as softmax_of_rows

numba = pytest.importorskip("numba")
rng = np.random.default_rng(0)
DTYPES = ["float32", "float64"]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Small arrays, too, and several parts."""
    monkeypatch.setattr(compiled, "LEAST", 0)
    monkeypatch.setattr(softmax, "PIECE", 0)
    monkeypatch.setattr(activation, "_is_small", lambda args: False)
    monkeypatch.setattr(compiled, "PART", 64)
    monkeypatch.setattr(compiled, "threads", lambda: 3)
    monkeypatch.setattr(compiled, "is_there", lambda: True)


@pytest.fixture
def both(monkeypatch, always):
    """Calls a function of the module numpy and arguments in both ways."""

    def run(function, *arguments, **parameters):
        with monkeypatch.context() as patched:
            patched.setattr(compiled, "is_there", lambda: False)
            expected = function(np, *arguments, **parameters)
        return function(np, *arguments, **parameters), expected

    return run


def normal(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


def close(found, expected, digits=1e-5):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(
            a, b, rtol=digits if a.dtype == "float32" else 1e-11, atol=digits * max(np.nanmax(np.abs(b)), 0.1)
        )


LAYOUTS = {
    "layer": ((6, 5, 40), (2,), (40,)),
    "last axes": ((4, 5, 40), (1, 2), (5, 40)),
    "leading ones": ((4, 5, 40), (2,), (1, 1, 40)),
    "without a scale": ((4, 5, 40), (1, 2), None),
    "batch": ((4, 3, 5, 8), (0, 2, 3), (3, 1, 1)),
    "group": ((2, 3, 4, 5, 6), (2, 3, 4), (3, 4, 1, 1)),
    "instance": ((2, 3, 40), (2,), (3, 1)),
    "constant on some": ((2, 4, 40), (1, 2), (1, 40)),  # left to NumPy, as the next ones
    "of columns": ((40, 3), (0,), (3,)),
    "of a middle axis": ((4, 40, 3), (1,), (3,)),
}


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_normalize(name, dtype, centered, both):
    shape, axis, of_scale = LAYOUTS[name]
    x, g = normal(*shape, dtype=dtype) * 3 + 1, normal(*shape, dtype=dtype)
    scale, shift = (1, 0) if of_scale is None else (normal(*of_scale, dtype=dtype), normal(*of_scale, dtype=dtype))
    known = {"axis": axis, "eps": 1e-3, "centered": centered}
    found, expected = both(normalization.normalize, x, scale, shift, dtype="float32", **known)
    close(found, expected)
    mean, variance = expected[1:]
    of_mean, of_variance = normal(*mean.shape, dtype=dtype), normal(*mean.shape, dtype=dtype)
    for wanted in [(0,)] if of_scale is None else [(0,), (1,), (0, 1, 2), (2, 0)]:
        for others in [(0, 0), (of_mean, of_variance)]:
            known |= {"wanted": wanted}
            close(*both(normalization.normalize_gradients, g, *others, x, scale, mean, variance, **known))


@pytest.mark.parametrize("name", ["layer", "batch", "group"])
def test_arrays_with_gaps(name, both):
    shape, axis, of_scale = LAYOUTS[name]
    x, g = (normal(*shape[::-1]).transpose() for _ in range(2))
    scale, shift = normal(*of_scale), normal(*of_scale)
    known = {"axis": axis, "eps": 1e-3, "centered": True}
    found, expected = both(normalization.normalize, x, scale, shift, dtype="float32", **known)
    close(found, expected)
    for cotangent in (g, np.broadcast_to(np.float32(2), shape)):
        arguments = cotangent, 0, 0, x, scale, *expected[1:]
        close(*both(normalization.normalize_gradients, *arguments, wanted=(0, 1, 2), **known), 1e-4)


def test_statistics_of_many_numbers_far_from_zero():
    x = (1e3 + rng.standard_normal((2, 3, 400, 500))).astype("float32")
    known = {"axis": (0, 2, 3), "eps": 0.0, "centered": True, "dtype": "float32"}
    scale = np.ones((3, 1, 1), "float32")
    _, mean, variance = normalization.normalize(np, x, scale, 0 * scale, **known)
    exact = x.astype(float)
    np.testing.assert_allclose(mean, exact.mean((0, 2, 3), keepdims=True), rtol=1e-7)
    np.testing.assert_allclose(variance, exact.var((0, 2, 3), keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 30), (1, 300), (30, 1), (3, 4, 30), (5000,)])
def test_softmax(shape, dtype, both):
    x, g = normal(*shape, dtype=dtype) * 5, normal(*shape, dtype=dtype)
    axis = (len(shape) - 1,)
    for forward, gradient in (
        (softmax.softmax, softmax.softmax_gradient),
        (softmax.log_softmax, softmax.log_softmax_gradient),
    ):
        y, expected = both(forward, x, axis=axis)
        close([y], [expected])
        close(*([a] for a in both(gradient, g, y, axis=axis)))


@pytest.mark.parametrize("log", [True, False])
def test_rows_without_a_sum(log, both):
    """NaN and infinite numbers spoil their row alone; -inf is the probability 0."""
    x = normal(6, 20)
    x[0, 3], x[1, 4], x[2], x[3, :10], x[4, 0] = math.nan, math.inf, -math.inf, -math.inf, math.nan
    with np.errstate(all="ignore"):
        y, expected = both(softmax.log_softmax if log else softmax.softmax, x, axis=(1,))
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    assert np.isfinite(y[5]).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy(dtype, smoothing, both):
    x, labels = normal(40, 11, dtype=dtype) * 4, rng.integers(0, 11, 40)
    labels[:2] = -1, 11  # no classes
    found, expected = both(softmax.cross_entropy, x, labels, smoothing=smoothing, dtype="float64")
    close(found, expected)
    g, g_total = normal(40, dtype=dtype), normal(40, dtype=dtype)
    for cotangents in [(g, 0), (g, g_total), (0, g_total), (1.0, 0)]:
        close(
            *(
                [a]
                for a in both(softmax.cross_entropy_gradient, *cotangents, x, labels, expected[1], smoothing=smoothing)
            )
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_cross_entropy(dtype, both):
    x, labels = normal(40, 11, dtype=dtype) * 4, rng.random((40, 11)).astype(dtype)
    found, expected = both(softmax.soft_cross_entropy, x, labels, dtype="float64")
    close(found, expected)
    g, g_total = normal(40, dtype=dtype), normal(40, dtype=dtype)
    for cotangents in [(g, 0), (g, g_total)]:
        close(*([a] for a in both(softmax.soft_cross_entropy_gradient, *cotangents, x, labels, *expected[1:])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [3, 40])
def test_lstm(n, reverse, dtype, both):
    """Of a batch in one part and in several ones."""
    known = {"cell": "lstm", "reverse": reverse}
    x, w_input, w_hidden = normal(5, n, 4, dtype=dtype), normal(4, 24, dtype=dtype), normal(6, 24, dtype=dtype)
    states = normal(n, 6, dtype=dtype), normal(6, n, dtype=dtype).T
    g, ends = normal(5, n, 6, dtype=dtype), (normal(n, 6, dtype=dtype), 0)

    def both_ways(xp, b):
        arguments = x, w_input, w_hidden, b, 0, 0
        y = recurrence.recurrence(xp, *arguments, *states, **known)
        gradients = recurrence.recurrence_gradient(xp, *arguments, g, *states, *ends, *y, **known, to_x=True)
        return *y, *gradients

    for b in (0, normal(24, dtype=dtype)):
        close(*both(both_ways, b), 1e-4)
    g = 0
    close(*both(both_ways, 0), 1e-4)


def test_states_of_another_shape_are_left_to_numpy(both):
    """Loops do not check indices."""
    x, w_input, w_hidden = normal(5, 30, 4), normal(4, 24), normal(6, 24)
    states = normal(1, 6), normal(1, 6)
    arguments = x, w_input, w_hidden, 0, 0, 0, *states
    close(*both(recurrence.recurrence, *arguments, cell="lstm", reverse=False), 0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("queries", "keys"), [(30, 20), (200, 90)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_attention(dtype, queries, keys, causal, bias, both):
    """In one block and in several ones, the first of which sees no key if it is causal."""
    q, k = normal(2, 4, queries, 8, dtype=dtype), normal(2, 2, keys, 8, dtype=dtype)
    v, g = normal(2, keys, 2, 8, dtype=dtype).swapaxes(1, 2), normal(2, 4, queries, 1, dtype=dtype)
    hides = np.where(rng.random((2, 1, queries, keys)) < 0.3, -math.inf, 0).astype(dtype) if bias else 0
    known = {"scale": 0.3, "causal": causal, "keep": 1.0}
    found, expected = both(attention.attention, q, k, v, hides, 0, **known)
    close(found[:1], expected[:1])
    seen = expected[1] < 1e30
    assert (seen == (found[1] < 1e30)).all()
    np.testing.assert_allclose(found[1][seen], expected[1][seen], rtol=1e-5, atol=1e-5)
    for to_bias in {False, bias}:
        arguments = np.broadcast_to(g, q.shape), g[..., 0], q, k, v, hides, 0, *expected
        close(*both(attention.attention_gradient, *arguments, **known, to_bias=to_bias), 1e-4)


def test_attention_of_what_is_not_finite(both):
    q, k, v = normal(1, 2, 40, 8), normal(1, 2, 50, 8), normal(1, 2, 50, 8)
    q[0, 0, 3, 1], k[0, 1, 4, 2], v[0, 0, 5] = math.nan, math.inf, math.nan
    with np.errstate(invalid="ignore"):
        found, expected = both(attention.attention, q, k, v, 0, 0, scale=0.3, causal=False, keep=1.0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    close([found[0][0, 1]], [expected[0][0, 1]])


def of_records(x):
    """The same rows, each behind a byte, so that their distance is no number of elements."""
    records = np.zeros(x.shape[:-1], [("byte", "i1"), ("row", x.dtype, x.shape[-1:])])
    records["row"] = x
    return records["row"]


MEMORY = {
    "a row, reversed": (1, lambda x: x[:, :, ::-1]),
    "a row, repeated": (1, lambda x: np.broadcast_to(x[:, :, 0, None], x.shape)),
    "rows, reversed": (6, lambda x: x[:, :, ::-1]),
    "heads, reversed": (6, lambda x: x[::-1, ::-1]),
    "rows of records": (6, of_records),
    "columns": (6, np.asfortranarray),
}


@pytest.mark.parametrize("name", MEMORY)
def test_attention_of_any_memory(name, both):
    length, change = MEMORY[name]
    q, k, v = [change(normal(2, 4, length, 8)) for _ in range(3)]
    found, expected = both(attention.attention, q, k, v, 0, 0, scale=0.3, causal=False, keep=1.0)
    close(found, expected)
    arguments = change(normal(2, 4, length, 8)), 0, q, k, v, 0, 0, *expected
    known = {"scale": 0.3, "causal": False, "keep": 1.0, "to_bias": False}
    close(*both(attention.attention_gradient, *arguments, **known), 1e-4)


@pytest.mark.parametrize(("width", "features"), [(0, 8), (8, 0)])
def test_attention_without_features(width, features, both, capfd):
    """BLAS would refuse rows of no elements, in print only, and leave the result as it was."""
    q, v = np.zeros((2, 4, 5, width), "float32"), normal(2, 4, 5, features)
    (y, sums), expected = both(attention.attention, q, q, v, 0, 0, scale=0.3, causal=False, keep=1.0)
    np.testing.assert_allclose(y, expected[0], rtol=1e-5, atol=1e-6)
    close([sums], expected[1:])
    assert "illegal" not in "".join(capfd.readouterr())


def test_exponentials_of_float64_are_those_of_float32():
    """A loop in which a number is of float64 rounds it first, as the algorithm counts on float32."""
    for x in (-3.3, -0.1, 0.7, 20.4):
        assert scalars.exp(np.float64(x)) == pytest.approx(np.exp(x), rel=1e-6)


@pytest.mark.parametrize(("f", "value"), [
    (lambda: 1, 1), (lambda: -1, -1), (lambda: 300, 300), (lambda: 0.1, np.float32(0.1)),
])  # fmt: skip
def test_numbers_of_a_text_are_of_its_type(f, value):
    """On each Python: small integers stand in the constants or in the instructions."""
    found = types.FunctionType(compiled._with_numbers(f.__code__, np.float32), {})()
    assert type(found) is np.float32 and found == value


NUMBERS = {"elu": {"alpha": 1.5, "rate": 0.7, "scale": 1.1}}
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, 90, -90, 1e5, -1e5]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", activation.VALUES)
def test_activations(name, dtype, both):
    x = np.concatenate([SPECIAL, 4 * rng.standard_normal(1000)]).astype(dtype)
    numbers = NUMBERS.get(name, {})
    with np.errstate(all="ignore"):
        y, expected = both(activation.VALUES[name], x, **numbers)
        slope, expected_slope = both(activation.GRADIENTS[name], np.ones_like(x), x, **numbers)
    for found, known in ((y, expected), (slope, expected_slope)):
        assert found.dtype == dtype
        digits = 40 * np.finfo(dtype).eps
        least = digits if name[:4] == "gelu" and dtype == "float32" else 0  # what rounding may give the other sign
        np.testing.assert_allclose(found, known, rtol=digits, atol=digits)
        assert (np.signbit(found) == np.signbit(known))[np.abs(known) > least].all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_several_arrays(dtype, both):
    x, labels, g = 4 * normal(1000, dtype=dtype), rng.random(1000).astype(dtype), normal(1000, dtype=dtype)
    for function, arguments in (
        (activation.sigmoid_cross_entropy, (x, labels)),
        (activation.sigmoid_cross_entropy_gradient, (g, x, labels)),
        (activation.lerp, (x, g, labels)),
    ):
        close(*([a] for a in both(function, *arguments)))


def at_every(name, x):
    """A function of numbers for every element."""
    loop = compiled.Loop(activation._one, function=eval(f"lambda x: {name}(x)"))
    y = np.empty_like(x)
    loop(1, x.size, y, x, ())
    return y


EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "normal_cdf": np.vectorize(lambda x: math.erfc(-x * math.sqrt(0.5)) / 2),
}


@pytest.mark.parametrize("name", EXACT)
def test_functions_of_numbers(name):
    """Within 4 units in the last place of float64; below 1/2 the distribution function has the units of 1/2."""
    x = np.concatenate(
        [
            SPECIAL,
            [88.7, 88.8, -103.9, -104.1],
            *[np.random.default_rng(i + 9).standard_normal(4000) * 4.0**i for i in range(-6, 4)],
        ]
    )
    x = x.astype(np.float32)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(float))
        found, rounded = at_every(name, x), exact.astype(np.float32)
    regular = np.isfinite(rounded)
    np.testing.assert_array_equal(found[~regular], rounded[~regular])
    least = 0.5 if name == "normal_cdf" else 1e-37
    unit = np.spacing(np.maximum(np.abs(rounded[regular]), np.float32(least)))
    assert (np.abs(found[regular] - exact[regular]) / unit).max() < 4


def test_losses_of_logits_far_from_zero(both):
    """What all logits share changes nothing: the gradient keeps the digits of their differences."""
    x, labels = normal(50, 8), rng.integers(0, 8, 50)
    far = x + np.float32(2**20)
    near = far - np.float32(2**20)  # exactly what is left of x
    exact = np.exp(near.astype(float)) / np.exp(near.astype(float)).sum(1, keepdims=True) - np.eye(8)[labels]

    def gradient(xp):
        _, total = softmax.cross_entropy(xp, far, labels, smoothing=0.0, dtype="float64")
        return softmax.cross_entropy_gradient(xp, 1.0, 0, far, labels, total, smoothing=0.0)

    for found in both(gradient):
        np.testing.assert_allclose(found, exact, atol=1e-6)


def test_results_do_not_depend_on_threads(monkeypatch):
    x, g = normal(50, 40), normal(50, 40)
    scale = normal(40)

    def run():
        return normalization.normalize_gradients(
            np, g, 0, 0, x, scale, x[:, :1], x[:, :1] ** 2, wanted=(0, 1, 2), axis=(1,), eps=1e-3, centered=True
        )

    first = run()
    monkeypatch.setattr(compiled, "threads", lambda: 1)
    for a, b in zip(first, run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_attention_does_not_depend_on_threads(monkeypatch):
    q, k, v, g = (normal(3, 4, 70, 8) for _ in range(4))
    monkeypatch.setattr(attention_blocks, "HOST_SCORES", 1000)
    results = []
    for number in (1, 3):
        monkeypatch.setattr(compiled, "threads", lambda number=number: number)
        y, sums = attention.attention(np, q, k, v, 0, 0, scale=0.3, causal=True, keep=1.0)
        arguments = g, 0, q, k, v, 0, 0, y, sums
        back = attention.attention_gradient(np, *arguments, scale=0.3, causal=True, keep=1.0, to_bias=False)
        results.append([y, sums, *back])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_work_in_threads_may_ask_for_threads(monkeypatch):
    monkeypatch.setattr(compiled, "threads", lambda: 3)
    found = []
    compiled.each(lambda i: compiled.each(lambda j: found.append((i, j)), 4), 5)
    assert sorted(found) == [(i, j) for i in range(5) for j in range(4)]


def test_threads_treat_floating_point_errors_as_the_caller(monkeypatch):
    monkeypatch.setattr(compiled, "threads", lambda: 3)
    with np.errstate(divide="ignore"):
        compiled.each(lambda i: np.log(np.zeros(4)), 20)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        compiled.each(lambda i: np.log(np.zeros(4)), 20)


def test_an_interrupt_leaves_the_threads_usable(monkeypatch):
    monkeypatch.setattr(compiled, "threads", lambda: 3)
    caller = threading.get_ident()

    def work(i):
        if threading.get_ident() == caller:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compiled.each(work, 8)
    found = set()
    barrier = threading.Barrier(2)
    compiled.each(lambda i: (barrier.wait(20), found.add(threading.get_ident())), 2)
    assert len(found) == 2


def test_an_error_in_a_thread_is_raised():
    def work(i):
        if i == 2:
            raise ValueError("part 2")

    with pytest.raises(ValueError, match="part 2"):
        compiled.each(work, 8)


def test_an_error_in_another_thread_is_raised():
    caller, both = threading.get_ident(), threading.Barrier(2)

    def work(i):
        both.wait(20)
        if threading.get_ident() != caller:
            raise ValueError("elsewhere")

    with pytest.raises(ValueError, match="elsewhere"):
        compiled.each(work, 2)


def has_a_function(part, start, stop, y):
    twice = lambda x: 2 * x
    y[start] = twice(stop)


def test_a_loop_with_a_function_in_it_is_refused():
    with pytest.raises(TypeError, match=r"^has_a_function: expected a loop without functions in it\. Move them"):
        compiled.Loop(has_a_function).of(np.dtype("float32"))


@pytest.mark.parametrize(("wanted", "usual", "number"), [("3", "2", 3), (None, "2", 2), (None, "4,1", 4), ("", "5", 5)])
def test_number_of_threads(monkeypatch, wanted, usual, number):
    monkeypatch.undo()
    compiled.threads.cache_clear()
    with monkeypatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", usual)
        if wanted is not None:
            patched.setenv("CUOBJAX_THREADS", wanted)
        assert compiled.threads() == number
    compiled.threads.cache_clear()


@pytest.mark.parametrize("wanted", ["two", "0", "-1", "1.5"])
def test_a_number_of_threads_that_is_none(monkeypatch, wanted):
    monkeypatch.undo()
    monkeypatch.setenv("CUOBJAX_THREADS", wanted)
    compiled.threads.cache_clear()
    with pytest.raises(ValueError, match=f"^CUOBJAX_THREADS: expected a positive number of threads, got '{wanted}'"):
        compiled.threads()


def test_many_threads_at_once():
    x = normal(64, 64)
    expected, found = softmax.softmax(np, x, axis=(1,)), []
    threads = [threading.Thread(target=lambda: found.append(softmax.softmax(np, x, axis=(1,)))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert all((y == expected).all() for y in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_after_a_fork():
    program = (
        "import os, numpy, warnings; warnings.simplefilter('ignore'); from autograd.kernels import compiled, softmax\n"
        "compiled.threads = lambda: 2; x = numpy.ones((400, 1000), 'float32'); softmax.softmax(numpy, x, axis=(1,))\n"
        "child = os.fork()\n"
        "y = softmax.softmax(numpy, x, axis=(1,))\n"
        "if not child: os._exit(0)\n"
        "print(os.waitpid(child, 0)[1], y[0, 0])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert found.stdout.split() == ["0", "0.001"]


def test_work_while_python_ends():
    """Python takes no new threads from the end of the main thread on, though others still work."""
    program = (
        "import threading; from autograd.kernels import compiled; compiled.threads = lambda: 2\n"
        "def work():\n"
        "    threading.main_thread().join()\n"
        "    found = []; compiled.each(found.append, 3); print(*found)\n"
        "threading.Thread(target=work).start()"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert found.stdout.split() == ["0", "1", "2"], found.stderr


def test_a_system_that_gives_no_threads(monkeypatch):
    """Raises every time, and does not wait for threads that are not there."""

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(compiled, "_tasks", None)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="can't start new thread"):
            compiled.each(lambda i: None, 4)


@pytest.mark.parametrize("value", ["0", "1"])
def test_numba_is_loaded_for_large_arrays_only(value):
    program = (
        "import sys, numpy, cuobjax; from autograd.kernels import softmax\n"
        "softmax.softmax(numpy, numpy.ones((3, 4), 'float32'), axis=(1,)); print('numba' in sys.modules)\n"
        "softmax.softmax(numpy, numpy.ones((300, 400), 'float32'), axis=(1,)); print('numba' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | {"CUOBJAX_NUMBA": value},
        timeout=100, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["False", str(value == "1")]


def test_gradients_of_the_whole():
    """Second derivatives use formulas on top of what loops gave."""
    x, scale = normal(6, 40, dtype="float64"), normal(40, dtype="float64")

    def f(x, scale):
        y, _, _ = normalize(x, scale, scale, axis=(1,), eps=1e-3, centered=True, dtype="float32")
        return anp.sum(softmax_of_rows(y, axis=(1,)) ** 2)

    testing.check_grads(f, (x, scale), order=2)


def test_shapes_that_loops_do_not_take(both):
    """NumPy broadcasts, or raises: a loop would read beyond the end."""
    x = normal(40, 11)
    close(*both(softmax.soft_cross_entropy, x, np.full((1, 11), 1 / 11, "float32"), dtype="float64"))
    for labels in (np.zeros(3, int), np.full(40, 1.7)):
        with pytest.raises(IndexError):
            softmax.cross_entropy(np, x, labels, smoothing=0.0, dtype="float64")
    close(*([y] for y in both(softmax.softmax, x.astype(np.dtype("float32").newbyteorder()), axis=(1,))))


def test_constants_are_part_of_the_name(monkeypatch):
    def name():
        return compiled._compile(activation._one, np.float32, {"function": activation._ROWS["gelu"][1]}).__qualname__

    before = name()
    monkeypatch.setattr(scalars, "_A0", np.float32(5))
    assert name() != before
