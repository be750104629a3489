"""Steps of inner loops as a program for the machine: groups, instructions, and where each value is in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from ..kernels import instructions as to
from ..kernels.compiled import PART
from ..kernels.inner_loops import mask_of
from ..kernels.instructions import BLOCK, CASTS
from .lowering import LoopStep, Lowering
from .views import axes_of, root_of

__all__ = ["Table"]

MOST = 64  # steps in a group
ALIGNMENT = 64
SHORT = 256  # elements of rows that are joined to blocks
WORTH_THREADS = 1 << 20  # elements times steps

_KINDS = {"call": to.CALL, "nest": to.NEST, "copy": to.COPY, "matmul": to.MATMUL, "where": to.WHERE} | CASTS
_ALONE = ("nest", "copy", "matmul")


class _Group:
    """Steps that run together.

    Attributes:
        steps: The steps.
        shape: Of the results; None for a step that runs alone.
        plane: Rows and columns, where an operand is broadcast or transposed, and so has strides along two axes.
    """

    def __init__(self, shape: tuple[int, ...] | None) -> None:
        self.steps: list[LoopStep] = []
        self.shape = shape
        self.plane: tuple[int, int] | None = None

    @property
    def block(self) -> tuple[int, int, int, int]:
        """Rows and columns, and those of a block."""
        if self.shape is None:
            return 1, 1, 1, 1
        rows, columns = self.plane or (1, math.prod(self.shape))
        if rows == 1 or columns >= SHORT:
            return rows, columns, 1, min(columns, BLOCK)
        return rows, columns, min(rows, BLOCK // columns), columns


class Table:
    """The program of steps.

    The arrays of a run are the inputs, the constants, the outputs, and one for all else that a later group needs.

    Attributes:
        groups, code: See `machine`.
        counts: The number of elements of each array.
        between: The bytes of the last array.
        within: The bytes that a block needs.
        calls: How to run it: first group, the one after the last, the number of blocks of a group for threads or 0.
    """

    groups: numpy.ndarray
    code: numpy.ndarray
    counts: numpy.ndarray
    between: int
    within: int
    calls: list[tuple[int, int, int]]

    def __init__(self, lowering: Lowering, outputs: Sequence[numpy.ndarray]) -> None:
        self._memory = lowering.memory
        self._group_of: dict[int, int] = {}  # that makes a root
        self._groups: list[_Group] = []
        self._latest: dict[tuple[int, ...], int] = {}  # the last group of a shape
        self._kept: list[numpy.ndarray] = []  # so that their numbers stay theirs
        for step in lowering.steps:
            self._place(step)
        known = [*lowering.input_roots, *lowering.constant_roots, *map(root_of, outputs)]
        self._places: dict[int, tuple[int, int]] = {id(root): (i, 0) for i, root in enumerate(known)}  # base, offset
        self._filled = {id(root) for root in lowering.filled}
        self._last = self._last_uses()
        self.between = self._laid_out(len(known), [*map(root_of, outputs)])
        self.within, rows, groups = 0, [], []
        for i, group in enumerate(self._groups):
            first = len(rows)
            rows += self._instructions(i, group)
            groups.append((first, len(rows), *group.block))
        self.groups, self.code = numpy.array(groups, numpy.int64), numpy.array(rows, numpy.int64)
        self.counts = numpy.array([*[root.size for root in known], self.between], numpy.int64)
        self.calls = self._calls()

    def _place(self, step):
        """Puts a step into a group."""
        if step.kind in _ALONE:
            self._append(_Group(None), step)
            return
        *arrays, y = step.arrays
        plane, earliest = None, 0
        for k, a in enumerate(arrays):
            axes = axes_of(a, y.shape)
            if len(axes) == 2 and plane in (None, (axes[0][0], axes[1][0])):
                plane = axes[0][0], axes[1][0]
            elif len(axes) > 1:
                arrays[k] = a = self._copied(a, y.shape)
            made = self._group_of.get(id(root_of(a)))
            if made is not None:
                earliest = max(earliest, made + (not _is_whole(a, y)))
        step = step._replace(arrays=(*arrays, y))
        last = self._latest.get(y.shape, -1)
        if last >= earliest:
            group = self._groups[last]
            if len(group.steps) < MOST and (plane is None or group.plane in (None, plane)):
                group.plane = group.plane or plane
                group.steps.append(step)
                self._group_of[id(y)] = last
                return
        group = _Group(y.shape)
        group.plane = plane
        self._latest[y.shape] = len(self._groups)
        self._append(group, step)

    def _append(self, group, step):
        group.steps.append(step)
        self._group_of[id(step.arrays[-1])] = len(self._groups)
        self._group_of[id(root_of(step.arrays[-1]))] = len(self._groups)
        self._groups.append(group)

    def _copied(self, x, shape):
        """A copy without gaps, broadcast."""
        y = self._memory.array(shape, x.dtype)
        self._kept.append(y)
        axes = axes_of(x, shape)[::-1] + [(1, 0)] * 3
        sizes, steps, size = tuple([n for n, _ in axes[:3]]), [s for _, s in axes[:3]], x.itemsize
        ends = size, size * sizes[0], size * sizes[0] * sizes[1]
        self._append(_Group(None), LoopStep("copy", (x, y), sizes=sizes, strides=(tuple(steps), ends)))
        return y

    def _last_uses(self):
        """The last group that uses a root, and the roots that only one group uses."""
        last = {}
        for i, group in enumerate(self._groups):
            for step in group.steps:
                for a in step.arrays:
                    last[id(root_of(a))] = i
        return last

    def _is_local(self, root, group):
        """Whether only this group needs a value: then it stays in the memory of a block."""
        key = id(root)
        alone = self._groups[group].shape is None
        return not alone and key not in self._places and self._group_of.get(key) == group == self._last[key]

    def _laid_out(self, base, outputs):
        """Gives each value that a later group needs a place: in an output that is not there yet, or in one array.

        Returns the size of that array.
        """
        spaces = [_Space(self._places[id(y)][0], y.nbytes, self._group_of[id(y)]) for y in outputs]
        rest = _Space(base, math.inf, len(self._groups))
        for i, group in enumerate(self._groups):
            for step in group.steps:
                root = root_of(step.arrays[-1])
                if id(root) not in self._places and not self._is_local(root, i):
                    places = (space.place(root.nbytes, i, self._last[id(root)]) for space in (*spaces, rest))
                    self._places[id(root)] = next(place for place in places if place)
        return rest.used

    def _instructions(self, i, group):
        """The rows of a group."""
        if group.shape is None:
            return [self._alone(step) for step in group.steps]
        columns = group.block[1]
        slots = _Slots(max(a.itemsize for step in group.steps for a in step.arrays) * BLOCK)
        ends: dict[Any, int] = {}
        for k, step in enumerate(group.steps):
            for a in step.arrays:
                ends[self._key(a, group, i)] = k
        made = []
        for k, step in enumerate(group.steps):
            *arrays, y = step.arrays
            operands = []
            for a in arrays:
                key, axes, size = self._key(a, group, i), axes_of(a, group.shape), a.itemsize
                if key is None:
                    operands.append(self._whole(a, axes, columns))
                    continue
                if key not in slots.taken:  # an operand that is expanded
                    (_, row), (_, column) = axes
                    source = (*self._place_of(a), 0, row, column)
                    made.append(_row(to.EXPAND, [source, (-1, slots.take(key), 0, 0, 0)], sizes=(size,)))
                operands.append((-1, slots.taken[key], size, 0, 0))
            for key in {self._key(a, group, i) for a in arrays if a.itemsize == y.itemsize} - {None}:
                if ends[key] == k:
                    slots.give(key)  # the result may be written over it
            key = self._key(y, group, i)
            if key is None:
                operands.append(self._whole(y, [(y.size, y.itemsize)], columns))
            else:
                operands.append((-1, slots.take(key), y.itemsize, 0, 0))
            for key in {self._key(a, group, i) for a in step.arrays} - {None}:
                if ends[key] == k:
                    slots.give(key)
            sizes = (y.itemsize,) if step.kind == "where" else ()
            made.append(_row(_KINDS[step.kind], operands, step, sizes))
        self.within = max(self.within, slots.bytes)
        return made

    def _key(self, a, group, i):
        """What names a value in the memory of a block; None for one that is elsewhere."""
        root = root_of(a)
        if self._is_local(root, i):
            return id(root)
        axes = axes_of(a, group.shape)
        if len(axes) == 2 and group.block[2] > 1:
            return id(root), _offset(a, root), tuple(axes)
        return None

    def _place_of(self, a):
        root = root_of(a)
        base, start = self._places[id(root)]
        return base, start + _offset(a, root)

    def _whole(self, a, axes, columns):
        """An operand in memory."""
        if id(root_of(a)) in self._filled:
            return (*self._place_of(a), a.itemsize, 0, 0)
        if len(axes) == 2:
            (_, row), (_, column) = axes
            return (*self._place_of(a), column, row, column)
        stride = axes[0][1] if axes else 0
        return (*self._place_of(a), stride, stride * columns, stride)

    def _alone(self, step):
        """The row of a step that runs alone."""
        if step.kind == "matmul":
            strides = [[s if n > 1 else 0 for n, s in zip(a.shape, a.strides, strict=True)] for a in step.arrays]
            operands = [(*self._place_of(a), 0, *own) for a, own in zip(step.arrays, strides, strict=True)]
            return _row(to.MATMUL, operands, step, step.sizes)
        operands = [(*self._place_of(a), *strides) for a, strides in zip(step.arrays, step.strides, strict=True)]
        sizes = (*step.sizes, step.arrays[-1].itemsize) if step.kind == "copy" else step.sizes
        return _row(_KINDS[step.kind], operands, step, sizes)

    def _calls(self):
        calls: list[tuple[int, int, int]] = []
        for i, group in enumerate(self._groups):
            rows, columns, height, width = group.block
            blocks = -(-rows // height) * -(-columns // width)
            if blocks > 1 and rows * columns * len(group.steps) >= WORTH_THREADS and rows * columns >= 2 * PART:
                calls.append((i, i + 1, blocks))
            elif calls and not calls[-1][2]:
                calls[-1] = calls[-1][0], i + 1, 0
            else:
                calls.append((i, i + 1, 0))
        return calls


class _Space:
    """Memory of an array in which values have places until a group needs the array.

    Attributes:
        used: The bytes up to the end of the last place that there was.
    """

    def __init__(self, base: int, size: float, until: int) -> None:
        self.used = 0
        self._base, self._size, self._until = base, size, until
        self._live: list[tuple[int, int, int]] = []  # (start, end, last use), in order

    def place(self, size: int, first: int, last: int) -> tuple[int, int] | None:
        """Base and offset for a value that the groups from `first` to `last` need; None if there is no room."""
        if last >= self._until or size > self._size:
            return None
        self._live = [place for place in self._live if place[2] >= first]
        size, start = -(-size // ALIGNMENT) * ALIGNMENT, 0
        for begin, end, _ in self._live:
            if begin - start >= size:
                break
            start = max(start, end)
        if start + size > self._size:
            return None
        self._live = sorted([*self._live, (start, start + size, last)])
        self.used = max(self.used, start + size)
        return self._base, start


class _Slots:
    """Pieces of the memory of a block; those that were given back last are taken first.

    Attributes:
        taken: {key: offset}.
        bytes: The most bytes that were in use.
    """

    def __init__(self, size: int) -> None:
        self.taken: dict[Any, int] = {}
        self.bytes = 0
        self._size, self._free = size, list[int]()

    def take(self, key: Any) -> int:
        if not self._free:
            self._free.append(self.bytes)
            self.bytes += self._size
        self.taken[key] = self._free.pop()
        return self.taken[key]

    def give(self, key: Any) -> None:
        if key in self.taken:
            self._free.append(self.taken.pop(key))


def _is_whole(a, y):
    """Whether a view has the elements of `y` in their order, all that its root has."""
    root = root_of(a)
    return a.size == y.size == root.size and a.flags.c_contiguous


def _offset(a, root):
    return a.__array_interface__["data"][0] - root.__array_interface__["data"][0]


def _row(kind, operands, step=None, sizes=()):
    row = [0] * to.WIDTH
    row[0], row[to.COUNT] = kind, len(operands)
    if step is not None and step.loop is not None:
        row[to.LOOP : to.LOOP + 3] = step.loop.address
        row[to.IGNORED] = mask_of(step.ignored)
    row[to.SIZES : to.SIZES + len(sizes)] = sizes
    for k, operand in enumerate(operands):
        row[to.OPERANDS + 5 * k : to.OPERANDS + 5 * k + 5] = operand
    return row
