"""A writer of event files."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from typing import Any, Self

from ..absent import WRITER, declare
from ..tools.graph import make_graph
from ..transforms.recorded_graph import RecordedGraph
from ..util.convert import require_integers, require_reals, to_path
from .summary import Summary, protocol

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes summaries to an event file in a folder, which TensorBoard reads: a context that closes it at its end.

    Args:
        logdir: The folder, which is made.
        queue_size: How many summaries wait at most for the thread that writes.
        write_interval: After how many seconds they are written at the latest.

    Raises:
        OSError: If the folder cannot be made or the file written; an error of the thread that writes arrives in the
            next `write` or in `close`.
        ModuleNotFoundError: If tensorboard is missing.
    """

    def __init__(self, logdir: str | os.PathLike[str], queue_size: int = 5, write_interval: int = 5) -> None:
        require_integers("SummaryWriter", 0, queue_size=queue_size)
        require_reals("SummaryWriter", write_interval=write_interval)
        self.logdir = to_path("SummaryWriter", logdir)
        writers = protocol("summary.writer.event_file_writer")
        os.makedirs(self.logdir, exist_ok=True)
        self._file: Any = writers.EventFileWriter(self.logdir, queue_size, write_interval)

    def write(self, summary: Summary, step: int) -> None:
        """Writes a summary for a step."""
        if not isinstance(summary, Summary):
            raise TypeError(f"SummaryWriter.write: expected a Summary, got {type(summary).__name__}.")
        try:
            number = int(step)
        except (TypeError, ValueError):
            raise TypeError(f"SummaryWriter.write: expected step as a number, got {type(step).__name__}.") from None
        self._add(summary=summary(), step=number)

    def graph(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Writes the graph of a call, which runs once: see `cuobjax.make_graph`."""
        self._add(graph_def=_definition(make_graph(f)(*args, **kwargs)).SerializeToString())

    def flush(self) -> None:
        """Waits until all is written."""
        with self._naming_the_folder():
            self._open().flush()

    def close(self) -> None:
        """Writes what waits and closes the file; what is closed stays so."""
        file, self._file = self._file, None
        if file is not None:
            with self._naming_the_folder():
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, **content):
        event = protocol("compat.proto.event_pb2").Event(wall_time=time.time(), **content)
        with self._naming_the_folder():
            self._open().add_event(event)

    @contextlib.contextmanager
    def _naming_the_folder(self):
        """Errors of the thread that writes do not say where it wrote."""
        try:
            yield
        except OSError as error:
            if error.filename is not None or error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, self.logdir) from error

    def _open(self):
        if self._file is None:
            raise ValueError(f"SummaryWriter: {self.logdir} is closed. Make a new one, which adds another file.")
        return self._file


declare(SummaryWriter, WRITER)


def _definition(graph: RecordedGraph) -> Any:
    """A graph as TensorBoard's GraphDef: inputs, operations, and what is returned or written."""
    buffers = protocol("compat.proto.graph_pb2")
    found, names, values = buffers.GraphDef(), {}, graph.graph.values
    found.versions.producer = 22
    for text, n in graph.inputs.items():
        kind = "Placeholder" if text.startswith("argument") else "Variable"
        names[n] = _add_node(found, f"inputs/{text}", kind, [], "", [values[n].shape])
    for i, o in enumerate(graph.operations):
        inputs = [names[n] for n in o.inputs if n in names]
        name = _add_node(
            found, f"{o.primitive.name}_{i}", o.primitive.name, inputs, o.line, [values[n].shape for n in o.outputs]
        )
        names.update((n, f"{name}:{place}" if place else name) for place, n in enumerate(o.outputs))
    ends = [(f"outputs/output {i}", n) for i, n in enumerate(graph.outputs)]
    for text, n in [*ends, *((f"outputs/{name}", n) for name, n in graph.written.items())]:
        _add_node(found, text, "Output", [names[n]] if n in names else [], "")
    return found


def _add_node(found, text, kind, inputs, line, shapes=()):
    """Adds a node with shapes of results; its name, which is returned, has only characters that TensorBoard knows."""
    name = re.sub(r"[^A-Za-z0-9_./\-]+", "_", text).strip("_.") or "node"
    node = found.node.add(name=name, op=kind, input=inputs)
    for shape in shapes:
        sizes = node.attr["_output_shapes"].list.shape.add()
        for size in shape:
            sizes.dim.add(size=size)
    if line:
        node.attr["line"].s = line.encode()
    return name
