"""Loops and branches that all transformations follow."""

import operator

from . import tree
from .batch import BatchTracer
from .core import Array, bare
from .numpy import stack, where


def map(f, xs):
    """`f` of each element along the first axis of `xs`, a nested structure of arrays, one after the other.

    There must be an element: nothing else says what `f` returns.
    """
    if not all(len(x) for x in tree.flatten(xs)[0]):
        raise ValueError("map: expected at least one element, got none.")
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


def scan(f, init, xs, length=None, reverse=False):
    """A loop with a state: `carry, y = f(carry, x)` for each element along the first axis of `xs`.

    Args:
        f: A function (carry, x) -> (carry, y).
        init: The first carry, nested arrays.
        xs: Nested arrays with a common length of their first axes; None (and `length`) if `f` needs no x.
        length: The number of steps.
        reverse: Start from the last element; `ys` are in the order of `xs` all the same.

    Returns:
        (carry, ys): the last carry, and all `y` stacked along a new first axis; None without any step.
    """
    leaves, structure = tree.flatten(xs)
    if not all(getattr(x, "ndim", 0) for x in leaves):
        raise TypeError("scan: expected xs of arrays with at least one axis. Make one array of a list of numbers.")
    lengths = {x.shape[0] for x in leaves} | ({operator.index(length)} if length is not None else set())
    if len(lengths) != 1:
        raise ValueError(f"scan: expected arrays of one length, or `length`, got lengths {sorted(lengths)}.")
    count = lengths.pop()
    carry, ys = init, [None] * count
    for i in reversed(range(count)) if reverse else range(count):
        carry, ys[i] = f(carry, tree.unflatten(structure, [x[i] for x in leaves]))
        if tree.flatten(ys[i])[1] != tree.flatten(ys[-1 if reverse else 0])[1]:
            raise TypeError(f"scan: expected a result of the same structure at every step, got another at step {i}.")
    if not count:
        return carry, None
    columns = zip(*[tree.flatten(y)[0] for y in ys], strict=True)
    return carry, tree.unflatten(tree.flatten(ys[0])[1], [stack(column) for column in columns])


def cond(predicate, true_function, false_function, *operands):
    """`true_function(*operands)` if the predicate holds, else `false_function(*operands)`.

    Where `vmap` gives lanes predicates of their own, both are computed and each lane takes its result. Under Jit the
    predicate must not be traced.
    """
    if not differs(predicate):
        return true_function(*operands) if predicate else false_function(*operands)
    return _select(predicate, true_function(*operands), false_function(*operands))


def while_loop(condition, body, init):
    """`carry = body(carry)` as long as `condition(carry)` holds.

    Where `vmap` gives lanes conditions of their own, the loop runs until none holds, and lanes that are done keep their
    values. `body` is computed for these, too, as in `where`: a derivative that is infinite there gives NaN. Under Jit
    the condition must not be traced.
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
        carry = _select(proceed, body(carry), carry)


def _select(predicate, first, second):
    leaves, structure = tree.flatten(first)
    others = tree.leaves_along(structure, second)
    if others is None:
        raise TypeError("cond: expected results of one structure from both functions.")
    return tree.unflatten(structure, [where(predicate, a, b) for a, b in zip(leaves, others, strict=True)])


def differs(x):
    """Whether `vmap` gives lanes values of their own."""
    while isinstance(x, Array):
        if isinstance(x, BatchTracer):
            return True
        x = x._value
    return False


def holds_anywhere(x):
    """Whether a boolean value holds in any lane."""
    return bool(bare(x).any())
