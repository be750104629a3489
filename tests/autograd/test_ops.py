"""Every primitive against NumPy and SciPy, finite differences, and what every one must satisfy: `table/op_table.py`."""

# ruff: noqa: B023 (functions of a turn of a loop are called within it)

import contextlib
import gc
import inspect
import itertools
import re
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, tree
from autograd.core import Interpreter, Tracer
from autograd.dtypes import numpy_rules
from autograd.fused import Fused
from autograd.ops import elementwise
from autograd.primitive import PRIMITIVES, Primitive
from autograd.scipy.special import logsumexp
from autograd.testing import check_batching, check_grads
from tests.autograd.table.cases import TOLERANCE, OnlyOurs, Real
from tests.autograd.table.op_table import ROWS

PRECISIONS = {"f": ("float64", "float32", "float16"), "c": ("complex128", "complex64")}
pytestmark = pytest.mark.usefixtures("on_the_cpu")
names = pytest.mark.parametrize("name", sorted(ROWS))
COMPARED = [name for name, row in ROWS.items() if not any(isinstance(case, OnlyOurs) for case in row)]
CPU = autograd.Device("cpu")
ROOT = Path(__file__).parents[2]


def cells(name, dtypes=("float64", "float32", "float16", "complex128", "complex64"), choose=lambda case: True):
    """The cases of a row with each of `dtypes` that is legal; once where nothing is drawn in a dtype."""
    for number, case in enumerate(ROWS[name]):
        legal = [dtype for kind in case.dtypes for dtype in PRECISIONS[kind]] if any(varied(case)) else ["float64"]
        for dtype in dtypes:
            if dtype in legal and choose(case):
                with case_noted(f"case {number} of {name} with {dtype}: {case}"):
                    yield case, dtype


@contextlib.contextmanager
def case_noted(text):
    try:
        yield
    except GeneratorExit:  # the test has failed while it had this case
        print(text)
        raise


def varied(case):
    """Which inputs are differentiated."""
    return [isinstance(x, Real) for x in case.inputs]


def of_varied(name, case, arrays, params):
    """The primitive as a function of the inputs that are differentiated, and these."""

    def function(*args):
        args = iter(args)
        return PRIMITIVES[name](*[next(args) if v else a for v, a in zip(varied(case), arrays, strict=True)], **params)

    return function, [a for v, a in zip(varied(case), arrays, strict=True) if v]


def differentiable(case):
    return case.differentiable


def parts(*results):
    """The parts of several results that belong together; a result is one array or a tuple of them."""
    return zip(*(x if isinstance(x, tuple) else (x,) for x in results), strict=True)


def on_host(x, dtype=None):
    """An array as a NumPy array, real and complex numbers in double precision if `dtype` says so."""
    x = x.get() if hasattr(x, "get") else np.asarray(x)
    return x.astype({"f": "float64", "c": "complex128"}.get(x.dtype.kind, x.dtype)) if dtype == "double" else x


def precision(dtype):
    return np.finfo(dtype).eps


def test_every_primitive_has_a_row():
    assert sorted(ROWS) == sorted(PRIMITIVES)


@pytest.mark.parametrize("name", [name for name, p in sorted(PRIMITIVES.items()) if not isinstance(p.forward, str)])
def test_a_signature_is_that_of_the_forward_function(name):
    shown = inspect.signature(PRIMITIVES[name]).parameters.values()
    _, *told = inspect.signature(PRIMITIVES[name].forward).parameters.values()
    told.sort(key=lambda p: (p.kind, p.name * (p.kind is p.KEYWORD_ONLY)))
    assert [(p.name, p.kind) for p in shown] == [(p.name, p.kind) for p in told]


def test_the_class_of_primitives_has_the_signature_of_its_constructor():
    assert [*inspect.signature(Primitive).parameters][:3] == ["forward", "vjps", "name"]
    assert not hasattr(Primitive, "__signature__")
    assert str(inspect.signature(anp.arctan2)) == "(a, b)"


def test_the_example_for_contributors_is_in_the_sources():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    files = [ROOT / path for path in re.findall(r"`((?:autograd|tests)/[\w/]+\.py)`", text)]
    sources = "".join(path.read_text() for path in files)
    lines = re.findall(r"```python\n +(.*)\n", text)
    assert len(lines) == 3
    assert all(line in sources for line in lines)


@pytest.mark.parametrize("name", sorted(COMPARED))  # tests/gpu/test_op_table.py compares the others with the host
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_result_is_that_of_numpy(xp, name):
    for case, dtype in cells(name):
        arrays, params = case.draw(xp, dtype, autograd.default_device())
        result = PRIMITIVES[name](*arrays, **params)
        oracle, accuracy = (case.oracle, "double") if case.oracle else (getattr(np, name), dtype)
        expected = oracle(*[on_host(a, accuracy) if isinstance(a, xp.ndarray) else a for a in arrays], **params)
        for number, (got, wanted) in enumerate(parts(result, expected)):
            assert got.shape == np.shape(wanted)
            is_wide = case.casts and got.dtype.itemsize > 2
            tolerance = 1e-6 if is_wide else TOLERANCE.get(got.dtype.name, TOLERANCE[dtype])
            np.testing.assert_allclose(on_host(got), wanted, rtol=tolerance, atol=tolerance)
            if got.dtype.kind in "fc" and not case.casts and any(varied(case)) and "dtype" not in case.params:
                statistic = number and dtype == "float16"  # of half precision, in float32
                assert precision(got.dtype) in (precision(dtype), precision("float32" if statistic else dtype))
            if not case.oracle:
                assert got.dtype == np.asarray(wanted).dtype


@names
def test_gradient_is_that_of_finite_differences(xp, name):
    for case, dtype in cells(name, ("float64", "complex128"), differentiable):
        arrays, params = case.draw(xp, dtype, autograd.default_device())
        order = 2 if xp is np else 1  # a second order is the same text on any library
        check_grads(lambda *args: PRIMITIVES[name](*args, **params), tuple(arrays), order=order, samples=6 * order)


@names
def test_tangents_and_cotangents_agree(name):
    """<g, J t> = <J' g, t> to rounding, in every legal dtype of double precision."""
    for case, dtype in cells(name, ("float64", "complex128"), differentiable):
        arrays, params = case.draw(np, dtype, CPU)
        function, inputs = of_varied(name, case, arrays, params)
        tangents = of_varied(name, case, case.draw(np, dtype, CPU, "tangents")[0], params)[1]
        y, t = autograd.jvp(function, tuple(inputs), tuple(tangents))
        g = tree.tree_map(lambda x: np.linspace(1, 2, x.size, dtype=x.dtype).reshape(x.shape), y)
        pulled = autograd.vjp(function, *inputs)[1](g)
        forward = sum(np.real(np.sum(a * b)) for a, b in parts(g, t))
        backward = sum(np.real(np.sum(a * b)) for a, b in zip(pulled, tangents, strict=True))
        size = sum(np.sum(abs(a * b)) for a, b in parts(g, t))
        assert abs(forward - backward) <= (1e-5 if case.casts else 1e-11) * (1 + size)


@names
@pytest.mark.filterwarnings("error::UserWarning")
def test_vmap_is_a_loop(xp, name):
    """Over every axis of every argument; a boolean index cannot differ from lane to lane."""
    every = cells(name, ("float64", "complex128", "float32") if xp is np else ("float32",))
    for case, dtype in every if xp is np else itertools.islice(every, 2):
        arrays, params = case.draw(xp, dtype, autograd.default_device())
        if name != "nonzero" and any(isinstance(a, xp.ndarray | np.generic) and a.dtype.kind != "b" for a in arrays):
            check_batching(lambda *args: PRIMITIVES[name](*args, **params), tuple(arrays))


@names
def test_transformations_nest(name):
    """vmap of grad, grad of vmap, vmap of jvp of grad, and a Jacobian both ways, beside loops and each other."""
    for case, dtype in cells(name, ("float64",), differentiable):
        arrays, params = case.draw(np, dtype, CPU)
        function, inputs = of_varied(name, case, arrays, params)
        if not all(x.size for x in inputs):
            continue

        def loss(*args):
            return sum(anp.sum(anp.real(y * anp.conj(y))) for (y,) in parts(function(*args)))

        every = tuple(range(len(inputs)))
        gradient = autograd.grad(loss, every)
        check_batching(gradient, tuple(inputs), size=2, tolerance=1e-9)
        stacked = [np.stack([x, x * 0.9]) for x in inputs]
        total = autograd.grad(lambda *args: anp.sum(autograd.vmap(loss)(*args)), every)(*stacked)
        lanes = [gradient(*lane) for lane in zip(*stacked, strict=True)]
        for got, *expected in zip(total, *lanes, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
        tangents = lambda *args: autograd.jvp(gradient, args, tuple(inputs))[1]
        lanes = [tangents(*lane) for lane in zip(*stacked, strict=True)]
        for got, *expected in zip(autograd.vmap(tangents)(*stacked), *lanes, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
        columns, rows = autograd.jacfwd(gradient, every)(*inputs), autograd.jacrev(gradient, every)(*inputs)
        for one, other in zip(tree.flatten(columns)[0], tree.flatten(rows)[0], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@names
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_gradient_keeps_the_dtype(xp, name):
    """Every intermediate result in it has the precision of the inputs, float32 for half: `Watcher` sees them all."""
    for case, dtype in cells(name, choose=differentiable):
        arrays, params = case.draw(xp, dtype, autograd.default_device())
        function, inputs = of_varied(name, case, arrays, params)
        watcher = Watcher()
        y, pullback = autograd.vjp(function, *[Tracer(watcher, x) for x in inputs])
        ones = tree.tree_map(lambda part: xp.ones(part.shape, part.dtype), y)
        for x, gradient in zip(inputs, pullback(ones), strict=True):
            assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
        allowed = [precision(dtype), precision("float32")] if np.dtype(dtype).itemsize < 4 else [precision(dtype)]
        strange = {each for each in watcher.seen if each[1].kind in "fc" and precision(each[1]) not in allowed}
        assert case.casts or not strange


class Watcher(Interpreter):
    """Notes the dtype of everything that is computed from its tracers."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def apply(self, primitive, args, params):
        y = primitive(*[a._value if isinstance(a, Array) else a for a in args], **params)
        self.seen.update((primitive.name, part.dtype) for (part,) in parts(y))
        return tree.tree_map(lambda part: Tracer(self, part), y)


@names
def test_the_tape_keeps_only_what_the_vjp_names(name):
    for case, dtype in cells(name, ("float64",), differentiable):
        arrays, params = case.draw(np, dtype, CPU)
        function, inputs = of_varied(name, case, arrays, params)
        kept = {}

        def observed(*args):
            args = [x * 1.0 for x in args]
            y = function(*args)
            for label, x in [*zip(labels(name, case), args, strict=True), ("y", y[0] if type(y) is tuple else y)]:
                if isinstance(x._value, np.ndarray) and x.ndim and x.size:
                    kept[label] = weakref.ref(x._value if x._value.base is None else x._value.base)
            return sum(autograd.numpy.sum(part) for (part,) in parts(y))

        _, pullback = autograd.vjp(observed, *inputs)
        gc.collect(0)
        alive = {label for label, reference in kept.items() if reference() is not None}
        assert alive == {label for label in case.keeps.split() if label in kept}
        assert callable(pullback)


def labels(name, case):
    """What the primitive calls the inputs that are differentiated."""
    primitive = PRIMITIVES[name]
    fixed = list(primitive.arguments or ())
    every = fixed + [f"{primitive.variadic}{i}" for i in range(len(case.inputs) - len(fixed))]
    return [label for label, v in zip(every, varied(case), strict=True) if v]


@names
def test_raw_array_and_traced_results_agree(xp, name):
    for case, dtype in cells(name, ("float32",)) if ROWS[name][0].dtypes != "c" else cells(name, ("complex64",)):
        arrays, params = case.draw(xp, dtype, autograd.default_device())
        raw = PRIMITIVES[name](*arrays, **params)
        with numpy_rules(True):
            plain = PRIMITIVES[name](*[Array(a) if isinstance(a, xp.ndarray) else a for a in arrays], **params)
        function, inputs = of_varied(name, case, arrays, params)
        kinds = []

        def observed(*args):
            y = function(*args)
            numbers = [part for (part,) in parts(y) if part.dtype.kind in "fc"]
            kinds.append(bool(numbers) and all(isinstance(part, Tracer) for part in numbers))
            return y

        traced = autograd.vjp(observed, *inputs)[0] if inputs else raw
        assert kinds in ([], [case.differentiable])
        for one, other, third in parts(raw, plain, traced):
            assert isinstance(one, xp.ndarray | np.generic)
            assert type(other) is Array
            np.testing.assert_array_equal(on_host(one), on_host(other.raw))
            accuracy = 1e-5 if isinstance(PRIMITIVES[name], Fused) else 0  # traced, it is its formula
            np.testing.assert_allclose(on_host(one), on_host(third), accuracy, accuracy)


@names
def test_any_layout_of_memory(name):
    for case, dtype in cells(name, ("float64",), differentiable):
        arrays, params = case.draw(np, dtype, CPU)
        function, inputs = of_varied(name, case, arrays, params)
        for position, x in enumerate(inputs):
            for other in layouts(x) if x.ndim else ():
                before, after = inputs[:position], inputs[position + 1 :]
                got = output_and_gradients(function, [*before, other, *after])
                expected = output_and_gradients(function, [*before, np.ascontiguousarray(other), *after])
                for one, two in zip(got, expected, strict=True):
                    np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


def layouts(x):
    """The same elements with other strides, and a broadcast array."""
    yield x.T.copy().T
    yield x[::-1].copy()[::-1]
    yield np.repeat(x, 2, -1)[..., ::2]
    yield np.broadcast_to(x[:1], x.shape)


def output_and_gradients(function, inputs):
    y, pullback = autograd.vjp(function, *inputs)
    g = tree.tree_map(lambda part: np.linspace(1, 2, np.size(part), dtype=part.dtype).reshape(np.shape(part)), y)
    return [*tree.flatten(y)[0], *pullback(g)]


@pytest.mark.parametrize("name", sorted(name for name, p in PRIMITIVES.items() if "linear" in p.kind))
def test_what_is_declared_linear_is(name):
    """In each argument alone, or in all of them together: an operation on a + 2 b is that on a plus twice that on b."""
    for case, dtype in cells(name, ("float64",), choose=differentiable):
        arrays, params = case.draw(np, dtype, CPU)
        function, a = of_varied(name, case, arrays, params)
        _, b = of_varied(name, case, case.draw(np, dtype, CPU, seed="other")[0], params)
        chosen = [range(len(a))] if PRIMITIVES[name].kind == "linear" else [[i] for i in range(len(a))]
        for places in chosen:
            b_there = [b[i] if i in places else a[i] for i in range(len(a))]
            sums = [a[i] + 2 * b[i] if i in places else a[i] for i in range(len(a))]
            tolerance = 1e-5 if case.casts else 1e-9
            np.testing.assert_allclose(function(*sums), function(*a) + 2 * function(*b_there), tolerance, tolerance)


def test_threads_do_not_disturb_each_other():
    """Two threads run the whole table at once, in opposite orders, and get what one thread gets."""

    def run(work, results):
        results.update((label, output_and_gradients(*each)) for label, each in work)

    cases = [(name, *each) for name in ROWS for each in cells(name, ("float64",), differentiable)]
    work = [
        (f"{name} {i}", of_varied(name, case, *case.draw(np, dtype, CPU)))
        for i, (name, case, dtype) in enumerate(cases)
    ]
    alone, together = {}, [{}, {}]
    run(work, alone)
    threads = [threading.Thread(target=run, args=each) for each in zip((work, work[::-1]), together, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for results in together:
        assert results.keys() == alone.keys()
        for label, expected in alone.items():
            for one, other in zip(results[label], expected, strict=True):
                np.testing.assert_array_equal(one, other, err_msg=label)


NAN, INF = np.nan, np.inf
# What PyTorch gives where a derivative does not exist or does not follow from the limit: the function, the point, the
# gradient of the sum of its outputs. (torch 2, float64, torch.autograd.grad.)
CONVENTIONS = {
    "abs at 0": (anp.abs, [0.0, -0.0, 2.0], [0.0, 0.0, 1.0]),
    "sign": (anp.sign, [0.0, 3.0], [0.0, 0.0]),
    "floor": (anp.floor, [1.0, 1.5], [0.0, 0.0]),
    "relu at 0": (elementwise.relu, [0.0, -1.0, 1.0], [0.0, 0.0, 1.0]),
    "leaky relu at 0": (lambda x: elementwise.leaky_relu(x, negative_slope=0.1), [-1.0, 0.0, 1.0], [0.1, 0.1, 1.0]),
    "clip at its bounds": (lambda x: anp.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
    "sqrt at 0": (anp.sqrt, [0.0, 4.0], [INF, 0.25]),
    "cbrt at 0": (anp.cbrt, [0.0, 8.0], [INF, 1 / 12]),
    "maximum at a tie": (lambda x: anp.maximum(x, 1.0), [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]),
    "minimum at a tie": (lambda x: anp.minimum(x, 1.0), [0.0, 1.0, 2.0], [1.0, 0.5, 0.0]),
    "clip at a bound": (lambda x: anp.clip(x, 1.0, 3.0), [0.0, 1.0, 3.0, 4.0], [0.0, 1.0, 1.0, 0.0]),
    "clip at arrays": (lambda x: anp.clip(x, anp.array(1.0), anp.array([3.0] * 4)), [0.0, 1.0, 3.0, 4.0], [0, 1, 1, 0]),
    "maximum with itself": (lambda x: anp.maximum(x, x), [0.0, 1.0], [1.0, 1.0]),
    "fmax beside NaN": (lambda x: anp.fmax(x, anp.array([NAN, 0.0])), [1.0, NAN], [1.0, 0.0]),
    "max at ties": (anp.max, [3.0, 1.0, 3.0], [0.5, 0.0, 0.5]),
    "min at ties": (anp.min, [1.0, 1.0, 3.0, 1.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
    "norm at 0": (anp.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
    "std at 0": (anp.std, [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
    "var at 0": (anp.var, [2.0, 2.0], [0.0, 0.0]),
    "prod with a zero": (anp.prod, [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    "prod with two zeros": (anp.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    "cumprod with a zero": (anp.cumprod, [2.0, 0.0, 3.0], [1.0, 8.0, 0.0]),
    "x ** 0": (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
    "x ** 1 at 0": (lambda x: x**1, [0.0, 2.0], [1.0, 1.0]),
    "x ** 2 at 0": (lambda x: x**2, [0.0, 2.0], [0.0, 4.0]),
    "x ** 0.5 at 0": (lambda x: x**0.5, [0.0, 4.0], [INF, 0.25]),
    "x ** 3 of negative numbers": (lambda x: x**3, [-2.0, 0.0], [12.0, 0.0]),
    "x ** array": (lambda x: x ** anp.array([0.0, 1.0, 2.0, 2.0]), [0.0, 0.0, 0.0, -3.0], [0.0, 1.0, 0.0, -6.0]),
    "0 ** x": (lambda x: 0.0**x, [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),
    "array ** x": (lambda x: anp.array([0.0, 2.0]) ** x, [2.0, 2.0], [0.0, 4 * np.log(2)]),
    "where with NaN in the other operand": (lambda x: anp.where(x > 0, x * 2, NAN), [1.0, -1.0], [2.0, 0.0]),
    "where before an infinite derivative": (lambda x: anp.where(x > 0, anp.sqrt(x), 0.0), [0.0, 4.0], [NAN, 0.25]),
    "where after a safe argument": (
        lambda x: anp.where(x > 0, anp.log(anp.where(x > 0, x, 1.0)), 0.0), [0.0, 2.0], [0.0, 0.5]),
    "sinc at 0": (anp.sinc, [0.0], [0.0]),
    "logsumexp of -inf": (logsumexp, [-INF, 0.0], [0.0, 1.0]),
    "logaddexp of infinity": (lambda x: anp.logaddexp(x, 1.0), [INF, -INF], [1.0, 0.0]),
    "logsumexp of infinity": (logsumexp, [INF, 1.0], [NAN, 0.0]),
    "arctan2 at (0, 0)": (lambda x: anp.arctan2(x, 0.0), [0.0, 2.0], [0.0, 0.0]),
    "norm of another order at 0": (lambda x: anp.linalg.norm(x, 3), [0.0, 0.0], [0.0, 0.0]),
    "logaddexp of equal numbers": (lambda x: anp.logaddexp(x, x), [0.0, 1000.0], [1.0, 1.0]),
    "softplus of large numbers": (elementwise.softplus, [-1000.0, 1000.0], [0.0, 1.0]),
    "sigmoid far below 0": (elementwise.sigmoid, [-40.0], [np.exp(-40)]),
    "sinc near 0": (anp.sinc, [1e-9, 0.1, -0.3], [
        -np.pi**2 / 3e9, (np.cos(np.pi / 10) - np.sinc(0.1)) / 0.1, (np.cos(0.3 * np.pi) - np.sinc(0.3)) / -0.3]),
    "astype of integers": (lambda x: x.astype(int) * 2.5, [1.0, 2.0], [0.0, 0.0]),
    "modf of infinity": (lambda x: anp.modf(x)[0], [INF, 1.5], [0.0, 1.0]),
    "sigmoid of large numbers": (elementwise.sigmoid, [-1000.0, 1000.0], [0.0, 0.0]),
    "imag of real numbers": (anp.imag, [1.0], [0.0]),
    "nan_to_num": (anp.nan_to_num, [NAN, INF, 1.0], [0.0, 0.0, 1.0]),
    "remainder by a constant": (lambda x: x % 2.0, [3.0, -3.0], [1.0, 1.0]),
    # Not PyTorch's: there complex gradients are conjugated, and the next two are NaN.
    "abs at 0, complex": (anp.abs, [0j, 3 + 4j], [0j, 0.6 - 0.8j]),
    "hypot at 0": (lambda x: anp.hypot(x, 0.0), [0.0, 3.0], [0.0, 1.0]),
    "logsumexp of nothing but -inf": (logsumexp, [-INF, -INF], [0.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("where", CONVENTIONS)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_conventions_are_those_of_pytorch(xp, where):
    function, point, expected = CONVENTIONS[where]
    gradient = autograd.elementwise_grad(function)(xp.asarray(point))
    np.testing.assert_allclose(on_host(gradient), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_second_derivative_of_sinc_near_0(dtype):
    second = autograd.elementwise_grad(autograd.elementwise_grad(anp.sinc))
    x = np.array([0, 1e-4, -0.2, 0.24, 0.26, 0.6], dtype)
    t = np.pi * np.where(x == 0, 1, x.astype("float64"))
    exact = np.pi**2 * np.where(np.abs(t) < 0.01, -1 / 3 + t**2 / 10, 2 * np.sin(t) / t**3 - 2 * np.cos(t) / t**2
                                - np.sin(t) / t)  # fmt: skip
    exact[x == 0] = -(np.pi**2) / 3
    np.testing.assert_allclose(second(x), exact, rtol=1e-9 if dtype == "float64" else 2e-5)


def test_sigmoid_keeps_its_relative_accuracy_in_float32():
    x = np.linspace(-87, 20, 400, dtype="float32")
    np.testing.assert_allclose(elementwise.sigmoid(x), 1 / (1 + np.exp(-x.astype("float64"))), rtol=3e-7)


def test_second_derivatives_at_conventional_points():
    second = autograd.elementwise_grad(autograd.elementwise_grad(lambda x: x**2))
    np.testing.assert_array_equal(second(np.array([0.0, -1.0])), [2.0, 2.0])
    np.testing.assert_array_equal(
        autograd.hessian(anp.prod)(np.array([0.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    )
    np.testing.assert_array_equal(
        autograd.hessian(lambda x: anp.sum(anp.abs(x)))(np.array([0.0, 1.0])), np.zeros((2, 2))
    )


@pytest.mark.usefixtures("on_the_cpu")
def test_parameters_that_are_traced_are_refused():
    x = Array(np.array([-1.26, 2.0]))
    np.testing.assert_array_equal(anp.round(x, Array(np.array(1))), [-1.3, 2.0])
    leaky_relu = PRIMITIVES["leaky_relu"]
    with pytest.raises(TypeError, match=r"plain Array for negative_slope of leaky_relu"):
        autograd.grad(lambda slope: anp.sum(leaky_relu(x, negative_slope=slope)))(0.1)
