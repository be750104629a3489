"""Random states that threads share: no number comes twice."""

import contextvars
import copy
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cuobjax.numpy as jn
from cuobjax import (
    Grad,
    GradValues,
    Jit,
    Parallel,
    RandomState,
    Remat,
    TrainVar,
    Vectorize,
    functional_call,
    nn,
    random,
)

THREADS = 4


@pytest.fixture(autouse=True)
def _threads_switch_all_the_time():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work, count=THREADS):
    """The results of `work()`, lists, in threads that begin together, as one list."""
    together = threading.Barrier(count, timeout=60)

    def run(_):
        together.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return [x for found in pool.map(run, range(count)) for x in found]


def in_another_thread(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def numbers(generator, n=1):
    return [tuple(random.bits((2,), generator=generator).tolist()) for _ in range(n)]


def draws_under(kind, generator):
    """A function that draws in a call of a transformation, as numbers."""
    w = TrainVar(jn.array(1.0))

    def draw(x):
        return (w * x).sum(), random.normal((2,), generator=generator)

    x = jn.ones(4)
    calls = {
        "Jit": lambda: Jit(lambda x: draw(x)[1]),
        "GradValues": lambda: lambda x: GradValues(draw, {"w": w})(x)[1][1],
        "Jit of GradValues": lambda: Jit(lambda x: GradValues(draw, {"w": w})(x)[1][1]),
        "Vectorize": lambda: Vectorize(lambda x: draw(x)[1], {"w": w}),
        "Remat": lambda: Remat(lambda x: draw(x)[1]),
        "Parallel": lambda: Parallel(lambda x: draw(x)[1]),
        "functional_call": lambda: lambda x: functional_call(nn.Sequential([lambda x: draw(x)[1]]), {}, x),
    }
    call = calls[kind]()
    return lambda: [tuple(row) for row in call(x).reshape(-1, 2).tolist()]


KINDS = ["Jit", "GradValues", "Jit of GradValues", "Vectorize", "Remat", "Parallel", "functional_call"]


def test_threads_draw_different_numbers_from_one_generator():
    generator = random.Generator(0)
    found = in_threads(lambda: numbers(generator, 200))
    assert len(set(found)) == len(found) == 200 * THREADS


def test_together_threads_draw_what_one_draws():
    generator = random.Generator(0)
    found = in_threads(lambda: numbers(generator, 50))
    assert set(found) == set(numbers(random.Generator(0), 50 * THREADS))


def test_threads_that_use_a_generator_first_find_one_state():
    for seed in range(50):
        generator = random.Generator(seed)
        found = in_threads(lambda generator=generator: numbers(generator))
        assert len(set(found)) == THREADS


@pytest.mark.parametrize("kind", KINDS)
def test_threads_draw_different_numbers_in_calls_of_transformations(kind, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    generator = random.Generator(0)
    draw = draws_under(kind, generator)
    draw()  # a Jit records
    found = in_threads(lambda: [x for _ in range(20) for x in draw()])
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_in_one_thread_and_calls_in_another(kind, monkeypatch):
    """As loaders do that draw from the generator of the network's dropout."""
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    generator = random.Generator(0)
    draw = draws_under(kind, generator)
    found, done = draw(), threading.Event()
    with ThreadPoolExecutor(1) as pool:

        def load():
            loaded = []
            while not done.is_set():
                loaded += [tuple(random.normal((2,), generator=generator).tolist()) for _ in range(3)]
            return loaded

        loaded = pool.submit(load)
        for _ in range(30):
            found += draw()
        done.set()
    found += loaded.result()
    assert len(set(found)) == len(found)


def test_what_another_thread_draws_during_a_call_does_not_change_the_call():
    generator, alone = random.Generator(0), random.Generator(0)
    w = TrainVar(jn.ones(2))

    def f(generator, between):
        first = random.normal((2,), generator=generator)
        between()
        return (w * (first + random.normal((2,), generator=generator))).sum()

    others = []
    right = Grad(lambda: f(alone, lambda: None), {"w": w})()
    found = Grad(
        lambda: f(generator, lambda: others.extend(in_another_thread(lambda: numbers(generator, 3)))), {"w": w}
    )()
    np.testing.assert_array_equal(found[0], right[0])
    np.testing.assert_array_equal(generator.key.value, alone.key.value)
    assert len({*others, *numbers(random.Generator(0), 10)}) == 13


def test_a_call_that_fails_leaves_no_number_for_a_second_draw():
    generator = random.Generator(0)
    found = []

    def f():
        random.normal((2,), generator=generator)
        found.extend(in_another_thread(lambda: numbers(generator, 2)))
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            Vectorize(lambda x: f(), {})(jn.ones(2))
    assert len(set(found)) == 6
    assert numbers(generator) == numbers(random.Generator(0))


def test_a_seed_that_another_thread_sets_during_a_call_counts():
    generator = random.Generator(0)

    def f(x):
        random.normal((2,), generator=generator)
        in_another_thread(lambda: generator.seed(7))
        return x

    Remat(f)(jn.ones(2))
    assert numbers(generator) == numbers(random.Generator(7))


def test_threads_with_a_copy_of_the_context_draw_different_numbers_in_a_call():
    generator = random.Generator(0)
    w = TrainVar(jn.array(1.0))

    def f():
        with ThreadPoolExecutor(THREADS) as pool:
            runs = [contextvars.copy_context().run for _ in range(40)]
            found = list(pool.map(lambda run: run(numbers, generator)[0], runs))
        return w * 1.0, found

    _, found = GradValues(f, {"w": w})()[1]
    assert len({tuple(map(int, x)) for x in found}) == 40


def test_copies_have_the_key_and_nothing_that_is_lent():
    state = RandomState(3)
    w = TrainVar(jn.array(1.0))

    def f():
        state.split(1)
        in_another_thread(lambda: state.split(1))
        copies = [copy.copy(state), copy.deepcopy(state), pickle.loads(pickle.dumps(state))]
        assert [set(vars(c)) for c in copies] == [set(vars(RandomState(3)))] * 3
        assert all(c.value.tolist() == state.value.tolist() for c in copies)
        return w * 1.0

    Grad(f, {"w": w})()
