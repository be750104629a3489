"""Programs with CUDA graphs give what programs without them give, and say what is in none."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from autograd.backend import Device, synchronize
from autograd.compiler import captured
from autograd.compiler.captured import CapturedProgram
from autograd.compiler.recorder import Recorder
from cuobjax import Jit, StateVar, random
from tests.cuobjax.test_interrupts import interrupted_at
from tests.gpu.steps import STEPS
from tests.properties import test_jit as properties

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def on_cupy(cupy, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CUDA_GRAPH", "1")
    return cupy


def on_cupy_stream():
    import cupy

    return cupy.cuda.get_current_stream()


def normal(*shape, seed=0):
    return jn.array(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def program_of(jit):
    (program,) = [p for found in jit._programs.values() for p in found]
    assert type(program.run_raw) is CapturedProgram
    return program.run_raw


def long(x):
    """Operations that are worth a CUDA graph."""
    for _ in range(4):
        x = F.softmax(jn.cumsum(jn.tanh(x) + 1, 0))
    return x


def mixed(x, w, rate):
    y = long(x) @ w
    z = long(y * 2)
    return y, z.T, (z * rate).sum(), x[:1], long(z)[1:], jn.reshape(z, (-1,))


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.raw.get(), b.raw.get(), strict=True)


def test_results_are_those_of_operations_and_stay():
    jitted, w = Jit(mixed), normal(3, 3, seed=1)
    inputs = [(normal(4, 3, seed=i), w, 0.5 + i) for i in range(6)]
    found = [jitted(*args) for args in inputs]  # all of them, before any is looked at
    for y, args in zip(found, inputs, strict=True):
        assert_same(y, mixed(*args))
    program = program_of(jitted)
    assert len(program.launches) == 3 and min(program.launches) > 8
    assert "cuBLAS" in program.uncaptured["matmul"]
    assert program.uncaptured["multiply"] == "it takes a number of the host"
    text = str(jitted.explain())
    assert f"one of {program.launches[0]} launches" in text and "multiply; it takes a number of the host" in text


def test_arguments_of_any_layout(on_cupy):
    jitted, x = Jit(long), np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    views = [lambda a: a, lambda a: a.copy(order="F"), lambda a: a[::-1], lambda a: a.repeat(2, 0)[::2]]
    for first in views:
        jitted = Jit(long)
        for view in (first, first, *views, *views):
            given = cuobjax.Array(view(on_cupy.asarray(x)))
            np.testing.assert_allclose(jitted(given).raw.get(), long(given).raw.get(), rtol=1e-6)
        assert program_of(jitted).launches


def test_random_numbers_and_variables():
    """Keys and states are those of the operations in each call."""

    def made():
        generator, state = random.Generator(0), StateVar(normal(4, 3))

        def step():
            state.value = long(state.value + random.normal((4, 3), generator=generator))
            return state.value * 2, random.uniform((2,), generator=generator)

        return step

    jitted, plain = Jit(made()), made()
    for _ in range(5):
        assert_same(jitted(), plain())
    assert program_of(jitted).launches


def trained(name):
    """The program of a training step, of which four calls did what the step does without `Jit`."""
    one, two = STEPS[name](), STEPS[name]()
    for a, b in zip(one.variables, two.variables, strict=True):
        b.assign(a.value)
    jitted = Jit(one)
    for _ in range(4):
        assert_same(jitted(), two())
    for a, b in zip(one.variables, two.variables, strict=True):
        assert_same([a.value], [b.value])
    return program_of(jitted)


@pytest.mark.parametrize("name", STEPS)
def test_training_steps(name):
    trained(name)


@given(properties.NAMES, properties.CALLS)
def test_random_programs(names, calls):
    worlds = properties.World(), properties.World()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(captured, "_LEAST", -1000)  # all segments
        calls = [(*call[:2], False) for call in (calls * 5)[:5]]
        found = properties.run(worlds[1], names, Jit, calls)
        expected = properties.run(worlds[0], names, properties.unjitted, calls)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_threads_with_streams_of_their_own(on_cupy):
    jitted, w, failed = Jit(mixed), normal(3, 3, seed=1), []
    for _ in range(3):
        jitted(normal(4, 3), w, 0.5)

    def work(seed):
        try:
            with on_cupy.cuda.Stream(non_blocking=True):
                for i in range(5):
                    args = normal(4, 3, seed=10 * seed + i), w, 0.5
                    assert_same(jitted(*args), mixed(*args))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_within_a_recording_of_the_user(on_cupy):
    """The stream there records the operations."""
    jitted, x = Jit(long), normal(4, 3)
    for _ in range(3):
        jitted(x)
    stream = on_cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        y = jitted(x)
        graph = stream.end_capture()
    graph.launch(stream)
    stream.synchronize()
    assert_same([y], [long(x)])


@given(moment=st.integers(0, 4000), before=st.integers(0, 3))
def test_interrupts_leave_nothing_recording(moment, before):
    world = StateVar(normal(4, 3))

    def step(x):
        world.value = long(world.value) @ x
        return world.value

    x, jitted = normal(3, 3, seed=1), Jit(step)
    jitted(x)
    for _ in range(before):
        jitted(x)
    old = world.value
    interrupted_at(moment, lambda: jitted(x))
    assert on_cupy_stream().ptr == 0
    if world.value is not old:
        old = world.value
    for _ in range(3):
        expected = long(old) @ x
        assert_same([jitted(x)], [expected])
        old = world.value


def test_memory_that_runs_out_while_it_is_recorded(on_cupy, monkeypatch):
    """The program runs without CUDA graphs, and says why."""

    def fail(*args):
        raise on_cupy.cuda.memory.OutOfMemoryError(1, 2)

    jitted, x = Jit(long), normal(4, 3)
    monkeypatch.setattr(captured, "_like", fail)
    for _ in range(4):
        assert_same([jitted(x)], [long(x)])
    program = program_of(jitted)
    assert not program.launches and "OutOfMemoryError" in program.uncaptured["program"]


def test_a_call_that_fails_between_cuda_graphs():
    jitted, w = Jit(mixed), normal(3, 3, seed=1)
    for _ in range(3):
        jitted(normal(4, 3), w, 0.5)
    run = program_of(jitted)._captured._run
    names, functions = run.__code__.co_varnames[1:], run.__defaults__

    def fail(*args):
        raise MemoryError("out of memory")

    run.__defaults__ = tuple([fail if name == "multiply" else f for name, f in zip(names, functions, strict=False)])
    with pytest.raises(MemoryError, match="out of memory") as caught:
        jitted(normal(4, 3), w, 0.5)
    assert any(" in mixed" in note for note in caught.value.__notes__)
    run.__defaults__ = functions
    args = normal(4, 3, seed=2), w, 1.5
    assert_same(jitted(*args), mixed(*args))


def test_what_runs_without_cuda_graphs():
    short = Jit(lambda x: F.softmax(x) + 1)
    printing = Jit(lambda x: (autograd.debug_print("", x), long(x))[1])
    calls = []

    @autograd.primitive
    def own(x):
        calls.append(x)
        return x * 2

    of_the_user = Jit(lambda x: own(long(x)))
    for _ in range(4):
        for jitted in (short, printing, of_the_user):
            jitted(normal(4, 3))
    assert not program_of(short).launches and not program_of(short).uncaptured
    assert program_of(printing).uncaptured == {"program": "it has effects"}
    assert program_of(of_the_user).uncaptured == {"own": "it is a function of its own"}
    count = len(calls)
    of_the_user(normal(4, 3))
    assert len(calls) == count + 1


def test_cuda_graphs_that_give_other_results_are_not_kept(monkeypatch):
    jitted, x = Jit(long), normal(4, 3)
    monkeypatch.setattr(captured._Segment, "__call__", lambda self, *arrays: self._outputs)  # launches nothing
    for _ in range(4):
        assert_same([jitted(x)], [long(x)])
    program = program_of(jitted)
    assert not program.launches and program.uncaptured == {"program": "its CUDA graphs gave other results"}


def test_sums_whose_order_a_context_decides_are_not_recorded():
    jitted, x, i = Jit(lambda x, i: long(x).at[i].add(x)), normal(4, 3), jn.array([0, 1, 0, 2])
    for _ in range(3):
        jitted(x, i)
    assert "deterministic" in program_of(jitted).uncaptured["add_at"] and program_of(jitted).launches
    with autograd.deterministic():
        assert_same([jitted(x, i)], [long(x).at[i].add(x)])


def test_no_thread_waits_for_a_device_while_another_one_records(on_cupy):
    x, recorder, errors = on_cupy.ones(3), Recorder(), []

    def wait(begun):
        begun.set()
        try:
            synchronize(x)
            Device("gpu").synchronize()
        except Exception as error:
            errors.append(error)

    for _ in range(50):
        begun = threading.Event()
        thread = threading.Thread(target=wait, args=(begun,))

        def function(begun=begun, thread=thread):
            thread.start()
            begun.wait()
            for _ in range(100):
                x + 1

        recorder.record(function)
        thread.join()
    assert not errors
