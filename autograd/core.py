"""Arrays, primitives and their dispatch: knows no operation, no transformation.

An operation applied to plain arrays runs at once. As soon as one argument is a `Tracer`, the transformation that made
the tracer (its `Interpreter`) decides what the operation means. Where several transformations are active, the
innermost one handles the call, unwraps its own tracers only and applies the operation again to what it found inside, so
that transformations nest in any order.

    interpreter     where                  level      what it does with an operation
    _Eager          here                   0          runs it at once: plain Arrays
    _Tally          cuobjax.tools.summary  1/2        runs it and counts its floating-point operations
    Tape            autograd.reverse       by start   runs it and records its vjps and residuals
    Forward         autograd.forward       by start   computes the tangent of its result as well
    Batch           autograd.batch         by start   applies it to all lanes of a batch
    Staging         autograd.graph         by start   runs it and records it in a graph
    _Dereference    here                   infinity   applies it to what variables stand for
    _Elsewhere      cuobjax.core.elsewhere infinity   runs it and marks its result: not for a call in another thread

"by start" is 1, 2, ... in the order in which activations begin.

Ways to look under a value `x`, none of which copies:

    lift(x)              a raw array as an Array, a Reference as the Array that it stands for; anything else unchanged
    resolved(x)          the Array that a Reference or a traced number stands for; anything else unchanged
    dereferenced(x)      the Array under References that interpreters of their own handle, too
    trace.lower(x)       the value one level below if `x` is a tracer of this interpreter, else `x`
    x.raw                the raw array under an Array; raises if it is traced, as its gradient would be lost
    concrete(x, use)     the same, with an error that names the use
    bare(x)              the raw array under any number of levels
    levels(x)            the Array of each of these levels
    beside(x)            a context in which CuPy computes on its GPU
    library(x)           numpy or cupy, under any number of levels, with which to make arrays on the device of x
    kind_of(x)           the type of a Python number, traced or not; None for anything else
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy

from . import backend
from .foreign import require_numbers, to_raw
from .gpus import library_beside
from .operators import Operators

if TYPE_CHECKING:
    from .primitive import Primitive
    from .typing import DTypeLike, RawArray

__all__ = [
    "KERNEL_REMEDY", "Array", "Interpreter", "NeedsValue", "Reference", "TracedNumber", "Tracer", "all_wrapped", "bare",
    "beside", "concrete", "dereferenced", "escaped", "kind_of", "levels", "library", "lift", "resolved", "wrapped",
]  # fmt: skip

KERNEL_REMEDY: str = "A kernel of your own, which needs raw arrays, is an autograd.primitive."
"""The end of errors for those who ask a traced value for its raw array."""
_activations = itertools.count(1)
_ANYWHERE: AbstractContextManager[Any] = contextlib.nullcontext()
_new = object.__new__
_KINDS = (bool, int, float, complex)


class NeedsValue(TypeError):
    """Raised where a function needs the value of a tracer that has none for it.

    Attributes:
        interpreter: Whose tracer it is.
    """

    interpreter: Interpreter | None

    def __init__(self, text: str, interpreter: Interpreter | None = None) -> None:
        super().__init__(text)
        self.interpreter = interpreter


class Interpreter:
    """Gives primitives a meaning; one instance per activation of a transformation.

    Attributes:
        level: The order in which activations began. An inner activation always begins later, so that it has the higher
            level in any thread, and an exception leaves nothing behind that would have to be reset.
        ended: True once the transformation has returned; its tracers must not be used after that.
        differentiates: Whether it computes derivatives.
    """

    __slots__ = ("ended", "level")
    level: float
    ended: bool
    differentiates: bool = False

    def __init__(self) -> None:
        self.level = next(_activations)
        self.ended = False

    def apply(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Applies `primitive` to arguments of which at least one belongs to this interpreter."""
        raise NotImplementedError

    def owns(self, x: Any) -> bool:
        """Whether `x` is a tracer of this interpreter."""
        return isinstance(x, Tracer) and x._trace is self

    def lower(self, x: Any) -> Any:
        """The value one level below a tracer of this interpreter; anything else unchanged."""
        return lift(x._value) if isinstance(x, Tracer) and x._trace is self else x

    def forced(self, x: Tracer, use: str) -> TypeError:
        """The error for a use that needs the numbers in a tracer of this interpreter."""
        return TypeError(
            f"Array: expected a plain Array for {use}, got one that is being traced; its gradient would be lost. Write "
            "the computation with functions of autograd.numpy (cuobjax.numpy); where its gradient is not wanted, use "
            "stop_gradient(x)."
        )


def escaped(primitive: Primitive) -> TypeError:
    """The error for a tracer that is used after its transformation has returned."""
    return TypeError(
        f"{primitive.name}: got a traced value whose transformation has ended or is in its backward pass. A function "
        "under grad, vjp, jvp or vmap returns its results and does not store them; store stop_gradient(x) to look at a "
        "value later. If a derivative of your own uses the value, pass it to the function as an argument and from "
        "`fwd` on to `bwd` as a residual."
    )


class _Eager(Interpreter):
    """Runs primitives at once: the interpreter of plain Arrays."""

    __slots__ = ()

    def __init__(self):
        self.level = 0

    def apply(self, primitive, args, params):
        y = primitive.run([a._value if isinstance(a, Array) else a for a in args], params)
        return tuple(map(wrapped, y)) if type(y) is tuple else wrapped(y)


class Array(Operators):
    """An immutable n-d array: a handle of one `numpy.ndarray` or `cupy.ndarray`.

    Operators, methods and NumPy's functions act on it as on an ndarray, except that nothing changes it: `x += 1` binds
    the name `x` to a new Array, and `x.at[index].set(value)` returns a changed copy. `raw` is the array under it.

    Args:
        raw: The array, which is not copied: do not write to it afterwards. `cuobjax.numpy.array(x)` copies.

    Raises:
        TypeError: If `raw` is no such array.
    """

    __slots__ = ("__weakref__", "_value")
    _trace: Interpreter = _Eager()
    _value: Any
    _looks_up: bool = False  # whether `_value` is no array, or is looked up when it is used

    def __init__(self, raw: RawArray) -> None:
        if not backend.is_array(raw):
            if not isinstance(raw, numpy.ndarray):
                raise TypeError(
                    f"Array: expected a numpy.ndarray or cupy.ndarray, got {type(raw).__name__}. Use "
                    "cuobjax.numpy.array(x)."
                )
            raw = to_raw(raw, "Array")
        require_numbers(raw, "Array", raw)
        self._value = raw

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._value.shape

    @property
    def dtype(self) -> numpy.dtype[Any]:
        """The type of the elements."""
        return self._value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The size of an element in bytes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> backend.Device:
        """Where the elements are."""
        value = self._value
        return value.device if isinstance(value, Array) else backend.device_of(value)

    def __getstate__(self) -> Any:
        return backend.portable(self._value)

    def __setstate__(self, state: Any) -> None:
        self._value = state.raw if isinstance(state, backend.Portable) else state

    @property
    def raw(self) -> RawArray:
        """The NumPy or CuPy array under this one: read it, or hand it to kernels of your own, but do not write to it.

        On a GPU it is C-contiguous, as a RawKernel expects: a view is copied. `cupy.from_dlpack(x)` does not copy.

        Raises:
            TypeError: If this Array is traced: its gradient would be lost.
        """
        return backend.contiguous(self._value) if backend.is_cupy(self._value) else self._value


_set_value = vars(Array)["_value"].__set__


class Tracer(Array):
    """An array inside a transformation: `_trace` is its interpreter, `_value` its value one level below."""

    __slots__ = ("_trace",)

    def __init__(self, trace: Interpreter, value: Any) -> None:
        self._trace = trace
        self._value = value

    @property
    def raw(self) -> RawArray:
        raise TypeError(
            f"Array.raw: expected a plain Array, got one that is being traced. {KERNEL_REMEDY} Else use functions of "
            "autograd.numpy or cuobjax.numpy, or autograd.stop_gradient(x).raw where its gradient is not wanted."
        )

    def __copy__(self) -> Tracer:
        return self  # a copy of the tape would lose the gradient

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self

    def __reduce__(self) -> Any:
        return concrete(self, "pickle")


class TracedNumber(Tracer):
    """A Python number inside a transformation: Python's operators give such numbers, functions give arrays.

    In an operation with an array it takes the array's dtype, as every Python number does. Its interpreter has
    `compute(function, numbers)`, which applies an operator of Python, and `array(number, dtype)`.
    """

    __slots__ = ()
    _trace: Any
    _looks_up = True
    shape: tuple[int, ...] = ()
    ndim: int = 0

    @property
    def kind(self) -> type:
        """Its type: bool, int, float or complex."""
        raise NotImplementedError

    @property
    def dtype(self) -> numpy.dtype[Any]:
        return numpy.result_type(self.kind)

    @property
    def device(self) -> backend.Device:
        return backend.default_device()

    def array(self, dtype: DTypeLike = None) -> Array:
        """The number as an array; None stands for the dtype that NumPy gives such a number."""
        return self._trace.array(self, self.dtype if dtype is None else numpy.dtype(dtype))


class _Dereference(Interpreter):
    """Replaces references by the Arrays that they stand for: the interpreter of variables."""

    __slots__ = ()

    def __init__(self):
        self.level = float("inf")

    def apply(self, primitive, args, params):
        y = primitive(*[a._value if isinstance(a, Array) and a._trace is self else a for a in args], **params)
        return y if isinstance(y, Array) else lift(y)


class Reference(Array):
    """An Array that stands for another one and looks it up whenever it is used: subclasses define `_value`."""

    __slots__ = ()
    _trace = _Dereference()
    _looks_up = True

    @property
    def raw(self) -> RawArray:
        return self._value.raw


def kind_of(x: Any) -> type | None:
    """The type of a Python number, traced or not; None for anything else."""
    return x.kind if isinstance(x, TracedNumber) else type(x) if type(x) in _KINDS else None


def resolved(x: Any) -> Any:
    """The Array that a Reference or a traced number stands for; anything else unchanged."""
    while isinstance(x, Reference) and x._trace is Reference._trace:
        x = x._value
    return x.array() if isinstance(x, TracedNumber) else x


def dereferenced(x: Any) -> Any:
    """The Array under References of any kind; anything else unchanged."""
    while isinstance(x, Reference):
        x = x._value
    return x


def concrete(x: Array, use: str) -> RawArray:
    """The raw array under a plain Array.

    Args:
        use: What the array is needed for, as text.

    Raises:
        TypeError: If it is traced: its gradient would be lost, or the number is not known yet.
    """
    while isinstance(x, Reference):
        x = x._value
    if isinstance(x, Tracer):
        raise x._trace.forced(x, use)
    return x._value


def lift(value: Any) -> Any:
    """Raw arrays and NumPy scalars in `value`, a tuple of them included, as Arrays; anything else unchanged."""
    if isinstance(value, Array):
        return value._value if value._trace is Reference._trace else value
    if type(value) is tuple:
        return tuple(map(lift, value))
    return wrapped(value) if backend.is_array(value) else value


def wrapped(raw: Any) -> Array:
    """An Array of a value that is a raw array for certain."""
    array = _new(Array)
    array._value = raw
    return array


def all_wrapped(raw: Sequence[Any]) -> list[Array]:
    """An Array of each of many raw arrays, in fewer calls than `wrapped`."""
    arrays = list(map(_new, repeat(Array, len(raw))))
    deque(map(_set_value, arrays, raw), maxlen=0)
    return arrays


def bare(x: Any) -> Any:
    """The raw array under an Array, through any number of levels; anything else unchanged."""
    while isinstance(x, Array):
        x = x._value
    return x


def levels(x: Any) -> Iterator[Array]:
    """An Array and those under it, from the innermost transformation to the outermost; nothing for anything else."""
    while isinstance(x, Array):
        yield x
        x = x._value


def beside(*values: Any) -> AbstractContextManager[Any]:
    """A context in which CuPy computes on the GPU of the first of these values that is on one."""
    if not backend.several_gpus():
        return _ANYWHERE
    return next((raw.device for raw in map(bare, values) if backend.is_cupy(raw)), _ANYWHERE)


def library(x: Any) -> Any:
    """The array library of an Array, traced or not, or of a raw array: `numpy`, or `cupy` for its GPU."""
    return library_beside(bare(x))
