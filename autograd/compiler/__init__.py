"""Programs of graphs: `compiled(graph)` is the one way from a recorded graph to something that runs on raw arrays."""

from .. import backend
from . import host, stepwise
from .passes import simplified

__all__ = ["compiled", "simplified"]


def compiled(graph, name):
    """A program `(raw inputs) -> raw outputs` of a simplified graph, with `borrowed`, `peak_bytes` and `source`.

    No output is memory that a later run writes to; one may be a constant, or look into an input in `borrowed`.
    """
    on_host = not any(map(backend.is_cupy, graph.constants.values())) and graph.on_host
    return (host.HostProgram if on_host else stepwise.StepwiseProgram)(graph, name)
