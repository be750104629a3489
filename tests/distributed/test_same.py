"""Processes with devices each give what one process with all of these devices gives."""

import pickle

import numpy as np
import pytest

import autograd
import cuobjax
from tests.distributed import mpi, scenarios

pytestmark = mpi.needs_mpi
GPU = autograd.default_device().kind == "gpu"


@pytest.mark.parametrize("counts", [(1, 1), (2, 1, 1)] if not GPU else [(1, 1)])
def test_all_devices_of_all_processes_are_one_axis(counts, tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "alone"):
        cuobjax.random.seed(5)
        scenarios.begin(folder)
    mpi.succeed(len(counts), scenarios.__file__, tmp_path, *counts)
    found = [pickle.loads((tmp_path / str(rank)).read_bytes()) for rank in range(len(counts))]
    with autograd.device("cpu"):
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(sum(counts)))
        expected = scenarios.results(sum(counts), tmp_path / "alone")
    for scenario, results in expected.items():
        for name, alone in results.items():
            together = [own[scenario][name] for own in found]
            for wanted, *parts in zip(leaves(alone), *map(leaves, together), strict=True):
                same = name[0] == "same" if isinstance(name, tuple) else False
                values = parts if same else [np.concatenate(parts)]
                for y in values:
                    require_equal(y, wanted, f"{scenario}, {name}")
    variables, _, checkpoint = scenarios.trainer(tmp_path, cuobjax.optimizer.Adam)
    assert checkpoint.restore(variables)[0] == 2  # of all processes, for the optimizer alone
    for name, v in variables.items():
        require_equal(np.asarray(v.value), found[0]["sharded"]["same", name], name)


def leaves(x):
    return autograd.tree.flatten(x)[0]


def require_equal(x, y, where):
    if x.dtype.kind in "iub":
        np.testing.assert_array_equal(x, y, where, strict=True)
    else:
        tolerance = 1e-2 if x.dtype.itemsize == 2 else 2e-5
        np.testing.assert_allclose(x, y, tolerance, tolerance, err_msg=where, strict=True)
