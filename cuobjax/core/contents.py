"""What objects hold: the items of containers, attributes, and what functions and iterators keep."""

from __future__ import annotations

import collections
import contextvars
import functools
import gc
import inspect
import io
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from autograd.backend import is_array
from autograd.core import Array

__all__ = ["NOTHING", "attribute", "defaults", "held", "is_of_a_library", "item", "special_methods"]

NOTHING: Any = object()
_OPAQUE = ("autograd", "cuobjax", "cupy")
_RUNNERS = ("pytest", "_pytest", "pluggy", "hypothesis", "IPython", "ipykernel")  # lead to all that they run
_LIBRARIES = {*_OPAQUE, *_RUNNERS, "numpy", "scipy", *sys.stdlib_module_names} - {"__main__"}
_SHOWN = (str, int, float, bool, type(None))  # keys that stand in names
_SEQUENCES: tuple[Any, ...] = (list, tuple, set, frozenset, collections.deque)
# Streams lead to all that a notebook or a test runner knows. So do loggers, see `held`.
_NOT_ENTERED = (
    types.ModuleType, types.CodeType, types.FrameType, types.TracebackType, type, str, bytes, Array, io.IOBase,
)  # fmt: skip
_BINDING = (
    types.FunctionType, classmethod, staticmethod, types.BuiltinFunctionType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType, types.MemberDescriptorType,
    types.GetSetDescriptorType,
)  # fmt: skip


def is_of_a_library(x: Any) -> bool:
    """Whether a function or class belongs to a library whose code is not read."""
    names = {} if isinstance(x, type) else getattr(x, "__globals__", {})  # a class of functions has a descriptor
    return (names.get("__name__") or getattr(x, "__module__", None) or "").partition(".")[0] in _LIBRARIES


def defaults(f: types.FunctionType) -> dict[str, Any]:
    """The default values of a function, {parameter: value}."""
    values = f.__defaults__ or ()
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values, strict=True)) | (f.__kwdefaults__ or {})


def held(x: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, as pairs (where, part), without running code of a user.

    Items have their keys or positions, attributes their names. What another object keeps, such as an iterator, is
    what the garbage collector finds in it, by its position.
    """
    if isinstance(x, (_NOT_ENTERED, getattr(sys.modules.get("logging"), "Filterer", ()))):
        return
    if is_array(x):
        yield from _of_objects(x)
        return
    holds_nothing = not gc.is_tracked(x) and not isinstance(x, contextvars.ContextVar)  # such as numbers and texts
    if holds_nothing or (isinstance(x, dict) and "__builtins__" in x):  # the names of a module
        return
    yield from _items(x)
    if isinstance(x, classmethod | staticmethod):
        yield "", x.__func__
    elif "__wrapped__" in getattr(x, "__dict__", ()):
        yield "", x.__wrapped__
    if type(x).__module__.partition(".")[0] not in _OPAQUE:
        yield from ((f".{name}", part) for name, part in _attributes(x).items())
        if not hasattr(x, "__dict__"):
            yield from ((f"[{i}]", part) for i, part in enumerate(gc.get_referents(x)) if part is not type(x))


def _of_objects(x):
    if x.dtype == object:
        yield from ((f".flat[{i}]", part) for i, part in enumerate(x.flat))


def _items(x):
    if isinstance(x, functools.partial):
        yield "", x.func
        yield from ((f"[{i}]", part) for i, part in enumerate(x.args))
        yield from ((f".{key}", part) for key, part in x.keywords.items())
    elif isinstance(x, dict):
        yield from _of_dictionary(list(dict.items(x)))
    elif isinstance(x, weakref.ref):
        yield "()", x()
    elif isinstance(x, contextvars.ContextVar):
        yield ".get()", x.get(None)
    elif isinstance(x, _SEQUENCES):
        kind = next(kind for kind in _SEQUENCES if isinstance(x, kind))
        yield from ((f"[{i}]", part) for i, part in enumerate(list(kind.__iter__(x))))


def _of_dictionary(items):
    for key, part in items:
        plain = all(type(part) in _SHOWN for part in (key if type(key) is tuple else (key,)))  # repr may be a user's
        where = f"[{key!r}]" if plain else f"[{type(key).__name__}]"
        yield where, part
        yield f"{where}.key", key


def _attributes(x):
    """The attributes of an object, those in `__slots__` as well."""
    slots = {
        name: getattr(x, name)
        for kind in type(x).__mro__
        for name, place in vars(kind).items()
        if isinstance(place, types.MemberDescriptorType)
        and name in vars(kind).get("__slots__", ())
        and hasattr(x, name)
    }
    return slots | dict(getattr(x, "__dict__", {}))


def special_methods(x: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods that operators and calls use, `__call__` or `__getitem__`, of the classes of an object."""
    seen = {"__init__", "__new__"}
    for kind in type(x).__mro__:
        for name, method in () if is_of_a_library(kind) else list(vars(kind).items()):
            if name.startswith("__") and isinstance(method, types.FunctionType) and name not in seen:
                seen.add(name)
                yield name, method


def attribute(x: Any, name: str) -> Any:
    """The attribute of an object, and `NOTHING` if it is computed or there is none."""
    if isinstance(x, types.ModuleType):
        return getattr(x, name, NOTHING)
    found = inspect.getattr_static(x, name, NOTHING)
    if hasattr(type(found), "__get__") and not isinstance(found, _BINDING):
        return NOTHING
    return NOTHING if found is NOTHING else getattr(x, name, NOTHING)


def item(x: Any, key: Any) -> Any:
    """The item of a list, tuple, dictionary or deque, and `NOTHING` if there is none or it is computed."""
    kind = next((kind for kind in (list, tuple, dict, collections.deque) if isinstance(x, kind)), None)
    if kind is None or type(x).__getitem__ is not kind.__getitem__ or (kind is dict and not dict.__contains__(x, key)):
        return NOTHING
    try:
        return x[key]
    except (LookupError, TypeError):
        return NOTHING
