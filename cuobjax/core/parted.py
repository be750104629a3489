"""Variables whose elements are shared out among the devices of `Parallel`, such as states of `optimizer.Sharded`."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as onp

import cuobjax.numpy as jn
from autograd import device, device_put, processes
from autograd.backend import CPU, Device
from autograd.core import Array
from autograd.thread_group import place

from .collection import VarCollection
from .everywhere import gathered
from .scope import write
from .variable import BaseVar, StateVar, Tensor, as_value

__all__ = ["PartedVar", "in_rows", "whole"]


def in_rows(x: Array, n: int) -> Array:
    """The elements of an array as n rows of equal length; copies of the last element fill them up."""
    length = -(-x.size // n)
    flat = x.reshape(-1)
    if flat.size < n * length:
        flat = jn.concatenate([flat, jn.broadcast_to(flat[-1:], (n * length - flat.size,))])
    return flat.reshape((n, length))


class PartedVar(StateVar):
    """A variable of which each device of `Parallel` has a row of `in_rows`; a number, such as a count, is in all rows.

    Its value is put together when it is read, and cut when it is assigned. So who saves or restores it need not know
    how many devices there are. In a program of several processes all of them read it at the same time.

    Args:
        parts: The variables of this process's devices, all of one shape.
        shape: That of the value.
    """

    def __init__(self, parts: Sequence[BaseVar], shape: tuple[int, ...]) -> None:
        BaseVar.__init__(self, None)
        self.parts, self._shape = tuple(parts), shape

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._shape

    @property
    def dtype(self) -> onp.dtype[Any]:
        """The type of the elements."""
        return self.parts[0].dtype

    @property
    def device(self) -> Device:
        """That of the first part."""
        return self.parts[0].device

    @property
    def stored(self) -> Array:  # type: ignore[override]
        """Nothing: a call cannot give it another value.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            "Sharded: expected values for other variables, as each device stores a part of this state. Leave it out."
        )

    def storing(self) -> tuple[BaseVar, ...]:
        """The parts."""
        return self.parts

    @property
    def value(self) -> Array:
        """The value, an Array on the device of the first part.

        Raises:
            RuntimeError: In a function under `Parallel`, where each device has its part alone.
        """
        if place() is not None:
            raise RuntimeError(
                "Sharded: expected its states to be read outside of Parallel, got a read on one device, which has a "
                "part of them. Read them before or after the call."
            )
        own = jn.stack([device_put(v.value.reshape(-1), self.device) for v in self.parts])
        (rows,) = gathered([own], f"a state of Sharded, {self.shape}")
        return rows.reshape(-1)[: self.size].reshape(self.shape)

    @value.setter
    def value(self, tensor: Tensor) -> None:
        self.assign(tensor)

    def assign(self, tensor: Tensor, check: bool = True) -> None:
        """See `BaseVar.assign`; each process keeps what its devices have of the value."""
        value = self.checked(tensor) if check else as_value(tensor, "PartedVar.assign", self.parts[0].value)
        group, count = processes.current(), len(self.parts)
        rows = in_rows(value, group.devices(count))[group.first() :][:count]
        write({v: device_put(row.reshape(v.shape), v.device) for v, row in zip(self.parts, rows, strict=True)})

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def _copied(self, copied: Callable[[dict[str, Any], Any], dict[str, Any]]) -> Self:
        new = object.__new__(type(self))
        new.__setstate__(copied(self.__getstate__(), new))
        return new

    def __repr__(self) -> str:
        return f"PartedVar(parts={list(self.parts)}, shape={self.shape})"


def whole(vc: VarCollection) -> VarCollection:
    """A collection with a StateVar of the CPU, which has the whole value, in place of each PartedVar.

    All processes call this.
    """
    found: dict[BaseVar, BaseVar] = {}
    for v in vc:
        if isinstance(v, PartedVar):
            with device("cpu"):
                found[v] = StateVar(device_put(v.value, CPU))
    return VarCollection((name, found.get(v, v)) for name, v in vc.items())
