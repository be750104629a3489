"""`Vectorize`: a function of one example as a module that takes a batch."""

from collections.abc import Callable
from typing import Any

import cuobjax.numpy as jn
from autograd import tree
from autograd.core import kind_of
from autograd.errors import shortened
from autograd.mapping import Lanes, keys_in_lanes

from ..core.call import as_arrays, call
from ..core.collection import VarCollection, Variables
from ..core.function import Function
from ..core.lanes import joined, keys_of_lanes
from ..core.module import Module
from ..core.random_state import RandomState, borrowing
from ..core.scope import write
from ..core.variable import TrainVar, common_dtype, reduce_mean
from ..util import class_name, positional_args_names, repr_function
from ..util.signatures import explained
from .methods import Transform

__all__ = ["Vectorize"]


class Vectorize(Transform):
    """The module or function `f` of one example, applied to every element along an axis of its arguments in one go.

    Outputs are stacked along a new first axis; one that is the same for all lanes is repeated. In every lane the
    variables have the values from before the call, but a RandomState has key i of `split(lanes)` in lane i; after the
    call it has the state that this split leaves. The values that `f` wrote to any other variable are combined by its
    `reduce`, in its dtype. After an exception no variable has changed.

    Args:
        f: A function or module.
        vc: The variables that it uses. They need not be listed.
        batch_axis: The axis of each positional argument to map over, for a nested argument that of all its arrays; None
            for an argument that all lanes share. An argument may be given by its name as well; keyword arguments
            without a position are shared.

    Raises:
        ValueError: If arguments do not fit `batch_axis`, or a variable without `reduce` differs from lane to lane.
    """

    @explained(
        "To decorate with options, write @functools.partial(cuobjax.Vectorize, batch_axis=(0,)).",
        in_axes="Write batch_axis=(0, None).",
    )
    def __init__(
        self, f: Callable[..., Any], vc: Variables | None = None, batch_axis: tuple[int | None, ...] = (0,)
    ) -> None:
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
        self.__wrapped__: Module = f if isinstance(f, Module) else Function(f, vc or ())
        self.vc: VarCollection = VarCollection(vc or ()) or self.__wrapped__.vars()
        self._dtype = common_dtype(self.vc)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls `f` in every lane.

        Args:
            args, kwargs: Those of `f` with one axis more where `batch_axis` says so, raw arrays or Arrays.

        Returns:
            The outputs of `f`, each array with the lanes as its first axis.
        """
        try:
            return self._in_lanes(args, kwargs)
        except Exception as error:
            shortened(error)
            raise

    @borrowing
    def _in_lanes(self, args, kwargs):
        arguments, axes = self._arguments(args, kwargs)
        try:
            lanes = Lanes({key: arguments[key] for key in axes}, axes, "Vectorize")
        except ValueError as error:
            error.add_note(f"in the arguments {self._lengths(arguments, axes)}")
            raise
        given = {**arguments, **lanes.arguments}
        positional = [given.pop(i) for i in range(len(args))]
        states = {}
        made = []

        def first_read(variable, value):
            if not isinstance(variable, RandomState):
                return value
            value, after = keys_in_lanes(value, lanes.batch.level)
            keys, state = keys_of_lanes(value, lanes.batch.size)
            states[variable] = state if after is None else after
            return lanes.batch.tracer(keys)

        with lanes.running():
            outputs, changes, _ = call(self.__wrapped__, positional, given, first_read=first_read, made=made)
            _require_same(made, changes, lanes.batch)
            changes |= {v: state for v, state in states.items() if v not in changes or lanes.batch.owns(changes[v])}
            changes = {v: self._joined(lanes.batch, v, x) for v, x in changes.items()} if lanes.batch.size else {}
        outputs = lanes.outputs(tree.tree_map(_as_output, outputs))
        write(changes)
        return outputs

    def _bound(self, method):
        if self.batch_axis[0] is not None:
            raise ValueError(f"Vectorize: expected the axis None for self, got batch_axis={self.batch_axis}.")
        return Vectorize(method, self.vc, self.batch_axis[1:])

    def _arguments(self, args, kwargs):
        """The arguments, raw arrays as Arrays, and the axes of those that are mapped over, by position or name."""
        named = [(n, axis) for n, axis in zip(self._names, self.batch_axis, strict=False) if n in kwargs]
        if len(args) + len(named) != len(self.batch_axis):
            raise ValueError(
                f"Number of arguments passed {len(args) + len(named)} must match batched {len(self.batch_axis)}"
            )
        axes = {key: axis for key, axis in [*enumerate(self.batch_axis[: len(args)]), *named] if axis is not None}
        given = {**dict(enumerate(args)), **kwargs}
        # Without keys: in lanes, a key that is asked for its device counts as drawn from.
        variables = [v for v in self.vc if not isinstance(v, RandomState)]
        return as_arrays(given, "Vectorize", variables, self._dtype), axes

    def _lengths(self, arguments, axes):
        """The arguments that are mapped over, with the lengths of these axes, as text."""
        names = dict(enumerate(self._names))
        shapes = {key: [getattr(x, "shape", ()) for x in tree.flatten(arguments[key])[0]] for key in axes}
        lengths = {key: [shape[axes[key] :][:1] for shape in found] for key, found in shapes.items()}
        return ", ".join(
            f"{names.get(key, key)}: {', '.join(str(*n) or 'no such axis' for n in found)}"
            for key, found in lengths.items()
        )

    def _joined(self, batch, variable, value):
        """The value of a variable after the call, given what it is in the lanes."""
        same = None if batch.owns(value) else value
        return joined(variable, same, lambda: batch.of_all_lanes(value), ("Vectorize", "from lane to lane"), self.vc)

    def __repr__(self) -> str:
        return f"{class_name(self)}(f={repr_function(self.__wrapped__)}, batch_axis={self.batch_axis})"


def _require_same(made, changes, batch):
    """Raises ValueError if a TrainVar that the function made would begin with a mean, of draws for instance."""
    for v in made:
        if isinstance(v, TrainVar) and v.reduction is reduce_mean and batch.owns(changes.get(v)):
            raise ValueError(
                f"Vectorize: the function made a {type(v).__name__} of shape {v.shape}, whose first value differs from "
                "lane to lane. Call the function once without Vectorize, with one example, to make its variables."
            )


def _as_output(x):
    """Numbers as Arrays in default dtypes."""
    return x if kind_of(x) is None else jn.asarray(x)
