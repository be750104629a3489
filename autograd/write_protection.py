"""Protection of NumPy arrays that a tape needs: nobody can write to them until it is done."""

import threading

import numpy

_held: dict[int, list] = {}  # by identity: [array, how often it is held, identities of views that wait for it]
_holding = threading.RLock()


def hold(array, held):
    """Makes a host array, and those that it looks into, read-only until `release`, so that writing to it raises.

    Other views of the same memory stay writable, and so does memory that is not NumPy's own.

    Args:
        held: What the holder holds already, {identity: array}; the arrays are added to it.
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


def release(held):
    """Ends a hold: an array that nobody else holds is writable again."""
    with _holding:
        while held:
            key, _ = held.popitem()  # the array that others look into comes first
            entry = _held[key]
            entry[1] -= 1
            if not entry[1]:
                _free(key)


def _free(key):
    array, _, views = _held[key]
    if array.base is not None and id(array.base) in _held:  # a view cannot be writable before what it looks into
        _held[id(array.base)][2].append(key)
        return
    del _held[key]
    array.setflags(write=True)
    for view in views:
        if view in _held and not _held[view][1]:
            _free(view)
