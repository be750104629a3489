"""Products of vectors, matrices and tensors; each is a product of matrices where possible."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as onp

from ..axes import complete_axes, complete_axis
from ..ops import product as ops
from ..ops.elementwise import multiply
from ..ops.linalg import conjugate
from ..typing import ArrayLike, DTypeLike, Result
from ._common import as_array, refuse_output, scalar, together
from ._shape import ravel, reshape, transpose


def matmul(x1: ArrayLike, x2: ArrayLike) -> Result:
    """The matrix product of `x1` (..., n, k) and `x2` (..., k, m); a vector is a row on the left, else a column."""
    return ops.matmul(*together(x1, x2))


def dot(a: ArrayLike, b: ArrayLike, out: None = None) -> Result:
    """The sum of products over the last axis of `a` and the second to last of `b` (its only one if it is a vector)."""
    refuse_output(out, "dot")
    if getattr(a, "ndim", 0) == 2 == getattr(b, "ndim", 0):
        return ops.matmul(a, b)  # at once, for layers
    a, b = together(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    return matmul(a, b) if b.ndim <= 2 else tensordot(a, b, ((a.ndim - 1,), (b.ndim - 2,)))


def tensordot(a: ArrayLike, b: ArrayLike, axes: int | Sequence[Any] = 2) -> Result:
    """The sum of products over pairs of axes.

    Args:
        axes: A number, for the last `axes` of `a` and the first of `b`; or (axes of `a`, axes of `b`).
    """
    a, b = together(a, b)
    if isinstance(axes, SupportsIndex):
        axes = operator.index(axes)
        if axes > min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: expected at most {min(a.ndim, b.ndim)} axes to sum over, got {axes}.")
        axes = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    first, second = complete_axes(axes[0], a.ndim), complete_axes(axes[1], b.ndim)
    if [a.shape[i] for i in first] != [b.shape[i] for i in second]:
        raise ValueError(
            f"tensordot: expected summed axes of equal lengths, got {a.shape} over {first} and {b.shape} over {second}."
        )
    rows = [i for i in range(a.ndim) if i not in first]
    columns = [i for i in range(b.ndim) if i not in second]
    summed = math.prod(a.shape[i] for i in first)
    row_shape, column_shape = [a.shape[i] for i in rows], [b.shape[i] for i in columns]
    left = reshape(_in_order(a, (*rows, *first)), (math.prod(row_shape), summed))
    right = reshape(_in_order(b, (*second, *columns)), (summed, math.prod(column_shape)))
    return reshape(ops.matmul(left, right), (*row_shape, *column_shape))


def _in_order(x, axes):
    return x if axes == tuple(range(x.ndim)) else transpose(x, axes)


def inner(a: ArrayLike, b: ArrayLike) -> Result:
    """The sum of products over the last axes."""
    a, b = together(a, b)
    return scalar(tensordot(a, b, ((-1,), (-1,)))) if a.ndim and b.ndim else multiply(a, b)


def outer(a: ArrayLike, b: ArrayLike, out: None = None) -> Result:
    """The products of all pairs of elements, (a.size, b.size)."""
    refuse_output(out, "outer")
    a, b = together(a, b)
    return multiply(reshape(ravel(a), (-1, 1)), reshape(ravel(b), (1, -1)))


def vdot(a: ArrayLike, b: ArrayLike) -> Result:
    """The sum of products of all elements, those of `a` conjugated."""
    a, b = together(a, b)
    return dot(conjugate(ravel(a)), ravel(b))


def kron(a: ArrayLike, b: ArrayLike) -> Result:
    """The Kronecker product."""
    a, b = together(a, b)
    ndim = max(a.ndim, b.ndim)
    left, right = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    product = multiply(
        reshape(a, [part for n in left for part in (n, 1)]), reshape(b, [part for n in right for part in (1, n)])
    )
    return reshape(product, tuple(n * m for n, m in zip(left, right, strict=True)))


def vecdot(x1: ArrayLike, x2: ArrayLike, axis: int = -1) -> Result:
    """The sum of products of vectors along an axis, those of `x1` conjugated."""
    x1, x2 = together(x1, x2)
    if x1.shape[complete_axis(axis, x1.ndim)] != x2.shape[complete_axis(axis, x2.ndim)]:
        raise ValueError(f"vecdot: expected vectors of one length along axis {axis}, got {x1.shape} and {x2.shape}.")
    products = multiply(conjugate(x1), x2)
    return as_array(products.sum(axis), products.dtype)


def matvec(x1: ArrayLike, x2: ArrayLike) -> Result:
    """The products of matrices (..., n, m) and vectors (..., m)."""
    x1, x2 = together(x1, x2)
    return ops.matmul(x1, x2[..., None])[..., 0]


def vecmat(x1: ArrayLike, x2: ArrayLike) -> Result:
    """The products of vectors (..., n), conjugated, and matrices (..., n, m)."""
    x1, x2 = together(x1, x2)
    return ops.matmul(conjugate(x1)[..., None, :], x2)[..., 0, :]


def einsum(
    subscripts: str | ArrayLike,
    *operands: Any,
    out: None = None,
    dtype: DTypeLike = None,
    order: str = "K",
    casting: str = "safe",
    optimize: Any = True,
) -> Result:
    """The Einstein sum of `operands`, in NumPy's notation with `...` and optional output.

    Instead of the notation each operand may be followed by a list of numbers that name its axes, and all by a list for
    the output. The order of three and more operands is always optimized; `optimize` and `order` have no effect.
    """
    refuse_output(out, "einsum")
    subscripts, operands = _noted(subscripts, operands)
    arrays = [as_array(x, dtype) for x in together(*operands)]
    return scalar(ops.einsum(*arrays, subscripts=_explicit(subscripts, arrays)))


def einsum_path(
    subscripts: Any, *operands: Any, optimize: Any = "greedy", einsum_call: Any = False
) -> tuple[list[Any], str]:
    """(order, text): the best order in which `einsum` contracts operands of these shapes, and its cost."""
    subscripts, operands = _noted(subscripts, operands)
    shapes = [onp.broadcast_to(0.0, as_array(x).shape) for x in operands]
    return onp.einsum_path(subscripts, *shapes, optimize=optimize, einsum_call=einsum_call)


def _noted(subscripts, operands):
    """Subscripts in NumPy's notation and operands, also for operands that are followed by lists of numbers."""
    if isinstance(subscripts, str):
        return subscripts.replace(" ", ""), operands
    parts = [subscripts, *operands]
    if len(parts) < 2 or not all(isinstance(p, list | tuple) for p in parts[1::2]):
        raise TypeError(f"einsum: expected subscripts such as 'ij,jk->ik', got {type(subscripts).__name__}.")
    lists, output = parts[1::2], [parts[-1]] if len(parts) % 2 else []
    terms = ["".join("..." if i is Ellipsis else ops.LETTERS[i] for i in p) for p in [*lists, *output]]
    subscripts = "->".join([",".join(terms[: len(lists)]), *terms[len(lists) :]])
    return subscripts, parts[: 2 * len(lists) : 2]


def _explicit(subscripts, operands):
    """The subscripts with an output and with letters in place of `...`."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: expected {len(terms)} operands for {subscripts!r}, got {len(operands)}.")
    spare = "".join(sorted(set(ops.LETTERS) - set(subscripts)))
    longest = 0
    for place, (term, x) in enumerate(zip(terms, operands, strict=True)):
        count = x.ndim - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise ValueError(f"einsum: expected {term!r} to name {x.ndim} axes, those of shape {x.shape}.")
        longest = max(longest, count)
        terms[place] = term.replace("...", spare[len(spare) - count :])
    ellipsis = spare[len(spare) - longest :]
    if not arrow:
        letters = "".join(terms)
        output = "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in ellipsis))
        output = ellipsis + output
    return ",".join(terms) + "->" + output.replace("...", ellipsis)
