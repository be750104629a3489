"""Loops over NumPy arrays in Python, which numba compiles where it is installed: one pass over memory, on all cores.

Without numba (extra `cpu`), or with CUOBJAX_NUMBA=0, kernels use NumPy. They also do for small arrays: compiling a loop
takes longer than it would save.
"""

from __future__ import annotations

import dis
import functools
import importlib.util
import os
import threading
import types
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy

__all__ = ["PART", "Loop", "at_fork", "each", "is_worth_it", "parts_of", "plain", "reduction", "threads"]

LEAST = 1 << 12  # elements
PART = 1 << 16  # elements of one array that one call of a loop has: they stay in the second-level cache


@functools.cache
def is_there() -> bool:
    """Whether numba is installed and wanted."""
    return os.environ.get("CUOBJAX_NUMBA", "1") != "0" and importlib.util.find_spec("numba") is not None


def is_worth_it(*arrays: Any) -> bool:
    """Whether loops take these arrays, without gaps in memory: all float32 or all float64, not all small.

    Loops do not check indices: whoever calls one makes sure that the shapes fit.
    """
    largest = 0
    for a in arrays:
        if a.dtype.num not in (11, 12) or a.dtype.num != arrays[0].dtype.num or not a.dtype.isnative:
            return False
        largest = max(largest, a.size)
    return largest >= LEAST and is_there()


def plain(a: Any) -> Any:
    """An array, or a copy without gaps that can be written: for each kind of arrays a loop would be compiled anew."""
    return a if a.flags.c_contiguous and a.flags.writeable else a.copy("C")


@functools.cache
def threads() -> int:
    """How many threads work: CUOBJAX_THREADS, else OMP_NUM_THREADS, else the cores that this process may use.

    Raises:
        ValueError: If CUOBJAX_THREADS is no positive number.
    """
    wanted, usual = os.environ.get("CUOBJAX_THREADS"), os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    number = wanted or usual
    if number.isdecimal() and int(number) > 0:
        return int(number)
    if wanted:
        raise ValueError(f"CUOBJAX_THREADS: expected a positive number of threads, got {wanted!r}.")
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_Tasks: TypeAlias = "SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]]]"
_lock = threading.Lock()
_tasks: _Tasks | None = None


def _forget_pool() -> None:
    """A process that was forked has no threads of the pool, nor the one that may have held the lock."""
    global _lock, _tasks
    _lock, _tasks = threading.Lock(), None


at_fork: Callable[..., None] = getattr(os, "register_at_fork", lambda **functions: None)
"""`os.register_at_fork`, which does nothing where no process is forked."""

at_fork(after_in_child=_forget_pool)


def _pool() -> _Tasks:
    """Where threads wait for tasks, each with a place for its error: five times as fast as an executor."""
    global _tasks
    with _lock:
        if _tasks is None:
            tasks: _Tasks = SimpleQueue()
            for i in range(max(1, threads() - 1)):
                threading.Thread(target=_serve, args=(tasks,), name=f"autograd pool {i}", daemon=True).start()
            _tasks = tasks  # only now: without threads, if the system gives none, all later work would wait for ever
        return _tasks


def _serve(tasks):
    while True:
        task, done = tasks.get()
        try:
            task()
            error = None
        except BaseException as caught:
            error = caught
        del task  # with the arrays that it has
        done.put(error)
        del done, error


_in_threads: ContextVar[bool] = ContextVar("in_threads", default=False)


def each(work: Callable[[int], Any], count: int) -> None:
    """Calls `work(i)` for every i below `count`, on several threads; `work` should release the GIL.

    Within `work` it takes no further threads, for which that would wait.
    """
    helpers = 0 if _in_threads.get() else min(threads(), count) - 1
    if helpers < 1:
        for i in range(count):
            work(i)
        return
    numbers = iter(range(count))

    def some() -> None:
        for i in numbers:
            work(i)

    done: SimpleQueue[BaseException | None] = SimpleQueue()
    tasks, context = _pool(), copy_context()  # with NumPy's treatment of errors
    context.run(_in_threads.set, True)
    for _ in range(helpers):
        tasks.put((functools.partial(context.copy().run, some), done))
    errors = []
    try:
        context.run(some)
    finally:
        errors += [done.get() for _ in range(helpers)]  # they write to the caller's arrays
    for error in errors:
        if error is not None:
            raise error


class Loop:
    """A loop over rows of arrays: `function(part, start, stop, *arguments)` works on the rows from start to stop - 1.

    The text of the function is Python. It is compiled for float32 or float64: then `Real` in it is that type, `gemm`
    calls BLAS, `exp`, `tanh` and others of `scalars` are functions of one number, functions that it calls are compiled
    with it, and floating-point constants of its module are `Real`. Results are rounded as the text says, with two
    exceptions: a product and a sum may be one instruction, and a function that is a `reduction` may add in any order.

    Args:
        loop: The loop.
        names: What further names in it stand for: functions of numbers, whose own constants become `Real`.
    """

    function: Callable[..., None]
    names: dict[str, Callable[..., Any]]

    def __init__(self, loop: Callable[..., None], /, **names: Callable[..., Any]) -> None:
        self.function, self.names = loop, names
        self._compiled: dict[int, Any] = {}

    def __call__(self, size: int, rows: int, *arguments: Any) -> None:
        """Runs the loop over all rows of `size` elements; arguments are arrays of one dtype first, and others."""
        of_part = parts_of(size)
        loop = self.of(arguments[0].dtype)
        each(
            lambda part: loop(part, part * of_part, min(rows, (part + 1) * of_part), *arguments),
            -(-rows // of_part),
        )

    def of(self, dtype: Any) -> Any:
        """The compiled function for a dtype."""
        found = self._compiled.get(dtype.num)
        if found is None:
            with _lock:
                found = self._compiled[dtype.num] = _compile(self.function, dtype.type, self.names)
        return found


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a function that a loop calls: its sums may be taken in any order, and so by vector instructions."""
    function.any_order = True  # type: ignore[attr-defined]
    return function


def parts_of(size: int) -> int:
    """How many rows of `size` elements a part has; it does not depend on the number of threads, as sums must not."""
    return max(1, PART // max(1, size))


def _compile(function, real, names, is_called=False, bare=False):
    import numba  # it takes half a second

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": is_called}
    options["fastmath"] = {"contract", "reassoc"} if hasattr(function, "any_order") else {"contract"}
    text, bound = _bound(function, real, names, bare)
    known = types.FunctionType(text, function.__globals__ | bound, function.__name__)
    # numba keeps what it compiled on disk, by this name: it must change with all that the result depends on.
    known.__qualname__ = f"{function.__name__}_{_digest(text, bound, function.__globals__, options)}"
    known.__module__ = function.__module__
    try:
        return numba.njit(cache=True, **options)(known)
    except RuntimeError:  # no folder can be written
        return numba.njit(**options)(known)


def _bound(function, real, names, bare):
    """The code of a function and what its names are bound to, for one type of numbers."""
    from . import scalars  # for numba alone

    table = scalars.SINGLE_PRECISION if real is numpy.float32 else scalars.DOUBLE_PRECISION
    bound: dict[str, Any] = {}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if name == "Real":
            bound[name] = real
        elif name == "gemm":
            bound[name] = importlib.import_module(".gemm", __package__).gemm
        elif name in names:
            bound[name] = _compile(names[name], real, {}, True, True)
        elif name in table:
            plain = type(table[name]) is types.FunctionType
            bound[name] = _compile(table[name], real, {}, True) if plain else table[name]
        elif type(value) is types.FunctionType:
            bound[name] = _compile(value, real, names, True, bare)
        elif type(value) is float:
            bound[name] = real(value)
    text = function.__code__
    return (_with_numbers(text, real) if bare else text), bound


def _with_numbers(text, real):
    """Code with its numbers in a type; from Python 3.14 on small integers stand in the instructions that load them."""
    code = bytearray(text.co_code)
    constants = [real(c) if type(c) in (int, float) else c for c in text.co_consts]
    for load in dis.get_instructions(text):
        if load.opname in ("LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT") and type(load.argval) is int:
            code[load.offset : load.offset + 2] = dis.opmap["LOAD_CONST"], len(constants)
            constants.append(real(load.argval))
    return text.replace(co_code=bytes(code), co_consts=tuple(constants))


def _digest(text, bound, known, options):
    if any(type(c) is types.CodeType for c in text.co_consts):  # its text would have an address in memory
        raise TypeError(f"{text.co_name}: expected a loop without functions in it. Move them to the module.")
    kinds = int | float | numpy.generic
    constants = [(name, known[name]) for name in text.co_names if isinstance(known.get(name), kinds)]
    parts = [
        text.co_code,
        text.co_consts,
        text.co_names,
        constants,
        [(name, sorted(value) if isinstance(value, set) else value) for name, value in options.items()],
        *[(name, getattr(value, "__qualname__", value)) for name, value in sorted(bound.items())],
    ]
    import hashlib  # here, as few programs need it

    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
