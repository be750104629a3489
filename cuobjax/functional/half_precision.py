"""Half precision in functions that sum: float32 inside, the precision of the arguments outside."""

from autograd import Array
from autograd.families import common_half
from autograd.ops.elementwise import single

__all__ = ["single", "with_precision_of"]


def with_precision_of(result: Array, *arguments: Array) -> Array:
    """The result of a computation with `single(x)` of arguments, in half precision if they promote to that."""
    half = common_half([x.dtype for x in arguments if x.dtype.kind not in "biu"])
    return result if half is None else result.astype(half)
