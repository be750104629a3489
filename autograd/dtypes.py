"""The dtypes of Arrays: float32 unless somebody asks for more.

Raw arrays have NumPy's dtypes. Arrays differ in four points, which hold for every operation:

1. What enters an operation as a raw array of float64, complex128 or int64 did not choose its dtype: it gets the default
   dtype (int32 where its numbers fit). NumPy's scalars of these dtypes count as Python numbers. Where an Array of
   float64 takes part, float64 stays.
2. Integers and booleans take the dtype of the floating numbers in the same operation.
3. Floating numbers that are made of integers alone have the default dtype: `/`, `sqrt`, `mean`, a power with a negative
   or a floating exponent.
4. A result is never wider than the floating numbers among the arguments, unless the parameter `dtype` asks for it.

Between floating numbers NumPy's promotion holds; bfloat16 with float16 gives float32.

Arrays stand for raw ones inside a transformation of raw arrays alone (`autograd.grad(f)(numpy_array)`): there, and in
derivative rules, NumPy's rules hold, see `numpy_rules`.
"""

from __future__ import annotations

import contextlib
import contextvars
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as onp

from . import backend

if TYPE_CHECKING:
    from .typing import DTypeLike

__all__ = [
    "complete_dtype", "default_dtype", "entering", "follows_numpy", "in_these_rules", "is_inexact", "limited",
    "narrowed_integers", "numpy_rules", "promoted", "real_dtype", "set_default_dtype", "undecided",
]  # fmt: skip

_real: onp.dtype[Any] = onp.dtype("float32")
_NARROW = {"i": "int32", "c": "complex64"}
_WIDE = (onp.float64, onp.complex128, onp.int64)  # NumPy's own default dtypes
_numpys: contextvars.ContextVar[bool] = contextvars.ContextVar("autograd.dtypes", default=False)


def set_default_dtype(dtype: DTypeLike) -> None:
    """Sets the dtype of new arrays of real numbers, in all threads: float16, bfloat16, float32 (at first) or float64.

    With float64, new arrays of integers and complex numbers have NumPy's dtypes, else int32 and complex64. Another
    dtype raises TypeError.
    """
    global _real
    if dtype is None:  # NumPy's name for float64
        raise TypeError("set_default_dtype: expected a dtype, got None. Write 'float32', for instance.")
    dtype = complete_dtype("set_default_dtype", dtype)
    if dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise TypeError(f"set_default_dtype: expected a dtype of real numbers, got {dtype}.")
    _real = dtype


def complete_dtype(where: str, dtype: DTypeLike) -> onp.dtype[Any]:
    """A dtype that `where` was given; NumPy knows the name "bfloat16" once the package ml_dtypes is imported."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        with contextlib.suppress(ImportError):
            importlib.import_module("ml_dtypes")
    try:
        if hasattr(type(dtype), "__array__"):
            raise TypeError  # NumPy would take the dtype of an Array
        return onp.dtype(dtype)
    except TypeError:
        known = isinstance(dtype, str) and dtype == "bfloat16"
        remedy = "Install ml_dtypes: pip install 'cuobjax[io]'" if known else "Write 'float16', for instance"
        raise TypeError(f"{where}: expected a dtype, got {dtype!r}. {remedy}.") from None


def default_dtype(dtype: DTypeLike = float) -> onp.dtype[Any]:
    """The dtype that a new array has where NumPy would choose `dtype`."""
    if dtype is float:
        return _real
    dtype = onp.dtype(dtype)
    if dtype == onp.float64:
        return _real
    if dtype in (onp.int64, onp.complex128) and _real != onp.float64:
        return onp.dtype(_NARROW[dtype.kind])
    return dtype


def is_inexact(dtype: onp.dtype[Any]) -> bool:
    """Whether a dtype is one of real or complex numbers, bfloat16 included; these have derivatives."""
    number = dtype.num  # the names of dtypes are slow to ask for
    return 10 < number < 17 or number == 23 or (number > 255 and (dtype.kind == "f" or dtype.name == "bfloat16"))


def undecided(dtype: onp.dtype[Any]) -> bool:
    """Whether raw arrays of a dtype have it because NumPy makes such arrays where nobody says a dtype."""
    return dtype in _WIDE


def promoted(dtypes: Sequence[onp.dtype[Any]]) -> onp.dtype[Any] | None:
    """The dtype of the floating numbers among `dtypes` together; None if there are none."""
    floating = [dtype for dtype in dtypes if is_inexact(dtype)]
    if len({dtype for dtype in floating if dtype.itemsize == 2}) > 1:  # float16 and bfloat16
        floating.append(onp.dtype("float32"))
        floating = [dtype for dtype in floating if dtype.itemsize > 2]
    return onp.result_type(*floating) if floating else None


def entering(raw: Any, among: onp.dtype[Any] | None) -> Any:
    """A raw array or scalar that enters an operation on Arrays, in the dtype that it gets: point 1 above.

    Args:
        raw: A raw array or a scalar of NumPy.
        among: The dtype of the floating Arrays in the operation, None if there are none.

    Raises:
        OverflowError: If integers of a NumPy array do not fit into int32. Those of a CuPy array stay int64, as looking
            at them would mean a wait.
    """
    dtype = raw.dtype
    if isinstance(raw, onp.generic):
        return raw.item() if dtype in _WIDE or dtype.kind == "b" else raw
    wide = among is not None and _precision(among) > 4 and dtype.kind != "i"
    wanted = dtype if wide or dtype not in _WIDE else default_dtype(dtype)
    if dtype == wanted:
        return raw
    if dtype.kind == "i":
        return raw if backend.is_cupy(raw) else narrowed_integers(raw, wanted)
    with backend.on_gpu_of(raw):
        return raw.astype(wanted)


def narrowed_integers(raw: Any, dtype: onp.dtype[Any], wait: bool = False) -> Any:
    """Integers in a dtype of fewer bits.

    Raises:
        OverflowError: If one of a NumPy array is out of range. CuPy's are not checked, as that would wait for the GPU,
            but with `wait`.
    """
    limits = onp.iinfo(dtype)
    if (wait or not backend.is_cupy(raw)) and raw.size and not limits.min <= raw.min() <= raw.max() <= limits.max:
        raise OverflowError(
            f"{dtype}: expected integers from {limits.min} to {limits.max}, got {raw.min()} to {raw.max()}. "
            "Pass dtype='int64'."
        )
    with backend.on_gpu_of(raw):
        return raw.astype(dtype)


def limited(dtype: onp.dtype[Any], among: onp.dtype[Any]) -> onp.dtype[Any]:
    """The dtype of a result that NumPy gives as `dtype`, where the floating arguments have the dtype `among`."""
    if not is_inexact(dtype) or _precision(dtype) <= _precision(among):
        return dtype
    if dtype.kind == "c":
        return onp.dtype("complex64" if _precision(among) <= 4 else "complex128")
    return real_dtype(among)


def real_dtype(dtype: onp.dtype[Any]) -> onp.dtype[Any]:
    """The dtype of the real part of numbers."""
    return onp.dtype(f"float{8 * _precision(dtype)}") if dtype.kind == "c" else dtype


def _precision(dtype):
    """The number of bytes of a real number."""
    return dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize


def follows_numpy() -> bool:
    """Whether Arrays stand for raw ones here, and have NumPy's dtypes."""
    return _numpys.get()


def in_these_rules(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a user, which follows the rules that hold now also where a derivative or batch rule calls it."""
    active = follows_numpy()

    def followed(*args: Any, **kwargs: Any) -> Any:
        with numpy_rules(active):
            return f(*args, **kwargs)

    return followed


class numpy_rules:
    """A context in which Arrays have NumPy's dtypes if `active`.

    That is so in a transformation of raw arrays alone, and in derivative and batch rules: these combine numbers that
    have their dtypes already, and what they give gets the dtype of the value that it is for.
    """

    __slots__ = ("_active", "_before")

    def __init__(self, active: bool) -> None:
        self._active = active

    def __enter__(self) -> None:
        self._before = _numpys.get()
        _numpys.set(self._active)

    def __exit__(self, *error: object) -> None:
        _numpys.set(self._before)
