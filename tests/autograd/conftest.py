"""Fixtures of the tests of autograd."""

import pytest


@pytest.fixture(autouse=True)
def numpys_dtypes(float64_by_default):
    """See there."""
