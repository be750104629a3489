"""NumPy's .npz: a zip file of arrays, as Objax and `numpy.savez` write it."""

import math
import re
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any

import numpy as onp

from .arrays import (
    Archive,
    Arrays,
    Raw,
    Stored,
    as_bits,
    as_named,
    dtype_named,
    filled,
    is_foreign,
    members_of,
    read_to_the_end,
)

__all__ = ["Npz", "write_npz"]

_LONGEST = 10_000  # bytes of a header, as in NumPy; it has one array's shape and dtype
_MOST_TEXT = 100_000_000  # bytes of all names; compressed ones may say that they are much longer than the file
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=]?[?biufcVUS]\d*)',\s*'fortran_order':\s*(True|False),"
    r"\s*'shape':\s*\(((?:\d{1,19},\s*)*(?:\d{1,19})?)\),?\s*\}\s*"
)


def write_npz(file: Any, arrays: Arrays) -> None:
    """Writes arrays as Objax does: `names`, and each array under the number of its name.

    Arrays of dtypes that NumPy does not bring along, such as bfloat16, are written as integers of the same bits; a
    member `dtypes`, which other files lack, then has the names of all dtypes.
    """
    dtypes = [stored.dtype for stored in arrays.stored.values()]
    with zipfile.ZipFile(file, "w") as archive:
        _write_member(archive, "names", onp.array([*arrays], str))
        for i, array in enumerate(arrays.values()):
            _write_member(archive, str(i), as_bits(array))
        if any(is_foreign(dtype_named(name)) for name in dtypes):
            _write_member(archive, "dtypes", onp.array(dtypes))


def _write_member(archive, name, array):
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        onp.lib.format.write_array(member, onp.asanyarray(array), allow_pickle=False)


class Npz(Archive):
    """An .npz file: with `names` as Objax has it, otherwise, unless `own`, its members are the arrays."""

    def __init__(self, file: IO[bytes], own: bool) -> None:
        super().__init__(file)
        self._zip = zipfile.ZipFile(file)
        self._members = members_of(self._zip, self.size, compressed=True)
        listed = [*self._members] == ["names.npy"] or self._members.keys() >= {"names.npy", "0.npy"}
        if own and not listed:
            raise ValueError("no member names")
        if listed:
            names = self._texts("names")
            keys = [f"{i}.npy" for i in range(len(names))]
        else:
            keys = [*self._members]
            names = [key.removesuffix(".npy") for key in keys]
        self._headers = {name: _Header(self._zip, self._members[key]) for name, key in zip(names, keys, strict=True)}
        if len(self._headers) < len(names):
            raise ValueError("one name of several arrays")
        headers = self._headers.values()
        dtypes = self._texts("dtypes") if listed and "dtypes.npy" in self._members else [h.dtype.name for h in headers]
        self.stored = {}
        for (name, header), dtype in zip(self._headers.items(), dtypes, strict=True):
            as_named(onp.empty(0, header.dtype), dtype)  # raises if it cannot be read as that
            self.stored[name] = Stored(header.shape, dtype)

    def _texts(self, name):
        """An array of texts, of at most one for each member."""
        header = _Header(self._zip, self._members[f"{name}.npy"])
        size = math.prod(header.shape) * header.dtype.itemsize
        wrong = header.dtype.kind != "U" or len(header.shape) != 1 or header.shape[0] > len(self._members)
        if wrong or size > _MOST_TEXT:
            raise ValueError(f"{header.dtype.name} {header.shape} as {name}")
        return header.read(header.dtype.name).tolist()

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            with self._zip.open(self._headers[name].member) as member:
                read_to_the_end(member.read)

    def _read(self, name: str) -> Raw:
        return self._headers[name].read(self.stored[name].dtype)


class _Header:
    """What a member of an .npz file says of its array."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        self._archive, self.member = archive, member
        with archive.open(member) as opened:
            text = self._text(opened.read)
        match = _HEADER.fullmatch(text)
        if match is None:
            raise ValueError(f"the header {text[:60]!r} of {member.filename}")
        self.dtype, self._order = onp.dtype(match[1]), "F" if match[2] == "True" else "C"
        self.shape = tuple(int(n) for n in match[3].split(",") if n.strip())
        size = self._length + math.prod(self.shape) * self.dtype.itemsize
        if size != member.file_size or not self.dtype.itemsize:
            raise ValueError(f"{member.file_size} bytes in {member.filename} for {self.dtype.name} {self.shape}")

    def _text(self, read: Callable[[int], bytes]) -> str:
        """The text, read by a function."""
        start = read(8)
        if start[:6] != b"\x93NUMPY":
            raise ValueError(f"{start!r} at the beginning of {self.member.filename}")
        size = 2 if start[6] == 1 else 4
        length = int.from_bytes(read(size), "little")
        if length > _LONGEST:
            raise ValueError(f"a header of {length} bytes in {self.member.filename}")
        self._length = 8 + size + length
        return read(length).decode("utf-8")

    def read(self, name: str) -> Raw:
        """The array, as the dtype of a name."""
        with self._archive.open(self.member) as opened:
            opened.read(self._length)
            shape = self.shape if self._order == "C" else self.shape[::-1]
            array = filled(opened.read, shape, self.dtype, name)
            read_to_the_end(opened.read)
        return array if self._order == "C" else array.T
