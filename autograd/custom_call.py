"""One call of a function with a derivative of its own, as a primitive of the arrays in its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .boundary import shown
from .core import Array, Tracer, kind_of, levels, lift
from .dtypes import in_these_rules, is_inexact
from .errors import line_of_user, noted
from .foreign import argument
from .forward import zeros_like
from .gradients import vjp
from .mapping import vmap
from .nested import Nested
from .numpy._common import as_array
from .primitive import Primitive
from .residuals import Vjp

__all__ = ["Call", "Layout", "take_arrays"]


class Layout:
    """How the arrays of a call are nested; all but `arguments` is set when `f` or `fwd` runs, before it is read.

    Attributes:
        arguments: The arguments that may be differentiated.
        output: The output of `f` or of `fwd`.
        residuals: The residuals that `fwd` returned.
        like: The shape and dtype of each array in the arguments of `fwd`.
    """

    arguments: Nested
    output: Nested
    residuals: Nested
    like: list[tuple[Any, Any]]

    def __init__(self, arguments: Nested) -> None:
        self.arguments = arguments

    @property
    def outputs(self) -> int:
        """The number of arrays in the output."""
        return len(self.output.places)


class Call(Primitive):
    """One call of a function with a derivative of its own, as a primitive of the arrays in its arguments.

    Its result is a tuple of arrays: the outputs and, where it is differentiated, the residuals after them. It is itself
    the `Vjp` for each of its arguments, with `residuals`, `function` and `applied`.

    Args:
        name: Of the function.
        primal: From arrays to the outputs.
        forward: From arrays to outputs and residuals.
        pull: From (residuals, cotangents of the outputs) to cotangents of the arrays, None for zero.
        push: From (arrays, tangents) to the tangents of the outputs, in place of `pull`.
        layout: Filled in by `primal` and `forward`.
    """

    primal: Callable[..., Any]
    pull: Any
    push: Any
    layout: Layout

    def __init__(
        self,
        name: str,
        primal: Callable[..., Any],
        forward: Callable[..., Any],
        pull: Callable[..., Any] | None,
        push: Callable[..., Any] | None,
        layout: Layout,
    ) -> None:
        self.name, self.kind, self.arguments, self.variadic = name, "", (), "args"
        self.primal, self.forward = in_these_rules(primal), in_these_rules(forward)
        self.pull, self.push = pull and in_these_rules(pull), push and in_these_rules(push)
        self.layout = layout
        self.batch = _batch_call
        self._shared: tuple[tuple, Any] = (), None
        self._level: float = 0  # of the transformation that applies the derivative

    @property
    def jvp(self) -> Any:
        return self.push and self._tangents

    def dispatch(self, args: Sequence[Any]) -> Any:
        """The outputs for arrays; the innermost transformation of the arguments applies the derivative."""
        trace = max((a._trace for a in args if isinstance(a, Array)), key=lambda trace: trace.level, default=None)
        if trace is None:
            return self._applied(self.primal, args)
        applied = object.__new__(Call)  # with a level of its own: a program has this one, which several threads may run
        applied.__dict__.update(self.__dict__, _level=trace.level)
        return trace.apply(applied, args, {})[: self.layout.outputs]  # without residuals

    def __call__(self, *args: Any, **params: Any) -> Any:
        """What an interpreter applies one level below: residuals must have derivatives there, so `fwd` itself runs."""
        return self.dispatch(args) if self.push else self.run(args, params)

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self._applied(self.forward, args)

    def _applied(self, function, args):
        results = function(*map(lift, args))
        level = max((a._trace.level for a in args if isinstance(a, Array)), default=0)
        if any(isinstance(y, Tracer) and y._trace.level > level for y in results):
            raise TypeError(
                f"{self.name}: the function uses a traced value from outside, whose gradient would be lost. Pass that "
                "value as an argument."
            )
        return tuple([shown(y, raw=True) for y in results])

    def vjps_of(self, args: Any) -> Any:
        return (self,) * len(args)

    vjps = ()

    def residuals(self, y: Any, args: Sequence[Any], params: dict[str, Any], i: int) -> Any:
        """One function for all arguments, so that it runs once, and the argument."""
        residuals = tuple(args) if self.push else y[self.layout.outputs :]
        known, pull = self._shared
        if pull is None or any(a is not b for a, b in zip(known, residuals, strict=True)):
            what = self.name, self._level, self.pull, self.push, self.layout, residuals, line_of_user()
            pull = _Once(functools.partial(_pulled, *what))
            self._shared = residuals, pull
        return pull, i

    @staticmethod
    def function(g: Any, pull: Callable[..., Any], i: int) -> Any:
        return pull(g)[i]

    applied = Vjp.applied

    def _tangents(self, active, y, values, directions, params):
        directions = [zeros_like(x) if t is None else t for x, t in zip(values, directions, strict=True)]
        return _of_arguments_alone(self.name, self._level, self.push(values, directions))


def _of_arguments_alone(name, level, derivatives):
    """`derivatives`, unless they depend on values that the transformation at `level` traces: it has replaced those."""
    for x in derivatives:
        if any(isinstance(t, Tracer) and t._trace.level == level for t in levels(x)):
            raise TypeError(
                f"{name}: its derivative uses a traced value from outside, whose gradient would be lost. Pass that "
                "value as an argument, and from `fwd` on to `bwd` as a residual."
            )
    return derivatives


def _pulled(name, level, pull, push, layout, residuals, line, cotangents):
    """The cotangents of all arguments of a call; a function, as a method would make a cycle with its call."""
    cotangents = cotangents[: layout.outputs]
    with noted(f"in the derivative of {name}, called at {line}"):
        if push is None:
            return _of_arguments_alone(name, level, pull(residuals, cotangents))
        places = [i for i, x in enumerate(residuals) if is_inexact(x.dtype)]
        zeros = [zeros_like(x) for x in residuals]

        def tangents(*active):
            changed = dict(zip(places, active, strict=True))
            tangents = push(residuals, [changed.get(i, zero) for i, zero in enumerate(zeros)])
            return _of_arguments_alone(name, level, tangents)

        found = dict(zip(places, vjp(tangents, *[zeros[i] for i in places])[1](cotangents), strict=True))
        return tuple([found.get(i, zero) for i, zero in enumerate(zeros)])


class _Once:
    """A function whose result is computed once as long as it is called with the same argument."""

    def __init__(self, function):
        self._function, self._last = function, (None, None)

    def __call__(self, argument):
        of, result = self._last
        if of is not argument:
            result = self._function(argument)
            self._last = argument, result  # at once: several threads may pull cotangents back
        return result


def _batch_call(call, size, values, batched, params):
    """The call of all lanes: that of the mapped function, with the mapped derivative."""
    axes = tuple(0 if b else None for b in batched)
    pull = call.pull and vmap(call.pull)
    push = call.push and vmap(call.push, in_axes=(axes, axes))
    primal, forward = vmap(call.primal, in_axes=axes), vmap(call.forward, in_axes=axes)
    return Call(call.name, primal, forward, pull, push, call.layout).dispatch(values)


def take_arrays(nested: Any, numbers: bool = False) -> tuple[list[Any], Nested]:
    """The arrays in nested containers, and the rest; with `numbers`, Python's floats and complex numbers, too."""
    leaves, structure = tree.flatten(nested)
    if numbers:
        leaves = [as_array(x) if kind_of(x) in (float, complex) else x for x in leaves]
    return Nested.of([argument(x, "custom function", copy=True) for x in leaves], structure)
