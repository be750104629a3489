"""Families of primitives: a kind of operation supplies what its kind implies.

A primitive is declared by its forward function and one vjp per array argument (`primitive.Vjp` says what it
may name). The rules of the other transformations follow:

- reverse mode: NumPy and CuPy broadcast and promote dtypes inside the forward function; the transposes of that, summing
  and casting, are applied by the backward pass, so that no rule mentions them;
- forward mode (`autograd.forward`): a derivative serves both modes, a linear operation is its own rule, and the rule of
  any other operation is its reverse rule transposed;
- vmap (`autograd.batch`): an operation acts on its trailing axes, or its parameters `axis`, `axes`, `shape`, `width`
  say on which, so that one more axis in front only shifts these. `batch` says how several arguments meet: "align" if
  the operation broadcasts their leading axes, "stack" if it does not, or a rule of its own:
  `(primitive, size, values, batched, params)` gives the result with the batch axis in front, which `values[i]` has
  where `batched[i]` is true; or a `Composition`, or "loop".

`forward` is a function `(xp, *arrays, **params)` that gives the primitive its name (without a leading underscore), or
the name of a function that NumPy and CuPy share. It may return a tuple of arrays: then in a rule `y` is that tuple and
`g` a tuple of cotangents.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from .primitive import Primitive

_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("condition", "a", "b")}  # of the arguments of a function that NumPy has


class Composition(NamedTuple):
    """A batch rule: what computes the same out of other operations, `function(*arrays, **params)`."""

    function: Callable


# What an operation may say of its cost: `Primitive.flops`.
def moves(args, params, y):
    """The operation moves or copies elements, without arithmetic."""
    return 0


def factorizes(args, params, y):
    """The operation factorizes n x n matrices: n**3 operations for each."""
    parts = (*args, *(y if type(y) is tuple else (y,)))
    return max(math.prod(getattr(part, "shape", ())) for part in parts) * args[0].shape[-1]


def elementwise(forward, *derivatives, **known):
    """An operation on each element; a derivative multiplies a tangent or a cotangent `g` by the partial derivative.

    A derivative is None for an argument on which the result does not depend continuously. `known`: see `Primitive`.
    """
    known = {"arguments": _NAMES.get(len(derivatives)), **known}
    return Primitive(forward, derivatives, kind="elementwise", batch="align", **known)


def linear(forward, transpose, *, batch="stack", **known):
    """An operation that is linear in its first argument; further ones (indices) are not differentiated."""
    return Primitive(forward, (transpose, None), kind="multilinear", batch=batch, **known)


def jointly_linear(forward, *transposes, batch="stack", **known):
    """An operation that is linear in all of its arguments together."""
    return Primitive(forward, transposes, kind="linear", batch=batch, **known)


def multilinear(forward, *transposes, batch, **known):
    """An operation that is linear in each of its arguments: a transpose sees only the other arguments."""
    return Primitive(forward, transposes, kind="multilinear", arguments=_NAMES[2], batch=batch, **known)


def irregular(forward, *vjps, batch="stack", **known):
    """An operation that spells all its derivatives."""
    return Primitive(forward, vjps, batch=batch, **known)


def nondifferentiable(forward, arguments=("x",), *, batch="stack", **known):
    """An operation whose result has no derivative (integers, booleans, steps): the tape does not record it."""
    return Primitive(forward, arguments=arguments, batch=batch, **known)
