"""Steps of an optimizer over all variables of one shape at once: its `update` is mapped over a batch of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from autograd import Array, vmap
from autograd.debugging import is_checking

from ..core.scope import read_all, scope, write
from ..core.variable import BaseVar
from .lists import distinct, kind_of_list, known, stacked, staging_of

__all__ = ["updated_by_shape"]

LARGE = 1 << 16  # elements: on the CPU, a copy of larger arrays takes longer than what Python saves


def updated_by_shape(
    columns: Sequence[Sequence[BaseVar]],
    gradients: Sequence[Array],
    numbers: Sequence[dict[str, Any]],
    update: Callable[[int, Array, dict[str, Any]], None],
) -> bool:
    """Makes a step of an optimizer whose `update` treats all variables of a shape alike; False if it must be made by
    `update` of one variable after the other.

    Args:
        columns: The trained variables, then each of their states.
        gradients: Their gradients.
        numbers: Their hyperparameters.
        update: `(i, gradient, numbers)` changes the i-th variable and its states.
    """
    values = [*map(read_all, columns), gradients]
    given = [x for own in distinct(numbers) for x in own.values() if isinstance(x, Array)]
    if is_checking() or staging_of(itertools.chain(given, *values)) is False:
        return False
    groups: dict[Any, list[int]] = {}
    for i, own in enumerate(zip(*values, strict=True)):
        key = kind_of_list([x._value for x in own]), tuple([x.shape for x in own])
        groups.setdefault((key, tuple([(name, known(x)) for name, x in numbers[i].items()])), []).append(i)
    for chosen in groups.values():
        size, device = gradients[chosen[0]].size, gradients[chosen[0]].device
        if len(chosen) > 1 and size and (device.kind != "cpu" or size <= LARGE):
            write(_of_batch(chosen, columns, values, numbers[chosen[0]], update))
        elif size:
            for i in chosen:
                update(i, gradients[i], numbers[i])
    return True


def _of_batch(chosen, columns, values, numbers, update):
    """The changes of variables of one shape, {variable: value}."""
    variables, changed = [column[chosen[0]] for column in columns], []

    def of_lane(*lanes):
        with scope(zip(variables, lanes, strict=False)) as opened:
            update(chosen[0], lanes[-1], numbers)
        changes = opened.changes()
        changed[:] = [n for n, v in enumerate(variables) if v in changes]
        return tuple([changes[variables[n]] for n in changed])

    found = vmap(of_lane)(*[stacked([column[i] for i in chosen]) for column in values])
    return {columns[place][i]: y[k] for place, y in zip(changed, found, strict=True) for k, i in enumerate(chosen)}
