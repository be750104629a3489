"""A training run that is killed while it saves always finds a whole checkpoint, and never an older one than it may."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROUNDS = 2000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 200
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk would make the test wait most of the time

# One process forks a child per round, kills it at a random moment of its saving, and restores what it left. The child
# says through a pipe which save has returned. Values tell which save they are of, so that a mixture would be seen.
LOOP = """
import json, os, random, signal, sys, time, warnings
import numpy as np
from cuobjax import StateVar, TrainVar, VarCollection
from cuobjax.io import Checkpoint

warnings.simplefilter("error")
folder, rounds = sys.argv[1], int(sys.argv[2])
rng = random.Random(rounds)
vc = VarCollection({f"v{i}": StateVar(np.zeros(40 * i)) for i in range(5)} | {"step": TrainVar(np.int64(0))})
asynchronous = sys.argv[3] == "True"  # then a save is in its file when the next one has returned
checkpoint = Checkpoint(folder, 2, verbose=False, asynchronous=asynchronous)


def assign(step):
    for v in vc:
        v.assign(np.full(v.shape, step, v.dtype))


def save_forever(step, pipe):
    while True:
        step += 1
        assign(step)
        checkpoint.save(vc, step)
        os.write(pipe, step.to_bytes(8, "big"))


def kill_a_child(step):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            save_forever(step, writer)
        finally:
            os._exit(1)
    os.close(writer)
    for _ in range(1 + asynchronous):  # one save is in its file, and the oldest one deleted
        os.read(reader, 8)
    time.sleep(rng.uniform(0, 2) * duration)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with open(reader, "rb") as pipe:
        said = pipe.read()
    return int.from_bytes(said[-8:], "big") if said else step + 1 + asynchronous


began = time.perf_counter()
for step in range(1, 6):
    assign(step)
    checkpoint.save(vc, step)
checkpoint.wait()
duration = (time.perf_counter() - began) / 5
halfway = 0
for _ in range(rounds):
    saved = kill_a_child(step)
    halfway += any(name.endswith(".tmp") for name in os.listdir(f"{folder}/ckpt"))
    assign(-1)
    step, path = checkpoint.restore(vc)
    assert saved - asynchronous <= step <= saved + 1, (saved, step)
    assert all((np.asarray(v.value) == step).all() for v in vc), (step, vc.tensors())
    assert len([name for name in os.listdir(f"{folder}/ckpt") if name.endswith(".npz")]) <= 3
print(json.dumps({"rounds": rounds, "halfway": halfway, "saves": step}))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_killed_runs_find_a_whole_checkpoint(asynchronous):
    environment = os.environ | {"CUOBJAX_DEVICE": "cpu", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        done = subprocess.run(
            [sys.executable, "-c", LOOP, folder, str(ROUNDS), str(asynchronous)],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["rounds"] == ROUNDS
    assert counts["halfway"] > ROUNDS // 20  # else the test would not test what it says
