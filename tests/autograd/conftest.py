"""Fixtures of the tests of autograd."""

import pytest


@pytest.fixture(autouse=True)
def numpys_dtypes(float64_by_default):
    """See there."""


@pytest.fixture
def kernels_of_cupy(monkeypatch):
    """For tests that launch thousands of kernels, nearly all CuPy's own: CuPy on a CPU leaves out asking NVRTC, too.

    What NVRTC says of ours is in test_kernel_sources.py.
    """
    monkeypatch.setenv("CUPY_ON_CPU_NVRTC", "0")
