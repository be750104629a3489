"""Sharded: the steps of an optimizer whose states are shared out are those of the optimizer alone."""

import copy
import pickle

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from autograd import backend
from autograd.backend import local_devices
from cuobjax import GradValues, Jit, Parallel, TrainRef, TrainVar, functional, io, nn, optimizer
from cuobjax.core.replication import replicate
from cuobjax.functional import parallel
from cuobjax.optimizer import Sharded

OPTIMIZERS = {
    "SGD": optimizer.SGD,
    "Momentum": optimizer.Momentum,
    "Adam": optimizer.Adam,
    "AdamW by name": lambda vc: optimizer.AdamW(vc, weight_decay={"*.w": 0.1, "*": 0}),
    "RAdam": optimizer.RAdam,
    "NAdam": optimizer.NAdam,
    "Adagrad": optimizer.Adagrad,
    "Adadelta": optimizer.Adadelta,
    "RMSprop": optimizer.RMSprop,
    "Lion": optimizer.Lion,
}


@pytest.fixture(params=[1, 2, 3])
def devices(request, monkeypatch):
    """So many devices."""
    return use_devices(monkeypatch, request.param)


def use_devices(monkeypatch, count):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(count))
    monkeypatch.setattr(backend, "_own_gpus", tuple(range(count)))
    if cuobjax.default_device().kind == "gpu" and count > backend._gpu_count():
        pytest.skip(f"needs {count} GPUs")
    assert len(local_devices()) == count
    return count


class Network(nn.Sequential):
    """Variables of lengths that no number of devices divides, one of no axes and an empty one."""

    def __init__(self):
        generator = cuobjax.random.Generator(4)
        super().__init__([nn.Linear(5, 3, w_init=lambda shape: cuobjax.random.normal(shape, generator=generator))])
        self.scale, self.empty = TrainVar(jn.array(1.5)), TrainVar(jn.zeros((0, 2)))

    def __call__(self, x):
        return functional.tanh(super().__call__(x)) * self.scale + self.empty.value.sum()


def data(examples):
    x = np.random.default_rng(1).normal(size=(examples, 5)).astype("f4")
    return x, x[:, :3] * 2


def stepping(net, update, mean, lr=0.05):
    gradients = GradValues(lambda x, y: ((net(x) - y) ** 2).mean(), net.vars())

    def step(x, y):
        g, values = gradients(x, y)
        update(lr, mean(g))
        return parallel.pmean(values[0])

    return step


def trained(net, update, mean, devices, steps=4, compiled=False, examples=None, **kwargs):
    step = stepping(net, update, mean, **kwargs)
    step = Jit(step, net.vars() + update.vars()) if compiled else step
    train = Parallel(step, reduce=lambda losses: losses[0])
    return [float(train(*data(examples or 4 * devices))) for _ in range(steps)]


def require_equal(a, b, **tolerance):
    for name, v, w in zip(a.vars().keys(), a.vars(), b.vars(), strict=True):
        np.testing.assert_allclose(np.asarray(v.value), np.asarray(w.value), err_msg=name, **tolerance)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_trains_as_the_optimizer_alone(devices, name, compiled):
    alone, shared = Network(), Network()
    make = OPTIMIZERS[name]
    losses = trained(alone, make(alone.vars()), parallel.pmean, devices)
    got = trained(shared, Sharded(shared.vars(), make), lambda g: g, devices, compiled=compiled)
    np.testing.assert_allclose(got, losses, rtol=1e-4)
    require_equal(shared, alone, rtol=1e-4, atol=1e-5)
    assert losses[-1] != losses[0]


def test_rates_by_name_and_half_precision(devices):
    networks = Network(), Network()
    for net in networks:
        for v in net.vars():
            v.stored = v.value.astype("float16")
    rate = {"*.b": 0.1, "*": 0.01}
    trained(networks[0], optimizer.Adam(networks[0].vars()), parallel.pmean, devices, lr=rate)
    trained(networks[1], Sharded(networks[1].vars(), optimizer.Adam), lambda g: g, devices, lr=rate)
    assert {v.dtype.name for v in networks[1].vars()} == {"float16"}
    require_equal(*networks, rtol=5e-3, atol=1e-3)


def test_each_device_has_its_part_of_the_states(devices):
    net = Network()
    update = Sharded(net.vars(), optimizer.Adam)
    trained(net, update, lambda g: g, devices, steps=2)
    for rank, (opt, place) in enumerate(zip(update.parts, local_devices(), strict=True)):
        for v, p in zip(opt.m, net.vars(), strict=True):
            assert v.shape == (-(-p.value.size // devices),) and v.device == place and v.member == rank
            assert p.value.size < 15 or np.abs(np.asarray(v.value)).sum() > 0
        assert int(opt.step.value) == 2
    assert not [v for v in update.vars() if isinstance(v, TrainRef) and v.ref not in set(net.vars())]


def test_its_variables_are_those_of_the_optimizer_alone(devices):
    net, alone = Network(), Network()
    shared, adam = Sharded(net.vars(), optimizer.Adam), optimizer.Adam(alone.vars())
    trained(net, shared, lambda g: g, devices, steps=2)
    trained(alone, adam, parallel.pmean, devices, steps=2)
    kinds = lambda vc: [(name, v.shape, v.dtype, v.size, v.device) for name, v in vc.items()]
    assert kinds(shared.vars("opt")) == kinds(adam.vars("opt"))
    for name, v, w in zip(adam.vars().keys(), shared.vars(), adam.vars(), strict=True):
        np.testing.assert_allclose(np.asarray(v.value), np.asarray(w.value), rtol=1e-4, atol=1e-5, err_msg=name)
    assert str(shared.vars()) == str(adam.vars())
    for kind in (cuobjax.StateVar, cuobjax.BaseState, TrainRef, TrainVar):
        assert [*shared.vars().subset(kind).keys()] == [*adam.vars().subset(kind).keys()]
    v = shared.vars()["(Adam).m(Network)[0](Linear).w"]
    with pytest.raises(ValueError, match=r"assign: expected shape \(5, 3\), got \(15,\)"):
        v.assign(jn.zeros(15))
    v.value = wanted = jn.arange(15.0).reshape((5, 3))
    np.testing.assert_array_equal(v.value, wanted)
    rows = np.concatenate([np.asarray(part.value) for part in v.parts])
    np.testing.assert_array_equal(rows, [*range(15), *[14] * (len(rows) - 15)])
    other = {"(Adam).m(Network)[0](Linear).w": wanted}
    with pytest.raises(TypeError, match=r"as each device stores a part of this state\. Leave it out"):
        cuobjax.functional_call(shared, other, 0.1, [])
    with pytest.raises(RuntimeError, match="expected its states to be read outside of Parallel"):
        Parallel(lambda x: v.value)(np.ones((devices, 1)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_parts_of_its_own(devices, copied):
    net = nn.Linear(5, 3)
    update = Sharded(net.vars(), optimizer.Adam)
    trained(net, update, lambda g: g, devices, steps=2)
    other_net, other = copied((net, update))
    require_equal(other, update, rtol=0)
    trained(other_net, other, lambda g: g, devices, steps=2)
    v, w = (found.vars()["(Adam).m(Linear).w"] for found in (update, other))
    assert set(v.parts).isdisjoint(w.parts) and not np.array_equal(v.value, w.value)
    assert copy.copy(v).parts == v.parts


def test_it_goes_on_from_a_checkpoint(devices, tmp_path):
    net, other_net = Network(), Network()
    update, other = Sharded(net.vars(), optimizer.Adam), Sharded(other_net.vars(), optimizer.Adam)
    saved = lambda net, update: cuobjax.ModuleList([net, update]).vars()
    trained(net, update, lambda g: g, devices, steps=3)
    checkpoint = io.Checkpoint(tmp_path, keep_ckpts=1)
    checkpoint.save(saved(net, update), 3)
    losses = trained(net, update, lambda g: g, devices)
    checkpoint.restore(saved(other_net, other))
    assert trained(other_net, other, lambda g: g, devices) == losses
    require_equal(net, other_net, rtol=0)


FORMATS = ["npz", "safetensors", "checkpoint", "asynchronous"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 4), (4, 3), (3, 1), ("alone", 2), (4, "alone")])
def test_it_goes_on_with_another_number_of_devices(before, after, form, monkeypatch, tmp_path):
    """A file has the states of the optimizer alone, so that it fits any number of devices, and that optimizer, too."""

    def made(count):
        n = use_devices(monkeypatch, 1 if count == "alone" else count)
        net = Network()
        update = optimizer.Adam(net.vars()) if count == "alone" else Sharded(net.vars(), optimizer.Adam)
        mean = parallel.pmean if count == "alone" else lambda g: g
        return net, update, lambda steps: trained(net, update, mean, n, steps, examples=12)

    def stored(*modules):
        return cuobjax.ModuleList(modules).vars()

    for count in (before, after):
        use_devices(monkeypatch, 1 if count == "alone" else count)
    always, update, train = made("alone")
    losses = train(6)
    net, update, train = made(before)
    assert train(3) == pytest.approx(losses[:3], rel=1e-4)
    checkpoint = io.Checkpoint(tmp_path, keep_ckpts=1, asynchronous=form == "asynchronous")
    path = tmp_path / f"net.{form}"
    if form in ("npz", "safetensors"):
        io.save_var_collection(path, stored(net, update))
    else:
        checkpoint.save(stored(net, update), 3)
    net, update, train = made(after)
    if form in ("npz", "safetensors"):
        assert not io.load_var_collection(path, stored(net, update)).unused
    else:
        assert checkpoint.restore(stored(net, update))[0] == 3
    assert train(3) == pytest.approx(losses[3:], rel=1e-4)
    require_equal(net, always, rtol=1e-4, atol=1e-5)


def test_a_step_that_fails_changes_nothing(devices):
    net = Network()
    update = Sharded(net.vars(), optimizer.Adam)
    trained(net, update, lambda g: g, devices, steps=1)
    variables = [stored for v in [*net.vars(), *update.vars()] for stored in v.storing()]
    before = [v.value for v in variables]

    def failing(x):
        update(0.1, [v.value for v in net.vars()])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Parallel(failing)(np.ones((devices, 1)))
    assert all(v.value is x for v, x in zip(variables, before, strict=True))


def test_what_it_refuses(devices, monkeypatch):
    net = nn.Linear(4, 4)
    groups = lambda vc: optimizer.Groups(vc, [("*", optimizer.Adam)])

    class Listed(optimizer.SGD):
        elementwise = True

        def __init__(self, vc):
            super().__init__(vc)
            self.seen = cuobjax.ModuleList([cuobjax.StateVar(p.value) for p in self.train_vars])

    with pytest.raises(TypeError, match=r"got .*Listed, which has a state of shape .* that `zeros` did not make"):
        Sharded(net.vars(), Listed)
    refused = [optimizer.LARS, optimizer.LAMB, optimizer.Adafactor, groups, lambda vc: optimizer.Adam]
    for make in refused:
        with pytest.raises(TypeError, match="Sharded: expected an optimizer that does the same with each element"):
            Sharded(net.vars(), make)
    with pytest.raises(TypeError, match=r"got cuobjax\.optimizer\.Adam\. Pass what makes one: Sharded\(vc, Adam\)"):
        Sharded(net.vars(), optimizer.Adam(net.vars()))
    with pytest.raises(ValueError, match="Muon: expected variables with at least two axes"):
        Sharded(net.vars(), optimizer.Muon)
    update = Sharded(net.vars(), optimizer.Adam)
    gradients = [jn.ones_like(v.value) for v in net.vars()]
    with pytest.raises(NameError, match="unbound axis name: device"):
        update(0.1, gradients)
    with pytest.raises(ValueError, match="gradient"):
        Parallel(lambda x: update(0.1, gradients[:1]))(np.ones((devices, 1)))
    if cuobjax.default_device().kind == "cpu":
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(devices + 1))
        with pytest.raises(ValueError, match=f"Sharded: expected {devices} devices, as when it was made"):
            Parallel(lambda x: update(0.1, gradients))(np.ones((devices + 1, 1)))


def test_within_replicate_its_states_stay_parts(devices):
    alone, shared = Network(), Network()
    update = Sharded(shared.vars(), optimizer.Adam)
    trained(alone, optimizer.Adam(alone.vars()), parallel.pmean, devices)
    with replicate([*shared.vars(), *update.vars()]):
        trained(shared, update, lambda g: g, devices)
    require_equal(shared, alone, rtol=1e-4, atol=1e-5)
