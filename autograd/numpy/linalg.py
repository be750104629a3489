"""Linear algebra."""

from ..ops import reduction as ops
from ._common import as_array, complete_axes
from ._elementwise import absolute
from ._reduction import max, min, sum


def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors, or of matrices if `axis` names two axes or `x` is a matrix and `ord` is given.

    Vectors: `ord` None or 2 (Euclidean), 1, 0, inf, -inf or any number. Matrices: None or "fro" (Frobenius), 1, -1,
    inf, -inf. The gradient of a Euclidean norm is 0 where the norm is 0 (PyTorch's convention).
    """
    x = as_array(x)
    x = x * 1.0 if x.dtype.kind in "iub" else x
    axes = complete_axes(axis, x.ndim)
    if ord is None or (ord == 2 and len(axes) == 1) or (ord == "fro" and len(axes) == 2):
        return ops.norm(x, axis=axes, keepdims=bool(keepdims))
    if len(axes) == 1 and not isinstance(ord, str):
        return _vector_norm(absolute(x), ord, axes, keepdims)
    if len(axes) == 2 and ord in (1, -1, float("inf"), float("-inf")):
        summed, chosen = axes if ord in (1, -1) else axes[::-1]
        totals = (max if ord > 0 else min)(sum(absolute(x), summed, keepdims=True), chosen, keepdims=True)
        return totals if keepdims else totals.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))
    raise ValueError(f"norm: expected an order of vectors or matrices, got {ord!r} for axis {axis} of shape {x.shape}.")


def _vector_norm(sizes, ord, axes, keepdims):
    if ord == float("inf"):
        return max(sizes, axes, keepdims=keepdims)
    if ord == float("-inf"):
        return min(sizes, axes, keepdims=keepdims)
    if ord == 0:
        return sum((sizes != 0).astype(sizes.dtype), axes, keepdims=keepdims)
    return sum(sizes, axes, keepdims=keepdims) if ord == 1 else sum(sizes**ord, axes, keepdims=keepdims) ** (1 / ord)
