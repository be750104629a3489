"""Steps of an optimizer over all variables at once: its `update` is recorded, and runs as one program."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from autograd import Array
from autograd.backend import is_array
from autograd.core import kind_of
from autograd.debugging import is_checking

from ..core.module import Module
from ..core.scope import read_all, scope, write
from ..core.variable import BaseVar
from .lists import Runner, distinct, kind_of_list, kind_of_number, known, of_one_kind, recorded, staging_of

__all__ = ["updated_together"]

MOST = 32  # programs of one optimizer: where numbers change in each step, recording costs more than it saves
_programs: weakref.WeakKeyDictionary[Module, dict[Any, Any]] = weakref.WeakKeyDictionary()


def updated_together(
    optimizer: Module,
    columns: Sequence[Sequence[BaseVar]],
    gradients: Sequence[Array],
    numbers: Sequence[dict[str, Any]],
    update: Callable[[int, Array, dict[str, Any]], None],
) -> bool:
    """Makes a step of an elementwise optimizer; False if it must be made by `update` of one variable after the other.

    Args:
        optimizer: The optimizer.
        columns: The trained variables, then each of their states.
        gradients: Their gradients.
        numbers: Their hyperparameters. A program is for their values where they are attributes of the optimizer, or
            0, which `update` may leave out; else they may change from step to step.
        update: `(i, gradient, numbers)` changes the i-th variable and its states.
    """
    values = [*map(read_all, columns), gradients]
    given_arrays = [x for own in distinct(numbers) for x in own.values() if isinstance(x, Array)]
    staging = staging_of(itertools.chain(given_arrays, *values))
    if is_checking() or staging is False:
        return False
    raw = [[x._value for x in column] for column in values]
    constants = {name: x for name, x in vars(optimizer).items() if kind_of(x) is not None}
    attributes = [(name, known(x, is_array(x))) for name, x in vars(optimizer).items()]
    programs = _programs.setdefault(optimizer, {})
    changes: dict[BaseVar, Array] = {}
    keys = None
    if len(distinct(numbers)) > 1:
        keys = [tuple([(name, known(x)) for name, x in own.items()]) for own in numbers]
    for chosen in of_one_kind(raw, keys):
        i = chosen[0]
        fixed = {name: x for name, x in numbers[i].items() if _is_fixed(x, constants.get(name))}
        given = {name: x for name, x in numbers[i].items() if name not in fixed}
        kinds = [(name, kind_of_number(x)) for name, x in given.items()]
        key = (*kind_of_list([column[i] for column in raw]), *attributes, *map(repr, fixed.items()), *kinds)
        if key not in programs:
            if len(programs) == MOST:
                return False
            firsts = [*{gradients[n].shape: n for n in reversed(chosen)}.values()]
            programs[key] = _recorded(firsts, columns, values, numbers, given, update)
        if programs[key] is None:
            return False
        program, changed = programs[key]
        if staging is not None and not program.reduces:  # `Jit` will fuse it, with what comes before
            return False
        lists = [*zip(*[[column[n] for n in chosen] for column in values], strict=True)]
        results = Runner(program, staging).outputs(lists, given.values())
        for place, column in zip(changed, zip(*results, strict=True), strict=True):
            changes.update(zip([columns[place][n] for n in chosen], column, strict=True))
    write(changes)
    return True


def _is_fixed(x, attribute):
    return not isinstance(x, Array) and (x is attribute or not x)


def _recorded(firsts, columns, values, numbers, given, update):
    """The program of `update` for variables, and the positions of the columns that it changes.

    `firsts` are the first ones of each shape, in reverse; if `update` sums, its graph must be the same for all of them:
    it may have divided by the size. None if it is not, or depends on shapes in other ways, reads or writes other
    variables, or has arrays that may be others in the next step.
    """
    found, described = None, None
    for i in reversed(firsts):
        own = [column[i] for column in values]
        known = _recorded_for(i, [column[i] for column in columns], own, numbers[i], given, update)
        if known is None:
            return None
        text = known[0].described()
        if found is not None and text != described:
            return None
        found, described = known, text
        if not known[0].reduces:
            break
    return found


def _recorded_for(i, variables, values, numbers, given, update):
    """The program of `update` for a variable, and the positions of the variables that it changes; None if there is no
    program."""
    changed: list[int] = []

    def values_after(*traced):
        own, named = traced[: len(values)], dict(zip(given, traced[len(values) :], strict=True))
        with scope(zip(variables, own, strict=False)) as opened:
            update(i, own[-1], numbers | named)
        changes = {v: x for v, x in opened.changes().items() if not any(v is made() for made in opened.made)}
        if opened.seen or not changes.keys() <= set(variables):
            return None
        changed.extend(n for n, v in enumerate(variables) if v in changes)
        return [changes[variables[n]] for n in changed]

    program = recorded(values_after, values, given.values(), "update")
    if program is None or any(program.graph.values[n].weak is None for n in program.graph.constants):
        return None
    return program, changed
