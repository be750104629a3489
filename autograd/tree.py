"""Nested tuples, lists and dictionaries of arrays, taken apart and put together again.

Containers are tuples, named tuples, lists, dicts, OrderedDicts and defaultdicts. Anything
else is a leaf, subclasses of these included: a module may well be a list.
"""

import collections
from typing import Any

_LEAF = object()
_CONTAINERS = frozenset([tuple, list, dict, collections.OrderedDict, collections.defaultdict, type(None)])


def flatten(tree):
    """The leaves of `tree`, in order, and its structure for `unflatten`; None is an empty container."""
    leaves = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree, leaves):
    kind: Any = type(tree)
    if kind not in _CONTAINERS and not (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        leaves.append(tree)
        return _LEAF
    if tree is None:
        return None
    if not isinstance(tree, dict):
        return kind, [_flatten(part, leaves) for part in tree]
    if isinstance(tree, collections.defaultdict):
        kind = kind, tree.default_factory
    return kind, {key: _flatten(part, leaves) for key, part in tree.items()}


def count(structure):
    """The number of leaves of a structure."""
    if structure is None or structure is _LEAF:
        return int(structure is _LEAF)
    parts = structure[1]
    return sum(map(count, parts.values() if isinstance(parts, dict) else parts))


def leaves_along(structure, tree):
    """The leaves of `tree`, in the order in which `structure` has them; None if its structure is another one."""
    if structure is None or structure is _LEAF:
        return [tree] if structure is _LEAF else None if tree is not None else []
    parts = structure[1]
    keys = list(parts) if isinstance(parts, dict) else range(len(parts))
    if not isinstance(tree, dict if isinstance(parts, dict) else (tuple, list)) or len(tree) != len(parts):
        return None
    if isinstance(tree, dict) and tree.keys() != set(keys):
        return None
    below = [leaves_along(parts[key], tree[key]) for key in keys]
    return None if None in below else [leaf for leaves in below for leaf in leaves]


def unflatten(structure, leaves):
    """The tree of a structure with other leaves."""
    leaves = iter(leaves)
    tree = _unflatten(structure, leaves)
    if next(leaves, _LEAF) is not _LEAF:
        raise ValueError("unflatten: expected as many leaves as the structure has, got more.")
    return tree


def _unflatten(structure, leaves):
    if structure is None:
        return None
    if structure is _LEAF:
        return next(leaves)
    kind, parts = structure
    if isinstance(parts, dict):
        pairs = [(key, _unflatten(part, leaves)) for key, part in parts.items()]
        return kind[0](kind[1], pairs) if isinstance(kind, tuple) else kind(pairs)
    parts = [_unflatten(part, leaves) for part in parts]
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def tree_map(function, tree):
    """The tree with `function` applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, map(function, leaves))
