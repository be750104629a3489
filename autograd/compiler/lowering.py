"""Operations of a graph as steps of NumPy's inner loops.

Values stand for memory that nobody has yet: arrays that are never read, so that what NumPy says of views of them, where
they begin and their strides, holds for the arrays of a run. A function of several ufuncs, such as `sigmoid`, is its own
description: it is called with `_Symbol`s, which note what NumPy is asked to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph import Graph, Operation
from ..kernels import products
from ..kernels.inner_loops import InnerLoop, loop_of
from ..kernels.instructions import BLOCK, CASTS
from ..ops import elementwise, product, reduction, shape
from ..primitive import Primitive
from .memory import OF_PLACES, ufunc_of
from .views import Untouched, axes_of, order_of, order_of_result, root_of

__all__ = ["LoopStep", "Lowering", "NotLowered"]

MOST_AXES = 3
# Their loops are five times faster where both operands are arrays.
_SLOW_WITH_NUMBERS = frozenset([numpy.maximum, numpy.minimum])


class NotLowered(Exception):
    """An operation that inner loops do not compute."""


class LoopStep(NamedTuple):
    """A call of an inner loop, or what the machine does itself.

    Attributes:
        kind: "call", "where" or a cast for each element; "nest", "copy", "matmul".
        arrays: The operands and the result, views of arrays that stand for memory.
        loop: The loop; None where there is none.
        ignored: Flags of arithmetic that it may raise, as names of `numpy.errstate`.
        sizes: Of "nest" and "copy": how often along three axes, the first one within the loop.
        strides: The strides of "nest" and "copy" along these axes, for each array.
    """

    kind: str
    arrays: tuple[numpy.ndarray, ...]
    loop: InnerLoop | None = None
    ignored: frozenset[str] = frozenset()
    sizes: tuple[int, ...] = ()
    strides: tuple[tuple[int, ...], ...] = ()


class _Number(NamedTuple):
    """A Python number: a constant, or the input of the graph at a position."""

    constant: Any
    position: int = -1


class Lowering:
    """Steps for operations that come one after the other.

    Args:
        graph: The graph.
        views: The operations whose results are views, by these. They are lowered where a result is used.
        orders: The order of the axes of what earlier stretches lay out in another one than rows after rows.

    Attributes:
        inputs: What the steps need from outside: a position in the graph, and the dtype of a Python number or None.
        constants: Arrays that are known.
        filled: What stands for those that have a number for each element of a block.
        steps: The steps.
        views: The views that are values of the graph, by their positions.
        operations: The operations that were lowered.
    """

    orders: dict[int, tuple[int, ...]]
    inputs: list[tuple[int, numpy.dtype[Any] | None]]
    constants: list[numpy.ndarray]
    filled: list[numpy.ndarray]
    steps: list[LoopStep]
    views: dict[int, numpy.ndarray]
    operations: list[Operation]

    def __init__(self, graph: Graph, views: dict[int, Operation], orders: dict[int, tuple[int, ...]]) -> None:
        self._graph, self._views, self.orders = graph, views, orders
        self.memory: Untouched = Untouched()
        self.inputs, self.constants, self.steps, self.views, self.operations = [], [], [], {}, []
        self.filled = []
        self.made: set[int] = set()
        self.resolved: dict[int, Operation] = {}
        self.input_roots: list[numpy.ndarray] = []
        self.constant_roots: list[numpy.ndarray] = []
        self._numbers: dict[Any, numpy.ndarray] = {}

    def add(self, operation: Operation) -> bool:
        """Lowers an operation; False if that is not possible: then no further one must be added."""
        before = [len(part) for part in self._parts()]
        try:
            view = self._lowered(operation)
        except (NotLowered, TypeError, ValueError, AttributeError, NotImplementedError):
            for part, count in zip(self._parts(), before, strict=True):
                del part[count:]
            return False
        (n,) = operation.outputs
        self.views[n] = view
        if not view.flags.c_contiguous:
            self.orders[n] = order_of(view)
        self.made.add(n)
        self.operations.append(operation)
        return True

    def _parts(self):
        return self.inputs, self.input_roots, self.constants, self.constant_roots, self.steps

    def _lowered(self, operation):
        primitive, params = operation.primitive, operation.params
        value = self._graph.values[operation.outputs[0]]
        if not isinstance(primitive, Primitive) or len(operation.outputs) > 1 or value.weak or 0 in value.shape:
            raise NotLowered
        count = len(self.steps)
        args = [self._value(n) for n in operation.inputs]
        view = self._computed(primitive, operation, args, params)
        root = root_of(view)
        if (
            view.shape != value.shape
            or view.dtype != value.dtype
            or not any(root is s.arrays[-1] for s in self.steps[count:])
        ):
            raise NotLowered
        return view

    def _computed(self, primitive, operation, args, params):
        ufunc = ufunc_of(primitive)
        plain = not any(type(a) is _Number for a in args)
        if primitive is product.matmul:
            return self._product(*args)
        if ufunc is not None:
            return self.ufunc(ufunc, args)
        if primitive in _OF_ELEMENTS:
            return self._traced(primitive, args, params)
        first = self._graph.values[operation.inputs[0]]
        exact = plain and first.dtype == self._graph.values[operation.outputs[0]].dtype and first.dtype.char in "fd"
        if primitive is reduction.mean and exact:
            count = math.prod(first.shape[i] for i in params["axis"])
            return self.ufunc(numpy.divide, [self._reduced(numpy.add, *args, **params), _Number(count)])
        if primitive.ufunc and exact:
            return self._reduced(getattr(numpy, primitive.ufunc), *args, **params)
        raise NotLowered

    def _value(self, n):
        """The view of a value of the graph, or the number that it is."""
        if n in self.views:
            return self.views[n]
        if n in self._views:
            return self._view(n)
        value = self._graph.values[n]
        constant = self._graph.constants.get(n)
        if value.weak:
            if value.weak not in (int, float, bool):
                raise NotLowered
            return _Number(constant, -1 if n in self._graph.constants else n)
        if value.dtype.char not in "?efdilqIQ" or not value.dtype.isnative or 0 in value.shape:
            raise NotLowered
        if constant is None:
            self.inputs.append((n, None))
            order = self.orders.get(n)
            self.input_roots.append(
                self.memory.array([value.shape[i] for i in order or range(len(value.shape))], value.dtype)
            )
            root = self.input_roots[-1]
            self.views[n] = root if order is None else root.transpose(numpy.argsort(order))
        else:
            constant = numpy.asarray(constant)
            if not (constant.flags.c_contiguous and constant.flags.aligned and constant.dtype.isnative):
                raise NotLowered
            self.views[n] = self._constant(constant)
        return self.views[n]

    def _view(self, n):
        operation = self._views[n]
        x = self._value(operation.inputs[0])
        if type(x) is _Number or (operation.primitive is shape.reshape and not x.flags.c_contiguous):
            raise NotLowered
        view = operation.primitive.host(x, **operation.params)
        if root_of(view) is not root_of(x):
            raise NotLowered
        self.views[n] = view
        self.resolved[n] = operation
        return view

    def _constant(self, x):
        self.constants.append(x)
        self.constant_roots.append(self.memory.array(x.shape, x.dtype))
        return self.constant_roots[-1]

    def _number(self, number, dtype):
        """A Python number as an array."""
        key = repr(number), dtype
        if key not in self._numbers:
            if number.position < 0:
                self._numbers[key] = self._constant(numpy.asarray(number.constant, dtype))
            else:
                self.inputs.append((number.position, dtype))
                self.input_roots.append(self.memory.array((), dtype))
                self._numbers[key] = self.input_roots[-1]
        return self._numbers[key]

    def _as_arrays(self, operands):
        """Operands with arrays in the place of numbers, in the only dtype of the others."""
        dtypes = {a.dtype for a in operands if type(a) is not _Number}
        if len(dtypes) != 1:
            raise NotLowered
        (dtype,) = dtypes
        if dtype.kind != "f" and any(type(a) is _Number for a in operands):
            raise NotLowered
        return [self._number(a, dtype) if type(a) is _Number else a for a in operands]

    def _filled(self, number, x):
        """An operand; for a constant number, not NaN, the first element of an array that is full of it."""
        if type(number) is not _Number or number.position >= 0 or number.constant != number.constant:
            return x
        key = repr(number), x.dtype, BLOCK
        if key not in self._numbers:
            self._numbers[key] = self._constant(numpy.full(BLOCK, number.constant, x.dtype))
            self.filled.append(self._numbers[key])
        return self._numbers[key][:1].reshape(())

    def ufunc(
        self, ufunc: numpy.ufunc, operands: Sequence[Any], ignored: frozenset[str] = frozenset()
    ) -> numpy.ndarray:
        """What a ufunc makes of views and numbers."""
        arrays = self._as_arrays(operands)
        if ufunc in _SLOW_WITH_NUMBERS and arrays[0].dtype.char in "fd":
            arrays = [self._filled(n, a) for n, a in zip(operands, arrays, strict=True)]
        loop = loop_of(ufunc, *[a.dtype for a in arrays])
        if loop is None or ufunc.signature is not None or ufunc in OF_PLACES:
            raise NotLowered
        return self._for_each("call", arrays, loop.dtypes[-1], loop, ignored)

    def where(self, condition: Any, a: Any, b: Any) -> numpy.ndarray:
        """As `numpy.where`."""
        if type(condition) is _Number or condition.dtype != bool:
            raise NotLowered
        return self._for_each("where", [condition, *(arrays := self._as_arrays([a, b]))], arrays[0].dtype)

    def cast(self, x: Any, dtype: Any) -> numpy.ndarray:
        """As `astype`."""
        dtype = numpy.dtype(dtype)
        if type(x) is _Number or x.dtype.char + dtype.char not in CASTS:
            raise NotLowered
        return self._for_each(x.dtype.char + dtype.char, [x], dtype)

    def _for_each(self, kind, arrays, dtype, loop=None, ignored=frozenset()):
        shape = numpy.broadcast_shapes(*[a.shape for a in arrays])
        order = order_of_result(arrays)
        if order is not None:
            arrays = [numpy.broadcast_to(a, shape).transpose(order) for a in arrays]
        y = self.memory.array(shape if order is None else [shape[i] for i in order], dtype)
        if any(len(axes_of(a, y.shape)) > MOST_AXES for a in arrays):
            raise NotLowered
        self.steps.append(LoopStep(kind, (*arrays, y), loop, ignored))
        return y if order is None else y.transpose(numpy.argsort(order))

    def _traced(self, primitive, args, params):
        with numpy.errstate(all="warn"):  # what the function ignores itself is seen
            y = primitive.host(*[_Symbol(self, a) for a in args], **params)
        if type(y) is not _Symbol or type(y.value) is _Number:
            raise NotLowered
        return y.value

    def _product(self, a, b):
        if type(a) is _Number or type(b) is _Number or a.ndim != 2 or b.ndim != 2 or not products.is_small(a, b):
            raise NotLowered
        loop = loop_of(numpy.matmul, a.dtype, b.dtype)
        if loop is None or a.dtype.char not in "fd":
            raise NotLowered
        y = self.memory.array((a.shape[0], b.shape[1]), loop.dtypes[-1])
        self.steps.append(LoopStep("matmul", (a, b, y), loop, sizes=(1, a.shape[0], a.shape[1], b.shape[1])))
        return y

    def _reduced(self, ufunc, x, axis, keepdims, **others):
        """A reduction in NumPy's order, which is known for leading and for trailing axes of arrays without gaps."""
        loop = loop_of(ufunc, x.dtype, x.dtype)
        kept = [n for i, n in enumerate(x.shape) if n > 1 and i not in axis]
        long = [i for i, n in enumerate(x.shape) if n > 1]
        summed = [i for i in axis if x.shape[i] > 1]
        if others or loop is None or not x.flags.c_contiguous or not summed:
            raise NotLowered
        y = self.memory.array([1 if i in axis else n for i, n in enumerate(x.shape)], x.dtype)
        count, rest, size = math.prod(x.shape[i] for i in summed), math.prod(kept), x.itemsize
        if sorted(summed) == long[len(kept) :]:
            start, inner, along = x.reshape(rest, count)[:, 0], (0, size), (size, count * size)
        elif sorted(summed) == long[: len(summed)]:
            start, inner, along = x.reshape(count, rest)[0], (size, size), (0, rest * size)
        else:
            raise NotLowered
        trailing = inner[0] == 0
        identity, skipped = ufunc.identity, 0
        if identity is not None:
            start = self._constant(numpy.asarray(identity, x.dtype))
        else:
            skipped = 1
        first = axes_of(start, (rest,))[0][1] if rest > 1 else 0
        self.steps.append(LoopStep("copy", (start, y), sizes=(rest, 1, 1), strides=((first, 0, 0), (size, 0, 0))))
        flat = x.reshape(-1)
        if trailing:
            sizes, rows = (count - skipped, rest, 1), flat[skipped:]
        else:
            sizes, rows = (rest, count - skipped, 1), flat[skipped * rest :]
        own = (inner[0], along[0], 0), (inner[1], along[1], 0), (inner[0], along[0], 0)
        self.steps.append(LoopStep("nest", (y, rows, y), loop, sizes=sizes, strides=own))
        return y if keepdims else y.reshape([n for i, n in enumerate(x.shape) if i not in axis])


class _Symbol(NDArrayOperatorsMixin):
    """A value in a function of ufuncs, which notes what is computed of it."""

    __slots__ = ("_lowering", "value")

    def __init__(self, lowering: Lowering, value: Any) -> None:
        self._lowering, self.value = lowering, value

    @property
    def dtype(self) -> numpy.dtype[Any]:
        return self.value.dtype

    def __array_ufunc__(self, ufunc: numpy.ufunc, method: str, *args: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise NotLowered
        ignored = frozenset([name for name, how in numpy.geterr().items() if how == "ignore"])
        return _Symbol(self._lowering, self._lowering.ufunc(ufunc, [*map(_value, args)], ignored))

    def __array_function__(self, function: Callable[..., Any], kinds: Any, args: Any, options: Any) -> Any:
        if function is not numpy.where or options or len(args) != 3:
            raise NotLowered
        return _Symbol(self._lowering, self._lowering.where(*map(_value, args)))

    def __pow__(self, exponent: Any) -> Any:
        """NumPy computes some powers of an array by other ufuncs."""
        ufunc = _POWERS.get(exponent)
        if ufunc is None:
            raise NotLowered
        return ufunc(self)

    def astype(self, dtype: Any) -> Any:
        return self if dtype == self.dtype else _Symbol(self._lowering, self._lowering.cast(self.value, dtype))


_POWERS: dict[Any, Callable[..., Any]] = {2: numpy.square, 0.5: numpy.sqrt, -1: numpy.reciprocal}
# What is written as a function of ufuncs.
_OF_ELEMENTS = frozenset(
    [elementwise.where, elementwise.at_least, elementwise.at_most, elementwise.relu, elementwise.leaky_relu,
     elementwise.sigmoid, elementwise.softplus, elementwise.bell, elementwise.power_of, elementwise.astype]
)  # fmt: skip


def _value(x):
    if type(x) is _Symbol:
        return x.value
    if type(x) in (int, float):
        return _Number(x)
    raise NotLowered
