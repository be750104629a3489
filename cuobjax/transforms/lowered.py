"""A program for some arguments as an object: to look at, to run, to save."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autograd import tree

from ..core.variable import BaseVar
from ..typing import FileOrStr
from .explanation import ProgramExplanation
from .plain import Slot
from .program import Program, Recording, distinct_names
from .program_file import Content, write_program
from .recorded_graph import RecordedGraph
from .signature import is_input

__all__ = ["Lowered"]


class Lowered:
    """The program of a `Jit` for some arguments; `Jit.lower` makes it.

    Attributes:
        graph: What was recorded: printed, a line for each operation.
        variables: The variables that it reads, by their names in `graph`.
    """

    graph: RecordedGraph
    variables: dict[str, BaseVar]

    def __init__(
        self,
        program: Program,
        names: Mapping[BaseVar, str],
        recording: Recording,
        given: Any,
        inputs: Callable[..., list[Any]],
    ) -> None:
        self._program, self._names, self._given, self._inputs = program, names, given, inputs
        self._recording = recording
        graph = recording.staging.graph
        read = distinct_names(names, [variable for variable, *_ in program.checks])
        self.variables = dict(zip(read, [check.variable for check in program.checks], strict=True))
        labels = [str(label) for label in program.labels[: len(graph.inputs) - len(read)]]
        written = distinct_names(names, program.writes)
        count = len(graph.outputs) - len(written)
        self.graph = RecordedGraph(
            program.name,
            graph,
            dict(zip([*labels, *read], graph.inputs, strict=True)),
            dict(zip(written, graph.outputs[count:], strict=True)),
            graph.outputs[:count],
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the program, as `Jit` does: it reads variables, and writes them.

        Raises:
            ValueError: If it is not for these arguments, or if variables have other shapes, or modules other training
                modes, than when it was made, or if there are other devices and it uses all of them.
        """
        results = self._program.results(self._inputs(*args, **kwargs))
        if results is None:
            raise ValueError(
                "Lowered: expected variables of the shapes and dtypes, modules in the training modes, and devices that "
                "it was made for. Write jit.lower(*args) again."
            )
        return results[0]

    def save(self, file: FileOrStr) -> None:
        """Saves the program to a file, with the values that the variables have now: `cuobjax.io.load_program` reads it.

        It is plain data: the graph of autograd's operations, and arrays.

        Args:
            file: A path, where a file is replaced when the new one is safe on the disk; or a binary file.

        Raises:
            TypeError: If an operation of your own or an object is in it, which has no form as plain data.
        """
        program, given, leaves = self._program, self._given, self._recording.leaves
        read = [check.variable for check in program.checks]
        variables = [*dict.fromkeys([*read, *program.writes])]
        place = {v: i for i, v in enumerate(variables)}
        names = distinct_names(self._names, variables)
        slots = map(Slot, range(len(leaves)))
        _, nesting = tree.flatten(given.traced)
        args, kwargs = given.filled(tree.unflatten(nesting, [next(slots) if is_input(x) else x for x in leaves]))
        results, structure = tree.flatten(self._recording.outputs)
        slots = map(Slot, range(len(results)))
        returned = [program.static[i] if i in program.static else next(slots) for i in range(len(results))]
        content = Content(
            program.name,
            program.graph,
            (tuple(args), kwargs),
            list(self.graph.inputs)[: len(self.graph.inputs) - len(read)],
            tree.unflatten(structure, returned),
            [(name, type(v), v.value.raw) for name, v in zip(names, variables, strict=True)],
            [place[v] for v in read],
            [place[v] for v in program.writes],
        )
        write_program(file, content, [*filter(is_input, leaves), *[v.value for v in read]])

    def explain(self) -> ProgramExplanation:
        """What it runs, as an object that prints as a table."""
        return self._program.explained(self._names)

    @property
    def source(self) -> str:
        """The text of the program."""
        return str(self._program.run_raw.source)

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that its results, outputs included, take at once; None if that is not known."""
        found: int | None = self._program.run_raw.peak_bytes
        return found

    def __repr__(self) -> str:
        return f"<program of {self.graph.name}, {len(self.graph)} operations recorded>"

    def __str__(self) -> str:
        return str(self.explain())
