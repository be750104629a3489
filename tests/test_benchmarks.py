"""What `make bench` compares loosely, on few small images: what modules compute, beside NumPy by hand."""

import numpy as np
import pytest

from benchmarks.cases import CASES, SEED, resnet
from benchmarks.peers import by_hand, jitted, modules

pytestmark = pytest.mark.usefixtures("on_the_cpu")


@pytest.mark.parametrize("peer", [modules, jitted], ids=["modules", "jitted"])
def test_resnet(peer):
    inputs = resnet(np.random.default_rng(SEED), images=6, size=16)
    (value, gradients), (expected, by) = [p.to_numpy(p.prepare(CASES["resnet"], inputs)()) for p in (peer, by_hand)]
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for got, want in zip(gradients, by, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4 * np.abs(want).max())
