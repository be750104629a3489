"""Functions of many lists of arrays."""

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.compiler.multi_tensor import MOST_SHAPES
from autograd.core import wrapped
from cuobjax.optimizer.lists import _programs, over_lists, stacked, summed_over_lists

DTYPES = ["float32", "float32", "float16", "bfloat16", "float64", "complex64", "int32", "float32", "float32"]
SHAPES = [(3, 4), (5000,), (4,), (2, 2), (3,), (2,), (6,), (), (0, 3)]


def moved(a, b, weight, limit):
    return a + (weight * (b - a)).astype(a.dtype), jn.where(limit > 0, a, b)


def arrays():
    rng = np.random.default_rng(0)
    pairs = zip(SHAPES, DTYPES, strict=True)
    return [tuple(jn.array(rng.normal(size=s) * 9, dtype="float32").astype(d) for _ in "ab") for s, d in pairs]


@pytest.mark.parametrize("weight", [0.25, np.float32(0.25), jn.array(0.25)])
def test_the_results_are_those_for_each_list(weight):
    lists, limit = arrays(), jn.array(1.0)
    for found, pair in zip(over_lists(moved, lists, weight, limit), lists, strict=True):
        for x, y in zip(found, moved(*pair, weight, limit), strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)
            assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


def test_a_function_is_recorded_once_for_the_dtypes():
    calls = []

    def counted(a, scale):
        calls.append(a.shape)
        return (a * scale,)

    for scale in (0.5, 2.0):
        found = over_lists(counted, [(jn.ones(n),) for n in range(1, 5)], scale)
        assert [float(x[0]) for (x,) in found] == [scale] * 4
    assert len(calls) == 1


def test_sums_of_all_lists():
    def product(a, b, weight):
        return ((a * b).sum() * weight,)

    pairs = [pair for pair in arrays() if pair[0].dtype.kind == "f" and pair[0].dtype.itemsize > 2]
    expected = sum(float((np.asarray(a, "float64") * np.asarray(b)).sum()) for a, b in pairs) / 2
    total = summed_over_lists(product, pairs, 0.5)
    assert total.shape == () and total.dtype == "float64"
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    by_x = autograd.grad(lambda x: summed_over_lists(product, [(x, x), (x, jn.ones(2))], 0.5))(jn.array([1.0, 2.0]))
    np.testing.assert_allclose(by_x, [1.5, 2.5])


def test_what_depends_on_shapes_or_is_traced_is_computed_for_each_list():
    def summed(a):
        return (a * a.cumsum()[-1],)

    lists = [(jn.array([1.0, 2.0]),), (jn.array([3.0]),)]
    assert [x.tolist() for (x,) in over_lists(summed, lists)] == [[3, 6], [9]]
    assert [program for key, program in _programs.items() if key[0] is summed] == [None]

    def chosen(a):
        return (a if a.sum() > 2.5 else -a,)

    assert [x.tolist() for (x,) in over_lists(chosen, lists)] == [[1, 2], [3]]
    by_x = autograd.grad(lambda x: over_lists(summed, [(x,)])[0][0].sum())(np.array([1.0, 2.0]))
    np.testing.assert_allclose(by_x, [6, 6])
    by_number = objax.Grad(lambda s: over_lists(moved, [(jn.zeros(2), jn.ones(2))], s, 1.0)[0][0].sum(), {}, (0,))
    np.testing.assert_allclose(by_number(jn.array(0.5))[0], 2)
    with autograd.debug():
        assert [x.tolist() for (x,) in over_lists(summed, lists)] == [[3, 6], [9]]


def test_parts_of_an_array_are_stacked_in_their_own_dtype():
    complex_numbers = jn.array([[1.5 + 2j], [3 + 4j]])._value
    found = stacked([wrapped(x.real) for x in complex_numbers])
    assert found.dtype == complex_numbers.real.dtype and found.tolist() == [[1.5], [3]]
    rows = jn.array([[1.0, 2.0], [3.0, 4.0]])._value
    assert stacked([wrapped(x) for x in rows])._value is rows
    assert stacked([wrapped(rows[i]) for i in (1, 0)]).tolist() == [[3, 4], [1, 2]]
    numbers = jn.array([1.0, 2.0])._value
    assert stacked([wrapped(numbers[i, ...]) for i in (0, 1)]).tolist() == [1, 2]


def test_programs_for_arrays_of_many_shapes_are_dropped():
    def normalized(a):
        return (a / a.sum(),)

    def kept():
        return sum(len(p._of_shapes) for key, p in _programs.items() if p is not None and key[0] is normalized)

    for n in range(1, 2 * MOST_SHAPES, 3):
        over_lists(normalized, [(jn.ones(n),), (jn.ones((n, 2)),)])
        assert kept() <= MOST_SHAPES
