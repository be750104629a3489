"""Families of primitives: a kind of operation supplies what its kind implies.

A primitive is declared by its forward function and one reverse rule per array argument (`core.Rule` says what a rule may
name). NumPy and CuPy broadcast and promote dtypes inside the forward function; the transposes of that, summing and
casting, are applied by the backward pass, so that no rule mentions them.
"""

from .core import Primitive

_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("condition", "a", "b")}


def elementwise(name, *derivatives, forward=None):
    """An operation on each element; a derivative multiplies a tangent or a cotangent `g` by the partial derivative.

    Args:
        name: Of the primitive and, without `forward`, of the function in NumPy and CuPy.
        derivatives: `(g, ...)`, one per argument (named `x`, or `a` and `b`, if `forward` does not name them).
        forward: `(xp, *arrays, **params)`.
    """
    return Primitive(name, forward or name, derivatives, arguments=_NAMES.get(len(derivatives)))


def linear(forward, transpose):
    """An operation that is linear in its first argument; further ones (indices) are not differentiated."""
    return Primitive(forward.__name__.lstrip("_"), forward, (transpose, None), linear="each")


def jointly_linear(forward, transpose):
    """An operation on any number of arrays that is linear in all of them together; the transpose names `i`."""
    return Primitive(forward.__name__.lstrip("_"), forward, (transpose,), linear="all")


def multilinear(forward, *transposes):
    """An operation that is linear in each of its arguments: a transpose sees only the other arguments."""
    name = forward if isinstance(forward, str) else forward.__name__.lstrip("_")
    return Primitive(name, forward, transposes, linear="each", arguments=_NAMES[2])


def irregular(forward, *rules):
    """An operation that spells all its rules."""
    return Primitive(forward.__name__.lstrip("_"), forward, rules)


def nondifferentiable(forward, arguments=("x",)):
    """An operation whose result has no derivative (integers, booleans, steps): the tape does not record it."""
    return Primitive(forward if isinstance(forward, str) else forward.__name__.lstrip("_"), forward, arguments=arguments)
