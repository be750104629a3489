"""Forward mode: every value carries its tangent along."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .core import Array, Interpreter, Tracer, beside, escaped, library, lift
from .dtypes import numpy_rules
from .ops.elementwise import astype, real
from .ops.shape import broadcast_to
from .reverse import Tape, conformed, without_derivative

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["Forward", "ForwardTracer", "tangent_of", "total", "zeros_like"]


class ForwardTracer(Tracer):
    """A value with its tangent, an array of the same shape and dtype."""

    __slots__ = ("_tangent",)

    def __init__(self, trace: Interpreter, value: Any, tangent: Any) -> None:
        super().__init__(trace, value)
        self._tangent = tangent


class Forward(Interpreter):
    """Computes the tangent of each result together with the result."""

    __slots__ = ()
    differentiates: bool = True

    def apply(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.ended:
            raise escaped(primitive)
        values, tangents = [], []
        for a in args:
            tangent = None
            while isinstance(a, Array) and (a._trace is self or a._trace.level == 0):
                tangent = a._tangent if isinstance(a, ForwardTracer) else tangent
                a = a._value
            values.append(a)
            tangents.append(tangent)
        with numpy_rules(True):
            y = primitive(*values, **params)
            with beside(*y if type(y) is tuple else (y,)):
                t = tangent_of(primitive, y, values, tangents, params)
        if t is None:
            return without_derivative(y, values)
        if type(y) is tuple:
            pairs = zip(y, t, strict=True)
            return tuple([lift(y) if y.dtype.kind in "iub" else ForwardTracer(self, y, t) for y, t in pairs])
        return ForwardTracer(self, y, t)

    def tangent(self, x: Any) -> Any:
        """The tangent of `x`: zeros if it depends on no input, `x` itself if it is neither an array nor a number."""
        if isinstance(x, ForwardTracer) and self.owns(x):
            return lift(x._tangent)
        if isinstance(x, (int, float, complex)):
            return x * 0
        return zeros_like(x) if hasattr(x, "dtype") else x


def zeros_like(x: Any) -> Any:
    """Raw zeros in the shape and dtype of `x`; 0 for a number."""
    return library(x).zeros(x.shape, x.dtype) if hasattr(x, "shape") else 0


def tangent_of(
    primitive: Primitive, y: Any, values: Sequence[Any], tangents: Sequence[Any], params: dict[str, Any]
) -> Any:
    """The tangent of `y = primitive(*values, **params)`; None if it is zero.

    Args:
        tangents: Those of `values`; None for zero.
    """
    vjps: Any = primitive.vjps_of(values)
    active = [i for i, t in enumerate(tangents) if t is not None and vjps[i] is not None]
    if not active:
        return None
    if primitive.jvp is not None:
        return primitive.jvp(active, y, values, tangents, params)
    if primitive.kind == "elementwise":
        return total(y, (vjps[i].applied(tangents[i], y, values, params, i) for i in active))
    if primitive.kind == "multilinear":
        return total(y, (primitive(*values[:i], tangents[i], *values[i + 1 :], **params) for i in active))
    if primitive.kind == "linear":
        return primitive(
            *[
                x if vjp is None else zeros_like(x) if t is None else t
                for x, vjp, t in zip(values, vjps, tangents, strict=False)
            ],
            **params,
        )
    return _transposed(vjps, active, y, values, tangents, params)


def total(y: Any, contributions: Iterable[Any]) -> Any:
    """The sum of contributions to the tangent of `y`, in its shape and dtype; vjps do not broadcast to that shape."""
    t = functools.reduce(operator.add, contributions)
    if t.dtype.kind == "c" and y.dtype.kind != "c":
        t = real(t)
    t = t if t.dtype == y.dtype else astype(t, dtype=y.dtype)
    return t if t.shape == y.shape else broadcast_to(t, shape=y.shape)


def _transposed(vjps, active, y, values, tangents, params):
    """The tangent by the vjps: these are linear in the cotangent, and their transposes push tangents forward."""
    tape = Tape(transposes=True)
    outputs = y if type(y) is tuple else (y,)
    seeds = [tape.watch(zeros_like(part)) for part in outputs]
    cotangent = tuple(seeds) if type(y) is tuple else seeds[0]
    try:
        pulled = [
            conformed(vjps[i].applied(cotangent, y, values, params, i), values[i].shape, values[i].dtype)
            for i in active
        ]
        found = tape.pull(pulled, [tangents[i] for i in active], seeds, consume=True)
    finally:
        tape.close()
    found = [zeros_like(part) if t is None else t for part, t in zip(outputs, found, strict=True)]
    return tuple(found) if type(y) is tuple else found[0]
