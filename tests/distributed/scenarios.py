"""What a program of any number of processes computes: the same on as many devices, however they are spread.

Run as a program under `mpirun`, it writes the results of each process to the folder that it is given; the number of
devices of a process comes from the list after it.
"""

import os
import pickle
import sys

import numpy as np

import autograd
import cuobjax
import cuobjax.numpy as jn
from autograd import processes
from cuobjax import distributed
from cuobjax.core.variable import reduce_first
from cuobjax.functional import parallel
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.transforms.parallel import Parallel


def shared(*arrays):
    """This process's rows of arrays that have as many for each device."""
    parts = [x[processes.current().part(len(x))] for x in map(np.asarray, arrays)]
    return parts if len(parts) > 1 else parts[0]


def rng(seed):
    return np.random.default_rng(seed)


def collectives(n):
    """Every operation, on every kind of dtype, on arrays that are sent at once and in two steps, and on empty ones."""
    found = {}
    for dtype in "float16 float32 float64 int8 int32 int64 uint32 complex64 bool".split():
        for shape in [(), (3,), (2, 0), (5, 1001)]:
            x = rng(len(found)).integers(0 if dtype in ("uint32", "bool") else -9, 10, (n, *shape)).astype(dtype)
            found[dtype, shape] = reductions(x, n)
    x = rng(1).normal(size=(n, 40, 70)).astype("float32")
    x[0, 0, 0] = x[-1, 1, 1] = np.nan
    found["NaN"] = reductions(x, n)
    big = rng(2).integers(-(2**62) // n, 2**62 // n, (n, 2000))
    found["large"] = Parallel(lambda x: parallel.psum(x))(autograd.Array(shared(big)))
    return found


def reductions(x, n):
    def f(x):
        x, y = x[0], [parallel.psum(x)]
        if x.dtype.kind != "c":
            y += [parallel.pmax(x), parallel.pmin(x)]
        y += [parallel.pmean(x), parallel.all_gather(x), parallel.ppermute(x, [(i, (i + 1) % n) for i in range(1, n)])]
        y.append(parallel.reduce_scatter(jn.stack([x] * n)))
        return [a[None] for a in y]

    return Parallel(f)(autograd.Array(shared(x)))


def derivatives(n):
    """Gradients within the program of each device, and of the sum of all outputs around it."""
    x = rng(3).normal(size=(2 * n, 4))
    x[:2] = x[-2:]  # ties
    weights = rng(4).normal(size=(n, 4))
    perm = [(i, (i + 2) % n) for i in range(n - 1)]
    operations = {
        "psum": parallel.psum,
        "pmean": parallel.pmean,
        "pmax": parallel.pmax,
        "pmin": parallel.pmin,
        "all_gather": lambda x: parallel.all_gather(x).sum(0),
        "reduce_scatter": lambda x: parallel.reduce_scatter(jn.stack([x * i for i in range(n)])),
        "ppermute": lambda x: parallel.ppermute(x, perm),
    }
    found = {}
    for name, operation in operations.items():

        def loss(x, w, operation=operation):
            return (jn.sin(operation(x)) * w).sum()

        within = autograd.grad(loss)
        found[name] = Parallel(lambda x, w, within=within: within(x, w))(*map(autograd.Array, shared(x, weights)))
        if name not in ("pmax", "pmin"):  # whose ties two processes share among themselves first
            outside = Parallel(lambda x, w, loss=loss: loss(x, w).reshape(1))
            both = map(autograd.Array, shared(x, weights))
            found[name, "outside"] = autograd.grad(lambda x, w, f=outside: f(x, w).sum())(*both)
            lanes = rng(5).normal(size=(2 * n, 3, 4))
            batched = autograd.vmap(Parallel(operation), in_axes=1, out_axes=1)
            found[name, "lanes"] = batched(autograd.Array(shared(lanes)))
    return found


class Network(cuobjax.Module):
    """Linear layers, a normalization, dropout, and a count of the examples that it has seen."""

    def __init__(self):
        nn = cuobjax.nn
        self.layers = nn.Sequential([nn.Linear(6, 90), nn.BatchNorm0D(90), jn.tanh, nn.Dropout(0.8), nn.Linear(90, 3)])
        self.seen = cuobjax.StateVar(jn.array(0), reduce=lambda x: x.sum(0) - (len(x) - 1) * x.min(0))

    def __call__(self, x):
        self.seen.value = self.seen.value + 0  # every device has the same
        return self.layers(x, training=True)


def training(n):
    """Three steps, compiled: a loss, all variables after them, and the numbers drawn."""
    cuobjax.random.seed(7)
    net = Network()
    gradients = cuobjax.GradValues(lambda x, y: cross_entropy_logits_sparse(net(x), y).mean(), net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @Parallel
    @cuobjax.Jit
    def step(x, y):
        g, v = gradients(x, y)
        optimizer(0.01, parallel.pmean(g))
        return parallel.pmean(v[0])[None]

    found = {}
    for i in range(3):
        x, y = rng(i).normal(size=(4 * n, 6)).astype("float32"), rng(i).integers(0, 3, 4 * n)
        found["loss", i] = step(*shared(x, y))
    for name, variable in {**net.vars(), **optimizer.vars()}.items():
        found["same", name] = variable.value
    return found


def meanwhile(n):
    """Means of gradients that travel while the backward pass goes on have the bits of those that travel after it."""

    def steps(mean, compiled, **options):
        cuobjax.random.seed(8)
        nn = cuobjax.nn
        net = nn.Sequential([nn.Linear(6, 70), jn.tanh, nn.Linear(70, 70), jn.tanh, nn.Linear(70, 3)])
        gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars(), **options)
        optimizer = cuobjax.optimizer.Momentum(net.vars())

        def step(x):
            g, v = gradients(x)
            optimizer(0.1, mean(g))
            return parallel.pmean(v[0])[None]

        f = Parallel(cuobjax.Jit(step) if compiled else step)
        losses = [f(shared(rng(i).normal(size=(2 * n, 6)).astype("float32"))) for i in range(3)]
        return losses, net.vars().tensors()

    found = {}
    for compiled in (False, True):
        losses, values = steps(parallel.pmean, compiled)
        for bucket in (25.0, 1e-6):
            also = steps(lambda g: g, compiled, mean_over="device", bucket=bucket)
            for x, y in zip([*also[0], *also[1]], [*losses, *values], strict=True):
                np.testing.assert_array_equal(x, y, f"{compiled}, {bucket}")
        found |= {("loss", compiled, i): x for i, x in enumerate(losses)}
        found |= {("same", compiled, i): x for i, x in enumerate(values)}
    return found


def random_numbers(n):
    """Each device draws its own; the state goes on as one."""
    cuobjax.random.seed(3)
    f = Parallel(lambda x: cuobjax.random.uniform((1, 3)) + 0 * x)
    x = jn.zeros((n, 1))[processes.current().part(n)]
    return {0: f(x), 1: f(x), ("same", "after"): cuobjax.random.normal((4,))}


def variables(n):
    """Values that differ from device to device become one by `reduce`; replicated ones do so in the end."""
    mean, count = cuobjax.StateVar(jn.zeros(3)), cuobjax.StateVar(jn.array(0), reduce=lambda x: x.sum(0))
    weights = cuobjax.TrainVar(jn.ones(4))

    def f(x):
        mean.value = mean.value + x[0]
        count.value = count.value + 1 + parallel.axis_index()
        weights.assign(weights.value * x[0, 0])
        return x

    x = rng(8).normal(size=(n, 3)).astype("float32")
    Parallel(f)(shared(x))
    once = [v.value for v in (mean, count, weights)]
    vc = cuobjax.VarCollection({"m": mean, "w": weights})
    with vc.replicate():
        Parallel(f)(shared(x))
        Parallel(f)(shared(x))
    return {("same", i): x for i, x in enumerate([*once, mean.value, count.value, weights.value])}


def around(n):
    """Programs around Parallel compare what all devices have written; on the first one that may be a constant."""
    mean, total = cuobjax.StateVar(jn.ones(3)), cuobjax.StateVar(jn.ones(3), reduce=lambda x: x.sum(0))
    first, kept = cuobjax.StateVar(jn.ones(3), reduce=reduce_first), cuobjax.StateVar(jn.ones(3), reduce=None)

    @cuobjax.Jit
    @Parallel
    def one(x):
        mean.value = mean.value * 2 if parallel.axis_index() else jn.full(3, 5.0, "float32")
        return x * mean.value.sum()

    @cuobjax.Jit
    @Parallel
    def several(x):
        total.value = total.value + x[0]
        first.value = first.value + parallel.axis_index()
        kept.value = kept.value * 2
        return x * kept.value

    found = {}
    for i in range(3):
        x = jn.array(shared(rng(i).normal(size=(n, 3)).astype("float32")))
        found |= {("one", i): one(x), ("several", i): several(x)}
        found |= {("same", i, k): v.value for k, v in enumerate((mean, total, first, kept))}
    return found


def trainer(folder, make):
    """What a training run consists of, whose optimizer `make` makes: all its variables, a step, its checkpoints."""
    rows = 12
    x, y = rng(11).normal(size=(rows, 6)).astype("float32"), rng(12).normal(size=(rows, 3)).astype("float32")
    net = cuobjax.nn.Sequential([cuobjax.nn.Linear(6, 7), jn.tanh, cuobjax.nn.Linear(7, 3)])
    optimizer = make(net.vars())
    gradients = cuobjax.GradValues(lambda x, y: ((net(x) - y) ** 2).mean(), net.vars())

    @Parallel
    def step(x, y):
        g, v = gradients(x, y)
        optimizer(0.05, g)
        return parallel.pmean(v[0])[None]

    checkpoint = cuobjax.io.Checkpoint(folder, keep_ckpts=0, verbose=False)
    return cuobjax.ModuleList([net, optimizer]).vars(), lambda: step(*shared(x, y)), checkpoint


def begin(folder):
    """Two steps on one device with an optimizer alone, as checkpoint 1."""
    variables, step, checkpoint = trainer(folder, cuobjax.optimizer.Adam)
    step(), step()
    checkpoint.save(variables, 1)


def sharded(n, folder):
    """Steps with states that are shared out among all devices, which go on from files of other numbers of them."""
    make = lambda vc: cuobjax.optimizer.Sharded(vc, cuobjax.optimizer.Adam)
    variables, step, checkpoint = trainer(folder, make)
    checkpoint.restore(variables, 1)
    found = {("loss", i): step() for i in range(2)}
    checkpoint.save(variables, 2)
    found |= {("same", name): v.value for name, v in variables.items()}
    again = [step() for _ in range(2)]
    for v in variables:
        v.assign(v.value * 0)
    assert checkpoint.restore(variables)[0] == 2
    for loss in again:
        np.testing.assert_array_equal(step(), loss)
    states, own = (
        [part for v in variables for part in v.storing() if part.member is not None],
        processes.current().part(n),
    )
    assert {v.member for v in states} == set(range(n)[own])
    rows = [-(-v.size // n) for v in variables.subset(cuobjax.TrainRef)]
    assert sum(v.size for v in states if v.shape) == 2 * len(range(n)[own]) * sum(rows)
    return found


SCENARIOS = [collectives, derivatives, training, meanwhile, random_numbers, variables, around]


def results(n, folder):
    """The results of all scenarios for n devices, as NumPy's arrays: {scenario: {name: arrays}}."""
    found = {scenario.__name__: scenario(n) for scenario in SCENARIOS} | {"sharded": sharded(n, folder)}
    return autograd.tree.tree_map(np.asarray, found)


if __name__ == "__main__":
    folder, *counts = sys.argv[1:]
    place = int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ["PMI_RANK"])
    os.environ["CUOBJAX_CPU_DEVICES"] = counts[place]
    distributed.initialize(60)
    found = results(sum(processes.current().counts), folder)
    with open(os.path.join(folder, str(distributed.rank())), "wb") as file:
        pickle.dump(found, file)
