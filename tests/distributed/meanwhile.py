"""Whether sums of gradients travel while the backward pass goes on: a program of two processes.

No process goes on with its backward pass before the sum of the last layer has come to its end, which takes both
processes; a process that sums after the pass would wait for ever.
"""

import threading

import autograd
import cuobjax
import cuobjax.numpy as jn
from autograd import thread_group
from cuobjax import distributed

arrived = threading.Event()


@autograd.custom_vjp
def waiting(x):
    return x


def backward(_, g):
    print(f"rank {distributed.rank()} has a sum: {arrived.wait(60)}", flush=True)
    return (g,)


waiting.defvjp(lambda x: (x, None), backward)
combined = thread_group.Group.combined


def watched(group, exchange, values):
    found = combined(group, exchange, values)
    if exchange.what.startswith("psum of float32 (2,), gradients"):
        arrived.set()
    return found


if __name__ == "__main__":
    distributed.initialize(60)
    thread_group.Group.combined = watched
    first, last = cuobjax.TrainVar(jn.ones(3)), cuobjax.TrainVar(jn.ones(2))
    loss = lambda x: (waiting(first * x).sum() * last).sum()
    gradients = cuobjax.Grad(loss, {"first": first, "last": last}, mean_over="device", bucket=1e-6)
    found = cuobjax.Parallel(lambda x: [g[None] for g in gradients(x[0])])(jn.full((1, 3), 1.0 + distributed.rank()))
    print(f"rank {distributed.rank()} gradients {[g.tolist() for g in found]}", flush=True)
