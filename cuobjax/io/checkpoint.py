"""Checkpoints of a training run: numbered files, of which the newest ones stay."""

import errno
import json
import math
import operator
import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as onp

from autograd import processes

from ..core.collection import VarCollection
from ..core.parted import whole
from ..core.variable import BaseVar
from ..random.generator import DEFAULT_GENERATOR
from ..util.convert import require_integers, to_number, to_path
from .background import Background, as_variable, snapshot
from .collection import (
    Loaded,
    list_variables,
    load_var_collection,
    read_variable,
    require_untraced,
    save_var_collection,
)
from .formats import DamagedFileError, sweep

__all__ = ["Checkpoint"]

_GENERATOR, _RUN = "(Checkpoint).generator", "(Checkpoint).run"


class Checkpoint:
    """Saves variables now and then, and restores them when training continues.

    The checkpoint of index 7 is `<logdir>/ckpt/0000000007.npz`. It has the state of `random.DEFAULT_GENERATOR` as well,
    and what the run wants to remember. Subclasses may choose other names and another format:
    `FILE_MATCH, FILE_FORMAT = "*.safetensors", "%010d.safetensors"`. One process at a time saves to a folder.

    In a program of many processes all of them call the methods. Process 0 alone reads and writes files; what it
    restores comes to all, however many they are (see `cuobjax.distributed`).

    Args:
        logdir: The folder of the run; the checkpoints are in a folder within it.
        keep_ckpts: How many checkpoints stay, 0 for all: the one saved last and the others of the highest indices.
        makedir: Make the folder.
        verbose: Print which file is restored.
        best: "max" or "min": the checkpoint with the largest or smallest metric stays, too.
        asynchronous: Write files in a thread, while training goes on: `save` takes the values and returns. An error of
            the thread is raised by the next `save`, `restore` or `wait`, or printed at the end of the program, which
            waits for the file. Numbers of a GPU are brought to the host by `save`.

    Raises:
        ValueError: If `keep_ckpts` is negative, or `best` another word.

    Attributes:
        DIR_NAME: The folder of the checkpoints, within `logdir`.
        FILE_MATCH: A pattern of their names.
        FILE_FORMAT: Their names, with `%d` for the index.
        LOAD_FN: Loads a file to a VarCollection; raises `DamagedFileError` for a file that `restore` is to skip.
        SAVE_FN: Saves a VarCollection to a file.
        loaded: What LOAD_FN returned when a checkpoint was restored: a `Loaded`; None before that.
        run: What `save` was given as `run`, of the checkpoint that was restored; {} before that.
    """

    DIR_NAME: ClassVar[str] = "ckpt"
    FILE_MATCH: ClassVar[str] = "*.npz"
    FILE_FORMAT: ClassVar[str] = "%010d.npz"
    LOAD_FN: ClassVar[Callable[..., Any]] = staticmethod(load_var_collection)
    SAVE_FN: ClassVar[Callable[..., None]] = staticmethod(save_var_collection)

    logdir: str | os.PathLike[str]
    keep_ckpts: int
    verbose: bool
    best: Literal["max", "min"] | None
    asynchronous: bool
    loaded: Loaded | None
    run: dict[str, Any]

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        keep_ckpts: int,
        makedir: bool = True,
        verbose: bool = True,
        best: Literal["max", "min"] | None = None,
        asynchronous: bool = False,
    ) -> None:
        require_integers("Checkpoint", -math.inf, keep_ckpts=keep_ckpts)
        if keep_ckpts < 0:
            raise ValueError(f"Checkpoint: expected keep_ckpts of at least 0, got {keep_ckpts}. 0 keeps all.")
        self.logdir = logdir
        self.keep_ckpts = keep_ckpts
        self.verbose = verbose
        if best not in (None, "max", "min"):
            raise ValueError(f"Checkpoint: expected best as 'max', 'min' or None, got {best!r}.")
        self.best, self.asynchronous = best, asynchronous
        self.loaded, self.run = None, {}
        self._metrics: dict[int, float] = {}
        self._background = Background(f"checkpoints in {to_path('Checkpoint', logdir)}")
        if makedir and not processes.current().rank:
            os.makedirs(os.path.join(logdir, self.DIR_NAME), exist_ok=True)

    @classmethod
    def checkpoint_idx(cls, filename: str) -> int:
        """The index in `filename`, the name of a checkpoint file; ValueError if the name is of another form."""
        before, after = re.split(r"%\d*d", cls.FILE_FORMAT)
        return int(os.path.basename(filename).removeprefix(before).removesuffix(after))

    def restore(
        self, vc: VarCollection, idx: int | Literal["best"] | None = None, strict: bool = True
    ) -> tuple[int, str]:
        """Assigns the values of a checkpoint to variables, to all of them or, after an error, to none.

        The default generator goes on as when the checkpoint was saved.

        Args:
            vc: The VarCollection.
            idx: The index of the checkpoint; "best": that with the best metric; None: the newest one that is not
                damaged. A warning names each one that is skipped.
            strict: False: variables that are not in the checkpoint keep their values.

        Returns:
            (idx, path) of the checkpoint, (0, "") if there is none. The attribute `loaded` has the names that matched,
            `run` what else was saved.

        Raises:
            TypeError: If `vc` is no VarCollection.
            FileNotFoundError: If there is no checkpoint of that index.
            DamagedFileError: If that checkpoint is damaged, or, without an index, all are.
            ValueError: If it does not fit the variables, see `load_var_collection`; for "best" if `best` is not set.
        """
        _require_collection(vc, "restore")
        require_untraced("Checkpoint.restore")
        from ..distributed.sharing import broadcast_variables, from_main  # only who restores needs it

        plain = whole(vc) if processes.current().size > 1 else vc
        found, self.loaded, self.run = from_main(lambda: (self._restore(plain, idx, strict), self.loaded, self.run))
        broadcast_variables(plain)
        for name, v in vc.items():
            if plain[name] is not v:
                v.assign(plain[name].value, check=False)
        return found

    def _restore(self, vc, idx, strict):
        self.wait()
        if isinstance(idx, str):
            return self._load(vc, self._index_of(idx), strict)
        if idx is not None:
            require_integers("Checkpoint.restore", 0, idx=idx)
            return self._load(vc, operator.index(idx), strict)
        indices = self._indices()
        for i in reversed(indices):
            try:
                return self._load(vc, i, strict)
            except (DamagedFileError, OSError) as error:
                if i == indices[0]:
                    raise
                warnings.warn(f"Checkpoint.restore: skipped a checkpoint. {error}", stacklevel=5)
        if self.verbose:
            print("No checkpoints found. Skipping restoring variables.")
        return 0, ""

    def save(self, vc: VarCollection, idx: int, run: Mapping[str, Any] | None = None, metric: Any = None) -> None:
        """Saves variables as a checkpoint, then deletes the oldest ones if there are more than `keep_ckpts`.

        Args:
            vc: The VarCollection.
            idx: The index of the checkpoint, which replaces one of the same index.
            run: What else the run needs to go on, such as {"epoch": 3, "losses": losses, "options": options}: nested
                dictionaries with texts as keys, lists, texts and numbers; arrays become lists.
            metric: A number that says how good it is, for `best`.

        Raises:
            TypeError: If `vc` is no VarCollection, `idx` no integer, `run` no dictionary or with something else in it,
                or the metric no number.
            ValueError: If `idx` is negative, there is no metric though `best` is set, or SAVE_FN has written a file in
                a format of its own, out of which neither `run` nor `metric` could be read again.
        """
        _require_collection(vc, "save")
        require_untraced("Checkpoint.save")
        require_integers("Checkpoint.save", 0, idx=idx)
        idx = operator.index(idx)
        if self.best and metric is None:
            raise ValueError(f"Checkpoint.save: expected a metric, as best={self.best!r}. Give metric=x.")
        number = _number(metric)
        if run is not None and not isinstance(run, Mapping):
            raise TypeError(f"Checkpoint.save: expected run as a dictionary, got {run!r}.")
        content = None if run is None and metric is None else _encoded({"run": run or {}, "metric": number})
        if processes.current().size > 1:
            vc = whole(vc)
        if processes.current().rank:
            return
        self.wait()
        everything = _and(vc, {_GENERATOR: DEFAULT_GENERATOR.key})
        if self.asynchronous:
            everything = snapshot(everything)
        if content is not None:
            everything = _and(everything, {_RUN: content})
        if self.asynchronous:
            self._background.start(lambda: self._save(everything, idx, number))
        else:
            self._save(everything, idx, number)

    def wait(self) -> None:
        """Waits until what was saved is in its file; raises what writing it raised."""
        self._background.wait()

    def _save(self, vc, idx, metric):
        self.SAVE_FN(self._path(idx), vc)
        if _RUN in vc and _RUN not in self._stored(self._path(idx)):
            raise ValueError(
                "Checkpoint.save: expected a SAVE_FN that writes .npz or .safetensors, out of which run and metric can "
                "be read again, got another format. Leave them out, and save what the run needs as variables."
            )
        self._metrics[idx] = metric
        sweep(os.path.join(self.logdir, self.DIR_NAME))
        if self.keep_ckpts:
            kept = {idx, self._best() if self.best else idx}
            others = [i for i in self._indices() if i != idx]
            for i in others[: max(0, len(others) + 1 - self.keep_ckpts)]:
                if i not in kept:
                    os.remove(self._path(i))

    def _best(self):
        """The index with the best metric, the later one of equal ones; None if there is none."""
        known = {i: self._metric(i) for i in self._indices()}
        sign = -1 if self.best == "min" else 1
        found = [(sign * x, i) for i, x in known.items() if not math.isnan(x)]
        return max(found)[1] if found else None

    def _index_of(self, word):
        """The index that "best" stands for."""
        if word != "best":
            raise ValueError(f"Checkpoint.restore: expected an index or 'best', got {word!r}.")
        if self.best is None:
            raise ValueError(
                "Checkpoint.restore: expected best='max' or 'min' in Checkpoint(...) for 'best', got None."
            )
        best = self._best()
        if best is None:
            raise FileNotFoundError(errno.ENOENT, "There is no checkpoint with a metric", self._path(0))
        return best

    def _metric(self, idx):
        if idx not in self._metrics:
            try:
                self._metrics[idx] = _decoded(read_variable(self._path(idx), _RUN))["metric"]
            except (DamagedFileError, OSError):
                self._metrics[idx] = math.nan
        return self._metrics[idx]

    def _load(self, vc, idx, strict):
        path = self._path(idx)
        if not os.path.exists(path):
            there = ", ".join(map(str, self._indices())) or "none"
            raise FileNotFoundError(errno.ENOENT, f"There is no checkpoint {idx}. Those that are there: {there}", path)
        stored = self._stored(path)
        if _GENERATOR in stored:  # perhaps a second name of a variable of the network
            vc = VarCollection([*vc.items(), (_GENERATOR, DEFAULT_GENERATOR.key)])
        run = _decoded(read_variable(path, _RUN) if _RUN in stored else None)["run"]
        self.loaded = self.LOAD_FN(path, vc, **({} if strict else {"strict": False}))
        self.run = run
        if isinstance(self.loaded, Loaded):
            self.loaded = _without_own(self.loaded)
        if self.verbose:
            print("Resuming from", path)
        return idx, path

    def _stored(self, path):
        """The names in a file; of a format that is not ours, none."""
        try:
            return list_variables(path)
        except (DamagedFileError, ImportError):
            return {}

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


def _and(vc: VarCollection, others: dict[str, BaseVar]) -> VarCollection:
    """A collection with others that are not in it under a name of their own."""
    known = {id(v) for v in vc}
    return VarCollection([*vc.items(), *((name, v) for name, v in others.items() if id(v) not in known)])


def _number(metric):
    """A metric as a float, NaN if there is none."""
    return math.nan if metric is None else to_number("Checkpoint.save", "metric", metric)


def _encoded(content):
    """Plain data as a variable: the bytes of their JSON."""
    try:
        _require_texts(content)
        text = json.dumps(content, default=lambda x: x.tolist())
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"Checkpoint.save: expected run as nested dictionaries, lists, texts and numbers. {error}."
        ) from None
    return as_variable(onp.frombuffer(text.encode(), onp.uint8))


def _require_texts(content):
    """Raises TypeError for keys that are no texts, which JSON would make of them."""
    if isinstance(content, Mapping):
        for key, x in content.items():
            if not isinstance(key, str):
                raise TypeError(f"The key {key!r} is no text")
            _require_texts(x)
    elif isinstance(content, list | tuple):
        for x in content:
            _require_texts(x)


def _decoded(x):
    """What `_encoded` made a variable of; a file whose checksums are right may still have something else there."""
    try:
        content = {} if x is None else json.loads(onp.asarray(x).tobytes())
        return {"run": content.get("run", {}), "metric": float(content.get("metric", math.nan))}
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError(f"{_RUN}: expected what Checkpoint.save writes, got other bytes ({error}).") from None


def _without_own(loaded):
    """What was loaded, without what a Checkpoint adds."""
    own = {_GENERATOR, _RUN}
    matched = {name: stored for name, stored in loaded.matched.items() if stored not in own}
    return Loaded(matched, loaded.missing, [name for name in loaded.unused if name not in own])
