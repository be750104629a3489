"""A graph as one Python function of NumPy calls: no dispatch, and memory that is planned beforehand."""

import bisect
import keyword
import math
import re
import textwrap
from collections import defaultdict

import numpy as onp

from ..core import Primitive
from ..graph import applied
from ..ops import elementwise, indexing, reduction, shape
from ..ops.indexing import ARRAY
from .memory import Memory, is_fresh, is_view, ufunc_of

_REDUCTIONS = {
    reduction.sum: onp.add, reduction.mean: onp.add, reduction.max: onp.maximum, reduction.min: onp.minimum,
}  # fmt: skip
_OUT = "%out%"  # in the text of a call
_TINY = 1024  # bytes: below, NumPy allocates in no time


class HostProgram:
    """The program of a graph, on NumPy arrays.

    Attributes:
        borrowed: Positions of inputs that an output may look into.
        buffer_bytes: The memory of a set of buffers. It is kept between calls; a call that begins while another one
            runs, in another thread, makes a set of its own.
        source: The function, as text.
    """

    def __init__(self, graph, name):
        memory = Memory(graph)
        writer = _Writer(graph, memory)
        self.source = f"# {name}\n{writer.source()}"
        self.borrowed = frozenset([i for i, n in enumerate(graph.inputs) if n in memory.escaping])
        self.buffer_bytes = sum(writer.buffers.slots)
        self._buffers, self._sets = writer.buffers, []
        namespace = dict(writer.names)
        exec(compile(self.source, f"<Jit of {name}>", "exec"), namespace)
        self._run = namespace["program"]

    def __call__(self, values):
        try:
            buffers = self._sets.pop()
        except IndexError:
            buffers = self._buffers.made()
        try:
            return self._run(values, buffers)
        finally:
            self._sets.append(buffers)


class _Buffers:
    """Memory that a program keeps: slots that values share one after the other.

    Attributes:
        slots: The bytes of each slot.
        arrays: What the program sees: (slot, shape, dtype), or for a view (position of what it looks into, function).
    """

    def __init__(self):
        self.slots, self.arrays = [], []
        self._positions, self._free = {}, []  # the latter: pairs (bytes, slot) in order

    def slot(self, nbytes):
        """A free slot: the smallest that will do, else the largest, which grows."""
        if not self._free:
            self.slots.append(nbytes)
            return len(self.slots) - 1
        i = bisect.bisect_left(self._free, (nbytes, 0))
        _, slot = self._free.pop(min(i, len(self._free) - 1))
        self.slots[slot] = max(nbytes, self.slots[slot])
        return slot

    def free(self, slot):
        bisect.insort(self._free, (self.slots[slot], slot))

    def position(self, *array):
        """Where an array stands in `arrays`."""
        if array not in self._positions:
            self._positions[array] = len(self.arrays)
            self.arrays.append(array)
        return self._positions[array]

    def view(self, base, function):
        """Where a view of the array at position `base` stands."""
        self.arrays.append((base, function))
        return len(self.arrays) - 1

    def made(self):
        """A set of buffers: the arrays."""
        memory, made = [onp.empty(n, onp.uint8) for n in self.slots], []
        for array in self.arrays:
            if len(array) == 2:
                base, function = array
                made.append(function(made[base]))
            else:
                slot, shape, dtype = array
                made.append(onp.ndarray(shape, dtype, memory[slot]))
        return made


class _Writer:
    """Writes the function of a graph.

    Attributes:
        names: What the function uses, by name.
        buffers: The memory it keeps.
    """

    def __init__(self, graph, memory):
        self.graph, self.memory = graph, memory
        self.names, self.buffers = {}, _Buffers()
        self.lines = []
        self.text = {n: f"x{i}" for i, n in enumerate(graph.inputs)}  # of each value
        self.slot_of, self.place = {}, {}  # by number: the slot; the position in the buffers of it or of a view
        self.contiguous = set()  # numbers of values in C order
        self._registers, self._free, self._own = 0, [], {}  # how many; names to use again; those of values in use
        self._fresh = set()  # values with memory that nobody else knows
        self._numbers = {}

    def source(self):
        for n, x in self.graph.constants.items():
            self.text[n] = self._constant(x)
        dying = defaultdict(list)
        for n, position in self.memory.last.items():
            dying[position].append(n)
        uses = defaultdict(list)
        for n, position in self.graph.last_uses().items():
            uses[position].append(n)
        for position, operation in enumerate(self.graph.operations):
            self._write(position, operation)
            self._release(uses[position], dying[position])
        results = [self.text[n] for n in self.graph.outputs]
        body = []
        if self.graph.inputs:
            body.append("".join(f"x{i}, " for i in range(len(self.graph.inputs))) + "= values")
        if self.buffers.arrays:
            body.append("".join(f"b{i}, " for i in range(len(self.buffers.arrays))) + "= buffers")
        body += [*self.lines, f"return [{', '.join(results)}]"]
        header = f"def program({', '.join(['values', 'buffers', *(f'{name}={name}' for name in self.names)])}):\n"
        return header + textwrap.indent("\n".join(body), "    ") + "\n"

    def _write(self, position, operation):
        """Adds the line for an operation."""
        if self._is_fixed_view(operation):
            (source,), (n,) = operation.inputs, operation.outputs
            method = _view_function(operation)
            self.place[n] = self.buffers.view(self.place[source], method)
            self.text[n] = f"b{self.place[n]}"
            if operation.primitive is shape.reshape:
                self.contiguous.add(n)
            return
        call, takes_out = self._call(operation)
        out = takes_out and self._out(position, operation)
        word = "out=" if call.startswith(("maximum(", "minimum(")) else ""  # which NumPy wants of these alone
        self.lines.append(self._target(operation, out) + call.replace(_OUT, f", {word}{out}" if out else ""))

    def _target(self, operation, out):
        if out:
            return ""
        names = []
        for n in operation.outputs:
            self.text[n] = self._own[n] = self._free.pop() if self._free else self._new_register()
            if is_fresh(operation) and self.graph.values[n].shape:
                self._fresh.add(n)
            names.append(self.text[n])
        return ("".join(f"{name}, " for name in names) if operation.several else names[0]) + " = "

    def _new_register(self):
        self._registers += 1
        return f"r{self._registers - 1}"

    def _is_fixed_view(self, operation):
        """Whether the result looks into a buffer, so that it is the same array in every call."""
        source = operation.inputs[0] if operation.inputs else None
        if source not in self.place:
            return False
        return is_view(operation) or (operation.primitive is shape.reshape and source in self.contiguous)

    def _out(self, position, operation):
        """The name of the array for the result, None for a new one: an argument whose last use this is, or a buffer."""
        (n,) = operation.outputs
        value, slot = self.graph.values[n], None
        kept = n not in self.memory.escaping and value.nbytes >= _TINY
        if not value.shape:
            return None
        for i in operation.inputs if operation.primitive.kind == "elementwise" else ():
            if self.graph.values[i] == value and self.memory.last.get(i) == position:
                if i in self._fresh:
                    self.text[n] = self._own[n] = self._own.pop(i)
                    self._fresh.add(n)
                    return self.text[n]
                if kept and i in self.slot_of:
                    slot = self.slot_of.pop(i)
                    break
        if not kept:
            return None
        self.slot_of[n] = self.buffers.slot(value.nbytes) if slot is None else slot
        self.place[n] = self.buffers.position(self.slot_of[n], value.shape, value.dtype)
        self.text[n] = f"b{self.place[n]}"
        self.contiguous.add(n)
        return self.text[n]

    def _release(self, unused, dead):
        """Frees names that are not used any more, and memory that nothing looks into."""
        large = []
        for n in unused:
            name = self._own.pop(n, None)
            if name is not None:
                self._free.append(name)
                if self.graph.values[n].nbytes >= _TINY:
                    large.append(name)
        if large:
            self.lines.append("del " + ", ".join(large))
        for n in dead:
            if n in self.slot_of:
                self.buffers.free(self.slot_of.pop(n))

    def _call(self, operation):
        """The expression of an operation, and whether `_OUT` in it stands for an array for the result."""
        primitive, params = operation.primitive, operation.params
        values = [self.graph.values[n] for n in operation.inputs]
        args = [self.text[n] for n in operation.inputs]
        result = self.graph.values[operation.outputs[0]]
        exact = bool(values) and not values[0].weak and result.dtype == values[0].dtype and result.dtype.kind in "fc"
        ufunc = ufunc_of(primitive)
        if ufunc is not None:
            args = self._beside_arrays(operation, values)
            return f"{self._named(ufunc, primitive.name)}({', '.join(args)}{_OUT})", True
        if primitive in _REDUCTIONS and exact and result.dtype.itemsize > 2:
            return self._reduction(primitive, args[0], values[0], **params)
        if primitive is elementwise.power_of and exact and params["exponent"] == 2:
            return f"{self._named(onp.square, 'square')}({args[0]}{_OUT})", True
        if primitive is elementwise.relu and exact:
            return f"{self._named(onp.maximum, 'maximum')}({args[0]}, {self._number(0, result.dtype)}{_OUT})", True
        if primitive is shape.reshape and not values[0].weak:
            return f"{args[0]}.reshape({params['shape']})", False
        if primitive is shape.transpose:
            axes = params["axes"]
            return f"{args[0]}.T" if axes == (1, 0) else f"{args[0]}.transpose({axes})", False
        if primitive is indexing.getitem and ARRAY not in params["index"]:
            return f"{args[0]}[{self._constant(params['index'])}]", False
        if type(primitive) is Primitive:
            function = self._named(primitive.host, primitive.name)
            given = [f"{name}={self._constant(x)}" for name, x in params.items()]
            return f"{function}({', '.join(args + given)})", False
        function = self._named(lambda *args: applied(primitive, args, params), primitive.name)
        return f"{function}({', '.join(args)})", False

    def _reduction(self, primitive, x, value, axis, keepdims):
        """A reduction by its ufunc, as the array's method computes it."""
        reduce = self._named(_REDUCTIONS[primitive].reduce, f"{_REDUCTIONS[primitive].__name__}_reduce")
        axes = axis[0] if len(axis) == 1 else axis
        if primitive is not reduction.mean:
            return f"{reduce}({x}, {axes}, None{_OUT}, keepdims={keepdims})", True
        count = math.prod(value.shape[i] for i in axis)
        if not count:
            return f"{self._named(primitive.host, 'mean')}({x}, axis={axis}, keepdims={keepdims})", False
        divide, count = self._named(onp.divide, "divide"), self._number(count, value.dtype)
        return f"{divide}({reduce}({x}, {axes}, None, None, {keepdims}), {count}{_OUT})", True

    def _beside_arrays(self, operation, values):
        """The arguments of a ufunc, Python numbers as arrays of the dtype that they take: NumPy is slow to find it."""
        dtypes = {v.dtype for v in values if not v.weak}
        (dtype,) = dtypes if len(dtypes) == 1 else (None,)
        args = [self.text[n] for n in operation.inputs]
        if dtype is None or dtype.kind not in "fc":
            return args
        for i, (n, value) in enumerate(zip(operation.inputs, values, strict=True)):
            if value.weak and not (value.weak is complex and dtype.kind == "f"):
                args[i] = self._number_of(n, dtype)
        return args

    def _number_of(self, n, dtype):
        """A Python number, constant or not, as an array."""
        if n in self.graph.constants:
            return self._number(self.graph.constants[n], dtype)
        name = self._numbers.get((n, dtype))
        if name is None:
            name = self._numbers[n, dtype] = f"n{n}_{dtype.name}"
            asarray = self._named(onp.asarray, "asarray")
            self.lines.append(f"{name} = {asarray}({self.text[n]}, {self._constant(dtype)})")
        return name

    def _number(self, x, dtype):
        return self._constant(onp.asarray(x, dtype))

    def _constant(self, x):
        """The text of a constant: as Python writes it, or a name."""
        if _is_plain(x):
            return repr(x)
        key = (x.dtype, x.tobytes()) if isinstance(x, onp.ndarray) and not x.shape else id(x)
        if key not in self._numbers:
            self._numbers[key] = f"c{len(self._numbers)}"
            self.names[self._numbers[key]] = x
        return self._numbers[key]

    def _named(self, function, name):
        """The name of a function in the program."""
        name = name if name.isidentifier() and not keyword.iskeyword(name) else "function"
        name += "_" if re.fullmatch(r"[rcbxn]\d+.*|values|buffers|program", name) else ""
        while self.names.setdefault(name, function) != function:
            name += "_"
        return name


def _is_plain(x):
    """Whether Python's text of `x` is short and gives `x` again."""
    if type(x) is tuple:
        return len(x) <= 8 and all(map(_is_plain, x))
    return x is None or type(x) in (bool, int, str) or (type(x) is float and math.isfinite(x))


def _view_function(operation):
    """The function from a buffer to the view that an operation makes of it."""
    return lambda raw: operation.primitive.host(raw, **operation.params)
