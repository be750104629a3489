"""Whole runs: a process that is killed and a new one that resumes give the bits of a run that nobody stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuobjax.io.formats import opened

COMMON = """
import os, signal, sys
import numpy as np
import cuobjax
import cuobjax.numpy as jn
from cuobjax import functional as F, nn
from cuobjax.data import Loader
from cuobjax.functional.loss import mean_squared_error, sigmoid_cross_entropy_logits
from cuobjax.io import Checkpoint
from cuobjax.optimizer import Adam

folder, asynchronous, killed_at = sys.argv[1], sys.argv[2] == "True", int(sys.argv[3])
cuobjax.random.seed(3)
data = np.random.default_rng(0).random((40, 6)).astype("float32")
"""

VAE = """
class VAE(cuobjax.Module):
    def __init__(self):
        self.encoder = nn.Sequential([nn.Linear(6, 8), nn.BatchNorm0D(8), F.relu, nn.Dropout(0.8), nn.Linear(8, 4)])
        self.decoder = nn.Sequential([nn.Linear(2, 8), F.relu, nn.Linear(8, 6)])

    def loss(self, x):
        mean, logarithm = jn.split(self.encoder(x, training=True), 2, axis=1)
        z = mean + jn.exp(logarithm / 2) * cuobjax.random.normal(mean.shape)
        divergence = 0.5 * (jn.exp(logarithm) + mean**2 - 1 - logarithm).sum(axis=1)
        return (mean_squared_error(self.decoder(z), x, keep_axis=(0,)) + divergence).mean()

net = VAE()
optimizer = Adam(net.vars())
gradients = cuobjax.GradValues(net.loss, net.vars())

@cuobjax.Jit
def train(x):
    g, v = gradients(x)
    optimizer(0.01, g)
    return v[0]

variables = net.vars() + optimizer.vars()
step = lambda x: [train(x)]
"""

GAN = """
maker = nn.Sequential([nn.Linear(3, 8), nn.BatchNorm0D(8), F.relu, nn.Linear(8, 6)])
judge = nn.Sequential([nn.Linear(6, 8), F.leaky_relu, nn.Dropout(0.7), nn.Linear(8, 1)])
makers, judges = Adam(maker.vars("maker"), beta1=0.5), Adam(judge.vars("judge"), beta1=0.5)

def made(n):
    return maker(cuobjax.random.normal((n, 3)), training=True)

def judged(x, y):
    logits = judge(x, training=True)
    return sigmoid_cross_entropy_logits(logits, jn.full(logits.shape, y)).mean()

of_judge = cuobjax.GradValues(lambda x: judged(x, 1.0) + judged(made(len(x)), 0.0), judge.vars())
of_maker = cuobjax.GradValues(lambda x: judged(made(len(x)), 1.0), maker.vars())

@cuobjax.Jit
def train(x):
    g, v = of_judge(x)
    judges(0.01, g)
    h, w = of_maker(x)
    makers(0.01, h)
    return v[0], w[0]

variables = maker.vars("maker") + judge.vars("judge") + makers.vars("makers") + judges.vars("judges")
step = train
"""

RUN = """
loader = Loader(data, batch=8, shuffle=True)
variables = variables + loader.vars()
checkpoint = Checkpoint(folder, 2, verbose=False, asynchronous=asynchronous)
number, _ = checkpoint.restore(variables)
losses = checkpoint.run.get("losses", [])
while int(loader.epoch.value) < 4:
    for x in loader:
        if number + 1 == killed_at:
            checkpoint.wait()
            os.kill(os.getpid(), signal.SIGKILL)
        losses.append([float(v) for v in step(x)])
        number += 1
        if number % 3 == 0:  # within epochs, too
            checkpoint.save(variables, number, run={"losses": losses})
checkpoint.save(variables, number, run={"losses": losses})
"""


def ran(program, folder, asynchronous, killed_at):
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", COMMON + program + RUN, str(folder), str(asynchronous), str(killed_at)]
    environment = os.environ | {"PYTHONPATH": path, "CUOBJAX_NUMBA": "0"}  # nothing to wait for
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def newest(folder):
    path = max((folder / "ckpt").iterdir())
    with opened(path) as archive:
        return path.stem, dict(archive)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("name", "asynchronous"), [("VAE", False), ("GAN", True)])
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path, name, asynchronous):
    program = {"VAE": VAE, "GAN": GAN}[name]
    assert ran(program, tmp_path / "whole", asynchronous, 0) == 0
    assert ran(program, tmp_path / "killed", asynchronous, 9) == -signal.SIGKILL  # after checkpoint 6, within epoch 2
    assert ran(program, tmp_path / "killed", asynchronous, 0) == 0
    (last, whole), (other, resumed) = newest(tmp_path / "whole"), newest(tmp_path / "killed")
    assert last == other == "0000000020"
    assert [*whole] == [*resumed]
    for key, x in whole.items():
        np.testing.assert_array_equal(x, resumed[key], err_msg=key, strict=True)
    assert any("running_mean" in key for key in whole) and "(Checkpoint).run" in whole
