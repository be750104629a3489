"""Matrix products and Einstein sums."""

import functools
import math
from typing import Any

import numpy

from ..backend import Device, is_cupy
from ..core import library
from ..families import in_single, multilinear
from ..kernels.products import is_small, on_device, product, stacked
from ..primitive import Primitive
from ..typing import Result
from .shape import reshape, transpose, with_ndim

__all__ = ["LETTERS", "are_stacks", "einsum", "is_stack", "matmul", "rows", "swap", "times"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # of subscripts, in their order


def swap(x: Any) -> Result:
    """The transposed matrices of `x`, (..., n, m)."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def times(*matrices: Any) -> Result:
    """Their product in rules. Large ones are the operation's, of raw arrays, too, so that all have the same bits."""
    return functools.reduce(_times, matrices)


def _times(a, b):
    if len(b.shape) < 3 and is_small(a, b):
        return on_device(Device("gpu").library, a, b) if is_cupy(a) and is_cupy(b) else a @ b
    return matmul(a, b)


def _to_left(g, a_shape, b):
    """From y (..., n, m) to a (..., n, k); a vector has no n or no m."""
    if b.ndim == 2 and len(a_shape) > 1:
        return times(g, b.T) if len(a_shape) == 2 else matmul(g, swap(b))
    if b.ndim == 1:
        return g[..., None] * b
    if len(a_shape) == 1:
        return times(b, g) if b.ndim == 2 else times(b, g[..., None])[..., 0]
    return times(g, swap(b))


def _to_right(g, a, b_shape):
    """From y (..., n, m) to b (..., k, m); a vector has no n or no m."""
    if a.ndim == 2 == len(b_shape):
        return times(a.T, g)
    if a.ndim == 1:
        return a * g if len(b_shape) == 1 else a[:, None] * g[..., None, :]
    if len(b_shape) == 1:
        return times(g, a) if a.ndim == 2 else times(swap(a), g[..., None])[..., 0]
    if len(b_shape) == 2 < a.ndim:
        return times(rows(a).T, rows(g))
    return times(swap(a), g)


def rows(x: Any) -> Result:
    """The vectors along the last axis of `x`, as a matrix."""
    return reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _batch_matmul(primitive, size, values, batched, params):
    """Where one factor is the same for all lanes, as few products of large matrices as possible."""
    (a, b), (a_batched, b_batched) = values, batched
    a_ndim, b_ndim = a.ndim - a_batched, b.ndim - b_batched
    if not b_batched and b_ndim == 2:
        return reshape(matmul(rows(a), b), shape=(*a.shape[:-1], b.shape[1]))
    if not a_batched and (a_ndim, b_ndim) == (2, 1):
        return matmul(b, swap(a))
    a = a[..., None, :] if a_ndim == 1 else a
    b = b[..., None] if b_ndim == 1 else b
    ndim = max(a.ndim - a_batched, b.ndim - b_batched) + 1
    y = matmul(with_ndim(a, ndim) if a_batched else a, with_ndim(b, ndim) if b_batched else b)
    y = y[..., 0] if b_ndim == 1 else y
    return y if a_ndim > 1 else y[..., 0] if b_ndim == 1 else y[..., 0, :]


def is_stack(a: Any, b: Any) -> bool:
    """Whether `a` has many matrices, and `b` is one for all of them."""
    return len(b.shape) == 2 < len(a.shape)


def are_stacks(a: Any, b: Any) -> bool:
    """Whether `b` has many matrices, and `a` has one for all of them, or many, too."""
    return len(getattr(b, "shape", ())) > 2 and len(getattr(a, "shape", ())) > 1  # numbers have none


def _matmul(xp, a, b):
    multiply = product if xp is numpy else functools.partial(on_device, xp)
    if getattr(b, "ndim", 0) == 2 < getattr(a, "ndim", 0):  # one product of large matrices
        return multiply(a.reshape((math.prod(a.shape[:-1]), a.shape[-1])), b).reshape((*a.shape[:-1], b.shape[1]))
    if xp is not numpy and are_stacks(a, b):  # `cupy.matmul` would copy what is transposed or has half precision
        ndim = max(a.ndim, b.ndim)
        return stacked(xp, *[x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (a, b)])
    return multiply(a, b)


matmul: Primitive = multilinear(
    _matmul,
    _to_left,
    _to_right,
    batch=_batch_matmul,
    memory="new",
    flops=lambda args, params, y: 2 * math.prod(numpy.shape(y)) * args[0].shape[-1],
)


def _plain_einsum(xp, *args, subscripts):
    return xp.einsum(subscripts, *args, optimize=len(args) > 1)


_host_einsum = in_single(_plain_einsum)  # NumPy adds float16 in float16, and knows no bfloat16


def _einsum(xp, *args, subscripts):
    return (_host_einsum if xp is numpy else _plain_einsum)(xp, *args, subscripts=subscripts)


def _einsum_transpose(g, i, others, args_shapes, subscripts):
    """The Einstein sum of `g` with all other arguments, onto the letters of argument `i`.

    A letter that only argument `i` has was summed over, one of length 1 elsewhere was broadcast: ones repeat the result
    along it. A letter that it has twice took a diagonal: a unit matrix puts the result back onto it.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own = terms.pop(i)
    xp, fresh = library(g), iter(sorted(set(LETTERS) - set(subscripts)))
    operands, names, target = [g, *others], [output, *terms], ""
    shapes = [g.shape, *args_shapes[:i], *args_shapes[i + 1 :]]
    known = {pair for term, shape in zip(names, shapes, strict=True) for pair in zip(term, shape, strict=True)}
    for letter, n in zip(own, args_shapes[i], strict=True):
        name = letter
        if letter in target:
            name = next(fresh)
            operands.append(xp.eye(n, dtype=g.dtype))
            names.append(letter + name)
        elif (letter, n) not in known:
            operands.append(xp.ones(n, g.dtype))
            names.append(letter)
        target += name
    return einsum(*operands, subscripts=",".join(names) + "->" + target)


def _batch_einsum(primitive, size, values, batched, params):
    """One more letter for the batch axis."""
    inputs, output = params["subscripts"].split("->")
    letter = min(set(LETTERS) - set(inputs))
    terms = [letter + term if b else term for term, b in zip(inputs.split(","), batched, strict=True)]
    return einsum(*values, subscripts=",".join(terms) + "->" + letter + output)


def _einsum_flops(args, params, y):
    """A multiplication for each further factor and an addition for each combination of all letters."""
    terms = params["subscripts"].partition("->")[0].split(",")
    lengths = dict(zip("".join(terms), [n for a in args for n in a.shape], strict=True))
    return len(args) * math.prod(lengths.values())


einsum: Primitive = multilinear(_einsum, _einsum_transpose, batch=_batch_einsum, flops=_einsum_flops)
