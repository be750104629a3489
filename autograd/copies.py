"""Copies of Arrays on other devices, which are known as long as the Arrays live.

An Array never changes, so its copies stay right, and nobody has to be told when a variable gets another value: that is
another Array. Values of a recording have known copies, too. Those that other transformations trace have none: a
checkpoint drops what was recorded within it, and a copy would be lost with that.
"""

import functools
import weakref
from collections.abc import Mapping
from typing import Any

from .backend import Device
from .core import Array
from .graph import StagedTracer
from .numpy._creation import device_put

__all__ = ["know_copies", "on_device", "plain_in_runs"]

_known: dict[int, tuple[Any, dict[Device, Array]]] = {}  # {id of an Array: (weak reference to it, its copies)}


def plain_in_runs(x: Any) -> bool:
    """Whether `x` is a plain Array, or stands for one in each run of a program that is being recorded."""
    return type(x) in (Array, StagedTracer)


def on_device(x: Array, device: Device) -> Array:
    """An Array on a device: itself, a copy that is known, or a new one, which is known from then on."""
    if x.device == device:
        return x
    if not plain_in_runs(x):
        return device_put(x, device)
    copies = _copies(x)
    found = copies.get(device)
    if found is None:
        found = copies[device] = device_put(x, device)
    return found


def know_copies(x: Array, copies: Mapping[Device, Array]) -> None:
    """Says that these Arrays have the elements of `x`, for which `plain_in_runs` is true, each on another device."""
    _copies(x).update(copies)


def _copies(x):
    known = _known.get(id(x))
    if known is None:
        reference = weakref.ref(x, functools.partial(_known.pop, id(x)))  # one step of C, which no interrupt ends
        known = _known.setdefault(id(x), (reference, {}))
    return known[1]
