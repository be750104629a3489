"""Loops and branches that all transformations follow."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, SupportsIndex

from . import tree
from .batch import BatchTracer
from .core import bare, levels
from .numpy import stack, where

if TYPE_CHECKING:
    from .typing import ArrayLike, Tree

__all__ = ["cond", "differs", "holds_anywhere", "map", "scan", "while_loop"]


def map(f: Callable[[Any], Any], xs: Tree) -> Tree:
    """`f` of each element along the first axis of `xs`, one after the other.

    Args:
        f: A function of nested arrays that returns nested arrays.
        xs: Nested arrays with a common length of their first axes.

    Returns:
        The results, stacked along a new first axis.

    Raises:
        ValueError: If there is no element, as the structure of the result is not known then.

    Example:
        >>> import numpy as np
        >>> map(lambda x: x @ x, np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([ 5., 25.])
    """
    if any(getattr(x, "shape", ())[:1] == (0,) for x in tree.flatten(xs)[0]):
        raise ValueError("map: needs at least one element; without one, the structure of the result is not known.")
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Tree,
    xs: Tree,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A loop with a state: `carry, y = f(carry, x)` for each element along the first axis of `xs`.

    Args:
        f: A function (carry, x) -> (carry, y).
        init: The first carry, nested arrays.
        xs: Nested arrays with a common length of their first axes; None (and `length`) if `f` needs no x.
        length: The number of steps; by default the length of `xs`.
        reverse: Start from the last element; `ys` are in the order of `xs` all the same.

    Returns:
        (carry, ys): the last carry, and all `y` stacked along a new first axis; None without any step.

    Raises:
        TypeError: If `xs` has a leaf without axes, or `y` another structure at some step.
        ValueError: If lengths differ, or `length` is negative.

    Example:
        >>> import numpy as np
        >>> scan(lambda total, x: (total + x, total + x), 0.0, np.array([1.0, 2.0, 3.0]))
        (np.float64(6.0), array([1., 3., 6.]))
    """
    if not callable(f):
        raise TypeError(f"scan: expected f as a function, got {f!r}.")
    if length is not None and not isinstance(length, SupportsIndex):
        raise TypeError(f"scan: expected length as an integer, got {length!r}.")
    leaves, structure = tree.flatten(xs)
    if not all(getattr(x, "ndim", 0) for x in leaves):
        raise TypeError("scan: expected xs of arrays with at least one axis. Make one array of a list of numbers.")
    lengths = {x.shape[0] for x in leaves} | ({operator.index(length)} if length is not None else set())
    if len(lengths) != 1:
        raise ValueError(f"scan: expected arrays of one length, or `length`, got lengths {sorted(lengths)}.")
    count = lengths.pop()
    if count < 0:
        raise ValueError(f"scan: expected a length of at least 0, got {count}.")
    carry, ys = init, [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        result = f(carry, tree.unflatten(structure, [x[i] for x in leaves]))
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise TypeError(f"scan: expected a function that returns (carry, y), got {type(result).__name__}.")
        carry, ys[i] = result
        if tree.flatten(ys[i])[1] != tree.flatten(ys[-1 if reverse else 0])[1]:
            raise TypeError(f"scan: expected a result of the same structure at every step, got another at step {i}.")
    if not count:
        return carry, None
    columns = zip(*[tree.flatten(y)[0] for y in ys], strict=True)
    return carry, tree.unflatten(tree.flatten(ys[0])[1], [stack(column) for column in columns])


def cond(
    predicate: ArrayLike, true_function: Callable[..., Any], false_function: Callable[..., Any], *operands: Tree
) -> Tree:
    """`true_function(*operands)` if the predicate holds, else `false_function(*operands)`.

    If the predicate differs between the lanes of `vmap`, both are computed and each lane takes its result; the two
    results then need one structure. Under Jit the predicate must not be traced.
    """
    if not differs(predicate):
        return true_function(*operands) if predicate else false_function(*operands)
    first, second = true_function(*operands), false_function(*operands)
    return _select(predicate, first, second, "cond: expected results of the same structure from both functions.")


def while_loop(condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Tree) -> Tree:
    """`carry = body(carry)` as long as `condition(carry)` holds.

    If the condition differs between the lanes of `vmap`, the loop runs until it holds in none, and finished lanes keep
    their values. `body` is computed for these, too, as in `where`: a derivative that is infinite there gives NaN. Under
    Jit the condition must not be traced.

    Args:
        condition: From the carry to a boolean.
        body: From the carry to the next one, in the same structure.
        init: The first carry, nested arrays.

    Returns:
        The last carry.
    """
    carry = init
    while True:
        proceed = condition(carry)
        if not differs(proceed):
            if not proceed:
                return carry
            carry = body(carry)
            continue
        if not holds_anywhere(proceed):
            return carry
        carry = _select(proceed, body(carry), carry, "while_loop: expected body to keep the structure of the carry.")


def _select(predicate, first, second, complaint):
    """`first` where the predicate holds, else `second`; TypeError with the message `complaint` if they do not match."""
    leaves, structure = tree.flatten(first)
    others = tree.leaves_along(structure, second)
    if others is None or tree.leaves_along(tree.flatten(second)[1], first) is None:
        raise TypeError(complaint)
    return tree.unflatten(structure, [where(predicate, a, b) for a, b in zip(leaves, others, strict=True)])


def differs(x: Any) -> bool:
    """Whether a value may differ from lane to lane of `vmap`."""
    return any(isinstance(t, BatchTracer) for t in levels(x))


def holds_anywhere(x: Any) -> bool:
    """Whether a boolean value holds in any lane."""
    return bool(bare(x).any())
