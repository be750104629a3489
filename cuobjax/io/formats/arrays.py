"""Named arrays of which shape and dtype are known before the first one is read."""

import contextlib
import math
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as onp

from ...installation import optional

__all__ = [
    "CHUNK", "Archive", "Arrays", "DamagedFileError", "InMemory", "Raw", "Stored", "as_bits", "as_named", "bits_of",
    "dtype_named", "filled", "is_foreign", "members_of", "noticing_damage", "read_to_the_end",
]  # fmt: skip

Raw: TypeAlias = onp.ndarray[Any, Any]
CHUNK = 1 << 20
_MOST_COMPRESSED = 1100  # deflate, with which NumPy compresses, makes at most 1,032 bytes out of one


class DamagedFileError(ValueError):
    """A file is cut off, altered or of another kind; nothing of it has been used."""


class Stored(NamedTuple):
    """What a file says of an array in it."""

    shape: tuple[int, ...]
    dtype: str


class Arrays(Mapping[str, Raw], ABC):
    """{name: array}, where each array is made when it is asked for, so that one at a time needs memory.

    Attributes:
        stored: {name: (shape, dtype)}.
    """

    stored: dict[str, Stored]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __contains__(self, name: object) -> bool:
        return name in self.stored


class InMemory(Arrays):
    """Arrays that are in host memory already."""

    def __init__(self, arrays: Mapping[str, Raw]) -> None:
        self._arrays = arrays
        self.stored = {name: Stored(a.shape, a.dtype.name) for name, a in arrays.items()}

    def __getitem__(self, name: str) -> Raw:
        return self._arrays[name]


class Archive(Arrays):
    """The arrays in an open file. Whatever is wrong with it raises DamagedFileError."""

    def __init__(self, file: IO[bytes]) -> None:
        self.name: str = str(getattr(file, "name", "the file"))
        self.file = file
        start = file.tell()
        self.size: int = file.seek(0, os.SEEK_END)
        file.seek(start)

    def require_uncompressed(self) -> None:
        """Raises an error if the arrays need more memory than the file has bytes."""
        with noticing_damage(self.name):
            needed = sum(math.prod(shape) * bits_of(dtype).itemsize for shape, dtype in self.stored.values())
            if needed > self.size:
                raise ValueError(f"{needed} bytes of arrays in {self.size} bytes")

    def check(self, names: Iterable[str]) -> None:
        """Compares names and these arrays with their checksums; nothing is kept in memory."""
        with noticing_damage(self.name):
            self._check(names)

    def __getitem__(self, name: str) -> Raw:
        self.stored[name]
        with noticing_damage(self.name):
            return self._read(name)

    @abstractmethod
    def _check(self, names: Iterable[str]) -> None: ...

    @abstractmethod
    def _read(self, name: str) -> Raw: ...


@contextlib.contextmanager
def noticing_damage(name: str) -> Iterator[None]:
    """Turns what the readers of damaged files raise, which may be almost anything, into one error."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        raise DamagedFileError(
            f"{name}: expected variables, got a damaged file or one of another kind ({type(error).__name__}: {error})."
        ) from error


def filled(read: Callable[[int], bytes], shape: Sequence[int], bits: onp.dtype[Any], name: str) -> Raw:
    """An array of the next bytes, written down as the dtype `bits`, of the dtype of a name."""
    flat = onp.empty(math.prod(shape), bits)
    view, position = flat.view(onp.uint8).data, 0
    while position < len(view):
        some = read(min(CHUNK, len(view) - position))
        if not some:
            raise EOFError(f"{len(view) - position} bytes are missing")
        view[position : position + len(some)] = some
        position += len(some)
    native = flat if bits.isnative else flat.astype(bits.newbyteorder("="))
    return as_named(native, name).reshape(shape)


def read_to_the_end(read: Callable[[int], bytes]) -> None:
    """Reads, so that the reader compares checksums."""
    while read(CHUNK):
        pass


def members_of(archive: zipfile.ZipFile, size: int, compressed: bool) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip file, if they may be what they say.

    Args:
        archive: The file.
        size: How many bytes it has.
        compressed: Whether members may be compressed by deflate.

    Raises:
        ValueError: If two have one name, overlap, or are larger than what they can have been made of.
    """
    members = archive.infolist()
    found = {member.filename: member for member in members}
    for member in members:
        deflated = compressed and member.compress_type == zipfile.ZIP_DEFLATED
        if not deflated and member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"compression {member.compress_type} of {member.filename}")
        if member.file_size > member.compress_size * (_MOST_COMPRESSED if deflated else 1):
            raise ValueError(f"{member.file_size} bytes in {member.filename}")
    if len(found) < len(members) or sum(member.compress_size for member in members) > size:
        raise ValueError("members of one name, or more of them than there is room for")
    return found


def is_foreign(dtype: onp.dtype[Any]) -> bool:
    """Whether another package than NumPy has registered a dtype, such as bfloat16."""
    return dtype.isbuiltin == 2


def as_bits(array: Raw) -> Raw:
    """An array of a dtype that NumPy brings along: integers of the same bits, where its own is foreign."""
    return array.view(f"uint{8 * array.dtype.itemsize}") if is_foreign(array.dtype) else array


def dtype_named(name: str) -> onp.dtype[Any]:
    """NumPy's dtype of a name, or one of the package ml_dtypes."""
    try:
        return onp.dtype(name)
    except TypeError:
        return onp.dtype(getattr(optional("ml_dtypes", name, "io"), name))


def bits_of(name: str) -> onp.dtype[Any]:
    """The dtype of NumPy's own with the bits of a dtype of a name, in the order of bytes of files."""
    dtype = dtype_named(name)
    return onp.dtype(f"<u{dtype.itemsize}") if is_foreign(dtype) else dtype.newbyteorder("<")


def as_named(array: Raw, name: str) -> Raw:
    """An array as the dtype of a name, which is the array's own or a foreign one of the same size."""
    if array.dtype.name == name:
        return array
    dtype = dtype_named(name)
    if not is_foreign(dtype) or dtype.itemsize != array.dtype.itemsize:
        raise ValueError(f"{array.dtype} cannot be read as {name}")
    return array.view(dtype)
