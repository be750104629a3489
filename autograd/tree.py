"""Nested tuples, lists, dictionaries and dataclasses of arrays, taken apart and put together again.

Containers are tuples, lists, dictionaries, deques and namespaces (`types.SimpleNamespace`), subclasses of these such as
named tuples, OrderedDicts and defaultdicts, with their attributes, and dataclasses; a field that is declared as
`dataclasses.field(metadata={"static": True})` belongs to the structure. Anything else is a leaf. So are objects with a
method `vars`, such as modules (which may well be lists), and containers that iterate in a way of their own.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["MISSING", "Rebuilt", "Structure", "count", "flatten", "leaves_along", "tree_map", "unflatten"]

Structure: TypeAlias = Any
"""A tree without its leaves. Two structures are equal if their trees differ in the leaves alone."""


class _Leaf:
    """The place of a leaf in a structure: a class, which is the same object in copies and pickles."""


_LEAF = _Leaf
MISSING: Any = object()
"""What `leaves_along` gives for a leaf that is not there."""
_BASES = (collections.OrderedDict, collections.defaultdict, dict, list, tuple, collections.deque, types.SimpleNamespace)
_CONTAINERS = frozenset([tuple, list, dict, type(None)])


def flatten(tree: Tree) -> tuple[list[Any], Structure]:
    """The leaves of `tree`, in order, and its structure for `unflatten`; None is an empty container.

    Example:
        >>> leaves, structure = flatten({"a": (1, 2), "b": 3})
        >>> leaves
        [1, 2, 3]
        >>> unflatten(structure, [x * 10 for x in leaves])
        {'a': (10, 20), 'b': 30}
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree, leaves):
    kind: Any = type(tree)
    if kind not in _CONTAINERS:
        rebuilt = _rebuilt(tree) if isinstance(tree, _BASES) else None
        if rebuilt is not None:
            return rebuilt, [_flatten(part, leaves) for part in _contents(rebuilt.base, tree)]
        if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "vars"):
            static, parts = _fields(tree)
            return (kind, static), {name: _flatten(part, leaves) for name, part in parts.items()}
        leaves.append(tree)
        return _LEAF
    if tree is None:
        return None
    if not isinstance(tree, dict):
        return kind, [_flatten(part, leaves) for part in tree]
    return kind, {key: _flatten(part, leaves) for key, part in tree.items()}


class Rebuilt(NamedTuple):
    """How a container is made again that is no plain one.

    Attributes:
        kind: Its class.
        base: The class of Python that it is, or derives from.
        option: The factory of a defaultdict, the greatest length of a deque.
    """

    kind: type
    base: type
    option: Any


def _rebuilt(tree):
    """The `Rebuilt` of a container; None for what is a leaf."""
    kind: Any = type(tree)
    base = next(base for base in _BASES if isinstance(tree, base))
    own_iteration = getattr(kind, "__iter__", None) is not getattr(base, "__iter__", None)
    fixed = isinstance(tree, enum.Enum) or hasattr(kind, "n_sequence_fields")  # the latter as in time.struct_time
    if hasattr(kind, "vars") or fixed or own_iteration:
        return None
    options = {collections.defaultdict: "default_factory", collections.deque: "maxlen"}
    return Rebuilt(kind, base, getattr(tree, options[base]) if base in options else None)


def _contents(base, tree):
    """The items of a container, as a plain one, and its attributes."""
    attributes = {name: getattr(tree, name) for name in _slots(type(tree)) if hasattr(tree, name)}
    if getattr(tree, "__dict__", tree) is not tree:  # that of an EasyDict is itself
        attributes.update(tree.__dict__)
    if base is types.SimpleNamespace:
        return None, attributes
    return dict(base.items(tree)) if isinstance(tree, dict) else list(base.__iter__(tree)), attributes


def _slots(kind):
    slots = [vars(c).get("__slots__", ()) for c in kind.__mro__]
    return [name for names in slots for name in ((names,) if isinstance(names, str) else names)]


def _remade(rebuilt, items, attributes):
    """A container with these contents, whose `__init__` does not run."""
    kind, base, option = rebuilt
    new: Any = tuple.__new__(kind, items) if base is tuple else kind.__new__(kind)
    if base is collections.defaultdict:
        base.__init__(new, option)
    if isinstance(new, dict):
        for key, value in items.items():
            base.__setitem__(new, key, value)
    elif base in (list, collections.deque):
        base.__init__(new, items, *([option] if base is collections.deque else []))
    for name, value in attributes.items():
        object.__setattr__(new, name, value)
    return new


def _fields(instance):
    """The static and the other fields of a dataclass, {name: value} each."""
    static, parts = {}, {}
    for field in dataclasses.fields(instance):
        chosen = static if field.metadata.get("static") else parts
        chosen[field.name] = getattr(instance, field.name)
    return static, parts


def _instance(kind, values):
    """A dataclass with these fields, whose `__init__` does not run."""
    instance = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(instance, name, value)  # also where it is frozen
    return instance


def _is_dataclass(kind):
    return type(kind) is tuple


def count(structure: Structure) -> int:
    """The number of leaves of a structure."""
    if structure is None or structure is _LEAF:
        return int(structure is _LEAF)
    parts = structure[1]
    return sum(map(count, parts.values() if isinstance(parts, dict) else parts))


def leaves_along(
    structure: Structure, tree: Tree, none_for_all: bool = False, lenient: bool = False
) -> list[Any] | None:
    """The leaves of `tree` in the order of `structure`; None if `tree` does not have this structure.

    Lists and tuples stand for each other, and so do dictionaries in any order of keys. Where `structure` has a leaf,
    anything is one.

    Args:
        none_for_all: None in place of a part of `tree` stands for None in the place of each of its leaves.
        lenient: An array in place of a list stands for the list of its rows; a part of `tree` that does not have its
            structure stands for `MISSING` in the place of each of its leaves.
    """
    leaves = _leaves_along(structure, tree, none_for_all, lenient)
    return [MISSING] * count(structure) if leaves is None and lenient else leaves


def _leaves_along(structure, tree, none_for_all, lenient):
    if structure is None or structure is _LEAF:
        return [tree] if structure is _LEAF else None if tree is not None else []
    if tree is None and none_for_all:
        return [None] * count(structure)
    if lenient and getattr(tree, "shape", None):
        tree = list(tree)
    kind, parts = structure
    if type(kind) is Rebuilt:
        like = dict if issubclass(kind.base, dict) else (list, tuple, collections.deque)
        if not isinstance(tree, types.SimpleNamespace if kind.base is types.SimpleNamespace else like):
            return None
        tree = _contents(next(base for base in _BASES if isinstance(tree, base)), tree)
    keys = list(parts) if isinstance(parts, dict) else range(len(parts))
    if _is_dataclass(kind):
        tree = _fields(tree)[1] if type(tree) is kind[0] else None
    if not isinstance(tree, dict if isinstance(parts, dict) else (tuple, list)) or len(tree) != len(parts):
        return None
    if isinstance(tree, dict) and tree.keys() != set(keys):
        return None
    below: list[Any] = [leaves_along(parts[key], tree[key], none_for_all, lenient) for key in keys]
    return None if None in below else [leaf for leaves in below for leaf in leaves]


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Tree:
    """The tree of this structure with these leaves.

    Raises:
        ValueError: If there are more leaves than the structure has.
    """
    leaves = iter(leaves)
    tree = _unflatten(structure, leaves)
    if next(leaves, _LEAF) is not _LEAF:
        raise ValueError("unflatten: got more leaves than the structure has.")
    return tree


def _unflatten(structure, leaves):
    if structure is None:
        return None
    if structure is _LEAF:
        return next(leaves)
    kind, parts = structure
    if isinstance(parts, dict):
        pairs = [(key, _unflatten(part, leaves)) for key, part in parts.items()]
        if _is_dataclass(kind):
            return _instance(kind[0], {**kind[1], **dict(pairs)})
        return kind(pairs)
    parts = [_unflatten(part, leaves) for part in parts]
    return _remade(kind, *parts) if type(kind) is Rebuilt else kind(parts)


def tree_map(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """The tree with `function` applied to each leaf.

    Example:
        >>> tree_map(lambda x: x * 10, {"a": (1, 2), "b": 3})
        {'a': (10, 20), 'b': 30}
    """
    leaves, structure = flatten(tree)
    return unflatten(structure, map(function, leaves))


def __dir__() -> list[str]:
    return __all__
