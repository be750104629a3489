"""Images of another size: interpolation, and elements that move between space, channels and batch."""

from __future__ import annotations

import functools
import math
import numbers
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

import autograd
import cuobjax.numpy as jn
from autograd import Array
from autograd.backend import device_of, synchronize
from autograd.core import bare

from ..constants import Interpolate
from ..dtypes import default_dtype
from ..typing import ArrayLike
from ..util import to_interpolate, to_tuple
from ..util.convert import require_integers, require_iterable, require_lengths, require_reals
from .half_precision import single, with_precision_of

__all__ = [
    "along_axes", "batch_to_space2d", "channel_to_space2d", "interpolate", "space_to_batch2d", "space_to_channel2d",
    "table", "upsample_2d", "upscale_nn",
]  # fmt: skip


def _triangle(x):
    return onp.maximum(0, 1 - x)


def _cubic(x):  # Keys 1981, with a = -1/2
    return onp.where(x < 1, (1.5 * x - 2.5) * x * x + 1, onp.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0))


def _lanczos(x, radius):
    return onp.where(x < radius, onp.sinc(x) * onp.sinc(x / radius), 0)


_KERNELS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": functools.partial(_lanczos, radius=3),
    "lanczos5": functools.partial(_lanczos, radius=5),
}


@functools.lru_cache(256)
def _made(device, dtype, make, n, out):
    with autograd.device(device):
        made = jn.array(make(n, out), dtype)
    synchronize(made.raw)  # other streams may use it next
    return made


def table(x: Array, make: Callable[[Any, Any], Any], n: Any, out: Any, dtype: Any = "int32") -> Array:
    """`make(n, out)`, an array of NumPy, on the device of x: kept, so that it is copied there once."""
    return _made(device_of(bare(x)), onp.dtype(dtype), make, n, out)


def along_axes(x: Array, shape: Sequence[int], make: Callable[[int, int], Any]) -> Array:
    """x of another shape: products with the matrix `make(n, out)` (out, n) along each axis whose length n becomes out.

    Half precision is summed in float32.
    """
    y = single(x)
    y = y if y.dtype.kind in "fc" else y.astype(default_dtype())
    changed = [axis for axis, (n, out) in enumerate(zip(x.shape, shape, strict=True)) if n != out]
    for axis in sorted(changed, key=lambda axis: shape[axis] / x.shape[axis]):  # shrinking ones first
        y = _along(y, table(y, make, x.shape[axis], shape[axis], y.real.dtype), axis)
    return with_precision_of(y, x)


def _along(x, matrix, axis):
    if axis == x.ndim - 1:
        return x @ matrix.T
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    y = matrix @ x.reshape((math.prod(before), x.shape[axis], math.prod(after)))  # as many products, without copies
    return y.reshape((*before, matrix.shape[0], *after))


def _resized(x, shape, mode):
    """x of another shape, sampled at the centres of its new elements."""
    mode = to_interpolate(mode)
    if 0 in [n for n, out in zip(x.shape, shape, strict=True) if n != out]:
        raise ValueError(f"interpolate: expected an array with elements, got shape {x.shape}.")
    if mode != "nearest":
        return along_axes(x, shape, _MATRICES[mode])
    for axis, (n, out) in enumerate(zip(x.shape, shape, strict=True)):
        if n != out:
            x = jn.repeat(x, out // n, axis) if out % n == 0 else jn.take(x, table(x, _nearest, n, out), axis)
    return x


def _nearest(n, out):
    """The elements in which the centres of the new ones lie."""
    return (2 * onp.arange(out) + 1) * n // (2 * out)


def _weights(n, out, kernel):
    """The matrix (out, n) of weights, each row of sum 1; the kernel is as wide as an element of the coarser grid."""
    step = n / out
    centres = (onp.arange(out) + 0.5) * step - 0.5
    weights = kernel(abs(centres[:, None] - onp.arange(n)) / max(step, 1))
    return weights / weights.sum(1, keepdims=True)


_MATRICES: dict[str, Callable[[int, int], Any]] = {
    mode: functools.partial(_weights, kernel=kernel) for mode, kernel in _KERNELS.items()
}


def interpolate(
    input: ArrayLike,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Interpolate | str = Interpolate.BILINEAR,
) -> Array:
    """An array of another size, by interpolation along each axis that changes.

    The centres of elements lie at (i + 0.5) / n of the length of an axis. Kernels are widened where the array shrinks
    (antialiasing), and at the ends those elements count that are there. These are the values of `jax.image.resize`.

    Args:
        input: An array of any shape.
        size: The new lengths of the last axes; a number is that of the last axis.
        scale_factor: Instead of `size`, factors of the lengths of the last axes, which are rounded down. As in Objax, a
            number is the factor of all axes but the first: for images write (2, 2).
        mode: An `Interpolate` or its name: linear in one, two or three axes is one method, and so is cubic.

    Raises:
        ValueError: If neither or both of `size` and `scale_factor` are given, or they are more than there are axes.

    Example:
        >>> interpolate([[0.0, 4.0]], size=4)
        Array([[0., 1., 3., 4.]], dtype=float32)
    """
    x = jn.asarray(input)
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"interpolate: expected size or scale_factor, got size={size!r} and scale_factor={scale_factor!r}."
        )
    new = _lengths("size", size, 1) if scale_factor is None else _lengths("scale_factor", scale_factor, x.ndim - 1)
    if len(new) > x.ndim:
        raise ValueError(f"interpolate: expected at most {x.ndim} lengths for an array {x.shape}, got {new}.")
    kept, last = x.shape[: x.ndim - len(new)], x.shape[x.ndim - len(new) :]
    if scale_factor is not None:
        for factor in new:
            require_reals("interpolate", scale_factor=factor)
            if not math.isfinite(factor):
                raise ValueError(f"interpolate: expected a finite scale_factor, got {factor}.")
        new = tuple(math.floor(n * factor) for n, factor in zip(last, new, strict=True))
    require_lengths("interpolate", 1, size=new)
    new = tuple(map(operator.index, new))
    return _resized(x, (*kept, *new), mode)


def _lengths(name: str, given: Any, count: int) -> tuple[Any, ...]:
    """Several numbers as a tuple; one number `count` times."""
    if isinstance(given, numbers.Number):
        return (given,) * count
    require_iterable("interpolate", **{name: given})
    return tuple(given)


def upsample_2d(x: ArrayLike, scale: int | Sequence[int], method: Interpolate | str = Interpolate.BILINEAR) -> Array:
    """Images x (N, C, H, W) as (N, C, H * scale, W * scale), interpolated as by `interpolate`.

    Args:
        x: The images; an array of another rank raises ValueError.
        scale: A factor, or one for each of H and W.
        method: An `Interpolate` or its name.
    """
    image = _images("upsample_2d", x, "For another rank write interpolate(x, scale_factor=(2, 2)).")
    require_lengths("upsample_2d", 1, scale=scale)
    n, c, *spatial = image.shape
    return _resized(image, (n, c, *[length * s for length, s in zip(spatial, to_tuple(scale, 2), strict=True)]), method)


def upscale_nn(x: ArrayLike, scale: int = 2) -> Array:
    """Images x (N, C, H, W) with each element `scale` x `scale` times: (N, C, H * scale, W * scale)."""
    image = _images("upscale_nn", x)
    require_integers("upscale_nn", 1, scale=scale)
    n, c, h, w = image.shape
    return jn.broadcast_to(image[:, :, :, None, :, None], (n, c, h, scale, w, scale)).reshape(
        (n, c, h * scale, w * scale)
    )


def _images(where: str, x: ArrayLike, remedy: str = "") -> Array:
    image = jn.asarray(x)
    if image.ndim != 4:
        raise ValueError(f"{where}: expected x of shape (N, C, H, W), got {image.shape}. {remedy}".rstrip())
    return image


def _blocks(where, x, size):
    """Images (N, C, H * a, W * b) as (N, C, H, a, W, b)."""
    x, (a, b) = _images(where, x), _block(where, size)
    n, c, h, w = x.shape
    if h % a or w % b:
        raise ValueError(f"{where}: expected x of shape (N, C, H, W) with H and W divisible by {a, b}, got {x.shape}.")
    return x.reshape((n, c, h // a, a, w // b, b))


def _grouped(where, x, size, axis):
    """Images, of which `axis` holds a * b times as many as the result: that axis as three, (..., a, b)."""
    x, (a, b) = _images(where, x), _block(where, size)
    if x.shape[axis] % (a * b):
        name = "NC"[axis]
        raise ValueError(f"{where}: expected x of shape (N, C, H, W) with {name} divisible by {a * b}, got {x.shape}.")
    new = (x.shape[0] // (a * b), a, b) if axis == 0 else (x.shape[0], x.shape[1] // (a * b), a, b)
    return x.reshape((*new, *x.shape[axis + 1 :]))


def _block(where, size):
    require_lengths(where, 1, size=size)
    return to_tuple(size, 2)


def space_to_batch2d(x: ArrayLike, size: int | Sequence[int] = 2) -> Array:
    """Pixels of blocks as images of the batch: x (N, C, H * a, W * b) to (N * a * b, C, H, W) for size (a, b)."""
    y: Array = _blocks("space_to_batch2d", x, size).transpose((0, 3, 5, 1, 2, 4))
    n, a, b, *rest = y.shape
    return y.reshape((n * a * b, *rest))


def batch_to_space2d(x: ArrayLike, size: int | Sequence[int] = 2) -> Array:
    """Images of the batch as pixels of blocks, the inverse of `space_to_batch2d`: (N, C, H * a, W * b)."""
    return _joined(_grouped("batch_to_space2d", x, size, 0).transpose((0, 3, 4, 1, 5, 2)))


def space_to_channel2d(x: ArrayLike, size: int | Sequence[int] = 2) -> Array:
    """Pixels of blocks as channels: x (N, C, H * a, W * b) to (N, C * a * b, H, W) for size (a, b)."""
    y: Array = _blocks("space_to_channel2d", x, size).transpose((0, 1, 3, 5, 2, 4))
    n, c, a, b, *rest = y.shape
    return y.reshape((n, c * a * b, *rest))


def channel_to_space2d(x: ArrayLike, size: int | Sequence[int] = 2) -> Array:
    """Channels as pixels of blocks, the inverse of `space_to_channel2d` (pixel shuffle): (N, C, H * a, W * b)."""
    return _joined(_grouped("channel_to_space2d", x, size, 1).transpose((0, 1, 4, 2, 5, 3)))


def _joined(x):
    n, c, h, a, w, b = x.shape
    return x.reshape((n, c, h * a, w * b))
