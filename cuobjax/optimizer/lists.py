"""Elementwise functions of many lists of arrays: in few launches on a GPU."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autograd import Array
from autograd.compiler.multi_tensor import MultiTensorProgram, is_elementwise
from autograd.core import wrapped
from autograd.debugging import is_watching
from autograd.graph import ConcretizationError, Staging

__all__ = ["kind_of_list", "over_lists", "recorded"]

_programs: dict[Any, MultiTensorProgram | None] = {}


def over_lists(
    f: Callable[..., tuple[Array, ...]], lists: Sequence[Sequence[Array]], *numbers: float | Array
) -> list[tuple[Array, ...]]:
    """`[f(*arrays, *numbers) for arrays in lists]`, lists of the same dtypes at once where nothing is traced.

    Args:
        f: A function of the top level of a module, which is recorded once for the dtypes of a list. It acts alike on
            each element of its arrays, and has no other values than its arguments.
        lists: Arrays of one shape in each list.
        numbers: Python numbers, or Arrays of shape ().
    """
    given = [x for x in numbers if isinstance(x, Array)]
    if is_watching() or any(type(x) is not Array for arrays in (*lists, given) for x in arrays):
        return [f(*arrays, *numbers) for arrays in lists]
    groups: dict[Any, list[int]] = {}
    for i, arrays in enumerate(lists):
        groups.setdefault(kind_of_list(arrays), []).append(i)
    kinds = [x.dtype if isinstance(x, Array) else type(x) for x in numbers]
    results: list[Any] = [None] * len(lists)
    for group, chosen in groups.items():
        key = (f, *group, *kinds)
        if key not in _programs:
            _programs[key] = recorded(f, lists[chosen[0]], numbers, f.__name__)
        program = _programs[key]
        if program is None:
            found = [f(*lists[i], *numbers) for i in chosen]
        else:
            raw_numbers = [x._value if isinstance(x, Array) else x for x in numbers]
            raw_results = program([[x._value for x in lists[i]] for i in chosen], raw_numbers)
            found = [tuple(map(wrapped, y)) for y in raw_results]
        for i, y in zip(chosen, found, strict=True):
            results[i] = y
    return results


def kind_of_list(arrays: Sequence[Array]) -> tuple[Any, ...]:
    """What a program is for: whether the arrays have axes, their library and dtypes."""
    raw = [x._value for x in arrays]
    return raw[0].shape == (), type(raw[0]), *[x.dtype for x in raw]


def recorded(
    f: Callable[..., Sequence[Array] | None], arrays: Sequence[Array], numbers: Iterable[Any], name: str
) -> MultiTensorProgram | None:
    """The program of a function of arrays and numbers; None if it is not elementwise, or returns None."""
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
    return MultiTensorProgram(graph, len(arrays), name) if is_elementwise(graph, len(arrays)) else None
