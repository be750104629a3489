"""Counter-based random numbers: one Philox4x32-10 stream, the same on NumPy and CuPy.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3". A block of the generator is
four 32-bit words w0..w3, a function of two key words and four counter words:

- `key`, uint32 `(2,)`, holds a 64-bit seed as `[high, low]`; Philox's key words are (k0, k1) = (low, high).
- counter word 0 is the low, word 1 the high half of the block's index within the draw; word 2 is the purpose (0 `DRAW`,
  1 `SPLIT`); word 3 is 0, except that `randint` counts its redraws there.

So block i of a draw is what cuRAND's `curand4` returns after `curand_init(seed, subsequence, offset)` with
`seed = high << 32 | low`, `subsequence = redraws << 32 | purpose`, `offset = 4 * i`.

A draw lays its elements down in C order: four of a block where an element takes one word, two where it takes the 64
bits `w0 << 32 | w1` and `w2 << 32 | w3`. Bits, integers, Booleans and uniforms are equal bit for bit on both libraries;
normals are equal to the rounding of log, sin and cos.

Every function also takes keys of shape `(*lanes, 2)` and then returns `(*lanes, *shape)`: each lane is what its own
key gives. On CuPy the key is read by the kernel, one launch a draw, so a captured CUDA graph draws anew when the key
array has changed.
"""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable

import numpy as np

from autograd.kernels.special import ndtri

DRAW, SPLIT = 0, 1

LOW_WORD = 0xFFFFFFFF
MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)[:, None, None]
KEY_STEPS = np.arange(10, dtype=np.uint64)[:, None, None] * np.array([0x9E3779B9, 0xBB67AE85], np.uint64)[:, None]
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
}


@dataclasses.dataclass(frozen=True)
class Tile:
    """Blocks on NumPy: those of `index`, (blocks,) or (lanes, blocks), under each of `keys`, (lanes, 2)."""

    keys: np.ndarray
    index: np.ndarray
    purpose: int

    def words(self, redraws=0):
        """uint32 (lanes, 4 * blocks)."""
        state = self._blocks(redraws)
        words = np.empty((*state.shape[1:], 4), np.uint32)
        words[..., 1], words[..., 3] = state  # the assignment keeps the low halves
        state >>= 32
        words[..., 0], words[..., 2] = state
        return words.reshape(len(words), -1)

    def wides(self, redraws=0):
        """uint64 (lanes, 2 * blocks)."""
        return np.moveaxis(self._blocks(redraws), 0, -1).reshape(len(self.keys), -1)

    def _blocks(self, redraws):
        """uint64 (2, lanes, blocks): w0 << 32 | w1 and w2 << 32 | w3."""
        if len(self.keys) == 1 and self.index.size <= 4:
            blocks = [philox(self.keys[0], index, self.purpose, redraws) for index in self.index.ravel().tolist()]
            return np.array(blocks, np.uint64).T[:, None].copy()
        state = np.empty((2, len(self.keys), self.index.shape[-1]), np.uint64)
        state[0] = self.index << 32 | self.index >> 32
        state[1] = self.purpose << 32 | redraws
        keys = self.keys.T[::-1].astype(np.uint64)
        scratch = np.empty_like(state)
        for key in (KEY_STEPS + keys << 32)[..., None]:  # the shift drops what the sum carries past 32 bits
            np.right_shift(state, 32, out=scratch)
            scratch *= MULTIPLIERS
            state <<= 32
            state ^= scratch[::-1]
            state ^= key
        return state


def philox(key, index, purpose, redraws=0):
    """One block as (w0 << 32 | w1, w2 << 32 | w3) on Python integers: for a few, cheaper than 50 array operations."""
    k1, k0 = key.tolist()
    a, b = (index & LOW_WORD) << 32 | index >> 32, purpose << 32 | redraws
    for _ in range(10):
        a, b = (
            0xCD9E8D57 * (b >> 32) ^ (a & LOW_WORD ^ k0) << 32,
            0xD2511F53 * (a >> 32) ^ (b & LOW_WORD ^ k1) << 32,
        )
        k0, k1 = k0 + 0x9E3779B9 & LOW_WORD, k1 + 0xBB67AE85 & LOW_WORD
    return a, b


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution:
    """How a block becomes `elements` values: one formula on NumPy, the same one in CUDA."""

    elements: int
    host: Callable  # (Tile, *parameters) -> values (lanes, elements * blocks)
    device: str  # statements that fill v[0..N-1] from `block`
    parameters: str = ""  # their C declarations
    purpose: int = DRAW


def _draw(xp, key, shape, dtype, distribution, parameters=()):
    if key.dtype != np.uint32 or key.shape[-1:] != (2,):
        raise ValueError(f"random: expected a key of dtype uint32 and shape (..., 2), got {key.dtype} {key.shape}.")
    shape = _sizes(shape)
    lanes, size = math.prod(key.shape[:-1]), math.prod(shape)
    blocks = -(-size // distribution.elements)
    if xp is np:
        values = _draw_host(key.reshape(lanes, 2), blocks, dtype, distribution, parameters)
        return values[:, :size].reshape(key.shape[:-1] + shape)
    result = xp.empty(key.shape[:-1] + shape, dtype)
    if result.size:
        threads = min(256, -(-blocks // 32) * 32)
        grid = (-(-blocks // threads), min(lanes, 65535))
        kernel = _kernel(xp, distribution, dtype.name)
        kernel(grid, (threads,), (xp.ascontiguousarray(key), result, lanes, size, *parameters))
    return result


def _sizes(shape):
    shape = tuple(map(operator.index, shape if isinstance(shape, tuple | list) else (shape,)))
    if min(shape, default=0) < 0:
        raise ValueError(f"random: expected sizes of at least 0, got shape {shape}.")
    return shape


def _draw_host(keys, blocks, dtype, distribution, parameters):
    n = distribution.elements
    result = np.empty((len(keys), blocks * n), dtype)
    rows = max(1, TILE // max(1, blocks))
    for row in range(0, len(keys), rows):
        for start in range(0, blocks, TILE):
            index = np.arange(start, min(start + TILE, blocks), dtype=np.uint64)
            tile = Tile(keys[row : row + rows], index, distribution.purpose)
            place = slice(row, row + rows), slice(start * n, (start + len(index)) * n)
            result[place] = distribution.host(tile, *parameters)
    return result


@functools.cache
def _kernel(xp, distribution, dtype):
    code = CUDA_KERNEL % {
        "header": "#include <cupy/float16.cuh>" if dtype == "float16" else "",
        "philox": CUDA_PHILOX,
        "type": C_TYPES[dtype],
        "elements": distribution.elements,
        "parameters": distribution.parameters and ", " + distribution.parameters,
        "purpose": distribution.purpose,
        "body": distribution.device,
    }
    return xp.RawKernel(code, "draw")


def _each(expression):
    return f"for (int j = 0; j < N; ++j) v[j] = Element({expression});"


def _scaled(integers, dtype, scale):
    values = integers.astype(dtype)
    values *= scale
    return values


def bits(xp, key, *, shape):
    """Uniform uint32 words `(*lanes, *shape)`."""
    return _draw(xp, key, shape, np.dtype(np.uint32), BITS)


BITS = Distribution(4, Tile.words, _each("block.word[j]"))


def split(xp, key, *, n):
    """n + 1 keys, uint32 `(*lanes, n + 1, 2)`: the first two words of n + 1 blocks. Row 0 is the new state of `key`."""
    return _draw(xp, key, (n + 1, 2), np.dtype(np.uint32), KEYS)


def _keys(tile):
    return tile.words().reshape(len(tile.keys), -1, 4)[..., :2].reshape(len(tile.keys), -1)


KEYS = Distribution(2, _keys, _each("block.word[j]"), purpose=SPLIT)


def uniform(xp, key, *, shape, dtype):
    """Uniform in [0, 1): multiples of 2**-11 (float16), 2**-24 (float32) or 2**-53 (float64)."""
    dtype = _float_dtype("uniform", dtype)
    return _draw(xp, key, shape, dtype, UNIFORM[dtype.name])


def _leading_bits(elements, count, dtype, one):
    """The first `count` bits of a word (4 elements a block) or of 64 bits (2), as a fraction."""
    width, draw, name = (32, Tile.words, "word[j]") if elements == 4 else (64, Tile.wides, "wide(j)")
    return Distribution(
        elements,
        lambda tile: _scaled(draw(tile) >> (width - count), dtype, 2.0**-count),
        _each(f"(block.{name} >> {width - count}) * ({one} / (1ull << {count}))"),
    )


UNIFORM = {
    "float16": _leading_bits(4, 11, np.float32, "1.0f"),
    "float32": _leading_bits(4, 24, np.float32, "1.0f"),
    "float64": _leading_bits(2, 53, np.float64, "1.0"),
}


def _float_dtype(where, dtype):
    dtype = np.dtype(dtype)
    if dtype.name not in UNIFORM:
        raise TypeError(f"{where}: expected dtype float16, float32 or float64, got {dtype}. Draw float32 and cast.")
    return dtype


def normal(xp, key, *, shape, dtype):
    """Standard normal, by Box & Muller 1958: elements 2 i and 2 i + 1 are r cos(t) and r sin(t).

    float32 and float16 take r from word 2 i and t from word 2 i + 1 (at most 6.8 from 0), float64 r and t from 53 bits
    each (at most 8.6 from 0). An odd size drops its last partner.
    """
    dtype = _float_dtype("normal", dtype)
    return _draw(xp, key, shape, dtype, NORMAL_DOUBLE if dtype == np.float64 else NORMAL_SINGLE)


def _normal_single(tile):
    words = tile.words()
    radius = np.log((words[:, 0::2].astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32))
    angle = _scaled(words[:, 1::2].view(np.int32), np.float32, np.pi * 2**-31)
    return _pairs(radius, angle)


def _normal_double(tile):
    wides = tile.wides()
    radius = np.log(_scaled((wides[:, 0::2] >> 11) + 1, np.float64, 2.0**-53))
    return _pairs(radius, _scaled(wides[:, 1::2].view(np.int64) >> 11, np.float64, np.pi * 2**-52))


def _pairs(log_fraction, angle):
    radius = np.sqrt(log_fraction * -2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(len(radius), -1)


NORMAL_SINGLE = Distribution(
    4,
    _normal_single,
    """for (int j = 0; j < N; j += 2) {
            const float radius = sqrtf(-2 * logf((block.word[j] + 0.5f) * (1.0f / (1ull << 32))));
            float sine, cosine;
            sincospif((int)block.word[j + 1] * (1.0f / (1u << 31)), &sine, &cosine);
            v[j] = Element(radius * cosine);
            v[j + 1] = Element(radius * sine);
        }""",
)
NORMAL_DOUBLE = Distribution(
    2,
    _normal_double,
    """const double radius = sqrt(-2 * log(((block.wide(0) >> 11) + 1) * (1.0 / (1ull << 53))));
        double sine, cosine;
        sincospi(((long long)block.wide(1) >> 11) * (1.0 / (1ull << 52)), &sine, &cosine);
        v[0] = Element(radius * cosine);
        v[1] = Element(radius * sine);""",
)


def truncated_normal(xp, key, *, shape, dtype, lower, upper):
    """Standard normal, given that it lies in the open interval (lower, upper): the inverse distribution function.

    Computed in float64 from 52 bits per element whatever the dtype, and in the tail on whose side the interval is, so
    that an interval far out is as accurate as any, provided that it comes within 37 of 0. Bounds may be infinite.
    """
    dtype = _float_dtype("truncated_normal", dtype)
    return _draw(xp, key, shape, dtype, TRUNCATED_NORMAL, _truncation(dtype, float(lower), float(upper)))


def _truncation(dtype, lower, upper):
    """Start and span of the interval in probability, its sign, the extreme values of dtype in it."""
    if not lower < upper:
        raise ValueError(f"truncated_normal: expected lower < upper, got {lower} and {upper}.")
    sign = -1.0 if lower + upper > 0 else 1.0  # mirrored, an interval above 0 has small, hence precise, probabilities
    start, stop = (math.erfc(-bound / math.sqrt(2)) / 2 for bound in sorted((sign * lower, sign * upper)))
    if stop < np.finfo(np.float64).tiny:
        raise ValueError(f"truncated_normal: expected an interval that comes within 37 of 0, got {lower} to {upper}.")
    with np.errstate(over="ignore"):
        smallest, largest = dtype.type(lower), dtype.type(upper)
    if float(smallest) <= lower:
        smallest = np.nextafter(smallest, dtype.type(np.inf))
    if float(largest) >= upper:
        largest = np.nextafter(largest, dtype.type(-np.inf))
    if smallest > largest:
        raise ValueError(f"truncated_normal: expected a {dtype} value between the bounds, got {lower} and {upper}.")
    return start, stop - start, sign, float(smallest), float(largest)


def _truncated(tile, start, span, sign, smallest, largest):
    fraction = _scaled((tile.wides() >> 12) + 0.5, np.float64, 2.0**-52)
    return np.clip(sign * ndtri(np, start + fraction * span), smallest, largest)


TRUNCATED_NORMAL = Distribution(
    2,
    _truncated,
    """for (int j = 0; j < N; ++j) {
            const double fraction = ((block.wide(j) >> 12) + 0.5) * (1.0 / (1ull << 52));
            v[j] = Element(fmin(fmax(sign * normcdfinv(start + fraction * span), smallest), largest));
        }""",
    "double start, double span, double sign, double smallest, double largest",
)


def bernoulli(xp, key, *, shape, p):
    """True with probability p, a float, to the nearest multiple of 2**-32."""
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli: expected 0 <= p <= 1, got {p}.")
    return _draw(xp, key, shape, np.dtype(np.bool_), BERNOULLI, (np.uint64(round(float(p) * 2**32)),))


BERNOULLI = Distribution(
    4, lambda tile, threshold: tile.words() < threshold, _each("block.word[j] < threshold"), "Wide threshold"
)


def randint(xp, key, *, shape, low, high, dtype):
    """Integers from low to high - 1, each exactly as likely as the others; any range that dtype holds.

    Source: Lemire 2019, "Fast random integer generation in an interval", Algorithm 5, on 32 bits per element where
    high - low <= 2**32, else on 64. A rejected element is drawn again, from its own place in the next redraw's block.
    """
    dtype, low, high = np.dtype(dtype), operator.index(low), operator.index(high)
    if dtype.kind not in "iu":
        raise TypeError(f"randint: expected an integer dtype, got {dtype}.")
    least, end = np.iinfo(dtype).min, np.iinfo(dtype).max + 1
    if not least <= low < high <= end:
        raise ValueError(f"randint: expected {least} <= low < high <= {end} for {dtype}, got {low} and {high}.")
    span, width = high - low, 32 if high - low <= 1 << 32 else 64
    parameters = tuple(np.uint64(value % (1 << 64)) for value in (span, (1 << width) % span, low))
    return _draw(xp, key, shape, dtype, INTEGERS[width], parameters)


def _integers(draw, tile, span, threshold, low):
    value, remainder = _multiply(draw(tile), span)
    lane, element = np.nonzero(remainder < threshold)
    elements = value.shape[1] // tile.index.shape[-1]
    redraws = 0
    while lane.size:
        redraws += 1
        again = Tile(tile.keys[lane], tile.index[element // elements, None], tile.purpose)
        drawn = draw(again, redraws)[np.arange(lane.size), element % elements]
        value[lane, element], remainder = _multiply(drawn, span)
        rejected = remainder < threshold
        lane, element = lane[rejected], element[rejected]
    return value + low


def _multiply(drawn, span):
    """drawn * span as (high, low) words of drawn's width; a 64-bit span of 0 stands for 2**64."""
    if drawn.dtype == np.uint32:
        product = drawn * span
        return product >> 32, product & LOW_WORD
    if span == 0:
        return drawn, drawn
    high, low, span_high, span_low = drawn >> 32, drawn & LOW_WORD, span >> 32, span & LOW_WORD
    middle = low * span_high + (low * span_low >> 32)
    other = high * span_low + (middle & LOW_WORD)
    return high * span_high + (middle >> 32) + (other >> 32), drawn * span


CUDA_INTEGERS = """Word open = (1u << N) - 1;
        for (Word redraws = 1; ; ++redraws) {
            for (int j = 0; j < N; ++j) {
                %s
                if ((open >> j & 1) && remainder >= threshold) {
                    v[j] = Element(low + value);
                    open ^= 1u << j;
                }
            }
            if (!open) break;
            block = philox(key, index, 0, redraws);
        }"""
INTEGERS = {
    32: Distribution(
        4,
        functools.partial(_integers, Tile.words),
        CUDA_INTEGERS % "const Wide product = block.word[j] * span, value = product >> 32, remainder = (Word)product;",
        "Wide span, Wide threshold, Wide low",
    ),
    64: Distribution(
        2,
        functools.partial(_integers, Tile.wides),
        CUDA_INTEGERS
        % """const Wide wide = block.wide(j);
                const Wide value = span ? __umul64hi(wide, span) : wide, remainder = wide * span;""",
        "Wide span, Wide threshold, Wide low",
    ),
}
