"""Names, signatures and arguments of functions."""

import functools
import inspect
import numbers

from ..constants import ConvPadding


def class_name(x):
    """The name under which users write the class of `x`."""
    kind = type(x) if not isinstance(x, type) else x
    module = kind.__module__
    for package in ("optimizer", "random"):
        if module.startswith(f"cuobjax.{package}"):
            return f"cuobjax.{package}.{kind.__qualname__}"
    for private in ("variable", "module", "gradient"):
        if module == f"cuobjax.{private}":
            return f"cuobjax.{kind.__qualname__}"
    if module.startswith("cuobjax.nn."):
        return f"cuobjax.nn.{kind.__qualname__}"
    return f"{module}.{kind.__qualname__}"


def repr_function(f):
    """A function as its name and those of its parameters that have defaults: `leaky_relu(*, negative_slope=0.01)`."""
    try:
        parameters = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):
        parameters = []
    while isinstance(f, functools.partial):
        f = f.func
    name = getattr(f, "__name__", type(f).__name__)
    shown = [f"{p.name}={p.default!r}" for p in parameters if p.default is not p.empty]
    return f"{name}(*, {', '.join(shown)})" if shown else name


def positional_args_names(f):
    """The names of the parameters of `f` that may be given by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(f).parameters.values() if p.kind in kinds]


def local_kwargs(kwargs, f):
    """Those of `kwargs` that `f` takes; all of them if it takes any, none if it does not say."""
    if not kwargs:
        return {}
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return {}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return kwargs
    return {p.name: kwargs[p.name] for p in parameters if p.name in kwargs}


def to_tuple(v, n):
    """`v` as a tuple of `n` items: a number n times, a tuple or list as it is."""
    items = (v,) * n if isinstance(v, numbers.Number) else tuple(v)
    if len(items) != n:
        raise ValueError(f"to_tuple: expected a number or {n} of them, got {v}.")
    return items


def to_padding(padding, ndim):
    """Padding as "SAME", "VALID" or a pair (before, after) for each of `ndim` spatial axes.

    Args:
        padding: One of those, a `ConvPadding`, a number, or one pair for all axes.
    """
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
