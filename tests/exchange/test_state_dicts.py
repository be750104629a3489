"""Weights of PyTorch's own layers in ours."""

import numpy as np
import pytest

import cuobjax as objax

pytestmark = pytest.mark.exchange


def test_a_network_of_pytorch():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 10),
        nn.LayerNorm(10),
    )
    f = objax.functional
    ours = objax.nn.Sequential([
        objax.nn.Conv2D(3, 8, 3), objax.nn.BatchNorm2D(8, momentum=0.9, eps=1e-5), f.relu, f.flatten,
        objax.nn.Linear(8 * 36, 10), objax.nn.LayerNorm(10),
    ])  # fmt: skip
    x = torch.randn(4, 3, 6, 6)
    theirs(x)  # for running statistics
    objax.io.load_state_dict(ours, theirs.state_dict())
    with torch.no_grad():
        expected = theirs.eval()(x)
    np.testing.assert_allclose(ours(x, training=False), expected.numpy(), rtol=1e-4, atol=1e-5)
