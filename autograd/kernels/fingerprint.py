"""Fingerprints of arrays: equal for equal bits, and for others by chance only, once in 2**64."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..typing import RawArray

__all__ = ["fingerprints"]

_THREADS = 1 << 14


def fingerprints(xp: ModuleType, arrays: Sequence[RawArray]) -> RawArray:
    """A number of 64 bits for the elements of each array, uint64 (len(arrays),), on their GPU; a launch for each.

    It is the sum over all words of a mix of the word and its place, so that it does not matter in which order threads
    add. Source of the mix: Steele, Lea & Flood 2014, SplitMix.
    """
    sums = xp.zeros(len(arrays), "uint64")
    for i, x in enumerate(arrays):
        words = xp.ascontiguousarray(x).reshape(-1).view("uint8" if x.itemsize % 4 else "uint32")
        if words.size:
            _kernel(xp)(words, words.size, i, sums, size=min(words.size, _THREADS))
    return sums


@functools.cache
def _kernel(xp):
    return xp.ElementwiseKernel(
        "raw W words, int64 count, int64 place", "raw uint64 sums",
        """unsigned long long sum = 0;
        for (long long k = i; k < count; k += _ind.size()) {
            unsigned long long z = words[k] + (k + 1) * 0x9E3779B97F4A7C15ull;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
            sum += z ^ (z >> 31);
        }
        atomicAdd(&sums[place], sum);""",
        "autograd_fingerprint",
    )  # fmt: skip
