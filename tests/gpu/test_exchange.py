"""Memory of a GPU that CuPy and we share."""

import numpy as np
import pytest

import autograd
import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import from_library
from cuobjax import Jit

cupy = pytest.importorskip("cupy")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cupy.cuda.is_available(), reason="needs a GPU, or CuPy's stand-in on the CPU"),
]


def test_to_and_from_cupy():
    x = Array(cupy.arange(6.0, dtype="float32").reshape(2, 3))
    address = x.raw.data.ptr
    assert cupy.from_dlpack(x).data.ptr == cupy.asarray(x).data.ptr == address
    assert cupy.from_dlpack(x.T).data.ptr == address
    assert x.__cuda_array_interface__["data"][0] == address and x.__cuda_array_interface__["shape"] == (2, 3)
    back = jn.from_dlpack(cupy.asarray(x))
    assert isinstance(back, Array) and back.raw.data.ptr == address
    assert jn.array(cupy.asarray(x)).raw.data.ptr != address


def test_traced_arrays_are_not_handed_out():
    def f(x):
        with pytest.raises(TypeError, match="expected a plain Array for __cuda_array_interface__"):
            x.__cuda_array_interface__  # noqa: B018
        return x.sum()

    x = Array(cupy.ones(3, "float32"))
    assert autograd.grad(f)(x).tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="__cuda_array_interface__"):
        Jit(lambda x: x.__cuda_array_interface__)(x)
    assert not hasattr(autograd.device_put(x, "cpu"), "__cuda_array_interface__")


def test_memory_of_another_library_is_taken_as_it_is():
    data = cupy.arange(3.0)

    class Tensor:
        shape, ndim, dtype = data.shape, 1, data.dtype

    class WithInterface(Tensor):
        __cuda_array_interface__ = data.__cuda_array_interface__

    class WithDLPack(Tensor):
        __dlpack__, __dlpack_device__ = data.__dlpack__, data.__dlpack_device__

    for tensor in (WithInterface(), WithDLPack()):
        raw = from_library(tensor)
        assert type(raw) is cupy.ndarray and raw.data.ptr == data.data.ptr
        np.testing.assert_array_equal(jn.asarray(tensor).raw.get(), [0, 1, 2])
