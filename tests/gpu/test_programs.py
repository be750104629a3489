"""Programs of Jit on CuPy: straight lines of calls, on the GPU where the arrays are."""

import functools
import sys

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
import cuobjax.zoo
from autograd import device_put, grad
from cuobjax import Jit, TrainVar, functional, optimizer
from tests.gpu.steps import mlp

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def on_cupy(cupy):
    with autograd.device("gpu:0"):
        yield cupy


def program_of(jit):
    (program,) = [p for found in jit._programs.values() for p in found]
    return program.run_raw


def normal(*shape):
    return jn.array(np.random.default_rng(0).normal(size=shape).astype("float32"))


def named(run):
    """The functions and constants of a program, by name."""
    return dict(zip(run.__code__.co_varnames[1:], run.__defaults__, strict=False))


def called(run):
    """The names of the Python functions that `run()` calls."""
    names = []

    def profile(frame, event, arg):
        if event == "call":
            names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")

    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(None)
    return names[1:]


def test_operations_are_called_without_dispatch():
    """Kernels, reductions, products, views and indexing: no Python function runs beside the program's own."""
    w, x = normal(4, 4), normal(3, 4)
    jitted = Jit(lambda x: (jn.tanh(x @ w + 1).sum(0), x.T.reshape(-1)[2:], jn.arctan2(x, x).sum(1), x.max(1)))
    jitted(x)
    program, raw = program_of(jitted), [x.raw]
    program(raw)  # compiles kernels
    assert [name.split(":")[-1] for name in called(lambda: program(raw))] == ["__call__", "__call__", "program"]


def gpt(make):
    """A step of training a transformer of two blocks."""
    net = cuobjax.zoo.GPT(ntokens=16, length=8, nfeatures=16, heads=2, layers=2)
    tokens, update = jn.array(np.arange(16).reshape(2, 8)), make(net.vars())
    loss = functional.loss.cross_entropy_logits_sparse
    gradients = cuobjax.GradValues(lambda: loss(net(tokens).reshape((-1, 16)), tokens.reshape(-1)).mean(), net.vars())
    return lambda: update(1e-3, gradients()[0])


@pytest.mark.parametrize(("net", "most"), [(functools.partial(mlp, layers=8), 1.5), (gpt, 3)])
def test_few_functions_are_called_for_an_operation(net, most):
    """Those within kernels included, such as the choice of a kernel by dtypes."""
    jitted = Jit(net(optimizer.Adam))
    for _ in range(3):
        jitted()
    program, inputs = program_of(jitted), []
    owner = next(p for found in jitted._programs.values() for p in found)
    owner.run_raw = lambda values: inputs.append(values) or program(values)
    owner.run_raw.borrowed = program.borrowed
    jitted()
    assert len(called(lambda: program(inputs[0]))) <= most * len(program.graph.operations)


def test_numbers_and_arrays_of_the_host_beside_those_of_a_gpu():
    """They are computed on the host, and go with the kernels."""
    jitted = Jit(lambda x, rate, n: (x * (rate * 2), n + 1, rate - 1, x ** (n * 0.5), jn.where(rate > 0, x, 0)))
    x = normal(2, 3)
    for rate, n in ((np.float32(0.5), 3), (np.array(-2, "float32"), 2)):
        for _ in range(2):
            with autograd.device("cpu"):
                rate_on_host = jn.asarray(rate)
            got = jitted(abs(x), rate_on_host, n)
            expected = abs(x) * (rate * 2), n + 1, rate - 1, abs(x) ** (n * 0.5), jn.where(rate > 0, abs(x), 0)
            for a, b in zip(got, expected, strict=True):
                np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert got[0].device.kind == "gpu" and got[2].device.kind == "cpu"


def test_a_program_that_was_recorded_under_a_derivative_is_one_of_the_gpu():
    jitted = Jit(lambda x: (jn.tanh(x) * 2).sum())
    x = normal(3)
    grad(jitted)(x)
    assert jitted(x) == (jn.tanh(x) * 2).sum()
    assert "fused_tanh_multiply" in program_of(jitted).source


def test_results_are_freed_when_they_are_not_needed_any_more(cupy):
    """The peak of a chain is that of its largest two arrays."""
    jitted = Jit(lambda x: functional.softmax(functional.softmax(functional.softmax(functional.softmax(x)))).sum())
    x = normal(64, 1024)
    jitted(x)
    from benchmarks.gpu.capture import peak_bytes

    assert peak_bytes(lambda: jitted(x)) < 3.2 * x.nbytes
    assert 2 * x.nbytes <= program_of(jitted).peak_bytes < 2.1 * x.nbytes


def test_an_error_names_the_line_that_was_recorded():
    jitted = Jit(lambda x: functional.softmax(jn.cumsum(x * 2, 1)))
    x = normal(2, 3)
    jitted(x)

    def fail(x, axis):
        raise MemoryError("out of memory")

    run = program_of(jitted)._run
    run.__defaults__ = tuple([fail if name == "cumsum" else f for name, f in named(run).items()])
    with pytest.raises(MemoryError, match="out of memory") as caught:
        jitted(x)
    assert any(f"{__file__}:" in note for note in caught.value.__notes__)


def test_variables_are_looked_at_without_calls():
    """A step with many variables takes a few Python calls for each of them."""
    variables = [TrainVar(normal(2)) for _ in range(50)]
    jitted = Jit(lambda: sum(v.value for v in variables))
    jitted()
    jitted()
    assert len(called(jitted)) < 2 * len(variables)


class TestSeveral:
    @pytest.fixture(autouse=True)
    def two(self, on_cupy):
        if on_cupy.cuda.runtime.getDeviceCount() < 2:
            pytest.skip("needs two GPUs")
        self.cupy = on_cupy

    def test_a_program_runs_on_the_gpu_of_its_arrays(self):
        net = cuobjax.nn.Linear(3, 2)
        jitted = Jit(lambda x, w: (functional.softmax(jn.tanh(x @ w) * 2), w.sum()))
        for index in (0, 1, 1, 0):
            there = autograd.Device("gpu", index)
            x, w = device_put(normal(4, 3), there), device_put(net.w.value, there)
            for y, expected in zip(jitted(x, w), (functional.softmax(jn.tanh(x @ w) * 2), w.sum()), strict=True):
                assert y.device == there
                np.testing.assert_array_equal(y.raw.get(), expected.raw.get())
            assert self.cupy.cuda.runtime.getDevice() == 0
        assert sum(map(len, jitted._programs.values())) == 2

    def test_a_program_that_moves_arrays(self):
        jitted = Jit(lambda x: device_put(device_put(x * 2, "gpu:1") + 1, "gpu:0") * 3)
        x = normal(4)
        for _ in range(2):
            y = jitted(x)
            assert str(y.device) == "gpu:0"
            np.testing.assert_array_equal(y.raw.get(), (x.raw.get() * 2 + 1) * 3)
            assert self.cupy.cuda.runtime.getDevice() == 0

    def test_arrays_of_two_gpus_do_not_mix(self):
        jitted = Jit(lambda a, b: jn.tanh(a) * b + 1)
        a = normal(3)
        jitted(a, a)
        with pytest.raises(autograd.DeviceError, match="one device"):
            jitted(a, device_put(a, "gpu:1"))
        variable = TrainVar(a)
        jitted = Jit(lambda x: x * variable.value)
        jitted(a)
        with pytest.raises(autograd.DeviceError, match="one device"):
            jitted(device_put(a, "gpu:1"))
        assert self.cupy.cuda.runtime.getDevice() == 0

    def test_the_gpu_is_the_callers_again_after_an_error(self):
        jitted = Jit(lambda x: functional.softmax(x) + 1)
        x = device_put(normal(2, 3), "gpu:1")
        jitted(x)
        run = program_of(jitted)._run
        run.__defaults__ = tuple([f if name == "use_gpu" else None for name, f in named(run).items()])
        with pytest.raises(TypeError):
            jitted(x)
        assert self.cupy.cuda.runtime.getDevice() == 0


def test_memory_that_runs_out_changes_nothing(on_cupy):
    """While a step is recorded, compiled or replayed, with any amount of free memory."""
    pool = on_cupy.cuda.MemoryPool()  # that of all tests may have gaps
    with on_cupy.cuda.using_allocator(pool.malloc):
        _run_out_of_memory(on_cupy, pool)


def _run_out_of_memory(on_cupy, pool):
    step = mlp(optimizer.Adam, width=256)
    variables, done = list(step.variables), {"record": 0, "replay": 0}
    for what in done:
        jitted = Jit(step)
        for _ in range(0 if what == "record" else 2):
            jitted()
        for room in range(0, 4 << 20, 64 << 10):
            before = [v.value for v in variables]
            pool.free_all_blocks()
            pool.set_limit(size=pool.total_bytes() + room + 1)
            try:
                jitted()
                break
            except on_cupy.cuda.memory.OutOfMemoryError:
                assert all(v.value is old for v, old in zip(variables, before, strict=True))
                done[what] += 1
            finally:
                pool.set_limit(size=0)
        else:
            pytest.fail("this was enough memory")
        jitted()
    assert min(done.values()) > 3


@pytest.mark.parametrize("name", "trunc floor ceil rint isnan isinf isfinite signbit sqrt exp".split())
def test_functions_of_conditions_are_those_of_eager_code(name):
    f = lambda x: getattr(jn, name)(jn.logical_not(x))
    x = jn.array([True, False, True])
    expected, compiled = f(x), cuobjax.Jit(f)
    for _ in range(2):
        found = compiled(x)
        assert found.dtype == expected.dtype and np.asarray(found).tobytes() == np.asarray(expected).tobytes()


def test_norms_of_empty_variables():
    """Kernels over lists compute no sum of an empty one."""

    def trained(way):
        variables = cuobjax.VarCollection({"w": TrainVar(normal(3)), "empty": TrainVar(jn.zeros((0, 2)))})
        update = optimizer.LARS(variables)
        step = way(lambda *gradients: update(0.1, list(gradients)))
        for _ in range(3):
            step(jn.ones(3), jn.zeros((0, 2)))
        return [v.value.raw.get() for v in variables]

    for found, expected in zip(trained(Jit), trained(lambda f: f), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
