"""Reverse mode: a tape of what was computed, and one pass over it backwards."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from .backend import several_gpus
from .core import Array, Interpreter, NeedsValue, Tracer, bare, escaped, levels, library, lift
from .dtypes import follows_numpy
from .families import is_half
from .fused import Pullback
from .gpus import current_gpu, use_gpu_of
from .ops.elementwise import astype, real
from .ops.reduction import sum
from .write_protection import Held, kept, release

if TYPE_CHECKING:
    import numpy

    from .primitive import Primitive

__all__ = [
    "Tape", "TapeTracer", "conformed", "follow", "generic", "in_rule", "live_tapes", "without_derivative",
    "without_value",
]  # fmt: skip

_new = object.__new__
_thread = threading.local()
_first_hold = threading.Lock()
_used = (None, (), None, None)


def live_tapes() -> list[Tape]:
    """The tapes that this thread has made and that something still refers to."""
    return [tape for tape in [reference() for reference in list(_references())] if tape is not None]


def _references():
    """Weak references to the tapes of this thread, {reference: None}.

    Not a WeakSet, and no `__del__` of Tape: Python drops a KeyboardInterrupt that comes in their code.
    """
    if not hasattr(_thread, "tapes"):
        _thread.tapes = {}
    return _thread.tapes


@contextlib.contextmanager
def in_rule() -> Iterator[None]:
    """A context in which this thread computes a derivative of a user's that may use traced values after their end.

    They may come from objects that the tape does not look into. Such a value counts as what it is one level below.
    """
    before, _thread.in_rule = getattr(_thread, "in_rule", False), True
    try:
        yield
    finally:
        _thread.in_rule = before


class TapeTracer(Tracer):
    """A value on a tape, at a position of it."""

    __slots__ = ("_position",)
    _position: int
    _trace: Tape


class Tape(Interpreter):
    """Records the primitives that are applied to its tracers, in order.

    Attributes:
        nodes: For each recorded value a tuple (primitive, edges, shape, dtype). An edge (position, vjp, residuals)
            leads to an argument that is on the tape: the cotangent `g` of the value adds `vjp(g, *residuals)` to that
            of the argument. Residuals are what the vjp names and nothing else. For a checkpoint the primitive is an
            object without edges whose `replay(tape, gradients, position, consume)` passes the cotangent on.
        nested: Whether values on this tape may be tracers of other interpreters.
        lines: {position: (line of the user, seconds)} within a context of `autograd.debugging`, else None.
        transposes: Whether it records a pullback, at zero: the values on it mean nothing.
        replaying: The lock of a backward pass if there are checkpoints, which record again at the end of `nodes`.
    """

    __slots__ = ("__weakref__", "_held", "lines", "nested", "nodes", "replaying", "transposes")
    differentiates: bool = True
    nodes: list[tuple[Any, Sequence[tuple[int, Any, tuple[Any, ...]]], Any, Any]]
    nested: bool
    lines: dict[int, tuple[str, float]] | None
    replaying: threading.RLock | None
    transposes: bool

    def __init__(self, transposes: bool = False) -> None:
        super().__init__()
        self.transposes = transposes
        self.nodes = []
        self._held: Held | None = None
        self.lines = self.replaying = None
        self.nested = False
        references = _references()
        references[weakref.ref(self, references.pop)] = None

    @property
    def held(self) -> Held:
        """Arrays of the caller that it needs, {id: array}: read-only until `close`."""
        if self._held is None:
            with _first_hold:
                self._held = Held() if self._held is None else self._held
        return self._held

    def holds(self, x: Any) -> bool:
        """Whether `x` is an array in `held`."""
        return id(x) in self.held

    def close(self) -> None:
        """Ends it: what was recorded is released, which also breaks cycles through functions that it refers to."""
        self.ended = True
        self.nodes.clear()
        if self._held:
            release(self._held)

    def watch(self, value: Any) -> TapeTracer:
        """A tracer for an input: a raw array, or a tracer of another interpreter."""
        self.nested |= isinstance(value, Array)
        return self._recorded(None, (), value)

    def noticed(self, x: TapeTracer, notice: Callable[[Any], Any]) -> TapeTracer:
        """A tracer for the same value. When the backward pass has come here, its cotangent, which is complete then,
        becomes `notice(cotangent)`."""
        return self._recorded(None, [(x._position, notice, ())], x._value)

    def _recorded(self, primitive, edges, value):
        """A tracer for a value, and its node; `autograd.debugging` replaces this method in its contexts."""
        nodes = self.nodes
        node = (primitive, edges, value.shape, value.dtype)
        nodes.append(node)
        tracer = _new(TapeTracer)  # half the time of TapeTracer(...)
        tracer._trace = self
        tracer._value = value
        tracer._position = position = len(nodes) - 1
        if nodes[position] is not node:  # another thread has recorded since
            tracer._position = _position(nodes, node)
        return tracer

    def apply(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        # It runs for every operation: written for speed.
        vjps = primitive.vjps
        if len(vjps) != len(args):
            vjps = primitive.vjps_of(args)
        values, sources, foreign = [], [], None
        for a in args:
            if isinstance(a, Array):
                trace = a._trace
                if trace is self:
                    sources.append((len(values), a._position))  # type: ignore[attr-defined]
                    a = a._value
                elif trace.level == 0:
                    a = a._value
                else:
                    self.nested = True
            elif isinstance(a, ndarray) and (self._held is None or id(a) not in self._held):
                foreign = [*(foreign or ()), len(values)]
            values.append(a)
        if foreign:
            self._keep(foreign, values, [vjps[i] for i, _ in sources])
        y = primitive(*values, **params) if self.nested else primitive.run(values, params)
        edges = []
        for i, position in sources:
            vjp = vjps[i]
            if vjp is not None:
                named = vjp.residuals
                edges.append((position, vjp.function, named(y, values, params, i) if named else ()))
        if not edges:
            return without_derivative(y, values)
        if self.ended:
            if not getattr(_thread, "in_rule", False):
                raise escaped(primitive)
            edges = []  # its pass goes on, or is over: only the value counts
        if type(y) is tuple:
            return self._record_parts(primitive, edges, y)
        return self._recorded(primitive, edges, y)

    def forced(self, x: Any, use: str) -> TypeError:
        """The error for a use that needs numbers: a cotangent whose pullback is recorded has none."""
        if not self.transposes:
            return super().forced(x, use)
        return NeedsValue(
            f"jvp: {use} needs a value, but in forward mode, where a vjp is transposed, a cotangent has none. Write "
            "the rule without its value, or give the operation a forward mode by defjvp.",
            self,
        )

    def _keep(self, foreign, values, vjps):
        """Keeps arrays of the caller, at the positions `foreign` of `values`, as they are if a vjp has residuals."""
        if not self.ended and any(vjp is not None and vjp.residuals for vjp in vjps):
            for i in foreign:
                values[i] = kept(values[i], self.held)

    def _record_parts(self, primitive, edges, parts):
        """Tracers for the parts of a result of several arrays: a node for all of them, and one for each."""
        edges = [
            (position, functools.partial(_pull_given if isinstance(vjp, Pullback) else _pull_parts, vjp), residuals)
            for position, vjp, residuals in edges
        ]
        whole = self.whole(primitive, edges)
        like = tuple([(library(part), part.shape, part.dtype) for part in parts])
        return tuple([lift(p) if p.dtype.kind in "iub" else self.part(whole, i, p, like) for i, p in enumerate(parts)])

    def whole(self, primitive: Any, edges: Sequence[tuple[int, Any, tuple[Any, ...]]]) -> int:
        """The position of a new node for a result of several arrays."""
        node = (primitive, edges, None, None)
        self.nodes.append(node)
        return _position(self.nodes, node)

    def part(self, whole: int, i: int, value: Any, like: Sequence[tuple[Any, Any, Any]] = ()) -> TapeTracer:
        """A tracer for `value`, part `i` of the result of several arrays at position `whole`.

        Args:
            like: (library, shape, dtype) of all parts, for zeros in place of cotangents that are missing.
        """
        return self._recorded(None, [(whole, _Parts, (i, like))], value)

    def pull(
        self, outputs: Sequence[Any], cotangents: Sequence[Any], inputs: Sequence[TapeTracer], *, consume: bool
    ) -> list[Any]:
        """The cotangents of the tracers `inputs`, given those of `outputs`; None for an input without influence.

        Args:
            consume: Release each node as soon as its cotangent has been passed on; the tape is used up.
        """
        with contextlib.nullcontext() if self.replaying is None else self.replaying:
            self.ended = consume
            gradients = [None] * len(self.nodes)
            with current_gpu():  # the sweep makes others the current one
                self.seed(gradients, outputs, cotangents)
                self.sweep(gradients, 0, consume)
        return [self.lower(gradients[x._position]) for x in inputs]

    def seed(self, gradients: list[Any], outputs: Iterable[Any], cotangents: Iterable[Any]) -> None:
        """Adds cotangents of outputs to `gradients`, the cotangent of each position."""
        several = several_gpus()
        for tracer, g in zip(outputs, cotangents, strict=True):
            if self.owns(tracer):
                known = gradients[tracer._position]
                if several:
                    follow(g)
                gradients[tracer._position] = g if known is None else known + g

    def sweep(self, gradients: list[Any], start: int, consume: bool) -> None:
        """Passes cotangents on, from the last node to the one at `start`."""
        nodes, several = self.nodes, several_gpus()
        owned = set()  # positions of sums that were made here: no other reference exists, so they are added to in place
        for position in range(len(gradients) - 1, start - 1, -1):
            primitive, edges, _, _ = nodes[position]
            if consume:
                nodes[position] = _used
            g = gradients[position]
            if g is None or not edges:
                if g is not None and primitive is not None:  # `checkpoint` cut a piece out here: it is run again
                    primitive.replay(self, gradients, position, consume)
                continue
            gradients[position] = None
            for argument, vjp, residuals in edges:
                if several:
                    follow(g)
                try:
                    c = vjp(g, *residuals)
                except Exception as error:
                    if primitive is not None:  # not what `noticed` calls
                        error.add_note(self._described(primitive, position))
                    raise
                if several:
                    follow(c)
                _, _, shape, dtype = nodes[argument]
                if c.shape != shape or c.dtype is not dtype:
                    c = conformed(c, shape, dtype)
                known = gradients[argument]
                if known is None:
                    gradients[argument] = c
                elif argument in owned and not isinstance(c, Array) and _keeps_layout(known, c):
                    gradients[argument] += c
                else:
                    gradients[argument] = known + c
                    owned.add(argument)

    def _described(self, primitive, position):
        name = primitive.name
        if self.lines is not None:
            line = self.lines.get(position) or self.lines.get(position + 1) or ["an unknown line"]
            return f"in the gradient of {name}, called at {line[0]}"
        return f"in the gradient of {name}; within autograd.debug() this note names the line that called it"


def _keeps_layout(total, c):
    """Whether total + c, a new array, would be laid out as `total`: sums over other layouts add in another order."""
    return not isinstance(total, Array | _Parts) and (total.flags.c_contiguous or total.strides == c.strides)


def without_value(x: Any) -> Tracer | None:
    """The tracer in `x`, on any level, that stands for a cotangent while a vjp is transposed; None if there is none."""
    return next((t for t in levels(x) if isinstance(t, TapeTracer) and t._trace.transposes), None)


def generic(g: Any) -> Any:
    """A cotangent for a rule of a user's: the same, but no zero where a vjp is transposed.

    A rule is linear, so that it has the same derivative there; but it may take a short way for zeros and ones.
    """
    return g if without_value(g) is None else g + 0.7390851332151607


def _position(nodes, node):
    """The position of a node that was appended just now, perhaps before those of other threads.

    Raises:
        RuntimeError: If it is not there any more: it was within a checkpoint of another thread.
    """
    for position in reversed(range(len(nodes))):
        if nodes[position] is node:
            return position
    raise RuntimeError(
        "checkpoint: another thread computed with traced values while the function ran. Let it wait for its end."
    )


def follow(x: Any) -> None:
    """Makes the GPU of an array the current one, on which rules compute with raw arrays."""
    use_gpu_of(bare(next(iter(x.parts.values())) if isinstance(x, _Parts) else x))


class _Parts:
    """The cotangent of a result of several arrays: of part `i` it is `g`, those of other parts are missing.

    On the tape, it is what the "vjp" of a part gives. The node of such a result has None for shape and dtype, and so
    has its cotangent: `sweep` compares them and finds nothing to conform.
    """

    __slots__ = ("all", "like", "parts")
    shape = None
    dtype = None

    def __init__(self, g, i, like):
        self.parts = {i: g}
        self.like = like
        self.all = None

    def __add__(self, other):
        self.parts |= other.parts  # each part has one node
        return self


def _pull_parts(vjp, g, *residuals):
    """Applies the vjp of a result of several arrays to all their cotangents; missing ones are zero."""
    if g.all is None:
        like = enumerate(g.like)
        g.all = tuple([g.parts[i] if i in g.parts else xp.zeros(shape, dtype) for i, (xp, shape, dtype) in like])
    return vjp(g.all, *residuals)


def _pull_given(pullback, g, *residuals):
    """The same for a `Pullback`, which takes 0 in place of missing cotangents."""
    if g.all is None:
        g.all = tuple([g.parts.get(i, 0) for i in range(len(g.like))])
    return pullback(g.all, *residuals)


def without_derivative(y: Any, values: Sequence[Any]) -> Any:
    """A result that no derivative belongs to: in NumPy's style a raw array, if its memory is not that of a value."""
    shared = type(y) is tuple or getattr(y, "base", None) is not None or any(y is x for x in values)
    return lift(y) if shared or not follows_numpy() else y


def _summed(c, axis, keepdims):
    """A sum over axes, of half precision by the operation that adds in float32: the cotangents may be raw arrays."""
    return sum(c, axis=axis, keepdims=keepdims) if is_half(c.dtype) else c.sum(axis, keepdims=keepdims)


def conformed(c: Any, shape: tuple[int, ...], dtype: numpy.dtype[Any]) -> Any:
    """A cotangent in the shape and dtype of its value: the transpose of broadcasting and of promotion."""
    added = c.ndim - len(shape)
    if added > 0:
        c = _summed(c, tuple(range(added)), False)
    if c.shape != shape and c.ndim == len(shape):
        c = _summed(c, tuple([i for i, n in enumerate(shape) if n == 1]), True)
    if c.shape != shape:
        raise ValueError(f"expected a cotangent of shape {shape} from a vjp, got {c.shape}.")
    if c.dtype is dtype:
        return c
    if c.dtype.kind == "c" and dtype.kind != "c":
        c = real(c)
    return c if c.dtype == dtype else astype(c, dtype=dtype)
