"""Matrix products and Einstein sums."""

import math
import string

from ..core import library
from ..families import multilinear
from .shape import reshape, transpose


def swap(x):
    """The transposed matrices of `x`, (..., n, m)."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _to_left(g, a_shape, b):
    """From y (..., n, m) to a (..., n, k); a vector has no n or no m."""
    if b.ndim == 2 == len(a_shape):
        return g @ b.T
    if b.ndim == 1:
        return g[..., None] * b
    if len(a_shape) == 1:
        return (b @ g[..., None])[..., 0]
    return g @ swap(b)


def _to_right(g, a, b_shape):
    """From y (..., n, m) to b (..., k, m); a vector has no n or no m."""
    if a.ndim == 2 == len(b_shape):
        return a.T @ g
    if a.ndim == 1:
        return a * g if len(b_shape) == 1 else a[:, None] * g[..., None, :]
    if len(b_shape) == 1:
        return (swap(a) @ g[..., None])[..., 0]
    if len(b_shape) == 2 < a.ndim:
        return rows(a).T @ rows(g)
    return swap(a) @ g


def rows(x):
    """The vectors along the last axis of `x`, as a matrix."""
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


matmul = multilinear("matmul", _to_left, _to_right)


def _einsum(xp, *args, subscripts):
    return xp.einsum(subscripts, *args, optimize=len(args) > 1)


def _einsum_transpose(g, i, others, args_shapes, subscripts):
    """The Einstein sum of `g` with all other arguments, onto the letters of argument `i`.

    A letter that stands only in argument `i` was summed over: ones repeat the result along it. A letter that stands
    there again took a diagonal: a unit matrix puts the result back onto it.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own = terms.pop(i)
    xp, fresh = library(g), iter(sorted(set(string.ascii_letters) - set(subscripts)))
    operands, names, target = [g, *others], [output, *terms], ""
    for letter, n in zip(own, args_shapes[i], strict=True):
        name = letter
        if letter in target:
            name = next(fresh)
            operands.append(xp.eye(n, dtype=g.dtype))
            names.append(letter + name)
        elif not any(letter in term for term in (output, *terms)):
            operands.append(xp.ones(n, g.dtype))
            names.append(letter)
        target += name
    return einsum(*operands, subscripts=",".join(names) + "->" + target)


einsum = multilinear(_einsum, _einsum_transpose)
