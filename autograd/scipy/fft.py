"""Fourier, cosine and sine transforms under SciPy's names.

Parameters are SciPy's and explained at https://docs.scipy.org/doc/scipy/reference/fft.html; `overwrite_x`, `workers`
and `plan` do not exist.
"""

# ruff: noqa: I001 (names stay in tables)
from __future__ import annotations

import functools
import math
from typing import Protocol
from collections.abc import Sequence

import numpy as onp

from ..core import library
from ..numpy._common import aligned, as_array, part
from ..numpy._elementwise import imag, real
from ..numpy.fft import (
    complete_lengths, complete_norm, fft, fft2, fftfreq, fftn, fftshift, hfft, hfft2, hfftn, ifft, ifft2, ifftn,
    ifftshift, ihfft, ihfft2, ihfftn, irfft, irfft2, irfftn, resized, rfft, rfft2, rfftfreq, rfftn,
)  # fmt: skip
from ..ops.fft import OPPOSITE
from ..typing import ArrayLike, Result

__all__ = [
    "dct", "dctn", "dst", "dstn", "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "idct",
    "idctn", "idst", "idstn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2",
    "irfftn", "next_fast_len", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

# y[k] = 2 * sum over n of x[n] * cos(pi * (n + a) * (k + b) / M) with M = N + c, or sin: a, b, c of each type.
_PHASES = {
    ("cos", 1): (0, 0, -1), ("cos", 2): (0.5, 0, 0), ("cos", 3): (0, 0.5, 0), ("cos", 4): (0.5, 0.5, 0),
    ("sin", 1): (1, 1, 1), ("sin", 2): (0.5, 1, 0), ("sin", 3): (1, 0.5, 0), ("sin", 4): (0.5, 0.5, 0),
}  # fmt: skip
_INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}  # the type of the inverse, up to scale
_SCALE = {"backward": 0, "ortho": -0.5, "forward": -1}  # the power of 2 * M


class _OverAxis(Protocol):
    """A transform along one axis."""

    def __call__(
        self,
        x: ArrayLike,
        type: int = 2,
        n: int | None = None,
        axis: int = -1,
        norm: str | None = None,
        *,
        orthogonalize: bool | None = None,
    ) -> Result: ...


class _OverAxes(Protocol):
    """A transform along several axes."""

    def __call__(
        self,
        x: ArrayLike,
        type: int = 2,
        s: Sequence[int | None] | None = None,
        axes: Sequence[int] | None = None,
        norm: str | None = None,
        *,
        orthogonalize: bool | None = None,
    ) -> Result: ...


def _over_axes(kind: str, inverse: bool, name: str) -> _OverAxes:
    def transform(x, type=2, s=None, axes=None, norm=None, *, orthogonalize=None):
        x = as_array(x)
        if x.dtype.kind == "c":
            parts = [transform(each, type, s, axes, norm, orthogonalize=orthogonalize) for each in (real(x), imag(x))]
            return parts[0] + parts[1] * 1j
        if type not in _INVERSE:
            raise ValueError(f"{name}: expected a type of 1, 2, 3 or 4, got {type}.")
        norm = complete_norm(norm)
        orthogonal = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
        lengths, axes = complete_lengths(x, s, axes)
        x = resized(x if x.dtype.kind == "f" else x * 1.0, lengths, axes)
        form, norm = (_INVERSE[type], OPPOSITE[norm]) if inverse else (type, norm)
        for axis in axes:
            x = _along(x, kind, form, axis, norm, orthogonal)
        return x

    transform.__name__ = transform.__qualname__ = f"{name}n"
    transform.__doc__ = f"`{name}` along several axes, all by default; `s` has a length `n` for each of them."
    return transform


def _over_axis(over_axes: _OverAxes, name: str, text: str) -> _OverAxis:
    def transform(x, type=2, n=None, axis=-1, norm=None, *, orthogonalize=None):
        return over_axes(x, type, None if n is None else (n,), (axis,), norm, orthogonalize=orthogonalize)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"{text} of a type from 1 to 4 along one axis, cropped or padded with zeros to length `n`."
    return transform


def _along(x, kind, form, axis, norm, orthogonal):
    """The transform along one axis, as a part of a Fourier transform of length 2 * M.

    Elements where n + a or k + b is 0 or M stand for one element instead of two; the factor that makes the matrix
    orthogonal is divided between x and y.
    """
    a, b, c = _PHASES[kind, form]
    count, period = x.shape[axis], x.shape[axis] + c
    if period < 1:
        raise ValueError(f"dct: expected at least two elements along axis {axis} for type 1, got {count}.")
    xp = library(x)
    steps = xp.arange(count)
    before = xp.where((steps + a) % period == 0, 0.5**0.5 if orthogonal else 0.5, 1)
    after = xp.where((steps + b) % period == 0, 0.5**0.5 if orthogonal else 1, 1) * 2 * (2 * period) ** _SCALE[norm]
    if b:
        before = before * xp.exp(-1j * math.pi * b / period * steps)
    after = after * xp.exp(-1j * math.pi * a / period * (steps + b)) * (1 if kind == "cos" else 1j)

    def times(x, factors):
        factors = factors.astype(onp.result_type(x.dtype, 1j if factors.dtype.kind == "c" else 1.0))
        return x * aligned(factors, axis, x.ndim)

    spectrum = (fft if b else rfft)(times(x, before), 2 * period, axis)
    return real(times(part(spectrum, axis, None, count), after))


dctn: _OverAxes = _over_axes("cos", False, "dct")
idctn: _OverAxes = _over_axes("cos", True, "idct")
dstn: _OverAxes = _over_axes("sin", False, "dst")
idstn: _OverAxes = _over_axes("sin", True, "idst")
dct: _OverAxis = _over_axis(dctn, "dct", "The discrete cosine transform")
idct: _OverAxis = _over_axis(idctn, "idct", "The inverse of the discrete cosine transform")
dst: _OverAxis = _over_axis(dstn, "dst", "The discrete sine transform")
idst: _OverAxis = _over_axis(idstn, "idst", "The inverse of the discrete sine transform")


@functools.lru_cache(256)
def next_fast_len(target: int, real: bool = False) -> int:
    """The least number not below `target` with no prime factors but 2, 3, 5, and 7, 11 unless `real`."""
    odd = [1]
    for prime in (3, 5) if real else (3, 5, 7, 11):
        odd = [n * prime**k for n in odd for k in range(2 + math.floor(math.log(max(target / n, 1), prime)))]
    return min(n << (-(-target // n) - 1).bit_length() for n in odd)


def __dir__() -> list[str]:
    return __all__
