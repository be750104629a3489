"""Products of vectors, matrices and tensors: each becomes a product of matrices where it can."""

import math
import string

from ..ops import product as ops
from ..ops.elementwise import conj, multiply
from ._common import as_array, complete_axes, refuse_output
from ._shape import ravel, reshape, transpose


def matmul(x1, x2):
    """The matrix product of `x1` (..., n, k) and `x2` (..., k, m); a vector is a row on the left, else a column."""
    return ops.matmul(as_array(x1), as_array(x2))


def dot(a, b, out=None):
    """The sum of products over the last axis of `a` and the last but one of `b` (its only one if it is a vector)."""
    refuse_output(out, "dot")
    if getattr(a, "ndim", 0) == 2 == getattr(b, "ndim", 0):
        return ops.matmul(a, b)  # at once, for layers
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    return matmul(a, b) if b.ndim <= 2 else tensordot(a, b, ((a.ndim - 1,), (b.ndim - 2,)))


def tensordot(a, b, axes=2):
    """The sum of products over pairs of axes: the last `axes` of `a` with the first of `b`, or those given."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, int):
        axes = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    first, second = complete_axes(axes[0], a.ndim), complete_axes(axes[1], b.ndim)
    if [a.shape[i] for i in first] != [b.shape[i] for i in second]:
        raise ValueError(f"tensordot: expected summed axes of equal lengths, got {a.shape} over {first} "
                         f"and {b.shape} over {second}.")
    rows = [i for i in range(a.ndim) if i not in first]
    columns = [i for i in range(b.ndim) if i not in second]
    summed = math.prod(a.shape[i] for i in first)
    row_shape, column_shape = [a.shape[i] for i in rows], [b.shape[i] for i in columns]
    left = reshape(_in_order(a, (*rows, *first)), (math.prod(row_shape), summed))
    right = reshape(_in_order(b, (*second, *columns)), (summed, math.prod(column_shape)))
    return reshape(ops.matmul(left, right), (*row_shape, *column_shape))


def _in_order(x, axes):
    return x if axes == tuple(range(x.ndim)) else transpose(x, axes)


def inner(a, b):
    """The sum of products over the last axes."""
    a, b = as_array(a), as_array(b)
    return tensordot(a, b, ((-1,), (-1,))) if a.ndim and b.ndim else multiply(a, b)


def outer(a, b):
    """The products of all pairs of elements, (a.size, b.size)."""
    return multiply(reshape(ravel(a), (-1, 1)), reshape(ravel(b), (1, -1)))


def vdot(a, b):
    """The sum of products of all elements, those of `a` conjugated."""
    return dot(conj(ravel(a)), ravel(b))


def kron(a, b):
    """The Kronecker product."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    left, right = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    product = multiply(reshape(a, [part for n in left for part in (n, 1)]),
                       reshape(b, [part for n in right for part in (1, n)]))
    return reshape(product, tuple(n * m for n, m in zip(left, right, strict=True)))


def einsum(subscripts, *operands, optimize=True):
    """The Einstein sum of `operands`, in NumPy's notation with `...` and with the output left out if wished.

    `optimize` is accepted for NumPy's sake: the order of three and more operands is always optimised.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: expected subscripts such as 'ij,jk->ik', got {type(subscripts).__name__}.")
    arrays = [as_array(x) for x in operands]
    return ops.einsum(*arrays, subscripts=_explicit(subscripts.replace(" ", ""), arrays))


def _explicit(subscripts, operands):
    """The subscripts with an output and with letters in place of `...`."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: expected {len(terms)} operands for {subscripts!r}, got {len(operands)}.")
    spare = "".join(sorted(set(string.ascii_letters) - set(subscripts)))
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
