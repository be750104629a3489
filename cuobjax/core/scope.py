"""Scopes: the one place where a call sees other values in variables than those they store.

A transformation runs a function in a scope, an overlay {variable: value}. Reading a variable looks through the scopes
from the innermost one outwards and then at what the variable stores; writing goes to the innermost scope. When the call
has succeeded, the transformation hands the changed values to the caller's scope; after an exception it does not, and
nothing has happened. Each thread, and each asyncio task, has its own scopes.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import repeat
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar

from autograd.checkpointing import Run, running_in
from autograd.core import Array, Tracer, dereferenced

if TYPE_CHECKING:
    from .variable import BaseVar

__all__ = [
    "FirstRead", "Loan", "Scope", "Values", "at_once", "innermost", "is_in", "is_open", "loan", "made", "outside",
    "read", "read_all", "running", "scope", "write",
]  # fmt: skip

P = ParamSpec("P")
R = TypeVar("R")
Values: TypeAlias = dict["BaseVar", Array]
FirstRead: TypeAlias = Callable[["BaseVar", Array], Array]
innermost: ContextVar[Scope | None] = ContextVar("cuobjax.core.scope", default=None)
"""The scope in which this thread or task is."""
_first = threading.RLock()
running: set[Scope] = set()
"""The scopes of calls that run in any thread."""


class Loan:
    """What a transformation that runs outside of all scopes read of random states, and will replace.

    Attributes:
        elsewhere: The calls in other threads that give what it read other values.
        ended: Whether the transformation has returned; threads that it left behind may still refer to it.
        values: {reference to a variable: value}.
    """

    __slots__ = ("__weakref__", "elsewhere", "ended", "values")

    def __init__(self) -> None:
        self.elsewhere: list[Scope] = []
        self.ended: bool = False
        self.values: dict[weakref.ref[BaseVar], Array] = {}

    def given_back(self, values: Mapping[BaseVar, Array]) -> Values:
        """The values to write: not those of variables that somebody else wrote to meanwhile."""
        lent = {variable: self.values.get(weakref.ref(variable), variable.stored) for variable in values}
        return {variable: value for variable, value in values.items() if lent[variable] is variable.stored}


loan: ContextVar[Loan | None] = ContextVar("cuobjax.core.loan", default=None)
"""That of the transformation that runs in this thread or task."""

_replaced: ContextVar[Values | None] = ContextVar("cuobjax.core.scope.replaced", default=None)


class Scope:
    """Values that variables have during a call.

    Attributes:
        values: The value of each variable that this scope holds.
        written: The variables that were written to, in order.
        seen: What was read through this scope from outside of it, {variable: value}.
        outer: The scope around this one, None for the outermost.
        first_read: Called as `(variable, value)` at the first read of a variable from outside; its result is what the
            scope sees from then on. None if that is the value itself.
        run: The run of a function under `autograd.checkpoint` that opened it; None without one.
        recorded: Whether what variables are read for is recorded, to run again with other values in them.
        traced: The variables in whose place `first_read` gives values that a transformation traces.
        made: References to the variables that were made in this scope and in those within it.
        ended: Whether the call has returned. Tasks with a copy of its context may go on: they read and write outside of
            it. What belongs to a call that failed has no effect, also later.
    """

    __slots__ = (
        "__weakref__", "ended", "first_read", "made", "outer", "recorded", "run", "seen", "traced", "values", "written",
    )  # fmt: skip

    def __init__(
        self,
        values: Mapping[BaseVar, Array] | Iterable[tuple[BaseVar, Array]],
        outer: Scope | None,
        first_read: FirstRead | None = None,
        recorded: bool = False,
        traced: Container[BaseVar] = (),
    ) -> None:
        self.values: Values = dict(values)
        self.written: dict[BaseVar, None] = {}
        self.seen: Values = {}
        self.outer: Scope | None = outer
        self.first_read: FirstRead | None = first_read
        self.recorded: bool = recorded
        self.traced: Container[BaseVar] = traced
        self.made: list[weakref.ref[BaseVar]] = []
        self.ended: bool = False
        self.run: Run | None = running_in.get()

    def changes(self) -> Values:
        """The variables that were written to, with their values."""
        return {variable: self.values[variable] for variable in self.written}

    def end(self) -> tuple[Values, Values]:
        """Ends the call, whose values nobody sees from now on; gives its changes and what it read from outside."""
        changes, seen, self.ended = self.changes(), self.seen, True
        self.values, self.written, self.seen = {}, {}, {}
        return changes, seen


@contextmanager
def scope(
    values: Mapping[BaseVar, Array] | Iterable[tuple[BaseVar, Array]] = (), first_read: FirstRead | None = None
) -> Iterator[Scope]:
    """Opens a scope with values for variables, a dictionary or pairs, and yields it."""
    outer = innermost.get()
    opened = Scope(values, outer, first_read)
    try:
        innermost.set(opened)
        yield opened
    finally:
        innermost.set(outer)


@contextmanager
def outside() -> Iterator[None]:
    """A context in which no scope is open: for what is as if it had been made before the call."""
    inner = innermost.get()
    try:
        innermost.set(None)
        yield
    finally:
        innermost.set(inner)


def at_once(f: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls a function that writes to variables: after an exception, they have the values from before.

    Where no scope is open, this notes what `write` replaces; a scope would make every read slower.
    """
    if innermost.get() is not None:
        with scope() as opened:
            result = f(*args, **kwargs)
        write(opened.changes())
        return result
    around = _replaced.get()
    replaced: Values = {}
    try:
        _replaced.set(replaced)
        result = f(*args, **kwargs)
    except BaseException:
        _store(replaced)
        raise
    finally:
        _replaced.set(around)
    if around is not None:
        around |= {variable: value for variable, value in replaced.items() if variable not in around}
    return result


def is_open() -> bool:
    """Whether a scope is open in this thread."""
    return innermost.get() is not None


def is_in(call: Scope) -> bool:
    """Whether this thread runs for a call, in its scope or in one within it."""
    opened = innermost.get()
    while opened is not None and opened is not call:
        opened = opened.outer
    return opened is call


def made(variable: BaseVar) -> None:
    """Notes in all open scopes that a variable was made."""
    opened = innermost.get()
    while opened is not None:
        opened.made.append(weakref.ref(variable))
        opened = opened.outer


def read(variable: BaseVar) -> Array:
    """The value of a variable where it is read."""
    inner = innermost.get()
    if inner is not None:
        return _read(variable, inner)
    return variable.read_elsewhere() if running else variable.stored


def read_all(variables: Iterable[BaseVar]) -> list[Array]:
    """The values of variables that store one, where they are read."""
    if running or innermost.get() is not None:
        return [read(variable) for variable in variables]
    return [variable.stored for variable in variables]


def _read(variable: BaseVar, scope: Scope) -> Array:
    value = scope.values.get(variable)
    if value is None:
        value = scope.seen.get(variable)
    if value is None:
        value = variable.lent() if scope.outer is None else _read(variable, scope.outer)
        if scope.ended:
            return value
        if scope.first_read is None:
            scope.seen[variable] = value
            return value
        with _first:  # threads that were started with this scope may read at once
            if variable not in scope.seen:
                scope.seen[variable] = scope.first_read(variable, value)
            value = scope.seen[variable]
    return value


def write(values: Mapping[BaseVar, Array]) -> None:
    """Gives variables values, {variable: value}: in the innermost scope; for good where none is open.

    Raises:
        TypeError: If a value is traced where no scope is open, so that it would outlive its transformation; nothing is
            written then.
    """
    inner = innermost.get()
    while inner is not None and inner.ended:
        inner = inner.outer
    run = running_in.get()
    if run is not None and values:
        variable = next(iter(values))
        run.changes(f"a {type(variable).__name__} of shape {variable.shape}", None if inner is None else inner.run)
    if inner is not None:
        inner.values.update(values)
        inner.written.update(dict.fromkeys(values))
        return
    if running:
        values = {variable: dereferenced(value) for variable, value in values.items()}
    for variable, value in values.items():
        if isinstance(value, Tracer):
            raise TypeError(
                f"{type(variable).__name__}: expected a plain array outside of cuobjax's transformations, got a traced "
                "one. Use cuobjax.Grad or GradValues in place of autograd.grad, or assign stop_gradient(x)."
            )
    borrowed = loan.get()
    if borrowed is not None and borrowed.values:
        values = borrowed.given_back(values)
    replaced = _replaced.get()
    if replaced is not None:
        for variable in values:
            replaced.setdefault(variable, variable.stored)
    _store(values)


def _store(values: Mapping[BaseVar, Array]) -> None:
    """Stores all values: no signal handler and no other thread comes in between."""
    deque(map(setattr, values, repeat("stored"), values.values()), maxlen=0)
