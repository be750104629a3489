"""`checkpoint`: a part of a computation that is computed again in the backward pass, to save memory."""

import functools

import numpy

from . import tree
from .reverse import TapeTracer, live_tapes


class _Dropped:
    """Stands on the tape for values inside of a checkpointed function: no gradient can come to them."""

    name = "checkpoint"

    @staticmethod
    def replay(tape, gradients, position, consume):
        raise RuntimeError(
            "checkpoint: a traced value was stored outside of the checkpointed function and used later. Return it."
        )


class _Replay:
    """A piece of tape that was cut out: running the function again puts it back."""

    name = "checkpoint"

    def __init__(self, run, random_state):
        self._run, self._random_state = run, random_state

    def replay(self, tape, gradients, position, consume):
        """Runs the function again on the same tape, and passes the cotangents of its outputs on, down to its inputs."""
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


def checkpoint(f):
    """The function `f`, whose intermediate results are not stored for the backward pass but computed again there.

    It saves memory for one more run of `f`. `f` must compute the same when it is called again (NumPy's global random
    state is as it was; `cuobjax.Remat` does that for variables); it may use traced values from outside. In nested
    transformations, memory is saved in the innermost one around `f`.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> grad(lambda x: np.sum(checkpoint(np.tanh)(x)))(np.zeros(2))
        array([1., 1.])
    """

    @functools.wraps(f)
    def recomputed(*args, **kwargs):
        starts = {tape: len(tape.nodes) for tape in live_tapes()}
        random_state = numpy.random.get_state()  # noqa: NPY002
        output = f(*args, **kwargs)
        leaves, structure = tree.flatten(output)
        traced = [x for x in leaves if isinstance(x, TapeTracer)]
        tapes = [tape for tape in starts if any(x._trace is tape for x in traced)]
        if not tapes:
            return output
        tape = max(tapes, key=lambda tape: tape.level)
        _cut(tape, starts[tape], leaves, _Replay(functools.partial(f, *args, **kwargs), random_state))
        return tree.unflatten(structure, leaves)

    return recomputed


def _cut(tape, start, leaves, replay):
    """Drops what the tape has recorded from `start` on, and puts outputs in its place that lead to a replay."""
    nodes = tape.nodes
    if len(nodes) == start:
        return
    nodes[start:] = [(_Dropped, (), shape, dtype) for _, _, shape, dtype in nodes[start:]]
    whole = len(nodes)
    nodes.append((replay, (), None, None))
    for i, x in enumerate(leaves):
        if isinstance(x, TapeTracer) and x._trace == tape and x._position >= start:
            leaves[i] = tape.part(whole, i, x._value)
