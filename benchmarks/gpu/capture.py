"""What a computation asks of a GPU, found by recording it instead of running it.

A stream that records (`begin_capture`) refuses every transfer to or from the host and every wait for the device, so
what can be recorded does neither. The recorded graph has one node for each kernel, copy and fill. CuPy calls cuBLAS in
no recording; here each matrix product is a kernel of that name, which counts as one node and computes nothing.
"""

import contextlib
import ctypes
import functools
import os
import unittest.mock
from pathlib import Path
from typing import ClassVar

import numpy

from autograd.kernels import products
from autograd.ops.product import matmul

LOG = "CUPY_ON_CPU_LOG"  # the file to which the stand-in for a GPU logs launches


@functools.cache
def _kernel(cupy):
    return cupy.ElementwiseKernel("raw T a, raw T b", "Y y", "y = Y(a[0] * b[0])", "matrix_product")


def _product(a, b):
    """An array of the shape and dtype of a @ b, from one launch."""
    import cupy

    dtype = cupy.result_type(a, b)
    rows = () if a.ndim == 1 else a.shape[-2:-1]
    columns = () if b.ndim == 1 else b.shape[-1:]
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if a.shape[-1] != b.shape[max(0, b.ndim - 2)]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not match.")
    y = cupy.empty((*batch, *rows, *columns), dtype)
    return _kernel(cupy)(a.astype(dtype, copy=False), b.astype(dtype, copy=False), y)


def _multiply(xp, first, second, result, *rest):
    """In the place of the call of cuBLAS that makes y."""
    _kernel(xp)(first[0], second[0], result[0])


@contextlib.contextmanager
def _products_by_kernels():
    import cupy

    with (
        unittest.mock.patch.object(products, "_multiply", _multiply),
        unittest.mock.patch.object(cupy, "matmul", _product),
        unittest.mock.patch.object(cupy.ndarray, "__matmul__", _product, create=True),
        unittest.mock.patch.dict(matmul._kernels, {cupy: _product}),
    ):
        yield


def recorded(function, *args):
    """The graph of one call of `function`, which runs once before, so that kernels are compiled and memory is there.

    Raises:
        cupy.cuda.runtime.CUDARuntimeError: If it transfers or waits.
        NotImplementedError: If it calls a library that CuPy does not record.
    """
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    with _products_by_kernels(), stream:
        function(*args)
        stream.synchronize()
        stream.begin_capture()
        try:
            function(*args)
        except BaseException:
            with contextlib.suppress(cupy.cuda.runtime.CUDARuntimeError):
                stream.end_capture()
            raise
        return stream.end_capture()


def count(graph):
    """How many nodes a graph has."""
    if cuda := driver():
        nodes = ctypes.c_size_t()
        status = cuda.cuGraphGetNodes(ctypes.c_void_p(graph.graph), None, ctypes.byref(nodes))
        assert status == 0, status
        return nodes.value
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    graph.launch(stream)  # the log then says how many nodes there are
    stream.synchronize()
    return int(_log()[-1].removeprefix("graph launch, ").removesuffix(" nodes"))


def names(function, *args):
    """The names of the kernels that one call launches; those of libraries may be missing."""
    if driver() is not None:
        return recorded(function, *args).debug_dot_str().splitlines()
    function(*args)
    start = len(_log())
    function(*args)
    return [line.split()[1] for line in _log()[start:] if line.startswith("launch ")]


def peak_bytes(function):
    """The peak of what CuPy's memory pool hands out during one call, above what is in use before."""
    import cupy

    class Meter(cupy.cuda.MemoryHook):
        name = "meter"
        sizes: ClassVar[dict] = {}
        used = peak = 0

        def malloc_postprocess(self, **event):
            self.sizes[event["mem_ptr"]] = event["mem_size"]
            self.used += event["mem_size"]
            self.peak = max(self.peak, self.used)

        def free_preprocess(self, **event):
            self.used -= self.sizes.pop(event["mem_ptr"], 0)

    with Meter() as meter:
        function()
    return meter.peak


def _log():
    path = Path(os.environ[LOG])
    return path.read_text().splitlines() if path.exists() else []


def driver():
    """NVIDIA's driver; None where there is none, though a stand-in may be there."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
