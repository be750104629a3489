"""Two layers learn to read handwritten digits: `python -m examples.mlp`.

A network, a loss, gradients, an optimizer and a loop, and nothing else. `examples.digits` is the same with
convolutions, checkpoints and all that a longer run needs.
"""

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import plot
from cuobjax.data import Loader, progress
from cuobjax.functional import relu
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.nn import Linear, Sequential
from examples.digits import images_and_labels
from examples.shared import example


@example(steps=(2000, "batches to learn from"), batch=(64, "images in each"), lr=(0.003, "learning rate of Adam"))
def main(options):
    images, test_images, labels, test_labels = (x.reshape(len(x), -1).squeeze() for x in images_and_labels())
    net = Sequential([Linear(64, 64), relu, Linear(64, 10)])

    def loss(x, y):
        return cross_entropy_logits_sparse(net(x), y).mean()

    gradients = cuobjax.GradValues(loss, net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(x, y):
        g, v = gradients(x, y)
        optimizer(options.lr, g)
        return v[0]

    print(net.vars())
    losses = []
    batches = progress(Loader((images, labels), options.batch, shuffle=True).steps(options.steps), "training")
    for x, y in batches:
        losses.append(step(x, y))
        batches.show(loss=losses[-1])

    right = np.mean(np.asarray(jn.argmax(net(test_images), axis=1)) == test_labels)
    print(f"test accuracy {right:.2%} of {len(test_labels)} images")
    return plot.curves({"training": losses}, "cross-entropy [nat]")


if __name__ == "__main__":
    main()
