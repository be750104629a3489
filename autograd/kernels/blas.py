"""Work with products of matrices in our own threads, in each of which NumPy's OpenBLAS takes one thread.

OpenBLAS cuts a product of small matrices into too little work for its threads, and between products only one works.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from .compiled import at_fork, each

__all__ = ["gemm_of", "in_threads", "one_thread"]

_NAMES = [f"{prefix}openblas_%s_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")]


def in_threads(work: Callable[[int], Any], count: int) -> None:
    """Calls `work(i)` for every i below `count`, in several threads if products in them can take one thread each."""
    if count == 1:
        work(0)
        return
    with one_thread() as alone:
        if alone:
            each(work, count)
        else:
            for i in range(count):
                work(i)


@contextlib.contextmanager
def one_thread() -> Iterator[bool]:
    """Products take one thread meanwhile, in the whole process; yields whether they do."""
    if _library() is None:
        yield False
        return
    _change(1)
    try:
        yield True
    finally:
        _change(-1)


_lock = threading.Lock()
_users = 0
_usual = 1  # how many threads OpenBLAS takes without users


def _change(by: int) -> None:
    global _users, _usual
    read, write = _library()
    with _lock:
        if not _users:
            _usual = read()
        _users += by
        if _usual > 1:
            write(1 if _users else _usual)


def _forget_users() -> None:
    """A process that was forked has none of the threads that used it."""
    global _lock, _users
    _lock = threading.Lock()
    if _users:
        _users = 0
        _library()[1](_usual)


at_fork(after_in_child=_forget_users)


@functools.cache
def _library() -> Any:
    """OpenBLAS's functions that read and write its number of threads; None where NumPy has another library."""
    known = _loaded()
    for name in _NAMES:
        if hasattr(known, name % "get") and hasattr(known, name % "set"):
            return getattr(known, name % "get"), getattr(known, name % "set")
    return None


@functools.cache
def gemm_of(dtype: numpy.dtype[Any]) -> int | None:
    """The address of OpenBLAS's product of matrices, whose sizes have 64 bits; None where NumPy has another library."""
    for prefix in ("scipy_", ""):
        function = getattr(_loaded(), f"{prefix}cblas_{dtype.char.replace('f', 's')}gemm64_", None)
        if function is not None and _library() is not None:
            return ctypes.cast(function, ctypes.c_void_p).value
    return None


@functools.cache
def _loaded() -> ctypes.CDLL | None:
    """The library of NumPy's products."""
    try:
        return ctypes.CDLL(numpy._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
