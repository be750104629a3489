"""The methods `reduce`, `accumulate` and `outer` of elementwise functions of two arguments, as NumPy's ufuncs have."""

from __future__ import annotations

import functools
from typing import Any

from ..axes import complete_axis
from ..primitive import Primitive
from ..typing import ArrayLike, DTypeLike, Result
from . import _elementwise as elementwise
from . import _reduction as reduction
from ._common import as_array, refuse_output
from ._shape import expand_dims, moveaxis, stack

__all__ = ["accumulate", "outer", "reduce"]

_REDUCE: dict[Any, Any] = {
    elementwise.add: reduction.sum, elementwise.multiply: reduction.prod, elementwise.maximum: reduction.max,
    elementwise.minimum: reduction.min, elementwise.logical_and: reduction.all, elementwise.logical_or: reduction.any,
}  # fmt: skip
_ACCUMULATE: dict[Any, Any] = {elementwise.add: reduction.cumsum, elementwise.multiply: reduction.cumprod}


def reduce(
    self: Any, array: ArrayLike, axis: Any = 0, dtype: DTypeLike = None, out: None = None, keepdims: bool = False,
    **options: Any,
) -> Result:  # fmt: skip
    """The operation between all elements along an axis, from the first to the last; `options` are those of `sum`."""
    refuse_output(out, f"{self.name}.reduce")
    a = as_array(array, dtype)
    if self in _REDUCE:
        known = {} if dtype is None or self not in _ACCUMULATE else {"dtype": dtype}
        return _REDUCE[self](a, axis, keepdims=keepdims, **known, **options)
    if options:
        raise TypeError(f"{self.name}.reduce: has no argument {', '.join(options)}.")
    result = functools.reduce(self, _slices(self, "reduce", a, axis))
    return expand_dims(result, axis) if keepdims else result


def accumulate(self: Any, array: ArrayLike, axis: int = 0, dtype: DTypeLike = None, out: None = None) -> Result:
    """The operation between all elements along an axis up to each one."""
    refuse_output(out, f"{self.name}.accumulate")
    a = as_array(array, dtype)
    if self in _ACCUMULATE:
        return _ACCUMULATE[self](a, axis, dtype)
    results: list[Any] = []
    for part in _slices(self, "accumulate", a, axis):
        results.append(self(results[-1], part) if results else part)
    return stack(results, axis)


def outer(self: Any, a: ArrayLike, b: ArrayLike) -> Result:
    """The operation between all pairs of an element of `a` and one of `b`, of shape a.shape + b.shape."""
    _require_binary(self, "outer")
    a, b = as_array(a), as_array(b)
    return self(a.reshape(a.shape + (1,) * b.ndim), b)


def _slices(primitive: Any, name: str, a: Any, axis: Any) -> list[Any]:
    """The parts of `a` along an axis, at least one."""
    _require_binary(primitive, name)
    along = complete_axis(0 if axis is None and a.ndim == 1 else axis, a.ndim) if a.ndim else 0
    if not a.ndim or not a.shape[along]:
        raise ValueError(f"{primitive.name}.{name}: expected elements along axis {axis}, got shape {a.shape}.")
    return list(moveaxis(a, along, 0))


def _require_binary(primitive, name):
    if primitive.kind != "elementwise" or len(primitive.arguments) != 2:
        raise TypeError(f"{primitive.name}.{name}: only elementwise functions of two arguments have it.")


def _absent(name, remedy):
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self.name}.{name}: has no counterpart for arrays that never change. {remedy}")

    return method


for _function in (reduce, accumulate, outer):
    setattr(Primitive, _function.__name__, _function)
setattr(Primitive, "at", _absent("at", "Write x = x.at[index].add(values)."))  # noqa: B010 (mypy)
setattr(Primitive, "reduceat", _absent("reduceat", "Reduce slices of the array."))  # noqa: B010 (mypy)
