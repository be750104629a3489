"""How the processes of a program meet: MPI, the devices of each, what each one prints."""

import logging
import os

from autograd import backend
from autograd.processes import Mpi, current, install

from ..installation import optional
from ..util.convert import require_reals
from .ending import end_together

__all__ = ["initialize"]

_LAUNCHERS = {
    "OMPI_COMM_WORLD_SIZE": "mpirun of Open MPI",
    "PMI_SIZE": "mpirun of MPICH",
    "SLURM_STEP_NUM_TASKS": "srun",
}


def initialize(timeout: float = 600.0) -> None:
    """Makes this process one of those that were started together; one that was started alone stays alone.

    Call it first, in all processes. Where GPUs are used, the processes of a host share them out: each one has its own
    GPUs, the first of which is its default device. On the CPU each one has CUOBJAX_CPU_DEVICES devices.

    From now on an exception that nobody catches ends all processes, after one message. So does a process that is killed
    (by `mpirun`; for `srun` add --kill-on-bad-exit), or one that does not come where the others wait for it. Processes
    other than 0 show no bars of progress and no messages of `logging` below warnings.

    Args:
        timeout: How long a process waits for the others before it ends the program, in seconds.

    Raises:
        ModuleNotFoundError: If there are several processes and the package mpi4py is missing.
        RuntimeError: If mpi4py uses another MPI than the one that has started the processes.
        ValueError: If `timeout` is not positive.
    """
    require_reals("initialize", timeout=timeout)
    if not timeout > 0:
        raise ValueError(f"initialize: expected timeout as a positive number of seconds, got {timeout!r}.")
    told = {launcher: os.environ.get(name, "") for name, launcher in _LAUNCHERS.items()}
    started = {launcher: int(count) for launcher, count in told.items() if count.isdecimal() and int(count) > 1}
    if not started or current().size > 1:
        return
    mpi = optional("mpi4py.MPI", "initialize", "mpi")
    (launcher, count), found = next(iter(started.items())), mpi.COMM_WORLD.size
    if found != count:
        version = mpi.Get_library_version().split("\n")[0].split(",")[0]
        raise RuntimeError(
            f"initialize: expected {count} processes, as {launcher} says, got {found} from {version}. mpi4py must use "
            "the MPI that starts the program: use the mpirun beside this python, or build mpi4py with the MPI of the "
            "cluster, or, for srun, name another interface (srun --mpi=list)."
        )
    processes = Mpi(mpi, timeout)
    _share_gpus(processes)
    processes.introduce(backend.local_devices())
    install(processes)
    end_together(processes, mpi)
    if processes.rank:
        _quieten(processes.rank)


def _share_gpus(processes):
    """Gives every process of a host its own GPUs, unless each one sees others by CUDA_VISIBLE_DEVICES."""
    if backend.default_device().kind == "cpu":
        visible, count = "", 0
    else:
        visible, count = os.environ.get("CUDA_VISIBLE_DEVICES", ""), len(backend.local_devices())
    alike = len(set(processes.on_host((visible, count)))) == 1
    if count and alike:
        r, n = processes.local_rank, processes.local_size
        backend.use_gpus(range(r * count // n, (r + 1) * count // n) if count >= n else [r % count])


def _quieten(rank):
    """Lets this process log warnings and errors alone, which begin with its number."""
    logging.disable(logging.INFO)
    record = logging.getLogRecordFactory()

    def numbered(*args, **kwargs):
        made = record(*args, **kwargs)
        made.msg = f"rank {rank}: {made.msg}"
        return made

    logging.setLogRecordFactory(numbered)
