"""Matrix products and Einstein sums."""

import string

from ..core import library
from ..families import multilinear
from .shape import transpose


def _matmul(xp, a, b):
    return xp.matmul(a, b)


def swap(x):
    """The transposed matrices of `x`, (..., n, m)."""
    return x.T if x.ndim == 2 else transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# Of matrices (..., n, k) and (..., k, m); autograd.numpy brings vectors and batches into this form.
matmul = multilinear(_matmul, lambda g, b: matmul(g, swap(b)), lambda g, a: matmul(swap(a), g))


def _einsum(xp, *args, subscripts):
    return xp.einsum(subscripts, *args, optimize=len(args) > 2 or xp.__name__ == "numpy")


def _einsum_transpose(g, i, args, subscripts):
    """The Einstein sum of `g` with all other arguments, onto the letters of argument `i`.

    A letter that stands only in argument `i` was summed over: ones repeat the result along it. A letter that stands
    there again took a diagonal: a unit matrix puts the result back onto it.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    others, own = terms[:i] + terms[i + 1 :], terms[i]
    xp, fresh = library(g), iter(sorted(set(string.ascii_letters) - set(subscripts)))
    operands, names, target = [g, *args[:i], *args[i + 1 :]], [output, *others], ""
    for letter, n in zip(own, args[i].shape, strict=True):
        name = letter
        if letter in target:
            name = next(fresh)
            operands.append(xp.eye(n, dtype=g.dtype))
            names.append(letter + name)
        elif not any(letter in term for term in (output, *others)):
            operands.append(xp.ones(n, g.dtype))
            names.append(letter)
        target += name
    return einsum(*operands, subscripts=",".join(names) + "->" + target)


einsum = multilinear(_einsum, _einsum_transpose)
