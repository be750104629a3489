"""MNIST or CIFAR-10 from files that you have: `python -m examples.image_files --folder data/mnist`.

The folder has the files as they are published: MNIST's four in the IDX format, packed by gzip or not (those of
Fashion-MNIST, KMNIST and others have the same names), or CIFAR-10's six batches, the version for Python or the binary
one.

Sources: LeCun, Cortes & Burges, The MNIST database of handwritten digits; Krizhevsky 2009, Learning Multiple Layers of
Features from Tiny Images.
"""

import gzip
import pickle
import sys
from pathlib import Path

import numpy as np

import cuobjax
from cuobjax import plot
from cuobjax.data import Loader, flip, progress, random_crop
from cuobjax.functional import global_average_pool, max_pool_2d
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.metrics import ConfusionMatrix
from cuobjax.nn import Linear, Sequential
from cuobjax.optimizer.scheduler import CosineAnnealing
from examples.digits import block
from examples.shared import example


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def idx(data: bytes) -> np.ndarray:
    """Bytes in the IDX format as an array: two zeros, a code of the dtype, the rank, the shape, the elements."""
    if data[:3] != b"\0\0\x08":
        raise ValueError("expected an IDX file of bytes, which begins with 0, 0, 8")
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


class Arrays(pickle.Unpickler):
    """Reads pickled arrays and refuses all else: a pickle may run any code."""

    def find_class(self, module, name):
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if (module, name) in {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")}:
            return np.empty(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"expected arrays alone, got {module}.{name}")


def mnist(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    files = [next(folder.glob(f"{part}-{kind}*")) for kind in ("images", "labels")]
    images, labels = (idx(content(file)) for file in files)
    return images[:, None], labels


def cifar(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    files = sorted(folder.glob("data_batch_*" if part == "train" else "test_batch*"))
    if files[0].suffix == ".bin":
        rows = np.concatenate([np.frombuffer(content(file), np.uint8).reshape(-1, 1 + 3 * 32 * 32) for file in files])
        images, labels = rows[:, 1:], rows[:, 0]
    else:
        batches = []
        for file in files:
            with file.open("rb") as opened:
                batches.append(Arrays(opened, encoding="bytes").load())
        images = np.concatenate([batch[b"data"] for batch in batches])
        labels = np.concatenate([batch[b"labels"] for batch in batches])
    return images.reshape(-1, 3, 32, 32), labels


def read(folder: Path):
    """Training images (N, C, H, W) and labels (N,), and those for testing; bytes."""
    if any(folder.glob("train-images*")):
        return *mnist(folder, "train"), *mnist(folder, "t10k"), False
    if any(folder.glob("data_batch_*")):
        return *cifar(folder, "train"), *cifar(folder, "test"), True
    sys.exit(f"image_files: {folder}: expected files train-images-idx3-ubyte (.gz) and others, or data_batch_1 (.bin)")


def network(channels: int) -> Sequential:
    """Images (N, channels, H, W) to logits (N, 10)."""
    layers = [*block(channels, 16), max_pool_2d, *block(16, 32), max_pool_2d, *block(32, 64), global_average_pool]
    return Sequential([*layers, Linear(64, 10)])


@example(
    folder=("data", "where the files are"),
    steps=(300, "batches to learn from"),
    batch=(64, "images in each"),
    lr=(0.004, "largest learning rate of Adam"),
)
def main(options):
    images, labels, test_images, test_labels, photographs = read(Path(options.folder))
    print(f"{len(images)} images {images.shape[1:]} to learn from, {len(test_images)} others")
    net = network(images.shape[1])

    def changed(batch, generator):
        x, y = batch
        x = flip(x, generator=generator) if photographs else x
        return random_crop(x, padding=x.shape[-1] // 8, generator=generator), y

    def loss(x, y):
        return cross_entropy_logits_sparse(net(x / 255, training=True), y).mean()

    gradients = cuobjax.GradValues(loss, net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())
    schedule = CosineAnnealing(options.steps, base_lr=options.lr)
    confusion = ConfusionMatrix(10)

    @cuobjax.Jit
    def step(x, y, lr):
        g, v = gradients(x, y)
        optimizer(lr, g)
        return v[0]

    @cuobjax.Jit
    def evaluate(x, y):
        confusion.update(net(x / 255, training=False), y)

    loader = Loader((images, labels), options.batch, shuffle=True, transform=changed, workers=1)
    batches = progress(loader.steps(options.steps), "training")
    for i, (x, y) in enumerate(batches):
        batches.show(loss=step(x, y, schedule(i)))
    for x, y in progress(Loader((test_images, test_labels), 500), "testing"):
        evaluate(x, y)
    counts = np.asarray(confusion.value)
    print(f"test accuracy {counts.trace() / counts.sum():.2%}")
    return plot.confusion(confusion)


if __name__ == "__main__":
    main()
