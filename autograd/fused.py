"""Operations that do in few steps what many others would: their derivatives take few steps, too."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from .core import Array, beside
from .primitive import Primitive
from .residuals import Vjp
from .write_protection import notice

if TYPE_CHECKING:
    from .typing import ArrayLike, Result

__all__ = ["Fused", "Joint", "Pullback", "Together"]


class Together:
    """Cotangents of several arguments of one application: the first one that is asked for computes all of them.

    Each is taken once. Threads that pull different cotangents back do not meet.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: dict[int, tuple[Any, dict[int, Any]]] = {}  # {thread: (g, {argument: cotangent, not taken yet})}

    def taken(self, g: Any, i: int, compute: Callable[[], dict[int, Any]]) -> Any:
        """The cotangent of argument `i` for `g`; `compute()` gives those of all arguments, {argument: cotangent}."""
        thread = threading.get_ident()
        of, left = self._left.get(thread, (None, {}))
        if of is not g or i not in left:
            left = compute()
            self._left[thread] = g, left
        cotangent = left.pop(i)
        if not left:
            del self._left[thread]
        return cotangent


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
        together = Together()
        return tuple([Pullback(self, i, wanted, together) if i in self.active else None for i in range(len(args))])


class Pullback:
    """What stands for the `Vjp` of an argument in one application of a `Joint`.

    Attributes:
        i: The position of the argument.
        wanted: The positions of all arguments whose cotangents are wanted.
        together: What it shares with those of the other arguments.
    """

    __slots__ = ("i", "primitive", "together", "wanted")
    i: int
    primitive: Any  # the Joint
    together: Together
    wanted: list[int]

    def __init__(self, primitive: Joint, i: int, wanted: list[int], together: Together) -> None:
        self.primitive, self.i, self.wanted, self.together = primitive, i, wanted, together

    @property
    def function(self) -> Pullback:
        """Itself."""
        return self

    def residuals(self, y: Any, args: Sequence[Any], params: dict[str, Any], i: int) -> tuple[Any, ...]:
        """What the pullback of the operation names; from now on the cotangent of this argument is wanted."""
        self.wanted.append(i)
        return self.primitive.named(y, args, params, i)

    def __call__(self, g: Any, *residuals: Any) -> Any:
        """The cotangent of the argument for `g`."""
        return self.together.taken(g, self.i, functools.partial(self._all, g, *residuals))

    def _all(self, g, *residuals):
        wanted = tuple(self.wanted)
        return dict(zip(wanted, self.primitive.pull(wanted, g, *residuals), strict=True))

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
