"""`jn`: the functions of autograd.numpy with Array results; new arrays are float32 or int32 unless a dtype is given.

Default dtypes belong to what is created: `zeros`, `arange`, `array` of Python numbers. All else has NumPy's dtypes: an
operation on float32 gives float32, a NumPy array of float64 stays float64.
"""

import functools
import inspect
import types

import autograd.numpy as _anp

from .lifting import default_dtype as _default_dtype
from .lifting import lifted as _lifted
from .lifting import lifting as _lifting

_CREATED = "arange array asarray empty eye full identity linspace ones zeros".split()


def _creating(function):
    """The function with our default dtype, unless the caller or an array among the arguments says which."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def created(*args, **kwargs):
        result = _lifted(function(*args, **kwargs), args)
        given = "dtype" in signature.bind(*args, **kwargs).arguments or any(map(_has_dtype, args))
        wanted = result.dtype if given else _default_dtype(result.dtype)
        return result if result.dtype == wanted else result.astype(wanted)

    return created


def _has_dtype(x):
    return any(map(_has_dtype, x)) if isinstance(x, list | tuple) else hasattr(x, "dtype")


def _counterpart(namespace, name):
    value = getattr(namespace, name)
    if isinstance(value, types.ModuleType):
        functions = types.SimpleNamespace()
        for part in dir(value):
            if not part.startswith("_"):
                setattr(functions, part, _counterpart(value, part))
        return functions
    if not callable(value) or isinstance(value, type):
        return value
    function = (_creating if name in _CREATED else _lifting)(value)
    function.__module__, function.__qualname__ = __name__, name
    return function


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        value = globals()[name] = _counterpart(_anp, name)
    except AttributeError:
        raise AttributeError(f"module 'cuobjax.numpy' has no attribute {name!r}") from None
    return value


def __dir__():
    return sorted(name for name in dir(_anp) if not name.startswith("_"))
