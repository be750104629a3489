"""Families of primitives: a kind of operation supplies what its kind implies.

A primitive is declared by its forward function and one vjp per array argument (`primitive.Vjp` says what its parameters
may be). The rules of the other transformations follow:

- reverse mode: NumPy and CuPy broadcast and promote dtypes inside the forward function; the transposes of that, summing
  and casting, are applied by the backward pass, so that no vjp mentions them;
- forward mode (`autograd.forward`): an elementwise derivative serves both modes, a linear operation is its own jvp, and
  the jvp of any other operation is its vjp transposed;
- vmap (`autograd.batch`): an operation acts on its trailing axes or on those in its parameters `axis`, `axes`, `shape`,
  `width`; one more axis in front only shifts these. `batch` says how several arguments are combined: "align" if the
  operation broadcasts their leading axes, "stack" if it does not, "loop" for one lane after the other, a `Composition`,
  or a rule of its own: `(primitive, size, values, batched, params)` gives the result with the batch axis in front,
  which `values[i]` has where `batched[i]` is true.

`forward` is a function `(xp, *arrays, **params)` that gives the primitive its name (without a leading underscore), or
the name of a function that NumPy and CuPy share. It may return a tuple of arrays: then in a vjp `y` is that tuple and
`g` a tuple of cotangents. `known` is what else is known of the operation: the facts that `Primitive` lists.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .primitive import Primitive

__all__ = [
    "Composition", "elementwise", "factorizes", "irregular", "jointly_linear", "linear", "moves", "multilinear",
    "nondifferentiable",
]  # fmt: skip

_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("condition", "a", "b")}  # of the arguments of a function that NumPy has


class Composition(NamedTuple):
    """A batch rule: `function(*arrays, **params)` computes the same by other operations."""

    function: Callable[..., Any]


# Values of `Primitive.flops`.
def moves(args: Sequence[Any], params: dict[str, Any], y: Any) -> int:
    """The cost of an operation that moves or copies elements, without arithmetic: 0."""
    return 0


def factorizes(args: Sequence[Any], params: dict[str, Any], y: Any) -> int:
    """The cost of an operation that factorizes n x n matrices: n**3 for each."""
    parts = (*args, *(y if type(y) is tuple else (y,)))
    return max(math.prod(getattr(part, "shape", ())) for part in parts) * args[0].shape[-1]


def elementwise(forward: Callable[..., Any] | str, *derivatives: Callable[..., Any] | None, **known: Any) -> Primitive:
    """An operation on each element.

    Args:
        forward: `(xp, *arrays, **params)`, or the name of a function that NumPy and CuPy share.
        derivatives: For each argument a vjp that multiplies a tangent or a cotangent `g` by the partial derivative;
            None for an argument on which the result does not depend continuously.
        known: What else is known of the operation: see `Primitive`.
    """
    known = {"arguments": _NAMES.get(len(derivatives)), **known}
    return Primitive(forward, derivatives, kind="elementwise", batch="align", **known)


def linear(
    forward: Callable[..., Any] | str, transpose: Callable[..., Any], *, batch: Any = "stack", **known: Any
) -> Primitive:
    """An operation that is linear in its first argument; further ones (indices) are not differentiated.

    Args:
        forward, known: As for `elementwise`.
        transpose: The vjp of the first argument.
        batch: How `vmap` applies it: "align", "stack", "loop", a `Composition` or a rule of its own.
    """
    return Primitive(forward, (transpose, None), kind="multilinear", batch=batch, **known)


def jointly_linear(
    forward: Callable[..., Any] | str, *transposes: Callable[..., Any] | None, batch: Any = "stack", **known: Any
) -> Primitive:
    """An operation that is linear in all of its arguments together.

    Args:
        forward, batch, known: As for `linear`.
        transposes: The vjp of each argument.
    """
    return Primitive(forward, transposes, kind="linear", batch=batch, **known)


def multilinear(
    forward: Callable[..., Any] | str, *transposes: Callable[..., Any], batch: Any, **known: Any
) -> Primitive:
    """An operation that is linear in each of its arguments: a transpose sees only the other arguments.

    Args:
        forward, batch, known: As for `linear`.
        transposes: The vjp of each argument.
    """
    return Primitive(forward, transposes, kind="multilinear", arguments=_NAMES[2], batch=batch, **known)


def irregular(
    forward: Callable[..., Any] | str, *vjps: Callable[..., Any] | None, batch: Any = "stack", **known: Any
) -> Primitive:
    """An operation of no other family.

    Args:
        forward, batch, known: As for `linear`.
        vjps: The vjp of each argument, None for one without a derivative.
    """
    return Primitive(forward, vjps, batch=batch, **known)


def nondifferentiable(
    forward: Callable[..., Any] | str, arguments: tuple[str, ...] = ("x",), *, batch: Any = "stack", **known: Any
) -> Primitive:
    """An operation whose result has no derivative (integers, booleans, steps): the tape does not record it.

    Args:
        forward, batch, known: As for `linear`.
        arguments: The names of its arguments where `forward` is the name of a function.
    """
    return Primitive(forward, arguments=arguments, batch=batch, **known)
