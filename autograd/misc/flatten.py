"""Nested arrays as vectors."""

from collections.abc import Callable
from typing import Any

from ..gradients import flatten
from ..typing import Tree

__all__ = ["flatten", "flatten_func"]


def flatten_func(func: Callable[..., Any], example: Tree) -> tuple[Callable[..., Any], Callable[[Any], Tree], Any]:
    """A function of nested arrays as a function from vectors to vectors.

    Args:
        func: `func(nested, *args)` returns nested arrays.
        example: Nested arrays like its first argument.

    Returns:
        (the function of a vector and `args`, unflatten, the vector of `example`).
    """
    vector, unflatten = flatten(example)
    return lambda x, *args: flatten(func(unflatten(x), *args))[0], unflatten, vector
