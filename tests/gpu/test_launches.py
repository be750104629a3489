"""Kernels that operations launch: as documented, and as many for large arrays as for small ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.autograd.table.op_table import ROWS
from tests.gpu.launches import BEGIN, DOCS, END, rendered

cupy = pytest.importorskip("cupy")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cupy.cuda.is_available(), reason="needs a GPU, or CuPy's stand-in on the CPU"),
]
ROOT = Path(__file__).parents[2]

# Rows without a case that can be recorded and enlarged, and why.
NOT_SCALED = {
    **dict.fromkeys("nonzero unique_places bincount".split(), "the shape of the result has to reach the host"),
    **dict.fromkeys("argpartition unravel_index".split(), "CuPy's own function waits for the device"),
    **dict.fromkeys(
        """inv solve solve_triangular pinv det cofactor slogdet cholesky eigh eigvalsh eig eigvals svd svdvals qr logm
        solve_sylvester solve_banded""".split(),
        "CuPy does not record cuBLAS and cuSOLVER, or computes it on the host only",
    ),
    **dict.fromkeys("stdtr jv yv iv iv_scaled ive kv kve".split(), "CuPy does not have it"),
    **dict.fromkeys("across across_extreme".split(), "other processes get the values through the host"),
    "recurrence": "its weights have four times the width of the states",
    **dict.fromkeys("convolution_input convolution_kernel window_spread".split(), "counted as gradients"),
}
FEW = 2  # an odd length against an even one may take another path
# Rows that launch more for larger arrays, and at most how many more for arrays of 8 times the lengths.
GROWING = {
    # By doubling, of numbers with exponents of their own, so that gradients do not overflow (`autograd.ops.scaled`):
    "prod": 72,  # 3 more steps of two products of 12 launches
    "cumprod": 150,  # 3 more steps of a product and a recurrence
    "ctc_gradient": 5040,  # its own derivative is that of operations for each step of time, 28 more here
    "recurrence_gradient": 98,  # a kernel and a product for each step of time
}


@pytest.fixture(scope="module")
def counts():
    """What `launches.py` counts, in a process of its own."""
    command = [sys.executable, "-m", "tests.gpu.launches", "counts"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"CUOBJAX_DEVICE": "gpu", "PYTHONPATH": path}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    if run.returncode:
        pytest.fail(run.stderr[-3000:])
    return json.loads(run.stdout.splitlines()[-1])


def test_the_table_of_the_manual(counts):
    """`python -m tests.gpu.launches` writes it anew; a count that goes up wants a reason."""
    written = DOCS.read_text().partition(BEGIN)[2].partition(END)[0].strip()
    assert written == rendered(counts["table"])


def test_launches_do_not_depend_on_sizes(counts):
    """So that no operation loops over elements on the host."""
    assert counts["scaling"].keys() == ROWS.keys()
    more = {name: max((many - few for few, many in pairs), default=0) for name, pairs in counts["scaling"].items()}
    looping = {name: count for name, count in more.items() if count > GROWING.get(name, FEW)}
    assert not looping, looping
    assert all(more[name] > FEW for name in GROWING)


def test_nearly_all_rows_are_scaled(counts):
    assert sorted(name for name, pairs in counts["scaling"].items() if not pairs) == sorted(NOT_SCALED)


def test_float32_stays_float32(counts):
    """No kernel of a training step reads or writes float64."""
    for step, names in counts["kernels"].items():
        assert len(names) > 10, step
        assert not [name for name in names if "float64" in name or "double" in name], step


def test_programs_of_training_steps_launch_few_kernels(counts):
    """Today 13, 77 and 244."""
    most = {"mlp": 14, "transformer": 80, "resnet": 250}
    assert not counts["jitted"] or counts["jitted"].keys() == most.keys()
    assert all(counts["jitted"][name] <= most[name] for name in counts["jitted"]), counts["jitted"]


def test_a_profile_counts_launches(counts):
    found = counts["profile"]
    assert found["unknown"] == ["gradient of matmul", "matmul"]  # cuBLAS
    assert found["said"] > 20
    if found["all"] is not None:
        assert found["all"] - 1 <= found["said"] <= found["all"]  # a product copies one of its factors
    assert "launches" in found["table"].splitlines()[0] and found["table"].endswith(f"{found['said']}+")
