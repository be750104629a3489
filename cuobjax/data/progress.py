"""Bars of progress."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

import numpy as onp

from autograd import Array

from ..distributed.sharing import is_main
from ..installation import optional
from ..metrics.base import Metric
from ..util.convert import require_integers, require_iterable

__all__ = ["Progress", "progress"]

T = TypeVar("T")


class Progress(Generic[T]):
    """An iterable with a bar that shows how far a loop over it is, its rate, and figures that `show` was given."""

    def __init__(self, iterable: Iterable[T], bar: Any) -> None:
        self._iterable, self._bar = iterable, bar
        self._figures: dict[str, Any] = {}

    def __iter__(self) -> Iterator[T]:
        bar = self._bar
        try:
            for x in self._iterable:
                yield x
                if bar is not None and bar.update():  # it was time to draw it
                    self._draw()
        finally:
            if bar is not None:
                self._draw()
                bar.close()

    def show(self, **figures: Any) -> None:
        """Gives figures to show, such as loss=v, numbers, arrays of one number, metrics or texts.

        They are read, and a GPU waited for, when the bar is drawn, ten times in a second at most.
        """
        self._figures |= figures

    def _draw(self):
        self._bar.set_postfix({name: _text(x) for name, x in self._figures.items()}, refresh=False)


def progress(
    iterable: Iterable[T], description: str | None = None, total: int | None = None, hide: bool | None = None
) -> Progress[T]:
    """An iterable, whose progress a bar in the terminal shows: steps, rate, what remains, and figures.

    >>> import cuobjax
    >>> steps = cuobjax.data.progress(range(3), "epoch 1", hide=True)
    >>> for i in steps:
    ...     steps.show(loss=1 / (i + 1))

    The bar is tqdm's, of the extra `data`; without tqdm there is none, after one warning.

    Args:
        iterable: A loader, a range, ...
        description: What stands before the bar.
        total: The number of steps, if the iterable does not say it.
        hide: Show nothing; None: where standard error is no terminal, and in processes other than 0.
    """
    require_iterable("progress", iterable=iterable)
    require_integers("progress", 0, total=0 if total is None else total)
    if not isinstance(description, str | None):
        raise TypeError(f"progress: expected description as a text, got {description!r}.")
    if hide is None:
        hide = not (is_main() and sys.stderr.isatty())
    bar = None
    if not hide:
        try:
            tqdm = optional("tqdm", "progress", "data").tqdm
        except ModuleNotFoundError as missing:
            warnings.warn(str(missing), stacklevel=2)
        else:
            if total is None and isinstance(iterable, Sized):
                try:
                    total = len(iterable)
                except TypeError:  # a loader of a function
                    total = None
            bar = tqdm(total=total, desc=description, unit="step", dynamic_ncols=True)
    return Progress(iterable, bar)


def _text(x):
    """A figure in few characters."""
    x = x.value if isinstance(x, Metric) else x
    if isinstance(x, Array) or hasattr(x, "__array__"):
        x = onp.asarray(x)
        if x.size != 1:
            return str(x)
        x = x.item()
    return f"{x:.4g}" if isinstance(x, float) else str(x)
