"""CUDA graphs: what functions launch, recorded and counted instead of run."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from ..backend import Device, waiting_or_recording
from .host import DIRECT

__all__ = ["Recorder", "may_run_twice"]


class Recorder:
    """Records what functions launch on the current GPU, in CUDA graphs that share memory of their own."""

    def __init__(self) -> None:
        cuda = Device("gpu").library.cuda
        self._cuda, self._pool = cuda, cuda.MemoryPool()
        self._stream: Any = None

    @contextlib.contextmanager
    def memory(self) -> Iterator[None]:
        """A context in which arrays are made in this memory."""
        with self._new_stream(), self._cuda.using_allocator(self._pool.malloc):
            yield

    def _new_stream(self):
        if self._stream is None:
            self._stream = self._cuda.Stream(non_blocking=True)
        return self._stream

    def record(self, function: Callable[[], Any]) -> tuple[Any, Any]:
        """What the function returns, and the CUDA graph of what it launches.

        Raises:
            Exception: What the function raises, or CUDA if it does what no stream records.
        """
        with waiting_or_recording, self.memory():
            stream = self._stream
            try:
                stream.begin_capture()
                found = function()
                return found, stream.end_capture()
            except BaseException:
                self._stream = None  # nothing stays in a stream that failed
                with contextlib.suppress(Exception):  # it was invalidated, or did not begin
                    stream.end_capture()
                raise

    def launches(self, function: Callable[[], Any]) -> int | None:
        """How many kernels, copies and fills a function launches, which has run before, so that they are compiled.

        None if it does what no stream records, such as a call of cuBLAS, which CuPy refuses.
        """
        try:
            return nodes(self.record(function)[1])
        except Exception:
            return None


def nodes(cuda_graph: Any) -> int | None:
    """How many nodes a CUDA graph has; None without NVIDIA's driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_size_t()
    failed = driver.cuGraphGetNodes(ctypes.c_void_p(cuda_graph.graph), None, ctypes.byref(count))
    return None if failed else count.value


def may_run_twice(primitive: Any) -> bool:
    """Whether nobody notices that an operation is applied once more: it is none of a user, and has no effect."""
    ours = type(primitive) in DIRECT or getattr(primitive, "kind", "") == "kernel"
    return ours and not getattr(primitive, "has_effect", False)
