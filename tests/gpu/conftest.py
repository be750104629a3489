"""What the tests of CuPy share."""

import pytest

import autograd


@pytest.fixture
def cupy():
    """CuPy, with its device as the default; skips the test where there is none."""
    library = pytest.importorskip("cupy")
    if not library.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    with autograd.device("gpu"):
        yield library
