"""Collective operations: on the values that an array has on all devices of a named axis.

They follow the convention of single programs on multiple data: the derivative that a transformation takes within the
program on each device is that of the sum of all devices' outputs. So the transpose of `psum` is `psum`. A value that a
transformation outside of the group traces is combined by ordinary operations, which that transformation sees.

`axis_name` is the name of the group of threads, or the `Member` itself.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from .. import backend, nccl
from ..core import Array
from ..primitive import Primitive
from ..thread_group import current
from ..typing import ArrayLike, Result
from .elementwise import astype, device_put, equal, maximum, minimum, where
from .shape import concatenate, reshape, transpose

__all__ = ["Collective", "all_gather", "pmax", "pmin", "psum"]


class Collective(Primitive):
    """A primitive that the threads of a group apply together.

    Args:
        combine: `combine(values)` computes the result from the values of all threads, by our operations.
        vjp: The one `vjp` of `Primitive`.
        kind, batch: See `Primitive`.

    Attributes:
        has_effect: True: no pass over a program may drop an application, as other devices wait for it.
    """

    has_effect = True

    def __init__(
        self,
        combine: Callable[[Sequence[Any]], Any],
        vjp: Callable[..., Any],
        kind: str = "",
        batch: str | Callable[..., Any] | None = "stack",
    ) -> None:
        def forward(xp, x, *, axis_name):
            return self._meet(current(axis_name), x)

        forward.__name__, forward.__doc__ = combine.__name__.lstrip("_"), combine.__doc__
        super().__init__(forward, (vjp,), kind=kind, batch=batch)
        self._combine = combine

    def __call__(self, x: ArrayLike, *, axis_name: Any) -> Result:  # type: ignore[override]  # of one array
        member = current(axis_name)
        if isinstance(x, Array) and x._trace.level > member.level:
            return super().__call__(x, axis_name=axis_name)
        return self._meet(member, x)

    def _meet(self, member, x):
        dtype = x.dtype if hasattr(x, "dtype") else type(x).__name__
        return member.meet(f"{self.name} of {dtype} {tuple(onp.shape(x))}", x, self._exchanged)

    def _exchanged(self, values, devices):
        """The result for each device; a raw one is its own."""
        if len(set(devices)) == 1:
            y = self._combine(values)
            return [_own(y, x, fresh=not i and y is not x) for i, x in enumerate(values)]
        if self is psum and nccl.can_sum(values, devices):
            return nccl.summed(values, devices)
        results = []
        for device, x in zip(devices, values, strict=True):
            with device.current():
                results.append(_own(self._combine([_moved(v, device) for v in values]), x, fresh=True))
        return results


def _own(y, x, fresh):
    """The result `y` for the thread that brought `x`: an Array or traced value as it is, a raw array for itself."""
    if isinstance(y, Array):
        return y._value if type(y) is Array and not isinstance(x, Array) else y
    return y if fresh or not hasattr(y, "copy") else backend.copied(y)


def _moved(x, device):
    """A value on a device; the copy of a traced one is traced."""
    if not isinstance(x, Array):
        return device.put(x) if backend.is_array(x) else x
    source = x.device
    return x if source == device else device_put(x, source=source, target=device)


def _psum(values):
    """The sum over the devices."""
    return functools.reduce(operator.add, values)


def _pmax(values):
    """The largest of the elements on all devices."""
    return functools.reduce(maximum, values)


def _pmin(values):
    """The smallest of the elements on all devices."""
    return functools.reduce(minimum, values)


def _all_gather(values):
    """The arrays of all devices, stacked along a new first axis."""
    return concatenate(*[reshape(x, shape=(1, *onp.shape(x))) for x in values], axis=0)


def _to_extremes(g, y, x, axis_name):
    chosen = astype(equal(x, y), dtype=y.dtype)
    count = psum(chosen, axis_name=axis_name)
    return psum(g, axis_name=axis_name) * (chosen / where(equal(count, 0), onp.nan, count))  # none is NaN


def _gathered_lanes(primitive, size, values, batched, params):
    y = primitive(*values, **params)
    return transpose(y, axes=(1, 0, *range(2, y.ndim)))


psum: Primitive = Collective(_psum, lambda g, axis_name: psum(g, axis_name=axis_name), "multilinear")
pmax: Primitive = Collective(_pmax, _to_extremes)
pmin: Primitive = Collective(_pmin, _to_extremes)
all_gather: Primitive = Collective(
    _all_gather,
    lambda g, axis_name: psum(g, axis_name=axis_name)[current(axis_name).rank],
    "multilinear",
    _gathered_lanes,
)
