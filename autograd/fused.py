"""Operations that do in few steps what many others would: their derivatives take few steps, too."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from .core import Array, beside
from .primitive import Primitive, Vjp
from .write_protection import notice

if TYPE_CHECKING:
    from .typing import ArrayLike, Result

__all__ = ["Fused", "Joint", "Pullback"]


class Joint(Primitive):
    """An operation that computes the cotangents of several arguments together, which costs less than one by one.

    Args:
        forward, known: As for `Primitive`.
        pull: `(wanted, g, ...)` gives a tuple with the cotangents of the arguments at the positions `wanted`. The names
            of further parameters are those of `Vjp`. Of a result of several arrays `g` is a tuple, 0 for a part without
            a cotangent.
        active: The positions of the arguments that have a gradient.
    """

    def __init__(
        self, forward: Callable[..., Any], pull: Callable[..., tuple[Any, ...]], active: tuple[int, ...], **known: Any
    ) -> None:
        super().__init__(forward, **known)
        self.pull = pull
        self.named: Callable[..., tuple[Any, ...]] | None = Vjp(functools.partial(pull, ()), self).residuals
        self.active = active

    def vjps_of(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """A `Pullback` for each argument that has a gradient: they share what they compute."""
        wanted: list[int] = []
        known: dict[int, tuple[Any, dict[int, Any]]] = {}
        return tuple([Pullback(self, i, wanted, known) if i in self.active else None for i in range(len(args))])


class Pullback:
    """What stands for the `Vjp` of an argument in one application of a `Joint`.

    Attributes:
        i: The position of the argument.
        wanted: The positions of all arguments whose cotangents are wanted.
        known: Cotangents that are computed and not taken yet, {thread: (g, {position: cotangent})}.
    """

    __slots__ = ("i", "known", "primitive", "wanted")
    i: int
    known: dict[int, tuple[Any, dict[int, Any]]]
    primitive: Any  # the Joint
    wanted: list[int]

    def __init__(
        self, primitive: Joint, i: int, wanted: list[int], known: dict[int, tuple[Any, dict[int, Any]]]
    ) -> None:
        self.primitive, self.i, self.wanted, self.known = primitive, i, wanted, known

    @property
    def function(self) -> Pullback:
        """Itself."""
        return self

    def residuals(self, y: Any, args: Sequence[Any], params: dict[str, Any], i: int) -> tuple[Any, ...]:
        """What the pullback of the operation names; from now on the cotangent of this argument is wanted."""
        self.wanted.append(i)
        return self.primitive.named(y, args, params, i)

    def __call__(self, g: Any, *residuals: Any) -> Any:
        """The cotangent of the argument for `g`; the first one that is asked for computes those of all arguments."""
        thread = threading.get_ident()
        of, found = self.known.get(thread, (None, {}))
        if of is not g or self.i not in found:
            wanted = tuple(self.wanted)
            found = dict(zip(wanted, self.primitive.pull(wanted, g, *residuals), strict=True))
            self.known[thread] = g, found
        cotangent = found.pop(self.i)
        if not found:
            del self.known[thread]
        return cotangent

    def applied(self, g: Any, y: Any, args: Sequence[Any], params: dict[str, Any], i: int) -> Any:
        """As `Vjp.applied`."""
        return self.primitive.pull((i,), g, *self.primitive.named(y, args, params, i))[0]


class Fused(Primitive):
    """An operation in few steps, whose derivatives are those of a formula.

    Args:
        forward, known: As for `Primitive`.
        formula: `(*arrays, **params)` computes the same by operations that have derivatives.
    """

    def __init__(self, forward: Callable[..., Any], formula: Callable[..., Any], **known: Any) -> None:
        super().__init__(forward, **known)
        self.formula = formula

    def __call__(self, *args: ArrayLike, **params: Any) -> Result:
        """Applies the operation: see `Primitive.__call__`."""
        trace = None
        for a in args:
            if isinstance(a, Array) and (trace is None or a._trace.level > trace.level):
                trace = a._trace
        if trace is not None and trace.differentiates:
            for a in args:
                if isinstance(a, numpy.ndarray) and a.base is not None:
                    notice(a)  # the formula makes views of it
            with beside(*args):
                return self.formula(*args, **params)
        return super().__call__(*args, **params)
