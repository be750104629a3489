"""A table of the modules of a network: output shapes and dtypes, parameters, memory, operations and time."""

import importlib
import math
import time
from typing import Any, ClassVar, NamedTuple

from autograd import tree
from autograd.backend import synchronize
from autograd.core import Array, Interpreter, Tracer, bare

from ..core.call import as_arrays, call
from ..core.module import Module, walk
from ..core.variable import TrainVar
from ..util import class_name
from ..util.tables import html_table, text_table
from .calls import watching

__all__ = ["Row", "Summary", "summary"]


class Row(NamedTuple):
    """One module with the modules in it; the calls of a module are added up.

    Attributes:
        name: The attributes that lead to it.
        kind: Its class.
        output: The shape of its last result, nested as that was; None if it was not called.
        dtype: The dtypes of its last result or, if it was not called, of its TrainVars, joined by commas.
        parameters: The number of elements of its TrainVars (not of frozen ones).
        bytes: The size of all its variables.
        flops: The floating-point operations of its calls, a multiplication and an addition as two.
        seconds: The time of its calls.
    """

    name: str
    kind: str
    output: Any
    dtype: str
    parameters: int
    bytes: int
    flops: int
    seconds: float


class Summary(list[Row]):
    """The rows of a table, one for each module; the first one is that of the whole. Prints as a table."""

    _HEAD: ClassVar[tuple[str, ...]] = ("name", "class", "output", "dtype", "parameters", "bytes", "FLOPs", "time")

    def _cells(self):
        """The texts of each row, and of the totals: those of the first row."""
        rows = [
            (row.name, row.kind, "" if row.output is None else str(row.output), row.dtype, *_numbers(row))
            for row in self
        ]
        return rows, ("total", "", "", "", *_numbers(self[0]))

    def __str__(self) -> str:
        rows, total = self._cells()
        return "\n".join(text_table(self._HEAD, rows, total, left=4))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows, total = self._cells()
        return html_table(self._HEAD, [*rows, total])

    def __rich__(self) -> Any:
        """The table as Rich prints it."""
        table = importlib.import_module("rich.table").Table(show_footer=True)
        rows, total = self._cells()
        for i, (name, footer) in enumerate(zip(self._HEAD, total, strict=True)):
            table.add_column(name, footer, justify="left" if i < 4 else "right")
        for row in rows:
            table.add_row(*(text.replace("[", "\\[") for text in row))
        return table


def _numbers(row):
    seconds = f"{row.seconds * 1e3:.3f} ms" if row.output is not None else ""
    return f"{row.parameters:,}", f"{row.bytes:,}", f"{row.flops:,}" if row.output is not None else "", seconds


def summary(module: Module, *args: Any, **kwargs: Any) -> Summary:
    """Runs a module on example arguments: a table of the results, sizes and costs of its modules.

    `print(summary(net, x))` shows it. A row stands for a module with all modules in it, so that shared variables and
    modules count once in each row; a module that is found in several places has one row, for all its calls. Operations
    are counted while they run: products and convolutions by their formulas, factorizations as n**3, all others as one
    for each element; those that only move elements are free. Time is that of a second run. No variable is changed.
    Without arguments, nothing is run. While it runs, the method `__call__` of the modules' classes is replaced by one
    that measures calls in this thread, and in others does nothing else than before.

    Args:
        module: The module.
        args, kwargs: Its arguments.

    Returns:
        A `Summary`, a list of `Row`.

    Raises:
        TypeError: If `module` is no module.
    """
    if not isinstance(module, Module):
        raise TypeError(f"summary: expected a module, got {type(module).__name__}.")
    found = list(walk(module))
    calls, timed = _Watch(found), _Watch(found)
    if args or kwargs:
        tally = calls.tally
        values = {v: tally.counted(v.value) for v in module.vars()}
        inputs = as_arrays((args, kwargs), "summary")
        counted = tree.tree_map(lambda x: tally.counted(x) if isinstance(x, Array) else x, inputs)
        calls.run(module, counted, values)
        timed.run(module, inputs, {})
    return Summary(_row(path, part, calls.of(part), timed.of(part)) for path, part in found)


def _row(path, module, called, timed):
    variables = list(module.vars())
    parameters = sum(v.size for v in variables if isinstance(v, TrainVar))
    size = sum(v.nbytes for v in variables)
    kind = class_name(module).rpartition(".")[2]
    dtype = called.dtype if called.output is not None else _dtypes(v for v in variables if isinstance(v, TrainVar))
    return Row(path.lstrip("."), kind, called.output, dtype, parameters, size, called.flops, timed.seconds)


def _dtypes(arrays):
    return ", ".join(sorted({str(x.dtype) for x in arrays if hasattr(x, "dtype")}))


class _Calls:
    """The calls of one module: its last result, operations and time."""

    active, output, dtype, flops, seconds = False, None, "", 0, 0.0


class _Watch:
    """Watches the calls of modules in one run."""

    def __init__(self, found):
        self.modules = [module for _, module in found]
        self.calls = {id(module): _Calls() for module in self.modules}
        self.tally = _Tally()

    def of(self, module):
        return self.calls[id(module)]

    def run(self, module, inputs, values):
        args, kwargs = inputs
        with watching(self.modules, self.called):
            call(module, args, kwargs, values)

    def called(self, function, module, args, kwargs):
        calls = self.calls.get(id(module))
        if calls is None or calls.active:  # of another network; a method of a base class
            return function(module, *args, **kwargs)
        calls.active, flops, started = True, self.tally.flops, time.perf_counter()
        try:
            output = function(module, *args, **kwargs)
        finally:
            calls.active = False
        leaves, structure = tree.flatten(output)
        for leaf in leaves:
            synchronize(bare(leaf))
        calls.seconds += time.perf_counter() - started
        calls.flops += self.tally.flops - flops
        calls.dtype = _dtypes(leaves)
        calls.output = tree.unflatten(structure, [tuple(getattr(leaf, "shape", ())) for leaf in leaves])
        return output


class _Counted(Tracer):
    """An Array whose operations a `_Tally` counts; its numbers are known and can be read."""

    __slots__ = ()

    @property
    def raw(self):
        return self._value


def _known(name):
    """The method of that name of the plain Array."""
    return lambda self, *args, **kwargs: getattr(Array(self._value), name)(*args, **kwargs)


for _name in "__array__ __bool__ __complex__ __float__ __format__ __index__ __int__ item tolist".split():
    setattr(_Counted, _name, _known(_name))


class _Tally(Interpreter):
    """Runs primitives at once, as for plain Arrays, and counts: one level above these, below all transformations."""

    __slots__ = ("flops",)

    def __init__(self):
        self.level, self.flops = 0.5, 0

    def counted(self, x):
        return _Counted(self, bare(x))

    def apply(self, primitive, args, params):
        args = [a._value if isinstance(a, Array) else a for a in args]
        y = primitive.run(args, params)
        self.flops += _flops(primitive, args, params, y)
        return tuple(map(self.counted, y)) if type(y) is tuple else self.counted(y)


def _flops(primitive, args, params, y):
    """The floating-point operations of an application: what the primitive says, else one for each element."""
    if primitive.flops is not None:
        return primitive.flops(args, params, y)
    return max(math.prod(getattr(part, "shape", ())) for part in (*args, *(y if type(y) is tuple else (y,))))
