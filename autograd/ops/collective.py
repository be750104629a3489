"""Collective operations: on the values that an array has on all devices of a named axis.

They follow the convention of single programs on multiple data: the derivative that a transformation takes within the
program on each device is that of the sum of all devices' outputs. So the transpose of `psum` is `psum`. A value that a
transformation outside of the group traces is combined by ordinary operations, which that transformation sees.

`axis_name` is the name of the group of threads, or the `Member` itself. What each operation does is data, its
`reduction` and what it `gives`, so that a group of threads, NVIDIA's library and others can do it in their own ways:

    operation        reduction   gives     a member gets
    psum, pmax, pmin sum max min all       the reduction
    all_gather                   all       all values along a new first axis
    reduce_scatter   sum         part      its element of the reduction along the first axis
    ppermute                     one       the value of the member `sources[rank]`; zeros for None

`finished(begun(x))` is `psum(x)` in two steps, between which the program goes on.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numpy as onp

from .. import backend, nccl, processes
from ..core import Array, library, lift
from ..primitive import Primitive
from ..thread_group import Exchange, current
from ..typing import ArrayLike, Result
from .across import across, across_extreme
from .elementwise import add, astype, device_put, equal, maximum, minimum, where
from .shape import concatenate, reshape, transpose

__all__ = [
    "REDUCTIONS", "Collective", "all_gather", "begun", "finished", "pmax", "pmin", "ppermute", "psum", "reduce_scatter",
]  # fmt: skip

REDUCTIONS: dict[str, Primitive] = {"sum": add, "max": maximum, "min": minimum}
"""How two values become one."""


class _InGroup(Primitive):
    """A primitive that a thread of a group applies: at once to a value that only a transformation around it traces."""

    has_effect = True

    def __call__(self, x: ArrayLike, *, axis_name: Any, **params: Any) -> Result:  # type: ignore[override]
        """Applies it to one array."""
        if isinstance(x, Array) and x._trace.level > current(axis_name).level:
            return super().__call__(x, axis_name=axis_name, **params)
        return self.forward(None, x, axis_name=axis_name, **params)


class Collective(_InGroup):
    """A primitive that the threads of a group apply together.

    Args:
        name: Its name.
        text: Its documentation.
        vjp: The one `vjp` of `Primitive`.
        reduction, gives: See `thread_group.Exchange`. One that gives "one" has the parameter `sources`.
        kind, batch: See `Primitive`.

    Attributes:
        has_effect: True: no pass over a program may drop an application, as other devices wait for it.
    """

    reduction: str
    gives: str

    def __init__(
        self,
        name: str,
        text: str,
        vjp: Callable[..., Any],
        *,
        reduction: str = "",
        gives: str = "all",
        kind: str = "multilinear",
        batch: str | Callable[..., Any] | None = "stack",
    ) -> None:
        def forward(xp, x, *, axis_name):
            return self._meet(current(axis_name), x)

        def permuted(xp, x, *, axis_name, sources):
            return self._meet(current(axis_name), x, sources)

        chosen = permuted if gives == "one" else forward
        chosen.__doc__ = text
        super().__init__(chosen, (vjp,), name=name, kind=kind, batch=batch)
        self.reduction, self.gives = reduction, gives

    def _meet(self, member, x, sources=()):
        shape, size = onp.shape(x), member.group.size
        if self.gives == "part" and shape[:1] != (size,):
            raise ValueError(
                f"{self.name}: expected a first axis of length {size}, a part for each device, got shape {shape}."
            )
        if self.gives == "one" and len(sources) != size:
            raise ValueError(f"{self.name}: expected a source for each of {size} devices, got {sources}.")
        return member.meet(self.exchange(x, f" from {sources}" if sources else "", sources), x)

    def exchange(self, x: Any, told: str = "", sources: tuple[int | None, ...] = ()) -> Exchange:
        """What the threads do together, given the value of one; `told` is the end of its description."""
        dtype = x.dtype if hasattr(x, "dtype") else type(x).__name__
        what = f"{self.name} of {dtype} {onp.shape(x)}{told}"
        return Exchange(what, self._exchanged, self.reduction, self.gives, sources)

    def _exchanged(self, exchange, values, group):
        """The result for each device; a raw one is its own."""
        raw = [x._value if type(x) is Array else x for x in values]
        devices = group.devices if len(set(group.devices)) > 1 else [None] * len(raw)  # None: where they are
        if nccl.takes(exchange, raw, group):
            with processes.current().at(exchange.what):
                found = self._by_nccl(exchange, raw, group)
        elif group.size > len(group.devices):
            y = self._across(exchange, raw, group.devices[0])
            found = [_moved(y if self.gives == "all" else y[i], device) for i, device in enumerate(group.devices)]
        elif self.gives == "all":
            y = self._combined(raw, devices[0])
            found = [_moved(y, device) for device in devices]
        else:
            pieces = [self._pieces(exchange, raw, rank) for rank in range(group.size)]
            found = list(map(self._combined, pieces, devices))
        taken = {_memory(x) for x in raw}
        return [_own(y, x, taken) for x, y in zip(values, found, strict=True)]

    def _by_nccl(self, exchange, values, group):
        """The same by NVIDIA's library, whose extremes leave NaN out: these are found here."""
        if exchange.reduction in ("", "sum") or values[0].dtype.kind in "iub":
            return nccl.exchanged(exchange, values, group)
        gathered = nccl.exchanged(exchange._replace(reduction=""), values, group)
        return list(map(self._combined, map(list, gathered), group.devices))

    def _across(self, exchange, values, device):
        """What this process's devices get, where others belong to other processes: see `ops.across`."""
        y = self._combined(values, device, stack=not self.reduction)
        if self.reduction in ("max", "min"):
            return across_extreme(y, what=exchange.what, reduction=self.reduction)
        params = {"what": exchange.what, "reduction": self.reduction, "gives": self.gives}
        return across(y, **params, sources=exchange.sources)

    def _pieces(self, exchange, values, rank):
        """What the result of one device is made of, where not all get the same."""
        if self.gives == "part":
            return [x[rank] for x in values]
        source = exchange.sources[rank]
        return [_zeros(values[rank]) if source is None else values[source]]

    def _combined(self, values, device, stack=False):
        with contextlib.nullcontext() if device is None else device.current():
            values = [_moved(x, device) for x in values]
            if self.reduction:
                return functools.reduce(REDUCTIONS[self.reduction], values)
            return _stacked(values) if stack or self.gives == "all" else values[0]


def _stacked(values):
    return concatenate(*[reshape(x, shape=(1, *onp.shape(x))) for x in values], axis=0)


def _zeros(x):
    return library(x).zeros(onp.shape(x), getattr(x, "dtype", float))


def _memory(x):
    """What tells the memory of a raw array from others."""
    base = getattr(x, "base", None)
    return id(x if base is None else base)


def _own(y, x, taken):
    """The result `y` for the thread that brought `x`: an Array for an Array; a raw array for itself, in memory of its
    own, which is not among `taken` and is added to it."""
    if isinstance(x, Array) or (type(y) is not Array and isinstance(y, Array)):
        return lift(y)
    y = y._value if isinstance(y, Array) else y
    if backend.is_array(y) and _memory(y) in taken:
        y = backend.copied(y)
    taken.add(_memory(y))
    return y


def _moved(x, device):
    """A value on a device, if one is given; the copy of a traced one is traced."""
    if device is None:
        return x
    if not isinstance(x, Array):
        return x if not backend.is_array(x) or backend.device_of(x) == device else device.put(x)
    source = x.device
    return x if source == device else device_put(x, source=source, target=device)


def _to_extremes(g, y, x, axis_name):
    chosen = astype(equal(x, y), dtype=y.dtype)
    count = psum(chosen, axis_name=axis_name)
    return psum(g, axis_name=axis_name) * (chosen / where(equal(count, 0), onp.nan, count))  # none is NaN


def _gathered_lanes(primitive, size, values, batched, params):
    y = primitive(*values, **params)
    return transpose(y, axes=(1, 0, *range(2, y.ndim)))


def _scattered_lanes(primitive, size, values, batched, params):
    (x,) = values
    return primitive(transpose(x, axes=(1, 0, *range(2, x.ndim))), **params)


def _back(g, axis_name, sources):
    targets = tuple([sources.index(rank) if rank in sources else None for rank in range(len(sources))])
    return ppermute(g, axis_name=axis_name, sources=targets)


psum: Collective = Collective(
    "psum", "The sum over the devices.", lambda g, axis_name: psum(g, axis_name=axis_name), reduction="sum"
)
pmax: Primitive = Collective(
    "pmax", "The largest of the elements on all devices.", _to_extremes, reduction="max", kind=""
)
pmin: Primitive = Collective(
    "pmin", "The smallest of the elements on all devices.", _to_extremes, reduction="min", kind=""
)
all_gather: Primitive = Collective(
    "all_gather",
    "The arrays of all devices, stacked along a new first axis.",
    lambda g, axis_name: reduce_scatter(g, axis_name=axis_name),
    batch=_gathered_lanes,
)
reduce_scatter: Primitive = Collective(
    "reduce_scatter",
    "The sum over the devices, of which each gets the element along the first axis that has its number.",
    lambda g, axis_name: all_gather(g, axis_name=axis_name),
    reduction="sum",
    gives="part",
    batch=_scattered_lanes,
)
ppermute: Primitive = Collective(
    "ppermute", "The array of device `sources[i]` on device `i`; zeros for None.", _back, gives="one"
)


def _begun(xp, x, *, axis_name, told):
    """`x`, whose sum over the devices is being computed from now on: `finished` gives it.

    Args:
        told: What it is: the same text on all devices, or an error.
    """
    member = current(axis_name)
    member.group.begun[member.rank, id(x)] = x, member.begin(psum.exchange(x, told), x)
    return x


def _finished(xp, x, *, axis_name):
    """The sum over the devices of what `begun` gave."""
    member = current(axis_name)
    _, wait = member.group.begun.pop((member.rank, id(x)), (x, None))
    return psum(x, axis_name=axis_name) if wait is None else wait()


begun: Primitive = _InGroup(_begun, (lambda g: g,), kind="linear", batch="stack")
finished: Primitive = _InGroup(
    _finished, (lambda g, axis_name: psum(g, axis_name=axis_name),), kind="linear", batch="stack"
)
