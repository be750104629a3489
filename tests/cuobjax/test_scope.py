"""Scopes: what a call sees in variables, and what is left of it afterwards."""

import asyncio
import contextlib
import contextvars
import threading
import weakref

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.core.lanes import reduced
from cuobjax.core.scope import at_once, read, read_all, scope, write


def variable(value=0.0):
    return objax.StateVar(jn.array(value))


def test_reading_looks_through_the_scopes_outwards():
    a, b, c = variable(1.0), variable(2.0), variable(3.0)
    with scope({a: jn.array(10.0), b: jn.array(20.0)}):
        with scope([(a, jn.array(100.0))]):
            assert [float(v.value) for v in (a, b, c)] == [100, 20, 3]
        assert [float(v.value) for v in (a, b, c)] == [10, 20, 3]
    assert [float(v.value) for v in (a, b, c)] == [1, 2, 3]


def test_variables_are_read_together_as_one_by_one():
    a, b = variable(1.0), variable(2.0)
    with scope({a: jn.array(10.0)}):
        assert [float(x) for x in read_all([a, b])] == [10, 2]
    assert [float(x) for x in read_all([a, b])] == [1, 2]


def test_writing_goes_to_the_innermost_scope():
    a, b = variable(1.0), variable(2.0)
    with scope() as outer:
        a.value += 1
        with scope({b: jn.array(20.0)}) as inner:
            b.value += a.value
            a.value *= 5
        assert {v: float(x) for v, x in inner.changes().items()} == {b: 22, a: 10}
        assert [float(v.value) for v in (a, b)] == [2, 2]
    assert list(outer.changes()) == [a]
    assert [float(v.value) for v in (a, b)] == [1, 2]


def test_changes_are_what_was_written_in_order():
    a, b, c = variable(), variable(), variable()
    with scope({a: jn.array(5.0)}) as opened:
        assert opened.changes() == {}
        c.value += 1
        b.value += 1
        c.value += 1
    assert list(opened.changes()) == [c, b]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_closes_the_scope(error):
    a = variable(1.0)

    def fail():
        with scope({a: jn.array(5.0)}):
            a.value += 1
            raise error

    with pytest.raises(error):
        fail()
    assert float(a.value) == 1
    write({a: jn.array(2.0)})
    assert float(read(a)) == float(a.stored) == 2


def test_threads_do_not_see_each_others_scopes():
    a, seen = variable(1.0), []
    with scope({a: jn.array(5.0)}):
        thread = threading.Thread(target=lambda: seen.append(float(a.value)))
        thread.start()
        thread.join()
    assert seen == [1]


def test_tasks_do_not_see_each_others_scopes():
    a = variable(1.0)

    async def task(value, seen):
        with scope({a: jn.array(value)}):
            for _ in range(3):
                a.value += 1
                await asyncio.sleep(0)
            seen.append(float(a.value))

    async def both():
        await asyncio.gather(task(10.0, seen), task(20.0, seen))

    seen = []
    asyncio.run(both())
    assert seen == [13, 23]
    assert float(a.value) == 1


CALLS = {
    "Grad": lambda f, v: objax.Grad(f, {"v": v})(),
    "Remat": lambda f, v: objax.Remat(f)(),
    "Jit": lambda f, v: objax.Jit(f)(),
    "Vectorize": lambda f, v: objax.Vectorize(lambda x: f() * x)(jn.ones(2)),
    "functional_call": lambda f, v: objax.functional_call(objax.Function(f, {"v": v}), {"{f}v": jn.array(7.0)}),
}


@pytest.mark.parametrize("transform", CALLS.values(), ids=CALLS)
def test_a_task_that_outlives_a_call_reads_and_writes_outside_of_it(transform):
    v, state, tasks = objax.TrainVar(jn.array(2.0)), variable(1.0), []

    def f():
        state.value = state.value + v * 3
        tasks.append(contextvars.copy_context())
        return v * state.value

    transform(f, v)
    state.value = jn.array(5.0)
    assert tasks[0].run(lambda: (type(state.value), float(state.value), float(v.value))) == (objax.Array, 5, 2)
    tasks[0].run(lambda: (state.assign(jn.array(6.0)), v.assign(jn.array(3.0))))
    assert [float(state.stored), float(v.stored)] == [6, 3]


def test_a_task_that_outlives_a_call_that_fails_changes_nothing():
    v, state, tasks = objax.TrainVar(jn.array(2.0)), variable(1.0), []

    def f():
        tasks.append(contextvars.copy_context())
        raise KeyError

    with pytest.raises(KeyError):
        objax.Grad(f, {"v": v})()
    tasks[0].run(lambda: state.assign(jn.array(6.0)))
    assert state.value == 1


def test_a_task_that_outlives_an_inner_call_is_in_the_outer_one():
    v, state, tasks = objax.TrainVar(jn.array(2.0)), variable(1.0), []

    def inner():
        state.value = v * 2
        tasks.append(contextvars.copy_context())
        return v.sum()

    def outer():
        objax.Remat(inner)()
        tasks[0].run(lambda: state.assign(state.value * v))
        return state.sum()

    assert objax.Grad(outer, {"v": v})()[0] == 8
    assert state.value == 8


def test_threads_differentiate_at_once():
    """Each thread has variables of its own and shares one that it only reads."""
    shared = objax.TrainVar(jn.array([1.0, 2.0, 3.0]))
    count, rounds, results = 4, 20, {}
    together = threading.Barrier(count)

    def work(i):
        own, calls = objax.TrainVar(jn.array(float(i + 1))), objax.StateVar(jn.array(0))

        def loss(x):
            together.wait(timeout=60)
            calls.value += 1
            inner = objax.Grad(lambda: own.value**3 * (shared.value * x).sum(), {"own": own})()[0]
            return inner * own.value

        f = objax.GradValues(loss, {"own": own, "shared": shared}, (0,))
        for _ in range(rounds):
            results[i] = [np.asarray(g) for g in f(jn.array([1.0, 1.0, i]))[0]]
        results[i].append(int(calls.value))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(count):  # the loss is 3 * own**3 * sum(shared * x)
        own, x, weights = i + 1.0, np.array([1.0, 1.0, i]), np.array([1.0, 2.0, 3.0])
        by_x, by_own, by_shared, calls = results[i]
        np.testing.assert_allclose(by_x, 3 * own**3 * weights, rtol=1e-6)
        np.testing.assert_allclose(by_own, 9 * own**2 * (weights * x).sum(), rtol=1e-6)
        np.testing.assert_allclose(by_shared, 3 * own**3 * x, rtol=1e-6)
        assert calls == rounds


def test_the_first_read_from_outside_may_give_another_value():
    """Once for each variable, also where an inner scope reads it; not for what is written or given first."""
    a, b, c, d = variable(1.0), variable(2.0), variable(3.0), variable(4.0)
    asked = []

    def first_read(v, value):
        asked.append((v, float(value)))
        return value * 10

    with scope({c: jn.array(30.0)}, first_read) as opened:
        write({d: jn.array(40.0)})
        with scope():
            assert float(a.value) == 10
            a.value += 1
        assert [float(v.value) for v in (a, b, a, b, c, d)] == [10, 20, 10, 20, 30, 40]
        with scope({}, lambda v, value: value + 5):
            assert [float(v.value) for v in (a, c)] == [15, 35]
        assert opened.seen[a] is a.value
    assert all(v is expected for (v, _), expected in zip(asked, (a, b), strict=True))
    assert [value for _, value in asked] == [1, 2]
    assert list(opened.changes()) == [d]


def test_a_first_read_that_raises_is_asked_again():
    a = variable(1.0)

    def first_read(v, value):
        raise KeyError("first")

    with scope({}, first_read) as opened:
        for _ in range(2):
            with pytest.raises(KeyError, match="first"):
                a.value  # noqa: B018
        assert opened.seen == {}


def test_a_reduction_has_the_dtype_of_the_variable():
    for value, stacked, expected in [
        (np.array(1, "int32"), np.array([1, 2, 5], "int32"), np.array(3, "int32")),
        (np.array(1, "int32"), np.array([2**24 + 1] * 2, "int32"), np.array(2**24 + 1, "int32")),
        (np.array(1, "int8"), np.array([3, 4, 4], "int8"), np.array(4, "int8")),
        (np.array(True), np.array([True, False, True]), np.array(True)),
        (np.array(1.0, "float16"), np.array([1, 2], "float16"), np.array(1.5, "float16")),
        (np.array(1.0, "float32"), np.array([1, 2], "float64"), np.array(1.5, "float32")),
        (np.array(1j, "complex64"), np.array([1j, 3j], "complex64"), np.array(2j, "complex64")),
    ]:
        v = objax.StateVar(value)
        got = reduced(v, jn.array(stacked), v.value)
        np.testing.assert_array_equal(got, expected, strict=True)
    with pytest.raises(TypeError, match=r"^StateVar\.reduce: expected an array, got float"):
        reduced(objax.StateVar(jn.zeros(()), lambda x: 1.0), jn.zeros(2), jn.zeros(()))


@pytest.mark.parametrize("inside", [False, True])
def test_what_fails_at_once_leaves_the_values_from_before(inside):
    a, b = objax.StateVar(jn.zeros(())), objax.StateVar(jn.zeros(()))

    def adding(fails, then=None):
        a.value += 1
        if then is not None:
            with contextlib.suppress(ZeroDivisionError):
                at_once(then)
        b.value += 1
        a.value += 1
        if fails:
            raise ZeroDivisionError

    def run():
        with pytest.raises(ZeroDivisionError):
            at_once(adding, True)
        assert (a.value, b.value) == (0, 0)
        with pytest.raises(ZeroDivisionError):
            at_once(adding, True, lambda: adding(False))
        assert (a.value, b.value) == (0, 0)
        at_once(adding, False, lambda: adding(True))
        assert (a.value, b.value) == (2, 1)

    with scope() if inside else contextlib.nullcontext():
        run()
    assert (a.value, b.value) == ((0, 0) if inside else (2, 1))


@pytest.mark.parametrize("inside", [False, True])
def test_what_ran_at_once_gives_its_result_and_keeps_no_old_values(inside):
    v = variable()
    with scope() if inside else contextlib.nullcontext():
        assert at_once(lambda: "the result") == "the result"
    old = weakref.ref(v.value)
    v.value += 1
    assert old() is None
