"""The graph of a recorded call as people look at it: text, and a drawing by Graphviz."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as onp

from autograd.core import kind_of
from autograd.graph import Graph, Operation

from ..util.convert import to_path

__all__ = ["RecordedGraph"]

_FORMATS = ("dot", "pdf", "png", "svg")
_SHOWN = 60  # characters of a parameter
_DRAWN = 400  # operations that a notebook draws by itself
_NUMBERS = 8  # elements of a constant that are shown


class RecordedGraph:
    """The operations of a recorded call; prints with a line for each, and draws itself.

    `%0 = (Linear).w: float32[3, 2]` names an input; `%5: float32[4, 2] = matmul(%1, %0)  # file:line in function` is
    an operation: its result, with the type, what it is computed from, and the line of the user that asked for it.

    Attributes:
        name: The name of the function.
        graph: What was recorded, without any pass over it.
        inputs: The names of the inputs, arguments and then variables, with their positions in `graph.values`.
        written: The names of the variables that it writes, with these positions.
        outputs: The positions of what it returns.
    """

    name: str
    graph: Graph
    inputs: Mapping[str, int]
    written: Mapping[str, int]
    outputs: Sequence[int]

    def __init__(
        self, name: str, graph: Graph, inputs: Mapping[str, int], written: Mapping[str, int], outputs: Sequence[int]
    ) -> None:
        self.name, self.graph, self.inputs, self.written, self.outputs = name, graph, inputs, written, outputs
        made = [n for operation in graph.operations for n in operation.outputs]
        self._numbers = {n: f"%{i}" for i, n in enumerate(dict.fromkeys([*inputs.values(), *made]))}

    @property
    def operations(self) -> list[Operation]:
        """The operations, in the order in which they were recorded."""
        return self.graph.operations

    def __len__(self) -> int:
        return len(self.graph.operations)

    def __str__(self) -> str:
        lines = [(f"{self._numbers[n]} = {name}: {self.graph.values[n]}", "") for name, n in self.inputs.items()]
        for o in self.graph.operations:
            made = ", ".join(f"{self._numbers[n]}: {self.graph.values[n]}" for n in o.outputs)
            lines.append((f"{made} = {self._call(o)}", f"# {_short(o.line)}"))
        lines += [(f"{name} = {self._text(n)}", "") for name, n in self.written.items()]
        lines.append((f"return {', '.join(map(self._text, self.outputs))}", ""))
        width = min(max(len(line) for line, _ in lines), 80)
        return "\n".join([f"{self.name}:", *(f"  {line:{width}}  {comment}".rstrip() for line, comment in lines)])

    def __repr__(self) -> str:
        return str(self)

    def _call(self, operation):
        params = [f"{name}={_parameter(x)}" for name, x in operation.params.items()]
        return f"{operation.primitive.name}({', '.join([*map(self._text, operation.inputs), *params])})"

    def _text(self, n):
        """A value by its number, or a constant."""
        x = self.graph.constants.get(n)
        if n in self._numbers or x is None:
            return self._numbers.get(n, "None")
        if kind_of(x):
            return repr(x)
        return str(x.item()) if not x.shape else f"[{self.graph.values[n]}]"

    def to_dot(self) -> str:
        """The graph in the language DOT of Graphviz."""
        name = {n: f"v{n}" for n in self._numbers}
        lines = [
            'rankdir="TB"',
            'node [fontname="Helvetica" fontsize="10"]',
            'edge [fontname="Helvetica" fontsize="9"]',
        ]
        for text, n in self.inputs.items():
            lines.append(f'{name[n]} [shape="box" style="filled" fillcolor="lightblue" label={_quoted(text)}]')
        for i, o in enumerate(self.graph.operations):
            params = [f"{key}={_parameter(x)}" for key, x in o.params.items()]
            constants = [self._text(n) for n in o.inputs if n not in name]
            label = "\n".join([o.primitive.name, *constants, *params])
            lines.append(f'o{i} [shape="ellipse" label={_quoted(label)} tooltip={_quoted(o.line)}]')
            name.update((n, f"o{i}") for n in o.outputs)
            lines += [self._edge(name[n], f"o{i}", n) for n in o.inputs if n in name]
        ends = [(f"output {i}", n) for i, n in enumerate(self.outputs)] + list(self.written.items())
        for i, (text, n) in enumerate(ends):
            colour = "lightyellow" if i < len(self.outputs) else "lightgrey"
            label = text if n in name else f"{text}\n{self._text(n)}"
            lines.append(f'y{i} [shape="box" style="filled" fillcolor="{colour}" label={_quoted(label)}]')
            lines += [self._edge(name[n], f"y{i}", n)] if n in name else []
        return "\n".join([f"digraph {_quoted(self.name)} {{", *(f"  {line};" for line in lines), "}"]) + "\n"

    def _edge(self, start, end, n):
        return f"{start} -> {end} [label={_quoted(str(self.graph.values[n]))}]"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Draws the graph into a file, whose ending says how: .svg, .png or .pdf by Graphviz, or .dot, its text.

        Raises:
            ValueError: If it is another ending.
            RuntimeError: If the program `dot` of Graphviz is not installed, or fails.
        """
        path = to_path("RecordedGraph.save", path)
        ending = path.rpartition(".")[2].lower()
        if ending not in _FORMATS:
            raise ValueError(f"RecordedGraph.save: expected a path that ends in .{', .'.join(_FORMATS)}, got {path!r}.")
        content = self.to_dot().encode() if ending == "dot" else self._drawn(ending)
        with open(path, "wb") as file:
            file.write(content)

    def _drawn(self, ending):
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(
                "RecordedGraph.save: expected the program dot of Graphviz, which is not installed. Install the package "
                "graphviz of your system, or save as .dot."
            )
        import subprocess  # here, as only drawings need it

        run = subprocess.run([program, f"-T{ending}"], input=self.to_dot().encode(), capture_output=True, check=False)
        if run.returncode:
            raise RuntimeError(f"RecordedGraph.save: dot failed. {run.stderr.decode(errors='replace').strip()}")
        return run.stdout

    def _repr_svg_(self) -> str | None:
        """The drawing for a notebook; None without Graphviz, and for a large graph."""
        return self._drawn("svg").decode() if len(self) <= _DRAWN and shutil.which("dot") else None


def _quoted(text):
    """A text as DOT writes it; its lines are joined by the escape for a new line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _parameter(x: Any) -> str:
    if isinstance(x, onp.ndarray) or hasattr(x, "__cuda_array_interface__"):
        return f"[{x.dtype}{list(x.shape)}]" if x.size > _NUMBERS else str(x.tolist())
    text = str(x) if isinstance(x, onp.dtype) else " ".join(repr(x).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _short(line: str) -> str:
    """A line of the user, with a path from the current folder where it is in there."""
    folder = os.getcwd() + os.sep
    return line.removeprefix(folder)
