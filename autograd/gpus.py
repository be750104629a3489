"""On which GPU, and in which stream, CuPy computes where there are several: it has a current one in each thread."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .backend import Device, is_cupy, several_gpus

if TYPE_CHECKING:
    from .typing import RawArray

__all__ = [
    "after", "current_gpu", "library_beside", "streams", "use_gpu_of", "use_streams", "using_streams",
    "using_streams_beside", "wait_for",
]  # fmt: skip


def current_gpu() -> AbstractContextManager[Any]:
    """A context at whose end the GPU that is the current one now is so again; it changes nothing where there is one."""
    return Device("gpu").library.cuda.Device() if several_gpus() else contextlib.nullcontext()


def use_gpu_of(raw: RawArray) -> None:
    """Makes the GPU of a CuPy array the current one."""
    if is_cupy(raw):
        raw.device.use()


def library_beside(raw: Any) -> Any:
    """The array library with which to make arrays on the device of a raw array.

    It is `numpy` or `cupy`; where there are several GPUs, `cupy` with functions that compute on that of `raw`.
    """
    if not is_cupy(raw):
        return numpy
    library = Device("gpu").library
    return _library_on(raw.device.id, library) if several_gpus() else library


class _LibraryOn:
    """A module of CuPy whose functions compute on one GPU."""

    def __init__(self, index: int, module: ModuleType) -> None:
        self._index, self._module = index, module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, ModuleType):
            value = _library_on(self._index, value)
        elif callable(value) and not isinstance(value, type):
            value = _computing_on(Device("gpu", self._index), value)
        setattr(self, name, value)
        return value


_library_on = functools.cache(_LibraryOn)


def _computing_on(device, function):
    def on_gpu(*args, **kwargs):
        with device.current():
            return function(*args, **kwargs)

    return on_gpu


def streams(devices: Iterable[Device]) -> list[tuple[Device, Any]]:
    """The streams that CuPy uses on these devices in this thread, for `use_streams` in another one."""
    found = []
    for gpu in {d for d in devices if d.kind == "gpu"}:
        cuda = gpu.library.cuda
        stream = cuda.get_current_stream(gpu.index)
        # The default stream of one thread is not that of another one; the default stream of all threads waits for both.
        found.append((gpu, cuda.Stream.null if stream.ptr == cuda.Stream.ptds.ptr else stream))
    return found


def use_streams(found: Iterable[tuple[Device, Any]]) -> None:
    """Lets CuPy use streams of another thread in this one, so that what both compute is in order."""
    for gpu, stream in found:
        with gpu.current():
            stream.use()


@contextlib.contextmanager
def using_streams(found: Iterable[tuple[Device, Any]]) -> Iterator[None]:
    """A context in which CuPy uses these streams."""
    found = list(found)
    before = [(gpu, gpu.library.cuda.get_current_stream(gpu.index)) for gpu, _ in found]
    try:
        use_streams(found)
        yield
    finally:
        use_streams(before)


@functools.cache
def _beside(gpu):
    """A stream of a GPU for what goes on beside the computation."""
    with gpu.current():
        return gpu.library.cuda.Stream(non_blocking=True)


def after(found: Iterable[tuple[Device, Any]]) -> list[tuple[Device, Any]]:
    """An event for each stream of `streams`, at the end of what is in it now."""
    events = []
    for gpu, stream in found:
        with gpu.current():
            events.append((gpu, stream.record()))
    return events


@contextlib.contextmanager
def using_streams_beside(begins: Sequence[tuple[Device, Any]]) -> Iterator[list[tuple[Device, Any]]]:
    """A context in which CuPy uses streams of their own, which wait for the events of `after`.

    It yields a list that has events at the end of the context, for `wait_for`.
    """
    ends: list[tuple[Device, Any]] = []
    others = [(gpu, _beside(gpu)) for gpu, _ in begins]
    for (gpu, event), (_, other) in zip(begins, others, strict=True):
        with gpu.current():
            other.wait_event(event)
    with using_streams(others):
        yield ends
    ends += after(others)


def wait_for(events: Iterable[tuple[Device, Any]], gpu: Device) -> None:
    """Lets what CuPy does next on a GPU, in this thread, wait for events of any GPUs."""
    with gpu.current():
        stream = gpu.library.cuda.get_current_stream(gpu.index)
        for _, event in events:
            stream.wait_event(event)
