"""One value of each variable, out of those that all devices have of it.

What the devices have is the same or not in each run, so it is an operation that finds out: recorded programs do as
eager code does. Where all have the same, no value leaves its device.
"""

from collections.abc import Sequence
from typing import Any

import numpy as onp

import cuobjax.numpy as jn
from autograd import device_put, processes
from autograd.backend import CPU, Device
from autograd.copies import plain_in_runs
from autograd.core import Array, Tracer, bare, lift
from autograd.families import moves
from autograd.graph import recording
from autograd.primitive import Primitive

from .everywhere import gathered, prints_on_gpus, same
from .lanes import in_dtype
from .variable import reduce_first, reduce_mean

__all__ = ["REDUCTIONS", "Differs", "agreed", "beside", "stacked"]

REDUCTIONS = (None, reduce_mean, reduce_first)
"""Those that leave a value as it is which is the same on all devices."""


class Differs(ValueError):
    """A variable that has no `reduce` differs from device to device.

    Attributes:
        number: Its place among the variables.
    """

    number: int

    def __init__(self, number: int, shape: tuple[int, ...]) -> None:
        super().__init__(
            f"Parallel: a variable of shape {shape} has no reduce and differs from device to device. Give it one, such "
            "as StateVar(x, reduce=lambda x: x[0]), or return the value as an output."
        )
        self.number = number


class _Agreed(Primitive):
    """The operation: on plain values. What a transformation traces cannot be compared, and is reduced where it is not
    one value on all devices."""

    has_effect = True

    def __call__(  # type: ignore[override]
        self, *values: Any, size: int, reductions: Sequence[int], targets: Sequence[Device]
    ) -> Any:
        """The value of each variable on each of some devices.

        Args:
            values: Those of the first variable, by device, those of the second one, and so on.
            size: The number of devices here.
            reductions: For each variable the position in REDUCTIONS of what makes one of values that differ.
            targets: The devices.

        Raises:
            Differs: If values differ and their reduction is None.
        """
        columns = dict(enumerate(_in_columns(values, size)))
        one = [k for k, x in columns.items() if isinstance(x[0], Array) and all(y is x[0] for y in x)]
        found = {k: _kept(columns[k], targets) for k in one if processes.current().size == 1}
        plain = [k for k, x in columns.items() if k not in found and all(map(_can_be_compared, x))]
        traced = {k: list(map(lift, x)) for k, x in columns.items() if k not in found and k not in plain}
        found |= _reduced(traced, reductions, targets)
        if plain:
            given, kinds = [x for k in plain for x in columns[k]], tuple([reductions[k] for k in plain])
            staging, constant = recording(), not any(isinstance(x, Tracer) for x in given)
            if constant and staging is not None and processes.current().size > 1:
                given[0] = staging.token(bare(given[0]))  # others may record it, who will wait for this process
            try:
                y = super().__call__(*given, size=size, reductions=kinds, targets=tuple(targets))
            except Differs as error:
                error.number = plain[error.number]
                raise
            found |= zip(plain, _in_columns(y, len(targets)), strict=True)
        return tuple([x for k in range(len(columns)) for x in found[k]])

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Computes it; arrays may be on any devices."""
        return self.host(*args, **params)


def _agreed(xp, *values, size, reductions, targets):
    columns = _in_columns([*map(lift, values)], size)
    alike = [
        column if yes else column[:1] if not kind and _are_equal(column) else None
        for column, yes, kind in zip(columns, _have_same_bits(columns), reductions, strict=True)
    ]
    firsts = same([column and column[0] for column in alike], "the variables that Parallel has changed")
    found = {k: _kept(alike[k], targets) for k, x in enumerate(firsts) if x is not None}
    found |= _reduced({k: columns[k] for k, x in enumerate(firsts) if x is None}, reductions, targets)
    return tuple([x._value for k in range(len(columns)) for x in found[k]])


agreed: Primitive = _Agreed(_agreed, flops=moves)


def _in_columns(values, size):
    return [values[i : i + size] for i in range(0, len(values), size)]


def _can_be_compared(x):
    return not isinstance(x, Array) or plain_in_runs(x)


def _reduced(columns, reductions, targets):
    """The values of variables that differ for each target, given {number of the variable: values}."""
    for k, column in columns.items():
        if not reductions[k]:
            raise Differs(k, column[0].shape)
    own = [stacked(beside(column, targets[0]), "values of a variable") for column in columns.values()]
    found = {}
    for k, stack in zip(columns, gathered(own, "variables that differ after Parallel"), strict=True):
        reduce: Any = REDUCTIONS[reductions[k]]
        y = in_dtype(reduce(stack), columns[k][0].dtype)
        found[k] = [device_put(y, target) for target in targets]
    return found


def _kept(column, targets):
    """A value that is the same on all devices, on each target."""
    known = {x.device: x for x in column}
    return [known[target] if target in known else device_put(column[0], target) for target in targets]


def beside(values: Sequence[Array], device: Device) -> list[Array]:
    """The values on one device."""
    return [device_put(x, device) for x in values]


def stacked(parts: Sequence[Array], what: str) -> Array:
    """Values of all devices along a new first axis; ValueError, which names `what`, if their shapes differ."""
    if len({x.shape for x in parts}) > 1:
        raise ValueError(
            f"Parallel: expected {what} of one shape on all devices, got {', '.join(str(x.shape) for x in parts)}."
        )
    return jn.stack(parts)


def _have_same_bits(columns):
    """For each list of values, whether they are one array, are beside one another with the same bits, or have one
    fingerprint."""
    one = [all(x._value is column[0]._value for x in column) for column in columns]
    prints = prints_on_gpus([x for column, yes in zip(columns, one, strict=True) if not yes for x in column])
    return [yes or _same_bits(column, prints) for column, yes in zip(columns, one, strict=True)]


def _same_bits(column, prints):
    first = column[0]
    if any((x.shape, x.dtype) != (first.shape, first.dtype) for x in column):
        return False
    if all(id(x) in prints for x in column):
        return len({prints[id(x)] for x in column}) == 1
    return all(x.device == CPU and onp.array_equal(_bits(x), _bits(first)) for x in column)


def _bits(x):
    return onp.ascontiguousarray(x._value).reshape(-1).view("u1")


def _are_equal(column):
    """Whether values are equal, NaN being NaN."""
    first, *others = beside(column, column[0].device)
    return all(jn.array_equal(x, first, equal_nan=first.dtype.kind not in "iub") for x in others)
