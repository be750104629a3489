"""Images as arrays and files: axes C H W are channels, rows and columns."""

import os
import struct
import zlib
from typing import Any

import numpy as onp

import autograd.numpy as anp
from autograd import device_put
from autograd.foreign import require_numbers

from ..typing import ArrayLike, FileOrStr

__all__ = ["from_file", "image_grid", "nchw", "nhwc", "normalize_to_uint8", "normalize_to_unit_float", "to_png"]

_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels: grey, grey + alpha, RGB, RGBA


def from_file(file: FileOrStr) -> onp.ndarray[Any, Any]:
    """The image in a file as RGB: a NumPy array (3, H, W) from 1/256 - 1 to 1 - 1/256.

    Args:
        file: A path or a binary file, of any format that Pillow reads.

    Raises:
        ImportError: If Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("image.from_file: expected the package Pillow. Run `pip install pillow`.") from error
    if not isinstance(file, str | bytes | os.PathLike) and not hasattr(file, "read"):
        raise TypeError(f"image.from_file: expected a path or a binary file, got {file!r}.")
    with Image.open(file) as image:
        return normalize_to_unit_float(nchw(onp.asarray(image.convert("RGB"))))


def image_grid(image: Any) -> Any:
    """Images (NH, NW, C, H, W) side by side in one image (C, NH * H, NW * W)."""
    image = _array("image_grid", image)
    if image.ndim != 5:
        raise ValueError(f"image_grid: expected images of shape (NH, NW, C, H, W), got {image.shape}.")
    rows, columns, channels, height, width = image.shape
    return anp.transpose(image, (2, 0, 3, 1, 4)).reshape(channels, rows * height, columns * width)


def nchw(x: ArrayLike) -> Any:
    """Images `x` (..., H, W, C) as (..., C, H, W)."""
    return anp.moveaxis(x, -1, -3)


def nhwc(x: ArrayLike) -> Any:
    """Images `x` (..., C, H, W) as (..., H, W, C)."""
    return anp.moveaxis(x, -3, -1)


def normalize_to_uint8(x: Any) -> Any:
    """Numbers `x` from 1/256 - 1 to 1 - 1/256 as uint8 from 0 to 255; others become the nearest of these."""
    return (128 * (_array("normalize_to_uint8", x) + (1 - 1 / 256))).clip(0, 255).round().astype("uint8")


def normalize_to_unit_float(x: Any) -> Any:
    """Numbers `x` from 0 to 255 as numbers from 1/256 - 1 to 1 - 1/256: the inverse of `normalize_to_uint8`."""
    return _array("normalize_to_unit_float", x) * (1 / 128) + (1 / 256 - 1)


def _array(where, x):
    """Numbers as an array, raw ones as a raw one."""
    if hasattr(x, "shape"):
        return x
    array = onp.asarray(x)
    require_numbers(array, where, x)
    return array


def to_png(x: Any) -> bytes:
    """An image as the bytes of a PNG file.

    Args:
        x: Floating point (C, H, W) from -1 to 1, or uint8 (H, W, C), with 1 to 4 channels: grey or RGB, and alpha;
            (H, W) is grey. Another shape or dtype raises ValueError.

    Source: W3C, Portable Network Graphics (second edition), sections 5, 9 and 11; no row is filtered.
    """
    pixels = device_put(x, "cpu")
    pixels = onp.asarray(getattr(pixels, "raw", pixels))
    if pixels.dtype.kind == "f":
        pixels = normalize_to_uint8(pixels)
        pixels = nhwc(pixels) if pixels.ndim == 3 else pixels
    elif pixels.dtype != onp.uint8:
        raise ValueError("Unsupported array type, expecting float or uint8", pixels.dtype)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in _COLOR_TYPES or 0 in pixels.shape:
        raise ValueError(f"to_png: expected an image of 1 to 4 channels, got shape {x.shape}.")
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    rows = onp.pad(pixels.reshape(height, -1), ((0, 0), (1, 0))).tobytes()  # each begins with the number of its filter
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def __dir__() -> list[str]:
    return __all__
