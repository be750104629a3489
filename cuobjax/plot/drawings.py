"""Drawings of what computes: the modules of a network as nested boxes, the operations of a call as a graph."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autograd import tree

from ..core.module import Module, walk
from ..core.variable import TrainVar
from ..random.generator import Generator
from ..tools.calls import watching
from ..transforms.functional_call import functional_call
from ..transforms.recorded_graph import RecordedGraph
from .pictures import BLUE, INK, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["graph", "network"]

_MOST = 200  # boxes: nobody reads a larger picture
_ARROW = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.8, "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0}
_SWEEPS = 8
_SHOWN = 17  # characters of a name in a box


class _Call:
    """A call of a module, and the calls within it."""

    def __init__(self, text: str) -> None:
        self.text, self.result = text, ""
        self.inner: list[_Call] = []

    def height(self) -> float:
        """That of its box, in lines."""
        return 1.0 if not self.inner else 1.3 + sum(call.height() + 0.5 for call in self.inner)

    def placed(self, top: float, depth: int) -> Iterator[tuple["_Call", float, int]]:
        """It and those within it, with the upper edge of each box and how deep it is."""
        yield self, top, depth
        top += 1.3
        for call in self.inner:
            yield from call.placed(top, depth + 1)
            top += call.height() + 0.5


def network(module: Module, *args: Any, **kwargs: Any) -> "Figure":
    """The modules of a network as boxes, with names, shapes of results and numbers of parameters.

    Arrows follow the order of the calls; what is called within a module is in its box. The call changes no variable.

    Args:
        module: The network.
        args, kwargs: Its arguments.

    Raises:
        TypeError: If it is no module.
        ValueError: If there are more than 200 calls.
    """
    if not isinstance(module, Module):
        raise TypeError(f"network: expected a module, got {type(module).__name__}. plot.graph draws functions.")
    parts = [(path.lstrip("."), part) for path, part in walk(module) if not isinstance(part, Generator)]
    paths = {id(part): path for path, part in parts}
    calls = [whole := _Call("")]

    def called(function, part, args, kwargs):
        path = paths.get(id(part))
        if path is None or (part, path) == last[-1]:  # a method of a base class
            return function(part, *args, **kwargs)
        size = sum(v.size for v in part.vars().subset(TrainVar))
        call = _Call(" ".join(filter(None, [path, type(part).__name__])))
        calls[-1].inner.append(call)
        calls.append(call)
        last.append((part, path))
        try:
            result = function(part, *args, **kwargs)
        finally:
            calls.pop()
            last.pop()
        shapes = ", ".join(str(x.shape) for x in tree.flatten(result)[0] if hasattr(x, "shape"))
        call.result = shapes + f"   {size:,} parameters" * bool(size)
        return result

    last: list[Any] = [None]
    with watching([part for _, part in parts], called):
        functional_call(module, {}, *args, **kwargs)
    boxes = [box for call in whole.inner for box in call.placed(0, 0)]
    _require_few("network", "calls of modules", boxes)
    return _nested(boxes)


def _nested(boxes):
    """The figure of boxes, the outermost of which is the first one."""
    height, deepest = boxes[0][0].height(), max(depth for _, _, depth in boxes)
    wide = max(0.09 * (len(call.text) + len(call.result) + 6) + 0.3 * depth for call, _, depth in boxes)
    figure = new_figure(wide + 0.3 * deepest, 0.3 * height + 0.3)
    axes = figure.subplots()
    width = wide / 0.3 + deepest
    for call, top, depth in boxes:
        left, right = depth, width - depth
        color = "#f4f7fb" if call.inner else "#dbe7f3"
        axes.add_patch(_box((left, top), right - left, call.height(), color))
        axes.text(left + 0.4, top + 0.5, call.text, va="center", fontsize=8, color=INK)
        axes.text(right - 0.4, top + 0.5, call.result, va="center", ha="right", fontsize=7, color=MUTED)
        place = top + 1.3
        for before in call.inner[:-1]:
            place += before.height()
            axes.annotate("", (width / 2, place + 0.5), (width / 2, place), arrowprops=_ARROW)
            place += 0.5
    return _finished(figure, axes, (-0.2, width + 0.2), (height + 0.2, -0.2))


def graph(recorded: RecordedGraph) -> "Figure":
    """The operations of a call from top to bottom, with the shapes of their results; inputs are blue, variables grey.

    Args:
        recorded: What `cuobjax.make_graph(f)(*args)` gives. Its `save` draws larger ones, by Graphviz.

    Raises:
        TypeError: If it is something else.
        ValueError: If there are more than 200 inputs and operations.
    """
    if not isinstance(recorded, RecordedGraph):
        raise TypeError(
            f"graph: expected a RecordedGraph, got {type(recorded).__name__}. Pass cuobjax.make_graph(f)(*args)."
        )
    texts, colors, edges = _nodes(recorded)
    _require_few("graph", "inputs and operations", texts)
    layers, chains = _layers(len(texts), edges)
    places = _places(layers, chains)
    figure = new_figure(1.15 * (max(places.values()) + 1), 0.62 * len(layers) + 0.2)
    axes = figure.subplots()
    at = {node: (places[node], float(depth)) for depth, layer in enumerate(layers) for node in layer}
    for chain in chains:
        points = [at[node] for node in chain]
        (x, y), *between, (below_x, below_y) = points
        points = [(x, y + 0.27), *between, (below_x, below_y - 0.27)]
        axes.plot(*zip(*points[:-1], strict=True), color=MUTED, linewidth=0.8, zorder=0)
        axes.annotate("", points[-1], points[-2], arrowprops=_ARROW, zorder=0)
    for node, text in enumerate(texts):
        x, y = at[node]
        axes.add_patch(_box((x - 0.45, y - 0.27), 0.9, 0.54, colors[node]))
        axes.text(x, y, text, ha="center", va="center", fontsize=6, color=INK)
    return _finished(figure, axes, (-0.6, max(places.values()) + 0.6), (len(layers) - 0.6, -0.4))


def _nodes(recorded):
    """Texts and colours of boxes, and edges between their numbers."""
    values, texts, colors, edges, of = recorded.graph.values, [], [], [], {}
    used = {n for o in recorded.operations for n in o.inputs} | {*recorded.outputs, *recorded.written.values()}
    for name, n in recorded.inputs.items():
        if n in used:
            of[n] = len(texts)
            texts.append(f"{_short(name)}\n{values[n].shape}")
            colors.append("#cfe1f5" if name.startswith("argument") else "#e6e8eb")
    for o in recorded.operations:
        edges += [(of[n], len(texts)) for n in dict.fromkeys(o.inputs) if n in of]
        of.update(dict.fromkeys(o.outputs, len(texts)))
        more = ", …" * (len(o.outputs) > 1)
        texts.append(f"{_short(o.primitive.name)}\n{values[o.outputs[0]].shape if o.outputs else ''}{more}")
        colors.append("white")
    ends = [(f"output {i}", n) for i, n in enumerate(recorded.outputs)] + [*recorded.written.items()]
    for name, n in ends:
        edges += [(of[n], len(texts))] if n in of else []
        texts.append(_short(name))
        colors.append("#fdf3d6" if name.startswith("output") else "#e6e8eb")
    return texts, colors, edges


def _layers(count, edges):
    """Nodes in layers, so that edges lead downwards, and edges as chains with a node in each layer between.

    An operation is below all that it needs, an input just above the first one that needs it.
    """
    depth = [0] * count
    for start, end in edges:  # in the order of the operations
        depth[end] = max(depth[end], depth[start] + 1)
    targets = {end for _, end in edges}
    for node in range(count):
        users = [depth[end] for start, end in edges if start == node]
        if node not in targets and users:
            depth[node] = min(users) - 1
    layers: list[list[int]] = [[node for node in range(count) if depth[node] == d] for d in range(max(depth) + 1)]
    chains, following = [], count
    for start, end in edges:
        between = range(depth[start] + 1, depth[end])
        for d, node in zip(between, range(following, following + len(between)), strict=True):
            layers[d].append(node)
        chains.append([start, *range(following, following + len(between)), end])
        following += len(between)
    return layers, chains


def _places(layers, chains):
    """{node: its place from left to right}: near those that it is joined to, 1 apart, or less between edges.

    Source: Sugiyama, Tagawa & Toda 1981, the barycentre method.
    """
    above: dict[int, list[int]] = {node: [] for layer in layers for node in layer}
    below: dict[int, list[int]] = {node: [] for layer in layers for node in layer}
    thin = {node for chain in chains for node in chain[1:-1]}
    for chain in chains:
        for start, end in itertools.pairwise(chain):
            above[end].append(start)
            below[start].append(end)
    places = {node: float(i) for layer in layers for i, node in enumerate(layer)}
    for sweep in range(_SWEEPS):
        joined = above if sweep % 2 == 0 else below
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = {n: sum(places[m] for m in joined[n]) / len(joined[n]) if joined[n] else places[n] for n in layer}
            layer.sort(key=wanted.__getitem__)
            right = None
            for before, node in zip([None, *layer], layer, strict=False):
                apart = 0.55 if before in thin or node in thin else 1.0
                places[node] = wanted[node] if right is None else max(wanted[node], right + apart)
                right = places[node]
            shift = sum(wanted[n] - places[n] for n in layer) / len(layer)
            places.update((n, places[n] + shift) for n in layer)
    least = min(places.values())
    return {node: x - least for node, x in places.items()}


def _short(text):
    return text if len(text) <= _SHOWN else f"…{text[1 - _SHOWN :]}"


def _require_few(where, what, boxes):
    if not boxes or len(boxes) > _MOST:
        raise ValueError(f"{where}: expected 1 to {_MOST} {what}, got {len(boxes)}. Draw a part.")


def _box(corner, width, height, color):
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, facecolor=color, edgecolor=BLUE, linewidth=0.6)


def _finished(figure, axes, x, y):
    axes.set(xlim=x, ylim=y)
    axes.axis("off")
    return figure
