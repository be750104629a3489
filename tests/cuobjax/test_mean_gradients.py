"""GradValues(mean_over=...): the bits of pmean, of gradients that travel while the backward pass goes on."""

import threading

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from autograd import backend, nccl
from cuobjax import Grad, GradValues, Jit, Parallel, Remat, TrainVar, Vectorize, nn, optimizer
from cuobjax.functional import parallel
from tests.cuobjax.test_collectives import StandIn
from tests.cuobjax.test_parallel import in_time
from tests.cuobjax.test_sharded import use_devices


@pytest.fixture(params=[1, 2, 4])
def devices(request, monkeypatch):
    """So many devices."""
    return use_devices(monkeypatch, request.param)


@pytest.fixture
def two(monkeypatch):
    """Two devices."""
    return use_devices(monkeypatch, 2)


BUCKETS = [25.0, 1e-6, 0.0006]  # megabytes: one for all, one for each gradient, several of some


class Network(cuobjax.Module):
    """Layers of two dtypes, one used twice, one within Remat, a variable without axes, one that nothing uses."""

    def __init__(self):
        generator = cuobjax.random.Generator(3)
        normal = lambda shape: cuobjax.random.normal(shape, generator=generator)
        self.first, self.twice, self.again, self.last = [nn.Linear(n, m, w_init=normal) for n, m in SIZES]
        for v in self.last.vars():
            v.stored = v.value.astype("float16")
        self.remat = Remat(self.again)
        self.scale, self.unused = TrainVar(jn.array(0.5)), TrainVar(jn.ones(3))

    def __call__(self, x):
        x = jn.tanh(self.twice(jn.tanh(self.twice(jn.tanh(self.first(x))))))
        x = self.last(jn.tanh(self.remat(x)).astype("float16"))
        return (x.astype("float32") ** 2).mean() * self.scale


SIZES = [(6, 9), (9, 9), (9, 9), (9, 4)]


def data(devices):
    return np.random.default_rng(1).normal(size=(2 * devices, 6)).astype("f4")


def trained(devices, compiled, mean=parallel.pmean, **options):
    """All variables, gradients and losses of four steps."""
    net = Network()
    gradients = GradValues(net, net.vars(), **options)
    update = optimizer.Momentum(net.vars())

    def step(x):
        g, values = gradients(x)
        g = mean(g)
        update(0.1, g)
        return [values[0], *[x[None] for x in g]]

    f = Parallel(Jit(step) if compiled else step, reduce=lambda x: x.reshape((devices, -1)))
    outputs = [f(data(devices)) for _ in range(4)]
    return [*outputs, [v.value for v in net.vars()]]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_pmean_bit_for_bit(devices, compiled, bucket):
    expected = trained(devices, compiled)
    found = in_time(lambda: trained(devices, compiled, lambda g: g, mean_over="device", bucket=bucket))
    for step, (xs, ys) in enumerate(zip(found, expected, strict=True)):
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            assert x.dtype == y.dtype, (step, i)
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y), f"step {step}, {i}")
    assert float(found[-1][0].sum()) != 0


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_the_library_of_gpus_sums_in_streams_of_its_own(two, compiled, monkeypatch):
    """Each in one that waits for the gradients, and for which the GPU's own waits before it uses the sums."""
    if cuobjax.default_device().kind == "cpu":
        pytest.skip("needs two GPUs")
    import cupy

    streams, reduce = [], StandIn.allReduce
    monkeypatch.setattr(backend, "nccl", lambda: StandIn)
    monkeypatch.setattr(nccl, "_communicators", nccl._communicators.__wrapped__)
    monkeypatch.setattr(StandIn, "allReduce", lambda: [streams.append([c[-1] for c in StandIn.calls]), reduce()])
    expected = trained(two, compiled)
    own, after = {pointer for found in streams for pointer in found}, len(streams)
    found = trained(two, compiled, lambda g: g, mean_over="device", bucket=1e-6)
    for xs, ys in zip(found, expected, strict=True):
        for x, y in zip(xs, ys, strict=True):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y))
    assert len(streams) > 2 * after and own.isdisjoint(pointer for found in streams[after:] for pointer in found)
    assert {cupy.cuda.Stream.null.ptr} == own


def test_gradients_of_inputs_are_those_of_each_device(devices):
    v = TrainVar(jn.array([2.0, 3.0]))
    gradients = Grad(lambda x: (v * x).sum(), {"v": v}, (0,), mean_over="device", bucket=1e-6)
    of_x, of_v = Parallel(lambda x: [g[None] for g in gradients(x[0])])(data(devices)[:devices, :2])
    np.testing.assert_array_equal(np.asarray(of_x), [[2, 3]] * devices)
    mean = np.asarray(Parallel(lambda x: parallel.pmean(x))(data(devices)[:devices, :2]))
    np.testing.assert_array_equal(np.asarray(of_v), mean)


@pytest.mark.parametrize("compiled", [False, True])
def test_in_other_transformations(devices, compiled):
    """A gradient of a mean gradient, lanes of one, and one whose Parallel is differentiated from outside."""
    v = TrainVar(jn.array([0.5, -1.0]))
    loss = lambda x: (jn.sin(v * x) ** 2).sum()
    own = Grad(loss, {"v": v})
    averaged = Grad(loss, {"v": v}, mean_over="device", bucket=1e-6)
    x = jn.array(data(devices)[:, :2])

    def results(mean):
        compile = Jit if compiled else lambda f: f
        of_first = Grad(lambda x: (mean(x)[0] ** 2).sum(), {"v": v})
        lanes = Vectorize(lambda x: mean(x)[0])
        within = Parallel(compile(lambda x: [of_first(x[0])[0][None], lanes(x)]))
        around = Parallel(compile(lambda x: mean(x[0])[0][None]))
        program = Jit(around)
        found = [*within(x), *within(x), around(x), around(x), program(x), program(x)]
        return [*found, autograd.grad(lambda x: (around(x) ** 3).sum())(x)]

    expected = results(lambda x: parallel.pmean(own(x)))
    for x, y in zip(in_time(lambda: results(averaged)), expected, strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), 1e-6, 1e-6)
    assert all(np.asarray(y).any() for y in expected)


def in_backward(act):
    """The identity, which calls a function in the backward pass."""

    @autograd.custom_vjp
    def identity(x):
        return x

    def backward(_, g):
        act()
        return (g,)

    identity.defvjp(lambda x: (x, None), backward)
    return identity


def test_a_device_goes_on_while_a_sum_waits_for_another(two):
    """Device 0 is past the sum of the last layer's gradients before device 1 has come to it."""
    past, found = threading.Event(), []
    net = nn.Sequential([nn.Linear(3, 3), jn.tanh, nn.Linear(3, 1)])
    before = in_backward(lambda: parallel.axis_index() or past.set())
    after = in_backward(lambda: parallel.axis_index() and found.append(past.wait(30)))
    gradients = Grad(lambda x: after(net[2](before(net[0](x)))).sum(), net.vars(), mean_over="device", bucket=1e-6)
    in_time(lambda: Parallel(lambda x: gradients(x)[0][None])(data(2)[:, :3]))
    assert found == [True]


def test_a_program_has_the_sums_among_its_operations(two):
    net = nn.Sequential([nn.Linear(3, 5), jn.tanh, nn.Linear(5, 5), jn.tanh, nn.Linear(5, 1)])
    gradients = Grad(lambda x: (net(x) ** 2).sum(), net.vars(), mean_over="device", bucket=1e-6)
    step = Jit(lambda x: [g[None] for g in gradients(x)])
    Parallel(step)(data(2)[:, :3])
    for program in step.explain().programs:
        names = [name for s in program.steps for name in s.operations]
        sums = [i for i, name in enumerate(names) if name == "begun"]
        ends = [i for i, name in enumerate(names) if name == "finished"]
        products = [i for i, name in enumerate(names) if name == "matmul"]
        assert len(sums) == len(ends) == 6 and min(ends) > max(sums)
        assert sums[1] < products[-1] < min(ends)
        assert max(ends) - min(ends) == 5  # memory of a sum may be that of the next ones


def test_gradients_are_not_lost_in_a_thread(two):
    v, scale = TrainVar(jn.ones(3)), cuobjax.StateVar(jn.array(2.0))

    def in_thread(f):
        found = []
        thread = threading.Thread(target=lambda: found.append(f()))
        thread.start()
        thread.join()
        return found[0]

    on = autograd.device_put  # without the context, the thread has the value on the first device
    lost = Grad(lambda x: in_thread(lambda: on(v.value, x.device) * x).sum() + v.sum(), {"v": v}, mean_over="device")
    with pytest.raises(RuntimeError, match="Threads: got a value"):
        in_time(lambda: Parallel(lambda x: lost(x[0])[0][None])(np.ones((2, 3), "f4")))
    kept = Grad(lambda x: (v * x * in_thread(lambda: float(scale))).sum(), {"v": v}, mean_over="device")
    np.testing.assert_array_equal(Parallel(lambda x: kept(x[0])[0][None])(np.ones((2, 3), "f4")), np.full((2, 3), 2))


def test_devices_that_read_variables_in_another_order(two):
    a, b = TrainVar(jn.ones(3)), TrainVar(jn.ones(3))

    def loss(x):
        return ((a * x).sum() + (b * x).sum()) if parallel.axis_index() else ((b * x).sum() + (a * x).sum())

    gradients = Grad(loss, {"a": a, "b": b}, mean_over="device", bucket=1e-6)
    with pytest.raises(
        RuntimeError, match=r"got psum of float32 \(3,\), gradients \d on device . and .*, gradients \d"
    ):
        in_time(lambda: Parallel(lambda x: gradients(x[0])[0][None])(data(2)[:, :3]))


def test_an_error_of_a_bucket_has_no_note_about_an_operation(two):
    v = TrainVar(jn.ones(3))

    def step(x):
        if parallel.axis_index():
            parallel.psum(jn.ones(5))
        return gradients(x[0])[0][None]

    gradients = Grad(lambda x: (v * x).sum(), {"v": v}, mean_over="device", bucket=1e-6)
    with pytest.raises(RuntimeError, match=r"psum of float32 \(3,\), gradients 0 on device 0") as caught:
        in_time(lambda: Parallel(step)(data(2)[:, :3]))
    assert not [note for note in caught.value.__notes__ if "in the gradient of" in note]


def test_an_error_in_the_backward_pass_ends_all_devices(devices):
    net = nn.Sequential([nn.Linear(3, 3), jn.tanh, nn.Linear(3, 1)])

    def fail():
        if parallel.axis_index() == devices - 1:
            raise ZeroDivisionError("no luck")

    failing = in_backward(fail)
    gradients = Grad(lambda x: net[2](failing(net[0](x))).sum(), net.vars(), mean_over="device", bucket=1e-6)
    step = Parallel(lambda x: gradients(x)[0][None])
    before = [v.value for v in net.vars()]
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="no luck"):
            in_time(lambda: step(data(devices)[:, :3]))
    assert all(v.value is x for v, x in zip(net.vars(), before, strict=True))


def test_as_a_method_and_what_it_refuses(devices):
    v = TrainVar(jn.ones(3))
    gradients = GradValues(lambda x: (v * x).sum(), {"v": v}, mean_over="device")
    assert repr(gradients).endswith("input_argnums=None, mean_over='device', bucket=25.0)")
    assert "mean_over" not in repr(Grad(lambda x: (v * x).sum(), {"v": v}))
    with pytest.raises(NameError, match="unbound axis name: device"):
        gradients(jn.ones(3))
    other = GradValues(lambda x: (v * x).sum(), {"v": v}, mean_over="batch")
    with pytest.raises(NameError, match="unbound axis name: batch"):
        Parallel(lambda x: other(x))(data(devices))
    np.testing.assert_array_equal(
        Parallel(lambda x: other(x[0, :3])[0][0], axis_name="batch")(data(devices)).shape, 3 * devices
    )
    with pytest.raises(TypeError, match="Grad: expected mean_over as the axis_name of a Parallel, got True"):
        Grad(lambda x: x, {"v": v}, mean_over=True)
    for bucket in (0, "a", None, float("nan")):
        with pytest.raises(ValueError, match=f"GradValues: expected bucket as .* number of megabytes, got {bucket!r}"):
            GradValues(lambda x: x, {"v": v}, mean_over="device", bucket=bucket)

    class Trainer(cuobjax.Module):
        @lambda f: GradValues(f, {"v": v}, mean_over="device", bucket=2)
        def gradients(self, x):
            return (v * x).sum()

    trainer = Trainer()
    assert (trainer.gradients.mean_over, trainer.gradients.bucket) == ("device", 2)
