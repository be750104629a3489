"""What processes share outside of `Parallel`, and the example, on one process and several."""

import pickle
import re

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import distributed
from tests.distributed import mpi, sharing


@mpi.needs_mpi
def test_processes_share(tmp_path):
    printed = mpi.succeed(2, sharing.__file__, tmp_path)
    own = [pickle.loads((tmp_path / str(rank)).read_bytes()) for rank in range(2)]
    for name in ("gather", "broadcast", "variables", "odd", "parts", "restore", "run", "missing", "wrong"):
        assert own[0][name] == own[1][name], name
    found = own[0]
    assert found["gather"] == ["", "x"]
    assert found["broadcast"] == {"rank": 0}
    cuobjax.random.seed(0)
    assert found["variables"] == ([0, 0, 0], [0, 0], cuobjax.random.uniform((2,)).tolist())
    assert found["parts"][0] == "ValueError" and "got states of optimizer.Sharded" in found["parts"][1]
    batches = [[*a, *b] for a, b in zip(own[0]["batches"], own[1]["batches"], strict=True)]
    loader = cuobjax.data.Loader(np.arange(20), batch=6, shuffle=True, drop_last=True)
    assert batches == [x.tolist() for x in loader]
    assert own[0]["stream"] == [[0, 1], [4, 5]] and own[1]["stream"] == [[2, 3], [6, 7]]
    assert own[0]["shard"] == [0, 1] and own[1]["shard"] == [2, 3]
    assert found["odd"][0] == "ValueError" and "that the 2 devices of all processes divide, got 5." in found["odd"][1]
    assert found["restore"] == (4, [1, 1, 1])
    assert found["run"] == {"losses": [0]}
    assert found["missing"][0] == "FileNotFoundError"
    assert found["wrong"][0] == "ValueError"
    assert printed.count("Resuming from") == 1
    assert printed.count("log: everything is fine") == 1
    assert "log: something is odd" in printed and "log: rank 1: something is odd" in printed
    assert printed.count("bar of progress: 100%") == 1
    v = cuobjax.TrainVar(jn.zeros(3))
    cuobjax.io.Checkpoint(tmp_path / "run", 2, verbose=False).restore(cuobjax.VarCollection({"v": v}))
    np.testing.assert_array_equal(v.value, [1, 1, 1])


def test_one_process_shares_with_itself():
    distributed.initialize()
    distributed.barrier()
    assert (distributed.rank(), distributed.size(), distributed.local_rank()) == (0, 1, 0)
    assert distributed.gather(3) == [3] and distributed.broadcast("x") == "x"
    x = {"a": np.arange(3)}
    np.testing.assert_array_equal(distributed.shard(x)["a"], [0, 1, 2])
    v = cuobjax.TrainVar(jn.ones(2))
    distributed.broadcast_variables([v])
    with pytest.raises(ValueError, match="expected timeout as a positive number of seconds, got 0"):
        distributed.initialize(0)


@mpi.needs_mpi
def test_another_mpi_than_that_which_started_the_program(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "3")
    code = (
        "import os; os.environ['SLURM_STEP_NUM_TASKS'] = '3'; from cuobjax import distributed; distributed.initialize()"
    )
    status, printed = mpi.run(1, "-c", code)
    assert status != 0
    assert "initialize: expected 3 processes, as srun says, got 1 from " in printed


@mpi.needs_mpi
def test_the_example_goes_on_with_another_number_of_processes(tmp_path):
    pytest.importorskip("sklearn", reason="needs the extra: examples")
    pytest.importorskip("matplotlib", reason="needs the extra: examples")
    options = ["-m", "examples.distributed", "--batch", "480", "--out", tmp_path]
    first = mpi.succeed(1, *options, "--epochs", "1")
    second = mpi.succeed(2, *options, "--epochs", "2", CUOBJAX_CPU_DEVICES="2")
    assert re.findall(r"^epoch (\d): loss \d\.\d+, test accuracy \d+\.\d+%$", first + second, re.MULTILINE) == [
        "1",
        "2",
    ]
    assert second.count(f"Resuming from {tmp_path}") == 1


def test_the_example_refuses_wrong_options(capsys):
    pytest.importorskip("sklearn", reason="needs the extra: examples")
    pytest.importorskip("matplotlib", reason="needs the extra: examples")
    from examples.distributed import main

    with pytest.raises(SystemExit):
        main(["--epochs", "0"])
    assert "--epochs: expected more than 0, got 0" in capsys.readouterr().err
