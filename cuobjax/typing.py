"""Types for annotations, under Objax's names."""

import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as onp

from autograd import Array

__all__ = ["ConvPaddingInt", "FileOrStr", "JaxArray", "JaxDType"]

FileOrStr = str | os.PathLike[str] | BinaryIO
JaxArray = Array
JaxDType = (
    type[onp.complex64] | type[onp.complex128]
    | type[onp.float16] | type[onp.float32] | type[onp.float64]
    | type[onp.int8] | type[onp.int16] | type[onp.int32] | type[onp.int64]
    | type[onp.uint8] | type[onp.uint16] | type[onp.uint32] | type[onp.uint64]
    | onp.dtype
)  # fmt: skip
ConvPaddingInt = Sequence[tuple[int, int]] | tuple[int, int] | int
