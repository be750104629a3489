"""The example of a published package, pymanopt, on the arrays of any device."""

import subprocess
import sys
from pathlib import Path

import pytest

import autograd

pytest.importorskip("pymanopt", reason="needs the extra: examples")

from examples import subspace


def test_finds_the_subspace_on_the_default_device(capsys):
    subspace.main(["--points", "300", "--steps", "15"])
    place, angles = capsys.readouterr().out.splitlines()
    kind = "cupy" if autograd.default_device().kind == "gpu" else "numpy"
    assert place == f"300 points on {autograd.default_device()}, arrays of {kind}"
    components, distances = (float(word) for word in angles.split() if word[0].isdigit())
    assert components > 30
    assert distances < 2


def test_wrong_options(capsys):
    for wrong in (["--points", "0"], ["--outliers", "-0.1"], ["--steps", "-1"]):
        with pytest.raises(SystemExit) as stopped:
            subspace.main(wrong)
        assert stopped.value.code == 2
        assert f"{wrong[0]}: expected " in capsys.readouterr().err


def test_absent_package_is_named():
    run = "sys.modules['pymanopt'] = None; runpy.run_module('examples.subspace', run_name='__main__')"
    command = [sys.executable, "-c", f"import runpy, sys; {run}"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "subspace: the package pymanopt is missing. Install what the examples need: make setup\n"
