"""Protection of NumPy arrays that a tape needs: nobody can write to them until it is done."""

import threading
from typing import Any

import numpy

__all__ = ["Held", "hold", "release"]

_held: dict[int, list[Any]] = {}  # {id: [array, number of holders, ids of views to unlock after it]}
_holding = threading.RLock()


class Held(dict[int, Any]):
    """The arrays that one holder protects, {id: array}; they are released at the latest with it."""

    def __del__(self) -> None:
        release(self)


def hold(array: Any, held: dict[int, Any]) -> None:
    """Makes a host array, and those that it is a view of, read-only until `release`, so that writing to it raises.

    Other views of the same memory stay writable, and so does memory that is not NumPy's own.

    Args:
        array: The array; anything else is ignored.
        held: The arrays that the caller holds already, {id: array}; this array and its bases are added.
    """
    views = []
    while isinstance(array, numpy.ndarray):
        views.append(array)
        array = array.base
    if array is not None or (views and not views[-1].flags.owndata):
        return  # memory of another owner, such as bytes: NumPy would not let us make it writable again
    with _holding:
        for view in views:
            key = id(view)
            entry = _held.get(key)
            if key in held or (entry is None and not view.flags.writeable):
                continue
            if entry is None:
                view.setflags(write=False)
                entry = _held[key] = [view, 0, []]
            entry[1] += 1
            held[key] = view


def release(held: dict[int, Any]) -> None:
    """Empties `held`: an array that nobody else holds is writable again."""
    with _holding:
        while held:
            key, _ = held.popitem()  # last in, first out: bases before their views
            entry = _held[key]
            entry[1] -= 1
            if not entry[1]:
                _free(key)


def _free(key):
    array, _, views = _held[key]
    if array.base is not None and id(array.base) in _held:  # a view cannot be writable before its base
        _held[id(array.base)][2].append(key)
        return
    del _held[key]
    array.setflags(write=True)
    for view in views:
        if view in _held and not _held[view][1]:
            _free(view)
