"""The derivatives of operations of your own, in HIPS autograd's spelling: `defvjp`, `defjvp` and their variants."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

from . import tree
from .core import Array, Tracer, dereferenced
from .gradients import stop_gradient
from .operation import UndefinedDerivative, UserPrimitive
from .reverse import TapeTracer

__all__ = [
    "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp", "defvjp_argnum", "defvjp_argnums", "getval",
    "notrace_primitive", "register_notrace",
]  # fmt: skip


def _own(function, where):
    """The operation that `primitive` returned; None for another function, which is differentiated as it is."""
    if isinstance(function, UserPrimitive):
        return function
    if not callable(function):
        raise TypeError(f"{where}: expected what `primitive` returned, got {type(function).__name__}.")
    if (getattr(function, "__module__", None) or "").partition(".")[0] != "autograd":
        name = getattr(function, "__name__", function)
        warnings.warn(f"{where}: {name!r} is not what `primitive` returned, the rule is ignored", stacklevel=3)
    return None


def defvjp(operation: Any, *makers: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> None:
    """Defines the reverse-mode derivatives of a `primitive`.

    Args:
        operation: What `primitive` returned. A function of this library keeps its own derivatives, and so, with a
            warning, does any other one.
        makers: For each argument `maker(y, *args, **params)`, given the result and the arguments, which returns the
            function from the cotangent of the result to that of the argument, nested like them. Write it with functions
            of autograd.numpy, so that it can be differentiated. None for an argument that has no derivative.
        argnums: The positions of these arguments; 0, 1, ... by default.
    """
    own = _own(operation, "defvjp")
    if own is not None:
        own.joint, own.makers = None, {**own.makers, **_by_position("defvjp", makers, argnums)}


def _by_position(where, rules, argnums, words=(None,)):
    for rule in rules:
        if not callable(rule) and not (isinstance(rule, str | None) and rule in words):
            expected = " or ".join(["a function", *map(repr, words)])
            raise TypeError(f"{where}: expected {expected} for each argument, got {rule!r}.")
    return dict(zip(range(len(rules)) if argnums is None else argnums, rules, strict=argnums is None))


def defvjp_argnum(operation: Any, maker: Callable[..., Any]) -> None:
    """Defines the reverse-mode derivatives of a `primitive` by one maker for all arguments.

    Args:
        operation: As for `defvjp`.
        maker: `maker(position, y, args, params)` returns the function from the cotangent of the result to that of the
            argument at this position.
    """

    def together(positions, *known):
        pulls = [maker(i, *known) for i in positions]
        return lambda g: [pull(g) for pull in pulls]

    defvjp_argnums(operation, together)


def defvjp_argnums(operation: Any, maker: Callable[..., Any]) -> None:
    """Defines the reverse-mode derivatives of a `primitive` for all arguments together.

    Args:
        operation: As for `defvjp`.
        maker: `maker(positions, y, args, params)` returns the function from the cotangent of the result to those of the
            arguments at these positions, in this order. It is called in the backward pass.
    """
    own = _own(operation, "defvjp_argnums")
    if own is not None:
        own.joint = maker


def defjvp(
    operation: Any, *rules: Callable[..., Any] | Literal["same"] | None, argnums: Sequence[int] | None = None
) -> None:
    """Defines the forward-mode derivatives of a `primitive`; without `defvjp` reverse mode follows from them.

    Args:
        operation: As for `defvjp`.
        rules: For each argument `rule(t, y, *args, **params)`, which returns the tangent of the result, given that of
            the argument; "same" if the operation is linear in it (reverse mode cannot follow from that); None if it has
            no derivative.
        argnums: The positions of these arguments; 0, 1, ... by default.
    """
    known = _by_position("defjvp", rules, argnums, (None, "same"))

    def tangent(i, t, y, args, params):
        if i not in known:
            name = operation.name
            raise UndefinedDerivative(f"{name}: has no derivative with respect to argument {i}. Define one: defjvp.")
        if known[i] == "same":
            return operation(*args[:i], t, *args[i + 1 :], **params)
        return known[i] and known[i](t, y, *args, **params)

    defjvp_argnum(operation, tangent)
    if isinstance(operation, UserPrimitive):
        operation.linear = frozenset([i for i, rule in known.items() if rule == "same"])


def defjvp_argnum(operation: Any, rule: Callable[..., Any]) -> None:
    """Defines the forward-mode derivatives of a `primitive` by one rule for all arguments.

    Args:
        operation: As for `defvjp`.
        rule: `rule(position, t, y, args, params)` returns the tangent of the result, given that of the argument at this
            position.
    """

    def together(positions, tangents, *known):
        return functools.reduce(_added, [rule(i, t, *known) for i, t in zip(positions, tangents, strict=True)])

    defjvp_argnums(operation, together)


def _added(a, b):
    """The sum of two nested tangents; None stands for zero."""
    if a is None or b is None:
        return a if b is None else b
    leaves, structure = tree.flatten(a)
    pairs = zip(leaves, tree.leaves_along(structure, b) or (), strict=True)
    return tree.unflatten(structure, [x + y for x, y in pairs])


def defjvp_argnums(operation: Any, rule: Callable[..., Any]) -> None:
    """Defines the forward-mode derivatives of a `primitive` for all arguments together.

    Args:
        operation: As for `defvjp`.
        rule: `rule(positions, tangents, y, args, params)` returns the tangent of the result, given those of the
            arguments at these positions.
    """
    own = _own(operation, "defjvp_argnums")
    if own is not None:
        own.push, own.linear = rule, ()


def def_linear(operation: Any) -> None:
    """Says that a `primitive` is linear in each of its arguments: its forward-mode derivative is the operation itself.

    Args:
        operation: As for `defvjp`.
    """
    own = _own(operation, "def_linear")
    if own is not None:
        defjvp_argnum(own, lambda i, t, y, args, params: own(*args[:i], t, *args[i + 1 :], **params))
        own.linear = range(sys.maxsize)


def getval(x: Any) -> Any:
    """The raw array or number under a traced value, through all levels of grad and jvp; anything else unchanged.

    What differs from lane to lane in a vmap, or stands for an input in Jit, has no one value: it comes back traced, but
    without a derivative.

    Raises:
        TypeError: If `x` is a cotangent in forward mode, where the pullback is transposed.
    """
    found = x
    while isinstance(found, Array):
        if isinstance(found, Tracer) and not found._trace.differentiates:
            return stop_gradient(x)
        if isinstance(found, TapeTracer) and found._trace.transposes:
            raise found._trace.forced(found, "getval")
        found = dereferenced(found)._value
    return found


def _value(x):
    """The same for functions that need the numbers."""
    found = getval(x)
    if isinstance(found, Tracer):
        raise found._trace.forced(found, "its value")
    return found


def notrace_primitive(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the raw arrays and numbers under traced values: its results have no derivative.

    Args:
        function: Any function, such as one that returns shapes or texts.
    """

    @functools.wraps(function)
    def untraced(*args: Any, **params: Any) -> Any:
        return function(*map(_value, args), **{name: _value(x) for name, x in params.items()})

    return untraced


def register_notrace(kind: Any, operation: Any) -> None:
    """Says that the results of a `primitive` have no derivative.

    Args:
        kind: The class of nodes for which HIPS autograd says this; here it holds for all transformations.
        operation: As for `defvjp`.
    """
    own = _own(operation, "register_notrace")
    if own is not None:
        own.traced = False


def __dir__() -> list[str]:
    return __all__
