"""Files of programs: a graph, the arguments that it is for, and variables with their values, as .npz with a text."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as onp

from autograd import tree
from autograd.core import Array
from autograd.dtypes import numpy_rules
from autograd.graph import Graph, Staging, value_of
from autograd.primitive import Primitive

from ..core.random_state import RandomState, random_key
from ..core.variable import BaseVar, StateVar, TrainVar
from ..io.formats import DamagedFileError, InMemory, is_path, opened, replacement, write
from ..typing import FileOrStr
from .plain import NotPlain, Slot, decoded, encoded, graph_from_plain, plain_graph

__all__ = ["Content", "read_program", "write_program"]

_FORMAT, _VERSION = "cuobjax program", 1
_KINDS: dict[str, Any] = {"RandomState": RandomState, "TrainVar": TrainVar, "StateVar": StateVar}


class Content(NamedTuple):
    """What a file of a program holds.

    Attributes:
        name: The name of the function.
        graph: Its graph; the inputs are those among the arguments, then the variables in `read`.
        given: The arguments, (args, kwargs), with a `Slot` in the place of each input.
        labels: Descriptions of these inputs.
        returned: The result, with a `Slot` in the place of each output.
        variables: The names, classes and values of variables.
        read, written: The positions in `variables` of those that it reads and writes.
    """

    name: str
    graph: Graph
    given: Any
    labels: list[str]
    returned: Any
    variables: list[tuple[str, type[BaseVar], Any]]
    read: list[int]
    written: list[int]


def write_program(file: FileOrStr, content: Content, inputs: Sequence[Any]) -> None:
    """Writes a program to a file, which is replaced when the new one is whole, or to a binary file that is open.

    Args:
        file: A path, or a binary file.
        content: The program.
        inputs: Inputs of the graph, with which it runs once if there is something in it that has to be taken apart.

    Raises:
        TypeError: If something in it has no form as plain data; nothing is written.
    """
    arrays: list[Any] = []
    try:
        text = {
            "format": _FORMAT,
            "version": _VERSION,
            "name": content.name,
            "graph": plain_graph(_of_primitives(content.graph, inputs), arrays),
            "given": encoded(content.given, arrays),
            "labels": content.labels,
            "returned": encoded(content.returned, arrays),
            "variables": [[name, _kind(kind), encoded(x, arrays)] for name, kind, x in content.variables],
            "read": content.read,
            "written": content.written,
        }
    except NotPlain as error:
        raise TypeError(
            f"Lowered.save: expected a program of numbers, texts, arrays and autograd's operations, got {error}. Save "
            "the variables alone with cuobjax.io.save_var_collection, or write it with operations that are there."
        ) from None
    numbered = {f"array {i}": x for i, x in enumerate(arrays)}
    named = InMemory({"program": onp.frombuffer(json.dumps(text, allow_nan=False).encode(), onp.uint8), **numbered})
    if is_path(file):
        with replacement(os.fsdecode(file)) as new:
            write(new, named)
    else:
        write(file, named)


def _kind(kind):
    return next(name for name, base in _KINDS.items() if issubclass(kind, base) or base is StateVar)


def _of_primitives(graph, inputs):
    """The graph without operations over lists, which consist of others."""
    if all(isinstance(o.primitive, Primitive) or not hasattr(o.primitive, "operations") for o in graph.operations):
        return graph
    staging = Staging()
    with staging.recording(), numpy_rules(True):
        outputs = graph.interpret([staging.input(x._value if type(x) is Array else x, "") for x in inputs])
    return staging.finished(outputs)


def read_program(file: FileOrStr) -> Content:
    """What is in a file that `write_program` wrote.

    Raises:
        DamagedFileError: If it is damaged or of another kind.
        ValueError: If a later version wrote it.
    """
    with opened(file, own=True) as archive:
        name = archive.name
        archive.require_uncompressed()
        archive.check(archive)
        named = dict(archive)
    try:
        text = json.loads(named["program"].tobytes())
        if text["format"] != _FORMAT:
            raise ValueError(f"the format {text['format']!r}")
        version = text["version"]
        content = _content(text, [named[f"array {i}"] for i in range(len(named) - 1)]) if version == _VERSION else None
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # whatever a damaged or hostile text leads to
        raise DamagedFileError(
            f"{name}: expected a program, got a damaged file or one of another kind ({type(error).__name__}: {error})."
        ) from error
    if content is None:
        raise ValueError(
            f"{name}: expected version {_VERSION} of programs, got {version!r}. Save it with this version "
            "of cuobjax, or load it with a later one."
        )
    return content


def _content(text, arrays):
    content = Content(
        str(text["name"]),
        graph_from_plain(text["graph"], arrays),
        decoded(text["given"], arrays),
        [str(label) for label in text["labels"]],
        decoded(text["returned"], arrays),
        [(str(name), _KINDS[kind], decoded(x, arrays)) for name, kind, x in text["variables"]],
        text["read"],
        text["written"],
    )
    _require_consistent(content)
    return content


def _require_consistent(content):
    graph, variables = content.graph, content.variables
    types = [value_of(x)._replace(gpu=None) for _, _, x in variables]
    of_keys = {t for t, (_, kind, _) in zip(types, variables, strict=True) if kind is RandomState}
    if len({name for name, _, _ in variables}) < len(variables) or of_keys - {value_of(random_key(0))}:
        raise ValueError("variables of one name, or random states of another type")
    first, count = len(graph.inputs) - len(content.read), len(graph.outputs) - len(content.written)
    for positions, used in ((graph.inputs[first:], content.read), (graph.outputs[count:], content.written)):
        if [graph.values[n] for n in positions] != [types[i] for i in used] or any(i < 0 for i in used):
            raise ValueError("variables of other types than the graph has")
    args, kwargs = content.given
    if not isinstance(args, tuple) or not isinstance(kwargs, dict) or len(content.labels) != first:
        raise ValueError("no arguments")
    for example, wanted in ((content.given, first), (content.returned, count)):
        numbers = [x for x in tree.flatten(example)[0] if type(x) is Slot]
        if sorted(numbers) != list(range(wanted)):
            raise ValueError("other inputs or outputs than the graph has")
