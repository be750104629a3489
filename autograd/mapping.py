"""`vmap`: a function of one example as a function of a batch. Loops and branches that all transformations follow."""

import dataclasses
import functools
import operator

from . import backend, tree
from .batch import Batch, BatchTracer
from .core import Array, bare, lift, settled
from .numpy import asarray, moveaxis, stack, where
from .numpy._common import complete_axis
from .ops.shape import broadcast_to
from .transforms import own, shown


def vmap(f, in_axes=0, out_axes=0):
    """The function that applies `f` to every element along an axis of its arguments, in one go.

    Args:
        f: A function of nested arrays, which sees one element at a time: arrays without the mapped axis.
        in_axes: The axis of each argument to map over; None for one that is the same for all. A number for all
            arguments, or a tuple with an entry for each: a number, None, or for a nested argument a structure that
            begins like it.
        out_axes: Where the mapped axis stands in the outputs, in the same way; None for an output that is the same
            for all.

    Returns:
        A function with the arguments of `f`. Keyword arguments are mapped over their first axis; numbers and what is
        no array are the same for all only if their axis is None.

    Raises:
        ValueError: If the lengths of the mapped axes differ.

    Example:
        >>> import autograd.numpy as np
        >>> vmap(np.dot, in_axes=(0, None))(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
        array([3., 7.])
    """

    @functools.wraps(f)
    def mapped(*args, **kwargs):
        if isinstance(in_axes, (tuple, list)) and len(in_axes) != len(args):
            raise TypeError(f"vmap: expected in_axes for {len(args)} arguments, got {in_axes!r}.")
        leaves, structure = tree.flatten((args, kwargs))
        axes = [*_along(in_axes, args, "in_axes"), *_along(0, kwargs, "in_axes")]
        raw = not any(isinstance(x, Array) for x in leaves)
        values = [_in_front(x, axis) for x, axis in zip(leaves, axes, strict=True)]
        batch = Batch(_size(values, axes))
        inputs = [x if axis is None else batch.tracer(x) for x, axis in zip(values, axes, strict=True)]
        args, kwargs = tree.unflatten(structure, inputs)
        try:
            output = f(*args, **kwargs)
        finally:
            batch.ended = True
        leaves, structure = tree.flatten(output)
        axes = _along(out_axes, output, "out_axes")
        outputs = [_out(batch, y, axis, raw, values) for y, axis in zip(leaves, axes, strict=True)]
        return tree.unflatten(structure, outputs)

    return mapped


def _along(axes, part, where):
    """The axis of each leaf of `part`, given a structure that begins like it."""
    if axes is None or hasattr(axes, "__index__"):
        return [axes if axes is None else operator.index(axes)] * tree.count(tree.flatten(part)[1])
    if dataclasses.is_dataclass(axes) and type(axes) is type(part):
        names = [field.name for field in dataclasses.fields(axes) if not field.metadata.get("static")]
        pairs = [(getattr(axes, name), getattr(part, name)) for name in names]
    elif isinstance(axes, (tuple, list)) and isinstance(part, (tuple, list)) and len(axes) == len(part):
        pairs = list(zip(axes, part, strict=True))
    elif isinstance(axes, dict) and isinstance(part, dict) and axes.keys() == part.keys():
        pairs = [(axes[key], value) for key, value in part.items()]
    else:
        raise TypeError(f"vmap: expected {where} that begin like the {where[:-5]}put, got {axes!r}.")
    return [axis for pair in pairs for axis in _along(*pair, where)]


def _in_front(x, axis):
    """The value under an argument with its mapped axis in front."""
    if axis is None:
        return lift(x)
    x = settled(x)
    if not (isinstance(x, Array) or backend.is_array(x)) or not x.ndim:
        got = f"shape {x.shape}" if hasattr(x, "shape") else type(x).__name__
        raise TypeError(f"vmap: expected an array with axis {axis}, got {got}. Its axis is None if all share it.")
    return moveaxis(x, axis, 0) if complete_axis(axis, x.ndim) else x


def _size(values, axes):
    sizes = {x.shape[0] for x, axis in zip(values, axes, strict=True) if axis is not None}
    if len(sizes) != 1:
        raise ValueError(
            f"vmap: expected mapped axes of one length, got lengths {sorted(sizes)}."
            if sizes
            else "vmap: expected at least one argument with a mapped axis, got none."
        )
    return sizes.pop()


def _out(batch, y, axis, raw, inputs):
    """An output as the caller sees it."""
    if not isinstance(y, Array) and not backend.is_array(y) and not isinstance(y, (int, float, complex)):
        return y
    value, batched = batch.value(y)
    if axis is None:
        if batched:
            raise ValueError("vmap: expected an output that all share where out_axes is None, got one that differs.")
        return own(shown(value, raw), inputs)
    if not batched:
        value = asarray(value)
        value = broadcast_to(value, shape=(batch.size, *value.shape))
    return own(shown(moveaxis(value, 0, axis) if complete_axis(axis, value.ndim) else value, raw), inputs)


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
