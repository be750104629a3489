"""The classes of traced values under HIPS autograd's names, for `isinstance`: values under any transformation are both.

`type(x) == ArrayBox` is true of them, too, and an attribute that a program gives to `ArrayBox` is one of all of them.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy

from ..core import Array, Interpreter, Tracer
from ..foreign import REGISTERED

__all__ = ["ArrayBox", "Box"]


class _Boxes(type):
    """The class of classes that stand for all those of traced values."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tracer)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, Tracer)

    def __eq__(cls, other: Any) -> bool:
        return other is cls or (isinstance(other, type) and issubclass(other, Tracer))

    __hash__ = type.__hash__

    def __setattr__(cls, name: str, value: Any) -> None:
        setattr(Tracer, name, value)


class _Registered(dict[type, Any]):
    """The class of traced values for each type of value.

    A class of arrays that is put in leaves NumPy's ufuncs, and so operators, to Arrays among their operands, traced or
    not: its own `__array_ufunc__` may not know that these have one, too. What stands for the class of its traced values
    is called before one of its arrays is differentiated, and may raise.
    """

    def __setitem__(self, kind: type, box: Any) -> None:
        super().__setitem__(kind, box)
        if kind is numpy.ndarray or not issubclass(kind, numpy.ndarray):
            return
        REGISTERED[kind] = box
        if "__array_ufunc__" in vars(kind):
            kind.__array_ufunc__ = _left_to_arrays(vars(kind)["__array_ufunc__"])

    def __delitem__(self, kind: type) -> None:
        super().__delitem__(kind)
        REGISTERED.pop(kind, None)


def _left_to_arrays(own):
    """The method `__array_ufunc__` of a class, for operands of which none is an Array."""

    @functools.wraps(own)
    def apply(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, Array) for x in inputs):
            return NotImplemented
        return own(self, ufunc, method, *inputs, **kwargs)

    return apply


class Box(Tracer, metaclass=_Boxes):
    """A traced value; an instance of the class itself is one in a trace of nodes: see `autograd.tracer`.

    Args:
        value: The value one level below.
        trace: The trace that it belongs to.
        node: What the trace knows of it.
    """

    __slots__ = ("_node",)
    types: ClassVar[set[type]] = set()
    type_mappings: ClassVar[dict[type, Any]] = _Registered()

    def __init__(self, value: Any, trace: Interpreter, node: Any) -> None:
        super().__init__(trace, value)
        self._node = node

    @classmethod
    def register(cls, value_type: type) -> None:
        """Makes it the class of traced values whose value is of this type: for programs that look into the table."""
        Box.types.add(cls)
        Box.type_mappings[value_type] = cls


class ArrayBox(Box):
    """A traced array; see `Box`."""

    __slots__ = ()


_NUMBERS = (float, complex, numpy.float16, numpy.float32, numpy.float64, numpy.longdouble, numpy.complex64,
            numpy.complex128, numpy.clongdouble)  # fmt: skip
for _type in (numpy.ndarray, *_NUMBERS):
    ArrayBox.register(_type)
