"""Packing bits into bytes, and unpacking them."""

from __future__ import annotations

from ..core import library
from ..typing import ArrayLike, Result
from ._common import along_axis, as_array
from ._padding import pad
from ._shape import moveaxis, reshape


def packbits(a: ArrayLike, axis: int | None = None, bitorder: str = "big") -> Result:
    """Packs the elements along an axis, nonzero as 1, into bytes of eight bits; the last byte is filled up with zeros.

    Without an axis the array is flattened. `bitorder` is "big" (the first element is the highest bit) or "little".

    Raises:
        TypeError: If `a` holds neither integers nor booleans.
    """
    a, axis = along_axis(a, axis)
    if a.dtype.kind not in "iub":
        raise TypeError(f"packbits: expected integers or booleans, got dtype {a.dtype}.")
    bits = as_array(moveaxis(a, axis, -1) != 0, "uint8")
    bits = pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 8)])
    bytes_ = reshape(bits, (*bits.shape[:-1], bits.shape[-1] // 8, 8)) << _shifts(a, bitorder)
    return moveaxis(bytes_.sum(-1, dtype="uint8"), -1, axis)


def unpackbits(a: ArrayLike, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Result:
    """Unpacks bytes along an axis into bits, 0 or 1 as uint8; without an axis the array is flattened.

    Args:
        count: The number of bits: a negative one drops as many at the end, one above those in `a` appends zeros.

    Raises:
        TypeError: If `a` is not uint8.
    """
    a, axis = along_axis(a, axis)
    if a.dtype != "uint8":
        raise TypeError(f"unpackbits: expected dtype uint8, got {a.dtype}.")
    bits = (moveaxis(a, axis, -1)[..., None] >> _shifts(a, bitorder)) & 1
    bits = reshape(bits, (*bits.shape[:-2], bits.shape[-2] * 8))
    if count is not None:
        missing = max(count - bits.shape[-1], 0)
        bits = pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])[..., :count]
    return moveaxis(bits, -1, axis)


def _shifts(a, bitorder):
    if bitorder not in ("big", "little"):
        raise ValueError(f"packbits: expected bitorder 'big' or 'little', got {bitorder!r}.")
    shifts = library(a).arange(8, dtype="uint8")
    return shifts if bitorder == "little" else shifts[::-1]
