"""Printing from inside of transformations: an operation with an effect, which programs repeat in each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from . import backend
from .batch import one_by_one
from .core import Array, Reference, bare, library
from .graph import recording
from .primitive import PRIMITIVES, Primitive

__all__ = ["debug_print"]

_VALUE = object()  # in the place of an argument that is an array or a number


def debug_print(text: str, /, *args: Any, **kwargs: Any) -> None:
    """Prints `text.format(*args, **kwargs)` with the numbers of this run, from inside of any transformation.

    A recorded program prints in each run, `vmap` and `Vectorize` once for each lane, a checkpointed function (`Remat`)
    also when it is computed again. Arrays without axes are formatted as Python numbers. On a GPU it waits for the
    values.

    Args:
        text: A format string, as for `str.format`.
        args, kwargs: Arrays, traced or not, numbers, or any objects; the latter are those of the recording.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import vmap
        >>> vmap(lambda x: debug_print("x = {:.1f}, {name}", x, name="twice"))(np.array([1.0, 2.0]))
        x = 1.0, twice
        x = 2.0, twice
    """
    if not isinstance(text, str):
        raise TypeError(f'debug_print: expected a format string, got {text!r}. Write debug_print("x = {{}}", x).')
    given = [*args, *kwargs.values()]
    shown = [isinstance(x, Array | int | float | complex) or backend.is_array(x) for x in given]
    layout = tuple([_VALUE if value else x for x, value in zip(given, shown, strict=True)])
    values = [x for x, value in zip(given, shown, strict=True) if value]
    _print(0.0, *values, text=text, layout=layout, names=tuple(kwargs))


class _Print(Primitive):
    """Prints its arguments but the first, which a recording replaces by a traced value, so as to be part of it."""

    has_effect = True

    def __call__(self, *args: Any, **params: Any) -> Any:
        staging = recording()
        if staging is not None:
            args = (staging.token(), *args[1:])
        return super().__call__(*args, **params)

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Prints; arrays may be on any devices."""
        return self.host(*args, **params)


def _debug_print(xp, *args, text, layout, names):
    values = map(_shown, args[1:])
    given = [next(values) if part is _VALUE else part for part in layout]
    count = len(given) - len(names)
    try:
        line = text.format(*given[:count], **dict(zip(names, given[count:], strict=True)))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise ValueError(f"debug_print: expected arguments that fit into {text!r}, got others ({found}).") from None
    print(line)
    return backend.library([x for x in args if backend.is_cupy(x)]).zeros(())


def _shown(x):
    x = bare(x._value if isinstance(x, Reference) else x)
    if backend.is_cupy(x):
        x = x.get()
    return x.item() if isinstance(x, numpy.ndarray | numpy.generic) and not x.ndim else x


def _in_lanes(primitive, size, values, batched, params):
    lanes = one_by_one(primitive, size, values, batched, params)
    return (library(lanes[0]) if lanes else numpy).zeros(size)


_print = _Print(_debug_print, batch=_in_lanes)
del PRIMITIVES[_print.name]  # it computes nothing
