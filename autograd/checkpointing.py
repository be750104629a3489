"""`checkpoint`: a part of a computation that is computed again in the backward pass, to save memory."""

import functools
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy

from . import tree
from .boundary import require_container
from .core import Array
from .reverse import TapeTracer, live_tapes

__all__ = ["checkpoint", "checkpoint_unless"]

P = ParamSpec("P")
R = TypeVar("R")


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

    def __init__(self, run, random_state):
        self._run, self._random_state = run, random_state

    def replay(self, tape, gradients, position, consume):
        """Runs the function again at the end of the same tape, and passes cotangents from its outputs to its inputs."""
        parts = gradients[position].parts
        gradients[position] = None
        start, ended, tape.ended = len(tape.nodes), tape.ended, False
        random_state = numpy.random.get_state()  # noqa: NPY002
        numpy.random.set_state(self._random_state)  # noqa: NPY002
        try:
            outputs = tree.flatten(self._run())[0]
        finally:
            numpy.random.set_state(random_state)  # noqa: NPY002
            tape.ended = ended
        gradients.extend([None] * (len(tape.nodes) - len(gradients)))
        tape.seed(gradients, [outputs[i] for i in parts], parts.values())
        tape.sweep(gradients, start, consume)
        del tape.nodes[start:], gradients[max(start, position + 1) :]


def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """The function `f`, whose intermediate results are not stored for the backward pass but computed again there.

    It saves memory at the price of one more run of `f`, which must compute the same when it is called again; NumPy's
    global random state is restored for that (and variables by `cuobjax.Remat`). `f` may use traced values from outside.
    In nested transformations, memory is saved in the innermost one around `f`.

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
        random_state = numpy.random.get_state()  # noqa: NPY002
        output = f(*args, **kwargs)
        leaves, structure = tree.flatten(output)
        for x in leaves:
            if not isinstance(x, Array):
                require_container(x, "checkpoint", lambda part: isinstance(part, TapeTracer), "a traced value")
        traced = [x for x in leaves if isinstance(x, TapeTracer)]
        tapes = [tape for tape in starts if any(x._trace is tape for x in traced)]
        if not tapes or differs():
            return output
        tape = max(tapes, key=lambda tape: tape.level)
        _cut(tape, starts[tape], leaves, _Replay(functools.partial(f, *args, **kwargs), random_state))
        return tree.unflatten(structure, leaves)

    return recomputed


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
