"""Programs of graphs: `compiled(graph)` is the one way from a recorded graph to something that runs on raw arrays."""

from .. import backend
from ..graph import Graph
from .host import HostProgram, LineProgram
from .passes import simplified

__all__ = ["compiled", "simplified"]


def compiled(graph: Graph, name: str) -> LineProgram:
    """A program `(raw inputs) -> raw outputs` of a simplified graph; `name` heads its `source`.

    No later run writes to the memory of an output; this may be a constant, or memory of an input in `borrowed`.
    """
    on_host = not any(map(backend.is_cupy, graph.constants.values())) and graph.on_host
    if on_host:
        from .stretches import stretched

        return HostProgram(stretched(graph), name)
    from . import captured, device, fusion, recomputation

    kind = captured.CapturedProgram if captured.is_wanted() else device.DeviceProgram
    return kind(fusion.fused(recomputation.recomputed(graph)), name)
