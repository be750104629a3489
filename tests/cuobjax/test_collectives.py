"""Collective operations on several devices: values, derivatives of every kind, batches, and what ends them."""

import threading

import numpy as np
import pytest

import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import nccl
from autograd.ops import collective
from autograd.thread_group import Group, current, place
from cuobjax.functional import parallel
from cuobjax.transforms.parallel import Parallel

pytestmark = pytest.mark.usefixtures("on_the_cpu", "float64_by_default")


def on_devices(function, *columns, in_turns=False):
    """`[function(*row) for row in zip(*columns)]`, each on a device; it must end within a minute."""
    group = Group([autograd.Device("cpu")] * len(columns[0]), "device", in_turns)
    found = []

    def run():
        try:
            found.append(group.run(lambda rank: function(*[column[rank] for column in columns])))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the devices wait for each other"
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


@pytest.fixture(params=[1, 2, 3, 8])
def devices(request, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(request.param))
    return request.param


REDUCTIONS = {"psum": np.sum, "pmean": np.mean, "pmax": np.max, "pmin": np.min}


@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_are_numpys_over_the_devices(devices, rng, name, in_turns):
    x = rng.normal(size=(devices, 2, 3)).astype("float32")
    for y in on_devices(getattr(parallel, name), x, in_turns=in_turns):
        assert isinstance(y, cuobjax.Array) and y.dtype == np.float32
        np.testing.assert_allclose(y, REDUCTIONS[name](x, axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_containers_and_integers(name):
    trees = [{"a": jn.array([i, 5], "int32"), "b": [(jn.array(2 * i, "int32"),)]} for i in range(3)]
    for y in on_devices(getattr(parallel, name), trees):
        expected = REDUCTIONS[name](np.array([[0, 5], [1, 5], [2, 5]]), axis=0)
        np.testing.assert_allclose(y["a"], expected)
        np.testing.assert_allclose(y["b"][0][0], REDUCTIONS[name](np.array([0, 2, 4])))
        assert (y["a"].dtype == np.int32) == (name != "pmean")


def test_sum_of_booleans_counts():
    y = on_devices(parallel.psum, [jn.array([True, False]), jn.array([True, False]), jn.array([True, True])])[0]
    assert y.dtype == np.int32 and y.tolist() == [3, 1]


def test_all_gather_stacks(devices, rng):
    x = rng.normal(size=(devices, 2, 3))
    for axis in (0, 1, 2, -1):
        for y in on_devices(lambda x, axis=axis: parallel.all_gather(x, axis=axis), x):
            np.testing.assert_array_equal(y, np.moveaxis(x, 0, axis))


def test_axis_index_counts_the_devices(devices):
    assert on_devices(lambda _: parallel.axis_index(), range(devices)) == list(range(devices))


def test_place_tells_programs_of_devices_apart():
    assert place() is None
    assert on_devices(lambda _: place(), range(2)) == [("device", 0, 2), ("device", 1, 2)]


def test_raw_results_belong_to_one_device():
    def changed(x):
        y = collective.psum(x, axis_name="device")
        y += current("device").rank
        parallel.psum(1.0)
        return y

    x = np.ones((3, 2))
    assert [y.tolist() for y in on_devices(changed, x)] == [[3, 3], [4, 4], [5, 5]]
    np.testing.assert_array_equal(x, np.ones((3, 2)))
    np.testing.assert_array_equal(on_devices(changed, x[:1])[0], [1, 1])
    np.testing.assert_array_equal(x, np.ones((3, 2)))


@pytest.mark.parametrize("operation", [parallel.psum, parallel.pmean, parallel.pmax, parallel.pmin,
    parallel.all_gather, lambda x: parallel.axis_index()])  # fmt: skip
def test_outside_of_a_group_the_axis_has_no_name(operation):
    with pytest.raises(NameError, match="unbound axis name: device"):
        operation(jn.ones(3))


def test_another_axis_has_no_name():
    with pytest.raises(NameError, match="unbound axis name: other"):
        on_devices(lambda x: parallel.psum(x, "other"), np.ones((2, 3)))


# Derivatives. The function of one device ends in a weighted sum; `sum_of_all` is the sum over the devices, as a
# function of all inputs, whose gradient is what each device must get: the convention of single programs.


def program(operation):
    return lambda x, w: anp.sum(anp.sin(operation(x * x)) * w)


def sum_of_all(operation):
    return lambda xs, ws: sum(anp.sum(anp.sin(y) * w) for y, w in zip(operation([x * x for x in xs]), ws, strict=True))


def with_mean(values):
    return [sum(values) / len(values)] * len(values)


OPERATIONS = {
    "psum": (parallel.psum, lambda xs: [sum(xs)] * len(xs)),
    "pmean": (parallel.pmean, with_mean),
    "pmax": (parallel.pmax, lambda xs: [anp.max(anp.stack(xs), 0)] * len(xs)),
    "pmin": (parallel.pmin, lambda xs: [anp.min(anp.stack(xs), 0)] * len(xs)),
    "all_gather": (parallel.all_gather, lambda xs: [anp.stack(xs)] * len(xs)),
}
operations = pytest.mark.parametrize("name", OPERATIONS)


def inputs(name, devices, rng):
    x = rng.uniform(0.5, 1.5, size=(devices, 3))
    w = rng.normal(size=(devices, devices, 3) if name == "all_gather" else (devices, 3))
    return x, w


@operations
@pytest.mark.parametrize("in_turns", [False, True])
def test_gradients_inside(devices, rng, name, in_turns):
    ours, whole = OPERATIONS[name]
    x, w = inputs(name, devices, rng)
    got = on_devices(autograd.grad(program(ours)), x, w, in_turns=in_turns)
    expected = autograd.grad(lambda x: sum_of_all(whole)(list(x), list(w)))(x)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@operations
def test_gradients_of_gradients_inside(rng, name):
    ours, whole = OPERATIONS[name]
    x, w = inputs(name, 2, rng)
    v = rng.normal(size=(2, 3))
    got = on_devices(autograd.grad(lambda x, w, v: anp.sum(autograd.grad(program(ours))(x, w) * v)), x, w, v)
    inner = autograd.grad(lambda x: sum_of_all(whole)(list(x), list(w)))
    np.testing.assert_allclose(got, autograd.grad(lambda x: anp.sum(inner(x) * v))(x), rtol=1e-9, atol=1e-12)


@operations
def test_tangents_inside(devices, rng, name):
    ours, whole = OPERATIONS[name]
    x, _ = inputs(name, devices, rng)
    t = rng.normal(size=x.shape)
    got = on_devices(lambda x, t: autograd.jvp(lambda x: ours(x * x), (x,), (t,))[1], x, t)
    expected = autograd.jvp(lambda x: anp.stack(whole([row * row for row in x])), (x,), (t,))[1]
    np.testing.assert_allclose(np.stack(got), expected, rtol=1e-10, atol=1e-12)


@operations
def test_batches_inside(devices, rng, name):
    ours, whole = OPERATIONS[name]
    x = rng.normal(size=(devices, 4, 3))
    got = on_devices(autograd.vmap(ours), x)
    lanes = [np.stack(whole(list(x[:, i]))) for i in range(4)]
    np.testing.assert_allclose(np.stack(got), np.stack(lanes, 1), rtol=1e-12)


@operations
def test_batches_of_gradients_inside(rng, name):
    ours, _ = OPERATIONS[name]
    x = rng.uniform(0.5, 1.5, size=(2, 4, 3))
    _, w = inputs(name, 2, rng)
    gradient = autograd.grad(program(ours))
    got = on_devices(lambda x, w: autograd.vmap(gradient, (0, None))(x, w), x, w)
    expected = on_devices(lambda x, w: np.stack([gradient(row, w) for row in x]), x, w)
    np.testing.assert_allclose(np.stack(got), np.stack(expected), rtol=1e-10)


def parallel_sum(operation):
    """The sum of all devices' outputs, as one function of all inputs, by Parallel."""
    both = Parallel(lambda x, w: program(lambda x: operation(x)[None])(x[0], w), reduce=lambda y: y.sum())
    return lambda x, w: both(x, w)


@operations
def test_gradients_around(devices, rng, name):
    ours, whole = OPERATIONS[name]
    x, w = inputs(name, devices, rng)
    got = autograd.grad(parallel_sum(ours))(x, w)
    expected = autograd.grad(lambda x: sum_of_all(whole)(list(x), list(w)))(x)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@operations
def test_hessians_around(monkeypatch, rng, name):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    ours, whole = OPERATIONS[name]
    x, w = inputs(name, 2, rng)
    expected = autograd.hessian(lambda x: sum_of_all(whole)(list(x), list(w)))(x)
    np.testing.assert_allclose(autograd.hessian(lambda x: parallel_sum(ours)(x, w))(x), expected, rtol=1e-9, atol=1e-11)


@operations
def test_batches_and_tangents_around(monkeypatch, rng, name):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    ours, whole = OPERATIONS[name]
    x, w = inputs(name, 2, rng)
    xs = np.stack([x, x[::-1] * 0.9])
    got = autograd.vmap(lambda x: parallel_sum(ours)(x, w))(xs)
    np.testing.assert_allclose(got, [sum_of_all(whole)(list(x), list(w)) for x in xs], rtol=1e-10)
    t = rng.normal(size=x.shape)
    tangent = autograd.jvp(lambda x: parallel_sum(ours)(x, w), (x,), (t,))[1]
    expected = autograd.jvp(lambda x: sum_of_all(whole)(list(x), list(w)), (x,), (t,))[1]
    np.testing.assert_allclose(tangent, expected, rtol=1e-10)


def test_gradients_inside_of_gradients_around(monkeypatch, rng):
    """A step of gradient descent within each device, differentiated through from outside."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    x = rng.normal(size=(3, 2))

    def stepped(x):
        return anp.sum(anp.cos(parallel.pmean(autograd.grad(lambda x: anp.sum(anp.sin(parallel.psum(x)) * x))(x))))

    def whole(x):
        inner = autograd.grad(lambda x: anp.sum(anp.sin(anp.sum(x, 0)) * x))(x)
        return 3 * anp.sum(anp.cos(anp.mean(inner, 0)))

    around = Parallel(lambda x: stepped(x[0]), reduce=lambda y: y.sum())
    np.testing.assert_allclose(autograd.grad(around)(x), autograd.grad(whole)(x), rtol=1e-10)


def test_equal_extremes_share_the_gradient():
    x = np.array([[1.0, 2.0], [1.0, 3.0]])
    got = on_devices(autograd.grad(lambda x: anp.sum(parallel.pmax(x))), x)
    np.testing.assert_array_equal(got, [[1, 0], [1, 2]])  # of two devices' outputs


# What ends them.


def mismatches():
    def order(x, rank):
        first, second = (parallel.psum, parallel.pmax)[:: 1 - 2 * (rank == 1)]
        return second(first(x))

    return {
        "order": (order, ["psum of float64 (2,)", "pmax of float64 (2,)"]),
        "shape": (lambda x, rank: parallel.psum(x[: 1 + (rank != 1)]), ["float64 (1,)", "float64 (2,)"]),
        "dtype": (lambda x, rank: parallel.psum(x.astype("f4") if rank == 1 else x), ["float32 (2,)", "float64 (2,)"]),
        "fewer": (lambda x, rank: x if rank == 1 else parallel.psum(x), ["psum", "the end of the function"]),
        "more": (lambda x, rank: parallel.psum(x) if rank == 1 else x, ["psum", "the end of the function"]),
    }


@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("devices", [2, 3, 8])
@pytest.mark.parametrize("kind", mismatches())
def test_245_mismatches_end_the_call(devices, kind, in_turns):
    function, whats = mismatches()[kind]
    with pytest.raises(RuntimeError, match="expected the same collective operations in the same order") as caught:
        on_devices(function, np.ones((devices, 2)), range(devices), in_turns=in_turns)
    assert all(what in str(caught.value) for what in whats)
    assert "on device 0" in str(caught.value) or "on device 1" in str(caught.value)


@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_on_one_device_ends_the_call(devices, error, in_turns):
    def run(x, rank):
        x = parallel.psum(x)
        if rank == devices - 1:
            raise error("no more")
        try:
            while True:  # until the other device ends it
                x = parallel.pmax(x)
        except Exception:
            return x

    with pytest.raises(error, match="no more") as caught:
        on_devices(run, np.ones((devices, 2)), range(devices), in_turns=in_turns)
    notes = caught.value.__notes__
    assert f"on device {devices - 1} (cpu) of {devices}" in notes[0] and "psum of float64 (2,)" in notes[0]


def test_an_error_in_the_combination_ends_the_call(monkeypatch):
    def broken(values):
        raise MemoryError("no room")

    monkeypatch.setattr(collective.psum, "_combine", broken)
    with pytest.raises(MemoryError, match="no room"):
        on_devices(parallel.psum, np.ones((3, 2)))


def test_many_calls_with_random_failures_always_end(rng):
    """200 programs of random length, of which a random device fails or strays at a random place."""
    for number in range(200):
        devices, length = rng.integers(2, 5), rng.integers(1, 6)
        strayed, place_of, kind = rng.integers(devices), rng.integers(length), rng.integers(3)

        def run(x, rank, strayed=strayed, place_of=place_of, kind=kind, length=length):
            for step in range(length):
                if (rank, step) == (strayed, place_of):
                    if kind == 0:
                        raise ZeroDivisionError
                    if kind == 1:
                        return x
                    x = parallel.pmin(x)
                x = parallel.psum(x)
            return x

        with pytest.raises(ZeroDivisionError if kind == 0 else RuntimeError):
            on_devices(run, np.ones((devices, 1)), range(devices), in_turns=bool(number % 2))


def test_no_thread_stays():
    before = threading.active_count()
    on_devices(parallel.psum, np.ones((4, 2)))
    assert threading.active_count() == before


class StandIn:
    """NVIDIA's library of collective operations, as CuPy calls it, done by CuPy's arithmetic."""

    NCCL_FLOAT32, NCCL_SUM, available = 7, 0, True
    calls: list = []  # noqa: RUF012 (each test clears it)

    class NcclCommunicator:
        @staticmethod
        def initAll(numbers):
            return [StandIn.NcclCommunicator() for _ in numbers]

        def allReduce(self, *call):
            StandIn.calls.append(call)

    @staticmethod
    def groupStart():
        StandIn.calls.clear()

    @staticmethod
    def groupEnd():
        import cupy

        def at(pointer, count):
            memory = cupy.cuda.UnownedMemory(pointer, count * 4, None)
            return cupy.ndarray((count,), "float32", cupy.cuda.MemoryPointer(memory, 0))

        total = sum(at(x, count).get() for x, _, count, *_ in StandIn.calls)
        for _, y, count, kind, operation, _ in StandIn.calls:
            assert (kind, operation) == (StandIn.NCCL_FLOAT32, StandIn.NCCL_SUM)
            result = at(y, count)
            with result.device:
                result.set(total)


def test_sums_over_gpus_go_through_the_library(xp, monkeypatch):
    places = autograd.backend.local_devices()
    if len(places) == 1:
        pytest.skip("needs two GPUs")
    monkeypatch.setattr(autograd.backend, "nccl", lambda: StandIn)
    nccl._communicators.cache_clear()
    whole = [np.arange(12, dtype="float32").reshape(3, 4) + each.index for each in places]
    values = [each.put(x).T for each, x in zip(places, whole, strict=True)]
    assert nccl.can_sum(values, places) and not nccl.can_sum(values[:1] * 2, places[:1] * 2)
    group = Group(places, "device")
    results = group.run(lambda rank: collective.psum(values[rank], axis_name="device"))
    assert len(StandIn.calls) == len(places)
    for device, y in zip(places, results, strict=True):
        assert autograd.backend.device_of(y) == device
        np.testing.assert_array_equal(y.get(), sum(whole).T)
    nccl._communicators.cache_clear()
