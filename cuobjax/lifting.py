"""Functions whose results are Arrays, and the dtypes that new arrays have by default."""

import functools
import inspect
import types

import numpy as onp

from autograd.backend import CPU, default_device, device_of, is_array
from autograd.core import Array, Reference, TracedNumber
from autograd.numpy import astype
from autograd.ops.elementwise import narrowed

_real = onp.dtype("float32")
_SIZES = {"shape", "N", "M", "n", "num"}  # parameters of which an array says nothing of the dtype of a result
_NARROW = {"i": "int32", "c": "complex64"}


def set_default_dtype(dtype):
    """Sets the dtype of new arrays of real numbers, in all threads: float16, bfloat16, float32 (at first) or float64.

    With float64, new arrays of integers and complex numbers have NumPy's dtypes, else int32 and complex64.
    """
    global _real
    try:
        dtype = onp.dtype(dtype)
    except TypeError:
        raise TypeError(f"set_default_dtype: expected a dtype, got {dtype!r}. Import ml_dtypes for bfloat16.") from None
    if dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise TypeError(f"set_default_dtype: expected a dtype of real numbers, got {dtype}.")
    _real = dtype


def default_dtype(dtype=float):
    """The dtype that a new array has where NumPy would choose `dtype`."""
    dtype = onp.dtype(dtype)
    if dtype == onp.float64:
        return _real
    if dtype in (onp.int64, onp.complex128) and _real != onp.float64:
        return onp.dtype(_NARROW[dtype.kind])
    return dtype


def lifted(result, args):
    """Raw arrays in a result as Arrays; one that is, or looks into, an argument is copied, as Arrays never change."""
    if isinstance(result, Array):
        return result._value if isinstance(result, Reference) else result
    if isinstance(result, tuple | list):
        return _like(result, [lifted(part, args) for part in result])
    if not is_array(result):
        return result
    borrowed = getattr(result, "base", None) is not None or any(result is a for a in args)
    return Array(result.copy() if borrowed else result)


def _like(container, parts):
    """A list, tuple or named tuple of the kind of `container`."""
    return getattr(container, "_make", type(container))(parts)


def counterpart(value, name, module):
    """What a namespace of Arrays has in place of `value` of autograd.numpy.

    For a function that is one whose results are Arrays, in default dtypes where no argument says which.
    """
    if isinstance(value, types.ModuleType):
        own = {part: function for part, function in vars(value).items() if _is_public(part, function, value)}
        return types.SimpleNamespace(**{part: counterpart(f, f"{name}.{part}", module) for part, f in own.items()})
    if hasattr(type(value), "__getitem__"):
        return _Indexed(lifting(value.__getitem__))
    if not callable(value) or isinstance(value, type) or value.__module__.startswith("numpy"):
        return value
    function = lifting(value, places=name in ("array", "asarray", "asanyarray"))
    function.__module__, function.__qualname__ = module, name
    return function


class _Indexed:
    """What is called by an index, such as `mgrid[0:3, 0:4]`."""

    def __init__(self, function):
        self._function = function

    def __getitem__(self, key):
        return self._function(key)


def _is_public(name, function, module):
    return not name.startswith("_") and getattr(function, "__module__", None) == module.__name__


def lifting(function, places=False):
    """The function with Arrays in its result, on the default device and in default dtypes where it creates them.

    With `places`, NumPy arrays go to that device.
    """
    names = _positional(function)

    @functools.wraps(function)
    def with_arrays(*args, **kwargs):
        result = function(*args, **kwargs)
        if isinstance(result, Array) and args and isinstance(args[0], Array) and _has_numbers(args[0]):
            return result  # the common case: dtypes are given
        given = (*args, *kwargs.values())
        named = [*zip(names, args, strict=False), *((None, a) for a in args[len(names) :]), *kwargs.items()]
        created = not _has_numbers([x for name, x in named if name not in _SIZES])
        result = lifted(_placed(result) if created or places else result, given)
        return _by_default(result) if created and dict(named).get("dtype") is None else result

    return with_arrays


def _positional(function):
    """The names of the parameters that may be given by position or by name; none if it does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return []
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _has_numbers(x):
    """Whether there are arrays of numbers, not only of booleans, in a nested list or tuple."""
    if isinstance(x, list | tuple):
        return any(map(_has_numbers, x))
    return hasattr(x, "dtype") and not isinstance(x, type | TracedNumber) and x.dtype.kind != "b"


def _placed(result):
    """Host arrays in a result on the default device."""
    if isinstance(result, tuple | list):
        return _like(result, map(_placed, result))
    if is_array(result) and device_of(result) == CPU:
        return Array(default_device().put(result))
    return result


def _by_default(result):
    if isinstance(result, tuple | list):
        return _like(result, map(_by_default, result))
    if not isinstance(result, Array):
        return result
    dtype = default_dtype(result.dtype)
    if result.dtype == dtype:
        return result
    return narrowed(result, dtype=dtype) if dtype.kind == "i" else astype(result, dtype)
