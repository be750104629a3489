"""Variables that have a value for each device, from call to call of `Parallel`."""

from contextlib import contextmanager
from contextvars import ContextVar

import cuobjax.numpy as jn
from autograd.backend import local_devices

from .lanes import keys_of_lanes, reduced
from .scope import is_open, write
from .variable import RandomState, TrainRef

_replicated: set = set()  # by a call outside of scopes, whose values all threads see
_in_scope: "ContextVar[frozenset]" = ContextVar("cuobjax.replicated", default=frozenset())
_on_device: ContextVar[bool] = ContextVar("cuobjax.on_device", default=False)


def replicated():
    """The variables that hold a value for each device here, stacked along the first axis."""
    return frozenset() if _on_device.get() else _in_scope.get().union(_replicated)


def forget_replicas():
    """Every variable holds one value from here on, in this thread: that of its device."""
    _on_device.set(True)


@contextmanager
def replicate(vc):
    """Gives the variables of a collection a value for each device, stacked along the first axis, within the context.

    `Parallel` works without it; with it, values that differ from device to device do so from call to call. At the end,
    also after an exception, every variable becomes what its `reduce` makes of its values; one without `reduce`
    has the value from before, and a RandomState, of which each device has its own, the state that its split left.

    Raises:
        ValueError: If a variable is replicated already.
    """
    variables: list = list(dict.fromkeys(v.ref if isinstance(v, TrainRef) else v for v in vc))
    if not replicated().isdisjoint(variables):
        raise ValueError("replicate: expected variables that are not replicated already, got one that is.")
    n = len(local_devices())
    before, within = {}, {}
    for v in variables:
        if isinstance(v, RandomState):
            within[v], before[v] = keys_of_lanes(v.value, n)
        else:
            before[v], within[v] = v.value, jn.broadcast_to(v.value, (n, *v.shape))

    def joined(v):
        return before[v] if v._reduce is None or v.value is within[v] else reduced(v, v.value)

    write(within)
    scoped = is_open()
    token = _in_scope.set(_in_scope.get().union(variables if scoped else ()))
    _replicated.update(() if scoped else variables)
    try:
        yield
    finally:
        after = before
        try:
            after = {v: joined(v) for v in variables}
        finally:
            write(after)
            _replicated.difference_update(() if scoped else variables)
            _in_scope.reset(token)
