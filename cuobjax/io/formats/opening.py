"""Files of named arrays: of which format one is shows its content, and which one to write, the ending of its name."""

import contextlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from ...typing import FileOrStr
from .arrays import Archive, Arrays, noticing_damage
from .npz import Npz, write_npz
from .safetensors import Safetensors, write_safetensors
from .torch import Torch, write_torch

__all__ = ["ENDINGS", "is_path", "opened", "write"]

ENDINGS: dict[str, Callable[[Any, Arrays], None]] = {
    ".safetensors": write_safetensors,
    ".npz": write_npz,
    **dict.fromkeys((".pt", ".pth", ".bin"), write_torch),
}


def write(file: Any, arrays: Arrays, path: str = "") -> None:
    """Writes arrays in the format of a path's ending, else as .npz."""
    _require_binary(file)
    ENDINGS.get(os.path.splitext(path)[1], write_npz)(file, arrays)


@contextlib.contextmanager
def opened(file: FileOrStr, own: bool = False) -> Iterator[Archive]:
    """The arrays in a file, a path or a binary file, while it is open.

    Args:
        file: The file.
        own: Whether an .npz file has to be one of variables. Others may be any arrays, or what damage has left.

    Raises:
        DamagedFileError: If it is of no known format.
        TypeError: If it is something else.
    """
    if not is_path(file):
        _require_binary(file)
    with open(file, "rb") if is_path(file) else contextlib.nullcontext(file) as binary:
        with noticing_damage(str(getattr(binary, "name", "the file"))):
            archive = _archive(binary, own)
        yield archive


def _archive(file, own):
    start = file.tell()
    beginning = file.read(4)
    file.seek(start)
    if beginning.startswith(b"\x80\2"):
        raise ValueError("a pickle. Save it again with a PyTorch that writes zip files, 1.6 or newer")
    if not beginning.startswith(b"PK"):
        return Safetensors(file)
    names = zipfile.ZipFile(file).namelist()
    file.seek(start)
    return Torch(file) if any(name.endswith("/data.pkl") for name in names) else Npz(file, own)


def _require_binary(file):
    if isinstance(file, io.TextIOBase) or not (hasattr(file, "read") or hasattr(file, "write")):
        raise TypeError(
            f"cuobjax.io: expected a path or a binary file, got {type(file).__name__}. Open it with mode 'rb' or 'wb'."
        )


def is_path(file: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a file is given by its path."""
    return isinstance(file, str | bytes | os.PathLike)
