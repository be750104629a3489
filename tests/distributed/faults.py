"""A program in which one process goes wrong in the middle of a step: `faults.py <how> <rank> <folder>`."""

import ctypes
import os
import resource
import signal
import sys
import time

import autograd
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


@autograd.custom_vjp
def passed(x):
    return x


def backward(_, g):
    """Behind the sum of a gradient that is on its way."""
    if goes_wrong and distributed.rank() == rank:
        wrong(g)
    return (g,)


passed.defvjp(lambda x: (x, None), backward)


def descend(x):
    first, last = weights["w"], cuobjax.TrainVar(jn.ones(6))
    loss = lambda x: (passed(first[:6] * x) * last).sum()
    return cuobjax.Grad(loss, {"first": first, "last": last}, mean_over="device", bucket=1e-6)(x)[1]


def step(x):
    x = parallel.psum(x)
    if distributed.rank() == rank or rank < 0:
        x = wrong(x)
    return parallel.psum(x)


if __name__ == "__main__":
    how, rank, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    meanwhile, how = how.endswith(" meanwhile"), how.removesuffix(" meanwhile")
    distributed.initialize(timeout=2 if how == "stuck" else 60)
    weights = cuobjax.VarCollection({"w": cuobjax.TrainVar(jn.ones(3000))})
    checkpoint = cuobjax.io.Checkpoint(folder, keep_ckpts=0, verbose=False)
    checkpoint.save(weights, 1)
    if how == "leaves" and distributed.rank() == rank:
        sys.exit(0)
    goes_wrong = False
    if meanwhile:  # both processes have summed something before one of them goes wrong
        cuobjax.Parallel(descend)(jn.ones(6))
    goes_wrong = True
    cuobjax.Parallel(descend if meanwhile else step)(jn.ones(6))
    if how == "full disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        checkpoint.save(weights, 2)
        distributed.barrier()
    cuobjax.Parallel(step)(jn.ones(6))
