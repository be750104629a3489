"""Convolution with kernels of 3 x 3 in 2.25 times fewer multiplications, on the CPU and in float32.

F(2 x 2, 3 x 3): tiles of 4 x 4 inputs and the kernels are transformed, so that a sum of products of 16 numbers each
gives what becomes 2 x 2 outputs; the sums over channels are 16 products of matrices. Source: Winograd 1980,
"Arithmetic complexity of computations"; Lavin & Gray 2016, "Fast algorithms for convolutional neural networks".
Its transposes are those of its parts. An error is relative to the largest input of a tile, not of a window; that of
sums of random numbers has 1 to 1.9 times the size of the general way's (root of the mean square, 64 to 512 channels).
"""

from __future__ import annotations

import functools
import math
import os
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from .blas import in_threads
from .compiled import Loop, is_worth_it, reduction
from .im2col import Plan

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["forward", "is_wanted", "suits", "to_input", "to_kernel"]

Real: Any = float
FEWEST = 16  # channels
WIDEST = 1024  # outputs in a row: a block has whole rows
LEAST = 1 << 20  # multiplications for each element of a kernel: fewer are not worth the compiler's time
TILES = 256  # of a block
SHARE = 256  # channels of a block, where there are few tiles
GAP = 16  # between rows of tiles: caches have few places for numbers whose distance is a power of two
PARTIAL = 1 << 21  # elements of partial sums
TASKS = 16

# The transform of a kernel along one axis, and along both: rows of a matrix for its 3 and 9 elements.
_AXIS = numpy.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], numpy.float32)
_KERNEL = numpy.kron(_AXIS, _AXIS)


def suits(xp: ModuleType, plan: Plan, *arrays: RawArray) -> bool:
    """Whether this way is there and faster."""
    return (
        xp is numpy
        and plan.kernel == (3, 3)
        and plan.strides == plan.dilation == (1, 1)
        and plan.groups == 1
        and min(plan.w_shape[:2]) >= FEWEST
        and min(plan.out) >= 2
        and plan.out[1] <= WIDEST
        and plan.x_shape[3] <= WIDEST
        and 0 not in plan.x_shape
        and math.prod(plan.y_shape) * plan.x_shape[1] >= LEAST
        and arrays[0].dtype == numpy.float32
        and is_worth_it(*arrays)
        and is_wanted()
    )


@functools.cache
def is_wanted() -> bool:
    """Whether CUOBJAX_WINOGRAD allows it, which it does unless it is 0."""
    return os.environ.get("CUOBJAX_WINOGRAD", "1") != "0"


def forward(x: RawArray, w: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution`; None if a result is not finite, as tiles spread that: it has to be computed in another way."""
    (top, _), (left, _) = plan.padding
    return _convolved(x, _transformed(w, _KERNEL), plan.out, (top, left))


def to_input(g: RawArray, w: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution_input`: a convolution with reversed kernels."""
    (top, _), (left, _) = plan.padding
    return _convolved(g, _transformed(w, _KERNEL[:, ::-1]).swapaxes(1, 2), plan.x_shape[2:], (2 - top, 2 - left))


def to_kernel(x: RawArray, g: RawArray, plan: Plan) -> RawArray | None:
    """As `convolution_kernel`."""
    (top, _), (left, _) = plan.padding
    x, g, blocks = *map(numpy.ascontiguousarray, (x, g)), _blocks(len(x), plan.out)
    outputs, inputs = plan.w_shape[:2]
    pairs = list(product(_channels(outputs, blocks), _channels(inputs, blocks)))
    shares = max(1, min(TASKS, len(blocks), PARTIAL // (16 * outputs * inputs)))
    sums = numpy.empty((shares, 16, inputs, outputs), numpy.float32)

    @numpy.errstate(all="ignore")  # what is not finite is computed again
    def work(i: int) -> None:
        (to, of), share = pairs[i // shares], i % shares
        total = sums[share, :, slice(*of), slice(*to)]
        tiles, gradients = (Tiles(stop - start, blocks[0].size) for start, stop in (of, to))
        one = numpy.empty(total.shape, numpy.float32)
        for k, block in enumerate(blocks[share::shares]):
            tiles.run(_enter, block, x, of[0], 4, (top, left))
            gradients.run(_enter_gradient, block, g, to[0], 2, (0, 0))
            numpy.matmul(tiles.of(block), gradients.of(block).swapaxes(1, 2), out=one if k else total)
            if k:
                total += one

    in_threads(work, len(pairs) * shares)
    with numpy.errstate(all="ignore"):
        w = _KERNEL.T @ (sums.sum(0) if shares > 1 else sums[0]).reshape(16, -1)
    return w.reshape(3, 3, inputs, outputs).transpose(3, 2, 0, 1) if numpy.isfinite(w).all() else None


@numpy.errstate(all="ignore")
def _transformed(w, transform):
    """Kernels (16, O, C); layers have w as (3, 3, C, O) in memory, which is not copied."""
    outputs, inputs = w.shape[:2]
    by_place = w.transpose(2, 3, 1, 0)
    if by_place.flags.c_contiguous:
        return (transform @ by_place.reshape(9, -1)).reshape(16, inputs, outputs).swapaxes(1, 2)
    return (transform @ w.reshape(-1, 9).T).reshape(16, outputs, inputs)


def _convolved(x, kernels, out, low):
    """x (N, C, H, W) to (N, O, *out), with kernels (16, O, C)."""
    x, (_, outputs, inputs), blocks = numpy.ascontiguousarray(x), kernels.shape, _blocks(len(x), out)
    y = numpy.empty((len(x), outputs, *out), numpy.float32)
    parts, shares = _channels(outputs, blocks), min(TASKS, len(blocks))
    finite = numpy.zeros((len(parts) * shares, len(blocks)), numpy.float32)

    @numpy.errstate(all="ignore")
    def work(i: int) -> None:
        (start, stop), share = parts[i // shares], i % shares
        tiles, products = Tiles(inputs, blocks[0].size), Tiles(stop - start, blocks[0].size)
        for k, block in enumerate(blocks[share::shares]):
            tiles.run(_enter, block, x, 0, 4, low)
            numpy.matmul(kernels[:, start:stop], tiles.of(block), out=products.of(block))
            products.run(_leave, block, y, start, 2, (0, 0), finite[i, k : k + 1])

    in_threads(work, len(finite))
    return None if numpy.isnan(finite).any() else y


class Block(NamedTuple):
    """Rows of tiles of some images.

    Attributes:
        images: Which images.
        rows: Which rows of tiles of each.
        wide: How many tiles a row has.
    """

    images: tuple[int, int]
    rows: tuple[int, int]
    wide: int

    @property
    def size(self) -> int:
        """How many tiles it has."""
        return (self.images[1] - self.images[0]) * (self.rows[1] - self.rows[0]) * self.wide


def _blocks(images, out):
    """Blocks of about TILES tiles, the largest first."""
    high, wide = -(-out[0] // 2), -(-out[1] // 2)
    step, rows = max(1, TILES // (high * wide)), min(high, max(1, TILES // wide))
    return [
        Block((start, min(images, start + step)), (first, min(high, first + rows)), wide)
        for start in range(0, images, step)
        for first in range(0, high, rows)
    ]


def _channels(count, blocks):
    """Ranges of channels: all, or several where blocks are too few for threads."""
    step = SHARE if len(blocks) < TASKS // 2 else count
    return [(start, min(count, start + step)) for start in range(0, count, step)]


class Tiles:
    """Memory for the tiles of a block (16, channels, T), and for loops that make them or use them."""

    channels: int
    pitch: int
    memory: RawArray
    values: RawArray

    def __init__(self, channels: int, most: int) -> None:
        self.channels, self.pitch = channels, most + GAP
        self.memory = numpy.empty((16, channels * self.pitch + GAP), numpy.float32)
        self.values = numpy.empty((2, 16 * most), numpy.float32)

    def of(self, block: Block) -> RawArray:
        """The tiles of a block, as matrices."""
        tiles = self.memory[:, : self.channels * self.pitch].reshape(16, self.channels, self.pitch)
        return tiles[:, :, : block.size]

    def run(
        self,
        loop: Loop,
        block: Block,
        x: RawArray,
        channel: int,
        side: int,
        low: tuple[int, int],
        finite: RawArray | None = None,
    ) -> None:
        """Runs a loop for a block of x and the channels from this one on."""
        start, stop = block.images
        places, first, last = _places(stop - start, block.rows, block.wide, side, x.shape[2:], low)
        plane = numpy.zeros((stop - start) * (last - first) + 1, numpy.float32)
        values, sums = self.values[:, : 16 * block.size].reshape(2, 16, -1)
        channels = self.channels, channel, self.pitch
        images = start, stop, first, last
        arrays = x.reshape(*x.shape[:2], -1), self.memory, places, plane, values, sums
        loop.of(x.dtype)(*arrays, *channels, *images, *(() if finite is None else (finite,)))


@functools.lru_cache(64)
def _places(images, rows, wide, side, spatial, low):
    """Where tiles of `side` x `side` elements are in the rows of a block: indices (side * side, T) into these rows of
    all images, one after the other and one 0 at the end, and the first and last of these rows (in elements)."""
    height, width = spatial
    first, last = (min(max(0, q), height) for q in (2 * rows[0] - low[0], 2 * rows[1] + side - 2 - low[0]))
    i = 2 * numpy.arange(*rows)[:, None] + numpy.arange(side)[:, None, None, None, None] - low[0]
    j = 2 * numpy.arange(wide) + numpy.arange(side)[:, None, None, None] - low[1]
    of_image = numpy.arange(images)[:, None, None] * (last - first)
    is_there = (i >= 0) & (i < height) & (j >= 0) & (j < width)
    places = numpy.where(is_there, (of_image + i - first) * width + j, images * (last - first) * width)
    return places.astype(numpy.uint32).reshape(-1), first * width, last * width


def _inputs(x, tiles, places, plane, values, sums, channels, channel, pitch, start, stop, first, last):
    """Tiles of x (N, C, H * W), transformed."""
    for c in range(channels):
        _load(values, x, channel + c, places, plane, start, stop, first, last)
        for j in range(4):
            _difference(sums[j], values[j], values[8 + j])
            _sum(sums[4 + j], values[4 + j], values[8 + j])
            _difference(sums[8 + j], values[8 + j], values[4 + j])
            _difference(sums[12 + j], values[4 + j], values[12 + j])
        a, b = c * pitch, c * pitch + values.shape[1]
        for i in range(0, 16, 4):
            _difference(tiles[i, a:b], sums[i], sums[i + 2])
            _sum(tiles[i + 1, a:b], sums[i + 1], sums[i + 2])
            _difference(tiles[i + 2, a:b], sums[i + 2], sums[i + 1])
            _difference(tiles[i + 3, a:b], sums[i + 1], sums[i + 3])


def _gradients(x, tiles, places, plane, values, sums, channels, channel, pitch, start, stop, first, last):
    """The transpose of `_outputs`."""
    for c in range(channels):
        _load(values[:4], x, channel + c, places, plane, start, stop, first, last)
        for j in range(2):
            for t in range(values.shape[1]):
                sums[j, t] = values[j, t]
            _sum(sums[2 + j], values[j], values[2 + j])
            _difference(sums[4 + j], values[j], values[2 + j])
            for t in range(values.shape[1]):
                sums[6 + j, t] = -values[2 + j, t]
        a, b = c * pitch, c * pitch + values.shape[1]
        for i in range(4):
            p, q, to = sums[2 * i], sums[2 * i + 1], tiles[4 * i : 4 * i + 4, a:b]
            for t in range(p.size):
                to[0, t] = p[t]
            _sum(to[1], p, q)
            _difference(to[2], p, q)
            for t in range(p.size):
                to[3, t] = -q[t]


def _outputs(y, tiles, places, plane, values, sums, channels, channel, pitch, start, stop, first, last, finite):
    """Writes tiles to y (N, O, H * W)."""
    bad = Real(0)
    for c in range(channels):
        a, b = c * pitch, c * pitch + values.shape[1]
        for j in range(4):
            p, q, r, s = tiles[j, a:b], tiles[4 + j, a:b], tiles[8 + j, a:b], tiles[12 + j, a:b]
            _sum_of_three(sums[j], p, q, r)
            _difference_of_three(sums[4 + j], q, r, s)
        for i in range(0, 8, 4):
            _sum_of_three(values[i // 2], sums[i], sums[i + 1], sums[i + 2])
            _difference_of_three(values[i // 2 + 1], sums[i + 1], sums[i + 2], sums[i + 3])
        flat = values.reshape(-1)
        for k in range(places.size):
            plane[places[k]] = flat[k]
        for image in range(start, stop):
            to, at = y[image, channel + c, first:last], plane[(image - start) * (last - first) :]
            for j in range(to.size):
                to[j] = at[j]
            bad += _nothing(to)
    finite[0] = bad


def _load(values, x, channel, places, plane, start, stop, first, last):
    """The elements of tiles."""
    for image in range(start, stop):
        to, of = plane[(image - start) * (last - first) :], x[image, channel, first:last]
        for j in range(of.size):
            to[j] = of[j]
    flat = values.reshape(-1)
    for k in range(places.size):
        flat[k] = plane[places[k]]


def _sum(y, a, b):
    for t in range(y.size):
        y[t] = a[t] + b[t]


def _difference(y, a, b):
    for t in range(y.size):
        y[t] = a[t] - b[t]


def _sum_of_three(y, a, b, c):
    for t in range(y.size):
        y[t] = a[t] + b[t] + c[t]


def _difference_of_three(y, a, b, c):
    for t in range(y.size):
        y[t] = a[t] - b[t] - c[t]


@reduction
def _nothing(x):
    """0, or NaN where a number is not finite."""
    total = Real(0)
    for t in range(x.size):
        total += x[t] * Real(0)
    return total


_enter = Loop(_inputs)
_enter_gradient = Loop(_gradients)
_leave = Loop(_outputs)
