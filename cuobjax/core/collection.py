"""Collections of variables by name."""

from __future__ import annotations

import re
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

from autograd.core import Array
from autograd.typing import ArrayLike

from ..util import class_name
from ..util.convert import require_functions, require_iterable
from ..util.tables import html_table
from .replication import replicate
from .scope import at_once
from .variable import BaseVar, TrainVar, unconstrained

__all__ = [
    "Selector", "VarCollection", "Variables", "assign_all", "name_pattern", "names_of", "require_classes", "trained",
]  # fmt: skip

Selector: TypeAlias = str | Callable[[str, BaseVar], Any]
"""A pattern of names, or a function of a name and a variable: see `VarCollection.filter`."""
Classes: TypeAlias = type[BaseVar] | tuple[type[BaseVar], ...]


def require_classes(where: str, **kinds: Any) -> None:
    """Raises TypeError unless all of `kinds` are classes or tuples of classes."""
    for name, kind in kinds.items():
        try:
            isinstance(None, kind)
        except TypeError:
            raise TypeError(f"{where}: expected {name} as a class, such as TrainVar, got {kind!r}.") from None


class VarCollection(dict[Any, BaseVar]):  # the types are below: it iterates over values, not keys
    """A dictionary {name: variable} that iterates over its variables, each one once.

    A name can stand for one variable only: whatever would give it another one raises ValueError and changes nothing.
    One variable may have several names (shared weights): iteration, `tensors` and `assign` treat it once, at its first
    name.
    """

    if TYPE_CHECKING:

        def __getitem__(self, name: str, /) -> BaseVar: ...
        def keys(self) -> KeysView[str]: ...  # type: ignore[override]
        def values(self) -> ValuesView[BaseVar]: ...  # type: ignore[override]
        def items(self) -> ItemsView[str, BaseVar]: ...  # type: ignore[override]

    def __init__(self, *args: Any, **kwargs: BaseVar) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __iter__(self) -> Iterator[BaseVar]:
        """The variables, each one once, in the order of their first names."""
        return iter({id(v): v for v in self.values()}.values())

    def __missing__(self, name: object) -> NoReturn:
        known = list(self.keys())
        near = sorted(known, key=lambda n: _likeness(n, name), reverse=True)[:5]
        names = ", ".join(n for n in known if n in near) or "none"
        raise KeyError(
            f"VarCollection: no variable is called {name!r}. Names: {names}{', ...' if len(self) > 5 else ''}."
        )

    def __setitem__(self, name: str, variable: BaseVar) -> None:
        self.update({name: variable})

    def __add__(self, other: Variables) -> Self:
        return type(self)(self)._updated(other)

    def __or__(self, other: Any) -> Self:  # type: ignore[override]
        return self + other if isinstance(other, dict) else NotImplemented

    def __radd__(self, other: Any) -> Self:
        return type(self)(other)._updated(self) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> Self:  # type: ignore[override]
        return self.__radd__(other)

    def __iadd__(self, other: Variables) -> Self:
        return self._updated(other)

    __ior__ = __iadd__  # type: ignore[assignment]

    def _updated(self, other):
        self.update(other)
        return self

    def update(self, *args: Any, **kwargs: BaseVar) -> None:
        """Adds names and variables, given as a dictionary or as pairs (`args`, one of them) or as keyword arguments.

        Raises:
            ValueError: If a name stands for another variable already; nothing is added then.
            TypeError: If a value is no variable or a name is no string.
        """
        if len(args) > 1:
            raise TypeError(f"VarCollection.update: expected at most one dictionary or list of pairs, got {len(args)}.")
        given = args[0] if args else ()
        if hasattr(given, "vars") or isinstance(given, BaseVar | str) or not isinstance(given, Iterable):
            raise TypeError(
                f"VarCollection: expected names and variables, got {type(given).__name__}. Pass net.vars()."
            )
        given = list(given.items() if isinstance(given, dict) else given)
        for pair in given:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise TypeError(
                    f"VarCollection: expected names and variables, got one {type(pair).__name__}. Pass net.vars()."
                )
        pairs = [*given, *kwargs.items()]
        new, conflicts = {}, set()
        for name, variable in pairs:
            if not isinstance(name, str) or not isinstance(variable, BaseVar):
                raise TypeError(
                    f"VarCollection: expected names and variables, got {name!r}: {type(variable).__name__}."
                )
            variable = unconstrained(variable)
            known = new.get(name, self.get(name))
            if known is not None and known is not variable:
                conflicts.add(name)
            new[name] = variable
        if conflicts:
            error = ValueError(f"Name conflicts when combining VarCollection {sorted(conflicts)}")
            error.add_note("Give the names of each module a beginning of their own: a.vars('a') + b.vars('b').")
            raise error
        super().update(new)

    def setdefault(self, name: str, default: Any = None, /) -> BaseVar:
        """The variable of a name, which becomes `default` if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Self:
        """A collection of the same names and variables."""
        return type(self)(self)

    def tensors(self, is_a: Classes | None = None) -> list[Array]:
        """The values of the variables, each one once; only those of class `is_a` (or a tuple of classes) if given."""
        kinds = BaseVar if is_a is None else is_a
        require_classes("VarCollection.tensors", is_a=kinds)
        return [v.value for v in self if isinstance(v, kinds)]

    def assign(self, tensors: Iterable[ArrayLike] | Mapping[str, ArrayLike]) -> None:
        """Assigns a value of `tensors` to each variable, in the order of iteration; of a dictionary, by name.

        Raises:
            ValueError, TypeError: If the number, a name, a type, a shape or a dtype is not right; nothing is assigned
                then.
        """
        require_iterable("VarCollection.assign", tensors=tensors)
        tensors, variables = self._in_order(tensors) if isinstance(tensors, Mapping) else list(tensors), list(self)
        if len(tensors) != len(variables):
            raise ValueError(
                f"Failed to assign a list with {len(tensors)} tensors to variables with length {len(variables)}."
            )
        names = {id(v): name for name, v in reversed(list(self.items()))}
        values = [
            v.checked(t, f"VarCollection.assign to {names[id(v)]}") for v, t in zip(variables, tensors, strict=True)
        ]
        at_once(assign_all, dict(zip(variables, values, strict=True)))

    def _in_order(self, named: Mapping[str, ArrayLike]) -> list[ArrayLike]:
        """The values of a dictionary by name in the order of iteration."""
        found: dict[BaseVar, Any] = {}
        for name in named.keys():  # noqa: SIM118 (a VarCollection iterates over its variables)
            if name not in self:
                raise ValueError(f"VarCollection.assign: expected names of its variables, got {name!r}.")
            if found.setdefault(self[name], named[name]) is not named[name]:
                raise ValueError(
                    f"VarCollection.assign: expected one value for each variable, got another as {name!r}."
                )
        missing = [names[0] for v, names in names_of(self).items() if v not in found]
        if missing:
            raise ValueError(f"VarCollection.assign: expected a value for each variable, got none for {missing[0]!r}.")
        return [found[v] for v in self]

    def replicate(self) -> AbstractContextManager[None]:
        """A context in which every variable has a value for each device: see `cuobjax.core.replication`."""
        return replicate(self)

    def rename(self, renamer: Callable[[str], str]) -> Self:
        """The same variables under the names `renamer(name)`; two that get the same name raise ValueError."""
        require_functions("VarCollection.rename", renamer=renamer)
        return type(self)((renamer(name), v) for name, v in self.items())

    def subset(self, is_a: Classes | None = None, is_not: Classes | None = None) -> Self:
        """The variables that are of class `is_a` (or a tuple of classes) and not of class `is_not`."""
        kinds, others = BaseVar if is_a is None else is_a, () if is_not is None else is_not
        require_classes("VarCollection.subset", is_a=kinds, is_not=others)
        return type(self)((name, v) for name, v in self.items() if isinstance(v, kinds) and not isinstance(v, others))

    def filter(self, selector: Selector) -> Self:
        """The variables that a pattern or a function selects.

        Args:
            selector: A pattern of names, in which `*` stands for any characters and `?` for one, all else (brackets as
                well) for itself: `vc.filter("*.w")`; or a function `(name, variable)` that says whether to take one.
        """
        if isinstance(selector, str):
            matches = name_pattern(selector)
            return self.filter(lambda name, v: matches(name))
        if not callable(selector) or isinstance(selector, type):
            got = class_name(selector) if isinstance(selector, type) else type(selector).__name__
            raise TypeError(f"VarCollection.filter: expected a pattern or a function, got {got}.")
        return type(self)((name, v) for name, v in self.items() if selector(name, v))

    def __repr__(self) -> str:
        """The table; of a few numbers, as in Objax, the dictionary with them."""
        return dict.__repr__(self) if sum(v.size for v in self.values()) <= 20 else str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = [(name, class_name(v).rpartition(".")[2], v.shape, v.dtype, v.size) for name, v in self.items()]
        total = (f"Total({len(self)})", "", "", "", sum(v.size for v in self.values()))
        return html_table(("name", "class", "shape", "dtype", "size"), [*rows, total])

    def __str__(self, max_width: int = 100) -> str:
        """A table of names, sizes and shapes, and the totals over all names."""
        width = min(max_width, max(20, *map(len, self.keys()), 0))
        rows = [f"{name:{width}} {v.size:8d} {v.shape}" for name, v in self.items()]
        total = sum(v.size for v in self.values())
        return "\n".join([*rows, f"{f'+Total({len(self)})':{width}} {total:8d}"])


def name_pattern(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """The function that says whether a name fits a pattern: see `VarCollection.filter`."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL).fullmatch


def _likeness(name: str, wanted: object) -> tuple[bool, float]:
    """How much a name is like the one that was asked for; the letters of that may be parts of it: `0.w`."""
    import difflib  # here, as only errors need it

    text = str(wanted)
    parts = re.findall(r"\w+", text)
    return all(part in re.findall(r"\w+", name) for part in parts), difflib.SequenceMatcher(None, name, text).ratio()


Variables: TypeAlias = VarCollection | Mapping[str, BaseVar] | Iterable[tuple[str, BaseVar]]
"""What functions that take a VarCollection accept: a dictionary or pairs of names and variables as well."""


def assign_all(values: Mapping[BaseVar, Array]) -> None:
    """Assigns values that have been checked to their variables."""
    for variable, value in values.items():
        variable.assign(value, check=False)


def names_of(variables: Variables) -> dict[BaseVar, list[str]]:
    """The names of each variable of a collection, in the order of their first names."""
    names: dict[BaseVar, list[str]] = {}
    for name, v in VarCollection(variables).items():
        names.setdefault(v, []).append(name)
    return names


def trained(variables: Variables, where: str, otherwise: str = "") -> VarCollection:
    """The TrainVars of a collection; ValueError if there is none.

    Args:
        variables: The collection.
        where: Who asks, for the error.
        otherwise: Another remedy, a sentence.
    """
    there = VarCollection(variables)
    found = there.subset(TrainVar)
    if not found:
        kinds = ", ".join(sorted({type(v).__name__ for v in there})) or "no variables"
        remedy = "unfreeze() the frozen ones." if "Frozen" in kinds else "print(net.vars()) shows what vars() finds."
        raise ValueError(f"{where}: expected TrainVars, got {kinds}. {remedy}{otherwise}")
    return found
