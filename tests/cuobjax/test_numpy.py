"""The namespace `cuobjax.numpy`: which dtypes, which kind of array, which device."""

import pickle
import threading

import numpy as np
import pytest

import autograd.numpy as anp
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import default_device


@pytest.fixture
def default_dtype():
    """Sets the default dtype for one test."""
    yield objax.set_default_dtype
    objax.set_default_dtype("float32")


CREATED = [
    (lambda: jn.zeros(2), "float32", [0, 0]),
    (lambda: jn.ones((1, 2)), "float32", [[1, 1]]),
    (lambda: jn.empty(0), "float32", []),
    (lambda: jn.full((2,), 1.5), "float32", [1.5, 1.5]),
    (lambda: jn.full((2,), 3), "int32", [3, 3]),
    (lambda: jn.eye(2), "float32", [[1, 0], [0, 1]]),
    (lambda: jn.identity(1), "float32", [[1]]),
    (lambda: jn.arange(3), "int32", [0, 1, 2]),
    (lambda: jn.arange(0.0, 1.0, 0.5), "float32", [0, 0.5]),
    (lambda: jn.linspace(0, 1, 3), "float32", [0, 0.5, 1]),
    (lambda: jn.array([1, 2]), "int32", [1, 2]),
    (lambda: jn.array([1, 2.5]), "float32", [1, 2.5]),
    (lambda: jn.array(1j), "complex64", 1j),
    (lambda: jn.array([True]), "bool", [True]),
    (lambda: jn.asarray(2.0), "float32", 2),
    (lambda: jn.sqrt(4.0), "float32", 2),
    (lambda: jn.sum([1, 2]), "int32", 3),
    (lambda: jn.stack([[1.0], [2.0]]), "float32", [[1], [2]]),
    (lambda: jn.where(jn.array([True, False]), 1.0, 2), "float32", [1, 2]),
    (lambda: jn.where([True, False], 1, 2), "int32", [1, 2]),
    (lambda: jn.mean(jn.array([True, False])), "float32", 0.5),
    (lambda: jn.zeros(2, dtype=None), "float32", [0, 0]),
    (lambda: jn.zeros(2, "int64"), "int64", [0, 0]),
    (lambda: jn.arange(2, dtype=jn.float64), "float64", [0, 1]),
    (lambda: jn.array([1, 2], dtype=np.dtype("float16")), "float16", [1, 2]),
]


@pytest.mark.parametrize(("create", "dtype", "values"), CREATED)
def test_new_arrays_have_default_dtypes(create, dtype, values):
    array = create()
    assert type(array) is objax.Array
    assert array.device == default_device()
    np.testing.assert_array_equal(array, np.array(values, dtype), strict=True)


def test_other_default_dtypes(default_dtype):
    assert objax.default_dtype() == "float32"
    default_dtype("float64")
    for array, dtype in [(jn.zeros(1), "float64"), (jn.arange(2), "int64"), (jn.array(1j), "complex128"),
                         (objax.random.normal((1,)), "float64"), (objax.nn.Linear(1, 1).w, "float64")]:  # fmt: skip
        assert array.dtype == dtype
    seen = []
    thread = threading.Thread(target=lambda: seen.append(jn.zeros(1).dtype))
    thread.start()
    thread.join()
    assert seen == ["float64"]
    default_dtype(np.float16)
    assert (jn.zeros(1).dtype, jn.arange(2).dtype) == ("float16", "int32")
    for wrong in ("int32", "complex64", bool):
        with pytest.raises(TypeError, match=r"^set_default_dtype: expected a dtype of real numbers, got"):
            default_dtype(wrong)
    with pytest.raises(TypeError, match=r"^set_default_dtype: expected a dtype, got 'bfloat61'\. Write 'float16'"):
        default_dtype("bfloat61")


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "complex128"])
def test_arrays_of_numbers_keep_their_dtype(dtype):
    raw = default_device().put(np.ones(2, dtype))
    array = objax.Array(raw)
    for result in (
        jn.array(array), jn.asarray(array), jn.array([array, array]), jn.square(array), jn.where(array > 0, array, 0),
        jn.zeros_like(array), jn.full((2,), array), jn.concatenate([raw, array]), jn.reshape(a=array, shape=(1, 2)),
    ):  # fmt: skip
        assert type(result) is objax.Array
        assert result.dtype == dtype


def test_results_are_arrays_in_their_structures():
    raw = default_device().put(np.arange(4.0))
    for parts, kind in [(jn.split(raw, 2), list), (jn.divmod(raw, 2), tuple), (jn.broadcast_arrays(raw, raw), list)]:
        assert type(parts) is kind or kind is list
        assert all(type(part) is objax.Array for part in parts)
    assert type(jn.linalg.norm(raw)) is objax.Array
    assert jn.shape(raw) == (4,)
    assert jn.ndim(raw) == 1
    assert jn.allclose(raw, raw)


def test_arrays_do_not_change_with_what_they_were_made_of():
    for raw in (np.arange(4.0), default_device().put(np.arange(4.0))):
        made = [jn.asarray(raw), jn.array(raw), jn.asarray(a=raw), jn.asarray(raw, dtype="float64")]
        if default_device().kind == "cpu":
            made += [jn.reshape(raw, (2, 2)).reshape(-1), jn.ravel(a=raw), *jn.broadcast_arrays(raw)]
        raw[...] = 9
        for array in made:
            np.testing.assert_array_equal(array, [0, 1, 2, 3])


def test_results_are_arrays_whatever_the_first_argument_is():
    for size in (jn.array(3), np.int64(3), (jn.array(3),)):
        array = jn.zeros(size)
        assert (type(array), array.dtype, array.shape) == (objax.Array, "float32", (3,))
    assert jn.eye(np.int64(1), M=np.int64(2)).dtype == jn.full(np.int64(2), 1.0).dtype == "float32"
    raw = default_device().put(np.ones(2))
    for parts in (jn.broadcast_arrays(jn.ones(2), raw), jn.atleast_1d(jn.ones(2), raw)):
        assert [type(part) for part in parts] == [objax.Array] * 2
        assert parts[1].raw is not raw and getattr(parts[1].raw, "base", None) is None


def test_what_is_called_by_an_index():
    for made, dtype in (
        (jn.mgrid[0:2, 0:3], "int32"), (jn.ogrid[0:1:3j], "float32"), (jn.c_[[1, 2], [3, 4]], "int32"),
        (jn.r_[1:3, jn.ones(2, dtype="float16")], "float16"), (jn.r_[jn.ones(2, dtype="float16"), 1], "float16"),
    ):  # fmt: skip
        assert isinstance(made, objax.Array)
        assert made.dtype == dtype


def test_host_arrays_go_to_the_default_device():
    host = np.arange(3.0)
    assert jn.array(host).device == jn.asarray(host).device == default_device()
    with objax.device("cpu"):
        there = jn.asarray(host)
        assert str(there.device) == "cpu"
    assert str(jn.asarray(there).device) == "cpu"


def test_the_namespace_is_that_of_autograd_numpy():
    names = [name for name in dir(anp) if not name.startswith(("_", "numpy_")) and name != "random"]  # NumPy's, HIPS's
    assert dir(jn) == sorted(names)
    for name in names:
        assert getattr(jn, name) is getattr(jn, name)
    assert jn.pi == np.pi
    assert jn.float32 is np.float32
    assert jn.newaxis is None
    assert (jn.tanh.__module__, jn.tanh.__name__) == ("cuobjax.numpy", "tanh")
    assert jn.mean.__doc__ == anp.mean.__doc__
    assert "as_array" not in dir(jn.linalg)
    for name in ("nonsense", "_common", "builtins_of_nobody"):
        with pytest.raises(AttributeError, match=rf"^module 'cuobjax.numpy' has no attribute '{name}'$"):
            getattr(jn, name)


def test_names_are_imported_and_pickled():
    names = {}
    exec("from cuobjax.numpy import *", names)
    assert names["tanh"] is jn.tanh and set(dir(jn)) <= set(names)
    for function in (jn.tanh, jn.linalg.norm):
        assert pickle.loads(pickle.dumps(function)) is function


def test_functions_are_differentiable():
    (g,) = objax.Grad(lambda x: jn.sum(jn.sqrt(2.0) * jn.tanh(x)), None, (0,))(np.array([0.0, 1.0], "float32"))
    assert g.dtype == "float32"
    np.testing.assert_allclose(g, np.sqrt(2) * (1 - np.tanh([0, 1]) ** 2), rtol=1e-6)


def test_integers_that_a_dtype_does_not_hold():
    small = jn.array([1, 200], dtype="uint8")
    for make in (
        lambda: jn.full_like(small, -2), lambda: small.at[0].set(-2), lambda: (-2) ** small,
        lambda: jn.array(300, "int8"),
    ):  # fmt: skip
        with pytest.raises(OverflowError):
            make()
    assert jn.asarray(2**40, dtype="int64") == 2**40


def test_integers_that_the_default_dtype_does_not_hold():
    for make in (
        lambda: jn.asarray(2**40), lambda: jn.arange(2**31 - 2, 2**31 + 1), lambda: jn.array([1, -(2**32)]),
        lambda: jn.full((2,), 2**31), lambda: jn.concatenate([[2**40], [1]]), lambda: jn.where(True, -(2**31) - 1, 1),
    ):  # fmt: skip
        with pytest.raises(OverflowError, match=r"int32: expected integers from -2147483648 to .* Pass dtype='int64'"):
            make()
    assert jn.arange(2**31 - 2, 2**31).tolist() == [2**31 - 2, 2**31 - 1]  # its end lies beyond


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_what_resembles_an_array_has_its_shape(name, shape):
    made = getattr(jn, name)(jn.ones(shape, dtype="float32"))
    assert (made.shape, made.dtype) == (shape, "float32")
    assert getattr(jn, name)(jn.ones((3, 1)), "float16", shape=shape).shape == shape
