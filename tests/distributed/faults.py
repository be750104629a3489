"""A program in which one process goes wrong in the middle of a step: `faults.py <how> <rank> <folder>`."""

import ctypes
import os
import resource
import signal
import sys
import time

import cuobjax
import cuobjax.numpy as jn
from cuobjax import distributed
from cuobjax.functional import parallel


def wrong(x):
    if how == "raises":
        raise ValueError("no luck")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "crashes":
        ctypes.string_at(0)
    if how == "elsewhere":
        return parallel.pmax(x)
    if how == "other dtype":
        return parallel.psum(x.astype("int32"))
    if how == "stuck":
        time.sleep(1000)
    return x


def step(x):
    x = parallel.psum(x)
    if distributed.rank() == rank or rank < 0:
        x = wrong(x)
    return parallel.psum(x)


if __name__ == "__main__":
    how, rank, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    distributed.initialize(timeout=2 if how == "stuck" else 60)
    weights = cuobjax.VarCollection({"w": cuobjax.TrainVar(jn.ones(3000))})
    checkpoint = cuobjax.io.Checkpoint(folder, keep_ckpts=0, verbose=False)
    checkpoint.save(weights, 1)
    if how == "leaves" and distributed.rank() == rank:
        sys.exit(0)
    cuobjax.Parallel(step)(jn.ones(6))
    if how == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        checkpoint.save(weights, 2)
        distributed.barrier()
    cuobjax.Parallel(step)(jn.ones(6))
