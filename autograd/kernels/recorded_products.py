"""cuBLAS in streams that record: CuPy refuses to call it there, NVIDIA's nvmath-python does not.

It loads the same library and gets handles of its own, with the workspace that cuBLAS takes by default, as the choice of
an algorithm depends on it. The workspace of a call is an array of the recording, since cuBLAS must not allocate there.
This file has been tested with a stand-in for nvmath-python and not yet on a GPU.

Source: `nvmath.bindings.cublas` of nvmath-python 1.0; NVIDIA's documentation of `cublasSetWorkspace` for the sizes.
"""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["Calls", "calls", "can_be_recorded", "status"]

_WORKSPACE = 4 << 20  # bytes
_WORKSPACE_FROM_9 = 32 << 20  # of GPUs of compute capability 9 and later


class Calls(NamedTuple):
    """cuBLAS for the current stream.

    Attributes:
        handle: Its handle.
        gemm: cublasGemmEx, for a product.
        gemms: cublasGemmStridedBatchedEx, for a stack of products.
        workspace: What has to live until they are called; None without any.
    """

    handle: int
    gemm: Callable[..., None]
    gemms: Callable[..., None]
    workspace: Any = None


class _Thread(threading.local):
    """The handles of a thread, {number of a GPU: handle}: cuBLAS has them used by one thread at a time."""

    def __init__(self) -> None:
        self.handles: dict[int, int] = {}


_thread = _Thread()


def calls(library: Any) -> Calls | None:
    """cuBLAS for the current stream if that records and nvmath-python is there, else None; the library is CuPy."""
    nvmath = _found(library)[0] if hasattr(library, "cuda") else None
    if nvmath is None:
        return None
    handle, stream = _handle(nvmath, library), library.cuda.get_current_stream()  # made before anything is recorded
    if not (stream.ptr and stream.is_capturing()):
        return None
    size = _WORKSPACE_FROM_9 if int(library.cuda.Device().compute_capability) >= 90 else _WORKSPACE
    workspace = library.cuda.alloc(size)
    nvmath.set_stream(handle, stream.ptr)  # takes the last workspace away
    nvmath.set_workspace(handle, workspace.ptr, size)
    return Calls(handle, nvmath.gemm_ex, nvmath.gemm_strided_batched_ex, workspace)


def can_be_recorded(library: Any) -> bool:
    """Whether a stream records products: the array library is CuPy, and nvmath-python is there."""
    return hasattr(library, "cuda") and _found(library)[0] is not None


def status(library: Any) -> str:
    """Whether CUDA graphs have products in them, and if not, why; the array library is CuPy."""
    return _found(library)[1]


@functools.cache
def _found(xp: ModuleType) -> tuple[Any, str]:
    """The module or None, and what `status` says."""
    if os.environ.get("CUOBJAX_NVMATH") == "0":
        return None, "between graphs: CUOBJAX_NVMATH is 0"
    try:
        nvmath = importlib.import_module("nvmath.bindings.cublas")
        version = nvmath.get_version(_handle(nvmath, xp))
    except ImportError as error:
        missing = "nvmath-python is not installed: pip install 'cuobjax[jit-cuda13]', or jit-cuda12"
        return None, f"between graphs: {missing if str(getattr(error, 'name', '')).startswith('nvmath') else error}"
    except Exception as error:  # of several kinds: a library that does not load, a GPU without memory
        return None, f"between graphs: {type(error).__name__}: {error}"
    expected = xp.cuda.cublas.getVersion(xp.cuda.device.get_cublas_handle())
    if version != expected:
        return None, f"between graphs: nvmath-python found cuBLAS {version}, CuPy {expected}"
    return nvmath, f"in graphs: cuBLAS {version} through nvmath-python"


def _handle(nvmath, xp):
    """This thread's handle for the current GPU."""
    gpu = xp.cuda.runtime.getDevice()
    if gpu not in _thread.handles:
        _thread.handles[gpu] = nvmath.create()
    return _thread.handles[gpu]
