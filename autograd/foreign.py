"""Arrays of other libraries: the one place where they become raw arrays, or are refused by name.

An object counts as an array if it offers NumPy's `__array__` or `__array_interface__`, DLPack, CUDA's array interface
or a buffer: tensors of PyTorch, arrays of JAX, images of PIL, Series and DataFrames of pandas. It is taken as the raw
array of its elements, without a copy where the library that made it allows that.
"""

from __future__ import annotations

import array
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from . import backend
from .operators import Operators

__all__ = [
    "NUMBERS", "PLAIN", "REGISTERED", "argument", "ask", "holds_numbers", "is_array_like", "is_labelled", "is_no_array",
    "operand", "require_numbers", "to_raw",
]  # fmt: skip

NUMBERS: frozenset[type] = frozenset(
    [bool, int, float, complex, *(kind for kind in numpy.sctypeDict.values() if numpy.dtype(kind).kind in "biufc")]
)
"""The types of numbers, Python's and NumPy's, which operations take as they are."""
PLAIN: set[type] = {*NUMBERS, numpy.ndarray}
"""These and raw arrays; CuPy's joins them when it is first met."""
REGISTERED: dict[type, Callable[..., Any]] = {}
"""For classes of arrays a function `(x, trace, node)` that raises where `x` must not be differentiated."""
_PROTOCOLS = ("__array__", "__array_interface__", "__dlpack__", "__cuda_array_interface__")
_BUFFERS = (memoryview, array.array)
_NO_ARRAYS = frozenset([type(None), bool, int, float, complex, str, tuple, list, dict, slice, type(...)])  # asked often


def ask(x: Any) -> None:
    """Asks the class of an array, if it is `REGISTERED`, whether the array may be differentiated."""
    if type(x) in REGISTERED:
        REGISTERED[type(x)](x, None, None)


def is_array_like(x: Any) -> bool:
    """Whether another library's object counts as an array; raw arrays and NumPy's scalars do, Arrays do not."""
    kind = type(x)
    if kind in _NO_ARRAYS or issubclass(kind, (Operators, numpy.dtype)):
        return False
    return issubclass(kind, _BUFFERS) or any(hasattr(kind, name) for name in _PROTOCOLS)


def to_raw(x: Any, where: str, copy: bool = False) -> Any:
    """The raw array of an object that counts as an array, or of what else NumPy takes as numbers.

    Args:
        where: Who asks, for the error.
        copy: Whether the result must not share memory that NumPy cannot keep from being written to.

    Raises:
        TypeError: If it does not hold numbers alone, or if its numbers mean something else in a raw array: masked
            arrays, matrices, tensors that record gradients.
    """
    raw = _taken(x, where)
    require_numbers(raw, where, x)
    return backend.copied(raw) if copy and raw is not x and _is_foreign_memory(raw) else raw


def holds_numbers(raw: Any) -> bool:
    """Whether the elements of a raw array are numbers or booleans, not objects, texts, dates or records."""
    dtype = raw.dtype
    return dtype.kind in "biufc" or (dtype.kind == "V" and not issubclass(dtype.type, numpy.void))  # such as bfloat16


def require_numbers(raw: Any, where: str, given: Any) -> None:
    """Raises TypeError if a raw array holds objects, texts, dates or records in place of numbers.

    Args:
        where: Who asks, for the error.
        given: What the caller passed: `raw` itself, or what it was made of.
    """
    if not holds_numbers(raw):
        got = f"{type(given).__name__} of dtype {raw.dtype}"
        raise TypeError(f"{where}: expected numbers, got {got}. {_remedy(raw, given)}.")


def operand(x: Any, where: str, copy: bool) -> Any:
    """What an operation that also has an Array takes for `x`: a number, or a raw array.

    Args:
        where: The operation, for the error.
        copy: See `to_raw`.
    """
    if type(x) is numpy.ndarray:
        require_numbers(x, where, x)
        return x if x.ndim else x[()]
    if isinstance(x, list | tuple):
        raw = backend.from_list(x)
        require_numbers(raw, where, x)
        return raw
    return x if type(x) in NUMBERS or isinstance(x, int | float | complex) else to_raw(x, where, copy)


def is_labelled(x: Any) -> bool:
    """Whether `x` is an array with named axes that applies NumPy's ufuncs to what it holds, as xarray's: traced values,
    too."""
    return hasattr(type(x), "dims") and callable(getattr(x, "__array_ufunc__", None))


def is_no_array(x: Any) -> bool:
    """Whether `x` is nothing that could hold numbers, such as None or a text: no array equals it."""
    if isinstance(x, str | bytes):
        return True
    return not (is_array_like(x) or _is_sparse(x) or isinstance(x, numbers.Number | Sequence | Operators))


def argument(x: Any, where: str, copy: bool = False) -> Any:
    """An argument of a function: the raw array of another library's array of numbers; anything else unchanged.

    Args:
        where: Who asks, for the error.
        copy: See `to_raw`.
    """
    if type(x) in PLAIN or not is_array_like(x):
        return x
    raw = _taken(x, where)
    if not holds_numbers(raw):
        return x
    return backend.copied(raw) if copy and raw is not x and _is_foreign_memory(raw) else raw


def _taken(x, where):
    """The raw array of an object; raises TypeError where that would change what its numbers mean."""
    if backend.is_cupy(x):
        PLAIN.add(type(x))
        return x
    for kind, remedy in _REFUSED:
        if kind(x):
            raise TypeError(f"{where}: expected an array of numbers, got {type(x).__name__}. {remedy}.")
    try:
        return backend.from_library(x)
    except Exception as error:
        if not is_array_like(x):
            raise
        dtype = f" of dtype {x.dtype}" if hasattr(x, "dtype") else ""
        raise TypeError(
            f"{where}: {type(x).__name__}{dtype} cannot be taken as an array: {str(error).rstrip('.')}. "
            "Convert it with its own library to a dtype and a device that NumPy or CuPy have."
        ) from error


def _is_sparse(x):
    return hasattr(type(x), "toarray")


_REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        lambda x: isinstance(x, numpy.ma.MaskedArray),
        "Its mask would be lost: pass x.filled(0), and ~numpy.ma.getmaskarray(x) as an array of its own",
    ),
    (lambda x: isinstance(x, numpy.matrix), "Its products are others. Convert it with numpy.asarray(x)"),
    (
        lambda x: getattr(x, "requires_grad", False) is True and not isinstance(x, numpy.ndarray),
        "Its gradient would be lost. Where it is not wanted, pass x.detach()",
    ),
)


def _is_foreign_memory(raw):
    """Whether a raw array shows memory of another library, which `write_protection` cannot protect."""
    while isinstance(raw, numpy.ndarray) and raw.base is not None:
        raw = raw.base
    return not (isinstance(raw, numpy.ndarray) and raw.flags.owndata)


def _remedy(raw, given):
    """What to write in place of an array that holds no numbers."""
    if raw.dtype.names:
        return f"Take one of its fields, such as x[{raw.dtype.names[0]!r}]"
    if raw.dtype.kind in "mM":
        return "Convert it with x.astype('int64')"
    if _is_sparse(given):
        return "Convert it with x.toarray()"
    if isinstance(given, numbers.Number):
        return "Convert it with float(x)"
    if not raw.ndim and not is_array_like(given):
        return "Pass an array, a number or nested lists of numbers"
    if any(isinstance(part, Operators) for part in raw.flat):
        return "Make one array of the Arrays in it: autograd.numpy.array(x.tolist())"
    return "Convert it to numbers, with x.astype(float) for instance"
