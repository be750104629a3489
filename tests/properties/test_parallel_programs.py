"""Random functions under `Parallel` leave the bits of eager code in every variable, with `Jit` inside or around."""

import numpy as np
import pytest

import cuobjax.numpy as jn
from autograd import backend, tree
from cuobjax import GradValues, Jit, Parallel, StateVar, TrainVar, Vectorize, random
from cuobjax.core.variable import reduce_first
from cuobjax.functional import parallel

pytestmark = [pytest.mark.usefixtures("xp"), pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")]


class World:
    """Variables of all kinds, and a random function that reads and writes them on each device."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        values = (rng.integers(-8, 8, size=(5, 3)) / 3).astype("f4")
        shared = jn.array(values[4])
        self.variables = [
            TrainVar(values[0]), StateVar(values[1], reduce=reduce_first), StateVar(values[2], reduce=None),
            StateVar(values[3], reduce=lambda x: x.sum(0)), StateVar(shared), StateVar(shared),
            StateVar(np.array([3, 5, 7], "i4")), StateVar(np.array([1, 0, 2], "f2")), StateVar(np.array(True)),
        ]  # fmt: skip
        self.generator = random.Generator(seed)
        self.statements = rng.integers(0, 100, size=(rng.integers(1, 6), 4)).tolist()
        self.compiled = False

    def f(self, x):
        """Runs the statements on a device; as eager code or a program of its own."""
        for kind, i, j, number in self.statements:
            v, w = self.variables[i % 9], self.variables[j % 9]
            getattr(self, KINDS[kind % len(KINDS)])(v, w, number % 5 - 2, x)
        return x * self.variables[0].value.sum() + parallel.psum(x).sum()

    def adds(self, v, w, number, x):
        v.assign((v.value + number + parallel.psum(x).sum()).astype(v.dtype))

    def doubles(self, v, w, number, x):
        v.assign((v.value * 2).astype(v.dtype))

    def differs(self, v, w, number, x):
        if parallel.axis_index() >= number:
            v.assign((v.value + parallel.axis_index()).astype(v.dtype))

    def takes(self, v, w, number, x):
        if (v.shape, v.dtype) == (w.shape, w.dtype):
            v.assign(w.value)

    def means(self, v, w, number, x):
        v.assign(parallel.pmean(v.value).astype(v.dtype))

    def draws(self, v, w, number, x):
        v.assign((v.value + random.uniform(v.shape, generator=self.generator)).astype(v.dtype))

    def keeps(self, v, w, number, x):
        v.assign(v.value)

    def trains(self, v, w, number, x):
        v = self.variables[0]
        ((g,), _) = GradValues(lambda: ((v.value * x.sum()) ** 2).sum() * w.value.sum().astype("f4"), {"v": v})()
        v.assign(v.value - 0.01 * parallel.pmean(g))

    def zeros(self, v, w, number, x):
        v.assign((jn.zeros(v.shape) * (-1 if parallel.axis_index() % 2 else 1)).astype(v.dtype))

    def state(self):
        return [np.asarray(v.value) for v in (*self.variables, *self.generator.vars())]


KINDS = "adds doubles differs takes means draws keeps trains zeros".split()


def twice(world):
    step = Parallel(world.f)

    def both(x):
        y = step(x)
        world.variables[4].assign(world.variables[4].value + y.sum())
        return step(x) + y

    return both


AROUND = {
    "around": lambda world, jit: jit(Parallel(world.f)),
    "inside": lambda world, jit: Parallel(jit(world.f)),
    "twice": lambda world, jit: jit(twice(world)),
    "lanes inside": lambda world, jit: jit(Parallel(Vectorize(lambda x: world.f(x)))),
    "lanes around": lambda world, jit: jit(Vectorize(Parallel(world.f))),
    "gradient around": lambda world, jit: jit(
        GradValues(lambda x: Parallel(world.f)(x).sum(), {"v": world.variables[0]})
    ),
    "reduced": lambda world, jit: jit(Parallel(lambda x: world.f(x).sum(), reduce=lambda x: x.mean(0))),
}


def bits(x):
    x = np.asarray(x)
    return x.dtype, x.shape, x.tobytes()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("way", AROUND)
def test_programs_leave_the_bits_of_eager_code(monkeypatch, way, seed):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    n = len(backend.local_devices())
    seed = 100 * list(AROUND).index(way) + seed
    rng = np.random.default_rng(seed)
    eager, ours = World(seed), World(seed)
    calls = AROUND[way](eager, lambda f: f), AROUND[way](ours, Jit)
    for number in range(4):
        rows = n * (2 if number == 2 else 1)
        x = (rng.integers(-4, 5, size=(2, rows) if way == "lanes around" else rows) / 2).astype("f4")
        if number == 3:
            for world in (eager, ours):
                world.variables[1].assign(np.zeros(3, "f4"))
        found = []
        for world, call in zip((eager, ours), calls, strict=True):
            before = world.state()
            try:
                found.append([bits(y) for y in tree.flatten(call(jn.array(x)))[0]])
            except ValueError as error:
                found.append("has no reduce" if "has no reduce" in str(error) else repr(error))
            if found[-1] == "has no reduce":
                assert list(map(bits, world.state())) == list(map(bits, before))
        assert found[0] == found[1]
        assert list(map(bits, eager.state())) == list(map(bits, ours.state()))
