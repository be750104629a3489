"""Programs of several processes on this machine, under the `mpirun` beside this Python."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MPIRUN = Path(sys.executable).with_name("mpirun")
needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not MPIRUN.exists(), reason="needs the extra: mpi"
)
ROOTED = ["--allow-run-as-root", "--oversubscribe"]  # of Open MPI


def open_mpi():
    """Whether `mpirun` is that of Open MPI, not of MPICH."""
    return MPIRUN.with_name("ompi_info").exists()


def command(processes, *arguments, options=()):
    """The command that starts so many processes of a Python program."""
    rooted = ROOTED if open_mpi() else []
    return [str(MPIRUN), *rooted, *map(str, options), "-n", str(processes), sys.executable, *map(str, arguments)]


def environment(**variables):
    """The environment of a program that computes with one thread, on the CPU or at most two GPUs, and finds us."""
    devices = {
        "CUOBJAX_CPU_DEVICES": "1",
        "CUDA_VISIBLE_DEVICES": ",".join(os.environ.get("CUDA_VISIBLE_DEVICES", "0,1").split(",")[:2]),
        "CUPY_ON_CPU_DEVICES": str(min(2, int(os.environ.get("CUPY_ON_CPU_DEVICES", "1")))),  # CuPy on a CPU reads this
    }
    own = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "CUOBJAX_THREADS": "1", **devices, **variables}
    path = os.pathsep.join([own["PYTHONPATH"], os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    return (
        {name: x for name, x in os.environ.items() if not name.startswith(("OMPI_", "PMI"))}
        | own
        | {"PYTHONPATH": path}
    )


def run(processes, *arguments, options=(), **variables):
    """Runs so many processes of a Python program to their end: (status, what they printed).

    A hang is a failure: after two minutes.
    """
    done = subprocess.run(
        command(processes, *arguments, options=options),
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return done.returncode, re.sub(r"\0", "", done.stdout.decode(errors="replace"))


def succeed(processes, *arguments, **variables):
    """What the processes of a program printed, that must end with status 0."""
    status, printed = run(processes, *arguments, **variables)
    assert status == 0, printed
    return printed
