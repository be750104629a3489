"""Functions whose results are Arrays, in default dtypes where they create arrays."""

import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Collection, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as onp

from autograd.absent import of_module
from autograd.backend import CPU, copied, default_device, device_of, is_array, is_cupy
from autograd.core import Array, Reference, TracedNumber
from autograd.dtypes import default_dtype, entering, narrowed_integers
from autograd.errors import explain_keyword
from autograd.foreign import argument, require_numbers
from autograd.numpy import astype
from autograd.ops.elementwise import narrowed
from autograd.primitive import Primitive

P = ParamSpec("P")
R = TypeVar("R")

_SIZES = {"shape", "N", "M", "n", "num"}  # parameters whose dtype has nothing to do with that of the result


def as_result(result: Any, args: Sequence[Any]) -> Any:
    """Raw arrays in a result as Arrays; one that is, or looks into, an argument is copied, as Arrays never change."""
    if isinstance(result, Array):
        return result._value if result._trace is Reference._trace else result
    if isinstance(result, tuple | list):
        return _like(result, [as_result(part, args) for part in result])
    if not is_array(result):
        return result
    borrowed = getattr(result, "base", None) is not None or any(result is a for a in args)
    return Array(copied(result) if borrowed else result)


def _like(container, parts):
    """A list, tuple or named tuple of the kind of `container`."""
    return getattr(container, "_make", type(container))(parts)


def namespace(
    name: str, source: str, without: Collection[str] = (), missing: Callable[[str], Any] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a module that has the functions of another one, with Array results.

    Args:
        name: The name of the module. Each of its functions is made when it is first used, and stored in the module.
        source: The name of the module of autograd whose functions it has, with Arrays in their results.
        without: Names of `source` that it does not have.
        missing: Raises the error for names that it does not have.
    """
    module, theirs = sys.modules[name], importlib.import_module(source)
    missing = missing or of_module(name, {})

    def names():
        return sorted(set(theirs.__all__).difference(without))

    def get(attribute):
        if attribute == "__all__":
            return names()
        if attribute not in names():
            return missing(attribute)
        value = _counterpart(getattr(theirs, attribute), attribute, name)
        setattr(module, attribute, value)
        return value

    return get, names


def _counterpart(value, name, module):
    """The value of a namespace of Arrays that corresponds to `value`: for a function, one whose results are Arrays."""
    if isinstance(value, types.ModuleType):
        return importlib.import_module(f"{module}.{name}")
    if hasattr(type(value), "__getitem__"):
        return _Indexed(with_array_results(value.__getitem__))
    if not callable(value) or isinstance(value, type) or value.__module__.startswith("numpy"):
        return value
    function = (
        _sharing(value)
        if name == "from_dlpack"
        else with_array_results(value, places=name in ("array", "asarray", "asanyarray"))
    )
    function.__module__, function.__qualname__ = module, name
    if isinstance(value, Primitive):
        for method in ("reduce", "accumulate", "outer", "at", "reduceat"):
            setattr(function, method, with_array_results(getattr(value, method)))
    _show_arrays(function)
    return function


def _show_arrays(function: Any) -> None:
    """Lets `help` say Array where the function of autograd.numpy says Result: an Array or a raw array."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a builtin
        return
    if signature.return_annotation == "Result":
        function.__signature__ = signature.replace(return_annotation="Array")


class _Indexed:
    """A function that is called by an index, such as `mgrid[0:3, 0:4]`."""

    def __init__(self, function):
        self._function = function

    def __getitem__(self, key):
        return self._function(key)


def with_array_results(function: Callable[P, R], places: bool = False) -> Callable[P, R]:
    """The function with Arrays in its result, on the default device and in default dtypes where it creates them.

    With `places`, NumPy arrays go to that device.
    """
    names = _positional(function)
    again: Callable[..., Any] = function

    @functools.wraps(function)
    def with_arrays(*args: Any, **kwargs: Any) -> Any:
        try:
            result: Any = function(*args, **kwargs)
        except TypeError as error:
            explain_keyword(error, kwargs)
            raise
        if isinstance(result, Array):
            for a in args:
                if not isinstance(a, Array):
                    break
                if a.dtype.num and not isinstance(a, TracedNumber):  # 0: booleans
                    return result  # the common case: dtypes are given
        if is_array(result) and result.dtype.kind in "OSU":
            require_numbers(result, function.__name__, args[0] if args else result)
        given = (*args, *kwargs.values())
        named = [*zip(names, args, strict=False), *kwargs.items()]
        asked = dict(named).get("dtype") is not None
        if args and not asked and _has_half(result) and all(map(_is_integral, args)):
            result = again(_as_default(args[0]), *args[1:], **kwargs)  # of bytes: see `_is_integral`
        created = not _has_numbers(
            [x for name, x in (*named, *((None, a) for a in args[len(names) :])) if name not in _SIZES]
        )
        result = result if asked else _by_default(result, created, given)
        return as_result(_placed(result) if created or places else result, given)

    return with_arrays


def _sharing(function):
    """`from_dlpack`, whose result shows memory of the caller."""

    @functools.wraps(function)
    def from_dlpack(x: Any, /, **kwargs: Any) -> Any:
        result = _by_default(function(x, **kwargs), False)
        return result if isinstance(result, Array) else Array(result)

    return from_dlpack


def _positional(function):
    """The names of the parameters that may be given by position or by name; none if it has no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return []
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _has_numbers(x):
    """Whether there are arrays of numbers, not only of booleans, in a nested list or tuple."""
    if isinstance(x, list | tuple):
        return any(map(_has_numbers, x))
    x = argument(x, "array")
    ours = is_array(x) or (isinstance(x, Array) and not isinstance(x, TracedNumber))
    return ours and x.dtype.kind != "b"


def _has_half(x):
    """Whether a raw array in a result has the dtype float16, for which nobody asked."""
    if isinstance(x, tuple | list):
        return any(map(_has_half, x))
    return is_array(x) and x.dtype == onp.float16 != default_dtype()


def _is_integral(x):
    """Whether an argument has no floating numbers of its own: NumPy's functions make float16 of bytes and booleans.

    A function of the user is none: it decides about its results itself, and must not be called again.
    """
    return not callable(x) and (x if is_array(x) else onp.asarray(x)).dtype.kind in "biuO"


def _as_default(x):
    """Raw integers and booleans in the dtype of new arrays of real numbers."""
    raw = x if is_array(x) else onp.asarray(x)
    return raw.astype(default_dtype()) if raw.dtype.kind in "biu" else x


def _placed(result):
    """Host arrays in a result on the default device."""
    if isinstance(result, tuple | list):
        return _like(result, map(_placed, result))
    if is_array(result) and device_of(result) == CPU:
        return Array(default_device().put(result))
    return result


def _by_default(result, created, given=()):
    """What raw arrays and numbers alone decide in a result, all of it if it was created, in default dtypes."""
    if isinstance(result, tuple | list):
        return _like(result, [_by_default(part, created, given) for part in result])
    if created and isinstance(result, Array):
        dtype = default_dtype(result.dtype)
        return (
            result
            if result.dtype == dtype
            else narrowed(result, dtype=dtype)
            if dtype.kind == "i"
            else astype(result, dtype)
        )
    if not is_array(result):
        return result
    raw = onp.asarray(result) if isinstance(result, onp.generic) else result
    dtype = default_dtype(raw.dtype)
    if created and dtype != raw.dtype and dtype.kind == "i":
        return narrowed_integers(raw, dtype, wait=is_cupy(raw) and _has_beyond(given, onp.iinfo(dtype)))
    return entering(raw, None)


def _has_beyond(x, limits):
    """Whether there are Python integers beyond the limits in nested lists and tuples."""
    if isinstance(x, list | tuple):
        return any(_has_beyond(part, limits) for part in x)
    return type(x) is int and not limits.min <= x <= limits.max
