"""Sharded: the steps of an optimizer whose states are shared out are those of the optimizer alone."""

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
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
    """The GPUs that are there, or so many devices on the CPU."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", str(request.param))
    found = len(local_devices())
    if found != request.param and cuobjax.default_device().kind == "gpu" and request.param > 1:
        pytest.skip("as many as there are GPUs")
    return found


class Network(nn.Sequential):
    """Variables of lengths that no number of devices divides, one of no axes and an empty one."""

    def __init__(self):
        generator = cuobjax.random.Generator(4)
        super().__init__([nn.Linear(5, 3, w_init=lambda shape: cuobjax.random.normal(shape, generator=generator))])
        self.scale, self.empty = TrainVar(jn.array(1.5)), TrainVar(jn.zeros((0, 2)))

    def __call__(self, x):
        return functional.tanh(super().__call__(x)) * self.scale + self.empty.value.sum()


def data(devices):
    x = np.random.default_rng(1).normal(size=(4 * devices, 5)).astype("f4")
    return x, x[:, :3] * 2


def stepping(net, update, mean, lr=0.05):
    gradients = GradValues(lambda x, y: ((net(x) - y) ** 2).mean(), net.vars())

    def step(x, y):
        g, values = gradients(x, y)
        update(lr, mean(g))
        return parallel.pmean(values[0])

    return step


def trained(net, update, mean, devices, steps=4, compiled=False, **kwargs):
    step = stepping(net, update, mean, **kwargs)
    step = Jit(step, net.vars() + update.vars()) if compiled else step
    train = Parallel(step, reduce=lambda losses: losses[0])
    return [float(train(*data(devices))) for _ in range(steps)]


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
    names = list(update.vars().keys())
    assert len(names) == len(set(names)) and any("parts" in name and "(Linear).w" in name for name in names)


def test_it_goes_on_from_a_checkpoint(devices, tmp_path):
    net, copy = Network(), Network()
    update, other = Sharded(net.vars(), optimizer.Adam), Sharded(copy.vars(), optimizer.Adam)
    saved = lambda net, update: cuobjax.ModuleList([net, update]).vars()
    trained(net, update, lambda g: g, devices, steps=3)
    checkpoint = io.Checkpoint(tmp_path, keep_ckpts=1)
    checkpoint.save(saved(net, update), 3)
    losses = trained(net, update, lambda g: g, devices)
    checkpoint.restore(saved(copy, other))
    assert trained(copy, other, lambda g: g, devices) == losses
    require_equal(net, copy, rtol=0)


def test_a_step_that_fails_changes_nothing(devices):
    net = Network()
    update = Sharded(net.vars(), optimizer.Adam)
    trained(net, update, lambda g: g, devices, steps=1)
    variables = [*net.vars(), *update.vars()]
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
    refused = [optimizer.LARS, optimizer.LAMB, optimizer.Adafactor, groups, lambda vc: optimizer.Adam]
    for make in refused:
        with pytest.raises(TypeError, match="Sharded: expected an optimizer that does the same with each element"):
            Sharded(net.vars(), make)
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
