"""Sums over GPUs by NVIDIA's library of collective operations, through CuPy.

One thread drives all GPUs, in one group of calls, so that no order of threads can make it wait for itself.
"""

import functools
from collections.abc import Sequence
from typing import Any

from . import backend

__all__ = ["can_sum", "summed"]

_TYPES = {"float16": "FLOAT16", "float32": "FLOAT32", "float64": "FLOAT64", "int32": "INT32", "int64": "INT64",
          "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8", "uint8": "UINT8"}  # fmt: skip


def can_sum(values: Sequence[Any], devices: Sequence[backend.Device]) -> bool:
    """Whether the library is available and takes these values: raw arrays, each on a GPU of its own."""
    return (
        all(map(backend.is_cupy, values))
        and values[0].dtype.name in _TYPES
        and len(set(devices)) == len(devices)
        and backend.nccl() is not None
    )


@functools.cache
def _communicators(numbers):
    nccl: Any = backend.nccl()
    return nccl.NcclCommunicator.initAll(list(numbers))


def summed(values: Sequence[Any], devices: Sequence[backend.Device]) -> list[Any]:
    """The sum of raw arrays of one shape and dtype, on each device."""
    nccl: Any = backend.nccl()
    communicators = _communicators(tuple(device.index for device in devices))
    kind = getattr(nccl, f"NCCL_{_TYPES[values[0].dtype.name]}")
    inputs, results = [], []
    for device, x in zip(devices, values, strict=True):
        with device.current():
            backend.synchronize(x)  # its thread may have used a stream of its own
            inputs.append(device.library.ascontiguousarray(x))
            results.append(device.library.empty(x.shape, x.dtype))
    nccl.groupStart()
    for communicator, device, x, y in zip(communicators, devices, inputs, results, strict=True):
        with device.current():
            stream = device.library.cuda.get_current_stream().ptr
            communicator.allReduce(x.data.ptr, y.data.ptr, x.size, kind, nccl.NCCL_SUM, stream)
    nccl.groupEnd()
    for y in results:
        backend.synchronize(y)
    return results
