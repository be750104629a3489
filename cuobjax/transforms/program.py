"""A recorded call: which variables it reads and writes, and the program that runs in its place."""

from __future__ import annotations

import copy
import itertools
import operator
import time
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as onp

from autograd import processes, tree
from autograd.backend import Device, copied, is_array, local_devices
from autograd.boundary import lowered
from autograd.compiler import compiled, simplified
from autograd.compiler.steps import steps
from autograd.core import Array, Tracer, all_wrapped, bare, lift
from autograd.debugging import is_watching
from autograd.graph import Graph, StagedTracer, Staging, recording
from autograd.mapping import keys_in_lanes, shared_by_lanes
from autograd.thread_group import own_member

from ..core.random_state import RandomState, borrowing
from ..core.scope import Values, is_open, read, read_all, write
from ..core.training_mode import Modes, unchanged
from ..core.variable import BaseVar
from ..util import class_name
from .program_copies import ProgramCopies
from .signature import described

if TYPE_CHECKING:
    from .explanation import ProgramExplanation

__all__ = ["Program", "Recording", "below", "devices_together", "distinct_names"]


_runs = itertools.count()


class _Check(NamedTuple):
    """What a variable's value must be like.

    Attributes:
        variable: The variable.
        shape, dtype, device: See `described`.
        kind: The type of a raw array for which the rest need not be found out.
        gpu: The number of its GPU, None on the host.
    """

    variable: BaseVar
    shape: tuple[int, ...]
    dtype: onp.dtype[Any]
    device: Device | None
    kind: type
    gpu: int | None

    @classmethod
    def of(cls, variable: BaseVar, value: Array) -> Self:
        """What the value of a variable is like."""
        shape, dtype, device = described(value)
        return cls(variable, shape, dtype, device, type(bare(value)), None if device is None else device.index)


class Recording(NamedTuple):
    """A call that was recorded.

    Attributes:
        started: When that began, as `time.perf_counter` says it.
        staging: What was recorded.
        labels, leaves: The leaves of its arguments, and descriptions of them.
        outputs: What the function returned.
        reads: The tracers of the variables that are inputs.
        constants: The variables that were read as constants.
        changes: The variables that were written, with their new values.
        modes: The modules whose training mode was read, with these modes.
        devices: The `devices_together`, if it depends on them, else None.
        made: The variables that it made and that live on.
        meetings: To how many meetings of the devices of `Parallel` its thread had come before.
    """

    started: float
    staging: Staging
    labels: list[str]
    leaves: list[Any]
    outputs: Any
    reads: Mapping[weakref.ref[BaseVar], StagedTracer]
    constants: Sequence[weakref.ref[BaseVar]]
    changes: Values
    modes: Modes
    devices: Sequence[Hashable] | None
    made: list[BaseVar]
    meetings: int


class Program:
    """A recorded call, and the program that runs in its place.

    Args:
        name: The name of the function.
        call: The call.

    Attributes:
        name: The name of the function.
        first: The results of the recorded call: outputs, then values of variables. The caller takes them out.
        causes: Why it was recorded, as texts.
        closed: Whether it can run again.
        when, recording_seconds, compiling_seconds: When it was recorded, as `time.time` says it, and what that took.
        used: When it ran last, as a number that grows with each run of any program.
        draws: The random states that are inputs, by their positions.
        alike: Results that are the same on all devices of `Parallel`, {position: `which` and `ago` of `Member.note`}.
        meetings: To how many meetings of these devices it comes.
    """

    def __init__(self, name: str, call: Recording) -> None:
        self.name: str = name
        self.when: float = time.time()
        self.recording_seconds: float = time.perf_counter() - call.started
        self.causes: tuple[str, ...] = ()
        staging, outputs, changes = call.staging, call.outputs, call.changes
        leaves, structure = tree.flatten(outputs)
        for x in leaves:
            lowered(staging, x, "Jit")
        self.assemble: Callable[[Sequence[Any]], Any] = _assembler(structure, 0)[0]
        self.writes: list[BaseVar] = list(changes)
        results = [lift(copied(x)) if is_array(x) else x for x in (*leaves, *changes.values())]
        self.alike: dict[int, tuple[Any, int]] = {}
        member = own_member()
        if member is not None:
            self.meetings: int = member.meetings - call.meetings
            notes = {i: member.noted(x) for i, x in enumerate(results) if staging.owns(x)}  # others are constants
            self.alike = {i: (note[1], member.meetings - note[0]) for i, note in notes.items() if note is not None}
        self.count: int = len(leaves)
        self.calls: int = 0
        self.used: int = next(_runs)
        self.first: list[Any] = [staging.lower(x) for x in results]
        self.static: dict[int, Any] = {i: _fresh(x) for i, x in enumerate(results) if not isinstance(x, Array)}
        graph = staging.finished([x for i, x in enumerate(results) if i not in self.static])
        self.modes: Modes = call.modes
        self.devices = call.devices
        self.checks: list[_Check] = []  # for each variable that is an input
        self.constants: list[BaseVar] = [v for v in (reference() for reference in call.constants) if v is not None]
        for reference, tracer in call.reads.items():
            variable = reference()
            if variable is not None:
                self.checks.append(_Check.of(variable, staging.lower(tracer)))
                continue
            staging.as_constant(tracer)  # `f` made the variable for itself
        first = len(staging.graph.inputs) - len(self.checks)
        states = [check[0] for check in self.checks]
        self.draws: dict[int, RandomState] = {first + i: v for i, v in enumerate(states) if isinstance(v, RandomState)}
        self.closed: bool = staging.closed
        if self.closed:
            self.labels: list[Any] = [staging.labels[n] for n in graph.inputs]
            self.recorded: int = len(graph.operations)
            self.graph: Graph = simplified(graph)
            self.effects = any(getattr(operation.primitive, "has_effect", False) for operation in graph.operations)
            self.gives_numbers = any(graph.values[n].weak for n in graph.outputs)
            self.copies = ProgramCopies.of(self.graph, len(self.checks), len(self.writes))
            self.run_raw: Any = compiled(self.copies.graph, name)
            self.compiling_seconds: float = time.perf_counter() - call.started - self.recording_seconds

    def inputs(self, leaves: Sequence[Any]) -> list[Any] | None:
        """The inputs, given those among the arguments; None if variables, modes of modules or devices have changed."""
        if self.modes and not unchanged(self.modes):
            return None
        if self.devices is not None and self.devices != devices_together():
            return None
        if any(isinstance(read(v), Tracer) for v in self.constants):  # a gradient would be lost in a constant
            return None
        if self.draws and any(keys_in_lanes(read(v))[1] is not None for v in self.draws.values()):
            raise shared_by_lanes()
        inputs = list(leaves)
        values = read_all([check.variable for check in self.checks])
        for value, (_, shape, dtype, device, kind, gpu) in zip(values, self.checks, strict=True):
            raw: Any = value._value if type(value) is Array else value
            if raw.shape != shape or raw.dtype != dtype:
                return None
            known = type(raw) is kind
            if known and gpu is not None:
                known = raw.data.device_id == gpu
            if not known and described(value)[2] != device:
                return None
            inputs.append(value)
        return inputs

    @borrowing
    def results(self, leaves: Sequence[Any]) -> list[Any] | None:
        """As `inputs` and `run`, for a program that draws random numbers: [outputs], or None."""
        inputs = self.inputs(leaves)
        if inputs is None:
            return None
        if not is_open():
            for position, state in self.draws.items():
                inputs[position] = state.lent()
        return [self.run(inputs)]

    def run(self, inputs: Sequence[Any]) -> Any:
        """The outputs for inputs; writes to variables."""
        self.calls += 1
        self.used = next(_runs)
        member = own_member() if self.alike else None
        before = 0 if member is None else member.meetings
        raw = [x._value if type(x) is Array else x for x in inputs]
        traced = any(map(isinstance, raw, itertools.repeat(Array)))
        if traced or is_watching() or (self.effects and recording() is not None):
            results = list(map(lift, self.graph.interpret([below(x) for x in inputs], as_recorded=True)))
        else:
            if self.copies.taken:
                inputs = self.copies.inputs(inputs)
                raw = [x._value if type(x) is Array else x for x in inputs]
            for i in self.run_raw.borrowed:
                raw[i] = below(inputs[i])
            results = self.run_raw(raw)
            results = list(map(lift, results)) if self.gives_numbers else all_wrapped(results)
            results = self.copies.outputs(results) if self.copies.given else results
        for i, x in self.static.items():
            results.insert(i, _fresh(x))
        if member is not None and member.meetings - before == self.meetings:  # operations on constants are left out
            for i, (which, ago) in self.alike.items():
                member.note(results[i], which, ago)
        return self.finished(results)

    def finished(self, results: Sequence[Any]) -> Any:
        """The outputs among all results; the others are written to variables."""
        if self.writes:
            write(dict(zip(self.writes, results[self.count :], strict=True)))
        return self.assemble(results)

    def explained(self, names: Mapping[BaseVar, str]) -> ProgramExplanation:
        """What there is to say of the program, given names of variables."""
        from .explanation import ProgramExplanation  # here, as few programs need it

        graph = self.graph
        first = len(graph.inputs) - len(self.checks)
        types = [str(graph.values[n]) for n in graph.inputs]
        results = [str(graph.values[n]) for n in graph.outputs]
        return ProgramExplanation(
            inputs=dict(zip(map(str, self.labels[:first]), types, strict=False)),
            outputs=tuple(results[: len(results) - len(self.writes)]),
            read=_named(names, [variable for variable, *_ in self.checks], types[first:]),
            written=_named(names, self.writes, results[len(results) - len(self.writes) :]),
            causes=self.causes,
            when=datetime.fromtimestamp(self.when),
            recording_seconds=self.recording_seconds,
            compiling_seconds=self.compiling_seconds,
            recorded=self.recorded,
            steps=steps(self.run_raw),
            constant_bytes=sum(getattr(x, "nbytes", 0) for x in graph.constants.values()),
            peak_bytes=self.run_raw.peak_bytes,
            calls=self.calls,
            source=self.run_raw.source,
            graphs=tuple(getattr(self.run_raw, "launches", ())),
            unrecorded=getattr(self.run_raw, "uncaptured", {}),
        )

    def conditions(self, names: Mapping[BaseVar, str]) -> dict[str, str]:
        """What it was recorded for besides the arguments, {description: value}, given names of variables."""
        modes = _distinct([f"the training mode of {class_name(module)}" for module, _ in self.modes])
        found = dict(zip(modes, [str(training) for _, training in self.modes], strict=True))
        found |= {} if self.devices is None else {"the devices": _devices_text(*self.devices)}
        types = [str(self.graph.values[n]) for n in self.graph.inputs][len(self.graph.inputs) - len(self.checks) :]
        read = _named(names, [variable for variable, *_ in self.checks], types)
        return found | {f"the shape or dtype of {name}": kind for name, kind in read.items()}


def devices_together() -> Sequence[Hashable]:
    """What programs depend on that use all devices: the processes and the devices of this one."""
    return processes.current(), *local_devices()


def _devices_text(group, *devices):
    where = f" in process {group.rank} of {group.size}" if group.size > 1 else ""
    return ", ".join(map(str, devices)) + where


def _named(names, variables, types):
    """{name of a variable: type}."""
    return dict(zip(distinct_names(names, variables), types, strict=True))


def distinct_names(names: Mapping[BaseVar, str], variables: Sequence[BaseVar]) -> list[str]:
    """The names of variables; the kind of a variable is the name of one that is not in `names`."""
    return _distinct([names.get(v, f"a {type(v).__name__} of shape {v.shape}") for v in variables])


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, those that have been there before with apostrophes."""
    found: dict[str, None] = {}
    for name in names:
        while name in found:
            name += "'"
        found[name] = None
    return list(found)


def _assembler(structure: Any, start: int) -> tuple[Callable[[Sequence[Any]], Any], int]:
    """A function from a list of leaves to the tree of those from `start` on, and the position of the next one."""
    if not isinstance(structure, tuple):
        return (lambda leaves: None) if structure is None else operator.itemgetter(start), start + tree.count(structure)
    kind, parts = structure
    end = start + tree.count(structure)
    if kind is list and not any(part is None or isinstance(part, tuple) for part in parts):  # many gradients
        return (lambda leaves: leaves[start:end]), end
    if kind in (tuple, list):
        made = []
        for part in parts:
            assemble, start = _assembler(part, start)
            made.append(assemble)
        return (lambda leaves: kind([assemble(leaves) for assemble in made])), end
    return (lambda leaves: tree.unflatten(structure, leaves[start:end])), end


def _fresh(x):
    """A static output for one call: a copy if it is of a type of Python's that callers may change."""
    return copy.deepcopy(x) if type(x) in (set, bytearray) else x


def below(x: Any) -> Any:
    """The value one level below an argument: a raw array that nobody writes to, a tracer, or a number."""
    if isinstance(x, Array):
        return x._value if type(x) is Array else x
    return copied(x) if is_array(x) else x
