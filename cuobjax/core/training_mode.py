"""The training mode of modules: set by `train()` and `eval()`, read by layers whose call does not pass `training`.

A module holds its mode in its attribute `training`, for all threads. A context of `mode` lays an override on top, a
dictionary which a context variable carries to the tasks and threads that copy its context. Closing empties it, wherever
it was carried: neither the order nor the thread of closing matters.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

__all__ = ["Modes", "Training", "adopt", "checked", "in_training", "modes_read", "override", "unchanged"]

Modes: TypeAlias = list[tuple[Any, Any]]
"""Modules with their modes, [(module, training)]."""
_overrides: ContextVar[dict[int, tuple[dict[int, tuple[Any, Any]], ...]]] = ContextVar(
    "cuobjax.overrides",
    default={},  # noqa: B039 (it is never changed)
)
_recorded: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("cuobjax.recorded_modes", default=None)
_SET = object()  # in the place of a mode that the recorded code set itself: nothing from before counts


class Training:
    """The attribute `training`; `own` is what a class has in its place, a default of its own or a descriptor."""

    def __init__(self, own: Any = None) -> None:
        self.own: Any = own
        self._read, self._write = getattr(own, "__get__", None), getattr(own, "__set__", None)

    def __get__(self, module: Any, owner: Any = None) -> Any:
        if module is None:
            return self.own
        for override in reversed(_overrides.get().get(id(module), ())):
            if found := override.get(id(module)):
                return _record(module, found[1])
        return _record(module, self._read(module, owner) if self._read else module.__dict__.get("training", self.own))

    def __set__(self, module: Any, training: Any) -> None:
        if self._write:
            self._write(module, training)
        else:
            module.__dict__["training"] = training
        _record(module, _SET)
        if id(module) in _overrides.get():
            _overrides.set({key: stack for key, stack in _overrides.get().items() if key != id(module)})


def adopt(cls: Any) -> Training | None:
    """The `Training` of a class of modules, around its own `training` if any; None if that is computed."""
    own = next(c.__dict__["training"] for c in cls.__mro__ if "training" in c.__dict__)
    if callable(own) or (isinstance(own, property) and own.fset is None):
        return None
    if not isinstance(own, Training):
        cls.training = own = Training(own)
    return own


def checked(training: Any) -> bool:
    """A mode that a user gives, which must be True or False."""
    if not isinstance(training, bool):
        raise TypeError(f"training mode: expected True or False, got {training!r}.")
    return training


def in_training(module: Any, training: bool | None) -> bool:
    """Whether a layer is in training: the argument `training` of its call; where that is None, its mode."""
    training = module.training if training is None else training
    if training is None:
        raise TypeError(
            f"{type(module).__name__}.__call__() missing 1 required positional argument: 'training'. "
            "Give it, or call train() or eval() of the network first."
        )
    if not isinstance(training, bool) and getattr(training, "dtype", None) != "bool":
        raise TypeError(f"{type(module).__name__}: expected training as True or False, got {training!r}.")
    return training


@contextmanager
def override(modes: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    """Modules have other modes, [(module, training)], until the end of the context."""
    opened = {id(module): (module, training) for module, training in modes}
    for module, _ in modes:
        adopt(type(module))  # a class may have got a `training` of its own since
        getattr(module, "training", None)  # for `modes_read`: after the context, the mode from before counts again
    try:
        around = _open()
        _overrides.set(around | {key: (*around.get(key, ()), opened) for key in opened})
        yield
    finally:
        opened.clear()
        _overrides.set(_open())


def _open() -> dict[int, tuple[dict[int, tuple[Any, Any]], ...]]:
    """The overrides of this thread but those that were closed, here or elsewhere."""
    stacks = ((key, tuple(filter(None, stack))) for key, stack in _overrides.get().items())
    return {key: stack for key, stack in stacks if stack}


@contextmanager
def modes_read() -> Iterator[Modes]:
    """Yields a list that becomes, at the end, the modes that were read, [(module, training)], as first read."""
    outer = _recorded.get()
    recorded: dict[int, tuple[Any, Any]] = {}
    modes: Modes = []
    token = _recorded.set(recorded)
    try:
        yield modes
    finally:
        _recorded.reset(token)
        modes.extend(pair for pair in recorded.values() if pair[1] is not _SET)
        if outer is not None:
            outer.update(recorded | outer)


def _record(module: Any, training: Any) -> Any:
    recorded = _recorded.get()
    if recorded is not None:
        recorded.setdefault(id(module), (module, training))
    return training


def unchanged(modes: Modes) -> bool:
    """Whether all modules still have the modes that `modes_read` found."""
    current = [module.training for module, _ in modes]  # of all, for `modes_read` around
    return all(now is before for now, (_, before) in zip(current, modes, strict=True))
