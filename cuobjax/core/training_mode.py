"""The training mode of modules: set by `train()` and `eval()`, read by layers whose call does not pass `training`.

A module holds its mode in its attribute `training`, for all threads. A context of `mode` lays an override on top, a
dictionary which a context variable carries to the tasks and threads that copy its context. Closing empties it, wherever
it was carried: neither the order nor the thread of closing matters.
"""

from contextlib import contextmanager
from contextvars import ContextVar

_overrides: ContextVar = ContextVar("cuobjax.overrides", default={})  # noqa: B039  {id(module): (override, ...)}
_recorded: ContextVar = ContextVar("cuobjax.recorded_modes", default=None)  # {id(module): (module, mode or _SET)}
_SET = object()  # in the place of a mode that the recorded code set itself: nothing from before counts


class Training:
    """The attribute `training`; `own` is what a class has in its place, a default of its own or a descriptor."""

    def __init__(self, own=None):
        self.own, self._read, self._write = own, getattr(own, "__get__", None), getattr(own, "__set__", None)

    def __get__(self, module, owner=None):
        if module is None:
            return self.own
        for override in reversed(_overrides.get().get(id(module), ())):
            if found := override.get(id(module)):
                return _record(module, found[1])
        return _record(module, self._read(module, owner) if self._read else module.__dict__.get("training", self.own))

    def __set__(self, module, training):
        if self._write:
            self._write(module, training)
        else:
            module.__dict__["training"] = training
        _record(module, _SET)
        if id(module) in _overrides.get():
            _overrides.set({key: stack for key, stack in _overrides.get().items() if key != id(module)})


def adopt(cls):
    """The `Training` of a class of modules, around its own `training` if any; None if that is computed."""
    own = next(c.__dict__["training"] for c in cls.__mro__ if "training" in c.__dict__)
    if callable(own) or (isinstance(own, property) and own.fset is None):
        return None
    if not isinstance(own, Training):
        cls.training = own = Training(own)
    return own


def checked(training):
    """A mode that a user gives, which must be True or False."""
    if not isinstance(training, bool):
        raise TypeError(f"training mode: expected True or False, got {training!r}.")
    return training


def in_training(module, training):
    """Whether a layer is in training: the argument `training` of its call; where that is None, its mode."""
    training = module.training if training is None else training
    if training is None:
        raise TypeError(
            f"{type(module).__name__}.__call__() missing 1 required positional argument: 'training'. "
            "Give it, or call train() or eval() of the network first."
        )
    return training


@contextmanager
def override(modes):
    """Modules have other modes, [(module, training)], until the end of the context."""
    opened = {id(module): (module, training) for module, training in modes}
    for module, _ in modes:
        getattr(module, "training", None)  # for a recording: after the context, the mode from before counts again
    try:
        around = _open()
        _overrides.set(around | {key: (*around.get(key, ()), opened) for key in opened})
        yield
    finally:
        opened.clear()
        _overrides.set(_open())


def _open():
    """The overrides of this thread but those that were closed, here or elsewhere."""
    stacks = ((key, tuple(filter(None, stack))) for key, stack in _overrides.get().items())
    return {key: stack for key, stack in stacks if stack}


@contextmanager
def recording():
    """Yields a list that becomes, at the end, the modes that were read, [(module, training)], as they were at first."""
    outer, recorded, modes = _recorded.get(), {}, []
    token = _recorded.set(recorded)
    try:
        yield modes
    finally:
        _recorded.reset(token)
        modes.extend(pair for pair in recorded.values() if pair[1] is not _SET)
        if outer is not None:
            outer.update(recorded | outer)


def _record(module, training):
    if _recorded.get() is not None:
        _recorded.get().setdefault(id(module), (module, training))
    return training


def unchanged(modes):
    """Whether all modules still have the modes that `recording` found."""
    current = [module.training for module, _ in modes]  # of all, for a recording around
    return all(now is before for now, (_, before) in zip(current, modes, strict=True))
