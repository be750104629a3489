"""Families of primitives: a kind of operation supplies what its kind implies.

A primitive is declared by its forward function and one vjp per array argument (`residuals.Vjp` says what its parameters
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

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy

from .primitive import Primitive

__all__ = [
    "Composition", "common_half", "elementwise", "factorizes", "in_single", "irregular", "is_half", "jointly_linear",
    "linear", "moves", "multilinear", "nondifferentiable",
]  # fmt: skip

_NAMES = {1: ("x",), 2: ("a", "b"), 3: ("condition", "a", "b")}  # of the arguments of a function that NumPy has


class Composition(NamedTuple):
    """A batch rule: `function(*arrays, **params)` computes the same by other operations."""

    function: Callable[..., Any]


def is_half(dtype: numpy.dtype[Any]) -> bool:
    """Whether it is float16, bfloat16 or a smaller type of real numbers."""
    return dtype.itemsize < 4 and dtype.kind in "fV"  # V: bfloat16


def in_single(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The forward function, computed in float32 where arrays have half precision; results have their precision.

    Sums of many numbers, squares and counts leave the range of float16, and lose what bfloat16 can add.
    """

    @functools.wraps(forward)
    def widened(xp, x, *others, **params):
        if x.dtype.itemsize < 4:
            return _computed_in_single(forward, xp, (x, *others), params)
        for a in others:
            if is_half(getattr(a, "dtype", _SINGLE)):
                return _computed_in_single(forward, xp, (x, *others), params)
        y = forward(xp, x, *others, **params)
        return tuple(y) if isinstance(y, tuple) else y  # NumPy's are named

    return widened


_SINGLE = numpy.dtype("float32")


def _computed_in_single(forward, xp, arrays, params):
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fcV"]
    half = common_half(dtypes) or _SINGLE
    y = forward(xp, *[a.astype(_SINGLE) if is_half(getattr(a, "dtype", _SINGLE)) else a for a in arrays], **params)
    parts = [part.astype(half) if part.dtype == _SINGLE else part for part in (y if isinstance(y, tuple) else (y,))]
    return tuple(parts) if isinstance(y, tuple) else parts[0]


def common_half(dtypes: Sequence[numpy.dtype[Any]]) -> numpy.dtype[Any] | None:
    """The half precision that arrays of these dtypes promote to; None if that is none."""
    if not dtypes:
        return None
    try:
        dtype = numpy.result_type(*dtypes)
    except numpy.exceptions.DTypePromotionError:  # float16 and bfloat16
        return None
    return dtype if is_half(dtype) else None


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
