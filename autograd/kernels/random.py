"""Distributions of random numbers: `philox` says where their bits come from."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy

from .philox import LOW_WORD, SPLIT, Distribution, Tile, draw_elements
from .special import ndtri

if TYPE_CHECKING:
    from ..typing import DTypeLike, RawArray, Shape

__all__ = [
    "BERNOULLI", "INVERSES", "NORMAL_DOUBLE", "NORMAL_SINGLE", "STANDARD", "TRUNCATED_NORMAL", "UNIFORM", "bernoulli",
    "bits", "cauchy", "exponential", "float_dtype", "gumbel", "laplace", "logistic", "normal", "randint", "split",
    "truncated_normal", "uniform",
]  # fmt: skip


def _each(expression):
    return f"for (int j = 0; j < N; ++j) v[j] = Element({expression});"


def _scaled(integers, dtype, scale):
    values = integers.astype(dtype)
    values *= scale
    return values


def bits(xp: ModuleType, key: RawArray, *, shape: Shape) -> RawArray:
    """Uniform uint32 words `(*lanes, *shape)`."""
    return draw_elements(xp, key, shape, numpy.dtype(numpy.uint32), BITS)


BITS = Distribution(4, Tile.words, _each("block.word[j]"))


def split(xp: ModuleType, key: RawArray, *, n: int) -> RawArray:
    """n + 1 keys, uint32 `(*lanes, n + 1, 2)`: the first two words of n + 1 blocks. Row 0 is the new state of `key`."""
    return draw_elements(xp, key, (n + 1, 2), numpy.dtype(numpy.uint32), KEYS)


def _keys(tile):
    return tile.words().reshape(len(tile.keys), -1, 4)[..., :2].reshape(len(tile.keys), -1)


KEYS = Distribution(2, _keys, _each("block.word[j]"), purpose=SPLIT)


def uniform(xp: ModuleType, key: RawArray, *, shape: Shape, dtype: DTypeLike) -> RawArray:
    """Uniform in [0, 1): multiples of 2**-11 (float16), 2**-24 (float32) or 2**-53 (float64)."""
    dtype = float_dtype("uniform", dtype)
    return draw_elements(xp, key, shape, dtype, UNIFORM[dtype.name])


def _leading_bits(elements, count, dtype, one):
    """The first `count` bits of a word (4 elements a block) or of 64 bits (2), as a fraction."""
    width, draw, name = (32, Tile.words, "word[j]") if elements == 4 else (64, Tile.wides, "wide(j)")
    return Distribution(
        elements,
        lambda tile: _scaled(draw(tile) >> (width - count), dtype, 2.0**-count),
        _each(f"(block.{name} >> {width - count}) * ({one} / (1ull << {count}))"),
    )


UNIFORM: dict[str, Distribution] = {
    "float16": _leading_bits(4, 11, numpy.float32, "1.0f"),
    "float32": _leading_bits(4, 24, numpy.float32, "1.0f"),
    "float64": _leading_bits(2, 53, numpy.float64, "1.0"),
}


def float_dtype(where: str, dtype: DTypeLike) -> numpy.dtype[Any]:
    """`dtype` as a NumPy dtype; TypeError, which names `where`, unless it is float16, float32 or float64."""
    dtype = numpy.dtype(dtype)
    if dtype.name not in UNIFORM:
        raise TypeError(f"{where}: expected dtype float16, float32 or float64, got {dtype}. Draw float32 and cast.")
    return dtype


def normal(xp: ModuleType, key: RawArray, *, shape: Shape, dtype: DTypeLike) -> RawArray:
    """Standard normal, by Box & Muller 1958: elements 2 i and 2 i + 1 are r cos(t) and r sin(t).

    float32 and float16 take r from word 2 i and t from word 2 i + 1 (at most 6.8 from 0), float64 r and t from 53 bits
    each (at most 8.6 from 0). An odd size drops its last partner.
    """
    dtype = float_dtype("normal", dtype)
    return draw_elements(xp, key, shape, dtype, NORMAL_DOUBLE if dtype == numpy.float64 else NORMAL_SINGLE)


def _normal_single(tile):
    words = tile.words()
    radius = numpy.log((words[:, 0::2].astype(numpy.float32) + numpy.float32(0.5)) * numpy.float32(2.0**-32))
    angle = _scaled(words[:, 1::2].view(numpy.int32), numpy.float32, numpy.pi * 2**-31)
    return _pairs(radius, angle)


def _normal_double(tile):
    wides = tile.wides()
    radius = numpy.log(_scaled((wides[:, 0::2] >> 11) + 1, numpy.float64, 2.0**-53))
    return _pairs(radius, _scaled(wides[:, 1::2].view(numpy.int64) >> 11, numpy.float64, numpy.pi * 2**-52))


def _pairs(log_fraction, angle):
    radius = numpy.sqrt(log_fraction * -2)
    return numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], -1).reshape(len(radius), -1)


NORMAL_SINGLE: Distribution = Distribution(
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
NORMAL_DOUBLE: Distribution = Distribution(
    2,
    _normal_double,
    """const double radius = sqrt(-2 * log(((block.wide(0) >> 11) + 1) * (1.0 / (1ull << 53))));
        double sine, cosine;
        sincospi(((long long)block.wide(1) >> 11) * (1.0 / (1ull << 52)), &sine, &cosine);
        v[0] = Element(radius * cosine);
        v[1] = Element(radius * sine);""",
)


def truncated_normal(
    xp: ModuleType, key: RawArray, *, shape: Shape, dtype: DTypeLike, lower: float, upper: float
) -> RawArray:
    """Standard normal, given that it lies in the open interval (lower, upper): the inverse distribution function.

    Computed in float64 from 52 bits per element whatever the dtype, and in the tail on whose side the interval is, so
    that an interval far out is as accurate as any, provided that it comes within 37 of 0. Bounds may be infinite.
    """
    dtype = float_dtype("truncated_normal", dtype)
    return draw_elements(xp, key, shape, dtype, TRUNCATED_NORMAL, _truncation(dtype, float(lower), float(upper)))


def _truncation(dtype, lower, upper):
    """Start and span of the interval in probability, its sign, the extreme values of dtype in it."""
    if not lower < upper:
        raise ValueError(f"truncated_normal: expected lower < upper, got {lower} and {upper}.")
    sign = -1.0 if lower + upper > 0 else 1.0  # mirrored, an interval above 0 has small, hence precise, probabilities
    start, stop = (math.erfc(-bound / math.sqrt(2)) / 2 for bound in sorted((sign * lower, sign * upper)))
    if stop < numpy.finfo(numpy.float64).tiny:
        raise ValueError(f"truncated_normal: expected an interval that comes within 37 of 0, got {lower} to {upper}.")
    with numpy.errstate(over="ignore"):
        smallest, largest = dtype.type(lower), dtype.type(upper)
    if float(smallest) <= lower:
        smallest = numpy.nextafter(smallest, dtype.type(numpy.inf))
    if float(largest) >= upper:
        largest = numpy.nextafter(largest, dtype.type(-numpy.inf))
    if smallest > largest:
        raise ValueError(f"truncated_normal: expected a {dtype} value between the bounds, got {lower} and {upper}.")
    return start, stop - start, sign, float(smallest), float(largest)


def _truncated(tile, start, span, sign, smallest, largest):
    return numpy.clip(sign * ndtri(numpy, start + tile.fractions() * span), smallest, largest)


TRUNCATED_NORMAL: Distribution = Distribution(
    2,
    _truncated,
    """for (int j = 0; j < N; ++j) {
            const double p = start + block.fraction(j) * span;
            v[j] = Element(fmin(fmax(sign * normcdfinv(p), smallest), largest));
        }""",
    "double start, double span, double sign, double smallest, double largest",
)


def _inverse(name: str, doc: str) -> Callable[..., RawArray]:
    """A draw of a standard distribution by its inverse distribution function, a row of INVERSES."""

    def draw(xp, key, *, shape, dtype):
        dtype = float_dtype(name, dtype)
        return draw_elements(xp, key, shape, dtype, STANDARD[name, dtype == numpy.float64])

    draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = doc
    return draw


exponential: Callable[..., RawArray] = _inverse("exponential", "Standard exponential, density exp(-x) for x > 0.")
gumbel: Callable[..., RawArray] = _inverse("gumbel", "Standard Gumbel (of maxima), density exp(-x - exp(-x)).")
laplace: Callable[..., RawArray] = _inverse("laplace", "Standard Laplace, density exp(-abs(x)) / 2.")
logistic: Callable[..., RawArray] = _inverse("logistic", "Standard logistic, density exp(-x) / (1 + exp(-x))**2.")
cauchy: Callable[..., RawArray] = _inverse("cauchy", "Standard Cauchy, density 1 / (pi (1 + x**2)).")

# Quantiles of u, uniform in (0, 1), as functions of y, which is u where u < 1/2, else u - 1, and never 0, and of
# t = abs(y): so both tails have a floating point number's full precision, and reach to 2**-33 in float32.
INVERSES: dict[str, tuple[Callable[..., RawArray], str]] = {
    "exponential": (lambda y, t: -numpy.where(y < 0, numpy.log(t), numpy.log1p(-t)), "-(y < 0 ? log(t) : log1p(-t))"),
    "gumbel": (
        lambda y, t: -numpy.log(-numpy.where(y < 0, numpy.log1p(-t), numpy.log(t))),
        "-log(-(y < 0 ? log1p(-t) : log(t)))",
    ),
    "laplace": (lambda y, t: numpy.copysign(numpy.log(t + t), -y), "copysign(log(t + t), -y)"),
    "logistic": (lambda y, t: numpy.copysign(numpy.log(t) - numpy.log1p(-t), -y), "copysign(log(t) - log1p(-t), -y)"),
    "cauchy": (lambda y, t: -1 / numpy.tan(y * y.dtype.type(numpy.pi)), "-1 / tan(y * (Real)3.14159265358979323846)"),
}


def _centred(double, tile):
    if double:
        return ((tile.wides().view(numpy.int64) >> 11) + 0.5) * 2.0**-53
    return _scaled(tile.words().view(numpy.int32) + numpy.float32(0.5), numpy.float32, 2.0**-32)


def _standard(function, expression, double):
    real, y = (
        ("double", "(((long long)block.wide(j) >> 11) + 0.5) * (1.0 / (1ull << 53))")
        if double
        else ("float", "((int)block.word[j] + 0.5f) * (1.0f / (1ull << 32))")
    )

    def host(tile):
        y = _centred(double, tile)
        return function(y, numpy.abs(y))

    return Distribution(
        2 if double else 4,
        host,
        f"""typedef {real} Real;
        for (int j = 0; j < N; ++j) {{
            const Real y = {y}, t = fabs(y);
            v[j] = Element({expression});
        }}""",
    )


STANDARD: dict[tuple[str, bool], Distribution] = {
    (name, double): _standard(*row, double) for name, row in INVERSES.items() for double in (False, True)
}


def bernoulli(xp: ModuleType, key: RawArray, *, shape: Shape, p: float) -> RawArray:
    """True with probability p, a float, to the nearest multiple of 2**-32."""
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli: expected 0 <= p <= 1, got {p}.")
    return draw_elements(xp, key, shape, numpy.dtype(numpy.bool_), BERNOULLI, (numpy.uint64(round(float(p) * 2**32)),))


BERNOULLI: Distribution = Distribution(
    4, lambda tile, threshold: tile.words() < threshold, _each("block.word[j] < threshold"), "Wide threshold"
)


def randint(xp: ModuleType, key: RawArray, *, shape: Shape, low: int, high: int, dtype: DTypeLike) -> RawArray:
    """Integers from low to high - 1, each exactly as likely as the others; any range that dtype holds.

    Source: Lemire 2019, "Fast random integer generation in an interval", Algorithm 5, on 32 bits per element where
    high - low <= 2**32, else on 64. A rejected element is drawn again, from its own place in the next redraw's block.
    """
    dtype, low, high = numpy.dtype(dtype), operator.index(low), operator.index(high)
    if dtype.kind not in "iu":
        raise TypeError(f"randint: expected an integer dtype, got {dtype}.")
    least, end = numpy.iinfo(dtype).min, numpy.iinfo(dtype).max + 1
    if not least <= low < high <= end:
        raise ValueError(f"randint: expected {least} <= low < high <= {end} for {dtype}, got {low} and {high}.")
    span, width = high - low, 32 if high - low <= 1 << 32 else 64
    parameters = tuple(numpy.uint64(value % (1 << 64)) for value in (span, (1 << width) % span, low))
    return draw_elements(xp, key, shape, dtype, INTEGERS[width], parameters)


def _integers(draw, tile, span, threshold, low):
    value, remainder = _multiply(draw(tile), span)
    lane, element = numpy.nonzero(remainder < threshold)
    elements = value.shape[1] // tile.index.shape[-1]
    redraws = 0
    while lane.size:
        redraws += 1
        again = Tile(tile.keys[lane], tile.index[element // elements, None], tile.purpose)
        drawn = draw(again, redraws)[numpy.arange(lane.size), element % elements]
        value[lane, element], remainder = _multiply(drawn, span)
        rejected = remainder < threshold
        lane, element = lane[rejected], element[rejected]
    return value + low


def _multiply(drawn, span):
    """drawn * span as (high, low) words of drawn's width; a 64-bit span of 0 stands for 2**64."""
    if drawn.dtype == numpy.uint32:
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
