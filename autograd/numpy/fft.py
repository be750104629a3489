"""Discrete Fourier transforms, with NumPy's names, parameters and scaling.

Parameters are explained at https://numpy.org/doc/stable/reference/routines.fft.html; `out` does not exist. The
transforms over several axes (`...n`) are the operations; those over one axis (`n`, `axis`) and over two (`...2`) are
the same with other defaults. `hfftn`, `hfft2` and their inverses are SciPy's.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

from ..axes import complete_axes, complete_axis
from ..core import Array
from ..ops import fft as ops
from ..ops import shape as shape_ops
from ..typing import ArrayLike, Axes, Result
from ._common import as_array
from ._elementwise import conj
from ._ranges import arange
from ._shape import roll

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip


def fftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The discrete Fourier transform over several axes.

    Args:
        a: The array to transform.
        s: The lengths to which `a` is cropped or padded with zeros first, one for each of `axes`; -1 leaves an axis as
            it is.
        axes: The axes to transform; by default the last len(s), or all. An axis named twice is transformed twice.
        norm: The direction that is scaled: "backward" (None) the inverse by 1 / n, "forward" this one by 1 / n, "ortho"
            both by 1 / sqrt(n), with n the product of the lengths.

    Raises:
        ValueError: If lengths and axes do not fit, or there is no such `norm`.
    """
    return _complex(a, s, axes, norm, inverse=False)


def ifftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The inverse discrete Fourier transform over several axes; parameters as in `fftn`."""
    return _complex(a, s, axes, norm, inverse=True)


def rfftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The discrete Fourier transform of real numbers; parameters as in `fftn`.

    Along the last of the axes it has only the n // 2 + 1 elements that are not mirror images of others.

    Raises:
        TypeError: If `a` is complex.
    """
    a = as_array(a)
    if a.dtype.kind == "c":
        raise TypeError(f"rfft: expected real numbers, got {a.dtype}. Use fft.")
    lengths, axes = complete_lengths(a, s, axes)
    if axes[-1] in axes[:-1]:
        return fftn(rfftn(a, lengths[-1:], axes[-1:], norm), lengths[:-1], axes[:-1], norm)
    return ops.rfft(resized(a, lengths, axes), axis=axes, norm=complete_norm(norm))


def irfftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The inverse of `rfftn`: real numbers, 2 * (m - 1) along the last of the axes unless `s` gives their number.

    The imaginary part of an element that is its own mirror image, such as the first one, is ignored.
    """
    spectrum = as_array(a)
    lengths, axes = complete_lengths(spectrum, s, axes, halved=True)
    if len(set(axes)) < len(axes):
        spectrum, lengths, axes = ifftn(spectrum, lengths[-2::-1], axes[-2::-1], norm), lengths[-1:], axes[-1:]
    spectrum = resized(spectrum, (*lengths[:-1], lengths[-1] // 2 + 1), axes)
    return ops.irfft(spectrum, axis=axes, length=lengths[-1], norm=complete_norm(norm))


def hfftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The real spectrum of a signal with y[-k] = conj(y[k]), half of which is `a`; parameters as in `irfftn`."""
    return irfftn(conj(as_array(a)), s, axes, ops.OPPOSITE[complete_norm(norm)])


def ihfftn(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Result:
    """The inverse of `hfftn`: half of the signal whose spectrum is the real `a`; parameters as in `rfftn`."""
    return conj(rfftn(a, s, axes, ops.OPPOSITE[complete_norm(norm)]))


def _complex(a, s, axes, norm, inverse):
    a = as_array(a)
    lengths, axes = complete_lengths(a, s, axes)
    if len(set(axes)) == len(axes):
        return ops.fft(resized(a, lengths, axes), axis=axes, inverse=inverse, norm=complete_norm(norm))
    for step in zip(lengths[::-1], axes[::-1], strict=True):
        a = _complex(a, step[:1], step[1:], norm, inverse)
    return a


def complete_lengths(
    a: Array, s: Sequence[int | None] | None, axes: Sequence[int] | None, halved: bool = False
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The length of the result along each axis, and the axes.

    With `halved`, `a` is half of a spectrum along the last axis.
    """
    if axes is None:
        axes = range(a.ndim if s is None else len(s))
        if len(axes) > a.ndim:
            raise ValueError(f"fft: expected at most {a.ndim} lengths for shape {a.shape}, got {len(axes)}.")
        axes = range(a.ndim - len(axes), a.ndim)
    axes = tuple(complete_axis(axis, a.ndim) for axis in axes)
    lengths = [a.shape[axis] for axis in axes]
    if halved:
        lengths[-1] = 2 * (lengths[-1] - 1)
    if s is not None:
        if len(s) != len(axes):
            raise ValueError(f"fft: expected one length for each of the axes {axes}, got {tuple(s)}.")
        lengths = [
            n if given is None else a.shape[axis] if given == -1 else operator.index(given)
            for given, n, axis in zip(s, lengths, axes, strict=True)
        ]
    if any(n < 1 for n in lengths):
        raise ValueError(f"fft: expected lengths of at least 1 along axes {axes}, got {tuple(lengths)}.")
    return tuple(lengths), axes


def resized(a: Array, lengths: Sequence[int], axes: Sequence[int]) -> Result:
    """`a` cropped or padded with zeros at the end of each of the axes."""
    shape = list(a.shape)
    for n, axis in zip(lengths, axes, strict=True):
        shape[axis] = n
    if any(n < old for n, old in zip(shape, a.shape, strict=True)):
        a = a[tuple(map(slice, shape))]
    missing = tuple((0, n - old) for n, old in zip(shape, a.shape, strict=True))
    return shape_ops.pad(a, width=missing) if any(map(any, missing)) else a


def complete_norm(norm: str | None) -> str:
    """`norm`, "backward" for None; ValueError if there is no such norm."""
    if norm not in (None, *ops.OPPOSITE):
        raise ValueError(f"fft: expected norm 'backward', 'ortho' or 'forward', got {norm!r}.")
    return norm or "backward"


def _one(n):
    """The lengths for a transform along one axis, of which -1 is none."""
    if n is not None and operator.index(n) < 0:
        raise ValueError(f"fft: expected a length of at least 1, got {n}.")
    return n if n is None else (n,)


def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The discrete Fourier transform along one axis, cropped or padded with zeros to length `n`."""
    return fftn(a, _one(n), (axis,), norm)


def fft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`fftn` over two axes."""
    return fftn(a, s, axes, norm)


def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The inverse of `fft`."""
    return ifftn(a, _one(n), (axis,), norm)


def ifft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`ifftn` over two axes."""
    return ifftn(a, s, axes, norm)


def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The first n // 2 + 1 elements of the discrete Fourier transform of real numbers along one axis."""
    return rfftn(a, _one(n), (axis,), norm)


def rfft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`rfftn` over two axes."""
    return rfftn(a, s, axes, norm)


def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The inverse of `rfft`: `n` real numbers, by default 2 * (m - 1) of m elements along the axis."""
    return irfftn(a, _one(n), (axis,), norm)


def irfft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`irfftn` over two axes."""
    return irfftn(a, s, axes, norm)


def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The real spectrum, of `n` elements, of a signal with y[-k] = conj(y[k]), half of which is `a`."""
    return hfftn(a, _one(n), (axis,), norm)


def hfft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`hfftn` over two axes."""
    return hfftn(a, s, axes, norm)


def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Result:
    """The inverse of `hfft`: half of the signal whose spectrum is the real `a`."""
    return ihfftn(a, _one(n), (axis,), norm)


def ihfft2(
    a: ArrayLike, s: Sequence[int | None] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Result:
    """`ihfftn` over two axes."""
    return ihfftn(a, s, axes, norm)


def fftfreq(n: int, d: float = 1.0) -> Result:
    """The frequencies of the elements of `fft`, in cycles per unit of the sample spacing `d`."""
    n = _count("fftfreq", n)
    return ((arange(n) + n // 2) % n - n // 2) / (n * d)


def rfftfreq(n: int, d: float = 1.0) -> Result:
    """The frequencies of the elements of `rfft`, in cycles per unit of the sample spacing `d`."""
    n = _count("rfftfreq", n)
    return arange(n // 2 + 1) / (n * d)


def _count(where, n):
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"{where}: expected at least one element, got {n}.")
    return n


def fftshift(x: ArrayLike, axes: Axes = None) -> Result:
    """Moves the element of frequency zero from the front to the middle of the axes, of all by default."""
    return _shifted(x, axes, lambda n: n // 2)


def ifftshift(x: ArrayLike, axes: Axes = None) -> Result:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, lambda n: -(n // 2))


def _shifted(x, axes, shift):
    x = as_array(x)
    axes = complete_axes(axes, x.ndim)
    return roll(x, tuple(shift(x.shape[axis]) for axis in axes), axes)


def __dir__() -> list[str]:
    return __all__
