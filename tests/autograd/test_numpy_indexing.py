"""Indices and methods of Arrays beside those of NumPy's arrays."""

import array

import numpy as np
import pytest

from autograd import Array, vjp
from autograd.testing import check_grads
from tests.autograd.table.calls import A, B, C, M, P, W
from tests.autograd.test_numpy_namespace import compare

pytestmark = pytest.mark.usefixtures("on_the_cpu")

INDICES = {
    "number": 1,
    "negative number": -2,
    "numpy number": np.int64(1),
    "two numbers": (1, -1),
    "slice": slice(1, None),
    "slice with step": slice(None, None, -2),
    "slices": (slice(0, 2), slice(None, None, 2)),
    "empty slice": slice(2, 1),
    "ellipsis": ...,
    "ellipsis and number": (..., 0),
    "number and ellipsis": (1, ...),
    "newaxis": None,
    "newaxes": (None, slice(None), None),
    "empty tuple": (),
    "list": [0, 2, 0],
    "list of lists": [[0, 1], [2, 2]],
    "empty list": [],
    "list and slice": ([0, 2], slice(1, 3)),
    "two lists": ([0, 2, 0], [1, 1, 1]),
    "array": np.array([2, -1]),
    "array of two axes": np.array([[0, 1], [1, 2]]),
    "slice and array": (slice(None), np.array([3, 3, 0])),
    "broadcast arrays": (np.array([[0], [2]]), np.array([1, 3])),
    "array and number": (np.array([0, 2]), 1),
    "array, newaxis, array": (np.array([0, 2]), None, np.array([1, 1])),
    "0-d array": np.array(1),
    "mask": np.abs(A) > 1,
    "mask of rows": B,
    "mask of columns": (slice(None), np.array([True, False, False, True])),
    "mask and number": (B, 1),
    "mask and array": (B, np.array([0, 3])),
    "list of truths": [True, False, True],
    "nothing true": np.zeros((3, 4), bool),
    "tuple": (slice(None), (1, 1)),
    "tuple alone": ((0, 2, 0),),
    "empty list and slice": (slice(None), []),
    "range": range(2),
    "range and slice": (slice(None), range(3)),
    "array.array": array.array("q", [1, 0]),
    "True": True,
    "False": False,
    "unsigned": np.array([1, 2], "uint8"),
    "number, newaxis, slice": (0, None, slice(None, 2)),
}


def of_library(xp, index):
    """An index whose arrays are those of a library; lists and numbers stay, and so may NumPy's arrays."""
    if isinstance(index, tuple):
        return tuple(of_library(xp, part) for part in index)
    return xp.asarray(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("form", INDICES)
def test_indexing(xp, form):
    index, expected = INDICES[form], A[INDICES[form]]
    compare(Array(xp.asarray(A))[of_library(xp, index)], expected, strict=True)
    compare(Array(xp.asarray(A))[index], expected, strict=True)
    compare(vjp(lambda x: x[index], A)[0], expected, strict=True)
    check_grads(lambda x: x[index], (A,), order=2)
    if isinstance(index, np.ndarray):
        compare(Array(A)[Array(index)], expected, strict=True)
        check_grads(lambda x: x[Array(index)], (A,), order=1)


DISTINCT = [form for form in INDICES if form not in (
    "list", "list of lists", "two lists", "slice and array", "array", "array of two axes",
        "array, newaxis, array", "tuple", "tuple alone")]  # fmt: skip


@pytest.mark.parametrize("form", DISTINCT)
def test_index_updates(xp, form):
    index = INDICES[form]
    values = P.ravel()[: A[index].size].reshape(A[index].shape) if form != "newaxes" else 0.4
    for name, update in {
        "set": lambda there: values, "add": lambda there: there + values, "multiply": lambda there: there * values,
        "divide": lambda there: there / values, "min": lambda there: np.minimum(there, values),
        "max": lambda there: np.maximum(there, values),
    }.items():  # fmt: skip
        changed = A.copy()
        changed[index] = update(changed[index])
        got = getattr(Array(xp.asarray(A)).at[of_library(xp, index)], name)(of_library(xp, values))
        compare(got, changed, strict=True)
    check_grads(lambda x, v: x.at[index].set(v), (Array(A), values), order=2)
    check_grads(lambda x, v: x.at[index].multiply(v), (Array(A), values), order=1)


def test_index_updates_that_name_a_place_twice():
    x = Array(A)
    expected = A.copy()
    np.add.at(expected, [0, 0], W)
    compare(x.at[[0, 0]].add(W), expected, strict=True)
    check_grads(lambda x, v: x.at[np.array([0, 0])].add(v), (x, W), order=2)
    for update in (x.at[[0, 0]].set, x.at[[1, -2]].multiply, x.at[[0, 0]].max):
        with pytest.raises(ValueError, match=r"Array.at: expected an index that names no element twice. Use .add"):
            update(W)
    compare(x.at[0].get(), A[0], strict=True)
    compare(Array(P).at[0].power(2), np.vstack([P[:1] ** 2, P[1:]]), strict=True)


METHODS = (
    "all any argmax argmin argsort clip compress conj conjugate cumprod cumsum diagonal dot max mean min nonzero prod "
    "ptp ravel repeat round squeeze std sum swapaxes take trace transpose var reshape flatten astype"
).split()
ARGUMENTS = {"clip": (-1, 1), "compress": (B, 0), "dot": (M,), "repeat": (2,), "swapaxes": (0, 1), "take": ([1, 2],),
    "reshape": (4, 3),
             "astype": ("float32",), "ptp": ()}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_ndarray(name):
    args = ARGUMENTS.get(name, ())
    expected = np.ptp(A) if name == "ptp" else getattr(A, name)(*args)
    got = getattr(Array(A), name)(*args)
    compare(got, expected, strict=True)


def test_shapes_in_methods():
    x = Array(C)
    assert x.reshape(4, 6).shape == x.reshape((4, 6)).shape == x.reshape([4, -1]).shape == (4, 6)
    assert x.reshape(-1).shape == (24,)
    assert x.transpose().shape == x.T.shape == (4, 3, 2)
    assert x.transpose(1, 0, 2).shape == x.transpose((1, 0, 2)).shape == x.transpose([1, 0, 2]).shape == (3, 2, 4)
    assert x.sum(0).shape == x.sum(axis=0).shape == (3, 4)
    compare(x.reshape(4, 6, order="F"), C.reshape(4, 6, order="F"), strict=True)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "uint64", "bool"])
def test_numbers_along_the_last_axis_give_contiguous_arrays(xp, dtype):
    numbers = np.array([[1, 0], [1, 1]], dtype) if dtype != "bool" else np.array([True, False, True, True])
    x = Array(xp.asarray(C))[:, :, of_library(xp, numbers)]
    compare(x, C[:, :, numbers], strict=True)
    assert dtype != "int64" or x.raw.flags.c_contiguous
