"""Two GPUs: each computes what is on it, nothing mixes or moves by itself. Skipped where there is one."""

import contextvars
import copy
import functools
import itertools
import os
import pickle
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, DeviceError, device_put, tree
from autograd.backend import is_array
from autograd.core import library
from autograd.primitive import PRIMITIVES
from cuobjax import functional, random
from tests.autograd.table.op_table import ROWS
from tests.autograd.test_ops import differentiable, of_varied

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.gpu
HERE, THERE = autograd.Device("gpu", 0), autograd.Device("gpu", 1)


@pytest.fixture
def two(cupy):
    """CuPy, which computes on the first of two GPUs."""
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("needs two GPUs")
    with autograd.device("gpu:0"):
        yield cupy


def leaves(x):
    return [leaf.raw if isinstance(leaf, Array) else leaf for leaf in tree.flatten(x)[0]]


def same_on_both(compute):
    """Checks that `compute(put)` gives on gpu:1, of arrays that `put` puts there, what it gives on gpu:0."""
    for got, expected in zip(leaves(compute(THERE.put)), leaves(compute(HERE.put)), strict=True):
        assert (got.device.id, expected.device.id) == (1, 0)
        np.testing.assert_array_equal(got.get(), expected.get())


def ways(function, count):
    """Functions that compute the result, gradients, tangents and lanes of a function of so many arrays."""
    every = tuple(range(count))

    def loss(*args):
        squares = [anp.sum(anp.real(anp.multiply(y, anp.conj(y)))) for y in tree.flatten(function(*args))[0]]
        return functools.reduce(anp.add, squares)

    def lanes(function):
        return lambda *args: autograd.vmap(function)(*[x[None] for x in args])

    gradient = autograd.grad(loss, every)
    yield from (function, gradient, lanes(function), lanes(gradient))
    yield from (autograd.jacrev(gradient, every), autograd.jacfwd(gradient, every))
    yield lambda *args: autograd.jvp(gradient, args, args)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_operations_compute_where_their_arguments_are(two, name):
    case = next((case for case in ROWS[name] if differentiable(case)), ROWS[name][0])

    def inputs(put):
        arrays, params = case.draw(two, "float64", put.__self__)
        return [put(x) if is_array(x) else x for x in arrays], params

    def result(put):
        arrays, params = inputs(put)
        return PRIMITIVES[name](*arrays, **params)

    def derived(i, put):
        function, varied = of_varied(name, case, *inputs(put))
        return list(ways(function, len(varied)))[i](*varied)

    same_on_both(result)
    for i in range(7 if differentiable(case) else 0):
        same_on_both(functools.partial(derived, i))


def devices(*arrays):
    return [str(x.device) for x in arrays]


def created():
    """The devices of new arrays, made in several ways."""
    return set(devices(jn.ones(3), jn.zeros(3, dtype="f4"), jn.array(np.ones(3)), jn.array([1.0]), jn.arange(3) * 2,
                       jn.eye(2), random.normal((2,)), device_put(jn.ones(3), "gpu")))  # fmt: skip


def test_the_library_of_an_array_computes_where_it_is(two):
    x = THERE.put(np.diag([1.0, 2.0]))
    xp = library(x)
    for y in (xp.ones(2), xp.linalg.inv(x)):
        assert y.device.id == 1
    np.testing.assert_array_equal(xp.linalg.inv(x).get(), np.diag([1, 0.5]))


def test_functions_of_your_own_compute_where_their_arguments_are(two):
    """The current GPU is that of the arrays while a kernel of the user runs, whatever asks for it."""
    seen = []

    @autograd.primitive
    def double(x):
        seen.append((x.device.id, two.cuda.Device().id))
        return x * 2

    double.batch = lambda primitive, size, values, batched, params: primitive(*values)
    autograd.defvjp(double, lambda y, x: double)
    x, recorded = device_put(jn.ones(3), THERE), cuobjax.Jit(lambda x: double(x + 1))
    results = [
        double(x), autograd.grad(lambda x: double(x).sum())(x), *autograd.jvp(double, (x,), (x,)),
        autograd.vmap(double)(x), recorded(x), recorded(x),
    ]  # fmt: skip
    assert {str(y.device) for y in results} == {"gpu:1"}
    assert set(seen) == {(1, 1)}
    assert two.cuda.Device().id == 0


class TestDefaultDevice:
    PROGRAM = """
import threading, cuobjax, cupy
from tests.gpu.test_two_devices import created
found = [created(), {str(v.device) for v in cuobjax.nn.Linear(4, 3).vars()}, f"gpu:{cupy.ones(3).device.id}"]
thread = threading.Thread(target=lambda: found.extend([created(), f"gpu:{cupy.ones(3).device.id}"]))
thread.start(), thread.join()
with cupy.cuda.Device(0):
    found.append(created())
with cuobjax.device("cpu"):
    found.append(cuobjax.device_put(1.0, "gpu").device.id)
print(found, created())
"""

    def test_of_a_program(self, two):
        run = subprocess.run(
            [sys.executable, "-c", self.PROGRAM],
            env=os.environ | {"CUOBJAX_DEVICE": "gpu:1"}, cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        there = {"gpu:1"}
        assert run.stdout.strip() == f"{[there, there, 'gpu:1', there, 'gpu:1', {'gpu:0'}, 1]} {there}", run.stderr

    def test_the_innermost_context_chooses_it(self, two):
        for outer, inner in itertools.product(range(2), repeat=2):
            with autograd.device(f"gpu:{outer}"):
                with two.cuda.Device(inner):
                    assert created() == {f"gpu:{inner}"}
                assert created() == {f"gpu:{outer}"}
            with two.cuda.Device(outer):
                with autograd.device(f"gpu:{inner}"):
                    assert created() == {f"gpu:{inner}"} == set(devices(Array(two.ones(2))))
                assert created() == {f"gpu:{outer}"}
        assert created() == {"gpu:0"}

    def test_threads_with_a_context_of_another_one(self, two):
        with autograd.device("gpu:1"):
            context = contextvars.copy_context()
        with futures.ThreadPoolExecutor(1) as pool:
            assert pool.submit(context.run, created).result() == {"gpu:1"}
            assert pool.submit(created).result() == {"gpu:0"}

    def test_scalars_and_lists_come_to_the_arrays(self, two):
        x = Array(THERE.put(np.array([1.0, 2.0, 3.0])))
        results = [2.0**x, x * [1.0, 2.0, 3.0], jn.append(x, 4.0), jn.stack([x[0], 1.0]), jn.float_power(x, 2)]
        results += [jn.where([True, False, True], x, 0.0), jn.take(x, 5, mode="clip"), jn.pad(x, 1), x.at[0].set(5.0)]
        results += [jn.linspace(x[0], 5.0, 3), jn.full_like(x, 2.0), jn.diff(x, prepend=0.0), jn.searchsorted(x, 2.0)]
        assert set(devices(*results)) == {"gpu:1"}


class TestMixing:
    MIXED = "expected all arrays on one device, got gpu:[01] .*, gpu:[01] .*Move them with device_put"

    @pytest.fixture
    def pair(self, two):
        return [Array(device.put(np.arange(3, dtype=np.float32))) for device in (HERE, THERE)]

    def test_operations(self, pair):
        a, b = pair
        uses = [lambda: a + b, lambda: b @ a, lambda: jn.where(a > 1, b, b), lambda: jn.concatenate([a, b]),
                lambda: a[b.astype(int)], lambda: a.at[0].set(b[0]), lambda: jn.sum(a, where=b > 1),
                lambda: a.raw + b, lambda: jn.stack([a, b]), lambda: jn.linspace(a, b, 3)]  # fmt: skip
        for use in uses:
            with pytest.raises(DeviceError, match=self.MIXED):
                use()
        assert devices(b * 2, b.sum(), b @ b, -b) == ["gpu:1"] * 4

    def test_derivatives(self, pair):
        a, b = pair
        moved = r"expected an array on gpu:0, got one on gpu:1\. Move it with device_put\(x, 'gpu:0'\)"
        with pytest.raises(DeviceError, match=f"vjp: cotangent: {moved}"):
            autograd.vjp(anp.sin, a)[1](b)
        with pytest.raises(DeviceError, match=f"jvp: tangent: {moved}"):
            autograd.jvp(anp.sin, a, b)
        gradient = autograd.grad(lambda x: anp.sum(device_put(device_put(x, "gpu:1") ** 2 * b, "gpu:0") * a))(a)
        np.testing.assert_array_equal(np.asarray(gradient), 2 * np.arange(3.0) ** 3)
        assert devices(gradient) == ["gpu:0"]

    def test_a_backward_pass_goes_from_device_to_device(self, pair):
        a, b = pair

        def f(x, there):
            u, v = x, device_put(x, there)
            for _ in range(2):  # nodes of both devices in turn, and sums of cotangents on both
                u, v = anp.sin(u) * u, anp.sin(v) * v
            s, t = [anp.linalg.svd(anp.outer(w, w), compute_uv=False)[0] for w in (u, v)]
            return anp.sum(u) + s + device_put(anp.sum(v) + t, "gpu:0")

        x = a.astype("float64") + 1.0
        there, here = (autograd.grad(f)(x, device) for device in ("gpu:1", "gpu:0"))
        np.testing.assert_allclose(np.asarray(there), np.asarray(here), rtol=1e-12)
        assert devices(there) == ["gpu:0"]
        _, pullback = autograd.vjp(lambda x: [x * 2.0] * 2, b)
        assert devices(*pullback([b, b])) == ["gpu:1"]

    def test_variables_do_not_move(self, pair):
        a, b = pair
        v = cuobjax.TrainVar(b)
        moved = r"expected an array on gpu:1, got one on gpu:0\. Move it with device_put\(x, 'gpu:1'\)"
        for value in (a, a.raw):
            with pytest.raises(DeviceError, match=rf"TrainVar\.assign: {moved}"):
                v.assign(value)
            with pytest.raises(DeviceError, match=rf"gradient 0: {moved}"):
                cuobjax.optimizer.SGD({"v": v})(0.1, [value])
        v.assign(np.ones(3, np.float32))
        v.assign(THERE.put(np.ones(3, np.float32)))
        assert devices(v, copy.deepcopy(v), pickle.loads(pickle.dumps(v))) == ["gpu:1"] * 3


def layers():
    return cuobjax.nn.Sequential([
        cuobjax.nn.Conv2D(2, 4, 3), cuobjax.nn.BatchNorm2D(4), functional.relu, cuobjax.nn.Dropout(0.5),
        lambda x: x.reshape((x.shape[0], -1)), cuobjax.nn.Linear(100, 3),
    ])  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
def test_a_network_is_trained_where_it_is(two, compiled):
    with autograd.device("gpu:1"):
        net = layers()
        update = cuobjax.optimizer.Adam(net.vars())
        x, y = jn.ones((4, 2, 5, 5)), jn.array([0, 1, 2, 0])

    def loss(x, y):
        return functional.loss.cross_entropy_logits(net(x, training=True), functional.one_hot(y, 3)).mean()

    gradients = cuobjax.GradValues(loss, net.vars())

    def step():
        g, values = gradients(x, y)
        update(0.1, g)
        return values[0]

    every = net.vars() + update.vars()
    step = cuobjax.Jit(step, every) if compiled else step
    own = [v for v in every if not isinstance(v, cuobjax.RandomState)]  # the default generator is where it began
    assert set(devices(step(), step(), *own)) == {"gpu:1"}


def test_a_program_of_jit_is_recorded_for_each_device(two):
    double = cuobjax.Jit(lambda x: x * 2 + 1)
    for device in (HERE, THERE, HERE, THERE):
        y = double(Array(device.put(np.ones(3, np.float32))))
        assert y.device == device
        np.testing.assert_array_equal(np.asarray(y), 3)


def test_numpy_arrays_go_to_the_variables_that_are_listed(two):
    vs = [cuobjax.TrainVar(device_put(jn.ones(3), device)) for device in (HERE, THERE)]
    for v in vs:
        assert cuobjax.Jit(lambda x: (x * 2, *vs)[0], {"v": v})(np.ones(3)).device == v.device
    vs[0].assign(device_put(vs[0].value, "cpu"), check=False)  # the first one decides: not a GPU
    assert cuobjax.Jit(lambda x: x * 2, {"a": vs[0], "b": vs[1]})(np.ones(3)).device == HERE


def test_numpy_arrays_go_to_the_device_of_each_thread(two):
    net, devices = cuobjax.nn.Linear(3, 2), {}
    program = cuobjax.Jit(net)

    def f(x):
        devices[cuobjax.functional.parallel.axis_index()] = str(program(np.ones((1, 3), "f4")).device)
        return x

    for _ in range(2):
        cuobjax.Parallel(f, net.vars())(jn.ones(12))
        assert devices == {i: f"gpu:{i}" for i in range(two.cuda.runtime.getDeviceCount())}


VIEWS = {
    "transposed": lambda x: x.T,
    "sliced": lambda x: x[::2, 1:3],
    "reversed": lambda x: x[::-1],
    "broadcast": lambda x: jn.broadcast_to(x[:1], (3, 4)),
}


def test_a_program_on_two_gpus_is_in_no_cuda_graph(two, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CUDA_GRAPH", "1")
    jitted, x = cuobjax.Jit(lambda x, y: (jn.sin(x), jn.cos(y))), np.ones(3, "float32")
    for _ in range(3):
        sine, cosine = jitted(Array(HERE.put(x)), Array(THERE.put(x)))
        assert (sine.raw.device.id, cosine.raw.device.id) == (0, 1)
    np.testing.assert_allclose([sine.raw.get(), cosine.raw.get()], [np.sin(x), np.cos(x)], rtol=1e-6)
    (program,) = [program for found in jitted._programs.values() for program in found]
    assert program.run_raw.uncaptured == {"program": "it computes on several GPUs"}


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_copied_between_devices(two, view):
    x = VIEWS[view](jn.arange(12.0).reshape(3, 4))
    for name in ("gpu:1", "gpu:0", "cpu"):
        moved = device_put(x, name)
        assert devices(moved) == [name]
        np.testing.assert_array_equal(np.asarray(moved), np.asarray(x))


class TestParallel:
    @pytest.mark.parametrize("make", [np.asarray, HERE.put, THERE.put, lambda x: Array(THERE.put(x))])
    def test_each_device_has_its_share(self, two, make):
        seen = []

        def f(x):
            seen.append((str(x.device), str(two.ones(1).device.id), np.asarray(x).tolist()))
            return x.T * 2

        n = two.cuda.runtime.getDeviceCount()
        x = np.arange(2 * n, dtype=np.float32).reshape(2 * n, 1)
        y = cuobjax.Parallel(f)(make(x))
        assert sorted(seen) == [(f"gpu:{i}", f"{i}", [[2 * i], [2 * i + 1]]) for i in range(n)]
        assert devices(y) == ["gpu:0"]
        np.testing.assert_array_equal(np.asarray(y), 2 * x.reshape(n, 2))

    def test_streams_are_those_of_the_caller(self, two):
        seen = {}

        def f(x):
            seen[str(x.device)] = two.cuda.get_current_stream().ptr
            return functional.parallel.psum(x[:, ::2])

        with THERE.current():
            other = two.cuda.Stream(non_blocking=True)
            other.use()
        try:
            with two.cuda.Stream(non_blocking=True) as stream:
                y = cuobjax.Parallel(f)(jn.ones((12, 4)))
        finally:
            with THERE.current():
                two.cuda.Stream.null.use()
        n = two.cuda.runtime.getDeviceCount()
        assert seen == {f"gpu:{i}": 0 for i in range(n)} | {"gpu:0": stream.ptr, "gpu:1": other.ptr}
        np.testing.assert_array_equal(np.asarray(y), np.full((12, 2), n))

    def test_a_stream_of_the_calling_thread_becomes_that_of_all(self, two):
        with two.cuda.Stream.ptds:
            streams = cuobjax.Parallel(lambda x: x * 0 + two.cuda.get_current_stream().ptr)(jn.zeros(12))
        assert streams.tolist() == [0] * 12

    def test_a_convolutional_network(self, two):
        net = cuobjax.nn.Conv2D(2, 4, 3)
        gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
        x = jn.arange(600.0).reshape(12, 2, 5, 5) / 300
        shared = cuobjax.Parallel(lambda x: functional.parallel.pmean(gradients(x)[0]), reduce=lambda x: x[0])
        for got, expected in zip(shared(x), gradients(x)[0], strict=True):
            assert devices(got, expected) == ["gpu:0"] * 2
            np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-4)


def test_debug_looks_at_arrays_where_they_are(two):
    x, twice, out = [device_put(jn.array(y), THERE) for y in ([1.0, 2.0, 3.0], [0, 0], [0, 7])]
    with autograd.debug(nans=True):
        g = autograd.grad(lambda x: (x[twice] ** 2).sum())(x)
        with pytest.raises(FloatingPointError, match=r"log: made nan at \[0\]"):
            jn.log(x - 2)
        with pytest.raises(IndexError, match="got 7 at"):
            x[out]
    assert g.device == THERE
    np.testing.assert_array_equal(np.asarray(g), [4, 0, 0])
