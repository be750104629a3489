"""Collective operations on several devices: values, derivatives of every kind, batches, and what ends them."""

import functools
import os
import signal
import threading
import weakref

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


def test_reduce_scatter_is_the_way_back_of_all_gather(devices, rng):
    x = rng.normal(size=(devices, devices, 2, 3))
    for axis in (0, 1, 2, -1):
        parts = on_devices(lambda x, axis=axis: parallel.reduce_scatter(jn.moveaxis(x, 0, axis), axis=axis), x)
        np.testing.assert_allclose(parts, x.sum(0), rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=rf"reduce_scatter: expected an axis 1 of length {devices}, .*got shape"):
        on_devices(lambda x: parallel.reduce_scatter(jn.zeros((1, 9)), axis=1), x)
    with pytest.raises(ValueError, match=rf"reduce_scatter: expected a first axis of length {devices}"):
        on_devices(lambda x: collective.reduce_scatter(np.zeros(9), axis_name="device"), x)


def test_ppermute_moves(rng):
    x = rng.normal(size=(4, 2))
    moved = on_devices(lambda x: parallel.ppermute({"x": [x]}, [(0, 2), (2, 0), (3, 3)])["x"][0], x)
    np.testing.assert_array_equal(moved, [x[2], [0, 0], x[0], x[3]])
    for wrong in ([(0, 1), (0, 2)], [(0, 1), (2, 1)], [(0, 4)], [(-1, 0)]):
        with pytest.raises(ValueError, match=r"ppermute: expected pairs .* from 0 to 3, got"):
            on_devices(lambda x, wrong=wrong: parallel.ppermute(x, wrong), x)
    assert on_devices(lambda x: parallel.ppermute(x, []).tolist(), x) == [[0, 0]] * 4
    with pytest.raises(ValueError, match=r"^ppermute: expected a source for each of 4 devices, got \(0,\)\."):
        on_devices(lambda x: collective.ppermute(x, axis_name="device", sources=(0,)), x)


def test_a_call_that_is_given_up_before_it_began_does_nothing():
    group, first, done = Group([autograd.Device("cpu")] * 2, "device"), KeyboardInterrupt(), []
    group._abandon(first)
    group._abandon(ValueError())
    group._fail(ValueError())
    group._wait_for_the_end()
    group._aside(done.append, ())
    group._lead([done.append], None)
    assert group.error is first and not done


def test_integers_are_joined_exactly():
    big = np.array([[2**62 - 3, 5], [3, -1], [2**61, 2]])
    assert on_devices(parallel.psum, big)[0].tolist() == big.sum(0).tolist()
    assert on_devices(parallel.reduce_scatter, np.stack([big] * 3))[1].tolist() == (3 * big[1]).tolist()
    narrow = [jn.array([120, 3], "int8"), jn.array([120, 4], "int8")]
    assert on_devices(parallel.pmean, narrow)[0].tolist() == [120, 3.5]
    near = [jn.array(2**24 + 1, "int32"), jn.array(2**24 + 1, "int32"), jn.array(2**24 + 1, "int32")]
    assert float(on_devices(parallel.pmean, near)[0]) == 2**24 + 1  # float64 is the default here


@pytest.mark.parametrize("operation", [parallel.psum, parallel.pmean, parallel.all_gather, parallel.pmax])
def test_arrays_of_a_dtype_travel_together(operation, rng, monkeypatch):
    met = []
    monkeypatch.setattr(Group, "combined", lambda self, exchange, values: met.append(exchange.what) or
        exchange.combine(exchange, values, self))  # fmt: skip
    trees = [
        {"w": jn.array(rng.normal(size=(2, 3))), "b": [jn.array(rng.normal(size=4)), jn.array(i, "int32")],
         "s": jn.array(1.0 * i), "e": jn.zeros((0, 2)), "f": jn.ones(2, "float32")} for i in range(2)]  # fmt: skip
    alone = on_devices(lambda tree: autograd.tree.tree_map(operation, tree), trees)
    met.clear()
    together = on_devices(operation, trees)
    assert len([what for what in met if "end" not in what]) == 3 and any("float64 (11,)" in what for what in met)
    for a, b in zip(autograd.tree.flatten(alone)[0], autograd.tree.flatten(together)[0], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


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


def to_the_next():
    return [(i, i + 1) for i in range(current("device").group.size - 1)]


def with_mean(values):
    return [sum(values) / len(values)] * len(values)


OPERATIONS = {
    "psum": (parallel.psum, lambda xs: [sum(xs)] * len(xs)),
    "pmean": (parallel.pmean, with_mean),
    "pmax": (parallel.pmax, lambda xs: [anp.max(anp.stack(xs), 0)] * len(xs)),
    "pmin": (parallel.pmin, lambda xs: [anp.min(anp.stack(xs), 0)] * len(xs)),
    "all_gather": (parallel.all_gather, lambda xs: [anp.stack(xs)] * len(xs)),
    "reduce_scatter": (parallel.reduce_scatter, lambda xs: list(sum(xs))),
    "ppermute": (lambda x: parallel.ppermute(x, to_the_next()), lambda xs: [0 * xs[0], *xs[:-1]]),
}
operations = pytest.mark.parametrize("name", OPERATIONS)


def inputs(name, devices, rng):
    x = rng.uniform(0.5, 1.5, size=(devices, devices, 3) if name == "reduce_scatter" else (devices, 3))
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
    v = rng.normal(size=x.shape)
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
    x = rng.normal(size=(devices, 4, *inputs(name, devices, rng)[0].shape[1:]))
    got = on_devices(autograd.vmap(ours), x)
    lanes = [np.stack(whole(list(x[:, i]))) for i in range(4)]
    np.testing.assert_allclose(np.stack(got), np.stack(lanes, 1), rtol=1e-12)


@operations
def test_batches_of_gradients_inside(rng, name):
    ours, _ = OPERATIONS[name]
    x, w = inputs(name, 2, rng)
    x = np.stack([x * (1 + i / 7) for i in range(4)], 1)
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
    def broken(a, b):
        raise MemoryError("no room")

    monkeypatch.setitem(collective.REDUCTIONS, "sum", broken)
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


def test_threads_are_those_of_earlier_calls():
    names = lambda: on_devices(lambda x: (threading.get_ident(), threading.current_thread().name), np.ones(3))
    first = names()
    assert len(set(first)) == 3 and all(name.startswith("autograd devices cpu") for _, name in first)
    assert names() == names() == first
    before = threading.active_count()
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            on_devices(lambda x: [parallel.psum(x), 1 // 0], np.ones(3))
    assert threading.active_count() == before


def test_a_call_leaves_nothing_to_its_threads():
    class Value:
        pass

    value = Value()
    known = weakref.ref(value)
    on_devices(lambda x, value=value: [parallel.psum(x), value].clear(), np.ones(3))
    del value
    assert known() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_has_threads_of_its_own():
    on_devices(parallel.psum, np.ones((3, 2)))
    child = os.fork()
    if not child:
        signal.alarm(60)
        status = 1
        try:
            group = Group([autograd.Device("cpu")] * 3, "device")
            status = [y.tolist() for y in group.run(lambda rank: parallel.psum(float(rank)))] != [3.0] * 3
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_no_room_for_another_thread_ends_the_call(monkeypatch):
    def start(thread):
        if thread.name.startswith("autograd devices"):
            raise RuntimeError("can't start new thread")
        return begin(thread)

    begin = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    group = Group([autograd.Device("cpu")] * 50, "device")  # more than there are
    with pytest.raises(RuntimeError, match="can't start new thread"):
        group.run(lambda rank: parallel.psum(1.0))


class StandIn:
    """NVIDIA's library of collective operations, as CuPy calls it, done by NumPy at the end of a group of calls."""

    NCCL_SUM, NCCL_MAX, NCCL_MIN, available = 0, 2, 3, True
    NCCL_INT8, NCCL_UINT8, NCCL_INT32, NCCL_UINT32, NCCL_INT64, NCCL_UINT64 = range(6)
    NCCL_FLOAT16, NCCL_FLOAT32, NCCL_FLOAT64, NCCL_BFLOAT16 = range(6, 10)
    TYPES = "i1 u1 i4 u4 i8 u8 f2 f4 f8 bfloat16".split()
    REDUCTIONS = {0: np.add, 2: np.fmax, 3: np.fmin}  # noqa: RUF012
    calls: list = []  # noqa: RUF012 (each group clears it)

    class NcclCommunicator:
        def __init__(self, rank):
            self.rank = rank

        @staticmethod
        def initAll(numbers):
            return list(map(StandIn.NcclCommunicator, range(len(numbers))))

        def __getattr__(self, name):
            return lambda *args: StandIn.calls.append((name, self.rank, *args))

    @staticmethod
    def groupStart():
        StandIn.calls.clear()

    @staticmethod
    def groupEnd():
        name = StandIn.calls[0][0]
        getattr(StandIn, "_end" if name in ("send", "recv") else name)()

    @staticmethod
    def at(pointer, count, kind):
        """The memory at an address."""
        import cupy

        dtype = np.dtype(StandIn.TYPES[kind])
        memory = cupy.cuda.UnownedMemory(pointer, count * dtype.itemsize, None)
        return cupy.ndarray((count,), dtype, cupy.cuda.MemoryPointer(memory, 0))

    @staticmethod
    def put(y, host):
        with y.device:
            y.set(np.ascontiguousarray(host))

    @staticmethod
    def allReduce():
        (_, _, _, _, count, kind, operation, _), *_ = StandIn.calls
        total = functools.reduce(
            StandIn.REDUCTIONS[operation], [StandIn.at(c[2], count, kind).get() for c in StandIn.calls]
        )
        for call in StandIn.calls:
            assert call[4:7] == (count, kind, operation)
            StandIn.put(StandIn.at(call[3], count, kind), total)

    @staticmethod
    def allGather():
        (_, _, _, _, count, kind, _), *_ = StandIn.calls
        whole = np.concatenate([StandIn.at(call[2], count, kind).get() for call in StandIn.calls])
        for call in StandIn.calls:
            StandIn.put(StandIn.at(call[3], whole.size, kind), whole)

    @staticmethod
    def reduceScatter():
        (_, _, _, _, count, kind, operation, _), *_ = StandIn.calls
        values = [StandIn.at(call[2], count * len(StandIn.calls), kind).get() for call in StandIn.calls]
        parts = functools.reduce(StandIn.REDUCTIONS[operation], values).reshape(len(values), -1)
        for call in StandIn.calls:
            StandIn.put(StandIn.at(call[3], count, kind), parts[call[1]])

    @staticmethod
    def _end():
        sent = {(call[1], call[5]): StandIn.at(*call[2:5]).get() for call in StandIn.calls if call[0] == "send"}
        for _, rank, pointer, count, kind, source, _ in [call for call in StandIn.calls if call[0] == "recv"]:
            StandIn.put(StandIn.at(pointer, count, kind), sent.pop((source, rank)))
        assert not sent


@pytest.fixture
def gpus(xp, monkeypatch):
    """Several GPUs, which NVIDIA's library joins."""
    found = autograd.backend.local_devices()
    if xp is np or len(found) == 1:
        pytest.skip("needs two GPUs")
    monkeypatch.setattr(autograd.backend, "nccl", lambda: StandIn)
    nccl._communicators.cache_clear()
    yield found
    nccl._communicators.cache_clear()


NATIVE = {
    "psum": (parallel.psum, "allReduce"),
    "pmean": (parallel.pmean, "allReduce"),
    "pmax": (parallel.pmax, "allReduce"),
    "pmin": (parallel.pmin, "allReduce"),
    "all_gather": (parallel.all_gather, "allGather"),
    "reduce_scatter": (parallel.reduce_scatter, "reduceScatter"),
    "ppermute": (lambda x: parallel.ppermute(x, to_the_next()), "send"),
}
DTYPES = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", [*DTYPES, "bool", "complex64", "int16"])
@pytest.mark.parametrize("name", NATIVE)
def test_the_library_of_gpus_does_what_we_do(gpus, rng, name, dtype, jit):
    """In eager code and in programs, for views too; what it cannot do is done by copies."""
    operation, call = NATIVE[name]
    if dtype == "complex64" and name in ("pmax", "pmin"):
        pytest.skip("complex numbers have no order")
    n = len(gpus)
    whole = rng.integers(0, 9, size=(n, 4, n)).astype(autograd.numpy.dtype(dtype))
    values = [cuobjax.Array(each.put(x).T) for each, x in zip(gpus, whole, strict=True)]
    function = cuobjax.Jit(operation) if jit else operation
    group = lambda: Group(gpus, "device").run(lambda rank: function(values[rank]))
    StandIn.calls.clear()
    results = [group() for _ in range(2)][-1]
    combines = name in ("psum", "pmean", "pmax", "pmin", "reduce_scatter")
    if not (dtype == "int16" and combines and name != "pmean"):
        gathers = name in ("pmax", "pmin") and dtype in ("float16", "bfloat16", "float32", "float64")
        assert {c[0] for c in StandIn.calls} <= {"allGather" if gathers else call, "recv"} and StandIn.calls
    expected = on_devices(operation, [jn.array(x.T) for x in whole])
    for device, y, z in zip(gpus, results, expected, strict=True):
        assert y.device == device and y.dtype == z.dtype
        np.testing.assert_array_equal(np.asarray(y).astype("c16"), np.asarray(z).astype("c16"))


def test_nan_is_an_extreme_on_gpus(gpus):
    values = [cuobjax.Array(each.put(np.array([i, np.nan if i else 1.0]))) for i, each in enumerate(gpus)]
    for y in Group(gpus, "device").run(lambda rank: parallel.pmax(values[rank])):
        np.testing.assert_array_equal(np.asarray(y), [len(gpus) - 1, np.nan])


def test_raw_results_of_gpus_belong_to_one_device(gpus):
    values = [each.put(np.ones(3)) for each in gpus]

    def changed(rank):
        y = collective.psum(values[rank], axis_name="device")
        y += rank
        return y

    for rank, y in enumerate(Group(gpus, "device").run(changed)):
        assert y.device.id == gpus[rank].index and y.tolist() == [len(gpus) + rank] * 3
    assert all(x.tolist() == [1, 1, 1] for x in values)
