"""What `make bench` compares loosely, on few small images: what modules compute, beside NumPy by hand."""

import numpy as np
import pytest

import cuobjax
from benchmarks.cases import CASES, SEED, Inputs, resnet
from benchmarks.peers import by_hand, jitted, modules

pytestmark = pytest.mark.usefixtures("on_the_cpu")


def both(peer, inputs):
    """Value and gradients by a peer, and by hand."""
    return [p.to_numpy(p.prepare(CASES["resnet"], inputs)()) for p in (peer, by_hand)]


@pytest.fixture
def in_double_precision():
    before = cuobjax.default_dtype()
    cuobjax.set_default_dtype("float64")
    yield
    cuobjax.set_default_dtype(before)


@pytest.mark.parametrize("peer", [modules, jitted], ids=["modules", "jitted"])
def test_resnet(peer):
    (value, _), (expected, _) = both(peer, resnet(np.random.default_rng(SEED), images=6, size=16))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("peer", [modules, jitted], ids=["modules", "jitted"])
def test_gradients_of_resnet(peer, in_double_precision):
    """In float32, an input of relu that is nearly 0 would get the other sign in another order of sums."""
    parameters, fixed = resnet(np.random.default_rng(SEED), images=6, size=16)
    fixed["x"] = fixed["x"].astype("float64")
    (value, gradients), (expected, by) = both(peer, Inputs([x.astype("float64") for x in parameters], fixed))
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    for got, want in zip(gradients, by, strict=True):
        assert got.dtype == "float64"
        np.testing.assert_allclose(got, want, atol=1e-9 * np.abs(want).max())
