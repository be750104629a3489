"""Passes over a graph: each returns a graph that computes the same.

Constants need no pass: what depends on no input was computed while the graph was recorded. Collective operations stay
as they are: other devices may record, and take part in each one, while this one runs a program.
"""

import numpy

from .. import backend
from ..graph import Graph, shrunk
from ..ops.shape import broadcast_to

__all__ = ["simplified"]

SMALL = 1 << 16  # bytes


def simplified(graph: Graph) -> Graph:
    """The graph after all passes."""
    return without_dead_code(without_broadcasts(shared(without_dead_code(graph))))


def without_dead_code(graph: Graph) -> Graph:
    """Without operations, constants and names that no output needs."""
    needed, remaining = set(graph.outputs), []
    for operation in reversed(graph.operations):
        if not needed.isdisjoint(operation.outputs) or getattr(operation.primitive, "has_effect", False):
            needed.update(operation.inputs)
            remaining.append(operation)
    constants = {n: x for n, x in graph.constants.items() if n in needed}
    return _with(graph, constants=constants, operations=remaining[::-1])


def shared(graph: Graph) -> Graph:
    """Without operations that repeat an earlier one whose result is still in use, or small.

    A large result that is no longer in use is computed again: sharing it would hold what `Remat` drops.
    """
    first_constants: dict = {}
    renamed = {n: first_constants.setdefault(_constant_key(n, x), n) for n, x in graph.constants.items()}
    renamed = {n: first for n, first in renamed.items() if n != first}
    last, known, remaining = graph.last_uses(), {}, []
    for position, operation in enumerate(graph.operations):
        if not renamed.keys().isdisjoint(operation.inputs):
            operation = operation._replace(inputs=tuple([renamed.get(n, n) for n in operation.inputs]))
        key = _key(operation)
        outputs, until = known.get(key, (None, 0)) if key else (None, 0)
        if outputs and (until >= position or all(graph.values[n].nbytes <= SMALL for n in outputs)):
            renamed.update(zip(operation.outputs, outputs, strict=True))
        else:
            outputs = operation.outputs
            remaining.append(operation)
        if key:
            known[key] = outputs, max(until, *(last[n] for n in operation.outputs))
    return _with(graph, operations=remaining, outputs=[renamed.get(n, n) for n in graph.outputs])


def without_broadcasts(graph: Graph) -> Graph:
    """Without broadcasts of arguments that an elementwise operation broadcasts itself."""
    sources = {o.outputs[0]: o.inputs[0] for o in graph.operations if o.primitive is broadcast_to}
    values, constants = list(graph.values), dict(graph.constants)
    for number, raw in graph.constants.items():
        if isinstance(raw, numpy.ndarray) and raw.size and 0 in raw.strides and not backend.is_cupy(raw):
            small = shrunk(raw)
            small = small.reshape(()) if small.size == 1 else small
            if small.shape != raw.shape:
                sources[number] = len(values)
                values.append(graph.values[number]._replace(shape=small.shape))
                constants[len(values) - 1] = small
    if not sources:
        return graph
    operations = [
        _narrowed(o, sources, values) if getattr(o.primitive, "kind", "") == "elementwise" else o
        for o in graph.operations
    ]
    return _with(graph, values=values, constants=constants, operations=operations)


def _narrowed(operation, sources, values):
    """An elementwise operation on the sources of its broadcast arguments, as far as its result keeps its shape."""
    if sources.keys().isdisjoint(operation.inputs):
        return operation
    inputs = list(operation.inputs)
    shape = values[operation.outputs[0]].shape
    for i, number in enumerate(inputs):
        if number in sources:
            others = [values[n].shape for n in (*inputs[:i], sources[number], *inputs[i + 1 :])]
            if numpy.broadcast_shapes(*others) == shape:
                inputs[i] = sources[number]
    return operation._replace(inputs=tuple(inputs))


def _with(graph, **changes):
    parts = {name: getattr(graph, name) for name in ("values", "inputs", "constants", "operations", "outputs")}
    new = Graph(**parts | changes)
    new.on_host = graph.on_host
    return new


def _constant_key(number, x):
    """A hashable key, equal for equal constants; arrays that are not small equal only themselves."""
    if isinstance(x, (int, float, complex)) and not hasattr(x, "dtype"):
        return type(x), repr(x)
    if isinstance(x, (numpy.ndarray, numpy.generic)) and x.nbytes <= 1024 and x.dtype.kind in "biufc":
        return x.dtype.str, x.shape, x.tobytes()
    return number


def _key(operation):
    """A hashable key, equal for equal operations; None if they have an effect or a parameter cannot be hashed."""
    if getattr(operation.primitive, "has_effect", False):
        return None
    try:
        params = tuple([(name, _hashable(x)) for name, x in sorted(operation.params.items())])
        key = operation.primitive, operation.inputs, params
        hash(key)
    except TypeError:
        return None
    return key


def _hashable(x):
    if isinstance(x, slice):
        return slice, _hashable(x.start), _hashable(x.stop), _hashable(x.step)
    if isinstance(x, (tuple, list)):
        return type(x), tuple(map(_hashable, x))
    return type(x), repr(x) if isinstance(x, float | complex | numpy.generic) else x  # -0.0 is not 0.0
