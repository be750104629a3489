"""What NumPy's arrays tell of their memory, which plain Arrays tell as well; what to write for other attributes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as onp

from . import backend
from .absent import declare
from .core import Reference, concrete
from .operators import Operators

__all__: list[str] = []  # importing this module gives Array these attributes


class _Traced(TypeError, AttributeError):
    """A traced Array has no memory to tell of; libraries that only ask whether it has an attribute go on."""


def _interface(self, raw):
    """NumPy's array interface, read-only: an address if `self` keeps the array alive, else an object that does."""
    if backend.is_cupy(raw) or raw.dtype.num > 255:  # of ml_dtypes, whose names NumPy does not know
        raise AttributeError(f"Array of {raw.dtype} on {backend.device_of(raw)} has no __array_interface__.")
    if type(raw) is onp.ndarray and not isinstance(self, Reference):
        address, _ = raw.__array_interface__["data"]
        return {**raw.__array_interface__, "data": (address, True), "strides": raw.strides}
    raw = onp.ascontiguousarray(raw).reshape(raw.shape)
    return {**raw.__array_interface__, "data": memoryview(raw).toreadonly(), "offset": 0, "strides": raw.strides}


def _cuda_interface(self, raw):
    """CuPy's array interface; not marked as read-only, which PyTorch refuses."""
    if not backend.is_cupy(raw):
        raise AttributeError(f"Array on {backend.device_of(raw)} has no __cuda_array_interface__.")
    _leave_products_to_us(backend.library((raw,)).matmul)
    return raw.__cuda_array_interface__


@functools.cache
def _leave_products_to_us(matmul):
    """Lets CuPy's product ask ours: it takes what has the interface for an array of its own, and then fails."""
    theirs: Any = getattr(matmul, "_try_fastcall_func", None)

    def product(*args, out=None, dtype=None, **options):
        if not any(isinstance(x, Operators) for x in args):
            return theirs(*args, out=out, dtype=dtype, **options)
        if out is not None or dtype is not None:
            raise TypeError("cupy.matmul: expected no out and no dtype for Arrays. Write x @ y, or pass x.raw.")
        a, b = args
        return a @ b if isinstance(a, Operators) else b.__rmatmul__(a)

    if theirs is not None:
        matmul._try_fastcall_func = product


def _of_memory(name, of_raw):
    """A property of plain Arrays."""

    def get(self):
        try:
            raw = concrete(self, name)
        except TypeError as error:
            raise _Traced(*error.args) from None
        return of_raw(self, raw)

    return property(get)


Operators.__array_interface__ = _of_memory("__array_interface__", _interface)
Operators.__cuda_array_interface__ = _of_memory("__cuda_array_interface__", _cuda_interface)
Operators.strides = _of_memory("strides", lambda self, raw: raw.strides)
_FROM_FUNCTIONS = (
    "Derivatives come from functions: cuobjax.Grad(f, net.vars()) of variables, autograd.grad(f) of arrays"
)
_NEVER_CHANGE = "Arrays never change: write x = x + y for all of it, x = x.at[index].set(value) for a part"
_REMEDIES = {
    "base byteswap ctypes data dump dumps flags getfield tofile": (
        "That of the raw array, which must not be written to, is x.raw.{name}"
    ),
    "view": (
        "Write x.reshape(shape) for another shape, x.astype(dtype) to convert, x.raw.view(dtype) for the same bytes as "
        "another dtype"
    ),
    "to_device": "Write device_put(x, device)",
    "to": 'Write device_put(x, "gpu") for another device, x.astype(dtype) for another dtype',
    "cpu": 'Write device_put(x, "cpu")',
    "cuda": 'Write device_put(x, "gpu")',
    "devices is_cuda": "Write x.device",
    "numpy get asnumpy to_numpy": "Write numpy.asarray(x)",
    "block_until_ready": "Write numpy.asarray(x), which waits for the values",
    "detach": "Write stop_gradient(x)",
    "backward grad grad_fn is_leaf requires_grad requires_grad_ retain_grad": _FROM_FUNCTIONS,
    "clone contiguous": "Arrays never change, so that x itself will do",
    "add_ clamp_ copy_ div_ fill_ masked_fill_ mul_ scatter_ scatter_add_ sub_ zero_": _NEVER_CHANGE,
    "append insert pop set": _NEVER_CHANGE,
    "bool double float half int long short type": 'Write x.astype(dtype), such as x.astype("float32")',
    "dim": "Write x.ndim",
    "nelement numel": "Write x.size",
    "expand expand_as": "Write np.broadcast_to(x, shape)",
    "permute": "Write x.transpose(axes)",
    "unsqueeze": "Write np.expand_dims(x, axis)",
    "t": "Write x.T",
    "H mH": "Write x.conj().mT",
    "bmm matmul mm mv": "Write x @ y",
    "eq": "Write x == y",
    "pow": "Write x**y",
    "clamp": "Write x.clip(low, high)",
    "chunk": "Write np.array_split(x, number)",
    "gather": "Write np.take_along_axis(x, indices, axis)",
    "index_select": "Write x.take(indices, axis)",
    "iloc loc": "Write x[index]",
    "masked_fill": "Write np.where(mask, value, x)",
    "masked_select": "Write x[mask]",
    "norm": "Write np.linalg.norm(x)",
    "topk": "Write np.sort(x)[..., -k:]",
    "abs ceil cos exp flip floor isnan log median sign sin sqrt square tan tanh tile unique": "Write np.{name}(x)",
    "log_softmax logsumexp relu sigmoid softmax": "Write cuobjax.functional.{name}(x)",
}
declare(Operators, _REMEDIES, refused="data grad requires_grad")
