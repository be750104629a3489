"""Trains a convolutional classifier of scikit-learn's handwritten digits: `python -m examples.digits`.

1,437 images of 8 x 8 pixels are learned and 360 others tell how well. The result is printed and drawn; a checkpoint is
written after every epoch, and `--resume` continues from it as if training had never stopped.
"""

import argparse
import contextlib
import json
import math
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

try:
    import numpy as np
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    import cuobjax
    import cuobjax.numpy as jn
    from cuobjax.functional import flatten, max_pool_2d, relu
    from cuobjax.functional.loss import cross_entropy_logits_sparse
    from cuobjax.nn import BatchNorm2D, Conv2D, Dropout, Linear, Sequential
except ModuleNotFoundError as missing:
    package = str(missing.name).partition(".")[0]
    sys.exit(f"digits: the package {package} is missing. Install what the examples need: make setup")

DECAY = 0.88  # of the learning rate per epoch
TEST_IMAGES = 360
CHECKPOINT, FIGURE = "digits.npz", "digits.png"
RESUMED = ("batch", "lr", "seed")  # options that a checkpoint keeps


class Failure(Exception):
    """Something that the user can mend; its text is one line."""


class History(NamedTuple):
    """How training went: the position of every step in epochs, its loss, and the test accuracy after every epoch."""

    position: np.ndarray = np.zeros(0)
    loss: np.ndarray = np.zeros(0)
    accuracy: np.ndarray = np.zeros(0)

    def extended(self, losses: np.ndarray, accuracy: float) -> "History":
        """With one epoch more."""
        position = len(self.accuracy) + np.arange(1, len(losses) + 1) / len(losses)
        return History(*(np.append(*pair) for pair in zip(self, (position, losses, accuracy), strict=True)))


# The model and one step of training: all there is of cuobjax to learn here.


def block(nin: int, nout: int) -> list:
    return [Conv2D(nin, nout, 3, use_bias=False), BatchNorm2D(nout, momentum=0.9), relu]


class Classifier(cuobjax.Module):
    """Images (N, 1, 8, 8) to logits (N, 10)."""

    def __init__(self, width: int = 32, keep: float = 0.5):
        self.features = Sequential(
            [*block(1, width), *block(width, width), max_pool_2d, *block(width, 2 * width), max_pool_2d, flatten]
        )
        self.head = Sequential([Dropout(keep), Linear(2 * width * 2 * 2, 10)])

    def __call__(self, x, training: bool):
        return self.head(self.features(x, training=training), training=training)


def trainer(model: Classifier):
    """The function that trains on one batch and returns its loss, and all variables that change on the way."""

    def loss(x, y):
        return cross_entropy_logits_sparse(model(x, training=True), y).mean()

    gradients = cuobjax.GradValues(loss, model.vars())
    optimizer = cuobjax.optimizer.Adam(model.vars())

    def step(x, y, lr: float):
        g, v = gradients(x, y)
        optimizer(lr, g)
        return v[0]

    return step, model.vars() + optimizer.vars().subset(is_not=cuobjax.TrainRef)


def predict(model: Classifier, images: np.ndarray) -> np.ndarray:
    return np.asarray(jn.argmax(model(jn.array(images), training=False), axis=1))


# Data, the training loop and its checkpoint.


def images_and_labels() -> list[np.ndarray]:
    """Training images (1437, 1, 8, 8) in [0, 1], test images (360, 1, 8, 8), training labels, test labels."""
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    parts = train_test_split(images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=0)
    return [np.asarray(part) for part in parts]


def train(model: Classifier, data: list[np.ndarray], options: argparse.Namespace) -> History:
    """Trains up to epoch `options.epochs`."""
    images, test_images, labels, test_labels = data
    step, variables = trainer(model)
    history = load(options.resume, variables) if options.resume else History()
    done = len(history.accuracy)
    if done >= options.epochs:
        raise Failure(f"{options.resume}: {done} epochs are trained already. Ask for more with --epochs.")
    size = min(options.batch, len(images))
    steps = len(images) // size
    hidden = True if options.quiet else None  # None hides it where nobody looks: in a file or a pipe
    with tqdm(total=options.epochs * steps, initial=done * steps, unit="step", disable=hidden) as progress:
        for epoch in range(done, options.epochs):
            order = np.random.default_rng((options.seed, epoch)).permutation(len(images))
            losses = []
            for batch in order[: steps * size].reshape(steps, size):
                losses.append(step(images[batch], labels[batch], options.lr * DECAY**epoch))
                progress.update()
            accuracy = np.mean(predict(model, test_images) == test_labels)
            history = history.extended(np.asarray(jn.stack(losses)), accuracy)
            progress.set_postfix(loss=f"{history.loss[-steps:].mean():.4f}", test=f"{accuracy:.2%}")
            save(options.out / CHECKPOINT, variables, options, history)
    return history


def save(path: Path, variables: cuobjax.VarCollection, options: argparse.Namespace, history: History) -> None:
    """Writes all that is needed to continue: options, history, and the variables by their names."""
    settings = json.dumps({name: getattr(options, name) for name in RESUMED})
    arrays: dict[str, Any] = history._asdict() | {name: np.asarray(v.value) for name, v in variables.items()}
    write_atomically(path, lambda file: np.savez(file, settings=settings, **arrays))


def load(path: Path, variables: cuobjax.VarCollection) -> History:
    """Assigns the variables of a checkpoint, all or none, and returns its history."""
    _, history, tensors = read(path)
    for name, v in variables.items():
        expected = f"{v.dtype} {v.shape}"
        found = f"{tensors[name].dtype} {tensors[name].shape}" if name in tensors else "nothing"
        if found != expected:
            raise Failure(f"{path}: expected {expected} as {name}, got {found}. Is it of another version?")
    for name, v in variables.items():
        v.assign(tensors[name])
    return history


def read(path: Path) -> tuple[dict, History, dict[str, np.ndarray]]:
    """The options, the history and the tensors in a checkpoint."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = dict(archive)
        settings = json.loads(str(stored.pop("settings")))
        return settings, History(**{name: stored.pop(name) for name in History._fields}), stored
    except FileNotFoundError:
        raise Failure(f"{path}: no checkpoint to resume from. Train without --resume first.") from None
    except (OSError, TypeError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise Failure(f"{path}: expected a checkpoint of this program, got something else or a damaged file.") from None


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replaces a file by what `write(file)` writes: after a crash it is the old one or the new one, nothing between."""
    temporary = path.with_name(f"{path.name}.tmp")
    with open(temporary, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


# The picture.

INK, MUTED, BLUE = "#1f2328", "#8a9099", "#1f5fa8"


def draw(path: Path, history: History, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> None:
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=(1.1, 1.1, 1))
    left, middle, right = parts
    draw_loss(left.subplots(), history)
    draw_confusion(middle.subplots(), labels, predicted)
    draw_mistakes(right, images, labels, predicted)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))


def draw_loss(axes, history: History) -> None:
    epoch = np.ceil(history.position).astype(int)
    mean = np.bincount(epoch, history.loss)[1:] / np.bincount(epoch)[1:]
    axes.plot(history.position, history.loss, color=MUTED, alpha=0.6, linewidth=0.8, label="step")
    axes.plot(np.arange(len(mean)) + 0.5, mean, color=BLUE, linewidth=2, marker="o", label="mean of epoch")
    axes.set(title="Training loss", xlabel="epoch", ylabel="cross-entropy [nat]", yscale="log", xlim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=MUTED, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw_confusion(axes, labels: np.ndarray, predicted: np.ndarray) -> None:
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, predicted), 1)
    axes.imshow(counts, cmap="Blues", norm=PowerNorm(0.4))  # a single mistake is still seen
    for row, column in zip(*counts.nonzero(), strict=True):
        color = "white" if counts[row, column] > counts.max() / 4 else INK
        axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8, color=color)
    axes.set(xlabel="predicted", ylabel="digit", xticks=range(10), yticks=range(10))
    axes.set_title(f"Test images: {counts.trace() / counts.sum():.2%} right")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_mistakes(figure, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> None:
    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[:12]
    figure.suptitle(f"Mistakes ({len(shown)} of {len(wrong)}): digit → predicted" if len(wrong) else "No mistakes")
    columns = max(math.ceil(len(shown) ** 0.5), 1)
    panels = figure.subplots(-(-len(shown) // columns) or 1, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, i in zip(panels.flat, shown, strict=False):
        axes.imshow(images[i, 0], cmap="gray_r")
        axes.set_title(f"{labels[i]} → {predicted[i]}", fontsize=9, color=INK)


# The command line.


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str):
        self.exit(2, f"digits: {message}. See --help\n")


def integer(least: int):
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected an integer of at least {least}, got {text!r}")
        return int(text)

    return parse


def rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"expected auto, cpu, gpu or gpu:<number>, got {text!r}")
    return text


def parser() -> Parser:
    new = Parser(prog="python -m examples.digits", description=__doc__, allow_abbrev=False)
    for name, metavar, parse, default, meaning in [
        ("--epochs", "N", integer(1), 20, "train up to epoch N"),
        ("--batch", "N", integer(2), 128, "images per step"),
        ("--lr", "RATE", rate, 0.004, f"learning rate of Adam, times {DECAY} after each epoch"),
        ("--seed", "N", integer(0), 0, "of the initial weights, the order of the images and the dropout"),
        ("--device", "NAME", device, "auto", "cpu, gpu, gpu:1, ... or auto: a GPU where there is one"),
        ("--out", "DIR", Path, "results", f"folder of the checkpoint {CHECKPOINT} and the picture {FIGURE}"),
    ]:
        new.add_argument(name, metavar=metavar, type=parse, default=default, help=f"{meaning} (default: {default})")
    new.add_argument("--resume", metavar="FILE", type=Path, nargs="?", const=True, help="continue from this checkpoint "
        f"(DIR/{CHECKPOINT} without FILE), with its --batch, --lr and --seed where they are not given")  # fmt: skip
    new.add_argument("--quiet", action="store_true", help="print the result only: no table of variables, no progress")
    return new


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The options of a run; a resumed one has those of its checkpoint as defaults."""
    command_line = parser()
    options = command_line.parse_args(argv)
    if options.resume:
        checkpoint = options.out / CHECKPOINT if options.resume is True else options.resume
        command_line.set_defaults(**read(checkpoint)[0])
        options = command_line.parse_args(argv)
        options.resume = checkpoint
    return options


def run(options: argparse.Namespace) -> None:
    began = time.perf_counter()
    options.out.mkdir(parents=True, exist_ok=True)
    data = images_and_labels()
    cuobjax.random.DEFAULT_GENERATOR.seed(options.seed)
    model = Classifier()
    if not options.quiet:
        print(model.vars())
    history = train(model, data, options)
    _, images, _, labels = data
    predicted = predict(model, images)
    draw(options.out / FIGURE, history, images, labels, predicted)
    right, epochs, seconds = np.sum(predicted == labels), len(history.accuracy), time.perf_counter() - began
    print(f"test accuracy {right / len(labels):.2%} ({right} of {len(labels)}) after epoch {epochs}; {seconds:.1f} s")
    print(f"written: {options.out / FIGURE}, {options.out / CHECKPOINT}")


def main(argv: list[str] | None = None) -> int:
    try:
        options = arguments(argv)
        chosen = contextlib.nullcontext() if options.device == "auto" else cuobjax.device(options.device)
        # Matrices of this size gain nothing from a second thread, and lose much where other programs are running.
        with chosen, threadpool_limits(1, "blas"):
            run(options)
    except (Failure, OSError, cuobjax.DeviceError) as error:
        print(f"digits: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digits: interrupted; --resume continues after the last whole epoch", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
