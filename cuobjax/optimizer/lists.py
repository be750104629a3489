"""Functions of many lists of arrays, elementwise or with sums over all elements: in few launches on a GPU."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cuobjax.numpy as jn
from autograd import Array, Device, backend, device_put
from autograd.compiler.multi_tensor import MultiTensorProgram, is_of_any_shape
from autograd.core import wrapped
from autograd.debugging import is_watching
from autograd.graph import ConcretizationError, Staging

__all__ = ["kind_of_list", "near", "over_lists", "recorded", "summed_over_lists"]

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
    for program, chosen in _groups(f, lists, numbers):
        if program is None:
            found = [f(*lists[i], *_near(numbers, lists[i])) for i in chosen]
        else:
            near_by = _near(numbers, lists[chosen[0]])
            found = [tuple(map(wrapped, y)) for y in program(_raw(lists, chosen), _raw_numbers(near_by))]
        for i, y in zip(chosen, found, strict=True):
            results[i] = y
    return results


def summed_over_lists(
    f: Callable[..., tuple[Array, ...]], lists: Sequence[Sequence[Array]], *numbers: float | Array
) -> Array:
    """The sum of what `f`, as for `over_lists`, gives for each list: a single number, of shape ()."""
    sums = []
    for program, chosen in _groups(f, lists, numbers):
        if program is None:
            found = _stacked([f(*lists[i], *_near(numbers, lists[i]))[0] for i in chosen])
        else:
            near_by = _near(numbers, lists[chosen[0]])
            found = wrapped(program.stacked(_raw(lists, chosen), _raw_numbers(near_by)))
        sums.append(found.sum())
    return sums[0] if len(sums) == 1 else _stacked(sums).sum()


def _groups(f, lists, numbers):
    """Pairs (program, positions of the lists that it is for); the program is None where `f` has to be called."""
    given = [x for x in numbers if isinstance(x, Array)]
    if is_watching() or any(type(x) is not Array for arrays in (*lists, given) for x in arrays):
        return [(None, [*range(len(lists))])]
    groups: dict[Any, list[int]] = {}
    for i, arrays in enumerate(lists):
        groups.setdefault((backend.device_of(arrays[0]._value), *kind_of_list(arrays)), []).append(i)
    kinds = [x.dtype if isinstance(x, Array) else type(x) for x in numbers]
    pairs = []
    for (_, *group), chosen in groups.items():
        key = (f, *group, *kinds)
        if key not in _programs:
            first = lists[chosen[0]]
            _programs[key] = recorded(f, first, _near(numbers, first), f.__name__)
        pairs.append((_programs[key], chosen))
    return pairs


def near(x: Array, device: Device) -> Array:
    """A number on a device."""
    return x if x.device == device else device_put(x, device)


def _near(numbers, arrays):
    """Numbers on the device of arrays."""
    device = arrays[0].device
    return [near(x, device) if isinstance(x, Array) else x for x in numbers]


def _stacked(numbers):
    """Numbers as an array on the device of the first one."""
    return jn.stack([near(x, numbers[0].device) for x in numbers])


def _raw(lists, chosen):
    return [[x._value for x in lists[i]] for i in chosen]


def _raw_numbers(numbers):
    return [x._value if isinstance(x, Array) else x for x in numbers]


def kind_of_list(arrays: Sequence[Array]) -> tuple[Any, ...]:
    """What a program is for: whether the arrays have axes, their library and dtypes."""
    raw = [x._value for x in arrays]
    return raw[0].shape == (), type(raw[0]), *[x.dtype for x in raw]


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
