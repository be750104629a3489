"""Named NumPy arrays as the bytes of files and back, one array at a time: damage is noticed, nothing is unpickled."""

from .arrays import Archive, Arrays, DamagedFileError, InMemory, Stored, is_foreign
from .opening import ENDINGS, is_path, opened, write
from .replacement import replacement, sweep

__all__ = [
    "ENDINGS", "Archive", "Arrays", "DamagedFileError", "InMemory", "Stored", "is_foreign", "is_path",
    "opened", "replacement", "sweep", "write",
]  # fmt: skip
