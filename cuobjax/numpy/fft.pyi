"""Discrete Fourier transforms: the functions of `autograd.numpy.fft` with Array results."""

# Written by `make stubs` from the functions of autograd.numpy.fft: change these.
# fmt: off
# ruff: noqa: E501, I001
from autograd import Array
from autograd.typing import ArrayLike, Axes
from collections.abc import Sequence

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]

def fft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The discrete Fourier transform along one axis, cropped or padded with zeros to length `n`."""
def fft2(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int]=(-2, -1), norm: str | None=None) -> Array:
    """`fftn` over two axes."""
def fftfreq(n: int, d: float=1.0) -> Array:
    """The frequencies of the elements of `fft`, in cycles per unit of the sample spacing `d`."""
def fftn(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int] | None=None, norm: str | None=None) -> Array:
    """The discrete Fourier transform over several axes."""
def fftshift(x: ArrayLike, axes: Axes=None) -> Array:
    """Moves the element of frequency zero from the front to the middle of the axes, of all by default."""
def hfft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The real spectrum, of `n` elements, of a signal with y[-k] = conj(y[k]), half of which is `a`."""
def ifft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The inverse of `fft`."""
def ifft2(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int]=(-2, -1), norm: str | None=None) -> Array:
    """`ifftn` over two axes."""
def ifftn(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int] | None=None, norm: str | None=None) -> Array:
    """The inverse discrete Fourier transform over several axes; parameters as in `fftn`."""
def ifftshift(x: ArrayLike, axes: Axes=None) -> Array:
    """The inverse of `fftshift`."""
def ihfft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The inverse of `hfft`: half of the signal whose spectrum is the real `a`."""
def irfft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The inverse of `rfft`: `n` real numbers, by default 2 * (m - 1) of m elements along the axis."""
def irfft2(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int]=(-2, -1), norm: str | None=None) -> Array:
    """`irfftn` over two axes."""
def irfftn(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int] | None=None, norm: str | None=None) -> Array:
    """The inverse of `rfftn`: real numbers, 2 * (m - 1) along the last of the axes unless `s` gives their number."""
def rfft(a: ArrayLike, n: int | None=None, axis: int=-1, norm: str | None=None) -> Array:
    """The first n // 2 + 1 elements of the discrete Fourier transform of real numbers along one axis."""
def rfft2(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int]=(-2, -1), norm: str | None=None) -> Array:
    """`rfftn` over two axes."""
def rfftfreq(n: int, d: float=1.0) -> Array:
    """The frequencies of the elements of `rfft`, in cycles per unit of the sample spacing `d`."""
def rfftn(a: ArrayLike, s: Sequence[int | None] | None=None, axes: Sequence[int] | None=None, norm: str | None=None) -> Array:
    """The discrete Fourier transform of real numbers; parameters as in `fftn`."""
