"""`python -m benchmarks.gpu`: with tiny arrays it runs to the end; without a GPU it says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import PEERS
from benchmarks.gpu.capture import driver
from benchmarks.gpu.cases import CASES, TINY, inputs_of

ROOT = Path(__file__).parents[2]


def run(*options):
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks.gpu", *options]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=600
    )


@pytest.mark.gpu
def test_a_tiny_run(tmp_path):
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    done = run("--tiny", "--rounds", "1", "--repeat", "1", "--output", str(tmp_path / "table.md"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "table.md").read_text()
    assert done.stdout.strip() == text.strip()
    assert "nothing here says anything of speed" in text.splitlines()[0]
    assert f"- CuPy: {cupy.__version__}" in text
    launches = text.partition("## Launches a call")[2].partition("##")[0]
    ours = {row.split("|")[1].strip(): row.split("|")[-2].strip() for row in launches.splitlines()[4:] if "|" in row}
    assert ours.keys() == CASES.keys()
    assert all(int(count) > 0 for count in ours.values())
    for peer in ("cupy", "autograd", "cuobjax"):
        assert PEERS[peer].title in text


@pytest.mark.skipif(driver() is not None, reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    done = run()
    assert done.returncode == 1
    assert "expected an NVIDIA GPU, found none. --tiny shows that it runs" in done.stderr


def test_each_case_has_a_tiny_version():
    assert TINY.keys() == CASES.keys()
    for case in CASES:
        small = inputs_of(case, tiny=True)
        assert sum(x.size for x in small.differentiated) < 2000
