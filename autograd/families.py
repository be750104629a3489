"""Families of primitives: a kind of operation supplies what its kind implies.

A primitive is declared by its forward function and one reverse rule per array argument (`core.Rule` says what a rule
may name). NumPy and CuPy broadcast and promote dtypes inside the forward function; the transposes of that, summing and
casting, are applied by the backward pass, so that no rule mentions them.

`forward` is a function `(xp, *arrays, **params)` that gives the primitive its name (without a leading underscore), or
the name of a function that NumPy and CuPy share.
"""

from .core import Primitive

_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("condition", "a", "b")}  # of the arguments of a function that NumPy has


def elementwise(forward, *derivatives):
    """An operation on each element; a derivative multiplies a tangent or a cotangent `g` by the partial derivative."""
    return Primitive(forward, derivatives, arguments=_NAMES.get(len(derivatives)))


def linear(forward, transpose):
    """An operation that is linear in its first argument; further ones (indices) are not differentiated."""
    return Primitive(forward, (transpose, None), linear="each")


def jointly_linear(forward, *transposes):
    """An operation that is linear in all of its arguments together."""
    return Primitive(forward, transposes, linear="all")


def multilinear(forward, *transposes):
    """An operation that is linear in each of its arguments: a transpose sees only the other arguments."""
    return Primitive(forward, transposes, linear="each", arguments=_NAMES[2])


def irregular(forward, *rules):
    """An operation that spells all its rules."""
    return Primitive(forward, rules)


def nondifferentiable(forward, arguments=("x",)):
    """An operation whose result has no derivative (integers, booleans, steps): the tape does not record it."""
    return Primitive(forward, arguments=arguments)
