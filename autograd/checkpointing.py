"""`checkpoint`: a part of a computation that is computed again in the backward pass, to save memory."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy

from . import backend, tree
from .batch import running
from .boundary import require_container
from .core import Array, lift
from .dtypes import in_these_rules
from .foreign import argument
from .reverse import TapeTracer, live_tapes
from .write_protection import kept

__all__ = ["checkpoint", "checkpoint_unless", "running_in"]

P = ParamSpec("P")
R = TypeVar("R")


class Run:
    """A run of a function under `checkpoint`.

    Attributes:
        outer: The run around this one; None for the outermost.
        changed: What it changed outside of itself, as text; None if nothing.
    """

    __slots__ = ("changed", "outer")

    def __init__(self, outer: Run | None) -> None:
        self.outer: Run | None = outer
        self.changed: str | None = None

    def changes(self, what: str, until: Run | None) -> None:
        """Notes that something that exists outside of this run, and of those around it up to `until`, is changed."""
        run: Run | None = self
        while run is not None and run is not until:
            run.changed = what
            run = run.outer


running_in: ContextVar[Run | None] = ContextVar("autograd.checkpoint", default=None)
"""The run of the innermost function under `checkpoint` in this thread or task."""


class _Dropped:
    """Takes the place of nodes inside a checkpointed function, which no gradient may reach."""

    name = "checkpoint"

    @staticmethod
    def replay(tape, gradients, position, consume):
        raise RuntimeError(
            "checkpoint: a traced value was stored outside the checkpointed function and used later. Return it "
            "instead, and let no other thread compute with traced values while the function runs."
        )


class _Replay:
    """Takes the place of a piece of tape that was cut out; runs the function to record it again."""

    name = "checkpoint"

    def __init__(self, again, random_state, like):
        self._again, self._random_state, self._like, self._batches = again, random_state, like, running.get()

    def replay(self, tape, gradients, position, consume):
        """Runs the function again at the end of the same tape, and passes cotangents from its outputs to its inputs."""
        parts = gradients[position].parts
        gradients[position] = None
        start, ended, tape.ended = len(tape.nodes), tape.ended, False
        random_state = numpy.random.get_state()  # noqa: NPY002
        numpy.random.set_state(self._random_state)  # noqa: NPY002
        batches = running.get()
        try:
            running.set(self._batches)  # those of the first run, which draw the same random numbers
            outputs = tree.flatten(_run(self._again)[1])[0]
        finally:
            running.set(batches)
            numpy.random.set_state(random_state)  # noqa: NPY002
            tape.ended = ended
        if _shapes(outputs) != self._like:
            raise RuntimeError(
                f"checkpoint: expected outputs of shapes {self._like} when the function runs again, got "
                f"{_shapes(outputs)}. It must compute the same as the first time."
            )
        gradients.extend([None] * (len(tape.nodes) - len(gradients)))
        tape.seed(gradients, [outputs[i] for i in parts], parts.values())
        tape.sweep(gradients, start, consume)
        del tape.nodes[start:], gradients[max(start, position + 1) :]


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """The function `f`, whose intermediate results are not stored for the backward pass but computed again there.

    It saves memory at the price of one more run of `f`, which must compute the same when it is called again; NumPy's
    global random state is restored for that. Where variables change in `f`, use `cuobjax.Remat`. `f` may use traced
    values from outside. In nested transformations, memory is saved in the innermost one around `f`.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> grad(lambda x: np.sum(checkpoint(np.tanh)(x)))(np.zeros(2))
        array([1., 1.])
    """

    return checkpoint_unless(f, lambda: False)


def checkpoint_unless(f: Callable[P, R], differs: Callable[[], Any]) -> Callable[P, R]:
    """`checkpoint(f)`, but the intermediate results of a call are stored if `differs()` is true after it.

    It says that the same call would compute something else the next time.
    """

    @functools.wraps(f)
    def recomputed(*args: P.args, **kwargs: P.kwargs) -> Any:
        starts = {tape: len(tape.nodes) for tape in live_tapes()}
        args, kwargs = tree.tree_map(lambda x: argument(x, "checkpoint", copy=True), (args, kwargs))
        random_state = numpy.random.get_state()  # noqa: NPY002
        run, output = _run(f, *args, **kwargs)
        leaves, structure = tree.flatten(output)
        for x in leaves:
            if not isinstance(x, Array):
                require_container(x, "checkpoint", lambda part: isinstance(part, TapeTracer), "a traced value")
        traced = [x for x in leaves if isinstance(x, TapeTracer)]
        tapes = [tape for tape in starts if any(x._trace is tape for x in traced)]
        if not tapes or differs():
            return output
        if run.changed:
            raise TypeError(
                f"checkpoint: the function changes {run.changed}, and would do so again in the backward pass. Use "
                "cuobjax.Remat(f), which restores variables."
            )
        tape = max(tapes, key=lambda tape: tape.level)
        again = functools.partial(in_these_rules(f), *_kept(args, tape), **_kept(kwargs, tape))
        _cut(tape, starts[tape], leaves, _Replay(again, random_state, _shapes(leaves)))
        return tree.unflatten(structure, leaves)

    return recomputed


def _run(f, *args, **kwargs):
    """(run, output) of a function that may run again."""
    outer = running_in.get()
    run = Run(outer)
    try:
        running_in.set(run)
        return run, f(*args, **kwargs)
    finally:
        running_in.set(outer)


def _kept(arguments, tape):
    """Nested arguments as they are now, until the tape is closed."""
    leaves, structure = tree.flatten(arguments)
    found = [_kept_leaf(x, tape) for x in leaves]
    same = all(x is y for x, y in zip(leaves, found, strict=True))
    return arguments if same else tree.unflatten(structure, found)


def _kept_leaf(x, tape):
    if type(x) is Array:
        raw = kept(x._value, tape.held)
        return x if raw is x._value else lift(raw)
    return backend.copied(x) if backend.is_cupy(x) else kept(x, tape.held)


def _shapes(outputs):
    return [getattr(x, "shape", ()) for x in outputs]


def _cut(tape, start, leaves, replay):
    """Drops the nodes from `start` on; the outputs `leaves` become parts of one node that replays them."""
    nodes = tape.nodes
    if len(nodes) == start:
        return
    for position in range(start, len(nodes)):  # in place: other threads may record meanwhile
        nodes[position] = (_Dropped, (), *nodes[position][2:])
    tape.replaying = tape.replaying or threading.RLock()
    whole = tape.whole(replay, ())
    for i, x in enumerate(leaves):
        if tape.owns(x) and x._position >= start:
            leaves[i] = tape.part(whole, i, x._value)
