"""Random programs of arrays and variables, within random compositions of transforms, against plain loops.

A program is a list of statements, some of which run another program through a transform. `Variables` runs it with
cuobjax; `Model` runs the same operations on a dictionary of values: lanes and devices are a loop, a gradient is that of
a function without variables, and the other transforms change nothing.
"""

import os
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuobjax
import cuobjax.numpy as jn
from autograd import value_and_grad
from autograd.ops.random import split as split_key
from cuobjax import GradValues, Jit, Parallel, RandomState, Remat, StateVar, TrainVar, VarCollection, Vectorize
from cuobjax.core.scope import innermost
from cuobjax.transforms.functional_call import functional_call

pytestmark = [
    pytest.mark.usefixtures("on_the_cpu"),
    pytest.mark.filterwarnings("ignore:.*depends on none of the variables"),
]
START = {
    "m": np.linspace(-1, 1, 9).reshape(3, 3),
    "w": np.array([0.5, -1.0, 0.75]),
    "s": np.array([0.25, 0.5, -0.5]),
    "total": np.array(0.125),
    "n": np.array(0, "int32"),
}
TRAINED = ("m", "w")
REDUCE = dict.fromkeys(START, lambda x: x.mean(0)) | {"total": lambda x: x.sum(0), "s": lambda x: x[0] * 0.5 + x[-1]}


def array(x):
    return jn.array(x, x.dtype)


class Shared:
    """What both do: `values`, a mapping from names to arrays, and programs."""

    def run(self, program, x, number):
        for kind, *parts in program:
            if kind in STATEMENTS:
                x = STATEMENTS[kind](self, x, number)
            else:
                x = getattr(self, kind)(*parts, x, number)
        return x

    def uniform(self, shape):
        return cuobjax.random.uniform(shape, dtype="float64", generator=self.key)

    def dropout(self, x):
        return cuobjax.nn.Dropout(0.75, self.key)(x, training=True)


class Values:
    """The values of variables by name."""

    def __init__(self, variables):
        self.variables = variables

    def __getitem__(self, name):
        return self.variables[name].value

    def __setitem__(self, name, x):
        self.variables[name].assign(x)


class Variables(Shared):
    """cuobjax; each transform is made once for all calls."""

    def __init__(self):
        variables = {name: TrainVar if name in TRAINED else StateVar for name in START}
        self.variables = {name: kind(array(START[name]), REDUCE[name]) for name, kind in variables.items()}
        self.state, self.made = RandomState(5), {}
        self.values = Values(self.variables)
        self.all = VarCollection({**self.variables, "key": self.state})

    def key(self):
        return self.state.split(1)[0]

    def transform(self, program, make):
        """What `make` makes of the function that runs a program: one for each program."""
        if id(program) not in self.made:
            self.made[id(program)] = make(lambda x, number: self.run(program, x, number))
        return self.made[id(program)]

    def jit(self, listed, program, x, number):
        return self.transform(program, lambda f: Jit(f, self.all if listed else None))(x, number)

    def remat(self, program, x, number):
        return self.transform(program, Remat)(x, number)

    def lanes(self, program, x, number):
        return self.transform(program, lambda f: Vectorize(f, batch_axis=(0, None)))(x, number)

    def devices(self, program, x, number):
        return self.transform(program, Parallel)(x, number)

    def gradient(self, step, program, x, number):
        gradients = self.transform(program, lambda f: GradValues(lambda *args: loss(f(*args)), self.all, (0,)))
        (of_x, *gradients), (value, y) = gradients(x, number)
        return stepped(self, step, of_x, gradients, value, y)

    def functional(self, name, program, x, number):
        f = self.transform(program, lambda f: cuobjax.Function(f, VarCollection(self.variables)))
        of_f = dict(zip(START, f.vars().keys(), strict=True))
        y, changes = functional_call(f, {of_f[name]: other(self.values[name])}, x, number, with_changes=True)
        return y + summed([changes[of_f[name]] for name in START if of_f[name] in changes])

    def held(self):
        assert innermost.get() is None
        return {name: v.stored for name, v in self.variables.items()}, self.state.stored


class Model(Shared):
    """Loops over a dictionary of values."""

    def __init__(self, devices):
        self.values = Written({name: array(x) for name, x in START.items()})
        self.state, self.drawn, self.number_of_devices = array(np.array([0, 5], np.uint32)), False, devices

    def key(self):
        self.state, key = split_key(self.state, n=1)
        self.drawn = True
        return key

    def jit(self, listed, program, x, number):
        return self.run(program, x, number)

    def remat(self, program, x, number):
        return self.run(program, x, number)

    def lanes(self, program, x, number):
        return jn.stack(self.each(program, list(x), number))

    def devices(self, program, x, number):
        return jn.concatenate(self.each(program, jn.split(x, self.number_of_devices), number))

    def each(self, program, parts, number):
        """The outputs for parts of a batch, each of which begins with the same values and with a key of its own."""
        entered, before, drawn = self.values, self.state, self.drawn
        after, *keys = split_key(before, n=len(parts))
        outputs, lanes, self.drawn = [], [], False
        for part, self.state in zip(parts, keys, strict=True):
            self.values = Written(entered)
            outputs.append(self.run(program, part, number))
            lanes.append(self.values)
        self.values, self.state, self.drawn = entered, after if self.drawn else before, self.drawn or drawn
        for name in lanes[0].names:
            reduced = REDUCE[name](jn.stack([lane[name] for lane in lanes]))
            self.values[name] = jn.rint(reduced).astype("int32") if name == "n" else reduced
        return outputs

    def gradient(self, step, program, x, number):
        entered = self.values

        def run(x, *trained):
            self.values = Written({**entered, **dict(zip(TRAINED, trained, strict=True))})
            value, y = loss(self.run(program, x, number))
            return value, (y, {name: self.values[name] for name in self.values.names})

        f = value_and_grad(run, (0, 1, 2), has_aux=True)
        (value, (y, changes)), (of_x, *gradients) = f(x, *(entered[name] for name in TRAINED))
        self.values = entered
        for name, changed in changes.items():
            self.values[name] = changed
        return stepped(self, step, of_x, gradients, value, y)

    def functional(self, name, program, x, number):
        entered = self.values
        self.values = Written({**entered, name: other(entered[name])})
        y = self.run(program, x, number)
        changes = [self.values[name] for name in START if name in self.values.names]
        self.values = entered
        return y + summed(changes)

    def held(self):
        return self.values, self.state


class Written(dict):
    """A dictionary that knows the `names` to which something was assigned."""

    def __init__(self, values):
        super().__init__(values)
        self.names = {}

    def __setitem__(self, name, x):
        super().__setitem__(name, x)
        self.names[name] = True


def loss(y):
    return jn.sin(y).sum() * 0.25, y


def other(value):
    """What `functional_call` gives a variable in place of a value."""
    return value + 1 if value.dtype.kind == "i" else value * 0.5 + 0.1


def stepped(machine, step, of_x, gradients, value, y):
    """The output of a gradient, which may be a step of training."""
    if step:
        for name, g in zip(TRAINED, gradients, strict=True):
            machine.values[name] = jn.tanh(machine.values[name] - 0.1 * g)
    return jn.tanh(y + of_x * 0.5 + sum(g.sum() for g in gradients) * 0.125 + value)


def summed(values):
    return sum(jn.tanh(x.sum()) for x in values)


def assigned(name, value):
    """A statement that assigns to a variable."""

    def statement(m, x, number):
        m.values[name] = value(m, x, number)
        return x

    return statement


def normalised(m, x, number):
    """A BatchNorm over all but the last axis, with a running mean."""
    rows = x.reshape(-1, 3)
    mean, variance = rows.mean(0), rows.var(0)
    m.values["s"] = m.values["s"] * 0.75 + mean * 0.25
    return (x - mean) / jn.sqrt(variance + 1)


# Statements: they see the values of variables, an array x of shape (..., 3) and a Python number, and return the next x.
STATEMENTS = {
    "multiply": lambda m, x, number: x * m.values["w"],
    "matmul": lambda m, x, number: jn.tanh(x @ m.values["m"]),
    "state": lambda m, x, number: x + m.values["s"] * 0.5,
    "total": lambda m, x, number: x - jn.tanh(m.values["total"]),
    "number": lambda m, x, number: x * (number * 0.25 - 0.5) + number,
    "power": lambda m, x, number: jn.tanh(x) ** 2 - 0.5,
    "reverse": lambda m, x, number: x[..., ::-1] * 0.75,
    "roll": lambda m, x, number: jn.concatenate([x[..., 1:], x[..., :1]], -1),
    "views": lambda m, x, number: x.reshape(-1)[::-1].reshape(x.shape) + x.T.T * 0.5,
    "set": lambda m, x, number: x.at[..., 0].set(x[..., 1] * number),
    "add at": lambda m, x, number: x.at[..., np.array([0, 0, 2])].add(m.values["w"]),
    "take": lambda m, x, number: jn.take(x, m.values["n"] % 3, -1)[..., None] + x,
    "where": lambda m, x, number: jn.where(jn.sin(5 * x + 0.1234) > 0.3579, x, m.values["w"]),
    "choose": lambda m, x, number: jn.where(m.values["n"] % 2 == 0, jn.sin(x), x * 0.5),
    "softmax": lambda m, x, number: cuobjax.functional.softmax(x) + 0.25 * x,
    "cumsum": lambda m, x, number: jn.cumsum(x, -1) * 0.5,
    "products": lambda m, x, number: x + jn.prod(jn.tanh(x), -1, keepdims=True),
    "einsum": lambda m, x, number: jn.tanh(jn.einsum("...i,ij,...j->...", x, m.values["m"], x))[..., None] * x,
    "mean": lambda m, x, number: x - x.mean(),
    "normalise": normalised,
    "draw": lambda m, x, number: x + m.uniform((3,)),
    "drop": lambda m, x, number: m.dropout(x),
    "count": assigned("n", lambda m, x, number: m.values["n"] + 1),
    "write state": assigned("s", lambda m, x, number: jn.tanh(x.reshape(-1, 3)[0])),
    "write total": assigned("total", lambda m, x, number: m.values["total"] * 0.5 + jn.tanh(x.sum()) + number * 0.125),
    "write row": assigned("m", lambda m, x, number: m.values["m"].at[1].set(jn.tanh(m.values["w"]))),
    "write parameter": assigned("w", lambda m, x, number: jn.tanh(m.values["w"] * 0.5 + x.reshape(-1, 3).mean(0))),
    "draw state": assigned("s", lambda m, x, number: m.values["s"] * 0.5 + m.uniform((3,))),
}  # fmt: skip
SIMPLE = st.tuples(st.sampled_from(sorted(STATEMENTS)))


@st.composite
def programs(draw, lengths, devices, depth, again):
    """A program for arrays of shape (*lengths, 3).

    Args:
        lengths: The lengths of all axes but the last.
        devices: The number of devices.
        depth: How many transforms may be around one another.
        again: Statements for arrays of any shape, which may run in several places.
    """
    statements = []
    for _ in range(draw(st.integers(1, 4 if depth else 3))):
        parts = dict.fromkeys(OPTIONS, lengths)
        if lengths:
            parts["lanes"] = lengths[1:]
            if lengths[0] % devices == 0:
                parts["devices"] = (lengths[0] // devices, *lengths[1:])
        kind = draw(st.sampled_from(["simple", *["again"] * bool(again), *(parts if depth else ())]))
        if kind in ("simple", "again"):
            statements.append(draw(SIMPLE if kind == "simple" else st.sampled_from(again)))
            continue
        body = draw(programs(parts[kind], devices, depth - 1, again))
        statements.append((kind, *draw(OPTIONS.get(kind, st.just(()))), body))
        if takes_any(statements[-1]):
            again.append(statements[-1])
    return statements


OPTIONS = {
    "jit": st.tuples(st.booleans()),
    "remat": st.just(()),
    "gradient": st.tuples(st.booleans()),
    "functional": st.tuples(st.sampled_from(sorted(START))),
}


def takes_any(statement):
    """Whether a statement takes arrays of any shape."""
    kind, *_, body = statement if len(statement) > 1 else (*statement, ())
    return kind not in ("lanes", "devices") and all(map(takes_any, body))


@st.composite
def cases(draw):
    devices = draw(st.integers(1, 3))
    return draw(programs((6, 2), devices, 3, [])), devices


NUMBERS = st.lists(st.sampled_from((0.5, -0.25, 2, 3)), min_size=2, max_size=3)


@given(cases(), NUMBERS)
def test_compositions_are_loops(case, numbers):
    program, devices = case
    variables, model = Variables(), Model(devices)
    with mock.patch.dict(os.environ, CUOBJAX_CPU_DEVICES=str(devices)):
        for i, number in enumerate(numbers):
            x = array(np.random.default_rng(i).normal(size=(6, 2, 3)))
            close(variables.run(program, x, number), model.run(program, x, number))
            (got, key), (expected, expected_key) = variables.held(), model.held()
            for name, value in got.items():
                assert type(value) is cuobjax.Array
                close(value, expected[name])
            np.testing.assert_array_equal(key, expected_key)


def close(got, expected):
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)
