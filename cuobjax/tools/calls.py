"""Watching the calls of modules: what tables, pictures and profiles of a network are made of."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias

from ..core.module import Module

__all__ = ["Called", "watching"]

Called: TypeAlias = Callable[[Callable[..., Any], Module, tuple[Any, ...], dict[str, Any]], Any]
"""`called(function, module, args, kwargs)` calls `function(module, *args, **kwargs)` and returns what that returns."""

_watches: ContextVar[tuple[Called, ...]] = ContextVar("cuobjax.tools.calls", default=())
_lock = threading.Lock()
_open: list[tuple[type, Callable[..., Any]]] = []  # a class and its own method, for each context that watches it


@contextlib.contextmanager
def watching(modules: Iterable[Module], called: Called) -> Iterator[None]:
    """Within this context, calls of modules of the classes of these ones go through `called`, in this thread.

    The method `__call__` of the classes is replaced meanwhile by one that in other threads does nothing else than
    before. Calls of modules that are not among these come, too, as do those of base classes' methods by `super()`.
    Contexts nest, and several threads may each have their own: a call goes through all of those of its thread.
    """
    owners = {next(kind for kind in type(m).__mro__ if "__call__" in vars(kind)) for m in modules}
    token = _watches.set((*_watches.get(), called))
    with _lock:
        known = dict(_open)
        for owner in owners:
            original = known.get(owner, vars(owner)["__call__"])
            _open.append((owner, original))
            if owner not in known:
                owner.__call__ = _watched(original)
    try:
        yield
    finally:
        with _lock:
            for owner in owners:
                original = dict(_open)[owner]
                _open.remove((owner, original))
                if owner not in dict(_open):
                    owner.__call__ = original
        _watches.reset(token)


def _watched(original):
    @functools.wraps(original)
    def watched(self, *args, **kwargs):
        function = original
        for called in reversed(_watches.get()):  # the innermost context is the next one to the method
            function = functools.partial(_through, called, function)
        return function(self, *args, **kwargs)

    return watched


def _through(called, function, module, /, *args, **kwargs):
    return called(function, module, args, kwargs)
