"""Arrays of the host on their way to a GPU, beside what is computed there."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy

from .backend import Device

__all__ = ["Upload"]


class Upload:
    """Copies of NumPy arrays on a GPU, which a stream of their own makes while other streams compute.

    The arrays are copied to memory that the operating system does not move, so that nobody waits for the copies. They
    must not be used before `finished`, in the stream that was the current one when they were begun.

    Args:
        arrays: The arrays.
        device: The GPU.
    """

    def __init__(self, arrays: Sequence[numpy.ndarray], device: Device) -> None:
        self._device = device
        with device.current():
            cuda = device.library.cuda
            # Their memory may still be in use by what was launched before, in the stream that it belongs to.
            self._copies = [device.library.empty(x.shape, x.dtype) for x in arrays]
            begun, self._done = cuda.Event(disable_timing=True), cuda.Event(disable_timing=True)
            begun.record()
            stream = _stream(device)
            stream.wait_event(begun)
            self._fixed = [_fixed(device, x) for x in arrays]
            for copy, fixed in zip(self._copies, self._fixed, strict=True):
                copy.set(fixed, stream=stream)
            self._done.record(stream)

    def finished(self) -> list[Any]:
        """The copies; what is launched from now on waits for them on the GPU, and nobody on the host."""
        with self._device.current():
            self._device.library.cuda.get_current_stream().wait_event(self._done)
        return self._copies

    def wait(self) -> None:
        """Waits until the copies are made: before that, their memory on either side must not be used again."""
        self._done.synchronize()


@functools.cache
def _stream(device):
    return device.library.cuda.Stream(non_blocking=True)


def _fixed(device, x):
    """A copy in memory that the operating system does not move."""
    memory = device.library.cuda.alloc_pinned_memory(x.nbytes)
    copy = numpy.frombuffer(memory, x.dtype, x.size).reshape(x.shape)
    copy[...] = x
    return copy
