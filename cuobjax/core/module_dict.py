"""`ModuleDict`: modules by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..util import class_name
from .module import PARTS, Module, changing, module_changes, shown
from .module_text import tree_text
from .unsearched import refuse

__all__ = ["ModuleDict"]


class ModuleDict(Module, dict[str, Any]):
    """A dictionary whose modules and variables are found by `vars`; everything else in it is ignored.

    Its keys are strings: the names of variables have them. `ModuleDict(encoder=net)` and `ModuleDict({"a": net})` are
    made as dictionaries are; two of them, or one and a dictionary, are joined by `|`.

    Args:
        args, kwargs: Those of `dict`.

    Raises:
        TypeError: If a key is no string, or a value is a class of modules or variables.

    Example:
        >>> import cuobjax
        >>> heads = cuobjax.ModuleDict(cat=cuobjax.nn.Linear(4, 1), dog=cuobjax.nn.Linear(4, 1))
        >>> [*heads.vars().keys()][:2]
        ["(ModuleDict)['cat'](Linear).b", "(ModuleDict)['cat'](Linear).w"]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        dict.__init__(self)
        self.update(*args, **kwargs)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Adds and replaces items, given as those of `dict.update`; after an error nothing has changed."""
        try:
            new = dict(*args, **kwargs)
        except (TypeError, ValueError):
            got = ", ".join(type(x).__name__ for x in args)
            raise TypeError(f"{type(self).__name__}: expected a dictionary of names and items, got {got}.") from None
        for key, value in new.items():
            if not isinstance(key, str):
                raise TypeError(f"{type(self).__name__}: expected a string as key, got {key!r}. Write str(key).")
            refuse(f"{type(self).__name__}[{key!r}]", PARTS, self.get(key), value)
        dict.update(self, new)
        module_changes.changed(self)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """The item of a key, which becomes `default` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def __or__(self, other: Mapping[str, Any]) -> Any:  # type: ignore[override]
        return self._joined(self, other)

    def __ror__(self, other: Mapping[str, Any]) -> Any:  # type: ignore[override]
        return self._joined(other, self)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]
        self.update(other)
        return self

    def copy(self) -> Any:
        """A dictionary of the same items."""
        return self._joined(self, {})

    def _joined(self, first: Mapping[str, Any], second: Any) -> Any:
        """Both in a dictionary of this class, or of the nearest base class whose constructor is that of `dict`."""
        if not isinstance(first, dict) or not isinstance(second, dict):
            return NotImplemented
        kind: Any = next(kind for kind in type(self).__mro__ if kind.__init__ is ModuleDict.__init__)  # type: ignore[misc]
        return kind({**first, **second})

    def _parts_by_key(self) -> dict[str, Any]:
        return {f"[{key!r}]": value for key, value in list(self.items())}

    def __repr__(self) -> str:
        return tree_text(self, class_name(self), shown(self))


for _name in "pop popitem clear __delitem__".split():
    setattr(ModuleDict, _name, changing(getattr(dict, _name)))
