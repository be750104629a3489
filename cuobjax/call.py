"""How every transformation calls a function: in a scope of its own, whose changes it hands back as a result."""

from autograd import tree

from .scope import scope
from .variable import BaseVar


def call(f, args, kwargs, values=()):
    """Runs `f` in a new scope.

    Args:
        values: Values for variables, {variable: value} or pairs.

    Returns:
        (outputs, changes, seen): the outputs, with the values of variables in place of these; the variables that `f`
        wrote to and those that it read from outside of the scope, {variable: value} each.
    """
    with scope(values) as inner:
        outputs = tree.tree_map(_looked_up, f(*args, **kwargs))
    return outputs, inner.changes(), inner.seen


def _looked_up(x):
    return x.value if isinstance(x, BaseVar) else x
