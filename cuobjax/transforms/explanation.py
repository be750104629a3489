"""What `Jit.explain` says of programs: plain data, which prints as a table of at most 120 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autograd.compiler.steps import Step

from ..util.tables import text_table

__all__ = ["Explanation", "ProgramExplanation"]

_WIDTH = 120
_ROWS = 20  # of a table
_TEXTS = 8  # of a list
_NAME = 52  # columns of the name of a step
_HEAD = ("step", "kind", "times", "operations", "launches", "bytes read", "bytes written")


@dataclass(frozen=True, repr=False)
class ProgramExplanation:
    """One program: what it was recorded for, and what it runs.

    Attributes:
        inputs: Its inputs among the arguments, {name: "float32[4, 3]"}; the types of Python numbers are "int", "float"
            and "complex".
        outputs: The types of what it returns, without static values.
        read, written: The variables that it reads and writes, {name: type}.
        causes: What was new in the call in which it was recorded.
        when: When that was.
        recording_seconds, compiling_seconds: How long the function ran then, and how long the program took to make;
            CuPy compiles kernels in the first calls.
        recorded: The number of operations that were recorded.
        steps: What it runs, in order.
        constant_bytes: The size of what is built in.
        peak_bytes: The most memory that its results, outputs included, take at once; None if that is not known.
        calls: How often it ran since it was recorded.
        source: Its text.
        graphs: How many launches each of its CUDA graphs replaces, with CUOBJAX_CUDA_GRAPH=1.
        unrecorded: Why operations are in none of these, {name of an operation: reason}.
    """

    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    read: Mapping[str, str]
    written: Mapping[str, str]
    causes: tuple[str, ...]
    when: datetime
    recording_seconds: float
    compiling_seconds: float
    recorded: int
    steps: tuple[Step, ...]
    constant_bytes: int
    peak_bytes: int | None
    calls: int
    source: str = field(default="", compare=False)
    graphs: tuple[int, ...] = ()
    unrecorded: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes_read(self) -> int:
        """The bytes of the arguments of all steps."""
        return sum(step.read for step in self.steps)

    @property
    def bytes_written(self) -> int:
        """The bytes of the results of all steps."""
        return sum(step.written for step in self.steps)

    @property
    def launches(self) -> dict[str, int]:
        """How many kernels are launched on a GPU, {name of a step: number}: one at least where that is not known."""
        added: dict[str, int] = {}
        for step in self.steps:
            added[step.name] = added.get(step.name, 0) + (1 if step.launches is None else step.launches)
        return {name: n for name, n in added.items() if n}

    @property
    def alone(self) -> tuple[Step, ...]:
        """The steps that are no part of a kernel or loop, with a `reason`."""
        return tuple([step for step in self.steps if step.reason])

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def lines(self) -> Iterator[str]:
        """The lines of its text."""
        times = f"{self.recording_seconds * 1e3:.1f} ms, compiled in {self.compiling_seconds * 1e3:.1f} ms"
        yield from _listed("recorded", [f"{self.when:%Y-%m-%d %H:%M:%S} in {times}", f"{self.calls} calls since"])
        yield from _listed("for", self.causes)
        for what, found in (
            ("inputs", self.inputs),
            ("variables read", self.read),
            ("variables written", self.written),
        ):
            yield from _listed(f"{len(found)} {what}", [f"{name}: {kind}" for name, kind in found.items()])
        yield from _listed(f"{len(self.outputs)} outputs", self.outputs)
        peak = "an unknown number of" if self.peak_bytes is None else f"{self.peak_bytes:,}"
        memory = [f"{self.constant_bytes:,} bytes of constants", f"{peak} bytes of results at most"]
        yield from _listed("memory", memory)
        yield from _listed("operations", [f"{self.recorded} recorded", f"{len(self.steps)} steps after the passes"])
        yield from _steps_table(self.steps)
        made = [step for step in self.steps if step.kind in ("kernel", "loop")]
        for (kind, operations), alike in _grouped(made, lambda step: (step.kind, step.operations))[:_TEXTS]:
            counts = [f"{name} {n} times" if n > 1 else name for name, n in Counter(operations).items()]
            yield from _listed(f"{len(alike)} {kind}{'s' * (len(alike) > 1)} of", counts)
        for (name, reason), steps in _grouped(self.alone, lambda step: (step.name, step.reason))[:_TEXTS]:
            yield from _listed("alone", [f"{name}, {len(steps)} times", reason, steps[0].line])
        yield from _listed("CUDA graphs", [f"one of {n} launches" for n in self.graphs])
        for name, reason in self.unrecorded.items():
            yield from _listed("in no CUDA graph", [name, reason])


@dataclass(frozen=True, repr=False)
class Explanation:
    """What a `Jit` has recorded.

    Attributes:
        name: The text of the Jit.
        recordings: How often it has recorded.
        programs: Its programs.
        dropped: How many programs were dropped as modules changed.
        causes: What was new in calls that were recorded, and how often, {text: number}: the three most frequent ones.
        notes: What else there is to know.
    """

    name: str
    recordings: int
    programs: tuple[ProgramExplanation, ...]
    dropped: int
    causes: Mapping[str, int]
    notes: tuple[str, ...]
    source: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        dropped = f", {self.dropped} were dropped as modules changed" * bool(self.dropped)
        lines = [self.name, f"recorded {self.recordings} times, {len(self.programs)} programs{dropped}"]
        if not self.recordings:
            lines.append("Nothing is known before the first call; its method lower(*args) looks at one without it.")
        for i, program in enumerate(self.programs):
            lines += [f"program {i}:", *("  " + line for line in program.lines())]
            lines += ["  source:", *("    " + line for line in program.source.splitlines())] if self.source else []
        again = "; ".join(f"{cause}, {n} times" for cause, n in self.causes.items())
        lines += [f"recorded again for something new in: {again}"] if again else []
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__


def _listed(label: str, texts: Iterable[str]) -> list[str]:
    """A label and some texts, in as many lines as they need; nothing for no texts."""
    shown = list(texts)
    shown = shown[:_TEXTS] + [f"{len(shown) - _TEXTS} more"] * (len(shown) > _TEXTS)
    lines = [label.ljust(20)] if shown else []
    for text in shown:
        text = _shortened(text, _WIDTH - 24)
        if lines[-1].strip() != label and len(lines[-1]) + len(text) > _WIDTH - 5:
            lines.append(" " * 20)
        lines[-1] += f" {text};"
    return [line.removesuffix(";") if line is lines[-1] else line for line in lines]


def _grouped(steps: Sequence[Step], key: Callable[[Step], Any]) -> list[tuple[Any, list[Step]]]:
    """Pairs (key, steps of this key)."""
    groups: dict[Any, list[Step]] = {}
    for step in steps:
        groups.setdefault(key(step), []).append(step)
    return [*groups.items()]


def _steps_table(steps: Sequence[Step]) -> list[str]:
    """The lines of a table with a row for all steps of one name, the largest ones first."""
    groups = [own for _, own in _grouped(steps, lambda step: (step.kind, step.name))]
    groups.sort(key=lambda own: -sum(step.read + step.written for step in own))
    rows = [_row(own[0].name, own[0].kind, own) for own in groups[:_ROWS]]
    if rest := [step for own in groups[_ROWS:] for step in own]:
        rows.append(_row(f"{len(groups) - _ROWS} more", "", rest))
    rows = [_HEAD, *rows, _row("all steps", "", steps)]
    if all(step.launches == 0 for step in steps):  # on a CPU
        rows = [row[:4] + row[5:] for row in rows]
    return text_table(rows[0], rows[1:-1], rows[-1], left=2)


def _row(name, kind, steps):
    launches = sum(step.launches or 0 for step in steps)
    unknown = sum(step.launches is None for step in steps)
    return (
        _shortened(name, _NAME),
        kind,
        f"{len(steps):,}",
        f"{sum(len(step.operations) for step in steps):,}",
        f"{launches + unknown:,}{'+' * bool(unknown)}",
        f"{sum(step.read for step in steps):,}",
        f"{sum(step.written for step in steps):,}",
    )


def _shortened(text, width):
    return text if len(text) <= width else text[: width - 3] + "..."
