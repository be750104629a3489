"""Rows of the table of primitives that no other library computes: CuPy's results are those of the host's kernels."""

import numpy as np
import pytest

import autograd
from autograd.primitive import PRIMITIVES
from tests.autograd.table.cases import TOLERANCE, OnlyOurs
from tests.autograd.table.op_table import ROWS

ONLY_OURS = sorted(name for name, row in ROWS.items() if any(isinstance(case, OnlyOurs) for case in row))


@pytest.mark.gpu
@pytest.mark.parametrize("name", ONLY_OURS)
def test_result_is_that_of_the_host(cupy, name):
    for case in ROWS[name]:
        arrays, params = case.draw(cupy, "float64", autograd.default_device())
        results, expected = PRIMITIVES[name](*arrays, **params), PRIMITIVES[name](*case.inputs, **params)
        pairs = zip(results, expected, strict=True) if isinstance(expected, tuple) else [(results, expected)]
        for got, wanted in pairs:
            assert isinstance(got, cupy.ndarray)
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
            tolerance = TOLERANCE.get(got.dtype.name, 0)
            np.testing.assert_allclose(got.get(), wanted, rtol=tolerance, atol=tolerance)
