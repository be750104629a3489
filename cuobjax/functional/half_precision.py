"""Half precision in functions that sum: float32 inside, the precision of the arguments outside. Integers are int64."""

from autograd import Array
from autograd.families import common_half
from autograd.ops.elementwise import single

__all__ = ["single", "wide", "with_precision_of"]


def wide(x: Array) -> Array:
    """An Array whose sums, differences and products fit: of float32 for half precision, of int64 for integers."""
    return x.astype("int64") if x.dtype.kind in "biu" else single(x)


def with_precision_of(result: Array, *arguments: Array) -> Array:
    """The result of a computation with `wide(x)` of arguments, in half precision if they promote to that."""
    half = common_half([x.dtype for x in arguments if x.dtype.kind not in "biu"])
    return result if half is None else result.astype(half)
