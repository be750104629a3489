"""What `vars` does not find in the attributes and items of modules: plain containers of layers, and classes of them."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import types
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as onp

from autograd.backend import is_array
from autograd.core import Array
from autograd.errors import level_of_user

from .collection import VarCollection
from .random_state import RandomState
from .variable import BaseVar, TrainRef, unconstrained

__all__ = ["is_container", "refuse", "refuse_items", "warn", "warn_of_class"]

_DICTIONARIES = (dict, collections.UserDict, collections.ChainMap, types.MappingProxyType, types.SimpleNamespace)
_LISTS = (list, tuple, set, frozenset, collections.deque, collections.UserList, type({}.values()), onp.ndarray)
_CONTAINERS = frozenset([*_DICTIONARIES, *_LISTS, functools.partial])
_MOST = 1000  # parts that are looked at: a long list of numbers shall cost little
# A reference to a module and places, by the identity of the module, until it is gone.
_warned: dict[int, tuple[weakref.ref[Any], set[str]]] = {}


def is_container(value: Any) -> bool:
    """Whether layers or variables may be in a value that is no module: in a list, dictionary, dataclass, ..."""
    kind = type(value)  # `isinstance` is slow for abstract classes such as UserDict
    return not _CONTAINERS.isdisjoint(kind.__mro__) or hasattr(kind, "__dataclass_fields__")


def refuse(where: str, kinds: tuple[type, ...], before: Any, value: Any) -> None:
    """Raises TypeError if a value cannot be meant to be put into a module.

    Args:
        where: The place, for the error: `Net.layer`.
        kinds: The classes of modules and of variables.
        before: What the place holds now.
        value: What is to take its place.
    """
    if isinstance(value, type) and issubclass(value, kinds):
        name = value.__name__
        raise TypeError(
            f"{where}: expected an instance, got the class {name}. Make one: {name}(...). "
            f"To keep the class itself, write functools.partial({name})."
        )
    if isinstance(before, BaseVar) and value is not None and not isinstance(value, kinds):
        kind = "array" if isinstance(value, Array | onp.ndarray) else type(value).__name__
        place = "self" + where[len(where.partition(".")[0].partition("[")[0]) :]
        raise TypeError(
            f"{where} holds a variable, which {'an' if kind[0] in 'aeio' else 'a'} {kind} would replace. "
            f"Write {place}.assign(x). To remove the variable, write {place} = None first."
        )


def refuse_items(where: str, items: Any) -> None:
    """Raises TypeError if what is given as the items of a list would lose layers or their order, or is none.

    Args:
        where: The class of the list, for the error.
        items: What is given.
    """
    name = type(items).__name__
    if isinstance(items, Array | onp.ndarray) or is_array(items):
        got, remedy = f"an array of shape {items.shape}", "Give a list of variables."
    elif isinstance(items, _DICTIONARIES) and not isinstance(items, VarCollection):
        got, remedy = f"a {name}", f"Write {where}(x.values()), or take a ModuleDict."
    elif isinstance(items, set | frozenset):
        got, remedy = f"a {name}, which has no order", "Give a list."
    elif isinstance(items, str) or not (hasattr(type(items), "__iter__") or hasattr(type(items), "__getitem__")):
        got, remedy = name, f"Write {where}([a, b])."
    else:
        return
    raise TypeError(f"{where}: expected a list of modules or variables, got {got}. {remedy}")


def warn(module: Any, where: str, value: Any, kinds: tuple[type, ...], found: Sequence[Any]) -> None:
    """Warns once of each place of a module that holds layers or variables which `vars` and `train` do not find.

    Args:
        module: The module.
        where: The place in it: `.layers` or `[0]`.
        value: What is there, a container.
        kinds: The classes of modules and of variables.
        found: The modules and variables that are found elsewhere.
    """
    if where.startswith("._") and type(module).__module__.startswith("cuobjax."):
        return
    lost = [part for part, variables in _lost(value, kinds, found) if variables or getattr(part, "_has_mode", False)]
    if not lost or not _first_time(module, where):
        return
    names = ", ".join(dict.fromkeys(type(part).__name__ for part in lost))
    named = isinstance(value, _DICTIONARIES) or hasattr(type(value), "__dataclass_fields__")
    kind = "ModuleDict" if named else "ModuleList"
    warnings.warn(
        f"{type(module).__name__}{where} is a {type(value).__name__} that holds {names}. vars() does not search it: "
        "what is in it is not trained, not saved, and not reached by train() and eval(). "
        f"Write cuobjax.{kind}(...), also for containers within it.",
        stacklevel=level_of_user(),
    )


def warn_of_class(module: Any, name: str, kinds: tuple[type, ...], found: Sequence[Any]) -> None:
    """Warns once of an attribute of the class of a module that holds variables which are found nowhere else."""
    lost = [v for _, variables in _lost(getattr(type(module), name, None), kinds, found) for v in variables]
    if not all(isinstance(v, RandomState) for v in lost) and _first_time(module, f".{name}"):
        kind = type(module).__name__
        warnings.warn(
            f"{kind}.{name} is an attribute of the class. vars() searches only those of the module itself: what is in "
            f"it is not trained and not saved. Set it in __init__: self.{name} = ...",
            stacklevel=level_of_user(),
        )


def _lost(value: Any, kinds: tuple[type, ...], found: Sequence[Any]) -> Iterator[tuple[Any, list[BaseVar]]]:
    """What a value holds, itself or in containers, and is not found elsewhere, with its variables that are not."""
    known = {id(unconstrained(part)) for part in found}
    parts: Iterable[Any] = (value,) if isinstance(value, kinds) else _held(value, kinds) if is_container(value) else ()
    for part in parts:
        if id(unconstrained(part)) not in known:
            variables = [part] if isinstance(part, BaseVar) else part.vars().values()
            yield part, [v for v in variables if id(unconstrained(v)) not in known and not isinstance(v, TrainRef)]


def _held(value: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    """The modules and variables in a container and in the containers in it."""
    waiting, seen, looked_at = [value], {id(value)}, 0
    while waiting:
        container = waiting.pop()
        for part in _parts(container):
            looked_at += 1
            if isinstance(part, kinds):
                yield part
            elif is_container(part) and id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
            if looked_at == _MOST:
                return


def _parts(container: Any) -> Iterable[Any]:
    if isinstance(container, VarCollection):  # refers to variables that have another place
        return ()
    if isinstance(container, onp.ndarray):
        return container.flat if container.dtype == object else ()
    if isinstance(container, functools.partial):
        return (container.func, *container.args, *container.keywords.values())
    if isinstance(container, types.SimpleNamespace):
        return vars(container).values()
    if hasattr(type(container), "__dataclass_fields__"):
        return [getattr(container, field.name, None) for field in dataclasses.fields(container)]
    values = container.values() if isinstance(container, _DICTIONARIES) else container
    with contextlib.suppress(RuntimeError):  # another thread adds to it
        return list(itertools.islice(values, _MOST))
    return ()


def _first_time(module: Any, where: str) -> bool:
    """Whether it is the first warning of this place."""
    if id(module) not in _warned:
        with contextlib.suppress(TypeError):  # of a class without weak references, it is warned of again
            # The callback is no Python code, in which an interrupt could be lost.
            _warned[id(module)] = weakref.ref(module, functools.partial(_warned.pop, id(module))), set()
    _, places = _warned.get(id(module), (None, set()))
    if where in places:
        return False
    places.add(where)
    return True
