"""Half precision in functions that sum: float32 inside, the precision of the arguments outside. Integers are int64."""

import numpy as onp

from autograd import Array
from autograd.families import common_half
from autograd.ops.elementwise import single

from ..util.convert import to_inexact

__all__ = ["single", "wide", "with_precision_of"]


def wide(x: Array) -> Array:
    """An Array whose sums, differences and products fit: int64 of integers, float32 of uint64 and half precision."""
    return x.astype("int64") if onp.can_cast(x.dtype, "int64") else single(to_inexact(x))


def with_precision_of(result: Array, *arguments: Array) -> Array:
    """The result of a computation with `wide(x)` of arguments, in half precision if they promote to that."""
    half = common_half([x.dtype for x in arguments if x.dtype.kind not in "biu"])
    return result if half is None else result.astype(half)
