"""Transforms as decorators of methods."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from ..core.function import Function
from ..core.module import Module

__all__ = ["Transform", "without_self"]


class Transform(Module):
    """A module that calls a function in another way; it may decorate a method.

    `instance.method` is then a transform of the bound method, made once for each instance: positions that the decorator
    was given count `self` as the first argument.
    """

    __wrapped__: Any
    _has_mode, _decorates = False, False

    def __set_name__(self, owner: type, name: str) -> None:
        f = self._function()
        while isinstance(f, Transform):
            f = f._function()
        if isinstance(f, types.FunctionType) and f.__qualname__ == f"{owner.__qualname__}.{name}":
            self._decorates = True

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is owner and instance is not None:  # a classmethod asks, until Python 3.12
            return types.MethodType(self, owner)
        if instance is None or not self._decorates:  # such as a transform of another function as a class attribute
            return self
        made = vars(instance).get("_methods")
        if made is None or made.owner is not instance:
            made = vars(instance)["_methods"] = _Made(instance)
        if self not in made.transforms:
            made.transforms[self] = self._bound(types.MethodType(self._function(), instance))
        return made.transforms[self]

    def _function(self) -> Callable[..., Any]:
        """The function as it was given."""
        wrapped = self.__wrapped__
        return wrapped.f if isinstance(wrapped, Function) else wrapped

    def _bound(self, method: types.MethodType) -> Any:
        """This transform of a bound method."""
        raise NotImplementedError


class _Made:
    """The transforms of methods of one object, {decorator: transform}; its copies begin without any."""

    __slots__ = ("owner", "transforms")

    def __init__(self, owner):
        self.owner, self.transforms = owner, {}

    def __reduce__(self):
        return _Made, (None,)


def without_self(positions: Sequence[int] | None) -> tuple[int, ...] | None:
    """Positions of arguments of a method as those of the bound one."""
    return None if positions is None else tuple([i - (i > 0) for i in positions if i])
