"""Batches made by threads, and brought to a GPU, while others are in use."""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from itertools import repeat
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, Device, default_device, device, device_put, tree
from autograd.backend import as_device, is_array
from autograd.core import dereferenced, wrapped
from autograd.foreign import argument, holds_numbers
from autograd.typing import DeviceLike
from autograd.upload import Upload

from ..util.convert import require_integers, require_iterable
from .sources import plain

__all__ = ["converted", "in_threads", "on_device", "prefetch"]

_END = object()


def prefetch(batches: Iterable[Any], ahead: int = 2, to: DeviceLike | None = None) -> Iterator[Any]:
    """The batches of any iterable, which a thread asks for them ahead, as Arrays on a device.

    Batches are nested structures; arrays of any library in them, of PyTorch's DataLoader for instance, and lists of
    numbers, as tokenizers give them, become Arrays in the dtypes of `jn.array`; texts and other objects stay. On a GPU
    they are copied in a stream of their own while others are in use.

    >>> import numpy as np
    >>> import cuobjax
    >>> for batch in cuobjax.data.prefetch({"x": np.full(2, i)} for i in range(2)):
    ...     print(batch)
    {'x': Array([0, 0], dtype=int32)}
    {'x': Array([1, 1], dtype=int32)}

    Args:
        batches: The iterable; exceptions that it raises arrive in its place.
        ahead: How many batches wait at most; 0: no thread.
        to: The device. None: the default one; Arrays of a GPU stay there.
    """
    require_integers("prefetch", 0, ahead=ahead)
    require_iterable("prefetch", batches=batches)
    batches = iter(batches)

    def following():
        batch = next(batches, _END)
        return batch if batch is _END else converted(batch)

    return on_device(in_threads(repeat(following), min(ahead, 1), ahead), to)


def in_threads(tasks: Iterable[Callable[[], Any]], threads: int, ahead: int) -> Generator[Any, None, None]:
    """The results of tasks, in their order, up to one that gives _END; computed by threads, at most `ahead` of them
    before they are asked for."""
    if not threads:
        for task in tasks:
            if (result := task()) is _END:
                return
            yield result
        return
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(threads, "cuobjax.data") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(copy_context().run, task))
                if len(waiting) <= ahead:
                    continue
                if (result := waiting.popleft().result()) is _END:
                    return
                yield result
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def converted(batch: Any, owned: bool = False) -> Any:
    """A batch with Arrays of the CPU in place of arrays of any library; Arrays stay as they are.

    Args:
        owned: Whether nobody else refers to NumPy's arrays in it, which then need not be copied.
    """

    def convert(x):
        x = dereferenced(argument(x, "cuobjax.data"))  # while another thread records a program, results are References
        if isinstance(x, Array) or not (is_array(x) and holds_numbers(x)):
            return x
        if owned and type(x) is onp.ndarray and x.dtype.name in ("float32", "int32", "uint8", "bool"):
            return wrapped(x)
        return jn.array(x)

    with device("cpu"):
        return tree.tree_map(convert, plain(batch))


def on_device(batches: Generator[Any, None, None], to: DeviceLike | None = None) -> Generator[Any, None, None]:
    """Batches with their Arrays of the CPU on a device, on a GPU copied before they are asked for.

    Arrays of a GPU stay there, but where another device is given.
    """
    target = default_device() if to is None else as_device(to)
    with contextlib.closing(batches):
        there = batches if target.kind == "cpu" else _uploaded(batches, target)
        yield from there if to is None else (tree.tree_map(partial(_put, target), batch) for batch in there)


def _put(target, x):
    return device_put(x, target) if isinstance(x, Array) and x.device != target else x


def _uploaded(batches, target):
    upload = failed = None
    try:
        while True:
            before, upload = upload, None
            try:
                batch = next(batches, _END)
                upload = None if batch is _END else _Uploaded(batch, target)
            except Exception as error:  # which has its turn behind the batch before
                failed = error
            if before is not None:
                yield before.batch()
                before.copies.wait()
            if failed is not None:
                raise failed
            if upload is None:
                return
    finally:
        if upload is not None:
            upload.copies.wait()


class _Uploaded:
    """A batch on its way to a GPU."""

    def __init__(self, batch: Any, target: Device) -> None:
        self.leaves, self.structure = tree.flatten(batch)
        self.places = [i for i, x in enumerate(self.leaves) if type(x) is Array and x.device.kind == "cpu"]
        self.copies = Upload([self.leaves[i]._value for i in self.places], target)

    def batch(self) -> Any:
        """The batch, which may be used from now on."""
        for i, raw in zip(self.places, self.copies.finished(), strict=True):
            self.leaves[i] = wrapped(raw)
        return tree.unflatten(self.structure, self.leaves)
