"""What NumPy, CuPy and other libraries ask of an Array: conversions, DLPack, and their functions of Arrays.

NumPy's functions and CuPy's ufuncs that meet an Array are sent to our function of the same name, so that a gradient is
never lost silently: it is right, or the call raises an error with a remedy.
"""

import functools
import sys

import numpy as onp

from . import backend
from . import numpy as anp
from .core import Tracer, concrete, resolved
from .foreign import is_labelled
from .numpy._common import refuse_output
from .primitive import Primitive

__all__ = ["PROTOCOLS"]


def __array__(self, dtype=None, copy=None):
    raw = concrete(self, "conversion to a NumPy array")
    if backend.is_cupy(raw):
        raw = raw.get()
    elif not copy:
        raw = _read_only(raw)
    return onp.array(raw, dtype, copy=copy)


def __dlpack__(self, **kwargs):
    raw = concrete(self, "DLPack")
    if backend.is_cupy(raw):
        return raw.__dlpack__(**kwargs)
    if kwargs.get("max_version") is None and raw.flags.writeable:  # as JAX asks: nothing can say that it is read-only
        return raw.__dlpack__(**kwargs)
    try:
        return _read_only(raw).__dlpack__(**kwargs)
    except BufferError:
        if kwargs.get("copy") is False:
            raise
        return onp.array(raw).__dlpack__(**kwargs)


def _read_only(raw):
    view = onp.asarray(raw).view()
    view.flags.writeable = False
    return view


def __dlpack_device__(self):
    return concrete(self, "DLPack").__dlpack_device__()


@functools.cache
def _counterparts():
    """Our function for each of NumPy's, by identity: other libraries and `numpy.linalg` have namesakes that differ."""
    return {
        getattr(theirs, name): function
        for theirs, ours in ((onp, anp), (onp.linalg, anp.linalg), (onp.fft, anp.fft))
        for name, function in vars(ours).items()
        if name[0] != "_" and callable(function) and getattr(theirs, name, function) is not function
    }


def _is_traced(x):
    return isinstance(resolved(x), Tracer)


def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
    if any(map(is_labelled, inputs)):
        return NotImplemented
    function = _counterparts().get(ufunc)
    if method != "__call__":
        function = getattr(function, method, None) if isinstance(function, Primitive) else None
    refuse_output(out, f"numpy.{ufunc.__name__}")
    if method == "at" and type(inputs[0]) is onp.ndarray and not any(map(_is_traced, inputs)):  # a caller's buffer
        return ufunc.at(*[onp.asarray(x) for x in inputs])
    if function is None:
        of_numpy = getattr(onp, ufunc.__name__, None) is ufunc
        where, ours = ("numpy.", "numpy") if of_numpy else ("", "numpy or autograd.scipy.special")
        raise TypeError(f"{where}{ufunc.__name__}: cannot take an Array ({method}). Use a function of autograd.{ours}.")
    operands = [x[()] if isinstance(x, onp.ndarray) and not x.ndim else x for x in inputs]  # scalars became arrays
    return function(*operands, **kwargs)


def __array_function__(self, function, types, args, kwargs):
    name = function.__name__
    ours = _counterparts().get(function)
    if ours is None:
        raise TypeError(
            f"{function.__module__}.{name}: has no counterpart for an Array. Convert with numpy.asarray(x) where no "
            "gradient is wanted."
        )
    refuse_output(kwargs.pop("out", None), f"numpy.{name}")
    return ours(*args, **kwargs)


def __cupy_override_elementwise_kernel__(self, kernel, *args, **kwargs):
    function = _cupy_kernels().get(id(kernel))
    if function is None:
        name = getattr(kernel, "name", "kernel")
        raise TypeError(f"cupy: {name} cannot take an Array. Use functions of autograd.numpy (cuobjax.numpy) or x.raw.")
    for out in (kwargs.get("out"), *args[kernel.nin :]):
        refuse_output(out, f"cupy.{function.__name__}")
    return function(*args[: kernel.nin])


@functools.cache
def _cupy_kernels():
    """Our function for each of CuPy's ufuncs, by identity."""
    cupy = sys.modules["cupy"]
    kernels = {id(getattr(cupy, name)): function for name, function in vars(anp).items() if _is_ufunc(cupy, name)}
    for module, name, function in (  # what cupy.where and cupy.clip call
        ("cupy._sorting.search", "_where_ufunc", anp.where),
        ("cupy._core._routines_math", "_clip", anp.clip),
    ):
        kernels[id(getattr(sys.modules.get(module), name, None))] = function
    return kernels


def _is_ufunc(cupy, name):
    return isinstance(getattr(cupy, name, None), cupy.ufunc)


def __cupy_override_reduction_kernel__(self, kernel, axis, dtype, out, keepdims):
    raise TypeError("cupy: this reduction cannot take an Array. Use autograd.numpy (cuobjax.numpy) or x.raw.")


PROTOCOLS = (
    __array__, __dlpack__, __dlpack_device__, __array_ufunc__, __array_function__,
    __cupy_override_elementwise_kernel__, __cupy_override_reduction_kernel__,
)  # fmt: skip
"""Methods of `Array`, which `array_methods` gives it."""
