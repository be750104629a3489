"""Philox4x32-10, a counter-based generator of random bits, the same on NumPy and CuPy.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3". A block of the generator is
four 32-bit words w0..w3, a function of two key words and four counter words:

- `key`, uint32 `(2,)`, holds a 64-bit seed as `[high, low]`; Philox's key words are (k0, k1) = (low, high).
- counter word 0 is the low, word 1 the high half of the block's index within the draw; word 2 is the purpose (0 `DRAW`,
  1 `SPLIT`); word 3 is 0, except that `randint` and the distributions of `random_rejection` count their redraws there.

So block i of a draw is what cuRAND's `curand4` returns after `curand_init(seed, subsequence, offset)` with
`seed = high << 32 | low`, `subsequence = redraws << 32 | purpose`, `offset = 4 * i`.

The elements of a draw are in C order: four of a block where an element takes one word, two where it takes the 64
bits `w0 << 32 | w1` and `w2 << 32 | w3`. Bits, integers, Booleans and uniforms are equal bit for bit on both libraries;
normals are equal to the rounding of log, sin and cos.

Every function also takes keys of shape `(*lanes, 2)` and then returns `(*lanes, *shape)`: each lane is what its own
key gives. On CuPy the key is read by the kernel, one launch a draw, so a captured CUDA graph draws anew when the key
array has changed.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from ..typing import RawArray, Shape

__all__ = ["CUDA_PHILOX", "DRAW", "LOW_WORD", "SPLIT", "TILE", "Distribution", "Tile", "draw_elements", "philox"]

DRAW, SPLIT = 0, 1

LOW_WORD = 0xFFFFFFFF
MULTIPLIERS = numpy.array([0xD2511F53, 0xCD9E8D57], numpy.uint64)[:, None, None]
WEYL = numpy.array([0x9E3779B9, 0xBB67AE85], numpy.uint64)[:, None]  # what the two key words grow by in a round
KEY_STEPS = numpy.arange(10, dtype=numpy.uint64)[:, None, None] * WEYL
TILE = 1 << 14  # blocks in flight on NumPy: 512 KiB of state and scratch, for the second-level cache

# Philox for CUDA kernels, also for fused ones elsewhere (dropout). The ten rounds are written out although cuRAND has
# them (curand_philox4x32_x.h; the tests compare): CuPy's wheels do not contain that header, the wheels that do have it
# put it in different places for CUDA 12 and 13, and this compiles twenty times as fast.
CUDA_PHILOX = """
typedef unsigned int Word;
typedef unsigned long long Wide;

struct Block {
    Word word[4];
    __device__ Wide wide(int j) const { return (Wide)word[2 * j] << 32 | word[2 * j + 1]; }
    __device__ double fraction(int j) const { return ((wide(j) >> 12) + 0.5) * (1.0 / (1ull << 52)); }
};

__device__ inline Block philox(const Word* key, Wide index, Word purpose, Word redraws) {
    Word k0 = key[1], k1 = key[0];
    Word c0 = (Word)index, c1 = (Word)(index >> 32), c2 = purpose, c3 = redraws;
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const Wide p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
        c0 = (Word)(p1 >> 32) ^ c1 ^ k0;
        c2 = (Word)(p0 >> 32) ^ c3 ^ k1;
        c1 = (Word)p1;
        c3 = (Word)p0;
    }
    return Block{{c0, c1, c2, c3}};
}
"""

# One thread a block. A whole block is stored at once, which is what lets the kernel run at the memory's speed.
CUDA_KERNEL = """
%(header)s
%(philox)s
%(functions)s
typedef %(type)s Element;
const int N = %(elements)d;
struct alignas(sizeof(Element) * N) Pack { Element v[N]; };

extern "C" __global__ void draw(const Word* keys, Element* out, long long lanes, long long size%(parameters)s) {
    const long long index = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    const long long left = size - index * N;
    if (left <= 0) return;
    for (long long lane = blockIdx.y; lane < lanes; lane += gridDim.y) {
        const Word* key = keys + 2 * lane;
        Block block = philox(key, index, %(purpose)d, 0);
        Pack pack;
        Element* v = pack.v;
        %(body)s
        Element* place = out + lane * size + index * N;
        if (left >= N && (size_t)place %% sizeof(Pack) == 0) *reinterpret_cast<Pack*>(place) = pack;
        else for (int j = 0; j < N && j < left; ++j) place[j] = v[j];
    }
}
"""

C_TYPES = {
    "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "Word", "uint64": "Wide",
    "bool": "bool", "float16": "float16", "float32": "float", "float64": "double",
}  # fmt: skip


class Tile:
    """Blocks on NumPy: those of `index`, (blocks,) or (lanes, blocks), under each of `keys`, (lanes, 2)."""

    def __init__(self, keys: RawArray, index: RawArray, purpose: int) -> None:
        self.keys, self.index, self.purpose = keys, index, purpose

    def words(self, redraws: int = 0) -> RawArray:
        """uint32 (lanes, 4 * blocks)."""
        state = self._blocks(redraws)
        words = numpy.empty((*state.shape[1:], 4), numpy.uint32)
        words[..., 1], words[..., 3] = state  # the assignment keeps the low halves
        state >>= 32
        words[..., 0], words[..., 2] = state
        return words.reshape(len(words), -1)

    def wides(self, redraws: int = 0) -> RawArray:
        """uint64 (lanes, 2 * blocks)."""
        return numpy.moveaxis(self._blocks(redraws), 0, -1).reshape(len(self.keys), -1)

    def fractions(self, redraws: int = 0) -> RawArray:
        """Uniform in (0, 1), float64 (lanes, 2 * blocks): 52 bits each, halfway between multiples of 2**-52."""
        fractions = (self.wides(redraws) >> 12) + 0.5
        fractions *= 2.0**-52
        return fractions

    def _blocks(self, redraws):
        """uint64 (2, lanes, blocks): w0 << 32 | w1 and w2 << 32 | w3."""
        if len(self.keys) == 1 and self.index.size <= 4:
            blocks = [philox(self.keys[0], index, self.purpose, redraws) for index in self.index.ravel().tolist()]
            return numpy.array(blocks, numpy.uint64).T[:, None].copy()
        state = numpy.empty((2, len(self.keys), self.index.shape[-1]), numpy.uint64)
        state[0] = self.index << 32 | self.index >> 32
        state[1] = self.purpose << 32 | redraws
        keys = self.keys.T[::-1].astype(numpy.uint64)
        scratch = numpy.empty_like(state)
        for key in (KEY_STEPS + keys << 32)[..., None]:  # the shift drops what the sum carries past 32 bits
            numpy.right_shift(state, 32, out=scratch)
            scratch *= MULTIPLIERS
            state <<= 32
            state ^= scratch[::-1]
            state ^= key
        return state


def philox(key: RawArray, index: int, purpose: int, redraws: int = 0) -> tuple[int, int]:
    """A block as (w0 << 32 | w1, w2 << 32 | w3) in Python integers: for a few, cheaper than 50 array operations."""
    k1, k0 = key.tolist()
    a, b = (index & LOW_WORD) << 32 | index >> 32, purpose << 32 | redraws
    for _ in range(10):
        a, b = (
            0xCD9E8D57 * (b >> 32) ^ (a & LOW_WORD ^ k0) << 32,
            0xD2511F53 * (a >> 32) ^ (b & LOW_WORD ^ k1) << 32,
        )
        k0, k1 = k0 + 0x9E3779B9 & LOW_WORD, k1 + 0xBB67AE85 & LOW_WORD
    return a, b


class Distribution:
    """How a block becomes `elements` values: one formula on NumPy, the same one in CUDA.

    Args:
        elements: The number of values.
        host: `(Tile, *parameters)` gives values (lanes, elements * blocks).
        device: Statements that fill v[0..N-1] from `block`.
        parameters: Their C declarations.
        purpose: What its blocks are for.
        functions: Definitions in CUDA that `device` calls.
    """

    def __init__(
        self,
        elements: int,
        host: Callable[..., RawArray],
        device: str,
        parameters: str = "",
        purpose: int = DRAW,
        functions: str = "",
    ) -> None:
        self.elements, self.host, self.device = elements, host, device
        self.parameters, self.purpose, self.functions = parameters, purpose, functions


def draw_elements(
    xp: ModuleType,
    key: RawArray,
    shape: Shape,
    dtype: numpy.dtype[Any],
    distribution: Distribution,
    parameters: tuple[Any, ...] = (),
    arrays: Iterable[RawArray] = (),
) -> RawArray:
    """Elements of a distribution, `(*lanes, *shape)`.

    Args:
        key: uint32 `(*lanes, 2)`.
        shape, dtype: Shape and dtype of a lane.
        distribution: How a block becomes elements.
        parameters: Numbers for its functions.
        arrays: Further parameters of shape `(*lanes, *shape)`, if a block is one element.

    Raises:
        ValueError: The key has another dtype or shape, or a size is negative.
    """
    if key.dtype != numpy.uint32 or key.shape[-1:] != (2,):
        raise ValueError(f"random: expected a key of dtype uint32 and shape (..., 2), got {key.dtype} {key.shape}.")
    shape = _sizes(shape)
    lanes, size = math.prod(key.shape[:-1]), math.prod(shape)
    blocks = -(-size // distribution.elements)
    if xp is numpy:
        arrays = [a.reshape(lanes, size) for a in arrays]
        values = _draw_host(key.reshape(lanes, 2), blocks, dtype, distribution, parameters, arrays)
        return values[:, :size].reshape(key.shape[:-1] + shape)
    result = xp.empty(key.shape[:-1] + shape, dtype)
    if result.size:
        threads = min(256, -(-blocks // 32) * 32)
        grid = (-(-blocks // threads), min(lanes, 65535))
        kernel = _kernel(xp, distribution, dtype.name)
        arrays = map(xp.ascontiguousarray, arrays)
        kernel(grid, (threads,), (xp.ascontiguousarray(key), result, lanes, size, *parameters, *arrays))
    return result


def _sizes(shape: Shape) -> tuple[int, ...]:
    shape = tuple(map(operator.index, shape if isinstance(shape, tuple | list) else (shape,)))
    if min(shape, default=0) < 0:
        raise ValueError(f"random: expected sizes of at least 0, got shape {shape}.")
    return shape


def _draw_host(keys, blocks, dtype, distribution, parameters, arrays):
    n = distribution.elements
    result = numpy.empty((len(keys), blocks * n), dtype)
    rows = max(1, TILE // max(1, blocks))
    for row in range(0, len(keys), rows):
        for start in range(0, blocks, TILE):
            index = numpy.arange(start, min(start + TILE, blocks), dtype=numpy.uint64)
            tile = Tile(keys[row : row + rows], index, distribution.purpose)
            place = slice(row, row + rows), slice(start * n, (start + len(index)) * n)
            with numpy.errstate(over="ignore"):  # beyond what float16 holds is infinite
                result[place] = distribution.host(tile, *parameters, *(a[place] for a in arrays))
    return result


@functools.cache
def _kernel(xp, distribution, dtype):
    code = CUDA_KERNEL % {
        "header": "#include <cupy/float16.cuh>" if dtype == "float16" else "",
        "philox": CUDA_PHILOX,
        "functions": distribution.functions,
        "type": C_TYPES[dtype],
        "elements": distribution.elements,
        "parameters": distribution.parameters and ", " + distribution.parameters,
        "purpose": distribution.purpose,
        "body": distribution.device,
    }
    return xp.RawKernel(code, "draw")
