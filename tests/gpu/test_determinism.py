"""`autograd.deterministic`: sums at indices in NumPy's order, and so with NumPy's bits, instead of by atomics."""

import threading

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import deterministic, grad
from autograd.kernels import scatter
from autograd.kernels.scatter import is_deterministic
from autograd.ops.indexing import ARRAY, add_at

COUNT = 2000
FLOATS = ["float32", "float64", "float16", "complex64", "complex128"]


@pytest.fixture
def no_atomics(cupy, monkeypatch):
    """Takes away what adds atomically."""

    def refused(*args):
        raise AssertionError("cupy.add.at adds atomically")

    class Add:
        at = staticmethod(refused)

        def __call__(self, *args, **kwargs):
            return original(*args, **kwargs)

    original = cupy.add
    monkeypatch.setattr(cupy, "add", Add())


def numbers(rng, dtype, *shape):
    """Values of very different size, so that each order of summation rounds in another way."""
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 3, shape)
    return (values + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)


@pytest.mark.gpu
class TestBits:
    @pytest.mark.parametrize("dtype", FLOATS)
    def test_sums_are_numpys_to_the_bit(self, no_atomics, cupy, rng, dtype):
        for index, shape, inner in (
            ((ARRAY,), (7,), (COUNT,)),
            ((ARRAY,), (7, 3), (COUNT, 3)),
            ((ARRAY, slice(None)), (7, 3), (COUNT, 3)),
            ((slice(None), ARRAY), (2, 7), (2, COUNT)),
            ((..., ARRAY), (2, 2, 7), (2, 2, COUNT)),
            ((1, ARRAY, None, slice(0, 2)), (2, 7, 3), (COUNT, 1, 2)),
        ):
            g, i = numbers(rng, dtype, *inner), rng.integers(-7, 7, COUNT)
            expected = add_at(g, i, index=index, shape=shape)
            with deterministic():
                got = add_at(cupy.asarray(g), cupy.asarray(i), index=index, shape=shape)
            assert got.get().tobytes() == expected.tobytes()

    def test_a_mask_beside_integers(self, no_atomics, cupy, rng):
        mask, i, g = np.array([True, False, True]), np.array([0, 1]), numbers(rng, "f4", 2)
        place = {"index": (ARRAY, ARRAY), "shape": (3, 4)}
        with deterministic():
            got = add_at(*map(cupy.asarray, (g, mask, i)), **place)
        np.testing.assert_array_equal(got.get(), add_at(g, mask, i, **place))

    def test_the_order_is_that_of_the_numbers(self, no_atomics, cupy, rng):
        """Values whose sums are exact give the same bits in every order, others those of NumPy in each order."""
        i = rng.integers(0, 7, COUNT)
        exact, inexact = rng.integers(-99, 99, COUNT).astype("f4"), numbers(rng, "f4", COUNT)
        results = {"exact": set(), "inexact": set()}
        for _ in range(5):
            order = rng.permutation(COUNT)
            for name, g in (("exact", exact[order]), ("inexact", inexact[order])):
                with deterministic():
                    got = add_at(cupy.asarray(g), cupy.asarray(i[order]), index=(ARRAY,), shape=(7,)).get().tobytes()
                assert got == add_at(g, i[order], index=(ARRAY,), shape=(7,)).tobytes()
                results[name].add(got)
        assert len(results["exact"]) == 1
        assert len(results["inexact"]) > 1  # so the comparison with NumPy says something

    def test_gradients_of_indexing_use_it(self, no_atomics, cupy, rng):
        table, i = numbers(rng, "f4", 7, 3), rng.integers(0, 7, COUNT)
        w = numbers(rng, "f4", COUNT, 3)
        rows = np.broadcast_to(i[:, None], (COUNT, 3))
        uses = [
            lambda x, i, w, rows: anp.sum(x[i] * w),  # an embedding
            lambda x, i, w, rows: anp.sum(anp.take(x, i, axis=0) * w),
            lambda x, i, w, rows: anp.sum(anp.take_along_axis(x, rows, 0) * w),
        ]
        for use in uses:
            f = grad(use)
            expected = f(table, i, w, rows)
            with deterministic():
                first, second = (f(*map(cupy.asarray, (table, i, w, rows))).get() for _ in range(2))
            assert first.tobytes() == second.tobytes() == expected.tobytes()

    def test_without_it_atomics_are_used(self, no_atomics, cupy):
        with deterministic(False), pytest.raises(AssertionError, match="atomically"):
            add_at(cupy.ones(2), cupy.asarray([0, 0]), index=(ARRAY,), shape=(3,))

    @pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "bool"])
    def test_numbers_that_cupy_cannot_add_atomically(self, no_atomics, cupy, dtype):
        with deterministic(False):
            got = add_at(cupy.ones(3, dtype), cupy.asarray([0, 0, 2]), index=(ARRAY,), shape=(3,))
        np.testing.assert_array_equal(got.get(), np.array([2, 0, 1]).astype(dtype))
        assert got.dtype == dtype


class TestSwitch:
    def test_contexts_nest_and_threads_are_apart(self, monkeypatch):
        monkeypatch.delenv("CUOBJAX_DETERMINISTIC", raising=False)
        assert not is_deterministic()
        with deterministic():
            assert is_deterministic()
            with deterministic(False):
                assert not is_deterministic()
            seen = []
            thread = threading.Thread(target=lambda: seen.append(is_deterministic()))
            thread.start()
            thread.join()
            assert seen == [False]
            assert is_deterministic()
        assert not is_deterministic()

    def test_the_variable_decides_outside_of_contexts(self, monkeypatch):
        for value, on in (("1", True), ("0", False), ("", False)):
            monkeypatch.setenv("CUOBJAX_DETERMINISTIC", value)
            assert is_deterministic() == on
            with deterministic(False):
                assert not is_deterministic()

    def test_numpy_adds_in_order_anyway(self, rng):
        g, i = numbers(rng, "f4", COUNT), rng.integers(0, 7, COUNT)
        with deterministic():
            got = add_at(g, i, index=(ARRAY,), shape=(7,))
        expected = np.zeros(7, "f4")
        for value, place in zip(g, i, strict=True):
            expected[place] += value
        assert got.tobytes() == expected.tobytes() == scatter.add_in_order(np, g, (i,), (7,)).tobytes()
