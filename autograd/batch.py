"""vmap: every value has one axis more than the function sees."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from .core import Array, Interpreter, NeedsValue, Tracer, beside, escaped
from .dtypes import numpy_rules
from .families import Composition
from .numpy._common import on_one_device, stack_all
from .ops.shape import broadcast_to, with_ndim
from .write_protection import notice

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["Batch", "BatchTracer", "one_by_one", "running"]

running: ContextVar[tuple[Batch, ...]] = ContextVar("autograd.batches", default=())
"""The batches of the vmaps whose functions run in this thread or task, the outer ones first."""


class BatchTracer(Tracer):
    """A value that differs from lane to lane: lanes along the first axis of `_value`, the function sees the others."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape[1:]

    @property
    def ndim(self) -> int:
        return self._value.ndim - 1


class Batch(Interpreter):
    """Applies primitives to whole batches.

    Attributes:
        size: The number of lanes.
    """

    __slots__ = ("size",)
    size: int

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def apply(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.ended:
            raise escaped(primitive)
        for a in args:
            if isinstance(a, ndarray) and a.base is not None:
                notice(a)  # rules make views of it
        rule: Any = primitive.batch
        if isinstance(rule, Composition):
            with numpy_rules(True):
                return rule.function(*args, **params)
        values, batched = [], []
        for a in args:
            own = False
            while isinstance(a, Array) and (a._trace is self or a._trace.level == 0):
                own = own or a._trace is self
                a = a._value
            values.append(a)
            batched.append(own)
        values = on_one_device(*values)
        rule = _RULES.get(rule, rule)
        with numpy_rules(True), beside(*values):
            y = rule(primitive, self.size, values, batched, params)
        return tuple(map(self.tracer, y)) if type(y) is tuple else self.tracer(y)

    def forced(self, x: Tracer, use: str) -> TypeError:
        """The error for a use that needs one value although every lane has its own."""
        return NeedsValue(
            f"vmap: {use} needs one value, but this one differs from lane to lane. Use where, cond or while_loop for a "
            "decision, functions of autograd.numpy on it, and np.take(X, i) or Array(X)[i] to index a raw array.",
            self,
        )

    def tracer(self, value: Any) -> BatchTracer:
        """The tracer of a value whose first axis counts lanes."""
        while type(value) is Array:
            value = value._value
        return BatchTracer(self, value)

    def of_all_lanes(self, x: Any) -> Any:
        """The values of an array in all lanes, along a new first axis; one that all lanes share is repeated."""
        return self.lower(x) if self.owns(x) else broadcast_to(x, shape=(self.size, *x.shape))


def _align(primitive, size, values, batched, params):
    """For an operation that broadcasts leading axes: inserts axes of length 1 after the batch axis."""
    ndim = max([getattr(x, "ndim", 0) - b for x, b in zip(values, batched, strict=True)]) + 1
    values = [with_ndim(x, ndim) if b else x for x, b in zip(values, batched, strict=True)]
    return primitive(*values, **_shifted(params, size))


def _stack(primitive, size, values, batched, params):
    """For an operation that does not: repeats the arrays that all lanes share."""
    values = [
        x if b or not hasattr(x, "shape") else broadcast_to(x, shape=(size, *x.shape))
        for x, b in zip(values, batched, strict=True)
    ]
    return primitive(*values, **_shifted(params, size))


def one_by_one(
    primitive: Primitive, size: int, values: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]
) -> list[Any]:
    """The result of a primitive in each lane."""
    return [primitive(*[x[i] if b else x for x, b in zip(values, batched, strict=True)], **params) for i in range(size)]


def _loop(primitive, size, values, batched, params):
    """One lane after the other."""
    if not size:
        raise ValueError(f"{primitive.name}: has no batching rule and needs at least one lane.")
    lanes = one_by_one(primitive, size, values, batched, params)
    if type(lanes[0]) is tuple:
        return tuple(map(stack_all, zip(*lanes, strict=True)))
    return stack_all(lanes)


_warned = set()


def _loop_with_warning(primitive, size, values, batched, params):
    if primitive.name not in _warned:
        _warned.add(primitive.name)
        warnings.warn(
            f"vmap: {primitive.name} has no batching rule, so it runs in a loop over {size} lanes. Set its `batch`.",
            stacklevel=2,
        )
    return _loop(primitive, size, values, batched, params)


_RULES = {"align": _align, "stack": _stack, "loop": _loop, None: _loop_with_warning}
_SHIFTS = {
    "axis": lambda axis, size: tuple([i + 1 for i in axis]) if isinstance(axis, tuple) else axis + 1,
    "axes": lambda axes, size: (0, *[i + 1 for i in axes]),
    "shape": lambda shape, size: (size, *shape),
    "width": lambda width, size: ((0, 0), *width),
}


def _shifted(params, size):
    """Parameters for arguments with one more axis in front."""
    return {name: _SHIFTS[name](value, size) if name in _SHIFTS else value for name, value in params.items()}
