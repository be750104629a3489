"""The format .safetensors: a header in JSON, then the bytes of the arrays.

Source: the format's description in the repository huggingface/safetensors. The format has no checksum; files that are
written here have one among the metadata.
"""

import json
import math
import os
import re
import zlib
from collections.abc import Iterable
from typing import IO, Any

import numpy as onp

from .arrays import CHUNK, Archive, Arrays, Raw, Stored, as_bits, bits_of, filled

__all__ = ["Safetensors", "write_safetensors"]

_DTYPES = {
    "BOOL": "bool", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "C64": "complex64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32",
    "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "F64": "float64",
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_LONGEST = 100_000_000  # bytes of a header, the limit of the format
_KEY, _NO_CHECKSUM = "cuobjax", "crc32 00000000"


def write_safetensors(file: IO[bytes], arrays: Arrays) -> None:
    """Writes arrays, the widest dtypes first, so that all are aligned; `file` can seek.

    Raises:
        TypeError: If the format does not have a dtype.
    """
    others = sorted({stored.dtype for stored in arrays.stored.values()} - _NAMES.keys())
    if others:
        raise TypeError(f"cuobjax.io: expected dtypes of .safetensors, got {', '.join(others)}. Save as .npz.")
    header: dict[str, Any] = {"__metadata__": {_KEY: _NO_CHECKSUM}}
    end = 0
    names = sorted(arrays, key=lambda name: -bits_of(arrays.stored[name].dtype).itemsize)
    for name in names:
        shape, dtype = arrays.stored[name]
        start, end = end, end + math.prod(shape) * bits_of(dtype).itemsize
        header[name] = {"dtype": _NAMES[dtype], "shape": [*shape], "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    begin = file.tell()
    file.write(len(text).to_bytes(8, "little") + text)
    crc = zlib.crc32(text)
    for name in names:
        bits = bits_of(arrays.stored[name].dtype)
        data = onp.ascontiguousarray(as_bits(arrays[name])).astype(bits, copy=False).reshape(-1).view(onp.uint8).data
        file.write(data)
        crc = zlib.crc32(data, crc)
    file.seek(begin + 8 + text.index(_NO_CHECKSUM.encode()))
    file.write(f"crc32 {crc:08x}".encode())
    file.seek(0, os.SEEK_END)


class Safetensors(Archive):
    """A .safetensors file of any program; damage to the arrays is noticed if `write_safetensors` wrote it."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        room = self.size - file.tell()
        length = int.from_bytes(file.read(8), "little")
        if length > min(_LONGEST, room - 8):
            raise ValueError(f"a header of {length} bytes, of {room}")
        self._header = file.read(length)
        self._begin = file.tell()
        entries = json.loads(self._header, object_pairs_hook=_without_repetition)
        metadata = entries.pop("__metadata__", {})
        # Either of the two shows that there is one, as the other may be damaged.
        self._checksums = [x for key, x in metadata.items() if key == _KEY or x.startswith("crc32 ")]
        self.stored = {name: Stored(tuple(x["shape"]), _DTYPES[x["dtype"]]) for name, x in entries.items()}
        self._offsets = {name: x["data_offsets"] for name, x in entries.items()}
        self._require_consistent(room - 8 - length)

    def _require_consistent(self, room):
        """The arrays follow each other up to the end of the file."""
        position = 0
        for name, (start, end) in sorted(self._offsets.items(), key=lambda entry: entry[1]):
            shape, dtype = self.stored[name]
            numbers = (start, end, *shape)
            if any(type(n) is not int or not 0 <= n < 2**63 for n in numbers):
                raise ValueError(f"{numbers} as offsets and shape of {name}")
            if start != position or end - start != math.prod(shape) * bits_of(dtype).itemsize:
                raise ValueError(f"bytes {start} to {end} after {position} for {name}, {dtype} {shape}")
            position = end
        if position != room:
            raise ValueError(f"{room} bytes of arrays, of which the header has {position}")

    def _check(self, names: Iterable[str]) -> None:
        if not self._checksums:  # or they have been compared
            return
        crc = zlib.crc32(re.sub(rb"crc32 [0-9a-f]{8}", _NO_CHECKSUM.encode(), self._header, count=1))
        self.file.seek(self._begin)
        while some := self.file.read(CHUNK):
            crc = zlib.crc32(some, crc)
        if self._checksums != [f"crc32 {crc:08x}"]:
            raise ValueError("wrong checksum")
        self._checksums = []

    def _read(self, name: str) -> Raw:
        shape, dtype = self.stored[name]
        self.file.seek(self._begin + self._offsets[name][0])
        return filled(self.file.read, shape, bits_of(dtype), dtype)


def _without_repetition(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("one name of several arrays")
    return made
