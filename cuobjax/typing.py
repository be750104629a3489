"""Types for annotations: ours, and Objax's names."""

import os
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

import numpy as onp

from autograd import Array
from autograd.typing import ArrayLike, Axes, DeviceLike, DTypeLike, RawArray, Scalar, Shape, Tree

from .constants import ConvPadding

__all__ = [
    "ArrayLike", "Axes", "ConvPaddingInt", "DTypeLike", "DeviceLike", "FileOrStr", "JaxArray", "JaxDType", "Padding",
    "RawArray", "Scalar", "Shape", "Tree",
]  # fmt: skip

FileOrStr: TypeAlias = str | os.PathLike[str] | BinaryIO
JaxArray: TypeAlias = Array
JaxDType: TypeAlias = (
    type[onp.complex64] | type[onp.complex128]
    | type[onp.float16] | type[onp.float32] | type[onp.float64]
    | type[onp.int8] | type[onp.int16] | type[onp.int32] | type[onp.int64]
    | type[onp.uint8] | type[onp.uint16] | type[onp.uint32] | type[onp.uint64]
    | onp.dtype
)  # fmt: skip
ConvPaddingInt: TypeAlias = Sequence[tuple[int, int]] | tuple[int, int] | int
Padding: TypeAlias = ConvPadding | str | ConvPaddingInt
"""`ConvPadding` or its name, a number, a pair (before, after), or such a pair for each spatial axis."""


def __dir__() -> list[str]:
    return __all__
