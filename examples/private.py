"""Handwritten digits, learned so that little is given away of each image: `python -m examples.private`.

The gradient of each image is clipped and noise is added to their sum, so that what is learned hardly depends on any one
of them. How much it does at most is the epsilon that is printed: leaving an image out changes the probability of
whatever is seen of the training by a factor of exp(epsilon) at most, but for a probability of delta. With real secrets
the seed has to be one, too.

Source: Abadi et al. 2016, Deep Learning with Differential Privacy, Algorithm 1; Mironov 2017, Renyi Differential
Privacy.
"""

import sys

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import plot
from cuobjax.data import progress
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.nn import MLP
from cuobjax.privacy import dpsgd
from examples.digits import images_and_labels
from examples.shared import example

DELTA = 1e-4  # less than 1 / images


@example(
    steps=(300, "batches to learn from"),
    batch=(128, "images in each, as expected"),
    noise=(2.0, "its standard deviation over the clipped norm"),
    clip=(1.0, "the largest norm of the gradient of an image"),
    lr=(0.01, "learning rate of Adam"),
)
def main(options):
    images, test_images, labels, test_labels = images_and_labels()
    images, test_images = images.reshape(-1, 64), test_images.reshape(-1, 64)
    x, y = jn.array(images), jn.array(labels)
    if options.batch > len(images):
        sys.exit(f"private: expected --batch up to {len(images)}, the number of images, got {options.batch}")
    net, part = MLP([64, 64, 10]), options.batch / len(images)

    def loss(x, y, mask):
        return (mask * cross_entropy_logits_sparse(net(x), y)).mean()

    gradients = dpsgd.PrivateGradValues(
        loss, net.vars(), options.noise, options.clip, microbatch=1, batch_axis=(0, 0, 0), batch_size=options.batch
    )
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(places, mask):
        g, _ = gradients(x[places], y[places], mask)
        optimizer(options.lr, g)

    def accuracy():
        return float(np.mean(np.asarray(jn.argmax(net(test_images), axis=1)) == test_labels))

    most = int(options.batch + 6 * options.batch**0.5)  # batches are random parts of the images; that many fit in
    batches = dpsgd.poisson_batches(len(images), part, size=most)
    spent, reached = [], []
    steps = progress(range(options.steps), "training")
    for i in steps:
        step(*next(batches))
        if i + 1 == options.steps or (i + 1) % 20 == 0:
            spent.append(dpsgd.analyze_dp(part, options.noise, i + 1, delta=DELTA))
            reached.append(accuracy())
            steps.show(epsilon=spent[-1], accuracy=reached[-1])
    print(f"test accuracy {reached[-1]:.2%}, epsilon {spent[-1]:.4f} with delta {DELTA} after {options.steps} steps")
    return plot.curves({"test accuracy": (spent, reached)}, "test accuracy", "epsilon, what is given away")


if __name__ == "__main__":
    main()
