"""Copies of Arrays on other devices, which are known as long as the Arrays live.

An Array never changes, so its copies stay right, and nobody has to be told when a variable gets another value: that is
another Array.
"""

import functools
import weakref
from collections.abc import Mapping
from typing import Any

from .backend import Device
from .core import Array

__all__ = ["know_copies", "on_device"]

_known: dict[int, tuple[Any, dict[Device, Array]]] = {}  # {id of an Array: (weak reference to it, its copies)}


def on_device(x: Array, device: Device) -> Array:
    """A plain Array on a device: itself, a copy that is known, or a new one, which is known from then on."""
    if x.device == device:
        return x
    copies = _copies(x)
    found = copies.get(device)
    if found is None:
        found = copies[device] = Array(device.put(x._value))
    return found


def know_copies(x: Array, copies: Mapping[Device, Array]) -> None:
    """Says that these Arrays have the elements of `x`, each on another device."""
    _copies(x).update(copies)


def _copies(x):
    known = _known.get(id(x))
    if known is None:
        reference = weakref.ref(x, functools.partial(_known.pop, id(x)))  # one step of C, which no interrupt ends
        known = _known.setdefault(id(x), (reference, {}))
    return known[1]
