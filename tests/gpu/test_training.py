"""A training step: it never waits for the device, keeps float32, and needs the memory that its rules keep."""

import gc
import tracemalloc

import numpy as np
import pytest

import autograd
import cuobjax
from autograd.backend import is_array
from autograd.core import Array
from autograd.taped_run import TapedRun
from benchmarks.gpu import capture
from cuobjax import optimizer
from tests.gpu.steps import STEPS, mlp

WIDTH, LAYERS, BATCH = 32, 32, 512  # many layers: one cotangent, which is not kept, counts little beside them


@pytest.mark.gpu
class TestTransfers:
    """A recording stream refuses transfers and waits: see `capture`."""

    @pytest.mark.parametrize("make", STEPS.values(), ids=STEPS)
    def test_a_step_neither_transfers_nor_waits(self, cupy, make):
        step = make()
        capture.recorded(step)

    @pytest.mark.parametrize(
        "use", [lambda x: float(x.sum()), lambda x: bool(x.any()), lambda x: x.raw.get(), lambda x: x.raw.tolist(),
                lambda x: x[x > 0], lambda x: x.raw.device.synchronize(),
                lambda x: autograd.device_put(np.ones(3), "gpu") + 1],
        ids=["float", "bool", "get", "tolist", "mask", "synchronize", "put"],
    )  # fmt: skip
    def test_what_is_refused(self, cupy, use):
        x = Array(cupy.ones(3))
        with pytest.raises((RuntimeError, cupy.cuda.runtime.CUDARuntimeError)):
            capture.recorded(lambda: use(x))


@pytest.mark.parametrize("make", STEPS.values(), ids=STEPS)
def test_every_array_of_a_step_is_float32(xp, make):
    """Whatever a primitive makes, and the loss; `test_launches.py` looks at the kernels.

    Cross entropy also gives a logarithm for each row, which is float64.
    """
    from autograd.primitive import Primitive

    made, step = [], make()
    original = Primitive.run

    def run(self, args, params):
        y = original(self, args, params)
        parts = y[:1] if self.name == "cross_entropy" else y if type(y) is tuple else (y,)
        made.extend((self.name, part.dtype) for part in parts)
        return y

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Primitive, "run", run)
        loss = step()[0]
    assert loss.dtype == np.float32
    assert len(made) > 10
    assert not [(name, dtype) for name, dtype in made if dtype.kind == "f" and dtype != np.float32]
    for variable in step.variables:
        assert variable.dtype in (np.float32, np.uint32)


def peak_bytes(xp, function):
    """The peak of what is allocated during one call, above what is there before."""
    gc.collect()
    if xp is not np:
        return capture.peak_bytes(function)
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("make", [optimizer.SGD, optimizer.Momentum, optimizer.Adam])
def test_peak_memory_of_a_step(xp, make):
    """At most 1.1 of what the rules keep, the gradients, and the new values of what the step writes."""
    step = mlp(make, WIDTH, LAYERS, BATCH)
    step()
    peak = peak_bytes(xp, step)
    kept, layer = kept_bytes(step), BATCH * WIDTH * 4
    assert LAYERS * layer <= kept < (LAYERS + 3) * layer  # relu's results, which the next matmul keeps, too
    gradients = sum(v.nbytes for v in step.variables if isinstance(v, cuobjax.TrainVar))
    written = sum(v.nbytes for v in step.variables if not isinstance(v, cuobjax.TrainRef))
    assert peak <= 1.1 * (kept + gradients + written), (peak, kept, gradients, written)


def kept_bytes(step):
    """What the tape of the loss keeps, without the variables and the inputs."""
    variables = list(step.variables.subset(cuobjax.TrainVar))
    values = [v.value for v in variables]

    def loss(*values):
        with cuobjax.core.scope.scope(zip(variables, values, strict=True)):
            return step.loss()

    run = TapedRun(loss, tuple(values), {}, tuple(range(len(values))), "test")
    kept = {id(raw): raw for _, edges, _, _ in run.tape.nodes for _, _, kept in edges for raw in arrays_in(kept)}
    for given in (*values, *step.inputs):
        kept.pop(id(given.raw), None)
    return sum(raw.nbytes for raw in kept.values())


def arrays_in(kept):
    """The raw arrays in a nested tuple, views as what they look into."""
    for x in kept:
        if isinstance(x, tuple):
            yield from arrays_in(x)
        elif is_array(x) or isinstance(x, Array):
            x = x.raw if isinstance(x, Array) else x
            yield x if x.base is None else x.base


def optimizers():
    """Functions that make each optimizer, by name."""
    found = {name: getattr(optimizer, name) for name in optimizer.__all__}
    kinds = {
        name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, optimizer.Optimizer)
    }
    half = [("a", optimizer.SGD), ("b", optimizer.Adam)]
    made = {"Lookahead": lambda vc: optimizer.Lookahead(optimizer.Adam(vc), 2)}
    made["Groups"] = lambda vc: optimizer.Groups(vc, half)
    kinds = {name: kind for name, kind in kinds.items() if name not in ("Optimizer", "Sharded")}  # it is for Parallel
    return {name: made.get(name, kind) for name, kind in kinds.items()}


@pytest.mark.gpu
@pytest.mark.parametrize("make", optimizers().values(), ids=optimizers())
def test_an_optimizer_of_variables_on_two_devices_is_one_for_each(cupy, make):
    def trained(*devices):
        gradient = autograd.numpy.array([[1.0, -2.0], [3.0, 0.5]], "float32")
        put = [autograd.device_put(gradient, device) for device in devices]
        vc = {name: cuobjax.TrainVar(Array(x)) for name, x in zip("ab", put, strict=True)}
        opt, scaling, total = make(vc), cuobjax.precision.LossScale(1.0), optimizer.Accumulator(vc)
        average = optimizer.ExponentialMovingAverage(vc, 0.5, debias=True)
        for _ in range(2):
            total([Array(x) for x in put])
            scaling.step(opt, 0.1, optimizer.clip_by_global_norm(total.mean(), 1.0))
            average()
        assert [str(v.device) for v in vc.values()] == list(devices)
        return [
            np.asarray(cuobjax.device_put(x, "cpu"))
            for x in (*[v.value for v in vc.values()], *average.m.vars().tensors())
        ]

    for got, expected in zip(trained("cpu", "gpu:0"), trained("gpu:0", "gpu:0"), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)
