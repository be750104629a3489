"""Augmentations of images (..., C, H, W): a batch, of which each image is changed in its own way, or a single one.

They are functions of arrays, which run under `Jit` and `Vectorize`, on any device, and have gradients. Each draws from
`generator`: a `Loader` gives the one of a batch to its `transform`. Integer images, such as bytes from 0 to 255, keep
their dtype where they are only moved; what computes with them wants floating-point numbers.
"""

import math

import cuobjax.numpy as jn
from autograd import Array

from ..random.continuous import beta, uniform
from ..random.discrete import bernoulli, permutation, randint
from ..random.generator import DEFAULT_GENERATOR, KeySource
from ..typing import ArrayLike
from ..util.convert import lengths_of_axes, require_integers, require_reals

__all__ = ["brightness", "contrast", "cutout", "flip", "mixup", "random_crop", "saturation"]


def _images(where: str, x: ArrayLike) -> Array:
    """Images as an Array (N, C, H, W)."""
    x = jn.asarray(x)
    if x.ndim < 3:
        raise ValueError(f"{where}: expected images of shape (..., C, H, W), got {x.shape}.")
    return x.reshape((math.prod(x.shape[:-3]), *x.shape[-3:]))


def _floating(where: str, x: ArrayLike) -> Array:
    images = _images(where, x)
    if images.dtype.kind in "biu":
        raise TypeError(
            f"{where}: expected floating-point images, got dtype {images.dtype}. Write x / 255, so that bytes become "
            "numbers from 0 to 1."
        )
    return images


def flip(x: ArrayLike, p: float = 0.5, axis: int = -1, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Images mirrored left to right, each with probability `p`; with axis=-2 upside down."""
    images = _images("flip", x)
    require_reals("flip", p=p)
    if axis not in (-1, -2):
        raise ValueError(f"flip: expected axis -1, left to right, or -2, upside down, got {axis}.")
    chosen = bernoulli((len(images), 1, 1, 1), p, generator=generator)
    return jn.where(chosen, jn.flip(images, axis), images).reshape(jn.shape(x))


def random_crop(
    x: ArrayLike,
    padding: int = 4,
    size: int | tuple[int, int] | None = None,
    mode: str = "constant",
    generator: KeySource = DEFAULT_GENERATOR,
) -> Array:
    """A part of each image, at a random place of the image with a border: (..., C, *size).

    Args:
        x: The images.
        padding: The width of the border, on each side.
        size: Height and width of the part; those of the images if it is None.
        mode: What the border consists of, as for `jn.pad`: zeros, or "reflect", "edge", ...
        generator: See the module.

    Raises:
        ValueError: If the part is larger than an image with its border.
    """
    require_integers("random_crop", 0, padding=padding)
    images = _images("random_crop", x)
    ((height, width),) = lengths_of_axes("random_crop", 2, size=images.shape[2:] if size is None else size)
    if padding:
        images = jn.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode)
    n, channels, *whole = images.shape
    if height > whole[0] or width > whole[1]:
        raise ValueError(f"random_crop: expected a size of at most {tuple(whole)}, got {(height, width)}.")
    rows = randint((n, 1), 0, whole[0] - height + 1, generator=generator) + jn.arange(height)
    columns = randint((n, 1), 0, whole[1] - width + 1, generator=generator) + jn.arange(width)
    places = jn.arange(n)[:, None, None, None], jn.arange(channels)[:, None, None]
    found = images[*places, rows[:, None, :, None], columns[:, None, None, :]]
    return found.reshape((*jn.shape(x)[:-2], height, width))


def cutout(
    x: ArrayLike, size: int, value: float = 0, p: float = 1.0, generator: KeySource = DEFAULT_GENERATOR
) -> Array:
    """Images with a square of one value, around a random point, so that it may end at an edge.

    Source: DeVries & Taylor 2017.

    Args:
        x: The images.
        size: The side of the square.
        value: Its value.
        p: The probability that an image gets one.
        generator: See the module.

    Raises:
        ValueError: If the size is negative, `p` is no probability, or the value is none of the dtype of the images.
    """
    images = _images("cutout", x)
    require_integers("cutout", 0, size=size)
    require_reals("cutout", value=value, p=p)
    if not 0 <= p <= 1:
        raise ValueError(f"cutout: expected p from 0 to 1, got {p}.")
    if images.dtype.kind in "iu":
        limits = jn.iinfo(images.dtype)
        if not (limits.min <= value <= limits.max and value == int(value)):
            expected = f"an integer from {limits.min} to {limits.max} for images of {images.dtype}"
            raise ValueError(f"cutout: expected {expected}, got value={value}.")
    n, _, height, width = images.shape
    top = randint((n, 1, 1, 1), 0, height, generator=generator) - size // 2
    left = randint((n, 1, 1, 1), 0, width, generator=generator) - size // 2
    rows, columns = jn.arange(height)[:, None] - top, jn.arange(width) - left
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    if p < 1:
        inside = inside & bernoulli((n, 1, 1, 1), p, generator=generator)
    return jn.where(inside, jn.array(value, images.dtype), images).reshape(jn.shape(x))


def mixup(
    x: ArrayLike, y: ArrayLike, alpha: float = 0.2, generator: KeySource = DEFAULT_GENERATOR
) -> tuple[Array, Array]:
    """A batch mixed with itself in another order: a * x + (1 - a) * x[order], and the same of the labels.

    Each example has an `a` of its own, of the distribution Beta(alpha, alpha). Source: Zhang et al. 2018, who draw one
    for the batch.

    Args:
        x: Examples (N, ...).
        y: Probabilities of their classes (N, classes), such as `functional.one_hot(labels, classes)`.
        alpha: Both parameters of the distribution: near 0 examples stay nearly as they are.
        generator: See the module.

    Raises:
        TypeError: If `x` or `y` are integers.
        ValueError: If they have different numbers of examples, or `alpha` is not positive.
    """
    require_reals("mixup", alpha=alpha)
    if not alpha > 0:
        raise ValueError(f"mixup: expected alpha greater than 0, got {alpha}. Without mixing, leave it out.")
    x, y = jn.asarray(x), jn.asarray(y)
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind in "biu":
            remedy = "Write functional.one_hot(y, classes)" if name == "y" else "Bytes become numbers with x / 255"
            raise TypeError(f"mixup: expected floating-point {name}, got dtype {array.dtype}. {remedy}.")
    if not x.ndim or x.shape[:1] != y.shape[:1]:
        raise ValueError(f"mixup: expected x and y with one number of examples, got {x.shape} and {y.shape}.")
    a = beta((len(x),), alpha, alpha, dtype=x.dtype, generator=generator)
    order = permutation(len(x), generator=generator)

    def mixed(array):
        weight = a.astype(array.dtype).reshape((-1,) + (1,) * (array.ndim - 1))
        return weight * array + (1 - weight) * array[order]

    return mixed(x), mixed(y)


def _factors(where, images, amount, generator):
    require_reals(where, amount=amount)
    if not 0 <= amount <= 1:
        raise ValueError(f"{where}: expected amount from 0 to 1, got {amount}.")
    return uniform((len(images), 1, 1, 1), minval=1 - amount, maxval=1 + amount, generator=generator).astype(
        images.dtype
    )


def brightness(x: ArrayLike, amount: float = 0.2, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Images times a factor from 1 - amount to 1 + amount, each its own. Nothing is cut off: jn.clip(x, 0, 1) does."""
    images = _floating("brightness", x)
    return (images * _factors("brightness", images, amount, generator)).reshape(jn.shape(x))


def contrast(x: ArrayLike, amount: float = 0.2, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Images whose distance from their mean brightness is multiplied: see `brightness`."""
    images = _floating("contrast", x)
    mean = images.mean((1, 2, 3), keepdims=True)
    return (mean + (images - mean) * _factors("contrast", images, amount, generator)).reshape(jn.shape(x))


def saturation(x: ArrayLike, amount: float = 0.2, generator: KeySource = DEFAULT_GENERATOR) -> Array:
    """Images whose distance from the grey of each pixel, the mean of its channels, is multiplied: see `brightness`."""
    images = _floating("saturation", x)
    grey = images.mean(1, keepdims=True)
    return (grey + (images - grey) * _factors("saturation", images, amount, generator)).reshape(jn.shape(x))
