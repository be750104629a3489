"""What the functions of the namespace share: arrays of what a caller passes, their dtypes, shapes and axes."""

from __future__ import annotations

import builtins
import operator
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as onp

from .. import backend
from ..axes import complete_axis, index_along
from ..core import Array, TracedNumber, Tracer, bare, library, lift, resolved
from ..dtypes import complete_dtype, default_dtype, entering, follows_numpy, limited
from ..dtypes import promoted as promoted_dtype
from ..foreign import is_array_like, require_numbers, to_raw
from ..ops import shape as shape_ops
from ..ops.elementwise import astype, stop_gradient
from ..typing import ArrayLike, DTypeLike, RawArray, Shape
from ..write_protection import notice


def as_array(x: ArrayLike, dtype: DTypeLike = None) -> Array:
    """`x` itself if it is an array, Arrays and tracers included; else an array of it on the default device.

    Type checkers see an Array: raw arrays have the same operators and methods.
    """
    dtype = dtype if dtype is None else as_dtype(dtype)
    if isinstance(x, TracedNumber):
        return x.array(dtype)
    known: Any = x
    if isinstance(x, Array):
        known = resolved(x)
    elif not backend.is_array(x):
        if not is_array_like(x):
            return array(x, dtype)
        known = to_raw(x, "array", copy=True)
    elif isinstance(x, onp.ndarray) and x.base is not None:
        notice(x)
    return known if dtype is None or known.dtype == dtype else cast(known, dtype)


def as_dtype(dtype: DTypeLike) -> onp.dtype[Any] | None:
    """The dtype of a name or a type; None stays None. TypeError if there is no such dtype."""
    return None if dtype is None else complete_dtype("dtype", dtype)


def result_type(*arrays_and_dtypes: Any) -> onp.dtype[Any]:
    """The dtype that an operation on arrays, Python numbers and dtypes gives."""
    values = [a.kind() if isinstance(a, TracedNumber) else a for a in arrays_and_dtypes]  # 0, as no value counts
    values = [as_dtype(a) if isinstance(a, str) else a for a in values]
    if not rules_apply(values):
        return onp.result_type(*[a.dtype if isinstance(a, Array) else a for a in values])
    values = [entering(a, None) if backend.is_array(a) else a for a in values]
    numbers = [a for a in values if isinstance(a, int | float | complex)]
    dtypes = [onp.dtype(getattr(a, "dtype", a)) for a in values if not isinstance(a, type | int | float | complex)]
    dtypes += [onp.dtype(a) for a in values if isinstance(a, type)]
    common = promoted_dtype(dtypes)
    if common is None:
        return limited(onp.result_type(*dtypes, *numbers), default_dtype())
    return limited(onp.result_type(common, *numbers), common)


def floating(*arrays: Any) -> onp.dtype[Any]:
    """The dtype of real numbers that are made of integers: for Arrays the default dtype, for raw arrays float64."""
    return default_dtype() if rules_apply(arrays) else onp.dtype(float)


def rules_apply(values: Iterable[Any]) -> bool:
    """Whether the rules of `autograd.dtypes` hold: whether Arrays are among the values."""
    return any(isinstance(a, Array) for a in values) and not follows_numpy()


def cast(x: Array, dtype: DTypeLike) -> Array:
    """An array with another dtype; integers and booleans have no gradient."""
    dtype = complete_dtype("dtype", dtype)
    return astype(stop_gradient(x) if dtype.kind in "iub" else x, dtype=dtype)


def array(object: ArrayLike, dtype: DTypeLike = None) -> Array:
    """A new array of an array, a number, or nested lists and tuples of them, traced ones included."""
    dtype = as_dtype(dtype)
    if isinstance(object, TracedNumber):
        return object.array(dtype)
    object = resolved(object)
    if isinstance(object, Tracer):
        return object if dtype is None else cast(object, dtype)
    if isinstance(object, Array):
        return Array(library(object).array(object._value, dtype))
    if backend.is_array(object):
        return library(object).array(object, dtype)
    if isinstance(object, list | tuple) and _holds_arrays(object):
        return stack_all([array(part, dtype) for part in on_one_device(*object)])
    if is_array_like(object):
        raw = to_raw(object, "array")
        return backend.library((raw,)).array(raw, dtype)
    try:
        created: Any = onp.array(object, dtype)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            f"array: expected nested lists of equal lengths, got {reprlib.repr(object)}. Pad the shorter ones, or make "
            "an array of each."
        ) from None
    require_numbers(created, "array", object)
    device = backend.default_device()
    return created if device == backend.CPU else device.put(created)


def on_one_device(*values: Any) -> list[Any]:
    """The operands of one operation; lists and NumPy's scalars come to the device of the arrays among them.

    Elementwise operations need no such help: there scalars travel with the kernel. It is for functions that give an
    operand axes before it meets the others. Python numbers stay as they are, as they have no dtype.
    """
    device = _device_among(values)
    if device is None:
        return list(values)
    common = _common_dtype(values)
    with backend.device(device):
        return [array(x) if isinstance(x, list | tuple) else _put(x, device, common) for x in values]


def together(*values: Any) -> list[Array]:
    """The operands of one operation as arrays: see `on_one_device`. Python numbers come to that device, too."""
    device = _device_among(values)
    if device is None:
        return [as_array(x) for x in values]
    common = _common_dtype(values)
    with backend.device(device):
        return [as_array(_put(x, device, common)) for x in values]


def _device_among(values):
    """The GPU of an array among values, else the CPU if one is there; None if there are scalars and numbers alone."""
    if not backend.gpu_in_use():
        return None
    arrays = [raw for raw in map(bare, values) if backend.is_array(raw)]
    on_gpu = next((raw for raw in arrays if backend.is_cupy(raw)), None)
    if on_gpu is not None:
        return backend.device_of(on_gpu)
    here = builtins.any(raw.ndim for raw in arrays) or builtins.any(type(x) is Array for x in values)
    return backend.CPU if here else None


def _common_dtype(values):
    """The dtype of the Arrays among values, which scalars of NumPy take beside them; None where NumPy's rules hold."""
    return promoted_dtype([x.dtype for x in values if isinstance(x, Array)]) if rules_apply(values) else None


def _put(x, device, common):
    """A scalar of NumPy, which has no device of its own, on a GPU; anything else unchanged."""
    if device.kind == "cpu" or not (isinstance(x, onp.generic) or (type(x) is onp.ndarray and not x.ndim)):
        return x
    number: Any = x[()]  # type: ignore[index]  # scalars of NumPy have this index, too
    if common is not None and isinstance(entering(number, common), float | complex):
        number = number.astype(limited(number.dtype, common))
    return device.put(number)


def stack_all(arrays: Sequence[Array]) -> Array:
    """Stacks arrays of one shape along a new first axis."""
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"stack: expected arrays of one shape, got {', '.join(str(a.shape) for a in arrays)}.")
    return shape_ops.concatenate(*[shape_ops.reshape(a, shape=(1, *a.shape)) for a in arrays], axis=0)


def _holds_arrays(nested):
    return builtins.any(
        _holds_arrays(part) if isinstance(part, list | tuple) else isinstance(part, Array) or backend.is_cupy(part)
        for part in nested
    )


def inexact(x: ArrayLike) -> Array:
    """`x` as an array of real or complex numbers: integers and booleans become floating numbers."""
    x = as_array(x)
    return cast(x, floating(x)) if x.dtype.kind in "iub" else x


def promoted(a: ArrayLike, x: ArrayLike) -> Array:
    """`x` as an array on the device of `a`; a Python number takes the precision of `a`."""
    if not isinstance(x, int | float | complex | TracedNumber):
        return together(a, x)[1]
    dtype, device = result_type(a, x), _device_among([a])
    if device is None:
        return as_array(x, dtype)
    with backend.device(device):
        return as_array(_put(x, device, None), dtype)


def like(x: Array, raw: RawArray) -> Array:
    """`raw`, wrapped in an Array if `x` is one."""
    return lift(raw) if isinstance(x, Array) else raw


def known(x: Any) -> Any:
    """The numbers in `x`, also a traced one, as a NumPy array; None if they are on a GPU, where looking is waiting.

    What NumPy refuses by its value is refused where the value is known.
    """
    raw = bare(x)
    return None if backend.is_cupy(raw) else onp.asarray(raw)


def scalar(x: Any) -> Any:
    """A raw array without axes as the scalar that NumPy returns; anything else unchanged."""
    return x[()] if type(x) is onp.ndarray and not x.ndim else x


def require_casting(where: str, dtype: Any, arrays: Sequence[Any], casting: Any = "same_kind") -> None:
    """Raises TypeError if a dtype is given to which NumPy does not cast the arrays by this rule."""
    if dtype is None:
        return
    wanted = complete_dtype("dtype", dtype)
    for a in arrays:
        if not onp.can_cast(a.dtype, wanted, casting):
            raise TypeError(
                f"{where}: cannot cast {a.dtype} to {wanted} by the rule {casting!r}. Cast with astype first."
            )


def along_axis(a: ArrayLike, axis: int | None) -> tuple[Array, int]:
    """`a` as an array and `axis` from 0 to ndim - 1; `a` is flattened if `axis` is None."""
    a = as_array(a)
    return (shape_ops.reshape(a, shape=(a.size,)), 0) if axis is None else (a, complete_axis(axis, a.ndim))


def part(a: Array, axis: int, start: int | None, stop: int | None) -> Array:
    """The slice of `a` from `start` to `stop` along an axis."""
    return a[index_along(axis, slice(start, stop))]


def aligned(vector: Array, axis: int, ndim: int) -> Array:
    """A vector in the shape in which it broadcasts along an axis of arrays with `ndim` axes."""
    return vector.reshape((-1,) + (1,) * (ndim - 1 - axis))


def complete_shape(shape: Shape) -> tuple[int, ...]:
    """`shape`, a number or a sequence of them, as a tuple."""
    return tuple(map(operator.index, shape if onp.iterable(shape) else (shape,)))


def refuse_output(out: Any, where: str) -> None:
    """Raises TypeError if there is an output array `out`: results are new arrays."""
    if out is not None:
        raise TypeError(f"{where}: arrays never change, so there is no `out`. Bind the result to a name.")
