"""How every transformation calls a function: in a scope of its own, whose changes it hands back as a result."""

import gc
import weakref
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import numpy as onp

from autograd import tree
from autograd.backend import is_array
from autograd.core import Array, Reference, bare
from autograd.foreign import argument, holds_numbers

from .scope import FirstRead, Scope, Values, innermost, running
from .variable import BaseVar, as_value

__all__ = ["as_arrays", "call"]


def call(
    f: Callable[..., Any],
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    values: Mapping[BaseVar, Array] | Iterable[tuple[BaseVar, Array]] = (),
    first_read: FirstRead | None = None,
    made: list[BaseVar] | None = None,
    recorded: bool = False,
    traced: Container[BaseVar] = (),
) -> tuple[Any, Values, Values]:
    """Runs `f` in a new scope.

    Args:
        f, args, kwargs: The function and its arguments.
        values: Values for variables, {variable: value} or pairs.
        first_read, recorded, traced: See `scope.Scope`.
        made: A list that gets the variables that `f` made and that live on after it.

    Returns:
        (outputs, changes, seen): the outputs, in which variables are replaced by their values; what `f` wrote, and what
        it read from outside of the scope, {variable: value} each.
    """
    inner = Scope(values, innermost.get(), first_read, recorded, traced)
    try:  # not `with scope(...)`, within whose own code KeyboardInterrupt could leave the scope open
        running.add(inner)
        innermost.set(inner)
        outputs = tree.tree_map(_looked_up, f(*args, **kwargs))
        for x in inner.changes().values():
            bare(x)
    finally:
        try:
            innermost.set(inner.outer)
        finally:
            running.discard(inner)
    changes, seen = map(_weakly, inner.end())
    references = inner.made
    del inner  # the scope, which holds the only references to variables that `f` made and dropped
    if made is not None and any(reference() is not None for reference in references):
        gc.collect()  # variables in reference cycles do not live on
        made.extend(v for v in (reference() for reference in references) if v is not None)
    return outputs, _alive(changes), _alive(seen)


def _weakly(values: Values) -> list[tuple[weakref.ref[BaseVar], Array]]:
    return [(weakref.ref(variable), x) for variable, x in values.items()]


def _alive(values: list[tuple[weakref.ref[BaseVar], Array]]) -> Values:
    pairs = ((reference(), x) for reference, x in values)
    return {variable: x for variable, x in pairs if variable is not None}


def as_arrays(nested: Any, where: str, variables: Iterable[BaseVar] = (), among: onp.dtype[Any] | None = None) -> Any:
    """Nested arguments with arrays of any library as Arrays of a copy, on the device of the first variable, if any.

    Args:
        where: Who asks, for the error.
        variables: Those that the arguments meet.
        among: The dtype of the floating ones together, which decides that of a raw array.
    """
    like = next(iter(variables), None)

    def as_value_if_array(x):
        x = argument(x, where)
        return as_value(x, where, like, among) if is_array(x) and holds_numbers(x) else x

    return tree.tree_map(as_value_if_array, nested)


def _looked_up(x):
    bare(x)  # raises if a thread without the call's values computed it, under any number of transformations
    return x._value if isinstance(x, Reference) else x
