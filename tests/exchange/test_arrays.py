"""Arrays of other libraries, and ours for them: the memory is shared, or it is said why not."""

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd import Array

pytestmark = pytest.mark.exchange


def address(x):
    """Where the elements are."""
    x = np.asarray(x) if isinstance(x, Array | objax.BaseVar) else x
    for name in ("data_ptr", "unsafe_buffer_pointer"):  # of PyTorch, of JAX
        if hasattr(x, name):
            return getattr(x, name)()
    return x.ctypes.data


def aligned(shape, dtype="float32"):
    """Zeros at a multiple of 64 bytes, as JAX wants them: it copies others."""
    size = np.dtype(dtype).itemsize * int(np.prod(shape))
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


@pytest.fixture(autouse=True)
def on_the_cpu():
    with objax.device("cpu"):
        yield


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool", "complex64"]
)
def test_to_and_from_pytorch(dtype):
    torch = pytest.importorskip("torch")
    x = Array(np.arange(6).reshape(2, 3).astype(dtype))
    for taken in (torch.from_dlpack(x), torch.from_dlpack(x.T).T):
        assert str(taken.dtype) == f"torch.{dtype}" and address(taken) == address(x)
        np.testing.assert_array_equal(taken.numpy(), np.asarray(x))
    back = autograd.numpy.from_dlpack(taken)
    assert back.dtype == dtype and address(back) == address(x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "int32", "bool", "complex64"])
def test_to_and_from_jax(dtype):
    jax_numpy = pytest.importorskip("jax.numpy")
    x = Array(aligned((2, 3), dtype))
    taken = jax_numpy.from_dlpack(x)
    assert taken.dtype == dtype and address(taken) == address(x)
    back = jn.from_dlpack(taken)
    assert back.dtype == dtype and address(back) == address(x)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax.numpy"])
def test_from_dlpack_shares_and_array_copies(library):
    theirs = pytest.importorskip(library).ones((3, 4), dtype=pytest.importorskip(library).float32)
    shared = jn.from_dlpack(theirs)
    assert isinstance(shared, Array) and shared.dtype == "float32" and address(shared) == address(theirs)
    for copied in (jn.array(theirs), jn.asarray(theirs), jn.from_dlpack(theirs, copy=True)):
        assert isinstance(copied, Array) and address(copied) != address(theirs)
        np.testing.assert_array_equal(copied, np.ones((3, 4)))


def test_variables_are_shared_too():
    torch = pytest.importorskip("torch")
    v = objax.TrainVar(jn.ones((2, 3)))
    assert address(torch.from_dlpack(v)) == address(v)


def test_bfloat16_of_pytorch():
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("ml_dtypes")
    x = jn.array(torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    assert x.dtype == "bfloat16" and x.astype("float32").tolist() == [1.5, -2.0]


def test_compiled_functions_of_numba_see_the_memory():
    numba = pytest.importorskip("numba")
    x = jn.arange(6.0).reshape(2, 3)
    assert numba.njit(lambda x: x.ctypes.data)(np.asarray(x)) == address(x)
    assert numba.njit(lambda x: x.sum())(np.asarray(x)) == 15


@pytest.mark.parametrize("library", ["torch", "jax.numpy"])
def test_a_network_takes_arrays_of_other_libraries(library):
    theirs = pytest.importorskip(library)
    x, labels = theirs.ones((4, 3)), theirs.arange(4)
    net = objax.nn.Linear(3, 4)
    gradients = objax.GradValues(
        lambda x, y: objax.functional.loss.cross_entropy_logits_sparse(net(x), y).mean(), net.vars()
    )
    expected = gradients(jn.ones((4, 3)), jn.arange(4))
    for found in (gradients(x, labels), objax.Jit(gradients)(x, labels)):
        for a, b in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_traced_arrays_are_not_handed_out():
    torch = pytest.importorskip("torch")

    def f(x):
        with pytest.raises(TypeError, match="expected a plain Array for DLPack, got one that is being traced"):
            torch.from_dlpack(x)
        return x.sum()

    autograd.grad(f)(jn.ones(3))
    with pytest.raises(TypeError, match="needs the value of an array that depends on argument 0"):
        objax.Jit(lambda x: torch.from_dlpack(x))(jn.ones(3))


def test_tensors_that_record_gradients_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"Its gradient would be lost. Where it is not wanted, pass x.detach\(\)"):
        jn.ones(2) + torch.ones(2, requires_grad=True)
