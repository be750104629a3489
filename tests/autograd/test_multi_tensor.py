"""Programs over many lists of arrays: elementwise, with reductions over all elements."""

import numpy as onp
import pytest

import autograd
import autograd.numpy as anp
from autograd import Array, default_device
from autograd.backend import is_cupy
from autograd.compiler import list_kernels
from autograd.compiler.multi_tensor import MultiTensorProgram, OverLists, is_of_any_shape
from autograd.graph import Staging, Value
from autograd.primitive import PRIMITIVES

on_gpu = pytest.mark.skipif(default_device().kind == "cpu", reason="about CuPy's kernels")
FORMULAS = sorted(name for name, primitive in PRIMITIVES.items() if primitive.cuda and name != "astype")
_ELU = {"alpha": 1.6, "rate": 0.9, "scale": 1.05}
PARAMETERS = {
    "leaky_relu": [{"negative_slope": 0.1}], "elu": [_ELU], "elu_gradient": [_ELU],
    "clip": [{"low": -0.5, "high": 1.25}, {"low": 2, "high": -1}], "power_of": [{"exponent": 2}, {"exponent": 0.5}],
}  # fmt: skip
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, -0.3, 2.5, 3e4, -7.0, 1e-3, onp.inf, -onp.inf, onp.nan]


def raw(numbers, dtype="float32"):
    return default_device().put(onp.array(numbers, dtype))


def host(x):
    return x.get() if is_cupy(x) else onp.asarray(x)


def recorded(f, arrays, numbers=()):
    staging = Staging()
    with staging.recording():
        outputs = f(*[staging.input(x, "input") for x in (*arrays, *numbers)])
    return staging.finished(outputs if isinstance(outputs, tuple) else (outputs,))


@on_gpu
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_formulas_give_the_bits_of_the_operations(dtype):
    numbers = [raw(x, dtype) for x in zip(*[(x, y) for x in SPECIAL for y in SPECIAL], strict=True)]

    def all_of_them(condition, a, b):
        arrays = {"condition": condition, "a": a, "g": a, "b": b, "labels": b, "weight": b, "x": a, "val": a}
        return tuple(
            [primitive(*[arrays[a] for a in primitive.arguments], **params) for primitive, params in operations]
        )

    names = [name for name in FORMULAS if dtype != "bfloat16" or name in ("add", "multiply", "negative", "where")]
    operations = [(PRIMITIVES[name], params) for name in names for params in PARAMETERS.get(name, [{}])]
    arrays = [raw(onp.arange(numbers[0].size) % 2, "bool"), *numbers]
    graph = recorded(all_of_them, arrays)
    assert is_of_any_shape(graph, 3)
    program = MultiTensorProgram(graph, 3, "all")
    assert program.kernels.sources
    expected_of_all = all_of_them(*map(Array, arrays))
    for (primitive, _), x, y in zip(operations, program([arrays], [])[0], expected_of_all, strict=True):
        name = primitive.name
        found, expected = [a.astype("float32") if a.dtype.kind == "V" else a for a in (host(x), host(y.raw))]
        onp.testing.assert_array_equal(found, expected, err_msg=name, strict=True)
        if expected.dtype.kind != "b":
            same = onp.signbit(found) == onp.signbit(expected)
            assert (same | onp.isnan(expected)).all(), f"{name}: the sign of 0"


def smoothed(m, g, rate, factor):
    m = m + (1 - factor) * (g - m)
    return m, anp.where(m > 0, -rate * m / (anp.sqrt(abs(m)) + 1e-3), 0.5 * g)


def test_one_program_serves_lists_of_all_shapes_and_any_number_of_them():
    rng = onp.random.default_rng(0)
    shapes = [(3, 4), (5,), (0, 2), (9000,), *[(7, n) for n in range(1, 120)]]
    lists = [[raw(rng.normal(size=shape)) for _ in range(2)] for shape in shapes]
    graph = recorded(smoothed, lists[0], (0.1, 0.9))
    assert is_of_any_shape(graph, 2)
    program = MultiTensorProgram(graph, 2, "smoothed")
    for rate in (0.1, 0.03):
        for found, arrays in zip(program(lists, [rate, 0.9]), lists, strict=True):
            expected = smoothed(*map(Array, arrays), rate, 0.9)
            for x, y in zip(found, expected, strict=True):
                onp.testing.assert_array_equal(host(x), host(y.raw), strict=True)


def test_numbers_may_be_arrays_of_the_device():
    rate = raw(0.25)
    arrays = [raw([1.0, -2.0]), raw([3.0, 0.0])]
    program = MultiTensorProgram(recorded(smoothed, arrays, (rate, 0.5)), 2, "smoothed")
    ((_, y),) = program([arrays], [raw(0.125), 0.5])
    onp.testing.assert_array_equal(host(y), host(smoothed(*map(Array, arrays), Array(raw(0.125)), 0.5)[1].raw))


def test_transposed_arrays_are_taken_element_by_element():
    a, b = raw([[1, 2, 3], [4, 5, 6]]).T, raw([[1, 2], [3, 4], [5, 6]])
    program = MultiTensorProgram(recorded(lambda a, b: a - b, [a, b]), 2, "difference")
    ((y,),) = program([[a, b]], [])
    onp.testing.assert_array_equal(host(y), host(a) - host(b))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y.sum(0),
        lambda x, y: y.sum(keepdims=True),
        lambda x, y: x + y.sum().sum(),
        lambda x, y: x + y.sum().reshape(1),
        lambda x, y: x.T + y,
        lambda x, y: x @ y,
        lambda x, y: x[::-1],
        lambda x, y: x + Array(raw([1, 2])),
        lambda x, y: (x + y)[0],
        lambda x, y: x + anp.linalg.svd(y)[0],
    ],
    ids=[
        "sum of columns",
        "axes left",
        "sum of a sum",
        "axes added",
        "transposed",
        "product",
        "reversed",
        "constant",
        "part",
        "several results",
    ],
)
def test_what_mixes_elements_in_other_ways_depends_on_the_shape(f):
    x = raw([[1, 2], [3, 4]])
    assert not is_of_any_shape(recorded(f, [x, x]), 2)


def normalized(a, b, factor):
    """Reductions of every kind, one after another."""
    length = anp.sqrt((a * a).sum(keepdims=True))
    d = a / (length + 1) - b.mean()
    spread = d.max() - d.min()
    signs = anp.where(anp.logical_and((a > -9).all(), (b > 1).any()), 1.0, -1.0)
    return d * factor / spread, spread, (d * d).mean(), signs * a


def lists_of(*shapes, dtype="float32"):
    rng = onp.random.default_rng(0)
    return [[raw(rng.normal(size=shape), dtype) for _ in range(2)] for shape in shapes]


def assert_close(x, y):
    """The same bits on the CPU; on a GPU, whose kernels sum in an order of their own, up to rounding."""
    x, y = host(x), host(y)
    assert (x.shape, x.dtype) == (y.shape, y.dtype)
    if default_device().kind == "cpu":
        assert x.tobytes() == y.tobytes()
    tolerance = 1e-2 if x.dtype == "float16" else 1e-5
    onp.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_program_with_reductions_serves_lists_of_all_shapes(dtype, monkeypatch):
    monkeypatch.setattr(list_kernels, "PER_BLOCK", 256)
    monkeypatch.setattr(list_kernels, "MOST_BLOCKS", 3)
    lists = lists_of((3, 4), (5,), (2000,), (1,), (7, 3, 2), *[(9, n) for n in range(1, 90)], dtype=dtype)
    lists += [[x.T for x in lists[0]]]
    program = MultiTensorProgram(recorded(normalized, lists[0], (0.5,)), 2, "normalized")
    assert program.reduces
    with onp.errstate(divide="ignore", invalid="ignore"):  # one number alone has no spread
        found = program(lists, [0.25])
        for own, arrays in zip(found, lists, strict=True):
            for x, y in zip(own, normalized(*map(Array, arrays), 0.25), strict=True):
                assert_close(x, y.raw)
        for x, y in zip(found, program(lists, [0.25]), strict=True):
            assert [host(a).tobytes() for a in x] == [host(b).tobytes() for b in y]


def test_the_numbers_of_lists_as_one_array():
    lists = lists_of(*[(n,) for n in range(300)])
    program = MultiTensorProgram(recorded(lambda a, b: (a * b).sum(), lists[3]), 2, "product")
    assert_close(program.stacked(lists, []), onp.array([host((a * b).sum()) for a, b in lists]))


def test_an_empty_array_has_a_sum_and_no_maximum():
    lists = lists_of((3,), (0, 2))
    total = MultiTensorProgram(recorded(lambda a, b: ((a + b).sum(), a - b.sum()), lists[0]), 2, "sum")
    assert [host(x).tolist() for x in total(lists, [])[1]] == [0, []]
    greatest = MultiTensorProgram(recorded(lambda a, b: (a + b).max(), lists[0]), 2, "maximum")
    with pytest.raises(ValueError, match="zero-size array"):
        greatest(lists, [])


def test_a_maximum_of_nan_is_nan():
    program = MultiTensorProgram(recorded(lambda a, b: (a.max(), a.min()), lists_of((3,))[0]), 2, "extremes")
    for place in range(3):
        numbers = [1.0, -2.0, 3.0]
        numbers[place] = onp.nan
        assert onp.isnan([float(x) for x in program([[raw(numbers)] * 2], [])[0]]).all()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_reductions_of_integers_are_exact(dtype):
    numbers = [raw([2**29 + 1 + i, -(2**29)], dtype) for i in range(3)]
    program = MultiTensorProgram(recorded(lambda a: ((a * 2).sum(), a.max()), [numbers[0]]), 1, "reductions")
    assert [(int(x), int(y)) for x, y in program([[a] for a in numbers], [])] == [
        (2 + 2 * i, 2**29 + 1 + i) for i in range(3)
    ]
    largest = MultiTensorProgram(recorded(lambda a: a.max(), [numbers[0]]), 1, "largest")
    assert [int(y) for (y,) in largest([[a] for a in numbers], [])] == [2**29 + 1 + i for i in range(3)]


def test_lists_of_empty_arrays_alone():
    lists = lists_of((0,), (0, 2))
    program = MultiTensorProgram(recorded(lambda a, b: a - b, lists_of((3,))[0]), 2, "difference")
    assert [host(y).shape for (y,) in program(lists, [])] == [(0,), (0, 2)]


def test_lists_of_more_shapes_than_are_remembered(monkeypatch):
    monkeypatch.setattr(list_kernels, "MOST_LAUNCHES", 1)
    program = MultiTensorProgram(recorded(lambda a, b: a - b, lists_of((3,))[0]), 2, "difference")
    for shape in ((3,), (4, 5), (3,)):
        ((a, b),) = lists_of(shape)
        ((y,),) = program([[a, b]], [])
        onp.testing.assert_array_equal(host(y), host(a) - host(b))


def test_programs_over_lists_while_debugging():
    lists = lists_of((3,), (2, 2))
    program = MultiTensorProgram(recorded(lambda a, b: a / b, lists[0]), 2, "quotient")
    with autograd.debug():
        for (y,), (a, b) in zip(program(lists, []), lists, strict=True):
            onp.testing.assert_array_equal(host(y), host(a) / host(b))


def test_what_no_kernels_do_in_a_program():
    """Lists on the host or on several GPUs, sums of empty arrays, operations without a formula."""
    value = Value((3,), onp.dtype("float32"), gpu=0)
    total, sines = [
        MultiTensorProgram(recorded(f, [raw([1.0, 2.0])]), 1, "program") for f in (lambda a: a.sum(), anp.i0)
    ]
    for program, values in (
        (total, [value._replace(gpu=None), value]),
        (total, [value, value._replace(gpu=1)]),
        (total, [value, value._replace(shape=(0, 2))]),
        (sines, [value, value]),
    ):
        assert OverLists(program, 2).bound(values) is None
