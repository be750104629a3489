"""Parallel: splits, outputs, variables, random numbers, training, failures and its place among transformations."""

import contextvars
import os
import pickle
import signal
import threading

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from autograd import processes
from autograd.thread_group import Group, own_member
from autograd.tree import flatten, unflatten
from cuobjax import GradValues, StateVar, TrainVar, functional, nn, optimizer, random
from cuobjax.core.replication import replicate
from cuobjax.core.variable import reduce_first
from cuobjax.functional import parallel
from cuobjax.nn import synced
from cuobjax.transforms.jit import Jit
from cuobjax.transforms.parallel import Parallel
from cuobjax.transforms.program import devices_together
from cuobjax.transforms.vectorize import Vectorize

pytestmark = pytest.mark.usefixtures("on_the_cpu")


@pytest.fixture(params=[1, 2, 3, 8])
def devices(request, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(request.param))
    return request.param


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "4")


def first(x):
    return x[0]


def in_time(function):
    """What the function returns or raises, within a minute."""
    found = []

    def run():
        try:
            found.append((function(), None))
        except BaseException as error:
            found.append((None, error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the devices wait for each other"
    if found[0][1] is not None:
        raise found[0][1]
    return found[0][0]


# Arguments and outputs.


def test_a_module_on_all_devices_is_the_module(devices):
    net = nn.Linear(3, 2)
    x = random.normal((24, 3))
    y = Parallel(net)(x)
    assert type(y) is cuobjax.Array
    np.testing.assert_allclose(y, net(x), rtol=1e-6)


arrays = hnp.arrays("float32", st.tuples(st.integers(0, 3), st.integers(0, 3)), elements=st.floats(-2, 2, width=32))


@hypothesis.given(st.integers(1, 5), st.recursive(arrays, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from("ab"), inner) | st.tuples(inner, inner), max_leaves=4))  # fmt: skip
def test_splits_join_again(n, tree):
    """For containers of any depth: the identity gives back what it got, and each device sees its share in order."""
    before = os.environ.get("CUOBJAX_CPU_DEVICES")
    os.environ["CUOBJAX_CPU_DEVICES"] = str(n)
    try:
        leaves, structure = flatten(tree)
        leaves = [np.concatenate([x + i for i in range(n)]) for x in leaves]
        tree = unflatten(structure, leaves)
        same = Parallel(lambda tree: tree)(tree)
        for x, y in zip(flatten(tree)[0], flatten(same)[0], strict=True):
            np.testing.assert_array_equal(x, y)
        assert flatten(same)[1] == structure
        ranks = Parallel(lambda tree: [jn.full(x.shape, parallel.axis_index()) for x in flatten(tree)[0]])(tree)
        for x, y in zip(leaves, ranks, strict=True):
            rows = np.arange(n).repeat(x.shape[0] // n)
            np.testing.assert_array_equal(y, np.broadcast_to(rows[:, None], x.shape))
    finally:
        os.environ.pop("CUOBJAX_CPU_DEVICES")
        if before is not None:
            os.environ["CUOBJAX_CPU_DEVICES"] = before


def test_numbers_and_arrays_without_axes_go_to_every_device(four):
    x = jn.arange(8.0)
    for factor in (2, 2.0, jn.array(2.0), np.float32(2), np.array(2.0, "float32")):
        np.testing.assert_array_equal(Parallel(lambda x, f: x * f)(x, factor), 2 * np.arange(8))
    assert Parallel(lambda x, name: x if name == "same" else None)(x, "same").shape == (8,)
    assert Parallel(lambda x, nothing: x if nothing is None else None)(x, None).shape == (8,)


def test_static_arguments_are_passed_as_they_are(four):
    seen = []

    def f(table, x, name):
        seen.append((table, name))
        return x

    table = jn.arange(3)
    net = Parallel(f, static_argnums=(2, 0))
    assert net.static_argnums == (0, 2)
    assert net(table, jn.zeros(8), "name").shape == (8,)
    assert all(t is table and name == "name" for t, name in seen) and len(seen) == 4
    assert Parallel(f, static_argnums=(-1, 0))(table, jn.zeros(8), "name").shape == (8,)


def test_keywords_are_split_too(four):
    y = Parallel(lambda x, *, scale, training: x * scale if training else x)(
        jn.ones(8), scale=jn.arange(8.0), training=True
    )
    np.testing.assert_array_equal(y, np.arange(8))


def test_s15_a_batch_that_does_not_go_equally(four):
    message = r"Must be able to equally divide batch \(7, 3\) among 4 devices, but does not go equally\."
    with pytest.raises(ValueError, match=message):
        Parallel(lambda x: x)(jn.zeros((7, 3)))
    with pytest.raises(ValueError, match=message):
        Parallel(lambda x: x).device_reshape(jn.zeros((7, 3)))


def test_s15_no_replication_is_needed(four):
    """In Objax, variables that are not replicated ended in an error about sizes."""
    net = nn.Linear(3, 2)
    assert Parallel(net)(jn.zeros((8, 3))).shape == (8, 2)
    assert net.w.shape == (3, 2)


def test_device_reshape(four):
    reshape = Parallel(lambda x: x).device_reshape
    x = np.arange(24.0).reshape(8, 3)
    np.testing.assert_array_equal(reshape(jn.array(x)), x.reshape(4, 2, 3))
    np.testing.assert_array_equal(reshape(jn.array(5.0)), [5.0] * 4)
    with pytest.raises(TypeError, match="expected an array, got float"):
        reshape(5.0)
    assert Parallel(lambda x: x).ndevices == 4


@pytest.mark.parametrize(("reduce", "expected"), [
    (jn.concatenate, [0, 1, 2, 3, 4, 5, 6, 7]), (first, [0, 1]), (sum, [12, 16]), (lambda x: x.mean(0), [3, 4]),
    (lambda x: x, [[0, 1], [2, 3], [4, 5], [6, 7]])])  # fmt: skip
def test_reduce_makes_one_output_of_all(four, reduce, expected):
    y = Parallel(lambda x: {"y": [x]}, reduce=reduce)(jn.arange(8.0))
    np.testing.assert_array_equal(y["y"][0], expected)


def test_outputs_that_are_no_arrays(four):
    y = Parallel(lambda x: (None, 2.5, "text", True), reduce=first)(jn.arange(8.0))
    assert y[0] is None and y[2] == "text"
    assert isinstance(y[1], cuobjax.Array) and float(y[1]) == 2.5


def test_outputs_that_do_not_fit_together(four):
    x = jn.arange(8.0)
    with pytest.raises(ValueError, match=r"expected outputs with a batch axis to concatenate, got shape \(\)"):
        Parallel(lambda x: x.sum())(x)
    with pytest.raises(ValueError, match="expected outputs of one structure"):
        Parallel(lambda x: [x] if parallel.axis_index() else x)(x)
    with pytest.raises(ValueError, match=r"expected outputs of one shape on all devices, got \(0,\), \(1,\)"):
        Parallel(lambda x: x[: parallel.axis_index()], reduce=first)(x)
    assert Parallel(lambda x: x[: parallel.axis_index()])(x).shape == (5,)


def test_number_of_devices_is_checked(monkeypatch):
    for wrong in ("0", "-1", "two"):
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", wrong)
        with pytest.raises(ValueError, match="CUOBJAX_CPU_DEVICES: expected a number of devices"):
            Parallel(lambda x: x)(jn.zeros(2))


def test_repr_vars_and_pickle():
    net = nn.Linear(3, 2)
    text = repr(Parallel(net, reduce=sum, static_argnums=(2, 1)))
    assert text.endswith("Parallel(f=Linear, reduce=sum(*, start=0), axis_name='device', static_argnums=(1, 2))")
    assert list(Parallel(net).vars().keys()) == ["(Parallel)(Linear).b", "(Parallel)(Linear).w"]
    assert list(Parallel(step, net.vars()).vars().keys()) == [
        "(Parallel){step}(Linear).b", "(Parallel){step}(Linear).w"]  # fmt: skip
    copied = pickle.loads(pickle.dumps(Parallel(net)))
    np.testing.assert_array_equal(copied(jn.ones((12, 3))), net(jn.ones((12, 3))))


def step(x):
    return x


def test_s10_an_empty_collection_falls_back_to_the_variables_of_the_module():
    net = nn.Linear(3, 2)
    assert len(Parallel(net, cuobjax.VarCollection()).vc) == 2
    assert len(Parallel(net).vc) == 2
    assert len(Parallel(lambda x: x).vc) == 0  # and a function needs no collection


# Variables.


def test_changed_variables_are_reduced_and_no_others(four):
    kept, mean, last, total, count = (
        TrainVar(jn.array(1.5)), StateVar(jn.zeros(2)), StateVar(jn.zeros(2), reduce=lambda x: x[-1]),
        StateVar(jn.array(0.0), reduce=sum), StateVar(jn.array(3, "int32")))  # fmt: skip
    before = kept.value

    def f(x):
        mean.value = x * kept
        last.value += x
        total.value = x.sum()
        count.value += parallel.axis_index()
        return x

    Parallel(f)(jn.arange(8.0))
    assert kept.value is before
    assert mean.value.tolist() == [4.5, 6.0]
    assert last.value.tolist() == [6.0, 7.0]
    assert total.value.tolist() == 28.0
    assert count.dtype == np.int32 and count.value.tolist() == 4  # the mean 4.5 to even


def test_means_of_large_integers_are_exact(four):
    count = StateVar(jn.array(2**30 + 1, "int32"))

    def f(x):
        count.value += 2 * parallel.axis_index()
        return x

    Parallel(f)(jn.zeros(4))
    assert count.dtype == np.int32 and int(count.value) == 2**30 + 4


def test_a_variable_that_some_devices_do_not_write_counts_as_it_was(four):
    state = StateVar(jn.array(4.0))

    def f(x):
        if parallel.axis_index() == 1:
            state.value += 4
        return x

    Parallel(f)(jn.zeros(4))
    assert float(state.value) == 5.0


def test_a_variable_without_reduce_must_not_differ(four):
    state = StateVar(jn.array(0.0), reduce=None)

    def same(x):
        state.value += 1
        return x

    def differs(x):
        state.value += parallel.axis_index()
        return x

    Parallel(same)(jn.zeros(4))
    assert float(state.value) == 1.0
    with pytest.raises(ValueError, match=r"a StateVar of shape \(\) has no reduce and differs from device to device"):
        Parallel(differs)(jn.zeros(4))
    with pytest.raises(ValueError, match="counter has no reduce and differs"):
        Parallel(differs, {"counter": state})(jn.zeros(4))
    assert float(state.value) == 1.0


def test_random_states_are_split(devices):
    generator = random.Generator(7)
    keys = cuobjax.RandomState(7).split(devices)
    state = cuobjax.RandomState(7)
    state.split(devices)
    draw = Parallel(lambda x: random.uniform(x.shape, generator=generator))
    got = np.array(draw(jn.zeros((devices * 2, 5))))
    for i in range(devices):
        own = random.Generator(0)
        own.key.value = keys[i]
        np.testing.assert_array_equal(got[2 * i : 2 * i + 2], random.uniform((2, 5), generator=own))
    np.testing.assert_array_equal(generator.key.value, state.value)
    assert not np.intersect1d(got, np.array(draw(jn.zeros((devices * 2, 5))))).size
    assert len(np.unique(got)) == got.size


def test_dropout_differs_between_devices_and_calls(four):
    drop = Parallel(nn.Dropout(0.5, generator=random.Generator(1)))
    masks = np.array([drop(jn.ones((8, 50)), training=True) for _ in range(2)]) > 0
    assert len(np.unique(masks.reshape(16, 50), axis=0)) == 16


# Training.


def network():
    generator = random.Generator(3)
    w = [TrainVar(random.normal(shape, generator=generator) * 0.5) for shape in ((3, 8), (8, 2))]
    net = cuobjax.Module()
    net.w0, net.w1 = w
    net.count = StateVar(jn.array(0, "int32"))
    return net


def training(net, collective):
    """A function of a batch that trains, and returns the loss."""
    opt = optimizer.Momentum(net.vars())

    def loss(x, y):
        net.count.value += 1
        return ((functional.tanh(x @ net.w0.value) @ net.w1.value - y) ** 2).mean()

    gradient = GradValues(loss, net.vars())

    def train(x, y):
        g, v = gradient(x, y)
        opt(0.1, collective(g))
        return collective(v[0])

    return train


@pytest.mark.parametrize("replicated", [False, True])
def test_data_parallel_training_is_training(devices, replicated):
    alone, together = network(), network()
    data = [(random.normal((24, 3)), random.normal((24, 2))) for _ in range(5)]
    single = training(alone, lambda g: g)
    losses = [float(single(*batch)) for batch in data]
    many = Parallel(training(together, parallel.pmean), reduce=first)
    if replicated:
        with replicate(together.vars()):
            assert together.w0.shape == (devices, 3, 8)
            got = [float(many(*batch)) for batch in data]
    else:
        got = [float(many(*batch)) for batch in data]
    np.testing.assert_allclose(got, losses, rtol=1e-5)
    for a, b in zip(alone.vars().tensors(), together.vars().tensors(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_gradients_around_are_those_of_the_whole_batch(devices):
    net = network()
    x, y = random.normal((24, 3)), random.normal((24, 2))

    def error(x, y):
        return ((functional.tanh(x @ net.w0.value) @ net.w1.value - y) ** 2).mean(1)

    per_example = Parallel(error)
    whole = GradValues(lambda x, y: error(x, y).mean(), net.vars(), (0,))(x, y)
    split = GradValues(lambda x, y: per_example(x, y).mean(), net.vars(), (0,))(x, y)
    for a, b in zip(whole[0] + whole[1], split[0] + split[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-7)


def test_gradients_around_are_the_same_every_time(four):
    """Devices take turns where a tape records, so that sums are made in one order."""
    net = network()
    x, y = random.normal((24, 3)), random.normal((24, 2))
    body = Parallel(lambda x, y: parallel.pmean(((functional.tanh(x @ net.w0.value) @ net.w1.value - y) ** 2).mean()),
        reduce=first)  # fmt: skip
    gradient = GradValues(lambda x, y: body(x, y), net.vars())
    expected = [g.tolist() for g in gradient(x, y)[0]]
    for _ in range(20):
        assert [g.tolist() for g in gradient(x, y)[0]] == expected


# Batch normalization.

LAYERS = {
    synced.SyncedBatchNorm0D: (nn.BatchNorm0D, (24, 4)),
    synced.SyncedBatchNorm1D: (nn.BatchNorm1D, (24, 4, 5)),
    synced.SyncedBatchNorm2D: (nn.BatchNorm2D, (24, 4, 3, 2)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_synced_batch_norm_is_batch_norm_of_the_whole_batch(devices, kind):
    plain, shape = LAYERS[kind]
    one, many = plain(4), kind(4)
    x = random.normal(shape) * 3 + 1
    weights = random.normal(shape)

    def gradient(layer):
        loss = lambda x, w: ((functional.tanh(layer(x, training=True)) * w).sum(), layer(x, training=True))
        return GradValues(loss, layer.vars(), (0,))

    g, (_, y) = gradient(one)(x, weights)

    def program(x, w):
        g, (_, y) = gradient(many)(x, w)
        return g[0], y, [part[None] for part in g[1:]]

    own, outputs, trained = Parallel(program)(x, weights)
    np.testing.assert_allclose(outputs, y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(own, g[0], rtol=1e-3, atol=1e-5)
    for a, b in zip(g[1:], trained, strict=True):
        np.testing.assert_allclose(b.sum(0), a, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(many.running_mean.value, one.running_mean.value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(many.running_var.value, one.running_var.value, rtol=1e-4)
    np.testing.assert_allclose(Parallel(many)(x, training=False), one(x, training=False), rtol=1e-5, atol=1e-5)


def test_synced_batch_norm_without_update(four):
    layer = synced.SyncedBatchNorm0D(3)
    x = random.normal((8, 3))
    before = layer.running_mean.value, layer.running_var.value
    y = Parallel(lambda x: layer(x, training=True, batch_norm_update=False))(x)
    assert layer.running_mean.value is before[0] and layer.running_var.value is before[1]
    np.testing.assert_allclose(y, nn.BatchNorm0D(3)(x, training=True), rtol=1e-4, atol=1e-5)


def test_synced_batch_norm_trains_in_parallel_only():
    layer = synced.SyncedBatchNorm2D(3)
    with pytest.raises(NameError, match="unbound axis name: device"):
        layer(jn.zeros((2, 3, 4, 4)), training=True)
    assert layer(jn.zeros((2, 3, 4, 4)), training=False).shape == (2, 3, 4, 4)
    assert repr(layer).endswith("SyncedBatchNorm2D(nin=3, momentum=0.999, eps=1e-06)")


# Replication.


def test_replicas_differ_from_call_to_call(four):
    state = StateVar(jn.array(0.0))

    def f(x):
        state.value += parallel.axis_index()
        return x

    with replicate(cuobjax.VarCollection(s=state)):
        for _ in range(2):
            Parallel(f)(jn.zeros(4))
        assert state.value.tolist() == [0, 2, 4, 6]
    assert state.value.tolist() == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, None])
def test_s14_variables_are_whole_again_after_any_exit(four, error):
    mean, count, none = StateVar(jn.zeros(2)), StateVar(jn.array(1, "int32")), StateVar(jn.ones(2), reduce=None)
    unchanged, key = StateVar(jn.ones(2), reduce=sum), cuobjax.RandomState(5)
    after_split = cuobjax.RandomState(5)
    after_split.split(4)
    vc = cuobjax.VarCollection({"m": mean, "c": count, "n": none, "u": unchanged, "k": key})

    def f(x):
        mean.value += parallel.axis_index()
        count.value += 1
        none.value += parallel.axis_index()
        return random.uniform((1,), generator=generator)

    generator = random.Generator(0)
    generator._key = key

    def train():
        with replicate(vc):
            assert [v.shape for v in vc] == [(4, 2), (4,), (4, 2), (4, 2), (4, 2)]
            drawn = Parallel(f)(jn.zeros(4))
            assert len(set(drawn.tolist())) == 4
            with pytest.raises(ValueError, match="is replicated already"), replicate(vc):
                pass
            if error is not None:
                raise error
        return True

    if error is None:
        assert train()
    else:
        with pytest.raises(error):
            train()
    assert mean.value.tolist() == [1.5, 1.5]
    assert count.value.tolist() == 2 and count.dtype == np.int32
    assert none.value.tolist() == [1, 1]
    assert unchanged.value.tolist() == [1, 1]
    np.testing.assert_array_equal(key.value, after_split.value)


def test_s14_a_reduce_that_fails_leaves_what_was(four):
    def broken(x):
        raise ZeroDivisionError

    a, b = StateVar(jn.zeros(2)), StateVar(jn.ones(2), reduce=broken)

    def f(x):
        a.value += 1
        b.value += 1
        return x

    with pytest.raises(ZeroDivisionError), replicate(cuobjax.VarCollection(a=a, b=b)):
        Parallel(f)(jn.zeros(4))
    assert a.value.tolist() == [0, 0] and b.value.tolist() == [1, 1]
    with pytest.raises(ZeroDivisionError):
        Parallel(f)(jn.zeros(4))
    assert a.value.tolist() == [0, 0] and b.value.tolist() == [1, 1]


def test_replicas_of_one_device_are_not_taken_apart_again(monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    state = StateVar(jn.zeros(2))

    def f(x):
        state.value += parallel.axis_index()
        return inner(x)

    inner = Parallel(lambda x: x + state.value.sum(), axis_name="inner")
    with replicate(cuobjax.VarCollection(s=state)):
        np.testing.assert_array_equal(Parallel(f)(jn.zeros(4)), [0, 0, 2, 2])


def test_replicating_a_reference_replicates_what_it_refers_to(four):
    w = TrainVar(jn.ones(2))
    with replicate(cuobjax.VarCollection(r=cuobjax.TrainRef(w), w=w)):
        assert w.shape == (4, 2)
    assert w.shape == (2,)


# Failures.


def spoiled(kind, net):
    """A function that changes everything and then fails on one device."""

    def f(x):
        net.count.value += 1
        net.w0.assign(net.w0.value * 2)
        x = x + random.uniform(x.shape)
        total = parallel.psum(x)
        rank = parallel.axis_index()
        if rank == 2 and kind == "raises":
            raise ValueError("spoiled")
        if rank == 2 and kind == "interrupts":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # which also wakes it
        if rank == 2 and kind == "leaves":
            return total
        if rank == 2 and kind == "strays":
            parallel.pmax(total)
        for _ in range(2 if kind != "interrupts" else 10**9):
            total = parallel.psum(total / 4)  # which stays as it is, however long the interrupt takes
        return total if kind != "shapes" else total[:rank]

    return f


FAILURES = {"raises": ValueError, "leaves": RuntimeError, "strays": RuntimeError, "shapes": ValueError}


@pytest.mark.parametrize("kind", FAILURES)
def test_nothing_has_changed_after_a_failure(four, kind):
    net = network()
    key = random.DEFAULT_GENERATOR.key
    variables = [*net.vars(), key]
    before = [v.value for v in variables]
    with pytest.raises(FAILURES[kind]):
        in_time(lambda: Parallel(spoiled(kind, net), reduce=first)(jn.zeros(8)))
    assert all(v.value is old for v, old in zip(variables, before, strict=True))


def test_nothing_has_changed_after_keyboard_interrupt(four):
    net = network()
    variables = [*net.vars(), random.DEFAULT_GENERATOR.key]
    before = [v.value for v in variables]
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # programs in the background ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            Parallel(spoiled("interrupts", net))(jn.zeros(8))
    finally:
        signal.signal(signal.SIGINT, handler)
    assert all(v.value is old for v, old in zip(variables, before, strict=True))


class Deaf:
    """A lock that no signal wakes from its wait, as one that comes just before the wait begins."""

    def __init__(self, lock):
        self.lock, self.release = lock, lock.release

    def acquire(self, timeout=-1):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return self.lock.acquire(timeout=timeout)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def test_an_interrupt_that_comes_before_the_wait_is_heard(four, monkeypatch):
    begin = Group.__init__

    def deaf(group, *args):
        begin(group, *args)
        group._over = Deaf(group._over)

    monkeypatch.setattr(Group, "__init__", deaf)
    test_nothing_has_changed_after_keyboard_interrupt(four)


def test_the_error_names_the_device_and_the_operation(four):
    with pytest.raises(ValueError, match="spoiled") as caught:
        Parallel(spoiled("raises", network()))(jn.zeros(8))
    notes = "\n".join(caught.value.__notes__)
    assert "on device 2 (cpu) of 4" in notes and "psum of float32 (2,)" in notes


@pytest.mark.parametrize("raises", ["another operation", "in the operation"])
def test_an_error_in_an_operation_ends_the_call_even_if_the_function_catches_it(four, monkeypatch, raises):
    """The others wait for this device."""

    def broken(*args):
        raise RuntimeError("broken: same collective operations")

    def f(x):
        try:
            return parallel.psum(x if parallel.axis_index() else x.astype(dtype))
        except RuntimeError:
            return x

    dtype = "int32" if raises == "another operation" else "float32"
    if raises == "in the operation":
        monkeypatch.setattr(Group, "combined", broken)
    with pytest.raises(RuntimeError, match="same collective operations"):
        in_time(lambda: Parallel(f)(jn.zeros(4)))


def test_a_failure_under_gradients_leaves_nothing(four):
    net = network()
    variables = [*net.vars(), random.DEFAULT_GENERATOR.key]
    before = [v.value for v in variables]
    gradient = GradValues(lambda x: Parallel(spoiled("raises", net))(x).sum(), net.vars())
    with pytest.raises(ValueError, match="spoiled"):
        in_time(lambda: gradient(jn.zeros(8)))
    assert all(v.value is old for v, old in zip(variables, before, strict=True))


# On every device that is there: several GPUs, or the CPU.


def test_training_on_the_devices_that_are_there(xp, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    alone, together = network(), network()
    x, y = random.normal((24, 3)), random.normal((24, 2))
    single = training(alone, lambda g: g)
    many = Parallel(training(together, parallel.pmean), reduce=first)
    for _ in range(2):
        np.testing.assert_allclose(float(many(x, y)), float(single(x, y)), rtol=1e-5)
    for a, b in zip(alone.vars().tensors(), together.vars().tensors(), strict=True):
        assert b.device == a.device
        np.testing.assert_allclose(np.array(b), np.array(a), rtol=2e-5, atol=1e-6)


def test_collectives_and_gradients_on_the_devices_that_are_there(xp, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    n = Parallel(lambda x: x).ndevices
    w = TrainVar(jn.array(2.0))
    x = jn.arange(float(n)) + 1

    def f(x):
        assert x.device == cuobjax.default_device()
        gathered = parallel.all_gather(x[0] * w)
        return parallel.psum(gathered[parallel.axis_index()] ** 2), parallel.pmax(x), parallel.pmin(x)

    g, (total, largest, smallest) = GradValues(Parallel(f, reduce=first), {"w": w}, (0,))(x)
    squares = float((np.arange(n) + 1.0) @ (np.arange(n) + 1.0))
    np.testing.assert_allclose([float(total), float(largest[0]), float(smallest[0])], [4 * squares, n, 1])
    np.testing.assert_allclose(np.array(g[0]), 8 * (np.arange(n) + 1))
    np.testing.assert_allclose(float(g[1]), 4 * squares)
    inside = Parallel(lambda x: GradValues(lambda x: f(x)[0], {"w": w}, (0,))(x)[0][0])(x)
    np.testing.assert_allclose(np.array(inside), 8 * n * (np.arange(n) + 1))
    drawn = Parallel(lambda x: random.uniform((1,)))(x)
    assert len(np.unique(np.array(drawn))) == n


# Among other transformations.


def test_parallel_in_parallel(monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    inner = Parallel(lambda x: x + parallel.psum(x, "inner") * 10, axis_name="inner")
    y = Parallel(lambda x: inner(x) + parallel.psum(x).sum())(jn.arange(4.0))
    np.testing.assert_array_equal(y, [0 + 10 + 6, 1 + 10 + 6, 2 + 50 + 6, 3 + 50 + 6])
    with pytest.raises(NameError, match="unbound axis name: device"):  # an outer axis is not one of the inner devices
        Parallel(Parallel(lambda x: parallel.psum(x), axis_name="inner"))(jn.arange(4.0))


def test_vectorize_inside_and_around(four):
    w = TrainVar(jn.arange(3.0))
    x = random.normal((8, 3))
    expected = np.array(x) @ np.arange(3.0)
    dot = lambda x: jn.dot(x, w.value)
    np.testing.assert_allclose(Parallel(Vectorize(dot))(x), expected, rtol=1e-5)
    lanes = jn.stack([x, 2 * x])
    around = Vectorize(Parallel(lambda x: dot(x) + parallel.psum(x.sum())))(lanes)
    np.testing.assert_allclose(around, [expected + np.sum(x), 2 * expected + 2 * np.sum(x)], rtol=1e-4)


def test_random_numbers_of_lanes_on_devices_differ(four):
    generator = random.Generator(2)
    draw = Vectorize(lambda x: random.uniform((3,), generator=generator))
    assert len(np.unique(Parallel(draw)(jn.zeros(8)))) == 24
    around = Vectorize(Parallel(lambda x: random.uniform((1, 3), generator=generator)))
    assert len(np.unique(around(jn.zeros((2, 4))))) == 24


def test_remat_inside(four):
    net = nn.Linear(3, 2)
    x = random.normal((8, 3))
    remat = cuobjax.Remat(lambda x: functional.tanh(net(x)))
    plain = GradValues(lambda x: functional.tanh(net(x)).sum(), net.vars())(x)[0]
    around = GradValues(lambda x: Parallel(remat)(x).sum(), net.vars())(x)[0]
    inside = Parallel(lambda x: parallel.psum(GradValues(lambda x: remat(x).sum(), net.vars())(x)[0]), reduce=first)(x)
    for a, b, c in zip(plain, around, inside, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5)
        np.testing.assert_allclose(c, a, rtol=1e-5)


def test_jit_around(devices):
    net = network()
    x, y = random.normal((24, 3)), random.normal((24, 2))
    copied = pickle.loads(pickle.dumps(net))
    plain = Parallel(training(net, parallel.pmean), reduce=first)
    program = Jit(Parallel(training(copied, parallel.pmean), reduce=first))
    for _ in range(3):
        np.testing.assert_allclose(program(x, y), plain(x, y), rtol=1e-5)
    for a, b in zip(net.vars().tensors(), copied.vars().tensors(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    assert program._recordings == 1


# Results that are the same on all devices are not taken for others of their shape.


@pytest.fixture
def by_device(monkeypatch):
    """`by_device(f)` is a function of a number that gives what `f` of the arrays [1], [2] and it returns."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")

    def made(f):
        together = Parallel(f, reduce=lambda x: x, static_argnums=1)
        return lambda call: np.ravel(together(jn.array([[1.0], [2.0]]), call)).tolist()

    return made


def test_means_of_several_dtypes_in_other_orders(by_device):
    def f(x, call):
        a, b, c = x.astype("int32"), 10 * x, (100 * x).astype("int32")
        return parallel.pmean([a, c, b] if parallel.axis_index() else [a, b, c])[1]

    assert by_device(f)(0) == [15, 150]


def test_programs_that_devices_recorded_in_different_calls(by_device):
    """Each after another number of operations."""

    def either(x):
        return (parallel.psum(x), parallel.psum(2 * x))[parallel.axis_index()]

    program = Jit(either)

    def f(x, call):
        if not call:
            return (program if parallel.axis_index() else either)(x)
        parallel.psum(x)
        return program(x)

    call = by_device(f)
    assert [call(k) for k in range(4)] == [[3, 6]] * 4


def test_programs_that_had_operations_on_constants(by_device):
    """These are not repeated: what was the second operation on both devices is the first on one of them."""
    zeros = lambda: parallel.psum(jn.zeros((1, 1)))
    early = Jit(lambda x: (parallel.psum(x), parallel.psum(2 * x), zeros())[1])
    late = Jit(lambda x: (zeros(), parallel.psum(x), parallel.psum(2 * x))[1])
    call = by_device(lambda x, call: (late if parallel.axis_index() else early)(x))
    assert [call(0) for _ in range(3)] == [[4, 4], [6, 3], [6, 3]]


def test_programs_with_other_operations_around(by_device):
    """One device returns the last of two results, the other one the only one, with an operation before."""
    two, one = Jit(lambda x: (parallel.psum(x), parallel.psum(2 * x))), Jit(lambda x: parallel.psum(2 * x))

    def f(x, call):
        if parallel.axis_index():
            return two(x)[call]
        parallel.psum(x)
        return one(x)

    assert [by_device(f)(k) for k in (1, 1, 0, 0)] == [[6, 6], [6, 6], [6, 3], [6, 3]]


def test_results_of_programs_are_known_after_other_operations(by_device):
    program, known = Jit(parallel.psum), []

    def f(x, call):
        y = program(parallel.psum(x))
        known.append(own_member().noted(y) is not None)
        return y

    assert [by_device(f)(0) for _ in range(3)] == [[6, 6]] * 3
    assert known[2:] == [True] * 4  # after the call that recorded it


def test_constants_of_programs_from_different_calls(by_device):
    sums = {}
    program = Jit(lambda x: sums[parallel.axis_index()])

    def f(x, call):
        rank = parallel.axis_index()
        sums[rank] = parallel.psum((call + 1) * x)
        return sums[rank] if call < 2 and call != rank else program(x)

    call = by_device(f)
    assert [call(k) for k in range(4)] == [[3, 3], [6, 6], [3, 6], [3, 6]]


def test_programs_around_know_the_number_of_devices(monkeypatch):
    """Of this moment, not of the recording."""
    program, other = Jit(Parallel(lambda x: (x * 0 + parallel.psum(1), x.mean() + 0 * x))), Jit(lambda x: x * 2)
    x = jn.arange(12.0)
    for n in (2, 4, 2, 3):
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(n))
        for _ in range(2):
            count, mean = program(other(x) / 2)
            np.testing.assert_array_equal(count, np.full(12, n))
            np.testing.assert_array_equal(mean, np.arange(12.0).reshape(n, -1).mean(1).repeat(12 // n))
    assert (program.explain().recordings, other.explain().recordings) == (3, 1)
    assert program.explain().causes == {"the devices": 2}
    assert program.explain().programs[1].causes == ("the devices: cpu, cpu, then cpu, cpu, cpu, cpu",)
    lowered = program.lower(x)
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "4")
    with pytest.raises(ValueError, match=r"^Lowered: expected .* and devices that it was made for"):
        lowered(x)
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    monkeypatch.setattr(processes, "_processes", processes.Processes())
    program(x)
    assert program.explain().recordings == 4
    assert program._programs and all(found.devices for programs in program._programs.values() for found in programs)
    (found, *_), *_ = program._programs.values()
    processes.current().rank, processes.current().size = 1, 2
    found.devices = devices_together()
    assert found.conditions({})["the devices"] == "cpu, cpu, cpu in process 1 of 2"
    monkeypatch.setattr(processes, "_processes", processes.Processes())
    around = Jit(lambda x: program(x)[0] + 1)
    for n in (3, 4):
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(n))
        for _ in range(2):
            np.testing.assert_array_equal(around(x), np.full(12, n + 1))


def test_programs_around_keep_what_is_the_same_on_all_devices(monkeypatch):
    """A mean of three equal numbers may be another one."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    values = np.random.default_rng(0).normal(size=50).astype("f4")
    assert (np.stack([values] * 3).mean(0) != values).any()
    mean, none, whole = StateVar(values), StateVar(values, reduce=None), StateVar(np.arange(3))

    def f(x):
        rank = parallel.axis_index() * whole.value[:1].astype("f4")  # on each device another operation
        for v in (mean, none):
            v.assign(v.value + (rank - rank).sum())
        whole.assign(whole.value + 1)
        return x

    program = Jit(Parallel(f))
    for number in range(3):
        program(jn.zeros(3))
        np.testing.assert_array_equal(mean.value, values)
        np.testing.assert_array_equal(none.value, values)
        np.testing.assert_array_equal(whole.value, np.arange(3) + number + 1)
    assert program._recordings == 1


def test_values_that_begin_to_differ_are_reduced_in_programs(four):
    mean, first_one, none = StateVar(jn.ones(2)), StateVar(jn.ones(2), reduce=reduce_first), StateVar(jn.ones(2), None)

    def f(x, y):
        mean.assign(mean.value + x.sum())
        first_one.assign(first_one.value + x.sum())
        none.assign(none.value + y.sum())
        return x

    program, same, other = Jit(Parallel(f)), jn.ones(4), jn.arange(4.0)
    for x in (same, same, other):
        program(x, same)
    np.testing.assert_array_equal(mean.value, [4.5, 4.5])  # 1 + 1 + 1 + (0 + 1 + 2 + 3) / 4
    np.testing.assert_array_equal(first_one.value, [3, 3])
    with pytest.raises(ValueError, match=r"Parallel: a variable of shape \(2,\) has no reduce and differs from device"):
        program(same, other)
    assert [v.value.tolist() for v in (mean, first_one, none)] == [[4.5, 4.5], [3, 3], [4, 4]]
    assert program._recordings == 1


def test_files_of_programs_around(monkeypatch, tmp_path):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")
    v = StateVar(np.float32([0.1, 0.2, 0.7]))

    def f(x):
        v.assign(v.value * 3)
        return x * v.value.sum()

    program, x = Jit(Parallel(f)), jn.arange(6.0)
    program.lower(x).save(tmp_path / "program.npz")
    loaded = cuobjax.io.load_program(tmp_path / "program.npz")
    for _ in range(3):
        np.testing.assert_array_equal(loaded(x), program(x))
        np.testing.assert_array_equal(*[w.value for w in loaded.vars()], v.value)


def test_jit_inside(devices):
    net = network()
    x, y = random.normal((24, 3)), random.normal((24, 2))
    copied = pickle.loads(pickle.dumps(net))
    plain = Parallel(training(net, parallel.pmean), reduce=first)
    program = Parallel(Jit(training(copied, parallel.pmean)), reduce=first)
    for _ in range(3):
        np.testing.assert_allclose(program(x, y), plain(x, y), rtol=1e-5)
    for a, b in zip(net.vars().tensors(), copied.vars().tensors(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_jit_inside_knows_its_device(four):
    """A program holds the number of the device that recorded it, so that each device needs its own."""
    f = Parallel(Jit(lambda x: x * parallel.axis_index() + parallel.psum(x)))
    for _ in range(3):
        np.testing.assert_array_equal(f(jn.ones(4)), np.arange(4) + 4)


def test_jit_inside_keeps_what_other_devices_wait_for(four):
    """One device returns a sum that the others make and do not need: each has a program of its own."""

    def f(x, rank):
        y = parallel.psum(x)
        return y if rank == 0 else x

    program = Jit(f, static_argnums=(1,))
    for _ in range(2):
        y = in_time(lambda: Parallel(lambda x: program(x, parallel.axis_index()))(jn.ones(4)))
        np.testing.assert_array_equal(y, [4, 1, 1, 1])


def test_jit_with_random_numbers(four):
    generator = random.Generator(4)
    draw = lambda x: random.uniform(x.shape, generator=generator)
    x = jn.zeros((8, 3))
    expected = [np.array(Parallel(draw)(x)) for _ in range(3)]
    for transformed in (Parallel(Jit(draw)), Jit(Parallel(draw))):
        generator.seed(4)
        np.testing.assert_array_equal([np.array(transformed(x)) for _ in range(3)], expected)


def test_gradients_around_jit_inside_and_the_other_way_round(four):
    net = network()
    x, y = random.normal((24, 3)), random.normal((24, 2))
    error = lambda x, y: parallel.pmean(((functional.tanh(x @ net.w0.value) @ net.w1.value - y) ** 2).mean())
    expected = GradValues(Parallel(error, reduce=first), net.vars())(x, y)[0]
    for body in (Parallel(Jit(error), reduce=first), Jit(Parallel(error, reduce=first))):
        gradient = GradValues(body, net.vars())
        for _ in range(2):
            for a, b in zip(expected, gradient(x, y)[0], strict=True):
                np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-7)


def test_unequal_outputs_that_are_no_arrays(four):
    with pytest.raises(ValueError, match="to be the same"):
        Parallel(lambda x: (x, f"device {parallel.axis_index()}"))(jn.arange(8.0))


def test_nan_is_the_same_on_all_devices(four):
    state = StateVar(jn.zeros(2), reduce=None)

    def f(x):
        state.value = jn.array([np.nan, 1.0])
        return x

    Parallel(f)(jn.arange(8.0))
    np.testing.assert_array_equal(state.value, [np.nan, 1.0])


def test_all_threads_know_of_replicas(four, tmp_path):
    w = TrainVar(jn.array([1.0, 2.0]))
    found = []
    with replicate({"w": w}.values()):
        call = Parallel(lambda x: x * w.value.sum())
        thread = threading.Thread(target=lambda: found.append(call(jn.ones(4))))
        thread.start()
        thread.join()
        with pytest.raises(ValueError, match="got replicas"):
            cuobjax.io.save_var_collection(tmp_path / "w.npz", cuobjax.VarCollection(w=w))
    np.testing.assert_array_equal(found[0], np.full(4, 3.0))


def test_python_numbers_in_programs_with_parallel(four):
    for jitted in (Jit(Parallel(lambda x, n: x * n)), Parallel(Jit(lambda x, n: x * n))):
        for n in (2.0, 3.0):
            y = jitted(jn.arange(8.0), n)
            assert y.dtype == "float32"
            np.testing.assert_array_equal(y, np.arange(8) * n)


def test_replicas_in_a_scope_are_that_scopes(four):
    v = StateVar(jn.array([1.0, 2.0, 3.0]))
    found = []

    def f(x):
        with replicate({"v": v}.values()):
            thread = threading.Thread(target=lambda: found.append(Parallel(lambda x: x + v.value.sum())(jn.zeros(4))))
            thread.start()
            thread.join()
            return x * Parallel(lambda x: x + v.value.sum())(jn.zeros(4)).sum()

    (gradient,) = cuobjax.Grad(f, None, (0,))(2.0)
    np.testing.assert_array_equal(found[0], np.full(4, 6.0))
    assert float(gradient) == 24


class ArrayLike:
    """An array of another library: something that NumPy makes an array of."""

    def __init__(self, a):
        self.a = np.asarray(a)

    def __array__(self, dtype=None, copy=None):
        return self.a.astype(dtype or self.a.dtype)


def test_arrays_of_other_libraries_are_split(four):
    x = np.arange(16.0, dtype="f4").reshape(8, 2)
    rows = StateVar(jn.zeros(()), reduce=lambda rows: rows.sum(0))

    def f(x, more):
        rows.value = jn.array(float(jn.asarray(x).shape[0]))
        return jn.asarray(x) * jn.asarray(more["scale"])

    y = Parallel(f)(ArrayLike(x), {"scale": ArrayLike(3.0)})
    np.testing.assert_array_equal(y, x * 3)
    assert float(rows.value) == 8  # of all devices together
    with pytest.raises(ValueError, match=r"equally divide batch \(6, 2\) among 4 devices"):
        Parallel(f)(ArrayLike(x[:6]), {"scale": 1.0})
