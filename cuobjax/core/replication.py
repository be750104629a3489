"""Variables that have a value for each device, from call to call of `Parallel`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import cuobjax.numpy as jn
from autograd import processes
from autograd.backend import local_devices
from autograd.core import Array

from .everywhere import gathered
from .lanes import keys_of_lanes, reduced
from .random_state import RandomState, exclusive
from .scope import Values, is_open, write
from .variable import BaseVar

__all__ = ["forget_replicas", "replicate", "replicated", "require_one_value"]

_replicated: set[BaseVar] = set()  # outside of scopes: all threads see their values
_in_scope: ContextVar[frozenset[BaseVar]] = ContextVar("cuobjax.replicated", default=frozenset())
_on_device: ContextVar[bool] = ContextVar("cuobjax.on_device", default=False)


def replicated() -> frozenset[BaseVar]:
    """The variables that hold a value for each device here, stacked along the first axis."""
    return frozenset() if _on_device.get() else _in_scope.get().union(_replicated)


def require_one_value(where: str, variables: Iterable[BaseVar]) -> None:
    """Raises ValueError for variables that hold a value for each device; `where` is who asks."""
    if not replicated().isdisjoint(variables):
        raise ValueError(f"{where}: expected variables of one value, got replicas. Call it after replicate().")


def forget_replicas() -> None:
    """In this thread, which is one of a device, every variable has one value from now on."""
    _on_device.set(True)


@contextmanager
def replicate(vc: Iterable[Any]) -> Iterator[None]:
    """Gives the variables of a collection a value for each device, stacked along the first axis, within the context.

    `Parallel` works without it; with it, values that differ from device to device do so from call to call. At the end,
    also after an exception, every variable becomes what its `reduce` makes of its values; one without `reduce`
    has the value from before, and a RandomState, of which each device has its own, the state that its split left.

    Raises:
        ValueError: If a variable is replicated already.
    """
    variables: list[BaseVar] = list(dict.fromkeys(v for given in vc for v in given.storing() if v.member is None))
    if not replicated().isdisjoint(variables):
        raise ValueError("replicate: a variable of the collection is replicated already. Leave that context first.")
    n = len(local_devices())
    before: Values = {}
    within: Values = {}
    scoped, outer = is_open(), _in_scope.get()

    def joined(v: BaseVar) -> Array:
        unchanged = v.value is within[v] or v.value is before[v]
        if v.reduction is None or unchanged:
            return before[v]
        return reduced(v, gathered([v.value], "the end of replicate")[0], before[v])

    try:
        with exclusive:
            for v in variables:
                if isinstance(v, RandomState):
                    keys, before[v] = keys_of_lanes(v.value, processes.current().devices(n))
                    within[v] = keys[processes.current().first() :][:n]
                else:
                    before[v], within[v] = v.value, jn.broadcast_to(v.value, (n, *v.shape))
            write(within)
        _in_scope.set(outer.union(variables if scoped else ()))
        _replicated.update(() if scoped else variables)
        yield
    finally:
        after = before
        try:
            after = {v: joined(v) for v in within}
        finally:
            write(after)
            _replicated.difference_update(() if scoped else variables)
            _in_scope.set(outer)
