"""What the values of several processes become together: the part of collective operations that leaves a process.

In a program of several processes each one is to transformations outside of `Parallel` what a device is to those within
it: a derivative is that of the sum of all processes' outputs.
"""

from typing import Any

import numpy as onp

from .. import backend, processes
from ..primitive import Primitive
from .elementwise import astype, equal, where
from .shape import transpose

__all__ = ["across", "across_extreme"]

_JOIN = {"sum": onp.add, "max": onp.maximum, "min": onp.minimum}


def _across(xp, x, *, what, reduction, gives, sources):
    """The values of all devices of all processes, joined or moved as `thread_group.Exchange` says.

    Args:
        x: What the devices of this process have together: for an operation with a `reduction`, that of their values;
            else their values along a first axis.

    Returns:
        For "all", what every device gets; else a value for each device of this process, along the first axis.
    """
    group = processes.current()
    host = x.get() if backend.is_cupy(x) else onp.asarray(x)
    with group.at(what):
        if gives == "one":
            y = _permuted(group, host, sources)
        elif reduction:
            y = (group.scattered if gives == "part" else group.reduced)(host, _JOIN[reduction])
        else:
            y = group.gathered(host, group.counts or None)
    return x if y is host else xp.asarray(y)


def _permuted(group, x, sources):
    """The values of the devices `sources[i]`: those of this process at once, others by message."""
    first, owners = group.first(), [r for r, count in enumerate(group.counts or [len(x)]) for _ in range(count)]
    own = range(first, first + len(x))
    leaving: list[list[Any]] = [[] for _ in range(group.size)]
    for target, source in enumerate(sources):
        if source in own and target not in own:
            leaving[owners[target]].append(x[source - first])
    y = onp.zeros_like(x)
    coming = [target for target in own if sources[target] is not None and sources[target] not in own]
    found = group.exchanged(leaving, [owners[sources[target]] for target in coming], y[0])
    for target, value in zip(coming, found, strict=True):
        y[target - first] = value
    for target in own:
        if sources[target] in own:
            y[target - first] = x[sources[target] - first]
    return y


def _across_extreme(xp, x, *, what, reduction):
    """The largest or smallest of the elements of all processes: "max" or "min"."""
    return _across(xp, x, what=what, reduction=reduction, gives="all", sources=())


def _summed(g, what):
    return across(g, what=what, reduction="sum", gives="all", sources=())


def _back(g, what, reduction, gives, sources):
    what = f"the derivative of {what}"
    if gives == "one":
        back = tuple([sources.index(i) if i in sources else None for i in range(len(sources))])
        return across(g, what=what, reduction="", gives="one", sources=back)
    if gives == "part":
        return across(g, what=what, reduction="", gives="all", sources=())
    if not reduction:
        return across(g, what=what, reduction="sum", gives="part", sources=())
    return _summed(g, what)


def _to_extremes(g, y, x, what):
    chosen = astype(equal(x, y), dtype=y.dtype)
    count = _summed(chosen, f"ties in {what}")
    return _summed(g, f"the derivative of {what}") * (chosen / where(equal(count, 0), onp.nan, count))


def _lanes(primitive, size, values, batched, params):
    (x,) = values
    if params["reduction"] and params["gives"] == "all":
        return primitive(x, **params)
    y = primitive(transpose(x, axes=(1, 0, *range(2, x.ndim))), **params)
    return transpose(y, axes=(1, 0, *range(2, y.ndim)))


across: Primitive = Primitive(_across, (_back,), kind="multilinear", batch=_lanes)
across_extreme: Primitive = Primitive(_across_extreme, (_to_extremes,), batch="stack")
across.has_effect = across_extreme.has_effect = True  # the other processes wait for it
