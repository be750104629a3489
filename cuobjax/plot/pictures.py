"""The pictures: each function returns a figure of matplotlib, made without pyplot, so that nothing stays open."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as onp

from autograd import tree

from ..core.collection import Variables, names_of, trained
from ..core.module import Module, walk
from ..installation import optional
from ..metrics.classification import ConfusionMatrix
from ..optimizer.gradients import Gradients
from ..tools.calls import watching
from ..tools.profile import Profile
from ..transforms.functional_call import functional_call
from ..typing import ArrayLike
from ..util.convert import require_integers, require_iterable, require_reals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BLUE", "INK", "MUTED", "activations", "confusion", "curves", "gradients", "images", "new_figure", "profile",
]  # fmt: skip

INK, MUTED, BLUE = "#222222", "#8a8f98", "#2a6fbb"
_COLORS = (BLUE, "#d1495b", "#3a8f5c", "#b8860b", "#7b5ea7", "#4aa3a2")
_HATCH = "////"  # of gradients
_MOST_NUMBERS = 30  # classes in a confusion matrix whose counts are written
_SMOOTHED = 100  # numbers in a curve that is smoothed


def new_figure(width: float, height: float) -> Any:
    """A figure of matplotlib, of a size in inches."""
    optional("matplotlib.figure", "plot", "plot")  # says which extra is missing
    from ._figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def figure_or_new(where: str, figure: Any, width: float, height: float) -> Any:
    """The figure to draw in that a user gave, or a new one where that is None."""
    if figure is None:
        return new_figure(width, height)
    if not hasattr(figure, "subplots"):
        raise TypeError(f"{where}: expected figure as a figure of matplotlib or a part of one, got {figure!r}.")
    return figure


def _numbers(x: Any) -> onp.ndarray[Any, Any]:
    """Numbers, arrays of one number or an array as an array of one axis."""
    given = x
    if isinstance(x, Iterable) and not isinstance(x, str) and not hasattr(x, "shape"):
        x = [onp.asarray(y) for y in x]
    try:
        return onp.asarray(x).astype(float).reshape(-1)
    except (TypeError, ValueError):
        raise TypeError(f"curves: expected numbers to draw, got {given!r:.80}.") from None


def curves(
    series: Mapping[str, Any] | ArrayLike | Sequence[Any],
    name: str = "loss",
    against: str = "step",
    logarithmic: bool | None = None,
    figure: Any = None,
) -> "Figure":
    """Learning curves: one line for each series, a long one with its moving average over it.

    Args:
        series: {label: numbers} or {label: (places, numbers)}, or the numbers of a single one, which may be Arrays, as
            steps return them.
        name: What the numbers are.
        against: What the places are.
        logarithmic: Whether the axis is; None: if all numbers are positive and differ a hundredfold.
        figure: A figure or a part of one (`Figure.subfigures`) to draw in; by default a new one.

    Raises:
        ValueError: If there are no numbers, or other places than numbers.
    """
    given = series if isinstance(series, Mapping) else {name: series}
    lines = {str(label): _line(label, of) for label, of in given.items()}
    shown = onp.concatenate([y for _, y in lines.values()]) if lines else onp.zeros(0)
    shown = shown[onp.isfinite(shown)]
    if not shown.size:
        raise ValueError("curves: expected numbers to draw, got none that is finite.")
    if logarithmic is None:
        logarithmic = bool(shown.min() > 0 and shown.max() > 100 * shown.min())
    figure = figure_or_new("curves", figure, 7, 4)
    axes = figure.subplots()
    for i, (label, (x, y)) in enumerate(lines.items()):
        color = _COLORS[i % len(_COLORS)]
        long = len(y) >= _SMOOTHED
        marker = "o" if len(y) <= 20 else None
        axes.plot(x, y, color=color, alpha=0.3 if long else 1, linewidth=1 if long else 2, marker=marker, label=label)
        if long:
            axes.plot(*_smooth(x, y), color=color, linewidth=2, label=f"{label}, moving average")
    axes.set(xlabel=against, ylabel=name, yscale="log" if logarithmic else "linear")
    axes.grid(axis="y", color=MUTED, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _line(label, of):
    places = None
    if isinstance(of, tuple) and len(of) == 2 and all(isinstance(x, Sequence) or getattr(x, "ndim", 0) for x in of):
        places, of = _numbers(of[0]), of[1]
    y = _numbers(of)
    x = onp.arange(1, len(y) + 1) if places is None else places
    if len(x) != len(y):
        raise ValueError(f"curves: expected as many places as numbers for {label!r}, got {len(x)} and {len(y)}.")
    return x, y


def _smooth(x, y):
    """The mean of the numbers around each place, over a twentieth of them."""
    width = max(len(y) // 20, 2)
    kernel = onp.ones(width) / width
    return x[width // 2 : len(y) - (width - 1) // 2], onp.convolve(y, kernel, "valid")


def confusion(counts: ArrayLike | ConfusionMatrix, labels: Sequence[str] | None = None, figure: Any = None) -> "Figure":
    """A confusion matrix, rows are labels, columns predictions; a colour is the part of its row.

    Args:
        counts: The metric, or its counts (classes, classes).
        labels: The names of the classes.
        figure: A figure or a part of one (`Figure.subfigures`) to draw in; by default a new one.

    Raises:
        ValueError: If it is not square, or there are other names than classes.
    """
    x = onp.asarray(counts.value if isinstance(counts, ConfusionMatrix) else counts)
    if x.ndim != 2 or x.shape[0] != x.shape[1] or not x.size:
        raise ValueError(f"confusion: expected counts of shape (classes, classes), got {x.shape}.")
    n = len(x)
    require_iterable("confusion", labels=() if labels is None else labels)
    names = [str(i) for i in range(n)] if labels is None else [*map(str, labels)]
    if len(names) != n:
        raise ValueError(f"confusion: expected {n} labels, got {len(names)}.")
    parts = x / onp.maximum(x.sum(1, keepdims=True), 1e-300)
    figure = figure_or_new("confusion", figure, *[min(max(2.5 + 0.45 * n, 4), 12)] * 2)
    axes = figure.subplots()
    axes.imshow(parts**0.5, cmap="Blues", vmin=0, vmax=1)  # the root shows a single mistake
    for row, column in zip(*x.nonzero(), strict=True) if n <= _MOST_NUMBERS else ():
        color = "white" if parts[row, column] > 0.3 else INK
        axes.text(column, row, f"{x[row, column]:g}", ha="center", va="center", fontsize=8, color=color)
    ticks = range(n) if n <= _MOST_NUMBERS else range(0, n, -(-n // 20))
    rotation = 90 if max(map(len, names)) > 3 else 0
    axes.set_xticks(ticks, [names[i] for i in ticks], rotation=rotation)
    axes.set_yticks(ticks, [names[i] for i in ticks])
    axes.set(xlabel="predicted", ylabel="label", title=f"{x.trace() / max(x.sum(), 1e-300):.2%} right of {x.sum():g}")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def images(
    x: ArrayLike,
    titles: Sequence[Any] | None = None,
    columns: int | None = None,
    low: float | None = None,
    high: float | None = None,
    figure: Any = None,
) -> "Figure":
    """Images side by side.

    Args:
        x: (N, C, H, W), with 1 channel, grey, or 3, or (N, H, W); one image (C, H, W) is drawn alone.
        titles: A title for each.
        columns: How many in a row; by default as wide as high.
        low: The number that is black; by default 0, or -1 where numbers are negative.
        high: The number that is white; by default 1, for integers 255.
        figure: A figure or a part of one (`Figure.subfigures`) to draw in; by default a new one.

    Raises:
        ValueError: If the shape is another one, or there are other titles than images.
    """
    pictures = given = onp.asarray(x)
    if pictures.ndim == 3 and pictures.shape[0] in (1, 3):
        pictures = pictures[None]
    if pictures.ndim == 3:
        pictures = pictures[:, None]
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or not len(pictures):
        raise ValueError(f"images: expected images (N, C, H, W) with 1 or 3 channels, got shape {given.shape}.")
    n = len(pictures)
    require_iterable("images", titles=() if titles is None else titles)
    require_integers("images", 1, columns=1 if columns is None else columns)
    require_reals("images", low=0 if low is None else low, high=0 if high is None else high)
    if titles is not None and len(titles) != n:
        raise ValueError(f"images: expected {n} titles, got {len(titles)}.")
    whole = pictures.dtype.kind in "iu"
    numbers = pictures.astype(float)
    low = (-1.0 if not whole and numbers.min() < 0 else 0.0) if low is None else low
    high = (255.0 if whole else 1.0) if high is None else high
    shown = onp.clip((numbers - low) / (high - low), 0, 1).transpose(0, 2, 3, 1)
    columns = columns or math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    height = min((1.2 + 0.25 * (titles is not None)) * rows, 24)
    figure = figure_or_new("images", figure, min(1.2 * columns, 16), height)
    if titles is None:
        titles, shown, rows, columns = [""], _mosaic(shown, rows, columns)[None], 1, 1
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if i < len(shown):
            axes.imshow(shown[i].squeeze(-1) if shown.shape[-1] == 1 else shown[i], cmap="gray", vmin=0, vmax=1)
            axes.set_title(str(titles[i]), fontsize=8)
    return figure


def _mosaic(x, rows, columns):
    """Images (N, H, W, C) side by side in one, with white lines between them: a hundred axes would take seconds."""
    n, height, width, channels = x.shape
    gap = max(1, width // 16)
    cells = onp.ones((rows * columns, height + gap, width + gap, channels))
    cells[:n, gap:, gap:] = x
    whole = cells.reshape(rows, columns, *cells.shape[1:]).transpose(0, 2, 1, 3, 4)
    return whole.reshape(rows * (height + gap), columns * (width + gap), channels)[gap:, gap:]


def gradients(vc: Variables, grads: Gradients) -> "Figure":
    """The size of the gradient of each variable, beside that of the variable: where they vanish or explode.

    Args:
        vc: The variables.
        grads: Their gradients, a list as `Grad` gives it or a dictionary by names.

    Raises:
        ValueError: If there are other gradients than variables.
    """
    names = names_of(trained(vc, "gradients"))
    first = [every[0] for every in names.values()]
    if isinstance(grads, Mapping) and (missing := {*first} - {*grads}):
        raise ValueError(f"gradients: expected gradients of all variables, got none of {', '.join(sorted(missing))}.")
    require_iterable("gradients", grads=grads)
    given: list[Any] = [dict(grads)[name] for name in first] if isinstance(grads, Mapping) else [*grads]
    if len(given) != len(names):
        raise ValueError(f"gradients: expected {len(names)} gradients, got {len(given)}.")
    sizes = {"gradient": [*map(_root_mean_square, given)], "variable": [_root_mean_square(v.value) for v in names]}
    return _bars(first, sizes, "root mean square")


def activations(module: Module, *args: Any, **kwargs: Any) -> "Figure":
    """The sizes of the results of each module in a call, which changes no variable: where signals vanish or explode.

    Args:
        module: The network.
        args, kwargs: Its arguments.

    Raises:
        TypeError: If it is no module.
        ValueError: If no module gives arrays.
    """
    if not isinstance(module, Module):
        raise TypeError(f"activations: expected a module, got {type(module).__name__}.")
    found = {id(part): path.lstrip(".") or type(part).__name__ for path, part in walk(module)}
    sizes: dict[str, list[float]] = {}

    def called(function, part, args, kwargs):
        result = function(part, *args, **kwargs)
        if id(part) in found:
            arrays = [x for x in tree.flatten(result)[0] if hasattr(x, "shape")]
            sizes.setdefault(found[id(part)], []).extend(map(_root_mean_square, arrays))
        return result

    with watching([part for _, part in walk(module)], called):
        functional_call(module, {}, *args, **kwargs)
    means = {name: float(onp.mean(of)) for name, of in sizes.items() if of}
    if not means:
        raise ValueError("activations: expected a network whose modules give arrays, got none.")
    return _bars([*means], {"result": [*means.values()]}, "root mean square")


def profile(p: Profile) -> "Figure":
    """A profile along its time: calls of modules, those within others below them, and operations at the bottom.

    The operations that took most of the time have colours of their own; gradients, and modules in a backward pass, are
    hatched.

    Args:
        p: What `cuobjax.profile` measured.

    Raises:
        TypeError: If it is something else.
        ValueError: If nothing happened in it.
    """
    if not isinstance(p, Profile):
        got = type(p).__name__
        raise TypeError(f"profile: expected a Profile, got {got}. Measure with cuobjax.profile(net) as p.")
    if not p.events:
        raise ValueError("profile: expected a profile with events, got one of a context in which nothing ran.")
    longest = [name.removeprefix("gradient of ") for name in p.by(lambda e: e.name.removeprefix("gradient of "))]
    colors = dict(zip(longest, _COLORS, strict=False))
    thread = max(p.events, key=lambda e: e.seconds).thread
    depth = max((len(e.modules) + 1 for e in p.events if e.kind == "module"), default=0)
    figure = new_figure(11, 1.8 + 0.35 * (depth + 1))
    axes = figure.subplots()
    own = sorted([e for e in p.events if e.thread == thread], key=lambda e: -e.seconds)  # parts are drawn over a whole
    called = [(len(e.modules), e.name, e.start, e.seconds, None) for e in own if e.kind == "module"]
    for place, name, start, seconds, hatch in [*called, *_backward(own)]:
        span, middle = [(start * 1e3, seconds * 1e3)], (start + seconds / 2) * 1e3
        axes.broken_barh(span, (place, 0.9), facecolor="#dbe7f3", edgecolor="white", linewidth=0.5, hatch=hatch)
        if seconds > 0.04 * p.seconds:
            axes.text(middle, place + 0.45, name, ha="center", va="center", fontsize=7)
    for e in own:
        if e.kind != "module":
            color = colors.get(e.name.removeprefix("gradient of "), MUTED)
            hatch = _HATCH if e.kind == "gradient" else None
            span = [(e.start * 1e3, e.seconds * 1e3)]
            axes.broken_barh(span, (depth, 0.9), facecolor=color, edgecolor="white", linewidth=0.2, hatch=hatch)
    for name, color in colors.items():
        axes.broken_barh([], (0, 0), facecolor=color, label=name)
    axes.broken_barh([], (0, 0), facecolor="white", edgecolor=MUTED, hatch=_HATCH, label="gradients")
    axes.set(xlabel="time [ms]", yticks=[], ylim=(depth + 1, 0), xlim=(0, p.seconds * 1e3))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(frameon=False, fontsize=7, ncols=len(colors) + 1, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _backward(events):
    """(depth, name, start, seconds, hatch) of modules in a backward pass: gradients of one that follow each other."""
    gradients = sorted([e for e in events if e.kind == "gradient"], key=lambda e: e.start)
    for depth in range(max((len(e.modules) for e in gradients), default=0)):
        for path, run in itertools.groupby(gradients, lambda e: e.modules[: depth + 1]):  # noqa: B023
            if len(path) > depth:
                of = [*run]
                yield depth, path[-1], of[0].start, of[-1].start + of[-1].seconds - of[0].start, _HATCH


def _root_mean_square(x):
    x = onp.asarray(x)
    wide = x.astype(complex if x.dtype.kind == "c" else float)
    return float(onp.sqrt(onp.mean(onp.abs(wide) ** 2))) if x.size else 0.0


def _bars(names, columns, label):
    """Horizontal bars on a logarithmic axis, a group for each name; what is not finite or 0 is written."""
    figure = new_figure(8, min(max(1.5 + 0.28 * len(names), 3), 24))
    axes = figure.subplots()
    positive = [x for of in columns.values() for x in of if 0 < x < math.inf]
    left = min(positive, default=1) / 3
    height = 0.8 / len(columns)
    for i, (title, of) in enumerate(columns.items()):
        places = onp.arange(len(names)) + (i - (len(columns) - 1) / 2) * height
        drawn = [x if 0 < x < math.inf else left for x in of]
        axes.barh(places, drawn, height, left=0, color=_COLORS[i], alpha=0.85, label=title)
        for place, x in zip(places, of, strict=True):
            if not 0 < x < math.inf:
                axes.text(left, place, f" {x:g}", va="center", fontsize=7, color=INK)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(xlabel=label, xscale="log", xlim=(left, None))
    axes.invert_yaxis()
    axes.grid(axis="x", color=MUTED, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(columns) > 1:
        axes.legend(frameon=False)
    return figure
