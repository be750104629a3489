"""What many processes cost: `mpirun -n 2 python -m benchmarks.many_processes`, and without mpirun for the comparison.

It prints the time in which all processes agree on an operation, that of sums of several sizes, the bytes that each
process sends for them, and that of a training step with a batch that all processes share, whose gradients travel after
the backward pass, or while it goes on. With the argument `steps` it measures training steps alone.
"""

import sys
import time

import numpy as np

import autograd
import cuobjax
from autograd import processes
from cuobjax import distributed
from cuobjax.functional import parallel
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.nn import MLP

BATCH, WIDTH = 512, 1024


def seconds(function, repeats: int) -> float:
    """The shortest time of a call, of which all processes make the same number; others are of other programs."""
    function()
    times = []
    for _ in range(repeats):
        distributed.barrier()
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def report(what: str, value: float, unit: str) -> None:
    if distributed.is_main():
        print(f"{what:<52}{value:12.3f} {unit}", flush=True)


def sums() -> None:
    """Sums of one array, without Parallel around them."""
    group = processes.current()
    report("agreement on an operation", 1e6 * seconds(distributed.barrier, 500), "us")
    for size in (1000, 100_000, 1_000_000, 10_000_000):
        x = np.ones(size, "float32")

        def total(x=x):
            with group.at("a sum"):
                group.reduced(x, np.add)

        before, repeats = group.sent, 20
        spent = seconds(total, repeats)
        report(f"sum of {size} float32", 1e3 * spent, "ms")
        report(
            "  bytes sent by a process, of those of the array",
            (group.sent - before) / (repeats + 1) / x.nbytes,
            "times",
        )


def step(bucket: float | None) -> None:
    """A step of a network of four layers; the batch is that of all processes together.

    Args:
        bucket: In megabytes; None for sums after the backward pass.
    """
    cuobjax.random.seed(0)
    net = MLP([784, WIDTH, WIDTH, WIDTH, 10], activation=cuobjax.functional.relu)
    options = {} if bucket is None else {"mean_over": "device", "bucket": bucket}
    loss = lambda x, y: cross_entropy_logits_sparse(net(x), y).mean()
    gradients = cuobjax.GradValues(loss, net.vars(), **options)
    optimizer = cuobjax.optimizer.SGD(net.vars())

    @cuobjax.Parallel
    @cuobjax.Jit
    def train(x, y):
        g, v = gradients(x, y)
        optimizer(0.01, g if options else parallel.pmean(g))
        return v[0][None]

    rng = np.random.default_rng(0)
    batch = rng.normal(size=(BATCH, 784)).astype("float32"), rng.integers(0, 10, BATCH)
    x, y = map(autograd.Array, distributed.shard(batch))
    train(x, y)
    before = processes.current().sent
    train(x, y)
    sent, size = processes.current().sent - before, sum(v.size for v in net.vars()) * 4
    way = "sums after the backward pass" if bucket is None else f"meanwhile, buckets of {bucket} MB"
    report(f"a step of {size / 1e6:.1f} MB, {way}", 1e3 * seconds(lambda: np.asarray(train(x, y)), 15), "ms")
    report("  bytes sent by a process", sent / size, "times")


if __name__ == "__main__":
    distributed.initialize(60)
    report("processes", distributed.size(), "")
    if "steps" not in sys.argv:
        sums()
    for bucket in (None, 25.0, 4.0, 1.0):
        step(bucket)
