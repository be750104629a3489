"""Properties of Jit: random programs of arrays, variables, random numbers and exceptions run as they do without it."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, device_put, grad, jvp, vmap
from cuobjax import GradValues, RandomState, StateVar, TrainVar, VarCollection
from cuobjax.transforms.jit import Jit
from tests.properties.test_transformations import COMPLEX, REAL, close, programs

pytestmark = pytest.mark.usefixtures("on_the_cpu")


class Failure(Exception):
    pass


def on_host(x):
    return np.asarray(device_put(x, "cpu") if isinstance(x, Array) else x)


class World:
    """The variables of a program."""

    def __init__(self):
        self.w = TrainVar(jn.array(np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)))
        self.s = StateVar(jn.full((2, 3), 0.25))
        self.n = StateVar(jn.zeros((), "int32"))
        self.key = RandomState(3)

    def vars(self):
        return VarCollection({"w": self.w, "s": self.s, "n": self.n, "key": self.key})

    def values(self):
        return [on_host(v.value) for v in self.vars()]


# Statements of a program: they see the variables, an array x (2, 3) and a Python number, and return the next x.
STATEMENTS = {
    "multiply": lambda world, x, number: x * world.w.value,
    "number": lambda world, x, number: x * (number * 0.5 - 1) + number,
    "state": lambda world, x, number: x + world.s.value,
    "tanh": lambda world, x, number: jn.tanh(x),
    "transposes": lambda world, x, number: (x.T @ x)[:2] * 0.1,
    "slices": lambda world, x, number: jn.concatenate([x[:, 1:], x[:, :1]], 1),
    "broadcast": lambda world, x, number: jn.broadcast_to(x.mean(0), (2, 3)) * x,
    "where": lambda world, x, number: jn.where(x > number, x, world.w.value),
    "gather": lambda world, x, number: x[jn.argsort(x.sum(1))],
    "normalise": lambda world, x, number: (x - x.mean()) / (x.std() + 1),
    "view": lambda world, x, number: x.reshape(3, 2).T,
    "view beside": lambda world, x, number: (lambda y, t: jn.tanh(y) + t)(*(lambda y: (y, y[::-1]))(x * 1.5)),
    "softmax": lambda world, x, number: cuobjax.functional.softmax(x),
    "update": lambda world, x, number: x + world.s.value.at[0].add(x[1]),
    "write state": lambda world, x, number: (world.s.assign(x * 0.5), x)[1],
    "add to state": lambda world, x, number: (world.s.assign(world.s.value + x * number), x)[1],
    "count": lambda world, x, number: (world.n.assign(world.n.value + 1), x * world.n.value.astype("float32"))[1],
    "write parameter": lambda world, x, number: (world.w.assign(world.w.value * 0.5 + 0.1), x)[1],
    "keep input": lambda world, x, number: (world.s.assign(x), x)[1],
    "inner jit": lambda world, x, number: Jit(lambda y: y * world.w.value + world.s.value)(x),
    "inner gradient": lambda world, x, number: GradValues(
        lambda y: jn.sum(jn.sin(y * world.w.value)), VarCollection({"w": world.w}), input_argnums=(0,)
    )(x)[0][0],
    "remat": lambda world, x, number: cuobjax.Remat(lambda y: jn.tanh(y * world.w.value))(x),
}


def drawn(world):
    return cuobjax.random.uniform((2, 3), generator=lambda: world.key.split(1)[0])


STATEMENTS["draw"] = lambda world, x, number: x + drawn(world)


def run(world, names, wrap, calls):
    """The outputs of calls, or the names of exceptions, and the variables after each."""

    def program(x, number, fail):
        outputs = [x]
        for name in names:
            x = STATEMENTS[name](world, x, number)
            outputs.append(x)
        if fail:
            raise Failure
        return outputs, number * 2, x.sum()

    f, log = wrap(program), []
    for scale, number, fail in calls:
        x = np.linspace(-1, 2, 6, dtype="float32").reshape(2, 3) * np.float32(scale)
        try:
            outputs, number, total = f(jn.asarray(x), number, fail)
            log += [on_host(y) for y in (*outputs, number, total)]
        except Failure:
            log.append(np.asarray(-1))
        log += world.values()
    return log


CALLS = st.lists(
    st.tuples(st.sampled_from((1.0, -0.5, 0.25)), st.sampled_from((0.5, -0.25, 2, 3)), st.booleans()),
    min_size=2, max_size=5,
)  # fmt: skip
NAMES = st.lists(st.sampled_from(sorted(STATEMENTS)), min_size=1, max_size=7)


@given(NAMES, CALLS, st.booleans())
def test_programs_with_variables(xp, names, calls, listed):
    worlds = World(), World()
    expected = run(worlds[0], names, unjitted, calls)
    got = run(worlds[1], names, lambda f: Jit(f, worlds[1].vars() if listed else None), calls)
    for a, b in zip(got, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if xp is np:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(a, b)


def unjitted(f):
    """What Jit does beside recording: arrays come as Arrays, and an exception changes nothing."""
    from cuobjax.core.call import call
    from cuobjax.core.scope import write

    def run(x, *args):
        output, changes, _ = call(f, (x, *args), {})
        write(changes)
        return output

    return run


@pytest.mark.usefixtures("float64_by_default")
@given(programs(REAL + COMPLEX))
def test_programs_of_arrays(drawn):
    program, x, t, dtype = drawn
    jitted = Jit(program)
    for value in (x, t, x):
        close(jitted(value), program(Array(value)), dtype)


@pytest.mark.usefixtures("float64_by_default")
@given(programs(("float64",)))
def test_nestings(drawn):
    """Derivatives of a Jit and a Jit of derivatives, both when they are recorded and when they run."""
    program, x, t, dtype = drawn
    x, t = Array(x.copy()), Array(t)

    def loss(x):
        y = program(x)
        return anp.sum(y * y)

    jitted, lanes = Jit(loss), anp.stack([x, t])
    gradient, both = grad(loss), Jit(grad(Jit(loss)))
    forward, mapped = Jit(lambda x, t: jvp(grad(loss), x, t)), Jit(vmap(grad(loss)))
    for _ in range(2):
        close(grad(jitted)(x), gradient(x), dtype)
        close(both(x), gradient(x), dtype)
        close(forward(x, t)[1], jvp(gradient, x, t)[1], dtype)
        close(mapped(lanes), vmap(gradient)(lanes), dtype)
        close(vmap(jitted)(lanes), vmap(loss)(lanes), dtype)


# Operations on matrices (r, c) or (c, r), with the other one as a second operand where they need one.
ON_MATRICES = {
    "tanh": lambda x, y: jn.tanh(x),
    "transpose": lambda x, y: x.T,
    "reshape": lambda x, y: x.reshape(x.shape[::-1]),
    "multiply": lambda x, y: x * (y if x.shape == y.shape else y.T),
    "add": lambda x, y: x + (y if x.shape == y.shape else y.T),
    "product": lambda x, y: jn.tanh((x @ (y if x.shape[1] == y.shape[0] else y.T)).sum()) * x,
    "center": lambda x, y: x - x.mean(0),
    "row sums": lambda x, y: x - 0.01 * x.sum(1, keepdims=True),
}
LAYOUTS = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "backwards": lambda x: x[::-1],
    "with gaps": lambda x: np.repeat(x, 2, 1)[:, ::2],
}


@given(
    st.sampled_from([(3, 17), (17, 64), (130, 3)]),
    st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(sorted(ON_MATRICES)), st.integers(0, 9), st.integers(0, 9)), max_size=8),
)
@example((17, 64), ["columns"], [("transpose", 0, 0), ("row sums", 1, 0)])
@example(
    (3, 17),
    ["backwards"],
    [("transpose", 0, 0), ("center", 0, 0), ("center", 0, 0), ("row sums", 1, 0), ("product", 1, 1)],
)
@example(
    (130, 3), ["with gaps", "columns"], [("row sums", 0, 2), ("center", 3, 0), ("transpose", 2, 0), ("row sums", 2, 3)]
)
@example(
    (130, 3),
    ["columns"],
    [("reshape", 2, 0), ("center", 3, 0), ("tanh", 3, 0), ("product", 0, 1), ("product", 2, 1), ("product", 2, 3)],
)
def test_layouts_of_arguments(shape, layouts, steps):
    """Sums add in the order that arrays have in memory, so a program must get them, and lay them out, as eager code."""
    rng = np.random.default_rng(len(steps))
    arrays = [LAYOUTS[name](rng.standard_normal(shape).astype("float32")) for name in layouts]

    def f(*values):
        values = list(values)
        for name, i, j in steps:
            values.append(ON_MATRICES[name](values[-1 - i % len(values)], values[-1 - j % len(values)]))
        return sum(jn.tanh(x).sum() for x in values[-3:])

    gradients = GradValues(f, VarCollection(), tuple(range(len(arrays))))

    def bits(function):
        return [np.asarray(x).tobytes() for x in (*function(*arrays)[0], *function(*arrays)[1])]

    expected, program = bits(gradients), Jit(gradients)
    assert [bits(program) for _ in range(3)] == [expected] * 3
