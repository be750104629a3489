"""Functions of many lists of arrays, elementwise or with sums over all elements: in few launches on a GPU."""

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, Device, device_put
from autograd.backend import device_of, is_array, is_cupy
from autograd.compiler.multi_tensor import MultiTensorProgram, OverLists, is_of_any_shape
from autograd.core import TracedNumber, wrapped
from autograd.debugging import is_checking
from autograd.graph import ConcretizationError, StagedNumber, StagedTracer, Staging, recording

from ..core.module import Module
from ..typing import RawArray

__all__ = [
    "Runner", "distinct", "kind_of_list", "kind_of_number", "known", "near", "of_one_kind", "over_lists", "recorded",
    "stacked", "staging_of", "summed_over_lists",
]  # fmt: skip

_programs: dict[Any, MultiTensorProgram | None] = {}


def over_lists(
    f: Callable[..., tuple[Array, ...]], lists: Sequence[Sequence[Array]], *numbers: float | Array
) -> list[tuple[Array, ...]]:
    """`[f(*arrays, *numbers) for arrays in lists]`, lists of the same dtypes at once where nothing is traced.

    Args:
        f: A function of the top level of a module, which is recorded once for the dtypes of a list. It acts alike on
            each element of its arrays, but for sums, means and extremes of all elements, and has no other values than
            its arguments.
        lists: Arrays of one shape in each list.
        numbers: Python numbers, or Arrays of shape ().
    """
    results: list[Any] = [None] * len(lists)
    for runner, chosen in _groups(f, lists, numbers):
        if runner is None:
            found = [f(*lists[i], *_all_near(numbers, lists[i])) for i in chosen]
        else:
            found = runner.outputs([lists[i] for i in chosen], _all_near(numbers, lists[chosen[0]]))
        for i, y in zip(chosen, found, strict=True):
            results[i] = y
    return results


def summed_over_lists(
    f: Callable[..., tuple[Array, ...]], lists: Sequence[Sequence[Array]], *numbers: float | Array
) -> Array:
    """The sum of what `f`, as for `over_lists`, gives for each list: a single number, of shape ()."""
    sums = []
    for runner, chosen in _groups(f, lists, numbers):
        if runner is None:
            found = _at_one_place([f(*lists[i], *_all_near(numbers, lists[i]))[0] for i in chosen])
        else:
            found = runner.stacked([lists[i] for i in chosen], _all_near(numbers, lists[chosen[0]]))
        sums.append(found.sum())
    return sums[0] if len(sums) == 1 else _at_one_place(sums).sum()


def stacked(arrays: Sequence[Array]) -> Array:
    """Arrays of one shape, dtype and device as one array; without a copy if they are the parts of one, in order."""
    raw = [x._value for x in arrays]
    whole = raw[0].base if type(arrays[0]) is Array else None
    if whole is not None and _is_like_stack(whole, raw) and whole.flags.c_contiguous:
        start, step = _address(whole), raw[0].nbytes
        if all(_address(x) == start + i * step and x.flags.c_contiguous for i, x in enumerate(raw)):
            return wrapped(whole)
    lists = [(x,) for x in arrays]
    ((runner, _),) = _groups(_same, lists, (), always=True)
    return jn.stack(arrays) if runner is None else runner.stacked(lists, [])


def _same(x: Array) -> tuple[Array, ...]:
    return (x,)


def _is_like_stack(whole, raw):
    """Whether an array has the shape and the dtype of the stack of others."""
    return whole.shape == (len(raw), *raw[0].shape) and whole.dtype == raw[0].dtype


def _address(x):
    return x.__array_interface__["data"][0] if isinstance(x, onp.ndarray) else x.data.ptr


def distinct(numbers: Sequence[dict[str, Any]]) -> Collection[dict[str, Any]]:
    """The different ones among dictionaries, of which many are the same object."""
    return {id(own): own for own in numbers}.values()


def known(x: Any, by_identity: bool = False) -> Any:
    """What tells a number or another attribute from others."""
    return id(x) if by_identity or isinstance(x, Module | Array) else repr(x)


class Runner(NamedTuple):
    """A program, and the recording of the values that it computes with, if they are traced."""

    program: MultiTensorProgram
    staging: Staging | None

    def outputs(self, lists: Sequence[Sequence[Array]], numbers: Iterable[Any]) -> list[tuple[Array, ...]]:
        """The outputs for each list."""
        if self.staging is None:
            return [tuple(map(wrapped, y)) for y in self.program(_raw(lists), _raw([numbers])[0])]
        results = iter(
            self.staging.record(OverLists(self.program, len(lists)), [*itertools.chain(*lists), *numbers], {})
        )
        count = len(self.program.graph.outputs)
        return [tuple(itertools.islice(results, count)) for _ in lists]

    def stacked(self, lists: Sequence[Sequence[Array]], numbers: Iterable[Any]) -> Array:
        """The first output of all lists as one array."""
        if self.staging is None:
            return wrapped(self.program.stacked(_raw(lists), _raw([numbers])[0]))
        operation = OverLists(self.program, len(lists), stacked=True)
        return self.staging.record(operation, [*itertools.chain(*lists), *numbers], {})


def _raw(lists):
    return [[x._value if isinstance(x, Array) else x for x in arrays] for arrays in lists]


def staging_of(arrays: Iterable[Array]) -> Staging | Literal[False] | None:
    """The recording that traces arrays of a GPU; None if they are not traced, False for other transformations."""
    arrays = [*arrays]
    kinds = {*map(type, arrays)}
    if kinds <= {Array}:
        return None
    staging = recording()
    if not kinds <= {Array, StagedTracer, StagedNumber} or staging is None:
        return False
    traced = [x for x in arrays if type(x) is not Array]
    own = all(x._trace is staging and not isinstance(x._value, Array) for x in traced)
    on_gpu = all(is_cupy(x._value) for x in arrays if type(x) is not StagedNumber)
    return staging if own and on_gpu else False


def kind_of_number(x: Any) -> Any:
    """The dtype of an Array, the type of a Python number."""
    value = x._value if isinstance(x, Array) else x
    return value.dtype if is_array(value) else type(value)


def _groups(f, lists, numbers, always=False):
    """Pairs (Runner, positions of the lists that it is for); None in its place where `f` has to be called, as where
    `Jit` will fuse elementwise operations, if not `always`."""
    staging = staging_of(itertools.chain([x for x in numbers if isinstance(x, Array)], *lists))
    if is_checking() or staging is False:
        return [(None, [*range(len(lists))])]
    raw = _raw(lists)
    kinds = [*map(kind_of_number, numbers)]
    found = []
    for chosen in of_one_kind([*zip(*raw, strict=True)]):
        first = chosen[0]
        key = (f, *kind_of_list(raw[first]), *kinds)
        if key not in _programs:
            arrays = lists[first]
            _programs[key] = recorded(f, arrays, _all_near(numbers, arrays), f.__name__)
        program = _programs[key]
        runner = None
        if program is not None and (staging is None or always or program.reduces):
            runner = Runner(program, staging)
        found.append((runner, chosen))
    return found


def near(x: Array, device: Device) -> Array:
    """A number on a device."""
    return x if x.device == device else device_put(x, device)


def _all_near(numbers, arrays):
    """Numbers on the device of arrays."""
    device = arrays[0].device
    return [near(x, device) if isinstance(x, Array) and not isinstance(x, TracedNumber) else x for x in numbers]


def _at_one_place(numbers):
    """Arrays of one number as one array, on the device of the first one."""
    return jn.stack([near(x, numbers[0].device) for x in numbers])


def of_one_kind(columns: Sequence[Sequence[RawArray]], keys: Sequence[Any] | None = None) -> list[list[int]]:
    """The positions of lists that one program serves.

    Args:
        columns: The first raw arrays of all lists, the second ones, and so on.
        keys: What else decides for each list; None: nothing.
    """
    if columns and keys is None and _are_alike(columns):
        return [[*range(len(columns[0]))]]
    groups: dict[Any, list[int]] = {}
    for i, raw in enumerate(zip(*columns, strict=True)):
        groups.setdefault((*kind_of_list(raw), None if keys is None else keys[i]), []).append(i)
    return [*groups.values()]


def _are_alike(columns):
    """Whether lists of NumPy arrays are all of one kind: what is usual, at less cost."""
    first = columns[0]
    if {*map(type, first)} != {onp.ndarray} or [x.shape for x in first].count(()) not in (0, len(first)):
        return False
    dtypes = [[x.dtype for x in column] for column in columns]
    return all(column.count(column[0]) == len(column) for column in dtypes)


def kind_of_list(raw: Sequence[RawArray]) -> tuple[Any, ...]:
    """What a program is for: whether the arrays have axes, their device and dtypes."""
    first = raw[0]
    return first.shape == (), device_of(first), *[x.dtype for x in raw]


def recorded(
    f: Callable[..., Sequence[Array] | None], arrays: Sequence[Array], numbers: Iterable[Any], name: str
) -> MultiTensorProgram | None:
    """The program of a function of arrays and numbers; None if it depends on their shape, or returns None."""
    staging = Staging()
    with staging.recording():
        inputs = [staging.input(x._value if isinstance(x, Array) else x, name) for x in (*arrays, *numbers)]
        try:
            outputs = f(*inputs)
        except ConcretizationError:
            return None
    if outputs is None:
        return None
    graph = staging.finished(outputs)
    return MultiTensorProgram(graph, len(arrays), name) if is_of_any_shape(graph, len(arrays)) else None
