"""Arguments of several forms as one form."""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterable
from typing import Any

from autograd import Array
from autograd.backend import CPU, is_array

from ..constants import ConvPadding, Interpolate
from ..typing import Padding

__all__ = [
    "at_hand", "broadcasts", "ilog2", "lengths_of_axes", "refuse_complex", "require_functions", "require_integers",
    "require_iterable", "require_lengths", "require_reals", "require_sizes", "to_inexact", "to_interpolate",
    "to_number", "to_padding", "to_path", "to_positions", "to_shape", "to_tuple",
]  # fmt: skip


def ilog2(x: float) -> int:
    """The smallest integer n with 2**n >= x, for x > 0; exact, where rounding of log2 would not be."""
    require_reals("ilog2", x=x)
    if not 0 < x < math.inf:
        raise ValueError(f"ilog2: expected a positive number, got {x}.")
    if isinstance(x, numbers.Integral):
        return (int(x) - 1).bit_length()
    mantissa, exponent = math.frexp(x)  # x = mantissa * 2**exponent, mantissa in [0.5, 1)
    return exponent - (mantissa == 0.5)


def to_tuple(v: Any, n: int) -> tuple[Any, ...]:
    """`v` as a tuple of `n` items: a number n times, or the items of a tuple or list, which must be n."""
    require_sizes("to_tuple", 0, n=n)
    items = tuple(v) if isinstance(v, Iterable) else (v,) * n
    if v is None or len(items) != n:
        raise ValueError(f"to_tuple: expected a number or {n} of them, got {v}.")
    return items


def require_sizes(where: str, least: float, **sizes: Any) -> None:
    """Raises TypeError unless all of `sizes` are integers, or arrays of one; ValueError below `least`."""
    for name, size in sizes.items():
        _require(where, least, f"{name} as an integer", name, size, (size,))


def require_lengths(where: str, least: float, **lengths: Any) -> None:
    """As `require_sizes`, of integers or tuples and lists of them."""
    for name, size in lengths.items():
        _require(where, least, f"{name} of integers", name, size, size if isinstance(size, tuple | list) else (size,))


def _require(where, least, expected, name, given, integers):
    try:
        found = [operator.index(n) for n in integers]
    except TypeError:
        raise TypeError(f"{where}: expected {expected}, got {given!r}.") from None
    if any(n < least for n in found):
        raise ValueError(f"{where}: expected {name} of at least {least}, got {given!r}.")


def require_integers(where: str, least: float, **integers: Any) -> None:
    """As `require_sizes`, without arrays and booleans."""
    for name, x in integers.items():
        if isinstance(x, bool) or not isinstance(x, numbers.Integral):
            raise TypeError(f"{where}: expected {name} as an integer, got {x!r}.")
    require_sizes(where, least, **integers)


def to_shape(where: str, shape: Any) -> tuple[int, ...]:
    """A length or several as a tuple; TypeError for other things, ValueError for a negative length."""
    lengths = tuple(shape) if isinstance(shape, Iterable) and not isinstance(shape, str) else (shape,)
    _require(where, 0, "shape as a tuple of lengths", "lengths", shape, lengths)
    return tuple(map(operator.index, lengths))


def require_reals(where: str, **reals: Any) -> None:
    """Raises TypeError unless all of `reals` are real numbers, or arrays, which may be traced."""
    for name, x in reals.items():
        if not isinstance(x, numbers.Real | Array) and not is_array(x):
            raise TypeError(f"{where}: expected {name} as a number, got {x!r}.")


def refuse_complex(where: str, *arrays: Array) -> None:
    """Raises TypeError for an array of complex numbers."""
    for x in arrays:
        if x.dtype.kind == "c":
            raise TypeError(f"{where}: expected real numbers, got dtype {x.dtype}. Take jn.real(x), or jn.abs(x).")


def at_hand(x: Array) -> Any:
    """The numbers of an Array; None if they are on a GPU, which a look at them would wait for, or traced."""
    return x.raw if type(x) is Array and x.device == CPU else None


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of a shape broadcasts to another shape."""
    added = len(to) - len(shape)
    return added >= 0 and all(n in (1, m) for n, m in zip(shape, to[added:], strict=True))


def to_inexact(x: Array) -> Array:
    """An Array, integers and booleans as floating-point numbers."""
    return x * 1.0 if x.dtype.kind in "biu" else x


def require_iterable(where: str, **iterables: Any) -> None:
    """Raises TypeError for what cannot be iterated over."""
    for name, x in iterables.items():
        if not isinstance(x, Iterable) and not hasattr(x, "__getitem__"):
            raise TypeError(f"{where}: expected {name} as an iterable, such as a list, got {x!r}.")


def require_functions(where: str, **functions: Any) -> None:
    """Raises TypeError for what cannot be called."""
    for name, f in functions.items():
        if not callable(f):
            raise TypeError(f"{where}: expected {name} as a function, got {f!r}.")


def to_number(where: str, name: str, x: Any) -> float:
    """A number, or an array of one, as a float; TypeError for other things."""
    try:
        return float(x)
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):  # a traced value has an error of its own
            raise
        reason = str(error).rstrip(".")
        raise TypeError(f"{where}: expected {name} as a number, got {x!r:.80}. {reason}.") from None


def to_path(where: str, path: Any) -> str:
    """A path as a text; TypeError for other things."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{where}: expected a path, got {path!r}.") from None


def lengths_of_axes(where: str, rank: int, **sizes: Any) -> list[tuple[int, ...]]:
    """Each of `sizes` as a tuple of `rank` integers of at least 1, such as the lengths of windows along spatial axes.

    Args:
        where: Who asks, for the errors.
        rank: The number of axes.
        sizes: A number for all axes, or a number for each of them.
    """
    require_lengths(where, 1, **sizes)
    for name, size in sizes.items():
        if isinstance(size, tuple | list) and len(size) != rank:
            raise ValueError(f"{where}: expected {name} as a number or {rank} of them, got {size!r}.")
    return [to_tuple(size, rank) for size in sizes.values()]


def to_padding(padding: Padding, ndim: int) -> str | tuple[tuple[int, int], ...]:
    """Padding as "SAME", "VALID" or a pair (before, after) for each of `ndim` spatial axes.

    Args:
        padding: One of those, a `ConvPadding`, a number, or one pair for all axes; else ValueError is raised.
        ndim: The number of spatial axes.
    """
    require_sizes("to_padding", 0, ndim=ndim)
    if isinstance(padding, ConvPadding):
        return padding.value
    if isinstance(padding, str) and padding.upper() in ConvPadding.__members__:
        return padding.upper()
    if isinstance(padding, numbers.Integral):
        return ((padding, padding),) * ndim
    if isinstance(padding, tuple | list):
        pairs = (padding,) * ndim if all(isinstance(p, numbers.Integral) for p in padding) else padding
        if len(pairs) == ndim and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            return tuple(map(tuple, pairs))
    raise ValueError(f"padding: expected 'SAME', 'VALID', a number, a pair or {ndim} pairs, got {padding!r}.")


def to_positions(positions: int | Iterable[int], where: str) -> tuple[int, ...]:
    """Positions of arguments, an integer or several of them, as a tuple.

    Args:
        positions: The positions; negative ones count from the end.
        where: What the message of the TypeError begins with that is raised for all else.
    """
    several: Any = (positions,) if isinstance(positions, numbers.Integral) else positions
    try:
        return tuple(map(operator.index, several))
    except TypeError:
        raise TypeError(f"{where}: expected a position or a tuple of positions, got {positions!r}.") from None


def to_interpolate(interpolate: str | Interpolate) -> str:
    """The name, in lower case, of a way to interpolate.

    Args:
        interpolate: An `Interpolate`, or its name in any case; else ValueError is raised.
    """
    if isinstance(interpolate, Interpolate):
        return interpolate.value
    if isinstance(interpolate, str) and interpolate.upper() in Interpolate.__members__:
        return Interpolate[interpolate.upper()].value
    known = ", ".join(repr(kind.value) for kind in Interpolate)
    raise ValueError(f"interpolate: expected an Interpolate or one of {known}, got {interpolate!r}.")
