"""Operators and methods of `Array`, which `autograd.operators` declares: how they are computed."""

import builtins
import functools
import operator
import types
from collections.abc import Callable
from typing import Any

import numpy as onp

from . import backend
from . import numpy as anp
from .array_protocols import PROTOCOLS
from .core import Array, Reference, TracedNumber, Tracer, bare, concrete, kind_of, wrapped
from .errors import explain_keyword
from .foreign import PLAIN, is_labelled, is_no_array, operand
from .numpy._common import as_array, refuse_output, together
from .numpy._indexing import IndexUpdate, getitem
from .operators import Operators
from .ops.product import matmul
from .primitive import Primitive

__all__: list[str] = []  # importing this module gives Array its operators

_OPERATORS = {
    "add": anp.add, "sub": anp.subtract, "mul": anp.multiply, "truediv": anp.divide, "floordiv": anp.floor_divide,
    "mod": anp.remainder, "pow": anp.power, "matmul": matmul, "divmod": anp.divmod, "and": anp.bitwise_and,
    "or": anp.bitwise_or, "xor": anp.bitwise_xor, "lshift": anp.left_shift, "rshift": anp.right_shift,
}  # fmt: skip
_COMPARISONS = {
    "eq": anp.equal, "ne": anp.not_equal, "lt": anp.less, "le": anp.less_equal, "gt": anp.greater,
    "ge": anp.greater_equal,
}  # fmt: skip
_ndarray = onp.ndarray
_EQUALITY = (anp.equal, anp.not_equal)
_variables, _eager = Reference._trace, Array._trace
_OPERATIONS: dict[str, Any] = {f"__{name}__": function for name, function in (_OPERATORS | _COMPARISONS).items()} | {
    f"__r{name}__": lambda self, other, function=function: function(other, self)
    for name, function in _OPERATORS.items()
}
_UNARY = {"neg": anp.negative, "pos": anp.positive, "abs": anp.absolute, "invert": anp.invert}
_PROPERTIES: dict[str, Callable[[Any], Any]] = {
    "real": anp.real, "imag": anp.imag, "T": anp.transpose, "mT": anp.matrix_transpose, "flat": anp.ravel,
    "at": IndexUpdate,
}  # fmt: skip
_DECLARED = {name for name, value in vars(Operators).items() if isinstance(value, property | types.FunctionType)}
_defined: set[str] = set()


def _define_operators_and_methods():
    """Gives every declaration of `Operators` its implementation."""
    for name, function in {**_OPERATORS, **_COMPARISONS}.items():
        _define(f"__{name}__", _operator(function))
    for name, function in _OPERATORS.items():
        _define(f"__r{name}__", _reflected(function))
    for name, function in _UNARY.items():
        _define(f"__{name}__", lambda self, function=function: function(self))
    for name, function in _PROPERTIES.items():
        _define(name, property(function))
    conversions: tuple[Callable[[Any], Any], ...] = (complex, float, int, operator.index)
    for conversion in conversions:
        _define(f"__{conversion.__name__}__", functools.partialmethod(_converted, conversion))
    for function in (*_SPECIAL, *_CHANGING, *PROTOCOLS):
        _define(function.__name__, function)
    for name in _DECLARED - _defined:
        _define(name, _method(getattr(anp, name)))
    _define_operators_of_numbers()


def _define(name, implementation):
    if name not in _DECLARED:
        raise AssertionError(f"Array.{name}: declare it in autograd.operators")
    declared = vars(Operators)[name]
    if isinstance(implementation, property):
        implementation = property(implementation.fget, doc=declared.__doc__)
    elif isinstance(implementation, types.FunctionType):
        implementation.__name__, implementation.__qualname__ = name, declared.__qualname__
        implementation.__doc__ = declared.__doc__ or implementation.__doc__
    setattr(Operators, name, implementation)
    _defined.add(name)


def _define_operators_of_numbers():
    """Python's operators on traced Python numbers."""
    python = {name: builtins.divmod if name == "divmod" else getattr(operator, f"__{name}__") for name in _OPERATORS}
    del python["matmul"]
    for name, function in python.items():
        setattr(TracedNumber, f"__{name}__", _operator_of_numbers(f"__{name}__", function))
        swapped = functools.wraps(function)(lambda b, a, function=function: function(a, b))
        setattr(TracedNumber, f"__r{name}__", _operator_of_numbers(f"__r{name}__", swapped))
    for name in _COMPARISONS:
        setattr(TracedNumber, f"__{name}__", _operator_of_numbers(f"__{name}__", getattr(operator, name)))
    methods: dict[str, Callable] = {f"__{name}__": getattr(operator, name) for name in _UNARY}
    methods |= {"__round__": builtins.round, "conjugate": operator.methodcaller("conjugate")}
    for name, function in methods.items():
        setattr(TracedNumber, name, _method_of_numbers(function))
    for name in ("real", "imag"):
        setattr(TracedNumber, name, property(_method_of_numbers(operator.attrgetter(name))))
    for name in ("hash", "len", "iter", "trunc", "floor", "ceil"):
        setattr(TracedNumber, f"__{name}__", functools.partialmethod(concrete, f"{name}()"))


def _operator_of_numbers(name, function):
    """An operator between Python numbers, one of them traced; with an array it is the operation on arrays."""
    of_arrays = _OPERATIONS[name]

    def apply(self, other, *modulus):
        if modulus:
            concrete(self, "pow() with a modulus")
        if isinstance(other, TracedNumber):
            return max(self._trace, other._trace, key=lambda trace: trace.level).compute(function, (self, other))
        if isinstance(other, int | float | complex) and not isinstance(other, onp.generic):
            if kind_of(other) is None:  # of a subclass, such as IntEnum
                kinds: tuple[Any, ...] = (int, float, complex)
                other = next(kind for kind in kinds if isinstance(other, kind))(other)
            return self._trace.compute(function, (self, other))
        return of_arrays(self, other) if isinstance(other, Array) or backend.is_array(other) else NotImplemented

    return apply


def _method_of_numbers(function):
    return lambda self, *numbers: self._trace.compute(function, (self, *numbers))


def _method(function):
    @functools.wraps(function)
    def method(self, *args, out=None, **kwargs):  # NumPy's and CuPy's functions pass on out=None
        refuse_output(out, function.__name__)
        try:
            return function(self, *args, **kwargs)
        except TypeError as error:
            explain_keyword(error, kwargs)
            raise

    return method


def _operator(function):
    if not isinstance(function, Primitive):
        return lambda self, other: function(self, other)

    def apply(self, other):  # what calling the primitive does, at half the cost
        trace, kind = self._trace, type(other)
        if trace is _variables:
            return apply(self._value, other)
        if kind is _ndarray:
            if other.dtype is self._value.dtype and 10 < other.dtype.num < 17 and other.ndim:
                return trace.apply(function, (self, other), {})
        elif trace is _eager and (kind is Array or kind is float or kind is int):
            x, y = self._value, other._value if kind is Array else other
            if 10 < x.dtype.num < 17 and (kind is not Array or x.dtype is y.dtype):
                return wrapped(function.run((x, y), {}))
        elif isinstance(other, Array):
            t = other._trace
            if t is _variables:
                return apply(self, other._value)
            if t is not trace and t.level > trace.level:
                trace = t
            if not other._looks_up:
                dtype = self._value.dtype
                if dtype is other._value.dtype and 10 < dtype.num < 17:  # float32 or wider: the rules are NumPy's
                    return trace.apply(function, (self, other), {})
        elif (kind is float or kind is int) and 10 < self._value.dtype.num < 17:
            return trace.apply(function, (self, other), {})
        if kind is _ndarray:
            other = operand(other, function.name, False)
        elif kind not in PLAIN and not isinstance(other, Array):
            if getattr(other, "__array_ufunc__", 0) is None or is_labelled(other):
                return NotImplemented
            if function in _EQUALITY and is_no_array(other):
                return Array(onp.full(self.shape, function is anp.not_equal))
            lists = isinstance(other, (list, tuple))
            other = together(self, other)[1] if lists else operand(other, function.name, trace.level > 0)
        return function.applied_by_rules(trace, (self, other), {})

    return apply


def _reflected(function):
    """The operator of an Array on the right."""

    def apply(self, other):
        if is_primitive and self._trace is _eager and (type(other) is float or type(other) is int):
            x = self._value
            return wrapped(function.run((other, x), {})) if 10 < x.dtype.num < 17 else function(other, self)
        return function(other, self)

    is_primitive = isinstance(function, Primitive)
    return apply


def reshape(self, *shape, order="C", copy=None):
    """The array with another shape: `x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    return anp.reshape(self, shape[0] if len(shape) == 1 else shape, order)


def transpose(self, *axes):
    """The array with permuted axes: `x.transpose()`, `x.transpose(1, 0)` or `x.transpose((1, 0))`."""
    axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return anp.transpose(self, axes or None)


def flatten(self, order="C"):
    """The array as a vector."""
    return anp.ravel(self, order)


def compress(self, condition, axis=None):
    """Slices along an axis where a vector of booleans is true."""
    return anp.compress(condition, self, axis)


def copy(self):
    """The array itself, which never changes."""
    return as_array(self)


def __getitem__(self, index):
    return getitem(self, index)


def _changing(name, remedy):
    """A method of NumPy's arrays that would change the array."""

    def method(self, *args, **kwargs):
        raise TypeError(f"Array.{name}: arrays never change. Write {remedy}.")

    method.__name__, method.__doc__ = name, f"Raises TypeError: arrays never change. Write {remedy}."
    return method


_CHANGING = [
    _changing("sort", "x = np.sort(x)"), _changing("partition", "x = np.partition(x, kth)"),
    _changing("fill", "x = np.full_like(x, value)"), _changing("put", "x = x.at[index].set(values)"),
    _changing("itemset", "x = x.at[index].set(value)"), _changing("resize", "x = np.resize(x, shape)"),
]  # fmt: skip


def __setitem__(self, index, value):
    raise TypeError("Array: arrays never change, so elements cannot be assigned. Write x = x.at[index].set(value).")


def __len__(self):
    if not self.shape:
        raise TypeError("len() of an array without axes.")
    return self.shape[0]


def __iter__(self):
    return iter([self[i] for i in range(len(self))])


def __contains__(self, value):
    return bool((self == value).any())


def __bool__(self):
    return bool(concrete(self, "bool()"))


def _converted(self, conversion):
    raw = concrete(self, f"{conversion.__name__}()")
    try:
        return conversion(raw.item() if backend.is_cupy(raw) else raw)
    except (TypeError, ValueError):
        if conversion is operator.index and not raw.shape:
            raise TypeError(f"index(): expected an integer, got an Array of {raw.dtype}. Write int(x).") from None
        raise TypeError(_one_number(f"{conversion.__name__}()", raw)) from None


def _one_number(use, raw):
    return (
        f"{use}: expected one number, got an Array of shape {raw.shape}. Write x[index].item() for one of them, "
        "np.sin(x) in place of math.sin(x) for all."
    )


def item(self, *index):
    """One element as a Python number."""
    raw = concrete(self, "item()")
    if not index and raw.size != 1:
        raise ValueError(_one_number("item()", raw))
    return (raw.reshape(-1) if len(index) == 1 else raw)[index].item()


def tobytes(self, order="C"):
    """The bytes of the elements."""
    return concrete(self, "tobytes()").tobytes(order)


def tolist(self):
    """The elements as nested lists of Python numbers."""
    return concrete(self, "tolist()").tolist()


def __format__(self, specification):
    if not specification:
        return str(self)
    raw = concrete(self, "format()")
    if raw.size != 1:
        raise ValueError(_one_number("format()", raw))
    return format(raw.item(), specification)


def __round__(self, decimals=0):
    return anp.round(self, decimals)


def __str__(self):
    return f"Traced{self!r}" if isinstance(self, Tracer) else str(self.raw)


def __repr__(self):
    values = bare(self)
    values = onp.asarray(values.get() if backend.is_cupy(values) else values)
    text = onp.array2string(values, separator=", ", prefix="Array(")
    kind = "" if not isinstance(self, Tracer) else f", traced by {type(self._trace).__name__}"
    return f"Array({text}, dtype={self.dtype}{kind})"


_SPECIAL = (
    reshape, transpose, flatten, compress, copy, __getitem__, __setitem__, __len__, __iter__, __contains__, __bool__,
    item, tobytes, tolist, __format__, __round__, __str__, __repr__,
)  # fmt: skip
_define_operators_and_methods()
