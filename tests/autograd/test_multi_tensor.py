"""Elementwise programs over many lists of arrays."""

import numpy as onp
import pytest

import autograd.numpy as anp
from autograd import Array, default_device
from autograd.backend import is_cupy
from autograd.compiler.multi_tensor import MultiTensorProgram, is_elementwise
from autograd.graph import Staging
from autograd.primitive import PRIMITIVES

on_gpu = pytest.mark.skipif(default_device().kind == "cpu", reason="about CuPy's kernels")
FORMULAS = sorted(name for name, primitive in PRIMITIVES.items() if primitive.cuda and name != "astype")
PARAMETERS = {"leaky_relu": {"negative_slope": 0.1}}
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
        arrays = {"condition": condition, "a": a, "b": b, "x": a, "val": a}
        given = [(PRIMITIVES[n], [arrays[a] for a in PRIMITIVES[n].arguments]) for n in names]
        return tuple([primitive(*args, **PARAMETERS.get(primitive.name, {})) for primitive, args in given])

    names = [name for name in FORMULAS if dtype != "bfloat16" or name in ("add", "multiply", "negative", "where")]
    arrays = [raw(onp.arange(numbers[0].size) % 2, "bool"), *numbers]
    graph = recorded(all_of_them, arrays)
    assert is_elementwise(graph, 3)
    program = MultiTensorProgram(graph, 3, "all")
    assert program._source is not None
    for name, x, y in zip(names, program([arrays], [])[0], all_of_them(*map(Array, arrays)), strict=True):
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
    assert is_elementwise(graph, 2)
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
        lambda x, y: x + y.sum(),
        lambda x, y: x.T + y,
        lambda x, y: x @ y,
        lambda x, y: x[::-1],
        lambda x, y: x + Array(raw([1, 2])),
        lambda x, y: (x + y)[0],
    ],
    ids=["sum", "transposed", "product", "reversed", "constant", "part"],
)
def test_what_mixes_elements_is_not_elementwise(f):
    x = raw([[1, 2], [3, 4]])
    assert not is_elementwise(recorded(f, [x, x]), 2)
