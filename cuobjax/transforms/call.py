"""How every transformation calls a function: in a scope of its own, whose changes it hands back as a result."""

import weakref

from autograd import tree
from autograd.backend import is_array

from ..core.scope import scope
from ..core.variable import BaseVar, as_value


def call(f, args, kwargs, values=(), first_read=None):
    """Runs `f` in a new scope.

    Args:
        values: Values for variables, {variable: value} or pairs.
        first_read: See `Scope`.

    Returns:
        (outputs, changes, seen): the outputs, with the values of variables in place of these; the variables that `f`
        wrote to and those that it read from outside of the scope, {variable: value} each.
    """
    with scope(values, first_read) as inner:
        outputs = tree.tree_map(_looked_up, f(*args, **kwargs))
    found = [[(weakref.ref(v), x) for v, x in read.items()] for read in (inner.changes(), inner.seen)]
    del inner  # the scope, which holds the only references to variables that `f` made and dropped
    changes, seen = ({v(): x for v, x in pairs if v() is not None} for pairs in found)
    return outputs, changes, seen


def as_arrays(nested, beside=None):
    """Nested arguments with raw arrays as Arrays of a copy, on the device of the variable `beside` if there is one."""
    return tree.tree_map(lambda x: as_value(x, "", beside) if is_array(x) else x, nested)


def _looked_up(x):
    return x.value if isinstance(x, BaseVar) else x
