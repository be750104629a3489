"""`Vectorize`: a function of one example as a module that takes a batch."""

from operator import attrgetter

import cuobjax.numpy as jn
from autograd import tree, vmap
from autograd.backend import is_array
from autograd.batch import BatchTracer
from autograd.core import kind_of
from autograd.ops.random import split as split_key

from ..core.collection import VarCollection
from ..core.function import Function
from ..core.module import Module
from ..core.scope import write
from ..core.variable import RandomState, as_value, reduce_mean, reduced
from ..util import class_name, positional_args_names, repr_function
from .call import call


class Vectorize(Module):
    """The module or function `f` of one example, applied to every element along an axis of its arguments in one go.

    Outputs are stacked along a new first axis; one that is the same for all lanes is repeated. Every lane finds the
    variables as they are before the call, but of a RandomState lane i finds key i of `split(lanes)`; its state after
    the call is that of the split. Any other variable that `f` wrote to becomes what its `reduce` makes of the lanes'
    values, in its dtype. After an exception no variable has changed.

    Args:
        f: A function or module.
        vc: The variables that it uses. They need not be listed.
        batch_axis: The axis of each positional argument to map over, for a nested argument that of all its arrays; None
            for an argument that all lanes share. An argument may be given by its name as well; keyword arguments
            without a position are shared.

    Raises:
        ValueError: If arguments do not fit `batch_axis`, or a variable without `reduce` differs from lane to lane.
    """

    def __init__(self, f, vc=None, batch_axis=(0,)):
        if not isinstance(batch_axis, tuple):
            raise TypeError(f"Vectorize: expected batch_axis as a tuple, got {batch_axis!r}.")
        try:
            self._names = positional_args_names(f)
        except (TypeError, ValueError):  # a builtin that does not say
            self._names = []
        if len(batch_axis) < len(self._names):
            raise ValueError(
                f"The batched argument must be specified for all of {repr_function(f)} arguments {self._names}, "
                f"got batch_axis={batch_axis}. Give the axis of each, None for one that all lanes share."
            )
        if all(axis is None for axis in batch_axis):
            raise ValueError(f"No arguments to function {repr_function(f)} are vectorizable")
        self.batch_axis = batch_axis
        self.__wrapped__ = f if isinstance(f, Module) else Function(f, vc or ())
        self.vc = VarCollection(vc or ()) or self.__wrapped__.vars()

    def __call__(self, *args, **kwargs):
        arguments, axes = self._arguments(args, kwargs)
        changes = {}

        def lane(mapped):
            traces = [x._trace for x in tree.flatten(mapped)[0] if isinstance(x, BatchTracer)]
            batch = max(traces, key=attrgetter("level"))  # an argument that is not mapped may be of lanes further out
            given = {**arguments, **mapped}
            outputs, written = _run(batch, self.__wrapped__, [given.pop(i) for i in range(len(args))], given)
            changes.update((v, self._joined(batch, v, x)) for v, x in written.items())
            return tree.tree_map(_as_output, outputs)

        outputs = vmap(lane, (axes,))({key: arguments[key] for key in axes})
        write(changes)
        return outputs

    def _arguments(self, args, kwargs):
        """The arguments, raw arrays as Arrays, and the axes of those that are mapped over, by position or name."""
        named = [(n, axis) for n, axis in zip(self._names, self.batch_axis, strict=False) if n in kwargs]
        if len(args) + len(named) != len(self.batch_axis):
            raise ValueError(
                f"Number of arguments passed {len(args) + len(named)} must match batched {len(self.batch_axis)}"
            )
        axes = {key: axis for key, axis in [*enumerate(self.batch_axis[: len(args)]), *named] if axis is not None}
        beside = next(iter(self.vc), None)
        given = {**dict(enumerate(args)), **kwargs}
        return tree.tree_map(lambda x: as_value(x, "", beside) if is_array(x) else x, given), axes

    def _joined(self, batch, variable, value):
        """The value of a variable after the call, given what it is in the lanes."""
        shape = value.shape
        value, differs = batch.value(value)
        if variable._reduce is None and differs:
            names = (name for name, v in self.vc.items() if v is variable)
            name = next(names, f"a {type(variable).__name__} of shape {shape}")
            raise ValueError(
                f"Vectorize: expected {name} to be the same in all lanes, as it has no reduce, got one that differs. "
                "Give it one, such as StateVar(x, reduce=lambda x: x[0]), or return the value as an output."
            )
        if variable._reduce in (None, reduce_mean) and not differs:
            return value
        return reduced(variable, value if differs else jn.broadcast_to(value, (batch.size, *shape)))

    def __repr__(self):
        return f"{class_name(self)}(f={repr_function(self.__wrapped__)}, batch_axis={self.batch_axis})"


def _run(batch, f, args, kwargs):
    """The outputs of `f` in the lanes of a batch and what it wrote to; random states are split when it reads them."""
    states = {}

    def first_read(variable, value):
        if not isinstance(variable, RandomState):
            return value
        keys = split_key(value, n=batch.size)
        states[variable] = keys[0]
        return batch.tracer(keys[1:])

    outputs, changes, _ = call(f, args, kwargs, first_read=first_read)
    states = {v: state for v, state in states.items() if v not in changes or batch.value(changes[v])[1]}
    return outputs, changes | states if batch.size else {}


def _as_output(x):
    """Numbers as Arrays in default dtypes."""
    return x if kind_of(x) is None else jn.asarray(x)
