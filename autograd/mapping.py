"""`vmap`: a function of one example as a function of a batch."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec

from . import backend, tree
from .axes import complete_axis
from .batch import Batch, running
from .boundary import lowered, own, shown
from .core import Array, Tracer, levels, lift, resolved
from .dtypes import follows_numpy, numpy_rules
from .errors import require_function, shortened
from .foreign import argument
from .numpy import asarray, moveaxis
from .ops.random import split

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["Lanes", "keys_in_lanes", "shared_by_lanes", "vmap"]

P = ParamSpec("P")


def vmap(f: Callable[P, Any], in_axes: Tree = 0, out_axes: Tree = 0) -> Callable[P, Any]:
    """The function that applies `f` to every element along an axis of its arguments, in one go.

    Args:
        f: A function of nested arrays, which gets one element at a time: arrays without the mapped axis.
        in_axes: The axis of each argument to map over; None for an argument that all lanes share. A number for all
            arguments, or a tuple with an entry for each: a number, None, or for a nested argument a structure of these
            that is the same down to some depth.
        out_axes: The place of the mapped axis in the outputs, in the same way; None for an output that is the same
            in all lanes.

    Returns:
        A function with the arguments of `f`. Keyword arguments are mapped over their first axis. A number, or anything
        else that is no array, needs the axis None.

    Raises:
        TypeError: If `in_axes` or `out_axes` do not fit, or an argument with an axis is no array.
        ValueError: If the lengths of the mapped axes differ.

    Example:
        >>> import autograd.numpy as np
        >>> vmap(np.dot, in_axes=(0, None))(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
        array([3., 7.])
    """

    require_function(f, "vmap")

    @functools.wraps(f)
    def mapped(*args: P.args, **kwargs: P.kwargs) -> Any:
        if isinstance(in_axes, (tuple, list)) and len(in_axes) != len(args):
            raise TypeError(f"vmap: expected in_axes for {len(args)} arguments, got {in_axes!r}.")
        try:
            lanes = Lanes((args, kwargs), (in_axes, 0))
            arguments, named = lanes.arguments
            with lanes.running(draw=True):
                output = f(*arguments, **named)
            return lanes.outputs(output, out_axes)
        except Exception as error:
            shortened(error)
            raise

    return mapped


class Lanes:
    """One run of a function on a batch, whose lanes each see one element along the mapped axes.

    Args:
        arguments: Nested arrays.
        axes: The mapped axis of each, in a structure that begins like them: see `vmap`.
        where: The transformation, for errors.

    Attributes:
        batch: The interpreter.
        arguments: Those of the function: tracers in place of the mapped ones.
    """

    batch: Batch
    arguments: Any

    def __init__(self, arguments: Tree, axes: Tree, where: str = "vmap") -> None:
        leaves, structure = tree.flatten(arguments)
        axes = _along(axes, arguments, "in_axes")
        self._raw = not any(isinstance(x, Array) for x in leaves)
        self._where = where
        self._values = [_in_front(x, axis) for x, axis in zip(leaves, axes, strict=True)]
        self.batch = Batch(_size(self._values, axes))
        pairs = zip(self._values, axes, strict=True)
        self.arguments = tree.unflatten(structure, [x if axis is None else self.batch.tracer(x) for x, axis in pairs])

    @contextlib.contextmanager
    def running(self, draw: bool = False) -> Iterator[None]:
        """The context in which the function runs; tracers that it made must not be used afterwards.

        Args:
            draw: Whether `keys_in_lanes` gives keys to these lanes.
        """
        outer = running.get()
        try:
            running.set((*outer, self.batch) if draw else outer)
            with numpy_rules(self._raw or follows_numpy()):
                yield
        finally:
            running.set(outer)
            self.batch.ended = True

    def outputs(self, output: Tree, axes: Tree = 0) -> Tree:
        """The output of the function with the mapped axis at place `axes` of each array: see `out_axes` of `vmap`."""
        leaves, structure = tree.flatten(output)
        axes = _along(axes, output, "out_axes")
        return tree.unflatten(structure, [self._output(y, axis) for y, axis in zip(leaves, axes, strict=True)])

    def _output(self, y, axis):
        if not isinstance(y, Array) and not backend.is_array(y) and not isinstance(y, (int, float, complex)):
            return lowered(self.batch, y, self._where)
        if axis is None:
            if self.batch.owns(y):
                raise ValueError("vmap: out_axes is None for an output that differs from lane to lane. Give its axis.")
            return own(shown(y, self._raw), self._values)
        value = self.batch.of_all_lanes(y if self.batch.owns(y) else asarray(y))
        value = moveaxis(value, 0, axis) if complete_axis(axis, value.ndim) else value
        return own(shown(value, self._raw), self._values)


def keys_in_lanes(key: Array, below: float = math.inf) -> tuple[Array, Array | None]:
    """A random key for each lane of the vmaps around this call, out of a key that lanes share.

    Args:
        key: uint32[2].
        below: The level from which on vmaps do not count.

    Returns:
        (key, after): a key that differs from lane to lane, and the one from which to go on afterwards, which does not;
        (key, None) if every lane has a key of its own already.

    Raises:
        TypeError: If a program under Jit uses the key, which would be the same in all lanes.
    """
    after = None
    for batch in running.get():
        if batch.level < below and not any(t._trace is batch for t in levels(key)):
            if isinstance(key, Tracer) and key._trace.level > batch.level:
                raise shared_by_lanes()
            keys = split(key, n=batch.size)
            after = keys[0] if after is None else after
            key = batch.tracer(keys[1:])
    return key, after


def shared_by_lanes() -> TypeError:
    """The error for a program under Jit that draws random numbers within vmap."""
    return TypeError(
        "vmap: a function under Jit draws random numbers, which would be the same in all lanes. Use Jit(Vectorize(f)), "
        "or Vectorize in place of autograd.vmap."
    )


def _along(axes, part, where):
    """The axis of each leaf of `part`, given a structure that begins like it."""
    if axes is None or hasattr(axes, "__index__"):
        return [axes if axes is None else operator.index(axes)] * tree.count(tree.flatten(part)[1])
    if dataclasses.is_dataclass(axes) and type(axes) is type(part):
        names = [field.name for field in dataclasses.fields(axes) if not field.metadata.get("static")]
        pairs = [(getattr(axes, name), getattr(part, name)) for name in names]
    elif isinstance(axes, (tuple, list)) and isinstance(part, (tuple, list)) and len(axes) == len(part):
        pairs = list(zip(axes, part, strict=True))
    elif isinstance(axes, dict) and isinstance(part, dict) and axes.keys() == part.keys():
        pairs = [(axes[key], value) for key, value in part.items()]
    else:
        mapped = "arguments" if where == "in_axes" else "output"
        raise TypeError(f"vmap: expected {where} in the structure of the {mapped}, got {axes!r}.")
    return [axis for pair in pairs for axis in _along(*pair, where)]


def _in_front(x, axis):
    """The value under an argument with its mapped axis in front."""
    if axis is None:
        return lift(x)
    x = resolved(argument(x, "vmap"))
    ours = isinstance(x, Array) or backend.is_array(x)
    if not ours or not x.ndim:
        got = f"shape {x.shape}" if ours else type(x).__name__
        raise TypeError(
            f"vmap: expected an array with axis {axis}, got {got}. Pass the axis None if all lanes share it."
        )
    return moveaxis(x, axis, 0) if complete_axis(axis, x.ndim) else x


def _size(values, axes):
    sizes = {x.shape[0] for x, axis in zip(values, axes, strict=True) if axis is not None}
    if len(sizes) != 1:
        raise ValueError(
            f"vmap: expected mapped axes of one length, got lengths {sorted(sizes)}."
            if sizes
            else "vmap: expected at least one argument with a mapped axis, got none."
        )
    return sizes.pop()
