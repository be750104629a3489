"""What a thread reads while a call in another thread gives variables other values.

A thread that a function starts has no scope, so it finds what variables store: a gradient would be lost, and a recorded
program would have a constant. Whether a thread works for such a call or for itself, to save or to evaluate a network,
shows only where its results go. So they are marked: the call raises an error when it uses one, and everywhere else they
are Arrays as any other. The same holds for what runs in another context of the same thread.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import tree
from autograd.core import Array, Interpreter, Reference, dereferenced, lift

from .scope import Scope, innermost

if TYPE_CHECKING:
    from autograd.typing import Tree

__all__ = ["FromElsewhere", "marked"]

_new = object.__new__


class FromElsewhere(Reference):
    """An Array that was read outside of calls, or computed of such Arrays, while the calls ran."""

    __slots__ = ("_plain", "_trace")
    _plain: Array
    _trace: _Elsewhere  # type: ignore[assignment]

    @property
    def _value(self) -> Array:
        self._trace.require_outside()
        return self._plain

    def __copy__(self) -> FromElsewhere:
        return self

    def __deepcopy__(self, memo: Any) -> FromElsewhere:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dereferenced, (self._value,)


class _Elsewhere(Interpreter):
    """Runs operations as if their arguments were not marked, and marks their results.

    Its level is below that of all transformations: what they compute is marked, too.
    """

    __slots__ = ("calls",)
    calls: frozenset[weakref.ref[Scope]]

    def __init__(self, calls: frozenset[weakref.ref[Scope]]) -> None:
        self.level, self.ended = 0.5, False
        self.calls = calls

    def apply(self, primitive: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        calls = self.calls.union(*[a._trace.calls for a in args if isinstance(a, FromElsewhere)])
        y = primitive(*[a._value if isinstance(a, FromElsewhere) else a for a in args], **params)
        return _Elsewhere(calls).marked(y)

    def marked(self, y: Any) -> Any:
        """A result of an operation, or the parts of one, marked for those of the calls that still run."""
        if type(y) is tuple:
            return tuple(map(self.marked, y))
        y, calls = lift(y), self.calls
        if isinstance(y, FromElsewhere):
            y, calls = y._plain, calls | y._trace.calls
        calls = frozenset([call for call in calls if call() is not None])
        if not isinstance(y, Array) or not calls:
            return y
        array = _new(FromElsewhere)
        array._trace, array._plain = _Elsewhere(calls), y
        return array

    def require_outside(self) -> None:
        """Raises RuntimeError in one of the calls."""
        inner = innermost.get()
        while inner is not None:
            if weakref.ref(inner) in self.calls:
                raise RuntimeError(
                    "Threads: got a value that a thread computed without the values which variables have in this call: "
                    "gradients would be lost, and a recorded program would have a constant. Run each task in a copy of "
                    "the context: pool.submit(contextvars.copy_context().run, f, x), or asyncio.to_thread(f, x)."
                )
            inner = inner.outer


def marked(values: Tree, call: Scope) -> Tree:
    """Values that were read while `call` ran in another thread and gave their variables others, or results of them."""
    return tree.tree_map(_Elsewhere(frozenset([weakref.ref(call)])).marked, values)
