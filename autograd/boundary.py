"""The boundary of a transformation: which arguments go in, and how results come out."""

from __future__ import annotations

import collections
import functools
import itertools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as onp

from . import backend
from .core import Array, Interpreter, Reference, library, lift, resolved
from .dtypes import is_inexact
from .foreign import argument, ask

__all__ = [
    "differentiable", "lowered", "output_and_aux", "own", "require_container", "require_same_library",
    "shown",
]  # fmt: skip

_LAZY = (types.GeneratorType, map, filter, zip)
_NOT_SEARCHED = (Reference, type, types.ModuleType, types.FunctionType, types.MethodType, str, bytes, int, float)


def differentiable(x: Any, where: str) -> Any:
    """The value one level below an Array or number that is to be differentiated; raw integers become real numbers."""
    raw = x._value if type(x) is Array else x
    if type(raw) is onp.ndarray and raw.dtype.kind in "fc":
        return raw
    ask(x)
    x = resolved(x)
    value = x._value if type(x) is Array else onp.asarray(x)[()] if isinstance(x, (float, complex)) else x
    if not isinstance(value, Array):
        value = argument(value, where, copy=True)
    ours = isinstance(value, Array) or backend.is_array(value)
    if ours and raw is x and value.dtype.kind in "iu" and not isinstance(value, Array | onp.generic):
        value = value.astype(float)
    if not ours or not is_inexact(value.dtype):
        got = f"dtype {value.dtype}" if ours else type(value).__name__
        raise TypeError(
            f"{where}: expected arrays of real or complex numbers to differentiate, got {got}. "
            "Convert integers, or leave the argument out of those that are differentiated."
        )
    return value


def require_same_library(x: Any, like: Any, where: str) -> None:
    """Raises DeviceError, which begins with `where`, if two arrays are on different devices."""
    if library(x) is not library(like):
        found, device = (a.device if isinstance(a, Array) else backend.device_of(a) for a in (x, like))
        name = str(device) if found.kind == device.kind else device.kind
        raise backend.DeviceError(
            f"{where}: expected an array on {device}, got one on {found}. Move it with device_put(x, {name!r})."
        )


def output_and_aux(output: Any, has_aux: bool, where: str) -> tuple[Any, Any]:
    """The two parts (output, aux) that a function returned; aux is None without `has_aux`."""
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise TypeError(f"{where}: expected a function that returns (output, aux), got {type(output).__name__}.")
    return output


def lowered(trace: Interpreter, output: Any, where: str) -> Any:
    """The value one level below of an output, a leaf; an object that holds values which `trace` traces is refused."""
    if not isinstance(output, Array):
        require_container(output, where, trace.owns, "a traced value")
    return trace.lower(output)


def require_container(output: Any, where: str, refused: Callable[[Any], bool], what: str) -> None:
    """Raises TypeError if an output, a leaf, is an object that holds values for which `refused` is true.

    Args:
        output: The leaf.
        where: The transformation, for the error.
        refused: Which values must not leave it unseen.
        what: What these are, for the error.
    """
    if output is None or isinstance(output, _NOT_SEARCHED) or backend.is_array(output):
        return
    remedy = "Return the arrays in a tuple, list, dictionary or dataclass."
    expected = f"{where}: expected outputs of arrays, numbers and containers of them"
    if isinstance(output, _LAZY):
        raise TypeError(f"{expected}, got {type(output).__name__}, which is run later. {remedy}")
    path = _path_in(output, refused)
    if path is not None:
        raise TypeError(f"{expected}, got {type(output).__name__} with {what} in {path}. {remedy}")


def _path_in(holder, refused, limit=1000):
    """Where in an object there is a value for which `refused` is true: ".x['a']"; None if it is in none."""
    waiting, seen = collections.deque([("", holder)]), {id(holder)}
    while waiting and len(seen) < limit:
        path, x = waiting.popleft()
        for name, part in itertools.islice(_inside(x), limit):
            if refused(part):
                return path + name
            if part is None or id(part) in seen or isinstance(part, (Array, *_NOT_SEARCHED)) or backend.is_array(part):
                continue
            seen.add(id(part))
            waiting.append((path + name, part))
    return None


def _inside(x):
    """What an object holds, as pairs (".attribute" or "[item]", value); modules have values of their own."""
    if hasattr(type(x), "vars"):
        return
    if isinstance(x, Mapping):
        yield from ((f"[{key!r}]", part) for key, part in x.items())
    elif isinstance(x, Sequence | set | frozenset | collections.deque):
        yield from ((f"[{i}]", part) for i, part in enumerate(x))
    elif isinstance(x, functools.partial | BaseException):
        yield ".args", x.args
        yield ".keywords", getattr(x, "keywords", {})
    attributes = getattr(x, "__dict__", None)
    for name, part in attributes.items() if type(attributes) is dict else ():
        yield f".{name}", part
    for kind in type(x).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(x, name):
                yield f".{name}", getattr(x, name)


def shown(x: Any, raw: bool) -> Any:
    """A result as the caller gets it, a raw array or an Array; values that an outer transformation traces stay so."""
    if raw:
        return x._value if type(x) is Array else x
    return lift(x)


def own(result: Any, inputs: Sequence[Any]) -> Any:
    """A raw result that the caller may write to: a copy if it is read-only or shares memory with one of `inputs`."""
    if not backend.is_array(result) or isinstance(result, onp.generic):
        return result
    share = library(result).may_share_memory
    borrowed = getattr(result.flags, "writeable", True) is False or any(
        isinstance(x, type(result)) and share(result, x) for x in inputs
    )
    return backend.copied(result) if borrowed else result
