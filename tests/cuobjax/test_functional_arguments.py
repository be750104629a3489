"""Arguments of functions: those of Objax, those of PyTorch that mean something else, and what is refused."""

import math
import re

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import functional as F
from cuobjax.functional import divergence, loss

X = np.array([[1.0, 5.0, 2.0], [0.5, 9.0, -3.0]], "float32")
MASK = np.array([True, False, True])


def test_softmax_of_the_elements_that_count_is_that_of_an_array_of_them_alone():
    kept = np.exp(X[:, MASK]) / np.exp(X[:, MASK]).sum(-1, keepdims=True)
    np.testing.assert_allclose(F.softmax(X, where=MASK, initial=0.0)[:, MASK], kept, rtol=1e-6)
    np.testing.assert_array_equal(F.softmax(X, where=MASK)[:, 1], 0)
    np.testing.assert_allclose(F.log_softmax(X, where=MASK)[:, MASK], np.log(kept), rtol=1e-5)
    assert F.log_softmax(X, where=MASK)[0, 1] == -math.inf
    np.testing.assert_array_equal(F.softmax([1, 2], where=[True, False]), [1, 0])


def test_a_row_in_which_nothing_counts_has_zeros_and_no_gradient():
    rows = np.array([[True, False, True], [False] * 3])
    y = F.softmax(X, where=rows)
    np.testing.assert_array_equal(y[1], 0)
    (g,) = objax.Grad(lambda x: (F.softmax(x, where=jn.array(rows)) * jn.array(X)).sum(), None, (0,))(jn.array(X))
    np.testing.assert_array_equal(g[1], 0)
    np.testing.assert_array_equal(g[0, 1], 0)
    p, a = np.asarray(y[0]), X[0]
    np.testing.assert_allclose(g[0], p * (a - (p * a).sum()), rtol=1e-5)


def test_logsumexp_can_return_the_sign():
    size, sign = F.logsumexp([0.0, 0.0], b=[1, -3], return_sign=True)
    assert (float(sign), round(float(size), 5)) == (-1, round(math.log(2), 5))


def test_gelu_takes_the_words_of_pytorch():
    np.testing.assert_array_equal(F.gelu(X, approximate="none"), F.gelu(X))
    np.testing.assert_array_equal(F.gelu(X, approximate="tanh"), F.gelu(X, True))


@pytest.mark.parametrize("f", [F.leaky_relu, F.elu, F.celu])
def test_factors_in_a_list_do_not_change_the_dtype(f):
    y = f(jn.array([-1.0, 1.0]), [0.25, 0.5])
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, f(jn.array([-1.0, 1.0]), jn.array([0.25, 0.5])))


@pytest.mark.parametrize("f", [F.leaky_relu, F.elu, F.celu])
def test_a_number_that_is_traced_has_no_dtype(f):
    x = jn.array([-1.0, 1.0]).astype("float16")
    program = objax.Jit(f)
    for y in (program(x, 0.25), program(x, 0.25)):
        assert y.dtype == "float16"
        np.testing.assert_allclose(y, f(x, 0.25), rtol=1e-3)


def test_interpolate_takes_sizes_in_an_array():
    assert F.interpolate(np.zeros((1, 2, 3, 4)), size=jn.array([5, 6])).shape == (1, 2, 5, 6)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: F.gelu(X, approximate="erf"), "gelu: expected approximate as a boolean, 'none' or 'tanh', got 'erf'"),
    (lambda: F.softmax(X, where=[1, 0, 1]), "softmax: expected where of booleans, got dtype int32"),
    (lambda: F.softmax(X[0], where=X > 0), "softmax: expected where that broadcasts to shape (3,), got shape (2, 3)"),
    (lambda: F.softmax(X[0], where=X[0, :2] > 0), "expected where that broadcasts to shape (3,), got shape (2,)"),
    (lambda: F.celu(X, 0), "celu: expected alpha other than 0"),
    (lambda: F.celu(X, "1"), "expected numbers, got str"),
    (lambda: F.elu(X, "1"), "expected numbers, got str"),
    (lambda: F.leaky_relu(X, None), "expected numbers, got NoneType"),
    (lambda: F.hard_shrink(X, -1), "hard_shrink: expected limit of at least 0, got -1"),
    (lambda: F.soft_shrink(X, None), "soft_shrink: expected limit as a number, got None"),
    (lambda: F.dynamic_slice(X, [0.5, 0], [1, 1]), "dynamic_slice: expected start_indices of integers, got dtype"),
    (lambda: F.dynamic_slice(X, 0, 2), "dynamic_slice: expected start_indices and slice_sizes as sequences"),
    (lambda: F.dynamic_slice(X, [0, 0], 2), "dynamic_slice: expected start_indices and slice_sizes as sequences"),
    (lambda: F.top_k(jn.array([1j]), 1), "top_k: expected real numbers, got dtype complex64"),
    (lambda: F.interpolate(X, scale_factor="2"), "interpolate: expected scale_factor as a number, got '2'"),
    (lambda: F.interpolate(X, scale_factor=math.nan), "interpolate: expected a finite scale_factor, got nan"),
    (lambda: F.upscale_nn(np.zeros((1, 1, 2, 2)), (2, 2)), "upscale_nn: expected scale as an integer, got (2, 2)"),
    (lambda: loss.huber(X, X, "1"), "huber: expected delta as a number, got '1'"),
    (lambda: divergence.kl([1.0, 0], [1.0, 0], -1), "kl: expected eps of at least 0, got -1"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()
