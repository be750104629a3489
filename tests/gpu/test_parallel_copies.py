"""Parallel on several GPUs: variables stay on each of them from call to call, and nobody sees that."""

import itertools
from collections import Counter

import numpy as np
import pytest

import autograd
import cuobjax.numpy as jn
from autograd import Array, Device, backend, copies
from autograd.kernels.fingerprint import fingerprints
from cuobjax import GradValues, Jit, Parallel, StateVar, TrainVar, functional, nn, optimizer
from cuobjax.core import everywhere
from cuobjax.core.variable import reduce_first
from cuobjax.functional import parallel
from tests.cuobjax.test_collectives import StandIn

pytestmark = pytest.mark.gpu


@pytest.fixture
def gpus(cupy):
    """Several GPUs; the first one is the default."""
    with autograd.device("gpu:0"):
        found = backend.local_devices()
        if len(found) == 1:
            pytest.skip("needs two GPUs")
        yield found


@pytest.fixture
def counted(monkeypatch):
    """Counts copies between GPUs, their bytes, and waits for a GPU."""
    counts, put = Counter(), Device.put

    def counting(device, raw):
        if device.kind == "gpu" and backend.is_cupy(raw) and raw.device.id != device.index:
            counts["copies"] += 1
            counts["bytes"] += raw.nbytes
        return put(device, raw)

    def waiting(function, takes=lambda *args: True):
        def wait(*args):
            counts["waits"] += bool(takes(*args))
            return function(*args)

        return wait

    monkeypatch.setattr(Device, "put", counting)
    monkeypatch.setattr(Device, "synchronize", waiting(Device.synchronize))
    monkeypatch.setattr(backend, "synchronize", waiting(backend.synchronize, backend.is_cupy))
    monkeypatch.setattr(everywhere, "fingerprints", waiting(everywhere.fingerprints))
    return counts


def network():
    layers = [nn.Linear(8, 16), functional.tanh, nn.Linear(16, 16), functional.tanh, nn.Linear(16, 4)]
    return nn.Sequential(layers)


def step_of(net):
    update = optimizer.Adam(net.vars())
    loss = lambda x, y: functional.loss.cross_entropy_logits(net(x), y).mean()
    gradients = GradValues(loss, net.vars())

    def step(x, y):
        g, values = parallel.pmean(gradients(x, y))
        update(0.01, g)
        return values[0]

    return step, net.vars() + update.vars()


@pytest.mark.parametrize("program", ["", "inside", "around"])
@pytest.mark.parametrize("library", [False, True])
def test_only_the_batch_and_the_gradients_move(gpus, counted, monkeypatch, program, library):
    """Copies between GPUs in a step, with and without NVIDIA's library of collective operations."""
    monkeypatch.setattr(backend, "nccl", lambda: StandIn if library else None)
    net, others = network(), len(gpus) - 1
    step, variables = step_of(net)
    train = Parallel(Jit(step, variables) if program == "inside" else step, reduce=lambda losses: losses[0])
    train = Jit(train) if program == "around" else train
    x, y = np.ones((4 * len(gpus), 8), "f4"), np.eye(4, dtype="f4")[np.arange(4 * len(gpus)) % 4]
    parameters = 4 * (1 + sum(v.size for v in net.vars()))  # and the loss
    sums = 2 * (not library or program == "around")  # copies, which programs around Parallel make of collectives
    for batch, moved in ((x, y), program == "around"), ((jn.array(x), jn.array(y)), True):  # a Jit takes it to a GPU
        for number in range(4):
            counted.clear()
            train(*batch)
            if number < 2:  # the first call and, in a program, its recording
                continue
            assert counted["copies"] == others * (2 * moved + sums)
            shares = (x.nbytes + y.nbytes) // len(gpus)
            assert counted["bytes"] == others * (shares * moved + parameters * sums)
            assert counted["waits"] == len(gpus)
    for v in variables:
        copies_of_it = copies._known[id(v.value)][1]
        assert {device: x.device for device, x in copies_of_it.items()} == {gpu: gpu for gpu in gpus[1:]}


@pytest.mark.parametrize("program", ["", "inside", "around"])
def test_results_of_collectives_are_not_taken_for_one_another(gpus, program):
    """Where devices return different ones of the same shape, or parts of one at different places."""

    def f(x):
        first, second = parallel.psum(x.sum()), parallel.psum(2 * x.sum())
        mean = parallel.pmean(x.sum())
        parts = [first + k for k in range(5)]
        rank = parallel.axis_index()
        ends = (0, 1, 3, 5) if rank else (0, 2, 4, 5)
        pieces = parallel.pmax([jn.stack(parts[i:j]) for i, j in itertools.pairwise(ends)])
        either = (parallel.psum if rank else parallel.pmean)(x.sum())  # which adds up in either case
        return second if rank else first, mean if rank else second, pieces[1], mean + rank, either

    step = Parallel(Jit(f) if program == "inside" else f, reduce=lambda x: x)
    step = Jit(step) if program == "around" else step
    x = np.arange(len(gpus), dtype="f4")
    total, others = x.sum(), len(gpus) - 1
    for _ in range(3):
        found = [np.asarray(y) for y in step(x)]
        np.testing.assert_array_equal(found[0], [total] + [2 * total] * others)
        np.testing.assert_allclose(found[1], [2 * total] + [total / len(gpus)] * others)
        np.testing.assert_array_equal(found[2], [[total + 2, total + 3]] + [[total + 1, total + 2]] * others)
        np.testing.assert_allclose(found[3], total / len(gpus) + np.arange(len(gpus)))
        np.testing.assert_allclose(found[4], [total / len(gpus)] + [total] * others)


def test_programs_around_know_copies_of_values_that_differ(gpus, counted):
    """They are reduced on one GPU: a copy of each variable to it and one back for each other GPU, one of the output."""
    mean, first, total = StateVar(jn.ones(64)), StateVar(jn.ones(64), reduce=reduce_first), StateVar(jn.ones(64), sum)

    def f(x):
        for v in (mean, first, total):
            v.assign(v.value + x.sum())
        return x

    eager, program = Parallel(f), Jit(Parallel(f))
    for call in (eager, program):
        for _ in range(4):
            counted.clear()
            call(np.arange(len(gpus), dtype="f4"))
        batch = call is program
        assert counted["copies"] == (len(gpus) - 1) * (3 * 2 + 1 + batch)
        assert counted["waits"] == len(gpus)


def test_a_program_of_two_steps_moves_what_two_programs_do(gpus, counted):
    v = StateVar(jn.ones(3))

    def f(x):
        v.assign(v.value * 2)
        return x * v.value.sum()

    step = Parallel(f)
    twice, x = Jit(lambda x: step(step(x))), jn.arange(float(len(gpus)))
    for number in range(4):
        counted.clear()
        y = twice(x)
        np.testing.assert_array_equal(np.asarray(y), np.arange(len(gpus)) * 9 * 2.0 ** (4 * number + 3))
    assert counted["copies"] == (len(gpus) - 1) * 2 * 2  # shares of the batch, outputs
    assert counted["waits"] == 2 * len(gpus)


def test_kernels_of_several_gpus_stay_apart(gpus):
    """Results of programs are on the GPUs where eager code has them, whether these reach each other's memory or not."""

    def f(*arrays):
        return [x * 2 + 1 for x in arrays] + [x.sum() * 3 for x in arrays]

    program = Jit(f)
    for n in (3, 3, 5):
        arrays = [autograd.device_put(jn.arange(float(n)) + i, gpu) for i, gpu in enumerate(gpus)]
        for got, expected in zip(program(*arrays), f(*arrays), strict=True):
            assert got.device == expected.device and got.raw.device.id == expected.device.index
            np.testing.assert_array_equal(np.asarray(got), np.asarray(expected))


def test_variables_that_nobody_writes_move_once(gpus, counted):
    net = Parallel(nn.Linear(8, 4))
    x = np.ones((2 * len(gpus), 8), "f4")
    for number in range(3):
        counted.clear()
        net(x)
        assert counted["copies"] == (len(gpus) - 1) * (3 if number == 0 else 1)  # 1: the output
        assert not counted["waits"]


def test_programs_keep_no_copies_of_what_they_move_to_or_from_the_host(gpus):
    """So a variable can be kept on the host for its size; eager code keeps none, either."""
    here, away = StateVar(jn.arange(3.0)), StateVar(autograd.device_put(jn.arange(3.0), "cpu"))
    program = Jit(lambda: (autograd.device_put(here.value, "cpu"), autograd.device_put(away.value, "gpu:0")))
    for _ in range(3):
        for x, device in zip(program(), (backend.CPU, gpus[0]), strict=True):
            assert x.device == device
            np.testing.assert_array_equal(np.asarray(x), [0, 1, 2])
    assert copies._known.keys().isdisjoint([id(here.value), id(away.value)])


def test_copies_end_with_the_value(gpus):
    net = [TrainVar(jn.ones(3))]
    f = Parallel(lambda x, net: x * net[0].value.sum(), static_argnums=1)
    x, known = np.ones((len(gpus), 1), "f4"), len(copies._known)
    for value in range(3):
        net[0].assign(jn.full(3, float(value)))
        np.testing.assert_array_equal(np.asarray(f(x, net)), np.full((len(gpus), 1), 3 * value))
        assert len(copies._known) == known + 1
    del net
    assert len(copies._known) == known


def test_fingerprints_tell_bits_apart(xp):
    if xp is np:
        pytest.skip("has no kernels")
    x = np.random.default_rng(0).normal(size=(7, 5))
    arrays = [x, x.T, x + 0, x.astype("f4"), x * 0, -x * 0, x[:0], np.roll(x, 1), x.view("i8"), x > 0, x.astype("f2")]
    found = fingerprints(xp, [xp.asarray(a) for a in arrays]).get()
    again = fingerprints(xp, [xp.asarray(np.ascontiguousarray(a)) for a in arrays]).get()
    np.testing.assert_array_equal(found, again)
    for (a, m), (b, n) in itertools.combinations(zip(arrays, found, strict=True), 2):
        assert (m == n) == (a.tobytes() == b.tobytes())


def twice(program, x):
    """What a program gives when it runs, after its recording."""
    program(x)
    return program(x)


class Program:
    """Random operations on variables, in and out of Parallel; the same for the same seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        values = self.rng.integers(-8, 8, size=(5, 3)).astype("f4")
        self.mean, self.first = TrainVar(jn.array(values[0])), StateVar(jn.array(values[1]), reduce=reduce_first)
        self.own = StateVar(jn.array(values[2]), reduce=None)
        self.sum, self.count = StateVar(jn.array(values[3]), reduce=sum), StateVar(jn.array(3, "int32"))
        self.all = [self.mean, self.first, self.own, self.sum, self.count]
        self.read = Parallel(lambda x: x * sum(v.value.sum() for v in self.all))

    def operation(self):
        """Applies one; returns what there is to see."""
        number = float(self.rng.integers(-4, 5))
        v, w = (self.all[i] for i in self.rng.choice(5, 2, replace=False))
        rank = int(self.rng.integers(0, 2))
        x = np.arange(4, dtype="f4")[:, None] + 1

        def everywhere(x):
            v.assign((v.value + number + parallel.psum(x).sum()).astype(v.dtype))
            return x * v.value.sum()

        def differently(x):
            if parallel.axis_index() >= rank:
                v.assign((v.value + parallel.axis_index()).astype(v.dtype))
            w.assign((w.value * 2).astype(w.dtype))
            return x + w.value.sum()

        def failing(x):
            v.assign((v.value + 1).astype(v.dtype))
            raise ZeroDivisionError(str(parallel.psum(x).sum()))

        def kept(x):
            v.assign(w.value.sum().astype(v.dtype) * jn.ones_like(v.value))
            return x

        inside = [everywhere, differently, failing, kept]
        chosen = [
            *[lambda f=f: Parallel(f)(x) for f in inside],
            *[lambda f=f: Parallel(Jit(f))(x) for f in inside[:1]],
            *[lambda f=f: twice(Jit(Parallel(f)), x) for f in inside],
            lambda: v.assign((v.value - number).astype(v.dtype)),
            lambda: v.assign(np.full(v.shape, number).astype(v.dtype)),
            lambda: GradValues(lambda x: everywhere_mean(x, v), {"v": v})(number),
            lambda: self.read(x),
        ]

        def everywhere_mean(x, v):
            if not isinstance(v, TrainVar):
                v.assign((v.value + x).astype(v.dtype))
            return (v.value * x).sum().astype("f4")

        try:
            found = chosen[self.rng.integers(len(chosen))]()
        except (ZeroDivisionError, ValueError) as error:
            found = type(error).__name__
        seen = autograd.tree.flatten(found)[0]
        return [np.asarray(y) if isinstance(y, Array) else y for y in (*seen, *[v.value for v in self.all])]


@pytest.mark.parametrize("seed", range(25))
def test_variables_are_those_of_devices_that_share_memory(cupy, gpus, monkeypatch, seed):
    """Against the CPU as so many devices, which has no copies."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(len(gpus)))
    if 4 % len(gpus):
        pytest.skip("4 rows for each")
    ours = Program(seed)
    with autograd.device("cpu"):
        theirs = Program(seed)
    for _ in range(15):
        got = ours.operation()
        with autograd.device("cpu"):
            expected = theirs.operation()
        for a, b in zip(got, expected, strict=True):
            if isinstance(a, str):
                assert a == b
            else:
                np.testing.assert_allclose(a, b, rtol=1e-6)
                assert a.dtype == b.dtype
        assert {str(v.device) for v in ours.all} == {"gpu:0"}
