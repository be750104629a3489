"""Handwritten digits, learned without giving away a single image: `python -m examples.private`.

Gradients of single images are clipped and noise is added to their sum, so that what is learned hardly depends on any
one of them. How much it does at most, is the epsilon that is printed: for whoever sees all steps, an image that was
left out changes the odds of anything by a factor of exp(epsilon), except with probability delta.

Source: Abadi et al. 2016, Deep Learning with Differential Privacy, Algorithm 1; Mironov 2017, Renyi Differential
Privacy.
"""

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
    steps=(400, "batches to learn from"),
    batch=(128, "images in each, as expected"),
    noise=(1.5, "its standard deviation over the clipped norm"),
    clip=(1.0, "the largest norm of the gradient of an image"),
    lr=(0.01, "learning rate of Adam"),
)
def main(options):
    images, test_images, labels, test_labels = map(jn.array, images_and_labels())
    images, test_images = images.reshape(-1, 64), test_images.reshape(-1, 64)
    net, part = MLP([64, 64, 10]), options.batch / len(images)

    def loss(x, y, mask):
        return (mask * cross_entropy_logits_sparse(net(x), y)).mean()

    gradients = dpsgd.PrivateGradValues(
        loss, net.vars(), options.noise, options.clip, microbatch=1, batch_axis=(0, 0, 0), batch_size=options.batch
    )
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(places, mask):
        g, _ = gradients(images[places], labels[places], mask)
        optimizer(options.lr, g)
