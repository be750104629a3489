"""Dtypes of what cuobjax computes: float32 unless somebody asks for more (`autograd.dtypes`)."""

import contextlib
import functools

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, backend
from cuobjax import nn, optimizer
from cuobjax.functional import loss

FLOATS = ("float16", "bfloat16", "float32", "float64")


@contextlib.contextmanager
def default(dtype):
    cuobjax.set_default_dtype(dtype)
    try:
        yield
    finally:
        cuobjax.set_default_dtype("float32")


def data():
    """Raw numbers of float64 on the default device, as files and scikit-learn give them on the CPU."""
    return autograd.default_device().put(np.linspace(0.5, 1.5, 3))


def counts():
    """Raw numbers of int64."""
    return autograd.default_device().put(np.array([1, 2, 3]))


def ints():
    return jn.array([1, 2, 3])


# Functions of an Array x of float32, shape (3,), and the dtype of their results.
EXPRESSIONS = {
    "x + 1": (lambda x: x + 1, "float32"),
    "x * 0.5": (lambda x: x * 0.5, "float32"),
    "0.5 ** x": (lambda x: 0.5**x, "float32"),
    "x * 1j": (lambda x: x * 1j, "complex64"),
    "x * float64 data": (lambda x: x * data(), "float32"),
    "float64 data - x": (lambda x: data() - x, "float32"),
    "numpy.subtract(float64 data, x)": (lambda x: np.subtract(data(), x), "float32"),
    "x @ float64 data": (lambda x: x @ data(), "float32"),
    "float64 data @ x": (lambda x: data() @ x, "float32"),
    "x * complex128 data": (lambda x: x * (data() + 1j), "complex64"),
    "x * numpy.float64": (lambda x: x * np.float64(0.1), "float32"),
    "numpy.float64 * x": (lambda x: np.float64(0.1) * x, "float32"),
    "x ** numpy.float64": (lambda x: x ** np.float64(0.5), "float32"),
    "x + list": (lambda x: x + [0.1, 0.2, 0.3], "float32"),
    "x * integers": (lambda x: x * ints(), "float32"),
    "integers / x": (lambda x: ints() / x, "float32"),
    "x * int64 data": (lambda x: x * counts(), "float32"),
    "int64 data // x": (lambda x: counts() // x, "float32"),
    "x * numpy.int64": (lambda x: x * np.int64(3), "float32"),
    "x * booleans": (lambda x: x * (x > 1), "float32"),
    "x @ integers": (lambda x: x @ ints(), "float32"),
    "x < float64 data": (lambda x: x < data(), "bool"),
    "integers / 2": (lambda x: (x > 1).astype("int32") / 2, "float32"),
    "integers / integers": (lambda x: ints() / ints(), "float32"),
    "integers * 0.5": (lambda x: ints() * 0.5, "float32"),
    "integers * 2": (lambda x: ints() * 2, "int32"),
    "integers ** 2": (lambda x: ints() ** 2, "int32"),
    "integers ** -1": (lambda x: ints() ** -1, "float32"),
    "integers ** 0.5": (lambda x: ints() ** 0.5, "float32"),
    "0.999 ** integers": (lambda x: 0.999 ** ints(), "float32"),
    "integers * float64 data": (lambda x: ints() * data(), "float32"),
    "integers + int64 data": (lambda x: ints() + counts(), "int32"),
    "booleans * 0.1": (lambda x: (x > 1) * 0.1, "float32"),
    "integers.mean()": (lambda x: ints().mean(), "float32"),
    "booleans.mean()": (lambda x: (x > 1).mean(), "float32"),
    "integers.std()": (lambda x: ints().std(), "float32"),
    "x.sum()": (lambda x: x.sum(), "float32"),
    "x.var()": (lambda x: x.var(), "float32"),
    "x.at[].set(float64)": (lambda x: x.at[0].set(data()[0]), "float32"),
    "x.at[].add(float64 data)": (lambda x: x.at[:].add(data()), "float32"),
    "x.clip(float64 data)": (lambda x: x.clip(data(), None), "float32"),
    "jn.sqrt(integers)": (lambda x: jn.sqrt(ints()), "float32"),
    "jn.exp(booleans)": (lambda x: jn.exp(x > 1), "float32"),
    "jn.where(booleans, data, 0)": (lambda x: jn.where(x > 1, data(), 0.0), "float32"),
    "jn.where(booleans, 1.0, 0.0)": (lambda x: jn.where(x > 1, 1.0, 0.0), "float32"),
    "jn.maximum(x, integers)": (lambda x: jn.maximum(x, ints()), "float32"),
    "jn.arctan2(integers, 2)": (lambda x: jn.arctan2(ints(), 2), "float32"),
    "jn.logaddexp(x, float64 data)": (lambda x: jn.logaddexp(x, data()), "float32"),
    "jn.stack([x, data])": (lambda x: jn.stack([x, data()]), "float32"),
    "jn.concatenate([x, integers])": (lambda x: jn.concatenate([x, ints()]), "float32"),
    "jn.einsum('i,i', x, integers)": (lambda x: jn.einsum("i,i", x, ints()), "float32"),
    "jn.interp(x, data, data)": (lambda x: jn.interp(x, data(), data()), "float32"),
    "jn.median(integers)": (lambda x: jn.median(ints()), "float32"),
    "jn.average(x, weights=data)": (lambda x: jn.average(x, weights=data()), "float32"),
    "jn.cov(integers)": (lambda x: jn.cov(ints()), "float32"),
    "jn.fft.fft(x)": (lambda x: jn.fft.fft(x), "complex64"),
    "jn.fft.fft(integers)": (lambda x: jn.fft.fft(ints()), "complex64"),
    "jn.linalg.norm(integers)": (lambda x: jn.linalg.norm(ints()), "float32"),
    "jn.float_power(x, 2)": (lambda x: jn.float_power(x, 2), "float32"),
    "jn.ldexp(x, integers)": (lambda x: jn.ldexp(x, ints()), "float32"),
    "jn.nan_to_num(x)": (lambda x: jn.nan_to_num(x), "float32"),
    "jn.histogram(x)[1]": (lambda x: jn.histogram(x, 3, (0.0, 2.0))[1], "float32"),
    "jn.outer(x, data)": (lambda x: jn.outer(x, data()), "float32"),
    "jn.array(float64 data)": (lambda x: jn.array(data()), "float32"),
    "jn.asarray(int64 data)": (lambda x: jn.asarray(counts()), "int32"),
    "jn.array(complex128 data)": (lambda x: jn.array(data() + 1j), "complex64"),
    "jn.sin(float64 data)": (lambda x: jn.sin(data()), "float32"),
    "jn.zeros_like(float64 data)": (lambda x: jn.zeros_like(data()), "float32"),
    "jn.mean(int64 data)": (lambda x: jn.mean(counts()), "float32"),
    "jn.full((2,), numpy.float64)": (lambda x: jn.full((2,), np.float64(2)), "float32"),
    "jn.linspace(0, 1, 3)": (lambda x: jn.linspace(0, 1, 3), "float32"),
    "jn.arange(3) * 0.5": (lambda x: jn.arange(3) * 0.5, "float32"),
    "images: x / 127.5 - 1": (lambda x: jn.array([0, 255], "uint8") / 127.5 - 1, "float32"),
    "decay: momentum ** step": (lambda x: 0.9 ** jn.array(3, "uint32"), "float32"),
    "smoothing: labels * 0.9 + 0.1 / 10": (lambda x: (ints()[:, None] == jn.arange(10)) * 0.9 + 0.1 / 10, "float32"),
    "x.astype('float64')": (lambda x: x.astype("float64"), "float64"),
    "jn.sum(x, dtype='float64')": (lambda x: jn.sum(x, dtype="float64"), "float64"),
    "jn.array(data, dtype='float64')": (lambda x: jn.array(data(), dtype="float64"), "float64"),
    "jn.ones(3, 'float64') * x": (lambda x: jn.ones(3, "float64") * x, "float64"),
    "jn.ones(3, 'float64') * data": (lambda x: jn.ones(3, "float64") * data(), "float64"),
    "jn.ones(3, 'float64') * integers": (lambda x: jn.ones(3, "float64") * ints(), "float64"),
}
PLACES = {
    "alone": lambda f, x: f(x),
    "of a variable": lambda f, x: f(cuobjax.TrainVar(x)),
    "Jit": lambda f, x: cuobjax.Jit(f)(x),
    "Grad": lambda f, x: cuobjax.GradValues(lambda x: ((x * x).sum(), f(x)), {}, input_argnums=(0,))(x)[1][1],
    "Vectorize": lambda f, x: cuobjax.Vectorize(f)(x[None]),
    "Remat": lambda f, x: cuobjax.Remat(f)(x),
    "Parallel": lambda f, x: cuobjax.Parallel(lambda x: f(x[0]), reduce=lambda y: y[0])(
        jn.stack([x] * len(backend.local_devices()))
    ),
    "Jit(Grad)": lambda f, x: cuobjax.Jit(lambda x: PLACES["Grad"](f, x))(x),
    "vmap": lambda f, x: autograd.vmap(f)(x[None]),
    "grad": lambda f, x: autograd.grad(lambda x: ((x * x).sum(), f(x)), has_aux=True)(x)[1],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_not_asked_for_is_float32(name, place, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    f, expected = EXPRESSIONS[name]
    if name in ("integers + int64 data", "jn.asarray(int64 data)") and autograd.default_device().kind == "gpu":
        expected = "int64"  # whether they fit into int32 would have to be waited for
    y = PLACES[place](f, jn.array([0.5, 1.0, 2.0]))
    assert isinstance(y, Array)
    assert y.dtype == expected


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_same_values_as_in_float64(name):
    f, _ = EXPRESSIONS[name]
    found = f(jn.array([0.5, 1.0, 2.0]))
    with default("float64"):
        exact = f(jn.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(np.asarray(found), np.asarray(exact), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_default_of_float64_is_numpys(name):
    f, expected = EXPRESSIONS[name]
    wide = {"float32": "float64", "complex64": "complex128", "int32": "int64"}
    if name == "images: x / 127.5 - 1":
        wide = {}
    with default("float64"):
        assert f(jn.array([0.5, 1.0, 2.0])).dtype in (wide.get(expected, expected), "float64")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_half(dtype, on_the_cpu):
    h = jn.array([0.5, 1.0, 2.0], dtype=dtype)
    for f in (
        lambda h: h * 2.0, lambda h: 2 * h, lambda h: h * ints(), lambda h: h * (h > 1), lambda h: h**0.5,
        lambda h: h**2, lambda h: h.mean(), lambda h: h.var(), lambda h: h.std(), lambda h: h.sum(),
        lambda h: h * np.float64(2), lambda h: jn.exp(h), lambda h: h @ h, lambda h: jn.where(h > 1, h, 0.0),
        lambda h: jn.maximum(h, 1), lambda h: h / h, lambda h: jn.linalg.norm(h),
    ):  # fmt: skip
        for place in ("alone", "Jit", "Grad", "Vectorize"):
            assert PLACES[place](f, h).dtype == dtype


def test_half_precisions_together_are_float32():
    a, b = jn.ones(3, dtype="float16"), jn.ones(3, dtype="bfloat16")
    assert (a * b).dtype == jn.concatenate([a, b]).dtype == (a @ b).dtype == "float32"
    assert (a * data()).dtype == (b * data()).dtype == "float32"
    assert (a * jn.ones(3)).dtype == (b * jn.ones(3)).dtype == "float32"


def test_statistics_of_half_precision_are_computed_in_float32():
    x = jn.array(np.random.default_rng(0).normal(0, 300, 10_000), dtype="float16")
    exact = np.asarray(x, "float64")
    assert np.isclose(float(x.std()), exact.std(), rtol=2e-3)
    assert np.isclose(float((x / 16).var()), (exact / 16).var(), rtol=2e-3)
    assert np.isclose(float(jn.abs(x).mean()), abs(exact).mean(), rtol=2e-3)


def test_float64_that_was_asked_for_keeps_its_digits():
    third = autograd.default_device().put(np.full(3, 1 / 3))
    assert (jn.zeros(3, "float64") + third).tolist() == third.tolist()
    assert (jn.array(third, dtype="float64") * np.float64(1)).tolist() == third.tolist()
    v = cuobjax.TrainVar(jn.zeros(3, "float64"))
    v.assign(third)
    assert v.value.tolist() == third.tolist()


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (lambda f, vc: cuobjax.GradValues(f, vc), 2),
        (lambda f, vc: cuobjax.Grad(f, vc, input_argnums=(0,)), [2 / 3, 2 / 3, 2 / 3]),
        (lambda f, vc: cuobjax.Vectorize(f, vc, batch_axis=(0,)), [1, 1]),
    ],
    ids=["GradValues", "Grad", "Vectorize"],
)
def test_all_variables_decide_the_dtype_of_raw_arguments(transform, expected):
    """As those of Jit: not the first one alone, whose float32 would take digits from the data of the other."""
    a, b = cuobjax.TrainVar(jn.ones((), "float32")), cuobjax.TrainVar(jn.ones((3,), "float64"))
    called = transform(lambda x: (x * b.value).sum() + a.value * 0, cuobjax.VarCollection({"a": a, "b": b}))
    x = autograd.default_device().put(np.full((2, 3), 1 / 3))
    compiled = cuobjax.Jit(called)
    results = [autograd.tree.flatten(f(x))[0] for f in (called, compiled, compiled)]
    for eager, *others in zip(*results, strict=True):
        assert all(each.dtype == eager.dtype and each.tolist() == eager.tolist() for each in others)
    np.testing.assert_allclose(np.asarray(results[0][-1]), expected, rtol=1e-15)


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize(
    "transform", [cuobjax.GradValues, functools.partial(cuobjax.Vectorize, batch_axis=(0,)), cuobjax.Jit]
)
def test_to_ask_for_dtypes_and_devices_is_no_draw(transform, is_raw):
    """In lanes, a generator whose key was read would go on, as after a draw."""
    w, generator = cuobjax.TrainVar(jn.ones(3)), cuobjax.random.Generator(0)
    both = cuobjax.VarCollection({"key": generator.key}) + cuobjax.VarCollection({"w": w})
    before, raw = generator.key.value.tolist(), np.ones((2, 3), "float32")
    called = lambda x: transform(lambda y: (y * w.value).sum(), both)(raw[0] if is_raw else x)
    cuobjax.Vectorize(called, both)(raw)
    assert generator.key.value.tolist() == before


def test_integers_that_do_not_fit_raise(on_the_cpu):
    large = np.array([2**40])
    with pytest.raises(OverflowError, match="expected integers from -2147483648 to 2147483647, got 1099511627776"):
        jn.array(large)
    with pytest.raises(OverflowError, match="Pass dtype='int64'"):
        jn.array([1]) + large
    assert jn.array(large, dtype="int64").tolist() == [2**40]
    assert (jn.array([1.0]) + large).dtype == "float32"


def test_variables_of_raw_arrays(on_the_cpu):
    assert cuobjax.TrainVar(data()).dtype == cuobjax.StateVar(np.float64(1)).dtype == "float32"
    assert cuobjax.StateVar(counts()).dtype == "int32"
    assert cuobjax.TrainVar(jn.array(data(), dtype="float64")).dtype == "float64"
    v = cuobjax.TrainVar(jn.zeros(3))
    v.assign(data())
    assert v.dtype == "float32"
    with pytest.raises(TypeError, match="expected dtype float32, got float64"):
        v.assign(jn.array(data(), dtype="float64"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
@pytest.mark.parametrize("wide", ["float32", "float64"])
def test_variables_keep_their_dtype_when_raw_arrays_without_one_are_assigned(dtype, wide, on_the_cpu):
    v = cuobjax.StateVar(jn.zeros(3, dtype=dtype))
    with default(wide):
        for raw in (data(), counts(), *([data() + 1j] if dtype == "complex64" else [])):
            v.assign(raw)
            assert v.dtype == dtype
            np.testing.assert_allclose(v.value, raw, rtol=1e-3)
        if dtype != "complex64":
            with pytest.raises(TypeError, match=f"expected dtype {dtype}, got complex"):
                v.assign(data() + 1j)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_network_computes_in_the_default_dtype(dtype):
    with default(dtype):
        net = nn.Sequential([
            nn.Conv2D(1, 4, 3), nn.BatchNorm2D(4), cuobjax.functional.relu, cuobjax.functional.average_pool_2d,
            cuobjax.functional.flatten, nn.Linear(64, 8), nn.BatchNorm0D(8), nn.Dropout(0.5), nn.Linear(8, 3),
        ])  # fmt: skip
        net.train()
        images = np.random.default_rng(0).integers(0, 255, (6, 1, 8, 8)) / 255
        labels = np.arange(6) % 3

        def error(x, y):
            return loss.cross_entropy_logits_sparse(net(x), y).mean()

        gradients = cuobjax.GradValues(error, net.vars())
        for make in (optimizer.SGD, optimizer.Momentum, optimizer.Adam):
            step_size, opt = np.float64(0.01), make(net.vars())

            def step(x, y, opt=opt, step_size=step_size):
                g, v = gradients(x, y)
                opt(step_size, g)
                return v[0]

            for run in (step, cuobjax.Jit(step, net.vars() + opt.vars())):
                value = run(images, labels)
                assert value.dtype == dtype
                assert np.isfinite(float(value))
        assert {str(v.dtype) for v in net.vars().subset(cuobjax.TrainVar)} == {dtype}
        assert cuobjax.random.normal((2,)).dtype == cuobjax.random.gamma((2,), 1.5).dtype == dtype


def test_numpy_scalars_as_hyperparameters():
    x = jn.ones((4, 3))
    keep, epsilon, momentum = np.linspace(0.5, 0.9, 3)
    assert nn.Dropout(keep)(x, training=True).dtype == "float32"
    assert nn.BatchNorm0D(3, momentum=momentum, eps=epsilon)(x, training=True).dtype == "float32"
    assert cuobjax.functional.leaky_relu(x, epsilon).dtype == "float32"
    v = cuobjax.TrainVar(jn.ones(2))
    optimizer.Momentum({"v": v})(np.float64(0.1), [jn.ones(2)], momentum=momentum)
    optimizer.Adam({"v": v}, beta1=momentum)(0.1, [jn.ones(2)])
    assert v.dtype == "float32"


def test_gradients_by_data_of_float64_are_float32():
    v = cuobjax.TrainVar(jn.ones(3))
    (by_x, by_v), values = cuobjax.GradValues(lambda x: (x * v).sum(), {"v": v}, input_argnums=(0,))(data())
    assert by_x.dtype == by_v.dtype == values[0].dtype == "float32"


def test_autograd_alone_has_numpys_dtypes(on_the_cpu):
    half = np.ones(3, "float32")
    seen = []

    def f(x):
        rank = anp.argsort(x)
        seen.extend([(x * rank).dtype, (rank / 2).dtype, (x * data()).dtype, anp.mean(rank).dtype, anp.zeros(2).dtype])
        return anp.sum(x * rank)

    expected = ["float64"] * 5
    assert autograd.grad(f)(half).dtype == "float32"
    assert seen == expected
    seen.clear()
    autograd.vmap(lambda x: f(x), in_axes=0)(half[None])
    autograd.jvp(f, (half,), (half,))
    autograd.grad(lambda x: anp.sum(autograd.grad(f)(x)))(half)
    assert seen == expected * 3
    assert anp.sqrt(counts()).dtype == anp.mean(counts()).dtype == (data() * half).dtype == "float64"


def test_arrays_under_autograds_transformations_have_their_own_dtypes():
    g, aux = autograd.grad(lambda x: ((x * data()).sum(), x * counts()), has_aux=True)(jn.ones(3))
    assert g.dtype == aux.dtype == "float32"


OPERANDS = [
    lambda: jn.array([1, 2, 3]), lambda: jn.array([True, False, True]), lambda: jn.array([3, 1, 2], "uint8"), data,
    counts, lambda: np.float64(0.7), lambda: np.int64(2), lambda: 3, lambda: 0.25, lambda: True,
    lambda: [0.5, 1.0, 2.0], lambda: cuobjax.StateVar(jn.array([4, 5, 6])), lambda: jn.array([0.1, 0.2, 0.3]),
    lambda: np.array(0.5),
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: b - a, lambda a, b: a * b, lambda a, b: a / 4, lambda a, b: b * (a > 0.5),
    jn.maximum, jn.hypot, jn.logaddexp, lambda a, b: jn.where(a > 1, a, b), lambda a, b: jn.stack([a, a + b]).mean(0),
    lambda a, b: a * jn.mean(b), lambda a, b: jn.array([a.sum(), 1.0, 2.0]) + b, lambda a, b: jn.clip(a, 0, 1) * b,
    lambda a, b: a.at[0].add(jn.sum(b)), lambda a, b: jn.interp(a, data(), data()) + b, lambda a, b: abs(a) ** 0.5 + b,
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(BINARY), st.sampled_from(OPERANDS)), min_size=1, max_size=6), st.booleans())
def test_no_program_of_float32_variables_becomes_float64(on_the_cpu, steps, compiled):
    weight = cuobjax.TrainVar(jn.array([0.5, 1.0, 2.0]))

    def program(x):
        y = x * weight
        for combine, operand in steps:
            y = combine(y, operand())
            y = jn.where(jn.isfinite(y), y, 1.0)
        return y.sum() + (x * weight).sum()

    gradients = cuobjax.GradValues(program, {"weight": weight})
    with np.errstate(all="ignore"):
        g, v = (cuobjax.Jit(gradients) if compiled else gradients)(data())
    assert g[0].dtype == v[0].dtype == "float32"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
@pytest.mark.parametrize("f", [
    jn.exp, jn.sqrt, lambda x: jn.arctan2(x, x), lambda x: jn.modf(x)[0], cuobjax.functional.tanh,
    cuobjax.functional.softplus, cuobjax.functional.rsqrt, lambda x: jn.ldexp(x, 2),
])  # fmt: skip
def test_bytes_of_numpy_give_the_numbers_of_arrays_of_bytes(f, dtype):
    raw = np.array([12, 1, 3]).astype(dtype)
    with np.errstate(over="ignore"):
        y, z = f(raw), f(jn.array(raw))
    assert y.dtype == z.dtype == "float32"  # NumPy's would be float16, in which exp(12) is infinite
    np.testing.assert_allclose(np.asarray(y), np.asarray(z), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
@pytest.mark.parametrize("f", [jn.rint, lambda x: jn.rint(x[0]), cuobjax.Jit(jn.rint), cuobjax.Vectorize(jn.rint)])
def test_steps_of_bytes_are_in_the_default_dtype(f, dtype):
    for x in (jn.array([3, 1], dtype=dtype), jn.array([3, 1], dtype=dtype)):
        y = f(x)
        assert y.dtype == "float32" and y.tolist() in (x.tolist(), x.tolist()[0])


def test_rounded_booleans_are_in_the_default_dtype():
    x = jn.array([True, False])
    for y in (jn.round(x), x.round(), round(x), jn.around(x, 1), cuobjax.Jit(jn.round)(x), autograd.vmap(jn.round)(x)):
        assert y.dtype == "float32" and y.tolist() == [1, 0]
    assert anp.round(np.array([True])).dtype == np.round(np.array([True])).dtype == "float16"


def test_powers_of_numbers_are_right_or_refused():
    """On a GPU, too, where integers of arrays are not looked at."""
    assert jn.power(2, 20).item() == anp.power(2, 20).item() == 2**20
    assert anp.power(2, 40).item() == 2**40
    with pytest.raises(OverflowError, match=r"^int32: expected integers .* got 1099511627776 to .* Pass dtype='int64'"):
        jn.power(2, 40)
    assert (jn.power(2.0, 40).item(), jn.power(2, 0.5).item()) == (2.0**40, np.float32(2**0.5))


def test_a_function_of_the_user_is_called_once():
    calls = []
    jn.apply_along_axis(lambda x: calls.append(x) or np.sqrt(x), 0, np.array([1, 4], "uint8"))
    assert len(calls) == 1


def test_integers_beside_bytes_stay_integers():
    y = jn.round(np.array([True, False]), 0)
    assert y.dtype == "float32" and y.tolist() == [1, 0]


def test_float16_that_was_asked_for_stays():
    assert jn.sqrt(np.array([1, 4], "float16")).dtype == jn.sqrt(np.array([1, 4], "uint8"), dtype="float16").dtype
    assert jn.sqrt(np.array([1, 4], "float16")).dtype == "float16"
    for f, args, expected in [
        (jn.zeros, [(2, 1)], [[0], [0]]), (jn.ones, [2], [1, 1]), (jn.full, [2, 3], [3, 3]), (jn.identity, [1], [[1]]),
        (jn.array, [[1, 2]], [1, 2]), (jn.fromiter, [iter([1, 2])], [1, 2]),
    ]:  # fmt: skip
        y = f(*args, np.float16)
        assert y.dtype == "float16" and y.tolist() == expected
    with default("float16"):
        assert jn.sqrt(np.array([1, 4], "uint8")).dtype == "float16"
        assert jn.zeros(3).dtype == "float16"
