"""Discrete Fourier transforms.

They run over a tuple of distinct axes, of complex numbers, or from real numbers to half a spectrum. A transform
is a symmetric matrix, hence its own transpose. Real numbers of length n have a spectrum with y[n - k] = conj(y[k])
along the last of the axes: `rfft` makes the first n // 2 + 1 elements of it and `irfft` takes them. There an element
stands for two, except those that are their own mirror images: the first and, if n is even, the last. Of these `irfft`
ignores the imaginary part.

`norm` selects what is scaled: "backward" the inverse transform by 1 / n, "forward" the forward one by 1 / n, "ortho"
both by 1 / sqrt(n).
"""

import numpy

from ..core import library
from ..families import linear
from ..primitive import Primitive
from .elementwise import conj

__all__ = ["OPPOSITE", "fft", "irfft", "rfft"]

OPPOSITE: dict[str, str] = {
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}  # the norm that scales the other direction


def _single(x):
    """Without half precision: there are no complex numbers of it, and NumPy would compute the scale in it."""
    return x.astype(numpy.float32) if x.dtype == numpy.float16 else x


def _fft(xp, x, *, axis, inverse, norm):
    if len(axis) == 1:  # without the overhead of several
        return (xp.fft.ifft if inverse else xp.fft.fft)(_single(x), None, axis[0], norm)
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(_single(x), axes=axis, norm=norm)


def _rfft(xp, x, *, axis, norm):
    if len(axis) == 1:
        return xp.fft.rfft(_single(x), None, axis[0], norm)
    return xp.fft.rfftn(_single(x), axes=axis, norm=norm)


def _irfft(xp, x, *, axis, length, norm):
    """The last axis of the result has length `length`; that of `x` has length // 2 + 1."""
    x = _single(x)
    if axis[1:]:
        x = xp.fft.ifftn(x, axes=axis[:-1], norm=norm)  # cuFFT takes several axes at once for symmetric spectra only
    elif xp is not numpy:
        x = x.copy()
    if xp is not numpy and x.dtype.kind == "c":
        x[(slice(None),) * axis[-1] + (_mirrored(length),)].imag = 0  # cuFFT ignores it for most lengths only
    return xp.fft.irfft(x, length, axis[-1], norm)


def _mirrored(length):
    """The slice of the elements of half a spectrum that are their own mirror images."""
    return slice(1) if length % 2 else slice(None, None, length // 2)


def _times(g, axis, length, factor):
    """Half a spectrum times `factor`, except for the elements that are their own mirror images."""
    factors = library(g).full(length // 2 + 1, factor, numpy.finfo(g.dtype).dtype)
    factors[_mirrored(length)] = 1
    return g * factors.reshape((-1,) + (1,) * (g.ndim - 1 - axis[-1]))


def _to_real(g, x_shape, axis, norm):
    length = x_shape[axis[-1]]
    return irfft(_times(conj(g), axis, length, 0.5), axis=axis, length=length, norm=OPPOSITE[norm])


def _to_half(g, axis, length, norm):
    return _times(conj(rfft(g, axis=axis, norm=OPPOSITE[norm])), axis, length, 2.0)


fft: Primitive = linear(_fft, lambda g, axis, inverse, norm: fft(g, axis=axis, inverse=inverse, norm=norm))
rfft: Primitive = linear(_rfft, _to_real)
irfft: Primitive = linear(_irfft, _to_half)
