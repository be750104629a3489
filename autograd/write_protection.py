"""Protection of NumPy arrays that a tape needs: nobody can write to them until it is done."""

import threading
import weakref
from typing import Any

import numpy

__all__ = ["Held", "hold", "kept", "notice", "release"]

_held: dict[int, list[Any]] = {}  # {id: [array, number of holders, ids of views to unlock after it]}
_unheld: dict[int, list[Any]] = {}  # those of `_held` that nobody holds any more and that are to be writable again
_noticed: dict[int, dict[int, weakref.ref[Any]]] = {}  # {id of an array: {id: one of its views}}
_holding = threading.RLock()


class Held(dict[int, Any]):
    """The arrays that one holder protects, {id: array}; they are released at the latest with it."""

    def __del__(self) -> None:
        release(self)


def kept(x: Any, held: dict[int, Any]) -> Any:
    """`x` as it is now, until `release`: itself, made read-only, or a copy if that is not possible.

    Args:
        x: A host array; anything else is returned as it is.
        held: The arrays that the caller holds already, {id: array}; what is made read-only is added.
    """
    if not isinstance(x, numpy.ndarray) or id(x) in held or hold(x, held):
        return x
    return x.copy(order="K")


def hold(array: Any, held: dict[int, Any]) -> bool:
    """Makes a host array read-only until `release`, so that writing to it raises; returns whether nobody can write.

    So are those that it is a view of, and their other views that `notice` has seen and that overlap. Further views stay
    writable, and so does memory that is not NumPy's own: NumPy would not let us make it writable again.

    Args:
        array: The array.
        held: The arrays that the caller holds already, {id: array}; what is made read-only is added.
    """
    chain = []
    owner = array
    while isinstance(owner, numpy.ndarray):
        chain.append(owner)
        owner = owner.base
    if owner is not None or not chain[-1].flags.owndata:
        return not array.flags.writeable
    with _holding:
        for reference in [*_noticed.get(id(chain[-1]), {}).values()]:
            view = reference()
            if view is not None and view is not array and numpy.may_share_memory(view, array):
                chain.append(view)
        for view in chain:
            key = id(view)
            entry = _held.get(key)
            if key in held or (entry is None and not view.flags.writeable):
                continue
            if entry is None:
                entry = _held[key] = [view, 0, []]
            entry[1] += 1
            held[key] = view
            view.setflags(write=False)  # last, as an interrupt may come when it returns
    return True


def notice(view: Any) -> None:
    """Notes a view, an array with a `base`, that a caller passes: what is computed from it may be a view of its base.

    An operation on reshaped arguments sees views that NumPy made of the base, and not the caller's array.
    """
    with _holding:  # without callbacks of the references: Python drops an interrupt that comes in one
        known = _noticed.setdefault(id(view.base), {})
        reference = known.get(id(view))
        if reference is None or reference() is not view:
            known[id(view)] = weakref.ref(view)
            if len(known) % 64 == 0 or len(_noticed) % 64 == 0:
                _forget_dead_views()


def _forget_dead_views():
    for base, known in list(_noticed.items()):
        alive = {key: reference for key, reference in known.items() if reference() is not None}
        if alive:
            _noticed[base] = alive
        else:
            del _noticed[base]


def release(held: dict[int, Any]) -> None:
    """Empties `held`: an array that nobody else holds is writable again."""
    if _holding is None:
        return  # the interpreter ends: this module is empty already
    with _holding:
        try:
            _let_go(held)
        except BaseException:  # KeyboardInterrupt
            _let_go(held)
            raise


def _let_go(held):
    """Whatever an interrupt leaves undone, the next call does: it comes only as a call returns or a loop turns."""
    for key in [*held][::-1]:  # last in, first out: bases before their views
        entry = _held[key]
        entry[1] -= 1
        del held[key]
        if not entry[1]:
            _unheld[key] = entry
    while _unheld:
        for key in [*_unheld]:
            _free(key)


def _free(key):
    entry = _unheld.get(key)
    if entry is None or entry[1]:  # done by a finalizer that has run meanwhile; held again
        _unheld.pop(key, None)
        return
    array, _, views = entry
    base = array.base
    above = None if base is None else _held.get(id(base))
    if above is not None:  # a view cannot be writable before its base
        above[2].append(key)
        del _unheld[key]
        return
    for view in views:
        if view in _held:
            _unheld[view] = _held[view]
    del _held[key], _unheld[key]
    array.setflags(write=True)
