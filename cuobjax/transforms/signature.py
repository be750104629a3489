"""What of a call a program is recorded for: its inputs, and a key of all else."""

import dataclasses
import io
import types
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as onp

from autograd import tree
from autograd.backend import CPU, copied, device_of, is_array
from autograd.core import Array, kind_of
from autograd.foreign import argument, is_array_like

from ..core.variable import BaseVar

__all__ = ["ForeignArray", "by_identity", "cache_key", "described", "is_input", "key_part", "paths", "require_keys"]

_NUMBERS = (int, float, complex)
_FIXED = (types.FunctionType, types.ModuleType, type, io.IOBase, BaseVar, Iterator)
_LIBRARIES = ("builtins", "functools", "operator")


class ForeignArray(Exception):
    """An argument of a program is an array of another library, which has to be converted first."""


def key_part(x: Any, leaves: list[Any]) -> Hashable:
    """The part of a program's key that an argument decides; the inputs in it are appended to `leaves`.

    The key holds the structure, the shapes, dtypes and devices of arrays, the types of numbers, and all else itself.

    Raises:
        ForeignArray: If an array of another library is among them.
    """
    kind = type(x)
    if kind is onp.ndarray:
        leaves.append(x if x.flags.forc else copied(x))  # as eager code, which copies it, and the recorded call
        return x.shape, x.dtype, None
    if kind is Array:
        leaves.append(x)
        raw = x._value
        return (raw.shape, raw.dtype, None) if type(raw) is onp.ndarray else described(x)
    if kind is tuple or kind is list:
        return kind, tuple([key_part(part, leaves) for part in x])
    if kind is dict:
        return kind, tuple([(type(key), key, key_part(part, leaves)) for key, part in x.items()])
    parts, structure = tree.flatten(x)
    if len(parts) == 1 and parts[0] is x:
        if not is_input(x):
            if argument(x, "Jit") is not x:
                raise ForeignArray
            require_known(x, "an argument")
            return cache_key(x, "an argument")
        leaves.append(x)
        return described(x)
    return _frozen(structure), tuple([key_part(part, leaves) for part in parts])


def by_identity(x: Any) -> bool:
    """Whether the hash of an object says only which one it is."""
    hashed: Any = type(x).__hash__
    return hashed is object.__hash__


def require_known(x: Any, what: str) -> None:
    """Raises TypeError for a static argument with content that its key does not tell: an instance hashed by identity.

    Functions, classes, modules and the like are what they are; variables and Modules are looked into.
    """
    kind = type(x)
    known = not by_identity(x) or isinstance(x, _FIXED) or hasattr(kind, "vars")
    if known and not is_array_like(x):
        return
    if kind.__module__ in _LIBRARIES or (callable(x) and hasattr(x, "__name__")):
        return
    raise TypeError(
        f"Jit: expected {what} as an array, a number, a container of these or a value with a hash of its own, got "
        f"{kind.__name__}, whose content the program would never look at again. Pass the arrays in it, make its class "
        "a dataclass, or, if it never changes, name the position in static_argnums."
    )


def require_keys(traced: tuple[tuple[Any, ...], dict[str, Any]], names: Sequence[str]) -> None:
    """Raises the error for the first of the arguments (args, kwargs) that no program can be recorded for, by name."""
    leaves, structure = tree.flatten(traced)
    for x, path in zip(leaves, paths(structure, names), strict=True):
        if not is_input(x) and argument(x, f"Jit, {path}") is x:
            require_known(x, path)
            cache_key(x, path)


def is_input(x: Any) -> bool:
    """Whether an argument is an input of the program, not static."""
    return (isinstance(x, Array) and not isinstance(x, BaseVar)) or is_array(x) or type(x) in _NUMBERS


def described(x: Any) -> tuple[Any, ...]:
    """Shape, dtype and device of an array; the type of a number."""
    kind = kind_of(x)
    if kind is not None:
        return (kind,)
    device = x.device if isinstance(x, Array) else device_of(x)
    return tuple(x.shape), x.dtype, None if device == CPU else device


class _Identity:
    """Wraps an object so that it compares by identity."""

    __slots__ = ("_object",)

    def __init__(self, object):
        self._object = object

    def __eq__(self, other):
        return isinstance(other, _Identity) and self._object is other._object

    def __hash__(self):
        return id(self._object)


def cache_key(x: Any, what: str) -> Hashable:
    """A static value in the key of a program: 1, 1.0 and True differ, also within containers.

    Args:
        x: The value.
        what: Its name, for the error.

    Raises:
        ValueError: If it has no hash.
        TypeError: If it is an iterator, which differs from call to call.
    """
    if isinstance(x, BaseVar) or hasattr(type(x), "vars"):
        return _Identity(x)
    if isinstance(x, tuple):
        return type(x), tuple([cache_key(part, what) for part in x])
    if isinstance(x, Iterator) and not isinstance(x, io.IOBase):
        raise TypeError(f"Jit: {what} is an iterator, which differs from call to call. Pass a tuple.")
    try:
        hash(x)
    except TypeError:
        raise ValueError(
            f"Jit: expected {what}, which is static, to have a hash, got {type(x).__name__}. Pass a tuple in place of "
            "a list, and arrays as arguments that are not static."
        ) from None
    if isinstance(x, frozenset):
        return type(x), frozenset([cache_key(part, what) for part in x])
    if _compares_fields(x):
        fields = [getattr(x, field.name) for field in dataclasses.fields(x) if field.compare]
        numbers = int | float | complex | onp.generic | tuple | frozenset  # which may be equal and yet differ
        differing = [part for part in fields if isinstance(part, numbers) or _compares_fields(part)]
        return type(x), x, tuple([cache_key(part, what) for part in differing])
    return type(x), repr(x) if isinstance(x, float | complex | onp.generic) else x  # -0.0 is not 0.0, NaN is NaN


def _compares_fields(x):
    return not isinstance(x, type) and getattr(getattr(x, "__dataclass_params__", None), "eq", False)


def _frozen(structure):
    """A structure of `tree` with a hash."""
    if not isinstance(structure, tuple):
        return structure
    kind, parts = structure
    if type(kind) is tuple:  # a dataclass, with its static fields
        kind = kind[0], cache_key(tuple(kind[1].items()), "a static field")
    if isinstance(parts, dict):
        return kind, tuple([(type(key), key, _frozen(part)) for key, part in parts.items()])
    return kind, tuple([_frozen(part) for part in parts])


def paths(structure: Any, names: Sequence[str]) -> list[str]:
    """A text for each leaf of (args, kwargs), given their structure and names of parameters: `argument 0 (x)[1]`."""
    _, (args, kwargs) = structure
    shown = [f" ({name})" for name in names] + [""] * len(args[1])
    parts = [(f"argument {i}{shown[i]}", part) for i, part in enumerate(args[1])]
    parts += [(f"argument {name!r}", part) for name, part in kwargs[1].items()]
    return [path for name, part in parts for path in _leaf_paths(part, name)]


def _leaf_paths(structure, path):
    if not isinstance(structure, tuple):
        return [path] if structure is not None else []
    kind, parts = structure
    if isinstance(kind, tree.Rebuilt):
        items, (_, attributes) = parts
        named = [leaf for name, part in attributes.items() for leaf in _leaf_paths(part, f"{path}.{name}")]
        return _leaf_paths(items, path) + named
    pairs = parts.items() if isinstance(parts, dict) else enumerate(parts)
    return [leaf for key, part in pairs for leaf in _leaf_paths(part, f"{path}[{key!r}]")]
