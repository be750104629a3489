"""Types for annotations: what functions accept and what they return."""

from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy
import numpy.typing

from .backend import Device
from .core import Array

__all__ = ["ArrayLike", "Axes", "DTypeLike", "DeviceLike", "Integers", "RawArray", "Result", "Scalar", "Shape", "Tree"]

Scalar: TypeAlias = bool | int | float | complex | numpy.generic
DTypeLike: TypeAlias = numpy.typing.DTypeLike | None
"""A dtype, its name or a type of Python; None leaves the choice to the function."""
RawArray: TypeAlias = Any
"""A `numpy.ndarray` or a `cupy.ndarray`; CuPy, which may not be installed, has no types."""
ArrayLike: TypeAlias = Array | numpy.ndarray[Any, Any] | Scalar | Sequence["ArrayLike"]
"""What functions of arrays accept: Arrays, variables, NumPy's and CuPy's arrays, numbers, nested lists and tuples."""
Result: TypeAlias = Any
"""What functions of `autograd.numpy` return: an Array if an argument is one, else a raw array."""
Tree: TypeAlias = Any
"""Nested tuples, lists, dictionaries and dataclasses of arrays: see `autograd.tree`."""
Integers: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | numpy.ndarray[Any, Any]
"""One integer of Python or NumPy, or several."""
Shape: TypeAlias = Integers
"""The lengths of the axes, or that of the only one."""
Axes: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
"""One axis, several, or None for all."""
DeviceLike: TypeAlias = str | Device
"""A `Device` or its name: "cpu", "gpu", "gpu:1"."""


def __dir__() -> list[str]:
    return __all__
