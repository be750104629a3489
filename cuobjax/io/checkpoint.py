"""Checkpoints of a training run: numbered files, of which the newest ones stay."""

import errno
import operator
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ..core.collection import VarCollection
from .collection import Loaded, load_var_collection, save_var_collection
from .formats import DamagedFileError, sweep

__all__ = ["Checkpoint"]


class Checkpoint:
    """Saves variables now and then, and restores them when training continues.

    The checkpoint of index 7 is `<logdir>/ckpt/0000000007.npz`. Subclasses may choose other names and another format:
    `FILE_MATCH, FILE_FORMAT = "*.safetensors", "%010d.safetensors"`. One process at a time saves to a folder.

    Args:
        logdir: The folder of the run; the checkpoints are in a folder within it.
        keep_ckpts: How many checkpoints stay, 0 for all: the one saved last and the others of the highest indices.
        makedir: Make the folder.
        verbose: Print which file is restored.

    Raises:
        ValueError: If `keep_ckpts` is negative.

    Attributes:
        DIR_NAME: The folder of the checkpoints, within `logdir`.
        FILE_MATCH: A pattern of their names.
        FILE_FORMAT: Their names, with `%d` for the index.
        LOAD_FN: Loads a file to a VarCollection; raises `DamagedFileError` for a file that `restore` is to skip.
        SAVE_FN: Saves a VarCollection to a file.
        loaded: What LOAD_FN returned when a checkpoint was restored: a `Loaded`; None before that.
    """

    DIR_NAME: ClassVar[str] = "ckpt"
    FILE_MATCH: ClassVar[str] = "*.npz"
    FILE_FORMAT: ClassVar[str] = "%010d.npz"
    LOAD_FN: ClassVar[Callable[..., Any]] = staticmethod(load_var_collection)
    SAVE_FN: ClassVar[Callable[..., None]] = staticmethod(save_var_collection)

    logdir: str | os.PathLike[str]
    keep_ckpts: int
    verbose: bool
    loaded: Loaded | None

    def __init__(
        self, logdir: str | os.PathLike[str], keep_ckpts: int, makedir: bool = True, verbose: bool = True
    ) -> None:
        if operator.index(keep_ckpts) < 0:
            raise ValueError(f"Checkpoint: expected keep_ckpts of at least 0, got {keep_ckpts}. 0 keeps all.")
        self.logdir = logdir
        self.keep_ckpts = keep_ckpts
        self.verbose = verbose
        self.loaded = None
        if makedir:
            os.makedirs(os.path.join(logdir, self.DIR_NAME), exist_ok=True)

    @classmethod
    def checkpoint_idx(cls, filename: str) -> int:
        """The index in `filename`, the name of a checkpoint file; ValueError if the name is of another form."""
        before, after = re.split(r"%\d*d", cls.FILE_FORMAT)
        return int(os.path.basename(filename).removeprefix(before).removesuffix(after))

    def restore(self, vc: VarCollection, idx: int | None = None, strict: bool = True) -> tuple[int, str]:
        """Assigns the values of a checkpoint to variables, to all of them or, after an error, to none.

        Args:
            vc: The VarCollection.
            idx: The index of the checkpoint; None: the newest one that is not damaged. A warning names each one that is
                skipped.
            strict: False: variables that are not in the checkpoint keep their values.

        Returns:
            (idx, path) of the checkpoint, (0, "") if there is none. The attribute `loaded` has the names that matched.

        Raises:
            TypeError: If `vc` is no VarCollection.
            FileNotFoundError: If there is no checkpoint of that index.
            DamagedFileError: If that checkpoint is damaged, or, without an index, all are.
            ValueError: If it does not fit the variables, see `load_var_collection`.
        """
        _require_collection(vc, "restore")
        if idx is not None:
            return self._load(vc, operator.index(idx), strict)
        indices = self._indices()
        for i in reversed(indices):
            try:
                return self._load(vc, i, strict)
            except (DamagedFileError, OSError) as error:
                if i == indices[0]:
                    raise
                warnings.warn(f"Checkpoint.restore: skipped a checkpoint. {error}", stacklevel=2)
        if self.verbose:
            print("No checkpoints found. Skipping restoring variables.")
        return 0, ""

    def save(self, vc: VarCollection, idx: int) -> None:
        """Saves variables as a checkpoint, then deletes the oldest ones if there are more than `keep_ckpts`.

        Args:
            vc: The VarCollection.
            idx: The index of the checkpoint, which replaces one of the same index.

        Raises:
            TypeError: If `vc` is no VarCollection.
        """
        _require_collection(vc, "save")
        idx = operator.index(idx)
        self.SAVE_FN(self._path(idx), vc)
        sweep(os.path.join(self.logdir, self.DIR_NAME))
        if self.keep_ckpts:
            others = [i for i in self._indices() if i != idx]
            for i in others[: max(0, len(others) + 1 - self.keep_ckpts)]:
                os.remove(self._path(i))

    def _load(self, vc, idx, strict):
        path = self._path(idx)
        if not os.path.exists(path):
            there = ", ".join(map(str, self._indices())) or "none"
            raise FileNotFoundError(errno.ENOENT, f"There is no checkpoint {idx}. Those that are there: {there}", path)
        self.loaded = self.LOAD_FN(path, vc, **({} if strict else {"strict": False}))
        if self.verbose:
            print("Resuming from", path)
        return idx, path

    def _path(self, idx):
        return os.path.join(self.logdir, self.DIR_NAME, self.FILE_FORMAT % idx)

    def _indices(self):
        """The indices of the checkpoints that are there, in order; files of other names are left alone."""
        names = [path.name for path in Path(self.logdir, self.DIR_NAME).glob(self.FILE_MATCH)]
        return sorted(i for name in names if (i := self._idx_of(name)) is not None)

    def _idx_of(self, name):
        try:
            idx = self.checkpoint_idx(name)
        except ValueError:
            return None
        return idx if self.FILE_FORMAT % idx == name else None


def _require_collection(vc, verb):
    if not isinstance(vc, VarCollection):
        raise TypeError(f"Must pass a VarCollection to {verb}; received type {type(vc)}.")
