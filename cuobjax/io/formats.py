"""Named NumPy arrays as the bytes of .npz and .safetensors files, and back: damage is noticed, nothing is unpickled."""

import contextlib
import errno
import json
import math
import os
import platform
import re
import shutil
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as onp

from ..installation import optional

__all__ = [
    "Arrays", "DamagedFileError", "Stored", "listed_npz", "listed_safetensors", "one_of_npz", "one_of_safetensors",
    "read_npz", "read_safetensors", "replacement", "sweep", "write_npz", "write_safetensors",
]  # fmt: skip

Arrays: TypeAlias = Mapping[str, onp.ndarray[Any, Any]]

# The dtypes of .safetensors: what NumPy reads, and the dtype of these bits. All others are a letter and bits: F32.
_SAFETENSORS = {
    "BOOL": ("bool", "bool"),
    "BF16": ("uint16", "bfloat16"),
    "F8_E4M3": ("uint8", "float8_e4m3fn"),
    "F8_E5M2": ("uint8", "float8_e5m2"),
}
_MOST_COMPRESSED = 1100  # deflate, with which NumPy compresses, makes at most 1,032 bytes out of one
_LETTERS = {"F": "float", "I": "int", "U": "uint", "C": "complex"}


class DamagedFileError(ValueError):
    """A file is cut off, altered or of another kind; nothing of it has been used."""


def write_npz(file: Any, arrays: Arrays) -> None:
    """Writes {name: array} as Objax does: `names`, and each array under the number of its name.

    Arrays of dtypes that NumPy does not bring along, such as bfloat16, are written as integers of the same bits; a
    member `dtypes`, which other files lack, then has the names of all dtypes. One array after the other is asked for,
    so that a mapping that makes them needs memory for one at a time.
    """
    dtypes = []
    with zipfile.ZipFile(file, "w") as archive:
        _write_member(archive, "names", onp.array([*arrays], str))
        for i, a in enumerate(arrays.values()):
            dtypes.append(a.dtype)
            _write_member(archive, str(i), _bits(a))
        if any(map(_is_foreign, dtypes)):
            _write_member(archive, "dtypes", onp.array([dtype.name for dtype in dtypes]))


def _write_member(archive, name, array):
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        onp.lib.format.write_array(member, onp.asanyarray(array), allow_pickle=False)


class Stored(NamedTuple):
    """What a file says of an array in it."""

    shape: tuple[int, ...]
    dtype: str


def listed_npz(file: IO[bytes]) -> dict[str, Stored]:
    """What is in a file that `write_npz` or Objax wrote, without reading the arrays."""
    with _noticing_damage(file), onp.load(file, allow_pickle=False) as archive:
        _require_sizes(archive.zip)
        names = archive["names"].tolist()
        headers = [_header(archive.zip, f"{i}.npy")[:2] for i in range(len(names))]
        dtypes = archive["dtypes"].tolist() if "dtypes" in archive else [dtype.name for _, dtype in headers]
        return {name: Stored(shape, d) for name, (shape, _), d in zip(names, headers, dtypes, strict=True)}


def _header(archive, name):
    """The shape and the dtype of a member, and how many bytes it has with them."""
    with archive.open(name) as member:
        version = onp.lib.format.read_magic(member)
        read = onp.lib.format.read_array_header_1_0 if version == (1, 0) else onp.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        return shape, dtype, member.tell() + math.prod(shape) * dtype.itemsize


def _require_sizes(archive):
    """Raises ValueError where more is declared than can be there, for which NumPy would take memory first."""
    for member in archive.infolist():
        if member.file_size > _MOST_COMPRESSED * archive.start_dir:
            raise ValueError(f"{member.file_size} bytes in {member.filename}")
        if member.filename.endswith(".npy"):
            shape, dtype, size = _header(archive, member.filename)
            if size != member.file_size and not dtype.hasobject:
                raise ValueError(f"{member.file_size} bytes in {member.filename} for {dtype.name} {shape}")


def one_of_npz(file: IO[bytes], name: str) -> onp.ndarray[Any, Any] | None:
    """One array of a file, None if there is none of that name; the others are not read."""
    with _noticing_damage(file), onp.load(file, allow_pickle=False) as archive:
        _require_sizes(archive.zip)
        names = archive["names"].tolist()
        return archive[str(names.index(name))] if name in names else None


def read_npz(file: IO[bytes]) -> dict[str, onp.ndarray[Any, Any]]:
    """The {name: array} of a file that `write_npz` or Objax wrote."""
    with _noticing_damage(file):
        start = file.tell()
        with zipfile.ZipFile(file) as archive:
            _require_sizes(archive)
            if damaged := archive.testzip():  # NumPy checks only members that it reads
                raise ValueError(f"wrong checksum of {damaged}")
        file.seek(start)
        with onp.load(file, allow_pickle=False) as archive:
            members = dict(archive)
        names = members["names"].tolist()
        arrays = [members[str(i)] for i in range(len(names))]
        dtypes = members["dtypes"].tolist() if "dtypes" in members else [a.dtype.name for a in arrays]
        return {name: _as_named(a, dtype) for name, a, dtype in zip(names, arrays, dtypes, strict=True)}


def write_safetensors(file: IO[bytes], arrays: Arrays) -> None:
    """Writes {name: array} with a checksum among the metadata, as the format has none."""
    safetensors = _safetensors()
    contiguous = {name: onp.asarray(a, order="C") for name, a in arrays.items()}
    try:
        file.write(safetensors.numpy.save(contiguous, {"crc32": _checksum(arrays)}))
    except safetensors.SafetensorError as error:
        raise TypeError(f"save_var_collection: expected dtypes of .safetensors. {error}. Save as .npz.") from error


def read_safetensors(file: IO[bytes]) -> dict[str, onp.ndarray[Any, Any]]:
    """The {name: array} of a file of any program; damage to the arrays is noticed if `write_safetensors` wrote it."""
    safetensors = _safetensors()
    with _noticing_damage(file):
        content = file.read()
        arrays = {name: _from_bytes(tensor) for name, tensor in safetensors.deserialize(content)}
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        checksum = header.get("__metadata__", {}).get("crc32")
        if checksum is not None and checksum != _checksum(arrays):
            raise ValueError("wrong checksum")
        return arrays


def listed_safetensors(file: IO[bytes]) -> dict[str, Stored]:
    """What is in a file, without reading the arrays."""
    with _noticing_damage(file):
        header = _safetensors_header(file)
        return {name: Stored(tuple(x["shape"]), _stored_as(x["dtype"])[1]) for name, x in header.items()}


def one_of_safetensors(file: IO[bytes], name: str) -> onp.ndarray[Any, Any] | None:
    """One array of a file, None if there is none of that name; the others are not read."""
    with _noticing_damage(file):
        header = _safetensors_header(file)
        if name not in header:
            return None
        start, end = header[name]["data_offsets"]
        file.seek(start, os.SEEK_CUR)
        return _from_bytes({**header[name], "data": file.read(end - start)})


def _safetensors_header(file):
    length = int.from_bytes(file.read(8), "little")
    if length > 100 << 20:  # the limit of the format
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    begin = file.tell()
    room = file.seek(0, os.SEEK_END) - begin
    file.seek(begin)
    for name, x in header.items():
        (start, end), shape = x["data_offsets"], x["shape"]
        size = math.prod(shape) * onp.dtype(_stored_as(x["dtype"])[0]).itemsize
        if any(type(n) is not int or n < 0 for n in shape) or not 0 <= start <= end <= room or end - start != size:
            raise ValueError(f"bytes {start} to {end} of {room} for {name}, {x['dtype']} {shape}")
    return header


def _stored_as(dtype):
    """What NumPy reads of a dtype, and the dtype of these bits."""
    return _SAFETENSORS.get(dtype) or 2 * (_LETTERS[dtype[0]] + dtype[1:],)


def _safetensors():
    optional("safetensors.numpy", ".safetensors", "io")
    return optional("safetensors", ".safetensors", "io")


def _from_bytes(tensor):
    stored, name = _stored_as(tensor["dtype"])
    return _as_named(onp.frombuffer(tensor["data"], stored).reshape(tensor["shape"]), name)


def _checksum(arrays):
    crc = 0
    for name, a in sorted(arrays.items()):
        crc = zlib.crc32(f"{name} {a.dtype.name} {a.shape}".encode(), crc)
        crc = zlib.crc32(onp.ascontiguousarray(a).reshape(-1).view(onp.uint8).data, crc)
    return f"{crc:08x}"


def _is_foreign(dtype):
    return dtype.isbuiltin == 2  # registered by another package


def _bits(array):
    return array.view(f"uint{8 * array.dtype.itemsize}") if _is_foreign(array.dtype) else array


def _as_named(array, name):
    """An array as the dtype of a name, which is the array's own or one of the package ml_dtypes."""
    if array.dtype.name == name:
        return array
    dtype = onp.dtype(getattr(optional("ml_dtypes", name, "io"), name))
    if not _is_foreign(dtype) or dtype.itemsize != array.dtype.itemsize:
        raise ValueError(f"{array.dtype} cannot be read as {name}")
    return array.view(dtype)


@contextlib.contextmanager
def _noticing_damage(file):
    """Turns what the readers of damaged files raise, which may be almost anything, into one error."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        name = getattr(file, "name", "the file")
        raise DamagedFileError(
            f"{name}: expected variables, got a damaged file or one of another kind ({type(error).__name__}: {error})."
        ) from error


@contextlib.contextmanager
def replacement(path: str) -> Iterator[IO[bytes]]:
    """Opens a file that takes the place of `path` once it is written whole and safe on the disk.

    Whatever happens in between, even the end of the process or of the power: the old file is there or the new one.
    """
    given, path = path, os.path.realpath(path)  # what a symbolic link leads to
    temporary = f"{path}.{platform.node()}-{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        with open(temporary, "wb") as file:
            if os.path.exists(path):
                shutil.copymode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            raise _of_user(error, given) from None
        raise
    _sync_folder(_folder(path))


def _of_user(error, path):
    """An error of the temporary file as one of the path that a user gave."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(
            error.errno, "There is no such folder. Make it first, as with os.makedirs", _folder(path)
        )
    return type(error)(error.errno, error.strerror, path)


def _folder(path):
    return os.path.dirname(path) or "."


def sweep(folder: str) -> None:
    """Removes the unfinished files of processes of this machine that have ended."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):
            process = re.fullmatch(rf".+\.{re.escape(platform.node())}-(\d+)-\d+\.tmp", name)
            if process and not _is_alive(int(process[1])):
                os.remove(os.path.join(folder, name))


def _is_alive(process):
    if os.name != "posix":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _sync_folder(path):
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that know no such thing
            raise
    finally:
        os.close(folder)
