"""Looking at operations as they run: where NaN comes from, writes to arrays that a gradient needs, observers."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy

from . import backend, forward
from .compiler.multi_tensor import MultiTensorProgram
from .compiler.recorder import may_run_twice
from .core import bare
from .errors import line_of_user
from .primitive import Primitive
from .reverse import Tape, conformed

__all__ = ["Observer", "debug", "debug_nans", "is_checking", "is_watching", "observing", "timing"]

_lock = threading.RLock()
_open = []  # the contexts that are open
_originals = {}  # (class, name of method): the method that a context has replaced


class _Watch:
    """What a context checks.

    Attributes:
        nans: Whether to raise where a NaN or an infinity comes from.
        indices: Whether to raise for integer indices that are out of range.
        seconds: How long the operations took since the last value was recorded; None to measure no time.
        observer: What is told of each operation, None: nobody.
        checks: Whether it looks for mistakes.
    """

    def __init__(self, nans=False, indices=False, seconds=None, observer=None):
        self.nans, self.indices, self.seconds, self.observer = nans, indices, seconds, observer
        self.checks = observer is None


class Observer(Protocol):
    """What `observing` tells of operations."""

    def began(self, name: str) -> None:
        """An operation begins."""

    def ended(self, name: str, line: str, results: Sequence[Any], again: Callable[[], Any] | None) -> None:
        """It has ended, with some raw arrays, none after an error; `again` applies it once more, if it may be.

        Args:
            name: Its name.
            line: The line of the user.
        """

    def traced(self) -> Any:
        """What `observed` needs of the moment in which an operation is recorded."""

    def observed(self, at: Any) -> AbstractContextManager[Any]:
        """The context in which the gradient of that operation runs."""


def observing(observer: Observer) -> AbstractContextManager[None]:
    """Tells an observer of all operations within the context, in all threads, and of the gradients of operations.

    Each is waited for on a GPU. Programs of `Jit` run operation by operation meanwhile.
    """
    return _watching(_Watch(observer=observer))


def timing() -> AbstractContextManager[None]:
    """Measures operations within the context for `Tape.lines`."""
    return _watching(_Watch(seconds=0.0))


@contextlib.contextmanager
def debug(nans: bool = False) -> Iterator[None]:
    """Checks every operation within the context, in all threads; slow.

    Errors in a backward pass name the line that called the operation.

    Args:
        nans: Check for NaN and infinity as well.

    Raises:
        RuntimeError: In a backward pass, if an array that it needs was written to in the meantime, also through memory
            that NumPy cannot protect and on a GPU.
        IndexError: For integer indices and labels out of range, also where CuPy takes them modulo the length of the
            axis.
        LinAlgError: For matrices that cannot be inverted or factorized, on a GPU, too.
        FloatingPointError: With `nans`, at the operation that makes the first NaN or infinity out of finite numbers, in
            a forward or a backward pass.
    """
    quiet = numpy.errstate(divide="ignore", invalid="ignore", over="ignore") if nans else contextlib.nullcontext()
    with _watching(_Watch(nans, indices=True)), quiet, backend.raising_linalg():
        yield


def debug_nans() -> AbstractContextManager[None]:
    """Raises FloatingPointError at the operation that makes the first NaN or infinity: `debug(nans=True)`.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> with debug_nans():
        ...     grad(np.sqrt)(0.0)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        FloatingPointError: gradient of sqrt: made inf out of finite numbers, called at ...
    """
    return debug(nans=True)


@contextlib.contextmanager
def _watching(watch):
    with _lock:
        _open.append(watch)
        if len(_open) == 1:
            _install()
    try:
        yield
    finally:
        with _lock:
            _open.remove(watch)
            if not _open:
                for (owner, name), method in _originals.items():
                    setattr(owner, name, method)
                _originals.clear()


def is_watching() -> bool:
    """Whether a context of this module is open, in any thread."""
    return bool(_open)


def is_checking() -> bool:
    """Whether one is open that looks at more than operations as they run."""
    return any(watch.checks for watch in _open)


def _install():
    """Replaces methods by others that check, so that checks cost nothing without a context."""
    owners: list[Any] = [Primitive, *Primitive.__subclasses__()]
    for owner in owners:
        if "run" in vars(owner):
            _originals[owner, "run"] = owner.run
            owner.run = functools.partialmethod(_run, owner.run)
    _originals[forward, "tangent_of"] = forward.tangent_of
    setattr(forward, "tangent_of", functools.partial(_tangent_of, forward.tangent_of))  # noqa: B010 (mypy)
    methods = [
        (Tape, "_recorded", _recorded), (Tape, "whole", _whole),
        (MultiTensorProgram, "__call__", _program_called), (MultiTensorProgram, "stacked", _program_called),
    ]  # fmt: skip
    for owner, name, replacement in methods:
        _originals[owner, name] = getattr(owner, name)
        setattr(owner, name, functools.partialmethod(replacement, getattr(owner, name)))


def _observers():
    return [] if _again.running else [watch.observer for watch in _open if watch.observer is not None]


def _run(self, original, args, params):
    if self.index_ranges is not None and any(watch.indices for watch in _open):
        _require_in_range(self.name, self.index_ranges(*args, **params))
    observers = _observers()
    started = time.perf_counter()
    if observers:
        run = functools.partial(original, self, args, params)
        y = _observed(observers, self.name, line_of_user(), run, _again_if(may_run_twice(self), run))
    else:
        y = original(self, args, params)
    for watch in _open:
        if watch.seconds is not None:
            backend.synchronize(y)
            watch.seconds += time.perf_counter() - started
    if any(watch.nans for watch in _open):
        _require_finite(self.name, args, y, line_of_user())
    return y


def _observed(observers, name, line, run, again):
    """The results of an operation, of which observers are told; they may call `again`, if it is not None."""
    for observer in observers:
        observer.began(name)
    results: list[Any] = []
    try:
        y = run()
        results += [x for x in _parts(y) if backend.is_array(x)]
        for x in results:
            backend.synchronize(x)
    finally:
        for observer in observers:
            observer.ended(name, line, results, again)
    return y


class _Again(threading.local):
    """Whether an observer of this thread applies an operation once more, of which nobody is told."""

    running = False


_again = _Again()


def _again_if(allowed, run):
    """What applies an operation once more; None if it must not be."""
    return functools.partial(_unobserved, run) if allowed else None


def _nothing():
    """All that an operation does besides the operations that it calls, of which observers are told by themselves."""


def _unobserved(run):
    """Runs an operation of which no observer is told."""
    _again.running = True
    try:
        return run()
    finally:
        _again.running = False


def _parts(y):
    """What is in nested tuples and lists."""
    return [x for part in y for x in _parts(part)] if isinstance(y, tuple | list) else [y]


def _program_called(self, original, lists, numbers):
    if not (observers := _observers()):
        return original(self, lists, numbers)
    run = functools.partial(original, self, lists, numbers)
    return _observed(observers, f"{len(lists)} x {self.name}", line_of_user(), run, _again_if(True, run))


def _require_in_range(what, ranges):
    for indices, least, end in ranges:
        with backend.on_gpu_of(indices):
            wide = indices.astype("int64")
            first = _first(wide, (wide < least) | (wide >= end))
        if first is not None:
            place, value = first
            raise IndexError(
                f"{what}: expected indices from {least} to {end - 1}, got {value}{_at(place)}, "
                f"called at {line_of_user()}."
            )


def _at(place):
    return f" at {list(place)}" if place else ""


def _tangent_of(original, primitive, y, values, tangents, params):
    t = original(primitive, y, values, tangents, params)
    if t is not None and any(watch.nans for watch in _open):
        _require_finite(f"tangent of {primitive.name}", (*values, *tangents), t, line_of_user())
    return t


def _require_finite(what, args, y, line):
    for part in y if type(y) is tuple else (y,):
        bad = _not_finite(part)
        if bad is not None and all(_not_finite(a) is None for a in args):
            place, value = bad
            raise FloatingPointError(f"{what}: made {value}{_at(place)} out of finite numbers, called at {line}.")


def _not_finite(x):
    """The place and value of the first element that is not finite; None if there is none."""
    x = bare(x)
    if isinstance(x, (float, complex)):
        x = numpy.asarray(x)
    if not backend.is_array(x) or x.dtype.kind not in "fc":
        return None
    with backend.on_gpu_of(x):
        return _first(x, ~backend.library((x,)).isfinite(x))


def _first(x, chosen):
    """The place and value of the first of these elements, which an array of booleans says; None if there is none."""
    places = backend.library((x,)).argwhere(chosen)
    if not len(places):
        return None
    place = tuple(int(i) for i in places[0])
    return place, x[place].item()


def _recorded(self, original, primitive, edges, value):
    line = line_of_user()
    name = f"gradient of {primitive.name if primitive else 'a part'}"
    if any(watch.checks for watch in _open):
        edges = [
            (to, functools.partial(_checked, vjp, _copies(residuals), name, line), residuals)
            for to, vjp, residuals in edges
        ]
    if primitive is not None:
        edges = _telling(self, primitive, edges, line, _again_if)
    tracer = original(self, primitive, edges, value)
    seconds = [watch.seconds for watch in _open if watch.seconds is not None]
    self.lines = {} if self.lines is None else self.lines
    self.lines[tracer._position] = (line, seconds[-1] if seconds else 0.0)
    for watch in _open:
        watch.seconds = watch.seconds and 0.0
    return tracer


def _whole(self, original, primitive, edges):
    return original(self, primitive, _telling(self, primitive, edges, line_of_user(), _nothing_if))


def _nothing_if(allowed, run):
    """The first of several edges computes for all of them, in operations, so that none can be run again."""
    return _nothing if allowed else None


def _telling(tape, primitive, edges, line, again_if):
    """Edges whose vjps tell observers when they run; the sum of what was broadcast is a part of them.

    Args:
        again_if: `_again_if`, or `_nothing_if` for the edges of a result of several arrays.
    """
    what = f"gradient of {primitive.name}", line, functools.partial(again_if, may_run_twice(primitive))
    for observer in _observers():
        at = observer.traced()
        edges = [(to, functools.partial(_told, vjp, observer, at, what, tape.nodes[to]), r) for to, vjp, r in edges]
    return edges


def _copies(residuals):
    return [backend.copied(x) if backend.is_array(x) else None for x in residuals]


def _checked(vjp, copies, name, line, g, *residuals):
    """Applies a vjp after comparing its residuals with copies; its result must be finite if its arguments are."""
    for x, copy in zip(residuals, copies, strict=True):
        with backend.on_gpu_of(x):
            same = copy is None or bool(((x == copy) | ((x != x) & (copy != copy))).all())
        if not same:
            raise RuntimeError(f"an array was written to, and the gradient of the operation called at {line} needs it.")
    c = vjp(g, *residuals)
    if any(watch.nans for watch in _open):
        _require_finite(name, (g, *residuals), c, line)
    return c


def _told(vjp, observer, at, what, node, g, *residuals):
    """Applies a vjp, of which an observer is told."""
    name, line, again_of = what
    _, _, shape, dtype = node

    def run():
        c = vjp(g, *residuals)
        return c if shape is None or (c.shape == shape and c.dtype is dtype) else conformed(c, shape, dtype)

    with observer.observed(at):
        return _observed([observer], name, line, run, again_of(run))
