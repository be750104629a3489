"""Array libraries and devices: the only file that imports CuPy, and only when it is needed."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from .typing import DeviceLike, RawArray

__all__ = [
    "CPU", "Device", "DeviceError", "Portable", "as_device", "beside_gpu", "contiguous", "copied", "default_device",
    "device", "device_of", "from_library", "from_list", "gpu_in_use", "is_array", "is_cupy", "last_asked",
    "library", "local_devices", "nccl", "nvtx", "on_gpu_of", "portable", "raising_linalg", "scipy_function",
    "several_gpus", "synchronize", "use_gpus", "waiting_or_recording",
]  # fmt: skip

_HOST_ARRAYS = (numpy.ndarray, numpy.generic)
_DLPACK_CUDA = 2  # DLPack's number of devices of CUDA

# Once a block of this size was freed, glibc takes smaller ones from its heap, of which it gives back what is free at
# the end, beyond twice this size. Before, it gives the memory of small arrays back to the system and gets it again page
# by page, cleared, in each step of a loop. MALLOC_MMAP_THRESHOLD_ in the environment turns this off.
numpy.empty(31 << 20, numpy.uint8)


class DeviceError(TypeError):
    """Arrays of different devices in one operation, or a device that is not available."""


class Device:
    """Where arrays live: `Device("cpu")`, `Device("gpu")` or `Device("gpu", 1)`.

    Attributes:
        kind: "cpu" or "gpu".
        index: The number of the GPU, 0 on the CPU.

    Raises:
        DeviceError: For another kind, or another number on the CPU; that a GPU is there shows when it is used.
    """

    __slots__ = ("index", "kind")
    kind: str
    index: int

    def __init__(self, kind: str, index: int = 0) -> None:
        if kind != "gpu" and (kind != "cpu" or index):
            raise DeviceError(f"Device: expected 'cpu', or 'gpu' and a number, got {kind!r} and {index!r}.")
        self.kind = kind
        self.index = index

    @property
    def library(self) -> ModuleType:
        """The array library of the device, `numpy` or `cupy`."""
        return numpy if self.kind == "cpu" else _cupy()

    def __repr__(self) -> str:
        return f"Device({str(self)!r})"

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.kind, self.index) == (other.kind, other.index)

    def __hash__(self) -> int:
        return hash((self.kind, self.index))

    def synchronize(self) -> None:
        """Waits until it has finished its work."""
        if self.kind == "gpu":
            with waiting_or_recording:
                _cupy().cuda.Device(self.index).synchronize()

    def put(self, raw: RawArray) -> RawArray:
        """A copy of the raw array or scalar `raw` on this device; `raw` itself if it is a CuPy array there already.

        Between GPUs, the current streams of both wait for each other; the program does not wait.
        """
        if self.kind == "cpu":
            return numpy.array(raw) if isinstance(raw, _HOST_ARRAYS) else raw.get()
        if not is_cupy(raw):
            with self.current():
                return _from_host(raw)
        if raw.device.id == self.index:
            return raw
        raw = contiguous(raw)  # CuPy copies no other arrays between GPUs
        source = Device("gpu", raw.device.id)
        self._stream_after(source)
        with self.current():
            copy = _cupy().array(raw)
        source._stream_after(self)  # whoever gets the memory of `raw` next
        return copy

    def _stream_after(self, other):
        """Lets the current stream of this GPU wait for what is in that of another one."""
        cuda = _cupy().cuda
        with other.current():
            done = cuda.Event(disable_timing=True)
            done.record()
        with self.current():
            cuda.get_current_stream().wait_event(done)

    def current(self) -> AbstractContextManager[Any]:
        """A context in which the array library allocates and computes on this device."""
        return contextlib.nullcontext() if self.kind == "cpu" else _cupy().cuda.Device(self.index)


CPU: Device = Device("cpu")
# CUDA waits for no device while a stream of any thread records.
waiting_or_recording: threading.RLock = threading.RLock()
_own_gpus: tuple[int, ...] = ()  # of this process; empty for all
_chosen: contextvars.ContextVar[Device | None] = contextvars.ContextVar("autograd.device", default=None)


def default_device() -> Device:
    """The device of new arrays.

    That of the innermost `with device(...)`, else `CUOBJAX_DEVICE`, else a GPU if CuPy finds one, else the CPU. Where
    it is a GPU, CuPy's own `with cupy.cuda.Device(i)` and `use()` choose another one.
    """
    chosen = _chosen.get() or _initial_device()
    return chosen if chosen.kind == "cpu" or _gpu_count() == 1 else Device("gpu", _gpu_for(chosen))


@functools.cache
def _initial_device() -> Device:
    name = os.environ.get("CUOBJAX_DEVICE") or ("gpu" if _gpu_count() else "cpu")
    return Device("gpu", _own_gpus[0]) if name == "gpu" and _own_gpus else _named(name)


def use_gpus(indices: Iterable[int]) -> None:
    """Leaves all GPUs but these to other processes of this host; the first one is the default device.

    A GPU that CUOBJAX_DEVICE names stays the default device.
    """
    global _own_gpus
    _own_gpus = tuple(indices)
    _initial_device.cache_clear()
    _thread.gpu = None  # the first use of CuPy chooses anew


class _Thread(threading.local):
    """What is known of CuPy in this thread.

    Attributes:
        gpu: The number of the GPU that this package last made the current one; None before.
    """

    gpu: int | None = None


_thread = _Thread()


def _gpu_for(chosen):
    """The number of the GPU for new arrays: that of `chosen` unless the program has made another one CuPy's current."""
    current = _cupy().cuda.runtime.getDevice()
    if _thread.gpu is None:
        current = _begin(current)
    return chosen.index if current == _thread.gpu else current


def _begin(current):
    """Makes the GPU of CUOBJAX_DEVICE the current one of this thread, in which CUDA begins with GPU 0."""
    _thread.gpu = 0
    if current == 0 and _initial_device().index:
        _thread.gpu = current = _initial_device().index
        _cupy().cuda.Device(current).use()
    return current


def local_devices() -> list[Device]:
    """The devices of this process: GPUs if the default device is one, else the CPU `CUOBJAX_CPU_DEVICES` times.

    GPUs are all that there are, or those of `use_gpus`; the CPU counts once where that variable is not set.

    Raises:
        ValueError: If `CUOBJAX_CPU_DEVICES` is no positive number.
    """
    global _last_asked
    _last_asked = object()
    if default_device().kind == "gpu":
        return [Device("gpu", i) for i in _own_gpus or range(_gpu_count())]
    count = os.environ.get("CUOBJAX_CPU_DEVICES") or "1"
    if not count.isdecimal() or not int(count):
        raise ValueError(f"CUOBJAX_CPU_DEVICES: expected a number of devices, 1 or more, got {count!r}.")
    return [CPU] * int(count)


_last_asked: object = object()


def last_asked() -> object:
    """Another object after each call of `local_devices`: it tells what depends on the devices."""
    return _last_asked


@contextlib.contextmanager
def device(name: DeviceLike) -> Iterator[Device]:
    """Creates arrays on a device within the context.

    Args:
        name: "cpu", "gpu", "gpu:1" or a `Device`.

    Raises:
        DeviceError: If the device is not available.
    """
    chosen = as_device(name)
    if chosen.kind == "gpu":
        _gpu_for(chosen)  # what is current afterwards is what CUOBJAX_DEVICE says
    token, gpu = _chosen.set(chosen), _thread.gpu
    try:
        with chosen.current():
            _thread.gpu = gpu if chosen.kind == "cpu" else chosen.index
            yield chosen
    finally:
        _thread.gpu = gpu
        _chosen.reset(token)


def as_device(name: DeviceLike) -> Device:
    """The Device of a name, "cpu", "gpu" or "gpu:1"; a `Device` is returned as it is.

    "gpu" is the default device if that is a GPU, else the one that CuPy computes on.

    Raises:
        DeviceError: If there is no such name, or the device is not available.
    """
    if isinstance(name, Device):
        return _available(name)
    found = _named(name)
    return found if found.kind == "cpu" or ":" in name or _gpu_count() == 1 else Device("gpu", _current_index())


def _current_index():
    chosen = default_device()
    return chosen.index if chosen.kind == "gpu" else _gpu_for(Device("gpu", _cupy().cuda.runtime.getDevice()))


def _named(name):
    kind, _, index = str(name).partition(":")
    if kind not in ("cpu", "gpu") or (index and (kind == "cpu" or not index.isdecimal())):
        raise DeviceError(f"device: expected 'cpu', 'gpu' or 'gpu:<number>', got {name!r}.")
    return CPU if kind == "cpu" else _available(Device("gpu", int(index or 0)))


def _available(chosen):
    """A device, unless it is a GPU that is not there."""
    count = _gpu_count() if chosen.kind == "gpu" else 1
    if chosen.index >= count:
        found = f"CuPy finds {count} GPUs" if count else "CuPy is not installed or finds no GPU"
        raise DeviceError(f"device: '{chosen}' is not available: {found}. Use 'cpu'.")
    return chosen


def device_of(raw: RawArray) -> Device:
    """The device of a raw array or scalar."""
    return Device("gpu", raw.device.id) if is_cupy(raw) else CPU


@functools.cache
def _gpu_count() -> int:
    if importlib.util.find_spec("cupy") is None:
        return 0
    cupy = _cupy()
    return cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0


def _cupy():
    import cupy

    return cupy


def from_list(numbers: Any) -> RawArray:
    """A raw array, on the default device, of numbers in nested lists or tuples."""
    chosen = default_device()
    with chosen.current():
        return numpy.asarray(numbers) if chosen.kind == "cpu" else _from_host(numbers)


def _from_host(x):
    """A CuPy array of an array or number of the host, or of lists of numbers."""
    if isinstance(x, list | tuple) or numpy.ndim(x) or x != 0:
        return _cupy().array(x)
    return _cupy().array(numpy.reshape(x, 1)).reshape(())  # one that has no axis CuPy makes 0.0 of -0.0


def from_library(x: Any) -> RawArray:
    """The raw array of an object of another library, by the protocols that NumPy or CuPy share with it."""
    if str(getattr(x, "dtype", "")) == "torch.bfloat16":  # PyTorch gives NumPy and CuPy its bits alone
        return from_library(x.view(sys.modules["torch"].int16)).view(importlib.import_module("ml_dtypes").bfloat16)
    on_gpu = hasattr(x, "__cuda_array_interface__")
    if hasattr(x, "__dlpack_device__"):
        on_gpu = x.__dlpack_device__()[0] == _DLPACK_CUDA
    if on_gpu and "cupy" in sys.modules:
        return _cupy().from_dlpack(x) if hasattr(x, "__dlpack__") else _cupy().asarray(x)
    only_dlpack = hasattr(x, "__dlpack__") and not hasattr(x, "__array__")
    return numpy.from_dlpack(x) if only_dlpack else numpy.asarray(x)


@functools.cache
def scipy_function(xp: ModuleType, module: str, name: str) -> Callable[..., Any]:
    """The function `name` of `scipy.<module>`, or of its counterpart in CuPy; imported at its first use.

    Raises:
        ImportError: If SciPy is not installed.
        NotImplementedError: If CuPy has no such function.
    """
    package = f"{'scipy' if xp is numpy else 'cupyx.scipy'}.{module}"
    try:
        functions = importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{name}: needs SciPy, which is not installed. Run `pip install cuobjax[scipy]`.") from error
    if not hasattr(functions, name):
        remedy = "Compute it on the CPU, with device_put(x, 'cpu')."
        raise NotImplementedError(f"{name}: {package} has no such function. {remedy}")
    return getattr(functions, name)


def gpu_in_use() -> bool:
    """Whether this program has loaded CuPy, so that arrays may be on a GPU."""
    return "cupy" in sys.modules


def is_cupy(value: Any) -> bool:
    """Whether `value` is a `cupy.ndarray`; CuPy is not imported to find out."""
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(value, getattr(cupy, "ndarray", ()))


def contiguous(x: Any) -> Any:
    """A raw array whose elements follow one another in memory, last axis first: itself or a copy; else `x`."""
    if not is_array(x) or x.flags.c_contiguous:
        return x
    with on_gpu_of(x):
        return x.copy()


def copied(raw: RawArray) -> RawArray:
    """A copy of a raw array or scalar on its device, without gaps, with the axes in the order that they have in memory.

    So sums of the copy add in the order of `Device.put`'s, and results have the same bits.
    """
    with on_gpu_of(raw):
        return raw.copy(order="K")


def raising_linalg() -> AbstractContextManager[Any]:
    """A context in which CuPy's linear algebra waits for the GPU and raises LinAlgError, as NumPy's does."""
    if not _gpu_count():
        return contextlib.nullcontext()
    import cupyx

    return cupyx.errstate(linalg="raise")


def several_gpus() -> bool:
    """Whether this program has loaded CuPy and there is more than one GPU, so that CuPy's current one matters."""
    return "cupy" in sys.modules and _gpu_count() > 1


def on_gpu_of(*values: Any, where: str = "operation") -> AbstractContextManager[Any]:
    """A context in which CuPy computes on the GPU of the CuPy arrays among `values`, also within tuples and lists.

    Args:
        where: The operation, for the error.

    Raises:
        DeviceError: If they are on several GPUs.
    """
    if not several_gpus():
        return contextlib.nullcontext()
    arrays: list[Any] = [x for x in _flat(values) if is_cupy(x)]
    if any(x.data.device_id != arrays[0].data.device_id for x in arrays):
        raise _mixed(where, arrays)
    return arrays[0].device if arrays else contextlib.nullcontext()


def _flat(values):
    for x in values:
        if isinstance(x, tuple | list):
            yield from _flat(x)
        else:
            yield x


@functools.cache
def nccl() -> ModuleType | None:
    """CuPy's module for NVIDIA's library of collective operations; None where that is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not installed
        found = importlib.import_module("cupy.cuda.nccl")
    return found if getattr(found, "available", False) else None


def nvtx() -> ModuleType | None:
    """CuPy's functions for ranges that NVIDIA's profilers show; None where no GPU is in use, or NVIDIA's library is not
    there."""
    if not gpu_in_use():
        return None
    found = _cupy().cuda.nvtx
    try:
        found.Mark("cuobjax")
    except Exception:
        return None
    return found


def synchronize(value: Any) -> None:
    """Waits until a raw array is computed; returns at once for all else."""
    if is_cupy(value):
        with waiting_or_recording:
            value.device.synchronize()


def is_array(value: Any) -> bool:
    """Whether `value` is a raw array or a NumPy scalar; arrays of NumPy's subclasses are for `autograd.foreign`."""
    return type(value) is numpy.ndarray or isinstance(value, numpy.generic) or is_cupy(value)


class Portable:
    """A raw array of a GPU that is pickled as one of the host, with the wish for its GPU.

    Where it is unpickled, it comes to that GPU if the default device is a GPU and there is one of that number, else to
    the default device. A copy stays on its GPU.

    Args:
        raw: The array.
    """

    __slots__ = ("raw",)
    raw: RawArray

    def __init__(self, raw: RawArray) -> None:
        self.raw = raw

    def __deepcopy__(self, memo: Any) -> Portable:
        return Portable(copied(self.raw))

    def __reduce__(self) -> Any:
        return _on_gpu, (self.raw.get(), self.raw.device.id)


def portable(raw: RawArray) -> RawArray | Portable:
    """The state of an Array: what pickle and copy make of `raw`."""
    return Portable(raw) if is_cupy(raw) else raw


def _on_gpu(host, index):
    device = default_device()
    return (Device("gpu", index) if device.kind == "gpu" and index < _gpu_count() else device).put(host)


def beside_gpu(args: Sequence[Any]) -> Sequence[Any]:
    """Arguments for a function of CuPy: a host array as a scalar, which travels with the kernel; it has no axes, as
    `library` has refused others."""
    return [a[()] if isinstance(a, numpy.ndarray) else a for a in args]


def library(args: Iterable[Any], where: str = "operation") -> ModuleType:
    """The array library that computes with raw `args`: `cupy` if one of them is a CuPy array, else `numpy`.

    Args:
        where: The operation, for the error.

    Raises:
        DeviceError: If arrays of the CPU and of a GPU are mixed; Python's and NumPy's scalars, and host arrays without
            axes, go with both.
    """
    found = numpy
    for a in args:
        if is_cupy(a):
            found = sys.modules["cupy"]
    if found is not numpy and any(isinstance(a, numpy.ndarray) and a.ndim for a in args):
        raise _mixed(where, [a for a in args if is_array(a)])
    return found


def _mixed(where, arrays):
    shapes = ", ".join(f"{device_of(a)} {a.shape}" for a in arrays)
    devices = sorted({str(device_of(a)) for a in arrays})
    names = ["gpu", "cpu"] if len(devices) == 2 and "cpu" in devices else devices
    remedy = " or ".join(f"device_put(x, {name!r})" for name in names)
    return DeviceError(f"{where}: expected all arrays on one device, got {shapes}. Move them with {remedy}.")
