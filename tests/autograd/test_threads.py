"""One tape in several threads: recording on it, and passing cotangents back along it."""

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import checkpoint, grad, jacobian, jvp, reverse, vjp, vmap
from autograd.reverse import Tape
from autograd.write_protection import Held

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.linspace(0, 1, 3)


@pytest.fixture(autouse=True)
def _threads_switch_all_the_time():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class _Contested(list):
    """A list of nodes to which another thread appends one of its own after each node."""

    def append(self, node):
        super().append(node)
        super().append((None, (), (), np.dtype(float)))


def _branch(x, i):
    y = x
    for _ in range(40):
        y = anp.sin(y * 1.01) + 0.001 * i
    return anp.sum(y)


def _parts(x, i):
    u, _, vt = anp.linalg.svd(anp.outer(x + i, anp.cos(x)) + anp.eye(3))
    return anp.sum(u[0, 0] * vt[0, 0]) ** 2


def _in_a_pool(branch):
    def f(x):
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(lambda i: branch(x, i), range(16)))

    return f


def _one_after_the_other(branch):
    return lambda x: sum(branch(x, i) for i in range(16))


class TestRecording:
    @pytest.mark.parametrize("branch", [_branch, _parts])
    @pytest.mark.parametrize("transformed", [grad, jacobian, lambda f: grad(lambda x: anp.sum(grad(f)(x) ** 2))])
    def test_threads_record_on_one_tape(self, branch, transformed):
        right = transformed(_one_after_the_other(branch))(X)
        for _ in range(3):
            np.testing.assert_allclose(transformed(_in_a_pool(branch))(X), right, rtol=1e-10)

    def test_threads_push_tangents_of_one_input(self):
        right = jvp(_one_after_the_other(_branch), (X,), (np.ones(3),))
        found = jvp(_in_a_pool(_branch), (X,), (np.ones(3),))
        np.testing.assert_allclose(found, right, rtol=1e-12)

    def test_threads_compute_with_one_batch(self):
        rows = np.stack([X, 2 * X])
        right = vmap(_one_after_the_other(_branch))(rows)
        np.testing.assert_allclose(vmap(_in_a_pool(_branch))(rows), right, rtol=1e-12)

    def test_a_position_is_that_of_the_own_node(self):
        tape = Tape()
        tape.nodes = _Contested()
        x = tape.watch(X)
        _, s, _ = anp.linalg.svd(anp.outer(x, x) + anp.eye(3))
        y = anp.sum(anp.sin(x) * anp.exp(x)) + anp.sum(s)
        right = grad(
            lambda x: anp.sum(anp.sin(x) * anp.exp(x)) + anp.sum(anp.linalg.svd(anp.outer(x, x) + anp.eye(3))[1])
        )
        np.testing.assert_allclose(tape.pull([y], [np.float64(1)], [x], consume=True)[0], right(X))

    def test_what_is_recorded_during_the_backward_pass_is_left_alone(self):
        tape = Tape()
        x = tape.watch(X)
        y = anp.sum(anp.sin(anp.cos(x)))
        nodes = tape.nodes

        class Late(list):
            def __getitem__(self, position):
                if isinstance(position, int) and position == 2:
                    self.append((None, (), (3,), np.dtype(float)))
                return super().__getitem__(position)

        tape.nodes = Late(nodes)
        np.testing.assert_allclose(
            tape.pull([y], [np.float64(1)], [x], consume=True)[0], -np.cos(np.cos(X)) * np.sin(X)
        )

    def test_a_node_that_the_checkpoint_of_another_thread_cut(self):
        class Cut(list):
            def append(self, node):
                pass

        tape = Tape()
        x = tape.watch(X)
        tape.nodes = Cut(tape.nodes)
        with pytest.raises(RuntimeError, match=r"^checkpoint: another thread computed with traced values"):
            anp.sin(x)

    def test_another_thread_holds_an_array_first(self, monkeypatch):
        tape, others = Tape(), Held()

        class Lock:
            def __enter__(self):
                tape._held = others

            def __exit__(self, *_):
                pass

        monkeypatch.setattr(reverse, "_first_hold", Lock())
        assert tape.held is others


class TestCheckpoint:
    def test_a_backward_pass_lets_no_other_thread_in(self):
        found = []

        def f(x):
            lock = x._trace.replaying
            if lock is not None:  # it runs again
                with ThreadPoolExecutor(1) as pool:
                    found.append(pool.submit(lock.acquire, blocking=False).result())
            return anp.sin(x)

        grad(checkpoint(f))(1.0)
        assert found == [False]

    def test_threads_pull_back_through_one_checkpoint(self):
        def f(x):
            return anp.sum(checkpoint(_branch)(x, 1) * checkpoint(lambda z: checkpoint(anp.sin)(z) * z)(x))

        _, pullback = vjp(f, X)
        right = pullback(1.0)[0]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda scale: pullback(scale)[0] / scale, np.arange(1.0, 41.0)))
        np.testing.assert_allclose(found, [right] * 40, rtol=1e-10)

    @pytest.mark.parametrize("where", ["around the pool", "in its threads"])
    def test_threads_record_in_checkpoints(self, where):
        f = _in_a_pool(_branch if where == "around the pool" else checkpoint(_branch))
        f = checkpoint(f) if where == "around the pool" else f
        np.testing.assert_allclose(grad(f)(X), grad(_one_after_the_other(_branch))(X), rtol=1e-10)

    def test_a_checkpoint_cuts_no_node_of_another_thread_unnoticed(self):
        """The value of the other thread has no gradient then: an error, or the right one."""

        def f(x):
            with ThreadPoolExecutor(2) as pool:
                others = [pool.submit(_branch, x, i) for i in range(4)]
                own = sum(checkpoint(_branch)(x, i) for i in range(4, 8))
                return own + sum(other.result() for other in others)

        right = grad(lambda x: sum(_branch(x, i) for i in range(8)))(X)
        with contextlib.suppress(RuntimeError):
            np.testing.assert_allclose(grad(f)(X), right, rtol=1e-10)
