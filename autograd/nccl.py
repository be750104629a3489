"""Collective operations of several GPUs by NVIDIA's library, through CuPy.

One thread drives all GPUs, in one group of calls at a time, so that no order of threads can make it wait for itself.
The calls are in the streams of the GPUs: the program does not wait for them.
"""

import functools
import pickle
import threading
from collections.abc import Sequence
from typing import Any

from . import backend, processes
from .thread_group import Exchange, Group

__all__ = ["exchanged", "takes"]

_NUMBERS = {"float16": "FLOAT16", "bfloat16": "BFLOAT16", "float32": "FLOAT32", "float64": "FLOAT64", "int8": "INT8",
            "uint8": "UINT8", "int32": "INT32", "uint32": "UINT32", "int64": "INT64", "uint64": "UINT64"}  # fmt: skip
_SUMMED = {"complex64": ("FLOAT32", 2), "complex128": ("FLOAT64", 2)}  # their real and imaginary parts
_COMPARED = {"bool": ("UINT8", 1)}
_calls = threading.Lock()


def takes(exchange: Exchange, values: Sequence[Any], group: Group) -> bool:
    """Whether the library is available and does this with these values: raw arrays, each on a GPU of its own."""
    return (
        all(map(backend.is_cupy, values))
        and values[0].size > 0
        and _kind(exchange, values[0].dtype) is not None
        and len(set(group.devices)) == len(group.devices)
        and backend.nccl() is not None
    )


def _kind(exchange, dtype):
    """The library's name of a dtype, and how many such numbers are in an element; None for what it cannot combine."""
    if not exchange.reduction:
        return "UINT8", dtype.itemsize
    if dtype.name in _NUMBERS:
        return _NUMBERS[dtype.name], 1
    return (_SUMMED if exchange.reduction == "sum" else _COMPARED).get(dtype.name)


@functools.cache
def _communicators(devices):
    nccl: Any = backend.nccl()
    group = processes.current()
    if group.size == 1:
        return nccl.NcclCommunicator.initAll([device.index for device in devices])
    identity = pickle.loads(group.broadcast(pickle.dumps(nccl.get_unique_id() if not group.rank else None)))
    found = []
    nccl.groupStart()
    try:
        for rank, device in enumerate(devices, group.first()):
            with device.current():
                found.append(nccl.NcclCommunicator(group.devices(len(devices)), identity, rank))
    finally:
        nccl.groupEnd()
    return found


def exchanged(exchange: Exchange, values: Sequence[Any], group: Group) -> list[Any]:
    """The result of an exchange for each device of the group, given its raw arrays, all of one shape and dtype."""
    nccl: Any = backend.nccl()
    name, each = _kind(exchange, values[0].dtype)
    inputs, results = [], []
    for rank, (device, x) in enumerate(zip(group.devices, values, strict=True), group.first):
        with device.current():
            inputs.append(device.library.ascontiguousarray(x).reshape(x.shape))
            results.append(_empty(device.library, exchange, x, group.size, rank))
    call = functools.partial(_CALLS[exchange.gives, bool(exchange.reduction)], exchange)
    kind = getattr(nccl, f"NCCL_{name}"), getattr(nccl, f"NCCL_{(exchange.reduction or 'sum').upper()}")
    with _calls:
        communicators = _communicators(group.devices)
        nccl.groupStart()
        try:
            for i, (communicator, device) in enumerate(zip(communicators, group.devices, strict=True)):
                with device.current():
                    stream = device.library.cuda.get_current_stream().ptr
                    call(communicator, group.first + i, inputs[i], results[i], each, *kind, stream)
        finally:
            nccl.groupEnd()
    return results


def _empty(xp, exchange, x, size, rank):
    if exchange.gives == "one":
        return (xp.zeros if exchange.sources[rank] is None else xp.empty)(x.shape, x.dtype)
    whole = x.shape if exchange.reduction else (size, *x.shape)
    return xp.empty(whole if exchange.gives == "all" else whole[1:], x.dtype)


def _reduce(exchange, communicator, rank, x, y, each, dtype, operation, stream):
    communicator.allReduce(x.data.ptr, y.data.ptr, x.size * each, dtype, operation, stream)


def _gather(exchange, communicator, rank, x, y, each, dtype, operation, stream):
    communicator.allGather(x.data.ptr, y.data.ptr, x.size * each, dtype, stream)


def _scatter(exchange, communicator, rank, x, y, each, dtype, operation, stream):
    communicator.reduceScatter(x.data.ptr, y.data.ptr, y.size * each, dtype, operation, stream)


def _send(exchange, communicator, rank, x, y, each, dtype, operation, stream):
    for target, source in enumerate(exchange.sources):
        if source == rank:
            communicator.send(x.data.ptr, x.size * each, dtype, target, stream)
    if exchange.sources[rank] is not None:
        communicator.recv(y.data.ptr, y.size * each, dtype, exchange.sources[rank], stream)


_CALLS = {("all", True): _reduce, ("all", False): _gather, ("part", True): _scatter, ("one", False): _send}
