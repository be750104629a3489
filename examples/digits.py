"""Trains a convolutional classifier of scikit-learn's handwritten digits: `python -m examples.digits`.

1,437 images of 8 x 8 pixels are learned and 360 others tell how well. The result is printed and drawn; a checkpoint is
written after every epoch, and `--resume` continues from the newest one as if training had never stopped.
"""

import argparse
import contextlib
import math
import re
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    import cuobjax
    import cuobjax.numpy as jn
    from cuobjax import plot
    from cuobjax.data import Loader, progress
    from cuobjax.functional import flatten, max_pool_2d, relu
    from cuobjax.functional.loss import cross_entropy_logits_sparse
    from cuobjax.io import Checkpoint, DamagedFileError
    from cuobjax.metrics import ConfusionMatrix
    from cuobjax.nn import BatchNorm2D, Conv2D, Dropout, Linear, Sequential
except ModuleNotFoundError as missing:
    package = str(missing.name).partition(".")[0]
    sys.exit(f"digits: the package {package} is missing. Install what the examples need: make setup")

DECAY = 0.88  # of the learning rate per epoch
TEST_IMAGES = 360
FIGURE = "digits.png"
RESUMED = ("batch", "lr", "seed")  # options that a checkpoint keeps


class Failure(Exception):
    """Something that the user can mend; its text is one line."""


class History(NamedTuple):
    """How training went: the losses of the steps of every epoch, and the test accuracy after it."""

    losses: list[list[float]]
    accuracy: list[float]


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
    """Trains up to epoch `options.epochs`; a checkpoint has all that a run needs to go on."""
    images, test_images, labels, test_labels = data
    step, variables = trainer(model)
    loader = Loader((images, labels), batch=min(options.batch, len(images)), shuffle=True, drop_last=True)
    variables += loader.vars()
    history = History([], [])
    if options.resume:
        history = History(**restored(options.resume, variables)["history"])
    if len(history.accuracy) >= options.epochs:
        raise Failure(f"{len(history.accuracy)} epochs are trained already. Ask for more with --epochs.")
    checkpoint = Checkpoint(options.out, keep_ckpts=1, verbose=False)
    for epoch in range(len(history.accuracy), options.epochs):
        losses = []
        steps = progress(loader, f"epoch {epoch + 1}", hide=options.quiet or None)  # None hides it in files and pipes
        for x, y in steps:
            losses.append(step(x, y, options.lr * DECAY**epoch))
            steps.show(loss=losses[-1], test=history.accuracy[-1] if history.accuracy else "?")
        history.losses.append(np.asarray(jn.stack(losses)).tolist())
        history.accuracy.append(float(np.mean(predict(model, test_images) == test_labels)))
        run = {"options": {name: getattr(options, name) for name in RESUMED}, "history": history._asdict()}
        checkpoint.save(variables, epoch + 1, run=run)
    return history


def restored(folder: Path, variables: cuobjax.VarCollection) -> dict[str, Any]:
    """Assigns the newest checkpoint in a folder to variables, to all or none; what else the run saved."""
    checkpoint = Checkpoint(folder, keep_ckpts=1, makedir=False, verbose=False)
    try:
        found, _ = checkpoint.restore(variables)
    except DamagedFileError:
        raise
    except ValueError:
        raise Failure(f"{folder}: expected a checkpoint of this version of the program, got other variables.") from None
    if not found:
        raise Failure(f"{folder}: no checkpoint to resume from. Train without --resume first.")
    if checkpoint.run.keys() != {"options", "history"}:
        raise Failure(f"{folder}: expected a checkpoint of this program, got one of another.")
    return checkpoint.run


# The picture.


def draw(path: Path, history: History, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> None:
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    parts: Any = figure.subfigures(1, 3, width_ratios=(1.1, 1.1, 1))
    left, middle, right = parts
    losses = np.array(history.losses)
    steps = np.arange(1, losses.size + 1) / losses.shape[1]
    plot.curves({"training": (steps, losses.ravel())}, "cross-entropy [nat]", "epoch", figure=left)
    counts = ConfusionMatrix(10)
    counts.update(predicted, labels)
    plot.confusion(counts, figure=middle)
    draw_mistakes(right, images, labels, predicted)
    figure.savefig(path, dpi=120)


def draw_mistakes(figure: Any, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> None:
    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[:16]
    figure.suptitle(f"Mistakes ({len(shown)} of {len(wrong)}): digit → predicted" if len(wrong) else "No mistakes")
    if len(shown):
        plot.images(1 - images[shown], [f"{labels[i]} → {predicted[i]}" for i in shown], figure=figure)


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
        ("--out", "DIR", Path, "results", f"folder of the picture {FIGURE}, and of the checkpoint in ckpt/"),
    ]:
        new.add_argument(name, metavar=metavar, type=parse, default=default, help=f"{meaning} (default: {default})")
    new.add_argument("--resume", metavar="FOLDER", type=Path, nargs="?", const=True, help="continue from the newest "
        "checkpoint of this folder, else of DIR; --batch, --lr and --seed are its own by default")  # fmt: skip
    new.add_argument("--quiet", action="store_true", help="print the result only: no table of variables, no progress")
    return new


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The options of a run; a resumed one has those of its checkpoint as defaults."""
    command_line = parser()
    options = command_line.parse_args(argv)
    if options.resume:
        folder = options.out if options.resume is True else options.resume
        command_line.set_defaults(**restored(folder, cuobjax.VarCollection())["options"])
        options = command_line.parse_args(argv)
        options.resume = folder
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
    checkpoint = options.out / Checkpoint.DIR_NAME / (Checkpoint.FILE_FORMAT % epochs)
    print(f"written: {options.out / FIGURE}, {checkpoint}")


def main(argv: list[str] | None = None) -> int:
    try:
        options = arguments(argv)
        chosen = contextlib.nullcontext() if options.device == "auto" else cuobjax.device(options.device)
        # Matrices of this size gain nothing from a second thread, and lose much where other programs are running.
        with chosen, threadpool_limits(1, "blas"):
            run(options)
    except (Failure, OSError, DamagedFileError, cuobjax.DeviceError) as error:
        print(f"digits: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digits: interrupted; --resume continues after the last whole epoch", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
