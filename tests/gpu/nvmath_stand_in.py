"""A stand-in for `nvmath.bindings.cublas`, for CuPy on a CPU: the products run as functions of the host in a recording.

On a GPU a function of the host may not call CUDA; there the real package is needed.
"""

import importlib
from typing import Any

__all__ = ["CuBLAS"]


class CuBLAS:
    """The functions of the module that products use.

    Attributes:
        recorded: How many products were recorded.
        version: The version that it says; None for CuPy's.
    """

    def __init__(self, version: int | None = None) -> None:
        self._cuda: Any = importlib.import_module("cupy").cuda
        self.recorded, self.version = 0, version
        self._streams: dict[int, int] = {}
        self._workspaces: dict[int, tuple[int, int]] = {}

    def create(self) -> int:
        self._streams[len(self._streams) + 1] = 0
        return len(self._streams)

    def get_version(self, handle: int) -> int:
        if self.version is not None:
            return self.version
        return self._cuda.cublas.getVersion(self._cuda.device.get_cublas_handle())

    def set_stream(self, handle: int, stream: int) -> None:
        self._streams[handle] = stream
        self._workspaces.pop(handle, None)

    def set_workspace(self, handle: int, workspace: int, size_in_bytes: int) -> None:
        self._workspaces[handle] = workspace, size_in_bytes

    def gemm_ex(self, handle: int, *args: int) -> None:
        self._record(handle, self._cuda.cublas.gemmEx, args)

    def gemm_strided_batched_ex(self, handle: int, *args: int) -> None:
        self._record(handle, self._cuda.cublas.gemmStridedBatchedEx, args)

    def _record(self, handle: int, function: Any, args: tuple[int, ...]) -> None:
        stream = self._cuda.get_current_stream()
        assert self._streams[handle] == stream.ptr and self._workspaces[handle][1] >= 1 << 22
        self.recorded += 1
        stream.launch_host_func(lambda _: function(self._cuda.device.get_cublas_handle(), *args), None)
