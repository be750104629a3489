"""What the functions of the namespace share: arrays from what a caller passes, and complete axes."""

import builtins
import operator

import numpy as onp

from .. import backend
from ..axes import complete_axis
from ..core import Array, TracedNumber, Tracer, library, lift, resolved
from ..ops import shape as shape_ops
from ..ops.elementwise import astype, stop_gradient


def as_array(x, dtype=None):
    """`x` itself if it is an array, Arrays and tracers included; else an array of it on the default device."""
    if isinstance(x, TracedNumber):
        return x.array(dtype)
    if isinstance(x, Array):
        x = resolved(x)
    elif not backend.is_array(x):
        return array(x, dtype)
    return x if dtype is None or x.dtype == dtype else cast(x, dtype)


def result_type(*arrays_and_dtypes):
    """The dtype that an operation on arrays, Python's numbers and dtypes gives."""
    values = [a.kind() if isinstance(a, TracedNumber) else a for a in arrays_and_dtypes]  # 0, as no value counts
    return onp.result_type(*[a.dtype if isinstance(a, Array) else a for a in values])


def cast(x, dtype):
    """An array with another dtype; integers and booleans have no gradient."""
    dtype = onp.dtype(dtype)
    return astype(stop_gradient(x) if dtype.kind in "iub" else x, dtype=dtype)


def array(object, dtype=None):
    """A new array of `object`: an array, a number, or a nested list or tuple of them, traced ones included."""
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
        return stack_all([array(part, dtype) for part in object])
    device = backend.default_device()
    with device.current():
        created = device.library.array(object, dtype)
    if created.dtype.kind not in "biufcV":  # V: bfloat16
        raise TypeError(f"array: expected numbers, got {type(object).__name__} of dtype {created.dtype}.")
    return created


def stack_all(arrays):
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


def like(x, raw):
    """`raw` as what `x` is: an Array next to an Array, else raw."""
    return lift(raw) if isinstance(x, Array) else raw


def along_axis(a, axis):
    """`a` as an array and `axis` as a number that is not negative; `a` is flattened if `axis` is None."""
    a = as_array(a)
    return (shape_ops.reshape(a, shape=(a.size,)), 0) if axis is None else (a, complete_axis(axis, a.ndim))


def complete_shape(shape):
    """`shape`, a number or a sequence of them, as a tuple."""
    return tuple(map(operator.index, shape if onp.iterable(shape) else (shape,)))


def refuse_output(out, where):
    """Raises TypeError for an output array: results are new arrays."""
    if out is not None:
        raise TypeError(f"{where}: expected no output array, arrays never change. Bind the result to a name.")
