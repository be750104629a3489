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

_watch: ContextVar[Called | None] = ContextVar("cuobjax.tools.calls", default=None)
_lock = threading.RLock()


@contextlib.contextmanager
def watching(modules: Iterable[Module], called: Called) -> Iterator[None]:
    """Within this context, calls of modules of the classes of these ones go through `called`, in this thread.

    The method `__call__` of the classes is replaced meanwhile by one that in other threads does nothing else than
    before. Calls of modules that are not among these come, too, as do those of base classes' methods by `super()`.
    """
    with _lock:
        owners = {next(kind for kind in type(m).__mro__ if "__call__" in vars(kind)) for m in modules}
        originals = {owner: vars(owner)["__call__"] for owner in owners}
        token = _watch.set(called)
        try:
            for owner, original in originals.items():
                owner.__call__ = _watched(original)
            yield
        finally:
            for owner, original in originals.items():
                owner.__call__ = original
            _watch.reset(token)


def _watched(original):
    @functools.wraps(original)
    def watched(self, *args, **kwargs):
        called = _watch.get()
        return original(self, *args, **kwargs) if called is None else called(original, self, args, kwargs)

    return watched
