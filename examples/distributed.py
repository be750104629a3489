"""Trains the classifier of `examples.digits` on all devices of all processes: the same program for one and for many.

    python -m examples.distributed                 # one process
    mpirun -n 4 python -m examples.distributed     # four processes on this machine
    sbatch examples/distributed.slurm              # several hosts

It goes on from the newest checkpoint in its folder, on whatever number of processes that was written.
"""

import argparse
import sys

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import distributed
from cuobjax.data import Loader, progress
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.functional.parallel import pmean
from cuobjax.io import Checkpoint
from examples.digits import Classifier, images_and_labels, predict
from examples.shared import require_positive


def trainer(model: Classifier, lr: float):
    """The function that trains on one batch, of which every device gets its share, and all variables that change."""

    def loss(x, y):
        return cross_entropy_logits_sparse(model(x, training=True), y).mean()

    gradients = cuobjax.GradValues(loss, model.vars())
    optimizer = cuobjax.optimizer.Adam(model.vars())

    @cuobjax.Parallel
    @cuobjax.Jit
    def step(x, y):
        g, v = gradients(x, y)
        optimizer(lr, pmean(g))
        return pmean(v[0])[None]

    return step, model.vars() + optimizer.vars().subset(is_not=cuobjax.TrainRef)


def accuracy(model: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that are recognized; every process looks at some of them."""
    own = slice(distributed.rank(), None, distributed.size())
    right = int(np.sum(predict(model, images[own]) == labels[own]))
    return sum(distributed.gather(right)) / len(labels)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.distributed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10, help="train up to this epoch (default: 10)")
    parser.add_argument("--batch", type=int, default=120, help="images per step, of all devices (default: 120)")
    parser.add_argument("--lr", type=float, default=0.002, help="learning rate of Adam (default: 0.002)")
    parser.add_argument("--out", default="results/distributed", help="folder of the checkpoints (default: %(default)s)")
    options = parser.parse_args(argv)
    require_positive(parser, options)

    distributed.initialize()
    images, test_images, labels, test_labels = images_and_labels()
    model = Classifier()
    step, variables = trainer(model, options.lr)
    loader = Loader((images, labels), batch=options.batch, shuffle=True, drop_last=True, sharded=True)
    variables += loader.vars()
    checkpoint = Checkpoint(options.out, keep_ckpts=1)
    checkpoint.restore(variables)  # all processes begin with the values of the first one
    for epoch in range(int(loader.epoch.value), options.epochs):
        losses = [step(x, y)[0] for x, y in progress(loader, f"epoch {epoch + 1}")]
        checkpoint.save(variables, epoch + 1)
        found = accuracy(model, test_images, test_labels)
        if distributed.is_main():
            print(
                f"epoch {epoch + 1}: loss {float(jn.stack(losses).mean()):.4f}, test accuracy {found:.2%}", flush=True
            )


if __name__ == "__main__":
    sys.exit(main())
