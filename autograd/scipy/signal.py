"""Convolution of arrays of any number of axes, under SciPy's names.

Parameters are SciPy's and explained at https://docs.scipy.org/doc/scipy/reference/signal.html.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as onp

from ..axes import complete_axes
from ..numpy import fft
from ..numpy._calculus import convolve as convolve_vectors
from ..numpy._common import as_array, cast
from ..numpy._elementwise import conj, multiply, round
from ..numpy._product import tensordot
from ..numpy._shape import flip, reshape, transpose
from ..ops.convolution import Geometry, convolution
from ..typing import ArrayLike, Axes, Result
from ._rest import passed_on
from .fft import next_fast_len

__all__ = ["convolve", "correlate", "fftconvolve", "oaconvolve"]


def convolve(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    method: str = "auto",
    *,
    axes: Sequence[Sequence[int]] | None = None,
    dot_axes: Sequence[Sequence[int]] = ((), ()),
) -> Result:
    """The convolution of two arrays with the same number of axes.

    With `axes` or `dot_axes` it is a convolution over some axes, products summed over others, as in HIPS/autograd: the
    result has the remaining axes of `in1`, those of `in2`, and the convolved ones.

    Args:
        in1, in2: The arrays.
        mode: "full" for all places where they overlap, "same" for the middle of these, as many as `in1` has, "valid"
            for those where one of them lies within the other.
        method: "direct" sums products, "fft" multiplies spectra, "auto" chooses the one that should be faster.
        axes: The axes of `in1` and those of `in2` to convolve in pairs; by default all but the `dot_axes`.
        dot_axes: Likewise the axes to sum over.

    Raises:
        ValueError: If the arrays or axes do not fit, or there is no such mode or method.
    """
    in1, in2 = as_array(in1), as_array(in2)
    if axes is not None or any(map(len, dot_axes)):
        return _direct(in1, in2, mode, axes, dot_axes)
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: expected method 'auto', 'direct' or 'fft', got {method!r}.")
    dtype = onp.result_type(in1.dtype, in2.dtype)
    # Measured on a CPU: from here on spectra are faster.
    large = min(in1.size, in2.size) > (16 if in1.ndim == 1 else 4) * math.log2(in1.size + in2.size + 1)
    if method == "fft" or (method == "auto" and dtype.kind in "fc" and large):
        y = fftconvolve(in1, in2, mode)
        return cast(round(y), dtype) if dtype.kind in "iu" else y
    _require_equal_ndim(in1, in2, "convolve")
    if in1.ndim != 1:
        return _direct(in1, in2, mode)
    ((start, count),) = _places((in1.shape, in2.shape), mode)
    return convolve_vectors(in1, in2, mode) if mode != "same" else convolve_vectors(in1, in2)[start : start + count]


def correlate(in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto") -> Result:
    """The cross-correlation: the convolution with `in2` conjugated and reversed along all axes."""
    return convolve(in1, conj(flip(in2)), mode, method)


def fftconvolve(in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: Axes = None) -> Result:
    """The convolution over `axes` (all by default) as a product of spectra; along other axes the arrays broadcast."""
    in1, in2 = as_array(in1), as_array(in2)
    _require_equal_ndim(in1, in2, "fftconvolve")
    dtype = onp.result_type(in1.dtype, in2.dtype)
    axes = complete_axes(axes, in1.ndim)
    if not in1.ndim:
        return multiply(in1, in2)
    if not axes:
        raise ValueError("fftconvolve: expected one axis at least, got axes=(). None stands for all.")
    lengths = [tuple(x.shape[axis] for axis in axes) for x in (in1, in2)]
    there, back = (fft.fftn, fft.ifftn) if dtype.kind == "c" else (fft.rfftn, fft.irfftn)
    padded = [next_fast_len(n + m - 1, dtype.kind != "c") for n, m in zip(*lengths, strict=True)]
    y = back(there(in1, padded, axes) * there(in2, padded, axes), padded, axes)
    index = [slice(None)] * y.ndim
    for axis, (start, count) in zip(axes, _places(lengths, mode), strict=True):
        index[axis] = slice(start, start + count)
    return cast(y[tuple(index)], dtype) if dtype.kind in "fc" else y[tuple(index)]


oaconvolve = fftconvolve  # computed at once, not in blocks


def _require_equal_ndim(in1, in2, where):
    if in1.ndim != in2.ndim:
        raise ValueError(
            f"{where}: expected arrays with the same number of axes, got shapes {in1.shape} and {in2.shape}."
        )


def _places(lengths, mode):
    """The start of the result in the full convolution along each axis, and its length; from those of both arrays."""
    pairs = [*zip(*lengths, strict=True)]
    if mode == "full":
        return [(0, n + m - 1) for n, m in pairs]
    if mode == "same":
        return [((m - 1) // 2, n) for n, m in pairs]
    if mode != "valid":
        raise ValueError(f"convolve: expected mode 'full', 'same' or 'valid', got {mode!r}.")
    if any(n < m for n, m in pairs) and any(n > m for n, m in pairs):
        raise ValueError(f"convolve: expected one array within the other, got lengths {lengths[0]} and {lengths[1]}.")
    return [(min(n, m) - 1, abs(n - m) + 1) for n, m in pairs]


def _direct(in1, in2, mode, axes=None, dot_axes=((), ())):
    """By sums of products: `in1` is a batch of images with channels, `in2` one of kernels."""
    arrays = in1, in2
    dots = [complete_axes(tuple(d), x.ndim) for d, x in zip(dot_axes, arrays, strict=True)]
    if axes is None:
        axes = [[i for i in range(x.ndim) if i not in d] for d, x in zip(dots, arrays, strict=True)]
    axes = [complete_axes(tuple(a), x.ndim) for a, x in zip(axes, arrays, strict=True)]
    if len(axes[0]) != len(axes[1]) or len(dots[0]) != len(dots[1]):
        raise ValueError(f"convolve: expected pairs of axes, got {axes} and dot_axes {dots}.")
    if not axes[0]:
        return tensordot(in1, in2, dots)
    (images, before), (kernels, after) = map(_split, arrays, axes, dots)
    places = _places((images.shape[2:], kernels.shape[2:]), mode)
    if images.size < kernels.size and images.shape[:2] == kernels.shape[:2] == (1, 1):
        images, kernels = kernels, images
    along = zip(images.shape[2:], kernels.shape[2:], places, strict=True)
    padding = tuple((m - 1 - start, start + count - n) for n, m, (start, count) in along)
    ones = (1,) * len(padding)
    y = convolution(images, flip(kernels, tuple(range(2, kernels.ndim))), geometry=Geometry(ones, padding, ones))
    return reshape(y, (*before, *after, *y.shape[2:]))


def _split(x, axes, dots):
    """`x` as an array (rest, dots, *axes), and the lengths of the rest."""
    rest = [i for i in range(x.ndim) if i not in (*axes, *dots)]
    lengths = [[x.shape[i] for i in part] for part in (rest, dots, axes)]
    shape = math.prod(lengths[0]), math.prod(lengths[1]), *lengths[2]
    return reshape(transpose(x, (*rest, *dots, *axes)), shape), lengths[0]


__getattr__ = passed_on(__name__)


def __dir__() -> list[str]:
    return __all__
