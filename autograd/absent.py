"""Attributes that a class or module does not have, and what to write in place of those that people bring along."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = ["Absent", "Remedies", "declare", "of_module"]

Remedies = Mapping[str, str]
"""A sentence without its period for names with spaces between them; `{name}` in it stands for the name."""


class Absent:
    """An attribute that a class does not have: asking for it raises AttributeError with a remedy.

    Other attributes are as fast as without it, which a `__getattr__` would not leave them on Python 3.11. What an
    instance or a class of the user has under the name is found.

    Args:
        owner: The class.
        name: The name of the attribute.
        remedy: A sentence without its period.
    """

    owner: type
    name: str
    remedy: str

    def __init__(self, owner: type, name: str, remedy: str) -> None:
        self.owner, self.name, self.remedy = owner, name, remedy

    def __get__(self, instance: Any, kind: type) -> Any:
        try:
            return getattr(super(self.owner, kind if instance is None else instance), self.name)  # of another base
        except AttributeError:
            raise self._error(kind) from None

    def _error(self, kind: type) -> AttributeError:
        return AttributeError(f"{kind.__name__!r} object has no attribute {self.name!r}. {self.remedy}.")

    def __repr__(self) -> str:
        return f"<no attribute. {self.remedy}.>"


class _Refused(Absent):
    """An attribute that instances do not take either, as setting it would have no effect."""

    def __set__(self, instance: Any, value: Any) -> NoReturn:
        raise self._error(type(instance))


def declare(owner: type, remedies: Remedies, refused: str = "") -> None:
    """Gives a class remedies for attributes that it does not have; `hasattr` is false for them, and `dir` hides them.

    Args:
        owner: The class.
        remedies: The names and what to write in place of them.
        refused: Names, with spaces between them, that cannot be set either.
    """
    for name, remedy in _by_name(remedies).items():
        setattr(owner, name, (_Refused if name in refused.split() else Absent)(owner, name, remedy))
    owner.__dir__ = _shown  # type: ignore[assignment]


def _shown(x: object) -> list[str]:
    """`dir(x)` without names that are absent."""
    kind = type(x)
    hidden = {name for base in kind.__mro__ for name, value in vars(base).items() if isinstance(value, Absent)}
    return [name for name in object.__dir__(x) if name not in hidden or hasattr(x, name)]


def of_module(module: str, remedies: Remedies) -> Callable[[str], NoReturn]:
    """`__getattr__` of a module that has remedies for names that it does not have.

    Args:
        module: The name of the module.
        remedies: The names and what to write in place of them.
    """
    by_name = _by_name(remedies)

    def get(name: str) -> NoReturn:
        text = f"module {module!r} has no attribute {name!r}"
        if name in by_name:
            raise AttributeError(f"{text}. {by_name[name]}.")
        raise AttributeError(text, name=name, obj=sys.modules.get(module))  # so that Python suggests another one

    return get


def _by_name(remedies):
    return {name: remedy.replace("{name}", name) for names, remedy in remedies.items() for name in names.split()}
