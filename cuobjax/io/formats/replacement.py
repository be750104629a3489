"""Files that are replaced as a whole, whatever happens while they are written."""

import contextlib
import errno
import os
import platform
import re
import shutil
import threading
from collections.abc import Iterator
from typing import IO

__all__ = ["replacement", "sweep"]


@contextlib.contextmanager
def replacement(path: str) -> Iterator[IO[bytes]]:
    """Opens a file that takes the place of `path` once it is written whole and safe on the disk.

    Whatever happens in between, even the end of the process or of the power: the old file is there or the new one.

    Raises:
        ValueError: If there is a device or a pipe at the path, which a file would take the place of.
    """
    given, path = path, os.path.realpath(path)  # what a symbolic link leads to
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise ValueError(
            f"{given}: expected the path of a file, got that of a device or a pipe. Open it, give the file."
        )
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
        if isinstance(error, OSError) and error.filename in (temporary, None) and error.errno is not None:
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
