"""Windows of an image batch laid out as matrices, and back: the two passes around a convolution's matrix product.

In full, the matrix of a group is (C * K, n * L): K elements of the kernel by L outputs (im2col). On the CPU, copying
costs as much as multiplying, so wherever the first spatial axis has stride 1 it is left folded: the axes then are
(C, *kernel[1:], rows, n, *out[1:]), and each offset k along the first axis of the kernel is a contiguous range of
rows, so one array, smaller by kernel[0], serves as the matrix of every k without a copy.
"""

from __future__ import annotations

import functools
import math
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy

from .windows import overlap

if TYPE_CHECKING:
    from ..typing import DTypeLike, RawArray

__all__ = ["Plan", "fold", "unfold"]

# Bytes of the unfolded windows. On the CPU they should stay in the second-level cache; a GPU wants few launches.
HOST_WORKSPACE = 2**20
DEVICE_WORKSPACE = 512 * 2**20


class _Given(NamedTuple):
    """The shapes and parameters of one convolution; `out` is its spatial shape."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    out: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


class Plan(_Given):
    """What follows from the shapes and parameters of one convolution, found once."""

    @functools.cached_property
    def kernel(self) -> tuple[int, ...]:
        """The spatial shape of w."""
        return self.w_shape[2:]

    @functools.cached_property
    def length(self) -> int:
        """The number of outputs in a plane."""
        return math.prod(self.out)

    @functools.cached_property
    def y_shape(self) -> tuple[int, ...]:
        return (self.x_shape[0], self.w_shape[0], *self.out)

    @functools.cached_property
    def matrix_shape(self) -> tuple[int, int, int]:
        """The shape of w as one matrix per group."""
        return self.groups, self.w_shape[0] // self.groups, math.prod(self.w_shape[1:])

    def is_cheaper_reversed(self) -> bool:
        """Whether the transpose is best taken as another convolution: one that unfolds y, where `fold` would add up
        the windows of x, which takes about twice as long per element."""
        return math.prod(self.strides) == 1 and self.w_shape[0] <= 2 * self.x_shape[1] and 0 not in self.x_shape

    def reversed(self) -> Plan:
        """The plan of the convolution that is the transpose, for strides of 1: its kernel is turned around."""
        along = zip(self.kernel, self.dilation, self.padding, self.x_shape[2:], self.out, strict=True)
        padding = tuple([((k - 1) * d - lo, n - out + lo) for k, d, (lo, _), n, out in along])
        w_shape = self.x_shape[1], self.matrix_shape[1], *self.kernel
        return self._replace(x_shape=self.y_shape, w_shape=w_shape, out=self.x_shape[2:], padding=padding)

    def shifts(self) -> int:
        """The number of matrices that `unfold` makes: one per offset along the first axis of the kernel, or one."""
        _, outputs, windows = self.matrix_shape
        folded = len(self.kernel) > 1 and self.strides[0] == 1 and windows >= 4 * outputs
        return self.kernel[0] if folded else 1

    def blocks(self, xp: ModuleType, dtype: DTypeLike, shifts: int) -> tuple[Block, ...]:
        """Cuts the batch, and each image's output along its first axis, so that the workspace suffices."""
        workspace = HOST_WORKSPACE if xp is numpy else DEVICE_WORKSPACE
        return _blocks(self, workspace // numpy.dtype(dtype).itemsize, shifts)


@functools.lru_cache(256)
def _blocks(plan: Plan, workspace: int, shifts: int) -> tuple[Block, ...]:
    """`Plan.blocks` for a workspace of so many elements."""
    batch, channels, size = plan.x_shape[:3]
    row = channels * math.prod(plan.kernel) // shifts * plan.length // plan.out[0]
    rows = max(1, workspace // max(1, row))
    images, rows = max(1, rows // plan.out[0]), min(rows, plan.out[0])
    stride, reach, low = plan.strides[0], (plan.kernel[0] - 1) * plan.dilation[0], plan.padding[0][0]
    blocks = []
    for n, o in product(range(0, batch, images), range(0, plan.out[0], rows)):
        part, stop = slice(n, min(n + images, batch)), min(o + rows, plan.out[0])
        first = min(max(0, o * stride - low), size)
        last = max(first, min(size, (stop - 1) * stride + reach + 1 - low))
        blocks.append(
            Block(
                plan,
                shifts,
                part.stop - n,
                (stop - o, *plan.out[1:]),
                (last - first, *plan.x_shape[3:]),
                (first + low - o * stride, *(lo for lo, _ in plan.padding[1:])),
                (part, slice(None), slice(first, last)),
                (part, slice(None), slice(o, stop)),
            )
        )
    return tuple(blocks)


class Block(NamedTuple):
    """`batch` images and `out` outputs of each, with the inputs that these need.

    Attributes:
        spatial, low: Shape of the inputs without padding, and the width of the padding before them.
        inputs, outputs: Where they are in x and y.
    """

    plan: Plan
    shifts: int
    batch: int
    out: tuple[int, ...]
    spatial: tuple[int, ...]
    low: tuple[int, ...]
    inputs: tuple[slice, ...]
    outputs: tuple[slice, ...]

    def load(self, y: RawArray) -> RawArray:
        """This block of y (N, O, *out) as one matrix (O // groups, n * L) per group."""
        return self._view(y, self.outputs).reshape(*self.plan.matrix_shape[:2], self.batch * math.prod(self.out))

    def store(self, matrices: RawArray, y: RawArray) -> None:
        """The reverse of `load`."""
        view = self._view(y, self.outputs)
        view[...] = matrices.reshape(view.shape)

    def input(self, x: RawArray) -> RawArray:
        """This block of x (N, C, *spatial) with the axes in the order of the matrix."""
        return self._view(x, self.inputs)

    def overlaps(self, axis: int) -> list[tuple[slice, slice]]:
        """The slices of outputs and of the inputs that they read, for each offset along this axis of the kernel."""
        stride, dilation = self.plan.strides[axis], self.plan.dilation[axis]
        return [
            overlap(self.spatial[axis], self.out[axis], k * dilation - self.low[axis], stride)
            for k in range(self.plan.kernel[axis])
        ]

    def _view(self, array, index):
        first = (1, 0, 2) if self.shifts == 1 else (1, 2, 0)
        return array[index].transpose(*first, *range(3, array.ndim))


def unfold(x: RawArray, block: Block) -> list[RawArray]:
    """The windows of this block of x (N, C, *spatial): `block.shifts` matrices (C // groups * K / shifts, n * L) per
    group."""
    groups, _, rows = block.plan.matrix_shape
    current, rank = block.input(x), len(block.out)
    if block.shifts == 1:
        for axis in reversed(range(rank)):
            current = _unfold_axis(current, axis - rank, block.out[axis], block.overlaps(axis))
        return [current.reshape(groups, rows, -1)]
    dilation = block.plan.dilation[0]
    height = block.out[0] + (block.shifts - 1) * dilation
    current = _unfold_axis(current, -1 - rank, height, [overlap(block.spatial[0], height, -block.low[0], 1)])
    for axis in reversed(range(1, rank)):
        current = _unfold_axis(current, axis - rank, block.out[axis], block.overlaps(axis))
    rows, current = rows // block.shifts, current.reshape(groups, rows // block.shifts, height, -1)
    starts = range(0, block.shifts * dilation, dilation)
    return [current[:, :, start : start + block.out[0]].reshape(groups, rows, -1) for start in starts]


def _unfold_axis(current, axis, out, overlaps):
    """(C, ..., size, ...) to (C, k, ..., out, ...); `axis` counts from the end.

    Unfold the last axis first: only this one copies runs shorter than a row, and then copies the fewest elements.
    """
    shape, tail = list(current.shape), (slice(None),) * (-1 - axis)
    shape[axis] = out
    unfolded = numpy.empty((shape[0], len(overlaps), *shape[1:]), current.dtype)
    for k, (outputs, inputs) in enumerate(overlaps):
        part = unfolded[:, k]
        part[..., : outputs.start, *tail] = 0
        part[..., outputs, *tail] = current[..., inputs, *tail]
        part[..., outputs.stop :, *tail] = 0
    return unfolded


def fold(columns: RawArray, x: RawArray, block: Block) -> None:
    """The transpose of `unfold` in full: adds columns (groups, C // groups * K, n * L) to this block of x."""
    target, rank = block.input(x), len(block.out)
    current = columns.reshape(target.shape[0], *block.plan.kernel, block.batch, *block.out)
    for axis in range(rank):
        folded, tail = target, (slice(None),) * (rank - 1 - axis)
        if axis < rank - 1:
            shape = [current.shape[0], *current.shape[2:]]
            shape[axis - rank] = block.spatial[axis]
            folded = numpy.zeros(shape, x.dtype)
        for k, (outputs, inputs) in enumerate(block.overlaps(axis)):
            folded[..., inputs, *tail] += current[:, k][..., outputs, *tail]
        current = folded
