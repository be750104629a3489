"""Nested tuples, lists, dictionaries and dataclasses of arrays, taken apart and put together again.

Containers are tuples, named tuples, lists, dicts, OrderedDicts, defaultdicts and dataclasses; a field that is declared
as `dataclasses.field(metadata={"static": True})` belongs to the structure. Anything else is a leaf, subclasses of
tuple, list and dict included (a module may well be a list), and so are objects with a method `vars`, such as modules.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["Structure", "count", "flatten", "leaves_along", "tree_map", "unflatten"]

Structure: TypeAlias = Any
"""A tree without its leaves. Two structures are equal if their trees differ in the leaves alone."""
_LEAF = object()
_CONTAINERS = frozenset([tuple, list, dict, collections.OrderedDict, collections.defaultdict, type(None)])


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
    if kind not in _CONTAINERS and not (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "vars"):
            static, parts = _fields(tree)
            return (kind, static), {name: _flatten(part, leaves) for name, part in parts.items()}
        leaves.append(tree)
        return _LEAF
    if tree is None:
        return None
    if not isinstance(tree, dict):
        return kind, [_flatten(part, leaves) for part in tree]
    if isinstance(tree, collections.defaultdict):
        kind = kind, tree.default_factory
    return kind, {key: _flatten(part, leaves) for key, part in tree.items()}


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
    return isinstance(kind, tuple) and kind[0] is not collections.defaultdict


def count(structure: Structure) -> int:
    """The number of leaves of a structure."""
    if structure is None or structure is _LEAF:
        return int(structure is _LEAF)
    parts = structure[1]
    return sum(map(count, parts.values() if isinstance(parts, dict) else parts))


def leaves_along(structure: Structure, tree: Tree) -> list[Any] | None:
    """The leaves of `tree` in the order of `structure`; None if `tree` does not have this structure.

    Lists and tuples stand for each other, and so do dictionaries in any order of keys. Where `structure` has a leaf,
    anything is one.
    """
    if structure is None or structure is _LEAF:
        return [tree] if structure is _LEAF else None if tree is not None else []
    kind, parts = structure
    keys = list(parts) if isinstance(parts, dict) else range(len(parts))
    if _is_dataclass(kind):
        tree = _fields(tree)[1] if type(tree) is kind[0] else None
    if not isinstance(tree, dict if isinstance(parts, dict) else (tuple, list)) or len(tree) != len(parts):
        return None
    if isinstance(tree, dict) and tree.keys() != set(keys):
        return None
    below: list[Any] = [leaves_along(parts[key], tree[key]) for key in keys]
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
        return kind[0](kind[1], pairs) if isinstance(kind, tuple) else kind(pairs)
    parts = [_unflatten(part, leaves) for part in parts]
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def tree_map(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """The tree with `function` applied to each leaf.

    Example:
        >>> tree_map(lambda x: x * 10, {"a": (1, 2), "b": 3})
        {'a': (10, 20), 'b': 30}
    """
    leaves, structure = flatten(tree)
    return unflatten(structure, map(function, leaves))
